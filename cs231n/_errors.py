"""Argument checks at the package's boundary; each error says what was given, what was expected, and the likely fix."""

from difflib import get_close_matches
from numbers import Integral, Real

import numpy as np


def require_whole(name, value, least=1):
    """Raise unless `value` is an integer of at least `least`; 6 / 2 is 3.0, a float."""
    if not isinstance(value, Integral) or value < least:
        hint = " It is a float: use // instead of /, or int()." if isinstance(value, float | np.floating) else ""
        raise ValueError(f"{name} is {value!r}, expected an integer of at least {least}.{hint}")


def require_settings(settings, known, name):
    """Raise if the dict `settings` has a key that nobody reads, such as a misspelt one.

    An array passes unless its key is nearly a known one: layers and update rules may keep state of their own in the
    dict.
    """
    if settings.keys() <= known:
        return
    for key in sorted(settings.keys() - known, key=str):
        is_array = isinstance(settings[key], np.ndarray)
        hint = nearest(key, known, likeness=0.8 if is_array else 0.5)
        if hint or not is_array:
            raise ValueError(f'{name} has no setting "{key}"{hint}. Its settings: {", ".join(sorted(known))}.')


def nearest(name, known, likeness=0.5):
    """Return ' (do you mean "..."?)' with the most similar known name, or '' if none is similar."""
    name, known = str(name).lower(), sorted(known)
    near = get_close_matches(name, known, n=1, cutoff=likeness) or [k for k in known if _abbreviates(name, k)]
    return f' (do you mean "{near[0]}"?)' if near else ""


def _abbreviates(short, name):
    """Whether `short` has the first letter of a name and more of its letters in order, as "lr" for learning_rate."""
    letters = iter(name)
    return len(short) > 1 and short[0] == name[0] and all(letter in letters for letter in short)


def require_shape(name, value, shape):
    """Raise unless `value` has this shape: NumPy would spread another one by broadcasting."""
    if np.shape(value) != tuple(shape):
        raise ValueError(f"{name} has shape {np.shape(value)}, expected {tuple(shape)}.")


def require_gradient(dout, shape):
    """Raise unless the upstream gradient has the shape of the layer's output."""
    if dout.shape != tuple(shape):
        raise ValueError(
            f"dout has shape {dout.shape}, expected {tuple(shape)}, the shape of the layer's output. "
            "Is the cache from another batch?"
        )


def require_scores(x, name="x"):
    """Raise unless `x` has a row of scores for each of at least one input."""
    if x.ndim != 2:
        raise ValueError(f"{name} has shape {x.shape}, expected (N, C): a row of scores for each input.")
    require_some(x, name, "mean loss")


def require_some(x, name, what):
    """Raise if `x` has no rows; `what` is what cannot be computed then."""
    if len(x) == 0:
        raise ValueError(f"{name} has shape {np.shape(x)}: without any inputs, there is no {what}.")


def require_dict(name, value, keys, example):
    """Raise unless `value` is a dict with these keys; `example` shows what one looks like."""
    if not isinstance(value, dict):
        raise TypeError(f"{name} is of type {type(value).__name__}, expected a dict such as {example}.")
    for key in keys:
        if key not in value:
            hint = nearest(key, value.keys() - set(keys))
            raise ValueError(f'{name} has no "{key}"{hint}; expected a dict such as {example}.')


def require_list(name, value):
    """Raise unless `value` has a length and entries, as a list does; one number or one name alone is none."""
    if isinstance(value, str) or np.ndim(value) == 0:
        raise TypeError(f"{name} is {value!r}, expected a list, such as [{value!r}].")


def require_dtype(dtype):
    """Raise unless `dtype` can hold a network's parameters: float32 or more precise."""
    dtype = np.dtype(dtype)
    if dtype.kind != "f" or dtype.itemsize < 4:
        raise ValueError(
            f"dtype is {dtype}, expected np.float32 or np.float64: small gradients and squares of small weights "
            f"would become 0 in {dtype}."
        )


def require_normalization(name):
    """Raise unless `name` is a kind of normalisation, or None."""
    if name not in (None, "batchnorm", "layernorm"):
        raise ValueError(f"normalization is {name!r}; it must be None, 'batchnorm' or 'layernorm'.")


def require_affine(x, w, b):
    """Raise unless the rows of `x`, the weights `w` and the biases `b` fit together."""
    if w.ndim != 2:
        raise ValueError(f"w has shape {w.shape}, expected (D, M): a column of weights for each output.")
    columns = int(np.prod(x.shape[1:]))
    if columns != len(w):
        message = f"x of shape {x.shape} has {columns} entries in each row, but w of shape {w.shape} has {len(w)} rows"
        raise ValueError(message + (": is w transposed?" if columns == w.shape[1] else ", expected as many."))
    if np.shape(b) != w.shape[1:]:
        raise ValueError(f"b has shape {np.shape(b)}, expected {w.shape[1:]}: one bias for each column of w.")


def require_finite(x, name, infinite=False):
    """Raise if `x` (N, D) contains nan, or infinite values unless they are allowed; the message names the first row."""
    bad = np.isnan(x) if infinite else ~np.isfinite(x)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise ValueError(
            f"{name}[{row}, {column}] is {x[row, column]}: no distance to it can be compared with another. "
            "Look for a division by 0, such as by the standard deviation of a constant column."
        )


def require_linear(W, X, y):
    """Raise unless the weights `W`, the inputs `X`, at least one, and their labels `y` fit together."""
    require_columns(X, W.shape[0], name="X", other="W")
    require_some(X, "X", "mean loss")
    require_labels(y, len(X), W.shape[1])


def require_sizes(**sizes):
    """Raise unless all these sizes of a network are integers of at least 1; a sequence of sizes is allowed too."""
    for name, value in sizes.items():
        for i, size in enumerate(value if isinstance(value, tuple | list) else [value]):
            require_whole(f"{name}[{i}]" if isinstance(value, tuple | list) else name, size)


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
    if columns == num_columns:
        return
    message = f"{name} of shape {x.shape} has {columns} entries in each row, but {other} expects {num_columns}"
    if abs(columns - num_columns) == 1:
        excess = "missing" if columns < num_columns else "there twice"
        message += f": is the bias column of {name} {excess}?"
    raise ValueError(message)


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


def require_images(X):
    """Raise unless `X` is a batch of images."""
    if np.ndim(X) != 4:
        hint = " X[None] makes a batch of a single image." if np.ndim(X) == 3 else ""
        raise ValueError(f"X has shape {np.shape(X)}, expected (N, C, H, W): a batch of images.{hint}")
    require_array("X", X)


def require_array(name, value):
    """Raise unless `value` is an array of NumPy's."""
    if not isinstance(value, np.ndarray):
        raise TypeError(f"{name} is of type {type(value).__name__}, expected an array: np.array makes one of a list.")


def require_maps(x):
    """Raise unless `x` is a batch of feature maps."""
    if x.ndim != 4:
        raise ValueError(f"x has shape {x.shape}, expected (N, C, H, W): C feature maps for each input.")


def require_groups(num_channels, num_groups):
    """Raise unless the channels can be split into groups of equal size."""
    require_whole("G", num_groups)
    if num_channels % num_groups:
        raise ValueError(f"G is {num_groups}, expected a divisor of the number of channels, {num_channels}.")


def require_fitting(name, array, shape, reason):
    """Raise unless `array` has this shape, which follows from the shape of something else, the reason."""
    if np.shape(array) != tuple(shape):
        raise ValueError(f"{name} has shape {np.shape(array)}, expected {tuple(shape)}, from {reason}.")


def require_same_sizes(name, array, other_name, other):
    """Raise unless two arrays have the same shape."""
    require_fitting(name, array, np.shape(other), f"the shape of {other_name}")


def require_sequences(x):
    """Raise unless `x` has three axes: sequences, steps, and what each step holds."""
    if np.ndim(x) != 3:
        raise ValueError(f"x has shape {np.shape(x)}, expected (N, T, D): a vector for each step of each sequence.")


def require_step(x, prev_h, Wx, Wh, b, num_blocks):
    """Raise unless the shapes of a recurrent step fit: the weights have `num_blocks` blocks of H columns."""
    N, H = prev_h.shape
    require_fitting("x", x, (N, len(Wx)), "prev_h's rows and Wx's rows")
    require_fitting("Wx", Wx, (len(Wx), num_blocks * H), "prev_h's columns")
    require_fitting("Wh", Wh, (H, num_blocks * H), "prev_h's columns")
    require_fitting("b", b, (num_blocks * H,), "prev_h's columns")


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


def require_decay(name, value):
    """Raise unless 0 <= `value` < 1; a moving average with a decay of 1 would never move."""
    if not isinstance(value, Real) or not 0 <= value < 1:
        raise ValueError(
            f"{name} is {value!r}, expected 0 <= {name} < 1: the share of the old average that stays at each step."
        )


def require_colors(X):
    """Raise unless `X` is a batch of RGB images in floating point."""
    require_images(X)
    if X.shape[1] != 3:
        raise ValueError(f"X has shape {X.shape}, expected (N, 3, H, W): red, green and blue.")
    require_floating("X", X)


def require_pixels(X):
    """Raise unless `X` is a batch of RGB images whose values are fractions, from 0 for black to about 1 for white."""
    require_colors(X)
    if X.size and (X.min() < -1 or X.max() > 2):
        raise ValueError(
            f"X has values from {X.min():.4g} to {X.max():.4g}, expected pixel values from 0 (black) to 1 (white): "
            "change colours before the mean is subtracted, and divide values from 0 to 255 by 255."
        )


def require_floating(name, x):
    """Raise unless `x` has a floating dtype: fractions of integers would be cut off."""
    if not np.issubdtype(x.dtype, np.floating):
        raise TypeError(f"{name} has dtype {x.dtype}, expected floating point: {name}.astype(np.float32) converts it.")


def require_probability(name, value):
    """Raise unless 0 <= `value` <= 1."""
    if not isinstance(value, Real) or not 0 <= value <= 1:
        raise ValueError(f"{name} is {value!r}, expected a number from 0 to 1.")


def require_not_negative(name, value):
    """Raise unless `value` is a number of at least 0."""
    if not isinstance(value, Real) or not value >= 0:
        raise ValueError(f"{name} is {value!r}, expected a number of at least 0.")
