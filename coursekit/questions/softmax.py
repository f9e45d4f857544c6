"""Questions of softmax: the cross-entropy loss and its gradient, stable for any scores, and a search for settings."""

import numpy as np

from coursekit.question import Case, Question
from coursekit.questions.svm import judge_search

NOTEBOOK = "softmax"

# What the course asks of a linear classifier, a little under what a fair search reaches.
BARS = {"CIFAR-10": 0.38, "built-in pictures": 0.35}

LARGEST_GAP = 600  # exp(-745) is 0: a true class further below the best one has no probability left to take the log of


def _example():
    """Two pictures of 2 x 2 pixels and three classes: scores [[1, 0, 2], [0, 2, 1]]."""
    return {
        "W": np.array([[0, 1, 1], [0, 1, 0], [1, -1, 0], [-1, 1, 1]], dtype=float),
        "X": np.array([[1, 0, 2, 1], [0, 2, 1, 1]], dtype=float),
        "y": np.array([2, 0]),
        "reg": 0.1,
    }


def _draw(rng, num_inputs, num_columns, num_classes, reg, weight_scale=1.0, dtype=float):
    """Inputs of which the last class never occurs, and another one twice or more where there is room."""
    return {
        "W": (weight_scale * rng.randn(num_columns, num_classes)).astype(dtype),
        "X": (0.3 + rng.randn(num_inputs, num_columns)).astype(dtype),
        "y": rng.randint(0, num_classes - 1, size=num_inputs),
        "reg": reg,
    }


def _draw_large(rng):
    """Scores up to 1000 and more, of both signs: exp overflows without a shift."""
    inputs = _draw(rng, 5, 4, 6, 1e-5)
    scores = inputs["X"] @ inputs["W"]
    scale = 1000 / np.abs(scores).max()
    near = scale * (scores.max(axis=1, keepdims=True) - scores) < LARGEST_GAP
    labels = [rng.choice(np.flatnonzero(row)) for row in near]
    return inputs | {"W": scale * inputs["W"], "y": np.array(labels)}


def _draw_shifted(rng):
    """All scores moved up by 10,000: the probabilities are those without it."""
    inputs = _draw(rng, 6, 4, 3, 1e-9)
    inputs["X"][:, -1] = 1.0
    inputs["W"][-1] += 1e4
    return inputs


def _draw_rows_apart(rng):
    """Rows of scores near 10,000, near 0 and near -10,000: each needs a shift of its own."""
    inputs = _draw(rng, 5, 4, 4, 0.2)
    inputs["X"][:, -1] = [1e4, 0, -1e4, 5e3, 1]
    inputs["W"][-1] = 1.0
    return inputs


def _sizes(W, X, **_):
    return {"N": X.shape[0], "D": W.shape[0], "C": W.shape[1]}


def _loss_cases(run):
    return (
        Case("two pictures of 2 x 2", lambda rng: _example(), run, _sizes),
        Case("seven inputs, five classes", lambda rng: _draw(rng, 7, 4, 5, 0.37), run, _sizes),
        Case("one input", lambda rng: _draw(rng, 1, 6, 4, 2.5), run, _sizes),
        Case("scores up to 1000", _draw_large, run, _sizes),
        Case("all scores moved by 10000", _draw_shifted, run, _sizes),
        Case("rows near 10000, 0 and -10000", _draw_rows_apart, run, _sizes),
        Case("large reg, small weights", lambda rng: _draw(rng, 6, 5, 12, 3e3, 1e-2), run, _sizes),
        Case("float32", lambda rng: _draw(rng, 4, 5, 3, 0.6, dtype=np.float32), run, _sizes, tolerance=1e-4),
    )


def _run_naive(W, X, y, reg):
    from cs231n.classifiers.softmax import softmax_loss_naive

    loss, dW = softmax_loss_naive(W, X, y, reg)
    return {"loss": loss, "dW": dW}


def _run_vectorized(W, X, y, reg):
    from cs231n.classifiers.softmax import softmax_loss_vectorized

    loss, dW = softmax_loss_vectorized(W, X, y, reg)
    return {"loss": loss, "dW": dW}


softmax_loss_naive = Question(
    id="softmax_loss_naive",
    title="Softmax loss and gradient, with loops",
    notebook=NOTEBOOK,
    points=4,
    minutes=30,
    implements=("cs231n.classifiers.softmax:softmax_loss_naive",),
    cases=_loss_cases(_run_naive),
)

softmax_loss_vectorized = Question(
    id="softmax_loss_vectorized",
    title="Softmax loss and gradient without loops",
    notebook=NOTEBOOK,
    points=4,
    minutes=25,
    implements=("cs231n.classifiers.softmax:softmax_loss_vectorized",),
    cases=_loss_cases(_run_vectorized),
)


def _judge_softmax_search(results, best_val, best_W, X_val, y_val):
    return judge_search(results, best_val, best_W, X_val, y_val, BARS, "best_softmax")


softmax_search = Question(
    id="softmax_search",
    title="Search for good settings of softmax",
    notebook=NOTEBOOK,
    points=3,
    minutes=20,
    builds_on=("softmax_loss_vectorized", "linear_classifier_train", "linear_classifier_predict"),
    values=("results", "best_val", "best_W", "X_val", "y_val"),
    judge=_judge_softmax_search,
)

QUESTIONS = (softmax_loss_naive, softmax_loss_vectorized, softmax_search)
