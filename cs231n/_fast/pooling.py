"""Max pooling of any window and stride, piece by piece in parallel.

There is one step for each entry of the window, over all windows at once, not one for each window. The cache holds the
*winners*: which entry of each window is the largest, counted in reading order from 0.
"""

import numpy as np

from cs231n._aligned import empty
from cs231n._errors import require_gradient
from cs231n._fast.feature_maps import pieces_of_maps
from cs231n._precision import in_float32
from cs231n._threads import buffer, for_each
from cs231n._windows import pooled_shape, require_pool
from cs231n.im2col import grid


@in_float32
def max_pool_forward_fast(x, pool_param):
    """Compute max pooling; see `max_pool_forward_naive`.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W)
    pool_param : dict
        ``pool_height``, ``pool_width`` and ``stride``.

    Returns
    -------
    out : ndarray of shape (N, C, H_out, W_out)
    cache : tuple (shape of x, pool_param, winners)
    """
    require_pool(x.shape, pool_param)
    grids = list(window_grids(x.shape, pool_param))
    out = empty(pooled_shape(x.shape, pool_param), x.dtype)
    winners = empty_winners(out.shape, grids)
    for_each(lambda piece: write_pooled(x[piece], grids, out[piece], winners[piece]), pieces_of_maps(x))
    return out, (x.shape, pool_param, winners)


@in_float32
def max_pool_backward_fast(dout, cache):
    """Compute the gradient dx of max pooling; see `max_pool_backward_naive`."""
    shape, pool_param, winners = cache
    require_gradient(dout, winners.shape)
    dx = empty(shape, dout.dtype)
    for_each(lambda piece: write_unpooled(dout[piece], winners[piece], pool_param, dx[piece]), pieces_of_maps(dx))
    return dx


def write_pooled(maps, grids, largest, winner):
    """Write the largest entry of each window into `largest` and its index into `winner`.

    The first one wins a tie. As for `np.argmax`, nan is larger than every number.
    """
    largest[...], winner[...] = maps[grids[0]], 0
    for i, entries in enumerate(grids[1:], 1):
        others = buffer("others", largest.shape, largest.dtype)
        others[...] = maps[entries]  # copied, as reading strided memory twice would take longer
        wins = (others > largest).astype(winner.dtype)
        wins *= winner.dtype.type(i)
        np.maximum(winner, wins, out=winner)  # i grows, so the latest winner stays
        np.maximum(others, largest, out=largest)
    if largest.size and np.isnan(largest.max()):  # nan > largest is False, so until here it has won nothing
        for i, entries in reversed(list(enumerate(grids))):
            winner[np.isnan(maps[entries])] = i


def write_unpooled(dlargest, winner, pool_param, dmaps):
    """Write the gradient of each window's largest entry to its position in `dmaps`; all other entries become 0."""
    dmaps[...] = 0
    overlap = pool_param["stride"] < max(pool_param["pool_height"], pool_param["pool_width"])
    for i, entries in enumerate(window_grids(dmaps.shape, pool_param)):
        if overlap:
            dmaps[entries] += dlargest * (winner == i)
        else:
            np.multiply(dlargest, winner == i, out=dmaps[entries])


def empty_winners(shape, grids):
    """Return an array for the winner of each window, with a dtype that can also hold len(grids), "none of them"."""
    return empty(shape, np.min_scalar_type(len(grids)))


def window_grids(shape, pool_param):
    """Yield, for each entry of the window, the index of that entry of all windows in feature maps (N, C, H, W)."""
    size = pooled_shape(shape, pool_param)[2:]
    for p, q in np.ndindex(pool_param["pool_height"], pool_param["pool_width"]):
        yield grid(p, q, size, pool_param["stride"])
