"""What a verdict rests on: its digest changes with all code that a check runs, and with little else."""

import importlib
import linecache
import shutil
import sys

import pytest

from coursekit.judging.runner import run_case
from coursekit.learner.digests import Sources, _Reach
from coursekit.paths import PACKAGE, ROOT, files_in
from coursekit.questions import all_questions, find

LAYERS = "cs231n/layers.py"
FUNCTIONS = [question for question in all_questions().values() if not question.in_notebook]


@pytest.fixture
def course(tmp_path):
    """A copy of the package."""
    for name, path in files_in(PACKAGE).items():
        if path.suffix == ".py":
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, tmp_path / name)
    return tmp_path


def changed_by(course, name, edit):
    """The questions whose digest an edit of a file changes."""
    before = {question.id: Sources(course).digest(question) for question in FUNCTIONS}
    path = course / name
    path.write_text(edit(path.read_text("utf-8")), "utf-8")
    after = Sources(course)
    return {question.id for question in FUNCTIONS if after.digest(question) != before[question.id]}


def test_every_function_that_a_check_runs_counts():
    """Each function of `cs231n` that the first two cases of a question call is among what its digest is made of."""
    sources, missing = Sources(), []
    for name in sources.paths:
        importlib.import_module(name.removesuffix(".py").replace("/", ".").removesuffix(".__init__"))
    for question in FUNCTIONS:
        texts = {}
        for module, text in _Reach(sources).from_question(question):
            texts.setdefault(module, set()).update(text.splitlines())
        for module, line in functions_run(question):
            if line not in texts.get(module, ()):
                missing.append((question.id, module, line))
    assert not missing


def functions_run(question):
    """The module and the first line of each function of `cs231n` that the question's first cases call."""
    codes = set()

    def note(frame, event, _):
        if event == "call" and f"{ROOT}/cs231n/" in frame.f_code.co_filename:
            codes.add(frame.f_code)

    for index, case in enumerate(question.cases[:2]):
        inputs, before = question.draw_inputs(index), sys.getprofile()
        sys.setprofile(note)
        try:
            run_case(case, inputs)
        finally:
            sys.setprofile(before)
    for code in codes:
        name = code.co_filename.removeprefix(f"{ROOT}/")
        yield name, linecache.getline(code.co_filename, code.co_firstlineno).rstrip()


def test_a_change_of_a_function_changes_what_builds_on_it_and_nothing_else(course):
    changed = changed_by(course, LAYERS, lambda text: text.replace("def dropout_forward(", "def dropout_forward( "))
    assert "dropout_forward" in changed
    assert not {"affine_forward", "batchnorm_forward", "conv_forward_naive", "knn_two_loops"} & changed


def test_what_a_learner_adds_counts_once_it_is_used(course):
    """A helper that nobody calls changes nothing; one that a function calls is a part of it."""
    helper = "\n\ndef my_helper(x):\n    return x\n"
    assert not changed_by(course, LAYERS, lambda text: text + helper)
    use = "def relu_forward(x):\n    my_helper(x)\n"
    assert "relu_forward" in changed_by(course, LAYERS, lambda text: text.replace("def relu_forward(x):\n", use))
    assert "relu_forward" in changed_by(
        course, LAYERS, lambda text: text.replace("    return x\n", "    return 2 * x\n")
    )


def test_a_second_definition_a_new_import_and_a_constant_count(course):
    second = "\n\ndef relu_forward(x):\n    return x, x\n"
    assert "relu_forward" in changed_by(course, LAYERS, lambda text: text + second)
    other = "from cs231n.activations import relu6 as np\n"
    assert "relu_forward" in changed_by(course, LAYERS, lambda text: text.replace("import numpy as np\n", other, 1))


def test_a_file_that_python_cannot_read_changes_the_questions_that_use_it(course):
    changed = changed_by(course, LAYERS, lambda text: text + "\n\ndef (")
    assert "relu_forward" in changed and "two_layer_net_loss" in changed and "knn_two_loops" not in changed


def test_every_digest_is_the_same_in_the_same_tree():
    assert len({Sources().digest(find("affine_forward")) for _ in range(2)}) == 1
