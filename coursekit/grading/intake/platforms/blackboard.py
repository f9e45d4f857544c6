"""Blackboard: `Assignment_username_attempt_2026-01-09-23-04-11_work.zip`, with a .txt file for each attempt.

The text has the learner's name and user name, and what was typed into the form. Both the assignment's name and the user
name may hold "_": the text tells where one ends, and without it what all names begin with.
"""

import os
import re
from dataclasses import dataclass, field

from coursekit.grading.intake.handed_out import HandedOut
from coursekit.grading.intake.platforms.attempt import Attempt, File, Found, latest_first, slug
from coursekit.grading.intake.text import short
from coursekit.grading.intake.times import instant, time_words

NAME = "Blackboard"
_NAME = re.compile(
    r"(?P<who>.+?_.+?)_attempt_(?P<time>\d{4}(?:-\d\d){5})(?:_(?P<original>.+)|(?P<text>\.txt))", re.S | re.I
)
_PERSON = re.compile(r"[^\n:]*: *(?P<name>[^\n]*?) *\((?P<login>[^()\n]+)\)[^\S\n]*$", re.M)
_LONGEST_LINE = 300  # characters of the line with the names
_FIELD, _AFTER_FIELD = "\nSubmission Field:", "\nComments:"
_NOTHING = "There is no student submission text data"


@dataclass
class _HandIn:
    """The files of one attempt, and its text."""

    who: str
    time: str
    files: list[File] = field(default_factory=list)
    text: str = ""
    text_name: str = ""


def is_mine(handed: HandedOut) -> bool:
    """Whether a name is one of Blackboard's."""
    return any(_NAME.fullmatch(entry.name) for entry in handed.entries)


def read(handed: HandedOut) -> Found:
    """The attempts, of which a learner may have several; one without files counts only where there is no other."""
    hand_ins: dict[tuple[str, str], _HandIn] = {}
    for entry in handed.entries:
        if found := _NAME.fullmatch(entry.name):
            hand_in = hand_ins.setdefault((found["who"], found["time"]), _HandIn(found["who"], found["time"]))
            if found["text"]:
                hand_in.text_name, hand_in.text = entry.name, handed.text(entry.name).replace("\r\n", "\n")
            else:
                hand_in.files.insert(0, File(entry.name, found["original"]))
    beginning = _common_beginning({hand_in.who for hand_in in hand_ins.values()})
    own = frozenset(hand_in.text_name for hand_in in hand_ins.values() if hand_in.text_name)
    return Found([_attempt(hand_in, beginning) for hand_in in hand_ins.values()], own=own)


def _common_beginning(names: set[str]) -> str:
    """The assignment's name as far as all names share it, with "_" at its end; "" for a single name."""
    common = os.path.commonprefix(sorted(names)) if len(names) > 1 else ""
    return common[: common.rfind("_") + 1]


def _attempt(hand_in: _HandIn, beginning: str) -> Attempt:
    person = _PERSON.match(hand_in.text[:_LONGEST_LINE])
    login = hand_in.who.removeprefix(beginning) if beginning else hand_in.who.rpartition("_")[2]
    if person and hand_in.who.endswith(f"_{person['login']}"):
        login = person["login"]
    moment = instant(hand_in.time)
    files = hand_in.files or [File(hand_in.text_name, hand_in.text_name)]
    return Attempt(
        id=slug(login),
        people=(f"blackboard {login}",),
        learner={"name": person["name"] if person else login, "login": login, **time_words(moment)},
        files=tuple(files),
        order=(bool(hand_in.files), *latest_first(moment, files[0].name)),
        remarks=_field_remark(hand_in.text),
    )


def _field_remark(text: str) -> tuple[str, ...]:
    """A remark about what the learner typed into the form."""
    typed = " ".join(text.partition(_FIELD)[2].partition(_AFTER_FIELD)[0].split())
    return (f"Typed into Blackboard: {short(typed)}",) if typed and not typed.startswith(_NOTHING) else ()
