"""Find the submissions in a folder: zips, folders, and what Canvas and Gradescope hand out."""

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path, PurePosixPath

from coursekit.grading.intake.zips import Refused, is_folder, open_zip

_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")
_METADATA = "submission_metadata.y*ml"
_RESERVED = re.compile(r"con|prn|aux|nul|(com|lpt)\d")  # names that Windows keeps for itself
_CANVAS = re.compile(r"(?P<name>.+?)(?P<late>_LATE)?_(?P<user>\d+)_(?P<file>\d+)_(?P<original>.+)", re.IGNORECASE)


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


def find_submissions(folder):
    """The submissions in a folder, ordered by id: zips, folders, and what Canvas and Gradescope hand out.

    Of two hand-ins of one learner the later counts, with a remark.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder; give the one that holds the submissions.")
    # not any deeper: there a learner could have put one
    metadata = sorted([*folder.glob(_METADATA), *folder.glob(f"assignment_*_export/{_METADATA}")])
    sources = _from_gradescope(metadata[0]) if metadata else _from_folder(folder)
    return sorted(_distinct(_latest(sources)), key=lambda source: source.id)


def _from_folder(folder):
    paths = [path for path in sorted(folder.iterdir()) if not path.name.startswith((".", "__"))]
    # only where it is alone: among others it is a learner's, who could name zips in it after somebody else
    inner = _inner_zips(paths[0]) if len(paths) == 1 else []
    if inner:
        return [_source(paths[0], PurePosixPath(name).name, inside=name) for name in inner]
    return [_source(path, path.name) for path in paths if path.is_dir() or _may_be_submission(path)]


def _may_be_submission(path):
    return path.suffix.lower() in (*_ARCHIVES, ".ipynb", ".py") or bool(_CANVAS.fullmatch(path.stem))


def _inner_zips(path):
    """The zips in a zip that holds nothing else, as Canvas packs a class; [] for any other path."""
    if path.suffix.lower() != ".zip" or path.is_dir():
        return []
    try:
        with path.open("rb") as file, open_zip(file) as archive:
            names = [info.filename for info in archive.infolist() if not is_folder(info)]
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
    if safe == name and not _RESERVED.fullmatch(name):
        return name
    return f"{safe}-{sha256(name.encode(errors='replace')).hexdigest()[:8]}"


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
        yield replace(last, remarks=last.remarks + said)


def _label(source):
    return PurePosixPath(source.inside).name or source.path.name


def _distinct(sources):
    """The same sources, with a hash of the place added to an id that two of them have."""
    sources = list(sources)
    count = Counter(source.id for source in sources)
    for source in sources:
        place = sha256(f"{source.path.name}/{source.inside}".encode(errors="replace")).hexdigest()[:8]
        yield source if count[source.id] == 1 else replace(source, id=f"{source.id}-{place}")
