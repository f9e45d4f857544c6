"""The values that a learner's code returned, as numbers and in words."""

import re
from typing import Any

import numpy as np

from coursekit.core.serialization import Opaque


def as_numbers(value: Any) -> np.ndarray | None:
    """A value as an array of real numbers, or None if it is nothing of the kind."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return np.asarray(value)
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "fiu":
        return np.asarray(value)
    return None


def describe(value: Any) -> str:
    """What a value is, in a few words: "shape (3, 4) float64", "None", "a list"."""
    if isinstance(value, (np.ndarray, np.generic)):
        return f"shape {value.shape} {value.dtype}" if value.shape else f"a number ({value.dtype})"
    if isinstance(value, Opaque):
        return f"a {value.kind}"
    return "None" if value is None else f"a {type(value).__name__}"


def no_numbers(name: str, value: Any, kind_of_expected: str = "f") -> str:
    """The likely reason why a value is not an array of real numbers."""
    if value is None and (gradient := re.fullmatch(r"d((?:W|b|gamma|beta)\d+)", name)):  # of a network
        return f'grads["{gradient[1]}"] is missing: grads has the keys of self.params'
    if value is None:
        return f"{name} is never assigned, or not returned"
    if isinstance(value, (tuple, list)):
        return f"{name} is {describe(value)}: " + _several(value)
    if isinstance(value, Opaque):
        is_function = "function" in value.kind or "method" in value.kind
        return f"{name} is a function: are the parentheses of its call missing?" if is_function else ""
    kind = np.asarray(value).dtype.kind
    if kind == "c":
        return f"{name} holds complex numbers: is a root or a power taken of a negative number?"
    dtype = "float" if kind_of_expected == "f" else "int"
    return f"{name} holds True and False: make it numbers with .astype({dtype})" if kind == "b" else ""


def _several(value: tuple | list) -> str:
    if isinstance(value, list):
        return "np.array(...) makes an array of it"
    return "does a function return several values here, such as out and a cache?"
