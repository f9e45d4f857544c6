"""The record recipe for CIFAR-10, or the built-in images, in as many minutes as there are."""

import re
import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from coursekit.learner.recipes.run import Options, Run
from cs231n._weights import SAVED
from cs231n.classifiers.record_net import RecordNet
from cs231n.data_utils import dataset_name, get_CIFAR10_data
from cs231n.ensembles import six_view_scores
from cs231n.record_solver import BIAS_EPOCHS, RecordSolver
from cs231n.solver import Solver

# The width of the last blocks, with the epochs that such a net should at least have: with fewer, a narrower one learns
# more in the same time (docs/record.md).
LEAST_EPOCHS = {32: 1, 64: 4, 128: 4, 256: 6, 384: 7, 512: 9}
WIDTH, EPOCHS, BLOCKS = 256, 8, 3
BATCH_SIZES = (1000, 500, 250)
STEPS = 190  # of a run, at least: with fewer in prospect, batches are smaller
PROBE = 1000  # images of the steps that are measured
BIAS_SHARE = 0.1  # while the bias of the whitening is trained, a step takes longer by this share
FEW = 4  # batches of a run that is too short for an epoch, at least
SPARE = 0.05  # share of the time that is not planned
VIEWS = 6
BATCH_SIZE = 500  # images that are scored at a time


class Plan(NamedTuple):
    """How large the net is, and how long it is trained."""

    width: int
    epochs: int


def prepare(options: Options) -> Run:
    """Prepare the net and its data; with `minutes`, as large a net and as many epochs as there is time for."""
    data = get_CIFAR10_data(num_test=10_000, subtract_mean=False, dtype=np.uint8)
    plan, suffix = Plan(options.width or WIDTH, options.epochs or EPOCHS), ""
    if options.minutes:
        plan, suffix = _plan_for(options, data), f"_for_{options.minutes}_minutes"
    name = f"{_prefix()}{plan.width}_wide_{plan.epochs}_epochs{suffix}"
    np.random.seed(0)
    net = make_net(plan.width, data)
    solver = RecordSolver(
        net,
        data,
        num_epochs=plan.epochs,
        batch_size=batch_size_for(plan.epochs, len(data["X_train"])),
        checkpoint_name=SAVED / name,
        verbose=False,
    )
    return Run(
        name,
        title=f"{dataset_name()}: the record recipe, width {plan.width}, {plan.epochs} epochs",
        command=f"--net record --width {plan.width} --epochs {plan.epochs}",
        solver=solver,
        save=lambda: net.save(name),
        measure=lambda: _accuracies(solver, data),
    )


def make_net(width: int, data: dict, **options: object) -> RecordNet:
    """A net whose whitening is made from the training images."""
    net = RecordNet((max(width // 4, 1), *[width] * (BLOCKS - 1)), data["X_train"].shape[1:], **options)
    net.fit(data["X_train"])
    return net


def batch_size_for(epochs: int, num_images: int) -> int:
    """The largest batch with which a run has enough steps, or the smallest there is."""
    enough = (size for size in BATCH_SIZES if epochs * (num_images // size) >= STEPS)
    return min(next(enough, BATCH_SIZES[-1]), num_images)


def _prefix() -> str:
    return f"record_{dataset_name().replace(' ', '_')}_"


# ---- as many minutes as there are


def _plan_for(options: Options, data: dict) -> Plan:
    """The plan of a run that was stopped, so that it can be resumed; otherwise a new one that fits into the time."""
    stopped = dict(_stopped_runs(options))
    for plan in stopped if options.fresh else ():
        for path in SAVED.glob(f"{stopped[plan]}_epoch_*.npz"):
            path.unlink()
    if stopped and not options.fresh:
        return next(iter(stopped))
    assert options.minutes
    return plan_within(options.minutes, data, options.width)


def plan_within(minutes: float, data: dict, width: int | None = None) -> Plan:
    """As large a net, or one of this width, and as many epochs as there is time for, planning included."""
    start, found = time.monotonic(), None
    for_bias = BIAS_EPOCHS * BIAS_SHARE * len(data["X_train"])  # in steps of single images
    for tried in [width] if width else sorted(LEAST_EPOCHS):
        seconds = seconds_per_image(tried, data)
        epochs = epochs_within(60 * minutes - (time.monotonic() - start) - for_bias * seconds, seconds, data)
        if found and epochs < LEAST_EPOCHS[tried]:
            break
        found = Plan(tried, max(epochs, 1)), seconds
    assert found
    plan, seconds = found
    planned = (_image_steps(plan.epochs, data) + for_bias) * seconds / 60
    about = f"{plan.epochs} epochs take about {planned:.0f} minutes."
    print(f"{1000 * seconds:.1f} ms for an image and width {plan.width}: {about}")
    return plan


def _stopped_runs(options: Options) -> Iterator[tuple[Plan, str]]:
    """The plan and the name of each run for as many minutes that has left a checkpoint."""
    pattern = re.compile(rf"({_prefix()}(\d+)_wide_(\d+)_epochs_for_{options.minutes}_minutes)_epoch_\d+")
    for path in sorted(SAVED.glob(f"{_prefix()}*.npz")):
        found = pattern.fullmatch(path.stem)
        if found and options.width in (None, int(found[2])):
            yield Plan(int(found[2]), int(found[3])), found[1]


def seconds_per_image(width: int, data: dict) -> float:
    """How long a step of a net takes on this machine for each of its images, once the first bias stays fixed."""
    np.random.seed(0)
    number = min(PROBE, len(data["X_train"]))
    net = make_net(width, data)
    solver = RecordSolver(net, data, num_epochs=1, batch_size=number, bias_epochs=0, verbose=False)
    return seconds_of_a_step(solver) / number


def seconds_of_a_step(solver: Solver) -> float:
    """How long a training step takes on this machine; the shorter one of two, after a first."""
    seconds = []
    for _ in range(3):
        start = time.monotonic()
        solver._step()
        seconds.append(time.monotonic() - start)
    return min(seconds[1:])


def epochs_within(seconds: float, per_image: float, data: dict) -> int:
    """How many epochs fit into a time, with all that is measured besides; 0 or less if not even one does."""
    images = (1 - SPARE) * seconds / per_image
    one, two = _image_steps(1, data), _image_steps(2, data)
    return int((images - one) // (two - one)) + 1


def images_within(seconds: float, per_image: float, data: dict) -> int:
    """The images of an epoch that fits into a time too short for all of them; at least a few batches."""
    number = len(data["X_train"])
    missing = _image_steps(1, data) - (1 - SPARE) * seconds / per_image
    return min(max(number - int(missing), FEW * BATCH_SIZES[-1]), number)


def _image_steps(epochs: int, data: dict) -> float:
    """The work of a run: steps of single images; scoring an image is a third of a step of it."""
    scored = min(1000, len(data["X_train"])) + len(data["X_val"])
    test = (1 + VIEWS) * len(data.get("X_test", ()))
    return epochs * len(data["X_train"]) + (scored * (epochs + 1) + test) / 3


# ---- what it has reached


def _accuracies(solver: RecordSolver, data: dict) -> dict[str, float]:
    """The accuracies of the last parameters; the test set is looked at here and nowhere else."""
    net = solver.model
    return {
        "validation": solver.val_acc_history[-1],
        "test": accuracy(net, data["X_test"], data["y_test"], views=1),
        "test, six views": accuracy(net, data["X_test"], data["y_test"]),
    }


def accuracy(net: RecordNet, X: np.ndarray, y: np.ndarray, views: int = VIEWS) -> float:
    """The share of images whose class has the highest score, of the image alone or of the mean of six views."""
    batches = (X[start : start + BATCH_SIZE] for start in range(0, len(X), BATCH_SIZE))
    scores = [net.loss(batch) if views == 1 else six_view_scores(net.loss, batch) for batch in batches]
    return float(np.mean(np.concatenate(scores).argmax(axis=1) == y))
