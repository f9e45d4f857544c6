"""Implementations of the activation functions, and of the shares, as learners write them."""

import math

import numpy as np

from zoo import right, slips, wrong

MODULE = "cs231n.activations"


def _stable(x):
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, small) / (1 + small)


# ---- sigmoid_forward

slips(
    "sigmoid_forward",
    (
        "the sign is lost: for negative x the numerator is exp(x), for the others 1",
        "np.where(x >= 0, 1, small) / (1 + small)",
        "1 / (1 + small)",
    ),
    (
        "out is 1 - sigmoid(x), the mirror image: the sigmoid rises with x",
        "np.where(x >= 0, 1, small)",
        "np.where(x >= 0, small, 1)",
    ),
    (
        "out is tanh(x): the sigmoid runs from 0 to 1",
        "np.where(x >= 0, 1, small) / (1 + small)",
        "np.tanh(x)",
    ),
    (
        "out is sigmoid(2 x): (1 + tanh(x)) / 2 needs tanh of x / 2",
        "np.where(x >= 0, 1, small) / (1 + small)",
        "(1 + np.tanh(x)) / 2",
    ),
    (
        "the fraction is upside down: it is 1 over 1 + exp(-x)",
        "np.where(x >= 0, 1, small) / (1 + small)",
        "1 + np.exp(-np.clip(x, -500, 500))",
    ),
    (
        "x is cut off at -1 and 1 before the exponential",
        "np.where(x >= 0, 1, small) / (1 + small)",
        "1 / (1 + np.exp(-np.clip(x, -1, 1)))",
    ),
)


@wrong(
    "sigmoid_forward",
    "exp(x) / (1 + exp(x)) is infinite / infinite, so nan, for large x",
    rule="the first value that is not finite",
)
def sigmoid_of_two_exponentials(x):
    out = np.exp(x) / (1 + np.exp(x))
    return out, out


@wrong("sigmoid_forward", "x - max(x) is a shift for softmax: a sigmoid has no shift, each entry stands for itself")
def sigmoid_shifted(x):
    out = _stable(x - np.max(x))
    return out, out


@wrong(
    "sigmoid_forward",
    "out is a softmax over the entries: each entry of a sigmoid is computed on its own",
)
def sigmoid_as_softmax(x):
    shifted = np.exp(x - x.max(axis=-1, keepdims=True))
    out = shifted / shifted.sum(axis=-1, keepdims=True)
    return out, out


@right("sigmoid_forward", edge="overflow")
def sigmoid_plain(x):
    out = 1 / (1 + np.exp(-x))
    return out, out


@right("sigmoid_forward")
def sigmoid_by_tanh(x):
    out = 0.5 * (1 + np.tanh(0.5 * x))
    return out, (x, out)


@right("sigmoid_forward")
def sigmoid_by_logaddexp(x):
    out = np.exp(-np.logaddexp(0, -x))
    return out, out


@right("sigmoid_forward")
def sigmoid_by_index(x):
    out = np.empty_like(x)
    is_positive = x >= 0
    out[is_positive] = 1 / (1 + np.exp(-x[is_positive]))
    grown = np.exp(x[~is_positive])
    out[~is_positive] = grown / (1 + grown)
    return out, out


@right("sigmoid_forward")
def sigmoid_by_loop(x):
    values = [1 / (1 + math.exp(-v)) if v >= 0 else math.exp(v) / (1 + math.exp(v)) for v in x.ravel().tolist()]
    out = np.array(values).reshape(x.shape)
    return out, {"out": out}


# ---- sigmoid_backward

slips(
    "sigmoid_backward",
    ("the slope is missing: dx is dout itself", "dout * out * (1 - out)", "dout"),
    ("dout is missing: dx is the slope alone", "dout * out * (1 - out)", "out * (1 - out)"),
    ("out is missing in the slope out * (1 - out)", "dout * out * (1 - out)", "dout * (1 - out)"),
    ("1 - out is missing in the slope out * (1 - out)", "dout * out * (1 - out)", "dout * out"),
    ("the sign of the slope is flipped: it is out * (1 - out)", "(1 - out)", "(out - 1)"),
    ("the slope is that of tanh: for the sigmoid it is out * (1 - out)", "out * (1 - out)", "(1 - out**2)"),
    ("a product is written as a sum: dx is dout times the slope", "dout * out", "dout + out"),
    (
        "the sigmoid is taken once more: the cache holds the output already",
        "out = cache",
        "out = 1 / (1 + np.exp(-cache))",
    ),
)


@right("sigmoid_backward", beside={f"{MODULE}:sigmoid_forward": lambda x: (_stable(x), x)})
def sigmoid_backward_from_x(dout, cache):
    return dout * _stable(cache) * _stable(-cache)


@right("sigmoid_backward", edge="dout is modified in place")
def sigmoid_backward_in_place(dout, cache):
    dout *= cache * (1 - cache)
    return dout


@right("sigmoid_backward")
def sigmoid_backward_by_square(dout, cache):
    return dout * (cache - np.square(cache))


# ---- tanh

slips(
    "tanh",
    ("out is a sigmoid: tanh runs from -1 to 1", "np.tanh(x)", "1 / (1 + np.exp(-np.clip(x, -500, 500)))"),
    ("out is tanh(2 x): 2 sigmoid(2 x) - 1 is tanh(x) already", "np.tanh(x)", "np.tanh(2 * x)"),
    ("np.tan is the tangent of an angle: use np.tanh", "np.tanh(x)", "np.tan(x)"),
    ("out is tanh(x / 2): the sigmoid must be taken of 2 x", "np.tanh(x)", "np.tanh(x / 2)"),
)


@wrong(
    "tanh",
    "the exponentials overflow, and infinite / infinite is nan: use np.tanh",
    rule="the first value that is not finite",
)
def tanh_of_exponentials(x):
    out = (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x))
    return out, out


for _name, _sentence, _slope in (
    ("tanh_backward_of_sigmoid", "the slope is out * (1 - out), that of a sigmoid", lambda out: out * (1 - out)),
    ("tanh_backward_without_square", "out is not squared in the slope 1 - out ** 2", lambda out: 1 - out),
    ("tanh_backward_flipped", "the slope of tanh has the wrong sign: it is 1 - out ** 2", lambda out: out**2 - 1),
    ("tanh_backward_of_out", "tanh is taken once more: the cache holds the output", lambda out: 1 - np.tanh(out) ** 2),
    ("tanh_backward_without_one", "the slope is out ** 2: take it away from 1", lambda out: out**2),
    ("tanh_backward_squared", "the slope is squared", lambda out: (1 - out**2) ** 2),
):

    def _backward(dout, cache, _slope=_slope):
        return dout * _slope(cache)

    _backward.__name__ = _name
    wrong("tanh", _sentence, target=f"{MODULE}:tanh_backward")(_backward)


@wrong("tanh", "dout is missing: dx is dout times the slope", target=f"{MODULE}:tanh_backward")
def tanh_backward_without_dout(dout, cache):
    return 1 - cache**2


@right("tanh", beside={f"{MODULE}:tanh_backward": lambda dout, cache: dout - dout * cache[1] ** 2})
def tanh_by_sigmoid(x):
    out = 2 * _stable(2 * x) - 1
    return out, [x, out]


# ---- leaky_relu

slips(
    "leaky_relu",
    ("the left side is 0, as in ReLU: it is slope * x", "slope * x)", "0 * x)"),
    ("the left side is the slope itself: it is slope * x", "slope * x)", "slope)"),
    ("the two sides are swapped", "x > 0", "x <= 0"),
    ("the slope is subtracted: the left side is slope * x", "slope * x)", "-slope * x)"),
    ("the slope is added to x on the left side: it multiplies x", "slope * x)", "slope + x)"),
    ("the left side is divided by the slope: multiply by it", "slope * x)", "x / slope)"),
    ("the slope is always 0.01: use the argument", "slope * x)", "0.01 * x)"),
    ("the right side is scaled as well: it is x", "x, slope * x)", "slope * x, slope * x)"),
    (
        "the smaller of x and slope * x is taken: the larger one is needed",
        "np.where(x > 0, x, slope * x)",
        "np.minimum(x, slope * x)",
    ),
    (
        "slope * x is added everywhere: to the right it is x alone",
        "np.where(x > 0, x, slope * x)",
        "np.maximum(0, x) + slope * x",
    ),
)


def _changing(x, slope=0.01):
    x[x < 0] *= slope
    return x, (x, slope)


wrong("leaky_relu", "x is modified in place: write the result into a new array", rule="in place")(_changing)


for _name, _sentence, _gradient in (
    (
        "leaky_backward_of_relu",
        "the gradient on the left side is 0, as in ReLU: it is slope * dout",
        lambda dout, x, slope: dout * (x > 0),
    ),
    (
        "leaky_backward_by_dout",
        "the sign of dout decides: it is the sign of x that counts",
        lambda dout, x, slope: np.where(dout > 0, dout, slope * dout),
    ),
    (
        "leaky_backward_swapped",
        "the two sides are swapped in the backward pass",
        lambda dout, x, slope: np.where(x > 0, slope * dout, dout),
    ),
    (
        "leaky_backward_without_dout",
        "dx is the slopes alone: multiply dout by them",
        lambda dout, x, slope: np.where(x > 0, 1.0, slope),
    ),
    (
        "leaky_backward_times_x",
        "dx is dout times the output: it is dout times the slope",
        lambda dout, x, slope: dout * np.where(x > 0, x, slope * x),
    ),
    (
        "leaky_backward_of_x",
        "the left side of dx holds slope * x: it is the gradient that comes in, dout, that is multiplied",
        lambda dout, x, slope: np.where(x > 0, dout, slope * x),
    ),
    (
        "leaky_backward_only_left",
        "the right side of dx is 0: there the slope is 1",
        lambda dout, x, slope: dout * slope * (x < 0),
    ),
    (
        "leaky_backward_fixed",
        "the slope of the backward pass is always 0.01: it is in the cache",
        lambda dout, x, slope: np.where(x > 0, dout, 0.01 * dout),
    ),
):

    def _backward(dout, cache, _gradient=_gradient):
        return _gradient(dout, *cache)

    _backward.__name__ = _name
    wrong("leaky_relu", _sentence, target=f"{MODULE}:leaky_relu_backward")(_backward)


@right("leaky_relu", edge="slope 2", beside={f"{MODULE}:leaky_relu_backward": lambda dout, cache: dout * cache})
def leaky_by_maximum(x, slope=0.01):
    return np.maximum(x, slope * x), np.where(x >= 0, 1.0, slope)


@right("leaky_relu")
def leaky_by_two_relus(x, slope=0.01):
    return np.maximum(0, x) - slope * np.maximum(0, -x), (x, slope)


@right("leaky_relu", target=f"{MODULE}:leaky_relu_backward")
def leaky_backward_by_index(dout, cache):
    x, slope = cache
    dx = dout.copy()
    dx[x <= 0] *= slope
    return dx


# ---- prelu

slips(
    "prelu",
    ("the left side is 0, as in ReLU: it is alpha * x", "alpha * x)", "0 * x)"),
    ("all columns have the first slope", "alpha * x)", "alpha[0] * x)"),
    ("all columns have the mean of the slopes", "alpha * x)", "alpha.mean() * x)"),
    ("alpha is added on the left side: it multiplies x", "alpha * x)", "alpha + x)"),
    (
        "alpha acts on the right side, where x is positive: it belongs to the left one",
        "np.where(x > 0, x, alpha * x)",
        "np.where(x > 0, alpha * x, x)",
    ),
    (
        "alpha * x is added everywhere: to the right it is x alone",
        "np.where(x > 0, x, alpha * x)",
        "np.maximum(x, 0) + alpha * x",
    ),
    ("only negative slopes are used: the sign of x decides, and alpha may have any", "alpha * x)", "-abs(alpha) * x)"),
    (
        "out is the maximum of x and alpha * x, which is PReLU only for slopes up to 1",
        "np.where(x > 0, x, alpha * x)",
        "np.maximum(x, alpha * x)",
    ),
)

for _name, _sentence, _gradients in (
    (
        "prelu_dalpha_of_all",
        "dalpha counts positive entries, in which alpha has no influence",
        lambda dout, x, alpha: (np.where(x > 0, dout, alpha * dout), np.sum(dout * x, axis=0)),
    ),
    (
        "prelu_dalpha_mean",
        "dalpha is a mean over the rows: gradients of a shared slope add up",
        lambda dout, x, alpha: (np.where(x > 0, dout, alpha * dout), np.mean(dout * np.minimum(x, 0), axis=0)),
    ),
    (
        "prelu_dalpha_of_mask",
        "dalpha adds up dout alone: the derivative with respect to alpha is x, where x is negative",
        lambda dout, x, alpha: (np.where(x > 0, dout, alpha * dout), np.sum(dout * (x < 0), axis=0)),
    ),
    (
        "prelu_dalpha_without_dout",
        "dalpha does not depend on dout: multiply by it before adding up",
        lambda dout, x, alpha: (np.where(x > 0, dout, alpha * dout), np.sum(np.minimum(x, 0), axis=0)),
    ),
    (
        "prelu_dalpha_of_out",
        "dalpha has alpha in it: the derivative of alpha * x with respect to alpha is x",
        lambda dout, x, alpha: (np.where(x > 0, dout, alpha * dout), np.sum(dout * alpha * np.minimum(x, 0), axis=0)),
    ),
    (
        "prelu_dalpha_of_positive",
        "dalpha is taken where x is positive: alpha acts on the negative entries",
        lambda dout, x, alpha: (np.where(x > 0, dout, alpha * dout), np.sum(dout * np.maximum(x, 0), axis=0)),
    ),
    (
        "prelu_dalpha_flipped",
        "the sign of dalpha is flipped",
        lambda dout, x, alpha: (np.where(x > 0, dout, alpha * dout), np.sum(dout * np.maximum(-x, 0), axis=0)),
    ),
    (
        "prelu_dalpha_along_rows",
        "dalpha is added up along the wrong axis: it has one entry for each column",
        lambda dout, x, alpha: (np.where(x > 0, dout, alpha * dout), np.sum(dout * np.minimum(x, 0), axis=1)),
    ),
    (
        "prelu_dalpha_of_one_slope",
        "dalpha is a single number: each column has a slope of its own",
        lambda dout, x, alpha: (np.where(x > 0, dout, alpha * dout), np.sum(dout * np.minimum(x, 0))),
    ),
    (
        "prelu_dalpha_of_each_row",
        "dalpha has an entry for each row: add them up, all rows share the slope",
        lambda dout, x, alpha: (np.where(x > 0, dout, alpha * dout), dout * np.minimum(x, 0)),
    ),
    (
        "prelu_dx_of_relu",
        "dx is 0 where x is negative, as in ReLU: it is alpha * dout there",
        lambda dout, x, alpha: (dout * (x > 0), np.sum(dout * np.minimum(x, 0), axis=0)),
    ),
    (
        "prelu_dx_of_x",
        "the left side of dx holds alpha * x: it is the gradient that comes in, dout, that is multiplied",
        lambda dout, x, alpha: (np.where(x > 0, dout, alpha * x), np.sum(dout * np.minimum(x, 0), axis=0)),
    ),
    (
        "prelu_dx_swapped",
        "the two sides of dx are swapped",
        lambda dout, x, alpha: (np.where(x > 0, alpha * dout, dout), np.sum(dout * np.minimum(x, 0), axis=0)),
    ),
    (
        "prelu_dx_by_dout",
        "the sign of dout decides on dx: it is the sign of x that counts",
        lambda dout, x, alpha: (
            np.where(dout > 0, dout, alpha * dout),
            np.sum(dout * np.minimum(x, 0), axis=0),
        ),
    ),
):

    def _backward(dout, cache, _gradients=_gradients):
        return _gradients(dout, *cache)

    _backward.__name__ = _name
    wrong("prelu", _sentence, target=f"{MODULE}:prelu_backward")(_backward)


def _masked_backward(dout, cache):
    x, is_negative, alpha = cache["x"], cache["is_negative"], cache["alpha"]
    return dout * ~is_negative + alpha * dout * is_negative, np.einsum("nd,nd,nd->d", dout, x, 1.0 * is_negative)


@right("prelu", beside={f"{MODULE}:prelu_backward": _masked_backward})
def prelu_by_masks(x, alpha):
    is_negative = x < 0
    return x * ~is_negative + alpha * x * is_negative, {"x": x, "is_negative": is_negative, "alpha": alpha}


@right("prelu", target=f"{MODULE}:prelu_backward")
def prelu_backward_by_loops(dout, cache):
    x, alpha = cache
    dx, dalpha = np.zeros_like(x), np.zeros_like(alpha)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            if x[i, j] > 0:
                dx[i, j] = dout[i, j]
            else:
                dx[i, j] = alpha[j] * dout[i, j]
                dalpha[j] += x[i, j] * dout[i, j]
    return dx, dalpha


# ---- elu

slips(
    "elu",
    ("1 is not subtracted: the left side is alpha * (exp(x) - 1)", "np.expm1", "np.exp"),
    ("alpha is missing in front of exp(x) - 1", "alpha * np.expm1", "np.expm1"),
    (
        "1 is subtracted after the product with alpha: it is alpha * (exp(x) - 1)",
        "alpha * np.expm1(np.minimum(x, 0))",
        "alpha * np.exp(np.minimum(x, 0)) - 1",
    ),
    ("alpha stands inside the exponential: it multiplies exp(x) - 1", "alpha * np.expm1(", "np.expm1(alpha * "),
    ("the two sides are swapped", "x > 0", "x <= 0"),
    ("the left side rises as x falls: it is exp(x), not exp(-x)", "np.minimum(x, 0)", "-np.minimum(x, 0).clip(-30)"),
    ("the left side is a leaky ReLU: it is alpha * (exp(x) - 1)", "np.expm1(np.minimum(x, 0))", "np.minimum(x, 0)"),
    ("the right side is multiplied by alpha: it is x", "x > 0, x,", "x > 0, alpha * x,"),
    (
        "the maximum of x and alpha * (exp(x) - 1) is ELU only for alpha up to 1: let the sign of x decide",
        "np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))",
        "np.maximum(x, alpha * np.expm1(np.minimum(x, 0)))",
    ),
    (
        "the left side is alpha * (1 - exp(x)), which is positive: the sign is flipped",
        "np.expm1(np.minimum(x, 0))",
        "-np.expm1(np.minimum(x, 0))",
    ),
)


@wrong(
    "elu",
    "a mask does not help against overflow: infinite times 0 is nan; use np.where",
    rule="the first value that is not finite",
)
def elu_by_masks(x, alpha=1.0):
    out = x * (x > 0) + alpha * (np.exp(x) - 1) * (x <= 0)
    return out, (out, alpha)


for _name, _sentence, _slope in (
    (
        "elu_backward_without_alpha",
        "alpha is not added in the slope of the left side, out + alpha",
        lambda out, alpha: np.where(out > 0, 1, out),
    ),
    (
        "elu_backward_plus_one",
        "the slope of the left side is out + 1: it is out + alpha",
        lambda out, alpha: np.where(out > 0, 1, out + 1),
    ),
    (
        "elu_backward_of_relu",
        "the gradient on the left side is 0, as in ReLU: the slope is out + alpha",
        lambda out, alpha: np.where(out > 0, 1.0, 0.0),
    ),
    (
        "elu_backward_of_leaky",
        "the slope of the left side is alpha: it is alpha * exp(x)",
        lambda out, alpha: np.where(out > 0, 1.0, alpha),
    ),
    (
        "elu_backward_times_alpha",
        "alpha is multiplied twice: out + alpha is alpha * exp(x) already",
        lambda out, alpha: np.where(out > 0, 1, alpha * (out + alpha)),
    ),
    (
        "elu_backward_of_exp_out",
        "the exponential is taken of the output: take it of x, or add alpha to the output",
        lambda out, alpha: np.where(out > 0, 1, alpha * np.exp(np.minimum(out, 0))),
    ),
    (
        "elu_backward_swapped",
        "the two sides are swapped in the backward pass",
        lambda out, alpha: np.where(out > 0, np.minimum(out, 0) + alpha, 1),
    ),
):

    def _backward(dout, cache, _slope=_slope):
        return dout * _slope(*cache)

    _backward.__name__ = _name
    wrong("elu", _sentence, target=f"{MODULE}:elu_backward")(_backward)


@wrong(
    "elu",
    "the sign of dout decides: it is the sign of x, or of the output, that counts",
    target=f"{MODULE}:elu_backward",
)
def elu_backward_by_dout(dout, cache):
    out, alpha = cache
    return np.where(dout > 0, dout, (out + alpha) * dout)


@wrong(
    "elu",
    "dout is missing on the left side of dx: multiply it by the slope, out + alpha",
    target=f"{MODULE}:elu_backward",
)
def elu_backward_without_dout(dout, cache):
    out, alpha = cache
    return np.where(out > 0, dout, out + alpha)


@wrong("elu", "dout is missing on the right side of dx, where the slope is 1", target=f"{MODULE}:elu_backward")
def elu_backward_of_ones(dout, cache):
    out, alpha = cache
    return np.where(out > 0, 1, (out + alpha) * dout)


@right("elu", edge="overflow")
def elu_plain(x, alpha=1.0):
    out = np.where(x > 0, x, alpha * (np.exp(x) - 1))
    return out, (out, alpha)


def _elu_backward_of_slope(dout, cache):
    return dout * cache


@right("elu", beside={f"{MODULE}:elu_backward": _elu_backward_of_slope})
def elu_with_slopes(x, alpha=1.0):
    decayed = np.exp(np.minimum(x, 0))
    return np.maximum(x, 0) + alpha * (decayed - 1), np.where(x > 0, 1, alpha * decayed)


# ---- maxout_forward

slips(
    "maxout_forward",
    ("the smallest piece is taken: the largest one wins", "pieces.max(axis=1)", "pieces.min(axis=1)"),
    ("the pieces are added up: only the largest one counts", "pieces.max(axis=1)", "pieces.sum(axis=1)"),
    ("the mean of the pieces is taken: the largest one counts", "pieces.max(axis=1)", "pieces.mean(axis=1)"),
    (
        "neighbouring columns compete: the blocks lie one after the other, so reshape to (N, k, M)",
        "x.reshape(len(x), num_pieces, -1)",
        "x.reshape(len(x), -1, num_pieces).transpose(0, 2, 1)",
    ),
    (
        "the reshape to (k, N, M) mixes up the rows: keep their axis first, (N, k, M)",
        "pieces.max(axis=1)",
        "x.reshape(num_pieces, len(x), -1).max(axis=0)",
    ),
    (
        "the last piece does not compete: the loop or the slice ends too early",
        "pieces.max(axis=1)",
        "pieces[:, : max(1, num_pieces - 1)].max(axis=1)",
    ),
    ("out is the number of the winner, an integer: it is its value", "out = pieces.max(axis=1)", "out = winners"),
    (
        "the piece with the largest absolute value wins: the largest value counts, with its sign",
        "pieces.max(axis=1)",
        "np.take_along_axis(pieces, np.abs(pieces).argmax(axis=1)[:, None], axis=1)[:, 0]",
    ),
    (
        "the maximum is taken over the units of each piece: it is taken over the pieces of each unit",
        "pieces.max(axis=1)",
        "pieces.max(axis=2)",
    ),
    (
        "0 competes as well, as in ReLU: only the pieces do",
        "pieces.max(axis=1)",
        "np.maximum(0, pieces.max(axis=1))",
    ),
    ("only the first two pieces compete", "pieces.max(axis=1)", "pieces[:, :2].max(axis=1)"),
    ("the maximum has the axis of the pieces still", "pieces.max(axis=1)", "pieces.max(axis=1, keepdims=True)"),
)


@right("maxout_forward")
def maxout_by_split(x, num_pieces):
    pieces = np.stack(np.split(x, num_pieces, axis=1))
    return pieces.max(axis=0), (pieces, num_pieces)


@right("maxout_forward")
def maxout_by_loop(x, num_pieces):
    M = x.shape[1] // num_pieces
    out = x[:, :M].copy()
    for k in range(1, num_pieces):
        out = np.maximum(out, x[:, k * M : (k + 1) * M])
    return out, (x, out)


# ---- maxout_backward

slips(
    "maxout_backward",
    (
        "every piece gets the gradient: only the winner does",
        "dout[:, np.newaxis] * won",
        "dout[:, np.newaxis] * (won >= 0)",
    ),
    ("the losers get the gradient: it goes to the winner", "* won", "* ~won"),
    ("dout is missing: dx is 1 where a piece won", "dout[:, np.newaxis] * won", "1.0 * won"),
    ("the gradient is divided by the number of pieces: the winner gets all of it", "* won)", "* won / num_pieces)"),
    (
        "the blocks are interleaved: dx has one block after the other, as x has",
        "* won).reshape(len(dout), -1)",
        "* won).transpose(0, 2, 1).reshape(len(dout), -1)",
    ),
    (
        "the first piece always gets the gradient",
        "winners[:, np.newaxis] == pieces",
        "0 * winners[:, np.newaxis] == pieces",
    ),
    ("dx has the shape (N, k, M): flatten the blocks again", ".reshape(len(dout), -1)", ""),
    ("the sign of dx is flipped", "dx = (dout", "dx = (-dout"),
    (
        "the first row decides for all rows which piece won",
        "winners[:, np.newaxis] == pieces",
        "winners[:1, np.newaxis] == pieces",
    ),
    (
        "the blocks are counted from 1: the first winner is number 0",
        "winners[:, np.newaxis]",
        "winners[:, np.newaxis] - 1",
    ),
)


@wrong("maxout_backward", "only the gradient of the winners comes back: dx has k times as many columns")
def maxout_backward_of_winners(dout, cache):
    return dout.copy()


def _maxout_with_x(x, num_pieces):
    out = x.reshape(len(x), num_pieces, -1).max(axis=1)
    return out, (x, out)


@right("maxout_backward", edge="equal pieces", beside={f"{MODULE}:maxout_forward": _maxout_with_x})
def maxout_backward_by_comparison(dout, cache):
    x, out = cache
    num_pieces = x.shape[1] // out.shape[1]
    return np.tile(dout, num_pieces) * (x == np.tile(out, num_pieces))


@right("maxout_backward")
def maxout_backward_by_put(dout, cache):
    winners, num_pieces = cache
    dx = np.zeros((len(dout), num_pieces, dout.shape[1]), dtype=dout.dtype)
    np.put_along_axis(dx, winners[:, None], dout[:, None], axis=1)
    return dx.reshape(len(dout), -1)


@right("maxout_backward")
def maxout_backward_by_loops(dout, cache):
    winners, num_pieces = cache
    N, M = dout.shape
    dx = np.zeros((N, num_pieces * M))
    for i in range(N):
        for j in range(M):
            dx[i, winners[i, j] * M + j] = dout[i, j]
    return dx


# ---- slope_shares

slips(
    "slope_shares",
    (
        "the absolute value is missing: steep negative slopes count as saturated",
        "np.abs(slopes) < limit",
        "slopes < limit",
    ),
    ("the entries above the limit are counted: those below it are saturated", "< limit", "> limit"),
    ("only slopes of exactly 0 count: all below the limit do", "np.abs(slopes) < limit", "slopes == 0"),
    ("the limit is always 0.01: use the argument", "< limit", "< 0.01"),
    ("the saturated entries are counted: divide by the number of all", "np.mean(", "np.sum("),
    (
        "a unit counts as saturated if its mean slope is small: each entry counts for itself",
        "np.mean(np.abs(slopes) < limit)",
        "np.mean(np.mean(np.abs(slopes), axis=0) < limit)",
    ),
)

for _name, _sentence, _share in (
    (
        "dead_any",
        "a unit counts as dead after one input: its slope must be 0 for all",
        lambda s: np.mean(np.any(s == 0, axis=0)),
    ),
    (
        "dead_inputs",
        "inputs are counted, not units: np.all runs along the wrong axis",
        lambda s: np.mean(np.all(s == 0, axis=1)),
    ),
    (
        "dead_sum",
        "slopes of both signs, such as 1 and -1, cancel in the sum: ask each entry whether it is 0",
        lambda s: np.mean(s.sum(axis=0) == 0),
    ),
    (
        "dead_entries",
        "entries are counted, not units: a unit is dead if its slope is 0 for all inputs",
        lambda s: np.mean(s == 0),
    ),
    (
        "dead_largest",
        "a unit with slopes of -1 and 0 counts as dead: it is dead only if all of them are 0",
        lambda s: np.mean(s.max(axis=0) <= 0),
    ),
    ("live_share", "the units that live are counted", lambda s: np.mean(np.any(s != 0, axis=0))),
    (
        "dead_count",
        "the dead units are counted: divide by the number of all",
        lambda s: float(np.sum(np.all(s == 0, axis=0))),
    ),
    ("dead_first", "only the first input is looked at", lambda s: np.mean(s[0] == 0)),
):

    def _share_of(slopes, _share=_share):
        return _share(slopes)

    _share_of.__name__ = _name
    wrong("slope_shares", _sentence, target=f"{MODULE}:dead_share")(_share_of)


@right("slope_shares")
def saturated_by_two_limits(slopes, limit=0.01):
    return np.count_nonzero((-limit < slopes) & (slopes < limit)) / slopes.size


@right("slope_shares", target=f"{MODULE}:dead_share")
def dead_by_norm(slopes):
    return 1 - np.count_nonzero(np.linalg.norm(slopes, axis=0)) / slopes.shape[1]


@right("slope_shares", target=f"{MODULE}:dead_share")
def dead_by_loop(slopes):
    return sum(not column.any() for column in slopes.T) / slopes.shape[1]


# ---- one_signed_share

slips(
    "one_signed_share",
    (
        "units of both signs are counted: exactly one of the signs may occur",
        "has_positive ^ has_negative",
        "has_positive & has_negative",
    ),
    (
        "columns of zeros are counted among all units: leave them out",
        "np.sum(has_positive | has_negative)",
        "dw.shape[1]",
    ),
    (
        "only units without negative gradients count: those without positive ones do, too",
        "has_positive ^ has_negative",
        "has_positive & ~has_negative",
    ),
    (
        "the rows are looked at, of which often 0 have one sign: each column is a unit",
        "np.any(dw > 0, axis=0), np.any(dw < 0, axis=0)",
        "np.any(dw > 0, axis=1), np.any(dw < 0, axis=1)",
    ),
    (
        "a gradient of 0 counts as another sign: it has none",
        "np.any(dw > 0, axis=0), np.any(dw < 0, axis=0)",
        "np.any(dw > 0, axis=0) | np.any(dw == 0, axis=0), np.any(dw < 0, axis=0)",
    ),
    (
        "the units are counted: divide by the number of those with gradients",
        " / np.sum(has_positive | has_negative)",
        " * 1.0",
    ),
    (
        "columns with a 0 in them are left out: ask whether any entry is above 0, and whether any is below",
        "np.sum(has_positive ^ has_negative)",
        "np.sum(np.all(dw > 0, axis=0) | np.all(dw < 0, axis=0))",
    ),
    (
        "columns of zeros count as of one sign",
        "np.sum(has_positive ^ has_negative) / np.sum(has_positive | has_negative)",
        "np.mean(~(has_positive & has_negative))",
    ),
)


@wrong("one_signed_share", "the signs of single entries are counted, not whole columns")
def share_of_positive_entries(dw):
    return np.mean(dw > 0)


@right("one_signed_share")
def signed_by_sums(dw):
    kept = dw[:, np.any(dw != 0, axis=0)]
    return np.mean(np.isclose(np.abs(kept.sum(axis=0)), np.abs(kept).sum(axis=0), rtol=1e-12))


@right("one_signed_share")
def signed_by_extremes(dw):
    kept = [column for column in dw.T if np.abs(column).max() > 0]
    return sum(column.min() >= 0 or column.max() <= 0 for column in kept) / len(kept)
