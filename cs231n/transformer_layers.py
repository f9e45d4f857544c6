"""The layers of a Transformer: attention with one head and with several, positions, and layer norm at every step.

The contract is that of `cs231n.layers`: ``x_forward(...)`` returns ``(out, cache)``, ``x_backward(dout, cache)`` the
gradients. N is the number of sequences, S the length of what asks, T the length of what is attended to, E the size of
each vector.

Vaswani et al. (2017), "Attention is all you need".
"""

import numpy as np

from cs231n._errors import require_fitting
from cs231n.layers import layernorm_backward, layernorm_forward
from cs231n.rnn_layers import temporal_affine_backward, temporal_affine_forward

__all__ = [
    "attention_backward",
    "attention_forward",
    "causal_mask",
    "multi_head_attention_backward",
    "multi_head_attention_forward",
    "positional_encoding",
    "temporal_layernorm_backward",
    "temporal_layernorm_forward",
]


def attention_forward(query, key, value, mask=None):
    """Compute scaled dot-product attention: softmax(query key^T / sqrt(E)) value.

    Each query is compared with all keys; the softmax of the scores gives the weights with which the values are
    averaged.

    Parameters
    ----------
    query : ndarray of shape (..., S, E)
    key, value : ndarray of shape (..., T, E)
        With the same axes before the last two as the query, such as sequences and heads.
    mask : boolean ndarray, optional
        Broadcast to (..., S, T); False where a query must not see a key. Each query must see one key at least.

    Returns
    -------
    out : ndarray of shape (..., S, E)
    cache : tuple (query, key, value, weights)
        The weights have the shape (..., S, T).

    Raises
    ------
    ValueError
        If the shapes do not fit, or a query sees no key.

    Examples
    --------
    >>> key, value = np.array([[10.0, 0.0], [0.0, 10.0]]), np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> out, cache = attention_forward(np.array([[0.0, 10.0]]), key, value)  # the query resembles the second key
    >>> out
    array([[3., 4.]])
    """
    _require_attention(query, key, value, mask)
    scores = query @ key.swapaxes(-1, -2) / np.sqrt(query.shape[-1])  # (..., S, E) @ (..., E, T) -> (..., S, T)
    if mask is not None:
        scores = np.where(mask, scores, -np.inf)
    exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights = exponentials / exponentials.sum(axis=-1, keepdims=True)
    out = weights @ value  # (..., S, T) @ (..., T, E) -> (..., S, E)
    return out, (query, key, value, weights)


def attention_backward(dout, cache):
    """Compute the gradients of scaled dot-product attention.

    Parameters
    ----------
    dout : ndarray of shape (..., S, E)
    cache : tuple (query, key, value, weights)
        From `attention_forward`.

    Returns
    -------
    dquery : ndarray of shape (..., S, E)
    dkey, dvalue : ndarray of shape (..., T, E)
    """
    query, key, value, weights = cache
    dvalue = weights.swapaxes(-1, -2) @ dout  # (..., T, S) @ (..., S, E) -> (..., T, E)
    dweights = dout @ value.swapaxes(-1, -2)  # (..., S, E) @ (..., E, T) -> (..., S, T)
    # Each row of weights is a softmax: its gradient is weights * (dweights - their weighted mean).
    dscores = weights * (dweights - np.sum(weights * dweights, axis=-1, keepdims=True))
    dscores = dscores / np.sqrt(query.shape[-1])
    dquery = dscores @ key  # (..., S, T) @ (..., T, E) -> (..., S, E)
    dkey = dscores.swapaxes(-1, -2) @ query  # (..., T, S) @ (..., S, E) -> (..., T, E)
    return dquery, dkey, dvalue


def multi_head_attention_forward(query, key, value, Wq, bq, Wk, bk, Wv, bv, Wo, bo, num_heads, mask=None):
    """Compute attention with several heads, each on its own part of the projected vectors.

    Queries, keys and values go through an affine layer each; every head attends with E / num_heads of the columns; the
    outputs of all heads, side by side, go through a last affine layer.

    Parameters
    ----------
    query : ndarray of shape (N, S, E)
    key, value : ndarray of shape (N, T, E)
    Wq, Wk, Wv, Wo : ndarray of shape (E, E)
    bq, bk, bv, bo : ndarray of shape (E,)
    num_heads : int
        A divisor of E.
    mask : boolean ndarray, optional
        Of shape (S, T), or (N, 1, S, T) for a mask of each sequence; False where a query must not see a key.

    Returns
    -------
    out : ndarray of shape (N, S, E)
    cache : tuple
        What `multi_head_attention_backward` needs; the last entry is the cache of `attention_forward`.
    """
    if query.shape[-1] % num_heads:
        raise ValueError(f"num_heads is {num_heads}, expected a divisor of the size of the vectors, {query.shape[-1]}.")
    projected, caches = [], []
    for x, W, b in ((query, Wq, bq), (key, Wk, bk), (value, Wv, bv)):
        out, cache = temporal_affine_forward(x, W, b)
        projected.append(_split_heads(out, num_heads))
        caches.append(cache)
    heads, attention_cache = attention_forward(*projected, mask)  # (N, num_heads, S, E / num_heads)
    out, out_cache = temporal_affine_forward(_join_heads(heads), Wo, bo)
    cache = (num_heads, caches, out_cache, attention_cache)
    return out, cache


def multi_head_attention_backward(dout, cache):
    """Compute the gradients of attention with several heads.

    Parameters
    ----------
    dout : ndarray of shape (N, S, E)
    cache : tuple
        From `multi_head_attention_forward`.

    Returns
    -------
    dquery : ndarray of shape (N, S, E)
    dkey, dvalue : ndarray of shape (N, T, E)
    dWq, dbq, dWk, dbk, dWv, dbv, dWo, dbo : ndarray of the shapes of the weights
    """
    num_heads, caches, out_cache, attention_cache = cache
    dheads, dWo, dbo = temporal_affine_backward(dout, out_cache)
    dprojected = attention_backward(_split_heads(dheads, num_heads), attention_cache)
    dinputs, dweights = [], []
    for dpart, part_cache in zip(dprojected, caches, strict=True):
        dx, dW, db = temporal_affine_backward(_join_heads(dpart), part_cache)
        dinputs.append(dx)
        dweights += [dW, db]
    return (*dinputs, *dweights, dWo, dbo)


def _split_heads(x, num_heads):
    """Give each head its columns: (N, T, E) -> (N, num_heads, T, E / num_heads)."""
    N, T, E = x.shape
    return x.reshape(N, T, num_heads, E // num_heads).transpose(0, 2, 1, 3)


def _join_heads(x):
    """Put the columns of all heads side by side: (N, num_heads, T, E / num_heads) -> (N, T, E)."""
    N, num_heads, T, size = x.shape
    return x.transpose(0, 2, 1, 3).reshape(N, T, num_heads * size)


def causal_mask(T):
    """Return the mask of shape (T, T) with which no step sees a later one.

    Examples
    --------
    >>> causal_mask(3).astype(int)
    array([[1, 0, 0],
           [1, 1, 0],
           [1, 1, 1]])
    """
    return np.tril(np.ones((T, T), dtype=bool))


def positional_encoding(length, size):
    """Compute vectors that tell positions apart: sines and cosines of growing wavelengths.

    Row i has sin(i * 10000^(-j / size)) in each even column j, and the cosine of the same angle in the next column.

    Parameters
    ----------
    length : int
        Number of positions.
    size : int
        Size of each vector; must be even.

    Returns
    -------
    ndarray of shape (length, size)

    Examples
    --------
    >>> positional_encoding(2, 4).round(3)
    array([[0.   , 1.   , 0.   , 1.   ],
           [0.841, 0.54 , 0.01 , 1.   ]])
    """
    if size % 2:
        raise ValueError(f"size is {size}, expected an even number: each angle gives a sine and a cosine.")
    positions = np.arange(length)[:, np.newaxis]  # (length, 1)
    rates = 10000.0 ** (-np.arange(0, size, 2) / size)  # (size / 2,)
    encoding = np.zeros((length, size))
    encoding[:, 0::2] = np.sin(positions * rates)
    encoding[:, 1::2] = np.cos(positions * rates)
    return encoding


def temporal_layernorm_forward(x, gamma, beta, ln_param):
    """Compute layer normalisation of the vector at every step.

    Parameters
    ----------
    x : ndarray of shape (N, T, E)
    gamma, beta : ndarray of shape (E,)
    ln_param : dict
        As for `layernorm_forward`.

    Returns
    -------
    out : ndarray of shape (N, T, E)
    cache : object
    """
    out, cache = layernorm_forward(x.reshape(-1, x.shape[-1]), gamma, beta, ln_param)
    return out.reshape(x.shape), cache


def temporal_layernorm_backward(dout, cache):
    """Compute the gradients (dx, dgamma, dbeta) of `temporal_layernorm_forward` from dout of shape (N, T, E)."""
    dx, dgamma, dbeta = layernorm_backward(dout.reshape(-1, dout.shape[-1]), cache)
    return dx.reshape(dout.shape), dgamma, dbeta


def _require_attention(query, key, value, mask):
    """Raise unless each query can be compared with the keys, each key has a value, and each query sees a key."""
    *leading, S, E = query.shape
    T = key.shape[-2]
    require_fitting("key", key, (*leading, T, E), "the query's leading axes and its last one")
    require_fitting("value", value, key.shape, "the key")
    if mask is not None and not np.broadcast_to(mask, (*leading, S, T)).any(axis=-1).all():
        raise ValueError("the mask leaves a query without a key: each row must be True somewhere.")
