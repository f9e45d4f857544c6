"""Implementations of softmax's functions as learners write them."""

import numpy as np

from zoo import right, slips, wrong

NAIVE = "softmax_loss_naive"
FAST = "softmax_loss_vectorized"


def _probabilities(W, X):
    scores = X @ W
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)


def _parts(W, X, y):
    """Loss and gradient from the data, both right."""
    p = _probabilities(W, X)
    rows = np.arange(len(y))
    loss = -np.log(p[rows, y]).mean()
    p[rows, y] -= 1
    return loss, X.T @ p / len(X)


def _from_probabilities(p, W, X, y, reg):
    """Loss and gradient that follow from given probabilities, right or wrong."""
    one_hot = np.eye(W.shape[1])[y]
    loss = -np.log(p[np.arange(len(y)), y]).mean() + reg * np.sum(W * W)
    return loss, X.T @ (p - one_hot) / len(X) + 2 * reg * W


# ---- both, with loops and without


@wrong(NAIVE, "exp overflows: first subtract the input's largest score from its scores", rule="not finite")
@wrong(FAST, "exp overflows: first subtract from each row of scores its maximum", rule="not finite")
def softmax_without_shift(W, X, y, reg):
    e = np.exp(X @ W)
    return _from_probabilities(e / e.sum(axis=1, keepdims=True), W, X, y, reg)


@wrong(
    NAIVE, "exp still overflows, as when the smallest score is subtracted or the largest is added: subtract the largest"
)
@wrong(FAST, "exp still overflows, as when a minimum is subtracted or a maximum is added: subtract each row's maximum")
def softmax_minimum(W, X, y, reg):
    scores = X @ W
    e = np.exp(scores - scores.min(axis=1, keepdims=True))
    return _from_probabilities(e / e.sum(axis=1, keepdims=True), W, X, y, reg)


@wrong(NAIVE, "the scores are divided by the largest one, which changes the probabilities: subtract it instead")
@wrong(FAST, "each row is divided by its maximum, which changes the probabilities: subtract it instead")
def softmax_divided_by_max(W, X, y, reg):
    scores = X @ W
    e = np.exp(scores / scores.max(axis=1, keepdims=True))
    return _from_probabilities(e / e.sum(axis=1, keepdims=True), W, X, y, reg)


@wrong(NAIVE, "the sum of exp uses shifted scores, the true class its original score: use shifted scores for both")
@wrong(FAST, "the sum of exp uses shifted scores, the true classes their original ones: use shifted scores for both")
def softmax_shift_in_one_part(W, X, y, reg):
    _, dW = _parts(W, X, y)
    scores = X @ W
    shifted = scores - scores.max(axis=1, keepdims=True)
    loss = np.mean(np.log(np.exp(shifted).sum(axis=1)) - scores[np.arange(len(y)), y])
    return loss + reg * np.sum(W * W), dW + 2 * reg * W


@wrong(NAIVE, "a small number is added inside the log: this hides log(0), and the loss is wrong where p is tiny")
@wrong(FAST, "a small number is added inside the logarithm: this hides log(0), and the loss is wrong where p is tiny")
def softmax_epsilon(W, X, y, reg):
    _, dW = _parts(W, X, y)
    p = _probabilities(W, X)[np.arange(len(y)), y]
    return -np.log(p + 1e-8).mean() + reg * np.sum(W * W), dW + 2 * reg * W


@wrong(NAIVE, "the logarithm is to base 10: use np.log, the natural one")
@wrong(FAST, "the logarithms are to base 10: use np.log, the natural one")
def softmax_log10(W, X, y, reg):
    loss, dW = _parts(W, X, y)
    return loss / np.log(10) + reg * np.sum(W * W), dW + 2 * reg * W


@wrong(NAIVE, "the minus sign is missing: the loss is -log(p) of the true class")
@wrong(FAST, "the minus sign is missing: the loss is the mean of -log(p) of the true classes")
def softmax_loss_sign(W, X, y, reg):
    loss, dW = _parts(W, X, y)
    return -loss + reg * np.sum(W * W), dW + 2 * reg * W


@wrong(NAIVE, "the log is missing: the loss is -log(p) of the true class, not -p")
@wrong(FAST, "the logarithm is missing: the loss is the mean of -log(p) of the true classes, not of -p")
def softmax_without_log(W, X, y, reg):
    _, dW = _parts(W, X, y)
    p = _probabilities(W, X)[np.arange(len(y)), y]
    return -p.mean() + reg * np.sum(W * W), dW + 2 * reg * W


@wrong(NAIVE, "-log(p) is summed over all classes: only the true class counts")
@wrong(FAST, "-log(p) is summed over all classes: only the entries of the true classes, [rows, y], count")
def softmax_all_classes(W, X, y, reg):
    _, dW = _parts(W, X, y)
    scores = X @ W
    shifted = scores - scores.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -log_p.sum() / len(X) + reg * np.sum(W * W), dW + 2 * reg * W


@wrong(NAIVE, "dW uses p for every class: for the true class use p - 1")
@wrong(FAST, "the one-hot labels are not subtracted: dW follows from p - one_hot(y), not from p")
def softmax_without_one_hot(W, X, y, reg):
    loss, _ = _parts(W, X, y)
    return loss + reg * np.sum(W * W), X.T @ _probabilities(W, X) / len(X) + 2 * reg * W


@wrong(NAIVE, "only the true class gets a gradient: every other class gets p * X[i], and the true one (p - 1) * X[i]")
@wrong(FAST, "only the true classes get a gradient: dscores is p everywhere, minus 1 at [rows, y]")
def softmax_true_class_only(W, X, y, reg):
    loss, _ = _parts(W, X, y)
    dscores = (_probabilities(W, X) - 1) * np.eye(W.shape[1])[y]
    return loss + reg * np.sum(W * W), X.T @ dscores / len(X) + 2 * reg * W


@wrong(NAIVE, "1 is subtracted for every class: subtract it only for the true one")
@wrong(FAST, "1 is subtracted from all probabilities: subtract it only for the true classes, dscores[rows, y] -= 1")
def softmax_minus_one_everywhere(W, X, y, reg):
    loss, _ = _parts(W, X, y)
    return loss + reg * np.sum(W * W), X.T @ (_probabilities(W, X) - 1) / len(X) + 2 * reg * W


@wrong(NAIVE, "1 is added for the true class: it should be subtracted, p - 1")
@wrong(FAST, "1 is added for the true classes: it should be subtracted, dscores[rows, y] -= 1")
def softmax_plus_one(W, X, y, reg):
    loss, _ = _parts(W, X, y)
    dscores = _probabilities(W, X)
    dscores[np.arange(len(X)), y] += 1
    return loss + reg * np.sum(W * W), X.T @ dscores / len(X) + 2 * reg * W


@wrong(NAIVE, "the part of dW from the data has the wrong sign: use p - 1 for the true class, not 1 - p")
@wrong(FAST, "the part of dW from the data has the wrong sign: use p - one_hot(y), not one_hot(y) - p")
def softmax_gradient_sign(W, X, y, reg):
    loss, dW = _parts(W, X, y)
    return loss + reg * np.sum(W * W), -dW + 2 * reg * W


@wrong(NAIVE, "neither the loss nor dW is divided by N: both are means over the inputs")
@wrong(FAST, "neither the loss nor dW is divided by N: both are means over the N inputs")
def softmax_sum(W, X, y, reg):
    loss, dW = _parts(W, X, y)
    return len(X) * loss + reg * np.sum(W * W), len(X) * dW + 2 * reg * W


@wrong(NAIVE, "the part of dW from the data is not divided by N")
@wrong(FAST, "dW is not divided by N: use X.T @ dscores / N")
def softmax_gradient_sum(W, X, y, reg):
    loss, dW = _parts(W, X, y)
    return loss + reg * np.sum(W * W), len(X) * dW + 2 * reg * W


@wrong(NAIVE, "dW is divided by N twice: divide once, after the loop")
@wrong(FAST, "dW is divided by N twice: divide either dscores or the product")
def softmax_divided_twice(W, X, y, reg):
    loss, dW = _parts(W, X, y)
    return loss + reg * np.sum(W * W), dW / len(X) + 2 * reg * W


@wrong(NAIVE, "the regularisation is missing from the loss and from dW", rule="regularisation")
@wrong(FAST, "the regularisation is missing from both the loss and dW", rule="regularisation")
def softmax_without_reg(W, X, y, reg):
    return _parts(W, X, y)


@wrong(NAIVE, "reg * sum(W * W) is missing from the loss", rule="1 * reg * sum(W * W) is missing")
@wrong(
    FAST,
    "reg * sum(W * W) is missing from the loss",
    rule="1 * reg * sum(W * W) is missing",
)
def softmax_loss_without_reg(W, X, y, reg):
    loss, dW = _parts(W, X, y)
    return loss, dW + 2 * reg * W


@wrong(NAIVE, "2 * reg * W is missing from dW", rule="2 * reg * W is missing")
@wrong(FAST, "2 * reg * W is missing from dW", rule="2 * reg * W is missing")
def softmax_gradient_without_reg(W, X, y, reg):
    loss, dW = _parts(W, X, y)
    return loss + reg * np.sum(W * W), dW


@wrong(
    NAIVE,
    "the regularisation is half of what it should be: it is reg * sum(W * W), without a factor of 0.5",
    rule="0.5 * reg",
)
@wrong(
    FAST,
    "the regularisation is halved: linear classifiers use reg * sum(W * W), without a factor of 0.5",
    rule="0.5 * reg",
)
def softmax_half_reg(W, X, y, reg):
    loss, dW = _parts(W, X, y)
    return loss + 0.5 * reg * np.sum(W * W), dW + reg * W


@wrong(
    NAIVE, "the gradient of reg * sum(W * W) is 2 * reg * W: the factor of 2 is missing", rule="1 * reg * W is missing"
)
@wrong(FAST, "dW contains reg * W instead of 2 * reg * W", rule="1 * reg * W is missing")
def softmax_gradient_half_reg(W, X, y, reg):
    loss, dW = _parts(W, X, y)
    return loss + reg * np.sum(W * W), dW + reg * W


@wrong(NAIVE, "the regularisation is divided by N as well: add it after the division")
@wrong(FAST, "the regularisation is divided by N as well: only the part from the data is a mean")
def softmax_reg_divided(W, X, y, reg):
    loss, dW = _parts(W, X, y)
    return loss + reg * np.sum(W * W) / len(X), dW + 2 * reg * W / len(X)


@wrong(NAIVE, "dW is transposed: each class is a column of W, so use dW[:, j]", rule="transposed")
@wrong(FAST, "dW is transposed: use X.T @ dscores, not dscores.T @ X", rule="transposed")
def softmax_transposed(W, X, y, reg):
    loss, dW = _parts(W, X, y)
    return loss + reg * np.sum(W * W), (dW + 2 * reg * W).T


@wrong(NAIVE, "the sums are divided by the number of columns of X: N is len(X), the number of rows")
@wrong(FAST, "the sums are divided by the number of columns of X: N is X.shape[0], the number of rows")
def softmax_divided_by_columns(W, X, y, reg):
    loss, dW = _parts(W, X, y)
    factor = len(X) / len(W)
    return factor * loss + reg * np.sum(W * W), factor * dW + 2 * reg * W


@wrong(NAIVE, "the loss is not divided by N", rule="it is not divided by N")
@wrong(FAST, "the loss is not divided by N", rule="it is not divided by N")
def softmax_loss_sum(W, X, y, reg):
    loss, dW = _parts(W, X, y)
    return loss * len(X) + reg * np.sum(W * W), dW + 2 * reg * W


@wrong(
    NAIVE,
    "loss /= N + reg * ... divides by the whole right-hand side: add the regularisation in a statement of its own",
    rule="/= divides by all that stands on its right",
)
def softmax_divided_by_all(W, X, y, reg):
    loss, dW = _parts(W, X, y)
    N = len(X)
    return loss * N / (N + reg * np.sum(W * W)), dW * N / (N + 2 * reg * W)


@wrong(
    FAST,
    "dW uses the probability of the true class for all classes: each class has its own p, and the true one p - 1",
)
def softmax_one_against_rest(W, X, y, reg):
    loss, _ = _parts(W, X, y)
    true = _probabilities(W, X)[np.arange(len(y)), y][:, np.newaxis]
    one_hot = np.eye(W.shape[1])[y]
    dscores = true * (1 - one_hot) - (1 - true) * one_hot
    return loss + reg * np.sum(W * W), X.T @ dscores / len(X) + 2 * reg * W


@wrong(
    NAIVE, "the regularisation replaces the loss: write += in the place of =", rule="is = written in the place of +=?"
)
def softmax_reg_alone(W, X, y, reg):
    return reg * np.sum(W * W), _parts(W, X, y)[1] + 2 * reg * W


# ---- with loops only


@wrong(NAIVE, "dW is still all zeros: add the gradient to it", rule="all zeros")
def softmax_naive_without_gradient(W, X, y, reg):
    loss, _ = _parts(W, X, y)
    return loss + reg * np.sum(W * W), np.zeros_like(W)


@wrong(NAIVE, "only the last class gets a gradient: move dW[:, j] += ... inside the loop over the classes")
def softmax_naive_last_class(W, X, y, reg):
    loss, dW = _parts(W, X, y)
    dW[:, :-1] = 0
    return loss + reg * np.sum(W * W), dW + 2 * reg * W


@wrong(NAIVE, "dW[:, j] = ... overwrites what earlier inputs added: use +=")
def softmax_naive_last_input(W, X, y, reg):
    loss, _ = _parts(W, X, y)
    _, dW = _parts(W, X[-1:], y[-1:])
    return loss + reg * np.sum(W * W), dW / len(X) + 2 * reg * W


@wrong(NAIVE, "only the first input counts: is there a return inside the loop?")
def softmax_naive_returns_early(W, X, y, reg):
    loss, dW = _parts(W, X[:1], y[:1])
    return loss / len(X) + reg * np.sum(W * W), dW / len(X) + 2 * reg * W


@wrong(NAIVE, "the regularisation is added once for each input: add it only once, after the loop")
def softmax_naive_reg_in_the_loop(W, X, y, reg):
    loss, dW = _parts(W, X, y)
    return loss + len(X) * reg * np.sum(W * W), dW + len(X) * 2 * reg * W


@wrong(NAIVE, "dW has an integer dtype: fractions cannot be added to it in place")
def softmax_naive_integer(W, X, y, reg):
    loss, _ = _parts(W, X, y)
    dW = np.zeros(W.shape, dtype=int)
    one_hot, p = np.eye(W.shape[1])[y], _probabilities(W, X)
    for i in range(len(X)):
        dW += np.outer(X[i], p[i] - one_hot[i])
    return loss + reg * np.sum(W * W), dW / len(X) + 2 * reg * W


@wrong(NAIVE, "W is modified in place, as by W *= 2 * reg: use a new array", rule="modified in place")
def softmax_naive_changes_W(W, X, y, reg):
    loss, dW = _parts(W, X, y)
    loss += reg * np.sum(W * W)
    W *= 2 * reg
    return loss, dW + W


@wrong(NAIVE, "the loss uses the last class instead of the true one: is a loop variable used after its loop?")
def softmax_naive_last_for_true(W, X, y, reg):
    _, dW = _parts(W, X, y)
    scores = X @ W
    shifted = scores - scores.max(axis=1, keepdims=True)
    loss = np.mean(np.log(np.exp(shifted).sum(axis=1)) - shifted[:, -1])
    return loss + reg * np.sum(W * W), dW + 2 * reg * W


@right(NAIVE)
def softmax_naive_log_sum(W, X, y, reg):
    loss, dW = reg * np.sum(np.square(W)), reg * 2 * W
    for x, label in zip(X, y, strict=True):
        scores = [float(x @ W[:, j]) for j in range(W.shape[1])]
        top = max(scores)
        total = sum(np.exp(s - top) for s in scores)
        loss += (top + np.log(total) - scores[label]) / len(X)
        for j, s in enumerate(scores):
            dW[:, j] += np.exp(s - top) / total * x / len(X)
        dW[:, label] -= x / len(X)
    return loss, dW


@right(NAIVE)
def softmax_naive_outer(W, X, y, reg):
    loss, dW = 0, np.zeros(W.shape)
    for i in range(X.shape[0]):
        scores = W.T.dot(X[i])
        e = np.exp(scores - np.max(scores))
        p = e / np.sum(e)
        loss += -np.log(p[y[i]])
        p[y[i]] -= 1
        dW += np.outer(X[i], p)
    return loss / len(y) + reg * np.linalg.norm(W) ** 2, dW / len(y) + 2 * reg * W


# ---- without loops only


@wrong(
    FAST,
    "the maximum of the whole matrix is subtracted, and rows far below it end as 0 / 0: use the maximum of each row",
)
def softmax_global_shift(W, X, y, reg):
    scores = X @ W
    e = np.exp(scores - scores.max())
    return _from_probabilities(e / e.sum(axis=1, keepdims=True), W, X, y, reg)


@wrong(
    FAST,
    "the maximum of the whole matrix is subtracted, and rows far below it end as log(0): use the maximum of each row",
    rule="not finite",
)
def softmax_global_shift_in_log(W, X, y, reg):
    scores = X @ W
    scores -= scores.max()
    log_p = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    loss = -log_p[np.arange(len(y)), y].mean() + reg * np.sum(W * W)
    return loss, X.T @ (np.exp(log_p) - np.eye(W.shape[1])[y]) / len(X) + 2 * reg * W


@wrong(
    FAST,
    "the maximum of each class is subtracted, which changes the probabilities: use max(axis=1, keepdims=True)",
)
def softmax_shift_by_class(W, X, y, reg):
    scores = X @ W
    e = np.exp(scores - scores.max(axis=0))
    return _from_probabilities(e / e.sum(axis=1, keepdims=True), W, X, y, reg)


@wrong(FAST, "max(axis=1) has the shape (N,), which does not line up with (N, C): use keepdims=True")
def softmax_shift_without_column(W, X, y, reg):
    e = np.exp(X @ W - (X @ W).max(axis=1))
    return _from_probabilities(e / e.sum(axis=1, keepdims=True), W, X, y, reg)


@wrong(FAST, "the probabilities add up to 1 over the inputs (axis=0): they should do so over the classes, axis=1")
def softmax_over_inputs(W, X, y, reg):
    scores = X @ W
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    return _from_probabilities(e / e.sum(axis=0), W, X, y, reg)


@wrong(FAST, "the probabilities of the whole matrix add up to 1: those of each row should, sum(axis=1, keepdims=True)")
def softmax_over_everything(W, X, y, reg):
    scores = X @ W
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    return _from_probabilities(e / e.sum(), W, X, y, reg)


@wrong(FAST, "the loss is averaged over inputs and classes: take the mean over the N inputs only")
def softmax_mean_of_all(W, X, y, reg):
    loss, dW = _parts(W, X, y)
    return loss / W.shape[1] + reg * np.sum(W * W), dW / W.shape[1] + 2 * reg * W


@wrong(FAST, "p[:, y] takes whole columns: p[np.arange(N), y] takes one entry of each row")
def softmax_whole_columns(W, X, y, reg):
    loss, _ = _parts(W, X, y)
    p = _probabilities(W, X)
    p[:, y] -= 1
    return loss + reg * np.sum(W * W), X.T @ p / len(X) + 2 * reg * W


@wrong(FAST, "1 is subtracted from p before the loss takes its logarithm: compute the loss first, or copy p")
def softmax_minus_one_too_early(W, X, y, reg):
    p = _probabilities(W, X)
    rows = np.arange(len(y))
    p[rows, y] -= 1
    return -np.log(p[rows, y]).mean() + reg * np.sum(W * W), X.T @ p / len(X) + 2 * reg * W


@wrong(FAST, "dW uses exp of the unshifted scores, which overflows: use the shifted scores here too")
def softmax_gradient_unshifted(W, X, y, reg):
    loss, _ = _parts(W, X, y)
    e = np.exp(X @ W)
    p = e / e.sum(axis=1, keepdims=True)
    return loss + reg * np.sum(W * W), X.T @ (p - np.eye(W.shape[1])[y]) / len(X) + 2 * reg * W


@wrong(FAST, "the shapes do not match: dW, of shape (D, C), is X.T @ dscores, (D, N) @ (N, C)")
def softmax_without_transpose(W, X, y, reg):
    loss, _ = _parts(W, X, y)
    return loss + reg * np.sum(W * W), X @ _probabilities(W, X) + 2 * reg * W


@wrong(
    FAST,
    "X is modified in place, as by X -= its maximum: shift the scores, which are a new array",
    rule="in place",
)
def softmax_changes_X(W, X, y, reg):
    loss, dW = _parts(W, X, y)
    X -= X.max(axis=1, keepdims=True)
    return loss + reg * np.sum(W * W), dW + 2 * reg * W


@wrong(FAST, "the sums are divided by 2, the number of inputs in the example: divide by N, which is X.shape[0]")
def softmax_two_inputs(W, X, y, reg):
    loss, dW = _parts(W, X, y)
    return loss * len(X) / 2 + reg * np.sum(W * W), dW * len(X) / 2 + 2 * reg * W


@right(FAST)
def softmax_einsum(W, X, y, reg):
    scores = np.einsum("nd,dc->nc", X, W)
    scores = scores - np.amax(scores, axis=1)[:, None]
    log_p = scores - np.log(np.sum(np.exp(scores), axis=1))[:, None]
    one_hot = (np.arange(W.shape[1]) == y[:, None]) * 1.0
    loss = -np.einsum("nc,nc->", one_hot, log_p) / len(X)
    dW = np.einsum("nd,nc->dc", X, np.exp(log_p) - one_hot) / len(X)
    return loss + reg * np.einsum("dc,dc->", W, W), dW + 2 * reg * W


@right(FAST)
def softmax_textbook(W, X, y, reg):
    num_train = X.shape[0]
    scores = X.dot(W)
    scores -= np.max(scores, axis=1, keepdims=True)
    e = np.exp(scores)
    p = e / np.sum(e, axis=1, keepdims=True)
    loss = np.sum(-np.log(p[range(num_train), y])) / num_train + reg * np.sum(W**2)
    p[range(num_train), y] -= 1
    return loss, X.T.dot(p) / num_train + 2 * reg * W


@right(FAST)
def softmax_logaddexp(W, X, y, reg):
    scores = X @ W
    log_total = np.logaddexp.reduce(scores, axis=1)
    p = np.exp(scores - log_total[:, None])
    loss = np.sum(log_total - np.take_along_axis(scores, y[:, None], axis=1)[:, 0]) / len(y) + reg * np.vdot(W, W)
    counts = np.zeros_like(W)
    np.add.at(counts.T, y, X)
    return loss, (X.T @ p - counts) / len(y) + 2 * reg * W


# ---- slips


slips(
    "softmax_loss_naive",
    ("the logarithm is to base 2: use np.log", "np.log(total)", "np.log2(total)"),
    ("the logarithm is to base 10: use np.log", "np.log(total)", "np.log10(total)"),
    ("dW uses exp of the scores: divide it by its sum to get p", "np.exp(scores) / total", "np.exp(scores)"),
    ("dW uses the scores: it uses the probabilities p", "np.exp(scores) / total", "scores"),
    ("dW uses log p: it uses the probabilities p", "np.exp(scores) / total", "scores - np.log(total)"),
    (
        "the loss is 1 - p of the true class: it is -log p",
        "np.log(total) - scores[y[i]]",
        "1 - np.exp(scores[y[i]]) / total",
    ),
    ("the loss is p of the true class: it is -log p", "np.log(total) - scores[y[i]]", "np.exp(scores[y[i]]) / total"),
    (
        "the loss is minus the score of the true class: log(sum of exp) is missing",
        "np.log(total) - scores[y[i]]",
        "-scores[y[i]]",
    ),
    (
        "the loss is log(sum of exp) alone: subtract the score of the true class",
        "np.log(total) - scores[y[i]]",
        "np.log(total)",
    ),
    ("the score of class i is used: use that of the true class, y[i]", "- scores[y[i]]", "- scores[i % num_classes]"),
    ("1 is subtracted for class i: subtract it for the true class, y[i]", "(j == y[i])", "(j == i)"),
    ("1 is subtracted for every class but the true one", "(j == y[i])", "(j != y[i])"),
    ("X[j] is used in the place of X[i]", "* X[i]", "* X[j % num_train]"),
    (
        "the mean is divided by the number of classes: divide by the number of inputs",
        "loss / num_train",
        "loss / num_classes",
    ),
    ("dW is divided by the number of classes: divide it by the number of inputs", "dW / num_train", "dW / num_classes"),
    ("the regularisation is subtracted in the loss: add it", "+ reg * np.sum(W * W)", "- reg * np.sum(W * W)"),
    ("the regularisation is subtracted from dW: add it", "+ 2 * reg * W", "- 2 * reg * W"),
    ("dW is multiplied by p once more", "(p[j] - (j == y[i]))", "p[j] * (p[j] - (j == y[i]))"),
)

slips(
    "softmax_loss_vectorized",
    (
        "the exponentials in dW are divided by the sums of the columns: divide by those of the rows, axis=1",
        "dscores = np.exp(log_p)",
        "dscores = np.exp(scores) / np.exp(scores).sum(axis=0)",
    ),
    (
        "p is divided by N before 1 is subtracted: divide p - 1",
        "dscores[rows, y] -= 1",
        "dscores /= num_train\ndscores[rows, y] -= 1",
        "dscores / num_train +",
        "dscores +",
    ),
    (
        "the logarithm is to base 2: use np.log",
        "np.log(np.exp(scores).sum(axis=1, keepdims=True))",
        "np.log2(np.exp(scores).sum(axis=1, keepdims=True))",
        "dscores = np.exp(log_p)",
        "dscores = np.exp(scores)\ndscores /= dscores.sum(axis=1, keepdims=True)",
    ),
    ("dW uses log p: it uses the probabilities p", "np.exp(log_p)", "log_p.copy()"),
    ("dW uses the scores: it uses the probabilities p", "X.T @ dscores", "X.T @ scores"),
    ("dW uses exp of the scores: divide it by the sum of its row to get p", "np.exp(log_p)", "np.exp(scores)"),
    (
        "the loss is the mean over all classes: only log p of the true class counts",
        "-log_p[rows, y].mean()",
        "-log_p.mean()",
    ),
    (
        "the loss is 1 - p of the true class: it is -log p",
        "-log_p[rows, y].mean()",
        "(1 - np.exp(log_p)[rows, y]).mean()",
    ),
    (
        "the loss is log of the mean probability: take the mean of log p",
        "-log_p[rows, y].mean()",
        "-np.log(np.exp(log_p)[rows, y].mean())",
    ),
    (
        "the loss is the product of p and log p: it is -log p alone",
        "-log_p[rows, y].mean()",
        "-(np.exp(log_p) * log_p).sum(axis=1).mean()",
    ),
    (
        "the loss is computed from the scores of the true class: log(sum of exp) is missing",
        "-log_p[rows, y].mean()",
        "-scores[rows, y].mean()",
    ),
    ("the true class is set to -1: subtract 1 from its p", "dscores[rows, y] -= 1", "dscores[rows, y] = -1"),
    (
        "dW is divided by the number of classes: divide it by the number of inputs",
        "X.T @ dscores / num_train",
        "X.T @ dscores / W.shape[1]",
    ),
    ("the regularisation is subtracted in the loss: add it", "+ reg * np.sum(W * W)", "- reg * np.sum(W * W)"),
    ("the regularisation is subtracted from dW: add it", "+ 2 * reg * W", "- 2 * reg * W"),
    (
        "the sum of the exponentials is that of one class: sum each row",
        "np.exp(scores).sum(axis=1, keepdims=True)",
        "np.exp(scores)[rows, y][:, np.newaxis] + 1",
    ),
)
