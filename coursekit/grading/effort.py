"""Measured from outside: that a function does without a Python loop, and without an array that is too large.

A question's own cases count steps and memory in the learner's process, where the learner's code can switch the counting
off. Here the same function gets the question's `efforts`, inputs of very many rows, and what counts is the processor
time of everything that ran in the sandbox: in one process, in threads or in several processes.

Seconds mean nothing by themselves: on a fast machine even a loop is quick. So the growth of the time, from a few rows
to very many, is compared with the growth of the reference's, measured here in the same way. Their ratio is the same on
slow and on fast machines.

Most code is far within its limits. So all efforts of a question run in one process first: if even the whole of it takes
no longer than any one of them may grow, there is nothing more to measure.
"""

import hashlib
import math
import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from coursekit.core.question import Effort, Finding, Question, holds
from coursekit.grading import references
from coursekit.grading.running.sandbox import Limits
from coursekit.judging.judge import compare
from coursekit.judging.runner import Ending, Execute, FinishedProcess, Result, run_case, run_efforts
from coursekit.paths import ROOT
from coursekit.questions import declared

MEMORY = 2 << 30  # bytes; an array of all differences would take 5 GB
GROWTH = 4.0  # the time may grow this many times as fast as the reference's
COARSE = 0.2  # seconds; a smaller growth of the reference's is not measured well enough
FEW = 100  # rows, for which the time is that of the start
LONGEST_START = 10.0  # the start may take this many times the reference's: code may import a large package
LEAST = 4.0  # seconds that many rows get in any case: by the clock, a busy machine may need most of it to begin
TRIES = 2  # a busy machine slows a run down now and then; a loop is slow in each of them

MakeExecute = Callable[[Limits], Execute]


class Run(NamedTuple):
    """The results of efforts, and the seconds of processor time that their process used."""

    results: list[Result]
    seconds: float


class Pace(NamedTuple):
    """The seconds of processor time that code needs for few rows, and by how much they grow to many."""

    start: float
    growth: float


RunEfforts = Callable[[list[tuple[Effort, int]], float], Run]


def findings(question: Question, seed: int, usual: Limits, make_execute: MakeExecute) -> list[Finding]:
    """The findings of a question's efforts, up to the first that fails; none for most questions.

    `make_execute` takes limits, the usual ones with some changed, and returns what `run_calls` takes.
    """

    def run(efforts: list[tuple[Effort, int]], seconds: float) -> Run:
        limits = replace(usual, seconds=seconds, memory=min(usual.memory, MEMORY), output=MEMORY)
        return _run(question, efforts, seed, make_execute(limits))

    if not question.efforts:
        return []
    results = _results_at_once(question, seed, run, usual.seconds)
    found = [
        _finding(question, effort, seed, result) for effort, result in zip(question.efforts, results, strict=False)
    ]
    if results and all(finding.ok for finding in found):
        return found
    return _one_by_one(question, seed, run, usual.seconds)


def _one_by_one(question: Question, seed: int, run: RunEfforts, seconds: float) -> list[Finding]:
    """The findings of efforts that have a process each."""
    found: list[Finding] = []
    for effort in question.efforts:
        found.append(_finding(question, effort, seed, _last_result(question, effort, seed, run, seconds)))
        if not found[-1].ok:
            break
    return found


def _results_at_once(question: Question, seed: int, run: RunEfforts, seconds: float) -> list[Result]:
    """The results of all efforts from one process; none if it takes longer than one of them alone may grow."""
    timed = [effort for effort in question.efforts if not effort.only_memory]
    growths = [_longest_growth(reference_pace(question.id, effort.statement, seed, 0)) for effort in timed]
    longest = min(growths, default=seconds)
    results, used = run([(effort, effort.rows) for effort in question.efforts], max(longest, LEAST))
    return results if used <= longest else []


def _last_result(question: Question, effort: Effort, seed: int, run: RunEfforts, seconds: float) -> Result | None:
    """The result for many rows; None if it took too long each time."""
    if effort.only_memory:
        return run([(effort, effort.rows)], seconds).results[0]
    for number in range(TRIES):
        pace = reference_pace(question.id, effort.statement, seed, number)
        start = min(run([(effort, FEW)], seconds).seconds, LONGEST_START * pace.start)
        longest = start + _longest_growth(pace)
        [many], used = run([(effort, effort.rows)], max(2 * longest, LEAST))
        if many.ended not in (Ending.TIMEOUT, Ending.STALLED) and used <= longest:
            return many
    return None


def _longest_growth(pace: Pace) -> float:
    """The seconds by which the time may grow where the reference's has a pace."""
    return GROWTH * max(pace.growth, COARSE)


def _finding(question: Question, effort: Effort, seed: int, result: Result | None) -> Finding:
    if result is None or effort.only_memory and result.error:
        return holds(effort.statement, False, effort.gap, mistake=effort.mistake)
    if result.error or not isinstance(result.outputs, dict):
        return holds(effort.statement, False, f"with {effort.rows:,} rows it does not return its results")
    case, outputs = question.cases[0], result.outputs
    expected = reference_outputs(question.id, effort.statement, seed)
    right = all(compare(case, name, outputs.get(name), value).ok for name, value in expected.items())
    return holds(effort.statement, right, "its results are wrong on these inputs")


def _run(question: Question, efforts: list[tuple[Effort, int]], seed: int, execute: Execute) -> Run:
    """Call the function that a question asks for, on inputs with so many rows, in a process of its own."""
    used: list[float] = []

    def measured(command: list[str], request: bytes) -> FinishedProcess:
        process = execute(command, request)
        used.append(process.used)
        return process

    asked = [(question.efforts.index(effort), _seed_of(question, effort, seed), rows) for effort, rows in efforts]
    return Run(run_efforts(question, asked, measured), sum(used))


def _seed_of(question: Question, effort: Effort, seed: int) -> int:
    """The seed of an effort's inputs. A learner's code can read it, so it says nothing about the class's."""
    text = f"{seed} {question.id} {effort.statement}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "little")


# ---- the reference


def prepare(question: Question, seed: int) -> None:
    """Compute what the findings of a question's efforts need of the reference."""
    for effort in question.efforts:
        reference_outputs(question.id, effort.statement, seed)
        if not effort.only_memory:
            reference_pace(question.id, effort.statement, seed, 0)


def reference_outputs(question_id: str, statement: str, seed: int) -> dict:
    """What the reference returns on an effort's inputs."""
    question, effort = _found(question_id, statement)
    key = "effort", question_id, statement, seed
    inputs = partial(effort.draw, _seed_of(question, effort, seed), effort.rows)
    return references.once(key, lambda: run_case(question.cases[0], inputs()).outputs)


def reference_pace(question_id: str, statement: str, seed: int, number: int) -> Pace:
    """Measure the reference on an effort's inputs; each `number` is a measurement of its own."""
    return references.once(("pace", question_id, statement, seed, number), lambda: _pace(question_id, statement, seed))


def _pace(question_id: str, statement: str, seed: int) -> Pace:
    question, effort = _found(question_id, statement)
    few, many = (_run(question, [(effort, n)], seed, _run_reference).seconds for n in (FEW, effort.rows))
    return Pace(few, many - few)


def _found(question_id: str, statement: str) -> tuple[Question, Effort]:
    question = declared()[question_id]
    return question, next(effort for effort in question.efforts if effort.statement == statement)


def _run_reference(command: list[str], request: bytes) -> FinishedProcess:
    before = _children_time()
    env = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "OPENBLAS_NUM_THREADS": "1"}
    process = subprocess.run(command, input=request, capture_output=True, cwd=ROOT, env=env, check=True)
    return FinishedProcess(process.stdout, process.stderr, Ending.EXIT, math.inf, _children_time() - before)


def _children_time() -> float:
    times = os.times()
    return times.children_user + times.children_system
