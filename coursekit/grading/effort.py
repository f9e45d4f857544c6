"""Measured from outside: that a function does without a Python loop, and without an array too large.

The questions' own cases count steps and memory in the learner's process, where the learner's code can switch the
counting off. Here the same function gets so many rows that a loop over them runs into the limit on processor time, or
so large ones that an array of all differences runs into the limit on memory. Neither can be lifted from inside.
"""

from dataclasses import dataclass

import numpy as np

from coursekit.judge import compare
from coursekit.question import Finding
from coursekit.worker import run_calls, run_case

MANY = 500_000
CPU_SECONDS = 2  # a loop over so many rows takes more; all at once, with the start of Python, less than 1
MEMORY = 2 << 30  # the array of all differences would take 5 GB
LARGE = 1_500, 300


@dataclass(frozen=True)
class Effort:
    """One run: the shapes of X and X_train, and what it means if it does not come back."""

    label: str
    X: tuple
    X_train: tuple
    gap: str
    mistake: str


_INPUTS = Effort(
    "no Python loop over the inputs",
    (MANY, 3),
    (2, 3),
    f"with {MANY:,} inputs it takes more than {CPU_SECONDS} seconds",
    "a loop over the inputs is left: all the dot products come from one matrix product",
)
_TRAINING = Effort(
    "no Python loop over the training inputs",
    (2, 3),
    (MANY, 3),
    f"with {MANY:,} training inputs it takes more than {CPU_SECONDS} seconds",
    "a loop over the training inputs is left: X_train - X[i] takes X[i] from all rows of X_train at once",
)
_MEMORY = Effort(
    "no array of M x N x D entries",
    LARGE,
    LARGE,
    "with M = N = 1,500 and D = 300 it takes more than 2 GB, or too long",
    "an array of M x N x D differences is built: expand the square instead",
)
EFFORTS = {"knn_one_loop": (_TRAINING,), "knn_no_loops": (_INPUTS, _TRAINING, _MEMORY)}


def findings(question, seed, run):
    """The findings of a question's efforts; none for most questions. `run` is as `run_calls` takes it.

    All are made in one process: what does not come back after the one that ran into a limit is not to be blamed.
    """
    efforts = EFFORTS.get(question.id, ())
    rng = np.random.RandomState(seed)
    inputs = [{"X": rng.randn(*effort.X), "X_train": rng.randn(*effort.X_train)} for effort in efforts]
    results = run_calls(question, [(0, drawn) for drawn in inputs], run) if efforts else ()
    found = []
    for effort, drawn, result in zip(efforts, inputs, results, strict=True):
        found.append(_finding(question.cases[0], effort, drawn, result))
        if result["ended"]:
            break
    return found


def _finding(case, effort, inputs, result):
    if result["error"] or not isinstance(result["outputs"], dict):
        return Finding(effort.label, "holds", False, (effort.gap,), effort.mistake)
    expected = run_case(case, inputs)["outputs"]["dists"]
    right = compare(case, "dists", result["outputs"].get("dists"), expected, inputs, {}).ok
    return Finding(effort.label, "holds", right, () if right else ("its distances are wrong there",))
