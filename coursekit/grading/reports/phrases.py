"""What reports say to learners, in one place: the phrases of `words_en.toml`, or those of the course's own file."""

import tomllib
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

from coursekit.core.course import CourseError, unknown
from coursekit.core.toml_lines import lines_of
from coursekit.questions import course

FILE = Path(__file__).parent / "words_en.toml"
Phrases = dict[str, str | list[str]]


def say(key: str, amount: float = 1, **values: Any) -> str:
    """A phrase with its values filled in; of a phrase for one and one for several, the one for the amount.

    Examples
    --------
    >>> say("points.of", 1, earned="0", possible="1"), say("late.nothing")
    ('0 of 1 point', 'Nothing is taken off.')
    """
    text = phrases()[key]
    return (text if isinstance(text, str) else text[amount != 1]).format(amount=amount, **values)


def phrases() -> Phrases:
    """All phrases: the course's where it has its own, else the English ones."""
    words = course().about.words
    return _english() | (read_words(course().beside(words)) if words else {})


@cache
def _english() -> Phrases:
    return _flat(tomllib.loads(FILE.read_text(encoding="utf-8")))


def _flat(content: dict[str, Any]) -> dict[str, Any]:
    """The phrases of all tables by "table.key"."""
    tables = {name: table if isinstance(table, dict) else {"": table} for name, table in content.items()}
    return {f"{name}.{key}".rstrip("."): text for name, table in tables.items() for key, text in table.items()}


@cache
def read_words(path: Path) -> Phrases:
    """The phrases of a course's file.

    Raises
    ------
    CourseError
        If it cannot be read, has a phrase that there is not, or one without what the English one fills in.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        own = _flat(tomllib.loads(text))
    except (OSError, ValueError) as error:
        raise CourseError(f"{path} cannot be read: {error}.") from error
    lines = lines_of(text)
    told = {key: why for key, phrase in own.items() if (why := _problem(key, phrase))}
    if told:
        where = {key: lines.of(tuple(key.split(".", 1))) for key in told}
        raise CourseError("\n".join(f"{path.name}, line {where[key]}, {key}: {why}." for key, why in told.items()))
    return own


def _problem(key: str, phrase: Any) -> str:
    """What is wrong with a phrase; "" if nothing is."""
    english = _english().get(key)
    if english is None:
        return unknown(key, _english(), "phrase")
    if isinstance(english, str) != isinstance(phrase, str) or not isinstance(phrase, (str, list)):
        return "it should be " + (
            "a text" if isinstance(english, str) else "a list of two texts, for one and for several"
        )
    texts, originals = ([each] if isinstance(each, str) else each for each in (phrase, english))
    if len(texts) != len(originals) or not all(isinstance(text, str) for text in texts):
        return "it should be a list of two texts, for one and for several"
    return next(filter(None, map(_other_fields, texts, originals)), "")


def _other_fields(text: str, original: str) -> str:
    """What a translation fills in that the English phrase does not, or the other way round."""
    wanted = _fields(original)
    try:
        found = _fields(text)
    except ValueError as error:
        return f"its braces do not fit ({error})"
    if found == wanted:
        return ""
    names = ", ".join(f"{{{name}}}" for name in sorted(wanted)) or "nothing"
    return f"it should have {names} in braces, as the English one"


def _fields(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}
