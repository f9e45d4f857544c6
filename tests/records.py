"""Records as grading writes them, made of the course's own questions, zoo and verdicts."""

import hashlib
import json
import sys
from contextlib import ExitStack, contextmanager
from functools import cache

import numpy as np
from test_zoo import reference

from coursekit.core.question import Verdict
from coursekit.core.serialization import pack, unpack
from coursekit.judging.judge import judge
from coursekit.judging.rendering import render
from coursekit.judging.runner import run_case
from coursekit.paths import ROOT
from coursekit.questions import NOTEBOOKS, all_questions, find, notebook_file
from zoo import in_place_of, wrong_entries

SEED = 7
QUESTIONS = [q for q in all_questions().values() if NOTEBOOKS[q.notebook] == "assignment1"]
WRITTEN = (
    ("knn", "answer_preprocessing", "Which of these change the predictions of 1-NN with the **L1** distance?"),
    ("softmax", "answer_start", "**Think and write.** Why do we expect a first loss close to `-log(0.1)`?"),
)
TEXTS = (
    "With tiny weights all scores are nearly 0, so every class gets a probability of *1/10*.\n\n"
    "- the loss is $-\\log(0.1)$\n- about 2.3",
    "Because `exp(0) = 1` for each of ten classes.",
    "",
    "# A large heading\n\n| w | loss |\n|---|---|\n| 0 | 2.303 |\n\n[see](https://example.org) ![a plot](plot.png)",
)


@cache
def cells(notebook):
    """The cells of a solved notebook by id."""
    content = json.loads((ROOT / notebook_file(notebook)).read_text(encoding="utf-8"))
    return {cell["id"]: cell for cell in content["cells"]}


@cache
def solved_text(question_id):
    """The verdict on the solved tree."""
    question = find(question_id)
    if question.in_notebook:
        outputs = cells(question.notebook)[f"check_{question_id}"]["outputs"]
        return "".join("".join(output.get("text", "")) for output in outputs)
    return render(verdict_with(question, None))


def verdict_with(question, entry):
    """The verdict on a function question with an implementation of the zoo in its place, on fresh inputs."""
    inputs = {i: question.draw_inputs(i, SEED) for i in range(len(question.cases))}
    expected = reference(question, SEED)

    def run():
        return {i: run_case(case, question.draw_inputs(i, SEED)) for i, case in enumerate(question.cases)}

    with np.errstate(all="ignore"):
        if entry is None:
            results = run()
        else:
            with everywhere(entry):
                results = run()
    return judge(question, inputs, unpack(pack(results)), expected)


@contextmanager
def everywhere(entry):
    """Put an implementation in place in every module that has imported what it stands in for."""
    module, name = entry.target.split(":")
    original = getattr(sys.modules[module], name, None)
    users = [other for other in sys.modules if other.startswith("cs231n.") and original is not None]
    with ExitStack() as stack:
        for other in users:
            if other != module and getattr(sys.modules[other], name, None) is original:
                stack.enter_context(in_place_of(f"{other}:{name}", entry.function))
        stack.enter_context(in_place_of(entry.target, entry.function))
        yield


@cache
def zoo_verdict(question_id, name):
    entry = next(e for e in wrong_entries() if e.name == name)
    return verdict_with(find(question_id), entry)


def entry(question, verdict=None, status=None, text=None, follow_through=None):
    """One question of a record; full marks without a verdict."""
    status = status or (verdict.status if verdict else "ok")
    right = status == "ok" or (follow_through and follow_through["status"] == "ok")
    wrong = [finding.label for finding in verdict.findings if not finding.ok] if verdict else []
    return {
        "id": question.id,
        "title": question.title,
        "notebook": question.notebook,
        "points": question.points,
        "earned": float(question.points if right else 0),
        "status": status,
        "text": text or (render(verdict) if verdict else solved_text(question.id)),
        "mistake": verdict.mistake if verdict else "",
        "failed": wrong[0] if wrong else "",
        "follow_through": follow_through,
        "seed": SEED,
    }


def make(number, mistakes=(), statuses=None, **changes):
    """A record in which some questions got the zoo's implementations named, or a status without one."""
    by_question = {e.question_id: e for e in wrong_entries() if e.name in mistakes}
    statuses = statuses or {}
    questions = [_question(question, by_question, statuses) for question in QUESTIONS]
    record = {
        "format": 1,
        "submission": _submission(number),
        "assignment": "assignment1",
        "state": "graded",
        "reason": "",
        "remarks": [],
        "settings": {"seed": SEED, "follow_through_share": 1.0, "isolation": "bubblewrap", "notebooks": "run"},
        "environment": {
            "python": "3.11.7",
            "numpy": np.__version__,
            "nbval": "0.11.0",
            "platform": "Linux",
            "code": _digest("code"),
            "data": "built-in images",
        },
        "questions": questions,
        "notebooks": [
            {"name": "knn", "state": "as expected", "reason": "", "cells": [_cell("setup")]},
            {"name": "svm", "state": "differs", "reason": "", "cells": [_cell("setup"), _cell("plot", "differs")]},
        ],
        "written": [
            {"id": name, "notebook": notebook, "prompt": prompt, "text": TEXTS[(number + i) % len(TEXTS)]}
            for i, (notebook, name, prompt) in enumerate(WRITTEN)
        ],
        "score": sum(q["earned"] for q in questions),
        "possible": float(sum(q.points for q in QUESTIONS)),
        "timings": {
            "total": 41.5 + number,
            "questions": {q.id: 0.5 + 0.25 * i for i, q in enumerate(QUESTIONS)},
            "notebooks": {"knn": 12.0, "svm": 9.5},
            "own_code": 33.25,
            "started": "2026-11-20T10:00:00+00:00",
        },
    }
    return record | changes


def _submission(number):
    return {
        "id": f"submission_{number}",
        "name": f"submission_{number}.zip",
        "sha256": _digest(f"zip {number}"),
        "learner": {"name": f"submission_{number}", "user": str(9000 + number)},
        "files": [{"name": "cs231n/layers.py", "sha256": _digest(f"layers {number}"), "bytes": 20_000 + number}],
        "receipt": {"verified": True, "problems": []},
    }


def _cell(name, status="ok"):
    return {"id": name, "status": status, "detail": "the text below the plot is another" if status != "ok" else ""}


def _digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


def _question(question, by_question, statuses):
    if question.id in statuses:
        status = statuses[question.id]
        text = render(Verdict(question, status)) if status == "not attempted" else f"{question.id}: {status}"
        return entry(question, status=status, text=text)
    if question.id in by_question:
        return entry(question, zoo_verdict(question.id, by_question[question.id].name))
    broken = [by_question[other] for other in question.builds_on if other in by_question]
    if broken and not question.in_notebook:
        verdict = zoo_verdict(question.id, broken[0].name)
        if not verdict.ok:
            through = {"replaced": [broken[0].question_id], "status": "ok", "share": 1.0}
            return entry(question, verdict, follow_through=through)
    return entry(question)


def refused(number, reason):
    """A record of a submission that was not opened."""
    submission = _submission(number) | {"files": [], "receipt": None}
    empty = {"questions": [], "notebooks": [], "written": [], "score": 0.0, "submission": submission}
    timings = {"total": 0.1, "questions": {}, "notebooks": {}, "own_code": 0.0, "started": "2026-11-20T10:00:00+00:00"}
    return make(number, state="refused", reason=reason, timings=timings, **empty)


@cache
def _few():
    late = make(6, statuses={"linear_classifier_train": "infrastructure error", "knn_cross_validation": "not gradable"})
    late["submission"]["receipt"] = {
        "verified": False,
        "problems": ["knn.ipynb is not the file that the receipt names"],
    }
    return [
        make(1),
        make(
            2,
            ["two_loops_squared", "affine_without_bias"],
            remarks=["knn.ipynb: Cell check_knn_two_loops: came changed."],
        ),
        make(3, ["two_loops_squared"], {"linear_classifier_train": "timed out", "softmax_search": "not attempted"}),
        make(4, ["two_loops_l1"], {q.id: "not attempted" for q in QUESTIONS if q.notebook == "features"}),
        make(5, ["two_loops_transposed"], {"svm_loss_naive": "crashed"}),
        late,
        refused(7, "The zip has a member outside its folder: ../../etc/passwd."),
        make(8, state="infrastructure error", reason="The sandbox did not start.", questions=[], score=0.0),
    ]


def few():
    """Eight submissions, one of each kind; fresh copies."""
    return json.loads(json.dumps(_few()))


def many(count=30):
    """A class large enough for statistics: the more wrong, the higher the number."""
    rng = np.random.RandomState(0)
    names = [[e.name for e in wrong_entries(q.id)] for q in QUESTIONS if wrong_entries(q.id)]
    records = []
    for number in range(1, count + 1):
        wrong = [options[rng.randint(min(3, len(options)))] for options in names if rng.rand() < number / count / 2]
        records.append(make(number, wrong))
    return json.loads(json.dumps(records))
