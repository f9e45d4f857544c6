"""Batch normalisation of feature maps, followed by ReLU, piece by piece in parallel.

Every step runs along contiguous memory, over whole images as rows of C * H * W values. Steps that switch to the value
of the next channel every H * W entries take three times as long, so each channel's value is repeated for all entries of
an image first (`_per_entry`).
"""

import numpy as np

from cs231n._aligned import empty
from cs231n._errors import (
    require_gains,
    require_gradient,
    require_maps,
    require_settings,
    require_some,
    require_train_cache,
)
from cs231n._fast.feature_maps import pieces_of_maps, sum_of_products, sum_of_rows
from cs231n._fast.relu import write_relu, write_relu_backward
from cs231n._precision import in_float32
from cs231n._threads import buffer, for_each
from cs231n.layers import BATCHNORM_SETTINGS


@in_float32
def batchnorm_relu_forward_fast(x, gamma, beta, bn_param):
    """Compute `spatial_batchnorm_forward` and ReLU in one go.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W)
    gamma, beta : ndarray of shape (C,)
    bn_param : dict
        As for `batchnorm_forward`; the running statistics in it are updated in train mode.

    Returns
    -------
    out : ndarray of shape (N, C, H, W)
    cache : tuple (x, out, mean, std, gamma)
        None in test mode.

    Raises
    ------
    ValueError
        If the mode is not 'train' or 'test', or the shapes do not fit.
    """
    require_maps(x)
    require_gains(gamma, beta, x.shape[1])
    require_settings(bn_param, BATCHNORM_SETTINGS, "bn_param")
    mode, eps, momentum = bn_param["mode"], bn_param.get("eps", 1e-5), bn_param.get("momentum", 0.9)
    out = empty(x.shape, np.result_type(x, gamma, beta))
    running_mean = bn_param.get("running_mean", np.zeros(len(gamma), out.dtype))
    running_var = bn_param.get("running_var", np.zeros(len(gamma), out.dtype))
    if mode == "train":
        require_some(x, "x", "mean of the batch")
        mean, var = _mean_and_variance(x, out.dtype)
        bn_param["running_mean"] = momentum * running_mean + (1 - momentum) * mean
        bn_param["running_var"] = momentum * running_var + (1 - momentum) * var
    elif mode == "test":
        mean, var = running_mean, running_var
    else:
        raise ValueError(f'Invalid forward batchnorm mode "{mode}": expected "train" or "test".')
    std = np.sqrt(var + eps)
    means, scales, shifts = (_per_entry(values, x, out.dtype) for values in (mean, gamma / std, beta))

    def forward(piece):
        maps = _as_rows(out[piece])
        np.subtract(_as_rows(x[piece]), means, out=maps)
        maps *= scales
        maps += shifts
        write_relu(maps, out=maps)

    for_each(forward, pieces_of_maps(x))
    return out, (x, out, mean, std, gamma) if mode == "train" else None


@in_float32
def batchnorm_relu_backward_fast(dout, cache):
    """Compute the gradients (dx, dgamma, dbeta) of `batchnorm_relu_forward_fast`; see `batchnorm_backward_alt`."""
    require_train_cache(cache)
    x, out, mean, std, gamma = cache
    require_gradient(dout, out.shape)
    dx = empty(x.shape, np.result_type(dout, gamma))
    means = _per_entry(mean, x, dx.dtype)

    def sums(piece):
        dmaps = _as_rows(dx[piece])
        write_relu_backward(_as_rows(dout[piece]), _as_rows(out[piece]), dmaps)
        return sum_of_rows(dmaps), sum_of_products(dmaps, _centred(x[piece], means))

    pieces = pieces_of_maps(x)
    dbeta, dgamma = (_sums_per_channel(parts, x) for parts in zip(*for_each(sums, pieces), strict=True))
    dgamma /= std
    size = x.size // len(gamma)
    through_var, through_mean, scales = (
        _per_entry(values, x, dx.dtype) for values in (dgamma / std / size, dbeta / size, gamma / std)
    )

    def backward(piece):
        dmaps, part = _as_rows(dx[piece]), _centred(x[piece], means)
        part *= through_var
        dmaps -= part
        dmaps -= through_mean
        dmaps *= scales

    for_each(backward, pieces)
    return dx, dgamma, dbeta


def _mean_and_variance(x, dtype):
    """Compute the mean and variance of each channel of x (N, C, H, W) in one pass.

    The variance is mean(x^2) - mean(x)^2, which loses its digits to cancellation where the mean is far from 0. So a
    value near the mean is subtracted from x first: the mean of the first image, which is off by at most sqrt(N)
    standard deviations. Chan, Golub and LeVeque (1983), "Algorithms for computing the sample variance".
    """
    shift = x[0].mean(axis=(1, 2), dtype=dtype)
    shifts = _per_entry(shift, x, dtype)

    def sums(piece):
        rows = _centred(x[piece], shifts)
        return sum_of_rows(rows), sum_of_products(rows, rows)

    parts = zip(*for_each(sums, pieces_of_maps(x)), strict=True)
    first, second = (_sums_per_channel(part, x) * (len(shift) / x.size) for part in parts)  # the means of both
    return shift + first, second - first**2


def _as_rows(maps):
    """Reshape feature maps (n, C, H, W) to one row for each image, (n, C * H * W)."""
    return maps.reshape(len(maps), -1)


def _centred(maps, means):
    """Subtract `means` (C * H * W,) from each image of feature maps (n, C, H, W): rows (n, C * H * W) in a buffer."""
    rows = _as_rows(maps)
    return np.subtract(rows, means, out=buffer("centred", rows.shape, means.dtype))


def _per_entry(values, x, dtype):
    """Repeat each channel's value for all entries of an image of x (N, C, H, W): (C,) -> (C * H * W,)."""
    return np.repeat(values.astype(dtype, copy=False), x.shape[2] * x.shape[3])


def _sums_per_channel(parts, x):
    """Add up sums over some of the images of x (N, C, H, W), each of shape (C * H * W,), for each channel: (C,)."""
    return sum(parts).reshape(x.shape[1], -1).sum(axis=1)
