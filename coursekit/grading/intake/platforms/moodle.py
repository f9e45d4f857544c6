"""Moodle: a folder `Firstname Lastname_123456_assignsubmission_file_` for each learner, or files that begin so.

The number is the participant's, which the grading worksheet has as well. A text typed into Moodle is in a folder of its
own, `..._assignsubmission_onlinetext_`. Moodle hands out the last attempt alone; its time is on the grading worksheet.
"""

import re

from coursekit.grading.intake.handed_out import HandedOut
from coursekit.grading.intake.platforms.attempt import (
    Attempt,
    File,
    Found,
    ignored,
    slug,
    text_remark,
    without_earlier,
)

NAME = "Moodle"
_NAME = re.compile(r"(?P<name>.+?)_(?P<number>\d{1,20})_assignsubmission_(?P<kind>[a-z]+)(?:_(?P<original>.*))?", re.S)


def is_mine(handed: HandedOut) -> bool:
    """Whether a name is one of Moodle's."""
    return any(_NAME.fullmatch(entry.name) for entry in handed.entries)


def read(handed: HandedOut) -> Found:
    """The hand-ins: one for each participant."""
    participants: dict[str, list[tuple[str, re.Match]]] = {}
    for entry in handed.entries:
        if found := _NAME.fullmatch(entry.name):
            participants.setdefault(found["number"], []).append((entry.name, found))
    return Found([_attempt(number, files) for number, files in participants.items()])


def _attempt(number: str, files: list[tuple[str, re.Match]]) -> Attempt:
    named = [(found["kind"], File(name, found["original"] or name)) for name, found in reversed(files)]
    work, texts = ([file for kind, file in named if (kind == "file") == is_work] for is_work in (True, False))
    counting, earlier = without_earlier(work)
    name = files[0][1]["name"]
    return Attempt(
        id=slug(name, number),
        people=(f"moodle {number}",),
        learner={"name": name, "number": number},
        files=tuple(counting or texts),
        remarks=(*ignored(file.name for file in earlier), *text_remark(texts if counting else [])),
        beside=tuple(file.name for file in (*earlier, *texts)),
    )
