"""Process the pieces of a batch in parallel: a few threads, each with a single-threaded BLAS and its own buffers.

NumPy releases the global interpreter lock while it copies, adds or multiplies, so threads help even on a Python that
has this lock; on a free-threaded Python, everything the threads share is locked here. There are as many threads as BLAS
uses: OPENBLAS_NUM_THREADS or the number of cores sets both. Without threadpoolctl, which is what limits BLAS to one
thread, the pieces are processed one after another.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import cache
from math import inf, prod
from typing import NamedTuple

import numpy as np

from cs231n._aligned import empty

# OpenBLAS's kernels for processors with AVX-512, in lower case; its other names stand for older instructions.
AVX512_KERNELS = frozenset({"skylakex", "cooperlake", "sapphirerapids", "zen4", "zen5"})

_own = threading.local()


def for_each(function, pieces):
    """Call function(piece) for each piece and return a list of the results, in the order of the pieces.

    The calling thread works too. Waking another thread takes as long as adding a hundred thousand numbers, so each one
    is woken once for all pieces, and by then the first piece is already being processed.
    """
    workers = _workers()
    if workers.count == 1 or len(pieces) <= 1 or _has_pieces():
        return [function(piece) for piece in pieces]
    results = [None] * len(pieces)
    indices = _Counter(len(pieces))

    def work():
        _own.has_pieces = True
        try:
            while (i := indices.take()) is not None:
                results[i] = function(pieces[i])
        finally:
            _own.has_pieces = False

    with _blas_limit.to_one_thread(workers.blas):
        others = [workers.pool.submit(work) for _ in range(min(workers.count, len(pieces)) - 1)]
        try:
            work()
        finally:  # nothing is left for a thread that has not started yet; the others have to finish their pieces
            errors = [other.exception() for other in others if not other.cancel()]
    for error in filter(None, errors):
        raise error
    return results


def _has_pieces():
    """Whether this thread is inside `for_each`: then all threads are busy, and its BLAS has one thread."""
    return getattr(_own, "has_pieces", False)


class _Counter:
    """Hands out the indices 0, 1, ..., end - 1, each to one thread only, with or without an interpreter lock."""

    def __init__(self, end):
        self._next, self._end, self._lock = 0, end, threading.Lock()

    def take(self):
        """Return the next index, or None when there are no more."""
        with self._lock:
            index = self._next
            self._next += 1
        return index if index < self._end else None


class _BlasLimit:
    """Limits BLAS to one thread while anybody needs that.

    The limit holds for the whole process. When several threads call `for_each` at once, the first one sets it and the
    last one to leave restores what was there before.
    """

    def __init__(self):
        self._users, self._lock, self._limit = 0, threading.Lock(), ExitStack()

    @contextmanager
    def to_one_thread(self, blas):
        with self._lock:
            if self._users == 0:
                self._limit.enter_context(blas.limit(limits=1))
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if self._users == 0:
                    self._limit.close()


_blas_limit = _BlasLimit()


def pieces_of(length, size):
    """Cut range(length) into slices of at most `size` (and at least 1), as even as possible.

    There are 1, 2, or a multiple of 4 of them, so that 2 or 4 threads finish together.
    """
    count = -(-length // max(1, int(size)))
    if count > 2:
        count = min(length, -(-count // 4) * 4)
    return [slice(length * i // count, length * (i + 1) // count) for i in range(count)]


def buffer(name, shape, dtype):
    """Return an array of this thread that reuses its memory from call to call; its contents do not last.

    New memory costs more than the arithmetic that fills it: the system provides it page by page, set to zero.
    """
    buffers = _own.__dict__.setdefault("buffers", {})
    key, size = (name, np.dtype(dtype)), prod(shape)
    if key not in buffers or buffers[key].size < size:
        buffers[key] = empty((size,), dtype)
    return buffers[key][:size].reshape(shape)


def matmul(a, b, out):
    """Compute ``np.matmul(a, b, out=out)`` for matrices (n, M, K) or (M, K) and (n, K, N), in blocks if that is faster.

    BLAS packs both matrices into an order of its own before it multiplies, which pays off where each value is used
    often. With AVX-512, OpenBLAS multiplies small matrices without packing: up to 100^3 multiplications and, with b
    transposed, up to 1,200 values of output (its `sgemm_small_kernel_permit_skylakex.c`). Blocks of such sizes take
    0.65 to 0.95 times as long. They use one thread, so this is for functions that `for_each` calls.
    """
    block = out.shape[-2:]
    if _has_small_kernels() and (count() == 1 or _has_pieces()):
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
    """Return (height, width) of the blocks for a product (M, K) @ (K, N); (M, N) if no blocks pay off."""
    most, least = (32, 8) if transposed else (64, 24)  # wider blocks are no faster, narrower ones lose to packing
    width = _divisor(N, most)
    height = _divisor(M, min(100**3 // K, 1200 if transposed else inf) // width)
    return (height, width) if K >= 64 and width >= least and height >= 4 else (M, N)


def _divisor(number, most):
    """Return the largest divisor of a number that is at most `most`; 0 if there is none."""
    return max((divisor for divisor in range(1, int(min(number, most)) + 1) if number % divisor == 0), default=0)


def count():
    """Return how many pieces are processed at a time."""
    return _workers().count


class Workers(NamedTuple):
    """What limits BLAS (None without threadpoolctl), the number of threads, and a pool of all but the calling one."""

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


def uses_avx512(library):
    """Whether a library, as threadpoolctl describes it, is OpenBLAS with its kernels for AVX-512."""
    return library["internal_api"] == "openblas" and str(library.get("architecture")).lower() in AVX512_KERNELS


@cache
def _has_small_kernels():
    """Whether BLAS multiplies small matrices without packing: OpenBLAS with its kernels for AVX-512."""
    blas = _workers().blas
    return any(map(uses_avx512, blas.info())) if blas else False
