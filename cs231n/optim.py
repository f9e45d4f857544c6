"""Update rules, which change a parameter by means of its gradient, and schedules for the learning rate.

The contract of every rule: ``rule(w, dw, config=None)`` returns ``(next_w, config)``. ``config`` is a dict with the
settings and the state of the rule. Missing entries are filled in with their defaults and the state is updated, both in
the dict that was passed; a setting that the rule does not know is refused. next_w has the dtype of w. `w` and `dw` are
not changed, unless the caller allows it with ``config["in_place"] = True``: then next_w is w itself, with new values
that are visible through every reference to w. If w is of float16, the rule computes and keeps its state in float32.

`update_rule` takes care of all that, so a rule itself is only its formula.

Every rule but `muon` is elementwise, so that `in_blocks` can update a large parameter block by block.

The contract of every schedule: ``schedule(learning_rate, epoch, ...)`` returns the learning rate to use at ``epoch``,
which counts from 0 and may be a fraction; ``learning_rate`` is the initial one. Schedules have no state.

Methods that use curvature (`newton_step`, `lbfgs`) are no update rules: they need the loss of all inputs.
"""

import math
from collections import deque
from dataclasses import dataclass
from functools import wraps

import numpy as np

from cs231n._errors import require_settings, require_shape, require_whole
from cs231n._precision import is_half, widen
from cs231n._threads import for_each, pieces_of

BLOCK = 1 << 16  # entries of a large parameter to update at a time: everything a rule computes stays in the cache


def update_rule(state=(), elementwise=True, **defaults):
    """Make an update rule of a function that takes w, dw and a complete config and returns (next_w, config).

    Parameters
    ----------
    state : sequence of str
        Names of the entries of config that have the shape of w and are 0 at first.
    elementwise : bool
        Whether a block of w can be updated on its own.
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
        rule.elementwise = elementwise
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


# ---- matrices


@update_rule(
    state=["velocity"],
    elementwise=False,
    learning_rate=2e-2,
    momentum=0.95,
    steps=5,
    normalize=False,
    vector_scale=0.2,
    epsilon=1e-7,
)
def muon(w, dw, config=None):
    """Take a step of Muon: Nesterov momentum, with the step of a matrix made orthogonal.

    v <- momentum * v + dw,  w <- w - learning_rate * sqrt(max(1, F / K)) * orthogonalize(dw + momentum * v)

    An orthogonal step moves the output of a layer by about the same length for each direction of its input, whereas in
    a gradient a few directions outweigh all others. Filters count as a matrix with a row for each filter.

    Parameters
    ----------
    w : ndarray of shape (F, K) or (F, C, HH, WW), K = C * HH * WW
        Or a vector, such as a bias, which has no directions to be balanced: it takes a step of Nesterov momentum.
    dw : ndarray of the shape of w
    config : dict, optional
        ``learning_rate`` (default 2e-2), ``momentum`` (default 0.95), ``steps`` of `orthogonalize` (default 5),
        ``epsilon`` (default 1e-7), ``normalize`` (default False): whether w is scaled to the norm sqrt(F) before
        the step, which suits a layer that is normalised after it, ``vector_scale`` (default 0.2): what the
        learning rate is multiplied by for vectors; and the state ``velocity``, v, of the shape of w (initially 0).

    Returns
    -------
    next_w : ndarray of the shape of w
    config : dict

    Notes
    -----
    Jordan, Jin, Boza, You, Cesista, Newhouse and Bernstein (2024), "Muon: an optimizer for hidden layers in neural
    networks", kellerjordan.github.io/posts/muon.

    Examples
    --------
    The step has about the same length in all directions, however long the gradient is in each:

    >>> step, _ = muon(np.zeros((2, 2)), np.diag([10.0, 1.0]), {"learning_rate": 1.0})
    >>> step.round(2) + 0.0
    array([[-0.7 ,  0.  ],
           [ 0.  , -0.71]])
    """
    rate, momentum = config["learning_rate"], config["momentum"]
    velocity = momentum * config["velocity"]
    velocity += dw
    config["velocity"] = velocity
    step = momentum * velocity
    step += dw
    if w.ndim < 2:
        return w - rate * config["vector_scale"] * step, config
    F, K = len(w), w.size // max(1, len(w))
    step = orthogonalize(step.reshape(F, K), config["steps"], config["epsilon"]).reshape(w.shape)
    step *= -rate * math.sqrt(max(1, F / max(1, K)))
    step += w * (math.sqrt(F) / max(float(np.linalg.norm(w)), config["epsilon"])) if config["normalize"] else w
    return step, config


def orthogonalize(G, steps=5, epsilon=1e-7):
    """Bring all singular values of a matrix near 1: G = U S V^T becomes about U V^T.

    A Newton-Schulz iteration, which needs nothing but products: with the matrix scaled to the norm 1, each step maps
    every singular value s to 3.4445 s - 4.7750 s^3 + 2.0315 s^5. This polynomial does not converge to 1, but lifts
    small values fastest; after 5 steps, values from 0.01 to 1 are between 0.68 and 1.14.

    Parameters
    ----------
    G : ndarray of shape (F, K)
    steps : int
    epsilon : float
        Added to the norm that G is divided by: a matrix of zeros stays one.

    Returns
    -------
    ndarray of shape (F, K)
        A new one, in the type of G.

    Raises
    ------
    ValueError
        If G is no matrix.

    Notes
    -----
    Bernstein and Newhouse (2024), "Old optimizer, new norm: an anthology", arXiv 2409.20325; the coefficients are those
    of Jordan et al. (2024), as for `muon`.

    Examples
    --------
    >>> np.linalg.svd(orthogonalize(np.diag([9.0, 3.0, 0.3])))[1].round(1)
    array([1.1, 1.1, 0.8])
    """
    if G.ndim != 2:
        raise ValueError(f"G has shape {G.shape}, expected (F, K): a matrix.")
    require_whole("steps", steps, least=0)
    X = G / (np.linalg.norm(G) + epsilon)
    X = X.T if len(G) > G.shape[1] else X  # X @ X.T is the smaller one of the two
    A = np.empty((len(X), len(X)), X.dtype)
    product = np.empty(X.shape, X.dtype)
    for _ in range(steps):
        np.matmul(X, X.T, out=A)  # (F, K) @ (K, F) -> (F, F)
        B = A @ A
        B *= 2.0315
        B -= 4.7750 * A
        np.matmul(B, X, out=product)  # (F, F) @ (F, K) -> (F, K)
        X *= 3.4445
        X += product
    return X.T if len(G) > G.shape[1] else X


# ---- large parameters


def in_blocks(rule, w, dw, config):
    """Take a step of an update rule, block by block if the parameter is large.

    The result is that of ``rule(w, dw, config)``, only faster: blocks fit into the processor's cache, together with all
    intermediate results, and are distributed to a few threads.

    Parameters
    ----------
    rule : callable
        An update rule; one that is not elementwise gets the whole parameter.
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
    is_whole = w.size <= BLOCK or not getattr(rule, "elementwise", True)
    if is_whole or not state or not is_flat:  # in the first step the rule creates its state, for all of w
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


def triangular(learning_rate, epoch, num_epochs, peak, start=0.0, final=0.0):
    """Raise the learning rate in a straight line, then lower it in another one.

    Parameters
    ----------
    learning_rate : float
        The largest one.
    epoch : float
    num_epochs : float
        Number of epochs until the end of the second line.
    peak : float
        Number of epochs until the learning rate is `learning_rate`; with 0 it falls from the start.
    start, final : float
        The rate at the start and at the end, as shares of `learning_rate`.

    Returns
    -------
    float

    Notes
    -----
    Smith (2017), "Cyclical learning rates for training neural networks"; a single triangle in Smith and Topin (2018),
    "Super-convergence: very fast training of neural networks using large learning rates".

    Examples
    --------
    >>> [round(triangular(1.0, epoch, num_epochs=10, peak=2, start=0.2), 3) for epoch in (0, 1, 2, 6, 10, 12)]
    [0.2, 0.6, 1.0, 0.5, 0.0, 0.0]
    """
    if not 0 <= peak < num_epochs:
        raise ValueError(f"peak is {peak}, expected a number of epochs from 0 to less than {num_epochs}.")
    if epoch < peak:
        return learning_rate * (start + (1 - start) * epoch / peak)
    done = min((epoch - peak) / (num_epochs - peak), 1.0)
    return learning_rate * (1 + (final - 1) * done)


# ---- full batches: methods that use curvature


def newton_step(w, gradient, hessian, damping=0.0):
    """Take a step of Newton's method: go to where the gradient of the quadratic model is 0.

    w - (H + damping * I)^-1 gradient

    Parameters
    ----------
    w : ndarray of shape (D,)
    gradient : ndarray of shape (D,)
        First derivatives of the loss at w.
    hessian : ndarray of shape (D, D)
        H, its second derivatives.
    damping : float
        Added to the diagonal of H, at least 0 (Levenberg, 1944). The larger it is, the more the step is one of gradient
        descent with the rate 1 / damping; if it exceeds the size of H's most negative eigenvalue, the step goes down.

    Returns
    -------
    next_w : ndarray of shape (D,)

    Raises
    ------
    ValueError
        If the shapes do not fit, if damping is negative, or if H + damping * I has no inverse.

    Notes
    -----
    Nocedal and Wright (2006), "Numerical optimization", chapter 3. It is no update rule for a `Solver`: H has D^2
    entries, and that of a minibatch is not that of the loss.

    Examples
    --------
    >>> w, hessian = np.array([4.0, -1.0]), np.diag([1.0, 30.0])
    >>> newton_step(w, hessian @ w, hessian)  # one step to the lowest point of a bowl
    array([0., 0.])
    >>> newton_step(w, hessian @ w, hessian, damping=1.0).round(4)
    array([ 2.    , -0.0323])
    """
    w, gradient, hessian = np.asarray(w), np.asarray(gradient), np.asarray(hessian)
    require_shape("w", w, (w.size,))
    require_shape("gradient", gradient, w.shape)
    require_shape("hessian", hessian, (w.size, w.size))
    _require_no_less("damping", damping, 0)
    try:
        ### BEGIN SOLUTION
        # Solving is faster and more accurate than inverting.
        next_w = w - np.linalg.solve(hessian + damping * np.eye(len(w)), gradient)
        ### END SOLUTION
    except np.linalg.LinAlgError as error:
        if "Singular" not in str(error):  # what was to be solved is no system of equations
            raise
        raise ValueError(
            f"hessian + {damping:g} * I has no inverse: in some direction the gradient does not change at all, so the "
            "step would be infinite. A damping above 0 helps."
        ) from error
    return next_w


def lbfgs_direction(gradient, pairs):
    """Compute the step that L-BFGS proposes: -B gradient, where B approximates the inverse of the Hessian.

    B is never formed. It begins as a multiple of the identity and is changed for each pair (s, y) of the history, so
    that it maps y to s, as the inverse of the Hessian does. Two loops over the pairs multiply it with the gradient::

        q = gradient
        for each pair, from the newest to the oldest:
            alpha = (s . q) / (s . y)
            q = q - alpha * y
        r = q * (s . y) / (y . y), of the newest pair; without any pair, r = q
        for each pair, from the oldest to the newest, each with its alpha:
            beta = (y . r) / (s . y)
            r = r + (alpha - beta) * s

    The direction is -r.

    Parameters
    ----------
    gradient : ndarray of shape (D,)
    pairs : sequence of (s, y)
        The history, the oldest pair first: s of shape (D,) is a step of w, y of shape (D,) the change of the gradient
        along it; s . y > 0.

    Returns
    -------
    ndarray of shape (D,)

    Raises
    ------
    ValueError
        If shapes do not fit, or if s . y <= 0 in some pair.

    Notes
    -----
    Nocedal and Wright (2006), "Numerical optimization", algorithm 7.4.

    Examples
    --------
    >>> lbfgs_direction(np.array([2.0, -3.0]), [])  # without a history: downhill
    array([-2.,  3.])
    >>> s, y = np.array([1.0, 0.0]), np.array([4.0, 0.0])  # along the first axis the slope rises by 4 on a step of 1
    >>> lbfgs_direction(np.array([2.0, -3.0]), [(s, y)])
    array([-0.5 ,  0.75])
    """
    gradient = np.asarray(gradient)
    _require_pairs(pairs, gradient)
    ### BEGIN SOLUTION
    q, alphas = gradient, []
    for s, y in reversed(pairs):
        alpha = (s @ q) / (s @ y)
        q = q - alpha * y
        alphas.append(alpha)
    r = q
    if pairs:
        s, y = pairs[-1]
        r = q * (s @ y) / (y @ y)  # the newest pair tells the scale
    for (s, y), alpha in zip(pairs, reversed(alphas), strict=True):
        beta = (y @ r) / (s @ y)
        r = r + (alpha - beta) * s
    direction = -r
    ### END SOLUTION
    return direction


def _require_pairs(pairs, gradient):
    require_shape("gradient", gradient, (gradient.size,))
    for i, pair in enumerate(pairs):
        if len(pair) != 2:
            raise ValueError(f"pair {i} has length {len(pair)}, expected (s, y): pairs is a list of such pairs.")
        s, y = pair
        require_shape(f"s of pair {i}", s, gradient.shape)
        require_shape(f"y of pair {i}", y, gradient.shape)
        if not s @ y > 0:
            raise ValueError(
                f"s . y of pair {i} is {s @ y:g}, expected a number above 0: along such a step the slope does not "
                "rise, so nothing can be learnt from it about a lowest point. Leave the pair out."
            )


@dataclass(frozen=True)
class LBFGSResult:
    """What `lbfgs` has found.

    Attributes
    ----------
    w : ndarray
        The best parameters, of the shape of the first ones.
    loss_history : list of float
        The loss at the start and after each step.
    evaluations : list of int
        For each entry of loss_history, how many times f had been called until then.
    num_evaluations : int
        How many times f was called in all.
    reason : str
        Why it stopped.
    has_converged : bool
        Whether it stopped because the gradient was small enough.
    """

    w: np.ndarray
    loss_history: list
    evaluations: list
    num_evaluations: int
    reason: str
    has_converged: bool


def lbfgs(f, w0, history=10, max_iterations=200, tolerance=1e-6):
    """Minimise a function of many variables by L-BFGS, with all of the data in every evaluation.

    Each step goes along `lbfgs_direction`, as far as the strong Wolfe conditions ask (`wolfe_step`), so the loss never
    rises and each step gives a pair with s . y > 0.

    Parameters
    ----------
    f : callable
        Takes w, returns the loss and its gradient, of the shape of w. It must give the same values for the same w: the
        loss of all inputs, not that of a random batch.
    w0 : ndarray
        Where to begin. The computation is in float64.
    history : int
        m, the number of pairs to remember; memory grows with it.
    max_iterations : int
        The largest number of steps.
    tolerance : float
        It stops once no entry of the gradient is larger than this.

    Returns
    -------
    LBFGSResult

    Raises
    ------
    ValueError
        If the loss or the gradient at w0 is not finite, or the gradient has another shape than w0.

    Notes
    -----
    Nocedal and Wright (2006), "Numerical optimization", algorithm 7.5. It is no update rule for a `Solver`: each step
    needs several evaluations of one and the same function.

    Examples
    --------
    >>> scales = np.array([1.0, 30.0])
    >>> result = lbfgs(lambda w: (0.5 * np.sum(scales * w**2), scales * w), np.array([-9.0, 1.5]))
    >>> bool(np.all(np.abs(result.w) < 1e-6)), result.has_converged
    (True, True)
    """
    require_whole("history", history)
    require_whole("max_iterations", max_iterations, least=0)
    _require_no_less("tolerance", tolerance, 0)
    counted = _Counted(f, np.shape(w0))
    w = np.array(w0, dtype=np.float64).ravel()
    loss, gradient = counted(w)
    if not (np.isfinite(loss) and np.isfinite(gradient).all()):
        raise ValueError(f"The loss at w0 is {loss}, or its gradient is not finite: begin somewhere else.")
    losses, evaluations, pairs = [loss], [counted.calls], deque(maxlen=history)
    reason = f"max_iterations = {max_iterations} steps were taken"
    for _ in range(max_iterations):
        if _largest(gradient) <= tolerance:
            break
        direction = lbfgs_direction(gradient, list(pairs))
        # Nothing is known of the scale before the first pair: try a step of length 1 at most.
        first = 1.0 if pairs else min(1.0, 1 / np.linalg.norm(gradient))
        found = wolfe_step(counted, w, direction, loss, gradient, first)
        if found is None:
            reason = "no step along the direction makes the loss fall enough: rounding, or a gradient that is wrong"
            break
        next_w, loss, next_gradient = found
        _remember(pairs, next_w - w, next_gradient - gradient)
        w, gradient = next_w, next_gradient
        losses.append(loss)
        evaluations.append(counted.calls)
    has_converged = bool(_largest(gradient) <= tolerance)
    if has_converged:
        reason = f"no entry of the gradient is larger than {tolerance:g}"
    return LBFGSResult(w.reshape(np.shape(w0)), losses, evaluations, counted.calls, reason, has_converged)


class _Counted:
    """A function of a flat w that counts its calls and checks what it returns."""

    def __init__(self, f, shape):
        self.f, self.shape, self.calls = f, shape, 0

    def __call__(self, w):
        self.calls += 1
        loss, gradient = self.f(w.reshape(self.shape))
        require_shape("the gradient that f returns", gradient, self.shape)
        return float(loss), np.asarray(gradient, dtype=np.float64).ravel()


def _largest(gradient):
    return np.abs(gradient).max(initial=0.0)


def _remember(pairs, s, y):
    """Keep a pair, unless rounding has eaten up its curvature."""
    if s @ y > 1e-10 * np.linalg.norm(s) * np.linalg.norm(y):
        pairs.append((s, y))


def wolfe_step(f, w, direction, loss, gradient, first=1.0, c1=1e-4, c2=0.9, max_trials=25):
    """Search along a direction for a step that satisfies the strong Wolfe conditions.

    With phi(t) = f(w + t * direction), they ask that the loss falls enough, phi(t) <= phi(0) + c1 * t * phi'(0), and
    that the slope has flattened, |phi'(t)| <= c2 * |phi'(0)|. As long as the loss still falls, t is doubled; once a
    good step is enclosed, the interval is shrunk by cubic interpolation.

    Parameters
    ----------
    f : callable
        Takes w, returns the loss and the gradient.
    w, direction : ndarray of shape (D,)
        The direction goes down: direction . gradient < 0.
    loss : float
        f at w.
    gradient : ndarray of shape (D,)
        Its gradient there.
    first : float
        The first t to try.
    c1, c2 : float
        0 < c1 < c2 < 1.
    max_trials : int
        How often f may be called.

    Returns
    -------
    (next_w, loss, gradient) or None
        None if no trial satisfies the conditions, and none makes the loss fall enough with s . y > 0.

    Raises
    ------
    ValueError
        If c1 and c2 do not fit.

    Notes
    -----
    Nocedal and Wright (2006), "Numerical optimization", algorithms 3.5 and 3.6, joined into one loop.

    Examples
    --------
    >>> bowl = lambda w: (float(w @ w), 2 * w)
    >>> w, loss, gradient = wolfe_step(bowl, np.array([3.0]), np.array([-6.0]), 9.0, np.array([6.0]))
    >>> w, loss
    (array([0.]), 0.0)
    """
    if not 0 < c1 < c2 < 1:
        raise ValueError(f"c1 is {c1} and c2 is {c2}, expected 0 < c1 < c2 < 1.")
    slope = direction @ gradient
    if not slope < 0:
        return None
    low, high = (0.0, loss, slope), None  # low has the least loss so far; a good step lies between low and high
    t, fallback = first, None
    for _ in range(max_trials):
        next_w = w + t * direction
        next_loss, next_gradient = f(next_w)
        new = (t, next_loss, direction @ next_gradient)
        # Written so that nan, which compares as False with everything, counts as too high.
        falls = next_loss <= loss + c1 * t * slope and next_loss <= low[1] and np.isfinite(new[2])
        if falls:
            if abs(new[2]) <= -c2 * slope:
                return next_w, next_loss, next_gradient
            if new[2] > slope:
                fallback = next_w, next_loss, next_gradient
        low, high = _enclosed(low, high, new, falls)
        t = 2 * t if high is None else _between(low, high)
    return fallback


def _enclosed(low, high, new, falls):
    """Update the two ends between which a good step lies; each is (t, loss, slope)."""
    if not falls:
        return low, new
    towards = 1.0 if high is None else high[0] - low[0]
    if new[2] * towards >= 0:  # beyond the lowest point: the good step lies back towards the old low end
        return new, low
    return new, high


def _between(low, high):
    """The lowest point of the cubic through two points with slopes; the middle if it is too near an end, or none.

    Nocedal and Wright (2006), formula 3.59.
    """
    (a, loss_a, slope_a), (b, loss_b, slope_b) = low, high
    middle = (a + b) / 2
    with np.errstate(all="ignore"):  # the loss at the high end may be infinite
        d1 = slope_a + slope_b - 3 * (loss_a - loss_b) / (a - b)
        d2 = np.sign(b - a) * np.sqrt(np.maximum(d1**2 - slope_a * slope_b, 0))
        t = b - (b - a) * (slope_b + d2 - d1) / (slope_b - slope_a + 2 * d2)
    margin = 0.1 * abs(b - a)
    return float(t) if np.isfinite(t) and min(a, b) + margin <= t <= max(a, b) - margin else middle


def _require_no_less(name, value, least):
    if not value >= least:
        raise ValueError(f"{name} is {value}, expected a number of at least {least}.")
