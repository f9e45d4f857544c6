"""What the readers of all platforms say: an `Attempt` for each hand-in."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, NamedTuple, Protocol

from coursekit.grading.intake.handed_out import HandedOut
from coursekit.grading.intake.text import listed
from coursekit.grading.intake.times import order_of

LONE = (".ipynb", ".py")  # a file that can be graded alone
ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")
_NUMBERED = re.compile(r"(?P<stem>.+?)(?:-(?P<number>\d{1,3})| ?\((?P<copy>\d{1,3})\))", re.DOTALL)


class File(NamedTuple):
    """A file or folder of a hand-in: its name as handed out, and as the learner called it."""

    name: str
    original: str


@dataclass(frozen=True)
class Attempt:
    """One hand-in.

    Parameters
    ----------
    id : str
        What the submission's id is made from.
    people : tuple of str
        Whose it is, each person by a key that is the same in all attempts; empty if that is unknown.
    learner : dict
        What is known of them: "name", "user", "login", "number", "email", "late", "time", "attempt".
    files : tuple of File
        The later ones first.
    order : tuple
        Larger for a later attempt of the same people.
    remarks : tuple of str
    beside : tuple of str
        Names of what else is this learner's: earlier files, and texts that cannot be graded.
    """

    id: str
    people: tuple[str, ...]
    learner: dict[str, Any]
    files: tuple[File, ...]
    order: tuple = ()
    remarks: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()


@dataclass(frozen=True)
class Found:
    """What a reader found: the attempts, the entries that are the platform's own, and why others are no submissions."""

    attempts: list[Attempt]
    own: frozenset[str] = frozenset()
    others: dict[str, str] = field(default_factory=dict)

    @property
    def used(self) -> set[str]:
        """The names of all entries that are accounted for."""
        names = {file.name for attempt in self.attempts for file in attempt.files}
        return names.union(self.own, self.others, *(attempt.beside for attempt in self.attempts))


class Reader(Protocol):
    """What each module of `platforms` is."""

    NAME: str

    def is_mine(self, handed: HandedOut) -> bool: ...  # noqa: D102

    def read(self, handed: HandedOut) -> Found: ...  # noqa: D102


def slug(*words: str) -> str:
    """Words as an id begins with them."""
    return "_".join(word for word in words if word).lower().replace(" ", "_")


def ending(name: str) -> str:
    """The ending of a file name, in lower case."""
    return PurePosixPath(name).suffix.lower()


def numbered(original: str) -> tuple[str, int]:
    """A file name without the number that a platform or a browser adds to one that is there, and the number.

    Examples
    --------
    >>> numbered("assignment1-2.zip"), numbered("assignment1.zip")
    (('assignment1.zip', 2), ('assignment1.zip', 0))
    """
    stem, dot, last = original.rpartition(".")
    found = _NUMBERED.fullmatch(stem)
    if not dot or not found:
        return original, 0
    return f"{found['stem']}.{last}", int(found["number"] or found["copy"])


def without_earlier(files: list[File]) -> tuple[list[File], list[File]]:
    """(files that count, earlier ones): of files with the same name, numbers left aside, the first one counts."""
    counting: list[File] = []
    earlier: list[File] = []
    seen: set[str] = set()
    for file in files:
        name = numbered(file.original)[0].casefold()
        (earlier if name in seen else counting).append(file)
        seen.add(name)
    return counting, earlier


def ignored(names: Iterable[str]) -> Iterator[str]:
    """A remark about each earlier submission."""
    for name in names:
        yield f"An earlier submission by the same learner, {name}, was ignored."


def text_remark(files: list[File]) -> tuple[str, ...]:
    """A remark about texts that were typed into the platform, if there are any."""
    return (f"Also handed in, but not used: {listed(file.original for file in files)}.",) if files else ()


def latest_first(attempt_time: datetime | None, name: str) -> tuple:
    """The order of an attempt by its time."""
    return order_of(attempt_time), name


def may_be_submission(name: str) -> bool:
    """Whether a file can be a submission, by its ending."""
    return ending(name) in (*ARCHIVES, *LONE)
