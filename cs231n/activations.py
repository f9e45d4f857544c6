"""Activation functions as layers, and how to measure what they do to gradients.

The contract is that of `cs231n.layers`: ``x_forward(...)`` returns ``(out, cache)``, and ``x_backward(dout, cache)``
returns the gradients with respect to the inputs. ReLU is there already. `PAIRS` has those that the notebook Activations
compares by name, and `LAYERS` the same as layers of graphs (`cs231n.graph`), so that a network can be given any one of
them. GELU is for the network of the record recipe.

All of them but PReLU and maxout work entry by entry and take arrays of any shape. Integers are computed as float64,
float16 in float32 (`_precision.py`). Their exponentials never overflow: no finite input gives nan or a warning, unless
a slope above 1 takes the output itself out of range.
"""

from numbers import Real

import numpy as np

from cs231n._cache import remember, require_remembered
from cs231n._errors import require_gradient, require_rows, require_shape, require_some, require_whole
from cs231n._fast.written_activations import write_gelu, write_gelu_and_slope
from cs231n._precision import as_floats, in_float32
from cs231n.graph import layer
from cs231n.layers import relu_backward, relu_forward

__all__ = [
    "LAYERS",
    "PAIRS",
    "dead_share",
    "elu_backward",
    "elu_forward",
    "gelu_backward",
    "gelu_forward",
    "leaky_relu_backward",
    "leaky_relu_forward",
    "maxout_backward",
    "maxout_forward",
    "one_signed_share",
    "prelu_backward",
    "prelu_forward",
    "saturated_share",
    "sigmoid_backward",
    "sigmoid_forward",
    "tanh_backward",
    "tanh_forward",
]


# ---- sigmoid and tanh


@in_float32
def sigmoid_forward(x):
    """Compute the logistic sigmoid 1 / (1 + exp(-x)), which squashes every number into the range from 0 to 1.

    Parameters
    ----------
    x : ndarray of any shape

    Returns
    -------
    out : ndarray of the shape of x
    cache : ndarray
        The output.

    Raises
    ------
    TypeError
        If x does not hold real numbers.

    Notes
    -----
    exp(-x) overflows for x far below 0. With exp(-abs(x)), which is at most 1, both signs are safe: for x < 0 the
    formula is multiplied by exp(x) above and below.

    Examples
    --------
    >>> sigmoid_forward(np.array([-1000.0, 0.0, 1000.0]))[0]
    array([0. , 0.5, 1. ])
    """
    x = _numbers(x)
    ### BEGIN SOLUTION
    small = np.exp(-np.abs(x))  # at most 1
    out = np.where(x >= 0, 1, small) / (1 + small)
    ### END SOLUTION
    cache = out
    return out, cache


@in_float32
def sigmoid_backward(dout, cache):
    """Compute the gradient of the sigmoid, whose slope is out * (1 - out): 1/4 at x = 0, less everywhere else.

    Parameters
    ----------
    dout : ndarray of any shape
    cache : ndarray
        The output of `sigmoid_forward`, of the shape of dout.

    Returns
    -------
    dx : ndarray of the shape of dout

    Raises
    ------
    ValueError
        If dout does not have the shape of the output.

    Examples
    --------
    >>> sigmoid_backward(np.array([8.0, 8.0]), np.array([0.5, 1.0]))
    array([2., 0.])
    """
    _require_cached(dout, cache)
    ### BEGIN SOLUTION
    out = cache
    dx = dout * out * (1 - out)
    ### END SOLUTION
    return dx


@in_float32
def tanh_forward(x):
    """Compute the hyperbolic tangent: a sigmoid that is stretched to the range from -1 to 1, 2 sigmoid(2 x) - 1.

    Parameters
    ----------
    x : ndarray of any shape

    Returns
    -------
    out : ndarray of the shape of x
    cache : ndarray
        The output.

    Raises
    ------
    TypeError
        If x does not hold real numbers.

    Examples
    --------
    >>> tanh_forward(np.array([-1000.0, 0.0, 1000.0]))[0]
    array([-1.,  0.,  1.])
    """
    x = _numbers(x)
    ### BEGIN SOLUTION
    out = np.tanh(x)
    ### END SOLUTION
    cache = out
    return out, cache


@in_float32
def tanh_backward(dout, cache):
    """Compute the gradient of tanh, whose slope is 1 - out ** 2: 1 at x = 0, less everywhere else.

    Parameters
    ----------
    dout : ndarray of any shape
    cache : ndarray
        The output of `tanh_forward`, of the shape of dout.

    Returns
    -------
    dx : ndarray of the shape of dout

    Raises
    ------
    ValueError
        If dout does not have the shape of the output.

    Examples
    --------
    >>> tanh_backward(np.array([8.0, 8.0]), np.array([0.0, 0.5]))
    array([8., 6.])
    """
    _require_cached(dout, cache)
    ### BEGIN SOLUTION
    out = cache
    dx = dout * (1 - out**2)
    ### END SOLUTION
    return dx


# ---- relatives of ReLU


@in_float32
def leaky_relu_forward(x, slope=0.01):
    """Compute the leaky rectified linear unit: x where it is positive, slope * x elsewhere.

    Parameters
    ----------
    x : ndarray of any shape
    slope : float
        The slope on the left side; 0 gives ReLU, 1 the identity.

    Returns
    -------
    out : ndarray of the shape of x
    cache : tuple (x, slope)

    Raises
    ------
    TypeError, ValueError
        If x does not hold real numbers, or the slope is not a finite number.

    Notes
    -----
    Maas, Hannun and Ng (2013), "Rectifier nonlinearities improve neural network acoustic models".

    Examples
    --------
    >>> leaky_relu_forward(np.array([-2.0, 0.0, 3.0]), slope=0.25)[0]
    array([-0.5,  0. ,  3. ])
    """
    x = _numbers(x)
    _require_number("slope", slope)
    ### BEGIN SOLUTION
    out = np.where(x > 0, x, slope * x)
    ### END SOLUTION
    return out, remember((x, slope), "leaky_relu", out)


@in_float32
def leaky_relu_backward(dout, cache):
    """Compute the gradient of leaky ReLU. At x = 0, where there is no derivative, it takes the slope of the left side.

    Parameters
    ----------
    dout : ndarray of any shape
    cache : tuple (x, slope)

    Returns
    -------
    dx : ndarray of the shape of x

    Raises
    ------
    ValueError
        If dout does not have the shape of x.

    Examples
    --------
    >>> leaky_relu_backward(np.array([8.0, 8.0]), (np.array([-2.0, 3.0]), 0.25))
    array([2., 8.])
    """
    require_remembered(dout, cache, "leaky_relu")
    ### BEGIN SOLUTION
    x, slope = cache
    dx = np.where(x > 0, dout, slope * dout)
    ### END SOLUTION
    return dx


@in_float32
def prelu_forward(x, alpha):
    """Compute the parametric rectified linear unit: a leaky ReLU in which each column learns its slope.

    Parameters
    ----------
    x : ndarray of shape (N, D)
        Feature maps (N, C, H, W) fit as ``maps.transpose(0, 2, 3, 1).reshape(-1, C)``: a slope for each channel.
    alpha : ndarray of shape (D,)
        The slope of each column on the left side.

    Returns
    -------
    out : ndarray of shape (N, D)
    cache : tuple (x, alpha)

    Raises
    ------
    TypeError, ValueError
        If x does not hold real numbers, or the shapes do not fit.

    Notes
    -----
    He, Zhang, Ren and Sun (2015), "Delving deep into rectifiers". They start with slopes of 0.25.

    Examples
    --------
    >>> prelu_forward(np.array([[-2.0, -2.0], [4.0, 4.0]]), np.array([0.5, 0.25]))[0]
    array([[-1. , -0.5],
           [ 4. ,  4. ]])
    """
    x, alpha = _numbers(x), _numbers(alpha, "alpha")
    require_rows(x, "maps.transpose(0, 2, 3, 1).reshape(-1, C)")
    require_shape("alpha", alpha, x.shape[1:])
    ### BEGIN SOLUTION
    out = np.where(x > 0, x, alpha * x)
    ### END SOLUTION
    return out, remember((x, alpha), "prelu", out)


@in_float32
def prelu_backward(dout, cache):
    """Compute the gradients of PReLU.

    Parameters
    ----------
    dout : ndarray of shape (N, D)
    cache : tuple (x, alpha)

    Returns
    -------
    dx : ndarray of shape (N, D)
    dalpha : ndarray of shape (D,)

    Raises
    ------
    ValueError
        If dout does not have the shape of x.

    Examples
    --------
    >>> x, alpha = np.array([[-2.0, -2.0], [4.0, -4.0]]), np.array([0.5, 0.25])
    >>> prelu_backward(np.array([[1.0, 1.0], [10.0, 10.0]]), (x, alpha))
    (array([[ 0.5 ,  0.25],
           [10.  ,  2.5 ]]), array([ -2., -42.]))
    """
    require_remembered(dout, cache, "prelu")
    ### BEGIN SOLUTION
    x, alpha = cache
    dx = np.where(x > 0, dout, alpha * dout)
    dalpha = np.sum(dout * np.minimum(x, 0), axis=0)  # (N, D) -> (D,): all rows share the slope of a column
    ### END SOLUTION
    return dx, dalpha


@in_float32
def elu_forward(x, alpha=1.0):
    """Compute the exponential linear unit: x where it is positive, alpha * (exp(x) - 1) elsewhere.

    Parameters
    ----------
    x : ndarray of any shape
    alpha : float
        The output comes near -alpha for x far below 0.

    Returns
    -------
    out : ndarray of the shape of x
    cache : tuple (out, alpha)

    Raises
    ------
    TypeError, ValueError
        If x does not hold real numbers, or alpha is not a finite number above 0.

    Notes
    -----
    Clevert, Unterthiner and Hochreiter (2016), "Fast and accurate deep network learning by exponential linear units
    (ELUs)". np.expm1(x) is exp(x) - 1 without the loss of digits near x = 0. Both sides of np.where are computed, so
    exp must not see the positive entries, for which it can overflow.

    Examples
    --------
    >>> elu_forward(np.array([-1000.0, 0.0, 1000.0]), alpha=2.0)[0]
    array([  -2.,    0., 1000.])
    """
    x = _numbers(x)
    _require_number("alpha", alpha, above=0)
    ### BEGIN SOLUTION
    out = np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))
    ### END SOLUTION
    return out, remember((out, alpha), "elu", out)


@in_float32
def elu_backward(dout, cache):
    """Compute the gradient of ELU, whose slope is 1 where the output is positive, out + alpha = alpha exp(x) elsewhere.

    Parameters
    ----------
    dout : ndarray of any shape
    cache : tuple (out, alpha)

    Returns
    -------
    dx : ndarray of the shape of dout

    Raises
    ------
    ValueError
        If dout does not have the shape of the output.

    Examples
    --------
    >>> elu_backward(np.array([8.0, 8.0]), (np.array([-1.5, 3.0]), 2.0))
    array([4., 8.])
    """
    require_remembered(dout, cache, "elu")
    ### BEGIN SOLUTION
    out, alpha = cache
    dx = np.where(out > 0, dout, (out + alpha) * dout)
    ### END SOLUTION
    return dx


# ---- maxout


@in_float32
def maxout_forward(x, num_pieces):
    """Compute maxout: the largest of k pieces, each of which is an affine function of what came before.

    The affine layer before it has k blocks of M outputs, W = [W_1, ..., W_k], and so

    out = max(u W_1 + b_1, ..., u W_k + b_k)

    where u is the input of the affine layer. The M units of the result have k times as many weights as usual.

    Parameters
    ----------
    x : ndarray of shape (N, k * M)
        k blocks of M columns, one block after the other.
    num_pieces : int
        The number k of blocks.

    Returns
    -------
    out : ndarray of shape (N, M)
    cache : tuple (winners, num_pieces)
        The block from which each entry of the output comes, of shape (N, M); of equal ones the first.

    Raises
    ------
    TypeError, ValueError
        If x does not hold real numbers, is not a matrix, or its columns do not make k blocks.

    Notes
    -----
    Goodfellow, Warde-Farley, Mirza, Courville and Bengio (2013), "Maxout networks".

    Examples
    --------
    >>> out, (winners, _) = maxout_forward(np.array([[1.0, 5.0, 3.0, 4.0]]), 2)
    >>> out, winners
    (array([[3., 5.]]), array([[1, 0]]))
    """
    x = _numbers(x)
    require_rows(x, "maps.transpose(0, 2, 3, 1).reshape(-1, C)")
    _require_pieces(x, num_pieces)
    ### BEGIN SOLUTION
    pieces = x.reshape(len(x), num_pieces, -1)  # (N, k * M) -> (N, k, M)
    winners = pieces.argmax(axis=1)
    out = pieces.max(axis=1)
    ### END SOLUTION
    return out, remember((winners, num_pieces), "maxout", out)


@in_float32
def maxout_backward(dout, cache):
    """Compute the gradient of maxout: it goes to the piece that won, and to no other.

    Parameters
    ----------
    dout : ndarray of shape (N, M)
    cache : tuple (winners, num_pieces)

    Returns
    -------
    dx : ndarray of shape (N, k * M)

    Raises
    ------
    ValueError
        If dout does not have the shape of the output.

    Examples
    --------
    >>> maxout_backward(np.array([[10.0, 20.0]]), (np.array([[1, 0]]), 2))
    array([[ 0., 20., 10.,  0.]])
    """
    require_remembered(dout, cache, "maxout")
    ### BEGIN SOLUTION
    winners, num_pieces = cache
    pieces = np.arange(num_pieces)[:, np.newaxis]  # (k, 1)
    won = winners[:, np.newaxis] == pieces  # (N, 1, M) == (k, 1) -> (N, k, M)
    dx = (dout[:, np.newaxis] * won).reshape(len(dout), -1)  # (N, k, M) -> (N, k * M)
    ### END SOLUTION
    return dx


# ---- what they do to gradients


def saturated_share(slopes, limit=0.01):
    """Return the share of the entries whose slope is below a limit, on either side of 0.

    Parameters
    ----------
    slopes : ndarray of any shape
        The slopes of an activation at its inputs: what its backward pass returns for a `dout` of ones.
    limit : float

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        If there are no slopes, or the limit is not a finite number above 0.

    Examples
    --------
    >>> saturated_share(np.array([[0.25, 0.0], [-0.002, -0.5]]))
    0.5
    """
    slopes = np.atleast_1d(slopes)
    require_some(slopes, "slopes", "share")
    _require_number("limit", limit, above=0)
    ### BEGIN SOLUTION
    share = np.mean(np.abs(slopes) < limit)
    ### END SOLUTION
    return float(share)


def dead_share(slopes):
    """Return the share of the units that are dead: those whose slope is 0 for each of the inputs.

    Parameters
    ----------
    slopes : ndarray of shape (N, D)
        The slopes of D units, for N inputs.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If slopes is not a matrix, or is empty.

    Examples
    --------
    >>> dead_share(np.array([[0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]]))
    0.5
    """
    slopes = np.asarray(slopes)
    _require_matrix("slopes", slopes, "(N, D): a row for each input, a column for each unit")
    if slopes.size == 0:
        raise ValueError(f"slopes has shape {slopes.shape}: without any inputs and units, there is no share.")
    ### BEGIN SOLUTION
    share = np.mean(np.all(slopes == 0, axis=0))  # (N, D) -> (D,) -> ()
    ### END SOLUTION
    return float(share)


def one_signed_share(dw):
    """Return the share of the units whose weights all have gradients of one sign.

    Parameters
    ----------
    dw : ndarray of shape (D, M)
        The gradient of an affine layer's weights, with a column for each unit. Gradients that are 0 have no sign, and a
        column of nothing but zeros does not count at all.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If dw is not a matrix, or 0 throughout.

    Examples
    --------
    >>> one_signed_share(np.array([[1.0, -1.0, 2.0, 0.0], [3.0, 0.0, -2.0, 0.0]]))  # two of three
    0.6666666666666666
    """
    dw = np.asarray(dw)
    _require_matrix("dw", dw, "(D, M): a column of gradients for each unit")
    if not np.any(dw):
        raise ValueError(f"dw of shape {dw.shape} is 0 throughout: no gradient has a sign.")
    ### BEGIN SOLUTION
    has_positive, has_negative = np.any(dw > 0, axis=0), np.any(dw < 0, axis=0)  # (D, M) -> (M,)
    share = np.sum(has_positive ^ has_negative) / np.sum(has_positive | has_negative)
    ### END SOLUTION
    return float(share)


# ---- all of them by name

PAIRS = {
    "sigmoid": (sigmoid_forward, sigmoid_backward),
    "tanh": (tanh_forward, tanh_backward),
    "relu": (relu_forward, relu_backward),
    "leaky_relu": (leaky_relu_forward, leaky_relu_backward),
    "prelu": (prelu_forward, prelu_backward),
    "elu": (elu_forward, elu_backward),
    "maxout": (maxout_forward, maxout_backward),
}
LAYERS = {name: layer(*pair) for name, pair in PAIRS.items()}


# ---- GELU


@in_float32
def gelu_forward(x):
    """Compute GELU, x times the probability that a normal number is below x, by its usual approximation with tanh.

    out = x * (1 + tanh(u)) / 2,  u = sqrt(2 / pi) * (x + 0.044715 * x^3)

    Like ReLU it gives about 0 far below 0 and x far above, but it has no kink, and a slope for small negative x.

    Parameters
    ----------
    x : ndarray of any shape

    Returns
    -------
    out : ndarray of the shape of x
    cache : ndarray
        x.

    Raises
    ------
    TypeError
        If x does not hold real numbers.

    Notes
    -----
    Hendrycks and Gimpel (2016), "Gaussian error linear units (GELUs)", section 2.

    Examples
    --------
    >>> gelu_forward(np.array([-10.0, -1.0, 0.0, 1.0]))[0].round(4) + 0.0
    array([ 0.    , -0.1588,  0.    ,  0.8412])
    """
    x = _numbers(x)
    out = np.empty_like(x)
    write_gelu(np.clip(x, -_FAR, _FAR), out)
    np.copyto(out, x, where=x > _FAR)
    return out, x


@in_float32
def gelu_backward(dout, cache):
    """Compute the gradient of `gelu_forward`.

    Parameters
    ----------
    dout : ndarray of any shape
    cache : ndarray
        x, of the shape of dout.

    Returns
    -------
    dx : ndarray of the shape of dout

    Raises
    ------
    ValueError
        If dout does not have the shape of x.

    Examples
    --------
    >>> gelu_backward(np.array([1.0, 1.0, 1.0]), np.array([-10.0, 0.0, 10.0])).round(4) + 0.0
    array([0. , 0.5, 1. ])
    """
    x = cache
    require_gradient(dout, x.shape)
    slope = np.empty_like(x)
    write_gelu_and_slope(np.clip(x, -_FAR, _FAR), np.empty_like(x), slope)
    return dout * slope


_FAR = 100.0  # from here on GELU is 0 or x to the last digit, and the cube of x could overflow


# ---- arguments


def _numbers(x, name="x"):
    """Return real numbers as an array of floats; one that is there already is not converted."""
    array = x if isinstance(x, np.ndarray) else np.asarray(x)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} has dtype {array.dtype}, expected real numbers, such as float32.")
    return array if array.dtype.kind == "f" else as_floats(array)


def _require_number(name, value, above=None):
    """Raise unless `value` is a finite number, above another one if there is one."""
    if not isinstance(value, Real):
        hint = " For a slope of each column there is prelu_forward." if name == "slope" else ""
        raise TypeError(f"{name} is {value!r}, expected a number.{hint}")
    if not np.isfinite(value) or (above is not None and value <= above):
        limit = "" if above is None else f" above {above}"
        raise ValueError(f"{name} is {value!r}, expected a finite number{limit}.")


def _require_matrix(name, array, expected):
    """Raise unless the array has two axes."""
    if array.ndim != 2:
        raise ValueError(f"{name} has shape {array.shape}, expected {expected}.")


def _require_pieces(x, num_pieces):
    """Raise unless the columns of `x` make `num_pieces` blocks of equal size."""
    require_whole("num_pieces", num_pieces)
    if x.shape[1] % num_pieces:
        raise ValueError(
            f"x of shape {x.shape} has {x.shape[1]} columns, which do not make {num_pieces} blocks of equal size. "
            "The affine layer before needs num_pieces times as many outputs as there are units."
        )


def _require_cached(dout, cache):
    """Raise unless dout has the shape of the cached output; a cache of another kind is up to who writes the layer."""
    if isinstance(cache, np.ndarray):
        require_gradient(dout, cache.shape)
