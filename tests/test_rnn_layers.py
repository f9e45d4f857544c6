"""Layers for sequences and the captioning network: the course's published numbers, PyTorch's twins, and errors."""

import numpy as np
import pytest
from layer_check import check_layer

from cs231n.classifiers.rnn import CaptioningRNN
from cs231n.gradient_check import eval_numerical_gradient
from cs231n.rnn_layers import (
    lstm_backward,
    lstm_forward,
    lstm_step_backward,
    lstm_step_forward,
    rnn_backward,
    rnn_forward,
    rnn_step_backward,
    rnn_step_forward,
    sigmoid,
    temporal_affine_backward,
    temporal_affine_forward,
    temporal_softmax_loss,
    word_embedding_backward,
    word_embedding_forward,
)


def linspace(start, stop, *shape):
    return np.linspace(start, stop, num=int(np.prod(shape))).reshape(shape)


class TestPublishedNumbers:
    """To as many digits as were published."""

    def test_rnn_step(self):
        x, prev_h = linspace(-0.4, 0.7, 3, 10), linspace(-0.2, 0.5, 3, 4)
        Wx, Wh, b = linspace(-0.1, 0.9, 10, 4), linspace(-0.3, 0.7, 4, 4), linspace(-0.2, 0.4, 4)
        expected = [
            [-0.58172089, -0.50182032, -0.41232771, -0.31410098],
            [0.66854692, 0.79562378, 0.87755553, 0.92795967],
            [0.97934501, 0.99144213, 0.99646691, 0.99854353],
        ]
        np.testing.assert_allclose(rnn_step_forward(x, prev_h, Wx, Wh, b)[0], expected, atol=5e-9)

    def test_rnn(self):
        x, h0 = linspace(-0.1, 0.3, 2, 3, 4), linspace(-0.3, 0.1, 2, 5)
        Wx, Wh, b = linspace(-0.2, 0.4, 4, 5), linspace(-0.4, 0.1, 5, 5), linspace(-0.7, 0.1, 5)
        expected = [
            [
                [-0.42070749, -0.27279261, -0.11074945, 0.05740409, 0.22236251],
                [-0.39525808, -0.22554661, -0.0409454, 0.14649412, 0.32397316],
                [-0.42305111, -0.24223728, -0.04287027, 0.15997045, 0.35014525],
            ],
            [
                [-0.55857474, -0.39065825, -0.19198182, 0.02378408, 0.23735671],
                [-0.27150199, -0.07088804, 0.13562939, 0.33099728, 0.50158768],
                [-0.51014825, -0.30524429, -0.06755202, 0.17806392, 0.40333043],
            ],
        ]
        np.testing.assert_allclose(rnn_forward(x, h0, Wx, Wh, b)[0], expected, atol=5e-9)

    def test_word_embedding(self):
        x, W = np.array([[0, 3, 1, 2], [2, 1, 0, 3]]), linspace(0, 1, 5, 3)
        rows = [
            [0.0, 0.07142857, 0.14285714],
            [0.21428571, 0.28571429, 0.35714286],
            [0.42857143, 0.5, 0.57142857],
            [0.64285714, 0.71428571, 0.78571429],
        ]
        np.testing.assert_allclose(word_embedding_forward(x, W)[0], np.array(rows)[x], atol=5e-9)

    def test_lstm_step(self):
        x, prev_h, prev_c = linspace(-0.4, 1.2, 3, 4), linspace(-0.3, 0.7, 3, 5), linspace(-0.4, 0.9, 3, 5)
        Wx, Wh, b = linspace(-2.1, 1.3, 4, 20), linspace(-0.7, 2.2, 5, 20), linspace(0.3, 0.7, 20)
        next_h, next_c, _ = lstm_step_forward(x, prev_h, prev_c, Wx, Wh, b)
        expected_h = [
            [0.24635157, 0.28610883, 0.32240467, 0.35525807, 0.38474904],
            [0.49223563, 0.55611431, 0.61507696, 0.66844003, 0.7159181],
            [0.56735664, 0.66310127, 0.74419266, 0.80889665, 0.858299],
        ]
        expected_c = [
            [0.32986176, 0.39145139, 0.451556, 0.51014116, 0.56717407],
            [0.66382255, 0.76674007, 0.87195994, 0.97902709, 1.08751345],
            [0.74192008, 0.90592151, 1.07717006, 1.25120233, 1.42395676],
        ]
        np.testing.assert_allclose(next_h, expected_h, atol=5e-9)
        np.testing.assert_allclose(next_c, expected_c, atol=5e-9)

    def test_lstm(self):
        x, h0 = linspace(-0.4, 0.6, 2, 3, 5), linspace(-0.4, 0.8, 2, 4)
        Wx, Wh, b = linspace(-0.2, 0.9, 5, 16), linspace(-0.3, 0.6, 4, 16), linspace(0.2, 0.7, 16)
        expected = [
            [
                [0.01764008, 0.01823233, 0.01882671, 0.0194232],
                [0.11287491, 0.12146228, 0.13018446, 0.13902939],
                [0.31358768, 0.33338627, 0.35304453, 0.37250975],
            ],
            [
                [0.45767879, 0.4761092, 0.4936887, 0.51041945],
                [0.6704845, 0.69350089, 0.71486014, 0.7346449],
                [0.81733511, 0.83677871, 0.85403753, 0.86935314],
            ],
        ]
        np.testing.assert_allclose(lstm_forward(x, h0, Wx, Wh, b)[0], expected, atol=5e-9)

    @pytest.mark.parametrize(
        "cell_type, features, expected",
        [("rnn", (-1.5, 0.3), 9.83235591003), ("lstm", (-0.5, 1.7), 9.82445935443)],
    )
    def test_captioning_loss(self, cell_type, features, expected):
        words = {"<NULL>": 0, "cat": 2, "dog": 3}
        model = CaptioningRNN(words, 20, 30, 40, cell_type=cell_type, dtype=np.float64)
        for name, value in model.params.items():
            model.params[name] = linspace(-1.4, 1.3, *value.shape)
        captions = (np.arange(130) % 3).reshape(10, 13)
        loss, _ = model.loss(linspace(*features, 10, 20), captions)
        assert abs(loss - expected) < 5e-12

    def test_temporal_softmax(self):
        """About log(10) for each step that counts."""
        np.random.seed(231)
        for N, T, V, p, expected in ((100, 1, 10, 1.0, 2.3), (100, 10, 10, 1.0, 23), (5000, 10, 10, 0.1, 2.3)):
            x, y = 0.001 * np.random.randn(N, T, V), np.random.randint(V, size=(N, T))
            loss, _ = temporal_softmax_loss(x, y, np.random.rand(N, T) <= p)
            assert loss == pytest.approx(expected, rel=0.03)


def draw(*shapes):
    np.random.seed(231)
    return [np.random.randn(*shape) for shape in shapes]


class TestLayers:
    """Shapes, no changed inputs, gradients by differences; PyTorch's twins below."""

    @pytest.mark.parametrize("N, D, H", [(1, 1, 1), (4, 5, 6), (3, 2, 7)])
    def test_rnn_step(self, N, D, H):
        check_layer(rnn_step_forward, rnn_step_backward, draw((N, D), (N, H), (D, H), (H, H), (H,)))

    @pytest.mark.parametrize("N, T, D, H", [(1, 1, 1, 1), (2, 10, 3, 5), (3, 4, 5, 2)])
    def test_rnn(self, N, T, D, H):
        check_layer(rnn_forward, rnn_backward, draw((N, T, D), (N, H), (D, H), (H, H), (H,)), twin=rnn_twin)

    @pytest.mark.parametrize("output", [0, 1])
    def test_lstm_step(self, output):
        """Each of the two outputs by itself: the gradient of the other one is 0."""
        shapes = (4, 5), (4, 6), (4, 6), (5, 24), (6, 24), (24,)

        def forward(*inputs):
            *outputs, cache = lstm_step_forward(*inputs)
            return outputs[output], cache

        def backward(dout, cache):
            douts = [np.zeros_like(dout), np.zeros_like(dout)]
            douts[output] = dout
            return lstm_step_backward(*douts, cache)

        check_layer(forward, backward, draw(*shapes))

    @pytest.mark.parametrize("N, T, D, H", [(1, 1, 1, 1), (2, 10, 3, 6), (3, 4, 5, 2)])
    def test_lstm(self, N, T, D, H):
        shapes = (N, T, D), (N, H), (D, 4 * H), (H, 4 * H), (4 * H,)
        check_layer(lstm_forward, lstm_backward, draw(*shapes), twin=lstm_twin)

    def test_temporal_affine(self):
        check_layer(temporal_affine_forward, temporal_affine_backward, draw((2, 3, 4), (4, 5), (5,)))

    @pytest.mark.parametrize("N, T, V, D", [(50, 3, 5, 6), (1, 1, 2, 3), (4, 7, 30, 2)])
    def test_word_embedding(self, N, T, V, D):
        """With words that are repeated, and words that never occur."""
        np.random.seed(231)
        x = np.random.randint(V, size=(N, T))

        def twin(W):
            import torch

            return torch.nn.functional.embedding(torch.tensor(x), W)

        check_layer(lambda W: word_embedding_forward(x, W), word_embedding_backward, [np.random.randn(V, D)], twin=twin)

    @pytest.mark.parametrize("N, T, V", [(7, 8, 9), (1, 1, 2), (5, 3, 20)])
    def test_temporal_softmax_twin(self, N, T, V):
        torch = pytest.importorskip("torch")
        np.random.seed(231)
        x, y = 5 * np.random.randn(N, T, V), np.random.randint(V, size=(N, T))
        mask = np.random.rand(N, T) > 0.5
        loss, dx = temporal_softmax_loss(x, y, mask)
        scores = torch.tensor(x, requires_grad=True)
        words = torch.tensor(np.where(mask, y, -100))
        total = torch.nn.functional.cross_entropy(scores.transpose(1, 2), words, reduction="sum") / N
        total.backward()
        assert loss == pytest.approx(total.item(), rel=1e-9, abs=1e-12)
        np.testing.assert_allclose(dx, scores.grad.numpy(), rtol=1e-9, atol=1e-12)

    def test_float32_stays_float32(self):
        """A network trains in the dtype of its parameters."""
        x, h0, *weights = [a.astype(np.float32) for a in draw((2, 3, 4), (2, 5), (4, 5), (5, 5), (5,))]
        h, cache = rnn_forward(x, h0, *weights)
        assert h.dtype == np.float32
        assert {gradient.dtype for gradient in rnn_backward(h, cache)} == {np.dtype(np.float32)}
        _, dx = temporal_softmax_loss(h, np.zeros((2, 3), int), np.ones((2, 3), bool))
        assert dx.dtype == np.float32

    def test_what_is_masked_has_no_influence(self):
        """Neither do scores that are far off, nor does a caption of which nothing counts."""
        x, y = draw((3, 4, 5))[0], np.zeros((3, 4), int)
        mask = np.array([[True, True, False, False], [True, False, True, True], [False] * 4])
        expected = temporal_softmax_loss(x, y, mask)
        loss, dx = temporal_softmax_loss(np.where(mask[:, :, np.newaxis], x, 1e300 * np.sign(x)), y, mask)
        assert loss == expected[0] and not dx[~mask].any()
        np.testing.assert_array_equal(dx, expected[1])

    def test_temporal_softmax_gradient(self):
        np.random.seed(231)
        x, y, mask = np.random.randn(7, 8, 9), np.random.randint(9, size=(7, 8)), np.random.rand(7, 8) > 0.5
        _, dx = temporal_softmax_loss(x, y, mask)
        numeric = eval_numerical_gradient(lambda x: temporal_softmax_loss(x, y, mask)[0], x, verbose=False)
        np.testing.assert_allclose(dx, numeric, atol=1e-9)


def rnn_twin(x, h0, Wx, Wh, b):
    import torch

    layer = torch.nn.RNN(x.shape[2], h0.shape[1], batch_first=True, dtype=torch.float64)
    return _run_twin(layer, {"weight_ih_l0": Wx.T, "weight_hh_l0": Wh.T, "bias_ih_l0": b}, x, h0[None])


def lstm_twin(x, h0, Wx, Wh, b):
    import torch

    H = h0.shape[1]
    layer = torch.nn.LSTM(x.shape[2], H, batch_first=True, dtype=torch.float64)
    order = [*range(2 * H), *range(3 * H, 4 * H), *range(2 * H, 3 * H)]  # PyTorch's gates: i, f, g, o
    params = {"weight_ih_l0": Wx.T[order], "weight_hh_l0": Wh.T[order], "bias_ih_l0": b[order]}
    return _run_twin(layer, params, x, (h0[None], torch.zeros_like(h0)[None]))


def _run_twin(layer, params, x, state):
    import torch

    params["bias_hh_l0"] = torch.zeros_like(params["bias_ih_l0"])
    return torch.func.functional_call(layer, params, (x, state))[0]


@pytest.mark.parametrize("cell_type", ["rnn", "lstm"])
class TestCaptioningRNN:
    def test_gradients(self, cell_type):
        np.random.seed(231)
        words = {"<NULL>": 0, "cat": 2, "dog": 3}
        model = CaptioningRNN(words, 4, 5, 6, cell_type=cell_type, dtype=np.float64)
        captions, features = np.random.randint(3, size=(2, 3)), np.random.randn(2, 4)
        _, grads = model.loss(features, captions)
        assert set(grads) == set(model.params)
        for name, value in model.params.items():
            numeric = eval_numerical_gradient(lambda _: model.loss(features, captions)[0], value, verbose=False, h=1e-6)
            np.testing.assert_allclose(grads[name], numeric, atol=1e-8)

    def test_sample_says_what_the_loss_prefers(self, cell_type):
        """Word by word, the sampled caption has the highest score under the network as `loss` runs it."""
        np.random.seed(0)
        words = {"<NULL>": 0, "<START>": 1, "<END>": 2, "cat": 3, "dog": 4}
        model = CaptioningRNN(words, 4, 5, 6, cell_type=cell_type, dtype=np.float64)
        model.params = {name: 3 * value for name, value in model.params.items()}
        features = np.random.randn(3, 4)
        captions = model.sample(features, max_length=4)
        assert captions.shape == (3, 4) and captions.dtype == np.int32
        model._null = -1  # every step counts
        for t in range(4):
            losses = []
            for word in range(5):
                caption = np.column_stack([np.ones(3, int), captions[:, :t], np.full(3, word)])
                losses.append([model.loss(features[i : i + 1], caption[i : i + 1])[0] for i in range(3)])
            np.testing.assert_array_equal(np.argmin(losses, axis=0), captions[:, t])

    def test_parameters(self, cell_type):
        """Drawn in the course's order from the global generator."""
        k = {"rnn": 1, "lstm": 4}[cell_type]
        np.random.seed(1)
        model = CaptioningRNN({"<NULL>": 0, "a": 1}, 3, 4, 5, cell_type=cell_type, dtype=np.float64)
        np.random.seed(1)
        drawn = {"W_embed": np.random.randn(2, 4) / 100, "W_proj": np.random.randn(3, 5) / np.sqrt(3)}
        drawn |= {"Wx": np.random.randn(4, k * 5) / 2, "Wh": np.random.randn(5, k * 5) / np.sqrt(5)}
        drawn |= {"W_vocab": np.random.randn(5, 2) / np.sqrt(5)}
        assert list(model.params) == ["W_embed", "W_proj", "b_proj", "Wx", "Wh", "b", "W_vocab", "b_vocab"]
        for name, value in model.params.items():
            np.testing.assert_allclose(value, drawn.get(name, np.zeros_like(value)), rtol=1e-12)


def test_extreme_scores():
    np.testing.assert_array_equal(sigmoid(np.array([-1e4, 0, 1e4])), [0, 0.5, 1])
    np.testing.assert_array_equal(sigmoid(np.array([0, 1])), sigmoid(np.array([0.0, 1.0])))
    x = np.array([[[0.0, 1e4], [1e4, 0.0]]])
    loss, dx = temporal_softmax_loss(x, np.array([[0, 0]]), np.ones((1, 2), bool))
    assert loss == 1e4 and np.isfinite(dx).all()


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: CaptioningRNN({"<NULL>": 0}, cell_type="gru"), "cell_type is 'gru'"),
        (lambda: CaptioningRNN({"<NULL>": 0}, 2).sample(np.ones((1, 2))), 'has no "<START>"'),
        (lambda: rnn_forward(np.ones((2, 3)), None, None, None, None), r"x has shape \(2, 3\), expected \(N, T, D\)"),
        (lambda: word_embedding_forward(np.array([[5]]), np.ones((5, 2))), "the vocabulary has 5 words"),
        (lambda: word_embedding_forward(np.array([[-1]]), np.ones((5, 2))), "from -1 to -1"),
        (lambda: temporal_softmax_loss(np.ones((1, 2, 3)), np.zeros((2, 1), int), None), r"y has shape \(2, 1\)"),
        (lambda: rnn_step_forward(*draw((2, 3), (2, 4), (3, 5), (4, 4), (4,))), r"Wx has shape \(3, 5\)"),
        (lambda: lstm_step_forward(*draw((2, 3), (2, 4), (2, 4), (3, 4), (4, 16), (16,))), r"expected \(3, 16\)"),
    ],
)
def test_errors_say_what_came(call, message):
    with pytest.raises(ValueError, match=message):
        call()
