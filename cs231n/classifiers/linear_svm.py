"""The multiclass SVM loss of a linear classifier, first with loops, then vectorised.

L = 1/N * sum_i sum_{j != y_i} max(0, s_ij - s_{i,y_i} + 1) + reg * sum(W^2), with scores S = X W

Note the regularisation: the linear classifiers use reg * sum(W^2), without the factor 0.5 of the neural networks, so
its gradient is 2 * reg * W. Source: Weston and Watkins (1999), "Support vector machines for multi-class pattern
recognition".
"""

import numpy as np

from cs231n._errors import require_linear
from cs231n._precision import as_floats, in_float32


@in_float32
def svm_loss_naive(W, X, y, reg):
    """Compute the SVM loss and its gradient with loops over inputs and classes.

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
    num_train, num_classes = len(X), W.shape[1]
    loss = 0.0
    dW = np.zeros_like(W)
    for i in range(num_train):
        scores = X[i] @ W  # (D,) @ (D, C) -> (C,)
        for j in range(num_classes):
            if j == y[i]:
                continue
            margin = scores[j] - scores[y[i]] + 1
            if margin > 0:
                loss += margin
                ### BEGIN SOLUTION
                dW[:, j] += X[i]  # the margin increases with the score of class j ...
                dW[:, y[i]] -= X[i]  # ... and decreases with the score of the true class
                ### END SOLUTION
    loss = loss / num_train + reg * np.sum(W * W)
    ### BEGIN SOLUTION
    dW = dW / num_train + 2 * reg * W
    ### END SOLUTION
    return loss, dW


@in_float32
def svm_loss_vectorized(W, X, y, reg):
    """Compute the same loss and gradient without loops; see `svm_loss_naive`."""
    W = as_floats(W)
    require_linear(W, X, y)
    ### BEGIN SOLUTION
    num_train = len(X)
    rows = np.arange(num_train)
    scores = X @ W  # (N, D) @ (D, C) -> (N, C)
    margins = np.maximum(0, scores - scores[rows, y][:, np.newaxis] + 1)  # (N, C) - (N, 1) -> (N, C)
    margins[rows, y] = 0
    loss = margins.sum() / num_train + reg * np.sum(W * W)

    dscores = (margins > 0).astype(scores.dtype)  # (N, C): 1 where a class violates the margin
    dscores[rows, y] = -dscores.sum(axis=1)
    dW = X.T @ dscores / num_train + 2 * reg * W  # (D, N) @ (N, C) -> (D, C)
    ### END SOLUTION
    return loss, dW
