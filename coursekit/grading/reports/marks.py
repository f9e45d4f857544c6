"""Written answers and the marks for them.

A mark belongs to an answer: to its question, its submission and its text together. Grading again keeps marks; an
answer that is submitted again with other words must be marked again.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from coursekit.grading.intake.tables import TableError, cell, read_table, require
from coursekit.grading.intake.text import unquoted_cell
from coursekit.grading.record import Record, WrittenAnswer
from coursekit.grading.reports import pages
from coursekit.learner import submission
from coursekit.learner.notebook_form import without_blank

KEY = "answer-"  # before the key of an answer in a spreadsheet, which would take some keys for numbers
WHAT = "a CSV file as in written/, with marks"


@dataclass(frozen=True)
class Mark:
    """What an instructor gave for one written answer."""

    question: str
    points: float
    possible: float
    comment: str = ""


@dataclass(frozen=True)
class Marks:
    """All marks by the key of the answer, and what was wrong with their files, in sentences."""

    by_answer: dict[str, Mark]
    problems: tuple[str, ...] = ()

    def possible(self, question: str) -> float | None:
        """The points a written question is worth, or None while none of its answers is marked."""
        return max((mark.possible for mark in self.by_answer.values() if mark.question == question), default=None)

    def all_possible(self, assignment: str) -> float:
        """The points that all written questions of an assignment with a mark are worth together."""
        beginnings = tuple(f"{notebook}-" for notebook in submission.notebooks(assignment))
        questions = {m.question for m in self.by_answer.values() if m.question.startswith(beginnings)}
        return sum(((self.possible(question) or 0.0) for question in sorted(questions)), 0.0)


@dataclass(frozen=True)
class MarkedAnswer:
    """A written answer with its mark, if it has one. `question` is the name of the written question."""

    answer: WrittenAnswer
    question: str
    mark: Mark | None
    is_blank: bool

    @property
    def is_open(self) -> bool:
        """Whether it waits for a mark."""
        return self.mark is None and not self.is_blank


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
    """The written answers of a record with their marks. A blank answer has 0 points once its question is marked."""
    return [_marked(record, answer, marks) for answer in record.written]


def _marked(record: Record, answer: WrittenAnswer, marks: Marks) -> MarkedAnswer:
    question, blank = question_key(answer), is_blank(answer.text)
    possible = marks.possible(question)
    mark = marks.by_answer.get(answer_key(record, answer))
    if mark is None and blank and possible is not None:
        mark = Mark(question, 0.0, possible)
    return MarkedAnswer(answer, question, mark, blank)


def totals(record: Record, marks: Marks) -> WrittenTotals:
    """The totals of a record's written answers.

    The points possible are those of all written questions that have a mark in the class, so that they are the same for
    every learner: also for one whose answer is not marked yet, is missing, or cannot be read.
    """
    answers = marked_answers(record, marks)
    points = sum((answer.mark.points for answer in answers if answer.mark), 0.0)
    return WrittenTotals(points, marks.all_possible(record.assignment), sum(answer.is_open for answer in answers))


def unknown_marks(marks: Marks, records: Iterable[Record]) -> list[str]:
    """How many marks belong to no answer in the records, as a list of at most one sentence."""
    known = {answer_key(record, answer) for record in records for answer in record.written}
    lost = len(set(marks.by_answer) - known)
    if not lost:
        return []
    belongs = f"{pages.counted(lost, 'mark')} in marks/ belong{'s' if lost == 1 else ''} to no answer"
    return [f"{belongs}: the text of the answer has changed, or it is from another class"]


# ---- files of marks


def read_marks(out: str | Path) -> Marks:
    """Read the marks in `out`/marks: .json files that the pages save, and .csv files from a spreadsheet.

    Where an answer was marked twice, the file that was saved last counts; .csv files do not say when, so they go first.
    """
    by_answer: dict[str, Mark] = {}
    problems: list[str] = []
    paths = [path for path in sorted(Path(out, "marks").glob("*.*")) if not path.name.startswith((".", "~"))]
    files = [(path, *_read_file(path, problems)) for path in paths]
    for path, _, rows in sorted(files, key=lambda file: file[1]):
        for where, row in rows:
            _take_row(row, path.name, where, by_answer, problems)
    return Marks(by_answer, tuple(pages.harmless(problems)))


def _read_file(path: Path, problems: list[str]) -> tuple[str, list[tuple[str, Any]]]:
    """(when it was saved, its rows, each with the place); no rows, and a problem noted, if it is no file of marks."""
    try:
        if path.suffix.lower() == ".json":
            content = json.loads(path.read_text(encoding="utf-8-sig"))
            return str(content["saved"]), [(path.name, row) for row in content["marks"]]
        return "", list(_rows_of_table(path))
    except TableError as error:
        problems.append(f"{path.name} is not a file of marks: {error}")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        problems.append(f"{path.name} is not a file of marks ({_why(error)})")
    return "", []


def _rows_of_table(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """The rows of a spreadsheet, each with the file and the line."""
    table = read_table(path, WHAT)
    columns = {title: require(table, title, WHAT) for title in ("question", "answer", "points", "possible")}
    columns |= {"comment": found[0]} if (found := table.columns("comment")) else {}
    for line, row in table.rows:
        values = {title: cell(row, column) for title, column in columns.items()}
        comment = unquoted_cell(row[columns["comment"]]) if len(row) > columns.get("comment", len(row)) else ""
        yield f"{path.name}, line {line}", values | {"answer": values["answer"].removeprefix(KEY), "comment": comment}


def _take_row(row: Any, file: str, where: str, by_answer: dict[str, Mark], problems: list[str]) -> None:
    try:
        mark = _mark(row)
        key = row["answer"]
    except (KeyError, TypeError, ValueError) as error:
        problems.append(f"{where}: a mark was ignored: {_why(error)}")
        return
    if mark is None:
        return
    if by_answer.get(key, mark) != mark:
        problems.append(f"{file} marks an answer differently from an earlier file; the mark in {file} counts")
    by_answer[key] = mark


def _mark(row: Any) -> Mark | None:
    """The mark in a row; None where no points are given yet."""
    if str(row["points"]).strip() == "":
        return None
    points, possible = (_number(row, name) for name in ("points", "possible"))
    if not (math.isfinite(possible) and 0 <= points <= possible):
        raise ValueError(f"{points:g} of {possible:g} points is not possible")
    return Mark(str(row["question"]), points, possible, pages.harmless(str(row.get("comment") or "")))


def _number(row: Any, name: str) -> float:
    """A number of points, with a decimal point or comma."""
    try:
        return float(str(row[name]).replace(",", "."))
    except ValueError as error:
        raise ValueError(f"{name} should be a number; it is {str(row[name])!r:.60}") from error


def _why(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)
