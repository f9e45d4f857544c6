"""Grade one submission: run it in the sandbox, judge it outside, follow through, and fill in its record.

`grade_submission` never raises for what a submission does. Its record is the same each time for the same submission,
seed, code and versions, but for the timings.
"""

import contextlib
import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from coursekit.core.question import Question, Status
from coursekit.grading import effort, judgement
from coursekit.grading.intake.archive import Opened, Refused, Source, open_submission
from coursekit.grading.intake.merging import merge_module, merge_notebook
from coursekit.grading.judgement import Graded, InfrastructureError, without_verdict
from coursekit.grading.record import (
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
from coursekit.grading.running import folders, sandbox, workspace
from coursekit.grading.running import reference as earlier_answers
from coursekit.grading.settings import Settings, versions
from coursekit.judging.runner import Ending, Execute, FinishedProcess
from coursekit.learner import notebook_form, submission
from coursekit.paths import ROOT, file_of
from coursekit.questions import all_questions, find, notebook_file

if TYPE_CHECKING:  # it imports nbval and Jupyter, which grading without notebooks does not need
    from coursekit.grading.running.notebook_run import NotebookRun

# What is graded again with earlier answers replaced.
FOLLOWED = (Status.WRONG, Status.NOT_ATTEMPTED, Status.CRASHED, Status.TIMED_OUT)
IMPATIENCE = 1.0  # seconds that a submission may sleep in a question once it has slept too long in another
NOT_RUN = "the notebooks were not run"
_FAILURES = (InfrastructureError, sandbox.SandboxError, OSError)


# ---- a submission


def grade_submission(source: Source, settings: Settings) -> Record:
    """Grade one submission."""
    clock = time.monotonic()
    record = new_record(source, settings)
    try:
        if refusal := sandbox.refusal(settings.level, settings.trust_submissions):
            raise sandbox.SandboxError(refusal)
        opened = open_submission(source, settings.assignment)
        record.submission = _about(source, opened)
        record.remarks += [*source.remarks, *opened.remarks]
        grade_files(opened.files, settings, record)
        record.state = State.GRADED
    except Refused as refused:
        record.state, record.reason = State.REFUSED, str(refused)
    except _FAILURES as error:
        record.reason = str(error)
    record.timings.total = time.monotonic() - clock
    return record


def failed_record(source: Source, settings: Settings, reason: str) -> Record:
    """The record of a submission that could not be graded, for a reason that is not the learner's."""
    return replace(new_record(source, settings), reason=reason)


def new_record(source: Source, settings: Settings) -> Record:
    """The record of a submission that is not graded yet."""
    return Record(
        submission=SubmissionInfo(source.id, source.name, learner=source.learner),
        assignment=settings.assignment,
        settings=RecordedSettings(
            seed=settings.seed,
            follow_through_share=settings.follow_through_share,
            isolation=settings.level,
            notebooks=settings.notebooks,
        ),
        versions=versions(),
        possible=float(sum(question.points for question in settings.asked())),
        timings=Timings(started=datetime.now(UTC).isoformat(timespec="seconds")),
    )


def _about(source: Source, opened: Opened) -> SubmissionInfo:
    files = tuple(
        SubmittedFile(name, hashlib.sha256(data).hexdigest(), len(data)) for name, data in sorted(opened.files.items())
    )
    return SubmissionInfo(source.id, source.name, opened.sha256, source.learner, files, _receipt(opened.receipt))


def _receipt(receipt: dict | None) -> Receipt | None:
    return Receipt(receipt["verified"], tuple(receipt["problems"]), receipt["questions"]) if receipt else None


def grade_files(files: dict[str, bytes], settings: Settings, record: Record) -> None:
    """Grade the files of a submission, bytes by name, and fill in the parts of its record that come from running them.

    Remarks on what had to be repaired are added as soon as they are known.
    """
    with contextlib.ExitStack() as stack:
        work = merge_files(files, settings, record.remarks)
        grading = Grading(work, settings, stack, record.timings)
        questions = [grading.question_record(question) for question in settings.asked()]
        names = submission.notebooks(settings.assignment)
        record.notebooks = [grading.notebook_record(name) for name in names]
    record.questions, record.written = questions, work.written
    record.possible = float(sum(question.points for question in questions))


# ---- the learner's work in the course's files


@dataclass
class Work:
    """A learner's work, ready to run.

    `files` are modules by name; `notebooks` are dicts by the notebook's name; `broken` says why a notebook is missing.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    notebooks: dict[str, dict] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    written: list[WrittenAnswer] = field(default_factory=list)


def merge_files(files: dict[str, bytes], settings: Settings, remarks: list[str]) -> Work:
    """Put the learner's files into the course's; what had to be repaired is added to `remarks`."""
    work = Work()
    given = workspace.provided_contents()
    for name in submission.modules(settings.assignment):
        if name in files:
            merged = merge_module(given[name].decode(), files[name])
            work.files[name] = merged.source.encode()
            remarks += [f"{name}: {remark}" for remark in merged.remarks]
    for notebook in submission.notebooks(settings.assignment):
        _merge_notebook(work, notebook, files, remarks)
    return work


def _merge_notebook(work: Work, notebook: str, files: dict[str, bytes], remarks: list[str]) -> None:
    name = notebook_file(notebook)
    original = json.loads((ROOT / name).read_text(encoding="utf-8"))
    if name not in files:
        work.broken[notebook] = f"{notebook}.ipynb is not in the submission"
        return
    try:
        merged = merge_notebook(original, files[name])
    except Refused as refused:
        work.broken[notebook] = f"{notebook}.ipynb cannot be read: {refused}"
        remarks.append(f"{name}: {refused}")
        return
    work.notebooks[notebook], prompts = merged.notebook, notebook_form.prompts(original)
    remarks += [f"{name}: {remark}" for remark in merged.remarks]
    work.written += [WrittenAnswer(id_, notebook, prompts.get(id_, ""), text) for id_, text in merged.written.items()]


# ---- one question after the other


class Grading:
    """The grading of one submission: each run is made once, and the folders last as long as the exit stack."""

    def __init__(
        self, work: Work, settings: Settings, stack: contextlib.ExitStack, timings: Timings | None = None
    ) -> None:
        self.work, self.settings, self.stack = work, settings, stack
        self.timings = timings or Timings()
        self._graded: dict[tuple, Graded] = {}
        self._folders: dict[tuple, Path] = {}
        self._notebook_runs: dict[tuple, NotebookRun] = {}
        self._reference_folder: Path | None = None
        self._has_stalled = False

    def question_record(self, question: Question) -> QuestionRecord:
        """The record of one question."""
        graded = self.grade(question)
        through = self._follow_through(question, graded)
        return QuestionRecord(
            id=question.id,
            title=question.title,
            notebook=question.notebook,
            points=question.points,
            earned=question.points * (through.share if through else float(graded.status == Status.OK)),
            status=graded.status,
            text=graded.text,
            mistake=graded.mistake,
            first_wrong=graded.first_wrong,
            follow_through=through,
            seed=self.settings.seed,
        )

    def _follow_through(self, question: Question, graded: Graded) -> FollowThrough | None:
        """The result of grading a question again with the reference in place of earlier answers, if any is wrong."""
        if graded.status not in FOLLOWED or graded.is_blank:
            return None
        wrong = self.wrong_before(question)
        if not wrong:
            return None
        status = self.grade(question, wrong).status
        return FollowThrough(wrong, status, self.settings.follow_through_share if status == Status.OK else 0.0)

    def grade(self, question: Question, reference: tuple[str, ...] = ()) -> Graded:
        """Grade a question, with the reference in place of the answers to the questions named."""
        key = question.id, reference
        if key not in self._graded:
            started = time.monotonic()
            try:
                self._graded[key] = self._grade(question, reference)
            except _FAILURES as error:
                self._graded[key] = without_verdict(question, Status.INFRASTRUCTURE_ERROR, error)
            _add_time(self.timings.questions, question.id, time.monotonic() - started)
        return self._graded[key]

    def _grade(self, question: Question, reference: tuple[str, ...]) -> Graded:
        if question.in_notebook:
            return self._grade_in_notebook(question, reference)
        missing = [name for name in files_of(question) if name not in self.work.files]
        if missing:
            return without_verdict(question, Status.NOT_GRADABLE, f"{missing[0]} is not in the submission")
        limits = replace(self._limits(), seconds=question.seconds)
        graded = judgement.grade_function(question, self.settings.seed, self._executor(limits, reference, question))
        if graded.status != Status.OK or not question.efforts:
            return graded
        executor = self._executor(effort.limits(limits), reference, question)
        return judgement.with_effort(question, self.settings.seed, graded, executor)

    def _limits(self) -> sandbox.Limits:
        """The usual limits; a submission that has slept too long once is not waited for as long again."""
        usual = self.settings.limits
        return replace(usual, idle=min(usual.idle, IMPATIENCE)) if self._has_stalled else usual

    def _executor(self, limits: sandbox.Limits, reference: tuple[str, ...], question: Question) -> Execute:
        """What runs a command in the sandbox, as `run_calls` takes it."""
        replaced = {target for id_ in reference for target in find(id_).implements}
        graded = question.id if replaced & set(question.implements) else ""
        folder = self.folder(reference, graded)

        def execute(command: list[str], request: bytes) -> FinishedProcess:
            with self._reference(reference, graded, limits) as earlier:
                outcome = sandbox.run_command(
                    command,
                    folder,
                    request,
                    limits,
                    earlier.variables,
                    self.settings.level,
                    readable=[workspace.data_folder()],
                    pass_fds=earlier.pipes,
                    waits_for=earlier.tree,
                )
            self.timings.own_code += outcome.seconds
            self._has_stalled |= outcome.ended == Ending.STALLED
            stderr = outcome.stderr.replace(str(folder).encode(), sandbox.INSIDE.encode())
            return FinishedProcess(outcome.stdout, stderr, outcome.ended, limits.seconds)

        return execute

    @contextlib.contextmanager
    def _reference(
        self, ids: tuple[str, ...], graded: str, limits: sandbox.Limits
    ) -> Iterator[earlier_answers.Reference]:
        """The process that answers earlier questions, if there are any to answer."""
        if not ids:
            yield earlier_answers.NOBODY
            return
        if not self._reference_folder:
            self._reference_folder = self.stack.enter_context(folders.temporary_folder("reference-"))
            workspace.build_reference(self._reference_folder)
        answers = workspace.answers_to(ids, graded)
        with earlier_answers.started(self._reference_folder, answers, limits, self.settings.level) as earlier:
            yield earlier

    def folder(self, reference: tuple[str, ...] = (), graded: str = "") -> Path:
        """The folder to run in; `graded` is a question that asks for a part of a function that `reference` replaces."""
        key = reference, graded
        if key not in self._folders:
            folder = self.stack.enter_context(folders.temporary_folder("grading-"))
            workspace.build(folder, self.work.files, *key)
            self._folders[key] = folder
        return self._folders[key]

    def wrong_before(self, question: Question) -> tuple[str, ...]:
        """Ids of the function questions that this one builds on, near or far, and that are not ok."""
        before = closure(question)
        return tuple(q.id for q in all_questions().values() if q.id in before and self._is_wrong(q))

    def _is_wrong(self, question: Question) -> bool:
        fine = (Status.OK, Status.INFRASTRUCTURE_ERROR)
        return not question.in_notebook and self.grade(question).status not in fine

    # ---- notebooks

    def _grade_in_notebook(self, question: Question, reference: tuple[str, ...]) -> Graded:
        obstacle = self._obstacle(question.notebook)
        if obstacle:
            return without_verdict(question, Status.NOT_GRADABLE, obstacle)
        graded = judgement.grade_values(question, self.run_notebook(question.notebook, reference))
        return replace(graded, is_blank=self._is_blank(question))

    def _obstacle(self, notebook: str) -> str:
        """Why a notebook cannot be run; '' if it can."""
        return NOT_RUN if self.settings.notebooks != "run" else self.work.broken.get(notebook, "")

    def _is_blank(self, question: Question) -> bool:
        """Whether the answer cell is as distributed."""
        stub = f'raise NotImplementedError("{question.id}:'
        cells = self.work.notebooks[question.notebook]["cells"]
        return any(cell.get("id") == question.id and stub in notebook_form.source(cell) for cell in cells)

    def run_notebook(self, name: str, reference: tuple[str, ...] = ()) -> "NotebookRun":
        """Run a notebook, once for each set of questions that the reference answers."""
        from coursekit.grading.running import kernel, notebook_run

        if (name, reference) not in self._notebook_runs:
            started = time.monotonic()
            folder = self.folder(reference)
            settings = replace(self.settings, limits=self._limits())
            notebook = self.work.notebooks[name]
            with self._reference(reference, "", kernel.notebook_limits(settings)) as earlier:
                run = notebook_run.run_notebook(notebook, name, folder, settings, self._shown, earlier)
            self._notebook_runs[name, reference] = run
            seconds = time.monotonic() - started
            _add_time(self.timings.notebooks, name, seconds)
            self.timings.own_code += seconds
        return self._notebook_runs[name, reference]

    def _shown(self, question_id: str, values: dict) -> Graded:
        """What the check of a question shows while its notebook runs."""
        question = find(question_id)
        if question.in_notebook:
            return judgement.judged_values(question, values)
        return self.grade(question)

    def notebook_record(self, name: str) -> NotebookRecord:
        """The record of one notebook."""
        if name in self.work.broken:
            return NotebookRecord(name, NotebookState.BROKEN, self.work.broken[name])
        if self.settings.notebooks != "run":
            return NotebookRecord(name, NotebookState.NOT_RUN, NOT_RUN)
        run = self.run_notebook(name)
        return NotebookRecord(name, run.state, run.reason, tuple(run.cells))


def _add_time(times: dict[str, float], name: str, seconds: float) -> None:
    times[name] = times.get(name, 0.0) + seconds


def files_of(question: Question) -> list[str]:
    """The files in which a question asks for functions."""
    return sorted({file_of(target) for target in question.implements})


def closure(question: Question) -> set[str]:
    """Ids of all questions that a question builds on, near or far."""
    found: set[str] = set()
    waiting = list(question.builds_on)
    while waiting:
        id_ = waiting.pop()
        if id_ not in found:
            found.add(id_)
            waiting += find(id_).builds_on
    return found - {question.id}
