"""Text from outside, cleaned once where it comes in, so that every file, page and terminal can hold it."""

import re
import unicodedata
from collections.abc import Iterable

_FORMULA = ("=", "+", "-", "@")
LONGEST_LIST = 5  # names in a sentence
# What UTF-8 or XML cannot hold, what a terminal obeys, and what reverses the direction of writing.
_HARMFUL = re.compile("[^\t\n\x20-\x7e\xa0-\u2029\u202f-\u2065\u206a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean(text: str) -> str:
    r"""A text with LF as its only line end, and U+FFFD for each character that no page should carry.

    Examples
    --------
    >>> clean("a\r\nb \x1b[31m \ud800")
    'a\nb �[31m �'
    """
    return _HARMFUL.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))


def short(name: str) -> str:
    """A name as it can be shown: on one line, not too long, and without characters that do not print."""
    shown = name if len(name) <= 80 else f"{name[:40]}...{name[-37:]}"
    return shown if shown.isprintable() else re.sub(r"\\u[0-9a-f]{4}|\\x[0-9a-f]{2}", "?", ascii(shown)[1:-1])


def plain_cell(text: str) -> str:
    """A text that no spreadsheet takes for a formula: one that begins like a formula gets a ' before it.

    Full-width signs count, and signs after spaces and characters that do not print; a sign alone is no formula.

    Examples
    --------
    >>> plain_cell("=1+1"), plain_cell("\uff1d1+1"), plain_cell("a = b")
    ("'=1+1", "'\uff1d1+1", 'a = b')
    """
    seen = "".join(c for c in unicodedata.normalize("NFKC", text[:80]) if not _is_invisible(c))
    is_formula = seen.startswith(_FORMULA) and len(seen) > 1
    return f"'{text}" if is_formula or text.startswith(("\t", "\r", "\n")) else text


def _is_invisible(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) in ("Cc", "Cf")


def unquoted_cell(text: str) -> str:
    """The text that `plain_cell` made a cell of."""
    return text[1:] if text.startswith("'") and plain_cell(text[1:]) == text else text


def listed(names: Iterable[str], most: int = LONGEST_LIST) -> str:
    """The first few names, and how many more there are.

    Examples
    --------
    >>> listed("abcdefg")
    'a, b, c, d, e and 2 more'
    """
    shown = [short(name) for name in names]
    return ", ".join(shown[:most]) + (f" and {len(shown) - most} more" if len(shown) > most else "")


def told(error: BaseException) -> str:
    """What an error says, in one line of at most 300 characters: some quote the bytes that they stumbled over."""
    return clean(" ".join(str(error).split()))[:300]


def why(error: BaseException) -> str:
    """An error in one line, with its name."""
    return f"{type(error).__name__}: {told(error)}" if told(error) else type(error).__name__
