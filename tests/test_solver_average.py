"""The moving average of the weights and early stopping in a Solver, in checkpoints as well."""

import json

import numpy as np
import pytest

from cs231n.captioning_solver import CaptioningSolver
from cs231n.classifiers.fc_net import FullyConnectedNet, TwoLayerNet
from cs231n.solver import Solver


@pytest.fixture
def data():
    rng = np.random.RandomState(3)
    X, y = rng.randn(60, 8), rng.randint(3, size=60)
    return {"X_train": X[:45], "y_train": y[:45], "X_val": X[45:], "y_val": y[45:]}


def make_solver(data, model=None, **options):
    np.random.seed(1)
    model = model or TwoLayerNet(8, 6, 3, weight_scale=1e-1, reg=0.1)
    settings = {"batch_size": 10, "num_epochs": 3, "optim_config": {"learning_rate": 0.1}, "verbose": False}
    return Solver(model, data, **(settings | options))


def copied(params):
    return {name: w.copy() for name, w in params.items()}


class Script:
    """A model whose validation accuracy follows a script: the share of right answers after each evaluation."""

    def __init__(self, right):
        self.params = {"w": np.zeros(1)}
        self.right, self.evaluations = list(right), 0

    def loss(self, X, y=None):
        if y is not None:
            return 1.0, {"w": np.ones(1)}
        scores = np.zeros((len(X), 3))
        scores[:, 1] = 1  # class 1, never right
        if len(X) == 15:  # the validation set
            scores[: self.right[self.evaluations], 0] = 2
            self.evaluations += 1
        return scores


def scripted(data, right, **options):
    """A solver whose validation accuracy after the first step and each epoch are these numbers out of 15."""
    return make_solver(data | {"y_val": np.zeros(15, int)}, Script(right), **options)


class TestTheAverage:
    def test_it_follows_the_formula_step_by_step(self, data):
        """Recomputed from the parameters after each step; without an average the steps are the same."""
        solver = make_solver(data, weight_average=0.3)
        expected, seen = copied(solver.model.params), []
        solver.on_step = lambda solver: seen.append((copied(solver.model.params), copied(solver.averages)))
        solver.train()
        for t, (params, averages) in enumerate(seen):
            decay = min(0.3, (1 + t) / (10 + t))
            for name, w in params.items():
                expected[name] = decay * expected[name] + (1 - decay) * w
                np.testing.assert_allclose(averages[name], expected[name], rtol=1e-12)
        plain = make_solver(data)
        plain.train()
        assert plain.loss_history == solver.loss_history

    def test_the_best_parameters_are_an_average(self, data):
        """And so is what the model has afterwards: its accuracy is the one that was measured."""
        averages = []
        solver = make_solver(data, weight_average=0.9, num_epochs=6)
        solver.on_step = lambda solver: averages.append(copied(solver.averages))
        solver.train()
        matches = [all(np.array_equal(a[n], solver.best_params[n]) for n in a) for a in averages]
        assert sum(matches) == 1
        assert solver.check_accuracy(data["X_val"], data["y_val"]) == solver.best_val_acc == max(solver.val_acc_history)
        assert all(np.array_equal(w, solver.best_params[n]) for n, w in solver.model.params.items())

    def test_a_run_after_a_complete_one_averages_from_the_best_parameters(self, data):
        solver = make_solver(data, weight_average=0.9)
        solver.train()
        assert all(np.array_equal(w, solver.best_params[n]) for n, w in solver.averages.items())
        assert all(w is not solver.best_params[n] for n, w in solver.averages.items())

    def test_float32_stays_float32(self, data):
        model = FullyConnectedNet([5], 8, 3, dtype=np.float32)
        solver = make_solver(data, model, weight_average=np.float64(0.9))
        solver.train()
        assert {w.dtype for w in solver.best_params.values()} == {np.dtype(np.float32)}

    @pytest.mark.parametrize("value", [1, -0.1, 1.5, "0.9", np.nan])
    def test_a_decay_that_cannot_work_is_refused(self, data, value):
        with pytest.raises(ValueError, match="expected 0 <= weight_average < 1"):
            make_solver(data, weight_average=value)


class TestPatience:
    def test_it_stops_after_so_many_epochs_without_gain(self, data):
        """After the first step 3 are right, then 5, and from there on never more: 5 again is no gain."""
        solver = scripted(data, [3, 5, 4, 5, 2, 9], patience=3, num_epochs=9)
        solver.train()
        assert solver.epoch == 4 and solver.epochs_without_gain == 3 and solver.stopped_early
        assert solver.best_val_acc == pytest.approx(5 / 15)
        assert len(solver.loss_history) == 4 * 4

    def test_a_gain_starts_the_count_again(self, data):
        solver = scripted(data, [3, 2, 4, 4, 5, 5, 5], patience=2, num_epochs=9)
        solver.train()
        assert solver.epoch == 6 and solver.best_val_acc == pytest.approx(5 / 15)

    def test_the_first_step_is_no_epoch(self, data):
        """If it is the best of all, the first epoch without gain is the first epoch."""
        solver = scripted(data, [7, 1, 1, 1], patience=2, num_epochs=9)
        solver.train()
        assert solver.epoch == 2

    def test_a_run_that_keeps_gaining_is_not_stopped(self, data):
        solver = scripted(data, [1, 2, 3, 4], patience=1, num_epochs=3)
        solver.train()
        assert solver.epoch == 3 and not solver.stopped_early

    def test_a_new_run_counts_anew(self, data):
        solver = scripted(data, [3, 1, 1, 1, 1, 1, 1], patience=2, num_epochs=9)
        solver.train()
        solver.train()
        assert solver.epoch == 4 and solver.stopped_early

    @pytest.mark.parametrize("value", [0, 1.5, "3"])
    def test_a_patience_that_cannot_work_is_refused(self, data, value):
        with pytest.raises(ValueError, match="patience is .* expected an integer of at least 1"):
            make_solver(data, patience=value)


@pytest.mark.parametrize("options", [{"patience": 2}, {"weight_average": 0.9}], ids=str)
def test_a_solver_that_measures_no_accuracy_refuses_both(options):
    captions = {"train_captions": np.zeros((4, 3), int)}
    with pytest.raises(ValueError, match="needs the validation accuracy .* CaptioningSolver does not measure"):
        CaptioningSolver(Script([]), captions, **options)


class TestCheckpoints:
    OPTIONS = {"weight_average": 0.8, "patience": 4, "num_epochs": 12, "update_rule": "adam"}

    @pytest.fixture
    def data(self, data):
        """Labels that can be learnt, so that patience ends the run late."""
        return data | {f"y_{part}": np.argmax(data[f"X_{part}"][:, :3], axis=1) for part in ("train", "val")}

    def normalised(self):
        return FullyConnectedNet([7, 5], 8, 3, normalization="batchnorm", dropout_keep_ratio=0.8, seed=2)

    @pytest.mark.parametrize("epoch", [0, 1, 4])
    def test_a_resumed_run_is_the_same_to_the_bit(self, data, tmp_path, epoch):
        whole = make_solver(data, self.normalised(), checkpoint_name=tmp_path / "run", **self.OPTIONS)
        whole.train()
        assert whole.stopped_early and whole.epoch > 4, "the test needs a run that patience ends, but not at once"
        resumed = make_solver(data, self.normalised(), **self.OPTIONS)
        np.random.seed(99)
        resumed.resume(tmp_path / f"run_epoch_{epoch}.npz")
        resumed.train()
        assert resumed.epoch == whole.epoch and resumed.stopped_early
        assert resumed.loss_history == whole.loss_history and resumed.val_acc_history == whole.val_acc_history
        for ours, theirs in ((whole.best_params, resumed.best_params), (whole.averages, resumed.averages)):
            assert all(np.array_equal(ours[name], theirs[name]) for name in ours) and ours.keys() == theirs.keys()

    def test_a_run_that_was_stopped_stays_stopped(self, data, tmp_path):
        whole = make_solver(data, self.normalised(), checkpoint_name=tmp_path / "run", **self.OPTIONS)
        whole.train()
        resumed = make_solver(data, self.normalised(), **self.OPTIONS)
        resumed.resume(tmp_path / f"run_epoch_{whole.epoch}.npz")
        resumed.train()
        assert resumed.loss_history == whole.loss_history and resumed.stopped_early

    def test_another_decay_is_refused(self, data, tmp_path):
        make_solver(data, weight_average=0.8, checkpoint_name=tmp_path / "run", num_epochs=1).train()
        with pytest.raises(ValueError, match="written with weight_average 0.8, this solver has None"):
            make_solver(data).resume(tmp_path / "run_epoch_1.npz")

    def test_a_file_of_a_version_without_them_can_be_resumed(self, data, tmp_path):
        """It lacks the new entries."""
        whole = make_solver(data, checkpoint_name=tmp_path / "run")
        whole.train()
        with np.load(tmp_path / "run_epoch_1.npz") as stored:
            arrays = dict(stored)
        new = ("weight_average", "epochs_without_gain")
        about = json.loads(str(arrays["about"]))
        arrays["about"] = np.array(json.dumps({k: v for k, v in about.items() if k not in new}))
        np.savez(tmp_path / "old.npz", **arrays)
        resumed = make_solver(data)
        resumed.resume(tmp_path / "old.npz")
        resumed.train()
        assert resumed.loss_history == whole.loss_history
