"""Notebooks without questions: learners have them as they are, nobody submits them, and they run without PyTorch."""

import os

import nbformat
import pytest
from nbclient import NotebookClient

from coursekit.grading.intake.archive import open_submission
from coursekit.grading.intake.sources import Source
from coursekit.learner import start_page, submission
from coursekit.learner.memory import Memory, states
from coursekit.paths import LEARNER, ROOT, files_in
from coursekit.questions import COMPANIONS, NOTEBOOKS, notebook_file
from coursekit.teacher.solutions import strip_notebook

each_companion = pytest.mark.parametrize("name", COMPANIONS)
WITHOUT_TORCH = """
import sys


class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "torch":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Nothing())
"""


@each_companion
def test_it_is_given_to_learners_and_not_asked_back(name):
    """It is among the learner's files and in no submission; no notebook with questions has its name."""
    assert notebook_file(name) in files_in(LEARNER)
    assert not any(notebook_file(name) in submission.allowed(each) for each in submission.assignments())
    assert name not in NOTEBOOKS and COMPANIONS[name] in submission.assignments()


@each_companion
def test_learners_have_it_without_outputs(name):
    path = ROOT / notebook_file(name)
    given = nbformat.reads(strip_notebook(path.read_text(encoding="utf-8"), path.name), as_version=4)
    assert [cell.source for cell in given.cells] == [cell.source for cell in nbformat.read(path, as_version=4).cells]
    assert not any(cell.get("outputs") for cell in given.cells)


@each_companion
def test_one_that_is_submitted_all_the_same_is_left_alone(name, tmp_path):
    """It is ignored, and is never taken for a notebook that is missing."""
    path = tmp_path / notebook_file(name)
    path.parent.mkdir(parents=True)
    path.write_bytes((ROOT / notebook_file(name)).read_bytes())
    modules = submission.modules(COMPANIONS[name])
    for module in modules:
        (tmp_path / module).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / module).write_bytes((ROOT / module).read_bytes())
    opened = open_submission(Source("x", "x", tmp_path), COMPANIONS[name])
    assert set(opened.files) == set(modules) and not any(name in remark for remark in opened.remarks)


def test_without_torch_one_sentence_says_so(tmp_path, monkeypatch):
    """Where PyTorch is not installed, the first cell says so and all others do nothing, without an error."""
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_TORCH)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(ROOT)]))
    path = ROOT / notebook_file("PyTorch")
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(path.parent)}}).execute()
    start, first, *others = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not start.outputs
    assert "".join(output.text for output in first.outputs).startswith("PyTorch is not installed")
    assert not any(cell.outputs for cell in others)


@each_companion
def test_the_start_page_links_to_it(name):
    assert f"]({notebook_file(name)})" in start_page.page(states(memory=Memory({})), Memory({}))
