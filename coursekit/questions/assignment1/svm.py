"""Questions of svm: the hinge loss and its gradient, stochastic gradient descent, and a search for good settings."""

import numpy as np

from coursekit.core.question import Case, Figure, Question, holds
from coursekit.questions import _data, _edges, _linear

NOTEBOOK = "svm"

# The accuracy that the course asks of a linear classifier: a little less than a reasonable search reaches.
BARS = {"CIFAR-10": 0.39, "built-in images": 0.36}


# ---- the loss


def _example():
    """Two images of 2 x 2 pixels and three classes: scores [[3, 0, 2], [1, 4, 2]]."""
    return {
        "W": np.array([[1, 0, -1], [0, 1, 0], [1, -1, 1], [0, 2, 1]], dtype=float),
        "X": np.array([[1, 0, 2, 1], [0, 3, 1, 1]], dtype=float),
        "y": np.array([2, 0]),
        "reg": 0.1,
    }


def _away_from_kinks(inputs):
    """Whether no score difference is so close to the margin that rounding decides."""
    scores = inputs["X"].astype(float) @ inputs["W"].astype(float)
    margins = scores - scores[np.arange(len(scores)), inputs["y"]][:, np.newaxis] + 1
    return np.abs(margins).min() > 1e-3


def _draw(rng, *arguments, **options):
    """Inputs away from kinks."""
    while True:
        inputs = _linear.draw(rng, *arguments, **options)
        if _away_from_kinks(inputs):
            return inputs


_ROW_SCALES = 10.0 ** np.array([-3, 3, 0, 1, -1])

_LOSS_CASES = (
    ("two images of 2 x 2", lambda rng: _example()),
    ("seven inputs, five classes", lambda rng: _draw(rng, 7, 4, 5, 0.37)),
    ("inputs scaled from 0.001 to 1000", lambda rng: _draw(rng, 5, 3, 4, 0.07, row_scales=_ROW_SCALES)),
    ("large reg, small weights", lambda rng: _draw(rng, 6, 5, 12, 3e3, row_scales=10, weight_scale=1e-2)),
    ("float32", lambda rng: _draw(rng, 4, 5, 3, 0.6, dtype=np.float32)),
    ("one input", lambda rng: _draw(rng, 1, 6, 4, 2.5), _edges.ONE_INPUT),
)


def _loss_question(function, title, **card):
    target = f"cs231n.classifiers.linear_svm:{function}"
    return _linear.loss_question(NOTEBOOK, target, title, _LOSS_CASES, **card)


svm_loss_naive = _loss_question(
    "svm_loss_naive",
    "Gradient of the SVM loss, with loops",
    points=3,
    minutes=25,
    difficulty=2,
    importance=3,
    hints=(
        "Where a margin is positive, the loss grows with the score of class j and falls with that of the true "
        "class. How does each score depend on W?",
        "For each positive margin, add the image to column j of dW and take it away from the column of the true "
        "class. After the loops: divide by N, then add the gradient of reg * W^2.",
    ),
)
svm_loss_vectorized = _loss_question(
    "svm_loss_vectorized",
    "SVM loss and gradient, without loops",
    points=4,
    minutes=30,
    difficulty=3,
    importance=4,
    hints=(
        "First all scores, then all margins in one (N, C) array. The gradient of the loss with respect to the "
        "scores has that shape too.",
        "Mark positive margins with 1; in the column of the true class put minus the number of marks in that row. "
        "X transposed times this gives the sum over the images in dW.",
    ),
    efforts=(_linear.NO_LOOP,),
)


# ---- training


def _squared_error(X, y, reg, W):
    """The loss, the weights unchanged, and the gradient."""
    residual = X @ W - np.eye(W.shape[1])[y]
    loss = np.sum(residual**2) / len(X) + reg * np.sum(W**2)
    return loss, W, 2 * X.T @ residual / len(X) + 2 * reg * W


def _squared_error_model(calls):
    """A linear classifier whose loss is the mean squared distance between its scores and the one-hot labels.

    It records what `train` does in the list `calls`, and does not depend on the answer to any other question.
    """
    from cs231n.classifiers.linear_classifier import LinearClassifier

    class SquaredError(LinearClassifier):
        def loss(self, X_batch, y_batch, reg):
            X_batch, y_batch = np.asarray(X_batch), np.asarray(y_batch)
            loss, W, dW = _squared_error(X_batch, y_batch, reg, self.W)
            calls.append((X_batch.copy(), y_batch.copy(), reg, loss, W.copy(), dW.copy()))
            return loss, dW

    return SquaredError()


def _equal_rows(rng, num_inputs, num_columns, num_classes, **settings):
    """All inputs and labels are the same, so the steps are the same whichever rows are drawn."""
    return {
        "W": rng.randn(num_columns, num_classes),
        "X": np.tile(1 + rng.rand(num_columns), (num_inputs, 1)),
        "y": np.full(num_inputs, rng.randint(num_classes)),
        **settings,
    }


def _run_train(W, X, y, learning_rate, reg, num_iters, batch_size):
    model = _squared_error_model([])
    model.W = W.copy()
    history = model.train(
        X, y, learning_rate=learning_rate, reg=reg, num_iters=num_iters, batch_size=batch_size, verbose=False
    )
    return {"W": model.W, "loss_history": history if history is None else np.asarray(history)}


def _train_sizes(X, W, num_iters, batch_size, **_):
    return {"N": X.shape[0], "D": W.shape[0], "C": W.shape[1], "num_iters": num_iters, "batch_size": batch_size}


def _distinct_rows(rng, num_inputs, num_columns, num_classes, **settings):
    X = rng.rand(num_inputs, num_columns)
    X[:, 0] = rng.permutation(num_inputs)  # identifies the row
    return {"X": X, "y": rng.randint(num_classes, size=num_inputs), **settings}


def _record(seed, X, y, **settings):
    calls = []
    model = _squared_error_model(calls)
    model.W = np.zeros((X.shape[1], int(y.max()) + 1))
    np.random.seed(seed)
    history = model.train(X, y, verbose=False, **settings)
    return calls, history, model.W


def _rows_of(X, X_batch):
    """For each row of the batch, its position in X, or -1 if it is not a row of X."""
    if X_batch.ndim != 2 or X_batch.shape[1] != X.shape[1]:
        return np.full(len(X_batch), -1)
    same = (X_batch[:, np.newaxis] == X[np.newaxis]).all(axis=2)
    return np.where(same.any(axis=1), same.argmax(axis=1), -1)


def _run_batches(X, y, learning_rate, reg, num_iters, batch_size, seed):
    settings = {"learning_rate": learning_rate, "reg": reg, "num_iters": num_iters, "batch_size": batch_size}
    calls, history, last_W = _record(seed, X, y, **settings)
    others, _, _ = _record(seed + 1, X, y, **settings)
    return {"calls": calls, "other calls": others, "history": history, "W": last_W}


def _observe_batches(inputs, outputs):
    """What the judge needs to know about the calls of `loss`; losses and gradients are computed again here."""
    X, y, learning_rate, reg = (inputs[name] for name in ("X", "y", "learning_rate", "reg"))
    calls = [(*call[:3], *_squared_error(call[0], call[1], call[2], call[4])) for call in outputs["calls"]]
    others, history, last_W = outputs["other calls"], outputs["history"], outputs["W"]
    rows = [_rows_of(X, call[0]) for call in calls]
    weights = [call[4] for call in calls] + [last_W]
    return {
        "calls": len(calls),
        "batch_sizes": sorted({len(call[0]) for call in calls}),
        "all_from_X": all((row >= 0).all() for row in rows),
        "labels_fit": all(
            (row >= 0).all() and np.array_equal(call[1], y[row]) for row, call in zip(rows, calls, strict=True)
        ),
        "batches_differ": len({row.tobytes() for row in rows}) > 1,
        "rows_seen": len(set(np.concatenate([*rows, [-1]]).tolist()) - {-1}),
        "other_run_differs": not _same_batches(calls, others),
        "reg_passed": all(call[2] == reg for call in calls),
        "history_fits": _fits([call[3] for call in calls], history),
        "steps_right": all(
            np.allclose(after, before - learning_rate * call[5], rtol=1e-9, atol=1e-12)
            for call, before, after in zip(calls, weights[:-1], weights[1:], strict=True)
        ),
    }


def _same_batches(calls, others):
    return len(calls) == len(others) and all(np.array_equal(a[0], b[0]) for a, b in zip(calls, others, strict=True))


def _fits(losses, history):
    return (
        isinstance(history, (list, tuple, np.ndarray)) and len(history) == len(losses) and np.allclose(losses, history)
    )


def _judge_batches(inputs, outputs):
    num_iters, batch_size, num_inputs = inputs["num_iters"], inputs["batch_size"], len(inputs["X"])
    sizes = outputs["batch_sizes"]
    return [
        holds(
            "self.loss is called num_iters times",
            outputs["calls"] == num_iters,
            f"expected {num_iters} calls of self.loss for num_iters = {num_iters}, got {outputs['calls']}",
            mistake="self.loss should be called exactly once in each of the num_iters steps",
        ),
        holds(
            f"each batch has {batch_size} rows",
            sizes == [batch_size],
            f"expected batches of {batch_size} rows, got batches of {', '.join(map(str, sizes)) or 'none'}",
            mistake="a batch should have batch_size rows of X",
        ),
        holds(
            "the rows of each batch are rows of X",
            outputs["all_from_X"],
            "a batch contains rows that are not in X",
            mistake="draw row numbers, then index with them: X[batch] and y[batch]",
        ),
        holds(
            "the labels belong to the rows of the batch",
            outputs["labels_fit"],
            "the labels passed to self.loss are not those of the rows in the batch",
            mistake="X and y must be indexed by the same numbers: draw once, then use X[batch] and y[batch]",
        ),
        holds(
            "not all batches are the same",
            outputs["batches_differ"],
            f"all {outputs['calls']} steps got the same batch",
            mistake="draw a new batch in each step, inside the loop",
        ),
        holds(
            "every row of X is drawn at some step",
            outputs["rows_seen"] == num_inputs,
            f"{num_iters} batches of {batch_size} contain only {outputs['rows_seen']} of the {num_inputs} rows",
            mistake="draw from all rows: use np.random.choice(len(X), batch_size)",
        ),
        holds(
            "runs with different seeds draw different batches",
            outputs["other_run_differs"],
            "two runs with different seeds got the same batches",
            mistake="draw with np.random.choice, and do not call np.random.seed inside train",
        ),
        holds(
            "self.loss receives the reg that train received",
            outputs["reg_passed"],
            "self.loss received a different reg",
            mistake="call self.loss(X_batch, y_batch, reg)",
        ),
        holds(
            "train returns the loss of every step, in order",
            outputs["history_fits"],
            f"expected the {num_iters} losses that self.loss returned, in order",
            mistake="append the loss of each step to loss_history exactly once",
        ),
        holds(
            "each step subtracts learning_rate * dW from W",
            outputs["steps_right"],
            "after a step, W is not the old W minus learning_rate times the dW of that step",
            mistake="after each batch, update self.W -= learning_rate * dW",
        ),
    ]


linear_classifier_train = Question(
    id="linear_classifier_train",
    title="Training by stochastic gradient descent",
    notebook=NOTEBOOK,
    points=3,
    minutes=20,
    difficulty=2,
    importance=5,
    hints=(
        "Each step sees a few rows only: draw their numbers at random, then use the same numbers for X and for y.",
        "np.random.choice draws batch_size row numbers. self.loss returns the loss, which belongs in "
        "loss_history, and the gradient: W moves by learning_rate times the gradient, in the opposite direction.",
    ),
    implements=("cs231n.classifiers.linear_classifier:LinearClassifier.train",),
    cases=(
        Case(
            "equal inputs, four steps",
            lambda rng: _equal_rows(rng, 6, 4, 3, learning_rate=0.02, reg=0.3, num_iters=4, batch_size=5),
            _run_train,
            _train_sizes,
        ),
        Case(
            "one step, batch of one input",
            lambda rng: _equal_rows(rng, 9, 3, 5, learning_rate=0.07, reg=1.7, num_iters=1, batch_size=1),
            _run_train,
            _train_sizes,
        ),
        Case(
            "different inputs",
            lambda rng: _distinct_rows(
                rng, 9, 3, 4, learning_rate=1e-3, reg=0.4, num_iters=60, batch_size=3, seed=rng.randint(10_000)
            ),
            _run_batches,
            judge=_judge_batches,
            observe=_observe_batches,
        ),
        Case(
            "batch larger than the data set",
            lambda rng: _equal_rows(rng, 3, 2, 4, learning_rate=1e-3, reg=20.0, num_iters=7, batch_size=8),
            _run_train,
            _train_sizes,
            edge=_edges.MANY_DRAWS,
        ),
    ),
)


# ---- prediction


def _run_predict(W, X):
    from cs231n.classifiers.linear_classifier import LinearClassifier

    model = LinearClassifier()
    model.W = W
    return {"y_pred": model.predict(X)}


def _predict_inputs(rng, num_inputs, num_columns, num_classes, shift=0.0):
    """Inputs without ties; if there are several, the first class is the best for one of them, the last for another."""
    while True:
        W, X = rng.randn(num_columns, num_classes), rng.randn(num_inputs, num_columns)
        X[:, -1], W[-1] = 1.0, W[-1] + shift
        scores = np.sort(X @ W, axis=1)
        y_pred = (X @ W).argmax(axis=1)
        best = {0, num_classes - 1} if num_inputs > 1 else set(y_pred) - {0}
        if (scores[:, -1] - scores[:, -2]).min() > 1e-3 and best and best <= set(y_pred):
            return {"W": W, "X": X}


def _predict_example():
    example = _example()
    return {"W": example["W"], "X": example["X"]}


linear_classifier_predict = Question(
    id="linear_classifier_predict",
    title="Predicting the class with the highest score",
    notebook=NOTEBOOK,
    points=1,
    minutes=5,
    difficulty=1,
    importance=2,
    hints=(
        "A row of X and the weights give one score for each class. The prediction is a number of a class, not a score.",
        "Compute the scores of all rows with one matrix product, of shape (N, C), then ask np.argmax for the "
        "position of the largest one in each row.",
    ),
    implements=("cs231n.classifiers.linear_classifier:LinearClassifier.predict",),
    cases=(
        Case("two images of 2 x 2", lambda rng: _predict_example(), _run_predict, _linear.sizes),
        Case("seven inputs, five classes", lambda rng: _predict_inputs(rng, 7, 3, 5), _run_predict, _linear.sizes),
        Case("more classes than inputs", lambda rng: _predict_inputs(rng, 4, 6, 12), _run_predict, _linear.sizes),
        Case("all scores below 0", lambda rng: _predict_inputs(rng, 6, 4, 3, -100.0), _run_predict, _linear.sizes),
        Case(
            "one input",
            lambda rng: _predict_inputs(rng, 1, 5, 4),
            _run_predict,
            _linear.sizes,
            edge=_edges.ONE_INPUT,
        ),
    ),
)


# ---- the search for good settings


def _judge_svm_search(results, best_val, best_W, X_val, y_val, **seen):
    return _linear.judge_search(results, best_val, best_W, X_val, y_val, BARS, "best_svm", **seen)


svm_search = Question(
    id="svm_search",
    title="Search for good SVM settings",
    notebook=NOTEBOOK,
    points=3,
    minutes=25,
    difficulty=3,
    importance=4,
    hints=(
        "Two nested loops: over a few learning rates and over a few values of reg, in powers of ten. Each pair "
        "gets a new classifier.",
        "Store both accuracies under the key (learning_rate, reg). When the validation accuracy beats best_val, "
        "keep it and the classifier. If the losses become nan, lower the rate.",
    ),
    builds_on=("svm_loss_vectorized", "linear_classifier_train", "linear_classifier_predict"),
    values=("results", "best_val", "best_W", "X_val", "y_val"),
    judge=_judge_svm_search,
    given=_data.rows,
)

QUESTIONS = (svm_loss_naive, svm_loss_vectorized, linear_classifier_train, linear_classifier_predict, svm_search)

FIGURES = (
    Figure("SVM: validation", "best_val", course=0.39, aim=0.39),
    Figure("SVM: test", "np.mean(best_svm.predict(X_test) == y_test)"),
)
