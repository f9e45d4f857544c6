"""Convolution and max pooling, naive and fast, and the network built from them."""

import numpy as np
import pytest
from layer_check import check_layer, torch

from coursekit.running.gradients import gradient_error
from cs231n import _threads, fast_layers, layers
from cs231n._fast import convolution, windows
from cs231n.classifiers import cnn
from cs231n.im2col import col2im_indices, get_im2col_indices, im2col_indices
from cs231n.layer_utils import (
    conv_bn_relu_backward,
    conv_bn_relu_forward,
    conv_relu_backward,
    conv_relu_forward,
    conv_relu_pool_backward,
    conv_relu_pool_forward,
)

CONVOLUTIONS = {
    name: (getattr(module, f"conv_forward_{name}"), getattr(module, f"conv_backward_{name}"))
    for name, module in (
        ("naive", layers),
        ("fast", fast_layers),
        ("strides", fast_layers),
        ("im2col", fast_layers),
    )
}
POOLS = {
    name: (getattr(module, f"max_pool_forward_{name}"), getattr(module, f"max_pool_backward_{name}"))
    for name, module in (("naive", layers), ("fast", fast_layers), ("im2col", fast_layers), ("reshape", fast_layers))
}

CONV_CASES = [  # x, w, stride, pad
    ((2, 3, 5, 7), (4, 3, 3, 3), 2, 1),
    ((1, 2, 4, 5), (3, 2, 2, 3), 1, 0),  # one image, a filter that is not square
    ((2, 1, 7, 5), (2, 1, 3, 2), 3, 2),  # the stride does not divide the height: some rows are in no window
    ((3, 2, 3, 4), (5, 2, 3, 4), 1, 0),  # a filter as large as the image
    ((2, 3, 3, 2), (4, 3, 1, 1), 1, 0),  # a filter of 1 x 1
    ((1, 1, 1, 1), (1, 1, 3, 3), 1, 1),  # an image of 1 x 1
    ((2, 2, 4, 4), (3, 2, 2, 2), 3, 0),  # gaps between the windows
    ((1, 2, 3, 3), (2, 2, 1, 1), 1, 3),  # windows that contain only padding
]
POOL_CASES = [  # x, height, width, stride
    ((2, 3, 4, 6), 2, 2, 2),
    ((2, 2, 5, 7), 3, 3, 2),  # windows overlap
    ((1, 3, 3, 5), 2, 3, 1),  # not square
    ((1, 2, 6, 5), 3, 2, 2),  # the last column is in no window
    ((3, 1, 4, 4), 4, 4, 1),  # as large as the image
    ((2, 2, 4, 5), 1, 1, 3),  # 1 x 1, with gaps
]


def randn(*shape):
    return np.random.randn(*shape)


def linspace(start, stop, *shape):
    return np.linspace(start, stop, num=int(np.prod(shape))).reshape(shape)


def conv_inputs(x_shape, w_shape, dtype=np.float64):
    return [a.astype(dtype) for a in (randn(*x_shape), randn(*w_shape), randn(w_shape[0]))]


def pool_param(height, width, stride):
    return {"pool_height": height, "pool_width": width, "stride": stride}


def reshapes(x_shape, height, width, stride):
    return height == width == stride and x_shape[2] % height == 0 and x_shape[3] % width == 0


class TestReferences:
    """The course's published values."""

    @pytest.mark.parametrize("name", CONVOLUTIONS)
    def test_conv_forward(self, name):
        x, w, b = linspace(-0.1, 0.5, 2, 3, 4, 4), linspace(-0.2, 0.3, 3, 3, 4, 4), np.linspace(-0.1, 0.2, num=3)
        out, _ = CONVOLUTIONS[name][0](x, w, b, {"stride": 2, "pad": 1})
        expected = [
            [
                [[-0.08759809, -0.10987781], [-0.18387192, -0.2109216]],
                [[0.21027089, 0.21661097], [0.22847626, 0.23004637]],
                [[0.50813986, 0.54309974], [0.64082444, 0.67101435]],
            ],
            [
                [[-0.98053589, -1.03143541], [-1.19128892, -1.24695841]],
                [[0.69108355, 0.66880383], [0.59480972, 0.56776003]],
                [[2.36270298, 2.36904306], [2.38090835, 2.38247847]],
            ],
        ]
        np.testing.assert_allclose(out, expected, atol=5.1e-9)

    @pytest.mark.parametrize("name", POOLS)
    def test_pool_forward(self, name):
        out, _ = POOLS[name][0](linspace(-0.3, 0.4, 2, 3, 4, 4), pool_param(2, 2, 2))
        expected = [
            [
                [[-0.26315789, -0.24842105], [-0.20421053, -0.18947368]],
                [[-0.14526316, -0.13052632], [-0.08631579, -0.07157895]],
                [[-0.02736842, -0.01263158], [0.03157895, 0.04631579]],
            ],
            [
                [[0.09052632, 0.10526316], [0.14947368, 0.16421053]],
                [[0.20842105, 0.22315789], [0.26736842, 0.28210526]],
                [[0.32631579, 0.34105263], [0.38526316, 0.4]],
            ],
        ]
        np.testing.assert_allclose(out, expected, atol=5.1e-9)

    def test_conv_backward(self):
        np.random.seed(231)
        x, w, b, dout = randn(4, 3, 5, 5), randn(2, 3, 3, 3), randn(2), randn(4, 2, 5, 5)
        conv_param = {"stride": 1, "pad": 1}
        _, cache = layers.conv_forward_naive(x, w, b, conv_param)
        grads = layers.conv_backward_naive(dout, cache)
        for moved, grad in zip((x, w, b), grads, strict=True):
            f = lambda _: fast_layers.conv_forward_fast(x, w, b, conv_param)[0]  # noqa: E731
            assert gradient_error(f, moved, grad, dout)[0] < 1e-8

    def test_pool_backward(self):
        np.random.seed(231)
        x, dout = randn(3, 2, 8, 8), randn(3, 2, 4, 4)
        dx = layers.max_pool_backward_naive(dout, (x, pool_param(2, 2, 2)))
        f = lambda x: fast_layers.max_pool_forward_fast(x, pool_param(2, 2, 2))[0]  # noqa: E731
        assert gradient_error(f, x, dx, dout)[0] < 1e-10

    def test_the_comparison_case(self):
        """The course's sizes: fast and naive agree."""
        np.random.seed(231)
        x, w, b, dout = randn(100, 3, 31, 31), randn(25, 3, 3, 3), randn(25), randn(100, 25, 16, 16)
        conv_param = {"stride": 2, "pad": 1}
        few = slice(0, 10)  # the images are independent of each other
        out, cache = fast_layers.conv_forward_fast(x, w, b, conv_param)
        naive, _ = layers.conv_forward_naive(x[few], w, b, conv_param)
        np.testing.assert_allclose(out[few], naive, atol=1e-10)
        dx, dw, db = fast_layers.conv_backward_fast(dout, cache)
        other = fast_layers.conv_backward_im2col(dout, fast_layers.conv_forward_im2col(x, w, b, conv_param)[1])
        for a, b in zip((dx, dw, db), other, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("name", CONVOLUTIONS)
@pytest.mark.parametrize("x_shape, w_shape, stride, pad", CONV_CASES)
def test_conv(x_shape, w_shape, stride, pad, name):
    forward, backward = CONVOLUTIONS[name]
    conv_param = {"stride": stride, "pad": pad}
    check_layer(
        lambda x, w, b: forward(x, w, b, conv_param),
        backward,
        conv_inputs(x_shape, w_shape),
        twin=lambda x, w, b: torch.nn.functional.conv2d(x, w, b, stride=stride, padding=pad),
        numeric=name == "fast",
    )


@pytest.mark.parametrize("name", POOLS)
@pytest.mark.parametrize("x_shape, height, width, stride", POOL_CASES)
def test_pool(x_shape, height, width, stride, name):
    forward, backward = POOLS[name]
    if name == "reshape" and not reshapes(x_shape, height, width, stride):
        with pytest.raises(ValueError, match="max_pool_forward_fast"):
            forward(randn(*x_shape), pool_param(height, width, stride))
        return
    check_layer(
        lambda x: forward(x, pool_param(height, width, stride)),
        backward,
        (np.random.permutation(int(np.prod(x_shape))).reshape(x_shape) / 7,),  # no two entries are nearly equal
        twin=lambda x: torch.nn.functional.max_pool2d(x, (height, width), stride),
    )


@pytest.mark.parametrize("seed", range(40))
def test_random_sizes(seed, monkeypatch):
    """Every method agrees with the naive one to 1e-10, whatever the sizes, the memory layout and the pieces."""
    monkeypatch.setattr(windows, "SMALL", (0, 12, 1 << 30)[seed % 3])  # separate or joined matrices
    monkeypatch.setattr(convolution, "FEW", (0, 8)[seed % 2])  # gradients from windows of dmaps and of x
    monkeypatch.setattr(windows, "NARROW", (0, 12)[seed // 2 % 2])  # a product for each row of the filters, or one
    rng = np.random.RandomState(seed)
    N, C, F, HH, WW, stride = rng.randint(1, 5, size=6).tolist()
    pad = int(rng.randint(0, 4))
    H, W = max(1, HH - 2 * pad) + rng.randint(0, 6), max(1, WW - 2 * pad) + rng.randint(0, 6)
    x, w, b = scrambled(rng, rng.randn(N, C, H, W)), scrambled(rng, rng.randn(F, C, HH, WW)), rng.randn(F)
    conv_param = {"stride": stride, "pad": pad}
    out, cache = layers.conv_forward_naive(x, w, b, conv_param)
    dout = scrambled(rng, rng.randn(*out.shape))
    grads = layers.conv_backward_naive(dout, cache)
    for forward, backward in CONVOLUTIONS.values():
        again, cache = forward(x, w, b, conv_param)
        np.testing.assert_allclose(again, out, atol=1e-10)
        for a, b_ in zip(backward(dout, cache), grads, strict=True):
            np.testing.assert_allclose(a, b_, atol=1e-10)
    if torch:
        twin = torch.nn.functional.conv2d(*map(torch.tensor, map(np.ascontiguousarray, (x, w, b))), stride, pad)
        np.testing.assert_allclose(out, twin.numpy(), atol=1e-10)


@pytest.mark.parametrize("blocks", [False, True])
@pytest.mark.parametrize("stride", [1, 2])
def test_products_in_blocks(stride, blocks, monkeypatch):
    """Sizes that some processors multiply in blocks agree with a single product, with blocks and without."""
    monkeypatch.setattr(_threads, "_has_small_kernels", lambda: blocks)
    monkeypatch.setattr(_threads, "count", lambda: 1)
    rng = np.random.RandomState(0)
    x, w, b = rng.randn(4, 40, 17, 16), rng.randn(48, 40, 3, 3), rng.randn(48)
    conv_param = {"stride": stride, "pad": 1}
    out, cache = CONVOLUTIONS["im2col"][0](x, w, b, conv_param)
    dout = rng.randn(*out.shape)
    grads = CONVOLUTIONS["im2col"][1](dout, cache)
    again, cache = fast_layers.conv_forward_fast(x, w, b, conv_param)
    np.testing.assert_allclose(again, out, atol=1e-10)
    for a, b_ in zip(fast_layers.conv_backward_fast(dout, cache), grads, strict=True):
        np.testing.assert_allclose(a, b_, atol=1e-10)


@pytest.mark.parametrize("seed", range(40))
def test_random_pools(seed):
    """The same for pooling, with integers, so that many windows have ties."""
    rng = np.random.RandomState(seed)
    N, C, height, width, stride = rng.randint(1, 5, size=5)
    H, W = height + rng.randint(0, 6), width + rng.randint(0, 6)
    x = scrambled(rng, rng.randint(-3, 3, size=(N, C, H, W)).astype(float))
    if seed % 4 == 0:  # windows that tile the image
        width = stride = height
        x = scrambled(rng, rng.randint(-3, 3, size=(N, C, 2 * height, 3 * height)).astype(float))
    param = pool_param(height, width, stride)
    out, cache = layers.max_pool_forward_naive(x, param)
    dout = scrambled(rng, rng.randn(*out.shape))
    dx = layers.max_pool_backward_naive(dout, cache)
    for name, (forward, backward) in POOLS.items():
        if name == "reshape" and not reshapes(x.shape, height, width, stride):
            continue
        again, cache = forward(x, param)
        np.testing.assert_array_equal(again, out)
        np.testing.assert_allclose(backward(dout, cache), dx, atol=1e-12)


def scrambled(rng, x):
    """The same array with another order of axes in memory, or with gaps."""
    order = rng.permutation(x.ndim)
    moved = np.ascontiguousarray(x.transpose(order)).transpose(np.argsort(order))
    return np.repeat(moved, 2, axis=-1)[..., ::2] if rng.randint(2) else moved


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_conv_keeps_the_type(name, dtype):
    forward, backward = CONVOLUTIONS[name]
    x, w, b = conv_inputs((2, 3, 4, 5), (2, 3, 3, 3), dtype)
    out, cache = forward(x, w, b, {"stride": 1, "pad": 1})
    assert {a.dtype for a in (out, *backward(out, cache))} == {np.dtype(dtype)}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", POOLS)
def test_pool_keeps_the_type(name, dtype):
    forward, backward = POOLS[name]
    out, cache = forward(randn(2, 3, 4, 6).astype(dtype), pool_param(2, 2, 2))
    assert out.dtype == backward(out, cache).dtype == dtype


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_conv_of_bytes(name):
    """Images of uint8 and integer biases: no value wraps around and no fraction is truncated."""
    forward, backward = CONVOLUTIONS[name]
    x, w, b = np.random.randint(256, size=(2, 3, 5, 4)).astype(np.uint8), randn(2, 3, 3, 3), np.array([0, 128])
    out, cache = forward(x, w, b, {"stride": 1, "pad": 1})
    expected, float_cache = layers.conv_forward_naive(x.astype(float), w, b.astype(float), {"stride": 1, "pad": 1})
    np.testing.assert_allclose(out, expected)
    dout = randn(*out.shape)
    for a, e in zip(backward(dout, cache), layers.conv_backward_naive(dout, float_cache), strict=True):
        np.testing.assert_allclose(a, e)


def test_an_empty_batch():
    out, cache = fast_layers.conv_forward_fast(*conv_inputs((0, 3, 4, 4), (2, 3, 3, 3)), {"stride": 1, "pad": 1})
    dx, dw, _ = fast_layers.conv_backward_fast(out, cache)
    assert out.shape == (0, 2, 4, 4) and dx.shape == (0, 3, 4, 4) and not dw.any()


def test_batches_larger_than_a_chunk(monkeypatch):
    """The result is the same with pieces of one image, of several, or of the whole batch."""
    inputs, conv_param = conv_inputs((7, 2, 6, 5), (3, 2, 3, 2)), {"stride": 1, "pad": 1}
    dout = randn(7, 3, 6, 6)
    results = []
    for size in (1, 1000, 1 << 30):
        monkeypatch.setattr(convolution, "ROWS", size)
        out, cache = fast_layers.conv_forward_fast(*inputs, conv_param)
        results.append((out, *fast_layers.conv_backward_fast(dout, cache)))
    for other in results[1:]:
        for a, b in zip(other, results[0], strict=True):
            np.testing.assert_allclose(a, b, atol=1e-12)


class TestIm2col:
    @pytest.mark.parametrize("x_shape, w_shape, stride, pad", CONV_CASES)
    def test_columns_are_the_windows(self, x_shape, w_shape, stride, pad):
        x, (HH, WW) = randn(*x_shape), w_shape[2:]
        padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
        columns = im2col_indices(x, HH, WW, pad, stride)
        H_out, W_out = (1 + (x_shape[axis] + 2 * pad - w_shape[axis]) // stride for axis in (2, 3))
        for position, (i, j, n) in enumerate(np.ndindex(H_out, W_out, len(x))):
            window = padded[n, :, i * stride : i * stride + HH, j * stride : j * stride + WW]
            np.testing.assert_array_equal(columns[:, position], window.ravel())

    @pytest.mark.parametrize("x_shape, w_shape, stride, pad", CONV_CASES)
    def test_col2im_is_the_transpose(self, x_shape, w_shape, stride, pad):
        x, field = randn(*x_shape), w_shape[2:]
        columns = im2col_indices(x, *field, pad, stride)
        other = randn(*columns.shape)
        back = col2im_indices(other, x_shape, *field, pad, stride)
        np.testing.assert_allclose(np.vdot(columns, other), np.vdot(x, back))

    def test_indices_address_the_padded_image(self):
        x = randn(1, 2, 4, 5)
        k, i, j = get_im2col_indices(x.shape, 3, 2, padding=1, stride=2)
        padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
        np.testing.assert_array_equal(padded[0, k, i, j], im2col_indices(x, 3, 2, 1, 2))

    def test_columns_of_another_field_are_refused(self):
        with pytest.raises(ValueError, match="same field, padding and stride"):
            col2im_indices(randn(9, 4), (1, 1, 4, 4))


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda f: f(randn(2, 3, 4, 4), randn(5, 2, 3, 3), randn(5), {"stride": 1, "pad": 1}), "channels"),
        (lambda f: f(randn(2, 4, 4, 3), randn(5, 3, 3, 3), randn(5), {"stride": 1, "pad": 1}), "transpose"),
        (lambda f: f(randn(2, 3, 4, 4), randn(5, 3, 7, 3), randn(5), {"stride": 1, "pad": 1}), "does not fit"),
        (lambda f: f(randn(2, 3, 4, 4), randn(5, 3, 3, 3), randn(3), {"stride": 1, "pad": 1}), "one bias for each"),
        (lambda f: f(randn(2, 3, 4, 4), randn(5, 3, 3, 3), randn(5), {"stride": 0, "pad": 1}), "stride is 0"),
        (lambda f: f(randn(2, 3, 4, 4), randn(5, 3, 3, 3), randn(5), {"stride": 1, "pad": 0.5}), "pad is 0.5"),
        (lambda f: f(randn(3, 4, 4), randn(5, 3, 3, 3), randn(5), {"stride": 1, "pad": 1}), "newaxis"),
    ],
)
@pytest.mark.parametrize("name", ["naive", "fast", "im2col"])
def test_bad_input_is_refused_with_the_fix(call, message, name):
    with pytest.raises(ValueError, match=message):
        call(CONVOLUTIONS[name][0])


@pytest.mark.parametrize("name", POOLS)
def test_a_window_that_does_not_fit_is_refused(name):
    with pytest.raises(ValueError, match="does not fit"):
        POOLS[name][0](randn(1, 1, 2, 2), pool_param(3, 3, 1))


class TestSandwiches:
    conv_param = {"stride": 1, "pad": 1}

    def test_conv_relu(self):
        np.random.seed(231)
        check_layer(
            lambda x, w, b: conv_relu_forward(x, w, b, self.conv_param),
            conv_relu_backward,
            (randn(2, 3, 8, 8), randn(3, 3, 3, 3), randn(3)),
            twin=lambda x, w, b: torch.nn.functional.conv2d(x, w, b, padding=1).relu(),
        )

    def test_conv_relu_pool(self):
        np.random.seed(231)
        check_layer(
            lambda x, w, b: conv_relu_pool_forward(x, w, b, self.conv_param, pool_param(2, 2, 2)),
            conv_relu_pool_backward,
            (randn(2, 3, 8, 6), randn(3, 3, 3, 3), randn(3)),
            twin=lambda x, w, b: torch.nn.functional.max_pool2d(
                torch.nn.functional.conv2d(x, w, b, padding=1).relu(), 2
            ),
        )

    @pytest.mark.parametrize("seed", range(20))
    def test_fused_layers_agree_with_separate_ones(self, seed):
        """Random sizes, strides, paddings and windows, with ties; against the naive layers."""
        rng = np.random.RandomState(seed)
        C, F, HH, WW = rng.randint(1, 5, size=4)
        conv_param = {"stride": rng.randint(1, 3), "pad": rng.randint(3)}
        x = rng.randint(-2, 3, size=(3, C, HH + rng.randint(4, 7), WW + rng.randint(4, 7))).astype(float)
        w, b = rng.randint(-1, 2, size=(F, C, HH, WW)).astype(float), rng.randint(-2, 3, size=F).astype(float)
        maps, conv_cache = layers.conv_forward_naive(x, w, b, conv_param)
        pool = pool_param(*rng.randint(1, min(maps.shape[2:]) + 1, size=2), rng.randint(1, 4))
        positive = np.maximum(maps, 0)
        pooled, pool_cache = layers.max_pool_forward_naive(positive, pool)

        out, cache = conv_relu_forward(x, w, b, conv_param)
        np.testing.assert_allclose(out, positive, atol=1e-12)
        dout = rng.randn(*out.shape)
        expected = layers.conv_backward_naive(dout * (maps > 0), conv_cache)
        for actual, correct in zip(conv_relu_backward(dout, cache), expected, strict=True):
            np.testing.assert_allclose(actual, correct, atol=1e-10)

        out, cache = conv_relu_pool_forward(x, w, b, conv_param, pool)
        np.testing.assert_allclose(out, pooled, atol=1e-12)
        dout = rng.randn(*out.shape)
        expected = layers.conv_backward_naive(layers.max_pool_backward_naive(dout, pool_cache) * (maps > 0), conv_cache)
        for actual, correct in zip(conv_relu_pool_backward(dout, cache), expected, strict=True):
            np.testing.assert_allclose(actual, correct, atol=1e-10)

    @pytest.mark.parametrize("F", [2, 5])
    def test_dx_is_left_out_where_it_is_not_needed(self, F):
        """The other gradients are the same, however they are computed."""
        inputs, dout = conv_inputs((3, 4, 5, 6), (F, 4, 3, 3)), randn(3, F, 5, 6)
        gradients = []
        for needs_dx in (True, False):
            conv_param = self.conv_param | {"needs_dx": needs_dx}
            _, cache = fast_layers.conv_forward_fast(*inputs, conv_param)
            gradients.append(fast_layers.conv_backward_fast(dout, cache))
        assert gradients[1][0] is None
        for a, b in zip(gradients[0][1:], gradients[1][1:], strict=True):
            np.testing.assert_allclose(a, b, atol=1e-12)

    def test_conv_bn_relu(self):
        def twin(x, w, b, gamma, beta):
            maps = torch.nn.functional.conv2d(x, w, b, padding=1)
            return torch.nn.functional.batch_norm(maps, None, None, gamma, beta, training=True, eps=1e-5).relu()

        check_layer(
            lambda x, w, b, gamma, beta: conv_bn_relu_forward(
                x, w, b, gamma, beta, self.conv_param, {"mode": "train", "eps": 1e-5}
            ),
            conv_bn_relu_backward,
            (randn(3, 2, 4, 5), randn(3, 2, 3, 3), randn(3), 2 + randn(3), randn(3)),
            twin=twin,
            numeric=False,  # the gradient of b is 0 up to rounding
        )


class TestThreeLayerConvNet:
    def test_first_loss_and_regularisation(self):
        X, y = randn(50, 3, 32, 32), np.random.randint(10, size=50)
        net = cnn.ThreeLayerConvNet()
        loss, _ = net.loss(X, y)
        assert abs(loss - np.log(10)) < 1e-3
        net.reg = 0.5
        assert 2.45 < net.loss(X, y)[0] < 2.6

    @pytest.mark.parametrize("reg", [0.0, 0.7])
    def test_gradients(self, reg):
        np.random.seed(231)
        X, y = randn(2, 3, 8, 6), np.random.randint(10, size=2)
        net = cnn.ThreeLayerConvNet(
            (3, 8, 6), num_filters=3, filter_size=3, hidden_dim=7, weight_scale=0.3, reg=reg, dtype=np.float64
        )
        _, grads = net.loss(X, y)
        assert set(grads) == set(net.params)
        for name, grad in grads.items():
            assert gradient_error(lambda _: net.loss(X, y)[0], net.params[name], grad, h=1e-6)[0] < 1e-6, name

    def test_scores_are_those_of_the_naive_layers(self):
        X, net = randn(2, 3, 6, 8), cnn.ThreeLayerConvNet((3, 6, 8), 4, 5, 6, 3, weight_scale=0.2, dtype=np.float64)
        p = net.params
        maps, _ = layers.conv_forward_naive(X, p["W1"], p["b1"], {"stride": 1, "pad": 2})
        pooled, _ = layers.max_pool_forward_naive(np.maximum(0, maps), pool_param(2, 2, 2))
        hidden = np.maximum(0, pooled.reshape(2, -1) @ p["W2"] + p["b2"])
        np.testing.assert_allclose(net.loss(X), hidden @ p["W3"] + p["b3"])

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_everything_has_the_requested_dtype(self, dtype):
        net = cnn.ThreeLayerConvNet((3, 4, 6), 2, 3, 5, 4, dtype=dtype)
        X = np.random.randint(256, size=(3, 3, 4, 6)).astype(np.uint8)
        _, grads = net.loss(X, np.array([0, 3, 1]))
        assert {a.dtype for a in (*net.params.values(), *grads.values(), net.loss(X))} == {np.dtype(dtype)}

    def test_odd_height_and_width(self):
        """Pooling rounds down, and so do the sizes of the weights."""
        net = cnn.ThreeLayerConvNet((1, 5, 7), 2, 3, 4, 3)
        assert net.loss(randn(2, 1, 5, 7)).shape == (2, 3)

    def test_even_filters_are_refused(self):
        with pytest.raises(ValueError, match="odd"):
            cnn.ThreeLayerConvNet(filter_size=4)

    def test_save_and_load(self, tmp_path, monkeypatch):
        monkeypatch.setattr("cs231n._weights.SAVED", tmp_path)
        net, other = (cnn.ThreeLayerConvNet((1, 4, 4), 2, 3, 4, 3) for _ in range(2))
        net.save("net")
        assert other.load("net")
        assert all(np.array_equal(net.params[name], other.params[name]) for name in net.params)


def test_every_name_can_be_imported_from_cnn():
    """The course's notebooks import layers, fast layers and sandwiches from `classifiers.cnn`."""
    names = [name for module in (layers, fast_layers) for name in vars(module) if name.endswith(("ward", "_loss"))]
    names = [name for name in names if not name.startswith("_")]
    names += [f"{kind}_forward_{way}" for kind in ("conv", "max_pool") for way in ("naive", "fast", "im2col")]
    assert all(hasattr(cnn, name) for name in [*names, "np", "conv_bn_relu_forward", "affine_relu_backward"])
