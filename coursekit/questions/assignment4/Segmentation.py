"""Questions of Segmentation: four ways to make feature maps larger, a loss for every pixel, and a trained network."""

from functools import cache

import numpy as np

from coursekit.core.question import Case, Question, holds
from coursekit.questions import _edges

NOTEBOOK = "Segmentation"
LAYERS = "cs231n.spatial_layers"
NUM_CLASSES = 11
NUM_TEST, TEST_SEED, BAR = 300, 22, 0.75
WAYS = ("nearest", "nails", "unpool", "transposed")


def _as_float32(inputs):
    return {name: v.astype(np.float32) if getattr(v, "dtype", None) == np.float64 else v for name, v in inputs.items()}


def _maps_sizes(x, **_):
    return dict(zip(("N", "C", "H", "W"), x.shape, strict=True))


# ---- larger, without parameters


def _enlarged(rng, shape, factor):
    N, C, H, W = shape
    dout = 0.5 + rng.randn(N, C, factor * H, factor * W)
    return {"x": 1 + rng.randn(*shape), "factor": factor, "dout": dout}


def _larger_cases(run):
    def case(name, shape, factor, tolerance=1e-8, convert=dict, edge=""):
        return Case(name, lambda rng: convert(_enlarged(rng, shape, factor)), run, _maps_sizes, tolerance, edge=edge)

    return (
        case("factor 2", (2, 3, 4, 5), 2),
        case("factor 3", (3, 2, 5, 4), 3),
        case("more channels than rows", (2, 6, 3, 2), 4),
        case("all sizes equal", (3, 3, 3, 3), 3),
        case("float32", (2, 4, 3, 5), 2, 1e-4, _as_float32),
        case("one image", (1, 3, 2, 4), 2, edge=_edges.ONE_INPUT),
    )


def _run_nearest_forward(x, factor, dout):
    from cs231n.spatial_layers import upsample_nearest_forward

    out, _ = upsample_nearest_forward(x, factor)
    return {"out": out}


def _run_nearest_backward(x, factor, dout):
    from cs231n.spatial_layers import upsample_nearest_backward, upsample_nearest_forward

    _, cache = upsample_nearest_forward(x, factor)
    return {"dx": upsample_nearest_backward(dout, cache)}


def _run_nails(x, factor, dout):
    from cs231n.spatial_layers import bed_of_nails_backward, bed_of_nails_forward

    out, cache = bed_of_nails_forward(x, factor)
    return {"out": out, "dx": bed_of_nails_backward(dout, cache)}


upsample_nearest_forward = Question(
    id="upsample_nearest_forward",
    title="Nearest neighbours, forward",
    notebook=NOTEBOOK,
    points=1,
    minutes=10,
    difficulty=1,
    importance=4,
    hints=(
        "Every row is written `factor` times, one copy right after the other; then the same with columns.",
        "np.repeat repeats each entry along one axis; use it along axis 2 and along axis 3. np.tile is something else: "
        "it repeats the whole map.",
    ),
    implements=(f"{LAYERS}:upsample_nearest_forward",),
    cases=_larger_cases(_run_nearest_forward),
)

upsample_nearest_backward = Question(
    id="upsample_nearest_backward",
    title="Nearest neighbours, backward",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=2,
    importance=4,
    hints=(
        "One entry of x was used factor * factor times. What happens to the gradients of a value that is used several "
        "times?",
        "They add up. The helper _squares turns each square of dout into a row: sum over the last axis.",
    ),
    implements=(f"{LAYERS}:upsample_nearest_backward",),
    builds_on=("upsample_nearest_forward",),
    cases=_larger_cases(_run_nearest_backward),
)

bed_of_nails = Question(
    id="bed_of_nails",
    title="A bed of nails, forward and backward",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=2,
    importance=2,
    hints=(
        "Begin with zeros of the large size. Which rows and which columns of it get the entries of x?",
        "A slice with a step, ::factor, along both axes selects the upper left entry of each square. Backward, the "
        "same slice reads.",
    ),
    implements=(f"{LAYERS}:bed_of_nails_forward", f"{LAYERS}:bed_of_nails_backward"),
    cases=_larger_cases(_run_nails),
)


# ---- pooling that remembers, and its opposite


def _distinct(rng, shape):
    """Values that are all different, far enough apart for float32, in random order, of both signs."""
    return ((rng.permutation(int(np.prod(shape))) - np.prod(shape) // 2) / 7.0 + 0.05).reshape(shape)


def _pool_inputs(rng, shape, factor):
    N, C, H, W = shape
    return {"x": _distinct(rng, shape), "factor": factor, "dout": 0.5 + rng.randn(N, C, H // factor, W // factor)}


def _tied_inputs(rng):
    inputs = _pool_inputs(rng, (2, 2, 4, 6), 2)
    return inputs | {"x": rng.randint(2, size=(2, 2, 4, 6)).astype(float)}


def _run_pool(x, factor, dout):
    from cs231n.spatial_layers import max_pool_with_positions_forward

    out, positions, _ = max_pool_with_positions_forward(x, factor)
    return {"out": out, "positions": positions}


def _pool_case(name, shape, factor, tolerance=1e-8, convert=dict, edge=""):
    return Case(
        name, lambda rng: convert(_pool_inputs(rng, shape, factor)), _run_pool, _maps_sizes, tolerance, edge=edge
    )


max_pool_with_positions = Question(
    id="max_pool_with_positions",
    title="Max pooling that remembers positions",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=2,
    importance=3,
    hints=(
        "Once each square is a row of its own, the rest is one maximum and one position for each row.",
        "The line above your part has made these rows: squares has the shape (N, C, H / factor, W / factor, "
        "factor * factor). Take max and argmax along its last axis.",
    ),
    implements=(f"{LAYERS}:max_pool_with_positions_forward",),
    cases=(
        _pool_case("squares of 2 x 2", (2, 3, 4, 6), 2),
        _pool_case("squares of 3 x 3", (3, 2, 6, 9), 3),
        _pool_case("all sizes equal", (4, 4, 4, 4), 2),
        _pool_case("float32", (2, 4, 4, 6), 2, 1e-4, _as_float32),
        Case("equal entries", _tied_inputs, _run_pool, _maps_sizes),
        _pool_case("one image", (1, 3, 4, 4), 2, edge=_edges.ONE_INPUT),
    ),
)


def _unpool_inputs(rng, shape, factor):
    return _enlarged(rng, shape, factor) | {"positions": rng.randint(factor**2, size=shape)}


def _run_unpool(x, positions, factor, dout):
    from cs231n.spatial_layers import max_unpool_backward, max_unpool_forward

    out, cache = max_unpool_forward(x, positions, factor)
    return {"out": out, "dx": max_unpool_backward(dout, cache)}


def _unpool_case(name, shape, factor, tolerance=1e-8, convert=dict, edge=""):
    return Case(
        name, lambda rng: convert(_unpool_inputs(rng, shape, factor)), _run_unpool, _maps_sizes, tolerance, edge=edge
    )


max_unpool = Question(
    id="max_unpool",
    title="Max unpooling, forward and backward",
    notebook=NOTEBOOK,
    points=3,
    minutes=25,
    difficulty=3,
    importance=3,
    hints=(
        "It is a bed of nails whose nails stand in other places in each square. Work with rows of factor * factor "
        "entries, and put them back together at the end.",
        "np.put_along_axis writes one entry of each row, np.take_along_axis reads it; both want positions with one "
        "axis more, positions[..., np.newaxis]. _maps turns rows back into maps.",
    ),
    implements=(f"{LAYERS}:max_unpool_forward", f"{LAYERS}:max_unpool_backward"),
    cases=(
        _unpool_case("squares of 2 x 2", (2, 3, 4, 5), 2),
        _unpool_case("squares of 3 x 3", (3, 2, 2, 4), 3),
        _unpool_case("all sizes equal", (3, 3, 3, 3), 3),
        _unpool_case("float32", (2, 4, 3, 5), 2, 1e-4, _as_float32),
        _unpool_case("one image", (1, 3, 2, 4), 2, edge=_edges.ONE_INPUT),
    ),
)


# ---- transposed convolution


def _transposed_inputs(rng, shape, F, field, stride, pad, output_pad=0):
    (N, C, H, W), (HH, WW) = shape, field
    size = ((n - 1) * stride - 2 * pad + f + output_pad for n, f in zip((H, W), field, strict=True))
    conv_param = {"stride": stride, "pad": pad} | ({"output_pad": output_pad} if output_pad else {})
    return {
        "x": 1 + rng.randn(*shape),
        "w": rng.randn(C, F, HH, WW),
        "b": rng.uniform(1, 2, size=F) * rng.choice([-1, 1], size=F),
        **conv_param,
        "dout": 0.5 + rng.randn(N, F, *size),
    }


def _transposed_sizes(x, w, **_):
    names = ("N", "C", "H", "W", "F", "HH", "WW")
    return dict(zip(names, (*x.shape, *w.shape[1:]), strict=True))


def _run_transposed_forward(x, w, b, dout, **conv_param):
    from cs231n.spatial_layers import conv_transpose_forward

    out, _ = conv_transpose_forward(x, w, b, conv_param)
    return {"out": out}


def _run_transposed_backward(x, w, b, dout, **conv_param):
    from cs231n.spatial_layers import conv_transpose_backward, conv_transpose_forward

    _, cache = conv_transpose_forward(x, w, b, conv_param)
    return dict(zip(("dx", "dw", "db"), conv_transpose_backward(dout, cache), strict=True))


def _transposed_cases(run):
    def case(name, *sizes, tolerance=1e-8, convert=dict, edge="", **options):
        def inputs(rng):
            return convert(_transposed_inputs(rng, *sizes, **options))

        return Case(name, inputs, run, _transposed_sizes, tolerance, edge=edge)

    return (
        case("filters of 2 x 2, stride 2", (2, 3, 4, 5), 4, (2, 2), 2, 0),
        case("copies that overlap, stride 2, pad 1", (3, 2, 3, 5), 4, (3, 4), 2, 1),
        case("gaps between the copies, stride 3", (2, 4, 3, 2), 3, (2, 1), 3, 0),
        case("one row and column more", (2, 3, 4, 3), 2, (3, 3), 2, 1, output_pad=1),
        case("all sizes equal", (3, 3, 3, 3), 3, (3, 3), 1, 1),
        case("float32", (2, 3, 4, 5), 2, (3, 2), 2, 1, tolerance=1e-4, convert=_as_float32),
        case("one image", (1, 2, 3, 4), 3, (2, 3), 2, 0, edge=_edges.ONE_INPUT),
    )


conv_transpose_forward = Question(
    id="conv_transpose_forward",
    title="Transposed convolution: forward pass",
    notebook=NOTEBOOK,
    points=4,
    minutes=35,
    difficulty=4,
    importance=4,
    hints=(
        "Every entry of x leaves a stamp, its filter times itself, and the stamps are added where they overlap. Let "
        "out be 2 pad larger at first, and cut the border off at the end.",
        "Entry (i, j) of all stamps lies in rows i, i + stride, ... and columns j, j + stride, ...: H rows, W columns. "
        "Add x times w[:, :, i, j] there, summed over the input channels.",
    ),
    implements=(f"{LAYERS}:conv_transpose_forward",),
    cases=_transposed_cases(_run_transposed_forward),
)

conv_transpose_backward = Question(
    id="conv_transpose_backward",
    title="Transposed convolution: backward pass",
    notebook=NOTEBOOK,
    points=4,
    minutes=35,
    difficulty=4,
    importance=4,
    hints=(
        "Follow the loop of the forward pass. Where it added a stamp to a slice of out, the gradient is the same slice "
        "of dout, with the border put back on as zeros.",
        "With this slice, of shape (N, F, H, W): dx adds its product with w[:, :, i, j], summed over F; "
        "dw[:, :, i, j] is its product with x, summed over images and places. b was added everywhere.",
    ),
    implements=(f"{LAYERS}:conv_transpose_backward",),
    builds_on=("conv_transpose_forward",),
    cases=_transposed_cases(_run_transposed_backward),
)


# ---- a class for each pixel


def _loss_inputs(rng, N, C, H, W, scale=1.0, weights=False):
    inputs = {"x": scale * rng.randn(N, C, H, W), "y": rng.randint(C, size=(N, H, W))}
    return inputs | ({"class_weights": rng.uniform(0.2, 3, size=C)} if weights else {})


def _far_scores(rng):
    inputs = _loss_inputs(rng, 2, 4, 3, 5, scale=20.0)
    return inputs | {"x": inputs["x"] + rng.choice([1e3, -1.5e3], size=(2, 1, 3, 5))}


def _scores_apart(rng):
    inputs = _loss_inputs(rng, 2, 5, 3, 2)
    return inputs | {"x": 3000.0 * np.argsort(rng.rand(2, 5, 3, 2), axis=1)}


def _run_loss(x, y, class_weights=None):
    from cs231n.spatial_layers import spatial_softmax_loss

    loss, dx = spatial_softmax_loss(x, y, *([] if class_weights is None else [class_weights]))
    return {"loss": loss, "dx": dx}


def _loss_case(name, make, tolerance=1e-8, edge=""):
    return Case(name, make, _run_loss, _maps_sizes, tolerance, edge=edge)


spatial_softmax_loss = Question(
    id="spatial_softmax_loss",
    title="Softmax loss of every pixel",
    notebook=NOTEBOOK,
    points=3,
    minutes=25,
    difficulty=3,
    importance=5,
    hints=(
        "A pixel is like one image of a batch: C scores and a right class. Here the classes lie along axis 1, so "
        "maximum and sum of the softmax run along axis 1.",
        "Give each pixel a weight, 1 or class_weights[y], and divide all weights by their sum. The loss is the sum of "
        "weight times -log p of the right class; dx is (p - 1 for the right class) times the weight.",
    ),
    implements=(f"{LAYERS}:spatial_softmax_loss",),
    cases=(
        _loss_case("four classes", lambda rng: _loss_inputs(rng, 2, 4, 3, 5)),
        _loss_case("weights of the classes", lambda rng: _loss_inputs(rng, 3, 5, 2, 4, weights=True)),
        _loss_case("all sizes equal", lambda rng: _loss_inputs(rng, 4, 4, 4, 4, weights=True)),
        _loss_case("scores near 1000 and -1500", _far_scores),
        _loss_case("float32", lambda rng: _as_float32(_loss_inputs(rng, 3, 4, 5, 2, 3.0, weights=True)), 1e-4),
        _loss_case("one image", lambda rng: _loss_inputs(rng, 1, 3, 4, 2), edge=_edges.ONE_INPUT),
        _loss_case("scores thousands apart", _scores_apart, edge=_edges.EXTREME_SCORES),
    ),
)


def _labels(rng, shape, num_classes, absent=()):
    """Right classes, and predictions of which about half are right; the absent classes are in neither."""
    present = [k for k in range(num_classes) if k not in absent]
    y, guess = rng.choice(present, size=shape), rng.choice(present, size=shape)
    y.ravel()[: len(present)] = present
    return {"y_pred": np.where(rng.rand(*shape) < 0.5, y, guess), "y": y, "num_classes": num_classes}


def _one_missing(rng):
    """A class that is there but never predicted, and one that is predicted but never there."""
    inputs = _labels(rng, (3, 6, 5), 5)
    y, y_pred = inputs["y"], inputs["y_pred"]
    return inputs | {"y": np.where(y == 4, 0, y), "y_pred": np.where(y_pred == 2, 1, y_pred)}


def _uneven_labels(rng):
    inputs = _labels(rng, (2, 8, 9), 3)
    rare = rng.rand(2, 8, 9) < 0.9
    return inputs | {name: np.where(rare & (inputs[name] > 0), 0, inputs[name]) for name in ("y", "y_pred")}


def _run_iou(y_pred, y, num_classes):
    from cs231n.detection_metrics import mean_iou

    mean, iou = mean_iou(y_pred, y, num_classes)
    iou = np.asarray(iou, dtype=float)
    # nan, which equals nothing, would compare badly: whether a value is there is an output of its own.
    return {"mean": mean, "iou": np.where(np.isnan(iou), 0.0, iou), "occurs": 1.0 - np.isnan(iou)}


mean_iou = Question(
    id="mean_iou",
    title="Mean intersection over union",
    notebook=NOTEBOOK,
    points=3,
    minutes=20,
    difficulty=2,
    importance=5,
    hints=(
        "For one class there are three kinds of pixels that matter: in both, in the prediction alone, in the truth "
        "alone. Write the intersection and the union with these.",
        "Loop over the classes, or count all pairs of classes in a table. A class whose union is empty is nan, and "
        "np.nanmean leaves it out.",
    ),
    implements=("cs231n.detection_metrics:mean_iou",),
    cases=(
        Case("four classes", lambda rng: _labels(rng, (2, 5, 6), 4), _run_iou),
        Case("a class that does not occur", lambda rng: _labels(rng, (3, 4, 5), 5, absent=(2,)), _run_iou),
        Case("a class that is never predicted, one that is never right", _one_missing, _run_iou),
        Case("classes of very different size", _uneven_labels, _run_iou),
        Case("one image", lambda rng: _labels(rng, (6, 5), 3), _run_iou),
    ),
)


# ---- a trained network


@cache
def _unseen_scenes():
    """Preprocessed images and the class of each pixel of the scenes that the network is judged on."""
    from cs231n.net_visualization import preprocess
    from cs231n.scenes import load_scenes

    scenes = load_scenes(NUM_TEST, seed=TEST_SEED)
    return preprocess(scenes["images"]), scenes["semantic_masks"].astype(int)


def _judge_segmenter(params, bn_params, upsampling):
    fits = _judge_params(params, bn_params, upsampling)
    if not fits.ok:
        return [fits]
    X, y = _unseen_scenes()
    y_pred = np.concatenate([_segment(params, bn_params, upsampling, X[i : i + 50]) for i in range(0, len(X), 50)])
    value = _mean_iou(y_pred, y)
    return [
        fits,
        holds(
            f"the mean IoU on {NUM_TEST} unseen scenes is at least {BAR:g}",
            value >= BAR,
            f"expected at least {BAR:g}, got {value:.3f}",
            mistake=_why_low(y_pred, y),
        ),
    ]


def _mean_iou(y_pred, y):
    pairs = [(y_pred == k, y == k) for k in range(NUM_CLASSES)]
    return float(np.mean([np.sum(a & b) / np.sum(a | b) for a, b in pairs if np.any(a | b)]))


def _why_low(y_pred, y):
    if len(np.unique(y_pred)) < NUM_CLASSES:
        return "some classes are never predicted: train for longer, with all levels of the network"
    if np.mean(y_pred == y) < 0.9:
        return "even the background is often wrong: is the loss still falling when training ends?"
    return "nearly there: more scenes, more epochs, skip connections, or a learning rate that falls to 0 at the end"


def _judge_params(params, bn_params, upsampling):
    """Whether this is what an EncoderDecoder is made of."""
    statement = "the parameters are those of an EncoderDecoder for these scenes"
    expected = _expected_shapes(params, upsampling)
    shapes = _float_shapes(params)
    off = [name for name, shape in expected.items() if shapes.get(name) != shape]
    gap = [f"{name}: expected floats of shape {expected[name]}, got {shapes.get(name, 'none')}" for name in off]
    mistake = "pass params, bn_params and upsampling of one and the same trained EncoderDecoder"
    if not expected:
        gap = [f"upsampling is {upsampling!r}, and params has {len(shapes)} arrays of floats"]
    elif not off and not _statistics_fit(params, bn_params):
        gap = ["bn_params does not have a running mean and a running variance for each normalisation"]
    elif not off and not all(np.isfinite(value).all() for value in params.values()):
        gap, mistake = ["some values are nan or infinite"], "training has diverged: use a smaller learning rate"
    return holds(statement, not gap, *gap[:4], mistake=mistake)


def _float_shapes(params):
    arrays = params.items() if isinstance(params, dict) else ()
    return {name: w.shape for name, w in arrays if isinstance(w, np.ndarray) and w.dtype.kind == "f" and w.ndim}


def _filters(params):
    """The number of filters of each level."""
    shapes, filters = _float_shapes(params), []
    while len(shapes.get(f"down{len(filters)}_W", ())) == 4:
        filters.append(shapes[f"down{len(filters)}_W"][0])
    return filters


def _has_skips(params, filters):
    return params["merge0_W"].shape[1] == 2 * filters[0]


def _norm_names(filters):
    levels = range(len(filters))
    ups = [f"{part}{level}" for level in reversed(levels) for part in ("narrow", "merge")]
    return [*(f"down{level}" for level in levels), "bottom", *ups]


def _expected_shapes(params, upsampling):
    """The shape of each array of an EncoderDecoder with these filters; empty where there is none."""
    filters = _filters(params)
    if not filters or upsampling not in WAYS or len(_float_shapes(params).get("merge0_W", ())) != 4:
        return {}
    wide = 2 if _has_skips(params, filters) else 1
    shapes, C = {}, 3
    for level, F in enumerate(filters):
        shapes[f"down{level}_W"], C = (F, C, 3, 3), F
    shapes["bottom_W"] = (C, C, 3, 3)
    for level, F in reversed(list(enumerate(filters))):
        shapes[f"narrow{level}_W"], shapes[f"merge{level}_W"] = (F, C, 1, 1), (F, wide * F, 3, 3)
        if upsampling == "transposed":
            shapes |= {f"up{level}_W": (F, F, 2, 2), f"up{level}_b": (F,)}
        C = F
    for name in _norm_names(filters):
        shapes |= {f"{name}_{part}": shapes[f"{name}_W"][:1] for part in ("gamma", "beta")}
    return shapes | {"scores_W": (NUM_CLASSES, C, 1, 1), "scores_b": (NUM_CLASSES,)}


def _statistics_fit(params, bn_params):
    names = _norm_names(_filters(params))
    if not isinstance(bn_params, (list, tuple)) or len(bn_params) != len(names):
        return False
    return all(
        _float_shapes(statistics).get(part) == params[f"{name}_gamma"].shape and np.isfinite(statistics[part]).all()
        for name, statistics in zip(names, bn_params, strict=True)
        for part in ("running_mean", "running_var")
    )


def _segment(params, bn_params, upsampling, X):
    """What an EncoderDecoder predicts, computed here: integers of shape (N, H, W)."""
    filters, x, levels = _filters(params), X.astype(np.float32), []
    norms = dict(zip(_norm_names(filters), bn_params, strict=True))
    skip = _has_skips(params, filters)

    def conv_bn_relu(x, name):
        statistics = norms[name]
        gain = params[f"{name}_gamma"] / np.sqrt(statistics["running_var"] + 1e-5)
        shift = params[f"{name}_beta"] - gain * statistics["running_mean"]
        return np.maximum(0, _conv(x, params[f"{name}_W"] * _channels(gain), shift))

    for level in range(len(filters)):
        levels.append(conv_bn_relu(x, f"down{level}"))
        x = _squares(levels[-1]).max(axis=-1)
    x = conv_bn_relu(x, "bottom")
    for level, maps in reversed(list(enumerate(levels))):
        x = _larger(conv_bn_relu(x, f"narrow{level}"), maps, params, level, upsampling)
        x = conv_bn_relu(np.concatenate([x, maps], axis=1) if skip else x, f"merge{level}")
    return _conv(x, params["scores_W"], params["scores_b"]).argmax(axis=1)


def _channels(values):
    return values.reshape(-1, 1, 1, 1)


def _conv(x, w, b):
    """A convolution that keeps the size of the maps."""
    (_, _, H, W), size = x.shape, w.shape[2]
    padded = np.pad(x, ((0, 0), (0, 0), (size // 2,) * 2, (size // 2,) * 2))
    out = sum(
        np.tensordot(w[:, :, i, j], padded[:, :, i : i + H, j : j + W], axes=(1, 1))
        for i in range(size)
        for j in range(size)
    )
    return out.transpose(1, 0, 2, 3) + b.reshape(-1, 1, 1)  # (F, N, H, W) -> (N, F, H, W)


def _squares(x):
    N, C, H, W = x.shape
    return x.reshape(N, C, H // 2, 2, W // 2, 2).transpose(0, 1, 2, 4, 3, 5).reshape(N, C, H // 2, W // 2, 4)


def _larger(x, maps, params, level, upsampling):
    """Make x twice as large; each of the four entries of a square is a row's entry."""
    if upsampling == "transposed":
        b = params[f"up{level}_b"].reshape(-1, 1, 1)
        w = params[f"up{level}_W"].reshape(*params[f"up{level}_W"].shape[:2], 4)
        squares = np.stack([np.tensordot(x, w[..., k], axes=(1, 0)).transpose(0, 3, 1, 2) + b for k in range(4)], -1)
    else:
        places = {"nearest": np.ones(4, bool), "nails": np.arange(4) == 0}.get(upsampling)
        if places is None:
            places = _squares(maps).argmax(axis=-1)[..., np.newaxis] == np.arange(4)
        squares = x[..., np.newaxis] * places
    N, C, H, W = x.shape
    return squares.reshape(N, C, H, W, 2, 2).transpose(0, 1, 2, 4, 3, 5).reshape(N, C, 2 * H, 2 * W)


scene_segmenter = Question(
    id="scene_segmenter",
    title="A network that segments new scenes",
    notebook=NOTEBOOK,
    points=4,
    minutes=30,
    difficulty=3,
    importance=4,
    hints=(
        "The table of the four ways and the skip connections, trained briefly, tells what to begin with. What limits "
        "that network more: how large it is, or how long it was trained?",
        "Thousands of scenes with mirroring, several epochs, batches of 20, a learning rate of a few thousandths that "
        "falls to 0: the default filters are enough with these.",
    ),
    builds_on=("spatial_softmax_loss",),
    values=("params", "bn_params", "upsampling"),
    judge=_judge_segmenter,
)

QUESTIONS = (
    upsample_nearest_forward,
    upsample_nearest_backward,
    bed_of_nails,
    max_pool_with_positions,
    max_unpool,
    conv_transpose_forward,
    conv_transpose_backward,
    spatial_softmax_loss,
    mean_iou,
    scene_segmenter,
)
