"""Run the cells of a notebook with nbval's classes, and compare their outputs with the stored ones.

nbval calls pytest by names that pytest does not promise to keep, so whether the two fit is tried out before any
submission: see `require_working`.
"""

import contextlib
import math
import re
import tempfile
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import _pytest.config
import nbformat
import pytest
from nbval.plugin import IPyNbCell, IPyNbFile, NbCellError

from coursekit.grading.record import CellStatus
from coursekit.grading.running.cells import LEARNERS_OWN, RAISED, SKIPPED, Options, Session, detail_of

TOLERANCE = 1e-6  # of numbers in outputs
DIFFERS = "Cell outputs differ"  # nbval's words


@contextlib.contextmanager
def nbval_cells(notebook: Any, options: dict[str, Options], session: Session) -> Iterator[list["NbvalCell"]]:
    """The code cells of a notebook; `options` are those of the course's cells, by id."""
    with tempfile.TemporaryDirectory(prefix="notebook-") as folder:
        path = Path(folder, "notebook.ipynb")
        nbformat.write(nbformat.from_dict(notebook), path)
        file = NbvalFile.from_parent(_pytest_session(path, session.cell_seconds), path=path)
        file.kernel, file.running, file.course_options = session.kernel, session, options
        file.skip_compare += ("stderr",)  # warnings are nobody's fault
        yield list(file.collect())


def _pytest_session(path: Path, cell_seconds: float) -> pytest.Session:
    """A session of pytest that reads nobody's settings and nobody's conftest."""
    options = ["--rootdir", str(path.parent), "-c", "/dev/null", "--noconftest", "--color=no", "--nbval-current-env"]
    options += ["--nbval-cell-timeout", str(cell_seconds), "-p", "no:cacheprovider", str(path)]
    config = _pytest.config.get_config([])
    config.parse(options)
    return pytest.Session.from_config(config)


class NbvalFile(IPyNbFile):
    """A notebook whose options come from the course's cells, never from a learner's comments or tags."""

    running: Session  # pytest has a `session` of its own
    course_options: dict[str, Options]

    def collect(self) -> Iterator["NbvalCell"]:
        """The code cells."""
        for item in super().collect():
            options = self.course_options.get(item.cell.id, LEARNERS_OWN)
            yield NbvalCell.from_parent(
                self,
                name=item.cell.id,
                cell_num=item.cell_num,
                cell=item.cell,
                options=defaultdict(bool, asdict(options)),
            )

    def get_kernel_message(self, timeout: float | None = None, stream: str = "iopub") -> dict:
        """The next message of the session."""
        return self.running.next_message(timeout or self.running.cell_seconds)


class NbvalCell(IPyNbCell):
    """A code cell; its outputs are compared."""

    @property
    def id(self) -> str:
        """The id of the cell."""
        return self.name

    @property
    def may_fail(self) -> bool:
        """Whether it may raise an error."""
        return self.options["check_exception"]

    def run(self) -> tuple[CellStatus, str]:
        """Run it; its status, and what there is to say about it."""
        if self.options["skip"]:
            return CellStatus.NOT_RUN, SKIPPED
        if not self.options["check"]:
            self.cell.outputs = []
        try:
            self.runtest()
        except NbCellError as error:
            status = CellStatus.DIFFERS if DIFFERS in str(error) else CellStatus.ERROR
            return status, detail_of(str(error), (error.inner_traceback or "").strip("\n"))
        return CellStatus.OK, ""

    def compare_outputs(self, test: list, ref: list, skip_compare: tuple | None = None) -> bool:
        """Compare as nbval does, without empty streams."""
        return super().compare_outputs([o for o in test if o.get("text") != ""], ref, skip_compare)

    def sanitize(self, s: Any) -> Any:
        """A text that equals another one where only rounding differs."""
        text = super().sanitize(s)
        return Tolerant(text) if isinstance(text, str) else text


class Tolerant(str):
    """A text that equals another one with the same words and, but for rounding, the same numbers."""

    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, str) or str.__eq__(self, other):
            return isinstance(other, str)
        own, others = _NUMBER.split(self), _NUMBER.split(other)
        if [word.split() for word in own[::2]] != [word.split() for word in others[::2]]:
            return False
        pairs = zip(own[1::2], others[1::2], strict=True)
        return all(a == b or math.isclose(float(a), float(b), rel_tol=_tolerance(a, b)) for a, b in pairs)

    def __ne__(self, other: object) -> bool:
        return not self == other


_NUMBER = re.compile(r"([-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)")


def _tolerance(a: str, b: str) -> float:
    """Whole numbers must be equal; others may differ by rounding."""
    return 0.0 if a.isdigit() and b.isdigit() else TOLERANCE


# ---- does nbval work here?


def require_working() -> None:
    """Run a tiny notebook with a stand-in for the kernel; raises where nbval does not fit what is installed."""
    stream = {"msg_type": "stream", "content": {"name": "stdout", "text": "0.3\n"}}
    error = {"msg_type": "error", "content": {"ename": "E", "evalue": "e", "traceback": ["E: e"]}}
    ok, differs, failed = CellStatus.OK, CellStatus.DIFFERS, CellStatus.ERROR
    tries = [("0.30000000000000004\n", stream, ok), ("0.4\n", stream, differs), ("", error, failed)]
    notebook = nbformat.v4.new_notebook(cells=[_cell_that_printed(text) for text, _, _ in tries])
    options = {cell.id: Options() for cell in notebook.cells}
    kernel = _StandIn([message for _, message, _ in tries])
    with nbval_cells(notebook, options, Session(kernel, kernel.get_message, 1.0)) as cells:
        results = [cell.run() for cell in cells]
    if [status for status, _ in results] != [status for _, _, status in tries] or RAISED not in results[2][1]:
        raise RuntimeError(f"it gives other results than expected: {results}")


def _cell_that_printed(text: str) -> Any:
    outputs = [nbformat.v4.new_output("stream", text=text)] if text else []
    return nbformat.v4.new_code_cell("0", execution_count=1, outputs=outputs)


class _StandIn:
    """Replies to each cell with the next of some messages."""

    def __init__(self, messages: list[dict]) -> None:
        self.messages, self.queue = deque(messages), deque[dict]()

    def is_alive(self) -> bool:
        return True

    def execute_cell_input(self, cell_input: str, allow_stdin: bool | None = None) -> str:
        idle = {"msg_type": "status", "content": {"execution_state": "idle"}}
        self.queue.extend(message | {"parent_header": {"msg_id": "1"}} for message in (self.messages.popleft(), idle))
        return "1"

    def await_reply(self, msg_id: str, timeout: float | None = None) -> None:
        pass

    def await_idle(self, msg_id: str, timeout: float | None = None) -> None:
        self.queue.clear()

    def get_message(self, timeout: float | None = None) -> dict:
        return self.queue.popleft()
