"""Submissions that once stopped the grading of a class, or cost without bound, and honest ones that are odd.

Each entry of `HOSTILE` writes one submission into the folder of a class. `points` says what must become of it: "full"
(it is right, and must not lose anything), "most" (one file cannot be read, the others count), or None (refused, or an
infrastructure error).
"""

import io
import json
import os
import socket
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.classroom import packed, solved

LAYERS, OPTIM = "cs231n/layers.py", "cs231n/optim.py"
KNN, SVM = (f"assignments/assignment1/{name}.ipynb" for name in ("knn", "svm"))
ANSWER = "answer_inline_1"


@dataclass(frozen=True)
class Hostile:
    """How to write a submission (into a folder), and what it must get."""

    write: Callable[[Path], None]
    points: str | None


HOSTILE: dict[str, Hostile] = {}


def hostile(name, points):
    def add(write):
        HOSTILE[name] = Hostile(write, points)
        return write

    return add


def zipped(name, points, change):
    """An entry that is a zip of the solved files with changes."""
    HOSTILE[name] = Hostile(lambda folder: write(folder / f"{name}.zip", packed(solved() | change())), points)


def write(path, data):
    Path(os.fsdecode(path)).write_bytes(data)


def receipt(**parts):
    return {"receipt.json": json.dumps({"files": {}, "questions": {}} | parts).encode()}


def notebook(name, change):
    """The solved notebook, changed by a function."""
    content = json.loads(solved()[name])
    change(content)
    return {name: json.dumps(content).encode()}


def first_answer(content):
    """The first cell for a written answer."""
    return next(cell for cell in content["cells"] if cell["id"].startswith("answer_"))


# ---- names


@hostile("latin-1", "full")
def latin_1(folder):
    (folder / os.fsdecode(b"M\xfcller.zip")).write_bytes(packed(solved()))


@hostile("hyphen", "full")
def hyphen(folder):
    write(folder / "-rf.zip", packed(solved()))


@hostile("chinese", "full")
def chinese(folder):
    write(folder / "张伟.zip", packed(solved()))


@hostile("escape", "full")
def escape(folder):
    write(folder / "a\x1b[2Jb.zip", packed(solved()))


zipped("escape-inside", "full", lambda: {"\x1b[31mred\x07.txt": b"x", "=cmd|x": b"x"})
zipped("case-twins", "full", lambda: {"cs231n/Layers.py": b"# an older copy\n" * 5_000})

# ---- files that are none


@hostile("dangling", None)
def dangling(folder):
    (folder / "x.zip").symlink_to(folder / "nowhere")


@hostile("pipe", None)
def pipe(folder):
    os.mkfifo(folder / "pipe.zip")


@hostile("socket", None)
def unix_socket(folder):
    here = os.getcwd()
    os.chdir(folder)  # the address of a socket must be short
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("socket.zip")
    os.chdir(here)


@hostile("sparse", None)
def sparse(folder):
    with (folder / "sparse.zip").open("wb") as file:
        file.truncate(1 << 40)


@hostile("unreadable", None)
def unreadable(folder):
    write(folder / "unreadable.zip", b"PK")
    (folder / "unreadable.zip").chmod(0)


@hostile("deep-folder", None)
def deep_folder(folder):
    """Too deep to be made, or removed, by its path."""
    (folder / "deep").mkdir()
    handle = os.open(folder / "deep", os.O_RDONLY)
    for _ in range(1_200):
        os.mkdir("ddd", dir_fd=handle)
        inner = os.open("ddd", os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = inner
    os.close(handle)


@hostile("many-members", None)
def many_members(folder):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(50_001):
            archive.writestr(f"{number}", b"")
    write(folder / "many-members.zip", buffer.getvalue())


@hostile("bomb", None)
def bomb(folder):
    with zipfile.ZipFile(folder / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("cs231n/saved/a.npz", bytes(60_000_000))


# ---- receipts

zipped("half-a-character", "full", lambda: receipt(files={"\ud800": "\ud800"}, questions={"\udfff": "ok"}))
zipped("thousands-of-files", "full", lambda: receipt(files={f"file {number} " * 20: "0" for number in range(4_000)}))
zipped("receipt-nested", "full", lambda: {"receipt.json": b"[" * 500_000})
zipped("receipt-numbers", "full", lambda: {"receipt.json": b'{"files": NaN, "questions": 1e999}'})

# ---- sources

zipped("dotted-import", "most", lambda: {OPTIM: b"import a" + b".b" * 45_000})
zipped("comprehension", "most", lambda: {OPTIM: b"x = " + b"[y for y in " * 80 + b"y" + b"]" * 80})
zipped("comprehension-1-mb", "most", lambda: {OPTIM: b"x = [y" + b" for y in z" * 90_000 + b"]"})
zipped("unary", "most", lambda: {OPTIM: b"x = " + b"-" * 900_000 + b"1"})
zipped("attributes", "most", lambda: {OPTIM: b"x = a" + b".b" * 490_000})
zipped("sum", "most", lambda: {OPTIM: b"x = 1" + b"+1" * 490_000})

# ---- notebooks

zipped("notebook-nested", "full", lambda: {KNN: b'{"cells": ' + b"[" * 5_000_000})
zipped("notebook-of-lists", "full", lambda: {KNN: b'{"cells": [' + b"[]," * 6_000_000 + b"[]]}"})
zipped("notebook-numbers", "full", lambda: {KNN: b'{"cells": [{"source": 1e999, "level": NaN, "id": -Infinity}]}'})
zipped(
    "comments-that-do-not-end",
    "full",
    lambda: notebook(KNN, lambda content: first_answer(content).update(source="<!--" * 20_000)),
)
zipped(
    "attachments",
    "full",
    lambda: notebook(
        KNN,
        lambda content: first_answer(content).update(
            source="".join(f"![](attachment:{i}.png)" for i in range(5_000)),
            attachments={f"{i}.png": {"image/png": "A" * 900} for i in range(5_000)},
        ),
    ),
)
zipped(
    "half-a-character-in-an-answer",
    "full",
    lambda: notebook(KNN, lambda content: first_answer(content).update(source="\ud800\x00\x1b\ufffe")),
)

# ---- honest, but odd


@hostile("lone-module", "most")
def lone_module(folder):
    write(folder / "ada_layers.py", solved()[LAYERS])


@hostile("renamed-notebook", "full")
def renamed_notebook(folder):
    files = solved()
    files["assignments/assignment1/svm_final_v2.ipynb"] = files.pop(SVM)
    write(folder / "renamed.zip", packed(files))


OTHERS = ("report.pdf", "notes.docx")


def write_hostile_class(folder, names=None):
    """Write a class into a folder: of each submission its source's path by the name of the entry."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for name in names or HOSTILE:
        before = set(folder.iterdir())
        HOSTILE[name].write(folder)
        [paths[name]] = set(folder.iterdir()) - before
    for name in OTHERS:
        write(folder / name, b"not a submission")
    return paths
