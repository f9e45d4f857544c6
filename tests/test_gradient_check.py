"""Numeric gradients: correct for polynomials, computed in place, strict about dtypes."""

from types import SimpleNamespace

import numpy as np
import pytest

from coursekit.core.question import CheckFailed
from coursekit.running.gradients import check_gradient, gradient_error
from cs231n.gradient_check import (
    eval_numerical_gradient,
    eval_numerical_gradient_array,
    eval_numerical_gradient_blobs,
    eval_numerical_gradient_net,
    grad_check_sparse,
)


def test_gradient_of_a_scalar():
    x = np.array([[1.0, -2.0, 3.0]])
    np.testing.assert_allclose(eval_numerical_gradient(lambda x: (x**3).sum(), x, verbose=False), 3 * x**2, rtol=1e-8)


def test_gradient_of_an_array_is_weighted_and_x_is_restored():
    x, df = np.random.randn(2, 3), np.random.randn(2, 3)
    kept = x.copy()
    np.testing.assert_allclose(eval_numerical_gradient_array(lambda x: x**2, x, df), 2 * x * df, rtol=1e-8)
    np.testing.assert_array_equal(x, kept)


def test_x_is_restored_when_f_raises():
    x = np.ones(3)
    with pytest.raises(ZeroDivisionError):
        eval_numerical_gradient(lambda x: 1 / 0, x, verbose=False)
    np.testing.assert_array_equal(x, 1)


def test_f_may_ignore_its_argument_and_reuse_its_output():
    """Functions in the course's notebooks are closures over x, and layers may return the same buffer twice."""
    x, out = np.array([1.0, 2.0]), np.empty(2)
    grad = eval_numerical_gradient_array(lambda _: np.multiply(x, 3, out=out), x, np.ones(2))
    np.testing.assert_allclose(grad, 3)


@pytest.mark.parametrize("dtype", [int, np.uint8, bool])
def test_integers_are_refused(dtype):
    x = np.ones(2, dtype)
    for call in (
        lambda: eval_numerical_gradient(lambda x: x.sum(), x, verbose=False),
        lambda: eval_numerical_gradient_array(lambda x: x, x, 1.0),
        lambda: grad_check_sparse(lambda x: x.sum(), x, np.ones(2)),
    ):
        with pytest.raises(TypeError, match="astype"):
            call()


def test_float32_warns():
    with pytest.warns(UserWarning, match="float64"):
        eval_numerical_gradient(lambda x: x.sum(), np.ones(2, np.float32), verbose=False)


def test_blobs_and_nets():
    def f(a, b, output):
        output.vals = a.vals * b.vals

    a, b = SimpleNamespace(vals=np.array([2.0, 3.0])), SimpleNamespace(vals=np.array([5.0, 7.0]))
    output = SimpleNamespace(vals=None, diffs=np.array([1.0, 10.0]))
    net = SimpleNamespace(forward=lambda: f(a, b, output))
    for da, db in (
        eval_numerical_gradient_blobs(f, (a, b), output),
        eval_numerical_gradient_net(net, (a, b), output),
    ):
        np.testing.assert_allclose(da, [5, 70])
        np.testing.assert_allclose(db, [2, 30])


def test_sparse_check_prints_its_comparisons(capsys):
    x = np.array([0.0, 1.0])
    grad_check_sparse(lambda x: 0 * x.sum(), x, np.zeros(2), num_checks=3)  # 0 and 0 agree
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 and all(line.endswith("relative error: 0.000000e+00") for line in lines)


class TestKinks:
    """The norm test leaves out entries whose numeric gradient is meaningless, and nothing else."""

    def test_entry_across_a_kink_is_left_out(self):
        x = np.array([1.0, 3e-6, -2.0, 0.5])
        assert gradient_error(np.abs, x, np.sign(x)) == (pytest.approx(0, abs=1e-9), 1)

    def test_kink_at_the_point_itself_is_left_out(self):
        x = np.array([1.0, 0.0, -2.0, 0.5])
        assert gradient_error(lambda x: np.maximum(x, 0), x, (x > 0) * 1.0)[1] == 1

    def test_curved_functions_have_no_kinks(self):
        x = np.random.randn(20)
        error, left_out = gradient_error(lambda x: np.exp(3 * x), x, 3 * np.exp(3 * x))
        assert error < 1e-8 and left_out == 0

    def test_one_wrong_entry_is_noticed(self):
        x = np.random.randn(50)
        grad = 2 * x
        grad[7] *= 1.001
        assert gradient_error(lambda x: x**2, x, grad)[0] > 1e-6

    @pytest.mark.parametrize(
        "grad, message", [(np.zeros(3), "too small to judge"), (np.zeros((3, 1)), "has the shape of its input")]
    )
    def test_no_verdict_where_none_is_possible(self, grad, message):
        with pytest.raises(ValueError, match=message):
            gradient_error(lambda x: 0.0, np.ones(3), grad)

    def test_rounding_is_not_mistaken_for_an_error(self):
        """2.3 + 1e-9 x has a rounding error of 4e-16, which leaves three digits of the slope."""
        x, slope = np.random.randn(5), np.full(5, 1e-9)
        with pytest.raises(ValueError, match="rounding in f leaves an error"):
            gradient_error(lambda x: 2.3 + slope @ x, x, slope)
        assert gradient_error(lambda x: slope @ x, x, slope)[0] < 1e-7  # the same slope of a smaller f

    @pytest.mark.parametrize("factor", [2, -1, 1.01])
    def test_small_but_wrong_gradients_are_wrong(self, factor):
        """A difference that rounding cannot explain is a mistake, however small the gradients are."""
        x, slope = np.random.randn(5), np.full(5, 1e-5)
        assert gradient_error(lambda x: 2.3 + slope @ x, x, factor * slope)[0] > 1e-3

    def test_check_gradient_says_where(self, capsys):
        x = np.array([1.0, 2.0])
        check_gradient("dx", lambda x: (x**2).sum(), x, 2 * x)
        assert capsys.readouterr().out == "dx  agrees with the numeric gradient: relative error < 1e-7  ok\n"
        with pytest.raises(CheckFailed, match=r"largest difference at dx\[1\]: numeric 4, yours 5"):
            check_gradient("dx", lambda x: (x**2).sum(), x, np.array([2.0, 5.0]))
