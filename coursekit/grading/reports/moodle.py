"""Fill in a grading worksheet of Moodle."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from coursekit.grading.intake.tables import Ids, Table, TableError, cell, duplicates, read_table, require
from coursekit.grading.intake.text import listed, plain_cell
from coursekit.grading.record import Record
from coursekit.grading.reports.marks import Marks, marked_answers
from coursekit.grading.reports.pages import counted, number
from coursekit.grading.reports.points import Grade, grade_of
from coursekit.grading.reports.words import first_line, late_sentences

WHAT = "the grading worksheet of a Moodle assignment"
GRADE, COMMENTS, MAXIMUM = "Grade", "Feedback comments", "Maximum grade"
_PARTICIPANT = re.compile(r"\D*(\d+)")


@dataclass(frozen=True)
class Worksheet:
    """A grading worksheet: its table, and the columns of the participants, the grade and, if there is one, comments."""

    table: Table
    participant: int
    grade: int
    comments: int | None


def read_worksheet(path: Path, column: str | None = None) -> Worksheet:
    """Read a worksheet; `TableError` if it is none, a column is missing or a participant is in it twice.

    `column` is the title of the column for the grade, by default "Grade".
    """
    table = read_table(path, WHAT)
    participant = (table.columns("Identifier") or [0])[0]
    if not any(_PARTICIPANT.fullmatch(cell(row, participant)) for _, row in table.rows):
        titles = listed(table.header, 10)
        raise TableError(
            f"{table.name}, line 1: no column Identifier has values such as Participant 123456; give {WHAT}. "
            f"Its columns: {titles}."
        )
    if told := duplicates(table, participant):
        raise TableError(told)
    comments = table.columns(COMMENTS)
    return Worksheet(table, participant, require(table, column or GRADE, WHAT), comments[0] if comments else None)


def fill_worksheet(sheet: Worksheet, records: list[Record], marks: Marks) -> tuple[str, list[str]]:
    """Fill in grades and comments; (the text of the worksheet, notes on what did not fit).

    Participants are found by their number, or by the email address, ID number or username of the class's list; never
    by name. All other cells stay as they are, except that none is a formula. A comment by somebody else stays.
    """
    rows = [list(row) for _, row in sheet.table.rows]
    notes: list[str] = []
    filled: dict[int, str] = {}
    for record in records:
        notes += _fill_record(sheet, rows, record, marks, filled)
    text = io.StringIO()
    table = csv.writer(text, delimiter=sheet.table.separator, lineterminator="\n")
    table.writerows([plain_cell(value) for value in row] for row in (sheet.table.header, *rows))
    return text.getvalue(), list(dict.fromkeys(notes))


def _fill_record(
    sheet: Worksheet, rows: list[list[str]], record: Record, marks: Marks, filled: dict[int, str]
) -> Iterator[str]:
    name, found = record.submission.id, _rows_of(sheet, record.submission.learner)
    if not found:
        yield f"{name} is not in the grading worksheet"
    elif not record.has_grade:
        yield f"{name} has no final grade ({record.without_grade}); its cells are left as they are"
    for row in found if record.has_grade else ():
        if row in filled:
            yield f"{name} and {filled[row]} are from the same participant; the grade of {filled[row]} was entered"
            continue
        filled[row] = name
        yield from _fill_row(sheet, rows[row], record, marks)


def _fill_row(sheet: Worksheet, row: list[str], record: Record, marks: Marks) -> Iterator[str]:
    grade = grade_of(record, marks)
    _set(row, sheet.grade, number(grade.points))
    beginning = f"{record.assignment}: "
    if sheet.comments is not None and _may_replace(cell(row, sheet.comments), beginning):
        _set(row, sheet.comments, beginning + " ".join([*_comment(record, grade), *_told(record, marks)]))
    if grade.open:
        yield f"{record.submission.id}: {counted(grade.open, 'written answer')} not marked yet, counted as 0"
    maximum = [cell(row, i).replace(",", ".") for i in sheet.table.columns(MAXIMUM)]
    for value in filter(re.compile(r"\d+(\.\d+)?").fullmatch, maximum):
        if abs(float(value) - grade.possible) > 0.005:
            yield f"Moodle has {value} as the maximum grade; the grades are out of {number(grade.possible)}"


def _comment(record: Record, grade: Grade) -> Iterator[str]:
    """The sentences of a comment: the score, how late the work was if it was, and what waits for a mark."""
    yield first_line(record, grade.points, grade.possible)
    if record.late and (record.late.days or record.late.doubt):
        yield late_sentences(record, grade)
    if grade.reservation:
        yield grade.reservation


def _told(record: Record, marks: Marks) -> Iterator[str]:
    """What was said about the written answers, a sentence or more each; Moodle shows a comment without line ends."""
    for marked in marked_answers(record, marks):
        if marked.mark and marked.mark.told:
            name = f"{marked.answer.notebook}, {marked.answer.id}"
            yield f"{name}: {marked.words}. {'; '.join(marked.mark.told.split(chr(10)))}"


def _may_replace(comment: str, beginning: str) -> bool:
    """Whether there is no comment, or one that was entered here before."""
    return not comment or comment.startswith(beginning)


def _set(row: list[str], column: int, value: str) -> None:
    row.extend([""] * (column + 1 - len(row)))
    row[column] = value


def _rows_of(sheet: Worksheet, learner: dict) -> list[int]:
    """The rows of a submission's participant, or of its group; none if they are not there, or do not agree."""
    rows = [row for _, row in sheet.table.rows]
    numbers = Ids((_number(cell(row, sheet.participant)), i) for i, row in enumerate(rows))
    found = numbers.rows(str(learner.get("number") or ""))
    people = [str(learner.get(key) or "").split(", ") for key in ("email", "id", "login", "user")]
    titles = (("Email address", "Email"), ("ID number",), ("Username",), ("ID number",))
    for values, names in zip(people, titles, strict=True):
        for column in sheet.table.columns(*names) if not found else ():
            ids = Ids((cell(row, column), i) for i, row in enumerate(rows))
            found = set().union(*(ids.rows(value) for value in values))
    return sorted(found) if len(found) <= max(map(len, people)) else []


def _number(identifier: str) -> str:
    found = _PARTICIPANT.fullmatch(identifier)
    return found[1] if found else identifier
