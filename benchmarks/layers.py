"""Layers, training steps and growth with size, compared with PyTorch and with the bound of the machine.

    python benchmarks/layers.py [--threads 2] [--rounds 7] [--quick] [--write]

Both sides run in one process, with the same number of threads, in turn and in blocks. Threads that wait for more work
slow down the other side, so the first calls of each block do not count. --write writes tables and a figure to docs/.
OpenBLAS chooses its kernels by the processor; OPENBLAS_CORETYPE=Haswell (AVX2) or SkylakeX (AVX-512) overrides that.
"""

import argparse
import time
from dataclasses import dataclass
from math import exp, log
from statistics import median

from _timing import set_threads


@dataclass
class Row:
    """A case, the seconds that it needs at least, and the seconds of both sides."""

    name: str
    dtype: str
    bound: float
    ours: list
    theirs: list

    @property
    def share(self):
        """The bound divided by our time: 1 would mean that nothing else takes time."""
        return self.bound / median(self.ours)

    @property
    def best_ratio(self):
        """The ratio that the bound would give."""
        return median(self.theirs) / self.bound

    @property
    def ratio(self):
        """PyTorch's time divided by ours: above 1, ours is faster."""
        return median(self.theirs) / median(self.ours)


CONVOLUTIONS = [  # N, C, H = W, F, HH = WW, stride, pad
    (64, 3, 32, 32, 7, 1, 3),
    (64, 3, 32, 32, 3, 1, 1),
    (64, 32, 32, 32, 3, 1, 1),
    (64, 64, 16, 64, 3, 1, 1),
    (64, 64, 16, 128, 3, 2, 1),
    (64, 128, 8, 128, 3, 1, 1),
    (32, 64, 32, 64, 3, 1, 1),
    (64, 64, 16, 64, 1, 1, 0),
    (64, 32, 16, 64, 5, 1, 2),
]


def main():
    """Measure and print; with --write, also write the result to docs/."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="small batches and two rounds, to see whether it runs")
    parser.add_argument("--write", action="store_true", help="write docs/performance_measured.md and the figure")
    args = parser.parse_args()
    set_threads(args.threads)
    import torch

    torch.set_num_threads(args.threads)
    batch = 4 if args.quick else 64
    rounds = 2 if args.quick else args.rounds

    from _suite import copy_rate, gemm_rates, growth, layer_cases, steps, usual_way

    rates = gemm_rates() | {"copy": copy_rate()}

    def measure(cases, dtype, rounds, block=3):
        for name, flops, nbytes, ours, theirs in cases:
            bound = max(flops / rates[dtype], nbytes / rates["copy"])
            yield Row(name, dtype, bound, *in_turn(ours, theirs, rounds, block))

    rows, step_rows, usual_rows = [], [], []
    for dtype in ("float32", "float64"):
        for row in measure(layer_cases(dtype, CONVOLUTIONS, batch), dtype, rounds):
            rows.append(row)
            show(row)
    for row in measure(steps(batch if args.quick else 50), "float32", rounds):
        step_rows.append(row)
        show(row)
    for row in measure(usual_way(CONVOLUTIONS[:4], batch), "float32", 3, block=1):
        usual_rows.append(row)
        print(f"{row.name}: columns gathered by index and np.add.at take {row.ratio:.0f} times as long")
    exponents = growth(lambda run: in_turn(run, None, rounds)[0], small=args.quick)
    for name, exponent in exponents.items():
        print(f"time grows with {name} to the power of {exponent:.2f}")
    means = {}
    for dtype in ("float32", "float64"):
        chosen = [row for row in rows if row.dtype == dtype]
        means[dtype] = geometric_mean(row.ratio for row in chosen), geometric_mean(row.best_ratio for row in chosen)
        print(f"geometric mean of the ratios, {dtype}: {means[dtype][0]:.2f}; at the bounds {means[dtype][1]:.2f}")
    if args.write:
        from _page import write

        write(rows, step_rows, usual_rows, rates, exponents, args.threads, means)


def in_turn(ours, theirs, rounds, block=3, rest=0.02):
    """Seconds of single calls of both sides in turn: each round has two calls that do not count, then `block`."""
    seconds = [], []
    for _ in range(rounds):
        for run, kept in zip((ours, theirs), seconds, strict=True):
            if run is None:
                continue
            time.sleep(rest)  # lets the threads of the other side go to sleep
            for i in range(2 + block):
                start = time.perf_counter()
                run()
                if i >= 2:
                    kept.append(time.perf_counter() - start)
    return seconds


def show(row):
    """Print one row."""
    print(
        f"{row.name:44} {row.dtype}  ours {1e3 * median(row.ours):8.2f} ms  PyTorch {1e3 * median(row.theirs):8.2f} ms"
        f"  ratio {row.ratio:5.2f}  {row.share:4.0%} of the bound",
        flush=True,
    )


def geometric_mean(values):
    """The root of the product."""
    logarithms = [log(value) for value in values]
    return exp(sum(logarithms) / len(logarithms))


if __name__ == "__main__":
    main()
