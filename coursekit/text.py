"""Verdicts as text: the same words each time, so that stored notebook outputs hold on every machine."""


def render(verdict, tested=""):
    """The text of a verdict.

    Parameters
    ----------
    verdict : Verdict
    tested : str
        What was tested, such as "cs231n/layers.py, saved 12 s ago"; shown with a wrong verdict only.
    """
    question = verdict.question
    if verdict.status == "not attempted":
        return "\n".join([f"{question.id}: not attempted", *(f"  {note}" for note in verdict.notes)])
    if verdict.ok:
        return "\n".join([question.id, *_ok_lines(verdict.findings), f"{question.id}: ok, {_points(question.points)}"])
    return "\n".join(_wrong_lines(verdict, tested))


def _points(points):
    return f"{points} point{'' if points == 1 else 's'}"


def _ok_lines(findings):
    width = max((len(finding.label) for finding in findings), default=0)
    return [f"  {finding.label:<{width}}  {finding.bound}  ok" for finding in findings]


def _wrong_lines(verdict, tested):
    first = next(finding for finding in verdict.findings if not finding.ok)
    yield f"{verdict.question.id}: wrong"
    right = sum(finding.ok for finding in verdict.findings)
    if right:
        yield f"  {right} of {len(verdict.findings)} checks are right; the first that is not:"
    yield f"  {first.label}  ({first.bound})"
    yield from (f"    {line}" for line in first.gap)
    if verdict.mistake:
        yield f"  likely mistake: {verdict.mistake}"
    yield from (f"  {note}" for note in verdict.notes)
    if tested:
        yield f"  tested: {tested}"
