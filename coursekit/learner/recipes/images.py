"""The deep convolutional net, on CIFAR-10 or the built-in images."""

from functools import partial

import numpy as np

from coursekit.learner.recipes.run import Options, Run
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
EPOCHS = 5


def prepare(options: Options) -> Run:
    """Prepare the net and its data."""
    epochs = options.epochs or EPOCHS
    name = f"deep_convnet_{dataset_name().replace(' ', '_')}_{epochs}_epochs"
    data = get_CIFAR10_data(num_test=10_000, dtype=np.float32)
    np.random.seed(0)
    solver = Solver(
        DeepConvNet(STAGES, reg=REG),
        data,
        update_rule="nesterov_momentum",
        optim_config={"learning_rate": LEARNING_RATE},
        lr_schedule=partial(cosine_decay, num_epochs=epochs),
        num_epochs=epochs,
        batch_size=BATCH_SIZE,
        augment=flip_and_shift,
        checkpoint_name=SAVED / name,
        verbose=False,
    )
    return Run(
        name,
        title=f"{dataset_name()}: the deep convolutional net, {epochs} epochs",
        command=f"--epochs {epochs}",
        solver=solver,
        save=lambda: solver.model.save(name),
        measure=lambda: _accuracies(solver, data),
    )


def _accuracies(solver: Solver, data: dict) -> dict[str, float]:
    X, y = data["X_test"], data["y_test"]
    return {
        "validation": solver.best_val_acc,
        "test": solver.check_accuracy(X, y),
        "test, with mirror images": accuracy_with_mirror_images(solver.model, X, y),
    }


def accuracy_with_mirror_images(model: DeepConvNet, X: np.ndarray, y: np.ndarray, batch_size: int = 500) -> float:
    """The accuracy when the scores of each image and of its mirror image are added.

    The net saw both in training; in the sum, part of their errors cancels (Krizhevsky, Sutskever and Hinton, 2012,
    section 4.1, average over mirror images and shifts).
    """
    batches = (X[start : start + batch_size] for start in range(0, len(X), batch_size))
    y_pred = [np.argmax(model.loss(batch) + model.loss(batch[:, :, :, ::-1]), axis=1) for batch in batches]
    return float(np.mean(np.concatenate(y_pred) == y))
