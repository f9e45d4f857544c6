"""Set-up and the command line: what runs on a bare Python, what a second call does, what needs the course's folder."""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import pytest

from coursekit import __main__
from coursekit.learner import environment
from coursekit.paths import ROOT
from coursekit.teacher import testing


@pytest.fixture
def calls(monkeypatch, tmp_path):
    """Record the programs that would run, in an environment that looks built."""
    recorded = []
    monkeypatch.setattr(environment, "VENV", tmp_path)
    monkeypatch.setattr(environment, "run_python", lambda *arguments: recorded.append(arguments) or 0)
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


def test_setup_gives_jupyterlab_the_extension_for_alt_texts(calls, tmp_path):
    """It is there after the first set-up, and brought up to date by the next."""
    name = Path("labextensions", "coursekit-image-alt", "static", "image_alt.js")
    script = tmp_path / "share" / "jupyter" / name
    assert environment.setup() == 0
    script.write_text("an older version")
    assert environment.setup() == 0
    assert script.read_bytes() == (environment.JUPYTER / name).read_bytes()


@pytest.mark.parametrize("there, installed", [(environment.LOCKS, 0), (environment.LOCKS[1:], 1)])
def test_the_solved_tree_gets_more_packages_than_the_edition(calls, monkeypatch, tmp_path, there, installed):
    for lock in there:
        (tmp_path / lock).write_text("")
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    assert environment.setup() == 0
    assert calls[0][-1] == str(tmp_path / environment.LOCKS[installed])


def test_a_failed_installation_does_not_count_as_done(calls, monkeypatch, capsys):
    monkeypatch.setattr(environment, "run_python", lambda *arguments: 1)
    assert environment.setup() == 1
    assert "To start over, delete" in capsys.readouterr().out
    assert not list(environment.VENV.glob("installed-*"))


def test_an_old_python_is_told_so(monkeypatch, capsys):
    monkeypatch.setattr(sys, "version_info", (3, 10, 1))
    assert environment.setup() == 1
    assert "needs Python 3.11 or newer" in capsys.readouterr().out


def test_lab_opens_on_the_start_page_and_works_without_a_browser(calls, monkeypatch, capsys):
    def no_browser():
        raise environment.webbrowser.Error

    monkeypatch.setattr(environment.webbrowser, "get", no_browser)
    assert environment.lab(["--port", "9999"]) == 0
    command = calls[-1]
    assert command[:2] == ("-m", "jupyterlab")
    assert "--no-browser" in command and "/lab/tree/start.md" in command
    assert "start_page.write()" in calls[-2][-1]
    assert command[-2:] == ("--port", "9999")
    assert "open the address below" in capsys.readouterr().out


def test_without_a_start_page_lab_opens_on_assignments(calls, monkeypatch):
    """What goes wrong with the page must not keep anybody from the notebooks."""
    monkeypatch.setattr(environment, "setup", lambda: 0)
    monkeypatch.setattr(environment, "run_python", lambda *arguments: calls.append(arguments) or "-c" in arguments)
    assert environment.lab() == 0
    assert "/lab/tree/assignments" in calls[-1]


def test_setup_configures_jupyterlab(calls):
    """No question about news, and the extensions for the start page and for figures: in .venv, without root."""
    environment.setup()
    folder = environment.VENV / "share" / "jupyter"
    settings = json.loads((folder / "lab" / "settings" / "overrides.json").read_text())
    assert settings["@jupyterlab/apputils-extension:notification"]["fetchNews"] == "false"
    extensions = list((folder / "labextensions").glob("*/package.json"))
    assert {path.parent.name for path in extensions} == {"coursekit-start", "coursekit-image-alt"}
    for extension in extensions:
        build = json.loads(extension.read_text())["jupyterlab"]["_build"]
        assert (extension.parent / build["load"]).is_file()


def test_test_fails_if_one_step_fails(monkeypatch, capsys):
    monkeypatch.setattr(testing, "setup", lambda: 0)
    monkeypatch.setattr(testing, "run_python", lambda *arguments: int("--nbval" in arguments))
    assert testing.test() == 1
    assert "Failed: notebooks." in capsys.readouterr().out


def test_setting_up_needs_the_standard_library_alone():
    modules = "coursekit.__main__, coursekit.learner.environment, coursekit.teacher.testing"
    code = f"import sys; sys.modules['numpy'] = None; import {modules}"
    subprocess.run([sys.executable, "-S", "-c", code], cwd=ROOT, check=True)


def helped(*arguments, monkeypatch):
    """The parser that explains a command."""
    shown = []
    monkeypatch.setattr(argparse.ArgumentParser, "print_help", lambda parser, *_: shown.append(parser))
    with pytest.raises(SystemExit) as ended:
        __main__.main(list(arguments))
    assert ended.value.code == 0
    return shown[0]


@pytest.mark.parametrize("command", __main__._COMMANDS)
def test_every_command_explains_each_of_its_options(command, monkeypatch):
    """Whether the command parses its options itself, has a parser elsewhere, or passes them on to another program."""
    parser = helped(command, "--help", monkeypatch=monkeypatch)
    assert parser.prog == f"python -m coursekit {command}" and len(parser.description) > 20
    for action in parser._actions:
        assert action.help and len(action.help.split()) >= 3, f"{command}: {action.option_strings or action.dest}"
    again = helped("help", command, monkeypatch=monkeypatch)
    assert again.format_help() == parser.format_help()


def test_commands_that_pass_options_on_do_explain_some():
    """What `data` passes on are the options of the program that downloads."""
    options = __main__._parser("data").format_help()
    assert all(option in options for option in ("--url", "--checksum", "--dest", "--force", "--quiet"))
    assert "--port" in __main__._parser("lab").format_help() and "-k " in __main__._parser("test").format_help()


@pytest.mark.parametrize("arguments, status", [([], 2), (["help"], 0), (["--help"], 0), (["-h"], 0)])
def test_without_a_command_all_are_listed(arguments, status, capsys):
    assert __main__.main(arguments) == status
    lines = capsys.readouterr().out.splitlines()
    for name, command in __main__._COMMANDS.items():
        assert f"  {name:13} {command.about}" in lines
    assert max(map(len, lines)) <= 100


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["sumbit", "assignment1"], "There is no command 'sumbit'. Did you mean submit?"),
        (["xyzzy"], "There is no command 'xyzzy'. `python -m coursekit help` lists all."),
        (["submit", "--oot", "a.zip", "assignment1"], "There is no option --oot. Did you mean --out?"),
        (["release", "--outt=course"], "There is no option --outt. Did you mean --out?"),
        (
            ["grade", "here", "--out", "there", "--notebok", "skip"],
            "There is no option --notebok. Did you mean --noteb",
        ),
        (["regrade", "--submision", "x"], "There is no option --submision. Did you mean --submissions?"),
        (["train", "--epoch"], "Argument --epochs: expected one argument."),
        (["submit"], "The following arguments are required: ASSIGNMENT."),
        (["new-question", "--notebok", "knn"], "There is no option --notebok. Did you mean --notebook?"),
        (["data", "--forse"], "There is no option --forse. Did you mean --force?"),  # before anything is installed
    ],
)
def test_a_slip_is_answered_in_a_sentence(arguments, said, capsys):
    """It names the nearest command or option, first of all, and nothing is run."""
    try:
        status = __main__.main(arguments)
    except SystemExit as ended:
        status = ended.code
    printed = "".join(capsys.readouterr())
    assert status == 2 and printed.startswith(said) and "explains" in printed + "explains" * ("lists all" in printed)


@pytest.mark.parametrize("command", ["lab", "progress", "train"])
def test_without_the_course_a_command_says_where_to_go(command, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(__main__, "ROOT", tmp_path)
    assert __main__.main([command]) == 2
    printed = capsys.readouterr().out
    assert "Change to the course's folder" in printed and f"python -m coursekit {command}" in printed
