"""Train a net of the learner's own for so many minutes, and measure it on the validation set."""

import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from coursekit.learner.leader_board import Line
from coursekit.learner.recipes.record import (
    BATCH_SIZES,
    PROBE,
    accuracy,
    batch_size_for,
    epochs_within,
    images_within,
    seconds_of_a_step,
)
from cs231n import _threads
from cs231n.data_utils import dataset_name, get_CIFAR10_data
from cs231n.solver import Solver

Make = Callable[[dict, int, int], Solver]  # takes the data, the epochs and the batch size
CPU_INFO = Path("/proc/cpuinfo")  # on Linux, which tells `platform` no name


class OwnRun(NamedTuple):
    """What a run has reached."""

    accuracy: float  # on the validation set, of the mean of six views
    minutes: list[float]  # of training, after the first step and after each epoch
    accuracies: list[float]  # on the validation set, of the images as they are, at these times
    trained: float  # minutes, in all
    solver: Solver

    def line(self, name: str, changed: str) -> Line:
        """The line of the leader board: who made the run, on what, and what was changed."""
        minutes = round(self.trained, 3)
        return Line(name, round(self.accuracy, 4), minutes, _threads.count(), processor(), dataset_name(), changed)


def train_for(minutes: float, make: Make, batch_size: int | None = None) -> OwnRun:
    """Train for so many minutes, on the images that the notebooks use, and measure the validation accuracy.

    A few steps are measured first; then there are as many epochs as fit into the time or, if not even one fits, as
    many images. The time ends the run, whatever its settings, after the step that is under way.

    Parameters
    ----------
    minutes : float
        Of training, with the accuracies that are measured on the way, but without the measured steps and the six views.
    make : callable
        ``make(data, num_epochs, batch_size)`` returns the solver, which has the model; it is called several times.
    batch_size : int, optional
        Default: as the recipe has it for so many epochs.

    Raises
    ------
    ValueError
        If minutes is not more than 0.
    """
    if not minutes > 0:
        raise ValueError(f"minutes is {minutes}, expected more than 0, such as 3.")
    data = get_CIFAR10_data(num_test=0, subtract_mean=False, dtype=np.uint8)
    solver = _planned(60 * minutes, make, data, batch_size)
    solver.time_limit = 60 * minutes
    run = _watched_run(solver)
    run = run._replace(accuracy=accuracy(solver.model, data["X_val"], data["y_val"]))
    print(f"trained: steps {len(solver.loss_history):,}, minutes {run.trained:.3f}")
    print(f"validation accuracy, six views: {run.accuracy:.4f}")
    return run


def _seconds_per_image(make: Make, data: dict, size: int) -> float:
    np.random.seed(0)
    return seconds_of_a_step(make(_first(size, data), 1, size)) / size


def _planned(seconds: float, make: Make, data: dict, batch_size: int | None) -> Solver:
    """The solver of a run that fits into the time."""
    number = len(data["X_train"])
    measured, size = 0, batch_size or min(BATCH_SIZES[-1], number)
    while measured < min(size, PROBE):  # the smallest batch first: larger ones take less time for an image
        measured = min(size, PROBE)
        per_image = _seconds_per_image(make, data, measured)
        epochs = epochs_within(seconds, per_image, data)
        size = batch_size or batch_size_for(epochs, number)
    if epochs < 1:
        number, epochs = max(images_within(seconds, per_image, data), batch_size or 1), 1
        size = batch_size or batch_size_for(epochs, number)
    print(f"a step takes {1000 * per_image:.1f} ms for each image")
    print(f"planned: epochs {epochs}, images {number:,}, batch size {size:,}")
    np.random.seed(0)
    return make(_first(number, data), epochs, size)


def _first(number: int, data: dict) -> dict:
    """The same data with fewer training images."""
    return data | {name: data[name][:number] for name in ("X_train", "y_train")}


def _watched_run(solver: Solver) -> OwnRun:
    """Train, and keep the time of each accuracy."""
    minutes: list[float] = []

    def note(solver: Solver) -> None:
        if len(solver.val_acc_history) > len(minutes):
            minutes.append(solver.seconds / 60)

    solver.on_step = note
    solver.train()
    return OwnRun(0.0, minutes, list(solver.val_acc_history), solver.seconds / 60, solver)


def processor() -> str:
    """The name of this machine's processor, as far as the system tells it."""
    lines = CPU_INFO.read_text(encoding="utf-8").splitlines() if CPU_INFO.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine() or os.name)
