"""Convolution by tiles: against direct sums, in both layouts, and what is not finite."""

import numpy as np
import pytest

from cs231n import channels_last, fast_layers
from cs231n._fast import conv_last
from cs231n._fast.winograd import Winograd
from cs231n.im2col import im2col_indices

WAYS = {"tiles": 1, "windows": 10**9}  # the number of channels from which tiles are used


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def by(way, monkeypatch):
    monkeypatch.setattr(conv_last, "LEAST_CHANNELS", WAYS[way])


@pytest.mark.parametrize("size", [(8, 8), (7, 5), (6, 6), (1, 1), (3, 15), (30, 31)])
@pytest.mark.parametrize("channels", [(1, 1), (5, 2), (3, 70)])
def test_sums_and_their_gradients(size, channels, rng):
    """Outputs are correlations of windows and filters; the gradient of the filters is that of these sums."""
    (C, F), (H, W), tiles = channels, size, Winograd(size, np.float64)
    padded = np.zeros((2, *tiles.padded, C))
    padded[:, : H + 2, : W + 2] = rng.standard_normal((2, H + 2, W + 2, C))
    w, dmaps = rng.standard_normal((F, C, 3, 3)), np.zeros((2, *(length - 2 for length in tiles.padded), F))
    dmaps[:, :H, :W] = rng.standard_normal((2, H, W, F))
    windows = [(i, j, padded[:, i : i + H, j : j + W]) for i, j in np.ndindex(3, 3)]
    expected = sum(entries @ w[:, :, i, j].T for i, j, entries in windows)
    np.testing.assert_allclose(tiles.maps(tiles.windows(padded), tiles.filters(w)), expected, atol=1e-11)
    dw = tiles.filters_gradient(tiles.dvalues(tiles.windows(padded), tiles.tiles(dmaps)))
    for i, j, entries in windows:
        expected = np.einsum("nhwc,nhwf->fc", entries, dmaps[:, :H, :W])
        np.testing.assert_allclose(dw[:, :, i, j], expected, atol=1e-11)
    assert tiles.is_exact


@pytest.mark.parametrize("pool", [False, True])
@pytest.mark.parametrize("pad", [0, 1, 2])
@pytest.mark.parametrize("shape", [(5, 7, 6, 3), (2, 3, 3, 8), (9, 8, 16, 2)])
def test_tiles_give_what_windows_give(shape, pad, pool, rng, monkeypatch):
    """With the channels last, both ways give the same outputs and gradients."""
    x, w = rng.standard_normal(shape), rng.standard_normal((4, shape[3], 3, 3))
    results = []
    for way in WAYS:
        by(way, monkeypatch)
        out, cache = channels_last.conv_forward(x, w, pad, pool)
        dout = np.cos(np.arange(out.size)).reshape(out.shape)
        results.append((out, *channels_last.conv_backward(dout, cache)))
    for tiles, windows in zip(*results, strict=True):
        np.testing.assert_allclose(tiles, windows, atol=1e-11)


@pytest.mark.parametrize("conv_param", [{"stride": 1, "pad": 1}, {"stride": 1, "pad": 2}, {"stride": 2, "pad": 1}])
@pytest.mark.parametrize("shape", [(3, 20, 9, 6), (1, 33, 4, 4)])
def test_channels_first(shape, conv_param, rng, monkeypatch):
    """The fast layers give what the product with all columns gives, whichever way they take."""
    x, w, b = rng.standard_normal(shape), rng.standard_normal((35, shape[1], 3, 3)), rng.standard_normal(35)
    out, cache = fast_layers.conv_forward_im2col(x, w, b, conv_param)
    dout = rng.standard_normal(out.shape)
    expected = (out, *fast_layers.conv_backward_im2col(dout, cache))
    for way in WAYS:
        by(way, monkeypatch)
        out, cache = fast_layers.conv_forward_fast(x, w, b, conv_param)
        for a, e in zip((out, *fast_layers.conv_backward_fast(dout, cache)), expected, strict=True):
            np.testing.assert_allclose(a, e, atol=1e-11)


def test_float32_is_nearly_as_exact_as_direct_sums(rng, monkeypatch):
    """The error is at most five times that of direct sums (it is 2.5 times on average)."""
    x, w = rng.standard_normal((4, 16, 16, 64)), rng.standard_normal((64, 64, 3, 3)) / 24
    exact, _ = channels_last.conv_forward(x, w)
    errors = []
    for way in WAYS:
        by(way, monkeypatch)
        out, _ = channels_last.conv_forward(x.astype(np.float32), w.astype(np.float32))
        errors.append(np.sqrt(np.mean((out - exact) ** 2)))
    assert errors[1] < errors[0] < 5 * errors[1]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # dw overflows, whichever way it is computed
@pytest.mark.parametrize("value", [np.inf, np.nan, 1e38])
def test_what_is_not_finite_stays_where_it_is(value, rng, monkeypatch):
    """A value that overflows reaches the windows that it is in, and no others."""
    by("tiles", monkeypatch)
    x, w = np.ones((2, 12, 12, 3), np.float32), np.ones((4, 3, 3, 3), np.float32)
    x[0, 5, 5, 0] = value
    with np.errstate(all="ignore"):
        out, cache = channels_last.conv_forward(x, w)
    touched = np.zeros(out.shape, bool)
    touched[0, 4:7, 4:7] = True
    np.testing.assert_allclose(out[~touched], channels_last.conv_forward(np.ones_like(x), w)[0][~touched], rtol=1e-6)
    assert (out[touched] == value).all() or np.isnan(out[touched]).all() == np.isnan(value)
    dout = np.where(touched, np.float32(value), np.float32(1))
    with np.errstate(all="ignore"):
        dx, _ = channels_last.conv_backward(dout, cache)
    assert np.isfinite(dx[0, :3]).all() and np.isfinite(dx[1]).all()


def test_columns_agree_with_the_usual_ones(rng):
    """The windows with a stride have the values that `im2col_indices` gathers."""
    x = rng.standard_normal((2, 3, 7, 9))
    usual = im2col_indices(x, 3, 2, padding=0, stride=2).reshape(3, 3, 2, 3, 4, 2)  # (C, HH, WW, H_out, W_out, N)
    ours = conv_last.columns(np.ascontiguousarray(x.transpose(0, 2, 3, 1)), (3, 2), (3, 4), 2)
    np.testing.assert_array_equal(ours.reshape(2, 3, 4, 3, 2, 3), usual.transpose(5, 3, 4, 1, 2, 0))


@pytest.mark.parametrize("types", [("f4", "f4", "f8"), ("i8", "i8", "i8"), ("f4", "i8", "f4")])
def test_types_that_differ(types, rng, monkeypatch):
    """The gradients are as exact as the widest type, and integers are computed as integers."""
    by("tiles", monkeypatch)
    x, w, dout = (rng.integers(-9, 9, shape) for shape in ((2, 3, 6, 5), (4, 3, 3, 3), (2, 4, 6, 5)))
    x, w, dout = (array.astype(dtype) for array, dtype in zip((x, w, dout), types, strict=True))
    conv_param = {"stride": 1, "pad": 1}
    expected = fast_layers.conv_backward_im2col(
        dout, fast_layers.conv_forward_im2col(x, w, w[:, 0, 0, 0], conv_param)[1]
    )
    _, cache = fast_layers.conv_forward_fast(x, w, w[:, 0, 0, 0], conv_param)
    for a, e in zip(fast_layers.conv_backward_fast(dout, cache), expected, strict=True):
        np.testing.assert_allclose(a, e, atol=1e-9)
