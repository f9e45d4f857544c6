"""The question on a trained segmentation network: which parameters fit, what it predicts, and what is said."""

import numpy as np
import pytest

from coursekit.judging.judge import judge_values
from coursekit.judging.rendering import render
from coursekit.questions import find
from coursekit.questions.assignment4 import Segmentation as questions
from cs231n.classifiers.encoder_decoder import UPSAMPLING, EncoderDecoder
from cs231n.detection_metrics import mean_iou


def make_net(upsampling="nearest", skip=True):
    """A small net with random parameters and statistics."""
    np.random.seed(0)
    net = EncoderDecoder(filters=(3, 5), upsampling=upsampling, skip=skip)
    net.params = {name: (value + 0.3 * np.random.randn(*value.shape)) for name, value in net.params.items()}
    for statistics in net.bn_params:
        statistics["running_mean"] += 0.2
        statistics["running_var"] *= 1.5
    return net


def verdict_on(net, **changed):
    values = {"params": net.params, "bn_params": net.bn_params, "upsampling": net.upsampling}
    return judge_values(find("scene_segmenter"), values | changed)


def text_of(verdict):
    return " ".join(render(verdict).split())


@pytest.fixture
def scenes(monkeypatch):
    """Eight noisy images in the place of the 300 scenes, with the classes that the net gives most of their pixels."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((8, 3, 8, 12)).astype(np.float32)
    y = make_net().segment(X)
    y[rng.random(y.shape) < 0.05] = 0
    monkeypatch.setattr(questions, "_unseen_scenes", lambda: (X, y))
    return X, y


@pytest.mark.parametrize("upsampling", UPSAMPLING)
@pytest.mark.parametrize("skip", [True, False])
def test_the_judge_predicts_what_the_network_predicts(upsampling, skip):
    net, X = make_net(upsampling, skip), np.random.default_rng(1).standard_normal((5, 3, 8, 12)).astype(np.float32)
    got, expected = questions._segment(net.params, net.bn_params, upsampling, X), net.segment(X)
    assert len(np.unique(expected)) >= 2
    assert np.mean(got == expected) > 0.998  # two scores may be equal but for rounding


def test_the_judges_mean_is_mean_iou():
    rng = np.random.RandomState(0)
    y_pred, y = rng.randint(9, size=(2, 50))
    assert questions._mean_iou(y_pred, y) == pytest.approx(mean_iou(y_pred, y, questions.NUM_CLASSES)[0])


def test_enough_is_ok(scenes):
    assert verdict_on(make_net()).ok


def test_too_little_is_not_and_the_value_is_said(scenes):
    net = make_net()
    net.params["scores_W"] = -net.params["scores_W"]
    text = text_of(verdict_on(net))
    assert "expected at least 0.75, got 0." in text and "never predicted" in text


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda net: {"params": {"W": 1}}, "params has 0 arrays"),
        (lambda net: {"upsampling": "bilinear"}, "'bilinear'"),
        (lambda net: {"bn_params": net.bn_params[:-1]}, "running mean"),
        (lambda net: {"params": net.params | {"bottom_W": np.ones((5, 5))}}, "bottom_W: expected floats of shape"),
        (lambda net: {"params": net.params | {"bottom_gamma": np.full(5, np.nan)}}, "diverged"),
        (lambda net: {"upsampling": "transposed"}, "up1_W"),
    ],
)
def test_what_does_not_fit_is_named(scenes, change, words):
    net = make_net()
    verdict = verdict_on(net, **change(net))
    assert not verdict.ok and words in text_of(verdict)
