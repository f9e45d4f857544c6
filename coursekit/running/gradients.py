"""Numeric gradients judged fairly: a norm test that leaves out the entries where the function has a kink.

Where a ReLU or a hinge switches between x - h and x + h, the numeric gradient is wrong, not the formula. Such an entry
is recognised by its slopes: on a smooth piece the slopes left and right of x differ by h f''(x), so halving h halves
the difference; across a kink they differ by the size of the kink.
"""

from collections.abc import Callable

import numpy as np

from coursekit.core.question import CheckFailed
from cs231n.gradient_check import eval_numerical_gradient_array

LARGEST_ERROR = 1e-7
ROUNDING = 10  # units in the last place by which the two values of f may be off together
LARGEST_SHARE_LEFT_OUT = 0.25


def gradient_error(
    f: Callable, x: np.ndarray, grad: np.ndarray, df: np.ndarray | float = 1.0, h: float = 1e-5
) -> tuple[float, int]:
    """Compare a gradient with the numeric one.

    Parameters
    ----------
    f : callable
        Takes x, returns a number or an array; the gradient is that of sum(f(x) * df).
    x : float64 ndarray
        Modified in place during the call and restored afterwards.
    grad : ndarray of the shape of x
    df : ndarray of the shape of f(x), or a number
    h : float

    Returns
    -------
    error : float
        |grad - numeric| / (|grad| + |numeric|) in the Euclidean norm, over the entries that are not at a kink.
    num_left_out : int
        The number of entries at a kink, which are left out.

    Raises
    ------
    ValueError
        If the shapes differ, if too many entries have a kink, or if the gradients are so small that rounding alone
        can make them differ.
    """
    if np.shape(grad) != x.shape:
        raise ValueError(
            f"the gradient has shape {np.shape(grad)}, but x has shape {x.shape}: a gradient has the shape of its input"
        )

    def total(x: np.ndarray) -> float:
        return np.sum(np.asarray(f(x)) * df)

    centre = total(x)
    numeric = np.zeros_like(x)
    bends = np.zeros((2, *x.shape))
    for index in np.ndindex(x.shape):
        for row, step in enumerate((h, h / 2)):
            above, below = _around(total, x, index, step)
            bends[row][index] = (above - 2 * centre + below) / step
            if row == 0:
                numeric[index] = (above - below) / (2 * step)
    smooth = ~_kinks(bends, numeric, centre, h)
    if np.mean(~smooth) > LARGEST_SHARE_LEFT_OUT:
        raise ValueError(
            f"{np.sum(~smooth)} of {x.size} entries are at a kink: move x away from it, or use a smaller h"
        )
    got, right = np.asarray(grad)[smooth], numeric[smooth]
    size, distance = np.linalg.norm(got) + np.linalg.norm(right), np.linalg.norm(got - right)
    noise = ROUNDING * np.finfo(float).eps * abs(centre) / h * got.size**0.5
    if not size or LARGEST_ERROR * size < distance < noise:
        raise ValueError(
            f"the gradients have norm {np.linalg.norm(got):.1e}, and rounding in f leaves an error of up to "
            f"{noise:.1e} in the numeric one: too small to judge. Are the weights or the inputs tiny?"
        )
    return float(distance / size), int(np.sum(~smooth))


def _around(f: Callable, x: np.ndarray, index: tuple[int, ...], step: float) -> tuple[float, float]:
    old = x[index]
    try:
        x[index] = old + step
        above = f(x)
        x[index] = old - step
        return above, f(x)
    finally:
        x[index] = old


def _kinks(bends: np.ndarray, numeric: np.ndarray, centre: float, h: float) -> np.ndarray:
    """Entries whose difference of slopes does not halve with h, beyond what rounding can do."""
    typical = np.sqrt(np.mean(numeric**2))
    rounding = 100 * np.finfo(float).eps * max(abs(centre), typical) / h
    uneven = np.abs(bends[0] - 2 * bends[1]) > 1e-6 * typical + rounding
    steep = np.abs(bends[0]) > 1e-2 * typical + rounding
    return uneven | steep


def check_gradient(
    name: str, f: Callable, x: np.ndarray, grad: np.ndarray, df: np.ndarray | float = 1.0, h: float = 1e-5
) -> None:
    """Print that a gradient agrees with the numeric one, in words that are the same in each run.

    Raises
    ------
    CheckFailed
        If it does not agree.

    Examples
    --------
    >>> x = np.array([1.0, -3.0])
    >>> check_gradient("dx", lambda x: (x**2).sum(), x, 2 * x)
    dx  agrees with the numeric gradient: relative error < 1e-7  ok
    """
    try:
        error, _ = gradient_error(f, x, grad, df, h)
    except ValueError as problem:
        raise CheckFailed(f"{name}: {problem}") from None
    if not error < LARGEST_ERROR:
        numeric = eval_numerical_gradient_array(lambda x: np.asarray(f(x)), x, df, h)
        position = np.unravel_index(np.argmax(np.abs(numeric - grad)), x.shape)
        where = ", ".join(str(int(i)) for i in position)
        raise CheckFailed(
            f"{name} does not agree with the numeric gradient: relative error {error:.1e}, expected < 1e-7\n"
            f"  largest difference at {name}[{where}]: numeric {numeric[position]:.6g}, yours {grad[position]:.6g}"
        )
    print(f"{name}  agrees with the numeric gradient: relative error < 1e-7  ok")
