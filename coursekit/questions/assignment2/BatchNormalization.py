"""Questions of BatchNormalization: normalising columns, rows, channels and groups of channels, and the gradients."""

import numpy as np

from coursekit.core.question import Case, Question
from coursekit.questions import _edges

NOTEBOOK = "BatchNormalization"
LAYERS = "cs231n.layers"
RUNNING = ("running_mean", "running_var")


# ---- batch normalisation


def _gains(rng, num_columns):
    """Scales of both signs, far from 0 and 1, and shifts far from 0."""
    return {
        "gamma": rng.uniform(1.5, 3.0, size=num_columns) * rng.choice([-1, 1], size=num_columns),
        "beta": 3 + rng.randn(num_columns),
    }


def _norm_inputs(rng, N, D, eps=None, scale=1.0):
    inputs = {"x": scale * (rng.randn(N, D) + rng.uniform(-3, 3, size=D)), **_gains(rng, D)}
    return inputs if eps is None else inputs | {"eps": eps}


def _uneven_inputs(rng):
    """Columns of very different scale; the variance of the first is as small as eps."""
    inputs = _norm_inputs(rng, 4, 3)
    columns = np.array([0.004, 1.0, 30.0]) * rng.randn(4, 3) + np.array([0.5, -4.0, 100.0])
    return inputs | {"x": columns}


def _constant_column_inputs(rng):
    inputs = _norm_inputs(rng, 5, 3)
    x = inputs["x"].copy()
    x[:, 1] = 2.0
    return inputs | {"x": x}


def _running_inputs(rng, inputs, momentum):
    D = inputs["x"].shape[1]
    return inputs | {
        "momentum": momentum,
        "running_mean": rng.randn(D) - 4,
        "running_var": rng.uniform(2, 5, size=D),
    }


def _as_float32(inputs):
    return {name: np.float32(v) if isinstance(v, np.ndarray) else v for name, v in inputs.items()}


def _norm_sizes(x, **_):
    return dict(zip(("N", "D"), x.shape, strict=True))


def _run_batchnorm_forward(x, gamma, beta, **bn_param):
    from cs231n.layers import batchnorm_forward

    bn_param = {"mode": "train", **bn_param}
    out, _ = batchnorm_forward(x, gamma, beta, bn_param)
    return {"out": out, **{f"bn_param['{name}']": bn_param.get(name) for name in RUNNING}}


def _train_case(name, inputs, tolerance=1e-8, edge=""):
    return Case(name, inputs, _run_batchnorm_forward, _norm_sizes, tolerance, may_change=RUNNING, edge=edge)


batchnorm_forward = Question(
    id="batchnorm_forward",
    title="Batch normalisation: forward pass in train mode",
    notebook=NOTEBOOK,
    points=3,
    minutes=25,
    difficulty=2,
    importance=5,
    hints=(
        "Mean and variance are taken over the batch: one of each for every column. Normalise, then scale by gamma "
        "and shift by beta.",
        "Divide by the root of (variance + eps). The running values keep the share momentum of the old ones and "
        "take the rest from this batch: the variance, not its root.",
    ),
    implements=(f"{LAYERS}:batchnorm_forward",),
    cases=(
        _train_case("columns of different scale", _uneven_inputs),
        _train_case(
            "a later batch, momentum 0.6, eps 0.3",
            lambda rng: _running_inputs(rng, _norm_inputs(rng, 5, 4, 0.3), 0.6),
        ),
        _train_case("more columns than rows", lambda rng: _norm_inputs(rng, 3, 7)),
        _train_case("as many columns as rows", lambda rng: _norm_inputs(rng, 4, 4)),
        _train_case("a constant column", _constant_column_inputs),
        _train_case("float32", lambda rng: _as_float32(_norm_inputs(rng, 6, 3, scale=20.0)), tolerance=1e-4),
        _train_case(
            "one input", lambda rng: _running_inputs(rng, _norm_inputs(rng, 1, 5), 0.75), edge=_edges.ONE_INPUT
        ),
    ),
)


def _test_inputs(rng, N, D, eps=None, scale=1.0):
    return _running_inputs(rng, _norm_inputs(rng, N, D, eps, scale), 0.7)


def _small_variance_inputs(rng):
    """One running variance that is 0, as before the first step, and one about as small as eps."""
    inputs = _test_inputs(rng, 4, 3)
    return inputs | {"running_var": np.array([0.0, 2e-5, 4.0])}


def _run_batchnorm_forward_test(x, gamma, beta, **bn_param):
    return _run_batchnorm_forward(x, gamma, beta, mode="test", **bn_param)


batchnorm_forward_test = Question(
    id="batchnorm_forward_test",
    title="Batch normalisation: forward pass in test mode",
    notebook=NOTEBOOK,
    points=1,
    minutes=10,
    difficulty=1,
    importance=4,
    hints=(
        "In test mode nothing is measured: an input on its own must give the same result as in a batch.",
        "Normalise with running_mean and running_var from bn_param in place of the batch's own, with eps under "
        "the root; then gamma and beta as before.",
    ),
    implements=(f"{LAYERS}:batchnorm_forward",),
    cases=(
        Case("three inputs", lambda rng: _test_inputs(rng, 3, 4), _run_batchnorm_forward_test, _norm_sizes),
        Case("eps 0.3", lambda rng: _test_inputs(rng, 5, 2, 0.3), _run_batchnorm_forward_test, _norm_sizes),
        Case("tiny running variances", _small_variance_inputs, _run_batchnorm_forward_test, _norm_sizes),
        Case("large values", lambda rng: _test_inputs(rng, 4, 3, scale=1e3), _run_batchnorm_forward_test, _norm_sizes),
        Case(
            "float32",
            lambda rng: _as_float32(_test_inputs(rng, 4, 6)),
            _run_batchnorm_forward_test,
            _norm_sizes,
            tolerance=1e-4,
        ),
        Case(
            "one input",
            lambda rng: _test_inputs(rng, 1, 5),
            _run_batchnorm_forward_test,
            _norm_sizes,
            edge=_edges.ONE_INPUT,
        ),
    ),
)


def _with_dout(rng, inputs):
    x = inputs["x"]
    return inputs | {"dout": (0.5 + rng.randn(*x.shape)).astype(x.dtype)}


def _run_batchnorm_backward(x, gamma, beta, dout, **bn_param):
    from cs231n.layers import batchnorm_backward, batchnorm_forward

    _, cache = batchnorm_forward(x, gamma, beta, {"mode": "train", **bn_param})
    return dict(zip(("dx", "dgamma", "dbeta"), batchnorm_backward(dout, cache), strict=True))


def _run_batchnorm_backward_alt(x, gamma, beta, dout, **bn_param):
    from cs231n import layers

    _, cache = layers.batchnorm_forward(x, gamma, beta, {"mode": "train", **bn_param})
    kept, layers.batchnorm_backward = layers.batchnorm_backward, _not_allowed
    try:
        return dict(zip(("dx", "dgamma", "dbeta"), layers.batchnorm_backward_alt(dout, cache), strict=True))
    finally:
        layers.batchnorm_backward = kept


def _not_allowed(dout, cache):
    raise RuntimeError("batchnorm_backward_alt must not call batchnorm_backward: compute dx from the single expression")


def _backward_cases(run):
    def case(name, make, tolerance=1e-8, edge=""):
        return Case(name, lambda rng: _with_dout(rng, make(rng)), run, _norm_sizes, tolerance, edge=edge)

    return (
        case("four rows of three", lambda rng: _norm_inputs(rng, 4, 3)),
        case("columns of different scale", _uneven_inputs),
        case("eps 0.3", lambda rng: _norm_inputs(rng, 5, 4, 0.3)),
        case("as many columns as rows", lambda rng: _norm_inputs(rng, 4, 4)),
        case("a constant column", _constant_column_inputs),
        case("float32", lambda rng: _as_float32(_norm_inputs(rng, 6, 3, 0.3)), 1e-3),
        case("one input", lambda rng: _norm_inputs(rng, 1, 5), edge=_edges.ONE_INPUT),
    )


batchnorm_backward = Question(
    id="batchnorm_backward",
    title="Batch normalisation: backward pass, node by node",
    notebook=NOTEBOOK,
    points=5,
    minutes=45,
    difficulty=5,
    importance=4,
    hints=(
        "Draw the graph of the forward pass, and go back node by node. x reaches the output by three paths: "
        "directly, through the mean, through the variance.",
        "Start with dbeta, dgamma and the gradient of x_hat. A value that all rows share (mean, std) collects a "
        "sum over the rows; each row then gets back 1/N of it.",
    ),
    implements=(f"{LAYERS}:batchnorm_backward",),
    builds_on=("batchnorm_forward",),
    cases=_backward_cases(_run_batchnorm_backward),
)

batchnorm_backward_alt = Question(
    id="batchnorm_backward_alt",
    title="Batch normalisation: backward pass in one expression",
    notebook=NOTEBOOK,
    points=3,
    minutes=30,
    difficulty=4,
    importance=3,
    hints=(
        "On paper, the three paths combine: dx is dout, less its mean, less a multiple of x_hat, all times a "
        "factor for each column.",
        "The sums that you need are those in dbeta and dgamma. Divide each by N, take both away from dout (the "
        "second times x_hat), and scale by gamma over std.",
    ),
    implements=(f"{LAYERS}:batchnorm_backward_alt",),
    builds_on=("batchnorm_forward",),
    cases=_backward_cases(_run_batchnorm_backward_alt),
)


# ---- layer normalisation


def _uneven_rows(rng):
    """Rows of very different scale; the variance of the last is as small as eps."""
    inputs = _norm_inputs(rng, 3, 5)
    x = np.array([[30.0], [1.0], [0.004]]) * rng.randn(3, 5) + np.array([[100.0], [-4.0], [0.5]])
    return inputs | {"x": x}


def _constant_row_inputs(rng):
    inputs = _norm_inputs(rng, 3, 4)
    x = inputs["x"].copy()
    x[1] = 2.0
    return inputs | {"x": x}


def _run_layernorm_forward(x, gamma, beta, **ln_param):
    from cs231n.layers import layernorm_forward

    out, _ = layernorm_forward(x, gamma, beta, ln_param)
    return {"out": out}


def _run_layernorm_backward(x, gamma, beta, dout, **ln_param):
    from cs231n.layers import layernorm_backward, layernorm_forward

    _, cache = layernorm_forward(x, gamma, beta, ln_param)
    return dict(zip(("dx", "dgamma", "dbeta"), layernorm_backward(dout, cache), strict=True))


def _layernorm_cases(run, finish=lambda rng, inputs: inputs):
    def case(name, make, tolerance=1e-8, edge=""):
        return Case(name, lambda rng: finish(rng, make(rng)), run, _norm_sizes, tolerance, edge=edge)

    return (
        case("three rows of four", lambda rng: _norm_inputs(rng, 3, 4, scale=0.3)),
        case("rows of different scale", _uneven_rows),
        case("eps 0.3", lambda rng: _norm_inputs(rng, 5, 3, 0.3)),
        case("as many columns as rows", lambda rng: _norm_inputs(rng, 4, 4, scale=0.3)),
        case("a constant row", _constant_row_inputs),
        case("float32", lambda rng: _as_float32(_norm_inputs(rng, 3, 7, 0.3)), 1e-3),
        case("one input", lambda rng: _norm_inputs(rng, 1, 6, scale=0.3), edge=_edges.ONE_INPUT),
    )


layernorm_forward = Question(
    id="layernorm_forward",
    title="Layer normalisation: forward pass",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=2,
    importance=5,
    hints=(
        "Now each row is normalised by itself. What changes is the axis of mean and variance; gamma and beta "
        "still belong to columns.",
        "Take mean and variance along axis 1 with keepdims=True, so that they are columns (N, 1). There are no "
        "running values, and no modes.",
    ),
    implements=(f"{LAYERS}:layernorm_forward",),
    cases=_layernorm_cases(_run_layernorm_forward),
)

layernorm_backward = Question(
    id="layernorm_backward",
    title="Layer normalisation: backward pass",
    notebook=NOTEBOOK,
    points=3,
    minutes=20,
    difficulty=3,
    importance=3,
    hints=(
        "dgamma and dbeta still add up over rows, as in batch normalisation. For dx the means run along each row.",
        "Multiply dout by gamma first. Take away its mean along the row, and x_hat times the mean of its product "
        "with x_hat; then divide by std. Mind keepdims.",
    ),
    implements=(f"{LAYERS}:layernorm_backward",),
    builds_on=("layernorm_forward",),
    cases=_layernorm_cases(_run_layernorm_backward, _with_dout),
)


# ---- feature maps


def _map_inputs(rng, shape, eps=None, gain_shape=None):
    """Feature maps whose channels, inputs, rows and columns all differ, so that every way to group them shows."""
    N, C, H, W = shape
    level = rng.uniform(-4, 4, size=(N, C, 1, 1)) + rng.uniform(-2, 2, size=(H, W))
    x = level + rng.uniform(0.5, 3.0, size=(1, C, 1, 1)) * rng.randn(*shape)
    inputs = {"x": x, **_gains(rng, C)}
    if gain_shape:
        inputs |= {name: inputs[name].reshape(gain_shape) for name in ("gamma", "beta")}
    return inputs if eps is None else inputs | {"eps": eps}


def _map_sizes(x, G=None, **_):
    sizes = dict(zip(("N", "C", "H", "W"), x.shape, strict=True))
    return sizes if G is None else sizes | {"G": G}


def _run_spatial_batchnorm_forward(x, gamma, beta, mode="train", **bn_param):
    from cs231n.layers import spatial_batchnorm_forward

    bn_param = {"mode": mode, **bn_param}
    out, _ = spatial_batchnorm_forward(x, gamma, beta, bn_param)
    return {"out": out, **{f"bn_param['{name}']": bn_param.get(name) for name in RUNNING}}


def _run_spatial_batchnorm_backward(x, gamma, beta, dout, **bn_param):
    from cs231n.layers import spatial_batchnorm_backward, spatial_batchnorm_forward

    _, cache = spatial_batchnorm_forward(x, gamma, beta, {"mode": "train", **bn_param})
    return dict(zip(("dx", "dgamma", "dbeta"), spatial_batchnorm_backward(dout, cache), strict=True))


def _spatial_case(name, make, tolerance=1e-8, finish=None, run=_run_spatial_batchnorm_forward, edge=""):
    inputs = (lambda rng: finish(rng, make(rng))) if finish else make
    return Case(name, inputs, run, _map_sizes, tolerance, may_change=RUNNING, edge=edge)


def _test_mode_maps(rng):
    return _running_inputs(rng, _map_inputs(rng, (2, 3, 2, 4)), 0.7) | {"mode": "test"}


spatial_batchnorm_forward = Question(
    id="spatial_batchnorm_forward",
    title="Batch normalisation of feature maps: forward pass",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=2,
    importance=4,
    hints=(
        "A channel plays the part of a column: every position of every image is a row. How do you bring the "
        "channels to the end?",
        "Move axis 1 to the end with transpose, reshape to (N * H * W, C), and call batchnorm_forward. Undo both "
        "in the opposite order.",
    ),
    implements=(f"{LAYERS}:spatial_batchnorm_forward",),
    builds_on=("batchnorm_forward", "batchnorm_forward_test"),
    cases=(
        _spatial_case("two inputs, three channels", lambda rng: _map_inputs(rng, (2, 3, 4, 5))),
        _spatial_case("all sizes equal", lambda rng: _map_inputs(rng, (3, 3, 3, 3))),
        _spatial_case(
            "a later batch, momentum 0.6, eps 0.3",
            lambda rng: _running_inputs(rng, _map_inputs(rng, (3, 2, 2, 3), 0.3), 0.6),
        ),
        _spatial_case("test mode", _test_mode_maps),
        _spatial_case("float32", lambda rng: _as_float32(_map_inputs(rng, (2, 2, 3, 4))), 1e-4),
        _spatial_case("one input", lambda rng: _map_inputs(rng, (1, 4, 3, 2)), edge=_edges.ONE_INPUT),
    ),
)

spatial_batchnorm_backward = Question(
    id="spatial_batchnorm_backward",
    title="Batch normalisation of feature maps: backward pass",
    notebook=NOTEBOOK,
    points=2,
    minutes=10,
    difficulty=1,
    importance=3,
    hints=(
        "The same rearrangement as in the forward pass, now for dout.",
        "Rearrange dout into rows of C values, pass them to the backward function that you wrote for batch "
        "normalisation, and rearrange dx back into (N, C, H, W).",
    ),
    implements=(f"{LAYERS}:spatial_batchnorm_backward",),
    builds_on=("spatial_batchnorm_forward", "batchnorm_backward_alt"),
    cases=tuple(
        _spatial_case(name, make, tolerance, _with_dout, _run_spatial_batchnorm_backward, edge)
        for name, make, tolerance, edge in (
            ("two inputs, three channels", lambda rng: _map_inputs(rng, (2, 3, 4, 3)), 1e-8, ""),
            ("all sizes equal", lambda rng: _map_inputs(rng, (3, 3, 3, 3)), 1e-8, ""),
            ("eps 0.3", lambda rng: _map_inputs(rng, (3, 2, 2, 4), 0.3), 1e-8, ""),
            ("float32", lambda rng: _as_float32(_map_inputs(rng, (2, 2, 3, 4), 0.3)), 1e-3, ""),
            ("one input", lambda rng: _map_inputs(rng, (1, 4, 3, 2)), 1e-8, _edges.ONE_INPUT),
        )
    ),
)


def _group_inputs(rng, shape, G, eps=None, gain_shape=None):
    return {"G": G, **_map_inputs(rng, shape, eps, gain_shape)}


def _run_spatial_groupnorm_forward(x, gamma, beta, G, **gn_param):
    from cs231n.layers import spatial_groupnorm_forward

    out, _ = spatial_groupnorm_forward(x, gamma, beta, G, gn_param)
    return {"out": out}


def _run_spatial_groupnorm_backward(x, gamma, beta, G, dout, **gn_param):
    from cs231n.layers import spatial_groupnorm_backward, spatial_groupnorm_forward

    _, cache = spatial_groupnorm_forward(x, gamma, beta, G, gn_param)
    return dict(zip(("dx", "dgamma", "dbeta"), spatial_groupnorm_backward(dout, cache), strict=True))


def _groupnorm_cases(run, finish=None):
    def case(name, shape, G, eps=None, gain_shape=None, edge=""):
        gains = (1, shape[1], 1, 1) if gain_shape is None else gain_shape
        return _spatial_case(name, lambda rng: _group_inputs(rng, shape, G, eps, gains), 1e-8, finish, run, edge)

    def single(rng):
        return _as_float32(_group_inputs(rng, (2, 4, 3, 2), 2, 0.3, (1, 4, 1, 1)))

    return (
        case("six channels in two groups", (2, 6, 4, 3), 2),
        case("more groups than channels per group", (2, 6, 2, 2), 3, 0.3),
        case("all channels in one group", (2, 3, 3, 2), 1),
        case("one channel per group", (3, 4, 2, 4), 4),
        case("all sizes equal", (4, 4, 4, 4), 2),
        _spatial_case("float32", single, 1e-3, finish, run),
        case("one input", (1, 4, 3, 2), 2, edge=_edges.ONE_INPUT),
        case("gamma of shape (C,)", (3, 4, 2, 3), 2, gain_shape=(4,), edge=_EITHER_SHAPE),
    )


_EITHER_SHAPE = (
    "the course's notebooks pass gamma and beta of shape (1, C, 1, 1), its documentation says (C,); "
    "gamma.reshape(1, C, 1, 1) takes both, and dgamma.reshape(gamma.shape) returns what came"
)


spatial_groupnorm_forward = Question(
    id="spatial_groupnorm_forward",
    title="Group normalisation: forward pass",
    notebook=NOTEBOOK,
    points=3,
    minutes=20,
    difficulty=3,
    importance=3,
    hints=(
        "Each image and each group of channels is normalised by itself: C // G channels at all positions share "
        "one mean.",
        "Reshape x to (N, G, the rest), normalise along the last axis, reshape back to (N, C, H, W), and only "
        "then apply gamma and beta, which belong to channels.",
    ),
    implements=(f"{LAYERS}:spatial_groupnorm_forward",),
    builds_on=("layernorm_forward",),
    cases=_groupnorm_cases(_run_spatial_groupnorm_forward),
)

spatial_groupnorm_backward = Question(
    id="spatial_groupnorm_backward",
    title="Group normalisation: backward pass",
    notebook=NOTEBOOK,
    points=3,
    minutes=25,
    difficulty=3,
    importance=2,
    hints=(
        "dgamma and dbeta: one number for each channel, in the shape of gamma. dx: as in layer normalisation, for "
        "each group.",
        "Multiply dout by gamma, reshape it and x_hat to (N, G, the rest), use the formula of layernorm_backward "
        "along the last axis, and reshape dx back.",
    ),
    implements=(f"{LAYERS}:spatial_groupnorm_backward",),
    builds_on=("spatial_groupnorm_forward", "layernorm_backward"),
    cases=_groupnorm_cases(_run_spatial_groupnorm_backward, _with_dout),
)

SPATIAL_QUESTIONS = (
    spatial_batchnorm_forward,
    spatial_batchnorm_backward,
    spatial_groupnorm_forward,
    spatial_groupnorm_backward,
)
QUESTIONS = (
    batchnorm_forward,
    batchnorm_forward_test,
    batchnorm_backward,
    batchnorm_backward_alt,
    layernorm_forward,
    layernorm_backward,
    *SPATIAL_QUESTIONS,
)
