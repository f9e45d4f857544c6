"""The DetectionSolver, which trains a detector with one of the update rules of `cs231n.optim`."""

import numpy as np

from cs231n._errors import require_some
from cs231n.detection_metrics import mean_average_precision
from cs231n.solver import Solver


class DetectionSolver(Solver):
    """Train a detector by stochastic gradient descent.

    A model has ``params``, a dict of arrays; ``loss(X, truths)``, which returns ``(loss, grads)``; and ``detect(X)``,
    which returns detections as `cs231n.detection_metrics` takes them. Training measures no precision on the way: the
    model keeps the parameters of the last step.

    Parameters
    ----------
    model : object
        Such as a `SingleShotDetector`.
    data : dict
        ``X_train`` of shape (N, 3, H, W) and ``truths_train``, a list of N dicts; the same with ``_val`` if precision
        is to be measured.
    **options
        As for `Solver`. ``augment`` takes and returns a batch and its truths, such as `flip_scenes`.

    Attributes
    ----------
    loss_history : list of float
    epoch : int
    """

    def _keep(self, data):
        self.X_train, self.truths_train = data["X_train"], data["truths_train"]
        require_some(self.X_train, "X_train", "batch to train on")
        if len(self.truths_train) != len(self.X_train):
            raise ValueError(f"truths_train has {len(self.truths_train)} entries, expected {len(self.X_train)}.")
        self.data = data

    def _batch(self):
        chosen = np.random.choice(self.num_train, self.batch_size)
        X, truths = self.X_train[chosen], [self.truths_train[i] for i in chosen]
        return self.augment(X, truths) if self.augment else (X, truths)

    def _evaluate(self, num_epochs):
        """Measure nothing: `mean_average_precision` tells how good the model is."""

    def mean_average_precision(self, iou_threshold=0.5):
        """Return the mean average precision on the validation images."""
        return mean_average_precision(self.model.detect(self.data["X_val"]), self.data["truths_val"], iou_threshold)[0]


def flip_scenes(X, truths):
    """Mirror every second image on average, together with its boxes, proposals and masks.

    Parameters
    ----------
    X : ndarray of shape (N, 3, H, W)
    truths : list of N dicts

    Returns
    -------
    X, truths
        New ones.
    """
    is_flipped = np.random.rand(len(X)) < 0.5
    X = np.where(is_flipped[:, np.newaxis, np.newaxis, np.newaxis], X[..., ::-1], X)
    width = X.shape[3]
    return X, [_flipped(truth, width) if flip else truth for truth, flip in zip(truths, is_flipped, strict=True)]


def _flipped(truth, width):
    boxes = {name: _flipped_boxes(truth[name], width) for name in ("boxes", "proposals") if name in truth}
    masks = {"masks": truth["masks"][:, :, ::-1]} if "masks" in truth else {}
    return truth | boxes | masks


def _flipped_boxes(boxes, width):
    left, top, right, bottom = boxes.T
    return np.stack([width - right, top, width - left, bottom], axis=1)
