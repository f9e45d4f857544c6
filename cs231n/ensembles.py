"""Averages: of the predictions of several networks, of several views of an image, and of the weights along a run.

An ensemble is a list of `params`, the parameters of its members, which share one model.
"""

import math

import numpy as np

from cs231n._errors import (
    require_decay,
    require_dict,
    require_not_negative,
    require_probability,
    require_same_sizes,
    require_whole,
)
from cs231n.augmentation import ten_crop, translate


def average_probabilities(scores):
    """The mean of the members' probabilities: a softmax over the classes for each member, then the mean over members.

    Parameters
    ----------
    scores : ndarray of shape (M, N, C), or a list of M ndarrays of shape (N, C)
        The scores of M members for N inputs and C classes.

    Returns
    -------
    ndarray of shape (N, C)
        Each row sums to 1.

    Examples
    --------
    Two members, of which the first is sure and the second is not:

    >>> scores = np.log([[[0.9, 0.1]], [[0.4, 0.6]]])
    >>> average_probabilities(scores).round(3).tolist()
    [[0.65, 0.35]]
    """
    scores = np.asarray(scores)
    if scores.ndim != 3 or 0 in scores.shape:
        raise ValueError(
            f"scores has shape {scores.shape}, expected (M, N, C): the scores of at least one member, such as "
            "np.stack of a list of them."
        )
    ### BEGIN SOLUTION
    shifted = scores - scores.max(axis=2, keepdims=True)
    probabilities = np.exp(shifted)
    probabilities /= probabilities.sum(axis=2, keepdims=True)
    average = probabilities.mean(axis=0)  # (M, N, C) -> (N, C)
    ### END SOLUTION
    return average


def ten_crop_probabilities(score, X, size):
    """The mean of a model's probabilities over ten crops of each image.

    Parameters
    ----------
    score : callable
        Takes images of shape (N, C, size, size), returns scores of shape (N, K).
    X : ndarray of shape (N, C, H, W)
    size : int
        Of the crops, at most H and W; see `cs231n.augmentation.ten_crop`.

    Returns
    -------
    ndarray of shape (N, K)

    Notes
    -----
    Krizhevsky, Sutskever and Hinton (2012), section 4.1.

    Examples
    --------
    >>> X = np.arange(32.0).reshape(2, 1, 4, 4)
    >>> ten_crop_probabilities(lambda crops: crops[:, 0, 0, :2], X, size=3).round(3).tolist()
    [[0.5, 0.5], [0.5, 0.5]]
    """
    ### BEGIN SOLUTION
    crops = ten_crop(X, size)  # (N, 10, C, size, size)
    scores = np.stack([score(crops[:, i]) for i in range(crops.shape[1])])  # (10, N, K)
    average = average_probabilities(scores)
    ### END SOLUTION
    return average


def six_view_scores(score, X):
    """The mean of a model's scores over six views of each image: itself, moved by a pixel to either side, and mirrored.

    It is moved up and left, and down and right; pixels that become free are reflected. All three are mirrored, too. The
    image itself counts twice as much as each of the moved ones.

    Parameters
    ----------
    score : callable
        Takes images of shape (N, C, H, W), returns scores of shape (N, K).
    X : ndarray of shape (N, C, H, W)

    Returns
    -------
    ndarray of shape (N, K)

    Notes
    -----
    Jordan (2024), "94% on CIFAR-10 in 3.29 seconds on a single GPU", arXiv 2404.00498, section 3.5.

    Examples
    --------
    >>> X = np.arange(4.0).reshape(1, 1, 1, 4) * np.ones((1, 1, 2, 1))
    >>> six_view_scores(lambda views: views[:, 0, 0], X)  # moved to the right, the row is 1 0 1 2
    array([[1.5, 1.5, 1.5, 1.5]])
    """
    shifts, total = {0: 0.5, -1: 0.25, 1: 0.25}, 0.0
    for shift, share in shifts.items():
        view = translate(X, np.full(len(X), shift), np.full(len(X), shift))
        for image in (view, view[..., ::-1]):
            total = total + 0.5 * share * score(np.ascontiguousarray(image))
    return total


def lookahead(slow, params, decay):
    """Move slow parameters towards the fast ones, which an update rule changes, and let the fast ones go on from there.

    slow <- decay * slow + (1 - decay) * params,  params <- slow

    Parameters
    ----------
    slow, params : dict of ndarray
        With the same keys and shapes. Both are changed in place.
    decay : float
        0 <= decay <= 1; with 1, the fast ones return to where the slow ones are.

    Notes
    -----
    Zhang, Lucas, Hinton and Ba (2019), "Lookahead optimizer: k steps forward, 1 step back".

    Examples
    --------
    >>> slow, fast = {"w": np.array([1.0])}, {"w": np.array([3.0])}
    >>> lookahead(slow, fast, decay=0.25)
    >>> slow["w"], fast["w"]
    (array([2.5]), array([2.5]))
    """
    require_probability("decay", decay)
    for name, w in params.items():
        require_same_sizes(f'slow["{name}"]', slow[name], f'params["{name}"]', w)
        slow[name] += (1 - decay) * (w - slow[name])
        w[...] = slow[name]


def update_average(average, params, decay, num_updates):
    """Move the average of the parameters a little way towards the parameters.

    average * d + params * (1 - d), with d = min(decay, (1 + num_updates) / (10 + num_updates)): while the run is young,
    the average forgets fast, or the first, random weights would stay in it for long.

    Parameters
    ----------
    average, params : dict of ndarray
        With the same keys and shapes. Neither is changed.
    decay : float
        0 <= decay < 1.
    num_updates : int
        The number of earlier updates: 0 for the first one.

    Returns
    -------
    dict of ndarray

    Notes
    -----
    The documentation of ``tf.train.ExponentialMovingAverage``; Polyak and Juditsky (1992), "Acceleration of stochastic
    approximation by averaging".

    Examples
    --------
    >>> update_average({"w": np.array([1.0])}, {"w": np.array([11.0])}, decay=0.99, num_updates=0)["w"].tolist()
    [10.0]
    >>> update_average({"w": np.array([1.0])}, {"w": np.array([3.0])}, decay=0.5, num_updates=90)["w"].tolist()
    [2.0]
    """
    require_dict("average", average, (), '{"W1": array}')
    require_dict("params", params, (), '{"W1": array}')
    require_decay("decay", decay)
    require_whole("num_updates", num_updates, least=0)
    if average.keys() != params.keys():
        raise ValueError(f"average has the keys {sorted(average)}, params {sorted(params)}: they must be the same.")
    for name, w in params.items():
        require_same_sizes(f'average["{name}"]', average[name], f'params["{name}"]', w)
    ### BEGIN SOLUTION
    decay = float(min(decay, (1 + num_updates) / (10 + num_updates)))
    updated = {name: decay * average[name] + (1 - decay) * w for name, w in params.items()}
    ### END SOLUTION
    return updated


def member_scores(model, X, members):
    """The scores of each member of an ensemble; the model keeps its own parameters.

    Parameters
    ----------
    model : object
        With ``params`` and ``loss(X)``, which returns scores of shape (N, C).
    X : ndarray of shape (N, d_1, ..., d_k)
    members : list of dict
        The parameters of M members.

    Returns
    -------
    ndarray of shape (M, N, C)
    """
    if isinstance(members, dict):
        raise TypeError("members is a dict, expected a list of them, one for each member: [params].")
    if not members:
        raise ValueError("members is empty: an ensemble has at least one member.")
    own = model.params
    try:
        scores = []
        for model.params in members:
            scores.append(model.loss(X))
    finally:
        model.params = own
    return np.stack(scores)


def cyclic_cosine_decay(learning_rate, epoch, epochs_per_cycle):
    """Decrease the learning rate to 0 along half a cosine wave in each cycle, and start again at the next one.

    Parameters
    ----------
    learning_rate : float
        At the start of each cycle.
    epoch : float
        Of which parts may be over, as in 2.5.
    epochs_per_cycle : int

    Returns
    -------
    float

    Notes
    -----
    Huang, Li, Pleiss, Liu, Hopcroft and Weinberger (2017), "Snapshot ensembles: train 1, get M for free", equation 2.

    Examples
    --------
    >>> [round(cyclic_cosine_decay(1.0, epoch, epochs_per_cycle=2), 3) for epoch in (0, 0.5, 1, 1.5, 2, 3)]
    [1.0, 0.854, 0.5, 0.146, 1.0, 0.5]
    """
    require_whole("epochs_per_cycle", epochs_per_cycle)
    require_not_negative("epoch", epoch)
    ### BEGIN SOLUTION
    done = epoch % epochs_per_cycle / epochs_per_cycle  # how much of the cycle is over, from 0 to 1
    rate = learning_rate * (1 + math.cos(math.pi * done)) / 2
    ### END SOLUTION
    return rate


class Snapshots:
    """Keep a copy of the parameters at the end of each cycle: ``Solver(..., on_step=Snapshots(epochs_per_cycle))``.

    Parameters
    ----------
    epochs_per_cycle : int
        As for `cyclic_cosine_decay`, which the solver gets as ``lr_schedule``.

    Attributes
    ----------
    members : list of dict
        A copy of the parameters for each complete cycle.
    """

    def __init__(self, epochs_per_cycle):
        require_whole("epochs_per_cycle", epochs_per_cycle)
        self.epochs_per_cycle = epochs_per_cycle
        self.members = []

    def __call__(self, solver):
        """Take a snapshot if this step was the last one of a cycle."""
        if len(solver.loss_history) % (self.epochs_per_cycle * solver.iterations_per_epoch) == 0:
            self.members.append({name: w.copy() for name, w in solver.model.params.items()})
