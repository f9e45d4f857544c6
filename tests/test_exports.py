"""Grades for other programs: what is in each file, and that each program can take it."""

import csv
import io
import json
import os
import stat
import subprocess
import sys
import xml.etree.ElementTree as ET
import zipfile
from dataclasses import replace

import pytest
import records
from records import gap_of, with_submission

from coursekit.grading.autograder import write_autograder, write_zip
from coursekit.grading.reports.canvas import fill_canvas
from coursekit.grading.reports.exports import grades_csv, gradescope_results, junit_xml, write_exports
from coursekit.grading.reports.marks import Mark, Marks, answer_key
from coursekit.grading.reports.written import plain_cell
from coursekit.paths import ROOT

NO_MARKS = Marks({})


@pytest.fixture(scope="module")
def few():
    return records.few()


def table(text):
    return list(csv.DictReader(io.StringIO(text)))


# ---- CSV


def test_grades_csv(few):
    rows = table(grades_csv(few, NO_MARKS))
    assert [row["submission"] for row in rows] == [f"submission_{i}" for i in range(1, 9)]
    assert [row["state"] for row in rows[4:]] == ["graded", "graded, not final", "refused", "infrastructure error"]
    assert [row["total"] for row in rows] == ["78", "74", "70", "67", "73", "71", "0", ""]
    assert rows[1]["knn_two_loops"] == "0" and rows[1]["two_layer_net_loss"] == "2"
    assert rows[5]["linear_classifier_train"] == "" and rows[5]["knn_cross_validation"] == "0"
    assert rows[0]["learner user"] == "9001" and rows[0]["not marked"] == "1"


def test_grades_csv_to_the_byte(few):
    few = [replace(record, questions=record.questions[:2]) for record in few[1:3]]
    assert grades_csv(few, NO_MARKS) == (
        "submission,file,learner name,learner user,state,reason,total,possible,score,written,not marked,"
        "knn_two_loops,knn_predict_labels,remarks\n"
        "submission_2,submission_2.zip,submission_2,9002,graded,,2,78,2,0,1,0,2,"
        "knn.ipynb: Cell check_knn_two_loops: came changed.\n"
        "submission_3,submission_3.zip,submission_3,9003,graded,,2,78,2,0,2,0,2,\n"
    )


def test_marks_count(few):
    record = few[0]
    key = answer_key(record, record.written[1])
    marks = Marks({key: Mark("softmax-answer_start", 2.5, 3.0)})
    row = table(grades_csv([record], marks))[0]
    assert (row["total"], row["possible"], row["score"], row["written"]) == ("80.5", "81", "78", "2.5")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "\n=1"])
def test_no_text_is_a_formula(few, text):
    record = with_submission(records.make(9, remarks=[text], reason=text), name=text, learner={"name": text})
    row = table(grades_csv([record], NO_MARKS))[0]
    for name in ("file", "learner name", "reason", "remarks"):
        assert row[name].startswith("'"), name
    assert plain_cell("a = b") == "a = b"


def test_quotes_and_commas_stay_in_their_cell():
    record = records.make(9, remarks=['a "quoted" thing, and\na second line'])
    assert table(grades_csv([record], NO_MARKS))[0]["remarks"] == 'a "quoted" thing, and\na second line'


# ---- Gradescope


def test_gradescope(few):
    results = json.loads(json.dumps(gradescope_results(few[1], NO_MARKS)))
    assert results["score"] == 74 and results["execution_time"] == 40
    assert sum(test["score"] for test in results["tests"]) == 74
    assert sum(test["max_score"] for test in results["tests"]) == 78
    first = results["tests"][0]
    assert first["name"] == "knn: Distances with two loops (wrong)"
    assert (first["number"], first["status"], first["score"], first["max_score"]) == ("1.1", "failed", 0, 2)
    assert (
        "Likely mistake: dists is the square" in first["output"] and gap_of(few[1], "knn_two_loops") in first["output"]
    )
    through = next(t for t in results["tests"] if "two_layer_net_loss" in t["tags"])
    assert through["status"] == "passed" and through["score"] == 2
    assert set(results) <= {
        *("score", "execution_time", "output", "output_format", "test_output_format", "test_name_format"),
        *("visibility", "stdout_visibility", "extra_data", "tests", "leaderboard"),
    }


def test_gradescope_of_a_refused_one(few):
    results = gradescope_results(few[6], NO_MARKS)
    assert results["score"] == 0 and results["output"].startswith(
        "This submission was not graded: The zip has a member"
    )


def test_gradescope_shows_marks(few):
    record = few[0]
    marks = Marks({answer_key(record, record.written[0]): Mark("knn-answer_preprocessing", 1.0, 2.0, "why?")})
    results = gradescope_results(record, marks)
    assert results["tests"][-1]["output"] == "why?" and results["tests"][-1]["max_score"] == 2
    assert results["score"] == 79 == sum(test["score"] for test in results["tests"])


# ---- JUnit


def test_junit(few):
    root = ET.fromstring(junit_xml(few))
    suites = {suite.get("name"): suite for suite in root}
    assert [suites[f"submission_{i}"].get("tests") for i in (1, 7, 8)] == ["30", "1", "1"]
    counts = [tuple(suites[f"submission_{i}"].get(k) for k in ("failures", "errors", "skipped")) for i in range(1, 9)]
    # wrong and not attempted are failures, all else that is not ok an error
    assert counts[0] == ("0", "0", "0") and counts[1] == ("3", "0", "0") and counts[2] == ("2", "1", "0")
    assert counts[4] == ("1", "1", "0") and counts[5] == ("0", "2", "0") and counts[6] == counts[7] == ("0", "1", "0")
    failure = suites["submission_2"].find("testcase[@name='knn_two_loops']/failure")
    assert failure.get("message").startswith("dists is the square") and gap_of(few[1], "knn_two_loops") in failure.text
    assert suites["submission_3"].find("testcase[@name='linear_classifier_train']/error").get("type") == "timed out"


def test_junit_is_well_formed_whatever_is_in_it(tmp_path):
    record = records.make(9, ["two_loops_squared"], remarks=["]]>"])
    record.questions = [
        replace(q, text="]]></failure>\x00\x1b\ud800\ufffe&<", mistake="\"'<\x0b" * bool(q.mistake))
        for q in record.questions
    ]
    write_exports([record], tmp_path)
    root = ET.parse(tmp_path / "junit.xml").getroot()
    assert "]]></failure>" in root.find(".//failure").text


# ---- Canvas

HEADER = "Student,ID,SIS User ID,SIS Login ID,Section,Assignment 1 (4711),Assignment 10 (4712),Final Score\n"
BOOK = HEADER + (
    "    Points Possible,,,,,78,50,(read only)\n"
    '"One, Student",9001,s1,one@x.invalid,"A, B",,7,\n'
    "Student Two,9002,s2,two@x.invalid,B,12,-,\n"
    "=HYPERLINK(1),9999,s9,nine@x.invalid,B,3,EX,\n"
)


def canvas_row(text, user):
    rows = list(csv.reader(io.StringIO(text)))
    return next(row for row in rows if row[1] == user)


def test_canvas_by_id(few):
    text, notes = fill_canvas(BOOK, few, NO_MARKS)
    assert text == HEADER + (
        "    Points Possible,,,,,78,50,(read only)\n"
        '"One, Student",9001,s1,one@x.invalid,"A, B",78,7,\n'
        "Student Two,9002,s2,two@x.invalid,B,74,-,\n"
        "'=HYPERLINK(1),9999,s9,nine@x.invalid,B,3,EX,\n"
    )
    assert "submission_3 is not in the gradebook (name submission_3, user 9003)" in notes
    assert "submission_1: 1 written answer not marked yet, counted as 0" in notes


@pytest.mark.parametrize(
    ("learner", "user"),
    [
        ({"user": "s1", "email": "other@x.invalid"}, "9001"),
        ({"user": "", "email": "TWO@x.invalid"}, "9002"),
        ({"email": "two@x.invalid"}, "9002"),
        ({"user": "s1, s2", "email": "one@x.invalid, two@x.invalid"}, "9002"),  # a group
    ],
)
def test_canvas_by_sis_id_and_login(learner, user):
    record = with_submission(records.make(9), learner=learner)
    assert canvas_row(fill_canvas(BOOK, [record], NO_MARKS)[0], user)[5] == "78"


@pytest.mark.parametrize(
    "learner",
    [
        {"name": "Student Two"},  # a name is not enough
        {"user": "9001", "email": "nobody@x.invalid"},  # Gradescope's student number is not Canvas' ID
        {"user": "s1", "email": "two@x.invalid"},  # two learners at once
    ],
)
def test_canvas_fills_nobody_else(learner):
    record = with_submission(records.make(9), learner=learner)
    text, notes = fill_canvas(BOOK, [record], NO_MARKS)
    assert [canvas_row(text, user)[5] for user in ("9001", "9002", "9999")] == ["", "12", "3"]
    assert notes[0].startswith("submission_9 is not in the gradebook")


def test_canvas_gets_no_number_that_is_not_final(few):
    book = HEADER + "".join(f"S,900{i},,,A,keep,,\n" for i in range(1, 9))
    text, notes = fill_canvas(book, few, NO_MARKS)
    assert [canvas_row(text, f"900{i}")[5] for i in (5, 6, 7, 8)] == ["73", "keep", "keep", "keep"]
    assert "submission_7 has no final grade (refused); its cell is left as it is" in notes


def test_canvas_with_semicolons_and_other_points(few):
    book = BOOK.replace('"A, B"', "A").replace('"One, Student"', "One").replace(",", ";").replace(";78;", ";77,5;")
    text, notes = fill_canvas(book, few[:1], NO_MARKS)
    assert "One;9001;s1;one@x.invalid;A;78;7;\n" in text
    assert "Canvas has 77.5 points possible here; the grades are out of 78" in notes


def test_canvas_column_by_name(few):
    text, _ = fill_canvas(BOOK, few, NO_MARKS, "Assignment 10")
    assert canvas_row(text, "9001")[5:7] == ["", "78"]
    with pytest.raises(ValueError, match=r"0 columns match 'Homework'; choose one of 'Assignment 1 \(4711\)'"):
        fill_canvas(BOOK, few, NO_MARKS, "Homework")


def test_canvas_column_must_be_clear(few):
    with pytest.raises(ValueError, match="2 columns match 'assignment1'"):
        fill_canvas(BOOK.replace("Final Score", "assignment1 late"), few, NO_MARKS)


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "Name,ID,x,y\n", "Student;Number;c;d\n"])
def test_no_gradebook(few, text):
    with pytest.raises(ValueError, match="not a Canvas gradebook"):
        fill_canvas(text, few, NO_MARKS)


def test_write_exports(few, tmp_path):
    (tmp_path / "export.csv").write_bytes(BOOK.encode("utf-8-sig"))
    notes = write_exports(few, tmp_path / "out", canvas=tmp_path / "export.csv")
    assert any("submission_3 is not in the gradebook" in note for note in notes)
    made = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*")}
    assert made == {
        *("grades.csv", "canvas.csv", "junit.xml"),
        *(f"gradescope/submission_{i}/results.json" for i in range(1, 9)),
    }
    assert (tmp_path / "out" / "canvas.csv").read_text("utf-8-sig").startswith("Student,ID")


# ---- the zip for Gradescope


@pytest.fixture(scope="module")
def autograder(tmp_path_factory):
    return write_zip(tmp_path_factory.mktemp("zip") / "autograder.zip", "assignment1", seed=7)


def test_autograder_zip(autograder, tmp_path):
    with zipfile.ZipFile(autograder) as archive:
        names = archive.namelist()
        for script in ("setup.sh", "run_autograder"):
            assert archive.getinfo(script).external_attr >> 16 & stat.S_IXUSR
            assert b"\r" not in archive.read(script)
            checked = subprocess.run(["bash", "-n"], input=archive.read(script), capture_output=True)
            assert checked.returncode == 0, checked.stderr
    needed = {
        *(
            "requirements.lock",
            "coursekit/__main__.py",
            "coursekit/judging/answers/assignment1/knn/knn_two_loops.npz",
            "cs231n/layers.py",
        ),
        *("coursekit/grading/reports/templates/learner.html", "assignments/assignment1/knn.ipynb"),
    }
    assert {f"course/{name}" for name in needed} <= set(names)
    assert not [name for name in names if "__pycache__" in name or ".git" in name or "builtin/" in name]
    again = write_zip(tmp_path / "again.zip", "assignment1", seed=7)
    assert again.read_bytes() == autograder.read_bytes()


@pytest.mark.parametrize("ends", ["well", "early"])
def test_run_autograder(autograder, tmp_path, ends):
    """The script as it is, its /autograder moved: results arrive, and something is there when grading ends early."""
    with zipfile.ZipFile(autograder) as archive:
        script = archive.read("run_autograder").decode().replace("/autograder", str(tmp_path))
    python = tmp_path / "source" / "course" / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    (tmp_path / "submission").mkdir()
    (tmp_path / "submission" / "knn.ipynb").write_text("{}")
    grade = (
        '[ -f "$4/submission/knn.ipynb" ] && mkdir -p "$6/gradescope/s" && echo "$@" >"$6/gradescope/s/results.json"'
    )
    python.write_text("#!/bin/sh\n" + (grade if ends == "well" else "kill -9 $$"))
    python.chmod(0o755)
    subprocess.run(["bash", "-c", script], capture_output=True, env=os.environ | {"TMPDIR": str(tmp_path)})
    results = (tmp_path / "results" / "results.json").read_text()
    if ends == "well":
        assert "-m coursekit grade" in results and "--assignment assignment1 --processes 1" in results
    else:
        assert json.loads(results)["output"].startswith("Not graded: grading was stopped early")


def test_marks_of_another_assignment_do_not_reach_gradescope(tmp_path, capsys):
    """Whoever names the folder of another assignment would wait for its marks in vain."""
    (tmp_path / "marks").mkdir()
    (tmp_path / "marks" / "knn.csv").write_text(
        "question,answer,points,possible\nknn-answer_preprocessing,answer-a,1,2\n"
    )
    zipped = tmp_path / "autograder.zip"
    assert write_autograder("assignment2", str(zipped), str(tmp_path)) == 2
    assert "has marks for knn, and none for assignment2" in capsys.readouterr().out and not zipped.exists()
    assert write_autograder("assignment1", str(zipped), str(tmp_path)) == 0


def test_marks_reach_gradescope(tmp_path, capsys):
    """The zip has them; in the container a submission has the id that it has in an export, by which they are found."""
    zipped, grades = tmp_path / "autograder.zip", tmp_path / "grades"
    assert write_autograder("assignment1", str(zipped), str(grades)) == 2
    assert "has no files of marks" in capsys.readouterr().out and not zipped.exists()
    (grades / "marks").mkdir(parents=True)
    (grades / "marks" / "marks-x.json").write_text("{}")
    assert write_autograder("assignment1", str(zipped), str(grades)) == 0
    with zipfile.ZipFile(zipped) as archive:
        archive.extract("marks/marks-x.json", tmp_path / "source")
        script = archive.read("run_autograder").decode().replace("/autograder", str(tmp_path))
    (tmp_path / "submission_metadata.json").write_text('{"users": [{"id": 5}], "id": 123456, "assignment": {"id": 7}}')
    (tmp_path / "submission").mkdir()
    (tmp_path / "submission" / "knn.ipynb").write_text("{}")
    python = tmp_path / "source" / "course" / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    found = "-c 'import sys; from coursekit.grading.intake.sources import survey; " + (
        "print([s.id for s in survey(sys.argv[1], sys.argv[2]).sources])'"
    )
    grade = f"""if [ "$1" = -c ]; then exec {sys.executable} "$@"; fi
ls "$6/marks" >{tmp_path}/seen; for last; do :; done
cd {ROOT}; {sys.executable} {found} "$4" "$last" >>{tmp_path}/seen"""
    python.write_text(f"#!/bin/sh\n{grade}\n")
    python.chmod(0o755)
    subprocess.run(["bash", "-c", script], capture_output=True, env=os.environ | {"TMPDIR": str(tmp_path)})
    assert (tmp_path / "seen").read_text().split("\n")[:2] == ["marks-x.json", "['submission_123456']"]


def test_autograder_of_what_is_no_assignment(tmp_path, capsys):
    assert write_autograder("assignment9", tmp_path / "a.zip") == 2
    assert "The autograder was not written: There is no assignment 'assignment9'" in capsys.readouterr().out
    assert not (tmp_path / "a.zip").exists()


def test_older_command_for_the_autograder(tmp_path):
    """`python -m coursekit.grading.exports` stands in instructors' notes."""
    command = [sys.executable, "-m", "coursekit.grading.exports", "assignment9", str(tmp_path / "a.zip")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 2 and "There is no assignment 'assignment9'" in done.stdout
    done = subprocess.run(command[:-1], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 1 and done.stderr.startswith("usage: ")
