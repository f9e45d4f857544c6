"""`check`: judge a question on the files as they are saved, and print a verdict of a few readable lines."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from coursekit.core.question import CheckFailed, Question, Status, Verdict
from coursekit.judging import reference_answers
from coursekit.judging.judge import judge, judge_values
from coursekit.judging.misplaced import in_this_notebook
from coursekit.judging.rendering import render
from coursekit.judging.runner import run_cases
from coursekit.paths import ROOT, file_of
from coursekit.questions import find


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

    Examples
    --------
    >>> check("affine_forward")  # doctest: +ELLIPSIS
    affine_forward
    ...
    affine_forward: ok, 2 points
    """
    question = find(question_id)
    if question.in_notebook:
        verdict, tested = judge_values(question, values), ""
    elif values:
        raise TypeError(f"check({question_id!r}) takes no values: it tests the saved file.")
    else:
        verdict, tested = check_question(question), tested_files(question)
        if verdict.status == Status.NOT_ATTEMPTED:
            verdict = replace(verdict, notes=(*verdict.notes, *in_this_notebook(question)))
    text = render(verdict, tested, verbose)
    if not verdict.ok:
        raise CheckFailed(text) from None
    print(text)


def check_question(question: Question, root: Path = ROOT) -> Verdict:
    """Check a function question on its public inputs; a `Verdict`."""
    inputs = {index: question.draw_inputs(index) for index in range(len(question.cases))}
    results = run_cases(question, inputs, root)
    return judge(question, inputs, results, reference_answers.expected(question))


def tested_files(question: Question, root: Path = ROOT) -> str:
    """What was tested, in words: "cs231n/layers.py, saved 12 s ago"."""
    names = dict.fromkeys(file_of(target) for target in question.implements)
    return "; ".join(f"{name}, saved {_ago(Path(root, name))}" for name in names)


def _ago(path: Path) -> str:
    seconds = max(0, time.time() - path.stat().st_mtime)
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{int(seconds / length)} {unit} ago"
    return f"{int(seconds)} s ago"
