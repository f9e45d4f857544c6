"""im2col: write the windows of images as the columns of a matrix, and add columns back into images.

Each position of a window over an image gives a column of C * field_height * field_width values. With the filters as the
rows of another matrix, a convolution is one matrix product. The columns are ordered by position first and by image
last: position p in image n has the column with the index p * N + n.
"""

import numpy as np

from cs231n._windows import num_positions, require_window


def get_im2col_indices(x_shape, field_height, field_width, padding=1, stride=1):
    """Compute the indices that pick the entries of a padded image in the order of its matrix of columns.

    Parameters
    ----------
    x_shape : tuple (N, C, H, W)
        Shape of the images without padding.
    field_height, field_width : int
    padding, stride : int

    Returns
    -------
    k, i, j : ndarrays of int
        The channel, of shape (C * field_height * field_width, 1), and the row and column in the padded image, of shape
        (C * field_height * field_width, H_out * W_out): ``padded[n, k, i, j]`` is the matrix of image n.

    Examples
    --------
    >>> k, i, j = get_im2col_indices((1, 1, 2, 3), 1, 2, padding=0)
    >>> np.arange(6).reshape(1, 2, 3)[k, i, j]  # four positions of a window of 1 x 2
    array([[0, 1, 3, 4],
           [1, 2, 4, 5]])
    """
    require_window(x_shape, (field_height, field_width), stride, padding)
    _, C, H, W = x_shape
    channel, row, column = np.indices((C, field_height, field_width)).reshape(3, -1, 1)
    size = num_positions(H, field_height, stride, padding), num_positions(W, field_width, stride, padding)
    top, left = stride * np.indices(size).reshape(2, 1, -1)
    return channel, row + top, column + left  # (K, 1) + (1, P) -> (K, P)


def im2col_indices(x, field_height, field_width, padding=1, stride=1):
    """Return a matrix whose columns are the windows of images.

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
    """Add columns back into images, where windows overlap as a sum: the transpose of `im2col_indices`.

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
        If cols does not have the shape that `im2col_indices` gives for images of x_shape.

    Examples
    --------
    >>> col2im_indices(np.ones((2, 4)), (1, 1, 2, 3), 1, 2, padding=0)  # the middle column is in two windows
    array([[[[1., 2., 1.],
             [1., 2., 1.]]]])
    """
    require_window(x_shape, (field_height, field_width), stride, padding)
    N, C, H, W = x_shape
    H_out, W_out = num_positions(H, field_height, stride, padding), num_positions(W, field_width, stride, padding)
    expected = C * field_height * field_width, H_out * W_out * N
    if cols.shape != expected:
        raise ValueError(
            f"cols has shape {cols.shape}, but images of shape {tuple(x_shape)} give {expected}: "
            "use the same field, padding and stride as in im2col_indices."
        )
    padded = np.zeros((N, C, H + 2 * padding, W + 2 * padding), cols.dtype)
    windows = cols.reshape(C, field_height, field_width, H_out, W_out, N).transpose(5, 0, 1, 2, 3, 4)
    add_windows(padded, windows, stride)
    return unpadded(padded, padding)


def add_windows(padded, windows, stride):
    """Add windows (N, C, field_height, field_width, H_out, W_out) to their positions in `padded`, in place.

    There is one step for each entry of the window, not for each window: the same entry of all windows is a regular grid
    in the image.
    """
    for p, q in np.ndindex(windows.shape[2:4]):
        padded[grid(p, q, windows.shape[4:], stride)] += windows[:, :, p, q]


def unpadded(padded, padding):
    """Return a view of images without the `padding` zeros around them."""
    H, W = padded.shape[2:]
    return padded[:, :, padding : H - padding, padding : W - padding]


def grid(row, column, size, stride):
    """Return the index of entry (row, column) of all windows in images (N, C, H, W); there are H_out x W_out windows.

    `size` is the pair (H_out, W_out).
    """
    H_out, W_out = size
    return (
        slice(None),
        slice(None),
        slice(row, row + stride * (H_out - 1) + 1, stride),
        slice(column, column + stride * (W_out - 1) + 1, stride),
    )
