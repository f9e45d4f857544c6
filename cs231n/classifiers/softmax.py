"""The softmax (cross-entropy) loss of a linear classifier, first with loops, then vectorised.

L = -1/N * sum_i log p_{i,y_i} + reg * sum(W^2),  p_ij = exp(s_ij) / sum_k exp(s_ik), with scores S = X W

Note the regularisation: the linear classifiers use reg * sum(W^2), without the factor 0.5 of the neural networks, so
its gradient is 2 * reg * W. Source: Goodfellow, Bengio and Courville (2016), "Deep Learning", section 6.2.2.3.
"""

import numpy as np

from cs231n._errors import require_linear
from cs231n._precision import as_floats, in_float32


@in_float32
def softmax_loss_naive(W, X, y, reg):
    """Compute the softmax loss and its gradient with loops over inputs and classes.

    Parameters
    ----------
    W : ndarray of shape (D, C)
        Weights.
    X : ndarray of shape (N, D)
        A batch of inputs, one in each row.
    y : ndarray of shape (N,)
        Labels, 0 <= y[i] < C.
    reg : float
        Regularisation strength.

    Returns
    -------
    loss : float
    dW : ndarray of shape (D, C)
        Gradient of the loss with respect to W.
    """
    W = as_floats(W)
    require_linear(W, X, y)
    loss = 0.0
    dW = np.zeros_like(W)
    ### BEGIN SOLUTION
    num_train, num_classes = len(X), W.shape[1]
    for i in range(num_train):
        scores = X[i] @ W  # (D,) @ (D, C) -> (C,)
        scores -= scores.max()  # the probabilities stay the same, and exp cannot overflow
        total = np.exp(scores).sum()
        loss += np.log(total) - scores[y[i]]  # -log p of the true class; log(p) itself fails where p underflows to 0
        p = np.exp(scores) / total
        for j in range(num_classes):
            dW[:, j] += (p[j] - (j == y[i])) * X[i]
    loss = loss / num_train + reg * np.sum(W * W)
    dW = dW / num_train + 2 * reg * W
    ### END SOLUTION
    return loss, dW


@in_float32
def softmax_loss_vectorized(W, X, y, reg):
    """Compute the same loss and gradient without loops; see `softmax_loss_naive`."""
    W = as_floats(W)
    require_linear(W, X, y)
    ### BEGIN SOLUTION
    num_train = len(X)
    rows = np.arange(num_train)
    scores = X @ W  # (N, D) @ (D, C) -> (N, C)
    scores -= scores.max(axis=1, keepdims=True)  # each row by its own maximum
    log_p = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))  # (N, C) - (N, 1) -> (N, C)
    loss = -log_p[rows, y].mean() + reg * np.sum(W * W)

    dscores = np.exp(log_p)
    dscores[rows, y] -= 1  # p - one_hot(y)
    dW = X.T @ dscores / num_train + 2 * reg * W  # (D, N) @ (N, C) -> (D, C)
    ### END SOLUTION
    return loss, dW
