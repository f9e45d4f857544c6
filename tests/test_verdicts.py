"""Verdicts that help: the sentence belongs to the gap that is shown, and claims nothing that is not certain."""

import os
import re
import shutil
import time
from dataclasses import replace
from functools import cache
from itertools import combinations, product

import numpy as np
import pytest
from test_zoo import FUNCTION_QUESTIONS, text_of, travelled, verdict_on

from coursekit.core.errors import Raised, explain_error
from coursekit.core.ideas import Idea, Wrong, fits
from coursekit.judging import check, reference_answers
from coursekit.judging.judge import _shown_frames, judge, told_apart
from coursekit.judging.rendering import render
from coursekit.judging.runner import Error
from coursekit.paths import ROOT
from coursekit.questions import find
from coursekit.teacher.solutions import strip_module
from zoo import outcomes, wrong_entries

# What a general rule says, and words of which the known mistake behind it must have one.
MEANS = (
    ("not divided by", ("divide", "mean", "sum", "1/N")),
    ("divided by .* too many", ("divided", "mean", "averag", "1/N")),
    ("sign is flipped|wrong way", ("sign", "minus", "uphill", "subtract", "up the gradient")),
    ("regularisation is wrong|regularised in|regularise only", ("regularis", "reg ", "weights")),
    ("is transposed", ("transpos", "row for each", "class is a column")),
    ("is all zeros", ("zero", "never", "0", "only the first", "divided by spatial_scale")),
    ("only the (first|last) row", ("only the", "only the")),
    ("ReLU too many", ("ReLU", "negative", "sign of dout", "last layer")),
    ("such as eps", ("eps", "1e-7")),
    ("modified in place", ("in place", "changes", "overwritten", "written into", "itself is covered")),
    ("swapped:", ("swapped", "order", "changed places")),
    ("is the square of", ("root", "square")),
    ("integer dtype", ("integer", "whole", "dtype")),
    ("not finite: exp", ("exp",)),
    ("is off by the same", ("constant", "1", "eps", "starts from ones")),
    ("true classes, .* are wrong", ("true class", "1 is subtracted after", "violated margins")),
    ("is not added|added twice|is subtracted", ("bias", "beta", "regularis", "b is not added")),
)


EVERY_OTHER = [
    pytest.param(entry, id=f"{entry.question_id}-{entry.name}", marks=pytest.mark.slow if i % 2 else ())
    for i, entry in enumerate(wrong_entries())
]


@pytest.mark.parametrize("entry", EVERY_OTHER)
def test_general_rules_say_nothing_that_misleads(entry, monkeypatch):
    """Without knowing the mistake, the rules name it, or something that is true of it, or nothing."""
    monkeypatch.setattr(reference_answers, "recognise", lambda *_: "")
    told = verdict_on(entry).mistake
    for claim, words in MEANS:
        if re.search(claim, told):
            assert any(word in entry.sentence for word in words), f"{told!r} for {entry.sentence!r}"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (Error("TypeError", "no", (("cs231n/layers.py", 3, "x @ w"),)), "your code raised TypeError: no"),
        (Error("TypeError", "no"), "calling your code, or using what it returned, raised TypeError: no"),
        (Error("ProcessDied", "it ended early"), "your code raised ProcessDied: it ended early"),
    ],
    ids=["in a line of the learner's", "in the check itself", "the process ended"],
)
def test_an_error_is_only_pinned_on_code_that_raised_it(error, said):
    """Where no line of the learner's is to blame, the verdict does not claim that his code raised the error."""
    question = find("affine_forward")
    inputs = {i: question.draw_inputs(i) for i in range(len(question.cases))}
    results = outcomes(next(e for e in wrong_entries("affine_forward")))
    results[0] = replace(results[0], outputs=None, error=error)
    assert said in text_of(judge(question, inputs, results, reference_answers.expected(question)))


# ---- two mistakes at once


@cache
def results_of(entry):
    with np.errstate(all="ignore"):
        return travelled(outcomes(entry))


@cache
def spoiled_by(entry):
    """The outputs that a mistake spoils; nothing if it raises errors or changes inputs."""
    expected = reference_answers.expected(find(entry.question_id))
    results = results_of(entry)
    if set(expected) != set(results) or any(r.error or r.changed for r in results.values()):
        return ()
    pairs = ((name, results[i].outputs.get(name), value) for i in expected for name, value in expected[i].items())
    return tuple({name for name, got, value in pairs if not reference_answers.same_values(got, value)})


def pairs_of_mistakes(question):
    """Pairs of mistakes in two outputs of a question, a few for each two outputs."""
    single = {}
    for entry in wrong_entries(question.id):
        if len(spoiled_by(entry)) == 1:
            single.setdefault(spoiled_by(entry)[0], []).append(entry)
    order = list(next(iter(reference_answers.expected(question).values()), {}))
    for first, second in combinations(order, 2):
        yield from product(single.get(first, [])[:3], single.get(second, [])[:2])


@pytest.mark.parametrize("question", FUNCTION_QUESTIONS, ids=lambda question: question.id)
def test_of_two_mistakes_the_one_shown_is_named(question):
    for first, second in pairs_of_mistakes(question):
        [name] = spoiled_by(second)
        results = {
            i: replace(result, outputs=result.outputs | {name: results_of(second)[i].outputs[name]})
            for i, result in results_of(first).items()
        }
        inputs = {i: question.draw_inputs(i) for i in results}
        verdict = judge(question, inputs, results, reference_answers.expected(question))
        output = next(finding.output for finding in verdict.findings if not finding.ok)
        mine = next(entry for entry in (first, second) if output in spoiled_by(entry))
        assert verdict.mistake == mine.sentence or _alike(mine, verdict.mistake, output), (first.name, second.name)


def _alike(entry, sentence, output):
    """Whether another known mistake gives the same values."""
    others = [other for other in wrong_entries(entry.question_id) if other.sentence == sentence]
    mine = {i: result.outputs[output] for i, result in results_of(entry).items()}
    return any(
        all(reference_answers.same_values(results_of(other)[i].outputs[output], mine[i]) for i in mine)
        for other in others
    )


# ---- what is shown


def test_notes_are_those_of_the_case_shown():
    """Softmax without a shift overflows in later cases; what fails first here is the sign, where nothing overflows."""
    entry = next(e for e in wrong_entries("softmax_loss_vectorized") if e.name == "softmax_loss_sign")
    question, results = find(entry.question_id), results_of(entry)
    warned = {
        i: replace(r, warnings=("overflow encountered in exp",) * (i > 2), printed=f"case {i}")
        for i, r in results.items()
    }
    inputs = {i: question.draw_inputs(i) for i in results}
    text = text_of(judge(question, inputs, warned, reference_answers.expected(question)))
    assert "NumPy warned" not in text and "case 0" in text and "case 3" not in text


def test_numbers_that_differ_look_different():
    assert told_apart(1.0, 2.0) == ("1", "2")
    for gap in 10.0 ** -np.arange(1, 16):
        a, b = told_apart(1.5, 1.5 + gap)
        assert a != b


def test_rounding_is_no_constant():
    x = np.array([1.0, 2.5, -3.25, 4.0])
    wrong = Wrong("dx", x, x + 1.1e-17 + 1e-3 * x, {}, {})
    assert not fits(Idea("", lambda w: w.expected + np.mean(w.residual)), wrong)


def test_an_idea_must_hold_in_most_cases():
    def case(factor, others=()):
        return Wrong("dx", np.array([1.0, 2.0, 5.0]), factor * np.array([1.0, 2.0, 5.0]), {}, {}, (), others)

    twice = Idea("twice", lambda w: 2 * w.expected)
    assert fits(twice, case(2.0, (case(2.0), case(2.0), case(3.0))))
    assert not fits(twice, case(2.0, (case(3.0), case(4.0), case(2.0))))


def test_a_mistake_is_not_taken_for_one_that_is_right_in_the_case_shown():
    """An error below the rounding that recognition allows is no evidence."""
    entry = next(e for e in wrong_entries("softmax_loss_vectorized") if "overflows" in e.sentence)
    question, results = find("softmax_loss_vectorized"), results_of(entry)
    first = results[0].outputs  # right: the scores are small there
    close = results | {0: replace(results[0], outputs={name: value * (1 + 1e-7) for name, value in first.items()})}
    inputs = {i: question.draw_inputs(i) for i in results}
    verdict = judge(question, inputs, close, reference_answers.expected(question))
    assert verdict.status == "wrong" and "overflows" not in verdict.mistake


# ---- errors

ERRORS = (
    # kind, message, line, what must be said ("" for nothing)
    ("AssertionError", "my own check", "assert x.ndim == 2", ""),
    ("RuntimeError", "whatever", "", ""),
    ("KeyError", "'velocity'", "v = config['velocity']", "no entry 'velocity'"),
    ("EOFError", "EOF when reading a line", "input()", "input() waits for the keyboard"),
    ("BdbQuit", "", "breakpoint()", "a breakpoint is still in your code"),
    ("MemoryError", "", "", "far too large"),
    ("_ArrayMemoryError", "Unable to allocate 61 GB", "", "far too large"),
    ("ModuleNotFoundError", "No module named 'cs231n.layers'", "", "cs231n/layers.py is missing"),
    ("ModuleNotFoundError", "No module named 'past.builtins'", "", "Python 2"),
    ("NameError", "name 'x_hat' is not defined", "", "is it misspelt, or not assigned yet?"),
    ("NameError", "name 'out' is not defined", "", "out is returned, but never assigned"),
    ("NameError", "name 'np' is not defined", "", "import numpy as np"),
    ("UnboundLocalError", "local variable 'out' referenced before assignment", "", "out has no value here"),
    ("SyntaxError", "Missing parentheses in call to 'print'. Did you mean print(...)?", "", "print(...)"),
    ("AttributeError", "'NoneType' object has no attribute 'shape'", "", "is None"),
    ("AttributeError", "module 'numpy' has no attribute 'bool'", "", "write bool"),
    ("ValueError", "operands could not be broadcast together with shapes (4,3) (4,)", "", "the shape (4, 1)"),
    ("ValueError", "operands could not be broadcast together with shapes (2,3,4) (2,3)", "", "do not fit each other"),
    ("ValueError", "matmul: mismatch in its core dimension 0 (size 3 is different from 20)", "", "first factor (20)"),
    ("AxisError", "axis 2 is out of bounds for array of dimension 2", "", "has no axis 2"),
    ("IndexError", "index 3 is out of bounds for axis 0 with size 3", "", "the last is 2"),
    ("IndexError", "only integers, slices (`:`) are valid indices", "a[i / 2]", "use // for whole numbers"),
    (
        "ValueError",
        "cannot reshape array of size 40 into shape (2,21)",
        "x.reshape(2, 21)",
        "another number of entries",
    ),
    ("ValueError", "cannot reshape array of size 36 into shape (1,)", "np.vdot(a, b)", "do not have the same number"),
    (
        "IndexError",
        "only integers, slices (`:`) are valid indices",
        "W[name]",
        "not a whole number: is it a float, or a text",
    ),
    ("TypeError", "slice indices must be integers or None", "x[p:]", "not a whole number"),
    (
        "ValueError",
        "setting an array element with a sequence. The requested array has an inhomogeneous shape",
        "",
        "parts",
    ),
    ("AttributeError", "'int' object has no attribute 'shape'", "", "a single number, not an array"),
    ("AttributeError", "'function' object has no attribute 'shape'", "", "is it not called"),
    ("AttributeError", "'dict' object has no attribute 'pad'", "", "read by their names"),
    ("ValueError", "attempt to get argmax of an empty sequence", "", "is empty"),
    ("ValueError", "too many values to unpack (expected 2)", "next_w, own = rule(w, dw)", "the function on the right"),
    ("ValueError", "too many values to unpack (expected 2)", "a, b = x.shape", "number of values on the right"),
    ("ValueError", "zero-size array to reduction operation maximum which has no identity", "", "is empty"),
    ("TypeError", "'numpy.float64' object does not support item assignment", "", "no entries to set"),
    ("TypeError", "unsupported operand type(s) for +: 'NoneType' and 'int'", "", "is None"),
    ("TypeError", "unsupported operand type(s) for -: 'dict' and 'float'", "", "such as a loss and its gradients"),
    ("TypeError", "train() takes 0 positional arguments but 1 was given", "", "as **settings"),
    ("TypeError", "only 0-dimensional arrays can be converted to Python scalars", "math.exp(-x)", "such as np.exp"),
    ("TypeError", "only 0-dimensional arrays can be converted to Python scalars", "float(x)", "take an entry"),
    ("ValueError", "min() arg is an empty sequence", "loss > min(losses)", "nothing has been appended yet"),
    ("ValueError", "min() iterable argument is empty", "loss > min(losses)", "nothing has been appended yet"),
    ("IndexError", "list index out of range", "s, y = pairs[-1]", "an empty list has no last entry"),
    ("IndexError", "list index out of range", "x = values[i]", "is it one too far"),
    ("KeyError", "Value(array of shape (3, 4))", "", "no gradient yet"),
    (
        "ValueError",
        "operands could not be broadcast together with shapes (4,) (6,)",
        "np.argmax(scores, axis=0) == y",
        "axis=1 gives one for each row",
    ),
    ("UFuncTypeError", "Cannot cast ufunc 'add' output with casting rule 'same_kind'", "", "float dtype"),
)


@pytest.mark.parametrize(("kind", "message", "line", "says"), ERRORS)
def test_errors_are_explained_where_it_is_certain(kind, message, line, says):
    told = explain_error(Raised(kind, message, (line,), ("x", "w"), ("out",)))
    assert says in told and bool(says) == bool(told)


def test_a_misfit_is_explained_in_nets_alone():
    """In a single layer, its own text says all that is known."""
    message = "x of shape (3, 6) has 6 entries in each row, but w of shape (4, 2) has 4 rows, expected as many."
    assert "is a layer before it left out" in explain_error(Raised("ValueError", message, (), ("X", "W1", "b1")))
    assert explain_error(Raised("ValueError", message, (), ("x", "w", "b"))) == ""


def test_keepdims_is_no_catch_all():
    """Adding an axis is advice only where one value for each row would fit, and then beside the other reading."""
    for shapes in ("(3,4,4) (3,4,5)", "(5,3,3) (3,3,3)", "(40,3,5,7) (40,3)", "(6,3) (4,6)", "(3,) (4,) (3,)"):
        told = explain_error(Raised("ValueError", f"operands could not be broadcast together with shapes {shapes}"))
        assert told and "keepdims" not in told and ", 1)" not in told


def test_keepdims_is_advised_where_a_sum_has_lost_the_last_axes():
    message = "operands could not be broadcast together with shapes (2,3,4) (2,3) (2,3,4)"
    told = explain_error(Raised("ValueError", message, ("p /= p.sum(axis=2)",)))
    assert "the divisor has the shape (2, 3)" in told and "keepdims=True in a sum or mean would give (2, 3, 1)" in told
    assert "keepdims" not in explain_error(Raised("ValueError", message, ("p /= total",)))


# ---- not attempted


@pytest.fixture
def tree(tmp_path):
    """A copy of the learner's code, in which nothing is answered."""
    ignore = shutil.ignore_patterns("__pycache__", "saved")
    for package in ("cs231n", "coursekit"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=ignore)
    for path in (tmp_path / "cs231n").rglob("*.py"):
        name = path.relative_to(tmp_path).as_posix()
        path.write_text(strip_module(path.read_text(encoding="utf-8"), name), encoding="utf-8")
    return tmp_path


def edited(tree, question, old, new, file="cs231n/layers.py", count=1):
    """The text of the verdict after an edit of a file."""
    path = tree / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, count), encoding="utf-8")
    question = find(question)
    return " ".join(render(check.check_question(question, tree), check.tested_files(question, tree)).split())


AFFINE = 'raise NotImplementedError("affine_forward: two_layer_net")'
DROPOUT = 'raise NotImplementedError("dropout_forward: Dropout")'
ANSWER = "out = x.reshape(len(x), -1) @ w + b"


def test_untouched_says_where(tree):
    text = edited(tree, "affine_forward", "", "")
    line = next(n for n, t in enumerate((tree / "cs231n/layers.py").read_text().splitlines(), 1) if AFFINE in t)
    assert f"cs231n/layers.py, line {line}, still raises NotImplementedError" in text
    assert "as it was handed out: have you saved your file?" in text and "tested: cs231n/layers.py, saved " in text


def test_code_below_the_line_that_raises(tree):
    text = edited(tree, "affine_forward", AFFINE, f"{AFFINE}\n    {ANSWER}")
    assert "the lines below it never run: delete the line that raises the error" in text


def test_code_above_the_line_that_raises(tree):
    text = edited(tree, "affine_forward", AFFINE, f"{ANSWER}\n    {AFFINE}")
    assert "there is code above it: if that is your answer, delete the line that raises the error" in text


def test_a_reminder_of_ones_own_names_no_question(tree):
    text = edited(tree, "affine_forward", AFFINE, f'{ANSWER}\n    raise NotImplementedError("bias")')
    assert "still raises NotImplementedError" in text and "builds on" not in text


def test_one_of_two_todos_is_left(tree):
    text = edited(tree, "dropout_forward", DROPOUT, "mask = (np.random.rand(*x.shape) < p) / p\n        out = x * mask")
    left = next(n for n, t in enumerate((tree / "cs231n/layers.py").read_text().splitlines(), 1) if DROPOUT in t)
    assert f"line {left}, still raises" in text and f"this one is left: line {left - 2}" in text


def test_a_copy_beside_the_file(tree):
    shutil.copy(tree / "cs231n/layers.py", tree / "cs231n/layers-Copy1.py")
    assert "beside it is layers-Copy1.py, which no check reads" in edited(tree, "affine_forward", "", "")


def test_an_earlier_question_is_named(tree):
    text = edited(tree, "two_layer_net_loss", "", "")
    assert "two_layer_net_init" in text and "which has not been attempted yet" in text


def test_time_since_saving(tree):
    path = tree / "cs231n/layers.py"
    os.utime(path, (time.time() - 14 * 60 - 5,) * 2)
    assert check.tested_files(find("affine_forward"), tree) == "cs231n/layers.py, saved 14 minutes ago"


def test_a_deleted_file_is_named(tree):
    (tree / "cs231n/optim.py").unlink()
    question = find("sgd")
    text = " ".join(render(check.check_question(question, tree), check.tested_files(question, tree)).split())
    assert "cs231n/optim.py is missing" in text and "tested: cs231n/optim.py, which is missing" in text


def test_errors_out_of_warnings_are_not_held_against_a_right_answer(tree):
    """np.seterr in a file holds for the whole process; underflow in exp is what a right softmax does."""
    source = (ROOT / "cs231n/layers.py").read_text(encoding="utf-8")
    (tree / "cs231n/layers.py").write_text(source + '\n\nnp.seterr(all="raise")\n', encoding="utf-8")
    assert check.check_question(find("softmax_loss"), tree).ok


def test_an_endless_loop_names_its_line(tree):
    text = edited(tree, "affine_forward", AFFINE, "while True:\n        pass")
    assert "stopped after 5 seconds of processor time" in text and re.search(r"layers.py, line \d+: (while|pass)", text)


def test_an_error_in_a_given_layer_shows_the_line_of_the_questions_own_file():
    """Deep inside a graph, the last two lines are none that a learner wrote."""
    question = find("residual_block")
    own = ("cs231n/classifiers/architecture_nets.py", 37, "out = x")
    first, last = ("cs231n/graph.py", 54, "a"), ("cs231n/graph.py", 150, "b")
    error = Error("ValueError", "shapes", (own, first, last))
    assert [frame[2] for frame in _shown_frames(question, error)] == ["out = x", "b"]
    assert _shown_frames(find("affine_forward"), error) == [first, last]


def test_a_boolean_array_of_the_wrong_shape_is_not_told_to_become_numbers(monkeypatch):
    """As numbers it would be wrong still."""
    entry = next(entry for entry in wrong_entries("nms") if "a boolean array is returned" in entry.sentence)
    monkeypatch.setattr(reference_answers, "recognise", lambda *_: "")
    assert "astype" not in text_of(verdict_on(entry))
