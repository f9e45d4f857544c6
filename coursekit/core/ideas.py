"""Ideas on what may be wrong with an output, held against what came: in the case that is shown and in all others."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np

from coursekit.core.closeness import close, rounding


@dataclass(frozen=True)
class Wrong:
    """An output that differs from the expected one, with what is known about the call.

    `warnings` are NumPy's during the call. `others` is the same output in the other cases, where it came back with the
    right shape and finite; in some of them it may be right.
    """

    name: str
    expected: np.ndarray
    got: np.ndarray
    inputs: dict
    sizes: dict
    warnings: tuple[str, ...] = ()
    others: "tuple[Wrong, ...]" = ()

    @property
    def residual(self) -> np.ndarray:
        """The difference: what the code returned minus what was expected."""
        return self.got.astype(float) - self.expected

    @property
    def weight_name(self) -> str:
        """The array that this output is the gradient of, such as "W1" for "dW1"; '' if there is none."""
        names = [name for name, value in self.inputs.items() if np.shape(value) == self.expected.shape]
        by_shape = [name for name in names if re.fullmatch(r"W\d*", name)]
        own = self.name[1:] if self.name.startswith("d") else ""
        return own if own in names else by_shape[0] if len(by_shape) == 1 else ""


@dataclass(frozen=True)
class Idea:
    """What may be wrong, and what a case's output would then be (None if this says nothing about the case)."""

    sentence: str
    predict: Callable[[Wrong], Any]


def fits(idea: Idea, wrong: Wrong) -> bool:
    """Whether an idea predicts the output that is shown, and most others: one may be wrong in another way too."""
    predicted = idea.predict(wrong)
    if predicted is None or not explains(wrong, np.asarray(predicted, dtype=float)):
        return False
    agreeing = sum(_agrees(other, idea.predict(other)) for other in wrong.others)
    return 2 * agreeing > len(wrong.others) or not wrong.others


def explains(wrong: Wrong, predicted: np.ndarray) -> bool:
    """Whether a prediction leaves nothing of the gap but rounding."""
    if predicted.shape != wrong.got.shape or not np.isfinite(predicted).all():
        return False
    left = np.max(np.abs(wrong.got - predicted), initial=0.0)
    gap = np.max(np.abs(wrong.residual), initial=0.0)
    size = max(np.max(np.abs(wrong.expected), initial=0.0), np.max(np.abs(wrong.got), initial=0.0))
    unit = np.finfo(np.float32 if rounding(wrong.got, wrong.expected) > 1e-6 else np.float64).eps
    return bool(left <= 1e-6 * gap + 100 * unit * size and left < 1e-2 * gap)


def _agrees(other: Wrong, predicted: Any) -> bool:
    return predicted is None or not np.isfinite(predicted).all() or close(other.got, predicted)


def first_that_fits(ideas: Iterator[Idea], wrong: Wrong) -> str | None:
    """The sentence of the first idea that fits, or None."""
    return next((idea.sentence for idea in ideas if fits(idea, wrong)), None)


# ---- factors

_SETTINGS = ("learning_rate", "reg", "momentum", "decay_rate", "weight_decay", "p")


def named_factors(wrong: Wrong) -> Iterator[tuple[Callable[[Wrong], float | None], str]]:
    """Factors by which formulas are often off, with what each means."""
    yield lambda w: -1.0, "the sign is flipped"
    yield lambda w: 2.0, "there is an extra factor of 2"
    yield lambda w: 0.5, "a factor of 2 is missing"
    yield lambda w: 1 / np.log(2), "is np.log2 used in the place of np.log?"
    yield lambda w: 1 / np.log(10), "is np.log10 used in the place of np.log?"
    for letter, size in wrong.sizes.items():
        if size > 1:
            yield _size(letter, 1), f"it is not divided by {letter} = {size} (a sum instead of a mean?)"
            yield _size(letter, -1), f"it is divided by {letter} = {size} one time too many (a mean instead of a sum?)"
    for (letter, size), (other, divisor) in permutations(wrong.sizes.items(), 2):
        if size != divisor and min(size, divisor) > 1:
            yield _ratio_of_sizes(letter, other), f"it is divided by {other} = {divisor} instead of {letter} = {size}"
    for name in _SETTINGS:
        if isinstance(wrong.inputs.get(name), (int, float)) and wrong.inputs[name] not in (0, 1):
            yield _setting(name, 1), f"it is multiplied by {name} one time too many"
            yield _setting(name, -1), f"it is not multiplied by {name}, or divided by it"
    for state, beta in (("m", "beta1"), ("v", "beta2")):
        if wrong.name == f"config[{state!r}]":
            yield (
                _correction(beta),
                f"the corrected {state} is stored, which / (1 - {beta} ** t) makes of it",
            )


def _size(letter: str, power: int) -> Callable[[Wrong], float | None]:
    return lambda w: float(w.sizes[letter]) ** power if letter in w.sizes else None


def _ratio_of_sizes(letter: str, other: str) -> Callable[[Wrong], float | None]:
    return lambda w: w.sizes[letter] / w.sizes[other] if {letter, other} <= w.sizes.keys() and w.sizes[other] else None


def _setting(name: str, power: int) -> Callable[[Wrong], float | None]:
    return lambda w: float(w.inputs[name]) ** power if w.inputs.get(name) else None


def _correction(beta: str) -> Callable[[Wrong], float | None]:
    def factor(w: Wrong) -> float | None:
        """It says something of single steps only: later ones build on what was stored."""
        if len(w.inputs["dw"]) > 1:
            return None
        default = {"beta1": 0.9, "beta2": 0.999}[beta]
        return float(1 / (1 - w.inputs.get(beta, default) ** (w.inputs.get("t", 0) + 1)))

    return factor


def times(factor: Callable[[Wrong], float | None], value: Callable[[Wrong], Any], sign: int = 1) -> Callable:
    """The function that predicts a multiple of a value; it says nothing where the factor is not known."""

    def predict(wrong: Wrong) -> Any:
        by = factor(wrong)
        return None if by is None else sign * by * value(wrong)

    return predict
