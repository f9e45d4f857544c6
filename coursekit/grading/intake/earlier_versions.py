"""Cells of earlier versions of the course, so that a notebook of such a version is graded without trouble.

A submission may be made from notebooks that were distributed before the course was updated. Their provided cells are
then neither the learner's work nor edited: they are recognised by their hashes and replaced by today's. Before a
version is superseded, record its cells: `python -m coursekit.grading.intake.earlier_versions 0.1.0 FOLDER`.
"""

import json
import sys
from collections.abc import Iterable
from functools import cache
from hashlib import sha256
from pathlib import Path

from coursekit.files import write_file
from coursekit.learner.notebook_form import source
from coursekit.teacher.solutions import strip_notebook

FILE = Path(__file__).with_name("earlier_cells.json")
SHORTEST = 12  # characters; a shorter text may be anybody's


def is_earlier(text: str) -> bool:
    """Whether a text is that of a cell as an earlier version of the course distributed it."""
    return bool(earlier_id(text))


def earlier_id(text: str) -> str:
    """The id that a cell with this text had in an earlier version; "" if there was none."""
    return _known().get(_hash(text), "") if len(text) >= SHORTEST else ""


def unknown_to_its_version(texts: Iterable[str], ids: Iterable[str]) -> set[str]:
    """The ids of cells that did not exist yet when a submission was made.

    Parameters
    ----------
    texts : iterable of str
        Its cells that are as some version distributed them. The submission is taken to be of the latest earlier version
        that has all of them; if there is none, it is of today's.
    ids : iterable of str
        The ids of cells that it does not have.
    """
    hashes = {_hash(text) for text in texts if len(text) >= SHORTEST}
    cells = next((cells for cells in reversed(_versions()) if hashes <= cells.keys()), None)
    return set() if cells is None else set(ids) - set(cells.values())


@cache
def _known() -> dict[str, str]:
    """Ids of cells by the hashes of their texts."""
    return {key: name for cells in _versions() for key, name in cells.items()}


@cache
def _versions() -> list[dict[str, str]]:
    """For each version, the oldest first, the ids of its cells by the hashes of their texts."""
    return list(json.loads(FILE.read_text(encoding="utf-8")).values())


def _hash(text: str) -> str:
    return sha256(text.strip("\n").encode(errors="replace")).hexdigest()[:16]


def hashes_of(notebooks: Iterable[Path]) -> dict[str, str]:
    """The ids of all cells that are distributed, by the hashes of their texts, of some solved notebooks."""
    ids = {}
    for path in notebooks:
        edition = json.loads(strip_notebook(path.read_text(encoding="utf-8"), path.stem))
        for cell in edition["cells"]:
            text = source(cell).strip("\n")
            if len(text) >= SHORTEST:
                ids[_hash(text)] = cell["id"]
    return dict(sorted(ids.items()))


def record(version: str, root: str | Path) -> None:
    """Add the cells of a version of the course, whose solved tree is in a folder."""
    known = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    known[version] = hashes_of(sorted(Path(root).glob("assignments/*/*.ipynb")))
    write_file(FILE, json.dumps(known, indent=0) + "\n")


if __name__ == "__main__":
    record(*sys.argv[1:])
