"""The search for settings: distributions, reproducibility, the rate finder, and checks that find planted bugs."""

import numpy as np
import pytest

from cs231n import optim, search
from cs231n.classifiers.fc_net import TwoLayerNet
from cs231n.search import (
    Trial,
    babysit,
    best_first,
    check_initial_loss,
    check_loss_falls,
    check_overfit,
    check_regularization,
    check_update_ratios,
    find_rate,
    grid_search,
    log_uniform,
    narrowed,
    random_search,
    settings_at_edge,
    smoothed,
    training_step,
    update_ratios,
)

RANGES = {"rate": (1e-5, 10.0), "reg": (1e-3, 1e3)}

# ---- sampling and search


@pytest.mark.parametrize("rng", [np.random.RandomState(0), np.random.default_rng(0)])
def test_logarithms_are_uniform(rng):
    """The largest distance between the two distribution functions, by Kolmogorov and Smirnov."""
    x = np.sort(log_uniform(1e-6, 1e2, 4000, rng))
    places = np.log10(x / 1e-6) / 8
    assert places.min() >= 0 and places.max() <= 1
    assert np.abs(places - np.arange(4000) / 4000).max() < 3 / np.sqrt(4000)


def test_shapes_of_samples():
    assert isinstance(log_uniform(1, 2), float)
    assert log_uniform(1, 2, 3).shape == (3,) and log_uniform(1, 2, (2, 5)).shape == (2, 5)


def score(rate, reg):
    return -abs(np.log10(rate) + 1) - 0.1 * abs(np.log10(reg))


def test_random_search_is_sorted_and_reproducible():
    first, again, other = (random_search(score, RANGES, 20, seed) for seed in (3, 3, 4))
    assert first == again and first != other
    scores = [trial.score for trial in first]
    assert scores == sorted(scores, reverse=True) and len(first) == 20
    assert all(trial.score == score(**trial.settings) for trial in first)
    assert all(low <= trial.settings[name] <= high for trial in first for name, (low, high) in RANGES.items())


@pytest.mark.parametrize("budget, expected", [(1, 1), (8, 4), (9, 9), (24, 16), (25, 25)])
def test_a_grid_stays_within_its_budget(budget, expected):
    assert len(grid_search(score, RANGES, budget)) == expected


def test_a_grid_goes_from_end_to_end():
    rates = sorted({trial.settings["rate"] for trial in grid_search(score, RANGES, 9)})
    np.testing.assert_allclose(rates, [1e-5, 1e-2, 10])
    [trial] = grid_search(score, {"rate": (1e-4, 1.0), "reg": (1, 100)}, 1)
    assert trial.settings == pytest.approx({"rate": 1e-2, "reg": 10})


def test_of_two_settings_random_search_tries_more_values_of_each():
    trials = {name: run(score, RANGES, 16) for name, run in (("grid", grid_search), ("random", random_search))}
    values = {name: len({trial.settings["rate"] for trial in found}) for name, found in trials.items()}
    assert values == {"grid": 4, "random": 16}


def test_runs_that_diverged_come_last():
    trials = best_first([Trial(np.nan, {"a": 1}), Trial(-5.0, {"a": 2}), Trial(np.nan, {"a": 3}), Trial(2.0, {"a": 4})])
    assert [trial.settings["a"] for trial in trials] == [4, 2, 1, 3]
    assert random_search(lambda a: np.nan if a > 2 else a, {"a": (1, 4)}, 10)[0].score < 2


def test_a_finer_search_does_not_end_lower():
    coarse = random_search(score, RANGES, 15)
    fine = narrowed(coarse)
    assert all(fine[name][1] / fine[name][0] < RANGES[name][1] / RANGES[name][0] for name in RANGES)
    best = max(coarse[0].score, random_search(score, fine, 15)[0].score)
    assert best > coarse[0].score


def test_settings_at_the_edge_are_named():
    ranges = {"rate": (1e-4, 1.0), "reg": (1e-4, 1.0)}
    assert settings_at_edge([Trial(1, {"rate": 2e-4, "reg": 0.5})], ranges) == ["rate", "reg"]
    assert settings_at_edge([Trial(1, {"rate": 1e-2, "reg": 3e-4})], ranges) == []


# ---- the rate finder


def bowl_step(noise=None):
    """Steps in a bowl 1 + sum(c w^2) / 2: the steepest direction diverges from a rate of 2 / 8 on."""
    w, c = np.ones(3), np.array([0.5, 2.0, 8.0])

    def step(rate):
        loss = 1 + 0.5 * float(np.sum(c * w**2)) + (0 if noise is None else noise.pop())
        w[:] -= rate * c * w
        return loss

    return step


def test_the_rates_rise_by_the_same_factor_until_the_loss_explodes():
    test = find_rate(bowl_step(), low=1e-3, high=100.0, num_steps=60)
    np.testing.assert_allclose(test.rates[1:] / test.rates[:-1], 1e5 ** (1 / 59))
    assert test.rates[0] == pytest.approx(1e-3) and test.rates[-1] < 100
    assert test.losses.max() <= 4 * test.losses.min() * 4 and 0.01 < test.suggestion < 0.25


def test_a_range_without_explosion_is_used_up():
    assert len(find_rate(bowl_step(), 1e-4, 1e-2, num_steps=30).rates) == 30


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_ends_the_test_and_is_not_kept(bad):
    losses = iter([3.0, 2.0, bad, 1.0])
    test = find_rate(lambda rate: next(losses), num_steps=4)
    np.testing.assert_array_equal(test.losses, [3, 2])


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9])
def test_a_constant_stays_a_constant(beta):
    """Without the correction the first values would be pulled towards 0."""
    np.testing.assert_allclose(smoothed(np.full(20, 3.0), beta), 3)


def test_the_correction_is_adams():
    gradients = np.random.RandomState(0).randn(6)
    config, w = {"learning_rate": 1.0, "beta1": 0.7, "beta2": 0.8, "epsilon": 0.0}, np.zeros(1)
    for t, dw in enumerate(gradients, 1):
        next_w, config = optim.adam(w, np.array([dw]), config)
        expected = smoothed(gradients[:t], 0.7)[-1] / np.sqrt(smoothed(gradients[:t] ** 2, 0.8)[-1])
        np.testing.assert_allclose(w - next_w, expected)
        w = next_w


# ---- checks of a net

RNG = np.random.RandomState(231)
Y = RNG.randint(0, 5, 120)
X = 0.4 * (RNG.randn(120, 12) + 2 * RNG.randn(5, 12)[Y])


def make_net(reg, net=TwoLayerNet, weight_scale=0.2):
    np.random.seed(0)
    return net(12, 30, 5, weight_scale=weight_scale, reg=reg)


def made(net):
    return lambda reg: make_net(reg, net)


class SummedLoss(TwoLayerNet):
    def loss(self, X, y=None):
        if y is None:
            return super().loss(X)
        loss, grads = super().loss(X, y)
        return loss * len(X), {name: dw * len(X) for name, dw in grads.items()}


class Unregularized(TwoLayerNet):
    def loss(self, X, y=None):
        self.reg = 0.0
        return super().loss(X, y)


class DeadUnits(TwoLayerNet):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.params["b1"] -= 100


class WrongSign(TwoLayerNet):
    def loss(self, X, y=None):
        if y is None:
            return super().loss(X)
        loss, grads = super().loss(X, y)
        return loss, {name: -dw for name, dw in grads.items()}


def test_a_sound_net_passes_everything():
    findings = babysit(make_net, X, Y, num_classes=5, learning_rate=0.05)
    assert all(finding.ok for finding in findings), "\n".join(map(str, findings))


@pytest.mark.parametrize(
    "net, check",
    [
        (SummedLoss, check_initial_loss),
        (Unregularized, check_regularization),
        (DeadUnits, check_overfit),
        (WrongSign, check_overfit),
    ],
)
def test_a_planted_bug_is_found(net, check):
    settings = {"num_classes": 5} if check is check_initial_loss else {}
    assert check(make_net, X, Y, **settings).ok
    finding = check(made(net), X, Y, **settings)
    assert not finding.ok and finding.advice in str(finding)


def test_a_dead_net_does_not_learn_at_any_rate():
    assert not check_loss_falls(lambda reg: make_net(reg, WrongSign), X, Y).ok


def test_ratios_follow_the_rate():
    findings = [check_update_ratios(make_net, X, Y, rate, num_steps=0) for rate in (1e-5, 1e-2, 10.0)]
    assert [finding.ok for finding in findings] == [False, True, False]
    assert findings[0].measured < 1e-4 and findings[2].measured > 0.1


def test_ratios_of_each_matrix():
    before = {"W1": np.ones((2, 2)), "W2": np.full((2, 3), 2.0), "b": np.zeros(3)}
    after = {"W1": np.full((2, 2), 0.9), "W2": np.full((2, 3), 2.0), "b": np.ones(3)}
    assert update_ratios(before, after) == pytest.approx({"W1": 0.1, "W2": 0.0})
    assert update_ratios({"W": np.zeros((1, 2))}, {"W": np.ones((1, 2))}) == {"W": np.inf}


def test_a_layer_that_does_not_move_or_starts_at_0_is_found():
    class Frozen(TwoLayerNet):
        def loss(self, X, y=None):
            out = super().loss(X, y)
            return out if y is None else (out[0], out[1] | {"W1": 0 * out[1]["W1"]})

    finding = check_update_ratios(made(Frozen), X, Y, 0.05)
    assert not finding.ok and finding.measured == 0
    assert not check_update_ratios(lambda reg: make_net(reg, weight_scale=0.0), X, Y, 0.05, num_steps=0).ok


def test_checks_leave_their_data_alone_and_begin_anew():
    before = X.copy(), Y.copy()
    findings = [str(f) for _ in range(2) for f in babysit(make_net, X, Y, num_classes=5)]
    assert findings[:5] == findings[5:]
    np.testing.assert_array_equal(X, before[0])
    np.testing.assert_array_equal(Y, before[1])


def test_steps_of_a_rule_keep_its_state():
    """Two steps of momentum are more than two of SGD; with a batch of all, the step is exact."""
    nets = [make_net(0.0), make_net(0.0)]
    for net, rule in zip(nets, (optim.sgd, optim.sgd_momentum), strict=True):
        step = training_step(net, X, Y, rule, batch_size=len(X))
        first = step(0.1)
        step(0.1)
        assert first == make_net(0.0).loss(X, Y)[0]
    assert not np.allclose(nets[0].params["W1"], nets[1].params["W1"])


def test_half_of_the_type_is_kept():
    """Rates are plain floats, so weights of float32 stay so."""
    net = make_net(0.0)
    net.params = {name: w.astype(np.float32) for name, w in net.params.items()}
    find_rate(training_step(net, X.astype(np.float32), Y), num_steps=5)
    assert {w.dtype for w in net.params.values()} == {np.dtype(np.float32)}


# ---- what is refused


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: log_uniform(1.0, 0.1), ValueError, "are they swapped"),
        (lambda: log_uniform(0.0, 0.1), ValueError, "no logarithm of 0"),
        (lambda: log_uniform(1.0, np.inf), ValueError, "0 < low < high"),
        (lambda: random_search(None, RANGES, 3), TypeError, "train is None, expected a function"),
        (lambda: random_search(score, [1, 2], 3), TypeError, "expected a dict"),
        (lambda: random_search(score, {}, 3), TypeError, "expected a dict"),
        (
            lambda: random_search(score, {"rate": 3.0}, 3),
            ValueError,
            r"the range of rate is 3.0, expected \(low, high\)",
        ),
        (lambda: grid_search(score, RANGES, 2.5), ValueError, "budget is 2.5"),
        (lambda: random_search(lambda rate: None, {"rate": (0.1, 1)}, 3), TypeError, "the score of a trial is None"),
        (lambda: best_first([({"a": 1}, 0.5)]), TypeError, r"expected Trial\(score, settings\)"),
        (lambda: log_uniform(0.1, 1.0, rng=0), TypeError, "rng is 0, expected a generator"),
        (lambda: narrowed([]), ValueError, "no best one"),
        (lambda: narrowed([Trial(1, {"a": 1})], margin=0.5), ValueError, "margin is 0.5"),
        (lambda: settings_at_edge([], RANGES), ValueError, "no best one"),
        (lambda: settings_at_edge([Trial(1, {"a": 1})], {"b": (1, 2)}), ValueError, "ranges has 'b'"),
        (lambda: settings_at_edge([Trial(1, {"a": 1})], {"a": (1, 2)}, share=3), ValueError, "share is 3"),
        (lambda: find_rate(0.1), TypeError, "step is 0.1, expected a function"),
        (lambda: find_rate(lambda rate: np.nan), ValueError, "the very first step"),
        (lambda: find_rate(lambda rate: 1.0, num_steps=1), ValueError, "num_steps is 1"),
        (lambda: find_rate(lambda rate: 1.0, stop=1.0), ValueError, "stop is 1.0"),
        (lambda: smoothed([1.0], beta=1.0), ValueError, "beta is 1.0"),
        (lambda: training_step(make_net(0.0), X, Y[:3]), ValueError, "y has shape"),
        (lambda: check_initial_loss(make_net(0.0), X, Y, 5), TypeError, "make_net is TwoLayerNet"),
        (lambda: check_initial_loss(make_net, X, Y, 1), ValueError, "num_classes is 1"),
        (lambda: check_regularization(make_net, X, Y, reg=0.0), ValueError, "reg is 0.0"),
        (lambda: check_overfit(make_net, X, Y, num_images=0), ValueError, "num_images is 0"),
        (lambda: check_overfit(make_net, X[:0], Y[:0]), ValueError, "without any inputs"),
        (lambda: check_loss_falls(make_net, X, Y, num_steps=5), ValueError, "num_steps is 5"),
        (lambda: update_ratios({"W": np.ones((1, 1))}, {}), ValueError, "expected the same names"),
        (lambda: update_ratios({"W": np.ones((2, 1))}, {"W": np.ones((1, 2))}), ValueError, "after.* has shape"),
    ],
)
def test_what_cannot_work_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_the_module_names_what_it_offers():
    assert all(
        getattr(search, name).__doc__ for name in dir(search) if callable(getattr(search, name)) and name[0] != "_"
    )
