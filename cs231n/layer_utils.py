"""Sandwich layers: layers that are often used together, as one pair of functions."""

from cs231n._errors import require_normalization
from cs231n.fast_layers import (
    batchnorm_relu_backward_fast,
    batchnorm_relu_forward_fast,
    conv_backward_fast,
    conv_forward_fast,
    conv_relu_backward_fast,
    conv_relu_forward_fast,
    conv_relu_pool_backward_fast,
    conv_relu_pool_forward_fast,
)
from cs231n.layers import (
    affine_backward,
    affine_forward,
    batchnorm_backward,
    batchnorm_forward,
    dropout_backward,
    dropout_forward,
    layernorm_backward,
    layernorm_forward,
    relu_backward,
    relu_forward,
)


def affine_relu_forward(x, w, b):
    """Compute an affine layer followed by ReLU.

    Parameters
    ----------
    x : ndarray of shape (N, d_1, ..., d_k)
    w : ndarray of shape (D, M)
    b : ndarray of shape (M,)

    Returns
    -------
    out : ndarray of shape (N, M)
    cache : tuple (affine cache, ReLU cache)
    """
    scores, affine_cache = affine_forward(x, w, b)
    out, relu_cache = relu_forward(scores)
    return out, (affine_cache, relu_cache)


def affine_relu_backward(dout, cache):
    """Compute the gradients (dx, dw, db) of `affine_relu_forward` from dout of shape (N, M)."""
    affine_cache, relu_cache = cache
    dscores = relu_backward(dout, relu_cache)
    return affine_backward(dscores, affine_cache)


def affine_bn_relu_forward(x, w, b, gamma, beta, bn_param):
    """Compute an affine layer, batch normalisation and ReLU.

    Parameters
    ----------
    x : ndarray of shape (N, d_1, ..., d_k)
    w : ndarray of shape (D, M)
    b, gamma, beta : ndarray of shape (M,)
    bn_param : dict
        As for `batchnorm_forward`; the running statistics in it are updated in train mode.

    Returns
    -------
    out : ndarray of shape (N, M)
    cache : tuple (affine cache, normalisation cache, ReLU cache)
    """
    scores, affine_cache = affine_forward(x, w, b)
    normalized, norm_cache = batchnorm_forward(scores, gamma, beta, bn_param)
    out, relu_cache = relu_forward(normalized)
    return out, (affine_cache, norm_cache, relu_cache)


def affine_bn_relu_backward(dout, cache):
    """Compute the gradients (dx, dw, db, dgamma, dbeta) of `affine_bn_relu_forward` from dout of shape (N, M)."""
    return _normalized_backward(dout, cache, batchnorm_backward)


def affine_ln_relu_forward(x, w, b, gamma, beta, ln_param):
    """Compute an affine layer, layer normalisation and ReLU; the shapes are those of `affine_bn_relu_forward`."""
    scores, affine_cache = affine_forward(x, w, b)
    normalized, norm_cache = layernorm_forward(scores, gamma, beta, ln_param)
    out, relu_cache = relu_forward(normalized)
    return out, (affine_cache, norm_cache, relu_cache)


def affine_ln_relu_backward(dout, cache):
    """Compute the gradients (dx, dw, db, dgamma, dbeta) of `affine_ln_relu_forward` from dout of shape (N, M)."""
    return _normalized_backward(dout, cache, layernorm_backward)


def _normalized_backward(dout, cache, norm_backward):
    affine_cache, norm_cache, relu_cache = cache
    dnormalized = relu_backward(dout, relu_cache)
    dscores, dgamma, dbeta = norm_backward(dnormalized, norm_cache)
    return (*affine_backward(dscores, affine_cache), dgamma, dbeta)


def hidden_forward(x, w, b, gamma=None, beta=None, normalization=None, norm_param=None, dropout_param=None):
    """Compute a hidden layer: affine - [normalisation] - ReLU - [dropout], where brackets mark optional steps.

    Parameters
    ----------
    x : ndarray of shape (N, d_1, ..., d_k)
    w : ndarray of shape (D, M)
    b : ndarray of shape (M,)
    gamma, beta : ndarray of shape (M,)
        Only with normalisation.
    normalization : None, 'batchnorm' or 'layernorm'
    norm_param, dropout_param : dict
        As for `batchnorm_forward` or `layernorm_forward`, and `dropout_forward`; without dropout_param, no dropout.

    Returns
    -------
    out : ndarray of shape (N, M)
    cache : tuple (normalisation, sandwich cache, dropout cache)
    """
    if normalization is None:
        out, cache = affine_relu_forward(x, w, b)
    else:
        require_normalization(normalization)
        sandwich = {"batchnorm": affine_bn_relu_forward, "layernorm": affine_ln_relu_forward}[normalization]
        out, cache = sandwich(x, w, b, gamma, beta, norm_param)
    dropout_cache = None
    if dropout_param is not None:
        out, dropout_cache = dropout_forward(out, dropout_param)
    return out, (normalization, cache, dropout_cache)


def hidden_backward(dout, cache):
    """Compute the gradients of `hidden_forward`.

    Parameters
    ----------
    dout : ndarray of shape (N, M)
    cache : tuple
        From `hidden_forward`.

    Returns
    -------
    dx, dw, db : ndarray of the shapes of x, w and b
    dgamma, dbeta : ndarray of shape (M,), or None without normalisation
    """
    normalization, sandwich_cache, dropout_cache = cache
    if dropout_cache is not None:
        dout = dropout_backward(dout, dropout_cache)
    if normalization is None:
        return (*affine_relu_backward(dout, sandwich_cache), None, None)
    sandwich = {"batchnorm": affine_bn_relu_backward, "layernorm": affine_ln_relu_backward}[normalization]
    return sandwich(dout, sandwich_cache)


def conv_relu_forward(x, w, b, conv_param):
    """Compute a convolutional layer followed by ReLU.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W)
    w : ndarray of shape (F, C, HH, WW)
    b : ndarray of shape (F,)
    conv_param : dict
        As for `conv_forward_naive`.

    Returns
    -------
    out : ndarray of shape (N, F, H_out, W_out)
    cache : tuple
    """
    return conv_relu_forward_fast(x, w, b, conv_param)


def conv_relu_backward(dout, cache):
    """Compute the gradients (dx, dw, db) of `conv_relu_forward` from dout of shape (N, F, H_out, W_out)."""
    return conv_relu_backward_fast(dout, cache)


def conv_bn_relu_forward(x, w, b, gamma, beta, conv_param, bn_param):
    """Compute a convolutional layer, spatial batch normalisation and ReLU.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W)
    w : ndarray of shape (F, C, HH, WW)
    b, gamma, beta : ndarray of shape (F,)
    conv_param, bn_param : dict
        As for `conv_forward_naive` and `spatial_batchnorm_forward`; the running statistics are updated in train mode.

    Returns
    -------
    out : ndarray of shape (N, F, H_out, W_out)
    cache : tuple (convolution cache, cache of normalisation and ReLU)
    """
    maps, conv_cache = conv_forward_fast(x, w, b, conv_param)
    out, norm_relu_cache = batchnorm_relu_forward_fast(maps, gamma, beta, bn_param)
    return out, (conv_cache, norm_relu_cache)


def conv_bn_relu_backward(dout, cache):
    """Compute the gradients (dx, dw, db, dgamma, dbeta) of `conv_bn_relu_forward`."""
    conv_cache, norm_relu_cache = cache
    dmaps, dgamma, dbeta = batchnorm_relu_backward_fast(dout, norm_relu_cache)
    return (*conv_backward_fast(dmaps, conv_cache), dgamma, dbeta)


def conv_relu_pool_forward(x, w, b, conv_param, pool_param):
    """Compute a convolutional layer, ReLU and max pooling.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W)
    w : ndarray of shape (F, C, HH, WW)
    b : ndarray of shape (F,)
    conv_param, pool_param : dict
        As for `conv_forward_naive` and `max_pool_forward_naive`.

    Returns
    -------
    out : ndarray of shape (N, F, H_out, W_out)
    cache : tuple
    """
    return conv_relu_pool_forward_fast(x, w, b, conv_param, pool_param)


def conv_relu_pool_backward(dout, cache):
    """Compute the gradients (dx, dw, db) of `conv_relu_pool_forward` from dout of shape (N, F, H_out, W_out)."""
    return conv_relu_pool_backward_fast(dout, cache)
