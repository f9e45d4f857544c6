"""Transposed convolution: its forward pass is the gradient of a convolution's images, and the other way round."""

import numpy as np

from cs231n._aligned import empty
from cs231n._errors import require_gradient
from cs231n._fast.convolution import _backward_from_x, _pieces, conv_forward_strides
from cs231n._fast.feature_maps import per_channel
from cs231n._fast.windows import add_windows, filters_by_row
from cs231n._precision import in_float32
from cs231n._threads import for_each
from cs231n._windows import require_conv_transpose, transposed_shape


@in_float32
def conv_transpose_forward_fast(x, w, b, conv_param):
    """Compute a transposed convolution; see `spatial_layers.conv_transpose_forward`."""
    require_conv_transpose(x, w, b, conv_param)
    out = empty(transposed_shape(x.shape, w.shape, conv_param), np.result_type(x, w, b))
    filters = filters_by_row(w)

    def transpose(piece):
        add_windows(filters, x[piece], w.shape[2:], conv_param["stride"], conv_param["pad"], out[piece])
        out[piece] += per_channel(b)

    for_each(transpose, _pieces(out, w))
    return out, (x, w, b, conv_param)


@in_float32
def conv_transpose_backward_fast(dout, cache):
    """Compute the gradients (dx, dw, db) of a transposed convolution."""
    x, w, b, conv_param = cache
    require_gradient(dout, transposed_shape(x.shape, w.shape, conv_param))
    stride, pad = conv_param["stride"], conv_param["pad"]
    no_bias = np.zeros(len(w), dout.dtype)
    dx, _ = conv_forward_strides(dout, w, no_bias, {"stride": stride, "pad": pad})
    _, dw, _ = _backward_from_x(dout, w, stride, pad, lambda piece: x[piece], x.dtype, needs_dx=False)
    return dx, dw, dout.sum(axis=(0, 2, 3))
