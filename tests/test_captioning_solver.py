"""CaptioningSolver: the contract of the course, and a learning rate that follows a schedule."""

from functools import partial

import numpy as np
import pytest

from cs231n.captioning_solver import CaptioningSolver
from cs231n.classifiers.rnn import CaptioningRNN
from cs231n.optim import warm_up_cosine


class Counting:
    """A model whose gradient is 1: with plain SGD each step lowers `w` by the learning rate."""

    def __init__(self):
        self.params = {"w": np.zeros(1), "b": np.zeros(2)}
        self.batches = []

    def loss(self, features, captions):
        self.batches.append((features, captions))
        return float(len(self.batches)), {name: np.ones_like(value) for name, value in self.params.items()}


def data(number=50, length=4):
    return {
        "train_captions": np.arange(number * length).reshape(number, length),
        "train_image_idxs": np.arange(number)[::-1] // 2,
        "train_features": np.arange(number, dtype=float).reshape(-1, 1),
        "train_urls": np.array([f"image {i}" for i in range(number)]),
    }


def make_solver(model=None, **options):
    settings = {"batch_size": 25, "num_epochs": 3, "verbose": False, "optim_config": {"learning_rate": 0.5}}
    return CaptioningSolver(model or Counting(), data(), **(settings | options))


def test_a_schedule_sets_the_learning_rate_of_every_step():
    asked = []

    def schedule(learning_rate, epoch):
        asked.append((learning_rate, epoch))
        return 10.0 ** -len(asked)

    model = Counting()
    solver = make_solver(model, lr_schedule=schedule)
    solver.train()
    assert asked == [(0.5, epoch / 2) for epoch in range(6)]
    assert model.params["w"] == pytest.approx(-0.111111) and model.params["b"] == pytest.approx(-0.111111)


def test_warm_up_starts_at_nothing_and_the_cosine_ends_there():
    rates = []
    solver = make_solver(
        lr_schedule=partial(warm_up_cosine, num_epochs=3, warm_up=1),
        on_step=lambda solver: rates.append(solver.optim_configs["w"]["learning_rate"]),
    )
    solver.train()
    assert rates == [warm_up_cosine(0.5, epoch / 2, num_epochs=3, warm_up=1) for epoch in range(6)]
    assert rates[0] == 0 and rates[2] == max(rates) == 0.5


@pytest.mark.parametrize(
    "options, message",
    [
        ({"lr_schedule": warm_up_cosine, "lr_decay": 0.9}, "lr_schedule and lr_decay are both given"),
        ({"lr_schedule": warm_up_cosine, "optim_config": {}}, "lr_schedule needs the initial learning rate"),
        ({"lr": 1}, 'Unrecognized arguments "lr"'),
        ({"update_rule": "sdg"}, 'Invalid update_rule "sdg"'),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        make_solver(**options)


# ---- the contract of the course


def test_bookkeeping():
    """As many epochs as asked for, whole batches, drawn with replacement; features and captions of the same image."""
    model = Counting()
    solver = make_solver(model, lr_decay=0.5)
    np.random.seed(3)
    solver.train()
    assert solver.loss_history == [1, 2, 3, 4, 5, 6] and solver.epoch == 3
    assert solver.optim_configs["w"]["learning_rate"] == 0.5 * 0.5**3
    assert (solver.best_val_acc, solver.best_params) == (0, {})
    assert solver.train_acc_history == solver.val_acc_history == []
    np.random.seed(3)
    for features, captions in model.batches:
        rows = np.random.choice(50, 25)
        np.testing.assert_array_equal(captions, data()["train_captions"][rows])
        np.testing.assert_array_equal(features[:, 0], (49 - rows) // 2)


def test_fewer_captions_than_a_batch_make_one_step_an_epoch():
    model = Counting()
    make_solver(model, batch_size=80).train()
    assert len(model.batches) == 3 and len(model.batches[0][0]) == 80


def test_printed_lines(capsys):
    make_solver(verbose=True, print_every=4).train()
    assert capsys.readouterr().out.splitlines() == [
        "(Iteration 1 / 6) loss: 1.000000",
        "(Iteration 5 / 6) loss: 5.000000",
    ]


def test_defaults():
    solver = CaptioningSolver(Counting(), data())
    assert (solver.optim_config, solver.lr_decay, solver.batch_size) == ({}, 1.0, 100)
    assert (solver.num_epochs, solver.print_every, solver.verbose) == (10, 10, True)
    assert solver.update_rule.__name__ == "sgd"


def test_train_again_trains_as_many_epochs_again():
    solver = make_solver()
    for runs in (1, 2):
        solver.train()
        assert len(solver.loss_history) == 6 * runs and solver.epoch == 3 * runs


def test_a_loss_of_nan_stops_training():
    model = Counting()
    model.loss = lambda features, captions: (np.nan, {})
    with pytest.raises(FloatingPointError, match="nan at iteration 1"):
        make_solver(model).train()


def test_no_captions_are_refused():
    empty = data() | {"train_captions": np.zeros((0, 4), int)}
    with pytest.raises(ValueError, match="train_captions has shape"):
        CaptioningSolver(Counting(), empty)


# ---- accuracy, checkpoints

WORDS = {"<NULL>": 0, "<START>": 1, "<END>": 2, "a": 3, "fish": 4}


class Reciting:
    """A model that writes the same words for every image."""

    params = {}  # noqa: RUF012
    word_to_idx = WORDS

    def sample(self, features, max_length):
        words = np.array([3, 4, 2, 3, 3, 3])
        return np.tile(words[:max_length], (len(features), 1))


def test_a_caption_is_right_if_all_words_up_to_the_end_are():
    captions = np.array([[1, 3, 4, 2, 0], [1, 3, 4, 2, 0], [1, 4, 2, 0, 0], [1, 3, 4, 4, 2], [1, 3, 2, 0, 0]])
    solver = CaptioningSolver(Reciting(), data())
    assert solver.check_accuracy(np.zeros((5, 7)), captions, batch_size=2) == 0.4


@pytest.mark.parametrize("epoch", [0, 1, 2])
def test_a_resumed_run_is_the_same_to_the_bit(tmp_path, epoch):
    def run():
        np.random.seed(5)
        drawn = data(length=6)
        drawn["train_captions"] = np.random.randint(3, 5, size=(50, 6))
        model = CaptioningRNN(WORDS, 1, 4, 5, cell_type="lstm")
        settings = {"num_epochs": 3, "batch_size": 25, "verbose": False, "update_rule": "adam"}
        settings["lr_schedule"] = partial(warm_up_cosine, num_epochs=3, warm_up=0.5)
        settings["optim_config"] = {"learning_rate": 1e-2}
        return CaptioningSolver(model, drawn, checkpoint_name=tmp_path / "run", **settings)

    whole, resumed = run(), run()
    whole.train()
    np.random.seed(99)
    resumed.resume(tmp_path / f"run_epoch_{epoch}.npz")
    resumed.train()
    assert resumed.loss_history == whole.loss_history and resumed.epoch == 3
    for name, value in whole.model.params.items():
        np.testing.assert_array_equal(resumed.model.params[name], value)
