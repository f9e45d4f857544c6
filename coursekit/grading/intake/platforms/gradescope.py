"""Gradescope: an export has a folder `submission_123456` for each hand-in, and `submission_metadata.yml`.

The list says whose each is (several people, for a group) and when it was handed in: as an object of Rails, a time of
YAML or a text, with or without a time zone. They are compared as moments.
"""

from fnmatch import fnmatchcase
from typing import Any

from coursekit.grading.intake.handed_out import HandedOut
from coursekit.grading.intake.platforms.attempt import Attempt, File, Found, latest_first
from coursekit.grading.intake.text import clean
from coursekit.grading.intake.times import instant, time_words

NAME = "Gradescope"
METADATA = "submission_metadata.y*ml"


def _lists(handed: HandedOut) -> list[str]:
    return [entry.name for entry in handed.entries if fnmatchcase(entry.name, METADATA) and not entry.is_folder]


def is_mine(handed: HandedOut) -> bool:
    """Whether there is a list of Gradescope's beside a folder of its own."""
    return bool(_lists(handed) and _folders(handed))


def _folders(handed: HandedOut) -> list[str]:
    return [entry.name for entry in handed.entries if entry.is_folder and entry.name.startswith("submission_")]


def read(handed: HandedOut) -> Found:
    """The hand-ins, of which a learner or a group may have several."""
    [metadata, *_] = _lists(handed)
    remarks: tuple[str, ...] = ()
    try:
        entries = _read_yaml(handed.read(metadata))
    except Exception as error:  # whatever a YAML reader raises: the folders are there without it
        entries = {}
        remarks = (f"{metadata} cannot be read ({type(error).__name__}), so the learner's name is unknown.",)
    attempts = [_attempt(name, entries.get(name), remarks) for name in _folders(handed)]
    return Found(attempts, own=frozenset({metadata}))


def _attempt(folder: str, entry: Any, remarks: tuple[str, ...]) -> Attempt:
    people = [{str(key).strip(":"): value for key, value in person.items()} for person in _submitters(entry)]
    moment = _moment(_value(entry, "created_at"))
    learner = {"name": _values(people, "name") or folder, **time_words(moment)}
    for name, theirs in (("email", "email"), ("user", "sid")):
        if values := _values(people, theirs):
            learner[name] = values
    keys = [_values([person], "email").lower() or _values([person], "sid") for person in people]
    return Attempt(
        id=folder,
        people=tuple(f"gradescope {key}" for key in keys) if all(keys) else (),
        learner=learner,
        files=(File(folder, folder),),
        order=latest_first(moment, folder),
        remarks=remarks,
    )


def _values(people: list[dict], name: str) -> str:
    """What is known of some people, if it is a text or a number."""
    values = [person.get(name) for person in people]
    return ", ".join(clean(str(value)) for value in values if value and isinstance(value, (str, int)))


def _value(entry: Any, name: str) -> Any:
    return entry.get(f":{name}", entry.get(name)) if isinstance(entry, dict) else None


def _submitters(entry: Any) -> list[dict]:
    people = _value(entry, "submitters")
    return [person for person in people if isinstance(person, dict)] if isinstance(people, list) else []


def _moment(value: Any) -> Any:
    """The moment of a hand-in; of an object of Rails the one in UTC: its local time claims to be in UTC as well."""
    if isinstance(value, dict):
        named = {str(key).strip(":"): inner for key, inner in value.items()}
        return next((moment for key in ("utc", "time", "at") if (moment := instant(named.get(key)))), None)
    return instant(value)


def _read_yaml(data: bytes) -> dict:
    """Gradescope's YAML, with its Ruby tags read as plain values."""
    import yaml  # comes with Jupyter

    class Loader(yaml.SafeLoader):
        pass

    def plain(loader: Any, _: str, node: Any) -> Any:
        if isinstance(node, yaml.MappingNode):
            return loader.construct_mapping(node, deep=True)
        return loader.construct_sequence(node) if isinstance(node, yaml.SequenceNode) else loader.construct_scalar(node)

    Loader.add_multi_constructor("!ruby/", plain)
    entries = yaml.load(data, Loader)  # a SafeLoader: it makes plain values only
    return entries if isinstance(entries, dict) else {}
