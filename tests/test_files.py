"""Files and their sources: what coursekit/files.py promises."""

import gc
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cs231n.layers
from coursekit.files import syntax_tree


def test_threads_parse_side_by_side():
    """CPython 3.11 raises a SystemError if another thread parses while a tree is made; the collector lets it in."""

    def collected(phase, info):
        sum(range(100))

    source = Path(cs231n.layers.__file__).read_text(encoding="utf-8")
    threshold, interval = gc.get_threshold(), sys.getswitchinterval()
    gc.callbacks.append(collected)
    gc.set_threshold(50, 5, 5)
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(2) as pool:
            trees = list(pool.map(syntax_tree, [source] * 60))
    finally:
        gc.callbacks.remove(collected)
        gc.set_threshold(*threshold)
        sys.setswitchinterval(interval)
    assert len({len(tree.body) for tree in trees}) == 1
