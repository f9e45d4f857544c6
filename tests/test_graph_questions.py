"""The judges of ComputationalGraphs' own: gradients from a walk over a record, orders, and folded graphs."""

import numpy as np
import pytest

from coursekit.judging.judge import judge_values
from coursekit.judging.rendering import render
from coursekit.questions import find
from coursekit.questions.practice.ComputationalGraphs import _judge_order, _observe_folded, record_net


def gradients(dh_of):
    """The gradients of the recorded net for some idea of dh."""
    net = record_net()
    dh = dh_of(net["x"] @ net["w"] + net["b"])
    return {"x": dh @ net["w"].T, "w": net["x"].T @ dh, "b": dh.sum(axis=0)}


def verdict_on(grads):
    verdict = judge_values(find("walk_back"), {"grads": grads})
    return str(verdict.status), " ".join(render(verdict).split())


def test_the_right_gradients_are_ok():
    assert verdict_on(gradients(lambda h: 2 * h + 1))[0] == "ok"


def test_an_empty_dict_is_not_attempted():
    assert verdict_on({})[0] == "not attempted"


@pytest.mark.parametrize(
    "dh_of, said",
    [
        (lambda h: 2 * h, "takes the place of one that had arrived before"),
        (lambda h: 1 + 0 * h, "takes the place of one that had arrived before"),
        (lambda h: 3 * h, "follow the record from its end"),
    ],
)
def test_wrong_gradients_are_named(dh_of, said):
    status, text = verdict_on(gradients(dh_of))
    assert status == "wrong" and said in text


@pytest.mark.parametrize("grads", [3, "x", [1], {"x": None}, {"x": np.zeros(3)}, {1: 2}, {"x": np.array(["a"])}])
def test_nonsense_is_wrong_and_ends_no_judge(grads):
    assert verdict_on(grads)[0] == "wrong"


def test_a_part_of_the_gradients_is_not_enough():
    right = gradients(lambda h: 2 * h + 1)
    del right["b"]
    status, text = verdict_on(right)
    assert status == "wrong" and "grads has no entry 'b'" in text


@pytest.mark.parametrize(
    "order, right",
    [
        ([10, 20, 30, 40], (True, True, True)),
        ([20, 10, 30, 40], (True, True, True)),
        ([10, 30, 20, 40], (True, True, False)),
        ([10, 20, 30], (False, True, True)),
        ([10, 20, 10, 30, 40], (True, False, True)),
        ([10, 20, 30, 40, -1], (True, False, True)),
        ([], (False, True, True)),
    ],
)
def test_every_right_order_is_right(order, right):
    """Value 30 has the parents 10 and 20, and 40 has 30 and 10."""
    inputs = {
        "parents": np.array([[-1, -1], [-1, -1], [0, 1], [2, 0]]),
        "labels": np.array([10, 20, 30, 40]),
    }
    findings = _judge_order(inputs, {"order": np.array(order, dtype=int)})
    assert tuple(finding.ok for finding in findings) == right


def test_a_folded_graph_may_number_its_steps_anew():
    """What counts is the result, and how many steps are left to compute."""
    x = np.array([1.0, 2.0])
    long = [("input", (), None), ("constant", (), 2.0), ("constant", (), 6.0), ("add", (0, 2), None)]
    short = [("constant", (), 6.0), ("input", (), None), ("add", (1, 0), None)]
    for steps in (long, short):
        seen = _observe_folded({"x": x}, {"steps": steps, "outputs": (len(steps) - 1,)})
        np.testing.assert_array_equal(seen["out"], [7.0, 8.0])
        assert seen["steps_left"] == 1


def test_an_operation_that_is_none_is_not_run():
    """What comes back from a learner's process names functions of NumPy; only arithmetic is allowed."""
    with pytest.raises(ValueError, match="no operation of this graph"):
        _observe_folded({"x": 1.0}, {"steps": [("input", (), None), ("save", (0,), None)], "outputs": (1,)})
