"""Drawn scenes: images of several things, with everything that is known about them.

A scene shows one to four things (a fish, a house, ...) of the ten kinds of the built-in images, in named colours, small
or large, on the same landscapes; the nearer ones may partly hide the others. One drawing gives the image, and for each
thing a box, a label, a colour and a mask, a semantic mask, and a caption. Captions, detection, segmentation and scored
visualisations all use it.

The scenes are identical to the bit on every machine: the rules of `cs231n/_drawing.py` hold here as well.

Examples
--------
>>> scenes = load_scenes(3, seed=1, things=(2, 2))
>>> scenes["images"].shape, scenes["boxes"].shape
((3, 48, 48, 3), (3, 2, 4))
>>> describe(scenes["captions"][0])
'a small green sailboat above a yellow fish'
"""

import os
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from cs231n._drawing import CLASS_NAMES, KINDS, Dice, Grid, blend, clipped, cover, rgb, textures

__all__ = ["CLASS_NAMES", "COLOUR_NAMES", "SIZE_NAMES", "VOCABULARY", "WORLDS", "describe", "load_scenes", "truths"]

BATCH = 250  # scenes that are drawn from one seed
MOST = 4  # things in a scene
LAYOUTS = 12  # arrangements that are tried for each scene

RADII = ((0.20, 0.25), (0.34, 0.42))  # of small and of large things, where 1 is half the image
MARGIN = 0.9  # distance from a thing's centre to the edge of the image, in radii
DISTANCE = 0.8  # wanted distance of two things, in sums of their radii: below 1, they may overlap
CLEAR = 0.2  # one of two things is left of the other, or above, by so much more than the other way
STRETCH = (0.9, 1.1)


class Colour(NamedTuple):
    """A named colour: its hue, and the ranges of saturation and value."""

    name: str
    hue: float
    saturation: tuple[float, float]
    value: tuple[float, float]


class World(NamedTuple):
    """What surrounds the things: the ranges of saturation and value of sky and ground, and of the textures."""

    saturation: tuple[float, float]
    value: tuple[float, float]
    spot: tuple[float, float]
    cloud: tuple[float, float]
    grain: tuple[float, float]


COLOURS = (
    Colour("red", 0.0, (0.85, 1.0), (0.75, 0.95)),
    Colour("orange", 0.083, (0.9, 1.0), (0.9, 1.0)),
    Colour("yellow", 0.16, (0.75, 1.0), (0.9, 1.0)),
    Colour("green", 0.36, (0.75, 1.0), (0.45, 0.7)),
    Colour("blue", 0.61, (0.75, 1.0), (0.7, 0.95)),
    Colour("purple", 0.78, (0.65, 0.9), (0.45, 0.7)),
    Colour("pink", 0.92, (0.3, 0.5), (0.9, 1.0)),
    Colour("white", 0.1, (0.0, 0.06), (0.92, 1.0)),
)
WORLDS = {
    "meadow": World((0.1, 0.4), (0.3, 0.6), (0.1, 0.4), (0.0, 0.12), (0.01, 0.05)),
    "fog": World((0.0, 0.12), (0.5, 0.75), (0.0, 0.15), (0.1, 0.3), (0.06, 0.12)),
}
COLOUR_NAMES = tuple(colour.name for colour in COLOURS)
SIZE_NAMES = ("small", "large")
VOCABULARY = (
    *("<NULL>", "<START>", "<END>", "<UNK>", "a", "an", *SIZE_NAMES, *COLOUR_NAMES, *CLASS_NAMES),
    *("left", "above", "of", "and", "one", "two", "more", "thing", "things"),
)
_WORD = {word: index for index, word in enumerate(VOCABULARY)}
_LONGEST = {1: 6, 2: 11, 3: 15, 4: 15}  # words of a caption by the number of things, with <START> and <END>


def load_scenes(n, seed=0, size=48, things=(1, 4), class_weights=None, world="meadow"):
    """Draw scenes; the first ones are the same however many are drawn.

    Parameters
    ----------
    n : int
        Number of scenes.
    seed : int
        Scenes of different seeds have nothing in common: use one for training and another one for testing.
    size : int
        Height and width in pixels, from 16 to 192.
    things : (int, int)
        The smallest and the largest number of things in a scene, K at most; from 1 to 4.
    class_weights : sequence of 10 numbers, optional
        How often each class occurs, relative to the others; all alike by default.
    world : str
        The landscapes: "meadow", or "fog" for images that differ from the usual ones.

    Returns
    -------
    dict
        ``images``: uint8 of shape (n, size, size, 3).
        ``counts``: int64 of shape (n,), the number of things; what follows is -1 beyond that number.
        ``labels``, ``colours``, ``sizes``: int64 of shape (n, K), indices into `CLASS_NAMES`, `COLOUR_NAMES` and
        `SIZE_NAMES`. Thing 0 is the farthest; nearer ones may hide it.
        ``boxes``: int64 of shape (n, K, 4), the left, top, right and bottom edge of what is visible of each thing, in
        pixels; its last column is right - 1 and its last row bottom - 1.
        ``instance_masks``: uint8 of shape (n, size, size), k + 1 where thing k is visible, else 0.
        ``semantic_masks``: uint8 of shape (n, size, size), label + 1 where a thing is visible, else 0.
        ``captions``: int64 of shape (n, T), indices into `VOCABULARY`: <START>, the words, <END>, then <NULL>.

    Raises
    ------
    ValueError
        If an argument is out of range.
    """
    low, high = _checked(n, size, things, class_weights, world)
    weights = [1.0] * len(KINDS) if class_weights is None else [float(weight) for weight in class_weights]
    textures()  # once, before the threads start
    numbers = range(-(-n // BATCH))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        batches = list(
            pool.map(lambda i: _draw(Dice([seed, i]), Grid(size), low, high, weights, WORLDS[world]), numbers)
        )
    if not batches:
        batches = [_draw(Dice([seed, 0]), Grid(size), low, high, weights, WORLDS[world])]
    return {name: np.concatenate([batch[name] for batch in batches])[:n] for name in batches[0]}


def describe(caption):
    """Turn a caption of word indices, of shape (T,), into text: the words between <START> and <END>."""
    words = [VOCABULARY[index] for index in caption]
    end = words.index("<END>") if "<END>" in words else len(words)
    return " ".join(word for word in words[:end] if word not in ("<NULL>", "<START>"))


def truths(scenes):
    """List what is visible in each scene, in the form that `cs231n.detection_metrics` takes.

    Parameters
    ----------
    scenes : dict
        From `load_scenes`.

    Returns
    -------
    list of dict
        For each scene: ``boxes`` of shape (M, 4), ``labels`` of shape (M,) and ``masks``, boolean of shape (M, size,
        size), of the M things that are not hidden entirely.

    Examples
    --------
    >>> truths(load_scenes(1, seed=1, things=2))[0]["labels"]
    array([8, 5])
    """
    found = []
    for boxes, labels, instances in zip(scenes["boxes"], scenes["labels"], scenes["instance_masks"], strict=True):
        visible = np.flatnonzero((labels >= 0) & (boxes[:, 2] > boxes[:, 0]))
        masks = instances == visible[:, np.newaxis, np.newaxis] + 1
        found.append({"boxes": boxes[visible], "labels": labels[visible], "masks": masks})
    return found


def _checked(n, size, things, class_weights, world):
    low, high = (things, things) if isinstance(things, (int, np.integer)) else things
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 0:
        raise ValueError(f"n is {n!r}; it must be a whole number, 0 or more")
    if not 16 <= size <= 192:
        raise ValueError(f"size is {size!r}; scenes have from 16 to 192 pixels on a side")
    if not 1 <= low <= high <= MOST:
        raise ValueError(f"things is {things!r}; a scene has from 1 to {MOST} things, as in things=(1, {MOST})")
    if class_weights is not None and (len(class_weights) != len(KINDS) or min(class_weights) < 0):
        raise ValueError(f"class_weights must be {len(KINDS)} numbers, 0 or more; got {class_weights!r}")
    if world not in WORLDS:
        raise ValueError(f"world is {world!r}; choose from {', '.join(WORLDS)}")
    return low, high


# ---- what a scene contains


def _draw(dice, grid, low, high, weights, world):
    """Draw the scenes of one batch: all arrays that `load_scenes` returns."""
    counts = low + _choice(dice, [1.0] * (high - low + 1), (BATCH,))
    labels = _choice(dice, weights, (BATCH, high))
    colours = _choice(dice, [1.0] * len(COLOURS), (BATCH, high))
    sizes = _choice(dice, [1.0] * len(SIZE_NAMES), (BATCH, high))
    radius, x, y = _layout(dice, sizes, counts)
    images, instances = _paint(dice, grid, world, counts, labels, colours, radius, x, y)
    exists = np.arange(high) < counts[:, None]
    areas = np.stack([np.count_nonzero(instances == k + 1, axis=(1, 2)) for k in range(high)], axis=1)
    semantic = np.take_along_axis(np.pad(labels + 1, ((0, 0), (1, 0))), instances.reshape(BATCH, -1).astype(int), 1)
    return {
        "images": images,
        "counts": counts,
        "labels": np.where(exists, labels, -1),
        "colours": np.where(exists, colours, -1),
        "sizes": np.where(exists, sizes, -1),
        "boxes": np.where(exists[:, :, None], _boxes(instances, high), -1),
        "instance_masks": instances,
        "semantic_masks": semantic.reshape(instances.shape).astype(np.uint8),
        "captions": _captions(counts, labels, colours, sizes, x, y, areas),
    }


def _choice(dice, weights, shape):
    """Draw indices with these relative frequencies."""
    *bounds, total = accumulate(weights)
    drawn = dice.rng.random_sample(shape) * total
    return sum(((drawn >= bound).astype(np.int64) for bound in bounds), np.zeros(shape, np.int64))


def _layout(dice, sizes, counts):
    """Radii and centres, each of shape (n, K): of several arrangements, the first that is clear, or the clearest."""
    n, K = sizes.shape
    lowest, highest = (np.array(bounds)[sizes] for bounds in zip(*RADII, strict=True))
    radius = lowest + (highest - lowest) * dice.rng.random_sample((n, K))
    room = 1 - MARGIN * radius[:, None, :]
    x, y = ((2 * dice.rng.random_sample((n, LAYOUTS, K)) - 1) * room for _ in range(2))
    clearness = np.ones((n, LAYOUTS))
    for i in range(K):
        for j in range(i):
            dx, dy = np.abs(x[:, :, i] - x[:, :, j]), np.abs(y[:, :, i] - y[:, :, j])
            apart = np.sqrt(dx * dx + dy * dy) / (DISTANCE * (radius[:, i] + radius[:, j])[:, None])
            both = np.minimum(apart, np.abs(dx - dy) / CLEAR)
            clearness = np.where(counts[:, None] > i, np.minimum(clearness, both), clearness)
    best = np.argmax(clearness, axis=1)
    chosen = np.arange(n), best
    return radius, x[chosen], y[chosen]


def _boxes(instances, K):
    """The box of what is visible of each thing: (n, K, 4)."""
    boxes = []
    for k in range(K):
        mask = instances == k + 1
        edges = []
        for axis in (1, 2):  # which columns, then which rows contain a part of the thing
            occupied = mask.any(axis=axis)
            edges.append((occupied.argmax(axis=1), occupied.shape[1] - occupied[:, ::-1].argmax(axis=1)))
        (left, right), (top, bottom) = edges
        boxes.append(np.stack([left, top, right, bottom], axis=1))
    return np.stack(boxes, axis=1)


# ---- the image


def _paint(dice, grid, world, counts, labels, colours, radius, x, y):
    """Images (n, size, size, 3) and instance masks (n, size, size), painted from the farthest thing to the nearest."""
    n, K = labels.shape
    canvas = _landscape(dice, grid, world, n)
    instances = np.zeros((n, grid.size, grid.size), np.uint8)
    for k in range(K):
        for label, kind in enumerate(KINDS):
            rows = np.flatnonzero((labels[:, k] == label) & (counts > k))
            if len(rows):
                thing = [_as_plane(values[rows, k]) for values in (radius, x, y)]
                inside = _paint_thing(dice, grid, canvas, rows, kind, colours[rows, k], *thing)
                instances[rows] = np.where(inside > 0.5, np.uint8(k + 1), instances[rows])
    canvas += _light(dice, grid, world, n)
    return clipped(canvas * 255, 0, 255).astype(np.uint8).transpose(1, 2, 3, 0).copy(), instances


def _as_plane(values):
    return values.astype(np.float32)[:, None, None]


def _landscape(dice, grid, world, n):
    """A sky above a ground, with spots: (3, n, size, size)."""
    sky, ground, spot = (
        rgb(dice.between(n, 0, 1), dice.between(n, *world.saturation), dice.between(n, *world.value)) for _ in range(3)
    )
    horizon = dice.between(n, -0.6, 0.3) + dice.between(n, -0.3, 0.3) * grid.column
    canvas = sky + clipped(0.5 + (horizon - grid.row) * dice.between(n, 0.5, 4)) * (ground - sky)
    blend(canvas, dice.piece(n, textures()["spots"], grid.size) * dice.between(n, *world.spot), spot)
    return canvas


def _paint_thing(dice, grid, canvas, rows, kind, colours, radius, x, y):
    """Paint a thing of one kind into some of the images; return how much of each pixel it covers."""
    n = len(rows)
    cos, sin = dice.direction(n, kind.tilt)
    right = 1 / (radius * (dice.between(n, *STRETCH) * dice.sign(n)))
    up = 1 / radius
    dx, dy = grid.column - x, grid.row - y
    across, upward = dx * (cos * right) + dy * (sin * right), dy * (cos * up) - dx * (sin * up)
    palette = _palette(dice, colours, n)
    part = canvas[:, rows]
    inside = np.float32(0)
    for name, shape in kind.layers:
        share = cover(shape(across, upward), radius * (grid.size / 2))
        blend(part, share, palette[name])
        inside = np.maximum(inside, share)
    canvas[:, rows] = part
    return inside


def _palette(dice, colours, n):
    """The colours of a thing's parts: most of it has the named colour, its marks are dark."""
    hue = np.array([colour.hue for colour in COLOURS])[colours]
    ranges = np.array([(*colour.saturation, *colour.value) for colour in COLOURS])[colours]
    drawn = dice.rng.random_sample((3, n))
    hue = hue + 0.02 * (2 * drawn[0] - 1)
    saturation = ranges[:, 0] + (ranges[:, 1] - ranges[:, 0]) * drawn[1]
    value = ranges[:, 2] + (ranges[:, 3] - ranges[:, 2]) * drawn[2]
    hue, saturation, value = map(_as_plane, (hue, saturation, value))
    return {
        "coat": rgb(hue, saturation, value),
        "trim": rgb(hue, saturation * 0.8, value * 0.8),
        "mark": rgb(hue, saturation * 0.5, value * 0.25),
    }


def _light(dice, grid, world, n):
    """Light from one side, clouds and grain, as brightness to add: (n, size, size)."""
    tone = grid.column * dice.between(n, -0.12, 0.12) + grid.row * dice.between(n, -0.12, 0.12)
    tone += dice.piece(n, textures()["cloud"], grid.size) * dice.between(n, *world.cloud)
    tone += dice.piece(n, textures()["grain"], grid.size) * dice.between(n, *world.grain)
    return tone


# ---- the caption


def _captions(counts, labels, colours, sizes, x, y, areas):
    """Describe the two things of which most is visible, the left or upper one first, and count the others: (n, T)."""
    captions = np.zeros((len(counts), _LONGEST[labels.shape[1]]), np.int64)
    for i, count in enumerate(counts):
        about = zip(sizes[i], colours[i], labels[i], strict=True)
        names = [(SIZE_NAMES[size], COLOUR_NAMES[colour], CLASS_NAMES[label]) for size, colour, label in about]
        largest = sorted(range(count), key=lambda k: -areas[i, k])[:2]
        words = ["<START>", *_sentence(names, largest, x[i], y[i]), *_others(count - 2), "<END>"]
        captions[i, : len(words)] = [_WORD[word] for word in words]
    return captions


def _sentence(names, pair, x, y):
    """The words on one or two things, such as "a small red fish left of a blue sailboat"."""
    if len(pair) == 1:
        return ["a", *names[pair[0]]]
    beside = abs(x[pair[0]] - x[pair[1]]) > abs(y[pair[0]] - y[pair[1]])
    first, second = sorted(pair, key=lambda k: x[k] if beside else -y[k])
    relation = ["left", "of"] if beside else ["above"]
    return ["a", *names[first], *relation, *_with_article(names[second][1:])]


def _with_article(words):
    return ["an" if words[0][0] in "aeiou" else "a", *words]


def _others(count):
    if count < 1:
        return []
    return ["and", "one", "more", "thing"] if count == 1 else ["and", "two", "more", "things"]
