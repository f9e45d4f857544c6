"""What is sent to the workers of a cluster: the course, its data sets, and submissions."""

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from coursekit.core.course import for_grading
from coursekit.files import pack_zip
from coursekit.grading.intake.archive import LARGEST_INNER, is_skipped
from coursekit.grading.intake.sources import Source
from coursekit.grading.intake.zips import LARGEST_ARCHIVE, MOST_MEMBERS, walk
from coursekit.paths import GRADER, files_in
from coursekit.questions import COURSE_FILE, course

DATA = ("datasets/builtin/*", "datasets/cifar-10-batches-py/*", "datasets/coco_captioning/*")
COURSE = "course/"  # the folder of the course on a worker, which no other user can enter
CLASS = "class/"  # the folder of the class's zips, in that of the course
LARGEST = 1 << 30  # bytes of a submission that is sent


@dataclass(frozen=True)
class Shared:
    """A file that all workers get, by the name that it has there."""

    name: str
    path: Path

    @property
    def size(self) -> int:
        """Its number of bytes."""
        return self.path.stat().st_size

    @cached_property
    def sha256(self) -> str:
        """The hash of its content."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


def packed_course() -> bytes:
    """A zip of all that grades, with the rules of the course that grading needs."""
    rules = {COURSE_FILE: for_grading(course()).encode()} if course().path else {}
    return pack_zip({name: path.read_bytes() for name, path in files_in(GRADER).items()} | rules)


def data_sets() -> list[Shared]:
    """The data sets that notebooks read."""
    return [Shared(name, path) for name, path in files_in(DATA).items()]


def class_zips(sources: Iterable[Source]) -> list[Shared]:
    """The zips that hold submissions of many learners."""
    paths = {source.path for source in sources if _is_in_class_zip(source)}
    return [Shared(COURSE + _name_in_class(path), path) for path in sorted(paths)]


def _is_in_class_zip(source: Source) -> bool:
    return bool(source.inside or source.parts or source.digest) and source.path.is_file()


def _name_in_class(path: Path) -> str:
    return f"{CLASS}{hashlib.sha256(os.fsencode(path)).hexdigest()[:16]}/{path.name}"


# ---- submissions


class Entry(NamedTuple):
    """A file, folder or link: its name with "/", its mode, its size, and its content or where it leads.

    Without content, its content does not matter.
    """

    name: str
    mode: int
    size: int
    content: bytes | None


def packed(source: Source) -> tuple[Source, list[Entry]]:
    """A submission as it is sent: the source, with its path on the worker, and the files that come along.

    Raises
    ------
    OSError
        If it is not there, cannot be read, or is too large.
    Refused
        If its folders are nested too deeply.
    """
    if _is_in_class_zip(source):
        return replace(source, path=Path(_name_in_class(source.path))), []
    entries = list(_entries(source))
    return replace(source, path=Path(source.path.name)), entries


def unpacked(source: Source, entries: list[Entry], folder: Path, course: Path) -> Source:
    """Write a submission into a folder; the source with its path there, or in the course's folder."""
    if not entries:
        return replace(source, path=course / source.path)
    for entry in entries:
        _write(entry, folder / entry.name)
    for entry in reversed(entries):  # a folder that cannot be read after what is in it
        if stat.S_ISDIR(entry.mode):
            (folder / entry.name).chmod(stat.S_IMODE(entry.mode))
    return replace(source, path=folder / source.path)


def _entries(source: Source) -> Iterator[Entry]:
    left = LARGEST
    for inner, mode in _contents(source):
        entry = _entry(source, inner, mode)
        left -= len(entry.content or b"")
        if left < 0:
            raise OSError(f"it holds more than {LARGEST >> 20} MB, too much to send: grade it without --scheduler")
        yield entry


def _contents(source: Source) -> Iterator[tuple[str, int]]:
    """(name in the submission, mode) of all that belongs to it; the name is empty for what holds the others."""
    path = source.path
    mode = (path.stat if path.exists() else path.lstat)().st_mode
    yield "", mode
    if source.parts:
        yield from ((name, (path / name).lstat().st_mode) for name, _ in source.parts)
    elif stat.S_ISDIR(mode):
        yield from islice(walk(path), MOST_MEMBERS + 1)


def _entry(source: Source, inner: str, mode: int) -> Entry:
    path, name = source.path / inner, f"{source.path.name}/{inner}".rstrip("/")
    if stat.S_ISLNK(mode):
        return Entry(name, mode, 0, os.fsencode(os.readlink(path)))
    if not stat.S_ISREG(mode):
        return Entry(name, mode, 0, None)
    size = path.stat().st_size
    return Entry(name, mode, size, path.read_bytes() if _is_read(source, inner, size) else None)


def _is_read(source: Source, inner: str, size: int) -> bool:
    """Whether anybody reads a file: none that is too large, or lies in an environment."""
    if not inner:
        return size <= LARGEST_ARCHIVE
    return size <= LARGEST_INNER and (bool(source.parts) or not is_skipped(inner))


def _write(entry: Entry, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if stat.S_ISDIR(entry.mode):
        path.mkdir(exist_ok=True)
    elif stat.S_ISLNK(entry.mode):
        path.symlink_to(os.fsdecode(entry.content or b""))
    elif stat.S_ISREG(entry.mode):
        path.write_bytes(entry.content or b"")
        os.truncate(path, entry.size)
        path.chmod(stat.S_IMODE(entry.mode))
    else:  # a pipe, a socket or a device: none of them is read
        os.mkfifo(path)
