"""Ways to compute a convolution of maps with the channels last: by windows or by tiles.

A way is made for a convolution and its filters, and used by several threads, a few images at a time: it hands out
arrays of the calling thread to be filled with inputs, or with the gradient of maps, and computes from these. What it
returns is in buffers of that thread, unless it was given an array. After a batch, `is_exact` says whether the results
hold; if not, the next way has to be taken. The last one is always exact. `errors` are settings for `np.errstate`.
"""

from functools import wraps
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from cs231n._fast.feature_maps import zero_buffer
from cs231n._fast.windows import rotated
from cs231n._fast.winograd import LEAST_CHANNELS, Winograd
from cs231n._threads import buffer
from cs231n._windows import num_positions, require_window

COLUMNS = 1 << 23  # bytes of windows that are laid out at a time


class Convolution(NamedTuple):
    """A convolution of maps (N, H, W, C) with F filters."""

    shape: tuple  # (N, H, W, C)
    num_filters: int
    field: tuple  # (HH, WW)
    pad: int
    size: tuple  # (H_out, W_out): of the maps, without what pooling leaves over
    pool: bool
    dtype: np.dtype
    stride: int = 1

    @property
    def out_shape(self):
        """The shape of the output, pooled or not."""
        height, width = (length // 2 for length in self.size) if self.pool else self.size
        return (self.shape[0], height, width, self.num_filters)

    @property
    def suits_tiles(self):
        """Whether Winograd's algorithm can compute it, and takes less time."""
        channels = min(self.shape[3], self.num_filters)
        fits = self.stride == 1 and self.field == (3, 3) and self.pad <= 2 and min(self.size) > 0
        return fits and channels >= LEAST_CHANNELS and np.issubdtype(self.dtype, np.floating)

    @property
    def has_small_maps(self):
        """Whether dx is a convolution of dmaps, with windows at most twice as large, all in all, as those of x."""
        (_, H, W, C), (H_out, W_out) = self.shape, self.size
        fits = self.stride == 1 and self.pad < min(self.field)
        return fits and H * W * self.num_filters <= 2 * H_out * W_out * C

    def images_at_a_time(self, K):
        """Return how many images have windows of K values each that take about `COLUMNS` bytes."""
        return max(1, COLUMNS // max(1, self.size[0] * self.size[1] * K * self.dtype.itemsize))


def conv_of(shape, w, pad, pool, dtype, stride=1):
    """Return the convolution of maps of a shape (N, H, W, C) with filters w (F, C, HH, WW), if they fit."""
    N, H, W, C = shape
    require_window((N, C, H, W), w.shape[2:], stride, pad)
    size = tuple(num_positions(*axis, stride, pad) for axis in zip((H, W), w.shape[2:], strict=True))
    if pool:
        size = tuple(length - length % 2 for length in size)
    return Convolution(shape, len(w), w.shape[2:], pad, size, pool, np.dtype(dtype), stride)


def forward_ways(conv, w):
    """Yield the ways to compute a convolution, the fastest first."""
    if conv.suits_tiles:
        yield Tiles(conv, w)
    yield Windows(conv, w)


def backward_ways(conv, w, needs_dx):
    """Yield the ways to compute its gradients, the fastest first."""
    if conv.suits_tiles:
        yield FromTiles(conv, w)
    yield (FromMaps if needs_dx and conv.has_small_maps else FromWindows)(conv, w)


def first_exact(compute, ways):
    """Return compute(way) for the first way that proves exact."""
    for way in ways:
        result = compute(way)
        if way.is_exact:
            return result
    raise AssertionError("the last way is always exact")


def quietly(work):
    """Let work(way, part) be called with the settings for floating-point errors of the way."""

    @wraps(work)
    def wrapped(way, part):
        with np.errstate(**way.errors):
            return work(way, part)

    return wrapped


class Framed(NamedTuple):
    """An array of maps with zeros around them, and the maps alone."""

    whole: np.ndarray
    inner: np.ndarray


def framed(name, n, margins, size, whole, C, dtype):
    """Return a buffer for n maps of a size (H, W) that begin at `margins` in zeros of the size `whole`."""
    (above, left), (H, W) = margins, size
    shape = (n, *whole, C)
    array = buffer(name, shape, dtype) if tuple(whole) == tuple(size) else zero_buffer(name, shape, dtype)
    return Framed(array, array[:, above : above + H, left : left + W])


class _Direct:
    """What ways by windows have in common: `filters` is a matrix with a row for each value of a window."""

    is_exact, errors = True, {}

    def images_at_a_time(self):
        """Return how many images should be processed at a time."""
        return self.conv.images_at_a_time(len(self.filters))


class _Winograd:
    """What ways by tiles have in common: `values` are those of the filters at all points."""

    errors = {"over": "ignore", "invalid": "ignore"}  # `is_exact` tells

    @property
    def is_exact(self):
        """False if a result was not finite, which can be due to the algorithm."""
        return self.winograd.is_exact

    def images_at_a_time(self):
        """Return how many images should be processed at a time."""
        return self.winograd.images_at_a_time(*self.values.shape[1:])


# ---- forward


class Windows(_Direct):
    """A convolution as one product of the matrix of all windows and the filters."""

    def __init__(self, conv, w):
        self.conv = conv
        self.filters = np.ascontiguousarray(w.transpose(2, 3, 1, 0).reshape(-1, len(w)), conv.dtype)

    def inputs(self, n):
        """Return an array for the inputs of n images, (n, H, W, C)."""
        _, H, W, C = self.conv.shape
        pad = self.conv.pad
        return framed("padded", n, (pad, pad), (H, W), (H + 2 * pad, W + 2 * pad), C, self.conv.dtype)

    def maps(self, inputs, out=None):
        """Return the maps (n, H_out, W_out, F), in `out` or in a buffer."""
        n = len(inputs.whole)
        maps = buffer("maps", (n, *self.conv.size, self.conv.num_filters), self.conv.dtype) if out is None else out
        windows = columns(inputs.whole, self.conv.field, self.conv.size, self.conv.stride)
        np.matmul(windows, self.filters, out=rows(maps))
        return maps


class Tiles(_Winograd):
    """A convolution by Winograd's algorithm."""

    def __init__(self, conv, w):
        self.conv, self.winograd = conv, Winograd(conv.size, conv.dtype)
        self.values = self.winograd.filters(w)

    def inputs(self, n):
        """Return an array for the inputs of n images, (n, H, W, C)."""
        _, H, W, C = self.conv.shape
        pad = self.conv.pad
        # With pooling, a last row or column may be in no window.
        whole = [max(a, b) for a, b in zip(self.winograd.padded, (H + 2 * pad, W + 2 * pad), strict=True)]
        return framed("padded", n, (pad, pad), (H, W), whole, C, self.conv.dtype)

    def maps(self, inputs, out=None):
        """Return the maps (n, H_out, W_out, F), in `out` or in a buffer."""
        return self.winograd.maps(self.winograd.windows(inputs.whole), self.values, out)


# ---- backward


class FromWindows(_Direct):
    """Gradients by the windows of the inputs: dw is their product with dmaps; dx adds up their gradients."""

    def __init__(self, conv, w):
        self.conv, self.forward, self.shape = conv, Windows(conv, w), w.shape
        self.filters = self.forward.filters

    def arrays(self, n):
        """Return arrays for the inputs and the gradient of the maps of n images."""
        size = self.conv.size
        dmaps = framed("dmaps", n, (0, 0), size, size, self.conv.num_filters, self.conv.dtype)
        return self.forward.inputs(n), dmaps

    def gradients(self, inputs, dmaps, needs_dx=True):
        """Return the gradient of the matrix of filters, and that of the inputs (None if it is not needed)."""
        windows = columns(inputs.whole, self.conv.field, self.conv.size, self.conv.stride)
        out = buffer("dw", self.filters.shape, self.conv.dtype)
        dw = np.matmul(windows.T, rows(dmaps.whole), out=out)  # (K, n * P) @ (n * P, F) -> (K, F)
        if not needs_dx:
            return dw, None
        dwindows = np.matmul(rows(dmaps.whole), self.filters.T, out=windows)  # the windows have been used
        return dw, self._added(dwindows, inputs)

    def _added(self, dwindows, dinputs):
        """Add up the gradients of all windows (n * P, HH * WW * C) where they come from, in place of the inputs.

        So many windows of a row of windows are added at the same time that their rows of pixels do not overlap.
        """
        padded, stride = dinputs.whole, self.conv.stride
        (HH, WW), (H_out, W_out) = self.conv.field, self.conv.size
        dwindows = dwindows.reshape(len(padded), H_out, W_out, HH, WW * padded.shape[3])
        image, row, pixel, item = padded.strides
        padded[...] = 0
        apart = -(-WW // stride)
        for i, j in np.ndindex(HH, min(apart, W_out)):
            some = dwindows[:, :, j::apart, i]  # (n, H_out, ..., WW * C)
            strides = (image, stride * row, apart * stride * pixel, item)
            target = as_strided(padded[:, i:, stride * j :], some.shape, strides)
            target += some
        return dinputs.inner

    def filters_gradient(self, dw):
        """Rearrange the gradient of the matrix to the shape of the filters."""
        F, C, HH, WW = self.shape
        return dw.reshape(HH, WW, C, F).transpose(3, 2, 0, 1)


class FromMaps(_Direct):
    """The same by the windows of dmaps, which serve twice: dx is a convolution of dmaps, and dw their product with x.

    The filters of this convolution are rotated by 180 degrees, with input and output channels swapped.
    """

    def __init__(self, conv, w):
        self.conv, self.shape = conv, w.shape
        turned = w[:, :, ::-1, ::-1].transpose(2, 3, 0, 1)  # (HH, WW, F, C)
        self.filters = np.ascontiguousarray(turned.reshape(-1, w.shape[1]), conv.dtype)

    def arrays(self, n):
        """Return arrays for the inputs and the gradient of the maps of n images."""
        (_, *size, C), field = self.conv.shape, self.conv.field
        margins = [length - 1 - self.conv.pad for length in field]
        whole = [a + b - 1 for a, b in zip(size, field, strict=True)]
        dmaps = framed("padded", n, margins, self.conv.size, whole, self.conv.num_filters, self.conv.dtype)
        return framed("inputs", n, (0, 0), size, size, C, self.conv.dtype), dmaps

    def gradients(self, inputs, dmaps, needs_dx=True):
        """Return the gradient of the matrix of filters, and that of the inputs."""
        windows = columns(dmaps.whole, self.conv.field, inputs.whole.shape[1:3])
        out = buffer("dw", self.filters.shape, self.conv.dtype)
        dw = np.matmul(windows.T, rows(inputs.whole), out=out)  # (K, n * H * W) @ (n * H * W, C) -> (K, C)
        dx = buffer("dx", inputs.whole.shape, self.conv.dtype)
        np.matmul(windows, self.filters, out=rows(dx))
        return dw, dx

    def filters_gradient(self, dw):
        """Rearrange the gradient of the matrix to the shape of the filters."""
        F, C, HH, WW = self.shape
        return dw.reshape(HH, WW, F, C)[::-1, ::-1].transpose(2, 3, 0, 1)


class FromTiles(_Winograd):
    """The same by Winograd's algorithm: dx is a convolution of dmaps by tiles, whose windows also give dw."""

    def __init__(self, conv, w):
        self.conv, self.winograd = conv, Winograd(conv.shape[1:3], conv.dtype)
        self.values = self.winograd.filters(rotated(w))

    def arrays(self, n):
        """Return arrays for the inputs and the gradient of the maps of n images."""
        margin = 2 - self.conv.pad
        (_, H, W, C), (H_out, W_out), padded = self.conv.shape, self.conv.size, self.winograd.padded
        tiles = [length - 2 for length in padded]
        dmaps = framed("padded", n, (margin, margin), (H_out, W_out), padded, self.conv.num_filters, self.conv.dtype)
        return framed("inputs", n, (0, 0), (H, W), tiles, C, self.conv.dtype), dmaps

    def gradients(self, inputs, dmaps, needs_dx=True):
        """Return the gradient of the filters' values at all points, and that of the inputs."""
        windows = self.winograd.windows(dmaps.whole)
        dvalues = self.winograd.dvalues(windows, self.winograd.tiles(inputs.whole))
        return dvalues, self.winograd.maps(windows, self.values) if needs_dx else None

    def filters_gradient(self, dvalues):
        """Return the gradient of the filters, given that of their values at all points."""
        return rotated(self.winograd.filters_gradient(dvalues))


def rows(maps):
    """Reshape maps (n, H, W, C) to a row for each position, (n * H * W, C)."""
    return maps.reshape(-1, maps.shape[-1])


def columns(padded, field, size, stride=1):
    """Copy the windows of padded images (n, H', W', C) into a buffer: a matrix (n * H_out * W_out, HH * WW * C)."""
    n, _, _, C = padded.shape
    HH, WW = field
    image, row, pixel, item = padded.strides
    shape, strides = (n, *size, HH, WW * C), (image, stride * row, stride * pixel, row, item)  # runs of WW * C values
    copied = buffer("columns", shape, padded.dtype)
    copied[...] = as_strided(padded, shape, strides, writeable=False)
    return copied.reshape(-1, HH * WW * C)
