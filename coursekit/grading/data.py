"""Pictures and labels as the notebooks prepare them: where weights are judged on pictures, the pictures are ours."""

from functools import cache

import numpy as np

from cs231n.data_utils import get_CIFAR10_data, load_CIFAR10

NUM_TRAIN, NUM_VAL = 49_000, 1_000


def given_values(question):
    """The values of a notebook question that do not depend on the learner, by name; those known here."""
    known = _KNOWN.get(question.id)
    return {name: value for name, value in known().items() if name in question.values} if known else {}


@cache
def _rows():
    """Validation pictures as rows, less the mean training picture, with a 1 at the end: as in svm and softmax."""
    pictures, labels, _, _ = load_CIFAR10(dtype=np.uint8)
    mean_picture = pictures[:NUM_TRAIN].reshape(NUM_TRAIN, -1).mean(axis=0)
    rows = np.ones((NUM_VAL, mean_picture.size + 1), dtype=np.float32)
    validation = slice(NUM_TRAIN, NUM_TRAIN + NUM_VAL)
    rows[:, :-1] = pictures[validation].reshape(NUM_VAL, -1)
    rows[:, :-1] -= mean_picture.astype(np.float32)
    return {"X_val": rows, "y_val": labels[validation]}


@cache
def _pictures():
    """Validation and test pictures, divided by the spread of the training pictures: as in the notebooks on networks."""
    data = get_CIFAR10_data(dtype=np.float32)
    spread = data["X_train"][:5000].std()
    scaled = {name: data[name] / spread for name in ("X_val", "X_test")}
    return scaled | {name: data[name] for name in ("y_val", "y_test")}


_KNOWN = {
    "svm_search": _rows,
    "softmax_search": _rows,
    "two_layer_net_solver": _pictures,
    "two_layer_net_best": _pictures,
    "fcn_best": _pictures,
}
