"""Implementations of two_layer_net's functions as learners write them."""

import numpy as np

from coursekit.zoo import right, wrong


@wrong("affine_forward", "the bias b is not added")
def affine_without_bias(x, w, b):
    return x.reshape(len(x), -1) @ w, (x, w, b)


@wrong(
    "affine_forward",
    "the entries of x are put into rows in the order of w's columns: x.reshape(N, -1), not the transpose",
)
def affine_reads_columns_first(x, w, b):
    return x.reshape(len(x), -1, order="F") @ w + b, (x, w, b)


@wrong("affine_forward", "x is changed in place (its shape or its entries)", rule="out is")
def affine_mean(x, w, b):
    return (x.reshape(len(x), -1) @ w + b) / len(x), (x, w, b)


@right("affine_forward")
def affine_einsum(x, w, b):
    return np.einsum("nd,dm->nm", x.reshape(len(x), -1), w) + b, (x, w, b)


@wrong(
    "affine_backward",
    "db is a mean over the inputs; b is added to each of them, so its gradient is their sum",
    rule="a mean where a sum",
)
def affine_backward_mean_bias(dout, cache):
    x, w, b = cache
    rows = x.reshape(len(x), -1)
    return (dout @ w.T).reshape(x.shape), rows.T @ dout, dout.mean(axis=0)
