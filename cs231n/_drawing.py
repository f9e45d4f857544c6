"""Drawing by arithmetic alone: shapes, kinds of things, textures and paint, for the images that the package draws.

The images are identical to the bit on every machine. Two rules ensure that, and every change to this file, and to those
that draw with it, must respect them:

- randomness comes only from `np.random.RandomState.random_sample`, whose stream NumPy has frozen;
- arithmetic on images is elementwise `+ - * /`, `sqrt`, `floor`, `abs`, `minimum` and `maximum` of float32 arrays with
  one another or with Python's own numbers, where IEEE 754 determines every bit. Not allowed are sums over an axis,
  matrix products, sines and powers, which may differ between machines, and NumPy scalars, which some versions turn into
  float64.

`n` images are drawn at once. One value for each image has shape (n, 1, 1), a plane (n, size, size), a colour
(3, n, 1, 1), a canvas (3, n, size, size). Colours range from 0 to 1. An object is drawn around the origin, within a
radius of about 1, with x to the right and y up.
"""

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

TEXTURE_SEED = 230
HUE_SPREAD = 0.1  # the usual hue varies by plus or minus this much


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

    def piece(self, n: int, plane: np.ndarray, size: int) -> np.ndarray:
        """Squares cut from random positions of a texture: (side, side) -> (n, size, size)."""
        squares = np.lib.stride_tricks.sliding_window_view(plane, (size, size))
        row, column = np.floor(self.rng.random_sample((2, n)) * len(squares)).astype(np.intp)
        return squares[row, column]


# Textures: planes of shape (192, 192), computed once, from which images take pieces.

@functools.cache
def textures() -> dict[str, np.ndarray]:
    dice = Dice(TEXTURE_SEED)
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

class Grid:
    """The pixels of a square canvas: their rows, (1, size, 1), and columns, (1, 1, size), from about -1 to 1."""

    def __init__(self, size: int):
        middle, half = (size - 1) / 2, size / 2
        self.size = size
        self.row = ((middle - np.arange(size)) / half).astype(np.float32)[None, :, None]     # about 1 at the top
        self.column = ((np.arange(size) - middle) / half).astype(np.float32)[None, None, :]  # about -1 at the left


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
