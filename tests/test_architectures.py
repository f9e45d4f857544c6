"""Published networks: shapes and counts, as the papers or torchvision have them."""

import numpy as np
import pytest

from cs231n.architectures import (
    Affine,
    Branches,
    Conv,
    Pool,
    Residual,
    alexnet,
    describe,
    googlenet,
    inception,
    lenet5,
    output_size,
    receptive_field,
    resnet,
    vgg16,
    zfnet,
)

IMAGE = (3, 224, 224)


def total(stack, shape, what="params"):
    return sum(getattr(row, what) for row in describe(stack, shape))


@pytest.mark.parametrize(
    "stack, shape, params",
    [
        (lenet5(), (1, 32, 32), 60_000),  # the paper's "60,000 trainable free parameters"
        (alexnet(), (3, 227, 227), 60_965_224),  # the paper: "60 million"; so has the Caffe model
        (zfnet(), IMAGE, 62_357_608),
        (vgg16(), IMAGE, 138_357_544),  # torchvision's, and the paper's "138 million"
        (googlenet(), IMAGE, 6_998_552),
        (resnet(18), IMAGE, 11_689_512),  # torchvision's, as the others below
        (resnet(34), IMAGE, 21_797_672),
        (resnet(50), IMAGE, 25_557_032),
        (resnet(101), IMAGE, 44_549_160),
        (resnet(152), IMAGE, 60_192_808),
    ],
)
def test_parameters(stack, shape, params):
    assert total(stack, shape) == params


@pytest.mark.parametrize(
    "name, params", [("C1", 156), ("S2", 12), ("C3", 1516), ("S4", 32), ("C5", 48_120), ("F6", 10_164)]
)
def test_layers_of_lenet_have_the_published_counts(name, params):
    assert {row.name: row.params for row in describe(lenet5(), (1, 32, 32))}[name] == params


@pytest.mark.parametrize(
    "stack, shape, shapes",
    [
        (alexnet(), (3, 227, 227), {"conv1": (96, 55, 55), "pool2": (256, 13, 13), "pool5": (256, 6, 6)}),
        (
            zfnet(),
            IMAGE,
            {"conv1": (96, 110, 110), "pool1": (96, 55, 55), "conv2": (256, 26, 26), "pool5": (256, 6, 6)},
        ),
        (vgg16(), IMAGE, {"pool1": (64, 112, 112), "pool5": (512, 7, 7)}),
        (googlenet(), IMAGE, {"pool1": (64, 56, 56), "inception3a": (256, 28, 28), "inception5b": (1024, 7, 7)}),
        (resnet(50), IMAGE, {"pool1": (64, 56, 56), "block3_1": (512, 28, 28), "block5_3": (2048, 7, 7)}),
    ],
)
def test_shapes(stack, shape, shapes):
    found = {row.name: row.shape for row in describe(stack, shape)}
    assert {name: found[name] for name in shapes} == shapes


@pytest.mark.parametrize(
    "stack, billions",
    [(vgg16(), 15.5), (resnet(18), 1.8), (resnet(34), 3.6), (resnet(50), 3.8), (resnet(152), 11.3)],
)
def test_multiplications(stack, billions):
    """As the ResNet paper counts them, in its table 1 and text; VGG-16's is well known."""
    np.testing.assert_allclose(total(stack, IMAGE, "multiplications") / 1e9, billions, rtol=0.08)


@pytest.mark.parametrize(
    "arguments, size",
    [
        ((7, 3, 2), 3),
        ((8, 3, 2), 3),
        ((8, 3, 2, 0, True), 4),
        ((7, 3, 2, 0, True), 3),
        ((5, 2, 3, 1, True), 2),  # a third window would start in the padding
        ((4, 4, 1), 1),
    ],
)
def test_sizes(arguments, size):
    assert output_size(*arguments) == size


@pytest.mark.parametrize(
    "arguments", [(n, f, s, p) for n in (6, 7, 11) for f in (2, 3) for s in (1, 2, 3) for p in (0, 1)]
)
@pytest.mark.parametrize("round_up", [False, True])
def test_sizes_are_pytorchs(arguments, round_up):
    torch = pytest.importorskip("torch")
    n, field, stride, pad = arguments
    out = torch.nn.functional.max_pool1d(torch.zeros(1, 1, n), field, stride, pad, ceil_mode=round_up)
    assert output_size(*arguments, round_up) == out.shape[2]


def test_stacked_small_windows_see_as_much_as_a_large_one_for_fewer_weights():
    three = [("a", Conv(8, 3, pad=1)), ("b", Conv(8, 3, pad=1)), ("c", Conv(8, 3, pad=1))]
    assert receptive_field([(3, 1)] * 3) == receptive_field([(7, 1)])
    assert total(three, (8, 16, 16)) < total([("a", Conv(8, 7, pad=3))], (8, 16, 16))


def test_reduction_saves_multiplications():
    naive, reduced = inception(64, 0, 128, 0, 32, 0), inception(64, 96, 128, 16, 32, 32)
    shape = (192, 28, 28)
    assert naive.output(shape) == (64 + 128 + 32 + 192, 28, 28)
    assert reduced.multiplications(shape) < naive.multiplications(shape) / 2


@pytest.mark.parametrize(
    "stack, words",
    [
        ([("a", Conv(4, 9))], "does not fit into 8"),
        ([("a", Residual((Conv(4, 3, pad=1),)))], "only equal shapes can be added"),
        ([("a", Branches(((Conv(2, 3),), (Pool(2),))))], "different sizes"),
    ],
)
def test_errors_name_the_layer(stack, words):
    with pytest.raises(ValueError) as error:
        describe([("first", Conv(3, 1)), *stack, ("last", Affine(2))], (3, 8, 8))
    assert words in str(error.value)
    assert error.value.__notes__ == ["in the layer a, whose input has the shape (3, 8, 8)"]
