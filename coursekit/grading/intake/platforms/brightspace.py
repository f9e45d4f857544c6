"""Brightspace: a folder `12345-67890 - Firstname Lastname - Jan 9, 2026 1104 PM` for each hand-in, and `index.html`.

Where the files are not in folders, their names begin so. One of the two numbers is the learner's, the other one the
assignment's: the one that differs from learner to learner.
"""

import re
from typing import NamedTuple

from coursekit.grading.intake.handed_out import HandedOut
from coursekit.grading.intake.platforms.attempt import Attempt, File, Found, latest_first, slug
from coursekit.grading.intake.times import instant, time_words

NAME = "Brightspace"
_NUMBERS = re.compile(r"(\d{1,20})-(\d{1,20})")
_YEAR = re.compile(r"(?<!\d)20\d\d(?!\d).*\d")  # a date whose month is in a language that is not known here
_OWN = frozenset({"index.html"})


class _Parts(NamedTuple):
    numbers: tuple[str, str]
    name: str
    time: str
    original: str


def is_mine(handed: HandedOut) -> bool:
    """Whether a name is one of Brightspace's."""
    return any(_parts(entry.name) for entry in handed.entries)


def _parts(name: str) -> _Parts | None:
    first, *rest = name.split(" - ")
    numbers = _NUMBERS.fullmatch(first)
    times = [i for i, part in enumerate(rest) if i and (instant(part) or _YEAR.search(part))]
    if not (numbers and times):
        return None
    at = times[0]
    return _Parts((numbers[1], numbers[2]), " - ".join(rest[:at]), rest[at], " - ".join(rest[at + 1 :]))


def read(handed: HandedOut) -> Found:
    """The hand-ins, of which a learner may have several."""
    named = [(entry.name, parts) for entry in handed.entries if (parts := _parts(entry.name))]
    which = _which_is_the_learners([parts for _, parts in named])
    hand_ins: dict[tuple[str, str, str], list[tuple[str, _Parts]]] = {}
    for name, parts in named:
        hand_ins.setdefault((parts.numbers[which], parts.name, parts.time), []).append((name, parts))
    return Found([_attempt(which, files) for files in hand_ins.values()], own=_OWN)


def _which_is_the_learners(found: list[_Parts]) -> int:
    """Which of the numbers belongs to the learner: the first one, unless people of different names share it."""
    people = {parts.name for parts in found}
    return int(len(people) > 1 and len({parts.numbers[0] for parts in found}) == 1)


def _attempt(which: int, files: list[tuple[str, _Parts]]) -> Attempt:
    parts = files[0][1]
    number, moment = parts.numbers[which], instant(parts.time)
    return Attempt(
        id=slug(parts.name, number),
        people=(f"brightspace {number} {parts.name}",),
        learner={"name": parts.name, "number": number, **time_words(moment)},
        files=tuple(File(name, parts.original or name) for name, parts in reversed(files)),
        order=latest_first(moment, files[0][0]),
    )
