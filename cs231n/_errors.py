"""Argument checks at the package's boundary; each error says what was given, what was expected, and the likely fix."""

import numpy as np


def require_labels(y, num_rows, num_classes=None, name="y"):
    """Raise unless `y` is a vector of `num_rows` integer labels, 0 <= y[i] < `num_classes`."""
    y = np.asarray(y)
    if y.shape != (num_rows,):
        raise ValueError(
            f"{name} has shape {y.shape}, expected ({num_rows},): one label for each row of the scores or the data. "
            "Do the labels belong to another split? Are they one-hot? np.argmax(y, axis=1) turns one-hot rows into "
            "labels."
        )
    if not np.issubdtype(y.dtype, np.integer):
        raise TypeError(f"{name} has dtype {y.dtype}, expected integers: {name}.astype(int) converts them.")
    if num_rows and (y.min() < 0 or (num_classes is not None and y.max() >= num_classes)):
        limit = "" if num_classes is None else f" and below the number of classes, {num_classes}"
        raise ValueError(f"{name} contains labels from {y.min()} to {y.max()}; they must be at least 0{limit}.")


def require_columns(x, num_columns, name="x", other="w"):
    """Raise unless each row of `x` has `num_columns` entries when flattened."""
    columns = int(np.prod(x.shape[1:]))
    if columns != num_columns:
        raise ValueError(
            f"{name} of shape {x.shape} has {columns} entries in each row, but {other} expects {num_columns}. "
            f"Is {other} transposed? Is the bias column of {name} missing, or there twice?"
        )


def require_rows(x, spatial_twin):
    """Raise unless `x` is a matrix with one row for each input."""
    if x.ndim != 2:
        raise ValueError(
            f"x has shape {x.shape}, expected (N, D): one row for each input. "
            f"Use {spatial_twin} for feature maps of shape (N, C, H, W)."
        )


def require_gains(gamma, beta, num_columns, shapes=()):
    """Raise unless `gamma` and `beta` have one value for each column of x (or one of the other `shapes`)."""
    allowed = ((num_columns,), *shapes)
    for name, value in (("gamma", gamma), ("beta", beta)):
        if np.shape(value) not in allowed:
            expected = " or ".join(map(str, allowed))
            raise ValueError(
                f"{name} has shape {np.shape(value)}, expected {expected}: one value for each column of x."
            )


def require_train_cache(cache):
    """Raise if the forward pass ran in test mode, in which it caches nothing."""
    if cache is None:
        raise ValueError("cache is None: the forward pass ran in test mode. Call it with bn_param['mode'] = 'train'.")


def require_keep_probability(p):
    """Raise unless 0 < p <= 1."""
    if not 0 < p <= 1:
        raise ValueError(f"p is {p}, expected 0 < p <= 1: p is the probability of keeping an entry; 1 drops nothing.")


def require_maps(x):
    """Raise unless `x` is a batch of feature maps."""
    if x.ndim != 4:
        raise ValueError(f"x has shape {x.shape}, expected (N, C, H, W): C feature maps for each input.")


def require_groups(num_channels, num_groups):
    """Raise unless the channels can be split into groups of equal size."""
    if num_groups < 1 or num_channels % num_groups:
        raise ValueError(f"G is {num_groups}, expected a divisor of the number of channels, {num_channels}.")


def require_shape(name, array, shape, reason):
    """Raise unless `array` has this shape, which follows from the shape of something else, the reason."""
    if np.shape(array) != tuple(shape):
        raise ValueError(f"{name} has shape {np.shape(array)}, expected {tuple(shape)}, from {reason}.")


def require_same_sizes(name, array, other_name, other):
    """Raise unless two arrays have the same shape."""
    require_shape(name, array, np.shape(other), f"the shape of {other_name}")


def require_words(x, num_words, name="x"):
    """Raise unless `x` holds indices of words, 0 <= x < `num_words`."""
    x = np.asarray(x)
    if not np.issubdtype(x.dtype, np.integer):
        raise TypeError(f"{name} has dtype {x.dtype}, expected integers: each is the index of a word.")
    if x.size and (x.min() < 0 or x.max() >= num_words):
        raise ValueError(
            f"{name} contains indices of words from {x.min()} to {x.max()}; the vocabulary has {num_words} words, so "
            f"they must be from 0 to {num_words - 1}."
        )
