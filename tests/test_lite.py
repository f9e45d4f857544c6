"""The edition for browsers: it can be built, and holds the learner's edition with a page on what differs."""

import json
from importlib.util import find_spec

import pytest

from coursekit.learner import first_forms
from coursekit.paths import LEARNER, files_in
from coursekit.questions import NOTEBOOKS, notebook_file
from coursekit.running.start import NEEDED
from coursekit.teacher import lite

ABSENT = [name for name in lite.TOOLS if find_spec(name) is None]


def require_files(folder):
    """The learner's edition without what a browser cannot use, and the page in place of its README."""
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    wanted = {name for name in files_in(LEARNER) if not name.startswith(lite._LEFT_OUT)}
    assert names == wanted | {"README.md", "manifest.json", first_forms.FILE}
    assert (folder / "README.md").read_bytes() == lite.PAGE.read_bytes()
    for name in NOTEBOOKS:
        notebook = json.loads((folder / notebook_file(name)).read_text(encoding="utf-8"))
        assert notebook["metadata"]["kernelspec"]["name"] == "python"  # that of Pyodide
        assert not any("BEGIN SOLUTION" in "".join(cell["source"]) for cell in notebook["cells"])


def test_files(tmp_path):
    lite.write_files(tmp_path)
    require_files(tmp_path)


def test_the_page_says_what_does_not_work():
    text = lite.PAGE.read_text(encoding="utf-8")
    for word in ("process", "thread", "CIFAR-10 cannot be downloaded", "terminal", "no time limit", "make doctor"):
        assert word in text


def test_without_jupyterlite(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(lite, "find_spec", lambda name: None)
    assert lite.build(tmp_path / "out") == 1
    assert "-m pip install jupyterlite-core jupyterlite-pyodide-kernel" in capsys.readouterr().out


@pytest.mark.skipif(bool(ABSENT), reason=f"not installed: {', '.join(ABSENT)}")
def test_build(tmp_path, capsys):
    """A page that opens, the files in it and in its lists, and a kernel that loads what notebooks import."""
    out = tmp_path / "out"
    assert lite.build(out) == 0, capsys.readouterr().out
    require_files(out / "files")
    settings = json.loads((out / "jupyter-lite.json").read_text(encoding="utf-8"))["jupyter-config-data"]
    options = settings["litePluginSettings"][lite._PYODIDE]["loadPyodideOptions"]
    assert options["packages"] == list(NEEDED)
    assert any("pyodide-kernel" in extension["name"] for extension in settings["federated_extensions"])
    listed = json.loads((out / "api/contents/assignments/assignment1/all.json").read_text(encoding="utf-8"))
    assert "knn.ipynb" in [entry["name"] for entry in listed["content"]]
    assert (out / "lab" / "index.html").is_file()
    assert lite.build(out) == 1 and "is not empty" in capsys.readouterr().out
