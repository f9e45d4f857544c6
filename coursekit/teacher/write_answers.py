"""Compute the reference answers from the solved tree and the zoo; `coursekit.judging.reference_answers` reads them.

The page that says what each question asks for is written with them.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from coursekit.core import serialization
from coursekit.core.question import Question
from coursekit.judging.reference_answers import FOLDER, fingerprint, path_of, same_values
from coursekit.judging.runner import Result, run_case
from coursekit.paths import ROOT, file_of
from coursekit.questions import NOTEBOOKS, declared, notebook_file
from coursekit.teacher import asked
from coursekit.teacher.solutions import SolutionError, functions_in, misnamed_answers, strip_module
from zoo import outcomes, wrong_entries


def write(notebooks: Sequence[str] = (), folder: Path = FOLDER) -> int:
    """Write the reference answers for some notebooks, or for all: a file for each question. 0 if all are known."""
    unknown = [name for name in notebooks if name not in NOTEBOOKS]
    if unknown:
        print(f"There is no notebook {', '.join(unknown)}; choose from {', '.join(NOTEBOOKS)}.")
        return 2
    questions = [q for q in declared().values() if q.notebook in (notebooks or NOTEBOOKS) and not q.in_notebook]
    if misnamed := _misnamed(notebooks or list(NOTEBOOKS)):
        print("\n".join(misnamed))
        return 1
    try:
        answers = _answers_to(questions)
    except (ValueError, SolutionError) as error:
        print(f"Nothing was stored: {error}")
        return 1
    changed = sum(_write(path_of(declared()[id_], folder), serialization.pack(found)) for id_, found in answers.items())
    print(f"The answers to {len(questions)} questions are in {folder}; {changed or 'none'} of them changed.")
    if folder == FOLDER:
        is_new = _write(asked.FILE, asked.page().encode())
        print(f"What is asked is in {asked.FILE}; {'it' if is_new else 'nothing'} changed.")
    return 0


def _misnamed(notebooks: Sequence[str]) -> list[str]:
    """What learners would write in some notebooks, and nobody would find: a sentence for each cell."""
    files = {notebook_file(name): Path(ROOT, notebook_file(name)) for name in notebooks}
    found = [misnamed_answers(json.loads(path.read_text(encoding="utf-8")), name) for name, path in files.items()]
    return [sentence for sentences in found for sentence in sentences]


def _answers_to(questions: Sequence[Question]) -> dict[str, dict]:
    """The answers to questions by id; ValueError if a model answer fails. All are there before one is written."""
    answers = {question.id: answers_of(question) for question in questions}
    others = elsewhere(list(answers))
    return {id_: with_unstable_named(found, others[id_]) for id_, found in answers.items()}


def _write(path: Path, data: bytes) -> bool:
    """Write a file; whether that changes it."""
    is_new = not path.is_file() or path.read_bytes() != data
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return is_new


def answers_of(question: Question) -> dict:
    """What the reference, and each known mistake, returns on the public inputs, and the functions as handed out."""
    expected = {i: _expected(question, i) for i, case in enumerate(question.cases) if not case.judge}
    mistakes = [
        {"sentence": entry.sentence, "results": _brief(question, outcomes(entry))}
        for entry in wrong_entries(question.id)
    ]
    return {"expected": expected, "mistakes": mistakes, "given": _handed_out(question)}


# ---- what differs from machine to machine

# Another kernel of OpenBLAS, as other processors use it; it is chosen when NumPy is loaded, so in a process of its own.
_ELSEWHERE = {"OPENBLAS_CORETYPE": "Prescott"}
_AS_ELSEWHERE = """
import sys
from coursekit.core import serialization
from coursekit.questions import declared
from coursekit.teacher.write_answers import answers_of

answers = {id_: [m["results"] for m in answers_of(declared()[id_])["mistakes"]] for id_ in sys.argv[1:]}
sys.stdout.buffer.write(serialization.pack(answers))
"""


def elsewhere(ids: Sequence[str]) -> dict[str, list[dict]]:
    """What the known mistakes of questions return with another processor's routines, by the id of the question."""
    done = subprocess.run(
        [sys.executable, "-c", _AS_ELSEWHERE, *ids], env=os.environ | _ELSEWHERE, stdout=subprocess.PIPE, check=True
    )
    return serialization.unpack(done.stdout)


def with_unstable_named(answers: dict, others: list[dict]) -> dict:
    """The answers; with each known mistake the outputs that it returns in another way elsewhere are "unstable".

    Such as eigenvectors of equal eigenvalues, which rounding alone decides.
    """
    for mistake, other in zip(answers["mistakes"], others, strict=True):
        for index, here in mistake["results"].items():
            if unstable := _differing(here["outputs"], other[index]["outputs"]):
                here["unstable"] = unstable
    return answers


def _differing(here: Any, there: Any) -> list[str]:
    """The names of outputs that are not the same but for rounding."""
    if not isinstance(here, dict) or not isinstance(there, dict):
        return []
    return sorted(name for name in here if not same_values(here[name], there.get(name)))


def _expected(question: Question, index: int) -> dict:
    """What the model answer returns for a case; ValueError if it raises, since an error is no answer."""
    case = question.cases[index]
    result = run_case(case, question.draw_inputs(index))
    if result.error:
        error = f"{result.error.kind}: {result.error.message}"
        raise ValueError(f"the model answer to {question.id} fails on {case.name!r}: {error}")
    return result.outputs


def _handed_out(question: Question) -> list[str]:
    """The lines of the functions that a question asks for, with their answers removed."""
    lines = []
    for target in question.implements:
        source = strip_module(Path(ROOT, file_of(target)).read_text(encoding="utf-8"), file_of(target))
        for first, last, name in functions_in(source):
            if name == target.split(":")[1]:
                lines += source.splitlines()[first - 1 : last]
    return lines


def _brief(question: Question, results: dict[int, Result]) -> dict:
    return {
        index: {
            "outputs": result.outputs,
            "error": fingerprint(result.error, question.draw_inputs(index)),
            "changed": list(result.changed),
        }
        for index, result in results.items()
    }
