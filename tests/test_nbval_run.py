"""Running notebooks for grading: numbers are compared with a tolerance, a kernel that is gone is known at once."""

import contextlib
import time

import nbformat
import pytest

from coursekit.grading.evaluate import Grading, Settings, Work
from coursekit.grading.running import notebook_run, sandbox
from coursekit.grading.running.notebook_run import Tolerant

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


def run(cells, level, monkeypatch, seconds=20.0):
    """The run of a notebook with these cells: source, and what is stored as printed (None for nothing)."""
    monkeypatch.setattr(notebook_run, "_ours", lambda name: {f"cell-{i}": {} for i in range(len(cells))})
    monkeypatch.setattr(notebook_run, "CELL_SECONDS", seconds)
    notebook = nbformat.v4.new_notebook()
    for number, (source, printed) in enumerate(cells):
        outputs = [] if printed is None else [nbformat.v4.new_output("stream", text=printed)]
        cell = nbformat.v4.new_code_cell(source, id=f"cell-{number}", execution_count=1, outputs=outputs)
        notebook.cells.append(cell)
    with contextlib.ExitStack() as stack:
        settings = Settings("assignment1", isolation=level)
        return Grading(Work(notebooks={"knn": notebook}), settings, stack).run_notebook("knn")


def statuses(run):
    return [cell["status"] for cell in run.cells]


@pytest.mark.parametrize("level", LEVELS)
class TestRun:
    def test_outputs_are_compared(self, level, monkeypatch):
        cells = [
            ("x = 1; print(0.1 + 0.2)", "0.3\n"),
            ("print(x + 1)", "3\n"),
            ("import sys; print('careful', file=sys.stderr)", None),
            ("# NBVAL_SKIP\nprint('a')", "b\n"),
            ("1 / 0", None),
            ("import cs231n, os; print(os.path.basename(os.getcwd()))", "assignment1\n"),
        ]
        outcome = run(cells, level, monkeypatch)
        assert statuses(outcome) == ["ok", "differs", "ok", "differs", "error", "ok"], outcome.cells
        assert outcome.state == "differs" and "ZeroDivisionError" in outcome.cells[4]["detail"]

    def test_dead_kernel_is_known_at_once(self, level, monkeypatch):
        waited = []

        class Timed(notebook_run.SandboxedKernel):
            def await_reply(self, *args, **options):
                started = time.monotonic()
                try:
                    super().await_reply(*args, **options)
                finally:
                    waited.append(time.monotonic() - started)

        monkeypatch.setattr(notebook_run, "SandboxedKernel", Timed)
        outcome = run([("import os; os._exit(0)", None), ("1", None)], level, monkeypatch, seconds=600.0)
        assert waited[-1] < 2
        assert statuses(outcome) == ["error", "not run"]
        assert "the kernel died" in outcome.cells[0]["detail"]

    def test_endless_loop_ends_at_the_limit(self, level, monkeypatch):
        outcome = run([("while True: pass", None), ("1", None)], level, monkeypatch, seconds=1.0)
        assert statuses(outcome) == ["error", "not run"]
        assert "longer than 1 seconds" in outcome.cells[0]["detail"]
