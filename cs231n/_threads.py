"""Work on the pieces of a batch side by side: a few threads, each with a BLAS of one thread and buffers of its own.

NumPy lets other threads run while it copies, adds or multiplies, so threads help although Python has one lock. As many
threads are used as BLAS has: OPENBLAS_NUM_THREADS, or what the machine offers, sets both. Without threadpoolctl, which
is what holds BLAS to one thread, the pieces are done one after the other.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from math import prod

import numpy as np

_own = threading.local()


def for_each(function, pieces):
    """Call function(piece) for each piece; a list of what comes back, in the order of the pieces.

    The calling thread works too. To wake another one takes as long as to add up a hundred thousand numbers, so each is
    woken once for all pieces, and meanwhile the first piece is under way.
    """
    blas, pool = _workers()
    if pool is None or len(pieces) <= 1:
        return [function(piece) for piece in pieces]
    results = [None] * len(pieces)
    numbers = iter(range(len(pieces)))  # each number goes to one thread alone

    def work():
        for i in numbers:
            results[i] = function(pieces[i])

    with blas.limit(limits=1):
        others = [pool.submit(work) for _ in range(min(count(), len(pieces)) - 1)]
        try:
            work()
        finally:
            errors = [other.exception() for other in others]  # waits
    for error in filter(None, errors):
        raise error
    return results


def pieces_of(length, size):
    """Cut range(length) into slices as even as can be, of `size` (at least 1) at most.

    Their number is 1, 2 or a multiple of 4, so that 2 or 4 threads finish together.
    """
    count = -(-length // max(1, int(size)))
    if count > 2:
        count = min(length, -(-count // 4) * 4)
    return [slice(length * i // count, length * (i + 1) // count) for i in range(count)]


def buffer(name, shape, dtype):
    """An array of this thread that keeps its memory from call to call: what is in it does not last.

    Fresh memory costs more than the arithmetic that fills it: the system hands it out, zeroed, a page at a time.
    """
    buffers = _own.__dict__.setdefault("buffers", {})
    key, size = (name, np.dtype(dtype)), prod(shape)
    if key not in buffers or buffers[key].size < size:
        buffers[key] = np.empty(size, dtype)
    return buffers[key][:size].reshape(shape)


def count():
    """How many pieces are worked on at a time."""
    _, pool = _workers()
    return pool._max_workers + 1 if pool else 1


@cache
def _workers():
    """What limits BLAS, and a pool of one thread less than BLAS has; None where there is nothing to share out."""
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return None, None
    blas = ThreadpoolController().select(user_api="blas")
    threads = max((library["num_threads"] for library in blas.info()), default=1)
    if threads == 1:
        return None, None
    return blas, ThreadPoolExecutor(threads - 1, thread_name_prefix="cs231n")
