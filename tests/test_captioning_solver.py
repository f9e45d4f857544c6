"""CaptioningSolver: the contract of the course, and a learning rate that follows a schedule."""

from functools import partial

import numpy as np
import pytest

from cs231n.captioning_solver import CaptioningSolver
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
