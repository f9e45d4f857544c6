"""What `grading.py` runs in a separate process, so that each side includes its own start.

`cases` calls the cases of every function question of assignment 1 once, without checking them. It must import
`coursekit` and `cs231n` from PYTHONPATH, so nothing here changes `sys.path`.
`grade FOLDER ISOLATION [NOTEBOOK]` grades the questions of `_alike.py`, and also runs the notebook if one is given.
`notebooks FOLDER ISOLATION` grades the one submission in a folder, and tells the processor time of each cell.
`reports GRADED OUT SIZE` writes the reports of a class of any size, made of the records in a folder: what they cost.
"""

import contextlib
import json
import resource
import sys
import time
from collections import Counter
from dataclasses import replace
from itertools import cycle
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


def notebooks(folder, isolation):
    """Grade with the notebooks: how often each ran, seconds of processor time of its cells and of this process."""
    from coursekit.grading.evaluate import grade_submission
    from coursekit.grading.intake.sources import find_submissions
    from coursekit.grading.running import notebook_run
    from coursekit.grading.settings import Settings

    [source] = find_submissions(folder)
    ran, cells = [], {}
    run_cell, run_notebook = notebook_run.Checks._run, notebook_run.run_notebook

    def timed(checks, cell):
        tree = checks.kernel._running.tree
        tree.look(waits=False)
        before = tree.seconds
        try:
            return run_cell(checks, cell)
        finally:
            tree.look(waits=False)
            of_notebook = cells.setdefault(ran[-1], {})
            of_notebook[cell.id] = of_notebook.get(cell.id, 0.0) + tree.seconds - before

    def noted(notebook, name, *arguments):
        ran.append(name)
        return run_notebook(notebook, name, *arguments)

    notebook_run.Checks._run, notebook_run.run_notebook = timed, noted
    record = grade_submission(source, Settings(ASSIGNMENT, isolation=isolation, trust_submissions=True))
    if record.score != record.possible:
        raise SystemExit(f"the reference gets {record.score} of {record.possible} points: {record.reason}")
    print(json.dumps({"runs": Counter(ran), "cells": cells, "grader": time.process_time()}))


def reports(graded, out, size):
    """Write the reports of a class: processor time, memory and sizes, as JSON."""
    from coursekit.grading.intake.sources import survey
    from coursekit.grading.record import read_records
    from coursekit.grading.reports.class_reports import write_reports

    records, handed_in = read_records(graded), Path(f"{out}-handed-in")
    handed_in.mkdir()
    for number in range(int(size)):
        (handed_in / f"learner{number:05}_{number}_{number}_assignment1.zip").touch()  # as Canvas hands out
    found = survey(handed_in)
    many = [as_of(source, record) for source, record in zip(found.sources, cycle(records))]  # noqa: B905 - endless
    started = time.process_time()
    write_reports(many, out, found=found)
    seconds, usage = time.process_time() - started, resource.getrusage(resource.RUSAGE_SELF)
    sizes = {path.name: round(bytes_in(path) / 1000) for path in sorted(Path(out).iterdir())}
    print(json.dumps({"seconds": seconds, "memory": usage.ru_maxrss / 1024, "sizes": sizes}))


def as_of(source, record):
    """A record as that of another submission."""
    return replace(record, submission=replace(record.submission, id=source.id, name=source.name))


def bytes_in(path):
    """The size of a file, or of all in a folder."""
    return sum(file.stat().st_size for file in [path, *path.rglob("*")] if file.is_file())


if __name__ == "__main__":
    {"cases": cases, "grade": grade, "notebooks": notebooks, "reports": reports}[sys.argv[1]](*sys.argv[2:])
