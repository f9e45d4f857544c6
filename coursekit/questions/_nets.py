"""What the questions of several notebooks examine in a net: how its weights are drawn, and what it has learnt.

The functions `judge_...` return a `Finding`, or a list of them. The arrays of a net are in the dict `params`: W1, b1,
..., WL, bL, and gamma and beta for hidden layers with normalisation.
"""

from functools import cache

import numpy as np

from coursekit.core.question import holds, reaches

NUM_TRAIN, NUM_VAL, NUM_TEST, NUM_FEW = 49000, 1000, 1000, 50
NUM_CLASSES = 10


# ---- initial weights


def summary(w):
    """What the judge needs to know about a random matrix: shape, dtype, moments, and the share of distinct values."""
    w = np.asarray(w)
    values = w.astype(float)
    deviation = values.std() or 1.0
    return {
        "shape": list(w.shape),
        "dtype": str(w.dtype),
        "mean": float(values.mean()),
        "std": float(values.std()),
        "largest": float(np.abs(values).max()) if w.size else 0.0,
        "within one std": float(np.mean(np.abs(values) < deviation)),
        "different": len(np.unique(values)) / max(w.size, 1),
    }


def judge_weights(summaries, scale):
    """Whether weights are normally distributed around 0 with standard deviation `scale`; takes summaries by name."""
    return [
        *(_judge_std(name, got["std"], scale) for name, got in summaries.items()),
        *(_judge_distribution(name, got) for name, got in summaries.items()),
    ]


def _judge_std(name, std, scale):
    return holds(
        f"{name} has the standard deviation weight_scale",
        abs(std - scale) < 0.1 * scale,
        f"{name}: expected a standard deviation near weight_scale = {scale:g}, got {std:.4g}",
        mistake=_why_std(name, std, scale),
    )


def _why_std(name, std, scale):
    if std == 0:
        return f"all values in {name} are equal: draw them at random, or the hidden units stay equal for ever"
    if abs(std - 1) < 0.1:
        return f"{name} is not multiplied by weight_scale"
    if abs(std - scale / 12**0.5) < 0.05 * scale:
        return "np.random.rand draws uniformly from 0 to 1; np.random.randn draws from the normal distribution around 0"
    if abs(std - scale**2) < 0.1 * scale**2:
        return "weight_scale is the standard deviation: multiply by it once, not by its square"
    if abs(std - scale**0.5) < 0.1 * scale**0.5:
        return "weight_scale is the standard deviation, not the variance: take no square root"
    return f"to get {name}, multiply standard normal values by weight_scale and by nothing else"


def _judge_distribution(name, got):
    return holds(
        f"{name} is normally distributed around 0",
        not _why_distribution(name, got),
        f"{name}: mean {got['mean']:.4g}, standard deviation {got['std']:.4g}",
        f"within one standard deviation: {got['within one std']:.0%} of the values (normal: 68%)",
        f"distinct values: {got['different']:.0%}",
        mistake=_why_distribution(name, got),
    )


def _why_distribution(name, got):
    if got["different"] <= 0.99:
        return f"values in {name} are repeated: draw every entry independently, np.random.randn(rows, columns)"
    if abs(got["mean"]) >= 0.12 * got["std"]:
        return f"the mean of {name} is not near 0: draw from the normal distribution around 0, np.random.randn"
    if not 0.64 < got["within one std"] < 0.73:
        return f"draw {name} from the normal distribution: np.random.randn(rows, columns)"
    return ""


def judge_biases(summaries):
    """Whether biases are zeros with a float dtype; takes summaries by name."""
    off = {n: got for n, got in summaries.items() if got["largest"] != 0.0 or "float" not in got["dtype"]}
    gap = (
        f"{n}: expected zeros with a float dtype, got {got['dtype']} values up to {got['largest']:.4g}"
        for n, got in off.items()
    )
    return holds(
        f"{', '.join(summaries)} are all zeros",
        not off,
        *gap,
        mistake=f"create {', '.join(off)} with np.zeros: a bias has no symmetry to break",
    )


def judge_two_nets(alike):
    """Whether two nets created one after the other differ; `alike` names the weights that are the same in both."""
    return holds(
        "two nets created one after the other have different weights",
        not alike,
        f"both nets have exactly the same {', '.join(alike)}",
        mistake="the weights are not random, or __init__ seeds the random generator: leave seeding to the caller",
    )


# ---- the images


@cache
def _stored_parts(dataset):
    """The images that notebooks measure accuracies on, as they are stored, with their labels."""
    from cs231n.data_utils import load_CIFAR10

    X, y, X_test, y_test = load_CIFAR10(dtype=np.uint8)
    parts = {
        "few": (X[:NUM_FEW], y[:NUM_FEW]),
        "val": (X[NUM_TRAIN : NUM_TRAIN + NUM_VAL], y[NUM_TRAIN : NUM_TRAIN + NUM_VAL]),
        "test": (X_test[:NUM_TEST], y_test[:NUM_TEST]),
    }
    return {name: (X.transpose(0, 3, 1, 2).copy(), y.copy()) for name, (X, y) in parts.items()}


def images(part):
    """The images and labels of a part of the data set in use: 'few', 'val' or 'test'.

    Returns
    -------
    X : uint8 ndarray of shape (N, 3, 32, 32)
    y : ndarray of shape (N,)
    """
    from cs231n.data_utils import dataset_name

    return _stored_parts(dataset_name())[part]


def judge_data(part, X, y):
    """Whether X and y are those of the data set, except for a mean image that was subtracted and a factor."""
    X_stored, y_stored = images(part)
    return holds(
        f"X_{part} and y_{part} are the prepared images and labels of the data set",
        np.array_equal(y, y_stored) and _same_up_to_mean_and_factor(X, X_stored),
        "the images, their order, their labels or their preparation are different",
        mistake="run the cell that loads the data again, and do not change what data contains",
    )


def _same_up_to_mean_and_factor(X, stored):
    if not isinstance(X, np.ndarray) or X.shape != stored.shape or X.dtype.kind != "f":
        return False
    got, expected = (a[1:].astype(np.float32) - a[0].astype(np.float32) for a in (X, stored))  # the mean drops out
    factor = np.vdot(got, expected) / np.vdot(expected, expected)
    return bool(factor > 0 and np.abs(got - factor * expected).max() < 0.5 * factor)


# ---- trained nets


def count_layers(params):
    """The number of affine layers: the hidden layers and the last one."""
    return sum(str(name).startswith("W") for name in params)


def judge_params(
    params,
    input_dim=3072,
    hidden_dims=None,
    statement="the shapes of params fit each other and the images",
    mistake="pass the params of the trained net, with the layer sizes that the question asks for",
):
    """Whether params are finite float arrays with shapes that fit each other, from the inputs to the ten classes.

    `hidden_dims` are the required sizes of the hidden layers, with None for any size; without it, any number of layers
    is accepted.
    """
    dims = _sizes(params)
    expected = [input_dim, *(dims[1:-1] if hidden_dims is None else hidden_dims), NUM_CLASSES]
    fits = len(dims) == len(expected) and all(size in (None, got) for size, got in zip(expected, dims, strict=True))
    if fits:
        gap, mistake = "some values are nan or infinite", "training has diverged: use a smaller learning rate"
    else:
        sizes = [input_dim, *(["..."] if hidden_dims is None else [size or "H" for size in hidden_dims]), NUM_CLASSES]
        gap = f"expected float arrays W1, b1, W2, b2, ... for layers of sizes {', '.join(map(str, sizes))}"
        gap += f", got {', '.join(map(str, dims)) or 'something else'}"
    return holds(statement, fits and all(np.isfinite(w).all() for w in params.values()), gap, mistake=mistake)


def _sizes(params):
    """The sizes of the layers, from the inputs to the scores; empty if the shapes in params do not fit each other."""
    if not isinstance(params, dict) or not all(
        isinstance(w, np.ndarray) and w.dtype.kind == "f" for w in params.values()
    ):
        return []
    layers = [(params.get(f"W{i}"), params.get(f"b{i}")) for i in range(1, count_layers(params) + 1)]
    if any(W is None or b is None or W.ndim != 2 or b.shape != W.shape[1:] for W, b in layers):
        return []
    if any(W.shape[1] != after.shape[0] for (W, _), (after, _) in zip(layers, layers[1:], strict=False)):
        return []
    return [layers[0][0].shape[0], *(W.shape[1] for W, _ in layers)] if layers else []


def predict(params, X, normalization=None, bn_params=()):
    """The classes that a net in test mode predicts for rows or images X; computed in pieces to save memory.

    Returns
    -------
    ndarray of shape (N,)
    """
    pieces = (np.asarray(X[i : i + 500]) for i in range(0, len(X), 500))
    return np.concatenate([np.argmax(_scores(params, piece, normalization, bn_params), axis=1) for piece in pieces])


def accuracy(params, X, y, normalization=None, bn_params=()):
    """The fraction of X that a net in test mode classifies correctly."""
    return float(np.mean(predict(params, X, normalization, bn_params) == y))


def _scores(params, X, normalization, bn_params):
    out, num_layers = X.reshape(len(X), -1), count_layers(params)
    for i in range(1, num_layers + 1):
        out = out @ params[f"W{i}"] + params[f"b{i}"]
        if i < num_layers:
            out = np.maximum(0, _normalized(out, i, params, normalization, bn_params))
    return out


def _normalized(x, i, params, normalization, bn_params):
    if normalization is None:
        return x
    if normalization == "layernorm":
        mean, var = x.mean(axis=1, keepdims=True), x.var(axis=1, keepdims=True)
    else:
        mean, var = bn_params[i - 1]["running_mean"], bn_params[i - 1]["running_var"]
    return (x - mean) / np.sqrt(var + 1e-5) * params[f"gamma{i}"] + params[f"beta{i}"]


def judge_best(fits, params, X_val, y_val, X_test, y_test, bars, advice, settings=()):
    """Judge a net that a learner has tuned.

    Parameters
    ----------
    fits : Finding
        The finding on its params.
    params : dict
    X_val, y_val, X_test, y_test : ndarray
    bars : dict
        For "val" and "test", the bars by data set, as `reaches` takes them.
    advice : str
        The likely mistake if the validation accuracy is too low.
    settings : tuple
        Normalisation and running statistics, as `accuracy` takes them.
    """
    findings = [fits, judge_data("val", X_val, y_val), judge_data("test", X_test, y_test)]
    if not all(finding.ok for finding in findings):
        return findings
    return findings + [
        reaches("validation accuracy", accuracy(params, X_val, y_val, *settings), bars["val"], advice),
        reaches(
            "test accuracy",
            accuracy(params, X_test, y_test, *settings),
            bars["test"],
            "good on the validation set but not on the test set: after many attempts, the best validation accuracy is "
            "partly luck; aim higher on the validation set",
        ),
    ]
