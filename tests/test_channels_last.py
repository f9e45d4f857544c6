"""Layers with the channels last, against those with the channels first, numeric gradients and PyTorch."""

import numpy as np
import pytest
from layer_check import check_layer, torch

from cs231n import activations, channels_last, fast_layers, layers
from cs231n._fast import conv_last
from cs231n.channels_last import (
    batchnorm_bias_backward,
    batchnorm_bias_forward,
    conv_backward,
    conv_forward,
    max_pool_backward,
    max_pool_forward,
    norm_act_conv_backward,
    norm_act_conv_forward,
    norm_relu_pool_backward,
    norm_relu_pool_forward,
    patch_act_conv_backward,
    patch_act_conv_forward,
)

if torch:
    from torch.nn import functional

CONV = {"stride": 1, "pad": 1}
HALF = {"pool_height": 2, "pool_width": 2, "stride": 2}
ACTIVATIONS = {
    "gelu": (activations.gelu_forward, activations.gelu_backward),
    "relu": (layers.relu_forward, layers.relu_backward),
}


@pytest.fixture(autouse=True)
def seed():
    np.random.seed(3)


@pytest.fixture(params=[1, 1 << 30], ids=["one image at a time", "all images at a time"])
def pieces(request, monkeypatch):
    monkeypatch.setattr(conv_last, "COLUMNS", request.param)
    monkeypatch.setattr(channels_last, "PIECE", request.param)


def first(x):
    """(N, H, W, C) -> (N, C, H, W)"""
    return x.transpose(0, 3, 1, 2)


def last(x):
    """(N, C, H, W) -> (N, H, W, C)"""
    return x.transpose(0, 2, 3, 1)


def draw(*shape):
    return np.random.randn(*shape)


def assert_close(actual, expected):
    for a, b in zip(actual, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)


def assert_gradients(actual, expected, gamma):
    """Compare (dx, dgamma, ...); without gamma there is no dgamma."""
    if gamma is None:
        assert actual[1] is None
        (actual, expected) = ([dx, *rest] for dx, _, *rest in (actual, expected))
    assert_close(actual, expected)


# ---- single layers


@pytest.mark.parametrize("pool", [False, True])
@pytest.mark.parametrize(
    "shape, filters",
    [
        ((3, 5, 4, 2), (3, 2, 3, 3)),
        ((2, 4, 6, 1), (5, 1, 3, 3)),  # many more filters than channels
        ((2, 3, 3, 6), (2, 6, 3, 3)),
        ((1, 4, 5, 2), (2, 2, 1, 3)),  # a filter that is not square: the maps get higher
        ((9, 2, 2, 1), (1, 1, 3, 3)),  # more images than slices
    ],
)
def test_convolution(shape, filters, pool, pieces):
    def twin(x, w):
        maps = functional.conv2d(x.permute(0, 3, 1, 2), w, padding=1)
        return (functional.max_pool2d(maps, 2) if pool else maps).permute(0, 2, 3, 1)

    check_layer(
        lambda x, w: conv_forward(x, w, pool=pool),
        conv_backward,
        (draw(*shape), draw(*filters)),
        twin,
        numeric=not pool,
    )


@pytest.mark.parametrize("pad", [0, 2])
def test_convolution_with_other_padding(pad):
    x, w = draw(3, 5, 4, 2), draw(3, 2, 2, 3)
    check_layer(
        lambda x, w: conv_forward(x, w, pad),
        conv_backward,
        (x, w),
        lambda x, w: functional.conv2d(x.permute(0, 3, 1, 2), w, padding=pad).permute(0, 2, 3, 1),
    )


def test_a_first_layer_needs_no_gradient_of_its_inputs():
    x, w = draw(3, 5, 4, 2), draw(3, 2, 3, 3)
    out, cache = conv_forward(x, w)
    dx, dw = conv_backward(out, cache, needs_dx=False)
    assert dx is None
    assert_close([dw], conv_backward(out, cache)[1:])


@pytest.mark.parametrize("shape, size", [((2, 4, 6, 3), 2), ((2, 5, 7, 3), 2), ((9, 3, 3, 2), 3), ((1, 20, 20, 1), 20)])
def test_max_pooling(shape, size):
    check_layer(
        lambda x: max_pool_forward(x, size),
        max_pool_backward,
        (draw(*shape),),
        lambda x: functional.max_pool2d(x.permute(0, 3, 1, 2), size).permute(0, 2, 3, 1),
        numeric=False,
    )


@pytest.mark.parametrize("pool", [max_pool_forward, lambda x: conv_forward(x, np.ones((1, 1, 1, 1)), pad=0, pool=True)])
def test_the_first_of_equal_entries_wins(pool):
    """As with the channels first: in reading order."""
    x = np.array([[1.0, 2.0, 3.0, 3.0], [2.0, 2.0, 3.0, 3.0]]).reshape(1, 2, 4, 1)
    _, cache = pool(x)
    backward = max_pool_backward if pool is max_pool_forward else lambda *a: conv_backward(*a)[0]
    dx = backward(np.ones((1, 1, 2, 1)), cache)
    np.testing.assert_array_equal(dx[0, :, :, 0], [[0, 1, 1, 0], [0, 0, 0, 0]])


def test_batch_normalisation(pieces):
    def twin(x, beta):
        x = x.permute(0, 3, 1, 2)
        return functional.batch_norm(x, None, None, None, beta, training=True, eps=1e-3).permute(0, 2, 3, 1)

    check_layer(
        lambda x, beta: batchnorm_bias_forward(x, beta, {"mode": "train", "eps": 1e-3}),
        batchnorm_bias_backward,
        (3 * draw(10, 4, 3, 2) + 1, draw(2)),
        twin,
    )


def test_running_statistics_are_those_of_the_layer_with_channels_first():
    x, beta = 3 * draw(5, 4, 3, 2) + 1, draw(2)
    settings = {"eps": 1e-3, "momentum": 0.7, "running_mean": draw(2), "running_var": np.random.rand(2)}
    ours, theirs = {"mode": "train", **settings}, {"mode": "train", **settings}
    for mode in ("train", "test"):
        ours["mode"] = theirs["mode"] = mode
        out, cache = batchnorm_bias_forward(x, beta, ours)
        expected, _ = layers.spatial_batchnorm_forward(first(x), np.ones(2), beta, theirs)
        assert_close(
            [out, ours["running_mean"], ours["running_var"]], [last(expected), *map(theirs.get, list(theirs)[3:])]
        )
    assert cache is None
    with pytest.raises(ValueError, match="test mode"):
        batchnorm_bias_backward(x, cache)


def test_statistics_of_values_far_from_0():
    """In float32, the mean of the squares of such values would have no digit left for their variance."""
    x = (1000 + draw(50, 6, 6, 1)).astype(np.float32)
    out, _ = batchnorm_bias_forward(x, np.zeros(1, np.float32), {"mode": "train"})
    assert abs(float(out.std()) - 1) < 1e-2 and abs(float(out.mean())) < 1e-2


# ---- layers in one go


@pytest.mark.parametrize("pool", [False, True])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("F", [2, 7], ids=["by windows of the maps", "by windows of the inputs"])
@pytest.mark.parametrize("gamma", [None, np.array([-1.5, 0.0])], ids=["without gamma", "with gamma"])
def test_normalisation_activation_convolution(gamma, F, activation, pool, pieces):
    """The same as the four layers with channels first, one after another."""
    x, beta, w = 2 * draw(9, 5, 4, 2) + 1, draw(2), draw(F, 2, 3, 3)
    scale = np.ones(2) if gamma is None else gamma
    ours, theirs = {"mode": "train", "momentum": 0.6}, {"mode": "train", "momentum": 0.6}
    out, cache = norm_act_conv_forward(x, gamma, beta, w, ours, activation, pool)
    forward, backward = ACTIVATIONS[activation]

    maps, norm = layers.spatial_batchnorm_forward(first(x), scale, beta, theirs)
    maps, active = forward(maps)
    maps, conv = fast_layers.conv_forward_fast(maps, w, np.zeros(F), CONV)
    if pool:
        maps, pooled = fast_layers.max_pool_forward_fast(maps, HALF)
    assert_close([out, ours["running_mean"], ours["running_var"]], [last(maps), *list(theirs.values())[2:]])

    dout = draw(*out.shape)
    dmaps = fast_layers.max_pool_backward_fast(first(dout), pooled) if pool else first(dout)
    dmaps, dw, _ = fast_layers.conv_backward_fast(dmaps, conv)
    dx, dgamma, dbeta = layers.spatial_batchnorm_backward(backward(dmaps, active), norm)
    assert_gradients(norm_act_conv_backward(dout, cache), [last(dx), dgamma, dbeta, dw], gamma)

    ours["mode"] = theirs["mode"] = "test"
    out, cache = norm_act_conv_forward(x, gamma, beta, w, ours, activation)
    maps, _ = forward(layers.spatial_batchnorm_forward(first(x), scale, beta, theirs)[0])
    assert_close([out], [last(fast_layers.conv_forward_fast(maps, w, np.zeros(F), CONV)[0])])
    assert cache is None


@pytest.mark.parametrize("pool", [False, True])
def test_normalisation_activation_convolution_as_a_layer(pool):
    def twin(x, gamma, beta, w):
        x = functional.batch_norm(x.permute(0, 3, 1, 2), None, None, gamma, beta, training=True)
        maps = functional.conv2d(functional.gelu(x, approximate="tanh"), w, padding=1)
        return (functional.max_pool2d(maps, 2) if pool else maps).permute(0, 2, 3, 1)

    check_layer(
        lambda x, gamma, beta, w: norm_act_conv_forward(x, gamma, beta, w, {"mode": "train"}, pool=pool),
        norm_act_conv_backward,
        (draw(4, 4, 5, 2), draw(2), draw(2), draw(3, 2, 3, 3)),
        twin,
        numeric=not pool,
    )


@pytest.mark.parametrize("gamma", [None, np.array([-1.5, 0.0])], ids=["without gamma", "with gamma"])
@pytest.mark.parametrize("size", [(4, 6), (5, 7), (2, 3)])
def test_normalisation_relu_pooling(size, gamma, pieces):
    """The same as the three layers with channels first, one after another."""
    x, beta = 2 * draw(9, *size, 2) + 1, np.array([0.3, -0.2])
    scale = np.ones(2) if gamma is None else gamma
    ours, theirs = {"mode": "train", "momentum": 0.6}, {"mode": "train", "momentum": 0.6}
    out, cache = norm_relu_pool_forward(x, gamma, beta, ours)
    maps, norm = layers.spatial_batchnorm_forward(first(x), scale, beta, theirs)
    maps, active = layers.relu_forward(maps)
    maps, pooled = fast_layers.max_pool_forward_fast(maps, HALF)
    assert_close([out, ours["running_mean"], ours["running_var"]], [last(maps), *list(theirs.values())[2:]])

    dout = draw(*out.shape)
    dmaps = layers.relu_backward(fast_layers.max_pool_backward_fast(first(dout), pooled), active)
    dx, dgamma, dbeta = layers.spatial_batchnorm_backward(dmaps, norm)
    assert_gradients(norm_relu_pool_backward(dout, cache), [last(dx), dgamma, dbeta], gamma)

    ours["mode"] = "test"
    out, cache = norm_relu_pool_forward(x, gamma, beta, ours)
    normalised = (x - ours["running_mean"]) / np.sqrt(ours["running_var"] + 1e-5) * scale + beta
    assert_close([out], [max_pool_forward(np.maximum(normalised, 0))[0]])
    assert cache is None
    with pytest.raises(ValueError, match="test mode"):
        norm_relu_pool_backward(out, cache)


@pytest.mark.parametrize("pool", [False, True])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_patches_activation_convolution(activation, pool, pieces):
    """The same as the layers with channels first, of images of bytes."""
    X, filters = np.random.randint(0, 256, (9, 3, 6, 5)).astype(np.uint8), draw(4, 3, 2, 2) / 100
    b, w = draw(4), draw(5, 4, 3, 3)
    out, cache = patch_act_conv_forward(X, filters, b, w, activation, pool)
    forward, backward = ACTIVATIONS[activation]

    maps, patches = fast_layers.conv_forward_fast(X.astype(float), filters, b, {"stride": 1, "pad": 0})
    maps, active = forward(maps)
    maps, conv = fast_layers.conv_forward_fast(maps, w, np.zeros(5), CONV)
    if pool:
        maps, pooled = fast_layers.max_pool_forward_fast(maps, HALF)
    assert_close([out], [last(maps)])

    dout = draw(*out.shape)
    dmaps = fast_layers.max_pool_backward_fast(first(dout), pooled) if pool else first(dout)
    dmaps, dw, _ = fast_layers.conv_backward_fast(dmaps, conv)
    _, _, db = fast_layers.conv_backward_fast(backward(dmaps, active), patches)
    assert_close(patch_act_conv_backward(dout, cache), [db, dw])
    db, dw_alone = patch_act_conv_backward(dout, cache, needs_db=False)
    assert db is None
    assert_close([dw_alone], [dw])


def test_one_thread_and_two_give_the_same_to_the_bit(two_threads, monkeypatch):
    x, beta, w = (draw(*shape).astype(np.float32) for shape in ((19, 6, 6, 8), (8,), (16, 8, 3, 3)))
    dout = draw(19, 3, 3, 16).astype(np.float32)

    def run():
        bn_param = {"mode": "train"}
        out, cache = norm_act_conv_forward(x, None, beta, w, bn_param, pool=True)
        dx, _, dbeta, dw = norm_act_conv_backward(dout, cache)
        return [out, bn_param["running_var"], dx, dbeta, dw]

    two = run()
    monkeypatch.setattr(channels_last, "for_each", lambda function, pieces: [function(piece) for piece in pieces])
    for a, b in zip(run(), two, strict=True):
        assert a.dtype == np.float32
        np.testing.assert_array_equal(a, b)


def test_arrays_for_the_results_are_filled():
    x, beta, w = draw(3, 4, 4, 2), draw(2), draw(2, 2, 3, 3)
    bn_param = {"mode": "train"}
    expected, cache = norm_act_conv_forward(x, None, beta, w, bn_param)
    gradients = norm_act_conv_backward(expected, cache)
    out, dx = np.full_like(expected, np.nan), np.full_like(x, np.nan)
    given, cache = norm_act_conv_forward(x, None, beta, w, bn_param, out=out)
    dx_given, *_ = norm_act_conv_backward(given, cache, dx=dx)
    assert given is out and dx_given is dx
    assert_close([out, dx], [expected, gradients[0]])
    for wrong in (np.empty((3, 4, 4, 1)), np.empty(out.shape, np.float32), np.empty((6, *out.shape[1:]))[::2]):
        with pytest.raises(ValueError, match="the array for the result"):
            norm_act_conv_forward(x, None, beta, w, bn_param, out=wrong)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda x, w: conv_forward(first(x), w), r"\(N, H, W, C\) and \(F, C, HH, WW\) with the same C"),
        (lambda x, w: conv_forward(x[0], w), "with the same C"),
        (lambda x, w: conv_forward(x, np.ones((1, 2, 9, 9)), pad=0), "a window of 9 x 9 does not fit"),
        (lambda x, w: max_pool_forward(x, 6), "a window of 6 x 6 does not fit"),
        (lambda x, w: batchnorm_bias_forward(x, np.zeros(3), {"mode": "train"}), "beta has shape"),
        (lambda x, w: batchnorm_bias_forward(x, np.zeros(2), {"mode": "trian"}), 'expected "train" or "test"'),
        (lambda x, w: batchnorm_bias_forward(x, np.zeros(2), {"mode": "train", "epsilon": 1}), "epsilon"),
        (lambda x, w: batchnorm_bias_forward(x[:0], np.zeros(2), {"mode": "train"}), "no mean of the batch"),
        (lambda x, w: norm_act_conv_forward(x, None, np.zeros(2), w, {"mode": "train"}, "tanh"), "'gelu' or 'relu'"),
        (lambda x, w: norm_act_conv_forward(x, np.zeros(3), np.zeros(2), w, {"mode": "train"}), "gamma has shape"),
        (lambda x, w: norm_relu_pool_forward(x, None, np.zeros(3), {"mode": "train"}), "beta has shape"),
        (lambda x, w: norm_relu_pool_forward(x[:, :1], None, np.zeros(2), {"mode": "train"}), "a window of 2 x 2"),
        (lambda x, w: norm_act_conv_forward(x, None, np.zeros(2), w[:, :, 1:], {"mode": "train"}), "of an odd size"),
        (lambda x, w: patch_act_conv_forward(first(x), w, np.zeros(3), w), r"\(F, C, HH, WW\)"),
        (lambda x, w: conv_backward(np.ones((3, 4, 5, 1)), conv_forward(x, w)[1]), "dout has shape"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(draw(3, 4, 5, 2), draw(3, 2, 3, 3))
