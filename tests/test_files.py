"""Files and their sources: what coursekit/files.py promises."""

import ast
import gc
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import cs231n.layers
from coursekit.core import serialization
from coursekit.files import syntax_tree


@contextmanager
def collecting_often():
    """The collector runs often, and lets other threads in."""

    def collected(phase, info):
        sum(range(100))

    threshold, interval = gc.get_threshold(), sys.getswitchinterval()
    gc.callbacks.append(collected)
    gc.set_threshold(50, 5, 5)
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        gc.callbacks.remove(collected)
        gc.set_threshold(*threshold)
        sys.setswitchinterval(interval)


def test_threads_parse_and_unpack_side_by_side():
    """CPython 3.11 raises a SystemError if another thread parses while a tree is made; NumPy parses what it loads."""
    source = Path(cs231n.layers.__file__).read_text(encoding="utf-8")
    packed = serialization.pack({"x": 1.0})

    def parse_and_unpack(_):
        trees = len(syntax_tree(source).body)
        return trees, [serialization.unpack(packed) for _ in range(50)]

    with collecting_often(), ThreadPoolExecutor(2) as pool:
        found = list(pool.map(parse_and_unpack, range(60)))
    assert found == [(len(ast.parse(source).body), [{"x": 1.0}] * 50)] * 60
