"""Edges: what a question does not ask for is shown, and decides nothing."""

import numpy as np
import pytest

from coursekit.core.question import Case, Question, holds
from coursekit.judging.judge import judge
from coursekit.judging.rendering import render
from coursekit.judging.runner import run_case


def verdict_on(function, *cases, expected=None):
    """The verdict on a function of x and dout, whose outputs are `expected` in every case."""

    def run(x, dout):
        return function(x, dout)

    cases = cases or (Case("ordinary", draw, run),)
    question = Question("toy", "Toy", "knn", 1, 1, implements=("a:b",), cases=cases)
    inputs = {i: case.inputs(np.random) for i, case in enumerate(cases)}
    results = {i: run_case(case, case.inputs(np.random)) for i, case in enumerate(cases)}
    return judge(question, inputs, results, dict.fromkeys(inputs, expected or {"dx": np.ones(3)}))


def draw(rng):
    return {"x": np.arange(3.0), "dout": np.ones(3)}


def text_of(verdict, **options):
    return " ".join(render(verdict, **options).split())


def test_nothing_is_said_where_nothing_is_missed():
    assert "worth knowing" not in text_of(verdict_on(lambda x, dout: {"dx": dout.copy()}))


def test_an_array_that_nobody_needs_may_be_modified():
    def doubled(x, dout):
        dout *= 2
        return {"dx": dout / 2}

    verdict = verdict_on(doubled)
    assert verdict.ok
    assert "ordinary: not asked for, but worth knowing: dout is modified in place" in text_of(verdict)
    assert "modified by your code: dout" in text_of(verdict, verbose=True)


def test_an_array_that_caches_hold_may_not():
    def moved(x, dout):
        x += 1
        return {"dx": dout}

    verdict = verdict_on(moved)
    assert verdict.status == "wrong" and "x is modified in place" in text_of(verdict)


@pytest.mark.parametrize(
    "expected, got, status",
    [
        (np.ones(3), np.ones((1, 3)), "ok"),
        (np.ones(3), 2 * np.ones((1, 3)), "wrong"),  # other values
        (np.ones(3), np.ones((3, 1)), "wrong"),  # broadcasts to another array
        (np.ones(3), np.ones((1, 1, 3)), "wrong"),
        (np.ones(1), np.ones((1, 1)), "ok"),
        (np.ones((2, 3)), np.ones((1, 2, 3)), "wrong"),  # not a vector
        (np.float64(1), np.ones(1), "wrong"),  # a loss is a number
        (np.ones(3, int), np.ones((1, 3), int), "wrong"),  # labels are compared one by one
    ],
)
def test_a_vector_may_come_as_a_row(expected, got, status):
    verdict = verdict_on(lambda x, dout: {"dx": got}, expected={"dx": expected})
    assert verdict.status == status
    assert ("the shape is (1, D), and (D,) is expected" in text_of(verdict)) == (status == "ok")


def test_outputs_that_miss_the_same_edge_share_a_paragraph():
    rows = {"dgamma": np.ones((1, 3)), "dbeta": np.ones((1, 3))}
    verdict = verdict_on(lambda x, dout: rows, expected={name: row[0] for name, row in rows.items()})
    text = text_of(verdict)
    assert "ordinary dgamma, dbeta: not asked for" in text and text.count("worth knowing") == 1


@pytest.mark.parametrize("error", [NotImplementedError("toy: knn"), AssertionError("does not fit"), ValueError])
def test_an_error_at_an_edge_decides_nothing_and_is_not_guessed_at(error):
    def run(x, dout):
        return {"dx": dout.copy()}

    def fails(x, dout):
        raise error

    verdict = verdict_on(None, Case("ordinary", draw, run), Case("far out", draw, fails, edge="it happens"))
    assert verdict.ok and len(verdict.asked) == 1
    kind = type(error).__name__ if isinstance(error, Exception) else error.__name__
    raised = f"calling your code, or using what it returned, raised {kind}"
    assert f"far out: not asked for, but worth knowing: {raised}" in text_of(verdict)
    assert text_of(verdict).endswith("; it happens toy: ok, 1 point")


def test_a_judge_of_the_case_says_what_is_behind_it():
    case = Case(
        "ties",
        draw,
        lambda x, dout: {"dx": dout},
        judge=lambda inputs, outputs: [holds("one gets it", False, mistake="two get it")],
        edge="it grows",
    )
    verdict = verdict_on(None, Case("ordinary", draw, lambda x, dout: {"dx": dout}), case)
    assert verdict.ok and "ties: not asked for, but worth knowing: two get it; it grows" in text_of(verdict)
