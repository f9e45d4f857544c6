"""New questions and notebooks: what the commands make has the form of the course, and nothing is ever half done."""

import ast
import json
import os
import shutil
import subprocess
import sys

import pytest

from coursekit.files import write_file
from coursekit.paths import ROOT
from coursekit.questions import NOTEBOOKS, module_of
from coursekit.teacher import new_notebook, new_question
from coursekit.teacher.adding import cells, changes, course, introduction, sources

PARTS = ("assignments", "coursekit", "cs231n", "docs", "zoo")
SOFTPLUS = ("softplus", "--notebook", "Activations", "--function", "cs231n.activations:softplus_forward")


@pytest.fixture(scope="module")
def solved(tmp_path_factory):
    """A copy of the course's files, as they are."""
    folder = tmp_path_factory.mktemp("solved") / "course"
    for part in PARTS:
        ignored = shutil.ignore_patterns("__pycache__", "answers", "saved", ".ipynb_checkpoints")
        shutil.copytree(ROOT / part, folder / part, ignore=ignored)
    shutil.copy(ROOT / "README.md", folder)
    return folder


@pytest.fixture
def tree(solved, tmp_path):
    """A copy for one test."""
    return shutil.copytree(solved, tmp_path / "course", copy_function=os.link)  # files are replaced, never changed


def files(folder):
    return {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}


def changed(solved, tree):
    """The texts of the files that differ, by name."""
    before = files(solved)
    new = {name: path for name, path in files(tree).items() if not (name in before and path.samefile(before[name]))}
    found = {name: path.read_text() for name, path in new.items()}
    return {name: text for name, text in found.items() if name not in before or before[name].read_text() != text}


def ids(tree, name="assignments/practice/Activations.ipynb"):
    return [cell["id"] for cell in json.loads((tree / name).read_text())["cells"]]


def text_of(tree, id_, name="assignments/practice/Activations.ipynb"):
    [cell] = [cell for cell in json.loads((tree / name).read_text())["cells"] if cell["id"] == id_]
    return "".join(cell["source"])


def test_the_declarations_of_the_course_can_be_read(tmp_path):
    """The ids and the order that are read from the files are those of the questions themselves."""
    there = changes.Changes(ROOT)
    assert course.notebooks(there) == NOTEBOOKS
    for name, assignment in NOTEBOOKS.items():
        source = there.read(course.files_of(name, assignment).questions)
        assert list(course.questions_in(source)) == [question.id for question in module_of(name).QUESTIONS]


# ---- a question


def test_a_question_for_a_function_has_all_its_parts(solved, tree, capsys):
    assert new_question.new_question([*SOFTPLUS, "--after", "elu", "--points", "3", "--minutes", "20"], tree) == 0
    new = changed(solved, tree)
    assert set(new) == {
        "README.md",
        "assignments/practice/Activations.ipynb",
        "coursekit/questions/practice/Activations.py",
        "cs231n/activations.py",
        "zoo/practice/Activations.py",
    }
    order = ids(tree)
    at = order.index("card_softplus")
    made = ["softplus_text", "softplus_example", "card_softplus", "check_softplus", "help_softplus", "softplus_think"]
    assert order[at - 3 : at + 4] == ["elu_think", *made]
    intro = text_of(tree, "intro")
    assert "about 4 hours and 5 minutes, including 2 hours and 50 minutes for" in intro and "**Points**: 22." in intro
    row = "| `softplus` | 3 | 20 | ●●○○○ | [`cs231n/activations.py`](../../cs231n/activations.py) |"
    assert intro.splitlines()[intro.splitlines().index(row) - 1].startswith("| `elu` |")
    assert "dead units | 22 | 170 |" in new["README.md"]
    declared = list(course.questions_in(new["coursekit/questions/practice/Activations.py"]))
    assert declared[declared.index("elu") + 1] == "softplus"
    function = sources.function_at(new["cs231n/activations.py"], "softplus_forward")
    assert sources.has_answer(new["cs231n/activations.py"], "softplus_forward") and ast.get_docstring(function)
    public = sources.items_of(new["cs231n/activations.py"], "__all__")
    assert public == sorted(public) and '"softplus_forward"' in public


def test_each_place_that_is_left_is_listed(tree, capsys):
    """The list names the line, and what stands in that line is what is left."""
    new_question.new_question(SOFTPLUS, tree)
    printed = capsys.readouterr().out
    left = changes.left_to_write(tree)
    assert len(left) > 12 and all(f"{one.place}: {one.what}" in printed for one in left)
    for one in left:
        if one.place.startswith("line "):
            line = (tree / one.file).read_text().splitlines()[int(one.place[5:]) - 1]
            assert changes.TO_WRITE in line and one.what in line
    assert new_question.new_question(["--left"], tree) == 1
    assert capsys.readouterr().out.splitlines() == [str(one) for one in left]


@pytest.mark.parametrize(
    "options, parts",
    [
        (("--function", "cs231n.activations:softplus_forward"), ('return {"out": softplus_forward(x)[0]}',)),
        (
            ("--function", "cs231n.activations:softplus_forward", "--function", "cs231n.activations:softplus_backward"),
            ("out, cache = softplus_forward(x)", '{"out": out, "dx": softplus_backward(dout, cache)}'),
        ),
        (
            ("--function", "cs231n.new_module:three", "--function", "cs231n.new_module:four"),
            ("from cs231n.new_module import four, three", '{"three": three(x), "four": four(x)}'),
        ),
        (("--function", "cs231n.solver:Solver.check_accuracy"), ("Solver().check_accuracy(X, y)",)),
        (("--function", "cs231n.gradient_check:eval_numerical_gradient"), ('{"out": eval_numerical_gradient(f, x)}',)),
        (("--in-notebook", "--values", "rate", "net"), ("_judge_softplus(rate, net)", 'values=("rate", "net")')),
    ],
)
def test_declarations_call_what_is_asked_for(solved, tree, options, parts):
    """The functions that are there with their own parameters, new ones with those of the course's layers."""
    assert new_question.new_question(["softplus", "--notebook", "Activations", *options], tree) == 0
    source = (tree / "coursekit/questions/practice/Activations.py").read_text()
    assert all(part in source for part in parts), source
    for name, text in changed(solved, tree).items():
        if name.endswith(".py"):
            ast.parse(text)


def test_a_function_that_is_there_gets_markers_around_its_body(tree):
    target = "cs231n.gradient_check:eval_numerical_gradient"
    assert new_question.new_question(["numeric", "--notebook", "knn", "--function", target], tree) == 0
    source = (tree / "cs231n/gradient_check.py").read_text()
    assert sources.has_answer(source, "eval_numerical_gradient")
    bare = [line for line in source.splitlines() if "SOLUTION" not in line]
    assert bare == (ROOT / "cs231n/gradient_check.py").read_text().splitlines()


def test_a_question_in_a_notebook_without_any_goes_before_what_ends_it(tree):
    assert new_notebook.new_notebook(["Kernels", "--assignment", "practice"], tree) == 0
    assert new_question.new_question(["width", "--notebook", "Kernels", "--in-notebook", "--values", "a"], tree) == 0
    name = "assignments/practice/Kernels.ipynb"
    order = ids(tree, name)
    made = ["width_text", "width_example", "card_width", "width", "check_width", "help_width", "width_think"]
    assert order == ["intro", "start", "setup", *made, *order[-6:]]
    assert text_of(tree, "check_width", name) == 'check("width", a=a)'
    assert "| `width` | 2 | 15 | ●●○○○ | this notebook |" in text_of(tree, "intro", name)


# ---- a written question


def test_a_written_question_is_numbered_in_its_place(tree):
    """Those after it move up by one."""
    given = ["why", "--notebook", "knn", "--written", "--after", "knn_two_loops", "--minutes", "5"]
    assert new_question.new_question(given, tree) == 0
    name = "assignments/assignment1/knn.ipynb"
    order = ids(tree, name)
    at = order.index("answer_why")
    assert order[at - 1 : at + 2] == ["question_why", "answer_why", "compare_why"]
    numbers = [text_of(tree, id_, name).split("**")[1] for id_ in order if id_.startswith("question_")]
    assert numbers == [f"Written question {number}" for number in range(1, len(numbers) + 1)]
    assert "about 2 hours 35 minutes, 1 hour 35 minutes of them" in text_of(tree, "intro", name)


# ---- what cannot be added

ACTIVATIONS = ("--notebook", "Activations", "--function", "cs231n.activations:softplus_forward")


@pytest.mark.parametrize(
    "options, said",
    [
        (("elu", *ACTIVATIONS), "there is a question elu already"),
        (("Softplus", *ACTIVATIONS), "'Softplus' is no id"),
        (("lambda", *ACTIVATIONS), "'lambda' is no id: it is a word of Python"),
        (("a" * 61, *ACTIVATIONS), f"'{'a' * 61}' is no id: it has at most 60"),
        (("knn", *ACTIVATIONS), "knn is the name of a notebook"),
        (
            ("soft", "--notebook", "Activation", "--in-notebook"),
            "no notebook 'Activation'; did you mean Activations?\n",
        ),
        (("soft", "--notebook", "PyTorch", "--in-notebook"), "no notebook 'PyTorch'"),
        (("soft", "--notebook", "knn", "--function", "layers.softplus"), "'layers.softplus' is no function"),
        (("soft", "--notebook", "knn", "--function", "cs231n.layers:relu_forward"), "relu_forward asks for"),
        (
            ("soft", "--notebook", "knn", "--function", "cs231n.activations:relu_backward"),
            "no function that cs231n/activ",
        ),
        (("soft", "--notebook", "knn", "--function", "cs231n.solver:Nobody.step"), "has no class Nobody"),
        (("soft", "--notebook", "knn", "--function", "cs231n.nothing:Nobody.step"), "only functions can be added"),
        (("soft", "--notebook", "knn", "--in-notebook", "--values", "a b"), "'a b' cannot be the name of a value"),
        (("soft", "--notebook", "knn", "--in-notebook", "--values", "a", "b", "a"), "the value a is there twice"),
        (("soft", "--notebook", "knn", *2 * ("--function", "cs231n.layers:f")), "function cs231n.layers:f is there tw"),
        (("soft", "--notebook", "knn", "--function", "cs231n.layers:def"), "'cs231n.layers:def' is no function"),
        (("soft", "--notebook", "knn", "--function", "cs231n.if:f"), "'cs231n.if:f' is no function"),
        (("soft", "--notebook", "knn", "--function", "cs231n.layers:lücke"), "'cs231n.layers:lücke' is no function"),
        (("soft", *ACTIVATIONS, "--after", "nobody"), "no question and no cell 'nobody'"),
        (("soft", *ACTIVATIONS, "--after", "card_elu"), "inside of the question elu"),
        (
            ("soft", *ACTIVATIONS, "--after", "all_figure"),
            "shows a figure: give the cell with its caption, all_caption",
        ),
        (("soft", *ACTIVATIONS, "--after", "further"), "cannot stand after the cell further"),
        (("soft", *ACTIVATIONS, "--after", "intro"), "cannot stand after the cell intro"),
        (("centring", "--notebook", "Activations", "--written"), "has a cell 'answer_centring' already"),
        (("why me", "--notebook", "Activations", "--written"), "'why me' is no id"),
    ],
)
def test_what_cannot_be_added_is_said_in_a_sentence(solved, tree, capsys, options, said):
    """Nothing is written then, in no file."""
    assert new_question.new_question(options, tree) == 2
    printed = capsys.readouterr().out
    assert said in printed and printed.count("\n") == 1
    assert changed(solved, tree) == {}


@pytest.mark.parametrize(
    "options, said",
    [
        (("knn", "--assignment", "practice"), "there is a notebook or a question knn already"),
        (("KNN", "--assignment", "practice"), "there is a notebook or a question knn already"),
        (("elu", "--assignment", "practice"), "there is a notebook or a question elu already"),
        (("two words", "--assignment", "practice"), "'two words' is no name"),
        (("None", "--assignment", "practice"), "'None' is no name of a notebook: it is a word of Python"),
        (("N" * 61, "--assignment", "practice"), f"'{'N' * 61}' is no name of a notebook: it has at most 60"),
        (("Kernels", "--assignment", "practice", "--about", "a | b"), "it is one line without a |"),
        (("Kernels", "--assignment", "assignment9"), "there is no assignment 'assignment9'"),
        (("Kernels", "--assignment", "assignment1", "--after", "Losses"), "assignment1 has no notebook 'Losses'"),
    ],
)
def test_a_notebook_that_cannot_be_added(solved, tree, capsys, options, said):
    assert new_notebook.new_notebook(options, tree) == 2
    assert said in capsys.readouterr().out and changed(solved, tree) == {}


@pytest.mark.parametrize("number", [1, 3, 5])
def test_if_a_file_cannot_be_written_all_are_as_they_were(solved, tree, capsys, monkeypatch, number):
    """As where the disk is full in the middle: nothing is half written."""
    written = []

    def until_full(path, data):
        written.append(path)
        if len(written) == number:
            raise OSError("No space left on device")
        return write_file(path, data)

    monkeypatch.setattr(changes, "write_file", until_full)
    assert new_question.new_question(SOFTPLUS, tree) == 2
    assert "Nothing was added: No space left" in capsys.readouterr().out
    assert changed(solved, tree) == {}


@pytest.mark.parametrize("options", [(), ("soft",), ("soft", "--notebook", "knn"), (*SOFTPLUS, "--in-notebook")])
def test_what_is_missing_is_asked_for(options, tree, capsys):
    with pytest.raises(SystemExit) as ended:
        new_question.new_question(options, tree)
    assert ended.value.code == 2 and "--help" in capsys.readouterr().err


# ---- a notebook

FORM = ("tests/test_notebook_form.py", "tests/test_readme.py", "tests/test_topics.py")


def test_a_new_notebook_with_questions_has_the_form_of_all(tree):
    """The form tests of the course pass on it, in a process that reads the new tree; one alone names what is left."""
    shutil.copytree(ROOT / "tests", tree / "tests", ignore=shutil.ignore_patterns("__pycache__", "data"))
    shutil.copy(ROOT / "pyproject.toml", tree)
    shutil.copy(ROOT / "CONTRIBUTING.md", tree)
    for command in (
        ("new-notebook", "Kernels", "--assignment", "practice"),
        ("new-question", "kernel_trick", "--notebook", "Kernels", "--function", "cs231n.kernels:kernel_trick"),
        ("new-question", "width", "--notebook", "Kernels", "--in-notebook", "--values", "a", "--points", "1"),
        ("new-question", "why", "--notebook", "Kernels", "--written", "--after", "width"),
    ):
        done = subprocess.run([sys.executable, "-m", "coursekit", *command], cwd=tree, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    tests = [*FORM, "-k", "Kernels or left or topics", "-p", "no:cacheprovider", "-q", "-p", "no:randomly"]
    done = subprocess.run([sys.executable, "-m", "pytest", *tests], cwd=tree, capture_output=True, text=True)
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    assert len(failed) == 1 and "test_nothing_is_left_to_write" in failed[0], done.stdout[-3000:]


# ---- small parts


@pytest.mark.parametrize(
    "line, longer",
    [
        (
            "about 1 hour 25 minutes, 55 minutes of them for",
            "about 1 hour 40 minutes, 1 hour and 10 minutes of them for",
        ),
        (
            "about 4 hours, including 2 hours 55 minutes for",
            "about 4 hours and 15 minutes, including 3 hours 10 minutes for",
        ),
        ("about 70 minutes, including 0 minutes for", "about 1 hour and 25 minutes, including 15 minutes for"),
    ],
)
def test_times_grow_in_their_own_words(line, longer):
    text = f"# Title\n\n**Time**: {line} the questions; it runs a minute. **Points**: 9.\n\nMore."
    wanted = f"# Title\n\n**Time**: {longer} the questions; it runs a minute. **Points**: 11.\n\nMore."
    assert introduction.with_time(text, 15, 15, 2) == wanted


def test_an_item_is_put_into_a_tuple_on_one_line_or_on_several():
    one = sources.with_item("A = (a, b)\n", "A", "c", 1)
    assert one == "A = (a, c, b)\n" and sources.with_item("A = ()\n", "A", "c", 0) == "A = (c,)\n"
    assert sources.with_item("A = (\n    a,\n)\n", "A", "c", 1) == "A = (\n    a,\n    c,\n)\n"
    with pytest.raises(changes.CannotAdd, match="A is no tuple"):
        sources.with_item("A = f()\n", "A", "c", 0)


def test_new_cells_take_no_id_twice():
    notebook = {"cells": [cells.markdown("a_text", "x")]}
    with pytest.raises(changes.CannotAdd, match="has a cell 'a_text' already"):
        cells.with_cells(notebook, [cells.code("a_text", "1")], 1)
