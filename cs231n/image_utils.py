"""Images for networks: preprocessing, blurring, and reading from files and URLs."""

import io
import urllib.request
from urllib.error import URLError

import numpy as np

from cs231n.fast_layers import conv_forward_fast

SQUEEZENET_MEAN = np.array([0.485, 0.456, 0.406], dtype=np.float32)
SQUEEZENET_STD = np.array([0.229, 0.224, 0.225], dtype=np.float32)
SECONDS = 20  # that a server may take


def preprocess_image(img):
    """Turn an image of 0 to 255, of shape (H, W, 3), into float32 as networks trained on ImageNet expect it."""
    return (img.astype(np.float32) / 255.0 - SQUEEZENET_MEAN) / SQUEEZENET_STD


def deprocess_image(img, rescale=False):
    """Undo `preprocess_image`: uint8 of shape (H, W, 3); with `rescale`, the values first fill the range 0 to 1."""
    img = img * SQUEEZENET_STD + SQUEEZENET_MEAN
    if rescale:
        spread = max(float(np.ptp(img)), 1e-12)
        img = (img - img.min()) / spread
    return np.clip(255 * img, 0, 255).astype(np.uint8)


def blur_image(X):
    """Blur images slightly: each pixel is averaged with its eight neighbours.

    Parameters
    ----------
    X : ndarray of shape (N, 3, H, W)

    Returns
    -------
    ndarray of shape (N, 3, H, W)
    """
    kernel = np.array([[1, 2, 1], [2, 188, 2], [1, 2, 1]]) / 200
    w = np.zeros((3, 3, 3, 3), dtype=X.dtype)
    w[[0, 1, 2], [0, 1, 2]] = kernel  # each channel by itself
    return conv_forward_fast(X, w, np.zeros(3, dtype=X.dtype), {"stride": 1, "pad": 1})[0]


def image_from_url(url):
    """Read an image from a URL: uint8 of shape (H, W, 3), or None, with a message, if it cannot be had."""
    from imageio.v3 import imread  # only this function needs it

    try:
        with urllib.request.urlopen(url, timeout=SECONDS) as answer:
            return imread(io.BytesIO(answer.read()))
    except (URLError, OSError, ValueError) as error:
        print(f"{url} cannot be read: {error}")
        return None


def load_image(filename, size=None):
    """Read an image from a file; with `size`, its shorter side has so many pixels.

    Returns
    -------
    uint8 ndarray of shape (H, W, 3)
    """
    from imageio.v3 import imread

    img = imread(filename)
    if size is None:
        return img
    factor = min(img.shape[:2]) / size
    rows, columns = ((np.arange(round(n / factor)) * factor).astype(int) for n in img.shape[:2])
    return img[rows][:, columns]
