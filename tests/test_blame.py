"""A question is blamed for its own mistake only; one that builds on it names it."""

import numpy as np
import pytest

from coursekit.core.question import Verdict, holds
from coursekit.judging.blame import blame
from coursekit.judging.rendering import render
from coursekit.questions import find
from cs231n import layers
from tests.real_answers import verdict_on


def text_of(verdict):
    return " ".join(render(verdict).split())


def ok(question):
    return Verdict(question, "ok")


def no_relu(x):
    return x, x


def doubled_affine(x, w, b):
    return 2 * x.reshape(len(x), -1) @ w + b, (x, w, b)


def cache_of_nothing(x, w, b):
    return doubled_affine(x, w, b)[0], None


@pytest.mark.parametrize(
    "question_id, definitions, earlier",
    [
        ("two_layer_net_loss", {"relu_forward": no_relu}, "relu_forward"),
        ("two_layer_net_gradients", {"affine_forward": doubled_affine}, "affine_forward"),
        ("fcn_gradients", {"relu_backward": lambda dout, cache: dout}, "relu_backward"),
        ("conv_net_loss", {"affine_forward": doubled_affine}, "affine_forward"),
        ("affine_backward", {"affine_forward": cache_of_nothing}, "affine_forward"),
        ("dropout_backward", {"dropout_forward": lambda x, param: (0 * x, (param, 0 * x))}, "dropout_forward"),
        (
            "spatial_batchnorm_forward",
            {"batchnorm_forward": lambda x, gamma, beta, bn_param: (gamma * x + beta, None)},
            "batchnorm_forward",
        ),
    ],
)
def test_the_earlier_question_is_named(question_id, definitions, earlier):
    verdict = verdict_on(question_id, definitions)
    assert verdict.status == "wrong"
    assert f"likely mistake: {earlier}, which this question builds on, is wrong: fix it first" in text_of(verdict)


def test_a_backward_pass_is_ok_beside_a_wrong_forward_pass_with_a_right_cache():
    assert verdict_on("affine_backward", {"affine_forward": doubled_affine}).ok


def test_a_backward_pass_is_ok_beside_a_forward_pass_that_is_missing():
    def not_yet(x):
        raise NotImplementedError("relu_forward: two_layer_net")

    assert verdict_on("relu_backward", {"relu_forward": not_yet}).ok


def test_an_own_mistake_is_named_where_all_earlier_questions_are_right():
    verdict = verdict_on("relu_backward", {"relu_backward": lambda dout, cache: -dout * (cache > 0)})
    assert verdict.status == "wrong" and "builds on" not in text_of(verdict)


def test_an_ok_costs_nothing():
    verdict = ok(find("conv_net_loss"))
    assert blame(verdict, lambda earlier: pytest.fail("an earlier question is judged")) is verdict


def test_wrong_initial_weights_are_not_behind_wrong_scores():
    """The cases bring their own weights."""
    judged = []
    finding = holds("the scores are right", False)
    blame(Verdict(find("two_layer_net_loss"), "wrong", (finding,)), lambda q: judged.append(q.id) or ok(q))
    assert "affine_forward" in judged and "two_layer_net_init" not in judged


def test_an_error_in_initial_weights_is():
    judged = []
    finding = holds("the code runs", False)
    blame(Verdict(find("two_layer_net_loss"), "wrong", (finding,)), lambda q: judged.append(q.id) or ok(q))
    assert "two_layer_net_init" in judged


def test_ours_is_in_place_again():
    assert verdict_on("affine_forward", {"affine_forward": doubled_affine}).status == "wrong"
    assert layers.affine_forward(np.ones((1, 2)), np.ones((2, 1)), np.zeros(1))[0] == 2
