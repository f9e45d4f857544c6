"""A training run, as each recipe prepares it."""

from collections.abc import Callable
from typing import NamedTuple

from cs231n.solver import Solver


class Options(NamedTuple):
    """What the command was asked for; None where it is the recipe's own choice."""

    net: str
    epochs: int | None = None
    scenes: int | None = None
    out: str | None = None
    minutes: int | None = None
    width: int | None = None
    fresh: bool = False


class Run(NamedTuple):
    """A run that can be stopped and resumed."""

    name: str  # of its files in cs231n/saved
    title: str  # of its section in docs/results.md
    command: str  # that starts the same run again
    solver: Solver
    save: Callable[[], None]  # writes the weights
    measure: Callable[[], dict[str, float]]  # the accuracies, by what they are measured on
    measured: str = "accuracy"  # what the numbers are
