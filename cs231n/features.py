"""Image features made by hand: histograms of gradients (HOG) and of hues.

A feature function takes one image of shape (H, W, 3), or (H, W) if it is grey, and gives its vector of shape (F,). The
two here also take a batch, of shape (N, H, W, 3) or (N, H, W), and then give one row per image, of shape (N, F). Pixels
are 0 to 255 in any integer or floating type. A grey image may have a last axis of 1; a fourth channel (alpha) is left
out.
"""

import numpy as np

CELL = 8  # height and width of a HOG cell, in pixels
ORIENTATIONS = 9  # bins of 20 degrees each
CHUNK_PIXELS = 2**14  # pixels looked at in one go: as float32 they take 64 KB, so all temporaries stay in the cache
CHANNELS = (1, 3, 4)  # grey, RGB, RGB with alpha


def rgb2gray(rgb):
    """Compute the brightness of colours, 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601).

    Parameters
    ----------
    rgb : ndarray of shape (..., 3)
        Or (..., 4), with an alpha channel that is left out.

    Returns
    -------
    ndarray of shape (...)
        In the floating type of rgb; float32 for uint8.

    Examples
    --------
    >>> rgb2gray(np.array([[255.0, 255.0, 255.0], [0.0, 100.0, 0.0]])).round(6)
    array([255. ,  58.7])
    """
    rgb = np.asarray(rgb)
    if rgb.ndim == 0 or rgb.shape[-1] not in (3, 4):
        raise ValueError(f"rgb has shape {rgb.shape}, expected (..., 3): red, green and blue on the last axis.")
    # Not `rgb @ weights`: its rounding depends on where in the array a colour stands, so a flat patch would have edges.
    red, green, blue = (np.array(w, dtype=np.result_type(rgb, np.float32)) for w in (0.299, 0.587, 0.114))
    return red * rgb[..., 0] + green * rgb[..., 1] + blue * rgb[..., 2]


def hog_feature(im):
    """Compute the histogram of oriented gradients: how strong the edges are in each cell, by their direction.

    The gradient of the brightness at a pixel, by the differences of its neighbours, has a length and an orientation in
    [0, 180) degrees: 0 where the brightness changes along a row, 90 where it changes along a column. A feature is the
    sum of the lengths in a cell of 8 x 8 pixels that fall into one of 9 bins of 20 degrees, divided by 64.

    The outermost pixels have no neighbour on one side, so their difference across the border counts as 0. Pixels to the
    right of and below the last whole cell are left out.

    Parameters
    ----------
    im : ndarray of shape (H, W, 3) or (H, W), or a batch of them
        H and W at least 8.

    Returns
    -------
    ndarray of shape (H//8 * W//8 * 9,) or (N, H//8 * W//8 * 9)
        By row of cells, column of cells, orientation; 144 numbers for a 32 x 32 image.

    Raises
    ------
    ValueError
        If the image is smaller than one cell, or im is not of such a shape.

    Examples
    --------
    >>> ramp = np.arange(8.0) * np.ones((8, 1))  # one cell, brighter by 1 at each step to the right
    >>> hog_feature(ramp)  # 6 of 8 columns have both neighbours, and these differ by 2
    array([1.5, 0. , 0. , 0. , 0. , 0. , 0. , 0. , 0. ])
    >>> hog_feature(np.zeros((100, 32, 32, 3))).shape
    (100, 144)

    References
    ----------
    Dalal and Triggs (2005), "Histograms of oriented gradients for human detection". Theirs also shares each pixel among
    neighbouring cells and bins, and normalises blocks of cells.
    """
    images, is_single = _as_batch(im)
    N, H, W, C = images.shape
    rows, columns = H // CELL, W // CELL
    if rows == 0 or columns == 0:
        raise ValueError(f"im has shape {np.shape(im)}: its images are smaller than a cell, {CELL} x {CELL} pixels.")
    length, bins = _gradients(images[..., 0] if C == 1 else rgb2gray(images))

    H, W = rows * CELL, columns * CELL
    cells = (np.arange(H) // CELL)[:, None] * columns + np.arange(W) // CELL  # (H, W)
    cells = np.arange(N)[:, None, None] * (rows * columns) + cells  # (N, H, W): no two images share one
    index = cells * ORIENTATIONS + bins[:, :H, :W]
    total = np.bincount(index.ravel(), weights=length[:, :H, :W].ravel(), minlength=N * rows * columns * ORIENTATIONS)
    features = total.reshape(N, -1) / CELL**2
    return features[0] if is_single else features


def color_histogram_hsv(im, nbin=10, xmin=0, xmax=255, normalized=True):
    """Compute the histogram of the hues of an image (the H of HSV), whatever its lights and shadows.

    Hues run from 0 to xmax: red is 0, green a third of xmax, blue two thirds. Grey has no hue and counts as 0, as usual
    for HSV.

    Parameters
    ----------
    im : ndarray of shape (H, W, 3) or (H, W), or a batch of them
    nbin : int
        Number of bins, all equally wide.
    xmin, xmax : float
        The bins go from xmin to xmax; a hue below xmin is not counted.
    normalized : bool
        Whether to give shares of the pixels that are counted, which sum to 1, or else numbers of pixels.

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
    if nbin < 1 or not 0 <= xmin < xmax:
        raise ValueError(f"nbin={nbin}, xmin={xmin}, xmax={xmax}: expected nbin of at least 1 and 0 <= xmin < xmax.")
    images, is_single = _as_batch(im)
    N = len(images)
    bins = np.floor((_hue(images) * xmax - xmin) * (nbin / (xmax - xmin)))  # (N, H, W)
    bins = np.clip(bins, -1, nbin - 1).astype(np.intp) + 1  # 0 is for the hues below xmin
    index = np.arange(N)[:, None, None] * (nbin + 1) + bins
    counts = np.bincount(index.ravel(), minlength=N * (nbin + 1)).reshape(N, nbin + 1)[:, 1:]
    features = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1) if normalized else counts.astype(np.float64)
    return features[0] if is_single else features


def extract_features(imgs, feature_fns, verbose=False):
    """Compute the features of many images: the vectors of all feature functions side by side, one row per image.

    Your own feature function needs to know single images only. One that takes a batch as well, like those of this
    module, is found out by trying it on a few images of noise, and is then called on many images in one go.

    Parameters
    ----------
    imgs : ndarray of shape (N, H, W, C) or (N, H, W)
    feature_fns : list of functions
        Each takes an image of shape (H, W, C) or (H, W) and returns a vector of shape (F_i,).
    verbose : bool
        Whether to print how far it has come, ten times in all.

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
        raise ValueError(f"imgs has shape {imgs.shape}, expected (N, H, W, C) or (N, H, W); img[None] adds N = 1.")
    if not feature_fns:
        raise ValueError("feature_fns is empty: give at least one function.")
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
            "If the colour comes before height and width: im.transpose(0, 2, 3, 1) moves it to the end."
        )
    if not np.isfinite(images).all():
        raise ValueError("im holds nan or infinite values.")
    return images[..., :3], is_single


def _gradients(grey):
    """Return the length of the gradient at each pixel of (N, H, W), and the bin of its orientation."""
    dx, dy = np.zeros_like(grey), np.zeros_like(grey)
    dx[:, :, 1:-1] = grey[:, :, 2:] - grey[:, :, :-2]
    dy[:, 1:-1, :] = grey[:, 2:, :] - grey[:, :-2, :]
    turn = np.floor(np.arctan2(dy, dx) * (ORIENTATIONS / np.pi))  # -9 to 9; opposite gradients are 9 apart
    bins = turn - ORIENTATIONS * np.floor(turn / ORIENTATIONS)  # np.mod, but twenty times as fast
    return np.sqrt(dx**2 + dy**2), bins.astype(np.intp)


def _hue(images):
    """Return the hue in [0, 1) of each pixel of (N, H, W, C), 0 where it has none.

    A choice between three formulas is made by multiplying with 0 or 1: several times as fast as np.where.
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
    """Return the features (n, F) that fn gives for the images of a chunk."""
    if takes_batch:
        features = np.asarray(fn(chunk))
        if features.ndim == 2 and len(features) == len(chunk):
            return features
    features = np.stack([fn(img) for img in chunk])
    if features.ndim != 2:
        raise ValueError(
            f"{fn!r} gave an array of shape {features.shape[1:]} for an image of shape {chunk.shape[1:]}, expected a "
            "vector (F,). If the image has the colour first: imgs.transpose(0, 2, 3, 1) moves it to the end."
        )
    return features


def _takes_batch(fn, imgs):
    """Whether fn gives for each image in a batch what it gives for that image alone.

    A function for single images may well run on a batch and return the right shape: one that divides by the brightest
    pixel does. So it is tried on images of very different ranges, where whatever mixes images shows.
    """
    low, high = np.array([[0, 60, 0, 150, 20], [256, 200, 2, 160, 90]]).reshape(2, 5, *[1] * (imgs.ndim - 1))
    noise = np.random.default_rng(0).random((5, *imgs.shape[1:]))
    trial = (low + (high - low) * noise).astype(imgs.dtype)
    try:
        with np.errstate(all="ignore"):
            alone = np.stack([fn(img.copy()) for img in trial])
            together = np.asarray(fn(trial.copy()))
        return together.shape == alone.shape and np.allclose(together, alone, rtol=1e-5, atol=1e-6)
    except Exception:  # of whatever kind: then fn is called on single images, and raises there if it must
        return False
