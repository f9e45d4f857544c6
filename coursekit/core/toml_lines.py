"""On which line of a TOML file a key stands, which `tomllib` does not say."""

import re
from typing import NamedTuple

_BARE = r"[A-Za-z0-9_-]+"
_PART = rf"""(?:{_BARE}|"(?:[^"\\]|\\.)*"|'[^']*')"""
_PATH = rf"{_PART}(?:[ \t]*\.[ \t]*{_PART})*"
_HEADER = re.compile(rf"[ \t]*\[\[?[ \t]*({_PATH})[ \t]*\]\]?")
_KEY = re.compile(rf"[ \t]*({_PATH})[ \t]*=")
_QUOTES = ('"' * 3, "'" * 3)
_TOKEN = re.compile(r'"""|\'\'\'|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'|#|[][{}]')

Path = tuple[str, ...]


class Lines(NamedTuple):
    """The lines of a file: the number of each key's, from 1, and the text of each."""

    keys: dict[Path, int]
    texts: list[str]

    def of(self, key: Path, item: str = "") -> int:
        """The line of a key, or of the nearest table around it; of one item of a list, if given. 0 if none is there."""
        line = next((self.keys[key[:n]] for n in range(len(key), 0, -1) if key[:n] in self.keys), 0)
        quoted = (f'"{item}"', f"'{item}'")
        following = range(line, len(self.texts) + 1) if line and item else ()
        return next((n for n in following if any(q in self.texts[n - 1] for q in quoted)), line)


def lines_of(text: str) -> Lines:
    r"""Find the line of each key in a TOML text that `tomllib` can read.

    Examples
    --------
    >>> lines_of('[late]\ndays = 4\n\n[points]\nsoftmax_loss = 5\n').keys["points", "softmax_loss"]
    5
    """
    keys: dict[Path, int] = {}
    table: Path = ()
    depth, quote = 0, ""  # inside so many brackets; inside a text of several lines that ends so
    texts = text.split("\n")  # as TOML does: other ends of lines may stand in a text
    for number, line in enumerate(texts, 1):
        if not depth and not quote:
            if found := _HEADER.match(line):
                table = _parts(found[1])
                keys.setdefault(table, number)
                continue
            if found := _KEY.match(line):
                keys.setdefault((*table, *_parts(found[1])), number)
                line = line[found.end() :]
        depth, quote = _state_after(line, depth, quote)
    return Lines(keys, texts)


def _parts(path: str) -> Path:
    return tuple(part.strip("\"'") for part in re.findall(_PART, path))


def _state_after(line: str, depth: int, quote: str) -> tuple[int, str]:
    """How many brackets are open after a line, and the quotes that end the text which it does not end."""
    at = 0
    while at < len(line):
        if quote:
            end = line.find(quote, at)
            if end < 0:
                return depth, quote
            at, quote = end + 3, ""
            continue
        found = _TOKEN.search(line, at)
        if not found or found[0] == "#":
            break
        at = found.end()
        quote = found[0] if found[0] in _QUOTES else ""
        depth += (found[0] in "[{") - (found[0] in "]}") if len(found[0]) == 1 else 0
    return depth, quote
