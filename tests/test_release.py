"""The learner's edition: no answer is left, it is the same to the byte, and filled in it gets full marks."""

import hashlib
import json
import subprocess
import sys

import nbformat
import pytest
from nbclient import NotebookClient

from coursekit.learner.progress import saved_verdict, verdicts
from coursekit.paths import PACKAGE, ROOT, files_in
from coursekit.questions import NOTEBOOKS, all_questions, notebook_file
from coursekit.teacher import release
from coursekit.teacher.adding.changes import Left
from coursekit.teacher.release import build, write_edition
from coursekit.teacher.solutions import BEGIN, END, SolutionError, strip_module, strip_notebook

QUESTIONS = list(all_questions().values())


@pytest.fixture(scope="module")
def edition(tmp_path_factory):
    """A stripped tree, not yet filled in."""
    folder = tmp_path_factory.mktemp("release") / "edition"
    write_edition(folder)
    return folder


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_build_proves_both_trees(tmp_path, capsys):
    """The whole command: the solved tree has full marks, the stripped one none."""
    assert build(tmp_path / "course") == 0, capsys.readouterr().out
    assert "no question answered" in capsys.readouterr().out
    assert build(tmp_path / "course") == 1
    assert "is not empty" in capsys.readouterr().out


def test_what_is_left_to_write_is_told(tmp_path, capsys, monkeypatch):
    left = [Left("zoo/practice/Losses.py", "line 7", "two mistakes"), Left("README.md", "line 3", "what it is about")]
    monkeypatch.setattr(release, "left_to_write", lambda root: left)
    assert build(tmp_path / "course") == 1
    assert capsys.readouterr().out == (
        "The learner's edition was not built: this is left to write:\n"
        "  zoo/practice/Losses.py, line 7: two mistakes\n  README.md, line 3: what it is about\n"
    )
    assert not (tmp_path / "course").exists()


def test_same_to_the_byte(edition, tmp_path):
    write_edition(tmp_path / "again")
    assert contents(tmp_path / "again") == contents(edition)


def test_manifest_has_the_hash_of_every_file(edition):
    files = contents(edition)
    manifest = json.loads(files.pop("manifest.json"))
    assert manifest == {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}


def test_nothing_of_the_teachers_is_in_it(edition):
    names = set(contents(edition))
    assert {"README.md", "Makefile", "requirements.lock", "datasets/get_datasets.py"} <= names
    assert not [name for name in names if name.startswith(("zoo", "tests", "coursekit/grading", "coursekit/teacher"))]
    assert b"BEGIN SOLUTION" not in b"".join(
        data for name, data in contents(edition).items() if "coursekit" not in name
    )


def test_no_solved_line_is_left(edition):
    """No line that only an answer has is in its file."""
    for name, path in files_in(PACKAGE).items():
        if path.suffix == ".py" and BEGIN in path.read_text():
            left = set((edition / name).read_text().splitlines())
            assert not left & set(answer_lines(path.read_text()))


def answer_lines(source):
    """The lines that are in answers and nowhere else."""
    inside, answers, given = False, [], set()
    for line in source.splitlines():
        if line.strip() in (BEGIN, END):
            inside = line.strip() == BEGIN
        elif inside:
            answers.append(line)
        else:
            given.add(line)
    return [line for line in answers if line.strip() and line not in given]


def test_every_module_still_compiles(edition):
    for path in edition.rglob("*.py"):
        compile(path.read_text(), str(path), "exec")


def test_commands_of_the_teacher_are_not_offered(edition):
    command = [sys.executable, "-m", "coursekit", "--help"]
    text = subprocess.run(command, cwd=edition, capture_output=True, text=True, check=True).stdout
    assert "progress" in text and "submit" in text and "release" not in text and "store" not in text


def test_notebooks_have_no_outputs_and_no_answers(edition):
    for name in NOTEBOOKS:
        path = edition / notebook_file(name)
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        for cell in notebook.cells:
            assert cell.get("outputs", []) == [] and cell.get("execution_count") is None
            if cell.id.startswith("answer_") and not cell.id.endswith("_compare"):
                assert "*Write your answer here.*" in cell.source
            if "<summary>Compare with an answer" in cell.source:
                lines = cell.source.splitlines()  # nothing that could be copied into the answer, which is marked
                assert lines[2].startswith("*Your teacher shows it") and lines[3] == "</details>"


def fill_in(edition, folder):
    """Put the answers into a copy of the edition as a learner would: into the files, and into the notebooks' cells."""
    write_edition(folder)
    for name, path in files_in(PACKAGE).items():
        (folder / name).write_bytes(path.read_bytes())
    for name in NOTEBOOKS:
        solved = {cell.id: cell.source for cell in nbformat.read(ROOT / notebook_file(name), as_version=4).cells}
        notebook = nbformat.read(folder / notebook_file(name), as_version=4)
        for cell in notebook.cells:
            cell.source = solved[cell.id]
        nbformat.write(notebook, folder / notebook_file(name))


def run_notebook(name, folder):
    path = folder / notebook_file(name)
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(path.parent)}}).execute()
    nbformat.write(notebook, path)


OTHERS = sorted(set(NOTEBOOKS.values()) - {"assignment2"})


@pytest.mark.parametrize(
    "assignment", ["assignment2", *(pytest.param(name, marks=pytest.mark.slow) for name in OTHERS)]
)
def test_filled_in_functions_have_full_marks(edition, tmp_path, assignment):
    fill_in(edition, tmp_path / "filled")
    asked = [question for question in QUESTIONS if NOTEBOOKS[question.notebook] == assignment]
    functions = [question for question in asked if not question.in_notebook]
    assert [v.question.id for v in verdicts(functions, tmp_path / "filled") if not v.ok] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_filled_in_notebooks_have_full_marks(edition, tmp_path, name, monkeypatch):
    fill_in(edition, tmp_path / "filled")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "filled"))
    monkeypatch.setenv("CS231N_DATA", "builtin")
    run_notebook(name, tmp_path / "filled")
    asked = [question for question in QUESTIONS if question.in_notebook and question.notebook == name]
    assert all(saved_verdict(question, tmp_path / "filled").ok for question in asked)


class TestBrokenMarkers:
    """What cannot be stripped is named, with its line or cell."""

    @pytest.mark.parametrize(
        "source, message",
        [
            (f"def affine_forward():\n    {BEGIN}\n    pass\n", "line 2: this solution has no end"),
            (f"def affine_forward():\n    pass\n    {END}\n", "line 3: the solution that ends here has no beginning"),
            (
                f"def affine_forward():\n    {BEGIN}\n    {BEGIN}\n    pass\n",
                "line 3: this solution begins inside another one",
            ),
            (f"def other():\n    {BEGIN}\n    pass\n    {END}\n", "no question implements cs231n.layers:other"),
            (f"x = 1\n{BEGIN}\n{END}\n", "outside any function"),
        ],
    )
    def test_module(self, source, message):
        with pytest.raises(SolutionError, match=message):
            strip_module(source, "cs231n/layers.py")

    def test_notebook_cell_without_a_question(self):
        cell = {"id": "odd", "cell_type": "code", "source": [f"{BEGIN}\n", f"{END}\n"]}
        with pytest.raises(SolutionError, match="the cell 'odd' has a solution"):
            strip_notebook(json.dumps({"cells": [cell]}), "knn.ipynb")

    def test_stub_names_question_and_notebook(self):
        source = f"def affine_forward():\n    {BEGIN}\n    return 1\n    {END}\n"
        stripped = strip_module(source, "cs231n/layers.py")
        assert 'raise NotImplementedError("affine_forward: two_layer_net")' in stripped
        assert "return 1" not in stripped
