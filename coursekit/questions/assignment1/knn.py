"""Questions of knn: the distances computed in three ways, the vote, and the choice of k."""

import hashlib
import sys
import tracemalloc

import numpy as np

from coursekit.core.question import Case, Effort, Figure, Question, holds, reaches
from coursekit.questions import _edges

NOTEBOOK = "knn"
CLASS = "cs231n.classifiers.k_nearest_neighbor:KNearestNeighbor"
NUM_TRAIN, NUM_TEST, NUM_FOLDS = 5000, 500, 5
CLOSE_CALLS = 0.01  # fraction of images whose label may differ, because some distances are equal or nearly so
K_CHOICES = (1, 3, 5, 8, 10, 12, 15, 20, 50, 100)


# ---- distances


def _knn(X_train):
    from cs231n.classifiers.k_nearest_neighbor import KNearestNeighbor

    knn = KNearestNeighbor()
    knn.train(X_train, np.zeros(len(X_train), dtype=int))
    return knn


def _run_with(method):
    def run(X, X_train):
        return {"dists": getattr(_knn(X_train), method)(X)}

    return run


def _distance_sizes(X, X_train):
    return {"M": X.shape[0], "N": X_train.shape[0], "D": X.shape[1]}


def _whole_numbers(rng):
    return {"X": rng.randint(10, size=(3, 4)), "X_train": rng.randint(10, size=(5, 4))}


def _pixels(rng):
    return {
        "X": rng.randint(256, size=(4, 30)).astype(np.uint8),
        "X_train": rng.randint(256, size=(6, 30)).astype(np.uint8),
    }


def _square(rng):
    # A sum over the wrong axis, or a row in place of a column, raises no error here: only the values are wrong.
    return {"X": 2 + rng.randn(5, 5), "X_train": rng.randn(5, 5) * np.array([[0.01], [1], [10], [2], [100]])}


def _far_from_zero(rng, dtype=np.float64):
    return {
        "X": (30 + 10 * rng.randn(2, 7)).astype(dtype),
        "X_train": (30 + 10 * rng.randn(8, 7)).astype(dtype),
    }


def _copies(rng):
    X = 100 * rng.rand(64, 300)
    return {"X": X, "X_train": X[::-1].copy()}


def _one_input(rng):
    return {"X": rng.randn(1, 6), "X_train": rng.randn(3, 6)}


def _distance_cases(method, *further):
    """The cases of a way to compute distances, with `further` ones before the edges."""
    run = _run_with(method)
    return (
        Case("three inputs, integers", _whole_numbers, run, _distance_sizes),
        Case("five inputs, five training inputs", _square, run, _distance_sizes),
        Case("values far from 0", _far_from_zero, run, _distance_sizes),
        Case("float32", lambda rng: _far_from_zero(rng, np.float32), run, _distance_sizes, tolerance=1e-4),
        *further,
        Case("pixels in uint8", _pixels, run, _distance_sizes, edge=_edges.PIXELS),
        Case("one input", _one_input, run, _distance_sizes, edge=_edges.ONE_INPUT),
    )


# ---- the amount of work: steps of the Python interpreter, and memory


def _steps(method, X):
    """Count the lines that Python runs in a call: a loop over the inputs makes the count grow with their number."""
    count = 0

    def trace(frame, event, argument):
        nonlocal count
        count += event == "line"
        return trace

    old = sys.gettrace()
    sys.settrace(trace)
    try:
        method(X)
    finally:
        sys.settrace(old)
    return count


def _run_loops(method):
    """Measure whether the number of steps grows with the inputs and with the training inputs (1 for yes, 0 for no)."""

    def run(X, X_train):
        few, many = len(X) // 10, len(X_train) // 10
        steps = {}
        for name, inputs, training in (
            ("warm-up", X[:few], X_train[:many]),
            ("few", X[:few], X_train[:many]),
            ("inputs", X, X_train[:many]),
            ("training inputs", X[:few], X_train),
        ):
            steps[name] = _steps(getattr(_knn(training), method), inputs)
        return {
            "loop_over_inputs": int(steps["inputs"] - steps["few"] >= len(X) - few),
            "loop_over_training_inputs": int(steps["training inputs"] - steps["few"] >= len(X_train) - many),
        }

    return run


def _run_copies(X, X_train):
    return {"dists": _knn(X_train).compute_distances_no_loops(X)}


def _observe_copies(inputs, outputs):
    """Whether any distance is NaN (1 for yes, 0 for no); which one depends on how the three terms are rounded."""
    return {"some_are_nan": int(np.isnan(np.asarray(outputs["dists"], dtype=float)).any())}


def _run_memory(X, X_train):
    """Whether it takes much more memory than the inputs and the distances need (1 for yes, 0 for no)."""
    knn = _knn(X_train)
    needed = 8 * (X.size + X_train.size + len(X) * len(X_train))
    tracemalloc.start()
    try:
        knn.compute_distances_no_loops(X)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return {"too_much_memory": int(peak > 6 * needed)}


def _has_no_loop(over, sentence):
    def judge(inputs, outputs):
        return [
            holds(
                f"no Python loop over the {name}",
                outputs.get(f"loop_over_{name.replace(' ', '_')}") == 0,
                f"the number of lines that Python runs grows with the number of {name}",
                mistake=sentence,
            )
            for name in over
        ]

    return judge


def _has_no_nan(inputs, outputs):
    return [
        holds(
            "no distance is NaN",
            outputs.get("some_are_nan") == 0,
            "each input equals a training input here, and some of the distances are NaN",
            mistake="NaN where an input equals a training input: rounding leaves -1e-9 instead of 0, and its square "
            "root is NaN; apply np.maximum(..., 0) before the root",
        )
    ]


def _is_lean(inputs, outputs):
    M, D = inputs["X"].shape
    N = len(inputs["X_train"])
    return [
        holds(
            "no array of M x N x D entries",
            outputs.get("too_much_memory") == 0,
            f"with M = {M}, N = {N}, D = {D} it takes more than 6 times the memory of X, X_train and dists together",
            mistake="an array of M x N x D differences (or of copies made by tile or repeat) is built; "
            "for 500 x 5,000 images it would take 61 GB: expand the square instead",
        )
    ]


def _many(rng):
    return {"X": rng.randn(30, 3), "X_train": rng.randn(40, 3)}


def _wide(rng):
    return {"X": rng.randn(40, 300), "X_train": rng.randn(60, 300)}


two_loops = Question(
    id="knn_two_loops",
    title="Distances with two loops",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=1,
    importance=2,
    hints=(
        "The distance between two rows is a single number: the root of a sum over the D values. Which rows belong "
        "to dists[i, j]?",
        "Take the difference of row i of X and row j of self.X_train, square each entry, add them all up, and put "
        "the root of that sum into dists[i, j].",
    ),
    implements=(f"{CLASS}.compute_distances_two_loops",),
    cases=_distance_cases("compute_distances_two_loops"),
)


MANY, TOO_MUCH = 1_000_000, 1_500  # rows
GROWS = "with many rows the processor time grows many times as fast as array code's"


_MANY_INPUTS = Effort(
    "no Python loop over the inputs",
    lambda rng, rows: {"X": rng.rand(rows, 3), "X_train": rng.rand(1, 3)},
    GROWS,
    "there is still a loop over the inputs: all dot products come from one matrix product",
    MANY,
)
_MANY_TRAINING_INPUTS = Effort(
    "no Python loop over the training inputs",
    lambda rng, rows: {"X": rng.rand(1, 3), "X_train": rng.rand(rows, 3)},
    GROWS,
    "there is still a loop over the training inputs: X_train - X[i] subtracts X[i] from all rows of X_train at once",
    MANY,
)
_MUCH_MEMORY = Effort(
    "no array of M x N x D entries",
    lambda rng, rows: {"X": rng.rand(rows, 300), "X_train": rng.rand(rows, 300)},
    "with M = N = 1,500 and D = 300 the function exceeds the limit on memory (2 GB)",
    "an array of M x N x D differences is built: expand the square instead",
    TOO_MUCH,
    only_memory=True,
)

one_loop = Question(
    id="knn_one_loop",
    title="Distances with one loop",
    notebook=NOTEBOOK,
    points=2,
    minutes=10,
    difficulty=2,
    importance=3,
    hints=(
        "One row of dists needs the differences between input i and all training inputs. Broadcasting gives them "
        "at once: what is their shape?",
        "The differences have the shape (N, D). Square them, and sum over the axis that has D entries: N numbers "
        "are left, and their roots are row i of dists.",
    ),
    implements=(f"{CLASS}.compute_distances_one_loop",),
    cases=_distance_cases(
        "compute_distances_one_loop",
        Case(
            "number of loops",
            _many,
            _run_loops("compute_distances_one_loop"),
            judge=_has_no_loop(
                ("training inputs",),
                "there is still a loop over the training inputs, or compute_distances_two_loops is called: "
                "X_train - X[i] subtracts X[i] from all rows of X_train at once",
            ),
        ),
    ),
    efforts=(_MANY_TRAINING_INPUTS,),
)

no_loops = Question(
    id="knn_no_loops",
    title="Distances without loops",
    notebook=NOTEBOOK,
    points=4,
    minutes=30,
    difficulty=3,
    importance=5,
    hints=(
        "Write |x - t|^2 as three terms. The one that mixes x and t is a product of two matrices; each of the "
        "others depends on one of them alone.",
        "Add the squared lengths of the rows of X as a column (M, 1), and those of self.X_train as a row (N,). "
        "Before the root, replace what rounding has made negative by 0.",
    ),
    implements=(f"{CLASS}.compute_distances_no_loops",),
    cases=(
        *_distance_cases(
            "compute_distances_no_loops",
            Case(
                "number of loops",
                _many,
                _run_loops("compute_distances_no_loops"),
                judge=_has_no_loop(
                    ("inputs", "training inputs"),
                    "there is still a loop (a comprehension counts, and so does a call of a version with loops): "
                    "all dot products come from one matrix product, X @ X_train.T",
                ),
            ),
            Case("memory", _wide, _run_memory, judge=_is_lean),
        ),
        Case(
            "copies of the training inputs",
            _copies,
            _run_copies,
            judge=_has_no_nan,
            observe=_observe_copies,
            edge="one image that occurs twice in the data is enough, and nan is neither near nor far",
        ),
    ),
    efforts=(_MANY_INPUTS, _MANY_TRAINING_INPUTS, _MUCH_MEMORY),
)


# ---- the vote


def _run_predict_labels(dists, y_train, k):
    from cs231n.classifiers.k_nearest_neighbor import KNearestNeighbor

    knn = KNearestNeighbor()
    knn.train(np.zeros((len(y_train), 1)), y_train)
    return {"y_pred": knn.predict_labels(dists, k=k)}


def _vote_sizes(dists, k, **_):
    return {"M": dists.shape[0], "N": dists.shape[1], "k": k}


def _shuffled_distances(rng, num_inputs, num_train):
    """Distances that all differ, so that no answer depends on which of two equal ones counts as nearer."""
    return 0.5 + rng.permutation(num_inputs * num_train).reshape(num_inputs, num_train) / 4


def _vote_inputs(rng, num_inputs, num_train, num_labels, k, dtype=np.int64):
    y_train = (3 + rng.permutation(np.arange(num_train) % num_labels)).astype(dtype)
    return {"dists": _shuffled_distances(rng, num_inputs, num_train), "y_train": y_train, "k": k}


def _near_and_far(rng, k, rows):
    """Nine training inputs with the labels 1, 4 and 8.

    A row (near, num_near, far) has num_near inputs with the label near as its nearest, then others with the label far.
    """
    y_train = np.repeat([1, 4, 8], 3)
    dists = 50 + _shuffled_distances(rng, len(rows), 9)
    for row, (near, num_near, far) in enumerate(rows):
        dists[row, np.flatnonzero(y_train == near)[:num_near]] = 1 + rng.rand(num_near)
        num_far = k - num_near
        dists[row, np.flatnonzero(y_train == far)[:num_far]] = 3 + rng.rand(num_far)
    order = rng.permutation(9)
    return {"dists": dists[:, order], "y_train": y_train[order], "k": k}


def _distant_majority(rng):
    """Draw inputs for k = 5: the two nearest have one label, the next three have another."""
    return _near_and_far(rng, 5, [(8, 2, 1), (1, 2, 8), (4, 2, 8), (1, 2, 4), (8, 2, 4), (4, 2, 1)])


def _ties(rng):
    """Draw inputs for k = 4: two labels have two votes each; the nearer one is the larger, except in the fourth row."""
    return _near_and_far(rng, 4, [(8, 2, 1), (8, 2, 4), (4, 2, 1), (1, 2, 8), (8, 2, 4)])


predict_labels = Question(
    id="knn_predict_labels",
    title="The vote of the k nearest neighbours",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=2,
    importance=2,
    hints=(
        "Two steps: which k training inputs are nearest to input i, and which label occurs most often among them?",
        "np.argsort gives positions, nearest first: look up the labels of the first k in self.y_train. "
        "np.bincount counts them, and the first largest count is the smallest label.",
    ),
    implements=(f"{CLASS}.predict_labels",),
    cases=(
        Case("k = 5", _distant_majority, _run_predict_labels, _vote_sizes),
        Case("k = 1", lambda rng: _vote_inputs(rng, 8, 11, 5, 1), _run_predict_labels, _vote_sizes),
        Case("tie: the smaller label wins", _ties, _run_predict_labels, _vote_sizes),
        Case("k = 3, square dists", lambda rng: _vote_inputs(rng, 8, 8, 3, 3), _run_predict_labels, _vote_sizes),
        Case(
            "labels in uint8",
            lambda rng: _vote_inputs(rng, 9, 20, 4, 7, np.uint8),
            _run_predict_labels,
            _vote_sizes,
            edge="labels are often stored as uint8, whose arithmetic wraps around at 256",
        ),
        Case(
            "k = N: all inputs vote",
            lambda rng: _vote_inputs(rng, 3, 7, 3, 7),
            _run_predict_labels,
            _vote_sizes,
            edge="np.partition and np.argpartition count from 0: the k-th smallest is number k - 1, and there is no "
            "number N",
        ),
        Case(
            "one input",
            lambda rng: _vote_inputs(rng, 1, 9, 2, 5),
            _run_predict_labels,
            _vote_sizes,
            edge=_edges.ONE_INPUT,
        ),
    ),
)


# ---- cross-validation


def _images():
    """The data that the notebook works on: training images and labels, test images and labels."""
    from cs231n.data_utils import load_CIFAR10

    X_train, y_train, X_test, y_test = load_CIFAR10(dtype=np.uint8)
    X_train, X_test = X_train[:NUM_TRAIN].reshape(NUM_TRAIN, -1), X_test[:NUM_TEST].reshape(NUM_TEST, -1)
    return X_train.copy(), y_train[:NUM_TRAIN], X_test.copy(), y_test[:NUM_TEST]


def _pairs(X, y):
    """Each row with its label, as strings that can be sorted and compared whatever the dtype of the rows."""
    with np.errstate(invalid="ignore"):
        rows = np.ascontiguousarray(np.asarray(X, dtype=np.float64).astype(np.int64))
    return sorted(f"{hashlib.md5(row).hexdigest()} {label}" for row, label in zip(rows, np.asarray(y), strict=True))


def _judge_cross_validation(X_train_folds, y_train_folds, k_to_accuracies, best_k, y_test_pred):
    X_train, y_train, X_test, y_test = _images()
    findings = _judge_folds(X_train_folds, y_train_folds, X_train, y_train)
    findings += _judge_accuracies(k_to_accuracies)
    if not all(finding.ok for finding in findings):
        return findings
    findings += _judge_choice(k_to_accuracies, best_k, y_test_pred, y_test)
    if not all(finding.ok for finding in findings):
        return findings
    return findings + _judge_truth(X_train_folds, y_train_folds, k_to_accuracies, X_test, best_k, y_test_pred)


def _shapes(folds):
    return [np.shape(fold) for fold in folds] if isinstance(folds, (list, tuple, np.ndarray)) else []


def _judge_folds(X_train_folds, y_train_folds, X_train, y_train):
    size = NUM_TRAIN // NUM_FOLDS
    shapes, labels = _shapes(X_train_folds), _shapes(y_train_folds)
    is_split = holds(
        "there are five folds, each with a fifth of the rows",
        shapes == [(size, X_train.shape[1])] * NUM_FOLDS and labels == [(size,)] * NUM_FOLDS,
        f"expected {NUM_FOLDS} arrays of shape {(size, X_train.shape[1])} in X_train_folds, got {shapes[:6]}",
        f"expected {NUM_FOLDS} arrays of shape {(size,)} in y_train_folds, got {labels[:6]}",
        mistake="np.array_split(X_train, 5) returns a list of five arrays; split y_train in the same way",
    )
    if not is_split.ok:
        return [is_split]
    pairs = _pairs(np.concatenate(X_train_folds), np.concatenate(y_train_folds))
    each_once = holds(
        "each training image is in exactly one fold, with its label",
        pairs == _pairs(X_train, y_train),
        "the folds, joined again, are not the rows of X_train with the labels of y_train",
        mistake="images and labels are split in different orders, or an image is in two folds, "
        "or the pixels have been changed",
    )
    return [is_split, each_once]


def _judge_accuracies(k_to_accuracies):
    has_keys = holds(
        "the keys of k_to_accuracies are the ten values of k",
        isinstance(k_to_accuracies, dict) and set(k_to_accuracies) == set(K_CHOICES),
        f"expected a dict with the keys {list(K_CHOICES)}, got {list(k_to_accuracies)[:12]}",
    )
    if not has_keys.ok:
        return [has_keys]
    lists = [list(np.ravel(k_to_accuracies[k])) for k in K_CHOICES]
    lengths = sorted({len(values) for values in lists})
    has_five = holds(
        "there are five accuracies for each k",
        lengths == [NUM_FOLDS],
        f"expected lists of length {NUM_FOLDS}, got length {', '.join(map(str, lengths))}",
        mistake="each fold is the validation fold once: append one accuracy for each turn, and keep all of them",
    )
    if not has_five.ok:
        return [has_keys, has_five]
    table = np.array(lists, dtype=float)  # (10, 5)
    in_steps = np.abs(table * NUM_TRAIN / NUM_FOLDS - np.round(table * NUM_TRAIN / NUM_FOLDS)) < 1e-6
    are_shares = holds(
        "each accuracy is a fraction of the rows of one fold",
        bool(np.all(in_steps & (table >= 0) & (table <= 1))),
        "expected multiples of 1 / 1000 from 0 to 1 (the validation fold has 1,000 rows)",
        f"got {table.ravel()[np.argmin(in_steps & (table >= 0) & (table <= 1))]:.6g}",
        mistake="divide the number of correct predictions by the number of rows of the validation fold "
        "(not by the number of all training rows or of the test rows)",
    )
    unseen = holds(
        "the validation fold is not among the training rows",
        table[0].max() < 0.9,
        f"for k = 1 the accuracies are {', '.join(f'{value:.3g}' for value in table[0])}",
        mistake="if the validation fold is among the training rows, each of its images finds itself (distance 0): "
        "train on the other four folds only",
    )
    own_turn = holds(
        "the accuracies differ from fold to fold",
        bool(np.any(np.ptp(table, axis=1) > 0)),
        "for every k the five accuracies are equal",
        mistake="the same fold is the validation fold in all five turns: use the index of the loop",
    )
    return [has_keys, has_five, are_shares, unseen, own_turn]


def _judge_choice(k_to_accuracies, best_k, y_test_pred, y_test):
    means = {k: float(np.mean(k_to_accuracies[k])) for k in K_CHOICES}
    best = max(means.values())
    reached = means.get(best_k, np.nan) if isinstance(best_k, (int, np.integer)) else np.nan
    is_best = holds(
        "best_k has the largest mean accuracy",
        reached >= best - 1e-9,
        f"best_k is {best_k}, with a mean of {reached:.4f}",
        f"expected k = {next(k for k in K_CHOICES if means[k] >= best - 1e-9)} with a mean of {best:.4f}",
        mistake="compare the means over the five folds; the accuracy on a single fold can be high by chance",
    )
    has_predictions = holds(
        "y_test_pred has one label for each test image",
        np.shape(y_test_pred) == y_test.shape,
        f"expected y_test_pred of shape {y_test.shape}, got {np.shape(y_test_pred)}",
    )
    if not has_predictions.ok:
        return [is_best, has_predictions]
    return [
        is_best,
        reaches("the mean accuracy", best, {"CIFAR-10": 0.265, "built-in images": 0.28}),
        reaches(
            "the test accuracy",
            float(np.mean(np.asarray(y_test_pred) == y_test)),
            {"CIFAR-10": 0.24, "built-in images": 0.25},
            mistake="train on all 5,000 training images, then predict X_test with k=best_k",
        ),
    ]


def _judge_truth(X_train_folds, y_train_folds, k_to_accuracies, X_test, best_k, y_test_pred):
    """Compare with the true k nearest neighbours, whatever the learner's own classifier finds."""
    X, y = np.concatenate(X_train_folds).astype(float), np.concatenate(y_train_folds).astype(int)
    squares = np.sum(X**2, axis=1)
    dists = squares - 2 * X @ X.T  # squared distances, up to a constant in each row
    gaps = []
    for i, own in enumerate(np.array_split(np.arange(NUM_TRAIN), NUM_FOLDS)):
        others = np.delete(np.arange(NUM_TRAIN), own)
        votes = _votes(dists[np.ix_(own, others)], y[others])
        gaps += [abs(np.mean(votes[k] == y[own]) - np.ravel(k_to_accuracies[k])[i]) for k in K_CHOICES]
    y_true = _votes(squares - 2 * X_test.astype(float) @ X.T, y)[int(best_k)]
    agreement = float(np.mean(np.asarray(y_test_pred) == y_true))
    mistake = "are these values from an earlier run? Run all cells again, starting with the first"
    return [
        holds(
            "the accuracies are those of the k nearest neighbours",
            max(gaps) <= CLOSE_CALLS,
            f"expected a difference of at most {CLOSE_CALLS:.1%} of a fold, got {max(gaps):.1%}",
            mistake=mistake,
        ),
        holds(
            "y_test_pred are the labels given by the best_k nearest neighbours",
            agreement >= 1 - CLOSE_CALLS,
            f"expected at least {1 - CLOSE_CALLS:.1%} of the test images to have this label, got {agreement:.1%}",
            mistake=mistake,
        ),
    ]


def _votes(dists, labels):
    """The winner of each vote, {k: array of shape (M,)}, from squared distances (M, N) up to a constant in each row."""
    most = max(K_CHOICES)
    near = np.argpartition(dists, most - 1, axis=1)[:, :most]
    near = np.take_along_axis(near, np.argsort(np.take_along_axis(dists, near, axis=1), axis=1), axis=1)
    counts = np.cumsum(labels[near][:, :, np.newaxis] == np.arange(labels.max() + 1), axis=1)  # (M, most, classes)
    return {k: np.argmax(counts[:, k - 1], axis=1) for k in K_CHOICES}


cross_validation = Question(
    id="knn_cross_validation",
    title="Choose k by cross-validation",
    notebook=NOTEBOOK,
    points=4,
    minutes=25,
    difficulty=3,
    importance=4,
    hints=(
        "Each fold is the validation set once, while the other four are the training set. The distances of a fold "
        "do not depend on k.",
        "Loop over the folds outside and over k inside: np.array_split makes the folds, np.concatenate joins the "
        "other four. best_k has the highest mean of its five accuracies.",
    ),
    builds_on=("knn_no_loops", "knn_predict_labels"),
    values=("X_train_folds", "y_train_folds", "k_to_accuracies", "best_k", "y_test_pred"),
    judge=_judge_cross_validation,
)

QUESTIONS = (two_loops, predict_labels, one_loop, no_loops, cross_validation)

FIGURES = (
    Figure("kNN: mean of 5 folds, best k", "np.mean(k_to_accuracies[best_k])", aim=0.275),
    Figure("kNN: test, that k", "np.mean(y_test_pred == y_test)", course=0.28, aim=0.275),
    Figure(
        "kNN: test, best of all k",
        "max(np.mean(classifier.predict(X_test, k=k) == y_test) for k in k_choices)",
        aim=0.275,
    ),
)
