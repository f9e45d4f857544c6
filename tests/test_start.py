"""A notebook starts anywhere: its first cell finds the course, or says in a sentence what is missing and what to do."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from IPython.core.error import UsageError

from coursekit import __main__
from coursekit.learner import environment
from coursekit.learner.notebook_form import source
from coursekit.paths import LEARNER, ROOT, files_in
from coursekit.questions import NOTEBOOKS, notebook_file
from coursekit.running import start as start_module
from coursekit.running.start import NEEDED, NotReadyError, keep_on_drive, start
from coursekit.teacher import first_cell, release
from coursekit.teacher.elsewhere import notebook_with_address, readme_with_badges, repository_at, without_address
from tests.learner_notebooks import edition, solved
from tests.test_packaging import GROUPS, OPTIONAL, modules, names, third_party

OF_THE_KERNEL = {"ipykernel", "ipython", "pyzmq"}  # what runs a notebook has them
RUN_FIRST = ("coursekit/__init__.py", "coursekit/running/__init__.py", "coursekit/running/start.py")
REPOSITORY = repository_at("https://github.com/owner/name", "2026")


@pytest.mark.parametrize("name", NOTEBOOKS)
@pytest.mark.parametrize("version", [solved, edition])
def test_all_notebooks_begin_with_the_same_code_cell(name, version):
    """If not: python -m coursekit.teacher.first_cell."""
    first = next(cell for cell in version(name)["cells"] if cell["cell_type"] == "code")
    assert (first["id"], source(first), first["outputs"]) == (first_cell.ID, first_cell.TEXT, [])


def test_the_cell_is_written_once():
    """Into a notebook without it, before the first code cell; into one that has it or an older one, in its place."""
    notebook = solved("knn")
    without = {**notebook, "cells": [cell for cell in notebook["cells"] if cell["id"] != first_cell.ID]}
    older = json.loads(json.dumps(notebook))
    older["cells"][1]["source"] = ["import sys"]
    for other in (notebook, without, older):
        written = first_cell.with_first_cell(other)
        assert [source(cell) for cell in written["cells"]] == [source(cell) for cell in notebook["cells"]]


def test_what_runs_first_can_be_read_by_an_old_python():
    for text in (first_cell.TEXT, *((ROOT / file).read_text(encoding="utf-8") for file in RUN_FIRST)):
        ast.parse(text, feature_version=(3, 7))


def run_bare(code, cwd):
    """Run code by a Python that has nothing but its standard library."""
    return subprocess.run([sys.executable, "-I", "-S", "-c", code], cwd=cwd, capture_output=True, text=True)


@pytest.mark.parametrize("folder", ["assignments/assignment1", "."])
def test_a_python_without_packages(folder):
    """From the notebook's folder and from the course's: what is missing, and the command."""
    done = run_bare(first_cell.TEXT, ROOT / folder)
    assert done.returncode == 1
    [lacks, command, last] = done.stderr.splitlines()[-3:]
    assert lacks.endswith("which lacks imageio, matplotlib, numpy and threadpoolctl.") and sys.executable in lacks
    assert "-m coursekit lab` in " in command and str(ROOT) in command and ".venv" in last


def test_inert_where_all_is_well(monkeypatch, capsys):
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.chdir(ROOT / "assignments" / "practice")
    exec(first_cell.TEXT, {})
    assert sys.path[0] == str(ROOT) and capsys.readouterr() == ("", "")


def test_an_old_python(monkeypatch):
    monkeypatch.setattr(start_module.sys, "version_info", (3, 9, 2))
    with pytest.raises(NotReadyError, match=r"Python 3\.9\.2 .*needs Python 3\.11 or newer\.\nRun `python3\.11 -m"):
        start()


def test_one_package_is_missing(monkeypatch):
    monkeypatch.setattr(start_module, "NEEDED", ("numpy", "no_such_package"))
    with pytest.raises(NotReadyError, match="which lacks no_such_package.\n") as caught:
        start()
    assert caught.value._render_traceback_() == str(caught.value).splitlines()  # what a notebook shows


def test_installed_alone(monkeypatch, tmp_path):
    """Without the course's folder, pip is the way out."""
    monkeypatch.setattr(start_module, "__file__", str(tmp_path / "coursekit" / "running" / "start.py"))
    monkeypatch.setattr(start_module, "NEEDED", ("no_such_package", "nor_this"))
    with pytest.raises(NotReadyError, match="-m pip install no_such_package nor_this`, and restart"):
        start()


def test_a_notebook_away_from_the_course(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.setitem(sys.modules, "coursekit.running.start", None)  # it cannot be imported
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:  # which IPython shows in one line
        exec(first_cell.TEXT, {})
    said = str(caught.value)
    assert f"not in {tmp_path}" in said and "`python -m coursekit lab`" in said and "\n" not in said


def test_needed_is_what_notebooks_import(tmp_path):
    code = tmp_path / "cells.py"
    cells = [cell for name in NOTEBOOKS for cell in solved(name)["cells"] if cell["cell_type"] == "code"]
    code.write_text("\n".join(re.sub(r"^[ \t]*[%!].*$", "", source(cell), flags=re.MULTILINE) for cell in cells))
    used = third_party([code, *modules("cs231n", "coursekit/core", "coursekit/running", "coursekit/judging")])
    assert set(NEEDED) == used - OF_THE_KERNEL - OPTIONAL
    assert set(NEEDED) <= names(GROUPS["learner"])


# ---- Colab

COLAB_RUN = """
import sys, types
sys.modules["google"], sys.modules["google.colab"] = types.ModuleType("google"), types.ModuleType("google.colab")
{before}
{cell}
import coursekit, os
print(coursekit.__file__, os.getcwd())
"""


def git(*arguments, cwd):
    command = ["git", "-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"]
    subprocess.run([*command, *arguments], cwd=cwd, check=True, capture_output=True)


@pytest.fixture
def colab(tmp_path):
    """Runs the first cell of an edition with an address as on a machine of Colab, whose /content is a folder here."""
    if not shutil.which("git"):
        pytest.skip("git is not installed")
    content, repository = tmp_path / "content", tmp_path / "repository"
    for name in RUN_FIRST:
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        (repository / name).write_text((ROOT / name).read_text().replace("/content", str(content)))
    content.mkdir()
    git("init", "--quiet", cwd=repository)
    git("add", ".", cwd=repository)
    git("commit", "--quiet", "-m", "The edition", cwd=repository)

    right = f"--branch main {repository.as_uri()}"

    def run(address=right, before=""):
        cell = first_cell.with_address(first_cell.TEXT, address).replace("/content", str(content))
        command = [
            sys.executable,
            "-m",
            "IPython",
            "--colors=NoColor",
            "-c",
            COLAB_RUN.format(cell=cell, before=before),
        ]
        env = os.environ | {"IPYTHONDIR": str(tmp_path / "ipython")}
        done = subprocess.run(command, cwd=content, env=env, capture_output=True, text=True)
        return (done.stdout + done.stderr).strip()

    run.content = content
    return run


def test_colab_fetches_the_course(colab):
    """Its folder becomes the working folder; a sentence says that nothing is kept there, and how to keep it."""
    said = colab()
    course = colab.content / "course"
    assert said == f"{start_module.NOT_KEPT}\n{course}/coursekit/__init__.py {course}"
    (course / "mine.txt").write_text("written in this session")
    (colab.content / "drive" / "MyDrive").mkdir(parents=True)  # the Drive is mounted
    assert colab().startswith(start_module.KEPT.format("neural-networks-for-vision"))
    assert course.is_symlink() and (course / "mine.txt").read_text() == "written in this session"


def test_colab_where_the_address_is_wrong(colab):
    """Git says why it cannot fetch the course, and the cell what is missing."""
    said = colab("file:///no/such/repository", before="sys.modules['coursekit.running.start'] = None")
    assert "/no/such/repository" in said and f"UsageError: The course is not in {colab.content}" in said


class TestDrive:
    def test_none(self, tmp_path):
        (tmp_path / "course").mkdir()
        assert not keep_on_drive(tmp_path / "course", tmp_path / "drive")

    def test_the_course_of_another_day_is_used(self, tmp_path):
        """What was fetched today is put beside it, so nothing is lost either way."""
        course, drive = tmp_path / "course", tmp_path / "drive"
        (drive / "neural-networks-for-vision").mkdir(parents=True)
        (drive / "neural-networks-for-vision" / "layers.py").write_text("yesterday")
        course.mkdir()
        (course / "layers.py").write_text("fetched")
        assert keep_on_drive(course, drive) and keep_on_drive(course, drive)
        assert (course / "layers.py").read_text() == "yesterday"
        assert (tmp_path / "course-as-fetched" / "layers.py").read_text() == "fetched"

    def test_a_copy_that_was_interrupted_is_made_again(self, tmp_path):
        course, drive = tmp_path / "course", tmp_path / "drive"
        (drive / "neural-networks-for-vision.partial" / "old").mkdir(parents=True)
        course.mkdir()
        (course / "layers.py").write_text("whole")
        assert keep_on_drive(course, drive)
        kept = drive / "neural-networks-for-vision"
        assert [path.name for path in kept.iterdir()] == ["layers.py"] and list(drive.iterdir()) == [kept]


# ---- editions with an address


@pytest.mark.parametrize(
    "address, branch",
    [
        ("", "main"),
        ("https://example.org/a/b", "main"),
        ("https://github.com/a", "main"),
        ("https://github.com/a/b", "-x"),
    ]
    + [("https://github.com/a/b; rm -rf x", "main"), ("https://github.com/a/b", 'm"x')],
)
def test_other_addresses_are_refused(address, branch):
    with pytest.raises(ValueError, match="must be like https://github.com/OWNER/NAME|not the name of a branch"):
        repository_at(address, branch)


def test_release_names_a_wrong_address(tmp_path, capsys):
    assert release.build(tmp_path / "course", repository="github.com/owner/name") == 1
    assert "must be like https://github.com/OWNER/NAME" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["knn", "Tuning"])
def test_notebook_with_an_address(name):
    """Badges that open this very notebook, the address in its first cell, and nothing else; and all goes out again."""
    file = notebook_file(name)
    before = edition(name)["cells"]
    after = json.loads(notebook_with_address(json.dumps(edition(name)), file, REPOSITORY))["cells"]
    badges = source(after[0]).split("\n")[0]
    for link in (f"github/owner/name/blob/2026/{file}", f"gh/owner/name/2026?labpath={file}", "owner/name/tree/2026"):
        assert f"{link})" in badges
    assert "--branch 2026 https://github.com/owner/name " in source(after[1])
    assert [cell for cell in before if cell not in after] == before[:2]
    assert [without_address(source(cell)) for cell in after] == [source(cell) for cell in before]


def test_readme_with_badges():
    text = (ROOT / "docs" / "learner" / "README.md").read_text(encoding="utf-8")
    title, badges, rest = readme_with_badges(text, REPOSITORY).split("\n\n", 2)
    assert f"{title}\n\n{rest}" == text
    [opened] = re.findall(r"labpath=([^)]*)\)", badges)
    assert opened in files_in(LEARNER)


def test_binder_installs_the_lock():
    """What Binder reads from `.binder/` is the learner's lock, on a Python that the course supports."""
    files = files_in(LEARNER)
    folder = ROOT / ".binder"
    assert {f".binder/{name}" for name in ("requirements.txt", "runtime.txt", "postBuild", "start")} <= files.keys()
    [line] = (folder / "requirements.txt").read_text().splitlines()
    lock = (folder / line.removeprefix("-r ")).resolve().relative_to(ROOT).as_posix()
    assert lock in files and lock in environment.LOCKS
    require_supported((folder / "runtime.txt").read_text().strip().removeprefix("python-"))
    for program in ("postBuild", "start"):
        assert (folder / program).read_text().startswith("#!/usr/bin/env bash\n")


def test_dev_container_builds_the_environment():
    """It runs the set-up command, and its editor uses the environment that this builds."""
    container = json.loads(files_in(LEARNER)[".devcontainer/devcontainer.json"].read_text())
    require_supported(container["image"].partition("python:")[2])
    program, command = container["postCreateCommand"].rsplit(" ", 1)
    assert program == "python -m coursekit" and command in __main__._COMMANDS
    chosen = container["customizations"]["vscode"]["settings"]["python.defaultInterpreterPath"]
    assert chosen == f"${{containerWorkspaceFolder}}/{environment.VENV.name}/bin/python"


def require_supported(version):
    requires = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"]
    assert tuple(map(int, version.split("."))) >= start_module.OLDEST_PYTHON and requires == ">=3.11"


def test_data_is_drawn_by_the_python_that_runs(monkeypatch):
    """Binder has no .venv: what draws the data is the Python that Binder has installed everything into."""
    ran = []
    monkeypatch.setattr(environment, "ROOT", ROOT / "docs")  # no data there yet
    monkeypatch.setattr(environment.subprocess, "run", lambda command, **_: ran.append(command) or done)
    done = subprocess.CompletedProcess([], 0)
    assert environment.prepare_here() == 0
    assert [command[0] for command in ran] == [sys.executable] * 2
    assert "load_CIFAR10" in ran[0][2] and "load_coco_data" in ran[1][2]


FIRST = """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance(colors="NoColor")
before = set(shell.user_ns)
shell.safe_execfile({file!r}, shell.user_ns, raise_exceptions=True)
print(sorted(set(shell.user_ns) - before))
for cell in {cells!r}:
    shell.run_cell(cell)
"""


@pytest.mark.parametrize(
    ("cells", "is_told"),
    [
        (["check('affine_forward')"], True),
        (["1 / 0"], False),
        (["import coursekit", "chekc('affine_forward')"], False),
        (["import os; os.chdir('/')", "check('affine_forward')"], False),
    ],
    ids=["first", "another error", "later", "elsewhere"],
)
def test_a_check_before_the_first_cells_says_what_to_run(cells, is_told):
    """The error is shown as ever, what to do below it; the startup file leaves no name behind."""
    code = FIRST.format(file=str(environment.IPYTHON / "course_first_cells.py"), cells=cells)
    done = subprocess.run([sys.executable, "-I", "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.startswith("[]\n") and "Error" in done.stdout, done.stdout + done.stderr
    assert ("Run All Above Selected Cell" in done.stdout.splitlines()[-1]) == is_told


def test_kernels_of_the_environment_run_it(tmp_path):
    """It is where IPython looks for what all kernels of an environment run first."""
    from IPython.core.application import ENV_CONFIG_DIRS

    environment._set_up_jupyterlab(tmp_path)
    copied = [path.relative_to(tmp_path) for path in tmp_path.rglob("course_first_cells.py")]
    assert copied == [Path("etc/ipython/startup/course_first_cells.py")]
    assert Path(sys.prefix, "etc/ipython") in map(Path, ENV_CONFIG_DIRS)
