"""Where the files of the course are, and who gets them.

A folder of `coursekit/` is a zone of trust: a file belongs to the zone of its folder. What is not named in the lists
below stays with the teacher.
"""

import os
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# What runs beside a learner's code, which can read and change all of it.
SANDBOX = (
    "coursekit/__init__.py",
    "coursekit/core/**/*.py",
    "coursekit/questions/**/*.py",
    "coursekit/running/**/*.py",
)
PACKAGE = ("cs231n/**/*.py", "cs231n/nets/*.npz")
# What learners have: all that checks, nothing that holds an answer or grades.
TOOLS = (
    *SANDBOX,
    "coursekit/__main__.py",
    "coursekit/files.py",
    "coursekit/paths.py",
    "coursekit/judging/**/*.py",
    "coursekit/judging/answers/**/*.npz",
    "coursekit/learner/**/*.py",
)
LEARNER = (
    *PACKAGE,
    *TOOLS,
    ".binder/*",
    ".devcontainer/*",
    "coursekit/learner/jupyter/**/*",
    "assignments/**/*.ipynb",
    "collect_submission.sh",
    "datasets/get_datasets.py",
    "leader_board.csv",
    "requirements.lock",
    "requirements.txt",
)
# What grades on another machine: everything but the zoo, the tests and the pages.
GRADER = (
    *LEARNER,
    "coursekit/teacher/**/*.py",
    "coursekit/grading/**/*",
    "cs231n/saved/*.npz",
    "docs/learner/*",
    "requirements-dev.lock",
)
_LEFT_BEHIND = {"__pycache__", ".ipynb_checkpoints"}


def is_course(folder: Path) -> bool:
    """Whether a folder holds a course, and not only the packages, as where they are installed."""
    return (folder / "assignments").is_dir()


def files_in(zone: Iterable[str], root: str | os.PathLike = ROOT) -> dict[str, Path]:
    """The files of a zone, in a fixed order.

    Parameters
    ----------
    zone : iterable of str
        Patterns such as those of `SANDBOX`.
    root : path
        The course's folder.

    Returns
    -------
    dict
        Maps each relative name, with "/", to its path.
    """
    paths = {path for pattern in zone for path in Path(root).glob(pattern) if path.is_file()}
    names = {path.relative_to(root).as_posix(): path for path in paths if not _LEFT_BEHIND & set(path.parts)}
    return dict(sorted(names.items()))


def file_of(target: str) -> str:
    """The file of a function, as a relative name with "/".

    Examples
    --------
    >>> file_of("cs231n.layers:relu_forward")
    'cs231n/layers.py'
    """
    return target.split(":")[0].replace(".", "/") + ".py"
