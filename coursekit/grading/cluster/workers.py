"""The workers of a cluster: what they are, whether they can grade, and calls of functions there."""

import asyncio
import json
import platform
import secrets
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from coursekit.grading import apart
from coursekit.grading.cluster import remote
from coursekit.grading.cluster.parcels import COURSE, Shared, packed_course
from coursekit.grading.intake.text import clean, why
from coursekit.grading.settings import BatchError, Settings, versions

LOOK = 0.5  # seconds between two looks at whether a worker is still there
CHUNK = 4 << 20  # bytes that are sent at once
ROOM = 2 << 30  # bytes of memory for one submission at a time; honest work with its judge needs half of that
_PACKED = COURSE + "course.zip"
_CALL = "exec(source, globals()) or globals()[name](*arguments)"
_SIZE = f"{ROOM >> 30} GiB"


class LostError(Exception):
    """A worker is gone, or nobody waits for it any longer."""


class MisfitError(Exception):
    """A worker cannot grade; the message says why, and what would help."""


@dataclass(frozen=True)
class Worker:
    """A worker that has the course.

    Parameters
    ----------
    address, host : str
    threads : int
    memory : int
        Bytes.
    folder : str
        Where it keeps what it is sent.
    obstacles : dict
        For each isolation, why it does not work there; "" if it does.
    """

    address: str
    host: str
    threads: int
    memory: int
    folder: str
    obstacles: dict[str, str]

    @property
    def slots(self) -> int:
        """How many submissions it grades at a time: one for each core, if there is memory for that."""
        return min(self.threads, self.memory // ROOM)

    def __str__(self) -> str:
        cores = "1 core" if self.threads == 1 else f"{self.threads} cores"
        return f"{self.address} on {self.host} ({cores}, {self.memory / (1 << 30):.1f} GiB)"


class Workers:
    """The workers of a scheduler.

    Parameters
    ----------
    client : distributed.Client

    Attributes
    ----------
    present : dict
        The number of threads of each worker, by its address.
    is_over : bool
        Whether nobody waits for the workers any longer.
    """

    def __init__(self, client: Any) -> None:
        self.client = client
        self.present: dict[str, int] = {}
        self.folders: list[str] = []
        self.is_over = False

    def look(self) -> None:
        """See who is there; BatchError if the scheduler is gone."""
        try:
            if self.client.status != "running":
                raise OSError("the connection is closed")
            self.present = dict(self.client.nthreads())
        except Exception as error:
            raise BatchError(
                f"The scheduler is gone ({why(error)}). What is graded is kept: start it, then run the same command."
            ) from error

    def call(self, address: str, name: str, *arguments: Any) -> Any:
        """Call a function of `remote` on a worker.

        Raises
        ------
        LostError
            If the worker is gone, or fails.
        """
        request = {"source": _source(), "name": name, "arguments": arguments}
        key = f"coursekit-{name}-{secrets.token_hex(8)}"
        future = self.client.submit(eval, _CALL, request, workers=[address], pure=False, key=key)
        try:
            while not future.done():
                if self.is_over or address not in self.present:
                    raise LostError("its worker was lost")
                with suppress(TimeoutError):
                    return future.result(LOOK)
            return future.result()
        except LostError:
            raise
        except (Exception, CancelledError, asyncio.CancelledError) as error:
            raise LostError(f"its worker failed ({why(error)})") from error
        finally:
            future.release()

    def send(self, worker: Worker, file: Shared) -> None:
        """Send a file, unless the worker sees the same one."""
        there = str(file.path.resolve())
        if self.call(worker.address, "find", worker.folder, file.name, there, file.size, file.sha256):
            return
        with file.path.open("rb") as opened:
            self._send(worker.address, worker.folder, file.name, iter(lambda: opened.read(CHUNK), b""))

    def send_bytes(self, address: str, folder: str, name: str, data: bytes) -> None:
        """Send the content of a file."""
        self._send(address, folder, name, (data[start : start + CHUNK] for start in range(0, len(data), CHUNK)))

    def _send(self, address: str, folder: str, name: str, chunks: Any) -> None:
        for number, chunk in enumerate(chunks):
            self.call(address, "take", folder, name, chunk, number == 0)

    def ask(self, worker: Worker, request: bytes) -> bytes:
        """The answer of `apart` on a worker; LostError if its process fails."""
        return self._ask(worker.address, worker.folder, request)

    def _ask(self, address: str, folder: str, request: bytes) -> bytes:
        name = f"{COURSE}requests/{secrets.token_hex(8)}"
        self.send_bytes(address, folder, name, request)
        code, answer, errors = self.call(address, "run", folder, [], name)
        if code:
            last = clean(errors.decode(errors="replace")).strip().rpartition("\n")[2]
            raise LostError(f"its process ended with {code}: {last}" if last else f"its process ended with {code}")
        return answer

    def welcome(self, address: str, settings: Settings) -> Worker:
        """Send the course to a worker, and find out whether it can grade there.

        Raises
        ------
        MisfitError
            If it cannot.
        LostError
            If it is gone.
        """
        greeting = self._greeting(address)
        folder = greeting["folder"]
        self.folders.append(folder)
        _require_fit(greeting)
        self.send_bytes(address, folder, _PACKED, _course())
        self.call(address, "unpack", folder, _PACKED)
        about = self._about(address, folder, settings)
        _require_same(about["versions"])
        threads = self.present.get(address, 1)
        return Worker(address, greeting["host"], threads, greeting["memory"], folder, about["obstacles"])

    def _greeting(self, address: str) -> dict:
        try:
            return self.call(address, "greet")
        except LostError as error:
            if address not in self.present or self.is_over:
                raise
            raise MisfitError(f"it does not answer; has it the same version of Dask as this one? ({error})") from error

    def _about(self, address: str, folder: str, settings: Settings) -> dict:
        try:
            return json.loads(self._ask(address, folder, apart.question(settings)))
        except LostError as error:
            if address not in self.present or self.is_over:
                raise
            raise MisfitError(_why_not(str(error))) from error

    def clear(self) -> None:
        """Let workers remove what they were sent, and stop what runs there."""
        self.client.run(
            eval, _CALL, {"source": _source(), "name": "clear", "arguments": (self.folders,)}, on_error="ignore"
        )


@cache
def _source() -> str:
    return Path(remote.__file__).read_text(encoding="utf-8")


@cache
def _course() -> bytes:
    return packed_course()


# ---- whether a worker can grade


def _require_fit(greeting: dict) -> None:
    """Raise MisfitError where the course could not even start."""
    if greeting["system"] != "Linux":
        raise MisfitError(f"it runs on {greeting['system']}, and grading needs Linux")
    here, there = platform.python_version(), greeting["python"]
    if here.split(".")[:2] != there.split(".")[:2]:
        raise MisfitError(f"it has Python {there}, and this environment has {here}: start it with the same one")
    if greeting["memory"] < ROOM:
        has = f"{greeting['memory'] / (1 << 30):.1f} GiB"
        raise MisfitError(f"it has {has} of memory, and a submission needs {_SIZE}: give it more by --memory-limit")


def _require_same(there: dict[str, str]) -> None:
    """Raise MisfitError where other software could lead to other grades."""
    for name, package in (("numpy", "NumPy"), ("nbval", "nbval")):
        if there[name] != versions()[name]:
            fix = f"pip install {name}=={versions()[name]}"
            raise MisfitError(f"it has {package} {there[name]}, and this environment has {versions()[name]}: {fix}")
    if there["code"] != versions()["code"]:
        raise MisfitError("it did not get this course whole: start it again")


def _why_not(error: str) -> str:
    missing = error.partition("No module named ")[2].strip("'\"").partition(".")[0]
    if missing:
        return f"its environment lacks {missing}: install requirements-grading.txt there"
    return f"the course does not run there: {error}"
