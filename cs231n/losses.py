"""Losses: one number that says how wrong scores are, and its gradient with respect to the scores.

The contract of every loss: it takes the scores of N inputs and the truth about them, and returns ``(loss, dscores)``.
The loss is a mean over the inputs, and dscores has the shape and the type of the scores. No function changes its
arguments. The multiclass hinge loss is `cs231n.layers.svm_loss`, and cross-entropy in one step is
`cs231n.layers.softmax_loss`; here is cross-entropy in two steps, as two pairs of forward and backward passes.
"""

import numpy as np

from cs231n._errors import (
    require_gradient,
    require_labels,
    require_probability,
    require_same_sizes,
    require_scores,
    require_some,
    require_whole,
)
from cs231n._precision import as_floats, in_float32

__all__ = [
    "balanced_weights",
    "cross_entropy_backward",
    "cross_entropy_forward",
    "logistic_loss",
    "mean_squared_error",
    "multi_label_loss",
    "smoothed_softmax_loss",
    "softmax_backward",
    "softmax_forward",
    "squared_hinge_loss",
    "weighted_softmax_loss",
]


# ---- one class out of several


@in_float32
def squared_hinge_loss(scores, y):
    """Compute the multiclass hinge loss with squared margins, and its gradient.

    L = 1/N * sum_i sum_{j != y_i} max(0, s_ij - s_{i,y_i} + 1)^2

    Parameters
    ----------
    scores : ndarray of shape (N, C)
        scores[i, j] is the score of class j for input i.
    y : ndarray of shape (N,)
        Labels, 0 <= y[i] < C.

    Returns
    -------
    loss : float
        Mean over the N inputs.
    dscores : ndarray of shape (N, C)

    Raises
    ------
    ValueError, TypeError
        If the scores are not a matrix with at least one row, or the labels do not fit them.

    Notes
    -----
    Weston and Watkins (1999), "Support vector machines for multi-class pattern recognition", for the sum over the other
    classes; Tang (2013), "Deep learning using linear support vector machines", for the square.

    Examples
    --------
    >>> loss, dscores = squared_hinge_loss(np.array([[3.0, 2.5, 0.0]]), np.array([0]))
    >>> float(loss), dscores
    (0.25, array([[-1.,  1.,  0.]]))
    """
    scores = as_floats(scores)
    require_scores(scores, "scores")
    require_labels(y, *scores.shape)
    ### BEGIN SOLUTION
    rows = np.arange(len(y))
    correct = scores[rows, y][:, np.newaxis]  # (N, 1)
    margins = np.maximum(0, scores - correct + 1)  # (N, C) - (N, 1) -> (N, C)
    margins[rows, y] = 0  # the true class is not compared with itself
    loss = np.sum(margins**2) / len(y)

    dscores = 2 * margins / len(y)
    dscores[rows, y] = -dscores.sum(axis=1)  # every margin holds minus the score of the true class
    ### END SOLUTION
    return loss, dscores


@in_float32
def weighted_softmax_loss(scores, y, class_weights):
    """Compute the softmax loss in which each input counts as much as its class weighs, and its gradient.

    L = -sum_i w_{y_i} log p_{i,y_i} / sum_i w_{y_i},  p_ij = exp(s_ij) / sum_k exp(s_ik)

    It is a weighted mean: with equal weights it is `cs231n.layers.softmax_loss`, and doubling all weights changes
    nothing.

    Parameters
    ----------
    scores : ndarray of shape (N, C)
        They may be arbitrarily large: exp does not overflow.
    y : ndarray of shape (N,)
        Labels, 0 <= y[i] < C.
    class_weights : ndarray of shape (C,)
        Positive numbers.

    Returns
    -------
    loss : float
        Weighted mean over the N inputs.
    dscores : ndarray of shape (N, C)

    Raises
    ------
    ValueError, TypeError
        If scores, labels and weights do not fit together, or a weight is not positive.

    Notes
    -----
    The weighted mean is that of `torch.nn.functional.cross_entropy`. King and Zeng (2001), "Logistic regression in rare
    events data", section 4.2.

    Examples
    --------
    >>> scores, y = np.zeros((2, 2)), np.array([0, 1])
    >>> loss, dscores = weighted_softmax_loss(scores, y, np.array([1.0, 3.0]))
    >>> round(float(loss), 4), dscores
    (0.6931, array([[-0.125,  0.125],
           [ 0.375, -0.375]]))
    """
    scores = as_floats(scores)
    require_scores(scores, "scores")
    require_labels(y, *scores.shape)
    class_weights = _weights("class_weights", class_weights, scores)
    ### BEGIN SOLUTION
    rows = np.arange(len(y))
    shares = class_weights[y] / class_weights[y].sum()  # (N,), of each input in the mean; they add up to 1
    shifted = scores - scores.max(axis=1, keepdims=True)  # the largest of each row becomes 0: exp cannot overflow
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))  # (N, C) - (N, 1) -> (N, C)
    loss = -np.sum(shares * log_p[rows, y])

    dscores = np.exp(log_p)
    dscores[rows, y] -= 1  # p - one_hot(y)
    dscores *= shares[:, np.newaxis]
    ### END SOLUTION
    return loss, dscores


@in_float32
def smoothed_softmax_loss(scores, y, smoothing=0.1):
    """Compute the softmax loss with smoothed labels, and its gradient.

    L = -1/N * sum_i sum_k q_ik log p_ik,  p_ij = exp(s_ij) / sum_k exp(s_ik)

    q_ik is the share of class k in the truth: smoothing / C for every class, and 1 - smoothing more for y_i. No score
    has to grow without end, as the smallest loss is reached at finite scores.

    Parameters
    ----------
    scores : ndarray of shape (N, C)
        They may be arbitrarily large: exp does not overflow.
    y : ndarray of shape (N,)
        Labels, 0 <= y[i] < C.
    smoothing : float
        From 0, which makes it `cs231n.layers.softmax_loss`, to 1.

    Returns
    -------
    loss : float
        Mean over the N inputs.
    dscores : ndarray of shape (N, C)

    Raises
    ------
    ValueError, TypeError
        If scores and labels do not fit together, or smoothing is not from 0 to 1.

    Notes
    -----
    Szegedy, Vanhoucke, Ioffe, Shlens and Wojna (2016), "Rethinking the Inception architecture for computer vision",
    section 7.

    Examples
    --------
    >>> loss, dscores = smoothed_softmax_loss(np.zeros((1, 2)), np.array([0]), smoothing=0.5)
    >>> round(float(loss), 4), dscores  # the truth is 3/4 and 1/4
    (0.6931, array([[-0.25,  0.25]]))
    """
    scores = as_floats(scores)
    require_scores(scores, "scores")
    require_labels(y, *scores.shape)
    require_probability("smoothing", smoothing)
    rows, C = np.arange(len(y)), scores.shape[1]
    shifted = scores - scores.max(axis=1, keepdims=True)  # the largest of each row becomes 0: exp cannot overflow
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))  # (N, C) - (N, 1) -> (N, C)
    loss = -(1 - smoothing) * log_p[rows, y].mean() - smoothing * log_p.mean()

    dscores = np.exp(log_p)
    dscores -= smoothing / C
    dscores[rows, y] -= 1 - smoothing  # p - q
    dscores /= len(y)
    return loss, dscores


def balanced_weights(y, num_classes):
    """Compute class weights with which all classes count the same in total: N / (C * number of inputs of the class).

    Parameters
    ----------
    y : ndarray of shape (N,)
        Labels, 0 <= y[i] < num_classes.
    num_classes : int

    Returns
    -------
    ndarray of shape (num_classes,)
        Their mean over the N inputs is 1.

    Raises
    ------
    ValueError, TypeError
        If y does not hold labels, or a class does not occur.

    Notes
    -----
    King and Zeng (2001), "Logistic regression in rare events data", section 4.2.

    Examples
    --------
    >>> balanced_weights(np.array([0, 0, 0, 1]), 2).round(4)
    array([0.6667, 2.    ])
    """
    require_whole("num_classes", num_classes)
    y = np.atleast_1d(y)
    require_labels(y, len(y), num_classes)
    counts = np.bincount(y, minlength=num_classes)
    if not counts.all():
        raise ValueError(
            f"class {counts.argmin()} does not occur in y, so no weight makes it count. Are these all the labels?"
        )
    return len(y) / (num_classes * counts)


# ---- cross-entropy in two steps


@in_float32
def softmax_forward(scores):
    """Turn scores into probabilities, p_ij = exp(s_ij) / sum_k exp(s_ik).

    Parameters
    ----------
    scores : ndarray of shape (N, C)
        They may be arbitrarily large: exp does not overflow.

    Returns
    -------
    probabilities : ndarray of shape (N, C)
        Each row adds up to 1.
    cache : ndarray of shape (N, C)
        The probabilities.

    Raises
    ------
    ValueError
        If the scores are not a matrix with at least one row.

    Notes
    -----
    Goodfellow, Bengio and Courville (2016), "Deep Learning", section 4.1.

    Examples
    --------
    >>> softmax_forward(np.array([[0.0, np.log(3.0)], [1000.0, 1000.0]]))[0]
    array([[0.25, 0.75],
           [0.5 , 0.5 ]])
    """
    scores = as_floats(scores)
    require_scores(scores, "scores")
    ### BEGIN SOLUTION
    exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))  # at most 1
    probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)  # (N, C) / (N, 1) -> (N, C)
    ### END SOLUTION
    cache = probabilities
    return probabilities, cache


@in_float32
def softmax_backward(dout, cache):
    """Compute the gradient of `softmax_forward`.

    ds_ij = p_ij * (dout_ij - sum_k p_ik dout_ik)

    Parameters
    ----------
    dout : ndarray of shape (N, C)
        Gradient of the loss with respect to the probabilities.
    cache : ndarray of shape (N, C)
        The probabilities.

    Returns
    -------
    dscores : ndarray of shape (N, C)
        Each row adds up to 0: raising all scores of a row changes nothing.

    Raises
    ------
    ValueError
        If dout does not have the shape of the probabilities.

    Notes
    -----
    Goodfellow, Bengio and Courville (2016), "Deep Learning", section 6.2.2.3.

    Examples
    --------
    >>> softmax_backward(np.array([[0.0, 1.0]]), np.array([[0.25, 0.75]]))
    array([[-0.1875,  0.1875]])
    """
    probabilities = cache
    require_gradient(dout, probabilities.shape)
    ### BEGIN SOLUTION
    mean = np.sum(probabilities * dout, axis=1, keepdims=True)  # (N, 1), of dout as the probabilities weigh it
    dscores = probabilities * (dout - mean)
    ### END SOLUTION
    return dscores


def cross_entropy_forward(probabilities, y):
    """Compute the mean cross-entropy of probabilities, L = -1/N * sum_i log p_{i,y_i}.

    Parameters
    ----------
    probabilities : ndarray of shape (N, C)
        From `softmax_forward`.
    y : ndarray of shape (N,)
        Labels, 0 <= y[i] < C.

    Returns
    -------
    loss : float
        Mean over the N inputs; infinite if the probability of a true class is 0.
    cache : tuple (probabilities, y)

    Raises
    ------
    ValueError, TypeError
        If the probabilities are not a matrix with at least one row, one of them is negative, or the labels do not fit.

    Notes
    -----
    Goodfellow, Bengio and Courville (2016), "Deep Learning", sections 3.13 and 6.2.1.1.

    Examples
    --------
    >>> loss, _ = cross_entropy_forward(np.array([[0.5, 0.5]]), np.array([1]))
    >>> round(float(loss), 4)
    0.6931
    """
    probabilities = as_floats(probabilities)
    require_scores(probabilities, "probabilities")
    _require_probabilities(probabilities)
    require_labels(y, *probabilities.shape)
    ### BEGIN SOLUTION
    loss = -np.log(probabilities[np.arange(len(y)), y]).mean()
    ### END SOLUTION
    cache = (probabilities, y)
    return loss, cache


def cross_entropy_backward(dloss, cache):
    """Compute the gradient of `cross_entropy_forward` with respect to the probabilities.

    dp_ij = -dloss / (N p_ij) for the true class j = y_i, and 0 for all others.

    Parameters
    ----------
    dloss : float
        Upstream gradient of the loss: 1 if nothing follows.
    cache : tuple (probabilities, y)

    Returns
    -------
    dprobabilities : ndarray of shape (N, C)

    Raises
    ------
    ValueError
        If dloss is not a single number.

    Examples
    --------
    >>> cross_entropy_backward(1.0, (np.array([[0.5, 0.5]]), np.array([1])))
    array([[ 0., -2.]])
    """
    probabilities, y = cache
    if np.ndim(dloss) != 0:
        raise ValueError(f"dloss has shape {np.shape(dloss)}, expected a single number: the loss is one.")
    ### BEGIN SOLUTION
    rows = np.arange(len(y))
    dprobabilities = np.zeros_like(probabilities)
    dprobabilities[rows, y] = -dloss / (len(y) * probabilities[rows, y])
    ### END SOLUTION
    return dprobabilities


# ---- yes or no


@in_float32
def logistic_loss(scores, y):
    """Compute the loss of logistic regression with labels -1 and 1, and its gradient.

    L = 1/N * sum_i log(1 + exp(-y_i s_i))

    Parameters
    ----------
    scores : ndarray of shape (N,)
        Positive for "yes". They may be arbitrarily large: exp does not overflow.
    y : ndarray of shape (N,)
        1 for yes and -1 for no.

    Returns
    -------
    loss : float
        Mean over the N inputs.
    dscores : ndarray of shape (N,)

    Raises
    ------
    ValueError
        If the scores are not a vector with at least one entry, or y does not hold a label -1 or 1 for each.

    Notes
    -----
    Murphy (2012), "Machine Learning: A Probabilistic Perspective", section 8.3.1.

    Examples
    --------
    >>> loss, dscores = logistic_loss(np.array([0.0, 1000.0]), np.array([-1, 1]))
    >>> round(float(loss), 4), dscores
    (0.3466, array([ 0.25, -0.  ]))
    """
    scores = as_floats(scores)
    _require_vector(scores)
    y = _answers(y, scores, (-1, 1))
    ### BEGIN SOLUTION
    margins = y * scores  # positive where the answer is right
    loss = np.logaddexp(0, -margins).mean()  # log(exp(0) + exp(-margin)), without overflow

    wrong = np.exp(-np.logaddexp(0, margins))  # 1 / (1 + exp(margin)): the probability of the wrong answer
    dscores = -y * wrong / len(y)
    ### END SOLUTION
    return loss, dscores


@in_float32
def multi_label_loss(scores, y, positive_weights=None):
    """Compute the loss of K yes-or-no questions for each input, and its gradient.

    L = -1/N * sum_i sum_k (w_k y_ik log p_ik + (1 - y_ik) log(1 - p_ik)),  p_ik = 1 / (1 + exp(-s_ik))

    Parameters
    ----------
    scores : ndarray of shape (N, K)
        Positive for "yes". They may be arbitrarily large: exp does not overflow.
    y : ndarray of shape (N, K)
        1 (or True) for yes and 0 for no; any number of them in a row.
    positive_weights : ndarray of shape (K,), optional
        How much a "yes" counts in each column, where a "no" counts 1; 1 by default.

    Returns
    -------
    loss : float
        Sum over the K questions, mean over the N inputs.
    dscores : ndarray of shape (N, K)

    Raises
    ------
    ValueError
        If scores, labels and weights do not fit together, a label is neither 0 nor 1, or a weight is not positive.

    Notes
    -----
    Without weights it is `cs231n.graph_layers.sigmoid_cross_entropy`. Bishop (2006), "Pattern Recognition and Machine
    Learning", section 5.2, for K independent questions.

    Examples
    --------
    >>> loss, dscores = multi_label_loss(np.array([[0.0, 1000.0]]), np.array([[0, 1]]))
    >>> round(float(loss), 4), dscores
    (0.6931, array([[ 0.5, -0. ]]))
    """
    scores = as_floats(scores)
    require_scores(scores, "scores")
    y = _answers(y, scores, (0, 1))
    positive_weights = _weights(
        "positive_weights", np.ones(scores.shape[1]) if positive_weights is None else positive_weights, scores
    )
    ### BEGIN SOLUTION
    signs = 2 * y - 1  # 1 for yes, -1 for no
    margins = signs * scores
    weights = np.where(y == 1, positive_weights, 1)  # (N, K) and (K,) -> (N, K)
    loss = np.sum(weights * np.logaddexp(0, -margins)) / len(y)

    wrong = np.exp(-np.logaddexp(0, margins))  # the probability of the wrong answer
    dscores = -signs * weights * wrong / len(y)
    ### END SOLUTION
    return loss, dscores


# ---- numbers


@in_float32
def mean_squared_error(scores, targets):
    """Compute the mean of all squared differences between scores and targets, and its gradient.

    L = 1/(N M) * sum_ij (s_ij - t_ij)^2

    Parameters
    ----------
    scores : ndarray of shape (N, M)
        M predicted numbers for each of N inputs.
    targets : ndarray of shape (N, M)
        The right numbers.

    Returns
    -------
    loss : float
    dscores : ndarray of shape (N, M)

    Raises
    ------
    ValueError
        If scores and targets do not have the same shape, or have no entries.

    Notes
    -----
    Bishop (2006), "Pattern Recognition and Machine Learning", section 1.5.5. The mean runs over all N M entries, as in
    `torch.nn.functional.mse_loss`; other texts divide by N alone, or by 2 N.

    Examples
    --------
    >>> loss, dscores = mean_squared_error(np.array([[1.0, 5.0]]), np.array([[3.0, 5.0]]))
    >>> float(loss), dscores
    (2.0, array([[-2.,  0.]]))
    """
    scores = as_floats(scores)
    require_scores(scores, "scores")
    require_same_sizes("targets", targets, "scores", scores)
    targets = np.asarray(targets, dtype=scores.dtype)
    ### BEGIN SOLUTION
    errors = scores - targets
    loss = np.mean(errors**2)
    dscores = 2 * errors / errors.size
    ### END SOLUTION
    return loss, dscores


# ---- arguments


def _weights(name, weights, scores):
    """Return one positive weight for each column of the scores, in their type."""
    if np.shape(weights) != scores.shape[1:]:
        raise ValueError(
            f"{name} has shape {np.shape(weights)}, expected {scores.shape[1:]}: one for each column of the scores."
        )
    weights = np.asarray(weights, dtype=scores.dtype)
    if not np.all((weights > 0) & np.isfinite(weights)):
        raise ValueError(f"{name} holds {weights.min()} to {weights.max()}, expected positive numbers.")
    return weights


def _require_probabilities(probabilities):
    if np.any(probabilities < 0):
        raise ValueError(
            f"probabilities holds {probabilities.min()}: are these scores? softmax_forward makes probabilities of them."
        )


def _require_vector(scores):
    if scores.ndim != 1:
        raise ValueError(
            f"scores has shape {scores.shape}, expected (N,): one score for each input. Take one column: scores[:, 0]."
        )
    require_some(scores, "scores", "mean loss")


def _answers(y, scores, allowed):
    """Return the answers yes and no, which are the `allowed` numbers, in the type of the scores."""
    require_same_sizes("y", y, "scores", scores)
    y = np.asarray(y)
    others = y[~np.isin(y, allowed)]
    if others.size:
        no, yes = allowed
        fix = "2 * y - 1 makes -1 and 1 of 0 and 1" if no == -1 else "(y + 1) // 2 makes 0 and 1 of -1 and 1"
        raise ValueError(f"y holds {others[0]}, expected {yes} for yes and {no} for no: {fix}.")
    return y.astype(scores.dtype)
