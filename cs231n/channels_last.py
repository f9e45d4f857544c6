"""Layers for feature maps with the channels last, (N, H, W, C): a net that stays in this order trains faster.

The contract is that of `cs231n.layers` but for the order of the axes: ``x_forward(...)`` returns ``(out, cache)``,
``x_backward(dout, cache)`` returns the gradients. Feature maps have the shape (N, H, W, C), filters that of all other
layers, (F, C, HH, WW). Everything is computed in the type of the feature maps, float32 or float64. Inputs are not
changed, apart from the running statistics in `bn_param`. An array given as ``out`` or ``dx`` is filled and returned.

Why it is fast: with the channels last, a window's row of pixels is one run of memory, so that the matrix of all windows
of a few images is copied quickly, and a convolution is one matrix product with as many columns as there are filters.
With 3 x 3 filters and many channels it is computed by tiles, with fewer multiplications (`_fast/winograd.py`).
Sums for each channel and steps for each channel run along memory as well. Nothing is ever put into another order.

`conv_forward`, `batchnorm_bias_forward`, `max_pool_forward` and their backward passes are single layers. A net is made
of longer ones, which never store what lies between their layers:

- `norm_act_conv_forward`: batch normalisation, an activation, a convolution, and max pooling if wanted,
- `norm_relu_pool_forward`: batch normalisation, ReLU, and max pooling,
- `patch_act_conv_forward`: small fixed filters on images, a bias and an activation, then a convolution as above.

Before a layer's maps are pooled, they exist for a few images at a time, and so do the activations and their slopes; a
backward pass computes them once more, which takes less time than to store and to read them. Maps that a 2 x 2 window
would leave over (an odd last row or column) are not computed at all.

A batch is cut into the same parts with one thread and with two, and sums are added up in their order: results are the
same to the bit.
"""

from functools import partial
from math import prod

import numpy as np

from cs231n._aligned import empty
from cs231n._errors import require_fitting, require_gradient, require_settings, require_some, require_train_cache
from cs231n._fast.conv_last import Framed, Windows, backward_ways, conv_of, first_exact, forward_ways, quietly
from cs231n._fast.feature_maps import sum_of_products, sum_of_rows
from cs231n._fast.written_activations import ACTIVATIONS
from cs231n._threads import buffer, count, for_each, pieces_of
from cs231n._windows import require_window

SLICES = 8  # parts of a batch that are handed to threads, at most; each adds up its own gradients
PIECE = 1 << 20  # bytes of feature maps that are normalised or pooled at a time
ROW = 1 << 13  # values of the lines of an image that are processed as one
NO_WINNER = 4  # of a square of four entries: ReLU lets none through
NORM_SETTINGS = frozenset({"mode", "eps", "momentum", "running_mean", "running_var"})


def _slices(length, at_a_time=1):
    """Cut a batch into slices for the threads, of as many images as should be processed at a time, if there are."""
    step = max(-(-length // SLICES), min(at_a_time, -(-length // max(2, count()))))
    return pieces_of(length, step) if length else []


def _pieces(part, step):
    """Cut a slice into slices of `step`."""
    return [slice(i, min(i + step, part.stop)) for i in range(part.start, part.stop, step)]


# ---- convolution


def conv_forward(x, w, pad=1, pool=False, out=None):
    """Compute a convolution with stride 1 and without bias, and 2 x 2 max pooling if `pool` is True.

    Parameters
    ----------
    x : ndarray of shape (N, H, W, C)
    w : ndarray of shape (F, C, HH, WW)
    pad : int
        Zeros around each image.
    pool : bool
        Whether each 2 x 2 square of the maps is replaced by its largest entry. An odd last row or column is left out.
    out : ndarray, optional
        An array for the output.

    Returns
    -------
    out : ndarray of shape (N, H_out, W_out, F)
    cache : tuple

    Raises
    ------
    ValueError
        If the shapes do not fit together.

    Examples
    --------
    >>> x = np.arange(9.0).reshape(1, 3, 3, 1)
    >>> conv_forward(x, np.ones((1, 1, 2, 2)), pad=0)[0][0, :, :, 0]
    array([[ 8., 12.],
           [20., 24.]])
    """
    _require_conv(x, w)
    return _forward(_Given(x), None, w, pad, pool, out)


def conv_backward(dout, cache, needs_dx=True):
    """Compute the gradients (dx, dw) of `conv_forward`; without `needs_dx`, dx is None and costs nothing."""
    given = cache[0]
    dx = empty(given.shape, given.dtype) if needs_dx else None
    dw, _ = _backward(dout, cache, lambda piece, gradient: np.copyto(dx[piece], gradient), needs_dx)
    return dx, dw


class _Given:
    """Inputs of a convolution that are there already."""

    def __init__(self, x):
        self.x = x

    @property
    def shape(self):
        return self.x.shape

    @property
    def dtype(self):
        return self.x.dtype

    def maps(self, piece):
        """Return the inputs of a piece, (n, H, W, C)."""
        return self.x[piece]


def _forward(given, activation, w, pad, pool, out):
    """Apply an activation to what is given, a convolution, and pooling; return (out, cache)."""
    conv = conv_of(given.shape, w, pad, pool, given.dtype)
    out = _array(out, conv.out_shape, given.dtype)
    winners = empty(out.shape, np.uint8) if pool else None
    activate, _ = ACTIVATIONS[activation]

    @quietly
    def write(way, part):
        for piece in _pieces(part, way.images_at_a_time()):
            inputs = way.inputs(piece.stop - piece.start)
            for few, own in _few(given, piece):
                activate(given.maps(few), inputs.inner[own])
            if pool:
                _write_pooled(way.maps(inputs), out[piece], winners[piece])
            else:
                way.maps(inputs, out[piece])

    def compute(way):
        for_each(partial(write, way), _slices(len(out), way.images_at_a_time()))

    first_exact(compute, forward_ways(conv, w))
    return out, (given, activation, conv, w, winners)


def _backward(dout, cache, take, needs_dx=True):
    """Return dw and the results of `take`.

    take(piece, gradient) gets the gradient of what was given, (n, H, W, C); without `needs_dx` it is not called. Its
    results, tuples of arrays, are added up for each slice: a list of sums, one for each slice.
    """
    given, activation, conv, w, winners = cache
    require_gradient(dout, conv.out_shape)
    activate, activate_with_slope = ACTIVATIONS[activation]
    has_slope = needs_dx and activation is not None

    @quietly
    def sums(way, part):
        dw = taken = None
        for piece in _pieces(part, way.images_at_a_time()):
            number = piece.stop - piece.start
            inputs, dmaps = way.arrays(number)
            slope = buffer("slope", (number, *given.shape[1:]), given.dtype) if has_slope else None
            for few, own in _few(given, piece):
                if has_slope:
                    activate_with_slope(given.maps(few), inputs.inner[own], slope[own])
                else:
                    activate(given.maps(few), inputs.inner[own])
            if winners is None:
                dmaps.inner[...] = dout[piece]
            else:
                _write_unpooled(dout[piece], winners[piece], dmaps.inner)
            more, gradient = way.gradients(inputs, dmaps, needs_dx)
            dw = more.copy() if dw is None else np.add(dw, more, out=dw)
            for few, own in _few(given, piece) if needs_dx else ():
                if has_slope:
                    gradient[own] *= slope[own]
                taken = _plus(taken, take(few, gradient[own]))
        return way.filters_gradient(dw), taken

    def compute(way):
        slices = _slices(len(dout), way.images_at_a_time())
        dws, taken = zip(*for_each(partial(sums, way), slices), strict=True)
        return np.ascontiguousarray(sum(dws)), taken

    return first_exact(compute, backward_ways(conv, w, needs_dx))


def _few(given, piece):
    """Cut a piece into as few images as stay in the processor's cache, for steps that pass over them many times.

    Each pair of slices has their place in the batch, and that in the piece.
    """
    few = _pieces(piece, _images_per_piece(given))
    return [(images, slice(images.start - piece.start, images.stop - piece.start)) for images in few]


def _images_per_piece(maps):
    """Return how many images of maps (N, H, W, C) stay in the processor's cache."""
    return max(1, PIECE // max(1, prod(maps.shape[1:]) * maps.dtype.itemsize))


def _plus(sums, more):
    """Add up tuples of arrays; None is nothing."""
    if sums is None or more is None:
        return more if sums is None else sums
    return tuple(a + b for a, b in zip(sums, more, strict=True))


def _array(given, shape, dtype):
    """Return the array that was given for a result, or a new one."""
    if given is None:
        return empty(shape, dtype)
    if given.shape != shape or given.dtype != dtype or not given.flags.c_contiguous:
        raise ValueError(
            f"the array for the result has shape {given.shape} and dtype {given.dtype}, expected {shape} and "
            f"{np.dtype(dtype)}, contiguous."
        )
    return given


def _require_conv(x, w):
    if x.ndim != 4 or w.ndim != 4 or x.shape[3] != w.shape[1]:
        raise ValueError(
            f"x has shape {x.shape} and w {w.shape}, expected (N, H, W, C) and (F, C, HH, WW) with the same C: the "
            "channels of x are last here. x.transpose(0, 2, 3, 1) moves them there."
        )


# ---- max pooling


def max_pool_forward(x, size=2):
    """Compute max pooling of squares of `size` x `size` pixels side by side.

    Parameters
    ----------
    x : ndarray of shape (N, H, W, C)
    size : int
        Rows and columns at the end that do not fill a square are left out.

    Returns
    -------
    out : ndarray of shape (N, H // size, W // size, C)
    cache : tuple

    Raises
    ------
    ValueError
        If a square does not fit into the maps.

    Examples
    --------
    >>> max_pool_forward(np.arange(9.0).reshape(1, 3, 3, 1))[0].ravel()
    array([4.])
    """
    N, H, W, C = x.shape
    require_window((N, C, H, W), (size, size), size)
    out = empty((N, H // size, W // size, C), x.dtype)
    winners = empty(out.shape, np.uint8 if size < 16 else np.int32)
    slices = _slices(N, _images_per_piece(x))
    for_each(lambda part: _write_pooled(x[part], out[part], winners[part], size), slices)
    return out, (x.shape, size, winners)


def max_pool_backward(dout, cache):
    """Compute the gradient dx of `max_pool_forward`."""
    shape, size, winners = cache
    require_gradient(dout, winners.shape)
    dx = np.zeros(shape, dout.dtype)
    slices = _slices(len(dx), _images_per_piece(dx))
    for_each(lambda part: _write_unpooled(dout[part], winners[part], dx[part], size), slices)
    return dx


def _write_pooled(maps, largest, winner, size=2):
    """Write the largest entry of each square into `largest`, and which one it is, in reading order, into `winner`."""
    largest[...], winner[...] = _entries(maps, 0, winner.shape, size), 0
    for k in range(1, size * size):
        others = buffer("others", largest.shape, largest.dtype)
        others[...] = _entries(maps, k, winner.shape, size)  # copied, as it is read twice
        wins = np.greater(others, largest, out=buffer("wins", winner.shape, winner.dtype), casting="unsafe")
        wins *= winner.dtype.type(k)
        np.maximum(winner, wins, out=winner)  # k grows, so the latest winner stays
        np.maximum(largest, others, out=largest)


def _write_unpooled(dlargest, winner, dmaps, size=2):
    """Write each gradient to the entry of `dmaps` that won, and 0 to the others of its square."""
    for k in range(size * size):
        wins = np.equal(winner, k, out=buffer("wins", winner.shape, bool))
        np.multiply(dlargest, wins, out=_entries(dmaps, k, winner.shape, size))


def _entries(maps, k, shape, size):
    """Entry k of each square, in reading order: a view of `shape` (n, H_out, W_out, C)."""
    _, H_out, W_out, _ = shape
    return maps[:, k // size : H_out * size : size, k % size : W_out * size : size]


# ---- batch normalisation without gamma


def batchnorm_bias_forward(x, beta, bn_param):
    """Compute batch normalisation of each channel, with a shift and without a scale.

    out = (x - mean) / sqrt(var + eps) + beta

    Where ReLU or a normalisation follows, a scale changes little that the next layer could not change itself.

    Parameters
    ----------
    x : ndarray of shape (N, H, W, C)
    beta : ndarray of shape (C,)
    bn_param : dict
        As for `cs231n.layers.batchnorm_forward`: ``mode``, ``eps``, ``momentum``, and the running statistics.

    Returns
    -------
    out : ndarray of shape (N, H, W, C)
    cache : tuple
        None in test mode.

    Raises
    ------
    ValueError
        If the mode is not 'train' or 'test', or the shapes do not fit.

    Notes
    -----
    Ioffe and Szegedy (2015), "Batch normalization: accelerating deep network training by reducing internal covariate
    shift"; without gamma in the recipe of Jordan (2024), arXiv 2404.00498.

    Examples
    --------
    >>> x = np.array([1.0, 3.0]).reshape(2, 1, 1, 1)
    >>> batchnorm_bias_forward(x, np.array([5.0]), {"mode": "train", "eps": 0})[0].ravel()
    array([4., 6.])
    """
    given = _normalised(x, None, beta, bn_param)
    out = empty(x.shape, x.dtype)
    for_each(lambda part: [given.maps(piece, out[piece]) for piece in given.pieces(part)], given.slices())
    return out, given if bn_param["mode"] == "train" else None


def batchnorm_bias_backward(dout, cache, dx=None):
    """Compute the gradients (dx, dbeta) of `batchnorm_bias_forward`."""
    require_train_cache(cache)
    require_gradient(dout, cache.shape)
    dx, _, dbeta = cache.gradients(lambda piece, maps: np.copyto(maps, dout[piece]), dx)
    return dx, dbeta


class _Normalised:
    """Feature maps x (N, H, W, C) that are normalised, scaled by gamma if there is one, and shifted, piece by piece.

    Each channel's value is repeated for the pixels of a few lines of an image, a *row*: NumPy is fast along thousands
    of values, and slow along C.
    """

    def __init__(self, x, mean, std, gamma, beta):
        self.x, self.std, self.has_gamma = x, std.astype(x.dtype), gamma is not None
        _, H, W, C = x.shape
        lines = max((n for n in range(1, H + 1) if H % n == 0 and n * W * C <= ROW), default=1)
        self.pixels = lines * W  # of a row
        scale = gamma / std if self.has_gamma else 1 / std
        self.mean, self.scale, self.beta = (self._per_row(values) for values in (mean, scale, beta))

    shape, dtype = _Given.shape, _Given.dtype

    def _per_row(self, values):
        return np.tile(values.astype(self.x.dtype), self.pixels)

    def _rows(self, maps):
        """Reshape maps (n, H, W, C) to rows (R, pixels * C); a view, if they are contiguous."""
        return maps.reshape(-1, self.pixels * self.x.shape[3])

    def per_channel(self, sums):
        """Add up sums for each entry of a row: (pixels * C,) -> (C,)."""
        return sums.reshape(self.pixels, -1).sum(axis=0)

    def slices(self):
        """Cut the batch into slices for the threads."""
        return _slices(len(self.x), _images_per_piece(self.x))

    def pieces(self, part):
        """Cut a slice of the batch into pieces that stay in the processor's cache."""
        return _pieces(part, _images_per_piece(self.x))

    def centred(self, piece):
        """Return the rows of a piece of x minus the mean, in a buffer."""
        rows = self._rows(self.x[piece])
        return np.subtract(rows, self.mean, out=buffer("centred", rows.shape, rows.dtype))

    def maps(self, piece, out=None):
        """Return the normalised maps of a piece, in `out` or in a buffer."""
        x = self.x[piece]
        out = buffer("normalised", x.shape, x.dtype) if out is None else out
        rows = np.subtract(self._rows(x), self.mean, out=self._rows(out))
        rows *= self.scale
        rows += self.beta
        return out

    def gradients(self, write, dx=None):
        """Return (dx, dgamma, dbeta); write(piece, maps) writes the gradient of the normalised maps of a piece."""
        dx = _array(dx, self.shape, self.dtype)

        def work(part):
            sums = None
            for piece in self.pieces(part):
                write(piece, dx[piece])
                sums = _plus(sums, self.sums(piece, dx[piece]))
            return sums

        return dx, *self.finish(dx, for_each(work, self.slices()))

    def sums(self, piece, dmaps):
        """Sum the gradient of a piece for each entry of a row, and its product with x - mean: two of (pixels * C,)."""
        rows = self._rows(dmaps)
        return sum_of_rows(rows), sum_of_products(rows, self.centred(piece))

    def finish(self, dx, sums):
        """Turn dx, the gradient of the normalised maps, into that of x, given their sums; return (dgamma, dbeta).

        dx <- (dx - mean(dx) - x_hat * mean(dx * x_hat)) * gamma / std, with x_hat = (x - mean(x)) / std.
        """
        dbeta, products = (self.per_channel(sum(part)) for part in zip(*sums, strict=True))
        dgamma = products / self.std  # the sum of dx * x_hat
        number = dx.size / len(dbeta)
        means = self._per_row(dbeta / number)
        slopes = self._per_row(dgamma / number / self.std)

        def work(part):
            for piece in self.pieces(part):
                rows, through_mean = self._rows(dx[piece]), self.centred(piece)
                through_mean *= slopes
                through_mean += means
                rows -= through_mean
                rows *= self.scale

        for_each(work, self.slices())
        return dgamma if self.has_gamma else None, dbeta


def _normalised(x, gamma, beta, bn_param):
    """Find the statistics of the batch, or take the running ones, and return what normalises x."""
    require_settings(bn_param, NORM_SETTINGS, "bn_param")
    for name, values in (("gamma", gamma), ("beta", beta)):
        if values is not None:
            require_fitting(name, values, x.shape[3:], "the number of channels of x")
    mode, eps, momentum = bn_param["mode"], bn_param.get("eps", 1e-5), bn_param.get("momentum", 0.9)
    running_mean = bn_param.get("running_mean", np.zeros(len(beta), x.dtype))
    running_var = bn_param.get("running_var", np.zeros(len(beta), x.dtype))
    if mode == "train":
        require_some(x, "x", "mean of the batch")
        mean, var = _mean_and_variance(x)
        bn_param["running_mean"] = (momentum * running_mean + (1 - momentum) * mean).astype(x.dtype)
        bn_param["running_var"] = (momentum * running_var + (1 - momentum) * var).astype(x.dtype)
    elif mode == "test":
        mean, var = running_mean, running_var
    else:
        raise ValueError(f'Invalid forward batchnorm mode "{mode}": expected "train" or "test".')
    return _Normalised(np.ascontiguousarray(x), mean, np.sqrt(var + eps), gamma, beta)


def _mean_and_variance(x):
    """Return the mean and the variance of each channel of x (N, H, W, C), of float64, in one pass over x.

    Squares of values far from 0 lose digits (see `_fast.normalisation`), so the mean of the first image is subtracted.
    """
    shift = x[0].mean(axis=(0, 1), dtype=np.float64)
    given = _Normalised(np.ascontiguousarray(x), shift, np.ones_like(shift), None, np.zeros_like(shift))

    def work(part):
        sums = None
        for piece in given.pieces(part):
            rows = given.centred(piece)
            both = sum_of_rows(rows), sum_of_products(rows, rows)
            sums = _plus(sums, tuple(each.astype(np.float64) for each in both))
        return sums

    parts = for_each(work, given.slices())
    first, second = (given.per_channel(sum(part)) * (len(shift) / x.size) for part in zip(*parts, strict=True))
    return given.mean[: len(shift)] + first, second - first**2


# ---- layers in one go


def norm_act_conv_forward(x, gamma, beta, w, bn_param, activation="gelu", pool=False, out=None):
    """Compute batch normalisation, an activation, and a convolution with padding, in one go.

    Parameters
    ----------
    x : ndarray of shape (N, H, W, C)
    gamma : ndarray of shape (C,), or None
        None stands for a normalisation without a scale.
    beta : ndarray of shape (C,)
    w : ndarray of shape (F, C, HH, WW)
        HH = WW is odd; the padding of (HH - 1) / 2 keeps the size.
    bn_param : dict
        As for `batchnorm_bias_forward`.
    activation : {'gelu', 'relu'}
    pool : bool
        As for `conv_forward`.
    out : ndarray, optional
        An array for the output.

    Returns
    -------
    out : ndarray of shape (N, H, W, F), or (N, H // 2, W // 2, F) with `pool`
    cache : tuple
        None in test mode.

    Raises
    ------
    ValueError
        If the shapes do not fit together, or there is no such activation or mode.
    """
    _require_conv(x, w)
    _require_activation(activation)
    out, cache = _forward(_normalised(x, gamma, beta, bn_param), activation, w, _same_pad(w), pool, out)
    return out, cache if bn_param["mode"] == "train" else None


def norm_act_conv_backward(dout, cache, dx=None):
    """Compute the gradients (dx, dgamma, dbeta, dw) of `norm_act_conv_forward`; without gamma, dgamma is None."""
    require_train_cache(cache)
    given = cache[0]
    dx = _array(dx, given.shape, given.dtype)

    def take(piece, gradient):
        dx[piece] = gradient
        return given.sums(piece, dx[piece])

    dw, sums = _backward(dout, cache, take)
    return dx, *given.finish(dx, sums), dw


def norm_relu_pool_forward(x, gamma, beta, bn_param):
    """Compute batch normalisation, ReLU, and max pooling of 2 x 2 squares side by side, in one go.

    Parameters
    ----------
    x : ndarray of shape (N, H, W, C)
        An odd last row or column has a part in the statistics, but is in no square.
    gamma : ndarray of shape (C,), or None
        None stands for a normalisation without a scale.
    beta : ndarray of shape (C,)
    bn_param : dict
        As for `batchnorm_bias_forward`.

    Returns
    -------
    out : ndarray of shape (N, H // 2, W // 2, C)
    cache : tuple
        None in test mode.

    Raises
    ------
    ValueError
        If the shapes do not fit together, a square does not fit into the maps, or there is no such mode.
    """
    N, H, W, C = x.shape
    require_window((N, C, H, W), (2, 2), 2)
    given = _normalised(x, gamma, beta, bn_param)
    out = empty((N, H // 2, W // 2, C), given.dtype)
    winners = empty(out.shape, np.uint8)

    def work(part):
        for piece in given.pieces(part):
            largest, winner = out[piece], winners[piece]
            _write_pooled(given.maps(piece), largest, winner)  # ReLU can wait: the largest entry stays the largest
            np.maximum(winner, (largest <= 0) * np.uint8(NO_WINNER), out=winner)
            np.maximum(largest, 0, out=largest)

    for_each(work, given.slices())
    return out, (given, winners) if bn_param["mode"] == "train" else None


def norm_relu_pool_backward(dout, cache, dx=None):
    """Compute the gradients (dx, dgamma, dbeta) of `norm_relu_pool_forward`; without gamma, dgamma is None."""
    require_train_cache(cache)
    given, winners = cache
    require_gradient(dout, winners.shape)

    def write(piece, dmaps):
        if dmaps.size > 4 * winners[piece].size:  # entries in no square
            dmaps[...] = 0
        _write_unpooled(dout[piece], winners[piece], dmaps)

    return given.gradients(write, dx)


def patch_act_conv_forward(X, filters, b, w, activation="gelu", pool=False, out=None):
    """Compute a small convolution of images with fixed filters and a bias, an activation, and a convolution.

    Parameters
    ----------
    X : ndarray of shape (N, D, H, W)
        Images, with the channels first, of any type; they become channels last here.
    filters : ndarray of shape (C, D, hh, ww)
        They have no gradient. There is no padding: the first maps have the size (H - hh + 1, W - ww + 1).
    b : ndarray of shape (C,)
    w : ndarray of shape (F, C, HH, WW)
        HH = WW is odd; the padding of (HH - 1) / 2 keeps the size.
    activation, pool, out
        As for `norm_act_conv_forward`.

    Returns
    -------
    out : ndarray
        In the type of the filters, with the channels last.
    cache : tuple

    Raises
    ------
    ValueError
        If the shapes do not fit together, or there is no such activation.
    """
    _require_activation(activation)
    require_window(X.shape, filters.shape[2:], 1)
    if X.shape[1] != filters.shape[1] or len(filters) != w.shape[1]:
        raise ValueError(
            f"X has shape {X.shape}, filters {filters.shape} and w {w.shape}, expected (N, D, H, W), (C, D, hh, ww) "
            "and (F, C, HH, WW)."
        )
    require_fitting("b", b, (len(filters),), "the number of filters")
    return _forward(_Patches(X, filters, b), activation, w, _same_pad(w), pool, out)


def patch_act_conv_backward(dout, cache, needs_db=True):
    """Compute the gradients (db, dw) of `patch_act_conv_forward`; without `needs_db`, db is None and costs nothing."""
    dw, sums = _backward(dout, cache, lambda piece, gradient: (gradient.sum(axis=(0, 1, 2)),), needs_db)
    return (sum(part for (part,) in sums) if needs_db else None), dw


class _Patches:
    """The maps of fixed filters on images X (N, D, H, W), computed piece by piece: (N, H', W', C)."""

    def __init__(self, X, filters, b):
        N, D, H, W = X.shape
        self.X, self.b = X, b
        self.first = Windows(conv_of((N, H, W, D), filters, pad=0, pool=False, dtype=filters.dtype), filters)

    @property
    def shape(self):
        return self.first.conv.out_shape

    @property
    def dtype(self):
        return self.first.conv.dtype

    def maps(self, piece):
        """Return the maps of a piece, in a buffer."""
        X = self.X[piece]
        n, D, H, W = X.shape
        images = buffer("images", (n, H, W, D), self.dtype)
        images[...] = X.transpose(0, 2, 3, 1)
        maps = self.first.maps(Framed(images, images))
        maps += self.b
        return maps


def _same_pad(w):
    if w.shape[2] != w.shape[3] or w.shape[2] % 2 == 0:
        raise ValueError(f"w has shape {w.shape}, expected filters of an odd size, as high as wide.")
    return w.shape[2] // 2


def _require_activation(activation):
    if activation not in ("gelu", "relu"):
        raise ValueError(f"activation is {activation!r}, expected 'gelu' or 'relu'.")
