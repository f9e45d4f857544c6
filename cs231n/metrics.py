"""Metrics: how good predictions are, in numbers that people ask for. They need no gradient, and most have none.

Three kinds of predictions have metrics of their own. Labels are counted in a confusion matrix, from which accuracy,
precision, recall and F1 follow. Several yes-or-no labels for each input are compared one by one (`hamming_loss`).
Scores of "yes" are judged by their order, over all thresholds at once: the ROC curve, precision against recall, and the
areas below them.
"""

import numpy as np

from cs231n._errors import require_labels, require_same_sizes, require_some, require_whole
from cs231n._precision import as_floats

__all__ = [
    "accuracy",
    "average_precision_score",
    "balanced_accuracy",
    "confusion_matrix",
    "counts_by_threshold",
    "hamming_loss",
    "precision_recall_curve",
    "precision_recall_f1",
    "roc_area",
    "roc_curve",
]


# ---- labels


def confusion_matrix(y_pred, y, num_classes):
    """Count how often each class is taken for each other.

    Parameters
    ----------
    y_pred, y : integer ndarrays of shape (N,)
        The predicted and the true labels, from 0 to num_classes - 1.
    num_classes : int

    Returns
    -------
    integer ndarray of shape (num_classes, num_classes)
        Row i, column j: the number of inputs of class i that are taken for class j.

    Raises
    ------
    ValueError, TypeError
        If y_pred and y are not labels of the same inputs.

    Notes
    -----
    Sokolova and Lapalme (2009), "A systematic analysis of performance measures for classification tasks".

    Examples
    --------
    >>> confusion_matrix(np.array([0, 1, 1, 2]), np.array([0, 0, 1, 2]), 3)
    array([[1, 1, 0],
           [0, 1, 0],
           [0, 0, 1]])
    """
    require_whole("num_classes", num_classes)
    y_pred, y = np.atleast_1d(y_pred), np.atleast_1d(y)
    require_labels(y, len(y), num_classes)
    require_labels(y_pred, len(y), num_classes, name="y_pred")
    ### BEGIN SOLUTION
    confusion = np.zeros((num_classes, num_classes), dtype=int)
    np.add.at(confusion, (y, y_pred), 1)  # confusion[y, y_pred] += 1 would count a pair that comes twice once
    ### END SOLUTION
    return confusion


def precision_recall_f1(confusion):
    """Compute precision, recall and F1 of each class.

    precision_j = right as j / taken for j,  recall_j = right as j / truly j,  F1 = 2 P R / (P + R)

    Parameters
    ----------
    confusion : ndarray of shape (C, C)
        From `confusion_matrix`: rows are the true classes, columns the predicted ones.

    Returns
    -------
    precision, recall, f1 : ndarray of shape (C,)
        From 0 to 1; a share of nothing, 0 / 0, is 0.

    Raises
    ------
    ValueError
        If confusion is not a square matrix of counts.

    Notes
    -----
    Van Rijsbergen (1979), "Information Retrieval", chapter 7.

    Examples
    --------
    >>> precision, recall, f1 = precision_recall_f1(np.array([[6, 2], [3, 1]]))
    >>> precision.round(4), recall, f1.round(4)
    (array([0.6667, 0.3333]), array([0.75, 0.25]), array([0.7059, 0.2857]))
    """
    confusion = _square(confusion)
    ### BEGIN SOLUTION
    right, true, predicted = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    precision, recall = _share(right, predicted), _share(right, true)
    f1 = _share(2 * right, true + predicted)  # the same as 2 P R / (P + R), and defined where P = R = 0
    ### END SOLUTION
    return precision, recall, f1


def accuracy(confusion):
    """Compute the share of inputs that are classified correctly.

    Parameters
    ----------
    confusion : ndarray of shape (C, C)
        From `confusion_matrix`.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If confusion is not a square matrix of counts, of at least one input.

    Examples
    --------
    >>> accuracy(np.array([[95, 0], [5, 0]]))
    0.95
    """
    confusion = _square(confusion)
    if confusion.sum() == 0:
        raise ValueError("confusion counts no inputs: there is no accuracy.")
    return float(np.trace(confusion) / confusion.sum())


def balanced_accuracy(confusion):
    """Compute the mean recall of the classes that occur: what accuracy would be if all were equally frequent.

    Parameters
    ----------
    confusion : ndarray of shape (C, C)
        From `confusion_matrix`.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If confusion is not a square matrix of counts, of at least one input.

    Notes
    -----
    Brodersen, Ong, Stephan and Buhmann (2010), "The balanced accuracy and its posterior distribution".

    Examples
    --------
    >>> balanced_accuracy(np.array([[95, 0], [5, 0]]))
    0.5
    """
    confusion = _square(confusion)
    occurs = confusion.sum(axis=1) > 0
    if not occurs.any():
        raise ValueError("confusion counts no inputs: there is no accuracy.")
    return float(np.mean(np.diag(confusion)[occurs] / confusion.sum(axis=1)[occurs]))


# ---- several labels


def hamming_loss(y_pred, y):
    """Compute the share of yes-or-no labels that are wrong.

    Parameters
    ----------
    y_pred, y : ndarrays of shape (N, K)
        The predicted and the true answers, 0 or 1, False or True.

    Returns
    -------
    float
        From 0 (all right) to 1. Where labels are rare, always answering "no" has a low loss, too.

    Raises
    ------
    ValueError
        If the shapes differ, there are no labels, or an answer is neither 0 nor 1.

    Notes
    -----
    Schapire and Singer (1999), "Improved boosting algorithms using confidence-rated predictions", section 7.

    Examples
    --------
    >>> float(hamming_loss(np.array([[1, 0], [0, 0]]), np.array([[1, 0], [0, 1]])))
    0.25
    """
    y_pred, y = np.asarray(y_pred), np.asarray(y)
    require_same_sizes("y_pred", y_pred, "y", y)
    if y.size == 0:
        raise ValueError(f"y has shape {y.shape}: without any labels, there is no share of wrong ones.")
    _require_answers("y_pred", y_pred)
    _require_answers("y", y)
    ### BEGIN SOLUTION
    loss = np.mean(y_pred != y)
    ### END SOLUTION
    return loss


# ---- scores of "yes"


def counts_by_threshold(scores, y):
    """Count the true and the false positives for each threshold on the scores.

    Parameters
    ----------
    scores : ndarray of shape (N,)
        An input is taken for a "yes" if its score is at least the threshold.
    y : ndarray of shape (N,)
        The truth, 1 or True for yes and 0 or False for no.

    Returns
    -------
    thresholds : ndarray of shape (T,)
        The distinct scores, the highest first: inputs with equal scores are taken for a "yes" together.
    true_positives : integer ndarray of shape (T,)
        How many of the inputs that are taken for a "yes" are one.
    false_positives : integer ndarray of shape (T,)
        How many of them are none.

    Raises
    ------
    ValueError
        If scores and y are not vectors of the same length, at least 1, a score is nan, or an answer is neither 0 nor 1.

    Notes
    -----
    Fawcett (2006), "An introduction to ROC analysis", algorithm 1.

    Examples
    --------
    >>> counts_by_threshold(np.array([0.5, 0.9, 0.5, 0.1]), np.array([1, 1, 0, 0]))
    (array([0.9, 0.5, 0.1]), array([1, 2, 2]), array([0, 1, 2]))
    """
    scores, y = _scores_of_yes(scores, y)
    ### BEGIN SOLUTION
    order = np.argsort(-scores, kind="stable")
    scores, y = scores[order], y[order]
    last = np.flatnonzero(np.append(scores[1:] != scores[:-1], True))  # (T,), where each run of equal scores ends
    thresholds = scores[last]
    true_positives = np.cumsum(y)[last]
    false_positives = last + 1 - true_positives  # last + 1 inputs are taken for a "yes"
    ### END SOLUTION
    return thresholds, true_positives, false_positives


def roc_curve(scores, y):
    """Compute the rates of true and of false positives for each threshold, from "nothing is a yes" to "all is".

    Parameters
    ----------
    scores, y : ndarrays of shape (N,)
        As for `counts_by_threshold`; y must have at least one yes and one no.

    Returns
    -------
    false_positive_rate : ndarray of shape (T + 1,)
        The share of what is no that is taken for a "yes".
    true_positive_rate : ndarray of shape (T + 1,)
        The share of what is yes that is taken for a "yes": the recall.
    thresholds : ndarray of shape (T + 1,)
        The first one is infinite, so that both rates are 0.

    Raises
    ------
    ValueError
        As `counts_by_threshold`, and if y holds one answer alone.

    Examples
    --------
    >>> roc_curve(np.array([0.5, 0.9, 0.5, 0.1]), np.array([1, 1, 0, 0]))
    (array([0. , 0. , 0.5, 1. ]), array([0. , 0.5, 1. , 1. ]), array([inf, 0.9, 0.5, 0.1]))
    """
    thresholds, true_positives, false_positives = counts_by_threshold(scores, y)
    if 0 in (true_positives[-1], false_positives[-1]):
        raise ValueError("y holds one answer alone; an ROC curve needs at least one yes (1) and one no (0).")
    false_positive_rate = np.append(0, false_positives) / false_positives[-1]
    true_positive_rate = np.append(0, true_positives) / true_positives[-1]
    return false_positive_rate, true_positive_rate, np.append(np.inf, thresholds)


def roc_area(scores, y):
    """Compute the area under the ROC curve.

    It is the probability that a yes has a higher score than a no, if one of each is drawn at random and equal scores
    count one half.

    Parameters
    ----------
    scores, y : ndarrays of shape (N,)
        As for `roc_curve`.

    Returns
    -------
    float
        1 if every yes is above every no, 0.5 for scores that say nothing.

    Raises
    ------
    ValueError
        As `roc_curve`.

    Notes
    -----
    Hanley and McNeil (1982), "The meaning and use of the area under a receiver operating characteristic (ROC) curve".

    Examples
    --------
    >>> float(roc_area(np.array([0.5, 0.9, 0.5, 0.1]), np.array([1, 1, 0, 0])))
    0.875
    """
    false_positive_rate, true_positive_rate, _ = roc_curve(scores, y)
    ### BEGIN SOLUTION
    heights = (true_positive_rate[1:] + true_positive_rate[:-1]) / 2  # trapezoids: ties give slanted pieces
    area = np.sum(np.diff(false_positive_rate) * heights)
    ### END SOLUTION
    return area


def precision_recall_curve(scores, y):
    """Compute precision and recall for each threshold.

    Parameters
    ----------
    scores, y : ndarrays of shape (N,)
        As for `counts_by_threshold`; y must have at least one yes.

    Returns
    -------
    precision : ndarray of shape (T,)
        The share of what is taken for a "yes" that is one.
    recall : ndarray of shape (T,)
        The share of what is yes that is taken for one.
    thresholds : ndarray of shape (T,)

    Raises
    ------
    ValueError
        As `counts_by_threshold`, and if y holds no yes.

    Examples
    --------
    >>> precision, recall, _ = precision_recall_curve(np.array([0.5, 0.9, 0.5, 0.1]), np.array([1, 1, 0, 0]))
    >>> precision.round(4), recall
    (array([1.    , 0.6667, 0.5   ]), array([0.5, 1. , 1. ]))
    """
    thresholds, true_positives, false_positives = counts_by_threshold(scores, y)
    if true_positives[-1] == 0:
        raise ValueError("y holds no yes (1), and recall is a share of them. Are yes and no swapped?")
    return true_positives / (true_positives + false_positives), true_positives / true_positives[-1], thresholds


def average_precision_score(scores, y):
    """Compute the mean precision over all recalls: the sum of precision times the step in recall.

    Detection uses another form, in which the curve is first made to fall (`cs231n.detection_metrics`); this one, of
    information retrieval, is never higher.

    Parameters
    ----------
    scores, y : ndarrays of shape (N,)
        As for `precision_recall_curve`.

    Returns
    -------
    float
        1 if every yes is above every no; for scores that say nothing, about the share of yes.

    Raises
    ------
    ValueError
        As `precision_recall_curve`.

    Notes
    -----
    Davis and Goadrich (2006), "The relationship between precision-recall and ROC curves".

    Examples
    --------
    >>> round(average_precision_score(np.array([0.5, 0.9, 0.5, 0.1]), np.array([1, 1, 0, 0])), 4)
    0.8333
    """
    precision, recall, _ = precision_recall_curve(scores, y)
    return float(np.sum(np.diff(recall, prepend=0) * precision))


# ---- arguments and helpers


def _share(part, whole):
    """Divide counts; a share of nothing is 0."""
    return np.divide(part, whole, out=np.zeros(len(whole)), where=whole > 0)


def _square(confusion):
    confusion = np.asarray(confusion)
    if confusion.ndim != 2 or confusion.shape[0] != confusion.shape[1]:
        raise ValueError(
            f"confusion has shape {confusion.shape}, expected (C, C): confusion_matrix(y_pred, y, C) makes it."
        )
    if not np.all(confusion >= 0):
        raise ValueError(
            f"confusion holds {confusion.min()}, expected counts: confusion_matrix(y_pred, y, C) makes them."
        )
    return confusion


def _require_answers(name, y):
    others = y[~np.isin(y, (0, 1))]
    if others.size:
        raise ValueError(
            f"{name} holds {others[0]}, expected 1 for yes and 0 for no. "
            "scores > 0 makes answers of scores, (y + 1) // 2 of labels -1 and 1."
        )


def _scores_of_yes(scores, y):
    """Return scores and answers, yes and no, as arrays that fit each other; answers as integers."""
    scores, y = as_floats(scores), np.asarray(y)
    if scores.ndim != 1:
        raise ValueError(f"scores has shape {scores.shape}, expected (N,): one score of 'yes' for each input.")
    require_some(scores, "scores", "threshold")
    require_same_sizes("y", y, "scores", scores)
    if np.isnan(scores).any():
        raise ValueError(f"scores[{np.flatnonzero(np.isnan(scores))[0]}] is nan: it has no place in an order.")
    _require_answers("y", y)
    return scores, y.astype(int)
