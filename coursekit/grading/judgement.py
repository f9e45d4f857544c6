"""Grade one question: what it returns on fresh inputs, or hands over from a notebook, judged outside the sandbox.

The fresh inputs decide. What a learner reads comes from another process, which gets the inputs of the notebook's check
alone: no text of a process that has seen a fresh input reaches a learner.

How a learner's code is run is the caller's business: `execute` takes a command and the bytes for its standard input,
and returns a `FinishedProcess`, as `coursekit.judging.runner.run_calls` takes it.
"""

import contextlib
import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from inspect import Parameter, signature
from typing import TYPE_CHECKING

import numpy as np

from coursekit.core.question import Finding, Question, Status, Verdict, holds
from coursekit.grading import effort, references
from coursekit.grading.record import Partial
from coursekit.grading.running.sandbox import Limits
from coursekit.judging import reference_answers
from coursekit.judging.judge import RUNS, judge, judge_values
from coursekit.judging.rendering import render
from coursekit.judging.runner import Ending, Execute, Result, run_calls, run_case

if TYPE_CHECKING:  # it imports Jupyter, which grading without notebooks does not need
    from coursekit.grading.running.notebook_run import NotebookRun

ATTEMPTS = 2  # at a sandbox that does not start
CRASHES = {"MemoryError", "SyntaxError", "IndentationError", "TabError"}
RIGHT_IN_PUBLIC = "right on the inputs of the notebook's check, wrong on others"
STOPPED = {
    Status.TIMED_OUT: "stopped after its time was used up: is there an endless or a very slow loop?",
    Status.CRASHED: "the process that ran your code ended early, or the file could not be read",
}
_NUMBER = re.compile(r"\d")  # in a sentence about a mistake: it may be computed from the inputs
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
    is_endless: bool = False  # it does not return: where it is called, nothing after it runs
    full_text: str = ""  # of the verdict on the fresh inputs, where the text is another one; for the instructor
    partial: Partial | None = None  # the cases that are right, of a wrong answer to a question that has several


def without_verdict(question: Question, status: Status, reason: object) -> Graded:
    """What became of a question that could not be judged."""
    return Graded(status, f"{question.id}: {status}\n  {reason}")


def plain(text: str) -> str:
    """A text without control characters, and without addresses in memory."""
    return _ADDRESS.sub("0x...", "".join(c if c.isprintable() or c == "\n" else "?" for c in text))


def _graded(question: Question, verdict: Verdict, status: Status | None = None) -> Graded:
    first_wrong = next((finding.label for finding in verdict.asked if not finding.ok), "")
    return Graded(status or verdict.status, _text_of(verdict, status), verdict.mistake, first_wrong)


def _text_of(verdict: Verdict, status: Status | None = None) -> str:
    """The text of a verdict, under another status if one is given."""
    start, text = f"{verdict.question.id}: ", render(verdict)
    if status and status != verdict.status:
        text = f"{start}{status}" + text.removeprefix(f"{start}{verdict.status}")
    return plain(text)


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


def grade_function(question: Question, seed: int, execute: Execute, count_edges: bool = False) -> Graded:
    """Grade a function question on fresh inputs; if it is not ok, the public inputs say what a learner may read.

    With `count_edges`, code that fails an edge is wrong.
    """
    expected = reference_outputs(question, seed)
    with calm():
        fresh = {index: question.draw_inputs(index, seed) for index in range(len(question.cases))}
        results = _run_until_it_starts(question, fresh, execute)
        verdict = _judged(question, fresh, results, expected, count_edges)
        if verdict.ok:
            return _graded(question, _without_values(verdict))
        told = _verdict_on_public_inputs(question, execute, count_edges)
    ended = _how_it_ended(results.values()) if verdict.status == Status.WRONG else None
    status = ended or verdict.status
    if told.status != verdict.status:
        told = _without_values(verdict, ended)
    graded = _graded(question, told, status)
    return replace(
        graded,
        is_blank=_is_blank(question, results.values()),
        is_endless=status == Status.TIMED_OUT or any(result.ended for result in results.values()),
        full_text=_text_of(verdict, status),
        partial=cases_right(verdict) if status == Status.WRONG else None,
    )


def cases_right(verdict: Verdict) -> Partial | None:
    """How many of the cases that a question asks for are right; None if there are not several."""
    held: dict[str, bool] = {}
    for finding in verdict.asked:
        held[finding.case] = held.get(finding.case, True) and finding.ok
    return Partial(sum(held.values()), len(held)) if len(held) > 1 else None


def _verdict_on_public_inputs(question: Question, execute: Execute, count_edges: bool) -> Verdict:
    """The verdict of the notebook's check, by a process of its own."""
    public = {index: question.draw_inputs(index) for index in range(len(question.cases))}
    results = _run_until_it_starts(question, public, execute)
    return _judged(question, public, results, reference_answers.expected(question), count_edges)


def _is_blank(question: Question, results: Iterable[Result]) -> bool:
    """Whether the first thing that is missing is this question's own answer."""
    errors = [result.error for result in results if result.error]
    waiting = [error.message for error in errors if error.kind == "NotImplementedError"]
    return bool(waiting) and waiting[0].split(":")[0] == question.id


def with_effort(
    question: Question, seed: int, graded: Graded, limits: Limits, make_execute: effort.MakeExecute
) -> Graded:
    """The same grade if the code passes the question's efforts; wrong if it does not."""
    with calm():
        findings = effort.findings(question, seed, limits, make_execute)
    if all(finding.ok for finding in findings):
        return graded
    mistake = next(finding.mistake for finding in findings if not finding.ok)
    return _graded(question, Verdict(question, Status.WRONG, tuple(findings), mistake=mistake))


def _run_until_it_starts(question: Question, inputs: dict[int, dict], execute: Execute) -> dict[int, Result]:
    """The result of each case, by its index."""
    for _ in range(ATTEMPTS):
        results = run_calls(question, list(inputs.items()), execute)
        broken = [result for result in results if result.ended == Ending.NOT_STARTED]
        if not broken:
            return dict(zip(inputs, results, strict=True))
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


def _judged(question: Question, inputs: dict, results: dict, expected: dict, count_edges: bool) -> Verdict:
    """The verdict; values that the judge cannot handle are wrong."""
    try:
        verdict = judge(question, inputs, results, expected)
    except Exception as error:
        return _cannot_be_judged(question, error)
    return _with_edges(verdict) if count_edges else verdict


def _with_edges(verdict: Verdict) -> Verdict:
    """The verdict if the edges are asked as well."""
    failed = verdict.failed_edges
    asked = tuple(replace(finding, edge="") for finding in verdict.findings)
    if not verdict.ok or not failed:
        return replace(verdict, findings=asked)
    return replace(verdict, status=Status.WRONG, findings=asked, mistake=failed[0].mistake or failed[0].edge)


def _cannot_be_judged(question: Question, error: Exception) -> Verdict:
    gap = f"the returned values cannot be judged ({type(error).__name__})"
    return Verdict(question, Status.WRONG, (holds("all values are of the right kind", False, gap),))


def _without_values(verdict: Verdict, ended: Status | None = None) -> Verdict:
    """A verdict on fresh inputs as a learner may read it: where it fails, but nothing that depends on the inputs."""
    findings = tuple(_without_value(finding, ended) for finding in verdict.findings)
    notes = () if verdict.status == Status.NOT_ATTEMPTED else (RIGHT_IN_PUBLIC,)
    raised = any(finding.condition == RUNS for finding in verdict.asked if not finding.ok)
    mistake = "" if raised or _NUMBER.search(verdict.mistake) else verdict.mistake
    return replace(verdict, findings=findings, notes=notes, mistake=mistake)


def _without_value(finding: Finding, ended: Status | None) -> Finding:
    gap: tuple[str, ...] = ()
    if finding.condition == RUNS and not finding.ok:
        gap = (STOPPED[ended] if ended else "your code raised an error",)
    return replace(finding, gap=gap, mistake="")


# ---- the reference


def prepare(questions: Iterable[Question], seed: int) -> None:
    """Compute what grading these questions needs of the reference; what fails is tried again when it is needed."""
    for question in questions:
        with contextlib.suppress(Exception):
            if not question.in_notebook:
                reference_outputs(question, seed)
                effort.prepare(question, seed)


def reference_outputs(question: Question, seed: int) -> dict:
    """What the reference returns on fresh inputs, where it is right."""
    return references.once(("outputs", question.id, seed), lambda: _reference_outputs(question, seed))


def _reference_outputs(question: Question, seed: int) -> dict:
    with calm():
        _require_right(question, _run_reference(question, None), reference_answers.expected(question), None)
        results = _run_reference(question, seed)
        expected = {i: r.outputs for i, r in results.items() if not question.cases[i].judge}
        _require_right(question, results, expected, seed)
    return expected


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
    """The values of a notebook question that do not depend on the learner, by name, as far as its judge takes them."""
    given = question.given() if question.given else {}
    parameters = signature(question.judge).parameters.values() if question.judge else ()
    takes_all = any(parameter.kind == Parameter.VAR_KEYWORD for parameter in parameters)
    return given if takes_all else {name: value for name, value in given.items() if name in question.values}


def grade_values(question: Question, notebook_run: "NotebookRun") -> Graded:
    """What the run of a notebook says about one of its questions, which was judged when its check ran."""
    if notebook_run.state == "infrastructure error":
        raise InfrastructureError(notebook_run.reason)
    if question.id in notebook_run.verdicts:
        return notebook_run.verdicts[question.id]
    status, reason = notebook_run.missing.get(question.id, (Status.NOT_ATTEMPTED, "its check was not reached"))
    return without_verdict(question, Status(status), reason)
