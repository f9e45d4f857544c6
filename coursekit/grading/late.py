"""Due dates: how late a submission is, what that costs, and who has more time.

All of this is applied when reports are written, to the points in the records: to change a date, nothing is graded
again. A time is never guessed. Where the platform tells none, nothing is taken off, and a person is asked to look.
"""

import csv
import datetime as dt
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Generic, TypeVar
from zoneinfo import ZoneInfo

from coursekit.core.course import YEARS, Course, LateRules
from coursekit.files import write_file
from coursekit.grading.intake.roster import MOST_NAMED, Person, Roster, people_in, people_of
from coursekit.grading.intake.tables import Table, TableError, cell, read_table
from coursekit.grading.intake.text import listed, plain_cell
from coursekit.grading.record import Lateness, Record
from coursekit.learner import submission

FILE = "late_days.csv"
_EXTENSIONS = "the list of extensions, a CSV file with learners and days, until, or handed in"
_USED = "a list of late days, as `grade` writes it"
_DAYS = ("days", "extension", "extension days", "more days")
_UNTIL = ("until", "due", "due date", "new date", "new due date", "deadline")
_HANDED_IN = ("handed in", "submitted", "submitted at", "time")
_ASSIGNMENT = ("assignment", "assignments", "homework")
_USED_DAYS = ("late days", "late days used", "used", "days")
_TITLES = ("identifier", "username", "email", "name", "late days")
_MOST_DAYS = 10_000
_NOTHING = "nothing was taken off"

T = TypeVar("T")


@dataclass(frozen=True)
class Extension:
    """What a row of the list of extensions gives: more days, another date, or when the work really came."""

    days: int = 0
    until: dt.datetime | None = None
    handed_in: dt.datetime | None = None


@dataclass(frozen=True)
class Listed(Generic[T]):
    """Values of people: those of one person are found by the identifiers that a platform gives, or by name."""

    people: Roster
    values: dict[int, list[T]] = field(default_factory=dict)

    def of(self, record: Record) -> list[T]:
        """The values of a submission's learner, or of all in its group."""
        about = record.submission
        found = [self.people.find(*person) for person in people_of(about.learner, (about.name,))]
        return [value for row in found if row is not None for value in self.values[row]]


@dataclass(frozen=True)
class Dates:
    """When an assignment is due, and all that decides what lateness costs."""

    due: dt.datetime
    rules: LateRules
    zone: ZoneInfo | None = None
    extensions: "Listed[Extension]" = field(default_factory=lambda: Listed(Roster("", [])))
    used: "Listed[int]" = field(default_factory=lambda: Listed(Roster("", [])))
    notes: tuple[str, ...] = ()


# ---- arithmetic


def days_late(due: dt.datetime, handed_in: dt.datetime, grace: dt.timedelta = dt.timedelta()) -> int:
    """How many days late, each that has begun; 0 for what is in time, or within the minutes of grace.

    A day lasts until the same time by the clock of the due date's zone, also where the clocks change in between.

    Examples
    --------
    >>> due = dt.datetime(2026, 10, 12, 23, 59, tzinfo=dt.UTC)
    >>> days_late(due, due), days_late(due, due + dt.timedelta(minutes=1)), days_late(due, due + dt.timedelta(days=2))
    (0, 1, 2)
    """
    late = _utc(handed_in) - _utc(due)
    days = max(late.days - 1, 0)  # at most an hour or two differ by the clocks
    while _utc(due + dt.timedelta(days=days)) + grace < _utc(handed_in):
        days += 1
    return days


def _utc(moment: dt.datetime) -> dt.datetime:
    """A time as it can be compared: two of one zone are compared by the clock alone, which may have changed."""
    return moment.astimezone(dt.UTC)


def free_days(rules: LateRules, used: int) -> int:
    """How many late days a learner may still use for an assignment, who has used some for others."""
    left = [rules.days - used] if rules.days or rules.days_each is None else []
    left += [rules.days_each] if rules.days_each is not None else []
    return max(min(left), 0)


def costs(rules: LateRules, days: int, free: int) -> tuple[int, float, bool]:
    """(late days used, share of the points that is kept, whether it is not accepted) for so many days late.

    Where the days are beyond the last that count, no late days are used up.
    """
    paid = max(days - free, 0)
    if rules.penalty_days is not None and paid > rules.penalty_days:
        return 0, 0.0, rules.then == "not accepted"
    return min(days, free), round(max(1 - paid * (rules.penalty or 0), 0.0), 9), False


def lateness(record: Record, dates: Dates) -> Lateness:
    """What is known of when a submission came, and what follows."""
    given = dates.extensions.of(record)
    due = _extended(dates, given)
    found = Lateness(due, extended=_utc(due) > _utc(dates.due), free=free_days(dates.rules, _used(dates, record)))
    told, doubt = _handed_in(record, dates.zone, given)
    if told is None:
        return replace(found, doubt=doubt)
    grace = dt.timedelta(minutes=dates.rules.grace_minutes)
    days = days_late(due, told, grace)
    found = replace(found, handed_in=told, doubt=doubt)
    if _is_day_alone(record, given) and days_late(due, told + dt.timedelta(days=1, seconds=-1), grace) != days:
        return replace(found, doubt=f"only the day is known, {told:%Y-%m-%d}: {_NOTHING} for lateness")
    used, kept, refused = costs(dates.rules, days, found.free)
    return replace(found, days=days, used=used, kept=kept, refused=refused)


def _extended(dates: Dates, given: list[Extension]) -> dt.datetime:
    """The latest of the dates that a learner, or somebody in the group, was given."""
    due = dates.due.astimezone(dates.zone) if dates.zone else dates.due
    later = [one.until or due + dt.timedelta(days=one.days) for one in given]
    return max([due, *later], key=_utc)


def _used(dates: Dates, record: Record) -> int:
    """The late days that a learner has used before; of a group, those of who has used most."""
    people = list(people_of(record.submission.learner, (record.submission.name,)))
    rows = {row for row in (dates.used.people.find(*person) for person in people) if row is not None}
    return max((sum(dates.used.values[row]) for row in rows), default=0)


def _handed_in(record: Record, zone: ZoneInfo | None, given: list[Extension]) -> tuple[dt.datetime | None, str]:
    """When a submission came, and what is doubtful about it."""
    by_hand = [one.handed_in for one in given if one.handed_in]
    if by_hand:
        return max(by_hand, key=_utc), ""
    told, is_late = record.submission.learner.get("time"), record.submission.learner.get("late")
    moment = dt.datetime.fromisoformat(str(told)) if told else None
    if moment is not None and moment.tzinfo is None and zone is None:
        return None, f"its time has no time zone, and the course has none (course.time_zone): {_NOTHING}"
    if moment is not None:
        return moment if moment.tzinfo else moment.replace(tzinfo=zone), ""
    if is_late is None:
        return None, f"nothing says when it was handed in: {_NOTHING}"
    calls = "calls it late, but does not say when it came" if is_late else "does not call it late, nor say when it came"
    return None, f"the platform {calls}: {_NOTHING}" if is_late else f"the platform {calls}: it counts as in time"


def _is_day_alone(record: Record, given: list[Extension]) -> bool:
    """Whether a time may be the day alone: a name without a time of day is read as its first moment."""
    by_hand = any(one.handed_in for one in given)
    return not by_hand and str(record.submission.learner.get("time", "")).endswith("T00:00:00")


def what_to_do(late: Lateness) -> str:
    """What is doubtful, and what a teacher can do about it: for the class page, and not for the learner's."""
    advice = "; say when it came in the list of extensions, under handed in" if _NOTHING in late.doubt else ""
    return late.doubt + advice


def without_submission(records: Sequence[Record], dates: Dates) -> Iterator[str]:
    """A sentence on those who have an extension and no submission: perhaps the list names them in another way."""
    people = dates.extensions.people
    found = {
        people.find(*one)
        for record in records
        for one in people_of(record.submission.learner, (record.submission.name,))
    }
    others = [person.label for row, person in enumerate(people.people) if row not in found]
    if others:
        yield (
            f"{people.file} has learners without a submission: {listed(others, MOST_NAMED)}. Either nothing came, "
            "or the list names them in another way, and what it gives them does not count."
        )


def with_lateness(record: Record, dates: Dates | None) -> Record:
    """The record with its lateness, where the assignment has a due date."""
    return replace(record, late=lateness(record, dates)) if dates else record


# ---- what the tables say


def read_dates(course: Course, assignment: str, used: Sequence[Path] = ()) -> Dates | None:
    """The dates of an assignment; None if the course's rules give none.

    Parameters
    ----------
    course : Course
    assignment : str
    used : sequence of Path
        Lists of late days used for earlier assignments, or the folders that `grade` wrote for these.

    Raises
    ------
    ValueError
        If a table cannot be used; the message says which line, and what to do.
    """
    due = course.due_of(assignment)
    if due is None:
        return None
    extensions = (
        read_extensions(course.beside(course.late.extensions), assignment, course.zone)
        if (course.late.extensions)
        else Listed(Roster("", []))
    )
    tables = [read_used(path / FILE if path.is_dir() else path) for path in used]
    people = [pair for table in tables for pair in table]
    return Dates(
        due, course.late, course.zone, extensions, _listed("", people), tuple(_notes(course, assignment, used))
    )


def _notes(course: Course, assignment: str, used: Sequence[Path]) -> Iterator[str]:
    before = submission.assignments()[: submission.assignments().index(assignment)]
    earlier = [name for name in before if course.due_of(name)]
    if course.late.days and earlier and not used:
        yield (
            f"Late days used for {listed(earlier)} are not known here: every learner has all {course.late.days}. "
            f"Add --late-days-used with the folder of their grades."
        )


def _listed(name: str, pairs: Iterable[tuple[Person, T]]) -> "Listed[T]":
    """Values by person; rows with the same identifiers are about the same one."""
    people: list[Person] = []
    values: dict[int, list[T]] = {}
    for person, value in pairs:
        if person not in people:
            people.append(person)
        values.setdefault(people.index(person), []).append(value)
    return Listed(Roster(name, people), values)


def read_extensions(path: Path, assignment: str, zone: ZoneInfo | None) -> "Listed[Extension]":
    """The extensions for an assignment, from a table with a row for each learner, assignment or "" for all."""
    table = read_table(path, _EXTENSIONS)
    columns = table.columns(*_ASSIGNMENT)
    _require_people(table, _EXTENSIONS)
    if not any(table.columns(*titles) for titles in (_DAYS, _UNTIL, _HANDED_IN)):
        raise TableError(f"{table.name}, line 1: no column is called days, until or handed in; give {_EXTENSIONS}.")
    pairs = []
    for line, row, person in people_in(table):
        named = cell(row, columns[0]) if columns else ""
        if named and named not in submission.assignments():
            there = ", ".join(submission.assignments())
            raise TableError(f"{table.name}, line {line}: there is no assignment {named!r}; there are {there}.")
        extension = _extension(table, line, row, zone)
        if named in ("", assignment):
            pairs.append((person, extension))
    return _listed(table.name, pairs)


def _extension(table: Table, line: int, row: list[str], zone: ZoneInfo | None) -> Extension:
    def value(titles: tuple[str, ...]) -> str:
        return next((cell(row, column) for column in table.columns(*titles) if cell(row, column)), "")

    days, until, handed_in = value(_DAYS), value(_UNTIL), value(_HANDED_IN)
    if not (days or until or handed_in):
        raise TableError(f"{table.name}, line {line}: neither days, nor until, nor handed in is filled in.")
    if days and until:
        raise TableError(f"{table.name}, line {line}: both days and until are filled in; leave one.")
    return Extension(
        _whole(table, line, "days", days or "0"),
        _moment(table, line, "until", until, zone),
        _moment(table, line, "handed in", handed_in, zone),
    )


def _whole(table: Table, line: int, title: str, text: str) -> int:
    """A whole number, as a spreadsheet may have saved it."""
    try:
        number = float(text.replace(",", "."))
    except ValueError:
        number = -1.0
    if not (0 <= number <= _MOST_DAYS and number == int(number)):
        raise TableError(f"{table.name}, line {line}: {title} should be a whole number from 0; it is {text!r:.60}.")
    return int(number)


def _moment(table: Table, line: int, title: str, text: str, zone: ZoneInfo | None) -> dt.datetime | None:
    if not text:
        return None
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        moment = None
    where = f"{table.name}, line {line}"
    if moment is None or len(text) <= len("2026-10-12"):
        raise TableError(f"{where}: {title} should be a day and a time, such as 2026-10-12 23:59; it is {text!r:.60}.")
    if moment.year not in YEARS:
        raise TableError(f"{where}: the year of {title} should be from {YEARS[0]} to {YEARS[-1]}; it is {text!r:.60}.")
    if moment.tzinfo is None and zone is None:
        raise TableError(f"{where}: {title} {text} has no time zone; add one, as +02:00, or set course.time_zone.")
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def read_used(path: Path) -> list[tuple[Person, int]]:
    """Who has used how many late days, from a table such as `write_used` writes."""
    table = read_table(path, _USED)
    _require_people(table, _USED)
    columns = table.columns(*_USED_DAYS)
    if not columns:
        raise TableError(f"{table.name}, line 1: no column is called late days; give {_USED}.")
    rows = people_in(table)
    return [(person, _whole(table, line, "late days", cell(row, columns[0]) or "0")) for line, row, person in rows]


def _require_people(table: Table, what: str) -> None:
    if table.rows and not any(True for _ in people_in(table)):
        raise TableError(f"{table.name}, line 1: no column is called identifier, username, name or email; give {what}.")


def write_used(records: Iterable[Record], out: str | Path) -> None:
    """Write `out`/late_days.csv, the late days that each learner has used for this assignment."""
    rows = io.StringIO()
    table = csv.writer(rows, lineterminator="\n")
    table.writerow(_TITLES)
    for record in sorted(records, key=lambda record: record.submission.id):
        if record.late:
            for person in _rows_of(record):
                table.writerow([*map(plain_cell, person), record.late.used])
    write_file(Path(out, FILE), rows.getvalue().encode("utf-8-sig"))


def _rows_of(record: Record) -> Iterator[list[str]]:
    """Identifier, user name, email address and name of each learner of a submission."""
    known = {key: str(record.submission.learner.get(key) or "") for key in ("id", "user", "login", "email", "name")}
    known["name"] = known["name"] or record.submission.name
    count = max(len(known[key].split(", ")) for key in ("user", "email", "id"))
    split = {key: value.split(", ") if count > 1 else [value] for key, value in known.items()}
    for i in range(count):
        of = {key: values[i] if i < len(values) else "" for key, values in split.items()}
        yield [of["id"] or of["user"], of["login"], of["email"], of["name"]]
