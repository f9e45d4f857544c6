"""The sandbox: what a command may take and see, at both levels of isolation; and frames of another form."""

import contextlib
import errno
import io
import os
import platform
import shutil
import struct
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv
import zipfile
from pathlib import Path

import numpy as np
import pytest

from coursekit.core import serialization
from coursekit.grading import commands
from coursekit.grading.evaluate import grade_submission
from coursekit.grading.intake.sources import Source
from coursekit.grading.running import bubblewrap, folders, launch, sandbox, users
from coursekit.grading.settings import Settings
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

    @pytest.mark.parametrize("own_users, who", [(True, "any user"), (False, "you")])
    def test_limits_alone(self, own_users, who, monkeypatch):
        monkeypatch.setattr(sandbox, "has_own_users", lambda bubblewrapped: own_users)
        assert f"every file that {who} can read" in sandbox.warning("limits")

    def test_without_a_filter(self, monkeypatch):
        monkeypatch.setattr(sandbox.platform, "machine", lambda: "riscv64")
        assert "(riscv64), system calls are not filtered" in sandbox.warning("bubblewrap")
        assert "use the network" in sandbox.warning("limits")


class TestRefusal:
    """Code that could change the grades does not run, unless the instructor says so."""

    @pytest.mark.parametrize(
        "isolation, own_users, trusted, refused",
        [
            ("limits", False, False, True),
            ("limits", True, False, False),
            ("limits", False, True, False),
            ("bubblewrap", False, False, False),
        ],
    )
    def test_when(self, isolation, own_users, trusted, refused, monkeypatch):
        monkeypatch.setattr(sandbox, "has_own_users", lambda bubblewrapped: own_users)
        text = sandbox.refusal(isolation, trusted)
        assert ("--trust-submissions" in text) == refused == bool(text)

    def test_the_command(self, tmp_path, monkeypatch, capsys):
        monkeypatch.setattr(sandbox, "has_own_users", lambda bubblewrapped: False)
        (tmp_path / "ada_assignment1.zip").write_bytes(b"")
        options = [str(tmp_path), "--out", str(tmp_path / "out"), "--isolation", "limits"]
        assert commands.grade(options) == 2
        assert "--trust-submissions" in capsys.readouterr().out and not (tmp_path / "out").exists()

    def test_a_worker(self, monkeypatch):
        """Elsewhere, as on a cluster, a submission is not run either; the instructor is told."""
        monkeypatch.setattr(sandbox, "has_own_users", lambda bubblewrapped: False)
        source = Source("ada", "ada", Path("ada.zip"))
        record = grade_submission(source, Settings("assignment1", isolation="limits"))
        assert record.state == "infrastructure error" and "--trust-submissions" in record.reason

    def test_bubblewrap_that_does_not_work(self, monkeypatch):
        monkeypatch.setattr(sandbox, "has_own_users", lambda bubblewrapped: False)
        monkeypatch.setattr(sandbox, "problem_with_bubblewrap", lambda: "no permission to create a namespace")
        monkeypatch.setattr(sandbox.shutil, "which", lambda name: "/usr/bin/bwrap")
        assert "does not work: no permission to create a namespace" in sandbox.refusal()


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
        outcome = python("import time; time.sleep(600)", folder, level, seconds=20, idle=1)
        assert outcome.ended == "stalled" and outcome.cpu_seconds < 2 < 20 < outcome.seconds + 20

    def test_a_little_work_now_and_then_is_waiting(self, folder, level):
        """Or a submission could keep its grader for ten times its processor time, in each question."""
        code = """
import time
while True:
    start = time.process_time()
    while time.process_time() - start < 0.02: pass
    time.sleep(0.3)
"""
        outcome = python(code, folder, level, seconds=60, idle=2)
        assert outcome.ended == "stalled" and outcome.cpu_seconds < 30

    def test_waiting_for_a_child_that_sleeps(self, folder, level):
        """Who has called vfork waits as others wait for a disk, until the child runs another program."""
        code = """
import ctypes
c = ctypes.CDLL(None)
stack = ctypes.create_string_buffer(1 << 16)
top = ctypes.c_void_p(ctypes.addressof(stack) + (1 << 16) & ~15)
c.clone(ctypes.cast(c.sleep, ctypes.c_void_p), top, 0x4100 | 17, ctypes.c_void_p(600))
"""
        outcome = python(code, folder, level, seconds=60, idle=1)
        assert outcome.ended == "stalled" and outcome.seconds < 300

    def test_computing_is_no_waiting(self, folder, level):
        """However few of the processors it gets."""
        code = "import os\nos.nice(19)\nfor _ in range(2): os.fork()\nx = 0\nfor i in range(10 ** 7): x += i"
        assert python(code, folder, level, seconds=60, idle=0.3).ended == "exit"

    def test_a_process_that_is_to_be_waited_for(self, folder, level):
        """While another sandbox computes, its user may wait."""
        with sandbox.started_command(
            [sys.executable, "-c", "while True: pass"], folder, sandbox.Limits(seconds=60), isolation=level
        ) as busy:
            code = [sys.executable, "-c", "import time; time.sleep(2); print(1)"]
            limits = sandbox.Limits(idle=0.5)
            outcome = sandbox.run_command(code, folder, limits=limits, isolation=level, waits_for=busy.tree)
            assert outcome.ended == "exit" and outcome.stdout == b"1\n"

    @pytest.mark.parametrize("trick", ["sys.path", "copy"])
    def test_a_library_that_is_not_there_for_submissions(self, trick, folder, level, tmp_path_factory, monkeypatch):
        """With limits alone its files can be read: who loads it all the same is stopped, also from a copy."""
        library = next(Path(np.__file__).parent.glob("fft/*.so"))
        place = tmp_path_factory.mktemp("packages") / "torch"
        place.mkdir()
        shutil.copy(library, place / library.name)
        for path in (place, *place.parents[:2]):
            path.chmod(0o755)
        monkeypatch.setattr(bubblewrap, "absent_folders", lambda: (str(place),))
        code = f"import ctypes, os, shutil, time\npath = {str(place / library.name)!r}\n"
        code += "copy = shutil.copy(path, os.environ['HOME'])\npath = copy\n" * (trick == "copy")
        outcome = python(f"{code}ctypes.CDLL(path)\ntime.sleep(5)\nprint('used')", folder, level, seconds=60)
        if level == "limits":
            assert outcome.ended == "forbidden" and not outcome.stdout, outcome
        elif trick == "sys.path":
            assert outcome.code == 1 and b"No such file" in outcome.stderr

    def test_memory_of_all_processes(self, folder, level):
        code = """
import os, time
for _ in range(8):
    if os.fork() == 0:
        hog = b"x" * (50 << 20)
        time.sleep(60)
        os._exit(0)
time.sleep(60)
"""
        assert python(code, folder, level, memory=200 << 20).ended == "memory"

    @pytest.mark.skipif(not sandbox.has_filter(), reason="buffers of any size are not denied on this machine")
    def test_memory_in_sockets(self, folder, level):
        code = """
import socket, time
kept = []
while len(kept) < 300:
    pair = socket.socketpair()
    for end in pair:
        end.setblocking(False)
        try:
            while True:
                end.send(bytes(1 << 14))
        except BlockingIOError:
            pass
    kept.append(pair)
time.sleep(60)
"""
        assert python(code, folder, level, memory=100 << 20).ended == "memory"

    def test_shared_memory_counts_once(self, folder, level):
        """What is there before the fork is the same for all."""
        code = """
import os, time
hog = b"x" * (50 << 20)
for _ in range(8):
    if os.fork() == 0:
        time.sleep(0.5)
        os._exit(0)
for _ in range(8):
    os.wait()
"""
        assert python(code, folder, level, memory=200 << 20).ended == "exit"

    def test_processor_time_of_children_that_nobody_waits_for(self, folder, level, monkeypatch):
        monkeypatch.setattr(sandbox, "WAITING", 1000)  # on a busy machine, 2 seconds of it can take minutes
        code = """
import os, signal
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
while True:
    for _ in range(2):
        if os.fork() == 0:
            sum(range(3 * 10 ** 7)); os._exit(0)
    try:
        os.wait()
    except ChildProcessError:
        pass
"""
        outcome = python(code, folder, level, seconds=2, idle=60)
        assert outcome.ended == "timeout"

    def test_processor_time_of_processes_that_share_the_work(self, folder, level):
        code = """
import os, time
for _ in range(8):
    if os.fork() == 0:
        while time.process_time() < 1:
            pass
        os._exit(0)
for _ in range(8):
    os.wait()
"""
        assert python(code, folder, level, seconds=3).ended == "timeout"

    def test_files_of_all_processes(self, folder, level):
        code = """
import os, tempfile, time
for number in range(99):
    with open(os.path.join(tempfile.gettempdir(), str(number)), "wb") as file:
        file.write(bytes(10 ** 6))
        file.flush()
time.sleep(60)
"""
        outcome = python(code, folder, level, file_size=2 * 10**6)
        assert outcome.ended == "output" or b"No space left" in outcome.stderr

    def test_number_of_files(self, folder, level):
        code = """
import os, tempfile, time
for number in range(5000):
    os.mkdir(os.path.join(tempfile.gettempdir(), str(number)))
time.sleep(60)
"""
        assert python(code, folder, level, files=1000).ended == "output"

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
        assert python(code.replace("time.sleep(600)", NAP), folder, level, seconds=10).stdout == b"done\n"
        assert _sleeping() == []

    def test_nothing_is_left_by_who_kills_its_launcher(self, folder, level):
        code = """
import os, signal, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(600)
    os._exit(0)
for pid in {os.getppid(), os.getpid()} - {1}:
    try:
        os.kill(pid, signal.SIGKILL)
    except PermissionError:
        pass
"""
        python(code.replace("time.sleep(600)", NAP), folder, level, seconds=10)
        assert _sleeping() == []


NAP = f"time.sleep({1_000_000 + os.getpid()})"  # told apart from those of tests that run at the same time


def _sleeping():
    return [pid for pid in os.listdir("/proc") if pid.isdigit() and _runs(pid, NAP.encode())]


def _runs(pid, text):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return text in file.read() and pid != str(os.getpid())
    except OSError:
        return False


# Grade from the solved tree with the Python of an environment: what does a sandbox see?
_LOOK_FOR_SOLVED = """
import sys
from coursekit.grading.running import sandbox
look = '''
import os
for folder, folders, files in os.walk("/"):
    folders[:] = [name for name in folders if os.path.join(folder, name) not in ("/proc", "/sys")]
    for name in files:
        if name in ("layers.py", "evaluate.py", "solver.py") and ("cs231n" in folder or "coursekit" in folder):
            print(os.path.join(folder, name))
print("looked", sorted(os.listdir({course!r})))
'''
command = [sys.executable, "-c", look]
outcome = sandbox.run_command(command, {work!r}, isolation={level!r}, readable=[{course!r} + "/datasets"])
print(outcome.stdout.decode() + outcome.stderr.decode(), end="")
"""


@wrapped
class TestBubblewrap:
    def test_solved_tree_is_not_there(self, folder, level):
        code = f"import os; print(os.path.exists({str(ROOT / 'coursekit')!r}))"
        assert python(code, folder, level).stdout == b"False\n"

    @pytest.mark.parametrize(
        "environment, seen",
        [
            pytest.param("course", ["bin", "datasets", "include", "lib", "lib64", "pyvenv.cfg"], id="is"),
            pytest.param("course/.venv", [".venv", "datasets"], id="in"),
            pytest.param(".", ["datasets"], id="around"),
        ],
    )
    def test_solved_tree_and_environment(self, environment, seen, folder, level):
        """Wherever the environment is: in the very folder of the tree, in it, or around it."""
        course = Path(folder, "course")
        for name in ("coursekit", "cs231n"):
            shutil.copytree(ROOT / name, course / name, ignore=shutil.ignore_patterns("__pycache__", "answers"))
        (course / "datasets").mkdir()
        venv.create(course.parent / environment, symlinks=True)
        packages = course.parent / environment / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}"
        shutil.copytree(ROOT / "cs231n", packages / "site-packages" / "cs231n")  # as `pip install .` puts it
        (course.parent / "work").mkdir(mode=0o755)
        script = _LOOK_FOR_SOLVED.format(course=str(course), work=str(course.parent / "work"), level=level)
        paths = [str(course), sysconfig.get_path("purelib")]
        outcome = subprocess.run(
            [course.parent / environment / "bin" / "python", "-c", script],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
            cwd=course,
            capture_output=True,
            text=True,
        )
        assert outcome.stdout == f"looked {seen}\n", outcome.stdout + outcome.stderr

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
        code = "print([line.split(':')[0].strip() for line in open('/proc/net/dev')][2:])"
        assert python(code, folder, level).stdout == b"['lo']\n"

    def test_no_path_of_ours_on_a_command_line(self, folder, level):
        outcome = python("print(open('/proc/1/cmdline').read())", folder, level)
        assert b"bwrap" in outcome.stdout and folder.encode() not in outcome.stdout

    def test_packages_with_answers_are_empty(self, folder, level):
        """Even for code that takes the errors in their place out of its way."""
        code = f"""
import importlib
for name in {bubblewrap.ABSENT}:
    try:
        print(importlib.import_module(name).__file__ or "")
    except ImportError:
        pass
"""
        assert python(code, folder, level).stdout.strip() == b""

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


filtered = pytest.mark.skipif(not sandbox.has_filter(), reason="system calls are not filtered on this machine")


@every_level
@filtered
class TestSystemCalls:
    """What leads out of the sandbox, or from one run to another, is denied."""

    def test_denied(self, folder, level):
        numbers = {name: pair[launch.machine()] for name, pair in launch.DENIED.items()}
        code = f"""
import ctypes
c = ctypes.CDLL(None, use_errno=True)
for name, number in {numbers}.items():
    if number is not None and (c.syscall(number, 0, 0, 0, 0, 0, 0), ctypes.get_errno()) != (-1, {errno.ENOSYS}):
        print(name)
print("tried")
"""
        assert python(code, folder, level).stdout == b"tried\n"

    @pytest.mark.parametrize("family", ["AF_INET", "AF_INET6", "AF_NETLINK", "AF_VSOCK", "AF_PACKET", "AF_ALG"])
    def test_sockets(self, family, folder, level):
        code = f"import socket; socket.socketpair(); socket.socket(socket.{family})"
        assert b"Address family not supported" in python(code, folder, level).stderr

    @pytest.mark.parametrize("flag", ["0x10000000", "0x20000", "0x40000000", "0x8000000"])
    def test_namespaces(self, flag, folder, level):
        code = "import ctypes; c = ctypes.CDLL(None, use_errno=True); "
        code += (
            f"r = c.syscall({launch.CLONE[launch.machine()]}, {flag} | 17, 0, 0, 0, 0); print(r, ctypes.get_errno())"
        )
        assert python(code, folder, level).stdout == f"-1 {errno.EPERM}\n".encode()

    @pytest.mark.parametrize("option", ["SO_SNDBUF", "SO_RCVBUF"])
    def test_sizes_of_buffers(self, option, folder, level):
        code = "import socket; one, _ = socket.socketpair(); "
        code += f"one.setsockopt(socket.SOL_SOCKET, socket.{option}, 1 << 24)"
        assert b"Operation not permitted" in python(code, folder, level).stderr

    def test_locks_of_others(self, folder, level):
        code = "import fcntl; fcntl.fcntl(open('/usr/bin/env'), fcntl.F_GETLK, bytes(32))"
        assert b"Operation not permitted" in python(code, folder, level).stderr

    @pytest.mark.skipif(platform.machine() != "x86_64", reason="only x86-64 has a second way to call its kernel")
    def test_the_second_way_to_call(self, folder, level):
        code = "import ctypes; c = ctypes.CDLL(None, use_errno=True); "
        code += f"print(c.syscall({launch.X32} + 39), ctypes.get_errno())"
        assert python(code, folder, level).stdout == f"-1 {errno.ENOSYS}\n".encode()

    def test_what_code_needs(self, folder, level):
        code = """
import multiprocessing, subprocess, sys, threading
import numpy as np

def square(x):
    return x * x

if __name__ == "__main__":
    thread = threading.Thread(target=print, args=("thread",))
    thread.start()
    thread.join()
    print(subprocess.run([sys.executable, "-c", "print('child')"], capture_output=True, text=True).stdout.strip())
    pipe, other = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=other.send, args=(square(3),))
    process.start()
    process.join()
    print(pipe.recv(), np.ones((200, 200)) @ np.ones(200) @ np.ones(200))
"""
        outcome = python(code, folder, level)
        assert outcome.stdout == b"thread\nchild\n9 40000.0\n", outcome.stderr


@pytest.mark.skipif(not users.is_root(), reason="only root can run code as another user")
class TestUsers:
    def test_no_two_at_a_time(self):
        with contextlib.ExitStack() as stack:
            ids = [stack.enter_context(users.own_user()) for _ in range(20)]
            assert len(set(ids)) == 20

    def test_one_with_processes_is_not_given(self, monkeypatch):
        monkeypatch.setattr(users, "COUNT", 2)
        with subprocess.Popen(["sleep", "60"], user=users.FIRST) as process:
            with users.own_user() as user:
                assert user == users.FIRST + 1
                with pytest.raises(users.NoUserError, match="is free"), users.own_user():
                    pass
            process.kill()

    def test_nothing_is_left(self):
        with users.own_user() as user, subprocess.Popen(["sleep", "60"], user=user) as process:
            path = Path(tempfile.gettempdir(), f"left-by-{user}")
            path.touch()
            os.chown(path, user, user)
            users.kill_all_of(user)
            assert process.wait() == -9
        assert not path.exists()

    @wrapped
    def test_runs_have_different_ones(self, folder, level):
        with sandbox.started_command(
            [sys.executable, "-c", "input()"], folder, sandbox.Limits(), isolation=level
        ) as one:
            code = "import os; print(os.getuid())"
            other = int(python(code, folder, level).stdout)
            assert users.is_busy(one_of(one)) and other != one_of(one)


def one_of(running):
    """The user of a run."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        ids = {os.stat(f"/proc/{process.pid}").st_uid for process in running.tree._processes()} - {0}
        if ids:
            return ids.pop()
    raise AssertionError("it never became another user")


class TestRemove:
    """Folders are removed whatever was done to them; nothing outside is touched."""

    def test_very_deep(self, tmp_path):
        top = tmp_path / "top"
        top.mkdir()
        here = os.open(top, os.O_RDONLY)
        for _ in range(3000):
            os.mkdir("deeper", dir_fd=here)
            deeper = os.open("deeper", os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = deeper
        os.close(here)
        folders.remove(top)
        assert os.listdir(tmp_path) == []

    def test_closed_folders_and_links(self, tmp_path):
        outside = tmp_path / "outside"
        outside.mkdir()
        (outside / "file").write_text("mine")
        (outside / "file").chmod(0o400)
        top = tmp_path / "top"
        for name in ("a", "b/c", "b/d"):
            (top / name).mkdir(parents=True)
            (top / name / "file").symlink_to(outside / "file")
            (top / name / "folder").symlink_to(outside)
            (top / name).chmod(0o500 if name == "a" else 0)
        (top / "b").chmod(0)
        top.chmod(0o500)
        folders.remove(top)
        assert os.listdir(tmp_path) == ["outside"] and (outside / "file").read_text() == "mine"
        assert (outside / "file").stat().st_mode & 0o777 == 0o400

    def test_names_that_no_text_can_hold(self, tmp_path):
        os.makedirs(os.fsencode(tmp_path) + b"/top/\xff\xfe/\n")
        open(os.fsencode(tmp_path) + b"/top/-\xff", "w").close()
        folders.remove(tmp_path / "top")
        assert os.listdir(tmp_path) == []

    def test_a_link_is_no_folder(self, tmp_path):
        (tmp_path / "folder").mkdir()
        (tmp_path / "link").symlink_to(tmp_path / "folder")
        with pytest.raises(OSError):
            folders.remove(tmp_path / "link")
        assert (tmp_path / "folder").is_dir()


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
