"""Find out which statements of a learner's modules raise at import, and leave these out.

A module that cannot be imported would cost every question in it, and those in all modules that import it. After this,
a failed import or an assertion costs the questions that need what it should have defined, and no others.
"""

import ast
import builtins
import json
import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from coursekit.grading.intake.notebook_cells import LARGEST_PARSED, PARSING_ERRORS, bound_names, parse_module
from coursekit.judging.runner import Ending, FinishedProcess

SECONDS = 5.0  # processor time for importing all modules once
ATTEMPTS = 6  # each but the last leaves out one more statement that does not end, or ends the process
MOST_LEFT_OUT = 50
MOST_EVENTS = 20_000  # a statement has two
LONGEST_TEXT = 200
# What Python 2 had under another name: the modules that offer it in Python 3, and what it is called now.
_OLD_MODULES = ("past.builtins", "builtins", "six", "six.moves", "future.builtins")
_TODAY = {"xrange": "range", "range": "range", "zip": "zip", "map": "map", "input": "input", "raw_input": "input"}
_TODAY |= {"unicode": "str", "basestring": "str", "long": "int", "object": "object", "str": "str", "int": "int"}
_TODAY |= {"filter": "filter", "open": "open", "super": "super", "round": "round"}

RunTrial = Callable[[dict[str, bytes], list[str]], FinishedProcess]


@dataclass(frozen=True)
class LeftOut:
    """A statement that was left out: where it is, what it says, the names it should have bound, and why it failed."""

    file: str
    line: int
    text: str
    names: frozenset[str]
    reason: str

    @property
    def sentence(self) -> str:
        """What was left out, and why."""
        return f"line {self.line} of {self.file}, `{self.text}`, failed and was left out: {self.reason}"


@dataclass(frozen=True)
class Tried:
    """The modules that can be imported, by name; remarks on what was changed in them; and what was left out."""

    files: dict[str, bytes]
    remarks: list[str]
    left_out: list[LeftOut]


def tried(files: dict[str, bytes], given: dict[str, bytes], run: RunTrial, seconds: float = math.inf) -> Tried:
    """Import a learner's modules in the sandbox; the modules without the statements that fail.

    Parameters
    ----------
    files, given : dict
        The learner's modules, and the course's as distributed, by name.
    run : callable
        Takes modules by name and a command; runs the command beside them in the sandbox.
    seconds : float, optional
        Of processor time for all attempts; the first is made in any case.
    """
    found = Tried(dict(files), [], [])
    own = sorted(name for name, data in files.items() if data != given.get(name))
    for _ in range(ATTEMPTS if own else 0):
        process = run(found.files, [sys.executable, "-m", "coursekit.running.trial", *own])
        seconds -= process.used
        events = list(_events(process.stdout, found.files))
        failures = [event for event in events if event["kind"] == "raised"]
        unfinished = _unfinished(events, process)
        if len(events) == MOST_EVENTS:
            found.remarks.append("The modules have too many statements: only the first of those that fail are known.")
        for event in [*failures, *unfinished][:MOST_LEFT_OUT]:
            _leave_out(event, found)
        if not unfinished:
            break
        if seconds <= 0:
            found.remarks.append("Importing the modules takes too long; no further statement was left out.")
            break
    return found


# ---- what the trial reported: it may be forged, which can only change the learner's own modules


def _events(report: bytes, files: dict[str, bytes]) -> Iterator[dict[str, Any]]:
    for line in report.splitlines()[:MOST_EVENTS]:
        try:
            event = json.loads(line)
            is_known = event["kind"] == "finished" or _is_place(event, files)
        except (ValueError, TypeError, KeyError, RecursionError):
            return
        if not is_known:
            return
        yield event


def _is_place(event: dict[str, Any], files: dict[str, bytes]) -> bool:
    first, last = event["first"], event["last"]
    if event["file"] not in files or type(first) is not int or type(last) is not int:
        return False
    return event["kind"] in ("began", "raised", "ended") and 1 <= first <= last <= files[event["file"]].count(b"\n") + 1


def _unfinished(events: list[dict[str, Any]], process: FinishedProcess) -> list[dict[str, Any]]:
    """The statement that was running when the process ended, as an event; none if it came to its end."""
    if any(event["kind"] == "finished" for event in events) or len(events) == MOST_EVENTS:  # who knows what came last
        return []
    running = []
    for event in events:
        if event["kind"] == "began":
            running.append(event)
        elif event["kind"] == "ended" and running:
            running.pop()
    endless = process.ended in (Ending.TIMEOUT, Ending.STALLED)
    message = "it did not end" if endless else "it ended the process"
    return [running[-1] | {"error": "", "message": message, "aliases": []}] if running else []


# ---- leaving out a statement


def _leave_out(event: dict[str, Any], found: Tried) -> None:
    """Put what replaces a statement into its module; lines keep their numbers."""
    file, first, last = event["file"], event["first"], event["last"]
    lines = found.files[file].decode(errors="replace").split("\n")
    text, error = "\n".join(lines[first - 1 : last]), str(event["error"])[:LONGEST_TEXT]
    reason = ": ".join(filter(None, [error, str(event["message"])[:LONGEST_TEXT]]))
    statement = _parsed(text)
    failing = {str(name) for name in event["aliases"]} if isinstance(event["aliases"], list) else set()
    new, is_today = _instead(statement, failing, error, reason)
    lines[first - 1 : last] = [new, *[""] * (last - first)]
    found.files[file] = "\n".join(lines).encode()
    if is_today:
        found.remarks.append(f"{file}: Line {first}, `{_shown(text)}`, is for Python 2; it was replaced by `{new}`.")
        return
    left_out = LeftOut(file, first, _shown(text), _names(statement, failing), reason)
    found.left_out.append(left_out)
    found.remarks.append(f"{file}: Line {first}, `{left_out.text}`, failed and was left out: {reason}")


def _parsed(text: str) -> ast.stmt | None:
    try:
        statements = parse_module(text) if len(text) <= LARGEST_PARSED else []
    except PARSING_ERRORS:
        return None
    return statements[0] if len(statements) == 1 else None


def _instead(statement: ast.stmt | None, failing: set[str], error: str, reason: str) -> tuple[str, bool]:
    """A line in place of a statement, and whether it does all that the statement should have done."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
        kind = error if _is_error(error) else "RuntimeError"
        return f"def {statement.name}(*args, **kwargs): raise {kind}({reason!r})", False
    if not isinstance(statement, (ast.Import, ast.ImportFrom)):
        return "pass", False
    kept = [alias for alias in statement.names if alias.name not in failing]
    lost = [alias for alias in statement.names if alias.name in failing]
    is_old = isinstance(statement, ast.ImportFrom) and statement.module in _OLD_MODULES
    today = [f"{a.asname or a.name} = {_TODAY[a.name]}" for a in lost if is_old and a.name in _TODAY]
    parts = [_import_of(statement, kept)] * bool(kept) + today
    return "; ".join(parts) or "pass", bool(lost) and len(today) == len(lost)


def _import_of(statement: ast.Import | ast.ImportFrom, aliases: list[ast.alias]) -> str:
    if isinstance(statement, ast.Import):
        return ast.unparse(ast.Import(aliases))
    return ast.unparse(ast.ImportFrom(statement.module, aliases, statement.level))


def _is_error(name: str) -> bool:
    kind = getattr(builtins, name, None)
    return isinstance(kind, type) and issubclass(kind, Exception)


def _names(statement: ast.stmt | None, failing: set[str]) -> frozenset[str]:
    """The names that a statement should have bound and that are missing now."""
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        lost = (alias for alias in statement.names if alias.name in failing)
        return frozenset((alias.asname or alias.name).split(".")[0] for alias in lost)
    return frozenset(bound_names(statement)) if statement else frozenset()


def _shown(text: str) -> str:
    line = text.strip().split("\n")[0]
    return line if len(line) <= 60 and line == text.strip() else line[:57] + "..."
