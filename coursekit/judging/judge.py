"""The judge: compares what a learner's code returned with what it should return, and says what is wrong.

It never imports the learner's code: it sees the plain values that `coursekit.running.worker` returned.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from coursekit.core.closeness import entry_errors, relative_error
from coursekit.core.question import Case, Finding, Question, Status, UsageError, Verdict
from coursekit.judging import edges
from coursekit.judging.explanation import Calls, likely_mistake, what_is_new, what_is_right
from coursekit.judging.runner import Error, Result
from coursekit.judging.values import as_numbers, describe
from coursekit.questions import all_questions

UNCHANGED = "the inputs are not modified"
RUNS = "the code runs"
# No line of the learner's is to blame: a name is missing, or what his function returned cannot be used as it should.
_CALL = "calling your code, or using what it returned,"
_WITHOUT_LINES = ("ProcessDied", "TimeoutError")  # kinds of error that never come with lines
LONGEST_MESSAGE = 300  # characters of an error's text that are shown


@np.errstate(all="ignore")  # what the learner's values do to our arithmetic is no news to the learner
def judge(
    question: Question, inputs: dict[int, dict], results: dict[int, Result], expected: dict[int, dict]
) -> Verdict:
    """Judge the results of a function question's cases.

    Parameters
    ----------
    question : Question
    inputs, results : dict
        By index of the case: the inputs, and the `Result`.
    expected : dict
        By index of the case: the outputs of the reference (nothing for a case that has a judge of its own).

    Returns
    -------
    Verdict
    """
    calls = Calls(question, inputs, results, expected)
    errors = [result.error for result in calls.asked.values() if result.error]
    waiting = next((error for error in errors if error.kind == "NotImplementedError"), None)
    if waiting:
        return _not_attempted(question, waiting)
    findings = []
    for index, result in results.items():
        findings += _judge_case(question, index, inputs[index], result, expected.get(index, {}))
    asked = [finding for finding in findings if not finding.edge]
    shown = next((finding for finding in asked if not finding.ok), None)
    if not shown:
        return Verdict(question, Status.OK, tuple(findings), _notes(calls.asked.values()))
    mistake = likely_mistake(calls, asked, shown)
    notes = _notes([results[calls.index(shown)]])
    if not mistake:
        notes = (*filter(None, (what_is_new(calls, asked), what_is_right(asked, shown))), *notes)
    return Verdict(question, Status.WRONG, tuple(findings), notes, mistake)


def judge_values(question: Question, values: dict[str, Any]) -> Verdict:
    """Judge the values of a notebook question."""
    if question.judge is None:
        raise UsageError(f"{question.id} is answered in a file, not by values")
    if set(question.values) - set(values):
        call = ", ".join([f'check("{question.id}"', *(f"{name}={name}" for name in question.values)])
        raise UsageError(f"{question.id} is about values in your notebook. Call {call}), as its cell does.")
    if any(_is_empty(value) for value in values.values()):
        return Verdict(question, Status.NOT_ATTEMPTED)
    findings = tuple(question.judge(**values))
    wrong = [finding for finding in findings if not finding.ok]
    mistake = next((finding.mistake for finding in wrong if finding.mistake), "")
    return Verdict(question, Status.WRONG if wrong else Status.OK, findings, mistake=mistake)


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, (dict, list, tuple)) and not value)


def _not_attempted(question: Question, error: Error) -> Verdict:
    waiting_for = error.message.split(":")[0]
    notes: tuple[str, ...] = ()
    if waiting_for != question.id and waiting_for in all_questions():
        notes = (f"it builds on {waiting_for}, which has not been attempted yet",)
    return Verdict(question, Status.NOT_ATTEMPTED, notes=notes, waiting=error.frames[-1][:2] if error.frames else None)


def _judge_case(question: Question, index: int, inputs: dict, result: Result, expected: dict) -> list[Finding]:
    case = question.cases[index]
    raised = result.error and _raised(question, case, result.error)
    findings = [raised] if raised else _findings(case, inputs, result, expected)
    return [replace(finding, edge=finding.edge or case.edge) for finding in findings]


def _findings(case: Case, inputs: dict, result: Result, expected: dict) -> list[Finding]:
    outputs = result.outputs
    if not isinstance(outputs, dict):
        return [Finding("the outputs are returned", False, (f"got {describe(outputs)}",), case=case.name)]
    if case.judge:
        findings = [replace(finding, case=case.name) for finding in case.judge(inputs, outputs)]
    else:
        findings = [compare(case, name, outputs.get(name), value) for name, value in expected.items()]
    # An input that was changed comes first: it may explain the rest.
    asked = tuple(name for name in result.changed if name not in case.better_unchanged)
    changed = [_changed(case, asked)] if asked else []
    return changed + findings + [edges.changed(case, name) for name in result.changed if name in case.better_unchanged]


def _raised(question: Question, case: Case, error: Error) -> Finding:
    at_fault = "your code" if error.frames or error.kind in _WITHOUT_LINES else _CALL
    lines = [f"{at_fault} raised {error.kind}" + (error.message and f": {_shortened(error.message)}")]
    lines += [f"  {file}, line {number}:  {line}" for file, number, line in _shown_frames(question, error)]
    return Finding(RUNS, False, tuple(lines), case=case.name)


def _shown_frames(question: Question, error: Error) -> list:
    """Where an error came from: the last two lines, or, if the question's file is not among them, its line instead."""
    files = {target.split(":")[0].replace(".", "/") + ".py" for target in question.implements}
    frames = list(error.frames)
    own = [frame for frame in frames if frame[0] in files]
    if own and not any(frame[0] in files for frame in frames[-2:]):
        return [own[0], frames[-1]]
    return frames[-2:]


def _shortened(message: str) -> str:
    """An error's text; of a long one, the first line."""
    return message if len(message) <= LONGEST_MESSAGE else message.splitlines()[0][:LONGEST_MESSAGE] + " ..."


def _changed(case: Case, names: tuple[str, ...]) -> Finding:
    return Finding(
        UNCHANGED,
        False,
        (f"modified by your code: {', '.join(names)}",),
        f"{names[0]} is modified in place (by -=, out=, or an assignment to its entries): work on a new array",
        case=case.name,
    )


def compare(case: Case, name: str, got: Any, expected: Any) -> Finding:
    """Compare one output with the reference's; a `Finding` that shows shape and dtype first, then the gap."""
    bound = f"relative error < {case.tolerance:.0e}".replace("e-0", "e-")
    finding = partial(Finding, bound, case=case.name, output=name)
    expected = np.asarray(expected)
    array = as_numbers(got)
    if array is not None and edges.is_one_axis_too_many(array, expected, case.tolerance):
        return edges.one_axis_too_many(case, name)
    if array is None or array.shape != expected.shape:
        what = describe(got if array is None else array)
        return finding(False, (f"{name}: expected {describe(expected)}, got {what}",))
    error = relative_error(array, expected)
    if error <= case.tolerance:
        return finding(True, error=error)
    return finding(False, tuple(_gap(name, array, expected, case.tolerance)), error=error)


def _gap(name: str, got: np.ndarray, expected: np.ndarray, tolerance: float) -> Iterator[str]:
    if got.dtype == expected.dtype or expected.dtype.kind in "iu":
        yield f"{name}: {describe(got)}, as expected"
    else:
        yield f"{name}: expected {describe(expected)}, got {describe(got)}"
    errors = entry_errors(got.astype(float), expected.astype(float))
    if expected.ndim:
        right = int(np.sum(errors <= tolerance))
        yield f"{right} of {expected.size} entries {'is' if right == 1 else 'are'} right"
    place = np.unravel_index(np.argmax(errors), errors.shape)
    where = f"{name}[{', '.join(str(int(i)) for i in place)}]" if place else name
    wanted, returned = told_apart(expected[place], got[place])
    yield f"{'largest error at ' if place else ''}{where}: expected {wanted}, got {returned}"


def told_apart(a: Any, b: Any) -> tuple[str, str]:
    """Two different numbers with as many digits as it takes to see that they differ, and at least six.

    Examples
    --------
    >>> told_apart(1.25, 0.5), told_apart(1.00000001, 1.00000002)
    (('1.25', '0.5'), ('1.00000001', '1.00000002'))
    """
    for digits in range(6, 18):
        texts = f"{a:.{digits}g}", f"{b:.{digits}g}"
        if texts[0] != texts[1]:
            break
    return texts


def _notes(results: Iterable[Result]) -> tuple[str, ...]:
    results = list(results)
    warned = sorted({text for result in results for text in result.warnings})
    printed = [result.printed.rstrip() for result in results if result.printed.strip()]
    notes = [f"NumPy warned: {text}" for text in warned[:3]]
    if printed:
        notes += ["your code printed:", *("  " + line for line in printed[0].splitlines()[:20])]
    return tuple(notes)
