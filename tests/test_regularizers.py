"""Penalties, DropConnect and early stopping: values, gradients, twins in PyTorch, and bad arguments."""

import numpy as np
import pytest

from cs231n.gradient_check import eval_numerical_gradient
from cs231n.layers import dropout_forward
from cs231n.regularizers import (
    dropconnect_backward,
    dropconnect_forward,
    elastic_net,
    l1_penalty,
    l2_penalty,
    should_stop,
    soft_threshold,
)
from tests.layer_check import check_layer


@pytest.fixture(autouse=True)
def seed():
    np.random.seed(5)


class TestPenalties:
    @pytest.mark.parametrize("penalty", [l1_penalty, l2_penalty])
    @pytest.mark.parametrize("shape", [(4,), (3, 5), (2, 3, 2, 4)])
    def test_the_gradient_is_the_numeric_one(self, penalty, shape):
        w = np.random.uniform(0.1, 3, shape) * np.random.choice([-1, 1], shape)  # away from the kink of L1
        _, dw = penalty(w, 0.7)
        numeric = eval_numerical_gradient(lambda w: penalty(w, 0.7)[0], w.copy(), verbose=False)
        np.testing.assert_allclose(dw, numeric, rtol=1e-6)

    @pytest.mark.parametrize("penalty", [l1_penalty, l2_penalty])
    def test_float32_stays_float32(self, penalty):
        assert penalty(np.ones((2, 3), np.float32), 0.5)[1].dtype == np.float32

    def test_the_subgradient_of_l1_at_0_is_0(self):
        assert l1_penalty(np.array([0.0, -0.0]), 3.0)[1].tolist() == [0.0, 0.0]

    def test_l2_is_the_penalty_of_the_networks(self):
        """As FullyConnectedNet: 0.5 * reg * the sum of squares."""
        from cs231n.classifiers.fc_net import FullyConnectedNet

        X, y = np.random.randn(4, 6), np.array([0, 1, 2, 1])
        net = FullyConnectedNet([5], 6, 3, reg=0.0, dtype=np.float64, weight_scale=0.5)
        plain, plain_grads = net.loss(X, y)
        net.reg = 0.3
        loss, grads = net.loss(X, y)
        penalty, penalty_grads = elastic_net(net.params, 0.3, l1_ratio=0.0)
        assert loss == pytest.approx(plain + penalty)
        for name, grad in grads.items():
            np.testing.assert_allclose(grad, plain_grads[name] + penalty_grads[name], rtol=1e-10, atol=1e-14)

    @pytest.mark.parametrize("penalty", [l1_penalty, l2_penalty])
    def test_a_negative_reg_is_refused(self, penalty):
        with pytest.raises(ValueError, match="reg is -1, expected a number of at least 0"):
            penalty(np.ones(3), -1)


class TestElasticNet:
    PARAMS = {"W1": (3, 4), "b1": (4,), "conv_W": (2, 3, 2, 2), "gamma": (2,)}

    def params(self):
        return {name: np.random.randn(*shape) for name, shape in self.PARAMS.items()}

    def test_the_twin_in_pytorch(self):
        torch = pytest.importorskip("torch")
        params = self.params()
        tensors = {name: torch.tensor(w, requires_grad=True) for name, w in params.items()}
        weights = [w for w in tensors.values() if w.ndim > 1]
        expected = sum(0.6 * (0.3 * w.abs().sum() + 0.5 * 0.7 * (w**2).sum()) for w in weights)
        expected.backward()
        penalty, grads = elastic_net(params, 0.6, l1_ratio=0.3)
        assert penalty == pytest.approx(expected.item(), rel=1e-12)
        for name, tensor in tensors.items():
            grad = np.zeros(params[name].shape) if tensor.grad is None else tensor.grad.numpy()
            np.testing.assert_allclose(grads[name], grad, rtol=1e-12)

    @pytest.mark.parametrize("ratio, penalty", [(1.0, l1_penalty), (0.0, l2_penalty)])
    def test_its_ends_are_l1_and_l2(self, ratio, penalty):
        params = self.params()
        _, grads = elastic_net(params, 0.6, ratio)
        np.testing.assert_allclose(grads["W1"], penalty(params["W1"], 0.6)[1])

    @pytest.mark.parametrize("ratio", [-0.1, 1.1, "0.5"])
    def test_a_ratio_that_is_no_share_is_refused(self, ratio):
        with pytest.raises(ValueError, match="l1_ratio is .* from 0 to 1"):
            elastic_net(self.params(), 0.6, ratio)


class TestSoftThreshold:
    def test_it_is_the_minimum_that_it_claims_to_be(self):
        """Of (v - w)^2 / 2 + amount * |v|, over a fine grid of v."""
        w, grid = np.random.randn(50), np.linspace(-4, 4, 80_001)
        found = grid[np.argmin((grid - w[:, np.newaxis]) ** 2 / 2 + 0.4 * np.abs(grid), axis=1)]
        np.testing.assert_allclose(soft_threshold(w, 0.4), found, atol=1e-4)

    def test_the_twin_in_pytorch(self):
        torch = pytest.importorskip("torch")
        w = np.random.randn(3, 7)
        expected = torch.nn.functional.softshrink(torch.tensor(w), 0.3).numpy()
        np.testing.assert_allclose(soft_threshold(w, 0.3), expected)

    def test_a_negative_amount_is_refused(self):
        with pytest.raises(ValueError, match="amount is -0.1"):
            soft_threshold(np.ones(2), -0.1)


class TestDropConnect:
    PARAM = {"mode": "train", "p": 0.4, "seed": 7}

    def arrays(self, N=5, D=4, M=3):
        return np.random.randn(N, D), np.random.randn(D, M), np.random.randn(M)

    @pytest.mark.parametrize("mode", ["train", "test"])
    def test_forward_and_backward(self, mode):
        torch = pytest.importorskip("torch")
        np.random.seed(7)
        mask = (np.random.rand(4, 3) < 0.4) / 0.4 if mode == "train" else np.ones((4, 3))
        check_layer(
            lambda x, w, b: dropconnect_forward(x, w, b, self.PARAM | {"mode": mode}),
            dropconnect_backward,
            self.arrays(),
            twin=lambda x, w, b: torch.nn.functional.linear(x, (w * torch.tensor(mask)).T, b),
        )

    def test_the_expected_output_is_that_of_all_weights(self):
        """Over 20,000 masks: within five standard errors."""
        x, w, b = self.arrays(2, 3, 2)
        outs = np.array([dropconnect_forward(x, w, b, {"mode": "train", "p": 0.6})[0] for _ in range(20_000)])
        error = outs.std(axis=0) / np.sqrt(len(outs))
        assert np.all(np.abs(outs.mean(axis=0) - (x @ w + b)) < 5 * error)

    def test_its_variance_is_that_of_dropout_of_the_inputs_where_there_is_one_output(self):
        """With one column, dropping an input and dropping its weight are the same."""
        x, w, b = self.arrays(1, 6, 1)
        param = {"mode": "train", "p": 0.4, "seed": 11}
        np.testing.assert_allclose(
            dropconnect_forward(x, w, b, param)[0], dropout_forward(x, param)[0] @ w + b, rtol=1e-12
        )

    def test_float32_stays_float32(self):
        x, w, b = (a.astype(np.float32) for a in self.arrays())
        out, cache = dropconnect_forward(x, w, b, self.PARAM)
        assert {a.dtype for a in (out, *dropconnect_backward(out, cache))} == {np.dtype(np.float32)}

    def test_each_call_draws_anew(self):
        x, w, b = self.arrays()
        one, two = (dropconnect_forward(x, w, b, {"mode": "train", "p": 0.5})[0] for _ in range(2))
        assert not np.array_equal(one, two)

    @pytest.mark.parametrize(
        "change, message",
        [({"p": 0}, "expected 0 < p <= 1"), ({"mode": "training"}, 'must be "train" or "test"')],
    )
    def test_wrong_options_are_refused(self, change, message):
        with pytest.raises(ValueError, match=message):
            dropconnect_forward(*self.arrays(), self.PARAM | change)

    def test_wrong_shapes_are_refused(self):
        x, w, b = self.arrays()
        with pytest.raises(ValueError, match="is w transposed"):
            dropconnect_forward(x, w.T, np.zeros(4), self.PARAM)
        out, cache = dropconnect_forward(x, w, b, self.PARAM)
        with pytest.raises(ValueError, match="dout has shape"):
            dropconnect_backward(out[:2], cache)


class TestShouldStop:
    def test_it_stops_where_a_count_of_epochs_without_gain_would(self):
        """Against the plain loop, on histories with many ties."""
        for patience in (1, 2, 5):
            history, best, waited = [], -1.0, 0
            for accuracy in np.random.randint(8, size=300) / 8:
                history.append(accuracy)
                waited = 0 if accuracy > best else waited + 1
                best = max(best, accuracy)
                assert should_stop(history, patience) == (waited >= patience)

    def test_wrong_arguments_are_refused(self):
        with pytest.raises(ValueError, match="patience is 0"):
            should_stop([0.1], 0)
        with pytest.raises(ValueError, match="val_acc_history has shape"):
            should_stop([], 3)


W = np.ones((3, 4))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: l1_penalty({"W1": W}, 0.1), TypeError, "w is of type dict, expected an array"),
        (lambda: l2_penalty([1.0, 2.0], 0.1), TypeError, "w is of type list"),
        (lambda: elastic_net(W, 0.1, 0.5), TypeError, "params is of type ndarray, expected a dict such as"),
        (lambda: dropconnect_forward(np.ones((2, 3)), W, np.ones(4), 0.5), TypeError, "dropout_param is of type float"),
        (lambda: dropconnect_forward(np.ones((2, 3)), W, np.ones(4), {"p": 1}), ValueError, 'has no "mode"'),
        (lambda: dropconnect_forward(np.ones((2, 3)), W, np.ones(4), {"mode": "test"}), ValueError, 'has no "p"'),
        (
            lambda: dropconnect_forward(np.ones((2, 3, 1)), W, np.ones(4), {"mode": "test", "p": 1}),
            ValueError,
            r"expected \(N, D\)",
        ),
        (lambda: should_stop(0.3, 2), ValueError, "expected the accuracies of all epochs"),
    ],
)
def test_errors_say_what_came(call, error, words):
    with pytest.raises(error, match=words):
        call()
