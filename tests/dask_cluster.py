"""A scheduler of Dask and its workers, as programs that are started in folders of their own."""

import contextlib
import os
import subprocess
import sys
import time


def settled(condition, seconds=600):
    """What a condition gives as soon as that is true; an error if it does not become true."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.05)
    return value


@contextlib.contextmanager
def started(words, folder):
    """A program of Dask, which has neither the course on its path nor its folder as the current one."""
    folder.mkdir(parents=True)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-m", "dask", *words]
    with open(folder / "log.txt", "wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


@contextlib.contextmanager
def scheduler(folder):
    """The file of a scheduler that has started."""
    file = folder / "scheduler" / "scheduler.json"
    words = ["scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file)]
    with started(words, folder / "scheduler"):
        settled(lambda: file.is_file() and file.read_text())
        yield str(file)


def worker(file, folder, *options):
    """A worker of a scheduler, without a nanny: so its process is the one that works."""
    words = ["worker", "--scheduler-file", file, "--no-nanny", "--no-dashboard", "--host", "127.0.0.1"]
    return started([*words, "--local-directory", str(folder), *options], folder)
