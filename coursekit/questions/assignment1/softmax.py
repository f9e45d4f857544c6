"""Questions of softmax: the cross-entropy loss and its gradient, stable for any scores, and a search for settings."""

import numpy as np

from coursekit.core.question import Figure, Question
from coursekit.questions import _data, _linear

NOTEBOOK = "softmax"

# What the course asks of a linear classifier, a little under what a fair search reaches.
BARS = {"CIFAR-10": 0.38, "built-in images": 0.35}

LARGEST_GAP = 600  # exp(-745) is 0: a true class further below the best one has no probability left to take the log of


def _example():
    """Two pictures of 2 x 2 pixels and three classes: scores [[1, 0, 2], [0, 2, 1]]."""
    return {
        "W": np.array([[0, 1, 1], [0, 1, 0], [1, -1, 0], [-1, 1, 1]], dtype=float),
        "X": np.array([[1, 0, 2, 1], [0, 2, 1, 1]], dtype=float),
        "y": np.array([2, 0]),
        "reg": 0.1,
    }


def _draw_large(rng):
    """Scores up to 1000 and more, of both signs: exp overflows without a shift."""
    inputs = _linear.draw(rng, 5, 4, 6, 1e-5)
    scores = inputs["X"] @ inputs["W"]
    scale = 1000 / np.abs(scores).max()
    near = scale * (scores.max(axis=1, keepdims=True) - scores) < LARGEST_GAP
    labels = [rng.choice(np.flatnonzero(row)) for row in near]
    return inputs | {"W": scale * inputs["W"], "y": np.array(labels)}


def _draw_shifted(rng):
    """All scores moved up by 10,000: the probabilities are those without it."""
    inputs = _linear.draw(rng, 6, 4, 3, 1e-9)
    inputs["X"][:, -1] = 1.0
    inputs["W"][-1] += 1e4
    return inputs


def _draw_rows_apart(rng):
    """Rows of scores near 10,000, near 0 and near -10,000: each needs a shift of its own."""
    inputs = _linear.draw(rng, 5, 4, 4, 0.2)
    inputs["X"][:, -1] = [1e4, 0, -1e4, 5e3, 1]
    inputs["W"][-1] = 1.0
    return inputs


_LOSS_CASES = (
    ("two pictures of 2 x 2", lambda rng: _example()),
    ("seven inputs, five classes", lambda rng: _linear.draw(rng, 7, 4, 5, 0.37)),
    ("one input", lambda rng: _linear.draw(rng, 1, 6, 4, 2.5)),
    ("scores up to 1000", _draw_large),
    ("all scores moved by 10000", _draw_shifted),
    ("rows near 10000, 0 and -10000", _draw_rows_apart),
    ("large reg, small weights", lambda rng: _linear.draw(rng, 6, 5, 12, 3e3, weight_scale=1e-2)),
    ("float32", lambda rng: _linear.draw(rng, 4, 5, 3, 0.6, dtype=np.float32)),
)


def _loss_question(function, title, points, minutes):
    target = f"cs231n.classifiers.softmax:{function}"
    return _linear.loss_question(NOTEBOOK, target, title, points, minutes, _LOSS_CASES)


softmax_loss_naive = _loss_question("softmax_loss_naive", "Softmax loss and gradient, with loops", 4, 30)
softmax_loss_vectorized = _loss_question("softmax_loss_vectorized", "Softmax loss and gradient without loops", 4, 25)


def _judge_softmax_search(results, best_val, best_W, X_val, y_val):
    return _linear.judge_search(results, best_val, best_W, X_val, y_val, BARS, "best_softmax")


softmax_search = Question(
    id="softmax_search",
    title="Search for good settings of softmax",
    notebook=NOTEBOOK,
    points=3,
    minutes=20,
    builds_on=("softmax_loss_vectorized", "linear_classifier_train", "linear_classifier_predict"),
    values=("results", "best_val", "best_W", "X_val", "y_val"),
    judge=_judge_softmax_search,
    given=_data.rows,
)

QUESTIONS = (softmax_loss_naive, softmax_loss_vectorized, softmax_search)

FIGURES = (
    Figure("Softmax: validation", "best_val", course=0.35, aim=0.38),
    Figure("Softmax: test", "np.mean(best_softmax.predict(X_test) == y_test)"),
)
