"""Numeric gradients: slow and simple, the reference that an analytic gradient is compared with.

Each function changes one entry of x at a time, in place, by +h and -h, and then restores it:
df/dx_i is approximately (f(x + h e_i) - f(x - h e_i)) / (2 h), with an error proportional to h^2.
"""

import random
import warnings

import numpy as np

from cs231n._errors import require_shape, require_whole


def _require_float(x):
    if not isinstance(x, np.ndarray):
        raise TypeError(f"x is a {type(x).__name__}, expected a NumPy array: its entries are changed in place.")
    if not np.issubdtype(x.dtype, np.floating):
        raise TypeError(
            f"x has dtype {x.dtype}: an integer cannot change by a small h, so the gradient would be wrong. "
            "x.astype(np.float64) converts it."
        )
    if x.dtype != np.float64:
        warnings.warn(
            f"x has dtype {x.dtype}: numeric gradients need float64; with {x.dtype} only about 3 digits are correct.",
            stacklevel=3,
        )


def _central_differences(f, x, h):
    """Yield (index, f at x + h, f at x - h) for every entry of x; x is restored each time."""
    for index in np.ndindex(x.shape):
        yield index, *_evaluate_around(f, x, index, h)


def _evaluate_around(f, x, index, h):
    old = x[index]
    try:
        x[index] = old + h
        above = np.array(f(x), copy=True)  # a copy: f may return the same buffer each time
        x[index] = old - h
        below = np.array(f(x), copy=True)
    finally:
        x[index] = old
    return above, below


def eval_numerical_gradient(f, x, verbose=True, h=0.00001):
    """Compute the numeric gradient of a function that returns a scalar.

    Parameters
    ----------
    f : callable
        Takes x, returns a scalar.
    x : float ndarray
        The point; changed in place during the call and restored at the end.
    verbose : bool
        Whether to print every entry.
    h : float
        Step to either side of x.

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
        The point; changed in place during the call and restored at the end.
    df : ndarray of the shape of f(x)
        Upstream gradient: of the loss with respect to f(x).
    h : float
        Step to either side of x.

    Returns
    -------
    grad : ndarray of the shape of x

    Raises
    ------
    TypeError
        If x is not an array of floating-point numbers.
    ValueError
        If df does not have the shape of f(x).

    Examples
    --------
    >>> x = np.array([1.0, 2.0])
    >>> eval_numerical_gradient_array(lambda x: 3 * x, x, np.array([1.0, 10.0])).round(6)
    array([ 3., 30.])
    """
    _require_float(x)
    grad = np.zeros_like(x)
    for index, above, below in _central_differences(f, x, h):
        require_shape("df", df, above.shape)
        grad[index] = np.sum((above - below) * df) / (2 * h)
    return grad


def eval_numerical_gradient_blobs(f, inputs, output, h=1e-5):
    """Compute the numeric gradient of a function that writes into a blob, for each input blob.

    A blob has two arrays, ``vals`` and ``diffs``. ``f(*inputs, output)`` writes ``output.vals``;
    ``output.diffs`` is the upstream gradient.

    Returns
    -------
    list of ndarray, one for each input, of the shape of its vals
    """

    def values(_):
        f(*inputs, output)
        return output.vals

    return [eval_numerical_gradient_array(values, blob.vals, output.diffs, h) for blob in inputs]


def eval_numerical_gradient_net(net, inputs, output, h=1e-5):
    """Compute the numeric gradients of ``net.forward()``, which reads the blobs `inputs` and writes `output`."""
    return eval_numerical_gradient_blobs(lambda *_: net.forward(), inputs, output, h=h)


def grad_check_sparse(f, x, analytic_grad, num_checks=10, h=1e-5):
    """Compare an analytic gradient with the numeric one at a few random entries, and print each comparison.

    Parameters
    ----------
    f : callable
        Takes x, returns a scalar.
    x : float ndarray
    analytic_grad : ndarray of the shape of x
    num_checks : int
        How many entries to compare.
    h : float
        Step to either side of x.
    """
    _require_float(x)
    require_shape("analytic_grad", analytic_grad, x.shape)
    require_whole("num_checks", num_checks, least=0)
    for _ in range(num_checks):
        index = tuple(random.randrange(size) for size in x.shape)
        above, below = _evaluate_around(f, x, index, h)
        numeric, analytic = ((above - below) / (2 * h)).item(), float(analytic_grad[index])
        error = abs(numeric - analytic) / max(abs(numeric) + abs(analytic), 1e-12)
        print(f"numerical: {numeric:f} analytic: {analytic:f}, relative error: {error:e}")
