"""What `grading.py` runs in a separate process, so that each side includes its own start.

`cases` calls the cases of every function question of assignment 1 once, without checking them. It must import
`coursekit` and `cs231n` from PYTHONPATH, so nothing here changes `sys.path`.
`grade FOLDER ISOLATION [NOTEBOOK]` grades the questions of `_alike.py`, and also runs the notebook if one is given.
"""

import contextlib
import json
import sys
from pathlib import Path

ASSIGNMENT = "assignment1"


def cases():
    """Call the cases of every function question once, on fresh inputs as grading draws them."""
    from coursekit.questions import NOTEBOOKS, all_questions

    asked = [q for q in all_questions().values() if NOTEBOOKS[q.notebook] == ASSIGNMENT and not q.in_notebook]
    for question in asked:
        for index, case in enumerate(question.cases):
            case.run(**question.draw_inputs(index, seed=0))


def grade(folder, isolation, notebook=None):
    """Grade the one submission in a folder; all questions must get full marks."""
    from _alike import QUESTIONS

    from coursekit.grading.evaluate import Grading, Work, grade_submission
    from coursekit.grading.intake.archive import open_submission
    from coursekit.grading.intake.sources import find_submissions
    from coursekit.grading.settings import Settings
    from coursekit.questions import find

    [source] = find_submissions(folder)
    notebooks = "run" if notebook else "skip"
    settings = Settings(ASSIGNMENT, questions=QUESTIONS, notebooks=notebooks, isolation=isolation)
    if not notebook:
        graded = grade_submission(source, settings).questions
    else:
        work = Work(files=open_submission(source, ASSIGNMENT).files)
        work.notebooks["two_layer_net"] = json.loads(Path(notebook).read_text(encoding="utf-8"))
        with contextlib.ExitStack() as stack:
            grading = Grading(work, settings, stack)
            graded = [grading.question_record(find(id_)) for id_ in QUESTIONS]
            ran = grading.notebook_record("two_layer_net")
        if ran.state != "as expected":
            raise SystemExit(f"the notebook is {ran.state}: {ran.reason}")
    lost = [question.id for question in graded if question.earned != question.points]
    if lost or len(graded) != len(QUESTIONS):
        raise SystemExit(f"{len(graded)} of {len(QUESTIONS)} questions graded, points lost in {lost}")


if __name__ == "__main__":
    {"cases": cases, "grade": grade}[sys.argv[1]](*sys.argv[2:])
