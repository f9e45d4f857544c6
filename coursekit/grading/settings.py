"""How an assignment is graded, and by which versions."""

import hashlib
import platform
import secrets
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from coursekit.core.question import Question
from coursekit.grading.running import sandbox
from coursekit.learner import submission
from coursekit.paths import ROOT
from coursekit.questions import course
from coursekit.teacher.adapted import given

NUM_SEEDS = 2**32  # NumPy's RandomState takes no other


def new_seed() -> int:
    """A seed that nobody can guess."""
    return secrets.randbelow(NUM_SEEDS)


class BatchError(Exception):
    """The class cannot be graded as asked; the message says why."""


@dataclass(frozen=True)
class Settings:
    """How an assignment is graded.

    Parameters
    ----------
    assignment : str
    seed : int
        Of the fresh inputs: the same for a class, and known to its teachers alone.
    follow_through_share : float
        Share of a question's points if it is right only with the reference in place of earlier answers.
    notebooks : str
        "run", or "skip": then the questions that are answered in notebooks are not graded.
    isolation : str
        "bubblewrap" or "limits"; the strongest that works here if empty.
    limits : Limits
        For each question; the time is the question's own.
    edges : str
        "ignore", or "count": then code that fails what no question asks for, an edge, is wrong.
    questions : tuple of str
        Ids of the questions to grade; all of the assignment if empty.
    trust_submissions : bool
        Grade even where a submission could change its own grade, see `sandbox.refusal`.
    partial_credit : bool
        A wrong answer earns the share of its question's cases that are right.
    question_time : float
        Factor on the seconds of each question.
    cell_seconds, notebook_seconds : float, optional
        Limits on the processor time of a cell and of a notebook; the usual ones if None.
    memory_mb : int, optional
        Limit on the memory of a question and of a notebook; the usual ones if None.
    """

    assignment: str
    seed: int = 0
    follow_through_share: float = 1.0
    notebooks: str = "run"
    isolation: str = ""
    limits: sandbox.Limits = field(default_factory=sandbox.Limits)
    edges: str = "ignore"
    questions: tuple[str, ...] = ()
    trust_submissions: bool = False
    partial_credit: bool = False
    question_time: float = 1.0
    cell_seconds: float | None = None
    notebook_seconds: float | None = None
    memory_mb: int | None = None

    @property
    def level(self) -> str:
        """The isolation that is used."""
        return self.isolation or sandbox.level()

    def limits_of(self, question: Question) -> sandbox.Limits:
        """The limits of a question."""
        return self.limited(replace(self.limits, seconds=question.seconds * self.question_time))

    def limited(self, limits: sandbox.Limits) -> sandbox.Limits:
        """Some limits with the memory that these settings allow."""
        return replace(limits, memory=self.memory_mb << 20) if self.memory_mb else limits

    def evidence(self) -> dict:
        """All that a grade depends on, as plain values: the same for the same grade. The dates are no part of it."""
        asked = {"points": {q.id: q.points for q in self.asked()}, "given": sorted(given())} if course().path else {}
        return asdict(replace(self, isolation=self.level)) | asked  # the same, whether it was asked for or found

    def asked(self) -> list[Question]:
        """The questions to grade, in the order of the course."""
        asked = submission.questions(self.assignment)
        return [question for question in asked if not self.questions or question.id in self.questions]


@cache
def versions() -> dict[str, str]:
    """What grades: the versions of the software, and the hash of the course's code."""
    from cs231n.data_utils import dataset_name

    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "nbval": _nbval_version(),
        "platform": platform.platform(terse=True),
        "code": _hash_of_code(),
        "data": dataset_name(),
    }


def _nbval_version() -> str:
    """The version of nbval; "" where it is missing: notebooks run without it as well."""
    try:
        return version("nbval")
    except PackageNotFoundError:
        return ""


def _hash_of_code() -> str:
    code = hashlib.sha256()
    for folder in ("coursekit", "cs231n"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            code.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return code.hexdigest()
