"""Attention, positions and layer norm: PyTorch's twins, the course's published numbers, and errors."""

import numpy as np
import pytest

from cs231n.gradient_check import eval_numerical_gradient_array
from cs231n.transformer_layers import (
    ATTENTION_PARAMS,
    BLOCK_PARAMS,
    attention_backward,
    attention_forward,
    causal_mask,
    decoder_block_backward,
    decoder_block_forward,
    multi_head_attention_backward,
    multi_head_attention_forward,
    positional_encoding,
    temporal_layernorm_backward,
    temporal_layernorm_forward,
)
from tests.published_transformer import drawn_to_store, gelu_in_place_of_relu, stored

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


def test_positions_added_to_the_published_data():
    data = [
        [-1.1105820, 0.0014120, 1.5280240, -1.0778340, -0.6963550, 0.1454850],
        [-0.0289880, -0.9705650, 0.4517400, -0.2669470, 1.1358208, 0.5330580],
    ]
    expected = [[-1.1106, 1.0014, 1.528, -0.0778, -0.6964, 1.1455], [0.8125, -0.4303, 0.4981, 0.732, 1.138, 1.5331]]
    np.testing.assert_allclose(data + positional_encoding(2, 6), expected, atol=6e-5)


PUBLISHED_ATTENTION = {  # memory and mask: rows
    ("data", None): [
        [-0.103, 0.209, 0.7481, -0.4116, -0.2772, 0.2357, -0.274, -0.2798],
        [-0.1794, 0.1637, 0.693, -0.3435, -0.23, 0.2457, -0.2504, -0.2323],
        [-0.1861, 0.1567, 0.6677, -0.3078, -0.2731, 0.2302, -0.2714, -0.2082],
    ],
    ("data", "mask"): [
        [-0.1209, 0.1806, 0.8056, -0.4654, -0.2262, 0.2552, -0.2544, -0.2812],
        [-0.2374, 0.1183, 0.7423, -0.3777, -0.146, 0.2716, -0.2213, -0.2077],
        [-0.0851, 0.2423, 0.7941, -0.3778, -0.4924, 0.1512, -0.4241, -0.174],
    ],
    ("other", None): [
        [-0.1965, 0.0702, 0.5227, -0.1388, -0.353, 0.2163, -0.2643, -0.1902],
        [-0.3592, -0.0899, 0.5836, 0.0029, -0.3643, 0.2667, -0.1973, -0.1698],
        [-0.3795, 0.0433, 0.5634, -0.0749, -0.4379, 0.2714, -0.2207, -0.198],
    ],
}


@pytest.mark.parametrize("memory, mask", PUBLISHED_ATTENTION)
def test_attention_is_the_published_one(memory, mask):
    """The course's numbers of 2026, with four digits; inputs and weights are stored."""
    arrays = stored("attention")
    weights = [arrays[name].astype(np.float64) for name in ATTENTION_PARAMS]
    query, key = arrays["data"].astype(np.float64), arrays[memory].astype(np.float64)
    out, _ = multi_head_attention_forward(query, key, key, *weights, 2, arrays[mask] if mask else None)
    np.testing.assert_allclose(out[0], PUBLISHED_ATTENTION[memory, mask], atol=6e-5)


PUBLISHED_BLOCK = """
    0.27005595 -0.21056601 0.63376445 -0.35391954 0.60071295 -1.7566615 -0.1314159 -1.7659538 -0.5575517 0.680143
    1.8622686 0.7291234
    -0.6080135 0.4421802 -0.07590749 -0.12093157 0.94722354 -1.0223433 0.47332686 -1.3958666 2.1890075 -1.0380646
    0.9437816 -0.7343922
    -0.89690155 0.60447216 0.10688882 0.03492759 1.8388084 -0.9772293 0.7621334 -0.668234 1.3260399 -1.8417019
    0.21718435 -0.506388
    -0.70961505 -0.02918372 -0.39894593 -0.8069395 0.04967685 0.29345992 0.7871747 -1.3172938 1.4744806 1.2633642
    1.1611108 -1.767289
"""


def test_a_block_is_the_published_one():
    arrays = stored("block")
    params = {name: arrays[name].astype(np.float64) for name in BLOCK_PARAMS}
    with gelu_in_place_of_relu():
        out, _ = decoder_block_forward(
            arrays["x"].astype(np.float64), arrays["memory"].astype(np.float64), params, 2, arrays["mask"]
        )
    np.testing.assert_allclose(out[0], np.array(PUBLISHED_BLOCK.split(), float).reshape(4, 12), atol=1e-6)


def test_what_is_stored_is_what_pytorch_draws():
    torch = pytest.importorskip("torch")
    for name, value in drawn_to_store(torch).items():
        part, _, key = name.partition("/")
        np.testing.assert_array_equal(stored(part)[key], value)


def block_params(rng, E, K):
    """Random weights of a block, by name."""
    shapes = {"W1": (E, K), "b1": (K,), "W2": (K, E)}
    params = {}
    for name in BLOCK_PARAMS:
        params[name] = rng.randn(*shapes.get(name, (E, E) if "_W" in name else (E,)))
    return params


def twin_block(torch, params, E, K, heads):
    """PyTorch's own block with these weights; and where the gradient of each is found."""
    layer = torch.nn.TransformerDecoderLayer(
        E, heads, K, dropout=0.0, batch_first=True, norm_first=False, dtype=torch.float64
    )
    own = {}
    for name, attention in (("self", layer.self_attn), ("cross", layer.multihead_attn)):
        for i, letter in enumerate("qkv"):
            rows = slice(i * E, (i + 1) * E)
            own[f"{name}_W{letter}"] = (attention.in_proj_weight, rows)
            own[f"{name}_b{letter}"] = (attention.in_proj_bias, rows)
        own |= {f"{name}_Wo": (attention.out_proj.weight, ...), f"{name}_bo": (attention.out_proj.bias, ...)}
    for i, linear in enumerate((layer.linear1, layer.linear2), 1):
        own |= {f"W{i}": (linear.weight, ...), f"b{i}": (linear.bias, ...)}
    for i, norm in enumerate((layer.norm1, layer.norm2, layer.norm3), 1):
        own |= {f"norm{i}_gamma": (norm.weight, ...), f"norm{i}_beta": (norm.bias, ...)}
    with torch.no_grad():
        for name, (tensor, rows) in own.items():
            tensor[rows] = torch.tensor(params[name].T)
    return layer, own


@pytest.mark.parametrize("N, T, P, E, heads", [(2, 3, 5, 4, 2), (3, 6, 6, 6, 3), (1, 1, 4, 8, 8), (2, 5, 1, 6, 1)])
def test_a_block_is_pytorchs(N, T, P, E, heads):
    """Forward and backward, in all inputs and weights, with and without a mask."""
    torch = pytest.importorskip("torch")
    rng = np.random.RandomState(5)
    for mask in (None, causal_mask(T)):
        params, K = block_params(rng, E, 7), 7
        arrays = rng.randn(N, T, E), rng.randn(N, P, E)
        out, cache = decoder_block_forward(*arrays, params, heads, mask)
        layer, own = twin_block(torch, params, E, K, heads)
        twins = [torch.tensor(a, requires_grad=True) for a in arrays]
        twin = layer(*twins, tgt_mask=None if mask is None else ~torch.tensor(mask))
        np.testing.assert_allclose(out, twin.detach().numpy(), rtol=1e-9, atol=1e-10)
        dout = rng.randn(*out.shape)
        twin.backward(torch.tensor(dout))
        dx, dmemory, grads = decoder_block_backward(dout, cache)
        for grad, t in zip((dx, dmemory), twins, strict=True):
            np.testing.assert_allclose(grad, t.grad.numpy(), rtol=1e-9, atol=1e-9)
        assert sorted(grads) == sorted(BLOCK_PARAMS)
        for name, (tensor, rows) in own.items():
            np.testing.assert_allclose(grads[name], tensor.grad[rows].numpy().T, rtol=1e-9, atol=1e-9, err_msg=name)


def test_values_need_not_have_the_size_of_keys():
    """With unit vectors as values, attention returns its weights."""
    rng = np.random.RandomState(6)
    query, key = rng.randn(2, 3, 4), rng.randn(2, 5, 4)
    weights, cache = attention_forward(query, key, np.broadcast_to(np.eye(5), (2, 5, 5)))
    np.testing.assert_allclose(weights, cache[-1])
    np.testing.assert_allclose(weights.sum(axis=-1), 1)


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
        (lambda: attention_forward(np.ones((3, 4)), np.ones((2, 4)), np.ones(2)), r"value has shape \(2,\)"),
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
