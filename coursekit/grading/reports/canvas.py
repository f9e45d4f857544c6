"""Fill in a gradebook that Canvas exported."""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from coursekit.grading.intake.tables import (
    Ids,
    Table,
    TableError,
    cell,
    decoded,
    duplicates,
    letters_of,
    table_of,
)
from coursekit.grading.intake.text import listed, plain_cell
from coursekit.grading.record import Record
from coursekit.grading.reports.marks import Marks
from coursekit.grading.reports.pages import counted, number
from coursekit.grading.reports.points import grade_of

WHAT = "the gradebook that Canvas exported"
MOST_TITLES = 30  # in a sentence


@dataclass(frozen=True)
class _Gradebook:
    """A gradebook as Canvas exports it: its cells, their delimiter, and the column to fill in."""

    rows: list[list[str]]
    delimiter: str
    column: int


def read_canvas(path: Path) -> str:
    """The text of a gradebook, in whatever encoding a spreadsheet saved it; `TableError` if it cannot be read."""
    try:
        return decoded(Path(path).read_bytes(), Path(path).name, WHAT)
    except OSError as error:
        raise TableError(f"{path} cannot be read ({error.strerror}); give the path of {WHAT}.") from error


def check_canvas(path: Path, column: str | None, assignment: str) -> None:
    """Raise `TableError` if a gradebook cannot be filled in, for what can be known before anything is graded."""
    _read_gradebook(read_canvas(path), column, {assignment}, Path(path).name)


def fill_canvas(text: str, records: list[Record], marks: Marks, column: str | None = None) -> tuple[str, list[str]]:
    """Fill in one column of a gradebook that Canvas exported; (its text, notes on what did not fit).

    Learners are found by Canvas' ID, the SIS user id or the login, never by name. Other cells stay as they are,
    except that a text at the front which a spreadsheet would take for a formula gets a ' before it.

    Raises
    ------
    ValueError
        If the text is not a gradebook, or it is unclear which column is meant; the message lists the columns.
    """
    book = _read_gradebook(text, column, {record.assignment for record in records})
    notes: list[str] = []
    filled: dict[int, str] = {}
    for record in records:
        notes += _fill_record(book, record, marks, filled)
    return _gradebook_text(book), list(dict.fromkeys(notes))


def _fill_record(book: _Gradebook, record: Record, marks: Marks, filled: dict[int, str]) -> Iterator[str]:
    """Fill in the grade of a submission; yields notes. `filled` maps the rows that have a grade to the submission."""
    name, rows = record.submission.id, _rows_of(book.rows, record.submission.learner)
    if not rows:
        yield f"{name} is not in the gradebook ({_who(record.submission.learner)})"
    elif not record.has_grade:
        yield f"{name} has no final grade ({record.without_grade}); its cell is left as it is"
    else:
        yield from _fill_rows(book, rows, record, marks, filled)


def _fill_rows(
    book: _Gradebook, rows: list[int], record: Record, marks: Marks, filled: dict[int, str]
) -> Iterator[str]:
    name, grade = record.submission.id, grade_of(record, marks)
    for row in rows:
        if row in filled:
            yield f"{name} and {filled[row]} are from the same learner; the grade of {filled[row]} was entered"
        else:
            filled[row] = name
            _set(book.rows[row], book.column, number(grade.points))
    if any(record.left_out(question) for question in record.questions):
        yield "notebooks were left out of this grading: no grade includes points for the questions answered in them"
    if grade.open:
        yield f"{name}: {counted(grade.open, 'written answer')} not marked yet, counted as 0"
    yield from _other_maximum(book, grade.possible)


# ---- the gradebook


def _read_gradebook(text: str, column: str | None, assignments: set[str], name: str = "the gradebook") -> _Gradebook:
    try:
        table = _without_index(table_of(text, name, WHAT))
    except TableError as error:
        raise TableError(f"{name} is not a Canvas gradebook: {error}") from error
    if len(table.header) < 4 or "Student" not in table.header[0] or not table.columns("ID"):
        told = "its first row must start with Student and have a column ID"
        raise TableError(f"{name} is not a Canvas gradebook: {told}; it is {listed(table.header) or 'blank'}.")
    for title in ("ID", "SIS User ID", "SIS Login ID"):
        if (columns := table.columns(title)) and (told := duplicates(table, columns[0])):
            raise TableError(told)
    rows = [table.header, *(row for _, row in table.rows)]
    return _Gradebook(rows, table.separator, _find_column(table.header, column, assignments, name))


def _without_index(table: Table) -> Table:
    """The table without a first column of row numbers, as pandas adds one."""
    if (
        len(table.header) < 2
        or letters_of(table.header[0]).removeprefix("unnamed0")
        or "Student" not in table.header[1]
    ):
        return table
    rows = [(line, row[1:]) for line, row in table.rows]
    return Table(table.name, table.header[1:], rows, table.separator)


def _find_column(header: list[str], title: str | None, assignments: set[str], name: str) -> int:
    columns = range(_front(header), len(header))
    if title is None:
        names = [_letters(name) for name in assignments]
        found = [i for i in columns if any(re.search(rf"{n}(?!\d)", _letters(header[i])) for n in names)]
    else:
        found = [i for i in columns if title.strip() in (header[i].strip(), _without_number(header[i].strip()))]
    if len(found) != 1:
        what = title or " or ".join(sorted(assignments))
        titles = listed((repr(header[i]) for i in columns), MOST_TITLES)
        told = f"{len(found)} columns match {what!r}; choose one of {titles}"
        raise TableError(f"{name}, line 1: {told} with --column.")
    return found[0]


def _front(header: list[str]) -> int:
    """The number of columns that say who a learner is; those of the assignments follow."""
    return next((i for i, title in enumerate(header) if "Section" in title), 0) + 1


def _without_number(title: str) -> str:
    return re.sub(r"\s*\(\d+\)$", "", title)


def _letters(title: str) -> str:
    return re.sub(r"\W|_", "", _without_number(title)).lower()


def _set(row: list[str], column: int, value: str) -> None:
    row.extend([""] * (column + 1 - len(row)))
    row[column] = value


def _other_maximum(book: _Gradebook, possible: float) -> list[str]:
    for row in book.rows[1:3]:
        if row and "Points Possible" in row[0] and len(row) > book.column:
            maximum = row[book.column].strip().replace(",", ".")
            if re.fullmatch(r"\d+(\.\d+)?", maximum) and abs(float(maximum) - possible) > 0.005:
                return [f"Canvas has {maximum} points possible here; the grades are out of {number(possible)}"]
    return []


def _gradebook_text(book: _Gradebook) -> str:
    front = _front(book.rows[0])
    text = io.StringIO()
    table = csv.writer(text, delimiter=book.delimiter, lineterminator="\n")
    for row in book.rows:
        table.writerow([plain_cell(cell) if i < front else cell for i, cell in enumerate(row)])
    return text.getvalue()


# ---- learners


def _rows_of(rows: list[list[str]], learner: dict) -> list[int]:
    """The rows of a submission's learner, or of its group; none if they are not there, or do not agree."""
    users, logins, ids = (str(learner.get(key) or "").split(", ") for key in ("user", "email", "id"))
    own_logins = str(learner.get("login") or "").split(", ")
    if learner.get("canvas"):
        found = _rows_with(rows, "ID", [str(learner["canvas"])])
    elif learner.get("email"):  # from Gradescope, where a user's number is the student id, or from the class's list
        found = _rows_with(rows, "SIS User ID", users + ids)
        found |= _rows_with(rows, "SIS Login ID", users + logins + own_logins)
    elif any(users):
        found = _rows_with(rows, "ID", users)
    else:
        found = _rows_with(rows, "SIS User ID", ids) | _rows_with(rows, "SIS Login ID", own_logins)
    return sorted(found) if len(found) <= max(map(len, (users, logins, ids))) else []


def _rows_with(rows: list[list[str]], title: str, values: Iterable[str]) -> set[int]:
    """The rows that have one of the values in a column; numbers may look as a spreadsheet has saved them."""
    columns = Table("", rows[0], []).columns(title)
    if not columns:
        return set()
    ids = Ids((cell(row, columns[0]), i) for i, row in enumerate(rows[1:], 1))
    return set().union(*(ids.rows(value) for value in values))


def _who(learner: dict) -> str:
    known = [f"{key} {learner[key]}" for key in ("name", "user", "email") if learner.get(key)]
    return ", ".join(known) or "the submission does not say whose it is"
