"""What all pages and exports share: cleaning untrusted text, filling templates, writing files.

Every text of a record may have been chosen by a learner. `clean` takes out what no page should carry, and the templates
whose name ends in .html escape the rest.
"""

import re
from functools import cache
from pathlib import Path

import jinja2
import markupsafe

from coursekit.files import write_file

TEMPLATES = Path(__file__).parent / "templates"

# What XML cannot hold, what a terminal obeys, and what turns the direction of writing round.
_HARMFUL = re.compile("[^\t\n\x20-\x7e\xa0-\u2029\u202f-\u2065\u206a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_FILE_NAME = re.compile(r"[\w][\w.@+-]{0,199}")


def clean(value):
    """A copy of a record (or a part of it) whose texts are safe to write: harmful characters become U+FFFD."""
    if isinstance(value, str):
        return _HARMFUL.sub("\ufffd", value.replace("\r\n", "\n").replace("\r", "\n"))
    if isinstance(value, dict):
        return {clean(key): clean(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [clean(item) for item in value]
    return value


def file_name(name):
    """The name itself if it can be that of a file; `ValueError` if it cannot."""
    if not _FILE_NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot be the name of a file: only letters, digits and . _ - @ + are allowed")
    return name


def number(value):
    """A number of points as it is read: 3 and not 3.0, at most two decimals."""
    return f"{round(value, 2):.2f}".rstrip("0").rstrip(".")


def of(points, possible):
    """Points out of the possible ones: "2 of 3 points"."""
    return f"{number(points)} of {number(possible)} point{'' if possible == 1 else 's'}"


def duration(seconds):
    """Seconds in words: 0.4 s, 12 s, 3 min 5 s."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def counted(amount, thing):
    """The amount with its noun: "1 question", "3 questions"."""
    return f"{amount} {thing}{'' if amount == 1 else 's'}"


def breakable(name):
    """An id that a narrow page may break after _ and -, and nowhere else."""
    return markupsafe.Markup(re.sub("(?<=[_-])(?=[^_-])", "<wbr>", str(markupsafe.escape(name))))


def fill(template, **values):
    """The text of a template, its values put in (and escaped, in a page)."""
    return _templates().get_template(template).render(values)


@cache
def _templates():
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=jinja2.select_autoescape(["html"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(breakable=breakable, number=number, of=of, duration=duration, counted=counted)
    return environment


def write(path, text):
    """Write a text, or bytes, in one step; the path."""
    return write_file(path, text)
