"""Implementations of Dropout's functions as learners write them."""

from functools import wraps

import numpy as np

from zoo import right, slips, wrong

# ---- dropout_forward


def _forward(x, dropout_param, mask):
    if dropout_param["mode"] == "test":
        return x, (dropout_param, None)
    return x * mask, (dropout_param, mask)


@wrong(
    "dropout_forward",
    "p is the probability of keeping an entry, not of dropping it: keep it where np.random.rand(*x.shape) < p",
    rule="not of dropping it",
)
def drops_with_probability_p(x, dropout_param):
    p = dropout_param["p"]
    return _forward(x, dropout_param, (np.random.rand(*x.shape) >= p) / p)


@wrong(
    "dropout_forward",
    "p is used as the probability of dropping, in the mask and in the division",
    rule="not of dropping it",
)
def drops_consistently(x, dropout_param):
    p = dropout_param["p"]
    mask = np.random.rand(*x.shape) >= p
    return _forward(x, dropout_param, mask / (1 - p) if p < 1 else mask)


@wrong("dropout_forward", "the kept values are not divided by p: divide by p, so that the expected output is x")
def not_inverted(x, dropout_param):
    return _forward(x, dropout_param, np.random.rand(*x.shape) < dropout_param["p"])


@wrong(
    "dropout_forward",
    "test mode multiplies by p: inverted dropout divides in training, so test mode returns x unchanged",
)
def scales_in_test_mode(x, dropout_param):
    p = dropout_param["p"]
    if dropout_param["mode"] == "test":
        return x * p, (dropout_param, None)
    return _forward(x, dropout_param, (np.random.rand(*x.shape) < p) / p)


@wrong(
    "dropout_forward",
    "this is the original form, which multiplies by p in test mode: here training divides by p instead",
)
def old_form(x, dropout_param):
    p = dropout_param["p"]
    if dropout_param["mode"] == "test":
        return x * p, (dropout_param, None)
    return _forward(x, dropout_param, np.random.rand(*x.shape) < p)


@wrong("dropout_forward", "the kept values are multiplied by p: divide by p, so that the expected output is x")
def multiplies_by_p(x, dropout_param):
    p = dropout_param["p"]
    return _forward(x, dropout_param, (np.random.rand(*x.shape) < p) * p)


@wrong(
    "dropout_forward", "the kept values are divided by 1 - p: p is the probability of keeping an entry, so divide by p"
)
def divides_by_the_rest(x, dropout_param):
    p = dropout_param["p"]
    return _forward(x, dropout_param, (np.random.rand(*x.shape) < p) / (1 - p if p < 1 else 1))


@wrong("dropout_forward", "the kept values are divided by p twice")
def divides_twice(x, dropout_param):
    p = dropout_param["p"]
    return _forward(x, dropout_param, (np.random.rand(*x.shape) < p) / p / p)


@wrong(
    "dropout_forward",
    "x is multiplied by the random numbers themselves: compare them with p, so that the mask holds 0 and 1 / p",
)
def random_numbers_as_mask(x, dropout_param):
    p = dropout_param["p"]
    numbers = np.random.rand(*x.shape)
    return _forward(x, dropout_param, np.where(numbers < p, numbers, 0) / p if p < 1 else 1.0)


@wrong("dropout_forward", "np.random.randn does not draw uniformly from 0 to 1: use np.random.rand")
def normal_numbers(x, dropout_param):
    p = dropout_param["p"]
    return _forward(x, dropout_param, (np.random.randn(*x.shape) < p) / p if p < 1 else 1.0)


@wrong(
    "dropout_forward",
    "all inputs share one mask: draw a random number for each entry of x, np.random.rand(*x.shape)",
    rule="for each entry of x, not for each row or column",
)
def same_mask_for_all_rows(x, dropout_param):
    p = dropout_param["p"]
    return _forward(x, dropout_param, (np.random.rand(*x.shape[1:]) < p) / p)


@wrong(
    "dropout_forward",
    "whole inputs are dropped: draw a random number for each entry of x, np.random.rand(*x.shape)",
    rule="for each entry of x, not for each row or column",
)
def drops_whole_rows(x, dropout_param):
    p = dropout_param["p"]
    mask = (np.random.rand(len(x)) < p) / p
    return _forward(x, dropout_param, mask.reshape(-1, *[1] * (x.ndim - 1)))


@wrong("dropout_forward", "a single random number decides for all entries: draw one for each, np.random.rand(*x.shape)")
def all_or_nothing(x, dropout_param):
    p = dropout_param["p"]
    return _forward(x, dropout_param, (np.random.rand() < p) / p)


@wrong(
    "dropout_forward",
    "the same entries are dropped at each call: set no seed of your own in the function",
    rule="no seed of your own",
)
def seeded(x, dropout_param):
    p = dropout_param["p"]
    np.random.seed(0)
    return _forward(x, dropout_param, (np.random.rand(*x.shape) < p) / p)


@wrong("dropout_forward", "test mode drops entries as well: it must return x unchanged")
def drops_in_test_mode(x, dropout_param):
    p = dropout_param["p"]
    mask = (np.random.rand(*x.shape) < p) / p
    return x * mask, (dropout_param, mask)


@wrong("dropout_forward", "x is modified in place (x *= mask): write x * mask into a new array", rule="in place")
def changes_x(x, dropout_param):
    p = dropout_param["p"]
    if dropout_param["mode"] == "train":
        x *= (np.random.rand(*x.shape) < p) / p
    return x, (dropout_param, None)


@wrong(
    "dropout_forward",
    "out holds only the kept values: a dropped entry should stay in its position as 0",
    rule="shape of x",
)
def takes_entries_out(x, dropout_param):
    p = dropout_param["p"]
    if dropout_param["mode"] == "test":
        return x, (dropout_param, None)
    mask = np.random.rand(*x.shape) < p
    return x[mask] / p, (dropout_param, mask)


def _seeded(function):
    """Put the line that learners are given before a function: it passes the seed to NumPy's generator."""

    @wraps(function)
    def seeded_first(x, dropout_param):
        if "seed" in dropout_param:
            np.random.seed(dropout_param["seed"])
        return function(x, dropout_param)

    return seeded_first


_OWN_GENERATOR = np.random.default_rng(0)  # with a seed, so that the stored answers are the same each time


@wrong(
    "dropout_forward",
    "a generator of your own, such as np.random.default_rng(), does not know the seed, which the given line passes to "
    "np.random.seed: draw with np.random.rand, or no gradient check can work",
    rule="a generator of your own",
)
@_seeded
def with_its_own_generator(x, dropout_param):
    p = dropout_param["p"]
    return _forward(x, dropout_param, (_OWN_GENERATOR.random(x.shape) < p) / p)


@wrong("dropout_forward", "the mask fits matrices only: draw it with the shape of x, np.random.rand(*x.shape)")
def mask_of_matrices(x, dropout_param):
    p = dropout_param["p"]
    return _forward(x, dropout_param, (np.random.rand(x.shape[0], x.shape[1]) < p) / p)


@right("dropout_forward")
@_seeded
def by_binomial(x, dropout_param):
    p = dropout_param["p"]
    return _forward(x, dropout_param, np.random.binomial(1, p, size=x.shape) / p)


@right("dropout_forward")
@_seeded
def mask_and_factor_apart(x, dropout_param):
    keep = np.random.random_sample(x.shape) > 1 - dropout_param["p"]
    return _forward(x, dropout_param, np.where(keep, 1 / dropout_param["p"], 0.0))


@right("dropout_forward")
@_seeded
def by_choice(x, dropout_param):
    p = dropout_param["p"]
    return _forward(x, dropout_param, np.random.choice([0.0, 1 / p], size=x.shape, p=[1 - p, p]))


# ---- dropout_backward


def _train(dout, cache, dx):
    return dout if cache[0]["mode"] == "test" else dx(cache[0]["p"], cache[1])


@wrong(
    "dropout_backward",
    "dx is dout itself: dropped entries have no influence on the loss, so dx must be 0 there",
)
def backward_ignores_mask(dout, cache):
    return dout


@wrong(
    "dropout_backward",
    "the factors of the forward pass are missing: multiply the kept gradients by them, dx = dout * mask",
    rule="the factors of the forward pass are missing",
)
def backward_without_factor(dout, cache):
    return _train(dout, cache, lambda p, mask: dout * (mask > 0))


@wrong(
    "dropout_backward",
    "dx is divided by p one time too many: multiply dout by the factors of the forward pass, no others",
    rule="one time too many",
)
def backward_divides_again(dout, cache):
    return _train(dout, cache, lambda p, mask: dout * mask / p)


@wrong(
    "dropout_backward",
    "the kept gradients are multiplied by p: multiply dout by the factors of the forward pass, no others",
    rule="multiplied by p",
)
def backward_undoes_factor(dout, cache):
    return _train(dout, cache, lambda p, mask: dout * (mask > 0) * p)


@wrong("dropout_backward", "kept and dropped entries are swapped: dx must be 0 where out is 0", rule="swapped")
def backward_complement(dout, cache):
    return _train(dout, cache, lambda p, mask: dout * (mask == 0) / p)


@wrong("dropout_backward", "the mask is redrawn: use the one from the forward pass, in the cache")
def backward_draws_again(dout, cache):
    return _train(dout, cache, lambda p, mask: dout * (np.random.rand(*dout.shape) < p) / p)


@wrong("dropout_backward", "test mode multiplies dout by p: it must return dout unchanged")
def backward_scales_in_test_mode(dout, cache):
    return dout * cache[0]["p"] if cache[0]["mode"] == "test" else dout * cache[1]


@wrong("dropout_backward", "dx is the mask itself: multiply it by dout", rule="the mask itself")
def backward_is_mask(dout, cache):
    return _train(dout, cache, lambda p, mask: mask * np.ones_like(dout))


@right("dropout_backward", edge="dout is modified in place")
def backward_changes_dout(dout, cache):
    if cache[0]["mode"] == "train":
        dout *= cache[1]
    return dout


@right("dropout_backward")
def backward_where(dout, cache):
    return _train(dout, cache, lambda p, mask: np.where(mask > 0, dout / p, 0))


@right("dropout_backward")
def backward_by_product(dout, cache):
    return _train(dout, cache, lambda p, mask: np.multiply(mask, dout))


def _vanilla(x, dropout_param):
    """Dropout that scales in test mode, and so not as this course asks; its gradient in train mode is the mask's."""
    p = dropout_param["p"]
    if dropout_param["mode"] == "test":
        return x * p, (dropout_param, None)
    mask = np.random.rand(*x.shape) < p
    return x * mask, (dropout_param, mask)


@right("dropout_backward", beside={"cs231n.layers:dropout_forward": _vanilla})
def backward_of_vanilla(dout, cache):
    dropout_param, mask = cache
    return np.where(mask, dout, 0) if dropout_param["mode"] == "train" else dout.copy()


@wrong(
    "dropout_backward",
    "fix dropout_forward first",
    rule="keeps 0% of the entries",
    target="cs231n.layers:dropout_forward",
)
def forward_of_zeros(x, dropout_param):
    return _forward(x, dropout_param, np.zeros(x.shape))


# ---- slips


slips(
    "dropout_backward",
    ("the gradients are halved: dx = dout * mask", "dout * mask", "dout * mask / 2"),
    (
        "the mask is missing: the gradient of a dropped entry is 0, dx = dout * mask",
        "dout * mask",
        'dout / dropout_param["p"]',
    ),
    ("the mask is added: multiply by it", "dout * mask", "dout + mask"),
    (
        "the gradients are divided by 1 - p: the mask already has its factor 1 / p",
        "dout * mask",
        'dout * mask / (1 - dropout_param["p"])',
    ),
)
