"""Remembered verdicts, the start page, what follows after an ok, and the table of `progress`."""

import base64
import json
import os
import re
import shutil
import xml.etree.ElementTree as ElementTree

import nbformat
import pytest
from nbclient import NotebookClient

from coursekit.core.question import Status, Verdict
from coursekit.learner import checking, memory, progress, start_page
from coursekit.learner.memory import State
from coursekit.paths import ROOT, file_of
from coursekit.questions import NOTEBOOKS, all_questions, find, notebook_file
from coursekit.teacher.release import write_edition

KNN_FILE, KNN = "cs231n/classifiers/k_nearest_neighbor.py", notebook_file("knn")
STUB = 'raise NotImplementedError("knn_two_loops: knn")'
RIGHT = "dists[i, j] = np.sqrt(np.sum((X[i] - self.X_train[j]) ** 2))"


@pytest.fixture(scope="module")
def edition(tmp_path_factory):
    """A learner's edition with two assignments' first notebooks, as it was handed out."""
    folder = tmp_path_factory.mktemp("edition") / "course"
    write_edition(folder)
    for name in NOTEBOOKS:
        if name not in ("knn", "svm"):
            (folder / notebook_file(name)).unlink()
    return folder


@pytest.fixture
def course(edition, tmp_path):
    """A copy of it for one test."""
    shutil.copytree(edition, tmp_path / "course", ignore=shutil.ignore_patterns("answers", "__pycache__"))
    return tmp_path / "course"


def write(course, text, name=KNN_FILE, old=STUB):
    path = course / name
    source = path.read_text("utf-8")
    assert old in source
    path.write_text(source.replace(old, text, 1), "utf-8")


def remember(course, question_id, status=Status.OK):
    question = find(question_id)
    checking.keep(Verdict(question, status), checking.digest(question, course), course)


def state(course, question_id):
    return memory.states(course)[question_id]


# ---- what is remembered


def test_a_verdict_counts_as_long_as_the_code_is_as_it_was(course):
    """Ok until the function changes; ok again when the change is undone; open when the first form is back."""
    assert state(course, "knn_two_loops") is State.NOT_ATTEMPTED
    write(course, RIGHT)
    assert state(course, "knn_two_loops") is State.NOT_CHECKED
    remember(course, "knn_two_loops")
    assert state(course, "knn_two_loops") is State.OK
    write(course, RIGHT + " + 1", old=RIGHT)
    assert state(course, "knn_two_loops") is State.CHANGED
    write(course, RIGHT, old=RIGHT + " + 1")
    assert state(course, "knn_two_loops") is State.OK
    write(course, STUB, old=RIGHT)
    assert state(course, "knn_two_loops") is State.NOT_ATTEMPTED


def test_other_answers_in_the_same_file_do_not_matter(course):
    write(course, RIGHT)
    remember(course, "knn_two_loops")
    write(course, "votes = 1", old='raise NotImplementedError("knn_predict_labels: knn")')
    assert state(course, "knn_two_loops") is State.OK


def test_a_file_that_python_cannot_read_is_not_called_ok(course):
    write(course, RIGHT)
    remember(course, "knn_two_loops")
    with (course / KNN_FILE).open("a") as file:
        file.write("\ndef (")
    assert state(course, "knn_two_loops") is State.CHANGED


@pytest.mark.parametrize(
    "content",
    [
        None,
        "",
        "{",
        "[]",
        "\x00",
        '{"verdicts": 3}',
        '{"verdicts": {"knn_two_loops": ["ok"]}, "last": ""}',
        '{"verdicts": {"knn_two_loops": ["fine", "", 1]}, "last": "x"}',
        '{"verdicts": {"nosuch": ["ok", "", 1]}, "last": "nosuch"}',
        '{"verdicts": {"knn_two_loops": ["ok", 3, "now"]}, "last": []}',
        "[" * 5000,
    ],
)
def test_a_missing_or_damaged_memory_is_no_error(course, content):
    """Nothing is remembered, a page can be written, and the next verdict is kept."""
    if content is not None:
        (course / memory.FILE).write_text(content)
    write(course, RIGHT)
    start_page.write(course)
    assert state(course, "knn_two_loops") is not State.OK
    remember(course, "knn_two_loops")
    assert state(course, "knn_two_loops") is State.OK


def test_a_forged_digest_does_not_make_changed_code_ok(course):
    write(course, RIGHT)
    content = {"format": 1, "last": "", "verdicts": {"knn_two_loops": ["ok", "0" * 64, 1.0]}}
    (course / memory.FILE).write_text(json.dumps(content))
    assert state(course, "knn_two_loops") is State.CHANGED


def change_cell(course, source, printed=""):
    content = json.loads((course / KNN).read_text("utf-8"))
    for cell in content["cells"]:
        if cell["id"] == "knn_cross_validation":
            cell["source"] = source
        if cell["id"] == "check_knn_cross_validation" and printed:
            cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": printed}]
    (course / KNN).write_text(json.dumps(content), "utf-8")


def set_age(course, seconds):
    """Let the notebook have been saved so many seconds after the verdict; before it if negative."""
    made = memory.load(course).verdicts["knn_cross_validation"].time
    os.utime(course / KNN, (made + seconds, made + seconds))


def test_a_notebook_answer_counts_as_long_as_its_cell_is_as_it_was_judged(course):
    """Judged in the kernel before it is saved; saved as judged; saved after another edit."""
    question, source = find("knn_cross_validation"), "best_k = 7"
    checking.keep(Verdict(question, Status.OK), memory.digest_of_cell(source), course)
    change_cell(course, "best_k = 8")
    set_age(course, -5)
    assert state(course, "knn_cross_validation") is State.OK
    set_age(course, 5)
    assert state(course, "knn_cross_validation") is State.CHANGED
    change_cell(course, source)
    set_age(course, 5)
    assert state(course, "knn_cross_validation") is State.OK


def test_without_a_remembered_verdict_the_saved_notebook_speaks(course):
    assert state(course, "knn_cross_validation") is State.NOT_ATTEMPTED
    change_cell(course, "best_k = 7")
    assert state(course, "knn_cross_validation") is State.NOT_CHECKED
    change_cell(course, "best_k = 7", "knn_cross_validation: ok, 4 points\n")
    assert state(course, "knn_cross_validation") is State.OK


# ---- what is next


def test_next_is_what_is_open_in_the_same_notebook_after_it_then_before_it_then_in_the_next(course):
    states = memory.states(course)
    assert list(states) == [q.id for q in all_questions().values() if q.notebook in ("knn", "svm")]
    knn = [id_ for id_ in states if find(id_).notebook == "knn"]
    assert memory.next_open(states, knn[1]).id == knn[1]  # not left before it is ok
    states[knn[1]] = State.OK
    assert memory.next_open(states, knn[1]).id == knn[2]
    states |= dict.fromkeys(knn[2:], State.OK)
    assert memory.next_open(states, knn[1]).id == knn[0]
    states |= dict.fromkeys(knn, State.OK)
    assert memory.next_open(states, knn[1]).id == "svm_loss_naive"
    assert memory.next_open(dict.fromkeys(states, State.OK), knn[1]) is None
    assert memory.next_open(dict.fromkeys(states, State.CHANGED), knn[1]) is None  # not known to be open


def test_after_an_ok_the_next_question_is_named_with_its_place(course):
    """With the line as it is now: it moves while a learner writes."""
    write(course, RIGHT)
    remember(course, "knn_two_loops")
    what, where = checking.what_is_next(find("knn_two_loops"), course)
    assert what == "next: knn_predict_labels (The vote of the k nearest neighbours)"
    number = int(re.fullmatch(rf"  in {re.escape(KNN_FILE)}, line (\d+)", where)[1])
    lines = (course / KNN_FILE).read_text("utf-8").splitlines()
    assert 'NotImplementedError("knn_predict_labels' in lines[number - 1]


def test_after_the_last_question_of_a_notebook_the_next_notebook_is_named(course):
    change_cell(course, "best_k = 7", "knn_cross_validation: ok, 4 points\n")
    source = (course / KNN_FILE).read_text("utf-8").replace("raise NotImplementedError(", "print(")
    (course / KNN_FILE).write_text(source, "utf-8")
    for question in (q for q in all_questions().values() if q.notebook == "knn" and not q.in_notebook):
        remember(course, question.id)
    done, follows, where = checking.what_is_next(find("knn_no_loops"), course)
    assert done == "knn is complete: 14 points."
    assert follows.startswith("next: svm_loss_naive (")
    assert where.startswith("  in assignments/assignment1/svm.ipynb; you write it in ")


def test_in_the_solved_tree_nothing_is_named():
    """There all is solved; so the outputs that are stored in the notebooks stay as they are."""
    assert list(checking.what_is_next(find("affine_forward"), ROOT)) == []


# ---- the page


def test_the_page_shows_what_is_there_and_links_to_it(course):
    """Every link leads to a file, a cell or the line of a TODO; what the edition lacks is not mentioned."""
    page = start_page.write(course).read_text("utf-8")
    assert "**0 of 28 points**, 0 of 10 questions" in page and "two_layer_net" not in page and "assignment2" not in page
    assert page.index("## Next: [knn_two_loops]") < page.index("## assignment1")
    links = re.findall(r"\]\(((?:assignments|cs231n)/[^)#]*)(?:#(cell-id|line)=(\w+))?\)", page)
    assert len(links) > 30
    for file, kind, where in links:
        assert (course / file).is_file()
        if kind == "cell-id":
            assert where in {cell["id"] for cell in json.loads((course / file).read_text("utf-8"))["cells"]}
        if kind == "line":  # JupyterLab counts lines from 0
            assert "NotImplementedError(" in (course / file).read_text("utf-8").splitlines()[int(where)]


def test_the_page_follows_each_check(course):
    start_page.write(course)
    write(course, RIGHT)
    remember(course, "knn_two_loops")
    page = (course / start_page.FILE).read_text("utf-8")
    assert "**2 of 28 points**, 1 of 10 questions" in page and "## Next: [knn_predict_labels]" in page
    assert "| ● ok | [knn_two_loops]" in page and "Begun: knn 1 of 5." in page


def test_what_was_checked_last_is_next_until_it_is_ok(course):
    """A learner who was told that it is wrong, or not attempted, is not led past it."""
    start_page.write(course)
    for status, follows in (
        (Status.NOT_ATTEMPTED, "knn_predict_labels"),
        (Status.WRONG, "knn_predict_labels"),
        (Status.OK, "knn_one_loop"),
    ):
        remember(course, "knn_predict_labels", status)
        [shown] = re.findall(r"## Next: \[(\w+)\]", (course / start_page.FILE).read_text("utf-8"))
        assert shown == follows, status
        if status == Status.NOT_ATTEMPTED:
            write(course, "return y", old='raise NotImplementedError("knn_predict_labels: knn")')


def test_questions_without_points_take_no_time():
    """They are optional: the page agrees with the course's map, and is content when only they are left."""
    optional = [q for q in all_questions().values() if not q.points]
    both = start_page.sum_of([(optional[0], False), (find("affine_forward"), False)])
    assert both.minutes_left == find("affine_forward").minutes
    assert start_page.time_left(start_page.sum_of([(optional[0], False)])) == "optional"
    assert start_page.time_left(start_page.sum_of([(optional[0], True)])) == "done"


def test_no_page_is_made_where_none_was_asked_for(course):
    """`check` in a folder without a start page, such as the solved tree, leaves none behind."""
    remember(course, "knn_two_loops")
    assert not (course / start_page.FILE).exists()


def test_the_figure_fills_up(course):
    """A square for each question and a mark for each notebook; those that are ok are filled."""
    states = memory.states(course)
    knn = [id_ for id_ in states if find(id_).notebook == "knn"]
    for solved, squares, marks in ((0, 0, 0), (2, 2, 0), (5, 5, 1)):
        drawn = ElementTree.fromstring(start_page.figure(states | dict.fromkeys(knn[:solved], State.OK)))
        filled = [part.tag.rpartition("}")[2] for part in drawn if part.get("fill") == start_page._FILLED]
        assert (filled.count("rect"), filled.count("circle")) == (squares, marks)
        assert sum(part.tag.endswith("circle") for part in drawn) == 2
    page = start_page.write(course).read_text("utf-8")
    ElementTree.fromstring(base64.b64decode(re.search(r"svg\+xml;base64,([^)]*)\)", page)[1]))


def test_the_place_of_a_question_is_told_from_a_file_in_any_state(course):
    question, path = find("knn_two_loops"), course / KNN_FILE
    source = path.read_text("utf-8")
    todo = source.splitlines().index(next(line for line in source.splitlines() if STUB in line)) + 1
    head = source.splitlines().index("    def compute_distances_two_loops(self, X):") + 1
    for text, line in (
        (source, todo),
        (source.replace(STUB, RIGHT), head),
        (source.replace(STUB, "x = ("), head),
        ("", 0),
        ("\x00", 0),
    ):
        path.write_text(text, "utf-8")
        assert start_page.place(question, course)[1] in (line, line - 1), text[:20]  # a decorator may stand above
    path.unlink()
    assert start_page.place(question, course) == (KNN_FILE, 0)


# ---- progress


@pytest.fixture
def runs(monkeypatch):
    """The questions that are run, in place of running them; a right answer has no TODO left."""
    run = []

    def verdict(question, root):
        run.append(question.id)
        source = (root / file_of(question.implements[0])).read_text("utf-8")
        return Verdict(question, Status.WRONG if f'Error("{question.id}' in source else Status.OK)

    monkeypatch.setattr(progress, "_verdict", verdict)
    return run


def test_progress_runs_only_what_has_changed(course, runs, capsys):
    """Nothing in a new edition; then what was written, once."""
    assert progress.show(root=course) == 0 and runs == []
    write(course, RIGHT)
    for expected in (["knn_two_loops"], []):
        runs.clear()
        progress.show(root=course)
        assert runs == expected
    assert "  knn " in capsys.readouterr().out


@pytest.mark.parametrize("names", [(), ("knn",), ("assignment1",)])
def test_progress_fits_a_terminal(course, runs, capsys, names):
    write(course, RIGHT)
    assert progress.show(names, course) == 0
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= progress.WIDTH
    assert f"{KNN_FILE}:" in printed
    assert ("2 of 28" in printed) == (names == ()) and "1 of 5" in printed


def test_the_table_of_the_whole_course_fits_a_terminal():
    found = dict.fromkeys(all_questions(), State.NOT_ATTEMPTED)
    lines = [*progress._overview(found, ROOT), *progress._details(found, ROOT)]
    assert max(len(line) for text in lines for line in text.splitlines()) <= progress.WIDTH


def test_progress_helps_with_names(course, capsys):
    assert progress.show(["kn"], course) == 2
    assert "Did you mean knn" in capsys.readouterr().out


# ---- in a real kernel


def test_check_in_a_kernel_names_what_is_next_and_updates_the_page(edition, tmp_path, monkeypatch):
    """The whole way: a TODO that is met, an answer that is written, its check, and the page."""
    shutil.copytree(edition, tmp_path / "course")
    course = tmp_path / "course"
    start_page.write(course)
    monkeypatch.setenv("PYTHONPATH", str(course))
    monkeypatch.setenv("JPY_SESSION_NAME", str(course / KNN))
    sources = (
        "import os, pathlib, numpy as np\nfrom coursekit import check, prepare_notebook\nprepare_notebook()\n"
        "from cs231n.classifiers import KNearestNeighbor\nmodel = KNearestNeighbor(); model.train(np.eye(2), [0, 1])",
        "model.compute_distances_two_loops(np.eye(2))",
        f"path = pathlib.Path({str(course / KNN_FILE)!r})\n"
        f"path.write_text(path.read_text('utf-8').replace({STUB!r}, {RIGHT!r}), 'utf-8')\n"
        "os.utime(path, (path.stat().st_mtime + 5,) * 2)",
        "check('knn_two_loops')",
        "print(best_k)",
        "get_ipython().run_cell('raise NotImplementedError(\"knn_cross_validation: knn\")', cell_id='x');",
        "get_ipython().run_cell('best_k = 3', cell_id='knn_cross_validation')\n"
        "from coursekit.running.notebook import run_source; print(run_source('knn_cross_validation'))",
        "from coursekit.running import bar\nfrom cs231n._watched import watched\nbar.AFTER = bar.EVERY = 0\n"
        "print([n for n in watched(range(3), 'training')])",
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    path = {"metadata": {"path": str((course / KNN).parent)}}
    NotebookClient(notebook, timeout=60, allow_errors=True, resources=path).execute()
    shown = [
        "".join(output.get("text", output.get("evalue", "")) for output in cell.outputs) for cell in notebook.cells
    ]
    assert shown[0] == ""
    assert shown[1].startswith(
        f"This cell needs knn_two_loops (notebook knn), which is not written yet.\n  Write it in {KNN_FILE}, line"
    )
    assert notebook.cells[1].outputs[0].output_type == "error"  # it is still an error for who runs the notebook
    assert f"next: knn_predict_labels (The vote of the k nearest neighbours)\n  in {KNN_FILE}, line" in shown[3]
    assert shown[4].startswith("best_k is made in the cell of knn_cross_validation, further up, which was not run")
    assert shown[5].startswith("knn_cross_validation is not written yet: write your answer at the TODO of this cell")
    assert shown[6] == "best_k = 3\n"
    bar, printed = notebook.cells[7].outputs  # the bar is there while the cell runs, and empty afterwards
    assert bar["data"] == {"text/html": "", "text/plain": ""} and printed.text == "[0, 1, 2]\n"
    assert "| ● ok | [knn_two_loops]" in (course / start_page.FILE).read_text("utf-8")
