"""Grids of images: their shapes, ranges and contents, and constant images. Paths, and animated lines."""

import imageio.v3 as imageio
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

from cs231n.vis_utils import animate_lines, image_rows, plot_paths, vis_grid, vis_nn, visualize_grid


@pytest.mark.parametrize(
    "shape, padding, expected",
    [
        ((1, 4, 5, 3), 1, (4, 5, 3)),  # a single image needs no gap
        ((4, 4, 5, 3), 1, (9, 11, 3)),
        ((5, 4, 5, 3), 1, (14, 17, 3)),  # four of nine cells stay empty
        ((9, 4, 5, 1), 0, (12, 15, 1)),
        ((2, 1, 1, 3), 3, (5, 5, 3)),
    ],
)
def test_visualize_grid_shape(shape, padding, expected):
    assert visualize_grid(np.random.randn(*shape), padding=padding).shape == expected


def test_visualize_grid_rescales_each_image_on_its_own():
    Xs = np.random.randn(5, 4, 6, 3) * np.array([1e-9, 1, 1e3, 1, 1e9]).reshape(-1, 1, 1, 1) - 7
    grid = visualize_grid(Xs, ubound=100.0, padding=2)

    for i, X in enumerate(Xs):
        row, column = i // 3 * 6, i % 3 * 8
        expected = 100 * (X - X.min()) / (X.max() - X.min())
        np.testing.assert_allclose(grid[row : row + 4, column : column + 6], expected)
    assert np.all(grid[4:6] == 0)  # a gap
    assert np.all(grid[6:, 16:] == 0)  # an unused cell


@pytest.mark.parametrize("make", [visualize_grid, vis_grid, lambda Xs: vis_nn([Xs])])
@pytest.mark.parametrize("value", [0.0, -3.0, 255.0])
def test_constant_images_become_zero_not_nan(make, value):
    grid = make(np.full((1, 3, 3, 2), value))

    np.testing.assert_array_equal(grid, np.zeros((3, 3, 2)))


def test_visualize_grid_of_one_constant_image_among_others():
    Xs = np.random.randn(4, 3, 3, 1)
    Xs[2] = 5.0
    grid = visualize_grid(Xs)

    assert np.all(np.isfinite(grid))
    assert np.all(grid[4:, :3] == 0)
    assert grid.max() == 255


@pytest.mark.parametrize("make", [visualize_grid, vis_grid, lambda Xs: vis_nn([Xs])])
def test_bytes_give_the_same_as_floats_and_are_not_changed(make):
    Xs = np.random.randint(0, 256, (4, 3, 5, 3), dtype=np.uint8)
    Xs.flags.writeable = False

    np.testing.assert_array_equal(make(Xs), make(Xs.astype(np.float64)))


def test_vis_grid_rescales_all_images_together():
    Xs = np.random.randn(3, 4, 5, 3)
    grid = vis_grid(Xs)

    assert grid.shape == (9, 11, 3)
    np.testing.assert_allclose(grid[:4, 6:], (Xs[1] - Xs.min()) / (Xs.max() - Xs.min()))
    assert np.all(grid[4] == 1)
    assert np.all(grid[5:, 6:] == 1)


def test_vis_nn_keeps_the_rows():
    rows = np.random.randn(2, 4, 5, 6, 3)
    grid = vis_nn([list(row) for row in rows])

    assert grid.shape == (11, 27, 3)
    np.testing.assert_array_equal(vis_nn(rows), grid)
    np.testing.assert_allclose(grid[6:, 14:20], (rows[1, 2] - rows.min()) / (rows.max() - rows.min()))


@pytest.mark.parametrize("make", [visualize_grid, vis_grid])
@pytest.mark.parametrize("shape", [(4, 32, 32), (32, 32), (0, 4, 4, 3)])
def test_a_wrong_shape_is_named(make, shape):
    with pytest.raises(ValueError, match=r"expected \(N, H, W, C\)"):
        make(np.zeros(shape))


def test_negative_padding_is_refused():
    with pytest.raises(ValueError, match="at least 0"):
        visualize_grid(np.zeros((1, 2, 2, 3)), padding=-1)


IMAGE = np.zeros((4, 4, 3))


@pytest.mark.parametrize(
    "rows", [[], [[]], [[IMAGE], [IMAGE, IMAGE]], [[IMAGE, IMAGE[1:]]], [[IMAGE[0]]]]
)  # no rows, an empty row, rows of two lengths, images of two shapes, no channels
def test_vis_nn_says_what_is_uneven(rows):
    with pytest.raises(ValueError, match="expected rows of equal length"):
        vis_nn(rows)


def test_image_rows_draws_each_image_and_no_empty_axes():
    """Rows may differ in length; each begins with its name, and no axes have ticks or a frame around nothing."""
    fig = image_rows({"two": np.zeros((2, 4, 5, 3)), "one": np.ones((1, 4, 5))})
    assert [ax.images[0].get_array().shape for ax in fig.axes] == [(4, 5, 3), (4, 5, 3), (4, 5)]
    assert [ax.get_ylabel() for ax in fig.axes] == ["two", "", "one"]
    assert not any(len(ax.get_xticks()) or len(ax.get_yticks()) for ax in fig.axes)
    plt.close(fig)


@pytest.mark.parametrize("rows", [{}, {"none": np.zeros((0, 4, 4, 3))}])
def test_image_rows_says_that_there_is_no_image(rows):
    with pytest.raises(ValueError, match="rows has no images"):
        image_rows(rows)


PATHS = {"short": np.array([[0.0, 2.0], [1.0, 1.0]]), "long": np.stack([np.linspace(-1, 1, 9), np.zeros(9)], axis=1)}


def bowl(x, y):
    return x**2 + y**2


def drawn(f=bowl):
    fig = Figure(figsize=(4, 3), dpi=50)
    return fig, plot_paths(fig.subplots(), f, PATHS, (-1, 3), (-2, 2))


def test_plot_paths_draws_each_path_and_contours_that_fit():
    fig, lines = drawn()
    [ax] = fig.axes

    assert [line.get_label() for line in lines] == ["short", "long"]
    for line, points in zip(lines, PATHS.values(), strict=True):
        np.testing.assert_array_equal(line.get_xydata(), points)
    assert ax.get_xlim() == (-1, 3) and ax.get_ylim() == (-2, 2)
    [contours] = ax.collections
    assert len(contours.levels) == len(contours.get_paths()) == 10
    for level, circle in zip(contours.levels, contours.get_paths(), strict=True):
        np.testing.assert_allclose(bowl(*circle.vertices.T), level, rtol=0.02)


def test_plot_paths_takes_a_function_with_a_plateau():
    drawn(lambda x, y: np.where(x > 0, x, 0))  # half of the quantiles are equal, but contour needs increasing levels


def test_animation_grows_from_one_point_to_the_whole_figure():
    fig, lines = drawn()
    frames = imageio.imread(animate_lines(fig, lines, num_frames=5), extension=".gif")

    assert frames.shape == (5, 150, 200, 3)
    changed = [np.any(frame != frames[-1], axis=-1).sum() for frame in frames.astype(int)]
    assert changed == sorted(changed, reverse=True) and changed[0] > changed[3] > changed[4] == 0


def test_animation_repeats_forever_and_pauses_at_the_end():
    fig, lines = drawn()
    data = animate_lines(fig, lines, num_frames=4, seconds=2.0)

    durations = [imageio.immeta(data, extension=".gif", index=i)["duration"] for i in range(4)]
    assert durations == [500, 500, 500, 1000]
    assert imageio.immeta(data, extension=".gif", index=0)["loop"] == 0


def test_animation_does_not_change_the_figure():
    fig, lines = drawn()
    canvas = fig.canvas
    animate_lines(fig, lines, num_frames=2)

    assert fig.canvas is canvas and all(line.get_visible() for line in lines)
    for line, points in zip(lines, PATHS.values(), strict=True):
        np.testing.assert_array_equal(line.get_xydata(), points)


@pytest.mark.parametrize("num_lines, num_frames", [(0, 5), (1, 1), (1, 0)])
def test_animation_says_what_is_missing(num_lines, num_frames):
    fig, lines = drawn()
    with pytest.raises(ValueError, match="expected at least one|expected an integer of at least 2"):
        animate_lines(fig, lines[:num_lines], num_frames)
