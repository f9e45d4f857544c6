"""Run an untrusted command: in bubblewrap where it is installed, and under resource limits in any case.

With bubblewrap the command sees the system's programs, Python, the folder it runs in (all read-only) and a small /tmp
of its own, but no network, no other process and no file of the user. With limits alone it is an ordinary process whose
time, memory and output are limited; when its time is up, it is killed together with everything it started. `level` says
which of the two is used.
"""

import contextlib
import json
import math
import os
import selectors
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import psutil

from coursekit.judging.runner import WAITING, Ending, is_out_of_time
from coursekit.paths import ROOT

BUBBLEWRAP, LIMITS = "bubblewrap", "limits"
INSIDE = "/course"  # what the folder is called inside bubblewrap
SCRATCH = ("cs231n/saved",)  # parts of the folder that may be written to; what is written there is lost
LONGEST_ERRORS = 64 << 10  # bytes of the standard error that are kept
LOOK = 0.1  # seconds between two looks at the processor time of everything that runs in a sandbox
GRACE = 2.0  # seconds that the launcher has to kill the remaining processes
_LAUNCHER = Path(__file__).with_name("launch.py")
_SYSTEM = ("/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", "/etc/ld.so.cache", "/etc/alternatives", "/etc/fonts")
# Ids of users without an account: the range that systemd reserves for services.
_FIRST_USER, _NUM_USERS = 61184, 4096


class SandboxError(Exception):
    """The sandbox itself does not work; this is never a learner's fault."""


@dataclass(frozen=True)
class Limits:
    """The resources that a command may use.

    Parameters
    ----------
    seconds : float
        Processor time of the command and everything it started, together. After `runner.WAITING` times as long by the
        clock, they are killed as well.
    memory : int
        Bytes of address space, for each process.
    processes : int
        Processes and threads together.
    file_size : int
        Bytes of the largest file; /tmp in bubblewrap is four times this size.
    output : int
        Bytes of standard output; a command that writes more is killed. Only the end of the standard error is kept.
    """

    seconds: float = 20.0
    memory: int = 4 << 30
    processes: int = 128
    file_size: int = 64 << 20
    output: int = 64 << 20


@dataclass(frozen=True)
class Outcome:
    """What a command did.

    `code` is the exit status or the negative number of the signal.
    """

    stdout: bytes
    stderr: bytes
    ended: Ending
    code: int
    seconds: float
    cpu_seconds: float


def level() -> str:
    """The strongest isolation that works here: "bubblewrap" or "limits"."""
    return BUBBLEWRAP if _bubblewrap_works() else LIMITS


def warning(isolation: str = "") -> str:
    """What an instructor should know about the isolation before strangers' code runs; "" with bubblewrap."""
    if (isolation or level()) == BUBBLEWRAP:
        return ""
    text = (
        "Without bubblewrap, only the time, memory and output of submissions are limited: "
        "they can read every file that you can read, and use the network. To fix this: `apt install bubblewrap`."
    )
    if _is_root() and not _python_is_for_all():
        text += (
            f"\nThey also run as root, because no other user can read the Python in {', '.join(_python_folders())}. "
            "Grade as another user, or create the environment in a folder that all users can read, such as /opt."
        )
    return text


@cache
def _bubblewrap_works() -> bool:
    if shutil.which("bwrap") is None:
        return False
    with tempfile.TemporaryDirectory() as folder:
        outcome = run_command([sys.executable, "-c", ""], folder, isolation=BUBBLEWRAP)
    return outcome.code == 0


def run_command(
    argv: list[str],
    root: str | Path,
    stdin: bytes = b"",
    limits: Limits | None = None,
    env: dict[str, str] | None = None,
    isolation: str = "",
    readable: Iterable[str | Path] = (),
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

    Returns
    -------
    Outcome

    Raises
    ------
    SandboxError
        If the sandbox cannot start.
    """
    limits = limits or Limits()
    with tempfile.TemporaryDirectory(prefix="sandbox-") as scratch:
        command, env = sandboxed_command(argv, root, limits, env, isolation, readable, scratch=scratch)
        started, used = time.monotonic(), _children_time()
        with _start(command, root, env) as process:
            pipes = _Pipes(process, stdin, limits)
            try:
                stopped_for = pipes.serve_until(started + WAITING * limits.seconds)
            finally:
                stop_process(process)
    seconds, cpu_seconds = time.monotonic() - started, max(pipes.used, _children_time() - used)
    ended = stopped_for or _how_it_ended(process.returncode, pipes.errors, seconds >= limits.seconds)
    output, errors = bytes(pipes.output), bytes(pipes.errors)
    return Outcome(output, errors, ended, process.returncode, seconds, cpu_seconds)


def _start(command: list[str], root: str | Path, env: dict[str, str]) -> subprocess.Popen:
    pipe = subprocess.PIPE
    try:
        return subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=pipe, env=env, cwd=root, start_new_session=True
        )
    except OSError as error:
        raise SandboxError(f"the sandbox does not start: {error}") from error


def _how_it_ended(code: int, errors: bytearray, had_its_time: bool) -> Ending:
    """How a process that was not stopped from outside ended."""
    killed = code in (-signal.SIGKILL, 128 + signal.SIGKILL)
    if is_out_of_time(code) or killed and had_its_time:
        return Ending.TIMEOUT
    if killed or code and b"MemoryError" in errors[-2000:]:
        return Ending.MEMORY
    return Ending.SIGNAL if code < 0 or code > 128 else Ending.EXIT


def tree_seconds(process: Any) -> float:
    """The processor time that a sandbox has used so far: its processes, and their children that have ended."""
    total = 0.0
    with contextlib.suppress(psutil.Error):
        root = psutil.Process(process.pid)
        for member in (root, *root.children(recursive=True)):
            with contextlib.suppress(psutil.Error):  # it may end meanwhile
                times = member.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
    return total


def _children_time() -> float:
    times = os.times()
    return times.children_user + times.children_system


def sandboxed_command(
    argv: list[str],
    root: str | Path,
    limits: Limits,
    env: dict[str, str] | None = None,
    isolation: str = "",
    readable: Iterable[str | Path] = (),
    writable: Iterable[str | Path] = (),
    scratch: str | None = None,
    inside: str | Path = ".",
) -> tuple[list[str], dict[str, str]]:
    """The command line and the environment that run `argv` in the sandbox.

    `scratch` is the folder that replaces /tmp where there is no bubblewrap to provide one; `writable` are folders that
    the command may write to; `inside` is the part of the folder to start in.
    """
    bubblewrapped = (isolation or level()) == BUBBLEWRAP
    root = Path(root).resolve()
    user = unprivileged_user(bubblewrapped)
    command = [*_launcher(limits, user, supervise=not bubblewrapped), *argv]
    if bubblewrapped:
        command = [*_bubblewrap(root, limits, readable, writable, inside), *command]
    elif user and scratch:
        os.chown(scratch, user, user)
    home = "/tmp" if bubblewrapped else str(scratch)
    return command, clean_environment(INSIDE if bubblewrapped else str(root), home) | (env or {})


def _launcher(limits: Limits, user: int, supervise: bool) -> list[str]:
    hard = {
        "AS": limits.memory,
        "NPROC": limits.processes,
        "FSIZE": limits.file_size,
        "CPU": math.ceil(limits.seconds) + 1,
        "NOFILE": 1024,
        "CORE": 0,
    }
    # A second before the process is killed, SIGXCPU tells it why.
    soft = hard | {"CPU": math.ceil(limits.seconds)}
    settings = {
        "limits": {name: (soft[name], hard[name]) for name in hard},
        "supervise": supervise,
        "user": user,
    }
    return [sys.executable, "-I", "-S", "-c", _LAUNCHER.read_text(encoding="utf-8"), json.dumps(settings)]


def clean_environment(root: str, home: str) -> dict[str, str]:
    """The environment variables of a command in the sandbox: nothing of the grader's own."""
    return {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": home,
        "TMPDIR": home,
        "USER": "learner",
        "LOGNAME": "learner",
        "PYTHONPATH": root,
        "PYTHONSAFEPATH": "1",
        "PYTHONNOUSERSITE": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "MPLBACKEND": "Agg",
        **{name: "1" for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")},
    }


def _bubblewrap(
    root: Path, limits: Limits, readable: Iterable = (), writable: Iterable = (), inside: str | Path = "."
) -> list[str]:
    command = ["bwrap", *_namespaces(), "--die-with-parent", "--new-session"]
    command += ["--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev"]
    for path in _SYSTEM:
        command += ["--ro-bind-try", path, path]
    command += _small_tmpfs("/tmp", limits)
    for path in _python_folders():
        command += [*_parents(path), "--ro-bind", path, path]
    hidden = _solved_folders()
    for path in hidden:
        command += ["--tmpfs", path]
    for path in map(str, readable):
        command += [*_parents(path), "--ro-bind", path, path]
    for path in map(str, writable):
        command += [*_parents(path), "--bind", path, path]
    command += ["--ro-bind", str(root), INSIDE]
    for path in SCRATCH:
        if (root / path).is_dir():
            command += _small_tmpfs(f"{INSIDE}/{path}", limits)
    for path in (*hidden, "/"):
        command += ["--remount-ro", path]
    return [*command, "--chdir", str(Path(INSIDE, inside)), "--"]


def _namespaces() -> tuple[str, ...]:
    if not _is_root():
        return ("--unshare-all",)
    unshared = ("--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try")
    return (*unshared, "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID")


def _small_tmpfs(path: str, limits: Limits) -> list[str]:
    return ["--perms", "1777", "--size", str(4 * limits.file_size), "--tmpfs", path]


def _parents(path: str | Path) -> list[str]:
    """The folders above a path, open to the sandbox's user: those that bubblewrap makes itself are not."""
    return [word for parent in reversed(Path(path).parents[:-1]) for word in ("--perms", "755", "--dir", str(parent))]


@cache
def _python_folders() -> list[str]:
    """The folders of this Python and its packages, without those that lie in another one."""
    folders = {os.path.realpath(path) for path in (sys.prefix, sys.base_prefix, sys.exec_prefix)}
    folders.add(os.path.abspath(sys.prefix))
    folders = {folder for folder in folders if not folder.startswith("/usr")}
    return sorted(f for f in folders if not any(f != other and Path(f).is_relative_to(other) for other in folders))


def _solved_folders() -> list[str]:
    """Folders with solved files that the sandbox would see: this tree, and the course where it is installed as well."""
    packages = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    installed = [Path(folder, name) for folder in packages for name in ("cs231n", "coursekit")]
    seen = [folder for folder in installed if folder.is_dir() and not folder.is_relative_to(ROOT)]
    if any(ROOT.is_relative_to(path) for path in (*_SYSTEM, *_python_folders())):
        seen.append(ROOT)
    return sorted({str(folder) for folder in seen})


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def unprivileged_user(bubblewrapped: bool = True) -> int:
    """The user to become: where root grades, one without an account, so that the limit on processes holds; else 0."""
    if not _is_root() or not (bubblewrapped or _python_is_for_all()):
        return 0
    return _FIRST_USER + os.getpid() % _NUM_USERS


@cache
def _python_is_for_all() -> bool:
    """Whether other users can run this Python as well."""
    paths = [Path(folder) for folder in _python_folders()]
    return all(part.stat().st_mode & 0o001 for path in paths for part in (path, *path.parents))


def stop_process(process: Any) -> None:
    """Stop a sandbox and everything that runs in it."""
    if process.poll() is None:
        process.terminate()  # the launcher kills its descendants; bubblewrap takes its own process tree with it
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class _Pipes:
    """The pipes of a process: feeds its input and collects its output, within the limits."""

    def __init__(self, process: subprocess.Popen, stdin: bytes, limits: Limits) -> None:
        self.process, self.limits = process, limits
        self.unsent = memoryview(stdin)
        self.output, self.errors = bytearray(), bytearray()
        self.num_errors = 0
        self.used = 0.0  # seconds of processor time, when last looked at
        self.next_look = time.monotonic() + LOOK
        self.selector = selectors.DefaultSelector()
        for stream, kind in ((process.stdout, "output"), (process.stderr, "errors"), (process.stdin, "input")):
            assert stream is not None
            os.set_blocking(stream.fileno(), False)
            direction = selectors.EVENT_WRITE if kind == "input" else selectors.EVENT_READ
            self.selector.register(stream, direction, kind)

    def serve_until(self, deadline: float) -> Ending | None:
        """Serve until the process ends by itself (None), or say why it has to be stopped."""
        while time.monotonic() < deadline:
            if self._has_used_its_time():
                return Ending.TIMEOUT
            gone = self.process.poll() is not None
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

    def _has_used_its_time(self) -> bool:
        """Whether all processes together have used up the time; the system itself only counts the time of each."""
        if time.monotonic() < self.next_look:
            return False
        self.next_look = time.monotonic() + LOOK
        self.used = max(self.used, tree_seconds(self.process))
        return self.used > self.limits.seconds + 1

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
