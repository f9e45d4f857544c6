"""The cells of a submitted notebook: of any nbformat and any editor, and damaged as far as it can still be read."""

import ast
import json
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from coursekit.files import CONFLICT, has_conflict
from coursekit.grading.intake.text import told
from coursekit.grading.intake.zips import Refused
from coursekit.learner.notebook_form import with_images

MOST_CELLS = 1_000  # the course's notebooks have about 80
MOST_TEXT = 5_000_000  # characters in all cells; the course's notebooks have about 60,000
MOST_IMAGES = 10_000_000  # characters of pasted images that are kept
LARGEST_PARSED = 5_000  # characters of a cell that is parsed as Python; 1,000 such cells take some seconds

_SIDES = {"<" * 7: "first", "|" * 7: "base", "=" * 7: "second", ">" * 7: "both"}  # what follows such a line
_MAGIC = re.compile(r"^([ \t]*)[%!].*$", re.MULTILINE)
PARSING_ERRORS = (SyntaxError, ValueError, RecursionError)
_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))


@dataclass
class Cell:
    """A cell of a learner's notebook: its id ('' if it has none), its kind (code, markdown or raw), and its source."""

    id: str
    kind: str
    source: str


def read_cells(data: bytes) -> tuple[list[Cell], list[str]]:
    """The cells of a notebook in some bytes, and remarks.

    Raises
    ------
    Refused
        If the bytes are not a notebook.
    """
    text, remarks = decode(data)
    raw_cells = _raw_cells(_parse(text, remarks))
    if len(raw_cells) > MOST_CELLS:
        raise Refused(f"It has {len(raw_cells)} cells, more than {MOST_CELLS}.")
    cells = [_cell(raw) for raw in raw_cells]
    if (count := sum(len(cell.source) for cell in cells)) > MOST_TEXT:
        raise Refused(f"Its cells have {count} characters, more than {MOST_TEXT}.")
    _insert_images(cells, raw_cells, remarks)
    if any(has_conflict(cell.source) for cell in cells):
        remarks.append(f"In a cell: {CONFLICT}.")
    return cells, remarks


def decode(data: bytes) -> tuple[str, list[str]]:
    """Bytes as text with plain line ends, and remarks: UTF-8, or UTF-16 if it has the mark of that."""
    remarks: list[str] = []
    mark, encoding = next(((mark, name) for mark, name in _BOMS if data.startswith(mark)), (b"", "utf-8"))
    if encoding != "utf-8":
        remarks.append("It was saved as UTF-16 instead of UTF-8.")
    try:
        text = data[len(mark) :].decode(encoding)
    except UnicodeDecodeError:
        remarks.append("Some of its characters are not valid UTF-8; they were replaced.")
        text = data[len(mark) :].decode(encoding, errors="replace")
    return plain_lines(text), remarks


def plain_lines(text: str) -> str:
    """Text with LF as its only line end, and without halves of characters, which no file can hold."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.encode("utf-8", errors="replace").decode()


def _parse(text: str, remarks: list[str]) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        if has_conflict(text):
            return _parse_conflict(text, remarks)
        raise Refused(f"It cannot be read as a notebook: its JSON is damaged ({told(error)}).") from error


def _parse_conflict(text: str, remarks: list[str]) -> Any:
    for side in ("first", "second"):
        try:
            notebook = json.loads(_one_side(text, side))
        except (ValueError, RecursionError):
            continue
        remarks.append(f"It contains unresolved merge conflicts; the {side} version of each was used.")
        return notebook
    raise Refused(f"{CONFLICT.capitalize()}.")


def _one_side(text: str, side: str) -> str:
    """A text with one side of each of its conflicts."""
    kept, at = [], "both"
    for line in text.splitlines(keepends=True):
        mark = line[:7]
        if mark in _SIDES and line[7:8] in (" ", "\n", ""):
            at = _SIDES[mark]
        elif at in ("both", side):
            kept.append(line)
    return "".join(kept)


def _raw_cells(notebook: Any) -> list[dict]:
    """The cells of nbformat 4, or of all worksheets of nbformat 3 and older."""
    if not isinstance(notebook, dict):
        raise Refused("It is not a notebook: it is JSON without cells.")
    sheets = notebook.get("worksheets")
    inner = [sheet.get("cells") for sheet in sheets if isinstance(sheet, dict)] if isinstance(sheets, list) else []
    lists: list[list] = [cells for cells in (notebook.get("cells"), *inner) if isinstance(cells, list)]
    if not lists:
        raise Refused("It is not a notebook: it is JSON without cells.")
    return [cell for cells in lists for cell in cells if isinstance(cell, dict)]


def _cell(raw: dict) -> Cell:
    metadata: Any = raw.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    names = [name for name in (raw.get("id"), metadata.get("id")) if isinstance(name, str)]  # Colab: in the metadata
    kind = raw.get("cell_type")
    text = raw.get("source", raw.get("input", ""))  # nbformat 3: input
    if isinstance(text, list):
        text = "".join(line for line in text if isinstance(line, str))
    text = plain_lines(text) if isinstance(text, str) else ""
    if kind == "heading":  # nbformat 3
        level = raw.get("level")
        text = "#" * (level if level in (1, 2, 3, 4, 5, 6) else 1) + " " + text
    return Cell(names[0] if names else "", kind if kind in ("code", "raw") else "markdown", text.strip("\n"))


def _insert_images(cells: list[Cell], raw_cells: list[dict], remarks: list[str]) -> None:
    """Write pasted images out in the text of their cells, as far as they are not too many."""
    left = MOST_IMAGES
    for cell, raw in zip(cells, raw_cells, strict=True):
        if "attachment:" in cell.source:
            text = with_images(cell.source, raw)
            left -= len(text) - len(cell.source)
            if left < 0:
                remarks.append(f"Its pasted images have more than {MOST_IMAGES / 1e6:g} MB; the last were left out.")
                return
            cell.source = text


def parse(source: str) -> list[ast.stmt] | None:
    """The top-level statements of a cell (without magics), or None if it is not Python."""
    if len(source) > LARGEST_PARSED:
        return None
    try:
        return parse_module(_MAGIC.sub(r"\1pass", source))
    except (*PARSING_ERRORS, MemoryError):  # the parser's word for a text that is nested too deeply
        return None


def parse_module(source: str) -> list[ast.stmt]:
    """The top-level statements of a module, without warnings; raises one of `PARSING_ERRORS`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source).body


def bound_names(statement: ast.stmt) -> set[str]:
    """The names that a statement binds at its own level: assigned, imported or defined."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return {statement.name}
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return {(alias.asname or alias.name).split(".")[0] for alias in statement.names}
    stored = (node for node in walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
    return {node.id for node in stored}


def walk(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes of a statement except those inside functions, classes and lambdas, which have names of their own."""
    todo = [node]
    while todo:
        node = todo.pop()
        yield node
        inner = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
        todo += [child for child in ast.iter_child_nodes(node) if not isinstance(child, inner)]
