"""The record recipe: what each of its ingredients is worth, and the accuracy over minutes. It takes hours.

    python -m benchmarks.record [--part ablations|minutes|settings|profile] [--seed N] [--quick] [--write]

Each run is an entry of docs/record.json as soon as it is complete: started again, the script goes on where it stopped.
--write puts the tables into docs/record_measured.md and the figure into docs/record.png; docs/record.md explains them.
--quick makes all runs so small that they say nothing but that the script works, in a file of its own. Accuracies are
those of the test set, with one view and with six; nothing was chosen by them. Settings are compared on the last 10,000
training images instead, and trained on the others. Every run of an ablation lacks one ingredient and has all others.
Ablations and settings take least time as one process with one thread for each core, each with a folder (--out) of its
own.
"""

import argparse
import json
import time
from pathlib import Path
from statistics import mean, stdev
from typing import NamedTuple

import numpy as np

from coursekit.files import write_file
from coursekit.learner.own_record import processor
from coursekit.learner.recipes.record import Plan, accuracy, batch_size_for, make_net, plan_within
from cs231n import _threads, channels_last
from cs231n.data_utils import dataset_name, get_CIFAR10_data
from cs231n.record_solver import RecordSolver

DOCS = Path(__file__).resolve().parent.parent / "docs"
SEEDS = (0, 1, 2)
EPOCHS, WIDTH = 4, 64  # of the ablations
# Minutes of the runs of `train --net record`, and how many seeds; the most telling ones first.
LENGTHS = {10: 3, 60: 1, 20: 3, 5: 1, 40: 1, 90: 1}
ABLATIONS = {  # name: (options of the net, of the solver)
    "everything": ({}, {}),
    "no Muon: Nesterov momentum, a triangular rate, lookahead": ({}, {"update_rule": "nesterov_momentum"}),
    "neither Muon nor lookahead": ({}, {"update_rule": "nesterov_momentum", "lookahead": False}),
    "no whitening: random filters, fixed": ({"whitening": False}, {}),
    "the bias of the whitening is not trained": ({}, {"bias_epochs": 0}),
    "random first filters": ({"identity": False}, {}),
    "ReLU in place of GELU": ({"activation": "relu"}, {}),
    "no label smoothing": ({"label_smoothing": 0.0}, {}),
    "random flips": ({}, {"flips": "random"}),
    "no flips": ({}, {"flips": None}),
    "no translations": ({}, {"most": 0}),
}
WIDTHS = {64: [10], 128: [4, 6, 20], 256: [3, 5, 10], 384: [5]}  # epochs of each
SETTINGS = {  # name: (plan, options of the solver)
    **{f"width {width}, {epochs} epochs": (Plan(width, epochs), {}) for width in WIDTHS for epochs in WIDTHS[width]},
    "batches of 2,000": (Plan(128, 12), {"batch_size": 2000}),
    "batches of 1,000": (Plan(128, 12), {"batch_size": 1000}),
    "batches of 500": (Plan(128, 12), {"batch_size": 500}),
    "batches of 2,000, squares of 8 x 8 covered": (Plan(128, 12), {"batch_size": 2000, "cutout": 8}),
    "moved by up to four pixels": (Plan(128, 20), {"most": 4}),
    "filters at 0.6 times the rate": (Plan(128, 20), {"rates": {"filters": 0.6}}),
}
TITLES = {
    "minutes": "Accuracy over minutes",
    "ablations": "Without one ingredient",
    "settings": "Settings: accuracy on 10,000 training images that were held out",
}
QUICK = {"num_training": 300, "num_validation": 50, "num_test": 50}
FULL = {"num_training": 49_000, "num_validation": 1000, "num_test": 10_000}


class Wanted(NamedTuple):
    """A run: its name, minutes or a plan, the seed, and options of the net and of the solver."""

    name: str
    minutes: float
    plan: Plan
    seed: int
    net: dict = {}
    solver: dict = {}


def runs(part, quick):
    """The runs of a part."""
    if part == "ablations":  # in order of the seeds: an early stop leaves whole sets
        plan = Plan(8, 1) if quick else Plan(WIDTH, EPOCHS)
        for seed in SEEDS[:2] if quick else SEEDS:
            for name, (net, solver) in ABLATIONS.items():
                yield Wanted(name, None, plan, seed, net, solver)
    elif part == "settings":
        for name, (plan, solver) in SETTINGS.items():
            if quick:
                plan, solver = Plan(8, 1), solver | {"batch_size": 10}
            yield Wanted(name, None, plan, 0, solver=solver)
    else:
        for minutes, number in {0.02: 2, 0.04: 1}.items() if quick else LENGTHS.items():
            for seed in range(number):
                yield Wanted(f"{minutes} minutes", minutes, None, seed)


def data_for(part, quick):
    """The images; for the choice of settings, the last training images in place of the test set."""
    data = get_CIFAR10_data(subtract_mean=False, dtype=np.uint8, **(QUICK if quick else FULL))
    if part != "settings":
        return data
    held_out = len(data["X_test"])
    X, y = data["X_train"], data["y_train"]
    return data | {"X_train": X[:-held_out], "y_train": y[:-held_out], "X_test": X[-held_out:], "y_test": y[-held_out:]}


def run(data, wanted):
    """Train once; return what was trained, the minutes as a whole and of training, and the accuracies."""
    start, processor = time.monotonic(), time.process_time()
    plan = wanted.plan or plan_within(wanted.minutes, data)
    np.random.seed(wanted.seed)
    net = make_net(plan.width, data, **wanted.net)
    fixed = {"num_epochs": plan.epochs, "batch_size": batch_size_for(plan.epochs, len(data["X_train"]))}
    solver = RecordSolver(net, data, **fixed | wanted.solver, seed=wanted.seed, verbose=False)
    solver.train()
    X, y = data["X_test"], data["y_test"]
    accuracies = {"one view": accuracy(net, X, y, views=1), "six views": accuracy(net, X, y)}
    return {
        "width": plan.width,
        "epochs": plan.epochs,
        "minutes": (time.monotonic() - start) / 60,
        "of training": solver.seconds / 60,
        "processor minutes": (time.process_time() - processor) / 60,
        "validation": solver.val_acc_history[-1],
        **accuracies,
    }


def complete(path, parts, quick, seed=None):
    """Make all runs that the file lacks, or those of one seed, and write each one into it; return all."""
    results = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    done = {(r["part"], r["name"], r["seed"], r["data"]) for r in results}
    for part in parts:
        data = None
        for wanted in runs(part, quick):
            key = (part, wanted.name, wanted.seed, dataset_name())
            if key in done or seed not in (None, wanted.seed):
                continue
            data = data or data_for(part, quick)
            about = dict(zip(("part", "name", "seed", "data"), key, strict=True))
            machine = {"threads": _threads.count(), "processor": processor()}
            results.append(about | machine | run(data, wanted))
            write_file(path, json.dumps(results, indent=1) + "\n")
            print(f"{part}: {wanted.name}, seed {wanted.seed}: {results[-1]['six views']:.4f}", flush=True)
    return results


# ---- tables and a figure


def table(results, part):
    """A row for each name: the net, the mean over the seeds, its standard deviation, and the minutes."""
    chosen = [r for r in results if r["part"] == part]
    if part == "minutes":
        chosen.sort(key=lambda r: float(r["name"].split()[0]))
    yield "| | data | width, epochs | runs | one view | six views | minutes | processor minutes |"
    yield "|---|---|---|---|---|---|---|---|"
    for name, data in dict.fromkeys((r["name"], r["data"]) for r in chosen):
        same = [r for r in chosen if (r["name"], r["data"]) == (name, data)]
        cells = [_spread([r[views] for r in same]) for views in ("one view", "six views")]
        minutes = [f"{mean(r[unit] for r in same):.1f}" for unit in ("minutes", "processor minutes")]
        nets = "; ".join(dict.fromkeys(f"{r['width']}, {r['epochs']}" for r in same))
        yield f"| {' | '.join([name, data, nets, str(len(same)), *cells, *minutes])} |"


def _spread(values):
    return f"{mean(values):.4f}" + (f" ± {stdev(values):.4f}" if len(values) > 1 else "")


def page(results):
    """The text of docs/record_measured.md."""
    machines = ", ".join(dict.fromkeys(_machine(r) for r in results))
    parts = [
        "# Measured: the record recipe",
        "Written by `python -m benchmarks.record --write`; [the record](record.md) explains the figures. They are "
        "accuracies, on the test set if nothing else is said: the mean over the runs, and the standard deviation of a "
        f"single run. The runs differ in their seeds. They ran on {machines}.",
    ]
    for part, title in TITLES.items():
        if any(r["part"] == part for r in results):
            parts += [f"## {title}", "\n".join(table(results, part))]
    return "\n\n".join(parts) + "\n"


def _machine(run):
    """The processor and the threads of a run."""
    threads = run["threads"]
    return f"{run['processor']} with {threads} thread{'s' if threads > 1 else ''}"


def draw(results, path):
    """Accuracy over minutes: a mark for each run, a line through the means."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(8, 4.5), constrained_layout=True)
    chosen = [r for r in results if r["part"] == "minutes"]
    for data, style in zip(dict.fromkeys(r["data"] for r in chosen), ("o-", "s--"), strict=False):
        own = [r for r in chosen if r["data"] == data]
        (line,) = ax.plot(*_means(own), style, label=data, markersize=0)
        ax.plot([r["minutes"] for r in own], [r["six views"] for r in own], style[0], color=line.get_color(), alpha=0.6)
    ax.set(xscale="log", xlabel="minutes, all in all", ylabel="test accuracy, six views")
    ax.set_xticks(list(LENGTHS), [str(minutes) for minutes in LENGTHS])
    ax.minorticks_off()
    ax.grid(alpha=0.3)
    if chosen:
        ax.legend()
    fig.savefig(path, dpi=110)


def _means(runs):
    """The mean minutes and the mean accuracies of the runs of each length, the shortest first."""
    lengths = [[r for r in runs if r["name"] == name] for name in dict.fromkeys(r["name"] for r in runs)]
    points = [[mean(r[unit] for r in same) for unit in ("minutes", "six views")] for same in lengths]
    return zip(*sorted(points), strict=True)


# ---- where the time goes


def profile(batch, width):
    """Print the processor time of each layer of one step, forward and backward, and of the update, on one thread."""
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 256, (batch, 3, 32, 32), dtype=np.uint8), rng.integers(10, size=batch)
    data = {"X_train": X, "y_train": y, "X_val": X, "y_val": y}
    solver = RecordSolver(make_net(width, data), data, num_epochs=1, batch_size=batch, verbose=False)
    solver._step()
    clock = Clock()
    names = [f"conv {i}" for i in range(1, solver.model.num_convs + 1)]
    clock.watch("_forward", [f"{name}, forward" for name in names])
    clock.watch("_backward", [f"{name}, backward" for name in reversed(names)])
    clock.watch("_normalised", [f"statistics {i}" for i in range(1, len(names) + 1)])
    start = time.process_time()
    solver._step()
    total = time.process_time() - start
    clock.restore()
    rows = clock.seconds | {"everything else": total - sum(clock.seconds.values())}
    print(f"{1000 * total / batch:.2f} ms of processor time for an image, batch {batch}, width {width}")
    for name, seconds in rows.items():
        print(f"{name:20} {1000 * seconds / batch:6.3f} ms {seconds / total:5.0%}")


class Clock:
    """Measures the processor time of the calls of functions in `channels_last`."""

    def __init__(self):
        self.seconds, self.originals = {}, {}

    def watch(self, function, names):
        """Measure the calls of a function; the next call has the next name."""
        original, left = getattr(channels_last, function), iter(names)
        self.originals[function] = original

        def watched(*arguments, **named):
            start = time.process_time()
            try:
                return original(*arguments, **named)
            finally:
                self.seconds[next(left)] = time.process_time() - start

        setattr(channels_last, function, watched)

    def restore(self):
        """Put the functions back."""
        for name, original in self.originals.items():
            setattr(channels_last, name, original)


def main():
    """Make the runs, print the tables, write the page if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=(*TITLES, "profile"), help="all but the profile by default")
    parser.add_argument("--quick", action="store_true", help="runs of seconds, to see whether it works")
    parser.add_argument("--out", type=Path, default=DOCS, metavar="DIR", help="where the files go (default: docs)")
    parser.add_argument("--seed", type=int, metavar="N", help="only the runs with this seed")
    parser.add_argument("--write", action="store_true", help="write record_measured.md and record.png")
    args = parser.parse_args()
    if args.part == "profile":
        profile(*((20, 16) if args.quick else (500, 256)))
        return
    parts = [args.part] if args.part else list(TITLES)
    results = complete(args.out / ("record_quick.json" if args.quick else "record.json"), parts, args.quick, args.seed)
    for part in parts:
        print("\n".join(table(results, part)))
    if args.write:
        write_file(args.out / "record_measured.md", page(results))
        draw(results, args.out / "record.png")


if __name__ == "__main__":
    main()
