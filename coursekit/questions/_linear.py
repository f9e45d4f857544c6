"""What the questions on linear classifiers share: inputs, the cases of a loss, the judge of a search for settings."""

from importlib import import_module

import numpy as np

from coursekit.core.question import Case, Question, holds, reaches

# ---- losses


def draw(rng, num_inputs, num_columns, num_classes, reg, row_scales=1.0, weight_scale=1.0, dtype=float):
    """Inputs of a loss; the last class never occurs, another one twice or more where there is room."""
    return {
        "W": (weight_scale * rng.randn(num_columns, num_classes)).astype(dtype),
        "X": ((0.3 + rng.randn(num_inputs, num_columns)) * np.reshape(row_scales, (-1, 1))).astype(dtype),
        "y": rng.randint(0, num_classes - 1, size=num_inputs),
        "reg": reg,
    }


def sizes(W, X, **_):
    """The letters for the sizes in explanations."""
    return {"N": X.shape[0], "D": W.shape[0], "C": W.shape[1]}


def loss_question(notebook, target, title, points, minutes, cases):
    """A question on a loss and its gradient; `target` is such as "cs231n.classifiers.softmax:softmax_loss_naive".

    A case is its name and what draws its inputs; one with float32 is judged less strictly.
    """
    module, function = target.split(":")

    def run(W, X, y, reg):
        loss, dW = getattr(import_module(module), function)(W, X, y, reg)
        return {"loss": loss, "dW": dW}

    return Question(
        id=function,
        title=title,
        notebook=notebook,
        points=points,
        minutes=minutes,
        implements=(target,),
        cases=tuple(
            Case(name, inputs, run, sizes, tolerance=1e-4 if name == "float32" else 1e-8) for name, inputs in cases
        ),
    )


# ---- the search for good settings


def judge_search(results, best_val, W, X_val, y_val, bars, name):
    """Judge a search over learning rates and regularisation strengths; `name` is that of the best classifier."""
    findings = [_judge_grid(results), _judge_results(results)]
    if not all(finding.ok for finding in findings):
        return findings
    best = max(val for _, val in results.values())
    findings += [
        holds(
            "best_val is the best of results",
            isinstance(best_val, (int, float, np.number)) and abs(best_val - best) < 1e-9,
            f"the highest validation accuracy in results is {best:.4g}, best_val is {best_val}",
            mistake="keep best_val and the classifier each time a validation accuracy is higher than best_val",
        ),
        _judge_weights(W, X_val, y_val, name),
    ]
    if findings[-1].ok:
        accuracy = float(np.mean(np.argmax(np.asarray(X_val) @ W, axis=1) == y_val))
        findings += [
            holds(
                f"{name} is the one with best_val",
                abs(accuracy - best) < 2.5 / len(y_val),  # rounding in float32 may turn over a picture or two
                f"{name}.W reaches {accuracy:.4g} on X_val, best_val is {best:.4g}",
                mistake=f"{name} is not the classifier that reached best_val: is it the last one, "
                "or trained further after it was kept?",
            ),
            reaches(
                "validation accuracy",
                accuracy,
                bars,
                mistake="widen the search: other powers of ten, more steps (num_iters), larger batches",
            ),
        ]
    return findings


def _judge_grid(results):
    keys = list(results) if isinstance(results, dict) else []
    pairs = [key for key in keys if isinstance(key, tuple) and len(key) == 2 and all(_is_positive(v) for v in key)]
    enough = len({lr for lr, _ in pairs}) >= 2 and len({reg for _, reg in pairs}) >= 2
    return holds(
        "results has a pair (learning_rate, reg) for each run",
        bool(keys) and len(pairs) == len(keys) and enough,
        "expected keys (learning_rate, reg), with two or more values of each",
        f"got {_few(keys) if isinstance(results, dict) else 'a ' + type(results).__name__}",
        mistake="for each lr and each reg of the two lists: results[(lr, reg)] = (train_acc, val_acc)",
    )


def _judge_results(results):
    entries = list(results.values()) if isinstance(results, dict) else []
    right = bool(entries) and all(
        isinstance(entry, (tuple, list)) and len(entry) == 2 and all(_is_share(v) for v in entry) for entry in entries
    )
    return holds(
        "each with (train_acc, val_acc) from 0 to 1",
        right,
        f"got {_few(entries)}",
        mistake="an accuracy is the mean of y_pred == y, a share from 0 to 1 (not a percentage, not a count)",
    )


def _judge_weights(W, X_val, y_val, name):
    shape = (np.shape(X_val)[1], int(np.max(y_val)) + 1)
    statement = f"{name} has trained weights"
    if not isinstance(W, np.ndarray) or W.dtype.kind != "f" or W.shape != shape:
        came = f"shape {W.shape} {W.dtype}" if isinstance(W, np.ndarray) else f"a {type(W).__name__}"
        mistake = f"{name} is to be the trained classifier object, not its accuracy or its settings"
        return holds(statement, False, f"expected weights of shape {shape}, got {came}", mistake=mistake)
    return holds(
        statement,
        np.isfinite(W).all(),
        f"{name}.W has entries that are nan or infinite",
        mistake="the learning rate is too high for this reg: the weights grew without end",
    )


def _is_positive(value):
    return isinstance(value, (int, float, np.number)) and bool(np.isfinite(value)) and value > 0


def _is_share(value):
    return isinstance(value, (int, float, np.number)) and 0 <= value <= 1


def _few(items):
    return ", ".join(map(str, items[:3])) + (", ..." if len(items) > 3 else "") if items else "nothing"
