"""Preprocessing: statistics of the training images, and what is done with them to all images.

What is named ``..._fit`` or ``..._mean`` looks at the training images and returns their statistics; what is named
``..._apply`` takes these statistics and any images. Only the training images may be looked at: what is done to an image
in use must not depend on other images that happen to come along.

Images have the shape (N, d_1, ..., d_k); a channel is the axis after N of images of shape (N, C, H, W). Statistics are
computed in float64. They are returned in the dtype of the images, or in float64 if these are integers, as pixels are.
"""

import numpy as np

from cs231n._errors import (
    require_array,
    require_images,
    require_not_negative,
    require_settings,
    require_some,
    require_whole,
)

FEATURES = ("pixel", "channel")


# ---- the mean


def mean_image(X):
    """Return the mean image: for each entry of an image, the mean over all training images.

    Parameters
    ----------
    X : ndarray of shape (N, d_1, ..., d_k)
        Training images.

    Returns
    -------
    ndarray of shape (d_1, ..., d_k)

    Raises
    ------
    ValueError
        If there are no images.

    Notes
    -----
    Krizhevsky, Sutskever and Hinton (2012), "ImageNet classification with deep convolutional neural networks",
    section 2.

    Examples
    --------
    >>> mean_image(np.array([[1, 10], [2, 30]]))
    array([ 1.5, 20. ])
    """
    _require_several(X)
    require_some(X, "X", "mean image")
    ### BEGIN SOLUTION
    mean = np.mean(X, axis=0, dtype=np.float64)
    ### END SOLUTION
    return mean.astype(_float_type(X), copy=False)


def channel_mean(X):
    """Return the mean of each channel, over all training images and all positions.

    Parameters
    ----------
    X : ndarray of shape (N, C, H, W)
        Training images.

    Returns
    -------
    ndarray of shape (C, 1, 1)
        Three axes, so that it can be subtracted from images.

    Raises
    ------
    ValueError
        If X has no images, or other axes.

    Notes
    -----
    Simonyan and Zisserman (2015), "Very deep convolutional networks for large-scale image recognition", section 2.1.

    Examples
    --------
    >>> channel_mean(np.array([[[[1.0, 3.0]], [[10.0, 20.0]]]])).tolist()
    [[[2.0]], [[15.0]]]
    """
    require_images(X)
    require_some(X, "X", "mean of a channel")
    ### BEGIN SOLUTION
    mean = np.mean(X, axis=(0, 2, 3), dtype=np.float64).reshape(-1, 1, 1)
    ### END SOLUTION
    return mean.astype(_float_type(X), copy=False)


# ---- the scale


def standardize_fit(X, per="pixel", eps=1e-8):
    """Return the mean and the standard deviation of each pixel, or of each channel, over the training images.

    Parameters
    ----------
    X : ndarray of shape (N, d_1, ..., d_k), or (N, C, H, W) for channels
        Training images.
    per : 'pixel' or 'channel'
        A pixel is one entry of an image: one position of one channel.
    eps : float
        What hardly varies, with a standard deviation of at most `eps`, is not scaled: its ``std`` is 1.

    Returns
    -------
    dict
        ``mean`` and ``std``, both of shape (d_1, ..., d_k), or (C, 1, 1).

    Raises
    ------
    ValueError
        If there are no images, `per` is neither of the two, or `eps` is negative.

    Notes
    -----
    LeCun, Bottou, Orr and Müller (1998), "Efficient BackProp", section 4.3.

    Examples
    --------
    >>> stats = standardize_fit(np.array([[1.0, 7.0], [5.0, 7.0]]))
    >>> stats["mean"], stats["std"]
    (array([3., 7.]), array([2., 1.]))
    """
    if per not in FEATURES:
        raise ValueError(f"per is {per!r}, expected 'pixel' or 'channel'.")
    require_not_negative("eps", eps)
    ### BEGIN SOLUTION
    if per == "pixel":
        mean = mean_image(X)
        std = np.std(X, axis=0, dtype=np.float64)
    else:
        mean = channel_mean(X)
        std = np.std(X, axis=(0, 2, 3), dtype=np.float64).reshape(-1, 1, 1)
    std = np.where(std > eps, std, 1.0)
    ### END SOLUTION
    return {"mean": mean, "std": std.astype(_float_type(X), copy=False)}


def standardize_apply(X, stats):
    """Subtract the mean of the training images and divide by their standard deviation.

    Parameters
    ----------
    X : ndarray of shape (N, d_1, ..., d_k)
        Images of any set.
    stats : dict
        What `standardize_fit` returned for the training images.

    Returns
    -------
    ndarray of the shape of X

    Raises
    ------
    ValueError
        If the statistics are of images of another shape.

    Examples
    --------
    >>> stats = {"mean": np.array([3.0, 7.0]), "std": np.array([2.0, 1.0])}
    >>> standardize_apply(np.array([[5.0, 7.0], [3.0, 9.0]]), stats)
    array([[1., 0.],
           [0., 2.]])
    """
    _require_stats(stats, ("mean", "std"))
    require_array("X", X)
    _require_alike(X, stats["mean"])
    ### BEGIN SOLUTION
    out = (X - stats["mean"]) / stats["std"]
    ### END SOLUTION
    return out


# ---- principal components


def pca_fit(X, num_components=None):
    """Find the directions along which the training images vary most, and how much they vary along each.

    They are the eigenvectors of the covariance matrix, (X - mean)^T (X - mean) / N, and its eigenvalues.

    Parameters
    ----------
    X : ndarray of shape (N, D)
        Training images, each as a row.
    num_components : int, optional
        K, how many directions to keep, 1 <= K <= D; by default all of them, K = D.

    Returns
    -------
    dict
        ``mean`` of shape (D,); ``components`` of shape (D, K), with a direction of length 1 in each column;
        ``variances`` of shape (K,), from the largest to the smallest, none below 0. The sign of a direction is open.

    Raises
    ------
    ValueError
        If X has no rows or other axes, or `num_components` is out of range.

    Notes
    -----
    Pearson (1901), "On lines and planes of closest fit to systems of points in space"; Bishop (2006), "Pattern
    recognition and machine learning", section 12.1.

    Examples
    --------
    >>> stats = pca_fit(np.array([[1.0, 2.0], [3.0, 6.0], [5.0, 10.0]]))  # on the line y = 2 x
    >>> stats["mean"], stats["variances"].round(3) + 0.0
    (array([3., 6.]), array([13.333,  0.   ]))
    >>> np.abs(stats["components"][:, 0]).round(3)
    array([0.447, 0.894])
    """
    _require_matrix(X)
    require_some(X, "X", "covariance")
    D = X.shape[1]
    K = D if num_components is None else num_components
    require_whole("num_components", K)
    if K > D:
        raise ValueError(f"num_components is {K}, but rows of {D} entries have no more than {D} directions.")
    ### BEGIN SOLUTION
    mean = mean_image(X)
    centred = (X - mean).astype(np.float64, copy=False)
    covariance = centred.T @ centred / len(X)  # (D, N) @ (N, D) -> (D, D)
    variances, components = np.linalg.eigh(covariance)  # from the smallest to the largest
    variances, components = variances[::-1][:K], components[:, ::-1][:, :K]
    variances = np.maximum(variances, 0)  # rounding can leave a 0 slightly below 0
    ### END SOLUTION
    dtype = _float_type(X)
    return {"mean": mean, "components": components.astype(dtype), "variances": variances.astype(dtype)}


def pca_apply(X, stats):
    """Turn images into their coordinates along the principal components of the training images.

    Parameters
    ----------
    X : ndarray of shape (N, D)
        Images of any set.
    stats : dict
        What `pca_fit` returned for the training images.

    Returns
    -------
    ndarray of shape (N, K)

    Raises
    ------
    ValueError
        If the statistics are of images of another size.

    Examples
    --------
    >>> half = np.sqrt(0.5)
    >>> stats = {"mean": np.array([1.0, 1.0]), "components": np.array([[half], [half]]), "variances": np.array([4.0])}
    >>> pca_apply(np.array([[2.0, 2.0], [2.0, 0.0]]), stats).round(3)
    array([[1.414],
           [0.   ]])
    """
    _require_stats(stats, ("mean", "components", "variances"))
    _require_matrix(X)
    _require_alike(X, stats["mean"])
    ### BEGIN SOLUTION
    out = (X - stats["mean"]) @ stats["components"]  # (N, D) @ (D, K) -> (N, K)
    ### END SOLUTION
    return out


def whiten_apply(X, stats, eps=1e-5):
    """Turn images into coordinates along the principal components, and give each the variance 1.

    out = pca_apply(X) / sqrt(variances + eps)

    Parameters
    ----------
    X : ndarray of shape (N, D)
        Images of any set.
    stats : dict
        What `pca_fit` returned for the training images.
    eps : float
        Added to the variances, so that directions along which the training images hardly vary, mostly noise, are not
        blown up. Choose it with the size of the variances in mind.

    Returns
    -------
    ndarray of shape (N, K)

    Raises
    ------
    ValueError
        If the statistics are of images of another size, or `eps` is negative.

    Notes
    -----
    Multiplied by the transposed components, the result is that of ZCA whitening, which looks like images again:
    Krizhevsky (2009), "Learning multiple layers of features from tiny images", appendix A.

    Examples
    --------
    >>> stats = {"mean": np.zeros(2), "components": np.eye(2), "variances": np.array([4.0, 0.25])}
    >>> whiten_apply(np.array([[4.0, 1.0]]), stats, eps=0)
    array([[2., 2.]])
    """
    require_not_negative("eps", eps)
    ### BEGIN SOLUTION
    out = pca_apply(X, stats) / np.sqrt(stats["variances"] + eps)
    ### END SOLUTION
    return out


def patch_whitening(X, size=2, eps=5e-4):
    """Make filters that turn patches of images into coordinates of variance 1 without correlation, of both signs.

    A filter for each eigenvector of the patches' second moments, divided by sqrt(eigenvalue + eps), then the same
    filters negated: after an activation that lets positive values through, both sides are there.

    Parameters
    ----------
    X : ndarray of shape (N, C, H, W)
        Training images, standardised for each channel.
    size : int
        Side of the patches, which overlap.
    eps : float
        Added to the eigenvalues: directions in which patches hardly vary, mostly noise, are not blown up.

    Returns
    -------
    ndarray of shape (2 * C * size * size, C, size, size)
        Of float64, those of the largest eigenvalues first. The sign of a filter is chosen such that its entry with the
        largest absolute value is positive.

    Raises
    ------
    ValueError
        If a patch does not fit into the images, or eps is negative.

    Notes
    -----
    Coates and Ng (2012), "Learning feature representations with K-means", section 3.1, whiten patches; as a first layer
    with both signs in the recipe of Jordan (2024), arXiv 2404.00498.

    Examples
    --------
    Pixels without correlation, half of them black: every filter picks one pixel.

    >>> X = np.array([1.0, -1.0, 1.0, -1.0]).reshape(4, 1, 1, 1) * np.ones((4, 1, 1, 1))
    >>> patch_whitening(X, size=1, eps=0).ravel().tolist()
    [1.0, -1.0]
    """
    require_images(X)
    require_some(X, "X", "covariance")
    require_whole("size", size)
    require_not_negative("eps", eps)
    if size > min(X.shape[2:]):
        raise ValueError(f"size is {size}, but the images are {X.shape[2]} x {X.shape[3]}: a patch must fit into them.")
    moments = sum(_patch_moments(X[i : i + 500], size) for i in range(0, len(X), 500))
    moments /= len(X) * (X.shape[2] - size + 1) * (X.shape[3] - size + 1)
    values, vectors = np.linalg.eigh(moments)  # from the smallest to the largest
    filters = (vectors / np.sqrt(np.maximum(values, 0) + eps)).T[::-1]
    largest = np.take_along_axis(filters, np.abs(filters).argmax(axis=1)[:, np.newaxis], axis=1)
    filters = (filters * np.sign(largest)).reshape(-1, X.shape[1], size, size)
    return np.concatenate([filters, -filters])


def _patch_moments(X, size):
    """Sum the products of any two entries of a patch over all patches of images (n, C, H, W): (K, K)."""
    patches = np.lib.stride_tricks.sliding_window_view(X, (size, size), axis=(2, 3))  # (n, C, H', W', size, size)
    rows = patches.transpose(0, 2, 3, 1, 4, 5).reshape(-1, X.shape[1] * size * size).astype(np.float64, copy=False)
    return rows.T @ rows  # (K, n * H' * W') @ (n * H' * W', K) -> (K, K)


# ---- arguments


def _float_type(X):
    """Return the dtype of statistics of X."""
    return X.dtype if X.dtype.kind == "f" else np.dtype(np.float64)


def _require_several(X):
    """Raise unless `X` is an array with an axis of images and others."""
    require_array("X", X)
    if X.ndim < 2:
        raise ValueError(f"X has shape {X.shape}, expected (N, d_1, ..., d_k): the first axis counts the images.")


def _require_matrix(X):
    """Raise unless `X` has one row for each image."""
    require_array("X", X)
    if X.ndim != 2:
        raise ValueError(f"X has shape {X.shape}, expected (N, D): X.reshape(len(X), -1) turns images into rows.")


def _require_stats(stats, names):
    """Raise unless `stats` is a dict with these entries."""
    if not isinstance(stats, dict):
        raise TypeError(f"stats is a {type(stats).__name__}, expected the dict that a function ..._fit returned.")
    require_settings(stats, frozenset(names), "stats")
    for name in names:
        if name not in stats:
            raise ValueError(f'stats has no "{name}": does it come from another function ..._fit?')


def _require_alike(X, mean):
    """Raise unless images have the shape of those whose mean is given, (d_1, ..., d_k) or (C, 1, 1)."""
    shapes = [X.shape[1:], (X.shape[1], 1, 1)] if X.ndim == 4 else [X.shape[1:]]
    if mean.shape not in shapes:
        raise ValueError(
            f"X has shape {X.shape}, but the statistics are of images of shape {mean.shape}. Are the images flattened "
            "in one place alone, or is the axis of the images missing (X[None] adds it)?"
        )
