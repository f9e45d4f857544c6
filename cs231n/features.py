"""Image features made by hand: histograms of gradients (HOG) and of hues.

Every function here takes one image of shape (H, W, 3) or (H, W) and gives its vector of shape (F,), or takes a batch of images of shape
(N, H, W, 3) or (N, H, W) and gives one row per image, of shape (N, F). Pixels are 0..255, of any integer or float dtype; the arithmetic is
float32, the result float64. A grey image may also come with a last axis of 1, and a fourth channel (alpha) is ignored.
"""

import numpy as np

CELL = 8  # pixels, height and width of a HOG cell
ORIENTATIONS = 9  # bins over 180 degrees
CHUNK_PIXELS = 2**16  # pixels handled at a time: a plane of them in float32 (256 KiB) stays in the cache


def rgb2gray(rgb):
    """Brightness of colours: 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601).

    Input: rgb of shape (..., 3), or (..., 4) with an alpha channel that is ignored. Returns an array of shape (...).

    >>> rgb2gray(np.array([[255.0, 255.0, 255.0], [0.0, 100.0, 0.0]])).round(6)
    array([255. ,  58.7])
    """
    rgb = np.asarray(rgb)
    if rgb.ndim == 0 or rgb.shape[-1] not in (3, 4):
        raise ValueError(f"rgb2gray needs red, green and blue on the last axis, of shape (..., 3), got {rgb.shape}")
    weights = np.array([0.299, 0.587, 0.114], dtype=np.result_type(rgb, np.float32))
    return rgb[..., :3] @ weights


def hog_feature(im):
    """Histogram of oriented gradients: which way the edges run in each cell of 8x8 pixels, and how strong they are.

    Each pixel votes with the length of its gradient for its orientation in [0, 180) degrees. Its vote is shared between the two nearest of
    9 orientation bins and the (up to) four nearest cells, in proportion to how near it is, so that a small shift of the image moves the
    features a little only. A feature is the square root of a cell's mean vote, which keeps one strong edge from drowning the rest.

    Input: im of shape (H, W, 3), (H, W), or a batch of either. Returns (H//8 * W//8 * 9,) or (N, that): 144 numbers for a 32x32 image,
    in the order cell row, cell column, orientation. Pixels beyond the last whole cell count only where they are near it.

    >>> stripes = np.tile([0.0, 0.0, 255.0, 255.0], (32, 8))
    >>> hog_feature(stripes).shape
    (144,)
    >>> hog_feature(stripes).reshape(4, 4, 9)[1, 1].round(1)  # edges are upright: the gradient lies at 0 = 180 degrees
    array([8., 0., 0., 0., 0., 0., 0., 0., 8.])

    Source: Dalal & Triggs, Histograms of oriented gradients for human detection, CVPR 2005 (there: sections 6.2 to 6.4).
    """
    images, is_single = _as_batch(im)
    N, H, W, _ = images.shape
    if min(H, W) < CELL:
        raise ValueError(f"hog_feature needs images of at least one cell, {CELL}x{CELL} pixels; got {H}x{W} (shape {np.shape(im)})")
    grey = rgb2gray(images) if images.shape[-1] == 3 else images[..., 0]  # (N, H, W)
    dy, dx = np.gradient(grey, axis=(1, 2))
    length = np.sqrt(dx * dx + dy * dy)
    position = _wrap(np.arctan2(dy, dx) * (ORIENTATIONS / np.pi) - 0.5, ORIENTATIONS)  # in bins; bin b is at b, its angle 20 b + 10
    rows, columns = _cell_weights(H), _cell_weights(W)
    hist = np.zeros((N, len(rows), len(columns), ORIENTATIONS))
    for b in range(ORIENTATIONS + 1):  # after the last bin comes the first again
        votes = length * np.maximum(1 - np.abs(position - b), 0)
        hist[..., b % ORIENTATIONS] += rows @ (votes @ columns.T)  # (h, H) @ ((N, H, W) @ (W, w)) -> (N, h, w)
    hist = np.sqrt(hist).reshape(N, -1)
    return hist[0] if is_single else hist


def color_histogram_hsv(im, nbin=10, xmin=0, xmax=255, normalized=True):
    """Histogram of the hues of an image, without its lights and shadows: the H of HSV.

    A hue is scaled to [0, xmax] (red is 0, green a third of xmax, blue two thirds) and counted in one of nbin equal bins from xmin to xmax;
    below xmin it is not counted. Grey, which has no hue, counts as 0, as HSV has it. With normalized=True the bins sum to one, else they are
    the numbers of pixels.

    Input: im of shape (H, W, 3), or a batch. Returns (nbin,) or (N, nbin).

    >>> color_histogram_hsv(np.array([[[255, 0, 0], [200, 100, 100]], [[0, 255, 0], [0, 0, 9]]]), nbin=3)
    array([0.5 , 0.25, 0.25])
    """
    if nbin < 1 or not 0 <= xmin < xmax:
        raise ValueError(f"color_histogram_hsv needs nbin >= 1 and 0 <= xmin < xmax, got nbin={nbin}, xmin={xmin}, xmax={xmax}")
    images, is_single = _as_batch(im)
    N = len(images)
    bins = np.floor((_hue(images) * xmax - xmin) * (nbin / (xmax - xmin)))  # (N, H, W)
    bins = np.clip(bins, -1, nbin - 1).astype(np.intp) + 1  # 0 holds what lies below xmin
    bins += (np.arange(N) * (nbin + 1))[:, None, None]  # each image has bins of its own
    hist = np.bincount(bins.ravel(), minlength=N * (nbin + 1)).reshape(N, nbin + 1)[:, 1:].astype(np.float64)
    if normalized:
        hist /= np.maximum(hist.sum(axis=1, keepdims=True), 1)
    return hist[0] if is_single else hist


def extract_features(imgs, feature_fns, verbose=False):
    """Features of many images: the vectors that the feature functions give, side by side, one row per image.

    A feature function takes one image of shape (H, W, C) and gives a vector of shape (F_i,). One that takes a batch too, as those of this
    module do, is found out by a trial on noise, and is then called on many images at a time, which is far faster.

    Inputs: imgs of shape (N, H, W, C) or (N, H, W); feature_fns, a list of functions; verbose, whether to print how far it is.
    Returns a float64 array of shape (N, F_1 + ... + F_k).

    >>> imgs = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3))
    >>> extract_features(imgs, [hog_feature, lambda img: color_histogram_hsv(img, nbin=10), lambda img: img[0, 0]]).shape
    (6, 157)
    """
    imgs = np.asarray(imgs)
    if imgs.ndim not in (3, 4):
        raise ValueError(f"extract_features needs images of shape (N, H, W, C) or (N, H, W), got {imgs.shape}; one image is img[None]")
    N, H, W = imgs.shape[:3]
    size = max(1, CHUNK_PIXELS // max(1, H * W))
    takes_batch = [size > 1 and N > 1 and _takes_batch(fn, imgs) for fn in feature_fns]
    rows = [np.empty((0, 0))] if N == 0 else []
    for start in range(0, N, size):
        chunk = imgs[start : start + size]
        rows.append(np.hstack([_features_of(chunk, fn, batch) for fn, batch in zip(feature_fns, takes_batch)]))
        done = start + len(chunk)
        if verbose and 10 * done // N > 10 * start // N:  # ten lines in all
            print(f"features of {done} / {N} images")
    return np.concatenate(rows, dtype=np.float64)


def _as_batch(im):
    """im as float32 of shape (N, H, W, 1 or 3), and whether it was a single image."""
    images = np.asarray(im, dtype=np.float32)
    is_single = images.ndim == 2 or (images.ndim == 3 and images.shape[-1] in (1, 3, 4))
    if is_single:
        images = images[None]
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or images.shape[-1] not in (1, 3, 4):
        raise ValueError(
            f"expected an image of shape (H, W, 3) or (H, W), or a batch of them, got {np.shape(im)}; "
            "images of shape (N, C, H, W) need .transpose(0, 2, 3, 1)"
        )
    if not np.isfinite(images).all():
        raise ValueError("the image holds nan or infinite pixels")
    return images[..., :3], is_single


def _wrap(x, period):
    """x modulo period, which may come out as period itself. (np.mod is the same, and twenty times slower.)"""
    return x - period * np.floor(x / period)


def _cell_weights(length):
    """How much each pixel along an axis counts for each cell: 1/8 at its centre, falling to 0 at the next centre. (cells, length)"""
    position = (np.arange(length) + 0.5) / CELL - 0.5  # in cells; cell c has its centre at c
    cells = np.arange(length // CELL)[:, None]
    return (np.maximum(1 - np.abs(position - cells), 0) / CELL).astype(np.float32)


def _hue(images):
    """Hue in [0, 1), shape (N, H, W); 0 where it is undefined. Masks are multiplied, not branched on: five times faster than np.where."""
    r, g, b = images[..., 0], images[..., images.shape[-1] // 2], images[..., -1]  # a grey image has one channel for all three
    value = np.maximum(np.maximum(r, g), b)
    chroma = value - np.minimum(np.minimum(r, g), b)
    red = value == r
    green = (value == g) & ~red
    blue = ~(red | green)
    sextant = (red * (g - b) + green * (b - r) + blue * (r - g)) / (chroma + (chroma == 0)) + 2.0 * green + 4.0 * blue
    return (sextant + 6.0 * (sextant < 0)) / 6


def _features_of(chunk, fn, takes_batch):
    """fn's features of each image of a chunk, (n, F)."""
    features = np.asarray(fn(chunk)) if takes_batch else None
    if features is None or features.ndim != 2 or len(features) != len(chunk):
        features = np.stack([fn(img) for img in chunk])
    if features.ndim != 2:
        raise ValueError(f"a feature function gives a vector for an image, but {fn!r} gave an array of shape {features.shape[1:]}")
    return features


def _takes_batch(fn, imgs):
    """Whether fn, given a batch, gives for every image what it gives for that image alone.

    A function written for one image may well run on a batch and return the right shape, such as one that divides by the largest pixel.
    So the images tried are noise of very different ranges: whatever mixes them shows in one row or another.
    """
    low, high = np.array([[0, 60, 0, 150, 20], [256, 200, 2, 160, 90]]).reshape((2, 5) + (1,) * (imgs.ndim - 1))
    trial = (low + (high - low) * np.random.default_rng(0).random((5,) + imgs.shape[1:])).astype(imgs.dtype)
    try:
        with np.errstate(all="ignore"):
            alone = np.stack([fn(img.copy()) for img in trial])
            together = np.asarray(fn(trial.copy()))
        return together.shape == alone.shape and np.allclose(together, alone, rtol=1e-4, atol=1e-5)
    except Exception:  # whatever goes wrong in a user's function on a batch, it is to be called with one image
        return False
