"""Ideas on a loss, or a gradient, that is a mean over the data plus a multiple of a penalty on the weights.

A linear classifier's loss has reg * sum(W * W), a net's half of it. Which of the two it is, is not known here: both
are tried, and only one fits in all cases.
"""

import re
from collections.abc import Callable, Iterator
from itertools import product

import numpy as np

from coursekit.core.ideas import Idea, Wrong, named_factors

Amount = Callable[[Wrong], float | None]


def ideas(wrong: Wrong) -> Iterator[Idea]:
    """What may be wrong with the regularisation, with the part from the data, or with both."""
    if not wrong.inputs.get("reg") or not _weights(wrong):
        return
    if wrong.expected.ndim == 0:
        yield from _mixed(wrong, _penalty, "sum(W * W)", (1.0, 0.5))
        yield from _other_penalties(wrong)
    elif re.fullmatch(r"W\d*", wrong.weight_name):
        yield from _mixed(wrong, _own_weights, "W", (2.0, 1.0))
        yield from (idea for used in (2.0, 1.0, 0.5) for idea in _other_gradients(wrong, used))
    elif wrong.weight_name:
        yield from (_regularised_bias(wrong, amount) for amount in (1.0, 2.0, 0.5))


def _other_gradients(wrong: Wrong, used: float) -> Iterator[Idea]:
    """The gradient of the penalty in another form, with a factor that may be right or not."""
    name, own = wrong.name, wrong.weight_name

    def instead(function: Callable, k: float) -> Callable:
        return lambda w: w.expected - k * _own_weights(w) + used * w.inputs["reg"] * function(_own(w))

    for k in (2.0, 1.0):
        yield Idea(f"the sum of {own} is added to {name}: each entry gets its own weight, no sum", instead(np.sum, k))
        yield Idea(
            f"the penalty sum(W * W) is added to {name}: its gradient is a multiple of W", instead(_sum_of_squares, k)
        )
        yield Idea(f"{own} ** 2 is added to {name}: the derivative of W ** 2 is 2 * W", instead(np.square, k))
        yield Idea(f"reg is missing in the regularisation of {name}", _own_without_reg(k, used))


def _own_without_reg(k: float, used: float) -> Callable:
    return lambda w: w.expected - k * _own_weights(w) + used * _own(w)


def _regularised_bias(wrong: Wrong, amount: float) -> Idea:
    return Idea(
        f"{amount:g} * reg * {wrong.weight_name} is added to {wrong.name}: regularise only the weights W",
        lambda w: w.expected + amount * w.inputs["reg"] * _own(w),
    )


def _weights(wrong: Wrong) -> list[str]:
    return [name for name, w in wrong.inputs.items() if re.fullmatch(r"W\d*", name) and isinstance(w, np.ndarray)]


def _own(wrong: Wrong) -> np.ndarray:
    return wrong.inputs[wrong.weight_name]


def _own_weights(wrong: Wrong) -> np.ndarray:
    return wrong.inputs["reg"] * _own(wrong)


def _penalty(wrong: Wrong) -> float:
    return wrong.inputs["reg"] * _sum_over(wrong, _weights(wrong), _sum_of_squares)


def _sum_over(wrong: Wrong, names: list[str], function: Callable) -> float:
    return float(sum(function(wrong.inputs[name].astype(float)) for name in names))


def _sum_of_squares(w: np.ndarray) -> float:
    return float(np.sum(w**2))


# ---- data and penalty, each with a factor of its own


def _mixed(wrong: Wrong, term: Callable[[Wrong], np.ndarray | float], what: str, right: tuple) -> Iterator[Idea]:
    """The data times a factor, plus the penalty times another; `right` has the multiples that may be the right one."""
    penalties = [(k, *choice) for k in right for choice in _multiples(wrong, k, what)]
    for k, amount, sentence in penalties:
        yield Idea(
            f"the regularisation is wrong: in {wrong.name}, {sentence}", _combination(term, k, amount, lambda w: 1.0)
        )
    for k, (factor, reason) in product(right, named_factors(wrong)):
        intro = f"apart from the regularisation, which is right, {wrong.name}"
        times = f"is {factor(wrong):.6g} times what it should be: {reason}"
        yield Idea(f"{intro} {times}", _combination(term, k, _constant(k), factor))
    for (k, amount, sentence), (factor, reason) in product(penalties, named_factors(wrong)):
        yield Idea(
            f"the part of {wrong.name} from the data is {factor(wrong):.6g} times what it should be: {reason}; and of "
            f"the regularisation, {sentence}",
            _combination(term, k, amount, factor),
        )
    for k in right:
        yield Idea(
            f"{wrong.name} is the regularisation alone: does the rest cancel, or is = written in the place of +=?",
            _alone(term, k),
        )
        yield Idea(
            f"{wrong.name} is divided by N + {k:g} * reg * {what}: /= divides by all that stands on its right, so add "
            "the regularisation in a statement of its own",
            _divided_by_both(term, k),
        )


def _multiples(wrong: Wrong, k: float, what: str) -> Iterator[tuple[Amount, str]]:
    """Multiples of the penalty that are wrong if `k` is right, in words."""
    yield _constant(-k), f"{k:g} * reg * {what} is subtracted instead of being added"
    for amount in (0.0, 2 * k, k / 2, 4 * k):
        kind = f"there is an extra {amount - k:g}" if amount > k else f"{k - amount:g}"
        yield _constant(amount), f"{kind} * reg * {what}" + ("" if amount > k else " is missing")
    if wrong.sizes.get("N", 1) > 1:
        yield _per_input(k, -1), f"{k:g} * reg * {what} is divided by N as well: add it after the division"
        yield _per_input(k, 1), f"{k:g} * reg * {what} is added N times: add it once, outside the loop"


def _constant(value: float) -> Amount:
    return lambda w: value


def _per_input(value: float, power: int) -> Amount:
    return lambda w: value * float(w.sizes["N"] ** power) if "N" in w.sizes else None


def _combination(term: Callable, k: float, amount: Amount, factor: Amount) -> Callable:
    def predict(w: Wrong) -> np.ndarray | None:
        a, c = factor(w), amount(w)
        if a is None or c is None:
            return None
        return a * (w.expected - k * term(w)) + c * term(w)

    return predict


def _alone(term: Callable, k: float) -> Callable:
    return lambda w: k * np.asarray(term(w))


def _divided_by_both(term: Callable, k: float) -> Callable:
    def predict(w: Wrong) -> np.ndarray | None:
        n = w.sizes.get("N")
        return None if n is None else n * (w.expected - k * term(w)) / (n + k * term(w))

    return predict


# ---- penalties of another kind, in the loss


def _other_penalties(wrong: Wrong) -> Iterator[Idea]:
    for k in (1.0, 0.5):
        for name in _weights(wrong):
            yield from _other_of_one(k, name, alone=len(_weights(wrong)) == 1)
        yield from _other_of_all(k)


def _other_of_one(k: float, name: str, alone: bool) -> Iterator[Idea]:
    def instead(function: Callable) -> Callable:
        def predict(w: Wrong) -> float | None:
            if name not in w.inputs:
                return None
            value = w.inputs[name].astype(float)
            return w.expected + k * w.inputs["reg"] * (function(value) - _sum_of_squares(value))

        return predict

    square = f"np.sum({name} ** 2)"
    yield Idea(f"the sum of {name} is squared: square each entry first, {square}", instead(lambda w: np.sum(w) ** 2))
    yield Idea(f"{name} is not squared in the regularisation: use {square}", instead(np.sum))
    yield Idea(f"the absolute values of {name} are added up: use {square}", instead(lambda w: np.sum(np.abs(w))))
    yield Idea(f"the root of the sum is taken: use {square} itself", instead(lambda w: np.sqrt(np.sum(w**2))))
    if not alone:
        yield Idea(f"{name} is not regularised in the loss", instead(lambda w: 0.0))
        yield Idea(f"only {name} is regularised in the loss", _only_one(k, name))
        yield Idea(f"{square} is not multiplied by the factor of the others: is a bracket missing?", _unscaled(k, name))


def _only_one(k: float, name: str) -> Callable:
    def predict(w: Wrong) -> float | None:
        if name not in w.inputs:
            return None
        return w.expected - k * (_penalty(w) - w.inputs["reg"] * _sum_over(w, [name], _sum_of_squares))

    return predict


def _unscaled(k: float, name: str) -> Callable:
    def predict(w: Wrong) -> float | None:
        if name not in w.inputs:
            return None
        return w.expected + (1 - k * w.inputs["reg"]) * _sum_over(w, [name], _sum_of_squares)

    return predict


def _other_of_all(k: float) -> Iterator[Idea]:
    def instead(function: Callable, names: Callable = _weights) -> Callable:
        def predict(w: Wrong) -> float:
            return w.expected + k * (w.inputs["reg"] * _sum_over(w, names(w), function) - _penalty(w))

        return predict

    yield Idea("the biases are regularised in the loss: regularise only the weights W", instead(_sum_of_squares, _all))
    yield Idea("the sums of the weights are squared: square each entry first", instead(lambda w: np.sum(w) ** 2))
    yield Idea("the weights are not squared in the regularisation", instead(np.sum))
    yield Idea("the absolute values of the weights are added up instead of their squares", instead(_sum_of_sizes))
    yield Idea("reg is missing in the regularisation of the loss", lambda w: _without_reg(w, k))


def _sum_of_sizes(w: np.ndarray) -> float:
    return float(np.sum(np.abs(w)))


def _all(wrong: Wrong) -> list[str]:
    return [name for name in wrong.inputs if re.fullmatch(r"(W|b)\d*", name)]


def _without_reg(wrong: Wrong, k: float) -> float:
    return float(wrong.expected) - k * _penalty(wrong) + k * _sum_over(wrong, _weights(wrong), _sum_of_squares)
