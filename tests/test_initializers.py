"""Initial weights: their distribution, what it does to a deep net, twins in PyTorch, and wrong arguments."""

from functools import partial

import numpy as np
import pytest
from layer_check import torch

from cs231n import initializers
from cs231n.fast_layers import conv_forward_fast
from cs231n.initializers import constant, fans, gaussian, he_normal, orthogonal, xavier_normal, xavier_uniform, zeros

AFFINE, CONVOLUTION = (400, 150), (50, 20, 3, 5)
RANDOM = (gaussian, xavier_normal, xavier_uniform, he_normal, orthogonal)


class Recorder:
    """Stands in for a generator and keeps what it is asked for."""

    def normal(self, loc, scale, size):
        self.mean, self.std = loc, scale
        return np.zeros(size)

    def uniform(self, low, high, size):
        self.low, self.high = low, high
        return np.zeros(size)


def asked_for(function, *args, **options):
    """The distribution that a function draws from."""
    rng = Recorder()
    function(*args, rng=rng, **options)
    return rng


@pytest.mark.parametrize("shape, expected", [(AFFINE, (400, 150)), (CONVOLUTION, (300, 750)), ((7, 1, 1, 1), (1, 7))])
def test_fans_count_terms(shape, expected):
    assert fans(shape) == expected


def test_fans_are_the_terms_of_a_convolution():
    """Ones convolved with ones add up fan_in terms; back from all outputs an input gets fan_out of them."""
    from cs231n.layers import conv_backward_naive, conv_forward_naive

    F, C, HH, WW = shape = (4, 3, 3, 5)
    x, w = np.ones((1, C, 9, 11)), np.ones(shape)
    out, cache = conv_forward_naive(x, w, np.zeros(F), {"stride": 1, "pad": 0})
    dx, _, _ = conv_backward_naive(np.ones_like(out), cache)
    assert (out[0, 0, 2, 2], dx[0, 0, 4, 5]) == fans(shape)


@pytest.mark.parametrize("shape", [AFFINE, CONVOLUTION])
@pytest.mark.parametrize("mode", initializers.MODES)
def test_formulas_of_the_papers(shape, mode):
    fan_in, fan_out = fans(shape)
    n = {"fan_in": fan_in, "fan_out": fan_out, "average": (fan_in + fan_out) / 2}[mode]
    assert np.isclose(asked_for(xavier_normal, shape, mode=mode).std ** 2, 1 / n)
    assert np.isclose(asked_for(he_normal, shape, mode=mode).std ** 2, 2 / n)
    assert np.isclose(asked_for(he_normal, shape, mode=mode, slope=1).std ** 2, 1 / n)
    drawn = asked_for(xavier_uniform, shape, mode=mode)
    assert np.isclose(drawn.high**2 / 3, 1 / n) and drawn.low == -drawn.high


def test_defaults_are_those_of_the_papers():
    assert np.isclose(asked_for(xavier_normal, AFFINE).std ** 2, 2 / (400 + 150))
    assert np.isclose(asked_for(xavier_uniform, AFFINE).high ** 2, 6 / (400 + 150))
    assert np.isclose(asked_for(he_normal, AFFINE).std ** 2, 2 / 400)
    assert asked_for(gaussian, AFFINE).std == 0.01


@pytest.mark.parametrize("shape", [AFFINE, CONVOLUTION])
def test_twins_in_pytorch(shape):
    """PyTorch's weights of an affine layer are transposed, (M, D), and so are their fans."""
    torch = pytest.importorskip("torch")
    init, theirs = torch.nn.init, torch.empty(shape[::-1] if len(shape) == 2 else shape, dtype=torch.float64)
    assert fans(shape) == init._calculate_fan_in_and_fan_out(theirs)
    torch.manual_seed(0)
    for ours, twin in (
        (xavier_normal, init.xavier_normal_),
        (xavier_uniform, init.xavier_uniform_),
        (partial(he_normal, slope=0.3), partial(init.kaiming_normal_, a=0.3, nonlinearity="leaky_relu")),
        (partial(he_normal, mode="fan_out"), partial(init.kaiming_normal_, mode="fan_out", nonlinearity="relu")),
        (partial(gaussian, std=0.3), partial(init.normal_, std=0.3)),
    ):
        drawn, twins = ours(shape, rng=np.random.default_rng(0)), twin(theirs).numpy()
        np.testing.assert_allclose(drawn.std(), twins.std(), rtol=0.02)
        np.testing.assert_allclose(np.mean(np.abs(drawn)), np.mean(np.abs(twins)), rtol=0.02)
    assert np.abs(xavier_uniform(shape)).max() < asked_for(xavier_uniform, shape).high


def test_pytorch_draws_a_sixth_of_he_by_default():
    """Its layers have the variance 1 / (3 fan_in) unless they are told otherwise."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    w = torch.nn.Linear(*AFFINE).weight.detach().numpy()
    np.testing.assert_allclose(w.var(), asked_for(he_normal, AFFINE).std ** 2 / 6, rtol=0.03)


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (5, 5), (1, 3), (6, 2, 3, 5), (30, 2, 3, 2)])
def test_orthogonal_weights_keep_lengths(shape):
    matrix = orthogonal(shape, gain=1.5, rng=np.random.default_rng(0)).reshape(shape[0], -1)
    products = matrix @ matrix.T if matrix.shape[0] < matrix.shape[1] else matrix.T @ matrix
    np.testing.assert_allclose(products, 1.5**2 * np.eye(len(products)), atol=1e-12)


def test_orthogonal_weights_favour_no_direction():
    """In the mean over many draws each entry is 0; Q alone, as NumPy returns it, has a diagonal of one sign."""
    rng = np.random.default_rng(0)
    mean = np.mean([orthogonal((3, 3), rng=rng) for _ in range(2000)], axis=0)
    assert np.abs(mean).max() < 0.06


@pytest.mark.parametrize("function", RANDOM, ids=lambda function: function.__name__)
@pytest.mark.parametrize("shape", [(8, 3), (4, 2, 3, 5)])
def test_the_generator_decides(function, shape):
    first, again = (function(shape, rng=np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert first.shape == shape and first.dtype == np.float64
    np.random.seed(3)
    by_seed = function(shape)
    np.random.seed(3)
    np.testing.assert_array_equal(by_seed, function(shape))
    assert not np.array_equal(by_seed, function(shape))
    np.testing.assert_array_equal(function(list(shape), rng=np.random.RandomState(3)), by_seed)


def test_equal_weights():
    assert zeros((2, 3)).tolist() == [[0.0] * 3] * 2
    assert constant((1, 2), 4).dtype == np.float64 and constant((1, 2), 4).tolist() == [[4.0, 4.0]]


def spread_after(init, activation, depth=10, width=300):
    rng = np.random.default_rng(0)
    h = rng.normal(size=(200, width))
    for _ in range(depth):
        h = activation(h @ init((width, width), rng=rng))
    return h.std()


def test_what_they_are_for():
    """Through ten layers: small weights lose the signal, Xavier keeps it with tanh, He with ReLU, Xavier does not."""

    def relu(x):
        return np.maximum(x, 0)

    assert spread_after(gaussian, np.tanh) < 1e-7
    assert spread_after(partial(gaussian, std=1.0), np.tanh) > 0.9
    assert 0.1 < spread_after(xavier_normal, np.tanh) < 0.6
    assert spread_after(xavier_normal, relu) < 0.05
    assert 0.4 < spread_after(he_normal, relu) < 2
    assert np.isclose(spread_after(orthogonal, lambda x: x), 1, atol=0.01)


@pytest.mark.parametrize("shape", [(5,), 5, (2, 3, 4), (), "ab", None])
@pytest.mark.parametrize("function", [*RANDOM, zeros, fans, partial(constant, value=1)])
def test_shapes_that_no_weights_have(function, shape):
    with pytest.raises(ValueError, match=r"expected \(D, M\) or \(F, C, HH, WW\)"):
        function(shape)


def test_errors_say_what_is_wrong():
    with pytest.raises(ValueError, match="A bias has a single axis"):
        gaussian((5,))
    with pytest.raises(ValueError, match=r"shape\[1\] is 2.0.*float"):
        fans((3, 2.0))
    with pytest.raises(ValueError, match=r"shape\[0\] is 0"):
        zeros((0, 2))
    with pytest.raises(ValueError, match=r'mode is \'fan-in\' \(do you mean "fan_in"\?\)'):
        xavier_normal((2, 3), mode="fan-in")
    with pytest.raises(ValueError, match=r"std is -1"):
        gaussian((2, 3), std=-1)
    for function in RANDOM:
        with pytest.raises(TypeError, match=r"rng=np.random.default_rng\(5\)"):
            function((2, 3), rng=5)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: zeros(np.ones((2, 3))), ValueError, "shape is an array of shape .2, 3.*W.shape"),
        (lambda: constant((2, 3), None), ValueError, "value is None, expected a finite number"),
        (lambda: gaussian((2, 3), "small"), ValueError, "std is 'small'"),
        (lambda: he_normal((2, 3), slope=np.nan), ValueError, "slope is nan"),
        (lambda: xavier_normal((2, 3), np.random.default_rng(0)), TypeError, "pass it by name, rng="),
    ],
)
def test_more_errors_say_what_came(call, error, words):
    with pytest.raises(error, match=words):
        call()


# ---- filters that copy their input


@pytest.mark.parametrize("shape", [(3, 3, 3, 3), (5, 2, 3, 3), (2, 5, 1, 1), (2, 2, 4, 3)])
def test_dirac(shape):
    W = initializers.dirac(shape)
    assert W.shape == shape and W.dtype == np.float64 and W.sum() == min(shape[:2])
    if torch:
        np.testing.assert_array_equal(W, torch.nn.init.dirac_(torch.empty(shape)).numpy())


def test_dirac_filters_copy_the_maps():
    x = np.random.randn(2, 3, 4, 5)
    out, _ = conv_forward_fast(x, initializers.dirac((4, 3, 3, 3)), np.zeros(4), {"stride": 1, "pad": 1})
    np.testing.assert_array_equal(out[:, :3], x)
    np.testing.assert_array_equal(out[:, 3], 0)
    with pytest.raises(ValueError, match="only a filter has a middle"):
        initializers.dirac((3, 3))
