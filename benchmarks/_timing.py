"""Shared by the benchmarks: equal numbers of threads, sides measured in turn, medians with quartiles."""

import gc
import os
import sys
import time
from pathlib import Path
from statistics import median, quantiles

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # so that `python benchmarks/knn.py` finds cs231n


def set_threads(number):
    """Give every library the same number of threads; call it before NumPy is imported."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(number)
    os.environ["OPENBLAS_THREAD_TIMEOUT"] = "20"  # or its idle threads keep cores busy for 0.1 s


def compare(sides, repeats, warm_ups=1, clock=time.perf_counter):
    """Return {name: list of seconds}; the sides run in turn, and the first `warm_ups` runs of each do not count."""
    seconds = {name: [] for name in sides}
    for i in range(repeats + warm_ups):
        for name, run in sides.items():
            gc.collect()
            start = clock()
            run()
            if i >= warm_ups:
                seconds[name].append(clock() - start)
    return seconds


def print_table(title, seconds, base, unit="ms"):
    """Print median, quartiles and the ratio to the side named `base`."""
    scale = {"ms": 1e3, "s": 1}[unit]
    print(f"\n{title}\n{'':32} {'median':>9} {'quartiles':>19} {'ratio':>7}  [{unit}]")
    for name, values in seconds.items():
        low, _, high = quantiles(values, n=4) if len(values) > 1 else values * 3
        spread = f"{scale * low:.4g} to {scale * high:.4g}"
        print(f"{name:32} {scale * median(values):9.4g} {spread:>19} {median(values) / median(seconds[base]):7.2f}")
