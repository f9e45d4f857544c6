"""GELU and its slope, and ReLU with the same interface, written into arrays that are there, for pieces of a batch."""

import numpy as np

from cs231n._threads import buffer

# tanh(RATE * (x + CUBE * x^3)) is close to erf(x / sqrt(2)).
RATE, CUBE = (2 / np.pi) ** 0.5, 0.044715


def write_gelu(x, out):
    """Write GELU of x into out, which may be a strided view of the shape of x, but not x itself."""
    np.multiply(x, _share(x), out=out)


def write_gelu_and_slope(x, out, slope):
    """Write GELU of x into out and its derivative into slope, an array that is not x."""
    share = _share(x)
    np.multiply(x, share, out=out)
    # share' = 2 * share * (1 - share) * u', of which x times is added to share
    np.multiply(x, x, out=slope)
    slope *= 6 * RATE * CUBE
    slope += 2 * RATE
    slope *= x
    slope *= share
    rest = np.subtract(1, share, out=buffer("rest", x.shape, x.dtype))
    slope *= rest
    slope += share


def _share(x):
    """(1 + tanh u) / 2 with u = RATE * (x + CUBE * x^3): the share of x that GELU lets through, in a buffer."""
    share = np.multiply(x, x, out=buffer("share", x.shape, x.dtype))
    share *= RATE * CUBE
    share += RATE
    share *= x
    np.tanh(share, out=share)
    share += 1
    share *= 0.5
    return share


def write_relu(x, out):
    """Write max(x, 0) into out."""
    np.maximum(x, 0, out=out)


def write_relu_and_slope(x, out, slope):
    """Write max(x, 0) into out and its derivative, 0 or 1, into slope."""
    np.maximum(x, 0, out=out)
    np.greater(x, 0, out=slope, casting="unsafe")


def write_same(x, out):
    """Write x into out: no activation."""
    out[...] = x


# Two functions of each activation, by its name; the second one writes the slope as well.
ACTIVATIONS = {
    "gelu": (write_gelu, write_gelu_and_slope),
    "relu": (write_relu, write_relu_and_slope),
    None: (write_same, None),
}
