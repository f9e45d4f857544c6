"""Stored answers: what the reference, and each known mistake, returns on the public inputs.

They let the learner's edition judge and name mistakes without holding the solved code. `python -m coursekit store`
writes them from the solved tree and the zoo; a test holds them against both.
"""

from functools import cache
from pathlib import Path

from coursekit import mistakes, wire
from coursekit.questions import NOTEBOOKS, all_questions

FOLDER = Path(__file__).parent / "questions" / "stored"


@cache
def _load(notebook):
    return wire.unpack((FOLDER / f"{notebook}.npz").read_bytes())


def expected(question):
    """The reference's outputs on the public inputs, by index of the case."""
    answers = _load(question.notebook).get(question.id)
    if answers is None:
        raise ValueError(f"There are no stored answers for {question.id}: python -m coursekit store writes them.")
    return answers["expected"]


def recognise(question, results):
    """The sentence of the known mistake that returns just what the learner's code returned, or ''."""
    try:
        known = _load(question.notebook)[question.id]["mistakes"]
    except (OSError, KeyError):
        return ""
    for mistake in known:
        if all(_same(result, mistake["results"].get(index)) for index, result in results.items()):
            return mistake["sentence"]
    return ""


def _same(result, known):
    if known is None:
        return False
    if result["error"] or known["error"]:
        return bool(result["error"] and known["error"] and result["error"]["kind"] == known["error"])
    return result["changed"] == known["changed"] and _same_values(result["outputs"], known["outputs"])


def _same_values(a, b):
    if isinstance(a, dict) and isinstance(b, dict):
        return set(a) == set(b) and all(_same_values(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(map(_same_values, a, b))
    try:
        return bool(mistakes.close(a, b))
    except (TypeError, ValueError):
        return a == b


def write(notebooks=(), folder=FOLDER):
    """Compute the stored answers anew from the solved tree and the zoo, for some notebooks or for all."""
    from coursekit.worker import run_case
    from coursekit.zoo import outcomes, wrong_entries

    folder.mkdir(exist_ok=True)
    for notebook in notebooks or NOTEBOOKS:
        answers = {}
        for question in all_questions().values():
            if question.notebook != notebook or question.in_notebook:
                continue
            cases = range(len(question.cases))
            reference = {i: run_case(question.cases[i], question.draw_inputs(i)) for i in cases}
            answers[question.id] = {
                "expected": {i: r["outputs"] for i, r in reference.items() if not question.cases[i].judge},
                "mistakes": [
                    {"sentence": entry.sentence, "results": _brief(outcomes(entry))} for entry in wrong_entries(question.id)
                ],
            }
        (folder / f"{notebook}.npz").write_bytes(wire.pack(answers))


def _brief(results):
    return {
        index: {
            "outputs": result["outputs"],
            "error": result["error"]["kind"] if result["error"] else None,
            "changed": result["changed"],
        }
        for index, result in results.items()
    }
