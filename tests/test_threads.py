"""Work distributed to threads: each piece is processed once, results keep their order, errors are raised."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from cs231n import _threads


def test_results_are_in_the_order_of_the_pieces(two_threads):
    meeting = threading.Barrier(2, timeout=60)  # it takes two threads to pass

    def function(piece):
        if piece < 2:
            meeting.wait()
        return piece, threading.get_ident()

    results = _threads.for_each(function, range(9))
    assert [piece for piece, _ in results] == list(range(9))
    assert len({thread for _, thread in results}) == 2


def test_blas_has_one_thread_in_the_meantime(two_threads):
    def blas_threads():
        return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]

    with threadpool_limits(2, user_api="blas"):  # the tests may run with a single-threaded BLAS
        before = blas_threads()
        if set(before) != {2}:
            pytest.skip("this BLAS cannot use two threads")
        inside = _threads.for_each(lambda _: blas_threads(), range(4))
        assert inside == [[1] * len(before)] * 4
        assert blas_threads() == before


@pytest.mark.parametrize("wrong", [[0], [7], [0, 1, 2, 3, 4, 5, 6, 7]])
def test_an_error_in_any_piece_is_raised(two_threads, wrong):
    def function(piece):
        if piece in wrong:
            raise ValueError(f"piece {piece}")

    with pytest.raises(ValueError, match="piece"):
        _threads.for_each(function, range(8))
    assert _threads.for_each(str, range(3)) == ["0", "1", "2"]  # the threads are ready for more


@pytest.mark.parametrize("failing", ["caller", "other"])
def test_an_error_is_raised_after_the_other_thread_has_finished(two_threads, failing, monkeypatch):
    """The other thread's piece takes until somebody waits for it."""
    caller, meeting, awaited, finished = threading.get_ident(), threading.Barrier(2, timeout=60), threading.Event(), []
    exception = Future.exception
    monkeypatch.setattr(Future, "exception", lambda future: awaited.set() or exception(future))

    def function(piece):
        meeting.wait()  # now each thread has one of the two pieces
        if (threading.get_ident() == caller) == (failing == "caller"):
            raise ValueError("failed")
        finished.append(failing == "other" or awaited.wait(timeout=60))

    with pytest.raises(ValueError, match="failed"):
        _threads.for_each(function, range(2))
    assert finished == [True]


def test_each_index_is_taken_once():
    """By threads that all take indices at the same time."""
    counter, meeting, taken = _threads._Counter(10_000), threading.Barrier(4, timeout=60), []

    def take_all():
        meeting.wait()
        taken.append(list(iter(counter.take, None)))

    _run_at_once(take_all, 4)
    assert sorted(index for indices in taken for index in indices) == list(range(10_000))
    assert counter.take() is None


def test_several_threads_may_call_at_once(two_threads):
    """Each gets its own results, and afterwards BLAS has as many threads as before."""
    meeting, results = threading.Barrier(3, timeout=60), []

    def call():
        meeting.wait()
        results.append([_threads.for_each(lambda piece: piece**2, range(6)) for _ in range(50)])

    before = threadpool_info()
    _run_at_once(call, 3)
    assert results == [[[0, 1, 4, 9, 16, 25]] * 50] * 3
    assert threadpool_info() == before


def test_the_last_to_leave_restores_blas():
    """Whoever comes second must not take the limit of the first for the original setting."""
    threads = [8]
    limit = _threads._BlasLimit()
    blas = SimpleNamespace(limit=lambda limits: _set_for_a_while(threads, limits))
    with limit.to_one_thread(blas):
        first_leaves = ExitStack()
        first_leaves.enter_context(limit.to_one_thread(blas))
    assert threads == [1]
    first_leaves.close()
    assert threads == [8]
    with limit.to_one_thread(blas):
        assert threads == [1]
    assert threads == [8]


@contextmanager
def _set_for_a_while(threads, limits):
    before, threads[0] = threads[0], limits
    yield
    threads[0] = before


def test_a_piece_may_have_pieces_of_its_own(two_threads):
    table = _threads.for_each(lambda i: _threads.for_each(lambda j: 10 * i + j, range(3)), range(4))
    assert table == [[10 * i + j for j in range(3)] for i in range(4)]


def _run_at_once(function, num_threads):
    threads = [threading.Thread(target=function) for _ in range(num_threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize(
    "length, size", [(0, 5), (1, 5), (3, 1), (7, 3), (50, 8), (50, 25), (50, 30), (64, 0), (1000, 7)]
)
def test_pieces_are_even_and_no_larger_than_asked(length, size):
    pieces = _threads.pieces_of(length, size)
    assert [i for piece in pieces for i in range(length)[piece]] == list(range(length))
    sizes = [len(range(length)[piece]) for piece in pieces]
    if sizes:
        assert max(sizes) <= max(1, size) and max(sizes) - min(sizes) <= 1
        assert len(pieces) in (1, 2, length) or len(pieces) % 4 == 0


def test_buffers_are_reused_and_belong_to_their_thread(two_threads):
    first = _threads.buffer("test", (4, 5), np.float32)
    assert np.shares_memory(first, _threads.buffer("test", (2, 3), np.float32))
    assert not np.shares_memory(first, _threads.buffer("test", (2, 3), np.float64))
    with ThreadPoolExecutor(1) as other:
        assert not np.shares_memory(first, other.submit(_threads.buffer, "test", (4, 5), np.float32).result())


@pytest.mark.parametrize(
    "n, M, K, N, transposed, blocks",
    [
        (3, 64, 384, 256, False, (32, 64)),  # as in the forward pass of a convolution
        (3, 192, 256, 64, True, (32, 32)),  # as in the gradient of its filters
        (2, 10, 70, 98, False, (10, 49)),
        (2, 64, 27, 256, False, None),  # few terms
        (2, 64, 192, 269, False, None),  # a prime number of columns
        (2, 2, 192, 256, False, None),  # few rows
    ],
)
def test_blocks_of_a_product(n, M, K, N, transposed, blocks, monkeypatch):
    """Where such blocks exist, OpenBLAS gets blocks that it multiplies without packing; the product is the same."""
    monkeypatch.setattr(_threads, "_has_small_kernels", lambda: True)
    monkeypatch.setattr(_threads, "count", lambda: 1)
    rng = np.random.default_rng(0)
    a = rng.standard_normal((n, M, K) if transposed else (M, K))
    b = rng.standard_normal((n, N, K)).swapaxes(1, 2) if transposed else rng.standard_normal((n, K, N))
    calls, real = [], np.matmul

    def matmul(a, b, out):
        calls.append((a.shape[-2], b.shape[-1]))
        return real(a, b, out=out)

    monkeypatch.setattr(np, "matmul", matmul)
    out = np.empty((n, M, N))
    assert _threads.matmul(a, b, out) is out
    assert calls == [blocks or (M, N)]
    np.testing.assert_allclose(out, real(a, b), atol=1e-12)


def test_blocks_are_used_only_where_blas_has_one_thread(two_threads, monkeypatch):
    """Elsewhere BLAS distributes a product to its own threads and should get it in one piece."""
    monkeypatch.setattr(_threads, "_has_small_kernels", lambda: True)
    a, b, shapes, real = np.ones((64, 192)), np.ones((3, 192, 256)), [], np.matmul
    monkeypatch.setattr(np, "matmul", lambda a, b, out: shapes.append(b.shape[-1]) or real(a, b, out=out))

    def multiply(_=None):
        _threads.matmul(a, b, np.empty((3, 64, 256)))

    multiply()
    _threads.for_each(multiply, range(2))
    multiply()
    assert shapes == [256, 64, 64, 256]


@pytest.mark.parametrize(
    "library, expected",
    [
        ({"internal_api": "openblas", "architecture": "SapphireRapids"}, True),
        ({"internal_api": "openblas", "architecture": "Haswell"}, False),
        ({"internal_api": "blis", "architecture": "skylakex"}, False),
        ({"internal_api": "mkl"}, False),  # does not say
    ],
)
def test_kernels_for_avx512(library, expected):
    assert _threads.uses_avx512(library) is expected
