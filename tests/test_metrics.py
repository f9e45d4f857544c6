"""Metrics, against what scikit-learn returned, against their definitions, and with arguments that do not fit."""

import numpy as np
import pytest
from sklearn_values import NUM_CLASSES, PATH, SEEDS, inputs

from cs231n import detection_metrics, metrics

each_seed = pytest.mark.parametrize("seed", SEEDS)


def stored(seed, name):
    """What scikit-learn returned."""
    with np.load(PATH, allow_pickle=False) as values:
        return values[f"{seed}/{name}"]


def same(ours, theirs):
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


@each_seed
def test_labels(seed):
    drawn = inputs(seed)
    confusion = metrics.confusion_matrix(drawn["y_pred"], drawn["y"], NUM_CLASSES)
    np.testing.assert_array_equal(confusion, stored(seed, "confusion"))
    same(metrics.precision_recall_f1(confusion), stored(seed, "shares"))
    same(metrics.accuracy(confusion), stored(seed, "accuracy"))
    same(metrics.balanced_accuracy(confusion), stored(seed, "balanced_accuracy"))
    same(metrics.hamming_loss(drawn["labels_pred"], drawn["labels"]), stored(seed, "hamming_loss"))


@each_seed
def test_scores(seed):
    """With many ties where the seed is odd."""
    scores, answers = inputs(seed)["scores"], inputs(seed)["answers"]
    same(metrics.roc_curve(scores, answers), stored(seed, "roc_curve"))
    same(metrics.roc_area(scores, answers), stored(seed, "roc_area"))
    same(metrics.average_precision_score(scores, answers), stored(seed, "average_precision"))
    # scikit-learn's curve ends where all is found, or goes on, according to its version.
    precision, recall, _ = metrics.precision_recall_curve(scores, answers)
    num = len(stored(seed, "recall"))
    same(precision[:num], stored(seed, "precision"))
    same(recall[:num], stored(seed, "recall"))


def test_the_stored_values_are_still_scikit_learns():
    pytest.importorskip("sklearn")
    from sklearn_values import values

    for name, value in values(1).items():
        same(value, stored(1, name))


# ---- definitions


@each_seed
def test_the_area_is_the_share_of_pairs_in_the_right_order(seed):
    scores, y = inputs(seed)["scores"], inputs(seed)["answers"]
    yes, no = scores[y == 1][:, np.newaxis], scores[y == 0]
    same(metrics.roc_area(scores, y), np.mean((yes > no) + 0.5 * (yes == no)))


def test_the_area_is_that_of_the_order_alone():
    """Neither a rising function of the scores nor more inputs of one answer change it; turning the order does."""
    scores, y = inputs(2)["scores"], inputs(2)["answers"]
    area = metrics.roc_area(scores, y)
    same(metrics.roc_area(np.exp(scores / 3), y), area)
    more = np.concatenate([scores, scores[y == 0]]), np.concatenate([y, y[y == 0]])
    same(metrics.roc_area(*more), area)
    assert metrics.average_precision_score(*more) < metrics.average_precision_score(scores, y)
    same(metrics.roc_area(-scores, y), 1 - area)


def test_scores_that_say_nothing():
    y = inputs(0)["answers"]
    assert metrics.roc_area(np.zeros(len(y)), y) == 0.5
    same(metrics.average_precision_score(np.zeros(len(y)), y), y.mean())


def test_a_perfect_order():
    y = inputs(0)["answers"]
    assert metrics.roc_area(y + 0.1, y) == metrics.average_precision_score(y, y) == 1


@each_seed
def test_average_precision_is_never_above_that_of_detection(seed):
    """Which first makes the curve fall."""
    scores, y = inputs(seed - seed % 2)["scores"], inputs(seed - seed % 2)["answers"]
    detection = detection_metrics.average_precision(scores, y == 1, int(y.sum()))
    assert metrics.average_precision_score(scores, y) < detection


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32, np.float16])
def test_scores_of_any_type(dtype):
    """In uint8, -1 is 255."""
    scores = np.array([3, 0, 7, 3, 200]).astype(dtype)
    thresholds, true, false = metrics.counts_by_threshold(scores, np.array([True, False, True, False, False]))
    assert thresholds.tolist() == [200, 7, 3, 0] and true.tolist() == [0, 1, 2, 2] and false.tolist() == [1, 1, 2, 3]


def test_infinite_scores_have_a_place_in_the_order():
    assert metrics.roc_area(np.array([-np.inf, 0.0, np.inf]), np.array([0, 0, 1])) == 1


def test_equal_infinite_scores_pass_together():
    thresholds, true, false = metrics.counts_by_threshold(np.array([np.inf, 1.0, np.inf]), np.array([0, 1, 1]))
    assert thresholds.tolist() == [np.inf, 1.0] and true.tolist() == [1, 2] and false.tolist() == [1, 1]


def test_answers_of_one_kind_have_precision_but_no_curve():
    assert metrics.average_precision_score(np.array([1.0, 2.0]), np.ones(2)) == 1
    with pytest.raises(ValueError, match="one answer alone"):
        metrics.roc_curve(np.array([1.0, 2.0]), np.ones(2))


# ---- arguments


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: metrics.confusion_matrix([0, 3], [0, 1], 3), ValueError, "y_pred contains labels from 0 to 3"),
        (lambda: metrics.confusion_matrix([0], [0, 1], 3), ValueError, r"y_pred has shape \(1,\), expected \(2,\)"),
        (lambda: metrics.confusion_matrix([0.0, 1.0], [0, 1], 3), TypeError, "y_pred has dtype float64"),
        (lambda: metrics.confusion_matrix([0, 1], [0, 1], 2.0), ValueError, "num_classes is 2.0"),
        (lambda: metrics.precision_recall_f1(np.ones((2, 3))), ValueError, r"shape \(2, 3\), expected \(C, C\)"),
        (lambda: metrics.precision_recall_f1([[1, -1], [2, 3]]), ValueError, "confusion holds -1, expected counts"),
        (lambda: metrics.accuracy(np.zeros((2, 2))), ValueError, "counts no inputs"),
        (lambda: metrics.balanced_accuracy(np.zeros((2, 2))), ValueError, "counts no inputs"),
        (lambda: metrics.hamming_loss(np.ones((2, 3)), np.ones((3, 2))), ValueError, "y_pred has shape"),
        (lambda: metrics.hamming_loss(np.ones((0, 3)), np.ones((0, 3))), ValueError, "without any labels"),
        (lambda: metrics.hamming_loss(np.full((2, 2), 0.7), np.ones((2, 2))), ValueError, "scores > 0 makes answers"),
        (lambda: metrics.roc_area(np.ones((4, 1)), np.ones(4)), ValueError, r"expected \(N,\)"),
        (lambda: metrics.roc_area(np.ones(4), np.ones(3)), ValueError, "y has shape"),
        (lambda: metrics.roc_area(np.ones(0), np.ones(0)), ValueError, "without any inputs"),
        (lambda: metrics.roc_area(np.array([1, np.nan]), np.array([0, 1])), ValueError, r"scores\[1\] is nan"),
        (lambda: metrics.roc_area(np.ones(2), np.array([-1, 1])), ValueError, "y holds -1, expected 1 for yes"),
        (lambda: metrics.average_precision_score(np.ones(2), np.zeros(2)), ValueError, "y holds no yes"),
    ],
)
def test_what_does_not_fit_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
