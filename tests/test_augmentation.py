"""Changes of images: twins in PyTorch, what stays the same, ranges and dtypes, and bad arguments."""

import numpy as np
import pytest

from cs231n import augmentation
from cs231n.augmentation import (
    adjust_colors,
    alternating_flips,
    center_crop,
    color_components,
    crop_and_scale,
    cutout,
    grey,
    mirrored,
    pca_jitter,
    random_color_jitter,
    random_crop,
    random_crop_and_scale,
    random_cutout,
    random_flip,
    random_pca_jitter,
    random_rotation,
    random_shift,
    random_translation,
    rotate,
    ten_crop,
    translate,
)


@pytest.fixture(autouse=True)
def seed():
    np.random.seed(5)


def images(N=4, H=7, W=6, dtype=np.float64):
    return np.random.uniform(0.1, 0.9, (N, 3, H, W)).astype(dtype)


COMPONENTS = np.array([0.2, 0.02, 0.005]), np.linalg.qr(np.random.RandomState(0).randn(3, 3))[0]

CHANGES = {
    "flip": random_flip,
    "shift": lambda X: random_shift(X, 2),
    "crop": lambda X: random_crop(X, 5),
    "ten crops": lambda X: ten_crop(X, 5),
    "crop and scale": random_crop_and_scale,
    "rotation": random_rotation,
    "colours": random_color_jitter,
    "pca": lambda X: random_pca_jitter(X, *COMPONENTS),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
class TestAll:
    def test_the_images_are_not_changed_and_the_dtype_stays(self, change):
        for dtype in (np.float32, np.float64):
            X = images(dtype=dtype)
            kept = X.copy()
            assert change(X).dtype == dtype
            np.testing.assert_array_equal(X, kept)

    def test_the_result_does_not_share_memory(self, change):
        X = images()
        assert not np.shares_memory(change(X), X)

    def test_nothing_else_than_batches_of_images_is_taken(self, change):
        with pytest.raises(ValueError, match=r"expected \(N, C, H, W\)"):
            change(np.zeros((3, 8, 8)))

    def test_a_seed_determines_the_result(self, change):
        X, results = images(), []
        for _ in range(2):
            np.random.seed(3)
            results.append(change(X))
        np.testing.assert_array_equal(*results)


@pytest.mark.parametrize("name", ["crop and scale", "rotation", "colours", "pca"])
def test_what_computes_between_pixels_refuses_integers(name):
    with pytest.raises(TypeError, match=r"dtype uint8, expected floating point: X.astype\(np.float32\)"):
        CHANGES[name](np.zeros((2, 3, 8, 8), np.uint8))


@pytest.mark.parametrize("name", ["flip", "shift", "crop", "ten crops"])
def test_what_moves_pixels_takes_integers(name):
    assert CHANGES[name](np.ones((2, 3, 8, 8), np.uint8)).dtype == np.uint8


class TestCrops:
    def test_each_crop_is_a_window_of_its_image(self):
        """Pixels that name their position show where the window was; all windows occur."""
        X = np.tile(np.arange(30.0).reshape(1, 1, 5, 6), (300, 1, 1, 1)) + 100 * np.arange(300).reshape(-1, 1, 1, 1)
        crops = random_crop(X, 4) - 100 * np.arange(300).reshape(-1, 1, 1, 1)
        starts = crops[:, 0, 0, 0].astype(int)
        for crop, start in zip(crops, starts, strict=True):
            row, column = divmod(start, 6)
            np.testing.assert_array_equal(crop[0], X[0, 0, row : row + 4, column : column + 4])
        assert set(starts) == {0, 1, 2, 6, 7, 8}

    def test_ten_crops_are_the_corners_the_middle_and_their_mirrors(self):
        X = images(H=8, W=7)
        crops = ten_crop(X, 5)
        corners = [X[:, :, :5, :5], X[:, :, :5, 2:], X[:, :, 3:, :5], X[:, :, 3:, 2:], X[:, :, 1:6, 1:6]]
        for i, expected in enumerate(corners):
            np.testing.assert_array_equal(crops[:, i], expected)
            np.testing.assert_array_equal(crops[:, 5 + i], expected[..., ::-1])

    def test_the_crops_of_the_mirror_image_are_the_same_crops(self):
        """As a set: its top left corner is the mirror of the top right one."""
        X = images(N=1, H=9, W=9)
        ours, theirs = ten_crop(X, 5)[0], ten_crop(X[..., ::-1], 5)[0]
        assert {crop.tobytes() for crop in ours} == {crop.tobytes() for crop in theirs}

    @pytest.mark.parametrize("crop", [random_crop, center_crop, ten_crop])
    @pytest.mark.parametrize(
        "size, message", [(7, "must fit into them"), (2.0, "expected an integer"), (0, "size is 0")]
    )
    def test_wrong_sizes_are_refused(self, crop, size, message):
        with pytest.raises(ValueError, match=message):
            crop(images(), size)


class TestBetweenPixels:
    def test_scaling_is_that_of_pytorch(self):
        torch = pytest.importorskip("torch")
        X = images(N=3, H=9, W=8)
        places = [(0, 1, 9, 7), (2, 0, 5, 4), (3, 2, 6, 6)]
        got = crop_and_scale(X, *np.array(places).T)
        for n, (top, left, height, width) in enumerate(places):
            crop = torch.tensor(X[n : n + 1, :, top : top + height, left : left + width])
            expected = torch.nn.functional.interpolate(crop, (9, 8), mode="bilinear", align_corners=False)
            np.testing.assert_allclose(got[n : n + 1], expected.numpy(), rtol=1e-12)

    def test_the_whole_image_is_itself(self):
        X = images()
        np.testing.assert_allclose(random_crop_and_scale(X, least=1.0), X, rtol=1e-12)

    def test_no_value_is_above_or_below_those_of_the_image(self):
        X = images(N=50)
        scaled = random_crop_and_scale(X, least=0.3)
        axes = (2, 3)
        assert np.all(scaled.max(axis=axes) <= X.max(axis=axes) + 1e-12)
        assert np.all(scaled.min(axis=axes) >= X.min(axis=axes) - 1e-12)

    def test_rotation_is_that_of_pytorch(self):
        torch = pytest.importorskip("torch")
        X, degrees = images(N=3, H=9, W=9), np.array([10.0, -37.0, 125.0])
        a = np.deg2rad(degrees)
        theta = np.stack([np.stack([np.cos(a), -np.sin(a), 0 * a], 1), np.stack([np.sin(a), np.cos(a), 0 * a], 1)], 1)
        grid = torch.nn.functional.affine_grid(torch.tensor(theta), X.shape, align_corners=True)
        expected = torch.nn.functional.grid_sample(torch.tensor(X), grid, padding_mode="zeros", align_corners=True)
        np.testing.assert_allclose(rotate(X, degrees), expected.numpy(), atol=1e-7)

    @pytest.mark.parametrize("quarters", [1, 2, 3])
    def test_a_quarter_turn_moves_whole_pixels(self, quarters):
        X = images(H=6, W=6)
        expected = np.rot90(X, quarters, axes=(2, 3))
        np.testing.assert_allclose(rotate(X, np.full(4, 90.0 * quarters)), expected, atol=1e-8)

    def test_no_turn_changes_nothing(self):
        X = images()
        np.testing.assert_allclose(rotate(X, np.zeros(4)), X)
        np.testing.assert_allclose(random_rotation(X, most=0), X)

    def test_wrong_arguments_are_refused(self):
        with pytest.raises(ValueError, match="most is -3"):
            random_rotation(images(), most=-3)
        with pytest.raises(ValueError, match=r"degrees has shape \(2,\)"):
            rotate(images(), np.zeros(2))
        for least in (0, 1.2):
            with pytest.raises(ValueError, match="expected 0 < least <= 1"):
                random_crop_and_scale(images(), least)


class TestColours:
    def test_the_twin_in_pytorch(self):
        """The blends of torchvision, which clips after each of them: small factors leave nothing to clip."""
        torch = pytest.importorskip("torch")
        X = 0.3 + 0.2 * images()
        b, c, s = (np.random.uniform(0.8, 1.2, 4) for _ in range(3))
        weights = torch.tensor(augmentation.GREY).reshape(1, 3, 1, 1)
        t, factor = torch.tensor(X), lambda f: torch.tensor(f).reshape(-1, 1, 1, 1)
        t = torch.lerp(torch.zeros_like(t), t, factor(b))
        t = torch.lerp((t * weights).sum(1, keepdim=True).mean((2, 3), keepdim=True).expand_as(t), t, factor(c))
        t = torch.lerp((t * weights).sum(1, keepdim=True).expand_as(t), t, factor(s))
        np.testing.assert_allclose(adjust_colors(X, b, c, s), t.numpy(), rtol=1e-12)

    def test_factors_of_1_change_nothing(self):
        X = images()
        np.testing.assert_allclose(adjust_colors(X, *np.ones((3, 4))), X, rtol=1e-12)
        np.testing.assert_allclose(random_color_jitter(X, 0, 0, 0), X, rtol=1e-12)

    def test_what_each_factor_leaves_alone(self):
        X, one = 0.4 + 0.2 * images(), np.ones(4)
        saturated = adjust_colors(X, one, one, 0.5 * one)
        np.testing.assert_allclose(grey(saturated), grey(X))
        contrasted = adjust_colors(X, one, 0.5 * one, one)
        np.testing.assert_allclose(grey(contrasted).mean(axis=(2, 3)), grey(X).mean(axis=(2, 3)))
        np.testing.assert_allclose(adjust_colors(X, 1.1 * one, one, one), 1.1 * X)

    def test_values_stay_between_0_and_1(self):
        changed = random_color_jitter(images(N=40), 1, 1, 1)
        assert changed.min() == 0 and changed.max() == 1

    @pytest.mark.parametrize("amounts", [(1.2, 0, 0), (0, -0.1, 0)])
    def test_wrong_amounts_are_refused(self, amounts):
        with pytest.raises(ValueError, match="expected a number from 0 to 1"):
            random_color_jitter(images(), *amounts)

    @pytest.mark.parametrize("change", [random_color_jitter, color_components, CHANGES["pca"]])
    def test_another_range_is_refused(self, change):
        with pytest.raises(ValueError, match=r"expected pixel values from 0 \(black\) to 1 \(white\).*divide values"):
            change(255 * images())
        with pytest.raises(ValueError, match="red, green and blue"):
            change(images()[:, :2])

    def test_components_are_those_of_the_covariance(self):
        X = images(N=20)
        values, vectors = color_components(X)
        covariance = np.cov(X.transpose(1, 0, 2, 3).reshape(3, -1), bias=True)
        np.testing.assert_allclose(vectors @ np.diag(values) @ vectors.T, covariance, rtol=1e-9, atol=1e-12)
        assert values[0] >= values[1] >= values[2]

    def test_additions_have_the_spread_of_the_formula(self):
        """Along component i the standard deviation is std times eigenvalue i; within an image they are constant."""
        X = np.full((20_000, 3, 1, 2), 0.5)
        values, vectors = COMPONENTS
        added = random_pca_jitter(X, values, vectors, std=0.3) - X
        np.testing.assert_allclose(added[..., 0], added[..., 1])
        along = added[:, :, 0, 0] @ vectors
        np.testing.assert_allclose(along.std(axis=0), 0.3 * values, rtol=0.03)

    def test_wrong_components_are_refused(self):
        values, vectors = COMPONENTS
        for arguments, name in (((values[:2], vectors), "eigenvalues"), ((values, vectors[:2]), "eigenvectors")):
            with pytest.raises(ValueError, match=f"{name} has shape"):
                pca_jitter(images(), *arguments, np.zeros((4, 3)))
        with pytest.raises(ValueError, match="alphas has shape"):
            pca_jitter(images(), values, vectors, np.zeros(3))


def test_more_wrong_arguments_are_refused():
    X = np.full((2, 3, 4, 5), 0.5)
    two = np.array([2, 2])
    with pytest.raises(ValueError, match=r"expected \(N, C, H, W\): a batch of images. X\[None\]"):
        random_flip(X[0])
    with pytest.raises(TypeError, match="X has dtype uint8"):  # grey of whole numbers would be 0
        grey((255 * X).astype(np.uint8))
    with pytest.raises(ValueError, match="inside images with a side of 5"):
        crop_and_scale(X, 0 * two, 2 * two, two, two)
    with pytest.raises(ValueError, match="factors of at least 0"):
        adjust_colors(X, np.array([1.0, -1.0]), np.ones(2), np.ones(2))
    with pytest.raises(ValueError, match="least is 'a'"):
        random_crop_and_scale(X, "a")


# ---- alternating flips and reflected translations


def test_flips_alternate():
    """Half of the images in the first epoch, the others in the second, and so on; another seed makes other halves."""
    epochs = [alternating_flips(1000, epoch, seed=4) for epoch in range(4)]
    assert 400 < epochs[0].sum() < 600
    for before, after in zip(epochs[:-1], epochs[1:], strict=True):
        np.testing.assert_array_equal(before, ~after)
    assert np.any(alternating_flips(1000, 0, seed=5) != epochs[0])
    with pytest.raises(ValueError, match="epoch is -1"):
        alternating_flips(3, -1)


def test_mirrored():
    X = images()
    chosen = np.array([True, False, False, True])
    result = mirrored(X, chosen)
    np.testing.assert_array_equal(result[chosen], X[chosen][..., ::-1])
    np.testing.assert_array_equal(result[~chosen], X[~chosen])


def test_translations_are_crops_of_reflected_images():
    X, downs, rights = images(), np.array([2, 0, -3, 1]), np.array([-1, 0, 2, 5])
    padded = np.pad(X, ((0, 0), (0, 0), (5, 5), (5, 5)), mode="reflect")
    for image, frame, down, right in zip(translate(X, downs, rights), padded, downs, rights, strict=True):
        np.testing.assert_array_equal(image, frame[:, 5 - down : 12 - down, 5 - right : 11 - right])


def test_random_translations_reach_every_shift_alike():
    """The pixel in the middle of an image moves to each of the 5 x 5 positions equally often."""
    X = np.zeros((5000, 1, 7, 7), np.uint8)
    X[:, :, 3, 3] = 1
    counts = random_translation(X, most=2).sum(axis=(0, 1))[1:6, 1:6]
    assert X.sum() == counts.sum() and counts.min() > 130


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_cutout(dtype):
    X = (images() * 10).astype(dtype)
    rows, columns = np.array([-2, 0, 5, 9]), np.array([3, -3, 4, 0])
    expected = X.copy()
    for image, row, column in zip(expected, rows, columns, strict=True):
        image[:, max(row, 0) : max(row + 3, 0), max(column, 0) : max(column + 3, 0)] = [[[1.0]], [[2.0]], [[3.0]]]
    covered = cutout(X, rows, columns, 3, np.array([0.8, 2.1, 3.4]) if dtype == np.uint8 else np.arange(1.0, 4))
    np.testing.assert_array_equal(covered, expected)
    assert covered.dtype == dtype
    np.testing.assert_array_equal(cutout(X, rows, columns, 0), X)


def test_random_cutout_has_its_centre_anywhere():
    """A square of 3 x 3 with its centre at the border is cut in half; each pixel is the centre equally often."""
    covered = random_cutout(np.ones((7000, 1, 7, 5)), 3) == 0
    area = covered.sum(axis=(1, 2, 3))
    assert set(area) == {4, 6, 9}  # in a corner, at a side, inside
    counts = covered.mean(axis=(0, 1)) * 35
    np.testing.assert_allclose(counts[1:-1, 1:-1], 9, atol=1)
    np.testing.assert_allclose(counts[[0, 0, -1, -1], [0, -1, 0, -1]], 4, atol=0.7)


def test_translations_that_do_not_fit_are_refused():
    X = images()
    with pytest.raises(ValueError, match="an image of 6 pixels moves by 5 at most"):
        translate(X, np.zeros(4, int), np.full(4, 6))
    with pytest.raises(ValueError, match="downs has shape"):
        translate(X, np.zeros(3, int), np.zeros(4, int))
