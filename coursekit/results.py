"""What the notebooks reach: run them all, as they are, and set their accuracies beside what the course asks for."""

import ast
import datetime
import time
from dataclasses import dataclass

import nbformat
from nbclient import NotebookClient

from coursekit.progress import notebook_path
from coursekit.questions import NOTEBOOKS
from coursekit.worker import ROOT

PAGE = ROOT / "docs" / "results.md"


@dataclass(frozen=True)
class Figure:
    """A number that a notebook ends with: an expression in its variables, and what the course asks for on CIFAR-10."""

    notebook: str
    what: str
    expression: str
    asked: float


FIGURES = (
    Figure("knn", "kNN, best k: mean of 5 folds", "np.mean(k_to_accuracies[best_k])", 0.275),
    Figure("knn", "kNN, that k: test", "np.mean(y_test_pred == y_test)", 0.275),
    Figure(
        "knn",
        "kNN, best on the test of all k",
        "max(np.mean(classifier.predict(X_test, k=k) == y_test) for k in k_choices)",
        0.275,
    ),
    Figure("svm", "SVM: validation", "best_val", 0.39),
    Figure("svm", "SVM: test", "np.mean(best_svm.predict(X_test) == y_test)", 0.37),
    Figure("softmax", "Softmax: validation", "best_val", 0.38),
    Figure("softmax", "Softmax: test", "np.mean(best_softmax.predict(X_test) == y_test)", 0.35),
    Figure("two_layer_net", "Two-layer net: validation", "best_solver.best_val_acc", 0.53),
    Figure("two_layer_net", "Two-layer net: test", "best_solver.check_accuracy(data['X_test'], data['y_test'])", 0.52),
    Figure("features", "SVM on features: validation", "best_val", 0.42),
    Figure("features", "Two-layer net on features: validation", "np.mean(y_val_pred == y_val)", 0.58),
    Figure("features", "Two-layer net on features: test", "np.mean(y_test_pred == y_test)", 0.58),
)


def write():
    """Run all notebooks on the data that is there, print the table, and write it into docs/results.md."""
    from cs231n.data_utils import dataset_name

    data = dataset_name()
    print(f"Running {len(NOTEBOOKS)} notebooks on {data} ...", flush=True)
    rows = []
    for notebook in NOTEBOOKS:
        start = time.monotonic()
        values = run(notebook, [figure.expression for figure in FIGURES if figure.notebook == notebook])
        print(f"  {notebook}: {time.monotonic() - start:.0f} s", flush=True)
        rows += zip((figure for figure in FIGURES if figure.notebook == notebook), values, strict=True)
    table = _table(rows, data == "CIFAR-10")
    print(table)
    _keep(data, table)
    return 0


def run(notebook, expressions):
    """Execute a notebook as it is and evaluate expressions in its variables at the end; a list of floats."""
    path = notebook_path(notebook)
    content = nbformat.read(path, as_version=4)
    probe = nbformat.v4.new_code_cell(f"print([float(value) for value in ({', '.join(expressions)},)])")
    content.cells.append(probe)
    NotebookClient(content, timeout=1200, resources={"metadata": {"path": str(path.parent)}}).execute()
    return ast.literal_eval(probe.outputs[0].text)


def _table(rows, with_bars):
    """A Markdown table; what the course asks for holds for CIFAR-10 alone."""
    head = ["| | accuracy | asked for |", "|---|---|---|"] if with_bars else ["| | accuracy |", "|---|---|"]
    for figure, value in rows:
        bar = f" at least {figure.asked:.3f} |" if with_bars else ""
        head.append(f"| {figure.what} | {value:.3f} |{bar}")
    return "\n".join(head)


def _keep(data, table):
    """Put the table into the page, in the place of the last one for this data set."""
    title = f"## {data}\n"
    head, *sections = PAGE.read_text(encoding="utf-8").split("\n## ")
    others = ["## " + section.strip() for section in sections if not section.startswith(f"{data}\n")]
    new = f"{title}\nMeasured on {datetime.date.today().isoformat()}.\n\n{table}"
    PAGE.write_text("\n\n".join([head.strip(), *sorted([*others, new], reverse=True)]) + "\n", encoding="utf-8")
