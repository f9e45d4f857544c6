"""The Solver, which trains a model with one of the update rules of `cs231n.optim`."""

import inspect
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from cs231n import _checkpoint, optim
from cs231n._errors import nearest, require_decay, require_labels, require_settings, require_some, require_whole
from cs231n._watched import watched


class Solver:
    """Train a model by stochastic gradient descent and keep the parameters that do best on the validation set.

    A model has ``params``, a dict of arrays, and ``loss(X, y=None)``. Without y, ``loss`` returns the scores, of shape
    (N, C); with y, it returns ``(loss, grads)``, where grads has the keys of params. A model may have ``bn_params``, a
    list of dicts with running statistics, which are kept together with the parameters they belong to.

    Parameters
    ----------
    model : object
    data : dict of ndarray
        ``X_train`` of shape (N, d_1, ..., d_k), ``y_train`` of shape (N,), ``X_val`` and ``y_val``; other keys are
        ignored.
    update_rule : str
        Name of a function in `cs231n.optim`; default 'sgd'.
    optim_config : dict
        Settings of the update rule, such as ``learning_rate``.
    lr_decay : float
        Factor that multiplies the learning rate after each epoch; default 1.0.
    lr_schedule : callable, optional
        Replaces lr_decay: takes the initial learning rate and the epoch (a fraction within an epoch), returns the
        learning rate of the next step. `cs231n.optim` has some; they need ``learning_rate`` in optim_config.
    augment : callable, optional
        Takes the inputs of a training batch, returns a changed copy for this step (see `cs231n.augmentation`).
    on_step : callable, optional
        Called with the solver after each step, for example to show progress.
    batch_size : int
        Number of inputs in each step, drawn with replacement; default 100.
    num_epochs : int
        Default 10.
    num_train_samples, num_val_samples : int or None
        Number of inputs that the accuracies are measured on; default 1000 and None (all).
    weight_average : float, optional
        A decay between 0 and 1, such as 0.999. The solver then keeps a moving average of the parameters beside them:
        after the step with number t = 0, 1, ... it moves a share 1 - min(weight_average, (1 + t) / (10 + t)) of the way
        to the new parameters, so that it forgets the first ones soon. Accuracies are those of the average, and
        ``best_params`` is the average that does best on the validation set; the steps themselves never see it.
    patience : int, optional
        Early stopping: a run ends after this many epochs in a row that have not raised ``best_val_acc``; an accuracy
        as high as the best is no gain. A new run after a complete one counts anew.
    time_limit : float, optional
        Seconds of training after which a run ends, once the step under way is complete. If the steps take longer than
        planned, ``lr_schedule`` is followed by the clock, so that the learning rate has fallen when the time is over.
    checkpoint_name : str or Path, optional
        If given, ``<checkpoint_name>_epoch_<e>.npz`` is written after the first step and after each epoch; `resume`
        continues from such a file.
    print_every : int
        Number of steps between two prints of the loss; default 10.
    verbose : bool
        Whether to print progress; default True.

    Attributes
    ----------
    loss_history, train_acc_history, val_acc_history : list of float
        The loss of each step, and the accuracies after the first step of a run and after each epoch.
    best_val_acc : float
    best_params : dict of ndarray
    best_bn_params : list of dict
        The running statistics that belong to best_params; with weight_average those of the parameters themselves.
    averages : dict of ndarray
        With weight_average, the moving average of each parameter; otherwise empty.
    epochs_without_gain : int
        The number of epochs in a row, up to now, that have not raised best_val_acc.
    stopped_early : bool
        Whether the last run ended because of `patience` or `time_limit`.
    epoch : int
    seconds : float
        Training time so far, including that of the runs before `resume`.
    optim_configs : dict of dict
        Settings and state of the update rule, for each parameter.

    Examples
    --------
    A training run as in the notebooks::

        solver = Solver(model, data, update_rule="sgd", optim_config={"learning_rate": 1e-3}, num_epochs=5)
        solver.train()

    With a learning rate that falls along half a cosine wave::

        Solver(model, data, lr_schedule=partial(cosine_decay, num_epochs=5), num_epochs=5, ...)

    That ends when five epochs in a row bring no gain, and keeps the best moving average of the weights::

        Solver(model, data, patience=5, weight_average=0.99, num_epochs=100, ...)

    Notes
    -----
    The decay that grows with the number of steps is that of ``tf.train.ExponentialMovingAverage``; on early stopping
    see Goodfellow, Bengio and Courville (2016), *Deep Learning*, section 7.8.
    """

    def __init__(self, model, data, **kwargs):
        self.model = model
        self._keep(data)
        self.update_rule = kwargs.pop("update_rule", "sgd")
        self.optim_config = kwargs.pop("optim_config", {})
        self.lr_decay = kwargs.pop("lr_decay", 1.0)
        self.lr_schedule = kwargs.pop("lr_schedule", None)
        self.augment = kwargs.pop("augment", None)
        self.on_step = kwargs.pop("on_step", None)
        self.batch_size = kwargs.pop("batch_size", 100)
        self.num_epochs = kwargs.pop("num_epochs", 10)
        self.num_train_samples = kwargs.pop("num_train_samples", 1000)
        self.num_val_samples = kwargs.pop("num_val_samples", None)
        self.weight_average = kwargs.pop("weight_average", None)
        self.patience = kwargs.pop("patience", None)
        self.time_limit = kwargs.pop("time_limit", None)
        self.checkpoint_name = kwargs.pop("checkpoint_name", None)
        self.print_every = kwargs.pop("print_every", 10)
        self.verbose = kwargs.pop("verbose", True)
        if kwargs:
            names = ", ".join(f'"{name}"{nearest(name, self.__dict__)}' for name in kwargs)
            raise ValueError(f"Unrecognized arguments {names}")
        self.update_rule = _find_rule(self.update_rule)
        self._require_settings()
        if self.time_limit is not None and not self.time_limit > 0:
            raise ValueError(f"time_limit is {self.time_limit}, expected seconds, more than 0, or None for no limit.")
        self._require_one_schedule()
        self._reset()

    def _keep(self, data):
        self.X_train, self.y_train = data["X_train"], data["y_train"]
        self.X_val, self.y_val = data["X_val"], data["y_val"]
        require_labels(self.y_train, len(self.X_train), name="y_train")
        require_labels(self.y_val, len(self.X_val), name="y_val")
        require_some(self.X_train, "X_train", "batch to train on")
        require_some(self.X_val, "X_val", "accuracy by which to choose the best parameters")

    @property
    def num_train(self):
        """The number of inputs to train on."""
        return len(self.X_train)

    @property
    def iterations_per_epoch(self):
        """The number of steps in an epoch, at least one."""
        return max(self.num_train // self.batch_size, 1)

    def _require_settings(self):
        known = getattr(self.update_rule, "known_settings", self.optim_config.keys())
        require_settings(self.optim_config, known, "optim_config")
        for name, least in (("batch_size", 1), ("num_epochs", 0), ("print_every", 1)):
            require_whole(name, getattr(self, name), least)
        for name in ("num_train_samples", "num_val_samples", "patience"):
            if getattr(self, name) is not None:
                require_whole(name, getattr(self, name))
        if self.weight_average is not None:
            require_decay("weight_average", self.weight_average)
        for name in ("weight_average", "patience"):
            if getattr(self, name) is not None and type(self)._evaluate is not Solver._evaluate:
                raise ValueError(
                    f"{name} needs the validation accuracy after each epoch, which {type(self).__name__} does not "
                    f"measure: leave {name} out."
                )

    def _require_one_schedule(self):
        if self.lr_schedule is None:
            return
        if self.lr_decay != 1.0:
            raise ValueError("lr_schedule and lr_decay are both given, and both set the learning rate: leave one out.")
        if "learning_rate" not in self.optim_config:
            raise ValueError('lr_schedule needs the initial learning rate: optim_config={"learning_rate": ...}.')

    def _reset(self):
        self.epoch = 0
        self.is_complete = False  # whether the last call of train ran to its end
        self.seconds = 0.0
        self.best_val_acc = 0
        self.best_params = {}
        self.best_bn_params = []
        self.averages = {} if self.weight_average is None else _copied(self.model.params)
        self.epochs_without_gain = 0
        self.stopped_early = False
        for name in _checkpoint.HISTORIES:
            setattr(self, name, [])
        # Plain floats: a NumPy scalar, such as np.logspace gives, would turn float32 weights into float64.
        settings = {
            name: value.item() if isinstance(value, np.generic) else value for name, value in self.optim_config.items()
        }
        self.optim_configs = {name: dict(settings) for name in self.model.params}

    def train(self):
        """Train for `num_epochs` epochs; afterwards the model has the best parameters so far, and their statistics.

        It has them even if the run is interrupted. When `train` is called again, an interrupted run continues where it
        stopped, and a complete one is followed by as many epochs again, which start from the best parameters. After
        `resume` the run continues from the checkpoint. With ``patience`` a run may end earlier; with ``weight_average``
        the best parameters are averages, and both the steps and the average go on from them.

        Raises
        ------
        FloatingPointError
            If the loss is nan or infinite; the message says at which iteration, and what helps.
        """
        try:
            self._run()
        finally:
            if self.best_params:
                self.model.params = _copied(self.best_params)
                self.averages = _copied(self.best_params) if self.averages else {}
                self.set_statistics(self.best_bn_params)

    def _run(self):
        iterations_per_epoch = self.iterations_per_epoch
        length = self.num_epochs * iterations_per_epoch
        num_iterations = self._end_of_run(length)
        if self.is_complete:
            self.epochs_without_gain = 0
        self.is_complete = self.stopped_early = False
        steps = range(len(self.loss_history), num_iterations)
        for t in steps if self.verbose else watched(steps, "training"):
            if self._is_out_of_patience() or self._time_share() >= 1:
                self.stopped_early = True
                break
            start = time.monotonic()
            if self.lr_schedule:
                self._set_learning_rate(epoch=max(t / iterations_per_epoch, self._time_share() * self.num_epochs))
            self._step()
            if self.verbose and t % self.print_every == 0:
                print(f"(Iteration {t + 1} / {num_iterations}) loss: {self.loss_history[-1]:f}")

            epoch_end = (t + 1) % iterations_per_epoch == 0
            if epoch_end:
                self.epoch += 1
                self.epochs_without_gain += 1  # unless the evaluation brings one
                for config in self.optim_configs.values():
                    config["learning_rate"] *= self.lr_decay
            if t == num_iterations - length or epoch_end:
                self._evaluate(num_iterations // iterations_per_epoch)
            self.seconds += time.monotonic() - start
            if t == 0 or epoch_end:
                self._save_checkpoint()
            if self.on_step:
                self.on_step(self)
        self.is_complete = True

    def _is_out_of_patience(self):
        return self.patience is not None and self.epochs_without_gain >= self.patience

    def _time_share(self):
        """How much of the time is over, from 0 to 1; 0 without a limit."""
        return min(self.seconds / self.time_limit, 1) if self.time_limit else 0

    def _end_of_run(self, length):
        """Return the number of steps, since the very first, after which a run of `length` steps ends."""
        done = len(self.loss_history)
        if self.is_complete or done == 0:
            return done + length
        return -(-done // max(length, 1)) * length

    def _set_learning_rate(self, epoch):
        rate = float(self.lr_schedule(self.optim_config["learning_rate"], epoch))
        for config in self.optim_configs.values():
            config["learning_rate"] = rate

    def _step(self):
        """Take one step: draw a batch, compute the loss and the gradients, update every parameter."""
        loss, grads = self.model.loss(*self._batch())
        self._require_finite(loss)
        self.loss_history.append(loss)
        self._update(grads)

    def _update(self, grads):
        """Update every parameter, and the averages if there are any."""
        for name, w in self.model.params.items():
            self.model.params[name], self.optim_configs[name] = optim.in_blocks(
                self.update_rule, w, grads[name], self.optim_configs[name]
            )
        if self.averages:
            self._average()

    def _average(self):
        """Move the averages towards the parameters."""
        num_updates = len(self.loss_history) - 1  # before this one
        step = 1 - min(float(self.weight_average), (1 + num_updates) / (10 + num_updates))
        for name, w in self.model.params.items():
            self.averages[name] += step * (w - self.averages[name])

    def _batch(self):
        """Draw training inputs with their labels, with replacement."""
        batch = np.random.choice(self.num_train, self.batch_size)
        X = self.X_train[batch]
        return self.augment(X) if self.augment else X, self.y_train[batch]

    def _require_finite(self, loss):
        if not np.isfinite(loss):
            rates = sorted({config.get("learning_rate") for config in self.optim_configs.values()}, key=str)
            raise FloatingPointError(
                f"The loss is {loss} at iteration {len(self.loss_history) + 1} (learning rate {rates[0]}): training "
                "has diverged. A smaller learning rate usually helps. If the very first loss is not finite, check the "
                "scale of the weights and of the data, and exp in the loss."
            )

    def _evaluate(self, num_epochs):
        """Measure both accuracies and keep the parameters, or their averages, if they are the best so far."""
        with self._averages_in_place():
            train_acc = self.check_accuracy(self.X_train, self.y_train, num_samples=self.num_train_samples)
            val_acc = self.check_accuracy(self.X_val, self.y_val, num_samples=self.num_val_samples)
        self.train_acc_history.append(train_acc)
        self.val_acc_history.append(val_acc)
        if self.verbose:
            print(f"(Epoch {self.epoch} / {num_epochs}) train acc: {train_acc:f}; val_acc: {val_acc:f}")
        if val_acc > self.best_val_acc or not self.best_params:
            self.epochs_without_gain = 0
            self.best_val_acc = val_acc
            self.best_params = _copied(self.averages or self.model.params)
            self.best_bn_params = self.statistics()

    @contextmanager
    def _averages_in_place(self):
        """Let the model have the averages, if there are any, for a while."""
        params = self.model.params
        self.model.params = self.averages or params
        try:
            yield
        finally:
            self.model.params = params

    def statistics(self):
        """Return copies of the running statistics of the model, one dict for each normalisation layer."""
        return [
            {name: value.copy() for name, value in bn_param.items() if isinstance(value, np.ndarray)}
            for bn_param in getattr(self.model, "bn_params", ())
        ]

    def set_statistics(self, statistics):
        """Set the running statistics of the model to copies of these, one dict for each normalisation layer."""
        for bn_param, arrays in zip(getattr(self.model, "bn_params", ()), statistics, strict=True):
            bn_param.update(_copied(arrays))

    def check_accuracy(self, X, y, num_samples=None, batch_size=100):
        """Measure the fraction of inputs that the model classifies correctly.

        Parameters
        ----------
        X : ndarray of shape (N, d_1, ..., d_k)
        y : ndarray of shape (N,)
        num_samples : int, optional
            If there are more inputs, measure on this many random ones (drawn with replacement).
        batch_size : int
            Number of inputs to compute scores for at a time, to save memory.

        Returns
        -------
        float

        Raises
        ------
        ValueError
            If there are no inputs.
        """
        require_some(X, "X", "accuracy")
        require_whole("batch_size", batch_size)
        if num_samples is not None and len(X) > num_samples:
            sample = np.random.choice(len(X), num_samples)
            X, y = X[sample], y[sample]
        batches = (slice(start, start + batch_size) for start in range(0, len(X), batch_size))
        return float(np.mean(np.concatenate([self._is_right(X[batch], y[batch]) for batch in batches])))

    def _is_right(self, X, y):
        """Return for each input whether its label has the highest score."""
        return np.argmax(self.model.loss(X), axis=1) == y

    def _save_checkpoint(self):
        if self.checkpoint_name is None:
            return
        path = Path(f"{self.checkpoint_name}_epoch_{self.epoch}.npz")
        if self.verbose:
            print(f"Saving checkpoint to {path.name}")
        _checkpoint.write(self, path)

    def resume(self, path):
        """Restore the state of a checkpoint; `train` then gives the same result, to the bit, as an uninterrupted run.

        Parameters
        ----------
        path : str or Path
            A file written by a solver with the same model, data and options. The state of NumPy's global random
            generator is restored as well.

        Raises
        ------
        ValueError
            If the file is damaged, or was written by a run with other options.
        """
        _checkpoint.restore(self, path)


def _copied(params):
    return {name: w.copy() for name, w in params.items()}


def _find_rule(name):
    """Return the update rule called `name` in cs231n.optim, which also has schedules and `in_blocks`."""
    rules = [key for key, value in inspect.getmembers(optim, inspect.isfunction) if _is_rule(key, value)]
    if name not in rules:
        full_batch = name in ("lbfgs", "newton_step")
        advice = f" optim.{name} is for full batches: call it yourself." if full_batch else ""
        raise ValueError(f'Invalid update_rule "{name}"; the update rules are {", ".join(rules)}.{advice}')
    return getattr(optim, name)


def _is_rule(name, function):
    parameters = inspect.signature(function).parameters
    return not name.startswith("_") and "config" in parameters and "rule" not in parameters
