"""The first thing that runs in a sandbox: it lowers what the process may take, then starts the command.

`sandbox.py` hands this file's text to `python -I -S -c`, so it uses the standard library alone and is never imported.
Arguments: a JSON object of settings, then the command. Where there is no process tree of the sandbox's own, it stays
and kills all that the command leaves behind, also what has left the process group.
"""

import contextlib
import ctypes
import json
import os
import resource
import signal
import sys

SET_DEATH_SIGNAL, SET_SUBREAPER = 1, 36  # of Linux' prctl


def main():
    """Start the command under its limits; exit as it exits."""
    settings, command = json.loads(sys.argv[1]), sys.argv[2:]
    os.umask(0o077)
    if settings["user"]:
        os.setgroups([])
        os.setgid(settings["user"])
        os.setuid(settings["user"])
    if not settings["supervise"]:
        start(command, settings["limits"])
    prctl(SET_DEATH_SIGNAL, signal.SIGKILL)
    prctl(SET_SUBREAPER, 1)
    child = os.fork()
    if child == 0:
        prctl(SET_DEATH_SIGNAL, signal.SIGKILL)
        start(command, settings["limits"])
    signal.signal(signal.SIGTERM, stop)
    try:
        status = wait_for(child)
    except KeyboardInterrupt:
        status = signal.SIGKILL
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    kill_descendants()
    os._exit(os.waitstatus_to_exitcode(status) % 256)


def stop(*_):
    """End the waiting."""
    raise KeyboardInterrupt


def start(command, limits):
    """Become the command."""
    for name, value in limits.items():
        kind = getattr(resource, f"RLIMIT_{name}", None)
        if kind is not None:
            lower(kind, value)
    os.environ.pop("JPY_PARENT_PID", None)  # a kernel would look for that process here, and end for the lack of it
    os.execvp(command[0], command)


def lower(kind, value):
    """Set a limit, or leave the lower one that is there."""
    hard = resource.getrlimit(kind)[1]
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    with contextlib.suppress(ValueError, OSError):  # macOS refuses some of them
        resource.setrlimit(kind, (value, value))


def prctl(option, value):
    """Call Linux' prctl; nothing elsewhere."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def wait_for(child):
    """Wait for the command, and reap on the way what it left to us."""
    while True:
        pid, status = os.wait()
        if pid == child:
            return status


def kill_descendants():
    """Kill children until none is left: those of a killed child become ours."""
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
