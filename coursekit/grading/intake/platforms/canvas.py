"""Canvas: `submissions.zip` holds `lastnamefirst_[LATE_]userid_fileid_name.zip`.

A file that is handed in again gets -1, -2, ... after its name. In an anonymous assignment the names begin with
`anonymous_` and an id that is nobody's user id; some exports leave out the word. A text typed into Canvas has no file
id. Of files with the same name the one with the highest file id counts; all others of a learner are one hand-in.
"""

import re

from coursekit.grading.intake.handed_out import HandedOut
from coursekit.grading.intake.platforms.attempt import (
    Attempt,
    File,
    Found,
    ignored,
    may_be_submission,
    numbered,
    slug,
    without_earlier,
)

NAME = "Canvas"
_FILE = r"(?P<file>\d{1,20})_(?P<original>.+)"
_ANONYMOUS = r"anon(?:ymous)?(?P<late>_LATE)?_(?P<number>[A-Za-z0-9]{1,20})(?P<late2>_LATE)?_"
_NAMES = (
    re.compile(_ANONYMOUS + _FILE, re.I | re.S),
    re.compile(_ANONYMOUS + r"(?P<original>(?:text|link)\.html)", re.I),
    re.compile(rf"(?P<name>.+?)(?P<late>_LATE)?_(?P<user>\d{{1,20}})(?P<late2>_LATE)?_{_FILE}", re.I | re.S),
    re.compile(r"(?P<name>.+?)(?P<late>_LATE)?_(?P<user>\d{1,20})_(?P<original>(?:text|link)\.html)", re.I | re.S),
)
# Ids without a name: only where most names in a folder are like this.
_NO_WORD = r"(?=[a-z]{0,4}[A-Z0-9])[A-Za-z0-9]{5}|\d{1,20}"
_BARE = re.compile(rf"(?P<late>LATE_)?(?P<number>{_NO_WORD})_(?P<late2>LATE_)?{_FILE}", re.S)


def is_mine(handed: HandedOut) -> bool:
    """Whether half of what may be submissions has Canvas' names."""
    names = [entry.name for entry in handed.entries if not entry.is_folder]
    mine = [name for name in names if match(name, bare=True)]
    others = [entry for entry in handed.entries if entry.name not in mine]
    return len(mine) > 0 and len(mine) >= sum(entry.is_folder or may_be_submission(entry.name) for entry in others)


def match(name: str, bare: bool = False) -> dict[str, str] | None:
    """The parts of a name that Canvas gives; None for another name. `bare`: also of an id without a name."""
    for pattern in (*_NAMES, *[_BARE] * bare):
        if found := pattern.fullmatch(name):
            return {key: value for key, value in found.groupdict().items() if value}
    return None


def read(handed: HandedOut) -> Found:
    """The hand-ins: one for each learner."""
    return _found([entry.name for entry in handed.entries if not entry.is_folder], bare=True)


def read_named(names: list[str]) -> Found:
    """The hand-ins among files that come from elsewhere as well."""
    return _found(names, bare=False)


def _found(names: list[str], bare: bool) -> Found:
    learners: dict[str, list[tuple[str, dict[str, str]]]] = {}
    for name in names:
        if parts := match(name, bare):
            learners.setdefault(_key(parts), []).append((name, parts))
    return Found([_attempt(key, files) for key, files in learners.items()])


def _key(parts: dict[str, str]) -> str:
    return f"canvas user {parts['user']}" if "user" in parts else f"canvas number {parts['number']}"


def _attempt(key: str, files: list[tuple[str, dict[str, str]]]) -> Attempt:
    files = sorted(files, key=lambda file: (int(file[1].get("file", 0)), file[0]), reverse=True)
    counting, earlier = without_earlier([File(name, parts["original"]) for name, parts in files])
    parts = files[0][1]
    number = max(numbered(file.original)[1] for file in counting)
    return Attempt(
        id=f"{parts['name']}_{parts['user']}" if "user" in parts else slug("anonymous", parts["number"]),
        people=(key,),
        learner=_learner(parts) | ({"attempt": str(number + 1)} if number else {}),
        files=tuple(counting),
        order=(int(parts.get("file", 0)),),
        remarks=tuple(ignored(file.name for file in earlier)),
        beside=tuple(file.name for file in earlier),
    )


def _learner(parts: dict[str, str]) -> dict:
    late = bool(parts.get("late") or parts.get("late2"))
    if "user" not in parts:
        return {"name": f"anonymous {parts['number']}", "number": parts["number"], "late": late}
    return {"name": parts["name"], "user": parts["user"], "late": late}
