"""What the notebooks reach: run them all, as they are, and set their accuracies beside what the course asks for."""

import ast
import datetime
import time
from dataclasses import dataclass

import nbformat
import numpy as np
from nbclient import NotebookClient

from coursekit.progress import notebook_path
from coursekit.worker import ROOT

PAGE = ROOT / "docs" / "results.md"


@dataclass(frozen=True)
class Figure:
    """A number that a notebook ends with: an expression in its variables, and what is asked for on CIFAR-10."""

    notebook: str
    what: str
    expression: str
    course: float | None
    aim: float | None


ONE_EPOCH = "Three-layer ConvNet, one epoch as the course sets it: training"

_BEST_TEST = "max(np.mean(classifier.predict(X_test, k=k) == y_test) for k in k_choices)"
_SVM_TEST = "np.mean(best_svm.predict(X_test) == y_test)"

FIGURES = (
    # notebook, what, expression, what the course's notebooks ask for, what this course aims at
    Figure("knn", "kNN: mean of 5 folds, best k", "np.mean(k_to_accuracies[best_k])", None, 0.275),
    Figure("knn", "kNN: test, that k", "np.mean(y_test_pred == y_test)", 0.28, 0.275),
    Figure("knn", "kNN: test, best of all k", _BEST_TEST, None, 0.275),
    Figure("svm", "SVM: validation", "best_val", 0.39, 0.39),
    Figure("svm", "SVM: test", _SVM_TEST, None, None),
    Figure("softmax", "Softmax: validation", "best_val", 0.35, 0.38),
    Figure("softmax", "Softmax: test", "np.mean(best_softmax.predict(X_test) == y_test)", None, None),
    Figure("two_layer_net", "Two-layer net: validation", "best_solver.best_val_acc", 0.48, 0.53),
    Figure(
        "two_layer_net", "Two-layer net: test", "best_solver.check_accuracy(data['X_test'], data['y_test'])", 0.48, 0.52
    ),
    Figure("features", "SVM on features: validation", "best_val", 0.44, 0.44),
    Figure("features", "SVM on features: test", "np.mean(y_test_pred_svm == y_test)", 0.40, 0.40),
    Figure("features", "Two-layer net on features: validation", "np.mean(y_val_pred == y_val)", None, None),
    Figure("features", "Two-layer net on features: test", "np.mean(y_test_pred == y_test)", 0.55, 0.58),
    Figure("Optimizers", "Fully connected net: validation", "best_solver.best_val_acc", 0.50, 0.55),
    Figure(
        "Optimizers",
        "Fully connected net: test",
        "best_solver.check_accuracy(data['X_test'], data['y_test'])",
        0.50,
        None,
    ),
    Figure(
        "ConvolutionalNetworks", "Three-layer ConvNet, 3 x 10,000: test", "accuracies['three layers, test']", None, None
    ),
    Figure("ConvolutionalNetworks", "Deep ConvNet, 2 x 20,000: test", "accuracies['deep, test']", None, None),
    Figure("", ONE_EPOCH, "", 0.40, 0.40),
)


def write():
    """Run all notebooks on the data that is there, print the table, and write it into docs/results.md."""
    from cs231n.data_utils import dataset_name

    data = dataset_name()
    notebooks = list(dict.fromkeys(figure.notebook for figure in FIGURES if figure.notebook))
    print(f"Running {len(notebooks)} notebooks on {data} ...", flush=True)
    rows = []
    for notebook in notebooks:
        start = time.monotonic()
        values = run(notebook, [figure.expression for figure in FIGURES if figure.notebook == notebook])
        print(f"  {notebook}: {time.monotonic() - start:.0f} s", flush=True)
        rows += zip((figure for figure in FIGURES if figure.notebook == notebook), values, strict=True)
    rows.append((FIGURES[-1], one_epoch()))
    table = _table(rows, data == "CIFAR-10")
    print(table)
    _keep(data, table)
    return 0


def one_epoch():
    """Train ThreeLayerConvNet for one epoch with the settings of the course's notebook; its accuracy in training."""
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


def run(notebook, expressions):
    """Execute a notebook as it is and evaluate expressions in its variables at the end; a list of floats."""
    path = notebook_path(notebook)
    content = nbformat.read(path, as_version=4)
    probe = nbformat.v4.new_code_cell(f"print([float(value) for value in ({', '.join(expressions)},)])")
    content.cells.append(probe)
    NotebookClient(content, timeout=1200, resources={"metadata": {"path": str(path.parent)}}).execute()
    return ast.literal_eval(probe.outputs[0].text)


def _table(rows, with_bars):
    """A Markdown table; what is asked for holds for CIFAR-10 alone."""
    lines = ["| | accuracy | the course asks | our aim |", "|---|---|---|---|"]
    lines += [f"| {f.what} | {value:.3f} | {_bar(f.course)} | {_bar(f.aim)} |" for f, value in rows]
    return "\n".join(lines if with_bars else [line.rsplit("|", 3)[0] + "|" for line in lines])


def _bar(bar):
    return "" if bar is None else f"{bar:.3g}"


def keep_training(data, epochs, minutes, accuracies):
    """Write what `coursekit.training` reached into docs/results.md."""
    from cs231n import _threads

    title = f"{data}: the deep convolutional net, {epochs} epochs"
    command = f"python -m coursekit train --epochs {epochs}"
    lines = [f"`{command}`: {minutes:.1f} minutes, threads: {_threads.count()}.", ""]
    lines += ["| | accuracy |", "|---|---|", *(f"| {part} | {accuracy:.3f} |" for part, accuracy in accuracies.items())]
    _keep(title, "\n".join(lines))


def _keep(title, text):
    """Put a section into the page, in the place of the last one with this title."""
    head, *sections = PAGE.read_text(encoding="utf-8").split("\n## ")
    others = ["## " + section.strip() for section in sections if not section.startswith(f"{title}\n")]
    new = f"## {title}\n\nMeasured on {datetime.date.today().isoformat()}.\n\n{text}"
    PAGE.write_text("\n\n".join([head.strip(), *sorted([*others, new])]) + "\n", encoding="utf-8")
