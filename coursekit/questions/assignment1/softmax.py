"""Questions of softmax: the cross-entropy loss and its gradient, stable for all scores, and a search for settings."""

import numpy as np

from coursekit.core.question import Figure, Question
from coursekit.questions import _data, _edges, _linear

NOTEBOOK = "softmax"

# The accuracy that the course asks of a linear classifier: a little less than a reasonable search reaches.
BARS = {"CIFAR-10": 0.38, "built-in images": 0.35}

# If the true class scores 746 less than the best one, its probability is exp(-746) = 0, and the log of 0 is infinite.
LARGEST_GAP = 600


def _example():
    """Two images of 2 x 2 pixels and three classes: scores [[1, 0, 2], [0, 2, 1]]."""
    return {
        "W": np.array([[0, 1, 1], [0, 1, 0], [1, -1, 0], [-1, 1, 1]], dtype=float),
        "X": np.array([[1, 0, 2, 1], [0, 2, 1, 1]], dtype=float),
        "y": np.array([2, 0]),
        "reg": 0.1,
    }


def _draw_large(rng):
    """Scores of both signs, up to 1000 in size: exp overflows without a shift."""
    inputs = _linear.draw(rng, 5, 4, 6, 1e-5)
    scores = inputs["X"] @ inputs["W"]
    scale = 1000 / np.abs(scores).max()
    near = scale * (scores.max(axis=1, keepdims=True) - scores) < LARGEST_GAP
    labels = [rng.choice(np.flatnonzero(row)) for row in near]
    return inputs | {"W": scale * inputs["W"], "y": np.array(labels)}


def _draw_shifted(rng):
    """All scores shifted up by 10,000, which leaves the probabilities as they are."""
    inputs = _linear.draw(rng, 6, 4, 3, 1e-9)
    inputs["X"][:, -1] = 1.0
    inputs["W"][-1] += 1e4
    return inputs


def _draw_rows_apart(rng):
    """Rows of scores near 10,000, near 0 and near -10,000: each needs its own shift."""
    inputs = _linear.draw(rng, 5, 4, 4, 0.2)
    inputs["X"][:, -1] = [1e4, 0, -1e4, 5e3, 1]
    inputs["W"][-1] = 1.0
    return inputs


_LOSS_CASES = (
    ("two images of 2 x 2", lambda rng: _example()),
    ("seven inputs, five classes", lambda rng: _linear.draw(rng, 7, 4, 5, 0.37)),
    ("scores up to 1000", _draw_large),
    ("all scores shifted by 10000", _draw_shifted),
    ("scores near 10000, 0 and -10000", _draw_rows_apart),
    ("large reg, small weights", lambda rng: _linear.draw(rng, 6, 5, 12, 3e3, weight_scale=1e-2)),
    ("float32", lambda rng: _linear.draw(rng, 4, 5, 3, 0.6, dtype=np.float32)),
    ("one input", lambda rng: _linear.draw(rng, 1, 6, 4, 2.5), _edges.ONE_INPUT),
)


def _loss_question(function, title, **card):
    target = f"cs231n.classifiers.softmax:{function}"
    return _linear.loss_question(NOTEBOOK, target, title, _LOSS_CASES, **card)


softmax_loss_naive = _loss_question(
    "softmax_loss_naive",
    "Softmax loss and gradient, with loops",
    points=4,
    minutes=30,
    difficulty=3,
    importance=4,
    hints=(
        "For one image: scores, then probabilities that add up to 1, then minus the log of the true class's. "
        "Shift the scores first, so that exp cannot overflow.",
        "Column j of dW gains X[i] times the probability of class j, less 1 if j is the true class. At the end "
        "divide both by N, and add reg * W^2 and its gradient 2 * reg * W.",
    ),
)
softmax_loss_vectorized = _loss_question(
    "softmax_loss_vectorized",
    "Softmax loss and gradient, without loops",
    points=4,
    minutes=25,
    difficulty=3,
    importance=5,
    hints=(
        "Keep all probabilities in one (N, C) array. Each row is shifted by its own maximum: keepdims keeps it as "
        "a column.",
        "The gradient with respect to the scores is the probabilities, less 1 at the true class of each row, over "
        "N. One matrix product with X transposed turns it into dW.",
    ),
    efforts=(_linear.NO_LOOP,),
)


def _judge_softmax_search(results, best_val, best_W, X_val, y_val, **seen):
    return _linear.judge_search(results, best_val, best_W, X_val, y_val, BARS, "best_softmax", **seen)


softmax_search = Question(
    id="softmax_search",
    title="Search for good softmax settings",
    notebook=NOTEBOOK,
    points=3,
    minutes=20,
    difficulty=2,
    importance=3,
    hints=(
        "The same search as for the SVM, with another range: try learning rates near 1e-6, and values of reg in "
        "the thousands.",
        "For each pair, train a new Softmax, store the training and the validation accuracy in results, and keep "
        "the best classifier itself. More steps help while the loss still falls.",
    ),
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
