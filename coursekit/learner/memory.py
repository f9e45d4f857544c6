"""Remembered verdicts: what a check said last, and whether that still holds for the files as they are now.

`check` and `progress` write them into a file in the course's folder, so that the start page and `progress` need not run
what has not changed. The file is for the learner alone: it is not submitted, and grading does not believe it. If it is
missing or damaged, nothing is remembered.
"""

import contextlib
import json
import time
from collections.abc import Iterable
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from coursekit.core.question import Question, Status
from coursekit.files import write_file
from coursekit.learner import notebook_form
from coursekit.learner.digests import Sources
from coursekit.learner.first_forms import cell_source, is_as_handed_out
from coursekit.paths import ROOT
from coursekit.questions import NOTEBOOKS, all_questions, notebook_file

FILE = ".verdicts.json"
_CHECKED = (Status.OK, Status.WRONG, Status.NOT_ATTEMPTED)


class State(StrEnum):
    """How a question stands, as far as this is known without running anything."""

    OK = "ok"
    WRONG = "wrong"
    NOT_ATTEMPTED = "not attempted"
    CHANGED = "changed since its check"
    NOT_CHECKED = "not checked yet"


OPEN = (State.WRONG, State.NOT_ATTEMPTED)


class Remembered(NamedTuple):
    """A verdict: its status, the digest of what it rests on ("" if unknown), and when it was made."""

    status: str
    digest: str
    time: float


class Memory(NamedTuple):
    """All remembered verdicts by the question's id, and the id of the question that was checked last."""

    verdicts: dict[str, Remembered]
    last: str = ""


def load(root: Path = ROOT) -> Memory:
    """What is remembered."""
    try:
        file = Path(root, FILE)
        content = json.loads(file.read_text(encoding="utf-8") if file.is_file() else "{}")  # reading a pipe would wait
        verdicts = {id_: Remembered(*values) for id_, values in content["verdicts"].items()}
        return Memory({id_: made for id_, made in verdicts.items() if _is_sound(id_, made)}, str(content["last"]))
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return Memory({})


def _is_sound(id_: str, made: Remembered) -> bool:
    kinds = isinstance(made.digest, str) and isinstance(made.time, (int, float))
    return id_ in all_questions() and made.status in _CHECKED and kinds


def remember(found: Iterable[tuple[Question, Status, str]], root: Path = ROOT, last: str = "") -> None:
    """Add verdicts, each with the digest of what it rests on, to the file; a folder that cannot be written is left.

    `last` is the question that was checked, where it is one.
    """
    old = load(root)
    new = {question.id: Remembered(str(status), digest, time.time()) for question, status, digest in found}
    content = {"format": 1, "last": last or old.last, "verdicts": old.verdicts | new}
    with contextlib.suppress(OSError):
        write_file(Path(root, FILE), json.dumps(content, indent=1) + "\n")


def digest_of_cell(source: str) -> str:
    """The digest of a cell's source, which the verdict on a notebook question rests on."""
    return sha256(source.rstrip().encode()).hexdigest()


# ---- how the questions stand


def states(root: Path = ROOT, memory: Memory | None = None) -> dict[str, State]:
    """How each question whose notebook is there stands, by id, in the order of the course. Nothing is run."""
    memory = load(root) if memory is None else memory
    sources = Sources(root)
    return {question.id: _state(question, memory, sources, root) for question in questions(root)}


def questions(root: Path = ROOT) -> list[Question]:
    """The questions whose notebooks are in a course's folder; an edition may have only some."""
    there = {name for name in NOTEBOOKS if Path(root, notebook_file(name)).is_file()}
    return [question for question in all_questions().values() if question.notebook in there]


def _state(question: Question, memory: Memory, sources: Sources, root: Path) -> State:
    made = memory.verdicts.get(question.id)
    if is_as_handed_out(question, root):
        return State.NOT_ATTEMPTED
    if question.in_notebook:
        return _state_in_notebook(question, made, root)
    if made is None:
        return State.NOT_CHECKED
    return State(made.status) if made.digest == sources.digest(question) else State.CHANGED


def _state_in_notebook(question: Question, made: Remembered | None, root: Path) -> State:
    """From memory if the saved cell is the one that was judged, or was saved earlier; else as the notebook shows."""
    path = Path(root, notebook_file(question.notebook))
    try:
        data, saved = path.read_bytes(), path.stat().st_mtime
    except OSError:
        return State.NOT_CHECKED
    if made is not None and made.digest:
        source = cell_source(data, question.id)
        if saved < made.time or source is not None and digest_of_cell(source) == made.digest:
            return State(made.status)
        return State.CHANGED
    try:
        shown = notebook_form.shown_verdict(notebook_form.read_notebook(data), question.id)
    except ValueError:
        return State.NOT_CHECKED
    return State(shown) if shown else State.NOT_CHECKED


def next_open(states: dict[str, State], after: str = "") -> Question | None:
    """The next question that is known to be open: one itself, or after it in its notebook; else in the next notebook.

    Parameters
    ----------
    states : dict
        As `states` returns it.
    after : str
        The id of the question that was checked last; empty for none.
    """
    ids = list(states)
    if after in states:
        here = all_questions()[after].notebook
        start = ids.index(after)
        ids = ids[start:] + ids[:start]
        ids.sort(key=lambda id_: all_questions()[id_].notebook != here)  # stable: first what is left in this notebook
    return next((all_questions()[id_] for id_ in ids if states[id_] in OPEN), None)
