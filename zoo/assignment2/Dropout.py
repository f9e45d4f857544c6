"""Implementations of Dropout's functions as learners write them."""

import numpy as np

from zoo import right, wrong

# ---- dropout_forward


def _forward(x, dropout_param, mask):
    if dropout_param["mode"] == "test":
        return x, (dropout_param, None)
    return x * mask, (dropout_param, mask)


@wrong(
    "dropout_forward",
    "p is the probability to keep an entry, not to drop it: mask = np.random.rand(*x.shape) < p",
    rule="not to drop it",
)
def drops_with_probability_p(x, dropout_param):
    p = dropout_param["p"]
    return _forward(x, dropout_param, (np.random.rand(*x.shape) >= p) / p)


@wrong(
    "dropout_forward", "p is taken for the probability to drop, in the mask and in the division", rule="not to drop it"
)
def drops_consistently(x, dropout_param):
    p = dropout_param["p"]
    mask = np.random.rand(*x.shape) >= p
    return _forward(x, dropout_param, mask / (1 - p) if p < 1 else mask)


@wrong("dropout_forward", "what is kept is not divided by p: then the mean of the output shrinks to p times that of x")
def not_inverted(x, dropout_param):
    return _forward(x, dropout_param, np.random.rand(*x.shape) < dropout_param["p"])


@wrong(
    "dropout_forward",
    "test mode multiplies by p: inverted dropout has divided in training, so test mode leaves x as it is",
)
def scales_in_test_mode(x, dropout_param):
    p = dropout_param["p"]
    if dropout_param["mode"] == "test":
        return x * p, (dropout_param, None)
    return _forward(x, dropout_param, (np.random.rand(*x.shape) < p) / p)


@wrong(
    "dropout_forward", "the old form: train without division, test times p; here the division by p is part of training"
)
def old_form(x, dropout_param):
    p = dropout_param["p"]
    if dropout_param["mode"] == "test":
        return x * p, (dropout_param, None)
    return _forward(x, dropout_param, np.random.rand(*x.shape) < p)


@wrong("dropout_forward", "what is kept is multiplied by p: divide by it, so that the expected output is x")
def multiplies_by_p(x, dropout_param):
    p = dropout_param["p"]
    return _forward(x, dropout_param, (np.random.rand(*x.shape) < p) * p)


@wrong("dropout_forward", "divided by 1 - p: p is the probability to keep, so divide by p")
def divides_by_the_rest(x, dropout_param):
    p = dropout_param["p"]
    return _forward(x, dropout_param, (np.random.rand(*x.shape) < p) / (1 - p if p < 1 else 1))


@wrong("dropout_forward", "divided by p twice: once in the mask and once more in out")
def divides_twice(x, dropout_param):
    p = dropout_param["p"]
    return _forward(x, dropout_param, (np.random.rand(*x.shape) < p) / p / p)


@wrong(
    "dropout_forward",
    "the random numbers themselves are multiplied in: compare them with p first, the mask is 0 or 1 / p",
)
def random_numbers_as_mask(x, dropout_param):
    p = dropout_param["p"]
    numbers = np.random.rand(*x.shape)
    return _forward(x, dropout_param, np.where(numbers < p, numbers, 0) / p if p < 1 else 1.0)


@wrong("dropout_forward", "np.random.randn is not spread evenly from 0 to 1: np.random.rand is")
def normal_numbers(x, dropout_param):
    p = dropout_param["p"]
    return _forward(x, dropout_param, (np.random.randn(*x.shape) < p) / p if p < 1 else 1.0)


@wrong(
    "dropout_forward",
    "one mask for all inputs: draw a number for each entry of x, np.random.rand(*x.shape)",
    rule="one by one",
)
def same_mask_for_all_rows(x, dropout_param):
    p = dropout_param["p"]
    return _forward(x, dropout_param, (np.random.rand(*x.shape[1:]) < p) / p)


@wrong(
    "dropout_forward",
    "whole inputs are dropped: draw a number for each entry of x, np.random.rand(*x.shape)",
    rule="one by one",
)
def drops_whole_rows(x, dropout_param):
    p = dropout_param["p"]
    mask = (np.random.rand(len(x)) < p) / p
    return _forward(x, dropout_param, mask.reshape(-1, *[1] * (x.ndim - 1)))


@wrong("dropout_forward", "a single random number decides for all entries: np.random.rand(*x.shape)")
def all_or_nothing(x, dropout_param):
    p = dropout_param["p"]
    return _forward(x, dropout_param, (np.random.rand() < p) / p)


@wrong(
    "dropout_forward",
    "the same entries are dropped at each call: no seed of your own in the function",
    rule="no seed of your own",
)
def seeded(x, dropout_param):
    p = dropout_param["p"]
    np.random.seed(0)
    return _forward(x, dropout_param, (np.random.rand(*x.shape) < p) / p)


@wrong("dropout_forward", "test mode drops too: in test mode out is x")
def drops_in_test_mode(x, dropout_param):
    p = dropout_param["p"]
    mask = (np.random.rand(*x.shape) < p) / p
    return x * mask, (dropout_param, mask)


@wrong("dropout_forward", "x is changed in place (x *= mask): write x * mask into a new array", rule="in place")
def changes_x(x, dropout_param):
    p = dropout_param["p"]
    if dropout_param["mode"] == "train":
        x *= (np.random.rand(*x.shape) < p) / p
    return x, (dropout_param, None)


@wrong(
    "dropout_forward",
    "out is only what was kept, in a row: an entry that is dropped stays in its place as 0",
    rule="shape of x",
)
def takes_entries_out(x, dropout_param):
    p = dropout_param["p"]
    if dropout_param["mode"] == "test":
        return x, (dropout_param, None)
    mask = np.random.rand(*x.shape) < p
    return x[mask] / p, (dropout_param, mask)


@right("dropout_forward")
def by_binomial(x, dropout_param):
    p = dropout_param["p"]
    return _forward(x, dropout_param, np.random.binomial(1, p, size=x.shape) / p)


@right("dropout_forward")
def mask_and_factor_apart(x, dropout_param):
    keep = np.random.random_sample(x.shape) > 1 - dropout_param["p"]
    return _forward(x, dropout_param, np.where(keep, 1 / dropout_param["p"], 0.0))


@right("dropout_forward")
def by_choice(x, dropout_param):
    p = dropout_param["p"]
    return _forward(x, dropout_param, np.random.choice([0.0, 1 / p], size=x.shape, p=[1 - p, p]))


# ---- dropout_backward


def _train(dout, cache, dx):
    return dout if cache[0]["mode"] == "test" else dx(cache[0]["p"], cache[1])


@wrong(
    "dropout_backward",
    "dx is dout itself: the entries that were dropped have no influence on the loss, so dx is 0 there",
)
def backward_ignores_mask(dout, cache):
    return dout


@wrong(
    "dropout_backward",
    "what was kept is divided by p in the forward pass, and so is its gradient: dx = dout * mask",
    rule="and so is its gradient",
)
def backward_without_factor(dout, cache):
    return _train(dout, cache, lambda p, mask: dout * (mask > 0))


@wrong("dropout_backward", "divided by p once too often: the mask holds 1 / p already", rule="once too often")
def backward_divides_again(dout, cache):
    return _train(dout, cache, lambda p, mask: dout * mask / p)


@wrong("dropout_backward", "multiplied by p: dx = dout * mask, and the mask holds 1 / p", rule="multiplied by p")
def backward_undoes_factor(dout, cache):
    return _train(dout, cache, lambda p, mask: dout * (mask > 0) * p)


@wrong("dropout_backward", "kept and dropped are mixed up: dx is 0 where out is 0", rule="mixed up")
def backward_complement(dout, cache):
    return _train(dout, cache, lambda p, mask: dout * (mask == 0) / p)


@wrong("dropout_backward", "a new mask is drawn: use the one of the forward pass, from the cache")
def backward_draws_again(dout, cache):
    return _train(dout, cache, lambda p, mask: dout * (np.random.rand(*dout.shape) < p) / p)


@wrong("dropout_backward", "test mode scales dout by p: it passes dout on as it is")
def backward_scales_in_test_mode(dout, cache):
    return dout * cache[0]["p"] if cache[0]["mode"] == "test" else dout * cache[1]


@wrong("dropout_backward", "dx is the mask itself: multiply it by dout", rule="the mask itself")
def backward_is_mask(dout, cache):
    return _train(dout, cache, lambda p, mask: mask * np.ones_like(dout))


@wrong(
    "dropout_backward", "dout is changed in place (dout *= mask): write dout * mask into a new array", rule="in place"
)
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
