"""Arrange images in a grid or in rows, plot the paths of update rules, animate lines, and show figures.

Images have the channels last, (H, W, C), as `imshow` expects. The grids need only NumPy; the other functions import
what they need when they are called. Only `show_figure` shows a figure.
"""

from io import BytesIO
from itertools import cycle
from math import ceil, sqrt

import numpy as np

from cs231n._errors import require_whole


def show_figure(alt):
    """Show the figures that are open, as `plt.show()` does, and describe them to readers who cannot see them.

    In a notebook, the description is stored beside the image, as ``{"image/png": {"alt": alt}}`` in the metadata of
    the output. JupyterLab as `make lab` opens it, and nbconvert's template "classic", make it the ``alt`` of the image,
    which a screen reader reads aloud. With another backend than Matplotlib's inline one, this is `plt.show()`.

    Parameters
    ----------
    alt : str
        One or two sentences: the kind of figure, its axes and what it shows. It must hold for every seed and data set:
        where a value depends on the run, say what is plotted, not the value.

    Raises
    ------
    ValueError
        If alt is not a text, or empty.

    Examples
    --------
    >>> show_figure("")
    Traceback (most recent call last):
    ValueError: alt is '', expected a sentence that says what the figure shows.
    """
    import matplotlib.pyplot as plt

    if not isinstance(alt, str) or not alt.strip():
        raise ValueError(f"alt is {alt!r}, expected a sentence that says what the figure shows.")
    if "inline" not in plt.get_backend():
        plt.show()
        return
    for number in plt.get_fignums():
        _publish(plt.figure(number), alt)
    plt.close("all")


def _publish(figure, alt):
    """Send a figure to the notebook in the formats that are switched on, with an alt text for each image."""
    from IPython import get_ipython
    from IPython.display import publish_display_data

    data, metadata = get_ipython().display_formatter.format(figure)
    described = {kind: metadata.get(kind, {}) | {"alt": alt} for kind in data if kind.startswith("image/")}
    publish_display_data(data, metadata | described)


def visualize_grid(Xs, ubound=255.0, padding=1):
    """Arrange images in a square grid, each one rescaled to the full range from 0 to ubound.

    Rescaling makes weights and gradients visible, which may be negative or tiny; a constant image becomes 0. The gaps
    between images, and unused cells of the grid, are 0.

    Parameters
    ----------
    Xs : ndarray of shape (N, H, W, C)
    ubound : float
        The largest value of each image in the grid.
    padding : int
        Width of the gaps, in pixels.

    Returns
    -------
    ndarray of shape (G * (H + padding) - padding, G * (W + padding) - padding, C)
        G is the square root of N, rounded up.

    Raises
    ------
    ValueError
        If Xs does not have four axes or has no images, or if padding is negative or not an integer.

    Examples
    --------
    >>> visualize_grid(np.array([-1.0, 0.0, 3.0]).reshape(1, 1, 3, 1))[0, :, 0]
    array([  0.  ,  63.75, 255.  ])
    >>> visualize_grid(np.random.randn(50, 32, 32, 3)).shape
    (263, 263, 3)
    """
    Xs = _as_float_images(Xs)
    require_whole("padding", padding, least=0)
    low = Xs.min(axis=(1, 2, 3), keepdims=True)
    span = Xs.max(axis=(1, 2, 3), keepdims=True) - low
    return _grid(ubound * ((Xs - low) / np.where(span > 0, span, 1)), fill=0.0, padding=padding)


def vis_grid(Xs):
    """Arrange images in a square grid, all rescaled together to the range from 0 to 1.

    Gaps and unused cells are 1 (white).

    Parameters
    ----------
    Xs : ndarray of shape (N, H, W, C)

    Returns
    -------
    ndarray of shape (G * (H + 1) - 1, G * (W + 1) - 1, C)
        G is the square root of N, rounded up.

    Examples
    --------
    >>> vis_grid(np.array([10.0, 30.0]).reshape(2, 1, 1, 1))[..., 0]
    array([[0., 1., 1.],
           [1., 1., 1.],
           [1., 1., 1.]])
    """
    return _grid(_rescaled(_as_float_images(Xs)), fill=1.0)


def vis_nn(rows):
    """Arrange rows of images in a grid, all rescaled together to the range from 0 to 1.

    A row may be an image and its nearest neighbours, for example.

    Parameters
    ----------
    rows : list of N lists of D images, each of shape (H, W, C)
        Or an array of shape (N, D, H, W, C).

    Returns
    -------
    ndarray of shape (N * (H + 1) - 1, D * (W + 1) - 1, C)

    Raises
    ------
    ValueError
        If the rows differ in length or the images in shape.

    Examples
    --------
    >>> vis_nn([[np.zeros((4, 5, 3))] * 6] * 2).shape
    (9, 35, 3)
    """
    shapes = {np.shape(image) for row in rows for image in row}
    lengths = {len(row) for row in rows}
    if len(shapes) != 1 or len(lengths) != 1 or len(next(iter(shapes))) != 3:
        raise ValueError(
            f"rows have lengths {sorted(lengths)} and images of shapes {sorted(shapes)}, "
            "expected rows of equal length with images of one shape (H, W, C)."
        )
    rows = np.asarray(rows)
    return _grid(_rescaled(_as_float_images(rows.reshape(-1, *rows.shape[2:]))), fill=1.0, columns=rows.shape[1])


def image_rows(rows, figsize=None):
    """Draw rows of images, each row with its name on the left.

    Parameters
    ----------
    rows : dict
        Name -> images of shape (N, H, W, C) or (N, H, W), as `imshow` takes them; N may differ.
    figsize : pair of float, optional
        In inches.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If there is no image at all.

    Examples
    --------
    >>> fig = image_rows({"dark": np.zeros((3, 4, 4)), "light": np.ones((2, 4, 4))})
    >>> [ax.get_ylabel() for ax in fig.axes]
    ['dark', '', '', 'light', '']
    """
    import matplotlib.pyplot as plt

    columns = max(map(len, rows.values()), default=0)
    if not columns:
        raise ValueError("rows has no images; expected a dict from names to images, with at least one image.")
    fig, axes = plt.subplots(len(rows), columns, figsize=figsize, layout="constrained", squeeze=False)
    for line, (name, images) in zip(axes, rows.items(), strict=True):
        line[0].set_ylabel(name, rotation=0, ha="right", va="center")
        for ax, image in zip(line, images, strict=False):
            ax.imshow(image)
            ax.set(xticks=[], yticks=[])
        for ax in line[len(images) :]:
            ax.remove()
    return fig


def _as_float_images(Xs):
    """Convert Xs to floating point: in uint8, the dtype of pixels, 3 - 5 is 254."""
    Xs = np.asarray(Xs)
    if Xs.ndim != 4 or Xs.size == 0:
        raise ValueError(
            f"Xs has shape {Xs.shape}, expected (N, H, W, C) with at least one image. Xs[None] adds N = 1; "
            "Xs[..., None] adds C = 1; Xs.transpose(0, 2, 3, 1) moves the channels to the end."
        )
    return Xs if np.issubdtype(Xs.dtype, np.floating) else Xs.astype(np.float64)


def _rescaled(Xs):
    """Rescale Xs to the range from 0 to 1; a constant Xs becomes 0."""
    span = Xs.max() - Xs.min()
    return (Xs - Xs.min()) / (span if span > 0 else 1)


def _grid(Xs, fill, padding=1, columns=None):
    """Arrange images (N, H, W, C) row by row on a background of `fill`, in a square grid unless `columns` is given."""
    N, H, W, C = Xs.shape
    rows = ceil(sqrt(N)) if columns is None else N // columns
    columns = columns or rows
    tiles = np.full((rows * columns, H + padding, W + padding, C), fill, dtype=Xs.dtype)
    tiles[:N, :H, :W] = Xs
    tiles = tiles.reshape(rows, columns, H + padding, W + padding, C).swapaxes(1, 2)
    return tiles.reshape(rows * (H + padding), columns * (W + padding), C)[: -padding or None, : -padding or None]


def plot_paths(ax, f, paths, xlim, ylim):
    """Draw the contour lines of a function of two variables, and paths over them with a mark for each point.

    Parameters
    ----------
    ax : matplotlib Axes
    f : callable
        Takes arrays x and y of one shape, returns an array of that shape.
    paths : dict
        Name -> array of shape (T, 2), the points (x, y) of the path in order.
    xlim, ylim : pair of float
        The visible range of x and y.

    Returns
    -------
    list of matplotlib Line2D
        One for each path, as `animate_lines` takes them.

    Examples
    --------
    >>> import matplotlib.figure
    >>> ax = matplotlib.figure.Figure().subplots()
    >>> paths = {"down": np.array([[0.0, 2.0], [0.0, 1.0]])}
    >>> [line.get_label() for line in plot_paths(ax, lambda x, y: x**2 + y**2, paths, (-1, 1), (-3, 3))]
    ['down']
    """
    x, y = np.meshgrid(np.linspace(*xlim, 200), np.linspace(*ylim, 200))
    height = f(x, y)
    levels = np.unique(np.quantile(height, np.linspace(0, 1, 12)[1:-1]))  # equal areas between the lines
    ax.contour(x, y, height, levels=levels, colors="0.85", linewidths=1)
    styles = zip(cycle(("-", "--", "-.", ":")), cycle((".", "^", "x")))  # twelve pairs: colour is not needed
    lines = []
    for (name, points), (line, marker) in zip(paths.items(), styles, strict=False):
        lines += ax.plot(*np.transpose(points), line, marker=marker, markersize=4, linewidth=1.2, label=name)
    ax.set(xlim=xlim, ylim=ylim, xlabel="x", ylabel="y")
    return lines


def animate_lines(fig, lines, num_frames=40, seconds=6.0):
    """Make an animated GIF in which the lines of a figure grow from their first point to their last.

    All lines are complete at the same time. The last frame stays for a second, then the animation repeats. The figure
    itself is not changed.

    Parameters
    ----------
    fig : matplotlib Figure
    lines : list of matplotlib Line2D
        The lines of the figure that grow; everything else stays the same and is drawn below them.
    num_frames : int
    seconds : float
        Duration of one repetition.

    Returns
    -------
    bytes
        The GIF file; ``IPython.display.Image(data=...)`` shows it.

    Raises
    ------
    ValueError
        If there are no lines or fewer than two frames.
    """
    import imageio.v3 as imageio

    if not lines:
        raise ValueError("there are no lines; expected at least one, such as plot_paths returns.")
    require_whole("num_frames", num_frames, least=2)
    points = [line.get_xydata().copy() for line in lines]
    canvas = fig.canvas
    try:
        frames = list(_frames(fig, lines, points, np.linspace(0, 1, num_frames)))
    finally:
        fig.set_canvas(canvas)
        _grow(lines, points, 1.0)
    duration = [1000 * seconds / num_frames] * (num_frames - 1) + [1000]
    buffer = BytesIO()
    imageio.imwrite(buffer, np.stack(frames), extension=".gif", plugin="pillow", duration=duration, loop=0)
    return buffer.getvalue()


def _frames(fig, lines, points, shares):
    """Yield the figure as an image (H, W, 3) of uint8 for each share of the lines that is drawn."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(fig)
    for line in lines:
        line.set_visible(False)
    canvas.draw()
    for line in lines:
        line.set_visible(True)
    background = canvas.copy_from_bbox(fig.bbox)  # drawn once: it takes a hundred times longer than the lines
    for share in shares:
        canvas.restore_region(background)
        _grow(lines, points, share)
        for line in lines:
            line.axes.draw_artist(line)
        pixels = np.asarray(canvas.buffer_rgba())[..., :3].astype(int)
        yield (pixels * 7 // 255 * 255 // 7).astype(np.uint8)  # 8 levels: fewer colours make the file ten times smaller


def _grow(lines, points, share):
    """Set each line to the first `share` of its points."""
    for line, xy in zip(lines, points, strict=True):
        line.set_data(*xy[: 1 + round(share * (len(xy) - 1))].T)
