"""Run a learner's notebook with nbval's own classes: the kernel in the sandbox, all that judges outside.

It serves the report, and it brings out the values of the questions that are answered in notebooks. What a cell may
skip or ignore is read from our notebook, never from a learner's comment or tag; numbers in outputs are compared with a
tolerance; a kernel that dies is known at once; a cell whose error was hidden from view has failed all the same.
"""

import atexit
import contextlib
import math
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections import deque
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from queue import Empty

import _pytest.config
import nbformat
import pytest
import zmq
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager
from nbval.kernel import RunningKernel
from nbval.plugin import IPyNbCell, IPyNbFile, NbCellError, find_comment_markers, find_metadata_tags

from coursekit.core import serialization
from coursekit.grading.running import sandbox, workspace
from coursekit.questions import NOTEBOOKS, all_questions
from coursekit.running.handover import GRADING, HANDED_OVER

CELL_SECONDS = 240.0  # of a cell of ours; none of ours takes longer than 20 on two cores
POLL = 0.1  # seconds between two looks at whether the kernel lives
LARGEST_MESSAGE = 512 << 20  # bytes; the pictures of one question have 123 MB
LARGEST_OUTPUT = 64 << 20  # characters of what a cell shows
TOLERANCE = 1e-6  # of numbers in outputs
MEMORY = 8 << 30
STARTUP = 60.0


@dataclass
class Run:
    """What came of running a notebook.

    `state` is "as expected", "differs", "broken" or "infrastructure error". `values` has the values of each notebook
    question whose check was reached; `missing` has status and reason of each whose check was not.
    """

    state: str = "as expected"
    reason: str = ""
    cells: list = field(default_factory=list)
    values: dict = field(default_factory=dict)
    missing: dict = field(default_factory=dict)


def run(notebook, name, folder, settings, shown):
    """Run a notebook.

    Parameters
    ----------
    notebook : dict
        Ours with the learner's work in it and our outputs.
    name : str
        Of the notebook, such as "knn".
    folder : Path
        The tree to run in, from `workspace.build`.
    settings : evaluate.Settings
    shown : callable
        Takes the id of a question and its values; returns what its check has to say, with `status` and `text`.

    Returns
    -------
    Run
    """
    place = Path("assignments", NOTEBOOKS[name])
    with tempfile.TemporaryDirectory(prefix="notebook-") as scratch, contextlib.ExitStack() as stack:
        path = Path(scratch, f"{name}.ipynb")
        nbformat.write(nbformat.from_dict(notebook), path)
        file = _collector(path)
        file.prepare(_ours(name), folder / place, folder, settings, shown)
        cells = list(file.collect())
        try:
            file.setup()
        except (RuntimeError, sandbox.SandboxError, OSError, Empty) as error:
            return Run("infrastructure error", f"the kernel does not start: {error}")
        stack.callback(file.teardown)
        return _run_cells(file, cells)


def _collector(path):
    """The collector of nbval, in a pytest session of its own that reads no settings and no conftest of anybody."""
    options = ["--rootdir", str(path.parent), "-c", "/dev/null", "--noconftest", "--color=no", "--nbval-current-env"]
    config = _pytest.config.get_config([])
    options += ["--nbval-cell-timeout", str(CELL_SECONDS)]
    config.parse([*options, "-p", "no:cacheprovider", str(path)])
    return GradedFile.from_parent(pytest.Session.from_config(config), path=path)


def _ours(name):
    """The options for nbval of each cell of our notebook, by its id."""
    path = workspace.ROOT / "assignments" / NOTEBOOKS[name] / f"{name}.ipynb"
    options = {}
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            options[cell.id] = dict(find_metadata_tags(cell.metadata)) | dict(find_comment_markers(cell.source))
    return options


def _run_cells(file, cells):
    outcome = Run(values=file.values, missing=file.missing)
    ended = None  # status and reason, once the kernel is gone
    for cell in cells:
        status, detail = ("not run", ended[1]) if ended else _run_cell(file, cell)
        outcome.cells.append({"id": cell.cell.id, "status": status, "detail": detail})
        ended = ended or file.kernel.ended
        question = _asked_by(cell.cell.id)
        if question and question.in_notebook and question.id not in file.values:
            file.missing.setdefault(question.id, ended or ("not attempted", f"its check did not run: {detail}"[:300]))
    bad = [cell for cell in outcome.cells if cell["status"] != "ok"]
    if bad:
        outcome.state = "differs"
        outcome.reason = f"{len(bad)} of {len(cells)} cells; the first: {bad[0]['id']}"
    return outcome


def _asked_by(cell_id):
    """The question that a cell checks, or None."""
    return all_questions().get(cell_id.removeprefix("check_")) if cell_id.startswith("check_") else None


def _run_cell(file, cell):
    try:
        cell.runtest()
        return "ok", ""
    except NbCellError as error:
        detail = _plain(f"{error}{error.inner_traceback or ''}")
        return ("differs" if "Cell outputs differ" in str(error) else "error"), detail[-1500:]
    except pytest.skip.Exception:
        return "not run", "our notebook skips it"
    except KernelEnded as error:
        return "error", str(error)
    except Exception as error:  # whatever a kernel sends
        file.kernel.finish("crashed", f"what the kernel sent cannot be read ({type(error).__name__})")
        return "error", file.kernel.ended[1]


_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def _plain(text):
    return _COLOUR.sub("", text).strip()


class KernelEnded(Exception):
    """The kernel is gone; the message says why."""


# ---- the kernel


@cache
def _plot_settings():
    """A folder with Matplotlib's list of fonts: to make it takes a new kernel several seconds."""
    folder = tempfile.mkdtemp(prefix="matplotlib-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    env = os.environ | {"MPLCONFIGDIR": folder, "MPLBACKEND": "Agg"}
    subprocess.run([sys.executable, "-c", "import matplotlib.font_manager"], env=env, check=True)
    return folder


class _Manager(KernelManager):
    """Starts the kernel in the sandbox."""

    command: list = []

    @property
    def kernel_spec(self):
        """The kernel of this Python, by a command line of ours."""
        return KernelSpec(argv=self.command, display_name="sandbox", language="python", interrupt_mode="message")


class SandboxedKernel(RunningKernel):
    """nbval's kernel, in the sandbox, talking over sockets in a folder; no network is needed.

    `ended` is None while it lives, then a question's status and the reason.
    """

    def __init__(self, cwd, folder, settings, nonce):
        self.ended = None
        self.waiting, self.shown = deque(), 0
        self.last_status = ""
        self.sockets = tempfile.TemporaryDirectory(prefix="kernel-")
        self.scratch = tempfile.TemporaryDirectory(prefix="sandbox-")
        limits = replace(settings.limits, seconds=3600, memory=MEMORY, file_size=LARGEST_MESSAGE)
        context = zmq.Context()
        context.setsockopt(zmq.MAXMSGSIZE, LARGEST_MESSAGE)
        context.setsockopt(zmq.LINGER, 0)
        place = Path(self.sockets.name)
        self.km = _Manager(transport="ipc", ip=str(place / "s"), connection_file=str(place / "c.json"), context=context)
        self.km.write_connection_file()
        shutil.copytree(_plot_settings(), place / "matplotlib")
        self.km.command, env = sandbox.wrap(
            [sys.executable, "-m", "ipykernel_launcher", "-f", str(place / "c.json")],
            folder,
            limits,
            {
                GRADING: nonce,
                "MPLBACKEND": "module://matplotlib_inline.backend_inline",
                "MPLCONFIGDIR": str(place / "matplotlib"),
            },
            settings.level,
            readable=[workspace.data_folder()],
            writable=[place],
            scratch=self.scratch.name,
            inside=cwd.relative_to(folder),
        )
        for path in (place, *place.rglob("*")):
            path.chmod(0o777 if path.is_dir() else 0o644)
        self._start(env, cwd)

    def _start(self, env, cwd):
        with open("/dev/null", "w") as nothing:
            self.km.start_kernel(env=env, cwd=str(cwd), stdout=nothing, stderr=nothing)
        self.kc = self.km.client()
        self.kc.start_channels()
        try:
            self.kc.wait_for_ready(timeout=STARTUP)
        except RuntimeError:
            self.stop()
            raise
        self._ensure_iopub_up()

    @property
    def process(self):
        """The sandbox's process."""
        return self.km.provisioner.process

    def is_alive(self):
        """Whether it can run another cell."""
        return self.ended is None and hasattr(self, "km") and self.process is not None and self.process.poll() is None

    def finish(self, status, reason):
        """End it."""
        if self.ended is None:
            self.ended = status, reason
            sandbox.end(self.process)

    def await_reply(self, msg_id, timeout=None):
        """Wait for the reply, and take in meanwhile what the cell shows, so that it can be counted."""
        deadline = time.monotonic() + (timeout or STARTUP)
        while time.monotonic() < deadline:
            self._take_in()
            with contextlib.suppress(Empty):
                reply = self.kc.get_shell_msg(timeout=POLL)
                if reply["parent_header"].get("msg_id") == msg_id:
                    self.last_status = reply["content"].get("status", "")
                    return
                continue
            if self.process.poll() is not None:
                self.finish("crashed", "the kernel died: the process ended, or took too much memory")
                raise KernelEnded(self.ended[1])
        self.finish(
            "timed out", f"a cell took longer than {timeout:g} seconds: is there an endless or a very slow loop?"
        )
        raise KernelEnded(self.ended[1])

    def _take_in(self):
        with contextlib.suppress(Empty):
            while True:
                self._keep(self.kc.get_iopub_msg(timeout=0))

    def _keep(self, message):
        content = message["content"]
        self.shown += len(content.get("text", "")) + sum(map(len, map(str, content.get("data", {}).values())))
        if self.shown > LARGEST_OUTPUT:
            self.finish("crashed", "a cell shows too much")
            raise KernelEnded(self.ended[1])
        self.waiting.append(message)

    def get_message(self, stream, timeout=None):
        """The next message of a stream."""
        if stream != "iopub":
            return super().get_message(stream, timeout)
        if not self.waiting:
            self._keep(super().get_message(stream, timeout))
        return self.waiting.popleft()

    def execute_cell_input(self, cell_input, allow_stdin=None):
        """Send a cell; counting starts anew."""
        self.shown = 0
        return super().execute_cell_input(cell_input, allow_stdin)

    def stop(self):
        """End the process and the connections."""
        if not hasattr(self, "km"):
            return
        if self.process is not None:
            sandbox.end(self.process)
        if hasattr(self, "kc"):
            self.kc.stop_channels()
        self.km.cleanup_resources()
        self.km.context.destroy(linger=0)
        for folder in (self.sockets, self.scratch):
            folder.cleanup()
        del self.km


# ---- nbval's nodes


class GradedFile(IPyNbFile):
    """A notebook of one learner."""

    def prepare(self, ours, cwd, folder, settings, show):
        """Say what is to be known beside the file itself."""
        self.ours, self.cwd, self.folder, self.settings, self.show = ours, cwd, folder, settings, show
        self.nonce = secrets.token_hex(16)
        self.values, self.missing, self.passed, self.running = {}, {}, set(), ""

    def setup(self):
        """Start the kernel; warnings on the standard error are nobody's fault."""
        self.skip_compare += ("stderr",)
        self.kernel = SandboxedKernel(self.cwd, self.folder, self.settings, self.nonce)

    def teardown(self):
        """Stop the kernel, whether it lives or not."""
        self.kernel.stop()

    def collect(self):
        """The code cells, with the options of our notebook."""
        for item in super().collect():
            options = {"check": True, "check_exception": False, "skip": False} | self.ours.get(
                item.cell.id, {"check": False}
            )
            yield GradedCell.from_parent(
                self, name=item.cell.id, cell_num=item.cell_num, cell=item.cell, options=options
            )

    def get_kernel_message(self, timeout=None, stream="iopub"):
        """The next message; values that are handed over are taken out, and the verdict on them is put in."""
        message = super().get_kernel_message(timeout, stream)
        content = message["content"]
        if message["msg_type"] != "display_data" or HANDED_OVER not in content.get("data", {}):
            return message
        return message | self._verdict(content["data"][HANDED_OVER], message.get("buffers", ()))

    def _verdict(self, question_id, buffers):
        """The message that stands for a hand-over: what the check would have printed or raised."""
        if question_id != self.running:
            return _stream("")  # only our own check cell speaks for a question
        try:
            [data] = buffers
            came = serialization.unpack(bytes(data))
            if came["nonce"] != self.nonce or came["question"] != question_id:
                raise ValueError("another run's values")
            values = dict(came["values"])
        except (ValueError, TypeError, KeyError):
            return _stream("")
        if all_questions()[question_id].in_notebook:
            self.values.setdefault(question_id, values)
        shown = self.show(question_id, values)
        if shown.status != "ok":
            return _error(shown.text)
        self.passed.add(question_id)
        return _stream(shown.text + "\n")


def _stream(text):
    return {"msg_type": "stream", "content": {"name": "stdout", "text": text}}


def _error(text):
    return {
        "msg_type": "error",
        "content": {"ename": "CheckFailed", "evalue": text, "traceback": text.splitlines()},
    }


class GradedCell(IPyNbCell):
    """A code cell."""

    def runtest(self):
        """Run it; an error that the kernel reports counts even where none is shown."""
        kernel = self.parent.kernel
        question = _asked_by(self.cell.id)
        self.parent.running = question.id if question else ""
        if not self.options["check"]:
            self.cell.outputs = []
        super().runtest()
        if kernel.last_status == "error" and not self.options["check_exception"]:
            self.raise_cell_error("The cell failed, and its error was hidden")
        if question and question.id not in self.parent.passed:
            self.raise_cell_error("The check itself did not report: something else ran in its place")

    def compare_outputs(self, test, ref, skip_compare=None):
        """Compare as nbval does, without empty streams."""
        return super().compare_outputs([o for o in test if o.get("text") != ""], ref, skip_compare)

    def sanitize(self, s):
        """A text that equals another one where only rounding differs."""
        text = super().sanitize(s)
        return Tolerant(text) if isinstance(text, str) else text


class Tolerant(str):
    """A text that equals another one with the same words and, but for rounding, the same numbers."""

    __hash__ = str.__hash__

    def __eq__(self, other):
        if not isinstance(other, str) or str.__eq__(self, other):
            return isinstance(other, str)
        mine, theirs = _NUMBER.split(self), _NUMBER.split(other)
        if [word.split() for word in mine[::2]] != [word.split() for word in theirs[::2]]:
            return False
        pairs = zip(mine[1::2], theirs[1::2], strict=True)
        return all(a == b or math.isclose(float(a), float(b), rel_tol=_half_a_digit(a, b)) for a, b in pairs)

    def __ne__(self, other):
        return not self == other


_NUMBER = re.compile(r"([-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)")


def _half_a_digit(a, b):
    """Whole numbers must be equal; others may differ by rounding."""
    return 0.0 if a.isdigit() and b.isdigit() else TOLERANCE
