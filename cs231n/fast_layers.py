"""Convolution and max pooling without loops over pictures and places; the same results as the naive layers.

Nothing is compiled: the windows are a view on the pictures (`sliding_window_view`), and the products of windows and
filters are matrix products. All pairs here take and return what `conv_*_naive` and `max_pool_*_naive` in `layers` do; a
cache belongs to the backward function of its own pair. Float32 in gives float32 out.

``conv_forward_fast``, ``conv_backward_fast``, ``max_pool_forward_fast`` and ``max_pool_backward_fast`` are the ones to
use. The others are named after the way they go and are kept for comparison.
"""

from math import prod

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from cs231n._windows import num_stops, require_conv, require_pool
from cs231n.im2col import add_windows, col2im_indices, grid, im2col_indices, unpadded

CHUNK = 1 << 22  # bytes of columns made at a time: all at once would leave the cache, one picture is a small product


# ---- convolution, a few pictures at a time


def conv_forward_strides(x, w, b, conv_param):
    """Compute a convolutional layer; see `conv_forward_naive`.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W)
    w : ndarray of shape (F, C, HH, WW)
    b : ndarray of shape (F,)
    conv_param : dict
        ``stride`` and ``pad``.

    Returns
    -------
    out : ndarray of shape (N, F, H_out, W_out)
    cache : tuple (x, w, b, conv_param)
    """
    require_conv(x, w, b, conv_param)
    dtype = np.result_type(x, w, b)
    filters = w.reshape(len(w), -1).astype(dtype, copy=False)  # (F, C, HH, WW) -> (F, K)
    out = np.empty((len(x), len(w), *_places(x, w, conv_param)), dtype)
    for chunk, columns in _columns(x, w, conv_param, dtype):
        maps = filters @ columns  # (F, K) @ (K, n * P) -> (F, n * P)
        out[chunk] = maps.reshape(len(w), -1, *out.shape[2:]).swapaxes(0, 1)  # -> (n, F, H_out, W_out)
    out += b[:, np.newaxis, np.newaxis]
    return out, (x, w, b, conv_param)


def conv_backward_strides(dout, cache):
    """Compute the gradients (dx, dw, db) of a convolutional layer; see `conv_backward_naive`."""
    x, w, _, conv_param = cache
    stride, pad = conv_param["stride"], conv_param["pad"]
    filters = w.reshape(len(w), -1)  # (F, C, HH, WW) -> (F, K)
    dpadded = _zeros(x.shape, pad, np.result_type(dout, w))
    dw = np.zeros(filters.shape, np.result_type(dout, x))
    for chunk, columns in _columns(x, w, conv_param, dw.dtype):
        rows = dout[chunk].swapaxes(0, 1).reshape(len(w), -1)  # (n, F, H_out, W_out) -> (F, n * P)
        dw += rows @ columns.T  # (F, n * P) @ (n * P, K) -> (F, K)
        windows = (filters.T @ rows).reshape(*w.shape[1:], -1, *dout.shape[2:])  # (K, F) @ (F, n * P) -> (K, n * P)
        add_windows(dpadded[chunk], windows.transpose(3, 0, 1, 2, 4, 5), stride)
    return unpadded(dpadded, pad), dw.reshape(w.shape), dout.sum(axis=(0, 2, 3))


conv_forward_fast = conv_forward_strides
conv_backward_fast = conv_backward_strides


def _places(x, w, conv_param):
    stride, pad = conv_param["stride"], conv_param["pad"]
    return num_stops(x.shape[2], w.shape[2], stride, pad), num_stops(x.shape[3], w.shape[3], stride, pad)


def _zeros(shape, pad, dtype):
    N, C, H, W = shape
    return np.zeros((N, C, H + 2 * pad, W + 2 * pad), dtype)


def _columns(x, w, conv_param, dtype):
    """Yield (slice of n pictures, their windows as columns, (K, n * P)) for K entries of a window and P places."""
    stride, pad = conv_param["stride"], conv_param["pad"]
    padded = _zeros(x.shape, pad, dtype)
    unpadded(padded, pad)[...] = x
    windows = sliding_window_view(padded, w.shape[2:], axis=(2, 3))[:, :, ::stride, ::stride]
    windows = windows.transpose(1, 4, 5, 0, 2, 3)  # (N, C, H_out, W_out, HH, WW) -> (C, HH, WW, N, H_out, W_out)
    K, P = prod(windows.shape[:3]), prod(windows.shape[4:])
    step = max(1, CHUNK // (K * P * padded.itemsize))
    for start in range(0, len(x), step):
        chunk = slice(start, start + step)
        yield chunk, windows[:, :, :, chunk].reshape(K, -1)


# ---- convolution, the matrix of all columns at once


def conv_forward_im2col(x, w, b, conv_param):
    """Compute a convolutional layer as one product with the columns of `im2col_indices`; see `conv_forward_naive`."""
    require_conv(x, w, b, conv_param)
    F, _, HH, WW = w.shape
    columns = im2col_indices(x, HH, WW, conv_param["pad"], conv_param["stride"])
    out = w.reshape(F, -1) @ columns + b[:, np.newaxis]  # (F, K) @ (K, P * N) -> (F, P * N)
    out = out.reshape(F, *_places(x, w, conv_param), len(x)).transpose(3, 0, 1, 2)
    return np.ascontiguousarray(out), (x, w, b, conv_param, columns)


def conv_backward_im2col(dout, cache):
    """Compute the gradients (dx, dw, db) of `conv_forward_im2col`."""
    x, w, _, conv_param, columns = cache
    F, _, HH, WW = w.shape
    rows = dout.transpose(1, 2, 3, 0).reshape(F, -1)  # (N, F, H_out, W_out) -> (F, P * N)
    dcolumns = w.reshape(F, -1).T @ rows  # (K, F) @ (F, P * N) -> (K, P * N)
    dx = col2im_indices(dcolumns, x.shape, HH, WW, conv_param["pad"], conv_param["stride"])
    return dx, (rows @ columns.T).reshape(w.shape), dout.sum(axis=(0, 2, 3))


# ---- max pooling


def max_pool_forward_fast(x, pool_param):
    """Compute max pooling, of any window and stride; see `max_pool_forward_naive`.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W)
    pool_param : dict
        ``pool_height``, ``pool_width`` and ``stride``.

    Returns
    -------
    out : ndarray of shape (N, C, H_out, W_out)
    cache : tuple (x, pool_param, out)
    """
    require_pool(x, pool_param)
    grids = _grids(x, pool_param)
    out = x[next(grids)].copy()
    for entries in grids:
        np.maximum(out, x[entries], out=out)
    return out, (x, pool_param, out)


def max_pool_backward_fast(dout, cache):
    """Compute the gradient dx of max pooling; see `max_pool_backward_naive`."""
    x, pool_param, out = cache
    dx = np.zeros(x.shape, dout.dtype)
    waiting = np.ones(dout.shape, bool)  # the windows whose largest entry is not found yet
    for entries in _grids(x, pool_param):
        found = waiting & (x[entries] == out)
        dx[entries] += dout * found
        waiting &= ~found  # of several largest entries, the first one counts
    return dx


def _grids(x, pool_param):
    """Yield, for each entry of the window, the index of what stands there in all windows."""
    height, width, stride = pool_param["pool_height"], pool_param["pool_width"], pool_param["stride"]
    places = num_stops(x.shape[2], height, stride), num_stops(x.shape[3], width, stride)
    for p, q in np.ndindex(height, width):
        yield grid(p, q, places, stride)


def max_pool_forward_reshape(x, pool_param):
    """Compute max pooling of windows that lie side by side, by a reshape; see `max_pool_forward_naive`.

    Raises
    ------
    ValueError
        If windows overlap, leave gaps, are not square, or do not cover the pictures.
    """
    require_pool(x, pool_param)
    size = pool_param["pool_height"]
    N, C, H, W = x.shape
    if not size == pool_param["pool_width"] == pool_param["stride"] or H % size or W % size:
        raise ValueError(
            f"pictures of {H} x {W} cannot be cut into the windows of {pool_param}: "
            "max_pool_forward_fast works for every window and stride."
        )
    windows = x.reshape(N, C, H // size, size, W // size, size).transpose(0, 1, 2, 4, 3, 5)
    windows = windows.reshape(N, C, H // size, W // size, size * size)
    return windows.max(axis=-1), (x.shape, size, windows.argmax(axis=-1))


def max_pool_backward_reshape(dout, cache):
    """Compute the gradient dx of `max_pool_forward_reshape`."""
    shape, size, largest = cache
    dwindows = _at(largest, dout, size * size)  # (N, C, H_out, W_out, size * size)
    dwindows = dwindows.reshape(*dout.shape, size, size).transpose(0, 1, 2, 4, 3, 5)
    return dwindows.reshape(shape)


def max_pool_forward_im2col(x, pool_param):
    """Compute max pooling of any window and stride with `im2col_indices`; see `max_pool_forward_naive`."""
    require_pool(x, pool_param)
    height, width, stride = pool_param["pool_height"], pool_param["pool_width"], pool_param["stride"]
    N, C, H, W = x.shape
    channels = x.reshape(N * C, 1, H, W)  # each channel for itself
    columns = im2col_indices(channels, height, width, padding=0, stride=stride)  # (K, P * N * C)
    places = num_stops(H, height, stride), num_stops(W, width, stride)
    out = columns.max(axis=0).reshape(*places, N, C).transpose(2, 3, 0, 1)
    return np.ascontiguousarray(out), (x.shape, pool_param, columns.argmax(axis=0))


def max_pool_backward_im2col(dout, cache):
    """Compute the gradient dx of `max_pool_forward_im2col`."""
    (N, C, H, W), pool_param, largest = cache
    height, width, stride = pool_param["pool_height"], pool_param["pool_width"], pool_param["stride"]
    rows = dout.transpose(2, 3, 0, 1).ravel()  # (N, C, H_out, W_out) -> (P * N * C,)
    dcolumns = _at(largest, rows, height * width).T  # (K, P * N * C)
    return col2im_indices(dcolumns, (N * C, 1, H, W), height, width, padding=0, stride=stride).reshape(N, C, H, W)


def _at(places, values, size):
    """Make an array with one more axis, of length `size`: each value at its place, zeros elsewhere."""
    out = np.zeros((*values.shape, size), values.dtype)
    np.put_along_axis(out, places[..., np.newaxis], values[..., np.newaxis], axis=-1)
    return out
