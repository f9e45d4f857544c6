"""Numeric gradients: the slow, simple answer that a formula's gradient is compared with.

Each function moves one entry of x at a time, in place, by h up and down and puts it back:
df/dx_i is about (f(x + h e_i) - f(x - h e_i)) / (2 h), with an error that falls as h^2.
"""

import random
import warnings

import numpy as np


def _require_float(x):
    if not isinstance(x, np.ndarray):
        raise TypeError(f"x is a {type(x).__name__}, expected a NumPy array: its entries are moved in place.")
    if not np.issubdtype(x.dtype, np.floating):
        raise TypeError(
            f"x has dtype {x.dtype}: a whole number cannot be moved by a small h, and the gradient would come out "
            "wrong. x.astype(np.float64) converts it."
        )
    if x.dtype != np.float64:
        warnings.warn(
            f"x has dtype {x.dtype}: numeric gradients need float64, in {x.dtype} only about 3 digits are right.",
            stacklevel=3,
        )


def _central_differences(f, x, h):
    """Yield (index, f at x + h, f at x - h) for every entry of x; x is as before afterwards."""
    for index in np.ndindex(x.shape):
        yield index, *_evaluate_around(f, x, index, h)


def _evaluate_around(f, x, index, h):
    old = x[index]
    try:
        x[index] = old + h
        above = np.array(f(x), copy=True)  # a copy: f may hand out the same buffer again
        x[index] = old - h
        below = np.array(f(x), copy=True)
    finally:
        x[index] = old
    return above, below


def eval_numerical_gradient(f, x, verbose=True, h=0.00001):
    """Compute the numeric gradient of a function that returns one number.

    Parameters
    ----------
    f : callable
        Takes x, returns a number.
    x : float ndarray
        The point; moved in place during the call, as before after it.
    verbose : bool
        Print every entry.
    h : float
        Half the distance between the two points.

    Returns
    -------
    grad : ndarray of the shape of x

    Raises
    ------
    TypeError
        If x is not an array of floating-point numbers.

    Examples
    --------
    >>> eval_numerical_gradient(lambda x: (x**2).sum(), np.array([1.0, -3.0]), verbose=False).round(6)
    array([ 2., -6.])
    """
    _require_float(x)
    grad = np.zeros_like(x)
    for index, above, below in _central_differences(f, x, h):
        grad[index] = ((above - below) / (2 * h)).item()
        if verbose:
            print(index, grad[index])
    return grad


def eval_numerical_gradient_array(f, x, df, h=1e-5):
    """Compute the numeric gradient of a function that returns an array, weighted by df.

    Parameters
    ----------
    f : callable
        Takes x, returns an array.
    x : float ndarray
        The point; moved in place during the call, as before after it.
    df : ndarray of the shape of f(x)
        Gradient of the loss with respect to f(x).
    h : float
        Half the distance between the two points.

    Returns
    -------
    grad : ndarray of the shape of x

    Examples
    --------
    >>> x = np.array([1.0, 2.0])
    >>> eval_numerical_gradient_array(lambda x: 3 * x, x, np.array([1.0, 10.0])).round(6)
    array([ 3., 30.])
    """
    _require_float(x)
    grad = np.zeros_like(x)
    for index, above, below in _central_differences(f, x, h):
        grad[index] = np.sum((above - below) * df) / (2 * h)
    return grad


def eval_numerical_gradient_blobs(f, inputs, output, h=1e-5):
    """Compute the numeric gradients of a function that writes into a blob, for each input blob.

    A blob has two arrays, ``vals`` and ``diffs``. ``f(*inputs, output)`` writes ``output.vals``;
    ``output.diffs`` weighs it.

    Returns
    -------
    list of ndarray, one of the shape of each input's vals
    """

    def values(_):
        f(*inputs, output)
        return output.vals

    return [eval_numerical_gradient_array(values, blob.vals, output.diffs, h) for blob in inputs]


def eval_numerical_gradient_net(net, inputs, output, h=1e-5):
    """Compute the numeric gradients of ``net.forward()``, which reads `inputs` and writes `output` (blobs)."""
    return eval_numerical_gradient_blobs(lambda *_: net.forward(), inputs, output, h=h)


def grad_check_sparse(f, x, analytic_grad, num_checks=10, h=1e-5):
    """Compare a gradient with the numeric one at a few random entries, and print each comparison.

    Parameters
    ----------
    f : callable
        Takes x, returns a number.
    x : float ndarray
    analytic_grad : ndarray of the shape of x
    num_checks : int
    h : float
    """
    _require_float(x)
    for _ in range(num_checks):
        index = tuple(random.randrange(size) for size in x.shape)
        above, below = _evaluate_around(f, x, index, h)
        numeric, analytic = ((above - below) / (2 * h)).item(), float(analytic_grad[index])
        error = abs(numeric - analytic) / max(abs(numeric) + abs(analytic), 1e-12)
        print(f"numerical: {numeric:f} analytic: {analytic:f}, relative error: {error:e}")
