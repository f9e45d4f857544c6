"""The positions of a window that slides over an image, and checks of its parameters."""

from cs231n._errors import require_settings, require_whole

CONV_SETTINGS = frozenset({"stride", "pad", "needs_dx"})
CONV_TRANSPOSE_SETTINGS = frozenset({"stride", "pad", "output_pad"})
POOL_SETTINGS = frozenset({"pool_height", "pool_width", "stride"})
HALF_SIZE = {"pool_height": 2, "pool_width": 2, "stride": 2}  # pooling that halves height and width


def num_positions(size, field, stride, pad=0):
    """Count the positions of a window of size `field` along an axis of length `size`, with `pad` zeros at each end."""
    return 1 + (size + 2 * pad - field) // stride


def require_window(shape, field, stride, pad=0):
    """Raise unless a window of size `field` = (height, width) fits into padded images of `shape` = (N, C, H, W)."""
    if len(shape) != 4:
        raise ValueError(
            f"x has shape {tuple(shape)}, expected (N, C, H, W): images with the channels before height and width. "
            "x[np.newaxis] turns one image into a batch; x.transpose(0, 3, 1, 2) moves channels from the end."
        )
    for name, value, least in (("stride", stride, 1), ("pad", pad, 0), ("height", field[0], 1), ("width", field[1], 1)):
        require_whole(f"the window's {name}", value, least)
    height, width = shape[2] + 2 * pad, shape[3] + 2 * pad
    if field[0] > height or field[1] > width:
        raise ValueError(
            f"a window of {field[0]} x {field[1]} does not fit into images of {height} x {width} (with padding): "
            "use a smaller window or more padding."
        )


def require_conv(x, w, b, conv_param):
    """Raise unless x, w, b and conv_param fit together."""
    require_settings(conv_param, CONV_SETTINGS, "conv_param")
    if w.ndim != 4:
        raise ValueError(f"w has shape {w.shape}, expected (F, C, HH, WW): F filters with as many channels as x.")
    require_window(x.shape, w.shape[2:], conv_param["stride"], conv_param["pad"])
    if x.shape[1] != w.shape[1]:
        is_last = x.shape[3] == w.shape[1]
        raise ValueError(
            f"x of shape {x.shape} has {x.shape[1]} channels, but the filters of shape {w.shape} expect {w.shape[1]}. "
            + (
                "Are the channels of x last? x.transpose(0, 3, 1, 2) moves them to the front."
                if is_last
                else "Is x the output of another layer than the filters were made for?"
            )
        )
    if b.shape != w.shape[:1]:
        raise ValueError(f"b has shape {b.shape}, expected ({w.shape[0]},): one bias for each filter.")


def require_pool(shape, pool_param):
    """Raise unless pool_param fits feature maps of `shape` (N, C, H, W)."""
    require_settings(pool_param, POOL_SETTINGS, "pool_param")
    field = pool_param["pool_height"], pool_param["pool_width"]
    require_window(shape, field, pool_param["stride"])


def maps_shape(x_shape, w_shape, conv_param):
    """Return the shape (N, F, H_out, W_out) of the feature maps of a convolution."""
    stride, pad = conv_param["stride"], conv_param["pad"]
    size = (num_positions(*axis, stride, pad) for axis in zip(x_shape[2:], w_shape[2:], strict=True))
    return (x_shape[0], w_shape[0], *size)


def pooled_shape(shape, pool_param):
    """Return the shape (N, C, H_out, W_out) of feature maps of `shape` (N, C, H, W) after pooling."""
    field = pool_param["pool_height"], pool_param["pool_width"]
    size = (num_positions(*axis, pool_param["stride"]) for axis in zip(shape[2:], field, strict=True))
    return (*shape[:2], *size)


def require_conv_transpose(x, w, b, conv_param):
    """Raise unless x, w, b and conv_param of a transposed convolution fit together."""
    require_settings(conv_param, CONV_TRANSPOSE_SETTINGS, "conv_param")
    if x.ndim != 4 or w.ndim != 4 or x.shape[1] != w.shape[0]:
        raise ValueError(
            f"x has shape {x.shape} and w {w.shape}, expected (N, C, H, W) and (C, F, HH, WW): the filters of a "
            "transposed convolution have their input channels first."
        )
    if b.shape != (w.shape[1],):
        raise ValueError(f"b has shape {b.shape}, expected ({w.shape[1]},): one bias for each output channel.")
    stride, pad, output_pad = conv_param["stride"], conv_param["pad"], conv_param.get("output_pad", 0)
    require_whole("the stride", stride)
    require_whole("the padding", pad, 0)
    if output_pad not in range(stride):
        raise ValueError(
            f"output_pad is {output_pad!r}, expected an integer from 0 to stride - 1 = {stride - 1}: that many sizes "
            "of out give the same x in the convolution."
        )
    shape = transposed_shape(x.shape, w.shape, conv_param)
    if min(shape[2:]) < 1:
        raise ValueError(f"out would have the shape {shape}: use less padding or larger filters.")


def transposed_shape(x_shape, w_shape, conv_param):
    """Return the shape (N, F, H_out, W_out) of the feature maps of a transposed convolution."""
    stride, pad, output_pad = conv_param["stride"], conv_param["pad"], conv_param.get("output_pad", 0)
    size = (
        (length - 1) * stride - 2 * pad + field + output_pad
        for length, field in zip(x_shape[2:], w_shape[2:], strict=True)
    )
    return (x_shape[0], w_shape[1], *size)
