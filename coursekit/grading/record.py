"""The record of a graded submission: its types, and its JSON file.

All reports and exports are made from records, and a submission is graded again from its record. No other module reads
or writes a record's JSON. Format 2 has the fields of `Record` under their own names; format 1 is read, never written.
"""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import MISSING, asdict, dataclass, field, fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from coursekit.core.question import Status
from coursekit.files import write_file
from coursekit.questions import declared

FORMAT = 2
LARGEST_NUMBER = 1e15  # no points and no seconds are more


class State(StrEnum):
    """What became of a submission."""

    GRADED = "graded"
    REFUSED = "refused"
    INFRASTRUCTURE_ERROR = "infrastructure error"


class NotebookState(StrEnum):
    """What became of a submitted notebook when it was run again."""

    AS_EXPECTED = "as expected"
    DIFFERS = "differs"
    BROKEN = "broken"
    NOT_RUN = "not run"
    INFRASTRUCTURE_ERROR = "infrastructure error"


class CellStatus(StrEnum):
    """What became of a cell when its notebook was run again."""

    OK = "ok"
    DIFFERS = "differs"
    ERROR = "error"
    NOT_RUN = "not run"


@dataclass(frozen=True)
class SubmittedFile:
    """A file that was graded."""

    name: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Receipt:
    """The receipt in a submission: whether it matches the files, and the verdicts that the learner saw."""

    verified: bool
    problems: tuple[str, ...] = ()
    questions: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SubmissionInfo:
    """What was submitted, and by whom.

    `learner` has what the collecting system knows: "name", "user", "email", "late".
    """

    id: str
    name: str
    sha256: str = ""
    learner: dict[str, str | bool] = field(default_factory=dict)
    files: tuple[SubmittedFile, ...] = ()
    receipt: Receipt | None = None


@dataclass(frozen=True)
class RecordedSettings:
    """The settings that the grade depends on."""

    seed: int
    follow_through_share: float
    isolation: str
    notebooks: str
    edges: str = "ignore"
    partial_credit: bool = False
    question_time: float = 1.0
    cell_seconds: float | None = None
    notebook_seconds: float | None = None
    memory_mb: int | None = None


@dataclass(frozen=True)
class FollowThrough:
    """How a question was graded again, with the reference in place of the earlier questions `replaced`."""

    replaced: tuple[str, ...]
    status: Status
    share: float


@dataclass(frozen=True)
class Lateness:
    """When a submission was due and came, and what that does to its points.

    Parameters
    ----------
    due : datetime
        With the learner's extension.
    extended : bool
    handed_in : datetime, optional
        None where nobody says when.
    days : int
        Days late, each that has begun.
    free : int
        Late days that were left before.
    used : int
        Of these, how many are used for this submission.
    kept : float
        Share of the points that is left.
    refused : bool
        It is not accepted any more, so there is no grade.
    doubt : str
        Why a person should look at it; "" if nobody need.
    """

    due: datetime
    extended: bool = False
    handed_in: datetime | None = None
    days: int = 0
    free: int = 0
    used: int = 0
    kept: float = 1.0
    refused: bool = False
    doubt: str = ""


@dataclass(frozen=True)
class Partial:
    """How many of a question's cases are right, of those that it asks for."""

    right: int
    asked: int


@dataclass(frozen=True)
class QuestionRecord:
    """The grade of one question.

    `first_wrong` names the first thing that did not hold. `full_text` is the verdict on the fresh inputs where a
    learner reads another `text`; it may show these inputs, so no page for learners contains it. `partial` says what is
    right of a wrong answer, where the course gives points for that.
    """

    id: str
    title: str
    notebook: str
    points: int
    earned: float
    status: Status
    text: str
    seed: int
    mistake: str = ""
    first_wrong: str = ""
    follow_through: FollowThrough | None = None
    full_text: str = ""
    partial: Partial | None = None

    @property
    def passed(self) -> bool:
        """Whether the answer is right, if need be with earlier answers replaced by the reference."""
        through = self.follow_through
        return self.status == Status.OK or through is not None and through.status == Status.OK


@dataclass(frozen=True)
class CellRecord:
    """A cell of a notebook that was run again."""

    id: str
    status: CellStatus
    detail: str = ""


@dataclass(frozen=True)
class NotebookRecord:
    """A notebook that was run again."""

    name: str
    state: NotebookState
    reason: str = ""
    cells: tuple[CellRecord, ...] = ()


@dataclass(frozen=True)
class WrittenAnswer:
    """An answer in words. `id` is that of its cell."""

    id: str
    notebook: str
    prompt: str
    text: str


@dataclass
class Timings:
    """When the submission was graded, how many seconds that took, and how many bytes of memory its own code did."""

    started: str = ""
    total: float = 0.0
    own_code: float = 0.0
    memory: int = 0
    questions: dict[str, float] = field(default_factory=dict)
    notebooks: dict[str, float] = field(default_factory=dict)


@dataclass
class Record:
    """All that is known about a graded submission.

    It starts as that of a submission that could not be graded, and is filled in while it is graded. `fingerprint`
    identifies the files, the settings and the code it was made from. `late` is not stored: it is found anew whenever
    reports are written, so that a date can change without grading again.
    """

    submission: SubmissionInfo
    assignment: str
    settings: RecordedSettings
    versions: dict[str, str]
    possible: float
    state: State = State.INFRASTRUCTURE_ERROR
    reason: str = ""
    remarks: list[str] = field(default_factory=list)
    questions: list[QuestionRecord] = field(default_factory=list)
    notebooks: list[NotebookRecord] = field(default_factory=list)
    written: list[WrittenAnswer] = field(default_factory=list)
    timings: Timings = field(default_factory=Timings)
    fingerprint: str = ""
    late: Lateness | None = None

    @property
    def score(self) -> float:
        """The points earned, without those for written answers."""
        return round(sum((question.earned for question in self.questions), 0.0), 6)

    @property
    def is_final(self) -> bool:
        """Whether every question was judged as far as the submission allows."""
        statuses = {question.status for question in self.questions}
        return self.state == State.GRADED and Status.INFRASTRUCTURE_ERROR not in statuses

    @property
    def has_grade(self) -> bool:
        """Whether a gradebook gets a number."""
        return self.is_final and not (self.late and self.late.refused)

    @property
    def without_grade(self) -> str:
        """Why a gradebook gets no number, in a few words; the state, unless it came too late."""
        return "not accepted, too late" if self.is_final and not self.has_grade else str(self.state)

    def after_lateness(self, points: float) -> float:
        """What is left of some points after what lateness takes off."""
        return round(points * self.late.kept, 6) if self.late else points

    @property
    def is_settled(self) -> bool:
        """Whether grading again could change nothing: the submission is graded to the end, or refused."""
        return self.state == State.REFUSED or self.is_final

    @property
    def state_words(self) -> str:
        """The state as an instructor reads it."""
        return str(self.state) if self.state != State.GRADED or self.is_final else "graded, not final"

    def left_out(self, question: QuestionRecord) -> bool:
        """Whether the instructor chose not to have this question graded."""
        own = declared().get(question.id)
        is_skipped = self.settings.notebooks == "skip" and own is not None and own.in_notebook
        return is_skipped and question.status in (Status.NOT_RUN, Status.NOT_GRADABLE)  # so in older records

    def evidence(self) -> bytes:
        """The part of the JSON that is the same each time: all but the timings and the fingerprint."""
        return _dumped(self, without=("timings", "fingerprint")).encode()

    def to_json(self) -> str:
        """The text of the record's file."""
        return _dumped(self) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> "Record":
        """The record in a text that `to_json`, or an earlier version, wrote; ValueError for any other text."""
        content = json.loads(text)
        try:
            content = _READERS[content["format"]](content)
        except (AttributeError, KeyError, TypeError, IndexError) as error:
            raise ValueError(f"expected a record of format {' or '.join(map(str, _READERS))}") from error
        return _read_fields(cls, content, "record")


# ---- files


def record_path(out: str | Path, submission_id: str) -> Path:
    """The file of a submission's record."""
    return Path(out, "records", f"{submission_id}.json")


def write_record(record: Record, out: str | Path) -> Path:
    """Write a record in one step, so that a killed process leaves the old record or the new one; its path."""
    return write_file(record_path(out, record.submission.id), record.to_json())


def read_record(path: str | Path) -> Record:
    """The record in a file; ValueError if there is none."""
    try:
        return Record.from_json(Path(path).read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not the record of a graded submission: {error}.") from error


def read_records(out: str | Path) -> list[Record]:
    """All records in the folder that `grade` wrote, ordered by id."""
    return [read_record(path) for path in sorted(Path(out, "records").glob("*.json"))]


def read_sound_records(out: str | Path) -> tuple[list[Record], list[str]]:
    """The records in the folder that `grade` wrote, ordered by id, and what is wrong with the other files there."""
    records, problems = [], []
    for path in sorted(Path(out, "records").glob("*.json")):
        try:
            records.append(read_record(path))
        except ValueError as error:
            problems.append(str(error))
    return records, problems


# ---- JSON


def _dumped(record: Record, without: tuple[str, ...] = ()) -> str:
    content = {"format": FORMAT, "score": record.score} | asdict(record)
    content["settings"] = _without_defaults(content["settings"], RecordedSettings, _ADDED_SETTINGS)
    content["questions"] = [_without_defaults(q, QuestionRecord, ("partial",)) for q in content["questions"]]
    kept = {name: value for name, value in content.items() if name not in (*without, "late")}
    return json.dumps(kept, indent=1, sort_keys=True, ensure_ascii=False)


# Fields that came later; they are written only where they say something, so that other records stay as they were.
_ADDED_SETTINGS = ("partial_credit", "question_time", "cell_seconds", "notebook_seconds", "memory_mb")


def _without_defaults(content: dict, kind: Any, names: tuple[str, ...]) -> dict:
    defaults = {f.name: f.default for f in fields(kind) if f.name in names}
    return {name: value for name, value in content.items() if name not in defaults or value != defaults[name]}


def _from_format_2(content: dict) -> dict:
    return {name: value for name, value in content.items() if name not in ("format", "score")}


def _from_format_1(content: dict) -> dict:
    content = _renamed(content, environment="versions", key="fingerprint")
    content["questions"] = [_renamed(question, failed="first_wrong") for question in content["questions"]]
    content["submission"] |= {"files": [_renamed(file, bytes="size") for file in content["submission"]["files"]]}
    return _from_format_2(content)


def _renamed(mapping: dict, **names: str) -> dict:
    return {names.get(name, name): value for name, value in mapping.items()}


_READERS: dict[object, Callable[[dict], dict]] = {1: _from_format_1, 2: _from_format_2}


def _read(kind: Any, value: Any, where: str) -> Any:
    """A value of JSON as the type that a field is declared with; the error names the field."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is UnionType:
        return _read_union(arguments, value, where)
    if origin in (list, tuple):
        items = enumerate(_of_type(list, value, where))
        return origin(_read(arguments[0], item, f"{where}[{i}]") for i, item in items)
    if origin is dict:
        items = _of_type(dict, value, where).items()
        return {name: _read(arguments[1], item, f"{where}.{name}") for name, item in items}
    return _read_fields(kind, value, where) if is_dataclass(kind) else _read_plain(kind, value, where)


def _read_union(options: tuple, value: Any, where: str) -> Any:
    if value is None and NoneType in options:
        return None
    *others, last = [option for option in options if option is not NoneType]
    for option in others:
        with suppress(ValueError):
            return _read(option, value, where)
    return _read(last, value, where)


def _read_fields(kind: Any, value: Any, where: str) -> Any:
    types = get_type_hints(kind)
    required = {f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING}
    content = _of_type(dict, value, where)
    for problem, names in (("lacks", required - set(content)), ("has unknown", set(content) - set(types))):
        if names:
            raise ValueError(f"{where} {problem} {', '.join(sorted(names))}")
    return kind(**{name: _read(types[name], item, f"{where}.{name}") for name, item in content.items()})


def _read_plain(kind: Any, value: Any, where: str) -> Any:
    if issubclass(kind, StrEnum):
        return _member(kind, value, where)
    return _finite(value, where) if kind is float else _of_type(kind, value, where)


def _finite(value: Any, where: str) -> float:
    """A number; JSON may also hold NaN, infinity, and whole numbers too large for a float."""
    number = _of_type(float, value, where) if type(value) is not int else value
    if not -LARGEST_NUMBER <= number <= LARGEST_NUMBER:
        raise ValueError(f"{where} should be a finite number; it is {value!r:.60}")
    return float(number)


def _member(kind: type[StrEnum], value: Any, where: str) -> StrEnum:
    try:
        return kind(value)
    except ValueError as error:
        raise ValueError(f"{where} should be one of {', '.join(kind)}; it is {value!r:.60}") from error


def _of_type(kind: type, value: Any, where: str) -> Any:
    if type(value) is not kind:
        raise ValueError(f"{where} should be of type {kind.__name__}; it is {value!r:.60}")
    return value
