"""Images and labels as the notebooks prepare them: what classifiers are judged on in grading is the course's own."""

from functools import cache

import numpy as np

NUM_TRAIN, NUM_VAL = 49_000, 1_000


@cache
def rows() -> dict[str, np.ndarray]:
    """Validation images as rows, minus the mean training image, with a 1 at the end: as in svm and softmax."""
    from cs231n.data_utils import load_CIFAR10

    images, labels, _, _ = load_CIFAR10(dtype=np.uint8)
    mean_image = images[:NUM_TRAIN].reshape(NUM_TRAIN, -1).mean(axis=0)
    X_val = np.ones((NUM_VAL, mean_image.size + 1), dtype=np.float32)
    validation = slice(NUM_TRAIN, NUM_TRAIN + NUM_VAL)
    X_val[:, :-1] = images[validation].reshape(NUM_VAL, -1)
    X_val[:, :-1] -= mean_image.astype(np.float32)
    return {"X_val": X_val, "y_val": labels[validation]}


@cache
def images() -> dict[str, np.ndarray]:
    """Validation and test images, divided by the standard deviation of the training images: as in the net notebooks."""
    from cs231n.data_utils import get_CIFAR10_data

    data = get_CIFAR10_data(dtype=np.float32)
    spread = data["X_train"][:5000].std()
    scaled = {name: data[name] / spread for name in ("X_val", "X_test")}
    return scaled | {name: data[name] for name in ("y_val", "y_test")}
