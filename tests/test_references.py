"""The course's published reference values, to the digits they are given with."""

import numpy as np
import pytest

from coursekit.gradients import gradient_error
from cs231n.classifiers import fc_net, neural_net
from cs231n.layers import (
    affine_backward,
    affine_forward,
    relu_backward,
    relu_forward,
    softmax_loss,
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
