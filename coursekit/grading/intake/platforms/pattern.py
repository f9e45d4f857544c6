"""Names that no platform gives: a regular expression with named groups says what is what."""

import re
from dataclasses import dataclass
from typing import Any

from coursekit.grading.intake.handed_out import HandedOut
from coursekit.grading.intake.platforms.attempt import (
    ARCHIVES,
    LONE,
    Attempt,
    File,
    Found,
    latest_first,
    slug,
)
from coursekit.grading.intake.text import listed, short
from coursekit.grading.intake.times import instant, time_words

GROUPS = ("learner", "name", "time", "attempt", "late")
_NO = ("", "0", "no", "false", "ontime", "on-time", "on_time")


@dataclass(frozen=True)
class Pattern:
    """A reader for names that a regular expression matches as a whole, with or without their ending.

    Parameters
    ----------
    expression : str
        Its group `learner` says whose a file is; `name`, `time`, `attempt` and `late` may say more.

    Raises
    ------
    ValueError
        If it is not one.
    """

    expression: str
    NAME = "--pattern"

    def __post_init__(self) -> None:
        try:
            groups = set(re.compile(self.expression).groupindex)
        except re.error as error:
            raise ValueError(f"--pattern {self.expression!r} is not a regular expression: {error}.") from error
        if unknown := groups - set(GROUPS):
            raise ValueError(
                f"--pattern has a group named {listed(sorted(unknown))}; the groups are {', '.join(GROUPS)}."
            )
        if "learner" not in groups:
            raise ValueError(
                f"--pattern {self.expression!r} has no group (?P<learner>...), which says whose a submission is."
            )

    def is_mine(self, handed: HandedOut) -> bool:
        """Whether a name matches."""
        return any(self.match(entry.name) for entry in handed.entries)

    def match(self, name: str) -> dict[str, str] | None:
        """The groups of a name; None if it does not match, or says nothing about the learner."""
        for text in dict.fromkeys((name, _stem(name))):
            found = re.fullmatch(self.expression, text)
            if found and found["learner"]:
                return {key: value or "" for key, value in found.groupdict().items()}
        return None

    def read(self, handed: HandedOut) -> Found:
        """The hand-ins that match."""
        found = {entry.name: parts for entry in handed.entries if (parts := self.match(entry.name))}
        hand_ins: dict[tuple[str, str, str], list[str]] = {}
        for name, parts in found.items():
            key = parts["learner"], parts.get("time", ""), parts.get("attempt", "")
            hand_ins.setdefault(key, []).append(name)
        others = {entry.name: "their names do not match --pattern" for entry in handed.entries}
        attempts = [_attempt(names, found[names[0]]) for names in hand_ins.values()]
        return Found(attempts, others={name: why for name, why in others.items() if name not in found})

    def example(self, handed: HandedOut) -> str:
        """What the first name that matches says, in a sentence; ValueError if none matches."""
        for entry in handed.entries:
            if parts := self.match(entry.name):
                told = ", ".join(f"{key} {value!r}" for key, value in parts.items() if value)
                return f"--pattern reads {short(entry.name)} as {short(told)}."
        names = listed((entry.name for entry in handed.entries), 3)
        raise ValueError(
            f"--pattern {self.expression!r} matches none of {names}. It must match a whole name, with or without its "
            f"ending: such as {_suggestion(handed)!r}."
        )


def _suggestion(handed: HandedOut) -> str:
    named = any("_" in entry.name for entry in handed.entries)
    return r"(?P<learner>[^_]+)_.*" if named else r"(?P<learner>.+)"


def _stem(name: str) -> str:
    for end in (".tar.gz", ".tar.bz2", ".tar.xz", *ARCHIVES, *LONE):
        if name.lower().endswith(end):
            return name[: -len(end)]
    return name


def _attempt(names: list[str], parts: dict[str, str]) -> Attempt:
    moment, number = instant(parts.get("time")), parts.get("attempt", "")
    learner: dict[str, Any] = {
        "name": parts.get("name") or parts["learner"],
        "login": parts["learner"],
        **time_words(moment),
    }
    learner |= {"attempt": number} if number else {}
    learner |= {"late": parts["late"].strip().lower() not in _NO} if "late" in parts else {}
    order = int(number) if number.isdecimal() else 0
    return Attempt(
        id=slug(parts["learner"]),
        people=(f"learner {parts['learner'].casefold()}",),
        learner=learner,
        files=tuple(File(name, name) for name in reversed(names)),
        order=(*latest_first(moment, parts.get("time", "")), order, number, names[-1]),
    )
