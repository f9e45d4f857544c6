"""CSV files that come from outside, as Excel, LibreOffice, pandas and platforms save them: the one reader for all.

The encoding follows a rule: a byte order mark decides; then UTF-8 if that fits; then cp1252, which Excel writes in the
West. The separator is the one that a first line `sep=,` names, or else that of the header: comma, semicolon or tab.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from coursekit.grading.intake.text import listed, short

LARGEST = 50_000_000  # bytes
MOST_TITLES = 30  # in a sentence
LARGEST_CELL = 5_000_000  # characters; a written answer with images has 2,000,000
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SEPARATORS = ",;\t"
_SAYS_SEPARATOR = re.compile(r'"?sep=(?P<separator>[^"\r\n])"?[,;\t]*\r?(?:\n|$)', re.I)
_SAVE = "open it there and save it as CSV (File > Save As > CSV UTF-8)"
_NO_TEXTS = (
    (b"PK\x03\x04", f"is a workbook of Excel or LibreOffice: {_SAVE}"),
    (b"\xd0\xcf\x11\xe0", f"is an old workbook of Excel: {_SAVE}"),
    (b"%PDF", "is a PDF: give the CSV file"),
    (b"<", "is a web page, or XML: download the file again as CSV"),
)
_NUMBER = re.compile(r"(?P<whole>\d+)(?:[.,]0*)?|\d(?:[.,]\d+)?e\+?\d{1,2}", re.I)


class TableError(ValueError):
    """A file that is not the table that is wanted; the message is one sentence with the file, the line and the fix."""


@dataclass(frozen=True)
class Table:
    """A table with a header.

    `header` are the titles; `rows` pairs of (line in the file, cells), without rows that are blank; `name` is that of
    the file, for messages; `separator` is what stands between its cells.
    """

    name: str
    header: list[str]
    rows: list[tuple[int, list[str]]]
    separator: str = ","

    def columns(self, *titles: str) -> list[int]:
        """The columns with one of these titles, in the order of the titles; case, spaces and signs do not count."""
        letters = [letters_of(title) for title in self.header]
        return [i for title in titles for i, found in enumerate(letters) if found == letters_of(title)]


def letters_of(title: str) -> str:
    """A title as it is compared: in lower case, its letters and digits alone.

    Examples
    --------
    >>> letters_of("SIS User-ID ")
    'sisuserid'
    """
    return re.sub(r"[\W_]", "", title).lower()


def cell(row: list[str], column: int) -> str:
    """A cell without the spaces around it and a ' before it; "" where the row ends before it."""
    return row[column].strip().removeprefix("'").strip() if column < len(row) else ""


def read_table(path: str | Path, what: str = "a CSV file") -> Table:
    """Read a file.

    Parameters
    ----------
    path : Path
    what : str
        What it should be, for messages: "the gradebook that Canvas exported".

    Returns
    -------
    Table

    Raises
    ------
    TableError
        If there is no such file, or it is no table.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        reason = f"{type(error).__name__}: {error.strerror}" if error.strerror else str(error)
        raise TableError(f"{short(str(path))} cannot be read ({reason}); give the path of {what}.") from error
    if len(data) > LARGEST:
        raise TableError(f"{short(path.name)} has more than {LARGEST // 1_000_000} MB; give {what}.")
    return table_of(decoded(data, path.name, what), path.name, what)


def decoded(data: bytes, name: str, what: str = "a CSV file") -> str:
    """The text of a file, by the rule at the top of this module; `TableError` if it is no text."""
    name = short(name)
    for beginning, told in _NO_TEXTS:
        if data.lstrip().startswith(beginning):
            raise TableError(f"{name} {told}.")
    encoding = next((encoding for mark, encoding in _MARKS if data.startswith(mark)), "")
    try:
        return data.decode(encoding) if encoding else _without_mark(data)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        told = f"line {line} is not in {encoding or 'UTF-8 or cp1252'}"
        raise TableError(f"{name}: {told}; save {what} as CSV UTF-8.") from error


def _without_mark(data: bytes) -> str:
    if b"\0" in data:
        raise UnicodeDecodeError("utf-8", data, data.index(b"\0"), len(data), "it contains zero bytes")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252")


def table_of(text: str, name: str, what: str = "a CSV file") -> Table:
    """The table in a text; `TableError` if there is none."""
    name, skipped = short(name), 0
    if found := _SAYS_SEPARATOR.match(text):
        text, skipped = text[found.end() :], 1
    separator = found["separator"] if found else _separator(text)
    rows = [(line + skipped, row) for line, row in _rows(text, separator, name) if any(c.strip() for c in row)]
    if not rows:
        raise TableError(f"{name} is empty; give {what}.")
    return Table(name, rows[0][1], rows[1:], separator)


def _separator(text: str) -> str:
    """The one that the first line which is not blank has most of, outside of quotes."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    bare = re.sub(r'"[^"]*"', "", first)
    return max(_SEPARATORS, key=bare.count)  # a comma where there is none: it is one column


def _rows(text: str, separator: str, name: str) -> Iterator[tuple[int, list[str]]]:
    """(line on which it begins, cells) of each row."""
    csv.field_size_limit(LARGEST_CELL)
    reader, line = csv.reader(io.StringIO(text, newline=""), delimiter=separator), 1
    try:
        for row in reader:
            yield line, row
            line = reader.line_num + 1
    except csv.Error as error:
        raise TableError(
            f"{name}, line {line}: it is not a row of a CSV file ({error}); save the file again."
        ) from error


# ---- identifiers


def same_id(value: str) -> str:
    """An identifier as it is compared first: without the spaces and the ' of spreadsheets, in lower case.

    Examples
    --------
    >>> same_id(" '0907 "), same_id("Jane.Doe@Example.org")
    ('0907', 'jane.doe@example.org')
    """
    return value.strip().removeprefix("'").strip().casefold()


def loose_id(value: str) -> str:
    """An identifier as it is compared where no other is the same: what spreadsheets do to numbers is undone.

    Examples
    --------
    >>> loose_id("9001.0"), loose_id("9.001E+03"), loose_id("009001"), loose_id("s9001")
    ('9001', '9001', '9001', 's9001')
    """
    plain = same_id(value)
    found = _NUMBER.fullmatch(plain)
    if not found:
        return plain
    whole = found["whole"] or f"{float(plain.replace(',', '.')):.0f}"
    return whole.lstrip("0") or "0"


class Ids:
    """Rows by the identifiers in some of their columns.

    Parameters
    ----------
    pairs : iterable of (str, int)
        An identifier and its row; several rows may have the same one.
    """

    def __init__(self, pairs: Iterable[tuple[str, int]]) -> None:
        self._exact: dict[str, set[int]] = {}
        self._loose: dict[str, set[int]] = {}
        for value, row in pairs:
            if same_id(value):
                self._exact.setdefault(same_id(value), set()).add(row)
                self._loose.setdefault(loose_id(value), set()).add(row)

    def rows(self, value: str) -> set[int]:
        """The rows with an identifier, or, if there is none, with one that a spreadsheet may have made of it."""
        if not same_id(value):
            return set()
        exact = self._exact.get(same_id(value))
        return exact or self._loose.get(loose_id(value), set())


def duplicates(table: Table, column: int) -> str:
    """Rows with the same identifier in a column, in a sentence; "" if there are none."""
    first: dict[str, int] = {}
    for line, row in table.rows:
        value = same_id(undamaged(cell(row, column)))
        if value and value in first:
            told = f"lines {first[value]} and {line} have the same {table.header[column].strip()}"
            return f"{table.name}: {told}, {short(cell(row, column))}; leave one row for each learner."
        first[value] = line
    return ""


def undamaged(value: str) -> str:
    """An identifier, with what a spreadsheet has plainly done to a number undone.

    Examples
    --------
    >>> undamaged("9001.0"), undamaged("007"), undamaged("Jane.Doe")
    ('9001', '007', 'Jane.Doe')
    """
    return loose_id(value) if re.search("[.,e]", value, re.I) and _NUMBER.fullmatch(value) else value


def require(table: Table, title: str, what: str) -> int:
    """The one column with a title; `TableError` if there is none, or several."""
    found = table.columns(title)
    if len(found) != 1:
        titles = listed((repr(name) for name in table.header if name.strip()), MOST_TITLES)
        told = f"{len(found) or 'no'} column{'s' * (len(found) > 1)} {'are' if len(found) > 1 else 'is'} called {title}"
        raise TableError(f"{table.name}, line 1: {told}; give {what}. Its columns: {titles}.")
    return found[0]
