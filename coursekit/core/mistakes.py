"""The likely mistake behind a wrong array: rules that recognise how learners get formulas wrong.

Each rule takes a `Wrong`, the output that the verdict shows, and returns a sentence, or nothing. They are tried in
order; the first that answers is shown. What a sentence claims has been held against the numbers.
"""

from collections.abc import Callable, Iterator
from itertools import combinations

import numpy as np

from coursekit.core import places, regularisation
from coursekit.core.closeness import close, entry_errors, relative_error
from coursekit.core.ideas import Idea, Wrong, explains, first_that_fits, fits, named_factors, times

__all__ = ["Wrong", "close", "entry_errors", "explain_shape", "explain_values", "relative_error"]

# ---- wrong shapes


def explain_shape(name: str, expected: np.ndarray, got: np.ndarray, sizes: dict[str, int]) -> str:
    """The likely reason why an array has the wrong shape."""
    if got.ndim == 0 and expected.size > 1 and got == 0 and expected.dtype.kind == "f":
        return f"{name} is the number 0: is it still the value that it starts with?"
    if got.ndim == 0 and expected.dtype.kind in "iu":
        is_label = "pred" in name or name.startswith("y")
        advice = " Is np.argmax applied to the scores, along axis 1?" if is_label else ""
        return f"{name} has {_axes(expected.ndim)} too few: it is a single number, not {expected.size} of them.{advice}"
    if got.shape == expected.shape[::-1]:
        return f"{name} is transposed: its axes are in reverse order"
    if got.size == expected.size:
        advice = ": a reshape or keepdims is missing, or one too many" if close(got.ravel(), expected.ravel()) else ""
        return f"{name} has the right number of entries but the wrong shape{advice}"
    return (
        _wrong_sum(name, expected, got)
        or _wrong_length(name, expected, got, sizes)
        or _wrong_size(name, expected, got, sizes)
    )


def _wrong_sum(name: str, expected: np.ndarray, got: np.ndarray) -> str:
    """Axes too many or too few; whether a sum explains them is held against the values."""
    more, fewer = (got, expected) if got.ndim > expected.ndim else (expected, got)
    amount = _axes(more.ndim - fewer.ndim)
    is_sum = any(close(more.sum(axis=axes), fewer) for axes in _choices(more.ndim, more.ndim - fewer.ndim))
    if got.ndim > expected.ndim:
        return f"{name} has {amount} too many" + (": is a sum over them missing?" if is_sum else "")
    if got.ndim < expected.ndim:
        return f"{name} has {amount} too few" + (": is there a sum that should not be there?" if is_sum else "")
    return ""


def _axes(number: int) -> str:
    return f"{number} ax{'is' if number == 1 else 'es'}"


def _choices(ndim: int, amount: int) -> list[tuple[int, ...]]:
    return list(combinations(range(ndim), amount))


def _wrong_length(name: str, expected: np.ndarray, got: np.ndarray, sizes: dict[str, int]) -> str:
    if not got.ndim == expected.ndim == 1 or len(got) not in sizes.values():
        return ""
    has, needs = _named(len(got), sizes), _named(len(expected), sizes)
    return f"{name} has {has} entries instead of {needs}: does a sum run over the wrong axis?"


def _wrong_size(name: str, expected: np.ndarray, got: np.ndarray, sizes: dict[str, int]) -> str:
    """One axis of several that has the length of another size."""
    if got.ndim != expected.ndim or got.ndim < 2:
        return ""
    axes = [axis for axis in range(got.ndim) if got.shape[axis] != expected.shape[axis]]
    if len(axes) != 1:
        return ""
    has, needs = got.shape[axes[0]], expected.shape[axes[0]]
    if "=" not in _named(has, sizes) or "=" not in _named(needs, sizes):
        return ""
    too_short = ", or does a loop end too early" if has == needs - 1 else ""
    lengths = f"{_named(has, sizes)} entries along axis {axes[0]} instead of {_named(needs, sizes)}"
    return f"{name} has {lengths}: are two axes or two sizes mixed up{too_short}?"


def _named(size: int, sizes: dict[str, int]) -> str:
    """A size with its letter, if only one letter has it: "N = 4"."""
    letters = [letter for letter, value in sizes.items() if value == size]
    return f"{letters[0]} = {size}" if len(letters) == 1 else str(size)


# ---- wrong values


def explain_values(wrong: Wrong) -> str:
    """The likely reason why an array of the right shape has wrong entries; '' if no rule holds."""
    is_labels = wrong.expected.dtype.kind in "iu"
    with np.errstate(all="ignore"):
        for rule in _RULES_FOR_LABELS if is_labels else _RULES:
            sentence = rule(wrong)
            if sentence:
                return sentence
    return ""


# ---- values: what can be seen without a formula

_CAUSES = (
    # what NumPy warned of, what it means
    ("in exp", "exp overflows"),
    ("in log", "the log of 0, or of a negative number"),
    ("in sqrt", "the square root of a negative number"),
    ("empty slice", "a mean over no entries"),
    ("divide by zero", "a division by 0"),
    ("divide", "0 / 0, or a division of infinite numbers"),
    ("overflow", "a number grows too large"),
)


def _not_finite(wrong: Wrong) -> str | None:
    bad = ~np.isfinite(wrong.got) & np.isfinite(wrong.expected)
    if not bad.any():
        return None
    place = tuple(int(i) for i in np.argwhere(bad)[0])
    where = f"{wrong.name}[{', '.join(map(str, place))}]" if place else wrong.name
    causes = [meaning for text, meaning in _CAUSES if any(text in warning for warning in wrong.warnings)]
    if "a division by 0" in causes and not any("divide by zero encountered in " in w for w in _division(wrong)):
        causes.remove("a division by 0")
    return f"{where} is {wrong.got[place]}, the first value that is not finite" + (f": {causes[0]}" if causes else "")


def _division(wrong: Wrong) -> list[str]:
    """The warnings of divisions: a log of 0 is a "divide by zero" as well."""
    return [text for text in wrong.warnings if "in log" not in text]


def _untouched(wrong: Wrong) -> str | None:
    if wrong.got.any():
        return None
    if wrong.expected.dtype.kind in "iu":
        return f"{wrong.name} is 0 everywhere: is it computed for each input?"
    if wrong.got.size > 1:
        return f"{wrong.name} is all zeros: is nothing written to it, or is it created again afterwards?"
    if wrong.expected.ndim or any(other.got.any() for other in wrong.others):
        return None
    return f"{wrong.name} is still 0: is it never computed, or does a comparison never hold?"


def _whole_numbers(wrong: Wrong) -> Iterator[Idea]:
    if wrong.got.dtype.kind not in "iu":
        return
    dtype = f"{wrong.name} has the dtype {wrong.got.dtype}"
    yield Idea(f"{dtype}, an integer dtype, which cuts off fractions", lambda w: np.trunc(w.expected))
    if wrong.got.dtype == np.uint8:
        yield Idea(f"{dtype}, which wraps around at 256", lambda w: np.trunc(w.expected) % 256)


def _precision(wrong: Wrong) -> str | None:
    """Right, but computed with fewer digits than the input has."""
    if wrong.expected.dtype != np.float64 or wrong.got.dtype.kind != "f" or wrong.got.size == 1:
        return None
    for dtype, digits in ((np.float32, 7), (np.float16, 3)):
        is_short = np.array_equal(wrong.got, wrong.got.astype(dtype)) and np.any(wrong.got != np.rint(wrong.got))
        if is_short and relative_error(wrong.got, wrong.expected) < 10 * np.finfo(dtype).eps:
            return f"{wrong.name} is right to about {digits} digits only: it is computed or stored as {np.dtype(dtype)}"
    return None


def _simple(wrong: Wrong) -> Iterator[Idea]:
    name = wrong.name
    yield Idea(
        f"{name} is the square of what it should be: is a root missing, or a square too many?", lambda w: w.expected**2
    )
    yield Idea(f"{name} is the square root of what it should be", lambda w: np.sqrt(w.expected))
    yield Idea(f"{name} is rounded to whole numbers", lambda w: np.rint(w.expected))
    yield Idea(f"{name} is the absolute value of what it should be", lambda w: np.abs(w.expected))
    yield Idea(
        f"{name} is 0 wherever it should be negative: is there a ReLU too many?", lambda w: np.maximum(w.expected, 0)
    )
    if wrong.expected.ndim >= 2:
        yield Idea(f"{name} is transposed", lambda w: w.expected.T)
        yield Idea(f"the rows of {name} are in reverse order", lambda w: w.expected[::-1])


def _parameters(wrong: Wrong) -> Iterator[Idea]:
    """A bias or a gain that is left out, or counted twice."""
    for name in ("b", "beta"):
        for times_too_many, what in ((-1, "is not added"), (1, "is added twice"), (-2, "is subtracted, not added")):
            yield Idea(f"{name} {what}", _with_more(name, times_too_many))
    yield Idea("b multiplies instead of being added", _from_parts("b", lambda rest, b: rest * b))
    for sentence, predict in (
        ("gamma is missing: gamma multiplies x_hat, beta is added", lambda x_hat, gamma, beta: x_hat + beta),
        ("gamma divides: it multiplies x_hat", lambda x_hat, gamma, beta: x_hat / gamma + beta),
        (
            "gamma and beta are swapped: gamma multiplies, beta is added",
            lambda x_hat, gamma, beta: beta * x_hat + gamma,
        ),
        ("gamma and beta are both added: gamma multiplies x_hat", lambda x_hat, gamma, beta: x_hat + gamma + beta),
        (
            "beta is multiplied by gamma, too: add it after the product",
            lambda x_hat, gamma, beta: gamma * (x_hat + beta),
        ),
        ("gamma is squared: it multiplies x_hat once", lambda x_hat, gamma, beta: gamma**2 * x_hat + beta),
    ):
        yield Idea(sentence, _scaled(predict))


def _with_more(name: str, times_too_many: int) -> Callable[[Wrong], np.ndarray | None]:
    return _from_parts(name, lambda rest, value: rest + (1 + times_too_many) * value)


def _from_parts(name: str, combine: Callable) -> Callable[[Wrong], np.ndarray | None]:
    """Predict from the output without a parameter that is added, and from this parameter."""

    def predict(wrong: Wrong) -> np.ndarray | None:
        value = _along_outputs(wrong, name)
        return None if value is None else combine(wrong.expected - value, value)

    return predict


def _scaled(combine: Callable) -> Callable[[Wrong], np.ndarray | None]:
    """Predict from x_hat, gamma and beta."""

    def predict(wrong: Wrong) -> np.ndarray | None:
        gamma, beta = _along_outputs(wrong, "gamma"), _along_outputs(wrong, "beta")
        if gamma is None or beta is None or not np.all(gamma):
            return None
        return combine((wrong.expected - beta) / gamma, gamma, beta)

    return predict


def _along_outputs(wrong: Wrong, name: str) -> np.ndarray | None:
    """A parameter of the layer, with the axes that it needs beside the layer's output."""
    value = wrong.inputs.get(name)
    axis = -1 if wrong.expected.ndim == 2 else 1  # of feature maps, the axis of the channels
    if wrong.name != "out" or not isinstance(value, np.ndarray) or wrong.expected.ndim < 2:
        return None
    if value.size != wrong.expected.shape[axis]:
        return None
    shape = [1] * wrong.expected.ndim
    shape[axis] = value.size
    return value.reshape(shape)


def _step(wrong: Wrong) -> Iterator[Idea]:
    """What an update rule makes of w: the step may be off by a factor, or w left out."""
    w = wrong.inputs.get("w")
    if wrong.name != "next_w" or not isinstance(w, np.ndarray):
        return
    yield Idea("next_w is w unchanged: subtract the step from it", lambda w: w.inputs["w"])
    yield Idea("next_w is the step alone: w itself is missing", lambda w: w.expected - w.inputs["w"])
    yield Idea("the step goes the wrong way: its sign is flipped", _after_step(lambda w: -1.0))
    for factor, reason in named_factors(wrong):
        yield Idea(
            f"the step from w to next_w is {factor(wrong):.6g} times what it should be: {reason}", _after_step(factor)
        )


def _after_step(factor: Callable[[Wrong], float | None]) -> Callable[[Wrong], np.ndarray | None]:
    """The w after single steps that are off by a factor; later steps build on the ones before."""

    def predict(wrong: Wrong) -> np.ndarray | None:
        by, w = factor(wrong), wrong.inputs["w"]
        is_single = wrong.inputs["dw"].shape == w.shape or len(wrong.inputs["dw"]) == 1
        return w + by * (wrong.expected - w) if by is not None and is_single else None

    return predict


def _an_input(wrong: Wrong) -> Iterator[Idea]:
    """What came in, returned as it is."""
    for name, value in wrong.inputs.items():
        if not isinstance(value, np.ndarray) or value.dtype.kind == "b":
            continue
        if value.shape == wrong.expected.shape and np.ptp(value) > 0:
            sentence = (
                f"{wrong.name} is the same as {name}, which is passed in: is one written where the other belongs?"
            )
            yield Idea(sentence, _input(name))


def _input(name: str) -> Callable[[Wrong], np.ndarray | None]:
    return lambda wrong: wrong.inputs.get(name)


def _constant(wrong: Wrong) -> str | None:
    if wrong.got.size < 3 or np.ptp(wrong.expected) == 0 or np.ptp(wrong.got) > 0:
        return None
    return f"every entry of {wrong.name} is {wrong.got.flat[0]:.6g}: is each of them computed on its own?"


def _shifted(wrong: Wrong) -> str | None:
    if wrong.expected.size <= 2 or np.ptp(wrong.expected) == 0:
        return None
    idea = Idea(
        f"every entry of {wrong.name} is off by the same {np.mean(wrong.residual):.6g}",
        lambda w: w.expected + np.mean(w.residual),
    )
    return idea.sentence if fits(idea, wrong) else None


def _true_class(wrong: Wrong) -> Iterator[Idea]:
    y = wrong.inputs.get("y")
    if (
        wrong.expected.ndim == 2
        and len(wrong.expected) > 1
        and isinstance(y, np.ndarray)
        and y.shape == wrong.expected.shape[:1]
        and not _nearly(wrong)  # then all the others may be 0, and right for this reason alone
    ):
        entries = f"{wrong.name}[i, y[i]]"
        yield Idea(
            f"only the entries of the true classes, {entries}, are wrong: the true class has a term of its own",
            _wrong_for_true_class,
        )


def _wrong_for_true_class(wrong: Wrong) -> np.ndarray:
    predicted = wrong.expected.astype(float)
    entries = np.arange(len(predicted)), wrong.inputs["y"]
    predicted[entries] = wrong.got[entries]
    return predicted


def _some_rows(wrong: Wrong) -> str | None:
    rows = wrong.expected
    if rows.ndim < (1 if rows.dtype.kind in "iu" else 2) or len(rows) < 3:
        return None  # of two rows, one may be right by chance; the entries of a vector are not computed one by one
    right = [bool(close(g, e)) for g, e in zip(wrong.got, rows, strict=True)]
    if right == [False] * (len(right) - 1) + [True] and np.any(rows[-1]) and not np.any(wrong.got[:-1]):
        return f"only the last row of {wrong.name} is right: are the others overwritten, or never reached?"
    if right == [True] + [False] * (len(right) - 1) and not np.any(wrong.got[1:]):
        return f"only the first row of {wrong.name} is right: does the loop return or stop too early?"
    return None


def _nearly(wrong: Wrong) -> str | None:
    start = wrong.inputs["w"] if wrong.name == "next_w" else 0.0  # of an update, the step counts
    error = relative_error(wrong.got - start, wrong.expected - start)
    if wrong.expected.size == 1 or error > 1e-4 or wrong.got.dtype != wrong.expected.dtype:
        return None
    digits = int(-np.log10(error))
    return (
        f"{wrong.name} is right to {digits} digits: is a small constant, such as eps, missing, hard-coded, or in the "
        "wrong place?"
    )


def _integer_dtype(wrong: Wrong) -> str | None:
    if wrong.got.dtype.kind in "iu" and wrong.got.ndim:
        return f"{wrong.name} has the dtype {wrong.got.dtype}, an integer dtype: it cannot hold fractions"
    return None


# ---- values: factors

ROUNDING = 1e-9  # a factor below it


def _factor(wrong: Wrong) -> str | None:
    ratio = _ratio(wrong)
    if ratio is None:
        return None
    for sign, addition in ((1, ""), (-1, ", and the sign is wrong")):
        reasons = [
            reason
            for factor, reason in named_factors(wrong)
            if fits(Idea("", times(factor, lambda w: w.expected, sign)), wrong)
        ]
        if reasons:
            return f"{wrong.name} is {ratio:.6g} times what it should be: {'; or '.join(reasons)}{addition}"
    return None


def _ratio(wrong: Wrong) -> float | None:
    """The one factor between the returned and the expected entries, or None."""
    norm = np.vdot(wrong.expected, wrong.expected)
    if norm == 0:
        return None
    ratio = float(np.vdot(wrong.expected, wrong.got) / norm)
    return ratio if explains(wrong, ratio * wrong.expected) else None


def _some_factor(wrong: Wrong) -> str | None:
    """A factor without a name. Any two numbers have some ratio; it says something only when many entries share it."""
    ratio = _ratio(wrong)
    if ratio is None or wrong.expected.size == 1:
        return None
    if abs(ratio) < ROUNDING:
        return f"{wrong.name} is 0 but for rounding: is it a sum in which everything cancels?"
    return f"{wrong.name} is {ratio:.6g} times what it should be, in every entry"


def _rule(ideas: Callable[[Wrong], Iterator[Idea]]) -> Callable[[Wrong], str | None]:
    return lambda wrong: first_that_fits(ideas(wrong), wrong)


_RULES = (
    _not_finite,
    _rule(_whole_numbers),
    _untouched,
    _precision,
    _factor,
    _rule(_an_input),
    _constant,
    _rule(_true_class),
    _rule(_simple),
    _rule(_parameters),
    _rule(_step),
    _rule(regularisation.ideas),
    _shifted,
    _some_rows,
    _nearly,
    places.mixed_up,
    _integer_dtype,
    _some_factor,
    places.off_along_an_axis,
    places.partly_right,
)
_RULES_FOR_LABELS = (_untouched, _some_rows)  # a factor or a shift says nothing about labels
