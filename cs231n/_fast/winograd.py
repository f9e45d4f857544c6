"""Convolution with 3 x 3 filters and stride 1 by Winograd's algorithm: a quarter of the multiplications.

A tile of m x m outputs depends on a window of (m + 2) x (m + 2) inputs. Computed directly, it takes 9 m^2 products for
each pair of channels, here (m + 2)^2: 36 in place of 144 for m = 4.

In one dimension, convolving m values with a filter of 3 is multiplying a polynomial of degree m - 1 by one of degree 2.
The product has degree m + 1, so its values at m + 2 points determine it: evaluate both factors there (matrices E_m and
E_3), multiply the values, and interpolate (the inverse of E_{m+2}). Read backwards, from outputs to inputs, the same
matrices compute a tile y of a layer's outputs, which are correlations, from its window d and the filter g:

    y = E_m^T [(E_3 g) * (E_{m+2}^{-T} d)]

In two dimensions each matrix acts on rows and on columns; on a tile that is written as one vector, this is a Kronecker
product. The products at a point, summed over the input channels, are a matrix product of all tiles and all filters. So
every step is a matrix product.

One point is at infinity, where a polynomial has its leading coefficient. The others are 0, p, -p, 1/p and -1/p, whose
powers stay close to 1: in float32, errors are 2.5 times those of the direct sum; with 0, 1, -1, 2 and -2, six times.
They are relative to the largest input of the window. What is not finite spreads over a whole tile here; then
`Winograd.is_exact` becomes False, and callers have to compute the layer directly.

Sources: Winograd (1980), "Arithmetic complexity of computations"; Lavin and Gray (2016), "Fast algorithms for
convolutional neural networks", arXiv 1509.09308. All maps have their channels last here.
"""

from functools import cache

import numpy as np
from numpy.lib.stride_tricks import as_strided

from cs231n._threads import buffer, matmul

POINTS = (0, 2 / 3, -2 / 3, 3 / 2, -3 / 2)  # the first m + 1 of them
LEAST_TILES = 256  # at a time: enough for fast products and long calls, few enough for the processor's cache
BLOCKS = 128  # with more channels, products in blocks are slower
LEAST_CHANNELS = 32  # with fewer, transforming the tiles takes longer than the products save


class Winograd:
    """The convolution of padded images for outputs of a size (H, W), in tiles that may reach beyond its end.

    Attributes
    ----------
    padded : tuple (H', W')
        The size of the padded images, with zeros where the windows of the last tiles reach further.
    is_exact : bool
        False once an output was not finite.
    """

    def __init__(self, size, dtype):
        self.size, self.is_exact = size, True
        self.m = min((4, 3), key=lambda m: _points(size, m))
        self.grid = tuple(-(-length // self.m) for length in size)
        self.padded = tuple(self.m * number + 2 for number in self.grid)
        self._inputs, self._filters, self._outputs = transforms(self.m, np.dtype(dtype))

    def images_at_a_time(self, C, F):
        """Return how many images should be processed at a time: as many tiles as there are channels, if not few."""
        return max(1, max(LEAST_TILES, min(C, F)) // (self.grid[0] * self.grid[1]))

    def filters(self, w):
        """Return the values of filters (F, C, 3, 3) at all points, (P, C, F)."""
        F, C = w.shape[:2]
        w = np.ascontiguousarray(w.transpose(2, 3, 1, 0), self._filters.dtype)
        return (self._filters @ w.reshape(9, C * F)).reshape(-1, C, F)  # (P, 9) @ (9, C * F)

    def filters_gradient(self, dvalues):
        """Return the gradient of the filters (F, C, 3, 3), given that of their values (P, C, F)."""
        self._note_overflow(dvalues)
        P, C, F = dvalues.shape
        dw = self._filters.T @ dvalues.reshape(P, C * F)  # (9, P) @ (P, C * F)
        return dw.reshape(3, 3, C, F).transpose(3, 2, 0, 1)

    def windows(self, padded):
        """Return the values of all windows of padded images (n, H', W', C) at all points, (T, P, C), in a buffer."""
        n, _, _, C = padded.shape
        image, row, pixel, item = padded.strides
        side, strides = self.m + 2, (image, self.m * row, self.m * pixel, row, item)
        windows = as_strided(padded, (n, *self.grid, side, side * C), strides, writeable=False)
        return self._values(self._inputs, windows, C, "windows")

    def tiles(self, maps):
        """Return the tiles of maps (n, H, W, C), which they fill, taken back to all points: (T, P, C)."""
        n, _, _, C = maps.shape
        tiles = maps.reshape(n, self.grid[0], self.m, self.grid[1], self.m * C).swapaxes(2, 3)
        return self._values(self._outputs.T, tiles, C, "outputs")

    def _values(self, matrix, tiles, C, name):
        copied = buffer("tiles", tiles.shape, matrix.dtype)
        copied[...] = tiles
        copied = copied.reshape(-1, matrix.shape[1], C)
        return np.matmul(matrix, copied, out=buffer(name, (len(copied), len(matrix), C), matrix.dtype))

    def maps(self, windows, filters, out=None):
        """Return the outputs (n, H, W, F) for the values of windows and filters, in `out` or in a buffer."""
        (T, P, C), F = windows.shape, filters.shape[2]
        products = buffer("outputs", (T, P, F), windows.dtype)
        product = matmul if C <= BLOCKS else np.matmul
        product(windows.swapaxes(0, 1), filters, out=products.swapaxes(0, 1))  # (P, T, C) @ (P, C, F)
        tiles = np.matmul(self._outputs, products, out=buffer("tiles", (T, self.m**2, F), windows.dtype))
        self._note_overflow(tiles)
        n, (rows, columns) = T // (self.grid[0] * self.grid[1]), self.grid
        whole = (n, self.m * rows, self.m * columns, F)
        fits = out is not None and out.shape == whole and out.flags.c_contiguous
        maps = out if fits else buffer("whole", whole, windows.dtype)
        into = maps.reshape(n, rows, self.m, columns, self.m * F)
        into[...] = tiles.reshape(n, rows, columns, self.m, self.m * F).swapaxes(2, 3)
        inner = maps[:, : self.size[0], : self.size[1]]
        if out is None or fits:
            return inner
        out[...] = inner
        return out

    def _note_overflow(self, values):
        if not np.isfinite(np.vdot(values, values)):
            self.is_exact = False

    def dvalues(self, windows, tiles):
        """Return the gradient of the values of the filters that take windows to tiles, (P, C, F), in a buffer."""
        (_, P, C), F = windows.shape, tiles.shape[2]
        out = buffer("dvalues", (P, C, F), windows.dtype)
        return np.matmul(windows.transpose(1, 2, 0), tiles.swapaxes(0, 1), out=out)  # (P, C, T) @ (P, T, F)


def _points(size, m):
    """Count the points of all tiles."""
    return (m + 2) ** 2 * -(-size[0] // m) * -(-size[1] // m)


@cache
def transforms(m, dtype):
    """Return the matrices for the inputs (P, P), the filters (P, 9) and the outputs (m * m, P)."""
    interpolate = np.linalg.inv(_evaluate(m, m + 2))
    interpolate[abs(interpolate) < 1e-12] = 0  # rounding
    return [np.kron(e, e).astype(dtype) for e in (interpolate.T, _evaluate(m, 3), _evaluate(m, m).T)]


def _evaluate(m, number):
    """Return the matrix (m + 2, number) that evaluates a polynomial with so many coefficients at all points."""
    finite = np.vander(POINTS[: m + 1], number, increasing=True)
    return np.vstack([finite, np.eye(number)[-1]])
