"""Grades for other programs: CSV, Gradescope, a Canvas gradebook, JUnit XML.

Pure functions of the records and the marks for written answers. A submission that could not be graded, or not to the
end, never gets a number in the Canvas file: it is listed in what `write_exports` returns.
"""

import csv
import io
import json
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

from coursekit.grading.reports import pages
from coursekit.grading.reports.pages import counted, number
from coursekit.grading.reports.report import (
    first_line,
    follow_through_sentence,
    is_final,
    left_out,
    next_steps,
    passed,
    status_words,
)
from coursekit.grading.reports.written import marked_answers, plain_cell, read_marks, totals


def write_exports(records, out, canvas=None, column=None, marks=None):
    """Write every export into `out`.

    Parameters
    ----------
    records : list of dict
    out : Path
        Gets grades.csv, junit.xml, gradescope/<id>/results.json and, with `canvas`, canvas.csv.
    canvas : Path, optional
        The gradebook as Canvas exports it; it is not changed.
    column : str, optional
        The column of `canvas` to fill, its whole title or its title without Canvas' number; by default the one that
        names the assignment.

    Returns
    -------
    list of str
        What an instructor should know, a sentence each: who was not found in the gradebook, what has no number yet.
    """
    records = sorted(pages.clean(records), key=lambda record: record["submission"]["id"])
    marks = read_marks(out) if marks is None else marks
    pages.write(Path(out, "grades.csv"), grades_csv(records, marks).encode("utf-8-sig"))
    pages.write(Path(out, "junit.xml"), junit_xml(records))
    for record in records:
        results = json.dumps(gradescope_results(record, marks), indent=1, ensure_ascii=False) + "\n"
        pages.write(Path(out, "gradescope", pages.file_name(record["submission"]["id"]), "results.json"), results)
    if canvas is None:
        return []
    text, notes = fill_canvas(Path(canvas).read_bytes().decode("utf-8-sig"), records, marks, column)
    pages.write(Path(out, "canvas.csv"), text.encode("utf-8-sig"))
    return notes


# ---- CSV


def grades_csv(records, marks):
    """One row for each submission, a column for each question; a grade that does not exist is an empty cell."""
    ids = list(dict.fromkeys(q["id"] for record in records for q in record["questions"]))
    keys = sorted({key for record in records for key in record["submission"]["learner"]})
    rows = io.StringIO()
    table = csv.writer(rows, lineterminator="\n")
    table.writerow(
        ["submission", "file", *(f"learner {key}" for key in keys)]
        + ["state", "reason", "total", "possible", "score", "written", "not marked", *ids, "remarks"]
    )
    for record in records:
        table.writerow([plain_cell(cell) for cell in _grades_row(record, marks, keys, ids)])
    return rows.getvalue()


def _grades_row(record, marks, keys, ids):
    submission = record["submission"]
    written, possible, waiting = totals(record, marks)
    earned = {q["id"]: number(q["earned"]) for q in record["questions"] if q["status"] != "infrastructure error"}
    judged = record["state"] != "infrastructure error"
    return [
        submission["id"],
        submission["name"],
        *(str(submission["learner"].get(key, "")) for key in keys),
        record["state"] if record["state"] != "graded" or is_final(record) else "graded, not final",
        record["reason"],
        number(record["score"] + written) if judged else "",
        number(record["possible"] + possible),
        number(record["score"]) if judged else "",
        number(written),
        str(waiting),
        *(earned.get(question_id, "") for question_id in ids),
        "; ".join(record["remarks"]),
    ]


# ---- Gradescope


def gradescope_results(record, marks):
    """What Gradescope reads from results.json: a test for each question and for each written answer."""
    written, possible, _ = totals(record, marks)
    points, of = record["score"] + written, record["possible"] + possible
    return {
        "score": points,
        "execution_time": round(record["timings"]["total"]),
        "output": "\n".join([first_line(record, points, of), *record["remarks"]]),
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "visibility": "visible",
        "tests": [*_question_tests(record), *_written_tests(record, marks)],
        "extra_data": {"state": record["state"], "settings": record["settings"], "environment": record["environment"]},
    }


def _question_tests(record):
    notebooks = list(dict.fromkeys(q["notebook"] for q in record["questions"]))
    counts = dict.fromkeys(notebooks, 0)
    for q in record["questions"]:
        counts[q["notebook"]] += 1
        told = [f"Likely mistake: {q['mistake']}"] * bool(q["mistake"]) + [follow_through_sentence(q), q["text"]]
        yield {
            "name": f"{q['notebook']}: {q['title']} ({status_words(q)})",
            "number": f"{notebooks.index(q['notebook']) + 1}.{counts[q['notebook']]}",
            "score": q["earned"],
            "max_score": q["points"],
            "status": "passed" if passed(q) else "failed",
            "output": "\n\n".join(filter(None, [*told, "\n".join(next_steps(q, record))])),
            "tags": [q["notebook"], q["id"]],
            "visibility": "visible",
        }


def _written_tests(record, marks):
    for answer in marked_answers(record, marks):
        mark = answer["mark"]
        if mark:
            yield {
                "name": f"{answer['notebook']}: written answer {answer['id']}",
                "score": mark.points,
                "max_score": mark.possible,
                "output": mark.comment,
                "tags": [answer["notebook"], "written"],
                "visibility": "visible",
            }


# ---- JUnit


def junit_xml(records):
    """A test suite for each submission, a test case for each question.

    Only 'ok' passes. What went wrong in running, not in the answer, is an error; nothing is ever 'skipped'.
    """
    root = ET.Element("testsuites")
    for record in records:
        _junit_suite(root, record)
    ET.indent(root, " ")
    return ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"


def _junit_suite(root, record):
    suite = ET.SubElement(root, "testsuite", name=record["submission"]["id"])
    for q in record["questions"]:
        _junit_case(suite, f"{record['assignment']}.{q['notebook']}", q, record["timings"]["questions"].get(q["id"], 0))
    if record["state"] != "graded":
        case = ET.SubElement(suite, "testcase", classname=record["assignment"], name="submission", time="0.000")
        ET.SubElement(case, "error", type=record["state"], message=record["reason"])
    count = {name: len(suite.findall(f"testcase/{name}")) for name in ("failure", "error")}
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(count["failure"]))
    suite.set("errors", str(count["error"]))
    suite.set("skipped", "0")
    suite.set("time", f"{record['timings']['total']:.3f}")


def _junit_case(suite, classname, question, seconds):
    case = ET.SubElement(suite, "testcase", classname=classname, name=question["id"], time=f"{seconds:.3f}")
    if question["status"] == "ok":
        return
    kind = "failure" if question["status"] in ("wrong", "not attempted") else "error"
    message = question["mistake"] or question["failed"] or question["status"]
    through = follow_through_sentence(question)
    node = ET.SubElement(case, kind, type=question["status"], message=message)
    node.text = "\n".join(filter(None, [question["text"], through]))


# ---- Canvas


@dataclass(frozen=True)
class _Gradebook:
    """A gradebook as Canvas exports it: its cells, how they are separated, and which column is to be filled."""

    rows: list
    delimiter: str
    column: int


def fill_canvas(text, records, marks, column=None):
    """Fill one column of a gradebook that Canvas exported; (its text, sentences on what did not fit).

    Learners are found by Canvas' ID, the SIS user id or the login, never by name. Other cells stay as they are,
    except that a text at the front which a spreadsheet would take for a formula gets a ' before it.

    Raises
    ------
    ValueError
        If the text is no gradebook, or the column is not clear; the message lists the columns.
    """
    book = _read_gradebook(text, column, {record["assignment"] for record in records})
    notes, filled = [], {}
    for record in records:
        name, places = record["submission"]["id"], _rows_of(book.rows, record["submission"]["learner"])
        if not places:
            notes.append(f"{name} is not in the gradebook ({_who(record['submission']['learner'])})")
        elif not is_final(record):
            notes.append(f"{name} has no final grade ({record['state']}); its cell is left as it is")
        else:
            notes += _fill_rows(book, places, record, marks, filled)
    return _gradebook_text(book), list(dict.fromkeys(notes))


def _fill_rows(book, places, record, marks, filled):
    name = record["submission"]["id"]
    points, possible, waiting = totals(record, marks)
    for place in places:
        if place in filled:
            yield f"{name} and {filled[place]} belong to one learner of the gradebook; {filled[place]} is filled in"
        else:
            filled[place] = name
            _set(book.rows[place], book.column, number(record["score"] + points))
    if any(left_out(question, record) for question in record["questions"]):
        yield "notebooks were left out of this grading: all grades lack the points for what is answered in them"
    if waiting:
        yield f"{name}: {counted(waiting, 'written answer')} not marked yet, counted as 0"
    yield from _other_maximum(book, record["possible"] + possible)


def _read_gradebook(text, column, assignments):
    head = text.splitlines()[:3]
    delimiter = ";" if sum(line.count(";") for line in head) > sum(line.count(",") for line in head) else ","
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    if not rows or len(rows[0]) < 4 or "Student" not in rows[0][0] or "ID" not in rows[0]:
        raise ValueError("this is no gradebook of Canvas: its first row must begin with Student and have a column ID")
    return _Gradebook(rows, delimiter, _find_column(rows[0], column, assignments))


def _find_column(header, wanted, assignments):
    first = next((i for i, title in enumerate(header) if "Section" in title), 0) + 1
    columns = range(first, len(header))
    if wanted is None:
        names = [re.sub(r"\W|_", "", name).lower() for name in assignments]
        found = [i for i in columns if any(re.search(rf"{n}(?!\d)", _letters(header[i])) for n in names)]
    else:
        found = [i for i in columns if wanted in (header[i], _without_number(header[i]))]
    if len(found) != 1:
        what = wanted or " or ".join(sorted(assignments))
        listed = ", ".join(repr(header[i]) for i in columns)
        raise ValueError(f"{len(found)} columns fit {what!r}; name one of {listed}")
    return found[0]


def _without_number(title):
    return re.sub(r"\s*\(\d+\)$", "", title)


def _letters(title):
    return re.sub(r"\W|_", "", _without_number(title)).lower()


def _rows_of(rows, learner):
    """The rows of a submission's learner, or of its group; none if they are not there, or do not agree."""
    users, logins = (str(learner.get(key) or "").split(", ") for key in ("user", "email"))
    if learner.get("email"):  # from Gradescope, where a user's number is the student id
        places = {*_places(rows, "SIS User ID", users), *_places(rows, "SIS Login ID", users + logins)}
    else:
        places = set(_places(rows, "ID", users))
    return sorted(places) if len(places) <= max(len(users), len(logins)) else []


def _places(rows, title, values):
    if title not in rows[0]:
        return
    column, wanted = rows[0].index(title), {value.strip().lower() for value in values if value.strip()}
    for place, row in enumerate(rows[1:], 1):
        if len(row) > column and row[column].strip().lower() in wanted:
            yield place


def _who(learner):
    known = [f"{key} {learner[key]}" for key in ("name", "user", "email") if learner.get(key)]
    return ", ".join(known) or "the submission does not say whose it is"


def _set(row, column, value):
    row.extend([""] * (column + 1 - len(row)))
    row[column] = value


def _other_maximum(book, possible):
    for row in book.rows[1:3]:
        if row and "Points Possible" in row[0] and len(row) > book.column:
            there = row[book.column].strip().replace(",", ".")
            if re.fullmatch(r"\d+(\.\d+)?", there) and abs(float(there) - possible) > 0.005:
                return [f"Canvas has {there} points possible in this column, the grades are out of {number(possible)}"]
    return []


def _gradebook_text(book):
    front = next((i for i, title in enumerate(book.rows[0]) if "Section" in title), 0) + 1
    text = io.StringIO()
    table = csv.writer(text, delimiter=book.delimiter, lineterminator="\n")
    for row in book.rows:
        table.writerow([plain_cell(cell) if i < front else cell for i, cell in enumerate(row)])
    return text.getvalue()
