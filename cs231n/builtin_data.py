"""The built-in data set: ten classes of small images, drawn by arithmetic alone.

It replaces CIFAR-10 where that has not been downloaded, and has the same form: RGB images of 32x32 pixels, 50,000 for
training and 10,000 for testing. Each image shows one object (a sun, a fish, ...) of random size and position, slightly
tilted, lighter or darker than its background: an unevenly lit, grainy landscape covered with spots. Colour tells
something about the class and shape tells more, so a method does better the more of both it can use.

The images are identical to the bit on every machine. The rules that ensure it, and the shapes of all arrays, are those
of `cs231n/_drawing.py`.
"""

import os
import warnings
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from cs231n._drawing import CLASS_NAMES, KINDS, Dice, Grid, Kind, blend, clipped, cover, rgb, textures
from cs231n._files import replacing

__all__ = ["CLASS_NAMES", "load_builtin_data", "make_builtin_data"]

SIZE = 32
GRID = Grid(SIZE)
BATCH = 500            # images that are drawn from one seed, equally many of each class
TRAIN_SEED = 231
TEST_SEED = 1_000_231  # so far away that the seeds of training batches never reach it
NUM_TRAIN, NUM_TEST = 50_000, 10_000

# The difficulty. Every method can use hues, even nearest neighbours; random positions and sizes make it hard for those
# that compare pixel by pixel; contrast, tilt, spots and grain make it hard for those that look at edges.
HUE_KEPT = 0.55              # fraction of skies, and of grounds, in the usual hue of the class
COAT_KEPT = 0.6              # fraction of objects in their usual hue
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
    horizon = dice.between(n, -0.6, 0.3) + dice.between(n, -0.3, 0.3) * GRID.column
    share = clipped(0.5 + (horizon - GRID.row) * dice.between(n, 0.5, 4))
    return sky + share * (ground - sky)


def paint_spots(canvas: np.ndarray, n: int, dice: Dice) -> None:
    """Paint spots, in one random colour for each image."""
    colour = rgb(dice.between(n, 0, 1), dice.between(n, *COAT_SATURATION), dice.between(n, 0.1, 1))
    blend(canvas, dice.piece(n, textures()["spots"], SIZE) * dice.between(n, *SPOT), colour)


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
    dx, dy = GRID.column - dice.between(n, -SHIFT, SHIFT), GRID.row - dice.between(n, -SHIFT, SHIFT)
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
    tone = GRID.column * dice.between(n, -LIGHT, LIGHT) + GRID.row * dice.between(n, -LIGHT, LIGHT)
    tone += dice.piece(n, textures()["cloud"], SIZE) * dice.between(n, *CLOUD)
    tone += dice.piece(n, textures()["grain"], SIZE) * dice.between(n, *GRAIN)
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
