"""The package: every dependency is declared once and where it belongs, and the wheel works without the course."""

import ast
import os
import re
import subprocess
import sys
import tomllib
import venv
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import numpy as np
import pytest

from coursekit.learner.doctor import NEEDED
from coursekit.paths import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
GROUPS = {"learner": PROJECT["dependencies"], **PROJECT["optional-dependencies"]}
TEACHER = ("coursekit/grading/", "coursekit/teacher/")
BOOK = ROOT / "coursekit" / "teacher" / "book"
OWN = {"cs231n", "coursekit", "zoo", "tests"}


def names(requirements):
    return {re.match(r"[\w-]+", line)[0] for line in requirements}


def imports(path):
    """The packages that a file imports, by their first names."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module.split(".")[0]


def third_party(paths):
    """The distributions that files import; where one is not installed, the name of the import."""
    found = {name for path in paths for name in imports(path)} - set(sys.stdlib_module_names) - OWN
    known = packages_distributions()
    return {known.get(name, [name])[0].lower().replace("_", "-") for name in found}


def modules(*folders):
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def is_teachers(path):
    return path.relative_to(ROOT).as_posix().startswith(TEACHER)


OPTIONAL = names(GROUPS["coco"])


def test_what_learners_import_is_declared():
    paths = [path for path in modules("cs231n", "coursekit") if not is_teachers(path)]
    assert third_party(paths) - OPTIONAL <= names(GROUPS["learner"])


def test_what_teachers_import_is_declared():
    paths = [path for path in modules("coursekit") if is_teachers(path) and BOOK not in path.parents]
    assert third_party(paths) - {"distributed"} <= names(GROUPS["learner"] + GROUPS["grading"])  # dask[distributed]


def test_what_the_book_imports_is_declared():
    assert third_party(BOOK.glob("*.py")) <= names(GROUPS["learner"] + GROUPS["book"])


def test_importing_needs_numpy_alone():
    assert third_party([ROOT / "cs231n/__init__.py", ROOT / "datasets/get_datasets.py"]) <= {"numpy"}


@pytest.mark.parametrize(
    "file, group, base",
    [
        ("requirements.txt", "learner", []),
        ("requirements-grading.txt", "grading", ["-r requirements.txt"]),
        ("requirements-book.txt", "book", ["-r requirements.txt"]),
        ("requirements-browser.txt", "browser", []),
        ("requirements-dev.txt", "dev", ["-r requirements-grading.txt", "-r requirements-book.txt"]),
        ("requirements-bench.txt", "bench", []),
    ],
)
def test_requirements_repeat_the_declaration(file, group, base):
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not line.startswith("#")] == [*base, *GROUPS[group]]


@pytest.mark.parametrize(
    "lock, groups",
    [
        ("requirements.lock", ["learner"]),
        ("requirements-book.lock", ["learner", "book"]),
        ("requirements-dev.lock", ["learner", "grading", "book", "dev"]),
    ],
)
def test_locks_pin_every_declared_dependency(lock, groups):
    pinned = set(re.findall(r"^([\w-]+)(?:\[\w+\])?==", (ROOT / lock).read_text(encoding="utf-8"), re.MULTILINE))
    assert names(line for group in groups for line in GROUPS[group]) <= pinned


def test_doctor_looks_for_what_learners_need():
    assert set(NEEDED) == names(GROUPS["learner"])


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    pytest.importorskip("hatchling", reason="hatchling is not installed: the wheel cannot be built")
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", out]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Runs `coursekit` in a fresh environment that has the wheel, and this one's packages for the rest."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=True)
    programs = folder / ("Scripts" if os.name == "nt" else "bin")
    subprocess.run([programs / "python", "-m", "pip", "install", "-q", "--no-deps", wheel], check=True)
    [packages] = folder.glob("Lib/site-packages" if os.name == "nt" else "lib/python3*/site-packages")
    (packages / "others.pth").write_text(str(Path(np.__file__).parent.parent))
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def run(*arguments):
        command = [programs / "coursekit", *arguments]
        return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)

    return run


def test_wheel_has_two_packages_and_their_data(wheel):
    files = set(zipfile.ZipFile(wheel).namelist())
    tops = {name.split("/")[0] for name in files}
    assert {name for name in tops if not name.endswith((".dist-info", ".data"))} == {"cs231n", "coursekit"}
    data = [path for path in (ROOT / "coursekit").rglob("*") if path.suffix in (".npz", ".html", ".txt", ".js", ".sh")]
    assert {path.relative_to(ROOT).as_posix() for path in data} <= files
    for_lab = "/data/share/jupyter/labextensions/coursekit-image-alt/package.json"
    assert [name for name in files if name.endswith(for_lab)], "pip puts it where JupyterLab looks for it"


def test_installed_check(installed):
    done = installed("check", "affine_forward")
    assert done.returncode == 0 and "affine_forward: ok" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("command", [("lab",), ("submit", "assignment1"), ("grade", "folder", "--out", "out")])
def test_what_needs_the_course_says_so(installed, command):
    done = installed(*command)
    assert done.returncode == 2 and "Change to the course's folder" in done.stdout and not done.stderr
