"""The CaptioningSolver, which trains a captioning model with one of the update rules of `cs231n.optim`."""

from cs231n import optim
from cs231n.coco_utils import sample_coco_minibatch

_DEFAULTS = {
    "update_rule": "sgd",
    "optim_config": {},
    "lr_decay": 1.0,
    "lr_schedule": None,
    "on_step": None,
    "batch_size": 100,
    "num_epochs": 10,
    "print_every": 10,
    "verbose": True,
}


class CaptioningSolver:
    """Train a captioning model by stochastic gradient descent.

    A model has ``params``, a dict of arrays, and ``loss(features, captions)``, which returns ``(loss, grads)``.

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
    batch_size : int
        Number of captions in each step, drawn with replacement; default 100.
    num_epochs : int
        Default 10.
    print_every : int
        Number of steps between two prints of the loss; default 10.
    verbose : bool
        Whether to print the loss; default True.
    on_step : callable, optional
        Called with the solver after each step, for example to show progress.

    Attributes
    ----------
    loss_history : list of float
        The loss of each step.
    epoch : int

    Raises
    ------
    ValueError
        For an option or an update rule that does not exist, or two rules for the learning rate.

    Examples
    --------
    A run as in the notebooks, with a learning rate that rises for half an epoch and then falls::

        schedule = partial(warm_up_cosine, num_epochs=12, warm_up=0.5)
        CaptioningSolver(model, data, update_rule="adam", optim_config={"learning_rate": 2e-3}, lr_schedule=schedule,
                         num_epochs=12).train()
    """

    def __init__(self, model, data, **options):
        unknown = ", ".join(f'"{name}"' for name in options if name not in _DEFAULTS)
        if unknown:
            raise ValueError(f"Unrecognized arguments {unknown}; the options are {', '.join(_DEFAULTS)}.")
        self.__dict__.update(_DEFAULTS | options)
        if not hasattr(optim, self.update_rule):
            raise ValueError(f'Invalid update_rule "{self.update_rule}": cs231n.optim has no such function.')
        if self.lr_schedule is not None:
            self._require_one_schedule()
        self.model, self.data = model, data
        self.rule = getattr(optim, self.update_rule)
        self.epoch = 0
        self.loss_history = []
        self.optim_configs = {name: dict(self.optim_config) for name in model.params}

    def _require_one_schedule(self):
        if self.lr_decay != 1.0:
            raise ValueError("lr_schedule and lr_decay are both given, and both set the learning rate: leave one out.")
        if "learning_rate" not in self.optim_config:
            raise ValueError('lr_schedule needs the initial learning rate: optim_config={"learning_rate": ...}.')

    def train(self):
        """Run the optimisation: ``num_epochs`` times as many steps as there are batches, at least one each."""
        steps_per_epoch = max(len(self.data["train_captions"]) // self.batch_size, 1)
        num_steps = self.num_epochs * steps_per_epoch
        for step in range(num_steps):
            if self.lr_schedule is not None:
                self._set_learning_rate(step / steps_per_epoch)
            self._step()
            if self.verbose and step % self.print_every == 0:
                print(f"(Iteration {step + 1} / {num_steps}) loss: {self.loss_history[-1]:f}")
            if (step + 1) % steps_per_epoch == 0:
                self.epoch += 1
                for config in self.optim_configs.values():
                    config["learning_rate"] *= self.lr_decay
            if self.on_step is not None:
                self.on_step(self)

    def _set_learning_rate(self, epoch):
        rate = float(self.lr_schedule(self.optim_config["learning_rate"], epoch))
        for config in self.optim_configs.values():
            config["learning_rate"] = rate

    def _step(self):
        """Take one step on a batch of captions."""
        captions, features, _ = sample_coco_minibatch(self.data, self.batch_size, split="train")
        loss, grads = self.model.loss(features, captions)
        self.loss_history.append(loss)
        for name, value in self.model.params.items():
            self.model.params[name], self.optim_configs[name] = self.rule(value, grads[name], self.optim_configs[name])
