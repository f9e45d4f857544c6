"""ReLU, in pieces."""

import numpy as np

from cs231n._fast.maps import pieces_of_maps, zero_buffer
from cs231n._threads import for_each


def relu_forward_fast(x):
    """Compute ReLU of maps (N, C, H, W) or rows (N, D); see `relu_forward`. The cache is out."""
    out = np.empty_like(x)
    for_each(lambda piece: write_relu(x[piece], out[piece]), pieces_of_maps(x))
    return out, out


def relu_backward_fast(dout, cache):
    """Compute the gradient dx of `relu_forward_fast`."""
    dx = np.empty_like(dout)
    for_each(lambda piece: write_relu_backward(dout[piece], cache[piece], dx[piece]), pieces_of_maps(dx))
    return dx


def write_relu(x, out):
    """Write max(x, 0) into out. `np.maximum` takes a third of the time if it gets an array of zeros, not a number."""
    return np.maximum(x, zero_buffer("zeros", x.shape[1:], x.dtype), out=out)


def write_relu_backward(dout, out, dx):
    """Write dout where out is positive, 0 elsewhere, into dx; a product of numbers and bools takes twice the time."""
    dx[...] = out > 0
    dx *= dout
