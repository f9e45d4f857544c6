"""Questions of Activations: activation functions as layers, and three shares that tell what they do to gradients."""

import numpy as np

from coursekit.core.question import Case, Question, holds
from coursekit.questions import _edges
from coursekit.questions._caches import own_cache

NOTEBOOK = "Activations"
MODULE = "cs231n.activations"

_OVERFLOW = (
    "np.exp overflows for large numbers; here the result is still right, but the warning comes at every such step and "
    "hides those that matter, and where warnings are errors the training stops"
)


def _as_float32(inputs):
    return {name: v.astype(np.float32) if isinstance(v, np.ndarray) else v for name, v in inputs.items()}


def _sizes(x, **_):
    return dict(zip(("N", "D"), x.shape, strict=True)) if x.ndim == 2 else {}


# ---- functions of single entries


def _entries(rng, shape, scale=1.0, **settings):
    """Numbers of both signs, away from the kink at 0, and an upstream gradient."""
    x = rng.uniform(0.1, 2.0, size=shape) * rng.choice([-1, 1], size=shape)
    x.flat[0], x.flat[-1] = 1.5, -1.5
    return {"x": scale * x, **settings, "dout": 0.5 + rng.randn(*shape)}


def _far_entries(rng, **settings):
    """Numbers from 1 to 1000, of both signs: exp of some overflows, or is 0."""
    x = np.array([[1.0, 20.0, 700.0], [5.0, 90.0, 1000.0]])
    x = np.concatenate([x, -x]) * rng.uniform(1.0, 1.2, size=(4, 3))
    return {"x": rng.permutation(x.ravel()).reshape(4, 3), **settings, "dout": 0.5 + rng.randn(4, 3)}


def _flat_entries(rng, **settings):
    """Numbers so far from 0 that the slopes of the squashing functions are small, but not 0."""
    inputs = _entries(rng, (3, 5), **settings)
    return inputs | {"x": np.sign(inputs["x"]) * rng.uniform(3.0, 5.0, size=(3, 5)), "dout": 1e3 * inputs["dout"]}


def _without_overflow(run):
    """Let NumPy raise an error where exp overflows."""

    def run_strictly(**inputs):
        with np.errstate(over="raise"):
            return run(**inputs)

    return run_strictly


def _elementwise_cases(run, more=(), **settings):
    """The cases that all functions of single entries share, for a `run` of both passes or of one."""

    def case(name, make, tolerance=1e-8):
        return Case(name, make, run, _sizes, tolerance)

    return (
        case("three rows of four", lambda rng: _entries(rng, (3, 4), **settings)),
        case("feature maps", lambda rng: _entries(rng, (2, 3, 2, 5), **settings)),
        case("entries near 0", lambda rng: _entries(rng, (4, 2), 0.01, **settings)),
        case("small slopes", lambda rng: _flat_entries(rng, **settings)),
        case("entries up to 1000", lambda rng: _far_entries(rng, **settings)),
        case("float32", lambda rng: _as_float32(_entries(rng, (5, 3), **settings)), 1e-4),
        *more,
    )


def _overflow_case(run, **settings):
    return Case("overflow", lambda rng: _far_entries(rng, **settings), _without_overflow(run), _sizes, edge=_OVERFLOW)


def _run_sigmoid_forward(x, dout):
    from cs231n.activations import sigmoid_forward

    return {"out": sigmoid_forward(x)[0]}


def _run_sigmoid_backward(x, dout):
    from cs231n.activations import sigmoid_backward, sigmoid_forward

    small = np.exp(-np.abs(x))
    return {"dx": sigmoid_backward(dout, own_cache(sigmoid_forward, (x,), np.where(x >= 0, 1, small) / (1 + small)))}


sigmoid_forward = Question(
    id="sigmoid_forward",
    title="Sigmoid, forward",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=2,
    importance=4,
    hints=(
        "The plain formula is right for x above 0. For x far below 0 its exponential grows without limit: which form "
        "of the same fraction has exp(x) in it instead?",
        "The exponential of minus the absolute value is at most 1 for either sign. Write both forms of the fraction "
        "with it, and choose between their numerators by the sign of x.",
    ),
    implements=(f"{MODULE}:sigmoid_forward",),
    cases=_elementwise_cases(_run_sigmoid_forward, (_overflow_case(_run_sigmoid_forward),)),
)

sigmoid_backward = Question(
    id="sigmoid_backward",
    title="Sigmoid, backward",
    notebook=NOTEBOOK,
    points=1,
    minutes=10,
    difficulty=1,
    importance=4,
    hints=(
        "The slope can be written with the output alone, and the output is in the cache.",
        "Each entry of the upstream gradient is multiplied by the output, and by what is missing from it to 1.",
    ),
    implements=(f"{MODULE}:sigmoid_backward",),
    builds_on=("sigmoid_forward",),
    cases=_elementwise_cases(_run_sigmoid_backward),
)


def _run_tanh(x, dout):
    from cs231n.activations import tanh_backward, tanh_forward

    out, cache = tanh_forward(x)
    return {"out": out, "dx": tanh_backward(dout, cache)}


tanh = Question(
    id="tanh",
    title="Tanh, forward and backward",
    notebook=NOTEBOOK,
    points=1,
    minutes=10,
    difficulty=1,
    importance=3,
    hints=(
        "NumPy has this function, and its own version never overflows. For the slope, the output is all you need.",
        "Square the output (not x) and take it away from 1: that is the slope. Multiply the upstream gradient by it.",
    ),
    implements=(f"{MODULE}:tanh_forward", f"{MODULE}:tanh_backward"),
    cases=_elementwise_cases(_run_tanh),
)


# ---- relatives of ReLU


def _run_leaky_relu(x, dout, slope=None):
    from cs231n.activations import leaky_relu_backward, leaky_relu_forward

    out, cache = leaky_relu_forward(x) if slope is None else leaky_relu_forward(x, slope)
    return {"out": out, "dx": leaky_relu_backward(dout, cache)}


def _leaky_case(name, shape, scale=1.0, tolerance=1e-8, convert=dict, edge="", **settings):
    return Case(
        name,
        lambda rng: convert(_entries(rng, shape, scale, **settings)),
        _run_leaky_relu,
        _sizes,
        tolerance,
        edge=edge,
    )


leaky_relu = Question(
    id="leaky_relu",
    title="Leaky ReLU, forward and backward",
    notebook=NOTEBOOK,
    points=2,
    minutes=10,
    difficulty=1,
    importance=4,
    hints=(
        "Two straight lines that meet at 0. np.where chooses between two arrays, entry by entry.",
        "The sign of x decides in both passes: where it is positive, values and gradients pass as they are; elsewhere "
        "both are scaled by the slope.",
    ),
    implements=(f"{MODULE}:leaky_relu_forward", f"{MODULE}:leaky_relu_backward"),
    cases=(
        _leaky_case("three rows of four", (3, 4)),
        _leaky_case("slope 0.3", (4, 5), slope=0.3),
        _leaky_case("feature maps, slope 0.6", (2, 3, 2, 5), slope=0.6),
        _leaky_case("entries up to 2000", (5, 2), 1e3, slope=0.2),
        _leaky_case("entries near 0", (4, 3), 1e-4, slope=0.4),
        _leaky_case("float32", (5, 3), tolerance=1e-4, convert=_as_float32, slope=0.1),
        _leaky_case(
            "slope 2",
            (3, 4),
            slope=2.0,
            edge="the maximum of x and slope * x is leaky ReLU only for slopes up to 1; learnt ones can exceed that",
        ),
    ),
)


def _prelu_inputs(rng, shape, scale=1.0):
    """Slopes of both signs, some above 1."""
    inputs = _entries(rng, shape, scale)
    alpha = rng.uniform(0.2, 2.0, size=shape[1]) * rng.choice([-1, 1], size=shape[1])
    alpha[0], alpha[-1] = 1.6, 0.3
    return {"x": inputs["x"], "alpha": alpha, "dout": inputs["dout"]}


def _run_prelu(x, alpha, dout):
    from cs231n.activations import prelu_backward, prelu_forward

    out, cache = prelu_forward(x, alpha)
    dx, dalpha = prelu_backward(dout, cache)
    return {"out": out, "dx": dx, "dalpha": dalpha}


def _prelu_case(name, shape, scale=1.0, tolerance=1e-8, convert=dict, edge=""):
    return Case(name, lambda rng: convert(_prelu_inputs(rng, shape, scale)), _run_prelu, _sizes, tolerance, edge=edge)


prelu = Question(
    id="prelu",
    title="PReLU, forward and backward",
    notebook=NOTEBOOK,
    points=3,
    minutes=20,
    difficulty=3,
    importance=3,
    hints=(
        "Forward it is leaky ReLU with a slope for each column. In which entries does alpha have any influence, and "
        "what is the derivative there?",
        "There out is alpha times x, so the derivative with respect to alpha is x itself, and 0 elsewhere. One slope "
        "serves all rows of its column: its gradients add up.",
    ),
    implements=(f"{MODULE}:prelu_forward", f"{MODULE}:prelu_backward"),
    cases=(
        _prelu_case("four rows of three", (4, 3)),
        _prelu_case("more columns than rows", (3, 7)),
        _prelu_case("all sizes equal", (4, 4)),
        _prelu_case("entries up to 2000", (5, 2), 1e3),
        _prelu_case("float32", (6, 3), tolerance=1e-4, convert=_as_float32),
        _prelu_case("one input", (1, 5), edge=_edges.ONE_INPUT),
    ),
)


def _run_elu(x, dout, alpha=None):
    from cs231n.activations import elu_backward, elu_forward

    out, cache = elu_forward(x) if alpha is None else elu_forward(x, alpha)
    return {"out": out, "dx": elu_backward(dout, cache)}


elu = Question(
    id="elu",
    title="ELU, forward and backward",
    notebook=NOTEBOOK,
    points=2,
    minutes=20,
    difficulty=3,
    importance=3,
    hints=(
        "np.where computes both of its arrays everywhere, and only then chooses. What must exp not see, if it is not "
        "to overflow?",
        "Cut x off at 0 from above before the exponential. On the left the slope is alpha times exp(x), which is the "
        "output plus alpha.",
    ),
    implements=(f"{MODULE}:elu_forward", f"{MODULE}:elu_backward"),
    cases=_elementwise_cases(
        _run_elu,
        (
            Case("alpha 1", lambda rng: _entries(rng, (4, 3)), _run_elu, _sizes),
            Case("alpha 2.5", lambda rng: _entries(rng, (2, 6), alpha=2.5), _run_elu, _sizes),
            _overflow_case(_run_elu, alpha=0.3),
        ),
        alpha=0.3,
    ),
)


# ---- maxout


def _pieces(rng, N, num_pieces, M, scale=1.0):
    """Entries that are all different, so that each unit has one winner in each row; all pieces win somewhere."""
    count = N * num_pieces * M
    x = (rng.permutation(count) - count // 2 + 0.3).reshape(N, num_pieces * M) / 7.0
    return {"x": scale * x, "num_pieces": num_pieces, "dout": 0.5 + rng.randn(N, M)}


def _equal_pieces(rng):
    inputs = _pieces(rng, 3, 2, 4)
    x = inputs["x"].copy()
    x[:, 4:6] = x[:, :2]
    return inputs | {"x": x}


def _maxout_sizes(x, num_pieces, **_):
    return {"N": x.shape[0], "k": num_pieces, "M": x.shape[1] // num_pieces}


def _run_maxout_forward(x, num_pieces, dout):
    from cs231n.activations import maxout_forward

    return {"out": maxout_forward(x, num_pieces)[0]}


def _run_maxout_backward(x, num_pieces, dout):
    from cs231n.activations import maxout_backward, maxout_forward

    winners = x.reshape(len(x), num_pieces, -1).argmax(axis=1)
    return {"dx": maxout_backward(dout, own_cache(maxout_forward, (x, num_pieces), (winners, num_pieces)))}


def _maxout_cases(run, more=()):
    def case(name, *sizes, tolerance=1e-8, convert=dict, edge=""):
        return Case(name, lambda rng: convert(_pieces(rng, *sizes)), run, _maxout_sizes, tolerance, edge=edge)

    return (
        case("two pieces of three columns", 4, 2, 3),
        case("three pieces of two columns", 5, 3, 2),
        case("all sizes equal", 3, 3, 3),
        case("one piece", 4, 1, 5),
        case("entries up to 3000", 4, 5, 2, 1e3),
        case("float32", 3, 2, 4, tolerance=1e-4, convert=_as_float32),
        case("one input", 1, 2, 5, edge=_edges.ONE_INPUT),
        *more,
    )


def _judge_equal(inputs, outputs):
    dout, dx = inputs["dout"], outputs["dx"]
    fits = isinstance(dx, np.ndarray) and dx.shape == inputs["x"].shape and dx.dtype.kind == "f"
    adds_up = fits and np.allclose(dx.reshape(len(dx), inputs["num_pieces"], -1).sum(axis=1), dout, rtol=1e-6)
    return [
        holds(
            "the gradients of equal pieces add up to dout",
            adds_up,
            "two pieces are equal in two columns, and dx gives more, or less, than dout to both together",
            mistake="each of several equal pieces gets the whole gradient, which then counts as often: choose one, as "
            "np.argmax does",
        )
    ]


maxout_forward = Question(
    id="maxout_forward",
    title="Maxout, forward",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=2,
    importance=2,
    hints=(
        "Give the blocks an axis of their own: columns 0 to M - 1 are the first block, the next M the second.",
        "Reshape x to (N, k, M), where -1 may stand for M. The winners are the positions of the largest entries along "
        "the axis of the blocks.",
    ),
    implements=(f"{MODULE}:maxout_forward",),
    cases=_maxout_cases(_run_maxout_forward),
)

maxout_backward = Question(
    id="maxout_backward",
    title="Maxout, backward",
    notebook=NOTEBOOK,
    points=2,
    minutes=20,
    difficulty=3,
    importance=2,
    hints=(
        "A piece that lost has no influence on the output. Where does the gradient of an entry of out go, and how many "
        "entries of dx stay 0?",
        "Make an array of shape (N, k, M) that is True where the number of the block is that of the winner, multiply "
        "by dout with a new axis, and flatten the blocks again.",
    ),
    implements=(f"{MODULE}:maxout_backward",),
    builds_on=("maxout_forward",),
    cases=_maxout_cases(
        _run_maxout_backward,
        (
            Case(
                "equal pieces",
                _equal_pieces,
                _run_maxout_backward,
                _maxout_sizes,
                judge=_judge_equal,
                edge="pieces are equal whenever the weights start at 0, and then all of them would move together",
            ),
        ),
    ),
)


# ---- shares


def _slopes(rng, N, num_live, num_dead, bound):
    """Slopes of both signs: many near 0, some 0, some columns 0 in all rows, and one row 0 throughout.

    Some live columns have a sum of 0, no positive entry, or a first entry of 0.
    """
    live = bound * rng.uniform(1.5, 4.0, size=(N, num_live)) * rng.choice([-1, 1], size=(N, num_live))
    live[rng.rand(N, num_live) < 0.2] = 0.0
    small = rng.rand(N, num_live) < 0.3
    live[small] = bound * rng.uniform(0.2, 0.9, size=np.sum(small)) * rng.choice([-1, 1], size=np.sum(small))
    live[:, 0] = 0.0
    live[0, 0], live[1, 0] = 3 * bound, -3 * bound  # sums to 0
    live[:, 1:3] = -2 * bound
    live[-1] = 0.0
    live[0, 3:6] = 0.0  # not dead, although the first input says so
    live[2, 3:] = 2.5 * bound  # so that no column is dead by chance
    return np.hstack([live, np.zeros((N, num_dead))])[:, rng.permutation(num_live + num_dead)]


def _layers_of_slopes(rng, N, D, most_dead, limit=None):
    """The slopes of several layers of D units each, with other numbers of dead units."""
    bound = 0.01 if limit is None else limit
    layers = [_slopes(rng, N, D - num_dead, num_dead, bound) for num_dead in range(most_dead, -1, -1)]
    return {"slopes": np.array(layers)} | ({} if limit is None else {"limit": limit})


def _run_slope_shares(slopes, **limit):
    from cs231n.activations import dead_share, saturated_share

    return {
        "saturated_share": np.array([saturated_share(layer, **limit) for layer in slopes]),
        "dead_share": np.array([dead_share(layer) for layer in slopes]),
    }


def _slope_sizes(slopes, **_):
    return dict(zip(("N", "D"), slopes.shape[1:], strict=True))


def _slopes_case(name, *sizes, limit=None):
    return Case(name, lambda rng: _layers_of_slopes(rng, *sizes, limit=limit), _run_slope_shares, _slope_sizes)


slope_shares = Question(
    id="slope_shares",
    title="The shares of saturated entries and of dead units",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=2,
    importance=4,
    hints=(
        "The mean of an array of True and False is the share of True. Saturated is said of entries, dead of whole "
        "columns.",
        "A slope may be negative: compare its absolute value with the limit. For dead units first ask each entry "
        "whether it is 0, then np.all along the axis of the inputs.",
    ),
    implements=(f"{MODULE}:saturated_share", f"{MODULE}:dead_share"),
    cases=(
        _slopes_case("three layers of nine units, six inputs", 6, 9, 2),
        _slopes_case("limit 0.2", 5, 11, 4, limit=0.2),
        _slopes_case("more units than inputs", 4, 13, 3),
        _slopes_case("as many units as inputs", 8, 8, 2, limit=0.5),
        _slopes_case("more inputs than units", 12, 10, 4, limit=0.001),
    ),
)


def _signed_gradients(rng, D, num_same, num_mixed, num_empty):
    """Columns of one sign, two of three with a zero; columns of both signs; columns of zeros."""
    same = rng.uniform(0.1, 2.0, size=(D, num_same)) * np.where(np.arange(num_same) % 3 == 1, -1, 1)
    same[rng.randint(D), np.arange(num_same) % 3 < 2] = 0.0
    mixed = rng.uniform(0.1, 2.0, size=(D, num_mixed))
    mixed[rng.randint(D)] *= -1
    mixed[:, ::2] *= -1
    dw = np.hstack([same, mixed, np.zeros((D, num_empty))])
    return dw[:, rng.permutation(dw.shape[1])]


def _layers_of_gradients(rng, D, M, num_empty):
    """The gradients of several layers of M units each: of one sign in all of them, in fewer, in none."""
    M -= num_empty
    return {"dw": np.array([_signed_gradients(rng, D, M - mixed, mixed, num_empty) for mixed in range(2, M + 1)])}


def _run_one_signed(dw):
    from cs231n.activations import one_signed_share

    return {"one_signed_share": np.array([one_signed_share(layer) for layer in dw])}


def _signs_case(name, *sizes):
    return Case(
        name,
        lambda rng: _layers_of_gradients(rng, *sizes),
        _run_one_signed,
        lambda dw: dict(zip(("D", "M"), dw.shape[1:], strict=True)),
    )


one_signed_share = Question(
    id="one_signed_share",
    title="The share of units whose gradients have one sign",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=2,
    importance=3,
    hints=(
        "Ask two questions of each column: is any entry above 0, is any below? Then count.",
        "Columns with exactly one yes are of one sign, columns with at least one yes have gradients at all. The share "
        "is the first number divided by the second.",
    ),
    implements=(f"{MODULE}:one_signed_share",),
    cases=(
        _signs_case("layers of five weights and seven units", 5, 7, 0),
        _signs_case("columns of zeros", 4, 9, 3),
        _signs_case("as many units as weights", 6, 6, 1),
        _signs_case("more weights than units", 9, 5, 0),
    ),
)

QUESTIONS = (
    sigmoid_forward,
    sigmoid_backward,
    tanh,
    leaky_relu,
    prelu,
    elu,
    maxout_forward,
    maxout_backward,
    slope_shares,
    one_signed_share,
)
