"""The sandbox: what a command may take and see, at both levels of isolation; and frames of another form."""

import io
import os
import struct
import sys
import tempfile
import zipfile

import numpy as np
import pytest

from coursekit.core import serialization
from coursekit.grading.running import sandbox
from coursekit.judging.runner import Ending, FinishedProcess, run_calls
from coursekit.paths import ROOT
from coursekit.questions import find
from coursekit.running.worker import READY

LEVELS = [
    pytest.param(
        "bubblewrap", marks=pytest.mark.skipif(sandbox.level() != "bubblewrap", reason="bubblewrap does not work here")
    ),
    "limits",
]
every_level = pytest.mark.parametrize("level", LEVELS)
wrapped = pytest.mark.parametrize("level", LEVELS[:1])


@pytest.fixture
def folder():
    """A folder that any user may read; pytest's own are for one user alone."""
    with tempfile.TemporaryDirectory() as path:
        os.chmod(path, 0o755)
        yield path


class TestWarning:
    def test_none_with_bubblewrap(self):
        assert sandbox.warning("bubblewrap") == ""

    @pytest.mark.parametrize("is_root, for_all, says_root", [(1, 0, True), (1, 1, False), (0, 0, False)])
    def test_limits_alone(self, is_root, for_all, says_root, monkeypatch):
        monkeypatch.setattr(sandbox, "_is_root", lambda: is_root)
        monkeypatch.setattr(sandbox, "_python_is_for_all", lambda: for_all)
        text = sandbox.warning("limits")
        assert "apt install bubblewrap" in text and ("run as root" in text) == says_root


def python(code, folder, level, **limits):
    return sandbox.run_command([sys.executable, "-c", code], folder, limits=sandbox.Limits(**limits), isolation=level)


@every_level
class TestRun:
    def test_output_and_status(self, folder, level):
        code = "import sys; print(sys.stdin.read()[::-1]); print('oh', file=sys.stderr); sys.exit(3)"
        outcome = sandbox.run_command([sys.executable, "-c", code], folder, b"abc", isolation=level)
        assert (outcome.stdout, outcome.stderr, outcome.ended, outcome.code) == (b"cba\n", b"oh\n", "exit", 3)

    def test_large_input_and_output_at_once(self, folder, level):
        """Neither side waits for the other forever."""
        data = os.urandom(1 << 20)
        code = "import sys; [sys.stdout.buffer.write(b) for b in iter(lambda: sys.stdin.buffer.read(999), b'')]"
        assert sandbox.run_command([sys.executable, "-c", code], folder, data, isolation=level).stdout == data

    def test_input_that_nobody_reads(self, folder, level):
        outcome = sandbox.run_command([sys.executable, "-c", "print(1)"], folder, bytes(1 << 20), isolation=level)
        assert (outcome.stdout, outcome.ended) == (b"1\n", "exit")

    def test_processor_time(self, folder, level, monkeypatch):
        monkeypatch.setattr(sandbox, "WAITING", 1000)
        assert python("while True: pass", folder, level, seconds=1).ended == "timeout"

    def test_processor_time_without_the_signal(self, folder, level, monkeypatch):
        """Who ignores the signal is killed a second later, and is out of time all the same."""
        monkeypatch.setattr(sandbox, "WAITING", 1000)
        code = "import signal; signal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass"
        assert python(code, folder, level, seconds=1).ended == "timeout"

    def test_processor_time_of_many_processes(self, folder, level, monkeypatch):
        """Children that end before their own limit use up the time of all."""
        monkeypatch.setattr(sandbox, "WAITING", 1000)
        child = "if os.fork() == 0:\n  sum(range(10 ** 7)); os._exit(0)\n os.wait()"
        assert python(f"import os\nwhile True:\n {child}", folder, level, seconds=2).ended == "timeout"

    def test_waiting_is_no_computing(self, folder, level, monkeypatch):
        monkeypatch.setattr(sandbox, "WAITING", 1)
        outcome = python("import time; time.sleep(600)", folder, level, seconds=2)
        assert outcome.ended == "stalled" and outcome.cpu_seconds < 2

    def test_memory(self, folder, level):
        assert python("bytearray(1 << 30)", folder, level, memory=1 << 29).ended == "memory"

    def test_output_costs_neither_time_nor_memory(self, folder, level):
        outcome = python("while True: print('x' * 10 ** 6)", folder, level, seconds=60, output=1 << 20)
        assert outcome.ended == "output" and len(outcome.stdout) < 2 << 20

    def test_of_many_errors_the_end_is_kept(self, folder, level):
        code = "import sys; sys.stderr.write('x' * 10 ** 6 + 'the end')"
        assert python(code, folder, level).stderr.endswith(b"the end")

    def test_file_size(self, folder, level):
        code = "import tempfile; tempfile.TemporaryFile().write(bytes(10 ** 6)); print('wrote')"
        assert python(code, folder, level, file_size=10**6).stdout == b"wrote\n"
        assert b"File too large" in python(code + "\n" + code.replace("6", "7"), folder, level, file_size=10**6).stderr

    def test_a_signal(self, folder, level):
        assert python("import os; os.kill(os.getpid(), 11)", folder, level).ended == "signal"

    def test_environment_has_nothing_of_ours(self, folder, level, monkeypatch):
        monkeypatch.setenv("GRADING_SECRET", "42")
        assert b"GRADING_SECRET" not in python("import os; print(os.environ)", folder, level).stdout

    def test_nothing_is_left_behind(self, folder, level):
        """Not even what left the process group and lost its parent."""
        code = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(600)
    os._exit(0)
print("done")
"""
        assert python(code, folder, level, seconds=10).stdout == b"done\n"
        sleeping = [pid for pid in os.listdir("/proc") if pid.isdigit() and _runs(pid, b"time.sleep(600)")]
        assert sleeping == []


def _runs(pid, text):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return text in file.read() and pid != str(os.getpid())
    except OSError:
        return False


@wrapped
class TestBubblewrap:
    def test_solved_tree_is_not_there(self, folder, level):
        code = f"import os; print(os.path.exists({str(ROOT / 'coursekit')!r}))"
        assert python(code, folder, level).stdout == b"False\n"

    def test_solved_tree_in_the_folder_of_python(self, folder, level, monkeypatch, tmp_path):
        """It is hidden there as well; the data sets in it are seen all the same."""
        root = tmp_path / "course"
        for name in ("coursekit", "datasets"):
            (root / name).mkdir(parents=True)
        tmp_path.chmod(0o755)
        folders = [*sandbox._python_folders(), str(tmp_path)]
        monkeypatch.setattr(sandbox, "_python_folders", lambda: folders)
        monkeypatch.setattr(sandbox, "ROOT", root)
        command = [sys.executable, "-c", f"import os; print(os.listdir({str(root)!r}))"]
        outcome = sandbox.run_command(command, folder, isolation=level, readable=[root / "datasets"])
        assert outcome.stdout == b"['datasets']\n", outcome.stderr

    def test_installed_copy_is_hidden(self, folder, level, monkeypatch, tmp_path):
        """`pip install .` puts solved files where the sandbox sees this Python's packages."""
        packages = tmp_path / "site-packages"
        (packages / "cs231n").mkdir(parents=True)
        (packages / "cs231n" / "layers.py").write_text("solved = True")
        tmp_path.chmod(0o755)
        folders = [*sandbox._python_folders(), str(tmp_path)]
        monkeypatch.setattr(sandbox, "_python_folders", lambda: folders)
        monkeypatch.setattr(sandbox.sysconfig, "get_path", lambda name: str(packages))
        code = f"import os; print(os.listdir({str(packages)!r}), os.listdir({str(packages / 'cs231n')!r}))"
        command = [sys.executable, "-c", code]
        outcome = sandbox.run_command(command, folder, isolation=level)
        assert b"['cs231n'] []" in outcome.stdout, outcome.stderr

    def test_nothing_can_be_written_but_tmp(self, folder, level):
        code = """
import os
for folder in (".", "/", "/usr", "/dev/shm", os.path.dirname(os.__file__), "/tmp"):
    try:
        open(os.path.join(folder, "x"), "w").close()
        print(folder)
    except OSError:
        pass
"""
        assert python(code, folder, level).stdout == b"/tmp\n"

    def test_tmp_is_small(self, folder, level):
        code = "for i in range(99): open(f'/tmp/{i}', 'wb').write(bytes(10 ** 6))"
        assert b"No space left" in python(code, folder, level, file_size=2 * 10**6).stderr

    def test_no_network(self, folder, level):
        code = "import socket; print([name for _, name in socket.if_nameindex()])"
        assert python(code, folder, level).stdout == b"['lo']\n"

    def test_no_other_process_is_seen(self, folder, level):
        code = "import os; print(sum(name.isdigit() for name in os.listdir('/proc')))"
        assert int(python(code, folder, level).stdout) <= 3

    def test_processes(self, folder, level):
        code = """
import os, time
for number in range(200):
    try:
        if os.fork() == 0:
            time.sleep(5)
            os._exit(0)
    except OSError:
        break
print(number)
"""
        assert int(python(code, folder, level, processes=20).stdout) <= 20


# ---- frames


def answers(*frames, ended="exit"):
    """What `run_calls` makes of a process that wrote these frames; "NONCE" stands for the right nonce."""
    question = find("affine_forward")

    def run(command, request):
        nonce = serialization.unpack(request)["nonce"]
        data = b"".join(frame if isinstance(frame, bytes) else _frame(frame, nonce) for frame in frames)
        return FinishedProcess(data, b"", Ending(ended), 20.0)

    return run_calls(question, [(0, question.draw_inputs(0)), (1, question.draw_inputs(1))], run)


def _frame(frame, nonce):
    data = serialization.pack(
        {name: nonce if isinstance(value, str) and value == "NONCE" else value for name, value in frame.items()}
    )
    return struct.pack("<Q", len(data)) + data


READY_FRAME = {"nonce": "NONCE", "call": READY}
GOOD = {"nonce": "NONCE", "call": 0, "outputs": {}, "error": None, "after": {}, "printed": "", "warnings": []}


def bomb():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name in ("json.npy", "data.npy"):
            file.writestr(name, bytes(10**7))
    return struct.pack("<Q", len(buffer.getvalue())) + buffer.getvalue()


def no_dict():
    data = serialization.pack([])
    return struct.pack("<Q", len(data)) + data


class TestFrames:
    def test_good_ones(self):
        first, second = answers(READY_FRAME, GOOD, GOOD | {"call": 1})
        assert first.ended == second.ended == ""

    def test_process_that_never_was_ready(self):
        assert [result.ended for result in answers()] == ["not started"] * 2

    @pytest.mark.parametrize("ended", ["exit", "timeout", "memory", "output", "signal"])
    def test_process_that_ended_early(self, ended):
        first, second = answers(READY_FRAME, GOOD, ended=ended)
        assert (first.ended, second.ended) == ("", ended)

    @pytest.mark.parametrize(
        "frame",
        [
            GOOD | {"nonce": "0" * 32},
            GOOD | {"call": 7.5},
            GOOD | {"call": "0"},
            GOOD | {"error": "all is well"},
            GOOD | {"error": {"kind": "E"}},
            GOOD | {"error": np.zeros(3)},
            GOOD | {"error": {"kind": "E", "message": "m", "frames": [["f", float("inf"), "l"]]}},
            GOOD | {"warnings": np.zeros(())},
            GOOD | {"after": 3},
            GOOD | {"warnings": None},
            {"nonce": "NONCE"},
            no_dict(),
            b"\xff" * 8,
            b"\0" * 4000,
            bomb(),
        ],
        ids=lambda frame: repr(frame)[:30],
    )
    def test_after_a_bad_one_nothing_counts(self, frame):
        first, second = answers(READY_FRAME, frame, GOOD, GOOD | {"call": 1})
        assert first.ended == second.ended == "exit"

    def test_texts_are_cut(self):
        error = {"kind": "E" * 10**5, "message": "m" * 10**6, "frames": [["f" * 10**3, 1, "l" * 10**3]] * 100}
        first, _ = answers(
            READY_FRAME, GOOD | {"error": error, "printed": "p" * 10**6, "warnings": ["w" * 10**3] * 999}
        )
        assert first.ended == "" and len(repr(first)) < 10_000

    def test_an_input_that_was_changed(self):
        x = find("affine_forward").draw_inputs(0)["x"]
        for after in (x + 1, np.full(x.shape, "x"), None):
            first, _ = answers(READY_FRAME, GOOD | {"after": {"x": after}})
            assert "x" in first.changed


class TestWire:
    @pytest.mark.parametrize("value", [2**63, -(2**70), 1 << 20_000], ids=["2^63", "-2^70", "2^20000"])
    def test_whole_numbers_beyond_64_bits_stay(self, value):
        assert serialization.unpack(serialization.pack(value)) == serialization.Opaque("whole number beyond 64 bits")

    def test_long_texts_are_refused_where_a_bound_is_given(self):
        data = serialization.pack(["a"] * 1000)
        assert serialization.unpack(data, 10**6) == ["a"] * 1000
        with pytest.raises(ValueError, match="longer than 100 bytes"):
            serialization.unpack(data, 100)

    @pytest.mark.parametrize(
        "dtype, shape", [("|O", [1]), ("<f8", [-1]), ("(2,)<f8", [1]), ("<f8", [2**70]), ("V8", [1])]
    )
    def test_arrays_of_other_kinds_are_refused(self, dtype, shape):
        text = f'{{"array": ["{dtype}", {shape}]}}'.encode()
        buffer = io.BytesIO()
        np.savez(buffer, json=np.frombuffer(text, np.uint8), data=np.zeros(64, np.uint8))
        with pytest.raises(ValueError, match="not a packed value"):
            serialization.unpack(buffer.getvalue())
