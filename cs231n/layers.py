"""Layers as pairs of functions.

The contract of every pair: ``x_forward(...)`` returns ``(out, cache)``, where ``cache`` is a tuple of exactly
what the backward pass needs; ``x_backward(dout, cache)`` takes the gradient of the loss with respect to
``out`` and returns the gradients with respect to the inputs, each of the shape of its input. A loss layer
returns ``(loss, dx)`` in one go. No function changes its arguments.
"""

import numpy as np

from cs231n._errors import require_columns, require_labels


def affine_forward(x, w, b):
    """Compute an affine (fully connected) layer: every row of x, made flat, times w, plus b.

    Parameters
    ----------
    x : ndarray of shape (N, d_1, ..., d_k)
        A minibatch of N inputs; each is made a row of D = d_1 * ... * d_k numbers.
    w : ndarray of shape (D, M)
        Weights.
    b : ndarray of shape (M,)
        Biases.

    Returns
    -------
    out : ndarray of shape (N, M)
    cache : tuple (x, w, b)

    Raises
    ------
    ValueError
        If the rows of x do not have D entries.

    Examples
    --------
    >>> x = np.array([[[1.0, 2.0]], [[3.0, 4.0]]])  # two inputs of shape (1, 2)
    >>> w = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
    >>> out, cache = affine_forward(x, w, np.array([0.0, 0.0, 10.0]))
    >>> out
    array([[ 1.,  2., 13.],
           [ 3.,  4., 17.]])
    """
    require_columns(x, w.shape[0])
    ### BEGIN SOLUTION
    rows = x.reshape(x.shape[0], -1)  # (N, d_1, ..., d_k) -> (N, D)
    out = rows @ w + b  # (N, D) @ (D, M) + (M,) -> (N, M)
    ### END SOLUTION
    cache = (x, w, b)
    return out, cache


def affine_backward(dout, cache):
    """Compute the gradients of an affine layer.

    Parameters
    ----------
    dout : ndarray of shape (N, M)
        Gradient of the loss with respect to the layer's output.
    cache : tuple (x, w, b)
        From `affine_forward`.

    Returns
    -------
    dx : ndarray of shape (N, d_1, ..., d_k)
    dw : ndarray of shape (D, M)
    db : ndarray of shape (M,)

    Examples
    --------
    >>> x, w, b = np.array([[1.0, 2.0]]), np.array([[3.0], [5.0]]), np.array([0.0])
    >>> dx, dw, db = affine_backward(np.array([[10.0]]), (x, w, b))
    >>> dx, dw.T, db
    (array([[30., 50.]]), array([[10., 20.]]), array([10.]))
    """
    x, w, b = cache
    ### BEGIN SOLUTION
    rows = x.reshape(x.shape[0], -1)  # (N, D)
    dx = (dout @ w.T).reshape(x.shape)  # (N, M) @ (M, D) -> (N, D) -> (N, d_1, ..., d_k)
    dw = rows.T @ dout  # (D, N) @ (N, M) -> (D, M)
    db = dout.sum(axis=0)  # b is added to every row, so its gradient sums over the rows
    ### END SOLUTION
    return dx, dw, db


def relu_forward(x):
    """Compute the rectified linear unit, max(0, x), entry by entry.

    Parameters
    ----------
    x : ndarray of any shape

    Returns
    -------
    out : ndarray of the shape of x
    cache : ndarray
        The input x.

    Examples
    --------
    >>> relu_forward(np.array([-1.0, 0.0, 2.0]))[0]
    array([0., 0., 2.])
    """
    ### BEGIN SOLUTION
    out = np.maximum(0, x)
    ### END SOLUTION
    cache = x
    return out, cache


def relu_backward(dout, cache):
    """Compute the gradient of ReLU: dout where the input was positive, 0 elsewhere.

    At x = 0 the function has no derivative; 0 is taken, as is usual.

    Parameters
    ----------
    dout : ndarray of any shape
    cache : ndarray
        The input x, of the shape of dout.

    Returns
    -------
    dx : ndarray of the shape of x

    Examples
    --------
    >>> relu_backward(np.array([5.0, 5.0, 5.0]), np.array([-1.0, 0.0, 2.0]))
    array([0., 0., 5.])
    """
    x = cache
    ### BEGIN SOLUTION
    dx = dout * (x > 0)
    ### END SOLUTION
    return dx


def svm_loss(x, y):
    """Compute the multiclass SVM (hinge) loss with margin 1 and its gradient.

    L = 1/N * sum_i sum_{j != y_i} max(0, x_ij - x_{i,y_i} + 1)

    Parameters
    ----------
    x : ndarray of shape (N, C)
        Scores; x[i, j] is the score of class j for input i.
    y : ndarray of shape (N,)
        Labels, 0 <= y[i] < C.

    Returns
    -------
    loss : float
        Mean over the N inputs.
    dx : ndarray of shape (N, C)

    Notes
    -----
    Weston and Watkins (1999), "Support vector machines for multi-class pattern recognition".

    Examples
    --------
    >>> loss, dx = svm_loss(np.array([[3.0, 2.5, 0.0]]), np.array([0]))
    >>> float(loss), dx
    (0.5, array([[-1.,  1.,  0.]]))
    """
    require_labels(y, *x.shape)
    ### BEGIN SOLUTION
    rows = np.arange(len(y))
    correct = x[rows, y][:, np.newaxis]  # (N, 1)
    margins = np.maximum(0, x - correct + 1)  # (N, C) - (N, 1) -> (N, C)
    margins[rows, y] = 0  # the true class is not compared with itself
    loss = margins.sum() / len(y)

    dx = (margins > 0).astype(x.dtype)  # each class over the margin pushes its own score down ...
    dx[rows, y] = -dx.sum(axis=1)  # ... and the true class's score up
    dx /= len(y)
    ### END SOLUTION
    return loss, dx


def softmax_loss(x, y):
    """Compute the softmax (cross-entropy) loss and its gradient.

    L = -1/N * sum_i log p_{i,y_i},  p_ij = exp(x_ij) / sum_k exp(x_ik)

    Parameters
    ----------
    x : ndarray of shape (N, C)
        Scores; x[i, j] is the score of class j for input i. May be of any size: exp does not overflow.
    y : ndarray of shape (N,)
        Labels, 0 <= y[i] < C.

    Returns
    -------
    loss : float
        Mean over the N inputs.
    dx : ndarray of shape (N, C)

    Notes
    -----
    Goodfellow, Bengio and Courville (2016), "Deep Learning", sections 4.1 and 6.2.2.3.

    Examples
    --------
    >>> loss, dx = softmax_loss(np.array([[1000.0, 1000.0]]), np.array([1]))
    >>> round(float(loss), 4), dx
    (0.6931, array([[ 0.5, -0.5]]))
    """
    require_labels(y, *x.shape)
    ### BEGIN SOLUTION
    rows = np.arange(len(y))
    shifted = x - x.max(axis=1, keepdims=True)  # the largest of each row becomes 0: exp cannot overflow
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))  # (N, C) - (N, 1) -> (N, C)
    loss = -log_p[rows, y].mean()

    dx = np.exp(log_p)
    dx[rows, y] -= 1  # p - one_hot(y)
    dx /= len(y)
    ### END SOLUTION
    return loss, dx
