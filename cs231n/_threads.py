"""Work on the pieces of a batch side by side: a few threads, each with a BLAS of one thread and buffers of its own.

NumPy lets other threads run while it copies, adds or multiplies, so threads help although Python has one lock; on a
Python without that lock they share nothing but what is locked here. As many
threads are used as BLAS has: OPENBLAS_NUM_THREADS, or what the machine offers, sets both. Without threadpoolctl, which
is what holds BLAS to one thread, the pieces are done one after the other.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from math import inf, prod
from typing import NamedTuple

import numpy as np

_own = threading.local()


def for_each(function, pieces):
    """Call function(piece) for each piece; a list of what comes back, in the order of the pieces.

    The calling thread works too. To wake another one takes as long as to add up a hundred thousand numbers, so each is
    woken once for all pieces, and meanwhile the first piece is under way.
    """
    workers = _workers()
    if workers.count == 1 or len(pieces) <= 1:
        return [function(piece) for piece in pieces]
    results = [None] * len(pieces)
    numbers = _Counter(len(pieces))

    def work():
        _own.has_pieces = True
        try:
            while (i := numbers.take()) is not None:
                results[i] = function(pieces[i])
        finally:
            _own.has_pieces = False

    with workers.blas.limit(limits=1):
        others = [workers.pool.submit(work) for _ in range(min(workers.count, len(pieces)) - 1)]
        try:
            work()
        finally:
            errors = [other.exception() for other in others]  # waits
    for error in filter(None, errors):
        raise error
    return results


class _Counter:
    """Hands out the numbers from 0 on, each to one thread alone, also where Python has no lock of its own."""

    def __init__(self, end):
        self._next, self._end, self._lock = 0, end, threading.Lock()

    def take(self):
        """The next number; None after the last."""
        with self._lock:
            number = self._next
            self._next += 1
        return number if number < self._end else None


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


def matmul(a, b, out):
    """Do ``np.matmul(a, b, out=out)`` for matrices (n, M, K) or (M, K) and (n, K, N), in blocks if that is faster.

    BLAS packs both matrices into an order of its own before it multiplies, which pays where each number is used often.
    With AVX-512, OpenBLAS multiplies matrices as they lie if that takes up to 100^3 multiplications and, with b
    transposed, makes up to 1,200 numbers (its `sgemm_small_kernel_permit_skylakex.c`). Blocks of such sizes take 0.65
    to 0.95 times as long. They use one thread, so this is for functions that `for_each` calls.
    """
    block = out.shape[-2:]
    if _multiplies_as_they_lie() and (count() == 1 or getattr(_own, "has_pieces", False)):
        block = _block(*block, a.shape[-1], b.strides[-2] < b.strides[-1])
    if block == out.shape[-2:]:
        return np.matmul(a, b, out=out)
    height, width = block
    rows = a.reshape(*a.shape[:-2], -1, 1, height, a.shape[-1])
    columns = b.reshape(*b.shape[:-1], -1, width).swapaxes(-3, -2)[:, np.newaxis]
    blocks = out.reshape(*out.shape[:-2], -1, height, out.shape[-1] // width, width).swapaxes(-3, -2)
    np.matmul(rows, columns, out=blocks)
    return out


@cache
def _block(M, N, K, transposed):
    """Height and width of the blocks of a product (M, N) that takes M * N * K multiplications; (M, N) if none pay."""
    most, least = (32, 8) if transposed else (64, 24)  # wider blocks are no faster, thinner ones lose to packing
    width = _divisor(N, most)
    height = _divisor(M, min(100**3 // K, 1200 if transposed else inf) // width)
    return (height, width) if K >= 64 and width >= least and height >= 4 else (M, N)


def _divisor(number, most):
    """The largest divisor of a number that is `most` at most; 0 if none is."""
    return max((divisor for divisor in range(1, int(min(number, most)) + 1) if number % divisor == 0), default=0)


def count():
    """How many pieces are worked on at a time."""
    return _workers().count


class Workers(NamedTuple):
    """What limits BLAS (None without threadpoolctl), how many threads work, and a pool with all of them but one."""

    blas: object = None
    count: int = 1
    pool: ThreadPoolExecutor | None = None


_starting = threading.Lock()


def _workers():
    with _starting:  # two threads that call at once get the same pool
        return _started_workers()


@cache
def _started_workers():
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return Workers()
    blas = ThreadpoolController().select(user_api="blas")
    threads = max((library["num_threads"] for library in blas.info()), default=1)
    if threads == 1:
        return Workers(blas)
    return Workers(blas, threads, ThreadPoolExecutor(threads - 1, thread_name_prefix="cs231n"))


@cache
def _multiplies_as_they_lie():
    """Whether BLAS has products for small matrices: OpenBLAS with its kernels for AVX-512."""
    blas = _workers().blas
    kernels = {library.get("architecture") for library in blas.info()} if blas else set()
    return not kernels.isdisjoint({"SkylakeX", "Cooperlake", "SapphireRapids"})
