"""The questions of Initialization: initial weights, judged by their distribution, and the preprocessing of images."""

import numpy as np

from coursekit.core.question import Case, Question, holds
from coursekit.questions import _edges

NOTEBOOK = "Initialization"
WEIGHTS, IMAGES = "cs231n.initializers", "cs231n.preprocessing"

_NEW_GENERATOR = (
    "the newer generators of NumPy, such as np.random.default_rng(0), have no randn and no rand; normal, uniform and "
    "standard_normal work with all of them"
)
_ONE_IMAGE = "in use, images often come one at a time, and each must be treated as it would be among others"
_FEW_IMAGES = (
    "with fewer images than directions some variances are 0, and rounding can leave them slightly below: a root of "
    "them is nan"
)


# ---- fans


def _shapes(rng):
    """Weights of affine layers and of convolutions, in one list; a convolution is not square, nor are its filters."""
    affine = rng.randint(2, 900, size=(4, 2))
    maps = rng.randint(2, 90, size=(4, 2))
    sides = np.array([rng.permutation(np.arange(1, 8))[:2] for _ in range(4)])
    return {"affine": affine, "convolutions": np.hstack([maps, sides])}


def _run_fans(affine, convolutions):
    from cs231n.initializers import fans

    return {
        "fans of affine layers": np.array([fans(tuple(map(int, shape))) for shape in affine]),
        "fans of convolutions": np.array([fans(tuple(map(int, shape))) for shape in convolutions]),
    }


fans = Question(
    id="fans",
    title="How many terms a sum has",
    notebook=NOTEBOOK,
    points=1,
    minutes=10,
    difficulty=2,
    importance=4,
    hints=(
        "An output of an affine layer adds up one product for each input. How many products does one output of a "
        "convolution add up?",
        "A filter covers HH times WW positions of each of the C channels. Seen from an input entry, the channels of "
        "the output take the place of those of the input.",
    ),
    implements=(f"{WEIGHTS}:fans",),
    cases=(
        Case("layers of both kinds", _shapes, _run_fans),
        Case("more layers of both kinds", _shapes, _run_fans),
    ),
)


# ---- random weights

TOLERANCE = 0.05  # of a standard deviation; that of 7,000 or more values is off by 0.8 % or less, typically
_SHAPES = {"affine": (160, 70), "convolution": (40, 12, 3, 5)}
_SPREAD = {"normal": 0.683, "uniform": 0.577}  # the share of values within one standard deviation


_REPEATED = "weights are repeated: draw every one independently of the others"


def _draw_inputs(rng, shape, **options):
    return {"shape": np.array(shape), "draw": int(rng.randint(2**31 - 1)), **options}


def _run_draws(name, make_rng=np.random.RandomState):
    """Draw weights twice from one generator, and once from another that starts as the first did."""

    def run(shape, draw, **options):
        from cs231n import initializers

        function, rng = getattr(initializers, name), make_rng(draw)
        np.random.seed(draw)  # code that takes no notice of rng shall fail in the same way each time
        shape = tuple(map(int, shape))
        first, second = (function(shape, rng=rng, **options) for _ in range(2))
        return {"first": first, "second": second, "again": function(shape, rng=make_rng(draw), **options)}

    return run


def _observe_draws(inputs, outputs):
    """Summarise weights, which are too many to store."""
    first, second, again = (np.asarray(outputs[name]) for name in ("first", "second", "again"))
    if first.dtype.kind not in "fiu" or first.size == 0:
        return {"shape": list(first.shape), "dtype": str(first.dtype)}
    values = first.astype(float)
    std = values.std()
    return {
        "shape": list(first.shape),
        "dtype": str(first.dtype),
        "mean": float(values.mean()),
        "std": float(std),
        "below 0": float(np.mean(values < 0)),
        "within one std": float(np.mean(np.abs(values - values.mean()) < (std or 1.0))),
        "largest": float(np.abs(values).max()),
        "different": len(np.unique(values)) / values.size,
        "same generator, same weights": np.array_equal(first, again),
        "as the time before": np.array_equal(first, second),
    }


def _judge_draws(kind, expected_std, known, with_generator):
    """Make a judge of weights: their distribution, and, `with_generator`, whether the generator decides on them.

    `expected_std` takes a shape and the options. `known` takes the same and returns pairs: a wrong standard deviation,
    and what leads to it.
    """

    def judge(inputs, got):
        shape = tuple(map(int, inputs["shape"]))
        is_array = holds(
            "W has the shape asked for",
            got["shape"] == list(shape) and "std" in got,
            f"expected numbers of shape {shape}, got {got['dtype']} values of shape {tuple(got['shape'])}",
            mistake=_why_shape(shape, tuple(got["shape"])),
        )
        if not is_array.ok:
            return [is_array]
        options = {name: value for name, value in inputs.items() if name not in ("shape", "draw")}
        expected = expected_std(shape, **options)
        return [
            _judge_mean(kind, got),
            _judge_std(got["std"], expected, known(shape, **options)),
            _judge_kind(kind, got),
            *(_judge_generator(got) if with_generator else []),
        ]

    return judge


def _why_shape(shape, got):
    if got == shape[::-1]:
        return "W is transposed: it has a row for each input and a column for each output, as `shape` says"
    if not got:
        return "a single number is drawn: pass size=shape, so that every weight gets one of its own"
    return "draw as many numbers as `shape` asks for: size=shape"


def _judge_mean(kind, got):
    if got["std"] == 0:
        mistake = "all weights are equal: draw every one of them at random, or the units stay equal for ever"
    elif got["different"] <= 0.99:
        mistake = _REPEATED
    elif got["below 0"] == 0:
        mistake = "no weight is below 0, as with np.random.rand, which draws from 0 to 1: the mean must be 0"
    else:
        mistake = "draw the weights around 0"
    return holds(
        "the mean of W is about 0",
        got["std"] > 0 and abs(got["mean"]) < 0.08 * got["std"],
        f"expected a mean of about 0, got {got['mean']:.4g}; {got['below 0']:.0%} of the weights are below 0",
        mistake=mistake,
    )


def _judge_std(got, expected, known):
    value, why = min(known, key=lambda pair: abs(got / pair[0] - 1))
    return holds(
        "the standard deviation of W is right",
        abs(got - expected) < TOLERANCE * expected,
        f"expected a standard deviation of about {expected:.4g}, got {got:.4g}",
        mistake=why if abs(got / value - 1) < 0.03 else "",
    )


def _judge_kind(kind, got):
    share, threshold = got["within one std"], np.mean(list(_SPREAD.values()))
    name = {"normal": "normally distributed", "uniform": "uniformly distributed"}[kind]
    if got["different"] <= 0.99:
        mistake = _REPEATED
    elif kind == "normal":
        mistake = "the weights are not normally distributed: rng.normal draws from the normal distribution"
    else:
        mistake = "the weights are not spread evenly between two limits: rng.uniform draws them so"
    return holds(
        f"W is {name}",
        got["different"] > 0.99 and (share > threshold) == (kind == "normal") and abs(share - _SPREAD[kind]) < 0.05,
        f"{share:.1%} of the weights are within one standard deviation of the mean, expected {_SPREAD[kind]:.1%}; "
        f"{got['different']:.0%} of them are different",
        mistake=mistake,
    )


def _judge_generator(got):
    return [
        holds(
            "the generator decides on the weights",
            got["same generator, same weights"],
            "two generators that start alike give different weights",
            mistake="draw with the methods of rng, not with np.random: whoever passes a generator wants to be able to "
            "repeat the draw",
        ),
        holds(
            "two draws differ",
            not got["as the time before"],
            "two calls with one generator give exactly the same weights",
            mistake="a generator of your own, or a seed that you set, gives the same weights to all layers: use rng as "
            "it comes",
        ),
    ]


def _fan_of(shape, mode):
    """The number of terms that `mode` chooses, as the model answer has it."""
    receptive = int(np.prod(shape[2:]))
    fan_in, fan_out = shape if len(shape) == 2 else (shape[1] * receptive, shape[0] * receptive)
    return {"fan_in": fan_in, "fan_out": fan_out, "average": (fan_in + fan_out) / 2}[mode]


def _draw_cases(name, kind, std, known, rows):
    """Cases for a function that draws weights, from rows (label, shape, options); last, an edge."""
    cases = [
        Case(
            label,
            lambda rng, shape=shape, options=options: _draw_inputs(rng, shape, **options),
            _run_draws(name),
            judge=_judge_draws(kind, std, known, with_generator=not i),
            observe=_observe_draws,
        )
        for i, (label, shape, options) in enumerate(rows)
    ]
    _, shape, options = rows[0]
    new = Case(
        f"{kind}, a new generator",
        lambda rng: _draw_inputs(rng, shape, **options),
        _run_draws(name, np.random.default_rng),
        judge=_judge_draws(kind, std, known, with_generator=False),
        observe=_observe_draws,
        edge=_NEW_GENERATOR,
    )
    return cases, new


# ---- zeros, constants, and a normal distribution


def _run_equal(shape, value):
    from cs231n.initializers import constant, zeros

    shape = tuple(map(int, shape))
    return {"zeros": zeros(shape), "constant": constant(shape, value)}


def _run_whole(shape, value):
    """Weights take steps, which an integer dtype would cut off."""
    from cs231n.initializers import constant

    W = constant(tuple(map(int, shape)), value)
    before = W.copy()
    W.flat[0] = 0.25
    return {"constant": before, "constant, its first weight set to 0.25": W}


def _known_gaussian(shape, std):
    return (
        (1.0, "the weights are not multiplied by std"),
        (std**2, "std is the standard deviation: multiply by it once, not by its square"),
        (std**0.5, "std is the standard deviation, not the variance: take no root of it"),
        (std / 3**0.5, "the weights are drawn uniformly from -std to std: their standard deviation is std / sqrt(3)"),
        (0.01, "0.01 is hard-coded: use std, of which 0.01 is only the default"),
    )


_GAUSSIAN, _GAUSSIAN_NEW = _draw_cases(
    "gaussian",
    "normal",
    lambda shape, std: std,
    _known_gaussian,
    (("normal, small", _SHAPES["affine"], {"std": 0.02}), ("normal, large", _SHAPES["convolution"], {"std": 3.0})),
)

simple_weights = Question(
    id="simple_weights",
    title="Zeros, constants, and a normal distribution",
    notebook=NOTEBOOK,
    points=1,
    minutes=10,
    difficulty=1,
    importance=3,
    hints=(
        "NumPy has a function for each of the three. Weights are fractions, even if all of them start with a whole "
        "number.",
        "Use the method of rng that takes a mean, a standard deviation and a size. A constant that is an integer needs "
        "a float dtype.",
    ),
    implements=tuple(f"{WEIGHTS}:{name}" for name in ("zeros", "constant", "gaussian")),
    cases=(
        Case("equal weights", lambda rng: {"shape": np.array((3, 5)), "value": float(rng.uniform(0.1, 3))}, _run_equal),
        Case("of a convolution", lambda rng: {"shape": np.array((2, 3, 5, 4)), "value": -0.5}, _run_equal),
        Case("a whole number", lambda rng: {"shape": np.array((4, 2)), "value": 2}, _run_whole),
        *_GAUSSIAN,
        _GAUSSIAN_NEW,
    ),
)


# ---- Xavier and He


def _known_xavier(shape, mode="average", uniform=False):
    n = _fan_of(shape, mode)
    others = {"fan_in": "fan_in", "fan_out": "fan_out", "average": "the mean of both fans"}
    known = [
        (1.0, "the weights are not scaled: their variance must be 1 / n"),
        (1 / n, "1 / n is the variance: the standard deviation is its square root"),
        ((2 / n) ** 0.5, "the variance is 2 / n, as for ReLU: Xavier's is 1 / n"),
        ((0.5 / n) ** 0.5, "the variance is half of what it should be: n is already the mean, do not halve it again"),
        (n**0.5, "the weights are multiplied by sqrt(n): divide by it"),
        (n**-0.25, "two roots are taken: the standard deviation is sqrt(1 / n)"),
    ]
    if uniform:
        known[:0] = [
            ((1 / (3 * n)) ** 0.5, "the limit is sqrt(1 / n): uniform numbers from -a to a have the variance a^2 / 3"),
            ((2 / n) ** 0.5, "the limit is sqrt(6 / n): n is the mean of both fans, so it is sqrt(3 / n)"),
            (3**0.5 / n, "the limit is 3 / n: it is the square root of that"),
            (
                1 / (12 * n) ** 0.5,
                "the width of the interval is sqrt(1 / n): it must be 2 a, with a = sqrt(3 / n)",
            ),
            ((1 / (4 * n)) ** 0.5, "the interval from -a to a is 2 a wide: its half is sqrt(3 / n)"),
        ]
    for other, what in others.items():
        known.append((_fan_of(shape, other) ** -0.5, f"n is {what} here: use the n that is given, which mode chooses"))
    if len(shape) == 4:
        known.append((shape[1] ** -0.5, "n is the number of channels alone: each filter also has HH x WW positions"))
    return known


def _xavier_std(shape, mode="average"):
    return _fan_of(shape, mode) ** -0.5


_XAVIER_ROWS = (
    ("affine", _SHAPES["affine"], {}),
    ("convolution", _SHAPES["convolution"], {}),
    ("fan_in", _SHAPES["affine"], {"mode": "fan_in"}),
)
_XAVIER, _XAVIER_NEW = _draw_cases(
    "xavier_normal",
    "normal",
    _xavier_std,
    _known_xavier,
    tuple((f"normal, {label}", shape, options) for label, shape, options in _XAVIER_ROWS),
)
_UNIFORM, _UNIFORM_NEW = _draw_cases(
    "xavier_uniform",
    "uniform",
    _xavier_std,
    lambda shape, **options: _known_xavier(shape, uniform=True, **options),
    tuple((f"uniform, {label}", shape, options) for label, shape, options in _XAVIER_ROWS),
)

xavier = Question(
    id="xavier",
    title="Xavier: a spread that lasts",
    notebook=NOTEBOOK,
    points=3,
    minutes=20,
    difficulty=2,
    importance=5,
    hints=(
        "A sum of n products keeps the variance of its inputs if each weight has the variance 1 / n. The generator "
        "wants a standard deviation.",
        "Uniform numbers from -a to a have the variance a * a / 3. Which a makes that 1 / n?",
    ),
    implements=(f"{WEIGHTS}:xavier_normal", f"{WEIGHTS}:xavier_uniform"),
    builds_on=("fans",),
    cases=(*_XAVIER, *_UNIFORM, _XAVIER_NEW, _UNIFORM_NEW),
)


def _he_std(shape, mode="fan_in", slope=0.0):
    return (2 / ((1 + slope**2) * _fan_of(shape, mode))) ** 0.5


def _known_he(shape, mode="fan_in", slope=0.0):
    n, std = _fan_of(shape, mode), _he_std(shape, mode, slope)
    known = [
        (2 / n, "2 / n is the variance: the standard deviation is its square root"),
        (std**2, "this is the variance: the standard deviation is its square root"),
        (n**-0.5, "the variance is 1 / n, Xavier's: ReLU lets half of it through, so it must be 2 / n"),
        (2 / n**0.5, "the weights are multiplied by 2 instead of sqrt(2): the factor 2 belongs to the variance"),
        (1.0, "the weights are not scaled: their variance must be 2 / n"),
        (
            (2 * n) ** 0.5,
            "n multiplies: the variance is 2 / ((1 + slope^2) n), with brackets around all of the divisor",
        ),
        (2**0.5 / n, "n stands outside of the root: the standard deviation is sqrt(2 / n)"),
    ]
    if slope:
        known += [
            ((2 / n) ** 0.5, "slope is not used: the variance is 2 / ((1 + slope^2) n)"),
            ((2 / ((1 + slope) * n)) ** 0.5, "slope is not squared: the variance is 2 / ((1 + slope^2) n)"),
            ((2 * (1 + slope**2) / n) ** 0.5, "1 + slope^2 multiplies: a slope lets more through, so divide by it"),
            ((2 / (1 + slope**2 * n)) ** 0.5, "n multiplies slope^2 alone: brackets around 1 + slope^2 are missing"),
            ((2 / ((1 - slope**2) * n)) ** 0.5, "the sign of slope^2 is wrong: the variance is 2 / ((1 + slope^2) n)"),
            (
                (2 / ((1 + slope) ** 2 * n)) ** 0.5,
                "the square is that of 1 + slope: only slope is squared, 1 + slope^2",
            ),
            ((1 / ((1 + slope**2) * n)) ** 0.5, "the factor 2 is missing: the variance is 2 / ((1 + slope^2) n)"),
        ]
    for other in ("fan_in", "fan_out", "average"):
        if other != mode and not slope:  # a wrong n shows in the cases without a slope
            known.append((_he_std(shape, other, slope), f"n is not {other} here: use the n that is given"))
    return known


_HE, _HE_NEW = _draw_cases(
    "he_normal",
    "normal",
    _he_std,
    _known_he,
    (
        ("normal, affine", _SHAPES["affine"], {}),
        ("normal, convolution", _SHAPES["convolution"], {"mode": "fan_out"}),
        ("normal, leaky", _SHAPES["affine"], {"slope": 0.6}),
    ),
)

he = Question(
    id="he",
    title="He: a spread that lasts with ReLU",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=2,
    importance=5,
    hints=(
        "ReLU makes half of the values 0, so half of the mean square is gone after each layer. What must the weights "
        "make up for?",
        "With a slope, a share of slope squared of the other half comes through as well. Divide by what comes through "
        "of the whole.",
    ),
    implements=(f"{WEIGHTS}:he_normal",),
    builds_on=("fans",),
    cases=(*_HE, _HE_NEW),
)


# ---- orthogonal weights


def _run_orthogonal(make_rng=np.random.RandomState):
    def run(shape, gain, draw):
        from cs231n.initializers import orthogonal

        np.random.seed(draw)
        rng, shape = make_rng(draw), tuple(map(int, shape))
        first, second = (orthogonal(shape, gain=gain, rng=rng) for _ in range(2))
        # Small matrices, many of them, show whether all directions are equally likely.
        many = np.array([orthogonal((3, 2), gain=gain, rng=rng) for _ in range(150)])
        return {
            "first": first,
            "second": second,
            "again": orthogonal(shape, gain=gain, rng=make_rng(draw)),
            "many": many,
        }

    return run


def _observe_orthogonal(inputs, outputs):
    """Summarise weights by their products, which are the same for all right answers."""
    shape = tuple(map(int, inputs["shape"]))
    first, second, again, many = (np.asarray(outputs[name]) for name in ("first", "second", "again", "many"))
    summary = {"shape": list(first.shape), "dtype": str(first.dtype)}
    if first.shape != shape or first.dtype.kind not in "fiu" or many.shape != (150, 3, 2):
        return summary
    matrix = first.reshape(len(first), -1).astype(float)
    products = matrix @ matrix.T if matrix.shape[0] < matrix.shape[1] else matrix.T @ matrix
    lengths = np.sqrt(np.diag(products))
    off = products - np.diag(np.diag(products))
    return summary | {
        "shortest": float(lengths.min()),
        "longest": float(lengths.max()),
        "off the diagonal": float(np.abs(off).max()),
        "mean of the first entry": float(many[:, 0, 0].mean()),
        "same generator, same weights": np.array_equal(first, again),
        "as the time before": np.array_equal(first, second),
    }


def _judge_orthogonal(inputs, got):
    shape, gain = tuple(map(int, inputs["shape"])), inputs["gain"]
    is_array = holds(
        "W has the shape asked for",
        got["shape"] == list(shape) and "shortest" in got,
        f"expected numbers of shape {shape}, got {got['dtype']} values of shape {tuple(got['shape'])}",
        mistake="Q is as high and as narrow as the matrix that it is made of: draw that one high, and transpose Q if W "
        "is wide",
    )
    if not is_array.ok:
        return [is_array]
    which = "rows" if shape[0] < np.prod(shape[1:]) else "columns"
    lengths = (got["shortest"], got["longest"])
    return [
        holds(
            f"the {which} of W are orthogonal",
            got["off the diagonal"] < 1e-9 * max(1, gain**2),
            f"two different {which} have a scalar product of up to {got['off the diagonal']:.4g}, expected 0",
            mistake="take Q of a QR decomposition: its columns are orthogonal; of a wide W, the rows must be",
        ),
        holds(
            f"the {which} of W have the length gain",
            max(abs(length - gain) for length in lengths) < 1e-9 * gain,
            f"expected the length {gain:g}, got lengths from {lengths[0]:.6g} to {lengths[1]:.6g}",
            mistake=_why_length(lengths, gain),
        ),
        holds(
            "all directions are equally likely",
            abs(got["mean of the first entry"]) < 0.3 * gain,
            f"over 150 draws the mean of W[0, 0] is {got['mean of the first entry']:.3g}, expected about 0",
            mistake=_why_direction(got["mean of the first entry"]),
        ),
        *_judge_generator(got),
    ]


def _why_direction(mean):
    """Q as NumPy makes it begins with a negative entry, if the matrix begins with a positive one."""
    if mean < 0:
        return "Q alone favours some directions: multiply each of its columns by the sign of R's diagonal"
    return (
        "W begins with a positive entry too often: decompose a matrix of rng.normal, which is around 0, and take the "
        "signs of R's diagonal, not those of Q"
    )


def _why_length(lengths, gain):
    near = {
        1.0: "gain has no effect: multiply Q by it, since the decomposition takes out what comes before",
        1 / gain: "the weights are divided by gain: multiply by it",
        gain**2: "gain counts twice: multiply by it once",
        gain**0.5: "the root of gain is taken: multiply by gain itself",
    }
    if not np.isclose(*lengths):
        return "the lengths differ: multiply the columns of Q by the signs of R's diagonal, not by its entries"
    return next((why for value, why in near.items() if np.allclose(lengths, value, rtol=1e-6)), "")


def _orthogonal_case(label, shape, gain, make_rng=np.random.RandomState, edge=""):
    return Case(
        label,
        lambda rng: {"shape": np.array(shape), "gain": gain, "draw": int(rng.randint(2**31 - 1))},
        _run_orthogonal(make_rng),
        judge=_judge_orthogonal,
        observe=_observe_orthogonal,
        edge=edge,
    )


orthogonal = Question(
    id="orthogonal",
    title="Orthogonal: no direction shrinks",
    notebook=NOTEBOOK,
    points=2,
    minutes=20,
    difficulty=3,
    importance=2,
    hints=(
        "np.linalg.qr turns the columns of a high matrix into orthogonal columns of length 1. What do you do if W is "
        "wider than high?",
        "Multiply the columns of Q by the signs of the diagonal of R before you transpose; then multiply by gain, and "
        "reshape for a convolution.",
    ),
    implements=(f"{WEIGHTS}:orthogonal",),
    cases=(
        _orthogonal_case("high", (7, 4), 1.5),
        _orthogonal_case("wide", (5, 8), 0.7),
        _orthogonal_case("convolution", (6, 2, 3, 5), 2.5),
        _orthogonal_case("a new generator", (6, 3), 1.5, np.random.default_rng, edge=_NEW_GENERATOR),
    ),
)


# ---- preprocessing


def _image_inputs(rng, shape, dtype=np.float64):
    """Images whose pixels and channels have means and spreads of their own."""
    means, stds = rng.uniform(20, 200, shape[1:]), rng.uniform(1, 40, shape[1:])
    channels = 30.0 * np.arange(shape[1]).reshape(-1, *[1] * (len(shape) - 2))
    return {"X": np.round(means + channels + stds * rng.randn(*shape), 2).astype(dtype)}


def _pixels(rng, shape):
    return {"X": rng.randint(0, 256, size=shape).astype(np.uint8)}


def _image_sizes(X, **_):
    return dict(zip("NCHW" if X.ndim == 4 else "ND", X.shape, strict=False))


def _run_means(X):
    from cs231n.preprocessing import channel_mean, mean_image

    return {"mean image": mean_image(X), "channel mean": channel_mean(X)}


input_means = Question(
    id="input_means",
    title="The mean image, and the mean of each channel",
    notebook=NOTEBOOK,
    points=1,
    minutes=10,
    difficulty=1,
    importance=4,
    hints=(
        "Over which axes is the mean taken? What is left says what the result describes: an image, or a number for "
        "each channel.",
        "Several axes can be given as a tuple. Two further axes of length 1 let NumPy subtract the mean of a channel "
        "from all of its positions.",
    ),
    implements=(f"{IMAGES}:mean_image", f"{IMAGES}:channel_mean"),
    cases=(
        Case("five images", lambda rng: _image_inputs(rng, (5, 3, 4, 6)), _run_means, _image_sizes),
        Case("two channels", lambda rng: _image_inputs(rng, (4, 2, 5, 3)), _run_means, _image_sizes),
        Case("pixels as they are stored", lambda rng: _pixels(rng, (6, 3, 2, 4)), _run_means, _image_sizes),
        Case(
            "one image", lambda rng: _image_inputs(rng, (1, 3, 2, 4)), _run_means, _image_sizes, edge=_edges.ONE_INPUT
        ),
    ),
)


def _standardize_inputs(rng, shape, per, num_others, constant=False, dtype=np.float64, eps=1e-8):
    inputs = _image_inputs(rng, shape, dtype)
    others = (inputs["X"][:1] + 40 * rng.randn(num_others, *shape[1:])).astype(dtype)
    if constant:  # a pixel, or a channel, that is the same in all training images, and not in others
        inputs["X"].reshape(len(inputs["X"]), shape[1], -1)[:, 0, : 1 if per == "pixel" else None] = 7
    return inputs | {"others": others, "per": per, "eps": eps}


def _run_standardize(X, others, per, eps):
    from cs231n.preprocessing import standardize_apply, standardize_fit

    stats = standardize_fit(X, per=per, eps=eps)
    return {
        "mean": stats["mean"],
        "std": stats["std"],
        "out of the training images": standardize_apply(X, stats),
        "out of others": standardize_apply(others, stats),
    }


def _standardize_case(name, tolerance=1e-8, edge="", **options):
    return Case(
        name,
        lambda rng: _standardize_inputs(rng, **options),
        _run_standardize,
        _image_sizes,
        tolerance=tolerance,
        edge=edge,
    )


standardize = Question(
    id="standardize",
    title="Scaling: fit and apply",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=2,
    importance=4,
    hints=(
        "One function looks at the training images and returns two arrays; the other never takes a mean, it only uses "
        "what it is given.",
        "The two kinds differ in their axes alone. np.where replaces a standard deviation that is not above eps by 1.",
    ),
    implements=(f"{IMAGES}:standardize_fit", f"{IMAGES}:standardize_apply"),
    builds_on=("input_means",),
    cases=(
        _standardize_case("each pixel", shape=(6, 3, 2, 4), per="pixel", num_others=5),
        _standardize_case("each channel", shape=(5, 2, 4, 3), per="channel", num_others=3),
        _standardize_case("a constant pixel", shape=(7, 3, 4, 2), per="pixel", num_others=4, constant=True),
        _standardize_case("a constant channel", shape=(4, 3, 2, 5), per="channel", num_others=6, constant=True),
        _standardize_case("a large eps", shape=(5, 4, 3, 2), per="pixel", num_others=2, eps=20.0),
        _standardize_case("float32", 1e-4, shape=(6, 3, 4, 5), per="pixel", num_others=2, dtype=np.float32),
        _standardize_case("one other image", shape=(5, 3, 2, 4), per="pixel", num_others=1, edge=_ONE_IMAGE),
    ),
)


def _row_inputs(rng, N, D, num_others=3, num_components=None):
    """Rows around a mean, with spreads of 1, 2, 4, ... along directions that are not those of the axes."""
    directions = np.linalg.qr(rng.randn(D, D))[0]
    X = rng.uniform(-5, 5, D) + (rng.randn(N, D) * 2.0 ** np.arange(D)[:D]) @ directions.T
    others = 3 + 4 * rng.randn(num_others, D)
    return {"X": X, "others": others, "num_components": num_components}


def _with_fixed_signs(stats):
    """The components with a positive largest entry in each column: the sign of a direction is open."""
    components = np.asarray(stats["components"])
    if components.ndim != 2 or 0 in components.shape or components.dtype.kind not in "fiu":
        return components
    largest = np.take_along_axis(components, np.abs(components).argmax(axis=0)[None], axis=0)
    return components * np.where(largest < 0, -1.0, 1.0)


def _run_pca(X, others, num_components):
    from cs231n.preprocessing import pca_apply, pca_fit

    stats = pca_fit(X, num_components)
    return {**stats, "coordinates": pca_apply(others, stats), "training coordinates": pca_apply(X, stats)}


def _observe_pca(inputs, outputs):
    components = _with_fixed_signs(outputs)
    coordinates = np.asarray(outputs["coordinates"])
    return {
        "mean": outputs["mean"],
        "variances": outputs["variances"],
        "components up to signs": components,
        "coordinates up to signs": np.abs(coordinates) if coordinates.dtype.kind in "fiu" else coordinates,
    }


def _observe_few(inputs, outputs):
    """With fewer rows than directions those of variance 0 are open; what is not must be right."""
    variances, coordinates = (np.asarray(outputs[name], float) for name in ("variances", "training coordinates"))
    N = len(inputs["X"])
    return {
        "the largest variances": variances[: N - 1],
        "how many are below 0": int(np.sum(variances < 0)),
        "training coordinates up to signs": np.abs(coordinates[:, : N - 1]),
    }


def _row_sizes(X, num_components=None, **_):
    N, D = X.shape
    return {"N": N, "D": D, "K": num_components or D}


pca_images = Question(
    id="pca_images",
    title="Principal components",
    notebook=NOTEBOOK,
    points=3,
    minutes=25,
    difficulty=3,
    importance=3,
    hints=(
        "Without the mean, the covariance is one matrix product, divided by the number of images. For a symmetric "
        "matrix NumPy has a function that gives the variances in ascending order.",
        "Turn both results of np.linalg.eigh around, so that the largest variance comes first. The directions are "
        "columns; keep the first K. Another set of images needs the old mean.",
    ),
    implements=(f"{IMAGES}:pca_fit", f"{IMAGES}:pca_apply"),
    builds_on=("input_means",),
    cases=(
        Case("all directions", lambda rng: _row_inputs(rng, 9, 4, 3), _run_pca, _row_sizes, observe=_observe_pca),
        Case("three of six", lambda rng: _row_inputs(rng, 12, 6, 5, 3), _run_pca, _row_sizes, observe=_observe_pca),
        Case("one of five", lambda rng: _row_inputs(rng, 8, 5, 2, 1), _run_pca, _row_sizes, observe=_observe_pca),
        Case(
            "fewer images than pixels",
            lambda rng: _row_inputs(rng, 4, 7, 2),
            _run_pca,
            _row_sizes,
            observe=_observe_few,
            edge=_FEW_IMAGES,
        ),
    ),
)


def _whiten_inputs(rng, N, D, K, eps, dtype=np.float64):
    """Statistics as `pca_fit` returns them, made here; the rows are far from their mean."""
    components = np.linalg.qr(rng.randn(D, D))[0][:, :K]
    inputs = {
        "X": 5 * rng.randn(N, D) + 3,
        "mean": rng.randn(D) * 2,
        "components": components,
        "variances": np.sort(rng.uniform(0.05, 9, K))[::-1],
    }
    return {name: value.astype(dtype) for name, value in inputs.items()} | {"eps": eps}


def _run_whiten(X, mean, components, variances, eps):
    from cs231n.preprocessing import whiten_apply

    stats = {"mean": mean, "components": components, "variances": variances}
    return {"out": whiten_apply(X, stats, eps=eps)}


def _whiten_sizes(X, variances, **_):
    return {"N": X.shape[0], "D": X.shape[1], "K": len(variances)}


whiten = Question(
    id="whiten",
    title="Whitening",
    notebook=NOTEBOOK,
    points=1,
    minutes=10,
    difficulty=2,
    importance=2,
    hints=(
        "The coordinates along the principal components no longer vary together, but each still has a spread of its "
        "own.",
        "Divide each coordinate by its standard deviation, with eps added to the variance, inside of the root.",
    ),
    implements=(f"{IMAGES}:whiten_apply",),
    builds_on=("input_means", "pca_images"),
    cases=(
        Case("all directions", lambda rng: _whiten_inputs(rng, 5, 3, 3, 1e-5), _run_whiten, _whiten_sizes),
        Case("four of six", lambda rng: _whiten_inputs(rng, 7, 6, 4, 0.5), _run_whiten, _whiten_sizes),
        Case("eps = 2", lambda rng: _whiten_inputs(rng, 4, 5, 2, 2.0), _run_whiten, _whiten_sizes),
        Case("one image", lambda rng: _whiten_inputs(rng, 1, 4, 3, 0.1), _run_whiten, _whiten_sizes, edge=_ONE_IMAGE),
    ),
)

QUESTIONS = (simple_weights, fans, xavier, he, orthogonal, input_means, standardize, pca_images, whiten)
