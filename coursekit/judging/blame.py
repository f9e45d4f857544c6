"""A mistake is named where it is: in the question that has it, and not in those that build on this one."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from coursekit.core.question import Finding, Question, Status, Verdict
from coursekit.judging.judge import RUNS
from coursekit.questions import all_questions, closure


def blame(verdict: Verdict, judge: Callable[[Question], Verdict]) -> Verdict:
    """Name the earlier question whose wrong answer a wrong verdict may come from.

    Parameters
    ----------
    verdict : Verdict
    judge : callable
        Takes an earlier question, returns the verdict on its own cases.

    Returns
    -------
    Verdict
        The same one, with the first earlier question that is wrong as the likely mistake, if there is any.
    """
    if verdict.status != Status.WRONG:
        return verdict
    for earlier in _earlier(verdict):
        if judge(earlier).status == Status.WRONG:
            return replace(verdict, mistake=f"{earlier.id}, which this question builds on, is wrong: fix it first")
    return verdict


def _earlier(verdict: Verdict) -> Iterator[Question]:
    """The function questions that the code of this one runs through, in the order of the course."""
    needed = closure(verdict.question)
    first_wrong = next(finding for finding in verdict.asked if not finding.ok)
    for question in all_questions().values():
        if question.id in needed and not question.in_notebook and _takes_part(question, first_wrong):
            yield question


def _takes_part(earlier: Question, finding: Finding) -> bool:
    """Whether an earlier question's code can be behind a finding.

    The cases replace the initial weights by their own, so `__init__` matters only where it raises an error.
    """
    only_initial = all(target.endswith(".__init__") for target in earlier.implements)
    return not only_initial or finding.condition == RUNS
