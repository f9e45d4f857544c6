"""Regularisers: penalties on the weights, DropConnect, and when to stop.

A penalty is added to the loss, and its gradient to the gradients. All are scaled by `reg`, as in the networks of this
package: L1 is reg * sum(|w|), and L2 has a factor of one half, 0.5 * reg * sum(w * w), so that its gradient is reg * w.
Dropout on the units is in `cs231n.layers`; changes of the images are in `cs231n.augmentation`.

Source: Goodfellow, Bengio and Courville (2016), *Deep Learning*, chapter 7.
"""

import numpy as np

from cs231n._errors import (
    require_affine,
    require_array,
    require_dict,
    require_gradient,
    require_keep_probability,
    require_not_negative,
    require_probability,
    require_some,
    require_whole,
)


def l1_penalty(w, reg):
    """The L1 penalty, reg * sum(|w|), and its gradient.

    |w| has no slope at 0, but any number from -1 to 1 is a subgradient there: the line with that slope stays below |w|.
    We take 0, so that a weight of 0 is left alone.

    Parameters
    ----------
    w : ndarray
        Weights, of any shape.
    reg : float
        At least 0.

    Returns
    -------
    penalty : float
    dw : ndarray of the shape of w

    Examples
    --------
    >>> penalty, dw = l1_penalty(np.array([3.0, -1.0, 0.0]), reg=0.5)
    >>> float(penalty), dw.tolist()
    (2.0, [0.5, -0.5, 0.0])
    """
    require_array("w", w)
    require_not_negative("reg", reg)
    ### BEGIN SOLUTION
    penalty = reg * np.sum(np.abs(w))
    dw = reg * np.sign(w)
    ### END SOLUTION
    return penalty, dw


def l2_penalty(w, reg):
    """The L2 penalty, 0.5 * reg * sum(w * w), and its gradient.

    Parameters
    ----------
    w : ndarray
        Weights, of any shape.
    reg : float
        At least 0.

    Returns
    -------
    penalty : float
    dw : ndarray of the shape of w

    Examples
    --------
    >>> penalty, dw = l2_penalty(np.array([3.0, -1.0, 0.0]), reg=0.5)
    >>> float(penalty), dw.tolist()
    (2.5, [1.5, -0.5, 0.0])
    """
    require_array("w", w)
    require_not_negative("reg", reg)
    ### BEGIN SOLUTION
    penalty = 0.5 * reg * np.sum(w * w)
    dw = reg * w
    ### END SOLUTION
    return penalty, dw


def elastic_net(params, reg, l1_ratio):
    """The elastic net: a share of the L1 penalty and the rest of the L2 penalty, over all weights of a network.

    reg * (l1_ratio * sum(|w|) + 0.5 * (1 - l1_ratio) * sum(w * w)), as in scikit-learn. Weights are the parameters with
    at least two axes. Biases and gains, which have one, are not penalised: their gradients are zeros.

    Parameters
    ----------
    params : dict of ndarray
    reg : float
        At least 0.
    l1_ratio : float
        From 0, which is L2 alone, to 1, which is L1 alone.

    Returns
    -------
    penalty : float
    grads : dict of ndarray
        With the keys and shapes of params.

    Notes
    -----
    Zou and Hastie (2005), "Regularization and variable selection via the elastic net".

    Examples
    --------
    >>> params = {"W1": np.array([[2.0, -4.0]]), "b1": np.array([5.0, 5.0])}
    >>> penalty, grads = elastic_net(params, reg=0.5, l1_ratio=0.25)
    >>> float(penalty), grads["W1"].tolist(), grads["b1"].tolist()
    (4.5, [[0.875, -1.625]], [0.0, 0.0])
    """
    require_dict("params", params, (), '{"W1": array}')
    require_not_negative("reg", reg)
    require_probability("l1_ratio", l1_ratio)
    ### BEGIN SOLUTION
    penalty, grads = 0.0, {}
    for name, w in params.items():
        if w.ndim < 2:
            grads[name] = np.zeros_like(w)
            continue
        l1, dw_l1 = l1_penalty(w, reg * l1_ratio)
        l2, dw_l2 = l2_penalty(w, reg * (1 - l1_ratio))
        penalty += l1 + l2
        grads[name] = dw_l1 + dw_l2
    ### END SOLUTION
    return penalty, grads


def soft_threshold(w, amount):
    """Move every weight by `amount` towards 0, and stop there: the step of L1 that leaves exact zeros.

    It takes the place of the gradient of an L1 penalty: after a step of gradient descent on the loss alone,
    ``w = soft_threshold(w, learning_rate * reg)``. It returns the minimum over v of (v - w)^2 / 2 + amount * |v|.

    Parameters
    ----------
    w : ndarray
        Weights, of any shape.
    amount : float
        At least 0.

    Returns
    -------
    ndarray of the shape of w

    Notes
    -----
    Parikh and Boyd (2014), "Proximal algorithms", section 6.5.

    Examples
    --------
    >>> soft_threshold(np.array([3.0, -1.0, 0.5, 0.25]), amount=0.5).tolist()
    [2.5, -0.5, 0.0, 0.0]
    """
    require_array("w", w)
    require_not_negative("amount", amount)
    ### BEGIN SOLUTION
    nearer = np.sign(w) * np.maximum(np.abs(w) - amount, 0)
    ### END SOLUTION
    return nearer


def dropconnect_forward(x, w, b, dropout_param):
    """An affine layer some of whose weights are dropped; inverted, so that the expected output is that of all of them.

    In train mode each weight is kept with probability p and divided by p, or set to 0. The mask is drawn anew at each
    call, once for the whole batch. In test mode all weights are used as they are. Biases are never dropped.

    Parameters
    ----------
    x : ndarray of shape (N, D)
    w : ndarray of shape (D, M)
    b : ndarray of shape (M,)
    dropout_param : dict
        ``p``, the probability of keeping a weight, 0 < p <= 1; ``mode``, 'train' or 'test'; and, for gradient checks
        alone, ``seed``, which is passed to NumPy's global generator first. As for `cs231n.layers.dropout_forward`.

    Returns
    -------
    out : ndarray of shape (N, M)
    cache : tuple (x, w, mask)
        For `dropconnect_backward`. mask, of shape (D, M), holds the factor of each weight: 0 or 1 / p in train mode, 1
        in test mode.

    Notes
    -----
    Wan, Zeiler, Zhang, LeCun and Fergus (2013), "Regularization of neural networks using DropConnect". They draw a mask
    for each input, which takes N times as much memory, and sample the outputs in test mode.

    Examples
    --------
    >>> x, w, b = np.array([[1.0, 10.0]]), np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([0.5, 0.5])
    >>> dropconnect_forward(x, w, b, {"mode": "test", "p": 0.5})[0].tolist()
    [[31.5, 42.5]]
    >>> out, _ = dropconnect_forward(x, w, b, {"mode": "train", "p": 0.5, "seed": 0})  # drops 2.0, 3.0 and 4.0
    >>> out.tolist()
    [[0.5, 0.5]]
    """
    require_affine(x, w, b)
    if x.ndim != 2:
        raise ValueError(f"x has shape {x.shape}, expected (N, D): x.reshape(len(x), -1) turns images into rows.")
    p, mode = _settings(dropout_param)
    require_keep_probability(p)
    if "seed" in dropout_param:
        np.random.seed(dropout_param["seed"])

    ### BEGIN SOLUTION
    mask = np.ones_like(w)
    if mode == "train":
        mask = ((np.random.rand(*w.shape) < p) / p).astype(w.dtype)
    out = x @ (w * mask) + b  # (N, D) @ (D, M) -> (N, M)
    ### END SOLUTION
    return out, (x, w, mask)


def _settings(dropout_param):
    """Return p and the mode; raise unless both are there and the mode is known."""
    require_dict("dropout_param", dropout_param, ("p", "mode"), '{"mode": "train", "p": 0.5}')
    mode = dropout_param["mode"]
    if mode not in ("train", "test"):
        raise ValueError(f'dropout_param["mode"] is {mode!r}; it must be "train" or "test".')
    return dropout_param["p"], mode


def dropconnect_backward(dout, cache):
    """The backward pass of `dropconnect_forward`.

    Parameters
    ----------
    dout : ndarray of shape (N, M)
    cache : tuple (x, w, mask)
        From the forward pass.

    Returns
    -------
    dx : ndarray of shape (N, D)
    dw : ndarray of shape (D, M)
    db : ndarray of shape (M,)

    Examples
    --------
    >>> x, w, mask = np.array([[1.0, 10.0]]), np.array([[3.0], [5.0]]), np.array([[2.0], [0.0]])
    >>> dx, dw, db = dropconnect_backward(np.array([[0.5]]), (x, w, mask))
    >>> dx.tolist(), dw.tolist(), db.tolist()
    ([[3.0, 0.0]], [[1.0], [0.0]], [0.5])
    """
    x, w, mask = cache
    require_gradient(dout, (len(x), w.shape[1]))
    ### BEGIN SOLUTION
    dx = dout @ (w * mask).T  # (N, M) @ (M, D) -> (N, D)
    dw = (x.T @ dout) * mask
    db = dout.sum(axis=0)
    ### END SOLUTION
    return dx, dw, db


def should_stop(val_acc_history, patience):
    """Early stopping: whether the best accuracy is `patience` or more epochs old.

    Of equal accuracies the first one counts as the best, so a tie is no gain.

    Parameters
    ----------
    val_acc_history : sequence of float
        The validation accuracy after each epoch so far, at least one.
    patience : int
        At least 1.

    Returns
    -------
    bool

    Notes
    -----
    Prechelt (1998), "Early stopping - but when?", compares this rule with others.

    Examples
    --------
    >>> should_stop([0.2, 0.3, 0.3, 0.29], patience=2), should_stop([0.2, 0.3, 0.31, 0.29], patience=2)
    (True, False)
    """
    require_whole("patience", patience)
    if np.ndim(val_acc_history) != 1:
        raise ValueError(f"val_acc_history is {val_acc_history!r}, expected the accuracies of all epochs, in a list.")
    require_some(val_acc_history, "val_acc_history", "best accuracy")
    ### BEGIN SOLUTION
    best_epoch = np.argmax(val_acc_history)  # the first one of several
    stop = len(val_acc_history) - 1 - best_epoch >= patience
    ### END SOLUTION
    return bool(stop)
