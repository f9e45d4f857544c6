"""The functions of LSTM_Captioning as learners write them."""

import numpy as np

from cs231n import rnn_layers
from cs231n.layers import affine_backward
from cs231n.rnn_layers import lstm_step_backward, lstm_step_forward, sigmoid
from zoo import right, slips, wrong

# ---- lstm_step_forward


def _scores(x, prev_h, Wx, Wh, b):
    return np.split(x @ Wx + prev_h @ Wh + b, 4, axis=1)


def _cell(prev_c, i, f, o, g):
    """What follows the gates."""
    next_c = f * prev_c + i * g
    return o * np.tanh(next_c), next_c, None


@wrong(
    "lstm_step_forward",
    "the blocks are read in the order i, f, g, o, which is PyTorch's: here they are i, f, o, g",
)
def step_in_pytorchs_order(x, prev_h, prev_c, Wx, Wh, b):
    i, f, g, o = _scores(x, prev_h, Wx, Wh, b)
    return _cell(prev_c, sigmoid(i), sigmoid(f), sigmoid(o), np.tanh(g))


@wrong("lstm_step_forward", "the first two blocks are swapped: the input gate i comes first, then the forget gate f")
def step_forget_gate_first(x, prev_h, prev_c, Wx, Wh, b):
    f, i, o, g = _scores(x, prev_h, Wx, Wh, b)
    return _cell(prev_c, sigmoid(i), sigmoid(f), sigmoid(o), np.tanh(g))


@wrong("lstm_step_forward", "the blocks are read in the order g, i, f, o: here they are i, f, o, g")
def step_content_first(x, prev_h, prev_c, Wx, Wh, b):
    g, i, f, o = _scores(x, prev_h, Wx, Wh, b)
    return _cell(prev_c, sigmoid(i), sigmoid(f), sigmoid(o), np.tanh(g))


@wrong("lstm_step_forward", "f and o are swapped: the second block is the forget gate, the third the output gate")
def step_output_gate_second(x, prev_h, prev_c, Wx, Wh, b):
    i, o, f, g = _scores(x, prev_h, Wx, Wh, b)
    return _cell(prev_c, sigmoid(i), sigmoid(f), sigmoid(o), np.tanh(g))


@wrong("lstm_step_forward", "g goes through a sigmoid: it is new content, not a gate, so it goes through tanh")
def step_sigmoid_on_content(x, prev_h, prev_c, Wx, Wh, b):
    i, f, o, g = map(sigmoid, _scores(x, prev_h, Wx, Wh, b))
    return _cell(prev_c, i, f, o, g)


@wrong("lstm_step_forward", "the gates go through tanh: i, f and o are shares from 0 to 1, so they go through sigmoid")
def step_tanh_on_gates(x, prev_h, prev_c, Wx, Wh, b):
    i, f, o, g = map(np.tanh, _scores(x, prev_h, Wx, Wh, b))
    return _cell(prev_c, i, f, o, g)


@wrong("lstm_step_forward", "the gates go through ReLU: i, f and o are shares from 0 to 1, so they go through sigmoid")
def step_relu_on_gates(x, prev_h, prev_c, Wx, Wh, b):
    i, f, o, g = _scores(x, prev_h, Wx, Wh, b)
    return _cell(prev_c, *(np.maximum(0, score) for score in (i, f, o)), np.tanh(g))


@wrong("lstm_step_forward", "the scores of the gates are used without sigmoid")
def step_without_sigmoid(x, prev_h, prev_c, Wx, Wh, b):
    i, f, o, g = _scores(x, prev_h, Wx, Wh, b)
    return _cell(prev_c, i, f, o, np.tanh(g))


@wrong("lstm_step_forward", "g is used without tanh")
def step_without_tanh_on_content(x, prev_h, prev_c, Wx, Wh, b):
    i, f, o, g = _scores(x, prev_h, Wx, Wh, b)
    return _cell(prev_c, sigmoid(i), sigmoid(f), sigmoid(o), g)


@wrong("lstm_step_forward", "the gates are 1 / (1 + exp(score)): a minus is missing, it is 1 / (1 + exp(-score))")
def step_sigmoid_without_minus(x, prev_h, prev_c, Wx, Wh, b):
    i, f, o, g = _scores(x, prev_h, Wx, Wh, b)
    return _cell(prev_c, *(1 / (1 + np.exp(score)) for score in (i, f, o)), np.tanh(g))


@wrong("lstm_step_forward", "next_h is o * next_c: the tanh of next_c is missing")
def step_without_tanh_of_cell(x, prev_h, prev_c, Wx, Wh, b):
    i, f, o, g = _scores(x, prev_h, Wx, Wh, b)
    next_c = sigmoid(f) * prev_c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * next_c, next_c, None


@wrong("lstm_step_forward", "next_h is the tanh of o * next_c: take the tanh of next_c first, then multiply by o")
def step_tanh_of_product(x, prev_h, prev_c, Wx, Wh, b):
    i, f, o, g = _scores(x, prev_h, Wx, Wh, b)
    next_c = sigmoid(f) * prev_c + sigmoid(i) * np.tanh(g)
    return np.tanh(sigmoid(o) * next_c), next_c, None


@wrong("lstm_step_forward", "next_h is o times the sigmoid of next_c: it is o times its tanh")
def step_sigmoid_of_cell(x, prev_h, prev_c, Wx, Wh, b):
    i, f, o, g = _scores(x, prev_h, Wx, Wh, b)
    next_c = sigmoid(f) * prev_c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * sigmoid(next_c), next_c, None


@wrong("lstm_step_forward", "next_h shows the old cell state: it is o times the tanh of next_c, not of prev_c")
def step_shows_old_cell(x, prev_h, prev_c, Wx, Wh, b):
    i, f, o, g = _scores(x, prev_h, Wx, Wh, b)
    next_c = sigmoid(f) * prev_c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(prev_c), next_c, None


@wrong("lstm_step_forward", "the output gate is missing in next_h: it is o times the tanh of next_c")
def step_without_output_gate(x, prev_h, prev_c, Wx, Wh, b):
    i, f, _, g = _scores(x, prev_h, Wx, Wh, b)
    next_c = sigmoid(f) * prev_c + sigmoid(i) * np.tanh(g)
    return np.tanh(next_c), next_c, None


@wrong("lstm_step_forward", "the input gate is missing in next_c: it is f * prev_c + i * g")
def step_without_input_gate(x, prev_h, prev_c, Wx, Wh, b):
    _, f, o, g = _scores(x, prev_h, Wx, Wh, b)
    return _cell(prev_c, 1.0, sigmoid(f), sigmoid(o), np.tanh(g))


@wrong("lstm_step_forward", "the forget gate is missing in next_c: it is f * prev_c + i * g")
def step_without_forget_gate(x, prev_h, prev_c, Wx, Wh, b):
    i, _, o, g = _scores(x, prev_h, Wx, Wh, b)
    return _cell(prev_c, sigmoid(i), 1.0, sigmoid(o), np.tanh(g))


@wrong("lstm_step_forward", "next_c keeps 1 - i of the old cell state: it keeps f, a gate of its own")
def step_coupled_gates(x, prev_h, prev_c, Wx, Wh, b):
    i, _, o, g = _scores(x, prev_h, Wx, Wh, b)
    return _cell(prev_c, sigmoid(i), 1 - sigmoid(i), sigmoid(o), np.tanh(g))


@wrong("lstm_step_forward", "the old cell state is missing: next_c is f * prev_c + i * g")
def step_forgets_everything(x, prev_h, prev_c, Wx, Wh, b):
    i, f, o, g = _scores(x, prev_h, Wx, Wh, b)
    return _cell(0.0, sigmoid(i), sigmoid(f), sigmoid(o), np.tanh(g))


@wrong("lstm_step_forward", "f is multiplied by prev_h: it says how much of prev_c, the cell state, is kept")
def step_keeps_hidden_state(x, prev_h, prev_c, Wx, Wh, b):
    i, f, o, g = _scores(x, prev_h, Wx, Wh, b)
    return _cell(prev_h, sigmoid(i), sigmoid(f), sigmoid(o), np.tanh(g))


@wrong("lstm_step_forward", "the scores are computed from prev_c: they are x Wx + prev_h Wh + b")
def step_scores_of_cell(x, prev_h, prev_c, Wx, Wh, b):
    i, f, o, g = _scores(x, prev_c, Wx, Wh, b)
    return _cell(prev_c, sigmoid(i), sigmoid(f), sigmoid(o), np.tanh(g))


@wrong("lstm_step_forward", "b is missing in the scores: they are x Wx + prev_h Wh + b")
def step_without_bias(x, prev_h, prev_c, Wx, Wh, b):
    i, f, o, g = _scores(x, prev_h, Wx, Wh, 0.0)
    return _cell(prev_c, sigmoid(i), sigmoid(f), sigmoid(o), np.tanh(g))


@wrong("lstm_step_forward", "b is added twice: once for all, not once for x and once for prev_h")
def step_two_biases(x, prev_h, prev_c, Wx, Wh, b):
    i, f, o, g = _scores(x, prev_h, Wx, Wh, 2 * b)
    return _cell(prev_c, sigmoid(i), sigmoid(f), sigmoid(o), np.tanh(g))


@wrong("lstm_step_forward", "the part of the scores that comes from prev_h is missing: they are x Wx + prev_h Wh + b")
def step_without_recurrence(x, prev_h, prev_c, Wx, Wh, b):
    i, f, o, g = np.split(x @ Wx + b, 4, axis=1)
    return _cell(prev_c, sigmoid(i), sigmoid(f), sigmoid(o), np.tanh(g))


@wrong(
    "lstm_step_forward",
    "every fourth column is put into the same gate: the first H columns are i, the next H are f, and so on",
)
def step_interleaved(x, prev_h, prev_c, Wx, Wh, b):
    scores = x @ Wx + prev_h @ Wh + b
    i, f, o, g = (scores[:, k::4] for k in range(4))
    return _cell(prev_c, sigmoid(i), sigmoid(f), sigmoid(o), np.tanh(g))


@wrong("lstm_step_forward", "the scores are cut into blocks of rows: each gate is a block of columns, axis=1")
def step_split_by_rows(x, prev_h, prev_c, Wx, Wh, b):
    i, f, o, g = np.split(x @ Wx + prev_h @ Wh + b, 4)
    return _cell(prev_c, sigmoid(i), sigmoid(f), sigmoid(o), np.tanh(g))


@wrong("lstm_step_forward", "next_h and next_c are returned in the wrong order")
def step_returns_cell_first(x, prev_h, prev_c, Wx, Wh, b):
    next_h, next_c, cache = lstm_step_forward(x, prev_h, prev_c, Wx, Wh, b)
    return next_c, next_h, cache


@wrong(
    "lstm_step_forward",
    "prev_c is modified in place (by -=, out=, or an assignment to its entries): work on a new array",
    rule="prev_c is modified in place",
)
def step_changes_the_cell(x, prev_h, prev_c, Wx, Wh, b):
    i, f, o, g = _scores(x, prev_h, Wx, Wh, b)
    prev_c *= sigmoid(f)
    prev_c += sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(prev_c), prev_c, None


@right("lstm_step_forward")
def step_as_one_layer(x, prev_h, prev_c, Wx, Wh, b):
    """With x and prev_h side by side, one product, and the blocks by their columns."""
    H = prev_h.shape[1]
    scores = np.hstack([x, prev_h]) @ np.vstack([Wx, Wh]) + b
    i, f, o = (1 / (1 + np.exp(-scores[:, k * H : (k + 1) * H])) for k in range(3))
    return _cell(prev_c, i, f, o, np.tanh(scores[:, 3 * H :]))


@right("lstm_step_forward")
def step_with_an_axis_of_gates(x, prev_h, prev_c, Wx, Wh, b):
    scores = (x.dot(Wx) + prev_h.dot(Wh) + b).reshape(len(x), 4, -1)
    gates = 0.5 * (1 + np.tanh(scores[:, :3] / 2))
    next_c = np.multiply(gates[:, 1], prev_c)
    next_c += gates[:, 0] * np.tanh(scores[:, 3])
    return gates[:, 2] * np.tanh(next_c), next_c, (gates, next_c)


@right("lstm_step_forward")
def step_row_by_row(x, prev_h, prev_c, Wx, Wh, b):
    next_h, next_c = np.zeros_like(prev_h), np.zeros_like(prev_c)
    H = prev_h.shape[1]
    for n in range(len(x)):
        a = x[n] @ Wx + prev_h[n] @ Wh + b
        next_c[n] = sigmoid(a[H : 2 * H]) * prev_c[n] + sigmoid(a[:H]) * np.tanh(a[3 * H :])
        next_h[n] = sigmoid(a[2 * H : 3 * H]) * np.tanh(next_c[n])
    return next_h, next_c, None


@right("lstm_step_forward", edge="the given sigmoid has no such limit")
def step_with_exp_above_and_below(x, prev_h, prev_c, Wx, Wh, b):
    i, f, o, g = _scores(x, prev_h, Wx, Wh, b)
    return _cell(prev_c, *(np.exp(s) / (1 + np.exp(s)) for s in (i, f, o)), np.tanh(g))


# ---- lstm_step_backward


def _gradients(cache, di, df, do, dg, dprev_c, order="ifog"):
    """What follows the gradients of the scores: those of an affine layer."""
    x, prev_h, _, Wx, Wh, *_ = cache
    blocks = {"i": di, "f": df, "o": do, "g": dg}
    da = np.concatenate([blocks[gate] for gate in order], axis=1)
    return da @ Wx.T, da @ Wh.T, dprev_c, x.T @ da, prev_h.T @ da, da.sum(axis=0)


def _of_cell(dnext_h, dnext_c, cache):
    """The gradient of next_c, and what the forward pass computed."""
    _, _, prev_c, _, _, i, f, o, g, tanh_c = cache
    return dnext_c + dnext_h * o * (1 - tanh_c**2), prev_c, i, f, o, g, tanh_c


def _through_gates(dnext_h, dc, cache, dprev_c=None, order="ifog"):
    """Everything behind the gradient of next_c, as it should be."""
    _, _, prev_c, _, _, i, f, o, g, tanh_c = cache
    di, df, do = dc * g * i * (1 - i), dc * prev_c * f * (1 - f), dnext_h * tanh_c * o * (1 - o)
    return _gradients(cache, di, df, do, dc * i * (1 - g**2), dc * f if dprev_c is None else dprev_c, order)


@wrong(
    "lstm_step_backward",
    "the path from next_h to next_c is missing: next_h is computed from next_c, so dnext_h reaches it too",
)
def step_back_without_hidden_path(dnext_h, dnext_c, cache):
    return _through_gates(dnext_h, dnext_c, cache)


@wrong("lstm_step_backward", "dnext_c is not used: it is added to what reaches next_c from next_h")
def step_back_without_cell_path(dnext_h, dnext_c, cache):
    dc, *_ = _of_cell(dnext_h, 0.0, cache)
    return _through_gates(dnext_h, dc, cache)


@wrong("lstm_step_backward", "between next_h and next_c the derivative of tanh is missing: 1 - np.tanh(next_c)**2")
def step_back_without_tanh(dnext_h, dnext_c, cache):
    *_, o, _, _ = cache
    return _through_gates(dnext_h, dnext_c + dnext_h * o, cache)


@wrong("lstm_step_backward", "between next_h and next_c the output gate is missing")
def step_back_without_output_gate(dnext_h, dnext_c, cache):
    return _through_gates(dnext_h, dnext_c + dnext_h * (1 - cache[-1] ** 2), cache)


@wrong(
    "lstm_step_backward",
    "the derivative of tanh is taken as 1 - next_c**2: it is 1 minus the square of the tanh of next_c",
)
def step_back_square_of_cell(dnext_h, dnext_c, cache):
    _, _, prev_c, _, _, i, f, o, g, _ = cache
    return _through_gates(dnext_h, dnext_c + dnext_h * o * (1 - (f * prev_c + i * g) ** 2), cache)


@wrong(
    "lstm_step_backward", "the derivative of tanh is taken as 1 - next_h**2: next_h is not tanh(next_c), but o times it"
)
def step_back_square_of_hidden(dnext_h, dnext_c, cache):
    *_, o, _, tanh_c = cache
    return _through_gates(dnext_h, dnext_c + dnext_h * o * (1 - (o * tanh_c) ** 2), cache)


@wrong("lstm_step_backward", "only dnext_c goes on to prev_c: it is the whole gradient of next_c, both paths, times f")
def step_back_one_path_to_prev_c(dnext_h, dnext_c, cache):
    dc, _, _, f, *_ = _of_cell(dnext_h, dnext_c, cache)
    return _through_gates(dnext_h, dc, cache, dnext_c * f)


@wrong("lstm_step_backward", "dprev_c is multiplied by i: prev_c was multiplied by the forget gate f")
def step_back_prev_c_by_input_gate(dnext_h, dnext_c, cache):
    dc, _, i, *_ = _of_cell(dnext_h, dnext_c, cache)
    return _through_gates(dnext_h, dc, cache, dc * i)


@wrong("lstm_step_backward", "dprev_c is the gradient of next_c itself: the forget gate f is missing")
def step_back_prev_c_without_gate(dnext_h, dnext_c, cache):
    dc, *_ = _of_cell(dnext_h, dnext_c, cache)
    return _through_gates(dnext_h, dc, cache, dc)


@wrong("lstm_step_backward", "in the gradients of i and g the factors are swapped: di = dc * g, dg = dc * i")
def step_back_swapped_factors(dnext_h, dnext_c, cache):
    dc, prev_c, i, f, o, g, tanh_c = _of_cell(dnext_h, dnext_c, cache)
    di, df, do = dc * i * i * (1 - i), dc * prev_c * f * (1 - f), dnext_h * tanh_c * o * (1 - o)
    return _gradients(cache, di, df, do, dc * g * (1 - g**2), dc * f)


@wrong("lstm_step_backward", "the gradient of f has the factor next_c: f was multiplied by prev_c")
def step_back_forget_by_next_c(dnext_h, dnext_c, cache):
    dc, prev_c, i, f, o, g, tanh_c = _of_cell(dnext_h, dnext_c, cache)
    di, do = dc * g * i * (1 - i), dnext_h * tanh_c * o * (1 - o)
    return _gradients(cache, di, dc * (f * prev_c + i * g) * f * (1 - f), do, dc * i * (1 - g**2), dc * f)


@wrong("lstm_step_backward", "the gradient of o has the factor next_c: o was multiplied by the tanh of next_c")
def step_back_output_by_cell(dnext_h, dnext_c, cache):
    dc, prev_c, i, f, o, g, _ = _of_cell(dnext_h, dnext_c, cache)
    di, df, do = dc * g * i * (1 - i), dc * prev_c * f * (1 - f), dnext_h * (f * prev_c + i * g) * o * (1 - o)
    return _gradients(cache, di, df, do, dc * i * (1 - g**2), dc * f)


@wrong(
    "lstm_step_backward", "the gradient of o comes from the cell state: o acts on next_h alone, do = dnext_h * tanh_c"
)
def step_back_output_from_cell(dnext_h, dnext_c, cache):
    dc, prev_c, i, f, o, g, tanh_c = _of_cell(dnext_h, dnext_c, cache)
    di, df, do = dc * g * i * (1 - i), dc * prev_c * f * (1 - f), dc * tanh_c * o * (1 - o)
    return _gradients(cache, di, df, do, dc * i * (1 - g**2), dc * f)


@wrong("lstm_step_backward", "the derivative of the sigmoids is missing: multiply di by i * (1 - i), and so on")
def step_back_without_sigmoids(dnext_h, dnext_c, cache):
    dc, prev_c, i, f, _, g, tanh_c = _of_cell(dnext_h, dnext_c, cache)
    return _gradients(cache, dc * g, dc * prev_c, dnext_h * tanh_c, dc * i * (1 - g**2), dc * f)


@wrong("lstm_step_backward", "the derivative of the tanh of g is missing: multiply dg by 1 - g**2")
def step_back_without_tanh_of_content(dnext_h, dnext_c, cache):
    dc, prev_c, i, f, o, g, tanh_c = _of_cell(dnext_h, dnext_c, cache)
    di, df, do = dc * g * i * (1 - i), dc * prev_c * f * (1 - f), dnext_h * tanh_c * o * (1 - o)
    return _gradients(cache, di, df, do, dc * i, dc * f)


@wrong("lstm_step_backward", "g is taken back as if through a sigmoid: it went through tanh, so multiply by 1 - g**2")
def step_back_content_as_gate(dnext_h, dnext_c, cache):
    dc, prev_c, i, f, o, g, tanh_c = _of_cell(dnext_h, dnext_c, cache)
    di, df, do = dc * g * i * (1 - i), dc * prev_c * f * (1 - f), dnext_h * tanh_c * o * (1 - o)
    return _gradients(cache, di, df, do, dc * i * g * (1 - g), dc * f)


@wrong(
    "lstm_step_backward", "the gates are taken back as if through tanh: they went through sigmoid, as in i * (1 - i)"
)
def step_back_gates_as_content(dnext_h, dnext_c, cache):
    dc, prev_c, i, f, o, g, tanh_c = _of_cell(dnext_h, dnext_c, cache)
    di, df, do = dc * g * (1 - i**2), dc * prev_c * (1 - f**2), dnext_h * tanh_c * (1 - o**2)
    return _gradients(cache, di, df, do, dc * i * (1 - g**2), dc * f)


@wrong("lstm_step_backward", "the four blocks are joined in the order i, f, g, o: it must be that of the forward pass")
def step_back_in_pytorchs_order(dnext_h, dnext_c, cache):
    dc, *_ = _of_cell(dnext_h, dnext_c, cache)
    return _through_gates(dnext_h, dc, cache, order="ifgo")


@wrong("lstm_step_backward", "the four blocks are joined in the order f, i, o, g: it must be that of the forward pass")
def step_back_forget_gate_first(dnext_h, dnext_c, cache):
    dc, *_ = _of_cell(dnext_h, dnext_c, cache)
    return _through_gates(dnext_h, dc, cache, order="fiog")


@wrong("lstm_step_backward", "dnext_h is added to dprev_h: prev_h reaches the loss through the scores alone")
def step_back_adds_next_h(dnext_h, dnext_c, cache):
    dx, dprev_h, *rest = lstm_step_backward(dnext_h, dnext_c, cache)
    return dx, dprev_h + dnext_h, *rest


@wrong("lstm_step_backward", "dprev_h and dprev_c are returned in the wrong order: dx, dprev_h, dprev_c, dWx, dWh, db")
def step_back_swapped_states(dnext_h, dnext_c, cache):
    dx, dprev_h, dprev_c, *rest = lstm_step_backward(dnext_h, dnext_c, cache)
    return dx, dprev_c, dprev_h, *rest


@wrong("lstm_step_backward", "dWx and dWh are returned in the wrong order", rule="dWx")
def step_back_swapped_weights(dnext_h, dnext_c, cache):
    dx, dprev_h, dprev_c, dWx, dWh, db = lstm_step_backward(dnext_h, dnext_c, cache)
    return dx, dprev_h, dprev_c, dWh, dWx, db


@wrong("lstm_step_backward", "dWh is the product with next_h: the scores were computed from prev_h")
def step_back_weights_of_next_h(dnext_h, dnext_c, cache):
    x, _, prev_c, Wx, Wh, i, f, o, g, tanh_c = cache
    *rest, _, db = lstm_step_backward(dnext_h, dnext_c, cache)
    _, _, _, _, dWh, _ = lstm_step_backward(dnext_h, dnext_c, (x, o * tanh_c, prev_c, Wx, Wh, i, f, o, g, tanh_c))
    return *rest, dWh, db


@wrong("lstm_step_backward", "dWx and dWh are transposed", rule="transposed")
def step_back_transposed_weights(dnext_h, dnext_c, cache):
    dx, dprev_h, dprev_c, dWx, dWh, db = lstm_step_backward(dnext_h, dnext_c, cache)
    return dx, dprev_h, dprev_c, dWx.T, dWh.T, db


@wrong("lstm_step_backward", "db is the mean over the batch: it is the sum", rule="a mean instead of a sum")
def step_back_mean(dnext_h, dnext_c, cache):
    *rest, db = lstm_step_backward(dnext_h, dnext_c, cache)
    return *rest, db / len(dnext_h)


@wrong("lstm_step_backward", "db is not summed over the batch", rule="1 axis too many")
def step_back_db_of_each(dnext_h, dnext_c, cache):
    x, prev_h, prev_c, Wx, Wh, *gates = cache
    *rest, _ = lstm_step_backward(dnext_h, dnext_c, cache)
    rows = [
        lstm_step_backward(dnext_h[n], dnext_c[n], (x[n], prev_h[n], prev_c[n], Wx, Wh, *(gate[n] for gate in gates)))[
            5
        ]
        for n in (slice(n, n + 1) for n in range(len(x)))
    ]
    return *rest, np.stack(rows)


@wrong("lstm_step_backward", "the weights' gradients are divided by the size of the batch: they are sums")
def step_back_mean_of_weights(dnext_h, dnext_c, cache):
    *rest, dWx, dWh, db = lstm_step_backward(dnext_h, dnext_c, cache)
    return *rest, dWx / len(dnext_h), dWh / len(dnext_h), db / len(dnext_h)


@wrong("lstm_step_backward", "Wx and Wh are to be transposed in dx and dprev_h", rule="transposed")
def step_back_weights_not_transposed(dnext_h, dnext_c, cache):
    x, prev_h, prev_c, Wx, Wh, *gates = cache
    _, _, *rest, db = lstm_step_backward(dnext_h, dnext_c, cache)
    da = np.tile(db, (len(x), 1))
    return da @ Wx, da @ Wh, *rest, db


@wrong(
    "lstm_step_backward",
    "prev_c is modified in place (by -=, out=, or an assignment to its entries): work on a new array",
    rule="prev_c is modified in place",
)
def step_back_changes_the_cache(dnext_h, dnext_c, cache):
    gradients = lstm_step_backward(dnext_h, dnext_c, cache)
    prev_c = cache[2]
    prev_c *= dnext_c
    return gradients


@right("lstm_step_backward")
def step_back_by_affine_backward(dnext_h, dnext_c, cache):
    x, prev_h, prev_c, Wx, Wh, i, f, o, g, tanh_c = cache
    dc = dnext_h * o * (1 - np.square(tanh_c))
    dc += dnext_c
    da = np.hstack([dc * g * (i - i**2), dc * prev_c * (f - f**2), dnext_h * tanh_c * (o - o**2), dc * i * (1 - g * g)])
    inputs, weights = np.hstack([x, prev_h]), np.vstack([Wx, Wh])
    dinputs, dweights, db = affine_backward(da, (inputs, weights, None))
    D = x.shape[1]
    return dinputs[:, :D], dinputs[:, D:], f * dc, dweights[:D], dweights[D:], db


@right("lstm_step_backward")
def step_back_block_by_block(dnext_h, dnext_c, cache):
    x, prev_h, prev_c, Wx, Wh, i, f, o, g, tanh_c = cache
    N, H = prev_h.shape
    da = np.zeros((N, 4 * H))
    dc = dnext_c + o * (1 - tanh_c**2) * dnext_h
    da[:, :H] = i * (1 - i) * g * dc
    da[:, H : 2 * H] = f * (1 - f) * prev_c * dc
    da[:, 2 * H : 3 * H] = o * (1 - o) * tanh_c * dnext_h
    da[:, 3 * H :] = (1 - g**2) * i * dc
    dWx = np.einsum("nd,nh->dh", x, da)
    dWh = sum(np.outer(prev_h[n], da[n]) for n in range(N))
    return np.dot(da, Wx.T), np.dot(da, Wh.T), dc * f, dWx, dWh, np.sum(da, axis=0)


@right("lstm_step_backward", edge="dnext_c is modified in place")
def step_back_in_place(dnext_h, dnext_c, cache):
    *_, o, _, tanh_c = cache
    dnext_c += dnext_h * o * (1 - tanh_c**2)
    return _through_gates(dnext_h, dnext_c, cache)


def _step_with_dict(x, prev_h, prev_c, Wx, Wh, b):
    """The cache of this one is a dict, and keeps next_c and not its tanh."""
    i, f, o, g = _scores(x, prev_h, Wx, Wh, b)
    i, f, o, g = sigmoid(i), sigmoid(f), sigmoid(o), np.tanh(g)
    next_c = f * prev_c + i * g
    return o * np.tanh(next_c), next_c, {"in": (x, prev_h, prev_c, Wx, Wh), "gates": (i, f, o, g), "c": next_c}


@right("lstm_step_backward", beside={"cs231n.rnn_layers:lstm_step_forward": _step_with_dict})
def step_back_from_a_dict(dnext_h, dnext_c, cache):
    tanh_c = np.tanh(cache["c"])
    whole = (*cache["in"], *cache["gates"], tanh_c)
    dc, *_ = _of_cell(dnext_h, dnext_c, whole)
    return _through_gates(dnext_h, dc, whole)


# ---- lstm_forward


def _run(x, h0, Wx, Wh, b, cell=None, next_states=lambda h, c: (h, c), inputs=lambda x, t: x[:, t]):
    """A loop over the steps; `next_states` makes of both new states what the next step gets."""
    state, cell, hidden = h0, np.zeros_like(h0) if cell is None else cell, []
    for t in range(x.shape[1]):
        h, c, _ = lstm_step_forward(inputs(x, t), state, cell, Wx, Wh, b)
        state, cell = next_states(h, c)
        hidden.append(h)
    return np.stack(hidden, axis=1), None


@wrong("lstm_forward", "the cell state starts at h0: it starts at 0")
def lstm_cell_starts_at_h0(x, h0, Wx, Wh, b):
    return _run(x, h0, Wx, Wh, b, cell=h0)


@wrong("lstm_forward", "the cell state starts at 1: it starts at 0")
def lstm_cell_starts_at_one(x, h0, Wx, Wh, b):
    return _run(x, h0, Wx, Wh, b, cell=np.ones_like(h0))


@wrong("lstm_forward", "the cell state is 0 at each step: pass it on to the next one")
def lstm_forgets_the_cell(x, h0, Wx, Wh, b):
    return _run(x, h0, Wx, Wh, b, next_states=lambda h, c: (h, np.zeros_like(c)))


@wrong("lstm_forward", "each step begins with h0: pass the hidden state on to the next one")
def lstm_always_from_h0(x, h0, Wx, Wh, b):
    return _run(x, h0, Wx, Wh, b, next_states=lambda h, c: (h0, c))


@wrong("lstm_forward", "the hidden state starts at 0: it starts at h0")
def lstm_without_h0(x, h0, Wx, Wh, b):
    return _run(x, np.zeros_like(h0), Wx, Wh, b)


@wrong("lstm_forward", "the hidden and the cell state are swapped from step to step: next_h comes first")
def lstm_swapped_states(x, h0, Wx, Wh, b):
    return _run(x, h0, Wx, Wh, b, next_states=lambda h, c: (c, h))


@wrong("lstm_forward", "every step reads the first input: step t reads x[:, t]")
def lstm_first_input_only(x, h0, Wx, Wh, b):
    return _run(x, h0, Wx, Wh, b, inputs=lambda x, t: x[:, 0])


@wrong("lstm_forward", "the steps run backwards in time: start with x[:, 0]")
def lstm_backwards_in_time(x, h0, Wx, Wh, b):
    h, _ = _run(x[:, ::-1], h0, Wx, Wh, b)
    return h[:, ::-1], None


@wrong("lstm_forward", "h holds the cell states: store the hidden states")
def lstm_stores_cells(x, h0, Wx, Wh, b):
    state, cell, cells = h0, np.zeros_like(h0), []
    for t in range(x.shape[1]):
        state, cell, _ = lstm_step_forward(x[:, t], state, cell, Wx, Wh, b)
        cells.append(cell)
    return np.stack(cells, axis=1), None


@wrong("lstm_forward", "h[:, t] holds the state before step t: store it after the step")
def lstm_stores_too_early(x, h0, Wx, Wh, b):
    h, _ = _run(x, h0, Wx, Wh, b)
    return np.concatenate([h0[:, np.newaxis], h[:, :-1]], axis=1), None


@wrong("lstm_forward", "h has the shape (T, N, H): the steps are its second axis", rule="the wrong shape")
def lstm_time_first(x, h0, Wx, Wh, b):
    h, _ = _run(x, h0, Wx, Wh, b)
    return h.transpose(1, 0, 2), None


@wrong("lstm_forward", "only the last hidden state is returned: h holds those of all steps", rule="1 axis too few")
def lstm_last_state_only(x, h0, Wx, Wh, b):
    h, _ = _run(x, h0, Wx, Wh, b)
    return h[:, -1], None


@wrong("lstm_forward", "only the last step's hidden state is stored: the others are 0")
def lstm_stores_outside_the_loop(x, h0, Wx, Wh, b):
    h, _ = _run(x, h0, Wx, Wh, b)
    h[:, :-1] = 0
    return h, None


@right("lstm_forward")
def lstm_with_lists(x, h0, Wx, Wh, b):
    states, cells, caches = [h0], [0 * h0], []
    for step in np.moveaxis(x, 1, 0):
        h, c, cache = lstm_step_forward(step, states[-1], cells[-1], Wx, Wh, b)
        states, cells, caches = [*states, h], [*cells, c], [*caches, cache]
    return np.stack(states[1:]).transpose(1, 0, 2), caches


@right("lstm_forward")
def lstm_with_one_product_for_all_inputs(x, h0, Wx, Wh, b):
    """The part of the scores that comes from x needs no earlier step."""
    N, T, _ = x.shape
    H = h0.shape[1]
    from_x = (x.reshape(N * T, -1) @ Wx + b).reshape(N, T, 4 * H)
    h, state, cell = np.empty((N, T, H)), h0, np.zeros(h0.shape)
    for t in range(T):
        scores = from_x[:, t] + state @ Wh
        i, f, o = np.split(1 / (1 + np.exp(-scores[:, : 3 * H])), 3, axis=1)
        cell = f * cell + i * np.tanh(scores[:, 3 * H :])
        state = h[:, t] = o * np.tanh(cell)
    return h, None


# ---- lstm_backward


def _run_back(dh, cache, back=lambda dht, dstate, dcell, step: lstm_step_backward(dht + dstate, dcell, step)):
    """The gradients of each step, from the first to the last."""
    dstate = dcell = np.zeros(dh[:, 0].shape)
    steps = []
    for t in range(dh.shape[1])[::-1]:
        gradients = back(dh[:, t], dstate, dcell, cache[t])
        _, dstate, dcell, *_ = gradients
        steps.insert(0, gradients)
    return steps


def _summed(steps):
    """dx, dh0, dWx, dWh and db from the gradients of each step."""
    dx, dstates, _, *dweights = zip(*steps, strict=True)
    return np.stack(dx, axis=1), dstates[0], *map(sum, dweights)


@wrong("lstm_backward", "what comes back from the later steps is not added to dh: the step's own dh is only a part")
def lstm_back_own_dh_only(dh, cache):
    return _summed(_run_back(dh, cache, lambda dht, dstate, dcell, step: lstm_step_backward(dht, dcell, step)))


@wrong("lstm_backward", "the gradient of the cell state is 0 at each step: pass it on to the step before")
def lstm_back_forgets_the_cell(dh, cache):
    def back(dht, dstate, dcell, step):
        return lstm_step_backward(dht + dstate, 0 * dcell, step)

    return _summed(_run_back(dh, cache, back))


@wrong("lstm_backward", "dh is added to the gradient of the cell state too: h is the hidden state alone")
def lstm_back_dh_for_the_cell(dh, cache):
    def back(dht, dstate, dcell, step):
        return lstm_step_backward(dht + dstate, dht + dcell, step)

    return _summed(_run_back(dh, cache, back))


@wrong("lstm_backward", "the two gradients that come back are swapped: dprev_h meets dh, dprev_c does not")
def lstm_back_swapped(dh, cache):
    def back(dht, dstate, dcell, step):
        return lstm_step_backward(dht + dcell, dstate, step)

    return _summed(_run_back(dh, cache, back))


@wrong("lstm_backward", "dh is left out: each step's own dh is added to what comes back from the later steps")
def lstm_back_last_dh_only(dh, cache):
    last = dh.copy()
    last[:, :-1] = 0
    return _summed(_run_back(last, cache))


@wrong("lstm_backward", "the steps run forwards in time: gradients flow from the last step to the first")
def lstm_back_forwards_in_time(dh, cache):
    steps = _run_back(dh[:, ::-1], cache[::-1])
    dx, dh0, *dweights = _summed(steps)
    return dx[:, ::-1], dh0, *dweights


@wrong("lstm_backward", "the steps of dx are in reverse order: the loop runs from the last step to the first")
def lstm_back_reversed_dx(dh, cache):
    dx, *rest = _summed(_run_back(dh, cache))
    return dx[:, ::-1], *rest


@wrong("lstm_backward", "dWx, dWh and db are those of the first step alone: add up all steps")
def lstm_back_overwrites_weights(dh, cache):
    steps = _run_back(dh, cache)
    dx, dh0, *_ = _summed(steps)
    return dx, dh0, *steps[0][3:]


@wrong("lstm_backward", "dWx, dWh and db are those of the last step alone: add up all steps")
def lstm_back_last_weights(dh, cache):
    steps = _run_back(dh, cache)
    dx, dh0, *_ = _summed(steps)
    return dx, dh0, *steps[-1][3:]


@wrong("lstm_backward", "db is that of the first step alone: add up all steps")
def lstm_back_overwrites_db(dh, cache):
    steps = _run_back(dh, cache)
    *rest, _ = _summed(steps)
    return *rest, steps[0][5]


@wrong("lstm_backward", "dWx, dWh and db are means over the steps: they are sums")
def lstm_back_means(dh, cache):
    dx, dh0, *dweights = _summed(_run_back(dh, cache))
    return dx, dh0, *(dweight / dh.shape[1] for dweight in dweights)


@wrong("lstm_backward", "dh0 is the gradient of the first cell state: it is that of the first hidden state")
def lstm_back_cell_as_dh0(dh, cache):
    steps = _run_back(dh, cache)
    dx, _, *dweights = _summed(steps)
    return dx, steps[0][2], *dweights


@wrong("lstm_backward", "dh0 is what the last step gives back: it is what the first one does")
def lstm_back_dh0_of_last(dh, cache):
    steps = _run_back(dh, cache)
    dx, _, *dweights = _summed(steps)
    return dx, steps[-1][1], *dweights


@wrong("lstm_backward", "dh0 is added up over the steps: it is what the first one gives back")
def lstm_back_sum_as_dh0(dh, cache):
    steps = _run_back(dh, cache)
    dx, _, *dweights = _summed(steps)
    return dx, sum(gradients[1] for gradients in steps), *dweights


@wrong("lstm_backward", "the loop stops before the first step: it runs from T - 1 down to 0")
def lstm_back_stops_early(dh, cache):
    steps = _run_back(dh, cache)
    rest = steps[1:] or [tuple(0 * gradient for gradient in steps[0])]
    dx, dh0, *dweights = _summed(rest)
    missing = dh.shape[1] - dx.shape[1]
    return np.concatenate([np.zeros_like(dx[:, :1])] * missing + [dx], axis=1), dh0, *dweights


@wrong("lstm_backward", "dx has the shape (T, N, D): the steps are its second axis", rule="the wrong shape")
def lstm_back_time_first(dh, cache):
    dx, *rest = _summed(_run_back(dh, cache))
    return dx.transpose(1, 0, 2), *rest


@right("lstm_backward", edge="dh is modified in place")
def lstm_back_in_place(dh, cache):
    dcell = 0 * dh[:, 0]
    sums = None
    dx = np.zeros((*dh.shape[:2], cache[0][0].shape[1]), dtype=dh.dtype)
    for t in reversed(range(dh.shape[1])):
        dx[:, t], dstate, dcell, *dweights = lstm_step_backward(dh[:, t], dcell, cache[t])
        if t > 0:
            dh[:, t - 1] += dstate
        sums = dweights if sums is None else [a + b for a, b in zip(sums, dweights, strict=True)]
    return dx, dstate, *sums


@right("lstm_backward")
def lstm_back_with_sums_at_the_end(dh, cache):
    return _summed(_run_back(dh, cache))


@right("lstm_backward")
def lstm_back_into_arrays(dh, cache):
    N, T, H = dh.shape
    D = cache[0][0].shape[1]
    dx, dWx, dWh, db = np.zeros((N, T, D)), np.zeros((D, 4 * H)), np.zeros((H, 4 * H)), np.zeros(4 * H)
    dprev_h, dprev_c = np.zeros((N, H)), np.zeros((N, H))
    t = T - 1
    while t >= 0:
        gradients = rnn_layers.lstm_step_backward(dprev_h + dh[:, t, :], dprev_c, cache[t])
        dx[:, t, :], dprev_h, dprev_c = gradients[:3]
        dWx += gradients[3]
        dWh += gradients[4]
        db += gradients[5]
        t -= 1
    return dx, dprev_h, dWx, dWh, db


# ---- captioning_lstm


def _weights(net):
    return [net.params[name] for name in ("Wx", "Wh", "b")]


@wrong("captioning_lstm", "the cell state is not passed on: the step's second result is the next cell state")
def net_step_keeps_old_cell(self, vectors, h, c):
    h, _, _ = lstm_step_forward(vectors, h, c, *_weights(self))
    return h, c


@wrong("captioning_lstm", "the hidden state is not passed on: the step's first result is the next hidden state")
def net_step_keeps_old_state(self, vectors, h, c):
    _, c, _ = lstm_step_forward(vectors, h, c, *_weights(self))
    return h, c


@wrong("captioning_lstm", "the two states come out in the wrong order: the step returns next_h first, then next_c")
def net_step_swaps_results(self, vectors, h, c):
    c, h, _ = lstm_step_forward(vectors, h, c, *_weights(self))
    return h, c


@wrong("captioning_lstm", "the two states go into the step in the wrong order: prev_h comes first, then prev_c")
def net_step_swaps_states(self, vectors, h, c):
    h, c, _ = lstm_step_forward(vectors, c, h, *_weights(self))
    return h, c


@wrong("captioning_lstm", "the hidden state takes the place of the cell state: they are two different states")
def net_step_with_one_state(self, vectors, h, c):
    h, _, _ = lstm_step_forward(vectors, h, h, *_weights(self))
    return h, h


@wrong(
    "captioning_lstm",
    "a step of the plain recurrent network does not fit weights of four blocks: call lstm_step_forward",
)
def net_step_of_the_rnn(self, vectors, h, c):
    h, _ = rnn_layers.rnn_step_forward(vectors, h, *_weights(self))
    return h, c


@right("captioning_lstm")
def net_step_written_out(self, vectors, h, c):
    Wx, Wh, b = _weights(self)
    i, f, o, g = _scores(vectors, h, Wx, Wh, b)
    h, c, _ = _cell(c, sigmoid(i), sigmoid(f), sigmoid(o), np.tanh(g))
    return h, c


@right("captioning_lstm", target="cs231n.classifiers.rnn:CaptioningRNN.sample")
def net_that_samples_in_one_loop(self, features, max_length=30):
    """The step stands in `sample`, as the course's own skeleton has it."""
    p = self.params
    h, captions = features @ p["W_proj"] + p["b_proj"], []
    c, words = np.zeros(h.shape), np.full(len(features), self._start)
    while len(captions) < max_length:
        h, c, _ = lstm_step_forward(p["W_embed"][words], h, c, p["Wx"], p["Wh"], p["b"])
        words = (h @ p["W_vocab"] + p["b_vocab"]).argmax(axis=1)
        captions.append(words)
    return np.stack(captions, axis=1)


# ---- the model answers but for a slip

slips(
    "lstm_step_forward",
    (
        "f is multiplied by the new content too: it keeps a share of prev_c alone",
        "f * prev_c + i * g",
        "f * (prev_c + i * g)",
    ),
    ("the output gate lets in the new content: that is what the input gate i is for", "i * g", "o * g"),
    (
        "g is computed from the block of the output gate: its scores are the last H columns",
        "np.tanh(score_g)",
        "np.tanh(score_o)",
    ),
    (
        "all scores go through sigmoid before they are cut, so each gate goes through it twice",
        "np.split(scores, 4, axis=1)",
        "np.split(sigmoid(scores), 4, axis=1)",
    ),
)

slips(
    "lstm_step_backward",
    (
        "between next_h and next_c the derivative of tanh is taken at prev_c: it belongs to next_c",
        "(1 - tanh_c**2)",
        "(1 - np.tanh(prev_c) ** 2)",
    ),
    ("the derivative of the sigmoid of i is missing: multiply di by i * (1 - i)", "di * i * (1 - i)", "di"),
    ("the derivative of the sigmoid of f is missing: multiply df by f * (1 - f)", "df * f * (1 - f)", "df"),
    ("the derivative of the sigmoid of o is missing: multiply do by o * (1 - o)", "do * o * (1 - o)", "do"),
    (
        "the gradient of f comes from dnext_c alone: next_h is computed from next_c, so both paths count",
        "dc * prev_c",
        "dnext_c * prev_c",
    ),
    (
        "the gradient of i comes from dnext_c alone: next_h is computed from next_c, so both paths count",
        "= dc * g",
        "= dnext_c * g",
    ),
    (
        "sigmoid is applied once more: i, f and o are its values already, so the derivative of i is i * (1 - i)",
        "di * i * (1 - i), df * f * (1 - f), do * o * (1 - o)",
        "[d * sigmoid(s) * (1 - sigmoid(s)) for d, s in ((di, i), (df, f), (do, o))]",
        "blocks = [",
        "blocks = *[",
    ),
)

slips(
    "lstm_forward",
    (
        "the two results of a step are swapped: next_h comes first, then next_c",
        "state, cell, step_cache = lstm",
        "cell, state, step_cache = lstm",
    ),
    (
        "the two states go into the step in the wrong order: prev_h comes first, then prev_c",
        "x[:, t], state, cell,",
        "x[:, t], cell, state,",
    ),
)

slips(
    "captioning_lstm",
    (
        "the cell state is taken to be 0 at each step: the step gets both states, h and c",
        "vectors, h, c, *weights",
        "vectors, h, np.zeros_like(c), *weights",
    ),
    (
        "lstm_forward starts from a cell state of 0: take one step by lstm_step_forward, with both states",
        "h, c, _ = lstm_step_forward(vectors, h, c, *weights)",
        "h = lstm_forward(vectors[:, np.newaxis], h, *weights)[0][:, 0]",
    ),
)
