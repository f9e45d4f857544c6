"""The windows of a convolution as matrices, HH of them that share memory, and products with them.

Row i of a filter meets certain rows of the padded image, at all P = H_out * W_out positions. `_rows` copies each row of
the images once for each of the WW columns of a filter. In this copy, what row i of the filters meets is a contiguous
range of rows (`_views`): a matrix of shape (WW * C, P) for each image. `filters_by_row` arranges the filters to match,
(F, WW * C) for each row i, so that a convolution is the sum of HH products (`write_products`).

Where a row of a filter has few values, products would take less time than adding them up. Then what the HH rows meet is
copied once more, one below the other, and a convolution is a single product, with matrices (HH * WW * C, P).

Where feature maps are small, the matrices of single images would be too narrow for fast products. Then all n images of
a piece are joined side by side in one matrix of shape (WW * C, n * P), and ``m``, the number of images in a matrix, is
n; otherwise m is 1.
"""

import numpy as np

from cs231n._fast.feature_maps import zero_buffer
from cs231n._threads import buffer, matmul
from cs231n._windows import num_positions
from cs231n.im2col import unpadded

SMALL = 128  # feature maps with fewer positions are joined in one matrix product
NARROW = 12  # filters with at most so many values in a row are multiplied as a whole


def filters_by_row(w):
    """Arrange filters (F, C, HH, WW) as matrices to match `windows_by_row`: (HH, F, WW * C), or (1, F, HH * WW * C)."""
    F, C, HH, WW = w.shape
    if _are_joined((HH, WW), C):
        return w.transpose(0, 2, 3, 1).reshape(1, F, HH * WW * C)
    return w.transpose(2, 0, 3, 1).reshape(HH, F, WW * C)


def _are_joined(field, C):
    """Whether all rows of filters (F, C, HH, WW) with this field (HH, WW) make a single matrix."""
    return field[0] > 1 and field[1] * C <= NARROW


def filters_from_rows(dw, shape):
    """Rearrange gradients (HH, WW * C, F) or (1, HH * WW * C, F) to the `shape` of the filters, (F, C, HH, WW)."""
    F, C, HH, WW = shape
    return dw.reshape(HH, WW, C, F).transpose(3, 2, 0, 1)


def rotated(w):
    """Rotate filters (F, C, HH, WW) by 180 degrees and swap input and output channels: (C, F, HH, WW)."""
    return w[:, :, ::-1, ::-1].swapaxes(0, 1)


def windows_by_row(x, field, stride, pads, dtype):
    """Return what each row of a filter meets in images x (n, C, H, W): HH matrices of shape (n / m, WW * C, m * P).

    If all rows make a single matrix (see above), return that alone: (n / m, HH * WW * C, m * P).

    `field` is the pair (HH, WW), `pads` the zeros above and below, and to the left and right.
    """
    H_out, W_out = (num_positions(*axis) for axis in zip(x.shape[2:], field, (stride, stride), pads, strict=True))
    rows = _rows(x, field[1], stride, pads, dtype, _images_per_matrix(len(x), H_out, W_out))
    views = _views(rows, field[0], stride, H_out)
    return [_joined(views)] if _are_joined(field, x.shape[1]) else views


def _joined(views):
    """Copy matrices (n, K, P) one below the other, into a buffer (n, HH * K, P)."""
    n, K, P = views[0].shape
    joined = buffer("joined", (n, len(views), K, P), views[0].dtype)
    for i, view in enumerate(views):
        joined[:, i] = view
    return joined.reshape(n, -1, P)


def _images_per_matrix(n, H_out, W_out):
    """Return m, how many of n images are joined in one matrix: all of them or one."""
    return n if H_out * W_out < SMALL else 1


def _rows(x, width, stride, pads, dtype, m=1):
    """Copy the rows of padded images (n, C, H, W) once for each of the `width` columns of a filter.

    The result has the shape (n / m, width * C, stride, H / stride, m * W_out). What column j of a filter meets at
    horizontal position p in row y of channel c of the first image is at (0, j * C + c, y % stride, y // stride, p).
    """
    n, C, H, W = x.shape
    H, W = H + 2 * pads[0], W + 2 * pads[1]
    padded = x
    if any(pads) or H % stride:
        padded = zero_buffer("padded", (n, C, H + -H % stride, W), dtype)
        padded[:, :, pads[0] : pads[0] + x.shape[2], pads[1] : pads[1] + x.shape[3]] = x
    padded = padded.reshape(n // m, m, C, -1, stride, W)
    if width == stride == 1 and padded.flags.c_contiguous and padded.dtype == dtype and m == 1:
        return padded.reshape(n, C, 1, H, W)  # the images have this layout already
    W_out = num_positions(W, width, stride, 0)
    rows = buffer("rows", (n // m, width, C, stride, padded.shape[3], m, W_out), dtype)
    by_row = padded.transpose(0, 2, 4, 3, 1, 5)  # (n / m, C, stride, H / stride, m, W)
    for j in range(width):
        rows[:, j] = by_row[..., j : j + stride * (W_out - 1) + 1 : stride]
    return rows.reshape(n // m, width * C, stride, padded.shape[3], m * W_out)


def _views(rows, height, stride, H_out):
    """Return what each row of a filter meets: views of the result of `_rows`, of shape (n / m, WW * C, m * P).

    Row i of a filter meets the rows y = i, i + stride, ..., which are next to each other there.
    """
    n, K, _, _, W_out = rows.shape
    views = (rows[:, :, i % stride, i // stride :][:, :, :H_out] for i in range(height))
    return [view.reshape(n, K, H_out * W_out) for view in views]


def add_windows(filters, maps, field, stride, pad, dx):
    """Write to dx (n, C, H, W) the gradient from `maps` (n, F, H_out, W_out) through filters from `filters_by_row`.

    This is the backward pass of `windows_by_row`: gradients are added up from the views to the rows, and from the rows
    to the padded images.
    """
    n, C, H, W = dx.shape
    H_out, W_out = maps.shape[2:]
    H, W = H + 2 * pad, W + 2 * pad
    m = _images_per_matrix(n, H_out, W_out)
    rows = zero_buffer("rows", (n // m, field[1] * C, stride, -(-H // stride), m * W_out), dx.dtype)
    maps = _as_matrices(maps)
    views = iter(_views(rows, field[0], stride, H_out))
    for matrix in filters.swapaxes(1, 2):  # of one row or of all
        more = matmul(matrix, maps, out=buffer("more", (len(maps), len(matrix), maps.shape[2]), dx.dtype))
        for part in np.split(more, len(matrix) // rows.shape[1], axis=1):
            view = next(views)
            view += part
    rows = rows.reshape(n // m, field[1], C, stride, -1, m, W_out)
    padded = zero_buffer("padded", (n // m, m, C, rows.shape[4], stride, W), dx.dtype)
    for j in range(field[1]):
        columns = padded[..., j : j + stride * (W_out - 1) + 1 : stride]
        columns += rows[:, j].transpose(0, 4, 1, 3, 2, 5)
    dx[...] = unpadded(padded.reshape(n, C, -1, W)[:, :, :H], pad)


def _as_matrices(maps):
    """Reshape feature maps (n, C, H, W) to matrices (n / m, C, m * H * W) that match `windows_by_row`."""
    n, C, H, W = maps.shape
    m = _images_per_matrix(n, H, W)
    return maps.reshape(n // m, m, C, H, W).transpose(0, 2, 3, 1, 4).reshape(n // m, C, H * m * W)


def write_products(filters, windows, maps):
    """Write the sum of the products of filters and windows, arranged by row, into `maps` (n, F, H_out, W_out)."""
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
    """Return the products of windows and maps (n, F, H_out, W_out), summed over all images.

    Their shape is (HH, WW * C, F), or (1, HH * WW * C, F).
    """
    maps = _as_matrices(maps).swapaxes(1, 2)  # (n / m, m * P, F)
    shape, dtype = (len(maps), windows[0].shape[1], maps.shape[2]), np.result_type(windows[0], maps)
    products = buffer("products", shape, dtype)
    return np.stack([matmul(matrix, maps, out=products).sum(axis=0) for matrix in windows])
