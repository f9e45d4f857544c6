"""What a notebook's first cell sets up: edits are loaded at once and quietly, and a cell names the answer it needs."""

import os
import shutil
import subprocess
import sys

import nbformat
import pytest
from nbclient import NotebookClient

from coursekit.paths import PACKAGE, ROOT, SANDBOX, files_in
from coursekit.running import notebook

SETUP = "from coursekit import check, inputs, prepare_notebook\nimport cs231n.trial\nprepare_notebook()"
FIRST = "def f():\n    return 'first'\n"


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A copy of the code with one small module more."""
    folder = tmp_path_factory.mktemp("course")
    ignore = shutil.ignore_patterns("__pycache__", "saved")
    for package in ("cs231n", "coursekit"):
        shutil.copytree(ROOT / package, folder / package, ignore=ignore)
    return folder


def run(course, *sources):
    """Run cells one after the other, whatever they raise; what each shows, as a text, without the setup's."""
    (course / "cs231n" / "trial.py").write_text(FIRST)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in (SETUP, *sources)])
    client = NotebookClient(notebook, timeout=60, allow_errors=True, resources={"metadata": {"path": str(course)}})
    client.execute()
    return ["".join(_text(output) for output in cell.outputs) for cell in notebook.cells[1:]]


def _text(output):
    if output.output_type == "error":
        return "\n".join(output.traceback) + "\n"
    return output.get("text", "") or output.get("data", {}).get("text/plain", "")


@pytest.fixture(autouse=True)
def importable(course, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(course))


def write(source):
    """A cell that saves another version of the module, and makes sure that its time differs."""
    return (
        "import os, pathlib; path = pathlib.Path('cs231n/trial.py'); before = path.stat().st_mtime\n"
        f"path.write_text({source!r}); os.utime(path, (before + 5, before + 5));"
    )


def test_an_edit_is_loaded_before_the_next_cell(course):
    show = "print(cs231n.trial.f())"
    assert run(course, show, write(FIRST.replace("first", "the second")), show)[::2] == ["first\n", "the second\n"]


METHOD = "class C:\n    def f(self):\n        return 1\n\n    def g(self):\n        return {}\n"


def test_an_edited_method_keeps_its_line_and_its_class(course):
    """Or errors point at the wrong line, and `inputs` does not recognise the function that a check calls."""
    show = "code = cs231n.trial.C.g.__code__; print(code.co_qualname, code.co_firstlineno, cs231n.trial.C().g())"
    edits = [(write(METHOD.format(result)), show) for result in ("1", "1 / 1", "2")]
    shown = run(course, *(cell for pair in edits for cell in pair))
    assert (shown[3], shown[5]) == ("C.g 5 1.0\n", "C.g 5 2\n")


def test_the_setup_cell_says_nothing_however_often_it_runs(course):
    assert run(course, SETUP, SETUP) == ["", ""]


BROKEN = {
    "def f()\n    return 1\n": "cs231n/trial.py, line 1: expected ':' (the version loaded before is still in use)",
    "def f():\nreturn 1\n": "cs231n/trial.py, line 2: expected an indented block after function definition on line 1",
    "import torchx\n" + FIRST: "cs231n/trial.py: ModuleNotFoundError: No module named 'torchx' (the version",
    "x = 1 / 0\n" + FIRST: "cs231n/trial.py: ZeroDivisionError: division by zero (the version loaded before",
}


def test_a_file_that_cannot_be_loaded_is_named_in_one_line_once(course):
    cells = [cell for source in BROKEN for cell in (write(source), "print(cs231n.trial.f())", "print(1)")]
    shown = run(course, *cells)
    for said, again, message in zip(shown[1::3], shown[2::3], BROKEN.values(), strict=True):
        line, result = said.splitlines()
        assert line.startswith(message) and result == "first"
        assert again == "1\n"


@pytest.mark.parametrize(
    "cell", ["import sys\nsys.exit()", "raise SystemExit", "def f():\n    quit_ = SystemExit(3)\n    raise quit_\nf()"]
)
def test_a_cell_that_exits_says_so_in_one_line(course, cell):
    assert run(course, cell, "print(1)") == [notebook.EXITED + "\n", "1\n"]


OPEN = "best, results = None, {}\nraise NotImplementedError('svm_search: svm')"
NEEDS = "This cell needs svm_search (notebook svm), which is not answered yet."


CAUSES = {
    "best.predict(1)": "AttributeError: 'NoneType' object has no attribute 'predict'",
    "max(results)": "ValueError: max() ",
    "[image for image in best]": "TypeError: 'NoneType' object is not iterable",
    "results['a']": "KeyError: 'a'",
}


def test_a_cell_names_the_question_that_it_needs(course):
    for shown, cause in zip(run(course, OPEN, *CAUSES)[1:], CAUSES.values(), strict=True):
        first, second = shown.splitlines()
        assert first == NEEDS and second.strip().startswith(f"({cause}")


def test_what_depends_on_such_a_cell_needs_it_too(course):
    assert run(course, OPEN, "W = best.W\nb = 1", "W + 1")[2].splitlines()[0] == NEEDS


def test_an_object_whose_method_failed_is_not_complete(course):
    """Such as a solver whose training stopped at a function that is not written yet; other names are left alone."""
    solver = (
        "class Solver:\n    def __init__(self): self.losses = []\n"
        "    def train(self): raise NotImplementedError('sgd: two_layer_net')\n"
        "rng, solver = [3], Solver()\nsolver.train()"
    )
    shown = run(course, solver, "max(solver.losses)", "rng.foo")
    assert shown[1].splitlines()[0] == "This cell needs sgd (notebook two_layer_net), which is not answered yet."
    assert "'list' object has no attribute 'foo'" in shown[2] and "This cell needs" not in shown[2]
    assert run(course, solver, "solver = Solver()", "max(solver.losses)")[2].count("This cell needs") == 0


def test_what_a_check_says_is_not_attempted_is_needed(course):
    arguments = "results={}, best_val=None, best_W=None if net is None else net.W, X_val=None, y_val=None"
    cells = ("net = None", f"check('svm_search', {arguments})", "net.W")
    assert run(course, *cells)[2].splitlines()[0] == NEEDS


def test_a_cell_names_the_function_that_it_waits_for(course):
    """In two lines, in place of a traceback; an error of another kind stays as it is."""
    unwritten = "def f():\n    raise NotImplementedError('sgd: two_layer_net')\n"
    shown = run(course, write(unwritten), "cs231n.trial.f()", "raise NotImplementedError('f: later')")
    assert shown[1].splitlines() == [
        "This cell needs sgd (notebook two_layer_net), which is not written yet.",
        "  Write it in cs231n/trial.py, line 2, save the file, then run this cell again.",
    ]
    assert "Traceback" in shown[2] and "f: later" in shown[2]


def test_a_bar_is_shown_where_somebody_looks_on_and_nowhere_else(course, monkeypatch):
    """Not where nbval or grading runs a notebook: the outputs must be the same each time."""
    cell = (
        "from coursekit.running import bar\nfrom cs231n import _watched\nbar.AFTER = bar.EVERY = 0\n"
        "sum(_watched.watched(range(3), 'training'))"
    )
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    assert run(course, cell) == ["3"]
    monkeypatch.setenv("JPY_SESSION_NAME", "x.ipynb")
    assert run(course, cell + "; print(_watched.watcher is not None)") == ["True\n"]


def test_the_time_of_a_cell_that_counts_nothing_is_shown(course, monkeypatch):
    """From a thread, while the cell runs; when it has ended, nothing is left."""
    monkeypatch.setenv("JPY_SESSION_NAME", "x.ipynb")
    cell = (
        "import time\nfrom coursekit.running import bar\nfrom IPython.display import DisplayHandle as handle\n"
        "bar.SILENT, told, update = 0.01, [], handle.update\n"
        "handle.update = lambda self, data, **options: (told.append(data['text/plain']), update(self, data, **options))"
    )
    wait = "from cs231n import _watched\nbar = _watched.watcher.__self__\nwhile bar.handle is None: time.sleep(0.01)"
    assert run(course, cell, wait, "print(told[-1:], bar.handle)")[-1] == "[''] None\n"


OTHERS = {
    "x = None; y = x.foo": "'NoneType' object has no attribute 'foo'",  # no question behind it
    "nosuch": "name 'nosuch' is not defined",
    "1 / 0": "division by zero",
    "best = 3\nbest.foo": "'int' object has no attribute 'foo'",  # the cell's own value
    "best.foo": "'int' object has no attribute 'foo'",  # answered since
}


def test_other_errors_stay_as_they_are(course):
    for shown, error in zip(run(course, OPEN, *OTHERS)[1:], OTHERS.values(), strict=True):
        assert "This cell needs" not in shown and "Traceback" in shown and error in shown


def test_outside_of_a_notebook_nothing_happens():
    from coursekit import prepare_notebook

    assert prepare_notebook() is None


def test_the_first_cell_runs_where_notebooks_are_graded(tmp_path):
    """There only some of the course's files are, without the judge; what helps a reader shows nothing there."""
    for name, path in files_in((*SANDBOX, *PACKAGE)).items():
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    source = (
        "from coursekit import check, check_gradient, hint, inputs, prepare_notebook, solution\n"
        "prepare_notebook(); hint('sgd'); solution('sgd'); print(inputs('sgd').dw.shape)"
    )
    env = {**os.environ, "PYTHONPATH": str(tmp_path), "COURSEKIT_GRADING": "nonce"}
    command = [sys.executable, "-P", "-c", source]
    shown = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert (shown.stdout, shown.stderr) == ("(3, 4)\n", "")
