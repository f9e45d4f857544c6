"""Running notebooks for grading: by nbval and without it, with a tolerance for numbers; a dead kernel is noticed."""

import contextlib
import re
import sys
import time
from dataclasses import replace

import nbformat
import numpy as np
import pytest
from nbval.plugin import find_comment_markers, find_metadata_tags

from coursekit.grading import judgement
from coursekit.grading.evaluate import Grading, Work
from coursekit.grading.running import kernel, nbval_cells, notebook_run, sandbox
from coursekit.grading.running.cells import Options, options_of
from coursekit.grading.running.nbval_cells import Tolerant
from coursekit.grading.running.reference import NOBODY
from coursekit.grading.settings import Settings
from coursekit.paths import ROOT, SANDBOX, files_in
from coursekit.questions import NOTEBOOKS, find, notebook_file
from coursekit.teacher import first_cell

LEVELS = [
    pytest.param("bubblewrap", marks=pytest.mark.skipif(sandbox.level() != "bubblewrap", reason="no bubblewrap here")),
    "limits",
]


@pytest.mark.parametrize(
    "a, b, same",
    [
        ("loss 0.3", "loss 0.30000000000000004", True),
        ("loss 0.3", "loss 0.31", False),
        ("5 of 6", "5 of 6", True),
        ("5 of 6", "6 of 6", False),
        ("1e-7  ok", "1.0000000001e-07 ok", True),
        ("nan", "nan", True),
        ("nan", "0.0", False),
        ("[1 2 3]", "[1 2]", False),
        ("ok", "wrong", False),
        ("", "0", False),
    ],
)
def test_tolerance(a, b, same):
    assert (Tolerant(a) == Tolerant(b)) is same
    assert (Tolerant(a) != Tolerant(b)) is not same


@pytest.fixture
def without_nbval(monkeypatch):
    """As where nbval cannot be imported."""
    monkeypatch.setattr(notebook_run, "problem_with_nbval", lambda: "ImportError: No module named 'nbval'")


def run(cells, level, monkeypatch, seconds=20.0, idle=10.0):
    """The run of a notebook with these cells: source, and what is stored as printed (None for nothing)."""
    monkeypatch.setattr(notebook_run, "CELL_SECONDS", seconds)
    notebook = nbformat.v4.new_notebook()
    for number, (source, printed) in enumerate(cells):
        outputs = [] if printed is None else [nbformat.v4.new_output("stream", text=printed)]
        cell = nbformat.v4.new_code_cell(source, id=f"cell-{number}", execution_count=1, outputs=outputs)
        notebook.cells.append(cell)
    options = {cell.id: options_of(cell) for cell in notebook.cells}
    monkeypatch.setattr(notebook_run, "_course_options", lambda name: options)
    with contextlib.ExitStack() as stack:
        settings = Settings("assignment1", isolation=level, limits=sandbox.Limits(idle=idle))
        return Grading(Work(notebooks={"knn": notebook}), settings, stack).run_notebook("knn")


def statuses(run):
    return [cell.status for cell in run.cells]


CELLS = [
    ("x = 1; print(0.1 + 0.2)", "0.3\n"),
    ("print(x + 1)", "3\n"),
    ("import sys; print('careful', file=sys.stderr)", None),
    ("# NBVAL_SKIP\nprint('a')", "b\n"),
    ("1 / 0", None),
    ("import cs231n, os; print(os.path.basename(os.getcwd()))", "assignment1\n"),
    ("# NBVAL_RAISES_EXCEPTION\n# NBVAL_IGNORE_OUTPUT\n1 / 0", None),
    ("get_ipython().showtraceback = lambda *a, **k: None; 1 / 0", None),
]


@pytest.mark.parametrize("level", LEVELS)
class TestRun:
    def test_outputs_are_compared(self, level, monkeypatch):
        outcome = run(CELLS, level, monkeypatch)
        assert statuses(outcome) == ["ok", "differs", "ok", "not run", "error", "ok", "ok", "error"], outcome.cells
        assert outcome.state == "differs" and "ZeroDivisionError" in outcome.cells[4].detail
        assert outcome.reason == "3 of 8 cells; the first: cell-1"
        assert "its error was hidden" in outcome.cells[7].detail

    def test_what_the_course_skips_is_no_difference(self, level, monkeypatch):
        outcome = run([("x = 1", None), ("# NBVAL_SKIP\n1 / 0", None)], level, monkeypatch)
        assert statuses(outcome) == ["ok", "not run"] and outcome.state == "as expected"

    def test_first_cell_is_silent(self, level, monkeypatch):
        """It finds what is there of the course in a sandbox, and nothing missing."""
        outcome = run(
            [(first_cell.TEXT, None), ("print(start.__module__)", "coursekit.running.start\n")], level, monkeypatch
        )
        assert statuses(outcome) == ["ok", "ok"], outcome.cells

    def test_dead_kernel_is_known_at_once(self, level, monkeypatch):
        waited = []

        class Timed(kernel.SandboxedKernel):
            def await_reply(self, *args, **options):
                started = time.monotonic()
                try:
                    super().await_reply(*args, **options)
                finally:
                    waited.append(time.monotonic() - started)

        monkeypatch.setattr(notebook_run, "SandboxedKernel", Timed)
        outcome = run([("import os; os._exit(0)", None), ("1", None)], level, monkeypatch, seconds=600.0)
        assert waited[-1] < 20
        assert statuses(outcome) == ["error", "not run"]
        assert "the kernel died" in outcome.cells[0].detail

    def test_endless_loop_ends_at_the_limit(self, level, monkeypatch):
        outcome = run([("while True: pass", None), ("1", None)], level, monkeypatch, seconds=1.0)
        assert statuses(outcome) == ["error", "not run"]
        assert "more than 1 seconds" in outcome.cells[0].detail

    def test_sleep_ends_at_the_limit(self, level, monkeypatch):
        outcome = run([("import time; time.sleep(600)", None), ("1", None)], level, monkeypatch, idle=1.0)
        assert statuses(outcome) == ["error", "not run"]
        assert "does it sleep" in outcome.cells[0].detail

    def test_sleep_in_many_cells(self, level, monkeypatch):
        """Each is short enough; together they are too long."""
        monkeypatch.setattr(kernel, "NOTEBOOK_IDLE", 2)
        outcome = run([("import time; time.sleep(0.9)", None)] * 9, level, monkeypatch, idle=1.5)
        assert statuses(outcome)[0] == "ok" and statuses(outcome)[-1] == "not run"
        assert any("the notebook as a whole slept" in cell.detail for cell in outcome.cells)

    def test_many_slow_cells(self, level, monkeypatch):
        """Each is quick enough; together they take too much processor time."""
        monkeypatch.setattr(kernel, "NOTEBOOK_SECONDS", 4)
        loop = "import time; started = time.process_time()\nwhile time.process_time() < started + 1: pass"
        outcome = run([(loop, None)] * 9, level, monkeypatch)
        assert statuses(outcome)[0] == "ok" and statuses(outcome)[-1] == "not run"
        assert outcome.state == "differs"


class TestWithoutNbval:
    """A notebook runs, and its questions get their values; the report says that outputs were not compared."""

    def test_same_but_for_the_comparison(self, monkeypatch, without_nbval):
        plain = run(CELLS, "limits", monkeypatch)
        assert statuses(plain) == ["ok", "ok", "ok", "not run", "error", "ok", "ok", "error"], plain.cells
        assert "outputs were not compared" in plain.reason and "No module named 'nbval'" in plain.reason

    def test_same_states_values_and_details(self, monkeypatch):
        """Everything that a report shows of cells whose outputs are as stored."""
        cells = [cell for number, cell in enumerate(CELLS) if number != 1]
        by_nbval = run(cells, "limits", monkeypatch)
        monkeypatch.setattr(notebook_run, "problem_with_nbval", lambda: "broken")
        plain = run(cells, "limits", monkeypatch)
        assert (plain.state, statuses(plain)) == (by_nbval.state, statuses(by_nbval))
        assert [cell.detail for cell in plain.cells] == [cell.detail for cell in by_nbval.cells]

    @pytest.mark.parametrize("path", ["nbval", "plain"])
    def test_values_of_questions(self, path, monkeypatch):
        if path == "plain":
            monkeypatch.setattr(notebook_run, "problem_with_nbval", lambda: "broken")
        judged, judge = [], judgement.judged_values
        monkeypatch.setattr(judgement, "judged_values", lambda *given: judged.append(given) or judge(*given))
        outcome, entry = run_with_check(monkeypatch)
        [(question, values)] = judged  # once: what the check shows is the grade
        assert question.id == "svm_search" and values["best_val"] == 0.25
        assert entry.text == outcome.verdicts["svm_search"].text and entry.status == "not attempted"
        np.testing.assert_array_equal(values["best_W"], np.arange(6).reshape(2, 3))
        assert outcome.cells[1].status == "error" and "svm_search: not attempted" in outcome.cells[1].detail
        assert outcome.missing == {}

    @pytest.mark.parametrize("break_it", ["import", "class", "results"])
    def test_any_way_to_be_broken_is_noticed(self, break_it, monkeypatch):
        notebook_run.problem_with_nbval.cache_clear()
        if break_it == "import":
            monkeypatch.delitem(sys.modules, "coursekit.grading.running.nbval_cells")
            monkeypatch.delattr("coursekit.grading.running.nbval_cells")
            monkeypatch.setitem(sys.modules, "nbval.plugin", None)
        elif break_it == "class":
            monkeypatch.delattr(nbval_cells.IPyNbCell, "compare_outputs")
        else:
            monkeypatch.setattr(nbval_cells.IPyNbCell, "compare_outputs", lambda *args: True)
        try:
            assert notebook_run.problem_with_nbval()
        finally:
            notebook_run.problem_with_nbval.cache_clear()

    def test_nbval_works_here(self):
        assert notebook_run.problem_with_nbval() == ""


def run_with_check(monkeypatch):
    """The run of a notebook that hands over values, which are wrong, and the record of its question."""
    check = "check('svm_search', results={}, best_val=0.25, best_W=best_W, X_val=None, y_val=None)"
    answer = "import numpy as np\nfrom coursekit import check\nbest_W = np.arange(6).reshape(2, 3)"
    notebook = nbformat.v4.new_notebook()
    for id_, source in (("svm_search", answer), ("check_svm_search", check)):
        notebook.cells.append(nbformat.v4.new_code_cell(source, id=id_, execution_count=1))
    with contextlib.ExitStack() as stack:
        grading = Grading(Work(notebooks={"svm": notebook}), Settings("assignment1", isolation="limits"), stack)
        return grading.run_notebook("svm"), grading.question_record(replace(find("svm_search"), builds_on=()))


@pytest.mark.parametrize("questions, whole", [((), True), (("svm_search",), False)])
def test_a_run_for_questions_alone_ends_with_their_checks(questions, whole, monkeypatch):
    """Follow-through, too, needs no later cell; the record of a notebook needs all."""
    ran, notebook = [], nbformat.v4.new_notebook()
    for id_ in ("svm_search", "check_svm_search", "play"):
        notebook.cells.append(nbformat.v4.new_code_cell("pass", id=id_))

    def stand_in(notebook, *_):
        ran.append([cell["id"] for cell in notebook["cells"]])
        return notebook_run.NotebookRun(missing={"svm_search": ("not attempted", "")})

    monkeypatch.setattr(notebook_run, "run_notebook", stand_in)
    with contextlib.ExitStack() as stack:
        settings = Settings("assignment1", isolation="limits", questions=questions)
        grading = Grading(Work(notebooks={"svm": notebook}), settings, stack)
        question, asked = replace(find("svm_search"), builds_on=()), ("svm_loss_naive",)
        grading.grade(question)
        monkeypatch.setattr(grading, "_reference", lambda *_: contextlib.nullcontext(NOBODY))
        grading.grade(question, asked)
    short = ["svm_search", "check_svm_search"]
    assert ran == [[*short, "play"] if whole else short, short]


@pytest.mark.parametrize(
    "source, tags",
    [
        ("x", []),
        ("# NBVAL_IGNORE_OUTPUT\nx", []),
        ("  #NBVAL_SKIP", ["nbval-ignore-output"]),
        ("# NBVAL_RAISES_EXCEPTION", ["nbval-check-output"]),
        ("# nbval_skip\n# NBVAL_SKIP it", ["raises-exception", "other"]),
    ],
)
def test_options_are_those_of_nbval(source, tags):
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": tags})
    by_nbval = {"check": True} | dict(find_metadata_tags(cell.metadata)) | dict(find_comment_markers(source))
    assert options_of(cell) == Options(**by_nbval)


def test_what_is_not_graded_is_run_by_nbval_alone():
    cell = nbformat.v4.new_code_cell("x", metadata={"tags": ["nbval-ignore-output", "not-graded"]})
    assert options_of(cell).skip and not dict(find_metadata_tags(cell.metadata)).get("skip")


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_what_the_sandbox_lacks_is_imported_only_by_cells_that_are_not_graded(name):
    notebook = nbformat.read(ROOT / notebook_file(name), as_version=4)
    provided = {file.removesuffix(".py").replace("/", ".") for file in files_in(SANDBOX)} | {"coursekit"}
    for cell in notebook.cells:
        modules = set(re.findall(r"^ *from (coursekit[.\w]*) import", cell.source, re.MULTILINE))
        assert cell.cell_type != "code" or modules <= provided or options_of(cell).skip, cell.id
