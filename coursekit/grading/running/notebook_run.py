"""Run a learner's notebook for grading: the kernel in the sandbox, all that judges outside.

It serves the report, and it brings out the values of the questions that are answered in notebooks. What a cell may
skip or ignore is read from the course's notebook, never from a learner's comment or tag; a kernel that dies is noticed
at once; a cell whose error was hidden from view has failed all the same.

Cells are run by nbval, which also compares their outputs with the stored ones. Where nbval does not work with what is
installed, they run without it: the values and the verdicts are the same, and the report says that outputs were not
compared.
"""

import contextlib
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from queue import Empty
from typing import Any

import nbformat

from coursekit.core import serialization
from coursekit.core.question import Question, Status
from coursekit.grading.record import CellRecord, CellStatus, NotebookState
from coursekit.grading.running import sandbox
from coursekit.grading.running.cells import SKIPPED, Cell, Options, Session, code_cells, options_of, plain_cells
from coursekit.grading.running.kernel import KernelEnded, SandboxedKernel
from coursekit.grading.running.reference import NOBODY, Reference
from coursekit.grading.settings import Settings
from coursekit.paths import ROOT
from coursekit.questions import NOTEBOOKS, all_questions, notebook_file
from coursekit.running.handover import HANDED_OVER

# Of processor time. The course's slowest cells take 40 on a machine with nothing else to do, and several times as many
# on a crowded one.
CELL_SECONDS = 300.0


@dataclass
class NotebookRun:
    """The result of running a notebook.

    Parameters
    ----------
    state : NotebookState
    reason : str
    cells : list of CellRecord
    verdicts : dict
        What `judge_values` made of the values of each notebook question whose check was reached, by the question's id.
        The values themselves, which can be large, are not kept.
    missing : dict
        Status and reason of each notebook question whose check was not reached.
    ended_at : str
        The id of the cell that ended the kernel; "" if none did.
    memory : int
        The most bytes of memory that were seen in use.
    """

    state: NotebookState = NotebookState.AS_EXPECTED
    reason: str = ""
    cells: list[CellRecord] = field(default_factory=list)
    verdicts: dict[str, Any] = field(default_factory=dict)
    missing: dict[str, tuple[Status, str]] = field(default_factory=dict)
    ended_at: str = ""
    memory: int = 0


def run_notebook(
    notebook: dict,
    name: str,
    folder: Path,
    settings: Settings,
    judge_values: Callable[[str, dict], Any],
    earlier: Reference = NOBODY,
) -> NotebookRun:
    """Run a notebook.

    Parameters
    ----------
    notebook : dict
        The course's, with its outputs and with the learner's answers in it.
    name : str
        Of the notebook, such as "knn".
    folder : Path
        The workspace to run in, from `workspace.build`.
    settings : Settings
    judge_values : callable
        Takes the id of a question and its values; returns the verdict, which has a `status` and a `text` to show. It is
        called once for each check that runs.
    earlier : Reference, optional
        Answers earlier questions.

    Returns
    -------
    NotebookRun
    """
    nonce = secrets.token_hex(16)
    with contextlib.ExitStack() as stack:
        try:
            kernel = SandboxedKernel(folder, Path("assignments", NOTEBOOKS[name]), settings, nonce, earlier)
        except (RuntimeError, sandbox.SandboxError, OSError, Empty, KernelEnded) as error:
            return NotebookRun(NotebookState.INFRASTRUCTURE_ERROR, f"the kernel does not start: {error}")
        stack.callback(kernel.stop)
        checks = Checks(kernel, nonce, judge_values)
        session = Session(kernel, checks.next_message, settings.cell_seconds or CELL_SECONDS)
        run = checks.run_all(stack.enter_context(_open_cells(notebook, _course_options(name), session)))
        run.memory = kernel.memory
        return run


@contextlib.contextmanager
def _open_cells(notebook: dict, options: dict[str, Options], session: Session) -> Iterator[Sequence[Cell]]:
    if problem_with_nbval():
        yield plain_cells(notebook, options, session)
        return
    from coursekit.grading.running.nbval_cells import nbval_cells

    with nbval_cells(notebook, options, session) as cells:
        yield cells


@cache
def problem_with_nbval() -> str:
    """Why nbval does not work here; "" if it does."""
    try:
        from coursekit.grading.running import nbval_cells

        nbval_cells.require_working()
    except Exception as error:  # it may fail anywhere: at its import, in its classes, in what it calls of pytest
        return f"{type(error).__name__}: {error}"
    return ""


def _course_options(name: str) -> dict[str, Options]:
    """The options of each code cell of the course's notebook, by its id."""
    notebook = nbformat.read(ROOT / notebook_file(name), as_version=4)
    return {cell["id"]: options_of(cell) for cell in code_cells(notebook)}


class Checks:
    """The checks of a notebook while it runs: takes the values that they hand over, shows the verdicts in return."""

    def __init__(self, kernel: SandboxedKernel, nonce: str, judge_values: Callable[[str, dict], Any]) -> None:
        self.kernel, self.nonce, self.judge_values = kernel, nonce, judge_values
        self.result = NotebookRun()
        self.passed: set[str] = set()
        self.checking = ""  # the question whose check cell runs now

    # ---- cells

    def run_all(self, cells: Sequence[Cell]) -> NotebookRun:
        """Run the cells one after the other, as long as the kernel lives."""
        for cell in cells:
            question = question_checked_by(cell.id)
            self.checking = question.id if question else ""
            was_alive = self.kernel.ended is None
            status, detail = self._run(cell)
            if was_alive and self.kernel.ended is not None:
                self.result.ended_at = cell.id
            self.result.cells.append(CellRecord(cell.id, status, detail))
            if question and question.in_notebook and question.id not in self.result.verdicts:
                unreached = Status.NOT_ATTEMPTED, f"its check did not run: {detail}"[:300]
                self.result.missing.setdefault(question.id, self.kernel.ended or unreached)
        self._conclude()
        return self.result

    def _run(self, cell: Cell) -> tuple[CellStatus, str]:
        if self.kernel.ended:
            return CellStatus.NOT_RUN, self.kernel.ended[1]
        try:
            status, detail = cell.run()
        except KernelEnded as error:
            return CellStatus.ERROR, str(error)
        except Exception as error:  # whatever a kernel sends
            reason = f"what the kernel sent cannot be read ({type(error).__name__})"
            self.kernel.finish(Status.CRASHED, reason)
            return CellStatus.ERROR, reason
        hidden = self._hidden_failure(cell) if status == CellStatus.OK else ""
        return (CellStatus.ERROR, hidden) if hidden else (status, detail)

    def _hidden_failure(self, cell: Cell) -> str:
        """What is wrong with a cell that shows no error; "" if nothing is."""
        if self.kernel.last_status == "error" and not cell.may_fail:
            return "The cell failed, and its error was hidden"
        if self.checking and self.checking not in self.passed:
            return "The check itself did not report: something else ran instead"
        return ""

    def _conclude(self) -> None:
        as_wanted = ((CellStatus.OK, ""), (CellStatus.NOT_RUN, SKIPPED))
        bad = [cell for cell in self.result.cells if (cell.status, cell.detail) not in as_wanted]
        reasons = []
        if bad:
            self.result.state = NotebookState.DIFFERS
            reasons.append(f"{len(bad)} of {len(self.result.cells)} cells; the first: {bad[0].id}")
        if problem := problem_with_nbval():
            reasons.append(f"outputs were not compared, because nbval does not work here ({problem})")
        self.result.reason = "; ".join(reasons)

    # ---- messages

    def next_message(self, timeout: float) -> dict:
        """The kernel's next message; values that a check hands over are replaced by the verdict on them."""
        try:
            message = self.kernel.get_message(timeout=timeout)
        except Empty:
            self.kernel.finish(Status.CRASHED, "the kernel replied, but its outputs did not arrive")
            raise KernelEnded("the kernel replied, but its outputs did not arrive") from None
        content = message["content"]
        if message["msg_type"] != "display_data" or HANDED_OVER not in content.get("data", {}):
            return message
        return message | self._reply(content["data"][HANDED_OVER], message.get("buffers", ()))

    def _reply(self, question_id: str, buffers: Any) -> dict:
        """The message that replaces values: what the check would have printed or raised."""
        values = self._values_in(question_id, buffers) if question_id == self.checking else None
        if values is None:
            return _stream("")  # only the course's own check cell speaks for a question
        verdict = self.judge_values(question_id, values)
        if all_questions()[question_id].in_notebook:
            self.result.verdicts.setdefault(question_id, verdict)  # the first counts
        if verdict.status != Status.OK:
            return _error(verdict.text)
        self.passed.add(question_id)
        return _stream(verdict.text + "\n")

    def _values_in(self, question_id: str, buffers: Any) -> dict | None:
        """The values that a check sent; None for anything else."""
        try:
            [data] = buffers
            sent = serialization.unpack(bytes(data))
            if sent["nonce"] != self.nonce or sent["question"] != question_id:
                return None
            return dict(sent["values"])
        except (ValueError, TypeError, KeyError):
            return None


def question_checked_by(cell_id: str) -> Question | None:
    """The question that a cell checks, or None."""
    return all_questions().get(cell_id.removeprefix("check_")) if cell_id.startswith("check_") else None


def _stream(text: str) -> dict:
    return {"msg_type": "stream", "content": {"name": "stdout", "text": text}}


def _error(text: str) -> dict:
    content = {"ename": "CheckFailed", "evalue": text, "traceback": text.splitlines()}
    return {"msg_type": "error", "content": content}
