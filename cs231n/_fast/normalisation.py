"""Batch normalisation of feature maps with ReLU, along memory."""

import numpy as np

from cs231n._errors import require_gains, require_maps, require_train_cache
from cs231n._fast.maps import pieces_of_maps
from cs231n._fast.relu import write_relu, write_relu_backward
from cs231n._threads import buffer, for_each


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
        write_relu(maps, out=maps)

    for_each(forward, pieces_of_maps(x))
    return out, (x, out, mean, std, gamma) if mode == "train" else None


def batchnorm_relu_backward_fast(dout, cache):
    """Compute the gradients (dx, dgamma, dbeta) of `batchnorm_relu_forward_fast`; see `batchnorm_backward_alt`."""
    require_train_cache(cache)
    x, out, mean, std, gamma = cache
    dx = np.empty(x.shape, np.result_type(dout, gamma))
    means = _of_entries(mean, x, dx.dtype)

    def sums(piece):
        dmaps = _as_rows(dx[piece])
        write_relu_backward(_as_rows(dout[piece]), _as_rows(out[piece]), dmaps)
        return np.einsum("nk->k", dmaps), np.einsum("nk,nk->k", dmaps, _centered(x[piece], means))

    pieces = pieces_of_maps(x)
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

    parts = zip(*for_each(sums, pieces_of_maps(x)), strict=True)
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
