"""Implementations of Segmentation's functions as learners write them."""

import numpy as np

from cs231n import fast_layers
from cs231n.layers import conv_backward_naive, conv_forward_naive
from zoo import right, slips, wrong

LAYERS = "cs231n.spatial_layers"

# ---- upsample_nearest_forward

slips(
    "upsample_nearest_forward",
    (
        "the whole map is repeated, as np.tile does: each entry must be repeated, right beside itself",
        "x.repeat(factor, axis=2).repeat(factor, axis=3)",
        "np.tile(x, (1, 1, factor, factor))",
    ),
    ("only the rows are repeated: the columns are missing", ".repeat(factor, axis=3)", ""),
    ("only the columns are repeated: the rows are missing", ".repeat(factor, axis=2)", ""),
    (
        "channels are repeated in place of rows: rows are axis 2, columns axis 3",
        "axis=2).repeat(factor, axis=3)",
        "axis=1).repeat(factor, axis=2)",
    ),
    ("the factor is always 2", "repeat(factor", "repeat(2"),
    (
        "the copies are divided by factor * factor: each is equal to the entry itself",
        "axis=3)",
        "axis=3) / factor**2",
    ),
    (
        "the copies of an entry lie `factor` rows and columns apart, one map after the other, in only one direction",
        "x.repeat(factor, axis=2).repeat(factor, axis=3)",
        "np.tile(x.repeat(factor, axis=2), (1, 1, 1, factor))",
    ),
)


@right("upsample_nearest_forward")
def nearest_by_kron(x, factor):
    return np.kron(x, np.ones((1, 1, factor, factor), x.dtype)), factor


@right("upsample_nearest_forward")
def nearest_by_slices(x, factor):
    N, C, H, W = x.shape
    out = np.empty((N, C, H * factor, W * factor), x.dtype)
    for i in range(factor):
        for j in range(factor):
            out[:, :, i::factor, j::factor] = x
    return out, factor


# ---- upsample_nearest_backward

slips(
    "upsample_nearest_backward",
    (
        "dx is the mean over each square: the entry was used several times, and its gradients add up",
        "sum(axis=-1)",
        "mean(axis=-1)",
    ),
    (
        "only the upper left gradient of each square is taken: all of them must be added up",
        ".sum(axis=-1)",
        "[..., 0]",
    ),
    ("the largest gradient of each square is taken: they must be added up", ".sum(axis=-1)", ".max(axis=-1)"),
    (
        "dx adds up entries that are no square: after a reshape to (N, C, H, factor, W, factor) sum over axes 3 and 5",
        "dx = _squares(dout, cache).sum(axis=-1)",
        "N, C, H, W = dout.shape\ndx = dout.reshape(N, C, H // cache, W // cache, cache, cache).sum(axis=(4, 5))",
    ),
)


@wrong(
    "upsample_nearest_backward",
    "entries are added up that lie H rows and W columns apart: those of a map repeated whole",
)
def nearest_back_of_tiles(dout, factor):
    N, C, H, W = dout.shape
    return dout.reshape(N, C, factor, H // factor, factor, W // factor).sum(axis=(2, 4))


@wrong("upsample_nearest_backward", "the axes of the sum belong to the rows and columns of x, not to the squares")
def nearest_back_along_other_axes(dout, factor):
    N, C, H, W = dout.shape
    total = dout.reshape(N, C, H // factor, factor, W // factor, factor).sum(axis=(2, 4), keepdims=True)
    return np.broadcast_to(total.sum(axis=(3, 5)), (N, C, H // factor, W // factor)).copy()


@wrong("upsample_nearest_backward", "the squares are 2 x 2 whatever the factor is: the rest of each is left out")
def nearest_back_of_two(dout, factor):
    return sum(dout[:, :, i::factor, j::factor] for i in range(2) for j in range(2))


@right("upsample_nearest_backward")
def nearest_back_by_slices(dout, factor):
    return sum(dout[:, :, i::factor, j::factor] for i in range(factor) for j in range(factor))


@right("upsample_nearest_backward")
def nearest_back_by_reshape(dout, factor):
    N, C, H, W = dout.shape
    return dout.reshape(N, C, H // factor, factor, W // factor, factor).sum(axis=5).sum(axis=3)


# ---- bed_of_nails

slips(
    "bed_of_nails",
    (
        "the nails are in the lower right corner of each square: they belong to the upper left one",
        "out[:, :, ::factor, ::factor]",
        "out[:, :, factor - 1 :: factor, factor - 1 :: factor]",
    ),
    ("x fills the upper left part of the maps: its entries must lie `factor` apart", "::factor, ::factor", ":H, :W"),
    (
        "the other entries are copies of x, as with nearest neighbours: they must be 0",
        "out[:, :, ::factor, ::factor] = x",
        "out[:] = x.repeat(factor, axis=2).repeat(factor, axis=3)",
    ),
    (
        "the nails are multiplied by factor * factor: they are the entries themselves",
        "::factor, ::factor] = x",
        "::factor, ::factor] = x * factor**2",
    ),
    ("the factor is always 2", "::factor, ::factor] = x", ": 2 * H : 2, : 2 * W : 2] = x"),
)
_NAILS_BACK = f"{LAYERS}:bed_of_nails_backward"


@wrong("bed_of_nails", "dx is the sum over each square: the zeros do not depend on x", target=_NAILS_BACK)
def nails_back_with_sums(dout, factor):
    return nearest_back_by_slices(dout, factor)


@wrong("bed_of_nails", "dx is read from the upper left part of the maps, not from the nails", target=_NAILS_BACK)
def nails_back_from_the_corner(dout, factor):
    return dout[:, :, : dout.shape[2] // factor, : dout.shape[3] // factor].copy()


@wrong("bed_of_nails", "dx is divided by factor * factor: the nails are the entries themselves", target=_NAILS_BACK)
def nails_back_divided(dout, factor):
    return dout[:, :, ::factor, ::factor] / factor**2


@right("bed_of_nails")
def nails_by_a_new_axis(x, factor):
    N, C, H, W = x.shape
    out = np.zeros((N, C, H, factor, W, factor), x.dtype)
    out[:, :, :, 0, :, 0] = x
    return out.reshape(N, C, H * factor, W * factor), factor


@right("bed_of_nails", target=_NAILS_BACK)
def nails_back_with_loops(dout, factor):
    N, C, H, W = dout.shape
    dx = np.empty((N, C, H // factor, W // factor), dout.dtype)
    for i in range(H // factor):
        for j in range(W // factor):
            dx[..., i, j] = dout[..., factor * i, factor * j]
    return dx


# ---- max_pool_with_positions

slips(
    "max_pool_with_positions",
    ("the smallest entry is taken", "squares.max(", "squares.min("),
    ("the mean is taken, not the maximum", "squares.max(", "squares.mean("),
    ("the positions are those of the smallest entries", "squares.argmax(", "squares.argmin("),
    ("positions are counted from 1: they begin at 0", "argmax(axis=-1)", "argmax(axis=-1) + 1"),
    (
        "positions are counted column by column: they go row by row",
        "positions = squares.argmax(axis=-1)",
        "positions = squares.argmax(axis=-1)\npositions = positions % factor * factor + positions // factor",
    ),
    (
        "positions are counted in the whole map: they are those in the square, from 0 to factor * factor - 1",
        "positions = squares.argmax(axis=-1)",
        "i, j = np.divmod(squares.argmax(axis=-1), factor)\n"
        "H, W = i.shape[2:]\n"
        "positions = (factor * np.arange(H)[:, np.newaxis] + i) * factor * W + factor * np.arange(W) + j",
    ),
    ("only the row of the maximum in its square is kept", "argmax(axis=-1)", "argmax(axis=-1) // factor"),
    ("only the column of the maximum in its square is kept", "argmax(axis=-1)", "argmax(axis=-1) % factor"),
    ("the maximum is taken of absolute values", "squares.max(", "abs(squares).max("),
    (
        "positions are counted column by column: they go row by row",
        "positions = squares.argmax(axis=-1)",
        "turned = squares.reshape(*squares.shape[:-1], factor, factor).swapaxes(-1, -2)\n"
        "positions = turned.reshape(squares.shape).argmax(axis=-1)",
    ),
)


@right("max_pool_with_positions")
def pool_with_loops(x, factor):
    N, C, H, W = x.shape
    out = np.empty((N, C, H // factor, W // factor), x.dtype)
    positions = np.empty(out.shape, int)
    for place in np.ndindex(out.shape):
        n, c, i, j = place
        square = x[n, c, i * factor : (i + 1) * factor, j * factor : (j + 1) * factor].ravel()
        positions[place] = np.argmax(square)
        out[place] = square[positions[place]]
    return out, positions, (positions, factor)


@wrong("max_pool_with_positions", "of equal entries the last one counts: it is the first one, as np.argmax finds it")
def pool_with_the_last_of_equals(x, factor):
    N, C, H, W = x.shape
    rows = x.reshape(N, C, H // factor, factor, W // factor, factor).transpose(0, 1, 2, 4, 3, 5)
    rows = rows.reshape(N, C, H // factor, W // factor, -1)
    positions = factor**2 - 1 - np.argmax(rows[..., ::-1], axis=-1)
    return rows.max(axis=-1), positions, (positions, factor)


# ---- max_unpool

slips(
    "max_unpool",
    (
        "the positions are not used: the entry goes to the upper left corner of its square",
        "positions[..., np.newaxis], x",
        "0 * positions[..., np.newaxis], x",
    ),
    (
        "positions are read column by column: they go row by row",
        "positions[..., np.newaxis], x",
        "(positions % factor * factor + positions // factor)[..., np.newaxis], x",
    ),
    (
        "every entry of the square gets the value: all but one are 0",
        "squares = np.zeros((*x.shape, factor**2), dtype=x.dtype)",
        "squares = np.repeat(x[..., np.newaxis], factor**2, axis=-1)",
    ),
    (
        "positions are counted from 1: they begin at 0",
        "positions[..., np.newaxis], x",
        "(positions[..., np.newaxis] - 1) % factor**2, x",
    ),
    (
        "the squares are not put back in their places: reshape alone mixes rows of the map",
        "_maps(squares)",
        "squares.reshape(*x.shape[:2], factor * x.shape[2], factor * x.shape[3])",
    ),
    (
        "the values are divided by factor * factor: only one entry of each square gets the value, and all of it",
        "x[..., np.newaxis], axis",
        "x[..., np.newaxis] / factor**2, axis",
    ),
    (
        "the squares begin at rows i and columns j: square (i, j) begins at factor * i and factor * j",
        "out = _maps(squares)",
        "out = np.zeros_like(_maps(squares))\n"
        "for n, c, i, j in np.ndindex(*x.shape):\n"
        "    row, column = divmod(positions[n, c, i, j], factor)\n"
        "    out[n, c, i + row, j + column] = x[n, c, i, j]",
    ),
)
_UNPOOL_BACK = f"{LAYERS}:max_unpool_backward"


def _rows(dout, factor):
    N, C, H, W = dout.shape
    rows = dout.reshape(N, C, H // factor, factor, W // factor, factor).transpose(0, 1, 2, 4, 3, 5)
    return rows.reshape(N, C, H // factor, W // factor, factor**2)


@wrong("max_unpool", "dx is the sum over each square: only the entry at the position depends on x", target=_UNPOOL_BACK)
def unpool_back_with_sums(dout, cache):
    return _rows(dout, cache[1]).sum(axis=-1)


@wrong("max_unpool", "dx is read from the upper left corner of each square, not at the position", target=_UNPOOL_BACK)
def unpool_back_from_the_corner(dout, cache):
    return dout[:, :, :: cache[1], :: cache[1]].copy()


@wrong("max_unpool", "dx is the largest gradient of each square, not the one at the position", target=_UNPOOL_BACK)
def unpool_back_at_the_largest(dout, cache):
    return _rows(dout, cache[1]).max(axis=-1)


@wrong("max_unpool", "dx is read at positions counted column by column: they go row by row", target=_UNPOOL_BACK)
def unpool_back_by_columns(dout, cache):
    positions, factor = cache
    swapped = positions % factor * factor + positions // factor
    return np.take_along_axis(_rows(dout, factor), swapped[..., np.newaxis], axis=-1)[..., 0]


@right("max_unpool")
def unpool_by_comparison(x, positions, factor):
    N, C, H, W = x.shape
    out = np.zeros((N, C, H * factor, W * factor), x.dtype)
    for k in range(factor**2):
        out[:, :, k // factor :: factor, k % factor :: factor] = x * (positions == k)
    return out, (positions, factor)


@right("max_unpool", target=_UNPOOL_BACK)
def unpool_back_by_comparison(dout, cache):
    positions, factor = cache
    parts = (dout[:, :, k // factor :: factor, k % factor :: factor] * (positions == k) for k in range(factor**2))
    return sum(parts)


# ---- conv_transpose_forward

slips(
    "conv_transpose_forward",
    ("b is not added", " + b[:, np.newaxis, np.newaxis]", ""),
    (
        "where copies overlap, one replaces the other: they must be added",
        "+= part",
        "= part",
    ),
    (
        "b is added with every copy: it belongs to out once",
        "+= part",
        "+= part + b[:, np.newaxis, np.newaxis]",
        " + b[:, np.newaxis, np.newaxis]\n    cache",
        "\ncache",
    ),
    (
        "the filters are turned by 180 degrees: their entry (i, j) belongs i rows below and j columns to the right",
        "w[:, :, i, j])",
        "w[:, :, HH - 1 - i, WW - 1 - j])",
    ),
    (
        "padding is cut off at the lower right only: `pad` rows and columns go at each side",
        "padded[:, :, pad : pad + H_out, pad : pad + W_out]",
        "padded[:, :, :H_out, :W_out]",
    ),
    (
        "the first channel alone is used: the input channels are summed",
        '"nchw,cf->nfhw", x, w[:, :, i, j]',
        '"nchw,cf->nfhw", x[:, :1], w[:1, :, i, j]',
    ),
    (
        "b is added with each entry of the filters: add it once, at the end",
        'part = np.einsum("nchw,cf->nfhw", x, w[:, :, i, j])',
        'part = np.einsum("nchw,cf->nfhw", x, w[:, :, i, j]) + b[:, np.newaxis, np.newaxis]',
    ),
)


def _stamped(x, w, stride, size):
    """The copies of all filters, added up in an array of `size` rows and columns."""
    N, _, H, W = x.shape
    out = np.zeros((N, w.shape[1], *size), np.result_type(x, w))
    for i in range(H):
        for j in range(W):
            copies = np.tensordot(x[:, :, i, j], w, axes=1)  # (N, F, HH, WW)
            rows, columns = i * stride, j * stride
            place = out[:, :, rows : rows + w.shape[2], columns : columns + w.shape[3]]
            place += copies[:, :, : place.shape[2], : place.shape[3]]
    return out


def _full_size(x, w, conv_param):
    more = conv_param.get("output_pad", 0)
    return [(n - 1) * conv_param["stride"] + f + more for n, f in zip(x.shape[2:], w.shape[2:], strict=True)]


def _cut(full, pad):
    return full[:, :, pad : full.shape[2] - pad, pad : full.shape[3] - pad]


def _spread(x, w, b, conv_param, pad=None):
    full = _stamped(x, w, conv_param["stride"], _full_size(x, w, conv_param))
    out = _cut(full, conv_param["pad"] if pad is None else pad) + b[:, np.newaxis, np.newaxis]
    return out, (x, w, b, conv_param)


@wrong("conv_transpose_forward", "the padding is not cut off: out is smaller by pad rows and columns at each side")
def transposed_without_cutting(x, w, b, conv_param):
    return _spread(x, w, b, conv_param, pad=0)


@wrong("conv_transpose_forward", "output_pad is ignored")
def transposed_without_output_pad(x, w, b, conv_param):
    out, _ = _spread(x, w, b, {"stride": conv_param["stride"], "pad": conv_param["pad"]})
    return out, (x, w, b, conv_param)


@wrong("conv_transpose_forward", "output_pad is put above and on the left: it is below and to the right")
def transposed_with_output_pad_above(x, w, b, conv_param):
    out, cache = _spread(x, w, 0 * b, conv_param)
    return np.roll(out, conv_param.get("output_pad", 0), axis=(2, 3)) + b[:, np.newaxis, np.newaxis], cache


@wrong("conv_transpose_forward", "out is padded with zeros: a transposed convolution cuts `pad` rows and columns off")
def transposed_with_padding_added(x, w, b, conv_param):
    full, cache = _spread(x, w, b, conv_param, pad=0)
    pad = conv_param["pad"]
    return np.pad(full, ((0, 0), (0, 0), (pad, pad), (pad, pad))), cache


@wrong("conv_transpose_forward", "the stride is ignored: the copies lie one entry apart")
def transposed_without_stride(x, w, b, conv_param):
    full = _stamped(x, w, 1, _full_size(x, w, conv_param))
    return _cut(full, conv_param["pad"]) + b[:, np.newaxis, np.newaxis], (x, w, b, conv_param)


@wrong("conv_transpose_forward", "rows and columns of the filters have changed places")
def transposed_with_turned_filters(x, w, b, conv_param):
    stride, pad = conv_param["stride"], conv_param["pad"]
    full = _stamped(x, w.transpose(0, 1, 3, 2), stride, [n + 3 for n in _full_size(x, w, conv_param)])
    rows, columns = _full_size(x, w, conv_param)
    out = full[:, :, pad : rows - pad, pad : columns - pad] + b[:, np.newaxis, np.newaxis]
    return out, (x, w, b, conv_param)


@right("conv_transpose_forward")
def transposed_copy_by_copy(x, w, b, conv_param):
    return _spread(x, w, b, conv_param)


@right("conv_transpose_forward")
def transposed_as_a_gradient(x, w, b, conv_param):
    stride, pad = conv_param["stride"], conv_param["pad"]
    N, F = x.shape[0], w.shape[1]
    size = [n - 2 * pad for n in _full_size(x, w, conv_param)]
    param = {"stride": stride, "pad": pad}
    _, cache = conv_forward_naive(np.zeros((N, F, *size), x.dtype), w, np.zeros(len(w), x.dtype), param)
    dx, _, _ = conv_backward_naive(x, cache)
    return dx + b[:, np.newaxis, np.newaxis], (x, w, b, conv_param)


@right("conv_transpose_forward")
def transposed_fast(x, w, b, conv_param):
    return fast_layers.conv_transpose_forward_fast(x, w, b, conv_param)[0], (x, w, b, conv_param)


# ---- conv_transpose_backward

slips(
    "conv_transpose_backward",
    ("dx keeps the part of the last entry of the filters: add the parts up", "dx += np.einsum", "dx = np.einsum"),
    (
        "the filters are turned by 180 degrees on the way to dx: take the entry that the forward pass used there",
        "part, w[:, :, i, j])",
        "part, w[:, :, w.shape[2] - 1 - i, w.shape[3] - 1 - j])",
    ),
    ("db is summed over the images alone, at one place", "dout.sum(axis=(0, 2, 3))", "dout.sum(axis=0)[:, 0, 0]"),
    ("db is the mean: b was added everywhere, so its gradients add up", "dout.sum(", "dout.mean("),
    (
        "dout gets no border of zeros back: entry (i, j) of the filters is looked up pad rows and columns too far",
        "((0, 0), (0, 0), (pad, pad), (pad, pad))",
        "((0, 0), (0, 0), (0, 2 * pad), (0, 2 * pad))",
    ),
    (
        "dw is divided by the number of images: the same filters serve for all, so their gradients add up",
        'np.einsum("nfhw,nchw->cf", part, x)',
        'np.einsum("nfhw,nchw->cf", part, x) / len(x)',
    ),
    (
        "dw is computed from the first image alone: the gradients of all images add up",
        'np.einsum("nfhw,nchw->cf", part, x)',
        'np.einsum("nfhw,nchw->cf", part[:1], x[:1])',
    ),
    ("dx is the same for each filter channel: w is missing", "w[:, :, i, j])", "np.ones_like(w[:, :, i, j]))"),
    (
        "dw is written at the turned place: the entry (i, j) belongs to (i, j)",
        "dw[:, :, i, j] =",
        "dw[:, :, -1 - i, -1 - j] =",
    ),
)


@right("conv_transpose_backward")
def transposed_back_by_convolution(dout, cache):
    x, w, b, conv_param = cache
    param = {"stride": conv_param["stride"], "pad": conv_param["pad"]}
    dx, conv_cache = conv_forward_naive(dout, w, np.zeros(len(w), x.dtype), param)
    _, dw, _ = conv_backward_naive(x, conv_cache)
    return dx, dw, dout.sum(axis=(0, 2, 3))


@right("conv_transpose_backward")
def transposed_back_place_by_place(dout, cache):
    x, w, b, conv_param = cache
    stride, pad = conv_param["stride"], conv_param["pad"]
    padded = np.pad(dout, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for i in range(x.shape[2]):
        for j in range(x.shape[3]):
            rows, columns = i * stride, j * stride
            window = padded[:, :, rows : rows + w.shape[2], columns : columns + w.shape[3]]
            dx[:, :, i, j] = np.tensordot(window, w, axes=([1, 2, 3], [1, 2, 3]))
            dw += np.tensordot(x[:, :, i, j], window, axes=(0, 0))
    return dx, dw, np.einsum("nfhw->f", dout)


# ---- spatial_softmax_loss

slips(
    "spatial_softmax_loss",
    (
        "the weights are summed over pixels without being divided by their sum: the loss is an average over all pixels",
        "weights = (weights / weights.sum())",
        "weights = weights",
    ),
    (
        "divided by the number of images: the average runs over all pixels",
        "weights / weights.sum()",
        "weights / weights.sum() * y[0].size",
    ),
    (
        "divided by the number of pixels: with weights, the average is divided by their sum",
        "weights / weights.sum()",
        "weights / weights.size",
    ),
    ("class_weights are ignored", "if class_weights is None else", "if True else"),
    (
        "the softmax runs over the columns of the map: the classes lie along axis 1",
        "np.exp(shifted).sum(axis=1, keepdims=True)",
        "np.exp(shifted).sum(axis=3, keepdims=True)",
    ),
    ("the minus sign of the loss is missing", "loss = -np.sum(", "loss = np.sum("),
    (
        "1 is not taken off at the right class: the gradient is p - 1 there",
        "dx = (np.exp(log_probs) - is_right) * weights",
        "dx = np.exp(log_probs) * weights",
    ),
    ("dx has the wrong sign", "(np.exp(log_probs) - is_right)", "(is_right - np.exp(log_probs))"),
    (
        "dx is not weighted: each pixel's gradient has its weight, divided by the sum of all",
        "- is_right) * weights",
        "- is_right)",
    ),
    (
        "dx has the weights of the scores' own classes: a pixel's weight is that of its right class, for all scores",
        "- is_right) * weights",
        "- is_right) * (weights if class_weights is None else "
        "np.reshape(class_weights, (1, -1, 1, 1)) / np.sum(class_weights[y]))",
    ),
    (
        "the probability of the right class is summed, without a logarithm",
        "-np.sum(weights * log_probs",
        "-np.sum(weights * np.exp(log_probs)",
    ),
    (
        "divided by the number of images: the average is that of all pixels",
        "weights / weights.sum()",
        "weights / len(x)",
    ),
    (
        "the softmax runs along the rows of the maps: the classes are on axis 1",
        "axis=1, keepdims=True",
        "axis=3, keepdims=True",
    ),
    (
        "the gradient ignores the weights of the classes, though the loss has them",
        "(np.exp(log_probs) - is_right) * weights",
        "(np.exp(log_probs) - is_right) / y.size",
    ),
)


@wrong("spatial_softmax_loss", "scores that are not shifted overflow: subtract the maximum of each pixel first")
def loss_without_shift(x, y, class_weights=None):
    exp = np.exp(x)
    p = exp / exp.sum(axis=1, keepdims=True)
    is_right = y[:, np.newaxis] == np.arange(x.shape[1]).reshape(-1, 1, 1)
    weights = np.ones(y.shape) if class_weights is None else class_weights[y]
    weights = (weights / weights.sum())[:, np.newaxis].astype(x.dtype)
    return -np.sum(weights * np.log(p) * is_right), (p - is_right) * weights


@wrong("spatial_softmax_loss", "the scores are reshaped to rows without moving the classes to the end: rows mix pixels")
def loss_of_mixed_rows(x, y, class_weights=None):
    loss, drows = _loss_of_rows(x.reshape(-1, x.shape[1]), y.ravel(), class_weights)
    return loss, drows.reshape(x.shape)


def _loss_of_rows(rows, y, class_weights):
    shifted = rows - rows.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    weights = np.ones(len(y), rows.dtype) if class_weights is None else class_weights[y].astype(rows.dtype)
    weights = weights / np.sum(weights)
    drows = np.exp(log_p)
    drows[np.arange(len(y)), y] -= 1
    return -np.sum(weights * log_p[np.arange(len(y)), y]), drows * weights[:, np.newaxis]


@right("spatial_softmax_loss")
def loss_of_rows(x, y, class_weights=None):
    N, C, H, W = x.shape
    loss, drows = _loss_of_rows(x.transpose(0, 2, 3, 1).reshape(-1, C), y.ravel(), class_weights)
    return loss, drows.reshape(N, H, W, C).transpose(0, 3, 1, 2)


@right("spatial_softmax_loss")
def loss_by_take_along_axis(x, y, class_weights=None):
    weights = np.ones(len(x[0]), x.dtype) if class_weights is None else class_weights
    weights = weights[y] / weights[y].sum()
    top = x.max(axis=1, keepdims=True)
    log_p = x - top - np.log(np.sum(np.exp(x - top), axis=1, keepdims=True))
    loss = -(np.take_along_axis(log_p, y[:, None], axis=1)[:, 0] * weights).sum()
    dx = np.exp(log_p)
    np.put_along_axis(dx, y[:, None], np.take_along_axis(dx, y[:, None], axis=1) - 1, axis=1)
    return loss, dx * weights[:, None]


# ---- mean_iou

slips(
    "mean_iou",
    (
        "the union counts the intersection twice: take it off once",
        " - intersection",
        "",
    ),
    (
        "divided by the pixels that are truly of the class: this is recall, and false alarms do not count",
        "confusion.sum(axis=0) + confusion.sum(axis=1) - intersection",
        "confusion.sum(axis=1)",
    ),
    (
        "divided by the pixels that are predicted to be of the class: this is precision",
        "confusion.sum(axis=0) + confusion.sum(axis=1) - intersection",
        "confusion.sum(axis=0)",
    ),
    (
        "twice the intersection over the sum of both sizes: this is the Dice coefficient",
        "intersection = np.diag(confusion)\n    union = confusion.sum(axis=0) + confusion.sum(axis=1) - intersection",
        "intersection = 2 * np.diag(confusion)\nunion = confusion.sum(axis=0) + confusion.sum(axis=1)",
    ),
    (
        "the mean counts a class that does not occur as 0: leave it out",
        "np.nanmean(iou)",
        "np.nan_to_num(iou).mean()",
    ),
    (
        "a class that does not occur gets 0: it is nan",
        "np.full(num_classes, np.nan)",
        "np.zeros(num_classes)",
        "np.nanmean(iou)",
        "iou[union > 0].mean()",
    ),
    (
        "the mean is weighted by the size of the classes: each class counts once",
        "np.nanmean(iou)",
        "np.nansum(iou * confusion.sum(axis=1)) / y.size",
    ),
    (
        "the mean is the share of all pixels that are right: the background decides it",
        "np.nanmean(iou)",
        "intersection.sum() / y.size",
    ),
    (
        "the background is left out of the mean: it is a class like the others",
        "np.nanmean(iou)",
        "np.nanmean(iou[1:])",
    ),
    (
        "only classes that occur in y count in the mean: one that is predicted but never right counts with 0",
        "np.nanmean(iou)",
        "np.nanmean(iou[confusion.sum(axis=1) > 0])",
    ),
    (
        "the intersections and unions of all classes are added up before they are divided: each class "
        "has a value of its own, and they are averaged",
        "float(np.nanmean(iou))",
        "float(intersection.sum() / union.sum())",
    ),
)


@right("mean_iou")
def iou_class_by_class(y_pred, y, num_classes):
    iou = np.full(num_classes, np.nan)
    for k in range(num_classes):
        union = np.sum((y_pred == k) | (y == k))
        if union > 0:
            iou[k] = np.sum((y_pred == k) & (y == k)) / union
    return np.nanmean(iou), iou


@right("mean_iou")
def iou_with_an_indexed_table(y_pred, y, num_classes):
    table = np.zeros((num_classes, num_classes))
    np.add.at(table, (y.ravel(), y_pred.ravel()), 1)
    right_ones, union = table.diagonal(), table.sum(0) + table.sum(1) - table.diagonal()
    iou = [r / u if u else float("nan") for r, u in zip(right_ones, union, strict=True)]
    return float(np.nanmean(iou)), np.array(iou)
