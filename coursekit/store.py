"""Compute the stored answers from the solved tree and the zoo; see `coursekit.stored`."""

from coursekit import wire
from coursekit.questions import NOTEBOOKS, all_questions
from coursekit.stored import FOLDER
from coursekit.worker import run_case
from coursekit.zoo import outcomes, wrong_entries


def write(notebooks=(), folder=FOLDER):
    """Write the stored answers of some notebooks, or of all."""
    folder.mkdir(exist_ok=True)
    for notebook in notebooks or NOTEBOOKS:
        questions = [q for q in all_questions().values() if q.notebook == notebook and not q.in_notebook]
        answers = {question.id: answers_of(question) for question in questions}
        (folder / f"{notebook}.npz").write_bytes(wire.pack(answers))


def answers_of(question):
    """What the reference, and each known mistake, returns on a question's public inputs."""
    cases = enumerate(question.cases)
    expected = {i: run_case(case, question.draw_inputs(i))["outputs"] for i, case in cases if not case.judge}
    mistakes = [
        {"sentence": entry.sentence, "results": _brief(outcomes(entry))} for entry in wrong_entries(question.id)
    ]
    return {"expected": expected, "mistakes": mistakes}


def _brief(results):
    return {
        index: {
            "outputs": result["outputs"],
            "error": result["error"]["kind"] if result["error"] else None,
            "changed": result["changed"],
        }
        for index, result in results.items()
    }
