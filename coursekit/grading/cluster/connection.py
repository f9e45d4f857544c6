"""Find the scheduler of a Dask cluster, and say in a sentence what is wrong with it."""

import asyncio
import json
import logging
import re
import socket
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from coursekit.grading.intake.text import told, why
from coursekit.grading.settings import BatchError

T = TypeVar("T")

CONNECT = 5.0  # seconds until something must answer
PATIENCE = 60.0  # seconds that a scheduler has for the rest, which may be busy
_GREETING, _LONGEST_GREETING = b"pickle-protocol", 10_000  # each side of a connection begins with it
_ADDRESS = re.compile(r"(?P<protocol>tcp|tls)://(?P<host>\[[^]]+\]|[^:/\[\]]+):(?P<port>\d{1,5})")


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """A client of the scheduler at an address, or of that in a file as `dask scheduler --scheduler-file` writes it.

    Raises
    ------
    BatchError
        If there is no Dask, or no scheduler of the same version.
    """
    address = _from_file(address) if Path(address).is_file() else address
    _require_listener(address)
    distributed = _dask()
    try:
        client = _within(PATIENCE, lambda: _client(distributed, address))
    except BatchError:
        raise
    except Exception as error:
        raise BatchError(f"The scheduler at {address} does not take this client ({why(error)}).") from error
    try:
        yield client
    finally:
        with suppress(Exception):  # the scheduler may be gone
            client.close(timeout=1)


def _from_file(path: str) -> str:
    """The address in the file of a scheduler."""
    try:
        return str(json.loads(Path(path).read_text(encoding="utf-8"))["address"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BatchError(f"{path} is no file of a Dask scheduler ({why(error)}).") from error


def _require_listener(address: str) -> None:
    """Raise BatchError unless something listens at an address."""
    found = _ADDRESS.fullmatch(address if "://" in address else f"tcp://{address}")
    if not found or int(found["port"]) > 65535:
        raise BatchError(f"{address!r} is no address of a Dask scheduler: it should look like tcp://HOST:8786.")

    def greeting() -> bytes:
        with socket.create_connection((found["host"].strip("[]"), int(found["port"])), CONNECT) as connection:
            connection.settimeout(CONNECT - 1)
            return b"" if found["protocol"] == "tls" else _first_bytes(connection)

    try:
        said = _within(CONNECT, greeting)
    except (OSError, UnicodeError) as error:  # of a name that is none
        reason = getattr(error, "strerror", None) or told(error)
        raise BatchError(f"Nothing listens at {address} ({reason}). Start a scheduler there: dask scheduler") from error
    if found["protocol"] != "tls" and _GREETING not in said:
        raise BatchError(f"What listens at {address} is no Dask scheduler. Start one there: dask scheduler")


def _first_bytes(connection: socket.socket) -> bytes:
    """What the other side says first, up to the word by which Dask is known."""
    said = b""
    with suppress(TimeoutError, ConnectionError):
        while _GREETING not in said and len(said) < _LONGEST_GREETING and (data := connection.recv(1024)):
            said += data
    return said


def _within(seconds: float, work: Callable[[], T]) -> T:
    """What some work returns; TimeoutError if it takes longer: then it is left to itself."""
    done: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            done.append(work())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if failed:
        raise failed[0]
    if not done:
        raise TimeoutError(f"no answer in {seconds:.0f} seconds")
    return done[0]


def _dask() -> Any:
    try:
        import distributed
    except ImportError as error:
        raise BatchError(f"--scheduler needs Dask: pip install -r requirements-grading.txt ({told(error)}).") from error
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what is to be said, this package says
    return distributed


def _client(distributed: Any, address: str) -> Any:
    """A client; BatchError unless the scheduler has the same version of Dask."""
    there, here = asyncio.run(_version(distributed, address)), distributed.__version__
    if there != here:
        raise BatchError(
            f"The scheduler at {address} has Dask {there}, and this environment has {here}. Use the same one, such as: "
            f'pip install "dask[distributed]=={there}"'
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on the versions of workers: each of them is asked
        return distributed.Client(address, timeout=PATIENCE, set_as_default=False, name="coursekit")


async def _version(distributed: Any, address: str) -> str:
    """The version of the scheduler, which all versions tell."""
    security = distributed.Security().get_connection_args("client")
    async with distributed.rpc(address, connection_args=security) as scheduler:
        return (await scheduler.versions())["packages"]["distributed"]
