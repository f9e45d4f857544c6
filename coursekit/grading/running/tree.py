"""What a process and all its descendants use together: the system limits each process alone.

The numbers are read from /proc from time to time. Between two looks a tree can take more than it may have; so the
limits hold up to what can be taken within a tenth of a second.
"""

import contextlib
import os
import platform
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

LOOK = 0.1  # seconds between two looks
SOCKET = 212_992  # bytes that the kernel holds for a socket, unless its buffers are set, which `launch.py` denies
_STARTING_A_CHILD = {"x86_64": ("56", "58"), "aarch64": ("220",)}.get(platform.machine(), ())  # clone, vfork
_TICK, _PAGE = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class _Process:
    """A process as /proc shows it: `seconds` of its own, and those of its children that have ended."""

    pid: int
    started: int
    seconds: float
    children_seconds: float
    memory: int


class Tree:
    """A process and its descendants.

    Parameters
    ----------
    pid : int
        Of the first process.
    other : Tree, optional
        Another one that it waits for: while that one works, waiting is not counted.
    beside : tuple of int, optional
        Further processes that belong to it, with their descendants.

    Attributes
    ----------
    seconds : float
        Processor time that all have used so far.
    idle : float
        Seconds by the clock during which none of their threads was running, ready to run, or reading from a disk. A
        busy machine does not add to them: who waits for a processor is ready to run. Who works a little now and then
        is idle for the rest.
    peak : int
        The most bytes of memory that were ever seen.
    """

    def __init__(self, pid: int, other: "Tree | None" = None, beside: tuple[int, ...] = ()) -> None:
        self.pids, self.other = (pid, *beside), other
        self.seconds = self.idle = 0.0
        self.peak = 0
        self.is_active = True
        self._own_seconds: dict[tuple[int, int], float] = {}  # of each process that was ever seen
        self._looked = time.monotonic()

    def is_due(self) -> bool:
        """Whether it is time for another look."""
        return time.monotonic() - self._looked >= LOOK

    def look(self, waits: bool = True) -> None:
        """Bring `seconds`, `idle` and `is_active` up to date; nothing is idle as long as nobody `waits` for it."""
        processes = list(self._processes())
        seconds = max(self.seconds, self._seconds(processes))
        self.is_active = any(map(_has_active_thread, (p.pid for p in processes)))
        worked, self.seconds = seconds - self.seconds, seconds
        passed, self._looked = time.monotonic() - self._looked, time.monotonic()
        if waits and not self.is_active and not (self.other and self._other_is_active()):
            passed = min(passed, 2 * LOOK)  # more, and it is this process that had to wait
            self.idle += max(0.0, passed - worked)

    def _other_is_active(self) -> bool:
        assert self.other is not None
        self.other.look()
        return self.other.is_active

    def _seconds(self, processes: list[_Process]) -> float:
        """Processor time: as the processes count it, or, where one does not wait for its children, as it was seen."""
        self._own_seconds |= {(p.pid, p.started): p.seconds for p in processes}
        counted = sum(p.seconds + p.children_seconds for p in processes)
        return max(counted, sum(self._own_seconds.values()))

    def memory(self, limit: int) -> int:
        """Bytes of memory; what processes share is counted once, as soon as more than `limit` seems to be in use.

        What waits in sockets belongs to no process: each open file counts as a socket with full buffers.
        """
        processes = list(self._processes())
        buffers = SOCKET * sum(map(_num_open, processes))
        simple = buffers + sum(process.memory for process in processes)
        found = simple if simple <= limit else buffers + sum(_proportional(process) for process in processes)
        self.peak = max(self.peak, found)
        return found

    def filled(self, folder: str, size: int) -> tuple[int, int]:
        """Bytes and number of files in a file system of this size that the sandbox has at `folder`; else (0, 0)."""
        for pid in reversed(list(_members(*self.pids))):
            with contextlib.suppress(OSError):
                found = os.statvfs(f"/proc/{pid}/root{folder}")
                if found.f_blocks * found.f_frsize == size:
                    return (found.f_blocks - found.f_bfree) * found.f_frsize, found.f_files - found.f_ffree
        return 0, 0

    def has_loaded_from(self, folders: Iterable[str]) -> bool:
        """Whether a process has loaded a library from one of these folders: its code is mapped then."""
        starts = tuple(f"{folder}/" for folder in folders)
        for pid in _members(*self.pids):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/maps", errors="replace") as file:
                mapped = (line.split(maxsplit=5) for line in file if "/" in line)
                if any("x" in words[1] and words[5].startswith(starts) for words in mapped):
                    return True
        return False

    def _processes(self) -> Iterator[_Process]:
        for pid in _members(*self.pids):
            with contextlib.suppress(OSError, IndexError):
                yield _read(pid)


def _members(*pids: int) -> Iterator[int]:
    """Processes and their descendants, each after its parent."""
    waiting = list(pids)
    while waiting:
        pid = waiting.pop(0)
        yield pid
        for thread in _threads(pid):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{thread}/children") as file:
                waiting += map(int, file.read().split())


def _threads(pid: int) -> list[str]:
    try:
        return os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []


def _read(pid: int) -> _Process:
    fields = _fields(f"/proc/{pid}/stat")
    own, children = int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14])
    return _Process(pid, int(fields[19]), own / _TICK, children / _TICK, int(fields[21]) * _PAGE)


def _fields(path: str) -> list[str]:
    """The fields of a stat file from the state on; the name before it may hold anything."""
    with open(path, errors="replace") as file:
        return file.read().rpartition(")")[2].split()


def _has_active_thread(pid: int) -> bool:
    for thread in _threads(pid):
        with contextlib.suppress(OSError, IndexError):
            state = _fields(f"/proc/{pid}/task/{thread}/stat")[0]
            if state == "R" or state == "D" and not _waits_for_child(pid, thread):
                return True
    return False


def _waits_for_child(pid: int, thread: str) -> bool:
    """Whether a thread waits for a child to run another program: the child may sleep instead, as long as it likes."""
    with open(f"/proc/{pid}/task/{thread}/syscall") as file:
        return file.read().split()[0] in _STARTING_A_CHILD


def _num_open(process: _Process) -> int:
    try:
        return len(os.listdir(f"/proc/{process.pid}/fd"))
    except OSError:
        return 0


def _proportional(process: _Process) -> int:
    """Bytes of memory of a process, with its share of what others have as well; 0 if it has ended meanwhile."""
    try:
        with open(f"/proc/{process.pid}/smaps_rollup") as file:
            return sum(1024 * int(line.split()[1]) for line in file if line.startswith("Pss:"))
    except PermissionError:
        return process.memory
    except OSError:
        return 0
