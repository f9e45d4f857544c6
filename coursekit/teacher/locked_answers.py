"""Lock the model answers for a learner's edition; `coursekit.judging.model_answers` opens them."""

import dataclasses
import json
from pathlib import Path

from coursekit.core.question import Question
from coursekit.judging.model_answers import (
    Lock,
    cases_that_unlock,
    function_source,
    lock,
    run_unlocking,
    unlock,
    unlocking_calls,
)
from coursekit.judging.runner import Result
from coursekit.paths import ROOT, file_of
from coursekit.questions import all_questions
from coursekit.teacher.solutions import SolutionError, strip_module


def locked_answers(root: Path = ROOT) -> str:
    """The locked answers to all questions that can have one, as the text of a file: the same for the same tree."""
    functions = [question for question in all_questions().values() if not question.in_notebook]
    locks = {question.id: locked(question, root) for question in functions}
    return json.dumps({name: dataclasses.asdict(made) for name, made in locks.items() if made}, indent=1) + "\n"


def locked(question: Question, root: Path = ROOT) -> Lock | None:
    """The locked answer to a question, tried once; None if what a right answer returns is random, or can be guessed.

    Raises
    ------
    SolutionError
        If the reference does not return, or the answer does not open again.
    """
    cases = cases_that_unlock(question)
    inputs = [given for _, given in unlocking_calls(question, cases)]
    results, answers = run_unlocking(question, cases, root), model_answers(question, root)
    _require_returned(question, results)
    made = lock(cases, inputs, results, answers)
    if made and unlock(made, results) != answers:
        raise SolutionError(f"the model answer to {question.id} cannot be unlocked")
    return made


def _require_returned(question: Question, results: list[Result]) -> None:
    """Raise unless every call returned; a process may also not have started, or have been ended from outside."""
    for result in results:
        if result.outputs is None:
            why = f"{result.error.kind}: {result.error.message}" if result.error else f"its process: {result.ended}"
            raise SolutionError(f"the model answer to {question.id} did not run to its end ({why})")


def model_answers(question: Question, root: Path = ROOT) -> dict[str, str]:
    """The answers to a question, by what they implement; those to other questions in the same function are left out."""
    answers = {}
    for target in question.implements:
        name = file_of(target)
        source = strip_module(Path(root, name).read_text(encoding="utf-8"), name, keep={question.id})
        answers[target] = function_source(source, target)
    return answers
