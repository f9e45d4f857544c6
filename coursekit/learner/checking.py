"""`check` in a learner's notebook: the verdict, and then what follows from it.

The verdict is remembered, the start page is brought up to date, and after an *ok* the next open question is named.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from coursekit.core.question import Question, Verdict
from coursekit.judging import check as judged
from coursekit.judging.rendering import num_points
from coursekit.learner import memory, start_page
from coursekit.learner.digests import Sources
from coursekit.learner.memory import State
from coursekit.paths import ROOT
from coursekit.questions import all_questions, find, notebook_file
from coursekit.running.notebook import run_source


def check(question_id: str, verbose: bool = False, **values: Any) -> None:
    """Check a question and print its verdict.

    Parameters
    ----------
    question_id : str
        Such as "affine_forward". What is checked is the file as saved on disk.
    verbose : bool
        Show every measured error as well.
    **values
        What a notebook question asks for, such as ``best_k=best_k``.

    Raises
    ------
    CheckFailed
        If the verdict is 'wrong' or 'not attempted'; its text is the verdict.
    UsageError
        If there is no such question, or it needs other values.

    Examples
    --------
    >>> check("affine_forward")  # doctest: +ELLIPSIS
    affine_forward
    ...
    affine_forward: ok, 2 points
    """
    question = find(question_id)
    rests_on = digest(question)  # before the code runs: what is saved while it does is not what was judged
    verdict, tested = judged.judged(question, values)
    keep(verdict, rests_on)
    judged.show(verdict, tested, verbose, what_is_next(question) if verdict.ok else ())


def digest(question: Question, root: Path = ROOT) -> str:
    """The digest of what a verdict rests on; of a notebook question, of its cell as it was run, "" if it was not."""
    if not question.in_notebook:
        return Sources(root).digest(question)
    source = run_source(question.id)
    return memory.digest_of_cell(source) if source else ""


def keep(verdict: Verdict, rests_on: str, root: Path = ROOT) -> None:
    """Remember a verdict, and bring the start page up to date."""
    memory.remember([(verdict.question, verdict.status, rests_on)], root, last=verdict.question.id)
    start_page.update(root)


def what_is_next(question: Question, root: Path = ROOT) -> Iterator[str]:
    """Two lines on the next open question, none if none is known to be open; before, one on a notebook that is done."""
    states = memory.states(root)
    follows = memory.next_open(states, question.id)
    if follows is None:
        return
    own = [q for q in all_questions().values() if q.notebook == question.notebook]
    if follows.notebook != question.notebook and all(states.get(q.id) is State.OK for q in own):
        yield f"{question.notebook} is complete: {num_points(sum(q.points for q in own))}."
    yield f"next: {follows.id} ({follows.title})"
    yield f"  in {_where(follows, question, root)}"


def _where(follows: Question, question: Question, root: Path) -> str:
    """Where the next question is, as briefly as can be."""
    file, line = start_page.place(follows, root)
    place = f"{file}, line {line}" if line else "this notebook"
    if follows.notebook == question.notebook:
        return place
    there = notebook_file(follows.notebook)
    return f"{there}; you write it in {place}" if line else there
