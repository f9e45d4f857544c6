"""Questions of Architectures: sizes and counts of layers, averages, normalisation, and modules that branch."""

import numpy as np

from coursekit.core.question import Case, Question
from coursekit.questions import _edges

NOTEBOOK = "Architectures"
COUNTS = "cs231n.architectures"
LAYERS = "cs231n.spatial_layers"
NETS = "cs231n.classifiers.architecture_nets"

_ONE_PLACE = "the last maps of a network can be as small as 1 x 1; np.squeeze, for example, would remove these axes"


def _as_float32(inputs):
    return {name: v.astype(np.float32) if getattr(v, "dtype", None) == np.float64 else v for name, v in inputs.items()}


# ---- sizes and counts


def _run_sizes(windows, round_up):
    from cs231n.architectures import output_size

    return {"positions": np.array([output_size(*map(int, window), round_up=bool(round_up)) for window in windows])}


def _sizes_case(name, round_up, make):
    def inputs(rng):
        return {"windows": np.array([make(rng) for _ in range(20)]), "round_up": round_up}

    return Case(name, inputs, _run_sizes)


def _window(rng, remainder):
    """(size, field, stride, pad) so that the last window leaves over what `remainder` makes of the stride."""
    field, stride, pad, positions = rng.randint(3, 8), rng.randint(3, 6), rng.randint(1, 3), rng.randint(4, 20)
    return (positions - 1) * stride + field - 2 * pad + remainder(stride), field, stride, pad


def _window_beyond(rng):
    """A window of which one more, half empty, would begin right behind the last entry, in the padding."""
    field, stride, positions = rng.randint(2, 4), rng.randint(3, 6), rng.randint(3, 9)
    return positions * stride - 1, field, stride, 1


output_size = Question(
    id="output_size",
    title="The number of positions of a window",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=2,
    importance=5,
    hints=(
        "Slide a window over a row of squares on paper. How far can its first entry move, and how many steps of the "
        "stride are in that?",
        "The room is size + 2 pad - field; whole steps are counted with //. Rounding up adds one position if "
        "something is left over, unless that window would start behind the last true entry.",
    ),
    implements=(f"{COUNTS}:output_size",),
    cases=(
        _sizes_case("windows that fit exactly", False, lambda rng: _window(rng, lambda stride: 0)),
        _sizes_case("entries left over", False, lambda rng: _window(rng, lambda stride: rng.randint(1, stride))),
        _sizes_case("entries left over, rounded up", True, lambda rng: _window(rng, lambda s: rng.randint(1, s))),
        _sizes_case("windows that fit exactly, rounded up", True, lambda rng: _window(rng, lambda stride: 0)),
        _sizes_case("a last window in the padding", True, _window_beyond),
    ),
)


def _run_field(stacks):
    from cs231n.architectures import receptive_field

    return {"sees": np.array([receptive_field([tuple(map(int, window)) for window in stack]) for stack in stacks])}


def _stacks(rng, layers, strides):
    """Twelve stacks of layers, with (field, stride) for each."""
    return {"stacks": np.array([[(rng.randint(2, 8), rng.choice(strides)) for _ in range(layers)] for _ in range(12)])}


receptive_field = Question(
    id="receptive_field",
    title="What an entry of the output sees",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=3,
    importance=4,
    hints=(
        "Two numbers change from layer to layer: how much one entry sees, and how far apart two neighbours are in the "
        "input.",
        "A window of `field` neighbours sees field - 1 such distances more than one of them. The layer's own stride "
        "acts on the layers after it only.",
    ),
    implements=(f"{COUNTS}:receptive_field",),
    cases=(
        Case("three layers of stride 1", lambda rng: _stacks(rng, 3, [1]), _run_field),
        Case("convolutions and pooling", lambda rng: _stacks(rng, 4, [1, 2, 4]), _run_field),
        Case("strides of 2 and 3", lambda rng: _stacks(rng, 5, [2, 3]), _run_field),
        Case("one layer", lambda rng: _stacks(rng, 1, [2, 3]), _run_field),
        Case("ten layers", lambda rng: _stacks(rng, 10, [1, 2]), _run_field),
    ),
)


def _run_costs(shapes, layers, bias):
    from cs231n.architectures import Conv

    counts = [
        (layer.weights(shape), layer.params(shape), layer.multiplications(shape))
        for shape, layer in zip(
            (tuple(map(int, shape)) for shape in shapes),
            (Conv(*map(int, layer), bias=bool(bias)) for layer in layers),
            strict=True,
        )
    ]
    return dict(zip(("weights", "params", "multiplications"), np.array(counts).T, strict=True))


def _costs_case(name, stride=(1, 2), groups=(1,), bias=True, sizes=(3, 5, 7)):
    """Eight layers, with (filters, size, stride, pad, groups) for each, and the shapes (C, H, W) of their inputs."""

    def inputs(rng):
        shapes, layers = [], []
        for _ in range(8):
            number, size = int(rng.choice(groups)), int(rng.choice(sizes))
            shapes.append((number * rng.randint(2, 7), rng.randint(8, 20), rng.randint(21, 33)))
            layers.append((number * rng.randint(8, 15), size, rng.choice(stride), size // 2, number))
        return {"shapes": np.array(shapes), "layers": np.array(layers), "bias": bias}

    return Case(name, inputs, _run_costs)


conv_costs = Question(
    id="conv_costs",
    title="What a convolution costs",
    notebook=NOTEBOOK,
    points=3,
    minutes=20,
    difficulty=2,
    importance=4,
    hints=(
        "One filter first: how many numbers does it have, and how often is each of them used for one image?",
        "A filter sees C / groups channels of size x size. It has one bias, if any, and is placed once for each row "
        "and column of the output. Adding the bias is no multiplication.",
    ),
    implements=(f"{COUNTS}:Conv.weights", f"{COUNTS}:Conv.params", f"{COUNTS}:Conv.multiplications"),
    builds_on=("output_size",),
    cases=(
        _costs_case("stride 1", (1,)),
        _costs_case("stride 2", (2,)),
        _costs_case("no biases", bias=False),
        _costs_case("two or three groups", groups=(2, 3)),
        _costs_case("filters of 1 x 1", sizes=(1,)),
    ),
)


# ---- averages


def _pool_inputs(rng, shape, height, width, stride):
    return {"x": 1 + rng.randn(*shape), "pool_height": height, "pool_width": width, "stride": stride}


def _maps_sizes(x, **_):
    return dict(zip(("N", "C", "H", "W"), x.shape, strict=True))


def _run_avg_forward(x, **pool_param):
    from cs231n.spatial_layers import avg_pool_forward

    out, _ = avg_pool_forward(x, pool_param)
    return {"out": out}


def _run_avg_backward(x, dout, **pool_param):
    from cs231n.spatial_layers import avg_pool_backward, avg_pool_forward

    _, cache = avg_pool_forward(x, pool_param)
    return {"dx": avg_pool_backward(dout, cache)}


def _with_pool_dout(rng, inputs):
    x, stride = inputs["x"], inputs["stride"]
    rows, columns = (
        1 + (n - inputs[f"pool_{axis}"]) // stride for n, axis in zip(x.shape[2:], ("height", "width"), strict=True)
    )
    return inputs | {"dout": (0.5 + rng.randn(*x.shape[:2], rows, columns)).astype(x.dtype)}


def _avg_cases(run, finish=lambda rng, inputs: inputs):
    def case(name, shape, height, width, stride, tolerance=1e-8, convert=dict, edge=""):
        def inputs(rng):
            return finish(rng, convert(_pool_inputs(rng, shape, height, width, stride)))

        return Case(name, inputs, run, _maps_sizes, tolerance, edge=edge)

    return (
        case("windows of 2 x 3, stride 2", (2, 3, 4, 7), 2, 3, 2),
        case("overlapping windows of 3 x 3, stride 2", (3, 2, 5, 7), 3, 3, 2),
        case("overlapping windows of 3 x 2, stride 1", (2, 4, 5, 3), 3, 2, 1),
        case("gaps between windows of 2 x 2, stride 3", (3, 2, 8, 5), 2, 2, 3),
        case("float32", (2, 3, 6, 4), 2, 2, 2, 1e-4, _as_float32),
        case("rows and columns left over", (2, 3, 6, 5), 3, 2, 2, edge=_edges.UNEVEN_WINDOWS),
        case("one image", (1, 3, 4, 6), 2, 2, 2, edge=_edges.ONE_INPUT),
    )


avg_pool_forward = Question(
    id="avg_pool_forward",
    title="Average pooling: forward pass",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=2,
    importance=3,
    hints=(
        "It is max pooling with another word in the middle. Loop over positions, or, as the helper does, over the "
        "entries of a window.",
        "_window_entries gives, for each entry of a window, the rows and columns where it lies in all windows at once: "
        "add up x at these places, and divide by the number of entries.",
    ),
    implements=(f"{LAYERS}:avg_pool_forward",),
    cases=_avg_cases(_run_avg_forward),
)

avg_pool_backward = Question(
    id="avg_pool_backward",
    title="Average pooling: backward pass",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=2,
    importance=3,
    hints=(
        "Each entry of a window had the same say in the mean. What is its share of the gradient, and what if it lies "
        "in several windows?",
        "Divide dout by the number of entries of a window, and add it to dx at the places of each entry.",
    ),
    implements=(f"{LAYERS}:avg_pool_backward",),
    builds_on=("avg_pool_forward",),
    cases=_avg_cases(_run_avg_backward, _with_pool_dout),
)


def _run_global(x, dout):
    from cs231n.spatial_layers import global_avg_pool_backward, global_avg_pool_forward

    out, cache = global_avg_pool_forward(x)
    return {"out": out, "dx": global_avg_pool_backward(dout, cache)}


def _global_case(name, shape, tolerance=1e-8, convert=dict, edge=""):
    def inputs(rng):
        return convert({"x": 1 + rng.randn(*shape), "dout": 0.5 + rng.randn(*shape[:2])})

    return Case(name, inputs, _run_global, _maps_sizes, tolerance, edge=edge)


global_avg_pool = Question(
    id="global_avg_pool",
    title="Global average pooling, forward and backward",
    notebook=NOTEBOOK,
    points=2,
    minutes=10,
    difficulty=1,
    importance=4,
    hints=(
        "The window is as large as the map, so each map becomes one number, and its axes are gone.",
        "Take the mean over the last two axes. On the way back, each of the H * W entries gets the same share; "
        "np.newaxis gives dout its two axes back.",
    ),
    implements=(f"{LAYERS}:global_avg_pool_forward", f"{LAYERS}:global_avg_pool_backward"),
    cases=(
        _global_case("maps of 4 x 6", (2, 3, 4, 6)),
        _global_case("as many channels as images", (4, 4, 3, 5)),
        _global_case("float32", (3, 2, 5, 4), 1e-4, _as_float32),
        _global_case("one image", (1, 3, 4, 2), edge=_edges.ONE_INPUT),
        _global_case("maps of 1 x 1", (2, 3, 1, 1), edge=_ONE_PLACE),
    ),
)


# ---- normalisation of neighbouring channels


def _lrn_inputs(rng, shape, **lrn_param):
    """Values of several scales, so that the sums of squares matter beside k."""
    return {"x": rng.randn(*shape) * rng.uniform(0.5, 3, size=(1, shape[1], 1, 1)), **lrn_param}


def _run_lrn_forward(x, **lrn_param):
    from cs231n.spatial_layers import local_response_norm_forward

    out, _ = local_response_norm_forward(x, lrn_param)
    return {"out": out}


def _run_lrn_backward(x, dout, **lrn_param):
    from cs231n.spatial_layers import local_response_norm_backward, local_response_norm_forward

    _, cache = local_response_norm_forward(x, lrn_param)
    return {"dx": local_response_norm_backward(dout, cache)}


def _with_lrn_dout(rng, inputs):
    return inputs | {"dout": (0.5 + rng.randn(*inputs["x"].shape)).astype(inputs["x"].dtype)}


def _lrn_cases(run, finish=lambda rng, inputs: inputs):
    def case(name, shape, tolerance=1e-8, convert=dict, edge="", **lrn_param):
        def inputs(rng):
            return finish(rng, convert(_lrn_inputs(rng, shape, **lrn_param)))

        return Case(name, inputs, run, _maps_sizes, tolerance, edge=edge)

    return (
        case("three channels around each", (2, 6, 3, 4), size=3, alpha=0.3, beta=0.7, k=1.5),
        case("five channels around each", (3, 8, 2, 3), size=5, alpha=0.2, beta=0.4, k=0.8),
        case("an even size", (2, 7, 3, 2), size=4, alpha=0.3, beta=0.6, k=1.2),
        case("more neighbours than channels", (3, 2, 4, 3), size=5, alpha=0.4, beta=0.5, k=2.0),
        case("float32", (2, 5, 3, 4), 1e-4, _as_float32, size=3, alpha=0.3, beta=0.75, k=1.0),
        case("one image", (1, 4, 3, 2), edge=_edges.ONE_INPUT, size=3, alpha=0.3, beta=0.7, k=1.5),
    )


local_response_norm_forward = Question(
    id="local_response_norm_forward",
    title="Local response normalisation: forward pass",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=2,
    importance=2,
    hints=(
        "The neighbours of an entry are in other channels, at the same row and column.",
        "_sum_over_channels adds up the channels around each: use it on the squares of x, with size // 2 before and "
        "(size - 1) // 2 after. Then the base is k + alpha times that sum, and beta its exponent.",
    ),
    implements=(f"{LAYERS}:local_response_norm_forward",),
    cases=_lrn_cases(_run_lrn_forward),
)

local_response_norm_backward = Question(
    id="local_response_norm_backward",
    title="Local response normalisation: backward pass",
    notebook=NOTEBOOK,
    points=4,
    minutes=35,
    difficulty=4,
    importance=2,
    hints=(
        "An entry acts in two ways: in its own numerator, and in the scale of every channel that has it among its "
        "neighbours.",
        "First find the gradient of the scale, -beta * dout * x * scale^(-beta - 1). Channel c is in the sums of the "
        "channels from c - (size - 1) // 2 to c + size // 2: the two sides change places.",
    ),
    implements=(f"{LAYERS}:local_response_norm_backward",),
    builds_on=("local_response_norm_forward",),
    cases=_lrn_cases(_run_lrn_backward, _with_lrn_dout),
)


# ---- modules that branch


def _waves(shape):
    """A gradient for an output of any shape."""
    return 0.3 + np.cos(np.arange(np.prod(shape))).reshape(shape)


def _through_graph(module, x, p, *settings):
    """The output of a module on arrays, and the gradients of x and of its parameters."""
    from cs231n.graph import Graph

    graph = Graph()
    nodes = {name: graph.variable(value) for name, value in {"x": x, **p}.items()}
    out = module(nodes["x"], {name: nodes[name] for name in p}, *settings)
    grads = graph.gradients(out, nodes, _waves(np.shape(out.value)).astype(x.dtype))
    return {"out": np.array(out.value)} | {f"d{name}": grad for name, grad in grads.items()}


def _filters(rng, F, C, size):
    return rng.randn(F, C, size, size) * (2 / (C * size**2)) ** 0.5


def _biased(rng, name, F, C, size):
    return {f"{name}_W": _filters(rng, F, C, size), f"{name}_b": rng.uniform(-0.3, 0.3, size=F)}


def _inception_inputs(rng, shape, reduce=(), tied=False):
    C = shape[1]
    one, three, five, pool, few = (4, 4, 4, 4, 4) if tied else (2, 4, 3, 5, 2)
    inputs = {"x": rng.randn(*shape), **_biased(rng, "one", one, C, 1)}
    for name, F, size in (("three", three, 3), ("five", five, 5)):
        before = f"{name}_reduce"
        if before in reduce:
            inputs |= _biased(rng, before, few, C, 1)
        inputs |= _biased(rng, name, F, few if before in reduce else C, size)
    return inputs | (_biased(rng, "pool", pool, C, 1) if "pool" in reduce else {})


def _run_inception(x, **p):
    from cs231n.classifiers.architecture_nets import inception_module

    return _through_graph(inception_module, x, p)


REDUCTIONS = ("three_reduce", "five_reduce", "pool")


def _inception_case(name, shape, reduce, tolerance=1e-8, convert=dict, edge="", **options):
    def inputs(rng):
        return convert(_inception_inputs(rng, shape, reduce, **options))

    return Case(name, inputs, _run_inception, _maps_sizes, tolerance, edge=edge)


inception_module = Question(
    id="inception_module",
    title="The inception module",
    notebook=NOTEBOOK,
    points=3,
    minutes=25,
    difficulty=3,
    importance=3,
    hints=(
        "Only the forward pass is written; the graph finds the way back. All four branches start from the same x, and "
        "concatenate joins what they end with.",
        "Each branch is one call of conv_relu, or of max_pool_same, around what stands before it. Whether a reduction "
        'is there, the dict tells: "three_reduce_W" in p.',
    ),
    implements=(f"{NETS}:inception_module",),
    builds_on=("relu_forward", "relu_backward"),
    cases=(
        _inception_case("without reduction", (2, 3, 5, 6), ()),
        _inception_case("with reduction", (2, 6, 4, 5), REDUCTIONS),
        _inception_case("all branches alike", (2, 4, 5, 4), REDUCTIONS, tied=True),
        _inception_case("reduction before 3 x 3 alone", (3, 5, 4, 3), ("three_reduce",)),
        _inception_case("float32", (2, 5, 4, 4), REDUCTIONS, 1e-3, _as_float32),
        _inception_case("one image", (1, 4, 5, 3), REDUCTIONS, edge=_edges.ONE_INPUT),
    ),
)


def _normalised(rng, name, F, C, size):
    return {
        f"{name}_W": _filters(rng, F, C, size),
        f"{name}_gamma": rng.uniform(0.5, 1.5, size=F),
        f"{name}_beta": rng.uniform(-0.5, 0.5, size=F),
    }


def _residual_inputs(rng, shape, F=None, stride=1, mode="train"):
    C = shape[1]
    inputs = {"x": rng.randn(*shape), "stride": stride, "mode": mode}
    inputs |= _normalised(rng, "first", F or C, C, 3) | _normalised(rng, "second", F or C, F or C, 3)
    if F is not None:
        inputs |= _normalised(rng, "shortcut", F, C, 1)
    return inputs


def _run_residual(x, stride, mode, **p):
    from cs231n.classifiers.architecture_nets import residual_block

    def bn_params():
        channels = {name: len(p[f"{name}_gamma"]) for name in ("first", "second", "shortcut") if f"{name}_gamma" in p}
        return {
            name: {"mode": mode, "running_mean": np.full(F, 0.2, x.dtype), "running_var": np.full(F, 1.7, x.dtype)}
            for name, F in channels.items()
        }

    if mode == "test":
        return {"out": np.array(residual_block(x, p, bn_params(), stride))}
    return _through_graph(residual_block, x, p, bn_params(), stride)


def _residual_case(name, shape, tolerance=1e-8, convert=dict, edge="", **options):
    def inputs(rng):
        return convert(_residual_inputs(rng, shape, **options))

    return Case(name, inputs, _run_residual, _maps_sizes, tolerance, edge=edge)


residual_block = Question(
    id="residual_block",
    title="The residual block",
    notebook=NOTEBOOK,
    points=3,
    minutes=25,
    difficulty=3,
    importance=5,
    hints=(
        "Write the two convolutions one after the other first; then ask what must be added, and where the last ReLU "
        "belongs.",
        "The sum is taken before the last ReLU, with `add` from the graph. Where p has a shortcut, x goes through it, "
        "with the same stride as the first convolution; otherwise x is added as it is.",
    ),
    implements=(f"{NETS}:residual_block",),
    builds_on=("spatial_batchnorm_forward", "spatial_batchnorm_backward", "relu_forward", "relu_backward"),
    cases=(
        _residual_case("the input as it is", (3, 4, 5, 6)),
        _residual_case("more filters, with a shortcut", (2, 3, 6, 5), F=5),
        _residual_case("stride 2, with a shortcut", (3, 4, 6, 8), F=6, stride=2),
        _residual_case("test mode", (2, 4, 5, 4), mode="test"),
        _residual_case("float32", (4, 3, 5, 5), 1e-3, _as_float32),
        _residual_case("one image", (1, 3, 5, 6), edge=_edges.ONE_INPUT),
    ),
)

QUESTIONS = (
    output_size,
    receptive_field,
    conv_costs,
    avg_pool_forward,
    avg_pool_backward,
    global_avg_pool,
    local_response_norm_forward,
    local_response_norm_backward,
    inception_module,
    residual_block,
)
