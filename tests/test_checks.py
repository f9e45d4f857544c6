"""The check as a learner meets it: files on disk, a fresh process, a verdict in a few readable lines."""

import re
import shutil
import subprocess
import sys

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

from coursekit import hint, inputs, solution
from coursekit.core import mistakes, serialization
from coursekit.core.question import Case, CheckFailed, Finding, Question, Verdict, holds
from coursekit.judging import runner
from coursekit.judging.check import check, check_question
from coursekit.judging.judge import compare, judge, judge_values
from coursekit.judging.rendering import render
from coursekit.judging.runner import run_cases
from coursekit.paths import ROOT
from coursekit.questions import find
from coursekit.teacher.solutions import strip_module

SOLVED = "rows = x.reshape(len(x), len(w))  # (N, d_1, ..., d_k) -> (N, D)\n    out = rows @ w + b"


@pytest.fixture
def tree(tmp_path):
    """A copy of the code, to break."""
    ignore = shutil.ignore_patterns("__pycache__", "zoo", "saved")
    for package in ("cs231n", "coursekit"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=ignore)
    return tmp_path


def with_affine(tree, body):
    """The verdict on `affine_forward` with another body."""
    path = tree / "cs231n" / "layers.py"
    source = (ROOT / "cs231n" / "layers.py").read_text()
    assert SOLVED in source
    path.write_text(source.replace(SOLVED, body))
    return check_question(find("affine_forward"), tree)


def test_ok(tree):
    verdict = check_question(find("affine_forward"), tree)
    assert verdict.ok
    text = render(verdict)
    assert text.splitlines()[0] == "affine_forward" and text.splitlines()[-1] == "affine_forward: ok, 2 points"
    assert all(line.endswith("  ok") for line in text.splitlines()[1:-1])
    assert text.count("  out  relative error < 1e-") == len(text.splitlines()) - 3  # one line is about the cache


def test_not_attempted(tree):
    path = tree / "cs231n" / "layers.py"
    path.write_text(strip_module(path.read_text(), "cs231n/layers.py"))
    verdict = check_question(find("affine_forward"), tree)
    line = next(n for n, text in enumerate(path.read_text().splitlines(), 1) if '"affine_forward: ' in text)
    assert render(verdict, "cs231n/layers.py, saved 3 s ago").splitlines() == [
        "affine_forward: not attempted",
        f"  cs231n/layers.py, line {line}, still raises NotImplementedError",
        "  this function is as it was handed out: have you saved your file?",
        "  tested: cs231n/layers.py, saved 3 s ago",
    ]


def test_builds_on_what_is_not_attempted(tree):
    path = tree / "cs231n" / "layers.py"
    path.write_text(strip_module(path.read_text(), "cs231n/layers.py"))
    verdict = check_question(find("two_layer_net_loss"), tree)
    assert verdict.status == "not attempted"
    assert "builds on affine_forward, which has not been attempted yet" in render(verdict)


@pytest.mark.parametrize(
    "body, lines",
    [
        ("out = x.reshape(len(x), -1) @ w", ["likely mistake: the bias b is not added"]),
        ("out = None", ["expected shape", "got None"]),
        ("out = x.reshape(len(x), -1) @ v", ["NameError", "cs231n/layers.py, line", "@ v"]),
        ("out = (", ["SyntaxError", "cs231n/layers.py"]),
        ("print('look here')\n    out = x.reshape(len(x), -1) @ w", ["your code printed:", "look here"]),
        ("x -= 1; out = (x + 1).reshape(len(x), -1) @ w + b", ["x is modified in place"]),
        (
            "out = np.log(-abs(w[: len(x)])) + b",
            ["is nan, the first value that", "the log of 0", "NumPy warned: invalid value"],
        ),
        ("raise SystemExit", ["SystemExit: exit() and sys.exit() end Python"]),
        ("exit()", ["SystemExit: exit() and sys.exit() end Python"]),
        ("import os; os._exit(3)", ["ended early"]),
        ("out = list(x)", ["got a list"]),
    ],
)
def test_wrong(tree, body, lines):
    verdict = with_affine(tree, body)
    assert verdict.status == "wrong"
    text = render(verdict)
    assert len(text.splitlines()) <= 12
    for line in lines:
        assert line in text


def test_endless_loop_is_stopped(tree, monkeypatch):
    monkeypatch.setattr(runner, "WAITING", 1000)  # however busy the machine is
    path = tree / "cs231n" / "layers.py"
    path.write_text(path.read_text().replace(SOLVED, "while True: pass"))
    question = find("affine_forward")
    results = run_cases(question, {0: question.draw_inputs(0)}, tree, seconds=2)
    assert "stopped after 2 seconds of processor time" in results[0].error.message
    assert "while True: pass" in results[0].error.frames[-1][2]  # the line that was running


def test_waiting_is_stopped_as_well(tree, monkeypatch):
    path = tree / "cs231n" / "layers.py"
    path.write_text(path.read_text().replace(SOLVED, "import time; time.sleep(600)"))
    monkeypatch.setattr(runner, "WAITING", 1)
    question = find("affine_forward")
    results = run_cases(question, {0: question.draw_inputs(0)}, tree, seconds=5)
    assert "does it sleep, or wait for input?" in results[0].error.message


def test_edit_within_the_same_second_is_seen(tree):
    """Same size, same second: a .pyc would be stale."""
    assert with_affine(tree, "out = x.reshape(len(x), -1) @ w + b").ok
    assert with_affine(tree, "out = x.reshape(len(x), -1) @ w - b").status == "wrong"


def test_one_case_that_hangs_does_not_hide_the_others(tree, monkeypatch):
    monkeypatch.setattr(runner, "WAITING", 1000)
    path = tree / "cs231n" / "layers.py"
    path.write_text(
        path.read_text().replace(SOLVED, "out = x.reshape(len(x), -1) @ w + b\n    while len(x) == 1: pass")
    )
    question = find("affine_forward")
    inputs = {i: question.draw_inputs(i) for i in range(len(question.cases))}
    results = run_cases(question, inputs, tree, seconds=3)
    kinds = [result.error and result.error.kind for result in results.values()]
    assert kinds[0] is None and "TimeoutError" in kinds


def test_a_worker_loads_the_questions_of_one_notebook():
    """All of them would take most of its time."""
    code = """
import sys
from coursekit.questions import question_in
assert question_in("knn", "knn_one_loop").id == "knn_one_loop"
print(*sorted(name for name in sys.modules if name.startswith("coursekit.questions.") and "._" not in name))
"""
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert printed.split() == ["coursekit.questions.assignment1", "coursekit.questions.assignment1.knn"]


class TestInANotebook:
    def test_ok_is_printed(self, capsys):
        check("affine_forward")
        assert capsys.readouterr().out.endswith("affine_forward: ok, 2 points\n")

    def test_verbose_adds_the_measured_errors(self, capsys):
        check("affine_forward", verbose=True)
        text = capsys.readouterr().out
        assert "affine_forward: ok, 2 points\nmeasured:\n  " in text and "  out: relative error " in text

    def test_wrong_is_a_few_lines_without_a_traceback(self):
        notebook = nbformat.v4.new_notebook()
        code = "from coursekit.core.question import CheckFailed\nraise CheckFailed('q: wrong\\n  why')"
        notebook.cells = [nbformat.v4.new_code_cell(code)]
        NotebookClient(notebook, allow_errors=True, resources={"metadata": {"path": str(ROOT)}}).execute()
        [output] = notebook.cells[0].outputs
        assert output.output_type == "error"
        assert output.traceback == ["q: wrong", "  why"]

    def test_wrong_name_is_mended(self):
        with pytest.raises(ValueError, match="Did you mean affine_forward"):
            check("afine_forward")

    @pytest.mark.parametrize(
        "call, words",
        [
            (lambda: check("afine_forward"), "Did you mean affine_forward"),
            (lambda: hint("afine_forward"), "Did you mean affine_forward"),
            (lambda: inputs("afine_forward"), "Did you mean affine_forward"),
            (lambda: solution("afine_forward"), "Did you mean affine_forward"),
            (lambda: hint("affine_forward", 7), "has the hints 1 to 2"),
            (lambda: inputs("affine_forward", "big"), "has no case 'big'"),
            (lambda: inputs("svm_search"), "your own variables"),
            (lambda: check("svm_search"), 'Call check("svm_search", results=results, best_val=best_val,'),
            (lambda: check("affine_forward", x=1), "tests the saved file"),
        ],
    )
    def test_a_wrong_call_is_told_without_a_traceback(self, call, words):
        with pytest.raises(CheckFailed, match=re.escape(words)) as caught:
            call()
        assert caught.value._render_traceback_() == str(caught.value).splitlines()

    def test_values_are_for_notebook_questions(self):
        with pytest.raises(TypeError, match="tests the saved file"):
            check("affine_forward", x=1)

    def test_check_failed_is_raised(self, monkeypatch):
        monkeypatch.setattr("coursekit.judging.check.check_question", lambda q: judge_values(toy_question(), {"v": 2}))
        with pytest.raises(CheckFailed, match="likely mistake: one too many"):
            check("affine_forward")


def toy_question():
    def judge(v):
        return [holds("v", v == 1, f"expected 1, got {v}", mistake="one too many")]

    return Question("toy", "Toy", "knn", 1, 1, values=("v",), judge=judge)


class TestNotebookQuestions:
    def test_three_verdicts(self):
        assert judge_values(toy_question(), {"v": 1}).status == "ok"
        assert judge_values(toy_question(), {"v": 2}).status == "wrong"
        assert judge_values(toy_question(), {"v": None}).status == "not attempted"

    def test_missing_value_is_named(self):
        with pytest.raises(TypeError, match="v=v"):
            judge_values(toy_question(), {})


def finding(expected, got):
    return compare(Case("case", inputs=lambda rng: {}, run=dict), "dw", got, np.asarray(expected))


def reason(expected, got, sizes=None, others=(), warnings=(), **inputs):
    """The sentence of the general rules on an output named dw."""
    expected, got = np.asarray(expected), np.asarray(got)
    if got.shape != expected.shape:
        return mistakes.explain_shape("dw", expected, got, sizes or {})
    others = tuple(mistakes.Wrong("dw", *other, {}, sizes or {}) for other in others)
    return mistakes.explain_values(mistakes.Wrong("dw", expected, got, inputs, sizes or {}, warnings, others))


W = np.array([[1.0, -2.0, 3.0], [4.0, 5.0, -6.5]])


class TestRules:
    """General rules name a mistake that nobody has met before."""

    @pytest.mark.parametrize(
        "got, sentence",
        [
            (W / 4, "divided by N = 4 one time too many"),
            (W * 4, "not divided by N = 4"),
            (-W, "the sign is flipped"),
            (W * 2, "an extra factor of 2"),
            (W / 2, "a factor of 2 is missing"),
            (-W / 4, "and the sign is wrong"),
            (W * 0.01, "multiplied by learning_rate one time too many"),
            (W * 1.7, "1.7 times what it should be, in every entry"),
            (W.T, "dw is transposed"),
            (W.reshape(2, 3, 1), "a reshape or keepdims is missing"),
            (W[0], "has 1 axis too few"),
            (0 * W, "all zeros"),
            (W + 1, "off by the same 1"),
            (np.where(W > 4, np.nan, W), "dw[1, 1] is nan"),
            (W.astype(int), "integer dtype"),
            (W + 2 * 0.3 * W[::-1], "an extra 2 * reg * W"),
            (W - 0.3 * W[::-1], "1 * reg * W is missing"),
            (W**2, "is a root missing"),
        ],
    )
    def test_names(self, got, sentence):
        assert not finding(W, got).ok
        assert sentence in reason(W, got, {"N": 4, "D": 2, "M": 3}, reg=0.3, W=W[::-1].copy(), learning_rate=0.01)

    def test_sum_over_the_wrong_axis(self):
        told = reason(np.ones(3), np.ones(4), {"N": 4, "M": 3})
        assert told == "dw has N = 4 entries instead of M = 3: does a sum run over the wrong axis?"

    @pytest.mark.parametrize(
        ("length", "sentence"),
        [
            (7, "dw has V = 7 entries along axis 1 instead of T = 4: are two axes or two sizes mixed up?"),
            (3, "dw has N = 3 entries along axis 1 instead of T = 4: are two axes or two sizes mixed up, or "),
            (2, ""),  # no size has this length
            (5, ""),  # two have
        ],
    )
    def test_an_axis_with_the_length_of_another(self, length, sentence):
        told = reason(np.ones((3, 4, 5)), np.ones((3, length, 5)), {"N": 3, "T": 4, "D": 5, "H": 5, "V": 7})
        assert told.startswith(sentence)
        assert bool(told) == bool(sentence)

    def test_data_part_of_a_gradient(self):
        expected, got = W + 2 * 0.3 * W[::-1], W * 4 + 2 * 0.3 * W[::-1]
        told = reason(expected, got, {"N": 4}, reg=0.3, W=W[::-1].copy())
        assert "apart from the regularisation, which is right, dw is 4 times what it should be" in told

    def test_rows(self):
        expected = np.arange(1.0, 13.0).reshape(4, 3)
        last, first = np.zeros((4, 3)), np.zeros((4, 3))
        last[3], first[0] = expected[3], expected[0]
        assert "only the last row" in reason(expected, last)
        assert "only the first row" in reason(expected, first)

    def test_true_class(self):
        got = W.copy()
        got[[0, 1], [2, 0]] += [1, 3]
        assert "only the entries of the true classes" in reason(W, got, y=np.array([2, 0]))

    def test_gap_shows_shape_then_share_then_the_worst_place(self):
        got = W.copy()
        got[1, 2] = 7
        assert finding(W, got).gap == (
            "dw: shape (2, 3) float64, as expected",
            "5 of 6 entries are right",
            "largest error at dw[1, 2]: expected -6.5, got 7",
        )

    def test_rounding_is_no_mistake(self):
        assert finding(W, W * (1 + 1e-12) + 1e-12).ok

    def test_small_entries_among_large_ones_are_judged_by_the_typical_size(self):
        expected = np.array([1e6, 1e-9])
        assert finding(expected, expected + [0, 1e-8]).ok  # what rounding of a sum leaves
        assert not finding(expected, expected + [0, 1.0]).ok

    def test_infinite_where_expected_is_infinite(self):
        assert mistakes.relative_error(np.array([np.inf, 1.0]), np.array([np.inf, 1.0])) == 0


class TestWire:
    @pytest.mark.parametrize(
        "value",
        [
            None,
            True,
            3,
            -2.5,
            float("inf"),
            "text",
            [1, (2, "x"), {}],
            {1: "a", ("b", 2.0): [None]},
            {"nested": {"deep": ()}},
        ],
    )
    def test_round_trip(self, value):
        assert serialization.unpack(serialization.pack(value)) == value
        assert type(serialization.unpack(serialization.pack(value))) is type(value)

    def test_arrays_keep_dtype_and_shape(self):
        for array in (np.arange(6, dtype=np.uint8).reshape(2, 3), np.float32(2.5), np.zeros((0, 3))):
            again = serialization.unpack(serialization.pack({"x": array}))["x"]
            assert again.dtype == array.dtype and again.shape == array.shape

    def test_what_cannot_travel_is_named(self):
        class Odd(np.ndarray):
            pass

        value = serialization.unpack(serialization.pack([print, np.array([object()]), np.zeros(2).view(Odd)]))
        assert value[:2] == [
            serialization.Opaque("builtin_function_or_method"),
            serialization.Opaque("array of Python objects"),
        ]
        assert type(value[2]) is np.ndarray

    @pytest.mark.parametrize("data", [b"", b"garbage", b"PK\x03\x04"])
    def test_garbage_is_refused(self, data):
        with pytest.raises(ValueError, match="not a packed value"):
            serialization.unpack(data)


def test_dropout_backward_cannot_be_right_where_nothing_is_dropped(monkeypatch):
    """It is judged by what the learner's forward pass did; an identity would make dx = dout look right."""
    from coursekit.judging.runner import run_case
    from cs231n import layers

    monkeypatch.setattr(layers, "dropout_forward", lambda x, dropout_param: (x, None))
    monkeypatch.setattr(layers, "dropout_backward", lambda dout, cache: dout)
    question = find("dropout_backward")
    inputs = {i: question.draw_inputs(i, seed=3) for i in range(len(question.cases))}
    results = {i: run_case(question.cases[i], inputs[i]) for i in inputs}
    assert judge(question, inputs, results, {}).status == "wrong"


@pytest.mark.parametrize("right, words", [(1, "1 of 3 checks passes;"), (2, "2 of 3 checks pass;")])
def test_one_and_many_checks(right, words):
    findings = tuple(Finding(f"condition {i}", i < right, () if i < right else ("a gap",)) for i in range(3))
    assert f"\n  {words} the first that fails:" in render(Verdict(toy_question(), "wrong", findings))


@pytest.mark.parametrize("right, words", [(1, "1 of 3 entries is right"), (2, "2 of 3 entries are right")])
def test_one_and_many_entries(right, words):
    got = np.where(np.arange(3) < right, 1.0, 5.0)
    assert words in compare(find("affine_forward").cases[0], "out", got, np.ones(3)).gap
