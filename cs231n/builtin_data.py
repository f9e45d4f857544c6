"""The built-in data set: ten classes of small pictures, drawn by arithmetic alone.

It stands in for CIFAR-10 where that has not been downloaded, and has its form: 32x32 RGB pictures of ten classes,
50,000 to train on and 10,000 to test on. Each picture shows one thing (a sun, a fish, ...) of any size, place, tilt and
colour, lighter or darker than a landscape that is itself cloudy, cluttered and noisy.

The pictures are the same to the bit on every machine. Two rules see to that, and whoever changes this file must keep
them: randomness comes from `np.random.RandomState.random_sample`, whose stream is frozen, and arithmetic is elementwise
float32 `+ - * / sqrt floor abs minimum maximum`, which IEEE 754 fixes to the last bit. Sums over an axis, matrix
products, sines and powers may differ between machines, so there are none.

Throughout, `n` pictures are drawn at once: numbers per picture have shape (n, 1, 1), planes (n, 32, 32) and canvases
(3, n, 32, 32). Colours run from 0 to 1; an object fits in the circle of radius 1 around (0, 0), x to the right, y up.
"""

import hashlib
import math
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Callable, NamedTuple

import numpy as np

SIZE = 32
BATCH = 500  # pictures drawn from one seed; 50 of each class
SEED = 231


# ---------------------------------------------------------------- shapes
# A shape is a function (x, y) -> signed distance to its edge: below 0 inside, above 0 outside.

Shape = Callable[[np.ndarray, np.ndarray], np.ndarray]


def disc(cx: float, cy: float, r: float) -> Shape:
    def distance(x, y):
        dx, dy = x - cx, y - cy
        return np.sqrt(dx * dx + dy * dy) - r

    return distance


def ellipse(cx: float, cy: float, rx: float, ry: float) -> Shape:
    small = min(rx, ry)

    def distance(x, y):
        dx, dy = (x - cx) * (1 / rx), (y - cy) * (1 / ry)
        return (np.sqrt(dx * dx + dy * dy) - 1) * small

    return distance


def box(cx: float, cy: float, half_width: float, half_height: float) -> Shape:
    def distance(x, y):
        return np.maximum(np.abs(x - cx) - half_width, np.abs(y - cy) - half_height)

    return distance


def polygon(*corners: tuple[float, float]) -> Shape:
    """The convex polygon with these corners, given anticlockwise."""
    sides = []
    for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1]):
        length = math.sqrt((x1 - x0) ** 2 + (y1 - y0) ** 2)
        nx, ny = (y1 - y0) / length, (x0 - x1) / length
        sides.append((nx, ny, nx * x0 + ny * y0))

    def distance(x, y):
        d = None
        for nx, ny, offset in sides:
            side = x * nx + y * ny - offset
            d = side if d is None else np.maximum(d, side)
        return d

    return distance


def union(first: Shape, *others: Shape) -> Shape:
    def distance(x, y):
        d = first(x, y)
        for other in others:
            d = np.minimum(d, other(x, y))
        return d

    return distance


def without(shape: Shape, hole: Shape) -> Shape:
    return lambda x, y: np.maximum(shape(x, y), -hole(x, y))


def both(first: Shape, second: Shape) -> Shape:
    return lambda x, y: np.maximum(first(x, y), second(x, y))


def mirrored(shape: Shape) -> Shape:
    """`shape`, drawn for x > 0, on both sides."""
    return lambda x, y: shape(np.abs(x), y)


def folded(shape: Shape, turns: tuple[tuple[float, float], ...]) -> Shape:
    """`shape` repeated around the centre: the plane is folded along lines with these unit normals."""

    def distance(x, y):
        x = np.abs(x)
        for nx, ny in turns:
            over = np.maximum(x * nx + y * ny, 0) * 2
            x, y = x - over * nx, y - over * ny
        return shape(x, y)

    return distance


# Fold lines as (cos, sin) of their normals. Five sectors around +y, and eight.
FIVE = ((0.809017, -0.587785), (-0.809017, -0.587785))
EIGHT = ()


def eightfold(shape: Shape) -> Shape:
    """`shape`, drawn around the direction +x, in eight directions."""

    def distance(x, y):
        x, y = np.abs(x), np.abs(y)
        x, y = np.maximum(x, y), np.minimum(x, y)
        # the diagonal's own frame, where it is nearer than the axis
        u, v = (x + y) * 0.70710678, (x - y) * 0.70710678
        return np.minimum(shape(x, y), shape(u, v))

    return distance


def fivefold(shape: Shape) -> Shape:
    """`shape`, drawn around the direction +y, in five directions."""

    def distance(x, y):
        x = np.abs(x)
        over = np.maximum(x * 0.80901699 - y * 0.58778525, 0)  # past the line at 36 degrees from +y? folded back
        x, y = x - 2 * over * 0.80901699, y + 2 * over * 0.58778525
        x = np.abs(x)
        over = np.maximum(x * 0.80901699 - y * 0.58778525, 0)
        x, y = x - 2 * over * 0.80901699, y + 2 * over * 0.58778525
        return shape(x, y)

    return distance


# ---------------------------------------------------------------- what each class looks like

RED, ORANGE, YELLOW, LIME, GREEN, TEAL, SKY, BLUE, VIOLET, PINK = (k / 10 for k in range(10))


class Kind(NamedTuple):
    name: str
    sky: float  # usual hue of the upper part of the picture
    ground: float  # usual hue of the lower part
    coat: float  # usual hue of the thing itself
    tilt: float  # how far it may lean: the tangent of half the angle
    layers: tuple  # (colour, shape), painted in this order


KINDS = (
    Kind(
        "sun",
        SKY,
        YELLOW,
        ORANGE,
        0.20,
        (
            ("coat", eightfold(polygon((0.5, -0.17), (1.0, 0.0), (0.5, 0.17)))),
            ("coat", disc(0, 0, 0.55)),
        ),
    ),
    Kind(
        "flower",
        GREEN,
        LIME,
        PINK,
        0.20,
        (
            ("trim", box(0, -0.65, 0.07, 0.4)),
            ("coat", fivefold(ellipse(0, 0.55, 0.28, 0.42))),
            ("mark", disc(0, 0, 0.26)),
        ),
    ),
    Kind(
        "star",
        VIOLET,
        BLUE,
        YELLOW,
        0.20,
        (("coat", fivefold(polygon((0.0, 0.0), (0.25, 0.3), (0.0, 1.05), (-0.25, 0.3)))),),
    ),
    Kind("moon", BLUE, VIOLET, YELLOW, 0.30, (("coat", without(disc(0, 0, 0.9), disc(0.42, 0.15, 0.72))),)),
    Kind(
        "house",
        TEAL,
        ORANGE,
        RED,
        0.06,
        (
            ("coat", box(0, -0.35, 0.68, 0.5)),
            ("trim", polygon((-0.95, 0.1), (0.95, 0.1), (0.0, 0.9))),
            ("mark", box(-0.2, -0.55, 0.17, 0.3)),
            ("mark", box(0.32, -0.25, 0.15, 0.15)),
        ),
    ),
    Kind(
        "sailboat",
        SKY,
        BLUE,
        ORANGE,
        0.12,
        (
            ("coat", polygon((-0.9, -0.4), (-0.6, -0.8), (0.6, -0.8), (0.9, -0.4))),
            ("trim", polygon((0.05, -0.3), (0.75, -0.3), (0.05, 0.95))),
            ("trim", polygon((-0.65, -0.3), (-0.08, -0.3), (-0.08, 0.7))),
        ),
    ),
    Kind(
        "tree",
        SKY,
        GREEN,
        LIME,
        0.08,
        (
            ("mark", box(0, -0.65, 0.13, 0.35)),
            ("coat", polygon((-0.75, -0.45), (0.75, -0.45), (0.0, 0.35))),
            ("coat", polygon((-0.6, 0.0), (0.6, 0.0), (0.0, 0.65))),
            ("coat", polygon((-0.42, 0.4), (0.42, 0.4), (0.0, 1.0))),
        ),
    ),
    Kind(
        "mushroom",
        GREEN,
        ORANGE,
        RED,
        0.08,
        (
            ("trim", polygon((-0.28, -0.9), (0.28, -0.9), (0.17, 0.1), (-0.17, 0.1))),
            ("coat", both(ellipse(0, 0.0, 0.9, 0.85), box(0, 0.5, 1.0, 0.5))),
            ("trim", union(disc(-0.42, 0.28, 0.14), disc(0.05, 0.5, 0.17), disc(0.48, 0.22, 0.12))),
        ),
    ),
    Kind(
        "fish",
        TEAL,
        TEAL,
        ORANGE,
        0.16,
        (
            ("trim", polygon((-1.0, -0.5), (-0.4, 0.0), (-1.0, 0.5))),
            ("coat", ellipse(0.12, 0, 0.82, 0.48)),
            ("mark", disc(0.55, 0.1, 0.1)),
        ),
    ),
    Kind(
        "balloon",
        PINK,
        SKY,
        VIOLET,
        0.10,
        (
            ("trim", mirrored(polygon((0.16, -0.72), (0.5, 0.0), (0.4, 0.0), (0.1, -0.72)))),
            ("coat", union(disc(0, 0.3, 0.68), polygon((-0.2, -0.5), (0.2, -0.5), (0.6, 0.0), (-0.6, 0.0)))),
            ("trim", both(ellipse(0, 0.3, 0.25, 0.68), disc(0, 0.3, 0.66))),
            ("mark", box(0, -0.82, 0.2, 0.14)),
        ),
    ),
)
CLASS_NAMES = tuple(kind.name for kind in KINDS)


# ---------------------------------------------------------------- chance


def between(rng: np.random.RandomState, n: int, low: float, high: float) -> np.ndarray:
    """Uniform numbers of shape (n, 1, 1)."""
    return (low + (high - low) * rng.random_sample(n)).astype(np.float32)[:, None, None]


def sign(rng: np.random.RandomState, n: int) -> np.ndarray:
    return np.where(between(rng, n, 0, 1) < 0.5, np.float32(-1), np.float32(1))


def hue_near(rng: np.random.RandomState, n: int, hue: float, share: float, spread: float) -> np.ndarray:
    """The hue of a class in `share` of the pictures, give or take `spread`; any hue in the others."""
    usual = between(rng, n, hue - spread, hue + spread)
    return np.where(between(rng, n, 0, 1) < share, usual, between(rng, n, 0, 1))


# ---------------------------------------------------------------- colour


def rgb(hue: np.ndarray, saturation: np.ndarray, value: np.ndarray) -> list:
    """Red, green and blue of a hue (its whole part does not count), each of shape (n, 1, 1)."""
    planes = []
    for offset in (5.0, 3.0, 1.0):
        k = hue * 6 + offset
        k = k - np.floor(k * (1 / 6)) * 6
        dip = np.minimum(np.maximum(np.minimum(k, 4 - k), 0), 1)
        planes.append(value - value * saturation * dip)
    return planes


def blend(canvas: np.ndarray, cover: np.ndarray, colour) -> None:
    """Lays `colour` over the canvas where `cover` is 1, in part where it is between 0 and 1."""
    for plane, shade in zip(canvas, colour):
        plane += cover * (shade - plane)


def cover_of(distance: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """How much of each pixel lies inside: the edge is one pixel wide; `pixels` to a unit of distance."""
    return np.minimum(np.maximum(0.5 - distance * pixels, 0), 1)


# ---------------------------------------------------------------- texture


def smoothed(plane: np.ndarray, step: int) -> np.ndarray:
    """Each point's mean with the neighbours `step` away, the plane being wrapped around."""
    for axis in (0, 1):
        plane = (np.roll(plane, step, axis) + plane * 2 + np.roll(plane, -step, axis)) * np.float32(0.25)
    return plane


def texture_planes(size: int = 160):
    rng = np.random.RandomState(SEED)
    grain = (rng.random_sample((size, size)) - 0.5).astype(np.float32)
    cloud = (rng.random_sample((size, size)) - 0.5).astype(np.float32) * 12
    for step in (1, 2, 4, 2, 1):
        cloud = smoothed(cloud, step)
    return grain, cloud


GRAIN, CLOUD = (np.lib.stride_tricks.sliding_window_view(p, (SIZE, SIZE)) for p in texture_planes())


def windows(planes, rng, n):
    """`n` windows of shape (32, 32) at random places of a texture: (n, 32, 32)."""
    high = planes.shape[0]
    row = np.floor(rng.random_sample(n) * high).astype(np.intp)
    column = np.floor(rng.random_sample(n) * high).astype(np.intp)
    return planes[row, column]


# ---------------------------------------------------------------- a picture

ROW = ((15.5 - np.arange(SIZE)) / 16).astype(np.float32)[None, :, None]  # +1 at the top
COLUMN = ((np.arange(SIZE) - 15.5) / 16).astype(np.float32)[None, None, :]  # +1 at the right

P = dict(
    share=0.35,
    spread=0.1,
    coat_share=0.3,
    shift=0.32,
    smin=0.42,
    smax=0.68,
    tilt=1.0,
    sat=(0.1, 0.6),
    csat=(0.2, 0.9),
    val=(0.25, 0.8),
    contrast=(0.12, 0.5),
    light=0.2,
    cloud=(0.0, 0.25),
    grain=(0.05, 0.3),
    clutter=3,
    horizon=0.6,
)


def frame(kind, rng, n):
    """Object coordinates x, y of every pixel, (n, 32, 32) each, and pixels to a unit of them, (n, 1, 1)."""
    size = between(rng, n, P["smin"], P["smax"])
    t = between(rng, n, -kind.tilt * P["tilt"], kind.tilt * P["tilt"])
    cos, sin = (1 - t * t) / (1 + t * t), 2 * t / (1 + t * t)
    dx = COLUMN - between(rng, n, -P["shift"], P["shift"])
    dy = ROW - between(rng, n, -P["shift"], P["shift"])
    wide = between(rng, n, 0.85, 1.15) * sign(rng, n)
    return (dx * cos + dy * sin) / (size * wide), (dy * cos - dx * sin) / size, size * 16


def landscape(kind, rng, n):
    value = between(rng, n, *P["val"])
    sky = rgb(hue_near(rng, n, kind.sky, P["share"], P["spread"]), between(rng, n, *P["sat"]), value)
    step = between(rng, n, -0.2, 0.2)
    ground = rgb(hue_near(rng, n, kind.ground, P["share"], P["spread"]), between(rng, n, *P["sat"]), value + step)
    canvas = np.empty((3, n, SIZE, SIZE), np.float32)
    canvas[:] = np.stack(sky)
    horizon = between(rng, n, -P["horizon"], P["horizon"] / 2) + between(rng, n, -0.3, 0.3) * COLUMN
    sharp = between(rng, n, 0.5, 4)
    blend(canvas, np.minimum(np.maximum(0.5 + (horizon - ROW) * sharp, 0), 1), ground)
    return canvas, value


def clutter(canvas, rng, n):
    for _ in range(P["clutter"]):
        colour = rgb(between(rng, n, 0, 1), between(rng, n, *P["csat"]), between(rng, n, 0.1, 1))
        dx, dy = COLUMN - between(rng, n, -1, 1), ROW - between(rng, n, -1, 1)
        flat = between(rng, n, 0.5, 3)
        t = between(rng, n, -1, 1)
        cos, sin = (1 - t * t) / (1 + t * t), 2 * t / (1 + t * t)
        u, v = dx * cos + dy * sin, (dy * cos - dx * sin) * flat
        size = between(rng, n, 0.1, 0.35)
        cover = cover_of(np.sqrt(u * u + v * v) - size, np.float32(12))
        blend(canvas, cover * between(rng, n, 0.2, 0.9), colour)


def lit(canvas, rng, n):
    """Light from one side, clouds and grain."""
    tone = COLUMN * between(rng, n, -P["light"], P["light"]) + ROW * between(rng, n, -P["light"], P["light"])
    tone = tone + windows(CLOUD, rng, n) * between(rng, n, *P["cloud"])
    tone += windows(GRAIN, rng, n) * between(rng, n, *P["grain"])
    canvas += tone


def draw(kind, n, rng):
    canvas, value = landscape(kind, rng, n)
    clutter(canvas, rng, n)
    x, y, pixels = frame(kind, rng, n)
    up = np.where(between(rng, n, 0.0, 1.0) < 0.5, np.float32(1), np.float32(-1))
    up = np.where(value < 0.35, np.float32(1), np.where(value > 0.7, np.float32(-1), up))
    step = up * between(rng, n, *P["contrast"])
    hue = hue_near(rng, n, kind.coat, P["coat_share"], 0.08)
    colours = {
        "coat": rgb(hue, between(rng, n, *P["csat"]), value + step),
        "trim": rgb(
            hue + between(rng, n, 0.1, 0.9), between(rng, n, *P["csat"]), value + step * between(rng, n, 0.6, 1.4)
        ),
        "mark": rgb(
            hue + between(rng, n, 0.3, 0.7), between(rng, n, *P["csat"]), value - step * between(rng, n, -0.2, 0.6)
        ),
    }
    for role, shape in kind.layers:
        blend(canvas, cover_of(shape(x, y), pixels), colours[role])
    lit(canvas, rng, n)
    np.minimum(np.maximum(canvas * 255, 0, out=canvas), 255, out=canvas)
    return np.moveaxis(canvas, 0, 3)


# ---------------------------------------------------------------- the data set


def batch(seed: int):
    rng = np.random.RandomState(seed)
    order = np.argsort(rng.random_sample(BATCH), kind="stable")
    per = BATCH // len(KINDS)
    images, labels = np.empty((BATCH, SIZE, SIZE, 3), np.uint8), np.empty(BATCH, np.int64)
    for label, kind in enumerate(KINDS):
        places = order[label * per : (label + 1) * per]
        images[places] = draw(kind, per, rng)
        labels[places] = label
    return images, labels


def make_builtin_data(num_train=50000, num_test=10000, progress=None):
    out = []
    with ThreadPoolExecutor(2) as pool:
        for num, seed in ((num_train, SEED), (num_test, SEED + 1000000)):
            X, y = np.empty((num, SIZE, SIZE, 3), np.uint8), np.empty(num, np.int64)

            def fill(start):
                im, lab = batch(seed + start // BATCH)
                X[start : start + BATCH] = im[: num - start]
                y[start : start + BATCH] = lab[: num - start]

            list(pool.map(fill, range(0, num, BATCH)))
            out += [X, y]
    return tuple(out)
