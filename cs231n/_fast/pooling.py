"""Max pooling, in pieces."""

import numpy as np

from cs231n._fast.maps import pieces_of_maps
from cs231n._threads import buffer, for_each
from cs231n._windows import num_stops, require_pool
from cs231n.im2col import grid


def max_pool_forward_fast(x, pool_param):
    """Compute max pooling, of any window and stride; see `max_pool_forward_naive`.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W)
    pool_param : dict
        ``pool_height``, ``pool_width`` and ``stride``.

    Returns
    -------
    out : ndarray of shape (N, C, H_out, W_out)
    cache : tuple (shape of x, pool_param, winners): which entry of each window is the largest
    """
    require_pool(x.shape, pool_param)
    grids = list(window_grids(x.shape, pool_param))
    out = np.empty((*x.shape[:2], *pooled_size(x.shape, pool_param)), x.dtype)
    winners = empty_winners(out.shape, grids)
    for_each(lambda piece: write_pooled(x[piece], grids, out[piece], winners[piece]), pieces_of_maps(x))
    return out, (x.shape, pool_param, winners)


def max_pool_backward_fast(dout, cache):
    """Compute the gradient dx of max pooling; see `max_pool_backward_naive`."""
    shape, pool_param, winners = cache
    dx = np.empty(shape, dout.dtype)
    for_each(lambda piece: write_unpooled(dout[piece], winners[piece], pool_param, dx[piece]), pieces_of_maps(dx))
    return dx


def write_pooled(maps, grids, largest, winner):
    """Write the largest entry of each window into `largest`, and into `winner` which one it is: the first, on a tie."""
    largest[...], winner[...] = maps[grids[0]], 0
    for i, entries in enumerate(grids[1:], 1):
        others = buffer("others", largest.shape, largest.dtype)
        others[...] = maps[entries]  # twice read with gaps would take longer
        wins = (others > largest).astype(winner.dtype)
        wins *= winner.dtype.type(i)
        np.maximum(winner, wins, out=winner)  # i grows, so the last one to win stays
        np.maximum(others, largest, out=largest)


def write_unpooled(dlargest, winner, pool_param, dmaps):
    """Write the gradient of each window's largest entry to where it stood; all other entries become 0."""
    dmaps[...] = 0
    overlap = pool_param["stride"] < max(pool_param["pool_height"], pool_param["pool_width"])
    for i, entries in enumerate(window_grids(dmaps.shape, pool_param)):
        if overlap:
            dmaps[entries] += dlargest * (winner == i)
        else:
            np.multiply(dlargest, winner == i, out=dmaps[entries])


def empty_winners(shape, grids):
    """Room for the number of an entry for each window, len(grids) for none of them."""
    return np.empty(shape, np.min_scalar_type(len(grids)))


def window_grids(shape, pool_param):
    """Yield, for each entry of the window, the index of what stands there in all windows of maps (N, C, H, W)."""
    places = pooled_size(shape, pool_param)
    for p, q in np.ndindex(pool_param["pool_height"], pool_param["pool_width"]):
        yield grid(p, q, places, pool_param["stride"])


def pooled_size(shape, pool_param):
    """Height and width of maps (N, C, H, W) after pooling."""
    height, width, stride = pool_param["pool_height"], pool_param["pool_width"], pool_param["stride"]
    return num_stops(shape[2], height, stride), num_stops(shape[3], width, stride)
