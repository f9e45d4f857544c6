"""L-BFGS and Newton's step: against SciPy, against formulas that form the matrices, and what they refuse."""

from pathlib import Path

import numpy as np
import pytest
from lbfgs_values import FILE, STARTS, rosenbrock, softmax_problem, softmax_regression

from cs231n import optim
from cs231n.classifiers.fc_net import TwoLayerNet
from cs231n.gradient_check import eval_numerical_gradient
from cs231n.optim import lbfgs, lbfgs_direction, newton_step, wolfe_step
from cs231n.solver import Solver

STORED = np.load(Path(FILE))


def inverse_by_matrices(pairs, size):
    """The matrix B of the two loops, formed by the update of Nocedal and Wright (2006), formula 7.16."""
    s, y = pairs[-1]
    B = np.eye(size) * (s @ y) / (y @ y)
    for s, y in pairs:
        rho = 1 / (s @ y)
        V = np.eye(size) - rho * np.outer(y, s)
        B = V.T @ B @ V + rho * np.outer(s, s)
    return B


def pairs_of_a_bowl(rng, size, number):
    A = rng.randn(size, size)
    H = A @ A.T + np.eye(size)
    return [(s, H @ s) for s in rng.randn(number, size)], H


@pytest.mark.parametrize("number", [1, 2, 5, 9])
def test_two_loops_are_the_product_with_the_matrix(number):
    rng = np.random.RandomState(number)
    pairs, _ = pairs_of_a_bowl(rng, 7, number)
    gradient = rng.randn(7)
    expected = -inverse_by_matrices(pairs, 7) @ gradient
    np.testing.assert_allclose(lbfgs_direction(gradient, pairs), expected, rtol=1e-9)


def test_the_newest_pair_is_met_exactly():
    """B maps the newest y to its s: the secant condition."""
    pairs, _ = pairs_of_a_bowl(np.random.RandomState(0), 6, 4)
    s, y = pairs[-1]
    np.testing.assert_allclose(lbfgs_direction(y, pairs), -s, rtol=1e-10)


def test_the_direction_goes_down_and_changes_nothing():
    rng = np.random.RandomState(1)
    pairs, _ = pairs_of_a_bowl(rng, 6, 4)
    gradient = rng.randn(6)
    before = gradient.copy()
    assert lbfgs_direction(gradient, pairs) @ gradient < 0
    np.testing.assert_array_equal(gradient, before)


@pytest.mark.parametrize("name", STARTS)
def test_rosenbrock_as_scipy(name):
    """The same lowest point with about as many evaluations (both counts are fixed, for nothing is random)."""
    result = lbfgs(rosenbrock, STARTS[name])
    assert result.has_converged and result.loss_history[-1] < 1e-12
    np.testing.assert_allclose(result.w, STORED[f"{name}_w"], atol=1e-5)
    assert result.num_evaluations <= 1.2 * STORED[f"{name}_evaluations"]


def test_softmax_regression_as_scipy():
    problem = softmax_problem()
    result = lbfgs(lambda W: softmax_regression(W, **problem), np.zeros((12, 5)), max_iterations=500)
    assert result.has_converged and result.w.shape == (12, 5)
    np.testing.assert_allclose(result.loss_history[-1], STORED["softmax_value"], rtol=1e-9)
    assert result.num_evaluations <= 1.2 * STORED["softmax_evaluations"]


def test_the_stored_problems_have_right_gradients():
    problem = softmax_problem()
    W = np.random.RandomState(0).randn(12, 5)
    numeric = eval_numerical_gradient(lambda W: softmax_regression(W, **problem)[0], W, verbose=False)
    np.testing.assert_allclose(numeric, softmax_regression(W, **problem)[1], rtol=1e-5, atol=1e-7)
    w = STARTS["rosenbrock_10"].copy()
    numeric = eval_numerical_gradient(lambda w: rosenbrock(w)[0], w, verbose=False)
    np.testing.assert_allclose(numeric, rosenbrock(w)[1], rtol=1e-6, atol=1e-6)


def test_against_torch():
    """PyTorch's L-BFGS, with its strong Wolfe search, finds the same lowest point."""
    torch = pytest.importorskip("torch")
    w = torch.tensor(STARTS["rosenbrock_10"], requires_grad=True)
    rule = torch.optim.LBFGS([w], max_iter=300, history_size=10, line_search_fn="strong_wolfe", tolerance_grad=1e-7)

    def closure():
        rule.zero_grad()
        loss = torch.sum(100 * (w[1:] - w[:-1] ** 2) ** 2 + (1 - w[:-1]) ** 2)
        loss.backward()
        return loss

    rule.step(closure)
    np.testing.assert_allclose(lbfgs(rosenbrock, STARTS["rosenbrock_10"]).w, w.detach().numpy(), atol=1e-4)


def test_the_loss_never_rises_and_evaluations_are_counted():
    calls = []

    def counted(w):
        calls.append(w)
        return rosenbrock(w)

    result = lbfgs(counted, STARTS["rosenbrock_10"], history=3)
    assert np.all(np.diff(result.loss_history) <= 0)
    assert result.num_evaluations == len(calls) == result.evaluations[-1]
    assert len(result.evaluations) == len(result.loss_history) and np.all(np.diff(result.evaluations) >= 1)


def test_more_history_needs_fewer_evaluations_in_an_uneven_bowl():
    scales = np.geomspace(1, 1000, 30)
    counts = [
        lbfgs(lambda w: (0.5 * float(np.sum(scales * w**2)), scales * w), np.ones(30), history=m, max_iterations=1000)
        for m in (1, 20)
    ]
    assert counts[1].num_evaluations < counts[0].num_evaluations


def test_it_says_why_it_stopped():
    assert "max_iterations = 2" in lbfgs(rosenbrock, STARTS["rosenbrock_2"], max_iterations=2).reason
    assert lbfgs(rosenbrock, np.ones(4)).reason == "no entry of the gradient is larger than 1e-06"
    wrong_sign = lbfgs(lambda w: (float(w @ w), -2 * w), np.array([3.0, 1.0]))
    assert "a gradient that is wrong" in wrong_sign.reason and not wrong_sign.has_converged
    np.testing.assert_array_equal(wrong_sign.w, [3.0, 1.0])


def test_a_region_where_the_loss_is_not_finite_is_avoided():
    """The log of a negative number is nan: the search shortens its step."""

    def barrier(w):
        with np.errstate(all="ignore"):
            return float(np.sum(w - np.log(w))), 1 - 1 / w

    result = lbfgs(barrier, np.array([1e-3, 50.0]))
    np.testing.assert_allclose(result.w, 1, atol=1e-5)


@pytest.mark.parametrize("first", [1e-4, 0.3, 1.0, 50.0])
def test_wolfe_conditions_hold(first):
    w = np.array([-1.2, 1.0])
    loss, gradient = rosenbrock(w)
    next_w, next_loss, next_gradient = wolfe_step(rosenbrock, w, -gradient, loss, gradient, first, c1=1e-3, c2=0.5)
    slope = -gradient @ gradient
    t = (next_w - w)[0] / -gradient[0]
    assert next_loss <= loss + 1e-3 * t * slope
    assert abs(next_gradient @ -gradient) <= 0.5 * abs(slope)


def test_no_step_uphill():
    assert wolfe_step(rosenbrock, np.zeros(2), rosenbrock(np.zeros(2))[1], 1.0, rosenbrock(np.zeros(2))[1]) is None


def test_it_trains_a_net():
    """All parameters of a net as one vector: the loss ends lower than that of gradient descent at its best rate."""
    rng = np.random.RandomState(0)
    X, y = rng.randn(60, 8), rng.randint(0, 3, 60)

    def net():
        np.random.seed(3)
        return TwoLayerNet(8, 10, 3, weight_scale=0.3, reg=0.01)

    model = net()
    shapes = {name: w.shape for name, w in model.params.items()}

    def loss_of(flat):
        splits = np.split(flat, np.cumsum([np.prod(shape) for shape in shapes.values()])[:-1])
        model.params = {n: part.reshape(shape) for (n, shape), part in zip(shapes.items(), splits, strict=True)}
        loss, grads = model.loss(X, y)
        return loss, np.concatenate([grads[name].ravel() for name in shapes])

    result = lbfgs(loss_of, np.concatenate([w.ravel() for w in model.params.values()]), max_iterations=60)
    best = np.inf
    for rate in (0.03, 0.1, 0.3, 1.0):
        plain = net()
        for _ in range(result.num_evaluations):
            loss, grads = plain.loss(X, y)
            plain.params = {name: w - rate * grads[name] for name, w in plain.params.items()}
        best = min(best, loss)
    assert result.loss_history[-1] < best


@pytest.mark.parametrize("damping", [0.0, 0.7])
def test_newton_step_solves_for_the_point_without_slope(damping):
    rng = np.random.RandomState(0)
    _, H = pairs_of_a_bowl(rng, 5, 1)
    w, gradient = rng.randn(2, 5)
    next_w = newton_step(w, gradient, H, damping)
    np.testing.assert_allclose(gradient + (H + damping * np.eye(5)) @ (next_w - w), 0, atol=1e-12)


def test_newton_finds_rosenbrocks_point_in_few_steps():
    w = np.array([-1.2, 1.0])
    for _ in range(7):
        a, b = w
        hessian = np.array([[1200 * a**2 - 400 * b + 2, -400 * a], [-400 * a, 200.0]])
        w = newton_step(w, rosenbrock(w)[1], hessian)
    np.testing.assert_allclose(w, 1, atol=1e-10)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: newton_step(np.zeros((2, 1)), np.zeros(2), np.eye(2)), r"w has shape \(2, 1\), expected \(2,\)"),
        (lambda: newton_step(np.zeros(2), np.zeros(3), np.eye(2)), "gradient has shape"),
        (lambda: newton_step(np.zeros(2), np.zeros(2), np.eye(3)), "hessian has shape"),
        (lambda: newton_step(np.zeros(2), np.zeros(2), np.eye(2), -1.0), "damping is -1.0"),
        (lambda: newton_step(np.zeros(2), np.ones(2), np.zeros((2, 2))), "A damping above 0 helps"),
        (lambda: lbfgs_direction(np.ones((2, 2)), []), "gradient has shape"),
        (lambda: lbfgs_direction(np.ones(2), [(np.ones(3), np.ones(2))]), "s of pair 0 has shape"),
        (lambda: lbfgs_direction(np.ones(2), [(np.ones(2), -np.ones(2))]), "s . y of pair 0 is -2"),
        (lambda: lbfgs_direction(np.ones(3), [np.ones(3)]), r"pair 0 has length 3, expected \(s, y\)"),
        (lambda: lbfgs(rosenbrock, np.ones(2), history=0), "history is 0"),
        (lambda: lbfgs(rosenbrock, np.ones(2), max_iterations=1.5), "max_iterations is 1.5"),
        (lambda: lbfgs(rosenbrock, np.ones(2), tolerance=-1), "tolerance is -1"),
        (lambda: lbfgs(rosenbrock, np.array([np.nan, 1.0])), "The loss at w0 is nan"),
        (lambda: lbfgs(lambda w: (0.0, np.zeros(3)), np.ones(2)), "the gradient that f returns has shape"),
        (lambda: wolfe_step(rosenbrock, np.ones(2), np.ones(2), 0.0, np.ones(2), c1=0.9, c2=0.1), "c1 is 0.9"),
    ],
)
def test_what_cannot_work_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("name", ["lbfgs", "newton_step", "lbfgs_direction", "wolfe_step"])
def test_a_solver_says_that_they_are_no_update_rules(name):
    X, y = np.zeros((4, 3)), np.zeros(4, int)
    data = {"X_train": X, "y_train": y, "X_val": X, "y_val": y}
    with pytest.raises(ValueError, match=f'Invalid update_rule "{name}"; the update rules are .*adam') as caught:
        Solver(TwoLayerNet(3, 2, 2), data, update_rule=name)
    rules, _, advice = str(caught.value).partition("the update rules are")[2].partition(". ")
    assert name not in rules and hasattr(optim, name)
    assert (advice == f"optim.{name} is for full batches: call it yourself.") == (name in ("lbfgs", "newton_step"))
