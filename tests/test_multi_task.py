"""Nets with several heads: the joint loss, the gradient at the shared trunk, and the net as a whole."""

import numpy as np
import pytest

from coursekit.running.gradients import gradient_error
from cs231n.classifiers.multi_task import MultiTaskNet, joint_loss, shared_gradient


@pytest.fixture(autouse=True)
def seeded():
    np.random.seed(231)


def tasks(N=6):
    """Scores, labels with gaps, and weights of two tasks."""
    scores = {"kind": np.random.randn(N, 3), "colour": np.random.randn(N, 4)}
    labels = {"kind": np.random.randint(3, size=N), "colour": np.random.randint(4, size=N)}
    labels["colour"][[0, 3]] = -1
    return scores, labels, {"kind": 0.7, "colour": 1.6}


def test_the_joint_loss_is_that_of_pytorch():
    """cross_entropy with ignore_index also averages over what has a label."""
    torch = pytest.importorskip("torch")
    scores, labels, weights = tasks()
    loss, dscores = joint_loss(scores, labels, weights)
    tensors = {task: torch.tensor(value, requires_grad=True) for task, value in scores.items()}
    expected = sum(
        weights[task] * torch.nn.functional.cross_entropy(x, torch.tensor(labels[task]), ignore_index=-1)
        for task, x in tensors.items()
    )
    expected.backward()
    assert loss == pytest.approx(expected.item(), rel=1e-12)
    for task, tensor in tensors.items():
        np.testing.assert_allclose(dscores[task], tensor.grad.numpy(), rtol=1e-9, atol=1e-12)


def test_a_task_without_labels_adds_nothing():
    scores, labels, weights = tasks()
    labels["colour"][:] = -1
    loss, dscores = joint_loss(scores, labels, weights)
    alone, dalone = joint_loss({"kind": scores["kind"]}, {"kind": labels["kind"]}, {"kind": 0.7})
    assert loss == alone and np.array_equal(dscores["kind"], dalone["kind"])
    np.testing.assert_array_equal(dscores["colour"], 0)


def test_gradients_add_up_at_the_features_as_in_pytorch():
    torch = pytest.importorskip("torch")
    features = np.random.randn(5, 4)
    heads = {"kind": (np.random.randn(4, 3), np.random.randn(3)), "colour": (np.random.randn(4, 2), np.random.randn(2))}
    dscores = {"kind": np.random.randn(5, 3), "colour": np.random.randn(5, 2)}
    x = torch.tensor(features, requires_grad=True)
    tensors = {task: [torch.tensor(part, requires_grad=True) for part in head] for task, head in heads.items()}
    sum((torch.tensor(dscores[task]) * (x @ w + b)).sum() for task, (w, b) in tensors.items()).backward()
    dfeatures, dheads = shared_gradient(dscores, features, heads)
    np.testing.assert_allclose(dfeatures, x.grad.numpy(), rtol=1e-10)
    for task, parts in tensors.items():
        for grad, tensor in zip(dheads[task], parts, strict=True):
            np.testing.assert_allclose(grad, tensor.grad.numpy(), rtol=1e-10)


@pytest.mark.parametrize(
    "call", [lambda a, b, c: joint_loss(a, b, {"kind": 1.0}), lambda a, b, c: joint_loss(a, {}, c)]
)
def test_tasks_must_be_the_same(call):
    with pytest.raises(ValueError, match="all must name the same ones"):
        call(*tasks())


@pytest.mark.parametrize("frozen", [(), ("conv1",), ("conv2", "kind")])
def test_gradients_of_the_net(frozen):
    """Against numeric gradients, in train mode; frozen layers are in test mode."""
    net = MultiTaskNet({"kind": 3, "colour": 4}, filters=(2, 3), weights={"colour": 1.5, "kind": 0.4}, dtype=np.float64)
    net.frozen = frozen
    X = np.random.randn(4, 3, 8, 8)
    y = {"colour": np.array([3, -1, 0, 2]), "kind": np.array([0, 2, 1, -1])}
    _, grads = net.loss(X, y)
    assert grads.keys() == {name for name in net.params if name.rpartition("_")[0] not in frozen}
    for name, grad in grads.items():
        error, _ = gradient_error(lambda _: net.loss(X, y)[0], net.params[name], grad)
        assert error < 1e-7, name


def test_frozen_layers_are_in_test_mode():
    """A net that is frozen up to its head computes in training what it computes in use."""
    net = MultiTaskNet({"kind": 3}, filters=(4, 5), dtype=np.float64)
    for bn_param in net.bn_params:
        bn_param["running_mean"], bn_param["running_var"] = np.random.randn(2, len(bn_param["running_mean"])) ** 2
    for name in ("conv1_gamma", "conv2_beta"):
        net.params[name] += np.random.rand(len(net.params[name]))
    X, y = np.random.randn(6, 3, 8, 8), np.array([0, 1, 2, 1, 0, 2])
    scores = net.loss(X)
    net.frozen = ["conv1", "conv2"]
    loss, _ = net.loss(X, y)
    assert loss == pytest.approx(joint_loss({"kind": scores}, {"kind": y}, {"kind": 1.0})[0], rel=1e-10)


def test_a_net_with_one_head_takes_labels_and_returns_scores():
    net = MultiTaskNet({"kind": 3}, filters=(2, 3))
    X, y = np.random.randn(5, 3, 8, 8).astype(np.float32), np.array([0, 1, 2, 1, 0])
    assert net.loss(X).shape == (5, 3)
    assert net.loss(X, y)[0] == net.loss(X, {"kind": y})[0]
    assert net.accuracy(X, y) == net.accuracy(X, {"kind": y})["kind"]


def test_a_copy_shares_nothing():
    net = MultiTaskNet({"kind": 3}, filters=(2, 3))
    other = net.with_new_head("kind", 5)
    arrays = [*net.params.values(), *(p["running_mean"] for p in net.bn_params)]
    others = [*other.params.values(), *(p["running_mean"] for p in other.bn_params)]
    assert not any(np.shares_memory(a, b) for a in arrays for b in others)
    assert net.heads == {"kind": 3} and other.heads == {"kind": 5}


def test_an_extra_head_leaves_the_others_alone():
    net = MultiTaskNet({"kind": 3}, filters=(2, 3))
    X = np.random.randn(4, 3, 8, 8).astype(np.float32)
    other = net.with_extra_head("colour", 4)
    np.testing.assert_array_equal(other.scores(X)["kind"], net.scores(X)["kind"])
    assert other.scores(X)["colour"].shape == (4, 4) and net.layers == ("conv1", "conv2", "kind")
    with pytest.raises(ValueError, match="task is 'kind', which is there already"):
        net.with_extra_head("kind", 4)


def test_fitted_heads_use_the_frozen_features():
    net = MultiTaskNet({"kind": 3}, filters=(4, 6))
    y = np.arange(40) % 2
    X = (np.random.randn(40, 3, 8, 8) + 5 * y[:, np.newaxis, np.newaxis, np.newaxis]).astype(np.float32)
    fitted = net.with_fitted_head("kind", X, y, 2)
    assert fitted.accuracy(X, y) == 1
    assert all(np.array_equal(fitted.params[name], net.params[name]) for name in net.params if name[:4] == "conv")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"heads": {"kind": 0}}, "kind is 0"),
        ({"heads": {"kind": 2}, "filters": (4, 2.5)}, r"filters\[1\] is 2.5"),
        ({"heads": {"kind": 2}, "weights": {"colour": 1.0}}, "heads has the tasks kind, but weights has colour"),
    ],
)
def test_a_net_that_cannot_be(arguments, message):
    with pytest.raises(ValueError, match=message):
        MultiTaskNet(**arguments)


def test_a_frozen_layer_that_does_not_exist():
    net = MultiTaskNet({"kind": 2}, filters=(2, 3))
    net.frozen = ["conv3"]
    with pytest.raises(ValueError, match="frozen: no parameter belongs to a layer 'conv3'"):
        net.loss(np.zeros((2, 3, 8, 8), np.float32), np.array([0, 1]))


KIND = {"kind": np.zeros((2, 3))}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: joint_loss(KIND, {"kind": np.array([0])}, {"kind": 1.0}), r"labels of kind has shape \(1,\)"),
        (lambda: joint_loss(KIND, {"kind": np.array([0, -2])}, {"kind": 1.0}), "expected -1 where there is no label"),
        (lambda: shared_gradient(KIND, np.zeros((2, 4)), {"kind": (np.zeros((5, 3)), 0)}), r"w of kind has shape"),
        (lambda: shared_gradient(KIND, np.zeros((1, 4)), {"kind": (np.zeros((4, 3)), 0)}), r"dscores of kind has"),
        (lambda: MultiTaskNet({}), "0 heads"),
        (lambda: MultiTaskNet({"conv1": 2}), "conv1, the name of a convolution"),
    ],
)
def test_what_does_not_fit_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_labels_alone_are_not_enough_for_two_heads():
    net, X, y = MultiTaskNet({"kind": 2, "size": 2}, filters=(2,)), np.zeros((2, 3, 8, 8), np.float32), np.array([0, 1])
    for call in (net.loss, net.accuracy):
        with pytest.raises(TypeError, match="a dict with labels for each task: kind, size"):
            call(X, y)
    with pytest.raises(ValueError, match='has no "colour"'):
        net.accuracy(X, {"colour": y})
