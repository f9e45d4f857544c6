"""Find the scheduler of a Dask cluster, and say in a sentence what is wrong with it."""

import json
import logging
import re
import socket
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from coursekit.grading.intake.text import told, why
from coursekit.grading.settings import BatchError

T = TypeVar("T")

CONNECT = 5.0  # seconds until a scheduler must answer
_ADDRESS = re.compile(r"(?P<protocol>tcp|tls)://(?P<host>\[[^]]+\]|[^:/\[\]]+):(?P<port>\d{1,5})")


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """A client of the scheduler at an address, or of that in a file as `dask scheduler --scheduler-file` writes it.

    Raises
    ------
    BatchError
        If there is no Dask, or no scheduler of the same version.
    """
    deadline = time.monotonic() + CONNECT
    address = _from_file(address) if Path(address).is_file() else address
    _require_listener(address)
    distributed = _dask()
    client = _client(distributed, address, deadline)
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

    def listens() -> None:
        socket.create_connection((found["host"].strip("[]"), int(found["port"])), CONNECT).close()

    try:
        _within(CONNECT, listens)
    except (OSError, UnicodeError) as error:  # of a name that is none
        reason = getattr(error, "strerror", None) or told(error)
        raise BatchError(f"Nothing listens at {address} ({reason}). Start a scheduler there: dask scheduler") from error


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
        raise TimeoutError(f"no answer in {CONNECT:.0f} seconds")
    return done[0]


def _dask() -> Any:
    try:
        import distributed
    except ImportError as error:
        raise BatchError(f"--scheduler needs Dask: pip install -r requirements-grading.txt ({told(error)}).") from error
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what is to be said, this package says
    return distributed


def _client(distributed: Any, address: str, deadline: float) -> Any:
    """A client; BatchError unless the scheduler has the same version of Dask."""
    quiet = type(
        "Client", (distributed.Client,), {"__del__": lambda client: None}
    )  # one that failed has no more to say
    seconds = max(1.0, deadline - time.monotonic())

    # Of one that cannot connect, nothing is heard any more.
    quiet = type("Client", (distributed.Client,), {"__del__": lambda client: None})

    def connect() -> tuple[Any, str]:
        client = quiet(address, timeout=seconds, set_as_default=False, name="coursekit")
        return client, client.run_on_scheduler(eval, "__import__('distributed').__version__")

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on versions: they are compared here
            client, there = _within(seconds, connect)
    except Exception as error:
        tls = f", or this environment has no certificate for it ({why(error)})" * address.startswith("tls")
        raise BatchError(
            f"What listens at {address} is no Dask scheduler, or has another version than this environment, "
            f"{distributed.__version__}{tls}."
        ) from error
    if there != distributed.__version__:
        raise BatchError(
            f"The scheduler at {address} has Dask {there}, and this environment has {distributed.__version__}. Use the "
            f'same one, such as: pip install "dask[distributed]=={there}"'
        )
    return client
