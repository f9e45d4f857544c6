"""Wrong and right implementations of the functions of two_layer_net, as learners write them."""

import numpy as np

from zoo import right, slips, wrong

# ---- affine_forward


@wrong("affine_forward", "the bias b is not added: out = rows @ w + b")
def affine_without_bias(x, w, b):
    return x.reshape(len(x), -1) @ w, (x, w, b)


@wrong("affine_forward", "the bias b is added twice")
def affine_bias_twice(x, w, b):
    return x.reshape(len(x), -1) @ w + b + b, (x, w, b)


@wrong("affine_forward", "the bias b is subtracted instead of added: out = rows @ w + b")
def affine_bias_subtracted(x, w, b):
    return x.reshape(len(x), -1) @ w - b, (x, w, b)


@wrong(
    "affine_forward",
    "the same bias is added to all outputs: add the whole vector b, which has one entry for each output",
)
def affine_first_bias_only(x, w, b):
    return x.reshape(len(x), -1) @ w + b[0], (x, w, b)


@wrong(
    "affine_forward",
    "x is flattened in the wrong order: use x.reshape(N, -1), with neither order='F' nor .T",
)
def affine_reads_columns_first(x, w, b):
    return x.reshape(len(x), -1, order="F") @ w + b, (x, w, b)


@wrong(
    "affine_forward",
    "x.reshape(-1, N).T mixes the values of different inputs: x.reshape(N, -1) makes each input one row",
)
def affine_mixes_inputs(x, w, b):
    return x.reshape(-1, len(x)).T @ w + b, (x, w, b)


@wrong("affine_forward", "the whole batch is flattened: x.reshape(N, -1) keeps one row for each of the N inputs")
def affine_flattens_batch(x, w, b):
    return x.reshape(1, -1) @ w + b, (x, w, b)


@wrong("affine_forward", "x is not flattened: first make each input a row of D values, x.reshape(N, -1)")
def affine_without_reshape(x, w, b):
    return x @ w + b, (x, w, b)


@wrong("affine_forward", "w is transposed: rows (N, D) @ w (D, M) needs no transpose")
def affine_transposed_weights(x, w, b):
    return x.reshape(len(x), -1) @ w.T + b, (x, w, b)


@wrong(
    "affine_forward",
    "out is transposed: it should have shape (N, M), with one row for each input",
    rule="out is transposed",
)
def affine_transposed_output(x, w, b):
    return (x.reshape(len(x), -1) @ w + b).T, (x, w, b)


@wrong(
    "affine_forward",
    "out is divided by N: a layer averages nothing in its forward pass",
    rule="a mean instead of a sum",
)
def affine_mean(x, w, b):
    return (x.reshape(len(x), -1) @ w + b) / len(x), (x, w, b)


@right("affine_forward", edge="convert to floating point first")
def affine_in_type_of_x(x, w, b):
    out = np.zeros((len(x), w.shape[1]), dtype=x.dtype)
    out[...] = (x.reshape(len(x), -1) @ w + b).astype(x.dtype)
    return out, (x, w, b)


@wrong(
    "affine_forward",
    "only the last row of out is filled: out is created again in each pass of the loop; create it once, "
    "before the loop",
)
def affine_last_row_only(x, w, b):
    for i in range(len(x)):
        out = np.zeros((len(x), w.shape[1]))
        out[i] = x[i].reshape(-1) @ w + b
    return out, (x, w, b)


@wrong("affine_forward", "b is modified in place: b += ... writes into the caller's array; create a new array instead")
def affine_changes_bias(x, w, b):
    out = x.reshape(len(x), -1) @ w
    out = out + b
    b += 1
    return out, (x, w, b)


@wrong("affine_forward", "a ReLU is applied to the output: an affine layer keeps negative values")
def affine_with_relu(x, w, b):
    return np.maximum(0, x.reshape(len(x), -1) @ w + b), (x, w, b)


@wrong("affine_forward", "the sizes of the example are hard-coded: take N from x.shape[0]")
def affine_typed_in_sizes(x, w, b):
    return x.reshape(2, 20) @ w + b, (x, w, b)


@right("affine_forward")
def affine_einsum(x, w, b):
    return np.einsum("nd,dm->nm", x.reshape(len(x), -1), w) + b, (x, w, b)


@right("affine_forward")
def affine_with_loops(x, w, b):
    out = np.zeros((x.shape[0], w.shape[1]))
    for i in range(x.shape[0]):
        for j in range(w.shape[1]):
            out[i, j] = np.sum(x[i].ravel() * w[:, j]) + b[j]
    return out, (x, w, b)


@right("affine_forward")
def affine_bias_as_column(x, w, b):
    rows = np.concatenate([x.reshape(len(x), -1), np.ones((len(x), 1))], axis=1)
    return rows @ np.vstack([w, b]), (x, w, b)


@wrong(
    "affine_forward",
    "x is flattened before it is put into the cache, so affine_backward cannot give dx the shape of x: keep x as it "
    "came, and give its rows a name of their own",
    rule="x is flattened before it is put into the cache",
)
def affine_caches_rows(x, w, b):
    x = x.reshape(len(x), -1)
    return x @ w + b, (x, w, b)


@right("affine_forward")
def affine_caches_rows_and_shape(x, w, b):
    rows = x.reshape(len(x), -1)
    return rows @ w + b, (rows, x.shape, w)


# ---- affine_backward


def _backward(dout, cache):
    x, w, _ = cache
    rows = x.reshape(len(x), -1)
    return (dout @ w.T).reshape(x.shape), rows.T @ dout, dout.sum(axis=0)


@wrong("affine_backward", "dx still has the flattened shape (N, D): reshape it to x.shape", rule="but the wrong shape")
def affine_backward_flat(dout, cache):
    x, w, b = cache
    _, dw, db = _backward(dout, cache)
    return dout @ w.T, dw, db


@wrong("affine_backward", "w is not transposed in dx: dout (N, M) @ w.T (M, D) -> (N, D)")
def affine_backward_without_transpose(dout, cache):
    x, w, b = cache
    _, dw, db = _backward(dout, cache)
    return (dout @ w).reshape(x.shape), dw, db


@wrong(
    "affine_backward", "dw is transposed: it should be rows.T (D, N) @ dout (N, M) -> (D, M)", rule="dw is transposed"
)
def affine_backward_transposed(dout, cache):
    dx, dw, db = _backward(dout, cache)
    return dx, dw.T, db


@wrong(
    "affine_backward", "dw is divided by N: the 1/N of the loss is already part of dout", rule="a mean instead of a sum"
)
def affine_backward_mean(dout, cache):
    dx, dw, db = _backward(dout, cache)
    return dx, dw / len(dout), db


@wrong("affine_backward", "dx, dw and db are divided by N: the 1/N of the loss is already part of dout")
def affine_backward_mean_of_all(dout, cache):
    return tuple(gradient / len(dout) for gradient in _backward(dout, cache))


@wrong(
    "affine_backward",
    "db is a mean over the inputs: b is added to every row, so its gradient is a sum",
    rule="a mean instead of a sum",
)
def affine_backward_mean_bias(dout, cache):
    dx, dw, _ = _backward(dout, cache)
    return dx, dw, dout.mean(axis=0)


@wrong(
    "affine_backward",
    "db is summed over the outputs: sum over the inputs instead, axis=0",
    rule="run over the wrong axis",
)
def affine_backward_wrong_axis(dout, cache):
    dx, dw, _ = _backward(dout, cache)
    return dx, dw, dout.sum(axis=1)


@right("affine_backward", edge="the shape is (1, D), and (D,) is expected")
def affine_backward_keepdims(dout, cache):
    dx, dw, _ = _backward(dout, cache)
    return dx, dw, dout.sum(axis=0, keepdims=True)


@wrong("affine_backward", "db is a single number, the sum of all of dout: sum over axis 0 only", rule="1 axis too few")
def affine_backward_sums_all(dout, cache):
    dx, dw, _ = _backward(dout, cache)
    return dx, dw, dout.sum()


@wrong("affine_backward", "db is dout itself: b is added to every row, so sum dout over axis 0", rule="1 axis too many")
def affine_backward_bias_not_summed(dout, cache):
    dx, dw, _ = _backward(dout, cache)
    return dx, dw, dout


@wrong("affine_backward", "db is multiplied by b: the derivative of x w + b with respect to b is 1")
def affine_backward_bias_times_b(dout, cache):
    dx, dw, db = _backward(dout, cache)
    return dx, dw, db * cache[2]


@wrong(
    "affine_backward",
    "dw is computed from the layer's output instead of its input: dw = rows.T @ dout, with rows from the cached x",
)
def affine_backward_uses_output(dout, cache):
    x, w, b = cache
    dx, _, db = _backward(dout, cache)
    out = x.reshape(len(x), -1) @ w + b
    return dx, w @ (out.T @ dout), db


@wrong("affine_backward", "dout is ignored: dx = dout @ w.T, not the local gradient alone")
def affine_backward_ignores_dout(dout, cache):
    return _backward(np.ones_like(dout), cache)


@wrong(
    "affine_backward",
    "the sign is flipped: a layer returns the gradient itself, and the update rule subtracts it",
    rule="the sign is flipped",
)
def affine_backward_negative(dout, cache):
    return tuple(-gradient for gradient in _backward(dout, cache))


@wrong(
    "affine_backward", "x is flattened in the wrong order for dw: use x.reshape(N, -1), without order= or a transpose"
)
def affine_backward_columns_first(dout, cache):
    x, w, b = cache
    dx, _, db = _backward(dout, cache)
    return dx, x.reshape(len(x), -1, order="F").T @ dout, db


@wrong("affine_backward", "dw is the gradient of the last input alone: add up over all inputs, with +=")
def affine_backward_last_input(dout, cache):
    x, w, b = cache
    dx, _, db = _backward(dout, cache)
    for i in range(len(x)):
        dw = np.outer(x[i].ravel(), dout[i])
    return dx, dw, db


@wrong("affine_backward", "the gradients are returned in the wrong order: return dx, dw, db")
def affine_backward_other_order(dout, cache):
    dx, dw, db = _backward(dout, cache)
    return dw, dx, db


@right("affine_backward")
def affine_backward_einsum(dout, cache):
    x, w, b = cache
    rows = x.reshape(len(x), -1)
    dx = np.einsum("nm,dm->nd", dout, w).reshape(x.shape)
    return dx, np.einsum("nd,nm->dm", rows, dout), np.einsum("nm->m", dout)


@right("affine_backward")
def affine_backward_with_loops(dout, cache):
    x, w, b = cache
    dx, dw, db = np.zeros_like(x), np.zeros_like(w), np.zeros_like(b)
    for i in range(len(x)):
        dx[i] = (w @ dout[i]).reshape(x.shape[1:])
        dw += np.outer(x[i].ravel(), dout[i])
        db += dout[i]
    return dx, dw, db


@right("affine_backward")
def affine_backward_with_ones(dout, cache):
    x, w, b = cache
    dw = np.dot(dout.T, x.reshape(len(x), -1)).T
    return np.dot(w, dout.T).T.reshape(*x.shape), dw, np.ones(len(x)) @ dout


@right("affine_backward", beside={"cs231n.layers:affine_forward": affine_caches_rows_and_shape})
def affine_backward_of_rows_and_shape(dout, cache):
    rows, shape, w = cache
    return np.reshape(dout @ w.T, shape), np.dot(rows.T, dout), np.einsum("nm->m", dout)


def _forward_missing(*_):
    raise NotImplementedError("affine_forward: two_layer_net")


@right("affine_backward", beside={"cs231n.layers:affine_forward": _forward_missing})
def affine_backward_before_forward(dout, cache):
    return _backward(dout, cache)


# ---- relu_forward


@wrong("relu_forward", "negative values become positive, as with np.abs: ReLU sets them to 0")
def relu_abs(x):
    return np.abs(x), x


@wrong("relu_forward", "negative values are scaled down, as in a leaky ReLU: ReLU sets them to 0")
def relu_leaky(x):
    return np.where(x > 0, x, 0.01 * x), x


@wrong("relu_forward", "values above 1 are clipped: ReLU has no upper limit")
def relu_clipped(x):
    return np.clip(x, 0, 1), x


@wrong("relu_forward", "positive values are set to 0 and negative ones kept: use np.maximum, not np.minimum")
def relu_minimum(x):
    return np.minimum(0, x), x


@wrong("relu_forward", "out is 1 where x is positive: it should be x itself there")
def relu_step(x):
    return (x > 0).astype(x.dtype), x


@wrong("relu_forward", "x is modified in place: np.maximum(0, x) makes a new array", rule="modified in place")
def relu_in_place(x):
    x[x < 0] = 0
    return x, x


@wrong("relu_forward", "np.max returns the single largest value: np.maximum compares entry by entry", rule="axes")
def relu_max_of_all(x):
    return np.max(np.append(x, 0)), x


@wrong("relu_forward", "x is compared with 1 instead of 0")
def relu_at_one(x):
    return np.where(x > 1, x, 0), x


@wrong("relu_forward", "out holds whole numbers: give it the float dtype of x")
def relu_whole_numbers(x):
    out = np.zeros(x.shape, dtype=int)
    out[x > 0] = x[x > 0]
    return out, x


@right("relu_forward")
def relu_where(x):
    return np.where(x > 0, x, 0.0), x


@right("relu_forward")
def relu_product(x):
    return x * (x > 0), x


@right("relu_forward")
def relu_half_of_sum(x):
    out = x.copy()
    out[out < 0] = 0
    return out, x


# ---- relu_backward


@wrong("relu_backward", "dout is ignored: where x is positive, dx is dout, not 1")
def relu_backward_ignores_dout(dout, cache):
    return (cache > 0).astype(float)


@wrong("relu_backward", "the mask depends on the sign of dout: it should depend on the sign of the cached x")
def relu_backward_of_dout(dout, cache):
    return np.maximum(0, dout)


@wrong("relu_backward", "dout passes where x is negative: it should pass where x is positive")
def relu_backward_other_side(dout, cache):
    return dout * (cache < 0)


@wrong("relu_backward", "dout passes everywhere: where x is negative, the gradient is 0")
def relu_backward_everywhere(dout, cache):
    return dout.copy()


@wrong(
    "relu_backward",
    "dout passes where x is exactly 0: this course defines the gradient there as 0, so use x > 0, not x >= 0",
)
def relu_backward_at_zero(dout, cache):
    return dout * (cache >= 0)


@wrong("relu_backward", "dout is multiplied by x: where x is positive, the local gradient is 1")
def relu_backward_times_x(dout, cache):
    return dout * np.maximum(0, cache)


@wrong("relu_backward", "where x is negative, dx is -dout: it should be 0 there")
def relu_backward_sign(dout, cache):
    return dout * np.sign(cache)


@wrong("relu_backward", "a fraction of dout passes where x is negative, as in a leaky ReLU: dx should be 0 there")
def relu_backward_leaky(dout, cache):
    return dout * np.where(cache > 0, 1, 0.01)


@right("relu_backward", edge="dout is modified in place")
def relu_backward_in_place(dout, cache):
    dout[cache <= 0] = 0
    return dout


@wrong("relu_backward", "the mask depends on the sign of dout as well as on that of x: it should depend on x alone")
def relu_backward_both_positive(dout, cache):
    return dout * ((cache > 0) & (dout > 0))


@wrong("relu_backward", "dout does not pass where x is above 1: dx is dout wherever x > 0")
def relu_backward_clipped(dout, cache):
    return dout * ((cache > 0) & (cache < 1))


@right("relu_backward")
def relu_backward_where(dout, cache):
    return np.where(cache > 0, dout, 0)


@right("relu_backward")
def relu_backward_copy(dout, cache):
    dx = np.array(dout, copy=True)
    dx[cache <= 0] = 0
    return dx


def _relu_with_mask(x):
    """The forward pass that caches where x is positive, and not x itself."""
    mask = x > 0
    return np.where(mask, x, 0), mask


@right("relu_backward", beside={"cs231n.layers:relu_forward": _relu_with_mask})
def relu_backward_by_mask(dout, cache):
    return np.where(cache, dout, 0)


def _relu_with_out(x):
    """The forward pass that caches its output."""
    out = np.maximum(x, 0)
    return out, out


@right("relu_backward", beside={"cs231n.layers:relu_forward": _relu_with_out})
def relu_backward_by_out(dout, cache):
    dx = dout.copy()
    dx[cache == 0] = 0
    return dx


# ---- svm_loss


def _hinge(x, y, margin=1.0):
    margins = np.maximum(0, x - x[np.arange(len(y)), y][:, None] + margin)
    margins[np.arange(len(y)), y] = 0
    return margins


def _hinge_gradient(x, y):
    dx = (_hinge(x, y) > 0).astype(float)
    dx[np.arange(len(y)), y] -= dx.sum(axis=1)
    return dx / len(y)


@wrong("svm_loss", "the loss and dx are sums over the inputs: divide both by N", rule="not divided by N")
def svm_sum(x, y):
    return _hinge(x, y).sum(), _hinge_gradient(x, y) * len(y)


@wrong("svm_loss", "dx is not divided by N", rule="not divided by N")
def svm_gradient_sum(x, y):
    return _hinge(x, y).sum() / len(y), _hinge_gradient(x, y) * len(y)


@wrong("svm_loss", "the loss is not divided by N", rule="not divided by N")
def svm_loss_sum(x, y):
    return _hinge(x, y).sum(), _hinge_gradient(x, y)


@wrong("svm_loss", "the loss is the mean over all N * C margins: divide their sum by N only", rule="divided by C")
def svm_mean_of_all(x, y):
    return _hinge(x, y).mean(), _hinge_gradient(x, y)


@wrong("svm_loss", "the margin of the true class, which is always 1, counts in the loss: leave it out")
def svm_true_class_counts(x, y):
    return _hinge(x, y).sum() / len(y) + 1, _hinge_gradient(x, y)


@wrong(
    "svm_loss",
    "the true class is not left out: its margin counts in the loss, and its gradient is too small by 1 "
    "(before the division by N)",
)
def svm_true_class_everywhere(x, y):
    margins = np.maximum(0, x - x[np.arange(len(y)), y][:, None] + 1)
    dx = (margins > 0).astype(float)
    dx[np.arange(len(y)), y] = -dx.sum(axis=1)
    return margins.sum() / len(y), dx / len(y)


@wrong("svm_loss", "the margin of 1 is missing")
def svm_without_margin(x, y):
    margins = _hinge(x, y, margin=0.0)
    dx = (margins > 0).astype(float)
    dx[np.arange(len(y)), y] -= dx.sum(axis=1)
    return margins.sum() / len(y), dx / len(y)


@wrong("svm_loss", "the margin of 1 is subtracted instead of added: x_j - x_y + 1")
def svm_negative_margin(x, y):
    margins = _hinge(x, y, margin=-1.0)
    dx = (margins > 0).astype(float)
    dx[np.arange(len(y)), y] -= dx.sum(axis=1)
    return margins.sum() / len(y), dx / len(y)


@wrong("svm_loss", "the difference of the scores has the wrong sign: it is x_j - x_y + 1, the true score is subtracted")
def svm_other_way_round(x, y):
    return _hinge(-x, y).sum() / len(y), -_hinge_gradient(-x, y)


@wrong("svm_loss", "the margins are squared: the hinge loss adds them up without squaring")
def svm_squared(x, y):
    return (_hinge(x, y) ** 2).sum() / len(y), _hinge_gradient(x, y)


@wrong("svm_loss", "only the largest margin of each input counts: add up the margins of all wrong classes")
def svm_largest_only(x, y):
    return _hinge(x, y).max(axis=1).mean(), _hinge_gradient(x, y)


@wrong(
    "svm_loss",
    "dx is 0 for the true class: each class with a positive margin lowers it by 1 (before the division by N)",
    rule="only the entries of the true classes",
)
def svm_gradient_without_true_class(x, y):
    return _hinge(x, y).sum() / len(y), (_hinge(x, y) > 0) / len(y)


@wrong(
    "svm_loss",
    "dx is -1/N for each true class: it should be minus the NUMBER of classes with a positive margin, divided by N",
    rule="only the entries of the true classes",
)
def svm_gradient_minus_one(x, y):
    dx = (_hinge(x, y) > 0).astype(float)
    dx[np.arange(len(y)), y] = -1
    return _hinge(x, y).sum() / len(y), dx / len(y)


@wrong("svm_loss", "dx contains the margins themselves: the gradient of max(0, m) is 1 where m > 0")
def svm_gradient_of_margins(x, y):
    dx = _hinge(x, y)
    dx[np.arange(len(y)), y] -= dx.sum(axis=1)
    return _hinge(x, y).sum() / len(y), dx / len(y)


@wrong("svm_loss", "x is modified in place: x -= ... writes into the caller's scores", rule="modified in place")
def svm_changes_scores(x, y):
    loss, dx = _hinge(x, y).sum() / len(y), _hinge_gradient(x, y)
    x -= x[np.arange(len(y)), y][:, None]
    return loss, dx


@wrong("svm_loss", "only the first input counts: the loop returns too early")
def svm_returns_early(x, y):
    for i in range(len(y)):
        margins = _hinge(x, y)
        dx = np.zeros(x.shape)
        dx[i] = _hinge_gradient(x, y)[i]
        return margins[i].sum(), dx


@right("svm_loss")
def svm_with_loops(x, y):
    N, C = x.shape
    loss, dx = 0.0, np.zeros((N, C))
    for i in range(N):
        for j in range(C):
            if j != y[i] and x[i, j] - x[i, y[i]] + 1 > 0:
                loss += x[i, j] - x[i, y[i]] + 1
                dx[i, j] += 1
                dx[i, y[i]] -= 1
    return loss / N, dx / N


@right("svm_loss")
def svm_subtract_true_class(x, y):
    N = len(y)
    true = np.eye(x.shape[1], dtype=bool)[y]
    margins = np.clip(x - x[true].reshape(-1, 1) + 1.0, 0, None)
    over = (margins > 0) & ~true
    return (margins.sum() - N) / N, (over - over.sum(axis=1, keepdims=True) * true) / N


# ---- softmax_loss


def _log_p(x):
    shifted = x - x.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def _cross_entropy(x, y):
    log_p = _log_p(x)
    dx = np.exp(log_p)
    dx[np.arange(len(y)), y] -= 1
    return -log_p[np.arange(len(y)), y].mean(), dx / len(y)


@wrong("softmax_loss", "the loss and dx are sums over the inputs: divide both by N", rule="not divided by N")
def softmax_sum(x, y):
    loss, dx = _cross_entropy(x, y)
    return loss * len(y), dx * len(y)


@wrong("softmax_loss", "dx is not divided by N", rule="not divided by N")
def softmax_gradient_sum(x, y):
    loss, dx = _cross_entropy(x, y)
    return loss, dx * len(y)


@wrong("softmax_loss", "the loss is not divided by N", rule="not divided by N")
def softmax_loss_sum(x, y):
    loss, dx = _cross_entropy(x, y)
    return loss * len(y), dx


@wrong("softmax_loss", "the minus sign of -log p is missing in the loss", rule="the sign is flipped")
def softmax_positive_log(x, y):
    loss, dx = _cross_entropy(x, y)
    return -loss, dx


@wrong(
    "softmax_loss",
    "dx has the wrong sign: before the division by N it is p - 1 for the true class and p for the others",
    rule="the sign is flipped",
)
def softmax_negative_gradient(x, y):
    loss, dx = _cross_entropy(x, y)
    return loss, -dx


@wrong(
    "softmax_loss",
    "exp overflows: first subtract the largest score of each row, which leaves the probabilities unchanged",
    rule="not finite",
)
def softmax_overflows(x, y):
    p = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
    dx = p.copy()
    dx[np.arange(len(y)), y] -= 1
    return -np.log(p[np.arange(len(y)), y]).mean(), dx / len(y)


@wrong(
    "softmax_loss",
    "the largest score of the whole matrix is subtracted: a row far below it becomes 0 / 0; subtract each "
    "row's own maximum, x.max(axis=1, keepdims=True)",
    rule="not finite",
)
def softmax_global_max(x, y):
    exp = np.exp(x - x.max())
    p = exp / exp.sum(axis=1, keepdims=True)
    dx = p.copy()
    dx[np.arange(len(y)), y] -= 1
    return -np.log(p[np.arange(len(y)), y]).mean(), dx / len(y)


@wrong(
    "softmax_loss",
    "the largest score of the whole matrix is subtracted: a row far below it becomes log 0; subtract each "
    "row's own maximum, x.max(axis=1, keepdims=True)",
    rule="not finite",
)
def softmax_global_max_in_log(x, y):
    shifted = x - np.max(x)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    dx = np.exp(log_p)
    dx[np.arange(len(y)), y] -= 1
    return -log_p[np.arange(len(y)), y].mean(), dx / len(y)


@wrong("softmax_loss", "exp overflows: first subtract the largest score of each row", rule="not finite")
def softmax_overflows_in_log(x, y):
    log_p = x - np.log(np.exp(x).sum(axis=1, keepdims=True))
    dx = np.exp(log_p)
    dx[np.arange(len(y)), y] -= 1
    return -log_p[np.arange(len(y)), y].mean(), dx / len(y)


@right("softmax_loss", edge="its probability is 0 and the logarithm of it infinite")
def softmax_log_of_p(x, y):
    exp = np.exp(x - x.max(axis=1, keepdims=True))
    p = exp / exp.sum(axis=1, keepdims=True)
    dx = p.copy()
    dx[np.arange(len(y)), y] -= 1
    return -np.log(p[np.arange(len(y)), y]).mean(), dx / len(y)


@wrong("softmax_loss", "a small constant is added inside the log: it hides log 0 and makes large losses wrong")
def softmax_small_number(x, y):
    loss, dx = _cross_entropy(x, y)
    p = np.exp(_log_p(x))
    return -np.log(p[np.arange(len(y)), y] + 1e-10).mean(), dx


@wrong(
    "softmax_loss",
    "the probabilities are normalised over the whole matrix: each row of p must sum to 1, so sum over axis=1",
)
def softmax_over_everything(x, y):
    shifted = x - x.max()
    log_p = shifted - np.log(np.exp(shifted).sum())
    dx = np.exp(log_p)
    dx[np.arange(len(y)), y] -= 1
    return -log_p[np.arange(len(y)), y].mean(), dx / len(y)


@wrong("softmax_loss", "the probabilities are normalised over the inputs: sum over the classes instead, axis=1")
def softmax_over_inputs(x, y):
    log_p = _log_p(x.T).T
    dx = np.exp(log_p)
    dx[np.arange(len(y)), y] -= 1
    return -log_p[np.arange(len(y)), y].mean(), dx / len(y)


@wrong(
    "softmax_loss",
    "1 is added for the true class in dx: it should be subtracted, p - 1",
    rule="only the entries of the true classes",
)
def softmax_adds_one(x, y):
    loss, _ = _cross_entropy(x, y)
    dx = np.exp(_log_p(x))
    dx[np.arange(len(y)), y] += 1
    return loss, dx / len(y)


@wrong(
    "softmax_loss",
    "dx is p / N everywhere: for the true class it is (p - 1) / N",
    rule="only the entries of the true classes",
)
def softmax_gradient_p(x, y):
    loss, _ = _cross_entropy(x, y)
    return loss, np.exp(_log_p(x)) / len(y)


@wrong("softmax_loss", "1 is subtracted after the division by N: compute p - 1 first, then divide", rule="true classes")
def softmax_subtracts_late(x, y):
    loss, _ = _cross_entropy(x, y)
    dx = np.exp(_log_p(x)) / len(y)
    dx[np.arange(len(y)), y] -= 1
    return loss, dx


@wrong(
    "softmax_loss",
    "1 is subtracted from whole columns, as by dx[:, y] -= 1: dx[np.arange(N), y] -= 1 changes one entry in each row",
)
def softmax_whole_columns(x, y):
    loss, _ = _cross_entropy(x, y)
    dx = np.exp(_log_p(x))
    dx[:, y] -= 1
    return loss, dx / len(y)


@wrong("softmax_loss", "the log is missing in the loss: it is the mean of -log p of the true class, not of -p")
def softmax_without_log(x, y):
    _, dx = _cross_entropy(x, y)
    return -np.exp(_log_p(x))[np.arange(len(y)), y].mean(), dx


@wrong("softmax_loss", "the loss uses log2: the gradient p - 1 belongs to the natural logarithm, np.log")
def softmax_log2(x, y):
    loss, dx = _cross_entropy(x, y)
    return loss / np.log(2), dx


@wrong("softmax_loss", "log p is summed over all classes: only the true class counts")
def softmax_all_classes(x, y):
    _, dx = _cross_entropy(x, y)
    return -_log_p(x).sum(axis=1).mean(), dx


@wrong("softmax_loss", "the log of the sum is missing in the loss: it is -x_y + log(sum(exp(x)))")
def softmax_unnormalised(x, y):
    _, dx = _cross_entropy(x, y)
    shifted = x - x.max(axis=1, keepdims=True)
    return -shifted[np.arange(len(y)), y].mean(), dx


@wrong("softmax_loss", "x is modified in place: x -= ... writes into the caller's scores", rule="modified in place")
def softmax_changes_scores(x, y):
    x -= x.max(axis=1, keepdims=True)
    return _cross_entropy(x, y)


@right("softmax_loss")
def softmax_with_loops(x, y):
    loss, dx = 0.0, np.zeros_like(x)
    for i in range(len(x)):
        row = x[i] - np.max(x[i])
        loss += np.log(np.sum(np.exp(row))) - row[y[i]]
        for j in range(len(row)):
            dx[i, j] = np.exp(row[j]) / np.sum(np.exp(row)) - (j == y[i])
    return loss / len(x), dx / len(x)


@right("softmax_loss")
def softmax_one_hot(x, y):
    one_hot = np.eye(x.shape[1])[y]
    shifted = x - np.max(x, axis=1)[:, None]
    log_p = shifted - np.log(np.sum(np.exp(shifted), axis=1))[:, None]
    p = np.exp(shifted) / np.sum(np.exp(shifted), axis=1)[:, None]
    return -np.einsum("nc,nc->n", one_hot, log_p).sum() / len(x), (p - one_hot) / len(x)


@right("softmax_loss")
def softmax_logaddexp(x, y):
    log_p = x - np.logaddexp.reduce(x, axis=1, keepdims=True)
    dx = np.exp(log_p)
    dx[np.arange(len(y)), y] -= 1
    return -np.mean(log_p[np.arange(len(y)), y]), dx / len(y)


# ---- sgd


def _with_default(config, learning_rate=1e-2):
    config = {} if config is None else config
    config.setdefault("learning_rate", learning_rate)
    return config


@wrong("sgd", "the step goes up the gradient: next_w = w - learning_rate * dw, with a minus sign")
def sgd_uphill(w, dw, config=None):
    config = _with_default(config)
    return w + config["learning_rate"] * dw, config


@wrong("sgd", "the learning rate is missing: next_w = w - config['learning_rate'] * dw")
def sgd_without_rate(w, dw, config=None):
    return w - dw, _with_default(config)


@wrong("sgd", "the gradient is divided by the learning rate: multiply by it instead")
def sgd_divides(w, dw, config=None):
    config = _with_default(config)
    return w - dw / config["learning_rate"], config


@wrong("sgd", "the learning rate is hard-coded: use config['learning_rate']")
def sgd_typed_in_rate(w, dw, config=None):
    return w - 1e-2 * dw, _with_default(config)


@wrong("sgd", "w is returned unchanged: return w minus the step as next_w")
def sgd_unmoved(w, dw, config=None):
    return w, _with_default(config)


@wrong("sgd", "only the step is returned: next_w = w - learning_rate * dw")
def sgd_step_only(w, dw, config=None):
    config = _with_default(config)
    return -config["learning_rate"] * dw, config


@wrong("sgd", "the learning rate multiplies w - dw: it should multiply dw alone")
def sgd_rate_of_both(w, dw, config=None):
    config = _with_default(config)
    return config["learning_rate"] * (w - dw), config


@wrong("sgd", "only the sign of the gradient is used: use the gradient itself")
def sgd_sign(w, dw, config=None):
    config = _with_default(config)
    return w - config["learning_rate"] * np.sign(dw), config


@right("sgd", edge="dw is modified in place")
def sgd_changes_gradient(w, dw, config=None):
    config = _with_default(config)
    dw *= config["learning_rate"]
    return w - dw, config


@wrong("sgd", "only w is returned: return next_w, config")
def sgd_returns_w_only(w, dw, config=None):
    return w - _with_default(config)["learning_rate"] * dw


@wrong("sgd", "the step is twice as long: next_w = w - learning_rate * dw", rule="there is an extra factor of 2")
def sgd_twice(w, dw, config=None):
    config = _with_default(config)
    return w - 2 * config["learning_rate"] * dw, config


@right("sgd", edge="w is modified in place")
def sgd_in_place(w, dw, config=None):
    config = _with_default(config)
    w -= config["learning_rate"] * dw
    return w, config


@right("sgd")
def sgd_with_subtract(w, dw, config=None):
    config = _with_default(config)
    return np.subtract(w, np.multiply(dw, config["learning_rate"])), config


# ---- two_layer_net_init


def _set_params(net, reg, W1, b1, W2, b2):
    net.reg = reg
    net.params = {"W1": W1, "b1": b1, "W2": W2, "b2": b2}


_randn = np.random.randn


@wrong("two_layer_net_init", "the biases are random: they should start at 0")
def init_random_biases(self, input_dim=3072, hidden_dim=100, num_classes=10, weight_scale=1e-3, reg=0.0):
    W1, W2 = weight_scale * _randn(input_dim, hidden_dim), weight_scale * _randn(hidden_dim, num_classes)
    _set_params(self, reg, W1, weight_scale * _randn(hidden_dim), W2, weight_scale * _randn(num_classes))


@wrong("two_layer_net_init", "the biases are ones: they should start at 0", rule="np.zeros")
def init_ones(self, input_dim=3072, hidden_dim=100, num_classes=10, weight_scale=1e-3, reg=0.0):
    W1, W2 = weight_scale * _randn(input_dim, hidden_dim), weight_scale * _randn(hidden_dim, num_classes)
    _set_params(self, reg, W1, np.ones(hidden_dim), W2, np.ones(num_classes))


@wrong("two_layer_net_init", "the weights are not multiplied by weight_scale", rule="not multiplied by weight_scale")
def init_without_scale(self, input_dim=3072, hidden_dim=100, num_classes=10, weight_scale=1e-3, reg=0.0):
    W1, W2 = _randn(input_dim, hidden_dim), _randn(hidden_dim, num_classes)
    _set_params(self, reg, W1, np.zeros(hidden_dim), W2, np.zeros(num_classes))


@wrong(
    "two_layer_net_init",
    "W2 is not multiplied by weight_scale, although W1 is",
    rule="W2 is not multiplied by weight_scale",
)
def init_second_without_scale(self, input_dim=3072, hidden_dim=100, num_classes=10, weight_scale=1e-3, reg=0.0):
    W1, W2 = weight_scale * _randn(input_dim, hidden_dim), _randn(hidden_dim, num_classes)
    _set_params(self, reg, W1, np.zeros(hidden_dim), W2, np.zeros(num_classes))


@wrong("two_layer_net_init", "the weights are drawn uniformly from 0 to 1, as by np.random.rand: use np.random.randn")
def init_uniform(self, input_dim=3072, hidden_dim=100, num_classes=10, weight_scale=1e-3, reg=0.0):
    W1 = weight_scale * np.random.rand(input_dim, hidden_dim)
    W2 = weight_scale * np.random.rand(hidden_dim, num_classes)
    _set_params(self, reg, W1, np.zeros(hidden_dim), W2, np.zeros(num_classes))


@wrong(
    "two_layer_net_init",
    "W1 is drawn uniformly from 0 to 1, as by np.random.rand: use np.random.randn",
    rule="from 0 to 1",
)
def init_first_uniform(self, input_dim=3072, hidden_dim=100, num_classes=10, weight_scale=1e-3, reg=0.0):
    W1, W2 = weight_scale * np.random.rand(input_dim, hidden_dim), weight_scale * _randn(hidden_dim, num_classes)
    _set_params(self, reg, W1, np.zeros(hidden_dim), W2, np.zeros(num_classes))


@wrong(
    "two_layer_net_init",
    "the weights have the right standard deviation but are uniformly distributed: draw from the normal "
    "distribution, np.random.randn",
    rule="from the normal distribution",
)
def init_uniform_around_zero(self, input_dim=3072, hidden_dim=100, num_classes=10, weight_scale=1e-3, reg=0.0):
    width = weight_scale * 3**0.5
    W1 = np.random.uniform(-width, width, (input_dim, hidden_dim))
    W2 = np.random.uniform(-width, width, (hidden_dim, num_classes))
    _set_params(self, reg, W1, np.zeros(hidden_dim), W2, np.zeros(num_classes))


@wrong(
    "two_layer_net_init",
    "weight_scale is used as the mean: the first argument of np.random.normal is the mean, so write "
    "np.random.normal(0, weight_scale, size)",
)
def init_scale_as_mean(self, input_dim=3072, hidden_dim=100, num_classes=10, weight_scale=1e-3, reg=0.0):
    W1 = np.random.normal(weight_scale, size=(input_dim, hidden_dim))
    W2 = np.random.normal(weight_scale, size=(hidden_dim, num_classes))
    _set_params(self, reg, W1, np.zeros(hidden_dim), W2, np.zeros(num_classes))


@wrong(
    "two_layer_net_init",
    "weight_scale is squared: it is the standard deviation, so multiply by it once",
    rule="not by its square",
)
def init_scale_squared(self, input_dim=3072, hidden_dim=100, num_classes=10, weight_scale=1e-3, reg=0.0):
    W1, W2 = weight_scale**2 * _randn(input_dim, hidden_dim), weight_scale**2 * _randn(hidden_dim, num_classes)
    _set_params(self, reg, W1, np.zeros(hidden_dim), W2, np.zeros(num_classes))


@wrong(
    "two_layer_net_init",
    "the weights are scaled by the square root of weight_scale: it is the standard deviation, not the variance",
    rule="no square root",
)
def init_scale_as_variance(self, input_dim=3072, hidden_dim=100, num_classes=10, weight_scale=1e-3, reg=0.0):
    std = weight_scale**0.5
    W1, W2 = std * _randn(input_dim, hidden_dim), std * _randn(hidden_dim, num_classes)
    _set_params(self, reg, W1, np.zeros(hidden_dim), W2, np.zeros(num_classes))


@wrong("two_layer_net_init", "W1 is transposed: it should have shape (D, H)", rule="W1 is transposed")
def init_transposed(self, input_dim=3072, hidden_dim=100, num_classes=10, weight_scale=1e-3, reg=0.0):
    W1, W2 = weight_scale * _randn(hidden_dim, input_dim), weight_scale * _randn(hidden_dim, num_classes)
    _set_params(self, reg, W1, np.zeros(hidden_dim), W2, np.zeros(num_classes))


@wrong(
    "two_layer_net_init",
    "the biases have one entry for each input of their layer: b1 needs one for each hidden unit, b2 one for each class",
)
def init_biases_of_inputs(self, input_dim=3072, hidden_dim=100, num_classes=10, weight_scale=1e-3, reg=0.0):
    W1, W2 = weight_scale * _randn(input_dim, hidden_dim), weight_scale * _randn(hidden_dim, num_classes)
    _set_params(self, reg, W1, np.zeros(input_dim), W2, np.zeros(hidden_dim))


@wrong(
    "two_layer_net_init",
    "the weights are all zeros: hidden units that start equal stay equal for ever",
    rule="are equal",
)
def init_zeros(self, input_dim=3072, hidden_dim=100, num_classes=10, weight_scale=1e-3, reg=0.0):
    W1, W2 = np.zeros((input_dim, hidden_dim)), np.zeros((hidden_dim, num_classes))
    _set_params(self, reg, W1, np.zeros(hidden_dim), W2, np.zeros(num_classes))


@wrong(
    "two_layer_net_init",
    "all rows of W1 are equal: draw every entry, np.random.randn(D, H)",
    rule="values in W1 are repeated",
)
def init_repeated_rows(self, input_dim=3072, hidden_dim=100, num_classes=10, weight_scale=1e-3, reg=0.0):
    W1 = np.zeros((input_dim, hidden_dim)) + weight_scale * _randn(1, hidden_dim)
    W2 = weight_scale * _randn(hidden_dim, num_classes)
    _set_params(self, reg, W1 / W1.std() * weight_scale, np.zeros(hidden_dim), W2, np.zeros(num_classes))


@wrong(
    "two_layer_net_init",
    "the random generator is seeded inside __init__, so every net is the same: leave seeding to the caller",
)
def init_seeded(self, input_dim=3072, hidden_dim=100, num_classes=10, weight_scale=1e-3, reg=0.0):
    np.random.seed(0)
    W1 = weight_scale * np.random.randn(input_dim, hidden_dim)
    W2 = weight_scale * np.random.randn(hidden_dim, num_classes)
    _set_params(self, reg, W1, np.zeros(hidden_dim), W2, np.zeros(num_classes))


@wrong("two_layer_net_init", "the biases are missing from self.params: store b1 and b2, too", rule="self.params")
def init_without_biases(self, input_dim=3072, hidden_dim=100, num_classes=10, weight_scale=1e-3, reg=0.0):
    self.reg = reg
    self.params = {
        "W1": weight_scale * _randn(input_dim, hidden_dim),
        "W2": weight_scale * _randn(hidden_dim, num_classes),
    }


@right("two_layer_net_init")
def init_normal(self, input_dim=3072, hidden_dim=100, num_classes=10, weight_scale=1e-3, reg=0.0):
    self.reg, self.params = reg, {}
    self.params["W2"] = np.random.normal(0, weight_scale, (hidden_dim, num_classes))
    self.params["W1"] = np.random.normal(scale=weight_scale, size=(input_dim, hidden_dim))
    self.params["b1"], self.params["b2"] = np.zeros((hidden_dim,)), 0.0 * np.ones(num_classes)


@right("two_layer_net_init")
def init_generator(self, input_dim=3072, hidden_dim=100, num_classes=10, weight_scale=1e-3, reg=0.0):
    rng = np.random.default_rng(np.random.randint(2**31))
    W1 = weight_scale * rng.standard_normal((input_dim, hidden_dim))
    W2 = weight_scale * rng.standard_normal((hidden_dim, num_classes))
    _set_params(self, reg, W1, np.zeros_like(W1[0]), W2, np.zeros_like(W2[0]))


@right("two_layer_net_init")
def init_float32(self, input_dim=3072, hidden_dim=100, num_classes=10, weight_scale=1e-3, reg=0.0):
    W1 = (weight_scale * _randn(input_dim, hidden_dim)).astype(np.float32)
    W2 = (weight_scale * _randn(hidden_dim, num_classes)).astype(np.float32)
    _set_params(self, reg, W1, np.zeros(hidden_dim, np.float32), W2, np.zeros(num_classes, np.float32))


# ---- two_layer_net_loss: the scores


def _params(net):
    return tuple(net.params[name] for name in ("W1", "b1", "W2", "b2"))


def _forward(net, X):
    W1, b1, W2, b2 = _params(net)
    hidden = np.maximum(0, X.reshape(len(X), -1) @ W1 + b1)
    return hidden, hidden @ W2 + b2


def _gradients(net, X, y, reg_factor=1.0):
    """The loss, the gradients, and the intermediate values from which the wrong versions are built."""
    W1, b1, W2, b2 = _params(net)
    rows = X.reshape(len(X), -1)
    hidden, scores = _forward(net, X)
    loss, dscores = _cross_entropy(scores, y)
    loss += 0.5 * reg_factor * net.reg * (np.sum(W1 * W1) + np.sum(W2 * W2))
    dhidden = (dscores @ W2.T) * (hidden > 0)
    grads = {
        "W1": rows.T @ dhidden + reg_factor * net.reg * W1,
        "b1": dhidden.sum(axis=0),
        "W2": hidden.T @ dscores + reg_factor * net.reg * W2,
        "b2": dscores.sum(axis=0),
    }
    return loss, grads, (rows, hidden, scores, dscores, dhidden)


def _loss_from(scores_of):
    """A `loss` with wrong scores and correct gradients."""

    def loss(self, X, y=None):
        return scores_of(self, X) if y is None else _gradients(self, X, y)[:2]

    return loss


def _wrong_scores(sentence, rule=""):
    def register(scores_of):
        function = _loss_from(scores_of)
        function.__name__ = scores_of.__name__
        return wrong("two_layer_net_loss", sentence, rule)(function)

    return register


@_wrong_scores("the ReLU between the two layers is missing")
def scores_without_relu(self, X):
    W1, b1, W2, b2 = _params(self)
    return (X.reshape(len(X), -1) @ W1 + b1) @ W2 + b2


@_wrong_scores("there is a ReLU after the second layer, too: scores may be negative")
def scores_relu_at_the_end(self, X):
    return np.maximum(0, _forward(self, X)[1])


@_wrong_scores("softmax is applied to the scores: without labels, return the scores themselves")
def scores_as_probabilities(self, X):
    return np.exp(_log_p(_forward(self, X)[1]))


@_wrong_scores("the output of the hidden layer is returned: the second affine layer is missing")
def scores_are_hidden(self, X):
    return _forward(self, X)[0]


@_wrong_scores("the bias b1 is missing")
def scores_without_first_bias(self, X):
    W1, b1, W2, b2 = _params(self)
    return np.maximum(0, X.reshape(len(X), -1) @ W1) @ W2 + b2


@_wrong_scores("the bias b2 is missing")
def scores_without_second_bias(self, X):
    return _forward(self, X)[1] - self.params["b2"]


@_wrong_scores("the predicted labels are returned: without y, return the scores of all classes")
def scores_as_labels(self, X):
    return np.argmax(_forward(self, X)[1], axis=1)


@_wrong_scores("the cache is returned with the scores: affine_forward returns (out, cache), so unpack the two")
def scores_with_cache(self, X):
    return _forward(self, X)[1], X


@_wrong_scores("the ReLU comes before the first layer: the order is affine, ReLU, affine")
def scores_relu_first(self, X):
    W1, b1, W2, b2 = _params(self)
    return (np.maximum(0, X.reshape(len(X), -1)) @ W1 + b1) @ W2 + b2


@_wrong_scores("X is not flattened: affine_forward does that, X @ W1 does not")
def scores_without_reshape(self, X):
    W1, b1, W2, b2 = _params(self)
    return np.maximum(0, X @ W1 + b1) @ W2 + b2


@right("two_layer_net_loss")
def scores_in_one_line(self, X, y=None):
    W1, b1, W2, b2 = _params(self)
    scores = np.einsum("nh,hc->nc", np.clip(X.reshape(len(X), -1).dot(W1) + b1, 0, None), W2) + b2
    return scores if y is None else _gradients(self, X, y)[:2]


@right("two_layer_net_loss")
def scores_from_layers(self, X, y=None):
    from cs231n.layers import affine_forward, relu_forward

    a, _ = affine_forward(X, self.params["W1"], self.params["b1"])
    h, _ = relu_forward(a)
    return affine_forward(h, self.params["W2"], self.params["b2"])[0]


# ---- two_layer_net_gradients


def _wrong_gradients(sentence, rule="", question="two_layer_net_gradients"):
    """Register a function that computes (loss, grads) from a net, X and y; without labels, the scores are correct."""

    def register(function):
        def loss(self, X, y=None):
            return _forward(self, X)[1] if y is None else function(self, X, y)

        loss.__name__ = function.__name__
        return wrong(question, sentence, rule)(loss)

    return register


@_wrong_gradients("the scores are returned although labels are given: return loss, grads")
def net_returns_scores(self, X, y):
    return _forward(self, X)[1]


@_wrong_gradients("the factor 0.5 of the regularisation is missing in the loss", rule="an extra 0.5 * reg * sum(W * W)")
def net_without_half(self, X, y):
    loss, grads, _ = _gradients(self, X, y)
    W1, _, W2, _ = _params(self)
    return loss + 0.5 * self.reg * (np.sum(W1**2) + np.sum(W2**2)), grads


@_wrong_gradients(
    "the regularisation adds 2 * reg * W to the gradients: with the factor 0.5 in the loss, it should add reg * W",
    rule="an extra 1 * reg * W",
)
def net_gradient_twice(self, X, y):
    loss, _, _ = _gradients(self, X, y)
    return loss, _gradients(self, X, y, reg_factor=2.0)[1]


@_wrong_gradients(
    "the regularisation adds 0.5 * reg * W to the gradients: the derivative of 0.5 * reg * W * W is reg * W",
    rule="is missing",
)
def net_gradient_half(self, X, y):
    loss, _, _ = _gradients(self, X, y)
    return loss, _gradients(self, X, y, reg_factor=0.5)[1]


@_wrong_gradients(
    "the regularisation is missing in the gradients: add reg * W to dW1 and dW2",
    rule="1 * reg * W is missing",
)
def net_gradient_without_reg(self, X, y):
    loss, _, _ = _gradients(self, X, y)
    return loss, _gradients(self, X, y, reg_factor=0.0)[1]


@_wrong_gradients("the regularisation is missing in the loss", rule="0.5 * reg * sum(W * W) is missing")
def net_loss_without_reg(self, X, y):
    return _gradients(self, X, y, reg_factor=0.0)[0], _gradients(self, X, y)[1]


@_wrong_gradients("the regularisation is missing in both the loss and the gradients", rule="is missing")
def net_without_reg(self, X, y):
    return _gradients(self, X, y, reg_factor=0.0)[:2]


@_wrong_gradients("only W1 is regularised: regularise W2, too")
def net_regularises_first_only(self, X, y):
    loss, grads, _ = _gradients(self, X, y)
    W2 = self.params["W2"]
    return loss - 0.5 * self.reg * np.sum(W2**2), grads | {"W2": grads["W2"] - self.reg * W2}


@_wrong_gradients("the biases are regularised: regularise only the weights W1 and W2")
def net_regularises_biases(self, X, y):
    loss, grads, _ = _gradients(self, X, y)
    _, b1, _, b2 = _params(self)
    loss = loss + 0.5 * self.reg * (np.sum(b1**2) + np.sum(b2**2))
    return loss, grads | {"b1": grads["b1"] + self.reg * b1, "b2": grads["b2"] + self.reg * b2}


@_wrong_gradients("the regularisation is subtracted in the gradients: add reg * W", rule="2 * reg * W is missing")
def net_subtracts_reg(self, X, y):
    loss, _, _ = _gradients(self, X, y)
    return loss, _gradients(self, X, y, reg_factor=-1.0)[1]


@_wrong_gradients(
    "the loss contains the norm, sqrt(sum(W * W)): use the sum of squares itself, without the square root"
)
def net_root_of_squares(self, X, y):
    loss, grads, _ = _gradients(self, X, y, reg_factor=0.0)
    W1, _, W2, _ = _params(self)
    return loss + 0.5 * self.reg * (np.linalg.norm(W1) + np.linalg.norm(W2)), _gradients(self, X, y)[1]


@_wrong_gradients("the backward pass skips the ReLU: dhidden must pass through relu_backward before the first layer")
def net_backward_without_relu(self, X, y):
    loss, grads, (rows, _, _, dscores, _) = _gradients(self, X, y)
    dhidden = dscores @ self.params["W2"].T
    return loss, grads | {"W1": rows.T @ dhidden + self.reg * self.params["W1"], "b1": dhidden.sum(axis=0)}


@_wrong_gradients(
    "the ReLU's mask depends on the sign of the gradient: it should depend on the cached input of the ReLU"
)
def net_relu_of_gradient(self, X, y):
    loss, grads, (rows, _, _, dscores, _) = _gradients(self, X, y)
    dhidden = np.maximum(0, dscores @ self.params["W2"].T)
    return loss, grads | {"W1": rows.T @ dhidden + self.reg * self.params["W1"], "b1": dhidden.sum(axis=0)}


@_wrong_gradients(
    "dW2 is computed from the hidden layer before the ReLU: the second layer's input is the output of the ReLU"
)
def net_hidden_before_relu(self, X, y):
    loss, grads, (rows, _, _, dscores, _) = _gradients(self, X, y)
    W1, b1, W2, _ = _params(self)
    return loss, grads | {"W2": (rows @ W1 + b1).T @ dscores + self.reg * W2}


@_wrong_gradients(
    "the gradients of the biases are missing: grads needs every key of self.params", rule='grads["b1"] is missing'
)
def net_without_bias_gradients(self, X, y):
    loss, grads, _ = _gradients(self, X, y)
    return loss, {"W1": grads["W1"], "W2": grads["W2"]}


@_wrong_gradients("db1 and db2 are swapped")
def net_exchanged_biases(self, X, y):
    loss, grads, _ = _gradients(self, X, y)
    return loss, grads | {"b1": grads["b2"], "b2": grads["b1"]}


@_wrong_gradients(
    "the gradients are divided by N a second time: softmax_loss has already done it", rule="a mean instead of a sum"
)
def net_divides_again(self, X, y):
    loss, grads, _ = _gradients(self, X, y, reg_factor=0.0)
    W1, _, W2, _ = _params(self)
    grads = {name: grad / len(X) for name, grad in grads.items()}
    grads["W1"], grads["W2"] = grads["W1"] + self.reg * W1, grads["W2"] + self.reg * W2
    return _gradients(self, X, y)[0], grads


@_wrong_gradients("the SVM loss is used: use softmax_loss")
def net_with_hinge(self, X, y):
    W1, _, W2, _ = _params(self)
    _, _, (rows, hidden, scores, _, _) = _gradients(self, X, y)
    dscores = _hinge_gradient(scores, y)
    dhidden = (dscores @ W2.T) * (hidden > 0)
    loss = _hinge(scores, y).sum() / len(y) + 0.5 * self.reg * (np.sum(W1**2) + np.sum(W2**2))
    return loss, {
        "W1": rows.T @ dhidden + self.reg * W1,
        "b1": dhidden.sum(axis=0),
        "W2": hidden.T @ dscores + self.reg * W2,
        "b2": dscores.sum(axis=0),
    }


@_wrong_gradients("loss changes the weights: the update W -= ... belongs to the update rule", rule="modified in place")
def net_updates_weights(self, X, y):
    loss, grads, _ = _gradients(self, X, y)
    for name in self.params:
        self.params[name] -= 1e-2 * grads[name]
    return loss, grads


@_wrong_gradients("the ReLU between the two layers is missing, in the forward and in the backward pass")
def net_without_relu(self, X, y):
    W1, b1, W2, b2 = _params(self)
    rows = X.reshape(len(X), -1)
    hidden = rows @ W1 + b1
    loss, dscores = _cross_entropy(hidden @ W2 + b2, y)
    dhidden = dscores @ W2.T
    grads = {"W1": rows.T @ dhidden, "b1": dhidden.sum(axis=0), "W2": hidden.T @ dscores, "b2": dscores.sum(axis=0)}
    for name in ("W1", "W2"):
        loss += 0.5 * self.reg * np.sum(self.params[name] ** 2)
        grads[name] += self.reg * self.params[name]
    return loss, grads


@_wrong_gradients(
    "the gradients of the biases are regularised: add reg * W to dW1 and dW2 only", rule="reg * b1 is added"
)
def net_regularises_bias_gradients(self, X, y):
    loss, grads, _ = _gradients(self, X, y)
    for name in ("b1", "b2"):
        grads[name] = grads[name] + self.reg * self.params[name]
    return loss, grads


@_wrong_gradients(
    "np.sum(W2) ** 2 squares the sum: square each entry first, np.sum(W2 ** 2)", rule="the sum of W2 is squared"
)
def net_square_of_sum(self, X, y):
    loss, grads, _ = _gradients(self, X, y)
    W2 = self.params["W2"]
    return loss + 0.5 * self.reg * (np.sum(W2) ** 2 - np.sum(W2**2)), grads


@_wrong_gradients("the loss is still 0, as distributed: compute it with softmax_loss", rule="loss is still 0")
def net_loss_placeholder(self, X, y):
    return 0, _gradients(self, X, y)[1]


@right("two_layer_net_gradients")
def net_in_one_piece(self, X, y=None):
    return _forward(self, X)[1] if y is None else _gradients(self, X, y)[:2]


@right("two_layer_net_gradients")
def net_from_single_layers(self, X, y=None):
    from cs231n import layers

    W1, b1, W2, b2 = _params(self)
    a, cache1 = layers.affine_forward(X, W1, b1)
    h, relu_cache = layers.relu_forward(a)
    scores, cache2 = layers.affine_forward(h, W2, b2)
    if y is None:
        return scores
    loss, dscores = layers.softmax_loss(scores, y)
    for W in (W1, W2):
        loss += self.reg * np.linalg.norm(W) ** 2 / 2
    dh, dW2, db2 = layers.affine_backward(dscores, cache2)
    dX, dW1, db1 = layers.affine_backward(layers.relu_backward(dh, relu_cache), cache1)
    return loss, {"b2": db2, "W2": dW2 + self.reg * W2, "b1": db1, "W1": dW1 + self.reg * W1}


@right(
    "two_layer_net_gradients",
    edge="its probability is 0 and the logarithm of it infinite",
    beside={"cs231n.layers:softmax_loss": softmax_log_of_p},
)
def net_with_log_of_p(self, X, y=None):
    return net_from_single_layers(self, X, y)


@right("two_layer_net_gradients", edge="the shape is (1, D), and (D,) is expected")
def net_keeps_dims(self, X, y=None):
    if y is None:
        return _forward(self, X)[1]
    loss, grads, _ = _gradients(self, X, y)
    return loss, {name: grad[np.newaxis] if name in ("b1", "b2") else grad for name, grad in grads.items()}


# ---- the same net in one piece


def _piece(net, X, y, reg, reg_factor=2.0):
    loss, grads, _ = _gradients(_with_reg(net, 0.0), X, y)
    W1, _, W2, _ = _params(net)
    grads["W1"] += reg_factor * reg * W1
    grads["W2"] += reg_factor * reg * W2
    return loss + reg * (np.sum(W1**2) + np.sum(W2**2)), grads


class _with_reg:
    def __init__(self, net, reg):
        self.params, self.reg = net.params, reg


@wrong(
    "neural_net_loss",
    "the regularisation is half of what it should be, in the loss and in the gradients: this net uses reg "
    "* sum(W * W), without the factor 0.5",
    rule="0.5 * reg * sum(W * W) is missing",
)
def one_piece_half_reg(self, X, y=None, reg=0.0):
    return _forward(self, X)[1] if y is None else _gradients(_with_reg(self, reg), X, y)[:2]


@wrong(
    "neural_net_loss",
    "the factor 2 of the regularisation is missing in the gradients: the gradient of reg * W * W is 2 * reg * W",
    rule="1 * reg * W is missing",
)
def one_piece_gradient_without_two(self, X, y=None, reg=0.0):
    return _forward(self, X)[1] if y is None else _piece(self, X, y, reg, reg_factor=1.0)


@wrong("neural_net_loss", "the regularisation is missing in the gradients", rule="2 * reg * W is missing")
def one_piece_gradient_without_reg(self, X, y=None, reg=0.0):
    return _forward(self, X)[1] if y is None else _piece(self, X, y, reg, reg_factor=0.0)


@wrong("neural_net_loss", "the ReLU between the two layers is missing")
def one_piece_without_relu(self, X, y=None, reg=0.0):
    W1, b1, W2, b2 = _params(self)
    return (X @ W1 + b1) @ W2 + b2 if y is None else _piece(self, X, y, reg)


@wrong("neural_net_loss", "the backward pass skips the ReLU: set dhidden to 0 where the hidden unit is not active")
def one_piece_backward_without_relu(self, X, y=None, reg=0.0):
    if y is None:
        return _forward(self, X)[1]
    loss, grads = _piece(self, X, y, reg)
    W1, _, W2, _ = _params(self)
    dscores = _cross_entropy(_forward(self, X)[1], y)[1]
    return loss, grads | {"W1": X.T @ (dscores @ W2.T) + 2 * reg * W1, "b1": (dscores @ W2.T).sum(axis=0)}


@wrong("neural_net_loss", "the mask of the ReLU depends on the gradient: it depends on the hidden units, hidden > 0")
def one_piece_relu_of_gradient(self, X, y=None, reg=0.0):
    if y is None:
        return _forward(self, X)[1]
    loss, grads = _piece(self, X, y, reg)
    _, _, (rows, _, _, dscores, _) = _gradients(_with_reg(self, 0.0), X, y)
    dhidden = np.maximum(0, dscores @ self.params["W2"].T)
    return loss, grads | {"W1": rows.T @ dhidden + 2 * reg * self.params["W1"], "b1": dhidden.sum(axis=0)}


@wrong("neural_net_loss", "the biases are missing in the scores: hidden = max(0, X W1 + b1), scores = hidden W2 + b2")
def one_piece_without_biases(self, X, y=None, reg=0.0):
    W1, _, W2, _ = _params(self)
    return np.maximum(0, X @ W1) @ W2 if y is None else _piece(self, X, y, reg)


@right("neural_net_loss")
def one_piece_other_order(self, X, y=None, reg=0.0):
    return _forward(self, X)[1] if y is None else _piece(self, X, y, reg)


@right("neural_net_loss", edge="its probability is 0 and the logarithm of it infinite")
def one_piece_with_log_of_p(self, X, y=None, reg=0.0):
    hidden, scores = _forward(self, X)[:2]
    if y is None:
        return scores
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    _, grads = _piece(self, X, y, reg)
    W1, _, W2, _ = _params(self)
    return -np.log(p[range(len(y)), y]).mean() + reg * (np.sum(W1**2) + np.sum(W2**2)), grads


def _train(net, X, y, X_val, y_val, rate, decay, reg, num_iters, batch_size, step, draw=None, note=True):
    """The loop of `train`, with `step`, `draw` and `note` to choose."""
    draw = draw or (lambda: np.random.choice(len(X), batch_size))
    per_epoch = max(len(X) // batch_size, 1)
    history = {"loss_history": [], "train_acc_history": [], "val_acc_history": []}
    for t in range(num_iters):
        batch = draw()
        loss = step(net, X[batch], y[batch], rate, reg)
        if note:
            history["loss_history"].append(loss)
        if t % per_epoch == 0:
            history["val_acc_history"].append(np.mean(net.predict(X_val) == y_val))
            rate *= decay
    return history


def _down(net, X, y, rate, reg):
    loss, grads = net.loss(X, y, reg)
    for name in net.params:
        net.params[name] = net.params[name] - rate * grads[name]
    return loss


def _train_with(step=_down, draw=None, note=True):
    def train(
        self,
        X,
        y,
        X_val,
        y_val,
        learning_rate=1e-3,
        learning_rate_decay=0.95,
        reg=5e-6,
        num_iters=100,
        batch_size=200,
        verbose=False,
    ):
        draw_here = draw(X, batch_size) if draw else None
        return _train(
            self,
            X,
            y,
            X_val,
            y_val,
            learning_rate,
            learning_rate_decay,
            reg,
            num_iters,
            batch_size,
            step,
            draw_here,
            note,
        )

    return train


def _up(net, X, y, rate, reg):
    loss, grads = net.loss(X, y, reg)
    for name in net.params:
        net.params[name] = net.params[name] + rate * grads[name]
    return loss


def _replaced(net, X, y, rate, reg):
    loss, grads = net.loss(X, y, reg)
    for name in net.params:
        net.params[name] = -rate * grads[name]
    return loss


def _weights_only(net, X, y, rate, reg):
    loss, grads = net.loss(X, y, reg)
    for name in ("W1", "W2"):
        net.params[name] = net.params[name] - rate * grads[name]
    return loss


def _without_reg(net, X, y, rate, reg):
    return _down(net, X, y, rate, 0.0)


def _loss_after_step(net, X, y, rate, reg):
    _down(net, X, y, rate, reg)
    return net.loss(X, y, reg)[0]


def _same_batch(X, batch_size):
    batch = np.random.choice(len(X), batch_size)
    return lambda: batch


def _first_rows(X, batch_size):
    return lambda: np.arange(batch_size) % len(X)


def _all_rows(X, batch_size):
    return lambda: np.arange(len(X))


def _without_replacement(X, batch_size):
    return lambda: np.random.choice(len(X), batch_size, replace=False)


for _name, _sentence, _options in (
    (
        "train_replaces_params",
        "the parameters are replaced by the step: subtract it from them, with -=",
        {"step": _replaced},
    ),
    (
        "train_uphill",
        "the step goes up the gradient: subtract learning_rate * grads from the parameters",
        {"step": _up},
    ),
    ("train_weights_only", "the biases are never updated: loop over all names in self.params", {"step": _weights_only}),
    (
        "train_without_reg",
        "reg is not passed to the loss: call self.loss(X_batch, y_batch, reg)",
        {"step": _without_reg},
    ),
    (
        "train_loss_after_step",
        "the loss is computed after the update: record the one from which the gradients came",
        {"step": _loss_after_step},
    ),
    ("train_no_history", "the loss of each step is not appended to loss_history", {"note": False}),
    ("train_same_batch", "every step uses the same batch: draw a new one in each step", {"draw": _same_batch}),
    (
        "train_first_rows",
        "every step uses the first rows: draw random indices with np.random.choice",
        {"draw": _first_rows},
    ),
    ("train_all_rows", "every step uses all rows: draw batch_size of them", {"draw": _all_rows}),
    (
        "train_without_replacement",
        "rows are drawn without replacement: a batch may be larger than the data set, so leave out replace=False",
        {"draw": _without_replacement},
    ),
):
    _function = _train_with(**_options)
    _function.__name__ = _name
    wrong("neural_net_train", _sentence)(_function)

_function = _train_with(draw=lambda X, size: lambda: np.random.randint(0, len(X), size=size))
_function.__name__ = "train_randint"
right("neural_net_train")(_function)


@wrong("neural_net_predict", "argmax runs over the inputs: it should run over the classes, axis=1")
def predict_wrong_axis(self, X):
    return np.argmax(self.loss(X), axis=0)


@wrong("neural_net_predict", "the scores are returned: return the class with the highest score, np.argmax(..., axis=1)")
def predict_scores(self, X):
    return self.loss(X)


@wrong("neural_net_predict", "the highest score is returned instead of its class: use argmax, not max")
def predict_max(self, X):
    return self.loss(X).max(axis=1)


@wrong("neural_net_predict", "the class with the lowest score is returned: use argmax, not argmin")
def predict_argmin(self, X):
    return np.argmin(self.loss(X), axis=1)


@wrong(
    "neural_net_predict",
    "the most active hidden unit is returned: compare the scores, which come after the second layer",
)
def predict_hidden(self, X):
    return np.argmax(_forward(self, X)[0], axis=1)


@right("neural_net_predict")
def predict_with_loop(self, X):
    return np.array([int(np.argmax(row)) for row in _forward(self, X)[1]])


# ---- slips


slips(
    "affine_forward",
    ("the product is divided by N: out = rows @ w + b", "rows @ w + b", "rows @ w / len(x) + b"),
    ("the mean of b is added: each column has its own bias", "@ w + b", "@ w + b.mean()"),
    (
        "w is added, not multiplied: out = rows @ w + b",
        "rows @ w + b",
        "rows.sum(axis=1, keepdims=True) + w.sum(axis=0) + b",
    ),
    ("b is multiplied in: add it", "rows @ w + b", "rows @ w * b"),
    ("b is added before the product: out = rows @ w + b", "rows @ w + b", "rows @ (w + b)"),
    ("the sum of b is added: each column has its own bias", "@ w + b", "@ w + b.sum()"),
    ("the entries of each row are reversed", "x.reshape(len(x), len(w))", "x.reshape(len(x), len(w))[:, ::-1]"),
)

slips(
    "affine_backward",
    ("dw is multiplied by w: it is rows.T @ dout alone", "rows.T @ dout", "rows.T @ dout * w"),
    ("dx has the product with the absolute values of w: use w as it is", "dout @ w.T", "dout @ np.abs(w).T"),
    ("dx is computed from x: it is the upstream gradient times w transposed", "dout @ w.T", "rows @ w @ w.T"),
    ("dx is computed from the output: use dout", "dout @ w.T", "(rows @ w + b) @ w.T"),
    ("dw is computed from the output: use dout", "rows.T @ dout", "rows.T @ (rows @ w + b)"),
    ("db is the sum of the output: it is the sum of dout", "db = dout.sum(axis=0)", "db = (rows @ w + b).sum(axis=0)"),
    (
        "db is the number of rows: it is the sum of dout over them",
        "db = dout.sum(axis=0)",
        "db = np.full(b.shape, float(len(x)))",
    ),
    ("db is the first row of dout: sum over all rows", "db = dout.sum(axis=0)", "db = dout[0].copy()"),
    ("db is the last row of dout: sum over all rows", "db = dout.sum(axis=0)", "db = dout[-1].copy()"),
    ("db is the largest entry of each column: sum over the rows", "db = dout.sum(axis=0)", "db = dout.max(axis=0)"),
    ("dw is the product with dout = 1: multiply by dout", "rows.T @ dout", "rows.T @ np.ones_like(dout)"),
    ("dx is the product with dout = 1: multiply by dout", "dout @ w.T", "np.ones_like(dout) @ w.T"),
    ("w is subtracted from dw: dw is rows.T @ dout alone", "rows.T @ dout", "rows.T @ dout - w"),
    ("w is added to dw, as for regularisation: dw is rows.T @ dout alone", "rows.T @ dout", "rows.T @ dout + w"),
    ("dx is multiplied by x: dx is dout times w transposed", "(dout @ w.T)", "(rows * (dout @ w.T))"),
    ("dx is divided by N: the 1/N of the loss is already part of dout", "(dout @ w.T)", "(dout @ w.T / len(x))"),
)

slips(
    "relu_forward",
    ("this is softplus, a smooth ReLU: ReLU is np.maximum(0, x)", "np.maximum(0, x)", "np.logaddexp(0, x)"),
    ("values below 1 become 1: compare with 0, np.maximum(0, x)", "np.maximum(0, x)", "np.maximum(1, x)"),
    (
        "values are cut off at -1 and 1: ReLU sets negative ones to 0 and keeps the others",
        "np.maximum(0, x)",
        "np.clip(x, -1, 1)",
    ),
    ("the smallest value is subtracted: ReLU compares each value with 0", "np.maximum(0, x)", "x - x.min()"),
    ("this is the sigmoid: ReLU is np.maximum(0, x)", "np.maximum(0, x)", "1 / (1 + np.exp(-np.clip(x, -500, 500)))"),
    ("this is tanh: ReLU is np.maximum(0, x)", "np.maximum(0, x)", "np.tanh(x)"),
    ("positive values are squared: ReLU keeps them", "np.maximum(0, x)", "np.maximum(0, x) * x"),
    ("the sign is flipped: ReLU keeps positive values as they are", "np.maximum(0, x)", "-np.maximum(0, x)"),
)

slips(
    "relu_backward",
    ("dout is set to 0 where x is below 1: x is compared with 0", "(x > 0)", "(x > 1)"),
    ("dout is added to the mask: multiply", "dout * (x > 0)", "dout + (x > 0)"),
    ("the sign is flipped: dx is dout where x is positive", "dout * (x > 0)", "-dout * (x > 0)"),
    ("x is returned where dout is positive: return dout where x is positive", "dout * (x > 0)", "x * (dout > 0)"),
    ("the forward pass is returned: dx is dout where x is positive", "dout * (x > 0)", "np.maximum(0, x)"),
)

slips(
    "svm_loss",
    (
        "the loss counts the violated margins: sum the margins themselves",
        "margins.sum() / len(y)",
        "(margins > 0).sum() / len(y)",
    ),
    ("the true class gets the number of violated margins without its minus", "-dx.sum(axis=1)", "dx.sum(axis=1)"),
    (
        "the true class gets minus the sum of the margins: it gets minus their number",
        "-dx.sum(axis=1)",
        "-margins.sum(axis=1)",
    ),
    ("the number of violated margins is counted over all inputs: count in each row", "-dx.sum(axis=1)", "-dx.sum()"),
    ("a score above 0 counts as a violation: a margin above 0 does", "(margins > 0)", "(x > 0)"),
    ("a margin above 1 counts as a violation: every one above 0 does", "(margins > 0)", "(margins > 1)"),
    ("the difference is the wrong way round: max(0, x_j - x_y + 1)", "x - correct + 1", "correct - x + 1"),
    (
        "the absolute value of the margins is summed: negative ones count as 0",
        "np.maximum(0, x - correct + 1)",
        "np.abs(x - correct + 1)",
    ),
    (
        "the largest score is subtracted: subtract that of the true class",
        "x[rows, y][:, np.newaxis]",
        "x.max(axis=1, keepdims=True)",
    ),
    ("dx is divided by the number of classes: divide by the number of inputs", "dx /= len(y)", "dx /= x.shape[1]"),
    (
        "the loss is divided by the number of classes: divide by the number of inputs",
        "margins.sum() / len(y)",
        "margins.sum() / x.shape[1]",
    ),
)

slips(
    "softmax_loss",
    (
        "the logarithm of the shifted sum is taken from scores that are not shifted: use the same scores in both",
        "shifted - np.log",
        "x - np.log",
    ),
    ("the probabilities are squared in dx", "dx = np.exp(log_p)", "dx = np.exp(2 * log_p)"),
    ("dx uses the scores: it uses the probabilities", "np.exp(log_p)", "shifted.copy()"),
    ("dx uses log p: it uses the probabilities", "np.exp(log_p)", "log_p.copy()"),
    ("dx uses exp of the scores: divide it by the sum of its row", "np.exp(log_p)", "np.exp(shifted)"),
    ("1 is subtracted from every class: only from the true one", "dx[rows, y] -= 1", "dx -= 1"),
    ("the true class is set to -1: subtract 1 from its probability", "dx[rows, y] -= 1", "dx[rows, y] = -1"),
    (
        "the classes that are not true get 0: they get their probability",
        "dx[rows, y] -= 1",
        "true = dx[rows, y] - 1\ndx[:] = 0\ndx[rows, y] = true",
    ),
    (
        "the loss takes log p of all labels in each row, log_p[:, y]: use log_p[rows, y]",
        "-log_p[rows, y].mean()",
        "-log_p[:, y].mean()",
    ),
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
        "the loss is -log of the mean probability: take the mean of -log p",
        "-log_p[rows, y].mean()",
        "-np.log(np.exp(log_p)[rows, y].mean())",
    ),
    (
        "the loss is -p log p, an entropy: it is -log p of the true class",
        "-log_p[rows, y].mean()",
        "-(np.exp(log_p) * log_p).sum(axis=1).mean()",
    ),
    ("dx is divided by the number of classes: divide by the number of inputs", "dx /= len(y)", "dx /= x.shape[1]"),
    (
        "the logarithm is to base 2: use np.log",
        "np.log(np.exp(shifted)",
        "np.log2(np.exp(shifted)",
        "dx = np.exp(log_p)",
        "dx = np.exp(shifted)\ndx /= dx.sum(axis=1, keepdims=True)",
    ),
    (
        "the largest score of each class is subtracted, not that of each input: use axis=1",
        "x.max(axis=1, keepdims=True)",
        "x.max(axis=0)",
    ),
)

slips(
    "two_layer_net_loss",
    (
        "ReLU is applied to the inputs, too: only the hidden layer has one",
        "affine_relu_forward(X, W1, b1)",
        "affine_relu_forward(np.maximum(0, X), W1, b1)",
    ),
    (
        "the bias of the hidden layer is added twice: affine_relu_forward adds it",
        "affine_relu_forward(X, W1, b1)",
        "affine_relu_forward(X, W1, 2 * b1)",
    ),
    (
        "the bias of the last layer is added twice",
        "affine_forward(hidden, W2, b2)",
        "affine_forward(hidden, W2, 2 * b2)",
    ),
    (
        "the log-probabilities are returned: return the scores as they are",
        "# (N, H) -> (N, C)",
        "\nscores = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))",
    ),
    (
        "the largest score of each row is subtracted: return the scores as they are",
        "# (N, H) -> (N, C)",
        "\nscores = scores - scores.max(axis=1, keepdims=True)",
    ),
    (
        "the hidden layer uses the sigmoid: use ReLU",
        "affine_relu_forward(X, W1, b1)",
        "affine_relu_forward(X, W1, b1)\nhidden = 1 / (1 + np.exp(-np.clip(affine_forward(X, W1, b1)[0], -500, 500)))",
    ),
    (
        "the hidden layer uses tanh: use ReLU",
        "affine_relu_forward(X, W1, b1)",
        "affine_relu_forward(X, W1, b1)\nhidden = np.tanh(affine_forward(X, W1, b1)[0])",
    ),
)

slips(
    "two_layer_net_gradients",
    (
        "W1 is missing in the regularisation of dW1: add reg * W1",
        'grads["W1"] += self.reg * W1',
        'grads["W1"] += self.reg',
    ),
    (
        "W2 is missing in the regularisation of dW2: add reg * W2",
        'grads["W2"] += self.reg * W2',
        'grads["W2"] += self.reg',
    ),
    (
        "the backward pass starts with the scores: start with dscores, the gradient that softmax_loss returns",
        "affine_backward(dscores, scores_cache)",
        "affine_backward(scores, scores_cache)",
    ),
    (
        "the regularisation of the loss counts W1 twice and W2 not at all",
        "np.sum(W1**2) + np.sum(W2**2)",
        "np.sum(W1**2) + np.sum(W1**2)",
    ),
    (
        "the regularisation of the loss counts W2 twice and W1 not at all",
        "np.sum(W1**2) + np.sum(W2**2)",
        "np.sum(W2**2) + np.sum(W2**2)",
    ),
    (
        "the regularisation of the loss multiplies the two sums: add them",
        "np.sum(W1**2) + np.sum(W2**2)",
        "np.sum(W1**2) * np.sum(W2**2)",
    ),
    (
        "the regularisation of the loss subtracts the sum of W2: add it",
        "np.sum(W1**2) + np.sum(W2**2)",
        "np.sum(W1**2) - np.sum(W2**2)",
    ),
    (
        "the gradients are multiplied by the loss",
        "affine_backward(dscores, scores_cache)",
        "affine_backward(data_loss * dscores, scores_cache)",
    ),
    (
        "the sign of the upstream gradient is flipped",
        "affine_backward(dscores, scores_cache)",
        "affine_backward(-dscores, scores_cache)",
    ),
    (
        "the hidden layer gets its own output as the upstream gradient: pass it dhidden",
        "affine_relu_backward(dhidden, hidden_cache)",
        "affine_relu_backward(hidden, hidden_cache)",
    ),
    (
        "the regularisation is multiplied by reg twice in dW1",
        'grads["W1"] += self.reg * W1',
        'grads["W1"] += self.reg**2 * W1',
    ),
    (
        "the regularisation is multiplied by reg twice in dW2",
        'grads["W2"] += self.reg * W2',
        'grads["W2"] += self.reg**2 * W2',
    ),
)

slips(
    "sgd",
    ("the step is divided by the number of rows: the gradient is a mean already", "* dw", "* dw / len(w)"),
    ("the step is learning_rate * w: it goes along dw", 'config["learning_rate"] * dw', 'config["learning_rate"] * w'),
    (
        "the step is w times the gradient: it is learning_rate * dw alone",
        'config["learning_rate"] * dw',
        'config["learning_rate"] * w * dw',
    ),
    ("the gradient is squared: the step is learning_rate * dw", "* dw", "* dw**2"),
    ("the gradient is divided by its norm: the step is learning_rate * dw", "* dw", "* dw / np.linalg.norm(dw)"),
    (
        "w shrinks by the learning rate, too: next_w = w - learning_rate * dw",
        "next_w = w -",
        'next_w = (1 - config["learning_rate"]) * w -',
    ),
    (
        "the learning rate is subtracted, not multiplied: w - learning_rate * dw",
        'config["learning_rate"] * dw',
        'config["learning_rate"] - dw',
    ),
    (
        "the learning rate is squared: the step is learning_rate * dw",
        'config["learning_rate"] * dw',
        'config["learning_rate"] ** 2 * dw',
    ),
    ("the mean of the gradient is used for all weights: each has its own", "* dw", "* np.full_like(dw, dw.mean())"),
    (
        "w and dw are swapped: next_w = w - learning_rate * dw",
        'next_w = w - config["learning_rate"] * dw',
        'next_w = dw - config["learning_rate"] * w',
    ),
)

slips(
    "neural_net_loss",
    ("dW2 is computed from the scores: use their gradient", "hidden.T @ dscores", "hidden.T @ scores"),
    (
        "the ReLU's mask ignores b1: a hidden unit is active if its value, with b1, is above 0",
        "(hidden > 0)",
        "(X @ W1 > 0)",
    ),
    ("the mask is the hidden layer itself: it is 1 where a unit is active", "(hidden > 0)", "hidden"),
    ("the mask is inverted: dhidden is kept where the hidden unit is active", "(hidden > 0)", "(hidden <= 0)"),
    ("dW1 is computed from the hidden layer: it is X.T @ dhidden", "X.T @ dhidden", "X.T @ hidden"),
    (
        "db2 is the mean of dscores, which is already divided by N: sum it",
        "dscores.sum(axis=0)",
        "dscores.mean(axis=0)",
    ),
    ("the loss counts W1 twice and W2 not at all", "np.sum(W1**2) + np.sum(W2**2)", "np.sum(W1**2) + np.sum(W1**2)"),
    (
        "the loss has the product of the two penalties: add them",
        "np.sum(W1**2) + np.sum(W2**2)",
        "np.sum(W1**2) * np.sum(W2**2)",
    ),
    ("the regularisation is subtracted in the loss: add it", "+ reg * (np", "- reg * (np"),
    ("1 is added for the true class: subtract it", "dscores[rows, y] -= 1", "dscores[rows, y] += 1"),
    ("1 is subtracted from every class: only from the true one", "dscores[rows, y] -= 1", "dscores -= 1"),
    (
        "the gradients of both layers use log p: they use the probabilities",
        "dscores = np.exp(log_p)",
        "dscores = log_p.copy()",
    ),
    (
        "the gradients use exp of the scores: divide it by the sum of its row",
        "dscores = np.exp(log_p)",
        "dscores = np.exp(shifted)",
    ),
    (
        "the loss is the mean over all classes: only log p of the true class counts",
        "-log_p[rows, y].mean()",
        "-log_p.mean()",
    ),
    ("the hidden layer has no bias b1", "X @ W1 + b1", "X @ W1"),
    ("the scores have no bias b2", "hidden @ W2 + b2", "hidden @ W2"),
    ("the bias b1 is subtracted: add it", "X @ W1 + b1", "X @ W1 - b1"),
    (
        "the scores go through ReLU, too: the last layer has none",
        "scores = hidden @ W2 + b2",
        "scores = np.maximum(0, hidden @ W2 + b2)",
    ),
    ("the hidden layer uses the sigmoid: use ReLU", "np.maximum(0, X @ W1 + b1)", "1 / (1 + np.exp(-(X @ W1 + b1)))"),
    ("the hidden layer uses tanh: use ReLU", "np.maximum(0, X @ W1 + b1)", "np.tanh(X @ W1 + b1)"),
)

slips(
    "neural_net_train",
    ("the learning rate is hard-coded as 1e-3: use learning_rate", "learning_rate * grads[name]", "1e-3 * grads[name]"),
    ("the learning rate is hard-coded as 1e-2: use learning_rate", "learning_rate * grads[name]", "1e-2 * grads[name]"),
    (
        "the step is reg times the gradient: multiply by learning_rate",
        "learning_rate * grads[name]",
        "reg * grads[name]",
    ),
    (
        "the step is divided by batch_size: the gradient is already a mean",
        "learning_rate * grads[name]",
        "learning_rate * grads[name] / batch_size",
    ),
    (
        "the parameters are replaced by the step: subtract it from them",
        "self.params[name] -= learning_rate * grads[name]",
        "self.params[name] = -learning_rate * grads[name]",
    ),
    ("only the last layer is updated: update all parameters", "for name in self.params:", 'for name in ("W2", "b2"):'),
    ("only the first layer is updated: update all parameters", "for name in self.params:", 'for name in ("W1", "b1"):'),
    ("the learning rate is missing in the step", "learning_rate * grads[name]", "grads[name]"),
    (
        "the learning rate divides the gradient: multiply by it",
        "learning_rate * grads[name]",
        "grads[name] / learning_rate",
    ),
    ("only the sign of the gradient is used", "learning_rate * grads[name]", "learning_rate * np.sign(grads[name])"),
    ("learning_rate is passed to self.loss as reg", "y_batch, reg)", "y_batch, learning_rate)"),
    (
        "the parameters are updated twice in each step",
        "self.params[name] -= learning_rate * grads[name]",
        "self.params[name] -= learning_rate * grads[name]\nself.params[name] -= learning_rate * grads[name]",
    ),
    (
        "the learning rate falls within an epoch, too: it decays after each epoch, by the given lines",
        "learning_rate * grads[name]",
        "learning_rate * learning_rate_decay**step * grads[name]",
    ),
)

slips(
    "neural_net_predict",
    (
        "the classes are numbered from 1: np.argmax already gives the label",
        "np.argmax(self.loss(X), axis=1)",
        "np.argmax(self.loss(X), axis=1) + 1",
    ),
    (
        "the class with the score nearest to 0 is returned: take the largest",
        "np.argmax(self.loss(X)",
        "np.argmin(np.abs(self.loss(X))",
    ),
    (
        "the biases are left out of the scores: self.loss(X) returns them with biases",
        "self.loss(X)",
        'np.maximum(0, X @ self.params["W1"]) @ self.params["W2"]',
    ),
    (
        "the ReLU of the hidden layer is left out: self.loss(X) returns the scores",
        "self.loss(X)",
        '(X @ self.params["W1"] + self.params["b1"]) @ self.params["W2"] + self.params["b2"]',
    ),
    (
        "the sign of the scores does not count: take the largest, not the largest absolute value",
        "np.argmax(self.loss(X)",
        "np.argmax(np.abs(self.loss(X))",
    ),
)
