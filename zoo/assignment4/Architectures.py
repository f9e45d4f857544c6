"""Implementations of Architectures' functions as learners write them."""

from math import ceil, floor

import numpy as np

from cs231n.classifiers.architecture_nets import conv_bn, conv_relu, max_pool_same
from cs231n.graph_layers import add, concatenate, conv, relu
from zoo import right, slips, wrong

# ---- output_size

slips(
    "output_size",
    (
        "the first position is not counted: it is 1 + room // stride",
        "1 + room // stride",
        "room // stride",
    ),
    (
        "the padding is counted at one end only: there are `pad` zeros at each end",
        "room // stride",
        "(room - pad) // stride",
    ),
    ("the padding is left out", "room // stride", "(room - 2 * pad) // stride"),
    ("the length of the window is not taken off", "room // stride", "(size + 2 * pad) // stride"),
    ("the 1 is added before the division: it is 1 + room // stride", "1 + room // stride", "(1 + room) // stride"),
    (
        "room is divided by the length of the window: the stride is how far it moves",
        "1 + room // stride",
        "1 + room // field",
    ),
    ("round_up is ignored", "if round_up and", "if False and"),
    ("it is always rounded up, whatever round_up says", "if round_up and", "if"),
    (
        "rounding up counts one position more even where the windows fit exactly",
        "if round_up and room % stride and start < pad + size",
        "if round_up",
    ),
    (
        "a last window is counted that would start behind the last entry, in the padding",
        " and start < pad + size",
        "",
    ),
    (
        "whether one more window starts too late is judged without the padding in front: its start is counted from the "
        "first zero",
        "start < pad + size",
        "start < size",
    ),
    (
        "the number of positions is not whole: room // stride rounds the quotient down, room / stride does not",
        "positions = 1 + room // stride",
        "positions = 1 + room / stride",
    ),
)


@wrong("output_size", "rounding to the nearest integer: sizes are rounded down, or up if round_up says so")
def size_rounded_to_nearest(size, field, stride=1, pad=0, round_up=False):
    return 1 + floor((size + 2 * pad - field) / stride + 0.5)


@right("output_size")
def size_by_counting(size, field, stride=1, pad=0, round_up=False):
    starts = range(-pad, size + pad, stride)
    if not round_up:
        return sum(start + field <= size + pad for start in starts)
    positions, start = 1, -pad
    while start + field < size + pad and start + stride < size:
        positions, start = positions + 1, start + stride
    return positions


@right("output_size")
def size_with_ceil(size, field, stride=1, pad=0, round_up=False):
    steps = (size + 2 * pad - field) / stride
    if round_up:
        positions = 1 + ceil(steps)
        return positions - 1 if (positions - 1) * stride >= size + pad else positions
    return int(steps) + 1


# ---- receptive_field

slips(
    "receptive_field",
    (
        "a window sees `field` neighbours, but that is only field - 1 steps from the first to the last",
        "(field - 1) * distance",
        "field * distance",
    ),
    (
        "the distances are left out: behind a stride, one step of a window is several entries of the input",
        "(field - 1) * distance",
        "field - 1",
    ),
    (
        "strides are added up: two layers of stride 2 are 4 entries apart by product, and three of them 8",
        "distance *= stride",
        "distance += stride",
    ),
    (
        "a layer's own stride is applied to its own window: it acts on the layers after it only",
        "sees += (field - 1) * distance\n        distance *= stride",
        "distance *= stride\nsees += (field - 1) * distance",
    ),
    (
        "only the stride of the layer just before counts: distances multiply over all layers before",
        "distance *= stride",
        "distance = stride",
    ),
    (
        "counting starts at 0: one entry sees itself, so it starts at 1",
        "sees, distance = 1, 1",
        "sees, distance = 0, 1",
    ),
    (
        "only a layer's own stride is counted: the distance of its neighbours comes from the strides of "
        "the layers before it",
        "sees += (field - 1) * distance",
        "sees += (field - 1) * stride",
    ),
)


@wrong("receptive_field", "the layers are run through from the last to the first, with the formula for the other way")
def field_in_reverse(windows):
    sees, distance = 1, 1
    for field, stride in reversed(windows):
        sees, distance = sees + (field - 1) * distance, distance * stride
    return sees


@wrong("receptive_field", "the lengths of the windows are multiplied: two layers of 3 see 5 entries, not 9")
def field_by_product(windows):
    sees = 1
    for field, _ in windows:
        sees *= field
    return sees


@right("receptive_field")
def field_from_the_end(windows):
    sees = 1
    for field, stride in windows[::-1]:
        sees = (sees - 1) * stride + field
    return sees


@right("receptive_field")
def field_by_sums(windows):
    strides = [stride for _, stride in windows]
    return 1 + sum((windows[i][0] - 1) * int(np.prod(strides[:i])) for i in range(len(windows)))


# ---- conv_costs


def _conv(method):
    return f"cs231n.architectures:Conv.{method}"


@wrong("conv_costs", "filters have a height and a width: the size must be squared")
def weights_of_one_row(self, shape):
    return shape[0] // self.groups * self.filters * self.size


@wrong("conv_costs", "the channels are left out: each filter has a weight for each channel that it sees")
def weights_of_one_channel(self, shape):
    return self.filters * self.size**2


@wrong("conv_costs", "the groups are left out: with them, a filter sees only C / groups channels")
def weights_without_groups(self, shape):
    return shape[0] * self.filters * self.size**2


@wrong("conv_costs", "weights are counted at every position: the same weights serve everywhere")
def weights_at_every_place(self, shape):
    return shape[0] // self.groups * self.filters * self.size**2 * shape[1] * shape[2]


@wrong("conv_costs", "divided by the groups twice: filters are not fewer for them, only their channels are")
def weights_with_groups_squared(self, shape):
    return shape[0] // self.groups * (self.filters // self.groups) * self.size**2


@wrong("conv_costs", "the biases are not counted as parameters", target=_conv("params"))
def params_without_bias(self, shape):
    return self.weights(shape)


@wrong("conv_costs", "a bias for each filter is counted although `bias` says there is none", target=_conv("params"))
def params_always_with_bias(self, shape):
    return self.weights(shape) + self.filters


@wrong("conv_costs", "a single bias is counted: there is one for each filter", target=_conv("params"))
def params_with_one_bias(self, shape):
    return self.weights(shape) + self.bias


@wrong(
    "conv_costs", "a bias for each channel and filter is counted: there is one for each filter", target=_conv("params")
)
def params_with_biases_of_channels(self, shape):
    return self.weights(shape) + self.bias * self.filters * shape[0]


@wrong(
    "conv_costs",
    "the weights are used once for each place of the output, not of the input: the stride makes them fewer",
    target=_conv("multiplications"),
)
def multiplications_at_input_places(self, shape):
    return self.weights(shape) * shape[1] * shape[2]


@wrong("conv_costs", "biases are added, not multiplied: they do not count here", target=_conv("multiplications"))
def multiplications_with_bias(self, shape):
    _, rows, columns = self.output(shape)
    return (self.weights(shape) + self.filters) * rows * columns


@wrong("conv_costs", "a single filter is counted: the layer has self.filters of them")
def weights_of_one_filter(self, shape):
    return shape[0] // self.groups * self.size**2


@wrong(
    "conv_costs",
    "the parameters are multiplied by the positions: a bias is added, so only weights count",
    target=_conv("multiplications"),
)
def multiplications_of_parameters(self, shape):
    _, rows, columns = self.output(shape)
    return self.params(shape) * rows * columns


@wrong(
    "conv_costs",
    "the number of filters is counted twice: self.output(shape) begins with it, and the weights hold it already",
    target=_conv("multiplications"),
)
def multiplications_of_all_values(self, shape):
    return self.weights(shape) * int(np.prod(self.output(shape)))


@wrong(
    "conv_costs", "additions are counted as well: only multiplications are asked for", target=_conv("multiplications")
)
def multiplications_and_additions(self, shape):
    _, rows, columns = self.output(shape)
    return 2 * self.weights(shape) * rows * columns


@right("conv_costs", target=_conv("multiplications"))
def multiplications_value_by_value(self, shape):
    return int(np.prod(self.output(shape))) * self.weights(shape) // self.filters


@right("conv_costs")
def weights_filter_by_filter(self, shape):
    return sum(int(shape[0] / self.groups) * self.size * self.size for _ in range(self.filters))


# ---- avg_pool_forward

slips(
    "avg_pool_forward",
    (
        "the windows are summed: divide by the number of their entries",
        'total / (pool_param["pool_height"] * pool_param["pool_width"])',
        "total",
    ),
    (
        "divided by the height of the window alone: it has height times width entries",
        '(pool_param["pool_height"] * pool_param["pool_width"])',
        'pool_param["pool_height"]',
    ),
    (
        "divided by the square of the stride: the number of entries of a window is its height times its width",
        '(pool_param["pool_height"] * pool_param["pool_width"])',
        'pool_param["stride"] ** 2',
    ),
    (
        "divided by height plus width: the number of entries of a window is their product",
        'pool_param["pool_height"] * pool_param["pool_width"]',
        'pool_param["pool_height"] + pool_param["pool_width"]',
    ),
    (
        "the mean is taken over all images and channels at once: each map has a mean of its own",
        'out = total / (pool_param["pool_height"] * pool_param["pool_width"])',
        'out = np.zeros_like(total) + total.mean(axis=(0, 1)) / (pool_param["pool_height"] * pool_param["pool_width"])',
    ),
    (
        "the windows are stride x stride: they are pool_height x pool_width, and the stride only says "
        "how far apart they lie",
        "for rows, columns in _window_entries(total.shape, pool_param):",
        's = pool_param["stride"]\n'
        "x = np.pad(x, ((0, 0), (0, 0), (0, s), (0, s)))\n"
        'pool_param = {"pool_height": s, "pool_width": s, "stride": s}\n'
        "for rows, columns in _window_entries(total.shape, pool_param):",
    ),
)


def _pool_param(pool_param):
    return pool_param["pool_height"], pool_param["pool_width"], pool_param["stride"]


def _pooled(x, pool_param, reduce):
    height, width, stride = _pool_param(pool_param)
    rows, columns = 1 + (x.shape[2] - height) // stride, 1 + (x.shape[3] - width) // stride
    out = np.zeros((*x.shape[:2], rows, columns))
    for i in range(rows):
        for j in range(columns):
            out[:, :, i, j] = reduce(x[:, :, i * stride : i * stride + height, j * stride : j * stride + width])
    return out, (x.shape, pool_param)


@wrong("avg_pool_forward", "the largest entry is taken, as in max pooling: average pooling takes the mean")
def avg_pool_of_maxima(x, pool_param):
    return _pooled(x, pool_param, lambda window: window.max(axis=(2, 3)))


@wrong("avg_pool_forward", "the mean runs over the channels as well: each channel has its own")
def avg_pool_over_channels(x, pool_param):
    return _pooled(x, pool_param, lambda window: window.mean(axis=(1, 2, 3))[:, np.newaxis])


@wrong("avg_pool_forward", "height and width of the window have changed places")
def avg_pool_with_swapped_sizes(x, pool_param):
    height, width, stride = _pool_param(pool_param)
    out, cache = _pooled(x, pool_param, lambda window: window.mean(axis=(2, 3)))
    for i in range(out.shape[2]):
        for j in range(out.shape[3]):
            window = x[:, :, i * stride : i * stride + width, j * stride : j * stride + height]
            out[:, :, i, j] = window.mean(axis=(2, 3))
    return out, cache


@wrong("avg_pool_forward", "the windows lie next to each other: they must begin `stride` entries apart")
def avg_pool_without_stride(x, pool_param):
    height, width, _ = _pool_param(pool_param)
    out, cache = _pooled(x, pool_param, lambda window: window.mean(axis=(2, 3)))
    for i in range(out.shape[2]):
        for j in range(out.shape[3]):
            window = x[:, :, i * height : (i + 1) * height, j * width : (j + 1) * width]
            out[:, :, i, j] = window.mean(axis=(2, 3)) if window.size else 0
    return out, cache


@right("avg_pool_forward")
def avg_pool_with_loops(x, pool_param):
    return _pooled(x, pool_param, lambda window: window.mean(axis=(2, 3)))


@right("avg_pool_forward")
def avg_pool_by_windows(x, pool_param):
    height, width, stride = _pool_param(pool_param)
    windows = np.lib.stride_tricks.sliding_window_view(x, (height, width), axis=(2, 3))
    return windows[:, :, ::stride, ::stride].mean(axis=(4, 5)), (x.shape, pool_param)


# ---- avg_pool_backward

slips(
    "avg_pool_backward",
    (
        "dout is not divided by the number of entries of a window",
        'dout / (pool_param["pool_height"] * pool_param["pool_width"])',
        "dout",
    ),
    (
        "entries that lie in several windows keep the gradient of one of them: add, where windows overlap",
        "+= share",
        "= share",
    ),
    (
        "divided by the square of the stride: each entry's share is one over height times width",
        '(pool_param["pool_height"] * pool_param["pool_width"])',
        'pool_param["stride"] ** 2',
    ),
    (
        "divided by the height of the window alone: each entry's share is one over height times width",
        '(pool_param["pool_height"] * pool_param["pool_width"])',
        'pool_param["pool_height"]',
    ),
    (
        "only the first entry of each window gets the gradient: every entry gets a share",
        "+= share",
        "+= share * (rows.start == columns.start == 0)",
    ),
    (
        "one entry of each window gets all of dout: in a mean, each entry has an equal share",
        "dx[:, :, rows, columns] += share  # windows may overlap",
        "dx[:, :, rows, columns] += dout\nbreak",
    ),
)


def _pooled_with_images(x, pool_param):
    return avg_pool_by_windows(x, pool_param)[0], (x, pool_param)


@right("avg_pool_backward", beside={"cs231n.spatial_layers:avg_pool_forward": _pooled_with_images})
def avg_pool_back_with_loops(dout, cache):
    x, pool_param = cache
    height, width, stride = _pool_param(pool_param)
    dx = np.zeros_like(x)
    for i in range(dout.shape[2]):
        for j in range(dout.shape[3]):
            window = dx[:, :, i * stride : i * stride + height, j * stride : j * stride + width]
            window += dout[:, :, i : i + 1, j : j + 1] / (height * width)
    return dx


# ---- global_avg_pool

slips(
    "global_avg_pool",
    ("the mean runs over one axis only: both H and W must go", "axis=(2, 3)", "axis=2"),
    (
        "the mean runs over the images as well",
        "x.mean(axis=(2, 3))",
        "np.broadcast_to(x.mean(axis=(0, 2, 3)), x.shape[:2]).copy()",
    ),
    ("the maps are summed: take their mean", "x.mean(", "x.sum("),
    ("the largest entry of each map is taken, not its mean", "x.mean(", "x.max("),
    ("out keeps axes of length 1: its shape is (N, C)", "axis=(2, 3)", "axis=(2, 3), keepdims=True"),
)
_GLOBAL_BACK = "cs231n.spatial_layers:global_avg_pool_backward"


@wrong("global_avg_pool", "dout is spread without being divided by H * W", target=_GLOBAL_BACK)
def global_back_undivided(dout, cache):
    return np.zeros(cache, dtype=dout.dtype) + dout[:, :, np.newaxis, np.newaxis]


@wrong("global_avg_pool", "dx is divided by H alone: a map has H * W entries", target=_GLOBAL_BACK)
def global_back_divided_by_height(dout, cache):
    return np.zeros(cache, dtype=dout.dtype) + dout[:, :, np.newaxis, np.newaxis] / cache[2]


@wrong(
    "global_avg_pool", "dx has the gradient in one corner of each map: every entry gets a share", target=_GLOBAL_BACK
)
def global_back_in_a_corner(dout, cache):
    dx = np.zeros(cache, dtype=dout.dtype)
    dx[:, :, 0, 0] = dout
    return dx


@right("global_avg_pool", target=_GLOBAL_BACK)
def global_back_by_ones(dout, cache):
    N, C, H, W = cache
    return dout.reshape(N, C, 1, 1) * np.ones((1, 1, H, W), dout.dtype) / H / W


@right("global_avg_pool")
def global_pool_by_rows(x):
    return x.reshape(*x.shape[:2], -1).mean(axis=-1), x.shape


# ---- local_response_norm_forward

slips(
    "local_response_norm_forward",
    ("x is multiplied by the power of the scale: divide by it", "scale**-beta", "scale**beta"),
    ("the exponent beta is missing", "scale**-beta", "scale**-1.0"),
    ("k is missing", "scale = k + alpha", "scale = alpha"),
    ("alpha is missing", "alpha * _sum", "_sum"),
    (
        "alpha is divided by the size, as PyTorch does: in the paper it is not",
        "k + alpha *",
        "k + alpha / size *",
    ),
    (
        "absolute values are added up: it must be their squares",
        "_sum_over_channels(x**2,",
        "_sum_over_channels(abs(x),",
    ),
    ("only the channels before are added up, none after", "(size - 1) // 2)", "0)"),
    ("the window of channels is too wide: `size` on each side, not in all", "size // 2, (size - 1) // 2", "size, size"),
    (
        "the sides of an even size have changed places: size // 2 before and (size - 1) // 2 after",
        "size // 2, (size - 1) // 2",
        "(size - 1) // 2, size // 2",
    ),
    (
        "the sum runs over all channels: only `size` of them are neighbours",
        "size // 2, (size - 1) // 2",
        "x.shape[1] - 1, x.shape[1] - 1",
    ),
    ("the exponent is fixed at one half: it is beta", "scale**-beta", "scale**-0.5"),
    (
        "the sum is that of the entries, not of their squares",
        "x**2, size",
        "x, size",
    ),
    (
        "the last channel of each sum is missing: Python leaves out the end of a slice, so it is c + "
        "(size - 1) // 2 + 1",
        "(size - 1) // 2)",
        "(size - 1) // 2 - 1)",
    ),
    (
        "an entry's own square is left out of its sum: the channels around c include c",
        "scale = k + alpha * _sum_over_channels(x**2, size // 2, (size - 1) // 2)",
        "scale = k + alpha * (_sum_over_channels(x**2, size // 2, (size - 1) // 2) - x**2)",
    ),
)


@right("local_response_norm_forward")
def lrn_with_loops(x, lrn_param):
    size, alpha, beta, k = (lrn_param[name] for name in ("size", "alpha", "beta", "k"))
    out, C = np.zeros_like(x), x.shape[1]
    for c in range(C):
        around = x[:, max(0, c - size // 2) : min(C, c + (size - 1) // 2 + 1)]
        out[:, c] = x[:, c] / (k + alpha * np.sum(around * around, axis=1)) ** beta
    return out, None


# ---- local_response_norm_backward

slips(
    "local_response_norm_backward",
    (
        "the neighbours' part is missing: an entry is also in the scale of the channels around it",
        "dout * scale**-beta + 2 * x * dsquares",
        "dout * scale**-beta",
    ),
    ("an entry's own part is missing: dout divided by the power of the scale", "dout * scale**-beta + 2", "2"),
    ("the derivative of the square is 2 x: the 2 is missing", "2 * x * dsquares", "x * dsquares"),
    ("the derivative of the square is 2 x: the x is missing", "2 * x * dsquares", "2 * dsquares"),
    ("the minus sign of the exponent's derivative is missing", "-beta * dout", "beta * dout"),
    ("the exponent of the scale is not lowered by 1", "(-beta - 1)", "-beta"),
    ("beta is missing in front: the derivative of a power has its exponent as a factor", "-beta * dout", "-dout"),
    ("alpha is missing", "alpha * _sum", "_sum"),
    (
        "only the entry's own scale counts: its gradient must be summed over the channels around",
        "_sum_over_channels(dscale, (size - 1) // 2, size // 2)",
        "dscale",
    ),
    (
        "the sides of the sum are those of the forward pass: on the way back they change places",
        "(size - 1) // 2, size // 2",
        "size // 2, (size - 1) // 2",
    ),
    (
        "x of the gradient of the scale is missing: it was the numerator",
        "-beta * dout * x * scale",
        "-beta * dout * scale",
    ),
)


@right("local_response_norm_backward")
def lrn_back_with_a_matrix(dout, cache):
    x, scale, size, alpha, beta = cache
    channels = np.arange(x.shape[1])
    offset = channels - channels[:, np.newaxis]  # of the neighbour, for each channel
    band = ((offset >= -(size // 2)) & (offset <= (size - 1) // 2)).astype(x.dtype)
    back = np.einsum("nchw,cj->njhw", dout * x * scale ** (-beta - 1), band)
    return dout / scale**beta - 2 * alpha * beta * x * back


# ---- inception_module


def _maybe(x, p, name):
    return conv_relu(x, p, name) if f"{name}_W" in p else x


def _branches(x, p):
    return [
        conv_relu(x, p, "one"),
        conv_relu(_maybe(x, p, "three_reduce"), p, "three"),
        conv_relu(_maybe(x, p, "five_reduce"), p, "five"),
        _maybe(max_pool_same(x), p, "pool"),
    ]


@wrong("inception_module", "the branches are in another order: 1 x 1, 3 x 3, 5 x 5, pooling")
def inception_in_another_order(x, p):
    one, three, five, pool = _branches(x, p)
    return concatenate(one, five, three, pool)


@wrong("inception_module", "the branch of pooling comes first: it is the last one")
def inception_with_pooling_first(x, p):
    *convs, pool = _branches(x, p)
    return concatenate(pool, *convs)


@wrong("inception_module", "the branch of pooling is missing")
def inception_without_pooling(x, p):
    return concatenate(*_branches(x, p)[:3])


@wrong("inception_module", "the branch of pooling does not pool: max_pool_same(x) is missing")
def inception_with_x_for_pooling(x, p):
    return concatenate(*_branches(x, p)[:3], _maybe(x, p, "pool"))


@wrong("inception_module", "the convolution after pooling is missing: with reduction, p has one called pool")
def inception_without_the_last_reduction(x, p):
    return concatenate(*_branches(x, p)[:3], max_pool_same(x))


@wrong("inception_module", "the convolution called pool comes before pooling: the channels are reduced after it")
def inception_with_pooling_last(x, p):
    return concatenate(*_branches(x, p)[:3], max_pool_same(_maybe(x, p, "pool")))


@wrong("inception_module", "the 5 x 5 branch begins with the output of three_reduce: it has five_reduce of its own")
def inception_with_one_reduction(x, p):
    one, three, _, pool = _branches(x, p)
    name = "three_reduce" if "five_reduce_W" in p else "no reduction"
    return concatenate(one, three, conv_relu(_maybe(x, p, name), p, "five"), pool)


@wrong("inception_module", "the 1 x 1 branch has no ReLU: one follows each convolution")
def inception_with_a_bare_branch(x, p):
    return concatenate(conv(x, p["one_W"], p["one_b"], {"stride": 1, "pad": 0}), *_branches(x, p)[1:])


@right("inception_module")
def inception_step_by_step(x, p):
    reduced_3 = conv_relu(x, p, "three_reduce") if "three_reduce_W" in p else x
    reduced_5 = conv_relu(x, p, "five_reduce") if "five_reduce_b" in p else x
    pooled = max_pool_same(x)
    if p.get("pool_W") is not None:
        pooled = conv_relu(pooled, p, "pool")
    left = concatenate(conv_relu(x, p, "one"), conv_relu(reduced_3, p, "three"))
    return concatenate(left, concatenate(conv_relu(reduced_5, p, "five"), pooled))


# ---- residual_block


def _inner(x, p, bn_params, stride, first=relu):
    out = first(conv_bn(x, p, "first", bn_params, stride))
    return conv_bn(out, p, "second", bn_params)


def _shortcut(x, p, bn_params, stride):
    return conv_bn(x, p, "shortcut", bn_params, stride) if "shortcut_W" in p else x


@wrong("residual_block", "a ReLU follows the second convolution: the sum comes first, then the ReLU")
def block_with_an_extra_relu(x, p, bn_params, stride=1):
    shortcut = conv_bn(x, p, "shortcut", bn_params, stride) if "shortcut_W" in p else x
    return relu(add(relu(_inner(x, p, bn_params, stride)), shortcut))


@wrong("residual_block", "a ReLU follows the shortcut: it is added as it is, and the ReLU follows the sum")
def block_with_relu_in_the_shortcut(x, p, bn_params, stride=1):
    shortcut = relu(conv_bn(x, p, "shortcut", bn_params, stride)) if "shortcut_W" in p else x
    return relu(add(_inner(x, p, bn_params, stride), shortcut))


@wrong("residual_block", "nothing is added: this is a plain block, without the shortcut")
def plain_block(x, p, bn_params, stride=1):
    return relu(_inner(x, p, bn_params, stride))


@wrong("residual_block", "the ReLU after the sum is missing")
def block_without_last_relu(x, p, bn_params, stride=1):
    return add(_inner(x, p, bn_params, stride), _shortcut(x, p, bn_params, stride))


@wrong("residual_block", "the last ReLU comes before the sum: x is added first, then ReLU is taken of both together")
def block_with_relu_before_the_sum(x, p, bn_params, stride=1):
    return add(relu(_inner(x, p, bn_params, stride)), _shortcut(x, p, bn_params, stride))


@wrong("residual_block", "the ReLU between the two convolutions is missing")
def block_without_first_relu(x, p, bn_params, stride=1):
    return relu(add(_inner(x, p, bn_params, stride, lambda out: out), _shortcut(x, p, bn_params, stride)))


@wrong("residual_block", "the shortcut goes through a ReLU before it is added")
def block_with_relu_on_the_shortcut(x, p, bn_params, stride=1):
    return relu(add(_inner(x, p, bn_params, stride), relu(_shortcut(x, p, bn_params, stride))))


@wrong("residual_block", "what is added is the output of the first convolution, not the block's input")
def block_that_adds_the_middle(x, p, bn_params, stride=1):
    middle = relu(conv_bn(x, p, "first", bn_params, stride))
    return relu(add(conv_bn(middle, p, "second", bn_params), middle))


@wrong("residual_block", "the input is added twice")
def block_that_adds_twice(x, p, bn_params, stride=1):
    shortcut = _shortcut(x, p, bn_params, stride)
    return relu(add(add(_inner(x, p, bn_params, stride), shortcut), shortcut))


@wrong("residual_block", "both convolutions use the filters called first")
def block_of_one_convolution(x, p, bn_params, stride=1):
    if "shortcut_W" in p:
        return relu(add(_inner(x, p, bn_params, stride), _shortcut(x, p, bn_params, stride)))
    out = conv_bn(relu(conv_bn(x, p, "first", bn_params, stride)), p, "first", bn_params)
    return relu(add(out, x))


@right("residual_block")
def block_with_shortcut_first(x, p, bn_params, stride=1):
    kept = x
    if "shortcut_gamma" in p:
        kept = conv_bn(x, p, "shortcut", bn_params, stride=stride)
    inside = conv_bn(x, p, "first", bn_params, stride=stride)
    return relu(add(kept, conv_bn(relu(inside), p, "second", bn_params)))
