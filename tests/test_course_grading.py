"""From a course's rules to the gradebook, by the real commands: six questions, own points, late days, extensions."""

import csv
import json
import os
import subprocess
import sys
from argparse import Namespace

import pytest

from coursekit.__main__ import main
from coursekit.files import pack_zip, unpack_zip
from coursekit.grading import autograder
from coursekit.grading.commands import _settings_of
from coursekit.grading.record import read_record
from coursekit.grading.settings import Settings
from coursekit.paths import ROOT
from coursekit.questions import declared, use_course

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="grading needs Linux")
ASKED = ("affine_forward", "affine_backward", "relu_forward", "relu_backward", "softmax_loss", "sgd")
LEFT_OUT = [q.id for q in declared().values() if q.notebook == "two_layer_net" and q.id not in ASKED]
RULES = f"""
[course]
time_zone = "Europe/Berlin"

[asks]
notebooks = ["two_layer_net"]
leave_out = {json.dumps(LEFT_OUT)}

[points]
affine_forward = 10
sgd = 5

[due]
assignment1 = 2026-10-12T23:59:00

[late]
days = 2
penalty = 0.1
penalty_days = 2
then = "not accepted"
extensions = "extensions.csv"

[grading]
notebooks = "skip"
follow_through = 0.5
partial_credit = true
"""
EXTENSIONS = "username,days\nben,1\n"
BOOK = "Student,ID,SIS Login ID,Section,Assignment 1 (4)\n" + "".join(
    f"{name},{number},{name},A,\n" for number, name in enumerate(("ben", "cat"), 1)
)
PATTERN = r"assignment1-(?P<learner>[a-z]+)-(?P<time>\d+T\d+)"


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """The folder of a class that was released, handed in and graded."""
    folder = tmp_path_factory.mktemp("course")
    (folder / "course.toml").write_text(RULES)
    (folder / "extensions.csv").write_text(EXTENSIONS)
    (folder / "book.csv").write_text(BOOK)
    try:
        assert main(["release", "--out", str(folder / "edition"), "--course", str(folder / "course.toml")]) == 0
        hand_in(folder)
        assert grade(folder) == 0
        yield folder
    finally:
        use_course(None)


def hand_in(folder):
    """What two learners make of the edition: all right, and a mistake, far too late."""
    edition = folder / "edition"
    for name in ("layers.py", "optim.py"):
        (edition / "cs231n" / name).write_bytes((ROOT / "cs231n" / name).read_bytes())
    env = os.environ | {"PYTHONPATH": str(edition), "PATH": ""}  # without a browser, which would print a PDF
    command = [sys.executable, "-m", "coursekit", "submit", "assignment1"]
    told = subprocess.run(command, cwd=edition, env=env, capture_output=True, text=True).stdout
    assert "affine_forward   ok             10 of 10 points" in told
    assert "assignment1 is due 12 October 2026, 23:59 (UTC+02:00)." in told
    packed = (edition / "assignment1.zip").read_bytes()
    files = unpack_zip(packed)
    wrong = files["cs231n/layers.py"].replace(b"out = rows @ w + b", b"out = rows @ w")
    (folder / "in").mkdir()
    (folder / "in" / "assignment1-ben-20261016T1200.zip").write_bytes(packed)
    (folder / "in" / "assignment1-cat-20261101T1200.zip").write_bytes(pack_zip(files | {"cs231n/layers.py": wrong}))


def grade(folder, *more):
    tables = ["--course", folder / "course.toml", "--canvas", folder / "book.csv", "--pattern", PATTERN]
    options = [folder / "in", "--out", folder / "out", "--trust-submissions", "--processes", 1, *tables, *more]
    return main(["grade", *map(str, options)])


def rows(folder, name="grades.csv"):
    with (folder / "out" / name).open(encoding="utf-8-sig", newline="") as file:
        return {row.get("submission") or row["username"]: row for row in csv.DictReader(file)}


def test_points_are_the_courses_and_lateness_takes_off_what_it_says(graded):
    """Ben has a day more and two late days, and pays for one; Cat is too late, and has a mistake."""
    found = rows(graded)
    possible = {row["possible"] for row in found.values()}
    full = 15 + sum(declared()[id_].points for id_ in ASKED if id_ not in ("affine_forward", "sgd"))
    assert possible == {str(full)} and found["ben"]["state"] == "graded"
    assert {id_: row["days late"] for id_, row in found.items()} == {"ben": "3", "cat": "20"}
    assert float(found["ben"]["total"]) == pytest.approx(0.9 * full) and found["ben"]["before lateness"] == str(full)
    assert found["cat"]["total"] == "" and "not accepted" in found["cat"]["lateness"]
    assert float(found["cat"]["before lateness"]) <= full - 5 and found["cat"]["affine_forward"] != "10"
    assert list(found["ben"])[-7:-1] == list(ASKED), "other questions are in the table"


def test_the_gradebook_and_the_late_days_follow(graded):
    """Canvas gets the points after lateness, and no number for what is not accepted; the days used are kept."""
    with (graded / "out" / "canvas.csv").open(encoding="utf-8-sig", newline="") as file:
        entered = {row["Student"]: row["Assignment 1 (4)"] for row in csv.DictReader(file)}
    assert entered == {id_: row["total"] for id_, row in rows(graded).items()}
    used = {id_: row["late days"] for id_, row in rows(graded, "late_days.csv").items()}
    assert used == {"ben": "2", "cat": "0"}


def test_pages_say_how_the_points_came_about(graded):
    """The learner's page has the sentence, the class page has it for all, and asks a person to look at Cat's."""
    ben = " ".join((graded / "out" / "reports" / "ben.txt").read_text().split())
    assert "late (due 13 October 2026, 23:59 (UTC+02:00), as extended), which counts as 3 days." in ben
    assert "2 of 2 late days used. " in ben and ", less 10 %: " in ben
    page = (graded / "out" / "class.html").read_text()
    assert "it came too late and is not accepted" in page and "less 10 %" in page
    assert "Lateness</th>" in page


def test_a_change_of_dates_grades_nothing_again(graded, monkeypatch):
    """The same command with another date only writes the reports; one with other points would grade."""
    graded_again = []
    monkeypatch.setattr(
        "coursekit.grading.batch._graded", lambda sources, *_: (graded_again.append(source) for source in sources)
    )
    before = Settings("assignment1", notebooks="skip").evidence()
    (graded / "course.toml").write_text(RULES.replace("2026-10-12", "2026-11-12"))
    try:
        assert grade(graded) == 0
        assert {row["days late"] for row in rows(graded).values()} == {"0"} and not graded_again
        assert Settings("assignment1", notebooks="skip").evidence() == before
        (graded / "course.toml").write_text(RULES.replace("sgd = 5", "sgd = 6"))
        use_course(graded / "course.toml")
        assert Settings("assignment1", notebooks="skip").evidence() != before
    finally:
        (graded / "course.toml").write_text(RULES)
        use_course(graded / "course.toml")
    assert grade(graded) == 0


def test_the_record_keeps_the_settings(graded):
    """What the rules say of grading is in the record, so that it can be graded again alike."""
    settings = json.loads((graded / "out" / "records" / "ben.json").read_text())["settings"]
    assert (settings["follow_through_share"], settings["partial_credit"], settings["notebooks"]) == (0.5, True, "skip")
    again = _settings_of(
        read_record(graded / "out" / "records" / "ben.json"), Namespace(question=[], trust_submissions=True)
    )
    assert (again.follow_through_share, again.partial_credit, again.notebooks) == (0.5, True, "skip")


def test_options_win_over_the_rules(graded, monkeypatch):
    """An option of the command line counts, whatever the file says."""
    seen = []
    monkeypatch.setattr(
        "coursekit.grading.commands.grade_all", lambda found, settings, *_, **__: seen.append(settings) or []
    )
    monkeypatch.setattr("coursekit.grading.commands.write_reports", lambda *_, **__: [])
    grade(graded, "--follow-through", "0.25", "--edges", "count", "--out", graded / "other")
    assert (seen[0].follow_through_share, seen[0].edges, seen[0].partial_credit) == (0.25, "count", True)


@pytest.mark.parametrize(
    "options",
    [("--follow-through", "50"), ("--follow-through", "nan"), ("--processes", "0"), ("--seed", "abc")],
)
def test_numbers_that_mean_nothing_are_refused(graded, options, capsys):
    """An option has the bounds that the key in the rules has."""
    with pytest.raises(SystemExit) as ended:
        grade(graded, *options)
    assert ended.value.code == 2 and f"got {options[1]}" in capsys.readouterr().err


@pytest.fixture
def two_assignments(graded):
    """The rules of the class with a notebook of assignment2 as well."""
    rules = graded / "two.toml"
    rules.write_text(RULES.replace('["two_layer_net"]', '["two_layer_net", "Dropout"]'))
    yield ["--course", str(rules)]
    use_course(graded / "course.toml")


def test_a_folder_that_cannot_be_is_told_before_grading(graded, capsys):
    """A file is where the folder should be: a sentence, and the file stays."""
    assert grade(graded, "--out", graded / "book.csv") == 2
    assert "book.csv cannot be the folder for the grades: File exists." in capsys.readouterr().out
    assert (
        main(["release", "--out", str(graded / "book.csv" / "edition"), "--course", str(graded / "course.toml")]) == 1
    )
    assert "The learner's edition was not built: " in capsys.readouterr().out
    assert (graded / "book.csv").read_text() == BOOK


def test_grades_of_another_assignment_are_not_replaced(graded, two_assignments, capsys):
    """A folder keeps the records of its assignment; another assignment needs another folder."""
    before = {path.name: path.read_bytes() for path in (graded / "out" / "records").iterdir()}
    assert grade(graded, *two_assignments, "--assignment", "assignment2") == 2
    assert "has the grades of assignment1: choose another folder for those of assignment2." in capsys.readouterr().out
    assert before == {path.name: path.read_bytes() for path in (graded / "out" / "records").iterdir()}


@pytest.mark.parametrize(
    "question, told",
    [
        ("affine_forwrd", "There is no question 'affine_forwrd'. Did you mean affine_forward"),
        ("knn_no_loops", "This course does not ask knn_no_loops"),
        ("dropout_forward", "dropout_forward is asked in assignment2, and these are grades of assignment1."),
    ],
)
def test_a_question_that_was_not_graded_is_not_graded_again(graded, two_assignments, question, told, capsys):
    """It is named; to say that nothing differs would mean that it had been looked at."""
    options = ["--question", question, "--trust-submissions", *two_assignments]
    assert main(["regrade", str(graded / "out"), *options]) == 2
    assert told in capsys.readouterr().out


def test_problems_with_the_rules_stop_a_command_at_once(graded, capsys):
    """Before anything is read or graded, all problems are told, and the status is 2."""
    (graded / "course.toml").write_text(RULES + "[release]\nsolution = 'none'\n")
    try:
        assert grade(graded) == 2
    finally:
        (graded / "course.toml").write_text(RULES)
        use_course(graded / "course.toml")
    assert "release.solution: there is no key 'solution' (the nearest is solutions)." in capsys.readouterr().out


def test_the_autograder_gets_the_rules_without_names(graded, tmp_path):
    """Gradescope grades by the same rules; extensions stay at home."""
    zipped = unpack_zip(autograder.write_zip(tmp_path / "autograder.zip", "assignment1", tmp_path).read_bytes())
    text = zipped["course/course.toml"].decode()
    assert "partial_credit = true" in text and "affine_forward = 10" in text
    assert "extensions" not in text and "due" not in text
