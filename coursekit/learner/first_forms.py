"""The first form of each answer: the file as it was handed out, and the function, cell or answer in it.

The learner's edition has the files in which answers are written once more, in a zip. The solved tree has none: there
nothing was handed out.
"""

import ast
import json
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from coursekit.core.question import Question
from coursekit.files import syntax_tree, unpack_zip
from coursekit.paths import ROOT, file_of
from coursekit.questions import all_questions, asked_notebooks, notebook_file

FILE = "coursekit/learner/first_forms.zip"
Lines = tuple[int, int]  # the first and the last line of something, from 1


def files_with_answers() -> list[str]:
    """The files in which answers are written: relative names with "/"."""
    asked = {file_of(target) for question in all_questions().values() for target in question.implements}
    return [*sorted(asked), *map(notebook_file, asked_notebooks())]


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
    if question.in_notebook:
        name = notebook_file(question.notebook)
        return _is_same(name, lambda data: cell_source(data, question.id), root)
    return all(_is_same(file_of(target), partial(_function, target=target), root) for target in question.implements)


def _is_same(name: str, part: Callable[[bytes], str | None], root: Path) -> bool:
    """Whether a part of a file is in its first form."""
    first, now = first_files(root).get(name), _read(root, name)
    if first is None or now is None:
        return False
    return first == now or ((text := part(first)) is not None and text == part(now))


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
def _function(data: bytes, target: str) -> str | None:
    """The text of a function, the lines' ends as on Unix; None if it is not there just once."""
    try:
        [(first, last)] = places(data, target)
        return "\n".join(data.decode("utf-8-sig").splitlines()[first - 1 : last])
    except (SyntaxError, ValueError):
        return None


def cell_source(data: bytes, cell_id: str) -> str | None:
    """The source of a notebook's cell; None if there is no such cell, or no notebook."""
    return _cells(data).get(cell_id)


@lru_cache(maxsize=64)
def _cells(data: bytes) -> dict[str, str]:
    try:
        cells = json.loads(data.decode("utf-8-sig"))["cells"]
        return {cell["id"]: "".join(cell["source"]).rstrip() for cell in cells if "id" in cell}
    except (ValueError, LookupError, TypeError, RecursionError):
        return {}
