"""Measured from outside: that a function does without a Python loop, and without an array that is too large.

A question's own cases count steps and memory in the learner's process, where the learner's code can switch the counting
off. Here the same function gets the question's `efforts`, inputs of very many rows, and what counts is the processor
time of everything that ran in the sandbox: in one process, in threads or in several processes.

Seconds mean nothing by themselves: on a fast machine even a loop is quick. So the growth of the time, from a few rows
to very many, is compared with the growth of the reference's, measured here in the same way. Their ratio is the same on
slow and on fast machines.
"""

import math
import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from coursekit.core.question import Effort, Finding, Question, holds
from coursekit.grading import references
from coursekit.grading.running.sandbox import Limits
from coursekit.judging.judge import compare
from coursekit.judging.runner import Ending, Execute, FinishedProcess, Result, run_calls, run_case
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
    """The result of a call, and the seconds of processor time that its process used."""

    result: Result
    seconds: float


class Pace(NamedTuple):
    """The seconds of processor time that code needs for few rows, and by how much they grow to many."""

    start: float
    growth: float


def findings(question: Question, seed: int, usual: Limits, make_execute: MakeExecute) -> list[Finding]:
    """The findings of a question's efforts, up to the first that fails; none for most questions.

    `make_execute` takes limits, the usual ones with some changed, and returns what `run_calls` takes.
    """

    def run(inputs: dict, seconds: float) -> Run:
        limits = replace(usual, seconds=seconds, memory=min(usual.memory, MEMORY), output=MEMORY)
        return _run(question, inputs, make_execute(limits))

    found: list[Finding] = []
    for effort in question.efforts:
        result = _last_result(question, effort, seed, run, usual.seconds)
        found.append(_finding(question, effort, seed, result))
        if not found[-1].ok:
            break
    return found


def _last_result(
    question: Question, effort: Effort, seed: int, run: Callable[[dict, float], Run], seconds: float
) -> Result | None:
    """The result for many rows; None if it took too long each time."""
    inputs = _inputs(effort, seed, effort.rows)
    if effort.only_memory:
        return run(inputs, seconds).result
    for number in range(TRIES):
        pace = reference_pace(question.id, effort.statement, seed, number)
        start = min(run(_inputs(effort, seed, FEW), seconds).seconds, LONGEST_START * pace.start)
        longest = start + GROWTH * max(pace.growth, COARSE)
        many = run(inputs, max(2 * longest, LEAST))
        if many.result.ended not in (Ending.TIMEOUT, Ending.STALLED) and many.seconds <= longest:
            return many.result
    return None


def _inputs(effort: Effort, seed: int, rows: int) -> dict:
    return effort.inputs(np.random.RandomState(seed), rows)


def _finding(question: Question, effort: Effort, seed: int, result: Result | None) -> Finding:
    if result is None or effort.only_memory and result.error:
        return holds(effort.statement, False, effort.gap, mistake=effort.mistake)
    if result.error or not isinstance(result.outputs, dict):
        return holds(effort.statement, False, f"with {effort.rows:,} rows it does not return its results")
    case, outputs = question.cases[0], result.outputs
    expected = reference_outputs(question.id, effort.statement, seed)
    right = all(compare(case, name, outputs.get(name), value).ok for name, value in expected.items())
    return holds(effort.statement, right, "its results are wrong on these inputs")


def _run(question: Question, inputs: dict, execute: Execute) -> Run:
    """Call the function that a question asks for, in a process of its own."""
    used: list[float] = []

    def measured(command: list[str], request: bytes) -> FinishedProcess:
        process = execute(command, request)
        used.append(process.used)
        return process

    [result] = run_calls(question, [(0, inputs)], measured)
    return Run(result, sum(used))


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
    return references.once(key, lambda: run_case(question.cases[0], _inputs(effort, seed, effort.rows)).outputs)


def reference_pace(question_id: str, statement: str, seed: int, number: int) -> Pace:
    """Measure the reference on an effort's inputs; each `number` is a measurement of its own."""
    return references.once(("pace", question_id, statement, seed, number), lambda: _pace(question_id, statement, seed))


def _pace(question_id: str, statement: str, seed: int) -> Pace:
    question, effort = _found(question_id, statement)
    few, many = (_run(question, _inputs(effort, seed, n), _run_reference).seconds for n in (FEW, effort.rows))
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
