"""The page for the class: what needs a human, how the scores are distributed, and which questions are hard.

A pure function of the records and the marks for written answers.
"""

import re
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from coursekit.core.question import Status
from coursekit.files import write_file
from coursekit.grading.late import what_to_do
from coursekit.grading.record import NotebookState, QuestionRecord, Record, State
from coursekit.grading.reports import pages
from coursekit.grading.reports.marks import Marks, marked_answers, read_marks, totals, unknown_marks
from coursekit.grading.reports.pages import counted, duration, megabytes, number
from coursekit.grading.reports.points import grade_of
from coursekit.grading.reports.words import late_sentences, status_words, unconfirmed_claims
from coursekit.judging.misplaced import GRADED_IN
from coursekit.questions import notebook_file

ENOUGH = 20  # judged answers from which on the discrimination of a question means something
BINS = 10
TALLEST = 140  # height of the tallest bar, in the units of the drawing
NOT_JUDGED = (Status.NOT_GRADABLE, Status.NOT_RUN, Status.INFRASTRUCTURE_ERROR)
# The most urgent first.
_URGENCY = (State.INFRASTRUCTURE_ERROR, State.REFUSED, Status.NOT_GRADABLE, "notebook", "late", "remark", "receipt")
# Remarks that may be about an attempt to get round the grading, not about a repair: a person should look.
TAMPERING = re.compile(
    r"\b(tamper\w*|nonce|forged?|link|conftest|pytest\.ini|(site|user)customize|numpy\.py)\b"
    r"|\bcheck_\w+.*\b(changed|edited)"
    rf"|\b{GRADED_IN}\b",  # work in the wrong place, which earned nothing
    re.I,
)


class Note(NamedTuple):
    """What a person should look at and no record says: the kind of thing, and a sentence."""

    what: str
    why: str


def write_class_page(
    records: list[Record], out: str | Path, marks: Marks | None = None, notes: Sequence[Note] = ()
) -> Path:
    """Write `out`/class.html; its path."""
    records = sorted(pages.harmless(records), key=lambda record: record.submission.id)
    marks = read_marks(out) if marks is None else marks
    return write_file(Path(out, "class.html"), pages.fill("class.html", **_view(records, marks, notes)))


def try_class_page(record: Record, marks: Marks) -> None:
    """Raise if the page could not be made of this record."""
    pages.fill("class.html", **_view([pages.harmless(record)], marks))


def _view(records: list[Record], marks: Marks, notes: Sequence[Note] = ()) -> dict:
    graded = [record for record in records if record.state == State.GRADED]
    questions = _question_rows(graded)
    written = _written_rows(graded, marks)
    comparable = {row["key"] for row in written if row["counts"] and not row["open"] and not row["lost"]}
    return {
        "title": f"{', '.join(sorted({record.assignment for record in records}))}: the class",
        "summary": _summary(records, graded),
        "human": _needs_a_human(records, marks, written, notes),
        "histogram": _histogram([_share(record, marks, comparable) for record in graded]),
        "waiting": [row["key"] for row in written if row["key"] not in comparable and row["counts"]],
        "questions": questions,
        "discriminating": any(row["discrimination"] is not None for row in questions),
        "enough": ENOUGH,
        "statuses": Counter(q.status for record in graded for q in record.questions).most_common(),
        "submissions": [_submission_row(record, marks) for record in records],
        "dated": any(record.late for record in records),
        "written": written,
        "remarks": Counter(remark for record in records for remark in record.remarks).most_common(),
        "time": _time_words(records),
    }


# ---- scores


def _share(record: Record, marks: Marks, comparable: set[str]) -> float:
    """The share of the points; of written answers, with those to questions that are marked for everybody."""
    marked = [answer.mark for answer in marked_answers(record, marks) if answer.mark and answer.question in comparable]
    possible = record.possible + sum(marks.possible(question) or 0.0 for question in comparable)
    return record.after_lateness(record.score + sum(mark.points for mark in marked)) / (possible or 1)


def _summary(records: list[Record], graded: list[Record]) -> str:
    line = f"{counted(len(records), 'submission')}, {len(graded)} graded."
    if graded:
        scores = [record.score for record in graded]
        middle = f"median {number(statistics.median(scores))}, mean {number(statistics.mean(scores))}"
        line += f" Score: {middle} of {number(graded[0].possible)} points, without written answers."
    return line


def _histogram(shares: list[float]) -> list[dict]:
    """Bars for equal parts of the score from 0 to 100 %; full marks belong to the last."""
    counts = Counter(min(int(share * BINS + 1e-9), BINS - 1) for share in shares)
    tallest = max(counts.values(), default=1)
    width = 100 // BINS
    return [
        {
            "label": f"{i * width} to {'' if i == BINS - 1 else 'below '}{(i + 1) * width}",
            "start": i * width,
            "count": counts[i],
            "height": round(TALLEST * counts[i] / tallest),
        }
        for i in range(BINS)
    ]


# ---- questions


def _question_rows(graded: list[Record]) -> list[dict]:
    ids = {question.id: question for record in graded for question in record.questions}
    return [_question_row(question, graded) for question in ids.values()]


def _question_row(question: QuestionRecord, graded: list[Record]) -> dict:
    pairs = [(record, q) for record in graded for q in record.questions if q.id == question.id]
    judged = [(record, q) for record, q in pairs if q.status not in NOT_JUDGED]
    missed = [q for _, q in judged if not q.passed]
    reasons = Counter(filter(None, map(_reason, missed))).most_common(1)
    seconds = [seconds for record, q in pairs if (seconds := record.timings.questions.get(q.id)) is not None]
    return {
        "id": question.id,
        "title": question.title,
        "notebook": question.notebook,
        "rate": len(missed) / len(judged) if judged else None,
        "missed": len(missed),
        "judged": len(judged),
        "statuses": Counter(status_words(q) for _, q in pairs if q.status != Status.OK).most_common(),
        "mistake": reasons[0] if reasons else None,
        "seconds": statistics.median(seconds) if seconds else None,
        "discrimination": _discrimination(judged),
    }


def _reason(question: QuestionRecord) -> str:
    return question.mistake or (question.first_wrong and f"first wrong: {question.first_wrong.replace('  ', ': ')}")


def _discrimination(judged: list[tuple[Record, QuestionRecord]]) -> float | None:
    """Point-biserial correlation of a right answer with the score in all other questions; None if it says nothing."""
    if len(judged) < ENOUGH:
        return None
    right = [float(q.passed) for _, q in judged]
    rest = [record.score - q.earned for record, q in judged]
    if len(set(right)) < 2 or len(set(rest)) < 2:
        return None
    return statistics.correlation(right, rest)


# ---- written answers and submissions


def _written_rows(graded: list[Record], marks: Marks) -> list[dict]:
    rows: dict[str, dict] = {}
    for record in graded:
        for answer in marked_answers(record, marks):
            counts = answer.possible is not None
            new = {"key": answer.question, "counts": counts, "total": 0, "blank": 0, "open": 0, "lost": 0}
            row = rows.setdefault(answer.question, new)
            row["total"] += 1
            row["blank"] += answer.is_blank
            row["open"] += answer.is_open
            row["lost"] += bool(answer.lost)
    return [row | {"marked": row["total"] - row["blank"] - row["open"] - row["lost"]} for row in rows.values()]


def _submission_row(record: Record, marks: Marks) -> dict:
    written = totals(record, marks)
    return {
        "id": pages.file_name(record.submission.id),
        "name": record.submission.name,
        "state": record.state_words,
        "score": record.score if record.state == State.GRADED else None,
        "possible": record.possible,
        "written": written if written.possible else None,
        "late": late_sentences(record, grade_of(record, marks)),
        "waiting": written.open,
        "seconds": record.timings.total,
        "memory": record.timings.memory,
        "remarks": len(record.remarks),
    }


def _time_words(records: list[Record]) -> str:
    if not records:
        return ""
    slowest = max(records, key=lambda record: record.timings.total)
    total = sum(record.timings.total for record in records)
    own = sum(record.timings.own_code for record in records)
    return (
        f"Grading took {duration(total)} in all, {duration(own)} of it in the learners' own code. A submission took "
        f"{duration(total / len(records))} on average; the slowest, {slowest.submission.id}, took "
        f"{duration(slowest.timings.total)}.{_memory_words(records)}"
    )


def _memory_words(records: list[Record]) -> str:
    largest = max(records, key=lambda record: record.timings.memory)
    if not largest.timings.memory:
        return ""
    return f" The most memory, {megabytes(largest.timings.memory)}, was used by {largest.submission.id}."


# ---- what needs a human


def _needs_a_human(records: list[Record], marks: Marks, written: list[dict], notes: Sequence[Note]) -> list[dict]:
    """What to look at, why, and where, the most urgent first."""
    rows = [*_doubtful_rows(records), *(_row(note.what, pages.harmless(note.why)) for note in notes)]
    for row in filter(lambda row: row["open"], written):
        why = f"{row['open']} of {row['total']} not marked yet"
        rows.append({"what": "written answers", "why": why, "links": [(row["key"], f"written/{row['key']}.html")]})
    rows += [
        _row("marks", sentence) for sentence in [*marks.problems, *marks.unequal(), *unknown_marks(marks, records)]
    ]
    return rows + [_row("grading", sentence) for sentence in _unequal(records)]


def _row(what: str, why: str, names: tuple[str, ...] = ()) -> dict:
    return {"what": what, "why": why, "links": [(name, f"reports/{name}.html") for name in names]}


def _doubtful_rows(records: list[Record]) -> list[dict]:
    """A row for each doubt, with all submissions that it is about."""
    groups: dict[tuple[str, str], list[str]] = {}
    for record in records:
        for doubt in _doubts(record):
            groups.setdefault(doubt, []).append(pages.file_name(record.submission.id))
    ordered = sorted(groups.items(), key=lambda group: _URGENCY.index(group[0][0]))
    return [_row(what, why, tuple(names)) for (what, why), names in ordered]


def _doubts(record: Record) -> Iterator[tuple[str, str]]:
    """(what, why) pairs of a submission that a person should look at."""
    if record.state != State.GRADED:
        yield record.state, record.reason
        return
    for status in NOT_JUDGED:
        ids = [q.id for q in record.questions if q.status == status and not record.left_out(q)]
        if ids:
            yield status, ", ".join(ids)
    submitted = {file.name for file in record.submission.files}
    for notebook in record.notebooks:
        if notebook.state == NotebookState.BROKEN and notebook_file(notebook.name) in submitted:
            yield "notebook", notebook.reason
    if record.late and record.late.doubt:
        yield "late", what_to_do(record.late)
    if record.late and record.late.refused:
        yield "late", "it came too late and is not accepted: it has no grade"
    yield from (("remark", remark) for remark in record.remarks if TAMPERING.search(remark))
    receipt = record.submission.receipt
    if receipt and not receipt.verified:
        yield "receipt", "; ".join(receipt.problems)
    if claims := unconfirmed_claims(record):
        yield "receipt", claims


def _unequal(records: list[Record]) -> Iterator[str]:
    """Sentences about settings or versions that were not the same for all."""
    used = [vars(record.settings) | record.versions for record in records]
    for name in dict.fromkeys(name for one in used for name in sorted(one)):
        values = Counter(str(one.get(name)) for one in used)
        if len(values) > 1:
            amounts = ", ".join(f"{value} ({amount})" for value, amount in values.most_common())
            yield f"not all submissions were graded alike: {name} is {amounts}"
