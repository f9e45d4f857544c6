"""Grades for other programs: CSV, Gradescope, a Canvas gradebook, a Moodle worksheet, JUnit XML.

Pure functions of the records and the marks for written answers. A submission without a final grade never gets a number
in the files for Canvas and Moodle; `write_exports` returns a note about it.
"""

import csv
import io
import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from coursekit.core.question import Status
from coursekit.files import write_file
from coursekit.grading.intake.text import plain_cell
from coursekit.grading.record import QuestionRecord, Record, State
from coursekit.grading.reports import pages
from coursekit.grading.reports.canvas import fill_canvas, read_canvas
from coursekit.grading.reports.marks import Marks, marked_answers, read_marks, totals
from coursekit.grading.reports.moodle import fill_worksheet, read_worksheet
from coursekit.grading.reports.pages import number
from coursekit.grading.reports.points import grade_of
from coursekit.grading.reports.words import (
    first_line,
    follow_through_sentence,
    late_sentences,
    next_steps,
    partial_sentence,
    status_words,
)


def write_exports(
    records: list[Record],
    out: str | Path,
    canvas: Path | None = None,
    column: str | None = None,
    marks: Marks | None = None,
    moodle: Path | None = None,
) -> list[str]:
    """Write every export into `out`.

    Parameters
    ----------
    records : list of Record
    out : Path
        Gets grades.csv, junit.xml, gradescope/<id>/results.json, with `canvas` canvas.csv, with `moodle` moodle.csv.
    canvas : Path, optional
        The gradebook as Canvas exports it; it is left unchanged.
    column : str, optional
        The column of `canvas` to fill in, by its title with or without Canvas' number; by default the one that names
        the assignment. Of `moodle`, by default "Grade".
    marks : Marks, optional
    moodle : Path, optional
        The grading worksheet that Moodle hands out; it is left unchanged.

    Returns
    -------
    list of str
        Notes for the instructor, a sentence each: who was not found in the gradebook, and who has no grade yet.
    """
    records = sorted(pages.harmless(records), key=lambda record: record.submission.id)
    marks = read_marks(out) if marks is None else marks
    write_file(Path(out, "grades.csv"), grades_csv(records, marks).encode("utf-8-sig"))
    write_file(Path(out, "junit.xml"), junit_xml(records))
    for record in records:
        results = json.dumps(gradescope_results(record, marks), indent=1, ensure_ascii=False) + "\n"
        write_file(Path(out, "gradescope", pages.file_name(record.submission.id), "results.json"), results)
    notes: list[str] = []
    if canvas is not None:
        text, notes = fill_canvas(read_canvas(canvas), records, marks, column)
        write_file(Path(out, "canvas.csv"), text.encode("utf-8-sig"))
    if moodle is not None:
        text, more = fill_worksheet(read_worksheet(moodle, column), records, marks)
        write_file(Path(out, "moodle.csv"), text.encode("utf-8-sig"))
        notes += more
    return notes


def try_exports(record: Record, marks: Marks) -> None:
    """Raise if the exports could not be made of this record."""
    record = pages.harmless(record)
    grades_csv([record], marks).encode()
    junit_xml([record])
    json.dumps(gradescope_results(record, marks), ensure_ascii=False).encode()


# ---- CSV


def grades_csv(records: list[Record], marks: Marks) -> str:
    """One row for each submission, a column for each question and each written one that counts.

    A grade that does not exist, or a mark, is an empty cell.
    """
    ids = list(dict.fromkeys(q.id for record in records for q in record.questions))
    keys = sorted({key for record in records for key in record.submission.learner})
    asked = list(dict.fromkeys(q for a in {record.assignment: 0 for record in records} for q in marks.counted(a)))
    rows = io.StringIO()
    table = csv.writer(rows, lineterminator="\n")
    late = _LATE if any(record.late for record in records) else ()
    table.writerow(
        ["submission", "file", *(f"learner {key}" for key in keys)]
        + ["state", "reason", "total", "possible", "score", "written", "not marked"]
        + [*late, *ids, *asked, "remarks"]
    )
    for record in records:
        table.writerow([plain_cell(cell) for cell in _grades_row(record, marks, keys, [*ids, *asked], bool(late))])
    return rows.getvalue()


_LATE = ("before lateness", "days late", "late days used", "lateness")


def _late_cells(record: Record, marks: Marks) -> list[str]:
    """Points before lateness, days late, late days used, and all of it in words."""
    grade = grade_of(record, marks)
    if not record.late:
        return [""] * len(_LATE)
    return [number(grade.in_time), str(record.late.days), str(record.late.used), late_sentences(record, grade)]


def _grades_row(record: Record, marks: Marks, keys: list[str], columns: list[str], with_late: bool) -> list[str]:
    submission = record.submission
    marked = {answer.question: number(answer.mark.points) for answer in marked_answers(record, marks) if answer.mark}
    written = totals(record, marks)
    earned = {q.id: number(q.earned) for q in record.questions if q.status != Status.INFRASTRUCTURE_ERROR}
    judged = record.state != State.INFRASTRUCTURE_ERROR
    return [
        submission.id,
        submission.name,
        *(str(submission.learner.get(key, "")) for key in keys),
        record.state_words,
        record.reason,
        number(grade_of(record, marks).points) if judged and not (record.late and record.late.refused) else "",
        number(record.possible + written.possible),
        number(record.score) if judged else "",
        number(written.points),
        str(written.open),
        *(_late_cells(record, marks) if with_late else ()),
        *((earned | marked).get(column, "") for column in columns),
        "; ".join(record.remarks),
    ]


# ---- Gradescope


def gradescope_results(record: Record, marks: Marks) -> dict:
    """What Gradescope reads from results.json: a test for each question and for each written answer."""
    grade = grade_of(record, marks)
    points, possible = grade.points, grade.possible
    late = [late_sentences(record, grade)] if record.late else []
    return {
        "score": points,
        "execution_time": 10 * round(record.timings.total / 10),  # learners see it: no finer than on their page
        "output": "\n".join(
            filter(None, [first_line(record, points, possible), *late, grade.reservation, *record.remarks])
        ),
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "visibility": "visible",
        "tests": [*_question_tests(record), *_written_tests(record, marks)],
        "extra_data": {"state": record.state, "settings": asdict(record.settings), "environment": record.versions},
    }


def _question_tests(record: Record) -> Iterator[dict]:
    notebooks = list(dict.fromkeys(q.notebook for q in record.questions))
    counts = dict.fromkeys(notebooks, 0)
    for q in record.questions:
        counts[q.notebook] += 1
        told = [f"Likely mistake: {q.mistake}"] * bool(q.mistake) + [
            follow_through_sentence(q),
            partial_sentence(q),
            q.text,
        ]
        yield {
            "name": f"{q.notebook}: {q.title} ({status_words(q)})",
            "number": f"{notebooks.index(q.notebook) + 1}.{counts[q.notebook]}",
            "score": q.earned,
            "max_score": q.points,
            "status": "passed" if q.passed else "failed",
            "output": "\n\n".join(filter(None, [*told, "\n".join(next_steps(q, record))])),
            "tags": [q.notebook, q.id],
            "visibility": "visible",
        }


def _written_tests(record: Record, marks: Marks) -> Iterator[dict]:
    for marked in marked_answers(record, marks):
        answer, mark = marked.answer, marked.mark
        if marked.possible is not None:
            yield {
                "name": f"{answer.notebook}: written answer {answer.id}",
                "score": mark.points if mark else 0.0,
                "max_score": marked.possible,
                "output": mark.told if mark else marked.lost or "Not marked yet.",
                "tags": [answer.notebook, "written"],
                "visibility": "visible",
            }


# ---- JUnit


def junit_xml(records: list[Record]) -> bytes:
    """A test suite for each submission, a test case for each question.

    Only 'ok' passes. A problem with running, as opposed to a wrong answer, is an error; nothing is ever 'skipped'.
    """
    root = ET.Element("testsuites")
    for record in records:
        _junit_suite(root, record)
    ET.indent(root, " ")
    return ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"


def _junit_suite(root: ET.Element, record: Record) -> None:
    suite = ET.SubElement(root, "testsuite", name=record.submission.id)
    for q in record.questions:
        _junit_case(suite, f"{record.assignment}.{q.notebook}", q, record.timings.questions.get(q.id, 0))
    if record.state != State.GRADED:
        case = ET.SubElement(suite, "testcase", classname=record.assignment, name="submission", time="0.000")
        ET.SubElement(case, "error", type=record.state, message=record.reason)
    count = {name: len(suite.findall(f"testcase/{name}")) for name in ("failure", "error")}
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(count["failure"]))
    suite.set("errors", str(count["error"]))
    suite.set("skipped", "0")
    suite.set("time", f"{record.timings.total:.3f}")


def _junit_case(suite: ET.Element, classname: str, question: QuestionRecord, seconds: float) -> None:
    case = ET.SubElement(suite, "testcase", classname=classname, name=question.id, time=f"{seconds:.3f}")
    if question.status == Status.OK:
        return
    kind = "failure" if question.status in (Status.WRONG, Status.NOT_ATTEMPTED) else "error"
    message = question.mistake or question.first_wrong or question.status
    through = follow_through_sentence(question)
    node = ET.SubElement(case, kind, type=question.status, message=message)
    node.text = "\n".join(filter(None, [question.text, through]))
