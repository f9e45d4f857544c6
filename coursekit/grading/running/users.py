"""A user for each run: where root grades, a learner's code runs as a user without an account, whom no other run has.

So the limit on processes holds for the run alone, nothing of the kernel that belongs to a user is shared between runs,
and what the run leaves behind is found by its user.
"""

import contextlib
import fcntl
import os
import random
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from coursekit.grading.running import folders

# Ids of users without an account: the range that systemd reserves for services.
FIRST, COUNT = 61184, 4096
SHARED = ("/tmp", "/var/tmp", "/dev/shm")  # where any user may leave files


class NoUserError(Exception):
    """No user is free; the message says why."""


def is_root() -> bool:
    """Whether root grades."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


@contextlib.contextmanager
def own_user(bubblewrapped: bool = False) -> Iterator[int]:
    """The id of a user that no other run has; afterwards nothing runs as this user, and its files are gone.

    Bubblewrap sees to that by itself: its process tree ends as a whole, and what it can write to ends with it.
    """
    with _locked() as user:
        try:
            yield user
        finally:
            if not bubblewrapped or is_busy(user):
                kill_all_of(user)
                _remove_files_of(user)


@contextlib.contextmanager
def _locked() -> Iterator[int]:
    """A user whose lock no other process holds; the kernel gives the lock back when this process ends."""
    folder = _folder_of_locks()
    first = random.randrange(COUNT)
    for number in range(COUNT):
        user = FIRST + (first + number) % COUNT
        with open(folder / str(user), "w") as file:
            if _is_mine(file) and not is_busy(user):
                yield user
                return
    raise NoUserError(f"none of the users {FIRST} to {FIRST + COUNT - 1} is free")


def _is_mine(file: IO) -> bool:
    """Lock a file, if no other process has."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _folder_of_locks() -> Path:
    """A folder that root alone can write to."""
    base = Path("/run") if os.access("/run", os.W_OK) else Path(tempfile.gettempdir())
    folder = base / "coursekit-users"
    folder.mkdir(mode=0o700, exist_ok=True)
    about = folder.lstat()
    if folder.is_symlink() or about.st_uid != 0 or about.st_mode & 0o022:
        raise NoUserError(f"{folder} does not belong to root alone: remove it")
    return folder


def is_busy(user: int) -> bool:
    """Whether a process runs as a user, as after a grader that was killed."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if os.stat(f"/proc/{pid}").st_uid == user:
                return True
    return False


def kill_all_of(user: int) -> None:
    """Kill every process of a user, all at once: one after the other, they could start new ones meanwhile."""
    command = ["/bin/sh", "-c", "kill -KILL -1"]
    subprocess.run(command, user=user, group=user, extra_groups=[], stderr=subprocess.DEVNULL, check=False)


def _remove_files_of(user: int) -> None:
    """Remove what a user left in the folders that all users share."""
    for shared in SHARED:
        with contextlib.suppress(OSError), os.scandir(shared) as entries:
            for entry in [e for e in entries if e.stat(follow_symlinks=False).st_uid == user]:
                with contextlib.suppress(OSError):
                    folders.remove(entry.path) if entry.is_dir(follow_symlinks=False) else os.unlink(entry.path)
