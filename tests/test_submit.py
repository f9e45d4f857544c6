"""The learner's last step, on the learner's edition: what is packed, what is printed, what grading reads from it."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile

import pytest

from coursekit.files import unpack_zip
from coursekit.learner import answers_page, notebook_form, submission, submit
from coursekit.paths import ROOT
from coursekit.questions import notebook_file
from coursekit.teacher.release import write_edition
from tests.learner_notebooks import filled

ASSIGNMENT = "assignment1"
LAYERS = "cs231n/layers.py"
KNN = f"assignments/{ASSIGNMENT}/knn.ipynb"


@pytest.fixture(scope="module")
def blank(tmp_path_factory):
    """The edition as distributed."""
    folder = tmp_path_factory.mktemp("blank") / "course"
    write_edition(folder)
    return folder


@pytest.fixture(scope="module")
def done(blank, tmp_path_factory):
    """The edition, filled in; its notebooks were run and saved."""
    folder = tmp_path_factory.mktemp("done") / "course"
    shutil.copytree(blank, folder)
    for name in submission.modules(ASSIGNMENT):
        shutil.copy(ROOT / name, folder / name)
    for name in submission.notebooks(ASSIGNMENT):
        (folder / notebook_file(name)).write_text(json.dumps(filled(name)), encoding="utf-8")
    return folder


@pytest.fixture
def work(done, tmp_path):
    """A copy of the filled-in edition to break."""
    return shutil.copytree(done, tmp_path / "course")


@pytest.fixture(scope="module")
def submitted(done, tmp_path_factory):
    """What the command prints and writes if nothing is missing: (finished process, folder of the zip)."""
    folder = tmp_path_factory.mktemp("submitted")
    command = [sys.executable, "-m", "coursekit", "submit", ASSIGNMENT, "--out", str(folder / "jane.zip")]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(command, cwd=done, env=environment, capture_output=True, text=True), folder


class TestComplete:
    def test_nothing_is_missing(self, submitted):
        process, _ = submitted
        assert process.returncode == 0, process.stdout + process.stderr
        assert "missing" not in process.stdout and "78 of 78 points" in process.stdout
        assert process.stderr == ""

    def test_grading_opens_it_without_a_remark(self, submitted, done):
        from coursekit.grading.intake.archive import open_submission
        from coursekit.grading.intake.sources import find_submissions

        [source] = [s for s in find_submissions(submitted[1]) if s.name == "jane"]
        opened = open_submission(source, ASSIGNMENT)
        assert opened.remarks == [] and opened.receipt["verified"]
        assert set(opened.receipt["questions"].values()) == {"ok"}
        assert all(data == (done / name).read_bytes() for name, data in opened.files.items())
        assert set(submission.required(ASSIGNMENT)) <= set(opened.files)

    def test_receipt_fits_the_zip_and_no_other(self, submitted):
        receipt = json.loads((submitted[1] / f"{ASSIGNMENT}_receipt.json").read_bytes())
        packed = (submitted[1] / "jane.zip").read_bytes()
        files = {name: data for name, data in unpack_zip(packed).items() if name in receipt["files"]}
        assert submission.receipt_problems(receipt, files, submission.digest(packed)) == []
        files[LAYERS] += b"# more"
        assert len(submission.receipt_problems(receipt, files, submission.digest(packed + b"x"))) == 2

    def test_nothing_else_is_packed(self, submitted):
        with zipfile.ZipFile(submitted[1] / "jane.zip") as archive:
            names = set(archive.namelist())
        extra = {f"{ASSIGNMENT}_answers.html", submission.RECEIPT}
        assert names - extra == {name for name in names if submission.is_allowed(name, ASSIGNMENT)} - {
            submission.RECEIPT
        }
        assert extra <= names

    def test_written_answers_are_on_the_page(self, submitted):
        page = (submitted[1] / f"{ASSIGNMENT}_answers.html").read_text(encoding="utf-8")
        assert page.count("<section") == 12 and "No answer was given" not in page

    def test_same_files_give_the_same_zip(self, done):
        files, problems = submit.collect(ASSIGNMENT, done)
        assert problems == [] and submit.pack(files) == submit.pack(dict(reversed(files.items())))


def test_blank_edition_has_problems_and_a_zip(blank, tmp_path, capsys):
    """The whole command on an edition that nobody touched."""
    assert submit.submit(ASSIGNMENT, tmp_path / "x.zip", blank) == 1
    printed = capsys.readouterr().out
    assert "0 of 78 points" in printed and "27 questions are not attempted" in printed
    assert "knn.ipynb: written question 1 has no answer yet (Some rows of this matrix" in printed
    assert zipfile.is_zipfile(tmp_path / "x.zip")


def test_checks_that_cannot_run_do_not_stop_the_zip(work, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(submit, "check_packed", lambda *_: 1 / 0)
    assert submit.submit(ASSIGNMENT, tmp_path / "x.zip", work) == 1
    assert "could not be checked" in capsys.readouterr().out and zipfile.is_zipfile(tmp_path / "x.zip")


def test_one_syntax_error_is_told_once(work, tmp_path, capsys):
    """All that it keeps from running is not called wrong."""
    text = (work / LAYERS).read_text()
    (work / LAYERS).write_text(text.replace("def relu_forward(x):", "def relu_forward(x)"))
    line = text.splitlines().index("def relu_forward(x):") + 1
    assert submit.submit(ASSIGNMENT, tmp_path / "x.zip", work) == 1
    printed = capsys.readouterr().out
    assert printed.count("not valid Python") == 1 and "wrong" not in printed
    assert (
        f"{LAYERS}: it is not valid Python, line {line}: expected ':'. So these could not be run: affine_f" in printed
    )
    assert re.search("affine_forward +not run +0 of 2 points", printed) and "svm_loss_naive             ok" in printed
    receipt = json.loads((tmp_path / f"{ASSIGNMENT}_receipt.json").read_bytes())
    assert receipt["questions"]["affine_forward"] == "wrong"  # one of the verdicts that receipts have


@pytest.mark.parametrize("command", ["grade", "regrade", "release", "store"])
def test_a_command_for_teachers_is_named_as_such(blank, command):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    call = [sys.executable, "-m", "coursekit", command, "x"]
    process = subprocess.run(call, cwd=blank, env=environment, capture_output=True, text=True)
    assert process.returncode == 2 and process.stderr == ""
    assert f"`{command}` is a command for teachers" in process.stdout


@pytest.mark.skipif(os.name == "nt", reason="there is no sh")
def test_script_passes_the_arguments_on(blank):
    script = subprocess.run(["sh", "collect_submission.sh", "assignment9"], cwd=blank, capture_output=True, text=True)
    assert script.returncode == 2 and "there are assignment1, assignment2" in script.stdout


def test_no_zip_of_nothing(tmp_path, capsys):
    assert submit.submit(ASSIGNMENT, tmp_path / "x.zip", tmp_path) == 2
    assert "No zip was written" in capsys.readouterr().out and not list(tmp_path.iterdir())


def test_place_that_cannot_be_written(work, tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    assert submit.submit(ASSIGNMENT, tmp_path / "file" / "x.zip", work) == 2
    assert "No zip was written" in capsys.readouterr().out


class TestProblems:
    """Each thing that goes wrong on a learner's machine, in plain words."""

    def problems(self, work):
        return " ".join(submit.collect(ASSIGNMENT, work)[1] + submit.unsubmitted_changes(work, ASSIGNMENT))

    def test_none(self, work):
        assert self.problems(work) == ""

    def test_missing_notebook(self, work):
        (work / KNN).unlink()
        assert f"{KNN} is missing" in self.problems(work)

    def test_broken_notebook(self, work):
        (work / KNN).write_bytes((work / KNN).read_bytes()[:-100])
        assert "cannot be read as a notebook" in self.problems(work)

    @pytest.mark.parametrize("name", [KNN, LAYERS])
    def test_merge_conflict(self, work, name):
        (work / name).write_bytes(b"<<<<<<< HEAD\n" + (work / name).read_bytes() + b"=======\n>>>>>>> other\n")
        assert f"{name}: it contains an unresolved merge conflict" in self.problems(work)

    def test_module_that_is_no_python(self, work):
        (work / LAYERS).write_text("x = 1\ndef f(:\n")
        assert f"{LAYERS}: it is not valid Python, line 2" in self.problems(work)

    def test_huge_file(self, work, monkeypatch):
        monkeypatch.setitem(submission.LARGEST, ".ipynb", 700_000)
        files, problems = submit.collect(ASSIGNMENT, work)
        assert KNN not in files and any("Clear Outputs" in problem for problem in problems)

    def test_links_are_not_followed(self, work):
        """What a link points to may be anybody's; a required file and a folder are no exception."""
        (work / "private").mkdir()
        (work / "private" / "a.npz").write_bytes(b"secret")
        saved = work / "cs231n" / "saved"
        saved.mkdir(exist_ok=True)
        (saved / "b.npz").symlink_to(work / "private" / "a.npz")
        layers = (work / "cs231n" / "layers.py").rename(work / "private" / "layers.py")
        (work / "cs231n" / "layers.py").symlink_to(layers)
        files, problems = submit.collect(ASSIGNMENT, work)
        assert not {"cs231n/saved/b.npz", "cs231n/layers.py"} & set(files)
        assert sum("is a link" in problem for problem in problems) == 2

    @pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, every name is text")
    @pytest.mark.parametrize(
        "name, shown", [(b"M\xfcller.npz", "M\\xfcller.npz"), (b"my weights.npz", "my weights.npz")]
    )
    def test_names_that_grading_does_not_take_are_named(self, work, name, shown):
        saved = work / "cs231n" / "saved"
        saved.mkdir(exist_ok=True)
        (saved / os.fsdecode(name)).write_bytes(b"w")
        files, problems = submit.collect(ASSIGNMENT, work)
        assert not [name for name in files if name.endswith(".npz")]
        assert any(f"cs231n/saved/{shown} is not in the zip" in problem for problem in problems)

    def test_odd_values_in_a_notebook(self, work):
        """They are what other programs, and people, leave in one."""
        path = work / "assignments" / ASSIGNMENT / "knn.ipynb"
        notebook = json.loads(path.read_text(encoding="utf-8"))
        for cell, value in zip(notebook["cells"], (None, 3, [], {}, "x", float("nan")) * 20, strict=False):
            cell.update(id=value, outputs=value, attachments=value)
        path.write_text(json.dumps(notebook), encoding="utf-8")
        files, _ = submit.collect(ASSIGNMENT, work)
        found = submit._readable(files, ASSIGNMENT)
        assert answers_page.page(ASSIGNMENT, found) and notebook_form.shown_verdict(found["knn"], "knn_two_loops") == ""

    def test_cells_that_were_not_run(self, work):
        notebook = json.loads((work / KNN).read_bytes())
        for cell in notebook["cells"][-10:]:
            cell.update({"outputs": [], "execution_count": None} if cell["cell_type"] == "code" else {})
        (work / KNN).write_text(json.dumps(notebook))
        assert "code cells have not been run" in self.problems(work)

    def test_a_copy_that_was_saved_later_is_named(self, work):
        copy = work / KNN.replace("knn.ipynb", "knn-Copy1.ipynb")
        shutil.copy(work / KNN, copy)
        now = (work / KNN).stat().st_mtime
        os.utime(copy, (now - 60, now - 60))
        assert "Copy1" not in self.problems(work)
        os.utime(copy, (now + 60, now + 60))
        assert "knn-Copy1.ipynb beside it was saved later, and is not submitted" in self.problems(work)

    def test_newer_copy(self, work):
        """As after a crash of the browser: the saved file is older than the copy that Jupyter kept."""
        copy = work / f"assignments/{ASSIGNMENT}/.ipynb_checkpoints/knn-checkpoint.ipynb"
        copy.parent.mkdir()
        shutil.copy(work / KNN, copy)
        os.utime(work / KNN, (1_000_000_000, 1_000_000_000))
        assert self.problems(work) == ""
        copy.write_bytes(copy.read_bytes() + b" ")
        assert "a newer copy in .ipynb_checkpoints" in self.problems(work)

    def test_no_written_answer(self, work):
        notebook = json.loads((work / KNN).read_bytes())
        for cell in notebook["cells"]:
            if cell["id"] == "answer_statements":
                cell["source"] = notebook_form.BLANK_ANSWER
        (work / KNN).write_text(json.dumps(notebook))
        assert "written question 3 has no answer yet (Which of these" in "".join(self.problems(work))

    def test_files_that_are_not_submitted(self, work):
        (work / "cs231n/mine.py").write_text("")
        (work / "cs231n/solver.py").write_text("")
        assert "cs231n/mine.py is your own file" in self.problems(work)
        assert "cs231n/solver.py was edited" in self.problems(work)

    def test_line_endings_of_windows_are_no_change(self, work):
        path = work / "cs231n/solver.py"
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
        assert self.problems(work) == ""

    def test_checked_are_the_packed_files(self, work):
        """What is not in the zip is not there, and an old output of a notebook is no verdict."""
        (work / "cs231n/mine.py").write_text("one = 1\n")
        (work / "cs231n/optim.py").write_text("from cs231n.mine import one\n" + (work / "cs231n/optim.py").read_text())
        text = (work / LAYERS).read_text(encoding="utf-8")
        (work / LAYERS).write_text(text.replace("def relu_forward(x):", "def relu_forward(x):\n    return x, x\n", 1))
        files, _ = submit.collect(ASSIGNMENT, work)
        packed = submit.pack(files)
        (work / "cs231n/mine.py").unlink()
        found = submit.check_packed(ASSIGNMENT, packed, work)
        verdicts = {verdict.question.id: verdict.status for verdict in found}
        assert (verdicts["sgd"], verdicts["relu_forward"], verdicts["affine_forward"]) == ("wrong", "wrong", "ok")
        problems = " ".join(submit.verdict_problems(found, files, ASSIGNMENT))
        assert "shows relu_forward: ok, but the verdict on the current files is wrong" in problems
        assert "affine_forward" not in problems


def test_notebook_without_ids_is_read_all_the_same(tmp_path):
    """Colab removes the ids; verdicts and written answers are found by their text."""
    whole, bare = filled("knn"), filled("knn")
    for cell in bare["cells"]:
        del cell["id"]
    assert list(notebook_form.written_answers(bare).values()) == list(notebook_form.written_answers(whole).values())
    assert list(notebook_form.prompts(bare).values()) == list(notebook_form.prompts(whole).values())
    assert notebook_form.shown_verdict(bare, "knn_two_loops") == "ok"


class TestPage:
    def page(self, text, **more):
        question = {"cell_type": "markdown", "id": "q", "source": "**Think and write.** Why <b>?"}
        answer = {"cell_type": "markdown", "id": "answer_a", "source": text, **more}
        return answers_page.page(ASSIGNMENT, {"knn": {"cells": [question, answer]}}).decode()

    def test_markdown(self):
        page = self.page("Because **so**\n\n| a | b |\n|---|---|\n| 1 | 2 |")
        assert "<strong>so</strong>" in page and "<table>" in page and "Why &lt;b&gt;?" in page

    def test_tags_are_shown_as_text(self):
        page = self.page("<script>alert(1)</script> [x](javascript:alert(1))")
        assert (
            "<script>" not in page and "javascript:" not in page.split("<section")[1].split("href=")[-1].split('"')[1]
        )

    def test_pasted_image(self):
        page = self.page("![p](attachment:p.png)", attachments={"p.png": {"image/png": "iVBORw0="}})
        assert 'src="data:image/png;base64,iVBORw0="' in page

    def test_image_is_shown_once(self):
        """A notebook of 1 MB must not become a page of 1 GB."""
        page = self.page("![p](attachment:p.png) " * 1000, attachments={"p.png": {"image/png": "A" * 10_000}})
        assert len(page) < 100_000

    def test_image_that_is_none(self):
        assert "onerror" not in self.page("![p](attachment:p)", attachments={"p": {"image/png": '" onerror="alert(1)'}})

    def test_blank(self):
        assert "No answer was given" in self.page(notebook_form.BLANK_ANSWER)

    @pytest.mark.skipif(not any(map(shutil.which, answers_page._BROWSERS)), reason="there is no browser here")
    def test_pdf(self, tmp_path):
        (tmp_path / "a.html").write_text(self.page("Because."))
        assert answers_page.print_pdf(tmp_path / "a.html") == ["a.pdf"]
        assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")

    def test_no_browser_is_no_error(self, tmp_path, monkeypatch):
        monkeypatch.setattr(answers_page, "_INSTALLED_AT", ())
        monkeypatch.setenv("PATH", str(tmp_path))
        assert answers_page.print_pdf(tmp_path / "a.html") == []
