"""The layers of a Transformer: attention with one head and with several, positions, and the block of a decoder.

The contract is that of `cs231n.layers`: ``x_forward(...)`` returns ``(out, cache)``, ``x_backward(dout, cache)`` the
gradients. N is the number of sequences, S the length of what asks, T the length of what is attended to, E the size of
each vector.

Vaswani et al. (2017), "Attention is all you need".
"""

import numpy as np

from cs231n._errors import require_fitting
from cs231n.layers import layernorm_backward, layernorm_forward, relu_backward, relu_forward
from cs231n.rnn_layers import temporal_affine_backward, temporal_affine_forward

__all__ = [
    "ATTENTION_PARAMS",
    "BLOCK_PARAMS",
    "add_and_norm_backward",
    "add_and_norm_forward",
    "attend_backward",
    "attend_forward",
    "attention_backward",
    "attention_forward",
    "causal_mask",
    "decoder_block_backward",
    "decoder_block_forward",
    "feed_forward_backward",
    "feed_forward_forward",
    "join_heads",
    "multi_head_attention_backward",
    "multi_head_attention_forward",
    "positional_encoding",
    "split_heads",
    "temporal_layernorm_backward",
    "temporal_layernorm_forward",
]

ATTENTION_PARAMS = ("Wq", "bq", "Wk", "bk", "Wv", "bv", "Wo", "bo")
BLOCK_PARAMS = (
    *(f"{attention}_{param}" for attention in ("self", "cross") for param in ATTENTION_PARAMS),
    *("W1", "b1", "W2", "b2"),
    *(f"norm{i}_{param}" for i in (1, 2, 3) for param in ("gamma", "beta")),
)


def attention_forward(query, key, value, mask=None):
    """Compute scaled dot-product attention: softmax(query key^T / sqrt(E)) value.

    Each query is compared with all keys; the softmax of the scores gives the weights with which the values are
    averaged.

    Parameters
    ----------
    query : ndarray of shape (..., S, E)
    key : ndarray of shape (..., T, E)
        With the same axes before the last two as the query, such as sequences and heads.
    value : ndarray of shape (..., T, M)
        One for each key; nearly always M = E.
    mask : boolean ndarray, optional
        Broadcast to (..., S, T); False where a query must not see a key. Each query must see one key at least.

    Returns
    -------
    out : ndarray of shape (..., S, M)
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
    ### BEGIN SOLUTION
    scores = query @ key.swapaxes(-1, -2) / np.sqrt(query.shape[-1])  # (..., S, E) @ (..., E, T) -> (..., S, T)
    if mask is not None:
        scores = np.where(mask, scores, -np.inf)
    exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights = exponentials / exponentials.sum(axis=-1, keepdims=True)
    out = weights @ value  # (..., S, T) @ (..., T, M) -> (..., S, M)
    ### END SOLUTION
    return out, (query, key, value, weights)


def attention_backward(dout, cache):
    """Compute the gradients of scaled dot-product attention.

    Parameters
    ----------
    dout : ndarray of shape (..., S, M)
    cache : tuple (query, key, value, weights)
        From `attention_forward`.

    Returns
    -------
    dquery : ndarray of shape (..., S, E)
    dkey : ndarray of shape (..., T, E)
    dvalue : ndarray of shape (..., T, M)
    """
    query, key, value, weights = cache
    ### BEGIN SOLUTION
    dvalue = weights.swapaxes(-1, -2) @ dout  # (..., T, S) @ (..., S, M) -> (..., T, M)
    dweights = dout @ value.swapaxes(-1, -2)  # (..., S, M) @ (..., M, T) -> (..., S, T)
    # Each row of weights is a softmax: its gradient is weights * (dweights - their weighted mean).
    dscores = weights * (dweights - np.sum(weights * dweights, axis=-1, keepdims=True))
    dscores = dscores / np.sqrt(query.shape[-1])
    dquery = dscores @ key  # (..., S, T) @ (..., T, E) -> (..., S, E)
    dkey = dscores.swapaxes(-1, -2) @ query  # (..., T, S) @ (..., S, E) -> (..., T, E)
    ### END SOLUTION
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
        What `multi_head_attention_backward` needs.
    """
    if query.shape[-1] % num_heads:
        raise ValueError(f"num_heads is {num_heads}, expected a divisor of the size of the vectors, {query.shape[-1]}.")
    ### BEGIN SOLUTION
    q, q_cache = temporal_affine_forward(query, Wq, bq)
    k, k_cache = temporal_affine_forward(key, Wk, bk)
    v, v_cache = temporal_affine_forward(value, Wv, bv)
    heads, attention_cache = attention_forward(*(split_heads(x, num_heads) for x in (q, k, v)), mask)
    out, out_cache = temporal_affine_forward(join_heads(heads), Wo, bo)
    cache = (num_heads, q_cache, k_cache, v_cache, attention_cache, out_cache)
    ### END SOLUTION
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
    ### BEGIN SOLUTION
    num_heads, q_cache, k_cache, v_cache, attention_cache, out_cache = cache
    dheads, dWo, dbo = temporal_affine_backward(dout, out_cache)
    dq, dk, dv = attention_backward(split_heads(dheads, num_heads), attention_cache)
    dquery, dWq, dbq = temporal_affine_backward(join_heads(dq), q_cache)
    dkey, dWk, dbk = temporal_affine_backward(join_heads(dk), k_cache)
    dvalue, dWv, dbv = temporal_affine_backward(join_heads(dv), v_cache)
    ### END SOLUTION
    return dquery, dkey, dvalue, dWq, dbq, dWk, dbk, dWv, dbv, dWo, dbo


def split_heads(x, num_heads):
    """Give each head its columns: (N, T, E) -> (N, num_heads, T, E / num_heads).

    Examples
    --------
    >>> split_heads(np.array([[[1, 2, 3, 4], [5, 6, 7, 8]]]), 2)  # the first head has the columns 0 and 1
    array([[[[1, 2],
             [5, 6]],
    <BLANKLINE>
            [[3, 4],
             [7, 8]]]])
    """
    N, T, E = x.shape
    return x.reshape(N, T, num_heads, E // num_heads).transpose(0, 2, 1, 3)


def join_heads(x):
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
    ### BEGIN SOLUTION
    positions = np.arange(length)[:, np.newaxis]  # (length, 1)
    rates = 10000.0 ** (-np.arange(0, size, 2) / size)  # (size / 2,)
    encoding = np.zeros((length, size))
    encoding[:, 0::2] = np.sin(positions * rates)
    encoding[:, 1::2] = np.cos(positions * rates)
    ### END SOLUTION
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


def attend_forward(x, memory, params, name, num_heads, mask=None):
    """Let each vector of x attend to a memory, with the weights called `name`: x asks, the memory is key and value.

    Parameters
    ----------
    x : ndarray of shape (N, S, E)
    memory : ndarray of shape (N, T, E)
        x itself, for attention of a sequence to itself.
    params : dict of ndarray
        ``<name>_Wq``, ``<name>_bq``, and so on: the weights of `multi_head_attention_forward`.
    name : str
    num_heads : int
    mask : boolean ndarray of shape (S, T), optional

    Returns
    -------
    out : ndarray of shape (N, S, E)
    cache : tuple
    """
    weights = [params[f"{name}_{param}"] for param in ATTENTION_PARAMS]
    out, cache = multi_head_attention_forward(x, memory, memory, *weights, num_heads, mask)
    return out, (name, cache)


def attend_backward(dout, cache):
    """Compute the gradients of `attend_forward`.

    Returns
    -------
    dx : ndarray of shape (N, S, E)
        Of x as what asks. Where x is the memory as well, the other gradient is to be added.
    dmemory : ndarray of shape (N, T, E)
    grads : dict of ndarray
    """
    name, cache = cache
    dx, dkey, dvalue, *dweights = multi_head_attention_backward(dout, cache)
    grads = {f"{name}_{param}": dweight for param, dweight in zip(ATTENTION_PARAMS, dweights, strict=True)}
    return dx, dkey + dvalue, grads


def add_and_norm_forward(x, update, params, name):
    """Add an update to x, both of shape (N, T, E), and normalise the sum at every step.

    The gains and shifts are ``<name>_gamma`` and ``<name>_beta`` in the dict `params`.
    """
    out, cache = temporal_layernorm_forward(x + update, params[f"{name}_gamma"], params[f"{name}_beta"], {})
    return out, (name, cache)


def add_and_norm_backward(dout, cache):
    """Compute the gradients of `add_and_norm_forward`.

    Returns
    -------
    dsum : ndarray of shape (N, T, E)
        The gradient of x, and that of the update: a sum hands the same to both.
    grads : dict of ndarray
    """
    name, cache = cache
    dsum, dgamma, dbeta = temporal_layernorm_backward(dout, cache)
    return dsum, {f"{name}_gamma": dgamma, f"{name}_beta": dbeta}


def feed_forward_forward(x, params):
    """Compute two affine layers with ReLU between them at every step of x, of shape (N, T, E): W1, b1, W2, b2."""
    hidden, affine1_cache = temporal_affine_forward(x, params["W1"], params["b1"])
    active, relu_cache = relu_forward(hidden)
    out, affine2_cache = temporal_affine_forward(active, params["W2"], params["b2"])
    return out, (affine1_cache, relu_cache, affine2_cache)


def feed_forward_backward(dout, cache):
    """Compute the gradients of `feed_forward_forward`.

    Returns
    -------
    dx : ndarray of shape (N, T, E)
    grads : dict of ndarray
    """
    affine1_cache, relu_cache, affine2_cache = cache
    dactive, dW2, db2 = temporal_affine_backward(dout, affine2_cache)
    dx, dW1, db1 = temporal_affine_backward(relu_backward(dactive, relu_cache), affine1_cache)
    return dx, {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


def decoder_block_forward(x, memory, params, num_heads, mask=None):
    """Compute a block of a decoder: attention to the words so far, attention to the memory, and two affine layers.

    What each of the three parts computes is added to what went into it, and layer normalisation follows:
    x = norm1(x + self-attention), x = norm2(x + cross-attention), out = norm3(x + feed-forward).

    Parameters
    ----------
    x : ndarray of shape (N, T, E)
    memory : ndarray of shape (N, P, E)
        What the words attend to, such as P places of an image.
    params : dict of ndarray
        The names are in `BLOCK_PARAMS`: "self_Wq" and so on for the first attention, "cross_Wq" for the second, "W1",
        "b1", "W2" and "b2" for the affine layers, "norm1_gamma" and "norm1_beta" to "norm3_beta".
    num_heads : int
    mask : boolean ndarray of shape (T, T), optional
        False where a step must not see another one; it is for the first attention alone.

    Returns
    -------
    out : ndarray of shape (N, T, E)
    cache : object
        What `decoder_block_backward` needs.
    """
    ### BEGIN SOLUTION
    update, self_cache = attend_forward(x, x, params, "self", num_heads, mask)
    x, norm1_cache = add_and_norm_forward(x, update, params, "norm1")
    update, cross_cache = attend_forward(x, memory, params, "cross", num_heads)
    x, norm2_cache = add_and_norm_forward(x, update, params, "norm2")
    update, feed_forward_cache = feed_forward_forward(x, params)
    out, norm3_cache = add_and_norm_forward(x, update, params, "norm3")
    cache = (self_cache, norm1_cache, cross_cache, norm2_cache, feed_forward_cache, norm3_cache)
    ### END SOLUTION
    return out, cache


def decoder_block_backward(dout, cache):
    """Compute the gradients of a block of a decoder.

    Parameters
    ----------
    dout : ndarray of shape (N, T, E)
    cache : object
        From `decoder_block_forward`.

    Returns
    -------
    dx : ndarray of shape (N, T, E)
    dmemory : ndarray of shape (N, P, E)
    grads : dict of ndarray
        The gradient of each array in params, under its name.
    """
    ### BEGIN SOLUTION
    self_cache, norm1_cache, cross_cache, norm2_cache, feed_forward_cache, norm3_cache = cache
    # What went into each part also went around it, so each dx gets the gradients of both ways.
    dsum, norm3_grads = add_and_norm_backward(dout, norm3_cache)
    dpart, feed_forward_grads = feed_forward_backward(dsum, feed_forward_cache)
    dsum, norm2_grads = add_and_norm_backward(dsum + dpart, norm2_cache)
    dpart, dmemory, cross_grads = attend_backward(dsum, cross_cache)
    dsum, norm1_grads = add_and_norm_backward(dsum + dpart, norm1_cache)
    dquery, dkey_value, self_grads = attend_backward(dsum, self_cache)
    dx = dsum + dquery + dkey_value
    grads = self_grads | cross_grads | feed_forward_grads | norm1_grads | norm2_grads | norm3_grads
    ### END SOLUTION
    return dx, dmemory, grads


def _require_attention(query, key, value, mask):
    """Raise unless each query can be compared with the keys, each key has a value, and each query sees a key."""
    *leading, S, E = query.shape
    T = key.shape[-2]
    require_fitting("key", key, (*leading, T, E), "the query's leading axes and its last one")
    require_fitting("value", value, (*leading, T, *value.shape[-1:]), "the key's axes but the last one")
    if mask is not None and not np.broadcast_to(mask, (*leading, S, T)).any(axis=-1).all():
        raise ValueError("the mask leaves a query without a key: each row must be True somewhere.")
