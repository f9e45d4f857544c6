"""The layers: shapes, gradients, twins in PyTorch, extreme inputs, errors."""

import numpy as np
import pytest
from layer_check import check_layer, torch

from coursekit.gradients import gradient_error
from cs231n.layer_utils import affine_relu_backward, affine_relu_forward
from cs231n.layers import (
    affine_backward,
    affine_forward,
    relu_backward,
    relu_forward,
    softmax_loss,
    svm_loss,
)

SHAPES = [
    ((4, 5), 3),  # rows
    ((2, 4, 5, 3), 7),  # pictures
    ((1, 6), 2),  # a batch of one
    ((3, 1), 1),  # a single entry in, a single output
    ((5, 2, 2), 4),
]


def randn(*shape):
    return np.random.randn(*shape)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("x_shape, num_outputs", SHAPES)
def test_affine(x_shape, num_outputs, scale):
    inputs = (scale * randn(*x_shape), randn(int(np.prod(x_shape[1:])), num_outputs), randn(num_outputs))
    check_layer(
        affine_forward,
        affine_backward,
        inputs,
        twin=lambda x, w, b: x.reshape(len(x), -1) @ w + b,
        numeric=scale == 1.0,
    )


@pytest.mark.parametrize("shape", [(3, 4), (1,), (2, 3, 4, 5)])
def test_relu(shape):
    check_layer(relu_forward, relu_backward, (randn(*shape),), twin=lambda x: x.relu())


def test_relu_gradient_at_zero_is_zero():
    assert relu_backward(np.ones(1), np.zeros(1)) == 0


@pytest.mark.parametrize("x_shape, num_outputs", SHAPES)
def test_affine_relu(x_shape, num_outputs):
    inputs = (randn(*x_shape), randn(int(np.prod(x_shape[1:])), num_outputs), randn(num_outputs))
    check_layer(
        affine_relu_forward,
        affine_relu_backward,
        inputs,
        twin=lambda x, w, b: (x.reshape(len(x), -1) @ w + b).relu(),
    )


LOSSES = {
    svm_loss: lambda x, y: torch.nn.functional.multi_margin_loss(x, y) * x.shape[1],  # PyTorch divides by C as well
    softmax_loss: lambda x, y: torch.nn.functional.cross_entropy(x, y),  # noqa: PLW0108 - torch may be missing here
}


@pytest.mark.parametrize("loss_layer", LOSSES)
@pytest.mark.parametrize(
    "scale, shift",
    [
        (1.0, 0.0),
        (1e-3, 0.0),  # at the start of training
        (1e3, 0.0),  # exp(1000) overflows
        (1.0, 1e4),  # all scores far from 0
    ],
)
@pytest.mark.parametrize("N, C", [(5, 4), (1, 3), (7, 2)])
def test_loss_and_its_gradient(loss_layer, N, C, scale, shift):
    x, y = scale * randn(N, C) + shift, np.random.randint(C, size=N)
    kept = x.copy()
    loss, dx = loss_layer(x, y)
    np.testing.assert_array_equal(x, kept)
    assert dx.shape == x.shape
    np.testing.assert_allclose(dx.sum(axis=1), 0, atol=1e-12)  # a shift of all scores changes nothing
    if scale <= 1 and shift == 0:
        assert gradient_error(lambda x: loss_layer(x, y)[0], x, dx)[0] < 1e-7
    if torch:
        tensor = torch.tensor(x, requires_grad=True)
        twin = LOSSES[loss_layer](tensor, torch.tensor(y))
        twin.backward()
        np.testing.assert_allclose(loss, twin.item(), rtol=1e-9)
        np.testing.assert_allclose(dx, tensor.grad.numpy(), rtol=1e-9, atol=1e-12)


def test_softmax_loss_of_rows_of_very_different_scale():
    """Each row is shifted by its own largest score: one large row does not make the others underflow."""
    loss, dx = softmax_loss(np.array([[2000.0, 0.0], [0.0, -1.0], [-3000.0, -3000.0]]), np.array([0, 0, 1]))
    np.testing.assert_allclose(loss, (0 + np.log(1 + np.exp(-1)) + np.log(2)) / 3)
    assert np.isfinite(dx).all()


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: affine_forward(randn(2, 3), randn(4, 5), randn(5)), "3 entries in each row, but w expects 4"),
        (lambda: softmax_loss(randn(2, 3), np.array([0])), "expected (2,)"),
        (lambda: softmax_loss(randn(2, 3), np.array([0, 3])), "below the number of classes, 3"),
        (lambda: svm_loss(randn(2, 3), np.array([-1, 0])), "labels from -1"),
    ],
)
def test_bad_input_is_refused_with_the_fix(call, message):
    with pytest.raises(ValueError, match=message.replace("(", r"\(").replace(")", r"\)")):
        call()


def test_float_labels_are_refused():
    with pytest.raises(TypeError, match="astype"):
        softmax_loss(randn(2, 3), np.array([0.0, 1.0]))
