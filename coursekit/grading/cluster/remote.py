"""What runs in the process of a Dask worker: it takes files, and starts processes that grade.

This module is sent as text, and each function is called in a namespace of its own: so a worker needs no module of the
course, and whichever Python runs it can read the text. It imports what its functions need and nothing else.
"""

import contextlib
import hashlib
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

LOOK = 0.3  # seconds between two looks at a process, and at whether anybody still waits for it
PATIENCE = 5.0  # seconds that a process has to clear up
LONGEST_ERRORS = 10_000  # bytes of the standard error that are sent back


def greet() -> dict[str, Any]:
    """What this worker is, with a new folder for the course, which Dask removes with the worker."""
    import distributed
    from distributed.system import MEMORY_LIMIT

    worker = distributed.get_worker()
    folder = tempfile.mkdtemp(prefix="coursekit-", dir=worker.local_directory)
    for path in (worker.local_directory, folder):  # users of sandboxes read the data sets there
        os.chmod(path, 0o711)
    os.mkdir(Path(folder, "course"), 0o700)
    return {
        "folder": folder,
        "host": socket.gethostname(),
        "memory": worker.memory_manager.memory_limit or MEMORY_LIMIT,
        "python": platform.python_version(),
        "system": platform.system(),
    }


def take(folder: str, name: str, data: bytes, is_first: bool) -> None:
    """Append bytes to a file."""
    with _opened(folder, name, "wb" if is_first else "ab") as file:
        file.write(data)


def find(folder: str, name: str, there: str, size: int, sha256: str) -> bool:
    """Copy a file, if this worker sees the same one at the path that it has where `grade` runs."""
    try:
        if os.stat(there).st_size != size:
            return False
        with open(there, "rb") as source, _opened(folder, name, "wb") as file:
            shutil.copyfileobj(source, file, 1 << 20)
        with Path(folder, name).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except OSError:
        return False


def unpack(folder: str, name: str) -> None:
    """Unpack the course, where no other user can read it; its data sets are beside it."""
    course, data = Path(folder, "course"), Path(folder, "datasets")
    with zipfile.ZipFile(Path(folder, name)) as archive:
        archive.extractall(course)
    (course / "datasets").rename(data)
    (course / "datasets").symlink_to(data)
    data.chmod(0o755)


def run(folder: str, words: list[str], request: str) -> tuple[int, bytes, bytes]:
    """Run `coursekit.grading.apart`; its exit status, its standard output, and the end of its standard error.

    `request` is the name of a file with its standard input. The program is stopped if nobody waits for it any longer.
    It stops by itself when this process is gone: then a pipe is closed, whose number is its last word.
    """
    reading, writing = os.pipe()
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors, open(writing, "wb"):
        with open(reading, "rb"), Path(folder, request).open("rb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "coursekit.grading.apart", *words, str(reading)],
                stdin=file,
                stdout=output,
                stderr=errors,
                cwd=Path(folder, "course"),
                env=_environment(folder),
                pass_fds=[reading],
            )
        Path(folder, request).unlink()
        code = _waited_for(process, folder)
        return code, _content(output), _content(errors)[-LONGEST_ERRORS:]


def clear(folders: list[str]) -> None:
    """Remove folders, as far as they are here; what runs in them is stopped by `run`."""
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _opened(folder: str, name: str, mode: str) -> IO[bytes]:
    path = Path(folder, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    file = open(path, mode)  # noqa: SIM115 - the caller closes it
    if name.startswith("datasets/"):  # whatever the umask is
        path.parent.chmod(0o755)
        path.chmod(0o644)
    return file


def _environment(folder: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("CS231N_DATA", "PYTHONSAFEPATH")}
    return kept | {"PYTHONPATH": str(Path(folder, "course")), "OPENBLAS_NUM_THREADS": "1"}


def _waited_for(process: subprocess.Popen, folder: str) -> int:
    is_wanted = _whether_wanted()
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(LOOK)
        if not (is_wanted() and os.path.isdir(folder)):
            return _stopped(process)


def _stopped(process: subprocess.Popen) -> int:
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        return process.wait(PATIENCE)
    process.kill()
    return process.wait()


def _whether_wanted() -> Callable[[], bool]:
    """What tells whether the task of this thread is still wanted: it is cancelled when its client is gone."""
    from distributed import worker as dask_worker

    tasks: Any = dask_worker.get_worker().state.tasks
    key = getattr(getattr(dask_worker, "thread_state", None), "key", None)

    def state() -> str:
        return getattr(tasks.get(key), "state", "gone")

    is_known = state() == "executing"
    return lambda: not is_known or state() not in ("cancelled", "gone")


def _content(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()
