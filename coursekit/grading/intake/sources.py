"""Find the submissions in what a platform handed out: a folder, or a zip."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from coursekit.grading.intake.handed_out import HandedOut, handed_out
from coursekit.grading.intake.platforms import blackboard, brightspace, canvas, github, gradescope, moodle, plain
from coursekit.grading.intake.platforms.attempt import (
    ARCHIVES,
    LONE,
    Attempt,
    File,
    Found,
    Reader,
    ending,
    ignored,
    numbered,
)
from coursekit.grading.intake.platforms.pattern import Pattern
from coursekit.grading.intake.roster import Roster, matched, read_roster, roster_of
from coursekit.grading.intake.tables import TableError, decoded, table_of
from coursekit.grading.intake.text import clean, listed
from coursekit.grading.intake.zips import Refused

PLATFORMS: tuple[Reader, ...] = (gradescope, moodle, blackboard, brightspace, canvas, github)
DEEPEST = 6  # folders or zips that hold nothing but one more
_RESERVED = re.compile(r"con|prn|aux|nul|(com|lpt)\d")  # names that Windows keeps for itself
_NO_SUBMISSION = "they are not submissions (zips, folders, notebooks or modules)"
_HIDDEN = "their names are those of hidden files"
_BESIDE = (".npz", ".json")  # what belongs to loose notebooks and modules


@dataclass(frozen=True)
class Source:
    """Where one submission is.

    Parameters
    ----------
    id : str
        Safe as a file name on every system, and the same each time.
    name : str
        Shown to people: the learner's name, or the file's.
    path : Path
        A zip, a folder, or a lone notebook or module; with `parts`, the folder or the zip where they are.
    learner : dict
        What the collecting system says about the learner: "name", "user", "login", "number", "email", "late", each if
        it is known.
    inside : str
        The member of the zip at `path` that is the submission, for a zip of zips; with "/" at its end, a folder.
    remarks : tuple of str
    parts : tuple of (str, str)
        If it is not one file or folder: the files in `path` that are the submission together, those to be preferred
        first, each with the name that the learner gave it.
    time, attempt : str
        When it was handed in, and as which attempt, if that is known.
    handed : tuple of str
        The names under which the platform handed it out, the work first; that of a folder has "/" at its end.
    digest : str
        Of a submission in a zip: the same for the same content.
    """

    id: str
    name: str
    path: Path
    learner: dict[str, Any] = field(default_factory=dict)
    inside: str = ""
    remarks: tuple[str, ...] = ()
    parts: tuple[tuple[str, str], ...] = ()
    time: str = ""
    attempt: str = ""
    handed: tuple[str, ...] = ()
    digest: str = ""

    def about(self) -> dict[str, Any]:
        """The learner, with the time and the attempt."""
        known = {"time": self.time, "attempt": self.attempt}
        return self.learner | {key: value for key, value in known.items() if value}


class Survey(NamedTuple):
    """What is in the folder of a class.

    `sources` are the submissions; `others` says of each other file why it is none; `platform` is the name of what
    handed them out, "" if it is none; `notes` are sentences for the teacher, such as who is not on the list of the
    class, or handed in nothing; `handed` are the files and folders as they were handed out; `example` says what a
    pattern makes of the first name.
    """

    folder: Path
    sources: list[Source]
    others: dict[str, str]
    platform: str = ""
    notes: tuple[str, ...] = ()
    handed: HandedOut | None = None
    example: str = ""


def find_submissions(folder: str | Path) -> list[Source]:
    """The submissions in a folder, ordered by id: of a platform, or zips, folders and lone files.

    If a learner submitted several times, the last submission counts, with a remark.
    """
    return survey(folder).sources


def survey(folder: str | Path, pattern: str = "", roster: str | Path | None = None) -> Survey:
    """The submissions in a folder or a zip, as `find_submissions` gives them, and what else is there.

    Parameters
    ----------
    folder : Path
    pattern : str, optional
        A regular expression for names that no platform gives, see `platforms.pattern`.
    roster : Path, optional
        The list of the class, a CSV file.

    Raises
    ------
    ValueError
        If there is no such folder, or the pattern or the list is none.
    """
    folder = Path(folder).absolute()
    own = Pattern(pattern) if pattern else None
    people = read_roster(roster) if roster else None
    handed = handed_out(folder) if folder.is_dir() or folder.is_file() else None
    if handed is None:
        raise ValueError(f"{folder} is not a folder or a zip; give the folder that contains the submissions.")
    handed, outside = _innermost(handed, own)
    example = own.example(handed) if own else ""
    notes: tuple[str, ...] = ()
    reader, sources, others = _read(handed, own)
    if people is None and reader is github and (name := github.roster_in(handed)):
        people, told = _roster_beside(handed, name)
        notes += told
    if people:
        sources, more = _with_roster(sources, people)
        notes += more
    notes += _perhaps_doubled(sources)
    distinct = sorted(_distinct(sources), key=lambda source: source.id)
    return Survey(folder, distinct, outside | others, reader.NAME, notes, handed, example)


def _roster_beside(handed: HandedOut, name: str) -> tuple[Roster | None, tuple[str, ...]]:
    """The list of the class that lies beside the submissions, or None with what is wrong with it."""
    try:
        return roster_of(table_of(decoded(handed.read(name), name), name)), ()
    except (TableError, Refused, OSError) as error:
        return None, (f"{readable(name)} was not used: {readable(str(error))}",)


def _perhaps_doubled(sources: list[Source]) -> tuple[str, ...]:
    """Sentences about files whose names differ by a number that browsers add, and whose learner is not known."""
    named: dict[str, list[str]] = {}
    for source in sources:
        if set(source.learner) == {"name"} and len(source.handed) == 1:
            named.setdefault(numbered(source.handed[0])[0].casefold(), []).append(readable(source.handed[0]))
    groups = [listed(names) for names in named.values() if len(names) > 1]
    return tuple(f"Perhaps from one learner, but each is graded: {names}." for names in groups)


# ---- where the submissions are


def _reader(handed: HandedOut, own: Pattern | None) -> Reader:
    return next((reader for reader in ((own,) if own else PLATFORMS) if reader.is_mine(handed)), plain)


def _innermost(handed: HandedOut, own: Pattern | None) -> tuple[HandedOut, dict[str, str]]:
    """The folder or zip in which the submissions are, and what lies beside it on the way there."""
    outside: dict[str, str] = {}
    for _ in range(DEEPEST):
        inner = _only_one(handed) if _reader(handed, own) is plain else ""
        found = handed.folder(inner) if inner and not plain.is_submission(handed) else None
        if found is None or not _is_class(found, own):
            break
        names = [entry.name for entry in handed.entries if entry.name != inner]
        outside |= {readable(name): plain.IS_UNPACKED if f"{name}.zip" == inner else _why_not(name) for name in names}
        handed = found
    return handed, outside


def _only_one(handed: HandedOut) -> str:
    """The one folder or archive among files that are no submissions; "" if there is none, or several.

    Among others it is one learner's, who could name zips in it after somebody else.
    """
    shown = [entry for entry in handed.entries if not entry.name.startswith((".", "__"))]
    exports = [e.name for e in shown if e.is_folder and fnmatchcase(e.name, "assignment_*_export")]
    if len(exports) == 1 and (inner := handed.folder(exports[0])) and gradescope.is_mine(inner):
        return exports[0]
    held = [entry.name for entry in shown if entry.is_folder or ending(entry.name) in (*ARCHIVES, *LONE)]
    held = [name for name in held if f"{name}.zip" not in held]  # unpacked beside its zip
    return held[0] if len(held) == 1 else ""


def _is_class(handed: HandedOut, own: Pattern | None, depth: int = DEEPEST) -> bool:
    """Whether this is a class, or holds nothing but one, at most so much deeper."""
    if _reader(handed, own) is not plain or plain.is_class(handed):
        return True
    inner = _only_one(handed) if depth and not plain.is_submission(handed) else ""
    found = handed.folder(inner) if inner else None
    return found is not None and _is_class(found, own, depth - 1)


# ---- what they are


def _read(handed: HandedOut, own: Pattern | None) -> tuple[Reader, list[Source], dict[str, str]]:
    """The reader that fits, the submissions, and why other files are none."""
    reader = _reader(handed, own)
    if reader is plain and plain.is_submission(handed):
        return plain, [_whole(handed)], {}
    found = [reader.read(handed)]
    if reader not in (own, plain):
        found.append(plain.read(_rest(handed, found)))
    elif reader is plain:
        found.insert(0, canvas.read_named([entry.name for entry in handed.entries if not entry.is_folder]))
        found[1] = plain.read(_rest(handed, found[:1]))
    sources = [_source_of(handed, attempt) for part in found for attempt in _latest(part)]
    others = {name: why for part in found for name, why in part.others.items()}
    used = set().union(*(part.used for part in found))
    others |= {entry.name: _why_not(entry.name) for entry in handed.entries if entry.name not in used}
    return reader, sources, {readable(name): why for name, why in others.items()}


def _why_not(name: str) -> str:
    """Why a file that no reader takes is none."""
    return _HIDDEN if name.startswith((".", "__")) else _NO_SUBMISSION


def _rest(handed: HandedOut, found: Iterable[Found]) -> HandedOut:
    used = set().union(*(part.used for part in found))
    return replace(handed, entries=[entry for entry in handed.entries if entry.name not in used])


def _whole(handed: HandedOut) -> Source:
    """The source of a folder, or a zip, that is itself the one submission."""
    name = handed.top.rstrip("/").rpartition("/")[2] or handed.path.stem
    attempt = Attempt(name, (), {"name": name}, ())
    names = [entry.name for entry in handed.entries]
    return _made(attempt, handed.path, inside=handed.top, digest=handed.digest(names))


def _latest(found: Found) -> Iterator[Attempt]:
    """The last attempt of each learner; where the learner is not known, each counts.

    Of attempts by groups, one counts unless each of its people has handed in again.
    """
    last: dict[str, Attempt] = {}
    remarks: dict[int, list[str]] = {}
    counting = []
    for attempt in sorted(found.attempts, key=lambda attempt: attempt.order, reverse=True):
        again = [last[person] for person in attempt.people if person in last]
        if attempt.people and len(again) == len(attempt.people):
            remarks[id(again[0])] += ignored([_label(attempt)])
            continue
        counting.append(attempt)
        remarks[id(attempt)] = [f"Some of its learners handed in again: {_label(other)}." for other in again[:1]]
        last |= {person: attempt for person in attempt.people if person not in last}
    for attempt in counting:
        yield replace(attempt, remarks=(*attempt.remarks, *remarks[id(attempt)]))


def _label(attempt: Attempt) -> str:
    return readable(attempt.files[0].name)


def _source_of(handed: HandedOut, attempt: Attempt) -> Source:
    """Where the files of an attempt are: the one that is the work, or all that are put together."""
    work, rest = _work(handed, attempt.files)
    if rest:
        told = f"Also handed in, but not used: {listed(readable(file.original) for file in rest)}."
        attempt = replace(attempt, remarks=(*attempt.remarks, told))
    digest = handed.digest(file.name for file in attempt.files)
    folders = {entry.name for entry in handed.entries if entry.is_folder}
    names = tuple(f"{file.name}/" if file.name in folders else file.name for file in (*work, *rest))
    if len(work) == 1 and _is_whole(work[0], folders):
        name = work[0].name + "/" * (work[0].name in folders)
        if handed.zipped:
            return _made(attempt, handed.path, inside=handed.top + name, digest=digest, handed=names)
        return _made(attempt, handed.path / name, handed=names)
    parts = tuple((handed.top + file.name, file.original) for file in work)
    return _made(attempt, handed.path, parts=parts, digest=digest, handed=names)


def _work(handed: HandedOut, files: tuple[File, ...]) -> tuple[list[File], list[File]]:
    """(files that are the submission together, others): a folder, else zips and loose files, else all."""
    folders = {entry.name for entry in handed.entries if entry.is_folder}
    kinds = (
        [file for file in files if file.name in folders],
        [file for file in files if ending(file.original) == ".zip"],
        [file for file in files if ending(file.original) in LONE],
    )
    if not any(kinds):
        return list(files), []
    if kinds[0]:
        work = kinds[0][:1]
    elif kinds[1]:
        work = [*kinds[1], *kinds[2]]
    else:
        work = [*kinds[2], *(file for file in files if ending(file.original) in _BESIDE)]
    return work, [file for file in files if file not in work]


def _is_whole(file: File, folders: set[str]) -> bool:
    """Whether a file or folder can be opened under its own name."""
    is_archive = ending(file.original) in (*ARCHIVES, ".pdf") and ending(file.name) == ending(file.original)
    return file.name in folders or is_archive or file.name == file.original and ending(file.name) in LONE


def _made(attempt: Attempt, path: Path, **where: Any) -> Source:
    learner = {key: readable(value) if isinstance(value, str) else value for key, value in attempt.learner.items()}
    time, attempt_number = (str(learner.pop(key, "")) for key in ("time", "attempt"))
    remarks = tuple(map(readable, attempt.remarks))
    made = Source(_identifier(attempt.id), learner["name"], path, learner, remarks=remarks)
    return replace(made, time=time, attempt=attempt_number, **where)


def _source(path: Path, filename: str, inside: str = "") -> Source:
    """The source of one file by its name alone: one of Canvas', or any other."""
    attempts = canvas.read_named([filename]).attempts or [Attempt(filename, (), {"name": filename}, ())]
    return _made(attempts[0], path, inside=inside)


# ---- names


def readable(name: str) -> str:
    """A file name as it can be written and shown; one that is not in the system's encoding is read as Latin-1."""
    if re.search("[\udc80-\udcff]", name) and not re.search("[\ud800-\udc7f\udd00-\udfff]", name):
        name = name.encode("utf-8", "surrogateescape").decode("latin-1")
    return clean(name).replace("\n", "\ufffd")


def _identifier(name: str) -> str:
    """A name that is safe as a file name; if characters had to be replaced, a hash keeps it distinct."""
    plain_name = unicodedata.normalize("NFKD", readable(name)).lower()
    safe = re.sub(r"[^a-z0-9_-]+", "_", plain_name)[:60].strip("_-") or "submission"
    if safe == name and not _RESERVED.fullmatch(name):
        return name
    return f"{safe}-{_hash(name)}"


def _hash(name: str) -> str:
    return sha256(name.encode(errors="surrogatepass")).hexdigest()[:8]


def _distinct(found: Iterable[Source]) -> Iterator[Source]:
    """The same sources, with a hash of the path added to an id that two of them have."""
    sources = list(found)
    count = Counter(source.id for source in sources)
    for source in sources:
        parts = source.inside or "".join(name for name, _ in source.parts)
        hashed = _hash(f"{source.path.name}/{parts}")
        yield source if count[source.id] == 1 else replace(source, id=f"{source.id}-{hashed}")


def _with_roster(sources: list[Source], roster: Roster) -> tuple[list[Source], tuple[str, ...]]:
    """The sources with what the list of the class knows, and notes on who is missing, or not on it."""
    found = matched(roster, [source.learner for source in sources], [source.handed for source in sources])
    changed = [
        replace(source, learner=learner, name=str(learner.get("name") or source.name))
        for source, learner in zip(sources, found.learners, strict=True)
    ]
    return changed, tuple(found.notes)
