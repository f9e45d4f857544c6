"""`inputs`: the inputs of a check, and how the check calls a learner's function on them."""

import ast

import numpy as np
import pytest

from coursekit import inputs
from coursekit.judging import check as checks
from coursekit.judging.judge import judge
from coursekit.judging.reference_answers import expected
from coursekit.judging.runner import run_case
from coursekit.questions import all_questions, find
from coursekit.running import inputs as module
from coursekit.running.calls import calls_of
from zoo import in_place_of, outcomes, wrong_entries

FUNCTIONS = [question for question in all_questions().values() if not question.in_notebook]
each_function = pytest.mark.parametrize("question", FUNCTIONS, ids=lambda question: question.id)


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """As in a kernel that has just started."""
    monkeypatch.setattr(module, "_failed", {})


@each_function
def test_they_are_those_of_each_case(question):
    for index, case in enumerate(question.cases):
        given = inputs(question.id, case=case.name)
        drawn = question.draw_inputs(index)
        assert list(given) == list(drawn)
        for name, value in drawn.items():
            np.testing.assert_array_equal(getattr(given, name), value)
            assert given[name] is getattr(given, name)


@each_function
def test_it_says_how_the_check_calls_the_function(question):
    """The lines are Python, name the function asked for, and are no wider than a notebook shows."""
    text = repr(inputs(question.id))
    lines = text.splitlines()
    assert lines[0] == f"{question.id}, {question.cases[0].name}:"
    assert lines[-1].startswith("given.run() does the same")
    code = "\n".join(line[2:] for line in lines[lines.index("The check calls your code like this:") + 1 : -1])
    ast.parse(code)
    path = question.implements[0].split(":")[1]
    called = path.split(".")[-2 if path.endswith("__init__") else -1]
    assert f"{called}(" in code.splitlines()[-1] or f"{called}(" in code
    assert max(map(len, lines)) <= 90


CALLS_OF_ITS_OWN = {"linear_classifier_train", "neural_net_train"}  # they pass what only the check has


@pytest.mark.parametrize("question", [q for q in FUNCTIONS if q.id not in CALLS_OF_ITS_OWN], ids=lambda q: q.id)
def test_the_lines_can_be_copied_and_run(question):
    code = "\n".join(calls_of(question, question.cases[0], question.draw_inputs(0)))
    if "# ... stands for" in code:  # what the check makes itself cannot be copied: the lines show the form of the call
        compile(code, question.id, "exec")
    else:
        exec(code, {"np": np, "given": inputs(question.id)})


def test_few_calls_have_parts_that_cannot_be_copied():
    """The rest run as they are; layers of a graph, lists of things, generators and functions cannot be copied."""
    lines = {
        q.id: "\n".join(calls_of(q, q.cases[0], q.draw_inputs(0))) for q in FUNCTIONS if q.id not in CALLS_OF_ITS_OWN
    }
    left_out = {id_ for id_, text in lines.items() if "# ... stands for" in text}
    assert left_out == {
        *("grid_targets", "anchor_targets", "inception_module", "residual_block", "graph_backward"),
        *("xavier", "he", "orthogonal", "log_uniform"),  # a generator
        *("ten_crop_probabilities", "random_search", "find_rate", "check_initial_loss", "check_overfit"),  # a function
        *("learning_curve", "partial_gradients", "layer_features"),
    }


@pytest.mark.parametrize("name", ["affine", "relu", "max_pool", "batchnorm"])
def test_a_backward_pass_gets_the_cache_of_the_forward_pass(name):
    suffix = "_naive" if name == "max_pool" else ""
    text = repr(inputs(f"{name}_backward{suffix}"))
    assert f"_, cache = {name}_forward{suffix}(given.x" in text
    assert f"{name}_backward{suffix}(given.dout, cache)" in text


@each_function
def test_run_returns_what_the_check_sees(question):
    for case in question.cases:
        given = inputs(question.id, case=case.name)
        before = {name: np.copy(value) for name, value in given.items()}
        if not case.judge:
            outputs, seen = given.run(), run_case(case, dict(given)).outputs
            for name, value in seen.items() if not case.observe else ():
                np.testing.assert_array_equal(outputs[name], value)
            for name in given:
                np.testing.assert_array_equal(given[name], before[name])


def test_an_error_leads_into_ones_own_code():
    """So that %debug stops there."""

    def broken(x, w, b):
        return x @ w + b

    with in_place_of("cs231n.layers:affine_forward", broken), pytest.raises(ValueError, match="matmul") as caught:
        inputs("affine_forward").run()
    assert caught.traceback[-1].name == "broken"


DECORATORS = """
from functools import wraps

def silent(function):
    @wraps(function)
    def inner(*arguments, **named):
        return function(*arguments, **named)
    return inner

def without_wraps(function):
    def inner(x, *rest):
        return function(x, *rest)
    return inner
"""


@pytest.mark.parametrize("decorators", ["", "@silent\n", "@silent\n@silent\n", "@without_wraps\n"])
def test_the_lines_come_before_the_function_runs(decorators):
    """A function that never ends, or is not written yet, can still be looked at; so can a decorated one."""
    namespace = {"__name__": "cs231n.layers"}
    body = "def affine_forward(x, w, b):\n    raise AssertionError('it ran')"
    exec(DECORATORS + decorators + body, namespace)
    with in_place_of("cs231n.layers:affine_forward", namespace["affine_forward"]):
        assert "affine_forward(given.x, given.w, given.b)" in repr(inputs("affine_forward"))


def test_without_lines_it_still_gives_the_inputs():
    def missing(x, gamma, beta, bn_param):
        raise NotImplementedError("batchnorm_forward: BatchNormalization")

    with in_place_of("cs231n.layers:batchnorm_forward", missing):
        text = repr(inputs("batchnorm_backward"))
    assert "dout" in text and "calls your code" not in text and 'inputs("batchnorm_backward").run()' in text


def test_a_wrong_verdict_chooses_its_case(monkeypatch, capsys):
    """And says in one line how to get its inputs; `case` chooses another one."""
    entry = next(e for e in wrong_entries("affine_forward"))
    question = find("affine_forward")
    results = outcomes(entry)
    given = {i: question.draw_inputs(i) for i in range(len(question.cases))}
    verdict = judge(question, given, results, expected(question))
    shown = next(finding.case for finding in verdict.asked if not finding.ok)
    monkeypatch.setattr(checks, "check_question", lambda question: verdict)
    with pytest.raises(Exception, match=r'inputs\("affine_forward"\) gives you these inputs'):
        checks.check("affine_forward")
    assert repr(inputs("affine_forward")).startswith(f"affine_forward, {shown}:")
    other = question.cases[-1].name
    assert repr(inputs("affine_forward", case=other)).startswith(f"affine_forward, {other}:")


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("svm_search",), "is answered in the notebook"),
        (("affine_forwrd",), "Did you mean affine_forward"),
        (("affine_forward", "no such case"), "has no case 'no such case'. Its cases: "),
    ],
)
def test_what_does_not_exist_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        inputs(*arguments)


def test_a_name_that_is_not_there():
    with pytest.raises(AttributeError, match="has no 'z'; it has x, w, b"):
        inputs("affine_forward").z  # noqa: B018


def test_no_input_has_the_name_of_a_method():
    for question in FUNCTIONS:
        for index in range(len(question.cases)):
            assert not {"run", "keys", "values", "items", "get"} & set(question.draw_inputs(index))


def test_stopping_a_check_says_so_in_a_word(monkeypatch):
    def interrupted(question):
        raise KeyboardInterrupt

    monkeypatch.setattr(checks, "check_question", interrupted)
    with pytest.raises(checks.CheckFailed, match=r"^affine_forward: stopped\.$"):
        checks.check("affine_forward")
