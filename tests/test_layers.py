"""The layers: shapes, gradients, PyTorch twins, extreme inputs, errors."""

import re

import numpy as np
import pytest
from layer_check import check_layer, torch

from coursekit.running.gradients import gradient_error
from cs231n.layer_utils import affine_relu_backward, affine_relu_forward
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

SHAPES = [
    ((4, 5), 3),  # rows
    ((2, 4, 5, 3), 7),  # images
    ((1, 6), 2),  # a batch of one
    ((3, 1), 1),  # one value in each input, one output
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
    np.testing.assert_allclose(dx.sum(axis=1), 0, atol=1e-12)  # shifting all scores does not change the loss
    if scale <= 1 and shift == 0:
        assert gradient_error(lambda x: loss_layer(x, y)[0], x, dx)[0] < 1e-7
    if torch:
        tensor = torch.tensor(x, requires_grad=True)
        twin = LOSSES[loss_layer](tensor, torch.tensor(y))
        twin.backward()
        np.testing.assert_allclose(loss, twin.item(), rtol=1e-9)
        np.testing.assert_allclose(dx, tensor.grad.numpy(), rtol=1e-9, atol=1e-12)


def test_softmax_loss_of_rows_of_very_different_scale():
    """Each row is shifted by its own maximum, so that a row of large scores does not make the others underflow."""
    loss, dx = softmax_loss(np.array([[2000.0, 0.0], [0.0, -1.0], [-3000.0, -3000.0]]), np.array([0, 0, 1]))
    np.testing.assert_allclose(loss, (0 + np.log(1 + np.exp(-1)) + np.log(2)) / 3)
    assert np.isfinite(dx).all()


@pytest.mark.parametrize(
    "call, message",
    [
        (
            lambda: affine_forward(randn(2, 3), randn(4, 5), randn(5)),
            "but w of shape (4, 5) has 4 rows",
        ),
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


# ---- normalisation


def gains(*shape):
    """Gains and biases far from 0 and 1."""
    return 2 + randn(*shape), 3 + randn(*shape)


def in_train_mode(forward, **bn_param):
    return lambda x, gamma, beta: forward(x, gamma, beta, {"mode": "train", **bn_param})


NORM_INPUTS = [
    ((6, 4), 1.0, 1e-5),
    ((3, 7), 1.0, 1e-5),  # more columns than rows
    ((5, 5), 1.0, 0.5),  # eps as large as the variance
    ((5, 3), 0.01, 1e-5),  # a variance near the usual eps
    ((7, 2), 1e3, 1e-5),
    ((4, 1), 1.0, 1e-3),  # a single column; for layer normalisation a row with one value, so dx is 0
]


@pytest.mark.parametrize("backward", [batchnorm_backward, batchnorm_backward_alt])
@pytest.mark.parametrize("shape, scale, eps", NORM_INPUTS)
def test_batchnorm(shape, scale, eps, backward):
    check_layer(
        in_train_mode(batchnorm_forward, eps=eps),
        backward,
        (scale * (randn(*shape) + 1), *gains(shape[1])),
        twin=lambda x, gamma, beta: torch.nn.functional.batch_norm(x, None, None, gamma, beta, training=True, eps=eps),
        numeric=scale == 1.0,
    )


@pytest.mark.parametrize("shape, scale, eps", NORM_INPUTS)
def test_layernorm(shape, scale, eps):
    check_layer(
        lambda x, gamma, beta: layernorm_forward(x, gamma, beta, {"eps": eps}),
        layernorm_backward,
        (scale * (randn(*shape) + 1), *gains(shape[1])),
        twin=lambda x, gamma, beta: torch.nn.functional.layer_norm(x, gamma.shape, gamma, beta, eps),
        numeric=scale == 1.0 and shape[1] > 1,
    )


def test_layernorm_is_batchnorm_of_the_transposed():
    x = randn(5, 3)
    by_rows, _ = layernorm_forward(x, np.ones(3), np.zeros(3), {})
    by_columns, _ = batchnorm_forward(x.T, np.ones(5), np.zeros(5), {"mode": "train"})
    np.testing.assert_allclose(by_rows, by_columns.T)


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (1, 2, 3, 3), (3, 3, 3, 3), (4, 2, 1, 1)])
def test_spatial_batchnorm(shape):
    check_layer(
        in_train_mode(spatial_batchnorm_forward),
        spatial_batchnorm_backward,
        (3 * randn(*shape) + 2, *gains(shape[1])),
        twin=lambda x, gamma, beta: torch.nn.functional.batch_norm(x, None, None, gamma, beta, training=True),
    )


@pytest.mark.parametrize("gain_shape", [(6,), (1, 6, 1, 1)])
@pytest.mark.parametrize("G", [1, 2, 3, 6])
def test_spatial_groupnorm(G, gain_shape):
    check_layer(
        lambda x, gamma, beta: spatial_groupnorm_forward(x, gamma, beta, G, {}),
        spatial_groupnorm_backward,
        (3 * randn(2, 6, 4, 3) + 2, *gains(*gain_shape)),
        twin=lambda x, gamma, beta: torch.nn.functional.group_norm(x, G, gamma.reshape(-1), beta.reshape(-1)),
    )


@pytest.mark.parametrize(
    "forward, x, bn_param",
    [
        (batchnorm_forward, [[0.0, 10.0], [2.0, 50.0]], {}),
        (batchnorm_forward, [[0.0, 10.0], [2.0, 50.0]], {"momentum": 0.5, "eps": 3.0}),
        (spatial_batchnorm_forward, [[[[0.0, 2.0]], [[10.0, 50.0]]]], {}),
    ],
)
def test_running_statistics_move_a_step_towards_the_batch(forward, x, bn_param):
    """Biased variance without eps, zeros before the first batch, a fraction 1 - momentum of each batch."""
    step = 1 - bn_param.get("momentum", 0.9)
    bn_param = {"mode": "train", **bn_param}
    for left in (1 - step, (1 - step) ** 2):
        forward(np.array(x), np.ones(2), np.zeros(2), bn_param)
        np.testing.assert_allclose(bn_param["running_mean"], (1 - left) * np.array([1.0, 30.0]))
        np.testing.assert_allclose(bn_param["running_var"], (1 - left) * np.array([1.0, 400.0]))


@pytest.mark.parametrize("forward", [batchnorm_forward, spatial_batchnorm_forward])
def test_test_mode_uses_the_running_statistics_without_changing_them(forward):
    shape = (2, 3) if forward is batchnorm_forward else (2, 3, 2, 2)
    gamma, beta = gains(3)
    x, mean, var = randn(*shape), randn(3), np.array([0.0, 1.0, 9.0])
    bn_param = {"mode": "test", "running_mean": mean.copy(), "running_var": var.copy(), "eps": 1e-3}
    out, _ = forward(x, gamma, beta, bn_param)
    columns = [np.moveaxis(array, 1, -1) for array in (x, out)]
    np.testing.assert_allclose(columns[1], gamma * (columns[0] - mean) / np.sqrt(var + 1e-3) + beta)
    np.testing.assert_allclose(forward(x[:1], gamma, beta, bn_param)[0], out[:1])  # not those of the batch
    np.testing.assert_array_equal(bn_param["running_mean"], mean)
    np.testing.assert_array_equal(bn_param["running_var"], var)


@pytest.mark.parametrize("backward", [batchnorm_backward, batchnorm_backward_alt])
def test_output_for_a_batch_of_one_is_beta(backward):
    """A single row equals its mean: the output is beta, whatever x is, and dx is 0."""
    gamma, beta = gains(4)
    out, cache = batchnorm_forward(randn(1, 4), gamma, beta, {"mode": "train"})
    np.testing.assert_array_equal(out, beta[np.newaxis])
    dx, dgamma, dbeta = backward(np.ones((1, 4)), cache)
    np.testing.assert_array_equal(dx, np.zeros((1, 4)))
    np.testing.assert_array_equal(dgamma, np.zeros(4))
    np.testing.assert_array_equal(dbeta, np.ones(4))


def test_a_constant_column_gives_no_nan():
    x = randn(5, 2)
    x[:, 0] = 7.0
    out, cache = batchnorm_forward(x, np.ones(2), np.zeros(2), {"mode": "train"})
    assert np.isfinite(out).all() and not out[:, 0].any()
    assert np.isfinite(batchnorm_backward(randn(5, 2), cache)[0]).all()


NORMS = {
    batchnorm_forward: ((4, 3), ({"mode": "train"},), batchnorm_backward),
    layernorm_forward: ((4, 3), ({},), layernorm_backward),
    spatial_batchnorm_forward: ((2, 3, 2, 2), ({"mode": "train"},), spatial_batchnorm_backward),
    spatial_groupnorm_forward: ((2, 3, 2, 2), (3, {}), spatial_groupnorm_backward),
}


@pytest.mark.parametrize("forward", NORMS)
def test_normalisation_keeps_float32(forward):
    shape, options, backward = NORMS[forward]
    x, gamma, beta = (array.astype(np.float32) for array in (randn(*shape), *gains(3)))
    out, cache = forward(x, gamma, beta, *options)
    assert {array.dtype for array in (out, *backward(out, cache))} == {np.dtype(np.float32)}
    bn_param = options[-1]
    assert all(bn_param[name].dtype == np.float32 for name in ("running_mean", "running_var") if name in bn_param)


# ---- dropout


@pytest.mark.parametrize("p", [0.25, 0.5, 0.8, 1.0])
def test_dropout(p):
    """With a seed the mask is the same at each call, so numeric gradients work."""
    dropout_param = {"mode": "train", "p": p, "seed": 123}
    check_layer(lambda x: dropout_forward(x, dropout_param), dropout_backward, (randn(5, 4),))


@pytest.mark.parametrize("p", [0.25, 0.7])
def test_dropout_keeps_a_fraction_p_and_the_mean(p):
    x = np.full((400, 500), 3.0)
    out, (_, mask) = dropout_forward(x, {"mode": "train", "p": p})
    assert set(np.unique(out)) == {0.0, 3.0 / p}
    assert abs(np.mean(out != 0) - p) < 0.01
    assert abs(out.mean() - 3) < 0.05
    np.testing.assert_array_equal(out, x * mask)


def test_dropout_does_nothing_in_test_mode():
    x, dropout_param = randn(3, 4), {"mode": "test", "p": 0.3}
    out, cache = dropout_forward(x, dropout_param)
    np.testing.assert_array_equal(out, x)
    np.testing.assert_array_equal(dropout_backward(x, cache), x)


@pytest.mark.parametrize("mode", ["train", "test"])
def test_dropout_seeds_the_global_generator(mode):
    """The course's gradient checks rely on this: weights drawn after a seeded call are always the same."""
    drawn = []
    for _ in range(2):
        dropout_forward(np.ones(3), {"mode": mode, "p": 0.5, "seed": 5})
        drawn.append(np.random.rand())
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dropout_keeps_the_type(dtype):
    out, cache = dropout_forward(np.ones((3, 4), dtype), {"mode": "train", "p": 0.5})
    assert out.dtype == dropout_backward(out, cache).dtype == dtype


def test_dropout_of_integers_does_not_truncate():
    out, _ = dropout_forward(np.full((50, 50), 3), {"mode": "train", "p": 0.7})
    np.testing.assert_allclose(np.unique(out), [0, 3 / 0.7])


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: batchnorm_forward(randn(2, 3), *gains(3), {"mode": "eval"}), 'Invalid forward batchnorm mode "eval"'),
        (lambda: batchnorm_forward(randn(2, 3, 4, 4), *gains(3), {"mode": "train"}), "spatial_batchnorm_forward"),
        (lambda: batchnorm_forward(randn(2, 3), *gains(2), {"mode": "train"}), "gamma has shape (2,), expected (3,)"),
        (lambda: layernorm_forward(randn(2, 3), *gains(3, 1), {}), "gamma has shape (3, 1), expected (3,)"),
        (lambda: batchnorm_backward(randn(2, 3), None), "ran in test mode"),
        (lambda: spatial_batchnorm_forward(randn(2, 3), *gains(3), {"mode": "train"}), "expected (N, C, H, W)"),
        (lambda: spatial_groupnorm_forward(randn(2, 3, 4, 4), *gains(3), 2, {}), "a divisor of the number of channels"),
        (lambda: dropout_forward(randn(2), {"mode": "train", "p": 0}), "expected 0 < p <= 1"),
        (lambda: dropout_forward(randn(2), {"mode": "both", "p": 0.5}), 'Invalid forward dropout mode "both"'),
        (lambda: dropout_backward(randn(2), ({"mode": "both"}, None)), 'Invalid backward dropout mode "both"'),
    ],
)
def test_normalisation_and_dropout_refuse_bad_input(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()
