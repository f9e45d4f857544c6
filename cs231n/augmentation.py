"""Data augmentation: random changes to images that do not change their class.

Each function takes a batch of images of shape (N, C, H, W) and returns a new batch of the same shape. Random choices
come from NumPy's global generator. `Solver(..., augment=...)` applies a function to the training batches only.

Source: Krizhevsky, Sutskever and Hinton (2012), "ImageNet classification with deep convolutional neural networks",
section 4.1.
"""

import numpy as np

from cs231n._errors import require_maps, require_whole


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
    require_maps(X)
    flipped = X.copy()
    chosen = np.random.rand(len(X)) < 0.5
    flipped[chosen] = X[chosen, :, :, ::-1]
    return flipped


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
    require_maps(X)
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
