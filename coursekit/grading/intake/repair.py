"""Make a learner's module readable where it is not Python, so that a missing colon costs one function and no more.

Each repair keeps the numbers of the lines and is named in a remark.
"""

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

FEW_SPACES = 3  # by so many the first line of a function can be off; further in, it is inside another one
MOST_STRAY_LINES = 30  # outside functions; a file with more is no module
_START = re.compile(r"([ \t]*)(?:async[ \t]+def|def|class)[ \t]+(\w+)")
_MAGIC = re.compile(r"([ \t]*)(?:%%?[a-z_]{2,}|![a-z])")
_CLAUSE = re.compile(r"(?:except|finally|else|elif)\b")  # that goes on with a statement outside functions
_OPENING = re.compile(r"(?:try|if|for|while|with)\b")
_IMPORT = re.compile(r"[ \t]+((?:import|from)[ \t].*)")
# Characters that come with copied text, and that Python does not take for spaces: with a width, and without one.
_SPACES = dict.fromkeys(map(ord, "\u00a0\u2002\u2003\u2007\u2009\u202f\u3000"), " ")
_INVISIBLE = _SPACES | dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff"), "")
_NOT_PYTHON = (SyntaxError, ValueError, RecursionError, MemoryError)


def repaired(text: str, edition: str) -> tuple[str, list[str]]:
    """A module that Python can read, and remarks; the text as it is, and none, if it is Python or cannot be repaired.

    Commands for IPython are left out. A function that is not Python raises its SyntaxError when it is called; one that
    was given is replaced by the version that was distributed. Other lines that are not Python are left out.

    Parameters
    ----------
    text : str
        The module as submitted.
    edition : str
        The module as distributed.
    """
    if problem_with(text) is None:
        return text, []
    lines, remarks = text.split("\n"), list[str]()
    for repair in _REPAIRS:
        remarks += repair(lines, edition)
    new = "\n".join(lines)
    return (new, remarks) if problem_with(new) is None else (text, [])


def problem_with(source: str) -> Exception | None:
    """Why Python cannot read a module; None if it can."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(source, "module", "exec", dont_inherit=True)
        except _NOT_PYTHON as error:
            return error
    return None


# ---- functions and classes, found by their first lines


@dataclass(frozen=True)
class Block:
    """A function, a method, or the lines of a class before its first method: lines `first` to `stop`, from 0."""

    owner: str
    name: str
    indent: str
    is_class: bool
    first: int
    stop: int

    @property
    def path(self) -> str:
        """Its name, with that of its class before it."""
        return f"{self.owner}.{self.name}" if self.owner else self.name

    def end(self, lines: list[str]) -> int:
        """The line after the last one that is indented further than a function's first line."""
        stop = 1 + next(n for n in range(self.first, self.stop) if _START.match(lines[n]))
        for number in range(stop, self.stop):
            line = lines[number]
            if line.strip() and not line.startswith((self.indent + " ", self.indent + "\t")):
                break
            stop = number + 1
        return stop


def blocks(lines: list[str]) -> list[Block]:
    """The functions, methods and classes; what is defined inside a function belongs to it."""
    starts = list(_starts(lines))
    stops = [*(start[-1] for start in starts[1:]), len(lines)][: len(starts)]
    return [Block(*start[:-1], start[-1], stop) for start, stop in zip(starts, stops, strict=True)]


def _starts(lines: list[str]) -> Iterator[tuple[str, str, str, bool, int]]:
    owner, method_indent = "", None
    for number, line in enumerate(lines):
        match = _START.match(line)
        if not match:
            continue
        indent, name = match.groups()
        is_class = line.lstrip().startswith("class")
        if not indent:
            owner, method_indent = (name if is_class else ""), None
            yield "", name, indent, is_class, _with_decorators(lines, number)
        elif owner and not is_class and method_indent in (None, indent):
            method_indent = indent
            yield owner, name, indent, False, _with_decorators(lines, number)


def _with_decorators(lines: list[str], number: int) -> int:
    while number and lines[number - 1].lstrip().startswith("@"):
        number -= 1
    return number


def _problem_in(lines: list[str], block: Block, stop: int) -> Exception | None:
    """Why Python cannot read some lines by themselves; line numbers are those of the module."""
    body = lines[block.first : stop]
    before = [""] * block.first
    if block.indent:
        before[-1] = "class _:"
    return problem_with("\n".join([*before, *body]) + f"\n{block.indent}    pass" * block.is_class)


# ---- the repairs: each changes the list of lines, and yields a remark for each change


def _replace_invisible(lines: list[str], _edition: str) -> Iterator[str]:
    found = [number for number, line in enumerate(lines) if line != line.translate(_INVISIBLE)]
    for number in found:
        lines[number] = lines[number].translate(_INVISIBLE)
    if found:
        more = f" (and in {len(found) - 1} more)" if len(found) > 1 else ""
        yield f"Line {found[0] + 1}{more}: an invisible character, as copied text has them, was replaced."


def _leave_out_magics(lines: list[str], _edition: str) -> Iterator[str]:
    for number, line in enumerate(lines):
        if match := _MAGIC.match(line):
            yield f"Line {number + 1}, `{_shown(line)}`, is a command for IPython; it was left out."
            lines[number] = f"{match[1]}pass" if match[1] else ""


def _straighten(lines: list[str], edition: str) -> Iterator[str]:
    """Put the first line of a function or a class where it belongs, if it is a few spaces off."""
    given = {block.path: block.indent for block in blocks(edition.split("\n"))}
    owner, inner = "", ""  # the class, and the indentation of its methods
    for number, line in enumerate(lines):
        match = _START.match(line)
        if not match:
            continue
        indent, name = match[1].expandtabs(), match[2]
        places = [given[path] for path in (name, f"{owner}.{name}") if path in given]
        most = FEW_SPACES if places else 1
        nearest = min(places or ["", inner], key=lambda place: abs(len(place) - len(indent)))
        if 0 < abs(len(nearest) - len(indent)) <= most:
            for place in range(_with_decorators(lines, number), number + 1):
                lines[place] = nearest + lines[place].lstrip()
            yield f"Line {number + 1}, `{_shown(line)}`, is indented by {len(indent)} spaces; it was put in its place."
            indent = nearest
        if not indent:
            owner, inner = (name if line.lstrip().startswith("class") else ""), ""
        elif owner and not inner:
            inner = indent


def _replace_class_lines(lines: list[str], edition: str) -> Iterator[str]:
    """Take the first line of a class as it was distributed where the learner's lines before the methods do not work."""
    given = {b.name: edition.split("\n")[b.first] for b in blocks(edition.split("\n")) if b.is_class}
    for block in filter(lambda block: block.is_class, blocks(lines)):
        problem = _problem_in(lines, block, block.stop) if block.name in given else None
        if problem is not None:
            lines[block.first : block.stop] = _filled([given[block.name]], block.stop - block.first)
            yield f"{_where(problem)}the beginning of the class {block.name} is not valid Python; it was repaired."


def _replace_functions(lines: list[str], edition: str) -> Iterator[str]:
    given = edition.split("\n")
    provided = {block.path: given[block.first : block.stop] for block in blocks(given) if not block.is_class}
    for block in reversed([block for block in blocks(lines) if not block.is_class]):
        problem = _problem_in(lines, block, block.stop)
        if problem is None:
            continue
        stop = block.end(lines)
        rest = Block(block.owner, block.name, block.indent, False, stop, block.stop)
        if stop < block.stop and _problem_in(lines, rest, block.stop) is not None:
            stop = block.stop
        own = provided.get(block.path, [])
        is_asked = not own or any("raise NotImplementedError(" in line for line in own)
        new = [_raising(block, problem)] if is_asked else own
        lines[block.first : stop] = _filled(new, stop - block.first)
        what = "it raises this error when it is called" if is_asked else "the version that was distributed is used"
        yield f"{_where(problem)}{block.path} is not valid Python ({_reason(problem)}); {what}."


def _raising(block: Block, problem: Exception) -> str:
    """A function in one line that raises what Python said about the learner's."""
    details: tuple = ()
    if isinstance(problem, SyntaxError) and problem.lineno:
        details = ((_FILE, problem.lineno, problem.offset, problem.text),)
    arguments = ", ".join(map(repr, (_reason(problem), *details))).replace(repr(_FILE), "__file__")
    return f"{block.indent}def {block.name}(*args, **kwargs): raise SyntaxError({arguments})"


_FILE = "this file"


def _leave_out_stray_lines(lines: list[str], _edition: str) -> Iterator[str]:
    """Leave out lines outside functions, one by one, as long as Python complains about such a line."""
    for _ in range(MOST_STRAY_LINES):
        problem = problem_with("\n".join(lines))
        number = (problem.lineno or 0) - 1 if isinstance(problem, SyntaxError) else -1
        if not 0 <= number < len(lines) or not lines[number]:
            return
        if isinstance(problem, IndentationError) and (found := _IMPORT.match(lines[number])):
            yield f"Line {number + 1}, `{_shown(lines[number])}`, is indented; the spaces before it were left out."
            lines[number] = found[1]
            continue
        yield f"Line {number + 1}, `{_shown(lines[number])}`, is not valid Python; it was left out."
        first, stop = _statement_around(lines, number)
        lines[first:stop] = [""] * (stop - first)


def _statement_around(lines: list[str], number: int) -> tuple[int, int]:
    """The lines, from first to stop, to leave out with one: if it goes on with a statement, all of that."""
    if not _CLAUSE.match(lines[number]):
        return number, number + 1
    goes_on = re.compile(rf"\s|$|#|{_CLAUSE.pattern}")
    first, stop = number - 1, number + 1
    while first > 0 and goes_on.match(lines[first]):
        first -= 1
    if not _OPENING.match(lines[first]):
        return number, number + 1
    while stop < len(lines) and goes_on.match(lines[stop]):
        stop += 1
    return first, stop


_REPAIRS = (
    _replace_invisible,
    _leave_out_magics,
    _straighten,
    _replace_class_lines,
    _replace_functions,
    _leave_out_stray_lines,
)


def _filled(new: list[str], length: int) -> list[str]:
    """Some lines, with empty ones after them so that the lines below keep their numbers."""
    while new and not new[-1].strip():
        new = new[:-1]
    return new + [""] * (length - len(new))


def _where(problem: Exception) -> str:
    number = problem.lineno if isinstance(problem, SyntaxError) else None
    return f"Line {number}: " if number else ""


def _reason(problem: Exception) -> str:
    return problem.msg if isinstance(problem, SyntaxError) else type(problem).__name__


def _shown(line: str) -> str:
    line = line.strip()
    return line if len(line) <= 60 else line[:57] + "..."
