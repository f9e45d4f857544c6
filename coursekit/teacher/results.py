"""The accuracies that the notebooks reach: run them as they are, and compare with what the course asks for."""

import ast
import time
from collections.abc import Iterable

import nbformat
import numpy as np
from nbclient import NotebookClient

from coursekit.core.question import Figure
from coursekit.learner.results_page import write_section
from coursekit.paths import ROOT
from coursekit.questions import NOTEBOOKS, module_of, notebook_file

# In a notebook's module of `coursekit.questions`, FIGURES lists the accuracies that the notebook ends with.
FIGURES = [(notebook, figure) for notebook in NOTEBOOKS for figure in getattr(module_of(notebook), "FIGURES", ())]
ONE_EPOCH = Figure("Three-layer ConvNet, one epoch with the course's settings: training", "", 0.40, 0.40)


def write() -> int:
    """Run all notebooks on the available data, print the table, and write it to docs/results.md."""
    from cs231n.data_utils import dataset_name

    data = dataset_name()
    notebooks = list(dict.fromkeys(notebook for notebook, _ in FIGURES))
    print(f"Running {len(notebooks)} notebooks on {data} ...", flush=True)
    rows = [row for notebook in notebooks for row in _measured(notebook)]
    table = _table([*rows, (ONE_EPOCH, one_epoch())], data == "CIFAR-10")
    print(table)
    write_section(data, table)
    return 0


def _measured(notebook: str) -> Iterable[tuple[Figure, float]]:
    start = time.monotonic()
    figures = [figure for name, figure in FIGURES if name == notebook]
    values = evaluate_in(notebook, [figure.expression for figure in figures])
    print(f"  {notebook}: {time.monotonic() - start:.0f} s", flush=True)
    return zip(figures, values, strict=True)


def one_epoch() -> float:
    """Train ThreeLayerConvNet for one epoch with the settings of the course's notebook; its training accuracy."""
    from cs231n.classifiers.cnn import ThreeLayerConvNet
    from cs231n.data_utils import get_CIFAR10_data
    from cs231n.solver import Solver

    np.random.seed(0)
    model = ThreeLayerConvNet(weight_scale=0.001, hidden_dim=500, reg=0.001)
    solver = Solver(
        model,
        get_CIFAR10_data(dtype=np.float32),
        num_epochs=1,
        batch_size=50,
        update_rule="adam",
        optim_config={"learning_rate": 1e-3},
        verbose=False,
    )
    solver.train()
    return solver.train_acc_history[-1]


def evaluate_in(notebook: str, expressions: Iterable[str]) -> list[float]:
    """Run a notebook as it is, and evaluate expressions with its variables at the end."""
    path = ROOT / notebook_file(notebook)
    content = nbformat.read(path, as_version=4)
    probe = nbformat.v4.new_code_cell(f"print([float(value) for value in ({', '.join(expressions)},)])")
    content.cells.append(probe)
    NotebookClient(content, timeout=1200, resources={"metadata": {"path": str(path.parent)}}).execute()
    return ast.literal_eval(probe.outputs[0].text)


def _table(rows: Iterable[tuple[Figure, float]], with_bars: bool) -> str:
    """A Markdown table; the bars apply to CIFAR-10 only."""
    lines = ["| | accuracy | the course asks for | goal |", "|---|---|---|---|"]
    lines += [f"| {f.what} | {value:.3f} | {_bar(f.course)} | {_bar(f.aim)} |" for f, value in rows]
    return "\n".join(lines if with_bars else [line.rsplit("|", 3)[0] + "|" for line in lines])


def _bar(bar: float | None) -> str:
    return "" if bar is None else f"{bar:.3g}"
