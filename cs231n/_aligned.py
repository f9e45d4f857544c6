"""Arrays whose memory begins where a line of the processor's cache begins.

NumPy's own arrays begin at any multiple of 16 bytes. AVX-512 writes 64 bytes at a time, and a write that reaches from
one line of the cache into the next costs two: into such an array, a sum or a product takes twice as long.
"""

from math import prod

import numpy as np

LINE = 64  # bytes


def empty(shape, dtype):
    """Return a new array with the memory aligned and the values undefined, as those of `np.empty`."""
    dtype = np.dtype(dtype)
    size = prod(shape) * dtype.itemsize
    memory = np.empty(size + LINE, np.uint8)
    start = -memory.ctypes.data % LINE
    return memory[start : start + size].view(dtype).reshape(shape)
