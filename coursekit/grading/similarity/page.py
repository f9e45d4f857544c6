"""The page and the table about what submissions have in common. Both are for teachers alone."""

import csv
import io
import statistics
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path

from coursekit.files import write_file
from coursekit.grading.intake.text import plain_cell
from coursekit.grading.reports import pages
from coursekit.grading.similarity.pairs import MOST_SHARING, Comparison, Match, Pair
from coursekit.grading.similarity.works import Work

MOST_SHOWN, MOST_MATCHES, MOST_LINES = 30, 6, 70  # pairs side by side, parts of each, and lines of a part
_COLUMNS = ("first", "second", "evidence", "share of first", "share of second", "parts")


def write_similarity(comparison: Comparison, out: str | Path, notes: Sequence[str] = ()) -> tuple[Path, Path]:
    """Write `out`/similarity.html and `out`/similarity.csv; the two paths."""
    page = write_file(Path(out, "similarity.html"), pages.fill("similarity.html", **_view(comparison, notes)))
    return page, write_file(Path(out, "similarity.csv"), _table(comparison).encode("utf-8-sig"))


def _view(comparison: Comparison, notes: Sequence[str]) -> dict:
    amounts = [pair.evidence for pair in comparison.pairs]
    return {
        "title": "Similar submissions",
        "compared": comparison.compared,
        "pairs": [_row(pair) for pair in comparison.pairs],
        "median": statistics.median(amounts) if amounts else 0.0,
        "shown": [_side_by_side(pair) for pair in comparison.pairs[:MOST_SHOWN]],
        "left_out": [f"{pair.first.label} and {pair.second.label}" for pair in comparison.left_out],
        "most_sharing": MOST_SHARING,
        "notes": pages.harmless(list(notes)),
    }


def _row(pair: Pair) -> dict:
    return {
        "works": [_work(pair.first), _work(pair.second)],
        "evidence": pair.evidence,
        "shares": [round(100 * share) for share in pair.shares],
        "parts": len(pair.matches),
    }


def _work(work: Work) -> dict:
    link = "" if work.earlier else f"reports/{pages.file_name(work.id)}.html"
    return {"label": work.label, "link": link, "name": work.name if work.name != work.id else ""}


# ---- side by side


def _side_by_side(pair: Pair) -> dict:
    return _row(pair) | {
        "matches": [_match(match) for match in pair.matches[:MOST_MATCHES]],
        "more": max(0, len(pair.matches) - MOST_MATCHES),
    }


def _match(match: Match) -> dict:
    sides = ((match.first, match.in_first), (match.second, match.in_second))
    return {
        "evidence": match.evidence,
        "sides": [{"title": part.title, **_lines(part.text, spans)} for part, spans in sides],
    }


def _lines(text: str, spans: list[tuple[int, int]]) -> dict:
    """The lines of a text around its marked stretches, and how many are left out before and after them."""
    lines = list(_marked_lines(text, spans))
    first = max(0, next((i for i, line in enumerate(lines) if line["marked"]), 0) - 2)
    last = max((i for i, line in enumerate(lines) if line["marked"]), default=0) + 3
    shown = lines[first : min(last, first + MOST_LINES)]
    return {"lines": shown, "before": first, "after": len(lines) - first - len(shown)}


def _marked_lines(text: str, spans: list[tuple[int, int]]) -> Iterator[dict]:
    """Each line in pieces, which are marked or not."""
    starts = [start for start, _ in spans]
    at = 0
    for line in text.split("\n"):
        end = at + len(line)
        here = end - len(line.lstrip())  # what is in front of a line is not marked
        pieces = [(line[: here - at], False)]
        for start, stop in spans[max(0, bisect_right(starts, at) - 1) :]:
            if start >= end:
                break
            begin, until = max(start, here), min(stop, end)
            if begin < until:
                pieces += [(line[here - at : begin - at], False), (line[begin - at : until - at], True)]
                here = until
        pieces.append((line[here - at :], False))
        kept = [piece for piece in pieces if piece[0]]
        yield {"pieces": kept, "marked": any(marked for _, marked in kept)}
        at = end + 1


# ---- the table


def _table(comparison: Comparison) -> str:
    rows = io.StringIO()
    table = csv.writer(rows, lineterminator="\n")
    table.writerow(_COLUMNS)
    for pair in comparison.pairs:
        shares = [f"{share:.2f}" for share in pair.shares]
        parts = "; ".join(_title(match) for match in pair.matches[:MOST_SHOWN])
        cells = [pair.first.label, pair.second.label, f"{pair.evidence:.1f}", *shares, parts]
        table.writerow([plain_cell(cell) for cell in cells])
    return rows.getvalue()


def _title(match: Match) -> str:
    first, second = match.first.title, match.second.title
    return first if first == second else f"{first} / {second}"
