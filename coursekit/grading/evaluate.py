"""Grade one submission: run it in the sandbox, judge it outside, follow through, and fill in its record.

`grade_submission` never raises for what a submission does. Its record is the same each time for the same submission,
seed, code and versions, but for the timings.
"""

import contextlib
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from coursekit.core.question import Question, Status
from coursekit.grading import judgement, module_trial
from coursekit.grading.intake.confined import Allowance
from coursekit.grading.intake.reading import FILES_SECONDS, Reading, Work, read_submission
from coursekit.grading.intake.sources import Source
from coursekit.grading.intake.text import why
from coursekit.grading.intake.zips import Refused
from coursekit.grading.judgement import Graded, InfrastructureError, without_verdict
from coursekit.grading.record import (
    FollowThrough,
    NotebookRecord,
    NotebookState,
    Partial,
    QuestionRecord,
    Receipt,
    Record,
    RecordedSettings,
    State,
    SubmissionInfo,
    SubmittedFile,
    Timings,
)
from coursekit.grading.running import folders, sandbox, workspace
from coursekit.grading.running import reference as earlier_answers
from coursekit.grading.running.warm import Modules
from coursekit.grading.running.withdrawal import withdrawn_for
from coursekit.grading.settings import Settings, versions
from coursekit.judging.misplaced import misplaced
from coursekit.judging.runner import Ending, Execute, FinishedProcess
from coursekit.learner import notebook_form, submission
from coursekit.paths import file_of
from coursekit.questions import all_questions, closure, declared, find, module_of, notebook_file

if TYPE_CHECKING:  # it imports nbval and Jupyter, which grading without notebooks does not need
    from coursekit.grading.running.notebook_run import NotebookRun

# What is graded again with earlier answers replaced.
FOLLOWED = (Status.WRONG, Status.NOT_ATTEMPTED, Status.CRASHED, Status.TIMED_OUT)
REFERENCE_SECONDS = 120.0  # of processor time that follow-through may ask of the reference, without notebooks
NOTEBOOK_REFERENCE_SECONDS = 1800.0  # the same, while notebooks run and train
IMPATIENCE = 1.0  # seconds that a submission may sleep in a question once it has slept too long in another
NOT_RUN = "the notebooks were not run"
_ENDLESS = "does not return: it takes too long, or ends the process that runs it"
_UNDEFINED = re.compile(r"name '(\w+)' is not defined")
_FAILURES = (InfrastructureError, sandbox.SandboxError, OSError)


# ---- a submission


def grade_submission(source: Source, settings: Settings) -> Record:
    """Grade one submission."""
    clock = time.monotonic()
    record = new_record(source, settings)
    try:
        if refusal := sandbox.refusal(settings.level, settings.trust_submissions):
            raise sandbox.SandboxError(refusal)
        reading = read_submission(source, settings.assignment)
        record.submission = _about(source, reading)
        record.remarks += [*source.remarks, *reading.remarks]
        grade_work(reading.work, settings, record)
        record.state = State.GRADED
    except Refused as refused:
        record.state, record.reason = State.REFUSED, str(refused)
    except _FAILURES as error:
        record.reason = str(error)
    except Exception as error:  # a fault of grading itself, which must not cost anybody else a grade
        record.reason = f"grading failed ({why(error)})"
    record.timings.total = time.monotonic() - clock
    return record


def failed_record(source: Source, settings: Settings, reason: str) -> Record:
    """The record of a submission that could not be graded, for a reason that is not the learner's."""
    return replace(new_record(source, settings), reason=reason)


def new_record(source: Source, settings: Settings) -> Record:
    """The record of a submission that is not graded yet."""
    return Record(
        submission=SubmissionInfo(source.id, source.name, learner=source.about()),
        assignment=settings.assignment,
        settings=RecordedSettings(
            seed=settings.seed,
            follow_through_share=settings.follow_through_share,
            isolation=settings.level,
            notebooks=settings.notebooks,
            edges=settings.edges,
            partial_credit=settings.partial_credit,
            question_time=settings.question_time,
            cell_seconds=settings.cell_seconds,
            notebook_seconds=settings.notebook_seconds,
            memory_mb=settings.memory_mb,
        ),
        versions=versions(),
        possible=float(sum(question.points for question in settings.asked())),
        timings=Timings(started=datetime.now(UTC).isoformat(timespec="seconds")),
    )


def _about(source: Source, reading: Reading) -> SubmissionInfo:
    files = tuple(SubmittedFile(*about) for about in reading.files)
    return SubmissionInfo(source.id, source.name, reading.sha256, source.about(), files, _receipt(reading.receipt))


def _receipt(receipt: dict | None) -> Receipt | None:
    return Receipt(receipt["verified"], tuple(receipt["problems"]), receipt["questions"]) if receipt else None


def grade_work(work: Work, settings: Settings, record: Record) -> None:
    """Grade a learner's work, and fill in the parts of its record that come from running it."""
    with contextlib.ExitStack() as stack:
        leave_out_what_fails(work, settings, record.remarks)
        grading = Grading(work, settings, stack, record.timings)
        questions = [grading.question_record(question) for question in settings.asked()]
        questions = name_misplaced_work(questions, work, record.remarks)
        names = submission.notebooks(settings.assignment)
        # A notebook is run for its own record only where all questions are asked.
        shown = [name for name in names if not settings.questions or name in work.broken]
        record.notebooks = [grading.notebook_record(name) for name in shown]
    record.questions, record.written = questions, work.written
    record.possible = float(sum(question.points for question in questions))


def leave_out_what_fails(work: Work, settings: Settings, remarks: list[str]) -> None:
    """Import the modules in the sandbox, and leave out the statements that fail there; remarks say which."""

    def run(files: dict[str, bytes], command: list[str]) -> FinishedProcess:
        limits = replace(settings.limits, seconds=module_trial.SECONDS)
        with folders.temporary_folder("grading-", in_memory=True) as folder:
            workspace.build(folder, files)
            outcome = sandbox.warm_or_cold(
                lambda modules: sandbox.run_command(
                    command, folder, b"", limits, isolation=settings.level, preload=modules
                ),
                sandbox.NUMPY,
                settings.level,
            )
        return FinishedProcess(outcome.stdout, outcome.stderr, outcome.ended, limits.seconds, outcome.cpu_seconds)

    left = FILES_SECONDS - work.seconds
    found = module_trial.tried(work.files, workspace.provided_contents(), run, left)
    work.files, work.left_out = found.files, found.left_out
    remarks += found.remarks


def name_misplaced_work(graded: list[QuestionRecord], work: Work, remarks: list[str]) -> list[QuestionRecord]:
    """The records of the questions, and a remark, with a line about each answer that is in the wrong place."""
    unanswered = [find(q.id) for q in graded if q.status in (Status.NOT_ATTEMPTED, Status.NOT_GRADABLE)]
    sources = {name: data.decode(errors="replace") for name, data in work.files.items()}
    for name, notebook in work.notebooks.items():
        code = (notebook_form.source(cell) for cell in notebook["cells"] if cell["cell_type"] == "code")
        sources[notebook_file(name)] = "\n".join(code)
    found = misplaced([question for question in unanswered if not question.in_notebook], sources)
    remarks += [f"{sentence} ({', '.join(ids)})" for sentence, ids in found.items()]
    return [
        replace(q, text="\n".join([q.text, *(f"  {sentence}" for sentence, ids in found.items() if q.id in ids)]))
        for q in graded
    ]


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
        self._reference_allowances = {False: Allowance(REFERENCE_SECONDS), True: Allowance(NOTEBOOK_REFERENCE_SECONDS)}
        self._has_stalled = False

    def question_record(self, question: Question) -> QuestionRecord:
        """The record of one question."""
        graded = self.grade(question)
        through = self._follow_through(question, graded)
        partial = graded.partial if self.settings.partial_credit else None
        return QuestionRecord(
            id=question.id,
            title=question.title,
            notebook=question.notebook,
            points=question.points,
            earned=question.points * _share(graded, through, partial),
            status=graded.status,
            text=graded.text,
            mistake=graded.mistake,
            first_wrong=graded.first_wrong,
            follow_through=through,
            full_text=graded.full_text,
            partial=partial,
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
            reason = self.work.broken.get(missing[0], f"{missing[0]} is not in the submission")
            return without_verdict(question, Status.NOT_GRADABLE, reason)
        limits, seed = self._limits_of(question), self.settings.seed
        make_execute = partial(self._executor, reference=reference, question=question)
        graded = judgement.grade_function(question, seed, make_execute(limits), self.settings.edges == "count")
        if graded.status == Status.OK:
            graded = judgement.with_effort(question, seed, graded, limits, make_execute)
        return replace(graded, text="\n".join([graded.text, *self._why_undefined(graded.text)]))

    def _why_undefined(self, text: str) -> list[str]:
        """Lines on names that are missing because a statement that should define them was left out."""
        missing = set(_UNDEFINED.findall(text))
        return [f"  {left_out.sentence}" for left_out in self.work.left_out if missing & left_out.names]

    def _limits(self) -> sandbox.Limits:
        """The usual limits; a submission that has slept too long once is not waited for as long again."""
        usual = self.settings.limits
        return replace(usual, idle=min(usual.idle, IMPATIENCE)) if self._has_stalled else usual

    def _limits_of(self, question: Question) -> sandbox.Limits:
        return replace(self.settings.limits_of(question), idle=self._limits().idle)

    def _executor(self, limits: sandbox.Limits, reference: tuple[str, ...], question: Question) -> Execute:
        """What runs a command in the sandbox, as `run_calls` takes it."""
        replaced = {target for id_ in reference for target in declared()[id_].implements}
        graded = question.id if replaced & set(question.implements) else ""
        folder = self.folder(reference, graded, withdrawn_for(question))

        def run(command: list[str], request: bytes, preload: Modules) -> sandbox.Outcome:
            with self._reference(reference, graded, limits) as earlier:
                return sandbox.run_command(
                    command,
                    folder,
                    request,
                    limits,
                    earlier.variables,
                    self.settings.level,
                    readable=[workspace.data_folder()],
                    pass_fds=earlier.pipes,
                    waits_for=earlier.tree,
                    preload=preload,
                )

        def execute(command: list[str], request: bytes) -> FinishedProcess:
            modules = (*sandbox.WORKER, module_of(question.notebook).__name__)
            outcome = sandbox.warm_or_cold(partial(run, command, request), modules, self.settings.level)
            self.timings.own_code += outcome.seconds
            self.timings.memory = max(self.timings.memory, outcome.memory)
            self._has_stalled |= outcome.ended == Ending.STALLED
            stderr = outcome.stderr.replace(str(folder).encode(), sandbox.INSIDE.encode())
            return FinishedProcess(outcome.stdout, stderr, outcome.ended, limits.seconds, outcome.cpu_seconds)

        return execute

    @contextlib.contextmanager
    def _reference(
        self, ids: tuple[str, ...], graded: str, limits: sandbox.Limits, in_notebook: bool = False
    ) -> Iterator[earlier_answers.Reference]:
        """The process that answers earlier questions, if there are any to answer."""
        if not ids:
            yield earlier_answers.NOBODY
            return
        if not self._reference_folder:
            self._reference_folder = self.stack.enter_context(folders.temporary_folder("reference-", in_memory=True))
            workspace.build_reference(self._reference_folder)
        answers = workspace.answers_to(ids, graded)
        started = earlier_answers.started(
            self._reference_folder, answers, limits, self.settings.level, self._reference_allowances[in_notebook]
        )
        with started as earlier:
            yield earlier

    def folder(self, reference: tuple[str, ...] = (), graded: str = "", withdrawn: tuple[str, ...] = ()) -> Path:
        """The folder to run in.

        `graded` is a question that asks for a part of a function that `reference` replaces; what is `withdrawn` raises
        an error there.
        """
        key = reference, graded, withdrawn
        if key not in self._folders:
            folder = self.stack.enter_context(folders.temporary_folder("grading-", in_memory=True))
            workspace.build(folder, self.work.files, *key)
            self._folders[key] = folder
        return self._folders[key]

    def wrong_before(self, question: Question) -> tuple[str, ...]:
        """Ids of the function questions that this one builds on, near or far, and that are not ok."""
        before = closure(question)
        return tuple(q.id for q in self._submitted_questions() if q.id in before and self._is_wrong(q))

    def _submitted_questions(self) -> list[Question]:
        """All questions, and of those that the course does not ask the ones whose functions were submitted as well."""
        asked = all_questions()
        submitted = [q for q in declared().values() if q.id in asked or set(files_of(q)) <= set(self.work.files)]
        return [asked.get(question.id, question) for question in submitted]

    def _is_wrong(self, question: Question) -> bool:
        fine = (Status.OK, Status.INFRASTRUCTURE_ERROR)
        return not question.in_notebook and self.grade(question).status not in fine

    # ---- notebooks

    def _grade_in_notebook(self, question: Question, reference: tuple[str, ...]) -> Graded:
        if self.settings.notebooks != "run":
            return without_verdict(question, Status.NOT_RUN, NOT_RUN)
        if obstacle := self.work.broken.get(question.notebook):
            return without_verdict(question, Status.NOT_GRADABLE, obstacle)
        for id_ in self.endless(question.notebook):
            if id_ in closure(question) and id_ not in reference:
                return without_verdict(
                    question, self.grade(declared()[id_]).status, f"it builds on {id_}, which {_ENDLESS}"
                )
        graded = judgement.grade_values(question, self._run_for(question, reference))
        return replace(graded, is_blank=self._is_blank(question))

    def endless(self, notebook: str) -> tuple[str, ...]:
        """Ids of the questions whose functions a notebook needs, and which end its process or never return."""
        asked = [question for question in all_questions().values() if question.notebook == notebook]
        needed = {question.id for question in asked}.union(*map(closure, asked))
        functions = [q for q in self._submitted_questions() if q.id in needed and not q.in_notebook]
        return tuple(question.id for question in functions if self.grade(question).is_endless)

    def _run_for(self, question: Question, reference: tuple[str, ...]) -> "NotebookRun":
        """The run that shows a question's values; a cell that ended the run before, and is not its own, is left out."""
        run = self.run_notebook(question.notebook, reference, whole=not self.settings.questions and not reference)
        if question.id not in run.missing or run.ended_at in ("", question.id, f"check_{question.id}"):
            return run
        return self.run_notebook(question.notebook, reference, run.ended_at, whole=False)

    def _is_blank(self, question: Question) -> bool:
        """Whether the answer cell is as distributed."""
        stub = f'raise NotImplementedError("{question.id}:'
        cells = self.work.notebooks[question.notebook]["cells"]
        return any(cell.get("id") == question.id and stub in notebook_form.source(cell) for cell in cells)

    def run_notebook(
        self, name: str, reference: tuple[str, ...] = (), without: str = "", whole: bool = True
    ) -> "NotebookRun":
        """Run a notebook, once for each set of questions that the reference answers; `without` is a cell to leave out.

        Functions that never return are not run: the reference answers these as well. If not `whole`, the run serves the
        questions that are asked, and no record of the notebook: it ends with the last of their checks.
        """
        from coursekit.grading.running import kernel, notebook_run

        replaced = {*reference, *self.endless(name)}
        reference = tuple(id_ for id_ in declared() if id_ in replaced)
        whole |= (name, reference, without, True) in self._notebook_runs
        key = name, reference, without, whole
        if key not in self._notebook_runs:
            started = time.monotonic()
            notebook = _without_cell(self.work.notebooks[name], without)
            if not whole:
                notebook = _up_to_checks(notebook, [question.id for question in self.settings.asked()])
            settings = replace(self.settings, limits=self._limits())
            with self._reference(reference, "", kernel.notebook_limits(settings), True) as earlier:
                run = notebook_run.run_notebook(notebook, name, self.folder(reference), settings, self._shown, earlier)
            self._notebook_runs[key] = run
            self.timings.memory = max(self.timings.memory, run.memory)
            seconds = time.monotonic() - started
            _add_time(self.timings.notebooks, name, seconds)
            self.timings.own_code += seconds
        return self._notebook_runs[key]

    def _shown(self, question_id: str, values: dict) -> Graded:
        """What the check of a question shows while its notebook runs."""
        question = all_questions()[question_id]
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
        replaced = [f"run with the course's {id_}, because the submitted one {_ENDLESS}" for id_ in self.endless(name)]
        return NotebookRecord(name, run.state, "; ".join(filter(None, [run.reason, *replaced])), tuple(run.cells))


def _share(graded: Graded, through: FollowThrough | None, partial: Partial | None) -> float:
    """The share of its points that a question earns: what follow-through gives, or if that is more, its cases."""
    share = through.share if through else float(graded.status == Status.OK)
    return max(share, partial.right / partial.asked) if partial else share


def _without_cell(notebook: dict, cell_id: str) -> dict:
    """A notebook in which one cell does nothing."""
    cells = [cell | {"source": "pass"} if cell.get("id") == cell_id else cell for cell in notebook["cells"]]
    return notebook | {"cells": cells}


def _up_to_checks(notebook: dict, ids: list[str]) -> dict:
    """A notebook without the cells after the last check of one of its questions."""
    checks = {f"check_{id_}" for id_ in ids if find(id_).in_notebook}
    last = max((i for i, cell in enumerate(notebook["cells"]) if cell.get("id") in checks), default=-1)
    return notebook | {"cells": notebook["cells"][: last + 1]}


def _add_time(times: dict[str, float], name: str, seconds: float) -> None:
    times[name] = times.get(name, 0.0) + seconds


def files_of(question: Question) -> list[str]:
    """The files in which a question asks for functions."""
    return sorted({file_of(target) for target in question.implements})
