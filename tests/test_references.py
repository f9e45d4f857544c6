"""The course's published reference values, to as many digits as were published."""

import numpy as np
import pytest

from coursekit.running.gradients import gradient_error
from cs231n.classifiers import fc_net, neural_net
from cs231n.layers import (
    affine_backward,
    affine_forward,
    batchnorm_backward,
    batchnorm_backward_alt,
    batchnorm_forward,
    dropout_backward,
    dropout_forward,
    layernorm_backward,
    layernorm_forward,
    relu_backward,
    relu_forward,
    softmax_loss,
    spatial_batchnorm_backward,
    spatial_batchnorm_forward,
    spatial_groupnorm_backward,
    spatial_groupnorm_forward,
    svm_loss,
)


def linspace(start, stop, *shape):
    return np.linspace(start, stop, num=int(np.prod(shape))).reshape(shape)


class TestToyNetwork:
    """The older two-layer net on five inputs."""

    @pytest.fixture
    def toy(self):
        np.random.seed(0)
        net = neural_net.TwoLayerNet(4, 10, 3, std=1e-1)
        np.random.seed(1)
        return net, 10 * np.random.randn(5, 4), np.array([0, 1, 2, 2, 1])

    def test_scores(self, toy):
        net, X, _ = toy
        reference = [
            [-0.81233741, -1.27654624, -0.70335995],
            [-0.17129677, -1.18803311, -0.47310444],
            [-0.51590475, -1.01354314, -0.8504215],
            [-0.15419291, -0.48629638, -0.52901952],
            [-0.00618733, -0.12435261, -0.15226949],
        ]
        assert np.abs(net.loss(X) - reference).sum() < 1e-7

    def test_loss(self, toy):
        net, X, y = toy
        assert abs(net.loss(X, y, reg=0.05)[0] - 1.30378789133) < 1e-11

    def test_gradients(self, toy):
        net, X, y = toy
        _, grads = net.loss(X, y, reg=0.05)
        for name, grad in grads.items():
            error, _ = gradient_error(lambda _: net.loss(X, y, reg=0.05)[0], net.params[name], grad)
            assert error < 1e-7, name

    def test_training(self, toy):
        net, X, y = toy
        stats = net.train(X, y, X, y, learning_rate=1e-1, reg=5e-6, num_iters=100, verbose=False)
        assert stats["loss_history"][-1] < 0.02
        assert (net.predict(X) == y).all()


def test_affine_forward():
    out, _ = affine_forward(linspace(-0.1, 0.5, 2, 4, 5, 6), linspace(-0.2, 0.3, 120, 3), linspace(-0.3, 0.1, 3))
    reference = [[1.49834967, 1.70660132, 1.91485297], [3.25553199, 3.5141327, 3.77273342]]
    np.testing.assert_allclose(out, reference, rtol=2e-9)


def test_affine_backward():
    np.random.seed(231)
    x, w, b = np.random.randn(10, 2, 3), np.random.randn(6, 5), np.random.randn(5)
    dout = np.random.randn(10, 5)
    grads = affine_backward(dout, affine_forward(x, w, b)[1])
    for moved, grad in zip((x, w, b), grads, strict=True):
        assert gradient_error(lambda _: affine_forward(x, w, b)[0], moved, grad, dout)[0] < 1e-9


def test_relu():
    reference = [[0, 0, 0, 0], [0, 0, 0.04545455, 0.13636364], [0.22727273, 0.31818182, 0.40909091, 0.5]]
    np.testing.assert_allclose(relu_forward(linspace(-0.5, 0.5, 3, 4))[0], reference, atol=5e-9)
    np.random.seed(231)
    x, dout = np.random.randn(10, 10), np.random.randn(10, 10)
    assert gradient_error(lambda x: relu_forward(x)[0], x, relu_backward(dout, x), dout)[0] < 1e-9


@pytest.mark.parametrize("layer, reference", [(svm_loss, 8.999602749096233), (softmax_loss, 2.302545844500738)])
def test_losses(layer, reference):
    np.random.seed(231)
    x, y = 0.001 * np.random.randn(50, 10), np.random.randint(10, size=50)
    loss, dx = layer(x, y)
    np.testing.assert_allclose(loss, reference, rtol=1e-13)
    assert gradient_error(lambda x: layer(x, y)[0], x, dx)[0] < 1e-7


class TestTwoLayerNet:
    """The modular two-layer net."""

    @pytest.fixture
    def net(self):
        np.random.seed(231)
        np.random.randn(3, 5), np.random.randint(7, size=3)  # the notebook draws its data first
        return fc_net.TwoLayerNet(input_dim=5, hidden_dim=50, num_classes=7, weight_scale=1e-3)

    @pytest.fixture
    def filled(self, net):
        net.params["W1"], net.params["b1"] = linspace(-0.7, 0.3, 5, 50), linspace(-0.1, 0.9, 50)
        net.params["W2"], net.params["b2"] = linspace(-0.3, 0.4, 50, 7), linspace(-0.9, 0.1, 7)
        return net, np.linspace(-5.5, 4.5, num=15).reshape(5, 3).T

    def test_initial_weights(self, net):
        for name in ("W1", "W2"):
            assert abs(net.params[name].std() - 1e-3) < 1e-4
        assert not net.params["b1"].any() and not net.params["b2"].any()

    def test_scores(self, filled):
        net, X = filled
        reference = [
            [11.53165108, 12.2917344, 13.05181771, 13.81190102, 14.57198434, 15.33206765, 16.09215096],
            [12.05769098, 12.74614105, 13.43459113, 14.1230412, 14.81149128, 15.49994135, 16.18839143],
            [12.58373087, 13.20054771, 13.81736455, 14.43418138, 15.05099822, 15.66781506, 16.2846319],
        ]
        assert np.abs(net.loss(X) - reference).sum() < 1e-6

    @pytest.mark.parametrize("reg, reference", [(0.0, 3.4702243556), (1.0, 26.5948426952)])
    def test_loss(self, filled, reg, reference):
        net, X = filled
        net.reg = reg
        assert abs(net.loss(X, np.array([0, 5, 1]))[0] - reference) < 1e-10

    @pytest.mark.parametrize("reg", [0.0, 0.7])
    def test_gradients(self, filled, reg):
        net, X = filled
        net.reg = reg
        y = np.array([0, 5, 1])
        _, grads = net.loss(X, y)
        for name, grad in grads.items():
            assert gradient_error(lambda _: net.loss(X, y)[0], net.params[name], grad)[0] < 1e-7, name


def two_layer_outputs(X, W1, W2):
    """The outputs of a random two-layer network without biases, as in the course's normalisation cells."""
    return np.maximum(0, X @ W1) @ W2


class TestNormalisation:
    """Batch, layer and group normalisation."""

    def test_batchnorm_in_training(self):
        np.random.seed(231)
        a = two_layer_outputs(np.random.randn(200, 50), np.random.randn(50, 60), np.random.randn(60, 3))
        np.testing.assert_allclose(a.mean(axis=0), [-2.3814598, -13.18038246, 1.91780462], rtol=1e-8)
        np.testing.assert_allclose(a.std(axis=0), [27.18502186, 34.21455511, 37.68611762], rtol=1e-8)
        out, _ = batchnorm_forward(a, np.ones(3), np.zeros(3), {"mode": "train"})
        np.testing.assert_allclose(out.mean(axis=0), 0, atol=1e-14)
        np.testing.assert_allclose(out.std(axis=0), [0.99999999, 1, 1], atol=6e-9)
        out, _ = batchnorm_forward(a, np.array([1.0, 2, 3]), np.array([11.0, 12, 13]), {"mode": "train"})
        np.testing.assert_allclose(out.mean(axis=0), [11, 12, 13])
        np.testing.assert_allclose(out.std(axis=0), [0.99999999, 1.99999999, 2.99999999], atol=6e-9)

    def test_batchnorm_in_test_mode(self):
        np.random.seed(231)
        bn_param = {"mode": "train"}
        weights = np.random.randn(50, 60), np.random.randn(60, 3)
        for _ in range(50):
            a = two_layer_outputs(np.random.randn(200, 50), *weights)
            batchnorm_forward(a, np.ones(3), np.zeros(3), bn_param)
        a = two_layer_outputs(np.random.randn(200, 50), *weights)
        out, _ = batchnorm_forward(a, np.ones(3), np.zeros(3), bn_param | {"mode": "test"})
        np.testing.assert_allclose(out.mean(axis=0), [-0.03927354, -0.04349152, -0.10452688], rtol=1e-6)
        np.testing.assert_allclose(out.std(axis=0), [1.01531428, 1.01238373, 0.97819988], rtol=1e-8)

    @pytest.mark.parametrize("backward", [batchnorm_backward, batchnorm_backward_alt])
    def test_batchnorm_backward(self, backward):
        np.random.seed(231)
        x, gamma, beta = 5 * np.random.randn(4, 5) + 12, np.random.randn(5), np.random.randn(5)
        dout = np.random.randn(4, 5)
        self.check_gradients(batchnorm_forward, backward, (x, gamma, beta), ({"mode": "train"},), dout)

    def test_both_batchnorm_backwards_agree(self):
        """On the course's 100 inputs of 500 values the two functions differ by rounding only."""
        np.random.seed(231)
        x, gamma, beta = 5 * np.random.randn(100, 500) + 12, np.random.randn(500), np.random.randn(500)
        dout = np.random.randn(100, 500)
        _, cache = batchnorm_forward(x, gamma, beta, {"mode": "train"})
        for one, other in zip(batchnorm_backward(dout, cache), batchnorm_backward_alt(dout, cache), strict=True):
            assert np.linalg.norm(one - other) < 1e-12 * np.linalg.norm(one)

    def check_gradients(self, forward, backward, arrays, options, dout):
        grads = backward(dout, forward(*arrays, *options)[1])
        for moved, grad in zip(arrays, grads, strict=True):
            assert gradient_error(lambda _: forward(*arrays, *options)[0], moved, grad, dout)[0] < 1e-7

    def test_layernorm(self):
        np.random.seed(231)
        a = two_layer_outputs(np.random.randn(4, 50), np.random.randn(50, 60), np.random.randn(60, 3))
        out, _ = layernorm_forward(a, np.ones(3), np.zeros(3), {})
        np.testing.assert_allclose(out.mean(axis=1), 0, atol=1e-14)
        np.testing.assert_allclose(out.std(axis=1), [0.99999995, 0.99999999, 1, 0.99999969], atol=6e-9)

    def test_layernorm_backward(self):
        np.random.seed(231)
        x, gamma, beta = 5 * np.random.randn(4, 5) + 12, np.random.randn(5), np.random.randn(5)
        self.check_gradients(layernorm_forward, layernorm_backward, (x, gamma, beta), ({},), np.random.randn(4, 5))

    def test_spatial_batchnorm_in_training(self):
        np.random.seed(231)
        x = 4 * np.random.randn(2, 3, 4, 5) + 10
        np.testing.assert_allclose(x.mean(axis=(0, 2, 3)), [9.33463814, 8.90909116, 9.11056338], rtol=1e-8)
        out, _ = spatial_batchnorm_forward(x, np.ones(3), np.zeros(3), {"mode": "train"})
        np.testing.assert_allclose(out.std(axis=(0, 2, 3)), [0.99999962, 0.99999951, 0.9999996], atol=6e-9)
        out, _ = spatial_batchnorm_forward(x, np.array([3, 4, 5]), np.array([6, 7, 8]), {"mode": "train"})
        np.testing.assert_allclose(out.mean(axis=(0, 2, 3)), [6, 7, 8])
        np.testing.assert_allclose(out.std(axis=(0, 2, 3)), [2.99999885, 3.99999804, 4.99999798], atol=6e-9)

    def test_spatial_batchnorm_in_test_mode(self):
        np.random.seed(231)
        bn_param = {"mode": "train"}
        for _ in range(50):
            x = 2.3 * np.random.randn(10, 4, 11, 12) + 13
            spatial_batchnorm_forward(x, np.ones(4), np.zeros(4), bn_param)
        x = 2.3 * np.random.randn(10, 4, 11, 12) + 13
        out, _ = spatial_batchnorm_forward(x, np.ones(4), np.zeros(4), bn_param | {"mode": "test"})
        means, stds = out.mean(axis=(0, 2, 3)), out.std(axis=(0, 2, 3))
        np.testing.assert_allclose(means, [-0.08034406, 0.07562881, 0.05716371, 0.04378383], rtol=1e-6)
        np.testing.assert_allclose(stds, [0.96718744, 1.0299714, 1.02887624, 1.00585577], rtol=1e-8)

    def test_spatial_batchnorm_backward(self):
        np.random.seed(231)
        x, gamma, beta = 5 * np.random.randn(2, 3, 4, 5) + 12, np.random.randn(3), np.random.randn(3)
        dout = np.random.randn(2, 3, 4, 5)
        arrays, options = (x, gamma, beta), ({"mode": "train"},)
        self.check_gradients(spatial_batchnorm_forward, spatial_batchnorm_backward, arrays, options, dout)

    def test_groupnorm(self):
        np.random.seed(231)
        x = 4 * np.random.randn(2, 6, 4, 5) + 10
        out, _ = spatial_groupnorm_forward(x, np.ones((1, 6, 1, 1)), np.zeros((1, 6, 1, 1)), 2, {})
        groups = out.reshape(4, -1)
        np.testing.assert_allclose(groups.mean(axis=1), 0, atol=1e-14)
        assert (np.abs(groups.std(axis=1) - 0.9999996) < 1.5e-7).all()

    def test_groupnorm_backward(self):
        np.random.seed(231)
        x = 5 * np.random.randn(2, 6, 4, 5) + 12
        gamma, beta = np.random.randn(1, 6, 1, 1), np.random.randn(1, 6, 1, 1)
        dout = np.random.randn(2, 6, 4, 5)
        arrays = (x, gamma, beta)
        self.check_gradients(spatial_groupnorm_forward, spatial_groupnorm_backward, arrays, (2, {}), dout)


class TestDropout:
    """Inverted dropout with p, the probability of keeping a value."""

    def test_forward(self):
        np.random.seed(231)
        x = np.random.randn(500, 500) + 10
        assert abs(x.mean() - 10.0002078784775) < 1e-12
        for p, mean, zeros in ((0.25, 10.01406, 0.749784), (0.4, 9.97792, 0.600796), (0.7, 9.98781, 0.30074)):
            out, _ = dropout_forward(x, {"mode": "train", "p": p})
            assert abs(out.mean() - mean) < 6e-6
            assert np.mean(out == 0) == zeros
            tested, _ = dropout_forward(x, {"mode": "test", "p": p})
            assert tested.mean() == x.mean() and np.mean(tested == 0) == 0

    def test_backward(self):
        np.random.seed(231)
        x, dout = np.random.randn(10, 10) + 10, np.random.randn(10, 10)
        dropout_param = {"mode": "train", "p": 0.2, "seed": 123}
        dx = dropout_backward(dout, dropout_forward(x, dropout_param)[1])
        assert gradient_error(lambda x: dropout_forward(x, dropout_param)[0], x, dx, dout)[0] < 1e-9
