"""What a worker of a cluster runs. It is sent there as it is: the worker need not be able to import this project."""

import os
import socket
import subprocess
import sys
from typing import Any

RUNNING = "coursekit_running"  # the attribute of a worker that holds the processes it has started


def grade_there(root: str, request: bytes) -> dict[str, Any]:
    """Grade one submission in a new process, since a worker may have several threads, and Python's parsers share state.

    Parameters
    ----------
    root : str
        The folder of the project, which must be at the same place on the worker.
    request : bytes
        As `apart.request` makes it.

    Returns
    -------
    dict
        "record", the text of the record's file; or "failed", the reason why there is none.
    """
    from distributed import get_worker

    host = socket.gethostname()
    if not os.path.isdir(os.path.join(root, "coursekit")):
        return {"failed": f"the worker on {host} has no folder {root} with this project"}
    command, env = [sys.executable, "-m", "coursekit.grading.apart"], os.environ | {"PYTHONPATH": root}
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, cwd=root, env=env, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True)
    running = get_worker().__dict__.setdefault(RUNNING, set())
    running.add(process)
    try:
        output, errors = process.communicate(request)
    finally:
        running.discard(process)
    if process.returncode:
        last = errors.decode("utf-8", "replace").strip().rpartition("\n")[2]
        return {"failed": f"the process on {host} that graded it ended with {process.returncode}: {last[:300]}"}
    return {"record": output.decode()}


def stop_there(dask_worker: Any) -> None:
    """Stop what a worker is running for us; each process stops its sandbox before it ends."""
    for process in list(getattr(dask_worker, RUNNING, ())):
        process.terminate()
