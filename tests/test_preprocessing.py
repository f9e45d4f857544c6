"""Preprocessing: statistics of the training images against definitions and PyTorch, dtypes, and wrong arguments."""

import numpy as np
import pytest

from cs231n.data_utils import get_CIFAR10_data
from cs231n.fast_layers import conv_forward_fast
from cs231n.preprocessing import (
    channel_mean,
    mean_image,
    patch_whitening,
    pca_apply,
    pca_fit,
    standardize_apply,
    standardize_fit,
    whiten_apply,
)


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    return 100 + 30 * rng.normal(size=(40, 3, 4, 5)) * rng.uniform(0.2, 2, size=(3, 4, 5))


@pytest.fixture
def rows():
    """Rows that vary by very different amounts along directions that are not those of the axes."""
    rng = np.random.default_rng(1)
    return 3 + (rng.normal(size=(60, 6)) * [9, 5, 3, 1, 0.3, 0.01]) @ np.linalg.qr(rng.normal(size=(6, 6)))[0]


def test_means_of_images(images):
    np.testing.assert_allclose(mean_image(images), images.mean(axis=0))
    np.testing.assert_allclose(channel_mean(images)[:, 0, 0], [images[:, c].mean() for c in range(3)])
    assert np.abs((images - channel_mean(images)).mean(axis=(0, 2, 3))).max() < 1e-12


def test_the_mean_image_is_the_one_of_the_data():
    """`get_CIFAR10_data` subtracts the same."""
    sizes = {"num_training": 200, "num_validation": 50, "num_test": 10}
    plain, centred = (get_CIFAR10_data(**sizes, subtract_mean=subtract) for subtract in (False, True))
    mean = mean_image(plain["X_train"])
    for part in ("X_train", "X_val", "X_test"):
        np.testing.assert_allclose(plain[part] - mean, centred[part], atol=1e-10)


@pytest.mark.parametrize("per, axes", [("pixel", 0), ("channel", (0, 2, 3))])
def test_standardized_images_have_mean_0_and_deviation_1(images, per, axes):
    out = standardize_apply(images, standardize_fit(images, per))
    np.testing.assert_allclose(out.mean(axis=axes), 0, atol=1e-10)
    np.testing.assert_allclose(out.std(axis=axes), 1)


def test_statistics_are_of_the_training_images_alone(images):
    """What becomes of an image does not depend on those beside it."""
    stats = standardize_fit(images[:30])
    together = standardize_apply(images[30:], stats)
    for i in range(10):
        np.testing.assert_array_equal(standardize_apply(images[30 + i : 31 + i], stats)[0], together[i])


def test_what_does_not_vary_is_not_blown_up(images):
    images[:, 1, 2, 3] = 0.1  # in binary no sum of these is exact
    stats = standardize_fit(images)
    assert stats["std"][1, 2, 3] == 1
    images[:, 1, 2, 3] = 0.6
    np.testing.assert_allclose(standardize_apply(images, stats)[:, 1, 2, 3], 0.5)


def test_pca_is_that_of_pytorch(rows):
    torch = pytest.importorskip("torch")
    stats = pca_fit(rows)
    variances, directions = torch.linalg.eigh(torch.cov(torch.tensor(rows).T, correction=0))
    np.testing.assert_allclose(stats["variances"], variances.flip(0).numpy(), rtol=1e-8)
    np.testing.assert_allclose(np.abs(stats["components"]), directions.flip(1).abs().numpy(), atol=1e-8)


def test_principal_components(rows):
    """Directions of length 1, orthogonal; coordinates that do not vary together, and keep the distances."""
    stats = pca_fit(rows)
    out = pca_apply(rows, stats)
    np.testing.assert_allclose(stats["components"].T @ stats["components"], np.eye(6), atol=1e-12)
    np.testing.assert_allclose(out.T @ out / len(out), np.diag(stats["variances"]), atol=1e-10)
    np.testing.assert_allclose(np.linalg.norm(out[1:] - out[0], axis=1), np.linalg.norm(rows[1:] - rows[0], axis=1))
    few = pca_fit(rows, 2)
    np.testing.assert_array_equal(few["components"], stats["components"][:, :2])
    np.testing.assert_allclose(pca_apply(rows, few), out[:, :2])


def test_whitened_rows_have_the_identity_as_covariance(rows):
    out = whiten_apply(rows, pca_fit(rows), eps=0)
    np.testing.assert_allclose(out.T @ out / len(out), np.eye(6), atol=1e-8)
    damped = whiten_apply(rows, pca_fit(rows), eps=0.1)
    assert damped[:, -1].std() < 0.05 and damped[:, 0].std() > 0.99


def test_fewer_rows_than_directions():
    """Beyond what the rows span, the variances are 0, not negative by rounding."""
    rows = np.random.default_rng(2).normal(size=(4, 9)) * 1e3
    stats = pca_fit(rows)
    assert (stats["variances"] >= 0).all() and (stats["variances"][3:] < 1e-6).all()
    assert np.isfinite(whiten_apply(rows, stats)).all()


def test_dtypes(images):
    small = images.astype(np.float32)
    stats = standardize_fit(small)
    rows = pca_fit(small.reshape(40, -1))
    for value in (mean_image(small), channel_mean(small), *stats.values(), *rows.values()):
        assert value.dtype == np.float32
    assert standardize_apply(small, stats).dtype == np.float32
    assert whiten_apply(small.reshape(40, -1), rows).dtype == np.float32
    pixels = images.astype(np.uint8)
    assert mean_image(pixels).dtype == channel_mean(pixels).dtype == np.float64
    np.testing.assert_allclose(standardize_apply(pixels, standardize_fit(pixels)).mean(axis=0), 0, atol=1e-12)


def test_the_mean_of_many_float32_images_is_exact_enough():
    """Added up in float32, 200,000 pixels of 200.1 would have lost digits."""
    many = np.full((200_000, 1, 1, 1), 200.1, dtype=np.float32)
    assert mean_image(many) == channel_mean(many) == np.float32(200.1)


def test_images_are_not_changed(images):
    kept = images.copy()
    stats, rows = standardize_fit(images), images.reshape(40, -1)
    standardize_apply(images, stats)
    whiten_apply(rows, pca_fit(rows))
    np.testing.assert_array_equal(images, kept)


def test_errors_say_what_is_wrong(images):
    rows = images.reshape(40, -1)
    stats, components = standardize_fit(images), pca_fit(rows)
    for call, error, text in (
        (lambda: mean_image(images[:0]), ValueError, "without any inputs, there is no mean image"),
        (lambda: channel_mean(rows), ValueError, r"expected \(N, C, H, W\)"),
        (lambda: standardize_fit(rows, per="channel"), ValueError, r"expected \(N, C, H, W\)"),
        (lambda: standardize_fit(images, per="image"), ValueError, "expected 'pixel' or 'channel'"),
        (lambda: standardize_fit(images, eps=-1), ValueError, "eps is -1"),
        (lambda: standardize_apply(rows, stats), ValueError, "Are the images flattened in one place alone"),
        (lambda: standardize_apply(images[0], stats), ValueError, r"X\[None\] adds it"),
        (lambda: standardize_apply(rows, components), ValueError, 'stats has no "std"'),
        (lambda: standardize_apply(images, (1, 2)), TypeError, "stats is a tuple"),
        (lambda: pca_fit(images), ValueError, "turns images into rows"),
        (lambda: pca_fit(rows[:0]), ValueError, "there is no covariance"),
        (lambda: pca_fit(rows, 0), ValueError, "num_components is 0"),
        (lambda: pca_fit(rows, 61), ValueError, "no more than 60 directions"),
        (lambda: pca_apply(rows[:, 1:], components), ValueError, "the statistics are of images of shape"),
        (lambda: whiten_apply(rows, components, eps=-0.1), ValueError, "eps is -0.1"),
    ):
        with pytest.raises(error, match=text):
            call()


@pytest.mark.parametrize("fit", [mean_image, standardize_fit])
def test_one_image_without_its_axis_is_refused(fit):
    with pytest.raises(ValueError, match="the first axis counts the images"):
        fit(np.ones(4))
    with pytest.raises(TypeError, match="X is of type list"):
        fit([[1.0, 2.0]])


# ---- filters that whiten patches


def test_whitened_patches_have_no_correlation():
    """The maps of half of the filters have the second moments of white noise; the others are their negatives."""
    X = np.random.randn(60, 3, 9, 8) @ np.random.randn(8, 8)  # neighbours are correlated
    filters = patch_whitening(X, size=2, eps=0)
    assert filters.shape == (24, 3, 2, 2)
    np.testing.assert_array_equal(filters[12:], -filters[:12])
    maps, _ = conv_forward_fast(X, filters[:12], np.zeros(12), {"stride": 1, "pad": 0})
    rows = maps.transpose(0, 2, 3, 1).reshape(-1, 12)
    np.testing.assert_allclose(rows.T @ rows / len(rows), np.eye(12), atol=1e-9)


def test_whitening_damps_what_hardly_varies():
    """With eps, a direction without variance gets a finite filter; larger variances come first; signs are fixed."""
    X = np.repeat(np.random.randn(50, 1, 4, 4), 2, axis=1)  # two equal channels
    filters = patch_whitening(X, size=1, eps=0.25)[:2].reshape(2, 2)
    variance = 2 * np.mean(X[:, 0] ** 2)
    half = np.sqrt(0.5)
    np.testing.assert_allclose(filters[0], [half / np.sqrt(variance + 0.25)] * 2)
    np.testing.assert_allclose(np.abs(filters[1]), [half / 0.5] * 2)
    assert filters[1].max() > 0
    with pytest.raises(ValueError, match="a patch must fit"):
        patch_whitening(X, size=5)
