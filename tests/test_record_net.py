"""The network of the record recipe and its solver: gradients, a twin in PyTorch, schedules, batches, resuming."""

import numpy as np
import pytest
from layer_check import torch

from cs231n import _weights, optim
from cs231n.classifiers.record_net import RecordNet
from cs231n.ensembles import lookahead
from cs231n.record_solver import RecordSolver
from cs231n.solver import Solver


@pytest.fixture
def data():
    rng = np.random.RandomState(3)
    y = rng.randint(3, size=70)
    X = (rng.randint(0, 120, (70, 3, 8, 8)) + 40 * y[:, None, None, None]).astype(np.uint8)
    return {"X_train": X[:50], "y_train": y[:50], "X_val": X[50:], "y_val": y[50:]}


def make_net(data, **options):
    np.random.seed(0)
    settings = {"widths": (3, 5), "input_dim": (3, 8, 8), "num_classes": 3}
    net = RecordNet(**(settings | options))
    net.fit(data["X_train"])
    return net


def make_solver(data, net=None, **options):
    settings = {"num_epochs": 3, "batch_size": 10, "verbose": False}
    return RecordSolver(net or make_net(data), data, **(settings | options))


def copied(params):
    return {name: w.copy() for name, w in params.items()}


# ---- the network


@pytest.mark.parametrize("activation", ["gelu", "relu"])
def test_gradients(data, activation):
    """The change of the loss along a random direction, for each parameter."""
    net = make_net(data, activation=activation, dtype=np.float64)
    for name in net.params:
        net.params[name] += 0.05 * np.random.randn(*net.params[name].shape)
    X, y, h = data["X_train"][:6], data["y_train"][:6], 1e-5
    _, grads = net.loss(X, y)
    for name, w in net.params.items():
        direction = np.random.randn(*w.shape) / np.sqrt(w.size)
        losses = []
        for step in (h, -h):
            net.params[name] = w + step * direction
            losses.append(net.loss(X, y)[0])
        net.params[name] = w
        slope = np.sum(grads[name] * direction)
        np.testing.assert_allclose((losses[0] - losses[1]) / (2 * h), slope, rtol=1e-5, atol=1e-9, err_msg=name)


def test_the_bias_of_the_whitening_can_be_left_out(data):
    net = make_net(data, dtype=np.float64)
    X, y = data["X_train"][:6], data["y_train"][:6]
    _, grads = net.loss(X, y)
    net.trains_bias = False
    _, without = net.loss(X, y)
    assert np.any(grads["b0"] != 0) and np.all(without.pop("b0") == 0)
    for name, grad in without.items():
        np.testing.assert_allclose(grad, grads[name], atol=1e-12)


@pytest.mark.skipif(torch is None, reason="PyTorch is not installed")
def test_twin_in_pytorch(data):
    """The loss, all gradients, and the scores in test mode, of images of bytes."""
    functional = torch.nn.functional
    net = make_net(data, dtype=np.float64)
    X, y = data["X_train"][:7], data["y_train"][:7]
    params = {name: torch.tensor(w, requires_grad=True) for name, w in net.params.items()}
    fixed = {name: torch.tensor(w) for name, w in net.fixed.items()}
    running = [(torch.zeros(F), torch.ones(F)) for F in (3, 3, 5, 5)]
    running = [tuple(map(torch.Tensor.double, pair)) for pair in running]

    def scores(training):
        maps = functional.conv2d(torch.tensor(X).double(), fixed["W0"], params["b0"] + fixed["offset0"])
        for i in range(1, 5):
            maps = functional.conv2d(functional.gelu(maps, approximate="tanh"), params[f"W{i}"], padding=1)
            if i % 2:
                maps = functional.max_pool2d(maps, 2)
            mean, var = running[i - 1]
            maps = functional.batch_norm(maps, mean, var, None, params[f"beta{i}"], training, 0.4, 1e-12)
        maps = functional.gelu(maps, approximate="tanh").amax(dim=(2, 3))
        return maps @ params["W5"] / 5

    loss, grads = net.loss(X, y)
    twin = functional.cross_entropy(scores(True), torch.tensor(y), label_smoothing=0.2)
    twin.backward()
    assert loss == pytest.approx(twin.item(), abs=1e-10)
    for name, grad in grads.items():
        np.testing.assert_allclose(grad, params[name].grad.numpy(), atol=1e-9, err_msg=name)
    for i, (bn_param, (mean, _)) in enumerate(
        zip(net.bn_params, running, strict=True)
    ):  # PyTorch's variance is unbiased
        np.testing.assert_allclose(bn_param["running_mean"], mean.numpy(), atol=1e-10)
        running[i] = mean, torch.tensor(bn_param["running_var"])
    np.testing.assert_allclose(net.loss(X), scores(False).detach().numpy(), atol=1e-8)


def test_raw_pixels_are_whitened(data):
    """In the units of the images, the first filters see standardised patches: the mean image gives 0 everywhere."""
    net = make_net(data, dtype=np.float64)
    mean = data["X_train"].mean(axis=(0, 2, 3))
    maps = np.einsum("fchw,c->f", net.fixed["W0"], mean) + net.fixed["offset0"]
    np.testing.assert_allclose(maps, 0, atol=1e-10)
    rows = np.lib.stride_tricks.sliding_window_view(data["X_train"].astype(float), (2, 2), axis=(2, 3))
    rows = np.einsum("nchwij,fcij->nhwf", rows, net.fixed["W0"]) + net.fixed["offset0"]
    rows = rows[..., :12].reshape(-1, 12)
    np.testing.assert_allclose(rows.T @ rows / len(rows), np.eye(12), atol=0.05)  # not exactly: eps


def test_first_filters_are_the_identity(data):
    net = make_net(data, widths=(30, 5))
    np.testing.assert_array_equal(net.params["W1"][:24, :, 1, 1], np.eye(24))
    assert np.abs(net.params["W1"][:24]).sum() == 24 and np.all(net.params["W1"][24:] != 0)
    plain = make_net(data, identity=False, whitening=False)
    assert np.all(plain.params["W1"] != 0) and np.all(plain.fixed["W0"][:12] != -plain.fixed["W0"][12:])


def test_saved_and_loaded(data, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(_weights, "SAVED", tmp_path)
    net = make_net(data)
    net.loss(data["X_train"], data["y_train"])
    net.save("net")
    other = RecordNet((3, 5), (3, 8, 8), 3)
    assert other.load("net") and not other.load("none")
    np.testing.assert_array_equal(other.loss(data["X_val"]), net.loss(data["X_val"]))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"activation": "tanh"}, "'gelu' or 'relu'"),
        ({"widths": (3, 4, 5)}, "cannot be halved 3 times"),
        ({"dtype": np.float16}, "dtype is float16"),
        ({"widths": (0,)}, "widths"),
    ],
)
def test_what_makes_no_network_is_refused(data, options, message):
    with pytest.raises(ValueError, match=message):
        make_net(data, **options)


# ---- the solver


@pytest.mark.parametrize("rule", ["muon", "nesterov_momentum"])
def test_it_learns(data, rule):
    """Chance is 1/3; without Muon, rates that suit batches of 1,024 are small for batches of 10."""
    solver = make_solver(data, update_rule=rule, num_epochs=8)
    solver.train()
    assert solver.val_acc_history[-1] > (0.9 if rule == "muon" else 0.5)
    assert np.mean(solver.loss_history[-5:]) < 0.9 * np.mean(solver.loss_history[:5])
    for w in solver.model.params.values():
        assert w.dtype == np.float32


@pytest.mark.parametrize("rule", ["muon", "nesterov_momentum"])
def test_resumed_to_the_bit(data, rule, tmp_path):
    """From a checkpoint after the first step, or an epoch, the same parameters, statistics and histories follow."""
    whole = make_solver(data, update_rule=rule, checkpoint_name=tmp_path / "whole")
    whole.train()
    for epoch in (0, 2):
        resumed = make_solver(data, update_rule=rule)
        resumed.resume(tmp_path / f"whole_epoch_{epoch}.npz")
        resumed.train()
        assert resumed.loss_history == whole.loss_history and resumed.val_acc_history == whole.val_acc_history
        for name, w in whole.model.params.items():
            np.testing.assert_array_equal(resumed.model.params[name], w)
        for a, b in zip(resumed.statistics(), whole.statistics(), strict=True):
            np.testing.assert_array_equal(a["running_var"], b["running_var"])


def test_every_image_once_in_each_epoch_and_mirrored_every_other(data, monkeypatch):
    """Without translations, the batches of an epoch are the training images in another order."""
    solver, seen = make_solver(data, most=0), []
    solver.model.loss = lambda X, y=None: seen.append(X.copy()) or (1.0, copied(solver.model.params))
    monkeypatch.setattr(solver, "_evaluate", lambda num_epochs: None)
    solver.train()
    epochs = [np.concatenate(seen[start : start + 5]) for start in (0, 5, 10)]
    sides = []
    for X in epochs:
        places = [np.flatnonzero((data["X_train"] == image).all(axis=(1, 2, 3))) for image in X]
        mirrors = [np.flatnonzero((data["X_train"] == image[..., ::-1]).all(axis=(1, 2, 3))) for image in X]
        assert sorted(np.concatenate([*places, *mirrors])) == list(range(50))
        sides.append(set(np.concatenate(mirrors)))
    assert sides[0] ^ sides[1] == set(range(50)) and sides[0] == sides[2] and 5 < len(sides[0]) < 45
    assert any(np.any(a != b) for a, b in zip(epochs[0], epochs[2], strict=True))  # in another order


def test_squares_are_covered_by_the_mean(data):
    X = np.tile(np.array([10, 20, 30], np.uint8).reshape(3, 1, 1), (50, 1, 8, 8))
    X[:25] += 5
    solver = make_solver(data | {"X_train": X}, make_net(data), most=0, flips=None, cutout=3, batch_size=50)
    batch, _ = solver._batch()
    covered = batch == np.array([12, 22, 32]).reshape(3, 1, 1)  # 12.5 is rounded to the even number
    assert (covered.all(axis=1) == covered.any(axis=1)).all()
    assert set(covered[:, 0].sum(axis=(1, 2))) == {4, 6, 9}  # in a corner, at a side, inside
    again, _ = solver._batch()
    np.testing.assert_array_equal(again, batch)  # a step that is made again after a stop has the same squares


@pytest.mark.parametrize("flips, least, most", [("random", 40, 110), (None, 0, 0)])
def test_other_flips(data, flips, least, most):
    solver = make_solver(data, flips=flips)
    assert least <= sum(solver._mirrored(epoch).sum() for epoch in range(3)) <= most


def test_rates(data):
    """Filters, biases and head fall to 0 by the end; the bias of the whitening after a third, then it stays."""
    solver = make_solver(data, num_epochs=6, bias_epochs=2)
    rates, biases = [], []
    update = solver._update

    def watched(grads):
        update(grads)
        names = ("W1", "beta1", "W5", "b0")
        rates.append([solver.optim_configs[name]["learning_rate"] for name in names])
        biases.append(solver.model.params["b0"].copy())

    solver._update = watched
    solver.train()
    left = 1 - np.arange(30) / 30
    for i, highest in enumerate((0.24, 0.053 * 10, 0.67 * 10)):
        np.testing.assert_allclose(np.array(rates)[:, i], highest * left)
    np.testing.assert_allclose(np.array(rates)[:10, 3], 0.053 * 10 * (1 - np.arange(10) / 10))
    changes = [np.any(a != b) for a, b in zip(biases[:-1], biases[1:], strict=True)]
    assert changes == [True] * 9 + [False] * 20


def test_filters_keep_their_norm_before_each_step(data):
    """Muon scales F filters to the norm sqrt(F), so the size of what a step adds to it follows from the rate."""
    solver = make_solver(data)
    solver.train()
    W = solver.model.params["W2"]
    assert abs(np.linalg.norm(W) - np.sqrt(len(W))) < 0.2


def test_lookahead_starts_from_the_slow_parameters(data, monkeypatch):
    """Every fifth step both are the same; the last step of the run gives the model the slow ones."""
    decays = []
    monkeypatch.setattr(
        "cs231n.record_solver.lookahead", lambda slow, fast, decay: decays.append(decay) or lookahead(slow, fast, decay)
    )
    solver = make_solver(data, update_rule="nesterov_momentum")
    solver.train()
    np.testing.assert_allclose(decays, [0.95**5 * (1 / 3) ** 3, 0.95**5 * (2 / 3) ** 3, 1.0])
    for name, w in solver.model.params.items():
        np.testing.assert_array_equal(w, solver.averages[name])


def test_weight_decay_and_rates_do_not_depend_on_how_the_loss_is_summed(data):
    """A step of the head is that of a loss that is a sum, with the published rate and decay."""
    solver = make_solver(data)
    W = solver.model.params["W5"].copy()
    solver._set_learning_rate(0.0)
    grads = {name: np.random.randn(*w.shape).astype(np.float32) for name, w in solver.model.params.items()}
    solver._update(grads)
    summed = 10 * grads["W5"] + 2e-6 * 10 / 0.67 * W
    expected, _ = optim.nesterov_momentum(W, summed, {"learning_rate": 0.67, "momentum": 0.85})
    np.testing.assert_allclose(solver.model.params["W5"], expected, rtol=1e-5)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"update_rule": "adam"}, "expected one of muon, nesterov_momentum"),
        ({"flips": "both"}, "'alternating', 'random' or None"),
        ({"cutout": -1}, "cutout is -1"),
        ({"batch_size": 51}, "there are 50 images"),
        ({"most": -1}, "most is -1"),
        ({"epochs": 3}, "epochs"),
    ],
)
def test_what_does_not_fit_is_refused(data, options, message):
    with pytest.raises(ValueError, match=message):
        make_solver(data, **options)


def test_the_usual_solver_trains_the_network_as_well(data):
    """`loss` keeps the contract of all models."""
    floats = {name: value.astype(np.float32) if name.startswith("X") else value for name, value in data.items()}
    solver = Solver(
        make_net(data), floats, update_rule="muon", optim_config={"learning_rate": 0.05}, batch_size=10, verbose=False
    )
    solver.train()
    assert solver.best_val_acc > 0.8
