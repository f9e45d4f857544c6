"""The whole way from what a platform hands out to what it takes back, by the real commands."""

import csv
import json
import os
import re
import subprocess
import sys
import zipfile

import pytest

from coursekit.core.terminal import printable
from coursekit.files import pack_zip
from coursekit.grading import batch, commands
from coursekit.grading.evaluate import failed_record
from coursekit.grading.intake.sources import Survey, survey
from coursekit.grading.record import Record, State
from coursekit.grading.reports.class_reports import write_reports
from coursekit.grading.reports.feedback import write_feedback
from coursekit.grading.settings import Settings
from coursekit.paths import ROOT
from tests.classroom import solved
from tests.platforms import CLASSES, write

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="grading needs Linux")
SETTINGS = Settings("assignment1", notebooks="skip", trust_submissions=True)
ESC = "\x1b[2J"


def run(*options, encoding="utf-8"):
    """A command of the project in a process of its own; (exit status, what it printed)."""
    env = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": encoding}
    command = [sys.executable, "-m", "coursekit", *map(str, options)]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True)
    return done.returncode, done.stdout.decode(encoding)


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """A class of Canvas, graded on one question by the command: (folder, output folder, what was printed)."""
    folder = tmp_path_factory.mktemp("canvas")
    optim = solved()["cs231n/optim.py"]
    right = pack_zip({"cs231n/optim.py": optim})
    files = {
        "doejane_12_99_assignment1.zip": b"no zip",
        "doejane_12_101_assignment1-1.zip": right,
        "roejoe_LATE_34_103_optim.py": optim.replace(b"w - config", b"w + config"),
        "poe_56_104_assignment1.zip": right,
        "poe_56_105_shot.png": b"\x89PNG",
        f"notes{ESC}.docx": b"x",
    }
    write(folder / "in", {"submissions.zip": pack_zip(files)})
    roster = 'ID,SIS Login ID,Student\r\n12.0,jane,"Doe, Jané"\r\n34.0,joe,"Roe, Joe"\r\n78.0,abe,"Absent, Abe"\r\n'
    book = 'Student;ID;Section;Assignment 1 (4)\r\n"Doe, Jané";12,00;A;\r\nRoe;34;A;\r\n=1+1;56;A;\r\n'
    write(folder, {"roster.csv": roster.encode("utf-16"), "book.csv": ("sep=;\r\n" + book).encode("cp1252")})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(commands, "Settings", lambda **options: Settings(**options, questions=("sgd",)))
        output = patched_output(patch)
        tables = ["--roster", folder / "roster.csv", "--canvas", folder / "book.csv"]
        options = [folder / "in", "--out", folder / "out", "--notebooks", "skip", "--trust-submissions", *tables]
        assert commands.grade(list(map(str, options))) == 0
    return folder, folder / "out", "".join(output)


def patched_output(patch):
    printed = []
    patch.setattr("coursekit.grading.commands.say", lambda *lines: printed.extend(printable(f"{x}\n") for x in lines))
    return printed


def test_what_is_told(graded):
    _, _, printed = graded
    assert "Canvas: 3 submissions" in printed and "3 submissions: 3 graded" in printed
    assert "On roster.csv, but handed in nothing: Abe Absent (78)." in printed
    assert printed.count("Not on roster.csv: poe.") == 1 and "feedback.zip has a page for each of 3 learners" in printed
    assert (
        re.search(r"Left aside, because they are not submissions .*: notes.*\.docx", printed) and "\x1b" not in printed
    )


def test_the_class_page_names_it_too(graded):
    page = " ".join((graded[1] / "class.html").read_text().split())
    assert "Abe Absent (78)" in page and ".docx" in page and "Not on roster.csv: poe" in page


def test_the_records_know_the_learners(graded):
    with (graded[1] / "grades.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = {row["submission"]: row for row in csv.DictReader(file)}
    assert {id_: (row["total"], row["learner late"], row["learner attempt"]) for id_, row in rows.items()} == {
        "doejane_12": ("1", "False", "2"),
        "roejoe_34": ("0", "True", ""),
        "poe_56": ("1", "False", ""),
    }
    assert rows["doejane_12"]["learner name"] == "Jané Doe" and "earlier submission" in rows["doejane_12"]["remarks"]
    assert "shot.png" in rows["poe_56"]["remarks"]


def test_the_gradebook_goes_back(graded):
    text = (graded[1] / "canvas.csv").read_text(encoding="utf-8-sig")
    assert text == "Student;ID;Section;Assignment 1 (4)\nDoe, Jané;12,00;A;1\nRoe;34;A;0\n'=1+1;56;A;1\n"


def test_feedback_goes_back_under_the_same_names(graded):
    with zipfile.ZipFile(graded[1] / "feedback.zip") as archive:
        names = archive.namelist()
        with zipfile.ZipFile(archive.open("poe_56_104_assignment1.zip")) as inner:
            page = inner.read("feedback.html")
    assert names == [
        "doejane_12_101_assignment1-1.zip",
        "poe_56_104_assignment1.zip",
        "roejoe_LATE_34_103_optim.py.html",
    ]
    assert page == (graded[1] / "reports" / "poe_56.html").read_bytes()


def test_grading_again_finds_the_same(graded):
    """`regrade` reads the class as `grade` did, with the list of the class and the pattern."""
    with pytest.MonkeyPatch.context() as patch:
        printed = patched_output(patch)
        assert commands.regrade([str(graded[1]), "--question", "sgd", "--trust-submissions"]) == 0
    assert "3 graded again, 0 with differences" in "".join(printed)


def test_a_new_zip_of_the_class_grades_only_what_is_new(graded):
    """The fingerprint of a submission in a zip depends on its own files alone."""
    folder, out, _ = graded
    before = {source.id: batch.fingerprint(source, SETTINGS) for source in survey(folder / "in").sources}
    with zipfile.ZipFile(folder / "in" / "submissions.zip", "a") as archive:
        archive.writestr("zoe_90_200_optim.py", b"x = 1")
    after = {source.id: batch.fingerprint(source, SETTINGS) for source in survey(folder / "in").sources}
    assert len(after) == 4 and {id_: after[id_] for id_ in before} == before
    assert batch.fingerprint(survey(folder / "in").sources[0], Settings("assignment2")) != before["doejane_12"]


# ---- feedback in the layout of each platform


def reports_of(folder, out):
    """The class in a folder, with a page for each learner."""
    found = survey(folder)
    for source in found.sources:
        write(out / "reports", {f"{source.id}.html": f"<p>{source.name}</p>"})
    return found


@pytest.mark.parametrize(
    "name", ["moodle", "moodle_zip", "moodle_flat", "brightspace", "brightspace_zip", "brightspace_flat"]
)
def test_feedback_is_in_the_folders_that_were_handed_out(name, tmp_path):
    """One page for each learner, beside the work that counted; nothing else, but Brightspace's index.html."""
    CLASSES[name](tmp_path / "in")
    found = reports_of(tmp_path / "in", tmp_path / "out")
    assert write_feedback(found, tmp_path / "out")
    with zipfile.ZipFile(tmp_path / "out" / "feedback.zip") as archive:
        content = {name: archive.read(name).decode() for name in archive.namelist()}
    assert content.pop("index.html", "") == ("<table></table>" if "brightspace" in name else "")
    assert sorted(content.values()) == sorted(f"<p>{source.name}</p>" for source in found.sources)
    for source in found.sources:
        [page] = [page for page, text in content.items() if text == f"<p>{source.name}</p>"]
        begins = source.handed[0] if source.handed[0].endswith("/") else page.removesuffix("feedback.html")
        assert page == f"{begins}feedback.html" and source.handed[0].startswith(begins)


def test_no_feedback_where_no_platform_takes_it(tmp_path):
    CLASSES["plain_zips"](tmp_path / "in")
    assert write_feedback(reports_of(tmp_path / "in", tmp_path / "out"), tmp_path / "out") == ""
    assert not (tmp_path / "out" / "feedback.zip").exists()


# ---- the terminal


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_what_a_terminal_obeys_is_never_printed(encoding, tmp_path):
    """Names of files and learners by `grade`: escaped, whatever standard output can show."""
    write(tmp_path / "in", {f"a{ESC}张伟.txt": "x", f"b{ESC}.zip": b"PK"})
    status, printed = run("grade", tmp_path / "in", "--out", tmp_path / f"o{ESC}", encoding=encoding)
    assert status == 2 and "\x1b" not in printed and printed


def test_regrade_escapes_names_too(tmp_path, monkeypatch, capsys):
    """A record, and a folder, whose names hold ESC."""
    folder = tmp_path / f"in{ESC}"
    write(folder, {"jane.zip": b""})
    [source] = survey(folder).sources
    record = failed_record(source, SETTINGS, "no reason")
    record.submission = commands.read_record and record.submission.__class__("jane", f"jane{ESC}")
    write(
        tmp_path / "out",
        {"records/jane.json": record.to_json(), "batch.json": json.dumps({"submissions": str(folder)})},
    )
    monkeypatch.setattr(commands, "grade_submission", lambda *_: changed(record))
    assert commands.regrade([str(tmp_path / "out"), "--trust-submissions"]) == 1
    printed = capsys.readouterr().out
    assert "jane\\x1b[2J" in printed and "\x1b" not in printed


def changed(record):
    again = Record.from_json(record.to_json())
    again.state, again.reason = State.REFUSED, f"because{ESC}"
    return again


def test_submit_in_a_folder_that_standard_output_cannot_show(tmp_path):
    """The zip is written, and nothing says that it was not."""
    script = "from coursekit.learner import submit; submit._check = lambda *_: ([], []); "
    script += f"raise SystemExit(submit.submit('practice', {str(tmp_path / f'张伟{ESC}' / 'a.zip')!r}))"
    env = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "cp1252"}
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=env, capture_output=True)
    printed = done.stdout.decode("cp1252")
    assert done.returncode < 2 and "No zip" not in printed and "\\u5f20\\u4f1f\\x1b[2J" in printed, done.stderr
    assert (tmp_path / f"张伟{ESC}" / "a.zip").is_file()


def test_no_report_stops_at_a_survey_without_a_platform(tmp_path):
    """Reports can be made where nothing is known of the class."""
    assert write_reports([], tmp_path, found=Survey(tmp_path, [], {})) == []
