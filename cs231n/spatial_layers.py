"""Layers for feature maps: ways to make them larger, averages, and the loss of a label for each pixel.

The contract is that of `cs231n.layers`: ``x_forward(...)`` returns ``(out, cache)``, ``x_backward(dout, cache)`` the
gradients. Feature maps have the shape (N, C, H, W).
"""

from math import isqrt

import numpy as np

from cs231n._errors import require_gradient, require_maps, require_settings, require_whole
from cs231n._precision import in_float32
from cs231n._windows import pooled_shape, require_conv_transpose, require_pool, transposed_shape

LRN_SETTINGS = frozenset({"size", "alpha", "beta", "k"})


# ---- smaller: averages


@in_float32
def avg_pool_forward(x, pool_param):
    """Compute average pooling: the mean of each window, separately in each channel.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W)
    pool_param : dict
        ``pool_height``, ``pool_width`` and ``stride``, as for `max_pool_forward_naive`.

    Returns
    -------
    out : ndarray of shape (N, C, H_out, W_out)
        H_out = 1 + (H - pool_height) // stride, and W_out likewise.
    cache : tuple (shape of x, pool_param)

    Examples
    --------
    >>> x = np.array([[[[1.0, 2.0, -5.0, -6.0], [4.0, 3.0, -8.0, -7.0]]]])
    >>> avg_pool_forward(x, {"pool_height": 2, "pool_width": 2, "stride": 2})[0]
    array([[[[ 2.5, -6.5]]]])
    """
    require_pool(x.shape, pool_param)
    ### BEGIN SOLUTION
    total = np.zeros(pooled_shape(x.shape, pool_param), dtype=x.dtype)
    for rows, columns in _window_entries(total.shape, pool_param):
        total += x[:, :, rows, columns]
    out = total / (pool_param["pool_height"] * pool_param["pool_width"])
    cache = (x.shape, pool_param)
    ### END SOLUTION
    return out, cache


@in_float32
def avg_pool_backward(dout, cache):
    """Compute the gradient dx of average pooling: each entry of a window gets the same share of dout."""
    ### BEGIN SOLUTION
    shape, pool_param = cache
    require_gradient(dout, pooled_shape(shape, pool_param))
    share = dout / (pool_param["pool_height"] * pool_param["pool_width"])
    dx = np.zeros(shape, dtype=dout.dtype)
    for rows, columns in _window_entries(dout.shape, pool_param):
        dx[:, :, rows, columns] += share  # windows may overlap
    ### END SOLUTION
    return dx


def _window_entries(out_shape, pool_param):
    """For each entry of a window, the rows and the columns where it lies in all windows."""
    stride = pool_param["stride"]
    H_out, W_out = out_shape[2:]
    for i in range(pool_param["pool_height"]):
        for j in range(pool_param["pool_width"]):
            yield slice(i, i + stride * H_out, stride), slice(j, j + stride * W_out, stride)


@in_float32
def global_avg_pool_forward(x):
    """Compute global average pooling: the mean of each feature map.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W)

    Returns
    -------
    out : ndarray of shape (N, C)
    cache : tuple (N, C, H, W)

    Notes
    -----
    Lin, Chen and Yan (2014), "Network in network". `cs231n.graph_layers.global_mean` is the same for nets on a graph.

    Examples
    --------
    >>> global_avg_pool_forward(np.array([[[[1.0, 2.0]], [[5.0, 9.0]]]]))[0]
    array([[1.5, 7. ]])
    """
    require_maps(x)
    ### BEGIN SOLUTION
    out = x.mean(axis=(2, 3))
    cache = x.shape
    ### END SOLUTION
    return out, cache


@in_float32
def global_avg_pool_backward(dout, cache):
    """Compute the gradient dx of `global_avg_pool_forward` from dout of shape (N, C)."""
    ### BEGIN SOLUTION
    N, C, H, W = cache
    dx = np.zeros(cache, dtype=dout.dtype) + dout[:, :, np.newaxis, np.newaxis] / (H * W)
    ### END SOLUTION
    return dx


@in_float32
def local_response_norm_forward(x, lrn_param):
    """Divide each entry by a power of the squares around it, in the same place of neighbouring channels.

    out[n, c] = x[n, c] / (k + alpha * sum of x[n, j]^2)^beta, where j runs over the `size` channels around c, as far
    as they exist: from c - size // 2 to c + (size - 1) // 2.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W)
    lrn_param : dict
        ``size`` (default 5), ``alpha`` (1e-4), ``beta`` (0.75) and ``k`` (2), the values of the paper.

    Returns
    -------
    out : ndarray of shape (N, C, H, W)
    cache : tuple

    Notes
    -----
    Krizhevsky, Sutskever and Hinton (2012), "ImageNet classification with deep convolutional neural networks", section
    3.3. PyTorch's `local_response_norm` divides alpha by the size: its alpha is ours times the size.

    Examples
    --------
    >>> x = np.array([1.0, 2.0, 3.0]).reshape(1, 3, 1, 1)
    >>> local_response_norm_forward(x, {"size": 3, "alpha": 1.0, "beta": 1.0, "k": 0.0})[0].ravel()
    array([0.2       , 0.14285714, 0.23076923])
    """
    require_maps(x)
    require_settings(lrn_param, LRN_SETTINGS, "lrn_param")
    size, alpha, beta, k = (
        lrn_param.get(*default) for default in (("size", 5), ("alpha", 1e-4), ("beta", 0.75), ("k", 2.0))
    )
    require_whole("size", size)
    ### BEGIN SOLUTION
    scale = k + alpha * _sum_over_channels(x**2, size // 2, (size - 1) // 2)
    out = x * scale**-beta
    cache = (x, scale, size, alpha, beta)
    ### END SOLUTION
    return out, cache


@in_float32
def local_response_norm_backward(dout, cache):
    """Compute the gradient dx of `local_response_norm_forward`."""
    ### BEGIN SOLUTION
    x, scale, size, alpha, beta = cache
    require_gradient(dout, x.shape)
    dscale = -beta * dout * x * scale ** (-beta - 1)
    # Channel c is in the sums of the channels around it, the other way round.
    dsquares = alpha * _sum_over_channels(dscale, (size - 1) // 2, size // 2)
    dx = dout * scale**-beta + 2 * x * dsquares
    ### END SOLUTION
    return dx


def _sum_over_channels(x, before, after):
    """Sum, for each channel, over the channels from `before` it to `after` it, as far as they exist."""
    C = x.shape[1]
    total = np.zeros_like(x)
    for offset in range(-before, after + 1):
        total[:, max(0, -offset) : C - max(0, offset)] += x[:, max(0, offset) : C + min(0, offset)]
    return total


# ---- larger


@in_float32
def upsample_nearest_forward(x, factor):
    """Make feature maps larger: each entry becomes a square of factor x factor equal entries.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W)
    factor : int

    Returns
    -------
    out : ndarray of shape (N, C, factor * H, factor * W)
    cache : int

    Examples
    --------
    >>> upsample_nearest_forward(np.array([[[[1.0, 2.0]]]]), 2)[0]
    array([[[[1., 1., 2., 2.],
             [1., 1., 2., 2.]]]])
    """
    require_maps(x)
    require_whole("factor", factor)
    ### BEGIN SOLUTION
    out = x.repeat(factor, axis=2).repeat(factor, axis=3)
    cache = factor
    ### END SOLUTION
    return out, cache


@in_float32
def upsample_nearest_backward(dout, cache):
    """Compute the gradient dx of `upsample_nearest_forward`: the sum of dout over each square."""
    ### BEGIN SOLUTION
    dx = _squares(dout, cache).sum(axis=-1)
    ### END SOLUTION
    return dx


@in_float32
def bed_of_nails_forward(x, factor):
    """Make feature maps larger: each entry becomes the upper left one of factor x factor entries, the others are 0.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W)
    factor : int

    Returns
    -------
    out : ndarray of shape (N, C, factor * H, factor * W)
    cache : int

    Examples
    --------
    >>> bed_of_nails_forward(np.array([[[[1.0, 2.0]]]]), 2)[0]
    array([[[[1., 0., 2., 0.],
             [0., 0., 0., 0.]]]])
    """
    require_maps(x)
    require_whole("factor", factor)
    ### BEGIN SOLUTION
    N, C, H, W = x.shape
    out = np.zeros((N, C, factor * H, factor * W), dtype=x.dtype)
    out[:, :, ::factor, ::factor] = x
    cache = factor
    ### END SOLUTION
    return out, cache


@in_float32
def bed_of_nails_backward(dout, cache):
    """Compute the gradient dx of `bed_of_nails_forward`: dout where the nails are."""
    ### BEGIN SOLUTION
    factor = cache
    dx = dout[:, :, ::factor, ::factor].copy()
    ### END SOLUTION
    return dx


@in_float32
def max_pool_with_positions_forward(x, factor):
    """Compute max pooling over squares of factor x factor that do not overlap, and where each maximum was.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W)
        H and W are multiples of the factor.
    factor : int

    Returns
    -------
    out : ndarray of shape (N, C, H / factor, W / factor)
    positions : integer ndarray of the shape of out
        The index of the maximum in its square, row by row: from 0 to factor^2 - 1. The first one of equal entries.
    cache : tuple (positions, factor)

    Examples
    --------
    >>> out, positions, cache = max_pool_with_positions_forward(np.array([[[[1.0, 2.0], [4.0, 3.0]]]]), 2)
    >>> out, positions
    (array([[[[4.]]]]), array([[[[2]]]]))
    """
    squares = _squares(x, factor)
    ### BEGIN SOLUTION
    positions = squares.argmax(axis=-1)
    out = squares.max(axis=-1)
    cache = (positions, factor)
    ### END SOLUTION
    return out, positions, cache


@in_float32
def max_pool_with_positions_backward(dout, cache):
    """Compute the gradient dx of `max_pool_with_positions_forward`: dout at the maxima, 0 elsewhere, which unpools."""
    positions, factor = cache
    dx, _ = max_unpool_forward(dout, positions, factor)
    return dx


@in_float32
def max_unpool_forward(x, positions, factor):
    """Make feature maps larger: each entry goes where the maximum was that pooling took, the others are 0.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W)
    positions : integer ndarray of the shape of x
        From `max_pool_with_positions_forward`.
    factor : int

    Returns
    -------
    out : ndarray of shape (N, C, factor * H, factor * W)
    cache : tuple (positions, factor)

    Notes
    -----
    Zeiler and Fergus (2014), "Visualizing and understanding convolutional networks"; for segmentation: Noh, Hong and
    Han (2015), "Learning deconvolution network for semantic segmentation".

    Examples
    --------
    >>> max_unpool_forward(np.array([[[[7.0]]]]), np.array([[[[2]]]]), 2)[0]
    array([[[[0., 0.],
             [7., 0.]]]])
    """
    require_maps(x)
    if positions.shape != x.shape:
        raise ValueError(
            f"positions has shape {positions.shape}, expected {x.shape}: one position for each entry of x."
        )
    ### BEGIN SOLUTION
    squares = np.zeros((*x.shape, factor**2), dtype=x.dtype)
    np.put_along_axis(squares, positions[..., np.newaxis], x[..., np.newaxis], axis=-1)
    out = _maps(squares)
    cache = (positions, factor)
    ### END SOLUTION
    return out, cache


@in_float32
def max_unpool_backward(dout, cache):
    """Compute the gradient dx of `max_unpool_forward`: dout at the positions."""
    ### BEGIN SOLUTION
    positions, factor = cache
    dx = np.take_along_axis(_squares(dout, factor), positions[..., np.newaxis], axis=-1)[..., 0]
    ### END SOLUTION
    return dx


def _squares(x, factor):
    """Split maps into squares, each as a row: (N, C, H, W) -> (N, C, H / factor, W / factor, factor^2)."""
    require_maps(x)
    require_whole("factor", factor)
    N, C, H, W = x.shape
    if H % factor or W % factor:
        raise ValueError(f"x has shape {x.shape}, expected a height and a width that {factor} divides.")
    squares = x.reshape(N, C, H // factor, factor, W // factor, factor).transpose(0, 1, 2, 4, 3, 5)
    return squares.reshape(N, C, H // factor, W // factor, factor**2)


def _maps(squares):
    """Join what `_squares` has split: (N, C, H, W, factor^2) -> (N, C, factor * H, factor * W)."""
    N, C, H, W, entries = squares.shape
    factor = isqrt(entries)
    maps = squares.reshape(N, C, H, W, factor, factor).transpose(0, 1, 2, 4, 3, 5)
    return maps.reshape(N, C, factor * H, factor * W)


@in_float32
def conv_transpose_forward(x, w, b, conv_param):
    """Compute a transposed convolution: each entry of x adds a copy of its filter, times itself, to out.

    The copies lie `stride` apart; then `pad` entries are cut off at each side. It is the gradient of the images of a
    convolution with the same filters, stride and padding, whose feature maps have the shape of x.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W)
    w : ndarray of shape (C, F, HH, WW)
        For each input channel a filter with F output channels.
    b : ndarray of shape (F,)
    conv_param : dict
        ``stride``; ``pad``; ``output_pad``, rows and columns that out has more, below and to the right (default 0):
        with a stride of 2, convolution maps sizes of 7 and 8 to the same size, and this says which one is meant.

    Returns
    -------
    out : ndarray of shape (N, F, H_out, W_out)
        H_out = (H - 1) * stride - 2 * pad + HH + output_pad, and W_out likewise.
    cache : tuple (x, w, b, conv_param)

    Notes
    -----
    Long, Shelhamer and Darrell (2015), "Fully convolutional networks for semantic segmentation".

    Examples
    --------
    >>> x, w = np.array([[[[1.0, 10.0]]]]), np.array([[[[1.0, 2.0, 3.0]]]])
    >>> conv_transpose_forward(x, w, np.zeros(1), {"stride": 2, "pad": 0})[0]  # the copies overlap in one place
    array([[[[ 1.,  2., 13., 20., 30.]]]])
    """
    require_conv_transpose(x, w, b, conv_param)
    ### BEGIN SOLUTION
    N, C, H, W = x.shape
    _, F, HH, WW = w.shape
    stride, pad = conv_param["stride"], conv_param["pad"]
    _, _, H_out, W_out = transposed_shape(x.shape, w.shape, conv_param)
    padded = np.zeros((N, F, H_out + 2 * pad, W_out + 2 * pad), dtype=np.result_type(x, w))
    for i in range(HH):
        for j in range(WW):
            part = np.einsum("nchw,cf->nfhw", x, w[:, :, i, j])
            padded[:, :, i : i + stride * H : stride, j : j + stride * W : stride] += part
    out = padded[:, :, pad : pad + H_out, pad : pad + W_out] + b[:, np.newaxis, np.newaxis]
    cache = (x, w, b, conv_param)
    ### END SOLUTION
    return out, cache


@in_float32
def conv_transpose_backward(dout, cache):
    """Compute the gradients (dx, dw, db) of a transposed convolution; dx is the convolution of dout with w.

    Parameters
    ----------
    dout : ndarray of shape (N, F, H_out, W_out)
    cache : tuple (x, w, b, conv_param)

    Returns
    -------
    dx : ndarray of shape (N, C, H, W)
    dw : ndarray of shape (C, F, HH, WW)
    db : ndarray of shape (F,)
    """
    ### BEGIN SOLUTION
    x, w, b, conv_param = cache
    require_gradient(dout, transposed_shape(x.shape, w.shape, conv_param))
    H, W = x.shape[2:]
    stride, pad = conv_param["stride"], conv_param["pad"]
    padded = np.pad(dout, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    dx, dw = np.zeros(x.shape, dtype=np.result_type(dout, w)), np.zeros(w.shape, dtype=np.result_type(dout, x))
    for i in range(w.shape[2]):
        for j in range(w.shape[3]):
            part = padded[:, :, i : i + stride * H : stride, j : j + stride * W : stride]  # (N, F, H, W)
            dx += np.einsum("nfhw,cf->nchw", part, w[:, :, i, j])
            dw[:, :, i, j] = np.einsum("nfhw,nchw->cf", part, x)
    db = dout.sum(axis=(0, 2, 3))
    ### END SOLUTION
    return dx, dw, db


# ---- a label for each pixel


@in_float32
def spatial_softmax_loss(x, y, class_weights=None):
    """Compute the softmax loss of a label for each pixel, averaged over all pixels.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W)
        A score of each class for each pixel.
    y : integer ndarray of shape (N, H, W)
        The right class of each pixel, 0 <= y < C.
    class_weights : ndarray of shape (C,), optional
        Weights of the classes in the average, such as larger ones for rare classes; all alike by default.

    Returns
    -------
    loss : float
    dx : ndarray of shape (N, C, H, W)

    Examples
    --------
    >>> loss, dx = spatial_softmax_loss(np.zeros((1, 3, 2, 2)), np.zeros((1, 2, 2), dtype=int))
    >>> print(f"{loss / np.log(3):.4f}")
    1.0000
    """
    require_maps(x)
    C = x.shape[1]
    require_pixel_labels(y, x.shape)
    ### BEGIN SOLUTION
    shifted = x - x.max(axis=1, keepdims=True)
    log_probs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    is_right = y[:, np.newaxis] == np.arange(C)[:, np.newaxis, np.newaxis]  # (N, C, H, W)
    weights = np.ones(y.shape, dtype=x.dtype) if class_weights is None else np.asarray(class_weights, dtype=x.dtype)[y]
    weights = (weights / weights.sum())[:, np.newaxis]  # (N, 1, H, W)
    loss = -np.sum(weights * log_probs * is_right)
    dx = (np.exp(log_probs) - is_right) * weights
    ### END SOLUTION
    return loss, dx


def require_pixel_labels(y, shape):
    """Raise unless y holds a label for each pixel of scores of `shape` (N, C, H, W)."""
    N, C, H, W = shape
    if np.shape(y) != (N, H, W):
        raise ValueError(f"y has shape {np.shape(y)}, expected {(N, H, W)}: one label for each pixel of the scores.")
    if not np.issubdtype(y.dtype, np.integer):
        raise TypeError(f"y has dtype {y.dtype}, expected integers: y.astype(int) converts them.")
    if y.size and (y.min() < 0 or y.max() >= C):
        raise ValueError(f"y contains labels from {y.min()} to {y.max()}; they must be from 0 to {C - 1}.")
