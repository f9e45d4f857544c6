"""Gates, and a graph of values that finds its gradients by itself.

A gate is a pair of functions, `x_forward(...) -> (out, cache)` and `x_backward(dout, cache) -> gradients`, for numbers
and arrays alike. Shapes that differ are broadcast, as NumPy does it; a gradient always has the shape of its input.

`gate` makes a pair a function of `Value`s. A `Value` knows its parents, the values that it was computed from, so a
formula leaves a graph behind, and `backward` walks it from the output to the inputs. This is reverse-mode
differentiation; Baydin, Pearlmutter, Radul and Siskind (2018), "Automatic differentiation in machine learning: a
survey", tells its history.

`cs231n.graph` does the same for whole layers, with a record of calls in place of parents.

Examples
--------
>>> x, y = Value(3.0), Value(-4.0)
>>> z = x * y + x
>>> z.data
-9.0
>>> grads = backward(z)
>>> float(grads[x]), float(grads[y])
(-3.0, 3.0)
"""

from functools import wraps
from numbers import Real

import numpy as np

from cs231n._errors import require_gradient, require_shape

# ---- gates


def sum_to_shape(grad, shape):
    """Undo a broadcast: add up a gradient over the copies that broadcasting made of an input.

    Where an input of shape (M,) or (1, M) met one of shape (N, M), each of its entries was used N times, so its
    gradient is the sum over these N uses.

    Parameters
    ----------
    grad : ndarray or number
        The gradient of the input as it was broadcast.
    shape : tuple
        The shape of the input before.

    Returns
    -------
    ndarray or number of this shape

    Raises
    ------
    ValueError
        If `shape` cannot be broadcast to the shape of `grad`.

    Notes
    -----
    The rules are those of NumPy's manual, "Broadcasting": axes are added at the front until both have as many, and
    axes of length 1 are stretched.

    Examples
    --------
    >>> grad = np.array([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]])
    >>> sum_to_shape(grad, (3,))
    array([11., 22., 33.])
    >>> sum_to_shape(grad, (2, 1))
    array([[ 6.],
           [60.]])
    """
    _require_broadcast(shape, np.shape(grad))
    if np.shape(grad) == tuple(shape):
        return grad
    ### BEGIN SOLUTION
    grad = grad.sum(axis=tuple(range(grad.ndim - len(shape))))  # the axes that were added at the front
    stretched = tuple(axis for axis, size in enumerate(shape) if size == 1)
    grad = grad.sum(axis=stretched, keepdims=True)
    ### END SOLUTION
    return grad


def add_forward(x, y):
    """Compute x + y.

    Parameters
    ----------
    x, y : ndarray or number
        Of shapes that can be broadcast.

    Returns
    -------
    out : ndarray or number
    cache : tuple
        The shapes of x and y.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> add_forward(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([10.0, 20.0]))[0]
    array([[11., 22.],
           [13., 24.]])
    """
    _require_fitting(x, y, "add")
    ### BEGIN SOLUTION
    out = x + y
    ### END SOLUTION
    cache = (np.shape(x), np.shape(y))
    return out, cache


def add_backward(dout, cache):
    """Compute the gradients of x + y: each input gets dout, added up where it was broadcast.

    Parameters
    ----------
    dout : ndarray or number
        Of the shape of the output.
    cache : tuple
        From `add_forward`.

    Returns
    -------
    dx, dy : ndarray or number
        Of the shapes of x and y.

    Examples
    --------
    >>> _, cache = add_forward(np.zeros((2, 2)), np.zeros(2))
    >>> add_backward(np.array([[1.0, 2.0], [3.0, 4.0]]), cache)
    (array([[1., 2.],
           [3., 4.]]), array([4., 6.]))
    """
    x_shape, y_shape = cache
    _require_dout(dout, x_shape, y_shape)
    ### BEGIN SOLUTION
    dx = sum_to_shape(dout, x_shape)
    dy = sum_to_shape(dout, y_shape)
    ### END SOLUTION
    return dx, dy


def multiply_forward(x, y):
    """Compute x * y, entry by entry.

    Parameters
    ----------
    x, y : ndarray or number
        Of shapes that can be broadcast.

    Returns
    -------
    out : ndarray or number
    cache : tuple
        x and y.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> multiply_forward(np.array([1.0, 2.0]), 10.0)[0]
    array([10., 20.])
    """
    _require_fitting(x, y, "multiply")
    ### BEGIN SOLUTION
    out = x * y
    ### END SOLUTION
    cache = (x, y)
    return out, cache


def multiply_backward(dout, cache):
    """Compute the gradients of x * y: each input gets dout times the other one.

    Parameters
    ----------
    dout : ndarray or number
        Of the shape of the output.
    cache : tuple
        x and y.

    Returns
    -------
    dx, dy : ndarray or number
        Of the shapes of x and y.

    Examples
    --------
    >>> dx, dy = multiply_backward(np.array([100.0, 1.0]), (np.array([1.0, 2.0]), 10.0))
    >>> dx, float(dy)
    (array([1000.,   10.]), 102.0)
    """
    x, y = cache
    _require_dout(dout, np.shape(x), np.shape(y))
    ### BEGIN SOLUTION
    dx = sum_to_shape(dout * y, np.shape(x))
    dy = sum_to_shape(dout * x, np.shape(y))
    ### END SOLUTION
    return dx, dy


def max_forward(x, y):
    """Compute the larger of x and y, entry by entry.

    Parameters
    ----------
    x, y : ndarray or number
        Of shapes that can be broadcast.

    Returns
    -------
    out : ndarray or number
    cache : tuple
        x and y.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> max_forward(np.array([1.0, -2.0]), 0.0)[0]
    array([1., 0.])
    """
    _require_fitting(x, y, "max")
    ### BEGIN SOLUTION
    out = np.maximum(x, y)
    ### END SOLUTION
    cache = (x, y)
    return out, cache


def max_backward(dout, cache):
    """Compute the gradients of max(x, y): the larger input gets dout, the other one 0.

    Where both are equal there is no derivative; here x gets all of dout.

    Parameters
    ----------
    dout : ndarray or number
        Of the shape of the output.
    cache : tuple
        x and y.

    Returns
    -------
    dx, dy : ndarray or number
        Of the shapes of x and y.

    Examples
    --------
    >>> dx, dy = max_backward(np.array([10.0, 7.0]), (np.array([1.0, -2.0]), 0.0))
    >>> dx, float(dy)
    (array([10.,  0.]), 7.0)
    """
    x, y = cache
    _require_dout(dout, np.shape(x), np.shape(y))
    ### BEGIN SOLUTION
    dx = sum_to_shape(dout * (x >= y), np.shape(x))
    dy = sum_to_shape(dout * (x < y), np.shape(y))
    ### END SOLUTION
    return dx, dy


def exp_forward(x):
    """Compute e to the power of x; the cache is the output, which is all that its gradient needs."""
    out = np.exp(x)
    return out, out


def exp_backward(dout, cache):
    """Compute the gradient of exp: dout times the output."""
    _require_single(dout, cache)
    return dout * cache


def reciprocal_forward(x):
    """Compute 1 / x; the cache is the output."""
    out = 1 / x
    return out, out


def reciprocal_backward(dout, cache):
    """Compute the gradient of 1 / x: -dout / x^2, which is -dout times the square of the output."""
    _require_single(dout, cache)
    return -dout * cache * cache


def log_forward(x):
    """Compute the natural logarithm of x; the cache is x."""
    return np.log(x), x


def log_backward(dout, cache):
    """Compute the gradient of log: dout / x."""
    _require_single(dout, cache)
    return dout / cache


def matmul_forward(x, y):
    """Compute the matrix product x @ y of shapes (N, D) and (D, M); the cache is x and y."""
    if np.ndim(x) != 2 or np.ndim(y) != 2 or np.shape(x)[1] != np.shape(y)[0]:
        raise ValueError(f"matmul got shapes {np.shape(x)} and {np.shape(y)}, expected (N, D) and (D, M).")
    return x @ y, (x, y)


def matmul_backward(dout, cache):
    """Compute the gradients of a matrix product: dout @ y^T for x, x^T @ dout for y."""
    x, y = cache
    _require_dout(dout, (len(x), y.shape[1]))
    return dout @ y.T, x.T @ dout


def total_forward(x):
    """Compute the sum of all entries; the cache is their shape."""
    return np.sum(x), np.shape(x)


def total_backward(dout, cache):
    """Compute the gradient of a sum: every entry gets dout."""
    _require_dout(dout, ())
    return dout * np.ones(cache, dtype=_dtype(dout))


def row_totals_forward(x):
    """Compute the sum of each row, of shape (N, 1); the cache is the shape of x."""
    if np.ndim(x) != 2:
        raise ValueError(f"row_totals got shape {np.shape(x)}, expected (N, D).")
    return x.sum(axis=1, keepdims=True), np.shape(x)


def row_totals_backward(dout, cache):
    """Compute the gradient of the sums of rows: every entry gets that of its row."""
    _require_dout(dout, (cache[0], 1))
    return dout * np.ones(cache, dtype=_dtype(dout))


def sigmoid_forward(x):
    """Compute the logistic function 1 / (1 + exp(-x)) as a single gate, without overflow.

    Parameters
    ----------
    x : ndarray or number

    Returns
    -------
    out : ndarray or number of the shape of x
    cache : ndarray or number
        The output: the gradient needs nothing else.

    Notes
    -----
    For x < 0 the equal form exp(x) / (1 + exp(x)) is used, so exp only sees numbers of at most 0.

    Examples
    --------
    >>> sigmoid_forward(np.array([-800.0, 0.0, 800.0]))[0]
    array([0. , 0.5, 1. ])
    """
    ### BEGIN SOLUTION
    small = np.exp(-np.abs(x))  # at most 1
    out = np.where(x >= 0, 1, small) / (1 + small)
    ### END SOLUTION
    cache = out
    return out, cache


def sigmoid_backward(dout, cache):
    """Compute the gradient of the logistic function from its output: dout * out * (1 - out).

    Parameters
    ----------
    dout : ndarray or number
        Of the shape of the output.
    cache : ndarray or number
        The output of `sigmoid_forward`.

    Returns
    -------
    dx : ndarray or number of the shape of dout

    Examples
    --------
    >>> sigmoid_backward(10.0, 0.5)
    2.5
    """
    out = cache
    _require_dout(dout, np.shape(out))
    ### BEGIN SOLUTION
    dx = dout * out * (1 - out)
    ### END SOLUTION
    return dx


def sigmoid_chain_forward(x):
    """Compute the logistic function as a chain of four gates: times -1, exp, plus 1, reciprocal.

    Unlike the single gate, it overflows for x far below 0.

    Parameters
    ----------
    x : ndarray or number

    Returns
    -------
    out : ndarray or number of the shape of x
    cache : tuple
        The caches of the four gates, in their order.

    Examples
    --------
    >>> sigmoid_chain_forward(np.array([0.0, 1.0]))[0].round(4)
    array([0.5   , 0.7311])
    """
    ### BEGIN SOLUTION
    negative, multiply_cache = multiply_forward(x, -1.0)
    power, exp_cache = exp_forward(negative)
    bottom, add_cache = add_forward(power, 1.0)
    out, reciprocal_cache = reciprocal_forward(bottom)
    cache = (multiply_cache, exp_cache, add_cache, reciprocal_cache)
    ### END SOLUTION
    return out, cache


def sigmoid_chain_backward(dout, cache):
    """Compute the gradient of `sigmoid_chain_forward`, gate by gate from the last to the first.

    Parameters
    ----------
    dout : ndarray or number
        Of the shape of the output.
    cache : tuple
        From `sigmoid_chain_forward`.

    Returns
    -------
    dx : ndarray or number of the shape of dout

    Examples
    --------
    >>> _, cache = sigmoid_chain_forward(np.array([0.0, 1.0]))
    >>> sigmoid_chain_backward(np.array([1.0, 1.0]), cache).round(4)
    array([0.25  , 0.1966])
    """
    ### BEGIN SOLUTION
    multiply_cache, exp_cache, add_cache, reciprocal_cache = cache
    dbottom = reciprocal_backward(dout, reciprocal_cache)
    dpower, _ = add_backward(dbottom, add_cache)  # the other input is the constant 1
    dnegative = exp_backward(dpower, exp_cache)
    dx, _ = multiply_backward(dnegative, multiply_cache)  # the other input is the constant -1
    ### END SOLUTION
    return dx


# ---- values and their graph


class Value:
    """A number or an array in a graph.

    Parameters
    ----------
    data : float ndarray or number
    parents : tuple of Value
        The values that it was computed from; none for an input.
    backward, cache :
        The backward pass of the gate that computed it, and the cache of its forward pass.

    Raises
    ------
    TypeError
        If the data is neither numbers nor an array of numbers.

    Examples
    --------
    >>> x = Value(2.0)
    >>> y = 3 * x + 1
    >>> y
    Value(7.0)
    >>> [parent.data for parent in y.parents]
    [6.0, 1.0]
    """

    __slots__ = ("backward", "cache", "__dict__")  # vars(value) has its data and its parents alone
    __array_ufunc__ = None  # so that array + Value is left to Value

    def __init__(self, data, parents=(), backward=None, cache=None):
        self.data, self.parents, self.backward, self.cache = _as_data(data), parents, backward, cache

    def parent_gradients(self, dout):
        """Return the gradients of the parents, in their order, given the gradient of this value."""
        if not self.parents:
            return ()
        gradients = self.backward(dout, self.cache)
        return gradients if isinstance(gradients, tuple) else (gradients,)

    def __repr__(self):
        is_array = np.ndim(self.data) > 0
        return f"Value(array of shape {np.shape(self.data)})" if is_array else f"Value({self.data})"

    def __add__(self, other):
        return add(self, other)

    def __mul__(self, other):
        return multiply(self, other)

    def __neg__(self):
        return multiply(self, -1.0)

    def __sub__(self, other):
        return self + -_as_value(other)

    def __rsub__(self, other):
        return -self + other

    def __truediv__(self, other):
        return self * reciprocal(other)

    def __rtruediv__(self, other):
        return reciprocal(self) * other

    def __matmul__(self, other):
        return matmul(self, other)

    def __rmatmul__(self, other):
        return matmul(other, self)

    __radd__, __rmul__ = __add__, __mul__


def gate(forward, backward):
    """Make a pair of functions a gate: a function of values, whose output knows its parents.

    Parameters
    ----------
    forward, backward : callable
        `forward(*inputs) -> (out, cache)`; `backward(dout, cache)` returns a gradient for each input.

    Returns
    -------
    callable
        Takes values, arrays and numbers, returns a `Value`.

    Examples
    --------
    >>> square = gate(lambda x: (x * x, x), lambda dout, x: 2 * x * dout)
    >>> x = Value(5.0)
    >>> float(backward(square(x))[x])
    10.0
    """

    @wraps(forward)
    def call(*inputs):
        parents = tuple(map(_as_value, inputs))
        out, cache = forward(*(parent.data for parent in parents))
        return Value(out, parents, backward, cache)

    return call


add = gate(add_forward, add_backward)
multiply = gate(multiply_forward, multiply_backward)
maximum = gate(max_forward, max_backward)
exp = gate(exp_forward, exp_backward)
reciprocal = gate(reciprocal_forward, reciprocal_backward)
log = gate(log_forward, log_backward)
matmul = gate(matmul_forward, matmul_backward)
total = gate(total_forward, total_backward)
row_totals = gate(row_totals_forward, row_totals_backward)
sigmoid = gate(sigmoid_forward, sigmoid_backward)


def topological_order(output):
    """List a value and all that it was computed from, parents before children, each once.

    Parameters
    ----------
    output : Value

    Returns
    -------
    list of Value
        The last one is the output.

    Notes
    -----
    A depth-first search that adds a node once all its parents are there; Cormen, Leiserson, Rivest and Stein (2022),
    "Introduction to Algorithms", section 20.4. A list of what waits, in place of recursion, lets a graph be deeper than
    Python's stack. There are no circles, since the parents of a value exist before it does.

    Examples
    --------
    >>> x = Value(2.0)
    >>> square = x * x
    >>> [node.data for node in topological_order(square + x)]
    [2.0, 4.0, 6.0]
    """
    _require_value(output)
    ### BEGIN SOLUTION
    order, seen, waiting = [], set(), [(output, False)]
    while waiting:
        node, parents_are_there = waiting.pop()
        if parents_are_there:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            waiting.append((node, True))  # below its parents, so it comes after them
            waiting += [(parent, False) for parent in node.parents]
    ### END SOLUTION
    return order


def backward(output, doutput=None):
    """Compute the gradients of an output with respect to all values that it was computed from.

    Parameters
    ----------
    output : Value
    doutput : ndarray or number, optional
        The gradient of the output, of its shape; ones by default.

    Returns
    -------
    dict
        Maps each `Value` of the graph to its gradient, of the shape of its data.

    Raises
    ------
    ValueError
        If `doutput` does not have the shape of the output.
    TypeError
        If the output is not a `Value`.

    Notes
    -----
    Where a value was used several times, the gradients of its uses add up: the multivariate chain rule.

    Examples
    --------
    >>> x = Value(np.array([1.0, 2.0]))
    >>> backward(x * x)[x]
    array([2., 4.])
    """
    _require_value(output)
    if doutput is None:
        doutput = np.ones_like(output.data)
    require_shape("doutput", doutput, np.shape(output.data))
    grads = {output: doutput}
    ### BEGIN SOLUTION
    for node in reversed(topological_order(output)):  # a node comes after all that used it: its gradient is complete
        for parent, dparent in zip(node.parents, node.parent_gradients(grads[node]), strict=True):
            grads[parent] = grads[parent] + dparent if parent in grads else dparent
    ### END SOLUTION
    return grads


# ---- what values and gates check


def _as_value(thing):
    return thing if isinstance(thing, Value) else Value(thing)


def _as_data(data):
    """Numbers and arrays as floats: in integers, a gradient would be cut off."""
    if isinstance(data, np.ndarray) and data.dtype.kind in "iub":
        return data.astype(np.float64)
    if isinstance(data, Real) and not isinstance(data, np.floating):
        return float(data)
    if getattr(getattr(data, "dtype", None), "kind", "") == "f":
        return data
    raise TypeError(f"a Value got {type(data).__name__} {data!r:.60}, expected a number or an array of numbers.")


def _dtype(value):
    return getattr(value, "dtype", np.float64)


def _require_fitting(x, y, name):
    """Raise unless x and y are numbers or arrays whose shapes can be broadcast."""
    if isinstance(x, list | tuple) or isinstance(y, list | tuple):
        raise TypeError(
            f"{name} got a list or a tuple, expected numbers or arrays: np.array(...) makes an array of it."
        )
    try:
        np.broadcast_shapes(np.shape(x), np.shape(y))
    except ValueError:
        raise ValueError(
            f"{name} got shapes {np.shape(x)} and {np.shape(y)}, which cannot be broadcast: from the right, the "
            "lengths of two axes must be equal, or one of them 1."
        ) from None


def _require_broadcast(shape, target):
    """Raise unless an array of `shape` becomes one of shape `target` by broadcasting."""
    if isinstance(shape, int):
        raise TypeError(f"shape is {shape}, expected a tuple, such as ({shape},).")
    try:
        fits = np.broadcast_shapes(shape, target) == target
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"a gradient of shape {target} cannot be that of an input of shape {tuple(shape)}: broadcasting does not "
            f"make {target} of it."
        )


def _require_dout(dout, *input_shapes):
    """Raise unless dout is one gradient, of the shape that the inputs have together."""
    if isinstance(dout, tuple):
        raise TypeError(
            f"dout is a tuple of {len(dout)}, expected one gradient: a gate of two inputs returns a gradient for each. "
            "Unpack them, and pass one on."
        )
    shape = np.broadcast_shapes(*input_shapes)
    if np.shape(dout) != shape:
        require_gradient(np.asarray(dout), shape)


def _require_single(dout, cache):
    """Raise unless the cache is a single number or array, and dout a gradient of its shape."""
    if isinstance(cache, tuple):
        raise TypeError(
            f"the cache is a tuple of {len(cache)}, expected the number or array that the forward pass of this gate "
            "keeps: is it the cache of another gate?"
        )
    _require_dout(dout, np.shape(cache))


def _require_value(output):
    if not isinstance(output, Value):
        raise TypeError(f"output is {type(output).__name__}, expected a Value: only a Value knows its parents.")
