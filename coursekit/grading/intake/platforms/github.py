"""GitHub Classroom: a folder of clones, `assignment1-username` each, as `gh classroom clone student-repos` makes it.

The time of a hand-in is that of the last commit. The list of the class, `classroom_roster.csv`, may lie beside them.
"""

import os
import re
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory

from coursekit.grading.intake.handed_out import HandedOut
from coursekit.grading.intake.platforms.attempt import Attempt, File, Found, slug
from coursekit.grading.intake.times import time_words
from coursekit.grading.intake.zips import Budget, Refused, read_file

NAME = "GitHub Classroom"
SECONDS = 20  # that git has to read one commit
_ROSTER = re.compile(r"classroom_roster.*\.csv", re.I)
_SUBMISSIONS = "-submissions"
_ASSIGNMENT = re.compile(r"(?:.*?[-_])?assignment[-_]?\d+-", re.I)
_COMMITTER = re.compile(rb"^committer .*> (\d{1,12}) ([+-])(\d\d)(\d\d)$", re.M)
_LARGEST = 10_000_000  # bytes of a list of references


def is_mine(handed: HandedOut) -> bool:
    """Whether all folders are clones, or half of them where all begin alike; or they are named after their folder."""
    folders = [entry.name for entry in handed.entries if entry.is_folder]
    num_clones = sum(_is_clone(handed, name) for name in folders)
    is_named = bool(_named_after(handed) and _begin(folders, _named_after(handed)))
    is_like_it = bool(_beginning(folders, "") or roster_in(handed)) and 2 * num_clones >= len(folders)
    return bool(folders) and (is_named or is_like_it or num_clones == len(folders))


def _is_clone(handed: HandedOut, folder: str) -> bool:
    if handed.zipped or not handed.path.is_dir():
        return any(name.startswith(".git/") for name in handed.below(folder))
    return (handed.path / folder / ".git").exists()


def _named_after(handed: HandedOut) -> str:
    """What the clones begin with, by the name of the folder in which they are; "" if it does not say."""
    name = handed.top.rstrip("/").rpartition("/")[2] or handed.path.stem
    return f"{name.removesuffix(_SUBMISSIONS)}-" if name.endswith(_SUBMISSIONS) else ""


def _begin(names: list[str], beginning: str) -> bool:
    return all(name.startswith(beginning) for name in names)


def roster_in(handed: HandedOut) -> str:
    """The name of the class's list that lies beside the clones; "" if there is none."""
    return next((entry.name for entry in handed.entries if _ROSTER.fullmatch(entry.name) and not entry.is_folder), "")


def read(handed: HandedOut) -> Found:
    """The clones, one for each learner."""
    folders = [entry.name for entry in handed.entries if entry.is_folder]
    beginning = _beginning(folders, _named_after(handed))
    own = frozenset({name} if (name := roster_in(handed)) else ())
    return Found([_attempt(handed, name, beginning) for name in folders], own)


def _beginning(names: list[str], named_after: str) -> str:
    """What all names begin with before the user name: up to the assignment's number, or to the last common "-"."""
    if named_after and _begin(names, named_after):
        return named_after
    common = os.path.commonprefix(names)
    if found := _ASSIGNMENT.match(common):
        return found[0]
    return common[: common.rfind("-") + 1] if len(names) > 1 else ""


def _attempt(handed: HandedOut, folder: str, beginning: str) -> Attempt:
    login = folder.removeprefix(beginning)
    moment = None if handed.zipped else commit_time(handed.path / folder)
    return Attempt(
        id=slug(folder),
        people=(f"github {login.lower()}",),
        learner={"name": login, "login": login, **time_words(moment)},
        files=(File(folder, folder),),
    )


# ---- the time of the last commit


def commit_time(clone: Path) -> datetime | None:
    """The time of the commit that is checked out; None where it cannot be told.

    The settings in a learner's `.git` may name programs, so git gets an empty repository, with the clone's objects.
    """
    git = clone / ".git"
    if git.is_symlink() or not git.is_dir() or not (commit := _head(git)):
        return None
    with TemporaryDirectory(prefix="commit-") as folder:
        for name in ("objects", "refs"):
            Path(folder, name).mkdir()
        Path(folder, "HEAD").write_text("ref: refs/heads/none\n")
        found = _COMMITTER.search(_commit(folder, git / "objects", commit))
    if not found:
        return None
    sign = -1 if found[2] == b"-" else 1
    offset = sign * timedelta(hours=int(found[3]), minutes=int(found[4]))
    try:
        return datetime.fromtimestamp(int(found[1]), timezone(offset))
    except (ValueError, OverflowError, OSError):
        return None


def _commit(folder: str, objects: Path, commit: str) -> bytes:
    env = {"PATH": os.environ.get("PATH", os.defpath), "GIT_DIR": folder, "GIT_OBJECT_DIRECTORY": str(objects)}
    env |= {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_NO_LAZY_FETCH": "1"}
    command = ["git", "cat-file", "commit", commit]
    try:
        return subprocess.run(command, env=env, cwd=folder, capture_output=True, timeout=SECONDS).stdout
    except (OSError, subprocess.TimeoutExpired):  # no git here
        return b""


def _head(git: Path) -> str:
    """The commit that is checked out; "" if it is not found."""
    head = _read(git / "HEAD").strip()
    if not head.startswith("ref: "):
        return _hash(head)
    name = head.removeprefix("ref: ").strip()
    if not name.startswith("refs/") or ".." in name:
        return ""
    packed = (line.split(" ") for line in _read(git / "packed-refs").splitlines())
    return _hash(_read(git / name).strip()) or next((_hash(line[0]) for line in packed if line[1:] == [name]), "")


def _hash(text: str) -> str:
    return text if re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", text) else ""


def _read(path: Path) -> str:
    try:
        return read_file(path, Budget(), _LARGEST).decode("ascii", "replace")
    except (Refused, OSError, ValueError):
        return ""
