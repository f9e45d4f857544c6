"""The leader board, a CSV file to which people add the line of their best run."""

import csv
import io
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import NamedTuple

from coursekit.paths import ROOT

FILE = ROOT / "leader_board.csv"
DATA = ("built-in images", "CIFAR-10")
SHOWN = ("rank", "accuracy", "minutes", "run")  # few columns, for narrow screens


class Line(NamedTuple):
    """A run, as it stands in the file: its fields are the columns."""

    name: str  # of who made it
    accuracy: float  # on the validation set, of the mean of six views
    minutes: float  # of training
    cores: int  # in use
    processor: str
    data: str
    changed: str  # of the recipe

    def as_csv(self) -> str:
        """The text of the line, without the end of the line."""
        out = io.StringIO()
        csv.writer(out, lineterminator="").writerow(self)
        return out.getvalue()


class BoardError(ValueError):
    """The file cannot be read; the message says where, what is there and what belongs there."""


def read_board(path: Path = FILE) -> list[Line]:
    """Read the file; its lines in their order.

    Raises
    ------
    BoardError
        If a line is malformed.
    """
    rows = csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig")), strict=True)
    lines: list[Line] = []
    try:
        columns = next(rows, [])
        if columns != list(Line._fields):
            raise ValueError(f"the columns are {', '.join(columns) or 'missing'}; expected {', '.join(Line._fields)}")
        lines += [_line_of(row) for row in rows if row]
    except (ValueError, csv.Error) as error:
        raise BoardError(f"{path.name}, line {rows.line_num}: {error}.") from None
    return lines


def _line_of(row: list[str]) -> Line:
    """The line of a row of texts; ValueError says what is wrong with it."""
    if len(row) != len(Line._fields):
        wanted = f"expected {len(Line._fields)}: {', '.join(Line._fields)}; a text with a comma is quoted"
        raise ValueError(f"there are {len(row)} values, {wanted}")
    texts = dict(zip(Line._fields, (text.strip() for text in row), strict=True))
    if missing := [column for column, text in texts.items() if not text]:
        raise ValueError(f"{missing[0]} is empty")
    if texts["data"] not in DATA:
        raise ValueError(f"data is {texts['data']!r}, expected {' or '.join(DATA)}")
    return Line(
        texts["name"],
        _number("accuracy", texts["accuracy"], most=1),
        _number("minutes", texts["minutes"]),
        _cores(texts["cores"]),
        texts["processor"],
        texts["data"],
        texts["changed"],
    )


def _number(column: str, text: str, most: float = float("inf")) -> float:
    wanted = "a number from 0 to 1, such as 0.914" if most == 1 else "a number that is not negative"
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not 0 <= number <= most or number == float("inf"):
        raise ValueError(f"{column} is {text!r}, expected {wanted}")
    return number


def _cores(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"cores is {text!r}, expected a whole number, 1 or more")
    return int(text)


def ranked(lines: Iterable[Line]) -> list[Line]:
    """The lines from the highest accuracy to the lowest; of equal ones the shortest run is first, then the earliest."""
    return sorted(lines, key=lambda line: (-line.accuracy, line.minutes))


def show_board(own: Line, path: Path = FILE) -> None:
    """Show the runs on the same data with one's own among them, and its line for the file."""
    from IPython.display import HTML, display

    lines = ranked([*(line for line in read_board(path) if line.data == own.data), own])
    line = f'<pre style="white-space: pre-wrap">{escape(own.as_csv(), quote=False)}</pre>'
    display(HTML(f"{_table(lines, own)}<p>Your line for {path.name}:</p>{line}"))


def _table(lines: list[Line], own: Line) -> str:
    """The lines as a table in HTML; the own one is in bold type and says so."""
    rows = [_row("th", SHOWN)]
    for rank, line in enumerate(lines, 1):
        about = f"{line.name}{' (this run)' if line is own else ''}, cores: {line.cores}, changed: {line.changed}"
        texts = (str(rank), f"{line.accuracy:.4f}", f"{line.minutes:.3f}", about)
        rows.append(_row("td", texts, is_bold=line is own))
    return f"<table><caption>Leader board for {own.data}</caption>{''.join(rows)}</table>"


def _row(kind: str, texts: Iterable[str], is_bold: bool = False) -> str:
    """A row of cells "th" or "td": numbers to the right, the text to the left."""
    cells = []
    for column, text in zip(SHOWN, texts, strict=True):
        side = "left" if column == SHOWN[-1] else "right"
        content = f"<b>{escape(text)}</b>" if is_bold else escape(text)
        cells.append(f'<{kind} style="text-align: {side}; padding: 0.2em 0.5em">{content}</{kind}>')
    return f"<tr>{''.join(cells)}</tr>"
