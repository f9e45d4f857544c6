"""How far two arrays are apart."""

from typing import Any

import numpy as np


def relative_error(got: Any, expected: Any) -> float:
    """Largest difference, relative to each expected entry or the typical size of all, whichever is larger."""
    got, expected = np.asarray(got, dtype=float), np.asarray(expected, dtype=float)
    if expected.size == 0:
        return 0.0
    return float(np.max(entry_errors(got, expected)))


def entry_errors(got: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """The error of each entry as in `relative_error`; an entry that is NaN or infinite on one side only is inf."""
    with np.errstate(all="ignore"):
        typical = np.sqrt(np.mean(np.square(expected[np.isfinite(expected)]))) if np.isfinite(expected).any() else 0.0
        scale = np.maximum(np.abs(expected), typical)
        errors = np.abs(got - expected) / np.where(scale > 0, scale, 1.0)
    same = (got == expected) | (np.isnan(got) & np.isnan(expected))
    return np.where(same, 0.0, np.where(np.isfinite(errors), errors, np.inf))


def close(a: Any, b: Any) -> bool:
    """Whether two arrays have the same shape and, but for rounding, the same entries."""
    a, b = np.asarray(a), np.asarray(b)
    if "c" in (a.dtype.kind, b.dtype.kind):
        return np.array_equal(a, b)
    return a.shape == b.shape and relative_error(a, b) <= rounding(a, b)


def rounding(*arrays: np.ndarray) -> float:
    """The relative error that rounding alone may leave."""
    return 1e-4 if np.float32 in [array.dtype for array in arrays] else 1e-6
