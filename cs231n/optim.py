"""Update rules: how a parameter moves along its gradient.

The contract of every rule: ``rule(w, dw, config=None)`` returns ``(next_w, config)``. ``config`` is a dict of the
rule's settings and its state; what is missing is filled in with the default, in the dict that was passed.
"""


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
    config = {} if config is None else config
    config.setdefault("learning_rate", 1e-2)
    ### BEGIN SOLUTION
    next_w = w - config["learning_rate"] * dw
    ### END SOLUTION
    return next_w, config
