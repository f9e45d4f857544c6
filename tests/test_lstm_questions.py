"""The question on captions of unseen scenes: which parameters fit, how captions are written, and what is said."""

import numpy as np
import pytest

from coursekit.judging.judge import judge_values
from coursekit.judging.rendering import render
from coursekit.questions import find
from coursekit.questions.assignment3 import LSTM_Captioning as questions
from cs231n.classifiers.rnn import CaptioningRNN

D, V, LENGTH = 5, 7, 4
WORD_TO_IDX = {"<NULL>": 0, "<START>": 1, "<END>": 2, "a": 3, "red": 4, "fish": 5, "sun": 6}


def make_net(seed=0, D=D):
    """A small net whose captions of different images differ."""
    np.random.seed(seed)
    net = CaptioningRNN(WORD_TO_IDX, D, 3, 6, cell_type="lstm", dtype=np.float64)
    net.params = {name: value + np.random.randn(*value.shape) for name, value in net.params.items()}
    return net


@pytest.fixture
def few_scenes(monkeypatch):
    """Twenty scenes in the place of the 1,700: 12 of the captions are those that the net writes."""
    features = np.random.default_rng(0).standard_normal((20, D))
    captions = np.hstack([np.ones((20, 1), int), make_net().sample(features, LENGTH)])
    captions[12:, 1:] = 0
    captions = np.hstack([captions[:, :1], _without_rest(captions[:, 1:])])
    monkeypatch.setattr(questions, "_unseen_scenes", lambda: (WORD_TO_IDX, features, captions))
    return features, captions


def _without_rest(captions):
    """Captions with <NULL> after <END>, as those of the data are."""
    ended = np.cumsum(captions == 2, axis=1) - (captions == 2) > 0
    return np.where(ended, 0, captions)


def verdict_on(params):
    return judge_values(find("lstm_captions"), {"params": params})


def text_of(verdict):
    return " ".join(render(verdict).split())


def test_the_judge_writes_what_the_network_writes():
    net, features = make_net(), np.random.default_rng(1).standard_normal((50, D))
    captions = net.sample(features, LENGTH)
    assert len(np.unique(captions, axis=0)) > 5
    np.testing.assert_array_equal(questions._write(net.params, features, 1, LENGTH), captions)


def test_enough_exact_captions_are_ok(few_scenes):
    assert verdict_on(make_net().params).ok  # 12 of 20


def test_too_few_are_not_and_the_share_is_said(few_scenes):
    features, captions = few_scenes
    captions[7:, 1:] = 0  # 7 of 20
    verdict = verdict_on(make_net().params)
    assert verdict.status == "wrong" and "got 35.0%" in text_of(verdict) and "memorises" in text_of(verdict)
    captions[:, 1:] = 0
    assert "has the loss fallen at all" in text_of(verdict_on(make_net().params))


def test_the_order_of_the_gates_is_that_of_the_course(few_scenes):
    """The parameters of a net with the blocks in another order write other captions."""
    params = make_net().params
    swapped = params | {name: np.roll(params[name], 6, axis=-1) for name in ("Wx", "Wh", "b")}
    assert verdict_on(swapped).status == "wrong"


@pytest.mark.parametrize(
    "change, said",
    [
        (lambda p: p.pop("b_vocab"), "b_vocab: expected floats of shape (7,), got none"),
        (lambda p: p.update(Wx=p["Wx"][:, :6]), "Wx: expected floats of shape (3, 24), got (3, 6)"),
        (lambda p: p.update(W_proj=p["W_proj"][:4]), "W_proj: expected floats of shape (5, 6), got (4, 6)"),
        (lambda p: p.update(b=np.full(24, np.nan)), "some values are nan or infinite"),
        (lambda p: p.update(b_proj=np.float64(1)), "b_proj: expected floats of shape (6,), got none"),
        (lambda p: p.update(W_proj=np.array(1.0)), "W_proj: expected floats of shape (5, 0), got none"),
        (lambda p: p.update(W_embed=[[1.0], [1.0, 2.0]]), "W_embed: expected floats of shape (7, 0), got none"),
        (lambda p: p.update(b="many"), "b: expected floats of shape (24,), got none"),
        (lambda p: p.update(b=np.ones(24, int)), "b: expected floats of shape (24,), got none"),
    ],
)
def test_other_parameters_are_named(few_scenes, change, said):
    params = dict(make_net().params)
    change(params)
    verdict = verdict_on(params)
    assert verdict.status == "wrong" and said in text_of(verdict)


def test_something_else_than_a_dict_is_named(few_scenes):
    assert "W_embed: expected floats" in text_of(verdict_on([1.0, 2.0]))


@pytest.mark.parametrize("params", [None, {}])
def test_nothing_is_not_attempted(params):
    assert verdict_on(params).status == "not attempted"


def test_the_scenes_are_the_ones_that_nobody_trains_on():
    word_to_idx, features, captions = questions._unseen_scenes()
    assert len(features) == len(captions) == questions.NUM_VAL == 1700
    assert features.shape[1] == 1728 and all(word in word_to_idx for word in questions.WORDS)
