"""`check`: judge a question on the files as they are saved, and print a verdict of a few readable lines."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from coursekit.core.question import CheckFailed, Question, Status, UsageError, Verdict
from coursekit.judging import attempt, in_this_process, reference_answers
from coursekit.judging.blame import blame
from coursekit.judging.judge import judge, judge_values
from coursekit.judging.misplaced import in_this_notebook
from coursekit.judging.rendering import render
from coursekit.judging.runner import run_cases, runs_here
from coursekit.paths import ROOT, file_of
from coursekit.questions import find
from coursekit.running.inputs import remember

SECONDS = 5.0  # of processor time: an answer needs a tenth of it, an endless loop should not keep anyone waiting


def check(question_id: str, verbose: bool = False, **values: Any) -> None:
    """Check a question and print its verdict.

    Parameters
    ----------
    question_id : str
        Such as "affine_forward". What is checked is the file as saved on disk.
    verbose : bool
        Show every measured error as well.
    **values
        What a notebook question asks for, such as ``best_k=best_k``.

    Raises
    ------
    CheckFailed
        If the verdict is 'wrong' or 'not attempted'; its text is the verdict.
    UsageError
        If there is no such question, or it needs other values.

    Examples
    --------
    >>> check("affine_forward")  # doctest: +ELLIPSIS
    affine_forward
    ...
    affine_forward: ok, 2 points
    """
    show(*judged(find(question_id), values), verbose)


def judged(question: Question, values: dict[str, Any]) -> tuple[Verdict, str]:
    """The verdict on the saved files, or on values for a notebook question; and what was tested in words.

    Raises
    ------
    CheckFailed
        If it is interrupted.
    UsageError
        If it needs other values.
    """
    try:
        if runs_here() and not question.in_notebook:
            print(in_this_process.NOTICE, flush=True)
        return _verdict(question, values)
    except KeyboardInterrupt:
        raise CheckFailed(f"{question.id}: stopped.") from None


def show(verdict: Verdict, tested: str, verbose: bool = False, more: Iterable[str] = ()) -> None:
    """Print a verdict that is ok, with `more` lines below it; raise `CheckFailed` with the text of any other."""
    text = render(verdict, tested, verbose)
    if not verdict.ok:
        raise CheckFailed("\n".join([text, *_how_to_debug(verdict)])) from None
    print("\n".join([text, *_how_to_compare(verdict.question), *more]))


def _how_to_compare(question: Question) -> Iterator[str]:
    """A line on the model answer, where the edition has one to this question."""
    from coursekit.judging import model_answers  # it imports this module

    if model_answers.has_answer(question):
        yield f'  solution("{question.id}") shows the model answer beside yours.'


def _verdict(question: Question, values: dict[str, Any]) -> tuple[Verdict, str]:
    """The verdict, and what was tested in words."""
    if question.in_notebook:
        return judge_values(question, values), ""
    if values:
        raise UsageError(f'check("{question.id}") takes no values: it tests the saved file.')
    verdict = check_question(question)
    if verdict.status == Status.NOT_ATTEMPTED:
        verdict = replace(verdict, notes=(*verdict.notes, *in_this_notebook(question)))
    return verdict, tested_files(question)


def _how_to_debug(verdict: Verdict) -> Iterator[str]:
    """A line on how to get the inputs of the case that a wrong verdict shows."""
    case = next((finding.case for finding in verdict.asked if not finding.ok), "")
    if case:
        remember(verdict.question.id, case)
        yield f'  inputs("{verdict.question.id}") gives you these inputs for debugging.'


def check_question(question: Question, root: Path = ROOT) -> Verdict:
    """Check a function question on its public inputs; a `Verdict`, which names an earlier question that is to blame."""
    return blame(_judged(question, root), lambda earlier: _judged(earlier, root))


def _judged(question: Question, root: Path) -> Verdict:
    inputs = {index: question.draw_inputs(index) for index in range(len(question.cases))}
    results = run_cases(question, inputs, root, min(question.seconds, SECONDS))
    verdict = judge(question, inputs, results, reference_answers.expected(question))
    return replace(verdict, notes=(*verdict.notes, *attempt.notes(verdict, root)))


def tested_files(question: Question, root: Path = ROOT) -> str:
    """What was tested, in words: "cs231n/layers.py, saved 12 s ago"."""
    names = dict.fromkeys(file_of(target) for target in question.implements)
    return "; ".join(f"{name}, {_ago(Path(root, name))}" for name in names)


def _ago(path: Path) -> str:
    try:
        seconds = max(0, time.time() - path.stat().st_mtime)
    except OSError:
        return "which is missing"
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"saved {int(seconds / length)} {unit} ago"
    return f"saved {int(seconds)} s ago"
