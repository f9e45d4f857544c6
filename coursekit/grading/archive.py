"""Open what learners handed in: find the submissions in a folder, and read one under caps.

Nothing is written to disk, and no name in an archive is ever used as a path: the files that may be handed in are looked
for among the names, read in memory, and given back under our own names. What cannot be read safely is `Refused`.
"""

import io
import json
import os
import re
import stat
import unicodedata
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from hashlib import sha256
from pathlib import Path, PurePosixPath

from coursekit import handin

LARGEST_ARCHIVE = 250_000_000  # bytes: a folder zipped with its environment and CIFAR-10 by mistake is near this
LARGEST_INNER = 100_000_000  # bytes of a zip within a zip, which is read in memory
MOST_MEMBERS = 50_000  # an environment that was zipped along has 20,000 files
LARGEST_TOTAL = 200_000_000  # bytes read from one submission, all files together
RATIO, RATIO_FROM = 500, 1_000_000  # a text packs to a tenth; what packs to a five-hundredth was made to
LONGEST_NAME = 1_000  # characters
DEEPEST = 1  # zips within zips: systems that collect hand-ins pack a zip once more, not twice

_SIGNATURE = b"PK\x01\x02"  # begins each entry of a zip's directory
_OTHER_ARCHIVES = {
    ".tar": "a tar archive",
    ".gz": "a gzip archive",
    ".tgz": "a gzip archive",
    ".bz2": "a bzip2 archive",
    ".xz": "an xz archive",
    ".7z": "a 7-Zip archive",
    ".rar": "a RAR archive",
}
_CANVAS = re.compile(r"(?P<name>.+?)(?P<late>_LATE)?_(?P<user>\d+)_(?P<file>\d+)_(?P<original>.+)", re.IGNORECASE)
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
_EXPECTED_BESIDE = re.compile(r"assignment\d+_answers\.(html|pdf)|manifest\.json|\.ds_store|thumbs\.db|desktop\.ini")


class Refused(Exception):
    """A submission, or one file of it, that cannot be taken; the message says why in plain words."""


@dataclass(frozen=True)
class Source:
    """Where one submission lies.

    Parameters
    ----------
    id : str
        Safe as a file name on every system, and the same each time.
    name : str
        What a person reads: the learner's name or the file's.
    path : Path
        A zip or a folder.
    learner : dict
        What the collecting system tells about the learner: "name", "user", "email", "late", each where it is known.
    inside : str
        The member of the zip at `path` that is the submission, for a zip of zips.
    remarks : tuple of str
    """

    id: str
    name: str
    path: Path
    learner: dict = field(default_factory=dict)
    inside: str = ""
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Opened:
    """What came in one submission.

    `files` maps names of the allow-list to bytes; the receipt is taken out of it. `sha256` is that of the zip, or of
    all files of a folder. `receipt` is None, or has "verified", "problems", and "questions" (what the learner saw).
    """

    files: dict[str, bytes]
    remarks: list[str]
    sha256: str
    receipt: dict | None = None


@dataclass(frozen=True)
class _Member:
    name: str  # as it came, with "/"
    read: Callable  # of the most bytes it may have: bytes, or Refused
    link: bool = False
    modified: tuple = ()


@dataclass(frozen=True, order=True)
class _Candidate:
    """A member that may be the file `target`; the smallest is the best."""

    rank: int  # 0: the whole name fits, 1: its end fits, 2: the bare name fits
    copy: bool  # knn (1).ipynb
    elsewhere: bool  # not where most files are
    depth: int
    name: str
    member: _Member = field(compare=False)
    target: str = field(compare=False, default="")
    top: str = field(compare=False, default="")


# ---- find the submissions


def find_submissions(folder):
    """The submissions in a folder, ordered by id: zips, folders, and what Canvas and Gradescope hand out.

    Of two hand-ins of one learner the later counts, with a remark.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder; give the one that holds the submissions.")
    metadata = next((path for path in sorted(folder.glob("**/submission_metadata.y*ml"))[:1]), None)
    sources = _from_gradescope(metadata) if metadata else _from_folder(folder)
    return sorted(_distinct(_latest(sources)), key=lambda source: source.id)


def _from_folder(folder):
    found = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith((".", "__")) or path.is_symlink():
            continue
        inner = _inner_zips(path)
        if inner:
            found += [_source(path, PurePosixPath(name).name, inside=name) for name in inner]
        elif path.is_dir() or _may_be_submission(path):
            found.append(_source(path, path.name))
    return found


def _may_be_submission(path):
    known = {".zip", ".ipynb", ".py", *_OTHER_ARCHIVES}
    return path.suffix.lower() in known or bool(_CANVAS.fullmatch(path.stem))


def _inner_zips(path):
    """The zips in a zip that holds nothing else, as Canvas packs a class; [] for any other path."""
    if path.suffix.lower() != ".zip" or path.is_dir():
        return []
    try:
        with path.open("rb") as file, _zip(file) as archive:
            names = [info.filename for info in archive.infolist() if not info.is_dir()]
    except Refused:
        return []  # opened as a submission, it is refused with the reason
    names = [name for name in names if not name.startswith("__MACOSX/")]
    several = len(names) > 1 or any(_CANVAS.fullmatch(PurePosixPath(name).stem) for name in names)
    return names if several and all(name.lower().endswith(".zip") for name in names) else []


def _source(path, filename, inside=""):
    stem = filename[: -len(".zip")] if filename.lower().endswith(".zip") else filename
    canvas = _CANVAS.fullmatch(stem)
    if not canvas:
        return Source(_identifier(stem), stem, path, {"name": stem}, inside)
    name, user = canvas["name"], canvas["user"]
    learner = {"name": name, "user": user, "late": bool(canvas["late"]), "order": int(canvas["file"])}
    return Source(_identifier(f"{name}_{user}"), name, path, learner, inside)


def _identifier(name):
    """A name that is safe as a file name; what had to be changed is told apart by a hash."""
    safe = re.sub(r"[^a-z0-9_-]+", "_", unicodedata.normalize("NFKD", name).lower())[:60].strip("_") or "submission"
    return safe if safe == name else f"{safe}-{sha256(name.encode(errors='replace')).hexdigest()[:8]}"


def _from_gradescope(metadata):
    """The submissions of a Gradescope export: a folder for each, and one file that says whose they are."""
    try:
        entries = _read_yaml(metadata)
    except Exception as error:  # whatever a YAML reader raises: the folders are there without it
        entries = {}
        lost = (f"{metadata.name} cannot be read ({type(error).__name__}), so the learner's name is not known.",)
    else:
        lost = ()
    return [
        _gradescope_source(path, entries.get(path.name), lost)
        for path in sorted(metadata.parent.iterdir())
        if path.is_dir() and not path.is_symlink() and path.name.startswith("submission_")
    ]


def _gradescope_source(path, entry, remarks):
    people = [{str(k).strip(":"): v for k, v in person.items()} for person in _submitters(entry)]
    names = ", ".join(str(person.get("name")) for person in people if person.get("name"))
    learner = {"name": names or path.name, "order": _created(entry)}
    for ours, theirs in (("email", "email"), ("user", "sid")):
        values = [str(person[theirs]) for person in people if person.get(theirs)]
        if values:
            learner[ours] = ", ".join(values)
    return Source(_identifier(path.name), names or path.name, path, learner, "", remarks)


def _submitters(entry):
    people = entry.get(":submitters") if isinstance(entry, dict) else None
    return [person for person in people or [] if isinstance(person, dict)]


def _created(entry):
    return str(entry.get(":created_at", "")) if isinstance(entry, dict) else ""


def _read_yaml(path):
    """Gradescope's YAML, with its Ruby tags read as plain values."""
    import yaml  # comes with Jupyter

    class Loader(yaml.SafeLoader):
        pass

    def plain(loader, _, node):
        if isinstance(node, yaml.MappingNode):
            return loader.construct_mapping(node, deep=True)
        return loader.construct_sequence(node) if isinstance(node, yaml.SequenceNode) else loader.construct_scalar(node)

    Loader.add_multi_constructor("!ruby/", plain)
    entries = yaml.load(path.read_bytes(), Loader)  # a SafeLoader: it makes plain values only
    return entries if isinstance(entries, dict) else {}


def _latest(sources):
    """Of several hand-ins of one learner the last; without a learner's number each counts."""
    by_learner = {}
    for source in sources:
        key = (source.learner.get("user") or source.learner.get("email") or (str(source.path), source.inside),)
        by_learner.setdefault(key, []).append(source)
    for several in by_learner.values():
        *earlier, last = sorted(several, key=lambda source: (source.learner.get("order", 0), _label(source)))
        last.learner.pop("order", None)
        said = tuple(f"An earlier hand-in of the same learner, {_label(source)}, was left aside." for source in earlier)
        yield Source(last.id, last.name, last.path, last.learner, last.inside, last.remarks + said)


def _label(source):
    return PurePosixPath(source.inside).name or source.path.name


def _distinct(sources):
    """The same sources, with a hash of the place added to an id that two of them have."""
    sources = list(sources)
    count = Counter(source.id for source in sources)
    for source in sources:
        place = sha256(f"{source.path.name}/{source.inside}".encode(errors="replace")).hexdigest()[:8]
        new = source.id if count[source.id] == 1 else f"{source.id}-{place}"
        yield Source(new, source.name, source.path, source.learner, source.inside, source.remarks)


# ---- open one


def open_submission(source, assignment):
    """Read a submission in memory, an `Opened`.

    Raises
    ------
    Refused
        If it cannot be read, or not safely.
    """
    try:
        return _open(source, assignment)
    except Refused:
        raise
    except Exception as error:  # the readers of archives raise many kinds, and none may stop the class
        raise Refused(f"It cannot be read ({type(error).__name__}: {error}).") from error


def _open(source, assignment):
    remarks, budget = list(source.remarks), _Budget(LARGEST_TOTAL)
    if source.path.is_dir():
        files = _take(_folder_members(source.path), assignment, remarks, budget)
        listing = json.dumps({name: handin.digest(data) for name, data in files.items()}, sort_keys=True)
        return _opened(files, remarks, handin.digest(listing.encode()))
    with source.path.open("rb") as file:
        if source.inside:
            with _zip(file) as archive:
                data = _read_zipped(archive, archive.getinfo(source.inside), LARGEST_INNER, budget)
            files = _take_bytes(data, assignment, remarks, 0)
            return _opened(files, remarks, handin.digest(data))
        _require_zip(file, source.path)
        digest = _digest_of(file)
        return _opened(_take_zip(file, assignment, remarks, budget, 0), remarks, digest)


def _opened(files, remarks, digest):
    receipt = files.pop(handin.RECEIPT, None)
    return Opened(files, remarks, digest, None if receipt is None else _verify(receipt, files, remarks))


def _verify(data, files, remarks):
    try:
        receipt = handin.read_receipt(data)
    except ValueError as error:
        remarks.append(f"{str(error).capitalize()}.")
        return {"verified": False, "problems": [str(error)], "questions": {}}
    problems = handin.receipt_problems(receipt, files)
    return {"verified": not problems, "problems": problems, "questions": receipt["questions"]}


class _Budget:
    """The bytes that may still be read from a submission."""

    def __init__(self, left):
        self.left = left

    def spend(self, count):
        self.left -= count
        if self.left < 0:
            raise Refused(f"It unpacks to more than {LARGEST_TOTAL // 1_000_000} MB.")


def _require_zip(file, path):
    size = os.fstat(file.fileno()).st_size
    kind = _OTHER_ARCHIVES.get(path.suffix.lower())
    if kind and not zipfile.is_zipfile(file):
        raise Refused(f"It is {kind} ({path.name}); a zip is wanted, as `python -m coursekit submit` makes it.")
    if size > LARGEST_ARCHIVE:
        raise Refused(
            f"It has {size / 1e6:.0f} MB, more than {LARGEST_ARCHIVE // 1_000_000}: was the environment or the data "
            "packed along? `python -m coursekit submit` leaves them out."
        )
    if size == 0:
        raise Refused("It is empty: 0 bytes came.")
    file.seek(0)
    if not file.read(4).startswith(b"PK") and path.suffix.lower() != ".zip":
        raise Refused(f"It is a single file ({path.name}); a zip is wanted, as `python -m coursekit submit` makes it.")


def _digest_of(file):
    file.seek(0)
    hashed = sha256()
    while chunk := file.read(1 << 20):
        hashed.update(chunk)
    return hashed.hexdigest()


def _take_bytes(data, assignment, remarks, depth):
    return _take_zip(io.BytesIO(data), assignment, remarks, _Budget(LARGEST_TOTAL), depth)


def _take_zip(file, assignment, remarks, budget, depth):
    with _zip(file) as archive:
        members = list(_zip_members(archive, budget))
        inner = [member for member in members if member.name.lower().endswith(".zip") and not _is_skipped(member.name)]
        if inner and not any(_candidates(members, assignment)):
            return _take_inner(inner, assignment, remarks, depth)
        return _take(members, assignment, remarks, budget)


def _take_inner(inner, assignment, remarks, depth):
    if len(inner) > 1:
        raise Refused(f"It holds {len(inner)} zips and none of the assignment's files; which one is meant?")
    if depth == DEEPEST:
        raise Refused("It is a zip in a zip in a zip.")
    remarks.append(f"The zip held another zip, {_short(inner[0].name)}, which was opened.")
    return _take_bytes(inner[0].read(LARGEST_INNER), assignment, remarks, depth + 1)


@contextmanager
def _zip(file):
    """Open a zip after a look at the number of its members, which an archive can make costly to list."""
    if _count(file, _SIGNATURE) > MOST_MEMBERS:
        raise Refused(f"It holds more than {MOST_MEMBERS} files: was the environment packed along?")
    try:
        archive = zipfile.ZipFile(file)
    except Exception as error:  # BadZipFile, struct.error, NotImplementedError, ...
        raise Refused(
            f"It is not a zip that can be opened; a damaged or broken-off upload looks so ({error})."
        ) from error
    with archive:
        yield archive


def _count(file, signature):
    file.seek(0)
    count, tail = 0, b""
    while chunk := file.read(1 << 20):
        count += (tail + chunk).count(signature)
        tail = chunk[1 - len(signature) :]
    file.seek(0)
    return count


def _zip_members(archive, budget):
    for info in archive.infolist():
        _require_plain_name(info.orig_filename)
        if not info.is_dir():
            yield _Member(
                info.filename.replace("\\", "/"),
                lambda most, info=info: _read_zipped(archive, info, most, budget),
                stat.S_ISLNK(info.external_attr >> 16),
                info.date_time,
            )


def _require_plain_name(name):
    parts = name.replace("\\", "/").split("/")
    if ".." in parts:
        raise Refused(f"A name in it points out of its folder: {_short(name)}.")
    if "\0" in name or len(name) > LONGEST_NAME:
        raise Refused(f"A name in it is not one that a file can have: {_short(name)}.")


def _short(name):
    shown = name if len(name) <= 80 else f"{name[:40]}...{name[-37:]}"
    return ascii(shown)[1:-1] if any(not char.isprintable() for char in shown) else shown


def _read_zipped(archive, info, most, budget):
    """The bytes of a member, counted while they are read: what a zip says about sizes is not believed."""
    if info.flag_bits & 1:
        raise Refused("It is locked with a password.")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise _Unreadable(f"is packed in an unusual way (method {info.compress_type}); zip it the ordinary way")
    chunks, count = [], 0
    try:
        with archive.open(info) as member:
            while chunk := member.read(1 << 18):
                count += len(chunk)
                budget.spend(len(chunk))
                if count > RATIO_FROM and count > RATIO * max(info.compress_size, 1):
                    raise Refused(f"{_short(info.filename)} is a bomb: it unpacks to over {RATIO} times its size.")
                if count > most:
                    raise _Unreadable(f"has more than {most / 1e6:g} MB")
                chunks.append(chunk)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, ValueError) as error:
        raise _Unreadable(f"is damaged ({error})") from error
    return b"".join(chunks)


class _Unreadable(Refused):
    """One file that cannot be taken, while the others can."""


def _folder_members(folder):
    for count, path in enumerate(_walk(folder)):
        if count == MOST_MEMBERS:
            raise Refused(f"It holds more than {MOST_MEMBERS} files: was the environment packed along?")
        mode = path.lstat()
        yield _Member(
            path.relative_to(folder).as_posix(),
            lambda most, path=path: _read_plain(path, most),
            not stat.S_ISREG(mode.st_mode),
            tuple(datetime.fromtimestamp(max(mode.st_mtime, 0)).timetuple()[:6]),
        )


def _walk(folder):
    for place, folders, names in os.walk(folder, followlinks=False):
        folders.sort()
        yield from (Path(place, name) for name in sorted(names))


def _read_plain(path, most):
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(handle, "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise _Unreadable(f"has more than {most / 1e6:g} MB")
    return data


# ---- find the assignment's files among what came


def _take(members, assignment, remarks, budget):
    """The files of the allow-list among the members: bytes by our names."""
    members = list(members)
    by_target = {}
    for candidate in _candidates(members, assignment):
        by_target.setdefault(candidate.target, []).append(candidate)
    if not any(target != handin.RECEIPT for target in by_target):
        raise Refused(f"None of the files of {assignment} is in it.{_what_came(members)}")
    files, used = {}, set()
    for target in sorted(by_target):
        candidates = sorted(by_target[target])
        used |= {candidate.name for candidate in candidates}
        data = _read_best(target, candidates, remarks)
        if data is not None:
            files[target] = data
    _remark_others([member for member in members if member.name not in used], remarks)
    return files


def _what_came(members):
    names = [_short(member.name) for member in members if not _is_skipped(member.name)][:5]
    return f" It holds: {', '.join(names)}." if names else ""


def _remark_others(members, remarks):
    other = [member for member in members if not _is_skipped(member.name) and not _is_expected(member.name)]
    if other:
        names = ", ".join(_short(member.name) for member in other[:5])
        remarks.append(f"Not on the list of files to hand in, so not taken: {names}{_and_more(len(other) - 5)}.")


def _and_more(count):
    return f" and {count} more" if count > 0 else ""


def _is_expected(name):
    """Whether a file that is not taken needs no words: the course's own, or a system's."""
    parts = PurePosixPath(name.lower()).parts
    given = {"cs231n", "assignments"} & set(parts) or parts[-1] in ("makefile", "readme.md", "requirements.lock")
    return bool(given) and parts[-1].endswith((".ipynb", "__init__.py")) or bool(_EXPECTED_BESIDE.fullmatch(parts[-1]))


def _is_skipped(name):
    parts = name.lower().split("/")
    return bool(_NOT_LOOKED_INTO & set(parts)) or parts[-1].startswith("._")


def _candidates(members, assignment):
    """All ways in which members can be files of the allow-list, each with its rank."""
    targets = [name for name in handin.allowed(assignment) if name != handin.WEIGHTS]
    found = [c for member in members if not _is_skipped(member.name) for c in _fits(member, targets)]
    tops = Counter(candidate.top for candidate in found if candidate.rank == 0)
    top = min(tops, key=lambda top: (-tops[top], top.count("/"), top), default="")
    for c in found:
        yield _Candidate(c.rank, c.copy, c.top != top, c.depth, c.name, c.member, c.target, c.top)


def _fits(member, targets):
    parts = _plain(member.name).split("/")
    depth, last = len(parts), parts[-1]
    if fnmatchcase("/".join(parts[-3:]).casefold(), handin.WEIGHTS) and re.fullmatch(r"[\w.-]{1,80}", last, re.ASCII):
        yield _Candidate(0, False, False, depth, member.name, member, f"cs231n/saved/{last}", "/".join(parts[:-3]))
    folded = [part.casefold() for part in parts]
    for target in targets:
        wanted = target.casefold().split("/")
        copy = folded[-1] != wanted[-1]
        if copy and not _is_copy(folded[-1], wanted[-1]):
            continue
        common = _common_end(folded[:-1], wanted[:-1])
        if common == len(wanted) - 1:
            top = "/".join(parts[: depth - len(wanted)])
            yield _Candidate(0, copy, False, depth, member.name, member, target, top)
        elif common:
            yield _Candidate(1, copy, False, depth, member.name, member, target)
        elif depth <= 2 and target != handin.RECEIPT or target.endswith(".ipynb"):
            yield _Candidate(2, copy, False, depth, member.name, member, target)


def _plain(name):
    """A name as it would be after unpacking: one form of each letter, no drive, no leading or doubled slashes."""
    parts = unicodedata.normalize("NFC", re.sub(r"^[A-Za-z]:", "", name)).split("/")
    return "/".join(part for part in parts if part not in ("", "."))


def _is_copy(name, wanted):
    """Whether a name is what programs make of `wanted` for a copy: "knn (1).ipynb", "Copy of knn.ipynb"."""
    (stem, _, ending), (wanted_stem, _, wanted_ending) = name.rpartition("."), wanted.rpartition(".")
    near = ending == wanted_ending and wanted_stem in stem and len(stem) < len(wanted_stem) + 20
    match = _COPY.fullmatch(stem) if near and wanted != handin.RECEIPT else None
    return bool(match) and match["stem"] == wanted_stem


def _common_end(parts, wanted):
    count = 0
    for a, b in zip(reversed(parts), reversed(wanted), strict=False):
        if a != b:
            break
        count += 1
    return count


def _read_best(target, candidates, remarks):
    """The bytes of the best candidate, or None with a remark."""
    best = candidates[0]
    if best.member.link:
        raise Refused(f"{_short(best.name)} is a link, not a file.")
    try:
        data = best.member.read(handin.LARGEST[PurePosixPath(target).suffix])
        _require_unambiguous(best, candidates[1:], data)
    except _Unreadable as error:
        remarks.append(f"{_short(best.name)} {error}, so it was not taken.")
        return None
    if best.rank or best.copy or PurePosixPath(_plain(best.name)).name != PurePosixPath(target).name:
        remarks.append(f"{_short(best.name)} was taken as {target}.")
    others = sorted({_short(candidate.name) for candidate in candidates[1:]} - {_short(best.name)})
    if others:
        listed = ", ".join(others[:3]) + _and_more(len(others) - 3)
        remarks.append(f"{target} came more than once: {_short(best.name)} was taken, not {listed}.")
    return data


def _require_unambiguous(best, others, data):
    """Raise if a file of the very same name came with another content: which one is meant depends on the system."""
    for other in others:
        same = _plain(other.name).casefold() == _plain(best.name).casefold()
        if same and (other.member.link or other.member.read(len(data) + 1) != data):
            raise Refused(f"{_short(best.name)} is in it twice, with different contents.")
