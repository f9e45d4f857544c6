"""A Jupyter kernel in the sandbox.

It has the methods by which nbval runs cells, under nbval's names, but needs `jupyter_client` alone.
"""

import atexit
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from queue import Empty
from typing import Any

import zmq
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager

from coursekit.core.question import Status
from coursekit.grading.running import sandbox, workspace
from coursekit.grading.running.messages import NUM_WAITING, counting_session, watch_memory
from coursekit.grading.settings import Settings
from coursekit.judging.runner import WAITING
from coursekit.running.handover import GRADING

POLL = 0.1  # seconds between two looks at whether the kernel lives
LARGEST_MESSAGE = 512 << 20  # bytes; the images of one question have 123 MB
LARGEST_OUTPUT = 32 << 20  # bytes of JSON that a cell sends, whatever is in it
MEMORY = 8 << 30
STARTUP = 60.0


class KernelEnded(Exception):
    """The kernel is gone; the message says why."""


class _Manager(KernelManager):
    """Starts the kernel by the command that it is given."""

    command: list[str] = []

    @property
    def kernel_spec(self) -> KernelSpec:
        """The kernel of this Python, in the sandbox."""
        return KernelSpec(argv=self.command, display_name="sandbox", language="python", interrupt_mode="message")


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

    Attributes
    ----------
    ended : tuple or None
        Once it is gone: the status of the questions that were not reached, and the reason.
    last_status : str
        The status in the reply to the last cell, which a cell cannot hide by hiding its error.
    """

    def __init__(self, folder: Path, inside: Path, settings: Settings, nonce: str) -> None:
        self.ended: tuple[Status, str] | None = None
        self.last_status = ""
        self._unread: deque[dict] = deque()
        self._num_shown = 0
        self._sockets = tempfile.TemporaryDirectory(prefix="kernel-")
        self._scratch = tempfile.TemporaryDirectory(prefix="sandbox-")
        self._manager = _manager(Path(self._sockets.name))
        self._client: Any = None
        self._end_watch: Callable[[], None] = lambda: None
        self._stopped = False
        try:
            self._start(*self._command(folder, inside, settings, nonce), folder / inside)
        except BaseException:
            self.stop()
            raise

    def _command(self, folder: Path, inside: Path, settings: Settings, nonce: str) -> tuple[list[str], dict[str, str]]:
        sockets = Path(self._sockets.name)
        shutil.copytree(_plot_settings(), sockets / "matplotlib")
        for path in (sockets, *sockets.rglob("*")):
            path.chmod(0o777 if path.is_dir() else 0o644)
        variables = {
            GRADING: nonce,
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
            "MPLCONFIGDIR": str(sockets / "matplotlib"),
        }
        return sandbox.sandboxed_command(
            [sys.executable, "-m", "ipykernel_launcher", "-f", self._manager.connection_file],
            folder,
            replace(settings.limits, seconds=3600, memory=MEMORY, file_size=LARGEST_MESSAGE),
            variables,
            settings.level,
            readable=[workspace.data_folder()],
            writable=[sockets],
            scratch=self._scratch.name,
            inside=inside,
        )

    def _start(self, command: list[str], env: dict[str, str], cwd: Path) -> None:
        self._manager.command = command
        with open(os.devnull, "w") as nothing:
            self._manager.start_kernel(env=env, cwd=str(cwd), stdout=nothing, stderr=nothing)
        self._client = self._manager.client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=STARTUP)
        self._await_outputs()
        self._end_watch = watch_memory(lambda: self.finish(Status.CRASHED, "it sends more than grading can hold"))

    def _await_outputs(self) -> None:
        """Wait until what cells show arrives, which can start later than the replies."""
        deadline = time.monotonic() + STARTUP
        while time.monotonic() < deadline:
            request = self._client.kernel_info()
            self.await_reply(request, STARTUP)
            with contextlib.suppress(Empty):
                return self.await_idle(request, 1.0)
        raise RuntimeError("its outputs did not arrive")

    @property
    def process(self) -> Any:
        """The sandbox's process, or None."""
        return getattr(self._manager.provisioner, "process", None)

    def is_alive(self) -> bool:
        """Whether it can run another cell."""
        return self.ended is None and self.process is not None and self.process.poll() is None

    def finish(self, status: Status, reason: str) -> None:
        """Stop it, for a reason that the first call gives."""
        if self.ended is None:
            self.ended = status, reason
            sandbox.stop_process(self.process)

    def execute_cell_input(self, cell_input: str, allow_stdin: bool | None = None) -> str:
        """Send a cell; the id of the request."""
        self._num_shown = 0
        return self._client.execute(cell_input, store_history=False, allow_stdin=allow_stdin, stop_on_error=False)

    def await_reply(self, msg_id: str, timeout: float | None = None) -> None:
        """Wait for the reply, and meanwhile collect what the cell shows, so that it can be counted.

        `timeout` is in seconds of processor time; by the clock it may take `WAITING` times as long.
        """
        timeout = timeout or STARTUP
        deadline = time.monotonic() + WAITING * timeout
        used_before = sandbox.tree_seconds(self.process)
        while time.monotonic() < deadline and sandbox.tree_seconds(self.process) - used_before < timeout:
            self._collect_outputs()
            with contextlib.suppress(Empty):
                reply = self._client.get_shell_msg(timeout=POLL)
                if reply["parent_header"].get("msg_id") == msg_id:
                    self.last_status = reply["content"].get("status", "")
                    return
                continue
            if self.process.poll() is not None:
                self._give_up(Status.CRASHED, "the kernel died: its process ended, or used too much memory")
        reason = f"a cell took more than {timeout:g} seconds: is there an endless or a very slow loop?"
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
        if self._stopped:
            return
        self._stopped = True
        self._end_watch()
        if self.process is not None:
            sandbox.stop_process(self.process)
        if self._client is not None:
            self._client.stop_channels()
        self._manager.cleanup_resources()
        self._manager.context.destroy(linger=0)
        for folder in (self._sockets, self._scratch):
            folder.cleanup()


def is_idle(message: dict, msg_id: str) -> bool:
    """Whether a message says that a request is done."""
    is_status = message["msg_type"] == "status" and message["parent_header"].get("msg_id") == msg_id
    return is_status and message["content"]["execution_state"] == "idle"


def _manager(sockets: Path) -> _Manager:
    context: zmq.Context = zmq.Context()
    context.setsockopt(zmq.MAXMSGSIZE, LARGEST_MESSAGE)
    context.setsockopt(zmq.LINGER, 0)
    context.setsockopt(zmq.RCVHWM, NUM_WAITING)
    files = {"ip": str(sockets / "s"), "connection_file": str(sockets / "c.json")}
    manager = _Manager(transport="ipc", context=context, session=counting_session(), **files)
    manager.write_connection_file()
    return manager


@cache
def _plot_settings() -> str:
    """A folder with Matplotlib's list of fonts, which takes a new kernel several seconds to make."""
    folder = tempfile.mkdtemp(prefix="matplotlib-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    env = os.environ | {"MPLCONFIGDIR": folder, "MPLBACKEND": "Agg"}
    subprocess.run([sys.executable, "-c", "import matplotlib.font_manager"], env=env, check=True)
    return folder
