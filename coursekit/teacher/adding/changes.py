"""Files as they will be: all changes are prepared here, then all are written, or none."""

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from coursekit.files import write_file

TO_WRITE = "TO WRITE"
# Where something may be left to write.
_PLACES = (
    "cs231n/**/*.py",
    "coursekit/questions/**/*.py",
    "zoo/**/*.py",
    "assignments/*/*.ipynb",
    "README.md",
    "docs/topics.md",
)


class CannotAdd(ValueError):
    """Something cannot be added to the course; the message says in a sentence why."""


class Changes:
    """The files of a course with changes that are not written yet.

    Parameters
    ----------
    root : Path
        The course's folder.
    """

    def __init__(self, root: Path):
        self.root = root
        self.texts: dict[str, str] = {}

    def exists(self, name: str) -> bool:
        """Whether there is such a file, or will be."""
        return name in self.texts or (self.root / name).is_file()

    def read(self, name: str) -> str:
        """The text of a file as it will be."""
        return self.texts[name] if name in self.texts else (self.root / name).read_text(encoding="utf-8")

    def set(self, name: str, text: str) -> None:
        """Change a file, or make a new one; nothing is written yet."""
        self.texts[name] = text

    def read_notebook(self, name: str) -> dict:
        """The notebook in a file as it will be."""
        return json.loads(self.read(name))

    def set_notebook(self, name: str, notebook: dict) -> None:
        """Change a notebook; cells that stay the same keep their bytes."""
        self.set(name, json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")

    def left(self) -> "list[Left]":
        """What is left to write in the files that are changed."""
        return [left for name, text in self.texts.items() for left in _left_in(name, text)]

    def write(self) -> None:
        """Write all files; if one cannot be written, put all back as they were and raise its OSError."""
        before = {name: self._bytes(name) for name in self.texts}
        try:
            for name, text in self.texts.items():
                self._write(name, text.encode())
        except OSError:
            with contextlib.suppress(OSError):
                for name, data in before.items():
                    self._write(name, data)
            raise

    def _bytes(self, name: str) -> bytes | None:
        path = self.root / name
        return path.read_bytes() if path.is_file() else None

    def _write(self, name: str, data: bytes | None) -> None:
        if data is None:
            (self.root / name).unlink(missing_ok=True)
        elif data != self._bytes(name):
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            write_file(self.root / name, data)


# ---- what is left to write


class Left(NamedTuple):
    """A place at which something is left to write: in a file the line, in a notebook the cell."""

    file: str
    place: str
    what: str

    def __str__(self) -> str:
        return f"{self.file}, {self.place}: {self.what}"


def left_to_write(root: Path) -> list[Left]:
    """All places of a course at which something is left to write."""
    names = sorted({path.relative_to(root).as_posix() for pattern in _PLACES for path in root.glob(pattern)})
    return [left for name in names for left in _left_in(name, (root / name).read_text(encoding="utf-8"))]


def _left_in(name: str, text: str) -> Iterator[Left]:
    if TO_WRITE not in text:
        return
    for place, part in _parts(name, text):
        if TO_WRITE in part:
            yield Left(name, place, _what(part))


def _parts(name: str, text: str) -> Iterator[tuple[str, str]]:
    if not name.endswith(".ipynb"):
        yield from ((f"line {number}", line) for number, line in enumerate(text.splitlines(), 1))
        return
    for cell in json.loads(text)["cells"]:
        yield from ((f"cell {cell['id']}", line) for line in "".join(cell["source"]).splitlines())


def _what(line: str) -> str:
    """What a line asks for: its text after the mark, without what closes a string or a tag."""
    return re.split(r'"|</|\|', line.partition(TO_WRITE)[2].lstrip(': "*'), maxsplit=1)[0].strip(" *") or line.strip()
