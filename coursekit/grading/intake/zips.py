"""Read zips and folders made by others: in memory, with limits on size, and without using their names as paths."""

import errno
import os
import re
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from coursekit.grading.intake.text import short, told

LARGEST_ARCHIVE = 250_000_000  # bytes; a folder zipped by mistake with its environment and CIFAR-10 is near this
LARGEST_TOTAL = 200_000_000  # bytes read from one submission, over all files
MOST_MEMBERS = 50_000  # an environment that was included has 20,000 files
RATIO, RATIO_FROM = 500, 1_000_000  # text compresses tenfold; what compresses 500-fold was made to do so
LONGEST_NAME = 1_000  # characters
DEEPEST_FOLDER = 50  # folders within folders; an environment that was included has 15

_SIGNATURE = b"PK\x01\x02"  # begins each entry of a zip's directory
# How much is read at once, by the method of compression; of bzip2, it is so much of what is compressed. LZMA is not
# among them: there the sender chooses how much memory unpacking takes.
_STEPS = {zipfile.ZIP_STORED: 1 << 18, zipfile.ZIP_DEFLATED: 1 << 18, zipfile.ZIP_BZIP2: 4096}
_UNREAD = {9: "deflate64", 14: "LZMA", 93: "Zstandard", 95: "xz", 98: "PPMd"}
_BEGINNINGS = {  # of files that are submitted instead of a zip
    b"Rar!": "a RAR archive",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"%PDF": "a PDF",
}
_SAYS_UTF8 = 0x800  # the flag of a member whose name is in UTF-8
_EXPECTED = "a zip is expected, as made by `python -m coursekit submit`"
_TOO_MANY = f"It contains more than {MOST_MEMBERS} files: was the environment included by mistake?"


class Refused(Exception):
    """A submission, or one file of it, that cannot be accepted; the message says why."""


class Unreadable(Refused):
    """One file that cannot be accepted, although the others can."""


@dataclass(frozen=True)
class Member:
    """A file in a zip or a folder: its name as submitted (with "/"), how to read it, whether it is a link or the like.

    `read` takes the largest size that the file may have, in bytes, and raises `Refused` or `Unreadable`. Where several
    zips and files were handed in together, `origin` names the zip, and those of a smaller `place` are preferred.
    """

    name: str
    read: Callable[[int], bytes]
    link: bool = False
    origin: str = ""
    place: int = 0


class Budget:
    """The bytes that may still be read from a submission."""

    def __init__(self, left: int = LARGEST_TOTAL) -> None:
        self.left = left

    def spend(self, count: int) -> None:
        """Subtract bytes; raises `Refused` when none are left."""
        self.left -= count
        if self.left < 0:
            raise Refused(f"It unpacks to more than {LARGEST_TOTAL // 1_000_000} MB.")


@contextmanager
def open_zip(file: BinaryIO, of_class: bool = False) -> Iterator[zipfile.ZipFile]:
    """Open a zip after checking its size and the number of its members, which can make it costly to list.

    That `of_class`, which holds the submissions of many learners, may be of any size.
    """
    size = file.seek(0, os.SEEK_END)
    if size > LARGEST_ARCHIVE and not of_class:
        raise Refused(
            f"It is {size / 1e6:.0f} MB, more than {LARGEST_ARCHIVE // 1_000_000}: was the environment or the data "
            "included by mistake? `python -m coursekit submit` leaves them out."
        )
    if size == 0:
        raise Refused("It is empty (0 bytes).")
    if not of_class and _count(file, _SIGNATURE) > MOST_MEMBERS:
        raise Refused(_TOO_MANY)
    try:
        archive = zipfile.ZipFile(file)
    except UnicodeDecodeError as error:
        raise Refused("It contains a name in an encoding that cannot be read.") from error
    except Exception as error:  # BadZipFile, struct.error, NotImplementedError, ...
        raise Refused(_why_not_a_zip(file, error)) from error
    with archive:
        yield archive


def _why_not_a_zip(file: BinaryIO, error: Exception) -> str:
    file.seek(0)
    start = file.read(512)
    kinds = [kind for beginning, kind in _BEGINNINGS.items() if start.startswith(beginning)]
    kinds += ["a tar archive"] * (start[257:262] == b"ustar") + ["a single file"] * (start[:1] in (b"{", b"#", b'"'))
    if kinds:
        return f"It is {kinds[0]}; {_EXPECTED}."
    return f"It cannot be opened as a zip; this is what an interrupted upload looks like ({told(error)})."


def _count(file: BinaryIO, signature: bytes) -> int:
    file.seek(0)
    count, tail = 0, b""
    while chunk := file.read(1 << 20):
        count += (tail + chunk).count(signature)
        tail = chunk[1 - len(signature) :]
    file.seek(0)
    return count


def zip_members(
    archive: zipfile.ZipFile, budget: Budget, infos: list[zipfile.ZipInfo] | None = None
) -> Iterator[Member]:
    """The files in an open zip, or those of some members of it."""
    for info in archive.infolist() if infos is None else infos:
        _require_plain_name(info.orig_filename)
        if not is_folder(info):
            link = stat.S_ISLNK(info.external_attr >> 16)
            yield Member(shown_name(info), partial(read_zipped, archive, info, budget), link)


def is_folder(info: zipfile.ZipInfo) -> bool:
    """Whether a member is a folder; `ZipInfo.is_dir` of Python 3.11 fails at a name that is empty."""
    return info.filename.endswith(("/", "\\"))


def shown_name(info: zipfile.ZipInfo) -> str:
    """The name of a member, with "/" between folders.

    Programs on macOS and Linux write UTF-8 without saying so, which is then read as code page 437.
    """
    name = re.sub(r"^(?:\./)+", "", info.filename.replace("\\", "/"))
    if info.flag_bits & _SAYS_UTF8 or name.isascii():
        return name
    try:
        return name.encode("cp437").decode("utf-8")
    except UnicodeError:
        return name


def _require_plain_name(name: str) -> None:
    if ".." in name.replace("\\", "/").split("/"):
        raise Refused(f"It contains a name that points outside its folder: {short(name)}.")
    if not name or "\0" in name or len(name) > LONGEST_NAME:
        raise Refused(f"It contains a name that no file can have: {short(name)}.")


def read_zipped(archive: zipfile.ZipFile, info: zipfile.ZipInfo, budget: Budget, most: int) -> bytes:
    """The bytes of a member, counted while they are read, since the sizes that a zip states may be false."""
    name = short(info.filename)
    if info.flag_bits & 1:
        raise Refused("It is protected by a password.")
    if info.compress_type not in _STEPS:
        method = _UNREAD.get(info.compress_type, f"number {info.compress_type}")
        raise Unreadable(f"{name} is compressed by a method that cannot be read here ({method}); make an ordinary zip")
    chunks, count = [], 0
    try:
        with archive.open(info) as member:
            while chunk := member.read(_STEPS[info.compress_type]):
                count += len(chunk)
                budget.spend(len(chunk))
                if count > RATIO_FROM and count > RATIO * max(info.compress_size, 1):
                    raise Refused(f"{name} is a zip bomb: it unpacks to more than {RATIO} times its size.")
                _require_at_most(count, most, name)
                chunks.append(chunk)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, ValueError) as error:
        raise Unreadable(f"{name} is damaged ({told(error)})") from error
    return b"".join(chunks)


def _require_at_most(count: int, most: int, name: str) -> None:
    if count > most:
        raise Unreadable(f"{name} has more than {most / 1e6:g} MB")


def folder_members(folder: Path, budget: Budget) -> Iterator[Member]:
    """The files in a folder and below, and the folders that cannot be listed; links are not followed."""
    for count, (name, mode) in enumerate(walk(folder)):
        if count == MOST_MEMBERS:
            raise Refused(_TOO_MANY)
        yield Member(name, partial(read_file, folder / name, budget), not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)))


def walk(folder: Path) -> Iterator[tuple[str, int]]:
    """(name relative to the folder, mode) of all that is in it, in a fixed order.

    A folder is named only where it cannot be listed. What Git keeps in `.git` is left out. `Refused` where folders are
    nested too deeply.
    """
    todo = [("", stat.S_IFDIR)]
    while todo:
        name, mode = todo.pop()
        if not stat.S_ISDIR(mode):
            yield name, mode
            continue
        if name.count("/") >= DEEPEST_FOLDER:
            raise Refused(f"Its folders are nested more than {DEEPEST_FOLDER} deep.")
        try:
            inner = _listing(folder, name)
        except OSError:
            yield name, mode
            continue
        todo += sorted(inner, reverse=True)


def _listing(folder: Path, name: str) -> list[tuple[str, int]]:
    with os.scandir(folder / name) as entries:
        inner = list(islice(entries, MOST_MEMBERS + 1))
    above = name and f"{name}/"
    return [(above + e.name, e.stat(follow_symlinks=False).st_mode) for e in inner if e.name != ".git"]


def read_file(path: Path, budget: Budget, most: int) -> bytes:
    """The bytes of a file, at most so many; `Unreadable` if it has more, or cannot be read."""
    name = short(path.name)
    try:
        data = _first_bytes(path, most + 1)
    except OSError as error:
        raise Unreadable(f"{name} cannot be read ({error.strerror})") from error
    _require_at_most(len(data), most, name)
    budget.spend(len(data))
    return data


def _first_bytes(path: Path, most: int) -> bytes:
    """The start of a file; without waiting where it has become a pipe, without following where it has become a link."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "it is not a file")
        return file.read(most)
