"""Fair grades: a mistake costs what depends on it and no more; what a question forbids earns nothing."""

import contextlib
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from coursekit.core.course import Course
from coursekit.core.question import Finding, Status, Verdict
from coursekit.grading import commands, effort, judgement, module_trial
from coursekit.grading.evaluate import Grading, grade_work, new_record
from coursekit.grading.intake.confined import LEAST, Allowance
from coursekit.grading.intake.reading import MOST_REMARKS, Reading, Work, add_files, read_files
from coursekit.grading.intake.repair import problem_with, repaired
from coursekit.grading.intake.sources import Source
from coursekit.grading.record import CellRecord, CellStatus
from coursekit.grading.reports.class_page import TAMPERING
from coursekit.grading.reports.learner_page import write_learner_page
from coursekit.grading.running import notebook_run, workspace
from coursekit.grading.running.notebook_run import NotebookRun
from coursekit.grading.settings import Settings
from coursekit.judging.misplaced import code_of_notebook, in_this_notebook, misplaced
from coursekit.judging.runner import Ending, FinishedProcess
from coursekit.learner import submission
from coursekit.paths import ROOT
from coursekit.questions import _linear, all_questions, find

SETTINGS = Settings("assignment1", seed=5, notebooks="skip")
LAYERS, OPTIM, SOFTMAX = "cs231n/layers.py", "cs231n/optim.py", "cs231n/classifiers/softmax.py"
KNN, LINEAR = "cs231n/classifiers/k_nearest_neighbor.py", "cs231n/classifiers/linear_classifier.py"
AFFINE, FIRST = "out = rows @ w + b", "import numpy as np\n"
FEW = ("knn_two_loops", "softmax_loss_naive", "affine_forward", "relu_forward", "two_layer_net_loss")


def solved(assignment="assignment1"):
    return {name: (ROOT / name).read_bytes() for name in submission.modules(assignment)}


def changed(changes, assignment="assignment1"):
    """The solved files with changes: for each file a text, and what stands in its place."""
    files = solved(assignment)
    for name, (old, new) in changes.items():
        text = files[name].decode()
        assert old in text
        files[name] = text.replace(old, new, 1).encode()
    return files


def graded(files, questions=FEW, **options):
    """The record of some files, and what each question earned of its points."""
    settings = replace(SETTINGS, questions=tuple(questions), **options)
    record = new_record(Source("ada", "ada", Path("ada.zip")), settings)
    reading = Reading()
    add_files(reading, [json.loads(line) for line in read_files(files, settings.assignment)], settings.assignment)
    record.remarks += reading.remarks
    grade_work(reading.work, settings, record)
    return record, {q.id: q for q in record.questions}


def lost(entries):
    return {id_ for id_, entry in entries.items() if entry.earned < entry.points}


# ---- a module that Python cannot read


EDITION = workspace.provided_contents()[LAYERS].decode()


def line_of(text):
    """The number of a line of the solved layers."""
    return (ROOT / LAYERS).read_text().splitlines().index(text) + 1


RELU = line_of("def relu_forward(x):")


@pytest.mark.parametrize(
    "old, new, words",
    [
        (
            "def relu_forward(x):",
            "def relu_forward(x)",
            [f"Line {RELU}: relu_forward is not valid Python (expected ':')"],
        ),
        (AFFINE, "out = = rows", ["affine_forward is not valid Python (invalid syntax)"]),
        (AFFINE, "out = (rows @ w + b", ["affine_forward is not valid Python ('(' was never closed)"]),
        (AFFINE, '""" rows @ w + b', ["affine_forward is not valid Python (unterminated triple-quoted string"]),
        (AFFINE, "return rows\nreps = 3\n        out = 3", ["affine_forward is not valid Python (unexpected indent)"]),
        (FIRST, FIRST + "%matplotlib inline\n!pip install x\n", ["`%matplotlib inline`, is a command", "`!pip"]),
        (FIRST, FIRST + "print 'hello'\nx = [1,\n", ["`print 'hello'`, is not valid Python", "`x = [1,`"]),
        (FIRST, FIRST + "return 3\n", ["`return 3`, is not valid Python; it was left out"]),
        (FIRST, "  " + FIRST, ["`import numpy as np`, is indented"]),
        (FIRST, FIRST + "try:\n    x = 1\nexcept Exception, e:\n    x = 2\n", ["`except Exception, e:`, is not valid"]),
        (FIRST, FIRST + "\u00a0\n", ["an invisible character"]),
        (AFFINE, AFFINE.replace(" @", "\u00a0@\u200b"), [": an invisible character"]),
    ],
)
def test_what_is_not_python_is_repaired(old, new, words):
    """The rest is as submitted, and lines keep their numbers."""
    text = (ROOT / LAYERS).read_text().replace(old, new, 1)
    whole, remarks = repaired(text, EDITION)
    assert problem_with(whole) is None and len(remarks) == len(words)
    assert all(word in remark for word, remark in zip(words, remarks, strict=True))
    assert whole.count("\n") == text.count("\n")
    different = [a for a, b in zip(text.split("\n"), whole.split("\n"), strict=True) if a != b]
    assert len(different) < 40


RELU_LINE, ONE_LOOP = "def relu_forward(x):", "    def compute_distances_one_loop("


@pytest.mark.parametrize(
    "file, old, new",
    [
        (LAYERS, RELU_LINE, " " + RELU_LINE),
        (LAYERS, RELU_LINE, "   " + RELU_LINE),
        (LAYERS, RELU_LINE, " def own(x):\n    return x\n\n\n" + RELU_LINE),
        (KNN, ONE_LOOP, " " + ONE_LOOP),
        (KNN, ONE_LOOP, ONE_LOOP[1:]),
        (KNN, "class KNearestNeighbor:", " class KNearestNeighbor:"),
        (KNN, ONE_LOOP, "     @len\n     def own(_):\n        pass\n\n" + ONE_LOOP),
    ],
)
def test_a_first_line_that_is_a_few_spaces_off(file, old, new):
    """It costs nothing: neither the function above nor its own."""
    text = (ROOT / file).read_text()
    assert text.count(old) == 1
    whole, remarks = repaired(text.replace(old, new), workspace.provided_contents()[file].decode())
    assert problem_with(whole) is None
    if "own" not in new:
        assert whole == text
    [remark] = remarks
    assert "it was put in its place" in remark


@pytest.mark.parametrize("encoding", ["utf8mb4", "gbk", "utf-7", "latin-1"])
def test_a_declared_encoding_does_not_count(encoding):
    """What is written for the sandbox is UTF-8, whatever the learner's file was."""
    text = (ROOT / LAYERS).read_text()
    _, entries = graded(solved() | {LAYERS: f"# -*- coding: {encoding} -*-\n{text}".encode()}, FEW[2:4])
    assert not lost(entries)


@pytest.mark.parametrize("statement", ["import sys; name = sys.argv[1]", "import sys; sys.stdout.close()"])
def test_statements_that_mind_how_they_are_run(statement):
    _, entries = graded(changed({LAYERS: (FIRST, FIRST + statement + "\n")}), FEW[2:4])
    assert not lost(entries)


def test_a_class_whose_first_line_is_broken():
    name = "cs231n/classifiers/k_nearest_neighbor.py"
    text = (ROOT / name).read_text().replace("class KNearestNeighbor:", "class KNearestNeighbor", 1)
    whole, remarks = repaired(text, workspace.provided_contents()[name].decode())
    assert problem_with(whole) is None and len(remarks) == 1
    assert "def compute_distances_no_loops" in whole


def test_a_module_that_is_python_stays_as_it_is():
    text = (ROOT / LAYERS).read_text()
    assert repaired(text, EDITION) == (text, [])


def test_a_text_that_is_no_python_at_all_stays_as_it_is():
    text = "Dear teacher,\n  I could not do it.\n" * 40
    assert repaired(text, EDITION) == (text, [])


def test_a_missing_colon_costs_its_function():
    record, entries = graded(changed({LAYERS: ("def relu_forward(x):", "def relu_forward(x)")}))
    assert lost(entries) == {"relu_forward"}
    assert entries["relu_forward"].status == "crashed"
    assert "SyntaxError: expected ':'" in entries["relu_forward"].text
    assert f"cs231n/layers.py, line {RELU}" in entries["relu_forward"].text
    assert entries["two_layer_net_loss"].follow_through.status == "ok"
    assert any(f"cs231n/layers.py: Line {RELU}" in remark for remark in record.remarks)


# ---- a module that cannot be imported


@pytest.mark.parametrize(
    "added, reason",
    [
        ("from past.builtins import xrange", "was replaced by `xrange = range`"),
        ("import no_such_package", "ModuleNotFoundError: No module named 'no_such_package'"),
        ("import torch", "ModuleNotFoundError: No module named 'torch'"),
        ("assert 1 == 2, 'mine'", "AssertionError: mine"),
        ("answer = input()", "EOFError"),
        ("import os; os.makedirs('tmp_out')", "OSError"),
        ("import os; os._exit(0)", "it ended the process"),
        ("raise SystemExit", "SystemExit"),
        ("softmax_loss_naive(1, 2, 3, 4)", "NameError: name 'softmax_loss_naive' is not defined"),
        ("@no_such_decorator\ndef mine(): pass", "NameError: name 'no_such_decorator'"),
        ("print('x' * 1000)", ""),
        ("%load_ext autoreload", "is a command for IPython"),
    ],
)
def test_a_line_that_fails_costs_nothing(added, reason):
    """Neither the module it is in nor those that import it; the instructor reads what was done."""
    files = changed({SOFTMAX: (FIRST, f"{FIRST}{added}\n")})
    record, entries = graded(files, ("knn_two_loops", "softmax_loss_naive"))
    assert lost(entries) == set()
    assert [SOFTMAX in remark and reason in remark for remark in record.remarks] == [True] * bool(reason)


def test_an_endless_loop_in_a_module(monkeypatch):
    monkeypatch.setattr("coursekit.grading.module_trial.SECONDS", 2.0)
    record, entries = graded(changed({SOFTMAX: (FIRST, FIRST + "while True: pass\n")}), ("softmax_loss_naive",))
    assert lost(entries) == set() and "it did not end" in record.remarks[0]


def test_who_uses_what_was_left_out_loses_it_and_reads_why():
    files = changed({LAYERS: (FIRST, FIRST + "from no_such_package import helper, other\n")})
    files[LAYERS] = files[LAYERS].replace(AFFINE.encode(), b"out = helper(rows @ w + b)")
    _, entries = graded(files)
    assert lost(entries) == {"affine_forward"}
    assert entries["two_layer_net_loss"].follow_through.status == "ok"
    line = line_of(FIRST.strip()) + 1
    told = f"line {line} of cs231n/layers.py, `from no_such_package import helper, other`, failed and was left out"
    assert told in " ".join(entries["affine_forward"].text.split())


def test_names_that_can_be_imported_stay():
    """Of an import of two names, only the one that fails is left out."""
    added = "from math import sqrt, no_such_function\nROOT_OF_2 = sqrt(2)\n"
    record, entries = graded(changed({SOFTMAX: (FIRST, FIRST + added)}), ("softmax_loss_naive",))
    assert lost(entries) == set() and len(record.remarks) == 1


# ---- what a learner may read


FRESH = find("affine_forward").draw_inputs(0, SETTINGS.seed)
LEAKS = {
    "an error": "raise RuntimeError(repr(x.ravel()))",
    "the name of an error": "raise type(repr(x.ravel()[:2]), (Exception,), {})()",
    "not attempted": "raise NotImplementedError(repr(x.ravel()))",
    "the last line": "import os; os.write(2, repr(x.ravel()).replace('\\n', '').encode()); os._exit(1)",
    "a warning": "import warnings; warnings.warn(repr(x.ravel())); out = rows @ w",
    "a print": "print(x.ravel()); out = rows @ w",
    "a missing name": "raise NameError('name ' + repr(repr(x.ravel()[:3])) + ' is not defined')",
    "remembered": "import builtins; s = getattr(builtins, 's', x); builtins.s = s; raise RuntimeError(repr(s))",
}


@pytest.mark.parametrize("body", LEAKS.values(), ids=LEAKS)
def test_no_hidden_input_reaches_the_learner(body, tmp_path):
    """Whatever the code does with it, whether it is wrong on all inputs or on the fresh ones alone."""
    public = [find("affine_forward").draw_inputs(i)["x"].sum() for i in range(len(find("affine_forward").cases))]
    only_fresh = f"""out = rows @ w + b
    if min(abs(x.sum() - s) for s in {[float(s) for s in public]}) > 1e-3:
        {body}"""
    for code in (body, only_fresh):
        record, entries = graded(changed({LAYERS: (AFFINE, code)}), ("affine_forward",))
        assert entries["affine_forward"].earned == 0
        record.state = "graded"
        shown = "".join(page.read_text() for page in write_learner_page(record, tmp_path))
        numbers = {f"{value:.4f}" for value in np.abs(FRESH["x"]).ravel()}
        assert not any(number in shown for number in numbers), entries["affine_forward"].text


def test_the_instructor_sees_all():
    _, entries = graded(changed({LAYERS: (AFFINE, LEAKS["an error"])}), ("affine_forward",))
    assert f"{FRESH['x'].ravel()[0]:.4f}" in entries["affine_forward"].full_text


def test_numbers_in_a_mistake_are_withheld():
    finding = Finding("relative error < 1e-8", False, ("got 1.2345",), "1.2345 times too large", case="a", output="out")
    verdict = Verdict(find("affine_forward"), Status.WRONG, (finding,), mistake="1.2345 times too large")
    assert "1.2345" not in judgement._text_of(judgement._without_values(verdict))


class TestSeed:
    def settings(self, tmp_path, *options):
        rules = Course()
        args = commands._parser(rules).parse_args(
            ["submissions", "--assignment", "assignment1", "--out", str(tmp_path), *options]
        )
        return commands._settings(args, [], rules.grading)

    def test_is_drawn_for_each_class(self, tmp_path):
        assert self.settings(tmp_path).seed != self.settings(tmp_path).seed

    def test_is_kept(self, tmp_path):
        commands._remember(tmp_path, submissions="somewhere", seed=77)
        assert self.settings(tmp_path).seed == 77 and self.settings(tmp_path, "--seed", "8").seed == 8

    def test_of_an_earlier_version_or_damaged(self, tmp_path):
        for text in ('{"submissions": "x"}', "[]", "{", '{"seed": "x"}', '{"seed": -1}'):
            (tmp_path / "batch.json").write_text(text)
            assert self.settings(tmp_path).seed >= 0

    def test_is_on_no_page_for_learners(self, tmp_path):
        record, _ = graded(solved(), ("relu_forward",), seed=987654321)
        record.state = "graded"
        assert not any("987654321" in page.read_text() for page in write_learner_page(record, tmp_path))


# ---- edges


@pytest.mark.parametrize("edges, status", [("ignore", "ok"), ("count", "wrong")])
def test_edges_count_where_the_teacher_says_so(edges, status):
    asked, edge = Finding("a", True, case="1"), Finding("b", False, ("gap",), "why", case="2", edge="it matters")
    verdict = Verdict(find("affine_forward"), Status.OK, (asked, edge))
    counted = judgement._with_edges(verdict) if edges == "count" else verdict
    assert counted.status == status
    assert counted.mistake == ("why" if edges == "count" else "")


REGRADE = commands._regrade_parser().parse_args(["grades"])


def test_edges_travel_to_the_record_and_the_page(tmp_path):
    record, _ = graded(solved(), ("relu_forward",), edges="count")
    record.state = "graded"
    assert record.settings.edges == "count" and commands._settings_of(record, REGRADE).edges == "count"
    assert all("count like the others" in page.read_text() for page in write_learner_page(record, tmp_path))


# ---- what a question forbids


IN_FORKS = """

def _in_forks(W, X, y, reg):
    import os, mmap
    if len(X) < 100:
        return svm_loss_naive(W, X, y, reg)
    shared = mmap.mmap(-1, 8 * (W.size + 1) * 4)
    sums = np.frombuffer(shared).reshape(4, -1)
    for part in range(4):
        if os.fork() == 0:
            loss, dW = svm_loss_naive(W, X[part::4], y[part::4], 0.0)
            sums[part] = np.append(dW.ravel(), loss) * len(X[part::4]) / len(X)
            os._exit(0)
    for _ in range(4):
        os.wait()
    total = sums.sum(axis=0)
    return total[-1] + reg * np.sum(W * W), total[:-1].reshape(W.shape) + 2 * reg * W

svm_loss_vectorized = _in_forks
"""
LOOPS = {
    "svm": ("svm_loss_vectorized", "linear_svm", "\n\nsvm_loss_vectorized = svm_loss_naive\n"),
    "softmax": ("softmax_loss_vectorized", "softmax", "\n\nsoftmax_loss_vectorized = softmax_loss_naive\n"),
    "svm in four processes": ("svm_loss_vectorized", "linear_svm", IN_FORKS),
}


@pytest.mark.parametrize("name", LOOPS)
def test_a_loop_is_not_array_code(name, monkeypatch):
    """Not even where the reference happens to be measured at half its speed."""
    monkeypatch.setattr(effort, "reference_pace", scaled(0.5))
    id_, module, added = LOOPS[name]
    file = f"cs231n/classifiers/{module}.py"
    files = solved()
    _, entries = graded({**files, file: files[file] + added.encode()}, (id_,))
    assert (entries[id_].status, entries[id_].earned) == ("wrong", 0)
    assert "no Python loop over the inputs" in entries[id_].text


def scaled(factor, pace=effort.reference_pace):
    def measured(*key):
        start, growth = pace(*key)
        return effort.Pace(start, growth / factor)

    return measured


@pytest.mark.parametrize("id_", ["svm_loss_vectorized", "softmax_loss_vectorized", "knn_one_loop", "knn_no_loops"])
def test_array_code_is_right(id_, monkeypatch):
    """Even where the reference happens to be measured at twice its speed; a large import costs nothing."""
    monkeypatch.setattr(effort, "reference_pace", scaled(2.0))
    _, entries = graded(changed({SOFTMAX: (FIRST, FIRST + "import matplotlib.pyplot\n")}), (id_,))
    assert entries[id_].status == "ok", entries[id_].text


GIVEN = """
from cs231n import fast_layers
from cs231n._fast.convolution import conv_forward_strides

conv_forward_naive = conv_forward_strides
def conv_backward_naive(dout, cache): return fast_layers.conv_backward_fast(dout, cache)
def max_pool_forward_naive(x, pool_param): return fast_layers.max_pool_forward_fast(x, pool_param)
def max_pool_backward_naive(dout, cache): return fast_layers.max_pool_backward_fast(dout, cache)
batchnorm_backward_alt = batchnorm_backward
"""
BY_NUMBERS = """
from cs231n.gradient_check import eval_numerical_gradient_array

def relu_backward(dout, cache):
    return eval_numerical_gradient_array(lambda x: np.maximum(0, x), cache, dout)
"""
ASKED = (
    *("conv_forward_naive", "conv_backward_naive", "max_pool_forward_naive", "max_pool_backward_naive"),
    "batchnorm_backward_alt",
)


def test_what_is_given_answers_no_question_that_asks_to_write_it():
    files = solved("assignment2")
    files[LAYERS] += GIVEN.encode()
    _, entries = graded(files, (*ASKED, "affine_forward", "conv_net_loss"), assignment="assignment2")
    assert lost(entries) == set(ASKED)
    assert "asks you to write such a layer yourself" in " ".join(entries["conv_forward_naive"].text.split())


def test_a_numeric_gradient_is_no_backward_pass():
    files = solved()
    files[LAYERS] += BY_NUMBERS.encode()
    _, entries = graded(files, ("relu_backward", "relu_forward"))
    assert lost(entries) == {"relu_backward"}


@pytest.mark.parametrize("fitted_to, status", [("training", "ok"), ("validation", "wrong")])
def test_a_classifier_that_was_fitted_to_the_validation_images(fitted_to, status):
    """Grading hands over training images as well, on which it fails; the line is shown only then."""
    rng = np.random.RandomState(0)
    data = {name: (rng.randn(200, 300), rng.randint(2, size=200)) for name in ("training", "validation")}
    X, y = data[fitted_to]
    W = np.linalg.lstsq(X, np.eye(2)[y], rcond=None)[0]
    best = float(np.mean(np.argmax(data["validation"][0] @ W, axis=1) == data["validation"][1]))
    values = {
        "results": {(rate, reg): (best, best) for rate in (1e-3, 1e-2) for reg in (0.1, 1.0)},
        "best_val": best,
        "best_W": W,
    }
    values |= dict(zip(("X_val", "y_val"), data["validation"], strict=True))
    bars = {"CIFAR-10": 0.2, "built-in images": 0.2}

    def judge(best_W, **others):
        return _linear.judge_search(W=best_W, bars=bars, name="best", **others)

    question = replace(find("svm_search"), judge=judge)
    question = replace(question, given=lambda: dict(zip(("X_seen", "y_seen"), data["training"], strict=True)))
    found = judgement.judged_values(question, values)
    assert found.status == status
    assert ("learnt from the training images" in found.text) is (status == "wrong")


# ---- work in the wrong place


KNN = "cs231n/classifiers/k_nearest_neighbor.py"


def notebook_with(code):
    notebook = json.loads((ROOT / "assignments/assignment1/knn.ipynb").read_text())
    cell = {"cell_type": "code", "id": "own", "metadata": {}, "execution_count": None, "outputs": [], "source": code}
    return json.dumps(notebook | {"cells": [cell, *notebook["cells"]]}).encode()


def test_work_in_a_notebook_is_named():
    files = {
        KNN: workspace.provided_contents()[KNN],
        "assignments/assignment1/knn.ipynb": notebook_with((ROOT / KNN).read_text()),
    }
    record, entries = graded(files, ("knn_two_loops", "knn_no_loops"))
    sentence = f"assignments/assignment1/knn.ipynb defines KNearestNeighbor, which is graded in {KNN}: move it there"
    assert f"{sentence} (knn_two_loops, knn_no_loops)" in record.remarks
    assert all(sentence in entry.text for entry in entries.values())
    assert TAMPERING.search(sentence), "a person should look"


def test_the_course_itself_has_nothing_in_the_wrong_place():
    sources = {path.name: code_of_notebook(path.read_bytes()) for path in ROOT.glob("assignments/*/*.ipynb")}
    sources |= {path.relative_to(ROOT).as_posix(): path.read_text() for path in ROOT.glob("cs231n/**/*.py")}
    assert misplaced([q for q in all_questions().values() if not q.in_notebook], sources) == {}


@pytest.mark.parametrize(
    "code, found",
    [
        ("class KNearestNeighbor(object):\n    pass", True),
        ("def compute_distances_no_loops(self, X):\n    pass", True),
        ("def compute_distances_no_loops(X):\n    pass", False),
        ("    def compute_distances_no_loops(self, X):\n", False),
        ("KNearestNeighbor()", False),
    ],
)
def test_what_counts_as_an_answer_in_the_wrong_place(code, found):
    assert bool(misplaced([find("knn_no_loops")], {"knn.ipynb": code})) is found


def test_the_check_looks_into_the_notebook():
    from types import ModuleType

    main = ModuleType("__main__")
    exec("def affine_forward(x, w, b): pass\nfrom math import sqrt as relu_forward", vars(main))
    [sentence] = in_this_notebook(find("affine_forward"), main)
    assert sentence == "this notebook defines affine_forward, which is graded in cs231n/layers.py: move it there"
    assert in_this_notebook(find("relu_forward"), main) == []


# ---- notebooks


class FakeRuns:
    """In place of the kernel: a notebook's checks hand over nothing, and a cell may end it."""

    def __init__(self, ends_at=""):
        self.runs, self.ends_at = [], ends_at

    def __call__(self, notebook, name, folder, settings, judge, earlier):
        self.runs.append(name)
        sources = {cell["id"]: cell["source"] for cell in notebook["cells"]}
        questions = [q for q in all_questions().values() if q.notebook == name and q.in_notebook]
        ends = self.ends_at in sources and sources[self.ends_at] != "pass"
        missing = {q.id: (Status.TIMED_OUT if ends else Status.NOT_ATTEMPTED, "why") for q in questions}
        cells = [CellRecord(id_, CellStatus.OK) for id_ in sources]
        return NotebookRun(cells=cells, missing=missing, ended_at=self.ends_at if ends else "")


@pytest.fixture
def fake_runs(monkeypatch):
    runs = FakeRuns()
    monkeypatch.setattr(notebook_run, "run_notebook", runs)
    return runs


def with_notebooks(files):
    return files | {
        name: (ROOT / name).read_bytes() for name in submission.allowed("assignment1") if name.endswith("ipynb")
    }


def test_one_question_runs_only_what_it_needs(fake_runs):
    graded(with_notebooks(solved()), ("affine_forward",), notebooks="run")
    assert fake_runs.runs == []
    graded(with_notebooks(solved()), ("softmax_search",), notebooks="run")
    assert set(fake_runs.runs) == {"softmax"}


def test_a_function_that_never_returns_costs_what_builds_on_it(fake_runs, monkeypatch):
    """The notebook runs with the course's function, so its other cells are reached, and no time is lost."""
    folders = []
    monkeypatch.setattr(Grading, "folder", lambda self, *key: folders.append(key) or Path("/nowhere"))
    grading = Grading(Work({}, {"softmax": {"cells": []}}), replace(SETTINGS, notebooks="run"), contextlib.ExitStack())
    ok = judgement.Graded(Status.OK, "")
    for question in all_questions().values():
        if not question.in_notebook:
            grading._graded[question.id, ()] = ok
    grading._graded["softmax_loss_naive", ()] = judgement.Graded(Status.TIMED_OUT, "", is_endless=True)
    grading.grade(find("softmax_search"))
    assert fake_runs.runs == ["softmax"] and folders == [(("softmax_loss_naive",),)]
    grading._graded["softmax_loss_vectorized", ()] = judgement.Graded(Status.TIMED_OUT, "", is_endless=True)
    del grading._graded["softmax_search", ()]
    found = grading.grade(find("softmax_search"))
    assert found.status == "timed out" and "it builds on softmax_loss_vectorized" in found.text
    assert len(fake_runs.runs) == 1


@pytest.mark.parametrize("cell, runs", [("learner-1", 2), ("softmax_search", 1), ("check_softmax_search", 1), ("", 1)])
def test_a_cell_that_never_ends_is_left_out_for_other_questions(fake_runs, cell, runs):
    fake_runs.ends_at = cell
    cells = [{"id": id_, "cell_type": "code", "source": "x"} for id_ in filter(None, [cell])]
    with contextlib.ExitStack() as stack:
        grading = Grading(Work({}, {"softmax": {"cells": cells}}), replace(SETTINGS, notebooks="run"), stack)
        for question in all_questions().values():
            if not question.in_notebook:
                grading._graded[question.id, ()] = judgement.Graded(Status.OK, "")
        grading.grade(find("softmax_search"))
    assert len(fake_runs.runs) == runs


# ---- a busy machine


@pytest.mark.slow
def test_grades_are_the_same_on_a_busy_machine():
    """What is limited and compared is processor time, which a machine with other work does not change much."""
    import subprocess
    import sys

    files = changed({LAYERS: (AFFINE, "out = rows @ w")})
    questions = [q.id for q in submission.questions("assignment1") if not q.in_notebook]
    idle, _ = graded(files, questions)
    busy = [subprocess.Popen([sys.executable, "-c", "while 1: pass"]) for _ in range(4)]
    try:
        time.sleep(0.5)
        beside, _ = graded(files, questions)
    finally:
        for process in busy:
            process.kill()
            process.wait()
    assert idle.evidence() == beside.evidence()


# ---- costly modules


def run_of(events, used=1.0, ended=Ending.EXIT):
    """What a trial import of optim.py reports."""
    lines = (json.dumps({"file": OPTIM, "first": n, "last": n, "kind": kind}).encode() for kind, n in events)
    return FinishedProcess(b"\n".join(lines), b"", ended, 10.0, used)


def test_no_statement_is_blamed_where_the_report_was_cut():
    """Of 12,000 statements the report names the first 10,000; one of the others may have ended the process."""
    events = [(kind, n) for n in range(1, 12_001) for kind in ("began", "ended")][1:]
    report = run_of([("began", 1), *events])
    found = module_trial.tried({OPTIM: b"x = 1\n" * 12_000}, {}, lambda *_: report)
    assert not found.left_out and found.files == {OPTIM: b"x = 1\n" * 12_000}
    assert found.remarks == ["The modules have too many statements: only the first of those that fail are known."]


@pytest.mark.parametrize("seconds, attempts", [(0.0, 1), (15.0, 2), (1e9, module_trial.ATTEMPTS)])
def test_all_trials_of_a_submission_share_their_time(seconds, attempts):
    count = []

    def run(files, _):
        count.append(len(count) + 1)
        return run_of([("began", len(count))], used=10.0, ended=Ending.TIMEOUT)

    found = module_trial.tried({OPTIM: b"while True: pass\n" * 9}, {}, run, seconds)
    assert len(count) == len(found.left_out) == attempts
    told = "Importing the modules takes too long; no further statement was left out." in found.remarks
    assert told == (attempts < module_trial.ATTEMPTS)


def test_all_files_of_a_submission_share_their_time():
    """Each of the others still gets what a file of the course's size needs."""
    costly = b"class A:\n" + b"  def f(:\n    (\n" * 30_000
    files = solved() | {name: costly for name in (OPTIM, SOFTMAX, KNN, LINEAR)}
    allowance = Allowance(2.0)
    read = {file["name"]: file for file in map(json.loads, read_files(files, "assignment1", allowance))}
    assert [name for name in files if "broken" in read[name]] == [
        n for n in files if n in (OPTIM, SOFTMAX, KNN, LINEAR)
    ]
    assert f"takes more than {LEAST} s to read" in read[LINEAR]["broken"]
    assert 4 < allowance.used < 4 * (LEAST + 2) + 15 and allowance.left < 0


def test_remarks_on_one_file_are_few():
    [file] = map(json.loads, read_files({OPTIM: b"%ab\n" * 5_000 + b"x = = 1\n"}, "assignment1"))
    assert len(file["remarks"]) == MOST_REMARKS + 1 and file["remarks"][-1].endswith(" more remarks.")
