"""The judges of the values that knn and features ask for: right values pass, and each wrong one is named."""

import copy
from functools import cache

import numpy as np
import pytest

from coursekit.judging.judge import judge_values
from coursekit.questions import _nets, find
from coursekit.questions.assignment1 import features, knn
from cs231n.classifiers import KNearestNeighbor
from cs231n.features import color_histogram_hsv, extract_features, hog_feature


def _draw(size, seed):
    """Draw images of three values; the first one determines the label of half of them, the other labels are random."""
    rng = np.random.RandomState(seed)
    images = rng.randint(256, size=(size, 3)).astype(np.uint8)
    return images, np.where(rng.rand(size) < 0.5, images[:, 0] // 26, rng.randint(10, size=size))


IMAGES, LABELS = _draw(5000, 0)
TEST_IMAGES, TEST_LABELS = _draw(500, 1)


@cache
def _cross_validated(seed=None):
    """The values of a learner who got everything right, with the rows in an order given by a seed."""
    order = np.arange(5000) if seed is None else np.random.RandomState(seed).permutation(5000)
    folds, labels = np.array_split(IMAGES[order], 5), np.array_split(LABELS[order], 5)
    shares = {k: [] for k in knn.K_CHOICES}
    for i in range(5):
        classifier = KNearestNeighbor()
        classifier.train(np.concatenate(folds[:i] + folds[i + 1 :]), np.concatenate(labels[:i] + labels[i + 1 :]))
        dists = classifier.compute_distances_no_loops(folds[i])
        for k, row in shares.items():
            row.append(float(np.mean(classifier.predict_labels(dists, k=k) == labels[i])))
    best_k = max(shares, key=lambda k: np.mean(shares[k]))
    classifier = KNearestNeighbor()
    classifier.train(IMAGES, LABELS)
    return {
        "X_train_folds": folds,
        "y_train_folds": labels,
        "k_to_accuracies": shares,
        "best_k": best_k,
        "y_test_pred": classifier.predict(TEST_IMAGES, k=best_k),
    }


def values_of_knn(seed=None):
    return copy.deepcopy(_cross_validated(seed))


def one_fold_missing(values):
    values["X_train_folds"].pop()


def labels_of_another_order(values):
    values["y_train_folds"].reverse()


def pixels_scaled(values):
    values["X_train_folds"] = [fold / 255 for fold in values["X_train_folds"]]


def a_k_left_out(values):
    del values["k_to_accuracies"][50]


def means_only(values):
    values["k_to_accuracies"] = {k: float(np.mean(v)) for k, v in values["k_to_accuracies"].items()}


def divided_by_all_rows(values):
    values["k_to_accuracies"] = {k: [v / 1.5 for v in row] for k, row in values["k_to_accuracies"].items()}


def trained_on_the_validation_fold(values):
    values["k_to_accuracies"][1] = [1.0] * 5


def same_fold_each_time(values):
    values["k_to_accuracies"] = {k: [row[0]] * 5 for k, row in values["k_to_accuracies"].items()}


def best_single_fold(values):
    values["k_to_accuracies"][3] = [0.990, 0.250, 0.250, 0.250, 0.250]
    values["best_k"] = 3


def a_fold_as_best_k(values):
    values["best_k"] = [10]


def no_list_of_folds(values):
    values["X_train_folds"] = 5


def guesses(values):
    values["y_test_pred"] = np.zeros(500)


def invented_accuracies(values):
    values["k_to_accuracies"] = {k: [v + 0.1 for v in row] for k, row in values["k_to_accuracies"].items()}


def labels_that_were_given(values):
    values["y_test_pred"] = TEST_LABELS


@pytest.fixture
def images(monkeypatch):
    monkeypatch.setattr(knn, "_images", lambda: (IMAGES, LABELS, TEST_IMAGES, TEST_LABELS))


def verdict_on_knn(change):
    values = values_of_knn()
    change(values)
    return judge_values(find("knn_cross_validation"), values)


def test_right_cross_validation(images):
    assert verdict_on_knn(lambda values: None).ok


def test_shuffled_folds_are_right(images):
    values = values_of_knn(seed=1)
    values["X_train_folds"] = [fold.astype(float) for fold in values["X_train_folds"]]
    assert judge_values(find("knn_cross_validation"), values).ok


def test_of_equal_means_either_may_be_chosen():
    accuracies = {k: [0.3, 0.4, 0.3, 0.3, 0.3] if k in (10, 20) else [0.3] * 5 for k in knn.K_CHOICES}
    for best_k, is_right in ((10, True), (20, True), (8, False)):
        findings = knn._judge_choice(accuracies, best_k, TEST_LABELS, TEST_LABELS)
        assert all(finding.ok for finding in findings) == is_right


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (one_fold_missing, "np.array_split"),
        (labels_of_another_order, "different orders"),
        (pixels_scaled, "pixels have been changed"),
        (a_k_left_out, ""),
        (means_only, "append one accuracy for each turn"),
        (divided_by_all_rows, "number of rows of the validation fold"),
        (trained_on_the_validation_fold, "finds itself"),
        (same_fold_each_time, "use the index of the loop"),
        (best_single_fold, "a single fold can be high by chance"),
        (a_fold_as_best_k, "a single fold can be high by chance"),
        (no_list_of_folds, "np.array_split"),
        (guesses, "train on all 5,000"),
        (invented_accuracies, "Run all cells again"),
        (labels_that_were_given, "Run all cells again"),
    ],
)
def test_wrong_cross_validation_is_named(images, change, words):
    verdict = verdict_on_knn(change)
    assert verdict.status == "wrong"
    assert words in verdict.mistake


def values_of_svm():
    """A linear classifier that is right on 600 of 1,000 validation rows (and by luck on a few more), and its search."""
    X = np.zeros((1000, 12), dtype=np.float32)
    X[np.arange(1000), np.where(np.arange(1000) < 600, VAL_LABELS, 10)] = 1
    W = np.eye(12, 10)
    W[10] = -np.arange(10)  # a row that is not of its own class gets label 0
    right_share = float(np.mean(np.argmax(X @ W, axis=1) == VAL_LABELS))
    results = {(rate, reg): (0.3, 0.3) for rate in (1e-3, 1e-2) for reg in (0.1, 1.0)}
    results[1e-2, 0.1] = (0.61, right_share)
    return {"results": results, "best_val": right_share, "W": W, "X_val_feats": X}


VAL_LABELS = 1 + np.arange(1000) % 9


@pytest.fixture
def labels(request, monkeypatch):
    parts = {"val": (None, VAL_LABELS), "test": (None, VAL_LABELS[::-1])}
    monkeypatch.setattr(_nets, "images", parts.get)
    of_svm, of_net = values_of_svm()["X_val_feats"][:, :-1], values_of_net()
    columns = {
        12: {"val": of_svm, "test": of_svm[::-1]},
        10: {"val": of_net["X_val_feats"], "test": of_net["X_test_feats"]},
    }
    monkeypatch.setattr(features, "_raw_features", lambda part, rows: columns[request.param][part][rows])


with_svm = pytest.mark.parametrize("labels", [12], indirect=True)
with_net = pytest.mark.parametrize("labels", [10], indirect=True)


def verdict_on_svm(**changes):
    return judge_values(find("features_svm"), values_of_svm() | changes)


@with_svm
def test_right_svm(labels):
    assert verdict_on_svm().ok


@with_svm
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"results": {(1e-2, 0.1): (0.61, 0.6)}}, ""),
        ({"results": {1e-2: 0.61, 1e-3: 0.3}}, ""),
        ({"results": {(r, s): (61.0, 60.0) for r in (1, 2) for s in (1, 2)}}, "an accuracy is np.mean"),
        ({"best_val": 0.3}, "update best_val and the best classifier together"),
        ({"best_val": "high"}, "update best_val and the best classifier together"),
        ({"W": np.zeros((11, 10))}, "column of ones"),
        ({"W": np.zeros((12, 10))}, "a new LinearSVM() or Softmax()"),
        ({"W": np.full((12, 10), np.nan)}, "a new LinearSVM() or Softmax()"),
        ({"X_val_feats": values_of_svm()["X_val_feats"] * np.arange(1000)[:, np.newaxis]}, "standardise the features"),
    ],
)
def test_wrong_svm_is_named(labels, changes, words):
    verdict = verdict_on_svm(**changes)
    assert verdict.status == "wrong"
    assert words in verdict.mistake


@with_svm
def test_svm_that_was_fitted_to_the_validation_images(labels, monkeypatch):
    """It is no better than chance on the test images, whose features do not go with their labels."""
    val = values_of_svm()["X_val_feats"][:, :-1]
    parts = {"val": val, "test": np.roll(val, 1, axis=0)}
    monkeypatch.setattr(features, "_raw_features", lambda part, rows: parts[part][rows])
    verdict = verdict_on_svm()
    assert verdict.status == "wrong" and "trained on the validation images" in verdict.mistake


@with_svm
def test_svm_below_the_bar(labels):
    results = {(rate, reg): (0.1, 0.0) for rate in (1e-3, 1e-2) for reg in (0.1, 1.0)}
    verdict = verdict_on_svm(results=results, best_val=0.0, W=np.eye(12, 10, 10))
    assert "search further" in verdict.mistake


def values_of_net():
    X = 4.0 * np.eye(10)[VAL_LABELS]
    params = {"W1": np.eye(10, 20), "b1": np.zeros(20), "W2": np.eye(20, 10), "b2": np.zeros(10)}
    return {"params": params, "X_val_feats": X, "X_test_feats": X[::-1], "y_test_pred": VAL_LABELS[::-1]}


def verdict_on_net(**changes):
    return judge_values(find("features_two_layer_net"), values_of_net() | changes)


@with_net
def test_right_net(labels):
    assert verdict_on_net().ok


@with_net
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"params": values_of_net()["params"] | {"W1": np.eye(11, 20)}}, "without the column of ones"),
        ({"params": {"W": np.eye(10)}}, "without the column of ones"),
        ({"params": values_of_net()["params"] | {"W2": np.zeros((20, 10))}}, "best_net.loss does not compute with"),
        ({"y_test_pred": VAL_LABELS[:10]}, "best_net.loss does not compute with"),
        ({"X_test_feats": values_of_net()["X_val_feats"]}, "standardise the features"),
    ],
)
def test_wrong_net_is_named(labels, changes, words):
    verdict = verdict_on_net(**changes)
    assert verdict.status == "wrong"
    assert words in verdict.mistake


def test_features_of_the_pictures_are_told_from_others():
    """The data set in use, the features as the notebook makes them: any mean and factor, but nothing else."""
    X, _ = _nets.images("val")
    raw = extract_features(X.transpose(0, 2, 3, 1), [hog_feature, lambda x: color_histogram_hsv(x, nbin=25)])
    feats = ((raw - 3) / 7).astype(np.float32)
    assert features._judge_features("val", feats).ok
    one_column, some_rows = feats.copy(), feats.copy()
    one_column[:, 3] = np.arange(1000)
    some_rows[np.arange(1000) % 10 > 0] = 0  # whichever rows are left as they are, others are looked at
    for other in (one_column, some_rows, feats[::-1], -feats, feats[:, 1:], feats * np.nan):
        assert not features._judge_features("val", other).ok


@pytest.mark.parametrize(
    ("question", "values"),
    [
        ("knn_cross_validation", values_of_knn() | {"k_to_accuracies": {}}),
        ("features_svm", {"results": {}, "best_val": None, "W": None, "X_val_feats": np.zeros((1000, 12))}),
        ("features_two_layer_net", values_of_net() | {"params": None}),
    ],
)
def test_nothing_handed_in(question, values):
    assert judge_values(find(question), values).status == "not attempted"
