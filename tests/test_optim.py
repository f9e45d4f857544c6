"""Update rules: the course's values, PyTorch twins, dtypes, state; and the learning rate schedules."""

import math

import numpy as np
import pytest
from layer_check import torch

from cs231n import optim
from cs231n.optim import (
    adagrad,
    adam,
    adamw,
    cosine_decay,
    exponential_decay,
    rmsprop,
    sgd,
    sgd_momentum,
    step_decay,
    warm_up_cosine,
)

RULES = (sgd, sgd_momentum, optim.nesterov_momentum, adagrad, rmsprop, adam, adamw)


def linspace(start, stop):
    return np.linspace(start, stop, num=20).reshape(4, 5)


REFERENCES = [
    (
        sgd_momentum,
        {"learning_rate": 1e-3, "velocity": linspace(0.6, 0.9)},
        [
            [0.1406, 0.20738947, 0.27417895, 0.34096842, 0.40775789],
            [0.47454737, 0.54133684, 0.60812632, 0.67491579, 0.74170526],
            [0.80849474, 0.87528421, 0.94207368, 1.00886316, 1.07565263],
            [1.14244211, 1.20923158, 1.27602105, 1.34281053, 1.4096],
        ],
        {
            "velocity": [
                [0.5406, 0.55475789, 0.56891579, 0.58307368, 0.59723158],
                [0.61138947, 0.62554737, 0.63970526, 0.65386316, 0.66802105],
                [0.68217895, 0.69633684, 0.71049474, 0.72465263, 0.73881053],
                [0.75296842, 0.76712632, 0.78128421, 0.79544211, 0.8096],
            ]
        },
    ),
    (
        rmsprop,
        {"learning_rate": 1e-2, "cache": linspace(0.6, 0.9)},
        [
            [-0.39223849, -0.34037513, -0.28849239, -0.23659121, -0.18467247],
            [-0.132737, -0.08078555, -0.02881884, 0.02316247, 0.07515774],
            [0.12716641, 0.17918792, 0.23122175, 0.28326742, 0.33532447],
            [0.38739248, 0.43947102, 0.49155973, 0.54365823, 0.59576619],
        ],
        {
            "cache": [
                [0.5976, 0.6126277, 0.6277108, 0.64284931, 0.65804321],
                [0.67329252, 0.68859723, 0.70395734, 0.71937285, 0.73484377],
                [0.75037008, 0.7659518, 0.78158892, 0.79728144, 0.81302936],
                [0.82883269, 0.84469141, 0.86060554, 0.87657507, 0.8926],
            ]
        },
    ),
    (
        adam,
        {"learning_rate": 1e-2, "m": linspace(0.6, 0.9), "v": linspace(0.7, 0.5), "t": 5},
        [
            [-0.40094747, -0.34836187, -0.29577703, -0.24319299, -0.19060977],
            [-0.1380274, -0.08544591, -0.03286534, 0.01971428, 0.0722929],
            [0.1248705, 0.17744702, 0.23002243, 0.28259667, 0.33516969],
            [0.38774145, 0.44031188, 0.49288093, 0.54544852, 0.59801459],
        ],
        {
            "v": [
                [0.69966, 0.68908382, 0.67851319, 0.66794809, 0.65738853],
                [0.64683452, 0.63628604, 0.6257431, 0.61520571, 0.60467385],
                [0.59414753, 0.58362676, 0.57311152, 0.56260183, 0.55209767],
                [0.54159906, 0.53110598, 0.52061845, 0.51013645, 0.49966],
            ],
            "m": [
                [0.48, 0.49947368, 0.51894737, 0.53842105, 0.55789474],
                [0.57736842, 0.59684211, 0.61631579, 0.63578947, 0.65526316],
                [0.67473684, 0.69421053, 0.71368421, 0.73315789, 0.75263158],
                [0.77210526, 0.79157895, 0.81105263, 0.83052632, 0.85],
            ],
            "t": 6,
        },
    ),
]


@pytest.mark.parametrize("rule, config, next_w, state", REFERENCES, ids=lambda value: getattr(value, "__name__", ""))
def test_the_courses_values(rule, config, next_w, state):
    """The state is read from the dict that was passed, as in the course's notebooks."""
    config = {name: np.copy(value) if isinstance(value, np.ndarray) else value for name, value in config.items()}
    got, _ = rule(linspace(-0.4, 0.6), linspace(-0.6, 0.4), config)
    np.testing.assert_allclose(got, next_w, atol=6e-9)
    for name, value in state.items():
        np.testing.assert_allclose(config[name], value, atol=6e-9)


def twins(parameters):
    """PyTorch's optimiser for each rule, with the same settings, none of them a default."""
    make = torch.optim
    return {
        sgd: ({}, make.SGD(parameters, lr=0.03)),
        sgd_momentum: ({"momentum": 0.8}, make.SGD(parameters, lr=0.03, momentum=0.8)),
        optim.nesterov_momentum: ({"momentum": 0.8}, make.SGD(parameters, lr=0.03, momentum=0.8, nesterov=True)),
        adagrad: ({"epsilon": 1e-3}, make.Adagrad(parameters, lr=0.03, eps=1e-3)),
        rmsprop: ({"decay_rate": 0.9, "epsilon": 1e-3}, make.RMSprop(parameters, lr=0.03, alpha=0.9, eps=1e-3)),
        adam: (
            {"beta1": 0.8, "beta2": 0.95, "epsilon": 1e-3},
            make.Adam(parameters, lr=0.03, betas=(0.8, 0.95), eps=1e-3),
        ),
        adamw: (
            {"beta1": 0.8, "beta2": 0.95, "epsilon": 1e-3, "weight_decay": 0.3},
            make.AdamW(parameters, lr=0.03, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.3),
        ),
    }


@pytest.mark.skipif(torch is None, reason="PyTorch is not installed")
@pytest.mark.parametrize("rule", RULES)
def test_twin_in_pytorch(rule):
    """Thirty steps with gradients of very different scales, one of them always 0."""
    w = np.random.randn(3, 4)
    tensor = torch.tensor(w, requires_grad=True)
    settings, twin = twins([tensor])[rule]
    config = {"learning_rate": 0.03, **settings}
    scale = 10.0 ** np.arange(-6, 6).reshape(3, 4)
    scale[1, 1] = 0.0
    for _ in range(30):
        dw = scale * np.random.randn(3, 4)
        tensor.grad = torch.tensor(dw)
        twin.step()
        w, config = rule(w, dw, config)
        np.testing.assert_allclose(w, tensor.detach().numpy(), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("rule", RULES)
class TestEveryRule:
    def test_fills_in_the_dict_that_was_passed(self, rule):
        config = {}
        _, returned = rule(np.ones(3), np.ones(3), config)
        assert returned is config
        assert config["learning_rate"] == (1e-3 if rule in (adam, adamw) else 1e-2)
        alone = rule(np.ones(3), np.ones(3))[1]
        assert {name: np.sum(value) for name, value in alone.items()} == {
            name: np.sum(value) for name, value in config.items()
        }

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_keeps_the_type(self, rule, dtype):
        w, config = np.ones((2, 3), dtype), {}
        for _ in range(2):
            w, config = rule(w, np.full((2, 3), 0.5, dtype), config)
        arrays = [w, *(value for value in config.values() if isinstance(value, np.ndarray))]
        assert {array.dtype for array in arrays} == {np.dtype(dtype)}

    def test_does_not_change_its_arguments(self, rule):
        w, dw = np.random.randn(4), np.random.randn(4)
        kept = w.copy(), dw.copy()
        _, config = rule(w, dw)
        state = {name: value.copy() for name, value in config.items() if isinstance(value, np.ndarray)}
        passed = {name: config[name] for name in state}
        rule(w, dw, config)
        for before, after in zip(kept, (w, dw), strict=True):
            np.testing.assert_array_equal(before, after)
        for name, before in state.items():
            np.testing.assert_array_equal(passed[name], before)

    def test_initial_gradients_of_zero_do_no_harm(self, rule):
        w, _ = rule(np.zeros(3), np.zeros(3))
        np.testing.assert_array_equal(w, np.zeros(3))

    def test_finds_the_bottom_of_a_narrow_valley(self, rule):
        """f(w) = (w1^2 + 30 w2^2) / 2 from (1, 1): each rule reaches the minimum with a suitable learning rate."""
        rate = {adagrad: 0.5, rmsprop: 0.01, adam: 0.05, adamw: 0.05}.get(rule, 0.02)
        w, config = np.array([1.0, 1.0]), {"learning_rate": rate}
        for _ in range(400):
            w, config = rule(w, np.array([1.0, 30.0]) * w, config)
        assert np.abs(w).max() < 0.02


def test_adams_first_step_has_the_length_of_the_learning_rate():
    for size in (1e-4, 1.0, 1e6):
        w, config = adam(np.zeros(2), np.array([size, -size]), {"learning_rate": 0.1})
        np.testing.assert_allclose(w, [-0.1, 0.1], rtol=1e-3)
        assert config["t"] == 1


def test_adams_epsilon_is_added_to_the_corrected_root():
    """Visible only where gradients are as small as epsilon: with m_hat = sqrt(v_hat) = epsilon the step is halved."""
    w, _ = adam(np.zeros(1), np.array([1e-8]), {"learning_rate": 1.0})
    np.testing.assert_allclose(w, -0.5)


def test_weight_decay_is_not_divided():
    """AdamW shrinks each weight by the same fraction, whatever its gradient; an L2 penalty in Adam does not."""
    w, dw = np.array([1.0, 1.0]), np.array([1e3, 1e-3])
    plain, _ = adam(w, dw, {"learning_rate": 0.1})
    decayed, _ = adamw(w, dw, {"learning_rate": 0.1, "weight_decay": 0.5})
    np.testing.assert_allclose(plain - decayed, 0.05)


class TestMuon:
    @pytest.mark.parametrize("shape", [(6, 9), (9, 4), (5, 2, 3, 3), (1, 7), (1, 1)])
    @pytest.mark.parametrize("steps", [0, 1, 5])
    def test_orthogonalize_changes_the_singular_values_alone(self, shape, steps):
        """Each of them by the polynomial, as often as there are steps; U and V stay."""
        G = np.random.randn(*shape).reshape(shape[0], -1)
        kept = G.copy()
        U, S, Vt = np.linalg.svd(G, full_matrices=False)
        S /= np.linalg.norm(S)
        for _ in range(steps):
            S = 3.4445 * S - 4.775 * S**3 + 2.0315 * S**5
        np.testing.assert_allclose(optim.orthogonalize(G, steps, epsilon=0), U * S @ Vt, atol=1e-12)
        np.testing.assert_array_equal(G, kept)

    def test_orthogonalize_lifts_small_values(self):
        values = np.linalg.svd(optim.orthogonalize(np.diag(np.logspace(-1.9, 0, 30))))[1]
        assert values.min() > 0.65 and values.max() < 1.2

    def test_orthogonalize_of_zeros(self):
        np.testing.assert_array_equal(optim.orthogonalize(np.zeros((2, 3))), np.zeros((2, 3)))
        with pytest.raises(ValueError, match="expected \\(F, K\\)"):
            optim.orthogonalize(np.zeros(3))

    @pytest.mark.parametrize("normalize", [False, True])
    @pytest.mark.parametrize("shape", [(8, 3), (4, 2, 3, 3)])
    def test_formula(self, shape, normalize):
        """Two steps: momentum, the look ahead, the scale of high matrices, and the norm before each step."""
        w, v = np.random.randn(*shape), 0
        expected, config = w, {"learning_rate": 0.3, "momentum": 0.6, "steps": 3, "normalize": normalize}
        F = shape[0]
        for _ in range(2):
            dw = np.random.randn(*shape)
            v = 0.6 * v + dw
            step = optim.orthogonalize((dw + 0.6 * v).reshape(F, -1), 3).reshape(shape)
            expected = expected * np.sqrt(F) / np.linalg.norm(expected) if normalize else expected
            expected = expected - 0.3 * np.sqrt(max(1, F / (dw.size / F))) * step
            w, config = optim.muon(w, dw, config)
            np.testing.assert_allclose(w, expected, atol=1e-12)
        np.testing.assert_allclose(config["velocity"], v)

    def test_a_vector_takes_a_step_of_nesterov_momentum(self):
        w, theirs = np.random.randn(5), {"learning_rate": 0.1 * 0.3, "momentum": 0.6}
        expected, config = w, {"learning_rate": 0.1, "momentum": 0.6, "vector_scale": 0.3}
        for _ in range(3):
            dw = np.random.randn(5)
            w, config = optim.muon(w, dw, config)
            expected, theirs = optim.nesterov_momentum(expected, dw, theirs)
            np.testing.assert_allclose(w, expected, atol=1e-12)

    def test_the_length_of_the_gradient_does_not_matter(self):
        w, dw = np.random.randn(4, 6), np.random.randn(4, 6)
        np.testing.assert_allclose(optim.muon(w, dw)[0], optim.muon(w, 1e6 * dw)[0], atol=1e-6)

    @pytest.mark.skipif(not hasattr(getattr(torch, "optim", None), "Muon"), reason="PyTorch has no Muon here")
    def test_twin_in_pytorch(self):
        """Its iteration runs in bfloat16, with 8 bits: the paths agree to about a hundredth of their length."""
        w = start = np.random.randn(6, 4).astype(np.float32)
        tensor = torch.tensor(w, requires_grad=True)
        twin = torch.optim.Muon([tensor], lr=0.05, weight_decay=0.0, momentum=0.8)
        config = {"learning_rate": 0.05, "momentum": 0.8}
        for _ in range(10):
            dw = np.random.randn(6, 4).astype(np.float32)
            tensor.grad = torch.tensor(dw)
            twin.step()
            w, config = optim.muon(w, dw, config)
        error = np.linalg.norm(w - tensor.detach().numpy())
        assert error < 0.03 * np.linalg.norm(w - start)


class TestSchedules:
    def test_step_decay(self):
        rates = [step_decay(8.0, epoch, every=3, factor=0.5) for epoch in (0, 2.9, 3, 5, 6, 9)]
        assert rates == [8.0, 8.0, 4.0, 4.0, 2.0, 1.0]

    def test_exponential_decay_is_lr_decay_made_smooth(self):
        rate = 0.1
        for epoch in range(5):
            assert exponential_decay(0.1, epoch, factor=0.9) == pytest.approx(rate)
            rate *= 0.9
        assert exponential_decay(1.0, 0.5, factor=0.25) == 0.5

    def test_cosine_decay(self):
        assert cosine_decay(0.1, 0, num_epochs=10) == 0.1
        assert cosine_decay(0.1, 5, num_epochs=10, final=0.02) == pytest.approx(0.06)
        assert cosine_decay(0.1, 10, num_epochs=10, final=0.02) == pytest.approx(0.02)
        assert cosine_decay(0.1, 25, num_epochs=10, final=0.02) == pytest.approx(0.02)  # it stays down
        rates = [cosine_decay(1.0, epoch / 4, num_epochs=10) for epoch in range(41)]
        assert rates == sorted(rates, reverse=True)

    def test_warm_up_cosine(self):
        rates = [warm_up_cosine(0.1, epoch / 4, num_epochs=10, warm_up=2) for epoch in range(41)]
        assert rates[:9] == pytest.approx(np.linspace(0, 0.1, 9))
        assert rates[8:] == [cosine_decay(0.1, epoch / 4, num_epochs=8) for epoch in range(33)]
        assert warm_up_cosine(0.1, 0, num_epochs=10, warm_up=0) == 0.1
        assert warm_up_cosine(0.1, 25, num_epochs=10, warm_up=2, final=0.02) == pytest.approx(0.02)

    def test_triangular(self):
        rates = [optim.triangular(2.0, epoch, num_epochs=8, peak=2, start=0.2, final=0.1) for epoch in range(10)]
        assert rates == pytest.approx([0.4, 1.2, *np.linspace(2.0, 0.2, 7), 0.2])
        assert [optim.triangular(2.0, epoch, num_epochs=4, peak=0) for epoch in (0, 1, 4)] == [2.0, 1.5, 0.0]
        with pytest.raises(ValueError, match="peak is 4"):
            optim.triangular(1.0, 0, num_epochs=4, peak=4)

    @pytest.mark.skipif(torch is None, reason="PyTorch is not installed")
    def test_twins_in_pytorch(self):
        def rates(make):
            optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
            scheduler = make(optimizer)
            for _ in range(12):
                yield optimizer.param_groups[0]["lr"]
                optimizer.step()
                scheduler.step()

        make = torch.optim.lr_scheduler
        for twin, ours in (
            (lambda o: make.StepLR(o, 5, 0.2), lambda epoch: step_decay(0.3, epoch, every=5, factor=0.2)),
            (lambda o: make.ExponentialLR(o, 0.8), lambda epoch: exponential_decay(0.3, epoch, factor=0.8)),
            (lambda o: make.CosineAnnealingLR(o, 12, 0.01), lambda epoch: cosine_decay(0.3, epoch, 12, final=0.01)),
        ):
            for epoch, rate in enumerate(rates(twin)):
                assert math.isclose(ours(epoch), rate, rel_tol=1e-9), epoch


RULES = [
    optim.sgd, optim.sgd_momentum, optim.nesterov_momentum, optim.adagrad, optim.rmsprop, optim.adam, optim.adamw,
    optim.muon,
]  # fmt: skip


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rule", RULES)
def test_in_blocks_to_the_bit(rule, dtype, order, monkeypatch):
    """Several blocks: the same as the rule itself, in what it returns, keeps and leaves alone."""
    monkeypatch.setattr(optim, "BLOCK", 8)
    mine = blocks = np.asarray(np.random.randn(7, 5), dtype, order)
    config, config_blocks = {}, {}
    for _ in range(4):
        dw, before = np.random.randn(7, 5).astype(dtype), blocks.copy()
        given, (mine, config) = blocks, rule(mine, dw, config)
        blocks, config_blocks = optim.in_blocks(rule, blocks, dw, config_blocks)
        np.testing.assert_array_equal(given, before)
        np.testing.assert_array_equal(blocks, mine)
        assert blocks.dtype == dtype and config.keys() == config_blocks.keys()
        for name, value in config.items():
            np.testing.assert_array_equal(config_blocks[name], value)


@pytest.mark.parametrize("rule", RULES)
def test_in_blocks_in_place(rule, monkeypatch):
    monkeypatch.setattr(optim, "BLOCK", 8)
    w, config = np.random.randn(7, 5), {"in_place": True}
    mine, config_mine = w.copy(), {}
    for _ in range(3):
        mine, config_mine = rule(mine, w / 2, config_mine)
        returned, config = optim.in_blocks(rule, w, w / 2, config)
        assert returned is w
        np.testing.assert_array_equal(w, mine)


@pytest.mark.parametrize("rule", RULES)
def test_in_place_where_the_caller_allows_it(rule):
    """The same steps, written into the array that was passed."""
    w, dw = np.random.randn(4, 3), np.random.randn(4, 3)
    mine, config, same, config_in_place = w.copy(), {}, w.copy(), {"in_place": True}
    for _ in range(3):
        mine, config = rule(mine, dw, config)
        returned, config_in_place = rule(same, dw, config_in_place)
        assert returned is same
        np.testing.assert_array_equal(same, mine)


def test_a_rule_that_calls_another_one_in_place_still_has_the_old_w():
    @optim.update_rule(state=["m", "v"], t=0, learning_rate=0.1, beta1=0.9, beta2=0.999, epsilon=1e-8, weight_decay=0.5)
    def adam_then_decay(w, dw, config):
        moved, config = adam(w, dw, config)
        return moved - config["learning_rate"] * config["weight_decay"] * w, config

    w, dw = np.random.randn(4), np.random.randn(4)
    expected, _ = adam_then_decay(w, dw)
    returned, config = adam_then_decay(w, dw, {"in_place": True})
    assert returned is w and config["in_place"]
    np.testing.assert_array_equal(w, expected)
