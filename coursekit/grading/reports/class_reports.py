"""All that is made of the records of a class."""

from pathlib import Path

from coursekit.grading.record import Record
from coursekit.grading.reports.class_page import write_class_page
from coursekit.grading.reports.exports import write_exports
from coursekit.grading.reports.learner_page import write_learner_page
from coursekit.grading.reports.marks import read_marks
from coursekit.grading.reports.written import write_written_pages


def write_reports(
    records: list[Record], out: str | Path, canvas: Path | None = None, column: str | None = None
) -> list[str]:
    """Write all pages and exports of a class into `out`; notes for the instructor, a sentence each.

    `canvas` and `column` are as `write_exports` takes them.
    """
    marks = read_marks(out)
    for record in records:
        write_learner_page(record, out, marks)
    write_class_page(records, out, marks)
    write_written_pages(records, out, marks)
    return write_exports(records, out, canvas, column, marks)
