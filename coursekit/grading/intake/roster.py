"""The list of a class: who is in it, by the identifiers that platforms use, and who has handed in nothing."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from coursekit.grading.intake.tables import Ids, Table, TableError, cell, duplicates, letters_of, read_table, undamaged
from coursekit.grading.intake.text import clean, listed, short
from coursekit.grading.intake.times import instant, order_of, time_words

MOST_NAMED = 200  # learners in one sentence
WHAT = "the list of the class, a CSV file with a header"
# Titles of columns; case, spaces and signs do not count. A list needs one that identifies, or a name.
_IDENTIFIERS = (
    *("identifier", "roster identifier", "sis user id", "student id", "student number", "student no", "sid", "id"),
    *(
        "user id",
        "id number",
        "org defined id",
        "person id",
        "matriculation number",
        "matriculation",
        "number",
        "netid",
    ),
)
_LOGINS = (
    *("sis login id", "login id", "login", "username", "user name", "user", "github username", "github user name"),
    *("github", "github login", "account", "learner"),
)
_NAMES = ("name", "full name", "student name", "student", "display name", "sortable name", "learner name")
_FIRST = ("first name", "firstname", "given name", "given names", "forename")
_LAST = ("last name", "lastname", "surname", "family name")
_EMAILS = ("email", "email address", "e-mail", "mail", "e-mail address", "school email")
_GROUPS = ("group", "group name", "team", "team name")
_TIMES = ("last modified submission", "handed in", "submitted at", "submission time")  # the first one is Moodle's
_PARTICIPANT = "participant "


@dataclass(frozen=True)
class Person:
    """A row of the list; `time` is when the person has handed in, as far as the list tells."""

    name: str
    email: str
    identifier: str
    login: str
    ids: tuple[str, ...]
    group: str = ""
    time: datetime | None = field(default=None, compare=False)

    @property
    def label(self) -> str:
        """Name and identifier, as sentences name a person."""
        known = self.identifier or self.login or self.email
        return f"{self.name} ({known})" if self.name and known else self.name or known


@dataclass(frozen=True)
class Roster:
    """The people of a class."""

    file: str
    people: list[Person]

    @cached_property
    def _ids(self) -> Ids:
        return Ids((value, i) for i, person in enumerate(self.people) for value in person.ids)

    @cached_property
    def _names(self) -> dict[tuple[str, ...], set[int]]:
        names: dict[tuple[str, ...], set[int]] = {}
        for i, person in enumerate(self.people):
            for key in _name_keys(person.name):
                names.setdefault(key, set()).add(i)
        return names

    def find(self, identifiers: Iterable[str], name: str = "", number: str = "") -> int | None:
        """The one person with one of the identifiers, or else with the name; None if there is none, or several.

        `number` is a platform's own: it only chooses among people of the same name.
        """
        for value in identifiers:
            rows = self._ids.rows(value)
            if len(rows) == 1:
                return next(iter(rows))
        rows = set().union(*(self._names.get(key, set()) for key in _name_keys(name)))
        rows = rows & self._ids.rows(number) or rows if len(rows) > 1 else rows
        return next(iter(rows)) if len(rows) == 1 else None


def _name_keys(name: str) -> Iterator[tuple[str, ...]]:
    """A name as it is compared: its words in any order, and, as Canvas writes it, the last one first without spaces."""
    words = [letters_of(word) for word in name.replace(",", " ").split()]
    words = [word for word in words if word]
    if not words:
        return
    yield tuple(sorted(words))
    yield ("".join(words),)
    yield ("".join([words[-1], *words[:-1]]),)


def read_roster(path: str | Path) -> Roster:
    """Read a list; `TableError` if it is none, or somebody is in it twice."""
    return roster_of(read_table(path, WHAT))


def roster_of(table: Table) -> Roster:
    """The people in a table."""
    ids, logins, emails = (table.columns(*titles) for titles in (_IDENTIFIERS, _LOGINS, _EMAILS))
    names = table.columns(*_NAMES)[:1] or [*table.columns(*_FIRST)[:1], *table.columns(*_LAST)[:1]]
    if not (ids or logins or emails or names):
        wanted = "no column is called identifier, username, name or email"
        raise TableError(f"{table.name}, line 1: {wanted}; its columns are {listed(table.header, 10)}.")
    for column in [*ids[:1], *logins[:1], *emails[:1]]:
        if told := duplicates(table, column):
            raise TableError(told)
    return Roster(table.name, [person for _, _, person in people_in(table)])


def people_in(table: Table) -> Iterator[tuple[int, list[str], Person]]:
    """(line, cells, person) of each row that names somebody; several rows may name the same."""
    ids, logins, emails = (table.columns(*titles) for titles in (_IDENTIFIERS, _LOGINS, _EMAILS))
    names = table.columns(*_NAMES)[:1] or [*table.columns(*_FIRST)[:1], *table.columns(*_LAST)[:1]]
    groups, times = table.columns(*_GROUPS)[:1], table.columns(*_TIMES)[:1]
    for line, row in table.rows:
        time = next((instant(cell(row, column)) for column in times), None)
        person = replace(_person(row, ids, logins, emails, names), group=_group(row, groups), time=time)
        if person.label and "points possible" not in row[0].lower():  # in a gradebook of Canvas
            yield line, row, person


def _person(row: list[str], ids: list[int], logins: list[int], emails: list[int], names: list[int]) -> Person:
    def first(columns: list[int]) -> str:
        return next((clean(undamaged(cell(row, i))) for i in columns if cell(row, i)), "")

    known = [clean(cell(row, i)) for i in (*ids, *logins, *emails) if cell(row, i)]
    name = " ".join(filter(None, (cell(row, i) for i in names)))
    return Person(_first_name_first(clean(name)), first(emails), first(ids), first(logins), tuple(dict.fromkeys(known)))


def _group(row: list[str], columns: list[int]) -> str:
    return next((clean(cell(row, column)) for column in columns), "")


def _first_name_first(name: str) -> str:
    """A name without a comma: "Jane Doe" for "Doe, Jane"."""
    last, comma, first = name.partition(",")
    return f"{first.strip()} {last.strip()}" if comma and "," not in first else name


# ---- learners on the list


@dataclass(frozen=True)
class Matched:
    """What a list says about a class: the learners as it knows them, and what to tell."""

    learners: list[dict[str, Any]]
    notes: list[str]


def matched(roster: Roster, learners: list[dict[str, Any]], handed: list[tuple[str, ...]]) -> Matched:
    """Look up learners by their identifiers, and by name only where that is clear.

    Parameters
    ----------
    roster : Roster
    learners : list of dict
        As `Source.learner`; of a group, the values are joined by ", ".
    handed : list of tuple of str
        The names under which each was handed out.
    """
    present: Counter[int] = Counter()
    changed, strangers = [], []
    for learner, names in zip(learners, handed, strict=True):
        rows = [roster.find(*person) for person in people_of(learner, names)]
        present.update({row for row in rows if row is not None})
        if None in rows:
            strangers.append(str(learner.get("name") or "a learner without a name"))
        changed.append(_with(learner, [roster.people[row] for row in rows if row is not None], len(rows)))
    absent = [person.label for i, person in enumerate(roster.people) if i not in present]
    notes = [f"Not on {short(roster.file)}: {listed(strangers, MOST_NAMED)}."] * bool(strangers)
    several = [roster.people[i].label for i, count in present.items() if count > 1]
    notes += [f"With more than one submission, each of which is graded: {listed(several, MOST_NAMED)}."] * bool(several)
    notes += [f"On {short(roster.file)}, but handed in nothing: {listed(absent, MOST_NAMED)}."] * bool(absent)
    return Matched(changed, notes)


def people_of(learner: dict[str, Any], names: tuple[str, ...]) -> Iterator[tuple[list[str], str, str]]:
    """(identifiers, name, the platform's number) of each person of a hand-in."""
    known = {key: str(learner.get(key) or "") for key in ("user", "email", "login", "name", "number", "id")}
    count = max(len(known[key].split(", ")) for key in ("user", "email"))
    split = {key: value.split(", ") if count > 1 else [value] for key, value in known.items()}
    if len(split["id"]) != count:  # the list of the class does not give it for all of a group
        split["id"] = []
    ends = [end for name in names for end in _ends(name, learner)] if count == 1 else []
    for i in range(count):
        of = {key: values[i] if i < len(values) else "" for key, values in split.items()}
        yield (
            [of["user"], of["id"], of["email"], of["login"], _PARTICIPANT + of["number"], *ends],
            of["name"],
            of["number"],
        )


def _ends(name: str, learner: dict[str, Any]) -> Iterator[str]:
    """What a name may say of a learner whom no platform names: all of it, or what is after a "-" of a clone's name."""
    if name.endswith("/") and "login" in learner:
        parts = name.rstrip("/").split("-")
        yield from ("-".join(parts[i:]) for i in range(min(len(parts), 20)))
    elif not {"user", "number", "login", "email"} & set(learner):
        yield name.rstrip("/").removesuffix(".zip")


def _with(learner: dict[str, Any], people: list[Person], count: int) -> dict[str, Any]:
    """A learner with what the list knows; the platform's own ids stay."""
    if len(people) != count:
        return learner
    known = {
        "name": ", ".join(person.name for person in people) if all(person.name for person in people) else "",
        "email": ", ".join(person.email for person in people) if all(person.email for person in people) else "",
        "id": ", ".join(person.identifier for person in people if person.identifier),
        "login": ", ".join(person.login for person in people if person.login),
        "group": ", ".join(dict.fromkeys(person.group for person in people if person.group)),
    }
    times = [person.time for person in people if person.time]
    if times and "time" not in learner:
        known |= time_words(max(times, key=order_of))
    from_canvas = "user" in learner and "email" not in learner and count == 1
    kept = learner | ({"canvas": learner["user"]} if from_canvas else {})
    return kept | {key: value for key, value in known.items() if value}
