"""The cells of a notebook as it came: any nbformat, any editor, damaged where it can still be read."""

import ast
import json
import re
import warnings
from dataclasses import dataclass

from coursekit.files import CONFLICT, has_conflict
from coursekit.grading.intake.zips import Refused
from coursekit.learner.submission import with_pictures

MOST_CELLS = 1_000  # ours have at most 80
LARGEST_PARSED = 5_000  # characters of a cell that is looked at as Python; with 1,000 cells, some seconds at the worst

_SIDES = {"<" * 7: "first", "|" * 7: "base", "=" * 7: "second", ">" * 7: "both"}  # what follows such a line
_MAGIC = re.compile(r"^([ \t]*)[%!].*$", re.MULTILINE)
PARSING_ERRORS = (SyntaxError, ValueError, RecursionError, MemoryError)
_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))


@dataclass
class Cell:
    """A cell of a learner's notebook: its id ('' where it has none), its kind (code, markdown or raw), its source."""

    id: str
    kind: str
    source: str


def read_cells(data):
    """The cells of a notebook in some bytes, and remarks.

    Raises
    ------
    Refused
        If the bytes are not a notebook.
    """
    text, remarks = decode(data)
    cells = [_cell(raw) for raw in _raw_cells(_parse(text, remarks))]
    if len(cells) > MOST_CELLS:
        raise Refused(f"The notebook has {len(cells)} cells, more than {MOST_CELLS}.")
    if any(has_conflict(cell.source) for cell in cells):
        remarks.append(f"In a cell: {CONFLICT}.")
    return cells, remarks


def decode(data):
    """Bytes as text with plain line ends, and remarks: UTF-8, or UTF-16 where it says so."""
    remarks = []
    mark, encoding = next(((mark, name) for mark, name in _BOMS if data.startswith(mark)), (b"", "utf-8"))
    if encoding != "utf-8":
        remarks.append("It was saved as UTF-16, not as UTF-8.")
    try:
        text = data[len(mark) :].decode(encoding)
    except UnicodeDecodeError:
        remarks.append("Some characters in it are not UTF-8; they were replaced.")
        text = data[len(mark) :].decode(encoding, errors="replace")
    return plain_lines(text), remarks


def plain_lines(text):
    """Text with LF alone as line end, and without halves of characters, which no file can hold."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.encode("utf-8", errors="replace").decode()


def _parse(text, remarks):
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        if has_conflict(text):
            return _parse_conflict(text, remarks)
        raise Refused(f"It is not a notebook that can be read: the JSON is broken ({error}).") from error


def _parse_conflict(text, remarks):
    for side in ("first", "second"):
        try:
            notebook = json.loads(_one_side(text, side))
        except (ValueError, RecursionError):
            continue
        remarks.append(f"It holds a merge conflict that was not resolved; the {side} version was taken each time.")
        return notebook
    raise Refused(f"{CONFLICT.capitalize()}.")


def _one_side(text, side):
    """A text with one side of each of its conflicts."""
    kept, at = [], "both"
    for line in text.splitlines(keepends=True):
        mark = line[:7]
        if mark in _SIDES and line[7:8] in (" ", "\n", ""):
            at = _SIDES[mark]
        elif at in ("both", side):
            kept.append(line)
    return "".join(kept)


def _raw_cells(notebook):
    """The cells of nbformat 4, or of all worksheets of nbformat 3 and older."""
    if not isinstance(notebook, dict):
        raise Refused("It is not a notebook: JSON, but without cells.")
    sheets = notebook.get("worksheets")
    lists = [sheet.get("cells") for sheet in sheets if isinstance(sheet, dict)] if isinstance(sheets, list) else []
    lists = [cells for cells in (notebook.get("cells"), *lists) if isinstance(cells, list)]
    if not lists:
        raise Refused("It is not a notebook: JSON, but without cells.")
    return [cell for cells in lists for cell in cells if isinstance(cell, dict)]


def _cell(raw):
    metadata = raw.get("metadata") if isinstance(raw.get("metadata"), dict) else {}
    names = [name for name in (raw.get("id"), metadata.get("id")) if isinstance(name, str)]  # Colab: in the metadata
    kind = raw.get("cell_type")
    text = raw.get("source", raw.get("input", ""))  # nbformat 3: input
    if isinstance(text, list):
        text = "".join(line for line in text if isinstance(line, str))
    text = plain_lines(text) if isinstance(text, str) else ""
    if kind == "heading":  # nbformat 3
        level = raw.get("level")
        text = "#" * (level if level in (1, 2, 3, 4, 5, 6) else 1) + " " + text
    if "attachment:" in text:
        text = with_pictures(text, raw)
    return Cell(names[0] if names else "", kind if kind in ("code", "raw") else "markdown", text.strip("\n"))


def parse(source):
    """The top-level statements of a cell (magics left out), or None where it is no Python."""
    if len(source) > LARGEST_PARSED:
        return None
    try:
        return parse_module(_MAGIC.sub(r"\1pass", source))
    except PARSING_ERRORS:
        return None


def parse_module(source):
    """The top-level statements of a module, without warnings; raises one of `PARSING_ERRORS`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source).body


def bound_names(statement):
    """The names that a statement binds at its own level: assigned, imported, defined."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return {statement.name}
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return {(alias.asname or alias.name).split(".")[0] for alias in statement.names}
    stored = (node for node in walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
    return {node.id for node in stored}


def walk(node):
    """All nodes of a statement but those inside of functions, classes and lambdas, which have names of their own."""
    todo = [node]
    while todo:
        node = todo.pop()
        yield node
        inner = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
        todo += [child for child in ast.iter_child_nodes(node) if not isinstance(child, inner)]
