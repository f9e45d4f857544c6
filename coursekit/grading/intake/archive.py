"""Open a submission: an `Opened` with the files of the allow-list, or `Refused` with the reason.

Nothing is written to disk, and no name in an archive is ever used as a path: the allowed files are looked up among the
names, read in memory, and returned under the course's names.
"""

import errno
import io
import json
import os
import re
import stat
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from coursekit.core.question import Status
from coursekit.grading.intake.confined import Allowance, TooCostlyError, confined
from coursekit.grading.intake.likeness import recognised
from coursekit.grading.intake.sources import LONE, Source, find_submissions
from coursekit.grading.intake.text import clean, listed, short, why
from coursekit.grading.intake.zips import (
    Budget,
    Member,
    Refused,
    Unreadable,
    folder_members,
    open_zip,
    read_file,
    read_zipped,
    zip_members,
)
from coursekit.learner import submission
from coursekit.questions import COMPANIONS, NOTEBOOKS, all_questions

__all__ = ["Opened", "Refused", "Source", "find_submissions", "open_submission"]

LARGEST_INNER = 100_000_000  # bytes of a zip within a zip, which is read in memory
MOST_WEIGHTS = 20  # files of saved weights; an assignment saves at most four
MOST_RECOGNISED = 10  # files that are looked into because none has the name of a missing one
RECOGNITION_SECONDS = 20  # of processor time for these files together
DEEPEST = 1  # zips within zips: systems that collect submissions zip a zip once more, not twice

_COPY = re.compile(r"(?:copy of )?(?P<stem>.+?)(?:[-_ ]?copy ?\d*| ?\(\d+\)|-\d{1,2})?", re.IGNORECASE)
_NOT_LOOKED_INTO = {
    "__macosx",
    ".ipynb_checkpoints",
    "__pycache__",
    ".git",
    ".venv",
    "venv",
    "env",
    "site-packages",
    "coursekit",
    "datasets",
}
_EXPECTED_BESIDE = re.compile(
    rf"({'|'.join(submission.assignments())})_answers\.(html|pdf)|manifest\.json|\.ds_store|thumbs\.db|desktop\.ini"
)


@dataclass(frozen=True)
class Opened:
    """The content of one submission.

    `files` maps names of the allow-list to bytes, without the receipt. `sha256` is that of the zip, or of all files of
    a folder. `receipt` is None, or has "verified", "problems", and "questions" (the verdicts that the learner saw).
    """

    files: dict[str, bytes]
    remarks: list[str]
    sha256: str
    receipt: dict | None = None


@dataclass(frozen=True, order=True)
class _Candidate:
    """A member that may be the file `target`; the smallest one fits best."""

    rank: int  # 0: the whole path matches, 1: its end matches, 2: the bare name matches
    copy: bool  # knn (1).ipynb
    elsewhere: bool  # not in the folder of most files
    case: bool  # Layers.py
    depth: int
    name: str
    member: Member = field(compare=False)
    target: str = field(compare=False, default="")
    top: str = field(compare=False, default="")


def open_submission(source: Source, assignment: str) -> Opened:
    """Read a submission in memory.

    Raises
    ------
    Refused
        If it cannot be read safely.
    OSError
        If it is not there, or this user may not read it.
    """
    require_readable(source.path)
    try:
        opened = _open(source, assignment)
    except Refused:
        raise
    except MemoryError as error:
        raise Refused("It takes too much memory to read.") from error
    except Exception as error:  # the readers of archives raise many kinds, and none may stop the grading of a class
        raise Refused(f"It cannot be read ({why(error)}).") from error
    return replace(opened, remarks=[clean(remark) for remark in opened.remarks])


def require_readable(path: Path) -> None:
    """Raise OSError if a submission is not there or may not be read, `Refused` if it is no file and no folder."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        if path.is_symlink():
            raise Refused("It is a link that leads nowhere.") from error
        raise
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise Refused("It is neither a file nor a folder, but a pipe, a socket or a device.")
    if not os.access(path, os.R_OK | (os.X_OK if stat.S_ISDIR(mode) else 0)):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))


def _open(source: Source, assignment: str) -> Opened:
    remarks: list[str] = []
    budget = Budget()
    if source.path.is_dir():
        return _from_members(list(folder_members(source.path, budget)), assignment, remarks, budget)
    if source.path.suffix.lower() in LONE:
        alone = Member(source.path.name, partial(read_file, source.path, budget))
        return _from_members([alone], assignment, remarks, budget)
    with source.path.open("rb") as file:
        zipped: BinaryIO = file
        if source.inside:
            with open_zip(file) as archive:
                zipped = io.BytesIO(read_zipped(archive, archive.getinfo(source.inside), Budget(), LARGEST_INNER))
        return _opened(_pick_from_zip(zipped, assignment, remarks, budget), remarks, _digest_of(zipped))


def _from_members(members: list[Member], assignment: str, remarks: list[str], budget: Budget) -> Opened:
    files = _pick(members, assignment, remarks, budget)
    listing = json.dumps({name: submission.digest(data) for name, data in files.items()}, sort_keys=True)
    return _opened(files, remarks, submission.digest(listing.encode()))


def _opened(files: dict[str, bytes], remarks: list[str], digest: str) -> Opened:
    receipt = files.pop(submission.RECEIPT, None)
    return Opened(files, remarks, digest, None if receipt is None else verify_receipt(receipt, files, remarks))


def verify_receipt(data: bytes, files: dict[str, bytes], remarks: list[str]) -> dict:
    """What a receipt (bytes) says, as `Opened` has it; a remark is added if it cannot be read."""
    try:
        receipt = submission.read_receipt(data)
    except ValueError as error:
        remarks.append(f"{str(error).capitalize()}.")
        return {"verified": False, "problems": [str(error)], "questions": {}}
    problems = submission.receipt_problems(receipt, files)
    verdicts = {id_: status for id_, status in receipt["questions"].items() if _is_verdict(id_, status)}
    if unknown := len(receipt["questions"]) - len(verdicts):
        problems.append(f"{unknown} of its verdicts are not of this course")
    return {"verified": not problems, "problems": problems, "questions": verdicts}


def _is_verdict(question_id: str, status: str) -> bool:
    return question_id in all_questions() and status in list(Status)


def _digest_of(file: BinaryIO) -> str:
    file.seek(0)
    hashed = sha256()
    while chunk := file.read(1 << 20):
        hashed.update(chunk)
    return hashed.hexdigest()


def _pick_from_zip(
    file: BinaryIO, assignment: str, remarks: list[str], budget: Budget, depth: int = 0
) -> dict[str, bytes]:
    with open_zip(file) as archive:
        return _pick(list(zip_members(archive, budget)), assignment, remarks, budget, depth)


def _pick_from_inner(
    inner: list[Member], assignment: str, remarks: list[str], budget: Budget, depth: int
) -> dict[str, bytes]:
    if len(inner) > 1:
        raise Refused(f"It contains {len(inner)} zips and none of the assignment's files; which zip is the submission?")
    if depth == DEEPEST:
        raise Refused("It is a zip in a zip in a zip.")
    remarks.append(f"It contained another zip, {short(inner[0].name)}, which was opened.")
    return _pick_from_zip(io.BytesIO(inner[0].read(LARGEST_INNER)), assignment, remarks, budget, depth + 1)


# ---- find the assignment's files


def _pick(
    members: list[Member], assignment: str, remarks: list[str], budget: Budget, depth: int = 0
) -> dict[str, bytes]:
    """The files of the allow-list among the members, or in the one zip among them: bytes by the course's names."""
    by_target: dict[str, list[_Candidate]] = {}
    for candidate in _candidates(members, assignment):
        by_target.setdefault(candidate.target, []).append(candidate)
    _add_recognised(members, assignment, by_target, remarks)
    if not set(by_target) - {submission.RECEIPT}:
        inner = [member for member in members if member.name.lower().endswith(".zip") and not _is_skipped(member.name)]
        if inner:
            return _pick_from_inner(inner, assignment, remarks, budget, depth)
        raise Refused(f"It contains none of the files of {assignment}.{_contents(members)}")
    files: dict[str, bytes] = {}
    used: set[str] = set()
    weights = [target for target in sorted(by_target) if target.endswith(".npz")]
    for target in sorted(set(by_target) - set(weights[MOST_WEIGHTS:])):
        candidates = sorted(by_target[target])
        used |= {candidate.name for candidate in candidates}
        data = _read_best(target, candidates, remarks)
        if data is not None:
            files[target] = data
    if not set(files) - {submission.RECEIPT}:
        raise Refused(f"None of its files can be read. {remarks[-1]}")
    missing = [name for name in submission.required(assignment) if name not in by_target]
    if missing:
        remarks.append(f"Missing: {', '.join(missing)}.")
    _remark_others([member for member in members if member.name not in used], remarks)
    return files


def _contents(members: list[Member]) -> str:
    names = listed(member.name for member in members if not _is_skipped(member.name))
    return f" Its files: {names}." if names else ""


def _remark_others(members: list[Member], remarks: list[str]) -> None:
    other = [member for member in members if not _is_skipped(member.name) and not _is_expected(member.name)]
    if other:
        names = listed(member.name for member in other)
        remarks.append(f"Ignored, because they are not among the files to submit: {names}.")


def _is_expected(name: str) -> bool:
    """Whether a file that is ignored needs no remark: the course's own, or a system's."""
    parts = PurePosixPath(name.lower()).parts
    provided = {"cs231n", "assignments"} & set(parts) or parts[-1] in ("makefile", "readme.md", "requirements.lock")
    return (
        bool(provided) and parts[-1].endswith((".ipynb", "__init__.py")) or bool(_EXPECTED_BESIDE.fullmatch(parts[-1]))
    )


def _is_skipped(name: str) -> bool:
    parts = name.lower().split("/")
    return bool(_NOT_LOOKED_INTO & set(parts)) or parts[-1].startswith("._")


def _candidates(members: list[Member], assignment: str) -> list[_Candidate]:
    """All ways in which members can be files of the allow-list, each with its rank."""
    targets = [name for name in submission.allowed(assignment) if name != submission.WEIGHTS]
    found = [c for member in members if not _is_skipped(member.name) for c in _matches(member, targets)]
    tops = Counter(candidate.top for candidate in found if candidate.rank == 0)
    top = min(tops, key=lambda top: (-tops[top], top.count("/"), top), default="")
    return [replace(candidate, elsewhere=candidate.top != top) for candidate in found]


def _matches(member: Member, targets: list[str]) -> Iterator[_Candidate]:
    parts = _plain(member.name).split("/")
    depth, last = len(parts), parts[-1]
    if submission.is_weights("/".join(parts[-3:])):
        target, top = f"cs231n/saved/{last}", "/".join(parts[:-3])
        yield _Candidate(0, False, False, False, depth, member.name, member, target, top)
    folded = [part.casefold() for part in parts]
    for target in targets:
        path = target.casefold().split("/")
        copy = folded[-1] != path[-1]
        if copy and not _is_copy(folded[-1], path[-1]):
            continue
        common = _common_end(folded[:-1], path[:-1])
        whole = common == len(path) - 1
        case = not copy and last != target.split("/")[-1] or whole and parts[-len(path) : -1] != target.split("/")[:-1]
        if whole:
            top = "/".join(parts[: depth - len(path)])
            yield _Candidate(0, copy, False, case, depth, member.name, member, target, top)
        elif common:
            yield _Candidate(1, copy, False, case, depth, member.name, member, target)
        elif depth <= 2 and target != submission.RECEIPT or target.endswith(".ipynb"):
            yield _Candidate(2, copy, False, case, depth, member.name, member, target)


def _plain(name: str) -> str:
    """A name as it would be after unpacking: one form of each letter, no drive, no leading or doubled slashes."""
    parts = unicodedata.normalize("NFC", re.sub(r"^[A-Za-z]:", "", name)).split("/")
    return "/".join(part for part in parts if part not in ("", "."))


def _is_copy(name: str, original: str) -> bool:
    """Whether a name is what programs call a copy of `original`: "knn (1).ipynb", "Copy of knn.ipynb"."""
    (stem, _, ending), (original_stem, _, original_ending) = name.rpartition("."), original.rpartition(".")
    near = ending == original_ending and original_stem in stem and len(stem) < len(original_stem) + 20
    match = _COPY.fullmatch(stem) if near and original != submission.RECEIPT else None
    return match is not None and match["stem"] == original_stem


def _common_end(parts: list[str], others: list[str]) -> int:
    count = 0
    for a, b in zip(reversed(parts), reversed(others), strict=False):
        if a != b:
            break
        count += 1
    return count


def _read_best(target: str, candidates: list[_Candidate], remarks: list[str]) -> bytes | None:
    """The bytes of the best candidate, or None with a remark."""
    best = candidates[0]
    if best.member.link:
        raise Refused(f"{short(best.name)} is a link, not a file.")
    try:
        data = best.member.read(submission.LARGEST[PurePosixPath(target).suffix])
        _require_unambiguous(best, candidates[1:], data)
    except Unreadable as error:
        remarks.append(f"{error}, so it was ignored.")
        return None
    if best.rank or best.copy or PurePosixPath(_plain(best.name)).name != PurePosixPath(target).name:
        remarks.append(f"{short(best.name)} was used as {target}.")
    others = sorted({short(candidate.name) for candidate in candidates[1:]} - {short(best.name)})
    if others:
        remarks.append(f"{target} was submitted more than once: {short(best.name)} was used, not {listed(others, 3)}.")
    return data


def _require_unambiguous(best: _Candidate, others: list[_Candidate], data: bytes) -> None:
    """Raise if a file of the same name has other content: which one is unpacked depends on the system.

    Of names that differ in case, that of the course counts, if one of them is.
    """
    name = _plain(best.name)
    for other in others:
        same = _plain(other.name).casefold() == name.casefold() and other.case == best.case
        if same and not _has_content(other.member, data):
            if _plain(other.name) != name:
                names = f"{short(best.name)} and {short(other.name)}"
                raise Unreadable(f"{names} differ in case only, and in content")
            raise Refused(f"It contains {short(best.name)} twice, with different contents.")


def _has_content(member: Member, data: bytes) -> bool:
    try:
        return not member.link and member.read(len(data)) == data
    except Unreadable:  # it is longer, or damaged
        return False


# ---- files with another name


def _add_recognised(
    members: list[Member], assignment: str, by_target: dict[str, list[_Candidate]], remarks: list[str]
) -> None:
    """Add files that are those of the course by their content, where none has the name."""
    known = {candidate.name for candidates in by_target.values() for candidate in candidates}
    allowance = Allowance(RECOGNITION_SECONDS)
    missing = [name for name in submission.allowed(assignment) if name not in by_target]
    for ending in LONE:
        targets = [name for name in missing if name.endswith(ending)]
        files = [m for m in members if m.name.lower().endswith(ending) and m.name not in known and not m.link]
        files = [m for m in files if not _is_skipped(m.name) and not _is_of_course(m.name)] if targets else []
        found: dict[str, list[Member]] = {}
        for member in files[:MOST_RECOGNISED]:
            found.setdefault(_recognise(member, targets, submission.LARGEST[ending], allowance), []).append(member)
        for target in filter(found.get, targets):
            _take_recognised(target, found[target], by_target, remarks)


def _is_of_course(name: str) -> bool:
    """Whether a file has the name of a notebook, such as those of other assignments that were packed as well."""
    path = PurePosixPath(name)
    return path.suffix == ".ipynb" and path.stem in NOTEBOOKS | COMPANIONS or path.name == "__init__.py"


def _recognise(member: Member, targets: list[str], most: int, allowance: Allowance) -> str:
    """The target that a member is by its content; "" if it is none, or cannot be read."""
    try:
        return json.loads(confined(recognised, member.read(most), targets, allowance=allowance))
    except (Unreadable, TooCostlyError):
        return ""


def _take_recognised(
    target: str, found: list[Member], by_target: dict[str, list[_Candidate]], remarks: list[str]
) -> None:
    if len(found) > 1:
        names = listed(member.name for member in found)
        remarks.append(f"{target} is missing, and each of {names} could be it by its content: none was used.")
        return
    name = found[0].name
    by_target[target] = [_Candidate(3, False, False, False, name.count("/") + 1, name, found[0], target)]
