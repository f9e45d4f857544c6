"""A folder or a zip that comes from no platform: a zip, a folder, or a lone notebook or module for each learner."""

from coursekit.grading.intake.handed_out import HandedOut
from coursekit.grading.intake.platforms.attempt import (
    ARCHIVES,
    LONE,
    Attempt,
    File,
    Found,
    ending,
    may_be_submission,
)
from coursekit.questions import ASSIGNMENTS, NOTEBOOKS

NAME = ""
# Folders at the top of a single submission; nobody is called so.
_OF_COURSE = {"cs231n", "assignments", "coursekit", "datasets", "docs", "src", ".git", *ASSIGNMENTS}
_COPIES = {"backup", "old", "copy", "new", "tmp", "archive", "older", "previous", "saved", "classifiers"}
_IS_OURS = "`grade` has written them"
IS_UNPACKED = "each lies beside a zip of the same name, which is used"


def is_submission(handed: HandedOut) -> bool:
    """Whether this is the work of one learner: the course's folders are at the top."""
    folders = {entry.name.lower() for entry in handed.entries if entry.is_folder}
    return (
        "cs231n" in folders
        and any(name.endswith(LONE) for name in handed.below("cs231n"))
        or bool(_OF_COURSE & folders and _has_notebooks(handed))
    )


def _has_notebooks(handed: HandedOut) -> bool:
    names = (name for entry in handed.entries if entry.is_folder for name in handed.below(entry.name))
    return any(name.rpartition("/")[2].removesuffix(".ipynb") in NOTEBOOKS for name in names if name.endswith(".ipynb"))


def is_class(handed: HandedOut) -> bool:
    """Whether this holds the work of several learners: several archives, or several folders with work in them."""
    folders = [entry.name for entry in handed.entries if entry.is_folder]
    files = [entry.name for entry in handed.entries if not entry.is_folder]
    if (_OF_COURSE | _COPIES) & {name.lower() for name in folders} or any(map(_is_of_course, files)):
        return False
    archives = [name for name in files if ending(name) in ARCHIVES]
    return len(archives) + sum(_has_work(handed, name) for name in folders) > 1


def _is_of_course(name: str) -> bool:
    stem, dot, last = name.rpartition(".")
    return last == "ipynb" and stem in NOTEBOOKS or name == "layers.py"


def _has_work(handed: HandedOut, folder: str) -> bool:
    return any(name.lower().endswith((*ARCHIVES, *LONE)) for name in handed.below(folder))


def is_mine(handed: HandedOut) -> bool:
    """Whether it may be read so: anything may."""
    return True


def read(handed: HandedOut) -> Found:
    """The zips, folders and lone files."""
    shown = [entry for entry in handed.entries if not entry.name.startswith((".", "__"))]
    own = {e.name: _IS_OURS for e in shown if e.is_folder and _is_ours(handed.below(e.name))}
    zipped = {entry.name[: -len(".zip")] for entry in shown if ending(entry.name) == ".zip" and not entry.is_folder}
    unpacked = {entry.name: IS_UNPACKED for entry in shown if entry.is_folder and entry.name in zipped}
    others = unpacked | own
    names = [e.name for e in shown if (e.is_folder or may_be_submission(e.name)) and e.name not in others]
    return Found([_attempt(name) for name in names], others=others)


def _is_ours(names: list[str]) -> bool:
    return "batch.json" in names and any(name.startswith("records/") for name in names)


def _attempt(name: str) -> Attempt:
    stem = name[: -len(".zip")] if name.lower().endswith(".zip") else name
    return Attempt(stem, (), {"name": stem}, (File(name, name),))
