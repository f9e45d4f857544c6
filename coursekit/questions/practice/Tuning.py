"""The questions of Tuning: sampling in log space, search, a rate finder, checks of a net, and curvature.

The nets and the training that the cases need are made here, so no case rests on a layer that a learner has written.
"""

from unittest.mock import patch

import numpy as np

from coursekit.core.question import Case, Question

NOTEBOOK = "Tuning"
SEARCH = "cs231n.search"


# ---- log_uniform


def _run_log_uniform(low, high, size, draw):
    from cs231n.search import log_uniform

    return {"x": log_uniform(low, high, size, np.random.RandomState(draw))}


def _range(low, high, size=None):
    return lambda rng: {"low": low, "high": high, "size": size, "draw": int(rng.randint(2**31 - 1))}


log_uniform = Question(
    id="log_uniform",
    title="Sampling in log space",
    notebook=NOTEBOOK,
    points=1,
    minutes=10,
    difficulty=1,
    importance=4,
    hints=(
        "The logarithm of the number is to be uniform, so draw the logarithm and undo it afterwards.",
        "rng has a method for uniform numbers between two ends, with a size as its third argument. The ends are "
        "logarithms, and the exponential has the same base.",
    ),
    implements=(f"{SEARCH}:log_uniform",),
    cases=(
        Case("a vector", _range(1e-5, 0.3, 7), _run_log_uniform),
        Case("a matrix", _range(0.02, 5e3, (3, 4)), _run_log_uniform),
        Case("one number", _range(1e-9, 1e-3), _run_log_uniform),
        Case("a narrow range", _range(3.0, 4.0, 5), _run_log_uniform),
    ),
)


# ---- random_search


def _one_number(low, high, size=None, rng=None):
    if rng is None:
        raise TypeError("log_uniform got no rng: pass rng=rng, so that the seed settles all numbers.")
    return low * (high / low) ** rng.uniform(size=size)


STAND_INS = {"log_uniform": _one_number}  # a generator cannot be handed to another process


def _run_random_search(names, lows, highs, budget, seed, fails):
    """Search with a score that tells all settings apart; the runs whose numbers are in `fails` give nan."""
    from cs231n import search

    tried = []

    def train(**settings):
        for name, value in settings.items():
            if np.ndim(value):
                raise TypeError(f"train got an array of shape {np.shape(value)} for {name}, expected one number.")
        tried.append([settings[name] for name in names])
        logs = np.log([float(value) for value in settings.values()])
        score = np.sin(logs * np.arange(1, len(logs) + 1)).sum()
        return np.nan if len(tried) in fails else float(score)

    ranges = {name: (low, high) for name, low, high in zip(names, lows, highs, strict=True)}
    with patch.object(search, "log_uniform", _one_number):
        trials = search.random_search(train, ranges, budget, seed)
    finite = [score for score, _ in trials if np.isfinite(score)]
    settings = {name: np.array([float(trial[1][name]) for trial in trials]) for name in names}
    scales = {name: np.log(values) for name, values in settings.items()}
    return {
        "number of runs": len(tried),
        "scores": np.array(finite, dtype=float),
        **{f"log({name})": values for name, values in scales.items()},
    }


def _search(names, lows, highs, budget, fails=()):
    def inputs(rng):
        return {
            "names": list(names),
            "lows": list(lows),
            "highs": list(highs),
            "budget": budget,
            "seed": int(rng.randint(1, 2**31 - 1)),
            "fails": list(fails),
        }

    return inputs


random_search = Question(
    id="random_search",
    title="Random search on a budget",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=2,
    importance=4,
    hints=(
        "A trial is a dict of settings and the score that train gives for it. All that is random goes through rng.",
        "For each trial, draw a number for each name in turn, with its own ends, and hand all of them to train by "
        "name. Keep score and settings together.",
    ),
    implements=(f"{SEARCH}:random_search",),
    cases=(
        Case("two settings", _search(("rate", "reg"), (1e-4, 1e-2), (0.5, 1e3), 6), _run_random_search),
        Case(
            "three settings", _search(("rate", "reg", "scale"), (0.2, 1e-5, 3), (9, 1e-2, 400), 5), _run_random_search
        ),
        Case("one setting", _search(("rate",), (1e-6,), (10.0,), 8), _run_random_search),
        Case("some runs diverge", _search(("rate", "reg"), (1e-4, 1), (1.0, 10), 7, fails=(2, 5)), _run_random_search),
    ),
)


# ---- find_rate


def _run_find_rate(losses, low, high, num_steps, stop):
    """A range test of a training whose losses are known beforehand."""
    from cs231n.search import find_rate

    tried = []

    def step(rate):
        tried.append(float(rate))
        return float(losses[min(len(tried), len(losses)) - 1])

    rates, kept, suggestion = find_rate(step, low, high, num_steps, stop)
    return {"rates tried": np.array(tried), "rates": rates, "losses": kept, "suggestion": suggestion}


def _losses(low, high, falls, rises, first, lowest, stop=4.0, noise=0.05, nan_from=None):
    """Losses that fall for some steps, from `first` to `lowest`, and then rise by a quarter in each step."""

    def inputs(rng):
        curve = np.concatenate([np.geomspace(first, lowest, falls), lowest * 1.25 ** np.arange(1, rises + 1)])
        losses = curve * rng.uniform(1 - noise, 1 + noise, falls + rises)
        losses[nan_from or len(losses) :] = np.nan
        return {"losses": losses, "low": low, "high": high, "num_steps": falls + rises, "stop": stop}

    return inputs


find_rate = Question(
    id="find_rate",
    title="A rate finder",
    notebook=NOTEBOOK,
    points=3,
    minutes=25,
    difficulty=3,
    importance=4,
    hints=(
        "Go through rates at equal distances in log space, one step for each. Before a loss is kept, see whether it "
        "ends the test.",
        "Two things end it: a loss that is nan, and one above stop times the lowest loss kept so far. The lowest of "
        "the smoothed losses has a rate; take a tenth of it.",
    ),
    implements=(f"{SEARCH}:find_rate",),
    cases=(
        Case("the loss explodes", _losses(1e-3, 50.0, 20, 15, first=2.5, lowest=1.2), _run_find_rate),
        Case("the range ends first", _losses(2e-4, 0.1, 13, 4, first=9.0, lowest=5.0), _run_find_rate),
        Case("stop = 7", _losses(1e-4, 10.0, 25, 20, first=3.0, lowest=0.3, stop=7.0, noise=0.1), _run_find_rate),
        Case("stop = 1.6", _losses(5e-3, 20.0, 16, 12, first=0.9, lowest=0.4, stop=1.6), _run_find_rate),
        Case("the loss becomes nan", _losses(1e-2, 3.0, 18, 5, first=4.0, lowest=2.0, nan_from=11), _run_find_rate),
    ),
)


# ---- checks of a net


class _Linear:
    """A linear classifier with softmax loss, in as few lines as possible; `regs` gets the strength of each new one."""

    def __init__(self, W, b, reg, made):
        self.params = {"W": W.copy(), "b": b.copy()}
        self.reg = reg
        made.append(self)

    def loss(self, X, y=None):
        W, b = self.params["W"], self.params["b"]
        scores = X @ W + b
        if y is None:
            return scores
        if len(y) != len(X):
            raise ValueError(f"y has shape {y.shape}, expected ({len(X)},): one label for each of the inputs.")
        shifted = scores - scores.max(axis=1, keepdims=True)
        log_probs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        dscores = np.exp(log_probs)
        dscores[np.arange(len(y)), y] -= 1
        dscores /= len(y)
        loss = -log_probs[np.arange(len(y)), y].mean() + 0.5 * self.reg * np.sum(W**2)
        return float(loss), {"W": X.T @ dscores + self.reg * W, "b": dscores.sum(axis=0)}


def _maker(W, b, made):
    """A make_net whose nets are regularised unless one asks for none."""
    return lambda reg=0.8: _Linear(W, b, reg, made)


def _run_initial_loss(W, b, X, y, num_classes, tolerances):
    """Check several nets, each with a row of tolerances."""
    from cs231n.search import check_initial_loss

    findings = [
        [check_initial_loss(_maker(*params, []), X, y, num_classes, float(tolerance)) for tolerance in row]
        for *params, row in zip(W, b, tolerances, strict=True)
    ]
    return {
        "measured": np.array([row[0].measured for row in findings]),
        "ok": np.array([[int(finding.ok) for finding in row] for row in findings]),
    }


def _guess(scale, factors=None, knows=False):
    """Inputs of the check: six nets; with factors, the tolerances are that many times the distance from log(C).

    The 7 classes, 12 inputs and tolerances tell log(C) from log10(C), log2(C), log(N) and log(10).
    """

    def inputs(rng):
        W, b, X = scale * rng.randn(6, 8, 7), scale * rng.randn(6, 7), 0.5 + rng.randn(12, 8)
        y = np.argmax(X @ W[0] + b[0], axis=1) if knows else rng.randint(0, 7, 12)
        W = W[:1] * np.linspace(0.8, 1.2, 6)[:, None, None] if knows else W
        b = np.tile(b[0], (6, 1)) if knows else b
        losses = np.array([_Linear(*params, 0.0, []).loss(X, y)[0] for params in zip(W, b, strict=True)])
        tolerances = np.tile([0.1, 0.8, 0.29, 0.5, 0.18], (6, 1))
        if factors is not None:
            tolerances = np.outer(np.abs(losses / np.log(7) - 1), factors)
        return {"W": W, "b": b, "X": X, "y": y, "num_classes": 7, "tolerances": tolerances}

    return inputs


check_initial_loss = Question(
    id="check_initial_loss",
    title="Is the loss at the start that of a guess?",
    notebook=NOTEBOOK,
    points=1,
    minutes=10,
    difficulty=1,
    importance=5,
    hints=(
        "A net that knows nothing gives each class the probability 1 / C. What is the softmax loss of that?",
        "Make a net without regularisation and ask it for its loss on X and y. ok compares the distance from log C, "
        "in both directions, with a fraction of log C.",
    ),
    implements=(f"{SEARCH}:check_initial_loss",),
    cases=(
        Case("small weights", _guess(0.02), _run_initial_loss),
        Case("large weights", _guess(0.5), _run_initial_loss),
        Case("tolerances just too small, just large enough", _guess(1.5, (0.98, 1.02)), _run_initial_loss),
        Case("a net that knows the answers", _guess(2.0, knows=True), _run_initial_loss),
    ),
)


def _run_overfit(W, b, X, y, num_images, num_steps, learning_rate):
    from cs231n.search import check_overfit

    made = []
    finding = check_overfit(_maker(W, b, made), X, y, num_images, num_steps, learning_rate)
    made.append(_Linear(W, b, 0.0, []))
    net = max(made, key=lambda net: np.abs(net.params["W"] - W).max())  # the one that was trained
    return {
        "params['W']": np.array(net.params["W"]),
        "params['b']": np.array(net.params["b"]),
        "measured": finding.measured,
        "ok": int(finding.ok),
    }


def _few_images(num_images, num_steps, learning_rate, same=False):
    """More images than are to be learnt; with `same`, two of those have the same pixels and different labels."""

    def inputs(rng):
        X, y = rng.randn(25, 14), rng.randint(0, 4, 25)
        if same:
            X[1], y[1] = X[0], (y[0] + 1) % 4
        return {
            "W": 0.3 * rng.randn(14, 4),
            "b": 0.3 * rng.randn(4),
            "X": X,
            "y": y,
            "num_images": num_images,
            "num_steps": num_steps,
            "learning_rate": learning_rate,
        }

    return inputs


check_overfit = Question(
    id="check_overfit",
    title="Can the net learn twenty images by heart?",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=2,
    importance=5,
    hints=(
        "One net, without regularisation, and always the same few images: at each step, all parameters move against "
        "their gradients.",
        "loss(X, y) gives loss and gradients by name, loss(X) the scores. After the last step, measure the share of "
        "the few images whose largest score is that of the label.",
    ),
    implements=(f"{SEARCH}:check_overfit",),
    cases=(
        Case("six images", _few_images(6, 150, 0.5), _run_overfit),
        Case("ten images", _few_images(10, 200, 0.7), _run_overfit),
        Case("one step", _few_images(8, 1, 2.0), _run_overfit),
        Case("two that contradict each other", _few_images(7, 60, 0.4, same=True), _run_overfit),
    ),
)


# ---- curvature


def _run_newton(w, gradient, hessian, damping):
    from cs231n.optim import newton_step

    return {"the new w": newton_step(w, gradient, hessian, damping)}


def _curved(size, damping, lowest=0.5):
    """A symmetric Hessian whose eigenvalues lie between `lowest` and 8."""

    def inputs(rng):
        axes = np.linalg.qr(rng.randn(size, size))[0]
        hessian = axes * np.linspace(lowest, 8.0, size) @ axes.T
        return {
            "w": 1 + rng.randn(size),
            "gradient": rng.randn(size),
            "hessian": (hessian + hessian.T) / 2,
            "damping": damping,
        }

    return inputs


newton_step = Question(
    id="newton_step",
    title="Newton's step",
    notebook=NOTEBOOK,
    points=1,
    minutes=10,
    difficulty=2,
    importance=2,
    hints=(
        "The step solves a system of linear equations: the damped Hessian times the step is the gradient.",
        "Add damping to the diagonal by means of the identity matrix, let NumPy solve the system, and subtract the "
        "solution from w.",
    ),
    implements=("cs231n.optim:newton_step",),
    cases=(
        Case("a bowl", _curved(4, 0.0), _run_newton),
        Case("damping = 0.7", _curved(5, 0.7), _run_newton),
        Case("a saddle", _curved(3, 0.0, lowest=-2.0), _run_newton),
        Case("a saddle, damping = 3", _curved(6, 3.0, lowest=-2.0), _run_newton),
    ),
)


def _run_direction(gradient, S, Y):
    from cs231n.optim import lbfgs_direction

    return {"direction": lbfgs_direction(gradient, [(s.copy(), y.copy()) for s, y in zip(S, Y, strict=True)])}


def _history(size, number):
    """Pairs from a bowl with very different slopes along its axes, so that the order and the scale matter."""

    def inputs(rng):
        axes = np.linalg.qr(rng.randn(size, size))[0]
        hessian = axes * np.geomspace(0.5, 20.0, size) @ axes.T
        S = rng.randn(number, size)
        return {"gradient": rng.randn(size), "S": S, "Y": S @ hessian}

    return inputs


lbfgs_direction = Question(
    id="lbfgs_direction",
    title="The two loops of L-BFGS",
    notebook=NOTEBOOK,
    points=3,
    minutes=30,
    difficulty=4,
    importance=3,
    hints=(
        "Follow the two loops of the docstring. The first goes from the newest pair to the oldest, the second back, "
        "and each pair meets its own alpha again.",
        "Keep the alphas in a list; in the second loop it must be read from its end. Between the loops, scale q by "
        "the newest pair, the last one, if there is any. Mind the sign of what you return.",
    ),
    implements=("cs231n.optim:lbfgs_direction",),
    cases=(
        Case("one pair", _history(4, 1), _run_direction),
        Case("three pairs", _history(6, 3), _run_direction),
        Case("no history", _history(5, 0), _run_direction),
        Case("more pairs than weights", _history(3, 5), _run_direction),
    ),
)

QUESTIONS = (
    log_uniform,
    random_search,
    find_rate,
    check_initial_loss,
    check_overfit,
    newton_step,
    lbfgs_direction,
)
