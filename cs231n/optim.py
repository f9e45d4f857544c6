"""Update rules, which change a parameter by means of its gradient, and schedules for the learning rate.

The contract of every rule: ``rule(w, dw, config=None)`` returns ``(next_w, config)``. ``config`` is a dict with the
settings and the state of the rule. Missing entries are filled in with their defaults and the state is updated, both in
the dict that was passed; a setting that the rule does not know is refused. next_w has the dtype of w. `w` and `dw` are
not changed, unless the caller allows it with ``config["in_place"] = True``: then next_w is w itself, with new values
that are visible through every reference to w. If w is of float16, the rule computes and keeps its state in float32.

`update_rule` takes care of all that, so a rule itself is only its formula.

Every rule is elementwise, so that `in_blocks` can update a large parameter block by block.

The contract of every schedule: ``schedule(learning_rate, epoch, ...)`` returns the learning rate to use at ``epoch``,
which counts from 0 and may be a fraction; ``learning_rate`` is the initial one. Schedules have no state.
"""

import math
from functools import wraps

import numpy as np

from cs231n._errors import require_settings, require_shape
from cs231n._precision import is_half, widen
from cs231n._threads import for_each, pieces_of

BLOCK = 1 << 18  # entries of a large parameter to update at a time: everything a rule computes stays in the cache


def update_rule(state=(), **defaults):
    """Make an update rule of a function that takes w, dw and a complete config and returns (next_w, config).

    Parameters
    ----------
    state : sequence of str
        Names of the entries of config that have the shape of w and are 0 at first.
    **defaults
        All other entries, each with its default.
    """
    entries = {*state, *defaults}

    def decorate(function):
        @wraps(function)
        def rule(w, dw, config=None):
            config = {} if config is None else config
            # With its state it comes from an earlier step, or from a rule that builds on this one; both may have put
            # more into it.
            if not (state and config.keys() >= entries):
                require_settings(config, rule.known_settings, f"the config of {function.__name__}")
            require_shape("dw", dw, np.shape(w))
            own = defaults | config
            in_place = own.pop("in_place", False)  # a rule that calls another one still needs the old w
            own.update({name: np.zeros_like(widen(w)) for name in state if name not in own})
            next_w, own = function(widen(w), widen(dw), own)
            config.update(own)
            return _returned(next_w, w, in_place), config

        rule.known_settings = entries | {"in_place"}
        return rule

    return decorate


def _returned(next_w, w, in_place):
    """Return the new parameter in the type of w: next_w, or w with the new values if the caller allows it."""
    if in_place:
        w[...] = next_w
        return w
    return next_w.astype(np.float16) if is_half(w) else next_w


@update_rule(learning_rate=1e-2)
def sgd(w, dw, config=None):
    """Take a step of stochastic gradient descent, w - learning_rate * dw.

    Parameters
    ----------
    w : ndarray of any shape
    dw : ndarray of the shape of w
    config : dict, optional
        ``learning_rate`` (default 1e-2).

    Returns
    -------
    next_w : ndarray of the shape of w
    config : dict

    Notes
    -----
    Robbins and Monro (1951), "A stochastic approximation method".

    Examples
    --------
    >>> import numpy as np
    >>> sgd(np.array([1.0, 2.0]), np.array([10.0, -10.0]), {"learning_rate": 0.1})[0]
    array([0., 3.])
    """
    ### BEGIN SOLUTION
    next_w = w - config["learning_rate"] * dw
    ### END SOLUTION
    return next_w, config


@update_rule(state=["velocity"], learning_rate=1e-2, momentum=0.9)
def sgd_momentum(w, dw, config=None):
    """Take a step of gradient descent with momentum: the previous step, scaled by momentum, plus the new one.

    v <- momentum * v - learning_rate * dw,  w <- w + v

    Parameters
    ----------
    w : ndarray of any shape
    dw : ndarray of the shape of w
    config : dict, optional
        ``learning_rate`` (default 1e-2), ``momentum`` (default 0.9), and the state ``velocity``, v, of the shape of w
        (initially 0).

    Returns
    -------
    next_w : ndarray of the shape of w
    config : dict

    Notes
    -----
    Polyak (1964), "Some methods of speeding up the convergence of iteration methods".

    Examples
    --------
    >>> config = {"learning_rate": 0.1, "momentum": 0.5}
    >>> w = np.array([1.0])
    >>> for _ in range(2):
    ...     w, config = sgd_momentum(w, np.array([10.0]), config)
    >>> w, config["velocity"]  # steps of -1 and -1.5
    (array([-1.5]), array([-1.5]))
    """
    ### BEGIN SOLUTION
    velocity = config["momentum"] * config["velocity"] - config["learning_rate"] * dw
    next_w = w + velocity
    config["velocity"] = velocity
    ### END SOLUTION
    return next_w, config


@update_rule(state=["velocity"], learning_rate=1e-2, momentum=0.9)
def nesterov_momentum(w, dw, config=None):
    """Take a step of Nesterov momentum: the gradient is taken at the point that momentum alone would reach.

    v <- momentum * v - learning_rate * dw,  w <- w + momentum * v - learning_rate * dw  (with the new v)

    Parameters
    ----------
    w : ndarray of any shape
        The parameters one momentum step ahead, where `dw` is computed.
    dw : ndarray of the shape of w
    config : dict, optional
        As for `sgd_momentum`.

    Returns
    -------
    next_w : ndarray of the shape of w
    config : dict

    Notes
    -----
    Nesterov (1983), "A method for solving the convex programming problem with convergence rate O(1/k^2)"; in the form
    of Sutskever et al. (2013), "On the importance of initialization and momentum in deep learning".

    Examples
    --------
    >>> config = {"learning_rate": 0.1, "momentum": 0.5}
    >>> w, config = nesterov_momentum(np.array([1.0]), np.array([10.0]), config)
    >>> w, config["velocity"]  # a step of -1, and half of that again
    (array([-0.5]), array([-1.]))
    """
    ### BEGIN SOLUTION
    step = config["learning_rate"] * dw
    velocity = config["momentum"] * config["velocity"] - step
    next_w = w + config["momentum"] * velocity - step
    config["velocity"] = velocity
    ### END SOLUTION
    return next_w, config


@update_rule(state=["cache"], learning_rate=1e-2, epsilon=1e-8)
def adagrad(w, dw, config=None):
    """Take a step of AdaGrad: divide each step by the root of the sum of all squared gradients so far.

    cache <- cache + dw^2,  w <- w - learning_rate * dw / (sqrt(cache) + epsilon)

    Parameters
    ----------
    w : ndarray of any shape
    dw : ndarray of the shape of w
    config : dict, optional
        ``learning_rate`` (default 1e-2), ``epsilon`` (default 1e-8), and the state ``cache``, the sum of squares, of
        the shape of w (initially 0).

    Returns
    -------
    next_w : ndarray of the shape of w
    config : dict

    Notes
    -----
    Duchi, Hazan and Singer (2011), "Adaptive subgradient methods for online learning and stochastic optimization".

    Examples
    --------
    >>> config = {"learning_rate": 1.0}
    >>> w, config = adagrad(np.array([0.0, 0.0]), np.array([30.0, -0.5]), config)
    >>> w.round(4), config["cache"]  # steps of the same length, whatever the size of the gradient
    (array([-1.,  1.]), array([9.0e+02, 2.5e-01]))
    """
    ### BEGIN SOLUTION
    cache = config["cache"] + dw**2
    next_w = w - config["learning_rate"] * dw / (np.sqrt(cache) + config["epsilon"])
    config["cache"] = cache
    ### END SOLUTION
    return next_w, config


@update_rule(state=["cache"], learning_rate=1e-2, decay_rate=0.99, epsilon=1e-8)
def rmsprop(w, dw, config=None):
    """Take a step of RMSProp: divide each step by the root of a running mean of the squared gradients.

    cache <- decay_rate * cache + (1 - decay_rate) * dw^2,  w <- w - learning_rate * dw / (sqrt(cache) + epsilon)

    Parameters
    ----------
    w : ndarray of any shape
    dw : ndarray of the shape of w
    config : dict, optional
        ``learning_rate`` (default 1e-2), ``decay_rate`` (default 0.99), ``epsilon`` (default 1e-8), and the state
        ``cache``, a running mean of squares, of the shape of w (initially 0).

    Returns
    -------
    next_w : ndarray of the shape of w
    config : dict

    Notes
    -----
    Tieleman and Hinton (2012), "Neural networks for machine learning", lecture 6.5.

    Examples
    --------
    >>> config = {"learning_rate": 1.0, "decay_rate": 0.75, "cache": np.array([4.0])}
    >>> w, config = rmsprop(np.array([0.0]), np.array([2.0]), config)
    >>> w.round(4), config["cache"]  # 0.75 * 4 + 0.25 * 4 = 4
    (array([-1.]), array([4.]))
    """
    ### BEGIN SOLUTION
    decay_rate = config["decay_rate"]
    cache = decay_rate * config["cache"] + (1 - decay_rate) * dw**2
    next_w = w - config["learning_rate"] * dw / (np.sqrt(cache) + config["epsilon"])
    config["cache"] = cache
    ### END SOLUTION
    return next_w, config


@update_rule(state=["m", "v"], t=0, learning_rate=1e-3, beta1=0.9, beta2=0.999, epsilon=1e-8)
def adam(w, dw, config=None):
    """Take a step of Adam: momentum divided as in RMSProp, with both running means corrected for their start at 0.

    t <- t + 1,  m <- beta1 * m + (1 - beta1) * dw,  v <- beta2 * v + (1 - beta2) * dw^2,
    w <- w - learning_rate * m_hat / (sqrt(v_hat) + epsilon),  m_hat = m / (1 - beta1^t),  v_hat = v / (1 - beta2^t)

    Parameters
    ----------
    w : ndarray of any shape
    dw : ndarray of the shape of w
    config : dict, optional
        ``learning_rate`` (default 1e-3), ``beta1`` (default 0.9), ``beta2`` (default 0.999), ``epsilon`` (default
        1e-8), and the state: ``m`` and ``v`` of the shape of w, and ``t``, the number of steps taken (all initially 0).

    Returns
    -------
    next_w : ndarray of the shape of w
    config : dict

    Notes
    -----
    Kingma and Ba (2015), "Adam: a method for stochastic optimization".

    Examples
    --------
    >>> w, config = adam(np.array([0.0, 0.0]), np.array([30.0, -0.5]), {"learning_rate": 1.0})
    >>> w.round(4), config["t"]  # the first step has the length of the learning rate
    (array([-1.,  1.]), 1)
    """
    ### BEGIN SOLUTION
    beta1, beta2 = config["beta1"], config["beta2"]
    t = config["t"] + 1
    m = beta1 * config["m"] + (1 - beta1) * dw
    v = beta2 * config["v"] + (1 - beta2) * dw**2
    m_hat = m / (1 - beta1**t)  # m and v start at 0, so in the first steps they are too small: scale them up
    v_hat = v / (1 - beta2**t)
    next_w = w - config["learning_rate"] * m_hat / (np.sqrt(v_hat) + config["epsilon"])
    config.update(m=m, v=v, t=t)
    ### END SOLUTION
    return next_w, config


@update_rule(state=["m", "v"], t=0, learning_rate=1e-3, beta1=0.9, beta2=0.999, epsilon=1e-8, weight_decay=1e-2)
def adamw(w, dw, config=None):
    """Take a step of Adam with decoupled weight decay: w also shrinks by a fraction that Adam does not rescale.

    w <- adam(w, dw) - learning_rate * weight_decay * w  (with the old w on the right)

    Parameters
    ----------
    w : ndarray of any shape
    dw : ndarray of the shape of w
        Gradient of the loss without regularisation.
    config : dict, optional
        As for `adam`, and ``weight_decay`` (default 1e-2).

    Returns
    -------
    next_w : ndarray of the shape of w
    config : dict

    Notes
    -----
    Loshchilov and Hutter (2019), "Decoupled weight decay regularization".

    Examples
    --------
    >>> config = {"learning_rate": 0.1, "weight_decay": 0.5}
    >>> adamw(np.array([2.0]), np.array([0.0]), config)[0]  # no gradient: w shrinks by 0.1 * 0.5 * 2
    array([1.9])
    """
    ### BEGIN SOLUTION
    decay = config["learning_rate"] * config["weight_decay"] * w
    moved, config = adam(w, dw, config)
    next_w = moved - decay
    ### END SOLUTION
    return next_w, config


# ---- large parameters


def in_blocks(rule, w, dw, config):
    """Take a step of an update rule, block by block if the parameter is large.

    The result is that of ``rule(w, dw, config)``, only faster: blocks fit into the processor's cache, together with all
    intermediate results, and are distributed to a few threads.

    Parameters
    ----------
    rule : callable
        An elementwise update rule.
    w, dw : ndarray of the same shape
    config : dict
        As for the rule. State of the shape of w is updated in place.

    Returns
    -------
    next_w : ndarray of the shape of w
    config : dict

    Examples
    --------
    >>> w, config = np.zeros((3000, 400)), {"learning_rate": 1.0, "momentum": 0.5}
    >>> for _ in range(2):
    ...     w, config = in_blocks(sgd_momentum, w, np.ones_like(w), config)
    >>> float(w.min()), float(w.max())  # steps of -1 and -1.5
    (-2.5, -2.5)
    """
    require_shape("dw", dw, w.shape)
    state = [name for name, value in config.items() if isinstance(value, np.ndarray) and value.shape == w.shape]
    is_flat = all(array.flags.c_contiguous for array in (w, *(config[name] for name in state)))
    if w.size <= BLOCK or not state or not is_flat:  # in the first step the rule creates its state, for all of w
        return rule(w, dw, config)
    next_w = w if config.get("in_place", False) else np.empty_like(w)
    w, dw, flat_next_w = w.reshape(-1), dw.reshape(-1), next_w.reshape(-1)
    flat = {name: config[name].reshape(-1) for name in state}

    def step(block):
        own = config | {"in_place": False} | {name: values[block] for name, values in flat.items()}
        flat_next_w[block], own = rule(w[block], dw[block], own)
        for name, values in flat.items():
            values[block] = own[name]
        return own

    own = for_each(step, pieces_of(w.size, BLOCK))[-1]
    config.update({name: value for name, value in own.items() if name not in flat and name != "in_place"})
    return next_w, config


# ---- schedules for the learning rate


def step_decay(learning_rate, epoch, every, factor=0.1):
    """Multiply the learning rate by `factor` after every `every` epochs.

    Examples
    --------
    >>> [step_decay(1.0, epoch, every=2, factor=0.5) for epoch in (0, 1, 2, 3.5, 4)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """
    if every <= 0:
        raise ValueError(f"every is {every}, expected a number of epochs above 0.")
    return learning_rate * factor ** (epoch // every)


def exponential_decay(learning_rate, epoch, factor):
    """Multiply the learning rate by `factor` in each epoch, continuously.

    Examples
    --------
    >>> [exponential_decay(1.0, epoch, factor=0.25) for epoch in (0, 0.5, 1, 2)]
    [1.0, 0.5, 0.25, 0.0625]
    """
    return learning_rate * factor**epoch


def cosine_decay(learning_rate, epoch, num_epochs, final=0.0):
    """Decrease the learning rate to `final` along half a cosine wave: slowly, then fast, then slowly.

    Notes
    -----
    Loshchilov and Hutter (2017), "SGDR: stochastic gradient descent with warm restarts".

    Examples
    --------
    >>> [round(cosine_decay(1.0, epoch, num_epochs=4), 3) for epoch in (0, 1, 2, 3, 4, 5)]
    [1.0, 0.854, 0.5, 0.146, 0.0, 0.0]
    """
    if num_epochs <= 0:
        raise ValueError(f"num_epochs is {num_epochs}, expected a number of epochs above 0.")
    done = min(epoch / num_epochs, 1.0)
    return final + (learning_rate - final) * (1 + math.cos(math.pi * done)) / 2


def warm_up_cosine(learning_rate, epoch, num_epochs, warm_up, final=0.0):
    """Raise the learning rate from 0 in a straight line, then decrease it to `final` as `cosine_decay` does.

    The first gradients of a Transformer point anywhere and its update rule has seen none before: small steps until
    both have settled let it take large ones later.

    Parameters
    ----------
    learning_rate : float
        The largest one.
    epoch : float
    num_epochs : float
        Number of epochs until the learning rate is `final`.
    warm_up : float
        Number of epochs until it is `learning_rate`.
    final : float

    Returns
    -------
    float

    Notes
    -----
    Warm-up: Goyal et al. (2017), "Accurate, large minibatch SGD: training ImageNet in 1 hour", section 2.2.

    Examples
    --------
    >>> [round(warm_up_cosine(1.0, epoch, num_epochs=10, warm_up=2), 3) for epoch in (0, 1, 2, 6, 10)]
    [0.0, 0.5, 1.0, 0.5, 0.0]
    """
    if not 0 <= warm_up < num_epochs:
        raise ValueError(f"warm_up is {warm_up}, expected a number of epochs from 0 to less than {num_epochs}.")
    if epoch < warm_up:
        return learning_rate * epoch / warm_up
    return cosine_decay(learning_rate, epoch - warm_up, num_epochs - warm_up, final)
