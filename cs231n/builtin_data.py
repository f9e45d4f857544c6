"""The built-in data set: ten classes of small images, drawn by arithmetic alone.

It replaces CIFAR-10 where that has not been downloaded, and has the same form: RGB images of 32x32 pixels, 50,000 for
training and 10,000 for testing. Each image shows one object (a sun, a fish, ...) of random size and position, slightly
tilted, lighter or darker than its background: an unevenly lit, grainy landscape covered with spots. Colour tells
something about the class and shape tells more, so a method does better the more of both it can use.

The images are identical to the bit on every machine. Two rules ensure that, and every change to this file must respect
them:

- randomness comes only from `np.random.RandomState.random_sample`, whose stream NumPy has frozen;
- arithmetic on images is elementwise `+ - * /`, `sqrt`, `floor`, `abs`, `minimum` and `maximum` of float32 arrays with
  one another or with Python's own numbers, where IEEE 754 determines every bit. Not allowed are sums over an axis,
  matrix products, sines and powers, which may differ between machines, and NumPy scalars, which some versions turn into
  float64.

`n` images of a class are drawn at once. One value for each image has shape (n, 1, 1), a plane (n, 32, 32), a colour
(3, n, 1, 1), a canvas (3, n, 32, 32). Colours range from 0 to 1. An object is drawn around the origin, within a radius
of about 1, with x to the right and y up.
"""

import functools
import math
import os
import warnings
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cs231n._files import replacing

__all__ = ["CLASS_NAMES", "load_builtin_data", "make_builtin_data"]

SIZE = 32
BATCH = 500            # images that are drawn from one seed, equally many of each class
TRAIN_SEED = 231
TEST_SEED = 1_000_231  # so far away that the seeds of training batches never reach it
NUM_TRAIN, NUM_TEST = 50_000, 10_000

# The difficulty. Every method can use hues, even nearest neighbours; random positions and sizes make it hard for those
# that compare pixel by pixel; contrast, tilt, spots and grain make it hard for those that look at edges.
HUE_KEPT = 0.55              # fraction of skies, and of grounds, in the usual hue of the class
COAT_KEPT = 0.6              # fraction of objects in their usual hue
HUE_SPREAD = 0.1             # the usual hue varies by plus or minus this much
SKY_VALUE = (0.4, 0.85)      # brightness
SKY_SATURATION = (0.2, 0.7)
COAT_SATURATION = (0.5, 0.95)
CONTRAST = (0.12, 0.5)       # how much brighter or darker the object is than its sky
RADIUS = (0.34, 0.66)        # of the object, where 1 is half the image
SHIFT = 0.45                 # largest distance from the centre, on each axis
LIGHT = 0.2                  # change of brightness from the centre towards one side
RELIEF = (0.0, 0.15)         # brightness that an object gains towards its top
CLOUD = (0.0, 0.15)
GRAIN = (0.02, 0.08)
SPOT = (0.2, 0.9)            # how opaque


# Shapes. A shape is a function of x and y that returns the distance to its edge: negative inside, positive outside.

Shape = Callable[[np.ndarray, np.ndarray], np.ndarray]


def disc(cx: float, cy: float, radius: float) -> Shape:
    def distance(x, y):
        dx, dy = x - cx, y - cy
        return np.sqrt(dx * dx + dy * dy) - radius
    return distance


def ellipse(cx: float, cy: float, rx: float, ry: float) -> Shape:
    unit = disc(0, 0, 1)
    return lambda x, y: unit((x - cx) * (1 / rx), (y - cy) * (1 / ry)) * min(rx, ry)


def box(cx: float, cy: float, half_width: float, half_height: float) -> Shape:
    return lambda x, y: np.maximum(np.abs(x - cx) - half_width, np.abs(y - cy) - half_height)


def polygon(*corners: tuple[float, float]) -> Shape:
    """The convex polygon with these corners, in anticlockwise order."""
    sides = [side(*ends) for ends in zip(corners, corners[1:] + corners[:1], strict=True)]
    return lambda x, y: functools.reduce(np.maximum, (x * nx + y * ny - offset for nx, ny, offset in sides))


def side(start: tuple[float, float], end: tuple[float, float]) -> tuple[float, float, float]:
    """The line through two points as nx * x + ny * y = offset, where (nx, ny) is its unit normal to the right."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = math.sqrt(dx * dx + dy * dy)
    return dy / length, -dx / length, (dy * start[0] - dx * start[1]) / length


def union(*shapes: Shape) -> Shape:
    return lambda x, y: functools.reduce(np.minimum, (shape(x, y) for shape in shapes))


def common(*shapes: Shape) -> Shape:
    return lambda x, y: functools.reduce(np.maximum, (shape(x, y) for shape in shapes))


def without(shape: Shape, hole: Shape) -> Shape:
    return lambda x, y: np.maximum(shape(x, y), -hole(x, y))


def fivefold(shape: Shape) -> Shape:
    """Five copies of `shape`, which points up from the centre, in a star: reflections fold the plane onto one copy."""
    cos36, sin36 = 0.80901699, 0.58778525

    def distance(x, y):
        for _ in range(2):
            x = np.abs(x)
            beyond = np.maximum(x * cos36 - y * sin36, 0) * 2
            x, y = x - beyond * cos36, y + beyond * sin36
        return shape(x, y)
    return distance


def eightfold(shape: Shape) -> Shape:
    """Eight copies of `shape`, which points to the right from the centre, in a star."""
    def distance(x, y):
        x, y = np.abs(x), np.abs(y)
        x, y = np.maximum(x, y), np.minimum(x, y)
        return np.minimum(shape(x, y), shape((x + y) * math.sqrt(0.5), (x - y) * math.sqrt(0.5)))
    return distance


# What each class looks like.

RED, ORANGE, YELLOW, LIME, GREEN, TEAL, SKY, BLUE, VIOLET, PINK = (tenth / 10 for tenth in range(10))


class Kind(NamedTuple):
    """A class: its usual hues, its largest tilt (tangent of half the angle), its layers from back to front."""

    name: str
    sky: float
    ground: float
    coat: float
    tilt: float
    layers: tuple[tuple[str, Shape], ...]  # name of the colour, shape


KINDS = (
    Kind("sun", SKY, YELLOW, ORANGE, 0.24, (
        ("coat", eightfold(polygon((0.5, -0.17), (1.0, 0.0), (0.5, 0.17)))),
        ("coat", disc(0, 0, 0.55)),
    )),
    Kind("flower", GREEN, LIME, PINK, 0.24, (
        ("trim", box(0, -0.65, 0.07, 0.4)),
        ("coat", fivefold(ellipse(0, 0.55, 0.28, 0.42))),
        ("mark", disc(0, 0, 0.26)),
    )),
    Kind("star", VIOLET, BLUE, YELLOW, 0.24, (
        ("coat", fivefold(polygon((0.0, 0.0), (0.25, 0.3), (0.0, 1.05), (-0.25, 0.3)))),
    )),
    Kind("moon", BLUE, VIOLET, YELLOW, 0.36, (
        ("coat", without(disc(0, 0, 0.9), disc(0.42, 0.15, 0.72))),
    )),
    Kind("house", TEAL, ORANGE, RED, 0.07, (
        ("coat", box(0, -0.35, 0.68, 0.5)),
        ("trim", polygon((-0.95, 0.1), (0.95, 0.1), (0.0, 0.9))),
        ("mark", box(-0.2, -0.55, 0.17, 0.3)),
        ("mark", box(0.32, -0.25, 0.15, 0.15)),
    )),
    Kind("sailboat", SKY, BLUE, ORANGE, 0.14, (
        ("coat", polygon((-0.6, -0.8), (0.6, -0.8), (0.9, -0.4), (-0.9, -0.4))),
        ("trim", polygon((0.05, -0.3), (0.75, -0.3), (0.05, 0.95))),
        ("trim", polygon((-0.65, -0.3), (-0.08, -0.3), (-0.08, 0.7))),
    )),
    Kind("tree", SKY, GREEN, LIME, 0.10, (
        ("mark", box(0, -0.65, 0.13, 0.35)),
        ("coat", polygon((-0.75, -0.45), (0.75, -0.45), (0.0, 0.35))),
        ("coat", polygon((-0.6, 0.0), (0.6, 0.0), (0.0, 0.65))),
        ("coat", polygon((-0.42, 0.4), (0.42, 0.4), (0.0, 1.0))),
    )),
    Kind("mushroom", GREEN, ORANGE, RED, 0.10, (
        ("trim", polygon((-0.28, -0.9), (0.28, -0.9), (0.17, 0.1), (-0.17, 0.1))),
        ("coat", common(ellipse(0, 0, 0.9, 0.85), box(0, 0.5, 1, 0.5))),
        ("trim", union(disc(-0.42, 0.28, 0.14), disc(0.05, 0.5, 0.17), disc(0.48, 0.22, 0.12))),
    )),
    Kind("fish", TEAL, TEAL, ORANGE, 0.19, (
        ("trim", polygon((-1.0, -0.5), (-0.4, 0.0), (-1.0, 0.5))),
        ("coat", ellipse(0.12, 0, 0.82, 0.48)),
        ("mark", disc(0.55, 0.1, 0.1)),
    )),
    Kind("balloon", PINK, SKY, VIOLET, 0.12, (
        ("coat", union(disc(0, 0.3, 0.68), polygon((-0.2, -0.5), (0.2, -0.5), (0.6, 0.0), (-0.6, 0.0)))),
        ("trim", ellipse(0, 0.3, 0.25, 0.66)),
        ("mark", box(0, -0.78, 0.2, 0.16)),
    )),
)
CLASS_NAMES = tuple(kind.name for kind in KINDS)


# Random choices.

class Dice:
    """Draws a value, a hue or a piece of texture for each of `n` images, from one seed."""

    def __init__(self, seed: int):
        self.rng = np.random.RandomState(seed)

    def order(self, count: int) -> np.ndarray:
        """0, 1, ..., count - 1 in random order."""
        return np.argsort(self.rng.random_sample(count), kind="stable")

    def between(self, n: int, low: float, high: float) -> np.ndarray:
        values = low + (high - low) * self.rng.random_sample(n)
        return values.astype(np.float32)[:, None, None]  # (n,) -> (n, 1, 1)

    def chance(self, n: int, share: float) -> np.ndarray:
        """True for a fraction `share` of the images, on average."""
        return self.between(n, 0, 1) < share

    def sign(self, n: int) -> np.ndarray:
        return np.where(self.chance(n, 0.5), np.float32(1), np.float32(-1))

    def hue(self, n: int, usual: float, kept: float) -> np.ndarray:
        """A hue near the usual one for a fraction `kept` of the images, any hue for the others."""
        near = self.between(n, usual - HUE_SPREAD, usual + HUE_SPREAD)
        return np.where(self.chance(n, kept), near, self.between(n, 0, 1))

    def direction(self, n: int, tilt: float) -> tuple[np.ndarray, np.ndarray]:
        """Cosine and sine of a random angle; the tangent of half the angle is between -tilt and tilt."""
        t = self.between(n, -tilt, tilt)
        return (1 - t * t) / (1 + t * t), 2 * t / (1 + t * t)

    def piece(self, n: int, plane: np.ndarray) -> np.ndarray:
        """Squares cut from random positions of a texture: (side, side) -> (n, 32, 32)."""
        squares = np.lib.stride_tricks.sliding_window_view(plane, (SIZE, SIZE))
        row, column = np.floor(self.rng.random_sample((2, n)) * len(squares)).astype(np.intp)
        return squares[row, column]


# Textures: planes of shape (192, 192), computed once, from which images take pieces.

@functools.cache
def textures() -> dict[str, np.ndarray]:
    dice = Dice(TRAIN_SEED - 1)
    return {"grain": noise(dice), "cloud": clouds(dice), "spots": spots(dice)}


def noise(dice: Dice, side: int = 192) -> np.ndarray:
    return dice.between(side * side, -0.5, 0.5).reshape(side, side)


def clouds(dice: Dice) -> np.ndarray:
    """Noise, smoothed by averages of each point and those at distances 1, 2 and 4, with edges that wrap around."""
    plane = noise(dice) * 12
    for step in (1, 2, 4, 2, 1):
        for axis in (0, 1):
            plane = (np.roll(plane, step, axis) + plane * 2 + np.roll(plane, -step, axis)) * 0.25
    return plane


def spots(dice: Dice, side: int = 192, count: int = 70) -> np.ndarray:
    """Ellipses at random positions and angles: 1 inside, 0 outside, smooth at the edge."""
    plane = np.zeros((side, side), np.float32)
    columns, rows = np.arange(side, dtype=np.float32)[None, :], np.arange(side, dtype=np.float32)[:, None]
    for _ in range(count):
        cx, cy, rx, ry = dice.between(4, 0, 1).ravel().tolist()
        cos, sin = np.ravel(dice.direction(1, 1)).tolist()
        x, y = columns - cx * side, rows - cy * side
        spot = ellipse(0, 0, 2 + 4 * rx, 1.2 + 3 * ry)
        plane = np.maximum(plane, cover(spot(x * cos + y * sin, y * cos - x * sin), 1))
    return plane


# Paint.

ROW = ((15.5 - np.arange(SIZE)) / 16).astype(np.float32)[None, :, None]     # about 1 at the top, -1 at the bottom
COLUMN = ((np.arange(SIZE) - 15.5) / 16).astype(np.float32)[None, None, :]  # about -1 at the left, 1 at the right


def clipped(a: np.ndarray, low: float = 0, high: float = 1) -> np.ndarray:
    return np.minimum(np.maximum(a, low), high)


def rgb(hue: np.ndarray, saturation: np.ndarray, value: np.ndarray) -> np.ndarray:
    """The RGB colour, (3, n, 1, 1), of a hue (red at every integer), a saturation and a value, each (n, 1, 1)."""
    k = hue * 6 + np.array([5, 3, 1], np.float32)[:, None, None, None]
    k = k - np.floor(k * (1 / 6)) * 6
    return value - value * saturation * clipped(np.minimum(k, 4 - k))


def cover(distance: np.ndarray, pixels: float | np.ndarray) -> np.ndarray:
    """The fraction of each pixel that is inside a shape; a unit of distance has `pixels` pixels."""
    return clipped(0.5 - distance * pixels)


def blend(canvas: np.ndarray, share: np.ndarray, colour: np.ndarray) -> None:
    """Paint over the canvas: canvas <- canvas + share * (colour - canvas)."""
    canvas -= colour
    canvas *= 1 - share
    canvas += colour


# An image.

def draw(kind: Kind, n: int, dice: Dice) -> np.ndarray:
    """`n` images of a class: uint8 of shape (3, n, 32, 32)."""
    value = dice.between(n, *SKY_VALUE)
    canvas = landscape(kind, n, dice, value)
    paint_spots(canvas, n, dice)
    tone = paint_object(canvas, kind, n, dice, value)
    tone += light(n, dice)
    canvas += tone
    return clipped(canvas * 255, 0, 255).astype(np.uint8)


def landscape(kind: Kind, n: int, dice: Dice, value: np.ndarray) -> np.ndarray:
    """A sky of brightness `value` above a ground; the horizon is tilted, sharp or hazy: (3, n, 32, 32)."""
    sky = rgb(dice.hue(n, kind.sky, HUE_KEPT), dice.between(n, *SKY_SATURATION), value)
    darker = dice.between(n, -0.2, 0.2)
    ground = rgb(dice.hue(n, kind.ground, HUE_KEPT), dice.between(n, *SKY_SATURATION), value - darker)
    horizon = dice.between(n, -0.6, 0.3) + dice.between(n, -0.3, 0.3) * COLUMN
    share = clipped(0.5 + (horizon - ROW) * dice.between(n, 0.5, 4))
    return sky + share * (ground - sky)


def paint_spots(canvas: np.ndarray, n: int, dice: Dice) -> None:
    """Paint spots, in one random colour for each image."""
    colour = rgb(dice.between(n, 0, 1), dice.between(n, *COAT_SATURATION), dice.between(n, 0.1, 1))
    blend(canvas, dice.piece(n, textures()["spots"]) * dice.between(n, *SPOT), colour)


def paint_object(canvas: np.ndarray, kind: Kind, n: int, dice: Dice, value: np.ndarray) -> np.ndarray:
    """Paint the object; return how much brighter each of its points should be: (n, 32, 32)."""
    x, y, pixels = frame(n, dice, kind.tilt)
    colours = palette(kind, n, dice, value)
    inside = np.float32(0)
    for name, shape in kind.layers:
        share = cover(shape(x, y), pixels)
        blend(canvas, share, colours[name])
        inside = np.maximum(inside, share)
    return inside * y * dice.between(n, *RELIEF)


def frame(n: int, dice: Dice, tilt: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coordinates x and y of each pixel relative to the object, (n, 32, 32), and the number of pixels per unit."""
    radius = dice.between(n, *RADIUS)
    cos, sin = dice.direction(n, tilt)
    dx, dy = COLUMN - dice.between(n, -SHIFT, SHIFT), ROW - dice.between(n, -SHIFT, SHIFT)
    stretch = dice.between(n, 0.85, 1.15) * dice.sign(n)  # wide or narrow, facing left or right
    right, up = 1 / (radius * stretch), 1 / radius
    return dx * (cos * right) + dy * (sin * right), dy * (cos * up) - dx * (sin * up), radius * (SIZE / 2)


def palette(kind: Kind, n: int, dice: Dice, value: np.ndarray) -> dict[str, np.ndarray]:
    """The colours of the object: coat and trim are both brighter or both darker than the sky, marks are either."""
    step = dice.between(n, *CONTRAST) * dice.sign(n)
    hue = dice.hue(n, kind.coat, COAT_KEPT)

    def colour(turn, change):
        return rgb(hue + turn, dice.between(n, *COAT_SATURATION), clipped(value + change, 0.05, 1))
    return {
        "coat": colour(0, step),
        "trim": colour(dice.between(n, 0.1, 0.9), step * dice.between(n, 0.6, 1.4)),
        "mark": colour(dice.between(n, 0.3, 0.7), step * dice.between(n, -0.6, 0.2)),
    }


def light(n: int, dice: Dice) -> np.ndarray:
    """Light from one side, clouds and grain, as brightness to add: (n, 32, 32)."""
    tone = COLUMN * dice.between(n, -LIGHT, LIGHT) + ROW * dice.between(n, -LIGHT, LIGHT)
    tone += dice.piece(n, textures()["cloud"]) * dice.between(n, *CLOUD)
    tone += dice.piece(n, textures()["grain"]) * dice.between(n, *GRAIN)
    return tone


# The data set.


def make_builtin_data(num_train=NUM_TRAIN, num_test=NUM_TEST, progress=None):
    """Draw the data set.

    The images do not depend on how many are drawn: the first 500 of 1,000 are the same as the 500 of 500. Each block of
    500 contains 50 images of each class, shuffled.

    Parameters
    ----------
    num_train, num_test : int
        How many images to draw.
    progress : callable, optional
        Called as `progress(done, total)` from time to time.

    Returns
    -------
    X_train, y_train, X_test, y_test : arrays
        Images, uint8 of shape (num_train, 32, 32, 3) and (num_test, 32, 32, 3), and labels, int64 of shape
        (num_train,) and (num_test,), which are indices into `CLASS_NAMES`.

    Examples
    --------
    >>> X_train, y_train, X_test, y_test = make_builtin_data(500, 0)
    >>> X_train.shape, CLASS_NAMES[y_train[0]]
    ((500, 32, 32, 3), 'mushroom')
    """
    arrays = X_train, y_train, X_test, y_test = blank(checked("num_train", num_train), checked("num_test", num_test))
    run_all(batches(X_train, y_train, TRAIN_SEED) + batches(X_test, y_test, TEST_SEED), progress)
    return arrays


def checked(name: str, count: int) -> int:
    if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or count < 0:
        raise ValueError(f"{name} is {count!r}; it must be a whole number, 0 or more")
    return int(count)


def blank(num_train: int, num_test: int) -> tuple[np.ndarray, ...]:
    """Arrays with the shapes and dtypes of images and labels, filled with zeros."""
    images = [np.zeros((count, SIZE, SIZE, 3), np.uint8) for count in (num_train, num_test)]
    labels = [np.zeros(count, np.int64) for count in (num_train, num_test)]
    return images[0], labels[0], images[1], labels[1]


def batches(X: np.ndarray, y: np.ndarray, seed: int) -> list[tuple[np.ndarray, np.ndarray, int]]:
    """X and y in batches of up to 500, each with its seed."""
    return [(X[i:i + BATCH], y[i:i + BATCH], seed + i // BATCH) for i in range(0, len(y), BATCH)]


def run_all(jobs: list, progress: Callable[[int, int], None] | None) -> None:
    """Fill every batch, on all cores: NumPy releases the interpreter lock while it computes."""
    textures()  # once, before the threads start
    total, done = sum(len(y) for _, y, _ in jobs), 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for count in pool.map(lambda job: fill(*job), jobs):
            done += count
            if progress:
                progress(done, total)


def fill(X: np.ndarray, y: np.ndarray, seed: int) -> int:
    """Draw the batch with this seed into X of shape (n, 32, 32, 3) and y of shape (n,), n <= 500; return n."""
    images, labels = np.empty((BATCH, SIZE, SIZE, 3), np.uint8), np.empty(BATCH, np.int64)
    dice = Dice(seed)
    for label, rows in enumerate(dice.order(BATCH).reshape(len(KINDS), -1)):
        images[rows] = draw(KINDS[label], len(rows), dice).transpose(1, 2, 3, 0)  # (3, n, 32, 32) -> (n, 32, 32, 3)
        labels[rows] = label
    X[:], y[:] = images[:len(y)], labels[:len(y)]
    return len(y)


# The cache.

CACHE_NAME = "builtin-v1.npz"
ARRAYS = ("X_train", "y_train", "X_test", "y_test")


def load_builtin_data(folder, progress=None):
    """Load the data set that `make_builtin_data()` draws; after the first time, read it from `folder`.

    The first call draws the images, which takes a few seconds, and writes a file of 185 MB; later calls read it. A file
    that is truncated, damaged or from another version of these images is written again. If `folder` is not writeable,
    the images are drawn each time, with a warning.

    Parameters
    ----------
    folder : str or path
        Where the file is stored; created if necessary.
    progress : callable, optional
        Called as `progress(done, total)` while images are drawn.

    Returns
    -------
    X_train, y_train, X_test, y_test : arrays
        As from `make_builtin_data()`.
    """
    path = Path(folder) / CACHE_NAME
    arrays = read(path)
    if arrays is None:
        arrays = make_builtin_data(NUM_TRAIN, NUM_TEST, progress)
        try_to_write(path, arrays)
    return arrays


def read(path: Path) -> tuple[np.ndarray, ...] | None:
    """The arrays of a cache file, or None if it is missing, unreadable or contains anything but these images."""
    try:
        with open(path, "rb") as file, zipfile.ZipFile(file) as archive:
            arrays = tuple(array_in(archive, name) for name in ARRAYS)
    except (OSError, ValueError, KeyError, EOFError, NotImplementedError, RuntimeError, zipfile.BadZipFile):
        return None
    return arrays if is_this_set(arrays) else None


def array_in(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """An array of an .npz file; its checksum in the archive is compared when the last byte has been read."""
    with archive.open(name + ".npy") as file:
        return np.lib.format.read_array(file, allow_pickle=False)


def is_this_set(arrays: tuple[np.ndarray, ...]) -> bool:
    """Whether the shapes and dtypes are correct and the first images are those that this module draws."""
    if [(a.shape, a.dtype) for a in arrays] != [(a.shape, a.dtype) for a in blank(NUM_TRAIN, NUM_TEST)]:
        return False
    X, y, _, _ = make_builtin_data(BATCH, 0)
    return np.array_equal(arrays[0][:BATCH], X) and np.array_equal(arrays[1][:BATCH], y)


def try_to_write(path: Path, arrays: tuple[np.ndarray, ...]) -> None:
    """Write a cache file, or warn that it cannot be written."""
    try:
        write(path, arrays)
    except OSError as error:
        warnings.warn(f"The built-in images were drawn but could not be saved for next time: {error}", stacklevel=3)


def write(path: Path, arrays: tuple[np.ndarray, ...]) -> None:
    """Write a cache file; a reader finds either a whole file or none."""
    with replacing(path) as file:
        np.savez(file, **dict(zip(ARRAYS, arrays, strict=True)))
