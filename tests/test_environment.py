"""Set-up: what runs on a bare Python, and what a second call does."""

import subprocess
import sys

import pytest

from coursekit.learner import environment
from coursekit.paths import ROOT
from coursekit.teacher import testing


@pytest.fixture
def calls(monkeypatch, tmp_path):
    """Record the programs that would run, in an environment that looks built."""
    recorded = []
    monkeypatch.setattr(environment, "VENV", tmp_path)
    monkeypatch.setattr(environment, "run", lambda *arguments: recorded.append(arguments) or 0)
    monkeypatch.setattr(environment, "_prepare_data", lambda: 0)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").touch()
    (tmp_path / "lib" / "python3.11" / "site-packages").mkdir(parents=True)
    return recorded


def test_a_second_setup_installs_nothing(calls):
    assert environment.setup() == 0
    assert [call[:3] for call in calls] == [("-m", "pip", "install")]
    assert environment.setup() == 0
    assert len(calls) == 1
    assert environment.setup("requirements-dev.lock") == 0
    assert len(calls) == 2


def test_a_failed_installation_is_not_taken_for_done(calls, monkeypatch, capsys):
    monkeypatch.setattr(environment, "run", lambda *arguments: 1)
    assert environment.setup() == 1
    assert "can be deleted to start afresh" in capsys.readouterr().out
    assert not list(environment.VENV.glob("installed-*"))


def test_an_old_python_is_told_so(monkeypatch, capsys):
    monkeypatch.setattr(sys, "version_info", (3, 10, 1))
    assert environment.setup() == 1
    assert "needs 3.11 or newer" in capsys.readouterr().out


def test_lab_opens_on_assignments_and_works_without_a_browser(calls, monkeypatch, capsys):
    def no_browser():
        raise environment.webbrowser.Error

    monkeypatch.setattr(environment.webbrowser, "get", no_browser)
    assert environment.lab(["--port", "9999"]) == 0
    command = calls[-1]
    assert command[:2] == ("-m", "jupyterlab")
    assert "--no-browser" in command and "/lab/tree/assignments" in command
    assert command[-2:] == ("--port", "9999")
    assert "open the address below" in capsys.readouterr().out


def test_test_fails_if_one_step_fails(calls, monkeypatch, capsys):
    monkeypatch.setattr(testing, "setup", lambda lock: 0)
    monkeypatch.setattr(testing, "run", lambda *arguments: int("--nbval" in arguments))
    assert testing.test() == 1
    assert "Failed: notebooks." in capsys.readouterr().out


def test_setting_up_needs_the_standard_library_alone():
    modules = "coursekit.__main__, coursekit.learner.environment, coursekit.teacher.testing"
    code = f"import sys; sys.modules['numpy'] = None; import {modules}"
    subprocess.run([sys.executable, "-S", "-c", code], cwd=ROOT, check=True)


@pytest.mark.parametrize(
    "command", ["lab", "setup", "data", "test", "check", "progress", "results", "store", "release"]
)
def test_every_command_has_its_module(command):
    result = subprocess.run(
        [sys.executable, "-m", "coursekit", command, "--help"], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode == 0 and "usage: python -m coursekit" in result.stdout


def test_locks_pin_every_direct_dependency():
    for source, lock in (("requirements.txt", "requirements.lock"), ("requirements-dev.txt", "requirements-dev.lock")):
        pinned = (ROOT / lock).read_text()
        for line in (ROOT / source).read_text().splitlines():
            name = line.split(">=")[0].strip()
            if name and not name.startswith(("#", "-r")):
                assert f"\n{name}==" in "\n" + pinned, f"{name} is not in {lock}"
