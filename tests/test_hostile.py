"""No submission stops a class: each ends in a record, and honest ones keep their points."""

import contextlib
import csv
import json
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from hashlib import sha256

import pytest

from coursekit.grading import batch, evaluate
from coursekit.grading.intake.reading import read_submission
from coursekit.grading.intake.sources import Source, survey
from coursekit.grading.record import read_records
from coursekit.grading.reports.class_reports import write_reports
from coursekit.grading.running import notebook_run, sandbox
from coursekit.grading.settings import Settings
from coursekit.paths import ROOT
from coursekit.questions import find
from tests.classroom import packed, solved
from tests.hostile import HOSTILE, OTHERS, write_hostile_class
from tests.hostile_notebooks import ASSIGNMENT, CELLS, submission_with

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="grading needs Linux")
QUICK = Settings("assignment1", notebooks="skip", questions=("affine_forward", "sgd"))


# Each of these once stopped a class, or cost without bound; a slow test grades all of `HOSTILE`.
FEW = ("latin-1", "hyphen", "escape", "case-twins", "dangling", "pipe", "deep-folder", "half-a-character")
FEW += ("thousands-of-files", "dotted-import", "comprehension-1-mb", "notebook-nested", "comments-that-do-not-end")
FEW += ("attachments", "renamed-notebook")


@pytest.fixture(scope="module", params=[FEW, pytest.param(tuple(HOSTILE), marks=pytest.mark.slow)], ids=["few", "all"])
def graded(request, tmp_path_factory):
    """The records of a hostile class by the name of the entry, the folder with its reports, and what was printed."""
    folder, out = tmp_path_factory.mktemp("hostile") / "class", tmp_path_factory.mktemp("out")
    paths = write_hostile_class(folder, request.param)
    found = survey(folder)
    records = batch.grade_all(found.sources, QUICK, out, processes=2)
    notes = write_reports(records, out, others=found.others)
    by_path = {source.path: record for source, record in zip(found.sources, records, strict=True)}
    yield {name: by_path[path] for name, path in paths.items()}, out, notes
    remove_deep(folder)


def remove_deep(folder):
    """Remove a folder that is nested too deeply for `shutil.rmtree` of Python 3.11."""
    subprocess.run(["rm", "-rf", str(folder)], check=True)


def test_each_has_its_record(graded):
    for name, record in graded[0].items():
        if name == "unreadable" and os.geteuid() == 0:
            assert record.state == "refused"  # root can read it
        else:
            check_record(record, HOSTILE[name].points)


def check_record(record, expected):
    """A submission that cannot be read has a reason; any other has the points that `Hostile` promises."""
    if expected is None:
        assert record.state != "graded" and record.reason
        return
    assert record.state == "graded", record.reason
    points = {question.id: question.earned for question in record.questions}
    assert points["affine_forward"] > 0
    assert expected == "most" or points["sgd"] > 0


@pytest.mark.parametrize("name", ["dotted-import", "comprehension-1-mb"])
def test_the_file_that_cannot_be_read_is_named(graded, name):
    record = graded[0][name]
    [question] = [question for question in record.questions if question.id == "sgd"]
    assert question.status == "not gradable" and "optim.py cannot be read" in question.text


def test_what_was_lost_with_a_notebook_is_told(graded):
    records, out, _ = graded
    page = (out / "class.html").read_text(encoding="utf-8")
    assert "written answers cannot be read" in page
    notebook = next(notebook for notebook in records["notebook-nested"].notebooks if notebook.name == "knn")
    assert notebook.state == "broken"


def test_every_other_file_is_named(graded):
    _, out, notes = graded
    page = (out / "class.html").read_text(encoding="utf-8")
    for name in OTHERS:
        assert name in page and any(name in note for note in notes)


def test_names_are_readable_and_safe(graded):
    records, out, _ = graded
    assert records["latin-1"].submission.name == "Müller"
    assert "\x1b" not in records["escape"].submission.name
    assert not any(record.submission.id.startswith("-") for record in records.values())
    assert {path.stem for path in (out / "records").iterdir()} == {r.submission.id for r in records.values()}


def test_nothing_that_is_written_is_harmful(graded):
    """Neither a character that XML cannot hold nor one that a terminal obeys, in any file."""
    records, out, _ = graded
    assert len(ET.parse(out / "junit.xml").getroot()) == len(records)
    with (out / "grades.csv").open(encoding="utf-8-sig", newline="") as file:
        assert len(list(csv.DictReader(file))) == len(records)
    for path in out.rglob("*.*"):
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe]", text), path


def test_a_receipt_does_not_fill_the_pages(graded):
    records, out, _ = graded
    receipt = records["thousands-of-files"].submission.receipt
    assert len(receipt.problems) < 20 and "more files are" in " ".join(receipt.problems)
    assert (out / "reports" / f"{records['thousands-of-files'].submission.id}.html").stat().st_size < 100_000


def test_names_that_differ_in_case_are_told(graded):
    [remark] = [remark for remark in graded[0]["case-twins"].remarks if "Layers.py" in remark]
    assert remark == ("cs231n/layers.py was submitted more than once: cs231n/layers.py was used, not cs231n/Layers.py.")


def test_a_notebook_with_another_name_is_told(graded):
    remarks = graded[0]["renamed-notebook"].remarks
    assert any("svm_final_v2.ipynb was used as assignments/assignment1/svm.ipynb" in remark for remark in remarks)
    assert not any("Missing" in remark for remark in remarks)


def test_invented_verdicts_are_told(tmp_path):
    """The hashes in a receipt are right, its verdicts are not."""
    files = solved() | {"cs231n/optim.py": solved()["cs231n/optim.py"].replace(b"w - config", b"w + config")}
    hashes = {name: sha256(data).hexdigest() for name, data in files.items()}
    receipt = json.dumps({"files": hashes, "questions": {"sgd": "ok", "affine_forward": "ok"}}).encode()
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.zip").write_bytes(packed(files | {"receipt.json": receipt}))
    records = batch.grade_all(survey(tmp_path / "in").sources, QUICK, tmp_path / "out")
    write_reports(records, tmp_path / "out")
    assert records[0].submission.receipt.verified
    for path in ("class.html", "reports/a.html", "reports/a.txt"):
        text = " ".join((tmp_path / "out" / path).read_text(encoding="utf-8").split())
        assert "It says ok where grading does not: sgd (wrong)" in text


def test_one_bad_record_does_not_stop_the_reports(graded, tmp_path):
    records = read_records(graded[1])
    records[0].remarks = [{"not": "a text"}]
    records[0].questions = "none"
    notes = write_reports(records, tmp_path)
    assert any(records[0].submission.id in note and "left out" in note for note in notes)
    assert records[0].submission.id in (tmp_path / "class.html").read_text(encoding="utf-8")
    with (tmp_path / "grades.csv").open(encoding="utf-8-sig", newline="") as file:
        assert len(list(csv.DictReader(file))) == len(records) - 1


def test_a_fault_of_grading_is_a_record(tmp_path, monkeypatch):
    """Whatever is raised while one submission is graded: it is tried again by the next run."""
    monkeypatch.setattr(evaluate, "grade_work", lambda *_: {}["fault"])
    (tmp_path / "a.zip").write_bytes(packed(solved()))
    record = evaluate.grade_submission(survey(tmp_path).sources[0], QUICK)
    assert record.state == "infrastructure error" and "KeyError" in record.reason and not record.is_settled


def test_output_that_cannot_show_a_name(tmp_path):
    """Standard output is in ASCII, as in some containers and in pipes on Windows."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "张伟.txt").write_bytes(b"x")
    command = [sys.executable, "-m", "coursekit", "grade", str(tmp_path / "in"), "--out", str(tmp_path / "out")]
    env = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([*command, "--assignment", "assignment1"], cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 2 and "\\u5f20\\u4f1f.txt" in done.stdout and not done.stderr


def test_reading_leaves_this_process_as_it_is(tmp_path):
    """The costly work happens elsewhere: this process does not grow."""
    import psutil

    write_hostile_class(tmp_path / "class", ["dotted-import", "notebook-of-lists"])
    before = psutil.Process().memory_info().rss
    for source in survey(tmp_path / "class").sources:
        read_submission(source, "assignment1")
    assert psutil.Process().memory_info().rss - before < 100_000_000


@pytest.mark.skipif(not shutil.which("setpriv") or os.geteuid() != 0, reason="needs root, to become another user")
def test_a_folder_of_what_this_user_may_not_read(tmp_path):
    """A file that its owner alone can read is not the learner's fault; one in a folder costs only itself."""
    with contextlib.ExitStack() as stack:
        stack.callback(remove_deep, tmp_path / "class")
        code = "from pathlib import Path; from coursekit.grading.intake.archive import *; "
        code += "print(open_submission(Source('a', 'a', Path({!r})), 'assignment1'){})"
        folder = tmp_path / "class" / "ada" / "cs231n"
        folder.mkdir(parents=True)
        (folder / "layers.py").write_bytes(solved()["cs231n/layers.py"])
        (folder / "optim.py").write_bytes(b"secret")
        (folder / "optim.py").chmod(0)
        (tmp_path / "class" / "b.zip").write_bytes(packed(solved()))
        (tmp_path / "class" / "b.zip").chmod(0)
        for path in (tmp_path, *tmp_path.parents):
            path.chmod(path.stat().st_mode | 0o055) if path.stat().st_uid == os.geteuid() else None
        assert "optim.py cannot be read (Permission denied)" in as_nobody(code.format(str(folder.parent), ".remarks"))
        assert "PermissionError" in as_nobody(code.format(str(tmp_path / "class" / "b.zip"), ""))


def as_nobody(code):
    command = ["setpriv", "--reuid=65534", "--clear-groups", sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    if "ModuleNotFoundError" in done.stderr or "Permission denied" in done.stderr and "b.zip" not in done.stderr:
        pytest.skip("another user cannot read this project or its Python")
    return done.stdout + done.stderr


QUICK_CELLS = ("exit", "no-socket")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in QUICK_CELLS else pytest.mark.slow) for name in CELLS]
)
def test_a_hostile_cell_costs_its_own_notebook_at_most(name, tmp_path, monkeypatch):
    """A record, all points of the functions, and no word of the cell's in place of a verdict."""
    monkeypatch.setattr(notebook_run, "CELL_SECONDS", 20)
    monkeypatch.setattr(evaluate.Grading, "endless", lambda *_: ())  # none is; finding out takes most of the time
    monkeypatch.setattr(Settings, "asked", lambda _: [find("dropout_forward"), find("dropout_backward")])
    (tmp_path / "a.zip").write_bytes(submission_with(name))
    settings = Settings(ASSIGNMENT, limits=sandbox.Limits(idle=3.0))
    record = evaluate.grade_submission(Source("a", "a", tmp_path / "a.zip"), settings)
    assert record.state == "graded", record.reason
    assert [question.earned for question in record.questions] == [2.0, 1.0]
    [run] = [run for run in record.notebooks if run.name == "Dropout"]
    assert run.state in ("as expected", "differs") and (run.state == "as expected" or name != "honest"), run
    assert len(record.to_json()) < 200_000
    write_reports([record], tmp_path / "out")
    pages = [path.read_text() for path in (tmp_path / "out").rglob("*.html")]
    assert pages and not any(re.search("[\x00-\x08\x0b-\x1f\ud800-\udfff]", page) for page in pages)
