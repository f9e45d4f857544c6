"""Convolution, pooling and normalisation as fast as NumPy allows; the results are those of the layers in `layers`.

Nothing is compiled. This is what makes them fast:

- With 3 x 3 filters, stride 1 and many channels, a convolution takes a quarter of the multiplications
  (`_fast/winograd.py`).
- Others are a matrix product of the filters with all windows, but the matrix of all windows is not built: it
  would contain each value of the images HH * WW times. Each value is copied only WW times, once for each column of the
  filters. The windows of row i of the filters are then a view: the rows of the image from row i on. So a convolution is
  a sum of HH products. The usual im2col loses its time to memory traffic, not to arithmetic, except where the rows of
  the filters have few values.
- A few images are processed at a time, in buffers that are reused and stay in the processor's cache.
- The pieces of a batch are distributed to a few threads, and large products are computed in blocks that BLAS does not
  have to pack (`_threads.py`).
- Elementwise steps run along contiguous memory wherever possible and do not mix dtypes.

Each pair takes and returns what its namesake in `layers` does; a cache belongs to the backward function of its own
pair. Inputs of float32 give outputs of float32.

Use ``conv_forward_fast``, ``conv_backward_fast``, ``max_pool_forward_fast`` and ``max_pool_backward_fast``. Functions
with several layers in their name compute these layers in one go. The others are named after their method and are kept
for comparison.
"""

from cs231n._fast.alternatives import (
    conv_backward_im2col,
    conv_forward_im2col,
    max_pool_backward_im2col,
    max_pool_backward_reshape,
    max_pool_forward_im2col,
    max_pool_forward_reshape,
)
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
from cs231n._fast.pooling import (
    max_pool_backward_fast,
    max_pool_forward_fast,
)
from cs231n._fast.relu import (
    relu_backward_fast,
    relu_forward_fast,
)
from cs231n._fast.transposed import (
    conv_transpose_backward_fast,
    conv_transpose_forward_fast,
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
    "conv_transpose_backward_fast",
    "conv_transpose_forward_fast",
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
