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
    images = _require_rois(x, rois, output_size)
    N, C, H, W = x.shape
    corners = _rounded(np.asarray(rois)[:, 1:] * spatial_scale)
    rows = _bins(corners[:, 1], corners[:, 3], output_size, H)  # (K, S, H), True where a row is in a bin
    columns = _bins(corners[:, 0], corners[:, 2], output_size, W)
    out = np.zeros((len(images), C, output_size, output_size), dtype=x.dtype)
    winners = np.full(out.shape, -1)
    for k, image in enumerate(images):
        for i in range(output_size):
            for j in range(output_size):
                inside = np.flatnonzero(rows[k, i][:, np.newaxis] & columns[k, j])  # indices into H * W
                if len(inside):
                    entries = x[image].reshape(C, H * W)[:, inside]
                    winners[k, :, i, j] = inside[entries.argmax(axis=1)]
                    out[k, :, i, j] = entries.max(axis=1)
    return out, (x.shape, images, winners)


@in_float32
def roi_pool_backward(dout, cache):
    """Compute the gradient dx of `roi_pool_forward`: dout goes to the largest entry of each bin, and adds up there."""
    shape, images, winners = cache
    require_gradient(dout, winners.shape)
    N, C, H, W = shape
    dx = np.zeros((N, C, H * W), dtype=dout.dtype)
    channels = np.arange(C)[:, np.newaxis, np.newaxis]
    for image, winner, dregion in zip(images, winners, dout, strict=True):
        exists = winner >= 0
        np.add.at(dx[image], (np.broadcast_to(channels, winner.shape)[exists], winner[exists]), dregion[exists])
    return dx.reshape(shape)


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
    images = _require_rois(x, rois, output_size)
    require_whole("sampling_ratio", sampling_ratio)
    H, W = x.shape[2:]
    left, top, right, bottom = (np.asarray(rois)[:, 1:] * spatial_scale).T
    rows = _sampling(top, bottom, output_size, sampling_ratio, H).astype(x.dtype)  # (K, S, H)
    columns = _sampling(left, right, output_size, sampling_ratio, W).astype(x.dtype)
    out = rows[:, np.newaxis] @ x[images] @ columns[:, np.newaxis].swapaxes(2, 3)  # (K, C, S, S)
    return out, (x.shape, images, rows, columns)


@in_float32
def roi_align_backward(dout, cache):
    """Compute the gradient dx of `roi_align_forward`: to the four entries around each point, by the same weights."""
    shape, images, rows, columns = cache
    require_gradient(dout, (len(images), shape[1], rows.shape[1], columns.shape[1]))
    dregions = rows[:, np.newaxis].swapaxes(2, 3) @ dout @ columns[:, np.newaxis]  # (K, C, H, W)
    dx = np.zeros(shape, dtype=dout.dtype)
    np.add.at(dx, images, dregions)
    return dx


def _sampling(start, end, num_bins, num_points, length):
    """Weights that average the points of each bin along one axis, of shape (K, num_bins, length)."""
    # Points are counted so that 0 is the centre of the first entry.
    steps = (np.arange(num_bins * num_points) + 0.5) / (num_bins * num_points)
    points = start[:, np.newaxis] + (end - start)[:, np.newaxis] * steps - 0.5  # (K, num_bins * num_points)
    is_inside = (points >= -1) & (points <= length)
    points = np.clip(points, 0, length - 1)  # the outermost entries reach up to the edge
    weights = np.maximum(1 - np.abs(points[:, :, np.newaxis] - np.arange(length)), 0)
    weights = weights * is_inside[:, :, np.newaxis]
    return weights.reshape(len(start), num_bins, num_points, length).mean(axis=2)


def _bins(start, end, num_bins, length):
    """For each region and bin, which entries along one axis are in it: boolean of shape (K, num_bins, length)."""
    size = np.maximum(end - start + 1, 1)[:, np.newaxis] / num_bins
    edges = np.arange(num_bins)
    first = np.floor(edges * size) + start[:, np.newaxis]
    stop = np.ceil((edges + 1) * size) + start[:, np.newaxis]
    entries = np.arange(length)
    return (entries >= first[:, :, np.newaxis]) & (entries < stop[:, :, np.newaxis])


def _rounded(values):
    """Round halves away from 0, as C does; `np.round` would round them to even numbers."""
    return np.sign(values) * np.floor(np.abs(values) + 0.5)


def _require_rois(x, rois, output_size):
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
