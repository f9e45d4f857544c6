"""Convolution alone, with ReLU, and with ReLU and max pooling, on a few images at a time in parallel.

All forward functions share `_convolve`, all backward functions share `_conv_backward`. Each of them adds only what
happens to a piece of the feature maps after the convolution, or to a piece of their gradient before it.

With enough channels, convolutions of 3 x 3 filters with stride 1 are computed by tiles (see `winograd`) and those with
a larger stride by windows (see `conv_last`), both with the channels last. All others are sums of products, one for each
row of the filters, or one product where rows have few values (see `windows`).
"""

from functools import partial

import numpy as np

from cs231n._aligned import empty
from cs231n._errors import require_gradient
from cs231n._fast.conv_last import FromTiles, FromWindows, Tiles, Windows, conv_of, quietly
from cs231n._fast.feature_maps import per_channel
from cs231n._fast.pooling import empty_winners, window_grids, write_pooled, write_unpooled
from cs231n._fast.relu import write_relu, write_relu_backward
from cs231n._fast.windows import (
    add_windows,
    filters_by_row,
    filters_from_rows,
    rotated,
    summed_products,
    windows_by_row,
    write_products,
)
from cs231n._precision import in_float32
from cs231n._threads import buffer, count, for_each, pieces_of
from cs231n._windows import maps_shape, pooled_shape, require_conv, require_pool

ROWS = 1 << 21  # bytes of copied rows (see `windows`) at a time
LEAST = 16  # input channels: with fewer, runs of a window's row are too short with the channels last
FEW = 8  # with fewer input channels, dx as a convolution is too small a matrix product


@in_float32
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
    out = empty(maps_shape(x.shape, w.shape, conv_param), np.result_type(x, w, b))

    def finish(piece, maps):
        maps += per_channel(b)

    _convolve(x, w, conv_param, lambda piece: out[piece], finish)
    return out, (x, w, b, conv_param)


@in_float32
def conv_backward_strides(dout, cache):
    """Compute the gradients (dx, dw, db) of a convolutional layer; see `conv_backward_naive`.

    With ``needs_dx`` False in conv_param, dx is None: the first layer of a network does not need the gradient of the
    images, which is half of the work of its backward pass.
    """
    _require_maps_gradient(dout, cache)
    return _conv_backward(*cache, lambda piece: dout[piece], dout.dtype)


@in_float32
def conv_relu_forward_fast(x, w, b, conv_param):
    """Compute a convolutional layer and ReLU in one go; arguments and out as for `conv_forward_strides`."""
    require_conv(x, w, b, conv_param)
    out = empty(maps_shape(x.shape, w.shape, conv_param), np.result_type(x, w, b))

    def finish(piece, maps):
        maps += per_channel(b)
        write_relu(maps, out=maps)

    _convolve(x, w, conv_param, lambda piece: out[piece], finish)
    return out, (x, w, b, conv_param, out)


@in_float32
def conv_relu_backward_fast(dout, cache):
    """Compute the gradients (dx, dw, db) of `conv_relu_forward_fast`."""
    *conv_cache, out = cache
    require_gradient(dout, out.shape)

    def dmaps(piece):
        maps = buffer("dmaps", dout[piece].shape, dout.dtype)
        write_relu_backward(dout[piece], out[piece], maps)
        return maps

    return _conv_backward(*conv_cache, dmaps, dout.dtype)


@in_float32
def conv_relu_pool_forward_fast(x, w, b, conv_param, pool_param):
    """Compute a convolutional layer, ReLU and max pooling in one go.

    The largest entry of a window stays the largest when b is added and ReLU is applied. So both come after pooling,
    when there are fewer entries, and the feature maps of the convolution never leave the processor's cache.

    Parameters
    ----------
    x, w, b, conv_param
        As for `conv_forward_strides`.
    pool_param : dict
        As for `max_pool_forward_fast`.

    Returns
    -------
    out : ndarray of shape (N, F, H_out, W_out)
    cache : tuple
    """
    require_conv(x, w, b, conv_param)
    shape = maps_shape(x.shape, w.shape, conv_param)
    require_pool(shape, pool_param)
    grids = list(window_grids(shape, pool_param))
    out = empty(pooled_shape(shape, pool_param), np.result_type(x, w, b))
    winners = empty_winners(out.shape, grids)

    def maps_of(piece):
        return buffer("maps", (len(x[piece]), *shape[1:]), out.dtype)

    def finish(piece, maps):
        largest, winner = out[piece], winners[piece]
        write_pooled(maps, grids, largest, winner)
        largest += per_channel(b)
        np.maximum(winner, ~(largest > 0) * winners.dtype.type(len(grids)), out=winner)  # ReLU gives 0: no winner
        write_relu(largest, out=largest)

    _convolve(x, w, conv_param, maps_of, finish)
    return out, (x, w, b, conv_param, pool_param, winners)


@in_float32
def conv_relu_pool_backward_fast(dout, cache):
    """Compute the gradients (dx, dw, db) of `conv_relu_pool_forward_fast`."""
    *conv_cache, pool_param, winners = cache
    require_gradient(dout, winners.shape)
    x, w, _, conv_param = conv_cache
    shape = maps_shape(x.shape, w.shape, conv_param)

    def dmaps(piece):
        maps = buffer("dmaps", (len(dout[piece]), *shape[1:]), dout.dtype)
        write_unpooled(dout[piece], winners[piece], pool_param, maps)
        return maps

    return _conv_backward(*conv_cache, dmaps, dout.dtype)


def _convolve(x, w, conv_param, maps_of, finish):
    """Convolve each piece of x with the filters w into maps = maps_of(piece), then call finish(piece, maps)."""
    stride, pad = conv_param["stride"], conv_param["pad"]
    if _forward_last(x, w, conv_param, maps_of, finish):
        return
    filters = filters_by_row(w)

    def convolve(piece):
        maps = maps_of(piece)
        write_products(filters, windows_by_row(x[piece], w.shape[2:], stride, (pad, pad), maps.dtype), maps)
        finish(piece, maps)

    for_each(convolve, _pieces(x, w))


def _forward_last(x, w, conv_param, maps_of, finish):
    """Do the same with the channels last, where that takes less time; return whether it is done."""
    conv = _conv_last(x, w, conv_param, np.result_type(x, w))
    way = Tiles if conv.suits_tiles else Windows if _suits_windows(conv) else None
    if way is None:
        return False
    way = way(conv, w)

    @quietly
    def convolve(way, piece):
        maps, inputs = maps_of(piece), way.inputs(piece.stop - piece.start)
        inputs.inner[...] = _last(x[piece])
        _last(maps)[...] = way.maps(inputs)
        finish(piece, maps)

    for_each(partial(convolve, way), _cut(x, way.images_at_a_time()))
    return way.is_exact


def _conv_last(x, w, conv_param, dtype):
    """Return the same convolution of images with their channels last, computed in a dtype."""
    return conv_of(_last(x).shape, w, conv_param["pad"], pool=False, dtype=dtype, stride=conv_param["stride"])


def _suits_windows(conv):
    return conv.stride > 1 and conv.shape[3] >= LEAST


def _last(maps):
    """Move the channels to the end: (n, C, H, W) -> (n, H, W, C), a view."""
    return maps.transpose(0, 2, 3, 1)


def _conv_backward(x, w, b, conv_param, dmaps, dtype):
    """Return (dx, dw, db); dmaps(piece) is the gradient of the feature maps, (n, F, H_out, W_out) of type `dtype`."""
    stride, pad = conv_param["stride"], conv_param["pad"]
    margins = w.shape[2] - 1 - pad, w.shape[3] - 1 - pad
    needs_dx = conv_param.get("needs_dx", True)
    gradients = _backward_last(x, w, conv_param, dmaps, dtype, needs_dx)
    if gradients:
        return gradients
    # The windows of dmaps serve for both dx and dw, the windows of x only for dw.
    if needs_dx and stride == 1 and min(margins) >= 0 and w.shape[1] >= FEW:
        return _backward_from_maps(x, w, margins, dmaps, dtype)
    return _backward_from_x(x, w, stride, pad, dmaps, dtype, needs_dx)


def _backward_from_x(x, w, stride, pad, dmaps, dtype, needs_dx):
    """Return (dx, dw, db): dw is the product of dmaps and the windows of x; dx adds up the gradients of all windows."""
    filters = filters_by_row(w)
    dx = empty(x.shape, np.result_type(dtype, w)) if needs_dx else None
    dw_type = np.result_type(dtype, x)

    def backward(piece):
        maps = dmaps(piece)
        if needs_dx:
            add_windows(filters, maps, w.shape[2:], stride, pad, dx[piece])
        windows = windows_by_row(x[piece], w.shape[2:], stride, (pad, pad), dw_type)
        return summed_products(windows, maps), np.einsum("nfhw->f", maps)

    dw, db = _sums(for_each(backward, _pieces(x, w)), filters.swapaxes(1, 2).shape, len(w), dtype, dw_type)
    return dx, filters_from_rows(dw, w.shape), db


def _backward_from_maps(x, w, margins, dmaps, dtype):
    """Return (dx, dw, db) for stride 1, where dx is a convolution too.

    It is the convolution of dmaps with the filters rotated by 180 degrees, input and output channels swapped. Its
    windows of dmaps also give dw, rotated in the same way: dw is their product with x.
    """
    turned = rotated(w)  # (F, C, HH, WW) -> (C, F, HH, WW)
    filters = filters_by_row(turned)
    dx = empty(x.shape, np.result_type(dtype, w))
    dw_type = np.result_type(dtype, x)

    def backward(piece):
        maps = dmaps(piece)
        windows = windows_by_row(maps, w.shape[2:], 1, margins, dw_type)
        write_products(filters, windows, dx[piece])
        return summed_products(windows, x[piece]), np.einsum("nfhw->f", maps)

    dw, db = _sums(for_each(backward, _pieces(x, turned)), filters.swapaxes(1, 2).shape, len(w), dtype, dw_type)
    return dx, rotated(filters_from_rows(dw, turned.shape)), db


def _backward_last(x, w, conv_param, dmaps, dtype, needs_dx):
    """Return (dx, dw, db) with the channels last, or None if that is not exact, or not faster."""
    conv = _conv_last(x, w, conv_param, np.result_type(x, w, dtype))
    way = FromTiles if conv.suits_tiles else FromWindows if _suits_windows(conv) else None
    if way is None:
        return None
    way = way(conv, w)
    dx = empty(x.shape, np.result_type(dtype, w)) if needs_dx else None

    @quietly
    def backward(way, piece):
        maps, (inputs, dinputs) = dmaps(piece), way.arrays(piece.stop - piece.start)
        inputs.inner[...] = _last(x[piece])
        dinputs.inner[...] = _last(maps)
        dfilters, gradient = way.gradients(inputs, dinputs, needs_dx)
        if needs_dx:
            _last(dx[piece])[...] = gradient
        return way.filters_gradient(dfilters).copy(), np.einsum("nfhw->f", maps)

    gradients = for_each(partial(backward, way), _cut(x, way.images_at_a_time()))
    dw, db = _sums(gradients, w.shape, len(w), dtype, np.result_type(dtype, x))
    return (dx, dw, db) if way.is_exact else None


def _sums(gradients, shape, num_filters, dtype, dw_type):
    """Sum (dw, db) over all pieces in a fixed order: the same to the bit, whichever thread finishes first."""
    dw, db = np.zeros(shape, dw_type), np.zeros(num_filters, dtype)
    for dw_part, db_part in gradients:
        dw += dw_part
        db += db_part
    return dw, db


def _require_maps_gradient(dout, cache):
    """Raise unless dout has the shape of the feature maps that the inputs in the cache give."""
    x, w, _, conv_param = cache
    require_gradient(dout, maps_shape(x.shape, w.shape, conv_param))


def _pieces(x, w):
    """Cut images x (N, C, H, W) into pieces for filters w."""
    bytes_of_rows = max(1, w.shape[1] * w.shape[3] * x.shape[2] * x.shape[3] * x.itemsize)  # for one image
    return _cut(x, ROWS // bytes_of_rows)


def _cut(x, step):
    """Cut images x into pieces of at most `step`: at least one for each thread, and at least two.

    With one or two threads the pieces are the same, and so are the sums, to the bit.
    """
    return pieces_of(len(x), min(step, -(-len(x) // max(2, count()))))
