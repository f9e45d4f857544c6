"""`solution`: the model answer beside one's own, readable once one's own is right.

An edition built with `release --solutions after-ok` holds the model answers locked. The key of each is made of what a
right answer returns on further inputs: nothing in the edition says what that is, only a right answer can compute it.
Right answers differ in the last digits, so the key is made of whole numbers: each value is counted in steps of about
1/4096 of the largest one, from a mark that puts the reference's value into the middle of a step.
"""

import ast
import hashlib
import hmac
import html
import json
import textwrap
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np

from coursekit.core.question import CheckFailed, Question
from coursekit.files import syntax_tree
from coursekit.judging.check import check_question
from coursekit.judging.runner import Result, run_calls_on_files
from coursekit.paths import ROOT, file_of
from coursekit.questions import find

FILE = "coursekit/judging/model_answers.json"
SEEDS = tuple(range(1_000_001, 1_000_007))  # of the inputs that unlock; far from those that grading draws
_STEPS = 12  # a step is the power of two that is so many times halved from the largest value
_MARKS = 16  # places in a step where the mark can be; one hexadecimal digit
_VALUES = 32  # of each output that count
FEWEST_BITS = 80
WORK = 2**14  # of scrypt, to make a key from numbers: slow, so that guessing takes long
_CODE_STYLE = "overflow-x: auto; white-space: pre; font: 0.9em monospace; padding: 0.6em; border: 1px solid"


def solution(question_id: str) -> "SideBySide":
    """The model answer beside your own; shown when `check` says *ok*.

    Parameters
    ----------
    question_id : str
        Such as "affine_forward".

    Returns
    -------
    SideBySide
        Two columns in a notebook, text elsewhere.

    Raises
    ------
    CheckFailed
        If your answer is not right yet, or if this edition has no model answer to the question.
    """
    question = find(question_id)
    lock = _lock_of(question)
    if not check_question(question).ok:
        raise CheckFailed(f'{question_id} is not ok yet: solution opens when check("{question_id}") says ok.')
    answers = unlock(lock, run_unlocking(question, lock.cases))
    if answers is None:
        raise CheckFailed(f"{question_id} is ok, but not on all inputs: the model answer stays locked.")
    own = {target: function_source(Path(ROOT, file_of(target)).read_text("utf-8"), target) for target in answers}
    return SideBySide(question_id, answers, own)


def has_answer(question: Question) -> bool:
    """Whether this edition has a model answer to a question."""
    try:
        _lock_of(question)
    except CheckFailed:
        return False
    return True


def _lock_of(question: Question) -> "Lock":
    if question.in_notebook:
        raise CheckFailed(f"{question.id} has no single right answer, so there is none to show.")
    try:
        locks = json.loads(Path(ROOT, FILE).read_text(encoding="utf-8"))
    except OSError:
        raise CheckFailed("This edition has no model answers.") from None
    if question.id not in locks:
        raise CheckFailed(f"{question.id} has no model answer here: a right answer can return many things.")
    return Lock(**locks[question.id])


# ---- locks


@dataclass(frozen=True)
class Lock:
    """A locked answer.

    Parameters
    ----------
    cases : list of int
        The cases whose outputs make the key.
    grids : list of dict
        For each call, by name of the output: the exponent of the step, and the marks as a hexadecimal text.
    salt, text, tag : str
        What the key is made with, the locked answer, and the proof that the key fits, in base64.
    """

    cases: list[int]
    grids: list[dict[str, tuple[int, str]]]
    salt: str
    text: str
    tag: str


def cases_that_unlock(question: Question) -> list[int]:
    """The cases for which every right answer returns the same numbers, up to rounding."""
    return [
        index
        for index, case in enumerate(question.cases)
        if not case.judge and not case.edge and case.tolerance <= 1e-6  # float32 is too coarse
    ]


def unlocking_calls(question: Question, cases: list[int]) -> list[tuple[int, dict[str, Any]]]:
    """The calls that unlock an answer: index of the case, and inputs that no check uses."""
    return [(index, question.draw_inputs(index, seed)) for seed in SEEDS for index in cases]


def run_unlocking(question: Question, cases: list[int], root: Path = ROOT) -> list[Result]:
    """Make the calls that unlock a question's answer."""
    return run_calls_on_files(question, unlocking_calls(question, cases), root)


def lock(cases: list[int], inputs: list[dict], results: list[Result], answers: dict[str, str]) -> Lock | None:
    """Lock answers (by what they implement) with what the reference returns; None if that can be guessed."""
    grids = [_grids(given, result.outputs) for given, result in zip(inputs, results, strict=True)]
    secret = _secret(grids, results)
    if secret is None or _bits(grids, results) < FEWEST_BITS:
        return None
    plain = json.dumps(answers).encode()
    salt = hmac.digest(secret, plain, "sha256")  # the same lock for the same answer, and another key for another one
    encrypt, prove = _keys(secret, salt)
    text = _xor(plain, encrypt)
    tag = hmac.digest(prove, text, "sha256")
    return Lock(cases, grids, *(b64encode(part).decode() for part in (salt, text, tag)))


def unlock(lock: Lock, results: list[Result]) -> dict[str, str] | None:
    """The answers, by what they implement; None if the results are not those of a right answer."""
    secret = _secret(lock.grids, results)
    if secret is None:
        return None
    encrypt, prove = _keys(secret, b64decode(lock.salt))
    text = b64decode(lock.text)
    if not hmac.compare_digest(hmac.digest(prove, text, "sha256"), b64decode(lock.tag)):
        return None
    return json.loads(_xor(text, encrypt))


def _grids(inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> dict[str, tuple[int, str]]:
    """The step and the marks for each output that has finite numbers only, and is not simply one of the inputs."""
    grids = {}
    known = [_some(value) for value in inputs.values()]
    for name, value in outputs.items():
        values = _some(value)
        if np.isfinite(values).all() and not any(np.array_equal(values, other) for other in known):
            exponent = int(np.frexp(1.001 * np.abs(values).max(initial=0.0))[1]) - _STEPS
            marks = np.floor(np.ldexp(values, -exponent) % 1 * _MARKS).astype(int) % _MARKS
            grids[name] = (exponent, "".join(f"{mark:x}" for mark in marks))
    return grids


def _some(value: Any) -> np.ndarray:
    """Some of the entries of an output, evenly spread; NaN if it is not numbers."""
    if not isinstance(value, (int, float, np.ndarray, np.generic)) or np.asarray(value).dtype.kind not in "fiu":
        return np.full(1, np.nan)
    flat = np.asarray(value, dtype=float).ravel()  # so that (D,) and (1, D) are the same
    return flat[np.unique(np.linspace(0, flat.size - 1, _VALUES).astype(int))] if flat.size else flat


def _secret(grids: list[dict[str, tuple[int, str]]], results: list[Result]) -> bytes | None:
    """The numbers that only a right answer gives, as bytes; None where an output cannot be right."""
    numbers: list[int] = []
    for grid, result in zip(grids, results, strict=True):
        for name, (exponent, marks) in grid.items():
            value = result.outputs.get(name) if isinstance(result.outputs, dict) else None
            counted = _counted(_some(value), exponent, marks)
            if counted is None:
                return None
            numbers += counted
    return json.dumps(numbers).encode()


def _counted(values: np.ndarray, exponent: int, marks: str) -> list[int] | None:
    """The number of steps from the marks to the values; None if they are not as many, or far too large."""
    if len(values) != len(marks) or not (np.abs(values) < 2.0 ** (exponent + _STEPS + 1)).all():
        return None
    middle = np.array([(int(mark, 16) + 0.5) / _MARKS for mark in marks])
    return np.rint(np.ldexp(values, -exponent) - middle).astype(int).tolist()


def _bits(grids: list[dict[str, tuple[int, str]]], results: list[Result]) -> float:
    """How many bits somebody would have to guess who knows how often each number occurs, but not where."""
    bits = 0.0
    for grid, result in zip(grids, results, strict=True):
        for name, (exponent, _) in grid.items():
            values = np.asarray(_some(result.outputs[name]))
            numbers = np.ldexp(values, -exponent).astype(np.int64)
            _, counts = np.unique(numbers, return_counts=True)
            bits -= float(np.sum(counts * np.log2(counts / len(numbers))))
    return bits


def _keys(secret: bytes, salt: bytes) -> tuple[bytes, bytes]:
    key = hashlib.scrypt(secret, salt=salt, n=WORK, r=8, p=1, dklen=64)
    return key[:32], key[32:]


def _xor(text: bytes, key: bytes) -> bytes:
    """Encrypt or decrypt: XOR with a stream of SHA-256 in counter mode."""
    blocks = (hmac.digest(key, number.to_bytes(8, "big"), "sha256") for number in count())
    stream = b"".join(islice(blocks, -(-len(text) // 32)))
    return bytes(a ^ b for a, b in zip(text, stream, strict=False))


# ---- what is shown


def function_source(source: str, target: str) -> str:
    """The lines of a function, without its docstring; `target` looks like "cs231n.solver:Solver.train"."""
    body: Any = syntax_tree(source)
    for name in target.split(":")[1].split("."):
        body = next(node for node in body.body if getattr(node, "name", "") == name)
    lines = source.splitlines()[body.lineno - 1 : body.end_lineno]
    first = body.body[0]
    if len(body.body) > 1 and ast.get_docstring(body) is not None:
        del lines[first.lineno - body.lineno : first.end_lineno - body.lineno + 1]
    return textwrap.dedent("\n".join(lines))


class SideBySide:
    """The model answers to a question and one's own, by what they implement."""

    def __init__(self, question_id: str, answers: dict[str, str], own: dict[str, str]) -> None:
        self.question_id, self.answers, self.own = question_id, answers, own

    def __repr__(self) -> str:
        return "\n\n".join(f"{title}:\n\n{textwrap.indent(code, '    ')}" for title, code in self._columns())

    def _repr_html_(self) -> str:
        columns = "".join(
            f'<div style="flex: 1 1 26em; min-width: 0"><b>{html.escape(title)}</b>'
            f'<pre style="{_CODE_STYLE}">{html.escape(code)}</pre></div>'
            for title, code in self._columns()
        )
        return f'<div style="display: flex; flex-wrap: wrap; gap: 1em; text-align: left">{columns}</div>'

    def _columns(self) -> Iterator[tuple[str, str]]:
        for target, answer in self.answers.items():
            yield f"The model answer to {self.question_id}", answer
            yield f"Yours, in {file_of(target)}", self.own[target]
