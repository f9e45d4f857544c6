"""Activation functions against numeric gradients, their PyTorch twins and exact values; and the shares of slopes."""

import math
import warnings

import numpy as np
import pytest
from layer_check import check_layer, torch

from cs231n.activations import (
    LAYERS,
    PAIRS,
    dead_share,
    gelu_backward,
    gelu_forward,
    one_signed_share,
    saturated_share,
)
from cs231n.graph import Graph

if torch:
    from torch.nn import functional

ELEMENTWISE = ("sigmoid", "tanh", "relu", "leaky_relu", "elu")


@pytest.fixture(autouse=True)
def seed():
    np.random.seed(5)


def both_signs(*shape, scale=1.0):
    """Numbers of both signs, away from the kink at 0."""
    return scale * np.random.uniform(0.1, 3.0, shape) * np.random.choice([-1, 1], shape)


def forward(name, *arguments):
    return PAIRS[name][0](*arguments)[0]


def backward(name, dout, *arguments):
    return PAIRS[name][1](dout, PAIRS[name][0](*arguments)[1])


def twins(name, setting=None):
    """The same in PyTorch."""
    return {
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "relu": torch.relu,
        "leaky_relu": lambda x: functional.leaky_relu(x, setting),
        "elu": lambda x: functional.elu(x, setting),
        "prelu": functional.prelu,
        "maxout": lambda x: x.reshape(len(x), setting, -1).amax(dim=1),
    }[name]


@pytest.mark.parametrize("shape", [(4, 3), (1, 5), (6,), (2, 3, 1, 4)])
@pytest.mark.parametrize(
    "name, setting",
    [
        ("sigmoid", None),
        ("tanh", None),
        ("relu", None),
        ("leaky_relu", 0.01),
        ("leaky_relu", 0.3),
        ("leaky_relu", -0.5),  # the absolute value is near, with -1
        ("leaky_relu", 2.0),  # max(x, 2 x) would be another function
        ("elu", 1.0),
        ("elu", 0.3),
        ("elu", 2.5),
    ],
)
def test_elementwise(name, setting, shape):
    settings = () if setting is None else (setting,)
    function = PAIRS[name][0]
    check_layer(lambda x: function(x, *settings), PAIRS[name][1], (both_signs(*shape),), twin=twins(name, setting))


@pytest.mark.parametrize("shape", [(4, 3), (1, 5), (5, 1), (3, 3)])
def test_prelu(shape):
    alpha = np.random.uniform(-2, 2, shape[1])
    check_layer(*PAIRS["prelu"], (both_signs(*shape), alpha), twin=twins("prelu"))


@pytest.mark.parametrize("shape, num_pieces", [((4, 6), 2), ((2, 6), 3), ((1, 5), 5), ((3, 4), 1), ((3, 9), 3)])
def test_maxout(shape, num_pieces):
    x = np.random.permutation(np.prod(shape)).reshape(shape) / 7  # no two are near each other
    function, gradient = PAIRS["maxout"]
    check_layer(lambda x: function(x, num_pieces), gradient, (x,), twin=twins("maxout", num_pieces))


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("name", PAIRS)
def test_no_finite_input_overflows_and_types_stay(name, dtype):
    largest = np.finfo(dtype).max / 2  # so that the sum in dalpha stays finite, too
    x = np.array([[-largest, largest], [-1000, 1000], [-40, 40], [-1e-4, 0]], dtype=dtype)
    more = {"prelu": (np.array([0.25, 0.5], dtype),), "maxout": (2,)}.get(name, ())
    with np.errstate(over="raise", divide="raise", invalid="raise"), warnings.catch_warnings():
        warnings.simplefilter("error")
        out = forward(name, x, *more)
        grads = backward(name, np.ones_like(out), x, *more)
    for value in (out, *(grads if isinstance(grads, tuple) else (grads,))):
        assert value.dtype == dtype and np.isfinite(value).all()


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_integers_are_computed_as_floats(name):
    x = np.array([[3, 0, 200]], dtype=np.uint8)
    np.testing.assert_array_equal(forward(name, x), forward(name, x.astype(float)))
    np.testing.assert_array_equal(forward(name, [[3, 0, 200]]), forward(name, x.astype(float)))


def test_sigmoid_keeps_its_digits_far_below_0():
    np.testing.assert_allclose(forward("sigmoid", np.array([-40.0, -700.0])), np.exp([-40.0, -700.0]), rtol=1e-12)


def test_elu_keeps_its_digits_near_0():
    np.testing.assert_allclose(forward("elu", np.array([-1e-12])), [-1e-12], rtol=1e-10)


def test_relations():
    """Tanh is a stretched sigmoid; leaky ReLU lies between ReLU and the identity; maxout of x and a x is a PReLU."""
    x = both_signs(5, 4)
    np.testing.assert_allclose(forward("tanh", x), 2 * forward("sigmoid", 2 * x) - 1, atol=1e-15)
    np.testing.assert_array_equal(forward("leaky_relu", x, 0.0), forward("relu", x))
    np.testing.assert_array_equal(forward("leaky_relu", x, 1.0), x)
    alpha = np.array([0.1, 0.25, 0.5, 0.9])
    np.testing.assert_array_equal(forward("maxout", np.hstack([x, alpha * x]), 2), forward("prelu", x, alpha))


def test_slopes_at_0_are_those_of_the_left_side():
    x = np.zeros((1, 2))
    np.testing.assert_array_equal(backward("leaky_relu", np.ones((1, 2)), x, 0.3), [[0.3, 0.3]])
    np.testing.assert_array_equal(backward("prelu", np.ones((1, 2)), x, np.array([0.3, 0.4]))[0], [[0.3, 0.4]])
    np.testing.assert_array_equal(backward("elu", np.ones((1, 2)), x, 0.3), [[0.3, 0.3]])


def test_of_equal_pieces_the_first_one_wins():
    dx = backward("maxout", np.array([[5.0, 7.0]]), np.array([[1.0, 2.0, 1.0, 2.0]]), 2)
    np.testing.assert_array_equal(dx, [[5.0, 7.0, 0.0, 0.0]])


def test_they_are_layers_of_graphs():
    x, alpha = both_signs(3, 4), np.random.rand(4)
    for name, more in (*((name, ()) for name in ELEMENTWISE), ("prelu", (alpha,)), ("maxout", (2,))):
        graph = Graph()
        nodes = {"x": graph.variable(x)} | ({"alpha": graph.variable(alpha)} if name == "prelu" else {})
        out = LAYERS[name](*nodes.values(), *(more if name == "maxout" else ()))
        grads = graph.gradients(out, nodes)
        expected = backward(name, np.ones_like(out.value), x, *more)
        for grad, value in zip(grads.values(), expected if isinstance(expected, tuple) else (expected,), strict=True):
            np.testing.assert_array_equal(grad, value)


# ---- shares


def test_saturated_share():
    slopes = backward("sigmoid", np.ones((1, 5)), np.array([[-9.0, -1.0, 0.0, 1.0, 9.0]]))
    assert saturated_share(slopes) == 0.4
    assert saturated_share(slopes, limit=0.2) == 0.8
    assert saturated_share(-slopes) == 0.4
    assert saturated_share([0.01, 0.5]) == 0.0  # the limit itself is not below


def test_dead_share():
    x = np.array([[-1.0, 1.0, 2.0, -3.0], [-2.0, -3.0, 4.0, -1.0]])
    assert dead_share(backward("relu", np.ones_like(x), x)) == 0.5
    assert dead_share(backward("leaky_relu", np.ones_like(x), x)) == 0.0
    assert dead_share([[1.0, -1.0], [-1.0, 1.0]]) == 0.0  # a sum over the rows would be 0


def test_one_signed_share():
    dw = np.array([[1.0, -1.0, 1.0, 0.0, 0.0], [2.0, -5.0, -1.0, 3.0, 0.0]])
    assert one_signed_share(dw) == 0.75
    assert one_signed_share(-dw) == 0.75


def test_one_input_without_negative_entries_gives_every_unit_gradients_of_one_sign():
    """The claim of the notebook, exactly: dw is the outer product of the input and the gradient of the outputs."""
    x, dout = np.random.rand(1, 7), np.random.randn(1, 5)
    assert one_signed_share(x.T @ dout) == 1.0
    assert one_signed_share((x - 0.5).T @ dout) == 0.0


# ---- errors


ROWS = np.ones((2, 6))


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda: forward("sigmoid", np.array(["1"])), TypeError, "x has dtype <U1, expected real numbers"),
        (lambda: forward("tanh", np.ones(2) * 1j), TypeError, "expected real numbers"),
        (lambda: forward("elu", None), TypeError, "x has dtype object"),
        (lambda: forward("leaky_relu", ROWS, np.ones(6)), TypeError, "there is prelu_forward"),
        (lambda: forward("leaky_relu", ROWS, np.inf), ValueError, "slope is inf, expected a finite number."),
        (lambda: forward("elu", ROWS, 0), ValueError, "alpha is 0, expected a finite number above 0."),
        (lambda: forward("elu", ROWS, "1"), TypeError, "alpha is '1', expected a number"),
        (lambda: forward("prelu", ROWS, np.ones(2)), ValueError, r"alpha has shape (2,), expected (6,)"),
        (lambda: forward("prelu", ROWS[None], np.ones(2)), ValueError, "expected (N, D)"),
        (lambda: forward("maxout", ROWS, 4), ValueError, "which do not make 4 blocks"),
        (lambda: forward("maxout", ROWS, 3.0), ValueError, "expected an integer of at least 1"),
        (lambda: forward("maxout", ROWS, 0), ValueError, "expected an integer of at least 1"),
        (lambda: forward("maxout", ROWS[None], 2), ValueError, "expected (N, D)"),
        (lambda: dead_share(np.ones(3)), ValueError, "expected (N, D): a row for each input"),
        (lambda: dead_share(np.ones((0, 3))), ValueError, "there is no share"),
        (lambda: dead_share(np.ones((3, 0))), ValueError, "there is no share"),
        (lambda: saturated_share(ROWS, "0.01"), TypeError, "limit is '0.01', expected a number."),
        (lambda: saturated_share(ROWS, -0.01), ValueError, "expected a finite number above 0"),
        (lambda: saturated_share([]), ValueError, "there is no share"),
        (lambda: one_signed_share(np.zeros((2, 3))), ValueError, "0 throughout"),
        (lambda: one_signed_share(np.ones(3)), ValueError, "expected (D, M)"),
    ],
)
def test_errors(call, error, words):
    with pytest.raises(error) as caught:
        call()
    assert words in str(caught.value)


@pytest.mark.parametrize("name", PAIRS)
def test_a_gradient_of_another_batch_is_refused(name):
    more = {"prelu": (np.ones(6),), "maxout": (2,)}.get(name, ())
    with pytest.raises(ValueError, match="the shape of the layer's output"):
        backward(name, np.ones((1, 6)), ROWS, *more)


# ---- GELU


@pytest.mark.parametrize("shape", [(4, 3), (6,), (2, 3, 1, 4)])
def test_gelu(shape):
    check_layer(
        gelu_forward, gelu_backward, (2 * np.random.randn(*shape),), lambda x: functional.gelu(x, approximate="tanh")
    )


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_gelu_of_huge_numbers(dtype):
    """It is 0 below and x above, with the slopes 0 and 1, and nothing overflows."""
    x = np.array([np.finfo(dtype).min, -200, 200, np.finfo(dtype).max], dtype)
    out, cache = gelu_forward(x)
    np.testing.assert_array_equal(out, np.maximum(x, 0))
    dx = gelu_backward(np.ones_like(x), cache)
    np.testing.assert_array_equal(dx, [0, 0, 1, 1])
    assert out.dtype == dx.dtype == dtype


def test_gelu_in_its_exact_form_is_near():
    """GELU is x times the probability that a normal number is below x."""
    x = np.linspace(-6, 6, 101)
    exact = [v * (1 + math.erf(v / math.sqrt(2))) / 2 for v in x]
    np.testing.assert_allclose(gelu_forward(x)[0], exact, atol=1e-3)
