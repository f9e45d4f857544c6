"""Warm sandboxes: a process that has imported NumPy already is forked, and the copy enters a sandbox of its own.

What is warm is a process outside of all sandboxes, the zygote, which never runs a learner's code; `zygote.py` says what
a submission could try. A run has a sandbox of its own as before, which bubblewrap makes for it and which ends with it.
Only, the program that is started in there is `cat`, which waits, and the Python that runs the command was not started
in the sandbox: it has joined it. Where any of this fails, `UnavailableError` is raised, and the run is made in a cold
sandbox, so nothing but time is lost.
"""

import atexit
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO

from coursekit.grading.running import folders, launch, workspace, zygote
from coursekit.grading.running.environment import clean_environment
from coursekit.paths import ROOT

Modules = tuple[str, ...]

MOST = 8  # zygotes that are kept; each has imported other modules
PATIENCE = 60.0  # seconds that a zygote has to start or to answer, and bubblewrap to make a sandbox
_GRADING = "coursekit/grading/"
_BESIDE = [_GRADING + name for name in ("__init__.py", "running/__init__.py", "running/launch.py", "running/zygote.py")]
_NAMESPACES = {
    "user": 0x10000000,
    "mnt": 0x00020000,
    "pid": 0x20000000,
    "ipc": 0x08000000,
    "net": 0x40000000,
    "uts": 0x04000000,
    "cgroup": 0x02000000,
}


class UnavailableError(Exception):
    """No warm sandbox can be had, or it was lost on the way; the message says why."""


# ---- zygotes


@dataclass(frozen=True)
class Zygote:
    """A process to fork from, and the socket on which it is asked."""

    process: subprocess.Popen
    channel: socket.socket

    def ask(self, request: dict, files: Sequence[int] = ()) -> tuple[dict, list[int]]:
        """Ask for something; the answer, with the files that come along."""
        try:
            self.process.send_signal(signal.SIGCONT)  # with limits, a run of the same user can have stopped it
            socket.send_fds(self.channel, [json.dumps(request).encode()], list(files))
            data, received, _, _ = socket.recv_fds(self.channel, zygote.LONGEST, 1)
            return json.loads(data), received
        except (OSError, ValueError) as error:  # it is gone, or does not answer
            self.end()
            raise UnavailableError(f"the zygote is lost: {error}") from error
        except BaseException:  # Ctrl-C: what it answers now would be taken for the answer to the next question
            self.end()
            raise

    def end(self) -> None:
        """End it."""
        self.channel.close()  # it kills what it has started, and exits
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(1)
        _end(self.process)


_zygotes: dict[Modules, Zygote] = {}  # those of this process, by the modules that they have imported


@atexit.register
def _end_all() -> None:
    while _zygotes:
        _zygotes.popitem()[1].end()


def zygote_with(modules: Modules) -> Zygote:
    """A zygote that has imported these modules; a new one if there is none, or it has ended."""
    found = _zygotes.pop(modules, None)
    if found and found.process.poll() is not None:
        found.end()
        found = None
    while len(_zygotes) >= MOST:
        _zygotes.pop(next(iter(_zygotes))).end()
    _zygotes[modules] = found or _started_zygote(modules)
    return _zygotes[modules]


def _started_zygote(modules: Modules) -> Zygote:
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with its, folders.temporary_folder("zygote-") as folder:  # what it needs of the folder, it has imported
        provided = {name: data for name, data in workspace.provided_contents().items() if name.startswith("coursekit/")}
        workspace.write(folder, provided | {name: (ROOT / name).read_bytes() for name in _BESIDE})
        process = subprocess.Popen(
            [sys.executable, "-m", zygote.__name__, str(its.fileno()), *modules],
            stdin=subprocess.PIPE,  # pipes, as those of the processes that are forked
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=clean_environment(str(folder), "/"),
            pass_fds=(its.fileno(),),
            start_new_session=True,
        )
        its.close()
        ours.settimeout(PATIENCE)
        try:
            if ours.recv(zygote.LONGEST) == zygote.READY:
                return Zygote(process, ours)
        except TimeoutError:
            pass
    Zygote(process, ours).end()
    raise UnavailableError("the zygote does not start")


# ---- the sandbox that a process joins


@dataclass(frozen=True)
class Shelter:
    """A sandbox of bubblewrap in which nothing runs yet.

    Parameters
    ----------
    process : Popen
        Of bubblewrap; the sandbox ends with it.
    handle : int
        A pidfd of the first process inside.
    flags : int
        The namespaces to join, as `setns` takes them.
    place : tuple of int
        Device and number of the root folder inside.
    """

    process: subprocess.Popen
    handle: int
    flags: int
    place: tuple[int, int]


@contextlib.contextmanager
def shelter(words: int, has_filter: bool) -> Iterator[Shelter]:
    """A sandbox until the end of the `with` block; `words` is an open file with the arguments of bubblewrap."""
    reading, writing = os.pipe()
    with contextlib.ExitStack() as stack:
        info = stack.enter_context(open(reading, "rb"))
        told = stack.enter_context(open(writing, "wb"))
        command, files = (
            ["bwrap", "--args", str(words), "--info-fd", str(writing), "--cap-drop", "ALL"],
            [words, writing],
        )
        if has_filter:
            files.append(stack.enter_context(_filter()))
            command += ["--seccomp", str(files[-1])]
        process = _start([*command, "--", "/bin/cat"], files)
        stack.callback(_end, process)
        told.close()
        pid = _first_inside(process, info)
        handle = os.pidfd_open(pid)
        stack.callback(os.close, handle)
        stack.callback(_is_readable, handle, PATIENCE)  # all that ran inside is gone
        stack.callback(process.kill)
        yield Shelter(process, handle, *_entrance(pid))


@contextlib.contextmanager
def _filter() -> Iterator[int]:
    """An open file with the filter of system calls."""
    with tempfile.TemporaryFile() as file:
        file.write(b"".join(launch.instructions()))
        file.seek(0)
        yield file.fileno()


def _start(command: list[str], files: list[int]) -> subprocess.Popen:
    try:
        return subprocess.Popen(
            command,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={"PATH": os.defpath},
            pass_fds=files,
            start_new_session=True,
        )
    except OSError as error:
        raise UnavailableError(f"bubblewrap does not start: {error}") from error


def _end(process: subprocess.Popen) -> None:
    """End a process; with bubblewrap, the first process inside is killed, and all that runs there with it."""
    process.kill()
    process.communicate()


def _first_inside(process: subprocess.Popen, info: IO[bytes]) -> int:
    """The number of the first process in a sandbox, which is ready: `cat` has sent a byte back."""
    assert process.stdin and process.stdout
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(b"\n")
    if not _is_readable(process.stdout.fileno(), PATIENCE) or not process.stdout.read(1):
        raise UnavailableError("bubblewrap makes no sandbox")
    return json.loads(info.read())["child-pid"]


def _is_readable(file: int, seconds: float | None) -> bool:
    poll = select.poll()
    poll.register(file, select.POLLIN)
    return bool(poll.poll(None if seconds is None else 1000 * seconds))


def _entrance(pid: int) -> tuple[int, tuple[int, int]]:
    """The namespaces that a process has for itself, and its root folder."""
    flags = 0
    for name, flag in _NAMESPACES.items():
        if os.stat(f"/proc/{pid}/ns/{name}").st_ino != os.stat(f"/proc/self/ns/{name}").st_ino:
            flags |= flag
    root = os.stat(f"/proc/{pid}/root")
    return flags, (root.st_dev, root.st_ino)


# ---- a process


class WarmProcess:
    """A process that was forked from a zygote, with the methods and attributes of `subprocess.Popen` that are needed.

    Parameters
    ----------
    zygote : Zygote
    request : dict
        As `zygote.py` takes it, but for the files.
    files : dict
        What the process gets: open files by the numbers that they have there.
    pipes : int
        What its standard input and outputs are: `subprocess.PIPE` or `DEVNULL`.
    inside : Shelter, optional
        The sandbox that it joins.

    Attributes
    ----------
    pid : int
    returncode : int or None
        The exit status or the negative number of the signal, once that is known.
    memory : int
        The most that one of its processes has had in memory, in bytes, once the exit status is known.
    is_lost : bool
        Whether the zygote, which alone knows the exit status, has ended before.
    stdin, stdout, stderr : files or None
    """

    def __init__(
        self, zygote: Zygote, request: dict, files: dict[int, int], pipes: int, inside: Shelter | None = None
    ) -> None:
        self.zygote, self.inside = zygote, inside
        self.returncode: int | None = None
        self.memory = 0
        self.is_lost = False
        self.stdin: IO[bytes] | None
        with contextlib.ExitStack() as ends, contextlib.ExitStack() as own:
            standard, (self.stdin, self.stdout, self.stderr) = _standard(pipes, ends, own)
            given = standard | files
            about = {"files": list(given), "flags": 0}
            if inside:
                about |= {"flags": inside.flags, "place": inside.place}
            last = inside.handle if inside else given[0]
            answer, received = zygote.ask(request | about, [*given.values(), last])
            if "error" in answer:
                raise UnavailableError(answer["error"])
            self.pid, [self._handle] = answer["pid"], received
            self._own = own.pop_all()

    def has_ended(self) -> bool:
        """Whether it has ended; it stays in the table of processes, so that its numbers can be read."""
        return self.returncode is not None or self._ends_within(0)

    def poll(self) -> int | None:
        """Its exit status, if it has ended."""
        return self.wait() if self.has_ended() else None

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status; `TimeoutExpired` if it does not end in time."""
        if self.returncode is None:
            if not self._ends_within(timeout):
                raise subprocess.TimeoutExpired("a process", timeout or 0.0)
            self.returncode = self._status()
        return self.returncode

    def terminate(self) -> None:
        """Let it end: the sandbox that it has joined takes it along, `launch.py` kills what it has started."""
        if self.inside:
            self.inside.process.kill()
        else:
            signal.pidfd_send_signal(self._handle, signal.SIGTERM)

    def close(self) -> None:
        """Close its files."""
        os.close(self._handle)

    def _ends_within(self, seconds: float | None) -> bool:
        return _is_readable(self._handle, seconds)

    def _status(self) -> int:
        try:
            answer, _ = self.zygote.ask({"reap": self.pid})
        except UnavailableError:
            self.is_lost = True
            return -signal.SIGKILL
        self.memory = answer["memory"]
        return os.waitstatus_to_exitcode(answer["status"])


def _standard(
    pipes: int, its: contextlib.ExitStack, ours: contextlib.ExitStack
) -> tuple[dict[int, int], list[IO[bytes] | None]]:
    """The standard input and outputs of a process by number, and our ends of them; closed with the stacks."""
    if pipes == subprocess.DEVNULL:
        null = its.enter_context(os.fdopen(os.open(os.devnull, os.O_RDWR), "r+b", 0)).fileno()
        return dict.fromkeys(range(3), null), [None] * 3
    files: dict[int, int] = {}
    ends: list[IO[bytes] | None] = []
    for number in range(3):
        reading, writing = os.pipe()
        one, other = (reading, writing) if number == 0 else (writing, reading)
        files[number] = its.enter_context(os.fdopen(one, "rb" if number == 0 else "wb", 0)).fileno()
        ends.append(ours.enter_context(os.fdopen(other, "wb" if number == 0 else "rb", 0)))
    return files, ends
