"""Recognise a file of the course by what is in it, where its name does not say which one it is."""

import json
from collections.abc import Iterable
from functools import cache

from coursekit.grading.intake.notebook_cells import PARSING_ERRORS, bound_names, decode, parse_module, read_cells
from coursekit.grading.intake.zips import Refused
from coursekit.paths import ROOT

ENOUGH = 0.5  # share of the course's cells, or names, from which on a file is taken for the course's


def recognised(data: bytes, targets: Iterable[str]) -> str:
    """The one of the course's files that some bytes have most in common with; "" if that is too little.

    Parameters
    ----------
    data : bytes
    targets : iterable of str
        Names of the course's files, all of one kind: notebooks, compared by the ids of their cells, or modules,
        compared by the names that they define.
    """
    shares = {target: _share(data, target) for target in targets}
    best = max(shares, key=lambda target: shares[target], default="")
    return best if best and shares[best] >= ENOUGH else ""


def _share(data: bytes, target: str) -> float:
    expected = _marks(target)
    found = _ids(data) if target.endswith(".ipynb") else _names(decode(data)[0])
    return len(expected & found) / max(len(expected), 1)


@cache
def _marks(target: str) -> frozenset[str]:
    """The ids of the cells of one of the course's notebooks, or the names that one of its modules defines."""
    text = (ROOT / target).read_text(encoding="utf-8")
    if target.endswith(".py"):
        return frozenset(_names(text))
    return frozenset(cell["id"] for cell in json.loads(text)["cells"])


def _ids(data: bytes) -> set[str]:
    try:
        return {cell.id for cell in read_cells(data)[0]}
    except Refused:
        return set()


def _names(text: str) -> set[str]:
    try:
        return set().union(*map(bound_names, parse_module(text)))
    except PARSING_ERRORS:
        return set()
