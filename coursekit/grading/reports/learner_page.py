"""The page for one learner, with a plain-text twin.

A pure function of the record and the marks for written answers. It never shows an input of a hidden check: all it knows
is the text of the verdict.
"""

import re
from dataclasses import asdict
from pathlib import Path
from textwrap import dedent, indent
from textwrap import fill as wrap

from coursekit.core.question import Status
from coursekit.files import write_file
from coursekit.grading.record import (
    CellStatus,
    NotebookRecord,
    NotebookState,
    QuestionRecord,
    Record,
    RecordedSettings,
    State,
)
from coursekit.grading.reports import pages
from coursekit.grading.reports.marks import MarkedAnswer, Marks, marked_answers, read_marks
from coursekit.grading.reports.pages import coarse_duration
from coursekit.grading.reports.phrases import say
from coursekit.grading.reports.points import grade_of
from coursekit.grading.reports.safe_markdown import to_html
from coursekit.grading.reports.words import (
    first_line,
    follow_through_sentence,
    late_sentences,
    look_first,
    next_steps,
    partial_sentence,
    status_words,
    unconfirmed_claims,
)

SIGNS = {
    Status.OK: "✓",
    Status.WRONG: "✗",
    Status.NOT_ATTEMPTED: "○",
    Status.CRASHED: "!",
    Status.TIMED_OUT: "!",
}
_FAILED = (Status.WRONG, Status.CRASHED, Status.TIMED_OUT)
_HEADINGS = {
    Status.OK: "checked",
    Status.NOT_GRADABLE: "why",
    Status.NOT_RUN: "why",
    Status.INFRASTRUCTURE_ERROR: "why",
}
ISOLATION = {
    "bubblewrap": "bubblewrap: no network, read-only system, own process tree, and limits on time, memory and output",
    "limits": "limits on time, memory, processes and output; file system and network are not shielded",
}
EDGES = {"ignore": "shown, without effect on points", "count": "count like the others"}
_MOST_CELLS = 10
_WIDTH = 96
_MISTAKE = re.compile(r"^  likely mistake: .*\n?(    .*\n?)*", re.MULTILINE)


def write_learner_page(record: Record, out: str | Path, marks: Marks | None = None) -> tuple[Path, Path]:
    """Write `out`/reports/<id>.html and its plain-text twin; the two paths."""
    record = pages.harmless(record)
    view = _view(record, read_marks(out) if marks is None else marks)
    stem = Path(out, "reports", pages.file_name(record.submission.id))
    page = write_file(f"{stem}.html", pages.fill("learner.html", **view))
    text = pages.fill("learner.txt", **view, wrap=_wrap, indent=indent)
    return page, write_file(f"{stem}.txt", _squeeze(text))


def _view(record: Record, marks: Marks) -> dict:
    grade = grade_of(record, marks)
    return {
        "title": f"{record.assignment}: {record.submission.id}",
        "record": record,
        "first_line": first_line(record, grade.points, grade.possible),
        "late": late_sentences(record, grade),
        "first": look_first(record) if record.state == State.GRADED else None,
        "notebooks": _by_notebook([_question_view(question, record) for question in record.questions]),
        "written": [_written_view(answer) for answer in marked_answers(record, marks)],
        "waiting": grade.reservation,
        "receipt": _receipt_words(record),
        "runs": [_run_view(run) for run in record.notebooks if run.state != NotebookState.NOT_RUN or run.cells],
        "evidence": _evidence(record),
    }


# ---- questions


def _question_view(question: QuestionRecord, record: Record) -> dict:
    return asdict(question) | {
        "words": status_words(question),
        "sign": SIGNS.get(Status.OK if question.passed else question.status, "?"),
        "colour": "good" if question.passed else "bad" if question.status in _FAILED else "odd",
        "passed": question.passed,
        "heading": say(f"page.{_HEADINGS.get(question.status, 'found')}"),
        # with an earlier answer replaced, what looked like a mistake is none
        "mistake": "" if question.passed else question.mistake,
        "gap": _gap(question),
        "through": " ".join(filter(None, [follow_through_sentence(question), partial_sentence(question)])),
        "steps": next_steps(question, record),
        "seconds": record.timings.questions.get(question.id),
    }


def _gap(question: QuestionRecord) -> str:
    """The verdict's text without what the page says elsewhere: the id, the status, the likely mistake."""
    text = _MISTAKE.sub("", question.text) if question.mistake else question.text
    lines = [line.rstrip() for line in text.splitlines()]
    if lines and lines[0] in (question.id, f"{question.id}: {question.status}"):
        lines = lines[1:]
    if lines and question.status == Status.OK and lines[-1].startswith(f"{question.id}: ok, "):
        lines = lines[:-1]
    return dedent("\n".join(lines)).strip("\n")


def _by_notebook(questions: list[dict]) -> list[dict]:
    groups: dict[str, list[dict]] = {}
    for question in questions:
        groups.setdefault(question["notebook"], []).append(question)
    return [
        {
            "name": name,
            "questions": group,
            "earned": sum(question["earned"] for question in group),
            "points": sum(question["points"] for question in group),
        }
        for name, group in groups.items()
    ]


# ---- the rest of the submission


def _written_view(marked: MarkedAnswer) -> dict:
    return {
        "key": marked.question,
        "words": marked.words,
        "lost": marked.lost,
        "notebook": marked.answer.notebook,
        "id": marked.answer.id,
        "text": marked.answer.text,
        "html": to_html(marked.answer.text),
        "mark": marked.mark,
        "blank": marked.is_blank,
    }


def _receipt_words(record: Record) -> str:
    receipt = record.submission.receipt
    if receipt is None:
        return "It contained no receipt."
    claims = unconfirmed_claims(record)
    told = f" {claims}." if claims else ""
    if receipt.verified:
        return f"The receipt lists the files of this submission.{told}"
    return f"The receipt does not match the submission: {'; '.join(receipt.problems)}.{told}"


def _run_view(run: NotebookRecord) -> dict:
    cells = [cell for cell in run.cells if cell.status in (CellStatus.DIFFERS, CellStatus.ERROR)]
    return {
        "name": run.name,
        "state": run.state,
        "reason": run.reason,
        "shown": cells[:_MOST_CELLS],
        "more": max(0, len(cells) - _MOST_CELLS),
    }


def _evidence(record: Record) -> list[tuple[str, str]]:
    """(what, value) pairs from which the grade can be reproduced."""
    settings, timings = record.settings, record.timings
    pairs = [
        ("submission, SHA-256", record.submission.sha256),
        ("isolation", ISOLATION.get(settings.isolation, settings.isolation)),
        ("share for follow-through", f"{settings.follow_through_share:.0%}"),
        ("cases that are not asked for", EDGES.get(settings.edges, settings.edges)),
        *_own_settings(settings),
        *((name.replace("code", "code of the course, SHA-256"), value) for name, value in record.versions.items()),
        ("graded", timings.started),
        ("grading took", coarse_duration(timings.total)),
        ("of which in your own code", coarse_duration(timings.own_code)),
    ]
    return [(name, str(value)) for name, value in pairs if value != ""]


def _own_settings(settings: RecordedSettings) -> list[tuple[str, str]]:
    """The settings that a course seldom changes, where it did."""
    pairs = [
        ("wrong answers", "earn points for the cases that are right" if settings.partial_credit else ""),
        ("time of questions", f"{settings.question_time:g} times the usual" if settings.question_time != 1 else ""),
        ("time of a cell", f"{settings.cell_seconds:g} s" if settings.cell_seconds else ""),
        ("time of a notebook", f"{settings.notebook_seconds:g} s" if settings.notebook_seconds else ""),
        ("memory", f"{settings.memory_mb} MB" if settings.memory_mb else ""),
    ]
    return [pair for pair in pairs if pair[1]]


# ---- the plain-text twin


def _wrap(text: str, before: str = "", item: bool = False) -> str:
    after = before + "  " * item
    before += "- " * item
    return "\n".join(wrap(line, _WIDTH, initial_indent=before, subsequent_indent=after) for line in text.splitlines())


def _squeeze(text: str) -> str:
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
