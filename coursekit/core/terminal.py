"""Print what comes from outside: names of files and people, and whatever else a learner chose."""

import re
import sys

# What a terminal obeys, what reverses the direction of writing, and halves of characters.
_ORDERS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")


def printable(text: object, encoding: str | None = "utf-8") -> str:
    r"""A text with escapes for what a terminal would obey, or cannot show in its encoding; line feeds stay.

    Examples
    --------
    >>> printable("a\x1b[2Jb \u202e")
    'a\\x1b[2Jb \\u202e'
    >>> printable("Müller 张伟", "cp1252")
    'Müller \\u5f20\\u4f1f'
    """
    shown = _ORDERS.sub(lambda found: found[0].encode("unicode_escape").decode(), str(text))
    return shown.encode(encoding or "utf-8", "backslashreplace").decode(encoding or "utf-8")


def say(*lines: object) -> None:
    """Print lines, each so that the terminal only shows it."""
    for line in lines:
        print(printable(line, getattr(sys.stdout, "encoding", None)))
