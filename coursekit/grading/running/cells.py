"""Run the cells of a notebook in a kernel, by `jupyter_client` alone.

This is the plain way: it shows which cells fail, and does not compare their outputs with the stored ones. `nbval_cells`
does both; it is used where nbval works (see `notebook_run`).
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from coursekit.grading.record import CellStatus
from coursekit.grading.running.kernel import is_idle

OUTPUT_SECONDS = 5.0  # for the next message, once the kernel has replied
SKIPPED = "the course's notebook skips it"
RAISED = "Cell execution caused an exception"
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Options:
    """What the course's notebook says about a cell, in nbval's terms.

    Parameters
    ----------
    check : bool
        Its outputs are compared.
    check_exception : bool
        It may raise an error.
    skip : bool
        It is not run.
    """

    check: bool = True
    check_exception: bool = False
    skip: bool = False


LEARNERS_OWN = Options(check=False)
NOT_GRADED = "not-graded"  # the tag of a cell that learners and `make test` run, and grading does not
_MARKS: dict[str, dict[str, bool]] = {
    "nbval-ignore-output": {"check": False},
    "nbval-check-output": {"check": True},
    "nbval-raises-exception": {"check_exception": True},
    "raises-exception": {"check_exception": True},
    "nbval-skip": {"skip": True},
    NOT_GRADED: {"skip": True},
}


def options_of(cell: Any) -> Options:
    r"""The options that a cell's tags and comments set: `nbval-skip` as a tag, `# NBVAL_SKIP` as a line.

    They are nbval's own, and the tag `not-graded`.

    Examples
    --------
    >>> options_of({"source": "# NBVAL_IGNORE_OUTPUT\nprint(1)", "metadata": {"tags": ["raises-exception"]}})
    Options(check=False, check_exception=True, skip=False)
    """
    comments = (line.strip() for line in cell["source"].splitlines())
    marks = [line.lstrip("#").strip() for line in comments if line.startswith("#")]
    names = [*cell["metadata"].get("tags", ()), *(mark.lower().replace("_", "-") for mark in marks if mark.isupper())]
    options = Options()
    for name in names:
        options = replace(options, **_MARKS.get(name, {}))
    return options


@dataclass(frozen=True)
class Session:
    """What cells run in.

    Parameters
    ----------
    kernel : SandboxedKernel, or a stand-in
    next_message : callable
        Takes the seconds to wait; returns the kernel's next message, with values replaced by verdicts.
    cell_seconds : float
    """

    kernel: Any
    next_message: Callable[[float], dict]
    cell_seconds: float


class Cell(Protocol):
    """A code cell that is ready to run."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def may_fail(self) -> bool:
        """Whether the course's notebook says that it may raise an error."""

    def run(self) -> tuple[CellStatus, str]:
        """Run it; its status, and what there is to say about it."""


@dataclass
class PlainCell:
    """A code cell; its outputs are not compared."""

    id: str
    source: str
    options: Options
    session: Session

    @property
    def may_fail(self) -> bool:
        """Whether it may raise an error."""
        return self.options.check_exception

    def run(self) -> tuple[CellStatus, str]:
        """Run it, up to the first error that it may not raise."""
        if self.options.skip:
            return CellStatus.NOT_RUN, SKIPPED
        kernel = self.session.kernel
        request = kernel.execute_cell_input(self.source, allow_stdin=False)
        kernel.await_reply(request, timeout=self.session.cell_seconds)
        while not is_idle(message := self.session.next_message(OUTPUT_SECONDS), request):
            if _is_error(message, request) and not self.may_fail:
                kernel.await_idle(request, OUTPUT_SECONDS)
                return CellStatus.ERROR, detail_of(RAISED, "\n".join(message["content"]["traceback"]))
        return CellStatus.OK, ""


def _is_error(message: dict, request: str) -> bool:
    return message["msg_type"] == "error" and message["parent_header"].get("msg_id") == request


def plain_cells(notebook: Any, options: dict[str, Options], session: Session) -> list[PlainCell]:
    """The code cells of a notebook; `options` are those of the course's cells, by id."""
    return [
        PlainCell(cell["id"], cell["source"], options.get(cell["id"], LEARNERS_OWN), session)
        for cell in code_cells(notebook)
    ]


def code_cells(notebook: Any) -> Iterable[Any]:
    """The code cells of a notebook."""
    return (cell for cell in notebook["cells"] if cell["cell_type"] == "code")


def detail_of(message: str, traceback: str = "") -> str:
    """What is kept of an error: the end of it, without colours."""
    return _COLOUR.sub("", "\n".join(filter(None, [message, traceback]))).strip()[-1500:]
