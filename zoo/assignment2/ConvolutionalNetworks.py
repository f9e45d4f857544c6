"""The functions of ConvolutionalNetworks as learners write them."""

import numpy as np

from cs231n.classifiers.cnn import ThreeLayerConvNet
from zoo import right, slips, wrong

# ---- conv_forward_naive


def _pad(x, pad, **options):
    return np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)), **options)


def _positions(x, w, stride, pad):
    return tuple(1 + (x.shape[axis] + 2 * pad - w.shape[axis]) // stride for axis in (2, 3))


def _convolve(padded, w, stride, positions):
    """Products of windows and filters at `positions`, without a bias."""
    out = np.zeros((len(padded), len(w), *positions))
    for i, j in np.ndindex(*positions):
        window = padded[:, :, i * stride : i * stride + w.shape[2], j * stride : j * stride + w.shape[3]]
        out[:, :, i, j] = np.tensordot(window, w, axes=((1, 2, 3), (1, 2, 3)))
    return out


def _conv(x, w, b, conv_param):
    stride, pad = conv_param["stride"], conv_param["pad"]
    return _convolve(_pad(x, pad), w, stride, _positions(x, w, stride, pad)) + b[:, np.newaxis, np.newaxis]


@wrong("conv_forward_naive", "the bias is missing: each filter f adds its b[f]")
def conv_without_bias(x, w, b, conv_param):
    return _conv(x, w, 0 * b, conv_param), (x, w, b, conv_param)


@wrong("conv_forward_naive", "out is the largest product in each window: a convolution is the sum of the products")
def conv_largest_product(x, w, b, conv_param):
    stride, pad = conv_param["stride"], conv_param["pad"]
    padded, out = _pad(x, pad), np.zeros((len(x), len(w), *_positions(x, w, stride, pad)))
    for n, f, i, j in np.ndindex(*out.shape):
        window = padded[n, :, i * stride : i * stride + w.shape[2], j * stride : j * stride + w.shape[3]]
        out[n, f, i, j] = np.max(window * w[f]) + b[f]
    return out, (x, w, b, conv_param)


@wrong("conv_forward_naive", "all filters are added up: feature map f comes from filter w[f] alone")
def conv_all_filters(x, w, b, conv_param):
    everything = np.broadcast_to(w.sum(axis=0), w.shape)
    return _conv(x, everything, b, conv_param), (x, w, b, conv_param)


@wrong("conv_forward_naive", "the first bias is added to all feature maps: add b[f] to feature map f")
def conv_first_bias_only(x, w, b, conv_param):
    return _conv(x, w, np.full(len(b), b[0]), conv_param), (x, w, b, conv_param)


@wrong(
    "conv_forward_naive", "the bias is added once for each channel: add b[f] only once, after the sum over the channels"
)
def conv_bias_for_each_channel(x, w, b, conv_param):
    return _conv(x, w, b * x.shape[1], conv_param), (x, w, b, conv_param)


@wrong("conv_forward_naive", "the stride is ignored: the window starts at i * stride and j * stride, not at i and j")
def conv_ignores_stride(x, w, b, conv_param):
    stride, pad = conv_param["stride"], conv_param["pad"]
    out = _convolve(_pad(x, pad), w, 1, _positions(x, w, stride, pad))
    return out + b[:, np.newaxis, np.newaxis], (x, w, b, conv_param)


@wrong("conv_forward_naive", "the padding is missing: surround each channel with pad zeros first")
def conv_ignores_pad(x, w, b, conv_param):
    return _conv(x, w, b, {**conv_param, "pad": 0}), (x, w, b, conv_param)


@wrong("conv_forward_naive", "only one side is padded: put pad zeros on all four sides")
def conv_pads_one_side(x, w, b, conv_param):
    stride, pad = conv_param["stride"], conv_param["pad"]
    padded = np.pad(x, ((0, 0), (0, 0), (2 * pad, 0), (2 * pad, 0)))
    out = _convolve(padded, w, stride, _positions(x, w, stride, pad))
    return out + b[:, np.newaxis, np.newaxis], (x, w, b, conv_param)


@wrong("conv_forward_naive", "the border repeats the values at the edge: pad with zeros (mode 'constant' of np.pad)")
def conv_pads_with_edge(x, w, b, conv_param):
    stride, pad = conv_param["stride"], conv_param["pad"]
    out = _convolve(_pad(x, pad, mode="edge"), w, stride, _positions(x, w, stride, pad))
    return out + b[:, np.newaxis, np.newaxis], (x, w, b, conv_param)


@wrong("conv_forward_naive", "the border is filled with ones: pad with zeros")
def conv_pads_with_ones(x, w, b, conv_param):
    stride, pad = conv_param["stride"], conv_param["pad"]
    out = _convolve(_pad(x, pad, constant_values=1), w, stride, _positions(x, w, stride, pad))
    return out + b[:, np.newaxis, np.newaxis], (x, w, b, conv_param)


@wrong(
    "conv_forward_naive",
    "all four axes are padded: only height and width are, np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))",
)
def conv_pads_all_axes(x, w, b, conv_param):
    stride, pad = conv_param["stride"], conv_param["pad"]
    padded = np.pad(x, pad)[: len(x), : x.shape[1]]
    out = _convolve(padded, w, stride, _positions(x, w, stride, pad))
    return out + b[:, np.newaxis, np.newaxis], (x, w, b, conv_param)


@wrong(
    "conv_forward_naive",
    "the filter is rotated by 180 degrees: multiply the window by the filter as it is",
)
def conv_flips_filters(x, w, b, conv_param):
    return _conv(x, w[:, :, ::-1, ::-1], b, conv_param), (x, w, b, conv_param)


@wrong("conv_forward_naive", "height and width of the filter are swapped: w[f] has shape (C, HH, WW)")
def conv_transposed_filters(x, w, b, conv_param):
    return _conv(x, w.transpose(0, 1, 3, 2), b, conv_param), (x, w, b, conv_param)


@wrong("conv_forward_naive", "only the first channel is used: the sum runs over all C channels")
def conv_first_channel_only(x, w, b, conv_param):
    return _conv(x[:, :1], w[:, :1], b, conv_param), (x, w, b, conv_param)


@wrong("conv_forward_naive", "out contains the contribution of the last channel only: sum over the channels with +=")
def conv_last_channel_only(x, w, b, conv_param):
    return _conv(x[:, -1:], w[:, -1:], b, conv_param), (x, w, b, conv_param)


@wrong("conv_forward_naive", "out is the mean of the products; it should be their sum")
def conv_mean_of_products(x, w, b, conv_param):
    return _conv(x, w / w[0].size, b, conv_param), (x, w, b, conv_param)


@wrong("conv_forward_naive", "the first filter is used for all feature maps: use w[f] for feature map f")
def conv_first_filter_only(x, w, b, conv_param):
    return _conv(x, np.repeat(w[:1], len(w), axis=0), b, conv_param), (x, w, b, conv_param)


@wrong("conv_forward_naive", "only the last image is in out: create out once, before the loop over the images")
def conv_last_image_only(x, w, b, conv_param):
    out = _conv(x, w, b, conv_param)
    out[:-1] = 0
    return out, (x, w, b, conv_param)


@wrong(
    "conv_forward_naive",
    "the last row and column of out are not computed: range(H_out) already ends at H_out - 1",
)
def conv_without_last_positions(x, w, b, conv_param):
    out = _conv(x, w, b, conv_param)
    out[:, :, -1], out[:, :, :, -1] = 0, 0
    return out, (x, w, b, conv_param)


@wrong("conv_forward_naive", "out is too small: the 1 is missing in 1 + (H + 2 * pad - HH) // stride")
def conv_too_small(x, w, b, conv_param):
    return _conv(x, w, b, conv_param)[:, :, :-1, :-1], (x, w, b, conv_param)


@wrong("conv_forward_naive", "out is too small: the padding is on both sides, so the height is H + 2 * pad")
def conv_counts_pad_once(x, w, b, conv_param):
    stride, pad = conv_param["stride"], conv_param["pad"]
    positions = tuple(1 + (x.shape[axis] + pad - w.shape[axis]) // stride for axis in (2, 3))
    return _convolve(_pad(x, pad), w, stride, positions) + b[:, np.newaxis, np.newaxis], (x, w, b, conv_param)


@wrong(
    "conv_forward_naive",
    "the height of the filter is used as its width too: the window is HH x WW, and W_out depends on WW",
)
def conv_square_filters(x, w, b, conv_param):
    stride, pad = conv_param["stride"], conv_param["pad"]
    H_out, W_out = (1 + (x.shape[axis] + 2 * pad - w.shape[2]) // stride for axis in (2, 3))
    padded, HH = _pad(x, pad), w.shape[2]
    out = np.zeros((len(x), len(w), H_out, W_out))
    for n, f, i, j in np.ndindex(out.shape):
        window = padded[n, :, i * stride : i * stride + HH, j * stride : j * stride + HH]
        out[n, f, i, j] = np.sum(window * w[f]) + b[f]
    return out, (x, w, b, conv_param)


@right("conv_forward_naive", edge="convert to floating point first")
def conv_in_type_of_x(x, w, b, conv_param):
    return _conv(x, w, b, conv_param).astype(x.dtype), (x, w, b, conv_param)


@wrong("conv_forward_naive", "negative outputs are set to 0, as by ReLU: a convolution keeps them")
def conv_with_relu(x, w, b, conv_param):
    return np.maximum(0, _conv(x, w, b, conv_param)), (x, w, b, conv_param)


@wrong("conv_forward_naive", "stride 1 and pad 1 are hard-coded: take them from conv_param", rule="expected shape")
def conv_typed_in_param(x, w, b, conv_param):
    return _conv(x, w, b, {"stride": 1, "pad": 1}), (x, w, b, conv_param)


@wrong("conv_forward_naive", "x is modified in place: the padded array must be a new array", rule="modified in place")
def conv_changes_x(x, w, b, conv_param):
    out = _conv(x, w, b, conv_param)
    x -= x.astype(x.dtype) // 2
    return out, (x, w, b, conv_param)


@wrong("conv_forward_naive", "the windows are taken from x itself: take them from the padded array")
def conv_windows_of_x(x, w, b, conv_param):
    stride, pad = conv_param["stride"], conv_param["pad"]
    out = np.zeros((len(x), len(w), *_positions(x, w, stride, pad)))
    for n, f, i, j in np.ndindex(*out.shape):
        window = x[n, :, i * stride : i * stride + w.shape[2], j * stride : j * stride + w.shape[3]]
        out[n, f, i, j] = np.sum(window * w[f]) + b[f]
    return out, (x, w, b, conv_param)


@wrong("conv_forward_naive", "the bias is added to every product: add b[f] only once, after the sum")
def conv_bias_in_the_sum(x, w, b, conv_param):
    return _conv(x, w, b * w[0].size, conv_param), (x, w, b, conv_param)


@wrong("conv_forward_naive", "b is added along the width of out: b[f] belongs to feature map f, b[:, None, None]")
def conv_bias_along_the_width(x, w, b, conv_param):
    return _conv(x, w, 0 * b, conv_param) + b, (x, w, b, conv_param)


@right("conv_forward_naive")
def conv_with_seven_loops(x, w, b, conv_param):
    stride, pad = conv_param["stride"], conv_param["pad"]
    padded = _pad(x, pad)
    out = np.zeros((len(x), len(w), *_positions(x, w, stride, pad)))
    for n, f, i, j in np.ndindex(out.shape):
        for c, p, q in np.ndindex(w.shape[1:]):
            out[n, f, i, j] += padded[n, c, i * stride + p, j * stride + q] * w[f, c, p, q]
        out[n, f, i, j] += b[f]
    return out, (x, w, b, conv_param)


@right("conv_forward_naive")
def conv_with_tensordot(x, w, b, conv_param):
    return _conv(x, w, b, conv_param), (x, w, b, conv_param)


@right("conv_forward_naive")
def conv_with_ranges(x, w, b, conv_param):
    stride, pad = conv_param["stride"], conv_param["pad"]
    N, C, H, W = x.shape
    F, _, HH, WW = w.shape
    padded = np.zeros((N, C, H + 2 * pad, W + 2 * pad), dtype=x.dtype)
    padded[:, :, pad : pad + H, pad : pad + W] = x
    rows = range(0, H + 2 * pad - HH + 1, stride)
    columns = range(0, W + 2 * pad - WW + 1, stride)
    out = [
        [
            [[np.vdot(padded[n, :, r : r + HH, s : s + WW], w[f]) + b[f] for s in columns] for r in rows]
            for f in range(F)
        ]
        for n in range(N)
    ]
    return np.array(out), (x, w, b, conv_param)


@right("conv_forward_naive")
def conv_with_rows_of_windows(x, w, b, conv_param):
    stride, pad = conv_param["stride"], conv_param["pad"]
    padded = np.pad(x, [(0, 0)] * 2 + [(pad, pad)] * 2, mode="constant")
    H_out, W_out = _positions(x, w, stride, pad)
    out = np.empty((len(x), len(w), H_out, W_out))
    for i in range(H_out):
        for j in range(W_out):
            window = padded[:, :, i * stride :, j * stride :][:, :, : w.shape[2], : w.shape[3]]
            out[:, :, i, j] = np.einsum("ncpq,fcpq->nf", window, w) + b
    return out, (x, w, b, conv_param)


@right("conv_forward_naive", edge="the formula for the output size rounds down")
def conv_that_must_fit(x, w, b, conv_param):
    for axis in (2, 3):
        if (x.shape[axis] + 2 * conv_param["pad"] - w.shape[axis]) % conv_param["stride"]:
            raise ValueError("the filters do not fit")
    return _conv(x, w, b, conv_param), (x, w, b, conv_param)


# ---- conv_backward_naive


def _conv_backward(dout, cache, filters=None):
    x, w, _, conv_param = cache
    stride, pad = conv_param["stride"], conv_param["pad"]
    filters = w if filters is None else filters
    padded = _pad(x, pad)
    dpadded, dw = np.zeros(padded.shape), np.zeros(w.shape)
    for i, j in np.ndindex(*dout.shape[2:]):
        window = (..., slice(i * stride, i * stride + w.shape[2]), slice(j * stride, j * stride + w.shape[3]))
        dpadded[window] += np.tensordot(dout[:, :, i, j], filters, axes=1)  # (N, F) @ (F, C, HH, WW)
        dw += np.tensordot(dout[:, :, i, j].T, padded[window], axes=1)  # (F, N) @ (N, C, HH, WW)
    return _cut(dpadded, pad), dw, dout.sum(axis=(0, 2, 3))


def _cut(padded, pad):
    return padded[:, :, pad : padded.shape[2] - pad, pad : padded.shape[3] - pad]


@wrong(
    "conv_backward_naive", "dx still includes the padding: cut it off, dx = dpadded[:, :, pad : pad + H, pad : pad + W]"
)
def conv_backward_keeps_border(dout, cache):
    _, dw, db = _conv_backward(dout, cache)
    x, w, b, conv_param = cache
    bare = _pad(x, conv_param["pad"]), w, b, {**conv_param, "pad": 0}
    return _conv_backward(dout, bare)[0], dw, db


@wrong(
    "conv_backward_naive",
    "the padding is cut off at the end alone: dx starts at pad, dpadded[:, :, pad : pad + H, ...]",
)
def conv_backward_cut_at_the_end(dout, cache):
    _, dw, db = _conv_backward(dout, cache)
    x, w, b, conv_param = cache
    bare = _pad(x, conv_param["pad"]), w, b, {**conv_param, "pad": 0}
    return _conv_backward(dout, bare)[0][:, :, : x.shape[2], : x.shape[3]], dw, db


@wrong("conv_backward_naive", "db[f] = ... overwrites what earlier images and positions added: use +=")
def conv_backward_overwrites_db(dout, cache):
    dx, dw, _ = _conv_backward(dout, cache)
    return dx, dw, dout[-1, :, -1, -1].copy()


@wrong(
    "conv_backward_naive",
    "the slice pad:-pad is empty for pad = 0: use pad : pad + H and pad : pad + W",
)
def conv_backward_empty_without_pad(dout, cache):
    dx, dw, db = _conv_backward(dout, cache)
    return (dx if cache[3]["pad"] else dx[:, :, 0:0, 0:0]), dw, db


@wrong("conv_backward_naive", "dx is assigned with =: windows overlap, so add each contribution with +=")
def conv_backward_overwrites_dx(dout, cache):
    x, w, _, conv_param = cache
    stride, pad = conv_param["stride"], conv_param["pad"]
    _, dw, db = _conv_backward(dout, cache)
    dpadded = np.zeros(_pad(x, pad).shape)
    for i, j in np.ndindex(*dout.shape[2:]):
        window = (..., slice(i * stride, i * stride + w.shape[2]), slice(j * stride, j * stride + w.shape[3]))
        dpadded[window] = np.tensordot(dout[:, :, i, j], w, axes=1)
    return _cut(dpadded, pad), dw, db


@wrong("conv_backward_naive", "dx has the contribution of the last filter only: sum over the filters with +=")
def conv_backward_last_filter_only(dout, cache):
    last = np.zeros_like(cache[1])
    last[-1] = cache[1][-1]
    return _conv_backward(dout, cache, last)


@wrong("conv_backward_naive", "dw has the contribution of the last image only: sum over the images with +=")
def conv_backward_last_image_only(dout, cache):
    x, w, b, conv_param = cache
    dx, _, db = _conv_backward(dout, cache)
    return dx, _conv_backward(dout[-1:], (x[-1:], w, b, conv_param))[1], db


@wrong(
    "conv_backward_naive",
    "dw has the contribution of the last position only: a filter is used at every position, so sum with +=",
)
def conv_backward_last_place_only(dout, cache):
    dx, _, db = _conv_backward(dout, cache)
    last = np.zeros_like(dout)
    last[:, :, -1, -1] = dout[:, :, -1, -1]
    return dx, _conv_backward(last, cache)[1], db


@wrong(
    "conv_backward_naive",
    "dw has an extra factor 1/N: the 1/N of the loss is already part of dout",
    rule="a mean instead of a sum",
)
def conv_backward_mean(dout, cache):
    dx, dw, db = _conv_backward(dout, cache)
    return dx, dw / len(dout), db


@wrong("conv_backward_naive", "all gradients have an extra factor 1/N: the 1/N of the loss is already part of dout")
def conv_backward_mean_of_all(dout, cache):
    return tuple(gradient / len(dout) for gradient in _conv_backward(dout, cache))


@wrong(
    "conv_backward_naive",
    "db is summed over the images only: b[f] is added at every position, so sum over axes 0, 2 and 3",
    rule="a sum over them missing",
)
def conv_backward_bias_not_over_positions(dout, cache):
    dx, dw, _ = _conv_backward(dout, cache)
    return dx, dw, dout.sum(axis=0)


@wrong("conv_backward_naive", "db is a mean over images and positions; it should be a sum")
def conv_backward_bias_mean(dout, cache):
    dx, dw, _ = _conv_backward(dout, cache)
    return dx, dw, dout.mean(axis=(0, 2, 3))


@wrong(
    "conv_backward_naive",
    "db is summed over the wrong axes: sum over images and positions (axes 0, 2 and 3), one value per filter",
)
def conv_backward_bias_wrong_axes(dout, cache):
    dx, dw, _ = _conv_backward(dout, cache)
    return dx, dw, dout.sum(axis=(1, 2, 3))


@wrong(
    "conv_backward_naive",
    "db keeps axes of length 1: its shape should be (F,), so sum without keepdims",
    rule="keepdims",
)
def conv_backward_bias_keepdims(dout, cache):
    dx, dw, _ = _conv_backward(dout, cache)
    return dx, dw, dout.sum(axis=(0, 2, 3), keepdims=True)


@wrong(
    "conv_backward_naive", "the filter is rotated by 180 degrees in dx: add dout[n, f, i, j] * w[f], with w[f] as it is"
)
def conv_backward_flips_filters(dout, cache):
    return _conv_backward(dout, cache, cache[1][:, :, ::-1, ::-1])


@wrong("conv_backward_naive", "dw is computed from x without padding: the filters saw the padded x")
def conv_backward_without_pad(dout, cache):
    x, w, _, conv_param = cache
    dx, dw, db = _conv_backward(dout, cache)
    stride, pad = conv_param["stride"], conv_param["pad"]
    moved = np.pad(x, ((0, 0), (0, 0), (0, 2 * pad), (0, 2 * pad)))
    return dx, _conv_backward(dout, (moved, w, None, {"stride": stride, "pad": 0}))[1], db


@wrong("conv_backward_naive", "the stride is ignored: the windows start at i * stride and j * stride")
def conv_backward_ignores_stride(dout, cache):
    x, w, b, conv_param = cache
    return _conv_backward(dout, (x, w, b, {**conv_param, "stride": 1}))


@wrong("conv_backward_naive", "dout is missing: multiply each contribution by dout[n, f, i, j]")
def conv_backward_ignores_dout(dout, cache):
    return _conv_backward(np.ones_like(dout), cache)


@wrong(
    "conv_backward_naive",
    "the sign is flipped: there is no minus here, because the optimiser subtracts",
    rule="the sign is flipped",
)
def conv_backward_negative(dout, cache):
    return tuple(-gradient for gradient in _conv_backward(dout, cache))


@wrong("conv_backward_naive", "the gradients are returned in the wrong order: return dx, dw, db")
def conv_backward_other_order(dout, cache):
    dx, dw, db = _conv_backward(dout, cache)
    return dw, dx, db


@wrong(
    "conv_backward_naive",
    "dx has an extra factor x and dw an extra factor w: add dout * w to dx and dout * window to dw",
)
def conv_backward_swapped_factors(dout, cache):
    x, w, _, conv_param = cache
    dx, dw, db = _conv_backward(dout, cache)
    return x * dx, w * dw, db


@wrong(
    "conv_backward_naive",
    "the windows that overlap the border are left out: they contribute to dx too",
)
def conv_backward_leaves_border_windows_out(dout, cache):
    _, dw, db = _conv_backward(dout, cache)
    inside = np.array(dout)
    inside[:, :, [0, -1]], inside[:, :, :, [0, -1]] = 0, 0
    return _conv_backward(inside, cache)[0], dw, db


@right("conv_backward_naive", edge="dout is modified in place")
def conv_backward_changes_dout(dout, cache):
    gradients = _conv_backward(dout, cache)
    dout *= 0.5
    return gradients


@wrong("conv_backward_naive", "dw[f] = ... overwrites what earlier images and positions added: use +=")
def conv_backward_overwrites_dw(dout, cache):
    x, w, _, conv_param = cache
    dx, dw, db = _conv_backward(dout, cache)
    padded, stride = _pad(x, conv_param["pad"]), conv_param["stride"]
    for n, f, i, j in np.ndindex(*dout.shape):
        rows, columns = slice(i * stride, i * stride + w.shape[2]), slice(j * stride, j * stride + w.shape[3])
        dw[f] = padded[n, :, rows, columns] * dout[n, f, i, j]
    return dx, dw, db


@wrong("conv_backward_naive", "dx is assigned with =, so each filter overwrites what earlier ones added: use +=")
def conv_backward_overwrites_dx_in_turn(dout, cache):
    x, w, _, conv_param = cache
    _, dw, db = _conv_backward(dout, cache)
    stride, dpadded = conv_param["stride"], np.zeros(_pad(x, conv_param["pad"]).shape)
    for n, f, i, j in np.ndindex(*dout.shape):
        rows, columns = slice(i * stride, i * stride + w.shape[2]), slice(j * stride, j * stride + w.shape[3])
        dpadded[n, :, rows, columns] = w[f] * dout[n, f, i, j]
    return _cut(dpadded, conv_param["pad"]), dw, db


@wrong("conv_backward_naive", "db[f] = ... keeps the last image only: add up over the images, with +=")
def conv_backward_bias_of_last_image(dout, cache):
    dx, dw, _ = _conv_backward(dout, cache)
    return dx, dw, dout[-1].sum(axis=(1, 2))


@right("conv_backward_naive")
def conv_backward_with_tensordot(dout, cache):
    return _conv_backward(dout, cache)


@right("conv_backward_naive")
def conv_backward_with_seven_loops(dout, cache):
    x, w, b, conv_param = cache
    stride, pad = conv_param["stride"], conv_param["pad"]
    dx, dw, db = np.zeros(x.shape), np.zeros(w.shape), np.zeros(b.shape)
    for n, f, i, j in np.ndindex(dout.shape):
        db[f] += dout[n, f, i, j]
        for c, p, q in np.ndindex(w.shape[1:]):
            r, s = i * stride + p - pad, j * stride + q - pad
            if 0 <= r < x.shape[2] and 0 <= s < x.shape[3]:
                dx[n, c, r, s] += dout[n, f, i, j] * w[f, c, p, q]
                dw[f, c, p, q] += dout[n, f, i, j] * x[n, c, r, s]
    return dx, dw, db


@right("conv_backward_naive")
def conv_backward_as_convolution(dout, cache):
    """Convolve the spread-out dout with the rotated filters."""
    x, w, b, conv_param = cache
    stride, pad = conv_param["stride"], conv_param["pad"]
    (N, _, H, W), (F, _, HH, WW) = x.shape, w.shape
    H_pad, W_pad = H + 2 * pad, W + 2 * pad
    spread = np.zeros((N, F, H_pad + HH - 1, W_pad + WW - 1))
    H_out, W_out = dout.shape[2:]
    spread[:, :, HH - 1 :: stride, WW - 1 :: stride][:, :, :H_out, :W_out] = dout
    rotated = w[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)
    dx = _cut(_convolve(spread, rotated, 1, (H_pad, W_pad)), pad)
    return dx, _conv_backward(dout, cache)[1], np.einsum("nfij->f", dout)


@right("conv_backward_naive")
def conv_backward_by_images(dout, cache):
    x, w, b, conv_param = cache
    each = [_conv_backward(dout[n : n + 1], (x[n : n + 1], w, b, conv_param)) for n in range(len(x))]
    return np.concatenate([dx for dx, _, _ in each]), sum(dw for _, dw, _ in each), sum(db for _, _, db in each)


def _forward_with_columns(x, w, b, conv_param):
    """The forward pass as a matrix product, whose cache has the windows as rows, and x as a shape only."""
    stride, pad = conv_param["stride"], conv_param["pad"]
    H_out, W_out = _positions(x, w, stride, pad)
    windows = np.lib.stride_tricks.sliding_window_view(_pad(x, pad), w.shape[2:], axis=(2, 3))[:, :, ::stride, ::stride]
    rows = windows.transpose(0, 2, 3, 1, 4, 5).reshape(-1, w[0].size)  # (N * H_out * W_out, C * HH * WW)
    out = (rows @ w.reshape(len(w), -1).T + b).reshape(len(x), H_out, W_out, len(w))
    return out.transpose(0, 3, 1, 2), {"rows": rows, "w": w, "shape of x": x.shape, "settings": (stride, pad)}


@right("conv_backward_naive", beside={"cs231n.layers:conv_forward_naive": _forward_with_columns})
def conv_backward_from_columns(dout, cache):
    w, (stride, pad) = cache["w"], cache["settings"]
    flat = dout.transpose(0, 2, 3, 1).reshape(-1, len(w))  # (N * H_out * W_out, F)
    dw = (flat.T @ cache["rows"]).reshape(w.shape)
    dwindows = (flat @ w.reshape(len(w), -1)).reshape(len(dout), *dout.shape[2:], *w.shape[1:])
    dpadded = _pad(np.zeros(cache["shape of x"]), pad)
    for i, j in np.ndindex(*dout.shape[2:]):
        dpadded[:, :, i * stride : i * stride + w.shape[2], j * stride : j * stride + w.shape[3]] += dwindows[:, i, j]
    H, W = cache["shape of x"][2:]
    return dpadded[:, :, pad : pad + H, pad : pad + W], dw, flat.sum(axis=0)


def _forward_of_padded(x, w, b, conv_param):
    """The forward pass that caches the padded images."""
    return _conv(x, w, b, conv_param), (_pad(x, conv_param["pad"]), w, conv_param["stride"], conv_param["pad"])


@right("conv_backward_naive", beside={"cs231n.layers:conv_forward_naive": _forward_of_padded})
def conv_backward_of_padded(dout, cache):
    padded, w, stride, pad = cache
    dpadded, dw, db = _conv_backward(dout, (padded, w, None, {"stride": stride, "pad": 0}))
    return dpadded[:, :, pad : padded.shape[2] - pad, pad : padded.shape[3] - pad], dw, db


# ---- max_pool_forward_naive


def _pool_windows(x, pool_param):
    """Yield (i, j, index of the window in x)."""
    height, width, stride = pool_param["pool_height"], pool_param["pool_width"], pool_param["stride"]
    for i in range(1 + (x.shape[2] - height) // stride):
        for j in range(1 + (x.shape[3] - width) // stride):
            yield i, j, (..., slice(i * stride, i * stride + height), slice(j * stride, j * stride + width))


def _pool(x, pool_param, of=np.max):
    windows = list(_pool_windows(x, pool_param))
    out = np.zeros((*x.shape[:2], windows[-1][0] + 1, windows[-1][1] + 1))
    for i, j, window in windows:
        out[:, :, i, j] = of(x[window], axis=(2, 3))
    return out


@wrong("max_pool_forward_naive", "out is the mean of each window; it should be the largest value")
def pool_mean(x, pool_param):
    return _pool(x, pool_param, np.mean), (x, pool_param)


@wrong("max_pool_forward_naive", "one maximum is taken over all images and channels: each has its own, axis=(2, 3)")
def pool_over_everything(x, pool_param):
    return _pool(x, pool_param, lambda window, axis: np.max(window)), (x, pool_param)


@wrong("max_pool_forward_naive", "out is the smallest value of each window; it should be the largest")
def pool_min(x, pool_param):
    return _pool(x, pool_param, np.min), (x, pool_param)


@wrong("max_pool_forward_naive", "out is the largest absolute value of each window; it should be the largest value")
def pool_absolute(x, pool_param):
    return _pool(np.abs(x), pool_param), (x, pool_param)


@wrong("max_pool_forward_naive", "out is 0 where all values are negative: do not start the running maximum at 0")
def pool_starts_at_zero(x, pool_param):
    return np.maximum(0, _pool(x, pool_param)), (x, pool_param)


@wrong(
    "max_pool_forward_naive",
    "the maximum is taken over the channels too: each channel has its own maximum, axis=(2, 3)",
)
def pool_over_channels(x, pool_param):
    out = _pool(x, pool_param)
    return np.repeat(out.max(axis=1, keepdims=True), x.shape[1], axis=1), (x, pool_param)


@wrong(
    "max_pool_forward_naive", "the maximum is taken over the images too: each image has its own maximum, axis=(2, 3)"
)
def pool_over_images(x, pool_param):
    out = _pool(x, pool_param)
    return np.repeat(out.max(axis=0, keepdims=True), len(x), axis=0), (x, pool_param)


@wrong("max_pool_forward_naive", "the window moves by its own height instead of the stride")
def pool_moves_by_height(x, pool_param):
    return _pool(x, {**pool_param, "stride": pool_param["pool_height"]}), (x, pool_param)


@wrong("max_pool_forward_naive", "the stride is ignored: the windows start at i * stride and j * stride")
def pool_ignores_stride(x, pool_param):
    out = _pool(x, {**pool_param, "stride": 1})
    expected = _pool(x, pool_param).shape
    return out[:, :, : expected[2], : expected[3]], (x, pool_param)


@wrong("max_pool_forward_naive", "height and width of the window are swapped")
def pool_swapped(x, pool_param):
    swapped = {**pool_param, "pool_height": pool_param["pool_width"], "pool_width": pool_param["pool_height"]}
    return _pool(x, swapped), (x, pool_param)


@wrong("max_pool_forward_naive", "the height of the window is used as its width too: use pool_width")
def pool_square(x, pool_param):
    return _pool(x, {**pool_param, "pool_width": pool_param["pool_height"]}), (x, pool_param)


@wrong("max_pool_forward_naive", "windows of 2 x 2 and stride 2 are hard-coded: take them from pool_param")
def pool_typed_in(x, pool_param):
    return _pool(x, {"pool_height": 2, "pool_width": 2, "stride": 2}), (x, pool_param)


@wrong("max_pool_forward_naive", "out is the position of the largest value: use max, not argmax")
def pool_argmax(x, pool_param):
    out = _pool(x, pool_param)
    for i, j, window in _pool_windows(x, pool_param):
        out[:, :, i, j] = x[window].reshape(*x.shape[:2], -1).argmax(axis=-1)
    return out, (x, pool_param)


@wrong("max_pool_forward_naive", "out is an integer array: create it with a float dtype")
def pool_whole_numbers(x, pool_param):
    return _pool(x, pool_param).astype(int), (x, pool_param)


@wrong("max_pool_forward_naive", "out is too small: the 1 is missing in 1 + (H - pool_height) // stride")
def pool_too_small(x, pool_param):
    return _pool(x, pool_param)[:, :, :-1, :-1], (x, pool_param)


@wrong("max_pool_forward_naive", "x is modified in place: out must be a new array", rule="modified in place")
def pool_changes_x(x, pool_param):
    out = _pool(x, pool_param)
    x[:, :, : out.shape[2], : out.shape[3]] = out
    return x[:, :, : out.shape[2], : out.shape[3]].copy(), (x, pool_param)


@wrong("max_pool_forward_naive", "the width of out is computed with pool_height: 1 + (W - pool_width) // stride")
def pool_width_by_height(x, pool_param):
    height, width, stride = (pool_param[name] for name in ("pool_height", "pool_width", "stride"))
    out = np.zeros((*x.shape[:2], 1 + (x.shape[2] - height) // stride, 1 + (x.shape[3] - height) // stride))
    for i, j in np.ndindex(*out.shape[2:]):
        window = x[:, :, i * stride : i * stride + height, j * stride : j * stride + width]
        out[:, :, i, j] = window.max(axis=(2, 3))
    return out, (x, pool_param)


@wrong("max_pool_forward_naive", "the window moves by its own height and width instead of the stride")
def pool_moves_by_its_size(x, pool_param):
    height, width, stride = (pool_param[name] for name in ("pool_height", "pool_width", "stride"))
    out = np.zeros((*x.shape[:2], 1 + (x.shape[2] - height) // stride, 1 + (x.shape[3] - width) // stride))
    for i, j in np.ndindex(*out.shape[2:]):
        window = x[:, :, i * height : (i + 1) * height, j * width : (j + 1) * width]
        out[:, :, i, j] = window.max(axis=(2, 3)) if window.size else 0
    return out, (x, pool_param)


@wrong(
    "max_pool_forward_naive",
    "out has half the height and width of x, as in the example: compute 1 + (H - pool_height) // stride",
)
def pool_halves(x, pool_param):
    height, width, stride = (pool_param[name] for name in ("pool_height", "pool_width", "stride"))
    out = np.zeros((*x.shape[:2], x.shape[2] // 2, x.shape[3] // 2))
    for i, j in np.ndindex(*out.shape[2:]):
        window = x[:, :, i * stride : i * stride + height, j * stride : j * stride + width]
        out[:, :, i, j] = window.max(axis=(2, 3)) if window.size else 0
    return out, (x, pool_param)


@right("max_pool_forward_naive")
def pool_with_ranges(x, pool_param):
    height, width, stride = pool_param["pool_height"], pool_param["pool_width"], pool_param["stride"]
    rows, columns = range(0, x.shape[2] - height + 1, stride), range(0, x.shape[3] - width + 1, stride)
    out = [[[[c[r : r + height, s : s + width].max() for s in columns] for r in rows] for c in n] for n in x]
    return np.array(out), (x, pool_param)


@right("max_pool_forward_naive")
def pool_with_running_maximum(x, pool_param):
    out = np.full(_pool(x, pool_param).shape, -np.inf)
    for i, j, window in _pool_windows(x, pool_param):
        for column in np.moveaxis(x[window].reshape(*x.shape[:2], -1), -1, 0):
            out[:, :, i, j] = np.where(column > out[:, :, i, j], column, out[:, :, i, j])
    return out, (x, pool_param)


@right("max_pool_forward_naive")
def pool_sorted(x, pool_param):
    return _pool(x, pool_param, lambda window, axis: np.sort(window.reshape(*window.shape[:2], -1))[..., -1]), (x, None)


@right("max_pool_forward_naive", edge="the formula for the output size rounds down")
def pool_that_must_fit(x, pool_param):
    height, width, stride = (pool_param[name] for name in ("pool_height", "pool_width", "stride"))
    assert (x.shape[2] - height) % stride == (x.shape[3] - width) % stride == 0
    return pool_with_ranges(x, pool_param)


# ---- max_pool_backward_naive


def _pool_backward(dout, x, pool_param, mask):
    """Add, for each window, dout times what `mask` makes of it."""
    dx = np.zeros(x.shape)
    for i, j, window in _pool_windows(x, pool_param):
        dx[window] += dout[:, :, i, j, np.newaxis, np.newaxis] * mask(x[window])
    return dx


def _is_max(window):
    return window == window.max(axis=(2, 3), keepdims=True)


def _is_first_max(window):
    flat = window.reshape(*window.shape[:2], -1)
    return (np.arange(flat.shape[2]) == flat.argmax(axis=2)[..., np.newaxis]).reshape(window.shape)


@right("max_pool_backward_naive", edge="each of them gets all of dout")
def pool_backward_all_ties(dout, cache):
    return _pool_backward(dout, *cache, _is_max)


@wrong("max_pool_backward_naive", "dout goes to all values of the window: only the largest should receive it")
def pool_backward_everywhere(dout, cache):
    return _pool_backward(dout, *cache, np.ones_like)


@wrong("max_pool_backward_naive", "dout is split evenly, as for a mean: the largest value should receive all of it")
def pool_backward_mean(dout, cache):
    return _pool_backward(dout, *cache, lambda window: np.ones_like(window) / window[0, 0].size)


@wrong("max_pool_backward_naive", "dout goes to the smallest value; it should go to the largest")
def pool_backward_min(dout, cache):
    return _pool_backward(dout, *cache, lambda window: _is_first_max(-window))


@wrong("max_pool_backward_naive", "dout is missing: the largest value receives dout, not 1")
def pool_backward_ignores_dout(dout, cache):
    return _pool_backward(np.ones_like(dout), *cache, _is_first_max)


@wrong("max_pool_backward_naive", "dout is multiplied by the largest value: the derivative of the maximum is 1")
def pool_backward_times_x(dout, cache):
    return _pool_backward(dout, *cache, lambda window: _is_first_max(window) * window)


@wrong("max_pool_backward_naive", "dx is assigned with =: where windows overlap, add each contribution with +=")
def pool_backward_overwrites(dout, cache):
    x, pool_param = cache
    dx = np.zeros(x.shape)
    for i, j, window in _pool_windows(x, pool_param):
        largest = _is_first_max(x[window])
        dx[window] = np.where(largest, dout[:, :, i, j, np.newaxis, np.newaxis], dx[window])
    return dx


@wrong("max_pool_backward_naive", "each window overwrites what the previous one wrote: use dx[window] += ..., not =")
def pool_backward_wipes_out(dout, cache):
    x, pool_param = cache
    dx = np.zeros(x.shape)
    for i, j, window in _pool_windows(x, pool_param):
        dx[window] = dout[:, :, i, j, np.newaxis, np.newaxis] * _is_first_max(x[window])
    return dx


@wrong(
    "max_pool_backward_naive",
    "np.argmax returns an index into the flattened window: np.unravel_index gives its row and column",
)
def pool_backward_flat_place(dout, cache):
    x, pool_param = cache
    dx = np.zeros(x.shape)
    stride = pool_param["stride"]
    for n, c, i, j in np.ndindex(dout.shape):
        top, left = i * stride, j * stride
        window = x[n, c, top : top + pool_param["pool_height"], left : left + pool_param["pool_width"]]
        dx[n, c, top, min(left + np.argmax(window), x.shape[3] - 1)] += dout[n, c, i, j]
    return dx


@wrong(
    "max_pool_backward_naive",
    "the position inside the window is used for the whole image: add i * stride and j * stride",
)
def pool_backward_without_offset(dout, cache):
    x, pool_param = cache
    dx = np.zeros(x.shape)
    for i, j, window in _pool_windows(x, pool_param):
        height, width = x[window].shape[2:]
        dx[:, :, :height, :width] += dout[:, :, i, j, np.newaxis, np.newaxis] * _is_first_max(x[window])
    return dx


@wrong("max_pool_backward_naive", "the maximum is taken over the channels too: each channel has its own maximum")
def pool_backward_over_channels(dout, cache):
    return _pool_backward(dout, *cache, lambda window: window == window.max(axis=(1, 2, 3), keepdims=True))


@wrong("max_pool_backward_naive", "the window moves by its own height instead of the stride")
def pool_backward_moves_by_height(dout, cache):
    x, pool_param = cache
    dx = np.zeros(x.shape)
    height, width = pool_param["pool_height"], pool_param["pool_width"]
    for i, j in np.ndindex(*dout.shape[2:]):
        window = (..., slice(i * height, i * height + height), slice(j * height, j * height + width))
        if x[window].size == dout[:, :, 0, 0].size * height * width:
            dx[window] += dout[:, :, i, j, np.newaxis, np.newaxis] * _is_first_max(x[window])
    return dx


@wrong("max_pool_backward_naive", "dx has the shape of dout; it should have the shape of x", rule="expected shape")
def pool_backward_shape_of_dout(dout, cache):
    return dout.copy()


@wrong(
    "max_pool_backward_naive", "dx has an extra factor 1/N: nothing is averaged here", rule="a mean instead of a sum"
)
def pool_backward_over_n(dout, cache):
    return _pool_backward(dout, *cache, _is_first_max) / len(dout)


@wrong(
    "max_pool_backward_naive",
    "the row of the largest value is its flat index // pool_width: here it is divided by pool_height",
)
def pool_backward_row_by_height(dout, cache):
    x, pool_param = cache
    height, width, stride = (pool_param[name] for name in ("pool_height", "pool_width", "stride"))
    dx = np.zeros(x.shape)
    for n, c, i, j in np.ndindex(*dout.shape):
        k = int(x[n, c, i * stride : i * stride + height, j * stride : j * stride + width].argmax())
        dx[n, c, i * stride + (k - k % width) // height, j * stride + k % width] += dout[n, c, i, j]
    return dx


@right("max_pool_backward_naive")
def pool_backward_first(dout, cache):
    return _pool_backward(dout, *cache, _is_first_max)


@right("max_pool_backward_naive", edge="ties: not asked for, but worth knowing")
def pool_backward_shared_ties(dout, cache):
    return _pool_backward(dout, *cache, lambda window: _is_max(window) / _is_max(window).sum((2, 3), keepdims=True))


@right("max_pool_backward_naive", edge="the first one in reading order gets all of dout")
def pool_backward_last(dout, cache):
    return _pool_backward(dout, *cache, lambda window: _is_first_max(window[:, :, ::-1, ::-1])[:, :, ::-1, ::-1])


@right("max_pool_backward_naive")
def pool_backward_with_loops(dout, cache):
    x, pool_param = cache
    dx = np.zeros_like(x)
    stride, width = pool_param["stride"], pool_param["pool_width"]
    for n, c, i, j in np.ndindex(dout.shape):
        top, left = i * stride, j * stride
        index = np.argmax(x[n, c, top : top + pool_param["pool_height"], left : left + width])
        dx[n, c, top + index // width, left + index % width] += dout[n, c, i, j]
    return dx


def _forward_with_places(x, pool_param):
    """The forward pass that caches where each largest value is, as a position in the flattened x."""
    height, width, stride = (pool_param[name] for name in ("pool_height", "pool_width", "stride"))
    positions = [1 + (size - length) // stride for size, length in zip(x.shape[2:], (height, width), strict=True)]
    places = np.zeros((*x.shape[:2], *positions), dtype=int)
    for n, c, i, j in np.ndindex(places.shape):
        p, q = divmod(np.argmax(x[n, c, i * stride :, j * stride :][:height, :width]), width)
        places[n, c, i, j] = np.ravel_multi_index((n, c, i * stride + p, j * stride + q), x.shape)
    return x.ravel()[places], (places, x.shape, x.dtype)


@right("max_pool_backward_naive", beside={"cs231n.layers:max_pool_forward_naive": _forward_with_places})
def pool_backward_from_places(dout, cache):
    places, shape, dtype = cache
    dx = np.zeros(shape, dtype)
    np.add.at(dx.reshape(-1), places.ravel(), dout.ravel())
    return dx


# ---- conv_net_init


def _make_params(
    net, input_dim, num_filters, filter_size, hidden_dim, num_classes, weight_scale, rows=None, randn=None
):
    randn = randn or np.random.randn
    C, H, W = input_dim
    rows = num_filters * (H // 2) * (W // 2) if rows is None else rows
    net.params = {
        "W1": weight_scale * randn(num_filters, C, filter_size, filter_size),
        "b1": np.zeros(num_filters),
        "W2": weight_scale * randn(rows, hidden_dim),
        "b2": np.zeros(hidden_dim),
        "W3": weight_scale * randn(hidden_dim, num_classes),
        "b3": np.zeros(num_classes),
    }


def _init(make):
    """Give a function of the network and the sizes the signature of __init__."""

    def __init__(
        self,
        input_dim=(3, 32, 32),
        num_filters=32,
        filter_size=7,
        hidden_dim=100,
        num_classes=10,
        weight_scale=1e-3,
        reg=0.0,
        dtype=np.float32,
    ):
        self.reg, self.dtype = reg, dtype
        make(self, input_dim, num_filters, filter_size, hidden_dim, num_classes, weight_scale)
        self.params = {name: np.asarray(value).astype(dtype) for name, value in self.params.items()}

    __init__.__name__ = make.__name__
    return __init__


def _wrong_init(sentence, rule=""):
    return lambda make: wrong("conv_net_init", sentence, rule)(_init(make))


def _right_init(make):
    return right("conv_net_init")(_init(make))


@_wrong_init("W1 is not multiplied by weight_scale", rule="W1 is not multiplied by weight_scale")
def init_without_scale(net, input_dim, num_filters, filter_size, hidden_dim, num_classes, weight_scale):
    _make_params(net, input_dim, num_filters, filter_size, hidden_dim, num_classes, weight_scale)
    net.params["W1"] /= weight_scale


@_wrong_init("W2: the pooling halves height and width before the affine layer", rule="the pooling halves")
def init_without_pooling(net, input_dim, num_filters, *sizes):
    _make_params(net, input_dim, num_filters, *sizes, rows=num_filters * input_dim[1] * input_dim[2])


@_wrong_init("W2: after the convolution there are F channels, not C", rule="there are F channels")
def init_channels_of_input(net, input_dim, *sizes):
    C, H, W = input_dim
    _make_params(net, input_dim, *sizes, rows=C * (H // 2) * (W // 2))


@_wrong_init("W2: the pooling halves the height and the width", rule="a quarter of the values remains, not half")
def init_half_of_entries(net, input_dim, num_filters, *sizes):
    _make_params(net, input_dim, num_filters, *sizes, rows=num_filters * input_dim[1] * input_dim[2] // 2)


@_wrong_init("W2: each of the F feature maps has (H // 2) * (W // 2) values", rule="each of the F feature maps")
def init_one_entry_each(net, input_dim, num_filters, *sizes):
    _make_params(net, input_dim, num_filters, *sizes, rows=num_filters)


@_wrong_init("W2 fits images of 3 x 32 x 32 only: take H and W from input_dim")
def init_typed_in(net, input_dim, num_filters, *sizes):
    _make_params(net, input_dim, num_filters, *sizes, rows=num_filters * 16 * 16)


@_wrong_init("W1 has the channels first: its shape should be (F, C, HH, WW)", rule="W1 has the channels first")
def init_channels_first(net, *sizes):
    _make_params(net, *sizes)
    net.params["W1"] = net.params["W1"].transpose(1, 0, 2, 3)


@_wrong_init("W3 is transposed", rule="W3 is transposed")
def init_transposed(net, *sizes):
    _make_params(net, *sizes)
    net.params["W3"] = net.params["W3"].T


@_wrong_init(
    "b1 has one value for each channel of the input; it needs one for each filter", rule="check the sizes of b1"
)
def init_bias_for_channels(net, input_dim, *sizes):
    _make_params(net, input_dim, *sizes)
    net.params["b1"] = np.zeros(input_dim[0])


@_wrong_init("create b1, b2, b3 with np.zeros: a bias has no symmetry to break", rule="with np.zeros")
def init_random_biases(net, *sizes):
    _make_params(net, *sizes)
    net.params |= {name: np.random.randn(*net.params[name].shape) for name in ("b1", "b2", "b3")}


@_wrong_init("np.random.rand draws uniformly from 0 to 1", rule="np.random.rand draws uniformly")
def init_uniform(net, *sizes):
    _make_params(net, *sizes, randn=np.random.rand)


@_wrong_init("all values in W1 are equal", rule="all values in W1 are equal")
def init_zeros(net, *sizes):
    _make_params(net, *sizes, randn=lambda *shape: np.zeros(shape))


@_wrong_init("the weights are not random, or the generator is seeded in __init__", rule="leave seeding to the caller")
def init_seeded(net, *sizes):
    np.random.seed(0)
    _make_params(net, *sizes)


@_wrong_init("self.params has the wrong keys: use W1, b1, W2, b2, W3, b3", rule="expected the keys")
def init_other_names(net, *sizes):
    _make_params(net, *sizes)
    net.params = {name.lower(): value for name, value in net.params.items()}


@_right_init
def init_normal(net, input_dim, num_filters, filter_size, hidden_dim, num_classes, weight_scale):
    C, H, W = input_dim
    shapes = ((num_filters, C, filter_size, filter_size), (num_filters * H // 2 * W // 2, hidden_dim))
    net.params = {}
    for i, shape in enumerate((*shapes, (hidden_dim, num_classes)), 1):
        net.params[f"W{i}"] = np.random.normal(0, weight_scale, size=shape)
        net.params[f"b{i}"] = np.zeros(shape[0] if i == 1 else shape[1])


@_right_init
def init_standard_normal(net, *sizes):
    _make_params(net, *sizes, randn=lambda *shape: np.random.standard_normal(shape))


# ---- conv_net_loss and conv_net_gradients


class _Pass:
    """A forward and backward pass of the network with all intermediate values, independent of the course's layers."""

    def __init__(self, net, X, pad=None, bend_maps=True, bend_hidden=True, pool=np.max):
        self.W1, self.b1, self.W2, self.b2, self.W3, self.b3 = (
            np.asarray(net.params[name], dtype=float) for name in ("W1", "b1", "W2", "b2", "W3", "b3")
        )
        self.X, self.reg = np.asarray(X, dtype=float), net.reg
        self.conv_param = {"stride": 1, "pad": (self.W1.shape[2] - 1) // 2 if pad is None else pad}
        self.pool_param = {"pool_height": 2, "pool_width": 2, "stride": 2}
        self.maps = _conv(self.X, self.W1, self.b1, self.conv_param)
        self.bent = np.maximum(0, self.maps) if bend_maps else self.maps
        self.pooled = _pool(self.bent, self.pool_param, pool)
        self.rows = self.pooled.reshape(len(self.X), -1)
        self.before = self.rows @ self.W2 + self.b2
        self.hidden = np.maximum(0, self.before) if bend_hidden else self.before
        self.scores = self.hidden @ self.W3 + self.b3

    def data_loss(self, y):
        shifted = self.scores - self.scores.max(axis=1, keepdims=True)
        log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        dscores = np.exp(log_p)
        dscores[np.arange(len(y)), y] -= 1
        return -log_p[np.arange(len(y)), y].mean(), dscores / len(y)

    def squares(self):
        return sum(np.sum(W**2) for W in (self.W1, self.W2, self.W3))

    def backward(self, dscores, reg_factor=1.0, bend_maps=True, bend_hidden=True, with_pool=True):
        dhidden = dscores @ self.W3.T
        if bend_hidden:
            dhidden = dhidden * (self.before > 0)
        dpooled = (dhidden @ self.W2.T).reshape(self.pooled.shape)
        mask = _is_first_max if with_pool else np.ones_like
        dbent = _pool_backward(dpooled, self.bent, self.pool_param, mask)
        dmaps = dbent * (self.maps > 0) if bend_maps else dbent
        _, dW1, db1 = _conv_backward(dmaps, (self.X, self.W1, self.b1, self.conv_param))
        factor = reg_factor * self.reg
        return {
            "W1": dW1 + factor * self.W1,
            "b1": db1,
            "W2": self.rows.T @ dhidden + factor * self.W2,
            "b2": dhidden.sum(axis=0),
            "W3": self.hidden.T @ dscores + factor * self.W3,
            "b3": dscores.sum(axis=0),
        }

    def all(self, y, reg_factor=1.0, loss_factor=0.5, **options):
        loss, dscores = self.data_loss(y)
        return loss + loss_factor * self.reg * self.squares(), self.backward(dscores, reg_factor, **options)


@wrong("conv_net_loss", "the ReLU after the convolution is missing: conv - ReLU - pool", rule="")
def scores_without_first_relu(self, X, y=None):
    return _Pass(self, X, bend_maps=False).scores


@wrong("conv_net_loss", "the ReLU between the two affine layers is missing")
def scores_without_second_relu(self, X, y=None):
    return _Pass(self, X, bend_hidden=False).scores


@wrong("conv_net_loss", "ReLU is applied to the scores too: the last layer has none")
def scores_after_relu(self, X, y=None):
    return np.maximum(0, _Pass(self, X).scores)


@wrong("conv_net_loss", "the pooling takes the mean of each window: use max pooling")
def scores_with_mean_pool(self, X, y=None):
    return _Pass(self, X, pool=np.mean).scores


@wrong("conv_net_loss", "the padding is on one side only: pass conv_param on as it is")
def scores_one_sided_pad(self, X, y=None):
    shift = (self.params["W1"].shape[2] - 1) // 2
    moved = np.pad(X, ((0, 0), (0, 0), (2 * shift, 0), (2 * shift, 0)))
    return _Pass(self, moved, pad=0).scores


@wrong("conv_net_loss", "the convolution has no padding, so its output does not fit W2: pass conv_param on as it is")
def scores_without_pad(self, X, y=None):
    return _Pass(self, X, pad=0).scores


@wrong("conv_net_loss", "a bias is missing: each of the three layers has one (b1, b2, b3)")
def scores_without_biases(self, X, y=None):
    whole = _Pass(self, X)
    return whole.scores - whole.b3


@wrong("conv_net_loss", "loss returns the hidden units: the scores are the output of the third layer")
def scores_hidden(self, X, y=None):
    return _Pass(self, X).hidden


@wrong("conv_net_loss", "loss(X) returns probabilities: return the scores, softmax is part of the loss")
def scores_softmax(self, X, y=None):
    scores = _Pass(self, X).scores
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)


@wrong("conv_net_loss", "loss(X) returns the pair (scores, cache): return only the scores")
def scores_and_cache(self, X, y=None):
    return _Pass(self, X).scores, None


@right("conv_net_loss")
def scores_in_one_piece(self, X, y=None):
    whole = _Pass(self, X)
    return whole.scores if y is None else whole.all(y)


@right("conv_net_loss")
def scores_from_naive_layers(self, X, y=None):
    from cs231n import layers

    W1, b1, W2, b2, W3, b3 = (self.params[name] for name in ("W1", "b1", "W2", "b2", "W3", "b3"))
    maps, _ = layers.conv_forward_naive(X, W1, b1, {"stride": 1, "pad": W1.shape[2] // 2})
    pooled, _ = layers.max_pool_forward_naive(maps, {"pool_height": 2, "pool_width": 2, "stride": 2})
    hidden = np.maximum(np.maximum(pooled, 0).reshape(len(X), -1) @ W2 + b2, 0)  # ReLU and max pooling commute
    return hidden @ W3 + b3


def _wrong_gradients(sentence, rule=""):
    """Register a function that computes (loss, grads) from a `_Pass` and y; without labels the scores are right."""

    def register(function):
        def loss(self, X, y=None):
            whole = _Pass(self, X)
            return whole.scores if y is None else function(whole, y)

        loss.__name__ = function.__name__
        return wrong("conv_net_gradients", sentence, rule)(loss)

    return register


@_wrong_gradients("loss returns the scores although labels were given: return loss, grads")
def net_returns_scores(whole, y):
    return whole.scores


@_wrong_gradients("the regularisation is missing, both in the loss and in the gradients", rule="is missing")
def net_without_reg(whole, y):
    return whole.all(y, reg_factor=0.0, loss_factor=0.0)


@_wrong_gradients("the regularisation is missing in the loss", rule="0.5 * reg * sum(W * W) is missing")
def net_loss_without_reg(whole, y):
    return whole.all(y, loss_factor=0.0)


@_wrong_gradients("the regularisation is missing in the gradients: add reg * W to dW1, dW2 and dW3", rule="is missing")
def net_gradients_without_reg(whole, y):
    return whole.all(y, reg_factor=0.0)


@_wrong_gradients("the factor 0.5 of the regularisation is missing in the loss", rule="there is an extra")
def net_without_half(whole, y):
    return whole.all(y, loss_factor=1.0)


@_wrong_gradients(
    "the gradient of the regularisation is reg * W: the 0.5 of the loss cancels the 2", rule="there is an extra"
)
def net_gradients_twice(whole, y):
    return whole.all(y, reg_factor=2.0)


@_wrong_gradients("the gradients contain 0.5 * reg * W: the derivative of 0.5 * reg * W * W is reg * W", rule="missing")
def net_gradients_half(whole, y):
    return whole.all(y, reg_factor=0.5)


@_wrong_gradients("the filters are not regularised: add W1 to the regularisation, in the loss and in dW1")
def net_filters_not_regularised(whole, y):
    loss, grads = whole.all(y)
    grads["W1"] -= whole.reg * whole.W1
    return loss - 0.5 * whole.reg * np.sum(whole.W1**2), grads


@_wrong_gradients("the biases are regularised; only the weights W1, W2 and W3 should be")
def net_regularises_biases(whole, y):
    loss, grads = whole.all(y)
    for name in ("b1", "b2", "b3"):
        bias = getattr(whole, name)
        loss, grads[name] = loss + 0.5 * whole.reg * np.sum(bias**2), grads[name] + whole.reg * bias
    return loss, grads


@_wrong_gradients("the backward pass skips the ReLU of the hidden layer: use affine_relu_backward")
def net_past_hidden_relu(whole, y):
    return whole.all(y, bend_hidden=False)


@_wrong_gradients("the backward pass skips the ReLU after the convolution: use conv_relu_pool_backward")
def net_past_map_relu(whole, y):
    return whole.all(y, bend_maps=False)


@_wrong_gradients(
    "the backward pass gives the gradient to all values of each pooling window: only the largest receives it"
)
def net_past_pool(whole, y):
    return whole.all(y, with_pool=False)


@_wrong_gradients("the gradients of the biases are missing: grads needs every key of params")
def net_without_bias_gradients(whole, y):
    loss, grads = whole.all(y)
    return loss, {name: grads[name] for name in ("W1", "W2", "W3")}


@_wrong_gradients("dW2 is computed from the mean of each pooling window before ReLU: use the pooled feature maps")
def net_wrong_input_of_second(whole, y):
    loss, grads = whole.all(y)
    _, dscores = whole.data_loss(y)
    dhidden = (dscores @ whole.W3.T) * (whole.before > 0)
    mean = _pool(whole.maps, whole.pool_param, np.mean).reshape(whole.rows.shape)
    return loss, grads | {"W2": mean.T @ dhidden + whole.reg * whole.W2}


@_wrong_gradients(
    "the gradients are divided by N one time too many: softmax_loss has already done it", rule="a mean instead of a sum"
)
def net_divides_again(whole, y):
    loss, dscores = whole.data_loss(y)
    return whole.all(y)[0], whole.backward(dscores / len(y))


@_wrong_gradients("dW1 is that of the first image only: sum over all images")
def net_first_image_only(whole, y):
    loss, dscores = whole.data_loss(y)
    first = np.zeros_like(dscores)
    first[0] = dscores[0]
    return whole.all(y)[0], whole.all(y)[1] | {"W1": whole.backward(first)["W1"]}


@_wrong_gradients(
    "the gradients of the biases are regularised: add reg * W to dW1, dW2 and dW3", rule="reg * b1 is added"
)
def net_regularises_bias_gradients(whole, y):
    loss, grads = whole.all(y)
    return loss, {name: g + whole.reg * getattr(whole, name) if name[0] == "b" else g for name, g in grads.items()}


@_wrong_gradients(
    "np.sum(W3) ** 2 squares the sum: square each entry first, np.sum(W3 ** 2)", rule="the sum of W3 is squared"
)
def net_square_of_sum(whole, y):
    loss, grads = whole.all(y)
    return loss + 0.5 * whole.reg * (np.sum(whole.W3) ** 2 - np.sum(whole.W3**2)), grads


@right("conv_net_gradients")
def net_in_one_piece(self, X, y=None):
    whole = _Pass(self, X)
    return whole.scores if y is None else whole.all(y)


@right("conv_net_gradients")
def net_from_single_layers(self, X, y=None):
    from cs231n import fast_layers, layers

    p = self.params
    maps, conv_cache = fast_layers.conv_forward_im2col(X, p["W1"], p["b1"], {"stride": 1, "pad": p["W1"].shape[3] // 2})
    bent, first_relu = layers.relu_forward(maps)
    pooled, pool_cache = fast_layers.max_pool_forward_reshape(bent, {"pool_height": 2, "pool_width": 2, "stride": 2})
    before, second_cache = layers.affine_forward(pooled, p["W2"], p["b2"])
    hidden, second_relu = layers.relu_forward(before)
    scores, third_cache = layers.affine_forward(hidden, p["W3"], p["b3"])
    if y is None:
        return scores
    loss, dscores = layers.softmax_loss(scores, y)
    dhidden, dW3, db3 = layers.affine_backward(dscores, third_cache)
    dpooled, dW2, db2 = layers.affine_backward(layers.relu_backward(dhidden, second_relu), second_cache)
    dbent = fast_layers.max_pool_backward_reshape(dpooled, pool_cache)
    _, dW1, db1 = fast_layers.conv_backward_im2col(layers.relu_backward(dbent, first_relu), conv_cache)
    grads = {"b1": db1, "b2": db2, "b3": db3}
    for name, gradient in (("W1", dW1), ("W2", dW2), ("W3", dW3)):
        loss = loss + self.reg * np.linalg.norm(p[name]) ** 2 / 2
        grads[name] = gradient + self.reg * p[name]
    return loss, grads


def _keep_sizes(self, *arguments, **options):
    """An __init__ that keeps the number of features, as a net built for one size of images may."""
    _INIT(self, *arguments, **options)
    self.num_features = len(self.params["W2"])


_INIT = ThreeLayerConvNet.__init__


def _by_kept_sizes(self, X, y=None):
    whole = _Pass(self, X)
    whole.rows.reshape(len(X), self.num_features)  # fails for images of another size
    return whole.scores if y is None else whole.all(y)


for _question in ("conv_net_loss", "conv_net_gradients"):
    right(_question, beside={"cs231n.classifiers.cnn:ThreeLayerConvNet.__init__": _keep_sizes})(_by_kept_sizes)


def _softmax_loss_of_p(x, y):
    """The loss by the logarithm of a probability, which may be 0."""
    p = np.exp(x - x.max(axis=1, keepdims=True))
    p = p / p.sum(axis=1, keepdims=True)
    return -np.log(p[np.arange(len(y)), y]).mean(), (p - np.eye(x.shape[1])[y]) / len(y)


@right(
    "conv_net_gradients",
    edge="its probability is 0 and the logarithm of it infinite",
    beside={"cs231n.layers:softmax_loss": _softmax_loss_of_p},
)
def net_with_log_of_p(self, X, y=None):
    return net_from_single_layers(self, X, y)


# ---- slips


slips(
    "conv_forward_naive",
    (
        "the sum is divided by the number of channels: add up the channels",
        "np.sum(window * w[f])",
        "np.sum(window * w[f]) / x.shape[1]",
    ),
    (
        "the stride is added to i and j: the window starts at i * stride and j * stride",
        "i * stride, j * stride",
        "min(i + stride, H + 2 * pad - HH), min(j + stride, W + 2 * pad - WW)",
    ),
    ("only the height is padded: put pad zeros on all four sides", "(pad, pad), (pad, pad)))", "(pad, pad), (0, 0)))"),
    ("only the width is padded: put pad zeros on all four sides", "(pad, pad), (pad, pad)))", "(0, 0), (pad, pad)))"),
    (
        "i and j are swapped: the window starts at row i * stride and column j * stride",
        "top, left = i * stride, j * stride",
        "top, left = j * stride % (H + 2 * pad - HH + 1), i * stride % (W + 2 * pad - WW + 1)",
    ),
    (
        "only the height is padded: put pad zeros on all four sides",
        "(pad, pad), (pad, pad)))",
        "(pad, pad), (0, 2 * pad)))",
    ),
    (
        "only the width is padded: put pad zeros on all four sides",
        "(pad, pad), (pad, pad)))",
        "(0, 2 * pad), (pad, pad)))",
    ),
    (
        "the zeros are put at the bottom and right alone: put pad zeros on all four sides",
        "(pad, pad), (pad, pad)))",
        "(0, 2 * pad), (0, 2 * pad)))",
    ),
    (
        "the stride is ignored in the columns: the window starts at column j * stride",
        "i * stride, j * stride",
        "i * stride, j",
    ),
    (
        "the stride is ignored in the rows: the window starts at row i * stride",
        "i * stride, j * stride",
        "i, j * stride",
    ),
    ("the bias of the image is added, b[n]: feature map f has the bias b[f]", "+ b[f]", "+ b[n % F]"),
    ("the sum of all biases is added: feature map f has the bias b[f]", "+ b[f]", "+ b.sum()"),
    ("the bias is subtracted: add it", "+ b[f]", "- b[f]"),
    ("the bias multiplies the sum: add it", "np.sum(window * w[f]) + b[f]", "np.sum(window * w[f]) * b[f]"),
    ("the filters are used in reverse order: use w[f] for feature map f", "window * w[f]", "window * w[F - 1 - f]"),
    ("the last filter is used for all feature maps: use w[f] for feature map f", "window * w[f]", "window * w[-1]"),
    ("the first image is used for all: use image n", "padded[n, :,", "padded[0, :,"),
    ("the filters' channels are in reverse order", "window * w[f]", "window * w[f, ::-1]"),
    ("window and filter are added, not multiplied", "np.sum(window * w[f])", "np.sum(window + w[f])"),
    ("window and filter are subtracted, not multiplied", "np.sum(window * w[f])", "np.sum(window - w[f])"),
    ("the window is summed without the filter", "np.sum(window * w[f])", "np.sum(window)"),
    (
        "the border reflects the image: pad with zeros",
        "(pad, pad), (pad, pad)))",
        '(pad, pad), (pad, pad)), mode="reflect")',
    ),
    ("the border wraps around: pad with zeros", "(pad, pad), (pad, pad)))", '(pad, pad), (pad, pad)), mode="wrap")'),
    (
        "the filter is mirrored from left to right: multiply the window by the filter as it is",
        "window * w[f]",
        "window * w[f, :, :, ::-1]",
    ),
    (
        "the filter is mirrored upside down: multiply the window by the filter as it is",
        "window * w[f]",
        "window * w[f, :, ::-1]",
    ),
)

slips(
    "conv_backward_naive",
    (
        "the border is cut off twice at the start: dx starts at pad",
        "dpadded[:, :, pad : pad + H, pad : pad + W]",
        "np.pad(dpadded, ((0, 0), (0, 0), (0, pad), (0, pad)))[:, :, 2 * pad : 2 * pad + H, 2 * pad : 2 * pad + W]",
    ),
    ("dw is divided by the number of positions: sum over them", "db = dout.sum", "dw /= H_out * W_out\ndb = dout.sum"),
    (
        "db is divided by the number of positions: sum over them",
        "dout.sum(axis=(0, 2, 3))",
        "dout.mean(axis=(2, 3)).sum(axis=0)",
    ),
    (
        "dout is missing in dx: add dout[n, f, i, j] * w[f]",
        "dpadded[window] += dout[n, f, i, j] * w[f]",
        "dpadded[window] += w[f]",
    ),
    (
        "dout is missing in dw: add dout[n, f, i, j] times the window",
        "dw[f] += dout[n, f, i, j] * padded[window]",
        "dw[f] += padded[window]",
    ),
    (
        "dw is computed from padded gradients: use the window of the padded x",
        "* padded[window]  #",
        "* dpadded[window]  #",
    ),
    (
        "dx is computed from the window of x: add dout[n, f, i, j] * w[f]",
        "dout[n, f, i, j] * w[f]",
        "dout[n, f, i, j] * padded[window]",
    ),
    (
        "dw is computed from w: add dout[n, f, i, j] times the window of x",
        "dw[f] += dout[n, f, i, j] * padded[window]",
        "dw[f] += dout[n, f, i, j] * w[f]",
    ),
    (
        "only the height of x is padded for dw: pad all four sides, as in the forward pass",
        "(pad, pad), (pad, pad)))",
        "(pad, pad), (0, 2 * pad)))",
    ),
    (
        "only the width of x is padded for dw: pad all four sides, as in the forward pass",
        "(pad, pad), (pad, pad)))",
        "(0, 2 * pad), (pad, pad)))",
    ),
    (
        "the border is filled with other values than 0 for dw: pad with zeros, as in the forward pass",
        "(pad, pad), (pad, pad)))",
        '(pad, pad), (pad, pad)), mode="edge")',
    ),
    (
        "the stride is ignored in the columns: the window starts at column j * stride",
        "i * stride, j * stride",
        "i * stride, j",
    ),
    (
        "the stride is ignored in the rows: the window starts at row i * stride",
        "i * stride, j * stride",
        "i, j * stride",
    ),
    (
        "db is summed over the images alone, at one position: sum over the positions, too",
        "dout.sum(axis=(0, 2, 3))",
        "dout[:, :, 0, 0].sum(axis=0)",
    ),
    ("db is that of the first image: sum over all images", "dout.sum(axis=(0, 2, 3))", "dout[0].sum(axis=(1, 2))"),
    (
        "db is multiplied by b: the gradient of b is the sum of dout alone",
        "dout.sum(axis=(0, 2, 3))",
        "dout.sum(axis=(0, 2, 3)) * b",
    ),
    (
        "the first filter is used for every feature map in dx: use w[f]",
        "dout[n, f, i, j] * w[f]",
        "dout[n, f, i, j] * w[0]",
    ),
    ("dx is divided by N: the 1/N of the loss is already part of dout", "db = dout.sum", "dx = dx / N\ndb = dout.sum"),
    (
        "the filter is mirrored from left to right in dx: add dout[n, f, i, j] * w[f], with w[f] as it is",
        "dout[n, f, i, j] * w[f]",
        "dout[n, f, i, j] * w[f, :, :, ::-1]",
    ),
    (
        "the filter is mirrored upside down in dx: add dout[n, f, i, j] * w[f], with w[f] as it is",
        "dout[n, f, i, j] * w[f]",
        "dout[n, f, i, j] * w[f, :, ::-1]",
    ),
    ("the contributions are subtracted in dx: add them", "dpadded[window] += dout", "dpadded[window] -= dout"),
    ("the contributions are subtracted in dw: add them", "dw[f] += dout", "dw[f] -= dout"),
)

slips(
    "max_pool_forward_naive",
    (
        "the stride is added to i and j: the window starts at i * stride and j * stride",
        "i * stride, j * stride",
        "min(i + stride, H - height), min(j + stride, W - width)",
    ),
    (
        "the window is as large as the stride: it spans pool_height and pool_width",
        "top : top + height, left : left + width",
        "top : top + stride, left : left + stride",
    ),
    ("pool_height is used for the width of the window, too", "left : left + width", "left : left + height"),
    ("pool_width is used for the height of the window, too", "top : top + height", "top : top + width"),
    (
        "pool_height and pool_width are swapped in the window",
        "top : top + height, left : left + width",
        "top : top + width, left : left + height",
    ),
    (
        "the stride is ignored in the columns: the window starts at column j * stride",
        "i * stride, j * stride",
        "i * stride, j",
    ),
    (
        "the stride is ignored in the rows: the window starts at row i * stride",
        "i * stride, j * stride",
        "i, j * stride",
    ),
    (
        "the window is one entry too large: x[..., top : top + pool_height] ends before top + pool_height",
        "top : top + height, left : left + width",
        "top : top + height + 1, left : left + width + 1",
    ),
    (
        "the window is one entry too small: x[..., top : top + pool_height] ends before top + pool_height",
        "top : top + height, left : left + width",
        "top : top + max(1, height - 1), left : left + max(1, width - 1)",
    ),
    ("the sum of the window is taken: take the largest value", "window.max", "window.sum"),
    (
        "the median of the window is taken: take the largest value",
        "window.max(axis=(2, 3))",
        "np.median(window, axis=(2, 3))",
    ),
    ("the first value of the window is taken: take the largest", "window.max(axis=(2, 3))", "window[:, :, 0, 0]"),
    ("the last value of the window is taken: take the largest", "window.max(axis=(2, 3))", "window[:, :, -1, -1]"),
)

slips(
    "max_pool_backward_naive",
    (
        "the largest value is looked for in the first channel: each channel has its own",
        "window = x[n, c,",
        "window = x[n, 0,",
    ),
    (
        "the largest value is looked for in the first image: each image has its own",
        "window = x[n, c,",
        "window = x[0, c,",
    ),
    (
        "the stride is ignored: the windows start at i * stride and j * stride",
        "top, left = i * stride, j * stride",
        "top, left = i, j",
    ),
    (
        "the stride is ignored in the columns: the window starts at column j * stride",
        "i * stride, j * stride",
        "i * stride, j",
    ),
    (
        "the stride is ignored in the rows: the window starts at row i * stride",
        "i * stride, j * stride",
        "i, j * stride",
    ),
    (
        "the window is as large as the stride: it spans pool_height and pool_width",
        "top : top + height, left : left + width",
        "top : top + stride, left : left + stride",
    ),
    ("pool_height is used for the width of the window, too", "left : left + width", "left : left + height"),
    ("pool_width is used for the height of the window, too", "top : top + height", "top : top + width"),
    ("the largest value itself is written into dx: write dout[n, c, i, j]", "+= dout[n, c, i, j]", "+= window.max()"),
    (
        "dout is multiplied by the largest value: the derivative of the maximum is 1",
        "+= dout[n, c, i, j]",
        "+= dout[n, c, i, j] * window.max()",
    ),
    (
        "dout is divided by the size of the window: the largest value gets all of it",
        "+= dout[n, c, i, j]",
        "+= dout[n, c, i, j] / window.size",
    ),
    ("dout goes to the first entry of each window: it goes to the largest", "top + p, left + q", "top, left"),
    (
        "dout goes to the last entry of each window: it goes to the largest",
        "top + p, left + q",
        "top + height - 1, left + width - 1",
    ),
    ("dout is subtracted: add it", "+= dout", "-= dout"),
    (
        "dout goes to the largest absolute value: it goes to the largest value",
        "np.argmax(window)",
        "np.argmax(np.abs(window))",
    ),
    (
        "the windows are steps of pool_height and pool_width: they start at i * stride and j * stride",
        "i * stride, j * stride",
        "i * height, j * width",
    ),
    ("row and column of the largest value are swapped", "top + p, left + q", "top + q % height, left + p % width"),
)

slips(
    "conv_net_loss",
    ("ReLU is applied to the images, too", "conv_relu_pool_forward(X,", "conv_relu_pool_forward(np.maximum(0, X),"),
    (
        "the bias of the convolution is missing",
        "X, W1, b1, conv_param, pool_param)",
        "X, W1, 0 * b1, conv_param, pool_param)",
    ),
    (
        "the bias of the hidden layer is missing",
        "affine_relu_forward(maps, W2, b2)",
        "affine_relu_forward(maps, W2, 0 * b2)",
    ),
    (
        "the largest score of each row is subtracted: return the scores as they are",
        "# (N, K)",
        "\nscores = scores - scores.max(axis=1, keepdims=True)",
    ),
)

slips(
    "conv_net_gradients",
    ("the bias b3 is regularised in the loss: regularise only the weights", '("W3", W3)):', '("W3", W3), ("b3", b3)):'),
    (
        "the backward pass starts with the scores: start with dscores, the gradient that softmax_loss returns",
        "affine_backward(dscores, scores_cache)",
        "affine_backward(scores, scores_cache)",
    ),
    (
        "the upstream gradient has the wrong sign",
        "affine_backward(dscores, scores_cache)",
        "affine_backward(-dscores, scores_cache)",
    ),
    (
        "the gradients are multiplied by the loss",
        "affine_backward(dscores, scores_cache)",
        "affine_backward(loss * dscores, scores_cache)",
    ),
    (
        "the hidden layer gets its own output as the upstream gradient: pass it dhidden",
        "affine_relu_backward(dhidden, hidden_cache)",
        "affine_relu_backward(hidden, hidden_cache)",
    ),
    (
        "the convolution gets its own output as the upstream gradient: pass it dmaps",
        "conv_relu_pool_backward(dmaps, maps_cache)",
        "conv_relu_pool_backward(maps, maps_cache)",
    ),
    ("the regularisation is subtracted in the loss: add it", "loss += 0.5", "loss -= 0.5"),
    ("the regularisation is subtracted from the gradients: add it", "+= self.reg * weights", "-= self.reg * weights"),
    ("reg is squared in the gradients: add reg * W", "+= self.reg * weights", "+= self.reg**2 * weights"),
    (
        "the regularisation of the loss counts W1 three times: use the weights of each layer",
        "np.vdot(weights, weights)",
        "np.vdot(W1, W1)",
    ),
)
