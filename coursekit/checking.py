"""Check a question on the files as they are saved: inputs, a fresh process, the judge."""

import time
from pathlib import Path

from coursekit import stored
from coursekit.judge import judge
from coursekit.worker import ROOT, run_cases


def check_question(question, root=ROOT):
    """Check a function question on its public inputs; a `Verdict`."""
    inputs = {index: question.draw_inputs(index) for index in range(len(question.cases))}
    results = run_cases(question, inputs, root)
    return judge(question, inputs, results, stored.expected(question))


def tested_files(question, root=ROOT):
    """What was tested, in words: "cs231n/layers.py, saved 12 s ago"."""
    names = dict.fromkeys(target.split(":")[0].replace(".", "/") + ".py" for target in question.implements)
    return "; ".join(f"{name}, saved {_ago(Path(root, name))}" for name in names)


def _ago(path):
    seconds = max(0, time.time() - path.stat().st_mtime)
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{int(seconds / length)} {unit} ago"
    return f"{int(seconds)} s ago"
