"""Functions as blocks of lines, in a source that may be half written: where one is, and how to replace it."""

import io
import re
from collections.abc import Iterator

from coursekit.learner.first_forms import Lines, places

_DEF = r"(?:async[ \t]+)?def[ \t]+{name}\b"
_BEGINS = re.compile(r"[ \t]*((def|class|async)\b|@)")  # even in a text, which may be one that never ends
_CONFLICT = re.compile(r"(<{7}|\|{7}|={7}|>{7})(?!\S)")  # what Git leaves of a merge
_GOES_ON = re.compile(r"[ \t]*[)\]}#]")


def split_lines(text: str) -> list[str]:
    r"""The lines with their ends, as Python counts them.

    Examples
    --------
    >>> split_lines("a\r\nb\x0cc\n")
    ['a\r\n', 'b\x0cc\n']
    """
    return list(io.StringIO(text, newline=""))


def line_end(text: str) -> str:
    """How most lines of a text end."""
    windows = text.count("\r\n")
    return "\r\n" if windows * 2 > text.count("\n") else "\n"


def find(source: str, target: str) -> list[Lines]:
    r"""The blocks of a function, its decorators included: once, or never, or several times.

    A source that is not valid Python is searched by its indentation.

    Examples
    --------
    >>> find("def f(x:\n    return x\n\ny = 1\n", "cs231n.trial:f")
    [(1, 2)]
    """
    try:
        return places(source, target)
    except (SyntaxError, ValueError):
        return _find_by_indentation(split_lines(source), target.split(":")[1].split("."))


def _find_by_indentation(lines: list[str], path: list[str]) -> list[Lines]:
    owners, name = path[:-1], path[-1]
    areas = [(0, len(lines))]
    for owner in owners:
        areas = [area for start, end in areas for area in _blocks(lines, start, end, rf"class[ \t]+{owner}\b")]
    found = [block for start, end in areas for block in _blocks(lines, start, end, _DEF.format(name=name))]
    return [
        (_with_decorators(lines, start) + 1, _before_conflict(lines, start, end))
        for start, end in found
        if bool(owners) == bool(_indent(lines[start]))
    ]


def _blocks(lines: list[str], start: int, end: int, head: str) -> Iterator[tuple[int, int]]:
    """The blocks in some lines that begin with a head: the number of the first line, and of the one after the last."""
    for number in range(start, end):
        if re.match(rf"[ \t]*{head}", lines[number]):
            yield number, _end(lines, number, end)


def _end(lines: list[str], start: int, limit: int) -> int:
    """Where the block that begins in a line ends: before what is indented no further, blank lines left out."""
    depth, in_text, last = len(_indent(lines[start])), False, start
    for number in range(start, limit):
        line = lines[number]
        if _CONFLICT.match(line):
            continue
        is_outside = number > start and line.strip() and len(_indent(line)) <= depth
        if is_outside and (_BEGINS.match(line) or not in_text and not _GOES_ON.match(line)):
            break
        if line.strip():
            last = number
        in_text ^= (line.count('"""') + line.count("'''")) % 2 == 1
    return last + 1


def _before_conflict(lines: list[str], start: int, end: int) -> int:
    """Where a function ends: before the end of the side of a conflict that it begins in."""
    is_open = False
    for number in range(start, end):
        if mark := _CONFLICT.match(lines[number]):
            if not is_open and mark[1] != "<" * 7:
                return _without_blank_lines(lines, start, number)
            is_open = mark[1] != ">" * 7
    is_closed_next = is_open and lines[end : end + 1] and lines[end].startswith(">" * 7)
    return end + 1 if is_closed_next else end


def _without_blank_lines(lines: list[str], start: int, end: int) -> int:
    while end > start and not lines[end - 1].strip():
        end -= 1
    return end


def _with_decorators(lines: list[str], start: int) -> int:
    while start and lines[start - 1].lstrip().startswith("@"):
        start -= 1
    return start


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t"))]


def text_of(source: str, block: Lines) -> str:
    """The lines of a block, with ends as on Unix."""
    first, last = block
    return "".join(line.rstrip("\r\n") + "\n" for line in split_lines(source)[first - 1 : last])


def replaced(source: str, blocks: list[Lines], text: str) -> str:
    """A source with a text in place of the first block, and without the others; its lines end as those around it."""
    lines, end = split_lines(source), line_end(source)
    first, last = blocks[0]
    fitted = _indented(text, _indent(lines[first - 1]), end)
    for other, after in reversed(blocks[1:]):
        while other > last + 1 and not lines[other - 2].strip():
            other -= 1
        del lines[other - 1 : after]
    if lines[last - 1 : last] and not lines[last - 1].endswith(("\n", "\r")):
        fitted = fitted.removesuffix(end)
    return "".join([*lines[: first - 1], fitted, *lines[last:]])


def _indented(text: str, indent: str, end: str) -> str:
    """A text whose first level of indentation is replaced by another."""
    old = _indent(text)
    lines = (indent + line.removeprefix(old) if line.strip() else line for line in text.splitlines())
    return "".join(line + end for line in lines)


def inserted(source: str, first: str, target: str) -> str | None:
    """A source with a function in its first form where it is missing: after the one that came before it.

    Parameters
    ----------
    source, first : str
        The module as it is, and as it was handed out.
    target : str
        Such as "cs231n.layers:relu_forward".

    Returns
    -------
    str or None
        None if its class is missing, or no function is left beside which it could stand.
    """
    module, _, path = target.partition(":")
    owner = path.rpartition(".")[0]
    text, lines = text_of(first, find(first, target)[0]), split_lines(source)
    for name in reversed(_siblings_before(first, target)):
        if blocks := find(source, f"{module}:{owner + '.' if owner else ''}{name}"):
            indent = _indent(lines[blocks[-1][0] - 1])
            return _put(lines, blocks[-1][1], text, indent, bool(owner), line_end(source))
    if owner:
        heads = list(_blocks(lines, 0, len(lines), rf"class[ \t]+{owner}\b"))
        return _put(lines, heads[0][1], text, _indent(text), True, line_end(source)) if heads else None
    return _put(lines, len(lines), text, "", False, line_end(source))


def _siblings_before(first: str, target: str) -> list[str]:
    """The functions above a function in the same class, or at the same level of the module."""
    *owners, name = target.split(":")[1].split(".")
    depth = len(_indent(text_of(first, find(first, target)[0])))
    begin = find(first, target)[0][0]
    heads = (re.match(r"([ \t]*)def[ \t]+(\w+)", line) for line in split_lines(first)[: begin - 1])
    return [match[2] for match in heads if match and len(match[1]) == depth and match[2] != name]


def _put(lines: list[str], after: int, text: str, indent: str, is_method: bool, end: str) -> str:
    before = "".join(lines[:after])
    before += "" if before.endswith(("\n", "\r")) or not before else end
    gap = end if is_method else end * 2
    return before + gap + _indented(text, indent, end) + "".join(lines[after:])
