"""The tamper suite: each trick earns just what the same wrong answer earns without it."""

import contextlib
import ctypes
import importlib
import json
import os
import re
import sys
import tempfile
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from tamper import BOTH, FOLLOW_TRICKS, LEAKS, NOTEBOOK_TRICKS, RIGHT, TRICKS, WRONG, Trick

from coursekit.grading.evaluate import Grading, Work
from coursekit.grading.running import launch, notebook_run, sandbox, workspace
from coursekit.grading.settings import Settings
from coursekit.paths import ROOT
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
    """All tricks at all levels; what is between Python's objects alone is the same at both, and quick at one."""
    for trick in TRICKS:
        for level in trick.levels:
            is_slow = trick.is_slow or (level == "limits" and not trick.uses_system)
            yield _case(trick, level, is_slow)


def notebook_cases():
    for trick in NOTEBOOK_TRICKS:
        for level in trick.levels:
            yield _case(trick, level, trick.is_slow or level == "limits")


def _case(trick, level, is_slow):
    marks = [missing(level), *([pytest.mark.slow] if is_slow else [])]
    return pytest.param(trick, level, marks=marks, id=f"{trick.name}-{level}")


def entry_of(source, level, seconds=3.0):
    """The record of `affine_forward`, with this module submitted."""
    limits = sandbox.Limits(idle=3.0, memory=1 << 30, file_size=8 << 20, output=8 << 20)
    settings = Settings("assignment1", seed=1, isolation=level, limits=limits)
    with contextlib.ExitStack() as stack:
        grading = Grading(Work({MODULE: source.encode()}), settings, stack)
        entry = grading.question_record(replace(find("affine_forward"), seconds=seconds))
        assert all_gone(grading.folder())
        return entry


def all_gone(folder, within=5.0):
    """Whether no process is left that was started in a folder; the killed take a moment to vanish on a busy machine."""
    end = time.monotonic() + within
    while processes_in(folder):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def source_of(trick, **options):
    return trick.source(workspace.provided_contents()[MODULE].decode(), **options)


@levels()
def test_honest_answers(level):
    """What the tricks are measured against: a right answer earns its points, the wrong one none."""
    assert entry_of(source_of(HONEST, answer=RIGHT), level).earned == 2
    wrong = entry_of(source_of(HONEST), level)
    assert (wrong.earned, wrong.status) == (0, "wrong")
    assert wrong.mistake == "the bias b is not added: out = rows @ w + b"


@pytest.mark.parametrize("trick, level", list(cases()))
def test_a_trick_earns_nothing(trick, level, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    entry = entry_of(source_of(trick), level)
    assert entry.earned == 0
    assert entry.status in ("wrong", "crashed", "timed out"), entry.text
    assert len(entry.text) < 10_000


def processes_in(folder):
    """Processes that run in a folder. In bubblewrap none can outlive its process tree."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/{pid}/cwd").startswith(str(folder)):
                found.append(int(pid))
    return found


def plant(ring):
    """Put a key into one of this process's keyrings (-3: the session's, -4: the user's); skip where there are none."""
    libc = ctypes.CDLL(None)
    number = launch.DENIED["add_key"][launch.machine()]
    if libc.syscall(number, b"user", b"planted", b"secret", 6, ring) < 0:
        pytest.skip("this kernel has no keyrings")


@levels()
@pytest.mark.skipif(not sandbox.has_filter(), reason="system calls are not filtered on this machine")
def test_keyrings_are_out_of_reach(level):
    """Neither is a key of this process found in the sandbox, nor does one of the sandbox stay here."""
    libc = ctypes.CDLL(None)
    libc.syscall(launch.KEYCTL[launch.machine()], launch.JOIN_SESSION_KEYRING, None)
    plant(-3)
    keyctl, request, add = (launch.DENIED[name][launch.machine()] for name in ("keyctl", "request_key", "add_key"))
    look = f"""
import ctypes
c = ctypes.CDLL(None)
found = [c.syscall({keyctl}, 10, ring, b'user', b'planted', 0) for ring in (-3, -4, -5)]
found.append(c.syscall({request}, b'user', b'planted', 0, 0))
left = [c.syscall({add}, b'user', b'left', b'x', 1, ring) for ring in (-1, -2, -3, -4, -5)]
print(set(found + left))
"""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        assert sandbox.run_command([sys.executable, "-c", look], folder, isolation=level).stdout == b"{-1}\n"
    for ring in (-3, -4, -5):
        assert libc.syscall(launch.KEYCTL[launch.machine()], 10, ring, b"user", b"left", 0) == -1


# ---- from one question to the next

IMPORTS = "import contextlib, builtins, importlib.util, os, resource, signal, sys, tempfile"


def leaking(leak):
    """A module whose first question leaves something, and whose second raises an error if it finds it."""
    source = (ROOT / MODULE).read_text()
    first = f"def affine_forward(x, w, b):\n{textwrap.indent(leak.left, '    ')}\n    return {WRONG}, (x, w, b)"
    second = f"    if {leak.seen}:\n        raise RuntimeError('found')\n    return honest(x)"
    return f"{source}\n\n{IMPORTS}\nhonest = relu_forward\n\n\n{first}\n\n\ndef relu_forward(x):\n{second}\n"


@pytest.mark.parametrize(
    "leak, level", [_case(leak, level, level == "limits") for leak in LEAKS for level in leak.levels]
)
def test_the_next_question_finds_nothing(leak, level):
    """Whatever a question leaves: the next one, honest, is right, and sees none of it."""
    assert sandbox.can_be_warm(level)
    limits = sandbox.Limits(idle=3.0, memory=1 << 30, file_size=8 << 20)
    settings = Settings("assignment1", seed=1, isolation=level, limits=limits, trust_submissions=True)
    with contextlib.ExitStack() as stack:
        grading = Grading(Work({MODULE: leaking(leak).encode()}), settings, stack)
        first = grading.question_record(find("affine_forward"))
        second = grading.question_record(find("relu_forward"))
    assert first.status in ("wrong", "crashed") and not first.earned, first.text
    assert (second.status, second.earned) == ("ok", second.points), second.text


# Leave each thing in a process of its own, and look for it there.
_LEAVE_AND_LOOK = f"""
import json
import numpy as np
{IMPORTS}
for name, left, seen in json.load(sys.stdin):
    if os.fork() == 0:
        exec(left)
        os.write(1, b"" if eval(seen) else name.encode() + b"\\n")
        os._exit(0)
    os.wait()
print("looked")
"""


def test_what_is_left_would_be_seen():
    """Where a question leaves something that nothing denies, it finds this itself: else no later one proves a thing."""
    left = [
        (leak.name, leak.left, leak.seen)
        for leak in LEAKS
        if leak.seen != "False" and leak.levels == BOTH and not leak.is_denied
    ]
    limits = sandbox.Limits(idle=5.0, memory=1 << 30, file_size=8 << 20)
    command = [sys.executable, "-c", _LEAVE_AND_LOOK]
    with tempfile.TemporaryDirectory() as folder:
        workspace.build(Path(folder), {})
        done = sandbox.run_command(command, folder, json.dumps(left).encode(), limits, isolation="limits")
    assert (done.stdout, len(left) > 20) == (b"looked\n", True), done.stderr


# ---- follow-through

NET = "cs231n/classifiers/fc_net.py"


def followed(code, level):
    """The record of `TwoLayerNet.loss` with this code in it, after a wrong `affine_forward`."""
    layers = (ROOT / MODULE).read_text().replace("out = rows @ w + b", "out = rows @ w")
    body = textwrap.indent(f"{code}\nscores = np.zeros((len(X), len(self.params['b2'])))\n", "    ")
    net = f"{(ROOT / NET).read_text()}\n\nprize = TwoLayerNet.loss\n\n\ndef loss(self, X, y=None):\n{body}"
    net += "    return scores if y is None else (0.0, {})\n\n\nTwoLayerNet.loss = loss\n"
    limits = sandbox.Limits(idle=3.0, memory=1 << 30)
    with contextlib.ExitStack() as stack:
        work = Work({MODULE: layers.encode(), NET: net.encode()})
        grading = Grading(work, Settings("assignment1", seed=1, isolation=level, limits=limits), stack)
        return grading.question_record(replace(find("two_layer_net_loss"), seconds=5.0))


@levels()
def test_honest_follow_through(level):
    """What these tricks are measured against: with the prize the points come."""
    entry = followed("return prize(self, X, y)", level)
    assert (entry.status, entry.follow_through.status, entry.earned) == ("wrong", "ok", 2), entry.text


@pytest.mark.parametrize(
    "trick, level", [_case(trick, level, level == "limits") for trick in FOLLOW_TRICKS for level in trick.levels]
)
def test_the_reference_is_out_of_reach(trick, level):
    entry = followed(trick.code, level)
    assert entry.earned == 0 and entry.follow_through.status in ("wrong", "crashed", "timed out"), entry


# ---- notebooks

WRONG_SEARCH = """
best_W = np.zeros((3073, 10))
best_val = 0.5
results = {(rate, reg): (0.5, 0.5) for rate in (1e-7, 2e-7) for reg in (1.0, 2.0)}
X_val, y_val = np.zeros((1000, 3073)), np.arange(1000) % 10
"""
CHECK = "check('svm_search', results=results, best_val=best_val, best_W=best_W, X_val=X_val, y_val=y_val)"


def run_of(code, level, cell=()):
    """The run of a small notebook, and what its question earns."""
    source = f"import numpy as np\nfrom coursekit import check\n{code}\n{WRONG_SEARCH}"
    cells = [("svm_search", source, dict(cell)), ("check_svm_search", CHECK, {})]
    notebook = nbformat.v4.new_notebook()
    for id_, source, more in cells:
        notebook.cells.append(nbformat.v4.new_code_cell(source, id=id_, execution_count=1, **more))
    notebook.cells[1].outputs = [nbformat.v4.new_output("stream", text="svm_search: ok, 3 points\n")]
    settings = Settings("assignment1", isolation=level, limits=sandbox.Limits(idle=3.0))
    with contextlib.ExitStack() as stack:
        grading = Grading(Work(notebooks={"svm": notebook}), settings, stack)
        entry = grading.question_record(replace(find("svm_search"), builds_on=()))
        return grading.notebook_record("svm"), entry


@pytest.fixture
def impatient(monkeypatch):
    """A cell may take two seconds, not minutes."""
    monkeypatch.setattr(notebook_run, "CELL_SECONDS", 2.0)


@levels()
def test_honest_wrong_notebook(level, impatient):
    record, entry = run_of("", level)
    assert (entry.status, entry.earned) == ("wrong", 0)
    assert "svm_search: wrong" in entry.text
    assert [cell.status for cell in record.cells] == ["ok", "error"]


@pytest.mark.parametrize("trick, level", list(notebook_cases()))
def test_a_trick_in_a_notebook_earns_nothing(trick, level, impatient):
    check_notebook_trick(trick, level)


@pytest.mark.parametrize("trick, level", [case for case in notebook_cases() if case.values[1] == "bubblewrap"])
def test_a_trick_earns_nothing_without_nbval_either(trick, level, impatient, monkeypatch):
    monkeypatch.setattr(notebook_run, "problem_with_nbval", lambda: "broken")
    check_notebook_trick(trick, level)


def check_notebook_trick(trick, level):
    record, entry = run_of(trick.code, level, trick.cell)
    assert entry.earned == 0
    assert entry.status in ("wrong", "not attempted", "crashed", "timed out"), entry.text
    assert record.state == "differs"
    assert record.cells[1].status != "ok"


# ---- the tricks themselves

_AIM = re.compile(r"import ([\w.]+) as m\b")
_PATCHED = re.compile(r"^m\.(\w+) =|= m\.(\w+)$", re.MULTILINE)


@pytest.mark.parametrize(
    "code", [*(t.at_import + t.in_call for t in TRICKS), *(t.code for t in (*FOLLOW_TRICKS, *NOTEBOOK_TRICKS))]
)
def test_tricks_aim_at_what_is_there(code):
    """A trick that patches a name of yesterday would prove nothing."""
    for module in _AIM.findall(code):
        module = "coursekit.running.worker" if module == "__main__" else module
        for names in _PATCHED.findall(code):
            assert hasattr(importlib.import_module(module), "".join(names)), code
    for name in re.findall(r"coursekit/[\w/]+\.py", code):
        assert (ROOT / name).is_file(), name
