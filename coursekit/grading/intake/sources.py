"""Find the submissions in a folder: zips, folders, and downloads from Canvas and Gradescope."""

import json
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from coursekit.grading.intake.confined import TooCostlyError, confined
from coursekit.grading.intake.text import clean
from coursekit.grading.intake.zips import LONGEST_NAME, Refused, is_folder, open_zip

LONE = (".ipynb", ".py")  # a file that can be graded alone
_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")
_METADATA = "submission_metadata.y*ml"
_RESERVED = re.compile(r"con|prn|aux|nul|(com|lpt)\d")  # names that Windows keeps for itself
_CANVAS = re.compile(r"(?P<name>.+?)(?P<late>_LATE)?_(?P<user>\d{1,20})_(?P<file>\d{1,20})_(?P<original>.+)", re.I)
_OF_SYSTEMS = {".ds_store", "thumbs.db", "desktop.ini", "__macosx"}  # what systems leave in folders


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
        A zip, a folder, or a lone notebook or module.
    learner : dict
        What the collecting system says about the learner: "name", "user", "email", "late", each if it is known.
    inside : str
        The member of the zip at `path` that is the submission, for a zip of zips.
    remarks : tuple of str
    """

    id: str
    name: str
    path: Path
    learner: dict[str, Any] = field(default_factory=dict)
    inside: str = ""
    remarks: tuple[str, ...] = ()


class Survey(NamedTuple):
    """What is in the folder of a class: the submissions, and the names of all other files."""

    folder: Path
    sources: list[Source]
    others: list[str]


def find_submissions(folder: str | Path) -> list[Source]:
    """The submissions in a folder, ordered by id: zips, folders, and downloads from Canvas and Gradescope.

    If a learner submitted several times, the last submission counts, with a remark.
    """
    return survey(folder).sources


def survey(folder: str | Path) -> Survey:
    """The submissions in a folder, as `find_submissions` gives them, and what else is there."""
    folder = Path(folder).absolute()
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder; give the folder that contains the submissions.")
    # not any deeper: a file there could be a learner's
    metadata = sorted([*folder.glob(_METADATA), *folder.glob(f"assignment_*_export/{_METADATA}")])
    here = metadata[0].parent if metadata else folder
    paths = [path for path in sorted(here.iterdir()) if path.name.lower() not in _OF_SYSTEMS]
    found = _from_gradescope(metadata[0], paths) if metadata else _from_paths(paths)
    taken = {source.path for source in found} | set(metadata[:1])
    others = [readable(path.name) for path in paths if path not in taken]
    return Survey(folder, sorted(_distinct(_latest(found)), key=lambda source: source.id), others)


def _from_paths(paths: list[Path]) -> list[Source]:
    shown = [path for path in paths if not path.name.startswith((".", "__"))]
    # only if it is the only one: among others it is one learner's, who could name zips in it after somebody else
    inner = _inner_zips(shown[0]) if len(shown) == 1 else []
    if inner:
        return [_source(shown[0], PurePosixPath(name).name, inside=name) for name in inner]
    return [_source(path, path.name) for path in shown if os.path.isdir(path) or _may_be_submission(path)]


def _may_be_submission(path: Path) -> bool:
    return path.suffix.lower() in (*_ARCHIVES, *LONE) or bool(_CANVAS.fullmatch(path.stem))


def _inner_zips(path: Path) -> list[str]:
    """The zips in a zip that contains nothing else, as Canvas packs a class; [] for any other path."""
    if path.suffix.lower() != ".zip" or not os.path.isfile(path):
        return []
    try:
        return json.loads(confined(_names_of_zips, path))
    except TooCostlyError:
        return []  # it is refused, with the reason, when it is opened as a submission


def _names_of_zips(path: Path) -> list[str]:
    try:
        with path.open("rb") as file, open_zip(file) as archive:
            names = [info.filename for info in archive.infolist() if not is_folder(info)]
    except (Refused, OSError):
        return []
    names = [name for name in names if not name.startswith("__MACOSX/")]
    if any(len(name) > LONGEST_NAME for name in names):
        return []
    several = len(names) > 1 or any(_CANVAS.fullmatch(PurePosixPath(name).stem) for name in names)
    return names if several and all(name.lower().endswith(".zip") for name in names) else []


def _source(path: Path, filename: str, inside: str = "") -> Source:
    stem = filename[: -len(".zip")] if filename.lower().endswith(".zip") else filename
    canvas = _CANVAS.fullmatch(stem)
    if not canvas:
        return Source(_identifier(stem), readable(stem), path, {"name": readable(stem)}, inside)
    name, user = canvas["name"], canvas["user"]
    learner = {"name": readable(name), "user": user, "late": bool(canvas["late"]), "order": int(canvas["file"])}
    return Source(_identifier(f"{name}_{user}"), readable(name), path, learner, inside)


def readable(name: str) -> str:
    """A file name as it can be written and shown; one that is not in the system's encoding is read as Latin-1."""
    if re.search("[\udc80-\udcff]", name) and not re.search("[\ud800-\udc7f\udd00-\udfff]", name):
        name = name.encode("utf-8", "surrogateescape").decode("latin-1")
    return clean(name).replace("\n", "\ufffd")


def _identifier(name: str) -> str:
    """A name that is safe as a file name; if characters had to be replaced, a hash keeps it distinct."""
    plain = unicodedata.normalize("NFKD", readable(name)).lower()
    safe = re.sub(r"[^a-z0-9_-]+", "_", plain)[:60].strip("_-") or "submission"
    if safe == name and not _RESERVED.fullmatch(name):
        return name
    return f"{safe}-{_hash(name)}"


def _hash(name: str) -> str:
    return sha256(name.encode(errors="surrogatepass")).hexdigest()[:8]


def _from_gradescope(metadata: Path, paths: list[Path]) -> list[Source]:
    """The submissions of a Gradescope export: a folder for each, and one file that says whose they are."""
    try:
        entries = _read_yaml(metadata)
        remarks: tuple[str, ...] = ()
    except Exception as error:  # whatever a YAML reader raises: the folders are there without it
        entries = {}
        remarks = (f"{metadata.name} cannot be read ({type(error).__name__}), so the learner's name is unknown.",)
    return [
        _gradescope_source(path, entries.get(path.name), remarks)
        for path in paths
        if os.path.isdir(path) and not path.is_symlink() and path.name.startswith("submission_")
    ]


def _gradescope_source(path: Path, entry: Any, remarks: tuple[str, ...]) -> Source:
    people = [{str(k).strip(":"): v for k, v in person.items()} for person in _submitters(entry)]
    names = _values(people, "name") or readable(path.name)
    learner = {"name": names, "order": _created(entry)}
    for name, gradescope_name in (("email", "email"), ("user", "sid")):
        if values := _values(people, gradescope_name):
            learner[name] = values
    return Source(_identifier(path.name), names, path, learner, "", remarks)


def _values(people: list[dict], name: str) -> str:
    """What is known of some people, if it is a text or a number."""
    values = [person.get(name) for person in people]
    return ", ".join(clean(str(value)) for value in values if value and isinstance(value, (str, int)))


def _submitters(entry: Any) -> list[dict]:
    people = entry.get(":submitters") if isinstance(entry, dict) else None
    return [person for person in people or [] if isinstance(person, dict)]


def _created(entry: Any) -> str:
    return str(entry.get(":created_at", "")) if isinstance(entry, dict) else ""


def _read_yaml(path: Path) -> dict:
    """Gradescope's YAML, with its Ruby tags read as plain values."""
    import yaml  # comes with Jupyter

    class Loader(yaml.SafeLoader):
        pass

    def plain(loader: Any, _: str, node: Any) -> Any:
        if isinstance(node, yaml.MappingNode):
            return loader.construct_mapping(node, deep=True)
        return loader.construct_sequence(node) if isinstance(node, yaml.SequenceNode) else loader.construct_scalar(node)

    Loader.add_multi_constructor("!ruby/", plain)
    entries = yaml.load(path.read_bytes(), Loader)  # a SafeLoader: it makes plain values only
    return entries if isinstance(entries, dict) else {}


def _latest(sources: list[Source]) -> Iterator[Source]:
    """The last submission of each learner; where the learner is not known, each counts."""
    by_learner: dict[tuple, list[Source]] = {}
    for source in sources:
        key = (source.learner.get("user") or source.learner.get("email") or (str(source.path), source.inside),)
        by_learner.setdefault(key, []).append(source)
    for several in by_learner.values():
        *earlier, last = sorted(several, key=lambda source: (source.learner.get("order", 0), _label(source)))
        last.learner.pop("order", None)
        ignored = tuple(
            f"An earlier submission by the same learner, {_label(source)}, was ignored." for source in earlier
        )
        yield replace(last, remarks=last.remarks + ignored)


def _label(source: Source) -> str:
    return readable(PurePosixPath(source.inside).name or source.path.name)


def _distinct(found: Iterable[Source]) -> Iterator[Source]:
    """The same sources, with a hash of the path added to an id that two of them have."""
    sources = list(found)
    count = Counter(source.id for source in sources)
    for source in sources:
        hashed = _hash(f"{source.path.name}/{source.inside}")
        yield source if count[source.id] == 1 else replace(source, id=f"{source.id}-{hashed}")
