"""Reference answers: what the reference, and each known mistake, returns on the public inputs.

They let the learner's edition judge and name mistakes without holding the solved code. A file for each question is
written by `coursekit.teacher.write_answers`, and a test compares it with both.
"""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from coursekit.core import mistakes, serialization
from coursekit.core.question import Question
from coursekit.judging.runner import Result
from coursekit.questions import NOTEBOOKS

FOLDER = Path(__file__).parent / "answers"


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
        raise ValueError(f"{question.id} has no reference answers ({error}). {_WRITE_THEM}") from error
    if set(answers) != {index for index, case in enumerate(question.cases) if not case.judge}:
        raise ValueError(f"The reference answers do not fit {question.id}. {_WRITE_THEM}")
    return answers


_WRITE_THEM = "`python -m coursekit store` writes them."


def recognise(question: Question, results: dict[int, Result]) -> str:
    """The sentence of the known mistake that returns just what the learner's code returned, or ''."""
    try:
        known = _load(path_of(question))["mistakes"]
    except OSError:
        return ""
    for mistake in known:
        if all(_same(result, mistake["results"].get(index)) for index, result in results.items()):
            return mistake["sentence"]
    return ""


def _same(result: Result, known: dict | None) -> bool:
    if known is None:
        return False
    if result.error or known["error"]:
        return bool(result.error and result.error.kind == known["error"])
    return list(result.changed) == known["changed"] and _same_values(result.outputs, known["outputs"])


def _same_values(a: Any, b: Any) -> bool:
    if isinstance(a, dict) and isinstance(b, dict):
        return set(a) == set(b) and all(_same_values(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(map(_same_values, a, b))
    try:
        return bool(mistakes.close(a, b))
    except (TypeError, ValueError):
        return bool(np.array_equal(a, b))  # False, not an error, for a tuple and an array
