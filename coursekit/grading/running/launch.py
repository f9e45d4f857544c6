"""The first program that runs in a sandbox: it lowers the limits of the process, then starts the command.

`sandbox.py` passes the text of this file to `python -I -S -c`, so it uses the standard library alone and is never
imported. Arguments: a JSON object of settings, then the command. Where the sandbox has no process tree of its own, it
stays alive and kills everything that the command leaves behind, including what has left the process group.
"""

import contextlib
import ctypes
import json
import os
import resource
import signal
import sys

SET_DEATH_SIGNAL, SET_SUBREAPER = 1, 36  # of Linux' prctl


def main() -> None:
    """Start the command under its limits; exit with its status."""
    settings, command = json.loads(sys.argv[1]), sys.argv[2:]
    os.umask(0o077)
    if settings["user"]:
        os.setgroups([])
        os.setgid(settings["user"])
        os.setuid(settings["user"])
    if not settings["supervise"]:
        become(command, settings["limits"])
    prctl(SET_DEATH_SIGNAL, signal.SIGKILL)
    prctl(SET_SUBREAPER, 1)
    child = os.fork()
    if child == 0:
        prctl(SET_DEATH_SIGNAL, signal.SIGKILL)
        become(command, settings["limits"])
    signal.signal(signal.SIGTERM, stop)
    try:
        status = wait_for(child)
    except KeyboardInterrupt:
        status = signal.SIGKILL
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    kill_descendants()
    code = os.waitstatus_to_exitcode(status)
    os._exit(code if code >= 0 else 128 - code)  # 128 + the signal, as shells and bubblewrap do


def stop(*_: object) -> None:
    """End the waiting."""
    raise KeyboardInterrupt


def become(command: list[str], limits: dict[str, list[int]]) -> None:
    """Become the command."""
    for name, (soft, hard) in limits.items():
        kind = getattr(resource, f"RLIMIT_{name}", None)
        if kind is not None:
            lower(kind, soft, hard)
    os.environ.pop("JPY_PARENT_PID", None)  # a kernel looks for that process, and exits because it is not here
    os.execvp(command[0], command)


def lower(kind: int, soft: int, hard: int) -> None:
    """Set a limit, or leave one that is lower."""
    highest = resource.getrlimit(kind)[1]
    if highest != resource.RLIM_INFINITY:
        soft, hard = min(soft, highest), min(hard, highest)
    with contextlib.suppress(ValueError, OSError):  # macOS refuses some limits
        resource.setrlimit(kind, (soft, hard))


def prctl(option: int, value: int) -> None:
    """Call prctl on Linux; do nothing elsewhere."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def wait_for(child: int) -> int:
    """Wait for the command, and meanwhile reap the processes that it left behind; its wait status."""
    while True:
        pid, status = os.wait()
        if pid == child:
            return status


def kill_descendants() -> None:
    """Kill children until none is left: those of a killed child become children of this process."""
    while True:
        try:
            with open(f"/proc/self/task/{os.getpid()}/children") as file:
                children = [int(pid) for pid in file.read().split()]
        except OSError:
            return
        if not children:
            return
        for pid in children:
            os.kill(pid, signal.SIGKILL)
        for pid in children:
            os.waitpid(pid, 0)


if __name__ == "__main__":
    main()
