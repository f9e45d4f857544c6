"""Folders that a learner's code may have written to: removed without following a link, however deep they are."""

import contextlib
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

IN_MEMORY, ROOM = "/dev/shm", 1 << 30  # bytes that must be free there
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


@contextlib.contextmanager
def temporary_folder(prefix: str, in_memory: bool = False) -> Iterator[Path]:
    """A new folder, removed afterwards with whatever is in it; for some MB it can be in memory, where there is room."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=IN_MEMORY if in_memory and _has_room(IN_MEMORY) else None))
    try:
        yield folder
    finally:
        remove(folder)


def _has_room(folder: str) -> bool:
    try:
        return os.access(folder, os.W_OK | os.X_OK) and shutil.disk_usage(folder).free >= ROOM
    except OSError:
        return False


def remove(folder: str | os.PathLike) -> None:
    """Remove a folder and everything in it.

    Every name is looked up in a folder that is open, so no link leads elsewhere; and a folder in a folder is moved to
    the top before it is emptied, so there are never more than two levels.
    """
    top = _opened(os.fspath(folder))
    try:
        while inner := _emptied(top):
            for name in inner:
                _flatten(name, top)
    finally:
        os.close(top)
    os.rmdir(folder)


def _flatten(name: str, top: int) -> None:
    """Remove a folder in the top one; the folders in it are moved to the top."""
    opened = _opened(name, top)
    try:
        for inner in _emptied(opened):
            os.close(_opened(inner, opened))  # to move a folder, one has to have the right to write to it
            os.rename(inner, secrets.token_hex(16), src_dir_fd=opened, dst_dir_fd=top)
    finally:
        os.close(opened)
    os.rmdir(name, dir_fd=top)


def _emptied(folder: int) -> list[str]:
    """Remove the files and links in an open folder; the names of the folders that are left."""
    inner = []
    with os.scandir(folder) as entries:
        found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_folder in found:
        if is_folder:
            inner.append(name)
        else:
            os.unlink(name, dir_fd=folder)
    return inner


def _opened(name: str, folder: int | None = None) -> int:
    """Open a folder, by its name in an open folder, as one that can be emptied."""
    path = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
    try:
        if stat.S_IMODE(os.fstat(path).st_mode) & 0o700 != 0o700:
            os.chmod(f"/proc/self/fd/{path}", 0o700)  # of what is open, not of what has the name now
    finally:
        os.close(path)
    return os.open(name, _FOLDER, dir_fd=folder)


def size(folder: str | os.PathLike, most: int) -> tuple[int, int]:
    """Bytes and number of the files in a folder; counting stops after `most` files."""
    num_bytes = num_files = 0
    with contextlib.suppress(OSError, RecursionError):  # what vanishes meanwhile, or cannot be read
        for _, folders, files, opened in os.fwalk(folder, follow_symlinks=False):
            num_files += len(folders) + len(files)
            for name in files:
                with contextlib.suppress(OSError):
                    num_bytes += os.stat(name, dir_fd=opened, follow_symlinks=False).st_blocks * 512
            if num_files > most:
                break
    return num_bytes, num_files
