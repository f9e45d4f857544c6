"""Images and labels as the notebooks prepare them: what classifiers are judged on in grading is the course's own."""

from functools import cache

import numpy as np

NUM_TRAIN, NUM_VAL = 49_000, 1_000
NUM_SEEN = 5_000  # training images on which a classifier is compared with the validation images


@cache
def rows() -> dict[str, np.ndarray]:
    """Images as rows, minus the mean training image, with a 1 at the end: as in svm and softmax.

    The validation images, and as X_seen the first of the training images.
    """
    from cs231n.data_utils import load_CIFAR10

    images, labels, _, _ = load_CIFAR10(dtype=np.uint8)
    mean_image = images[:NUM_TRAIN].reshape(NUM_TRAIN, -1).mean(axis=0)
    found = {}
    for name, part in (("val", slice(NUM_TRAIN, NUM_TRAIN + NUM_VAL)), ("seen", slice(NUM_SEEN))):
        X = np.ones((len(images[part]), mean_image.size + 1), dtype=np.float32)
        X[:, :-1] = images[part].reshape(len(X), -1)
        X[:, :-1] -= mean_image.astype(np.float32)
        found |= {f"X_{name}": X, f"y_{name}": labels[part]}
    return found


@cache
def images() -> dict[str, np.ndarray]:
    """Validation and test images, divided by the standard deviation of the training images: as in the net notebooks."""
    from cs231n.data_utils import get_CIFAR10_data

    data = get_CIFAR10_data(dtype=np.float32)
    spread = data["X_train"][:5000].std()
    scaled = {name: data[name] / spread for name in ("X_val", "X_test")}
    return scaled | {name: data[name] for name in ("y_val", "y_test")}
