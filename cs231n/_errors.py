"""Checks of arguments at the package's boundary: what came, what was expected, the likely fix."""

import numpy as np


def require_labels(y, num_rows, num_classes=None, name="y"):
    """Raise unless `y` is a vector of `num_rows` whole-number labels, 0 up to (not including) `num_classes`."""
    y = np.asarray(y)
    if y.shape != (num_rows,):
        raise ValueError(
            f"{name} has shape {y.shape}, expected ({num_rows},): one label for each row of the scores or data. "
            "Are the labels those of another split, or one-hot? np.argmax(y, axis=1) turns one-hot rows into labels."
        )
    if not np.issubdtype(y.dtype, np.integer):
        raise TypeError(f"{name} has dtype {y.dtype}, expected whole numbers: {name}.astype(int) converts them.")
    if num_rows and (y.min() < 0 or (num_classes is not None and y.max() >= num_classes)):
        limit = "" if num_classes is None else f" and below the number of classes, {num_classes}"
        raise ValueError(f"{name} holds labels from {y.min()} to {y.max()}; they must be at least 0{limit}.")


def require_columns(x, num_columns, name="x", other="w"):
    """Raise unless each row of `x`, flattened, has `num_columns` entries."""
    columns = int(np.prod(x.shape[1:]))
    if columns != num_columns:
        raise ValueError(
            f"{name} of shape {x.shape} has {columns} entries in each row, but {other} expects {num_columns}. "
            f"Is {other} transposed, or does {name} lack (or have twice) the bias column?"
        )
