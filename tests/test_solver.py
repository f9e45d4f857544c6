"""Solver: the bookkeeping of the contract, and no loss of results when a run ends badly."""

import numpy as np
import pytest

from cs231n.classifiers.fc_net import TwoLayerNet
from cs231n.solver import Solver


@pytest.fixture
def data():
    rng = np.random.RandomState(3)
    X, y = rng.randn(60, 8), rng.randint(3, size=60)
    return {"X_train": X[:45], "y_train": y[:45], "X_val": X[45:], "y_val": y[45:], "X_test": None}


def make_solver(data, model=None, **options):
    np.random.seed(1)
    model = model or TwoLayerNet(8, 6, 3, weight_scale=1e-1, reg=0.1)
    settings = {"batch_size": 10, "num_epochs": 3, "optim_config": {"learning_rate": 0.1}, "verbose": False}
    return Solver(model, data, **(settings | options))


def test_histories_and_learning_rate_decay(data):
    solver = make_solver(data, lr_decay=0.5)
    solver.train()
    assert len(solver.loss_history) == 3 * (45 // 10)
    assert len(solver.train_acc_history) == len(solver.val_acc_history) == 3 + 1  # the first step, and each epoch
    assert solver.epoch == 3
    assert solver.optim_configs["W1"]["learning_rate"] == pytest.approx(0.1 * 0.5**3)
    assert solver.best_val_acc == max(solver.val_acc_history)
    assert solver.check_accuracy(data["X_val"], data["y_val"]) == solver.best_val_acc


def test_printed_lines(data, capsys):
    make_solver(data, verbose=True, print_every=4, num_epochs=1).train()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("(Iteration 1 / 4) loss: ")
    assert lines[1].startswith("(Epoch 0 / 1) train acc: ") and "; val_acc: " in lines[1]
    assert lines[2].startswith("(Epoch 1 / 1)") and len(lines) == 3


@pytest.mark.parametrize(
    "options, message",
    [
        ({"learning_rate": 1}, 'Unrecognized arguments "learning_rate"'),
        ({"update_rule": "sdg"}, 'Invalid update_rule "sdg"'),
        ({"update_rule": "np"}, 'Invalid update_rule "np"'),
    ],
)
def test_wrong_options_are_refused(data, options, message):
    with pytest.raises(ValueError, match=message):
        make_solver(data, **options)


class Scripted:
    """A model that follows a script: its loss at step t is script(t), and it always predicts class 0."""

    def __init__(self, script):
        self.params = {"w": np.zeros(1)}
        self.script, self.steps = script, 0

    def loss(self, X, y=None):
        if y is None:
            return np.tile([1.0, 0.0, 0.0], (len(X), 1))
        self.steps += 1
        return self.script(self.steps), {"w": np.ones(1)}


def test_parameters_are_never_empty(data):
    """Not even if the validation accuracy stays 0 or there are no epochs."""
    hopeless = data | {"y_val": np.full(15, 2)}
    solver = make_solver(hopeless, Scripted(lambda t: 1.0))
    solver.train()
    assert solver.best_val_acc == 0 and set(solver.model.params) == {"w"}
    solver = make_solver(data, num_epochs=0)
    solver.train()
    assert set(solver.model.params) == {"W1", "b1", "W2", "b2"}


def test_a_loss_of_nan_stops_training_and_gives_the_reason(data):
    model = Scripted(lambda t: np.nan if t == 6 else 1.0)
    solver = make_solver(data, model)
    with pytest.raises(FloatingPointError, match=r"nan at iteration 6 \(learning rate 0.1\).*smaller learning rate"):
        solver.train()
    assert model.params["w"] == solver.best_params["w"]
    assert len(solver.loss_history) == 5


def test_after_an_interrupt_the_model_is_the_best_and_train_continues(data):
    def script(t):
        if t == 7:
            raise KeyboardInterrupt
        return 1.0

    solver = make_solver(data, Scripted(script))
    with pytest.raises(KeyboardInterrupt):
        solver.train()
    assert solver.model.params["w"] == solver.best_params["w"]
    solver.train()
    assert len(solver.loss_history) == 12


def test_train_again_trains_as_many_epochs_again(data, capsys):
    """As the course's own: from the best parameters, with the histories continued."""
    solver = make_solver(data, Scripted(lambda t: 1.0), verbose=True)
    steps, epochs = 12, 3
    for runs in (1, 2, 3):
        solver.train()
        assert len(solver.loss_history) == runs * steps and solver.epoch == runs * epochs
        assert len(solver.val_acc_history) == runs * (epochs + 1)  # the first step of each run, and each epoch
        lines = capsys.readouterr().out.splitlines()
        assert lines[-1].startswith(f"(Epoch {runs * epochs} / {runs * epochs})")
    assert solver.model.steps == 3 * steps


def test_an_interrupted_second_run_continues_where_it_stopped(data):
    def script(t):
        if t == 17:
            raise KeyboardInterrupt
        return 1.0

    solver = make_solver(data, Scripted(script))
    solver.train()
    with pytest.raises(KeyboardInterrupt):
        solver.train()
    assert len(solver.loss_history) == 16
    solver.train()
    assert len(solver.loss_history) == 24


def test_train_again_without_epochs(data):
    solver = make_solver(data, num_epochs=0)
    for _ in range(2):
        solver.train()
    assert solver.loss_history == []


def test_best_parameters_are_a_copy(data):
    solver = make_solver(data)
    solver.train()
    solver.model.params["W1"][:] = 0
    assert solver.best_params["W1"].any()


class TestCheckpoints:
    """A run that is killed and resumed ends with the same result, to the bit."""

    def run(self, data, tmp_path, **options):
        return make_solver(data, checkpoint_name=tmp_path / "run", lr_decay=0.9, **options)

    @pytest.mark.parametrize("epoch", [0, 1, 2])
    def test_resumed_run_is_the_same_to_the_bit(self, data, tmp_path, epoch):
        whole = self.run(data, tmp_path)
        whole.train()
        resumed = self.run(data, tmp_path)
        np.random.seed(99)  # the checkpoint restores the random state
        resumed.resume(tmp_path / f"run_epoch_{epoch}.npz")
        resumed.train()
        assert resumed.loss_history == whole.loss_history
        assert resumed.val_acc_history == whole.val_acc_history
        assert resumed.optim_configs == whole.optim_configs
        for name, w in whole.model.params.items():
            np.testing.assert_array_equal(resumed.model.params[name], w)

    def test_the_last_checkpoint_is_the_end_of_its_run(self, data, tmp_path):
        self.run(data, tmp_path).train()
        resumed = self.run(data, tmp_path)
        resumed.resume(tmp_path / "run_epoch_3.npz")
        resumed.train()
        assert len(resumed.loss_history) == 12
        resumed.train()
        assert len(resumed.loss_history) == 24

    def test_files_contain_no_pickle(self, data, tmp_path):
        self.run(data, tmp_path).train()
        files = sorted(path.name for path in tmp_path.iterdir())
        assert files == [f"run_epoch_{e}.npz" for e in range(4)]
        with np.load(tmp_path / "run_epoch_3.npz", allow_pickle=False) as file:
            assert all(file[name].dtype != object for name in file.files)

    def test_a_killed_write_leaves_the_old_file(self, data, tmp_path, monkeypatch):
        solver = self.run(data, tmp_path)
        solver.train()
        before = (tmp_path / "run_epoch_3.npz").read_bytes()

        def killed(file, **arrays):
            file.write(b"half")
            raise KeyboardInterrupt

        monkeypatch.setattr(np, "savez", killed)
        with pytest.raises(KeyboardInterrupt):
            solver._save_checkpoint()
        assert (tmp_path / "run_epoch_3.npz").read_bytes() == before
        assert len(list(tmp_path.iterdir())) == 4

    def test_checkpoint_of_another_run_is_refused(self, data, tmp_path):
        self.run(data, tmp_path).train()
        other = make_solver(data, batch_size=5)
        with pytest.raises(ValueError, match="batch_size 10, this solver has 5"):
            other.resume(tmp_path / "run_epoch_1.npz")

    def test_damaged_checkpoint_is_refused_by_name(self, data, tmp_path):
        path = tmp_path / "bad.npz"
        path.write_bytes(b"PK\x03\x04 not a zip")
        with pytest.raises(ValueError, match="bad.npz"):
            make_solver(data).resume(path)
