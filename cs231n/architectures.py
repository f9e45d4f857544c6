"""Networks as lists of layers: the shape of every output, and what each layer costs.

A layer here computes nothing. It knows the shape of its output, its parameters and its multiplications for an input of
a given shape, (C, H, W) for feature maps and (D,) for vectors; so whole networks can be counted that are far too large
to run. The published networks stand at the end, layer by layer.

Examples
--------
>>> stack = [("conv1", Conv(6, size=5)), ("pool1", Pool(2)), ("scores", Affine(10))]
>>> for row in describe(stack, (1, 28, 28)):
...     print(row)
Row(name='conv1', shape=(6, 24, 24), params=156, multiplications=86400)
Row(name='pool1', shape=(6, 12, 12), params=0, multiplications=0)
Row(name='scores', shape=(10,), params=8650, multiplications=8640)
"""

from dataclasses import dataclass
from math import prod
from typing import NamedTuple


class Row(NamedTuple):
    """What `describe` says of a layer: its name, the shape of its output, and what it costs for one input."""

    name: str
    shape: tuple[int, ...]
    params: int
    multiplications: int


def output_size(size, field, stride=1, pad=0, round_up=False):
    """Count the positions of a window along one axis.

    Parameters
    ----------
    size : int
        Length of the axis.
    field : int
        Length of the window.
    stride : int
    pad : int
        Zeros at each end.
    round_up : bool
        Count a last window that reaches beyond the end, unless it would start there, as some pooling layers do.

    Returns
    -------
    int
        1 + (size + 2 * pad - field) / stride, rounded down or up.

    Raises
    ------
    ValueError
        If the window does not fit.

    Examples
    --------
    >>> output_size(227, 11, stride=4), output_size(112, 3, stride=2), output_size(112, 3, stride=2, round_up=True)
    (55, 55, 56)
    """
    room = size + 2 * pad - field
    if room < 0:
        raise ValueError(f"a window of {field} does not fit into {size} entries with {pad} zeros at each end.")
    ### BEGIN SOLUTION
    positions = 1 + room // stride
    start = positions * stride  # of one more window, counted from the first zero of the padding
    if round_up and room % stride and start < pad + size:
        positions += 1
    ### END SOLUTION
    return positions


def receptive_field(windows):
    """Compute how many entries of the input one entry of the output sees, along one axis.

    Parameters
    ----------
    windows : sequence of (field, stride)
        Of each layer, the first one first.

    Returns
    -------
    int

    Examples
    --------
    >>> receptive_field([(3, 1), (3, 1)]), receptive_field([(3, 1)] * 3), receptive_field([(5, 1), (2, 2), (5, 1)])
    (5, 7, 14)
    """
    ### BEGIN SOLUTION
    sees, distance = 1, 1  # of two neighbouring entries, in entries of the input
    for field, stride in windows:
        sees += (field - 1) * distance
        distance *= stride
    ### END SOLUTION
    return sees


@dataclass(frozen=True)
class Conv:
    """A convolution.

    Parameters
    ----------
    filters : int
    size, stride, pad : int
        Height and width of the filters, how far they move at a time, and the zeros at each side.
    groups : int
        The channels are split into so many groups, and each filter sees one of them.
    bias : bool
    connections : int, optional
        Pairs of an input channel and a filter that sees it, where a filter does not see all channels.
    """

    filters: int
    size: int
    stride: int = 1
    pad: int = 0
    groups: int = 1
    bias: bool = True
    connections: int | None = None

    def output(self, shape):
        """The shape of the output for an input of `shape`."""
        return (self.filters, *(output_size(n, self.size, self.stride, self.pad) for n in shape[1:]))

    def weights(self, shape):
        """The number of weights, without biases."""
        if self.connections is not None:
            return self.connections * self.size**2
        ### BEGIN SOLUTION
        weights = shape[0] // self.groups * self.filters * self.size**2
        ### END SOLUTION
        return weights

    def params(self, shape):
        """The number of parameters: the weights, and a bias for each filter if there are biases."""
        ### BEGIN SOLUTION
        params = self.weights(shape) + self.bias * self.filters
        ### END SOLUTION
        return params

    def multiplications(self, shape):
        """The number of multiplications: each weight is used at every position of the output."""
        ### BEGIN SOLUTION
        multiplications = self.weights(shape) * prod(self.output(shape)[1:])
        ### END SOLUTION
        return multiplications


@dataclass(frozen=True)
class Pool:
    """Pooling, of maxima or, with `mean`, of means; the stride is the size of the window unless it is given.

    With `trained`, each map has a coefficient and a bias, as in LeNet.
    """

    size: int
    stride: int | None = None
    pad: int = 0
    round_up: bool = False
    trained: bool = False
    mean: bool = False

    def output(self, shape):
        """The shape of the output for an input of `shape`."""
        stride = self.stride or self.size
        return (shape[0], *(output_size(n, self.size, stride, self.pad, self.round_up) for n in shape[1:]))

    def params(self, shape):
        """The number of parameters."""
        return 2 * shape[0] * self.trained

    def multiplications(self, shape):
        """The number of multiplications."""
        return prod(self.output(shape)) * self.trained


@dataclass(frozen=True)
class GlobalPool:
    """The mean of each feature map."""

    def output(self, shape):
        """The shape of the output for an input of `shape`."""
        return shape[:1]

    def params(self, shape):
        """None."""
        return 0

    def multiplications(self, shape):
        """None: means are counted as additions."""
        return 0


@dataclass(frozen=True)
class Affine:
    """An affine layer; feature maps are flattened first."""

    units: int
    bias: bool = True

    def output(self, shape):
        """The shape of the output for an input of `shape`."""
        return (self.units,)

    def params(self, shape):
        """The number of parameters."""
        return (prod(shape) + self.bias) * self.units

    def multiplications(self, shape):
        """The number of multiplications."""
        return prod(shape) * self.units


@dataclass(frozen=True)
class BatchNorm:
    """Batch normalisation: a gain and a shift for each channel. At test time a convolution before it absorbs it."""

    def output(self, shape):
        """The shape of the output for an input of `shape`."""
        return shape

    def params(self, shape):
        """The number of parameters."""
        return 2 * shape[0]

    def multiplications(self, shape):
        """None, see above."""
        return 0


@dataclass(frozen=True)
class ResponseNorm:
    """Local response normalisation: its squares and powers are not counted."""

    def output(self, shape):
        """The shape of the output for an input of `shape`."""
        return shape

    def params(self, shape):
        """None."""
        return 0

    def multiplications(self, shape):
        """None, see above."""
        return 0


@dataclass(frozen=True)
class Branches:
    """Stacks of layers that see the same input; their maps are put one after the other, as in an inception module."""

    stacks: tuple[tuple, ...]

    def output(self, shape):
        """The shape of the output for an input of `shape`."""
        shapes = [_output(stack, shape) for stack in self.stacks]
        if len({s[1:] for s in shapes}) > 1:
            raise ValueError(f"the branches give maps of different sizes, {shapes}: look at their padding.")
        return (sum(s[0] for s in shapes), *shapes[0][1:])

    def params(self, shape):
        """The number of parameters."""
        return sum(_total("params", stack, shape) for stack in self.stacks)

    def multiplications(self, shape):
        """The number of multiplications."""
        return sum(_total("multiplications", stack, shape) for stack in self.stacks)


@dataclass(frozen=True)
class Residual:
    """A stack of layers whose output is added to its input, or to a shortcut of it where the shapes differ."""

    stack: tuple
    shortcut: tuple = ()

    def output(self, shape):
        """The shape of the output for an input of `shape`."""
        out, other = _output(self.stack, shape), _output(self.shortcut, shape)
        if out != other:
            raise ValueError(f"the stack gives {out}, the shortcut {other}: only equal shapes can be added.")
        return out

    def params(self, shape):
        """The number of parameters."""
        return _total("params", self.stack, shape) + _total("params", self.shortcut, shape)

    def multiplications(self, shape):
        """The number of multiplications."""
        return _total("multiplications", self.stack, shape) + _total("multiplications", self.shortcut, shape)


def _output(stack, shape):
    for layer in stack:
        shape = layer.output(shape)
    return shape


def _total(what, stack, shape):
    """The sum of one count over the layers of a stack."""
    total = 0
    for layer in stack:
        total += getattr(layer, what)(shape)
        shape = layer.output(shape)
    return total


def describe(stack, shape):
    """List what each layer of a network makes of an input, and what it costs.

    Parameters
    ----------
    stack : sequence of (name, layer)
    shape : tuple
        Of one input, (C, H, W).

    Returns
    -------
    list of Row
    """
    rows = []
    for name, layer in stack:
        try:
            out = layer.output(shape)
        except ValueError as error:
            error.add_note(f"in the layer {name}, whose input has the shape {shape}")
            raise
        rows.append(Row(name, out, layer.params(shape), layer.multiplications(shape)))
        shape = out
    return rows


# ---- the published networks


def lenet5():
    """LeNet-5, for images of (1, 32, 32): LeCun, Bottou, Bengio and Haffner (1998), section II B.

    The last layer of the paper compares with fixed patterns, so it has no parameters; it is left out here.
    """
    return [
        ("C1", Conv(6, size=5)),
        ("S2", Pool(2, trained=True)),
        ("C3", Conv(16, size=5, connections=60)),  # table I: most filters see some of the maps only
        ("S4", Pool(2, trained=True)),
        ("C5", Conv(120, size=5)),
        ("F6", Affine(84)),
    ]


def alexnet():
    """AlexNet, for images of (3, 227, 227): Krizhevsky, Sutskever and Hinton (2012), figure 2.

    The paper says 224, with which 55 positions are impossible: (224 - 11) / 4 is not an integer. Two groups: the
    network was split over two processors.
    """
    return [
        ("conv1", Conv(96, size=11, stride=4)),
        ("pool1", Pool(3, stride=2)),
        ("conv2", Conv(256, size=5, pad=2, groups=2)),
        ("pool2", Pool(3, stride=2)),
        ("conv3", Conv(384, size=3, pad=1)),
        ("conv4", Conv(384, size=3, pad=1, groups=2)),
        ("conv5", Conv(256, size=3, pad=1, groups=2)),
        ("pool5", Pool(3, stride=2)),
        ("fc6", Affine(4096)),
        ("fc7", Affine(4096)),
        ("fc8", Affine(1000)),
    ]


def zfnet():
    """ZFNet, for images of (3, 224, 224): Zeiler and Fergus (2014), figure 3."""
    return [
        ("conv1", Conv(96, size=7, stride=2, pad=1)),
        ("pool1", Pool(3, stride=2, pad=1)),
        ("conv2", Conv(256, size=5, stride=2)),
        ("pool2", Pool(3, stride=2, pad=1)),
        ("conv3", Conv(384, size=3, pad=1)),
        ("conv4", Conv(384, size=3, pad=1)),
        ("conv5", Conv(256, size=3, pad=1)),
        ("pool5", Pool(3, stride=2)),
        ("fc6", Affine(4096)),
        ("fc7", Affine(4096)),
        ("fc8", Affine(1000)),
    ]


def vgg16():
    """VGG-16, for images of (3, 224, 224): Simonyan and Zisserman (2015), table 1, column D."""
    stack = []
    for i, (filters, convs) in enumerate(((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)), 1):
        stack += [(f"conv{i}_{j}", Conv(filters, size=3, pad=1)) for j in range(1, convs + 1)]
        stack.append((f"pool{i}", Pool(2)))
    return [*stack, ("fc6", Affine(4096)), ("fc7", Affine(4096)), ("fc8", Affine(1000))]


def inception(one, three_reduce, three, five_reduce, five, pool):
    """An inception module: 1 x 1, 3 x 3 and 5 x 5 convolutions and pooling side by side; Szegedy et al. (2015).

    The arguments are numbers of filters, in the order of the paper's table 1. With a reduce of 0 there is no 1 x 1
    convolution before the larger one, and with a pool of 0 none after pooling (the naive form, figure 2a).
    """

    def reduced(reduce, filters, size):
        return (*([Conv(reduce, size=1)] if reduce else []), Conv(filters, size=size, pad=size // 2))

    pooling = (Pool(3, stride=1, pad=1), *([Conv(pool, size=1)] if pool else []))
    return Branches(((Conv(one, size=1),), reduced(three_reduce, three, 3), reduced(five_reduce, five, 5), pooling))


def googlenet():
    """GoogLeNet, for images of (3, 224, 224): Szegedy et al. (2015), table 1, without the auxiliary classifiers."""
    half = Pool(3, stride=2, round_up=True)
    return [
        ("conv1", Conv(64, size=7, stride=2, pad=3)),
        ("pool1", half),
        ("conv2_reduce", Conv(64, size=1)),
        ("conv2", Conv(192, size=3, pad=1)),
        ("pool2", half),
        ("inception3a", inception(64, 96, 128, 16, 32, 32)),
        ("inception3b", inception(128, 128, 192, 32, 96, 64)),
        ("pool3", half),
        ("inception4a", inception(192, 96, 208, 16, 48, 64)),
        ("inception4b", inception(160, 112, 224, 24, 64, 64)),
        ("inception4c", inception(128, 128, 256, 24, 64, 64)),
        ("inception4d", inception(112, 144, 288, 32, 64, 64)),
        ("inception4e", inception(256, 160, 320, 32, 128, 128)),
        ("pool4", half),
        ("inception5a", inception(256, 160, 320, 32, 128, 128)),
        ("inception5b", inception(384, 192, 384, 48, 128, 128)),
        ("mean", GlobalPool()),
        ("scores", Affine(1000)),
    ]


def resnet(depth):
    """ResNet with 18, 34, 50, 101 or 152 layers, for images of (3, 224, 224): He, Zhang, Ren and Sun (2016), table 1.

    From 50 layers on, the blocks are bottlenecks, 1 x 1, 3 x 3 and 1 x 1. Where the size changes, so does the shortcut:
    a 1 x 1 convolution (option B).
    """
    blocks = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
    if depth not in blocks:
        raise ValueError(f"depth is {depth}, expected one of {', '.join(map(str, blocks))}.")
    block = _basic_block if depth < 50 else _bottleneck
    stack = [("conv1", Conv(64, size=7, stride=2, pad=3, bias=False)), ("norm1", BatchNorm())]
    stack.append(("pool1", Pool(3, stride=2, pad=1)))
    channels = 64
    for i, (filters, number) in enumerate(zip((64, 128, 256, 512), blocks[depth], strict=True), 2):
        for j in range(number):
            layer, channels = block(channels, filters, stride=2 if i > 2 and j == 0 else 1)
            stack.append((f"block{i}_{j + 1}", layer))
    return [*stack, ("mean", GlobalPool()), ("scores", Affine(1000))]


def _basic_block(channels, filters, stride):
    layers = (*_normalised(filters, 3, stride), *_normalised(filters, 3))
    return Residual(layers, _shortcut(channels, filters, stride)), filters


def _bottleneck(channels, filters, stride):
    layers = (*_normalised(filters, 1), *_normalised(filters, 3, stride), *_normalised(4 * filters, 1))
    return Residual(layers, _shortcut(channels, 4 * filters, stride)), 4 * filters


def _shortcut(channels, filters, stride):
    return () if channels == filters and stride == 1 else _normalised(filters, 1, stride)


def _normalised(filters, size, stride=1):
    return Conv(filters, size=size, stride=stride, pad=size // 2, bias=False), BatchNorm()


# ---- the same ideas for images of (3, 32, 32) and ten classes, small enough to train


def small_lenet5():
    """LeNet-5 with three colours; its means are not trained, and each filter sees all maps."""
    return [
        ("C1", Conv(6, size=5)),
        ("S2", Pool(2, mean=True)),
        ("C3", Conv(16, size=5)),
        ("S4", Pool(2, mean=True)),
        ("C5", Conv(120, size=5)),
        ("F6", Affine(84)),
        ("scores", Affine(10)),
    ]


def small_alexnet():
    """AlexNet's order of layers, in one group: large filters first, that move several pixels at a time."""
    first = [("conv1", Conv(24, size=5, stride=2, pad=2)), ("norm1", ResponseNorm()), ("pool1", Pool(3, stride=2))]
    return [*first, ("conv2", Conv(48, size=5, pad=2)), ("norm2", ResponseNorm()), *_small_upper_layers()]


def small_zfnet():
    """ZFNet's change to AlexNet: smaller filters in the first layer, which see every pixel; the second one moves on."""
    first = [("conv1", Conv(24, size=3, pad=1)), ("pool1", Pool(3, stride=2)), ("norm1", ResponseNorm())]
    return [*first, ("conv2", Conv(48, size=5, stride=2, pad=1)), *_small_upper_layers()]


def _small_upper_layers():
    return [
        ("pool2", Pool(3, stride=2)),
        ("conv3", Conv(64, size=3, pad=1)),
        ("conv4", Conv(64, size=3, pad=1)),
        ("conv5", Conv(48, size=3, pad=1)),
        ("pool5", Pool(3, stride=2)),
        ("fc6", Affine(128)),
        ("fc7", Affine(128)),
        ("scores", Affine(10)),
    ]


def small_vgg():
    """VGG's rule, nothing but 3 x 3 convolutions in pairs and 2 x 2 pooling, with 8 convolutional and affine layers."""
    stack = []
    for i, filters in enumerate((8, 16, 32), 1):
        stack += [(f"conv{i}_{j}", Conv(filters, size=3, pad=1)) for j in (1, 2)]
        stack.append((f"pool{i}", Pool(2)))
    return [*stack, ("fc6", Affine(128)), ("scores", Affine(10))]


def small_googlenet():
    """Three inception modules with reduction, and the mean of each map in place of large affine layers."""
    return [
        ("conv1", Conv(16, size=3, pad=1)),
        ("pool1", Pool(2)),
        ("inception2a", inception(8, 8, 16, 4, 8, 8)),
        ("inception2b", inception(16, 12, 24, 4, 8, 8)),
        ("pool2", Pool(2)),
        ("inception3a", inception(24, 16, 32, 6, 12, 12)),
        ("mean", GlobalPool()),
        ("scores", Affine(10)),
    ]


def small_resnet(depth=8, residual=True, stride=1):
    """A residual network of 6n + 2 layers for small images, as in section 4.2 of He, Zhang, Ren and Sun (2016).

    Without `residual`, the same layers without shortcuts: a *plain* network. The first layer moves by `stride`.
    """
    if depth % 6 != 2 or depth < 8:
        raise ValueError(f"depth is {depth}, expected 8, 14, 20, 26, 32, ...: 6n + 2.")
    stack = [("conv1", Conv(8, size=3, stride=stride, pad=1, bias=False)), ("norm1", BatchNorm())]
    channels = 8
    for i, filters in enumerate((8, 16, 32), 2):
        for j in range(1, depth // 6 + 1):
            block, channels = _basic_block(channels, filters, stride=2 if i > 2 and j == 1 else 1)
            name = f"block{i}_{j}"
            stack += [(name, block)] if residual else [(f"{name}_{k}", part) for k, part in enumerate(block.stack)]
    return [*stack, ("mean", GlobalPool()), ("scores", Affine(10))]
