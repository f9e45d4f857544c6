"""The process that warm sandboxes are forked from: it has imported NumPy and what is the course's own, nothing else.

`warm.py` starts it as `python -m coursekit.grading.running.zygote SOCKET MODULE...`, beside the provided `coursekit`
and without any `cs231n`. It imports the modules and serves requests, JSON objects of two kinds:

- *start*: fork a process that enters a sandbox and runs a Python command there, as `python -m` or `python -c` would.
  The answer is its number, with a handle (a pidfd).
- *reap*: wait for a process that was started; the answer is its wait status, and the memory that it has used.

No learner's code ever runs in this process. A new process runs nothing but what is below until it is as closed in as
a command that `launch.py` starts: with bubblewrap, it joins the namespaces of a sandbox that was made for this run
alone; with limits, `launch.py` supervises it. What a learner's code could try:

- to change this process, and so what comes later: with bubblewrap it cannot name it, since it sees only the process
  tree of its own sandbox, and has no other /proc. Where root grades, it is another user's as well, at both levels.
  Where somebody else grades with limits, the filter denies `ptrace`, and `PR_SET_DUMPABLE` closes /proc/PID/mem. There
  it can be killed, as the grader can; the run is then made again in a cold sandbox.
- to leave something for the next run: memory, modules, environment, working directory and resource limits of a run are
  copies of this process's, in which nothing has happened since its imports. Its files, process tree, sockets and queues
  belong to the sandbox of the run, and end with it; with limits, its processes and files are removed by user and by
  ancestry, as those of a cold sandbox are.
- to read another run's request, or to answer in its place: requests and answers go through pipes that are made for the
  run. This process never reads them, and keeps no descriptor of them.
- to ask this process for something: a new process closes all descriptors but its own before anything else happens.
- to guess what a later run draws at random: the generators are seeded anew in each process.
"""

import ctypes
import fcntl
import gc
import importlib
import json
import os
import runpy
import socket
import sys
import types
from collections.abc import Iterator
from typing import Any

from coursekit.grading.running import launch

LONGEST = 1 << 17  # bytes of a request
MOST_FILES = 16
READY = b"ready"
SET_DUMPABLE, DROP_BOUNDING = 4, 24  # of Linux' prctl
CAPABILITIES_VERSION, LAST_CAPABILITY = 0x20080522, 63
_OUT_OF_THE_WAY = 500  # descriptors from here on are nobody's target; a process may have 1024


def main() -> None:
    """Import the modules named by the arguments and serve; go on in each process that is to run a command."""
    channel, folder = socket.socket(fileno=int(sys.argv[1])), os.environ["PYTHONPATH"]
    launch.prctl(SET_DUMPABLE, 0)
    launch.prctl(launch.SET_SUBREAPER, 1)
    _import_without_course(sys.argv[2:])
    gc.freeze()  # a collection would write to all of it, and so copy it, in every process that is forked
    channel.send(READY)
    started: set[int] = set()
    while True:
        data, files, _, _ = socket.recv_fds(channel, LONGEST, MOST_FILES)
        request = json.loads(data or "{}")
        if not request:
            launch.kill_descendants()
            os._exit(0)
        elif "reap" in request:
            channel.send(json.dumps(_reap(request["reap"], started)).encode())
        elif not _start(channel, request, files, started):
            break
    _move(folder, request["environment"])
    run(request["command"])


class _NoCourse:
    """Lets nobody import `cs231n` here: a copy that is installed would stand in for a learner's."""

    def find_spec(self, name: str, *_: Any) -> None:
        if name.partition(".")[0] == "cs231n":
            raise ImportError(f"{name} must not be imported before a learner's code")


def _import_without_course(names: list[str]) -> None:
    sys.meta_path.insert(0, _NoCourse())
    for name in names:
        importlib.import_module(name)
    del sys.meta_path[0]


# ---- requests


def _reap(pid: int, started: set[int]) -> dict[str, int]:
    """Wait for a process, and kill those that it left without a parent: they became children of this one."""
    _, status, usage = os.wait4(pid, 0)
    started.remove(pid)
    launch.kill_descendants(started)
    return {"status": status, "memory": 1024 * usage.ru_maxrss}


def _start(channel: socket.socket, request: dict, files: list[int], started: set[int]) -> bool:
    """Start a process and answer; False in the new process."""
    reading, report = os.pipe()
    first = os.fork()
    if first == 0:
        channel.detach()  # its number is closed with the others, and may be another file's later
        _close_in(request, files, report)
        return False
    for file in (*files, report):
        os.close(file)
    with open(reading, "rb") as lines:
        told = _told(lines, {"ready", "inside"} if request["flags"] else {"ready"})
    if "inside" in told:
        os.waitpid(first, 0)  # it has ended, and its child is now one of this process
    if "error" in told:
        launch.kill_descendants(started)
        channel.send(json.dumps({"error": told["error"]}).encode())
        return True
    pid = told.get("inside", first)
    started.add(pid)
    handle = os.pidfd_open(pid)
    socket.send_fds(channel, [json.dumps({"pid": pid}).encode()], [handle])
    os.close(handle)
    return True


def _told(lines: Iterator[bytes], wanted: set[str]) -> dict[str, Any]:
    """What new processes report, in any order, until all is said that is wanted, or one fails."""
    told: dict[str, Any] = {}
    for line in lines:
        told |= json.loads(line)
        if "error" in told or wanted <= told.keys():
            return told
    return told | {"error": "it ended early"}


# ---- in the new process


def _close_in(request: dict, files: list[int], report: int) -> None:
    """Take the files, enter the sandbox, and give up every privilege; returns in the process that runs the command."""
    try:
        report, sandbox = _take(files, request["files"], report)
        if request["flags"]:
            _enter(sandbox, request["flags"], request["place"], report)
            _drop_bounding_set()
        os.close(sandbox)
        os.setsid()
        os.chdir(request["folder"])
        launch.confine(request["settings"])
        if request["flags"]:
            _drop_capabilities()
        launch.prctl(SET_DUMPABLE, 1)  # like a program that was started anew: `tree.py` looks into it
        _tell(report, ready=True)
        os.close(report)
    except BaseException as error:
        _tell(report, error=f"{type(error).__name__}: {error}")
        os._exit(1)


def _tell(report: int, **what: Any) -> None:
    os.write(report, json.dumps(what).encode() + b"\n")


def _take(files: list[int], targets: list[int], report: int) -> tuple[int, int]:
    """Give the files their numbers, and close all others; returns `report` and the last of the files, at new ones."""
    if max(targets) >= _OUT_OF_THE_WAY:
        raise OSError(f"too many open files: a descriptor has the number {max(targets)}")
    moved = [fcntl.fcntl(file, fcntl.F_DUPFD, _OUT_OF_THE_WAY) for file in (*files, report)]
    os.closerange(3, _OUT_OF_THE_WAY)
    for file, target in zip(moved[:-2], targets, strict=True):
        os.dup2(file, target)
        os.close(file)
    os.closerange(moved[-1] + 1, os.sysconf("SC_OPEN_MAX"))
    return moved[-1], moved[-2]


def _enter(sandbox: int, flags: int, place: list[int], report: int) -> None:
    """Join the namespaces of a process, by its pidfd; returns in a child, which is in its process tree as well."""
    if ctypes.CDLL(None, use_errno=True).setns(sandbox, flags):
        raise OSError(ctypes.get_errno(), f"setns: {os.strerror(ctypes.get_errno())}")
    root = os.stat("/")
    if [root.st_dev, root.st_ino] != place:
        raise OSError("the root folder is not that of the sandbox")
    child = os.fork()
    if child:
        _tell(report, inside=child)
        os._exit(0)


def _drop_bounding_set() -> None:
    """Let no program that is run later bring a capability back."""
    launch.prctl(launch.SET_NO_NEW_PRIVILEGES, 1)
    libc = ctypes.CDLL(None)
    for number in range(LAST_CAPABILITY + 1):
        libc.prctl(DROP_BOUNDING, number, 0, 0, 0)  # fails where the kernel has no such capability


def _drop_capabilities() -> None:
    """Give up all capabilities, which whoever enters a user namespace has there."""
    header, none = (ctypes.c_uint32 * 2)(CAPABILITIES_VERSION, 0), (ctypes.c_uint32 * 6)()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.capset(header, none):
        raise OSError(ctypes.get_errno(), f"capset: {os.strerror(ctypes.get_errno())}")


def _move(folder: str, environment: dict[str, str]) -> None:
    """Make Python look as if it had started here: environment, search path, places of modules, random generators."""
    os.environ.clear()
    os.environ.update(environment)
    root = environment["PYTHONPATH"]
    sys.path[:] = [root if path == folder else path for path in sys.path]
    sys.path_importer_cache.clear()
    for name in [name for name in sys.modules if name.startswith("coursekit.grading")]:
        del sys.modules[name]
    package = sys.modules["coursekit"]
    del package.grading
    for name, module in sys.modules.items():
        if name.partition(".")[0] == "coursekit":
            _move_module(module, folder, root)
    if random := sys.modules.get("numpy.random"):
        random.seed()  # Python seeds its own generator after a fork


def _move_module(module: types.ModuleType, folder: str, root: str) -> None:
    """Change the paths in a module's attributes."""
    spec = module.__spec__
    owners: tuple[Any, ...] = (module, spec, spec and spec.loader)
    for owner, names in zip(owners, (("__file__", "__cached__"), ("origin", "cached"), ("path",)), strict=True):
        for name in names:
            if isinstance(path := getattr(owner, name, None), str):
                setattr(owner, name, path.replace(folder, root, 1))
    if hasattr(module, "__path__"):
        module.__path__[:] = [path.replace(folder, root, 1) for path in module.__path__]


def run(command: list[str]) -> None:
    """Run what follows `python` on a command line: `-m MODULE` or `-c CODE`, with arguments."""
    kind, what, *arguments = command
    sys.argv[:] = [kind, *arguments]
    if kind == "-m":
        runpy.run_module(what, run_name="__main__", alter_sys=True)
        return
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    exec(compile(what, "<string>", "exec", dont_inherit=True), vars(module))


if __name__ == "__main__":
    main()
