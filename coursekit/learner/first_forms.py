"""The first form of each answer: the file as it was handed out, and the function, cell or answer in it.

The learner's edition has the files in which answers are written once more, in a zip. The solved tree has none: there
nothing was handed out.
"""

import ast
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from coursekit.core.question import Question
from coursekit.files import syntax_tree, unpack_zip
from coursekit.paths import ROOT, file_of
from coursekit.questions import NOTEBOOKS, all_questions, notebook_file

FILE = "coursekit/learner/first_forms.zip"
Lines = tuple[int, int]  # the first and the last line of something, from 1


def files_with_answers() -> list[str]:
    """The files in which answers are written: relative names with "/"."""
    asked = {file_of(target) for question in all_questions().values() for target in question.implements}
    return [*sorted(asked), *map(notebook_file, NOTEBOOKS)]


def first_files(root: Path = ROOT) -> dict[str, bytes]:
    """The files as they were handed out, by name; empty where there are none or the zip is damaged."""
    path = Path(root, FILE)
    try:
        return _unpacked(path, path.stat().st_mtime_ns)
    except (OSError, ValueError):
        return {}


@lru_cache(maxsize=4)
def _unpacked(path: Path, _time: int) -> dict[str, bytes]:
    return unpack_zip(path.read_bytes())


def places(source: str | bytes, target: str) -> list[Lines]:
    """Where a function is defined in a source, with its decorators: once, or never, or several times.

    Raises
    ------
    SyntaxError
        If the source is not Python.
    """
    bodies: list[Any] = [syntax_tree(source)]
    for name in target.split(":")[1].split("."):
        bodies = [node for body in bodies for node in body.body if getattr(node, "name", "") == name]
    functions = [node for node in bodies if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    return [(min([f.lineno, *(d.lineno for d in f.decorator_list)]), f.end_lineno or f.lineno) for f in functions]


def is_as_handed_out(question: Question, root: Path = ROOT) -> bool:
    """Whether nothing was written for a question yet: its functions, or its cell, are in their first form."""
    first = first_files(root)
    if question.in_notebook:
        name = notebook_file(question.notebook)
        return _same(cell_source(first.get(name), question.id), cell_source(_read(root, name), question.id))
    return bool(first) and all(
        _same(_function(first.get(name), target), _function(_read(root, name), target))
        for target in question.implements
        for name in [file_of(target)]
    )


def _same(a: str | None, b: str | None) -> bool:
    return a is not None and a == b


def _read(root: Path, name: str) -> bytes | None:
    path = Path(root, name)
    try:
        return _bytes(path, path.stat().st_mtime_ns)
    except OSError:
        return None


@lru_cache(maxsize=128)
def _bytes(path: Path, _time: int) -> bytes:
    return path.read_bytes()


@lru_cache(maxsize=1024)
def _function(data: bytes | None, target: str) -> str | None:
    """The text of a function, the lines' ends as on Unix; None if it is not there just once."""
    try:
        [(first, last)] = places(data or b"", target)
        return "\n".join((data or b"").decode("utf-8-sig").splitlines()[first - 1 : last])
    except (SyntaxError, ValueError):
        return None


def cell_source(data: bytes | None, cell_id: str) -> str | None:
    """The source of a notebook's cell; None if there is no such cell, or no notebook."""
    cells = _cells(data) if data is not None else {}
    return cells.get(cell_id)


@lru_cache(maxsize=64)
def _cells(data: bytes) -> dict[str, str]:
    try:
        cells = json.loads(data.decode("utf-8-sig"))["cells"]
        return {cell["id"]: "".join(cell["source"]).rstrip() for cell in cells if "id" in cell}
    except (ValueError, LookupError, TypeError, RecursionError):
        return {}
