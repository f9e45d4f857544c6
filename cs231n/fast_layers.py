"""Convolution, pooling and normalisation at the speed of the machine; the same results as the layers in `layers`.

Nothing is compiled. What makes it fast:

- A convolution is a matrix product with all windows, but their matrix is never made: it has each entry of the pictures
  HH * WW times. Only the columns of a filter are laid out, WW times each entry (`_rows`). What row i of a filter meets
  at all its places is then a matrix that is there already: the rows of the picture from row i on (`_views`). So a
  convolution is a sum of HH products. What the simple way loses, it loses in memory, not in arithmetic.
- A few pictures at a time, in buffers that are used again and stay in the cache.
- The pieces of a batch go to a few threads, and products in blocks to a BLAS that need not pack them (`_threads.py`).
- Steps of one number for each entry run along memory, as far as they can, and do not mix types.

All pairs here take and return what their namesakes in `layers` do; a cache belongs to the backward function of its own
pair. Float32 in gives float32 out.

``conv_forward_fast``, ``conv_backward_fast``, ``max_pool_forward_fast`` and ``max_pool_backward_fast`` are the ones to
use, and those with two or three names in a row do these steps in one go. The others are named after the way they go
and are kept for comparison.
"""

from cs231n._fast.convolution import (
    conv_backward_strides,
    conv_forward_strides,
    conv_relu_backward_fast,
    conv_relu_forward_fast,
    conv_relu_pool_backward_fast,
    conv_relu_pool_forward_fast,
)
from cs231n._fast.normalisation import (
    batchnorm_relu_backward_fast,
    batchnorm_relu_forward_fast,
)
from cs231n._fast.other_ways import (
    conv_backward_im2col,
    conv_forward_im2col,
    max_pool_backward_im2col,
    max_pool_backward_reshape,
    max_pool_forward_im2col,
    max_pool_forward_reshape,
)
from cs231n._fast.pooling import (
    max_pool_backward_fast,
    max_pool_forward_fast,
)
from cs231n._fast.relu import (
    relu_backward_fast,
    relu_forward_fast,
)

__all__ = [
    "batchnorm_relu_backward_fast",
    "batchnorm_relu_forward_fast",
    "conv_backward_fast",
    "conv_backward_im2col",
    "conv_backward_strides",
    "conv_forward_fast",
    "conv_forward_im2col",
    "conv_forward_strides",
    "conv_relu_backward_fast",
    "conv_relu_forward_fast",
    "conv_relu_pool_backward_fast",
    "conv_relu_pool_forward_fast",
    "max_pool_backward_fast",
    "max_pool_backward_im2col",
    "max_pool_backward_reshape",
    "max_pool_forward_fast",
    "max_pool_forward_im2col",
    "max_pool_forward_reshape",
    "relu_backward_fast",
    "relu_forward_fast",
]

conv_forward_fast = conv_forward_strides
conv_backward_fast = conv_backward_strides
