"""Stored answers: what the reference, and each known mistake, returns on the public inputs.

They let the learner's edition judge and name mistakes without holding the solved code. `coursekit.store`
writes them, and a test holds them against both.
"""

from functools import cache
from pathlib import Path

import numpy as np

from coursekit import mistakes, wire

FOLDER = Path(__file__).parent / "questions" / "stored"


@cache
def _load(notebook):
    return wire.unpack((FOLDER / f"{notebook}.npz").read_bytes())


def expected(question):
    """The reference's outputs on the public inputs, by index of the case."""
    answers = _load(question.notebook).get(question.id, {"expected": {}})["expected"]
    if set(answers) != {index for index, case in enumerate(question.cases) if not case.judge}:
        raise ValueError(f"The stored answers do not fit {question.id}: python -m coursekit store writes them anew.")
    return answers


def recognise(question, results):
    """The sentence of the known mistake that returns just what the learner's code returned, or ''."""
    try:
        known = _load(question.notebook)[question.id]["mistakes"]
    except (OSError, KeyError):
        return ""
    for mistake in known:
        if all(_same(result, mistake["results"].get(index)) for index, result in results.items()):
            return mistake["sentence"]
    return ""


def _same(result, known):
    if known is None:
        return False
    if result["error"] or known["error"]:
        return bool(result["error"] and known["error"] and result["error"]["kind"] == known["error"])
    return result["changed"] == known["changed"] and _same_values(result["outputs"], known["outputs"])


def _same_values(a, b):
    if isinstance(a, dict) and isinstance(b, dict):
        return set(a) == set(b) and all(_same_values(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(map(_same_values, a, b))
    try:
        return bool(mistakes.close(a, b))
    except (TypeError, ValueError):
        return bool(np.array_equal(a, b))  # False, not an error, for a tuple and an array
