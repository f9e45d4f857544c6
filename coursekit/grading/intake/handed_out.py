"""What a platform handed out: the names at the top of a folder or a zip, and ways to look further.

The readers of `platforms` decide by these names alone, and by small texts; nothing is unpacked.
"""

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property, partial
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from coursekit.grading.intake.confined import TooCostlyError, confined
from coursekit.grading.intake.zips import (
    LONGEST_NAME,
    Budget,
    Refused,
    open_zip,
    read_file,
    read_zipped,
    shown_name,
    walk,
)

LARGEST_TEXT = 20_000_000  # bytes of a list or a note
MOST_BELOW = 2_000  # names that are looked at in one folder
_OF_SYSTEMS = {".ds_store", "thumbs.db", "desktop.ini", "__macosx", "icon\r"}


class Entry(NamedTuple):
    """A name at the top."""

    name: str
    is_folder: bool


def _no_text(name: str) -> bytes:
    raise Refused(f"{name} cannot be read.")


@dataclass(frozen=True)
class HandedOut:
    """The files and folders that a platform handed out.

    Parameters
    ----------
    path : Path
        The folder, or the zip.
    entries : list of Entry
        What is at the top, without what systems leave behind.
    read : callable
        The bytes of a file at the top, by its name; `Refused` if it cannot be read.
    below : callable
        The names of files in a folder at the top, relative to it: at most `MOST_BELOW`.
    top : str
        The folder in the zip whose entries these are, with "/" at its end; "" for the zip itself, or for a folder.
    stamps : dict
        Of a zip: for each file the name and what is known of its content.
    """

    path: Path
    entries: list[Entry]
    read: Callable[[str], bytes] = _no_text
    below: Callable[[str], list[str]] = lambda name: []
    top: str = ""
    stamps: dict[str, str] = field(default_factory=dict)

    @property
    def zipped(self) -> bool:
        """Whether the entries are in a zip."""
        return bool(self.stamps)

    def has(self, name: str) -> bool:
        """Whether there is a file of this name at the top."""
        return Entry(name, False) in self.entries

    def text(self, name: str) -> str:
        """A small text at the top; "" if it cannot be read."""
        try:
            return self.read(name).decode("utf-8-sig", "replace")
        except (Refused, OSError):
            return ""

    def folder(self, name: str) -> "HandedOut | None":
        """What is in a folder at the top, or in a zip there; None if that cannot be listed."""
        if self.zipped:
            return _of_zip(self.path, f"{self.top}{name}/", self.stamps) if Entry(name, True) in self.entries else None
        path = self.path / name
        return None if path.is_symlink() else handed_out(path)

    @cached_property
    def _stamps_of(self) -> dict[str, list[str]]:
        """The stamps of each entry, and of all below it."""
        stamps: dict[str, list[str]] = {}
        for name, stamp in self.stamps.items():
            if name.startswith(self.top):
                stamps.setdefault(name[len(self.top) :].partition("/")[0], []).append(stamp)
        return stamps

    def digest(self, names: Iterable[str]) -> str:
        """Of a zip: the same for the same files among those named, or below them; "" for a folder."""
        stamps = [stamp for name in names for stamp in self._stamps_of.get(name, [])]
        return sha256("\n".join(stamps).encode(errors="surrogatepass")).hexdigest() if self.zipped else ""


def of_names(names: Iterable[str], texts: dict[str, bytes] | None = None, path: Path = Path("class")) -> HandedOut:
    """What a list of names (with "/") says: a folder that holds these files, with the content of some."""
    names, texts = [name for name in names if _is_of_people(name)], texts or {}
    inner: dict[str, list[str]] = {}
    for top, _, rest in (name.partition("/") for name in names):
        if rest and len(inner.setdefault(top, [])) < MOST_BELOW:
            inner[top].append(rest)

    def below(folder: str) -> list[str]:
        return inner.get(folder, [])

    def read(name: str) -> bytes:
        return texts[name] if name in texts else _no_text(name)

    return HandedOut(path, _entries(names), read, below)


def _is_of_people(name: str) -> bool:
    parts = name.lower().split("/")
    return not _OF_SYSTEMS & set(parts) and not parts[-1].startswith("._")


def _entries(names: Iterable[str]) -> list[Entry]:
    return sorted({Entry(top, bool(slash)) for top, slash, _ in (name.partition("/") for name in names) if top})


def handed_out(path: Path) -> HandedOut | None:
    """What is in a folder or a zip; None if it is neither, or cannot be listed."""
    if path.is_dir():
        return _of_folder(path)
    if path.suffix.lower() != ".zip" or not path.is_file():
        return None
    try:
        stamps = dict(json.loads(confined(_listing, path)))
    except TooCostlyError:  # it is refused, with the reason, when it is opened as a submission
        return None
    return _of_zip(path, "", stamps) if stamps else None


def _of_folder(path: Path) -> HandedOut | None:
    try:
        with os.scandir(path) as found:
            entries = sorted(Entry(entry.name, os.path.isdir(entry.path)) for entry in found)
    except OSError:
        return None
    entries = [entry for entry in entries if _is_of_people(entry.name)]
    return HandedOut(path, entries, partial(_read, path), partial(_below, path))


def _read(folder: Path, name: str) -> bytes:
    return read_file(folder / name, Budget(), LARGEST_TEXT)


def _below(folder: Path, name: str) -> list[str]:
    try:
        return [inner for inner, _ in islice(walk(folder / name), MOST_BELOW) if _is_of_people(inner)]
    except (Refused, OSError):
        return []


# ---- zips


def _listing(path: Path) -> list[tuple[str, str]]:
    """(name, stamp) of all files in a zip, and of its folders, some of which may be empty; nothing if it is none."""
    try:
        with path.open("rb") as file, open_zip(file, of_class=True) as archive:
            infos = [(shown_name(info), info) for info in archive.infolist()]
    except (Refused, OSError):
        return []
    if any(len(name) > LONGEST_NAME or ".." in name.split("/") for name, _ in infos):
        return []
    return [(name, f"{name} {info.file_size} {info.CRC}") for name, info in infos]


def _of_zip(path: Path, top: str, stamps: dict[str, str]) -> HandedOut:
    names = [name[len(top) :] for name in stamps if name.startswith(top)]
    inner = of_names(names)

    def read(name: str) -> bytes:
        with path.open("rb") as file, open_zip(file, of_class=True) as archive:
            infos = {shown_name(info): info for info in archive.infolist()}
            return read_zipped(archive, infos[top + name], Budget(), LARGEST_TEXT)

    return HandedOut(path, inner.entries, read, inner.below, top, stamps)
