"""Run an untrusted command: in bubblewrap where it is installed, and under resource limits in any case.

With bubblewrap the command sees the system's programs, Python, the folder it runs in (all read-only) and a small /tmp
of its own, but no network, no other process and no file of the user. With limits alone it is an ordinary process whose
time, memory and output are limited; when its time is up, it is killed together with everything it started. `level` says
which of the two is used. In both, system calls that could serve as a way out are denied (see `launch.py`), and where
root grades, each run has a user of its own (see `users.py`).

A command is a program that is started in the sandbox, which is then called cold. A command of Python can also be run by
a copy of a process that has its imports behind it: in a warm sandbox (see `warm.py`).
"""

import contextlib
import ctypes
import json
import math
import os
import platform
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import psutil

from coursekit.grading.running import bubblewrap, folders, users, warm
from coursekit.grading.running.bubblewrap import INSIDE, SCRATCH
from coursekit.grading.running.environment import clean_environment
from coursekit.grading.running.launch import MACHINES, SET_SUBREAPER
from coursekit.grading.running.tree import Tree
from coursekit.judging.runner import WAITING, Ending, is_out_of_time

__all__ = ["INSIDE", "SCRATCH"]
T = TypeVar("T")

BUBBLEWRAP, LIMITS = "bubblewrap", "limits"
LONGEST_ERRORS = 64 << 10  # bytes of the standard error that are kept
GRACE = 2.0  # seconds that the launcher has to kill the remaining processes
_LAUNCHER = Path(__file__).with_name("launch.py")
GET_SUBREAPER = 37  # of Linux' prctl
NUMPY: warm.Modules = ("numpy",)
# What the process of a question imports before a learner's code, but for the questions of its notebook.
WORKER: warm.Modules = ("numpy.random", "coursekit.core.serialization", "coursekit.core.question")
_OWN_COUNT = (5, 14)  # the first Linux that counts the processes of a user in each user namespace


class SandboxError(Exception):
    """The sandbox itself does not work; this is never a learner's fault."""


@dataclass(frozen=True)
class Limits:
    """The resources that a command and everything it started may use together.

    Parameters
    ----------
    seconds : float
        Processor time. After `runner.WAITING` times as long by the clock, they are killed as well.
    idle : float
        Seconds by the clock during which nothing runs or waits for a processor.
    memory : int
        Bytes of memory; also of the address space of each process.
    processes : int
        Processes and threads.
    file_size : int
        Bytes of the largest file; all files may be four times this size.
    files : int
        Number of files.
    output : int
        Bytes of standard output; a command that writes more is killed. Only the end of the standard error is kept.
    """

    seconds: float = 20.0
    idle: float = 10.0
    memory: int = 4 << 30
    processes: int = 128
    file_size: int = 64 << 20
    files: int = 10_000
    output: int = 64 << 20

    @property
    def quota(self) -> int:
        """Bytes of all files."""
        return 4 * self.file_size


@dataclass(frozen=True)
class Outcome:
    """What a command did.

    `code` is the exit status or the negative number of the signal; `memory` is the most that was seen in use, in bytes.
    """

    stdout: bytes
    stderr: bytes
    ended: Ending
    code: int
    seconds: float
    cpu_seconds: float
    memory: int = 0


# ---- what works here


def level() -> str:
    """The strongest isolation that works here: "bubblewrap" or "limits"."""
    return LIMITS if problem_with_bubblewrap() else BUBBLEWRAP


@cache
def problem_with_bubblewrap() -> str:
    """Why bubblewrap does not work here; "" if it does."""
    if shutil.which("bwrap") is None:
        return "it is not installed"
    try:
        with folders.temporary_folder("sandbox-") as folder:
            outcome = run_command([sys.executable, "-c", ""], folder, isolation=BUBBLEWRAP)
    except SandboxError as error:
        return str(error)
    last = outcome.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["it says nothing"]
    return "" if outcome.code == 0 else last[0]


def has_filter() -> bool:
    """Whether system calls can be denied here."""
    return platform.machine() in MACHINES and sys.maxsize > 2**32


def refusal(isolation: str = "", trusted: bool = False) -> str:
    """Why strangers' code must not run here; "" if it may.

    With limits alone, and as the user who grades, it could change everything that belongs to this user, the grades
    among it.
    """
    if trusted or (isolation or level()) == BUBBLEWRAP or has_own_users(bubblewrapped=False):
        return ""
    return (
        "Without bubblewrap, submissions would run under your account: they could change your files, and their own "
        f"grades. {_why_not_bubblewrap()}Choose one of these:\n"
        "- install bubblewrap: apt install bubblewrap\n"
        "- grade as root, with this environment in a folder that all users can read, such as /opt: then each "
        "submission runs as a user of its own\n"
        "- add --trust-submissions, if you know that no submission does any harm"
    )


def _why_not_bubblewrap() -> str:
    problem = problem_with_bubblewrap()
    return f"bubblewrap is installed, but does not work: {problem}. " if problem and shutil.which("bwrap") else ""


def warning(isolation: str = "") -> str:
    """What an instructor should know about the isolation before strangers' code runs; "" with bubblewrap."""
    texts = []
    if (isolation or level()) != BUBBLEWRAP:
        who = "any user" if has_own_users(bubblewrapped=False) else "you"
        network = "" if has_filter() else ", and use the network"
        texts.append(
            f"Without bubblewrap, submissions can read every file that {who} can read{network}. "
            "To fix this: `apt install bubblewrap`."
        )
    if not has_filter():
        texts.append(f"On this machine ({platform.machine()}), system calls are not filtered.")
    return "\n".join(texts)


def has_own_users(bubblewrapped: bool = True) -> bool:
    """Whether each run has a user of its own: where root grades, if other users can run this Python."""
    return users.is_root() and (bubblewrapped or python_is_for_all())


@cache
def python_is_for_all() -> bool:
    """Whether other users can run this Python as well."""
    return all(part.stat().st_mode & 0o001 for path in bubblewrap.python_folders() for part in (path, *path.parents))


# ---- running a command


def run_command(
    argv: list[str],
    root: str | Path,
    stdin: bytes = b"",
    limits: Limits | None = None,
    env: dict[str, str] | None = None,
    isolation: str = "",
    readable: Iterable[str | Path] = (),
    pass_fds: tuple[int, ...] = (),
    waits_for: Tree | None = None,
    preload: warm.Modules = (),
) -> Outcome:
    """Run a command in the sandbox.

    Parameters
    ----------
    argv : list of str
    root : str or path
        The folder to run in; the command can read it.
    stdin : bytes
    limits : Limits, optional
    env : dict, optional
        Environment variables that the command gets in addition to those of `clean_environment`.
    isolation : str, optional
        "bubblewrap" or "limits"; by default `level()`.
    readable : iterable of paths
        Other files and folders that the command can read.
    pass_fds : tuple of int
        Open files that the command gets.
    waits_for : Tree, optional
        The processes of another sandbox; while they work, the command may wait.
    preload : tuple of str, optional
        Modules: a command of Python runs in a warm sandbox, which has imported these.

    Returns
    -------
    Outcome

    Raises
    ------
    SandboxError
        If the sandbox cannot start.
    warm.UnavailableError
        If there is no warm sandbox, or it is lost: nothing is known of the command.
    """
    limits = limits or Limits()
    started = time.monotonic()
    with started_command(
        argv, root, limits, env, isolation, readable, pass_fds=pass_fds, waits_for=waits_for, preload=preload
    ) as running:
        pipes = _Pipes(running, stdin)
        stopped_for = pipes.serve_until(started + WAITING * limits.seconds)
        running.tree.look()  # before the process is reaped: then its numbers are gone
        running.stop()
    seconds, code, memory = time.monotonic() - started, running.process.wait(), running.tree.peak
    if isinstance(running.process, warm.WarmProcess):
        if running.process.is_lost:
            raise warm.UnavailableError("the zygote ended before the command did")
        memory = max(memory, running.process.memory)
    used = running.tree.seconds
    ended = stopped_for or _how_it_ended(code, pipes.errors, used >= limits.seconds, used > limits.seconds + 1)
    return Outcome(bytes(pipes.output), bytes(pipes.errors), ended, code, seconds, used, memory)


def _how_it_ended(code: int, errors: bytearray, had_its_time: bool, had_more: bool) -> Ending:
    """How a process that was not stopped from outside ended."""
    killed = code in (-signal.SIGKILL, 128 + signal.SIGKILL)
    if is_out_of_time(code) or killed and had_its_time or had_more:
        return Ending.TIMEOUT
    if killed or code and b"MemoryError" in errors[-2000:]:
        return Ending.MEMORY
    return Ending.SIGNAL if code < 0 or code > 128 else Ending.EXIT


def warm_or_cold(run: Callable[[warm.Modules], T], modules: warm.Modules, isolation: str = "") -> T:
    """Run something in a warm sandbox, or, where that cannot be had, in a cold one; `run` takes what to preload."""
    if can_be_warm(isolation or level()):
        with contextlib.suppress(warm.UnavailableError):
            return run(modules)
    return run(())


@cache
def can_be_warm(isolation: str) -> bool:
    """Whether warm sandboxes work here."""
    try:
        with folders.temporary_folder("sandbox-") as folder:
            command = [sys.executable, "-c", ""]
            return run_command(command, folder, isolation=isolation, preload=NUMPY).code == 0
    except (warm.UnavailableError, SandboxError, OSError):
        return False


@contextlib.contextmanager
def started_command(
    argv: list[str],
    root: str | Path,
    limits: Limits,
    env: dict[str, str] | None = None,
    isolation: str = "",
    readable: Iterable[str | Path] = (),
    inside: str | Path = ".",
    pass_fds: tuple[int, ...] = (),
    waits_for: Tree | None = None,
    pipes: int = subprocess.PIPE,
    preload: warm.Modules = (),
) -> Iterator["Running"]:
    """A command that runs in the sandbox until the end of the `with` block; the parameters are those of `run_command`.

    `inside` is the part of the folder to start in; `pipes` is what its standard input and outputs are.
    """
    bubblewrapped = (isolation or level()) == BUBBLEWRAP
    root = Path(root).resolve()
    with contextlib.ExitStack() as stack:
        is_warm = preload and argv[0] == sys.executable
        zygote = warm.zygote_with(preload) if is_warm else None  # first: of what starts later, no child may be left
        try:
            user = stack.enter_context(users.own_user(bubblewrapped)) if has_own_users(bubblewrapped) else 0
        except (users.NoUserError, OSError) as error:
            raise SandboxError(f"no user for the sandbox: {error}") from error
        if bubblewrapped:
            file = stack.enter_context(_arguments(bubblewrap.arguments(root, limits.quota, readable, inside)))
            home, places, seen = "/tmp", bubblewrap.writable(root), INSIDE
        else:
            stack.enter_context(_emptied_afterwards(root))
            scratch = stack.enter_context(folders.temporary_folder("sandbox-"))
            if user:
                os.chown(scratch, user, user)
            else:
                stack.enter_context(_orphans_killed())
            home, places, seen = str(scratch), [str(scratch)], str(root)
        environment = clean_environment(seen, home) | (env or {})
        settings = _launch_settings(limits, user, bubblewrapped)
        process: subprocess.Popen | warm.WarmProcess
        if zygote:
            about = {"command": argv[1:], "environment": environment, "settings": settings}
            about["folder"] = str(Path(seen, inside))
            shelter = stack.enter_context(warm.shelter(file, has_filter())) if bubblewrapped else None
            process = warm.WarmProcess(zygote, about, {number: number for number in pass_fds}, pipes, shelter)
            beside = (shelter.process.pid,) if shelter else ()
            stack.callback(process.close)
        else:
            command, beside = [*_launcher(settings), *argv], ()
            if bubblewrapped:
                command, pass_fds = ["bwrap", "--args", str(file), "--", *command], (*pass_fds, file)
            process = _start(command, root / inside, environment, pass_fds, pipes)
        running = Running(process, Tree(process.pid, waits_for, beside), limits, tuple(places), bubblewrapped)
        try:
            yield running
        finally:
            running.stop()
            for stream in filter(None, (process.stdin, process.stdout, process.stderr)):
                with contextlib.suppress(BrokenPipeError):  # it has something to say that nobody will read
                    stream.close()


@contextlib.contextmanager
def _emptied_afterwards(root: Path) -> Iterator[None]:
    """Empty the parts of a folder that may be written to, as far as they are empty now: the next run finds nothing."""
    parts = [root / part for part in SCRATCH]
    empty = [part for part in parts if part.is_dir() and not any(part.iterdir())]
    try:
        yield
    finally:
        for part in empty:
            folders.remove(part)
            part.mkdir()
            part.chmod(0o777)


@contextlib.contextmanager
def _arguments(words: list[str]) -> Iterator[int]:
    """An open file with arguments: on its command line, the sandbox would see them."""
    with tempfile.TemporaryFile() as file:
        file.write(b"".join(word.encode() + b"\0" for word in words))
        file.seek(0)
        yield file.fileno()


def _start(
    command: list[str], folder: Path, env: dict[str, str], pass_fds: tuple[int, ...], pipes: int
) -> subprocess.Popen:
    try:
        return subprocess.Popen(
            command,
            stdin=pipes,
            stdout=pipes,
            stderr=pipes,
            env=env,
            cwd=folder,
            pass_fds=pass_fds,
            start_new_session=True,
        )
    except OSError as error:
        raise SandboxError(f"the sandbox does not start: {error}") from error


def _launcher(settings: dict) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", _LAUNCHER.read_text(encoding="utf-8"), json.dumps(settings)]


def _launch_settings(limits: Limits, user: int, bubblewrapped: bool) -> dict[str, Any]:
    """The settings that `launch.py` takes."""
    hard = {
        "AS": limits.memory,
        "NPROC": limits.processes + (0 if user else _processes_beside(bubblewrapped)),
        "FSIZE": limits.file_size,
        "CPU": math.ceil(limits.seconds) + 1,
        "NOFILE": 1024,
        "CORE": 0,
    }
    # A second before the process is killed, SIGXCPU tells it why.
    soft = hard | {"CPU": math.ceil(limits.seconds)}
    return {
        "limits": {name: (soft[name], hard[name]) for name in hard},
        "supervise": not bubblewrapped,
        "user": user,
        "filter": has_filter(),
    }


def _processes_beside(bubblewrapped: bool) -> int:
    """Processes and threads that count towards the limit although the sandbox did not start them: all of this user."""
    if bubblewrapped and tuple(map(int, platform.release().split(".")[:2])) >= _OWN_COUNT:
        return 0
    count = 0
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            count += process.num_threads() if process.uids().real == os.getuid() else 0
    return count


@contextlib.contextmanager
def _orphans_killed() -> Iterator[None]:
    """Kill what a command leaves behind if it has killed its launcher: such processes become children of this one."""
    before, adopted = _children(), ctypes.c_int()
    ctypes.CDLL(None).prctl(GET_SUBREAPER, ctypes.byref(adopted), 0, 0, 0)
    ctypes.CDLL(None).prctl(SET_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        while orphans := _children() - before:
            for pid in orphans:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)
        ctypes.CDLL(None).prctl(SET_SUBREAPER, adopted.value, 0, 0, 0)


def _children() -> set[int]:
    return {child.pid for child in psutil.Process().children()}


@dataclass(frozen=True)
class Running:
    """A command that runs in a sandbox.

    Parameters
    ----------
    process : Popen or WarmProcess
    tree : Tree
        The process with all that it started.
    limits : Limits
    places : tuple of str
        What it can write to, as it calls them.
    bubblewrapped : bool
    """

    process: subprocess.Popen | warm.WarmProcess
    tree: Tree
    limits: Limits
    places: tuple[str, ...]
    bubblewrapped: bool

    def exceeded(self) -> Ending | None:
        """The limit that all its processes together exceed; None if there is none, or it is too early to look again."""
        if not self.tree.is_due():
            return None
        self.tree.look()
        if self.tree.seconds > self.limits.seconds + 1:  # each process has had a chance to be told
            return Ending.TIMEOUT
        if self.tree.idle > self.limits.idle:
            return Ending.STALLED
        if not self.bubblewrapped and self.tree.has_loaded_from([*bubblewrap.absent_folders(), *self.places]):
            return Ending.FORBIDDEN
        written, num_files = map(sum, zip(*map(self._filled, self.places), strict=True))
        if self.tree.memory(self.limits.memory) + written > self.limits.memory:
            return Ending.MEMORY
        return Ending.OUTPUT if written > self.limits.quota or num_files > self.limits.files else None

    def _filled(self, place: str) -> tuple[int, int]:
        """Bytes and number of the files in a place."""
        if self.bubblewrapped:
            return self.tree.filled(place, self.limits.quota)
        return folders.size(place, self.limits.files)

    def has_ended(self) -> bool:
        """Whether it has ended; it stays in the table of processes, so that its numbers can be read."""
        if isinstance(self.process, warm.WarmProcess):
            return self.process.has_ended()
        if self.process.returncode is not None:
            return True
        return os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def stop(self) -> None:
        """Stop it and everything that runs in it."""
        if self.process.poll() is None:
            self.process.terminate()  # the launcher kills its descendants; bubblewrap takes its own process tree along
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(GRACE)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class _Pipes:
    """The pipes of a process: feeds its input and collects its output, within the limits."""

    def __init__(self, running: Running, stdin: bytes) -> None:
        self.running, self.limits = running, running.limits
        process = running.process
        self.unsent = memoryview(stdin)
        self.output, self.errors = bytearray(), bytearray()
        self.num_errors = 0
        self.selector = selectors.DefaultSelector()
        for stream, kind in ((process.stdout, "output"), (process.stderr, "errors"), (process.stdin, "input")):
            assert stream is not None
            os.set_blocking(stream.fileno(), False)
            direction = selectors.EVENT_WRITE if kind == "input" else selectors.EVENT_READ
            self.selector.register(stream, direction, kind)

    def serve_until(self, deadline: float) -> Ending | None:
        """Serve until the process ends by itself (None), or say why it has to be stopped."""
        while time.monotonic() < deadline:
            if exceeded := self.running.exceeded():
                return exceeded
            gone = self.running.has_ended()
            streams = self.selector.get_map()
            events = self.selector.select(0 if gone else min(0.05, deadline - time.monotonic())) if streams else []
            if not streams and not gone:
                time.sleep(0.002)
            for key, _ in events:
                self._serve(key)
            if len(self.output) > self.limits.output or self.num_errors > self.limits.output:
                return Ending.OUTPUT
            if gone and not any(key.data != "input" for key, _ in events):
                return None
        return Ending.STALLED

    def _serve(self, key: selectors.SelectorKey) -> None:
        if key.data == "input":
            return self._feed(key.fileobj)
        data = os.read(key.fd, 1 << 16)
        if not data:
            self._close(key.fileobj)
        elif key.data == "output":
            self.output += data
        else:
            self.errors += data
            self.num_errors += len(data)
            del self.errors[:-LONGEST_ERRORS]

    def _feed(self, stream: Any) -> None:
        try:
            self.unsent = self.unsent[os.write(stream.fileno(), self.unsent[: 1 << 16]) :]
        except BrokenPipeError:
            self.unsent = self.unsent[:0]
        if not self.unsent:
            self._close(stream)

    def _close(self, stream: Any) -> None:
        self.selector.unregister(stream)
        stream.close()
