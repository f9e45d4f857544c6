"""Grade a class on a Dask cluster.

Its workers need this project, its environment and the submissions at the same paths. Each submission is graded in a
process of its own, however many threads a worker has. What a worker cannot do is an infrastructure error, which the
next run tries again.
"""

import asyncio
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import suppress
from typing import Any

from tqdm import tqdm

from coursekit.grading import apart
from coursekit.grading.evaluate import failed_record
from coursekit.grading.intake.sources import Source
from coursekit.grading.intake.text import clean, why
from coursekit.grading.record import Record
from coursekit.grading.settings import BatchError, Settings
from coursekit.paths import ROOT

ROUNDS = 3  # how often a submission is tried whose worker is lost
CONNECT = 10  # seconds until a scheduler must answer
WORKERS = 30  # seconds until it must have a worker
PATIENCE = 2.0  # seconds that its workers have to end what they do, once somebody stops the command
LOOK = 15.0  # seconds between two looks at whether a worker is left
# What a worker runs to end the processes of a batch. It is sent as a text, since a worker cannot import this module.
STOP = """
import psutil
for child in psutil.Process().children():
    if "{batch}" in child.cmdline():
        child.terminate()
"""


def graded_on_cluster(
    sources: list[Source], settings: Settings, address: str
) -> Generator[tuple[Source, Record], None, None]:
    """Grade the sources; yields each with its record as soon as it is complete.

    Raises
    ------
    BatchError
        If there is no Dask, no scheduler or no worker.
    """
    try:
        from dask.distributed import Client
    except ImportError as error:
        raise BatchError(f"--scheduler needs Dask: pip install -r requirements-grading.txt ({error}).") from error
    command = [sys.executable, "-m", "coursekit.grading.apart", secrets.token_hex(8)]  # the last word names this batch
    with _connected(Client, address) as client:
        futures = [_start(client, command, source, settings) for source in sources]
        source_of = dict(zip((future.key for future in futures), sources, strict=True))
        try:
            for future in _as_completed(client, futures, address):
                source = source_of[future.key]
                yield source, _record(future, source, settings)
        except BaseException:
            stopping = threading.Thread(target=_stop, args=(client, futures, command[-1]), daemon=True)
            stopping.start()
            stopping.join(PATIENCE)
            raise


def _stop(client: Any, futures: list, batch: str) -> None:
    """Let nobody begin, and end what has begun."""
    with suppress(Exception):  # the cluster may be gone
        client.cancel(futures)
        client.run(exec, STOP.format(batch=batch))


def _start(client: Any, command: list[str], source: Source, settings: Settings) -> Any:
    """The future of a process on a worker; nothing is sent there but a command and bytes."""
    request = apart.request(source, settings)
    options = {"cwd": str(ROOT), "capture_output": True, "pure": False, "retries": ROUNDS}
    return client.submit(subprocess.run, command, input=request, **options)


def _connected(client_class: Any, address: str) -> Any:
    """A client of the scheduler, which has a worker."""
    try:
        client = client_class(address, timeout=CONNECT)
    except (OSError, ValueError) as error:
        raise BatchError(f"No Dask scheduler answers at {address} ({why(error)}).") from error
    try:
        client.wait_for_workers(1, timeout=WORKERS)
    except TimeoutError as error:
        client.close()
        raise BatchError(f"The scheduler has no worker. Start some: dask worker {address}") from error
    return client


def _as_completed(client: Any, futures: list, address: str) -> Iterator[Any]:
    """The futures as they are completed; says so when no worker is left."""
    from dask.distributed import wait

    waiting, is_said = set(futures), False
    while waiting:
        try:
            done = wait(list(waiting), timeout=LOOK, return_when="FIRST_COMPLETED").done
        except TimeoutError:
            none_left = not client.nthreads()
            if none_left and not is_said:
                tqdm.write(f"{time.strftime('%H:%M')}: no worker is left. Start some: dask worker {address}")
            is_said = none_left
            continue
        yield from done
        waiting -= set(done)


def _record(future: Any, source: Source, settings: Settings) -> Record:
    try:
        done = future.result()
        if done.returncode:
            last = clean(done.stderr.decode(errors="replace")).strip().rpartition("\n")[2]
            return failed_record(source, settings, f"the process that graded it ended with {done.returncode}: {last}")
        return Record.from_json(done.stdout)
    except (Exception, asyncio.CancelledError) as error:
        return failed_record(source, settings, f"its worker was lost, or has no {ROOT} ({why(error)})")
