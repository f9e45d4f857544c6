"""The SegmentationSolver, which trains a network that names the class of every pixel."""

import numpy as np

from cs231n._errors import require_some
from cs231n.detection_metrics import mean_iou
from cs231n.solver import Solver


class SegmentationSolver(Solver):
    """Train a network for segmentation by stochastic gradient descent.

    A model has ``params``, a dict of arrays; ``loss(X, y)``, which returns ``(loss, grads)``; and ``segment(X)``, which
    returns the class of each pixel. Training measures nothing on the way: the model keeps the parameters of the last
    step.

    Parameters
    ----------
    model : object
        Such as an `EncoderDecoder`.
    data : dict
        ``X_train`` of shape (N, 3, H, W) and ``y_train``, integers of shape (N, H, W).
    **options
        As for `Solver`. ``augment`` takes and returns a batch and its classes, such as `flip_masks`.

    Attributes
    ----------
    loss_history : list of float
    epoch : int
    """

    def _keep(self, data):
        self.X_train, self.y_train = data["X_train"], data["y_train"]
        require_some(self.X_train, "X_train", "batch to train on")
        N, _, H, W = self.X_train.shape
        if self.y_train.shape != (N, H, W):
            raise ValueError(f"y_train has shape {self.y_train.shape}, expected {(N, H, W)}: a class for each pixel.")

    def _batch(self):
        chosen = np.random.choice(self.num_train, self.batch_size)
        X, y = self.X_train[chosen], self.y_train[chosen]
        return self.augment(X, y) if self.augment else (X, y)

    def _evaluate(self, num_epochs):
        """Measure nothing: `mean_iou` tells how good the model is."""

    def mean_iou(self, X, y, num_classes):
        """Return the mean intersection over union on images X with classes y."""
        return mean_iou(self.model.segment(X), y, num_classes)[0]


def flip_masks(X, y):
    """Mirror every second image on average, together with the classes of its pixels; both are new arrays."""
    is_flipped = np.random.rand(len(X)) < 0.5
    X = np.where(is_flipped[:, np.newaxis, np.newaxis, np.newaxis], X[..., ::-1], X)
    return X, np.where(is_flipped[:, np.newaxis, np.newaxis], y[..., ::-1], y)
