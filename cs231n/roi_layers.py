"""Layers that cut regions of interest (RoIs) out of feature maps, and give all of them one size.

A region is a row (image, left, top, right, bottom): the index of its image in the batch, and a box in pixels of the
image. ``spatial_scale`` says how many entries of the feature maps a pixel has: 1/8 if the maps have an eighth of the
image's height. The contract is that of `cs231n.layers`; regions get no gradient.
"""

import numpy as np

from cs231n._errors import require_gradient, require_maps, require_whole
from cs231n._precision import in_float32


@in_float32
def roi_pool_forward(x, rois, output_size, spatial_scale=1.0):
    """Compute RoI pooling: the largest entry of each of output_size x output_size bins of a region.

    The region is rounded to whole entries of the feature maps, its right and bottom edge included, and so are the edges
    of its bins: neighbouring bins may share a row or a column.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W)
    rois : ndarray of shape (K, 5)
    output_size : int
        S, the number of rows and columns of bins.
    spatial_scale : float

    Returns
    -------
    out : ndarray of shape (K, C, S, S)
        0 for bins that lie outside the feature maps.
    cache : tuple

    Notes
    -----
    Girshick (2015), "Fast R-CNN".

    Examples
    --------
    >>> x = np.arange(16.0).reshape(1, 1, 4, 4)
    >>> roi_pool_forward(x, np.array([[0, 1, 1, 3, 3]]), 1)[0]
    array([[[[15.]]]])
    """
    images = require_rois(x, rois, output_size)
    N, C, H, W = x.shape
    left, top, right, bottom = rounded_corners(rois, spatial_scale).T
    first_row, stop_row = bin_edges(top, bottom, output_size, H)  # (K, S): bin i of region k has the rows from
    first_column, stop_column = bin_edges(left, right, output_size, W)  # first_row[k, i] to stop_row[k, i] - 1
    ### BEGIN SOLUTION
    out = np.zeros((len(images), C, output_size, output_size), dtype=x.dtype)
    winners = np.full(out.shape, -1)  # where in H * W the largest entry is
    places = np.arange(H * W).reshape(H, W)
    for k, image in enumerate(images):
        for i in range(output_size):
            for j in range(output_size):
                rows = slice(first_row[k, i], stop_row[k, i])
                columns = slice(first_column[k, j], stop_column[k, j])
                entries = x[image, :, rows, columns].reshape(C, -1)
                if entries.size:
                    out[k, :, i, j] = entries.max(axis=1)
                    winners[k, :, i, j] = places[rows, columns].ravel()[entries.argmax(axis=1)]
    cache = (x.shape, images, winners)
    ### END SOLUTION
    return out, cache


@in_float32
def roi_pool_backward(dout, cache):
    """Compute the gradient dx of `roi_pool_forward`: dout goes to the largest entry of each bin, and adds up there."""
    ### BEGIN SOLUTION
    (N, C, H, W), images, winners = cache
    require_gradient(dout, winners.shape)
    dx = np.zeros((N, C, H * W), dtype=dout.dtype)
    for k, image in enumerate(images):
        for c in range(C):
            exists = winners[k, c] >= 0
            np.add.at(dx[image, c], winners[k, c][exists], dout[k, c][exists])  # bins may share an entry
    dx = dx.reshape(N, C, H, W)
    ### END SOLUTION
    return dx


def bilinear_weights(points, length):
    """Compute how much each entry along one axis counts in the value at a point: linear interpolation.

    The value at a point is interpolated between the two entries around it. Within an entry of the first or the last
    centre, the end counts in full; farther outside, nothing counts.

    Parameters
    ----------
    points : ndarray of any shape (...)
        Places along the axis. 0 is the centre of the first entry, 1 that of the second; 0.5 is half-way between.
    length : int
        The number of entries.

    Returns
    -------
    ndarray of shape (..., length)
        The weights of the entries at each point. They add up to 1; for points below -1 and above `length` all are 0.

    Examples
    --------
    >>> bilinear_weights(np.array([0.25, 2.0, -0.4, 9.0]), length=3)
    array([[0.75, 0.25, 0.  ],
           [0.  , 0.  , 1.  ],
           [1.  , 0.  , 0.  ],
           [0.  , 0.  , 0.  ]])
    """
    ### BEGIN SOLUTION
    is_near = (points >= -1) & (points <= length)
    inner = np.clip(points, 0, length - 1)
    weights = np.maximum(1 - np.abs(inner[..., np.newaxis] - np.arange(length)), 0)  # (..., length)
    weights = weights * is_near[..., np.newaxis]
    ### END SOLUTION
    return weights


def bin_weights(start, end, num_bins, num_points, length):
    """Compute how much each entry along one axis counts in each bin of regions.

    A region is divided into num_bins bins of equal size, and each bin has num_points points, in the middle of as many
    equal parts. The value of a bin is the mean of the values at its points.

    Parameters
    ----------
    start, end : ndarray of shape (K,)
        Where each region begins and ends. Here 0 is the *edge* of the first entry, and its centre is at 0.5.
    num_bins, num_points : int
        S, and the number of points of each bin.
    length : int
        The number of entries.

    Returns
    -------
    ndarray of shape (K, S, length)

    Examples
    --------
    >>> bin_weights(np.array([1.0]), np.array([3.0]), num_bins=2, num_points=1, length=4)
    array([[[0., 1., 0., 0.],
            [0., 0., 1., 0.]]])
    """
    ### BEGIN SOLUTION
    steps = (np.arange(num_bins * num_points) + 0.5) / (num_bins * num_points)
    points = start[:, np.newaxis] + (end - start)[:, np.newaxis] * steps - 0.5  # (K, num_bins * num_points)
    weights = bilinear_weights(points, length)
    weights = weights.reshape(len(start), num_bins, num_points, length).mean(axis=2)
    ### END SOLUTION
    return weights


@in_float32
def roi_pool_forward_fast(x, rois, output_size, spatial_scale=1.0):
    """Compute the same as `roi_pool_forward` for all bins at once, for training; the cache is another one.

    Every bin is looked at through a window of the same size, that of the largest bin; where a bin is smaller, its last
    row or column is looked at again, which changes no maximum.
    """
    images = require_rois(x, rois, output_size)
    N, C, H, W = x.shape
    left, top, right, bottom = rounded_corners(rois, spatial_scale).T
    rows, has_rows = _padded_bins(*bin_edges(top, bottom, output_size, H), H)  # (K, S, h), (K, S)
    columns, has_columns = _padded_bins(*bin_edges(left, right, output_size, W), W)  # (K, S, w), (K, S)
    K, S, h = rows.shape
    places = rows[:, :, np.newaxis, :, np.newaxis] * W + columns[:, np.newaxis, :, np.newaxis]  # (K, S, S, h, w)
    places = places.reshape(K, S, S, h * columns.shape[2]) + (images * H * W)[:, np.newaxis, np.newaxis, np.newaxis]
    by_place = x.transpose(0, 2, 3, 1).reshape(-1, C)  # (N * H * W, C)
    exists = (has_rows[:, :, np.newaxis] & has_columns[:, np.newaxis])[..., np.newaxis]  # (K, S, S, 1)
    out = np.where(exists, by_place[places].max(axis=3), 0)  # (K, S, S, h * w, C) -> (K, S, S, C)
    return out.transpose(0, 3, 1, 2), (x.shape, by_place, places, exists)


@in_float32
def roi_pool_backward_fast(dout, cache):
    """Compute the gradient dx of `roi_pool_forward_fast`; only here is looked for where the largest entries are."""
    (N, C, H, W), by_place, places, exists = cache
    require_gradient(dout, (len(places), C, *places.shape[1:3]))
    winners = np.take_along_axis(places, by_place[places].argmax(axis=3), axis=3)  # (K, S, S, C)
    targets = winners * C + np.arange(C)  # indices into N * H * W * C
    shares = np.where(exists, dout.transpose(0, 2, 3, 1), 0)
    dx = np.bincount(targets.ravel(), weights=shares.ravel(), minlength=N * H * W * C)
    return dx.reshape(N, H, W, C).transpose(0, 3, 1, 2).astype(dout.dtype)


@in_float32
def roi_align_forward(x, rois, output_size, spatial_scale=1.0, sampling_ratio=2):
    """Compute RoIAlign: the mean of points in each of output_size x output_size bins of a region, without rounding.

    Each bin has sampling_ratio x sampling_ratio points. The value at a point is interpolated between the four entries
    around it (bilinear interpolation); the centre of the entry in row 0 and column 0 is the point (0.5, 0.5).

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W)
    rois : ndarray of shape (K, 5)
    output_size : int
        S, the number of rows and columns of bins.
    spatial_scale : float
    sampling_ratio : int

    Returns
    -------
    out : ndarray of shape (K, C, S, S)
    cache : tuple

    Notes
    -----
    He, Gkioxari, Dollár and Girshick (2017), "Mask R-CNN". The interpolation is linear in rows and in columns, so all
    of it, and the mean, is one matrix product from the left and one from the right. torchvision calls this
    ``roi_align(..., aligned=True)``.

    Examples
    --------
    >>> x = np.arange(16.0).reshape(1, 1, 4, 4)
    >>> roi_align_forward(x, np.array([[0, 1.0, 1.0, 3.0, 3.0]]), 1)[0]
    array([[[[7.5]]]])
    """
    images = require_rois(x, rois, output_size)
    require_whole("sampling_ratio", sampling_ratio)
    H, W = x.shape[2:]
    ### BEGIN SOLUTION
    left, top, right, bottom = (np.asarray(rois)[:, 1:] * spatial_scale).T
    rows = bin_weights(top, bottom, output_size, sampling_ratio, H).astype(x.dtype)  # (K, S, H)
    columns = bin_weights(left, right, output_size, sampling_ratio, W).astype(x.dtype)  # (K, S, W)
    # (K, 1, S, H) @ (K, C, H, W) @ (K, 1, W, S) -> (K, C, S, S)
    out = rows[:, np.newaxis] @ x[images] @ columns[:, np.newaxis].swapaxes(2, 3)
    cache = (x.shape, images, rows, columns)
    ### END SOLUTION
    return out, cache


@in_float32
def roi_align_backward(dout, cache):
    """Compute the gradient dx of `roi_align_forward`: to the four entries around each point, by the same weights."""
    ### BEGIN SOLUTION
    shape, images, rows, columns = cache
    require_gradient(dout, (len(images), shape[1], rows.shape[1], columns.shape[1]))
    dregions = rows[:, np.newaxis].swapaxes(2, 3) @ dout @ columns[:, np.newaxis]  # (K, C, H, W)
    dx = np.zeros(shape, dtype=dout.dtype)
    for image, dregion in zip(images, dregions, strict=True):  # an image may have several regions
        dx[image] += dregion
    ### END SOLUTION
    return dx


def bin_edges(start, end, num_bins, length):
    """Divide regions into bins along one axis.

    Parameters
    ----------
    start, end : ndarray of shape (K,)
        The first and the last entry of each region.
    num_bins : int
    length : int
        The number of entries that exist: the height or the width of the feature maps.

    Returns
    -------
    first, stop : integer ndarray of shape (K, num_bins)
        A bin has the entries from first to stop - 1; none if first is not below stop.

    Examples
    --------
    >>> first, stop = bin_edges(np.array([1]), np.array([5]), num_bins=2, length=6)
    >>> first, stop
    (array([[1, 3]]), array([[4, 6]]))
    """
    size = np.maximum(end - start + 1, 1)[:, np.newaxis] / num_bins
    edges = np.arange(num_bins)
    first = np.floor(edges * size) + start[:, np.newaxis]
    stop = np.ceil((edges + 1) * size) + start[:, np.newaxis]
    return np.clip(first, 0, length).astype(int), np.clip(stop, 0, length).astype(int)


def _padded_bins(first, stop, length):
    """The indices in each bin along one axis, padded by its last one: (K, S, w); and whether it has any: (K, S)."""
    size = max(int((stop - first).max(initial=1)), 1)
    last = np.maximum(stop - 1, first)[..., np.newaxis]
    indices = np.minimum(first[..., np.newaxis] + np.arange(size), last)
    return np.clip(indices, 0, length - 1).astype(int), stop > first


def rounded_corners(rois, spatial_scale):
    """The boxes of regions (K, 5) in whole entries of the feature maps; halves are rounded away from 0, as C does."""
    corners = np.asarray(rois)[:, 1:] * spatial_scale
    return np.sign(corners) * np.floor(np.abs(corners) + 0.5)  # np.round would round halves to even numbers


def require_rois(x, rois, output_size):
    """Raise unless x are feature maps and rois regions of its images; return the index of the image of each."""
    require_maps(x)
    require_whole("output_size", output_size)
    rois = np.asarray(rois)
    if rois.ndim != 2 or rois.shape[1] != 5:
        raise ValueError(f"rois has shape {rois.shape}, expected (K, 5): image, left, top, right and bottom of each.")
    images = rois[:, 0].astype(int)
    if len(images) and (images.min() < 0 or images.max() >= len(x)):
        raise ValueError(
            f"rois name images from {images.min()} to {images.max()}, but x has {len(x)}: the first column is the "
            "index of the image in the batch."
        )
    return images
