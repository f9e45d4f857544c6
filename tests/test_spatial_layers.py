"""Layers that make feature maps larger or smaller, against numeric gradients and their PyTorch twins."""

import numpy as np
import pytest
from layer_check import check_layer, torch

from cs231n import fast_layers, spatial_layers
from cs231n.fast_layers import conv_backward_fast

if torch:
    from torch.nn import functional


@pytest.fixture(autouse=True)
def seed():
    np.random.seed(3)


@pytest.mark.parametrize(
    "shape, pool",
    [
        ((2, 3, 6, 8), (2, 2, 2)),
        ((2, 3, 7, 8), (3, 2, 1)),  # windows overlap
        ((1, 2, 9, 5), (2, 3, 4)),  # entries between the windows
    ],
)
def test_average_pooling(shape, pool):
    pool_param = dict(zip(("pool_height", "pool_width", "stride"), pool, strict=True))
    check_layer(
        lambda x: spatial_layers.avg_pool_forward(x, pool_param),
        spatial_layers.avg_pool_backward,
        (np.random.randn(*shape),),
        twin=lambda x: functional.avg_pool2d(x, pool[:2], pool[2]),
    )


@pytest.mark.parametrize("size", [1, 2, 3, 5, 9])
def test_local_response_normalisation(size):
    check_layer(
        lambda x: spatial_layers.local_response_norm_forward(x, {"size": size, "alpha": 0.3, "beta": 0.7, "k": 1.5}),
        spatial_layers.local_response_norm_backward,
        (np.random.randn(2, 6, 3, 2) * 2,),
        twin=lambda x: functional.local_response_norm(x, size, alpha=0.3 * size, beta=0.7, k=1.5),
    )


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_upsampling(factor):
    x = (np.random.randn(2, 3, 4, 5),)
    check_layer(
        lambda x: spatial_layers.upsample_nearest_forward(x, factor),
        spatial_layers.upsample_nearest_backward,
        x,
        twin=lambda x: functional.interpolate(x, scale_factor=factor, mode="nearest"),
    )
    check_layer(
        lambda x: spatial_layers.bed_of_nails_forward(x, factor), spatial_layers.bed_of_nails_backward, x, twin=None
    )


@pytest.mark.parametrize("factor", [2, 3])
def test_unpooling(factor):
    pooled, positions, _ = spatial_layers.max_pool_with_positions_forward(
        np.random.randn(2, 3, 2 * factor, 4 * factor), factor
    )
    row, column = np.divmod(positions, factor)
    rows, columns = np.arange(2)[:, None] * factor + row, np.arange(4) * factor + column
    flat = rows * 4 * factor + columns
    check_layer(
        lambda x: spatial_layers.max_unpool_forward(x, positions, factor),
        spatial_layers.max_unpool_backward,
        (pooled,),
        twin=lambda x: functional.max_unpool2d(x, torch.tensor(flat), factor),
    )
    check_layer(
        lambda x: spatial_layers.max_pool_with_positions_forward(x, factor)[::2],
        spatial_layers.max_pool_with_positions_backward,
        (np.random.permutation(2 * 3 * 4 * factor**2).reshape(2, 3, 2 * factor, 2 * factor) / 10,),
        twin=lambda x: functional.max_pool2d(x, factor),
    )


TRANSPOSED = [
    # x, F, filter, stride, pad, output_pad
    ((2, 3, 4, 5), 4, (3, 3), 1, 1, 0),
    ((2, 3, 4, 5), 2, (4, 4), 2, 1, 0),
    ((1, 2, 3, 4), 3, (3, 2), 2, 0, 1),
    ((2, 9, 3, 4), 2, (5, 3), 3, 1, 2),  # many channels, uneven padding
    ((2, 2, 3, 3), 3, (1, 1), 2, 0, 1),  # gaps
]


@pytest.mark.parametrize("shape, F, field, stride, pad, output_pad", TRANSPOSED)
@pytest.mark.parametrize(
    "forward, backward",
    [
        (spatial_layers.conv_transpose_forward, spatial_layers.conv_transpose_backward),
        (fast_layers.conv_transpose_forward_fast, fast_layers.conv_transpose_backward_fast),
    ],
    ids=["plain", "fast"],
)
def test_transposed_convolution(shape, F, field, stride, pad, output_pad, forward, backward):
    conv_param = {"stride": stride, "pad": pad, "output_pad": output_pad}
    check_layer(
        lambda x, w, b: forward(x, w, b, conv_param),
        backward,
        (np.random.randn(*shape), np.random.randn(shape[1], F, *field), np.random.randn(F)),
        twin=lambda x, w, b: functional.conv_transpose2d(x, w, b, stride, pad, output_pad),
    )


def test_transposed_convolution_is_the_gradient_of_a_convolution():
    w, dmaps = np.random.randn(4, 3, 3, 3), np.random.randn(2, 4, 4, 5)
    images = np.zeros((2, 3, 8, 10))
    dx, _, _ = conv_backward_fast(dmaps, (images, w, np.zeros(4), {"stride": 2, "pad": 1}))
    out, _ = spatial_layers.conv_transpose_forward(dmaps, w, np.zeros(3), {"stride": 2, "pad": 1, "output_pad": 1})
    np.testing.assert_allclose(out, dx, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("weights", [None, [1.0, 5.0, 0.5, 2.0]])
def test_softmax_loss_of_pixels(weights):
    x, y = np.random.randn(2, 4, 3, 5) * 3, np.random.randint(4, size=(2, 3, 5))
    loss, dx = spatial_layers.spatial_softmax_loss(x, y, weights)
    if torch is None:
        pytest.skip("compares with PyTorch")
    scores = torch.tensor(x, requires_grad=True)
    twin = functional.cross_entropy(scores, torch.tensor(y), weights and torch.tensor(weights, dtype=torch.float64))
    twin.backward()
    np.testing.assert_allclose(loss, twin.item(), rtol=1e-12)
    np.testing.assert_allclose(dx, scores.grad.numpy(), rtol=1e-9, atol=1e-12)


def transposed(shape, biases, **conv_param):
    def call(x):
        w, b = np.ones(shape), np.ones(biases)
        return spatial_layers.conv_transpose_forward(x, w, b, {"stride": 1, "pad": 0} | conv_param)

    return call


@pytest.mark.parametrize(
    "call, words",
    [
        (transposed((4, 3, 2, 2), 3), "input channels first"),
        (transposed((3, 4, 2, 2), 3), "one bias for each output channel"),
        (transposed((3, 4, 2, 2), 4, output_pad=1), "output_pad is 1"),
        (transposed((3, 4, 1, 1), 4, pad=4), "less padding"),
        (lambda x: spatial_layers.max_pool_with_positions_forward(x, 3), "that 3 divides"),
        (lambda x: spatial_layers.upsample_nearest_forward(x[0], 2), "expected (N, C, H, W)"),
        (lambda x: spatial_layers.upsample_nearest_forward(x, 1.5), "factor is 1.5"),
        (lambda x: spatial_layers.spatial_softmax_loss(x, np.full((2, 4, 5), 3)), "from 0 to 2"),
        (lambda x: spatial_layers.spatial_softmax_loss(x, np.zeros((2, 5, 4), int)), "one label for each pixel"),
        (lambda x: spatial_layers.local_response_norm_forward(x, {"alfa": 1.0}), "alpha"),
    ],
)
def test_errors_say_what_is_wrong(call, words):
    with pytest.raises((ValueError, TypeError)) as error:
        call(np.random.randn(2, 3, 4, 5))
    assert words in str(error.value)
