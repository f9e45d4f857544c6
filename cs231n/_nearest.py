"""Distances by a matrix product, made as accurate as distances by differences.

The identity |x - t|^2 = |x|^2 - 2 x.t + |t|^2 is fast, but where x and t are close, it subtracts large numbers that are
nearly equal, and few digits are left. `as_accurate_as_loops` helps in two ways. It moves the data to around 0 first,
if they are far from it: the distances stay the same, and the numbers become smaller. And it computes the few distances
that are still inaccurate once more, from the differences.
"""

from copy import copy
from functools import wraps
from typing import NamedTuple

import numpy as np

FAR = 0.9  # share of the mean in the squares of the data: above it, subtracting the mean gains at least a digit
ACCURACY = 1e-4  # relative, of the squared distances
CHUNK = 1 << 20  # entries of differences at a time


class _Rows(NamedTuple):
    """Training data as stored, moved by `origin` (None if they are not far from 0), and the squares of each row."""

    stored: np.ndarray
    origin: np.ndarray | None
    moved: np.ndarray
    squares: np.ndarray


def as_accurate_as_loops(compute):
    """Make a method that computes distances by a matrix product, from ``self.X_train`` and X, accurate.

    The method sees a copy of self whose X_train, like X, may have been moved. Where its result differs from the true
    distance by more than rounding can explain, it stays as it is.
    """

    @wraps(compute)
    def accurate(self, X):
        X = self._as_inputs(X)
        if getattr(self, "_rows", None) is None or self._rows.stored is not self.X_train:
            self._rows = _prepared(self.X_train)
        rows, moved, near_0 = self._rows, X, copy(self)
        if rows.origin is not None:
            near_0.X_train, moved = rows.moved, X - rows.origin
        dists = compute(near_0, moved)
        if isinstance(dists, np.ndarray) and dists.shape == (len(X), len(self.X_train)):
            _correct_close(dists, X, self.X_train, _squares(moved), rows.squares)
        return dists

    return accurate


def _prepared(X_train):
    squares = _squares(X_train)
    mean = X_train.sum(axis=0, dtype=np.float64) / max(1, len(X_train))
    if np.dot(mean, mean) <= FAR * squares.sum(dtype=np.float64) / max(1, len(X_train)):
        return _Rows(X_train, None, X_train, squares)
    spread = np.sqrt(np.mean(_squares(X_train - mean.astype(X_train.dtype))) / len(mean))
    # A multiple of a power of 2: whole numbers stay whole, so equal distances stay equal.
    step = 2.0 ** np.floor(np.log2(spread)) if spread > 0 else 1.0
    origin = (np.rint(mean / step) * step).astype(X_train.dtype)
    moved = X_train - origin
    return _Rows(X_train, origin, moved, _squares(moved))


def _squares(rows):
    """Return the sum of the squares of each row."""
    return np.einsum("nd,nd->n", rows, rows)


def _correct_close(dists, X, X_train, x_squares, t_squares):
    """Replace the entries of `dists` that rounding has made inaccurate.

    The product and both squares are rounded to about eps * (|x|^2 + |t|^2).
    """
    if dists.size == 0:
        return
    rounding = 4 * max(np.finfo(X.dtype).eps, np.finfo(X_train.dtype).eps)
    limits = np.sqrt(rounding / ACCURACY * (x_squares + t_squares.max()))
    i, j = np.nonzero(dists < limits[:, np.newaxis])
    reach = rounding / ACCURACY * (x_squares[i] + t_squares[j])
    size = max(1, CHUNK // max(1, X.shape[1]))
    for start in range(0, len(i), size):
        part = slice(start, start + size)
        true = np.sqrt(np.sum((X[i[part]] - X_train[j[part]]) ** 2, axis=1))
        old = dists[i[part], j[part]]
        is_rounding = np.maximum(true, old) ** 2 < reach[part]
        dists[i[part], j[part]] = np.where(is_rounding, true, old)
