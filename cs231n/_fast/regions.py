"""RoI pooling for training: all regions at once, where `cs231n.roi_layers` goes bin by bin."""

import numpy as np

from cs231n.roi_layers import bin_edges, require_rois, rounded_corners


def roi_pool_forward_fast(x, rois, output_size, spatial_scale=1.0):
    """Compute the same as `roi_pool_forward`, with a cache of its own.

    Every bin is looked at through a window of the same size, that of the largest bin; where a bin is smaller, its last
    row or column is looked at again, which changes no maximum.
    """
    images = require_rois(x, rois, output_size)
    N, C, H, W = x.shape
    left, top, right, bottom = rounded_corners(rois, spatial_scale).T
    rows, has_rows = _windows(*bin_edges(top, bottom, output_size, H), H)  # (K, S, h), (K, S)
    columns, has_columns = _windows(*bin_edges(left, right, output_size, W), W)  # (K, S, w), (K, S)
    K, S, h = rows.shape
    places = rows[:, :, np.newaxis, :, np.newaxis] * W + columns[:, np.newaxis, :, np.newaxis]  # (K, S, S, h, w)
    places = places.reshape(K, S, S, h * columns.shape[2]) + (images * H * W)[:, np.newaxis, np.newaxis, np.newaxis]
    by_place = x.transpose(0, 2, 3, 1).reshape(-1, C)  # (N * H * W, C)
    exists = (has_rows[:, :, np.newaxis] & has_columns[:, np.newaxis])[..., np.newaxis]  # (K, S, S, 1)
    out = np.where(exists, by_place[places].max(axis=3), 0)  # (K, S, S, h * w, C) -> (K, S, S, C)
    return out.transpose(0, 3, 1, 2), (x.shape, by_place, places, exists)


def roi_pool_backward_fast(dout, cache):
    """Compute the gradient dx of `roi_pool_forward_fast`; only here is looked for where the largest entries are."""
    (N, C, H, W), by_place, places, exists = cache
    winners = np.take_along_axis(places, by_place[places].argmax(axis=3), axis=3)  # (K, S, S, C)
    targets = winners * C + np.arange(C)  # indices into N * H * W * C
    shares = np.where(exists, dout.transpose(0, 2, 3, 1), 0)
    dx = np.bincount(targets.ravel(), weights=shares.ravel(), minlength=N * H * W * C)
    return dx.reshape(N, H, W, C).transpose(0, 3, 1, 2).astype(dout.dtype)


def _windows(first, stop, length):
    """The indices in each bin along one axis, padded by its last one: (K, S, w); and whether it has any: (K, S)."""
    size = max(int((stop - first).max(initial=1)), 1)
    last = np.maximum(stop - 1, first)[..., np.newaxis]
    indices = np.minimum(first[..., np.newaxis] + np.arange(size), last)
    return np.clip(indices, 0, length - 1).astype(int), stop > first
