"""Run a command that is not trusted: bubblewrap where it is installed, limits on what a process takes in any case.

With bubblewrap the command sees the system's programs, Python, the folder it runs in (all read-only) and a small /tmp
of its own; no network, no other process, no file of the user. With limits alone it is an ordinary process that may
take so much time, memory and output, and is gone with all it started when the time is over; `level` says which it is.
"""

import contextlib
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from coursekit.paths import ROOT

BUBBLEWRAP, LIMITS = "bubblewrap", "limits"
INSIDE = "/course"  # where the folder lies for a command in bubblewrap
SCRATCH = ("cs231n/saved",)  # parts of the folder that may be written to; what is written is lost
LONGEST_ERRORS = 64 << 10  # bytes of the standard error that are kept
GRACE = 2.0  # seconds that the launcher has to kill what is left
_LAUNCHER = Path(__file__).with_name("launch.py")
_SYSTEM = ("/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", "/etc/ld.so.cache", "/etc/alternatives", "/etc/fonts")
# Users that belong to nobody: the ids that systemd keeps for services without an account.
_FIRST_USER, _NUM_USERS = 61184, 4096


class SandboxError(Exception):
    """The sandbox itself does not work: never a learner's fault."""


@dataclass(frozen=True)
class Limits:
    """What a command may take.

    Parameters
    ----------
    seconds : float
        By the clock; then the command and all that it started are killed.
    memory : int
        Bytes of address space, for each process.
    processes : int
        Processes and threads together.
    file_size : int
        Bytes of the largest file; /tmp in bubblewrap is four times as large.
    output : int
        Bytes of standard output; a command that writes more is killed. Of the standard error the end is kept.
    cpu_seconds : int
        Of processor time, for each process; four times `seconds` if 0.
    """

    seconds: float = 20.0
    memory: int = 4 << 30
    processes: int = 128
    file_size: int = 64 << 20
    output: int = 64 << 20
    cpu_seconds: int = 0


@dataclass(frozen=True)
class Outcome:
    """What a command did.

    `ended` is "exit", "signal", "timeout", "memory" or "output"; `code` is the exit status or the negative number of
    the signal.
    """

    stdout: bytes
    stderr: bytes
    ended: str
    code: int
    seconds: float
    cpu_seconds: float


def level():
    """The strongest isolation that works here: "bubblewrap" or "limits"."""
    return BUBBLEWRAP if _bubblewrap_works() else LIMITS


def warning(isolation=""):
    """What an instructor should know of the isolation before strangers' code runs; "" with bubblewrap."""
    if (isolation or level()) == BUBBLEWRAP:
        return ""
    text = (
        "Without bubblewrap, submissions run under limits of time, memory and output alone: "
        "they can read what you can read, and use the network. `apt install bubblewrap` mends it."
    )
    if _is_root() and not _python_is_for_all():
        text += (
            f"\nAnd they run as root: no other user can read this Python in {', '.join(_python_folders())}. "
            "Grade as another user, or make the environment where all users can read it, such as /opt."
        )
    return text


@cache
def _bubblewrap_works():
    if shutil.which("bwrap") is None:
        return False
    with tempfile.TemporaryDirectory() as folder:
        outcome = run([sys.executable, "-c", ""], folder, isolation=BUBBLEWRAP)
    return outcome.code == 0


def run(argv, root, stdin=b"", limits=None, env=None, isolation=None, readable=()):
    """Run a command in the sandbox.

    Parameters
    ----------
    argv : list of str
    root : str or path
        The folder to run in; the command can read it.
    stdin : bytes
    limits : Limits, optional
    env : dict, optional
        All the environment that the command gets beside `environment`.
    isolation : str, optional
        "bubblewrap" or "limits"; by default `level()`.
    readable : iterable of paths
        More files and folders that the command can read.

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
        command, env = wrap(argv, root, limits, env, isolation, readable, scratch=scratch)
        started, used = time.monotonic(), _children_time()
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=env,
                cwd=root,
                start_new_session=True,
            )
        except OSError as error:
            raise SandboxError(f"the sandbox does not start: {error}") from error
        with process:
            talk = _Talk(process, stdin, limits)
            try:
                ended = talk.until_it_ends(started + limits.seconds)
            finally:
                end(process)
    code = process.returncode
    if not ended:
        out_of_memory = code == -signal.SIGKILL or b"MemoryError" in talk.errors[-2000:]
        ended = "memory" if out_of_memory and code else ("signal" if code < 0 or code > 128 else "exit")
    return Outcome(
        bytes(talk.output), bytes(talk.errors), ended, code, time.monotonic() - started, _children_time() - used
    )


def _children_time():
    times = os.times()
    return times.children_user + times.children_system


def wrap(argv, root, limits, env=None, isolation=None, readable=(), writable=(), scratch=None, inside="."):
    """The command line and the environment that run `argv` in the sandbox.

    `scratch` is the folder that stands in for /tmp where bubblewrap does not give an own one; `writable` are folders
    that the command may write to; `inside` is the part of the folder to start in.
    """
    isolation = isolation or level()
    wrapped = isolation == BUBBLEWRAP
    root = Path(root).resolve()
    settings = {
        "limits": {
            "AS": limits.memory,
            "NPROC": limits.processes,
            "FSIZE": limits.file_size,
            "CPU": limits.cpu_seconds or int(4 * limits.seconds) + 1,
            "NOFILE": 1024,
            "CORE": 0,
        },
        "supervise": not wrapped,
        "user": user(wrapped),
    }
    python = [sys.executable, "-I", "-S", "-c", _LAUNCHER.read_text(encoding="utf-8"), json.dumps(settings)]
    command = [*python, *argv]
    if wrapped:
        command = [*_bubblewrap(root, limits, readable, writable, inside), *command]
    elif settings["user"] and scratch:
        os.chown(scratch, settings["user"], settings["user"])
    home = "/tmp" if wrapped else str(scratch)
    return command, environment(INSIDE if wrapped else str(root), home) | (env or {})


def environment(root, home):
    """The environment of a command in the sandbox: nothing of ours."""
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


def _bubblewrap(root, limits, readable=(), writable=(), inside="."):
    capabilities = ("--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID")
    spaces = ("--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try", *capabilities)
    command = ["bwrap", *(spaces if _is_root() else ("--unshare-all",))]
    command += ["--die-with-parent", "--new-session", "--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev"]
    for path in _SYSTEM:
        command += ["--ro-bind-try", path, path]
    if any(ROOT.is_relative_to(path) for path in (*_SYSTEM, *_python_folders())):
        command += ["--tmpfs", str(ROOT), "--remount-ro", str(ROOT)]  # the solved tree must not be seen
    command += ["--perms", "1777", "--size", str(4 * limits.file_size), "--tmpfs", "/tmp"]
    for path in (*_python_folders(), *map(str, readable)):
        command += [*_parents(path), "--ro-bind", path, path]
    for path in map(str, writable):
        command += [*_parents(path), "--bind", path, path]
    command += ["--ro-bind", str(root), INSIDE]
    for path in SCRATCH:
        if (root / path).is_dir():
            command += ["--perms", "1777", "--size", str(4 * limits.file_size), "--tmpfs", f"{INSIDE}/{path}"]
    return [*command, "--remount-ro", "/", "--chdir", str(Path(INSIDE, inside)), "--"]


def _parents(path):
    """The folders above a path, open to the sandbox's user: bubblewrap's own are not."""
    return [word for parent in reversed(Path(path).parents[:-1]) for word in ("--perms", "755", "--dir", str(parent))]


@cache
def _python_folders():
    """Where this Python and its packages lie, outermost folders only."""
    folders = {os.path.realpath(path) for path in (sys.prefix, sys.base_prefix, sys.exec_prefix)}
    folders.add(os.path.abspath(sys.prefix))
    folders = {folder for folder in folders if not folder.startswith("/usr")}
    return sorted(f for f in folders if not any(f != other and Path(f).is_relative_to(other) for other in folders))


def _is_root():
    return hasattr(os, "geteuid") and os.geteuid() == 0


def user(wrapped=True):
    """The user to become, where root can do so: none of ours, so that the limit on processes holds."""
    if not _is_root() or not (wrapped or _python_is_for_all()):
        return 0
    return _FIRST_USER + os.getpid() % _NUM_USERS


@cache
def _python_is_for_all():
    """Whether another user can run this Python, too."""
    paths = [Path(folder) for folder in _python_folders()]
    return all(part.stat().st_mode & 0o001 for path in paths for part in (path, *path.parents))


def end(process):
    """End a sandbox and all that runs in it."""
    if process.poll() is None:
        process.terminate()  # the launcher kills what is left, bubblewrap's own process tree goes with it
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class _Talk:
    """Feed a process and collect what it says, within the limits."""

    def __init__(self, process, stdin, limits):
        self.process, self.limits = process, limits
        self.waiting = memoryview(stdin)
        self.output, self.errors = bytearray(), bytearray()
        self.num_errors = 0
        self.selector = selectors.DefaultSelector()
        for stream, kind in ((process.stdout, "output"), (process.stderr, "errors"), (process.stdin, "input")):
            os.set_blocking(stream.fileno(), False)
            write = selectors.EVENT_WRITE if kind == "input" else selectors.EVENT_READ
            self.selector.register(stream, write, kind)

    def until_it_ends(self, deadline):
        """Talk until the process has ended; "timeout" or "output" if it was too much, "" if it ended by itself."""
        while time.monotonic() < deadline:
            gone = self.process.poll() is not None
            streams = self.selector.get_map()
            events = self.selector.select(0 if gone else min(0.05, deadline - time.monotonic())) if streams else []
            if not streams and not gone:
                time.sleep(0.002)
            for key, _ in events:
                self._serve(key)
            if len(self.output) > self.limits.output or self.num_errors > self.limits.output:
                return "output"
            if gone and not any(key.data != "input" for key, _ in events):
                return ""
        return "timeout"

    def _serve(self, key):
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

    def _feed(self, stream):
        try:
            self.waiting = self.waiting[os.write(stream.fileno(), self.waiting[: 1 << 16]) :]
        except BrokenPipeError:
            self.waiting = self.waiting[:0]
        if not self.waiting:
            self._close(stream)

    def _close(self, stream):
        self.selector.unregister(stream)
        stream.close()
