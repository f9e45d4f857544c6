"""The first code cell of every notebook, which is the same in all: `python -m coursekit.teacher.first_cell` writes it.

It runs where nothing of the course can be imported yet, so all it does is find the course; `coursekit.running.start`
does the rest. To change it, change `TEXT` and run the command.
"""

import json
import re
from pathlib import Path
from typing import Any

from coursekit.files import write_file
from coursekit.paths import ROOT
from coursekit.questions import COMPANIONS, NOTEBOOKS, notebook_file

ID = "start"
TEXT = """\
# Finds the course from wherever this notebook runs, and says what is missing. There is nothing to change here.
import sys
from pathlib import Path

folders = [folder for folder in (Path.cwd(), *Path.cwd().parents) if (folder / "coursekit/paths.py").is_file()]
sys.path[:0] = map(str, folders[:1])  # the nearest of them
try:
    from coursekit.running.start import start
except ImportError:
    from IPython.core.error import UsageError

    away = f"The course is not in {Path.cwd()}, nor in a folder above it. In its folder, `python -m coursekit lab`"
    raise UsageError(f"{away} opens the notebooks; on Colab, it has to be fetched from a repository.") from None
start()"""
# What comes before the search in editions that were released with an address.
_FETCH = """\
if "google.colab" in sys.modules:  # Colab has the notebook alone: fetch the course
    !test -d /content/course || git clone --quiet --depth 1 {} /content/course
    sys.path.insert(0, "/content/course")
"""
_SEARCH = "folders = ["


def with_address(text: str, address: str) -> str:
    """The cell's text, with lines that fetch the course on Colab from an address as `git clone` takes it."""
    return text.replace(_SEARCH, _FETCH.format(address) + _SEARCH)


def without_address(text: str) -> str:
    """The cell's text as it is here, from a text with any address; another text stays as it is."""
    before, after = (re.escape(part) for part in _FETCH.split("{}"))
    return re.sub(rf"^{before}[^\n]*{after}", "", text, flags=re.MULTILINE)


def with_first_cell(notebook: dict) -> dict:
    """A notebook, a dict with cells, whose first code cell is this one."""
    source = TEXT.splitlines(keepends=True)
    blank: dict[str, Any] = {"cell_type": "code", "execution_count": None, "id": ID, "metadata": {}, "outputs": []}
    cells = notebook["cells"]
    at = next(number for number, cell in enumerate(cells) if cell["cell_type"] == "code")
    return {**notebook, "cells": [*cells[:at], blank | {"source": source}, *cells[at + (cells[at]["id"] == ID) :]]}


def write(root: Path = ROOT) -> None:
    """Put the cell into the notebooks of a course; those that have it stay as they are."""
    for name in (*NOTEBOOKS, *COMPANIONS):
        path = root / notebook_file(name)
        old = path.read_text(encoding="utf-8")
        new = json.dumps(with_first_cell(json.loads(old)), indent=1, ensure_ascii=False) + "\n"
        if new != old:
            write_file(path, new)


if __name__ == "__main__":
    write()
