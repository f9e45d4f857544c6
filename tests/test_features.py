"""The hand-crafted features: against plain loops, for single images and batches, and in edge cases."""

import colorsys
import math

import numpy as np
import pytest

from cs231n.features import color_histogram_hsv, extract_features, hog_feature, rgb2gray


def random_images(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.float64)


def fractional(*shape):
    """Images where no gradient or hue is on the boundary between two bins."""
    return np.random.default_rng(1).uniform(1.0, 255.0, shape)


def hog_by_loops(grey):
    """HOG as its docstring describes it, one pixel at a time, in float64."""
    H, W = grey.shape
    features = np.zeros((H // 8, W // 8, 9))
    for i in range(H // 8 * 8):
        for j in range(W // 8 * 8):
            dx = grey[i, j + 1] - grey[i, j - 1] if 0 < j < W - 1 else 0.0
            dy = grey[i + 1, j] - grey[i - 1, j] if 0 < i < H - 1 else 0.0
            degrees = math.degrees(math.atan2(dy, dx)) % 180
            features[i // 8, j // 8, int(degrees // 20) % 9] += math.hypot(dx, dy) / 64
    return features.ravel()


def hues_by_loops(im, nbin, xmin, xmax, normalized):
    counts = np.zeros(nbin)
    for r, g, b in im.reshape(-1, 3):
        hue = colorsys.rgb_to_hsv(r, g, b)[0] * xmax
        if hue >= xmin:
            counts[min(int((hue - xmin) / (xmax - xmin) * nbin), nbin - 1)] += 1
    return counts / counts.sum() if normalized else counts


# ---- rgb2gray


def test_rgb2gray_weights_sum_to_one():
    np.testing.assert_allclose(rgb2gray(np.eye(3)), [0.299, 0.587, 0.114])
    np.testing.assert_allclose(rgb2gray(np.full((4, 5, 3), 200.0)), np.full((4, 5), 200.0))


@pytest.mark.parametrize("shape", [(3,), (6, 3), (5, 6, 3), (2, 5, 6, 3)])
def test_rgb2gray_drops_the_last_axis_and_ignores_alpha(shape):
    rgb = random_images(*shape)
    with_alpha = np.concatenate([rgb, np.full((*shape[:-1], 1), 9.0)], axis=-1)

    assert rgb2gray(rgb).shape == shape[:-1]
    np.testing.assert_array_equal(rgb2gray(with_alpha), rgb2gray(rgb))


@pytest.mark.parametrize("given, expected", [("uint8", "float32"), ("float32", "float32"), ("float64", "float64")])
def test_rgb2gray_dtype(given, expected):
    assert rgb2gray(random_images(4, 4, 3).astype(given)).dtype == expected


def test_rgb2gray_refuses_arrays_without_colours():
    with pytest.raises(ValueError, match="red, green and blue"):
        rgb2gray(np.zeros((32, 32)))


# ---- hog_feature


@pytest.mark.parametrize(
    "H, W", [(32, 32), (8, 8), (16, 40), (40, 8), (19, 35)]
)  # square, one cell, not square, ragged
def test_hog_agrees_with_loops(H, W):
    im = fractional(H, W, 3)

    np.testing.assert_allclose(hog_feature(im), hog_by_loops(rgb2gray(im)), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("degrees", [0, 10, 45, 75, 90, 91, 135, 179, 190, 270, 350])
def test_hog_puts_a_ramp_in_the_bin_of_its_direction(degrees):
    angle = math.radians(degrees)
    y, x = np.mgrid[:24, :24]
    features = hog_feature(math.cos(angle) * x + math.sin(angle) * y).reshape(3, 3, 9)

    middle = features[1, 1]
    assert np.argmax(middle) == degrees % 180 // 20
    np.testing.assert_allclose(middle.sum(), 2.0, rtol=1e-5)  # the two neighbours differ by two steps of 1


@pytest.mark.parametrize("shape", [(32, 32, 3), (32, 32), (32, 32, 1), (32, 32, 4), (9, 33, 3)])
def test_features_of_a_batch_are_those_of_its_images(shape):
    batch = random_images(7, *shape)

    for fn in (hog_feature, color_histogram_hsv):
        np.testing.assert_array_equal(fn(batch), np.stack([fn(im) for im in batch]))


def test_hog_of_grey_equals_hog_of_three_equal_channels():
    grey = random_images(32, 32)

    np.testing.assert_array_equal(hog_feature(grey), hog_feature(grey[:, :, None]))
    # 0.299 v + 0.587 v + 0.114 v is v up to rounding, which may move a pixel across the boundary at 0 = 180 degrees.
    both_ways = [hog_feature(im).reshape(16, 9).sum(axis=1) for im in (grey, np.repeat(grey[:, :, None], 3, axis=2))]
    np.testing.assert_allclose(both_ways[0], both_ways[1], rtol=1e-5)


@pytest.mark.parametrize("value", [0, 1, 128, 255])
@pytest.mark.parametrize("shape", [(32, 32, 3), (32, 32), (3, 16, 24, 3)])
def test_constant_images_have_no_gradient_and_no_nan(value, shape):
    im = np.full(shape, value)

    assert np.all(hog_feature(im) == 0)
    hues = color_histogram_hsv(im)
    np.testing.assert_array_equal(hues[..., 0], 1)  # grey counts as hue 0
    np.testing.assert_array_equal(hues[..., 1:], 0)


def test_a_flat_colour_has_no_edges():
    """Rounding must not depend on the position in the image."""
    assert np.all(hog_feature(np.broadcast_to([13.7, 201.3, 77.1], (5, 33, 35, 3))) == 0)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64, np.float16, np.float32])
def test_the_dtype_of_the_pixels_does_not_matter(dtype):
    im = random_images(5, 32, 32, 3)

    for fn in (hog_feature, color_histogram_hsv):
        assert fn(im.astype(dtype)).dtype == np.float64
        np.testing.assert_array_equal(fn(im.astype(dtype)), fn(im))


def test_features_do_not_change_the_image_and_accept_any_memory_order():
    im = random_images(4, 3, 32, 32).transpose(0, 2, 3, 1)
    im.flags.writeable = False

    for fn in (hog_feature, color_histogram_hsv):
        np.testing.assert_array_equal(fn(im), fn(np.ascontiguousarray(im)))


@pytest.mark.parametrize(
    "im, message",
    [
        (np.zeros((7, 32, 3)), "smaller than a cell"),
        (np.zeros((32, 7)), "smaller than a cell"),
        (np.zeros((5, 3, 32, 32)), r"transpose\(0, 2, 3, 1\)"),  # channels first
        (np.zeros(3072), "expected an image"),  # a flat row
        (np.full((32, 32), np.nan), "nan or infinite"),
        (np.full((32, 32, 3), np.inf), "nan or infinite"),
    ],
)
def test_hog_says_what_is_wrong_with_an_image(im, message):
    with pytest.raises(ValueError, match=message):
        hog_feature(im)


# ---- color_histogram_hsv


@pytest.mark.parametrize("normalized", [True, False])
@pytest.mark.parametrize("nbin, xmin, xmax", [(10, 0, 255), (25, 0, 255), (1, 0, 255), (7, 0, 1), (6, 60, 200.0)])
def test_color_histogram_agrees_with_loops(nbin, xmin, xmax, normalized):
    im = fractional(20, 13, 3)

    np.testing.assert_allclose(
        color_histogram_hsv(im, nbin, xmin, xmax, normalized), hues_by_loops(im, nbin, xmin, xmax, normalized)
    )


@pytest.mark.parametrize(
    "colour, expected",
    [
        ((255, 0, 0), 0),  # red
        ((255, 255, 0), 1),
        ((0, 255, 0), 2),
        ((0, 255, 255), 3),
        ((0, 0, 255), 4),
        ((255, 0, 255), 5),
        ((255, 0, 1), 5),  # just before red again
        ((90, 10, 10), 0),  # a dark, pale red
        ((77, 77, 77), 0),  # grey
    ],
)
def test_color_histogram_bin_of_a_colour(colour, expected):
    hist = color_histogram_hsv(np.array([[colour]], dtype=np.uint8), nbin=6)

    np.testing.assert_array_equal(hist, np.arange(6) == expected)


def test_color_histogram_sums():
    batch = random_images(5, 8, 9, 3)

    np.testing.assert_allclose(color_histogram_hsv(batch).sum(axis=1), 1)
    np.testing.assert_array_equal(color_histogram_hsv(batch, normalized=False).sum(axis=1), 72)
    assert np.all(color_histogram_hsv(np.zeros((4, 4, 3)), xmin=1) == 0)  # no pixel is counted: no division by 0


@pytest.mark.parametrize("options", [{"nbin": 0}, {"nbin": 20 / 2}, {"xmin": 255}, {"xmin": -1}, {"xmax": 0}])
def test_color_histogram_refuses_empty_ranges(options):
    with pytest.raises(ValueError, match="nbin is .*, expected an integer|expected 0 <= xmin < xmax"):
        color_histogram_hsv(np.zeros((4, 4, 3)), **options)


# ---- extract_features

# Functions for single images, as a learner may write them. Those named `mixes_` run on a batch without an error and
# return the correct shape, but their features depend on the other images.
SINGLE_IMAGE_FUNCTIONS = {
    "pixels": lambda img: img.ravel(),
    "mean_colour": lambda img: img.mean(axis=(0, 1)),
    "raises_on_a_batch": lambda img: np.array([img[0, 0, 0], img.shape[2]]),
    "counts_whole_numbers": lambda img: np.histogram(img, bins=5, range=(0, 256))[0],
    "mixes_by_maximum": lambda img: (img / img.max()).mean(axis=(-1, -2)),
    "mixes_by_minimum": lambda img: (img - img.min()).sum(axis=(-1, -2)),
    "mixes_by_mean": lambda img: img.mean(axis=(-1, -2)) - img.mean(),
    "mixes_by_branch": lambda img: (img if img.max() > 1 else 255 * img).mean(axis=(-1, -2)),
    "mixes_by_order": lambda img: np.cumsum(img, axis=0).mean(axis=(-1, -2)),
    "rows_as_features": lambda img: img.mean(axis=(-1, -2)),  # correct on a batch too
}


@pytest.mark.parametrize("fn", SINGLE_IMAGE_FUNCTIONS.values(), ids=SINGLE_IMAGE_FUNCTIONS)
@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
@pytest.mark.parametrize("H, W", [(16, 16), (32, 8), (5, 3)])
def test_functions_for_single_images_get_single_images(fn, dtype, H, W):
    imgs = random_images(50, H, W, 3).astype(dtype)
    imgs[::2] = 3 + imgs[::2] // 4  # half of them are darker, which reveals mixing
    imgs[0, 0, 0] = imgs[-1, 0, 0] = 255

    np.testing.assert_allclose(extract_features(imgs, [fn]), np.stack([fn(img) for img in imgs]), rtol=1e-12)


@pytest.mark.parametrize("N", [1, 2, 16, 17, 100])  # a chunk has 16 images of 32x32
@pytest.mark.parametrize("shape", [(32, 32, 3), (32, 32), (24, 40, 3), (200, 200, 3)])
def test_extract_features_concatenates_the_vectors(N, shape):
    imgs = random_images(min(N, 10**6 // math.prod(shape)), *shape)
    expected = [np.hstack([hog_feature(img), color_histogram_hsv(img, nbin=7)]) for img in imgs]

    features = extract_features(imgs, [hog_feature, lambda img: color_histogram_hsv(img, nbin=7)])

    assert features.dtype == np.float64
    np.testing.assert_array_equal(features, expected)


@pytest.mark.parametrize("nbin, columns", [(10, 154), (25, 169)])
def test_number_of_features_of_the_notebook(nbin, columns):
    features = extract_features(
        random_images(3, 32, 32, 3), [hog_feature, lambda img: color_histogram_hsv(img, nbin=nbin)]
    )

    assert features.shape == (3, columns)


def test_batches_are_used_where_possible():
    """That is the purpose of trying: far fewer calls than images, even for a lambda around a function of the module."""
    calls = []
    extract_features(random_images(200, 32, 32, 3), [lambda img: calls.append(0) or hog_feature(img)])

    assert len(calls) < 30


def test_verbose_prints_ten_lines(capsys):
    extract_features(random_images(100, 32, 32), [hog_feature])
    assert capsys.readouterr().out == ""
    extract_features(random_images(320, 32, 32), [hog_feature], verbose=True)
    lines = capsys.readouterr().out.splitlines()

    assert len(lines) == 10
    assert lines[-1] == "features of 320 / 320 images"


def test_no_images_give_no_rows():
    assert len(extract_features(np.zeros((0, 32, 32, 3)), [hog_feature])) == 0


@pytest.mark.parametrize(
    "imgs, fns, message",
    [
        (np.zeros((4, 32 * 32)), [hog_feature], r"expected \(N, H, W, C\)"),
        (np.zeros((4, 32, 32)), [], "feature_fns is empty"),
        (np.zeros((4, 32, 32)), [lambda img: img], "expected a vector"),  # a matrix for each image
        (np.zeros((4, 32, 32)), [lambda img: img.mean()], "expected a vector"),  # a scalar for each image
        (np.zeros((4, 3, 32, 32)), [hog_feature], "transpose"),
    ],
)
def test_extract_features_says_what_is_wrong(imgs, fns, message):
    with pytest.raises(ValueError, match=message):
        extract_features(imgs, fns)


def test_an_error_in_a_feature_function_is_raised():
    def broken(img):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        extract_features(random_images(4, 8, 8, 3), [broken])
