"""Where an output is right: which entries are, and whether the right values stand in the wrong places.

What these rules say is true of the numbers; what to make of it, they ask.
"""

from collections.abc import Callable, Iterator

import numpy as np

from coursekit.core.closeness import close, entry_errors, rounding
from coursekit.core.ideas import Wrong, explains

SPARSE = 0.3  # above this share of zeros, an output has values in chosen places only
BY_CHANCE = 0.2  # so many entries of the wrong part may be right
OTHERS = "do the others use their own index, or are they overwritten?"
OTHER_STEPS = "are the others overwritten, do they use a wrong index, or does another step hand on something wrong?"
FEWEST = 3  # slices along an axis: of two, one may be right by chance


def mixed_up(wrong: Wrong) -> str | None:
    """The right values in another order."""
    if wrong.expected.ndim < 2 or np.ptp(wrong.expected) == 0:
        return None
    if not _is_reordered(wrong) or not _mostly(_is_reordered, wrong):
        return None
    is_sparse = np.mean(wrong.expected == 0) > SPARSE
    question = "do they go to the wrong entries" if is_sparse else "does a reshape, a transpose or an index mix up axes"
    return f"{wrong.name} has the right values in the wrong places: {question}?"


def _is_reordered(wrong: Wrong) -> bool:
    distinct = len(np.unique(wrong.expected))
    if distinct < FEWEST:  # of a few values, any array is a mixture
        return False
    got, expected = np.sort(wrong.got, axis=None), np.sort(wrong.expected, axis=None)
    return bool(np.all(entry_errors(got.astype(float), expected.astype(float)) <= rounding(got, expected)))


def off_along_an_axis(wrong: Wrong) -> str | None:
    """A factor, or a constant, for each slice along an axis: what a layer has one of for each column or row."""
    for axis in range(wrong.expected.ndim if wrong.expected.ndim > 1 else 0):
        each = _slice(wrong.name, axis)
        if _all_explained(_scaled_slices, wrong, axis):
            names = [name for name, value in wrong.inputs.items() if _is_factor(value, wrong, axis)]
            named = f": is it {names[0]}, missing or one too many?" if names else ""
            return f"{each} is off by a factor of its own, the same in all its entries{named}"
        if _all_explained(_shifted_slices, wrong, axis):
            return f"{each} is off by a number of its own, the same in all its entries"
    return None


def _slice(name: str, axis: int) -> str:
    return f"each {name}[{', '.join([':'] * axis + ['k'])}]"


def _all_explained(predict: Callable[[Wrong, int], np.ndarray], wrong: Wrong, axis: int) -> bool:
    def holds(case: Wrong) -> bool:
        sizes = case.expected.shape
        is_dense = np.all((case.expected != 0) & (case.got != 0))  # 0 and 0 have any factor
        enough = sizes[axis] > 1 and case.expected.size > sizes[axis]
        return bool(is_dense and enough and explains(case, predict(case, axis)))

    return holds(wrong) and _mostly(holds, wrong)


def _others(wrong: Wrong, axis: int) -> tuple[int, ...]:
    return tuple(other for other in range(wrong.expected.ndim) if other != axis)


def _factors(wrong: Wrong, axis: int) -> np.ndarray:
    over = _others(wrong, axis)
    squares = (wrong.expected**2).sum(axis=over, keepdims=True)
    return (wrong.expected * wrong.got).sum(axis=over, keepdims=True) / np.where(squares > 0, squares, 1)


def _scaled_slices(wrong: Wrong, axis: int) -> np.ndarray:
    return _factors(wrong, axis) * wrong.expected


def _shifted_slices(wrong: Wrong, axis: int) -> np.ndarray:
    return wrong.expected + wrong.residual.mean(axis=_others(wrong, axis), keepdims=True)


def _is_factor(value: object, wrong: Wrong, axis: int) -> bool:
    factors = _factors(wrong, axis).ravel()
    if not isinstance(value, np.ndarray) or value.dtype.kind != "f" or value.size != factors.size:
        return False
    return close(factors, value.ravel().astype(float)) or close(factors * value.ravel(), np.ones(factors.shape))


def partly_right(wrong: Wrong) -> str | None:
    """A part of the output that is right throughout, while all the rest is wrong somewhere."""
    right = _right(wrong)
    if right.all() or not right.any() or not np.all(wrong.expected):  # a 0 may be right by chance
        return None
    return next((words for words, part in _parts(wrong, right) if right[~part].mean() < BY_CHANCE), None)


def _right(wrong: Wrong) -> np.ndarray:
    errors = entry_errors(wrong.got.astype(float), wrong.expected.astype(float))
    return errors <= rounding(wrong.got, wrong.expected)


def _parts(wrong: Wrong, right: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Parts that are right, and no other: in words, and as a mask."""
    if right.ndim == 4:
        yield from _positions(wrong, right)
    for axis in range(right.ndim if right.ndim > 1 else 0):
        along = np.asarray(right.all(axis=_others(wrong, axis)))
        last = len(along) - 1
        if len(along) < FEWEST:
            continue
        index = ", ".join([":"] * axis + ["{}"])
        first_alone, last_alone = np.arange(len(along)) == 0, np.arange(len(along)) == last
        others = OTHER_STEPS if _are_steps(wrong, axis) else OTHERS
        for part, words in (
            (first_alone, f"only {wrong.name}[{index.format(0)}] is right: {others}"),
            (last_alone, f"only {wrong.name}[{index.format(last)}] is right: {others}"),
            (~last_alone, f"only {wrong.name}[{index.format(last)}] is wrong: does a loop or a slice end too early?"),
            (~first_alone, f"only {wrong.name}[{index.format(0)}] is wrong: does a loop or a slice begin too late?"),
        ):
            if np.array_equal(along, part):
                shape = [-1 if other == axis else 1 for other in range(right.ndim)]
                yield words, np.broadcast_to(part.reshape(shape), right.shape)


def _are_steps(wrong: Wrong, axis: int) -> bool:
    """Whether an axis runs over the steps of sequences, of shape (N, T, ...), where one step can spoil the others."""
    return axis == 1 and wrong.expected.ndim > 2 and wrong.sizes.get("T") == wrong.expected.shape[1]


def _positions(wrong: Wrong, right: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """What is right at some positions of feature maps, and in all images and channels there."""
    H, W = right.shape[2:]
    i, j = np.ogrid[:H, :W]
    patterns = [
        ((i == 0) & (j == 0), "only at position (0, 0): where do the other windows begin?"),
        ((i == j), "only where i == j: are i and j, or height and width, swapped?"),
        ((i == 0) & (j >= 0), "only in the first row of positions: do the windows move down as they should?"),
        ((j == 0) & (i >= 0), "only in the first column of positions: do the windows move right as they should?"),
    ]
    if wrong.inputs.get("pad"):
        inside = (i > 0) & (i < H - 1) & (j > 0) & (j < W - 1)
        patterns.append((inside, "except at the border: how is the padding made?"))
    for part, words in patterns if min(H, W) > 1 else ():
        if np.array_equal(right.all(axis=(0, 1)), part):
            yield f"{wrong.name}[:, :, i, j] is right {words}", np.broadcast_to(part, right.shape)


def _mostly(holds: Callable[[Wrong], bool], wrong: Wrong) -> bool:
    """Whether something holds in most of the other cases."""
    others = [other for other in wrong.others if _right(other).mean() < 1]
    return 2 * sum(map(holds, others)) >= len(others)
