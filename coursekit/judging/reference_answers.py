"""Reference answers: what the reference, and each known mistake, returns on the public inputs.

They let the learner's edition judge and name mistakes without holding the solved code. A file for each question is
written by `coursekit.teacher.write_answers`, and a test compares it with both.
"""

import re
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from coursekit.core import serialization
from coursekit.core.closeness import close
from coursekit.core.question import Finding, Question, UsageError
from coursekit.judging.runner import Error, Result
from coursekit.judging.values import as_numbers
from coursekit.questions import NOTEBOOKS

FOLDER = Path(__file__).parent / "answers"
RESIDUE = 1e-12  # an output whose entries are all below it is taken for 0


def path_of(question: Question, folder: Path = FOLDER) -> Path:
    """The file with the answers to a question."""
    return Path(folder, NOTEBOOKS[question.notebook], question.notebook, f"{question.id}.npz")


@cache
def _load(path: Path) -> dict:
    return serialization.unpack(path.read_bytes())


def expected(question: Question) -> dict[int, dict]:
    """The reference's outputs on the public inputs, by index of the case."""
    if not question.cases:
        return {}
    try:
        answers = _load(path_of(question))["expected"]
    except OSError as error:
        raise UsageError(f"{question.id} has no stored answers. {_write_them(question)}") from error
    if set(answers) != {index for index, case in enumerate(question.cases) if not case.judge}:
        raise UsageError(f"The stored answers do not fit the cases of {question.id}. {_write_them(question)}")
    return answers


def given(question: Question) -> list[str]:
    """The lines of the functions that a question asks for, as they are handed out; empty if there are none."""
    try:
        return list(_load(path_of(question)).get("given", ()))
    except OSError:
        return []


def _write_them(question: Question) -> str:
    return f"`python -m coursekit store {question.notebook}` computes them from the solved course."


def recognise(question: Question, inputs: dict[int, dict], results: dict[int, Result], shown: Finding) -> str:
    """The sentence of the known mistake that spoils the finding shown, just as the learner's code does, or ''."""
    try:
        answers = _load(path_of(question))
    except OSError:
        return ""
    index = next(index for index in results if question.cases[index].name == shown.case)
    asked = {i: result for i, result in results.items() if not question.cases[i].edge}
    right = answers["expected"]
    for scope, mistake in product((results, asked), answers["mistakes"]):
        if _is_all(mistake["results"], right, inputs, scope, index, shown.output):
            return mistake["sentence"]
    for mistake in answers["mistakes"] if shown.output else ():
        if _makes(mistake["results"], right, asked, index, shown.output):
            return mistake["sentence"]
    return ""


def _is_all(known: dict, expected: dict, inputs: dict, results: dict[int, Result], shown: int, output: str) -> bool:
    """Whether a known mistake is all that was made: every call ended as with it."""
    if not all(_same(inputs[i], result, known.get(i)) for i, result in results.items()):
        return False
    if not _explains(results[shown], known[shown], expected.get(shown, {}), output):
        return False
    error = fingerprint(results[shown].error, inputs[shown])
    if error is None or not error["in learner's code"] or _spoiled(known, expected):
        return True
    return bool(set(error["inputs"]) & set(known[shown]["error"]["inputs"]))  # the text alone is no evidence


def fingerprint(error: Error | None, inputs: dict) -> dict | None:
    """What identifies an error: its kind, the numbers in its text, and the inputs named in the line that raised it."""
    if error is None:
        return None
    line = error.frames[-1][2] if error.frames else ""
    words = set(re.findall(r"\w+", line))
    return {
        "kind": error.kind,
        "numbers": re.findall(r"\d+", error.message),
        "in learner's code": bool(error.frames),
        "inputs": sorted(words & set(inputs)),
        "transposes": bool(words & {"T", "transpose"}),
    }


def _same(inputs: dict, result: Result, known: dict | None) -> bool:
    """Whether a call ended just as with a known mistake."""
    if known is None:
        return False
    if result.error or known["error"]:
        return _same_error(fingerprint(result.error, inputs), known["error"])
    if list(result.changed) != known["changed"]:
        return False
    outputs = (_stable(outputs, known) for outputs in (result.outputs, known["outputs"]))
    return same_values(*outputs)


def _stable(outputs: Any, known: dict) -> Any:
    """The outputs without those that rounding alone decides with a known mistake, which are no evidence."""
    unstable = known.get("unstable", ())
    return {name: outputs[name] for name in outputs if name not in unstable} if isinstance(outputs, dict) else outputs


def _same_error(error: dict | None, known: dict | None) -> bool:
    if error is None or known is None:
        return False
    names, known_names = set(error["inputs"]), set(known["inputs"])
    rest = ("kind", "numbers", "in learner's code", "transposes")
    return (names <= known_names or known_names <= names) and all(error[key] == known[key] for key in rest)


def _makes(known: dict, expected: dict, results: dict[int, Result], shown: int, output: str) -> bool:
    """Whether a known mistake is among those made: all that it spoils is spoiled so, in the case shown and elsewhere.

    What it leaves right may be wrong for another reason, and so may be a case where the learner's code returns nothing
    or numbers that are not finite.
    """
    if not _explains(results[shown], known[shown], expected[shown], output):
        return False
    spoiled = sorted({output, *_spoiled(known, expected)})
    return all(
        _same_outputs(results[index], known[index], names)
        for index, names in ((index, [name for name in spoiled if name in expected[index]]) for index in expected)
        if index in results and (index == shown or not _broken(results[index], names))
    )


def _explains(result: Result, known: dict, expected: dict, output: str) -> bool:
    """Whether a known mistake makes just the gap that is shown, however small that is."""
    if output not in expected:  # the finding is on something else than an output that is compared
        return True
    if not _same_outputs(result, known, [output]):
        return False
    if output in known.get("unstable", ()):
        return not same_values(result.outputs[output], expected[output])
    got, same, right = (as_numbers(value[output]) for value in (result.outputs, known["outputs"], expected))
    if got is None or same is None or right is None or got.shape != right.shape:
        return not same_values(result.outputs[output], expected[output])
    if not np.isfinite(got).all():
        return True
    gap = np.max(np.abs(got - right), initial=0.0)
    return bool(gap > 0 and np.max(np.abs(got - same), initial=0.0) < 0.05 * gap)


def _spoiled(known: dict, expected: dict) -> list[str]:
    """The outputs that a known mistake gets wrong in some case."""
    names = {
        name
        for index, outputs in expected.items()
        for name, value in outputs.items()
        if not known[index]["error"] and not same_values(known[index]["outputs"].get(name), value)
    }
    return sorted(names)


def _same_outputs(result: Result, known: dict, names: list[str]) -> bool:
    if result.error or known["error"] or not isinstance(result.outputs, dict):
        return False
    unstable = known.get("unstable", ())
    return all(
        same_values(result.outputs.get(name), known["outputs"].get(name)) for name in names if name not in unstable
    )


def _broken(result: Result, names: list[str]) -> bool:
    if result.error or not isinstance(result.outputs, dict):
        return True
    arrays = [as_numbers(result.outputs.get(name)) for name in names]
    return any(array is None or not np.isfinite(array).all() for array in arrays)


def same_values(a: Any, b: Any) -> bool:
    """Whether two outputs are the same but for rounding."""
    if isinstance(a, dict) and isinstance(b, dict):
        return set(a) == set(b) and all(same_values(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(map(same_values, a, b))
    try:
        return bool(close(a, b)) or _are_residues(a, b)
    except (TypeError, ValueError):
        return bool(np.array_equal(a, b))  # False, not an error, for a tuple and an array


def _are_residues(a: Any, b: Any) -> bool:
    """Whether two arrays or numbers, such as a gradient that is 0 in theory, are nothing but what rounding has left."""
    a, b = np.asarray(a), np.asarray(b)
    both_floats = a.dtype.kind == b.dtype.kind == "f"
    return (
        both_floats and a.shape == b.shape and max(np.max(abs(a), initial=0.0), np.max(abs(b), initial=0.0)) < RESIDUE
    )
