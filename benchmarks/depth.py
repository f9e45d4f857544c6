"""What depth costs a plain network and a residual one: the training loss of both, for several depths and seeds.

python -m benchmarks.depth [--write]

The networks, the data and the settings are those of the notebook `Architectures`: 8, 20 and 32 layers on 3,000 images,
450 steps of Adam. It prints a table; --write puts it into docs/results.md, and draws all losses into docs/depth.png.
"""

import argparse
from itertools import product
from pathlib import Path

import numpy as np

from coursekit.learner.results_page import write_section
from cs231n.architectures import small_resnet
from cs231n.classifiers.architecture_nets import ArchitectureNet
from cs231n.data_utils import get_CIFAR10_data
from cs231n.optim import cosine_decay
from cs231n.solver import Solver

DEPTHS, SEEDS, LAST = (8, 20, 32), (0, 1, 2), 100
KINDS = {"plain": False, "residual": True}
TITLE = "built-in images: what depth costs, plain and residual networks"
TEXT = """`python -m benchmarks.depth --write`: the mean training loss of the last 100 of 450 steps.

{table}

![Training loss over 450 steps, on the left of plain networks, on the right of residual ones: a curve for each of 8, 20
and 32 layers, and the range of three seeds. The deeper a plain network, the higher its curve; the curves of the
residual ones end close together](depth.png)"""
FIGURE = Path(__file__).resolve().parent.parent / "docs" / "depth.png"


def load():
    """3,000 images for training and the validation set, with a spread near 1."""
    data = get_CIFAR10_data(num_training=3000, dtype=np.float32)
    return data | {name: data[name] / 64 for name in data if name.startswith("X")}


def train(data, depth, residual, seed):
    """The loss of each of 450 steps, of shape (450,)."""
    np.random.seed(seed)
    solver = Solver(
        ArchitectureNet(small_resnet(depth, residual, stride=2)),
        data,
        update_rule="adam",
        optim_config={"learning_rate": 3e-3},
        lr_schedule=lambda rate, epoch: cosine_decay(rate, epoch, 3),
        num_epochs=3,
        batch_size=20,
        num_train_samples=100,
        num_val_samples=100,
        verbose=False,
    )
    solver.train()
    return np.array(solver.loss_history)


def last_loss(losses):
    """The mean loss of the last 100 steps."""
    return losses[-LAST:].mean()


def table(losses):
    """A row for each kind and depth, in Markdown: the loss of the last 100 steps with each seed."""
    rows = [["network", "layers", *(f"seed {seed}" for seed in SEEDS)], ["---"] * (2 + len(SEEDS))]
    for kind, depth in product(KINDS, DEPTHS):
        rows.append([kind, str(depth), *(f"{last_loss(losses[kind, depth, seed]):.3f}" for seed in SEEDS)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def draw(losses):
    """Two axes, plain and residual: the smoothed loss of each depth, the mean of the seeds and their range."""
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True, constrained_layout=True)
    window = np.ones(50) / 50
    for ax, kind in zip(axes, KINDS, strict=True):
        for depth, style in zip(DEPTHS, ("-", "--", ":"), strict=True):
            runs = [np.convolve(losses[kind, depth, seed], window, "valid") for seed in SEEDS]
            [line] = ax.plot(np.mean(runs, axis=0), style, label=f"{depth} layers")
            low, high = np.min(runs, axis=0), np.max(runs, axis=0)
            ax.fill_between(range(len(low)), low, high, alpha=0.2, color=line.get_color())
        ax.set_title(kind)
        ax.set_xlabel("step")
        ax.legend()
    axes[0].set_ylabel("training loss, mean of 50 steps")
    fig.savefig(FIGURE, dpi=110)


def main():
    """Train all networks, print the table, draw the figure if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write the table and the figure into docs")
    args = parser.parse_args()
    data, losses = load(), {}
    for kind, depth, seed in product(KINDS, DEPTHS, SEEDS):
        losses[kind, depth, seed] = train(data, depth, KINDS[kind], seed)
        print(f"{kind}, {depth} layers, seed {seed}: {last_loss(losses[kind, depth, seed]):.3f}", flush=True)
    print(f"mean training loss of the last {LAST} steps\n\n{table(losses)}")
    if args.write:
        draw(losses)
        write_section(TITLE, TEXT.format(table=table(losses)))


if __name__ == "__main__":
    main()
