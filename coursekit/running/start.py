"""What the first cell of a notebook calls: it says what this Python lacks, and which command helps.

It runs on a bare Python, and on one that is too old for the course: nothing here is newer than Python 3.7.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

OLDEST_PYTHON = (3, 11)
# What notebooks need besides their kernel, by the name under which it is imported: all are installed by that name too.
NEEDED = ("imageio", "matplotlib", "numpy", "threadpoolctl")
COLAB = Path("/content/course")  # where the first cell puts the course on Colab
DRIVE = Path("/content/drive/MyDrive")
KEPT = "Your work is kept in the folder {} of your Drive."
NOT_KEPT = """Colab deletes the files of this machine, your answers in cs231n/ too, some time after you leave. To keep
them, mount your Drive (the folder symbol on the left, then the Drive symbol) and run this cell again."""


class NotReadyError(Exception):
    """Notebooks cannot run in this Python; they show the text alone, without a traceback."""

    def _render_traceback_(self) -> list[str]:
        # IPython calls this in place of formatting a traceback.
        return str(self).splitlines()


def start() -> None:
    """Do nothing where all is well; on Colab, also install what is missing and say where work is kept.

    Raises
    ------
    NotReadyError
        If this Python is too old, or lacks packages: what it lacks, and what to do.
    """
    _require_python()
    if "google.colab" in sys.modules:
        _prepare_colab()
    _require_packages()


def missing() -> list[str]:
    """The packages that notebooks need and this Python does not have."""
    return [name for name in NEEDED if find_spec(name) is None]


def _require_python() -> None:
    if sys.version_info < OLDEST_PYTHON:
        oldest = ".".join(map(str, OLDEST_PYTHON))
        found = ".".join(map(str, sys.version_info[:3]))
        why = f"This notebook runs in Python {found} ({sys.executable}); the course needs Python {oldest} or newer."
        raise NotReadyError(f"{why}\n{_way_out((), python=f'python{oldest}')}")


def _require_packages() -> None:
    absent = missing()
    if absent:
        names = " and ".join(filter(None, (", ".join(absent[:-1]), absent[-1])))
        raise NotReadyError(f"This notebook runs in {sys.executable}, which lacks {names}.\n{_way_out(absent)}")


def _way_out(absent: Sequence[str], python: str = "python" if os.name == "nt" else "python3") -> str:
    """The command that helps: it builds the course's own environment, or, without a course, installs packages."""
    if sys.platform == "emscripten":  # in a browser there is no other Python
        return f"Run `%pip install {' '.join(absent)}` in a new cell."
    root = Path(__file__).resolve().parents[2]
    if (root / "assignments").is_dir():
        return (
            f"Run `{python} -m coursekit lab` in {root}: it installs what is needed and opens the notebooks.\n"
            "In VS Code, choose the folder's .venv as the kernel after that (Select Kernel, at the top right)."
        )
    if absent:  # coursekit was installed alone
        return f"Run `{sys.executable} -m pip install {' '.join(absent)}`, and restart the kernel."
    return "Choose another kernel, or install the course again in a newer Python."


# ---- Colab


def _prepare_colab() -> None:
    """Install what Colab lacks, go to the course's folder, and say whether work is kept."""
    if missing():
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", *missing()])
    if COLAB.is_dir():
        is_kept = keep_on_drive(COLAB, DRIVE)
        os.chdir(str(COLAB))
        print(KEPT.format(COLAB.resolve().name) if is_kept else NOT_KEPT)


def keep_on_drive(course: Path, drive: Path) -> bool:
    """Keep the course on a Drive, if one is mounted: its folder becomes a link to one that is there.

    Parameters
    ----------
    course : Path
        The folder on this machine. Where the Drive has the course from another day, this one is put beside it.
    drive : Path
        The folder of the Drive; it need not exist.

    Returns
    -------
    bool
        Whether what is written into the course is kept.
    """
    if course.is_symlink() or not drive.is_dir():
        return course.is_symlink()
    kept = drive / "neural-networks-for-vision"
    if not kept.exists():
        partial = kept.with_name(f"{kept.name}.partial")
        shutil.rmtree(str(partial), ignore_errors=True)  # of a copy that was interrupted
        shutil.copytree(str(course), str(partial))
        partial.rename(kept)
    course.rename(course.with_name(f"{course.name}-as-fetched"))
    course.symlink_to(kept, target_is_directory=True)
    return True
