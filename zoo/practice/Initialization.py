"""Implementations of initial weights and of preprocessing as learners write them."""

import numpy as np

from cs231n import initializers, preprocessing
from zoo import right, slips, wrong

_ZEROS, _CONSTANT, _GAUSSIAN = (f"cs231n.initializers:{name}" for name in ("zeros", "constant", "gaussian"))
_UNIFORM = "cs231n.initializers:xavier_uniform"
_CHANNEL, _APPLY = (f"cs231n.preprocessing:{name}" for name in ("channel_mean", "standardize_apply"))
_COORDINATES = "cs231n.preprocessing:pca_apply"

# ---- simple_weights


@wrong(
    "simple_weights", "np.full keeps whole numbers whole: an integer constant gives integer weights", target=_CONSTANT
)
def constant_of_integers(shape, value):
    return np.full(shape, value)


@wrong("simple_weights", "the weights are zeros: fill them with value", target=_CONSTANT)
def constant_left_at_zero(shape, value):
    return np.zeros(shape)


@wrong("simple_weights", "the weights are ones: fill them with value", target=_CONSTANT)
def constant_ones(shape, value):
    return np.ones(shape)


@wrong("simple_weights", "zeros are not small random numbers: the weights of zeros are exactly 0", target=_ZEROS)
def zeros_almost(shape):
    return 1e-3 * np.ones(shape)


@wrong(
    "simple_weights",
    "no weight is below 0, as with np.random.rand, which draws from 0 to 1: the mean must be 0",
    rule="np.random.rand, which draws from 0 to 1",
    target=_GAUSSIAN,
)
def rand_for_randn(shape, std=0.01, rng=np.random):
    return std * rng.uniform(size=shape)


@wrong(
    "simple_weights",
    "the weights are not multiplied by std",
    rule="the weights are not multiplied by std",
    target=_GAUSSIAN,
)
def gaussian_of_one(shape, std=0.01, rng=np.random):
    return rng.normal(size=shape)


@wrong(
    "simple_weights",
    "std is the standard deviation: multiply by it once, not by its square",
    rule="not by its square",
    target=_GAUSSIAN,
)
def gaussian_by_the_square(shape, std=0.01, rng=np.random):
    return std**2 * rng.normal(size=shape)


@wrong(
    "simple_weights",
    "std is the standard deviation, not the variance: take no root of it",
    rule="take no root of it",
    target=_GAUSSIAN,
)
def gaussian_by_the_root(shape, std=0.01, rng=np.random):
    return rng.normal(0, np.sqrt(std), shape)


@wrong(
    "simple_weights",
    "0.01 is hard-coded: use std, of which 0.01 is only the default",
    rule="0.01 is hard-coded",
    target=_GAUSSIAN,
)
def gaussian_always_small(shape, std=0.01, rng=np.random):
    return 0.01 * rng.normal(size=shape)


@wrong(
    "simple_weights",
    "the weights are drawn uniformly from -std to std: their standard deviation is std / sqrt(3)",
    rule="the weights are drawn uniformly from -std to std",
    target=_GAUSSIAN,
)
def gaussian_uniform(shape, std=0.01, rng=np.random):
    return rng.uniform(-std, std, shape)


@wrong(
    "simple_weights",
    "draw with the methods of rng, not with np.random: whoever passes a generator wants to be able to repeat the draw",
    rule="draw with the methods of rng, not with np.random",
    target=_GAUSSIAN,
)
def gaussian_without_rng(shape, std=0.01, rng=np.random):
    return std * np.random.randn(*shape)


@wrong(
    "simple_weights",
    "a generator of your own, or a seed that you set, gives the same weights to all layers: use rng as it comes",
    rule="gives the same weights to all layers",
    target=_GAUSSIAN,
)
def gaussian_with_a_seed_of_its_own(shape, std=0.01, rng=np.random):
    return std * np.random.default_rng(0).normal(size=shape)


@wrong(
    "simple_weights",
    "a single number is drawn: pass size=shape, so that every weight gets one of its own",
    rule="a single number is drawn: pass size=shape",
    target=_GAUSSIAN,
)
def gaussian_single(shape, std=0.01, rng=np.random):
    return rng.normal(0, std)


@wrong(
    "simple_weights",
    "weights are repeated: draw every one independently of the others",
    rule="weights are repeated",
    target=_GAUSSIAN,
)
def gaussian_row_repeated(shape, std=0.01, rng=np.random):
    return np.broadcast_to(rng.normal(0, std, shape[1:]), shape).copy()


@right("simple_weights", target=_GAUSSIAN)
def gaussian_scaled(shape, std=0.01, rng=np.random):
    return std * rng.standard_normal(shape)


@right("simple_weights", target=_GAUSSIAN, edge="have no randn")
def gaussian_by_randn(shape, std=0.01, rng=np.random):
    return std * rng.randn(*shape)


@right("simple_weights", target=_CONSTANT)
def constant_times_ones(shape, value):
    return value * np.ones(shape)


@right("simple_weights", target=_GAUSSIAN)
def gaussian_one_by_one(shape, std=0.01, rng=np.random):
    W = np.empty(shape)
    for i in range(shape[0]):
        W[i] = rng.normal(0, std, shape[1:])
    return W


# ---- fans

slips(
    "fans",
    (
        "the sizes of the filter are left out: an output of a convolution adds up C * HH * WW products",
        "fan_in, fan_out = C * HH * WW, F * HH * WW",
        "fan_in, fan_out = C, F",
    ),
    (
        "fan_in and fan_out of a convolution are swapped: its weights start with F, the number of outputs",
        "C * HH * WW, F * HH * WW",
        "F * HH * WW, C * HH * WW",
    ),
    (
        "the axes of a convolution's weights are read as those of an affine layer: the first is F, then comes C * HH * "
        "WW",
        "C * HH * WW, F * HH * WW",
        "F, C * HH * WW",
    ),
    (
        "fan_out of a convolution is F alone: an input entry lies under HH * WW positions of each of the F filters",
        "F * HH * WW",
        "F",
    ),
    (
        "fan_in and fan_out of an affine layer are swapped: its weights (D, M) have a row for each input",
        "fan_in, fan_out = shape",
        "fan_out, fan_in = shape",
    ),
    (
        "filters are taken to be square: a filter has HH * WW entries, and WW need not be HH",
        "C * HH * WW, F * HH * WW",
        "C * HH**2, F * HH**2",
    ),
    (
        "the number of all weights is no fan: an output adds up only those that lead to it",
        "C * HH * WW, F * HH * WW",
        "F * C * HH * WW, F * C * HH * WW",
    ),
    (
        "fan_in lacks the channels: each filter covers HH * WW positions of all C channels",
        "C * HH * WW, F",
        "HH * WW, F",
    ),
    (
        "fan_out counts all weights: an input entry lies in one channel, under HH * WW positions of each of F filters",
        "F * HH * WW",
        "F * C * HH * WW",
    ),
    (
        "the first two sizes of a convolution are taken: they are F and C, and an output adds up C * HH * WW products",
        "C * HH * WW, F * HH * WW",
        "F, C",
    ),
    ("the sizes are added: a filter has C * HH * WW weights", "C * HH * WW, F * HH * WW", "C + HH + WW, F + HH + WW"),
)


@right("fans")
def fans_by_the_field(shape):
    field = int(np.prod(shape[2:]))
    inputs, outputs = (shape[0], shape[1]) if len(shape) == 2 else (shape[1], shape[0])
    return inputs * field, outputs * field


@right("fans")
def fans_by_counting(shape):
    example = np.empty(shape, dtype=np.int8)
    if len(shape) == 2:
        return example[:, 0].size, example[0].size
    return example[0].size, example[:, 0].size


# ---- xavier


def _n(shape, mode):
    return initializers._chosen_fan(shape, mode)


def _wrong_xavier(name, sentence, std, rule):
    """Register a normal distribution with a wrong standard deviation, std(n, shape)."""

    def function(shape, mode="average", rng=np.random):
        return rng.normal(0, std(_n(shape, mode), shape), shape)

    function.__name__ = name
    wrong("xavier", sentence, rule=rule)(function)


for _name, _sentence, _std in (
    ("xavier_variance", "1 / n is the variance: the standard deviation is its square root", lambda n, shape: 1 / n),
    ("xavier_of_he", "the variance is 2 / n, as for ReLU: Xavier's is 1 / n", lambda n, shape: (2 / n) ** 0.5),
    (
        "xavier_halved",
        "the variance is half of what it should be: n is already the mean, do not halve it again",
        lambda n, shape: (0.5 / n) ** 0.5,
    ),
    ("xavier_times_root", "the weights are multiplied by sqrt(n): divide by it", lambda n, shape: n**0.5),
    ("xavier_not_scaled", "the weights are not scaled: their variance must be 1 / n", lambda n, shape: 1.0),
    (
        "xavier_by_rows",
        "n is fan_in here: use the n that is given, which mode chooses",
        lambda n, shape: initializers.fans(shape)[0] ** -0.5,
    ),
    (
        "xavier_by_columns",
        "n is fan_out here: use the n that is given, which mode chooses",
        lambda n, shape: initializers.fans(shape)[1] ** -0.5,
    ),
    (
        "xavier_always_average",
        "n is the mean of both fans here: use the n that is given, which mode chooses",
        lambda n, shape: np.mean(initializers.fans(shape)) ** -0.5,
    ),
):
    _wrong_xavier(_name, _sentence, _std, rule=_sentence)


@wrong(
    "xavier",
    "no weight is below 0, as with np.random.rand, which draws from 0 to 1: the mean must be 0",
    rule="no weight is below 0, as with np.random.rand",
)
def xavier_by_rand(shape, mode="average", rng=np.random):
    return rng.uniform(size=shape) / np.sqrt(_n(shape, mode))


@wrong(
    "xavier",
    "W is transposed: it has a row for each input and a column for each output, as `shape` says",
    rule="W is transposed",
)
def xavier_transposed(shape, mode="average", rng=np.random):
    return rng.normal(0, _n(shape, mode) ** -0.5, shape[::-1])


@wrong(
    "xavier",
    "the weights are not normally distributed: rng.normal draws from the normal distribution",
    rule="the weights are not normally distributed",
)
def xavier_normal_that_is_uniform(shape, mode="average", rng=np.random):
    return initializers.xavier_uniform(shape, mode, rng)


@wrong(
    "xavier",
    "draw with the methods of rng, not with np.random: whoever passes a generator wants to be able to repeat the draw",
    rule="not with np.random",
)
def xavier_without_rng(shape, mode="average", rng=np.random):
    return np.random.randn(*shape) / np.sqrt(_n(shape, mode))


def _wrong_uniform(name, sentence, limits):
    """Register a uniform distribution between wrong limits, limits(n)."""

    def function(shape, mode="average", rng=np.random):
        return rng.uniform(*limits(_n(shape, mode)), shape)

    function.__name__ = name
    wrong("xavier", sentence, rule=sentence, target=_UNIFORM)(function)


for _name, _sentence, _limits in (
    (
        "uniform_limit_without_3",
        "the limit is sqrt(1 / n): uniform numbers from -a to a have the variance a^2 / 3",
        lambda n: (-(n**-0.5), n**-0.5),
    ),
    (
        "uniform_limit_6_by_mean",
        "the limit is sqrt(6 / n): n is the mean of both fans, so it is sqrt(3 / n)",
        lambda n: (-((6 / n) ** 0.5), (6 / n) ** 0.5),
    ),
    ("uniform_without_root", "the limit is 3 / n: it is the square root of that", lambda n: (-3 / n, 3 / n)),
    (
        "uniform_from_zero",
        "no weight is below 0, as with np.random.rand, which draws from 0 to 1: the mean must be 0",
        lambda n: (0, (3 / n) ** 0.5),
    ),
    (
        "uniform_width",
        "the width of the interval is sqrt(1 / n): it must be 2 a, with a = sqrt(3 / n)",
        lambda n: (-0.5 * n**-0.5, 0.5 * n**-0.5),
    ),
    (
        "uniform_half_width",
        "the interval from -a to a is 2 a wide: its half is sqrt(3 / n)",
        lambda n: (-0.5 * (3 / n) ** 0.5, 0.5 * (3 / n) ** 0.5),
    ),
):
    _wrong_uniform(_name, _sentence, _limits)


@wrong(
    "xavier",
    "the weights are not spread evenly between two limits: rng.uniform draws them so",
    rule="the weights are not spread evenly between two limits",
    target=_UNIFORM,
)
def uniform_that_is_normal(shape, mode="average", rng=np.random):
    return rng.normal(0, _n(shape, mode) ** -0.5, shape)


@right("xavier")
def xavier_divided(shape, mode="average", rng=np.random):
    return rng.standard_normal(shape) / np.sqrt(_n(shape, mode))


@right("xavier", target=_UNIFORM)
def uniform_shifted(shape, mode="average", rng=np.random):
    limit = np.sqrt(3) / np.sqrt(_n(shape, mode))
    return 2 * limit * rng.uniform(size=shape) - limit


@right("xavier")
def xavier_in_float32(shape, mode="average", rng=np.random):
    return (rng.normal(size=shape) * np.sqrt(1 / _n(shape, mode))).astype(np.float32)


# ---- he


def _wrong_he(name, sentence, std):
    """Register a normal distribution with a wrong standard deviation, std(n, slope)."""

    def function(shape, mode="fan_in", slope=0.0, rng=np.random):
        return rng.normal(0, std(_n(shape, mode), slope), shape)

    function.__name__ = name
    wrong("he", sentence, rule=sentence)(function)


for _name, _sentence, _std in (
    ("he_variance", "2 / n is the variance: the standard deviation is its square root", lambda n, a: 2 / n),
    (
        "he_of_xavier",
        "the variance is 1 / n, Xavier's: ReLU lets half of it through, so it must be 2 / n",
        lambda n, a: n**-0.5,
    ),
    (
        "he_two_outside",
        "the weights are multiplied by 2 instead of sqrt(2): the factor 2 belongs to the variance",
        lambda n, a: 2 / n**0.5,
    ),
    ("he_not_scaled", "the weights are not scaled: their variance must be 2 / n", lambda n, a: 1.0),
    ("he_without_slope", "slope is not used: the variance is 2 / ((1 + slope^2) n)", lambda n, a: (2 / n) ** 0.5),
    (
        "he_slope_not_squared",
        "slope is not squared: the variance is 2 / ((1 + slope^2) n)",
        lambda n, a: (2 / ((1 + a) * n)) ** 0.5,
    ),
    (
        "he_slope_multiplies",
        "1 + slope^2 multiplies: a slope lets more through, so divide by it",
        lambda n, a: (2 * (1 + a**2) / n) ** 0.5,
    ),
    (
        "he_slope_subtracted",
        "the sign of slope^2 is wrong: the variance is 2 / ((1 + slope^2) n)",
        lambda n, a: (2 / ((1 - a**2) * n)) ** 0.5,
    ),
    (
        "he_square_of_the_sum",
        "the square is that of 1 + slope: only slope is squared, 1 + slope^2",
        lambda n, a: (2 / ((1 + a) ** 2 * n)) ** 0.5,
    ),
    (
        "he_n_multiplies",
        "n multiplies: the variance is 2 / ((1 + slope^2) n), with brackets around all of the divisor",
        lambda n, a: (2 / (1 + a**2) * n) ** 0.5,
    ),
    (
        "he_n_outside",
        "n stands outside of the root: the standard deviation is sqrt(2 / n)",
        lambda n, a: (2 / (1 + a**2)) ** 0.5 / n,
    ),
):
    _wrong_he(_name, _sentence, _std)


@wrong("he", "n is not fan_in here: use the n that is given", rule="n is not fan_in here")
def he_always_fan_in(shape, mode="fan_in", slope=0.0, rng=np.random):
    return rng.normal(0, np.sqrt(2 / ((1 + slope**2) * _n(shape, "fan_in"))), shape)


@wrong(
    "he",
    "no weight is below 0, as with np.random.rand, which draws from 0 to 1: the mean must be 0",
    rule="no weight is below 0, as with np.random.rand",
)
def he_by_rand(shape, mode="fan_in", slope=0.0, rng=np.random):
    return rng.uniform(size=shape) * np.sqrt(2 / _n(shape, mode))


@wrong(
    "he",
    "the weights are not normally distributed: rng.normal draws from the normal distribution",
    rule="the weights are not normally distributed",
)
def he_uniform(shape, mode="fan_in", slope=0.0, rng=np.random):
    limit = np.sqrt(6 / ((1 + slope**2) * _n(shape, mode)))
    return rng.uniform(-limit, limit, shape)


@wrong(
    "he",
    "draw with the methods of rng, not with np.random: whoever passes a generator wants to be able to repeat the draw",
    rule="not with np.random",
)
def he_without_rng(shape, mode="fan_in", slope=0.0, rng=np.random):
    return np.random.randn(*shape) * np.sqrt(2 / ((1 + slope**2) * _n(shape, mode)))


@right("he")
def he_by_gain(shape, mode="fan_in", slope=0.0, rng=np.random):
    gain = np.sqrt(2.0 / (1 + slope * slope))
    return gain / np.sqrt(_n(shape, mode)) * rng.standard_normal(shape)


@right("he", edge="have no randn")
def he_by_randn(shape, mode="fan_in", slope=0.0, rng=np.random):
    return rng.randn(*shape) * np.sqrt(2 / (_n(shape, mode) * (1 + slope**2)))


# ---- orthogonal

slips(
    "orthogonal",
    (
        "gain has no effect: multiply Q by it, since the decomposition takes out what comes before",
        "W = gain * (",
        "W = (",
    ),
    ("the weights are divided by gain: multiply by it", "W = gain * (", "W = 1 / gain * ("),
    ("gain counts twice: multiply by it once", "W = gain * (", "W = gain**2 * ("),
    (
        "Q alone favours some directions: multiply each of its columns by the sign of R's diagonal",
        "Q *= np.sign(np.diag(R))",
        "pass",
    ),
    (
        "np.linalg.qr is left out: random columns are only nearly orthogonal",
        "Q, R = np.linalg.qr(high)",
        "Q, R = high / np.linalg.norm(high, axis=0), np.eye(high.shape[1])",
    ),
    (
        "draw with the methods of rng, not with np.random: whoever passes a generator wants to be able to repeat the "
        "draw",
        "rng.normal",
        "np.random.normal",
    ),
    (
        "a generator of your own, or a seed that you set, gives the same weights to all layers: use rng as it comes",
        "rng.normal",
        "np.random.default_rng(0).normal",
    ),
    (
        "gain has no effect: multiply Q by it, since the decomposition takes out what comes before",
        "high)",
        "gain * high)",
        "gain * (Q",
        "(Q",
    ),
    (
        "the lengths differ: multiply the columns of Q by the signs of R's diagonal, not by its entries",
        "np.sign(np.diag(R))",
        "np.diag(R)",
    ),
    (
        "W begins with a positive entry too often: decompose a matrix of rng.normal, which is around 0, and take the "
        "signs of R's diagonal, not those of Q",
        "rng.normal(size=",
        "rng.uniform(size=",
    ),
    (
        "of a wide W, Q is reshaped, which mixes up its entries: transpose it",
        "(Q if rows >= columns else Q.T)",
        "Q",
    ),
    (
        "of a wide matrix np.linalg.qr returns a square Q: decompose a high one, and transpose Q",
        *("(max(rows, columns), min(rows, columns))", "(rows, columns)"),
        *("(Q if rows >= columns else Q.T)", "Q"),
    ),
)


@wrong(
    "orthogonal",
    "Q is as high and as narrow as the matrix that it is made of: draw that one high, and transpose Q if W is wide",
    rule="Q is as high and as narrow",
)
def orthogonal_high_only(shape, gain=1.0, rng=np.random):
    rows, columns = shape[0], int(np.prod(shape[1:]))
    Q, R = np.linalg.qr(rng.normal(size=(rows, columns)))
    Q *= np.sign(np.diag(R))
    return gain * Q.reshape(shape) if Q.size == np.prod(shape) else gain * Q


@wrong(
    "orthogonal",
    "take Q of a QR decomposition: its columns are orthogonal; of a wide W, the rows must be",
    rule="take Q of a QR decomposition",
)
def orthogonal_by_xavier(shape, gain=1.0, rng=np.random):
    return gain * rng.normal(size=shape) / np.sqrt(shape[0])


@right("orthogonal")
def orthogonal_by_svd(shape, gain=1.0, rng=np.random):
    U, _, Vt = np.linalg.svd(rng.normal(size=(shape[0], int(np.prod(shape[1:])))), full_matrices=False)
    return gain * (U @ Vt).reshape(shape)


@right("orthogonal")
def orthogonal_by_gram_schmidt(shape, gain=1.0, rng=np.random):
    rows, columns = shape[0], int(np.prod(shape[1:]))
    vectors = []
    while len(vectors) < min(rows, columns):
        v = rng.normal(size=max(rows, columns))
        for _ in range(2):  # once more against rounding
            for u in vectors:
                v = v - (u @ v) * u
        vectors.append(v / np.linalg.norm(v))
    W = np.array(vectors)
    return gain * (W.T if rows >= columns else W).reshape(shape)


# ---- input_means

slips(
    "input_means",
    ("the mean runs over the pixels of each image: the mean image is the mean over images, axis 0", "axis=0", "axis=1"),
    ("a mean over all axes is a single number: each pixel has its own", "X, axis=0", "X"),
    ("this is the sum of the images: divide by their number", "np.mean", "np.sum"),
    ("this is the median image: take the mean", "np.mean(X, axis=0, dtype=np.float64)", "np.median(X, axis=0)"),
    (
        "the mean image is rounded to whole pixels: keep its fractions",
        "np.mean(X, axis=0, dtype=np.float64)",
        "np.rint(np.mean(X, axis=0))",
    ),
    (
        "the mean keeps the axis of the images, with length 1: it has the shape of one image",
        "axis=0",
        "axis=0, keepdims=True",
    ),
    (
        "a sum of pixels in uint8 starts again at 0 after 255: np.mean adds them up as floats",
        "np.mean(X, axis=0, dtype=np.float64)",
        "sum(X) / len(X)",
    ),
)


def _wrong_channel(name, sentence, function):
    def channel_mean(X):
        return function(X)

    channel_mean.__name__ = name
    wrong("input_means", sentence, target=_CHANNEL)(channel_mean)


for _name, _sentence, _function in (
    (
        "channel_without_axes",
        "the mean of a channel needs two further axes of length 1: (C, 1, 1)",
        lambda X: X.mean(axis=(0, 2, 3)),
    ),
    (
        "channel_of_each_image",
        "each image gets means of its own: those of the channels run over the images as well, axes 0, 2 and 3",
        lambda X: X.mean(axis=(2, 3)),
    ),
    (
        "channel_axis_last",
        "the channels are taken from the last axis: they are axis 1 of (N, C, H, W)",
        lambda X: X.mean(axis=(0, 1, 2)).reshape(-1, 1, 1),
    ),
    ("channel_one_for_all", "one mean for all channels: each has its own", lambda X: X.mean().reshape(1, 1, 1)),
    (
        "channel_of_first_image",
        "the mean is that of the first image: take all training images",
        lambda X: X[:1].mean(axis=(0, 2, 3)).reshape(-1, 1, 1),
    ),
    (
        "channel_keeps_images",
        "the axis of the images is still there, with length 1: the shape is (C, 1, 1)",
        lambda X: X.mean(axis=(0, 2, 3), keepdims=True),
    ),
    (
        "channel_over_channels",
        "the mean runs over the channels, which are axis 1: it runs over all other axes",
        lambda X: X.mean(axis=1),
    ),
):
    _wrong_channel(_name, _sentence, _function)


@right("input_means")
def mean_image_by_a_loop(X):
    total = np.zeros(X.shape[1:])
    for image in X:
        total += image
    return total / len(X)


@right("input_means", target=_CHANNEL)
def channel_mean_of_the_mean_image(X):
    return preprocessing.mean_image(X).mean(axis=(1, 2), keepdims=True)


# ---- standardize

slips(
    "standardize",
    (
        "std is the variance: its square root is missing",
        "std = np.where(std > eps, std, 1.0)",
        "std = np.where(std > eps, std**2, 1.0)",
    ),
    (
        "where the training images do not vary, std is 0: put 1 there",
        "std = np.where(std > eps, std, 1.0)",
        "std = std + 0.0",
    ),
    (
        "eps is added to all standard deviations: it is only a threshold, below which std is 1",
        "std = np.where(std > eps, std, 1.0)",
        "std = std + eps",
    ),
    (
        "a std that is too small becomes eps: it becomes 1, so that the pixel is not blown up",
        "np.where(std > eps, std, 1.0)",
        "np.maximum(std, eps)",
    ),
    (
        "one standard deviation for all pixels: each has its own",
        "std = np.std(X, axis=0, dtype=np.float64)",
        "std = np.full(X.shape[1:], np.std(X))",
    ),
    (
        "per is not used: channels have one mean and one std each",
        'if per == "pixel":',
        "if True:",
    ),
    (
        "per is not used: each pixel has a mean and a std of its own",
        'if per == "pixel":',
        "if X.ndim == 2:",
    ),
    (
        "the mean is left at 0: it is what standardize_apply subtracts",
        "std = np.where(std > eps, std, 1.0)",
        "mean, std = np.zeros_like(mean), np.where(std > eps, std, 1.0)",
    ),
    (
        "the standard deviation divides by N - 1: here it is the root of the mean square, over N",
        "dtype=np.float64",
        "dtype=np.float64, ddof=1",
    ),
    (
        "eps is hard-coded: use the argument",
        "std > eps",
        "std > 1e-8",
    ),
    (
        "std is the variance: np.var has no root",
        "np.std",
        "np.var",
    ),
    (
        "the std of a channel is that of all its pixels together: a mean of the pixels' own deviations leaves out how "
        "their means differ",
        "np.std(X, axis=(0, 2, 3), dtype=np.float64).reshape(-1, 1, 1)",
        "np.std(X, axis=0, dtype=np.float64).mean(axis=(1, 2), keepdims=True)",
    ),
)


def _wrong_apply(name, sentence, function):
    def standardize_apply(X, stats):
        return function(X, **stats)

    standardize_apply.__name__ = name
    wrong("standardize", sentence, target=_APPLY)(standardize_apply)


for _name, _sentence, _function in (
    (
        "apply_own_statistics",
        "the images get statistics of their own: use those of the training images, in stats",
        lambda X, mean, std: (X - X.mean(axis=0)) / np.where(X.std(axis=0) > 1e-8, X.std(axis=0), 1),
    ),
    (
        "apply_own_mean",
        "the mean is that of the images at hand: use stats['mean']",
        lambda X, mean, std: (X - X.mean(axis=0)) / std,
    ),
    (
        "apply_one_mean",
        "a single mean of all pixels at hand is subtracted: use stats['mean']",
        lambda X, mean, std: (X - X.mean()) / std,
    ),
    ("apply_mean_only", "the division by std is missing", lambda X, mean, std: X - mean),
    ("apply_std_only", "the mean is not subtracted", lambda X, mean, std: X / std),
    ("apply_brackets", "the brackets are missing: subtract first, then divide", lambda X, mean, std: X - mean / std),
    ("apply_times", "std multiplies: divide by it", lambda X, mean, std: (X - mean) * std),
    ("apply_plus", "the mean is added: subtract it", lambda X, mean, std: (X + mean) / std),
    ("apply_variance", "the division is by the variance: divide by std", lambda X, mean, std: (X - mean) / std**2),
):
    _wrong_apply(_name, _sentence, _function)


@right("standardize")
def standardize_by_squares(X, per="pixel", eps=1e-8):
    X = X.astype(np.float64)
    axes = (0,) if per == "pixel" else (0, 2, 3)
    mean = X.mean(axis=axes, keepdims=True)
    std = np.sqrt(np.mean((X - mean) ** 2, axis=axes, keepdims=True))
    std[std <= eps] = 1
    return {"mean": mean[0], "std": std[0]}


@right("standardize", target=_APPLY)
def apply_by_a_loop(X, stats):
    return np.array([(image - stats["mean"]) * (1 / stats["std"]) for image in X])


# ---- pca_images

slips(
    "pca_images",
    (
        "the mean is not subtracted before the covariance is taken",
        "centred = (X - mean).astype(np.float64, copy=False)",
        "centred = X",
    ),
    ("the covariance is not divided by the number of images", " / len(X)", ""),
    ("the covariance is divided by N - 1: here it is a mean over N images", " / len(X)", " / (len(X) - 1)"),
    ("the covariance is divided by the number of pixels: divide by that of the images", " / len(X)", " / X.shape[1]"),
    (
        "the variances and directions are in ascending order: turn both around",
        "variances[::-1][:K], components[:, ::-1][:, :K]",
        "variances[:K], components[:, :K]",
    ),
    (
        "the variances are turned around, but not the directions",
        "components[:, ::-1][:, :K]",
        "components[:, :K]",
    ),
    (
        "the rows of the directions are turned around: each direction is a column",
        "components[:, ::-1][:, :K]",
        "components[::-1][:, :K]",
    ),
    (
        "the directions are rows here: each is a column of components",
        "components[:, ::-1][:, :K]",
        "components[:, ::-1].T[:, :K]",
    ),
    (
        "the rows of np.linalg.eigh's second result are taken: the directions are its columns",
        "components[:, ::-1][:, :K]",
        "components[::-1][:K].T",
    ),
    (
        "the standard deviations are returned in place of the variances",
        "np.maximum(variances, 0)",
        "np.sqrt(np.maximum(variances, 0))",
    ),
    (
        "num_components is not used",
        "variances[::-1][:K], components[:, ::-1][:, :K]",
        "variances[::-1], components[:, ::-1]",
    ),
    (
        "the mean is that of all entries: each pixel has its own",
        "mean = mean_image(X)",
        "mean = np.full(X.shape[1], X.mean())",
    ),
    (
        "the singular values are returned: the variances are their squares, divided by the number of images",
        "variances, components = np.linalg.eigh(covariance)",
        "_, S, Vt = np.linalg.svd(centred, full_matrices=False)\nvariances, components = S[::-1], Vt.T[:, ::-1]",
    ),
    (
        "the last result of np.linalg.svd has the directions in its rows: transpose it",
        "variances, components = np.linalg.eigh(covariance)",
        "_, lengths, Vt = np.linalg.svd(covariance)\nvariances, components = lengths[::-1], Vt[:, ::-1]",
    ),
    (
        "np.linalg.eig returns the variances in no order: np.linalg.eigh sorts them",
        "np.linalg.eigh(covariance)",
        "np.linalg.eig(covariance)",
    ),
    (
        "the last directions are kept: after both were turned around, those of the largest variances come first",
        "components[:, ::-1][:, :K]",
        "components[:, ::-1][:, -K:]",
    ),
    (
        "the first K rows of the directions are kept: each direction is a column, [:, :K]",
        "components[:, ::-1][:, :K]",
        "components[:, ::-1][:K]",
    ),
    (
        "the covariance of the images with each other is taken, (N, N): that of the pixels is (D, D)",
        "centred.T @ centred",
        "centred @ centred.T",
    ),
)


@wrong("pca_images", "the mean is not subtracted before the product with the components", target=_COORDINATES)
def coordinates_without_mean(X, stats):
    return X @ stats["components"]


@wrong("pca_images", "the mean is that of the images at hand: use stats['mean']", target=_COORDINATES)
def coordinates_with_own_mean(X, stats):
    return (X - X.mean(axis=0)) @ stats["components"]


@wrong(
    "pca_images",
    "the coordinates are turned back into images: the product with the components is all",
    target=_COORDINATES,
)
def coordinates_and_back(X, stats):
    return (X - stats["mean"]) @ stats["components"] @ stats["components"].T


@wrong(
    "pca_images",
    "the components are transposed: their columns are the directions, so X - mean is multiplied by them as they are",
    target=_COORDINATES,
)
def coordinates_with_the_transposed(X, stats):
    return (X - stats["mean"]) @ stats["components"].T


@wrong("pca_images", "the coordinates are divided by their spread: that is whitening", target=_COORDINATES)
def coordinates_whitened(X, stats):
    return (X - stats["mean"]) @ stats["components"] / np.sqrt(stats["variances"])


@right("pca_images")
def pca_by_svd(X, num_components=None):
    mean = X.mean(axis=0)
    _, lengths, Vt = np.linalg.svd(X - mean)
    variances = np.zeros(X.shape[1])
    variances[: len(lengths)] = lengths**2 / len(X)
    return {"mean": mean, "components": Vt.T[:, :num_components], "variances": variances[:num_components]}


@right("pca_images")
def pca_by_svd_of_the_covariance(X, num_components=None):
    mean = X.mean(axis=0)
    U, S, _ = np.linalg.svd(np.einsum("ni,nj->ij", X - mean, X - mean) / len(X))
    return {"mean": mean, "components": -U[:, :num_components], "variances": S[:num_components]}


@right("pca_images", edge="slightly below")
def pca_sorted(X, num_components=None):
    variances, components = np.linalg.eigh(np.cov(X.T, bias=True))
    order = np.argsort(-variances)[:num_components]
    return {"mean": X.mean(axis=0), "components": components[:, order], "variances": variances[order] - 1e-18}


@right("pca_images", target=_COORDINATES)
def coordinates_by_einsum(X, stats):
    return np.einsum("nd,dk->nk", X - stats["mean"], stats["components"])


# ---- whiten

slips(
    "whiten",
    (
        "the coordinates are divided by the variances: the root is missing",
        'np.sqrt(stats["variances"] + eps)',
        '(stats["variances"] + eps)',
    ),
    ("eps is not added to the variances", 'stats["variances"] + eps', 'stats["variances"]'),
    (
        "eps is added outside of the root: add it to the variances",
        'np.sqrt(stats["variances"] + eps)',
        '(np.sqrt(stats["variances"]) + eps)',
    ),
    ("the coordinates are multiplied by their spread: divide by it", "stats) / np", "stats) * np"),
    (
        "the images are only turned, not scaled: divide by the root of the variances",
        ' / np.sqrt(stats["variances"] + eps)',
        "",
    ),
    (
        "each coordinate is divided by its spread among the images at hand: use stats['variances']",
        'np.sqrt(stats["variances"] + eps)',
        "np.sqrt(pca_apply(X, stats).var(axis=0) + eps)",
    ),
    ("eps is hard-coded: use the argument", "+ eps", "+ 1e-5"),
    (
        "the images are not turned: take their coordinates along the components first",
        "pca_apply(X, stats)",
        '(X - stats["mean"])[:, : len(stats["variances"])]',
    ),
    (
        "the mean is not subtracted: pca_apply does it",
        "pca_apply(X, stats)",
        'X @ stats["components"]',
    ),
    (
        "eps is taken for a lower limit of the variances: add it to all of them",
        'stats["variances"] + eps',
        'np.maximum(stats["variances"], eps)',
    ),
    (
        "the whitened coordinates are turned back into images: that is ZCA, and the coordinates are asked for",
        'np.sqrt(stats["variances"] + eps)',
        'np.sqrt(stats["variances"] + eps) @ stats["components"].T',
    ),
)


@right("whiten")
def whiten_by_one_matrix(X, stats, eps=1e-5):
    matrix = stats["components"] / np.sqrt(stats["variances"] + eps)
    return (X - stats["mean"]) @ matrix


@right("whiten")
def whiten_by_a_loop(X, stats, eps=1e-5):
    out = np.zeros((len(X), len(stats["variances"])))
    for k, variance in enumerate(stats["variances"]):
        out[:, k] = (X - stats["mean"]) @ stats["components"][:, k] / (variance + eps) ** 0.5
    return out
