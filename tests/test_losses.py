"""Losses, against numeric gradients, each other and their PyTorch twins, and with arguments that do not fit."""

import numpy as np
import pytest
from layer_check import check_layer, torch

from coursekit.running.gradients import gradient_error
from cs231n import layers, losses
from cs231n.graph_layers import sigmoid_cross_entropy

if torch:
    from torch.nn import functional

N, C = 6, 4
WEIGHTS = np.array([0.3, 2.0, 1.1, 4.0])
LABELS, SIGNS = np.array([3, 0, 2, 2, 1, 0]), np.array([1, -1, -1, 1, -1, 1])
ANSWERS = np.array([[0, 0, 0, 0], [1, 1, 1, 1], [0, 1, 0, 0], [1, 0, 0, 1], [0, 0, 1, 0], [1, 1, 0, 1]])
TARGETS = np.arange(24.0).reshape(N, C) / 10


@pytest.fixture(autouse=True)
def seed():
    np.random.seed(7)


def _tensor(array):
    return torch.tensor(array)


def _squared_hinge_twin(s):
    correct = s[torch.arange(N), _tensor(LABELS)][:, None]
    others = functional.one_hot(_tensor(LABELS), C) == 0
    return (torch.clamp(s - correct + 1, min=0)[others] ** 2).sum() / N


TABLE = {  # name: the loss of scores, the shape of the scores, and its twin
    "squared_hinge": (lambda s: losses.squared_hinge_loss(s, LABELS), (N, C), _squared_hinge_twin),
    "weighted_softmax": (
        lambda s: losses.weighted_softmax_loss(s, LABELS, WEIGHTS),
        (N, C),
        lambda s: functional.cross_entropy(s, _tensor(LABELS), weight=_tensor(WEIGHTS)),
    ),
    "smoothed_softmax": (
        lambda s: losses.smoothed_softmax_loss(s, LABELS, 0.3),
        (N, C),
        lambda s: functional.cross_entropy(s, _tensor(LABELS), label_smoothing=0.3),
    ),
    "logistic": (
        lambda s: losses.logistic_loss(s, SIGNS),
        (N,),
        lambda s: functional.soft_margin_loss(s, _tensor(SIGNS)),
    ),
    "multi_label": (
        lambda s: losses.multi_label_loss(s, ANSWERS, WEIGHTS),
        (N, C),
        lambda s: (
            functional.binary_cross_entropy_with_logits(
                s, _tensor(ANSWERS.astype(float)), pos_weight=_tensor(WEIGHTS), reduction="sum"
            )
            / N
        ),
    ),
    "multi_label without weights": (
        lambda s: losses.multi_label_loss(s, ANSWERS),
        (N, C),
        lambda s: C * functional.binary_cross_entropy_with_logits(s, _tensor(ANSWERS.astype(float))),
    ),
    "mean_squared_error": (
        lambda s: losses.mean_squared_error(s, TARGETS),
        (N, C),
        lambda s: functional.mse_loss(s, _tensor(TARGETS)),
    ),
}
each_loss = pytest.mark.parametrize("loss, shape, twin", TABLE.values(), ids=TABLE)


@each_loss
def test_the_gradient_is_the_numeric_one(loss, shape, twin):
    scores = 2 * np.random.randn(*shape)
    kept = scores.copy()
    _, dscores = loss(scores)
    error, _ = gradient_error(lambda _: np.array(loss(scores)[0]), scores, dscores, 1.0)
    assert error < 1e-7
    np.testing.assert_array_equal(scores, kept)


@each_loss
def test_the_twin_in_pytorch(loss, shape, twin):
    pytest.importorskip("torch")
    scores = 3 * np.random.randn(*shape)
    value, dscores = loss(scores)
    tensor = torch.tensor(scores, requires_grad=True)
    theirs = twin(tensor)
    theirs.backward()
    np.testing.assert_allclose(value, theirs.item(), rtol=1e-12)
    np.testing.assert_allclose(dscores, tensor.grad.numpy(), rtol=1e-10, atol=1e-14)


@each_loss
def test_the_gradient_of_float32_is_float32(loss, shape, twin):
    scores = np.random.randn(*shape).astype(np.float32)
    value, dscores = loss(scores)
    wide = loss(scores.astype(np.float64))
    assert dscores.dtype == np.float32 and np.isscalar(value)
    np.testing.assert_allclose(value, wide[0], rtol=1e-5)
    np.testing.assert_allclose(dscores, wide[1], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["squared_hinge", "logistic", "multi_label without weights"])
def test_float16_is_computed_in_float32(name):
    """A square of 300 is infinite in float16."""
    loss, shape, _ = TABLE[name]
    scores = np.clip(100 * np.random.randn(*shape), -300, 300).astype(np.float16)
    value, dscores = loss(scores)
    assert dscores.dtype == np.float16
    np.testing.assert_allclose(value, loss(scores.astype(np.float64))[0], rtol=1e-5)


@each_loss
def test_whole_numbers_are_scores_too(loss, shape, twin):
    scores = np.random.randint(-3, 4, size=shape)
    np.testing.assert_allclose(loss(scores)[1], loss(scores.astype(float))[1])


@each_loss
def test_large_scores(loss, shape, twin):
    """Overflow is an error in all tests."""
    value, dscores = loss(1e4 * np.random.randn(*shape))
    assert np.isfinite(value) and np.isfinite(dscores).all()


# ---- what the losses have to do with each other


def test_equal_weights_change_nothing():
    scores = np.random.randn(N, C)
    for weight in (1.0, 3.0):
        weighted = losses.weighted_softmax_loss(scores, LABELS, np.full(C, weight))
        for ours, plain in zip(weighted, layers.softmax_loss(scores, LABELS), strict=True):
            np.testing.assert_allclose(ours, plain, rtol=1e-12)


def test_a_weight_of_two_is_as_good_as_every_input_twice():
    scores = np.random.randn(N, C)
    twice = np.concatenate([np.arange(N), np.flatnonzero(LABELS == 2)])
    repeated, _ = layers.softmax_loss(scores[twice], LABELS[twice])
    weighted, _ = losses.weighted_softmax_loss(scores, LABELS, np.array([1.0, 1.0, 2.0, 1.0]))
    np.testing.assert_allclose(weighted, repeated, rtol=1e-12)


def test_balanced_weights_give_each_class_the_same_total():
    weights = losses.balanced_weights(LABELS, C)
    np.testing.assert_allclose(weights * np.bincount(LABELS), N / C)
    np.testing.assert_allclose(weights[LABELS].mean(), 1)


def test_several_labels_without_weights_are_the_sigmoid_loss_of_graphs():
    scores = np.random.randn(N, C)
    pairs = zip(losses.multi_label_loss(scores, ANSWERS), sigmoid_cross_entropy(scores, ANSWERS), strict=True)
    for ours, theirs in pairs:
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_one_label_is_logistic_regression_and_softmax_of_two_classes():
    scores = np.random.randn(N)
    loss, dscores = losses.logistic_loss(scores, SIGNS)
    yes = (SIGNS + 1) // 2
    one_label = losses.multi_label_loss(scores[:, np.newaxis], yes[:, np.newaxis])
    two_classes = layers.softmax_loss(np.stack([np.zeros(N), scores], axis=1), yes)
    for other, gradient in ((one_label, one_label[1][:, 0]), (two_classes, two_classes[1][:, 1])):
        np.testing.assert_allclose(other[0], loss, rtol=1e-12)
        np.testing.assert_allclose(gradient, dscores, rtol=1e-12)


def test_the_squared_hinge_loss_is_the_square_where_one_margin_is_violated():
    scores, y = np.array([[0.0, 0.4, -9.0], [-9.0, 0.3, 0.0]]), np.array([0, 2])
    plain = [layers.svm_loss(scores[i : i + 1], y[i : i + 1])[0] for i in range(2)]
    np.testing.assert_allclose(losses.squared_hinge_loss(scores, y)[0], np.mean(np.square(plain)))


# ---- two steps


def test_softmax():
    check_layer(
        losses.softmax_forward,
        losses.softmax_backward,
        (2 * np.random.randn(N, C),),
        twin=lambda s: functional.softmax(s, dim=1),
    )


@pytest.mark.parametrize("dloss", [1.0, -2.5])
def test_cross_entropy_of_probabilities(dloss):
    probabilities = np.random.dirichlet(np.ones(C), size=N)
    loss, cache = losses.cross_entropy_forward(probabilities, LABELS)
    gradient = losses.cross_entropy_backward(dloss, cache)
    error, _ = gradient_error(
        lambda p: np.array(losses.cross_entropy_forward(p, LABELS)[0]), probabilities, gradient, dloss
    )
    assert error < 1e-7
    if torch:
        theirs = functional.nll_loss(torch.log(_tensor(probabilities)), _tensor(LABELS))
        np.testing.assert_allclose(loss, theirs.item(), rtol=1e-12)


def test_two_steps_are_one_while_the_scores_are_moderate():
    scores = np.random.randn(N, C)
    probabilities, softmax_cache = losses.softmax_forward(scores)
    loss, cache = losses.cross_entropy_forward(probabilities, LABELS)
    dscores = losses.softmax_backward(losses.cross_entropy_backward(1.0, cache), softmax_cache)
    one_loss, one_gradient = layers.softmax_loss(scores, LABELS)
    np.testing.assert_allclose(loss, one_loss, rtol=1e-12)
    np.testing.assert_allclose(dscores, one_gradient, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("gap, exact", [(40.0, 4.248354255291589e-18), (800.0, 0.0), (-800.0, 800.0)])
def test_where_two_steps_lose_digits(gap, exact):
    """One step has them all; at a gap of 40, p is 1 in two steps, and at -800 it is 0."""
    scores, y = np.array([[gap, 0.0]]), np.array([0])
    np.testing.assert_allclose(losses.logistic_loss(np.array([gap]), np.array([1]))[0], exact, rtol=1e-12)
    with np.errstate(divide="ignore"):
        two_steps, _ = losses.cross_entropy_forward(losses.softmax_forward(scores)[0], y)
    assert two_steps == (np.inf if gap < 0 else 0)
    assert layers.softmax_loss(scores, y)[0] == (800 if gap < 0 else 0)


# ---- arguments

SCORES = np.zeros((N, C))


@pytest.mark.parametrize(
    "call, error, message",
    [
        (
            lambda: losses.squared_hinge_loss(np.zeros(N), LABELS),
            ValueError,
            r"scores has shape \(6,\), expected \(N, C\)",
        ),
        (lambda: losses.squared_hinge_loss(np.zeros((0, C)), LABELS[:0]), ValueError, "no mean loss"),
        (lambda: losses.squared_hinge_loss(SCORES, LABELS + 1), ValueError, "labels from 1 to 4"),
        (lambda: losses.squared_hinge_loss(SCORES, LABELS.astype(float)), TypeError, "y has dtype float64"),
        (lambda: losses.weighted_softmax_loss(SCORES, LABELS, np.ones(N)), ValueError, "one for each column"),
        (lambda: losses.weighted_softmax_loss(SCORES, LABELS, 0 * WEIGHTS), ValueError, "expected positive numbers"),
        (lambda: losses.weighted_softmax_loss(SCORES, LABELS, WEIGHTS / 0.0), ValueError, "expected positive"),
        (lambda: losses.balanced_weights(LABELS, C + 1), ValueError, "class 4 does not occur"),
        (lambda: losses.balanced_weights(LABELS, 2), ValueError, "below the number of classes, 2"),
        (lambda: losses.balanced_weights(LABELS, 4.0), ValueError, "num_classes is 4.0, expected an integer"),
        (lambda: losses.softmax_forward(np.zeros(C)), ValueError, r"expected \(N, C\)"),
        (lambda: losses.softmax_backward(np.zeros(C), SCORES), ValueError, r"dout has shape \(4,\)"),
        (lambda: losses.cross_entropy_forward(SCORES, LABELS[1:]), ValueError, "one label for each row"),
        (lambda: losses.cross_entropy_forward(-np.ones((N, C)), LABELS), ValueError, "holds -1.0: are these scores"),
        (lambda: losses.cross_entropy_backward(np.ones(N), (SCORES, LABELS)), ValueError, "expected a single number"),
        (lambda: losses.logistic_loss(np.zeros((N, 1)), SIGNS), ValueError, r"Take one column: scores\[:, 0\]"),
        (lambda: losses.logistic_loss(np.zeros(N), (SIGNS + 1) // 2), ValueError, "2 \\* y - 1 makes -1 and 1"),
        (lambda: losses.logistic_loss(np.zeros(N), SIGNS[1:]), ValueError, r"y has shape \(5,\), expected \(6,\)"),
        (lambda: losses.multi_label_loss(SCORES, LABELS), ValueError, r"y has shape \(6,\), expected \(6, 4\)"),
        (lambda: losses.multi_label_loss(SCORES, 2 * ANSWERS - 1), ValueError, r"makes 0 and 1 of -1 and 1"),
        (lambda: losses.multi_label_loss(SCORES, ANSWERS, -WEIGHTS), ValueError, "positive_weights holds -4.0 to"),
        (lambda: losses.mean_squared_error(SCORES, TARGETS[:, :1]), ValueError, r"targets has shape \(6, 1\)"),
        (lambda: losses.mean_squared_error(np.zeros((0, 2)), np.zeros((0, 2))), ValueError, "no mean loss"),
    ],
)
def test_what_does_not_fit_is_refused(call, error, message):
    with np.errstate(divide="ignore"), pytest.raises(error, match=message):
        call()


# ---- smoothed labels


def test_without_smoothing_it_is_the_softmax_loss():
    scores = 900 * np.random.randn(N, C)
    for ours, theirs in zip(
        losses.smoothed_softmax_loss(scores, LABELS, 0), layers.softmax_loss(scores, LABELS), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-12)


def test_smoothed_scores_have_a_best_value():
    """Where the probabilities are the smoothed truth, the gradient is 0."""
    truth = np.full((N, C), 0.2 / C) + 0.8 * np.eye(C)[LABELS]
    _, dscores = losses.smoothed_softmax_loss(np.log(truth), LABELS, 0.2)
    np.testing.assert_allclose(dscores, 0, atol=1e-12)


@pytest.mark.parametrize("smoothing", [-0.1, 1.1, "0.1"])
def test_smoothing_is_a_share(smoothing):
    with pytest.raises(ValueError, match="from 0 to 1"):
        losses.smoothed_softmax_loss(np.zeros((2, 3)), np.array([0, 1]), smoothing)
