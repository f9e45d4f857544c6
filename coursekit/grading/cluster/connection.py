"""Find the scheduler of a Dask cluster, and say in a sentence what is wrong with it."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from coursekit.grading.intake.text import why
from coursekit.grading.settings import BatchError

CONNECT = 4  # seconds until a scheduler must answer
_PORT = 8786


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """A client of the scheduler at an address, or of that in a file as `dask scheduler --scheduler-file` writes it.

    Raises
    ------
    BatchError
        If there is no Dask, or no scheduler of the same version.
    """
    dask, distributed = _dask()
    quiet = {
        "distributed.comm.timeouts.connect": f"{CONNECT}s",
        "distributed.client.preload": [],
        "logging.distributed": "critical",
    }
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what is to be said, this package says
    with dask.config.set(quiet):
        client = _client(distributed, address)
        try:
            _require_same_dask(client, distributed.__version__, address)
            yield client
        finally:
            with suppress(Exception):  # the scheduler may be gone
                client.close(timeout=1)


def _dask() -> tuple[Any, Any]:
    try:
        import dask
        import distributed
    except ImportError as error:
        raise BatchError(f"--scheduler needs Dask: pip install -r requirements-grading.txt ({error}).") from error
    return dask, distributed


def _client(distributed: Any, address: str) -> Any:
    where = {"scheduler_file": address} if Path(address).is_file() else {"address": address}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on versions: they are compared below
            return distributed.Client(**where, timeout=CONNECT, set_as_default=False, name="coursekit")
    except Exception as error:  # whatever answers there may be no scheduler
        raise BatchError(_no_scheduler(address, error)) from error


def _no_scheduler(address: str, error: BaseException) -> str:
    hint = "" if ":" in address.rpartition("//")[2] else f" The address lacks its port, such as tcp://HOST:{_PORT}."
    return f"No Dask scheduler answers at {address} ({why(error)}).{hint} Start one with: dask scheduler"


def _require_same_dask(client: Any, here: str, address: str) -> None:
    try:
        there = client.run_on_scheduler(eval, "__import__('distributed').__version__")
    except Exception as error:
        raise BatchError(f"The scheduler at {address} does not understand Dask {here} ({why(error)}).") from error
    if there != here:
        raise BatchError(
            f"The scheduler at {address} has Dask {there}, and this environment has {here}. Use the same one, "
            f'such as: pip install "dask[distributed]=={there}"'
        )
