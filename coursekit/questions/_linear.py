"""What the questions on linear classifiers share: inputs, the cases of a loss, the judge of a search for settings."""

from importlib import import_module

import numpy as np

from coursekit.core.question import Case, Effort, Question, holds, reaches

# ---- losses


def draw(rng, num_inputs, num_columns, num_classes, reg, row_scales=1.0, weight_scale=1.0, dtype=float):
    """Inputs of a loss; the last class never occurs, and with enough inputs another class occurs more than once."""
    return {
        "W": (weight_scale * rng.randn(num_columns, num_classes)).astype(dtype),
        "X": ((0.3 + rng.randn(num_inputs, num_columns)) * np.reshape(row_scales, (-1, 1))).astype(dtype),
        "y": rng.randint(0, num_classes - 1, size=num_inputs),
        "reg": reg,
    }


def sizes(W, X, **_):
    """The sizes, by the letters that explanations use."""
    return {"N": X.shape[0], "D": W.shape[0], "C": W.shape[1]}


NO_LOOP = Effort(
    "no Python loop over the inputs",
    lambda rng, rows: draw(rng, rows, 2, 5, 0.1),
    "with many inputs the processor time grows many times as fast as array code's",
    "there is still a loop over the inputs, or a version with loops is called: compute all scores with X @ W",
    rows=500_000,
)


def loss_question(notebook, target, title, cases, **card):
    """A question about a loss and its gradient; `target` looks like "cs231n.classifiers.softmax:softmax_loss_naive".

    Each case is a name, a function that draws the inputs, and why it matters if it is an edge; the one named "float32"
    has a larger tolerance. `card` has the points, minutes, difficulty and importance, and efforts if there are any.
    """
    module, function = target.split(":")

    def run(W, X, y, reg):
        loss, dW = getattr(import_module(module), function)(W, X, y, reg)
        return {"loss": loss, "dW": dW}

    return Question(
        id=function,
        title=title,
        notebook=notebook,
        **card,
        implements=(target,),
        cases=tuple(
            Case(name, inputs, run, sizes, 1e-4 if name == "float32" else 1e-8, edge="".join(edge))
            for name, inputs, *edge in cases
        ),
    )


# ---- the search for good settings


TOO_GOOD = 0.1  # by so much an honest classifier never does better on the validation images than on other images


def judge_search(results, best_val, W, X_val, y_val, bars, name, X_seen=None, y_seen=None):
    """Judge a search over learning rates and regularisation strengths; `name` is the best classifier's variable.

    Grading hands over training images as well (X_seen): a classifier that was fitted to X_val fails on them.
    """
    findings = [_judge_grid(results), _judge_results(results)]
    if not all(finding.ok for finding in findings):
        return findings
    best = max(val for _, val in results.values())
    findings += [
        holds(
            "best_val is the highest validation accuracy in results",
            isinstance(best_val, (int, float, np.number)) and abs(best_val - best) < 1e-9,
            f"the highest validation accuracy in results is {best:.4g}, best_val is {best_val}",
            mistake="whenever a validation accuracy exceeds best_val, update best_val and keep the classifier",
        ),
        _judge_weights(W, X_val, y_val, name),
    ]
    if findings[-1].ok:
        accuracy = float(np.mean(np.argmax(np.asarray(X_val) @ W, axis=1) == y_val))
        findings += [
            holds(
                f"{name} reaches the accuracy best_val on X_val",
                abs(accuracy - best) < 2.5 / len(y_val),  # rounding in float32 may change a prediction or two
                f"{name}.W reaches {accuracy:.4g} on X_val, best_val is {best:.4g}",
                mistake=f"{name} is not the classifier that reached best_val: is it the last one, "
                "or was it trained further after it was kept?",
            ),
            reaches(
                "the validation accuracy",
                accuracy,
                bars,
                mistake="widen the search: try other powers of ten, more steps (num_iters), larger batches",
            ),
        ]
        if X_seen is not None:
            seen = float(np.mean(np.argmax(X_seen @ W, axis=1) == y_seen))
            findings += judge_training(accuracy, seen, "training images", name)
    return findings


def judge_training(val_accuracy, other_accuracy, others, name):
    """A finding if the weights were fitted to X_val, by what they reach on other images; none otherwise.

    A notebook's check of pixels has no other images, and its text is the same with and without them.
    """
    if val_accuracy - other_accuracy < TOO_GOOD:
        return []
    gap = f"it reaches {val_accuracy:.4g} on the validation images, but only {other_accuracy:.4g} on {others}"
    mistake = "it was trained on the validation images: train on X_train alone, and use X_val to choose"
    return [holds(f"{name} has learnt from the training images", False, gap, mistake=mistake)]


def _judge_grid(results):
    keys = list(results) if isinstance(results, dict) else []
    pairs = [key for key in keys if isinstance(key, tuple) and len(key) == 2 and all(_is_positive(v) for v in key)]
    enough = len({lr for lr, _ in pairs}) >= 2 and len({reg for _, reg in pairs}) >= 2
    return holds(
        "the keys of results are (learning_rate, reg), with two or more values of each",
        bool(keys) and len(pairs) == len(keys) and enough,
        "expected keys such as (1e-07, 25000.0), with at least two learning rates and two values of reg",
        f"got {_few(keys) if isinstance(results, dict) else 'a ' + type(results).__name__}",
        mistake="for each learning rate and each reg, set results[(learning_rate, reg)] = (train_acc, val_acc)",
    )


def _judge_results(results):
    entries = list(results.values()) if isinstance(results, dict) else []
    right = bool(entries) and all(
        isinstance(entry, (tuple, list)) and len(entry) == 2 and all(_is_share(v) for v in entry) for entry in entries
    )
    return holds(
        "the values of results are pairs (train_accuracy, val_accuracy), each from 0 to 1",
        right,
        f"got {_few(entries)}",
        mistake="an accuracy is the mean of y_pred == y: a fraction from 0 to 1, not a percentage or a count",
    )


def _judge_weights(W, X_val, y_val, name):
    shape = (np.shape(X_val)[1], int(np.max(y_val)) + 1)
    statement = f"{name}.W has the shape (D, C), and all its entries are finite"
    if not isinstance(W, np.ndarray) or W.dtype.kind != "f" or W.shape != shape:
        received = f"shape {W.shape} {W.dtype}" if isinstance(W, np.ndarray) else f"a {type(W).__name__}"
        mistake = f"{name} should be the trained classifier itself, not its accuracy or its settings"
        return holds(statement, False, f"expected weights of shape {shape}, got {received}", mistake=mistake)
    return holds(
        statement,
        np.isfinite(W).all(),
        f"{name}.W has entries that are nan or infinite",
        mistake="the learning rate is too high for this reg: the weights grew without bound",
    )


def _is_positive(value):
    return isinstance(value, (int, float, np.number)) and bool(np.isfinite(value)) and value > 0


def _is_share(value):
    return isinstance(value, (int, float, np.number)) and 0 <= value <= 1


def _few(items):
    return ", ".join(map(str, items[:3])) + (", ..." if len(items) > 3 else "") if items else "nothing"
