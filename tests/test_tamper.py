"""The tamper suite: each trick earns just what the same wrong answer earns without it."""

import contextlib
import os
from dataclasses import replace

import pytest
from tamper import BOTH, RIGHT, TRICKS, Trick

from coursekit.grading import sandbox, tree
from coursekit.grading.evaluate import Grading, Settings, Work
from coursekit.questions import find

MODULE = "cs231n/layers.py"
HONEST = Trick("none")


def missing(level):
    """A mark for what cannot run here."""
    unavailable = level == sandbox.BUBBLEWRAP and sandbox.level() != sandbox.BUBBLEWRAP
    return pytest.mark.skipif(unavailable, reason="bubblewrap is not installed, or may not run here")


def levels():
    return pytest.mark.parametrize("level", [pytest.param(level, marks=missing(level)) for level in BOTH])


def cases():
    for trick in TRICKS:
        for level in trick.levels:
            marks = [missing(level), *([pytest.mark.slow] if trick.is_slow else [])]
            yield pytest.param(trick, level, marks=marks, id=f"{trick.name}-{level}")


def entry_of(source, level, seconds=2.0):
    """The entry of the record for `affine_forward`, with this module handed in."""
    limits = sandbox.Limits(memory=1 << 30, file_size=8 << 20, output=8 << 20)
    settings = Settings("assignment1", seed=1, isolation=level, limits=limits)
    with contextlib.ExitStack() as stack:
        grading = Grading(Work({MODULE: source.encode()}), settings, stack)
        entry = grading.entry(replace(find("affine_forward"), seconds=seconds))
        assert not processes_in(grading.tree())
        return entry


def source_of(trick, **options):
    return trick.source(tree.given()[MODULE].decode(), **options)


@levels()
def test_honest_answers(level):
    """What the tricks are measured against: a right answer earns its points, the wrong one none."""
    assert entry_of(source_of(HONEST, answer=RIGHT), level)["earned"] == 2
    wrong = entry_of(source_of(HONEST), level)
    assert (wrong["earned"], wrong["status"]) == (0, "wrong")
    assert wrong["mistake"] == "the bias b is not added: out = rows @ w + b"


@pytest.mark.parametrize("trick, level", list(cases()))
def test_a_trick_earns_nothing(trick, level, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    entry = entry_of(source_of(trick), level)
    assert entry["earned"] == 0
    assert entry["status"] in ("wrong", "crashed", "timed out"), entry["text"]
    assert len(entry["text"]) < 10_000


def processes_in(folder):
    """Processes that run in a folder. In bubblewrap none can outlive its process tree."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/{pid}/cwd").startswith(str(folder)):
                found.append(int(pid))
    return found
