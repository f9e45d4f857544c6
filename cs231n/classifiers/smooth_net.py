"""A small network without kinks, on which functions that look into networks can be tried and checked exactly."""

import numpy as np

from cs231n.graph import layer


def _blocks_forward(X, W, b):
    N, C, height, width = X.shape
    h, w = W.shape[2:]
    pieces = X.reshape(N, C, height // h, h, width // w, w)
    out = np.tanh(np.einsum("ncrhsw,fchw->nfrs", pieces, W) + b[:, np.newaxis, np.newaxis])
    return out, (X.shape, W, out)


def _blocks_backward(dout, cache):
    shape, W, out = cache
    return (np.einsum("nfrs,fchw->ncrhsw", dout * (1 - out**2), W).reshape(shape),)


def _mix_forward(maps, W, b):
    out = np.tanh(np.einsum("nfrs,gf->ngrs", maps, W) + b[:, np.newaxis, np.newaxis])
    return out, (W, out)


def _mix_backward(dout, cache):
    W, out = cache
    return (np.einsum("ngrs,gf->nfrs", dout * (1 - out**2), W),)


def _classify_forward(maps, W, b):
    return maps.mean(axis=(2, 3)) @ W + b, (maps.shape, W)


def _classify_backward(dout, cache):
    shape, W = cache
    share = (dout @ W.T)[:, :, np.newaxis, np.newaxis] / (shape[2] * shape[3])
    return (np.broadcast_to(share, shape),)


_blocks = layer(_blocks_forward, _blocks_backward)
_mix = layer(_mix_forward, _mix_backward)
_classify = layer(_classify_forward, _classify_backward)


class SmoothNet:
    """Layer 1: a tanh of blocks of pixels; layer 2: a tanh of these maps; scores: affine on the mean of each map.

    Parameters
    ----------
    W1, b1 : ndarray of shape (F, 3, h, w) and (F,)
        The blocks are of h x w pixels; they do not overlap.
    W2, b2 : ndarray of shape (G, F) and (G,)
    W3, b3 : ndarray of shape (G, K) and (K,)
    """

    def __init__(self, W1, b1, W2, b2, W3, b3):
        self.params = {"W1": W1, "b1": b1, "W2": W2, "b2": b2, "W3": W3, "b3": b3}

    def scores(self, X, layer=None):
        """Compute scores of shape (N, K) for images X of shape (N, 3, H, W), or the maps after layer 1 or 2."""
        p = self.params
        maps = _blocks(X, p["W1"], p["b1"])
        if layer == 1:
            return maps
        maps = _mix(maps, p["W2"], p["b2"])
        return maps if layer == 2 else _classify(maps, p["W3"], p["b3"])
