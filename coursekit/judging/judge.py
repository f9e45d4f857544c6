"""The judge: compares what a learner's code returned with what it should return, and says what is wrong.

It never imports the learner's code: it sees the plain values that `coursekit.running.worker` returned.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from coursekit.core import mistakes
from coursekit.core.question import Case, Finding, Question, Status, Verdict
from coursekit.core.serialization import Opaque
from coursekit.judging import edges, reference_answers
from coursekit.judging.runner import Error, Result

UNCHANGED = "the inputs are not modified"
RUNS = "the code runs"


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
    asked = {index: result for index, result in results.items() if not question.cases[index].edge}
    errors = [result.error for result in asked.values() if result.error]
    waiting = [error.message for error in errors if error.kind == "NotImplementedError"]
    if waiting:
        return _not_attempted(question, waiting[0])
    findings = []
    for index, result in results.items():
        findings += _judge_case(question.cases[index], inputs[index], result, expected.get(index, {}))
    ok = all(finding.ok or finding.edge for finding in findings)
    mistake = ""
    if not ok:
        known = reference_answers.recognise(question, results) or reference_answers.recognise(question, asked)
        mistake = known or _likely_mistake(question, asked, [finding for finding in findings if not finding.edge])
    return Verdict(question, Status.OK if ok else Status.WRONG, tuple(findings), _notes(asked), mistake)


def judge_values(question: Question, values: dict[str, Any]) -> Verdict:
    """Judge the values of a notebook question."""
    if question.judge is None:
        raise TypeError(f"{question.id} is answered in a file, not by values")
    missing = set(question.values) - set(values)
    if missing:
        raise TypeError(f"check({question.id!r}) needs {', '.join(f'{name}={name}' for name in sorted(missing))}")
    if any(_is_empty(value) for value in values.values()):
        return Verdict(question, Status.NOT_ATTEMPTED)
    findings = tuple(question.judge(**values))
    wrong = [finding for finding in findings if not finding.ok]
    mistake = next((finding.mistake for finding in wrong if finding.mistake), "")
    return Verdict(question, Status.WRONG if wrong else Status.OK, findings, mistake=mistake)


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, (dict, list, tuple)) and not value)


def _not_attempted(question: Question, message: str) -> Verdict:
    waiting_for = message.split(":")[0]
    notes: tuple[str, ...] = ()
    if waiting_for != question.id:
        notes = (f"it builds on {waiting_for}, which has not been attempted yet",)
    return Verdict(question, Status.NOT_ATTEMPTED, notes=notes)


def _judge_case(case: Case, inputs: dict, result: Result, expected: dict) -> list[Finding]:
    findings = _findings(case, inputs, result, expected)
    return [replace(finding, edge=finding.edge or case.edge) for finding in findings]


def _findings(case: Case, inputs: dict, result: Result, expected: dict) -> list[Finding]:
    if result.error:
        return [_raised(case, result.error)]
    outputs = result.outputs
    if not isinstance(outputs, dict):
        return [Finding("the outputs are returned", False, (f"got {_describe(outputs)}",), case=case.name)]
    if case.judge:
        findings = [replace(finding, case=case.name) for finding in case.judge(inputs, outputs)]
    else:
        findings = _compare_all(case, inputs, expected, outputs)
    asked = tuple(name for name in result.changed if name not in case.better_unchanged)
    if asked:
        findings.append(_changed(case, asked))
    return findings + [edges.changed(case, name) for name in result.changed if name in case.better_unchanged]


def _raised(case: Case, error: Error) -> Finding:
    lines = [f"your code raised {error.kind}: {error.message}"]
    lines += [f"  {file}, line {number}:  {line}" for file, number, line in error.frames[-2:]]
    return Finding(RUNS, False, tuple(lines), mistakes.explain_error(error.message), case=case.name)


def _changed(case: Case, names: tuple[str, ...]) -> Finding:
    return Finding(
        UNCHANGED,
        False,
        (f"modified by your code: {', '.join(names)}",),
        f"{names[0]} is modified in place (by -=, out=, or an assignment to its entries): work on a new array",
        case=case.name,
    )


def _compare_all(case: Case, inputs: dict, expected: dict, outputs: dict) -> list[Finding]:
    sizes = case.sizes(**inputs) if case.sizes else {}
    return [compare(case, name, outputs.get(name), value, inputs, sizes) for name, value in expected.items()]


def compare(case: Case, name: str, got: Any, expected: Any, inputs: dict, sizes: dict[str, int]) -> Finding:
    """Compare one output with the reference's; a `Finding` that shows shape and dtype first, then the gap."""
    bound = f"relative error < {case.tolerance:.0e}".replace("e-0", "e-")
    finding = partial(Finding, bound, case=case.name, output=name)
    expected = np.asarray(expected)
    array = _as_numbers(got)
    if array is None:
        gap = f"{name}: expected {_describe(expected)}, got {_describe(got)}"
        hint = f"{name} is never assigned, or not returned" if got is None else ""
        return finding(False, (gap,), hint)
    if edges.is_one_axis_too_many(array, expected, case.tolerance):
        return edges.one_axis_too_many(case, name)
    if array.shape != expected.shape:
        gap = f"{name}: expected {_describe(expected)}, got {_describe(array)}"
        return finding(False, (gap,), mistakes.explain_shape(name, expected, array, sizes))
    error = mistakes.relative_error(array, expected)
    if error <= case.tolerance:
        return finding(True, error=error)
    reason = mistakes.explain_values(mistakes.Wrong(name, expected, array, inputs, sizes))
    return finding(False, tuple(_gap(name, array, expected, case.tolerance)), reason, error)


def _as_numbers(value: Any) -> np.ndarray | None:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return np.asarray(value)
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "fiu":
        return np.asarray(value)
    return None


def _describe(value: Any) -> str:
    if isinstance(value, (np.ndarray, np.generic)):
        return f"shape {value.shape} {value.dtype}" if value.shape else f"a number ({value.dtype})"
    if isinstance(value, Opaque):
        return f"a {value.kind}"
    return "None" if value is None else f"a {type(value).__name__}"


def _gap(name: str, got: np.ndarray, expected: np.ndarray, tolerance: float) -> Iterator[str]:
    yield f"{name}: {_describe(got)}, as expected"
    errors = mistakes.entry_errors(got.astype(float), expected.astype(float))
    if expected.ndim:
        yield f"{int(np.sum(errors <= tolerance))} of {expected.size} entries are right"
    place = np.unravel_index(np.argmax(errors), errors.shape)
    where = f"{name}[{', '.join(str(int(i)) for i in place)}]" if place else name
    yield f"{'largest error at ' if place else ''}{where}: expected {expected[place]:.6g}, got {got[place]:.6g}"


def _likely_mistake(question: Question, results: dict[int, Result], findings: list[Finding]) -> str:
    if _same_answer_for_all(question, results, findings):
        return "the result is the same for every input: it is right only for the example shown"
    wrong = [finding for finding in findings if not finding.ok and finding.mistake]
    wrong.sort(key=lambda finding: finding.condition != UNCHANGED)  # an input that was changed explains the rest
    reasons = [finding.mistake for finding in wrong]
    if reasons:
        return reasons[0]
    first = question.cases[0].name
    if len(results) > 1 and all(finding.ok for finding in findings if finding.case == first):
        return (
            "right for the example shown, wrong for others: is a size, a number or a label of the example hard-coded?"
        )
    return ""


def _same_answer_for_all(question: Question, results: dict[int, Result], findings: list[Finding]) -> bool:
    outputs = [result.outputs for result in results.values() if isinstance(result.outputs, dict)]
    if len(outputs) < 2 or any(set(other) != set(outputs[0]) for other in outputs):
        return False
    first_ok = all(finding.ok for finding in findings if finding.case == question.cases[0].name)
    same = [
        _as_numbers(other[name]) is not None and mistakes.close(other[name], value)
        for other in outputs[1:]
        for name, value in outputs[0].items()
        if _as_numbers(value) is not None
    ]
    return first_ok and bool(same) and all(same)


def _notes(results: dict[int, Result]) -> tuple[str, ...]:
    warned = sorted({text for result in results.values() for text in result.warnings})
    printed = [result.printed.rstrip() for result in results.values() if result.printed.strip()]
    notes = [f"NumPy warned: {text}" for text in warned[:3]]
    if printed:
        notes += ["your code printed:", *("  " + line for line in printed[0].splitlines()[:20])]
    return tuple(notes)
