"""Transfer: a new head, frozen layers, learning rates by layer, and features of each layer."""

import numpy as np
import pytest

from cs231n.classifiers.multi_task import MultiTaskNet
from cs231n.graph_layers import affine, relu, softmax_loss
from cs231n.solver import Solver
from cs231n.transfer import (
    TrainedPart,
    fit_head,
    fold_standardisation,
    layer_features,
    layer_of,
    layer_rates,
    partial_gradients,
    replace_head,
    split_params,
    train,
)


@pytest.fixture(autouse=True)
def seeded():
    np.random.seed(231)


def small_params(dtype=np.float64):
    """The parameters of three affine layers."""
    sizes = {"first": (6, 5), "second": (5, 4), "kind": (4, 3)}
    params = {f"{name}_W": np.random.randn(*shape).astype(dtype) for name, shape in sizes.items()}
    return params | {f"{name}_b": np.random.randn(shape[1]).astype(dtype) for name, shape in sizes.items()}


def small_loss(x, y):
    """The loss of the net with these parameters."""

    def loss(p):
        hidden = relu(affine(x, p["first_W"], p["first_b"]))
        hidden = relu(affine(hidden, p["second_W"], p["second_b"]))
        return softmax_loss(affine(hidden, p["kind_W"], p["kind_b"]), y)

    return loss


def small_task(num_images=40, size=8):
    """Images of two classes that a net learns at once: bright ones and dark ones."""
    y = np.arange(num_images) % 2
    X = np.random.randn(num_images, 3, size, size) + 3 * y[:, np.newaxis, np.newaxis, np.newaxis]
    return X.astype(np.float32), y


# ---- the dict of parameters


def test_a_new_head_is_drawn_and_the_rest_is_copied():
    params = small_params(np.float32)
    new = replace_head(params, "kind", 700, weight_scale=0.05)
    assert new["kind_W"].shape == (4, 700) and new["kind_W"].dtype == np.float32
    assert abs(new["kind_W"].std() - 0.05) < 0.005
    np.testing.assert_array_equal(new["kind_b"], np.zeros(700, np.float32))
    for name in set(params) - {"kind_W", "kind_b"}:
        np.testing.assert_array_equal(new[name], params[name])
        assert not np.shares_memory(new[name], params[name])


def test_each_parameter_is_on_one_side():
    params = {f"conv{i}_{part}": np.ones(i) for i in (1, 2, 10) for part in ("W", "gamma")}
    kept, trained = split_params(params, ("conv1", "conv2"))
    assert set(trained) == {"conv10_W", "conv10_gamma"}
    assert kept.keys() | trained.keys() == params.keys() and not kept.keys() & trained.keys()
    assert kept["conv1_W"] is params["conv1_W"]


@pytest.mark.parametrize(
    ("layers", "error", "message"),
    [
        (["conv3"], ValueError, r"frozen: no parameter belongs to a layer 'conv3' \(do you mean .*\); there are conv1"),
        (["conv1_W"], ValueError, "no parameter belongs to a layer 'conv1_W'"),
        ("conv1", TypeError, r"frozen is the text 'conv1', expected a list of names: \['conv1'\]"),
    ],
)
def test_layers_that_do_not_exist_are_named(layers, error, message):
    params = {"conv1_W": np.ones(2), "kind_W": np.ones(3)}
    with pytest.raises(error, match=message):
        split_params(params, layers)


@pytest.mark.parametrize("num_classes", [0, 2.0, -1])
def test_a_head_needs_a_number_of_classes(num_classes):
    with pytest.raises(ValueError, match="num_classes is"):
        replace_head(small_params(), "kind", num_classes)


def test_a_head_that_is_not_there():
    with pytest.raises(ValueError, match="head: no parameter belongs to a layer 'colour'"):
        replace_head(small_params(), "colour", 3)


# ---- gradients


@pytest.mark.parametrize("frozen", [(), ("first",), ("second",), ("first", "second"), ("kind",)])
def test_gradients_are_those_of_pytorch_without_the_frozen_layers(frozen):
    torch = pytest.importorskip("torch")
    params, x, y = small_params(), np.random.randn(7, 6), np.random.randint(3, size=7)
    loss, grads = partial_gradients(small_loss(x, y), params, frozen)
    tensors = {n: torch.tensor(v, requires_grad=layer_of(n) not in frozen) for n, v in params.items()}
    out = torch.tensor(x)
    for name in ("first", "second", "kind"):
        out = out @ tensors[f"{name}_W"] + tensors[f"{name}_b"]
        out = out if name == "kind" else out.relu()
    expected = torch.nn.functional.cross_entropy(out, torch.tensor(y))
    expected.backward()
    assert loss == pytest.approx(expected.item(), rel=1e-12)
    assert grads.keys() == {name for name, tensor in tensors.items() if tensor.requires_grad}
    for name, grad in grads.items():
        np.testing.assert_allclose(grad, tensors[name].grad.numpy(), rtol=1e-9, atol=1e-12)


def test_something_must_be_left_to_train():
    with pytest.raises(ValueError, match="frozen has all layers, so there is nothing to train"):
        partial_gradients(lambda p: 0.0, small_params(), ("first", "second", "kind"))


# ---- learning rates


def test_rates_fall_from_the_head_down():
    rates = layer_rates(small_params(), ("first", "second", "kind"), 0.9, decay=1 / 3)
    assert rates["kind_W"] == rates["kind_b"] == 0.9
    assert rates["second_b"] == pytest.approx(0.3) and rates["first_W"] == pytest.approx(0.1)


def test_frozen_layers_count_in_the_depth():
    params = split_params(small_params(), ("second",))[1]
    rates = layer_rates(params, ("first", "second", "kind"), 1.0, decay=0.5)
    assert rates.keys() == params.keys() and rates["first_W"] == 0.25


def test_a_layer_that_is_not_listed_is_named():
    with pytest.raises(ValueError, match="layers has no second, which params has"):
        layer_rates(small_params(), ("first", "kind"), 1.0)


# ---- features


@pytest.mark.parametrize("batch_size", [1, 3, 7, 100])
def test_features_do_not_depend_on_the_batches(batch_size):
    X = np.random.randn(7, 3, 4, 5)
    first, second = layer_features(lambda x: [x**2, x.sum(axis=(2, 3))], X, batch_size)
    np.testing.assert_allclose(first, (X**2).mean(axis=(2, 3)), rtol=1e-12)
    np.testing.assert_allclose(second, X.sum(axis=(2, 3)), rtol=1e-12)


def test_features_of_nothing():
    with pytest.raises(ValueError, match=r"X has shape \(0, 3, 4, 4\)"):
        layer_features(lambda x: [x], np.zeros((0, 3, 4, 4)))
    with pytest.raises(ValueError, match="batch_size is 0"):
        layer_features(lambda x: [x], np.zeros((2, 3, 4, 4)), batch_size=0)


def test_a_folded_head_gives_the_same_scores():
    x, w, b = 5 + 3 * np.random.randn(9, 4), np.random.randn(4, 3), np.random.randn(3)
    mean, std = x.mean(axis=0), x.std(axis=0)
    w_raw, b_raw = fold_standardisation(w, b, mean, std)
    np.testing.assert_allclose(x @ w_raw + b_raw, (x - mean) / std @ w + b, rtol=1e-10)


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((4,), (3,), (4,), (4,)), r"w has shape \(4,\), expected \(D, M\)"),
        (((4, 3), (4,), (4,), (4,)), r"b has shape \(4,\), expected \(3,\), from the columns of w"),
        (((4, 3), (3,), (3,), (4,)), r"mean has shape \(3,\), expected \(4,\), from the rows of w"),
        (((4, 3), (3,), (4,), (1, 4)), r"std has shape \(1, 4\), expected \(4,\), from the rows of w"),
    ],
)
def test_a_head_whose_shapes_do_not_fit(shapes, message):
    with pytest.raises(ValueError, match=message):
        fold_standardisation(*map(np.ones, shapes))


def test_a_fitted_head_minimises_the_penalised_loss():
    """The gradient of softmax loss and penalty with respect to the standardised head is nearly 0."""
    from cs231n.layers import softmax_loss as loss
    from cs231n.transfer import PENALTY

    y = np.random.randint(3, size=60)
    x = (4 * np.eye(3)[y] + np.random.randn(60, 3)) * [1.0, 10.0, 0.1] + 7
    w, b = fit_head(x, y, 3, num_steps=3000, learning_rate=1e-2)
    z, std = (x - x.mean(axis=0)) / (x.std(axis=0) + 1e-5), x.std(axis=0) + 1e-5
    _, dscores = loss(x @ w + b, y)
    np.testing.assert_allclose(z.T @ dscores + PENALTY * w * std[:, np.newaxis], 0, atol=1e-6)


def test_a_head_is_fitted_to_labels_that_fit():
    with pytest.raises(ValueError, match="labels from 0 to 2"):
        fit_head(np.ones((3, 2)), np.array([0, 1, 2]), 2)


# ---- training


def test_training_keeps_frozen_layers_to_the_bit():
    """Parameters and running statistics, whatever the rates say."""
    X, y = small_task()
    net = MultiTaskNet({"kind": 2}, filters=(3, 4))
    net.frozen = ["conv1"]
    before, statistics = net.copy().params, [dict(p) for p in net.copy().bn_params]
    losses = train(net, X, y, dict.fromkeys(net.params, 1e-2), num_steps=20)
    assert losses[-1] < losses[0]
    for part in ("W", "gamma", "beta"):
        np.testing.assert_array_equal(net.params[f"conv1_{part}"], before[f"conv1_{part}"])
        assert not np.array_equal(net.params[f"conv2_{part}"], before[f"conv2_{part}"])
    for name in ("running_mean", "running_var"):
        np.testing.assert_array_equal(net.bn_params[0][name], statistics[0][name])
        assert not np.array_equal(net.bn_params[1][name], statistics[1][name])


def test_a_parameter_without_a_rate_is_named():
    X, y = small_task()
    net = MultiTaskNet({"kind": 2}, filters=(3, 4))
    rates = {name: 1e-3 for name in net.params if name != "conv2_gamma"}
    with pytest.raises(ValueError, match="rates has no learning rate for conv2_gamma"):
        train(net, X, y, rates, num_steps=1)


def test_a_solver_trains_what_is_not_frozen():
    X, y = small_task(60)
    net = MultiTaskNet({"kind": 2}, filters=(3, 4))
    net.frozen = ["conv1", "conv2"]
    before = net.copy().params
    data = {"X_train": X[:40], "y_train": y[:40], "X_val": X[40:], "y_val": y[40:]}
    settings = {"update_rule": "adam", "optim_config": {"learning_rate": 3e-2}, "batch_size": 20, "num_epochs": 5}
    solver = Solver(TrainedPart(net), data, **settings, verbose=False)
    solver.train()
    assert set(solver.best_params) == {"kind_W", "kind_b"}
    assert solver.best_val_acc == net.accuracy(X[40:], y[40:])
    assert all(np.array_equal(net.params[name], before[name]) for name in before if name.startswith("conv"))
    assert not np.array_equal(net.params["kind_W"], before["kind_W"])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: replace_head({"conv1_W": np.zeros((4, 3, 3, 3))}, "conv1", 2), "the last layer"),
        (lambda: replace_head({"a_W": np.zeros((4, 3)), "a_b": np.zeros(3)}, "a", 2, -1.0), "weight_scale is -1.0"),
        (lambda: layer_rates({"a_W": np.zeros(1)}, ["a"], 0.1, decay=2), "decay is 2"),
        (lambda: layer_rates({"a_W": np.zeros(1)}, ["a"], -0.1), "learning_rate is -0.1"),
        (lambda: fold_standardisation(np.ones((2, 3)), np.ones(3), np.ones(2), np.array([1.0, 0])), r"std\[1\] is 0"),
        (lambda: fit_head(np.zeros((2, 3, 4, 4)), np.array([0, 1]), 2), r"expected \(N, D\)"),
        (lambda: train(None, np.zeros((2, 3)), np.array([0]), {}, 1), "y has 1 labels, but X has 2 images"),
        (lambda: train(None, np.zeros((2, 3)), np.array([0, 1]), {}, 2.5), "num_steps is 2.5"),
    ],
)
def test_settings_and_shapes_that_do_not_fit(call, message):
    with pytest.raises(ValueError, match=message):
        call()
