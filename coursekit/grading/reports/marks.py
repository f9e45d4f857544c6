"""Written answers and the marks for them.

A mark belongs to an answer: to its question, its submission and its text together. Grading again keeps marks; an
answer that is submitted again with other words must be marked again.

The points possible of a written question are the same for the whole class. They count as soon as a file of marks sets
them, for everybody: also for those whose answer is not marked yet, is missing, or cannot be read.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from coursekit.grading.intake.tables import TableError, cell, read_table, require
from coursekit.grading.intake.text import unquoted_cell
from coursekit.grading.record import NotebookState, Record, State, WrittenAnswer
from coursekit.grading.reports import pages
from coursekit.grading.reports.phrases import say
from coursekit.grading.reports.rubrics import RubricItem, asked, points_of
from coursekit.learner import submission
from coursekit.learner.notebook_form import without_blank
from coursekit.questions import notebook_file

KEY = "answer-"  # before the key of an answer in a spreadsheet, which would take some keys for numbers
WHAT = "a CSV file as in written/, with marks"


@dataclass(frozen=True)
class Mark:
    """What an instructor gave for one written answer. `items` are those of the rubric that it has."""

    question: str
    points: float
    possible: float
    comment: str = ""
    items: tuple[RubricItem, ...] = ()

    @property
    def told(self) -> str:
        """The items and the comment, as learners read them, a line each."""
        items = [f"{item.points:+g}: {item.text}" for item in self.items]
        return "\n".join([*items, *[self.comment] * bool(self.comment)])


@dataclass(frozen=True)
class Sheet:
    """What files of marks say about a question: the points possible, the rubric, and comments to use again."""

    possible: float | None = None
    rubric: tuple[RubricItem, ...] = ()
    comments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Marks:
    """All marks by the key of the answer, and what was wrong with their files, in sentences."""

    by_answer: dict[str, Mark]
    problems: tuple[str, ...] = ()
    sheets: dict[str, Sheet] = field(default_factory=dict)

    @cached_property
    def _possible(self) -> dict[str, float]:
        """The points possible of each question that counts: the most that any of its marks is out of."""
        found = {name: sheet.possible for name, sheet in self.sheets.items() if sheet.possible is not None}
        for mark in self.by_answer.values():
            found[mark.question] = max(mark.possible, found.get(mark.question, 0.0))
        return found

    def possible(self, question: str) -> float | None:
        """The points a written question is worth, or None while no file of marks says so."""
        return self._possible.get(question)

    def counted(self, assignment: str) -> dict[str, float]:
        """The written questions of an assignment that count, in the order of the course, with their points."""
        names = submission.notebooks(assignment)
        found = sorted(self._possible, key=lambda question: (_place(question, names), question))
        return {question: self._possible[question] for question in found if _place(question, names) < len(names)}

    def all_possible(self, assignment: str) -> float:
        """The points that all written questions of an assignment that count are worth together."""
        return sum(self.counted(assignment).values(), 0.0)

    def unequal(self) -> list[str]:
        """Sentences about questions whose marks are not all out of the same points."""
        found: dict[str, set[float]] = {}
        for mark in self.by_answer.values():
            found.setdefault(mark.question, set()).add(mark.possible)
        return [
            f"{question} is marked out of {pages.listed(map(pages.number, sorted(values)))} points: "
            f"{pages.number(self._possible[question])} count for everybody"
            for question, values in sorted(found.items())
            if len(values) > 1
        ]


def _place(question: str, notebooks: list[str]) -> int:
    """The place of the question's notebook among some; their number if it is in none of them."""
    name = question.partition("-")[0]
    return notebooks.index(name) if name in notebooks else len(notebooks)


@dataclass(frozen=True)
class MarkedAnswer:
    """A written answer with its mark, if it has one.

    `question` is the name of the written question, `possible` its points, None if it does not count (yet). `lost` says
    why the answer cannot be read.
    """

    answer: WrittenAnswer
    question: str
    mark: Mark | None
    is_blank: bool
    possible: float | None = None
    lost: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it waits for a mark."""
        return self.mark is None and not self.is_blank and not self.lost

    @property
    def words(self) -> str:
        """What became of it, as a learner reads it."""
        if self.mark:
            return pages.of(self.mark.points, self.mark.possible)
        state = say("page.not_read" if self.lost else "page.no_answer" if self.is_blank else "page.not_marked_yet")
        if self.possible is None:
            return state
        return say("page.out_of", self.possible, state=state, possible=pages.number(self.possible))


class WrittenTotals(NamedTuple):
    """Points earned and possible for the written answers of a submission, and how many wait for a mark."""

    points: float
    possible: float
    open: int


def question_key(answer: WrittenAnswer) -> str:
    """The name of a written question over all notebooks: ids repeat from notebook to notebook."""
    return pages.file_name(f"{answer.notebook}-{answer.id}")


def answer_key(record: Record, answer: WrittenAnswer) -> str:
    """A name for one answer that does not reveal who wrote it."""
    parts = [answer.notebook, answer.id, record.submission.id, answer.text]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:20]


def is_blank(text: str) -> bool:
    """Whether nothing was written."""
    return not without_blank(_without_comments(text))


def _without_comments(text: str) -> str:
    """A text without its HTML comments; in one pass, however many begin and do not end."""
    kept, at = [], 0
    while (start := text.find("<!--", at)) >= 0 and (end := text.find("-->", start + 4)) >= 0:
        kept.append(text[at:start])
        at = end + len("-->")
    return "".join([*kept, text[at:]])


def marked_answers(record: Record, marks: Marks) -> list[MarkedAnswer]:
    """The written answers of a record with their marks. A blank answer has 0 points once its question counts.

    Questions that count and have no answer in the record are there as well: blank, or lost with their notebook.
    """
    found = [_marked(record, answer, marks) for answer in record.written]
    if record.state != State.GRADED:
        return found
    there = {answer.question for answer in found}
    return found + [_missing(record, name, marks) for name in marks.counted(record.assignment) if name not in there]


def _marked(record: Record, answer: WrittenAnswer, marks: Marks) -> MarkedAnswer:
    question, blank = question_key(answer), is_blank(answer.text)
    possible = marks.possible(question)
    mark = marks.by_answer.get(answer_key(record, answer))
    if mark is not None and possible is not None:
        mark = replace(mark, possible=possible)
    elif blank and possible is not None:
        mark = Mark(question, 0.0, possible)
    return MarkedAnswer(answer, question, mark, blank, possible)


def _missing(record: Record, question: str, marks: Marks) -> MarkedAnswer:
    """A question whose answer is not in the record."""
    notebook, _, id_ = question.partition("-")
    answer = WrittenAnswer(id_, notebook, asked(question).prompt, "")
    possible = marks.possible(question) or 0.0
    if lost := lost_with(record, notebook):
        return MarkedAnswer(answer, question, None, False, possible, lost)
    return MarkedAnswer(answer, question, Mark(question, 0.0, possible), True, possible)


def lost_with(record: Record, notebook: str) -> str:
    """Why the written answers in a notebook that was submitted cannot be read; "" if they can, or it was not there."""
    submitted = {file.name for file in record.submission.files}
    broken = (n for n in record.notebooks if n.name == notebook and n.state == NotebookState.BROKEN)
    return next((n.reason for n in broken if notebook_file(notebook) in submitted), "")


def totals(record: Record, marks: Marks) -> WrittenTotals:
    """The totals of a record's written answers; the points possible are the same for every learner."""
    answers = marked_answers(record, marks)
    points = sum((answer.mark.points for answer in answers if answer.mark), 0.0)
    return WrittenTotals(points, marks.all_possible(record.assignment), sum(answer.is_open for answer in answers))


def suggested_points(question: str, marks: Marks) -> float:
    """The points possible that the page for a question begins with: those that count, else those of the rubric."""
    possible = marks.possible(question)
    return possible if possible is not None else points_of(rubric_of(question, marks)) or 1.0


def rubric_of(question: str, marks: Marks) -> tuple[RubricItem, ...]:
    """The rubric of a question: the one saved with marks, else the course's; and all items that marks have chosen."""
    sheet = marks.sheets.get(question, Sheet())
    used = (item for mark in marks.by_answer.values() if mark.question == question for item in mark.items)
    return tuple(dict.fromkeys([*(sheet.rubric or asked(question).rubric), *used]))


def unknown_marks(marks: Marks, records: Iterable[Record]) -> list[str]:
    """How many marks belong to no answer in the records, as a list of at most one sentence."""
    known = {answer_key(record, answer) for record in records for answer in record.written}
    lost = len(set(marks.by_answer) - known)
    if not lost:
        return []
    belongs = f"{pages.counted(lost, 'mark')} in marks/ belong{'s' if lost == 1 else ''} to no answer"
    return [f"{belongs}: the text of the answer has changed, or it is from another class"]


# ---- files of marks


@dataclass(frozen=True)
class _File:
    """A file of marks: when it was saved, its rows, each with the place, and what it says about its question."""

    saved: str = ""
    rows: tuple[tuple[str, Any], ...] = ()
    question: str = ""
    sheet: Sheet = Sheet()
    items: dict[Any, RubricItem] = field(default_factory=dict)


def read_marks(out: str | Path) -> Marks:
    """Read the marks in `out`/marks: .json files that the pages save, and .csv files from a spreadsheet.

    Where an answer was marked twice, the file that was saved last counts; .csv files do not say when, so they go first.
    """
    by_answer: dict[str, Mark] = {}
    problems: list[str] = []
    sheets: dict[str, Sheet] = {}
    paths = [path for path in sorted(Path(out, "marks").glob("*.*")) if not path.name.startswith((".", "~"))]
    files = [(path, _read_file(path, problems)) for path in paths]
    for path, file in sorted(files, key=lambda pair: pair[1].saved):
        for where, row in file.rows:
            _take_row(row, file.items, path.name, where, by_answer, problems)
        if file.question:
            comments = (*sheets.get(file.question, Sheet()).comments, *file.sheet.comments)
            sheets[file.question] = replace(file.sheet, comments=tuple(dict.fromkeys(comments)))
    return Marks(by_answer, tuple(pages.harmless(problems)), sheets)


def _read_file(path: Path, problems: list[str]) -> _File:
    """A file; an empty one, and a problem noted, if it is no file of marks."""
    try:
        if path.suffix.lower() == ".json":
            return _read_json(path)
        return _File(rows=tuple(_rows_of_table(path)))
    except TableError as error:
        problems.append(f"{path.name} is not a file of marks: {error}")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        problems.append(f"{path.name} is not a file of marks ({_why(error)})")
    return _File()


def _read_json(path: Path) -> _File:
    """A file that a page saved; those of format 1 have marks alone."""
    content = json.loads(path.read_text(encoding="utf-8-sig"))
    rows = tuple((path.name, row) for row in content["marks"])
    items = {row["id"]: _item(row) for row in content.get("rubric", [])}
    possible = _number(content, "possible") if "question" in content else None
    if possible is not None and not 0 <= possible < math.inf:
        raise ValueError(f"{possible:g} points possible cannot be")
    comments = tuple(pages.harmless(str(text)) for text in content.get("comments", []))
    sheet = Sheet(possible, tuple(items.values()), comments)
    return _File(str(content["saved"]), rows, str(content.get("question", "")), sheet, items)


def _item(row: Any) -> RubricItem:
    points = _number(row, "points")
    if not math.isfinite(points):
        raise ValueError(f"an item of the rubric has {points:g} points")
    return RubricItem(points, pages.harmless(str(row["text"])))


def _rows_of_table(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """The rows of a spreadsheet, each with the file and the line."""
    table = read_table(path, WHAT)
    columns = {title: require(table, title, WHAT) for title in ("question", "answer", "points", "possible")}
    columns |= {"comment": found[0]} if (found := table.columns("comment")) else {}
    for line, row in table.rows:
        values = {title: cell(row, column) for title, column in columns.items()}
        comment = unquoted_cell(row[columns["comment"]]) if len(row) > columns.get("comment", len(row)) else ""
        yield f"{path.name}, line {line}", values | {"answer": values["answer"].removeprefix(KEY), "comment": comment}


def _take_row(
    row: Any, items: dict[Any, RubricItem], file: str, where: str, by_answer: dict[str, Mark], problems: list[str]
) -> None:
    try:
        mark = _mark(row, items)
        key = row["answer"]
    except (KeyError, TypeError, ValueError) as error:
        problems.append(f"{where}: a mark was ignored: {_why(error)}")
        return
    if mark is None:
        return
    if by_answer.get(key, mark) != mark:
        problems.append(f"{file} marks an answer differently from an earlier file; the mark in {file} counts")
    by_answer[key] = mark


def _mark(row: Any, items: dict[Any, RubricItem]) -> Mark | None:
    """The mark in a row; None where nothing is given yet."""
    if str(row["points"]).strip() == "":
        if str(row.get("comment") or "").strip():
            raise ValueError("it has a comment and no points")
        return None
    points, possible = (_number(row, name) for name in ("points", "possible"))
    if not (math.isfinite(possible) and 0 <= points <= possible):
        raise ValueError(f"{points:g} of {possible:g} points is not possible")
    chosen = tuple(items[id_] for id_ in row.get("items") or () if id_ in items)
    return Mark(str(row["question"]), points, possible, pages.harmless(str(row.get("comment") or "")), chosen)


def _number(row: Any, name: str) -> float:
    """A number of points, with a decimal point or comma."""
    try:
        return float(str(row[name]).replace(",", "."))
    except ValueError as error:
        raise ValueError(f"{name} should be a number; it is {str(row[name])!r:.60}") from error


def _why(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)
