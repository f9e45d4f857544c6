"""Implementations of svm's functions as learners write them."""

import random

import numpy as np

from zoo import right, slips, wrong

TRAIN = "linear_classifier_train"
PREDICT = "linear_classifier_predict"


# ---- svm_loss_naive: the loss is provided, the learner writes the gradient


def _violated(W, X, y):
    """Each pair of an input i and a class j that violates the margin, with the margin."""
    for i in range(len(X)):
        scores = X[i] @ W
        for j in range(W.shape[1]):
            margin = scores[j] - scores[y[i]] + 1
            if j != y[i] and margin > 0:
                yield i, j, margin


def _loss(W, X, y, reg):
    return sum(margin for _, _, margin in _violated(W, X, y)) / len(X) + reg * np.sum(W * W)


def _sums(W, X, y):
    """The part of the gradient from the data, before it is divided by N."""
    dW = np.zeros_like(W)
    for i, j, _ in _violated(W, X, y):
        dW[:, j] += X[i]
        dW[:, y[i]] -= X[i]
    return dW


@wrong("svm_loss_naive", "dW is still all zeros: add to it wherever a margin is violated", rule="all zeros")
def svm_naive_without_gradient(W, X, y, reg):
    return _loss(W, X, y, reg), np.zeros_like(W)


@wrong(
    "svm_loss_naive",
    "the true class gets no gradient: each violated margin also subtracts X[i] from dW[:, y[i]]",
)
def svm_naive_without_true_class(W, X, y, reg):
    dW = np.zeros_like(W)
    for i, j, _ in _violated(W, X, y):
        dW[:, j] += X[i]
    return _loss(W, X, y, reg), dW / len(X) + 2 * reg * W


@wrong(
    "svm_loss_naive",
    "X[i] is subtracted for the true class once per input: do it once per violated margin, inside the if",
)
def svm_naive_true_class_once(W, X, y, reg):
    dW = np.zeros_like(W)
    for i in range(len(X)):
        dW[:, y[i]] -= X[i]
    for i, j, _ in _violated(W, X, y):
        dW[:, j] += X[i]
    return _loss(W, X, y, reg), dW / len(X) + 2 * reg * W


@wrong("svm_loss_naive", "X[i] is added for the true class: its score lowers the margin, so use dW[:, y[i]] -= X[i]")
def svm_naive_true_class_added(W, X, y, reg):
    dW = np.zeros_like(W)
    for i, j, _ in _violated(W, X, y):
        dW[:, j] += X[i]
        dW[:, y[i]] += X[i]
    return _loss(W, X, y, reg), dW / len(X) + 2 * reg * W


@wrong(
    "svm_loss_naive",
    "the part of dW from the data has the wrong sign: the margin grows with the score of class j, so dW[:, j] += X[i]",
)
def svm_naive_data_sign(W, X, y, reg):
    return _loss(W, X, y, reg), -_sums(W, X, y) / len(X) + 2 * reg * W


@wrong("svm_loss_naive", "dW as a whole has the wrong sign: it is the gradient, not the step", rule="sign")
def svm_naive_sign(W, X, y, reg):
    return _loss(W, X, y, reg), -(_sums(W, X, y) / len(X) + 2 * reg * W)


@wrong("svm_loss_naive", "the part of dW from the data is not divided by N: the loss is a mean over the inputs")
def svm_naive_gradient_sum(W, X, y, reg):
    return _loss(W, X, y, reg), _sums(W, X, y) + 2 * reg * W


@wrong("svm_loss_naive", "the part of dW from the data is divided by N twice: divide once, after the loops")
def svm_naive_divided_twice(W, X, y, reg):
    return _loss(W, X, y, reg), _sums(W, X, y) / len(X) ** 2 + 2 * reg * W


@wrong(
    "svm_loss_naive", "2 * reg * W is missing from dW: the regularisation has a gradient too", rule="2 * reg * W is m"
)
def svm_naive_gradient_without_reg(W, X, y, reg):
    return _loss(W, X, y, reg), _sums(W, X, y) / len(X)


@wrong(
    "svm_loss_naive",
    "the gradient of reg * sum(W * W) is 2 * reg * W: the factor of 2 is missing",
    rule="reg * W is missing",
)
def svm_naive_gradient_half_reg(W, X, y, reg):
    return _loss(W, X, y, reg), _sums(W, X, y) / len(X) + reg * W


@wrong("svm_loss_naive", "2 * reg * W is divided by N as well: add it after the division")
def svm_naive_reg_divided(W, X, y, reg):
    return _loss(W, X, y, reg), (_sums(W, X, y) + 2 * reg * W) / len(X)


@wrong("svm_loss_naive", "2 * reg * W is added once for each input: add it only once, after the loops")
def svm_naive_reg_in_the_loop(W, X, y, reg):
    dW = _sums(W, X, y) / len(X)
    for _ in X:
        dW += 2 * reg * W
    return _loss(W, X, y, reg), dW


@wrong(
    "svm_loss_naive",
    "2 * reg * sum(W) is added to dW: each entry should get 2 * reg times its own weight, without a sum",
)
def svm_naive_reg_summed(W, X, y, reg):
    return _loss(W, X, y, reg), _sums(W, X, y) / len(X) + 2 * reg * np.sum(W)


@wrong(
    "svm_loss_naive",
    "X[i] is multiplied by the margin: the slope of max(0, margin) is 1 or 0, however large the margin is",
)
def svm_naive_gradient_times_margin(W, X, y, reg):
    dW = np.zeros_like(W)
    for i, j, margin in _violated(W, X, y):
        dW[:, j] += margin * X[i]
        dW[:, y[i]] -= margin * X[i]
    return _loss(W, X, y, reg), dW / len(X) + 2 * reg * W


@wrong("svm_loss_naive", "satisfied margins change dW too: change it only where margin > 0, inside the if")
def svm_naive_gradient_always(W, X, y, reg):
    dW = np.zeros_like(W)
    for i in range(len(X)):
        for j in range(W.shape[1]):
            if j != y[i]:
                dW[:, j] += X[i]
                dW[:, y[i]] -= X[i]
    return _loss(W, X, y, reg), dW / len(X) + 2 * reg * W


@wrong("svm_loss_naive", "dW is transposed: each class is a column of W, so use dW[:, j]", rule="transposed")
def svm_naive_transposed(W, X, y, reg):
    return _loss(W, X, y, reg), (_sums(W, X, y) / len(X) + 2 * reg * W).T


@wrong("svm_loss_naive", "dW[:, j] = X[i] overwrites what earlier inputs added: use += and -=")
def svm_naive_overwrites(W, X, y, reg):
    dW = np.zeros_like(W)
    for i, j, _ in _violated(W, X, y):
        dW[:, j] = X[i]
        dW[:, y[i]] -= X[i]
    return _loss(W, X, y, reg), dW / len(X) + 2 * reg * W


@wrong("svm_loss_naive", "only the first input counts: is there a return inside the loop?")
def svm_naive_returns_early(W, X, y, reg):
    first_only = _loss(W, X[:1], y[:1], 0.0) / len(X) + reg * np.sum(W * W)
    return first_only, _sums(W, X[:1], y[:1]) / len(X) + 2 * reg * W


@wrong("svm_loss_naive", "W is modified in place, as by W *= 2 * reg: use a new array", rule="modified in place")
def svm_naive_changes_W(W, X, y, reg):
    loss, dW = _loss(W, X, y, reg), _sums(W, X, y) / len(X)
    W *= 2 * reg
    return loss, dW + W


@wrong("svm_loss_naive", "dW has an integer dtype: fractions cannot be added to it in place")
def svm_naive_integer(W, X, y, reg):
    dW = np.zeros(W.shape, dtype=int)
    for i, j, _ in _violated(W, X, y):
        dW[:, j] += X[i]
        dW[:, y[i]] -= X[i]
    return _loss(W, X, y, reg), dW / len(X) + 2 * reg * W


@wrong(
    "svm_loss_naive",
    "the regularisation is half of what it should be: it is reg * sum(W * W), without a factor of 0.5",
    rule="0.5 * reg",
)
def svm_naive_half_reg(W, X, y, reg):
    loss = _loss(W, X, y, reg) - 0.5 * reg * np.sum(W * W)
    return loss, _sums(W, X, y) / len(X) + reg * W


@right("svm_loss_naive")
def svm_naive_counts(W, X, y, reg):
    loss, dW = 0.0, np.zeros(W.shape)
    for x, label in zip(X, y, strict=True):
        margins = np.maximum(0, x @ W - x @ W[:, label] + 1)
        margins[label] = 0
        weight = (margins > 0) * 1.0
        weight[label] -= weight.sum()
        loss += margins.sum() / len(y)
        dW += np.outer(x, weight) / len(y)
    return loss + reg * (W**2).sum(), dW + reg * W + reg * W


@right("svm_loss_naive")
def svm_naive_divides_each(W, X, y, reg):
    dW = 2.0 * reg * W
    for i, j, _ in _violated(W, X, y):
        dW[:, j] += X[i] / X.shape[0]
        dW[:, y[i]] -= X[i] / X.shape[0]
    return _loss(W, X, y, reg), dW


# ---- svm_loss_vectorized


def _margins(W, X, y, margin=1.0):
    rows = np.arange(len(X))
    scores = X @ W
    margins = np.maximum(0, scores - scores[rows, y][:, np.newaxis] + margin)
    margins[rows, y] = 0
    return margins


def _pull(margins, y):
    """The gradient of the sum of margins with respect to the scores."""
    dscores = (margins > 0).astype(margins.dtype)
    dscores[np.arange(len(y)), y] = -dscores.sum(axis=1)
    return dscores


def _parts(W, X, y):
    margins = _margins(W, X, y)
    return margins.sum() / len(X), X.T @ _pull(margins, y) / len(X)


@wrong("svm_loss_vectorized", "the true class is not left out: each input adds an extra 1 to the loss")
def svm_true_class_in_loss(W, X, y, reg):
    loss, dW = _parts(W, X, y)
    return 1 + loss + reg * np.sum(W * W), dW + 2 * reg * W


@wrong(
    "svm_loss_vectorized",
    "the true class is not left out of the loss, nor of the count of violated margins: set margins[rows, y] = 0",
)
def svm_true_class_everywhere(W, X, y, reg):
    loss, dW = _parts(W, X, y)
    one_hot = np.eye(W.shape[1])[y]
    return 1 + loss + reg * np.sum(W * W), dW - X.T @ one_hot / len(X) + 2 * reg * W


@wrong("svm_loss_vectorized", "the margin of 1 is missing: use max(0, s_j - s_y + 1)")
def svm_without_margin(W, X, y, reg):
    margins = _margins(W, X, y, margin=0.0)
    return margins.sum() / len(X) + reg * np.sum(W * W), X.T @ _pull(margins, y) / len(X) + 2 * reg * W


@wrong("svm_loss_vectorized", "the margin of 1 is added after the maximum: it belongs inside, max(0, s_j - s_y + 1)")
def svm_margin_outside(W, X, y, reg):
    rows, scores = np.arange(len(X)), X @ W
    margins = np.maximum(0, scores - scores[rows, y][:, np.newaxis]) + 1
    margins[rows, y] = 0
    return margins.sum() / len(X) + reg * np.sum(W * W), X.T @ _pull(margins, y) / len(X) + 2 * reg * W


@wrong("svm_loss_vectorized", "the margin is 2 instead of 1: use max(0, s_j - s_y + 1)")
def svm_margin_twice(W, X, y, reg):
    margins = _margins(W, X, y, margin=2.0)
    return margins.sum() / len(X) + reg * np.sum(W * W), X.T @ _pull(margins, y) / len(X) + 2 * reg * W


@wrong("svm_loss_vectorized", "the margin of 1 is subtracted instead of added: use max(0, s_j - s_y + 1)")
def svm_margin_negative(W, X, y, reg):
    margins = _margins(W, X, y, margin=-1.0)
    return margins.sum() / len(X) + reg * np.sum(W * W), X.T @ _pull(margins, y) / len(X) + 2 * reg * W


@wrong(
    "svm_loss_vectorized",
    "the difference has the wrong sign: subtract the score of the true class from that of the other class",
)
def svm_difference_turned(W, X, y, reg):
    margins = _margins(-W, X, y)
    return margins.sum() / len(X) + reg * np.sum(W * W), -X.T @ _pull(margins, y) / len(X) + 2 * reg * W


@wrong("svm_loss_vectorized", "negative margins add their size to the loss: use np.maximum(0, ...), not np.abs")
def svm_absolute(W, X, y, reg):
    rows, scores = np.arange(len(X)), X @ W
    margins = np.abs(scores - scores[rows, y][:, np.newaxis] + 1)
    margins[rows, y] = 0
    return margins.sum() / len(X) + reg * np.sum(W * W), X.T @ _pull(margins, y) / len(X) + 2 * reg * W


@wrong("svm_loss_vectorized", "only the largest margin of each input counts: sum over all the other classes")
def svm_largest_margin(W, X, y, reg):
    margins = _margins(W, X, y)
    margins *= margins == margins.max(axis=1, keepdims=True)
    return margins.sum() / len(X) + reg * np.sum(W * W), X.T @ _pull(margins, y) / len(X) + 2 * reg * W


@wrong("svm_loss_vectorized", "the margins are squared: this loss uses them as they are")
def svm_squared(W, X, y, reg):
    margins = _margins(W, X, y)
    dscores = 2 * margins
    dscores[np.arange(len(y)), y] = -dscores.sum(axis=1)
    return np.sum(margins**2) / len(X) + reg * np.sum(W * W), X.T @ dscores / len(X) + 2 * reg * W


@wrong(
    "svm_loss_vectorized",
    "the gradient is built from the margins themselves: use 1 where a margin is violated and 0 elsewhere",
)
def svm_gradient_of_margins(W, X, y, reg):
    margins = _margins(W, X, y)
    dscores = margins.copy()
    dscores[np.arange(len(y)), y] = -dscores.sum(axis=1)
    return margins.sum() / len(X) + reg * np.sum(W * W), X.T @ dscores / len(X) + 2 * reg * W


@wrong("svm_loss_vectorized", "after max(0, ...), margins >= 0 is true of every class: use margins > 0")
def svm_not_strict(W, X, y, reg):
    margins = _margins(W, X, y)
    dscores = (margins >= 0).astype(float)
    dscores[np.arange(len(y)), y] = 0
    dscores[np.arange(len(y)), y] = -dscores.sum(axis=1)
    return margins.sum() / len(X) + reg * np.sum(W * W), X.T @ dscores / len(X) + 2 * reg * W


@wrong(
    "svm_loss_vectorized",
    "margins > 0 is an array of True and False, which cannot hold -2: use (margins > 0).astype(float)",
)
def svm_boolean(W, X, y, reg):
    margins = _margins(W, X, y)
    dscores = margins > 0
    dscores[np.arange(len(y)), y] = -dscores.sum(axis=1)
    return margins.sum() / len(X) + reg * np.sum(W * W), X.T @ dscores / len(X) + 2 * reg * W


@wrong(
    "svm_loss_vectorized",
    "the true class gets -1 for each input: it should get minus the number of violated margins of the input",
)
def svm_true_class_once(W, X, y, reg):
    margins = _margins(W, X, y)
    dscores = (margins > 0).astype(float)
    dscores[np.arange(len(y)), y] = -1
    return margins.sum() / len(X) + reg * np.sum(W * W), X.T @ dscores / len(X) + 2 * reg * W


@wrong("svm_loss_vectorized", "the true class gets no gradient: set dscores[rows, y] = -dscores.sum(axis=1)")
def svm_without_true_class(W, X, y, reg):
    margins = _margins(W, X, y)
    return margins.sum() / len(X) + reg * np.sum(W * W), X.T @ (margins > 0) / len(X) + 2 * reg * W


@wrong("svm_loss_vectorized", "violated margins are counted over the inputs (axis=0): count over the classes, axis=1")
def svm_counts_inputs(W, X, y, reg):
    margins = _margins(W, X, y)
    dscores = (margins > 0).astype(float)
    dscores[np.arange(len(y)), y] = -dscores.sum(axis=0)[y]
    return margins.sum() / len(X) + reg * np.sum(W * W), X.T @ dscores / len(X) + 2 * reg * W


@wrong(
    "svm_loss_vectorized",
    "the true scores, of shape (N,), do not line up with (N, C): make them a column with [:, np.newaxis]",
)
def svm_without_column(W, X, y, reg):
    rows, scores = np.arange(len(X)), X @ W
    margins = np.maximum(0, scores - scores[rows, y] + 1)
    margins[rows, y] = 0
    return margins.sum() / len(X) + reg * np.sum(W * W), X.T @ _pull(margins, y) / len(X) + 2 * reg * W


@wrong("svm_loss_vectorized", "the shapes do not match: dW, of shape (D, C), is X.T @ dscores, (D, N) @ (N, C)")
def svm_without_transpose(W, X, y, reg):
    margins = _margins(W, X, y)
    return margins.sum() / len(X) + reg * np.sum(W * W), X @ _pull(margins, y) / len(X) + 2 * reg * W


@wrong("svm_loss_vectorized", "dW is transposed: use X.T @ dscores, not dscores.T @ X", rule="transposed")
def svm_transposed(W, X, y, reg):
    loss, dW = _parts(W, X, y)
    return loss + reg * np.sum(W * W), (dW + 2 * reg * W).T


@wrong("svm_loss_vectorized", "neither the loss nor dW is divided by N: both are means over the inputs")
def svm_sum(W, X, y, reg):
    loss, dW = _parts(W, X, y)
    return len(X) * loss + reg * np.sum(W * W), len(X) * dW + 2 * reg * W


@wrong("svm_loss_vectorized", "the part of dW from the data is not divided by N")
def svm_gradient_sum(W, X, y, reg):
    loss, dW = _parts(W, X, y)
    return loss + reg * np.sum(W * W), len(X) * dW + 2 * reg * W


@wrong(
    "svm_loss_vectorized",
    "the margins are averaged over inputs and classes: take the sum over the classes, the mean over the inputs",
)
def svm_mean_of_all(W, X, y, reg):
    loss, dW = _parts(W, X, y)
    return loss / W.shape[1] + reg * np.sum(W * W), dW / W.shape[1] + 2 * reg * W


@wrong("svm_loss_vectorized", "the sums are divided by the number of columns of X: N is X.shape[0], the number of rows")
def svm_divided_by_columns(W, X, y, reg):
    loss, dW = _parts(W, X, y)
    factor = len(X) / len(W)
    return factor * loss + reg * np.sum(W * W), factor * dW + 2 * reg * W


@wrong("svm_loss_vectorized", "the regularisation is missing from both the loss and dW", rule="regularisation")
def svm_without_reg(W, X, y, reg):
    return _parts(W, X, y)


@wrong("svm_loss_vectorized", "reg * sum(W * W) is missing from the loss", rule="1 * reg * sum(W * W) is missing")
def svm_loss_without_reg(W, X, y, reg):
    loss, dW = _parts(W, X, y)
    return loss, dW + 2 * reg * W


@wrong("svm_loss_vectorized", "2 * reg * W is missing from dW", rule="2 * reg * W is missing")
def svm_gradient_without_reg(W, X, y, reg):
    loss, dW = _parts(W, X, y)
    return loss + reg * np.sum(W * W), dW


@wrong(
    "svm_loss_vectorized",
    "the regularisation is half of what it should be: it is reg * sum(W * W), without a factor of 0.5",
    rule="0.5 * reg",
)
def svm_half_reg(W, X, y, reg):
    loss, dW = _parts(W, X, y)
    return loss + 0.5 * reg * np.sum(W * W), dW + reg * W


@wrong("svm_loss_vectorized", "the weights are not squared in the regularisation: it is reg * sum(W * W)")
def svm_reg_not_squared(W, X, y, reg):
    loss, dW = _parts(W, X, y)
    return loss + reg * np.sum(W), dW + reg


@wrong("svm_loss_vectorized", "the regularisation is divided by N as well: add it after the division")
def svm_reg_divided(W, X, y, reg):
    loss, dW = _parts(W, X, y)
    return loss + reg * np.sum(W * W) / len(X), dW + 2 * reg * W / len(X)


@wrong("svm_loss_vectorized", "X is modified in place, as by X /= N: use a new array", rule="modified in place")
def svm_changes_X(W, X, y, reg):
    margins = _margins(W, X, y)
    num_train = len(X)
    X /= num_train
    return margins.sum() / num_train + reg * np.sum(W * W), X.T @ _pull(margins, y) + 2 * reg * W


@wrong(
    "svm_loss_vectorized",
    "the sums are divided by 2, the number of inputs in the example: divide by N, which is X.shape[0]",
)
def svm_two_inputs(W, X, y, reg):
    loss, dW = _parts(W, X, y)
    return loss * len(X) / 2 + reg * np.sum(W * W), dW * len(X) / 2 + 2 * reg * W


@wrong(
    "svm_loss_vectorized",
    "the count of violated margins has the wrong sign for the true class: dscores[rows, y] = -dscores.sum(axis=1)",
)
def svm_true_class_added(W, X, y, reg):
    margins = _margins(W, X, y)
    dscores = (margins > 0).astype(float)
    dscores[np.arange(len(y)), y] = dscores.sum(axis=1)
    return margins.sum() / len(X) + reg * np.sum(W * W), X.T @ dscores / len(X) + 2 * reg * W


@wrong(
    "svm_loss_vectorized",
    "loss /= N + reg * ... divides by the whole right-hand side: add the regularisation in a statement of its own",
    rule="/= divides by all that stands on its right",
)
def svm_divided_by_all(W, X, y, reg):
    loss, dW = _parts(W, X, y)
    N = len(X)
    return loss * N / (N + reg * np.sum(W * W)), dW * N / (N + 2 * reg * W)


@right("svm_loss_vectorized")
def svm_einsum(W, X, y, reg):
    scores = np.einsum("nd,dc->nc", X, W)
    others = np.arange(W.shape[1]) != y[:, None]
    over = scores - np.take_along_axis(scores, y[:, None], axis=1) + 1
    active = (over > 0) & others
    dscores = active - np.where(others, 0, active.sum(axis=1, keepdims=True))
    dW = np.einsum("nd,nc->dc", X, dscores) / len(X)
    return over[active].sum() / len(X) + reg * np.einsum("dc,dc->", W, W), dW + 2 * reg * W


@right("svm_loss_vectorized")
def svm_subtracts_one(W, X, y, reg):
    rows, scores = range(len(y)), X.dot(W)
    margins = np.maximum(0, scores - scores[rows, y].reshape(-1, 1) + 1)
    loss = np.mean(margins.sum(axis=1) - 1)
    count = np.zeros(scores.shape)
    count[margins > 0] = 1
    count[rows, y] -= count.sum(axis=1)
    return loss + reg * np.linalg.norm(W) ** 2, (count.T @ X).T / len(y) + reg * 2 * W


# ---- LinearClassifier.train


def _history(self, X, y, num_iters, draw, step, reg):
    """Train with `draw` for the batch and `step` for the update; most entries below differ only in these."""
    if self.W is None:
        self.W = 0.001 * np.random.randn(X.shape[1], np.max(y) + 1)
    history = []
    for _ in range(num_iters):
        loss, dW = self.loss(*draw(), reg)
        history.append(loss)
        step(dW)
    return history


def _rows(X, y, batch_size):
    def draw():
        batch = np.random.choice(len(X), batch_size)
        return X[batch], y[batch]

    return draw


def _descend(self, learning_rate):
    def step(dW):
        self.W = self.W - learning_rate * dW

    return step


@wrong(TRAIN, "the step goes uphill: use self.W -= learning_rate * dW")
def train_uphill(self, X, y, learning_rate=1e-3, reg=1e-5, num_iters=100, batch_size=200, verbose=False):
    def step(dW):
        self.W = self.W + learning_rate * dW

    return _history(self, X, y, num_iters, _rows(X, y, batch_size), step, reg)


@wrong(TRAIN, "the weights never change: self.W -= learning_rate * dW is missing")
def train_without_update(self, X, y, learning_rate=1e-3, reg=1e-5, num_iters=100, batch_size=200, verbose=False):
    return _history(self, X, y, num_iters, _rows(X, y, batch_size), lambda dW: None, reg)


@wrong(TRAIN, "the step is the full gradient: multiply it by learning_rate")
def train_without_learning_rate(self, X, y, learning_rate=1e-3, reg=1e-5, num_iters=100, batch_size=200, verbose=False):
    return _history(self, X, y, num_iters, _rows(X, y, batch_size), _descend(self, 1.0), reg)


@wrong(TRAIN, "the step is divided by batch_size: the loss is already a mean, and so is its gradient")
def train_step_divided(self, X, y, learning_rate=1e-3, reg=1e-5, num_iters=100, batch_size=200, verbose=False):
    return _history(self, X, y, num_iters, _rows(X, y, batch_size), _descend(self, learning_rate / batch_size), reg)


@wrong(TRAIN, "the weights are replaced by the step: use self.W -= learning_rate * dW, not self.W = ...")
def train_replaces_weights(self, X, y, learning_rate=1e-3, reg=1e-5, num_iters=100, batch_size=200, verbose=False):
    def step(dW):
        self.W = -learning_rate * dW

    return _history(self, X, y, num_iters, _rows(X, y, batch_size), step, reg)


@wrong(TRAIN, "the steps change a copy of W while self.loss still uses the old one: update self.W itself")
def train_updates_a_copy(self, X, y, learning_rate=1e-3, reg=1e-5, num_iters=100, batch_size=200, verbose=False):
    W = self.W.copy()

    def step(dW):
        nonlocal W
        W = W - learning_rate * dW

    history = _history(self, X, y, num_iters, _rows(X, y, batch_size), step, reg)
    self.W = W
    return history


@wrong(TRAIN, "dW already contains the regularisation: adding 2 * reg * W to the step counts it twice")
def train_regularises_twice(self, X, y, learning_rate=1e-3, reg=1e-5, num_iters=100, batch_size=200, verbose=False):
    def step(dW):
        self.W = self.W - learning_rate * (dW + 2 * reg * self.W)

    return _history(self, X, y, num_iters, _rows(X, y, batch_size), step, reg)


@wrong(TRAIN, "reg does not reach self.loss: call self.loss(X_batch, y_batch, reg)")
def train_without_reg(self, X, y, learning_rate=1e-3, reg=1e-5, num_iters=100, batch_size=200, verbose=False):
    return _history(self, X, y, num_iters, _rows(X, y, batch_size), _descend(self, learning_rate), 0.0)


@wrong(TRAIN, "the losses are not recorded: append the loss of each step to loss_history")
def train_without_history(self, X, y, learning_rate=1e-3, reg=1e-5, num_iters=100, batch_size=200, verbose=False):
    _history(self, X, y, num_iters, _rows(X, y, batch_size), _descend(self, learning_rate), reg)
    return []


@wrong(TRAIN, "only the last loss is returned: return the list of all losses")
def train_returns_last_loss(self, X, y, learning_rate=1e-3, reg=1e-5, num_iters=100, batch_size=200, verbose=False):
    return _history(self, X, y, num_iters, _rows(X, y, batch_size), _descend(self, learning_rate), reg)[-1]


@wrong(TRAIN, "the recorded loss is computed after the step: record the one that self.loss returned before it")
def train_keeps_loss_after(self, X, y, learning_rate=1e-3, reg=1e-5, num_iters=100, batch_size=200, verbose=False):
    draw = _rows(X, y, batch_size)
    history = []
    for _ in range(num_iters):
        batch = draw()
        _, dW = self.loss(*batch, reg)
        self.W = self.W - learning_rate * dW
        history.append(self.loss(*batch, reg)[0])
    return history


@wrong(TRAIN, "a loss is recorded only every 100 steps: record one for each step")
def train_keeps_every_100th(self, X, y, learning_rate=1e-3, reg=1e-5, num_iters=100, batch_size=200, verbose=False):
    history = _history(self, X, y, num_iters, _rows(X, y, batch_size), _descend(self, learning_rate), reg)
    return history[::100]


@wrong(TRAIN, "training ends after the first step: is there a return inside the loop?")
def train_returns_early(self, X, y, learning_rate=1e-3, reg=1e-5, num_iters=100, batch_size=200, verbose=False):
    return _history(self, X, y, 1, _rows(X, y, batch_size), _descend(self, learning_rate), reg)


@wrong(TRAIN, "X and y are drawn separately: draw row numbers once, then use X[batch] and y[batch]")
def train_labels_apart(self, X, y, learning_rate=1e-3, reg=1e-5, num_iters=100, batch_size=200, verbose=False):
    def draw():
        return X[np.random.choice(len(X), batch_size)], y[np.random.choice(len(y), batch_size)]

    return _history(self, X, y, num_iters, draw, _descend(self, learning_rate), reg)


@wrong(TRAIN, "columns of X are drawn: a batch consists of rows, X[batch]")
def train_draws_columns(self, X, y, learning_rate=1e-3, reg=1e-5, num_iters=100, batch_size=200, verbose=False):
    def draw():
        batch = np.random.choice(X.shape[1], batch_size)
        return X[:, batch], y[batch]

    return _history(self, X, y, num_iters, draw, _descend(self, learning_rate), reg)


@wrong(TRAIN, "every step uses the first batch_size rows: draw new rows each time")
def train_first_rows(self, X, y, learning_rate=1e-3, reg=1e-5, num_iters=100, batch_size=200, verbose=False):
    def draw():
        return X[:batch_size], y[:batch_size]

    return _history(self, X, y, num_iters, draw, _descend(self, learning_rate), reg)


@wrong(TRAIN, "every step gets the same batch: draw inside the loop, and do not set the seed there")
def train_same_batch(self, X, y, learning_rate=1e-3, reg=1e-5, num_iters=100, batch_size=200, verbose=False):
    batch = np.random.choice(len(X), batch_size)
    return _history(self, X, y, num_iters, lambda: (X[batch], y[batch]), _descend(self, learning_rate), reg)


@wrong(TRAIN, "only the first batch_size rows are ever drawn: use np.random.choice(len(X), batch_size)")
def train_draws_from_few(self, X, y, learning_rate=1e-3, reg=1e-5, num_iters=100, batch_size=200, verbose=False):
    def draw():
        batch = np.random.choice(min(batch_size, len(X)), batch_size)
        return X[batch], y[batch]

    return _history(self, X, y, num_iters, draw, _descend(self, learning_rate), reg)


@wrong(TRAIN, "every step uses all rows, which is gradient descent without the 'stochastic': draw batch_size rows")
def train_all_rows(self, X, y, learning_rate=1e-3, reg=1e-5, num_iters=100, batch_size=200, verbose=False):
    return _history(self, X, y, num_iters, lambda: (X, y), _descend(self, learning_rate), reg)


@wrong(TRAIN, "each step draws a single row: a batch has batch_size rows")
def train_single_rows(self, X, y, learning_rate=1e-3, reg=1e-5, num_iters=100, batch_size=200, verbose=False):
    return _history(self, X, y, num_iters, _rows(X, y, 1), _descend(self, learning_rate), reg)


@wrong(TRAIN, "the seed is set inside train, so every run draws the same batches: leave the seed to the notebook")
def train_sets_seed(self, X, y, learning_rate=1e-3, reg=1e-5, num_iters=100, batch_size=200, verbose=False):
    np.random.seed(0)
    return _history(self, X, y, num_iters, _rows(X, y, batch_size), _descend(self, learning_rate), reg)


@right(TRAIN, edge="only drawing with replacement")
def train_without_replacement(self, X, y, learning_rate=1e-3, reg=1e-5, num_iters=100, batch_size=200, verbose=False):
    def draw():
        batch = np.random.choice(len(X), batch_size, replace=False)
        return X[batch], y[batch]

    return _history(self, X, y, num_iters, draw, _descend(self, learning_rate), reg)


@wrong(TRAIN, "the number of steps is always 4, as in the example: use num_iters")
def train_four_steps(self, X, y, learning_rate=1e-3, reg=1e-5, num_iters=100, batch_size=200, verbose=False):
    return _history(self, X, y, 4, _rows(X, y, batch_size), _descend(self, learning_rate), reg)


@wrong(TRAIN, "the rows are taken in order, len(X) // num_iters in each step: draw batch_size rows at random")
def train_in_order(self, X, y, learning_rate=1e-3, reg=1e-5, num_iters=100, batch_size=200, verbose=False):
    size, starts = len(X) // num_iters, iter(range(num_iters))

    def draw():
        start = size * next(starts)
        return X[start : start + size], y[start : start + size]

    return _history(self, X, y, num_iters, draw, _descend(self, learning_rate), reg)


@right(TRAIN)
def train_randint(self, X, y, learning_rate=1e-3, reg=1e-5, num_iters=100, batch_size=200, verbose=False):
    losses = []
    for _ in range(num_iters):
        batch = np.random.randint(0, X.shape[0], size=batch_size)
        loss, dW = self.loss(np.take(X, batch, axis=0), np.take(y, batch), reg=reg)
        self.W += -learning_rate * dW
        losses += [loss]
    return losses


@right(TRAIN)
def train_generator(self, X, y, learning_rate=1e-3, reg=1e-5, num_iters=100, batch_size=200, verbose=False):
    rng = np.random.default_rng()
    history = np.zeros(num_iters)
    for step in range(num_iters):
        batch = rng.integers(len(y), size=batch_size)
        history[step], dW = self.loss(X[batch, :], y[batch], reg)
        self.W = self.W - dW * learning_rate
    return history


@right(TRAIN)
def train_shuffled(self, X, y, learning_rate=1e-3, reg=1e-5, num_iters=100, batch_size=200, verbose=False):
    order = np.array([], dtype=int)
    losses = []
    for _ in range(num_iters):
        while len(order) < batch_size:
            order = np.concatenate([order, np.random.permutation(len(X))])
        batch, order = order[:batch_size], order[batch_size:]
        loss, dW = self.loss(X[batch], y[batch], reg)
        np.subtract(self.W, learning_rate * dW, out=self.W)
        losses.append(float(loss))
    return losses


@right(TRAIN, edge="only drawing with replacement")
def train_by_sampling_indices(self, X, y, learning_rate=1e-3, reg=1e-5, num_iters=100, batch_size=200, verbose=False):
    losses = []
    for _ in range(num_iters):
        batch = random.sample(range(len(X)), batch_size)
        loss, dW = self.loss(X[batch], y[batch], reg)
        losses.append(loss)
        self.W -= learning_rate * dW
    return losses


@right(TRAIN)
def train_in_epochs(self, X, y, learning_rate=1e-3, reg=1e-5, num_iters=100, batch_size=200, verbose=False):
    """Each epoch shuffles the rows and cuts them into batches, as many as there are of full size."""
    history, batches = [], []
    while len(history) < num_iters:
        if not batches:
            order = np.random.permutation(len(X))
            full = range(0, max(len(X) - batch_size, 0) + 1, batch_size)
            batches = [order[start : start + batch_size] for start in full]
        batch = batches.pop()
        loss, dW = self.loss(X[batch], y[batch], reg)
        history.append(loss)
        self.W -= learning_rate * dW
    return history


# ---- LinearClassifier.predict


@wrong(PREDICT, "argmin gives the class with the lowest score: use np.argmax")
def predict_lowest(self, X):
    return np.argmin(X @ self.W, axis=1)


@wrong(
    PREDICT, "axis=0 gives the best input for each class: axis=1 gives the best class for each input", rule="wrong axis"
)
def predict_over_inputs(self, X):
    return np.argmax(X @ self.W, axis=0)


@wrong(PREDICT, "argmax without an axis gives one number for the whole matrix: use axis=1", rule="axis too few")
def predict_without_axis(self, X):
    return np.argmax(X @ self.W)


@wrong(PREDICT, "the scores are returned: return their np.argmax over the classes", rule="axis too many")
def predict_scores(self, X):
    return X @ self.W


@wrong(PREDICT, "the highest scores are returned instead of their classes: use np.argmax")
def predict_highest_score(self, X):
    return np.max(X @ self.W, axis=1)


@wrong(PREDICT, "the labels are one-hot rows: a label is the number of the class")
def predict_one_hot(self, X):
    return np.eye(self.W.shape[1], dtype=int)[np.argmax(X @ self.W, axis=1)]


@wrong(
    PREDICT,
    "the labels form a column of shape (N, 1): they should have the shape (N,), without keepdims or reshape",
    rule="wrong shape",
)
def predict_column(self, X):
    return np.argmax(X @ self.W, axis=1, keepdims=True)


@wrong(PREDICT, "y_pred is still all zeros: assign the labels to it", rule="is 0 everywhere")
def predict_zeros(self, X):
    return np.zeros(len(X), dtype=int)


@wrong(PREDICT, "the labels start at 1: the first class is 0")
def predict_from_one(self, X):
    return np.argmax(X @ self.W, axis=1) + 1


@wrong(
    PREDICT,
    "the search for the best score starts from 0, but all scores can be negative: start from -inf, or use np.argmax",
)
def predict_from_zero(self, X):
    y_pred = np.zeros(len(X), dtype=int)
    for i, scores in enumerate(X @ self.W):
        best = 0.0
        for j, score in enumerate(scores):
            if score > best:
                best, y_pred[i] = score, j
    return y_pred


@wrong(PREDICT, "the absolute value of the scores is taken: a very negative score is a bad one")
def predict_absolute(self, X):
    return np.argmax(np.abs(X @ self.W), axis=1)


@wrong(PREDICT, "only the first input gets a label: is there a return inside the loop?")
def predict_first_only(self, X):
    y_pred = np.zeros(len(X), dtype=int)
    y_pred[0] = np.argmax(X[0] @ self.W)
    return y_pred


@wrong(PREDICT, "the shapes do not match: the scores, of shape (N, C), are X @ W, (N, D) @ (D, C)")
def predict_other_order(self, X):
    return np.argmax(self.W @ X, axis=1)


@right(PREDICT)
def predict_probabilities(self, X):
    scores = X.dot(self.W)
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    return (p / p.sum(axis=1, keepdims=True)).argmax(axis=1)


@right(PREDICT)
def predict_sorted(self, X):
    return np.argsort(self.W.T @ X.T, axis=0)[-1]


@right(PREDICT)
def predict_loop(self, X):
    y_pred = np.zeros(X.shape[0])
    for i in range(X.shape[0]):
        y_pred[i] = np.argmax(self.W.T.dot(X[i]))
    return y_pred


# ---- slips


slips(
    "svm_loss_naive",
    ("dW is divided by N - 1: divide it by N", "dW / num_train", "dW / (num_train - 1)"),
    ("the gradient of the regularisation has no signs: it is 2 * reg * W", "2 * reg * W", "2 * reg * np.abs(W)"),
    (
        "the gradient of every class is subtracted: X[i] is added for a class that violates the margin",
        "dW[:, j] += X[i]",
        "dW[:, j] -= X[i]",
    ),
    (
        "X[j] is used in the place of X[i]",
        "dW[:, j] += X[i]",
        "dW[:, j] += X[j % num_train]",
        "dW[:, y[i]] -= X[i]",
        "dW[:, y[i]] -= X[j % num_train]",
    ),
    (
        "the columns of dW are those of the inputs, i: use the class j",
        "dW[:, j] += X[i]",
        "dW[:, i % num_classes] += X[i]",
    ),
    ("dW is divided by the number of classes: divide it by the number of inputs", "dW / num_train", "dW / num_classes"),
    (
        "the gradient uses W in the place of X[i]",
        "dW[:, j] += X[i]",
        "dW[:, j] += W[:, j]",
        "dW[:, y[i]] -= X[i]",
        "dW[:, y[i]] -= W[:, y[i]]",
    ),
    ("the gradient of the regularisation is the square of W: it is 2 * reg * W", "2 * reg * W", "reg * W * W"),
    ("the regularisation is subtracted from dW: add it", "+ 2 * reg * W", "- 2 * reg * W"),
    ("reg is missing in dW: the gradient of reg * sum(W * W) is 2 * reg * W", "2 * reg * W", "2 * W"),
    ("reg is squared in dW: use 2 * reg * W", "2 * reg * W", "reg**2 * W"),
    ("the margin is multiplied in for the true class alone", "dW[:, y[i]] -= X[i]", "dW[:, y[i]] -= margin * X[i]"),
    ("the margin is multiplied in for class j alone", "dW[:, j] += X[i]", "dW[:, j] += margin * X[i]"),
    (
        "the mean is taken of the regularised gradient twice: divide the data part alone",
        "dW / num_train + 2 * reg * W",
        "(dW / num_train + 2 * reg * W) / 2",
    ),
)

slips(
    "svm_loss_vectorized",
    (
        "the loss counts the violated margins: sum the margins themselves",
        "margins.sum() / num_train",
        "(margins > 0).sum() / num_train",
    ),
    (
        "the mean of the true classes' scores is subtracted in every row: each row has its own",
        "scores[rows, y][:, np.newaxis]",
        "scores[rows, y].mean()",
    ),
    ("the sum for the true class runs over all inputs: sum each row, axis=1", "-dscores.sum(axis=1)", "-dscores.sum()"),
    ("a score above 0 counts as a violation: a margin above 0 does", "(margins > 0)", "(scores > 0)"),
    (
        "dW is computed from the scores: use 1 where a margin is violated, and minus their number for the true class",
        "X.T @ dscores",
        "X.T @ scores",
    ),
    (
        "the true class gets minus the sum of the margins: it gets minus the number of violated ones",
        "-dscores.sum(axis=1)",
        "-margins.sum(axis=1)",
    ),
    ("a margin above 1 counts as a violation: every one above 0 does", "(margins > 0)", "(margins > 1)"),
    (
        "the true class is subtracted with a minus too many: its count is negative once",
        "dscores[rows, y] = -dscores.sum(axis=1)",
        "dscores = -dscores\ndscores[rows, y] = -dscores.sum(axis=1)",
    ),
    (
        "the largest margin counts alone: sum over all of them",
        "margins.sum() / num_train",
        "margins.max(axis=1).mean()",
    ),
    (
        "the margins are squared: the hinge loss sums them as they are",
        "margins.sum() / num_train",
        "(margins**2).sum() / num_train",
    ),
    (
        "the margin is measured against the largest score: use the score of the true class",
        "scores - scores[rows, y][:, np.newaxis] + 1",
        "scores - scores.max(axis=1, keepdims=True) + 1",
    ),
    (
        "the sign of the difference is flipped: max(0, s_j - s_y + 1)",
        "scores - scores[rows, y][:, np.newaxis] + 1",
        "scores[rows, y][:, np.newaxis] - scores + 1",
    ),
    (
        "the score of the first class is subtracted: subtract that of the true class, scores[rows, y]",
        "scores[rows, y][:, np.newaxis] + 1",
        "scores[:, :1] + 1",
    ),
    ("the regularisation is subtracted in the loss: add it", "+ reg * np.sum(W * W)", "- reg * np.sum(W * W)"),
    ("the regularisation is subtracted from dW: add it", "+ 2 * reg * W", "- 2 * reg * W"),
    (
        "dW is divided by the number of classes: divide it by the number of inputs",
        "X.T @ dscores / num_train",
        "X.T @ dscores / W.shape[1]",
    ),
    (
        "loss is divided by the number of classes: divide it by the number of inputs",
        "margins.sum() / num_train",
        "margins.sum() / W.shape[1]",
    ),
    (
        "the loss is a mean over inputs and classes: divide the sum by the number of inputs alone",
        "margins.sum() / num_train",
        "margins.mean()",
    ),
)

slips(
    "linear_classifier_train",
    ("loss and dW are swapped: self.loss returns loss, dW in this order", "loss, dW =", "dW, loss ="),
    (
        "the loss, not its gradient, is the step: self.loss returns loss, dW in this order",
        "self.W -= learning_rate * dW",
        "self.W -= learning_rate * loss",
    ),
    ("the step is reg times the gradient: multiply by learning_rate", "learning_rate * dW", "reg * dW"),
    (
        "W is replaced by the gradient: subtract learning_rate * dW from it",
        "self.W -= learning_rate * dW",
        "self.W = dW",
    ),
    ("the learning rate divides the gradient: multiply by it", "learning_rate * dW", "dW / learning_rate"),
    (
        "the step is divided by batch_size: the loss is already a mean",
        "learning_rate * dW",
        "learning_rate * dW / batch_size",
    ),
    (
        "the step is divided by the number of rows: the loss is already a mean",
        "learning_rate * dW",
        "learning_rate * dW / len(X)",
    ),
    (
        "the weights shrink in each step by learning_rate, too: subtract learning_rate * dW alone",
        "self.W -= learning_rate * dW",
        "self.W = (1 - learning_rate) * self.W - learning_rate * dW",
    ),
    (
        "W is updated twice in each step",
        "self.W -= learning_rate * dW",
        "self.W -= learning_rate * dW\nself.W -= learning_rate * dW",
    ),
    ("learning_rate is passed to self.loss as reg", "y[batch], reg)", "y[batch], learning_rate)"),
    ("only the sign of the gradient is used", "learning_rate * dW", "learning_rate * np.sign(dW)"),
    (
        "the learning rate falls from step to step: it is the same in all of them",
        "learning_rate * dW",
        "learning_rate * dW / (step + 1)",
    ),
    (
        "the sum of the losses so far is stored: store the loss of each step",
        "loss_history.append(loss)",
        "loss_history.append(loss + sum(loss_history))",
    ),
)

slips(
    "linear_classifier_predict",
    ("the largest entry of the input is looked for: compute the scores first, X @ self.W", "X @ self.W", "X"),
    (
        "the class with the score nearest to 0 is returned: take the largest",
        "np.argmax(X @ self.W",
        "np.argmin(np.abs(X @ self.W)",
    ),
    (
        "the class with the second largest score is returned: [:, -1] of argsort is the largest",
        "np.argmax(X @ self.W, axis=1)",
        "np.argsort(X @ self.W, axis=1)[:, -2]",
    ),
    ("the last class counts for none: compare all columns of the scores", "X @ self.W", "(X @ self.W)[:, :-1]"),
    (
        "the first class counts for none: compare all columns of the scores",
        "np.argmax(X @ self.W, axis=1)",
        "np.argmax((X @ self.W)[:, 1:], axis=1)",
    ),
    (
        "only the scores of the first input are used: each row has its own",
        "np.argmax(X @ self.W, axis=1)",
        "np.repeat(np.argmax(X[0] @ self.W), len(X))",
    ),
)
