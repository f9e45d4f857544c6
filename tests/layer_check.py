"""One line of test for each layer: `check_layer(forward, backward, inputs, ...)` tests everything a layer must do."""

import numpy as np

from coursekit.running.gradients import gradient_error

try:
    import torch
except ImportError:
    torch = None


def check_layer(forward, backward, inputs, twin=None, numeric=True):
    """Check a pair of functions on one set of inputs.

    It checks the shapes and dtypes of the gradients; that inputs are not changed; that non-contiguous inputs give the
    same result; a random projection of the gradient and, with `numeric`, each of its entries against numeric gradients
    without kinks; and, if torch is installed, the forward and backward pass against the PyTorch twin.
    """
    out, cache = forward(*inputs)
    dout = np.random.randn(*out.shape)
    grads = _as_tuple(backward(dout, cache))
    assert [grad.shape for grad in grads] == [x.shape for x in inputs]
    assert all(grad.dtype == np.float64 for grad in grads)

    _check_unchanged(forward, backward, inputs, dout)
    _check_non_contiguous(forward, backward, inputs, dout, out, grads)
    _check_projection(forward, inputs, dout, grads)
    if numeric:
        _check_entries(forward, inputs, dout, grads)
    if twin and torch:
        _check_twin(twin, inputs, dout, out, grads)


def _as_tuple(value):
    return value if isinstance(value, tuple) else (value,)


def _check_unchanged(forward, backward, inputs, dout):
    kept = [np.copy(x) for x in (*inputs, dout)]
    backward(dout, forward(*inputs)[1])
    for old, new in zip(kept, (*inputs, dout), strict=True):
        np.testing.assert_array_equal(old, new)


def _check_non_contiguous(forward, backward, inputs, dout, out, grads):
    strided = [np.repeat(x, 2, axis=-1)[..., ::2] for x in inputs]
    again, cache = forward(*strided)
    np.testing.assert_allclose(again, out, rtol=1e-12, atol=1e-12)
    for a, b in zip(_as_tuple(backward(np.asfortranarray(dout), cache)), grads, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)


def _check_projection(forward, inputs, dout, grads, h=1e-6):
    """The change of <out, dout> along one random direction, for all inputs at once."""
    directions = [np.random.randn(*x.shape) for x in inputs]
    above = np.sum(forward(*(x + h * v for x, v in zip(inputs, directions, strict=True)))[0] * dout)
    below = np.sum(forward(*(x - h * v for x, v in zip(inputs, directions, strict=True)))[0] * dout)
    predicted = sum(np.sum(grad * v) for grad, v in zip(grads, directions, strict=True))
    np.testing.assert_allclose((above - below) / (2 * h), predicted, rtol=1e-6, atol=1e-5)


def _check_entries(forward, inputs, dout, grads):
    for i, grad in enumerate(grads):
        moved = [x.copy() for x in inputs]
        error, _ = gradient_error(lambda _, moved=moved: forward(*moved)[0], moved[i], grad, dout)
        assert error < 1e-7


def _check_twin(twin, inputs, dout, out, grads):
    tensors = [torch.tensor(x, requires_grad=True) for x in inputs]
    result = twin(*tensors)
    np.testing.assert_allclose(out, result.detach().numpy(), rtol=1e-9, atol=1e-9)
    result.backward(torch.tensor(dout))
    for grad, tensor in zip(grads, tensors, strict=True):
        np.testing.assert_allclose(grad, tensor.grad.numpy(), rtol=1e-9, atol=1e-9)
