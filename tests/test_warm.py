"""Warm sandboxes: a process that was forked is like one that was started, and knows nothing of earlier ones."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest
from test_sandbox import every_level, wrapped

from coursekit.core.question import Status
from coursekit.grading.evaluate import Grading, Work
from coursekit.grading.running import sandbox, users, warm, workspace
from coursekit.grading.settings import Settings
from coursekit.judging.runner import FinishedProcess, run_calls
from coursekit.paths import ROOT
from coursekit.questions import find, module_of

QUESTION = find("affine_forward")
MODULES = (*sandbox.WORKER, module_of(QUESTION.notebook).__name__)
LAYERS = "cs231n/layers.py"


@pytest.fixture(scope="module")
def folder():
    """A workspace whose `cs231n.layers` writes the state of its process to the standard error."""
    with tempfile.TemporaryDirectory() as path:
        source = (ROOT / LAYERS).read_text() + LOOK
        workspace.build(Path(path), {LAYERS: source.encode()})
        yield Path(path)


LOOK = """
import gc, json, os, resource, signal, sys
if "COURSEKIT_LOOKED" not in os.environ:
    os.environ["COURSEKIT_LOOKED"] = "1"
    OWN = ("COURSEKIT_LOOKED", "HOME", "TMPDIR", "PWD")  # bubblewrap sets the last
    about = {
        "modules": sorted(name for name in sys.modules if name.partition(".")[0] not in ("numpy", "secrets")),
        "course": sorted(str(m.__file__) for n, m in sys.modules.items() if n.partition(".")[0] == "coursekit"),
        "path": sys.path[0],
        "environment": {n: v for n, v in os.environ.items() if n not in OWN},
        "descriptors": len(os.listdir("/proc/self/fd")),
        "folder": os.getcwd(),
        "limits": [resource.getrlimit(kind) for kind in range(16) if kind != resource.RLIMIT_NPROC],
        "signals": [str(signal.getsignal(n)).partition(" at ")[0] for n in range(1, 32)],
        "mask": sorted(signal.pthread_sigmask(0, [])),
        "threads": len(os.listdir("/proc/self/task")),
        "umask": os.umask(0o077),
        "main": sys.modules["__main__"].__spec__.name,
        "arguments": len(sys.argv),
        "status": [l for l in open("/proc/self/status") if l.startswith(("Cap", "NoNew", "Seccomp", "Groups"))],
    }
    os.write(2, json.dumps(about).encode() + b"\\n")
"""


def look(folder, level, preload):
    """What a learner's code finds in its process, in a warm or a cold sandbox."""
    outcomes = []

    def execute(command, request):
        outcomes.append(sandbox.run_command(command, folder, request, isolation=level, preload=preload))
        return FinishedProcess(outcomes[0].stdout, outcomes[0].stderr, outcomes[0].ended, 20.0)

    [result] = run_calls(QUESTION, [(0, QUESTION.draw_inputs(0))], execute)
    assert not result.error, result.error
    return json.loads(outcomes[0].stderr.splitlines()[0])


@every_level
def test_a_forked_process_is_like_one_that_was_started(folder, level):
    """Modules, descriptors, limits, signals, privileges: nothing tells a learner's code how its process came about.

    NumPy's generators alone are there beforehand, with what they import; and no capability could be had again.
    """
    cold, warmed = look(folder, level, ()), look(folder, level, MODULES)
    early = set(warmed.pop("modules")) - set(cold["modules"])
    assert all("." not in name for name in early), early  # a part of a package would be there without its import
    del cold["modules"]
    if level == "bubblewrap":
        assert {line.split()[1] for line in warmed["status"] if line.startswith("Cap")} == {"0" * 16}
    for found in (cold, warmed):
        found["status"] = [line for line in found["status"] if not line.startswith(("CapBnd", "CapInh", "NoNewPrivs"))]
    assert warmed == cold


def python(code, folder, level, **options):
    return sandbox.run_command([sys.executable, "-c", code], folder, isolation=level, preload=sandbox.WORKER, **options)


@every_level
def test_many_runs_in_a_row(folder, level):
    """Each has its own output and its own status, in whatever order the two processes of a start report."""
    for number in range(8):
        outcome = python(f"print({number}); raise SystemExit({number})", folder, level)
        assert (outcome.stdout, outcome.code) == (f"{number}\n".encode(), number)


@every_level
def test_one_zygote_serves_all_runs(folder, level):
    python("", folder, level)
    first = warm.zygote_with(sandbox.WORKER).process.pid
    python("", folder, level)
    assert warm.zygote_with(sandbox.WORKER).process.pid == first


@every_level
def test_random_numbers_differ(folder, level):
    """Who has seen those of one question cannot foretell those of the next."""
    code = "import random, numpy as np; print(np.random.random(), np.random.default_rng().random(), random.random())"
    one, other = (python(code, folder, level).stdout.split() for _ in range(2))
    assert len({*one, *other}) == 6


@every_level
def test_no_course_is_imported_beforehand(folder, level):
    """Not even one that is installed."""
    assert python("import sys; print([m for m in sys.modules if 'cs231n' in m])", folder, level).stdout == b"[]\n"
    with pytest.raises(warm.UnavailableError, match="does not start"):
        warm.zygote_with(("cs231n.layers",))


@every_level
def test_the_zygote_is_out_of_reach(folder, level):
    """It cannot be seen from bubblewrap; with limits, its memory cannot be opened."""
    if level == "limits" and users.is_root() and not sandbox.has_own_users(bubblewrapped=False):
        pytest.skip("root's own processes are out of nobody's reach")
    code = """
import os
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        text = open(f"/proc/{pid}/cmdline").read()
    except OSError:
        continue
    if "running.zygote" in text and int(pid) != os.getpid():
        print("seen")
        for name in ("mem", "environ", "fd/0", "fd/1", "oom_score_adj", "cwd/coursekit", "clear_refs", "ns/mnt"):
            try:
                os.close(os.open(f"/proc/{pid}/{name}", os.O_WRONLY if name in WRITTEN else os.O_RDONLY))
                print("opened", name)
            except OSError:
                pass
"""
    code = f"WRITTEN = ('mem', 'fd/0', 'oom_score_adj', 'clear_refs')\n{code}"
    found = python(code, folder, level).stdout.split()
    assert b"opened" not in found and (level == "limits" or not found)


class TestLost:
    """A zygote that is gone costs no question its points."""

    @every_level
    def test_between_two_questions(self, folder, level):
        python("", folder, level)
        process = warm.zygote_with(sandbox.WORKER).process
        process.kill()
        process.wait()
        assert python("print(1)", folder, level).stdout == b"1\n"

    @every_level
    def test_in_the_middle_of_a_question(self, level, monkeypatch):
        """It is asked again in a cold sandbox."""
        ran, real, start = [], sandbox.run_command, warm.WarmProcess.__init__

        def run_command(command, *arguments, preload=(), **options):
            ran.append(bool(preload))
            return real(command, *arguments, preload=preload, **options)

        def start_and_kill(self, zygote, *arguments):
            start(self, zygote, *arguments)
            zygote.process.kill()
            zygote.process.wait()

        assert sandbox.can_be_warm(level)
        monkeypatch.setattr(sandbox, "run_command", run_command)
        monkeypatch.setattr(warm.WarmProcess, "__init__", start_and_kill)
        entry = graded(level)
        assert (entry.status, ran) == (Status.OK, [True, False])


def graded(level):
    work = Work({LAYERS: (ROOT / LAYERS).read_bytes()})
    with contextlib.ExitStack() as stack:
        settings = Settings("assignment1", seed=1, isolation=level, trust_submissions=True)
        return Grading(work, settings, stack).question_record(QUESTION)


@every_level
def test_where_nothing_can_be_forked_all_is_cold(level, monkeypatch):
    monkeypatch.setattr(sandbox, "can_be_warm", lambda isolation: False)
    monkeypatch.setattr(warm, "zygote_with", None)  # it would fail
    assert graded(level).status == Status.OK


@wrapped
def test_a_root_folder_of_another_sandbox_is_refused(folder, level, monkeypatch):
    """Who has not arrived in the sandbox that was made for the run does not run."""
    monkeypatch.setattr(warm, "_entrance", lambda pid, real=warm._entrance: (real(pid)[0], (0, 0)))
    with pytest.raises(warm.UnavailableError, match="not that of the sandbox"):
        python("", folder, level)


def test_it_ends_with_the_process_that_has_started_it(folder):
    """Even where that is killed, and cannot say so."""
    code = f"""
import os, signal
from coursekit.grading.running import sandbox, warm
print(warm.zygote_with({sandbox.WORKER}).process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, cwd=ROOT)
    pid = int(done.stdout)
    _, alive = psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=60)
    assert not alive
