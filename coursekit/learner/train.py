"""Train the best network of the course, a deep convolutional net in NumPy.

Training can be stopped at any time, by Ctrl-C or a power cut: the same command resumes after the last complete epoch.
"""

import argparse
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from coursekit.learner.results_page import write_section
from cs231n import _threads
from cs231n._weights import SAVED
from cs231n.augmentation import flip_and_shift
from cs231n.classifiers.cnn import DeepConvNet
from cs231n.data_utils import dataset_name, get_CIFAR10_data
from cs231n.optim import cosine_decay
from cs231n.solver import Solver

STAGES = ((32,), (64, 64), (128, 128), (256,))
LEARNING_RATE = 0.05
REG = 5e-4
BATCH_SIZE = 64


def train(arguments: Sequence[str] = ()) -> int:
    """Train the net on the available data, or resume a run that was stopped; 0 when it is done."""
    options = _parser().parse_args(arguments)
    name = f"deep_convnet_{dataset_name().replace(' ', '_')}_{options.epochs}_epochs"
    if options.fresh:
        _remove(_checkpoints(name).values())
    data = get_CIFAR10_data(num_test=10_000, dtype=np.float32)
    solver = _solver(data, options.epochs, SAVED / name)
    if checkpoints := _checkpoints(name):
        solver.resume(checkpoints[max(checkpoints)])
        print(f"Resuming after epoch {solver.epoch} of {options.epochs}.")
    try:
        _train_with_bar(solver, name)
    except KeyboardInterrupt:
        print(f"Stopped in epoch {solver.epoch + 1}: the same command resumes after epoch {solver.epoch}.")
        return 130
    solver.model.save(name)
    _report(options.epochs, solver.seconds / 60, _accuracies(solver, data))
    _remove(_checkpoints(name).values())
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m coursekit train", description=__doc__)
    parser.add_argument("--epochs", type=int, default=5, help="passes over the training images (default: 5)")
    parser.add_argument("--fresh", action="store_true", help="start over instead of resuming a stopped run")
    return parser


def _solver(data: dict, num_epochs: int, checkpoint_name: Path) -> Solver:
    np.random.seed(0)
    return Solver(
        DeepConvNet(STAGES, reg=REG),
        data,
        update_rule="nesterov_momentum",
        optim_config={"learning_rate": LEARNING_RATE},
        lr_schedule=partial(cosine_decay, num_epochs=num_epochs),
        num_epochs=num_epochs,
        batch_size=BATCH_SIZE,
        augment=flip_and_shift,
        checkpoint_name=checkpoint_name,
        verbose=False,
    )


def _train_with_bar(solver: Solver, name: str) -> None:
    """Train with a progress bar, and keep only the newest checkpoint."""
    total = solver.num_epochs * (len(solver.X_train) // solver.batch_size)

    def show(solver: Solver) -> None:
        loss, accuracy = np.mean(solver.loss_history[-50:]), solver.val_acc_history[-1]
        bar.set_postfix_str(f"loss {loss:.3f}, validation {accuracy:.3f}", refresh=False)
        bar.update()
        checkpoints = _checkpoints(name)
        _remove(path for epoch, path in checkpoints.items() if epoch < max(checkpoints))

    with tqdm(total=total, initial=len(solver.loss_history), unit="step", dynamic_ncols=True) as bar:
        solver.on_step = show
        solver.train()


def _accuracies(solver: Solver, data: dict) -> dict[str, float]:
    X, y = data["X_test"], data["y_test"]
    return {
        "validation": solver.best_val_acc,
        "test": solver.check_accuracy(X, y),
        "test, with mirror images": accuracy_with_mirror_images(solver.model, X, y),
    }


def _checkpoints(name: str) -> dict[int, Path]:
    """The checkpoints of a run, by epoch."""
    paths = SAVED.glob(f"{name}_epoch_*.npz")
    return {int(path.stem.rpartition("_")[2]): path for path in paths}


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink()


def accuracy_with_mirror_images(model: DeepConvNet, X: np.ndarray, y: np.ndarray, batch_size: int = 500) -> float:
    """The accuracy when the scores of each image and of its mirror image are added.

    The net saw both in training; in the sum, part of their errors cancels (Krizhevsky, Sutskever and Hinton, 2012,
    section 4.1, average over mirror images and shifts).
    """
    batches = (X[start : start + batch_size] for start in range(0, len(X), batch_size))
    y_pred = [np.argmax(model.loss(batch) + model.loss(batch[:, :, :, ::-1]), axis=1) for batch in batches]
    return float(np.mean(np.concatenate(y_pred) == y))


def _report(epochs: int, minutes: float, accuracies: dict[str, float]) -> None:
    for part, accuracy in accuracies.items():
        print(f"accuracy, {part}: {accuracy:.3f}")
    print(f"{epochs} epochs in {minutes:.1f} minutes")
    lines = [f"`python -m coursekit train --epochs {epochs}`: {minutes:.1f} minutes, threads: {_threads.count()}.", ""]
    lines += ["| | accuracy |", "|---|---|", *(f"| {part} | {accuracy:.3f} |" for part, accuracy in accuracies.items())]
    write_section(f"{dataset_name()}: the deep convolutional net, {epochs} epochs", "\n".join(lines))
