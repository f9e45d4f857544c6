"""A course's own rules: what `course.toml` may say, and the one reader for it.

Without the file, or with an empty one, everything is as the project has it. Nothing here knows which questions there
are: whoever reads the file says so, in a `Known`. What is wrong with a file is told all at once, a sentence each, with
the file, the line and the key.
"""

import datetime as dt
import difflib
import json
import os
import re
import tomllib
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from coursekit.core.question import UsageError
from coursekit.core.toml_lines import Lines, lines_of

YEARS = range(1970, 9000)  # of dates: days can be added to them, and any time zone can show them
MOST_SHOWN = 60  # characters of a value that a message quotes
_PART = r"[A-Za-z0-9](?:[\w.-]*\w)?"  # of a name on GitHub
REPOSITORY = re.compile(rf"https://github\.com/({_PART})/({_PART})/?", re.ASCII)
BRANCH = re.compile(r"\w(?:[\w./-]*\w)?", re.ASCII)


class CourseError(UsageError):
    """A course's file cannot be used; the message has a sentence for each problem."""


@dataclass(frozen=True)
class Known:
    """What there is to name: the notebooks with their assignments, and the questions with their notebooks."""

    notebooks: dict[str, str]
    questions: dict[str, str]

    @property
    def assignments(self) -> list[str]:
        """The assignments, in order."""
        return list(dict.fromkeys(self.notebooks.values()))


# ---- what the file may say: a class for each table, a field for each key


@dataclass(frozen=True)
class About:
    """The table [course]."""

    title: str = ""
    language: str = "en"
    time_zone: str = ""
    words: str = ""


@dataclass(frozen=True)
class Asks:
    """The table [asks]; without `notebooks`, all of the assignments, and without these, all there are."""

    assignments: tuple[str, ...] = ()
    notebooks: tuple[str, ...] = ()
    leave_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class LateRules:
    """The table [late]."""

    days: int = 0
    days_each: int | None = None
    grace_minutes: int = 0
    penalty: float | None = None
    penalty_days: int | None = None
    then: str = "zero"
    extensions: str = ""


@dataclass(frozen=True)
class GradingRules:
    """The table [grading]; None leaves a limit as it is."""

    follow_through: float = 1.0
    partial_credit: bool = False
    edges: str = "ignore"
    notebooks: str = "run"
    question_time: float = 1.0
    cell_seconds: float | None = None
    notebook_seconds: float | None = None
    memory_mb: int | None = None


@dataclass(frozen=True)
class ReleaseRules:
    """The table [release]."""

    solutions: str = "none"
    repository: str = ""
    branch: str = "main"


@dataclass(frozen=True)
class Course:
    """A course's rules. `path` is the file, "" where there is none; `points` and `due` are pairs by id."""

    path: str = ""
    about: About = field(default_factory=About)
    asks: Asks = field(default_factory=Asks)
    points: tuple[tuple[str, int], ...] = ()
    due: tuple[tuple[str, dt.datetime], ...] = ()
    late: LateRules = field(default_factory=LateRules)
    grading: GradingRules = field(default_factory=GradingRules)
    release: ReleaseRules = field(default_factory=ReleaseRules)

    @property
    def zone(self) -> ZoneInfo | None:
        """The course's time zone, if it has one."""
        return ZoneInfo(self.about.time_zone) if self.about.time_zone else None

    def due_of(self, assignment: str) -> dt.datetime | None:
        """When an assignment is due, with a time zone; None where the file does not say."""
        return dict(self.due).get(assignment)

    def beside(self, name: str) -> Path:
        """A file that the course's file names: relative names begin in its folder."""
        return Path(self.path).parent / name

    def asked_notebooks(self, known: dict[str, str]) -> dict[str, str]:
        """Of all notebooks (with their assignments), those that the course asks."""
        asks = self.asks
        in_assignments = {n: a for n, a in known.items() if not asks.assignments or a in asks.assignments}
        return {n: a for n, a in in_assignments.items() if not asks.notebooks or n in asks.notebooks}


# ---- reading


def read_course(path: str | Path, known: Known) -> Course:
    """Read a course's file.

    Raises
    ------
    CourseError
        If it cannot be read, or something in it is wrong; the message has a sentence for each problem.
    """
    path = Path(path).absolute()
    try:
        return parse_course(path.read_text(encoding="utf-8-sig"), path, known)
    except (OSError, UnicodeDecodeError) as error:
        why = f"it is not UTF-8 ({error.reason})" if isinstance(error, UnicodeDecodeError) else error.strerror
        raise CourseError(f"{path} cannot be read: {why}.") from error


def parse_course(text: str, path: Path, known: Known) -> Course:
    """The course in a text; see `read_course`. Names of files in it begin in the folder of `path`."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CourseError(f"{path.name}{_not_toml(str(error), text)}") from error
    except RecursionError as error:
        raise CourseError(
            f"{path.name}: it is not TOML that can be read: too many brackets stand in each other."
        ) from error
    reader = _Reader(path, known, lines_of(text))
    course = reader.course(content)
    if reader.problems:
        raise CourseError("\n".join(told for _, told in sorted(reader.problems)))
    return course


def _not_toml(told: str, text: str) -> str:
    """The end of a sentence on what `tomllib` said of a text: the line with its number, and what is wrong with it."""
    why, _, place = told.partition(" (at ")
    found = re.match(r"line (\d+)", place)
    line = text.split("\n")[int(found[1]) - 1].strip() if found else ""
    where, shown = f", {found[0]}" if found else "", f", in `{line:.{MOST_SHOWN}}`" if line else ""
    return f"{where}: it is not TOML: {why[:1].lower()}{why[1:]}{shown}.{_advice(why, line)}"


def _advice(why: str, line: str) -> str:
    """What to do about a line that is not TOML, after a space; "" for mistakes that explain themselves."""
    value = line.partition("=")[2].split("#")[0].strip()
    if why.startswith(("Cannot declare", "Cannot overwrite", "Cannot mutate")):
        return " A table, and a key in it, may be there once."
    if re.fullmatch(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d([+-]\d\d:\d\d|Z)?", value):
        return " A time has seconds: 23:59:00."
    if re.fullmatch(r"[+-]?\d+,\d+", value):
        return " A decimal number has a point: 0.1."
    if re.match(r"[^\W\d]|[\u201c\u201d\u201e\u2018\u2019]", value):
        return ' A text stands in straight quotes: "My course".'
    return ""


class _Wrong(Exception):
    """A value cannot be used; the message says why. `item` is the one of a list that is meant."""

    def __init__(self, told: str, item: str = "") -> None:
        super().__init__(told)
        self.item = item


class _Reader:
    """Turns the content of a file into a `Course`, and collects what is wrong with it."""

    def __init__(self, path: Path, known: Known, lines: Lines) -> None:
        self.path, self.known, self.lines = path, known, lines
        self.problems: list[tuple[int, str]] = []
        self.wrong: set[str] = set()  # tables in which something is wrong

    def course(self, content: dict[str, Any]) -> Course:
        tables = {name: table for name, table in content.items() if self._is_table(name, table)}
        made = {name: self._fields(name, kind, tables.get(name, {})) for name, kind in _TABLES.items()}
        # where the zone is wrong, which is told, no date lacks one
        zone = made["course"].time_zone or ("UTC" if "time_zone" in tables.get("course", {}) else "")
        course = Course(
            path=str(self.path),
            about=made["course"],
            asks=made["asks"],
            points=self._pairs("points", tables, self.known.questions, "question", _points),
            due=self._pairs("due", tables, self.known.assignments, "assignment", lambda value: _moment(value, zone)),
            late=made["late"],
            grading=made["grading"],
            release=made["release"],
        )
        self._look_at_the_whole(course)
        return course

    def _is_table(self, name: str, value: Any) -> bool:
        names = (*_TABLES, "points", "due")
        if name not in names:
            homes = [table for table, kind in _TABLES.items() if name in {f.name for f in fields(kind)}]
            self._tell((name,), f"it belongs into the table [{homes[0]}]" if homes else unknown(name, names, "table"))
            return False
        if isinstance(value, list) and any(isinstance(item, dict) for item in value):
            self._tell((name,), f"it is one table, [{name}], in single brackets")
        elif not isinstance(value, dict):
            self._tell((name,), f"it is a table, [{name}], and not a value")
        return isinstance(value, dict)

    def _fields(self, table: str, kind: Any, content: dict[str, Any]) -> Any:
        """The fields of a table; what is wrong keeps its default."""
        known = {f.name for f in fields(kind)}
        values = {}
        for key, value in content.items():
            if key not in known:
                self._tell((table, key), unknown(key, known, "key"))
                continue
            with self._told((table, key)):
                values[key] = _KINDS[table, key](value, self)
        return kind(**values)

    def _pairs(
        self, table: str, tables: dict, known: Collection[str], what: str, convert: Callable[[Any], Any]
    ) -> tuple:
        """The values of a table whose keys are names of the course, in the order of the file."""
        pairs = []
        for key, value in tables.get(table, {}).items():
            if key not in known:
                self._tell((table, key), unknown(key, known, what))
                continue
            with self._told((table, key)):
                pairs.append((key, convert(value)))
        return tuple(pairs)

    def _look_at_the_whole(self, course: Course) -> None:
        """What is wrong although each value is right by itself; nothing that may follow from another mistake."""
        if "late" not in self.wrong:
            self._look_at_late_days(course.late)
        if "asks" not in self.wrong:
            self._look_at_what_is_asked(course)

    def _look_at_late_days(self, late: LateRules) -> None:
        if late.days_each and not late.days:
            self._tell(("late", "days_each"), "say of how many late days for the whole course: days = 4")
        elif late.days and late.penalty is None and late.penalty_days is None:
            self._tell(
                ("late", "days"), "say what follows the late days: penalty = 0.1 for each day, or penalty_days = 0"
            )
        if late.then == "not accepted" and late.penalty_days is None:
            self._tell(("late", "then"), "say after how many days that cost points: penalty_days = 3, or 0 for none")

    def _look_at_what_is_asked(self, course: Course) -> None:
        """Names that exist, but of something that the course does not ask."""
        asked = course.asked_notebooks(self.known.notebooks)
        if course.asks != Asks() and not asked:
            self._tell(("asks", "notebooks"), "none of these notebooks is in these assignments, so nothing is asked")
            return
        for name in course.asks.assignments:
            if name not in asked.values():
                told = f"none of asks.notebooks is in {name}, so it asks nothing"
                self._tell(("asks", "assignments"), told, name)
        for name, _ in course.due:
            if name not in asked.values():
                self._tell(("due", name), f"{name} is not asked, so it is not due; see [asks]")
        for name, _ in course.points:
            if told := self._why_not_asked(name, course, asked):
                self._tell(("points", name), f"{told}, so it has no points")

    def _why_not_asked(self, question: str, course: Course, asked: dict[str, str]) -> str:
        notebook = self.known.questions[question]
        if notebook not in asked:
            return f"{question} is a question of {notebook}, which is not asked"
        return f"{question} is left out by asks.leave_out" if question in course.asks.leave_out else ""

    def _told(self, key: tuple[str, ...]) -> "_Told":
        return _Told(self, key)

    def _tell(self, key: tuple[str, ...], told: str, item: str = "") -> None:
        line = self.lines.of(key, item)
        where = f"{self.path.name}, line {line}, {'.'.join(key)}" if line else f"{self.path.name}, {'.'.join(key)}"
        self.problems.append((line, f"{where}: {told}."))
        self.wrong.add(key[0])


class _Told:
    """Notes a `_Wrong` that is raised inside of it as a problem of a key."""

    def __init__(self, reader: _Reader, key: tuple[str, ...]) -> None:
        self.reader, self.key = reader, key

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> bool:
        if isinstance(error, _Wrong):
            self.reader._tell(self.key, str(error), error.item)
        return isinstance(error, _Wrong)


def unknown(name: str, known: Collection[str], what: str) -> str:
    """That a name is not known, with the nearest that is, or all if they are few."""
    near = difflib.get_close_matches(name, known, 1, 0.5)
    few = f"; there are {', '.join(sorted(known))}" if len(known) <= 12 else ""
    return f"there is no {what} {name!r}" + (f" (the nearest is {near[0]})" if near else few)


# ---- kinds of values: each takes a value and the reader, returns what the field holds, or raises `_Wrong`

Kind = Callable[[Any, _Reader], Any]
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def _text(value: Any, _reader: _Reader) -> str:
    if not isinstance(value, str) or not value.strip() or _CONTROLS.search(value):
        raise _Wrong(f'it should be a text of one line, such as "My course"; it is {_shown(value)}')
    return value.strip()


def _language(value: Any, _reader: _Reader) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[a-zA-Z]{2,3}(-[a-zA-Z0-9]{2,8})*", value):
        raise _Wrong(f'it should be the code of a language, such as "de" or "pt-BR"; it is {_shown(value)}')
    return value


def _time_zone(value: Any, _reader: _Reader) -> str:
    try:
        ZoneInfo(value)
    except Exception as error:  # it raises one of many for a name that is none, or no name
        raise _Wrong(f'it should be a time zone, such as "Europe/Berlin"; it is {_shown(value)}') from error
    return value


def _names(what: str) -> Kind:
    def read(value: Any, reader: _Reader) -> tuple[str, ...]:
        known = reader.known.questions if what == "question" else getattr(reader.known, f"{what}s")
        others = [item for item in value if not isinstance(item, str)] if isinstance(value, list) else [value]
        if others:
            found = f"it has {_shown(others[0])} in it" if isinstance(value, list) else f"it is {_shown(value)}"
            raise _Wrong(f'it should be a list of names, such as ["{next(iter(known))}"]; {found}')
        key = {"assignment": "assignments", "notebook": "notebooks", "question": "leave_out"}[what]
        for name in (name for name in value if name not in known):
            reader._tell(("asks", key), unknown(name, known, what), name)
        return tuple(dict.fromkeys(name for name in value if name in known))

    return read


def _one_of(*names: str) -> Kind:
    def read(value: Any, _reader: _Reader) -> str:
        if value not in names:
            raise _Wrong(f"it should be {' or '.join(map(_shown, names))}; it is {_shown(value)}")
        return value

    return read


def _like(pattern: re.Pattern, example: str) -> Kind:
    """A text of a form."""

    def read(value: Any, reader: _Reader) -> str:
        text = _text(value, reader)
        if not pattern.fullmatch(text):
            raise _Wrong(f"it should be like {_shown(example)}; it is {_shown(value)}")
        return text

    return read


def _number(least: float, most: float, unit: str = "", whole: bool = False, above: bool = False) -> Kind:
    """A number from `least` (or `above` it) to `most`."""

    def read(value: Any, _reader: _Reader) -> Any:
        right = type(value) is int or type(value) is float and not whole
        if not (right and least <= value <= most) or above and value <= least:
            bounds = f"above {least:g} and at most {most:.12g}" if above else f"from {least:g} to {most:.12g}"
            raise _Wrong(f"it should be a {'whole ' * whole}number {bounds}{unit}; it is {_shown(value)}")
        return value if whole else float(value)

    return read


def _truth(value: Any, _reader: _Reader) -> bool:
    if not isinstance(value, bool):
        raise _Wrong(f"it should be true or false; it is {_shown(value)}")
    return value


def _file(value: Any, reader: _Reader) -> str:
    name = _text(value, reader)
    if not os.path.isfile(reader.path.parent / name):  # which is False for a name that is too long, too
        raise _Wrong(f"there is no file {str(reader.path.parent / name):.200}")
    return name


def _points(value: Any) -> int:
    if type(value) is not int or not 1 <= value <= 10_000:
        bounds = "points are whole numbers from 1 to 10000"
        raise _Wrong(f"{bounds}; it is {_shown(value)} (leave a question out by asks.leave_out)")
    return value


def _moment(value: Any, zone: str) -> dt.datetime:
    if not isinstance(value, dt.datetime):
        what = "a day without a time" if isinstance(value, dt.date) else _shown(value)
        raise _Wrong(f"it should be a day and a time, such as 2026-10-12T23:59:00+02:00; it is {what}")
    if value.year not in YEARS:
        raise _Wrong(f"the year should be from {YEARS[0]} to {YEARS[-1]}; it is {value.year}")
    if value.tzinfo is None and not zone:
        raise _Wrong(
            f"{value.isoformat()} has no time zone: add one, as +02:00, or give the course's in course.time_zone"
        )
    return value if value.tzinfo else value.replace(tzinfo=ZoneInfo(zone))


def _shown(value: Any) -> str:
    """A value as it stands in the file, on one line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (dict, list)):
        return f"a {'table' if isinstance(value, dict) else 'list'}"
    if not isinstance(value, str):
        return str(value)[:MOST_SHOWN]
    text = json.dumps(value[:MOST_SHOWN], ensure_ascii=False)
    return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


_TABLES: dict[str, Any] = {
    "course": About,
    "asks": Asks,
    "late": LateRules,
    "grading": GradingRules,
    "release": ReleaseRules,
}
_KINDS: dict[tuple[str, str], Kind] = {
    ("course", "title"): _text,
    ("course", "language"): _language,
    ("course", "time_zone"): _time_zone,
    ("course", "words"): _file,
    ("asks", "assignments"): _names("assignment"),
    ("asks", "notebooks"): _names("notebook"),
    ("asks", "leave_out"): _names("question"),
    ("late", "days"): _number(0, 1000, whole=True),
    ("late", "days_each"): _number(0, 1000, whole=True),
    ("late", "grace_minutes"): _number(0, 1440, whole=True),
    ("late", "penalty"): _number(0, 1, ", a share of the points (0.1 is 10 %)"),
    ("late", "penalty_days"): _number(0, 1000, whole=True),
    ("late", "then"): _one_of("zero", "not accepted"),
    ("late", "extensions"): _file,
    ("grading", "follow_through"): _number(0, 1),
    ("grading", "partial_credit"): _truth,
    ("grading", "edges"): _one_of("ignore", "count"),
    ("grading", "notebooks"): _one_of("run", "skip"),
    ("grading", "question_time"): _number(0, 100, above=True),
    ("grading", "cell_seconds"): _number(0, 86_400, above=True),
    ("grading", "notebook_seconds"): _number(0, 86_400, above=True),
    ("grading", "memory_mb"): _number(256, 1_000_000, whole=True),
    ("release", "solutions"): _one_of("none", "after-ok"),
    ("release", "repository"): _like(REPOSITORY, "https://github.com/OWNER/NAME"),
    ("release", "branch"): _like(BRANCH, "main"),
}


_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]


def moment_words(moment: dt.datetime) -> str:
    """A time with its zone, as sentences name it: the same on every machine.

    Examples
    --------
    >>> moment_words(dt.datetime(2026, 10, 12, 23, 59, tzinfo=dt.timezone(dt.timedelta(hours=2))))
    '12 October 2026, 23:59 (UTC+02:00)'
    """
    offset = moment.strftime("%z")
    zone = f"UTC{offset[:3]}:{offset[3:5]}" if offset.strip("+-0") else "UTC"
    return f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}, {moment:%H:%M} ({zone})"


# ---- the learner's part of it


def for_learners(course: Course) -> str:
    """The file for the learner's edition: what is asked, points, due dates and language, and nothing of grading."""
    # with an offset: not every computer knows the time zones
    due = _table_of("due", {name: moment.isoformat() for name, moment in course.due})
    return "\n".join(
        ["# The rules of this course that learners need; the course's tools read them.", *_asked(course), *due, ""]
    )


def for_grading(course: Course) -> str:
    """The file for a grader elsewhere, such as Gradescope's: what is asked, and how questions are graded."""
    grading = _table("grading", course.grading)
    return "\n".join(["# The rules of this course that grading needs.", *_asked(course), *grading, ""])


def _asked(course: Course) -> list[str]:
    about = _table("course", About(course.about.title, course.about.language))
    points = _table_of("points", {name: str(points) for name, points in course.points})
    return [*about, *_table("asks", course.asks), *points]


def _table(name: str, values: Any) -> list[str]:
    """The lines of a table: what differs from the defaults."""
    changed = {f.name: getattr(values, f.name) for f in fields(values) if getattr(values, f.name) != f.default}
    return _table_of(name, {key: _written(value) for key, value in changed.items()})


def _table_of(name: str, lines: dict[str, str]) -> list[str]:
    return ["", f"[{name}]", *(f"{key} = {value}" for key, value in lines.items())] if lines else []


def _written(value: Any) -> str:
    if isinstance(value, tuple):
        return "[{}]".format(", ".join(map(_written, value)))
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return str(value).lower() if isinstance(value, bool) else str(value)
