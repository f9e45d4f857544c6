"""The Transformer that writes captions: gradients, sampling, and what a step may see."""

import numpy as np
import pytest

from coursekit.questions.assignment3 import Transformer_Captioning as question
from cs231n.classifiers.transformer import CaptioningTransformer
from cs231n.gradient_check import eval_numerical_gradient
from cs231n.scenes import VOCABULARY
from tests.published_transformer import draw_net, gelu_in_place_of_relu

WORDS = {word: index for index, word in enumerate(("<NULL>", "<START>", "<END>", "cat", "dog"))}


@pytest.fixture
def model():
    np.random.seed(0)
    return CaptioningTransformer(WORDS, 3, 4, num_heads=2, num_layers=2, max_length=6, num_places=2, dtype=np.float64)


def test_gradients(model):
    rng = np.random.RandomState(1)
    features, captions = rng.randn(2, 2, 3), rng.randint(5, size=(2, 4))
    _, grads = model.loss(features, captions)
    assert set(grads) == set(model.params)
    for name in ("places", "W_embed", "b_proj", "block1_self_Wk", "block2_cross_bv", "block1_b1", "block2_norm2_gamma"):
        value = model.params[name]
        numeric = eval_numerical_gradient(lambda _: model.loss(features, captions)[0], value, verbose=False)
        np.testing.assert_allclose(grads[name], numeric, rtol=1e-4, atol=1e-7)


def test_scores_do_not_depend_on_later_words(model):
    rng = np.random.RandomState(2)
    features, words = rng.randn(2, 2, 3), rng.randint(5, size=(2, 5))
    other = words.copy()
    other[:, 3:] = (words[:, 3:] + 1) % 5
    first, second = (model.scores(model.params, features, w) for w in (words, other))
    np.testing.assert_allclose(first[:, :3], second[:, :3], rtol=1e-12)
    assert not np.allclose(first[:, 3:], second[:, 3:])


def test_the_places_of_the_image_are_told_apart(model):
    rng = np.random.RandomState(3)
    model.params["places"] = rng.randn(2, 4)
    features, words = rng.randn(1, 2, 3), np.array([[1, 3]])
    first, second = (model.scores(model.params, f, words) for f in (features, features[:, ::-1]))
    assert not np.allclose(first, second)


def test_sample(model):
    features = np.random.RandomState(4).randn(3, 2, 3)
    captions = model.sample(features, max_length=5)
    assert captions.shape == (3, 5) and captions.dtype == np.int32
    words = np.column_stack([np.full(3, 1), captions])
    scores = model.scores(model.params, features, words[:, :-1])
    np.testing.assert_array_equal(scores.argmax(axis=2), captions)


def test_it_learns_a_few_captions():
    from cs231n import optim

    np.random.seed(5)
    model = CaptioningTransformer(WORDS, 3, 16, num_heads=2, num_layers=1, max_length=6)
    features, captions = np.random.randn(4, 3), np.array([[1, 3, 4, 2], [1, 4, 3, 2], [1, 3, 3, 2], [1, 4, 4, 2]])
    configs = {name: {"learning_rate": 1e-2} for name in model.params}
    for _ in range(60):
        loss, grads = model.loss(features, captions)
        for name in model.params:
            model.params[name], configs[name] = optim.adam(model.params[name], grads[name], configs[name])
    assert loss < 0.05
    np.testing.assert_array_equal(model.sample(features, 3), captions[:, 1:])


def test_the_scores_are_the_published_ones():
    """The course's numbers of 2026, for weights and inputs as PyTorch draws them."""
    features, words, params = draw_net(pytest.importorskip("torch"))
    model = CaptioningTransformer({"<NULL>": 0, "<START>": 1, "a": 2}, 20, 30, 2, 2, 30, dtype=np.float64)
    with gelu_in_place_of_relu():
        scores = model.scores(params, features, words)
    expected = """
        0.62165695 -0.6203744 -1.116114 0.6641097 -0.60309553 -1.3479083 0.62117404 -0.79205745 -1.1095243
        0.62160987 -0.6214724 -1.1171186 0.6093992 -0.61166143 -1.3365762 0.62108713 -0.79322916 -1.1104958
        0.6406587 -0.57419956 -1.1300566 0.6075228 -0.60872054 -1.3372457 0.6471472 -0.8270494 -1.1064028
        0.64029807 -0.5755552 -1.1284486 0.60708034 -0.6099963 -1.3356377 0.59367496 -0.8346836 -1.0914496
    """
    np.testing.assert_allclose(scores, np.array(expected.split(), float).reshape(4, 3, 3), atol=2e-6)


# ---- the question about captions of new scenes


class Parrot:
    """Writes the captions that it was given, of which the last ones are wrong in a word."""

    def __init__(self, captions, num_wrong):
        self.captions = captions[:, 1:].copy()
        self.captions[len(captions) - num_wrong :, 0] += 1
        self.at = 0

    def sample(self, features, max_length):
        rows = self.captions[self.at : self.at + len(features)]
        self.at += len(features)
        return rows


def drawn_captions(number):
    captions = np.random.RandomState(6).randint(4, 30, size=(number, 8))
    captions[:, 0], captions[:, 5], captions[:, 6:] = 1, 2, 0
    return captions


@pytest.mark.parametrize("num_wrong, ok", [(0, True), (39, True), (41, False), (100, False)])
def test_the_share_of_exact_captions_decides(num_wrong, ok, monkeypatch):
    captions = drawn_captions(100)
    monkeypatch.setattr(question, "_net_of", lambda params, num_heads: Parrot(captions, num_wrong))
    findings = question._judge_captions({}, 4, np.zeros((100, 6)), captions)
    assert all(finding.ok for finding in findings) == ok


def test_what_comes_after_the_end_does_not_count():
    captions = drawn_captions(20)
    net = Parrot(captions, 5)
    net.captions[:, 5:] = 7
    assert question._exact(net, np.zeros((20, 6)), captions) == 0.75


def test_who_trained_on_the_held_out_scenes_is_found(monkeypatch):
    """Grading hands over scenes of the training set as well."""
    captions, seen = drawn_captions(50), drawn_captions(60)[50:]
    net = Parrot(np.concatenate([captions, seen]), len(seen))
    monkeypatch.setattr(question, "_net_of", lambda params, num_heads: net)
    findings = question._judge_captions({}, 4, np.zeros((50, 6)), captions, np.zeros((10, 6)), seen)
    assert [finding.ok for finding in findings] == [True, True, False]


def trained_looking():
    """The params of a small net with the vocabulary of the drawn scenes."""
    np.random.seed(7)
    words = {word: index for index, word in enumerate(VOCABULARY)}
    return CaptioningTransformer(words, 6, 8, 2, 1, max_length=12, num_places=3).params


@pytest.mark.parametrize(
    "change, text",
    [
        (lambda params: None, "TypeError"),
        (lambda params: {}, "KeyError"),
        (lambda params: params | {"block1_self_Wq": np.ones((8, 7))}, "block1_self_Wq has shape"),
        (lambda params: params | {"b_vocab": np.full(len(VOCABULARY), np.nan)}, "nan or infinite"),
        (lambda params: {name: value for name, value in params.items() if name != "block1_cross_bo"}, "KeyError"),
    ],
)
def test_params_that_are_no_nets_are_said_to_be_so(change, text):
    findings = question._judge_captions(change(trained_looking()), 2, np.zeros((8, 18)), drawn_captions(8))
    assert len(findings) == 1 and not findings[0].ok and text in findings[0].gap[0]


def test_an_untrained_net_is_wrong_and_not_refused():
    findings = question._judge_captions(trained_looking(), 2, np.zeros((8, 18)), drawn_captions(8))
    assert [finding.ok for finding in findings] == [True, False]
    assert "0.0% of 8 captions" in findings[1].gap[0]
