"""Run a function on what strangers wrote, in a process of its own, with limits on memory and processor time.

Python's parsers take gigabytes, or crash, on a few kilobytes that were written for it. Whatever happens to the process,
its caller goes on.
"""

import contextlib
import json
import math
import os
import resource
import signal
from collections.abc import Callable
from typing import Any, NoReturn

from coursekit.grading.intake.text import why

MEMORY = 1 << 30  # bytes that a process may take in addition to those that it has
SECONDS = 20  # of processor time; the course's largest file takes less than one
LEAST = 3  # seconds that each process gets in any case
LARGEST_RESULT = 80 << 20  # bytes of JSON
_FAILED, _OUT_OF_MEMORY = 2, 3  # exit statuses


class TooCostlyError(Exception):
    """The process was ended, or ended itself; the message says why."""


class Allowance:
    """The processor time that one submission has for all processes of a kind, such as those that read its files.

    When it is used up, each further process still gets a little, which is enough for a file of the course's size: so a
    costly file takes nothing from another one.
    """

    def __init__(self, seconds: float) -> None:
        self.used, self.left = 0.0, seconds

    def seconds(self, most: float = SECONDS) -> int:
        """Seconds for the next process."""
        return max(LEAST, math.ceil(min(most, self.left)))

    def spend(self, seconds: float) -> None:
        """Take off what a process has used."""
        self.used, self.left = self.used + seconds, self.left - seconds


def confined(
    function: Callable[..., Any], *arguments: Any, memory: int = MEMORY, allowance: Allowance | None = None
) -> bytes:
    """Call a function in a new process.

    Parameters
    ----------
    function : callable
        Returns what JSON can hold.
    *arguments
    memory : int
        Bytes.
    allowance : Allowance, optional
        Of processor time, for several calls together; by default, each has `SECONDS`.

    Returns
    -------
    bytes
        JSON, in one line.

    Raises
    ------
    TooCostlyError
        If the process exceeds a limit or crashes.
    """
    allowance = allowance or Allowance(SECONDS)
    seconds = allowance.seconds()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _run(function, arguments, writing, memory, seconds)
    os.close(writing)
    result, status = b"", 0
    try:
        result = _read(reading)
    finally:
        os.close(reading)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)  # it has nothing left to say
        _, status, usage = os.wait4(child, 0)
        allowance.spend(usage.ru_utime + usage.ru_stime)
    if not result.endswith(b"\n"):
        raise TooCostlyError(_reason(result, status, memory, seconds))
    return result


def _run(function: Callable[..., Any], arguments: tuple, writing: int, memory: int, seconds: int) -> NoReturn:
    """In the new process: write the result, and end, whatever happens."""
    status = _FAILED
    try:
        limit(memory, seconds)
        result = json.dumps(function(*arguments), ensure_ascii=False).encode("utf-8", "replace") + b"\n"
        _write(writing, result)
        status = 0
    except MemoryError:
        status = _OUT_OF_MEMORY
    except Exception as error:
        _write(writing, why(error).encode())
    finally:
        os._exit(status)


def _write(writing: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(writing, left) :]


def limit(memory: int, seconds: int) -> None:
    """Limit this process to so many more bytes and seconds than it has used; no crash of it leaves a file."""
    with open("/proc/self/statm") as file:
        size = int(file.read().split()[0]) * resource.getpagesize()
    used = resource.getrusage(resource.RUSAGE_SELF)
    last = int(used.ru_utime + used.ru_stime) + seconds
    for kind, most in ((resource.RLIMIT_AS, size + memory), (resource.RLIMIT_CPU, last), (resource.RLIMIT_CORE, 0)):
        highest = resource.getrlimit(kind)[1]
        most = most if highest == resource.RLIM_INFINITY else min(most, highest)
        resource.setrlimit(kind, (most, most))


def _read(reading: int) -> bytes:
    """What the process writes, to its end; stops where that is more than it may be."""
    chunks, count = [], 0
    while chunk := os.read(reading, 1 << 20):
        chunks.append(chunk)
        count += len(chunk)
        if count > LARGEST_RESULT:
            return b""
    return b"".join(chunks)


def _reason(result: bytes, status: int, memory: int, seconds: int) -> str:
    if result:
        return result.decode("utf-8", "replace")
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) == _OUT_OF_MEMORY:
        return f"it takes more than {memory >> 20} MB of memory to read, or is nested too deeply"
    return why_it_ended(-os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status), seconds)


def why_it_ended(code: int, seconds: int) -> str:
    """Why a process that reads has ended: its exit status, or the negative number of the signal."""
    if code in (-signal.SIGXCPU, -signal.SIGKILL):
        return f"it takes more than {seconds} s to read, or expands to more than {LARGEST_RESULT >> 20} MB"
    return "Python itself crashes when it reads it: is something nested thousands of levels deep?"
