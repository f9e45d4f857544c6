"""What questions examine in trained nets: params that fit, the images of the data set, accuracies, bars."""

import numpy as np
import pytest

from coursekit.core.question import holds
from coursekit.judging.check import check_question
from coursekit.judging.rendering import WIDTH, render
from coursekit.questions import _nets, find
from cs231n.classifiers.fc_net import FullyConnectedNet


def params_of(*dims):
    return FullyConnectedNet(dims[1:-1], dims[0], dims[-1], weight_scale=0.1).params


@pytest.mark.parametrize("hidden_dims", [None, [7, 6], [None, 6], [None, None]])
def test_params_that_fit(hidden_dims):
    assert _nets.judge_params(params_of(12, 7, 6, 10), 12, hidden_dims).ok


def broken(**changes):
    params = params_of(12, 7, 6, 10) | changes
    return {name: w for name, w in params.items() if w is not None}


@pytest.mark.parametrize(
    "params, gap",
    [
        (params_of(12, 7, 10), "sizes 12, 7, 6, 10, got 12, 7, 10"),  # a hidden layer is missing
        (params_of(12, 7, 5, 10), "got 12, 7, 5, 10"),  # another size
        (params_of(13, 7, 6, 10), "got 13, 7, 6, 10"),  # other inputs
        (params_of(12, 7, 6, 11), "got 12, 7, 6, 11"),  # other classes
        (broken(b2=np.zeros(7)), "got something else"),  # a bias that does not fit
        (broken(W2=np.zeros((6, 7))), "got something else"),  # transposed
        (broken(W2=None), "got something else"),  # a layer is left out
        (broken(b3=[0.0] * 10), "got something else"),  # a list
        (broken(W1=np.zeros((12, 7), dtype=int)), "got something else"),  # whole numbers
        (broken(W1=np.full((12, 7), np.nan)), "nan or infinite"),
        ({}, "got something else"),
        ([1.0], "got something else"),
    ],
)
def test_params_that_do_not_fit_are_named(params, gap):
    finding = _nets.judge_params(params, 12, [7, 6])
    assert not finding.ok and gap in finding.gap[0]
    assert ("diverged" in finding.mistake) == (gap == "nan or infinite")


@pytest.mark.parametrize("normalization", [None, "batchnorm", "layernorm"])
def test_accuracy_is_that_of_the_net(normalization):
    """More inputs than one piece holds, with running statistics that are not 0 and 1."""
    net = FullyConnectedNet([8, 9], 12, 10, normalization=normalization, weight_scale=0.5, dtype=np.float64)
    X, y = np.random.randn(1203, 3, 2, 2), np.random.randint(10, size=1203)
    for _ in range(3):
        net.loss(X + 2, y)
    settings = vars(net)["normalization"], getattr(net, "bn_params", ())
    np.testing.assert_array_equal(_nets.predict(net.params, X, *settings), np.argmax(net.loss(X), axis=1))
    assert _nets.accuracy(net.params, X, y, *settings) == np.mean(np.argmax(net.loss(X), axis=1) == y)


class TestData:
    def prepared(self, part):
        X, y = _nets.images(part)
        return (X.astype(np.float32) - X.mean(axis=0)) / 60, y

    @pytest.mark.parametrize("part", ["few", "val", "test"])
    def test_prepared_images_are_known(self, part):
        assert _nets.judge_data(part, *self.prepared(part)).ok

    def test_others_are_not(self):
        X, y = self.prepared("few")
        for other in (
            X[::-1],
            X[1:],
            -X,
            np.round(X),
            X.astype(int),
            list(X),
            X + np.arange(len(X)).reshape(-1, 1, 1, 1),
        ):
            assert not _nets.judge_data("few", other, y).ok
        assert not _nets.judge_data("few", X, (y + 1) % 10).ok


def test_best_reaches_its_bars_or_says_how_far_it_is():
    (X_val, y_val), (X_test, y_test) = (TestData().prepared(part) for part in ("val", "test"))
    params = params_of(3072, 5, 10)
    arrays = {"X_val": X_val, "y_val": y_val, "X_test": X_test, "y_test": y_test}

    def judged(bar, fits=True):
        bars = {part: {"CIFAR-10": bar, "built-in images": bar} for part in ("val", "test")}
        return _nets.judge_best(holds("params", fits), params, **arrays, bars=bars, advice="train longer")

    assert all(finding.ok for finding in judged(0.0)) and len(judged(0.0)) == 5
    val, test = judged(0.9)[-2:]
    assert "expected at least 0.9" in val.gap[0] and val.mistake == "train longer" and not test.ok
    assert len(judged(0.0, fits=False)) == 3  # no accuracy of a net that does not fit


def test_the_gradients_of_a_deep_net_leave_their_condition_whole():
    lines = render(check_question(find("fcn_gradients"))).splitlines()
    assert all(len(line) <= WIDTH for line in lines)
    assert sum(line.strip() == "relative error < 1e-8  ok" for line in lines) == 9
