"""Initial weights: what the weights of a layer are before the first step of training.

Every function takes the shape of the weights, (D, M) for an affine layer or (F, C, HH, WW) for a convolution, and
returns them in float64; biases start at 0. Random numbers come from ``rng``: by default NumPy's global generator, which
`np.random.seed` seeds, or a generator such as ``np.random.default_rng(0)``.
"""

from numbers import Real

import numpy as np

from cs231n._errors import nearest, require_not_negative, require_whole

MODES = ("average", "fan_in", "fan_out")


# ---- how many terms a sum has


def fans(shape):
    """Count what a layer adds up: the terms of one output, and the outputs that one input is a term of.

    Parameters
    ----------
    shape : tuple of int
        (D, M), the weights of an affine layer from D inputs to M outputs; or (F, C, HH, WW), F filters of size (HH, WW)
        over C channels.

    Returns
    -------
    fan_in, fan_out : int
        D and M; for a convolution C * HH * WW and, with a stride of 1 and away from the border, F * HH * WW.

    Raises
    ------
    ValueError
        If `shape` has neither two nor four axes, or a size below 1.

    Examples
    --------
    >>> fans((3072, 100))
    (3072, 100)
    >>> fans((32, 3, 5, 5))  # an output adds up 3 * 5 * 5 products
    (75, 800)
    """
    _require_weight_shape(shape)
    ### BEGIN SOLUTION
    if len(shape) == 2:
        fan_in, fan_out = shape
    else:
        F, C, HH, WW = shape
        fan_in, fan_out = C * HH * WW, F * HH * WW
    ### END SOLUTION
    return fan_in, fan_out


def _chosen_fan(shape, mode):
    """Return the number of terms, n, that `mode` chooses: fan_in, fan_out, or the mean of both."""
    if hasattr(mode, "normal"):
        raise TypeError("mode is a generator: pass it by name, rng=..., as mode comes first.")
    if mode not in MODES:
        raise ValueError(f"mode is {mode!r}{nearest(mode, MODES)}; it must be one of {', '.join(map(repr, MODES))}.")
    fan_in, fan_out = fans(shape)
    return {"fan_in": fan_in, "fan_out": fan_out, "average": (fan_in + fan_out) / 2}[mode]


# ---- the same for every shape


def zeros(shape):
    """Return weights that are all 0. All units of a layer then stay equal for ever.

    Examples
    --------
    >>> zeros((2, 3))
    array([[0., 0., 0.],
           [0., 0., 0.]])
    """
    _require_weight_shape(shape)
    ### BEGIN SOLUTION
    W = np.zeros(shape)
    ### END SOLUTION
    return W


def constant(shape, value):
    """Return weights that are all `value`, a float even if `value` is an integer.

    Examples
    --------
    >>> constant((2, 3), 5)
    array([[5., 5., 5.],
           [5., 5., 5.]])
    """
    _require_weight_shape(shape)
    _require_number("value", value)
    ### BEGIN SOLUTION
    W = np.full(shape, value, dtype=float)
    ### END SOLUTION
    return W


def gaussian(shape, std=0.01, rng=np.random):
    """Draw weights from the normal distribution around 0: "small" with a `std` of 0.01, "large" with 1.

    Parameters
    ----------
    shape : tuple of int
    std : float
        Standard deviation.
    rng : generator
        Whatever has NumPy's methods `normal` and `uniform`.

    Returns
    -------
    ndarray of shape `shape`

    Raises
    ------
    ValueError
        If `shape` is not that of weights, or `std` is negative.
    TypeError
        If `rng` is not a generator, but a seed for example.

    Examples
    --------
    >>> W = gaussian((200, 300), std=0.01, rng=np.random.default_rng(0))
    >>> W.shape, round(float(W.mean()), 3), round(float(W.std()), 3)
    ((200, 300), 0.0, 0.01)
    """
    _require_weight_shape(shape)
    _require_generator(rng)
    require_not_negative("std", std)
    ### BEGIN SOLUTION
    W = rng.normal(0, std, size=shape)
    ### END SOLUTION
    return W


# ---- a spread that fits the layer


def xavier_normal(shape, mode="average", rng=np.random):
    """Draw weights from the normal distribution with variance 1 / n, which suits tanh.

    Parameters
    ----------
    shape : tuple of int
    mode : 'average', 'fan_in' or 'fan_out'
        What n is. With the mean of both, the variance is 2 / (fan_in + fan_out), as published; ``1 / fan_in`` is also
        common under the same name.
    rng : generator

    Returns
    -------
    ndarray of shape `shape`

    Raises
    ------
    ValueError, TypeError
        If an argument is none of these.

    Notes
    -----
    Glorot and Bengio (2010), "Understanding the difficulty of training deep feedforward neural networks", equation 12.

    Examples
    --------
    >>> W = xavier_normal((50, 150), rng=np.random.default_rng(0))  # n = 100
    >>> round(float(W.std()), 2)
    0.1
    """
    _require_generator(rng)
    n = _chosen_fan(shape, mode)
    ### BEGIN SOLUTION
    W = rng.normal(0, np.sqrt(1 / n), size=shape)
    ### END SOLUTION
    return W


def xavier_uniform(shape, mode="average", rng=np.random):
    """Draw weights uniformly between -a and a, with a such that the variance is 1 / n as in `xavier_normal`.

    Parameters
    ----------
    shape : tuple of int
    mode : 'average', 'fan_in' or 'fan_out'
    rng : generator

    Returns
    -------
    ndarray of shape `shape`

    Raises
    ------
    ValueError, TypeError
        If an argument is none of these.

    Notes
    -----
    Glorot and Bengio (2010), equation 16: a = sqrt(6 / (fan_in + fan_out)).

    Examples
    --------
    >>> W = xavier_uniform((100, 200), rng=np.random.default_rng(0))  # a = sqrt(6 / 300)
    >>> round(float(W.min()), 3), round(float(W.max()), 3)
    (-0.141, 0.141)
    """
    _require_generator(rng)
    n = _chosen_fan(shape, mode)
    ### BEGIN SOLUTION
    limit = np.sqrt(3 / n)  # the variance of uniform numbers from -a to a is a^2 / 3
    W = rng.uniform(-limit, limit, size=shape)
    ### END SOLUTION
    return W


def he_normal(shape, mode="fan_in", slope=0.0, rng=np.random):
    """Draw weights from the normal distribution with variance 2 / ((1 + slope^2) n), which suits ReLU.

    Parameters
    ----------
    shape : tuple of int
    mode : 'fan_in', 'fan_out' or 'average'
        What n is.
    slope : float
        Slope of the activation below 0: 0 for ReLU, 0.01 for most leaky ones. A slope of 1 is no activation at all and
        leaves 1 / n.
    rng : generator

    Returns
    -------
    ndarray of shape `shape`

    Raises
    ------
    ValueError, TypeError
        If an argument is none of these.

    Notes
    -----
    He, Zhang, Ren and Sun (2015), "Delving deep into rectifiers", equations 10, 14 and 15.

    Examples
    --------
    >>> W = he_normal((200, 300), rng=np.random.default_rng(0))
    >>> round(float(W.std()), 2)
    0.1
    """
    _require_generator(rng)
    _require_number("slope", slope)
    n = _chosen_fan(shape, mode)
    ### BEGIN SOLUTION
    variance = 2 / ((1 + slope**2) * n)
    W = rng.normal(0, np.sqrt(variance), size=shape)
    ### END SOLUTION
    return W


def orthogonal(shape, gain=1.0, rng=np.random):
    """Draw weights that turn vectors without changing their lengths, but for the factor `gain`.

    As a matrix with D rows and M columns (a convolution has F and C * HH * WW), W has orthogonal columns of length
    `gain`, or, if it is wider than high, orthogonal rows.

    Parameters
    ----------
    shape : tuple of int
    gain : float
    rng : generator

    Returns
    -------
    ndarray of shape `shape`

    Raises
    ------
    ValueError, TypeError
        If an argument is none of these.

    Notes
    -----
    Saxe, McClelland and Ganguli (2014), "Exact solutions to the nonlinear dynamics of learning in deep linear neural
    networks". Q of a QR decomposition favours some directions, until the signs of R's diagonal go into it: Mezzadri
    (2007), "How to generate random matrices from the classical compact groups".

    Examples
    --------
    >>> W = orthogonal((4, 2), gain=3, rng=np.random.default_rng(0))
    >>> (W.T @ W).round(9) + 0.0
    array([[9., 0.],
           [0., 9.]])
    """
    _require_generator(rng)
    _require_number("gain", gain)
    _require_weight_shape(shape)
    rows, columns = shape[0], int(np.prod(shape[1:]))
    ### BEGIN SOLUTION
    high = rng.normal(size=(max(rows, columns), min(rows, columns)))
    Q, R = np.linalg.qr(high)  # the columns of Q are orthogonal, and of length 1
    Q *= np.sign(np.diag(R))
    W = gain * (Q if rows >= columns else Q.T).reshape(shape)
    ### END SOLUTION
    return W


def dirac(shape):
    """Return filters that copy their input: filter i has a single 1, in the middle of channel i; all else is 0.

    With more filters than channels, the last filters are 0; with fewer, the last channels get lost.

    Parameters
    ----------
    shape : tuple (F, C, HH, WW)
        The middle of an even side is the entry after it.

    Returns
    -------
    ndarray of shape `shape`

    Raises
    ------
    ValueError
        If the shape is none of filters.

    Notes
    -----
    Zagoruyko and Komodakis (2017), "DiracNets: training very deep neural networks without skip-connections".

    Examples
    --------
    >>> dirac((2, 1, 1, 3))[:, 0, 0].tolist()
    [[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    """
    _require_weight_shape(shape)
    if len(shape) != 4:
        raise ValueError(f"shape is {shape}, expected (F, C, HH, WW): only a filter has a middle.")
    W, copied = np.zeros(shape), np.arange(min(shape[:2]))
    W[copied, copied, shape[2] // 2, shape[3] // 2] = 1
    return W


# ---- arguments


def _require_weight_shape(shape):
    """Raise unless `shape` is that of the weights of an affine layer or a convolution."""
    if not isinstance(shape, tuple | list) or len(shape) not in (2, 4):
        hint = " A bias has a single axis; it starts at 0: np.zeros." if np.size(shape) == 1 else ""
        if isinstance(shape, np.ndarray):
            shape, hint = f"an array of shape {shape.shape}", " For weights like those of an array: W.shape."
        raise ValueError(f"shape is {shape}, expected (D, M) or (F, C, HH, WW).{hint}")
    for axis, size in enumerate(shape):
        require_whole(f"shape[{axis}]", size)


def _require_number(name, value):
    """Raise unless `value` is a finite number."""
    if not isinstance(value, Real) or not np.isfinite(value):
        raise ValueError(f"{name} is {value!r}, expected a finite number.")


def _require_generator(rng):
    """Raise unless `rng` has the methods of NumPy's generators."""
    if not (hasattr(rng, "normal") and hasattr(rng, "uniform")):
        hint = f" For a seed: rng=np.random.default_rng({rng})." if isinstance(rng, int | np.integer) else ""
        raise TypeError(f"rng is {rng!r}, expected a generator such as np.random.default_rng(0).{hint}")
