"""Reset: an answer goes back to its first form, whatever became of its file, and nothing of the learner's is lost."""

import io
import json
import os
import shutil
import subprocess
import sys

import pytest

from coursekit.learner import blocks, first_forms, reset
from coursekit.learner.first_forms import is_as_handed_out
from coursekit.paths import ROOT
from coursekit.questions import NOTEBOOKS, all_questions, find, notebook_file
from coursekit.teacher.release import write_edition

LAYERS, CNN, KNN = "cs231n/layers.py", "cs231n/classifiers/cnn.py", notebook_file("knn")
STUB = 'raise NotImplementedError("affine_forward: two_layer_net")'
ANSWER = "out = x.reshape(len(x), -1) @ w + b  # my answer: ünïcode"


@pytest.fixture(scope="module")
def edition(tmp_path_factory):
    """A learner's edition as it was handed out."""
    folder = tmp_path_factory.mktemp("edition") / "course"
    write_edition(folder)
    return folder


@pytest.fixture
def course(edition, tmp_path):
    """A learner's own copy of what a reset needs."""
    for name in (first_forms.FILE, KNN, *(path.relative_to(edition) for path in edition.glob("cs231n/**/*.py"))):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(edition / name, tmp_path / name)
    return tmp_path


def edit(course, name, *changes):
    """Change texts in a file, each there at least once."""
    data = (course / name).read_bytes()
    for old, new in changes:
        assert old.encode() in data
        data = data.replace(old.encode(), new.encode(), 1)
    (course / name).write_bytes(data)
    return data


def first(edition, name):
    return (edition / name).read_bytes()


def kept(course):
    return sorted((course / reset.FOLDER).glob("*"))


def run(course, *names, **options):
    return reset.reset(names, root=course, **options)


def test_a_function_goes_back_and_what_stood_there_is_kept(course, edition, capsys):
    """The file is as handed out, to the byte; the output says where the text is, and how to get it back."""
    edit(course, LAYERS, (STUB, ANSWER))
    assert not is_as_handed_out(find("affine_forward"), course)
    assert run(course, "affine_forward") == 0
    assert (course / LAYERS).read_bytes() == first(edition, LAYERS)
    assert is_as_handed_out(find("affine_forward"), course)
    [file] = kept(course)
    assert ANSWER in file.read_text("utf-8")
    said = capsys.readouterr().out
    assert f"kept/{file.name}" in said and "python -m coursekit reset affine_forward --restore" in said
    assert "Reload from Disk" in said


def test_restore_puts_the_text_back_to_the_byte(course):
    """Also after a second reset of something else, and after an answer to it was begun anew, which is kept as well."""
    mine = edit(course, LAYERS, (STUB, ANSWER))
    run(course, "affine_forward")
    edit(course, LAYERS, (STUB, "out = 'a second try'"))
    assert run(course, "affine_forward", restore=True) == 0
    assert (course / LAYERS).read_bytes() == mine
    assert ["a second try" in path.read_text("utf-8") for path in kept(course)].count(True) == 1


def test_the_rest_of_the_file_is_left_alone(course):
    """Helpers beside the function, other answers, comments."""
    other = 'raise NotImplementedError("relu_forward: two_layer_net")'
    helper = "def my_helper(a):  # mine\n    return a\n\n\ndef relu_forward("
    edit(course, LAYERS, (STUB, ANSWER), (other, "out = np.maximum(0, x)"), ("def relu_forward(", helper))
    before = (course / LAYERS).read_text("utf-8")
    run(course, "affine_forward")
    assert (course / LAYERS).read_text("utf-8") == before.replace(ANSWER, STUB)


def test_no_file_is_ever_overwritten_in_kept(course, monkeypatch):
    """Not even within one second."""
    monkeypatch.setattr(reset.time, "strftime", lambda form: "2030-01-01_00-00-00")
    for number in range(12):
        edit(course, LAYERS, (STUB, f"out = {number}"))
        run(course, "affine_forward")
    assert len(kept(course)) == 12
    run(course, "affine_forward", restore=True)
    assert "out = 11\n" in (course / LAYERS).read_text("utf-8")


def test_what_is_in_its_first_form_is_not_touched(course, capsys):
    before = (course / LAYERS).stat().st_mtime_ns
    assert run(course, "affine_forward") == 0
    assert "in its first form already" in capsys.readouterr().out
    assert (course / LAYERS).stat().st_mtime_ns == before and not kept(course)


HEAD = "def affine_forward(x, w, b):"
DAMAGES = {
    "a syntax error in it": [(STUB, "out = (x @ w")],
    "a missing colon": [(HEAD, HEAD[:-1])],
    "text that never ends": [(STUB, 'out = """')],
    "wrong indentation": [("    " + STUB, "  out = 1\n      out = 2")],
    "a decorator": [(HEAD, "@staticmethod\n@str\n" + HEAD), (STUB, ANSWER)],
    "defined twice": [
        (STUB, "out = 1  # one"),
        ("    return out, cache\n", "    return out, cache\n\n\n" + HEAD + "\n    return 2  # two\n"),
    ],
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_function_goes_back(course, edition, damage):
    """The file is as handed out again, and what stood there can be put back."""
    mine = edit(course, LAYERS, *DAMAGES[damage])
    assert run(course, "affine_forward") == 0
    assert (course / LAYERS).read_bytes() == first(edition, LAYERS)
    assert run(course, "affine_forward", restore=True) == 0
    if damage != "text that never ends":  # the blank lines between two definitions are ours then
        assert sorted((course / LAYERS).read_bytes().split()) == sorted(mine.split())


CONFLICTS = {
    "above it": ("<<<<<<< HEAD\nx = 1\n=======\nx = 2\n>>>>>>> theirs\n{}", 1),
    "in it": ("{0}<<<<<<< HEAD\n    out = 1\n=======\n    out = 2\n>>>>>>> theirs\n    return out\n", 1),
    "at its end": ("{0}<<<<<<< HEAD\n    return 1\n=======\n    return 2\n>>>>>>> theirs\n", 1),
    "around it": ("<<<<<<< HEAD\n{0}    return 1\n=======\n{0}    return 2\n>>>>>>> theirs\n", 2),
}


@pytest.mark.parametrize("where", CONFLICTS)
@pytest.mark.parametrize("owner", ["", "Net"])
def test_a_function_is_found_beside_a_merge_conflict(where, owner):
    """In a class too: Git's marks, at the margin, do not end it. Only marks that are all in the function go with it."""
    form, times = CONFLICTS[where]
    text = form.format("def f(x):\n    y = x\n")
    if owner:
        body = "".join(line if line[0] in "<=>" else f"    {line}" for line in text.splitlines(keepends=True))
        text = f"class {owner}:\n    a = 1\n\n{body}"
    source = f"{text}\n{'    ' if owner else ''}def g(x):\n    {'    ' if owner else ''}return 1\n"
    found = blocks.find(source, f"cs231n.trial:{owner and 'Net.'}f")
    assert len(found) == times
    left = source
    for block in found:
        left = left.replace(blocks.text_of(source, block), "")
    assert "def f" not in left and "y = x" not in left and "return out" not in left
    assert left.count(">>>>>>>") == (0 if where in ("in it", "at its end") else 1)


def test_a_merge_conflict_that_is_left_is_named(course, capsys):
    edit(course, LAYERS, (HEAD, "<<<<<<< HEAD\n" + HEAD), (STUB, f"{ANSWER}\n=======\n    pass\n>>>>>>> theirs"))
    assert run(course, "affine_forward") == 0
    edit(course, LAYERS, ("<<<<<<< HEAD\n", "<<<<<<< HEAD\n\n=======\n>>>>>>> theirs\n"), (STUB, ANSWER))
    assert run(course, "affine_forward") == 0
    assert "unresolved merge conflict" in capsys.readouterr().out


@pytest.mark.skipif(os.name == "nt", reason="links need a permission on Windows")
@pytest.mark.parametrize("name, yes", [("affine_forward", False), (LAYERS, True)])
def test_a_link_stays_a_link(course, edition, tmp_path_factory, name, yes):
    """Its file, which may be on another disk, is reset; JupyterLab writes into that too. A dead link is replaced."""
    edit(course, LAYERS, (STUB, ANSWER))
    mine = tmp_path_factory.mktemp("mine") / "layers.py"
    (course / LAYERS).rename(mine)
    (course / LAYERS).symlink_to(mine)
    assert run(course, name, yes=yes) == 0
    assert (course / LAYERS).is_symlink() and mine.read_bytes() == first(edition, LAYERS)
    mine.unlink()
    assert run(course, LAYERS, yes=True) == 0
    assert (course / LAYERS).read_bytes() == first(edition, LAYERS) and not mine.exists()


def test_a_syntax_error_elsewhere_is_named_and_left(course, capsys):
    other = 'raise NotImplementedError("relu_forward: two_layer_net")'
    edit(course, LAYERS, (STUB, ANSWER), (other, "out = ("))
    assert run(course, "affine_forward") == 0
    text = (course / LAYERS).read_text("utf-8")
    assert STUB in text and ANSWER not in text and "out = (\n" in text
    assert "cs231n/layers.py is still not valid Python, line" in capsys.readouterr().out


def test_a_function_that_was_renamed_or_deleted_comes_back_in_its_place(course, edition, capsys):
    """A renamed one is the learner's own, and stays."""
    edit(course, LAYERS, (HEAD, HEAD.replace("affine_forward", "mine")), (STUB, ANSWER))
    assert run(course, "affine_forward") == 0
    text = (course / LAYERS).read_text("utf-8")
    assert ANSWER in text and STUB in text and not kept(course)
    assert is_as_handed_out(find("affine_forward"), course)
    assert "was missing in cs231n/layers.py" in capsys.readouterr().out
    compile(text, LAYERS, "exec")


def test_functions_all_over_the_course_come_back_after_they_were_deleted(course, edition):
    """The module is valid, and the function stands in it once, in its first form; of every fifteenth question."""
    for question in list(all_questions().values())[::15]:
        for target in question.implements:
            name = first_forms.file_of(target)
            data = first(edition, name)
            [(begin, end)] = first_forms.places(data, target)
            lines = data.decode().splitlines(keepends=True)
            others = "".join(lines[: begin - 1] + lines[end:])
            if not _compiles(others):
                continue  # the only statement of its class
            (course / name).write_text(others, "utf-8")
            assert run(course, question.id) == 0, target
            assert is_as_handed_out(question, course), target
            assert _compiles((course / name).read_text("utf-8")), target
            (course / name).write_bytes(data)


def _compiles(source):
    try:
        compile(source, "x", "exec")
    except SyntaxError:
        return False
    return True


def test_a_moved_function_goes_back_where_it_stands(course):
    text = (course / LAYERS).read_text("utf-8")
    [(begin, end)] = first_forms.places(text, "cs231n.layers:affine_forward")
    lines = text.splitlines(keepends=True)
    moved = "".join(lines[: begin - 1] + lines[end:] + ["\n\n"] + lines[begin - 1 : end])
    (course / LAYERS).write_text(moved.replace(STUB, ANSWER), "utf-8")
    run(course, "affine_forward")
    assert (course / LAYERS).read_text("utf-8") == moved


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "with a mark"])
def test_line_ends_of_windows_and_the_mark_of_its_editors_stay(course, edition, mark):
    windows = mark + first(edition, LAYERS).replace(b"\n", b"\r\n")
    mine = windows.replace(STUB.encode(), ANSWER.encode())
    (course / LAYERS).write_bytes(mine)
    run(course, "affine_forward")
    assert (course / LAYERS).read_bytes() == windows
    run(course, "affine_forward", restore=True)
    assert (course / LAYERS).read_bytes() == mine


def test_a_file_with_tabs_stays_valid(course):
    """A method takes the indentation of the class it stands in, so that Python can still read the class."""
    text = (course / CNN).read_text("utf-8").replace("    ", "\t")
    (course / CNN).write_text(text.replace('raise NotImplementedError("conv_net_loss', 'print("mine'), "utf-8")
    assert run(course, "conv_net_loss") == 0
    compile((course / CNN).read_text("utf-8"), CNN, "exec")
    assert 'raise NotImplementedError("conv_net_loss' in (course / CNN).read_text("utf-8")


def test_questions_in_the_same_function_are_named(course, capsys):
    edit(course, CNN, ('raise NotImplementedError("conv_net_loss', 'print("mine'))
    run(course, "conv_net_gradients")
    assert "conv_net_loss is answered in the same function: reset too." in capsys.readouterr().out


@pytest.mark.parametrize("delete, says", [(LAYERS, "reset cs231n/layers.py"), (CNN, "whole file: cs231n/classifiers")])
def test_what_cannot_be_reset_alone_says_what_can(course, capsys, delete, says):
    question = "affine_forward" if delete == LAYERS else "conv_net_loss"
    if delete == LAYERS:
        (course / delete).unlink()
    else:
        (course / delete).write_text("x = 1\n")
    assert run(course, question) == 2
    said = capsys.readouterr().out
    assert "nothing was changed" in said and says in said


# ---- notebooks


def notebook(course):
    return json.loads((course / KNN).read_text("utf-8"))


def change_cells(course, change):
    content = notebook(course)
    change(content["cells"])
    (course / KNN).write_text(json.dumps(content), "utf-8")


def cell(course, id_):
    return next(cell for cell in notebook(course)["cells"] if cell["id"] == id_)


def answer(cells):
    for one in cells:
        if one["id"] == "knn_cross_validation":
            one.update(source=["best_k = 3\n", "print(best_k)"], execution_count=7, outputs=[{"output_type": "stream"}])
        if one["id"] == "answer_distance_matrix":
            one["source"] = "**Your answer:**\n\nBecause it is far. ü"


@pytest.mark.parametrize(
    "name, id_, text",
    [
        ("knn_cross_validation", "knn_cross_validation", "best_k = 3\nprint(best_k)"),
        ("knn/distance_matrix", "answer_distance_matrix", "**Your answer:**\n\nBecause it is far. ü"),
    ],
)
def test_a_cell_goes_back_and_can_be_restored(course, edition, name, id_, text):
    """Its outputs go, since nothing has computed them; all other cells stay."""
    change_cells(course, answer)
    others = [one for one in notebook(course)["cells"] if one["id"] != id_]
    assert run(course, name) == 0
    assert cell(course, id_) == cell(edition, id_)
    assert [one for one in notebook(course)["cells"] if one["id"] != id_] == others
    assert [path.read_text("utf-8") for path in kept(course)] == [text]
    assert run(course, name, restore=True) == 0
    assert "".join(cell(course, id_)["source"]) == text


def test_a_deleted_cell_comes_back_in_its_place(course, edition, capsys):
    change_cells(course, lambda cells: cells.remove(next(one for one in cells if one["id"] == "knn_cross_validation")))
    assert run(course, "knn_cross_validation") == 0
    assert notebook(course) == notebook(edition)
    assert "was missing in knn.ipynb" in capsys.readouterr().out


def test_a_cell_of_another_kind_under_its_name_is_replaced(course, edition):
    """As after cells were copied by hand: an answer in words does not become code."""

    def change(cells):
        one = next(one for one in cells if one["id"] == "answer_distance_matrix")
        one.update(cell_type="code", source=["x = 1"], outputs=[], execution_count=None)

    change_cells(course, change)
    assert run(course, "knn/distance_matrix") == 0
    assert notebook(course) == notebook(edition)
    assert [path.read_text("utf-8") for path in kept(course)] == ["x = 1"]


@pytest.mark.parametrize("data", [b"{", b'{"cells": 3}', b"<<<<<<< HEAD\n{}\n=======\n{}\n>>>>>>> a\n"])
def test_a_damaged_notebook_is_named_and_comes_back_whole(course, edition, capsys, data):
    (course / KNN).write_bytes(data)
    assert run(course, "knn_cross_validation") == 2
    assert "python -m coursekit reset knn` brings back the whole notebook" in capsys.readouterr().out
    assert run(course, "knn", yes=True) == 0
    assert (course / KNN).read_bytes() == first(edition, KNN)
    assert [path.read_bytes() for path in kept(course)] == [data]
    assert run(course, "knn", restore=True) == 0
    assert (course / KNN).read_bytes() == data


# ---- whole files


def test_a_whole_file_is_only_reset_with_consent(course, edition, capsys, monkeypatch):
    mine = edit(course, LAYERS, (STUB, ANSWER))
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    assert run(course, LAYERS) == 2
    assert "add --yes" in capsys.readouterr().out
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    for word, status, left in (("no", 2, mine), ("", 2, mine), ("yes", 0, first(edition, LAYERS))):
        monkeypatch.setattr("builtins.input", lambda _, word=word: word)
        assert run(course, LAYERS) == status
        assert (course / LAYERS).read_bytes() == left
    assert run(course, LAYERS, restore=True) == 0
    assert (course / LAYERS).read_bytes() == mine


def test_a_missing_file_comes_back(course, edition):
    (course / LAYERS).unlink()
    assert run(course, LAYERS, yes=True) == 0
    assert (course / LAYERS).read_bytes() == first(edition, LAYERS)


# ---- what is named


@pytest.mark.parametrize("folder", ["", "cs231n", "cs231n/classifiers"])
def test_a_file_may_be_named_by_any_path_to_it(course, edition, monkeypatch, folder):
    """From the course's folder, from where the learner is, in full, and with dots in it."""
    monkeypatch.chdir(course / folder)
    for name in (LAYERS, os.path.relpath(course / LAYERS), str(course / LAYERS), "cs231n/../" + LAYERS):
        edit(course, LAYERS, (STUB, ANSWER))
        assert run(course, name, yes=True) == 0
        assert (course / LAYERS).read_bytes() == first(edition, LAYERS), name
    change_cells(course, answer)
    assert run(course, "knn.ipynb", yes=True) == 0
    assert (course / KNN).read_bytes() == first(edition, KNN)


@pytest.mark.parametrize(
    "name, says",
    [
        ("afine_forward", "Did you mean affine_forward"),
        ("cs231n/_errors.py", "none of the files in which you write"),
        ("distance_matrix", "knn/distance_matrix"),
        ("knn/nosuch", "no written answer 'nosuch'"),
        ("../../etc/passwd.py", "none of the files in which you write"),
    ],
)
def test_a_name_that_means_nothing_here_gets_help(course, capsys, name, says):
    assert run(course, name) == 2
    assert says in capsys.readouterr().out


def test_restore_without_a_reset_says_so(course, capsys):
    assert run(course, "affine_forward", restore=True) == 2
    assert "kept/ has nothing of affine_forward" in capsys.readouterr().out


def test_names_of_notebooks_and_questions_differ():
    """Or a name could mean both."""
    assert not set(NOTEBOOKS) & set(all_questions())


def test_where_nothing_was_handed_out_there_is_nothing_to_reset_to():
    """In the solved tree, which is left as it is."""
    before = (ROOT / LAYERS).read_bytes()
    command = [sys.executable, "-m", "coursekit", "reset", "affine_forward"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and "this is the solved tree" in done.stdout
    assert (ROOT / LAYERS).read_bytes() == before


def test_a_reset_that_cannot_keep_the_text_changes_nothing(course, capsys):
    """Here the folder cannot be made: a file of its name is in the way."""
    mine = edit(course, LAYERS, (STUB, ANSWER))
    (course / reset.FOLDER).write_text("")
    assert run(course, "affine_forward") == 2
    assert (course / LAYERS).read_bytes() == mine
    assert "nothing was changed" in capsys.readouterr().out
