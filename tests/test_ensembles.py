"""Averages of probabilities, of crops and of weights; snapshots."""

import numpy as np
import pytest

from cs231n.augmentation import ten_crop, translate
from cs231n.classifiers.fc_net import TwoLayerNet
from cs231n.ensembles import (
    Snapshots,
    average_probabilities,
    cyclic_cosine_decay,
    lookahead,
    member_scores,
    six_view_scores,
    ten_crop_probabilities,
    update_average,
)
from cs231n.solver import Solver


@pytest.fixture(autouse=True)
def seed():
    np.random.seed(5)


class TestProbabilities:
    def test_the_twin_in_pytorch(self):
        torch = pytest.importorskip("torch")
        scores = 5 * np.random.randn(3, 4, 6)
        expected = torch.softmax(torch.tensor(scores), dim=2).mean(dim=0).numpy()
        np.testing.assert_allclose(average_probabilities(scores), expected, rtol=1e-12)

    def test_large_scores_do_not_overflow(self):
        scores = np.array([[[1000.0, 0.0]], [[-1000.0, 0.0]]])
        np.testing.assert_allclose(average_probabilities(scores), [[0.5, 0.5]])

    def test_float32_stays_float32_and_scores_are_not_changed(self):
        scores = np.random.randn(2, 3, 4).astype(np.float32)
        kept = scores.copy()
        assert average_probabilities(scores).dtype == np.float32
        np.testing.assert_array_equal(scores, kept)

    @pytest.mark.parametrize("shape", [(3, 4), (0, 4, 2)])
    def test_wrong_shapes_are_refused(self, shape):
        with pytest.raises(ValueError, match=r"expected \(M, N, C\)"):
            average_probabilities(np.zeros(shape))


class TestTenCrops:
    def test_it_averages_the_probabilities_of_each_image_over_its_own_crops(self):
        X, w = np.random.randn(3, 2, 6, 5), np.random.randn(2 * 4 * 4, 7)

        def score(crops):
            return crops.reshape(len(crops), -1) @ w

        expected = np.zeros((3, 7))
        for n, crops in enumerate(ten_crop(X, 4)):
            for crop in crops:
                odds = np.exp(score(crop[np.newaxis]))[0]
                expected[n] += odds / odds.sum() / 10
        np.testing.assert_allclose(ten_crop_probabilities(score, X, 4), expected, rtol=1e-12)

    def test_a_crop_that_does_not_fit_is_refused(self):
        with pytest.raises(ValueError, match="size is 6, but the images are 6 x 5"):
            ten_crop_probabilities(lambda X: X, np.zeros((1, 3, 6, 5)), 6)


class TestAverageOfWeights:
    def test_it_is_that_of_the_solver(self):
        """To within rounding, over a whole run."""
        X, y = np.random.randn(40, 5), np.random.randint(3, size=40)
        data = {"X_train": X, "y_train": y, "X_val": X, "y_val": y}
        model = TwoLayerNet(5, 4, 3, weight_scale=0.1)
        average = {name: w.copy() for name, w in model.params.items()}

        def compare(solver):
            nonlocal average
            average = update_average(average, solver.model.params, 0.6, len(solver.loss_history) - 1)
            for name, w in average.items():
                np.testing.assert_allclose(solver.averages[name], w, rtol=1e-9, atol=1e-12)

        settings = {"batch_size": 8, "num_epochs": 8, "optim_config": {"learning_rate": 0.5}, "verbose": False}
        solver = Solver(model, data, weight_average=0.6, on_step=compare, **settings)
        solver.train()
        assert len(solver.loss_history) == 40

    def test_nothing_is_changed_and_float32_stays(self):
        old, new = {"w": np.ones(2, np.float32)}, {"w": np.zeros(2, np.float32)}
        updated = update_average(old, new, np.float64(0.9), 5)
        assert updated["w"].dtype == np.float32 and old["w"].tolist() == [1, 1] and new["w"].tolist() == [0, 0]

    @pytest.mark.parametrize(
        "average, decay, num_updates, message",
        [
            ({"v": np.ones(2)}, 0.9, 0, r"average has the keys \['v'\]"),
            ({"w": np.ones(3)}, 0.9, 0, r'average\["w"\] has shape \(3,\)'),
            ({"w": np.ones(2)}, 1.0, 0, "expected 0 <= decay < 1"),
            ({"w": np.ones(2)}, 0.9, -1, "num_updates is -1"),
        ],
    )
    def test_wrong_arguments_are_refused(self, average, decay, num_updates, message):
        with pytest.raises(ValueError, match=message):
            update_average(average, {"w": np.ones(2)}, decay, num_updates)


class TestSnapshots:
    def test_one_at_the_end_of_each_cycle(self):
        """It is a copy of the parameters at that step, where the rate is lowest; the solver goes on."""
        X, y = np.random.randn(30, 5), np.random.randint(3, size=30)
        data = {"X_train": X, "y_train": y, "X_val": X, "y_val": y}
        snapshots, seen = Snapshots(epochs_per_cycle=2), []

        def on_step(solver):
            snapshots(solver)
            seen.append({name: w.copy() for name, w in solver.model.params.items()})

        model = TwoLayerNet(5, 4, 3, weight_scale=0.1)
        solver = Solver(model, data, batch_size=10, num_epochs=7, on_step=on_step, verbose=False)
        solver.train()
        assert len(snapshots.members) == 3  # after the epochs 2, 4 and 6
        for number, member in enumerate(snapshots.members, 1):
            assert all(np.array_equal(w, seen[6 * number - 1][name]) for name, w in member.items())

    def test_scores_of_the_members(self):
        model = TwoLayerNet(5, 4, 3, weight_scale=0.5)
        own, X = model.params, np.random.randn(6, 5)
        members = [{name: np.random.randn(*w.shape) for name, w in own.items()} for _ in range(2)]
        scores = member_scores(model, X, members)
        assert scores.shape == (2, 6, 3) and model.params is own
        model.params = members[1]
        np.testing.assert_array_equal(scores[1], model.loss(X))

    def test_an_ensemble_without_members_is_refused(self):
        with pytest.raises(ValueError, match="members is empty"):
            member_scores(TwoLayerNet(5, 4, 3), np.zeros((2, 5)), [])

    def test_the_rate_starts_again_in_each_cycle(self):
        rates = [cyclic_cosine_decay(0.4, epoch, 3) for epoch in np.arange(0, 9, 0.5)]
        assert rates[0] == rates[6] == rates[12] == 0.4
        assert all(a > b for start in (0, 6, 12) for a, b in zip(rates[start:], rates[start + 1 : start + 6]))  # noqa: B905 - the second is shorter
        with pytest.raises(ValueError, match="epochs_per_cycle is 0"):
            cyclic_cosine_decay(0.4, 1, 0)
        with pytest.raises(ValueError, match="epochs_per_cycle is 0"):
            Snapshots(0)


def test_a_list_of_scores_will_do():
    scores = np.random.default_rng(0).normal(size=(3, 4, 5))
    np.testing.assert_array_equal(average_probabilities(list(scores)), average_probabilities(scores))


def test_errors_say_what_came():
    with pytest.raises(TypeError, match="average is of type ndarray"):
        update_average(np.ones(2), np.ones(2), 0.9, 0)
    with pytest.raises(TypeError, match="members is a dict"):
        member_scores(None, None, {"W1": np.ones(2)})


# ---- six views


def test_six_views():
    """Half of the weight is on the image and its mirror image, an eighth on each of the four that are moved."""
    X = np.random.randn(3, 2, 5, 4)
    w = np.random.randn(2 * 5 * 4, 6)

    def score(views):
        return np.tanh(views.reshape(len(views), -1) @ w)

    one = np.ones(3, int)
    moved = [translate(X, shift * one, shift * one) for shift in (-1, 1)]
    expected = sum(0.25 * score(view) for view in (X, X[..., ::-1]))
    expected = expected + sum(0.125 * score(view) for m in moved for view in (m, m[..., ::-1]))
    np.testing.assert_allclose(six_view_scores(score, X), expected)


# ---- lookahead


def test_lookahead_moves_both():
    slow, fast = {"w": np.array([1.0, 2.0])}, {"w": np.array([3.0, 0.0])}
    w = fast["w"]
    lookahead(slow, fast, decay=0.75)
    np.testing.assert_allclose(slow["w"], [1.5, 1.5])
    assert fast["w"] is w and slow["w"] is not w
    np.testing.assert_allclose(w, slow["w"])
    w += 1
    lookahead(slow, fast, decay=1)
    np.testing.assert_allclose(w, [1.5, 1.5])
    with pytest.raises(ValueError, match="decay is 1.5"):
        lookahead(slow, fast, decay=1.5)
    with pytest.raises(ValueError, match="shape"):
        lookahead(slow, {"w": np.zeros(3)}, decay=0.5)
