"""FullyConnectedNet: the course's values, gradients for all options, modes, names, saved weights, Solver."""

from functools import partial

import numpy as np
import pytest
from layer_check import check_layer, torch

from coursekit.running.gradients import gradient_error
from cs231n import _weights, layer_utils
from cs231n.classifiers.fc_net import FullyConnectedNet, TwoLayerNet
from cs231n.optim import cosine_decay
from cs231n.solver import Solver

N, D, H1, H2, C = 2, 15, 20, 30, 10


@pytest.fixture
def drawn():
    """The inputs of the notebooks: seed 231, then X, y, and the weights of the networks."""
    np.random.seed(231)
    return np.random.randn(N, D), np.random.randint(C, size=N)


def small_net(**options):
    return FullyConnectedNet(
        [H1, H2], input_dim=D, num_classes=C, **({"weight_scale": 5e-2, "dtype": np.float64} | options)
    )


class TestTheCoursesValues:
    """They hold for weights drawn layer by layer, from the first to the last."""

    def test_plain(self, drawn):
        losses = [small_net(reg=reg).loss(*drawn)[0] for reg in (0, 3.14)]
        np.testing.assert_allclose(losses, [2.3004790897684924, 7.052114776533016], rtol=1e-13)

    @pytest.mark.parametrize("name", ["dropout", "dropout_keep_ratio"])
    def test_dropout_under_both_names(self, drawn, name):
        losses = [small_net(seed=123, **{name: keep}).loss(*drawn)[0] for keep in (1, 0.75, 0.5)]
        np.testing.assert_allclose(losses, [2.3004790897684924, 2.302371489704412, 2.3042759220785896], rtol=1e-13)

    def test_batch_normalisation(self, drawn):
        losses = [small_net(reg=reg, normalization="batchnorm").loss(*drawn)[0] for reg in (0, 3.14)]
        np.testing.assert_allclose(losses, [2.2611955101340957, 6.996533220108303], rtol=1e-12)

    @pytest.mark.parametrize("options", [{"reg": 3.14}, {"dropout_keep_ratio": 0.5, "seed": 123}])
    def test_gradients(self, drawn, options):
        """Every parameter's gradient agrees with the numeric one, in the nets whose losses are published."""
        self.check_gradients(small_net(**options), drawn, h=1e-5)

    def test_gradients_with_batch_normalisation(self, drawn):
        """With two inputs the loss bends sharply, so the numeric gradient needs a short step; b1, b2 have no effect."""
        net = small_net(normalization="batchnorm")
        self.check_gradients(net, drawn, h=1e-7, without=("b1", "b2"))
        assert max(np.abs(net.loss(*drawn)[1][name]).max() for name in ("b1", "b2")) < 1e-10

    def check_gradients(self, net, drawn, h, without=()):
        for name, grad in net.loss(*drawn)[1].items():
            if name not in without:
                assert gradient_error(lambda _: net.loss(*drawn)[0], net.params[name], grad, h=h)[0] < 1e-7, name


OPTIONS = [
    {},
    {"normalization": "batchnorm"},
    {"normalization": "layernorm"},
    {"dropout_keep_ratio": 0.6, "seed": 5},
    {"normalization": "batchnorm", "dropout_keep_ratio": 0.6, "seed": 5},
    {"normalization": "layernorm", "dropout_keep_ratio": 0.6, "seed": 5},
]


def filled_net(hidden_dims, options, reg=0.7):
    """A network whose parameters are all far from their initial values."""
    net = FullyConnectedNet(hidden_dims, input_dim=12, num_classes=4, reg=reg, dtype=np.float64, **options)
    for name, w in net.params.items():
        net.params[name] = np.random.randn(*w.shape) / len(w) ** 0.5 + name.startswith("gamma")
    return net


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("hidden_dims", [(5,), (5, 4, 6, 5)], ids=str)
def test_gradients(hidden_dims, options):
    net = filled_net(hidden_dims, options)
    X, y = np.random.randn(6, 3, 2, 2), np.random.randint(3, size=6)
    _, grads = net.loss(X, y)
    assert set(grads) == set(net.params)
    for name, grad in grads.items():
        if options.get("normalization") == "batchnorm" and name in {f"b{i}" for i in range(1, net.num_layers)}:
            assert np.abs(grad).max() < 1e-12, name  # the normalisation cancels the bias
            continue
        error, _ = gradient_error(lambda _: net.loss(X, y)[0], net.params[name], grad, h=1e-6)
        assert error < 1e-6, name


@pytest.mark.skipif(torch is None, reason="PyTorch is not installed")
@pytest.mark.parametrize("options", OPTIONS[:3], ids=str)
def test_twin_in_pytorch(options):
    net = filled_net((6, 5, 7), options)
    X, y = np.random.randn(8, 12), np.random.randint(4, size=8)
    loss, grads = net.loss(X, y)
    params = {name: torch.tensor(w, requires_grad=True) for name, w in net.params.items()}
    out, kind = torch.tensor(X), options.get("normalization")
    for i in range(1, net.num_layers):
        out = out @ params[f"W{i}"] + params[f"b{i}"]
        if kind:
            axis = 0 if kind == "batchnorm" else 1
            var, mean = torch.var_mean(out, dim=axis, correction=0, keepdim=True)
            out = (out - mean) / torch.sqrt(var + 1e-5) * params[f"gamma{i}"] + params[f"beta{i}"]
        out = out.relu()
    scores = out @ params[f"W{net.num_layers}"] + params[f"b{net.num_layers}"]
    penalty = sum((params[f"W{i}"] ** 2).sum() for i in range(1, net.num_layers + 1))
    twin = torch.nn.functional.cross_entropy(scores, torch.tensor(y)) + 0.5 * net.reg * penalty
    twin.backward()
    np.testing.assert_allclose(loss, twin.item(), rtol=1e-9)
    for name, grad in grads.items():
        np.testing.assert_allclose(grad, params[name].grad.numpy(), rtol=1e-8, atol=1e-9, err_msg=name)


class TestConstructor:
    def test_defaults(self):
        net = FullyConnectedNet([100])
        assert {name: w.shape for name, w in net.params.items()} == {
            "W1": (3072, 100),
            "b1": (100,),
            "W2": (100, 10),
            "b2": (10,),
        }
        assert all(w.dtype == np.float32 for w in net.params.values())
        assert (net.num_layers, net.use_dropout, net.normalization, net.reg) == (2, False, None, 0.0)
        assert (net.dropout_param, net.bn_params) == ({}, [])
        assert net.params["W1"].std() == pytest.approx(1e-2, rel=0.05)

    def test_fourth_argument_is_the_keep_ratio(self):
        net = FullyConnectedNet([4], 3, 2, 0.25)
        assert net.use_dropout and net.dropout_param == {"mode": "train", "p": 0.25}

    def test_settings_of_the_layers(self):
        net = small_net(normalization="batchnorm", dropout=0.5, seed=7)
        assert net.bn_params == [{"mode": "train"}] * 2
        assert net.bn_params[0] is not net.bn_params[1]
        assert net.dropout_param == {"mode": "train", "p": 0.5, "seed": 7}
        assert small_net(normalization="layernorm").bn_params == [{}, {}]
        assert set(net.params) == {f"{letter}{i}" for letter in "Wb" for i in (1, 2, 3)} | {
            f"{word}{i}" for word in ("gamma", "beta") for i in (1, 2)
        }

    @pytest.mark.parametrize(
        "options, message",
        [
            ({"normalization": "batch"}, "None, 'batchnorm' or 'layernorm'"),
            ({"dropout": 0.0}, "above 0 and at most 1"),
            ({"dropout_keep_ratio": 1.5}, "above 0 and at most 1"),
            ({"dropout_keep_ratio": 0.5, "dropout": 0.25}, "they mean the same"),
        ],
    )
    def test_bad_options_are_refused_with_the_fix(self, options, message):
        with pytest.raises(ValueError, match=message):
            small_net(**options)


def test_without_hidden_layers_it_is_a_linear_classifier():
    net = filled_net((), {})
    X = np.random.randn(5, 12)
    np.testing.assert_allclose(net.loss(X), X @ net.params["W1"] + net.params["b1"])


def test_with_one_hidden_layer_it_is_the_two_layer_net():
    deep, two = filled_net((5,), {}), TwoLayerNet(12, 5, 4, reg=0.7)
    two.params = deep.params
    X, y = np.random.randn(6, 12), np.random.randint(4, size=6)
    loss, grads = deep.loss(X, y)
    other, other_grads = two.loss(X, y)
    np.testing.assert_allclose(loss, other)
    for name, grad in grads.items():
        np.testing.assert_allclose(grad, other_grads[name])


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_float32_stays_float32(options):
    net = FullyConnectedNet([5, 4], input_dim=12, num_classes=3, **options)
    X, y = np.random.randint(256, size=(4, 3, 2, 2)).astype(np.uint8), np.array([0, 1, 2, 1])
    loss, grads = net.loss(X, y)
    assert net.loss(X).dtype == np.float32
    assert {grad.dtype for grad in grads.values()} == {np.dtype(np.float32)}
    assert np.isfinite(loss)


class TestModes:
    def test_dropout_is_off_without_labels(self):
        net, twin = filled_net((6, 5), {"dropout": 0.5}), filled_net((6, 5), {})
        twin.params = net.params
        X = np.random.randn(7, 12)
        np.testing.assert_array_equal(net.loss(X), twin.loss(X))
        y = np.zeros(7, dtype=int)
        assert net.loss(X, y)[0] != twin.loss(X, y)[0]

    def test_running_statistics_are_used_without_labels(self):
        net = filled_net((6,), {"normalization": "batchnorm"})
        X = 3 + 2 * np.random.randn(50, 12)
        for _ in range(80):
            net.loss(X, np.zeros(50, dtype=int))
        scores = net.loss(X)
        np.testing.assert_allclose(net.loss(X[:1]), scores[:1])  # no statistics of this batch
        kept = net.bn_params[0]["running_mean"].copy()
        net.loss(X[:3])
        np.testing.assert_array_equal(net.bn_params[0]["running_mean"], kept)


class TestSavedWeights:
    @pytest.fixture(autouse=True)
    def saved(self, tmp_path, monkeypatch):
        monkeypatch.setattr(_weights, "SAVED", tmp_path)

    @pytest.mark.parametrize("options", OPTIONS, ids=str)
    def test_round_trip_gives_the_same_scores(self, options):
        X, y = np.random.randn(6, 12), np.random.randint(4, size=6)
        net, other = filled_net((6, 5), options), filled_net((6, 5), options)
        net.loss(X, y)
        net.save("net.npy")
        assert other.load("net.npy") is True
        np.testing.assert_array_equal(other.loss(X), net.loss(X))
        assert set(other.params) == set(net.params)

    def test_no_file(self):
        assert small_net().load("nowhere") is False

    def test_another_kind_of_net_is_refused(self):
        small_net().save("net")
        with pytest.raises(ValueError, match="build it with the sizes"):
            small_net(normalization="batchnorm").load("net")


class TestSandwiches:
    def inputs(self):
        return (
            np.random.randn(5, 2, 3),
            np.random.randn(6, 4),
            np.random.randn(4),
            1 + 0.3 * np.random.randn(4),
            np.random.randn(4),
        )

    @pytest.mark.parametrize("kind", ["bn", "ln"])
    def test_affine_norm_relu(self, kind):
        forward = getattr(layer_utils, f"affine_{kind}_relu_forward")
        backward = getattr(layer_utils, f"affine_{kind}_relu_backward")
        x, w, b, gamma, beta = self.inputs()
        settings = {"mode": "train"} if kind == "bn" else {}
        if kind == "ln":
            check_layer(lambda *inputs: forward(*inputs, settings), backward, (x, w, b, gamma, beta))
        else:  # the gradient of b is 0, so there is nothing to compare
            check_layer(
                lambda x, w, gamma, beta: forward(x, w, b, gamma, beta, dict(settings)),
                lambda dout, cache: tuple(g for i, g in enumerate(backward(dout, cache)) if i != 2),
                (x, w, gamma, beta),
            )

    def test_hidden_layer_is_the_requested_sandwich(self):
        x, w, b, gamma, beta = self.inputs()
        plain, _ = layer_utils.affine_relu_forward(x, w, b)
        np.testing.assert_array_equal(layer_utils.hidden_forward(x, w, b)[0], plain)
        normalized, _ = layer_utils.affine_ln_relu_forward(x, w, b, gamma, beta, {})
        out, cache = layer_utils.hidden_forward(x, w, b, gamma, beta, "layernorm", {}, {"mode": "train", "p": 1.0})
        np.testing.assert_array_equal(out, normalized)
        assert len(layer_utils.hidden_backward(np.ones_like(out), cache)) == 5


@pytest.fixture
def data():
    rng = np.random.RandomState(3)
    X, y = 2 + rng.randn(60, 12), rng.randint(3, size=60)
    return {"X_train": X[:45], "y_train": y[:45], "X_val": X[45:], "y_val": y[45:]}


def make_solver(data, net=None, **options):
    np.random.seed(1)
    net = net or FullyConnectedNet(
        [6, 5], input_dim=12, num_classes=3, weight_scale=0.5, normalization="batchnorm", dtype=np.float64
    )
    settings = {"batch_size": 10, "num_epochs": 4, "optim_config": {"learning_rate": 0.05}, "verbose": False}
    return Solver(net, data, **({"update_rule": "adam"} | settings | options))


class TestRunningStatisticsInASolver:
    """Parameters would give other scores without the statistics they were evaluated with."""

    def test_they_are_those_of_the_best_parameters(self, data):
        solver = make_solver(data)
        solver.train()
        assert solver.check_accuracy(data["X_val"], data["y_val"]) == solver.best_val_acc
        for now, best in zip(solver.model.bn_params, solver.best_bn_params, strict=True):
            np.testing.assert_array_equal(now["running_mean"], best["running_mean"])
            assert now["running_mean"] is not best["running_mean"]

    def test_a_worse_epoch_at_the_end_is_undone(self, data):
        solver = make_solver(data)
        solver.train()
        best = [dict(bn_param) for bn_param in solver.model.bn_params]
        for bn_param in solver.model.bn_params:
            bn_param["running_mean"] = bn_param["running_mean"] + 100
        solver.num_epochs += 1
        solver.best_val_acc = 2.0  # no epoch can beat this
        solver.train()
        for now, then in zip(solver.model.bn_params, best, strict=True):
            np.testing.assert_array_equal(now["running_var"], then["running_var"])
            np.testing.assert_array_equal(now["running_mean"], then["running_mean"])

    @pytest.mark.parametrize("epoch", [0, 1, 3])
    @pytest.mark.parametrize(
        "options",
        [
            {"lr_decay": 0.9},
            {"lr_schedule": partial(cosine_decay, num_epochs=4)},
            {"update_rule": "rmsprop"},
            {"update_rule": "adamw"},
        ],
        ids=lambda options: next(iter(options)),
    )
    def test_a_resumed_run_is_the_same_to_the_bit(self, data, tmp_path, epoch, options):
        whole = make_solver(data, checkpoint_name=tmp_path / "run", **options)
        whole.train()
        resumed = make_solver(data, **options)
        resumed.resume(tmp_path / f"run_epoch_{epoch}.npz")
        np.random.set_state(np.random.get_state())
        resumed.train()
        assert resumed.loss_history == whole.loss_history
        for name, w in whole.model.params.items():
            np.testing.assert_array_equal(resumed.model.params[name], w)
        for a, b in zip(resumed.model.bn_params, whole.model.bn_params, strict=True):
            np.testing.assert_array_equal(a["running_mean"], b["running_mean"])
            np.testing.assert_array_equal(a["running_var"], b["running_var"])


class TestLearningRatesInASolver:
    def rates(self, data, **options):
        solver, seen = make_solver(data, **options), []
        rule = solver.update_rule

        def noting(w, dw, config):
            seen.append(config["learning_rate"])
            return rule(w, dw, config)

        solver.update_rule = noting
        solver.train()
        return seen[:: len(solver.model.params)]

    def test_schedule_sees_each_step(self, data):
        rates = self.rates(data, lr_schedule=lambda rate, epoch: rate * (10 - epoch))
        np.testing.assert_allclose(rates, 0.05 * (10 - np.arange(16) / 4))

    def test_lr_decay_after_each_epoch(self, data):
        np.testing.assert_allclose(self.rates(data, lr_decay=0.5), 0.05 * 0.5 ** (np.arange(16) // 4))

    def test_both_at_once_are_refused(self, data):
        with pytest.raises(ValueError, match="leave one out"):
            make_solver(data, lr_decay=0.9, lr_schedule=cosine_decay)
        with pytest.raises(ValueError, match="needs the initial learning rate"):
            make_solver(data, optim_config={}, lr_schedule=cosine_decay)

    def test_a_schedule_is_no_update_rule(self, data):
        with pytest.raises(ValueError, match='"cosine_decay"; the update rules are adagrad, adam, adamw'):
            make_solver(data, update_rule="cosine_decay")

    def test_numpy_settings_do_not_widen_the_weights(self, data):
        """A learning rate from np.logspace is a float64 scalar, which would turn float32 weights into float64."""
        net = FullyConnectedNet([6], input_dim=12, num_classes=3)
        solver = make_solver(data, net, optim_config={"learning_rate": np.logspace(-3, -2, 3)[1]})
        solver.train()
        assert all(w.dtype == np.float32 for w in net.params.values())
