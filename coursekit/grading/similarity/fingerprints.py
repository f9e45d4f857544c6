"""Fingerprints of texts: hashes of runs of tokens, of which winnowing keeps a few.

Two texts that have a run of `LENGTH + WINDOW - 1` tokens in common, and that run nowhere in what is taken away, have a
fingerprint in common, whatever stands around it.
"""

import builtins
import io
import keyword
import re
import tokenize
from collections.abc import Collection, Iterator
from hashlib import blake2b
from itertools import groupby
from typing import NamedTuple

LENGTH, WINDOW = 12, 4  # tokens of a run, and runs of which one is kept
WORDS = 6  # of a run in a written answer
_KEPT = {*keyword.kwlist, *dir(builtins), "self", "np"}
_SIGNS = re.compile(r"\w+|[^\w\s]")
_COMMENT = re.compile(r"#[^\n]*")
_LAYOUT = (
    *(tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT),
    *(tokenize.ENCODING, tokenize.ENDMARKER),
)
_LINE_STARTS = (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.NL, tokenize.COMMENT)


class Token(NamedTuple):
    """What counts of a token, and the characters of the text where it stands."""

    form: str
    start: int
    end: int


class Fingerprint(NamedTuple):
    """The hash of a run of tokens, and the characters of the text where it stands."""

    hash: int
    start: int
    end: int


# ---- tokens


def code_tokens(source: str) -> list[Token]:
    """The tokens of some code, without comments, docstrings and layout; names and literals have one form each.

    Names after a dot, built-in names, `self` and `np` stay: they say what the code does. Code that Python cannot split
    into tokens is split into words and signs.

    Examples
    --------
    >>> " ".join(token.form for token in code_tokens("total = np.sum(x, axis=1)  # rows"))
    'v = np . sum ( v , v = 0 )'
    """
    try:
        return _with_forms(_of_python(source))
    except (tokenize.TokenError, SyntaxError, ValueError, RecursionError, MemoryError):
        plain = _COMMENT.sub(lambda comment: " " * len(comment[0]), source)
        return _with_forms((found[0], found.start(), found.end()) for found in _SIGNS.finditer(plain))


def _of_python(source: str) -> Iterator[tuple[str, int, int]]:
    """(text, start, end) of Python's tokens, without layout and strings that stand alone."""
    starts = [0, *(found.end() for found in re.finditer("\n", source))]
    before = tokenize.NEWLINE
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        is_docstring = token.type == tokenize.STRING and before in _LINE_STARTS
        before = token.type
        if token.type not in _LAYOUT and not is_docstring:
            (row, column), (last_row, last_column) = token.start, token.end
            yield token.string, starts[row - 1] + column, starts[last_row - 1] + last_column


def _with_forms(found: Iterator[tuple[str, int, int]]) -> list[Token]:
    tokens, before = [], ""
    for text, start, end in found:
        tokens.append(Token(_form(text, before), start, end))
        before = text
    return tokens


def _form(text: str, before: str) -> str:
    if text in _KEPT or before == "." and text.isidentifier():
        return text
    if text.isidentifier():
        return "v"
    if text[0].isdigit() or text[0] == "." and text[1:2].isdigit():
        return "0"
    return "s" if text[-1] in "'\"" else text


def words(text: str) -> list[Token]:
    """The words of a written answer, in lower case.

    Examples
    --------
    >>> [token.form for token in words("Because $x$ cancels.")]
    ['because', 'x', 'cancels']
    """
    return [Token(found[0].casefold(), found.start(), found.end()) for found in re.finditer(r"\w+", text)]


# ---- fingerprints


def runs(tokens: list[Token], length: int = LENGTH) -> list[Fingerprint]:
    """Every run of tokens with its hash, the same on all machines."""
    forms = [token.form.encode("utf-8", "replace") for token in tokens]
    return [
        Fingerprint(_hash(forms[i : i + length]), tokens[i].start, tokens[i + length - 1].end)
        for i in range(len(tokens) - length + 1)
    ]


def _hash(forms: list[bytes]) -> int:
    return int.from_bytes(blake2b(b" ".join(forms), digest_size=7).digest())


def winnowed(found: list[Fingerprint], given: Collection[int] = frozenset()) -> list[Fingerprint]:
    """Of each `WINDOW` runs in a row that are not `given`, the one with the least hash; never none of a stretch."""
    kept: dict[int, Fingerprint] = {}
    at = 0
    for is_given, group in groupby(found, lambda run: run.hash in given):
        stretch = list(group)
        for i in range(max(1, len(stretch) - WINDOW + 1)) if not is_given else ():
            least = min(range(i, min(i + WINDOW, len(stretch))), key=lambda j: (stretch[j].hash, -j))
            kept[at + least] = stretch[least]
        at += len(stretch)
    return list(kept.values())
