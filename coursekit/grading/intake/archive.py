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
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from coursekit.core.question import Status
from coursekit.grading.intake.confined import Allowance, TooCostlyError, confined
from coursekit.grading.intake.likeness import recognised
from coursekit.grading.intake.platforms.attempt import LONE
from coursekit.grading.intake.sources import Source, find_submissions
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
    shown_name,
    zip_members,
)
from coursekit.learner import submission
from coursekit.questions import ASSIGNMENTS, COMPANIONS, NOTEBOOKS, declared

__all__ = ["Opened", "Refused", "Source", "find_submissions", "open_submission"]

LARGEST_INNER = 100_000_000  # bytes of a zip within a zip, which is read in memory
MOST_WEIGHTS = 20  # files of saved weights; an assignment saves at most four
MOST_RECOGNISED = 10  # files that are looked into because none has the name of a missing one
RECOGNITION_SECONDS = 20  # of processor time for these files together
MOST_ZIPS = 20  # that are handed in as one submission
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
    rf"({'|'.join(ASSIGNMENTS)})_answers\.(html|pdf)|manifest\.json|\.ds_store|thumbs\.db|desktop\.ini"
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

    place: int  # of its zip, among several that were handed in together
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
    with ExitStack() as stack:
        pick = _Pick(assignment, remarks, budget, stack)
        if source.parts:
            return _from_parts(source, pick)
        if source.path.is_dir():
            return _from_members(list(folder_members(source.path, budget)), pick)
        if source.path.suffix.lower() in LONE:
            return _from_members([Member(source.path.name, partial(read_file, source.path, budget))], pick)
        file = stack.enter_context(source.path.open("rb"))
        if source.inside.endswith("/") or not source.inside and source.digest:
            return _from_members(_members_below(_class_zip(file, pick), source.inside, budget), pick)
        if not source.inside:
            return _opened(pick.from_zip(file), remarks, _digest_of(file))
        archive = _class_zip(file, pick)
        inside = _info(archive, source.inside)
        if PurePosixPath(source.inside).suffix.lower() in LONE:
            name = PurePosixPath(source.inside).name
            return _from_members([Member(name, partial(read_zipped, archive, inside, budget))], pick)
        inner = io.BytesIO(read_zipped(archive, inside, Budget(), LARGEST_INNER))
        return _opened(pick.from_zip(inner), remarks, _digest_of(inner))


def _class_zip(file: BinaryIO, pick: "_Pick") -> zipfile.ZipFile:
    """The zip of a class, open as long as files are picked."""
    return pick.stack.enter_context(open_zip(file, of_class=True))


def _info(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    """The member of a zip with a name as it is shown; the last one, as unpacking would have it."""
    found = [info for info in archive.infolist() if shown_name(info) == name]
    if not found:
        raise Refused(f"{short(name)} is no longer in the zip of the class.")
    return found[-1]


def _members_below(archive: zipfile.ZipFile, folder: str, budget: Budget) -> list[Member]:
    """The files in a folder of a class's zip, named from there."""
    infos = [info for info in archive.infolist() if shown_name(info).startswith(folder)]
    members = zip_members(archive, budget, infos)
    return [replace(member, name=member.name[len(folder) :]) for member in members]


def _from_parts(source: Source, pick: "_Pick") -> Opened:
    """Files that were handed in together, without a folder of their own: the names are the learner's."""
    members = _members_of_folder(source, pick) if source.path.is_dir() else _members_of_zip(source, pick)
    pick.is_ordered = True
    opened = _from_members(members, pick)
    zips = [member for member in members if member.name.lower().endswith(".zip")]
    if len(zips) != 1:
        return opened
    return replace(opened, sha256=submission.digest(zips[0].read(LARGEST_INNER)))


def _members_of_folder(source: Source, pick: "_Pick") -> list[Member]:
    for path in (source.path / name for name, _ in source.parts):
        if not path.is_symlink():
            require_readable(path)
    return [
        Member(original, partial(read_file, source.path / name, pick.budget), (source.path / name).is_symlink())
        for name, original in source.parts
    ]


def _members_of_zip(source: Source, pick: "_Pick") -> list[Member]:
    archive = _class_zip(pick.stack.enter_context(source.path.open("rb")), pick)
    named = [(original, _info(archive, name)) for name, original in source.parts]
    return [Member(original, partial(read_zipped, archive, info, pick.budget)) for original, info in named]


def _from_members(members: list[Member], pick: "_Pick") -> Opened:
    files = pick.from_members(members)
    listing = json.dumps({name: submission.digest(data) for name, data in files.items()}, sort_keys=True)
    return _opened(files, pick.remarks, submission.digest(listing.encode()))


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
    return question_id in declared() and status in list(Status)


def _digest_of(file: BinaryIO) -> str:
    file.seek(0)
    hashed = sha256()
    while chunk := file.read(1 << 20):
        hashed.update(chunk)
    return hashed.hexdigest()


# ---- find the assignment's files


@dataclass
class _Pick:
    """The files of the allow-list among what was handed in.

    `is_ordered` says that several zips were handed in as one submission, the preferred one first. Zips stay open as
    long as the `stack`.
    """

    assignment: str
    remarks: list[str]
    budget: Budget
    stack: ExitStack
    is_ordered: bool = False

    def from_zip(self, file: BinaryIO, depth: int = 0) -> dict[str, bytes]:
        """The files in a zip: bytes by the course's names."""
        return self.from_members(self._members_of(file), depth)

    def _members_of(self, file: BinaryIO) -> list[Member]:
        return list(zip_members(self.stack.enter_context(open_zip(file)), self.budget))

    def from_members(self, members: list[Member], depth: int = 0) -> dict[str, bytes]:
        """The files among the members, or in the zips among them: bytes by the course's names."""
        by_target = self._by_target(members)
        inner = [member for member in members if member.name.lower().endswith(".zip") and not is_skipped(member.name)]
        is_tree = any(found[0].rank == 0 for target, found in by_target.items() if target != submission.RECEIPT)
        if inner and not is_tree:
            return self._from_inner(members, inner, bool(set(by_target) - {submission.RECEIPT}), depth)
        return self._read(members, by_target)

    def _by_target(self, members: list[Member]) -> dict[str, list[_Candidate]]:
        by_target: dict[str, list[_Candidate]] = {}
        for candidate in _candidates(members, self.assignment):
            by_target.setdefault(candidate.target, []).append(candidate)
        _add_recognised(members, self.assignment, by_target, self.remarks)
        return {target: sorted(found) for target, found in by_target.items()}

    def _from_inner(self, members: list[Member], inner: list[Member], is_loose: bool, depth: int) -> dict[str, bytes]:
        """The files in zips that were handed in, and loose ones beside them that the zips lack."""
        if depth == DEEPEST:
            raise Refused("It is a zip in a zip in a zip.")
        loose = [replace(member, place=len(inner)) for member in members if member not in inner]
        if len(inner) == 1 and not is_loose:
            return self._from_one(inner[0], loose, depth)
        opened = [self._unpacked(member, place, is_loose) for place, member in enumerate(inner[:MOST_ZIPS])]
        is_unclear = len(inner) > MOST_ZIPS or not self.is_ordered and self._overlap(opened, is_loose)
        if is_unclear and not is_loose:
            none = " and none of the assignment's files"
            raise Refused(f"It contains {len(inner)} zips{none}; which zip is the submission?")
        if is_unclear:
            return self._read(members, self._by_target(members))
        together = [member for unpacked in opened for member in unpacked] + loose
        self.remarks.append(f"Opened, and put together: {listed(member.name for member in inner)}.")
        return self._read(together, self._by_target(together))

    def _from_one(self, member: Member, beside: list[Member], depth: int) -> dict[str, bytes]:
        self.remarks.append(f"It contained another zip, {short(member.name)}, which was opened.")
        files = self.from_zip(io.BytesIO(member.read(LARGEST_INNER)), depth + 1)
        _remark_others(beside, self.remarks)
        return files

    def _overlap(self, opened: list[list[Member]], is_loose: bool) -> bool:
        """Whether several zips hold the same file of the course, or one of them holds none: a copy, or another's.

        Beside loose files, one that holds none does not matter.
        """
        found = [{c.target for c in _candidates(members, self.assignment)} for members in opened]
        targets = [names - {submission.RECEIPT} for names in found]
        return not (is_loose or all(targets)) or sum(map(len, targets)) > len(set().union(*targets))

    def _unpacked(self, member: Member, place: int, is_loose: bool) -> list[Member]:
        """The files in a zip; none if it cannot be opened, and others were handed in with it."""
        name = short(member.name)
        try:
            inner = self._members_of(io.BytesIO(member.read(LARGEST_INNER)))
        except Refused as refused:
            if not (self.is_ordered or is_loose):
                raise
            self.remarks.append(f"{name} cannot be opened: {refused}")
            return []
        return [replace(found, origin=name, place=place) for found in inner]

    def _read(self, members: list[Member], by_target: dict[str, list[_Candidate]]) -> dict[str, bytes]:
        """The bytes of the best candidate for each file; `Refused` if there is none."""
        if not set(by_target) - {submission.RECEIPT}:
            raise Refused(f"It contains none of the files of {self.assignment}.{_contents(members)}")
        files: dict[str, bytes] = {}
        weights = [target for target in sorted(by_target) if target.endswith(".npz")]
        for target in sorted(set(by_target) - set(weights[MOST_WEIGHTS:])):
            data = _read_best(target, by_target[target], self.remarks)
            if data is not None:
                files[target] = data
        if not set(files) - {submission.RECEIPT}:
            raise Refused(f"None of its files can be read. {self.remarks[-1]}")
        missing = [name for name in submission.required(self.assignment) if name not in by_target]
        if missing:
            self.remarks.append(f"Missing: {', '.join(missing)}.")
        used = {id(candidate.member) for found in by_target.values() for candidate in found}
        _remark_others([member for member in members if id(member) not in used], self.remarks)
        return files


def _contents(members: list[Member]) -> str:
    names = listed(member.name for member in members if not is_skipped(member.name))
    return f" Its files: {names}." if names else ""


def _remark_others(members: list[Member], remarks: list[str]) -> None:
    other = [member for member in members if not is_skipped(member.name) and not _is_expected(member.name)]
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


def is_skipped(name: str) -> bool:
    """Whether a file is never read, whatever it holds: it lies in an environment, or belongs to a system."""
    parts = name.lower().split("/")
    return bool(_NOT_LOOKED_INTO & set(parts)) or parts[-1].startswith("._")


def _candidates(members: list[Member], assignment: str) -> list[_Candidate]:
    """All ways in which members can be files of the allow-list, each with its rank."""
    targets = [name for name in submission.allowed(assignment) if name != submission.WEIGHTS]
    found = [c for member in members if not is_skipped(member.name) for c in _matches(member, targets)]
    return [replace(candidate, elsewhere=candidate.top != _main_top(candidate.place, found)) for candidate in found]


def _main_top(place: int, found: list[_Candidate]) -> str:
    """The folder of most files, among those of one zip."""
    tops = Counter(candidate.top for candidate in found if candidate.rank == 0 and candidate.place == place)
    return min(tops, key=lambda top: (-tops[top], top.count("/"), top), default="")


def _matches(member: Member, targets: list[str]) -> Iterator[_Candidate]:
    parts = _plain(member.name).split("/")
    depth, last = len(parts), parts[-1]
    if submission.is_weights("/".join(parts[-3:])):
        target, top = f"cs231n/saved/{last}", "/".join(parts[:-3])
        yield _Candidate(member.place, 0, False, False, False, depth, member.name, member, target, top)
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
            yield _Candidate(member.place, 0, copy, False, case, depth, member.name, member, target, top)
        elif common:
            yield _Candidate(member.place, 1, copy, False, case, depth, member.name, member, target)
        elif depth <= 2 and target != submission.RECEIPT or target.endswith(".ipynb"):
            yield _Candidate(member.place, 2, copy, False, case, depth, member.name, member, target)


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
    others = sorted({_shown(candidate) for candidate in candidates[1:]} - {_shown(best)})
    if others:
        remarks.append(f"{target} was submitted more than once: {_shown(best)} was used, not {listed(others, 3)}.")
    return data


def _shown(candidate: _Candidate) -> str:
    """A name, with that of the zip where the file comes from one of several."""
    name, origin = short(candidate.name), candidate.member.origin
    return f"{name} in {origin}" if origin else name


def _require_unambiguous(best: _Candidate, others: list[_Candidate], data: bytes) -> None:
    """Raise if a file of the same name has other content: which one is unpacked depends on the system.

    Of names that differ in case, that of the course counts, if one of them is.
    """
    name = _plain(best.name)
    for other in others:
        same = _plain(other.name).casefold() == name.casefold() and other.case == best.case
        same = same and other.place == best.place
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
        files = [m for m in files if not is_skipped(m.name) and not _is_of_course(m.name)] if targets else []
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
    by_target[target] = [
        _Candidate(found[0].place, 3, False, False, False, name.count("/") + 1, name, found[0], target)
    ]
