"""Questions of ConvolutionalNetworks: convolution and max pooling with loops, then a network of fast layers."""

import numpy as np

from coursekit.core.question import Case, Figure, Question, holds
from coursekit.questions import _edges, _nets
from coursekit.questions._caches import own_cache

NOTEBOOK = "ConvolutionalNetworks"
LAYERS = "cs231n.layers"
NET = "cs231n.classifiers.cnn:ThreeLayerConvNet"
PARAMS = ("W1", "b1", "W2", "b2", "W3", "b3")


# ---- convolution


def _conv_inputs(rng, x_shape, w_shape, stride, pad, dtype=np.float64):
    return {
        "x": (1 + rng.randn(*x_shape)).astype(dtype),
        "w": (0.5 + rng.randn(*w_shape)).astype(dtype),
        "b": (3 + rng.randn(w_shape[0])).astype(dtype),  # far from 0: a missing bias shows
        "stride": stride,
        "pad": pad,
    }


def _uneven_conv_inputs(rng):
    """Images, channels and biases of very different scale."""
    inputs = _conv_inputs(rng, (3, 2, 4, 3), (2, 2, 2, 3), 1, 1)
    x = inputs["x"] * np.array([1e-2, 1.0, 1e2]).reshape(3, 1, 1, 1) * np.array([1.0, 5.0]).reshape(2, 1, 1)
    return inputs | {"x": x, "b": inputs["b"] * np.array([1.0, -4.0])}


def _uint8_conv_inputs(rng):
    inputs = _conv_inputs(rng, (1, 3, 4, 5), (2, 3, 3, 3), 1, 1)
    return inputs | {"x": rng.randint(100, 256, size=(1, 3, 4, 5)).astype(np.uint8)}


def _conv_sizes(x, w, **_):
    return {"N": x.shape[0], "C": x.shape[1], "F": w.shape[0]}


def _conv_out_shape(x, w, b, stride, pad):
    positions = (1 + (x.shape[axis] + 2 * pad - w.shape[axis]) // stride for axis in (2, 3))
    return (len(x), len(w), *positions)


def _with_conv_dout(rng, inputs):
    return inputs | {"dout": (0.5 + rng.randn(*_conv_out_shape(**inputs))).astype(inputs["x"].dtype)}


def _run_conv_forward(x, w, b, stride, pad):
    from cs231n.layers import conv_forward_naive

    out, _ = conv_forward_naive(x, w, b, {"stride": stride, "pad": pad})
    return {"out": out}


def _run_conv_backward(x, w, b, stride, pad, dout):
    from cs231n.layers import conv_backward_naive, conv_forward_naive

    arguments = x, w, b, {"stride": stride, "pad": pad}
    dx, dw, db = conv_backward_naive(dout, own_cache(conv_forward_naive, arguments, arguments))
    return {"dx": dx, "dw": dw, "db": db}


conv_forward_naive = Question(
    id="conv_forward_naive",
    title="Convolution: forward pass",
    notebook=NOTEBOOK,
    points=4,
    minutes=30,
    difficulty=3,
    importance=5,
    hints=(
        "Four loops: images, filters, rows and columns of the output. Each output value is one window of the "
        "padded x times one filter, summed.",
        "Pad the last two axes only. The window at (i, j) begins at i * stride and j * stride, spans HH and WW, "
        "and takes all channels. Add the filter's bias.",
    ),
    implements=(f"{LAYERS}:conv_forward_naive",),
    cases=(
        Case(
            "stride 2, pad 1",
            lambda rng: _conv_inputs(rng, (2, 3, 5, 7), (4, 3, 3, 3), 2, 1),
            _run_conv_forward,
            _conv_sizes,
        ),
        Case(
            "filters of 2 x 3, no padding",
            lambda rng: _conv_inputs(rng, (2, 2, 4, 5), (3, 2, 2, 3), 1, 0),
            _run_conv_forward,
            _conv_sizes,
        ),
        Case(
            "filters of 3 x 2, stride 3, pad 2",
            lambda rng: _conv_inputs(rng, (2, 1, 8, 7), (2, 1, 3, 2), 3, 2),
            _run_conv_forward,
            _conv_sizes,
        ),
        Case(
            "filters as large as the image",
            lambda rng: _conv_inputs(rng, (3, 2, 3, 4), (5, 2, 3, 4), 1, 0),
            _run_conv_forward,
            _conv_sizes,
        ),
        Case("images of different scale", _uneven_conv_inputs, _run_conv_forward, _conv_sizes),
        Case(
            "float32",
            lambda rng: _conv_inputs(rng, (2, 2, 4, 4), (3, 2, 3, 3), 1, 1, np.float32),
            _run_conv_forward,
            _conv_sizes,
            tolerance=1e-4,
        ),
        Case(
            "rows and columns left over",
            lambda rng: _conv_inputs(rng, (2, 1, 7, 5), (2, 1, 3, 2), 3, 2),
            _run_conv_forward,
            _conv_sizes,
            edge=_edges.UNEVEN_WINDOWS,
        ),
        Case("uint8 images", _uint8_conv_inputs, _run_conv_forward, _conv_sizes, edge=_edges.PIXELS),
    ),
)

conv_backward_naive = Question(
    id="conv_backward_naive",
    title="Convolution: backward pass",
    notebook=NOTEBOOK,
    points=5,
    minutes=40,
    difficulty=4,
    importance=4,
    hints=(
        "The same four loops. Each value of dout goes back to the window and to the filter that made it.",
        "Add dout's value times the filter to the window of a padded dx, and times the window to dw of that "
        "filter. At the end cut off the padding; it may be 0.",
    ),
    implements=(f"{LAYERS}:conv_backward_naive",),
    builds_on=("conv_forward_naive",),
    cases=(
        Case(
            "stride 1, pad 1",
            lambda rng: _with_conv_dout(rng, _conv_inputs(rng, (3, 2, 4, 5), (2, 2, 3, 3), 1, 1)),
            _run_conv_backward,
            _conv_sizes,
        ),
        Case(
            "filters of 2 x 3, no padding",
            lambda rng: _with_conv_dout(rng, _conv_inputs(rng, (3, 2, 4, 5), (3, 2, 2, 3), 1, 0)),
            _run_conv_backward,
            _conv_sizes,
        ),
        Case(
            "filters of 3 x 2, stride 2, pad 2",
            lambda rng: _with_conv_dout(rng, _conv_inputs(rng, (2, 1, 7, 4), (4, 1, 3, 2), 2, 2)),
            _run_conv_backward,
            _conv_sizes,
        ),
        Case(
            "as many filters as channels and images",  # arrays in the wrong order still fit
            lambda rng: _with_conv_dout(rng, _conv_inputs(rng, (2, 2, 4, 4), (2, 2, 3, 3), 1, 1)),
            _run_conv_backward,
            _conv_sizes,
        ),
        Case(
            "images of different scale",
            lambda rng: _with_conv_dout(rng, _uneven_conv_inputs(rng)),
            _run_conv_backward,
            _conv_sizes,
        ),
        Case(
            "float32",
            lambda rng: _with_conv_dout(rng, _conv_inputs(rng, (2, 2, 5, 3), (3, 2, 3, 1), 2, 1, np.float32)),
            _run_conv_backward,
            _conv_sizes,
            tolerance=1e-4,
        ),
        Case(
            "rows and columns left over",
            lambda rng: _with_conv_dout(rng, _conv_inputs(rng, (2, 1, 7, 5), (2, 1, 3, 2), 3, 2)),
            _run_conv_backward,
            _conv_sizes,
            edge=_edges.UNEVEN_WINDOWS,
        ),
    ),
)


# ---- max pooling


def _pool_inputs(rng, shape, height, width, stride, shift=0.0, dtype=np.float64):
    """Values that are all different, far enough apart for float32, in random order."""
    x = (rng.permutation(int(np.prod(shape))) + rng.uniform(0, 0.5)) / 7 + shift
    return {"x": x.reshape(shape).astype(dtype), "pool_height": height, "pool_width": width, "stride": stride}


def _uneven_pool_inputs(rng):
    inputs = _pool_inputs(rng, (2, 2, 4, 4), 2, 2, 2, shift=-4.0)
    return inputs | {"x": inputs["x"] * np.array([1e-3, 1e3]).reshape(2, 1, 1, 1) * np.array([1, -1]).reshape(2, 1, 1)}


def _tied_pool_inputs(rng):
    """Small integers, so that many windows have ties; the windows do not overlap, so each can be judged on its own."""
    return {
        "x": rng.randint(3, size=(2, 2, 4, 6)).astype(float),
        "pool_height": 2,
        "pool_width": 2,
        "stride": 2,
    }


def _pool_sizes(x, **_):
    return {"N": x.shape[0], "C": x.shape[1]}


def _with_pool_dout(rng, inputs):
    x, stride = inputs["x"], inputs["stride"]
    positions = (1 + (x.shape[axis] - inputs[key]) // stride for axis, key in ((2, "pool_height"), (3, "pool_width")))
    return inputs | {"dout": (0.5 + rng.randn(*x.shape[:2], *positions)).astype(x.dtype)}


def _run_pool_forward(x, **pool_param):
    from cs231n.layers import max_pool_forward_naive

    out, _ = max_pool_forward_naive(x, pool_param)
    return {"out": out}


def _run_pool_backward(x, dout, **pool_param):
    from cs231n.layers import max_pool_backward_naive, max_pool_forward_naive

    arguments = x, pool_param
    return {"dx": max_pool_backward_naive(dout, own_cache(max_pool_forward_naive, arguments, arguments))}


def _judge_ties(inputs, outputs):
    """Judge the values that are no maximum, the sum over each window, and which of several maxima gets dout."""
    x, dout, dx = inputs["x"], inputs["dout"], outputs["dx"]
    fits = isinstance(dx, np.ndarray) and dx.shape == x.shape and dx.dtype.kind == "f"
    findings = [
        holds(
            "dx has the shape of x",
            fits,
            f"expected a float array of shape {x.shape}, got {getattr(dx, 'shape', type(dx).__name__)}",
            mistake="dx must have the shape of x",
        )
    ]
    if not fits:
        return findings
    (N, C, H, W), height, width = x.shape, inputs["pool_height"], inputs["pool_width"]
    pieces = (N, C, H // height, height, W // width, width)
    windows, gradients = x.reshape(pieces), dx.reshape(pieces)
    largest = windows == windows.max(axis=(3, 5), keepdims=True)
    sums = gradients.sum(axis=(3, 5))
    worst = np.unravel_index(np.argmax(np.abs(sums - dout)), dout.shape)
    position = ", ".join(str(int(i)) for i in worst)
    return findings + [
        holds(
            "dx is 0 except at the largest values",
            not np.any(gradients[~largest]),
            f"{int(np.sum(gradients[~largest] != 0))} values that are not the largest have a nonzero gradient",
            mistake="only the largest value of a window receives a gradient",
        ),
        holds(
            "dx sums to dout in each window",
            bool(np.allclose(sums, dout)),
            f"window [{position}]: expected a sum of dout = {dout[worst]:.6g}, got {sums[worst]:.6g}",
            mistake=_why_sum(sums, dout, largest.sum(axis=(3, 5))),
        ),
        holds(
            "the first of several largest values gets all of dout",
            bool(np.allclose(gradients, _at_first(largest) * dout[:, :, :, np.newaxis, :, np.newaxis])),
            "in some windows another value gets it, or several values share it",
            mistake="of several values that tie, the first one in reading order gets all of dout: np.argmax finds it",
        ),
    ]


def _at_first(largest):
    """Of the entries that are True in each window, only the first in reading order; (N, C, H_out, h, W_out, w)."""
    windows = largest.transpose(0, 1, 2, 4, 3, 5)  # (N, C, H_out, W_out, h, w)
    flat = windows.reshape(*windows.shape[:4], -1)
    first = flat & (np.cumsum(flat, axis=-1) == 1)
    return first.reshape(windows.shape).transpose(0, 1, 2, 4, 3, 5)


def _why_sum(sums, dout, counts):
    if np.allclose(sums, dout * counts):
        return (
            "where several values are tied for the largest, each of them gets all of dout: give it to the first one "
            "(np.argmax finds it)"
        )
    return "the gradients within a window must sum to its dout"


def _pool_cases(run, with_dout, *further):
    """The cases of pooling, with `further` ones before the edge that both passes have."""

    def inputs(*args, **options):
        return lambda rng: with_dout(rng, _pool_inputs(rng, *args, **options))

    return (
        Case("windows of 2 x 2, stride 2", inputs((2, 3, 4, 6), 2, 2, 2), run, _pool_sizes),
        Case("overlapping windows of 3 x 3, stride 2", inputs((2, 2, 5, 7), 3, 3, 2), run, _pool_sizes),
        Case("windows of 2 x 3, stride 1", inputs((2, 3, 3, 5), 2, 3, 1), run, _pool_sizes),
        Case("windows of 3 x 2, stride 2", inputs((3, 2, 7, 6), 3, 2, 2), run, _pool_sizes),
        Case("negative values", inputs((3, 2, 2, 4), 2, 2, 2, shift=-30.0), run, _pool_sizes),
        Case("images of different scale", lambda rng: with_dout(rng, _uneven_pool_inputs(rng)), run, _pool_sizes),
        Case("float32", inputs((2, 1, 4, 4), 2, 2, 2, dtype=np.float32), run, _pool_sizes, tolerance=1e-5),
        *further,
        Case(
            "rows and columns left over",
            inputs((3, 2, 6, 5), 3, 2, 2),
            run,
            _pool_sizes,
            edge=_edges.UNEVEN_WINDOWS,
        ),
    )


max_pool_forward_naive = Question(
    id="max_pool_forward_naive",
    title="Max pooling: forward pass",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=2,
    importance=3,
    hints=(
        "Loop over the positions of the output; at each, find the largest value of the window, in every channel "
        "separately.",
        "A window begins at i * stride and j * stride and spans pool_height by pool_width. Take the maximum over "
        "its two last axes.",
    ),
    implements=(f"{LAYERS}:max_pool_forward_naive",),
    cases=_pool_cases(_run_pool_forward, lambda rng, inputs: inputs),
)

max_pool_backward_naive = Question(
    id="max_pool_backward_naive",
    title="Max pooling: backward pass",
    notebook=NOTEBOOK,
    points=3,
    minutes=20,
    difficulty=3,
    importance=3,
    hints=(
        "Only the largest value of a window had an influence: it alone receives the gradient.",
        "np.argmax finds it in the flattened window, np.unravel_index its row and column. Windows may overlap, so "
        "add to dx.",
    ),
    implements=(f"{LAYERS}:max_pool_backward_naive",),
    builds_on=("max_pool_forward_naive",),
    cases=_pool_cases(
        _run_pool_backward,
        _with_pool_dout,
        Case(
            "ties",
            lambda rng: _with_pool_dout(rng, _tied_pool_inputs(rng)),
            _run_pool_backward,
            judge=_judge_ties,
            edge="after a ReLU, all entries of a window are often 0; giving the gradient to the first of them neither "
            "multiplies it nor spreads it out",
        ),
    ),
)


# ---- the network


def _init_inputs(rng, input_dim, num_filters, filter_size, hidden_dim, num_classes, **options):
    return {
        "seed": int(rng.randint(2**31 - 1)),
        "input_dim": list(input_dim),
        "num_filters": num_filters,
        "filter_size": filter_size,
        "hidden_dim": hidden_dim,
        "num_classes": num_classes,
        **options,
    }


def _run_init(seed, input_dim, **options):
    from cs231n.classifiers.cnn import ThreeLayerConvNet

    np.random.seed(seed)
    nets = [ThreeLayerConvNet(tuple(input_dim), reg=0.25, **options) for _ in range(2)]
    return {"nets": [net.params for net in nets]}


def _observe_init(inputs, outputs):
    first, second = outputs["nets"]
    weights = [name for name in ("W1", "W2", "W3") if name in first]
    return {
        "names": sorted(map(str, first)),
        **{name: _nets.summary(first[name]) for name in PARAMS if name in first},
        "twice the same": [name for name in weights if np.array_equal(first[name], second[name])],
    }


def _judge_init(inputs, outputs):
    scale = inputs.get("weight_scale", 1e-3)
    names = holds(
        f"self.params has the keys {', '.join(PARAMS)}",
        outputs["names"] == sorted(PARAMS),
        f"expected the keys {', '.join(PARAMS)}, got {', '.join(outputs['names']) or 'none'}",
        mistake="self.params has the wrong keys: use W1, b1, W2, b2, W3, b3",
    )
    if not names.ok:
        return [names]
    return [
        names,
        _judge_shapes(inputs, outputs),
        _nets.judge_biases({name: outputs[name] for name in ("b1", "b2", "b3")}),
        *_nets.judge_weights({name: outputs[name] for name in ("W1", "W2", "W3")}, scale),
        _nets.judge_two_nets(outputs["twice the same"]),
    ]


def _judge_shapes(inputs, outputs):
    (C, H, W), F, size = inputs["input_dim"], inputs["num_filters"], inputs["filter_size"]
    M, K = inputs["hidden_dim"], inputs["num_classes"]
    num_features = F * (H // 2) * (W // 2)
    shapes = {"W1": [F, C, size, size], "b1": [F], "W2": [num_features, M], "b2": [M], "W3": [M, K], "b3": [K]}
    off = [name for name in PARAMS if outputs[name]["shape"] != shapes[name]]
    gap = [f"{n}: expected {tuple(shapes[n])}, got {tuple(outputs[n]['shape'])}" for n in off]
    return holds(
        "the shapes match the sizes", not off, *gap, mistake=_why_shape(off, shapes, outputs, F, C, H, W, num_features)
    )


def _why_shape(off, shapes, outputs, F, C, H, W, num_features):
    if not off:
        return ""
    name, got = off[0], outputs[off[0]]["shape"]
    if name != "W1" and len(got) == 2 and got == shapes[name][::-1]:
        return f"{name} is transposed"
    if name == "W1" and len(got) == 4 and got[:2] == [C, F]:
        return "W1 has the channels first: its shape should be (F, C, HH, WW)"
    rows = got[0] if name == "W2" and len(got) == 2 else None
    reasons = {
        F * H * W: "the pooling halves height and width before the affine layer: F * (H // 2) * (W // 2) rows",
        C * (H // 2) * (W // 2): "after the convolution there are F channels, not C: F * (H // 2) * (W // 2) rows",
        F * H * W // 2: "the pooling halves the height and the width: a quarter of the values remains, not half",
        num_features // F: "it has rows for one feature map only: F * (H // 2) * (W // 2) rows",
        F: "each of the F feature maps has (H // 2) * (W // 2) values: F * (H // 2) * (W // 2) rows",
    }
    if rows in reasons:
        return f"{name}: {reasons[rows]}"
    return f"check the sizes of {', '.join(off)}"


conv_net_init = Question(
    id="conv_net_init",
    title="ThreeLayerConvNet: initial parameters",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=2,
    importance=3,
    hints=(
        "The convolution keeps height and width, the pooling halves both. How many numbers does the affine layer "
        "then see for an image?",
        "W1 holds num_filters filters, each with all input channels and filter_size both ways. W2 has a row for "
        "each number that is left after the pooling. All biases are zeros.",
    ),
    implements=(f"{NET}.__init__",),
    cases=tuple(
        Case(f"(C, H, W) = {sizes}", inputs, _run_init, judge=_judge_init, observe=_observe_init)
        for sizes, inputs in (
            ((3, 8, 12), lambda rng: _init_inputs(rng, (3, 8, 12), 40, 5, 60, 55, weight_scale=1e-2)),
            ((2, 10, 6), lambda rng: _init_inputs(rng, (2, 10, 6), 32, 7, 70, 50, weight_scale=3.0)),
            ((6, 4, 16), lambda rng: _init_inputs(rng, (6, 4, 16), 60, 3, 64, 75)),
        )
    ),
)


def _net_inputs(rng, x_shape, num_filters, filter_size, hidden_dim, num_classes, scale=1.0, dtype=np.float64):
    N, C, H, W = x_shape
    num_features = num_filters * (H // 2) * (W // 2)
    inputs = {
        "X": scale * rng.randn(*x_shape),
        "W1": rng.randn(num_filters, C, filter_size, filter_size) / filter_size,
        "b1": -0.8 + 0.5 * rng.randn(num_filters),
        "W2": rng.randn(num_features, hidden_dim) / num_features**0.5,
        "b2": -0.3 + 0.5 * rng.randn(hidden_dim),
        "W3": rng.randn(hidden_dim, num_classes),
        "b3": 2 + rng.randn(num_classes),
    }
    inputs["b2"][0] = 3 * scale  # at least one unit is active
    return {name: value.astype(dtype) for name, value in inputs.items()}


def _labelled_net_inputs(rng, x_shape, num_filters, filter_size, hidden_dim, num_classes, reg, **options):
    inputs = _net_inputs(rng, x_shape, num_filters, filter_size, hidden_dim, num_classes, **options)
    return inputs | {"y": rng.randint(num_classes - 1, size=x_shape[0]), "reg": reg}


def _extreme_net_inputs(rng):
    """Biases that leave the true class of every other image thousands behind the best one."""
    inputs = _labelled_net_inputs(rng, (6, 1, 4, 4), 3, 3, 4, 3, 0.05)
    return inputs | {"b3": np.array([-3000.0, 0.0, 3000.0]), "y": np.array([0, 2, 1, 2, 0, 2])}


def _net_sizes(X, W1, W2, W3, **_):
    return {"N": len(X), "F": len(W1), "M": W2.shape[1], "K": W3.shape[1]}


def _net(input_dim, W1, b1, W2, b2, W3, b3, reg=0.0):
    from cs231n.classifiers.cnn import ThreeLayerConvNet

    net = ThreeLayerConvNet(input_dim, len(W1), W1.shape[2], W2.shape[1], W3.shape[1], reg=reg, dtype=W1.dtype)
    net.params = {"W1": W1, "b1": b1, "W2": W2, "b2": b2, "W3": W3, "b3": b3}
    net.reg = reg
    return net


def _run_scores(X, **params):
    return {"scores": _net(X.shape[1:], **params).loss(X)}


def _run_gradients(X, y, reg, **params):
    loss, grads = _net(X.shape[1:], **params, reg=reg).loss(X, y)
    return {"loss": loss, **{f"d{name}": grads.get(name) for name in PARAMS}}


conv_net_loss = Question(
    id="conv_net_loss",
    title="ThreeLayerConvNet: scores",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=2,
    importance=4,
    hints=(
        "Three sandwiches: conv - ReLU - pool, affine - ReLU, affine. layer_utils has a function for each of the "
        "first two.",
        "The first one also takes conv_param and pool_param. Each layer takes what the one before returned; keep "
        "its cache under a name of its own.",
    ),
    implements=(f"{NET}.loss",),
    builds_on=("affine_forward", "relu_forward", "conv_net_init"),
    cases=(
        Case("three images of 6 x 4", lambda rng: _net_inputs(rng, (3, 2, 6, 4), 3, 3, 5, 4), _run_scores, _net_sizes),
        Case(
            "filters of 5 x 5",
            lambda rng: _net_inputs(rng, (2, 1, 4, 8), 2, 5, 3, 6),
            _run_scores,
            _net_sizes,
        ),
        Case("filters of 1 x 1", lambda rng: _net_inputs(rng, (4, 3, 2, 4), 4, 1, 6, 3), _run_scores, _net_sizes),
        Case(
            "large values",
            lambda rng: _net_inputs(rng, (5, 2, 4, 4), 2, 3, 4, 2, scale=1e3),
            _run_scores,
            _net_sizes,
        ),
        Case(
            "float32",
            lambda rng: _net_inputs(rng, (3, 3, 4, 6), 2, 3, 5, 4, dtype=np.float32),
            _run_scores,
            _net_sizes,
            tolerance=1e-4,
        ),
        Case(
            "one image",
            lambda rng: _net_inputs(rng, (1, 2, 4, 6), 3, 3, 5, 4),
            _run_scores,
            _net_sizes,
            edge=_edges.ONE_INPUT,
        ),
    ),
)

conv_net_gradients = Question(
    id="conv_net_gradients",
    title="ThreeLayerConvNet: loss and gradients",
    notebook=NOTEBOOK,
    points=4,
    minutes=30,
    difficulty=3,
    importance=4,
    hints=(
        "softmax_loss begins; then the backward functions of the three sandwiches, in the opposite order, each "
        "with its own cache.",
        "Store what they return for the weights and biases in grads. Then add 0.5 * reg times the squares of "
        "every W to the loss, and reg * W to its gradient; biases are left alone.",
    ),
    implements=(f"{NET}.loss",),
    builds_on=("affine_backward", "relu_backward", "softmax_loss", "conv_net_init", "conv_net_loss"),
    cases=(
        Case(
            "reg = 0.7",
            lambda rng: _labelled_net_inputs(rng, (4, 2, 4, 6), 2, 3, 5, 3, 0.7),
            _run_gradients,
            _net_sizes,
        ),
        Case(
            "without regularisation",
            lambda rng: _labelled_net_inputs(rng, (5, 3, 4, 2), 3, 1, 4, 6, 0.0),
            _run_gradients,
            _net_sizes,
        ),
        Case(
            "filters of 5 x 5, reg = 3.5",
            lambda rng: _labelled_net_inputs(rng, (3, 1, 4, 6), 2, 5, 3, 4, 3.5),
            _run_gradients,
            _net_sizes,
        ),
        Case(
            "float32",
            lambda rng: _labelled_net_inputs(rng, (4, 2, 4, 4), 2, 3, 4, 3, 0.3, dtype=np.float32),
            _run_gradients,
            _net_sizes,
            tolerance=1e-3,
        ),
        Case("scores thousands apart", _extreme_net_inputs, _run_gradients, _net_sizes, edge=_edges.EXTREME_SCORES),
        Case(
            "one image",
            lambda rng: _labelled_net_inputs(rng, (1, 2, 6, 4), 2, 3, 3, 5, 0.2),
            _run_gradients,
            _net_sizes,
            edge=_edges.ONE_INPUT,
        ),
    ),
)


QUESTIONS = (
    conv_forward_naive,
    conv_backward_naive,
    max_pool_forward_naive,
    max_pool_backward_naive,
    conv_net_init,
    conv_net_loss,
    conv_net_gradients,
)

FIGURES = (
    Figure("Three-layer ConvNet, 3 x 10,000: test", "accuracies['three layers, test']"),
    Figure("Deep ConvNet, 2 x 20,000: test", "accuracies['deep, test']"),
)
