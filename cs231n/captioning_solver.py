"""The CaptioningSolver, which trains a captioning model with one of the update rules of `cs231n.optim`."""

import numpy as np

from cs231n._errors import require_some
from cs231n.coco_utils import sample_coco_minibatch
from cs231n.solver import Solver

_FOR_IMAGES = ("augment", "num_train_samples", "num_val_samples")  # options of a Solver that captions have no use for


class CaptioningSolver(Solver):
    """Train a captioning model by stochastic gradient descent.

    A model has ``params``, a dict of arrays, and ``loss(features, captions)``, which returns ``(loss, grads)``, where
    grads has the keys of params. Training measures no accuracy: the model keeps the parameters of the last step.

    Parameters
    ----------
    model : object
        Such as a `CaptioningRNN`.
    data : dict
        From `load_coco_data`.
    update_rule : str
        Name of a function in `cs231n.optim`; default 'sgd'.
    optim_config : dict
        Settings of the update rule, such as ``learning_rate``.
    lr_decay : float
        Factor that multiplies the learning rate after each epoch; default 1.0.
    lr_schedule : callable, optional
        Replaces lr_decay, as in `Solver`: takes the initial learning rate and the epoch (a fraction within an epoch),
        returns the learning rate of the next step.
    on_step : callable, optional
        Called with the solver after each step, for example to show progress.
    batch_size : int
        Number of captions in each step, drawn with replacement; default 100.
    num_epochs : int
        Default 10; an epoch has as many steps as there are whole batches of captions, at least one.
    checkpoint_name : str or Path, optional
        If given, ``<checkpoint_name>_epoch_<e>.npz`` is written after the first step and after each epoch; `resume`
        continues from such a file.
    print_every : int
        Number of steps between two prints of the loss; default 10.
    verbose : bool
        Whether to print the loss; default True.

    Attributes
    ----------
    loss_history : list of float
        The loss of each step.
    epoch : int

    Raises
    ------
    ValueError
        For an option or an update rule that does not exist, two rules for the learning rate, or no captions.

    Examples
    --------
    A run as in the notebooks, with a learning rate that rises for half an epoch and then falls::

        schedule = partial(warm_up_cosine, num_epochs=12, warm_up=0.5)
        CaptioningSolver(model, data, update_rule="adam", optim_config={"learning_rate": 2e-3}, lr_schedule=schedule,
                         num_epochs=12).train()
    """

    def __init__(self, model, data, **options):
        unknown = ", ".join(f'"{name}"' for name in options if name in _FOR_IMAGES)
        if unknown:
            raise ValueError(f"Unrecognized arguments {unknown}: only a Solver of images has them.")
        super().__init__(model, data, **options)

    def _keep(self, data):
        require_some(data["train_captions"], "train_captions", "batch to train on")
        self.data = data

    @property
    def num_train(self):
        """The number of captions to train on."""
        return len(self.data["train_captions"])

    def _batch(self):
        captions, features, _ = sample_coco_minibatch(self.data, self.batch_size, split="train")
        return features, captions

    def _evaluate(self, num_epochs):
        """Measure nothing: to write captions takes longer than to train on them."""

    def _is_right(self, features, captions):
        """Return for each image whether the model writes its caption word for word, up to <NULL>."""
        expected = captions[:, 1:]
        written = self.model.sample(features, max_length=expected.shape[1])
        return np.all((written == expected) | (expected == self.model.word_to_idx["<NULL>"]), axis=1)
