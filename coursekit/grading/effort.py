"""Measured from outside: that a function does without a Python loop, and without an array that is too large.

A question's own cases count steps and memory in the learner's process, where the learner's code can switch the counting
off. Here the same function gets the question's `efforts`: inputs so large that a loop exceeds the limit on processor
time, and an array of all differences exceeds the limit on memory. Neither limit can be lifted from inside.

How many rows are too many for a loop, and which limit leaves room for the start of Python, is measured on the machine
that grades: only the ratio of the two matters, which is the same on slow and on fast machines.
"""

import math
import os
import subprocess
import sys
import time
from dataclasses import replace
from functools import cache

import numpy as np

from coursekit.core.question import Case, Effort, Finding, Question, holds
from coursekit.grading.running.sandbox import Limits
from coursekit.judging.judge import compare
from coursekit.judging.runner import Execute, Result, run_calls, run_case

MEMORY = 2 << 30  # bytes; an array of all differences would take 5 GB
ROOM = 4  # the limit is this many times what the start of Python takes, and a loop this many times the limit


def limits(usual: Limits) -> Limits:
    """The limits under which efforts run, for a question with the usual ones."""
    return replace(usual, seconds=cpu_seconds(), memory=min(usual.memory, MEMORY), output=MEMORY)


def findings(question: Question, seed: int, execute: Execute) -> list[Finding]:
    """The findings of a question's efforts; none for most questions. `execute` is as `run_calls` takes it.

    All run in one process. Once one has exceeded a limit, those after it are not judged.
    """
    if not question.efforts:
        return []
    rng = np.random.RandomState(seed)
    inputs = [effort.inputs(rng, too_many_rows()) for effort in question.efforts]
    results = run_calls(question, [(0, drawn) for drawn in inputs], execute)
    found = []
    for effort, drawn, result in zip(question.efforts, inputs, results, strict=True):
        found.append(_finding(question.cases[0], effort, drawn, result))
        if result.ended or result.error:
            break
    return found


def _finding(case: Case, effort: Effort, inputs: dict, result: Result) -> Finding:
    if result.error or not isinstance(result.outputs, dict):
        return holds(effort.statement, False, effort.gap, mistake=effort.mistake)
    expected = run_case(case, inputs).outputs
    outputs = result.outputs
    right = all(compare(case, name, outputs.get(name), value).ok for name, value in expected.items())
    return holds(effort.statement, right, "its results are wrong on these inputs")


@cache
def cpu_seconds() -> int:
    """The limit on processor time, in whole seconds as the system takes it: room for Python's start and for arrays."""
    before = _children_time()
    subprocess.run([sys.executable, "-c", "import numpy"], check=True, env={**os.environ, "OPENBLAS_NUM_THREADS": "1"})
    return max(2, math.ceil(ROOM * (_children_time() - before)))


def _children_time() -> float:
    times = os.times()
    return times.children_user + times.children_system


@cache
def too_many_rows() -> int:
    """The number of rows for which a loop over them takes `ROOM` times the limit.

    The loop that is measured calls NumPy twice for each row; no loop that computes a distance gets by with fewer.
    """
    X, y = np.ones((20_000, 1)), np.ones(1)
    seconds = min(_seconds_of_loop(X, y) for _ in range(3)) / len(X)
    return int(ROOM * cpu_seconds() / seconds)


def _seconds_of_loop(X: np.ndarray, y: np.ndarray) -> float:
    started = time.process_time()
    for row in X:
        np.sum(np.subtract(row, y))
    return time.process_time() - started
