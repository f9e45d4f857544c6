"""Edges that any question can meet: right values that come in a form which the course does not forbid.

A case that is an edge as a whole says so where it is declared, by `Case.edge`.
"""

import numpy as np

from coursekit.core.closeness import relative_error
from coursekit.core.question import Case, Finding

_WHY_UNCHANGED = {
    "dout": "a layer that still needs this gradient, as where two branches meet, would get the modified one",
    "w": "everything that refers to w changes with it, such as the weights that were kept as the best ones",
    "dw": "whoever uses the gradient after this step, to print or to clip it, gets other values",
}
_WHY_A_VECTOR = (
    "the shape is (1, D), and (D,) is expected; the values are right, and broadcasting hides the additional axis until "
    "shapes are compared or an array is updated in place: sum, or average, without keepdims=True"
)


def changed(case: Case, name: str) -> Finding:
    """The edge that an input is modified in place, although the values that come back are right."""
    edge = f"{name} is modified in place: {_WHY_UNCHANGED.get(name, 'the caller may still need it')}"
    return Finding(f"{name} is not modified", False, (f"modified by your code: {name}",), case=case.name, edge=edge)


def is_one_axis_too_many(got: np.ndarray, expected: np.ndarray, tolerance: float) -> bool:
    """Whether a vector comes with the right values as a row of shape (1, D), as keepdims=True leaves it."""
    is_row = expected.ndim == 1 and expected.dtype.kind == "f" and got.shape == (1, *expected.shape)
    return is_row and relative_error(got[0], expected) <= tolerance


def one_axis_too_many(case: Case, name: str) -> Finding:
    """The edge that a vector comes as a row."""
    return Finding(f"{name} is a vector", False, case=case.name, output=name, edge=_WHY_A_VECTOR)
