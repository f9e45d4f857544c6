"""Layers for sequences: recurrent networks, LSTM, word embeddings, and layers applied at every step of time.

The contract is that of `cs231n.layers`: ``x_forward(...)`` returns ``(out, cache)``, ``x_backward(dout, cache)`` the
gradients. N is the number of sequences, T their length, D the size of an input, H that of a hidden state, V the number
of words.
"""

import numpy as np

from cs231n._errors import require_fitting, require_same_sizes, require_sequences, require_step, require_words
from cs231n.layers import affine_backward, affine_forward

__all__ = [
    "affine_backward",
    "affine_forward",
    "lstm_backward",
    "lstm_forward",
    "lstm_step_backward",
    "lstm_step_forward",
    "rnn_backward",
    "rnn_forward",
    "rnn_step_backward",
    "rnn_step_forward",
    "sigmoid",
    "temporal_affine_backward",
    "temporal_affine_forward",
    "temporal_softmax_loss",
    "word_embedding_backward",
    "word_embedding_forward",
]


def rnn_step_forward(x, prev_h, Wx, Wh, b):
    """Compute one step of a recurrent network: next_h = tanh(x Wx + prev_h Wh + b).

    Parameters
    ----------
    x : ndarray of shape (N, D)
        The inputs of this step.
    prev_h : ndarray of shape (N, H)
        The hidden states after the step before.
    Wx : ndarray of shape (D, H)
    Wh : ndarray of shape (H, H)
    b : ndarray of shape (H,)

    Returns
    -------
    next_h : ndarray of shape (N, H)
    cache : tuple
        What `rnn_step_backward` needs.

    Notes
    -----
    Elman (1990), "Finding structure in time".

    Examples
    --------
    >>> x, prev_h = np.array([[1.0]]), np.array([[0.5]])
    >>> next_h, cache = rnn_step_forward(x, prev_h, np.array([[1.0]]), np.array([[2.0]]), np.array([-2.0]))
    >>> next_h
    array([[0.]])
    """
    require_step(x, prev_h, Wx, Wh, b, 1)
    ### BEGIN SOLUTION
    next_h = np.tanh(x @ Wx + prev_h @ Wh + b)  # (N, D) @ (D, H) + (N, H) @ (H, H) + (H,) -> (N, H)
    cache = (x, prev_h, Wx, Wh, next_h)
    ### END SOLUTION
    return next_h, cache


def rnn_step_backward(dnext_h, cache):
    """Compute the gradients of one step of a recurrent network.

    Parameters
    ----------
    dnext_h : ndarray of shape (N, H)
        Gradient of the loss with respect to next_h.
    cache : tuple
        From `rnn_step_forward`.

    Returns
    -------
    dx : ndarray of shape (N, D)
    dprev_h : ndarray of shape (N, H)
    dWx : ndarray of shape (D, H)
    dWh : ndarray of shape (H, H)
    db : ndarray of shape (H,)
    """
    ### BEGIN SOLUTION
    x, prev_h, Wx, Wh, next_h = cache
    dscores = dnext_h * (1 - next_h**2)  # the derivative of tanh is 1 - tanh^2
    dx, dprev_h = dscores @ Wx.T, dscores @ Wh.T
    dWx, dWh = x.T @ dscores, prev_h.T @ dscores
    db = dscores.sum(axis=0)
    ### END SOLUTION
    return dx, dprev_h, dWx, dWh, db


def rnn_forward(x, h0, Wx, Wh, b):
    """Run a recurrent network over whole sequences; the same weights serve at every step.

    Parameters
    ----------
    x : ndarray of shape (N, T, D)
    h0 : ndarray of shape (N, H)
        The hidden states before the first step.
    Wx, Wh, b : ndarray of shape (D, H), (H, H) and (H,)

    Returns
    -------
    h : ndarray of shape (N, T, H)
        The hidden states after each step.
    cache : object
        What `rnn_backward` needs.
    """
    require_sequences(x)
    ### BEGIN SOLUTION
    h, cache, state = [], [], h0
    for t in range(x.shape[1]):
        state, step_cache = rnn_step_forward(x[:, t], state, Wx, Wh, b)
        h.append(state)
        cache.append(step_cache)
    h = np.stack(h, axis=1)  # T arrays (N, H) -> (N, T, H)
    ### END SOLUTION
    return h, cache


def rnn_backward(dh, cache):
    """Compute the gradients of a recurrent network: back through all steps.

    Parameters
    ----------
    dh : ndarray of shape (N, T, H)
        Gradient of the loss with respect to the hidden states, as each step's own output; what flows back from later
        steps is not in it.
    cache : object
        From `rnn_forward`.

    Returns
    -------
    dx : ndarray of shape (N, T, D)
    dh0 : ndarray of shape (N, H)
    dWx : ndarray of shape (D, H)
    dWh : ndarray of shape (H, H)
    db : ndarray of shape (H,)

    Notes
    -----
    Backpropagation through time: Werbos (1990), "Backpropagation through time: what it does and how to do it".
    """
    ### BEGIN SOLUTION
    dx, dprev_h = [], np.zeros_like(dh[:, 0])
    dWx = dWh = db = 0
    for t in reversed(range(dh.shape[1])):
        # A hidden state acts on the loss in two ways: through its own output, and through all later states.
        dx_t, dprev_h, dWx_t, dWh_t, db_t = rnn_step_backward(dh[:, t] + dprev_h, cache[t])
        dx.append(dx_t)
        dWx, dWh, db = dWx + dWx_t, dWh + dWh_t, db + db_t  # the same weights at every step
    dx, dh0 = np.stack(dx[::-1], axis=1), dprev_h  # T arrays (N, D) -> (N, T, D)
    ### END SOLUTION
    return dx, dh0, dWx, dWh, db


def word_embedding_forward(x, W):
    """Look up a vector for each word.

    Parameters
    ----------
    x : integer ndarray of shape (N, T)
        Indices of words, 0 <= x < V.
    W : ndarray of shape (V, D)
        A vector for each word of the vocabulary.

    Returns
    -------
    out : ndarray of shape (N, T, D)
    cache : tuple

    Examples
    --------
    >>> out, cache = word_embedding_forward(np.array([[1, 0]]), np.array([[0.0, 1.0], [2.0, 3.0]]))
    >>> out
    array([[[2., 3.],
            [0., 1.]]])
    """
    require_words(x, len(W))
    ### BEGIN SOLUTION
    out = W[x]  # (N, T) -> (N, T, D)
    cache = (x, W.shape)
    ### END SOLUTION
    return out, cache


def word_embedding_backward(dout, cache):
    """Compute the gradient of the word vectors; a word that occurs several times gets the sum.

    Parameters
    ----------
    dout : ndarray of shape (N, T, D)
    cache : tuple
        From `word_embedding_forward`.

    Returns
    -------
    dW : ndarray of shape (V, D)
    """
    ### BEGIN SOLUTION
    x, shape = cache
    dW = np.zeros(shape, dtype=dout.dtype)
    np.add.at(dW, x, dout)  # dW[x] += dout would count a repeated word once
    ### END SOLUTION
    return dW


def sigmoid(x):
    """Compute the logistic function 1 / (1 + exp(-x)) without overflow.

    Parameters
    ----------
    x : ndarray of any shape

    Returns
    -------
    ndarray of the shape of x

    Examples
    --------
    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    small = np.exp(-np.abs(x))  # at most 1
    return np.where(np.asarray(x) >= 0, 1, small) / (1 + small)


def lstm_step_forward(x, prev_h, prev_c, Wx, Wh, b):
    """Compute one step of a long short-term memory network (LSTM).

    The scores a = x Wx + prev_h Wh + b, of shape (N, 4H), are four blocks of H columns, in this order: the input gate
    i, the forget gate f and the output gate o, each through a sigmoid, and the new content g, through tanh. Then
    next_c = f * prev_c + i * g and next_h = o * tanh(next_c).

    Parameters
    ----------
    x : ndarray of shape (N, D)
    prev_h, prev_c : ndarray of shape (N, H)
        The hidden states and the cell states after the step before.
    Wx : ndarray of shape (D, 4H)
    Wh : ndarray of shape (H, 4H)
    b : ndarray of shape (4H,)

    Returns
    -------
    next_h, next_c : ndarray of shape (N, H)
    cache : tuple
        What `lstm_step_backward` needs.

    Notes
    -----
    Hochreiter and Schmidhuber (1997), "Long short-term memory"; the forget gate: Gers, Schmidhuber and Cummins (2000),
    "Learning to forget".

    Examples
    --------
    All scores are 0: the gates are half open, and there is no new content, so half of the cell state remains.

    >>> x, prev_h, prev_c = np.array([[1.0]]), np.array([[0.5]]), np.array([[2.0]])
    >>> next_h, next_c, cache = lstm_step_forward(x, prev_h, prev_c, np.zeros((1, 4)), np.zeros((1, 4)), np.zeros(4))
    >>> next_c
    array([[1.]])
    """
    require_step(x, prev_h, Wx, Wh, b, 4)
    require_same_sizes("prev_c", prev_c, "prev_h", prev_h)
    ### BEGIN SOLUTION
    scores = x @ Wx + prev_h @ Wh + b  # (N, D) @ (D, 4H) + (N, H) @ (H, 4H) + (4H,) -> (N, 4H)
    score_i, score_f, score_o, score_g = np.split(scores, 4, axis=1)  # four blocks (N, H)
    i, f, o, g = sigmoid(score_i), sigmoid(score_f), sigmoid(score_o), np.tanh(score_g)
    next_c = f * prev_c + i * g
    tanh_c = np.tanh(next_c)
    next_h = o * tanh_c
    cache = (x, prev_h, prev_c, Wx, Wh, i, f, o, g, tanh_c)
    ### END SOLUTION
    return next_h, next_c, cache


def lstm_step_backward(dnext_h, dnext_c, cache):
    """Compute the gradients of one step of an LSTM.

    Parameters
    ----------
    dnext_h, dnext_c : ndarray of shape (N, H)
        Gradients of the loss with respect to next_h and next_c; the latter without the part that goes through next_h.
    cache : tuple
        From `lstm_step_forward`.

    Returns
    -------
    dx : ndarray of shape (N, D)
    dprev_h, dprev_c : ndarray of shape (N, H)
    dWx : ndarray of shape (D, 4H)
    dWh : ndarray of shape (H, 4H)
    db : ndarray of shape (4H,)

    Examples
    --------
    The forget gate is half open: half of the gradient of next_c reaches prev_c.

    >>> zero = np.zeros((1, 1))
    >>> _, _, cache = lstm_step_forward(zero, zero, zero, np.zeros((1, 4)), np.zeros((1, 4)), np.zeros(4))
    >>> dx, dprev_h, dprev_c, dWx, dWh, db = lstm_step_backward(zero, np.array([[3.0]]), cache)
    >>> dprev_c
    array([[1.5]])
    """
    ### BEGIN SOLUTION
    x, prev_h, prev_c, Wx, Wh, i, f, o, g, tanh_c = cache
    dc = dnext_c + dnext_h * o * (1 - tanh_c**2)  # next_c acts on the next step, and through next_h
    di, df, do, dg = dc * g, dc * prev_c, dnext_h * tanh_c, dc * i
    dprev_c = dc * f
    # The derivative of a sigmoid s is s (1 - s), that of tanh 1 - tanh^2.
    blocks = di * i * (1 - i), df * f * (1 - f), do * o * (1 - o), dg * (1 - g**2)
    dscores = np.concatenate(blocks, axis=1)  # four blocks (N, H) -> (N, 4H)
    dx, dprev_h = dscores @ Wx.T, dscores @ Wh.T
    dWx, dWh = x.T @ dscores, prev_h.T @ dscores
    db = dscores.sum(axis=0)
    ### END SOLUTION
    return dx, dprev_h, dprev_c, dWx, dWh, db


def lstm_forward(x, h0, Wx, Wh, b):
    """Run an LSTM over whole sequences; the cell states start at 0.

    Parameters
    ----------
    x : ndarray of shape (N, T, D)
    h0 : ndarray of shape (N, H)
        The hidden states before the first step.
    Wx, Wh, b : ndarray of shape (D, 4H), (H, 4H) and (4H,)

    Returns
    -------
    h : ndarray of shape (N, T, H)
        The hidden states after each step; the cell states are not returned.
    cache : object
        What `lstm_backward` needs.

    Examples
    --------
    >>> h, cache = lstm_forward(np.ones((2, 5, 3)), np.zeros((2, 4)), np.ones((3, 16)), np.ones((4, 16)), np.zeros(16))
    >>> h.shape
    (2, 5, 4)
    """
    require_sequences(x)
    ### BEGIN SOLUTION
    h, cache, state, cell = [], [], h0, np.zeros_like(h0)
    for t in range(x.shape[1]):
        state, cell, step_cache = lstm_step_forward(x[:, t], state, cell, Wx, Wh, b)
        h.append(state)
        cache.append(step_cache)
    h = np.stack(h, axis=1)  # T arrays (N, H) -> (N, T, H)
    ### END SOLUTION
    return h, cache


def lstm_backward(dh, cache):
    """Compute the gradients of an LSTM: back through all steps.

    Parameters
    ----------
    dh : ndarray of shape (N, T, H)
        Gradient of the loss with respect to the hidden states, as each step's own output.
    cache : object
        From `lstm_forward`.

    Returns
    -------
    dx : ndarray of shape (N, T, D)
    dh0 : ndarray of shape (N, H)
    dWx : ndarray of shape (D, 4H)
    dWh : ndarray of shape (H, 4H)
    db : ndarray of shape (4H,)

    Notes
    -----
    Backpropagation through time, as in `rnn_backward`; here two gradients pass from step to step, that of the hidden
    state and that of the cell state.
    """
    ### BEGIN SOLUTION
    dx, dprev_h, dprev_c = [], np.zeros_like(dh[:, 0]), np.zeros_like(dh[:, 0])
    dWx = dWh = db = 0
    for t in reversed(range(dh.shape[1])):
        # Only the hidden state has an output of its own at each step; the cell state acts through later steps alone.
        dx_t, dprev_h, dprev_c, dWx_t, dWh_t, db_t = lstm_step_backward(dh[:, t] + dprev_h, dprev_c, cache[t])
        dx.append(dx_t)
        dWx, dWh, db = dWx + dWx_t, dWh + dWh_t, db + db_t  # the same weights at every step
    dx, dh0 = np.stack(dx[::-1], axis=1), dprev_h  # T arrays (N, D) -> (N, T, D)
    ### END SOLUTION
    return dx, dh0, dWx, dWh, db


def temporal_affine_forward(x, w, b):
    """Compute an affine layer at every step of time, with the same weights.

    Parameters
    ----------
    x : ndarray of shape (N, T, D)
    w : ndarray of shape (D, M)
    b : ndarray of shape (M,)

    Returns
    -------
    out : ndarray of shape (N, T, M)
    cache : tuple (x, w, b, out)
    """
    require_sequences(x)
    N, T, D = x.shape
    out, _ = affine_forward(x.reshape(N * T, D), w, b)
    out = out.reshape(N, T, -1)  # (N * T, M) -> (N, T, M)
    return out, (x, w, b, out)


def temporal_affine_backward(dout, cache):
    """Compute the gradients (dx, dw, db) of `temporal_affine_forward` from dout of shape (N, T, M)."""
    x, w, b, out = cache
    require_fitting("dout", dout, out.shape, "out")
    N, T, D = x.shape
    dx, dw, db = affine_backward(dout.reshape(N * T, -1), (x.reshape(N * T, D), w, b))
    return dx.reshape(N, T, D), dw, db


def temporal_softmax_loss(x, y, mask, verbose=False):
    """Compute the softmax loss of a word at every step of time: summed over the steps, averaged over the sequences.

    Steps where the mask is False, such as those after the end of a caption, count neither in the loss nor in the
    gradient.

    Parameters
    ----------
    x : ndarray of shape (N, T, V)
        The scores of all words at each step.
    y : integer ndarray of shape (N, T)
        The right words, 0 <= y < V.
    mask : boolean ndarray of shape (N, T)
        True where a step counts.
    verbose : bool
        Print the shape of the gradient, as one row for each step of each sequence.

    Returns
    -------
    loss : float
    dx : ndarray of shape (N, T, V)

    Examples
    --------
    >>> scores = np.zeros((1, 3, 4))  # every word is as likely as any other: a loss of log(4) for each step
    >>> loss, dx = temporal_softmax_loss(scores, np.array([[0, 1, 3]]), np.array([[True, True, False]]))
    >>> print(f"{loss / np.log(4):.4f}")
    2.0000
    """
    require_sequences(x)
    N, T, V = x.shape
    require_fitting("y", y, (N, T), "the scores without their last axis")
    require_fitting("mask", mask, (N, T), "the scores without their last axis")
    require_words(y, V, "y")
    ### BEGIN SOLUTION
    scores, words, counts = x.reshape(N * T, V), y.reshape(N * T), np.asarray(mask).reshape(N * T)
    rows = np.arange(N * T)
    shifted = scores - scores.max(axis=1, keepdims=True)
    log_probs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    loss = -np.sum(counts * log_probs[rows, words]) / N
    dflat = np.exp(log_probs)
    dflat[rows, words] -= 1
    dflat *= counts[:, np.newaxis] / N
    dx = dflat.reshape(N, T, V)
    ### END SOLUTION
    if verbose:
        print("dx_flat: ", (N * T, V))
    return loss, dx
