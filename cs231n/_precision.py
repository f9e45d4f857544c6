"""float16 is for storing numbers, not for adding them up: above 2,048 it cannot even count in steps of 1."""

from functools import wraps

import numpy as np

HALF = np.dtype(np.float16)


def in_float32(function):
    """Let a function compute in float32 where it gets arrays of float16, and return its arrays in float16.

    PyTorch adds up float16 in the same way. A result stays in float32 if another argument has a wider type, as usual in
    NumPy. What is inside a cache stays in float32 too.
    """

    @wraps(function)
    def widened(*arguments, **named):
        if not any(map(is_half, (*arguments, *named.values()))):
            return function(*arguments, **named)
        only_half = all(map(is_half, filter(_is_float, (*arguments, *named.values()))))
        results = function(*map(widen, arguments), **{name: widen(value) for name, value in named.items()})
        return _narrowed(results) if only_half else results

    return widened


def is_half(value):
    """Whether `value` is an array of float16."""
    return isinstance(value, np.ndarray) and value.dtype == HALF


def widen(value):
    """Return an array of float16 as float32, and everything else as it is."""
    return value.astype(np.float32) if is_half(value) else value


def as_floats(x):
    """Return integers as float64, and floating-point numbers as they are: in uint8, 3 - 5 is 254."""
    x = np.asarray(x)
    return x if np.issubdtype(x.dtype, np.inexact) else x.astype(np.float64)


def _is_float(value):
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def _narrowed(results):
    """Return results with each array of float32 in float16; a loss, which is a scalar, stays as it is."""
    if isinstance(results, tuple):
        return tuple(value.astype(HALF) if _is_float(value) else value for value in results)
    return results.astype(HALF) if _is_float(results) else results
