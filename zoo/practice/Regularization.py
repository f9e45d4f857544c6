"""Implementations of Regularization's functions as learners write them."""

import numpy as np

from cs231n import augmentation
from zoo import right, slips, wrong

# ---- penalties

slips(
    "l1_penalty",
    (
        "the absolute values are missing: positive and negative weights cancel in the sum",
        "np.sum(np.abs(w))",
        "np.sum(w)",
    ),
    ("the gradient is that of L2: the slope of |w| is 1 or -1, whatever the size of w", "reg * np.sign(w)", "reg * w"),
    ("dw is reg everywhere: where a weight is negative, the slope of |w| is -1", "np.sign(w)", "np.ones_like(w)"),
    ("dw is reg times |w|: that is the penalty of each weight, not its slope", "np.sign(w)", "np.abs(w)"),
    ("reg is missing in dw", "reg * np.sign(w)", "np.sign(w)"),
    ("reg is missing in the penalty", "reg * np.sum(np.abs(w))", "np.sum(np.abs(w))"),
    ("the penalty has the factor of one half, which belongs to L2", "reg * np.sum", "0.5 * reg * np.sum"),
    ("the penalty is a mean over the weights: it is a sum", "np.sum(np.abs(w))", "np.mean(np.abs(w))"),
    (
        "a weight of 0 gets the gradient reg: of the subgradients at 0 take 0, or the weight is pushed away from 0",
        "np.sign(w)",
        "np.where(w >= 0, 1.0, -1.0)",
    ),
    (
        "a weight of 0 gets the gradient -reg: of the subgradients at 0 take 0",
        "np.sign(w)",
        "np.where(w > 0, 1.0, -1.0)",
    ),
    ("a weight of 0 gives 0 / 0: w / |w| has no value there, np.sign has", "np.sign(w)", "w / np.abs(w)"),
    ("dw points away from the smaller penalty: the sign is flipped", "reg * np.sign(w)", "-reg * np.sign(w)"),
    ("the penalty is the length of w, the root of the sum of squares", "np.sum(np.abs(w))", "np.linalg.norm(w)"),
    (
        "an eps in the division makes each slope a little less than 1: np.sign(w) needs neither of them",
        "np.sign(w)",
        "w / (np.abs(w) + 1e-8)",
    ),
)


@right("l1_penalty")
def l1_by_loop(w, reg):
    penalty, dw = 0.0, np.zeros_like(w)
    for place in np.ndindex(w.shape):
        penalty += reg * abs(w[place])
        dw[place] = reg * ((w[place] > 0) - float(w[place] < 0))
    return penalty, dw


@right("l1_penalty")
def l1_by_the_signs(w, reg):
    signs = np.where(w > 0, 1, np.where(w < 0, -1, 0))
    return reg * float((w * signs).sum()), (reg * signs).astype(w.dtype)


slips(
    "l2_penalty",
    ("the factor of one half is missing in the penalty", "0.5 * reg * np.sum", "reg * np.sum"),
    ("dw is twice what it should be: with one half in the penalty the 2 cancels", "dw = reg * w", "dw = 2 * reg * w"),
    ("dw has the factor of one half, too: the derivative of w * w / 2 is w", "dw = reg * w", "dw = 0.5 * reg * w"),
    ("the squares are missing in the penalty", "np.sum(w * w)", "np.sum(w)"),
    ("the sum is squared: square each weight first, then add up", "np.sum(w * w)", "np.sum(w) ** 2"),
    ("the root of the sum is taken: the penalty is the sum of squares", "np.sum(w * w)", "np.sqrt(np.sum(w * w))"),
    ("the penalty is a mean over the weights: it is a sum", "np.sum(w * w)", "np.mean(w * w)"),
    ("dw is the square of w: the derivative of w * w / 2 is w", "dw = reg * w", "dw = reg * w * w"),
    ("dw is a single number: each weight has a gradient of its own", "dw = reg * w", "dw = reg * np.sum(w)"),
    ("reg is missing in dw", "dw = reg * w", "dw = w"),
    ("the sign of dw is lost: the gradient of a negative weight is negative", "dw = reg * w", "dw = reg * np.abs(w)"),
    ("reg is squared in the penalty", "0.5 * reg *", "0.5 * reg * reg *"),
    (
        "this is the penalty of assignment 1, reg * sum(w * w) with gradient 2 * reg * w: here both are half as large",
        *("0.5 * reg *", "reg *"),
        *("dw = reg * w", "dw = 2 * reg * w"),
    ),
    ("w.T @ w multiplies different weights with each other as well: square each weight, w * w", "w * w)", "w.T @ w)"),
)


@right("l2_penalty")
def l2_by_einsum(w, reg):
    flat = w.ravel()
    return reg / 2 * np.einsum("i,i->", flat, flat), w * reg


@right("l2_penalty")
def l2_by_norm(w, reg):
    return reg * np.linalg.norm(w) ** 2 / 2, np.multiply(reg, w)


slips(
    "elastic_net",
    (
        "l1_ratio and 1 - l1_ratio are swapped",
        "penalty, grads = 0.0, {}",
        "penalty, grads = 0.0, {}\nl1_ratio = 1 - l1_ratio",
    ),
    ("the L2 part has the whole of reg: its share is 1 - l1_ratio", "reg * (1 - l1_ratio)", "reg"),
    ("the L1 part has the whole of reg: its share is l1_ratio", "l1_penalty(w, reg * l1_ratio)", "l1_penalty(w, reg)"),
    ("biases and gains are penalised as well: leave out parameters with one axis", "w.ndim < 2", "w.ndim < 1"),
    ("filters are left out: weights are the parameters with at least two axes", "w.ndim < 2", "w.ndim != 2"),
    (
        "only parameters whose name starts with W are penalised: filters are weights as well",
        "w.ndim < 2",
        'not name.startswith("W")',
    ),
    ("only the last penalty is returned: add them up with +=", "penalty += l1 + l2", "penalty = l1 + l2"),
    ("the L2 penalty is missing in the sum", "penalty += l1 + l2", "penalty += l1"),
    ("the L1 penalty is missing in the sum", "penalty += l1 + l2", "penalty += l2"),
    ("the gradient of the L2 part is missing", "dw_l1 + dw_l2", "dw_l1"),
    ("the gradient of the L1 part is missing", "dw_l1 + dw_l2", "dw_l2"),
    (
        "biases and gains have no entry in grads: they need zeros of their shape",
        "grads[name] = np.zeros_like(w)",
        "pass",
    ),
    (
        "the L2 part is halved twice: l2_penalty has the factor of one half already",
        "reg * (1 - l1_ratio)",
        "reg * (1 - l1_ratio) / 2",
    ),
    (
        "only parameters whose name starts with b are left out: gains have one axis as well, so ask for w.ndim",
        "w.ndim < 2",
        'name.startswith("b")',
    ),
    (
        "the gradients are multiplied by their shares twice: your two functions were called with these shares already",
        "dw_l1 + dw_l2",
        "l1_ratio * dw_l1 + (1 - l1_ratio) * dw_l2",
    ),
    ("the L1 part has no reg: its share is reg * l1_ratio", "l1_penalty(w, reg * l1_ratio)", "l1_penalty(w, l1_ratio)"),
    ("the L2 part has no reg: its share is reg * (1 - l1_ratio)", "reg * (1 - l1_ratio)", "1 - l1_ratio"),
)


@right("elastic_net")
def elastic_by_comprehensions(params, reg, l1_ratio):
    def penalty(w):
        return reg * (l1_ratio * np.abs(w).sum() + 0.5 * (1 - l1_ratio) * (w**2).sum())

    def gradient(w):
        return reg * (l1_ratio * np.sign(w) + (1 - l1_ratio) * w) if w.ndim > 1 else np.zeros(w.shape)

    return sum(penalty(w) for w in params.values() if w.ndim > 1), {n: gradient(w) for n, w in params.items()}


slips(
    "soft_threshold",
    (
        "small weights pass through 0 to the other side: cut off at 0 with np.maximum",
        "np.maximum(np.abs(w) - amount, 0)",
        "(np.abs(w) - amount)",
    ),
    (
        "this is the hard threshold: weights that stay must move as well, by amount",
        "np.sign(w) * np.maximum(np.abs(w) - amount, 0)",
        "np.where(np.abs(w) > amount, w, 0)",
    ),
    ("the signs are lost: multiply by np.sign(w)", "np.sign(w) * np.maximum", "np.maximum"),
    ("negative weights become 0: take the amount off np.abs(w), not off w", "np.abs(w) - amount", "w - amount"),
    ("weights move away from 0: the amount is added", "np.abs(w) - amount", "np.abs(w) + amount"),
    (
        "the weights are cut off at the amount, which is np.clip: they must be moved by it",
        "np.sign(w) * np.maximum(np.abs(w) - amount, 0)",
        "np.clip(w, -amount, amount)",
    ),
    (
        "weights shrink by a share of their size: each moves by the same amount",
        "np.sign(w) * np.maximum(np.abs(w) - amount, 0)",
        "w * max(1 - amount, 0)",
    ),
    (
        "negative weights move away from 0: only positive ones get smaller by w - amount",
        "np.sign(w) * np.maximum(np.abs(w) - amount, 0)",
        "np.where(np.abs(w) > amount, w - amount, 0)",
    ),
    (
        "small weights are left as they are: those that are nearer to 0 than amount become 0",
        "np.sign(w) * np.maximum(np.abs(w) - amount, 0)",
        "np.where(np.abs(w) > amount, w - amount * np.sign(w), w)",
    ),
    (
        "np.minimum keeps what should be cut off: sizes must not go below 0, so take np.maximum",
        "np.maximum",
        "np.minimum",
    ),
    ("a weight of 0 gives 0 / 0: w / |w| has no value there, np.sign has", "np.sign(w)", "w / np.abs(w)"),
)


@right("soft_threshold")
def threshold_by_two_sides(w, amount):
    return np.maximum(w - amount, 0) + np.minimum(w + amount, 0)


@right("soft_threshold")
def threshold_by_clip(w, amount):
    return w - np.clip(w, -amount, amount)


# ---- DropConnect


def _layer(x, w, b, mask):
    return x @ (w * mask) + b, (x, w, mask)


def _keep(w, dropout_param):
    """The mask of kept weights, without a factor; all of them in test mode."""
    return np.random.rand(*w.shape) < dropout_param["p"] if dropout_param["mode"] == "train" else np.ones(w.shape)


def _factor(dropout_param):
    return 1 / dropout_param["p"] if dropout_param["mode"] == "train" else 1.0


slips(
    "dropconnect_forward",
    (
        "the kept weights are not divided by p: divide by p, so that the expected output is that of all weights",
        "(np.random.rand(*w.shape) < p) / p",
        "np.random.rand(*w.shape) < p",
    ),
    (
        "p is the probability of keeping a weight, not of dropping it: keep it where np.random.rand(...) < p",
        "np.random.rand(*w.shape) < p",
        "np.random.rand(*w.shape) >= p",
    ),
    (
        "the kept weights are multiplied by p: divide by p, so that the expected output is that of all weights",
        "< p) / p",
        "< p) * p",
    ),
    (
        "a random number is drawn for each output unit: whole columns of w are dropped",
        "np.random.rand(*w.shape)",
        "np.random.rand(w.shape[1])",
    ),
    (
        "a random number is drawn for each input unit: whole rows of w are dropped, which is dropout of x",
        "np.random.rand(*w.shape)",
        "np.random.rand(len(w), 1)",
    ),
    (
        "a single random number decides for all weights: draw one for each, np.random.rand(*w.shape)",
        "np.random.rand(*w.shape)",
        "np.random.rand()",
    ),
    (
        "the biases are dropped as well: the mask belongs to the weights",
        "+ b",
        "+ b * (np.random.rand(*b.shape) < p) / p",
    ),
    ("the biases are divided by p: the mask belongs to the weights", "+ b", "+ b / p"),
    ("b is not added", " + b", ""),
    ("test mode drops weights as well: it must use all of them", 'if mode == "train":', "if True:"),
    ("train mode drops nothing: only test mode may use all weights", 'if mode == "train":', "if False:"),
    (
        "np.random.randn does not draw uniformly from 0 to 1: use np.random.rand",
        "np.random.rand(*w.shape) < p",
        "np.random.randn(*w.shape) < p",
    ),
    (
        "the weights are multiplied by the random numbers themselves: compare them with p",
        "((np.random.rand(*w.shape) < p) / p)",
        "(np.random.rand(*w.shape) / p)",
    ),
)


@wrong(
    "dropconnect_forward",
    "entries of x are dropped, for each input others: that is dropout; DropConnect drops entries of w",
    rule="Draw one mask of the shape of w",
)
def dropout_in_place_of_dropconnect(x, w, b, dropout_param):
    mask = _keep(x, dropout_param) * _factor(dropout_param)
    return (x * mask) @ w + b, (x, w, mask)


@wrong(
    "dropconnect_forward",
    "each input has a mask of its own, as in the paper: here one mask of the shape of w is drawn for the whole batch",
    rule="use it for all inputs",
)
def mask_for_each_input(x, w, b, dropout_param):
    out = np.stack([row @ (w * _keep(w, dropout_param)) * _factor(dropout_param) + b for row in x])
    return out, (x, w, np.ones_like(w))


@wrong(
    "dropconnect_forward",
    "entries of out are dropped: that is dropout after the layer; drop entries of w before the product",
    rule="Draw one mask of the shape of w",
)
def drops_outputs(x, w, b, dropout_param):
    out = x @ w + b
    return out * _keep(out, dropout_param) * _factor(dropout_param), (x, w, np.ones_like(w))


@wrong(
    "dropconnect_forward",
    "the same weights are dropped at each call: set no seed of your own in the function",
    rule="set no seed of your own",
)
def dropconnect_seeded(x, w, b, dropout_param):
    np.random.seed(0)
    return _layer(x, w, b, _keep(w, dropout_param) * _factor(dropout_param))


@wrong(
    "dropconnect_forward",
    "test mode multiplies the weights by p: inverted DropConnect divides in training, so test mode changes nothing",
)
def scales_weights_in_test_mode(x, w, b, dropout_param):
    if dropout_param["mode"] == "test":
        return _layer(x, w, b, np.full(w.shape, dropout_param["p"]))
    return _layer(x, w, b, _keep(w, dropout_param) * _factor(dropout_param))


@wrong(
    "dropconnect_forward",
    "w is modified in place, so the dropped weights are lost for ever: write w * mask into a new array",
    rule="in place",
)
def changes_w(x, w, b, dropout_param):
    w *= _keep(w, dropout_param) * _factor(dropout_param)
    return x @ w + b, (x, w, np.ones_like(w))


_GENERATOR = np.random.default_rng(0)  # with a seed, so that the stored answers are the same each time


@wrong(
    "dropconnect_forward",
    "a generator of your own, such as np.random.default_rng(), does not know the seed, which the given line passes to "
    "np.random.seed: draw with np.random.rand, or no gradient check can work",
    rule="a generator of your own",
)
def dropconnect_with_its_own_generator(x, w, b, dropout_param):
    mask = _GENERATOR.random(w.shape) < dropout_param["p"] if dropout_param["mode"] == "train" else np.ones(w.shape)
    return _layer(x, w, b, mask * _factor(dropout_param))


def _seed_first(dropout_param):
    """The line that learners are given: it passes the seed to NumPy's generator."""
    if "seed" in dropout_param:
        np.random.seed(dropout_param["seed"])


@right("dropconnect_forward")
def dropconnect_by_binomial(x, w, b, dropout_param):
    _seed_first(dropout_param)
    p = dropout_param["p"]
    if dropout_param["mode"] == "test":
        return np.dot(x, w) + b, None
    return _layer(x, w, b, np.random.binomial(1, p, size=w.shape) / p)


@right("dropconnect_forward")
def dropconnect_by_assignment(x, w, b, dropout_param):
    _seed_first(dropout_param)
    used = w.copy()
    if dropout_param["mode"] == "train":
        used[np.random.rand(*w.shape) >= dropout_param["p"]] = 0
        used /= dropout_param["p"]
    return np.einsum("nd,dm->nm", x, used) + b, (x, used, w)


@right("dropconnect_forward")
def dropconnect_dividing_the_product(x, w, b, dropout_param):
    _seed_first(dropout_param)
    kept = w * _keep(w, dropout_param)
    return (x @ kept) * _factor(dropout_param) + b, (x, kept, dropout_param)


slips(
    "dropconnect_backward",
    ("dx goes back through all weights: multiply w by the mask of the forward pass first", "(w * mask).T", "w.T"),
    (
        "dw is not 0 for the dropped weights: they had no influence, so multiply by the mask",
        "(x.T @ dout) * mask",
        "x.T @ dout",
    ),
    (
        "in dw, the factor 1 / p is missing: multiply by the mask of the forward pass",
        "(x.T @ dout) * mask",
        "(x.T @ dout) * (mask > 0)",
    ),
    (
        "in dx, the kept weights are not divided by p: use the mask as the forward pass did",
        "(w * mask).T",
        "(w * (mask > 0)).T",
    ),
    ("dw is divided by p twice: multiply by the mask once", "(x.T @ dout) * mask", "(x.T @ dout) * mask * mask"),
    ("in dx, the mask is used twice: is the w of the cache masked already?", "(w * mask).T", "(w * mask * mask).T"),
    ("db is a mean over the inputs: it is a sum, without a division by N", "dout.sum(axis=0)", "dout.mean(axis=0)"),
    (
        "dw is a mean over the inputs: it is a sum, without a division by N",
        "(x.T @ dout) * mask",
        "(x.T @ dout) * mask / len(x)",
    ),
    (
        "dw is multiplied by w as well: the derivative of w * mask is the mask",
        "(x.T @ dout) * mask",
        "(x.T @ dout) * (w * mask)",
    ),
    (
        "db is a sum over the outputs: it needs one entry for each column, so sum over axis 0",
        "dout.sum(axis=0)",
        "dout.sum(axis=1)",
    ),
    ("db has two axes: without keepdims it has the shape of b", "dout.sum(axis=0)", "dout.sum(axis=0, keepdims=True)"),
    ("dw is transposed: (D, N) @ (N, M) has the shape of w", "(x.T @ dout) * mask", "dout.T @ x * mask.T"),
    (
        "the mask is drawn anew in the backward pass: take the one from the cache",
        "dx = dout",
        "mask = np.random.permutation(mask.ravel()).reshape(mask.shape)\ndx = dout",
    ),
    ("the sign of dx is flipped", "dx = dout", "dx = -dout"),
    (
        "dw is multiplied by w, not by the mask: the derivative of w * mask is the mask",
        "(x.T @ dout) * mask",
        "(x.T @ dout) * w",
    ),
    (
        "db is a single number, the sum of all of dout: it needs one entry for each column, so sum over axis 0",
        "dout.sum(axis=0)",
        "dout.sum()",
    ),
)


@right("dropconnect_backward")
def dropconnect_backward_by_einsum(dout, cache):
    x, w, mask = cache
    used = np.einsum("dm,dm->dm", w, mask)
    return (
        np.einsum("nm,dm->nd", dout, used),
        np.einsum("nd,nm,dm->dm", x, dout, mask),
        np.einsum("nm->m", dout),
    )


@right("dropconnect_backward", beside={"cs231n.regularizers:dropconnect_forward": dropconnect_by_assignment})
def dropconnect_backward_of_assignment(dout, cache):
    x, used, w = cache
    return dout @ used.T, (x.T @ dout) * (used / w), np.ones(len(x)) @ dout


@right(
    "dropconnect_backward",
    beside={"cs231n.regularizers:dropconnect_forward": dropconnect_dividing_the_product},
)
def dropconnect_backward_with_the_parameters(dout, cache):
    x, kept, dropout_param = cache
    scaled = dout * _factor(dropout_param)
    return scaled @ kept.T, (x.T @ scaled) * (kept != 0), dout.sum(axis=0)


# ---- early stopping

slips(
    "should_stop",
    (
        "it stops an epoch too late: the best epoch may be patience epochs old, so compare with >=",
        ">= patience",
        "> patience",
    ),
    (
        "it stops an epoch too early: the last epoch has the index len(val_acc_history) - 1",
        "len(val_acc_history) - 1 - best_epoch",
        "len(val_acc_history) - best_epoch",
    ),
    (
        "a tie counts as a gain: of equal accuracies the first one is the best",
        "np.argmax(val_acc_history)",
        "len(val_acc_history) - 1 - np.argmax(val_acc_history[::-1])",
    ),
    ("the lowest accuracy is taken for the best: argmin belongs to a loss", "np.argmax", "np.argmin"),
    ("the comparison is the wrong way round: it stops while the best is recent", ">= patience", "< patience"),
    ("it stops only when exactly patience epochs have passed", ">= patience", "== patience"),
    ("patience is ignored: any epoch without a gain stops the run", ">= patience", ">= 1"),
    (
        "it never stops: it must once the best epoch is patience epochs old (patience is no difference of accuracies)",
        "len(val_acc_history) - 1 - best_epoch >= patience",
        "val_acc_history[-1] < val_acc_history[best_epoch] - patience",
    ),
    (
        "it stops after patience epochs, however well they went: count from the best epoch on",
        "len(val_acc_history) - 1 - best_epoch",
        "len(val_acc_history)",
    ),
    (
        "the last epoch is compared with a single one, patience epochs ago: it is the best of all that counts",
        "len(val_acc_history) - 1 - best_epoch >= patience",
        "len(val_acc_history) > patience and val_acc_history[-1] <= val_acc_history[-1 - patience]",
    ),
)


@wrong("should_stop", "only the epoch before is compared: a setback is no reason to stop, count from the best epoch")
def stops_at_the_first_setback(val_acc_history, patience):
    return len(val_acc_history) > 1 and val_acc_history[-1] < val_acc_history[-2]


@wrong(
    "should_stop",
    "it asks whether the last patience epochs have fallen one after the other: it is the best accuracy that counts",
)
def stops_after_falling_in_a_row(val_acc_history, patience):
    return len(val_acc_history) > patience and bool(np.all(np.diff(val_acc_history[-patience - 1 :]) < 0))


@wrong("should_stop", "epochs without a gain over the epoch before are counted in all: a new best must start again")
def counts_all_setbacks(val_acc_history, patience):
    return int(np.sum(np.diff(val_acc_history) <= 0)) >= patience


@right("should_stop")
def stop_by_counting(val_acc_history, patience):
    best, waited = -np.inf, 0
    for accuracy in val_acc_history:
        waited = 0 if accuracy > best else waited + 1
        best = max(best, accuracy)
    return waited >= patience


@right("should_stop")
def stop_by_two_maxima(val_acc_history, patience):
    if len(val_acc_history) <= patience:
        return False
    return max(val_acc_history[-patience:]) <= max(val_acc_history[:-patience])


# ---- between the pixels

POSITIONS = (
    ("(np.arange(H) + 0.5) * heights / H - 0.5", "H", "heights"),
    ("(np.arange(W) + 0.5) * widths / W - 0.5", "W", "widths"),
)
UPPER = "the upper limit is missing, or 1 too large: the last of heights pixels is number heights - 1"


def _at(formula):
    """Edits that put another formula, of the side and the length, in the place of both positions."""
    return (text for old, side, length in POSITIONS for text in (old, formula.format(side=side, length=length)))


slips(
    "crop_and_scale",
    (
        "the halves are missing: pixel i has its centre at i + 1/2 of its width",
        *_at("np.arange({side}) * {length} / {side}"),
    ),
    (
        "the centres of the outermost pixels are put onto each other: the edges of the pixels belong there",
        *_at("np.arange({side}) * ({length} - 1) / ({side} - 1)"),
    ),
    (
        "all is half a pixel too far: subtract 1/2 after the scaling, since pixel 0 has its centre there",
        *_at("(np.arange({side}) + 0.5) * {length} / {side}"),
    ),
    (
        "1/2 is subtracted but not added before: the centre of a new pixel is at i + 1/2 of its width",
        *_at("np.arange({side}) * {length} / {side} - 0.5"),
    ),
    (
        "the scaling is upside down: a new pixel is as wide as heights / H of the old ones, not H / heights",
        *_at("(np.arange({side}) + 0.5) * {side} / {length} - 0.5"),
    ),
    ("the rectangle is moved but not scaled", *_at("np.arange({side})")),
    (
        "the start of the rectangle is missing: add tops and lefts",
        *("tops + np.clip", "np.clip"),
        *("lefts + np.clip", "np.clip"),
    ),
    (
        "tops and lefts are swapped: tops belong to the rows",
        *("tops + np.clip", "lefts + np.clip"),
        *("columns = lefts", "columns = tops"),
    ),
    (
        "heights and widths are swapped: heights belong to the rows",
        *("* heights / H", "* widths / H"),
        *("rows, 0, heights - 1", "rows, 0, widths - 1"),
        *("* widths / W", "* heights / W"),
        *("columns, 0, widths - 1", "columns, 0, heights - 1"),
    ),
    (
        "at the edges of the rectangle what lies around it is mixed in: limit the positions to its pixels, by np.clip",
        *("np.clip(rows, 0, heights - 1)", "rows"),
        *("np.clip(columns, 0, widths - 1)", "columns"),
    ),
    (
        "the positions are limited to the image: limit them to the rectangle, before its start is added",
        *("tops + np.clip(rows, 0, heights - 1)", "np.clip(tops + rows, 0, H - 1)"),
        *("lefts + np.clip(columns, 0, widths - 1)", "np.clip(lefts + columns, 0, W - 1)"),
    ),
    (
        UPPER,
        *("rows, 0, heights - 1", "rows, 0, heights"),
        *("columns, 0, widths - 1", "columns, 0, widths"),
    ),
    (
        "the lower limit is missing: the first positions lie before the first pixel's centre",
        *("np.clip(rows, 0, heights - 1)", "np.minimum(rows, heights - 1)"),
        *("np.clip(columns, 0, widths - 1)", "np.minimum(columns, widths - 1)"),
    ),
    (
        UPPER,
        *("np.clip(rows, 0, heights - 1)", "np.maximum(rows, 0)"),
        *("np.clip(columns, 0, widths - 1)", "np.maximum(columns, 0)"),
    ),
    (
        "the positions are rounded, so that each pixel is a copy of the nearest one: leave them between the pixels",
        *("np.clip(rows, 0, heights - 1)", "np.clip(rows, 0, heights - 1).round()"),
        *("np.clip(columns, 0, widths - 1)", "np.clip(columns, 0, widths - 1).round()"),
    ),
    (
        "the positions are cut to whole numbers: leave them between the pixels",
        *("np.clip(rows, 0, heights - 1)", "np.clip(rows, 0, heights - 1).astype(int)"),
        *("np.clip(columns, 0, widths - 1)", "np.clip(columns, 0, widths - 1).astype(int)"),
    ),
    (
        "all images get the rectangle of the first one",
        "columns = lefts + np.clip(columns, 0, widths - 1)",
        "columns = lefts + np.clip(columns, 0, widths - 1)\nrows, columns = rows[:1], columns[:1]",
    ),
    ("only the rows are scaled", "(np.arange(W) + 0.5) * widths / W - 0.5", "np.arange(W)"),
)


@right("crop_and_scale")
def scaling_by_interp(X, tops, lefts, heights, widths):
    """np.interp repeats the outermost values by itself."""
    _, _, H, W = X.shape
    scaled = np.empty_like(X)
    for n, (top, left, height, width) in enumerate(zip(tops, lefts, heights, widths, strict=True)):
        rows, columns = (np.arange(H) + 0.5) / H * height - 0.5, (np.arange(W) + 0.5) / W * width - 0.5
        for c, window in enumerate(X[n, :, top : top + height, left : left + width]):
            wide = np.stack([np.interp(columns, np.arange(width), row) for row in window])
            scaled[n, c] = np.stack([np.interp(rows, np.arange(height), column) for column in wide.T], axis=1)
    return scaled


@right("crop_and_scale")
def scaling_by_linspace(X, tops, lefts, heights, widths):
    def positions(starts, lengths, side):
        half = lengths / side / 2  # half the width of a new pixel
        inside = np.linspace(half - 0.5, lengths - half - 0.5, side, axis=1)
        return np.minimum(np.maximum(starts[:, None] + inside, starts[:, None]), (starts + lengths - 1)[:, None])

    rows, columns = positions(tops, heights, X.shape[2]), positions(lefts, widths, X.shape[3])
    return augmentation._read_between(X, *np.broadcast_arrays(rows[:, :, None], columns[:, None, :]))


@right("crop_and_scale")
def scaling_by_two_matrices(X, tops, lefts, heights, widths):
    """The values are linear in the pixels: a matrix for the rows of each image, and one for its columns."""

    def matrices(starts, lengths, side):
        found = np.zeros((len(starts), side, side), X.dtype)
        for n, (start, length) in enumerate(zip(starts, lengths, strict=True)):
            for i in range(side):
                position = min(max((2 * i + 1) * length / (2 * side) - 0.5, 0), length - 1)
                whole = int(position)
                found[n, i, start + whole] = 1 - (position - whole)
                if whole + 1 < length:
                    found[n, i, start + whole + 1] = position - whole
        return found

    rows, columns = matrices(tops, heights, X.shape[2]), matrices(lefts, widths, X.shape[3])
    return np.einsum("nih,nchw,njw->ncij", rows, X, columns)


ROWS = "np.cos(angles) * down + np.sin(angles) * across + (H - 1) / 2"
COLUMNS = "np.cos(angles) * across - np.sin(angles) * down + (W - 1) / 2"

slips(
    "rotate",
    (
        "it turns clockwise: rows are counted downwards, so the signs of the two sines change places",
        "np.deg2rad(degrees)",
        "-np.deg2rad(degrees)",
    ),
    (
        "degrees are taken for radians: convert them by np.deg2rad",
        "np.deg2rad(degrees)",
        "np.asarray(degrees)",
    ),
    (
        "np.rad2deg makes degrees of radians: you need the opposite, np.deg2rad",
        "np.deg2rad(degrees)",
        "np.rad2deg(degrees)",
    ),
    (
        "it turns about the corner: count the positions from the centre, and add the centre again at the end",
        *("np.newaxis] - (H - 1) / 2", "np.newaxis]"),
        *("np.arange(W) - (W - 1) / 2", "np.arange(W)"),
        *("across + (H - 1) / 2", "across"),
        *("down + (W - 1) / 2", "down"),
    ),
    (
        "the centre is half a pixel too far: the middle of 0 to H - 1 is (H - 1) / 2",
        *("np.newaxis] - (H - 1) / 2", "np.newaxis] - H / 2"),
        *("np.arange(W) - (W - 1) / 2", "np.arange(W) - W / 2"),
        *("across + (H - 1) / 2", "across + H / 2"),
        *("down + (W - 1) / 2", "down + W / 2"),
    ),
    (
        "the centre is a whole number: with an even number of rows it lies between two of them, so use / and not //",
        *("np.newaxis] - (H - 1) / 2", "np.newaxis] - H // 2"),
        *("np.arange(W) - (W - 1) / 2", "np.arange(W) - W // 2"),
        *("across + (H - 1) / 2", "across + H // 2"),
        *("down + (W - 1) / 2", "down + W // 2"),
    ),
    (
        "the centre is not added again: the positions to read are counted from the top left pixel",
        *("across + (H - 1) / 2", "across"),
        *("down + (W - 1) / 2", "down"),
    ),
    (
        "the two halves of the centre are swapped: rows have (H - 1) / 2, columns (W - 1) / 2",
        *("across + (H - 1) / 2", "across + (W - 1) / 2"),
        *("down + (W - 1) / 2", "down + (H - 1) / 2"),
    ),
    (
        "both sines have a plus, which is no rotation: in the columns it is a minus",
        "across - np.sin(angles)",
        "across + np.sin(angles)",
    ),
    (
        "sine and cosine are swapped: without a turn, cos is 1 and each pixel stays",
        *(ROWS, ROWS.replace("cos", "x").replace("sin", "cos").replace("x", "sin")),
        *(COLUMNS, "np.sin(angles) * across - np.cos(angles) * down + (W - 1) / 2"),
    ),
    (
        "down and across are swapped: without a turn, rows come from down and columns from across",
        *(ROWS, "np.cos(angles) * across + np.sin(angles) * down + (H - 1) / 2"),
        *(COLUMNS, "np.cos(angles) * down - np.sin(angles) * across + (W - 1) / 2"),
    ),
    (
        "down is changed before the columns are computed from it: give the result another name",
        f"rows = {ROWS}",
        "down = np.cos(angles) * down + np.sin(angles) * across\nrows = down + (H - 1) / 2",
    ),
    (
        "the cosines are missing: that shears the images and does not rotate them",
        *(ROWS, "down + np.sin(angles) * across + (H - 1) / 2"),
        *(COLUMNS, "across - np.sin(angles) * down + (W - 1) / 2"),
    ),
    (
        "all images are rotated by the first angle",
        "[:, np.newaxis, np.newaxis]",
        "[:1, np.newaxis, np.newaxis]",
    ),
    (
        "the positions are rounded, so that each pixel is a copy of the nearest one: leave them between the pixels",
        *(ROWS, f"np.round({ROWS})"),
        *(COLUMNS, f"np.round({COLUMNS})"),
    ),
    (
        "pixels at the border are repeated outside of the image: leave the positions there, which are read as 0",
        *(ROWS, f"np.clip({ROWS}, 0, H - 1)"),
        *(COLUMNS, f"np.clip({COLUMNS}, 0, W - 1)"),
    ),
)


@right("rotate")
def rotation_by_complex_numbers(X, degrees):
    _, _, H, W = X.shape
    place = np.arange(W) - (W - 1) / 2 + 1j * (np.arange(H)[:, None] - (H - 1) / 2)
    source = place * np.exp(1j * np.pi * np.asarray(degrees) / 180).reshape(-1, 1, 1)
    return augmentation._read_between(X, source.imag + (H - 1) / 2, source.real + (W - 1) / 2)


@right("rotate")
def rotation_by_matrices(X, degrees):
    _, _, H, W = X.shape
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    matrices = np.array([[cos, sin], [-sin, cos]])  # (2, 2, N)
    centre = np.array([H - 1, W - 1]).reshape(2, 1, 1) / 2
    rows, columns = np.einsum("ijn,jhw->inhw", matrices, np.indices((H, W)) - centre) + centre[:, None]
    return augmentation._read_between(X, rows, columns)


@right("rotate")
def rotation_pixel_by_pixel(X, degrees):
    N, _, H, W = X.shape
    rotated = np.zeros_like(X)
    for n, y, x in np.ndindex(N, H, W):
        a, down, across = np.pi * degrees[n] / 180, y - (H - 1) / 2, x - (W - 1) / 2
        row = np.cos(a) * down + np.sin(a) * across + (H - 1) / 2
        column = np.cos(a) * across - np.sin(a) * down + (W - 1) / 2
        near_rows = np.maximum(1 - np.abs(np.arange(H) - row), 0)
        near_columns = np.maximum(1 - np.abs(np.arange(W) - column), 0)
        rotated[n, :, y, x] = X[n] @ near_columns @ near_rows
    return rotated


# ---- colours


def _in_columns(X, *factors):
    return (np.asarray(factor, X.dtype).reshape(-1, 1, 1, 1) for factor in factors)


slips(
    "adjust_colors",
    ("brightness is added: it is a factor", "X = brightness * X", "X = X + (brightness - 1)"),
    ("brightness is missing", "X = brightness * X", "X = 1 * X"),
    (
        "contrast turns about the mean of all images: each image has its own mean, over axes 1, 2 and 3",
        "grey(X).mean(axis=(1, 2, 3), keepdims=True)",
        "grey(X).mean()",
    ),
    (
        "contrast turns about the plain mean of red, green and blue: take the mean of grey(X)",
        "grey(X).mean(axis=(1, 2, 3), keepdims=True)",
        "X.mean(axis=(1, 2, 3), keepdims=True)",
    ),
    (
        "contrast turns about the mean of each colour: take the mean of grey(X), one number for an image",
        "grey(X).mean(axis=(1, 2, 3), keepdims=True)",
        "X.mean(axis=(2, 3), keepdims=True)",
    ),
    (
        "contrast turns about 0: subtract the mean grey value, multiply, and add it again",
        "X = mean + contrast * (X - mean)",
        "X = contrast * X",
    ),
    (
        "contrast turns about 0.5: take the mean grey value of the image",
        "mean = grey(X).mean(axis=(1, 2, 3), keepdims=True)",
        "mean = 0.5",
    ),
    ("the mean is not added again after the multiplication", "X = mean + contrast *", "X = contrast *"),
    (
        "the mean grey value is that before the brightness was changed",
        "X = brightness * X",
        "before = X\nX = brightness * X",
        "mean = grey(X)",
        "mean = grey(before)",
    ),
    (
        "saturation turns about the mean grey value of the image: take the grey value of each pixel",
        "grey_values = grey(X)",
        "grey_values = grey(X).mean(axis=(1, 2, 3), keepdims=True)",
    ),
    (
        "saturation turns about the plain mean of red, green and blue of a pixel: take grey(X)",
        "grey_values = grey(X)",
        "grey_values = X.mean(axis=1, keepdims=True)",
    ),
    (
        "contrast and saturation are swapped",
        "X = mean + contrast *",
        "X = mean + saturation *",
        "grey_values + saturation *",
        "grey_values + contrast *",
    ),
    (
        "with a saturation of 1 all is grey: multiply the difference from grey by the factor, not by 1 minus it",
        "grey_values + saturation *",
        "grey_values + (1 - saturation) *",
    ),
    ("values outside of 0 to 1 are left: cut them off with np.clip", "np.clip(X, 0, 1)", "X"),
    ("values above 1 are left: white is 1 here, not 255", "np.clip(X, 0, 1)", "np.clip(X, 0, 255)"),
    ("values below 0 are left", "np.clip(X, 0, 1)", "np.minimum(X, 1)"),
    (
        "each image is scaled to the range from 0 to 1: only cut off what leaves it",
        "np.clip(X, 0, 1)",
        "(X - X.min()) / (X.max() - X.min())",
    ),
    ("saturation is missing", "X = grey_values + saturation * (X - grey_values)", "X = X"),
    (
        "values are cut off after each change: later changes need what is cut off, so do it once, at the end",
        *("brightness * X", "np.clip(brightness * X, 0, 1)"),
        *("mean + contrast * (X - mean)", "np.clip(mean + contrast * (X - mean), 0, 1)"),
    ),
    (
        "contrast turns about the grey value of each pixel, as saturation does: take the mean over the image",
        "grey(X).mean(axis=(1, 2, 3), keepdims=True)",
        "grey(X)",
    ),
    (
        "saturation turns about the grey values before brightness and contrast were changed: compute grey(X) again",
        *("X = brightness * X", "before = X\nX = brightness * X"),
        *("grey_values = grey(X)", "grey_values = grey(before)"),
    ),
    (
        "brightness is taken for a change: it is the factor itself, and 1 changes nothing",
        "brightness *",
        "(1 + brightness) *",
    ),
)


@wrong("adjust_colors", "X is modified in place (X *= brightness): work on a new array", rule="in place")
def colors_in_place(X, brightness, contrast, saturation):
    brightness, contrast, saturation = _in_columns(X, brightness, contrast, saturation)
    X *= brightness
    mean = augmentation.grey(X).mean(axis=(1, 2, 3), keepdims=True)
    X = mean + contrast * (X - mean)
    grey = augmentation.grey(X)
    return np.clip(grey + saturation * (X - grey), 0, 1)


@right("adjust_colors")
def colors_image_by_image(X, brightness, contrast, saturation):
    adjusted = []
    for image, *(b, c, s) in zip(X, brightness, contrast, saturation, strict=True):
        image = image * b
        mean = np.tensordot([0.299, 0.587, 0.114], image, axes=1).mean()
        image = c * image + (1 - c) * mean
        grey = 0.299 * image[0] + 0.587 * image[1] + 0.114 * image[2]
        adjusted.append(np.clip(s * image + (1 - s) * grey, 0, 1))
    return np.stack(adjusted).astype(X.dtype)


@right("adjust_colors")
def colors_with_saturation_first(X, brightness, contrast, saturation):
    """The order does not matter as long as nothing is cut off in between."""
    brightness, contrast, saturation = _in_columns(X, brightness, contrast, saturation)
    grey = augmentation.grey(X)
    saturated = saturation * X + (1 - saturation) * grey
    mean = augmentation.grey(saturated).mean(axis=(1, 2, 3), keepdims=True)
    return np.minimum(np.maximum(brightness * (contrast * saturated + (1 - contrast) * mean), 0), 1)


slips(
    "pca_jitter",
    (
        "the eigenvectors are taken for rows: column i belongs to eigenvalue i, so transpose them",
        "eigenvectors.T",
        "eigenvectors",
    ),
    (
        "the eigenvalues are missing: the more a direction varies, the more is added along it",
        "(alphas * eigenvalues)",
        "alphas",
    ),
    (
        "the alphas are missing: they make the addition random",
        "(alphas * eigenvalues)",
        "(np.ones_like(alphas) * eigenvalues)",
    ),
    (
        "the roots of the eigenvalues are taken: the formula of the paper has the eigenvalues themselves",
        "alphas * eigenvalues",
        "alphas * np.sqrt(eigenvalues)",
    ),
    (
        "the additions are not brought back to red, green and blue: multiply by the eigenvectors",
        "(alphas * eigenvalues) @ eigenvectors.T",
        "alphas * eigenvalues",
    ),
    (
        "the addition is multiplied with the pixels: it is added, the same for all pixels of an image",
        "X + additions",
        "X * additions",
    ),
    ("the image itself is missing: the addition must be added to X", "X + additions", "0 * X + additions"),
    ("the addition is subtracted", "X + additions", "X - additions"),
    (
        "all images get the addition of the first one: each row of alphas belongs to an image",
        "X + additions[:, :, np",
        "X + additions[:1, :, np",
    ),
    (
        "the three numbers go to the rows of the image, not to its colours: they belong to axis 1",
        "additions[:, :, np.newaxis, np.newaxis]",
        "np.resize(additions[:, np.newaxis, :, np.newaxis], (len(X), 1, X.shape[2], 1))",
    ),
    (
        "a single number is added to all three colours",
        "@ eigenvectors.T",
        "@ eigenvectors.T.sum(axis=1, keepdims=True) * np.ones(3)",
    ),
    ("only the first component is used", "alphas * eigenvalues", "alphas * eigenvalues * [1, 0, 0]"),
    (
        "the eigenvalues come after the matrix product and multiply red, green and blue: multiply alphas by them",
        "(alphas * eigenvalues) @ eigenvectors.T",
        "(alphas @ eigenvectors.T) * eigenvalues",
    ),
    (
        "the eigenvalues come after a product with the wrong matrix: multiply alphas by them, then by eigenvectors.T",
        "(alphas * eigenvalues) @ eigenvectors.T",
        "(alphas @ eigenvectors) * eigenvalues",
    ),
    (
        "values outside of 0 to 1 are cut off, which the formula does not do: large additions would change colours",
        "jittered = X + additions[:, :, np.newaxis, np.newaxis].astype(X.dtype)",
        "jittered = np.clip(X + additions[:, :, np.newaxis, np.newaxis].astype(X.dtype), 0, 1)",
    ),
)


@wrong("pca_jitter", "X is modified in place (X += ...): write the sum into a new array", rule="in place")
def pca_in_place(X, eigenvalues, eigenvectors, alphas):
    X += ((alphas * eigenvalues) @ eigenvectors.T)[:, :, np.newaxis, np.newaxis].astype(X.dtype)
    return X


@right("pca_jitter")
def pca_by_loops(X, eigenvalues, eigenvectors, alphas):
    jittered = X.copy()
    for n in range(len(X)):
        for i in range(3):
            for color in range(3):
                jittered[n, color] += alphas[n, i] * eigenvalues[i] * eigenvectors[color, i]
    return jittered


@right("pca_jitter")
def pca_by_einsum(X, eigenvalues, eigenvectors, alphas):
    return X + np.einsum("ni,i,ci->nc", alphas, eigenvalues, eigenvectors).reshape(-1, 3, 1, 1)


# ---- averages

slips(
    "average_probabilities",
    (
        "the scores are averaged, then comes one softmax: each member needs its own softmax first",
        "shifted = scores - scores.max(axis=2, keepdims=True)",
        "scores = scores.mean(axis=0, keepdims=True)\nshifted = scores - scores.max(axis=2, keepdims=True)",
    ),
    (
        "the softmax runs over the inputs: the classes are along axis 2",
        "probabilities.sum(axis=2, keepdims=True)",
        "probabilities.sum(axis=1, keepdims=True)",
    ),
    (
        "the softmax runs over the members: the classes are along axis 2",
        "probabilities.sum(axis=2, keepdims=True)",
        "probabilities.sum(axis=0, keepdims=True)",
    ),
    (
        "the mean runs over the inputs: the members are along axis 0",
        "probabilities.mean(axis=0)",
        "probabilities.mean(axis=1)",
    ),
    (
        "the probabilities of the members are added up: their mean sums to 1 in each row",
        "probabilities.mean(axis=0)",
        "probabilities.sum(axis=0)",
    ),
    (
        "the largest of the members' probabilities is taken: it is the mean",
        "probabilities.mean(axis=0)",
        "probabilities.max(axis=0)",
    ),
    ("the probabilities are multiplied: it is the mean", "probabilities.mean(axis=0)", "probabilities.prod(axis=0)"),
    (
        "the exponentials are averaged without a softmax: divide each row by its sum first",
        "probabilities /= probabilities.sum(axis=2, keepdims=True)",
        "pass",
    ),
    ("exp is missing: scores are not probabilities", "np.exp(shifted)", "shifted + 0.0"),
    ("only the first member is used", "probabilities.mean(axis=0)", "probabilities[0]"),
    (
        "the logarithms of the probabilities are averaged: take the mean of the probabilities",
        "probabilities.mean(axis=0)",
        "np.log(probabilities).mean(axis=0)",
    ),
    (
        "the geometric mean is taken: it is the arithmetic one",
        "probabilities.mean(axis=0)",
        "np.exp(np.log(probabilities).mean(axis=0))",
    ),
    (
        "the members vote: each gives 1 to its class, but it is the probabilities that are averaged",
        "probabilities.mean(axis=0)",
        "(probabilities == probabilities.max(axis=2, keepdims=True)).mean(axis=0)",
    ),
    (
        "the exponentials are divided by the sum over all members, inputs and classes: each row needs its own sum",
        "probabilities.sum(axis=2, keepdims=True)",
        "probabilities.sum()",
    ),
    (
        "these are sigmoids, which do not sum to 1 over the classes: take a softmax",
        "probabilities /= probabilities.sum(axis=2, keepdims=True)",
        "probabilities = 1 / (1 + np.exp(-scores))",
    ),
    (
        "the mean runs over the classes: the members are along axis 0",
        "probabilities.mean(axis=0)",
        "probabilities.mean(axis=2)",
    ),
)


@right("average_probabilities")
def probabilities_member_by_member(scores):
    total = np.zeros(scores.shape[1:])
    for member in scores:
        for n, row in enumerate(member):
            odds = np.exp(row - np.max(row))
            total[n] += odds / np.sum(odds)
    return total / len(scores)


@right("average_probabilities")
def probabilities_by_logarithms(scores):
    top = scores.max(axis=-1, keepdims=True)
    log_sum = top + np.log(np.exp(scores - top).sum(axis=-1, keepdims=True))
    return np.einsum("mnc->nc", np.exp(scores - log_sum)) / len(scores)


@right("average_probabilities", edge="exp overflows")
def probabilities_without_a_shift(scores):
    odds = np.exp(scores)
    return (odds / odds.sum(axis=2, keepdims=True)).mean(axis=0)


slips(
    "ten_crop_probabilities",
    ("only the first crop is used: average over all ten", "range(crops.shape[1])", "range(1)"),
    ("the mirrored crops are left out: average over all ten", "range(crops.shape[1])", "range(5)"),
    ("the last crop is left out", "range(crops.shape[1])", "range(9)"),
    (
        "the scores are averaged, then comes one softmax: average the probabilities",
        "average_probabilities(scores)",
        "average_probabilities(scores.mean(axis=0, keepdims=True))",
    ),
    (
        "the scores themselves are averaged: average the probabilities",
        "average_probabilities(scores)",
        "scores.mean(axis=0)",
    ),
    ("the middle of the image alone is used, ten times", "score(crops[:, i])", "score(crops[:, 4])"),
    (
        "the crops themselves are averaged, and one blurred picture is scored: score each crop, then average",
        "average_probabilities(scores)",
        "average_probabilities(score(crops.mean(axis=1))[np.newaxis])",
    ),
    (
        "softmax is taken twice: average_probabilities takes scores, and probabilities are none",
        "score(crops[:, i])",
        "average_probabilities(score(crops[:, i])[np.newaxis])",
    ),
)


@wrong(
    "ten_crop_probabilities",
    "the crops of different images are mixed up: after the crops are put in one batch, image by image, the scores have "
    "the shape (N, 10, K), not (10, N, K)",
)
def crops_mixed_up(score, X, size):
    from cs231n.ensembles import average_probabilities

    crops = augmentation.ten_crop(X, size)
    scores = score(crops.reshape(-1, *crops.shape[2:]))
    return average_probabilities(scores.reshape(10, len(X), -1))


@wrong(
    "ten_crop_probabilities",
    "the result has a row for each crop: the mean over the ten crops of an image is missing",
)
def without_the_mean(score, X, size):
    from cs231n.ensembles import average_probabilities

    crops = augmentation.ten_crop(X, size)
    return average_probabilities(score(crops.reshape(-1, *crops.shape[2:]))[np.newaxis])


@wrong(
    "ten_crop_probabilities",
    "the members are along the wrong axis: average_probabilities wants the ten crops first, (10, N, K)",
)
def mean_over_the_images(score, X, size):
    from cs231n.ensembles import average_probabilities

    crops = augmentation.ten_crop(X, size)
    scores = np.stack([score(crops[n]) for n in range(len(X))])  # (N, 10, K)
    return average_probabilities(scores)


@right("ten_crop_probabilities")
def ten_crops_in_one_batch(score, X, size):
    crops = augmentation.ten_crop(X, size)
    scores = score(crops.reshape(-1, *crops.shape[2:])).reshape(len(X), 10, -1)
    odds = np.exp(scores - scores.max(axis=2, keepdims=True))
    return (odds / odds.sum(axis=2, keepdims=True)).mean(axis=1)


@right("ten_crop_probabilities")
def ten_crops_by_views(score, X, size):
    from cs231n.ensembles import average_probabilities

    bottom, right_ = X.shape[2] - size, X.shape[3] - size
    places = [(0, 0), (0, right_), (bottom, 0), (bottom, right_), (bottom // 2, right_ // 2)]
    views = [X[:, :, top : top + size, left : left + size] for top, left in places]
    return average_probabilities(np.array([score(v) for view in views for v in (view, view[..., ::-1])]))


slips(
    "cyclic_cosine_decay",
    (
        "the rate does not jump up after a cycle: take what is left of epoch after all complete cycles, by %",
        "epoch % epochs_per_cycle / epochs_per_cycle",
        "epoch / epochs_per_cycle",
    ),
    (
        "the rate stays at 0 after the first cycle: take what is left of epoch after all complete cycles, by %",
        "epoch % epochs_per_cycle / epochs_per_cycle",
        "min(epoch / epochs_per_cycle, 1)",
    ),
    (
        "% gives the epochs that are over in the cycle: divide them by epochs_per_cycle to get a share",
        "epoch % epochs_per_cycle / epochs_per_cycle",
        "epoch % epochs_per_cycle",
    ),
    (
        "the rate stays the same in a cycle: // counts the complete cycles, % what is left after them",
        "epoch % epochs_per_cycle / epochs_per_cycle",
        "epoch // epochs_per_cycle / epochs_per_cycle",
    ),
    (
        "fractions of epochs are cut off: the rate changes within an epoch as well",
        "epoch % epochs_per_cycle",
        "int(epoch) % epochs_per_cycle",
    ),
    (
        "the first epoch is counted as 1: it begins at 0, with the whole rate",
        "epoch % epochs_per_cycle",
        "(epoch + 1) % epochs_per_cycle",
    ),
    (
        "the rate reaches 0 an epoch too early: divide by epochs_per_cycle, not by 1 less",
        "/ epochs_per_cycle",
        "/ max(epochs_per_cycle - 1, 1)",
    ),
    (
        "it is a whole wave, which comes up again in the second half of a cycle: half a wave ends at pi, not at 2 pi",
        "math.pi * done",
        "2 * math.pi * done",
    ),
    (
        "math.cos takes radians: half a wave ends at pi, not at 180",
        "math.pi * done",
        "180 * done",
    ),
    ("pi is missing: half a wave ends at pi, not at 1", "math.pi * done", "done"),
    ("the rate starts at twice the learning rate: 1 + cos goes from 2 to 0, so take half of it", ")) / 2", "))"),
    (
        "the rate falls below 0: a cosine goes from 1 to -1, so add 1 to it and take half",
        "(1 + math.cos(math.pi * done)) / 2",
        "math.cos(math.pi * done)",
    ),
    (
        "it is a quarter of a wave, steep at its end: take half a wave, raised by 1 and halved",
        "(1 + math.cos(math.pi * done)) / 2",
        "math.cos(math.pi / 2 * done)",
    ),
    ("the rate rises in each cycle: the cosine is added to 1, not subtracted", "1 + math.cos", "1 - math.cos"),
    (
        "the rate falls along a straight line: it is half a cosine wave",
        "(1 + math.cos(math.pi * done)) / 2",
        "(1 - done)",
    ),
    ("learning_rate is missing: it is the rate at the start of each cycle", "learning_rate * (1", "(1"),
    (
        "each cycle starts at half the rate of the one before: all start at learning_rate",
        "rate = learning_rate",
        "rate = 0.5 ** (epoch // epochs_per_cycle) * learning_rate",
    ),
)


@right("cyclic_cosine_decay")
def rate_by_a_square(learning_rate, epoch, epochs_per_cycle):
    """Half of 1 + cos(2a) is the square of cos(a)."""
    angle = np.pi * (epoch / epochs_per_cycle % 1) / 2
    return learning_rate * np.cos(angle) ** 2


@right("cyclic_cosine_decay")
def rate_by_subtracting_cycles(learning_rate, epoch, epochs_per_cycle):
    while epoch >= epochs_per_cycle:
        epoch -= epochs_per_cycle
    wave = np.cos(np.linspace(0, np.pi, 2)[1] * epoch / epochs_per_cycle)
    return float(0.5 * learning_rate + 0.5 * learning_rate * wave)


slips(
    "update_average",
    (
        "the decay does not grow: it is the smaller one of decay and (1 + num_updates) / (10 + num_updates)",
        "min(decay, (1 + num_updates) / (10 + num_updates))",
        "decay",
    ),
    (
        "decay is ignored: it is the largest decay that the average reaches",
        "min(decay, (1 + num_updates) / (10 + num_updates))",
        "(1 + num_updates) / (10 + num_updates)",
    ),
    (
        "the larger of the two decays is taken: the first, random weights would stay for long",
        "min(decay,",
        "max(decay,",
    ),
    (
        "average and params are swapped: the old average counts with the decay",
        "decay * average[name] + (1 - decay) * w",
        "decay * w + (1 - decay) * average[name]",
    ),
    (
        "the decay is multiplied with the fraction: take the smaller of the two",
        "min(decay, (1 + num_updates) / (10 + num_updates))",
        "decay * (1 + num_updates) / (10 + num_updates)",
    ),
    (
        "the fraction is off by one update: num_updates is 0 for the first one, and the decay 1 / 10",
        "(1 + num_updates) / (10 + num_updates)",
        "(2 + num_updates) / (11 + num_updates)",
    ),
    ("the new parameters are added whole: they count with 1 - decay", "(1 - decay) * w", "w"),
    (
        "it is the plain mean of the old average and the parameters",
        "float(min(decay, (1 + num_updates) / (10 + num_updates)))",
        "0.5",
    ),
    (
        "the new parameters are returned, with nothing of the old average: is the decay 0, or the average missing?",
        "decay * average[name] + (1 - decay) * w",
        "w",
    ),
    (
        "the first decay is 0, not 1 / 10: the fraction is (1 + num_updates) / (10 + num_updates)",
        "(1 + num_updates) / (10 + num_updates)",
        "num_updates / (10 + num_updates)",
    ),
    (
        "the bias is corrected as in Adam, by a division: here the growing decay takes care of the start",
        *("float(min(decay, (1 + num_updates) / (10 + num_updates)))", "decay"),
        *(
            "decay * average[name] + (1 - decay) * w",
            "(decay * average[name] + (1 - decay) * w) / (1 - decay ** (num_updates + 1))",
        ),
    ),
    ("the average never moves", "decay * average[name] + (1 - decay) * w", "average[name]"),
)


@wrong(
    "update_average", "the old average is modified in place (average[name] *= decay): make new arrays", rule="in place"
)
def average_in_place(average, params, decay, num_updates):
    d = min(decay, (1 + num_updates) / (10 + num_updates))
    for name in average:
        average[name] *= d
        average[name] += (1 - d) * params[name]
    return average


@right("update_average")
def average_by_a_step(average, params, decay, num_updates):
    step = max(1 - decay, 9 / (10 + num_updates))
    return {name: a + step * (params[name] - a) for name, a in average.items()}


@right("update_average")
def average_in_the_same_dict(average, params, decay, num_updates):
    growing = (1 + num_updates) / (10 + num_updates)
    d = growing if growing < decay else decay
    for name in list(average):
        average[name] = average[name] * d + params[name] * (1.0 - d)
    return average
