"""What questions of several notebooks find out about a net: how its weights are drawn, and what it has learnt.

The functions `judge_...` return a `Finding`, or a list of them. A net's arrays come as the dict `params`: W1, b1, ...,
WL, bL, and gamma and beta of the hidden layers that are normalised.
"""

from functools import cache

import numpy as np

from coursekit.core.question import holds, reaches

NUM_TRAIN, NUM_VAL, NUM_TEST, NUM_FEW = 49000, 1000, 1000, 50
NUM_CLASSES = 10


# ---- weights at the start


def summary(w):
    """What the judge needs to know of a random matrix: its shape, type, moments, and how often it repeats itself."""
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
    """Whether weights are normal numbers around 0 with the standard deviation `scale`; their summaries by name."""
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
        return f"all entries of {name} are equal: then all hidden units stay equal for ever; draw them at random"
    if abs(std - 1) < 0.1:
        return f"{name} is not multiplied by weight_scale"
    if abs(std - scale / 12**0.5) < 0.05 * scale:
        return "np.random.rand draws evenly from 0 to 1; np.random.randn draws from the normal distribution around 0"
    if abs(std - scale**2) < 0.1 * scale**2:
        return "weight_scale is the standard deviation, so multiply by it once, not by its square"
    if abs(std - scale**0.5) < 0.1 * scale**0.5:
        return "weight_scale is the standard deviation, not the variance: no square root"
    return f"multiply standard normal numbers by weight_scale, and by nothing else, to get {name}"


def _judge_distribution(name, got):
    return holds(
        f"{name} is normally distributed around 0",
        not _why_distribution(name, got),
        f"{name}: mean {got['mean']:.4g}, standard deviation {got['std']:.4g}",
        f"within one standard deviation: {got['within one std']:.0%} of the entries (normal: 68%)",
        f"different from each other: {got['different']:.0%}",
        mistake=_why_distribution(name, got),
    )


def _why_distribution(name, got):
    if got["different"] <= 0.99:
        return f"draw each entry of {name} anew: np.random.randn(rows, columns), nothing repeated"
    if abs(got["mean"]) >= 0.12 * got["std"]:
        return "np.random.rand draws from 0 to 1; np.random.randn draws around 0, from the normal distribution"
    if not 0.64 < got["within one std"] < 0.73:
        return f"draw {name} from the normal distribution: np.random.randn(rows, columns)"
    return ""


def judge_biases(summaries):
    """Whether biases are zeros of a float type; their summaries by name."""
    off = {n: got for n, got in summaries.items() if got["largest"] != 0.0 or "float" not in got["dtype"]}
    gap = (
        f"{n}: expected zeros of a float type, got {got['dtype']} up to {got['largest']:.4g}" for n, got in off.items()
    )
    return holds(
        f"{', '.join(summaries)} are all zeros",
        not off,
        *gap,
        mistake=f"{', '.join(off)}: a bias starts as np.zeros, it has no symmetry to break",
    )


def judge_two_nets(alike):
    """Whether two nets built one after the other differ; `alike` names the weights that are the same in both."""
    return holds(
        "two nets have different weights",
        not alike,
        f"two nets, built one after the other, have exactly the same {', '.join(alike)}",
        mistake="the weights are not random, or the generator is seeded in __init__: leave seeding to the caller",
    )


# ---- the pictures


@cache
def _stored_parts(dataset):
    """The pictures that notebooks measure on, as they are stored, with their labels."""
    from cs231n.data_utils import load_CIFAR10

    X, y, X_test, y_test = load_CIFAR10(dtype=np.uint8)
    parts = {
        "few": (X[:NUM_FEW], y[:NUM_FEW]),
        "val": (X[NUM_TRAIN : NUM_TRAIN + NUM_VAL], y[NUM_TRAIN : NUM_TRAIN + NUM_VAL]),
        "test": (X_test[:NUM_TEST], y_test[:NUM_TEST]),
    }
    return {name: (X.transpose(0, 3, 1, 2).copy(), y.copy()) for name, (X, y) in parts.items()}


def pictures(part):
    """The pictures and labels of a part of the data set in use: 'few', 'val' or 'test'.

    Returns
    -------
    X : uint8 ndarray of shape (N, 3, 32, 32)
    y : ndarray of shape (N,)
    """
    from cs231n.data_utils import dataset_name

    return _stored_parts(dataset_name())[part]


def judge_data(part, X, y):
    """Whether X and y are the data set's own, up to a mean picture taken off and a factor."""
    X_stored, y_stored = pictures(part)
    return holds(
        f"X_{part}, y_{part} are those of the data set",
        np.array_equal(y, y_stored) and _same_up_to_mean_and_factor(X, X_stored),
        "they are not the pictures and labels of the data set in their order, or not in their preparation",
        mistake="run the cell that loads the data again, and leave what data holds as it is",
    )


def _same_up_to_mean_and_factor(X, stored):
    if not isinstance(X, np.ndarray) or X.shape != stored.shape or X.dtype.kind != "f":
        return False
    got, wanted = (a[1:].astype(np.float32) - a[0].astype(np.float32) for a in (X, stored))  # the mean drops out
    factor = np.vdot(got, wanted) / np.vdot(wanted, wanted)
    return bool(factor > 0 and np.abs(got - factor * wanted).max() < 0.5 * factor)


# ---- nets that were trained


def count_layers(params):
    """The number of affine layers, hidden ones and the last."""
    return sum(str(name).startswith("W") for name in params)


def judge_params(
    params,
    input_dim=3072,
    hidden_dims=None,
    statement="params fit each other and the pictures",
    mistake="hand in the params of a net with the sizes that the cell gives, as it was trained",
):
    """Whether params are finite float arrays that fit each other, from the inputs to the ten classes.

    `hidden_dims` are the sizes that the hidden layers must have, None for one of any size; without it, any number of
    layers fits.
    """
    dims = _sizes(params)
    wanted = [input_dim, *(dims[1:-1] if hidden_dims is None else hidden_dims), NUM_CLASSES]
    fits = len(dims) == len(wanted) and all(want in (None, got) for want, got in zip(wanted, dims, strict=True))
    if fits:
        gap, mistake = "some weights are not finite", "training has diverged: a smaller learning rate"
    else:
        sizes = [input_dim, *(["..."] if hidden_dims is None else [size or "H" for size in hidden_dims]), NUM_CLASSES]
        gap = f"expected float arrays W1, b1, W2, b2, ... for layers of the sizes {', '.join(map(str, sizes))}"
        gap += f", got {', '.join(map(str, dims)) or 'something else'}"
    return holds(statement, fits and all(np.isfinite(w).all() for w in params.values()), gap, mistake=mistake)


def _sizes(params):
    """The sizes of the layers from inputs to scores; empty if params do not fit each other."""
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
    """The classes that a net in use gives to rows or pictures X, from its arrays; in pieces, to spare memory.

    Returns
    -------
    ndarray of shape (N,)
    """
    pieces = (np.asarray(X[i : i + 500]) for i in range(0, len(X), 500))
    return np.concatenate([np.argmax(_scores(params, piece, normalization, bn_params), axis=1) for piece in pieces])


def accuracy(params, X, y, normalization=None, bn_params=()):
    """The share of X that a net in use classifies rightly."""
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
    """Judge the net that a learner has tuned.

    Parameters
    ----------
    fits : Finding
        That on its params.
    params : dict
    X_val, y_val, X_test, y_test : ndarray
    bars : dict
        For "val" and "test" the bars by data set, as `reaches` takes them.
    advice : str
        The likely mistake where the validation accuracy is too low.
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
            "well on the validation set and not on the test set: too many tries on too small a validation set",
        ),
    ]
