"""Work shared out to threads: everything is done once, in order, and what goes wrong comes back."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from cs231n import _threads


def test_results_come_in_the_order_of_the_pieces(two_threads):
    meeting = threading.Barrier(2, timeout=60)  # nobody passes it alone

    def function(piece):
        if piece < 2:
            meeting.wait()
        return piece, threading.get_ident()

    results = _threads.for_each(function, range(9))
    assert [piece for piece, _ in results] == list(range(9))
    assert len({thread for _, thread in results}) == 2


def test_blas_has_one_thread_meanwhile(two_threads):
    def blas_threads():
        return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]

    with threadpool_limits(2, user_api="blas"):  # these tests may run with one
        before = blas_threads()
        if set(before) != {2}:
            pytest.skip("this BLAS does not take two threads")
        inside = _threads.for_each(lambda _: blas_threads(), range(4))
        assert inside == [[1] * len(before)] * 4
        assert blas_threads() == before


@pytest.mark.parametrize("wrong", [[0], [7], [0, 1, 2, 3, 4, 5, 6, 7]])
def test_what_goes_wrong_in_any_piece_is_raised_when_all_threads_are_done(two_threads, wrong):
    under_way = set()

    def function(piece):
        under_way.add(piece)
        try:
            if piece in wrong:
                raise ValueError(f"piece {piece}")
            time.sleep(0.02)  # long enough to be seen, if nobody waits
        finally:
            under_way.remove(piece)

    with pytest.raises(ValueError, match="piece"):
        _threads.for_each(function, range(8))
    assert not under_way
    assert _threads.for_each(str, range(3)) == ["0", "1", "2"]  # and the next ones are done


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


def test_buffers_are_used_again_and_belong_to_their_thread(two_threads):
    first = _threads.buffer("test", (4, 5), np.float32)
    assert np.shares_memory(first, _threads.buffer("test", (2, 3), np.float32))
    assert not np.shares_memory(first, _threads.buffer("test", (2, 3), np.float64))
    with ThreadPoolExecutor(1) as other:
        assert not np.shares_memory(first, other.submit(_threads.buffer, "test", (4, 5), np.float32).result())


@pytest.mark.parametrize(
    "n, M, K, N, transposed, blocks",
    [
        (3, 64, 384, 256, False, (32, 64)),  # as the maps of a convolution
        (3, 192, 256, 64, True, (32, 32)),  # as the gradients of its filters
        (2, 10, 70, 98, False, (10, 49)),
        (2, 64, 27, 256, False, None),  # hardly any terms
        (2, 64, 192, 269, False, None),  # a prime number of columns
        (2, 2, 192, 256, False, None),  # hardly any rows
    ],
)
def test_blocks_of_a_product(n, M, K, N, transposed, blocks, monkeypatch):
    """Blocks that OpenBLAS multiplies without packing, where there are such, and the same product."""
    monkeypatch.setattr(_threads, "_multiplies_as_they_lie", lambda: True)
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


def test_blocks_are_for_threads_that_blas_leaves_alone(two_threads, monkeypatch):
    """Outside of them BLAS shares a product out to its own threads, and should get it whole."""
    monkeypatch.setattr(_threads, "_multiplies_as_they_lie", lambda: True)
    a, b, shapes, real = np.ones((64, 192)), np.ones((3, 192, 256)), [], np.matmul
    monkeypatch.setattr(np, "matmul", lambda a, b, out: shapes.append(b.shape[-1]) or real(a, b, out=out))

    def multiply(_=None):
        _threads.matmul(a, b, np.empty((3, 64, 256)))

    multiply()
    _threads.for_each(multiply, range(2))
    multiply()
    assert shapes == [256, 64, 64, 256]
