"""Verdicts as text: the same words each time, so that stored notebook outputs hold on every machine."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from textwrap import wrap

from coursekit.core.question import Finding, Verdict
from coursekit.judging.judge import RUNS

WIDTH = 88  # what a notebook shows on a laptop without breaking lines of its own


def render(verdict: Verdict, tested: str = "", verbose: bool = False) -> str:
    """The text of a verdict.

    Parameters
    ----------
    verdict : Verdict
    tested : str
        What was tested, such as "cs231n/layers.py, saved 12 s ago"; not shown if all is well.
    verbose : bool
        Add every measured error, the gap at each edge that does not hold, and what the learner's code printed; these
        differ from machine to machine.
    """
    question = verdict.question
    if verdict.status == "not attempted":
        return "\n".join([f"{question.id}: not attempted", *_open_lines(verdict, tested)])
    if verdict.ok:
        held = [finding for finding in verdict.findings if finding.ok]
        lines = [question.id, *_ok_lines(held), *_edge_lines(verdict.failed_edges)]
        lines.append(f"{question.id}: ok, {num_points(question.points)}")
    else:
        lines = list(_wrong_lines(verdict, tested))
    return "\n".join(lines + (_details(verdict) if verbose else []))


def _open_lines(verdict: Verdict, tested: str) -> Iterator[str]:
    """What is still to be done, and where."""
    if verdict.waiting:
        yield from _wrapped(f"{verdict.waiting[0]}, line {verdict.waiting[1]}, still raises NotImplementedError", "  ")
    for note in verdict.notes:
        yield from _wrapped(note, "  ")
    if tested:
        yield from _wrapped(f"tested: {tested}", "  ")


def _details(verdict: Verdict) -> list[str]:
    measured = [f"  {f.label}: relative error {f.error:.1e}" for f in verdict.findings if f.error is not None]
    missed = [f"  {f.label}: {line.strip()}" for f in verdict.failed_edges for line in f.gap]
    notes = [f"  {note}" for note in verdict.notes] if verdict.ok else []
    return ["measured:", *measured, *missed, *notes]


def num_points(points: int) -> str:
    """A number of points in words: "1 point", "3 points"."""
    return f"{points} point{'' if points == 1 else 's'}"


def _ok_lines(findings: Iterable[Finding]) -> list[str]:
    """A line for each case and condition; outputs for which the same condition holds share it."""
    rows = []
    for (case, condition), group in groupby(findings, key=lambda finding: (finding.case, finding.condition)):
        rows.append((case, ", ".join(filter(None, (finding.output for finding in group))), condition))
    widths = [max((len(row[column]) for row in rows), default=0) for column in (0, 1)]
    return [line for row in rows for line in _ok_line(*row, *widths)]


def _ok_line(case: str, outputs: str, condition: str, case_width: int, outputs_width: int) -> list[str]:
    columns = [f"{case:<{case_width}}"] * bool(case_width) + [f"{outputs:<{outputs_width}}"] * bool(outputs)
    start = "".join(f"  {column}" for column in columns) + "  "
    if outputs and len(f"{start}{condition}  ok") > WIDTH:  # many outputs: the condition gets a line of its own
        start = f"  {case:<{case_width}}  " if case_width else "  "
        return [*_wrapped(outputs, start), " " * (len(start) + 2) + f"{condition}  ok"]
    return _wrapped(f"{condition}  ok", start)


def _edge_lines(failed: Iterable[Finding]) -> Iterator[str]:
    """A paragraph for each edge that does not hold: where it shows, what the case's own judge says, why it matters."""
    by_edge: dict[str, list[Finding]] = {}
    for finding in failed:
        by_edge.setdefault(finding.edge, []).append(finding)
    for edge, findings in by_edge.items():
        first = findings[0]
        outputs = ", ".join(f.output for f in findings if f.case == first.case and f.output)
        certain = "" if first.output else first.mistake  # of an output, a mistake could only be guessed
        found = first.gap[0] if first.condition == RUNS else certain
        reasons = "; ".join(filter(None, [found, edge]))
        where = "  ".join(filter(None, [first.case, outputs]))
        yield from _wrapped(f"{where}: not asked for, but worth knowing: {reasons}", "  ")


def _wrong_lines(verdict: Verdict, tested: str) -> Iterator[str]:
    first = next(finding for finding in verdict.asked if not finding.ok)
    yield f"{verdict.question.id}: wrong"
    right = sum(finding.ok for finding in verdict.asked)
    if right:
        yield f"  {right} of {len(verdict.asked)} checks {'passes' if right == 1 else 'pass'}; the first that fails:"
    about = "  ".join(filter(None, [first.case, first.output]))
    yield from _wrapped(f"{about}  expected: {first.condition}" if about else f"expected: {first.condition}", "  ")
    for line in first.gap:
        yield from _wrapped(line, "    ")
    if verdict.mistake:
        yield from _wrapped(f"likely mistake: {verdict.mistake}", "  ")
    for note in verdict.notes:
        yield from _wrapped(note, "  ")
    if tested:
        yield from _wrapped(f"tested: {tested}", "  ")


def _wrapped(text: str, start: str) -> list[str]:
    """A text in lines of at most `WIDTH` characters, two further in from the second on."""
    indent = " " * (len(start) if start.strip() else len(start) + 2)
    return wrap(
        text, WIDTH, initial_indent=start, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
