"""What a check costs: the processor time of `check` for each function question, as a learner runs it.

    python benchmarks/checks.py [--rounds 3] [QUESTION ...]

Each question is checked in a process of its own, which has imported coursekit, as a notebook has. What counts is the
processor time of the check alone, in this process and in the one that runs the code under `cs231n/`. It prints the
median of the rounds for each question, then the median and the worst of all questions. Questions that are answered in a
notebook are left out: their checks only look at values.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
GOAL = 0.3  # seconds for the median question

_CHILD = """
import contextlib, io, os
from coursekit import check
from coursekit.core.question import CheckFailed

before = os.times()
with contextlib.suppress(CheckFailed), contextlib.redirect_stdout(io.StringIO()):
    check({question!r})
after = os.times()
print(sum(after[:4]) - sum(before[:4]))  # user and system time, of this process and of its children
"""


def main():
    """Measure the questions that the options name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("questions", nargs="*", help="ids of questions; all function questions by default")
    parser.add_argument("--rounds", type=int, default=3, help="how often each question is checked")
    options = parser.parse_args()

    names = options.questions or _function_questions()
    seconds = {name: median(_seconds(name) for _ in range(options.rounds)) for name in names}
    for name, value in sorted(seconds.items(), key=lambda item: item[1]):
        print(f"{name:28}{value:7.3f} s")
    worst = max(seconds, key=seconds.get)
    middle = median(seconds.values())
    print(f"median {middle:.3f} s ({'within' if middle < GOAL else 'above'} the goal of {GOAL} s)")
    print(f"worst  {seconds[worst]:.3f} s: {worst}")


def _function_questions():
    sys.path.insert(0, str(ROOT))
    from coursekit.questions import all_questions

    return [question.id for question in all_questions().values() if not question.in_notebook]


def _seconds(name):
    """The processor time of one check, in a fresh process."""
    command = [sys.executable, "-c", _CHILD.format(question=name)]
    return float(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)


if __name__ == "__main__":
    main()
