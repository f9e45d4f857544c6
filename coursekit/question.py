"""What a question is: one declaration that the notebook, the hand-in and the grading all run.

A *function question* asks for functions in `cs231n/`. It has cases: seeded inputs and a `run` that calls the learner's
functions and returns named outputs. The outputs are compared with the reference's, or judged by the case's own `judge`.

A *notebook question* asks for values computed in a notebook cell. It has the names of the values and a `judge`.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Case:
    """One call of the learner's code.

    Parameters
    ----------
    name : str
        What is special about this case, in words a learner reads.
    inputs : callable
        Takes a `numpy.random.RandomState`, returns a dict of arrays, numbers and texts.
    run : callable
        Takes the inputs as keyword arguments, imports from `cs231n`, returns a dict of outputs.
    sizes : callable, optional
        Takes the inputs as keyword arguments, returns a dict such as {"N": 4, "D": 6}; explanations use the names.
    tolerance : float
        Largest relative error that passes.
    may_change : tuple of str
        Inputs that the code may change in place.
    judge : callable, optional
        Takes inputs and outputs (dicts), returns a list of `Finding`; in place of the comparison with the reference.
    observe : callable, optional
        Takes inputs and what `run` returned, returns the outputs to judge and to store, such as means in the place of
        all weights. It runs on the judge's side, where a learner's code cannot reach it.
    """

    name: str
    inputs: Callable
    run: Callable
    sizes: Callable | None = None
    tolerance: float = 1e-8
    may_change: tuple[str, ...] = ()
    judge: Callable | None = None
    observe: Callable | None = None


@dataclass(frozen=True)
class Question:
    """A question of the course.

    Parameters
    ----------
    id, title : str
    notebook : str
        Name of the notebook that asks it.
    points, minutes : int
    implements : tuple of str
        What the learner writes, such as "cs231n.layers:affine_forward"; empty for a notebook question.
    builds_on : tuple of str
        Ids of the questions that this one calls.
    cases : tuple of Case
        For a function question; the first one is the example that the notebook shows.
    values : tuple of str
        For a notebook question: the names of the values to hand to `check`.
    judge : callable, optional
        For a notebook question: takes the values as keyword arguments, returns a list of `Finding`.
    seconds : float
        After so long the learner's code is stopped.
    """

    id: str
    title: str
    notebook: str
    points: int
    minutes: int
    implements: tuple[str, ...] = ()
    builds_on: tuple[str, ...] = ()
    cases: tuple[Case, ...] = ()
    values: tuple[str, ...] = ()
    judge: Callable | None = None
    seconds: float = 20.0

    @property
    def in_notebook(self):
        """Whether the answer stands in a notebook cell."""
        return not self.implements

    def draw_inputs(self, index, seed=None):
        """Make the inputs of a case: the public ones without a seed, fresh ones with one.

        `RandomState` and not `default_rng`: its stream never changes, so the stored answers fit every NumPy.
        """
        name = f"{self.id}/{self.cases[index].name}/{'' if seed is None else seed}"
        return self.cases[index].inputs(np.random.RandomState(zlib.crc32(name.encode())))


@dataclass(frozen=True)
class Finding:
    """One line of a verdict: what was looked at, what must hold, and whether it does.

    `gap` are lines that say what was expected and what came, `mistake` is the likely reason in a sentence, `error` is
    the measured relative error where there is one.
    """

    label: str
    bound: str
    ok: bool
    gap: tuple[str, ...] = ()
    mistake: str = ""
    error: float | None = None


@dataclass(frozen=True)
class Verdict:
    """The answer to "is this right?" for one question: 'ok', 'wrong' or 'not attempted'."""

    question: Question
    status: str
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    mistake: str = ""

    @property
    def ok(self):
        """Whether the question has its points."""
        return self.status == "ok"


def holds(label, condition, *gap, bound="holds", mistake=""):
    """Make a `Finding` of a condition, with the lines to show when it does not hold."""
    return Finding(label, bound, bool(condition), () if condition else gap, "" if condition else mistake)


def reaches(label, value, bars, mistake=""):
    """Make a `Finding` that a measured number reaches the bar of the data set in use.

    `bars` maps the name of each data set to its bar, such as {"CIFAR-10": 0.38, "built-in pictures": 0.35}. The text of
    an ok names no number: it is the same on every machine, whichever data set is there.
    """
    from cs231n.data_utils import dataset_name

    bar = bars[dataset_name()]
    reached = bool(np.isfinite(value) and value >= bar)
    gap = f"expected at least {bar:g} on {dataset_name()}, got {value:.4g}"
    return Finding(label, "reaches the bar", reached, () if reached else (gap,), "" if reached else mistake)
