"""The rules on where an output is right, and on factors and parameters: true where they speak, silent elsewhere."""

import numpy as np
import pytest

from coursekit.core.mistakes import Wrong, explain_values


def told(expected, got, name="out", others=(), **inputs):
    """What the rules say of an output, without any other knowledge."""
    more = tuple(Wrong(name, e, g, inputs, {}) for e, g in others)
    return explain_values(Wrong(name, expected, got, inputs, {}, (), more))


@pytest.fixture
def maps():
    """Feature maps (N, F, H, W) without equal entries or zeros, and others of the same shape."""
    rng = np.random.RandomState(0)
    return 1 + rng.rand(2, 3, 4, 5), 3 + rng.rand(2, 3, 4, 5)


POSITIONS = (
    (lambda i, j: i == j, "are i and j, or height and width, swapped?"),
    (lambda i, j: i + j == 0, "only at position (0, 0)"),
    (lambda i, j: (i == 0) & (j >= 0), "only in the first row of positions"),
    (lambda i, j: (j == 0) & (i >= 0), "only in the first column of positions"),
)


@pytest.mark.parametrize(("right", "says"), POSITIONS, ids=[says for _, says in POSITIONS])
def test_positions_that_are_right(maps, right, says):
    expected, other = maps
    assert says in told(expected, np.where(right(*np.ogrid[:4, :5]), expected, other))


def test_a_wrong_border_points_to_padding_only_where_there_is_padding(maps):
    expected, other = maps
    got = other.copy()
    got[:, :, 1:-1, 1:-1] = expected[:, :, 1:-1, 1:-1]
    assert "how is the padding made?" in told(expected, got, pad=1)
    assert told(expected, got, pad=0) == ""


def test_entries_that_are_right_by_chance_are_no_pattern(maps):
    """Pooling leaves many entries right: a first row that is right throughout then says little."""
    expected, other = maps
    got = np.where(np.random.RandomState(1).rand(*expected.shape) < 0.5, expected, other)
    got[:, :, 0] = expected[:, :, 0]
    assert told(expected, got) == ""


@pytest.mark.parametrize("axis", range(3))
def test_the_one_slice_that_is_right_or_wrong(axis):
    expected, other = np.random.RandomState(0).rand(2, 3, 4, 5)
    for index, words in ((0, "only {} is {}"), (-1, "only {} is {}")):
        place = [slice(None)] * 3
        place[axis] = index
        number = index % expected.shape[axis]
        name = "out[" + ", ".join([":"] * axis + [str(number)]) + "]"
        got = other.copy()
        got[tuple(place)] = expected[tuple(place)]
        assert words.format(name, "right") in told(expected, got)
        got = expected.copy()
        got[tuple(place)] = other[tuple(place)]
        assert words.format(name, "wrong") in told(expected, got)


@pytest.mark.parametrize(("sizes", "is_told"), [({"N": 2, "T": 4}, True), ({"N": 2, "M": 4}, False)])
def test_steps_of_sequences_can_spoil_each_other(sizes, is_told):
    expected, got = np.random.RandomState(0).rand(2, 2, 4, 3)
    got[:, -1] = expected[:, -1]
    sentence = explain_values(Wrong("dx", expected, got, {}, sizes))
    assert sentence.startswith("only dx[:, 3] is right: ")
    assert ("another step" in sentence) == is_told


def test_the_right_values_in_wrong_places():
    expected = np.random.RandomState(0).rand(3, 4, 5)
    got = expected.transpose(0, 2, 1).reshape(3, 4, 5)
    assert "a reshape, a transpose or an index" in told(expected, got)
    assert told(expected, got, others=[(expected, 2 + got)]) == "", "elsewhere the values are others"
    sparse = expected * (expected > 0.7)
    assert "to the wrong entries?" in told(sparse, sparse[:, ::-1, ::-1])


def test_a_factor_or_a_number_for_each_column():
    expected, gamma = np.random.RandomState(0).rand(4, 3) - 0.5, np.array([2.0, -3.0, 0.5])
    says = "each dx[:, k] is off by a factor of its own, the same in all its entries"
    assert told(expected, expected * gamma, "dx", gamma=gamma) == says + ": is it gamma, missing or one too many?"
    assert told(expected, expected / gamma, "dx", gamma=gamma) == says + ": is it gamma, missing or one too many?"
    assert told(expected, expected * gamma, "dx", gamma=gamma**2) == says
    assert "each dx[k] is off by a number" in told(expected, expected + np.arange(4.0)[:, np.newaxis], "dx")
    assert "factor" not in told(expected, expected * np.array([0.0, 1.0, 1.0]), "dx"), "0 has any factor"


PARAMETERS = (
    (lambda x_hat, gamma, beta: x_hat / gamma + beta, "gamma divides"),
    (lambda x_hat, gamma, beta: beta * x_hat + gamma, "gamma and beta are swapped"),
    (lambda x_hat, gamma, beta: x_hat + gamma + beta, "both added"),
    (lambda x_hat, gamma, beta: gamma * (x_hat + beta), "beta is multiplied by gamma, too"),
    (lambda x_hat, gamma, beta: gamma**2 * x_hat + beta, "gamma is squared"),
)


@pytest.mark.parametrize(("wrong", "says"), PARAMETERS, ids=[says for _, says in PARAMETERS])
@pytest.mark.parametrize("shape", [(4, 3), (2, 3, 4, 2)])
def test_gains_in_the_wrong_place(wrong, says, shape):
    x_hat, gamma, beta = np.random.RandomState(0).randn(*shape), np.array([2.0, -3.0, 0.5]), np.array([7.0, 1.0, 4.0])
    wide = [value.reshape(-1, *[1] * (len(shape) - 2)) if len(shape) > 2 else value for value in (gamma, beta)]
    assert says in told(wide[0] * x_hat + wide[1], wrong(x_hat, *wide), gamma=gamma, beta=beta)


def test_an_input_that_is_returned():
    db, b = np.array([1.0, -2.0]), np.array([5.0, 3.0])
    assert "db is the same as b, which is passed in" in told(db, b, "db", b=b)
    assert told(db, np.array([5.0, 3.1]), "db", b=b) == ""


def test_one_value_everywhere():
    assert "every entry of db is 1" in told(np.array([1.0, 2.0, 3.0]), np.ones(3), "db")
    assert "0 but for rounding" in told(np.array([1.0, 2.0, -3.0]), 1e-17 * np.array([1.0, 2.0, -3.0]), "db")
