"""The questions of Losses: losses for several kinds of truth, and the metrics that say what a loss does not."""

import numpy as np

from coursekit.core.question import Case, Question
from coursekit.questions import _edges
from coursekit.questions._caches import own_cache

NOTEBOOK = "Losses"
LOSSES, METRICS = "cs231n.losses", "cs231n.metrics"

_SURELY_RIGHT = (
    "beyond a margin of 37, 1 + exp(-margin) is 1 in float64 and its logarithm 0, although the loss is not; np.log1p "
    "and np.logaddexp keep its digits"
)
_TINY = (
    "a probability can be as small as 1e-300 and still have a logarithm; a small number added to it would change the "
    "loss"
)


def _class_sizes(scores, **_):
    return {"N": scores.shape[0], "C": scores.shape[1]}


def _labels_of(rng, N, C):
    """Labels in which the first class is not alone."""
    y = rng.randint(C, size=N)
    y[0], y[-1] = C - 1, 1
    return y


def _scored(rng, N, C, scale=1.0, shift=0.0, dtype=np.float64):
    """Scores around a shift; most margins are violated, by different amounts, and some are not."""
    return {"scores": (scale * rng.randn(N, C) + shift).astype(dtype), "y": _labels_of(rng, N, C)}


def _for_each(function, *arrays):
    """A number for each of several sets of inputs; None if a call returns none. One number alone could be guessed."""
    numbers = [function(*one_set) for one_set in zip(*arrays, strict=True)]
    return None if any(number is None for number in numbers) else np.array(numbers)


def _several_sets(draw, rng, *arguments, num_sets=5, **options):
    """Several sets of inputs in one, along a new first axis."""
    sets = [draw(rng, *arguments, **options) for _ in range(num_sets)]
    return {name: np.stack([one_set[name] for one_set in sets]) for name in sets[0]}


def _run_loss(name):
    def run(**inputs):
        from cs231n import losses

        loss, dscores = getattr(losses, name)(**inputs)
        return {"loss": loss, "dscores": dscores}

    return run


# ---- one class out of several

_run_squared_hinge = _run_loss("squared_hinge_loss")

squared_hinge_loss = Question(
    id="squared_hinge_loss",
    title="The squared hinge loss",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=2,
    importance=3,
    hints=(
        "The margins are those of the hinge loss, and so is the rule that the true class is not compared with itself. "
        "What is the derivative of the square of a margin?",
        "The score of class j raises the loss by twice its margin. The true class has all the margins of its row, with "
        "a minus: a sum along axis 1.",
    ),
    implements=(f"{LOSSES}:squared_hinge_loss",),
    cases=(
        Case("five rows, four classes", lambda rng: _scored(rng, 5, 4), _run_squared_hinge, _class_sizes),
        Case("seven rows, three classes", lambda rng: _scored(rng, 7, 3, 2.0, 50.0), _run_squared_hinge, _class_sizes),
        Case("scores up to 1000", lambda rng: _scored(rng, 4, 6, 400.0), _run_squared_hinge, _class_sizes),
        Case("float32", lambda rng: _scored(rng, 6, 5, dtype=np.float32), _run_squared_hinge, _class_sizes, 1e-4),
        Case("one row", lambda rng: _scored(rng, 1, 6), _run_squared_hinge, _class_sizes, edge=_edges.ONE_INPUT),
    ),
)


def _weighted(rng, N, C, *arguments, far_below=0.0, **options):
    """Scores, labels and weights; one score is so far below the others that its probability is 0."""
    inputs = _scored(rng, N, C, *arguments, **options)
    inputs["scores"][0, inputs["y"][0] - 1] -= far_below
    class_weights = rng.permutation(np.linspace(0.3, 4.0, C)) * rng.uniform(0.8, 1.2, C)
    return inputs | {"class_weights": class_weights.astype(inputs["scores"].dtype)}


_run_weighted = _run_loss("weighted_softmax_loss")

weighted_softmax_loss = Question(
    id="weighted_softmax_loss",
    title="The softmax loss with a weight for each class",
    notebook=NOTEBOOK,
    points=2,
    minutes=20,
    difficulty=3,
    importance=4,
    hints=(
        "Give every input the weight of its class, and divide by the sum of these N weights: now they are shares that "
        "add up to 1. Without weights, each share would be 1/N.",
        "The loss is the sum of share times minus log p of the true class. The gradient of a row is that of the "
        "softmax loss, times the share of the row as a column.",
    ),
    implements=(f"{LOSSES}:weighted_softmax_loss",),
    cases=(
        Case("five rows, four classes", lambda rng: _weighted(rng, 5, 4), _run_weighted, _class_sizes),
        Case("seven rows, three classes", lambda rng: _weighted(rng, 7, 3, 3.0), _run_weighted, _class_sizes),
        Case(
            "scores near 10000", lambda rng: _weighted(rng, 4, 5, 2.0, 1e4, far_below=2e3), _run_weighted, _class_sizes
        ),
        Case("float32", lambda rng: _weighted(rng, 6, 5, dtype=np.float32), _run_weighted, _class_sizes, 1e-4),
        Case("one row", lambda rng: _weighted(rng, 1, 6), _run_weighted, _class_sizes, edge=_edges.ONE_INPUT),
    ),
)

# ---- cross-entropy in two steps


def _run_softmax_forward(scores):
    from cs231n.losses import softmax_forward

    return {"probabilities": softmax_forward(scores)[0]}


def _only_scores(rng, *arguments, **options):
    return {"scores": _scored(rng, *arguments, **options)["scores"]}


def _rows_apart(rng):
    """Rows of scores near 10000, near 0 and near -10000: each needs its own shift, and none can go by its minimum."""
    scores = rng.randn(3, 5) + np.array([[1e4], [0.0], [-1e4]])
    scores[1, rng.randint(5)] -= 2e3
    return {"scores": scores}


softmax_forward = Question(
    id="softmax_forward",
    title="Softmax, forward",
    notebook=NOTEBOOK,
    points=1,
    minutes=10,
    difficulty=1,
    importance=4,
    hints=(
        "Subtracting the same number from all scores of a row changes no probability. Which number makes sure that exp "
        "cannot overflow?",
        "Take away the maximum of each row, apply exp, and divide by the sum of each row. keepdims makes a column of "
        "the maxima and of the sums.",
    ),
    implements=(f"{LOSSES}:softmax_forward",),
    cases=(
        Case("five rows, four classes", lambda rng: _only_scores(rng, 5, 4), _run_softmax_forward, _class_sizes),
        Case("rows near 10000, 0, -10000", _rows_apart, _run_softmax_forward, _class_sizes),
        Case(
            "float32",
            lambda rng: _only_scores(rng, 6, 3, dtype=np.float32),
            _run_softmax_forward,
            _class_sizes,
            1e-4,
        ),
        Case("one row", lambda rng: _only_scores(rng, 1, 6), _run_softmax_forward, _class_sizes, edge=_edges.ONE_INPUT),
    ),
)


def _with_gradient(rng, N, C, *arguments, **options):
    scores = _scored(rng, N, C, *arguments, **options)["scores"]
    return {"scores": scores, "dout": (1 + 2 * rng.randn(N, C)).astype(scores.dtype)}


def _run_softmax_backward(scores, dout):
    from cs231n.losses import softmax_backward, softmax_forward

    exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
    documented = exponentials / exponentials.sum(axis=1, keepdims=True)
    return {"dscores": softmax_backward(dout, own_cache(softmax_forward, (scores,), documented))}


def _softmax_backward_case(name, make, tolerance=1e-8, edge=""):
    return Case(name, make, _run_softmax_backward, _class_sizes, tolerance, edge=edge)


softmax_backward = Question(
    id="softmax_backward",
    title="Softmax, backward",
    notebook=NOTEBOOK,
    points=2,
    minutes=20,
    difficulty=3,
    importance=4,
    hints=(
        "Raising one score raises its own probability and lowers all others of the row. So every entry of dout in a "
        "row has a say in each of its gradients.",
        "Average dout over each row, weighted by the probabilities. A score's gradient is its probability times how "
        "far its own dout lies above this average.",
    ),
    implements=(f"{LOSSES}:softmax_backward",),
    builds_on=("softmax_forward",),
    cases=(
        _softmax_backward_case("five rows, four classes", lambda rng: _with_gradient(rng, 5, 4)),
        _softmax_backward_case("three rows, seven classes", lambda rng: _with_gradient(rng, 3, 7, 2.0)),
        _softmax_backward_case("float32", lambda rng: _with_gradient(rng, 6, 3, dtype=np.float32), 1e-4),
        _softmax_backward_case("one row", lambda rng: _with_gradient(rng, 1, 6), edge=_edges.ONE_INPUT),
    ),
)


def _probable(rng, N, C, scale=1.0, dtype=np.float64):
    """Probabilities with labels; each row adds up to 1."""
    exponentials = np.exp(scale * rng.randn(N, C))
    probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
    return {"probabilities": probabilities.astype(dtype), "y": _labels_of(rng, N, C)}


def _tiny(rng):
    """The true classes of four rows have probabilities down to 1e-300."""
    inputs = _probable(rng, 4, 3)
    inputs["probabilities"][np.arange(4), inputs["y"]] = 10.0 ** -rng.permutation([10, 40, 150, 300])
    return inputs


def _probable_sizes(probabilities, **_):
    return dict(zip("NC", probabilities.shape[-2:], strict=True))


def _run_cross_entropy_forward(probabilities, y):
    from cs231n.losses import cross_entropy_forward

    return {"loss": _for_each(lambda *one_set: cross_entropy_forward(*one_set)[0], probabilities, y)}


def _with_upstream(draw, rng, *arguments, **options):
    return draw(rng, *arguments, **options) | {"dloss": float(rng.uniform(1.5, 3.0))}


def _entropy_cases(run, draw_with):
    """Cases of both passes; `draw_with` takes a function that draws probabilities, and its arguments."""

    def case(name, draw, *arguments, tolerance=1e-8, edge="", **options):
        return Case(
            name, lambda rng: draw_with(draw, rng, *arguments, **options), run, _probable_sizes, tolerance, edge=edge
        )

    return (
        case("five rows, four classes", _probable, 5, 4),
        case("three rows, six classes", _probable, 3, 6, 2.0),
        case("float32", _probable, 7, 3, dtype=np.float32, tolerance=1e-4),
        case("one row", _probable, 1, 5, edge=_edges.ONE_INPUT),
        case("probabilities down to 1e-300", _tiny, edge=_TINY),
    )


cross_entropy_forward = Question(
    id="cross_entropy_forward",
    title="Cross-entropy of probabilities, forward",
    notebook=NOTEBOOK,
    points=1,
    minutes=8,
    difficulty=1,
    importance=4,
    hints=(
        "Only one probability of each row matters: that of the true class. How surprising it is, is minus its "
        "logarithm.",
        "Two index arrays, one of the rows and one of the labels, pick N entries. Take their logarithms, then the "
        "mean, then the minus.",
    ),
    implements=(f"{LOSSES}:cross_entropy_forward",),
    cases=_entropy_cases(_run_cross_entropy_forward, _several_sets),
)


def _run_cross_entropy_backward(probabilities, y, dloss):
    from cs231n.losses import cross_entropy_backward, cross_entropy_forward

    cache = own_cache(cross_entropy_forward, (probabilities, y), (probabilities, y))
    return {"dprobabilities": cross_entropy_backward(dloss, cache)}


cross_entropy_backward = Question(
    id="cross_entropy_backward",
    title="Cross-entropy of probabilities, backward",
    notebook=NOTEBOOK,
    points=1,
    minutes=10,
    difficulty=2,
    importance=4,
    hints=(
        "The loss looks at one entry of each row, so the gradient of all others is 0. What is the derivative of minus "
        "the logarithm?",
        "Start with zeros of the shape of the probabilities. The entry of each true class gets minus the upstream "
        "gradient over N times its probability.",
    ),
    implements=(f"{LOSSES}:cross_entropy_backward",),
    builds_on=("cross_entropy_forward",),
    cases=_entropy_cases(_run_cross_entropy_backward, _with_upstream),
)


# ---- yes or no


def _signed(rng, N, scale=1.0, least=0.3, dtype=np.float64):
    """Scores with labels -1 and 1, right ones and wrong ones of both."""
    y = np.resize([1, -1, -1, 1, 1], N)
    margins = scale * np.resize([1, -1, 1, -1, 1], N) * rng.uniform(least, 2.0, N)
    order = rng.permutation(N)
    return {"scores": (y * margins)[order].astype(dtype), "y": y[order]}


def _surely_right(rng):
    """Every answer is right, by a margin of 40 or more."""
    y = rng.permutation(np.resize([1, -1], 5))
    return {"scores": y * rng.uniform(40, 60, 5), "y": y}


def _vector_sizes(scores, **_):
    return {"N": len(scores)}


_run_logistic = _run_loss("logistic_loss")

logistic_loss = Question(
    id="logistic_loss",
    title="Logistic regression with labels -1 and 1",
    notebook=NOTEBOOK,
    points=2,
    minutes=20,
    difficulty=2,
    importance=5,
    hints=(
        "All depends on the margin, the label times the score. Of log(1 + exp(-margin)), which NumPy function adds two "
        "numbers inside of the logarithm without overflow?",
        "The derivative with respect to the margin is minus 1 / (1 + exp(margin)), the probability of the wrong "
        "answer; the chain rule adds the label as a factor, the mean 1 / N.",
    ),
    implements=(f"{LOSSES}:logistic_loss",),
    cases=(
        Case("five inputs", lambda rng: _signed(rng, 5), _run_logistic, _vector_sizes),
        Case("eight inputs", lambda rng: _signed(rng, 8, 3.0), _run_logistic, _vector_sizes),
        Case("scores near 1000 and -1000", lambda rng: _signed(rng, 6, 1e3, 0.8), _run_logistic, _vector_sizes),
        Case("float32", lambda rng: _signed(rng, 7, dtype=np.float32), _run_logistic, _vector_sizes, 1e-4),
        Case("one input", lambda rng: _signed(rng, 1), _run_logistic, _vector_sizes, edge=_edges.ONE_INPUT),
        Case("surely right", _surely_right, _run_logistic, _vector_sizes, edge=_SURELY_RIGHT),
    ),
)


def _several(rng, N, K, scale=1.0, weighted=True, dtype=np.float64):
    """Several yes-or-no labels for each input: a row of no, a row of yes, and others."""
    y = (rng.uniform(size=(N, K)) < 0.4).astype(int)
    y[0], y[-1] = 0, 1
    if N == 1:
        y[0, 0] = 0
    scores = scale * (rng.randn(N, K) + 0.3)
    scores[0, 0] = 1.2 * scale  # a sure yes that is wrong
    inputs = {"scores": scores.astype(dtype), "y": y}
    weights = (rng.permutation(np.linspace(0.4, 5.0, K)) * rng.uniform(0.9, 1.1, K)).astype(dtype)
    return inputs | {"positive_weights": weights} if weighted else inputs


def _label_sizes(scores, **_):
    return {"N": scores.shape[0], "K": scores.shape[1]}


_run_multi_label = _run_loss("multi_label_loss")

multi_label_loss = Question(
    id="multi_label_loss",
    title="Several labels for each input",
    notebook=NOTEBOOK,
    points=2,
    minutes=20,
    difficulty=3,
    importance=5,
    hints=(
        "Each column is a logistic regression of its own. With labels 0 and 1 instead of -1 and 1, 2 y - 1 is the sign "
        "of the right answer.",
        "An array of weights, 1 for a no and that of the column for a yes, multiplies the loss and the gradient of "
        "each entry. Divide both by the number of rows.",
    ),
    implements=(f"{LOSSES}:multi_label_loss",),
    cases=(
        Case("four inputs, three labels", lambda rng: _several(rng, 4, 3), _run_multi_label, _label_sizes),
        Case("without weights", lambda rng: _several(rng, 5, 4, weighted=False), _run_multi_label, _label_sizes),
        Case("scores near 1000", lambda rng: _several(rng, 6, 5, 1e3), _run_multi_label, _label_sizes),
        Case("float32", lambda rng: _several(rng, 3, 6, dtype=np.float32), _run_multi_label, _label_sizes, 1e-4),
        Case("one input", lambda rng: _several(rng, 1, 4), _run_multi_label, _label_sizes, edge=_edges.ONE_INPUT),
    ),
)


# ---- numbers


def _numbers(rng, N, M, scale=1.0, dtype=np.float64):
    scores = scale * rng.randn(N, M)
    return {"scores": scores.astype(dtype), "targets": (scores + scale * (0.5 + rng.randn(N, M))).astype(dtype)}


def _number_sizes(scores, **_):
    return {"N": scores.shape[0], "M": scores.shape[1]}


_run_squared_error = _run_loss("mean_squared_error")

mean_squared_error = Question(
    id="mean_squared_error",
    title="The mean squared error",
    notebook=NOTEBOOK,
    points=1,
    minutes=8,
    difficulty=1,
    importance=3,
    hints=(
        "First all differences, then their squares, then one mean over everything. How many numbers is it a mean of?",
        "The derivative of the square is twice the difference; the mean divides it by the number of entries, N times "
        "M.",
    ),
    implements=(f"{LOSSES}:mean_squared_error",),
    cases=(
        Case("five rows of four", lambda rng: _numbers(rng, 5, 4), _run_squared_error, _number_sizes),
        Case("three rows of seven", lambda rng: _numbers(rng, 3, 7, 30.0), _run_squared_error, _number_sizes),
        Case("float32", lambda rng: _numbers(rng, 6, 2, dtype=np.float32), _run_squared_error, _number_sizes, 1e-4),
        Case("one row", lambda rng: _numbers(rng, 1, 5), _run_squared_error, _number_sizes, edge=_edges.ONE_INPUT),
    ),
)


# ---- metrics


def _classified(rng, N, C, missing=False):
    """Predictions of which most are right; with `missing`, the last class but one is never predicted."""
    y = np.concatenate([np.arange(C), rng.randint(C, size=N - C)])
    y_pred = np.where(rng.uniform(size=N) < 0.6, y, rng.randint(C, size=N))
    y[-4:], y_pred[-4:] = (0, 0, 1, C - 1), (C - 1, C - 1, 0, 1)  # mistakes of all kinds, and one that comes twice
    if missing:
        y_pred[y_pred == C - 2] = 0
    return {"y_pred": y_pred, "y": y, "num_classes": C}


def _with_a_class_that_never_occurs(rng):
    inputs = _classified(rng, 14, 3)
    return inputs | {"num_classes": 5}


def _run_confusion(y_pred, y, num_classes):
    from cs231n.metrics import confusion_matrix

    return {"confusion": confusion_matrix(y_pred, y, num_classes)}


def _classified_sizes(y, num_classes, **_):
    return {"N": len(y), "C": num_classes}


confusion_matrix = Question(
    id="confusion_matrix",
    title="The confusion matrix",
    notebook=NOTEBOOK,
    points=1,
    minutes=10,
    difficulty=1,
    importance=4,
    hints=(
        "Each input adds 1 to one entry: the row is its true class, the column the predicted one. What happens to "
        "`a[index] += 1` if an index comes twice?",
        "A loop over the inputs is fine; without one, np.add.at counts every pair, or np.bincount does with one number "
        "for each pair of classes.",
    ),
    implements=(f"{METRICS}:confusion_matrix",),
    cases=(
        Case("twelve inputs, three classes", lambda rng: _classified(rng, 12, 3), _run_confusion, _classified_sizes),
        Case("five classes", lambda rng: _classified(rng, 25, 5), _run_confusion, _classified_sizes),
        Case("classes that never occur", _with_a_class_that_never_occurs, _run_confusion, _classified_sizes),
    ),
)


def _counts(rng, C):
    """A confusion matrix of which no row has the sum of its column."""
    while True:
        confusion = rng.randint(1, 9, size=(C, C)) + np.diag(rng.randint(5, 20, size=C))
        if (confusion.sum(axis=0) != confusion.sum(axis=1)).all():
            return {"confusion": confusion}


def _never(rng):
    """The second class is never predicted, and the last one never occurs."""
    confusion = _counts(rng, 4)["confusion"]
    confusion[:, 1], confusion[3] = 0, 0
    return {"confusion": confusion}


def _run_precision_recall_f1(confusion):
    from cs231n.metrics import precision_recall_f1

    return dict(zip(("precision", "recall", "f1"), precision_recall_f1(confusion), strict=True))


def _confusion_sizes(confusion):
    return {"C": len(confusion)}


precision_recall_f1 = Question(
    id="precision_recall_f1",
    title="Precision, recall and F1 of each class",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=2,
    importance=5,
    hints=(
        "What is right stands on the diagonal. One of the two shares divides it by the sums of the rows, the other one "
        "by the sums of the columns.",
        "Rows are the truth, so their sums belong to recall. np.divide with out= and where= leaves a 0 where the whole "
        "is 0; the same helps F1.",
    ),
    implements=(f"{METRICS}:precision_recall_f1",),
    cases=(
        Case("three classes", lambda rng: _counts(rng, 3), _run_precision_recall_f1, _confusion_sizes),
        Case("five classes", lambda rng: _counts(rng, 5), _run_precision_recall_f1, _confusion_sizes),
        Case("classes without inputs", _never, _run_precision_recall_f1, _confusion_sizes),
    ),
)


def _answers(rng, N, K):
    y = (rng.uniform(size=(N, K)) < 0.3).astype(int)
    y[0], y[-1, 0] = 1, 1
    y_pred = np.where(rng.uniform(size=(N, K)) < 0.2, 1 - y, y)
    y_pred[0, 0], y_pred[-1] = 0, y[-1]
    y_pred[1] = 1
    y[1] = 0
    return {"y_pred": y_pred, "y": y}


def _run_hamming(y_pred, y):
    from cs231n.metrics import hamming_loss

    return {"loss": _for_each(hamming_loss, y_pred, y)}


def _all_right(rng):
    y = rng.permutation(np.eye(3, 5, dtype=int))
    return {"y_pred": y.copy(), "y": y}


def _answer_sizes(y, **_):
    return dict(zip("NK", y.shape[-2:], strict=True))


def _hamming_case(name, draw, *arguments):
    return Case(name, lambda rng: _several_sets(draw, rng, *arguments, num_sets=8), _run_hamming, _answer_sizes)


hamming_loss = Question(
    id="hamming_loss",
    title="The Hamming loss",
    notebook=NOTEBOOK,
    points=1,
    minutes=5,
    difficulty=1,
    importance=2,
    hints=(
        "Compare the two arrays entry by entry. What share of all N times K answers differs?",
        "The mean of an array of True and False is the share of True; it needs no loop and no axis.",
    ),
    implements=(f"{METRICS}:hamming_loss",),
    cases=(
        _hamming_case("five inputs, four labels", _answers, 5, 4),
        _hamming_case("nine inputs, seven labels", _answers, 9, 7),
        _hamming_case("all right", _all_right),
    ),
)


def _ranked(rng, N, levels=None, dtype=np.float64):
    """Scores with answers yes and no, of which yes is the rarer; with `levels`, only so many different scores."""
    y = (rng.permutation(N) < max(2, N // 3)).astype(int)
    scores = rng.permutation(N) if levels is None else rng.permutation(np.resize(np.arange(levels), N))
    # The yes of the middle ranks are a little higher than the no, so that no order is perfect.
    scores = (scores - N / 3) / 7 + (0 if levels else 0.3 * y)
    return {"scores": scores.astype(dtype), "y": y}


def _run_counts(scores, y):
    from cs231n.metrics import counts_by_threshold

    names = ("thresholds", "true_positives", "false_positives")
    return dict(zip(names, counts_by_threshold(scores, y), strict=True))


counts_by_threshold = Question(
    id="counts_by_threshold",
    title="True and false positives for every threshold",
    notebook=NOTEBOOK,
    points=3,
    minutes=25,
    difficulty=3,
    importance=4,
    hints=(
        "Sort the inputs, the highest score first, and walk down: after k inputs, how many of them are yes? Equal "
        "scores pass a threshold together, so only the last of them may be read off.",
        "np.cumsum of the sorted answers counts the yes. Compare each sorted score with the one before: where they "
        "differ, keep the entry before, and keep the very last one.",
    ),
    implements=(f"{METRICS}:counts_by_threshold",),
    cases=(
        Case("seven different scores", lambda rng: _ranked(rng, 7), _run_counts, _vector_sizes),
        Case("twelve inputs, five scores", lambda rng: _ranked(rng, 12, 5), _run_counts, _vector_sizes),
        Case("nine inputs, one score", lambda rng: _ranked(rng, 9, 1), _run_counts, _vector_sizes),
        Case("float32", lambda rng: _ranked(rng, 15, 6, np.float32), _run_counts, _vector_sizes, 1e-4),
    ),
)


def _run_roc_area(scores, y):
    from cs231n.metrics import roc_area

    return {"area": _for_each(roc_area, scores, y)}


def _worse_than_chance(rng):
    """Most of the yes have lower scores than most of the no."""
    y = np.resize([0, 0, 0, 1, 0, 0, 1, 0, 1, 1, 0], 11)  # from the highest score to the lowest
    order = rng.permutation(11)
    return {"scores": np.sort(rng.randn(11))[::-1][order], "y": y[order]}


def _area_sizes(scores, **_):
    return {"N": scores.shape[1]}


def _area_case(name, draw, *arguments):
    return Case(name, lambda rng: _several_sets(draw, rng, *arguments), _run_roc_area, _area_sizes)


roc_area = Question(
    id="roc_area",
    title="The area under the ROC curve",
    notebook=NOTEBOOK,
    points=2,
    minutes=12,
    difficulty=2,
    importance=4,
    hints=(
        "Between two neighbouring points of the curve lies a trapezoid. Its width is a step to the right; how high is "
        "it on average?",
        "np.diff of the rates of false positives gives the widths. The heights are the means of neighbouring rates of "
        "true positives: two slices, one shifted by 1.",
    ),
    implements=(f"{METRICS}:roc_area",),
    builds_on=("counts_by_threshold",),
    cases=(
        _area_case("ten different scores", _ranked, 10),
        _area_case("fourteen inputs, four scores", _ranked, 14, 4),
        _area_case("worse than chance", _worse_than_chance),
    ),
)

QUESTIONS = (
    squared_hinge_loss,
    logistic_loss,
    mean_squared_error,
    softmax_forward,
    cross_entropy_forward,
    softmax_backward,
    cross_entropy_backward,
    multi_label_loss,
    hamming_loss,
    confusion_matrix,
    precision_recall_f1,
    counts_by_threshold,
    roc_area,
    weighted_softmax_loss,
)
