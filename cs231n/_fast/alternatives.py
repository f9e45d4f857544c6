"""Other methods for convolution and max pooling (im2col, reshape), kept for comparison; all use one thread."""

import numpy as np

from cs231n._errors import require_gradient
from cs231n._precision import in_float32
from cs231n._windows import maps_shape, pooled_shape, require_conv, require_pool
from cs231n.im2col import col2im_indices, im2col_indices


@in_float32
def conv_forward_im2col(x, w, b, conv_param):
    """Compute a convolutional layer as one product with the columns of `im2col_indices`; see `conv_forward_naive`."""
    require_conv(x, w, b, conv_param)
    F, _, HH, WW = w.shape
    columns = im2col_indices(x, HH, WW, conv_param["pad"], conv_param["stride"])
    out = w.reshape(F, -1) @ columns + b[:, np.newaxis]  # (F, K) @ (K, P * N) -> (F, P * N)
    N, _, H_out, W_out = maps_shape(x.shape, w.shape, conv_param)
    out = out.reshape(F, H_out, W_out, N).transpose(3, 0, 1, 2)
    return np.ascontiguousarray(out), (x, w, b, conv_param, columns)


@in_float32
def conv_backward_im2col(dout, cache):
    """Compute the gradients (dx, dw, db) of `conv_forward_im2col`."""
    x, w, _, conv_param, columns = cache
    require_gradient(dout, maps_shape(x.shape, w.shape, conv_param))
    F, _, HH, WW = w.shape
    rows = dout.transpose(1, 2, 3, 0).reshape(F, -1)  # (N, F, H_out, W_out) -> (F, P * N)
    dcolumns = w.reshape(F, -1).T @ rows  # (K, F) @ (F, P * N) -> (K, P * N)
    dx = col2im_indices(dcolumns, x.shape, HH, WW, conv_param["pad"], conv_param["stride"])
    return dx, (rows @ columns.T).reshape(w.shape), dout.sum(axis=(0, 2, 3))


@in_float32
def max_pool_forward_reshape(x, pool_param):
    """Compute max pooling of windows that tile the image, by a reshape; see `max_pool_forward_naive`.

    Raises
    ------
    ValueError
        If windows overlap, leave gaps, are not square, or do not cover the images.
    """
    require_pool(x.shape, pool_param)
    size = pool_param["pool_height"]
    N, C, H, W = x.shape
    if not size == pool_param["pool_width"] == pool_param["stride"] or H % size or W % size:
        raise ValueError(
            f"images of {H} x {W} cannot be tiled by the windows of {pool_param}: "
            "max_pool_forward_fast works for every window and stride."
        )
    windows = x.reshape(N, C, H // size, size, W // size, size).transpose(0, 1, 2, 4, 3, 5)
    windows = windows.reshape(N, C, H // size, W // size, size * size)
    return windows.max(axis=-1), (x.shape, size, windows.argmax(axis=-1))


@in_float32
def max_pool_backward_reshape(dout, cache):
    """Compute the gradient dx of `max_pool_forward_reshape`."""
    shape, size, largest = cache
    require_gradient(dout, largest.shape)
    dwindows = _scattered(dout, largest, size * size)  # (N, C, H_out, W_out, size * size)
    dwindows = dwindows.reshape(*dout.shape, size, size).transpose(0, 1, 2, 4, 3, 5)
    return dwindows.reshape(shape)


@in_float32
def max_pool_forward_im2col(x, pool_param):
    """Compute max pooling of any window and stride with `im2col_indices`; see `max_pool_forward_naive`."""
    require_pool(x.shape, pool_param)
    height, width, stride = pool_param["pool_height"], pool_param["pool_width"], pool_param["stride"]
    N, C, H, W = x.shape
    channels = x.reshape(N * C, 1, H, W)  # each channel is pooled separately
    columns = im2col_indices(channels, height, width, padding=0, stride=stride)  # (K, P * N * C)
    H_out, W_out = pooled_shape(x.shape, pool_param)[2:]
    out = columns.max(axis=0).reshape(H_out, W_out, N, C).transpose(2, 3, 0, 1)
    return np.ascontiguousarray(out), (x.shape, pool_param, columns.argmax(axis=0))


@in_float32
def max_pool_backward_im2col(dout, cache):
    """Compute the gradient dx of `max_pool_forward_im2col`."""
    (N, C, H, W), pool_param, largest = cache
    require_gradient(dout, pooled_shape((N, C, H, W), pool_param))
    height, width, stride = pool_param["pool_height"], pool_param["pool_width"], pool_param["stride"]
    rows = dout.transpose(2, 3, 0, 1).ravel()  # (N, C, H_out, W_out) -> (P * N * C,)
    dcolumns = _scattered(rows, largest, height * width).T  # (K, P * N * C)
    return col2im_indices(dcolumns, (N * C, 1, H, W), height, width, padding=0, stride=stride).reshape(N, C, H, W)


def _scattered(values, indices, size):
    """Return an array with one more axis, of length `size`: each value at its index, zeros elsewhere."""
    out = np.zeros((*values.shape, size), values.dtype)
    np.put_along_axis(out, indices[..., np.newaxis], values[..., np.newaxis], axis=-1)
    return out
