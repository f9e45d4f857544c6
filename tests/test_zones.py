"""Trust zones are folders: who gets a file is decided by its folder, and imports go down only."""

import ast
import os
import shutil

import pytest

from coursekit.files import unpack_zip
from coursekit.grading import autograder
from coursekit.grading.running import workspace
from coursekit.learner import submit
from coursekit.paths import PACKAGE, ROOT, TOOLS, files_in
from coursekit.teacher import release

# From top to bottom: a module imports from its own folder and from those below, never from one above.
LAYERS = ("__main__", "grading", "teacher", "learner", "judging", "running", "questions", "files", "core", "paths")
# zone: who gets a new file in it
GETS = {
    "core": {"sandbox", "learner", "submission check", "autograder"},
    "questions/assignment1": {"sandbox", "learner", "submission check", "autograder"},
    "running": {"sandbox", "learner", "submission check", "autograder"},
    "judging": {"learner", "submission check", "autograder"},
    "learner": {"learner", "submission check", "autograder"},
    "grading": {"autograder"},
    "grading/intake": {"autograder"},
    "grading/running": {"autograder"},
    "grading/reports": {"autograder"},
    "teacher": {"autograder"},
    "": set(),
    "a_new_folder": set(),
    "../zoo": set(),
    "../tests": set(),
}


def trial(zone):
    """The name of a file that nobody has named, in a zone."""
    return os.path.normpath(f"coursekit/{zone}/plagiarism.py")


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """What each receiver gets of a copy of the course that has one more file in every zone."""
    course, out = tmp_path_factory.mktemp("course"), tmp_path_factory.mktemp("out")
    for name in ("coursekit", "cs231n", "zoo"):
        shutil.copytree(ROOT / name, course / name, ignore=shutil.ignore_patterns("__pycache__", "saved"))
    for zone in GETS:
        path = course / trial(zone)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('"""A trial."""\n')
    release.write_edition(out / "edition", course)
    zipped = unpack_zip(autograder.write_zip(out / "autograder.zip", "assignment1", course).read_bytes())
    return {
        "sandbox": set(workspace.provided_files(course)),
        "learner": {path.relative_to(out / "edition").as_posix() for path in (out / "edition").rglob("*")},
        "submission check": set(files_in(submit.PROVIDED, course)),
        "autograder": {name.removeprefix("course/") for name in zipped},
    }


@pytest.mark.parametrize("zone", GETS)
def test_a_new_file_goes_where_its_folder_goes(zone, given):
    """What is not in a zone of learners stays at home, without anybody saying so."""
    assert {receiver for receiver, names in given.items() if trial(zone) in names} == GETS[zone]


def test_reference_answers_never_enter_the_sandbox():
    answers = [name for name in files_in(TOOLS) if name.endswith(".npz")]
    assert len(answers) > 50
    assert not set(answers) & set(workspace.provided_files(ROOT))


def test_the_root_of_coursekit_has_four_modules():
    assert sorted(path.stem for path in (ROOT / "coursekit").glob("*.py")) == ["__init__", "__main__", "files", "paths"]


def imports(path):
    """The modules of the project that a file imports, at its top or inside of functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def layer(module):
    """Where a module of coursekit stands in `LAYERS`; None for anything else."""
    parts = module.split(".")
    return LAYERS.index(parts[1]) if parts[0] == "coursekit" and len(parts) > 1 and parts[1] in LAYERS else None


@pytest.mark.parametrize("path", sorted((ROOT / "coursekit").rglob("*.py")), ids=lambda path: path.stem)
def test_imports_go_down(path):
    """No arrow from a learner's folder to a teacher's, from what runs in the sandbox to what judges, and no circle."""
    own = layer(".".join(path.relative_to(ROOT).with_suffix("").parts))
    if own is None:
        return  # `coursekit/__init__.py` names the module that answers for `check`
    upward = {name for name in imports(path) if (there := layer(name)) is not None and there < own}
    assert not upward, f"{path.name} imports from above"


@pytest.mark.parametrize("name", [name for name in files_in(PACKAGE) if name.endswith(".py")])
def test_the_package_knows_nothing_of_the_tools(name):
    assert not [module for module in imports(ROOT / name) if module.split(".")[0] in ("coursekit", "zoo")]
