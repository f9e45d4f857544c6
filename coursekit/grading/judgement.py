"""Grade one question: what it returns on fresh inputs, or hands over from a notebook, judged outside the sandbox.

How a learner's code is run is the caller's business: `execute` takes a command and the bytes for its standard input,
and returns a `FinishedProcess`, as `coursekit.judging.runner.run_calls` takes it.
"""

import contextlib
import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from coursekit.core.question import Question, Status, Verdict, holds
from coursekit.grading import effort
from coursekit.judging import reference_answers
from coursekit.judging.judge import RUNS, judge, judge_values
from coursekit.judging.rendering import render
from coursekit.judging.runner import Ending, Execute, Result, run_calls, run_case

if TYPE_CHECKING:  # it imports Jupyter, which grading without notebooks does not need
    from coursekit.grading.running.notebook_run import NotebookRun

ATTEMPTS = 2  # at a sandbox that does not start
CRASHES = {"MemoryError", "SyntaxError", "IndentationError", "TabError"}
RIGHT_IN_PUBLIC = "right on the inputs of the notebook's check, wrong on others"
_ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}")  # differs from run to run


class InfrastructureError(Exception):
    """Grading itself does not work here: never a learner's fault."""


@dataclass(frozen=True)
class Graded:
    """What became of one question."""

    status: Status
    text: str
    mistake: str = ""
    first_wrong: str = ""
    is_blank: bool = False  # unchanged since it was distributed: no earlier answer could help


def without_verdict(question: Question, status: Status, reason: object) -> Graded:
    """What became of a question that could not be judged."""
    return Graded(status, f"{question.id}: {status}\n  {reason}")


def plain(text: str) -> str:
    """A text without control characters, and without addresses in memory."""
    return _ADDRESS.sub("0x...", "".join(c if c.isprintable() or c == "\n" else "?" for c in text))


def _graded(question: Question, verdict: Verdict, status: Status | None = None) -> Graded:
    told = verdict.status
    text = render(verdict)
    if status and status != told:
        text = f"{question.id}: {status}" + text.removeprefix(f"{question.id}: {told}")
    first_wrong = next((finding.label for finding in verdict.asked if not finding.ok), "")
    is_blank = told == Status.NOT_ATTEMPTED and not verdict.notes
    return Graded(status or told, plain(text), verdict.mistake, first_wrong, is_blank)


@contextlib.contextmanager
def calm() -> Iterator[None]:
    """Let values from outside overflow or be NaN without a warning, and leave NumPy's generator as it was."""
    state = np.random.get_state()
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            np.random.set_state(state)


# ---- function questions


def grade_function(question: Question, seed: int, execute: Execute) -> Graded:
    """Grade a function question on fresh inputs; the public inputs run too, to name the mistake by."""
    expected = reference_outputs(question, seed)
    numbers = range(len(question.cases))
    with calm():
        fresh = {index: question.draw_inputs(index, seed) for index in numbers}
        public = {index: question.draw_inputs(index) for index in numbers}
        results = _run_until_it_starts(question, [*fresh.items(), *public.items()], execute)
        on_fresh = dict(zip(fresh, results, strict=False))
        on_public = dict(zip(public, results[len(fresh) :], strict=True))
        verdict = _judged(question, fresh, on_fresh, expected)
        if verdict.status != Status.WRONG:
            return _graded(question, verdict)
        if ended := _how_it_ended(on_fresh.values()):
            return _graded(question, verdict, ended)
        told = _judged(question, public, on_public, reference_answers.expected(question))
        return _graded(question, told if told.status == Status.WRONG else _without_values(verdict))


def with_effort(question: Question, seed: int, graded: Graded, execute: Execute) -> Graded:
    """The same grade if the code passes the question's efforts; wrong if it does not."""
    with calm():
        findings = effort.findings(question, seed, execute)
    if all(finding.ok for finding in findings):
        return graded
    mistake = next(finding.mistake for finding in findings if not finding.ok)
    return _graded(question, Verdict(question, Status.WRONG, tuple(findings), mistake=mistake))


def _run_until_it_starts(question: Question, calls: list, execute: Execute) -> list[Result]:
    for _ in range(ATTEMPTS):
        results = run_calls(question, calls, execute)
        broken = [result for result in results if result.ended == Ending.NOT_STARTED]
        if not broken:
            return results
    reason = broken[0].error.message if broken[0].error else "it returned nothing"
    raise InfrastructureError(f"the sandbox does not start: {reason}")


def _how_it_ended(results: Iterable[Result]) -> Status | None:
    """The status if a process did not run to its end, or the files could not be read as Python."""
    results = list(results)
    ended = {result.ended for result in results}
    kinds = {result.error.kind for result in results if result.error}
    if ended & {Ending.TIMEOUT, Ending.STALLED} or "TimeoutError" in kinds:
        return Status.TIMED_OUT
    return Status.CRASHED if ended - {Ending.RETURNED} or kinds & CRASHES else None


def _judged(question: Question, inputs: dict, results: dict, expected: dict) -> Verdict:
    """The verdict; values that the judge cannot handle are wrong."""
    try:
        return judge(question, inputs, results, expected)
    except Exception as error:
        return _cannot_be_judged(question, error)


def _cannot_be_judged(question: Question, error: Exception) -> Verdict:
    gap = f"the returned values cannot be judged ({type(error).__name__})"
    return Verdict(question, Status.WRONG, (holds("all values are of the right kind", False, gap),))


def _without_values(verdict: Verdict) -> Verdict:
    """A verdict on fresh inputs as a learner may read it: where it fails, but none of the values."""
    findings = [f if f.ok or f.condition == RUNS else replace(f, gap=()) for f in verdict.findings]
    return replace(verdict, findings=tuple(findings), notes=(RIGHT_IN_PUBLIC,))


# ---- the reference

_references: dict[tuple[str, int], dict] = {}


def reference_outputs(question: Question, seed: int) -> dict:
    """What the reference returns on fresh inputs; computed once in this process, where the reference is right."""
    key = question.id, seed
    if key not in _references:
        with calm():
            _require_right(question, _run_reference(question, None), reference_answers.expected(question), None)
            results = _run_reference(question, seed)
            expected = {i: r.outputs for i, r in results.items() if not question.cases[i].judge}
            _require_right(question, results, expected, seed)
        _references[key] = expected
    return _references[key]


def _run_reference(question: Question, seed: int | None) -> dict:
    return {i: run_case(case, question.draw_inputs(i, seed)) for i, case in enumerate(question.cases)}


def _require_right(question: Question, results: dict, expected: dict, seed: int | None) -> None:
    verdict = judge(question, {i: question.draw_inputs(i, seed) for i in results}, results, expected)
    if not verdict.ok:
        inputs = "the public inputs" if seed is None else f"the inputs of seed {seed}"
        raise InfrastructureError(f"the course's own {question.id} is {verdict.status} here, on {inputs}")


# ---- notebook questions


def judged_values(question: Question, values: dict) -> Graded:
    """Judge the values that a notebook handed over."""
    with calm():
        try:
            asked = {name: values[name] for name in question.values if name in values}
            verdict = judge_values(question, asked | _given(question))
        except Exception as error:
            verdict = _cannot_be_judged(question, error)
    return _graded(question, verdict)


def _given(question: Question) -> dict:
    """The values of a notebook question that do not depend on the learner, by name."""
    given = question.given() if question.given else {}
    return {name: value for name, value in given.items() if name in question.values}


def grade_values(question: Question, notebook_run: "NotebookRun") -> Graded:
    """Grade a notebook question from the run of its notebook."""
    if notebook_run.state == "infrastructure error":
        raise InfrastructureError(notebook_run.reason)
    if question.id in notebook_run.values:
        return judged_values(question, notebook_run.values[question.id])
    status, reason = notebook_run.missing.get(question.id, (Status.NOT_ATTEMPTED, "its check was not reached"))
    return without_verdict(question, Status(status), reason)
