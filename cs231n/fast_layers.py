"""Convolution, pooling and normalisation at the speed of the machine; the same results as the layers in `layers`.

Nothing is compiled. What makes it fast:

- A convolution is a matrix product with all windows, but their matrix is never made: it has each entry of the pictures
  HH * WW times. Only the columns of a filter are laid out, WW times each entry (`_rows`). What row i of a filter meets
  at all its places is then a matrix that is there already: the rows of the picture from row i on (`_views`). So a
  convolution is a sum of HH products. What the simple way loses, it loses in memory, not in arithmetic.
- A few pictures at a time, in buffers that are used again and stay in the cache.
- The pieces of a batch go to a few threads, and products in blocks to a BLAS that need not pack them (`_threads.py`).
- Steps of one number for each entry run along memory, as far as they can, and do not mix types.

All pairs here take and return what their namesakes in `layers` do; a cache belongs to the backward function of its own
pair. Float32 in gives float32 out.

``conv_forward_fast``, ``conv_backward_fast``, ``max_pool_forward_fast`` and ``max_pool_backward_fast`` are the ones to
use, and those with two or three names in a row do these steps in one go. The others are named after the way they go
and are kept for comparison.
"""

import numpy as np

from cs231n._errors import require_gains, require_maps, require_train_cache
from cs231n._threads import buffer, count, for_each, matmul, pieces_of
from cs231n._windows import num_stops, require_conv, require_pool
from cs231n.im2col import col2im_indices, grid, im2col_indices, unpadded

ROWS = 1 << 21  # bytes of rows that are laid out at a time
SMALL = 128  # maps with fewer places go into a matrix product side by side
FEW = 8  # with fewer channels a convolution that gives them back is too small a product
PIECE = 1 << 20  # bytes of maps that are pooled or normalised at a time: they stay in the cache, and calls stay few


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
    out = np.empty((len(x), len(w), *_places(x, w, conv_param)), np.result_type(x, w, b))

    def finish(piece, maps):
        maps += _each(b)

    _convolve(x, w, conv_param, lambda piece: out[piece], finish)
    return out, (x, w, b, conv_param)


def conv_backward_strides(dout, cache):
    """Compute the gradients (dx, dw, db) of a convolutional layer; see `conv_backward_naive`.

    With ``needs_dx`` False in conv_param, dx is None: the first layer of a network need not find out how to change the
    pictures, and saves half of its way back.
    """
    return _conv_backward(*cache, lambda piece: dout[piece], dout.dtype)


conv_forward_fast = conv_forward_strides
conv_backward_fast = conv_backward_strides


def conv_relu_forward_fast(x, w, b, conv_param):
    """Compute a convolutional layer and ReLU in one go; arguments and out as for `conv_forward_strides`."""
    require_conv(x, w, b, conv_param)
    out = np.empty((len(x), len(w), *_places(x, w, conv_param)), np.result_type(x, w, b))

    def finish(piece, maps):
        maps += _each(b)
        _relu(maps, out=maps)

    _convolve(x, w, conv_param, lambda piece: out[piece], finish)
    return out, (x, w, b, conv_param, out)


def conv_relu_backward_fast(dout, cache):
    """Compute the gradients (dx, dw, db) of `conv_relu_forward_fast`."""
    *conv_cache, out = cache

    def dmaps(piece):
        maps = buffer("dmaps", dout[piece].shape, dout.dtype)
        _relu_backward(dout[piece], out[piece], maps)
        return maps

    return _conv_backward(*conv_cache, dmaps, dout.dtype)


def conv_relu_pool_forward_fast(x, w, b, conv_param, pool_param):
    """Compute a convolutional layer, ReLU and max pooling in one go.

    The largest entry of a window stays the largest when b is added and ReLU is taken. So both come after pooling, when
    there is less to do, and the maps of the convolution never leave the cache.

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
    maps_shape = len(x), len(w), *_places(x, w, conv_param)
    require_pool(maps_shape, pool_param)
    grids = list(_grids(maps_shape, pool_param))
    out = np.empty((*maps_shape[:2], *_pooled(maps_shape, pool_param)), np.result_type(x, w, b))
    winners = _room_for_winners(out.shape, grids)

    def room(piece):
        return buffer("maps", (len(x[piece]), *maps_shape[1:]), out.dtype)

    def finish(piece, maps):
        largest, winner = out[piece], winners[piece]
        _pool(maps, grids, largest, winner)
        largest += _each(b)
        np.maximum(winner, (largest <= 0) * winners.dtype.type(len(grids)), out=winner)  # no entry won: ReLU is 0
        _relu(largest, out=largest)

    _convolve(x, w, conv_param, room, finish)
    return out, (x, w, b, conv_param, pool_param, winners)


def conv_relu_pool_backward_fast(dout, cache):
    """Compute the gradients (dx, dw, db) of `conv_relu_pool_forward_fast`."""
    *conv_cache, pool_param, winners = cache
    x, w, _, conv_param = conv_cache
    places = _places(x, w, conv_param)

    def dmaps(piece):
        maps = buffer("dmaps", (*dout[piece].shape[:2], *places), dout.dtype)
        _unpool(dout[piece], winners[piece], pool_param, maps)
        return maps

    return _conv_backward(*conv_cache, dmaps, dout.dtype)


def _convolve(x, w, conv_param, room, finish):
    """Convolve a piece of x after the other with the filters w, into room(piece), and hand the maps on."""
    stride, pad = conv_param["stride"], conv_param["pad"]
    filters = _by_rows(w)

    def convolve(piece):
        maps = room(piece)
        _products(filters, _windows(x[piece], w.shape[2:], stride, (pad, pad), maps.dtype), maps)
        finish(piece, maps)

    for_each(convolve, _pieces(x, w))


def _conv_backward(x, w, b, conv_param, dmaps, dtype):
    """The gradients (dx, dw, db); dmaps(piece) gives those of the maps (n, F, H_out, W_out), of type dtype."""
    stride, pad = conv_param["stride"], conv_param["pad"]
    margins = w.shape[2] - 1 - pad, w.shape[3] - 1 - pad
    needs_dx = conv_param.get("needs_dx", True)
    # Windows of the maps serve dx and dw; windows of x serve dw alone.
    if needs_dx and stride == 1 and min(margins) >= 0 and w.shape[1] >= FEW:
        return _backward_from_maps(x, w, margins, dmaps, dtype)
    return _backward_from_x(x, w, stride, pad, dmaps, dtype, needs_dx)


def _backward_from_x(x, w, stride, pad, dmaps, dtype, needs_dx):
    """(dx, dw, db): dw is dmaps times the windows of x; dx adds up what each window hands back."""
    filters = _by_rows(w)  # (HH, F, WW * C)
    dx = np.empty(x.shape, np.result_type(dtype, w)) if needs_dx else None
    dw_type = np.result_type(dtype, x)

    def backward(piece):
        maps = dmaps(piece)
        if needs_dx:
            _add_windows(filters, maps, w.shape[2:], stride, pad, dx[piece])
        windows = _windows(x[piece], w.shape[2:], stride, (pad, pad), dw_type)
        return _products_summed(windows, maps), np.einsum("nfhw->f", maps)

    dw, db = _sums(for_each(backward, _pieces(x, w)), filters, len(w), dtype, dw_type)
    return dx, _from_rows(dw, w.shape), db


def _backward_from_maps(x, w, margins, dmaps, dtype):
    """(dx, dw, db) at stride 1, where each entry of x meets each entry of a filter in one entry of the maps.

    So dx is a convolution too: of dmaps, with the filters turned by half a turn and with input and output channels
    exchanged. The windows of dmaps that it needs, times x, are dw, turned in the same way.
    """
    turned = _turned(w)  # (F, C, HH, WW) -> (C, F, HH, WW)
    filters = _by_rows(turned)  # (HH, C, WW * F)
    dx = np.empty(x.shape, np.result_type(dtype, w))
    dw_type = np.result_type(dtype, x)

    def backward(piece):
        maps = dmaps(piece)
        windows = _windows(maps, w.shape[2:], 1, margins, dw_type)
        _products(filters, windows, dx[piece])
        return _products_summed(windows, x[piece]), np.einsum("nfhw->f", maps)

    dw, db = _sums(for_each(backward, _pieces(x, turned)), filters, len(w), dtype, dw_type)
    return dx, _turned(_from_rows(dw, turned.shape)), db


def _sums(gradients, filters, num_filters, dtype, dw_type):
    """The sums of the (dw, db) of all pieces, in their order: the same to the bit, however threads finish."""
    dw, db = np.zeros(filters.swapaxes(1, 2).shape, dw_type), np.zeros(num_filters, dtype)
    for dw_part, db_part in gradients:
        dw += dw_part
        db += db_part
    return dw, db


def _turned(w):
    """Filters (F, C, HH, WW) turned by half a turn, input and output channels exchanged: (C, F, HH, WW)."""
    return w[:, :, ::-1, ::-1].swapaxes(0, 1)


def _by_rows(w):
    """Filters (F, C, HH, WW) as a matrix for each of their rows: (HH, F, WW * C), in the order of `_windows`."""
    F, C, HH, WW = w.shape
    return w.transpose(2, 0, 3, 1).reshape(HH, F, WW * C)


def _from_rows(dw, shape):
    """Gradients (HH, WW * C, F) as filters of `shape` (F, C, HH, WW)."""
    F, C, HH, WW = shape
    return dw.reshape(HH, WW, C, F).transpose(3, 2, 0, 1)


def _places(x, w, conv_param):
    """Height and width of the maps: the places of the filters w on pictures x."""
    stride, pad = conv_param["stride"], conv_param["pad"]
    return num_stops(x.shape[2], w.shape[2], stride, pad), num_stops(x.shape[3], w.shape[3], stride, pad)


def _pieces(x, w):
    """The pictures x (N, C, H, W) cut into pieces for filters w, into one for each thread (and two) at least.

    One or two threads have the same pieces, and so the same sums, to the bit.
    """
    bytes_of_rows = max(1, w.shape[1] * w.shape[3] * x.shape[2] * x.shape[3] * x.itemsize)  # of one picture
    return pieces_of(len(x), min(ROWS // bytes_of_rows, -(-len(x) // max(2, count()))))


def _windows(x, field, stride, pads, dtype):
    """What each row of a filter meets at its P places on pictures x (n, C, H, W): a list of matrices (n, WW * C, P).

    Where the maps are small, all pictures stand side by side: (1, WW * C, P).
    """
    H_out, W_out = (num_stops(*axis) for axis in zip(x.shape[2:], field, (stride, stride), pads, strict=True))
    rows = _rows(x, field[1], stride, pads, dtype, _side_by_side(len(x), H_out, W_out))
    return _views(rows, field[0], stride, H_out)


def _side_by_side(n, H_out, W_out):
    """How many of n pictures stand side by side in a matrix: all or one."""
    return n if H_out * W_out < SMALL else 1


def _rows(x, width, stride, pads, dtype, m=1):
    """The rows of padded pictures (n, C, H, W), m of them side by side, once for each of `width` columns of a filter.

    The result has the shape (n / m, width * C, stride, H / stride, m * W_out). What column j of a filter at place p
    meets in row y of channel c of the first picture stands at (0, j * C + c, y % stride, y // stride, p).
    """
    n, C, H, W = x.shape
    H, W = H + 2 * pads[0], W + 2 * pads[1]
    padded = x
    if any(pads) or H % stride:
        padded = _zeros("padded", (n, C, H + -H % stride, W), dtype)
        padded[:, :, pads[0] : pads[0] + x.shape[2], pads[1] : pads[1] + x.shape[3]] = x
    padded = padded.reshape(n // m, m, C, -1, stride, W)
    if width == stride == 1 and padded.flags.c_contiguous and padded.dtype == dtype and m == 1:
        return padded.reshape(n, C, 1, H, W)  # they lie there like this already
    W_out = num_stops(W, width, stride, 0)
    rows = buffer("rows", (n // m, width, C, stride, padded.shape[3], m, W_out), dtype)
    by_row = padded.transpose(0, 2, 4, 3, 1, 5)  # (n / m, C, stride, H / stride, m, W)
    for j in range(width):
        rows[:, j] = by_row[..., j : j + stride * (W_out - 1) + 1 : stride]
    return rows.reshape(n // m, width * C, stride, padded.shape[3], m * W_out)


def _views(rows, height, stride, H_out):
    """What each row of a filter meets: views of `_rows`, of shape (n, WW * C, H_out * W_out).

    Row i of a filter meets the rows y = i, i + stride, ..., which follow each other there.
    """
    n, K, _, _, W_out = rows.shape
    views = (rows[:, :, i % stride, i // stride :][:, :, :H_out] for i in range(height))
    return [view.reshape(n, K, H_out * W_out) for view in views]


def _add_windows(filters, maps, field, stride, pad, dx):
    """Add up what maps (n, F, H_out, W_out) hand back through filters (HH, F, WW * C), and write it to dx (n, C, H, W).

    The way of `_windows` backwards: from the views to the rows, from the rows to the padded pictures.
    """
    n, C, H, W = dx.shape
    H_out, W_out = maps.shape[2:]
    H, W = H + 2 * pad, W + 2 * pad
    m = _side_by_side(n, H_out, W_out)
    rows = _zeros("rows", (n // m, field[1] * C, stride, -(-H // stride), m * W_out), dx.dtype)
    maps = _as_matrices(maps)
    for view, filters_i in zip(_views(rows, field[0], stride, H_out), filters, strict=True):
        view += matmul(filters_i.T, maps, out=buffer("more", view.shape, dx.dtype))
    rows = rows.reshape(n // m, field[1], C, stride, -1, m, W_out)
    padded = _zeros("padded", (n // m, m, C, rows.shape[4], stride, W), dx.dtype)
    for j in range(field[1]):
        columns = padded[..., j : j + stride * (W_out - 1) + 1 : stride]
        columns += rows[:, j].transpose(0, 4, 1, 3, 2, 5)
    dx[...] = unpadded(padded.reshape(n, C, -1, W)[:, :, :H], pad)


def _zeros(name, shape, dtype):
    """A buffer of this thread, filled with zeros."""
    zeros = buffer(name, shape, dtype)
    zeros[...] = 0
    return zeros


def _as_matrices(maps):
    """Maps (n, C, H, W) as the matrices (n, C, H * W) that go with `_windows`; a copy if they stand side by side."""
    n, C, H, W = maps.shape
    m = _side_by_side(n, H, W)
    return maps.reshape(n // m, m, C, H, W).transpose(0, 2, 3, 1, 4).reshape(n // m, C, H * m * W)


def _products(filters, windows, maps):
    """Write the products of filters (HH, F, WW * C) with `_windows`, added up, into maps (n, F, H_out, W_out)."""
    n, F, H_out, W_out = maps.shape
    filters = filters.astype(maps.dtype, copy=False)
    total = maps.reshape(n, F, -1)
    if len(windows[0]) < n:
        total = buffer("total", (1, F, H_out * n * W_out), maps.dtype)
    matmul(filters[0], windows[0], out=total)
    for filters_i, windows_i in zip(filters[1:], windows[1:], strict=True):
        total += matmul(filters_i, windows_i, out=buffer("more", total.shape, maps.dtype))
    if len(windows[0]) < n:
        maps[...] = total.reshape(F, H_out, n, W_out).transpose(2, 0, 1, 3)


def _products_summed(windows, maps):
    """The products of `_windows` with maps (n, F, H_out, W_out), added up over all pictures: (HH, WW * C, F)."""
    maps = _as_matrices(maps).swapaxes(1, 2)  # (n, P, F)
    shape, dtype = (len(maps), windows[0].shape[1], maps.shape[2]), np.result_type(windows[0], maps)
    products = buffer("products", shape, dtype)
    return np.stack([matmul(matrix, maps, out=products).sum(axis=0) for matrix in windows])


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
    cache : tuple (shape of x, pool_param, winners): which entry of each window is the largest
    """
    require_pool(x.shape, pool_param)
    grids = list(_grids(x.shape, pool_param))
    out = np.empty((*x.shape[:2], *_pooled(x.shape, pool_param)), x.dtype)
    winners = _room_for_winners(out.shape, grids)
    for_each(lambda piece: _pool(x[piece], grids, out[piece], winners[piece]), _pieces_of_maps(x))
    return out, (x.shape, pool_param, winners)


def max_pool_backward_fast(dout, cache):
    """Compute the gradient dx of max pooling; see `max_pool_backward_naive`."""
    shape, pool_param, winners = cache
    dx = np.empty(shape, dout.dtype)
    for_each(lambda piece: _unpool(dout[piece], winners[piece], pool_param, dx[piece]), _pieces_of_maps(dx))
    return dx


def _pool(maps, grids, largest, winner):
    """Write the largest entry of each window into `largest`, and into `winner` which one it is: the first, on a tie."""
    largest[...], winner[...] = maps[grids[0]], 0
    for i, entries in enumerate(grids[1:], 1):
        others = buffer("others", largest.shape, largest.dtype)
        others[...] = maps[entries]  # twice read with gaps would take longer
        wins = (others > largest).astype(winner.dtype)
        wins *= winner.dtype.type(i)
        np.maximum(winner, wins, out=winner)  # i grows, so the last one to win stays
        np.maximum(others, largest, out=largest)


def _unpool(dlargest, winner, pool_param, dmaps):
    """Write the gradient of each window's largest entry to where it stood; all other entries become 0."""
    dmaps[...] = 0
    overlap = pool_param["stride"] < max(pool_param["pool_height"], pool_param["pool_width"])
    for i, entries in enumerate(_grids(dmaps.shape, pool_param)):
        if overlap:
            dmaps[entries] += dlargest * (winner == i)
        else:
            np.multiply(dlargest, winner == i, out=dmaps[entries])


def _room_for_winners(shape, grids):
    """Room for the number of an entry for each window, len(grids) for none of them."""
    return np.empty(shape, np.min_scalar_type(len(grids)))


def _pieces_of_maps(x):
    """The pictures x cut into pieces that fit into the cache several times over."""
    return pieces_of(len(x), PIECE // max(1, x[:1].nbytes))


def _grids(shape, pool_param):
    """Yield, for each entry of the window, the index of what stands there in all windows of maps (N, C, H, W)."""
    places = _pooled(shape, pool_param)
    for p, q in np.ndindex(pool_param["pool_height"], pool_param["pool_width"]):
        yield grid(p, q, places, pool_param["stride"])


def _pooled(shape, pool_param):
    """Height and width of maps (N, C, H, W) after pooling."""
    height, width, stride = pool_param["pool_height"], pool_param["pool_width"], pool_param["stride"]
    return num_stops(shape[2], height, stride), num_stops(shape[3], width, stride)


# ---- ReLU, and batch normalisation with it


def relu_forward_fast(x):
    """Compute ReLU of maps (N, C, H, W) or rows (N, D); see `relu_forward`. The cache is out."""
    out = np.empty_like(x)
    for_each(lambda piece: _relu(x[piece], out[piece]), _pieces_of_maps(x))
    return out, out


def relu_backward_fast(dout, cache):
    """Compute the gradient dx of `relu_forward_fast`."""
    dx = np.empty_like(dout)
    for_each(lambda piece: _relu_backward(dout[piece], cache[piece], dx[piece]), _pieces_of_maps(dx))
    return dx


def batchnorm_relu_forward_fast(x, gamma, beta, bn_param):
    """Compute `spatial_batchnorm_forward` and ReLU in one go.

    Each step runs along memory, over whole pictures: a step that takes another number for each channel, every few
    entries, takes three times as long. So the numbers are written out for all entries (`_of_entries`).

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W)
    gamma, beta : ndarray of shape (C,)
    bn_param : dict
        As for `batchnorm_forward`; the running statistics are brought up to date.

    Returns
    -------
    out : ndarray of shape (N, C, H, W)
    cache : tuple (x, out, mean, std, gamma), or None in test mode
    """
    require_maps(x)
    require_gains(gamma, beta, x.shape[1])
    mode, eps, momentum = bn_param["mode"], bn_param.get("eps", 1e-5), bn_param.get("momentum", 0.9)
    out = np.empty(x.shape, np.result_type(x, gamma, beta))
    running_mean = bn_param.get("running_mean", np.zeros(len(gamma), out.dtype))
    running_var = bn_param.get("running_var", np.zeros(len(gamma), out.dtype))
    if mode == "train":
        mean, var = _mean_and_variance(x, out.dtype)
        bn_param["running_mean"] = momentum * running_mean + (1 - momentum) * mean
        bn_param["running_var"] = momentum * running_var + (1 - momentum) * var
    elif mode == "test":
        mean, var = running_mean, running_var
    else:
        raise ValueError(f'Invalid forward batchnorm mode "{mode}": expected "train" or "test".')
    std = np.sqrt(var + eps)
    means, scales, shifts = (_of_entries(values, x, out.dtype) for values in (mean, gamma / std, beta))

    def forward(piece):
        maps = _as_rows(out[piece])
        np.subtract(_as_rows(x[piece]), means, out=maps)
        maps *= scales
        maps += shifts
        _relu(maps, out=maps)

    for_each(forward, _pieces_of_maps(x))
    return out, (x, out, mean, std, gamma) if mode == "train" else None


def batchnorm_relu_backward_fast(dout, cache):
    """Compute the gradients (dx, dgamma, dbeta) of `batchnorm_relu_forward_fast`; see `batchnorm_backward_alt`."""
    require_train_cache(cache)
    x, out, mean, std, gamma = cache
    dx = np.empty(x.shape, np.result_type(dout, gamma))
    means = _of_entries(mean, x, dx.dtype)

    def sums(piece):
        dmaps = _as_rows(dx[piece])
        _relu_backward(_as_rows(dout[piece]), _as_rows(out[piece]), dmaps)
        return np.einsum("nk->k", dmaps), np.einsum("nk,nk->k", dmaps, _centered(x[piece], means))

    pieces = _pieces_of_maps(x)
    dbeta, dgamma = (_of_channels(parts, x) for parts in zip(*for_each(sums, pieces), strict=True))
    dgamma /= std
    size = x.size // len(gamma)
    through_var, through_mean, scales = (
        _of_entries(values, x, dx.dtype) for values in (dgamma / std / size, dbeta / size, gamma / std)
    )

    def backward(piece):
        dmaps, part = _as_rows(dx[piece]), _centered(x[piece], means)
        part *= through_var
        dmaps -= part
        dmaps -= through_mean
        dmaps *= scales

    for_each(backward, pieces)
    return dx, dgamma, dbeta


def _mean_and_variance(x, dtype):
    """Mean and variance of each channel of x (N, C, H, W), in one pass.

    Of sums of squares far from 0 little is left when the mean is taken away. So a number near the mean goes first: that
    of the first picture, which is off by at most sqrt(N) standard deviations. Chan, Golub and LeVeque (1983),
    "Algorithms for computing the sample variance".
    """
    near = x[0].mean(axis=(1, 2), dtype=dtype)
    nears = _of_entries(near, x, dtype)

    def sums(piece):
        rows = _centered(x[piece], nears)
        return np.einsum("nk->k", rows), np.einsum("nk,nk->k", rows, rows)

    parts = zip(*for_each(sums, _pieces_of_maps(x)), strict=True)
    first, second = (_of_channels(part, x) * (len(near) / x.size) for part in parts)
    return near + first, second - first**2


def _as_rows(maps):
    """Maps (n, C, H, W) as a row for each picture: (n, C * H * W)."""
    return maps.reshape(len(maps), -1)


def _centered(maps, means):
    """Maps (n, C, H, W) less `means` (C * H * W,), as a row for each picture, in a buffer."""
    rows = _as_rows(maps)
    return np.subtract(rows, means, out=buffer("centered", rows.shape, means.dtype))


def _of_entries(values, x, dtype):
    """The number of each channel, once for each entry of a picture of x (N, C, H, W): of shape (C * H * W,)."""
    return np.repeat(values.astype(dtype, copy=False), x.shape[2] * x.shape[3])


def _of_channels(parts, x):
    """Sums over some pictures of x (N, C, H, W), each of shape (C * H * W,), added up for each channel."""
    return sum(parts).reshape(x.shape[1], -1).sum(axis=1)


def _relu(x, out):
    """Write max(x, 0) into out. `np.maximum` takes a third of the time if it gets an array of zeros, not a number."""
    return np.maximum(x, _zeros("zeros", x.shape[1:], x.dtype), out=out)


def _relu_backward(dout, out, dx):
    """Write dout where out is positive, 0 elsewhere, into dx; a product of numbers and bools takes twice the time."""
    dx[...] = out > 0
    dx *= dout


def _each(values):
    """One value for each channel, for maps (n, C, H, W)."""
    return values[:, np.newaxis, np.newaxis]


# ---- max pooling, other ways


def max_pool_forward_reshape(x, pool_param):
    """Compute max pooling of windows that lie side by side, by a reshape; see `max_pool_forward_naive`.

    Raises
    ------
    ValueError
        If windows overlap, leave gaps, are not square, or do not cover the pictures.
    """
    require_pool(x.shape, pool_param)
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
    require_pool(x.shape, pool_param)
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
