"""Read zips and folders that others made: under caps, in memory, without using their names as paths."""

import os
import re
import stat
import zipfile
import zlib
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

LARGEST_ARCHIVE = 250_000_000  # bytes: a folder zipped with its environment and CIFAR-10 by mistake is near this
LARGEST_TOTAL = 200_000_000  # bytes read from one submission, all files together
MOST_MEMBERS = 50_000  # an environment that was zipped along has 20,000 files
RATIO, RATIO_FROM = 500, 1_000_000  # a text packs to a tenth; what packs to a five-hundredth was made to
LONGEST_NAME = 1_000  # characters

_SIGNATURE = b"PK\x01\x02"  # begins each entry of a zip's directory
_BEGINNINGS = {  # of files that are handed in in place of a zip
    b"Rar!": "a RAR archive",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"%PDF": "a PDF",
}
_WANTED = "a zip is wanted, as `python -m coursekit submit` makes it"
_TOO_MANY = f"It holds more than {MOST_MEMBERS} files: was the environment packed along?"


class Refused(Exception):
    """A submission, or one file of it, that cannot be taken; the message says why in plain words."""


class Unreadable(Refused):
    """One file that cannot be taken, while the others can."""


@dataclass(frozen=True)
class Member:
    """A file in a zip or a folder: its name as it came (with "/"), how to read it, whether it is a link or the like.

    `read` takes the most bytes that the file may have, and raises `Refused` or `Unreadable`.
    """

    name: str
    read: Callable
    link: bool = False


class Budget:
    """The bytes that may still be read from a submission."""

    def __init__(self, left=LARGEST_TOTAL):
        self.left = left

    def spend(self, count):
        """Take bytes off; raises `Refused` when none are left."""
        self.left -= count
        if self.left < 0:
            raise Refused(f"It unpacks to more than {LARGEST_TOTAL // 1_000_000} MB.")


@contextmanager
def open_zip(file):
    """Open a zip after a look at its size and at the number of its members, which can make it costly to list."""
    size = file.seek(0, os.SEEK_END)
    if size > LARGEST_ARCHIVE:
        raise Refused(
            f"It has {size / 1e6:.0f} MB, more than {LARGEST_ARCHIVE // 1_000_000}: was the environment or the data "
            "packed along? `python -m coursekit submit` leaves them out."
        )
    if size == 0:
        raise Refused("It is empty: 0 bytes came.")
    if _count(file, _SIGNATURE) > MOST_MEMBERS:
        raise Refused(_TOO_MANY)
    try:
        archive = zipfile.ZipFile(file)
    except UnicodeDecodeError as error:
        raise Refused("A name in it is written in an encoding that cannot be read.") from error
    except Exception as error:  # BadZipFile, struct.error, NotImplementedError, ...
        raise Refused(_why_no_zip(file, error)) from error
    with archive:
        yield archive


def _why_no_zip(file, error):
    file.seek(0)
    start = file.read(512)
    kinds = [kind for beginning, kind in _BEGINNINGS.items() if start.startswith(beginning)]
    kinds += ["a tar archive"] * (start[257:262] == b"ustar") + ["a single file"] * (start[:1] in (b"{", b"#", b'"'))
    if kinds:
        return f"It is {kinds[0]}; {_WANTED}."
    return f"It is not a zip that can be opened; an upload that broke off looks so ({error})."


def _count(file, signature):
    file.seek(0)
    count, tail = 0, b""
    while chunk := file.read(1 << 20):
        count += (tail + chunk).count(signature)
        tail = chunk[1 - len(signature) :]
    file.seek(0)
    return count


def zip_members(archive, budget):
    """The files in an open zip."""
    for info in archive.infolist():
        _require_plain_name(info.orig_filename)
        if not is_folder(info):
            name, link = info.filename.replace("\\", "/"), stat.S_ISLNK(info.external_attr >> 16)
            yield Member(name, lambda most, info=info: read_zipped(archive, info, most, budget), link)


def is_folder(info):
    """Whether a member is a folder; `ZipInfo.is_dir` of Python 3.11 fails at a name that is empty."""
    return info.filename.endswith("/")


def _require_plain_name(name):
    if ".." in name.replace("\\", "/").split("/"):
        raise Refused(f"A name in it points out of its folder: {short(name)}.")
    if not name or "\0" in name or len(name) > LONGEST_NAME:
        raise Refused(f"A name in it is not one that a file can have: {short(name)}.")


def short(name):
    """A name as it can be shown: not too long, and without signs that do not print."""
    shown = name if len(name) <= 80 else f"{name[:40]}...{name[-37:]}"
    return shown if shown.isprintable() else re.sub(r"\\u[0-9a-f]{4}|\\x[0-9a-f]{2}", "?", ascii(shown)[1:-1])


def read_zipped(archive, info, most, budget):
    """The bytes of a member, counted while they are read: what a zip says about sizes is not believed."""
    name = short(info.filename)
    if info.flag_bits & 1:
        raise Refused("It is locked with a password.")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Unreadable(f"{name} is packed in an unusual way (method {info.compress_type}); zip it the ordinary way")
    chunks, count = [], 0
    try:
        with archive.open(info) as member:
            while chunk := member.read(1 << 18):
                count += len(chunk)
                budget.spend(len(chunk))
                if count > RATIO_FROM and count > RATIO * max(info.compress_size, 1):
                    raise Refused(f"{name} is a bomb: it unpacks to over {RATIO} times its size.")
                _require_at_most(count, most, name)
                chunks.append(chunk)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, ValueError) as error:
        raise Unreadable(f"{name} is damaged ({error})") from error
    return b"".join(chunks)


def _require_at_most(count, most, name):
    if count > most:
        raise Unreadable(f"{name} has more than {most / 1e6:g} MB")


def folder_members(folder, budget):
    """The files in a folder and below; links are not followed."""
    for count, path in enumerate(_walk(folder)):
        if count == MOST_MEMBERS:
            raise Refused(_TOO_MANY)
        name, link = path.relative_to(folder).as_posix(), not stat.S_ISREG(path.lstat().st_mode)
        yield Member(name, lambda most, path=path: _read_file(path, most, budget), link)


def _walk(folder):
    for place, folders, names in os.walk(folder, followlinks=False):
        folders.sort()
        yield from (Path(place, name) for name in sorted(names))


def _read_file(path, most, budget):
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(handle, "rb") as file:
        data = file.read(most + 1)
    _require_at_most(len(data), most, short(path.name))
    budget.spend(len(data))
    return data
