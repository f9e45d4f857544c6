"""All that is made of the records of a class."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from coursekit.grading.intake.sources import Survey
from coursekit.grading.intake.text import listed, short, why
from coursekit.grading.late import Dates, with_lateness, without_submission, write_used
from coursekit.grading.record import Record
from coursekit.grading.reports.class_page import Note, try_class_page, write_class_page
from coursekit.grading.reports.exports import try_exports, write_exports
from coursekit.grading.reports.feedback import write_feedback
from coursekit.grading.reports.learner_page import write_learner_page
from coursekit.grading.reports.marks import Marks, read_marks
from coursekit.grading.reports.written import try_written_pages, write_written_pages

MOST_FILES = 100  # that are named because they are not submissions


def write_reports(
    records: list[Record],
    out: str | Path,
    canvas: Path | None = None,
    column: str | None = None,
    others: Sequence[str] | Mapping[str, str] = (),
    problems: Sequence[str] = (),
    found: Survey | None = None,
    moodle: Path | None = None,
    dates: Dates | None = None,
) -> list[str]:
    """Write all pages and exports of a class into `out`; notes for the instructor, a sentence each.

    `canvas`, `column` and `moodle` are as `write_exports` takes them; `others` are the files that are no submissions,
    if need be with the reason for each, `problems` what was wrong with records that could not be read, `found` is where
    the submissions are, `dates` say when the assignment was due. A record from which no report can be made is left out
    and named.
    """
    marks = read_marks(out)
    records = [with_lateness(record, dates) for record in records]
    failures = {id(record): failure for record in records if (failure := _write_own(record, out, marks))}
    sound = [record for record in records if id(record) not in failures]
    notes = [Note("report", problem) for problem in [*problems, *failures.values()]]
    notes += [Note("class", sentence) for sentence in (found.notes if found else ())]
    notes += [
        Note("late", sentence) for sentence in ([*dates.notes, *without_submission(records, dates)] if dates else ())
    ]
    notes += [Note("files", sentence) for sentence in _left_aside(others)]
    write_class_page(sound, out, marks, notes)
    write_written_pages(sound, out, marks)
    if dates:
        write_used(sound, out)
    told = [*(note.why for note in notes), *write_exports(sound, out, canvas, column, marks, moodle)]
    return told + [sentence for sentence in ([write_feedback(found, out)] if found else []) if sentence]


def _left_aside(others: Sequence[str] | Mapping[str, str]) -> Iterator[str]:
    """A sentence for each reason why files are no submissions."""
    reasons = others if isinstance(others, Mapping) else dict.fromkeys(others, "they are not submissions")
    for reason in dict.fromkeys(reasons.values()):
        names = [name for name, why_not in reasons.items() if why_not == reason]
        yield f"Left aside, because {reason}: {listed(names, MOST_FILES)}."


def _write_own(record: Record, out: str | Path, marks: Marks) -> str:
    """Write a learner's page, and try all else that is made of the record; what failed, or ""."""
    try:
        write_learner_page(record, out, marks)
        for attempt in (try_class_page, try_written_pages, try_exports):
            attempt(record, marks)
    except Exception as error:  # one record must not keep the reports of all others from being written
        name = short(record.submission.id)
        return f"{name} is left out of the reports: they cannot be made of its record ({why(error)})."
    return ""
