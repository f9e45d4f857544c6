"""Grade one submission: run it in the sandbox, judge it outside, follow through, and write down all of it.

`grade_submission` never raises for what a submission does. What it returns is the record from which every report is
made; all of it but "timings" is the same each time for the same submission, seed, code and environment.
"""

import contextlib
import hashlib
import json
import platform
import re
import tempfile
import time
import warnings
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path

import numpy as np

from coursekit.core.question import Verdict, holds
from coursekit.grading import effort
from coursekit.grading.intake.archive import Refused, open_submission
from coursekit.grading.intake.merging import graft_module, graft_notebook
from coursekit.grading.running import sandbox, workspace
from coursekit.judging import reference_answers
from coursekit.judging.judge import RUNS, judge, judge_values
from coursekit.judging.rendering import render
from coursekit.judging.runner import run_calls, run_case
from coursekit.learner import submission
from coursekit.paths import ROOT
from coursekit.questions import all_questions, find

FORMAT = 1
ATTEMPTS = 2  # of a sandbox that does not start
FOLLOWED = ("wrong", "not attempted", "crashed", "timed out")  # what is graded again with earlier questions right
CRASHES = {"MemoryError", "SyntaxError", "IndentationError", "TabError"}
RIGHT_IN_PUBLIC = "right on the inputs of the notebook's check, wrong on others"
_ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}")  # differs from run to run


class InfrastructureError(Exception):
    """Grading itself does not work here: never a learner's fault."""


@dataclass(frozen=True)
class Settings:
    """How an assignment is graded.

    Parameters
    ----------
    assignment : str
    seed : int
        Of the fresh inputs.
    follow_through_share : float
        Share of a question's points if it is right only with the reference in the place of earlier ones.
    notebooks : str
        "run", or "skip": then the questions that are answered in notebooks are not graded.
    isolation : str
        "bubblewrap" or "limits"; the strongest that works here if empty.
    limits : Limits
        For each question; the time is the question's own.
    questions : tuple of str
        Ids of the questions to grade; all of the assignment if empty.
    """

    assignment: str
    seed: int = 0
    follow_through_share: float = 1.0
    notebooks: str = "run"
    isolation: str = ""
    limits: sandbox.Limits = field(default_factory=sandbox.Limits)
    questions: tuple[str, ...] = ()

    @property
    def level(self):
        """The isolation that is used."""
        return self.isolation or sandbox.level()


@dataclass
class Graded:
    """What became of one question."""

    status: str
    text: str
    mistake: str = ""
    failed: str = ""
    is_blank: bool = False  # as it was handed out: nothing before it could help


# ---- a submission


def grade_submission(source, settings):
    """Grade one submission.

    Parameters
    ----------
    source : archive.Source
    settings : Settings

    Returns
    -------
    dict
        The record.
    """
    started, clock = datetime.now(UTC), time.monotonic()
    record = _blank_record(source, settings)
    try:
        opened = open_submission(source, settings.assignment)
        record["submission"] |= _about(opened)
        record["remarks"] += [*source.remarks, *opened.remarks]
        record |= grade_files(opened.files, settings, record["remarks"])
        record["state"] = "graded"
    except Refused as refused:
        record |= {"state": "refused", "reason": str(refused)}
    except (InfrastructureError, sandbox.SandboxError, OSError) as error:
        record |= {"state": "infrastructure error", "reason": str(error)}
    record["timings"] |= {"total": time.monotonic() - clock, "started": started.isoformat(timespec="seconds")}
    return record


def failed_record(source, settings, reason):
    """The record of a submission that could not be graded, for a reason that is not the learner's."""
    record = _blank_record(source, settings)
    record |= {"state": "infrastructure error", "reason": reason}
    record["timings"] |= {"total": 0.0, "started": datetime.now(UTC).isoformat(timespec="seconds")}
    return record


def _blank_record(source, settings):
    asked = _asked(settings)
    return {
        "format": FORMAT,
        "submission": {
            "id": source.id,
            "name": source.name,
            "sha256": "",
            "learner": source.learner,
            "files": [],
            "receipt": None,
        },
        "assignment": settings.assignment,
        "state": "",
        "reason": "",
        "remarks": [],
        "settings": {
            "seed": settings.seed,
            "follow_through_share": settings.follow_through_share,
            "isolation": settings.level,
            "notebooks": settings.notebooks,
        },
        "environment": environment(),
        "questions": [],
        "notebooks": [],
        "written": [],
        "score": 0.0,
        "possible": float(sum(question.points for question in asked)),
        "timings": {"questions": {}, "notebooks": {}, "own_code": 0.0},
    }


def _about(opened):
    files = [
        {"name": name, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
        for name, data in sorted(opened.files.items())
    ]
    return {"sha256": opened.sha256, "files": files, "receipt": opened.receipt}


@cache
def environment():
    """What grades: versions, and the hash of our code."""
    code = hashlib.sha256()
    for folder in ("coursekit", "cs231n"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            code.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    from cs231n.data_utils import dataset_name

    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "nbval": version("nbval"),
        "platform": platform.platform(terse=True),
        "code": code.hexdigest(),
        "data": dataset_name(),
    }


def _asked(settings):
    asked = submission.questions(settings.assignment)
    return [question for question in asked if not settings.questions or question.id in settings.questions]


def grade_files(files, settings, remarks=None):
    """Grade the files of a submission, bytes by name.

    Returns
    -------
    dict
        The parts of the record that come from running them. What grafting has to say is added to the list `remarks`.
    """
    remarks = [] if remarks is None else remarks
    with contextlib.ExitStack() as stack:
        grading = Grading(graft(files, settings, remarks), settings, stack)
        entries = [grading.entry(question) for question in _asked(settings)]
        names = submission.notebooks(settings.assignment)
        return {
            "questions": entries,
            "notebooks": [grading.notebook_record(name) for name in names],
            "written": grading.work.written,
            "score": round(sum(entry["earned"] for entry in entries), 6),
            "possible": float(sum(entry["points"] for entry in entries)),
            "timings": grading.timings,
        }


# ---- the learner's work in our files


@dataclass
class Work:
    """A learner's work, ready to run.

    `files` are modules by name; `notebooks` are dicts by the notebook's name; `broken` says of a notebook that is not
    there why it is not.
    """

    files: dict = field(default_factory=dict)
    notebooks: dict = field(default_factory=dict)
    broken: dict = field(default_factory=dict)
    written: list = field(default_factory=list)


def graft(files, settings, remarks):
    """Put the learner's files into ours."""
    work = Work()
    given = workspace.given()
    for name in submission.modules(settings.assignment):
        if name in files:
            grafted = graft_module(given[name].decode(), files[name])
            work.files[name] = grafted.source.encode()
            remarks += [f"{name}: {remark}" for remark in grafted.remarks]
    for notebook in submission.notebooks(settings.assignment):
        _graft_notebook(work, notebook, files, settings, remarks)
    return work


def _graft_notebook(work, notebook, files, settings, remarks):
    name = f"assignments/{settings.assignment}/{notebook}.ipynb"
    ours = json.loads((ROOT / name).read_text(encoding="utf-8"))
    if name not in files:
        work.broken[notebook] = f"{notebook}.ipynb is not in what was handed in"
        return
    try:
        grafted = graft_notebook(ours, files[name])
    except Refused as refused:
        work.broken[notebook] = f"{notebook}.ipynb cannot be read: {refused}"
        remarks.append(f"{name}: {refused}")
        return
    work.notebooks[notebook], prompts = grafted.notebook, submission.prompts(ours)
    remarks += [f"{name}: {remark}" for remark in grafted.remarks]
    work.written += [
        {"id": id_, "notebook": notebook, "prompt": prompts.get(id_, ""), "text": text}
        for id_, text in grafted.written.items()
    ]


# ---- one question after the other


class Grading:
    """The grading of one submission: each run is made once, and trees last as long as the exit stack."""

    def __init__(self, work, settings, stack):
        self.work, self.settings, self.stack = work, settings, stack
        self.graded, self.trees, self.runs = {}, {}, {}
        self.timings = {"questions": {}, "notebooks": {}, "own_code": 0.0}

    def entry(self, question):
        """The entry of the record for one question."""
        graded = self.grade(question)
        earned = float(question.points) if graded.status == "ok" else 0.0
        followed = None
        wrong = self.wrong_before(question) if graded.status in FOLLOWED and not graded.is_blank else ()
        if wrong:
            status = self.grade(question, wrong).status
            share = self.settings.follow_through_share if status == "ok" else 0.0
            earned = question.points * share
            followed = {"replaced": list(wrong), "status": status, "share": share}
        return {
            "id": question.id,
            "title": question.title,
            "notebook": question.notebook,
            "points": question.points,
            "earned": earned,
            "status": graded.status,
            "text": graded.text,
            "mistake": graded.mistake,
            "failed": graded.failed,
            "follow_through": followed,
            "seed": self.settings.seed,
        }

    def grade(self, question, reference=()):
        """Grade a question, with the reference in the place of some others."""
        key = question.id, reference
        if key not in self.graded:
            started = time.monotonic()
            try:
                self.graded[key] = self._grade(question, reference)
            except (InfrastructureError, sandbox.SandboxError, OSError) as error:
                text = f"{question.id}: infrastructure error\n  {error}"
                self.graded[key] = Graded("infrastructure error", text)
            times = self.timings["questions"]
            times[question.id] = times.get(question.id, 0.0) + time.monotonic() - started
        return self.graded[key]

    def _grade(self, question, reference):
        if question.in_notebook:
            return self._grade_in_notebook(question, reference)
        missing = [name for name in files_of(question) if name not in self.work.files]
        if missing:
            return _not_gradable(question, f"{missing[0]} is not in what was handed in")
        limits = replace(self.settings.limits, seconds=question.seconds)
        graded = grade_function(question, self.settings, self._runner(limits, reference, question))
        if graded.status != "ok":
            return graded
        if not question.efforts:
            return graded
        limits = replace(limits, cpu_seconds=effort.cpu_seconds(), memory=min(limits.memory, effort.MEMORY))
        limits = replace(limits, output=effort.MEMORY)
        return with_effort(question, self.settings, graded, self._runner(limits, reference, question))

    def _runner(self, limits, reference, question):
        replaced = {target for id_ in reference for target in find(id_).implements}
        folder = self.tree(reference, question.id if replaced & set(question.implements) else "")

        def run(command, request):
            outcome = sandbox.run(
                command, folder, request, limits, isolation=self.settings.level, readable=[workspace.data_folder()]
            )
            self.timings["own_code"] += outcome.seconds
            return replace(outcome, stderr=outcome.stderr.replace(str(folder).encode(), sandbox.INSIDE.encode()))

        return run

    def tree(self, reference=(), graded=""):
        """The folder to run in; `graded` is a question that asks for a part of a function that `reference` replaces."""
        key = reference, graded
        if key not in self.trees:
            folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="grading-")))
            workspace.build(folder, self.work.files, *key)
            self.trees[key] = folder
        return self.trees[key]

    def wrong_before(self, question):
        """Ids of the function questions that this one builds on, near or far, and that are not ok."""
        before = closure(question)
        return tuple(q.id for q in all_questions().values() if q.id in before and self._is_wrong(q))

    def _is_wrong(self, question):
        return not question.in_notebook and self.grade(question).status not in ("ok", "infrastructure error")

    # ---- notebooks

    def _grade_in_notebook(self, question, reference):
        if self.settings.notebooks != "run":
            return _not_gradable(question, "the notebooks were not run")
        if question.notebook in self.work.broken:
            return _not_gradable(question, self.work.broken[question.notebook])
        graded = grade_values(question, self.run_notebook(question.notebook, reference))
        return replace(graded, is_blank=self._is_blank(question))

    def _is_blank(self, question):
        """Whether the answer cell is as it was handed out."""
        stub = f'raise NotImplementedError("{question.id}:'
        cells = self.work.notebooks[question.notebook]["cells"]
        return any(cell.get("id") == question.id and stub in submission.source(cell) for cell in cells)

    def run_notebook(self, name, reference=()):
        """Run a notebook, once for each set of questions that the reference answers."""
        from coursekit.grading.running import notebook_run

        if (name, reference) not in self.runs:
            started = time.monotonic()
            folder = self.tree(reference)
            run = notebook_run.run(self.work.notebooks[name], name, folder, self.settings, self._shown)
            self.runs[name, reference] = run
            seconds = time.monotonic() - started
            self.timings["notebooks"][name] = self.timings["notebooks"].get(name, 0.0) + seconds
            self.timings["own_code"] += seconds
        return self.runs[name, reference]

    def _shown(self, question_id, values):
        """What the check of a question is to show, as far as it is ok."""
        question = find(question_id)
        if question.in_notebook:
            return judged_values(question, values)
        return self.grade(question)

    def notebook_record(self, name):
        """The entry of the record for one notebook."""
        if name in self.work.broken:
            return {"name": name, "state": "broken", "reason": self.work.broken[name], "cells": []}
        if self.settings.notebooks != "run":
            return {"name": name, "state": "not run", "reason": "the notebooks were not run", "cells": []}
        run = self.run_notebook(name)
        return {"name": name, "state": run.state, "reason": run.reason, "cells": run.cells}


def files_of(question):
    """The files in which a question asks for functions."""
    return sorted({target.split(":")[0].replace(".", "/") + ".py" for target in question.implements})


def closure(question):
    """Ids of all questions that a question builds on, near or far."""
    found, waiting = set(), list(question.builds_on)
    while waiting:
        id_ = waiting.pop()
        if id_ not in found:
            found.add(id_)
            waiting += find(id_).builds_on
    return found - {question.id}


# ---- function questions


def grade_function(question, settings, run):
    """Grade a function question on fresh inputs; the public ones run along, to tell the mistake by."""
    expected = reference_outputs(question, settings.seed)
    numbers = range(len(question.cases))
    with calm():
        fresh = {index: question.draw_inputs(index, settings.seed) for index in numbers}
        public = {index: question.draw_inputs(index) for index in numbers}
        came = _run_until_it_starts(question, [*fresh.items(), *public.items()], run)
        results, shown = dict(zip(fresh, came, strict=False)), dict(zip(public, came[len(fresh) :], strict=True))
        verdict = _judged(question, fresh, results, expected)
        if verdict.status != "wrong":
            return _graded(question, verdict.status, verdict)
        ended = _how_it_ended(results.values())
        if ended:
            return _graded(question, ended, verdict)
        told = _judged(question, public, shown, reference_answers.expected(question))
        return _graded(question, "wrong", told if told.status == "wrong" else _without_values(verdict))


def with_effort(question, settings, graded, run):
    """What was graded ok, graded again by what it takes."""
    with calm():
        findings = effort.findings(question, settings.seed, run)
    if all(finding.ok for finding in findings):
        return graded
    mistake = next(finding.mistake for finding in findings if not finding.ok)
    return _graded(question, "wrong", Verdict(question, "wrong", tuple(findings), mistake=mistake))


def _run_until_it_starts(question, calls, run):
    for _ in range(ATTEMPTS):
        results = run_calls(question, calls, run)
        broken = [result for result in results if result["ended"] == "not started"]
        if not broken:
            return results
    raise InfrastructureError(f"the sandbox does not start: {broken[0]['error']['message']}")


def _how_it_ended(results):
    """'timed out' or 'crashed' where a process did not live to its end, or the files could not be read as Python."""
    ended = {result["ended"] for result in results}
    kinds = {result["error"]["kind"] for result in results if result["error"]}
    if "timeout" in ended:
        return "timed out"
    return "crashed" if ended - {""} or kinds & CRASHES else ""


def _judged(question, inputs, results, expected):
    """The verdict; values that the judge chokes on are wrong ones."""
    try:
        return judge(question, inputs, results, expected)
    except Exception as error:
        return _cannot_be_judged(question, error)


def _cannot_be_judged(question, error):
    gap = f"what came back cannot be judged ({type(error).__name__})"
    return Verdict(question, "wrong", (holds("all values are of the right kind", False, gap),))


def _without_values(verdict):
    """A verdict on fresh inputs as a learner may read it: where it fails, but no number of theirs."""
    findings = [f if f.ok or f.condition == RUNS else replace(f, gap=()) for f in verdict.findings]
    return replace(verdict, findings=tuple(findings), notes=(RIGHT_IN_PUBLIC,))


def _graded(question, status, verdict):
    text = render(verdict)
    if status != verdict.status:
        text = f"{question.id}: {status}" + text.removeprefix(f"{question.id}: {verdict.status}")
    failed = next((finding.label for finding in verdict.findings if not finding.ok), "")
    is_blank = status == "not attempted" and not verdict.notes
    return Graded(status, plain(text), verdict.mistake, failed, is_blank)


def plain(text):
    """A text without control characters, and without addresses in memory."""
    return _ADDRESS.sub("0x...", "".join(c if c.isprintable() or c == "\n" else "?" for c in text))


def _not_gradable(question, reason):
    return Graded("not gradable", f"{question.id}: not gradable\n  {reason}")


_references = {}


def reference_outputs(question, seed):
    """What the reference returns on fresh inputs; computed once in this process, where the reference is right."""
    key = question.id, seed
    if key not in _references:
        with calm():
            _require_right(question, _run_reference(question, None), reference_answers.expected(question), None)
            results = _run_reference(question, seed)
            expected = {i: r["outputs"] for i, r in results.items() if not question.cases[i].judge}
            _require_right(question, results, expected, seed)
        _references[key] = expected
    return _references[key]


def _run_reference(question, seed):
    return {i: run_case(case, question.draw_inputs(i, seed)) for i, case in enumerate(question.cases)}


def _require_right(question, results, expected, seed):
    verdict = judge(question, {i: question.draw_inputs(i, seed) for i in results}, results, expected)
    if not verdict.ok:
        inputs = "the public inputs" if seed is None else f"seed {seed}"
        raise InfrastructureError(f"our own {question.id} is {verdict.status} here, on {inputs}")


@contextlib.contextmanager
def calm():
    """Numbers from outside may overflow or be NaN: no warning of ours, and the generator is left as it was."""
    state = np.random.get_state()
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            np.random.set_state(state)


# ---- notebook questions


def judged_values(question, values):
    """The verdict on values that came out of a notebook, as a `Graded`."""
    with calm():
        try:
            values = {name: values[name] for name in question.values if name in values} | _given(question)
            verdict = judge_values(question, values)
        except Exception as error:
            verdict = _cannot_be_judged(question, error)
    return _graded(question, verdict.status, verdict)


def _given(question):
    """The values of a notebook question that do not depend on the learner, by name."""
    given = question.given() if question.given else {}
    return {name: value for name, value in given.items() if name in question.values}


def grade_values(question, run):
    """Grade a notebook question from the run of its notebook."""
    if run.state == "infrastructure error":
        raise InfrastructureError(run.reason)
    if question.id in run.values:
        return judged_values(question, run.values[question.id])
    status, reason = run.missing.get(question.id, ("not attempted", "its check was not reached"))
    return Graded(status, f"{question.id}: {status}\n  {reason}")
