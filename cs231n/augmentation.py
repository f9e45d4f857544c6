"""Data augmentation: random changes to images that do not change their class, and the ten crops for testing.

Each function takes a batch of images of shape (N, C, H, W) and returns a new batch of the same dtype, and of the same
shape unless it says otherwise. Random choices come from NumPy's global generator. `Solver(..., augment=...)` applies a
function to the training batches only.

Flips, shifts, crops and cutout move or cover pixels, so they take any values. `random_crop_and_scale` and
`random_rotation` read between the pixels and need floating point. The functions that change colours need *pixel values
from 0 (black) to 1 (white)*, before a mean is subtracted: brightness is a factor, and a factor has a meaning only where
0 is black.

Source: Krizhevsky, Sutskever and Hinton (2012), "ImageNet classification with deep convolutional neural networks",
section 4.1.
"""

from numbers import Real

import numpy as np

from cs231n._errors import (
    require_colors,
    require_fitting,
    require_floating,
    require_images,
    require_not_negative,
    require_pixels,
    require_probability,
    require_whole,
)

GREY = np.array([0.299, 0.587, 0.114])  # how bright red, green and blue look: ITU-R BT.601


def random_flip(X):
    """Mirror each image, left to right, with probability 1/2.

    Examples
    --------
    >>> np.random.seed(3)
    >>> random_flip(np.arange(6.0).reshape(3, 1, 1, 2))[:, 0, 0]
    array([[0., 1.],
           [2., 3.],
           [5., 4.]])
    """
    require_images(X)
    return mirrored(X, np.random.rand(len(X)) < 0.5)


def random_shift(X, most=4):
    """Move each image by up to `most` pixels up or down and left or right; the pixels that become free are 0.

    Parameters
    ----------
    X : ndarray of shape (N, C, H, W)
    most : int

    Returns
    -------
    ndarray of shape (N, C, H, W)
    """
    require_images(X)
    require_whole("most", most, least=0)
    N, C, H, W = X.shape
    padded = np.zeros((N, C, H + 2 * most, W + 2 * most), X.dtype)
    padded[:, :, most : most + H, most : most + W] = X
    shifted = np.empty_like(X)
    for i, (top, left) in enumerate(np.random.randint(2 * most + 1, size=(N, 2))):
        shifted[i] = padded[i, :, top : top + H, left : left + W]
    return shifted


def flip_and_shift(X):
    """Mirror with probability 1/2 and move by up to 4 pixels, as is usual for CIFAR-10."""
    return random_shift(random_flip(X))


def alternating_flips(num_images, epoch, seed=0):
    """Which images are mirrored in an epoch: half of them at random in the first one, the others in the next, by turns.

    With a coin for every image in every epoch, half of them would be seen as in the epoch before. By turns, any two
    epochs in a row show every image both ways.

    Parameters
    ----------
    num_images : int
    epoch : int
        From 0.
    seed : int
        Of the choice for the first epoch.

    Returns
    -------
    ndarray of bool, of shape (num_images,)

    Raises
    ------
    ValueError
        If the number or the epoch is negative or a fraction.

    Notes
    -----
    Jordan (2024), "94% on CIFAR-10 in 3.29 seconds on a single GPU", arXiv 2404.00498, section 3.6.

    Examples
    --------
    >>> first, second, third = (alternating_flips(4, epoch) for epoch in range(3))
    >>> bool(np.all(second == ~first)), bool(np.all(third == first))
    (True, True)
    """
    require_whole("num_images", num_images, least=0)
    require_whole("epoch", epoch, least=0)
    first = np.random.default_rng(seed).random(num_images) < 0.5
    return first if epoch % 2 == 0 else ~first


def mirrored(X, chosen):
    """Mirror the chosen images, left to right.

    Parameters
    ----------
    X : ndarray of shape (N, C, H, W)
    chosen : ndarray of bool, of shape (N,)

    Returns
    -------
    ndarray of shape (N, C, H, W)

    Examples
    --------
    >>> mirrored(np.array([[1, 2], [3, 4]]).reshape(2, 1, 1, 2), np.array([False, True])).ravel().tolist()
    [1, 2, 4, 3]
    """
    require_images(X)
    require_fitting("chosen", chosen, (len(X),), "the number of images")
    flipped = X.copy()
    flipped[chosen] = X[chosen, :, :, ::-1]
    return flipped


def translate(X, downs, rights):
    """Move each image by its own number of pixels; what becomes free shows the image reflected at its border.

    Parameters
    ----------
    X : ndarray of shape (N, C, H, W)
    downs, rights : ndarray of int, of shape (N,)
        Less than 0 for up and left; smaller than the side of the image.

    Returns
    -------
    ndarray of shape (N, C, H, W)

    Raises
    ------
    ValueError
        If there is not one number for each image, or one is as large as the image.

    Examples
    --------
    >>> translate(np.array([1, 2, 3, 4]).reshape(1, 1, 1, 4), np.array([0]), np.array([2])).ravel().tolist()
    [3, 2, 1, 2]
    """
    require_images(X)
    N, _, H, W = X.shape
    rows, columns = _reflected("downs", downs, X, H), _reflected("rights", rights, X, W)
    moved = np.empty_like(X)
    for i in range(N):
        moved[i] = X[i][:, rows[i][:, np.newaxis], columns[i]]
    return moved


def random_translation(X, most=2):
    """Move each image by up to `most` pixels up or down and left or right, as `translate` does.

    Parameters
    ----------
    X : ndarray of shape (N, C, H, W)
    most : int

    Returns
    -------
    ndarray of shape (N, C, H, W)
    """
    require_images(X)
    require_whole("most", most, least=0)
    return translate(X, *np.random.randint(-most, most + 1, size=(2, len(X))))


def _reflected(name, shifts, X, side):
    """Where each pixel along an axis of length `side` comes from, for each image: (N, side)."""
    require_fitting(name, shifts, (len(X),), "the number of images")
    shifts = np.asarray(shifts)
    if len(X) and np.abs(shifts).max() >= side:
        raise ValueError(
            f"{name} has {np.abs(shifts).max()}, but an image of {side} pixels moves by {side - 1} at most."
        )
    sources = np.abs(np.arange(side) - shifts[:, np.newaxis])  # reflected at the first pixel
    return side - 1 - np.abs(side - 1 - sources)  # and at the last one


# ---- squares that cover a part


def cutout(X, rows, columns, size, fill=0):
    """Cover a square of each image, as far as it lies inside the image.

    A network that often misses a part of a thing learns to recognise it by its other parts as well.

    Parameters
    ----------
    X : ndarray of shape (N, C, H, W)
    rows, columns : ndarray of int, of shape (N,)
        The first row and the first column of each square; they may lie outside.
    size : int
        Side of the squares.
    fill : number or ndarray of shape (C,)
        What covers the pixels, rounded if X has integers; the mean of the training images is the usual choice.

    Returns
    -------
    ndarray of shape (N, C, H, W)

    Raises
    ------
    ValueError
        If there is not one row and one column for each image, or one value for each channel.

    Notes
    -----
    DeVries and Taylor (2017), "Improved regularization of convolutional neural networks with cutout".

    Examples
    --------
    >>> cutout(np.arange(1, 10).reshape(1, 1, 3, 3), np.array([-1]), np.array([1]), size=2)[0, 0]
    array([[1, 0, 0],
           [4, 5, 6],
           [7, 8, 9]])
    """
    require_images(X)
    require_whole("size", size, least=0)
    require_fitting("rows", rows, (len(X),), "the number of images")
    require_fitting("columns", columns, (len(X),), "the number of images")
    if np.ndim(fill):
        require_fitting("fill", fill, X.shape[1:2], "the number of channels")
    if np.issubdtype(X.dtype, np.integer):
        fill = np.rint(fill)
    covered = _between(rows, size, X.shape[2])[:, :, np.newaxis] & _between(columns, size, X.shape[3])[:, np.newaxis]
    value = np.reshape(fill, (-1, 1, 1)).astype(X.dtype)  # (C, 1, 1), or (1, 1, 1)
    return np.where(covered[:, np.newaxis], value, X)


def random_cutout(X, size, fill=0):
    """Cover a square of each image, as `cutout` does; its centre is any pixel.

    Parameters
    ----------
    X : ndarray of shape (N, C, H, W)
    size : int
    fill : number or ndarray of shape (C,)

    Returns
    -------
    ndarray of shape (N, C, H, W)
    """
    require_images(X)
    starts = (np.random.randint(0, side, len(X)) - size // 2 for side in X.shape[2:])
    return cutout(X, *starts, size, fill)


def _between(starts, size, side):
    """Which of `side` positions lie in a range of a size, for each start: (N, side)."""
    after = np.arange(side) - np.asarray(starts)[:, np.newaxis]
    return (after >= 0) & (after < size)


# ---- crops


def random_crop(X, size):
    """Cut a random square out of each image.

    Parameters
    ----------
    X : ndarray of shape (N, C, H, W)
    size : int
        Side of the squares, at most H and W.

    Returns
    -------
    ndarray of shape (N, C, size, size)

    Examples
    --------
    >>> np.random.seed(0)
    >>> random_crop(np.arange(9).reshape(1, 1, 3, 3), size=2)[0, 0].tolist()
    [[1, 2], [4, 5]]
    """
    _require_crop(X, size)
    N, _, H, W = X.shape
    tops, lefts = np.random.randint(H - size + 1, size=N), np.random.randint(W - size + 1, size=N)
    windows = np.lib.stride_tricks.sliding_window_view(X, (size, size), axis=(2, 3))
    return windows[np.arange(N), :, tops, lefts]  # (N, C, rows, columns, size, size) -> (N, C, size, size)


def center_crop(X, size):
    """Cut the square in the middle out of each image, (N, C, H, W) -> (N, C, size, size).

    Examples
    --------
    >>> center_crop(np.arange(16).reshape(1, 1, 4, 4), size=2)[0, 0].tolist()
    [[5, 6], [9, 10]]
    """
    _require_crop(X, size)
    top, left = (X.shape[2] - size) // 2, (X.shape[3] - size) // 2
    return X[:, :, top : top + size, left : left + size].copy()


def ten_crop(X, size):
    """Cut the four corners and the middle out of each image, and out of its mirror image.

    Parameters
    ----------
    X : ndarray of shape (N, C, H, W)
    size : int
        Side of the squares, at most H and W.

    Returns
    -------
    ndarray of shape (N, 10, C, size, size)
        Top left, top right, bottom left, bottom right, middle; then the mirror images of these five, in this order.

    Examples
    --------
    >>> ten_crop(np.arange(9).reshape(1, 1, 3, 3), size=2)[0, [0, 1, 5], 0].tolist()
    [[[0, 1], [3, 4]], [[1, 2], [4, 5]], [[1, 0], [4, 3]]]
    """
    _require_crop(X, size)
    bottom, right = X.shape[2] - size, X.shape[3] - size
    corners = ((0, 0), (0, right), (bottom, 0), (bottom, right))
    five = [X[:, :, top : top + size, left : left + size] for top, left in corners]
    five.append(center_crop(X, size))
    return np.stack(five + [crop[..., ::-1] for crop in five], axis=1)


def _require_crop(X, size):
    require_images(X)
    require_whole("size", size)
    if size > min(X.shape[2:]):
        raise ValueError(f"size is {size}, but the images are {X.shape[2]} x {X.shape[3]}: a crop must fit into them.")


def random_crop_and_scale(X, least=0.7):
    """Cut a random rectangle out of each image and scale it to the size of the image.

    The rectangle has the shape of the image and a side of at least `least` times that of the image, in whole pixels.

    Parameters
    ----------
    X : ndarray of shape (N, C, H, W)
        Of a floating dtype.
    least : float
        0 < least <= 1.

    Returns
    -------
    ndarray of shape (N, C, H, W)
        Between pixels the values are linear; so none is above or below those of the image.

    Notes
    -----
    Szegedy and others (2015), "Going deeper with convolutions", section 6, also change the shape of the rectangle.
    """
    require_images(X)
    require_floating("X", X)
    if not isinstance(least, Real) or not 0 < least <= 1:
        raise ValueError(f"least is {least!r}, expected 0 < least <= 1: a share of the side of the image.")
    N, _, H, W = X.shape
    shares = np.random.uniform(least, 1, size=N)
    heights, widths = (np.maximum(np.ceil(shares * side), 1).astype(int) for side in (H, W))
    tops, lefts = np.random.randint(H - heights + 1), np.random.randint(W - widths + 1)
    return crop_and_scale(X, tops, lefts, heights, widths)


def crop_and_scale(X, tops, lefts, heights, widths):
    """Scale a rectangle of each image to the size of the image, with linear values between pixels.

    Parameters
    ----------
    X : ndarray of shape (N, C, H, W)
    tops, lefts, heights, widths : ndarray of shape (N,)
        In pixels.

    Returns
    -------
    ndarray of shape (N, C, H, W)

    Examples
    --------
    The left half of an image of one row; the outermost positions lie outside of all pixels' centres:

    >>> crop_and_scale(np.array([[[[0.0, 1.0, 5.0, 9.0]]]]), *np.array([[0], [0], [1], [2]]))[0, 0].tolist()
    [[0.0, 0.25, 0.75, 1.0]]
    """
    require_images(X)
    require_floating("X", X)
    tops, heights = _require_inside("tops", tops, "heights", heights, X, axis=2)
    lefts, widths = _require_inside("lefts", lefts, "widths", widths, X, axis=3)
    _, _, H, W = X.shape
    ### BEGIN SOLUTION
    # The centre of pixel i is at i + 1/2, hence the halves; beyond its outermost centres a rectangle is constant.
    rows = (np.arange(H) + 0.5) * heights / H - 0.5  # (N, H): counted from the top of the rectangle
    rows = tops + np.clip(rows, 0, heights - 1)
    columns = (np.arange(W) + 0.5) * widths / W - 0.5  # (N, W)
    columns = lefts + np.clip(columns, 0, widths - 1)
    ### END SOLUTION
    return _read_between(X, rows[:, :, np.newaxis], columns[:, np.newaxis, :])


def _require_inside(name, starts, length_name, lengths, X, axis):
    """Return both as arrays of shape (N, 1); raise unless there is one of each for every image, inside the image."""
    for label, values in ((name, starts), (length_name, lengths)):
        require_fitting(label, values, (len(X),), "the number of images")
    starts, lengths = np.asarray(starts), np.asarray(lengths)
    if np.any(starts < 0) or np.any(lengths < 1) or np.any(starts + lengths > X.shape[axis]):
        raise ValueError(
            f"{name} are {starts}, {length_name} {lengths}: expected rectangles of at least one pixel, inside images "
            f"with a side of {X.shape[axis]}."
        )
    return starts[:, np.newaxis], lengths[:, np.newaxis]


def _read_between(X, rows, columns):
    """Read each image at positions between its pixels; 0 outside. The rows and the columns broadcast to (N, H, W)."""
    N, C, H, W = X.shape
    framed = np.zeros((C, N, H + 3, W + 3), X.dtype)  # with zeros around it, for what lies outside
    framed[:, :, 1:-2, 1:-2] = X.transpose(1, 0, 2, 3)
    rows, columns = rows.clip(-1, H) + 1, columns.clip(-1, W) + 1
    top, left = rows.astype(int), columns.astype(int)
    down, across = (rows - top).astype(X.dtype), (columns - left).astype(X.dtype)  # from there, 0 to 1
    corner = (np.arange(N).reshape(-1, 1, 1) * (H + 3) + top) * (W + 3) + left  # of the pixels in one row
    pixels = framed.reshape(C, -1)
    upper, lower = (
        (1 - across) * pixels.take(start, axis=1) + across * pixels.take(start + 1, axis=1)
        for start in (corner, corner + W + 3)
    )
    return np.ascontiguousarray(((1 - down) * upper + down * lower).transpose(1, 0, 2, 3))


# ---- rotation


def random_rotation(X, most=15):
    """Rotate each image about its centre by a random angle of up to `most` degrees to either side.

    Corners that come from outside of the image are 0: the mean image, if it has been subtracted.

    Parameters
    ----------
    X : ndarray of shape (N, C, H, W)
        Of a floating dtype.
    most : float
        In degrees, at least 0.

    Returns
    -------
    ndarray of shape (N, C, H, W)
    """
    require_not_negative("most", most)
    require_images(X)
    return rotate(X, np.random.uniform(-most, most, size=len(X)))


def rotate(X, degrees):
    """Rotate images about their centres, counter-clockwise as one sees them, with linear values between pixels.

    Parameters
    ----------
    X : ndarray of shape (N, C, H, W)
        Of a floating dtype.
    degrees : ndarray of shape (N,)

    Returns
    -------
    ndarray of shape (N, C, H, W)

    Examples
    --------
    >>> rotate(np.array([[[[1.0, 2.0], [3.0, 4.0]]]]), np.array([90.0])).round(6)[0, 0].tolist()
    [[2.0, 4.0], [1.0, 3.0]]
    """
    require_images(X)
    require_floating("X", X)
    require_fitting("degrees", degrees, (len(X),), "the number of images")
    _, _, H, W = X.shape
    ### BEGIN SOLUTION
    angles = np.deg2rad(degrees)[:, np.newaxis, np.newaxis]
    down, across = np.arange(H)[:, np.newaxis] - (H - 1) / 2, np.arange(W) - (W - 1) / 2  # from the centre
    rows = np.cos(angles) * down + np.sin(angles) * across + (H - 1) / 2  # (N, H, W): where each pixel comes from
    columns = np.cos(angles) * across - np.sin(angles) * down + (W - 1) / 2
    ### END SOLUTION
    return _read_between(X, rows.round(9), columns.round(9))  # rounded, so that a pixel at the border is not lost


# ---- colours


def grey(X):
    """How bright each pixel looks: a weighted mean of red, green and blue, (N, 3, H, W) -> (N, 1, H, W)."""
    require_colors(X)
    return np.einsum("nchw,c->nhw", X, GREY.astype(X.dtype))[:, np.newaxis]


def adjust_colors(X, brightness, contrast, saturation):
    """Change the brightness, contrast and saturation of each image by factors of its own; 1 changes nothing.

    - brightness: all pixel values are multiplied by the factor,
    - contrast: the differences from the mean grey value of the image are multiplied,
    - saturation: the differences from the grey value of the same pixel are multiplied.

    Values that leave the range from 0 to 1 are set to its ends, once, at the end.

    Parameters
    ----------
    X : ndarray of shape (N, 3, H, W)
        Pixel values from 0 to 1, of a floating dtype.
    brightness, contrast, saturation : ndarray of shape (N,)
        At least 0.

    Returns
    -------
    ndarray of shape (N, 3, H, W)

    Notes
    -----
    Howard (2013), "Some improvements on deep convolutional neural network based image classification", section 2.

    Examples
    --------
    One pixel of red; with a saturation of 0 it is grey:

    >>> red, one = np.array([1.0, 0.0, 0.0]).reshape(1, 3, 1, 1), np.ones(1)
    >>> adjust_colors(red, one, one, 0 * one).ravel().tolist()
    [0.299, 0.299, 0.299]
    >>> adjust_colors(red, 0.5 * one, one, one).ravel().tolist()
    [0.5, 0.0, 0.0]
    """
    require_pixels(X)
    factors = {"brightness": brightness, "contrast": contrast, "saturation": saturation}
    for name, factor in factors.items():
        require_fitting(name, factor, (len(X),), "the number of images")
        if np.min(factor, initial=0) < 0:
            raise ValueError(f"{name} is {np.min(factor):.4g} for one image, expected factors of at least 0.")
    brightness, contrast, saturation = (np.asarray(f, X.dtype).reshape(-1, 1, 1, 1) for f in factors.values())
    ### BEGIN SOLUTION
    X = brightness * X
    mean = grey(X).mean(axis=(1, 2, 3), keepdims=True)  # (N, 1, 1, 1)
    X = mean + contrast * (X - mean)
    grey_values = grey(X)  # (N, 1, H, W)
    X = grey_values + saturation * (X - grey_values)
    adjusted = np.clip(X, 0, 1)
    ### END SOLUTION
    return adjusted


def random_color_jitter(X, brightness=0.3, contrast=0.3, saturation=0.3):
    """Change brightness, contrast and saturation of each image by random factors.

    Parameters
    ----------
    X : ndarray of shape (N, 3, H, W)
        Pixel values from 0 to 1, of a floating dtype.
    brightness, contrast, saturation : float
        From 0 to 1: the factors are uniform between 1 minus this and 1 plus this.

    Returns
    -------
    ndarray of shape (N, 3, H, W)
    """
    require_images(X)
    factors = []
    for name, amount in (("brightness", brightness), ("contrast", contrast), ("saturation", saturation)):
        require_probability(name, amount)  # a factor must not be negative
        factors.append(np.random.uniform(1 - amount, 1 + amount, size=len(X)))
    return adjust_colors(X, *factors)


def color_components(X):
    """The principal components of the colours of all pixels of a set of images.

    Parameters
    ----------
    X : ndarray of shape (N, 3, H, W)
        Pixel values from 0 to 1, of a floating dtype.

    Returns
    -------
    eigenvalues : ndarray of shape (3,)
        Of the covariance of red, green and blue, the largest one first: variances, the square of pixel values.
    eigenvectors : ndarray of shape (3, 3)
        Column i belongs to eigenvalue i and has length 1.

    Examples
    --------
    Grey pixels, black and white: all colours lie on one line.

    >>> values, vectors = color_components(np.array([0.0, 1.0]).reshape(2, 1, 1, 1) * np.ones((1, 3, 1, 1)))
    >>> np.abs(values).round(3).tolist(), np.abs(vectors[:, 0]).round(3).tolist()
    ([0.75, 0.0, 0.0], [0.577, 0.577, 0.577])
    """
    require_pixels(X)
    colors = np.moveaxis(X, 1, -1).reshape(-1, 3).astype(np.float64)
    colors -= colors.mean(axis=0)
    values, vectors = np.linalg.eigh(colors.T @ colors / len(colors))  # the smallest one first
    return values[::-1].copy(), vectors[:, ::-1].copy()


def pca_jitter(X, eigenvalues, eigenvectors, alphas):
    """Add a colour to each image: the sum over i of alphas[n, i] * eigenvalues[i] * eigenvectors[:, i].

    All pixels of image n get the same addition. The result may leave the range from 0 to 1.

    Parameters
    ----------
    X : ndarray of shape (N, 3, H, W)
        Pixel values from 0 to 1, of a floating dtype.
    eigenvalues : ndarray of shape (3,)
    eigenvectors : ndarray of shape (3, 3)
        Column i belongs to eigenvalue i: see `color_components`.
    alphas : ndarray of shape (N, 3)

    Returns
    -------
    ndarray of shape (N, 3, H, W)

    Notes
    -----
    Krizhevsky, Sutskever and Hinton (2012), section 4.1. An eigenvalue is a variance, so an addition is in the square
    of the unit of the pixels: with values from 0 to 255 the same alphas would change colours 255 times as much.

    Examples
    --------
    >>> grey_pixel = np.full((1, 3, 1, 1), 0.5)
    >>> values, vectors = np.array([0.2, 0.1, 0.0]), np.eye(3)[:, [2, 1, 0]]  # blue varies most
    >>> pca_jitter(grey_pixel, values, vectors, np.array([[1.0, 2.0, 9.0]])).round(3).ravel().tolist()
    [0.5, 0.7, 0.7]
    """
    require_pixels(X)
    require_fitting("eigenvalues", eigenvalues, (3,), "the three colours")
    require_fitting("eigenvectors", eigenvectors, (3, 3), "the three colours")
    require_fitting("alphas", alphas, (len(X), 3), "the number of images and the three colours")
    ### BEGIN SOLUTION
    additions = (alphas * eigenvalues) @ eigenvectors.T  # (N, 3) @ (3, 3) -> (N, 3)
    jittered = X + additions[:, :, np.newaxis, np.newaxis].astype(X.dtype)
    ### END SOLUTION
    return jittered


def random_pca_jitter(X, eigenvalues, eigenvectors, std=0.1):
    """Add a random colour to each image, along the directions in which the colours of the data set vary.

    Parameters
    ----------
    X : ndarray of shape (N, 3, H, W)
        Pixel values from 0 to 1, of a floating dtype.
    eigenvalues, eigenvectors : ndarray
        From `color_components`.
    std : float
        Standard deviation of the alphas, which are normally distributed around 0.

    Returns
    -------
    ndarray of shape (N, 3, H, W)
    """
    require_not_negative("std", std)
    require_images(X)
    return pca_jitter(X, eigenvalues, eigenvectors, std * np.random.randn(len(X), 3))
