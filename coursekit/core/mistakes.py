"""The likely mistake behind a wrong array: rules that recognise how learners get formulas wrong.

Each rule takes a `Wrong` and returns a sentence, or nothing. They are tried in order; the first that answers is shown.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Wrong:
    """An output that differs from the expected one, with what is known about the call."""

    name: str
    expected: np.ndarray
    got: np.ndarray
    inputs: dict
    sizes: dict

    @property
    def residual(self) -> np.ndarray:
        """The difference: what the code returned minus what was expected."""
        return self.got - self.expected


def relative_error(got: Any, expected: Any) -> float:
    """Largest difference, relative to each expected entry or the typical size of all, whichever is larger."""
    got, expected = np.asarray(got, dtype=float), np.asarray(expected, dtype=float)
    if expected.size == 0:
        return 0.0
    return float(np.max(entry_errors(got, expected)))


def entry_errors(got: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """The error of each entry as in `relative_error`; an entry that is NaN or infinite on one side only is inf."""
    typical = np.sqrt(np.mean(np.square(expected[np.isfinite(expected)]))) if np.isfinite(expected).any() else 0.0
    scale = np.maximum(np.abs(expected), typical)
    with np.errstate(all="ignore"):
        errors = np.abs(got - expected) / np.where(scale > 0, scale, 1.0)
    same = (got == expected) | (np.isnan(got) & np.isnan(expected))
    return np.where(same, 0.0, np.where(np.isfinite(errors), errors, np.inf))


def close(a: Any, b: Any) -> bool:
    """Whether two arrays have the same shape and, but for rounding, the same entries."""
    a, b = np.asarray(a), np.asarray(b)
    tolerance = 1e-4 if np.float32 in (a.dtype, b.dtype) else 1e-6
    return a.shape == b.shape and relative_error(a, b) <= tolerance


def explain_shape(name: str, expected: np.ndarray, got: np.ndarray, sizes: dict[str, int]) -> str:
    """The likely reason why an array has the wrong shape."""
    named = {size: letter for letter, size in reversed(sizes.items())}
    if got.shape == expected.shape[::-1]:
        return f"{name} is transposed: its axes are in reverse order"
    if got.size == expected.size:
        advice = "a reshape or keepdims is missing, or one too many"
        return f"{name} has the right number of entries but the wrong shape: {advice}"
    if got.ndim == expected.ndim == 1 and got.shape[0] in named:
        return (
            f"{name} has {named[got.shape[0]]} = {got.shape[0]} entries instead of "
            f"{named.get(expected.shape[0], '?')} = {expected.shape[0]}: the sum runs over the wrong axis"
        )
    if got.ndim < expected.ndim:
        return f"{name} has {_axes(expected.ndim - got.ndim)} too few: is there a sum that should not be there?"
    if got.ndim > expected.ndim:
        return f"{name} has {_axes(got.ndim - expected.ndim)} too many: is a sum over them missing?"
    return ""


def _axes(amount: int) -> str:
    return f"{amount} ax{'is' if amount == 1 else 'es'}"


_ERRORS = (
    # what the error's text contains, what is likely behind it
    (
        "could not be broadcast",
        "two arrays do not have compatible shapes: NumPy aligns shapes from the right, so one value per row needs the "
        "shape (N, 1): [:, np.newaxis] or keepdims=True",
    ),
    (
        "could not broadcast",
        "the right-hand side has another shape than what it is assigned to: is a sum missing, or over the wrong axis?",
    ),
    (
        "mismatch in its core dimension",
        "the inner dimensions of a matrix product differ: does one factor need to be transposed?",
    ),
    ("not aligned", "the inner dimensions of a matrix product differ: does one factor need to be transposed?"),
    ("same_kind", "an integer array cannot store fractions in place: create it with a float dtype"),
    ("is out of bounds", "an index is too large: are rows and columns, or two sizes, swapped?"),
    ("before assignment", "a variable is used on a path where nothing was assigned to it"),
    ("is not associated with a value", "a variable is used on a path where nothing was assigned to it"),
    ("is not defined", "a name that does not exist here is used: is it misspelt, or not assigned yet?"),
    ("not subscriptable", "the value before [...] is not an array or a dict: is it a function, or None?"),
    ("unpack", "the number of returned values does not match the number of names on the left"),
)


def explain_error(message: str) -> str:
    """The likely reason behind an error that NumPy or Python raised in the learner's code."""
    return next((reason for text, reason in _ERRORS if text in message), "")


def explain_values(wrong: Wrong) -> str:
    """The likely reason why an array of the right shape has wrong entries."""
    is_labels = wrong.expected.dtype.kind in "iu"
    for rule in _RULES_FOR_LABELS if is_labels else _RULES:
        sentence = rule(wrong)
        if sentence:
            return sentence
    return ""


def _not_finite(wrong: Wrong) -> str | None:
    bad = ~np.isfinite(wrong.got) & np.isfinite(wrong.expected)
    if bad.any():
        place = tuple(int(i) for i in np.argwhere(bad)[0])
        value = wrong.got[place]
        where = f"{wrong.name}[{', '.join(map(str, place))}]" if place else wrong.name
        return f"{where} is {value}, the first value that is not finite: overflow in exp, log of 0, or 0 / 0?"
    return None


def _untouched(wrong: Wrong) -> str | None:
    if wrong.got.size > 1 and not wrong.got.any():
        return f"{wrong.name} is all zeros: nothing is written to it, or it is created again afterwards"
    return None


def _wrapped(wrong: Wrong) -> str | None:
    if wrong.got.dtype.kind in "iu" and wrong.expected.dtype.kind == "f":
        return f"{wrong.name} has an integer dtype, which cuts off fractions (and uint8 wraps around at 256)"
    return None


def _factors(wrong: Wrong) -> Iterator[tuple[float, str]]:
    """Factors by which formulas are often off, with what each means."""
    yield -1.0, "the sign is flipped"
    yield 2.0, "there is an extra factor of 2"
    yield 0.5, "a factor of 2 is missing"
    for letter, size in wrong.sizes.items():
        if size > 1:
            yield float(size), f"it is not divided by {letter} = {size} (a sum instead of a mean?)"
            yield 1.0 / size, f"it is divided by {letter} = {size} one time too many (a mean instead of a sum?)"
    for name in ("learning_rate", "reg"):
        value = wrong.inputs.get(name)
        if isinstance(value, (int, float)) and value not in (0, 1):
            yield float(value), f"it is multiplied by {name} one time too many"
            yield 1.0 / value, f"it is not multiplied by {name}"


def _factor(wrong: Wrong) -> str | None:
    ratio = _ratio(wrong)
    if ratio is None:
        return None
    for sign, addition in ((1, ""), (-1, ", and the sign is wrong")):
        reasons = [reason for factor, reason in _factors(wrong) if abs(ratio - sign * factor) <= 1e-6 * abs(factor)]
        if reasons:
            return f"{wrong.name} is {ratio:.6g} times what it should be: {'; or '.join(reasons)}{addition}"
    # Any two numbers have some ratio; it says something only when many entries share it.
    return f"{wrong.name} is {ratio:.6g} times what it should be, in every entry" if wrong.expected.size > 1 else None


def _ratio(wrong: Wrong) -> float | None:
    """The one factor between the returned and the expected entries, or None."""
    norm = np.vdot(wrong.expected, wrong.expected)
    if norm == 0:
        return None
    ratio = float(np.vdot(wrong.expected, wrong.got) / norm)
    return ratio if abs(ratio - 1) > 1e-6 and close(wrong.got, ratio * wrong.expected) else None


def _root(wrong: Wrong) -> str | None:
    if close(wrong.got, wrong.expected**2):
        return f"{wrong.name} is the square of what it should be: a square root is missing"
    if close(wrong.got**2, wrong.expected):
        return f"{wrong.name} is the square root of what it should be"
    return None


def _transposed(wrong: Wrong) -> str | None:
    if wrong.expected.ndim >= 2 and close(wrong.got, wrong.expected.T):
        return f"{wrong.name} is transposed"
    return None


def _regularisation(wrong: Wrong) -> str | None:
    """A multiple of the weights (in a gradient) or of their squares (in a loss) is missing, or should not be there."""
    reg = wrong.inputs.get("reg")
    weights = [value for key, value in wrong.inputs.items() if key.startswith("W") and isinstance(value, np.ndarray)]
    if not reg or not weights:
        return None
    if wrong.expected.ndim == 0:
        share = wrong.residual / (reg * sum(np.sum(w**2) for w in weights))
        return _regularisation_sentence(wrong.name, share, "sum(W * W)")
    for w in weights:
        if w.shape == wrong.expected.shape:
            share = np.vdot(w, wrong.residual) / (reg * np.vdot(w, w))
            if close(wrong.residual, share * reg * w):
                return _regularisation_sentence(wrong.name, share, "W")
    return None


def _factor_of_data_part(wrong: Wrong) -> str | None:
    """The gradient of the data is off by a factor, that of the regularisation is right."""
    reg = wrong.inputs.get("reg")
    weights = [value for key, value in wrong.inputs.items() if key.startswith("W") and isinstance(value, np.ndarray)]
    if not reg:
        return None
    for w in (w for w in weights if w.shape == wrong.expected.shape):
        for share in (1, 2):  # the gradients of 0.5 * reg * W^2 and of reg * W^2
            part = share * reg * w
            data = replace(wrong, expected=wrong.expected - part, got=wrong.got - part)
            sentence = _factor(data)
            if sentence and "in every entry" not in sentence:
                return f"apart from the regularisation, which is right, {sentence}"
    return None


def _regularisation_sentence(name: str, share: float, what: str) -> str | None:
    share = float(share)
    if not any(abs(share - known) < 1e-6 for known in (-2, -1, -0.5, 0.5, 1, 2, -1.5, 1.5, -4, -3, 3)):
        return None
    term = f"{abs(share):g} * reg * {what}"
    excess = f"there is an extra {term}" if share > 0 else f"{term} is missing"
    return f"the regularisation is wrong: in {name}, {excess}"


def _shifted(wrong: Wrong) -> str | None:
    if wrong.expected.size > 2 and np.ptp(wrong.expected) > 0:
        shift = float(np.mean(wrong.residual))
        if shift and close(wrong.got, wrong.expected + shift):
            return f"every entry of {wrong.name} is off by the same {shift:.6g}: a constant is missing, or one too many"
    return None


def _true_class(wrong: Wrong) -> str | None:
    y = wrong.inputs.get("y")
    if wrong.expected.ndim != 2 or not isinstance(y, np.ndarray) or y.shape != wrong.expected.shape[:1]:
        return None
    bad = entry_errors(wrong.got, wrong.expected) > 1e-6
    of_true_class = np.zeros_like(bad)
    of_true_class[np.arange(len(y)), y] = True
    if bad.any() and not (bad & ~of_true_class).any():
        entries = f"{wrong.name}[i, y[i]]"
        return f"only the entries of the true classes, {entries}, are wrong: the true class needs separate treatment"
    return None


def _some_rows(wrong: Wrong) -> str | None:
    if wrong.expected.ndim == 0 or len(wrong.expected) < 3:
        return None  # of two rows, one may be right by chance
    right = [bool(close(g, e)) for g, e in zip(wrong.got, wrong.expected, strict=True)]
    if right == [False] * (len(right) - 1) + [True]:
        return f"only the last row of {wrong.name} is right: the others are overwritten, or never reached"
    if right == [True] + [False] * (len(right) - 1) and not np.any(wrong.got[1:]):
        return f"only the first row of {wrong.name} is right: does the loop return or stop too early?"
    return None


_RULES = (
    _not_finite,
    _wrapped,
    _untouched,
    _factor,
    _root,
    _transposed,
    _regularisation,
    _factor_of_data_part,
    _shifted,
    _true_class,
    _some_rows,
)
_RULES_FOR_LABELS = (_untouched, _some_rows)  # a factor or a shift says nothing about labels
