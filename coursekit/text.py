"""Verdicts as text: the same words each time, so that stored notebook outputs hold on every machine."""

from itertools import groupby
from textwrap import wrap

WIDTH = 96  # what a notebook shows without breaking lines of its own


def render(verdict, tested="", verbose=False):
    """The text of a verdict.

    Parameters
    ----------
    verdict : Verdict
    tested : str
        What was tested, such as "cs231n/layers.py, saved 12 s ago"; shown with a wrong verdict only.
    verbose : bool
        Add every measured error and what the learner's code printed; these differ from machine to machine.
    """
    question = verdict.question
    if verdict.status == "not attempted":
        return "\n".join([f"{question.id}: not attempted", *(f"  {note}" for note in verdict.notes)])
    if verdict.ok:
        lines = [question.id, *_ok_lines(verdict.findings), f"{question.id}: ok, {_points(question.points)}"]
    else:
        lines = list(_wrong_lines(verdict, tested))
    return "\n".join(lines + (_details(verdict) if verbose else []))


def _details(verdict):
    measured = [f"  {f.label}: relative error {f.error:.1e}" for f in verdict.findings if f.error is not None]
    notes = [f"  {note}" for note in verdict.notes] if verdict.ok else []
    return ["measured:", *measured, *notes]


def _points(points):
    return f"{points} point{'' if points == 1 else 's'}"


def _ok_lines(findings):
    """A line for each case; its outputs share it where they were held to the same bound."""
    labels, bounds = [], []
    for (case, bound), group in groupby(findings, key=lambda finding: (finding.label.split("  ")[0], finding.bound)):
        outputs = [output for finding in group for output in finding.label.split("  ")[1:]]
        labels.append("  ".join([case, *filter(None, [", ".join(outputs)])]))
        bounds.append(bound)
    width = max(map(len, labels), default=0)
    return [f"  {label:<{width}}  {bound}  ok" for label, bound in zip(labels, bounds, strict=True)]


def _wrong_lines(verdict, tested):
    first = next(finding for finding in verdict.findings if not finding.ok)
    yield f"{verdict.question.id}: wrong"
    right = sum(finding.ok for finding in verdict.findings)
    if right:
        yield f"  {right} of {len(verdict.findings)} checks are right; the first that is not:"
    yield f"  {first.label}  wanted: {first.bound}"
    yield from (f"    {line}" for line in first.gap)
    if verdict.mistake:
        yield from wrap(f"likely mistake: {verdict.mistake}", WIDTH, initial_indent="  ", subsequent_indent="    ")
    yield from (f"  {note}" for note in verdict.notes)
    if tested:
        yield f"  tested: {tested}"
