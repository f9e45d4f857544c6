"""The likely mistake behind the finding that a verdict shows: never one that was seen elsewhere only."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from coursekit.core import mistakes
from coursekit.core.errors import Raised, explain_error
from coursekit.core.question import Finding, Question
from coursekit.judging import reference_answers
from coursekit.judging.runner import Error, Result
from coursekit.judging.values import as_numbers, no_numbers


@dataclass(frozen=True)
class Calls:
    """The calls of a question's cases: by index of the case, the inputs, the results, and the reference's outputs."""

    question: Question
    inputs: dict[int, dict]
    results: dict[int, Result]
    expected: dict[int, dict]

    def index(self, finding: Finding) -> int:
        """The index of the case that a finding belongs to."""
        return next(index for index in self.results if self.question.cases[index].name == finding.case)

    @property
    def asked(self) -> dict[int, Result]:
        """The results of the cases that are not edges."""
        return {index: result for index, result in self.results.items() if not self.question.cases[index].edge}

    def sizes(self, index: int) -> dict[str, int]:
        """The sizes of a case's inputs, by the letters that docstrings use."""
        name_sizes = self.question.cases[index].sizes
        return name_sizes(**self.inputs[index]) if name_sizes else {}

    def outputs(self, index: int) -> dict[str, Any]:
        """The named outputs of a case; nothing if it raised an error."""
        result = self.results[index]
        return result.outputs if isinstance(result.outputs, dict) and not result.error else {}


def likely_mistake(calls: Calls, findings: list[Finding], shown: Finding) -> str:
    """The likely mistake behind the finding that is shown; '' if none is certain enough."""
    # Edges help to tell known mistakes apart, and are no mistakes of their own.
    for results in (calls.results, calls.asked):
        if known := reference_answers.recognise(calls.question, calls.inputs, results, shown):
            return known
    if _same_answer_for_all(calls, findings):
        return "the result is the same for every input: it is right only for the example shown"
    return shown.mistake or _explain(calls, calls.index(shown), shown.output)


def _explain(calls: Calls, index: int, output: str) -> str:
    error = calls.results[index].error
    if error:
        return explain_error(_raised(calls, index, error))
    if not output:
        return ""
    got, expected = calls.outputs(index).get(output), np.asarray(calls.expected[index][output])
    swapped = _swapped(calls.outputs(index), calls.expected[index], output)
    if swapped:
        return swapped
    array = as_numbers(got)
    if isinstance(got, np.ndarray) and got.dtype.kind == "b" and got.shape != expected.shape:
        array = got.astype(int)  # the shape is told first: numbers alone would not mend it
    if array is None:
        return no_numbers(output, got, expected.dtype.kind)
    if array.shape != expected.shape:
        return mistakes.explain_shape(output, expected, array, calls.sizes(index))
    return mistakes.explain_values(_wrong(calls, index, output, array, expected))


def _raised(calls: Calls, index: int, error: Error) -> Raised:
    expected = next(iter(calls.expected.values()), {})
    is_method = any("." in target.split(":")[1] for target in calls.question.implements)
    lines = tuple(line for _, _, line in error.frames)
    return Raised(error.kind, error.message, lines, tuple(calls.inputs[index]), tuple(expected), is_method)


def _wrong(calls: Calls, index: int, output: str, got: np.ndarray, expected: np.ndarray) -> mistakes.Wrong:
    def about(index: int, got: np.ndarray, expected: np.ndarray, others: tuple = ()) -> mistakes.Wrong:
        warnings = calls.results[index].warnings
        return mistakes.Wrong(output, expected, got, calls.inputs[index], calls.sizes(index), warnings, others)

    others = tuple(about(*other) for other in _comparable(calls, output) if other[0] != index)
    return about(index, got, expected, others)


def _comparable(calls: Calls, output: str) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """An output in all cases where it came back as finite numbers of the right shape."""
    for index, outputs in calls.expected.items():
        is_asked = index in calls.asked
        got = as_numbers(calls.outputs(index).get(output)) if is_asked else None
        expected = np.asarray(outputs.get(output, np.nan))
        if got is not None and got.shape == expected.shape and np.isfinite(got).all():
            yield index, got, expected


def _swapped(outputs: dict, expected: dict, output: str) -> str:
    """Whether an output is what another one should be."""
    for other, value in expected.items():
        if other == output or _alike(value, expected[output]) or not _alike(outputs[output], value):
            continue
        if _alike(outputs[other], expected[output]):
            return f"{output} and {other} are swapped: look at their names and their order"
        if _alike(outputs[other], value):
            return f"{output} is the same as {other}: is one written where the other belongs?"
        return f"{output} is what {other} should be: look at the order of the results"
    for other in expected:
        if _has_other_shape(outputs, expected, output, other) and _has_other_shape(outputs, expected, other, output):
            return f"{output} has the shape of {other}, and {other} that of {output}: are they returned in wrong order?"
    return ""


def _has_other_shape(outputs: dict, expected: dict, name: str, other: str) -> bool:
    got = as_numbers(outputs.get(name))
    return got is not None and got.shape == np.shape(expected[other]) != np.shape(expected[name])


def _alike(got: Any, expected: Any) -> bool:
    array = as_numbers(got)
    return array is not None and bool(np.any(array)) and mistakes.close(array, np.asarray(expected))


def _same_answer_for_all(calls: Calls, findings: list[Finding]) -> bool:
    outputs = [result.outputs for result in calls.asked.values() if isinstance(result.outputs, dict)]
    if len(outputs) < 2 or any(set(other) != set(outputs[0]) for other in outputs):
        return False
    same = [
        as_numbers(other[name]) is not None and mistakes.close(other[name], value)
        for other in outputs[1:]
        for name, value in outputs[0].items()
        if as_numbers(value) is not None
    ]
    return _example_is_right(calls, findings) and bool(same) and all(same)


def what_is_new(calls: Calls, findings: list[Finding]) -> str:
    """What is certain where no mistake is: the notebook's example is right, this case is not."""
    if len(calls.asked) < 2 or not _example_is_right(calls, findings):
        return ""
    return f"the case {calls.question.cases[0].name!r} is right: what is different in this one?"


def what_is_right(findings: list[Finding], shown: Finding) -> str:
    """What is certain where no mistake is: which other outputs are right in all cases."""
    outputs = dict.fromkeys(finding.output for finding in findings if finding.output)
    wrong = {finding.output for finding in findings if not finding.ok}
    right = [output for output in outputs if output not in wrong]
    if not shown.output or not right:
        return ""
    listed = f"{', '.join(right[:-1])} and {right[-1]} are" if len(right) > 1 else f"{right[0]} is"
    return f"{listed} right in all cases"


def _example_is_right(calls: Calls, findings: list[Finding]) -> bool:
    example = calls.question.cases[0].name
    return all(finding.ok for finding in findings if finding.case == example)
