"""Write what `layers.py` measured to docs/performance_measured.md, and a figure."""

import datetime
from pathlib import Path
from statistics import median, quantiles

import numpy as np
from threadpoolctl import threadpool_info

from coursekit.learner.own_record import processor

DOCS = Path(__file__).resolve().parent.parent / "docs"


def write(rows, steps, usual, rates, exponents, threads, means):
    """Write tables and figure, in place of the last ones that were measured with this BLAS kernel."""
    kernel = next(library["architecture"] for library in threadpool_info() if library["user_api"] == "blas")
    path = DOCS / "performance_measured.md"
    head, *sections = path.read_text(encoding="utf-8").split("\n## ")
    kept = [section.strip() for section in sections if not section.startswith(f"{kernel}:")]
    new = _section(kernel, rows, steps, usual, rates, exponents, threads, means)
    path.write_text("\n\n## ".join([head.strip(), *sorted([*kept, new])]) + "\n", encoding="utf-8")
    _draw(rows + steps, DOCS / "performance.png")


def _section(kernel, rows, steps, usual, rates, exponents, threads, means):
    about = (
        f"Measured on {datetime.date.today().isoformat()}, {processor()}, {threads} threads, NumPy "
        f"{np.__version__}. A matrix product runs at {rates['float32'] / 1e9:.0f} (float32) and "
        f"{rates['float64'] / 1e9:.0f} (float64) billion operations per second; a copy reads and writes "
        f"{rates['copy'] / 1e9:.0f} billion bytes per second."
    )
    ratios = ", ".join(f"{ratio:.2f} in {dtype}" for dtype, (ratio, _) in means.items())
    bests = ", ".join(f"{best:.2f} in {dtype}" for dtype, (_, best) in means.items())
    growth = ", ".join(f"{what} to the power of {exponent:.2f}" for what, exponent in exponents.items())
    return "\n".join(
        [
            f"{kernel}: the kernels that OpenBLAS used",
            "",
            about,
            "",
            f"Geometric mean over the layers of PyTorch's time divided by ours: {ratios}. "
            f"If every layer ran at its bound: {bests}.",
            "",
            *_table(rows),
            "",
            *_table(steps),
            "",
            "Written the usual way in NumPy, with columns gathered by index and np.add.at, these layers take this many "
            "times as long: " + ", ".join(f"{row.ratio:.0f} ({row.name})" for row in usual) + ".",
            "",
            f"The time of a 3 x 3 convolution, forward and backward, grows with {growth}.",
        ]
    )


def _table(rows):
    yield "| | type | ours [ms] | quartiles | PyTorch [ms] | quartiles | PyTorch / ours | of the bound |"
    yield "|---|---|---|---|---|---|---|---|"
    for row in rows:
        yield (
            f"| {row.name} | {row.dtype} | {1e3 * median(row.ours):.2f} | {_quartiles(row.ours)} | "
            f"{1e3 * median(row.theirs):.2f} | {_quartiles(row.theirs)} | {row.ratio:.2f} | {row.share:.0%} |"
        )


def _quartiles(seconds):
    low, _, high = quantiles(seconds, n=4)
    return f"{1e3 * low:.2f} to {1e3 * high:.2f}"


def _draw(rows, path):
    """Bars of PyTorch's time divided by ours; at the line, 1, both take the same time."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import NullFormatter

    names = list(dict.fromkeys(row.name for row in rows))
    fig, ax = plt.subplots(figsize=(9, 0.34 * len(names) + 1.2))
    for shift, dtype, style in ((-0.2, "float32", {}), (0.2, "float64", {"hatch": "//"})):
        chosen = [row for row in rows if row.dtype == dtype]
        positions = [names.index(row.name) + shift for row in chosen]
        ax.barh(positions, [row.ratio for row in chosen], height=0.38, label=dtype, edgecolor="white", **style)
    ax.axvline(1, color="black", linewidth=1)
    ax.set(xscale="log", xlabel="PyTorch's time / ours (right of 1: ours is faster)", yticks=range(len(names)))
    ax.set_yticklabels(names, fontsize=8)
    ticks = [0.25, 0.5, 1, 2, 4]
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks], minor=False)
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.invert_yaxis()
    ax.legend()
    fig.tight_layout()
    fig.savefig(path, dpi=110)
