"""Attention, positions and layer norm: PyTorch's twins, the course's published numbers, and errors."""

import numpy as np
import pytest

from cs231n.gradient_check import eval_numerical_gradient_array
from cs231n.transformer_layers import (
    attention_backward,
    attention_forward,
    causal_mask,
    multi_head_attention_backward,
    multi_head_attention_forward,
    positional_encoding,
    temporal_layernorm_backward,
    temporal_layernorm_forward,
)

SIZES = [(1, 1, 1, 2, 1), (2, 3, 5, 4, 2), (3, 6, 6, 12, 3), (2, 1, 7, 8, 8)]  # N, S, T, E, heads


def draw(rng, N, S, T, E):
    return rng.randn(N, S, E), rng.randn(N, T, E), rng.randn(N, T, E)


def masks(rng, S, T):
    random = rng.rand(S, T) < 0.5
    random[np.arange(S), rng.randint(T, size=S)] = True
    return [None, random]


def weights(rng, E):
    return [rng.randn(*shape) for _ in range(4) for shape in ((E, E), (E,))]


@pytest.mark.parametrize("N, S, T, E, heads", SIZES)
def test_attention_is_pytorchs(N, S, T, E, heads):
    torch = pytest.importorskip("torch")
    rng = np.random.RandomState(0)
    for mask in masks(rng, S, T):
        arrays = draw(rng, N, S, T, E)
        out, cache = attention_forward(*arrays, mask)
        twins = [torch.tensor(a, requires_grad=True) for a in arrays]
        twin_mask = None if mask is None else torch.tensor(mask)
        twin = torch.nn.functional.scaled_dot_product_attention(*twins, attn_mask=twin_mask)
        np.testing.assert_allclose(out, twin.detach().numpy(), rtol=1e-9, atol=1e-12)
        dout = rng.randn(*out.shape)
        twin.backward(torch.tensor(dout))
        for grad, t in zip(attention_backward(dout, cache), twins, strict=True):
            np.testing.assert_allclose(grad, t.grad.numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("N, S, T, E, heads", SIZES)
def test_several_heads_are_pytorchs(N, S, T, E, heads):
    torch = pytest.importorskip("torch")
    rng = np.random.RandomState(1)
    for mask in masks(rng, S, T):
        arrays, params = draw(rng, N, S, T, E), weights(rng, E)
        out, cache = multi_head_attention_forward(*arrays, *params, heads, mask)
        Wq, bq, Wk, bk, Wv, bv, Wo, bo = params
        layer = torch.nn.MultiheadAttention(E, heads, batch_first=True, dtype=torch.float64)
        with torch.no_grad():
            layer.in_proj_weight.copy_(torch.tensor(np.concatenate([Wq.T, Wk.T, Wv.T])))
            layer.in_proj_bias.copy_(torch.tensor(np.concatenate([bq, bk, bv])))
            layer.out_proj.weight.copy_(torch.tensor(Wo.T))
            layer.out_proj.bias.copy_(torch.tensor(bo))
        twins = [torch.tensor(a, requires_grad=True) for a in arrays]
        twin, _ = layer(*twins, attn_mask=None if mask is None else ~torch.tensor(mask), need_weights=False)
        np.testing.assert_allclose(out, twin.detach().numpy(), rtol=1e-9, atol=1e-11)
        dout = rng.randn(*out.shape)
        twin.backward(torch.tensor(dout))
        grads = multi_head_attention_backward(dout, cache)
        for grad, t in zip(grads[:3], twins, strict=True):
            np.testing.assert_allclose(grad, t.grad.numpy(), rtol=1e-9, atol=1e-11)
        dW = np.split(layer.in_proj_weight.grad.numpy().T, 3, axis=1)
        db = np.split(layer.in_proj_bias.grad.numpy(), 3)
        expected = [a for pair in zip(dW, db, strict=True) for a in pair]
        expected += [layer.out_proj.weight.grad.numpy().T, layer.out_proj.bias.grad.numpy()]
        for grad, e in zip(grads[3:], expected, strict=True):
            np.testing.assert_allclose(grad, e, rtol=1e-9, atol=1e-11)


def test_gradients_by_differences():
    rng = np.random.RandomState(2)
    arrays, params = draw(rng, 2, 3, 3, 4), weights(rng, 4)
    mask = causal_mask(3)
    out, cache = multi_head_attention_forward(*arrays, *params, 2, mask)
    dout = rng.randn(*out.shape)
    grads = multi_head_attention_backward(dout, cache)
    inputs = [*arrays, *params]
    for i, grad in enumerate(grads):
        numeric = eval_numerical_gradient_array(
            lambda _: multi_head_attention_forward(*inputs, 2, mask)[0], inputs[i], dout
        )
        np.testing.assert_allclose(grad, numeric, rtol=1e-5, atol=1e-8)


def test_layer_norm_at_every_step_is_pytorchs():
    torch = pytest.importorskip("torch")
    rng = np.random.RandomState(3)
    x, gamma, beta = rng.randn(2, 3, 5), rng.randn(5), rng.randn(5)
    out, cache = temporal_layernorm_forward(x, gamma, beta, {})
    twins = [torch.tensor(a, requires_grad=True) for a in (x, gamma, beta)]
    twin = torch.nn.functional.layer_norm(twins[0], (5,), twins[1], twins[2])
    np.testing.assert_allclose(out, twin.detach().numpy(), rtol=1e-9, atol=1e-12)
    dout = rng.randn(*x.shape)
    twin.backward(torch.tensor(dout))
    for grad, t in zip(temporal_layernorm_backward(dout, cache), twins, strict=True):
        np.testing.assert_allclose(grad, t.grad.numpy(), rtol=1e-9, atol=1e-11)


def test_positions_are_the_published_ones():
    expected = [[0, 1, 0, 1, 0, 1], [0.84147098, 0.54030231, 0.04639922, 0.99892298, 0.00215443, 0.99999768]]
    np.testing.assert_allclose(positional_encoding(2, 6), expected, atol=5e-9)


def test_a_step_sees_no_later_one():
    rng = np.random.RandomState(4)
    x, later = rng.randn(1, 5, 4), rng.randn(1, 5, 4)
    later[:, :3] = x[:, :3]
    first, second = (attention_forward(a, a, a, causal_mask(5))[0] for a in (x, later))
    np.testing.assert_array_equal(first[:, :3], second[:, :3])


def test_extreme_scores_do_not_overflow():
    x = np.array([[[1e4, 0.0], [0.0, 1e4]]])
    out, _ = attention_forward(x, x, x)
    np.testing.assert_allclose(out, x)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: attention_forward(np.ones((2, 3, 4)), np.ones((2, 3, 5)), np.ones((2, 3, 5))), r"key has shape"),
        (lambda: attention_forward(np.ones((3, 4)), np.ones((2, 4)), np.ones((3, 4))), r"value has shape \(3, 4\)"),
        (
            lambda: attention_forward(np.ones((1, 4)), np.ones((2, 4)), np.ones((2, 4)), np.zeros((1, 2))),
            "no.* key|without a key",
        ),
        (lambda: positional_encoding(3, 5), "size is 5"),
        (lambda: multi_head_attention_forward(*[np.ones((1, 2, 6))] * 3, *[None] * 8, 4), "num_heads is 4"),
    ],
)
def test_errors_say_what_came(call, message):
    with pytest.raises(ValueError, match=message):
        call()
