"""The search for good settings: sampling in log space, grid and random search, a rate finder, and checks of a net.

Settings such as learning rates count by their *ratio*: 0.001 and 0.01 differ as much as 0.01 and 0.1. So everything
here works on logarithms.

The contract of a *train* function: ``train(**settings)`` trains a net and returns its score, the higher the better; a
run that has diverged may return nan. The contract of a *make_net* function: ``make_net(reg=...)`` returns a new net
with this regularisation strength, with the same weights at each call. A net has ``params`` and ``loss(X, y=None)``, as
`cs231n.solver.Solver` asks for.

The checks are steps of what Karpathy called babysitting a net. Each returns a `Finding`.
"""

from dataclasses import dataclass
from itertools import product
from numbers import Real
from typing import NamedTuple

import numpy as np

from cs231n import optim
from cs231n._errors import require_labels, require_shape, require_some, require_whole

# ---- sampling and search


class Trial(NamedTuple):
    """A run of a search: the score, the higher the better, and the settings it was reached with."""

    score: float
    settings: dict


def log_uniform(low, high, size=None, rng=None):
    """Draw numbers whose logarithm is uniform: each power of ten is as likely as any other.

    x = exp(u), with one u drawn uniformly between log(low) and log(high) for each number

    Parameters
    ----------
    low, high : float
        The ends of the range, 0 < low < high.
    size : int or tuple of int, optional
        The shape of the result; None for a single number.
    rng : numpy.random.Generator or numpy.random.RandomState, optional
        Where the random numbers come from; by default a new generator.

    Returns
    -------
    float or ndarray

    Raises
    ------
    ValueError
        If the ends are not positive and in order.
    TypeError
        If `rng` is no generator, but a seed.

    Notes
    -----
    Bergstra and Bengio (2012), "Random search for hyper-parameter optimization".

    Examples
    --------
    >>> x = log_uniform(1e-4, 1.0, size=1000, rng=np.random.RandomState(0))
    >>> [int(np.sum((x >= 10.0**-k) & (x < 10.0 ** (1 - k)))) for k in (4, 3, 2, 1)]  # a quarter in each power of ten
    [254, 263, 242, 241]
    """
    _require_range("the range", (low, high))
    if rng is not None and not hasattr(rng, "uniform"):
        raise TypeError(f"rng is {rng!r}, expected a generator of random numbers, such as np.random.default_rng(0).")
    rng = np.random.default_rng() if rng is None else rng
    ### BEGIN SOLUTION
    x = np.exp(rng.uniform(np.log(low), np.log(high), size))
    ### END SOLUTION
    return x


def random_search(train, ranges, budget, seed=0):
    """Try random settings, each drawn from its range by `log_uniform`.

    Trial by trial, a number is drawn for each name, in the order of `ranges`.

    Parameters
    ----------
    train : callable
        Called as ``train(**settings)``; returns the score.
    ranges : dict
        Maps the name of each setting to (low, high).
    budget : int
        The number of trials.
    seed : int
        The same seed gives the same settings.

    Returns
    -------
    list of Trial
        The best first, those with a score of nan last.

    Raises
    ------
    ValueError
        If a range or the budget cannot be used.
    TypeError
        If `train` is no function, or returns no number, or `ranges` is no dict.

    Notes
    -----
    Bergstra and Bengio (2012), "Random search for hyper-parameter optimization".

    Examples
    --------
    >>> trials = random_search(lambda rate: -abs(np.log10(rate) + 2), {"rate": (1e-4, 1.0)}, budget=20)
    >>> len(trials), bool(0.005 < trials[0].settings["rate"] < 0.02)
    (20, True)
    """
    _require_search(train, ranges, budget)
    rng = np.random.RandomState(seed)  # and not default_rng: its numbers are the same in every version of NumPy
    trials = []
    ### BEGIN SOLUTION
    for _ in range(budget):
        settings = {name: log_uniform(low, high, rng=rng) for name, (low, high) in ranges.items()}
        trials.append(Trial(train(**settings), settings))
    ### END SOLUTION
    return best_first(trials)


def grid_search(train, ranges, budget):
    """Try all combinations of a few values of each setting, at equal distances in log space from end to end.

    Each setting gets as many values, the most that the budget allows: 16 trials of two settings are 4 values of each.

    Parameters
    ----------
    train, ranges, budget
        As for `random_search`.

    Returns
    -------
    list of Trial
        The best first, those with a score of nan last; at most `budget`.

    Examples
    --------
    >>> trials = grid_search(lambda rate, reg: -abs(np.log10(rate) + 2), {"rate": (1e-4, 1), "reg": (0.1, 10)}, 16)
    >>> len(trials), sorted({float(round(trial.settings["rate"], 5)) for trial in trials})
    (16, [0.0001, 0.00215, 0.04642, 1.0])
    """
    _require_search(train, ranges, budget)
    num_values = next(k for k in range(budget, 0, -1) if k ** len(ranges) <= budget)
    axes = [_grid_values(low, high, num_values) for low, high in ranges.values()]
    every_settings = [dict(zip(ranges, values, strict=True)) for values in product(*axes)]
    return best_first([Trial(train(**settings), settings) for settings in every_settings])


def _grid_values(low, high, number):
    """Values at equal distances in log space; a single one lies in the middle."""
    values = np.geomspace(low, high, number) if number > 1 else [np.sqrt(low * high)]
    return [float(value) for value in values]


def best_first(trials):
    """Sort trials by score: the best first, those with a score of nan last.

    Examples
    --------
    >>> [trial.score for trial in best_first([Trial(0.2, {}), Trial(float("nan"), {}), Trial(0.5, {})])]
    [0.5, 0.2, nan]
    """
    return sorted(map(_as_trial, trials), key=lambda trial: (np.isnan(trial.score), -trial.score))


def _as_trial(trial):
    if not isinstance(trial, tuple | list) or len(trial) != 2 or not isinstance(trial[1], dict):
        raise TypeError(f"a trial is {trial!r:.80}, expected Trial(score, settings): first a number, then a dict.")
    if not isinstance(trial[0], Real | np.ndarray) or np.ndim(trial[0]):
        raise TypeError(f"the score of a trial is {trial[0]!r:.60}, expected a number: that is what train must return.")
    return Trial(*trial)


def narrowed(trials, keep=3, margin=2.0):
    """Return ranges for a finer search: those of the best trials, with some room at both ends.

    Parameters
    ----------
    trials : list of Trial
        The best first, as the searches return them.
    keep : int
        How many of the best count.
    margin : float
        A factor of more than 1: the ends are moved outwards by it, also beyond the range that was searched, for the
        best may lie there.

    Returns
    -------
    dict
        Maps each name to (low, high).

    Examples
    --------
    >>> trials = [Trial(0.5, {"rate": 0.02}), Trial(0.4, {"rate": 0.1}), Trial(0.1, {"rate": 9.0})]
    >>> narrowed(trials, keep=2)
    {'rate': (0.01, 0.2)}
    """
    require_some(trials, "trials", "best one")
    require_whole("keep", keep)
    if not margin > 1:
        raise ValueError(f"margin is {margin}, expected a factor above 1.")
    values = {name: [trial.settings[name] for trial in trials[:keep]] for name in trials[0].settings}
    return {name: (min(some) / margin, max(some) * margin) for name, some in values.items()}


def settings_at_edge(trials, ranges, share=0.1):
    """Return the names of settings whose best value lies in the outermost part of its range, in log space.

    Parameters
    ----------
    trials : list of Trial
        The best first.
    ranges : dict
        As for the search.
    share : float
        The part of a range, at each end, that counts as its edge.

    Returns
    -------
    list of str

    Examples
    --------
    >>> settings_at_edge([Trial(0.5, {"rate": 0.9, "reg": 0.01})], {"rate": (1e-3, 1.0), "reg": (1e-4, 1.0)})
    ['rate']
    """
    require_some(trials, "trials", "best one")
    if not 0 <= share < 0.5:
        raise ValueError(f"share is {share}, expected a part of the range at each end, from 0 to less than 0.5.")
    if missing := sorted(ranges.keys() - trials[0].settings.keys()):
        raise ValueError(f"ranges has {missing[0]!r}, which the trials do not: they have {sorted(trials[0].settings)}.")
    places = {name: np.log(trials[0].settings[name] / low) / np.log(high / low) for name, (low, high) in ranges.items()}
    return [name for name, place in places.items() if not share <= place <= 1 - share]


def _require_search(train, ranges, budget):
    if not callable(train):
        raise TypeError(f"train is {train!r}, expected a function that takes the settings and returns the score.")
    if not isinstance(ranges, dict) or not ranges:
        raise TypeError(f'ranges is {ranges!r}, expected a dict such as {{"learning_rate": (1e-4, 1.0)}}.')
    for name, ends in ranges.items():
        _require_range(f"the range of {name}", ends)
    require_whole("budget", budget)


def _require_range(name, ends):
    if np.shape(ends) != (2,):
        raise ValueError(f"{name} is {ends!r}, expected (low, high).")
    low, high = ends
    if not 0 < low < high < np.inf:
        swapped = ": are they swapped?" if 0 < high < low else ", for there is no logarithm of 0 or less."
        raise ValueError(f"{name} is ({low}, {high}), expected 0 < low < high{swapped}")


# ---- the learning rate


class RateTest(NamedTuple):
    """What `find_rate` has seen: the rates and losses of its steps, both of shape (T,), and the rate it suggests."""

    rates: np.ndarray
    losses: np.ndarray
    suggestion: float


def find_rate(step, low=1e-5, high=10.0, num_steps=100, stop=4.0):
    """Find a learning rate by a range test: raise the rate in every step, until the loss explodes.

    The rates rise from `low` to `high` by the same factor in each step. The test ends, without keeping the last step,
    as soon as a loss is nan, or larger than `stop` times the lowest one so far. The suggestion is a tenth of the rate
    where the losses, smoothed by `smoothed`, are lowest: there the rate has just become too large.

    Parameters
    ----------
    step : callable
        ``step(rate)`` takes a training step with this rate and returns the loss before it; see `training_step`.
    low, high : float
        The first and the last rate, 0 < low < high.
    num_steps : int
        The largest number of steps, at least 2.
    stop : float
        A number above 1.

    Returns
    -------
    RateTest

    Raises
    ------
    ValueError
        If an argument cannot be used, or if the very first loss is nan.

    Notes
    -----
    Smith (2017), "Cyclical learning rates for training neural networks", section 3.3. The tenth is a rule of thumb.

    Examples
    --------
    >>> test = find_rate(lambda rate: 1 + np.log10(rate / 0.1) ** 2, low=1e-5, high=100.0)  # lowest at 0.1
    >>> bool(0.01 < test.suggestion < 0.04), bool(0.1 < test.rates[-1] < 100)  # the mean of ten lags behind a little
    (True, True)
    """
    if not callable(step):
        raise TypeError(f"step is {step!r}, expected a function that takes a rate and returns a loss: training_step.")
    _require_range("the range of rates", (low, high))
    require_whole("num_steps", num_steps, least=2)
    if not stop > 1:
        raise ValueError(f"stop is {stop}, expected a number above 1: with less, the first rise ends the test.")
    rates, losses = [], []
    ### BEGIN SOLUTION
    for rate in np.geomspace(low, high, num_steps):
        loss = step(float(rate))
        if np.isnan(loss) or (losses and loss > stop * min(losses)):
            break
        rates.append(rate)
        losses.append(loss)
    ### END SOLUTION
    if not losses:
        raise ValueError(
            f"The loss of the very first step, at the rate {low:g}, is nan: the net itself is at fault, or its data."
        )
    ### BEGIN SOLUTION
    suggestion = rates[np.argmin(smoothed(losses))] / 10
    ### END SOLUTION
    return RateTest(np.array(rates), np.array(losses), float(suggestion))


def smoothed(values, beta=0.9):
    """Compute the running mean of a sequence, corrected for its start at 0 as in Adam.

    m <- beta * m + (1 - beta) * value; after t values, the mean is m / (1 - beta^t)

    Parameters
    ----------
    values : sequence of float
    beta : float
        0 <= beta < 1; the mean is over about the last 1 / (1 - beta) values.

    Returns
    -------
    ndarray of the length of values

    Notes
    -----
    Kingma and Ba (2015), "Adam: a method for stochastic optimization", section 3.

    Examples
    --------
    >>> smoothed([4.0, 4.0, 8.0], beta=0.5).round(3)  # 4 from the start on, and then (1 * 4 + 2 * 4 + 4 * 8) / 7
    array([4.   , 4.   , 6.286])
    """
    if not 0 <= beta < 1:
        raise ValueError(f"beta is {beta}, expected 0 <= beta < 1.")
    mean, means = 0.0, []
    for t, value in enumerate(values, 1):
        mean = beta * mean + (1 - beta) * value
        means.append(mean / (1 - beta**t))
    return np.array(means)


def training_step(net, X, y, rule=optim.sgd, batch_size=100, seed=0, **config):
    """Make a function ``step(rate)`` that takes one step of an update rule on a random batch.

    Parameters
    ----------
    net : object
        Its params are changed.
    X : ndarray of shape (N, d_1, ..., d_k)
    y : ndarray of shape (N,)
    rule : callable
        An update rule of `cs231n.optim`.
    batch_size : int
        Drawn with replacement; if it is N or more, all inputs are used.
    seed : int
        Of the batches.
    **config
        Further settings of the rule.

    Returns
    -------
    callable
        Takes the learning rate, returns the loss of the batch before the step.
    """
    require_labels(y, len(X))
    require_some(X, "X", "batch")
    require_whole("batch_size", batch_size)
    rng = np.random.RandomState(seed)
    configs = {name: dict(config) for name in net.params}

    def step(rate):
        batch = rng.choice(len(X), batch_size) if batch_size < len(X) else slice(None)
        loss, grads = net.loss(X[batch], y[batch])
        for name, dw in grads.items():
            configs[name]["learning_rate"] = rate
            net.params[name], configs[name] = rule(net.params[name], dw, configs[name])
        return float(loss)

    return step


# ---- checks of a net


@dataclass(frozen=True)
class Finding:
    """What a check of a net has found.

    Attributes
    ----------
    check : str
        What was looked at.
    ok : bool
    measured : float
    wanted : str
        What `measured` should be.
    advice : str
        Where to look if it is not.

    Examples
    --------
    >>> print(Finding("loss at the start", False, 9.21, "about log(10) = 2.303", "are the weights too large?"))
    loss at the start: 9.21, wanted about log(10) = 2.303: are the weights too large?
    """

    check: str
    ok: bool
    measured: float
    wanted: str
    advice: str

    def __str__(self):
        return f"{self.check}: {self.measured:.4g}, wanted {self.wanted}" + (", ok" if self.ok else f": {self.advice}")


def check_initial_loss(make_net, X, y, num_classes, tolerance=0.1):
    """Check that a new net guesses: without regularisation, its loss is close to log(num_classes).

    A net that gives all classes about the same probability, 1 / C, has a softmax loss of -log(1 / C) = log(C).

    Parameters
    ----------
    make_net : callable
    X : ndarray of shape (N, d_1, ..., d_k)
    y : ndarray of shape (N,)
    num_classes : int
        C.
    tolerance : float
        The loss may differ by this fraction of log(C), in both directions.

    Returns
    -------
    Finding
        `measured` is the loss.

    Examples
    --------
    >>> from cs231n.classifiers.fc_net import TwoLayerNet
    >>> X, y = np.ones((5, 4)), np.array([0, 1, 2, 2, 1])
    >>> check_initial_loss(lambda reg: TwoLayerNet(4, 6, 3, weight_scale=1e-3, reg=reg), X, y, num_classes=3).ok
    True
    """
    _require_check(make_net, X, y)
    require_whole("num_classes", num_classes, least=2)
    ### BEGIN SOLUTION
    measured, _ = make_net(reg=0.0).loss(X, y)
    wanted = np.log(num_classes)
    ok = abs(measured - wanted) <= tolerance * wanted
    ### END SOLUTION
    _require_loss(measured)
    return Finding(
        "loss at the start",
        bool(ok),
        float(measured),
        f"about log({num_classes}) = {np.log(num_classes):.4g}",
        "too large: weights or inputs too large, or a sum where a mean should be; too small: it knows the answers",
    )


def check_regularization(make_net, X, y, reg=1.0):
    """Check that regularisation raises the loss of a new net.

    Parameters
    ----------
    make_net, X, y
        As for `check_initial_loss`.
    reg : float
        A regularisation strength above 0.

    Returns
    -------
    Finding
        `measured` is the difference between the losses with and without regularisation.
    """
    _require_check(make_net, X, y)
    if not reg > 0:
        raise ValueError(f"reg is {reg}, expected a strength above 0.")
    rise = make_net(reg=reg).loss(X, y)[0] - make_net(reg=0.0).loss(X, y)[0]
    return Finding(
        "regularisation raises the loss", bool(rise > 0), float(rise), "above 0", "is reg * W^2 added to the loss?"
    )


def check_overfit(make_net, X, y, num_images=20, num_steps=200, learning_rate=0.1):
    """Check that a net can learn a few images by heart: without regularisation, it classifies all of them correctly.

    Each step is one of gradient descent on all of the few images, w - learning_rate * dw for every parameter.

    Parameters
    ----------
    make_net, X, y
        As for `check_initial_loss`.
    num_images : int
        The first so many images are used.
    num_steps : int
    learning_rate : float

    Returns
    -------
    Finding
        `measured` is the fraction of the few images that are classified correctly after the last step.

    Examples
    --------
    >>> from cs231n.classifiers.fc_net import TwoLayerNet
    >>> np.random.seed(0)
    >>> X, y = np.random.randn(9, 5), np.array([0, 1, 2, 0, 1, 2, 0, 1, 2])
    >>> check_overfit(lambda reg: TwoLayerNet(5, 20, 3, weight_scale=0.1, reg=reg), X, y, 6, learning_rate=0.5).measured
    1.0
    """
    _require_check(make_net, X, y)
    require_whole("num_images", num_images)
    require_whole("num_steps", num_steps)
    ### BEGIN SOLUTION
    net = make_net(reg=0.0)
    X, y = X[:num_images], y[:num_images]
    for _ in range(num_steps):
        _, grads = net.loss(X, y)
        for name, dw in grads.items():
            net.params[name] = net.params[name] - learning_rate * dw
    measured = np.mean(np.argmax(net.loss(X), axis=1) == y)
    ### END SOLUTION
    return Finding(
        f"overfit {num_images} images",
        bool(measured == 1),
        float(measured),
        "1",
        "the gradient is wrong, does not reach a layer, or the rate or the number of steps is too small",
    )


def check_loss_falls(make_net, X, y, rule=optim.sgd, num_steps=60, batch_size=50, **rate_test):
    """Check that `find_rate` finds a rate, and that training at this rate makes the loss fall.

    Parameters
    ----------
    make_net, X, y
        As for `check_initial_loss`.
    rule : callable
        An update rule.
    num_steps : int
        The number of steps at the suggested rate, at least 20.
    batch_size : int
    **rate_test
        Settings of `find_rate`.

    Returns
    -------
    Finding
        `measured` is the mean loss of the last ten steps as a fraction of that of the first ten.
    """
    _require_check(make_net, X, y)
    require_whole("num_steps", num_steps, least=20)
    with np.errstate(over="ignore", invalid="ignore"):  # a range test ends in overflow
        rate = find_rate(training_step(make_net(reg=0.0), X, y, rule, batch_size), **rate_test).suggestion
        step = training_step(make_net(reg=0.0), X, y, rule, batch_size, seed=1)
        losses = [step(rate) for _ in range(num_steps)]
    left = np.mean(losses[-10:]) / np.mean(losses[:10])
    return Finding(
        f"the loss falls at the rate {rate:.2g}",
        bool(left < 0.95),
        float(left),
        f"below 0.95 of the loss after {num_steps} steps",
        "the gradient is wrong, the net is dead, or its outputs saturate",
    )


def update_ratios(before, after):
    """Compute how far each weight matrix has moved, as a fraction of its length: |after - before| / |before|.

    Parameters
    ----------
    before, after : dict of ndarray
        Parameters before and after a step. Those with a single axis, such as biases, are left out: they start at 0.

    Returns
    -------
    dict of float
        Infinite, or nan, for weights that were all 0.

    Examples
    --------
    >>> update_ratios({"W1": np.full((2, 2), 2.0), "b1": np.zeros(2)}, {"W1": np.full((2, 2), 1.5), "b1": np.ones(2)})
    {'W1': 0.25}
    """
    if before.keys() != after.keys():
        raise ValueError(f"before has {sorted(before)}, after has {sorted(after)}, expected the same names.")
    for name, w in before.items():
        require_shape(f"after[{name!r}]", after[name], w.shape)
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            name: float(np.linalg.norm(after[name] - w) / np.linalg.norm(w)) for name, w in before.items() if w.ndim > 1
        }


def check_update_ratios(
    make_net, X, y, learning_rate, rule=optim.sgd, num_steps=20, batch_size=50, limits=(1e-4, 1e-1)
):
    """Check that a step changes each weight matrix by a sensible fraction of its size.

    The rule of thumb is 0.001. It is a rule for long training; short runs do best with larger ratios.

    Parameters
    ----------
    make_net, X, y
        As for `check_initial_loss`.
    learning_rate : float
    rule : callable
        An update rule.
    num_steps : int
        How many steps to take before the one that counts.
    batch_size : int
    limits : (float, float)
        The smallest and the largest ratio that pass.

    Returns
    -------
    Finding
        `measured` is the ratio, among those of the weight matrices, that is furthest from the middle of the limits in
        log space.

    Notes
    -----
    The rule of thumb: Karpathy, notes of CS231n, "Neural networks part 3".
    """
    _require_check(make_net, X, y)
    _require_range("limits", limits)
    require_whole("num_steps", num_steps, least=0)
    net = make_net(reg=0.0)
    step = training_step(net, X, y, rule, batch_size)
    for _ in range(num_steps):
        step(learning_rate)
    before = {name: w.copy() for name, w in net.params.items()}
    step(learning_rate)
    ratios = np.array(list(update_ratios(before, net.params).values()))
    with np.errstate(divide="ignore"):  # a weight that does not move at all is infinitely far away
        furthest = float(ratios[np.argmax(np.abs(np.log(ratios / np.sqrt(limits[0] * limits[1]))))])
    return Finding(
        "ratio of updates to weights",
        bool(limits[0] <= furthest <= limits[1]),
        furthest,
        f"from {limits[0]:g} to {limits[1]:g}",
        "the rate is too large or too small for this layer, or no gradient reaches it",
    )


def babysit(make_net, X, y, num_classes, learning_rate=0.1, rule=optim.sgd):
    """Run the checks that need no search, in their order, from the quickest to the slowest.

    Parameters
    ----------
    make_net, X, y, num_classes
        As for `check_initial_loss`.
    learning_rate : float
        For gradient descent on 20 images, and for the ratio of updates to weights.
    rule : callable
        The update rule for training on batches.

    Returns
    -------
    list of Finding
    """
    return [
        check_initial_loss(make_net, X, y, num_classes),
        check_regularization(make_net, X, y),
        check_overfit(make_net, X, y, learning_rate=learning_rate),
        check_loss_falls(make_net, X, y, rule),
        check_update_ratios(make_net, X, y, learning_rate, rule),
    ]


def _require_check(make_net, X, y):
    if not callable(make_net):
        raise TypeError(
            f"make_net is {type(make_net).__name__}, expected a function that takes reg and returns a new net: "
            "each check needs one that is not trained yet."
        )
    require_some(X, "X", "loss")
    require_labels(y, len(X))


def _require_loss(measured):
    if not isinstance(measured, Real | np.ndarray) or np.ndim(measured):
        raise TypeError(
            f"measured is {type(measured).__name__}, expected a number: net.loss(X, y) returns the loss and the "
            "gradients, net.loss(X), without labels, the scores."
        )
