"""What a question is: one declaration that the notebook, the check before submitting and the grading all run.

A *function question* asks for functions in `cs231n/`. It has cases: seeded inputs and a `run` that calls the learner's
functions and returns named outputs. The outputs are compared with the reference's, or judged by the case's own `judge`.

A *notebook question* asks for values computed in a notebook cell. It has the names of the values and a `judge`.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np


class Status(StrEnum):
    """What became of a question. A check gives one of the first three; the others exist in grading alone."""

    OK = "ok"
    WRONG = "wrong"
    NOT_ATTEMPTED = "not attempted"
    CRASHED = "crashed"
    TIMED_OUT = "timed out"
    NOT_GRADABLE = "not gradable"
    NOT_RUN = "not run"
    INFRASTRUCTURE_ERROR = "infrastructure error"


@dataclass(frozen=True)
class Case:
    """One call of the learner's code.

    Parameters
    ----------
    name : str
        What is special about this case; learners read it.
    inputs : callable
        Takes a `numpy.random.RandomState`, returns a dict of arrays, numbers and strings.
    run : callable
        Takes the inputs as keyword arguments, imports from `cs231n`, returns a dict of outputs.
    sizes : callable, optional
        Takes the inputs as keyword arguments, returns a dict such as {"N": 4, "D": 6}; explanations use the names.
    tolerance : float
        Largest relative error that passes.
    may_change : tuple of str
        Inputs that the code may modify in place.
    better_unchanged : tuple of str
        Inputs that the code should leave alone although the question does not ask for it: modifying one is an edge.
    judge : callable, optional
        Takes inputs and outputs (dicts), returns a list of `Finding`; it replaces the comparison with the reference.
    observe : callable, optional
        Takes inputs and what `run` returned, returns the outputs to judge and to store, such as means instead of all
        weights. It runs on the judge's side, where a learner's code cannot reach it.
    edge : str
        Makes the case an *edge*, which the question does not ask for: a sentence on why it matters all the same. Code
        that fails nothing but edges is ok; the sentence is shown.
    """

    name: str
    inputs: Callable
    run: Callable
    sizes: Callable | None = None
    tolerance: float = 1e-8
    may_change: tuple[str, ...] = ()
    better_unchanged: tuple[str, ...] = ("dout",)
    judge: Callable | None = None
    observe: Callable | None = None
    edge: str = ""


@dataclass(frozen=True)
class Effort:
    """Inputs so large that only code of the right kind can manage them; only grading runs them.

    What they cost is measured from outside. The processor time must not grow much faster with the rows than the
    reference's does: that of a loop over the rows grows many times as fast. Memory is limited as well.

    Parameters
    ----------
    statement : str
        What is shown to hold if the code manages them, such as "no Python loop over the inputs".
    inputs : callable
        Takes a `numpy.random.RandomState` and a number of rows; returns inputs for the question's first case.
    gap, mistake : str
        What is shown if it does not.
    rows : int
    only_memory : bool
        Whether the time does not matter.
    """

    statement: str
    inputs: Callable
    gap: str
    mistake: str
    rows: int
    only_memory: bool = False

    def draw(self, seed: int, rows: int) -> dict:
        """Its inputs, with a number of rows."""
        return self.inputs(np.random.RandomState(seed), rows)


@dataclass(frozen=True)
class Question:
    """A question of the course.

    Parameters
    ----------
    id, title : str
    notebook : str
        Name of the notebook that asks it.
    points, minutes : int
    difficulty, importance : int
        From 1 to 5, as the question's card shows them. Importance: how much later questions and real work rest on it.
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
        Limit on the processor time of the learner's code.
    given : callable, optional
        For a notebook question: returns the values that do not depend on the learner, by name, such as the images that
        a classifier is judged on. Grading uses these in place of the submission's.
    efforts : tuple of Effort
        Inputs that the code must manage within limits on processor time and memory; only grading runs them.
    hints : tuple of str
        What `hint` shows, one after the other; none contains the solution's line.
    """

    id: str
    title: str
    notebook: str
    points: int
    minutes: int
    difficulty: int = 3
    importance: int = 3
    implements: tuple[str, ...] = ()
    builds_on: tuple[str, ...] = ()
    cases: tuple[Case, ...] = ()
    values: tuple[str, ...] = ()
    judge: Callable | None = None
    seconds: float = 20.0
    given: Callable | None = None
    efforts: "tuple[Effort, ...]" = ()
    hints: tuple[str, ...] = ()

    @property
    def in_notebook(self) -> bool:
        """Whether the answer stands in a notebook cell."""
        return not self.implements

    def draw_inputs(self, index: int, seed: int | None = None) -> dict[str, Any]:
        """Make the inputs of a case: the public ones without a seed, fresh ones with one.

        `RandomState` and not `default_rng`: its stream never changes, so the reference answers fit every NumPy.
        """
        name = f"{self.id}/{self.cases[index].name}/{'' if seed is None else seed}"
        return self.cases[index].inputs(np.random.RandomState(zlib.crc32(name.encode())))


@dataclass(frozen=True)
class Figure:
    """A number that a notebook ends with: what it is, and an expression in the notebook's variables.

    `course` and `aim` are what the course asks for and what this project aims at, on CIFAR-10; None for nothing.
    """

    what: str
    expression: str
    course: float | None = None
    aim: float | None = None


@dataclass(frozen=True)
class Finding:
    """One line of a verdict: what must hold, and whether it does.

    Parameters
    ----------
    condition : str
        What must hold: a whole sentence, or, where an `output` is named, what must hold of it.
    ok : bool
    gap : tuple of str
        Lines that say what was expected and what the learner's code gave.
    mistake : str
        The likely mistake, in a sentence.
    error : float, optional
        The measured relative error, where there is one.
    case : str
        The name of the case; empty for a notebook question.
    output : str
        The output that was compared with the reference's, if it was.
    edge : str
        Why it matters, where the question does not ask for it; then it does not decide the verdict.
    """

    condition: str
    ok: bool
    gap: tuple[str, ...] = ()
    mistake: str = ""
    error: float | None = None
    case: str = ""
    output: str = ""
    edge: str = ""

    @property
    def label(self) -> str:
        """The finding in a few words: its case and what was looked at."""
        return "  ".join(filter(None, [self.case, self.output or self.condition]))


@dataclass(frozen=True)
class Verdict:
    """The answer to "is this right?" for one question. A check says 'ok', 'wrong' or 'not attempted'.

    `waiting` is the file and the line of the `NotImplementedError` behind a 'not attempted'.
    """

    question: Question
    status: Status
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    mistake: str = ""
    waiting: tuple[str, int] | None = None

    @property
    def ok(self) -> bool:
        """Whether the question has its points."""
        return self.status == Status.OK

    @property
    def asked(self) -> tuple[Finding, ...]:
        """The findings that decide the verdict."""
        return tuple(finding for finding in self.findings if not finding.edge)

    @property
    def failed_edges(self) -> tuple[Finding, ...]:
        """What does not hold although it matters, and is not asked."""
        return tuple(finding for finding in self.findings if finding.edge and not finding.ok)


class CheckFailed(Exception):
    """A question is not ok; notebooks show the text of its verdict alone, without a traceback."""

    def _render_traceback_(self) -> list[str]:
        # IPython calls this in place of formatting a traceback.
        return str(self).splitlines()


class UsageError(CheckFailed, TypeError, ValueError):
    """A tool of the course was called in a way that cannot work; the message says how to call it."""


def holds(statement: str, condition: Any, *gap: str, mistake: str = "") -> Finding:
    """Make a `Finding` of a statement, with the lines and the likely mistake to show if it does not hold.

    Examples
    --------
    >>> finding = holds("dx has the shape of x", (4, 3) == (3, 4), "expected (3, 4), got (4, 3)")
    >>> finding.condition, finding.ok, finding.gap
    ('dx has the shape of x', False, ('expected (3, 4), got (4, 3)',))
    """
    return Finding(statement, bool(condition), () if condition else gap, "" if condition else mistake)


def reaches(quantity: str, value: float, bars: dict[str, float], mistake: str = "") -> Finding:
    """Make a `Finding` that a measured value reaches the bar of the data set in use.

    `bars` maps the name of each data set to its bar, such as {"CIFAR-10": 0.38, "built-in images": 0.35}. The statement
    names every bar: so it is the same on every machine, whichever data set is there.
    """
    from cs231n.data_utils import dataset_name

    bar = bars[dataset_name()]
    reached = bool(np.isfinite(value) and value >= bar)
    gap = f"expected at least {bar:g} on {dataset_name()}, got {value:.4g}"
    return holds(f"{quantity} is at least {_listed(bars)}", reached, gap, mistake=mistake)


def _listed(bars: dict[str, float]) -> str:
    """Bars as a sentence names them: one number where all are the same."""
    if len(set(bars.values())) == 1:
        return f"{next(iter(bars.values())):g}"
    return " and ".join(f"{bar:g} on {name}" for name, bar in bars.items())
