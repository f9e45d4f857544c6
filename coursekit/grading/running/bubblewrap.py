"""The command line of bubblewrap: what a sandbox sees, and where.

A sandbox sees the system's programs, this Python with its packages, the folder that it runs in, and what it is given
besides. A solved tree in any of these is hidden, wherever Python's environment lies: beside the tree, in it, around it,
or in the very same folder.
"""

import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from coursekit.grading.running.users import is_root
from coursekit.paths import ROOT

INSIDE = "/course"  # what the folder is called inside
SCRATCH = ("cs231n/saved",)  # parts of the folder that may be written to; what is written there is lost
SYSTEM = ("/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", "/etc/ld.so.cache", "/etc/alternatives", "/etc/fonts")
_ENVIRONMENT = ("bin", "etc", "include", "lib", "lib32", "lib64", "pyvenv.cfg", "share")  # its parts
_PACKAGES = ("cs231n", "coursekit")
# What answers a question without an answer is not there, whatever the environment that grades has installed.
ABSENT = ("cupy", "jax", "keras", "numba", "scipy", "sklearn", "tensorflow", "torch")

Mount = tuple[Path, list[str]]  # where, and the words that ask for it


def arguments(root: Path, size: int, readable: Iterable[str | Path], inside: str | Path) -> list[str]:
    """The arguments of bubblewrap.

    Parameters
    ----------
    root : Path
        The folder to run in, which the sandbox sees as `INSIDE`.
    size : int
        Bytes of each place that can be written to.
    readable : iterable of paths
        Other files and folders that the sandbox sees where they are.
    inside : path
        The part of the folder to start in.
    """
    words = [*_namespaces(), "--die-with-parent", "--new-session"]
    words += ["--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev"]
    for folder in SYSTEM:
        words += ["--ro-bind-try", folder, folder]
    words += _small_tmpfs("/tmp", size)
    mounts = _mounts()
    for path, mount in mounts:
        words += [*_parents(path), *mount]
    for path in map(Path, readable):
        words += [*_parents(path), "--ro-bind", str(path), str(path)]
    words += ["--ro-bind", str(root), INSIDE]
    for part in SCRATCH:
        if (root / part).is_dir():
            words += _small_tmpfs(f"{INSIDE}/{part}", size)
    for hidden in (str(path) for path, mount in mounts if "--tmpfs" in mount):
        words += ["--remount-ro", hidden]
    return [*words, "--remount-ro", "/", "--chdir", str(Path(INSIDE, inside))]


def writable(root: Path) -> list[str]:
    """The places that can be written to, as the sandbox calls them."""
    return ["/tmp", *(f"{INSIDE}/{part}" for part in SCRATCH if (root / part).is_dir())]


def _namespaces() -> tuple[str, ...]:
    if not is_root():
        return ("--unshare-all", *(("--unshare-user", "--disable-userns") if _can_disable_namespaces() else ()))
    unshared = ("--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try")
    return (*unshared, "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID")


@cache
def _can_disable_namespaces() -> bool:
    """Whether this bubblewrap can forbid further namespaces: since version 0.8."""
    return "--disable-userns" in subprocess.run(["bwrap", "--help"], capture_output=True, text=True, check=False).stdout


def _small_tmpfs(path: str, size: int) -> list[str]:
    return ["--perms", "1777", "--size", str(size), "--tmpfs", path]


def _parents(path: Path) -> list[str]:
    """The folders above a path, open to the sandbox's user: those that bubblewrap makes itself are not."""
    return [word for parent in reversed(path.parents[:-1]) for word in ("--perms", "755", "--dir", str(parent))]


@cache
def _mounts() -> tuple[Mount, ...]:
    """Python's folders, and what is hidden in them and in the system's; what lies deeper goes over the rest."""
    return tuple(sorted(_unsorted_mounts(), key=lambda mount: len(mount[0].parts)))


def _unsorted_mounts() -> Iterator[Mount]:
    solved = _solved_folders()
    for folder in map(Path, SYSTEM):
        yield from _hidden_in(folder, solved)
    for folder in python_folders():
        is_tree = folder.resolve() in solved  # then only the environment's own parts are seen
        for part in [folder / name for name in _ENVIRONMENT] if is_tree else [folder]:
            if part.exists():
                yield part, ["--ro-bind", str(part), str(part)]
                yield from _hidden_in(part, solved)


def _hidden_in(folder: Path, solved: Iterable[Path]) -> Iterator[Mount]:
    """Empty folders in the place of the solved ones in a folder, by the names that they have there."""
    real = folder.resolve()
    for path in solved:
        if path != real and path.is_relative_to(real):
            place = folder / path.relative_to(real)
            yield place, ["--tmpfs", str(place)]


@cache
def python_folders() -> tuple[Path, ...]:
    """The folders of this Python and its packages outside of /usr."""
    folders = {os.path.realpath(path) for path in (sys.prefix, sys.base_prefix, sys.exec_prefix)}
    folders.add(os.path.abspath(sys.prefix))
    return tuple(sorted(Path(folder) for folder in folders if not folder.startswith("/usr/")))


@cache
def absent_folders() -> tuple[str, ...]:
    """The folders of what is `ABSENT`, wherever `pip install` put them, and where they really are."""
    found = {path for path in _installed() if path.name in ABSENT and path.is_dir()}
    return tuple(sorted({str(path) for path in found} | {str(path.resolve()) for path in found}))


def _solved_folders() -> set[Path]:
    """Folders with answers: this tree, and the course and what is `ABSENT`, wherever `pip install` put them."""
    return {path.resolve() for path in (ROOT, *_installed()) if path.is_dir()}


def _installed() -> set[Path]:
    places = {Path(sysconfig.get_path(name)) for name in ("purelib", "platlib")}
    for prefix in (*python_folders(), Path("/usr"), Path("/usr/local")):
        places |= {*prefix.glob("lib*/python*/*-packages"), *prefix.glob("envs/*/lib*/python*/*-packages")}
    return {place / name for place in places for name in (*_PACKAGES, *ABSENT)}
