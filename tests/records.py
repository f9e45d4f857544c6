"""Records as grading writes them, made of the course's own questions, zoo and verdicts."""

import copy
import hashlib
import json
import re
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cache

import numpy as np
from test_zoo import reference, travelled

from coursekit.core.question import Status, Verdict
from coursekit.grading.record import (
    CellRecord,
    CellStatus,
    FollowThrough,
    NotebookRecord,
    NotebookState,
    QuestionRecord,
    Receipt,
    Record,
    RecordedSettings,
    State,
    SubmissionInfo,
    SubmittedFile,
    Timings,
    WrittenAnswer,
)
from coursekit.judging.judge import judge
from coursekit.judging.rendering import render
from coursekit.judging.runner import run_case
from coursekit.paths import ROOT
from coursekit.questions import NOTEBOOKS, all_questions, find, notebook_file
from zoo import in_place_of, wrong_entries

SEED = 7
STARTED = "2026-11-20T10:00:00+00:00"
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
    expected = reference(question.id, SEED)

    def run():
        return {i: run_case(case, question.draw_inputs(i, SEED)) for i, case in enumerate(question.cases)}

    with np.errstate(all="ignore"):
        if entry is None:
            results = run()
        else:
            with everywhere(entry):
                results = run()
    return judge(question, inputs, travelled(results), expected)


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
    """The record of one question; full marks without a verdict."""
    status = Status(status or (verdict.status if verdict else "ok"))
    right = status == Status.OK or (follow_through and follow_through.status == Status.OK)
    wrong = [finding.label for finding in verdict.findings if not finding.ok] if verdict else []
    return QuestionRecord(
        id=question.id,
        title=question.title,
        notebook=question.notebook,
        points=question.points,
        earned=float(question.points if right else 0),
        status=status,
        text=text or (render(verdict) if verdict else solved_text(question.id)),
        seed=SEED,
        mistake=verdict.mistake if verdict else "",
        first_wrong=wrong[0] if wrong else "",
        follow_through=follow_through,
    )


def make(number, mistakes=(), statuses=None, **changes):
    """A record in which some questions got the zoo's implementations named, or a status without one."""
    by_question = {e.question_id: e for e in wrong_entries() if e.name in mistakes}
    statuses = statuses or {}
    record = Record(
        submission=_submission(number),
        assignment="assignment1",
        settings=RecordedSettings(SEED, 1.0, "bubblewrap", "run"),
        versions={
            "python": "3.11.7",
            "numpy": np.__version__,
            "nbval": "0.11.0",
            "platform": "Linux",
            "code": _digest("code"),
            "data": "built-in images",
        },
        possible=float(sum(q.points for q in QUESTIONS)),
        state=State.GRADED,
        questions=[_question(question, by_question, statuses) for question in QUESTIONS],
        notebooks=[
            NotebookRecord("knn", NotebookState.AS_EXPECTED, "", (_cell("setup"),)),
            NotebookRecord("svm", NotebookState.DIFFERS, "", (_cell("setup"), _cell("plot", CellStatus.DIFFERS))),
        ],
        written=[
            WrittenAnswer(name, notebook, prompt, TEXTS[(number + i) % len(TEXTS)])
            for i, (notebook, name, prompt) in enumerate(WRITTEN)
        ],
        timings=Timings(
            started=STARTED,
            total=41.5 + number,
            own_code=33.25,
            questions={q.id: 0.5 + 0.25 * i for i, q in enumerate(QUESTIONS)},
            notebooks={"knn": 12.0, "svm": 9.5},
        ),
    )
    return replace(record, **changes)


def with_submission(record, **changes):
    """The record with other facts about its submission."""
    return replace(record, submission=replace(record.submission, **changes))


def with_settings(record, **changes):
    """The record as if graded with other settings."""
    return replace(record, settings=replace(record.settings, **changes))


def with_question(record, id_, **changes):
    """The record with other facts about one question."""
    return replace(record, questions=[replace(q, **changes) if q.id == id_ else q for q in record.questions])


def with_answer(record, index, text):
    """The record with another text as one of its written answers."""
    written = [replace(answer, text=text) if i == index else answer for i, answer in enumerate(record.written)]
    return replace(record, written=written)


def question_of(record, id_):
    """One question of a record."""
    return next(question for question in record.questions if question.id == id_)


def gap_of(record, id_):
    """The words of a verdict for one wrong value: what was expected, what came."""
    return re.search(r"expected \S+, got \S+", question_of(record, id_).text)[0]


def _submission(number):
    return SubmissionInfo(
        id=f"submission_{number}",
        name=f"submission_{number}.zip",
        sha256=_digest(f"zip {number}"),
        learner={"name": f"submission_{number}", "user": str(9000 + number)},
        files=(SubmittedFile("cs231n/layers.py", _digest(f"layers {number}"), 20_000 + number),),
        receipt=Receipt(True),
    )


def _cell(name, status=CellStatus.OK):
    return CellRecord(name, status, "the text below the plot differs" if status != CellStatus.OK else "")


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
            through = FollowThrough((broken[0].question_id,), Status.OK, 1.0)
            return entry(question, verdict, follow_through=through)
    return entry(question)


def refused(number, reason):
    """A record of a submission that was not opened."""
    empty = {"questions": [], "notebooks": [], "written": [], "timings": Timings(started=STARTED, total=0.1)}
    record = make(number, state=State.REFUSED, reason=reason, **empty)
    return with_submission(record, files=(), receipt=None)


@cache
def _few():
    late = make(6, statuses={"linear_classifier_train": "infrastructure error", "knn_cross_validation": "not gradable"})
    late = with_submission(late, receipt=Receipt(False, ("knn.ipynb is not the file that the receipt names",)))
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
        make(8, state=State.INFRASTRUCTURE_ERROR, reason="The sandbox did not start.", questions=[]),
    ]


def few():
    """Eight submissions, one of each kind; fresh copies."""
    return copy.deepcopy(_few())
