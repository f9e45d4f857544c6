"""A Jupyter kernel in the sandbox.

It has the methods by which nbval runs cells, under nbval's names, but needs `jupyter_client` alone.
"""

import atexit
import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from queue import Empty
from typing import Any

import zmq
from jupyter_client.blocking.client import BlockingKernelClient

from coursekit.core.question import Status
from coursekit.grading.running import folders, sandbox, workspace
from coursekit.grading.running.messages import NUM_WAITING, counting_session, watch_memory
from coursekit.grading.running.reference import NOBODY, Reference
from coursekit.grading.settings import Settings
from coursekit.judging.runner import WAITING, Ending
from coursekit.running.handover import CONNECTION, GRADING, PLOTTING

POLL = 0.1  # seconds between two looks at whether the kernel lives
LARGEST_MESSAGE = 512 << 20  # bytes; the images of one question have 123 MB
LARGEST_OUTPUT = 32 << 20  # bytes of JSON that a cell sends, whatever is in it
MEMORY = 8 << 30
STARTUP = 60.0
NOTEBOOK_SECONDS = 1800  # processor time of a whole notebook
NOTEBOOK_IDLE = 3  # so many times as long as a cell may a notebook as a whole sleep
CHANNELS = ("shell", "iopub", "stdin", "control")
_TOO_MUCH = {
    Ending.TIMEOUT: (Status.TIMED_OUT, "the notebook as a whole took more than {seconds:g} seconds"),
    Ending.STALLED: (Status.TIMED_OUT, "the notebook as a whole slept too long, or waited for input"),
    Ending.MEMORY: (Status.CRASHED, "it used too much memory"),
    Ending.OUTPUT: (Status.CRASHED, "it wrote too many or too large files"),
    Ending.FORBIDDEN: (Status.CRASHED, "it loaded a library that is not there for submissions"),
}


def notebook_limits(settings: Settings) -> sandbox.Limits:
    """The limits of a whole notebook."""
    usual = settings.limits
    seconds = settings.notebook_seconds or NOTEBOOK_SECONDS
    return settings.limited(replace(usual, seconds=seconds, idle=NOTEBOOK_IDLE * usual.idle, memory=MEMORY))


class KernelEnded(Exception):
    """The kernel is gone; the message says why."""


class SandboxedKernel:
    """A kernel in the sandbox that talks over sockets in a folder, so it needs no network.

    Parameters
    ----------
    folder : Path
        The workspace, from `workspace.build`.
    inside : Path
        The part of it to start in.
    settings : Settings
    nonce : str
        Must come back with the values that a check hands over.
    earlier : Reference, optional
        Answers earlier questions.

    Attributes
    ----------
    ended : tuple or None
        Once it is gone: the status of the questions that were not reached, and the reason.
    last_status : str
        The status in the reply to the last cell, which a cell cannot hide by hiding its error.
    """

    def __init__(self, folder: Path, inside: Path, settings: Settings, nonce: str, earlier: Reference = NOBODY) -> None:
        self.ended: tuple[Status, str] | None = None
        self.last_status = ""
        self._unread: deque[dict] = deque()
        self._num_shown = 0
        self._stack = contextlib.ExitStack()
        self._cell_idle = settings.limits.idle
        self._limits = notebook_limits(settings)
        try:
            self._start(folder, inside, settings.level, {GRADING: nonce}, earlier)
            self._client.wait_for_ready(timeout=STARTUP)
            self._await_outputs()
            end_watch = watch_memory(lambda: self.finish(Status.CRASHED, "it sends more than grading can hold"))
            self._stack.callback(end_watch)
        except BaseException:
            self.stop()
            raise

    def _start(self, folder: Path, inside: Path, isolation: str, variables: dict[str, str], earlier: Reference) -> None:
        path = self._stack.enter_context(folders.temporary_folder("kernel-")) / "socket"
        key = secrets.token_hex(32)
        with contextlib.ExitStack() as until_started:
            sockets = {name: until_started.enter_context(_listening(path)) for name in CHANNELS}
            ports = {f"{name}_port": opened.fileno() for name, opened in sockets.items()}
            self._running = self._stack.enter_context(
                sandbox.started_command(
                    [sys.executable, "-m", "coursekit.running.kernel"],
                    folder,
                    self._limits,
                    variables
                    | earlier.variables
                    | {
                        CONNECTION: json.dumps({"key": key, "ports": ports}),
                        PLOTTING: _plot_settings(),
                        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
                    },
                    isolation,
                    readable=[workspace.data_folder(), _plot_settings()],
                    inside=inside,
                    pass_fds=(*ports.values(), *earlier.pipes),
                    waits_for=earlier.tree,
                    pipes=subprocess.DEVNULL,
                )
            )
        self._connect(path, key, ports)

    def _connect(self, path: Path, key: str, ports: dict[str, int]) -> None:
        context = _context()
        self._stack.callback(context.destroy, linger=0)
        self._client: Any = BlockingKernelClient(context=context, session=counting_session())
        about: Any = {"transport": "ipc", "ip": str(path), "key": key.encode()}
        self._client.load_connection_info(about | ports)
        self._client.start_channels(hb=False)  # a process that has ended is seen without a heart
        self._stack.callback(self._client.stop_channels)

    def _await_outputs(self) -> None:
        """Wait until what cells show arrives, which can start later than the replies."""
        deadline = time.monotonic() + STARTUP
        while time.monotonic() < deadline:
            request = self._client.kernel_info()
            self.await_reply(request, STARTUP)
            with contextlib.suppress(Empty):
                return self.await_idle(request, 1.0)
        raise RuntimeError("its outputs did not arrive")

    def is_alive(self) -> bool:
        """Whether it can run another cell."""
        return self.ended is None and not self._running.has_ended()

    @property
    def memory(self) -> int:
        """The most bytes of memory that were seen in use."""
        return self._running.tree.peak

    def finish(self, status: Status, reason: str) -> None:
        """Stop it, for a reason that the first call gives."""
        if self.ended is None:
            self.ended = status, reason
            self._running.stop()

    def execute_cell_input(self, cell_input: str, allow_stdin: bool | None = None) -> str:
        """Send a cell; the id of the request."""
        self._num_shown = 0
        return self._client.execute(cell_input, store_history=False, allow_stdin=allow_stdin, stop_on_error=False)

    def await_reply(self, msg_id: str, timeout: float | None = None) -> None:
        """Wait for the reply, and meanwhile collect what the cell shows, so that it can be counted.

        `timeout` is in seconds of processor time; by the clock it may take `WAITING` times as long.
        """
        timeout = timeout or STARTUP
        tree, deadline = self._running.tree, time.monotonic() + WAITING * timeout
        tree.look(waits=False)
        seconds, idle = tree.seconds, tree.idle
        while time.monotonic() < deadline and tree.seconds - seconds < timeout and tree.idle - idle < self._cell_idle:
            self._collect_outputs()
            with contextlib.suppress(Empty):
                reply = self._client.get_shell_msg(timeout=POLL)
                if reply["parent_header"].get("msg_id") == msg_id:
                    self.last_status = reply["content"].get("status", "")
                    return
                continue
            if exceeded := self._running.exceeded():
                status, reason = _TOO_MUCH[exceeded]
                self._give_up(status, reason.format(seconds=self._limits.seconds))
            if self._running.has_ended():
                self._give_up(Status.CRASHED, "the kernel died: its process ended, or used too much memory")
        reason = f"a cell took more than {timeout:g} seconds: is there an endless or a very slow loop?"
        if tree.idle - idle >= self._cell_idle:
            reason = "a cell was stopped while it waited: does it sleep, or wait for input?"
        self._give_up(Status.TIMED_OUT, reason)

    def await_idle(self, msg_id: str, timeout: float | None = None) -> None:
        """Drop messages up to the one that says that a request is done; Empty if it does not come."""
        while not is_idle(self.get_message("iopub", timeout), msg_id):
            pass

    def get_message(self, stream: str = "iopub", timeout: float | None = None) -> dict:
        """The next message of what cells show; Empty if there is none in time."""
        if not self._unread:
            self._take(self._client.get_iopub_msg(timeout=timeout))
        return self._unread.popleft()

    def _collect_outputs(self) -> None:
        with contextlib.suppress(Empty):
            while True:
                self._take(self._client.get_iopub_msg(timeout=0))

    def _take(self, message: dict) -> None:
        self._num_shown += message["size"]
        if self._num_shown > LARGEST_OUTPUT:
            self._give_up(Status.CRASHED, "a cell shows too much output")
        self._unread.append(message)

    def _give_up(self, status: Status, reason: str) -> None:
        self.finish(status, reason)
        raise KernelEnded(reason)

    def stop(self) -> None:
        """Stop the process, close the connections, remove the folders."""
        self._stack.close()


def is_idle(message: dict, msg_id: str) -> bool:
    """Whether a message says that a request is done."""
    is_status = message["msg_type"] == "status" and message["parent_header"].get("msg_id") == msg_id
    return is_status and message["content"]["execution_state"] == "idle"


@contextlib.contextmanager
def _listening(path: Path) -> Iterator[socket.socket]:
    """A socket that listens in the file `path-N`, where N is its number: as Jupyter builds the names of such files."""
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(f"{path}-{opened.fileno()}")
        opened.listen()
        yield opened


def _context() -> zmq.Context:
    context: zmq.Context = zmq.Context()
    context.setsockopt(zmq.MAXMSGSIZE, LARGEST_MESSAGE)
    context.setsockopt(zmq.LINGER, 0)
    context.setsockopt(zmq.RCVHWM, NUM_WAITING)
    return context


@cache
def _plot_settings() -> str:
    """A folder with Matplotlib's list of fonts, which takes a new kernel several seconds to make."""
    folder = tempfile.mkdtemp(prefix="matplotlib-")
    os.chmod(folder, 0o755)  # another user runs in the sandbox
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    env = os.environ | {"MPLCONFIGDIR": folder, "MPLBACKEND": "Agg"}
    subprocess.run([sys.executable, "-c", "import matplotlib.font_manager"], env=env, check=True)
    for path in Path(folder).iterdir():
        path.chmod(0o644)
    return folder
