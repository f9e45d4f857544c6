"""Images for networks: preprocessing, blurring, and reading from files and URLs."""

import io
import urllib.request
from http.client import HTTPException
from urllib.error import URLError

import numpy as np

from cs231n.coco_utils import scene_image
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
    """Read an image from a URL, or draw the scene that a name such as 'scene:train/12' of `load_coco_data` means.

    Returns
    -------
    uint8 ndarray of shape (H, W, 3), or None, with a message, if the image cannot be had.
    """
    if url.startswith("scene:"):
        return scene_image(url)
    try:
        with urllib.request.urlopen(url, timeout=SECONDS) as answer:
            return _read(io.BytesIO(answer.read()))
    except (URLError, HTTPException, OSError, ValueError) as error:
        print(f"{url} cannot be read: {error}")
        return None


def load_image(filename, size=None):
    """Read an image from a file; with `size`, its shorter side has so many pixels, and the longer one in proportion.

    Returns
    -------
    uint8 ndarray of shape (H, W, 3)
    """
    img = _read(filename)
    if size is None:
        return img
    shorter = min(img.shape[:2])
    rows, columns = (_nearest(n, n * size // shorter) for n in img.shape[:2])
    return img[rows][:, columns]


def _read(source):
    """Read a file, also one in grey or with an alpha channel, as uint8 of shape (H, W, 3)."""
    from imageio.v3 import imread  # only what reads a file needs it

    return imread(source, plugin="pillow", mode="RGB")


def _nearest(n, number):
    """Return which of n pixels are nearest to the centres of `number` pixels in their place."""
    return ((2 * np.arange(number) + 1) * n) // (2 * number)
