"""The RecordSolver, which trains a `RecordNet` by the record recipe for CIFAR-10.

What the recipe does differently from other training runs: every image once in each epoch, mirrored every other epoch,
and moved by up to two pixels; a rule, a rate and a decay for each kind of parameter; rates that fall to 0 in a straight
line; the bias of the first layer trained for three epochs only.

Source: Jordan (2024), "94% on CIFAR-10 in 3.29 seconds on a single GPU", arXiv 2404.00498, and the later version with
Muon of the same author (github.com/KellerJordan/cifar10-airbench).
"""

from functools import partial
from typing import NamedTuple

import numpy as np

from cs231n import optim
from cs231n._errors import require_images, require_not_negative, require_settings, require_whole
from cs231n.augmentation import alternating_flips, cutout, mirrored, translate
from cs231n.ensembles import lookahead
from cs231n.solver import Solver

FLIPS = ("alternating", "random", None)
KINDS = {"filters", "biases", "head", "whitening"}  # of parameters; whitening: its bias
BIAS_EPOCHS = 3  # in which the bias of the whitening is trained
LOOKAHEAD_EVERY = 5  # steps
LOOKAHEAD_DECAY = 0.95**LOOKAHEAD_EVERY  # at the end of the run


class Group(NamedTuple):
    """How the parameters of a kind are updated."""

    rule: str  # a name in `cs231n.optim`
    settings: dict
    decay: float = 0.0  # this share of the parameter is added to its gradient


def muon_groups(batch_size, width):
    """The settings of the recipe with Muon, for a loss that is a mean; `width` is that of the last convolution."""
    decay = 2e-6 * batch_size
    rates = {"biases": 0.053 * batch_size, "head": 0.67 * batch_size}  # published for a loss that is a sum
    groups = {name: _nesterov(rate, 0.85, decay) for name, rate in rates.items()}
    filters = Group("muon", {"learning_rate": 0.24, "momentum": 0.6, "steps": 3, "normalize": True})
    return groups | {"filters": filters, "whitening": groups["biases"]}


def nesterov_groups(batch_size, width):
    """The settings of the recipe before Muon, with Nesterov momentum for all parameters."""
    momentum = 0.85
    kilostep = 1024 * (1 + 1 / (1 - momentum))
    rate, decay = 11.5 / kilostep * batch_size, 0.0153 / kilostep * batch_size
    # Published for scores that are divided by 9 and a head whose weights are width / 9 times smaller.
    factors = {"filters": 1, "whitening": 1, "biases": 64, "head": (width / 9) ** 2}
    return {name: _nesterov(factor * rate, momentum, decay) for name, factor in factors.items()}


def _nesterov(rate, momentum, decay):
    """Nesterov momentum; at the highest rate, a step shrinks a parameter by the share `decay`, momentum left aside."""
    return Group("nesterov_momentum", {"learning_rate": rate, "momentum": momentum}, decay / rate)


def _with_rates(groups, factors):
    """The groups with other learning rates; their decay changes with them."""

    def settings(name):
        own = groups[name].settings
        return own | {"learning_rate": own["learning_rate"] * float(factors.get(name, 1))}

    return {name: group._replace(settings=settings(name)) for name, group in groups.items()}


class Recipe(NamedTuple):
    """The groups of parameters for an update rule, the shape of its schedule, and whether it looks ahead."""

    groups: object  # a function of the batch size and the last width
    peak: float  # share of the run after which the rates are highest
    start: float  # share of the highest rate
    final: float
    lookahead: bool


RECIPES = {
    "muon": Recipe(muon_groups, peak=0.0, start=1.0, final=0.0, lookahead=False),
    "nesterov_momentum": Recipe(nesterov_groups, peak=0.23, start=0.2, final=0.07, lookahead=True),
}


class RecordSolver(Solver):
    """Train a `RecordNet`; the model keeps the parameters of the last step, when the rates have fallen to 0.

    Parameters
    ----------
    model : RecordNet
    data : dict of ndarray
        ``X_train`` of shape (N, C, H, W), in the units of the images that the model was fitted to; ``y_train``,
        ``X_val`` and ``y_val``.
    update_rule : {'muon', 'nesterov_momentum'}
        The recipe with Muon, or the one before it, with Nesterov momentum, a rate that rises first, and lookahead.
    batch_size : int
        Default 2,000. An epoch takes as many steps as there are whole batches.
    flips : {'alternating', 'random', None}
        Mirror each image every other epoch, or with probability 1/2 in each epoch, or never.
    most : int
        Pixels by which an image is moved at most.
    cutout : int
        Side of the square that is covered in each image, by the mean of the training images; 0: none.
    bias_epochs : float
        Epochs after which the bias of the whitening stays as it is; default 3.
    lookahead : bool, optional
        Default: what belongs to the update rule.
    rates : dict, optional
        Factors by which the recipe's learning rates are multiplied, such as ``{"filters": 0.5}``; the kinds of
        parameters are filters, biases, head and whitening.
    seed : int
        Of all random choices. They depend on the epoch and the image alone, so a resumed run makes the same ones.
    **options
        ``num_epochs``, ``num_train_samples``, ``num_val_samples``, ``time_limit``, ``checkpoint_name``, ``on_step``,
        ``print_every`` and ``verbose`` as for `Solver`.

    Attributes
    ----------
    loss_history, train_acc_history, val_acc_history : list of float
    epoch : int
    seconds : float

    Examples
    --------
    A training run::

        net = RecordNet()
        net.fit(data["X_train"])
        RecordSolver(net, data, num_epochs=8).train()
    """

    def __init__(self, model, data, update_rule="muon", num_epochs=8, batch_size=2000, **options):
        self.flips, self.most = options.pop("flips", "alternating"), options.pop("most", 2)
        self.cutout = options.pop("cutout", 0)
        self.bias_epochs, self.seed = options.pop("bias_epochs", BIAS_EPOCHS), options.pop("seed", 0)
        if update_rule not in RECIPES:
            raise ValueError(f'update_rule is "{update_rule}", expected one of {", ".join(RECIPES)}.')
        recipe, self.rates = RECIPES[update_rule], options.pop("rates", {})
        self.lookahead = options.pop("lookahead", recipe.lookahead)
        self._require_own_settings()
        require_whole("batch_size", batch_size)
        self.groups = _with_rates(recipe.groups(batch_size, model.widths[-1]), self.rates)
        schedule = partial(
            optim.triangular,
            num_epochs=max(num_epochs, 1),
            peak=recipe.peak * num_epochs,
            start=recipe.start,
            final=recipe.final,
        )
        settings = {"update_rule": update_rule, "num_epochs": num_epochs, "batch_size": batch_size}
        super().__init__(model, data, lr_schedule=schedule, optim_config={"learning_rate": 1.0}, **settings, **options)
        if self.num_train < batch_size:
            raise ValueError(
                f"batch_size is {batch_size}, but there are {self.num_train} images to train on: a batch has no image "
                "twice, so it cannot be larger."
            )

    def _require_own_settings(self):
        if self.flips not in FLIPS:
            raise ValueError(f"flips is {self.flips!r}, expected 'alternating', 'random' or None.")
        require_whole("most", self.most, least=0)
        require_whole("cutout", self.cutout, least=0)
        require_not_negative("bias_epochs", self.bias_epochs)
        require_settings(self.rates, KINDS, "rates")

    def _run(self):
        super()._run()
        if self.stopped_early and self.lookahead:  # otherwise the last step has done so
            self._set_state({name: value.copy() for name, value in self.averages.items()})

    def _keep(self, data):
        super()._keep(data)
        require_images(self.X_train)
        self.covering = self.X_train.mean(axis=(0, 2, 3)) if self.cutout else 0

    def _reset(self):
        super()._reset()
        self.optim_configs = {name: dict(self._group(name).settings) for name in self.model.params}
        self.averages = self._state() if self.lookahead else {}

    def _group(self, name):
        if name == "b0":
            return self.groups["whitening"]
        if name.startswith("beta"):
            return self.groups["biases"]
        return self.groups["head" if name == f"W{self.model.num_convs + 1}" else "filters"]

    def _set_learning_rate(self, epoch):
        """Set the rate of each parameter; the bias of the whitening has a schedule of its own, a line down to 0."""
        self.model.trains_bias = epoch < self.bias_epochs
        for name, config in self.optim_configs.items():
            config["learning_rate"] = self.lr_schedule(self._group(name).settings["learning_rate"], epoch)
        if self.model.trains_bias:
            rate = self.groups["whitening"].settings["learning_rate"]
            self.optim_configs["b0"]["learning_rate"] = rate * (1 - epoch / self.bias_epochs)

    def _update(self, grads):
        """Update every parameter by the rule of its group, and look ahead if it is time."""
        for name, w in self.model.params.items():
            if name == "b0" and not self.model.trains_bias:
                continue
            group = self._group(name)
            dw = grads[name] + w.dtype.type(group.decay) * w if group.decay else grads[name]
            self.model.params[name], self.optim_configs[name] = optim.in_blocks(
                getattr(optim, group.rule), w, dw, self.optim_configs[name]
            )
        if self.lookahead:
            self._look_ahead()

    def _look_ahead(self):
        """Every few steps, move the slow parameters; at the end of the run the model gets them."""
        done, length = len(self.loss_history), self.num_epochs * self.iterations_per_epoch
        if done % LOOKAHEAD_EVERY == 0 or done == length:
            share = min(done / length, 1.0)
            state = self._state()
            lookahead(self.averages, state, 1.0 if done == length else LOOKAHEAD_DECAY * share**3)
            self._set_state(state)

    def _state(self):
        """Copies of the parameters and the running statistics, which are averaged as well."""
        statistics = {
            f"{name}/{i}": value for i, arrays in enumerate(self.statistics()) for name, value in arrays.items()
        }
        return {name: w.copy() for name, w in self.model.params.items()} | statistics

    def _set_state(self, state):
        self.model.params = {name: state[name] for name in self.model.params}
        names = [arrays.keys() for arrays in self.statistics()]
        self.set_statistics([{name: state[f"{name}/{i}"] for name in own} for i, own in enumerate(names)])

    def _batch(self):
        """The next images of this epoch's order, mirrored and moved."""
        epoch, i = divmod(len(self.loss_history), self.iterations_per_epoch)
        chosen = self._random("order", epoch).permutation(self.num_train)[i * self.batch_size :][: self.batch_size]
        shifts = self._random("shifts", epoch).integers(-self.most, self.most + 1, size=(2, self.num_train))
        X = translate(mirrored(self.X_train[chosen], self._mirrored(epoch)[chosen]), *shifts[:, chosen])
        if self.cutout:
            sides = np.reshape(X.shape[2:], (2, 1))
            starts = self._random("squares", epoch).integers(0, sides, (2, self.num_train)) - self.cutout // 2
            X = cutout(X, *starts[:, chosen], self.cutout, self.covering)
        return X, self.y_train[chosen]

    def _mirrored(self, epoch):
        """Which of all images are mirrored in an epoch."""
        if self.flips == "alternating":
            return alternating_flips(self.num_train, epoch, self.seed)
        if self.flips == "random":
            return self._random("flips", epoch).random(self.num_train) < 0.5
        return np.zeros(self.num_train, bool)

    def _random(self, what, epoch):
        """A generator that depends on the seed, what it is for, and the epoch."""
        return np.random.default_rng((self.seed, ("order", "shifts", "flips", "squares").index(what), epoch))

    def _evaluate(self, num_epochs):
        """Measure both accuracies; the model keeps its parameters, whether they are the best so far or not."""
        self.train_acc_history.append(self.check_accuracy(self.X_train, self.y_train, self.num_train_samples, 500))
        self.val_acc_history.append(self.check_accuracy(self.X_val, self.y_val, self.num_val_samples, 500))
        self.best_val_acc = max(self.best_val_acc, self.val_acc_history[-1])
        if self.verbose:
            accuracies = f"train acc: {self.train_acc_history[-1]:f}; val_acc: {self.val_acc_history[-1]:f}"
            print(f"(Epoch {self.epoch} / {num_epochs}) {accuracies}")
