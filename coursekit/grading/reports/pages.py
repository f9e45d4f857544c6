"""What all pages and exports share: making untrusted text harmless, and filling templates.

Every text of a record may have been chosen by a learner. `harmless` removes what no page should carry, and the
templates whose name ends in .html escape the rest.
"""

import re
from collections.abc import Iterable
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import jinja2
import markupsafe

from coursekit.grading.intake.text import clean
from coursekit.grading.reports.phrases import say
from coursekit.questions import course

TEMPLATES = Path(__file__).parent / "templates"

T = TypeVar("T")

_FILE_NAME = re.compile(r"[\w][\w.@+-]{0,199}")


def harmless(value: T) -> T:
    """A copy of a record, or of a part of it, whose texts are safe to write: harmful characters become U+FFFD."""
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{field.name: harmless(getattr(value, field.name)) for field in fields(value)})
    return _harmless_plain(value)


def _harmless_plain(value: Any) -> Any:
    if isinstance(value, str) and not isinstance(value, Enum):
        return clean(value)
    if isinstance(value, dict):
        return {harmless(key): harmless(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(harmless(item) for item in value)
    return value


def file_name(name: str) -> str:
    """The name itself if it can be that of a file; `ValueError` if it cannot."""
    if not _FILE_NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot be the name of a file: use only letters, digits and . _ - @ +")
    return name


def number(value: float) -> str:
    """Points as a person writes them: 3 and not 3.0, with at most two decimals."""
    return f"{round(value, 2):.2f}".rstrip("0").rstrip(".")


def of(points: float, possible: float) -> str:
    """Points earned, out of those possible: "2 of 3 points"."""
    return say("points.of", possible, earned=number(points), possible=number(possible))


def duration(seconds: float) -> str:
    """Seconds in words: 0.4 s, 12 s, 3 min 5 s."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def megabytes(size: int) -> str:
    """A size in memory, in MB; "" where it is not known."""
    return f"{size / 1e6:.0f} MB" if size else ""


def coarse_duration(seconds: float) -> str:
    """Seconds in the words that learners read: less than 10 s, 20 s, 3 min.

    In finer steps, code could tell by sleeping what it saw while it was graded.
    """
    tens, minutes = round(seconds / 10), round(seconds / 60)
    if not tens:
        return "less than 10 s"
    return f"{minutes} min" if tens >= 6 else f"{10 * tens} s"


def counted(amount: int, thing: str) -> str:
    """The amount with its noun: "1 question", "3 questions"."""
    return f"{amount} {thing}{'' if amount == 1 else 's'}"


def breakable(name: str) -> markupsafe.Markup:
    """An id that a narrow page may break after _ and -, and nowhere else."""
    return markupsafe.Markup(re.sub("(?<=[_-])(?=[^_-])", "<wbr>", str(markupsafe.escape(name))))


def listed(names: Iterable[str]) -> str:
    """Names as a sentence lists them: "a, b and c"."""
    *most, last = names
    return say("points.and", most=", ".join(most), last=last) if most else last


def fill(template: str, **values: Any) -> str:
    """The text of a template with its values filled in (and, in a page, escaped)."""
    return _templates().get_template(template).render({"lang": course().about.language} | values)


@cache
def _templates() -> jinja2.Environment:
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=jinja2.select_autoescape(["html"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    templates.globals["say"] = say
    for function in (breakable, number, of, duration, coarse_duration, megabytes, counted):
        templates.filters[function.__name__] = function
    return templates
