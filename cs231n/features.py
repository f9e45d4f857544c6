"""Hand-crafted image features: histograms of oriented gradients (HOG) and of hues.

A feature function takes one image of shape (H, W, 3), or (H, W) if it is grey, and returns its feature vector of shape
(F,). The two functions here also take a batch of shape (N, H, W, 3) or (N, H, W) and then return one row per image, of
shape (N, F). Pixels are 0 to 255 in any integer or floating-point type. A grey image may have a last axis of 1; a
fourth channel (alpha) is ignored.
"""

import numpy as np

from cs231n._errors import require_whole

CELL = 8  # height and width of a HOG cell, in pixels
ORIENTATIONS = 9  # bins of 20 degrees each
CHUNK_PIXELS = 2**14  # pixels processed at a time: 64 KB as float32, so that all temporaries stay in the cache
CHANNELS = (1, 3, 4)  # grey, RGB, RGB with alpha


def rgb2gray(rgb):
    """Compute the brightness of colours, 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601).

    Parameters
    ----------
    rgb : ndarray of shape (..., 3)
        Or (..., 4), with an alpha channel, which is ignored.

    Returns
    -------
    ndarray of shape (...)
        In the floating-point type of rgb; float32 for uint8.

    Examples
    --------
    >>> rgb2gray(np.array([[255.0, 255.0, 255.0], [0.0, 100.0, 0.0]])).round(6)
    array([255. ,  58.7])
    """
    rgb = np.asarray(rgb)
    if rgb.ndim == 0 or rgb.shape[-1] not in (3, 4):
        raise ValueError(f"rgb has shape {rgb.shape}, expected (..., 3): red, green and blue on the last axis.")
    # Not `rgb @ weights`: its rounding depends on the position in the array, so a flat patch would have edges.
    red, green, blue = (np.array(w, dtype=np.result_type(rgb, np.float32)) for w in (0.299, 0.587, 0.114))
    return red * rgb[..., 0] + green * rgb[..., 1] + blue * rgb[..., 2]


def hog_feature(im):
    """Compute the histogram of oriented gradients: the strength of the edges in each cell, by orientation.

    The brightness gradient at a pixel, from the differences of its neighbours, has a length and an orientation in
    [0, 180) degrees: 0 where the brightness changes along a row, 90 where it changes along a column. In each cell of
    8 x 8 pixels the lengths are summed in 9 bins of 20 degrees and divided by 64; each sum is one feature.

    Pixels at the border have no neighbour on one side, so their difference across the border counts as 0. Pixels to the
    right of or below the last whole cell are ignored.

    Parameters
    ----------
    im : ndarray of shape (H, W, 3) or (H, W), or a batch of them
        H and W at least 8.

    Returns
    -------
    ndarray of shape (H//8 * W//8 * 9,) or (N, H//8 * W//8 * 9)
        Ordered by row of cells, column of cells, orientation; 144 features for a 32 x 32 image.

    Raises
    ------
    ValueError
        If the image is smaller than one cell, or im has another shape.

    Examples
    --------
    >>> ramp = np.arange(8.0) * np.ones((8, 1))  # one cell, brighter by 1 at each step to the right
    >>> hog_feature(ramp)  # 6 of 8 columns have both neighbours, and these differ by 2
    array([1.5, 0. , 0. , 0. , 0. , 0. , 0. , 0. , 0. ])
    >>> hog_feature(np.zeros((100, 32, 32, 3))).shape
    (100, 144)

    References
    ----------
    Dalal and Triggs (2005), "Histograms of oriented gradients for human detection". Their version also distributes each
    pixel over neighbouring cells and bins, and normalises blocks of cells.
    """
    images, is_single = _as_batch(im)
    N, H, W, C = images.shape
    rows, columns = H // CELL, W // CELL
    if rows == 0 or columns == 0:
        raise ValueError(f"im has shape {np.shape(im)}: its images are smaller than a cell, {CELL} x {CELL} pixels.")
    length, bins = _gradients(images[..., 0] if C == 1 else rgb2gray(images))

    H, W = rows * CELL, columns * CELL
    cells = (np.arange(H) // CELL)[:, None] * columns + np.arange(W) // CELL  # (H, W)
    cells = np.arange(N)[:, None, None] * (rows * columns) + cells  # (N, H, W): each image has its own
    index = cells * ORIENTATIONS + bins[:, :H, :W]
    total = np.bincount(index.ravel(), weights=length[:, :H, :W].ravel(), minlength=N * rows * columns * ORIENTATIONS)
    features = total.reshape(N, -1) / CELL**2
    return features[0] if is_single else features


def color_histogram_hsv(im, nbin=10, xmin=0, xmax=255, normalized=True):
    """Compute the histogram of the hues of an image (the H of HSV), which ignores light and shadow.

    Hues range from 0 to xmax: red is 0, green one third of xmax, blue two thirds. Grey has no hue and counts as 0, as
    is usual for HSV.

    Parameters
    ----------
    im : ndarray of shape (H, W, 3) or (H, W), or a batch of them
    nbin : int
        Number of bins, all of equal width.
    xmin, xmax : float
        The bins range from xmin to xmax; hues below xmin are not counted.
    normalized : bool
        Whether to return fractions of the counted pixels, which sum to 1, instead of numbers of pixels.

    Returns
    -------
    ndarray of shape (nbin,) or (N, nbin)

    Examples
    --------
    >>> color_histogram_hsv(np.array([[[255, 0, 0], [200, 100, 100]], [[0, 255, 0], [0, 0, 9]]]), nbin=3)
    array([0.5 , 0.25, 0.25])

    References
    ----------
    Smith (1978), "Color gamut transform pairs".
    """
    require_whole("nbin", nbin)
    if not 0 <= xmin < xmax:
        raise ValueError(f"xmin={xmin}, xmax={xmax}: expected 0 <= xmin < xmax.")
    images, is_single = _as_batch(im)
    N = len(images)
    bins = np.floor((_hue(images) * xmax - xmin) * (nbin / (xmax - xmin)))  # (N, H, W)
    bins = np.clip(bins, -1, nbin - 1).astype(np.intp) + 1  # 0 is for the hues below xmin
    index = np.arange(N)[:, None, None] * (nbin + 1) + bins
    counts = np.bincount(index.ravel(), minlength=N * (nbin + 1)).reshape(N, nbin + 1)[:, 1:]
    features = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1) if normalized else counts.astype(np.float64)
    return features[0] if is_single else features


def extract_features(imgs, feature_fns, verbose=False):
    """Compute the features of many images: one row per image, with the vectors of all feature functions concatenated.

    A feature function of your own only has to work for single images. If it also takes batches, like those in this
    module, a trial on a few images of noise detects that, and it is called on many images at once.

    Parameters
    ----------
    imgs : ndarray of shape (N, H, W, C) or (N, H, W)
    feature_fns : list of functions
        Each takes an image of shape (H, W, C) or (H, W) and returns a vector of shape (F_i,).
    verbose : bool
        Whether to print the progress, ten times in total.

    Returns
    -------
    ndarray of shape (N, F_1 + ... + F_k), float64

    Raises
    ------
    ValueError
        If imgs is a single image, or a function does not return a vector.

    Examples
    --------
    >>> imgs = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3))
    >>> corner = lambda img: img[0, 0]
    >>> extract_features(imgs, [hog_feature, lambda img: color_histogram_hsv(img, nbin=10), corner]).shape
    (20, 157)
    """
    imgs = np.asarray(imgs)
    if imgs.ndim not in (3, 4):
        raise ValueError(f"imgs has shape {imgs.shape}, expected (N, H, W, C) or (N, H, W): imgs[None] adds N = 1.")
    if not feature_fns:
        raise ValueError("feature_fns is empty: pass at least one function.")
    N, H, W = imgs.shape[:3]
    if N == 0:
        return np.zeros((0, 0))
    size = max(1, CHUNK_PIXELS // max(1, H * W))
    takes_batch = [min(size, N) > 1 and _takes_batch(fn, imgs) for fn in feature_fns]
    rows = []
    for start in range(0, N, size):
        chunk = imgs[start : start + size]
        rows.append(np.hstack([_features_of(chunk, *how) for how in zip(feature_fns, takes_batch, strict=True)]))
        done = start + len(chunk)
        if verbose and 10 * done // N > 10 * start // N:
            print(f"features of {done} / {N} images")
    return np.concatenate(rows, dtype=np.float64)


def _as_batch(im):
    """Return im as float32 of shape (N, H, W, 1) or (N, H, W, 3), and whether it was a single image."""
    images = np.asarray(im, dtype=np.float32)
    is_single = images.ndim == 2 or (images.ndim == 3 and images.shape[-1] in CHANNELS)
    if is_single:
        images = images[None]
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or images.shape[-1] not in CHANNELS:
        raise ValueError(
            f"im has shape {np.shape(im)}, expected an image (H, W, 3) or (H, W), or a batch of them. "
            "If the channels come before height and width: im.transpose(0, 2, 3, 1) moves them to the end."
        )
    if not np.isfinite(images).all():
        raise ValueError("im contains nan or infinite values.")
    return images[..., :3], is_single


def _gradients(grey):
    """Return the length of the gradient at each pixel of (N, H, W), and the bin of its orientation."""
    dx, dy = np.zeros_like(grey), np.zeros_like(grey)
    dx[:, :, 1:-1] = grey[:, :, 2:] - grey[:, :, :-2]
    dy[:, 1:-1, :] = grey[:, 2:, :] - grey[:, :-2, :]
    turn = np.floor(np.arctan2(dy, dx) * (ORIENTATIONS / np.pi))  # -9 to 9; opposite gradients differ by 9
    bins = turn - ORIENTATIONS * np.floor(turn / ORIENTATIONS)  # np.mod, but twenty times as fast
    return np.sqrt(dx**2 + dy**2), bins.astype(np.intp)


def _hue(images):
    """Return the hue in [0, 1) of each pixel of (N, H, W, C), 0 where it has none.

    Masks of 0 and 1 select among the three formulas, which is several times faster than np.where.
    """
    r, g, b = np.moveaxis(np.broadcast_to(images, (*images.shape[:3], 3)), -1, 0).copy()  # (3, N, H, W)
    value = np.maximum(np.maximum(r, g), b)
    chroma = value - np.minimum(np.minimum(r, g), b)
    is_red = (value == r).astype(np.float32)
    is_green = (value == g) * (1 - is_red)
    is_blue = 1 - is_red - is_green
    difference = is_red * (g - b) + is_green * (b - r) + is_blue * (r - g)
    sixths = difference / (chroma + (chroma == 0)) + 2 * is_green + 4 * is_blue  # -1 to 5
    return (sixths + 6 * (sixths < 0)) / 6


def _features_of(chunk, fn, takes_batch):
    """Return the features (n, F) that fn computes for the images of a chunk."""
    if takes_batch:
        features = np.asarray(fn(chunk))
        if features.ndim == 2 and len(features) == len(chunk):
            return features
    features = np.stack([fn(img) for img in chunk])
    if features.ndim != 2:
        raise ValueError(
            f"{fn!r} returned an array of shape {features.shape[1:]} for an image of shape {chunk.shape[1:]}, expected "
            "a vector (F,). If the channels come first: imgs.transpose(0, 2, 3, 1) moves them to the end."
        )
    return features


def _takes_batch(fn, imgs):
    """Whether fn gives each image in a batch the same features as on its own.

    A function for single images may run on a batch and return the correct shape and still mix up images, for example
    when it divides by the brightest pixel. So the trial images have very different ranges, which reveals mixing.
    """
    low, high = np.array([[0, 60, 0, 150, 20], [256, 200, 2, 160, 90]]).reshape(2, 5, *[1] * (imgs.ndim - 1))
    noise = np.random.default_rng(0).random((5, *imgs.shape[1:]))
    trial = (low + (high - low) * noise).astype(imgs.dtype)
    try:
        with np.errstate(all="ignore"):
            alone = np.stack([fn(img.copy()) for img in trial])
            together = np.asarray(fn(trial.copy()))
        return together.shape == alone.shape and np.allclose(together, alone, rtol=1e-5, atol=1e-6)
    except Exception:  # of any kind: fn is then called on single images, where a genuine error is raised again
        return False
