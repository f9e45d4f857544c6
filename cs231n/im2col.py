"""Windows of pictures as the columns of a matrix, and back.

Each place of a window over a picture gives a column of C * field_height * field_width numbers. With the filters as rows
of another matrix, a convolution is one matrix product. The columns are ordered by place first and by picture last: the
column of place p in picture n is number p * N + n.
"""

import numpy as np

from cs231n._windows import num_stops, require_window


def get_im2col_indices(x_shape, field_height, field_width, padding=1, stride=1):
    """Find which entry of a padded picture stands where in its matrix of columns.

    Parameters
    ----------
    x_shape : tuple (N, C, H, W)
        Shape of the pictures without padding.
    field_height, field_width : int
    padding, stride : int

    Returns
    -------
    k, i, j : ndarrays of int
        Channel, of shape (C * field_height * field_width, 1), and row and column in the padded picture, of shape
        (C * field_height * field_width, H_out * W_out): ``padded[n, k, i, j]`` is the matrix of picture n.

    Examples
    --------
    >>> k, i, j = get_im2col_indices((1, 1, 2, 3), 1, 2, padding=0)
    >>> np.arange(6).reshape(1, 2, 3)[k, i, j]  # four places of a window of 1 x 2
    array([[0, 1, 3, 4],
           [1, 2, 4, 5]])
    """
    require_window(x_shape, (field_height, field_width), stride, padding)
    _, C, H, W = x_shape
    channel, row, column = np.indices((C, field_height, field_width)).reshape(3, -1, 1)
    places = num_stops(H, field_height, stride, padding), num_stops(W, field_width, stride, padding)
    top, left = stride * np.indices(places).reshape(2, 1, -1)
    return channel, row + top, column + left  # (K, 1) + (1, P) -> (K, P)


def im2col_indices(x, field_height, field_width, padding=1, stride=1):
    """Make a matrix whose columns are the windows of pictures.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W)
    field_height, field_width : int
    padding, stride : int

    Returns
    -------
    ndarray of shape (C * field_height * field_width, H_out * W_out * N)

    Examples
    --------
    >>> im2col_indices(np.arange(6.0).reshape(1, 1, 2, 3), 1, 2, padding=0)
    array([[0., 1., 3., 4.],
           [1., 2., 4., 5.]])
    """
    k, i, j = get_im2col_indices(x.shape, field_height, field_width, padding, stride)
    padded = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    return padded[:, k, i, j].transpose(1, 2, 0).reshape(len(k), -1)  # (N, K, P) -> (K, P, N) -> (K, P * N)


def col2im_indices(cols, x_shape, field_height=3, field_width=3, padding=1, stride=1):
    """Put columns back into pictures and add up what comes to the same entry: the transpose of `im2col_indices`.

    Parameters
    ----------
    cols : ndarray of shape (C * field_height * field_width, H_out * W_out * N)
    x_shape : tuple (N, C, H, W)
    field_height, field_width : int
    padding, stride : int

    Returns
    -------
    ndarray of shape (N, C, H, W)

    Raises
    ------
    ValueError
        If cols does not have the shape that pictures of x_shape give.

    Examples
    --------
    >>> col2im_indices(np.ones((2, 4)), (1, 1, 2, 3), 1, 2, padding=0)  # the entries in the middle are in two windows
    array([[[[1., 2., 1.],
             [1., 2., 1.]]]])
    """
    require_window(x_shape, (field_height, field_width), stride, padding)
    N, C, H, W = x_shape
    H_out, W_out = num_stops(H, field_height, stride, padding), num_stops(W, field_width, stride, padding)
    expected = C * field_height * field_width, H_out * W_out * N
    if cols.shape != expected:
        raise ValueError(
            f"cols has shape {cols.shape}, but pictures of {tuple(x_shape)} give {expected}: "
            "use the field, padding and stride that the columns were made with."
        )
    padded = np.zeros((N, C, H + 2 * padding, W + 2 * padding), cols.dtype)
    windows = cols.reshape(C, field_height, field_width, H_out, W_out, N).transpose(5, 0, 1, 2, 3, 4)
    add_windows(padded, windows, stride)
    return unpadded(padded, padding)


def add_windows(padded, windows, stride):
    """Add windows of shape (N, C, field_height, field_width, H_out, W_out) to where they stand in `padded`, in place.

    There is a step for each entry of the field, not for each window: one entry of all windows is a grid in the picture.
    """
    for p, q in np.ndindex(windows.shape[2:4]):
        padded[grid(p, q, windows.shape[4:], stride)] += windows[:, :, p, q]


def unpadded(padded, padding):
    """Pictures without the `padding` zeros around them: a view."""
    H, W = padded.shape[2:]
    return padded[:, :, padding : H - padding, padding : W - padding]


def grid(row, column, places, stride):
    """Index, in pictures (N, C, H, W), of the entries at (row, column) of all windows: they are `places` many."""
    H_out, W_out = places
    return (
        slice(None),
        slice(None),
        slice(row, row + stride * (H_out - 1) + 1, stride),
        slice(column, column + stride * (W_out - 1) + 1, stride),
    )
