"""The windows of a convolution as matrices that share memory, and the products with them."""

import numpy as np

from cs231n._fast.maps import zero_buffer
from cs231n._threads import buffer, matmul
from cs231n._windows import num_stops
from cs231n.im2col import unpadded

SMALL = 128  # maps with fewer places go into a matrix product side by side


def filters_by_row(w):
    """Filters (F, C, HH, WW) as a matrix for each of their rows: (HH, F, WW * C), in the order of `windows_by_row`."""
    F, C, HH, WW = w.shape
    return w.transpose(2, 0, 3, 1).reshape(HH, F, WW * C)


def filters_from_rows(dw, shape):
    """Gradients (HH, WW * C, F) as filters of `shape` (F, C, HH, WW)."""
    F, C, HH, WW = shape
    return dw.reshape(HH, WW, C, F).transpose(3, 2, 0, 1)


def rotated(w):
    """Filters (F, C, HH, WW) turned by half a turn, input and output channels exchanged: (C, F, HH, WW)."""
    return w[:, :, ::-1, ::-1].swapaxes(0, 1)


def windows_by_row(x, field, stride, pads, dtype):
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
        padded = zero_buffer("padded", (n, C, H + -H % stride, W), dtype)
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


def add_windows(filters, maps, field, stride, pad, dx):
    """Add up what maps (n, F, H_out, W_out) hand back through filters (HH, F, WW * C), and write it to dx (n, C, H, W).

    The way of `windows_by_row` backwards: from the views to the rows, from the rows to the padded pictures.
    """
    n, C, H, W = dx.shape
    H_out, W_out = maps.shape[2:]
    H, W = H + 2 * pad, W + 2 * pad
    m = _side_by_side(n, H_out, W_out)
    rows = zero_buffer("rows", (n // m, field[1] * C, stride, -(-H // stride), m * W_out), dx.dtype)
    maps = _as_matrices(maps)
    for view, filters_i in zip(_views(rows, field[0], stride, H_out), filters, strict=True):
        view += matmul(filters_i.T, maps, out=buffer("more", view.shape, dx.dtype))
    rows = rows.reshape(n // m, field[1], C, stride, -1, m, W_out)
    padded = zero_buffer("padded", (n // m, m, C, rows.shape[4], stride, W), dx.dtype)
    for j in range(field[1]):
        columns = padded[..., j : j + stride * (W_out - 1) + 1 : stride]
        columns += rows[:, j].transpose(0, 4, 1, 3, 2, 5)
    dx[...] = unpadded(padded.reshape(n, C, -1, W)[:, :, :H], pad)


def _as_matrices(maps):
    """Maps (n, C, H, W) as the matrices (n, C, H * W) that go with `windows_by_row`; copied if side by side."""
    n, C, H, W = maps.shape
    m = _side_by_side(n, H, W)
    return maps.reshape(n // m, m, C, H, W).transpose(0, 2, 3, 1, 4).reshape(n // m, C, H * m * W)


def write_products(filters, windows, maps):
    """Write the products of filters (HH, F, WW * C) with `windows_by_row`, added up, into maps (n, F, H_out, W_out)."""
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


def summed_products(windows, maps):
    """The products of `windows_by_row` with maps (n, F, H_out, W_out), added up over all pictures: (HH, WW * C, F)."""
    maps = _as_matrices(maps).swapaxes(1, 2)  # (n, P, F)
    shape, dtype = (len(maps), windows[0].shape[1], maps.shape[2]), np.result_type(windows[0], maps)
    products = buffer("products", shape, dtype)
    return np.stack([matmul(matrix, maps, out=products).sum(axis=0) for matrix in windows])
