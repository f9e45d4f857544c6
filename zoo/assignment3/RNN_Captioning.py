"""Implementations of RNN_Captioning's functions as learners write them."""

import numpy as np

from cs231n.layers import affine_backward, affine_forward
from cs231n.rnn_layers import (
    rnn_backward,
    rnn_forward,
    rnn_step_backward,
    rnn_step_forward,
    temporal_affine_backward,
    temporal_affine_forward,
    temporal_softmax_loss,
    word_embedding_backward,
    word_embedding_forward,
)
from zoo import right, slips, wrong

# ---- rnn_step_forward


def _step(next_h, x, prev_h, Wx, Wh):
    return next_h, (x, prev_h, Wx, Wh, next_h)


@wrong("rnn_step_forward", "b is not added")
def step_without_bias(x, prev_h, Wx, Wh, b):
    return _step(np.tanh(x @ Wx + prev_h @ Wh), x, prev_h, Wx, Wh)


@wrong("rnn_step_forward", "tanh is missing: next_h is the bare sum")
def step_without_tanh(x, prev_h, Wx, Wh, b):
    return _step(x @ Wx + prev_h @ Wh + b, x, prev_h, Wx, Wh)


@wrong("rnn_step_forward", "the hidden state before this step is not used: add prev_h @ Wh")
def step_without_memory(x, prev_h, Wx, Wh, b):
    return _step(np.tanh(x @ Wx + b), x, prev_h, Wx, Wh)


@wrong("rnn_step_forward", "tanh is applied to the input's part alone: add prev_h @ Wh inside it")
def step_with_memory_outside(x, prev_h, Wx, Wh, b):
    return _step(np.tanh(x @ Wx + b) + prev_h @ Wh, x, prev_h, Wx, Wh)


@wrong("rnn_step_forward", "ReLU stands in the place of tanh")
def step_with_relu(x, prev_h, Wx, Wh, b):
    return _step(np.maximum(0, x @ Wx + prev_h @ Wh + b), x, prev_h, Wx, Wh)


@wrong("rnn_step_forward", "a sigmoid, 1 / (1 + exp(-a)), stands in the place of tanh")
def step_with_sigmoid(x, prev_h, Wx, Wh, b):
    return _step(1 / (1 + np.exp(-(x @ Wx + prev_h @ Wh + b))), x, prev_h, Wx, Wh)


@wrong("rnn_step_forward", "Wh is transposed: multiply prev_h by Wh as it is")
def step_with_transposed_weights(x, prev_h, Wx, Wh, b):
    return _step(np.tanh(x @ Wx + prev_h @ Wh.T + b), x, prev_h, Wx, Wh)


@wrong("rnn_step_forward", "b is added twice: one bias serves the input and the hidden state together")
def step_with_two_biases(x, prev_h, Wx, Wh, b):
    return _step(np.tanh(x @ Wx + b + prev_h @ Wh + b), x, prev_h, Wx, Wh)


@wrong(
    "rnn_step_forward",
    "the new state is written into prev_h, which the backward pass still needs: give it an array of its own",
    rule="prev_h is modified in place",
)
def step_in_place(x, prev_h, Wx, Wh, b):
    prev_h[:] = np.tanh(x @ Wx + prev_h @ Wh + b)
    return _step(prev_h, x, prev_h, Wx, Wh)


@right("rnn_step_forward")
def step_of_joined_matrices(x, prev_h, Wx, Wh, b):
    next_h = np.tanh(np.hstack([x, prev_h]) @ np.vstack([Wx, Wh]) + b)
    return _step(next_h, x, prev_h, Wx, Wh)


@right("rnn_step_forward", edge="exp overflows")
def step_by_exponentials(x, prev_h, Wx, Wh, b):
    a = x.dot(Wx) + prev_h.dot(Wh) + b
    return _step((np.exp(a) - np.exp(-a)) / (np.exp(a) + np.exp(-a)), x, prev_h, Wx, Wh)


@right("rnn_step_forward")
def step_with_loops(x, prev_h, Wx, Wh, b):
    next_h = np.empty_like(prev_h)
    for n in range(len(x)):
        for k in range(len(b)):
            next_h[n, k] = np.tanh(np.dot(x[n], Wx[:, k]) + np.dot(prev_h[n], Wh[:, k]) + b[k])
    return _step(next_h, x, prev_h, Wx, Wh)


# ---- rnn_step_backward


def _step_gradients(dscores, cache):
    x, prev_h, Wx, Wh, _ = cache
    return dscores @ Wx.T, dscores @ Wh.T, x.T @ dscores, prev_h.T @ dscores, dscores.sum(axis=0)


@wrong("rnn_step_backward", "the derivative of tanh is missing: multiply dnext_h by 1 - next_h**2 first")
def step_back_without_tanh(dnext_h, cache):
    return _step_gradients(dnext_h, cache)


@wrong("rnn_step_backward", "1 - next_h is not the derivative of tanh: next_h must be squared")
def step_back_without_square(dnext_h, cache):
    return _step_gradients(dnext_h * (1 - cache[4]), cache)


@wrong("rnn_step_backward", "next_h * (1 - next_h) is the derivative of a sigmoid; that of tanh is 1 - next_h**2")
def step_back_of_sigmoid(dnext_h, cache):
    return _step_gradients(dnext_h * cache[4] * (1 - cache[4]), cache)


@wrong(
    "rnn_step_backward", "tanh is applied once more: next_h is its value already, so its derivative is 1 - next_h**2"
)
def step_back_with_tanh_again(dnext_h, cache):
    return _step_gradients(dnext_h * (1 - np.tanh(cache[4]) ** 2), cache)


@wrong("rnn_step_backward", "the derivative of tanh is taken at prev_h: it belongs to next_h")
def step_back_at_the_state_before(dnext_h, cache):
    return _step_gradients(dnext_h * (1 - cache[1] ** 2), cache)


@wrong("rnn_step_backward", "dprev_h is computed with Wh as it is: on the way back, Wh is transposed")
def step_back_with_untransposed_weights(dnext_h, cache):
    dscores = dnext_h * (1 - cache[4] ** 2)
    dx, _, *rest = _step_gradients(dscores, cache)
    return dx, dscores @ cache[3], *rest


@wrong("rnn_step_backward", "dWh is computed from next_h: the step multiplied prev_h by Wh")
def step_back_with_the_new_state(dnext_h, cache):
    dscores = dnext_h * (1 - cache[4] ** 2)
    dx, dprev_h, dWx, _, db = _step_gradients(dscores, cache)
    return dx, dprev_h, dWx, cache[4].T @ dscores, db


@wrong("rnn_step_backward", "dprev_h is dnext_h itself: it must go back through tanh and Wh")
def step_back_past_the_weights(dnext_h, cache):
    dx, _, *rest = _step_gradients(dnext_h * (1 - cache[4] ** 2), cache)
    return dx, dnext_h, *rest


@wrong(
    "rnn_step_backward",
    "db is the mean over the sequences: b was added to each of them, so their gradients add up",
    rule="divided by N = 3 one time too many",
)
def step_back_with_mean(dnext_h, cache):
    dscores = dnext_h * (1 - cache[4] ** 2)
    *rest, _ = _step_gradients(dscores, cache)
    return *rest, dscores.mean(axis=0)


@wrong("rnn_step_backward", "db is the sum of dnext_h: sum the gradient behind tanh")
def step_back_with_raw_bias(dnext_h, cache):
    *rest, _ = _step_gradients(dnext_h * (1 - cache[4] ** 2), cache)
    return *rest, dnext_h.sum(axis=0)


@wrong("rnn_step_backward", "dWh is transposed: it is prev_h.T times the gradient", rule="dWh is transposed")
def step_back_with_transposed_gradient(dnext_h, cache):
    dx, dprev_h, dWx, dWh, db = _step_gradients(dnext_h * (1 - cache[4] ** 2), cache)
    return dx, dprev_h, dWx, dWh.T, db


@right("rnn_step_backward")
def step_back_by_einsum(dnext_h, cache):
    x, prev_h, Wx, Wh, next_h = cache
    dscores = np.einsum("nh,nh->nh", dnext_h, 1 - next_h * next_h)
    weights = np.einsum("nd,nh->dh", x, dscores), np.einsum("nk,nh->kh", prev_h, dscores)
    back = np.einsum("nh,dh->nd", dscores, Wx), np.einsum("nh,kh->nk", dscores, Wh)
    return *back, *weights, np.ones(len(x), x.dtype) @ dscores


def _step_that_keeps_the_sum(x, prev_h, Wx, Wh, b):
    """A cache of the learner's own: a dict, with the sum before tanh."""
    a = x @ Wx + prev_h @ Wh + b
    return np.tanh(a), {"inputs": (x, prev_h), "weights": (Wx, Wh), "a": a}


@right("rnn_step_backward", beside={"cs231n.rnn_layers:rnn_step_forward": _step_that_keeps_the_sum})
def step_back_by_cosh(dnext_h, cache):
    (x, prev_h), (Wx, Wh) = cache["inputs"], cache["weights"]
    dscores = dnext_h / np.cosh(cache["a"]) ** 2
    dscores = dscores.astype(x.dtype)
    return dscores.dot(Wx.T), dscores.dot(Wh.T), (dscores.T @ x).T, (dscores.T @ prev_h).T, dscores.sum(0)


@right("rnn_step_backward", edge="dnext_h is modified in place")
def step_back_in_place(dnext_h, cache):
    dnext_h *= 1 - cache[4] ** 2
    return _step_gradients(dnext_h, cache)


# ---- rnn_forward


def _run(x, h0, Wx, Wh, b, state_at):
    """All steps; `state_at` chooses which state goes into step t, from h0 and the states so far."""
    states, cache = [h0], []
    for t in range(x.shape[1]):
        state, step_cache = rnn_step_forward(x[:, t], state_at(states, t), Wx, Wh, b)
        states.append(state)
        cache.append(step_cache)
    return np.stack(states[1:], axis=1), cache


@wrong("rnn_forward", "each step starts from h0: pass the state that the step before has left")
def forward_always_from_h0(x, h0, Wx, Wh, b):
    return _run(x, h0, Wx, Wh, b, lambda states, t: states[0])


@wrong("rnn_forward", "the first hidden state is zeros: start from h0")
def forward_from_zeros(x, h0, Wx, Wh, b):
    return _run(x, np.zeros_like(h0), Wx, Wh, b, lambda states, t: states[-1])


@wrong("rnn_forward", "h begins with h0, and so lacks the last state: h[:, t] is the state after step t")
def forward_off_by_one(x, h0, Wx, Wh, b):
    h, cache = rnn_forward(x, h0, Wx, Wh, b)
    return np.concatenate([h0[:, np.newaxis], h[:, :-1]], axis=1), cache


@wrong("rnn_forward", "the loop stops before the last step, so h[:, -1] stays 0: it runs over range(T)")
def forward_one_step_short(x, h0, Wx, Wh, b):
    h, cache = rnn_forward(x, h0, Wx, Wh, b)
    return np.concatenate([h[:, :-1], np.zeros_like(h[:, :1])], axis=1), cache


@wrong("rnn_forward", "only the last state is returned", rule="h has 1 axis too few")
def forward_of_the_last_state(x, h0, Wx, Wh, b):
    h, cache = rnn_forward(x, h0, Wx, Wh, b)
    return h[:, -1], cache


@wrong(
    "rnn_forward",
    "h has the axes (T, N, H): the sequences come first, then the steps",
    rule="the right number of entries but the wrong shape",
)
def forward_time_first(x, h0, Wx, Wh, b):
    h, cache = rnn_forward(x, h0, Wx, Wh, b)
    return h.transpose(1, 0, 2), cache


@wrong("rnn_forward", "the sequences are read backwards: step 0 reads x[:, 0]")
def forward_backwards(x, h0, Wx, Wh, b):
    h, cache = rnn_forward(x[:, ::-1], h0, Wx, Wh, b)
    return h[:, ::-1], cache


@wrong("rnn_forward", "every step reads x[:, 0]: step t reads x[:, t]")
def forward_of_the_first_input(x, h0, Wx, Wh, b):
    return rnn_forward(np.repeat(x[:, :1], x.shape[1], axis=1), h0, Wx, Wh, b)


@right("rnn_forward")
def forward_into_an_array(x, h0, Wx, Wh, b):
    N, T, _ = x.shape
    h, cache = np.zeros((N, T, len(b)), dtype=x.dtype), {}
    for t in range(T):
        h[:, t, :], cache[t] = rnn_step_forward(x[:, t, :], h[:, t - 1, :] if t else h0, Wx, Wh, b)
    return h, cache


@right("rnn_forward")
def forward_with_one_product(x, h0, Wx, Wh, b):
    """The inputs' part of all steps is one matrix product."""
    from_x = x @ Wx + b
    h, state = [], h0
    for t in range(x.shape[1]):
        state = np.tanh(from_x[:, t] + state @ Wh)
        h.append(state[:, np.newaxis])
    return np.concatenate(h, axis=1), (x, h0, Wx, Wh, h)


# ---- rnn_backward


def _back(dh, cache, upstream=lambda dh_t, dprev_h: dh_t + dprev_h, gather=np.add, order=None):
    """Back through all steps, with the parts that learners get wrong as options."""
    T = dh.shape[1]
    dx, dprev_h, weights = [None] * T, np.zeros_like(dh[:, 0]), None
    for t in order or reversed(range(T)):
        dx[t], dprev_h, *step = rnn_step_backward(upstream(dh[:, t], dprev_h), cache[t])
        weights = step if weights is None else [gather(w, s) for w, s in zip(weights, step, strict=True)]
    return np.stack(dx, axis=1), dprev_h, *weights


@wrong("rnn_backward", "what comes back from later steps is left out: pass dh[:, t] plus the dprev_h of step t + 1")
def back_without_later_steps(dh, cache):
    return _back(dh, cache, upstream=lambda dh_t, dprev_h: dh_t)


@wrong("rnn_backward", "dh counts for the last step alone: at each step, add dh[:, t] to what comes back")
def back_from_the_last_step(dh, cache):
    last = np.concatenate([np.zeros_like(dh[:, :-1]), dh[:, -1:]], axis=1)
    return _back(last, cache)


@wrong("rnn_backward", "the steps are walked from the first to the last: begin with the last, reversed(range(T))")
def back_in_forward_order(dh, cache):
    return _back(dh, cache, order=range(dh.shape[1]))


@wrong("rnn_backward", "the gradients of the weights are those of step 0 alone: add up those of all steps")
def back_without_sums(dh, cache):
    return _back(dh, cache, gather=lambda total, step: step)


@wrong(
    "rnn_backward",
    "the gradients of the weights are averaged over the steps: add them up",
    rule="divided by T = 3 one time too many",
)
def back_with_means(dh, cache):
    dx, dh0, *weights = _back(dh, cache)
    return dx, dh0, *[weight / dh.shape[1] for weight in weights]


@wrong("rnn_backward", "db is that of step 0 alone: add up those of all steps")
def back_without_sum_of_biases(dh, cache):
    dx, dh0, dWx, dWh, _ = _back(dh, cache)
    return dx, dh0, dWx, dWh, _back(dh, cache, gather=lambda total, step: step)[4]


@wrong("rnn_backward", "what comes back adds up over all later steps, and counts several times: dprev_h = ..., not +=")
def back_with_a_growing_sum(dh, cache):
    T = dh.shape[1]
    dx, dprev_h, weights = [None] * T, np.zeros_like(dh[:, 0]), None
    for t in reversed(range(T)):
        dx[t], back, *step = rnn_step_backward(dh[:, t] + dprev_h, cache[t])
        dprev_h = dprev_h + back
        weights = step if weights is None else [w + s for w, s in zip(weights, step, strict=True)]
    return np.stack(dx, axis=1), dprev_h, *weights


@wrong("rnn_backward", "dx is in reverse order: the gradient of step t belongs in dx[:, t]")
def back_with_reversed_dx(dh, cache):
    dx, *rest = _back(dh, cache)
    return dx[:, ::-1], *rest


@wrong("rnn_backward", "dh0 is dh[:, 0]: it must go back through step 0 as well, where dprev_h is dh0")
def back_with_the_first_dh(dh, cache):
    dx, _, *weights = _back(dh, cache)
    return dx, dh[:, 0], *weights


@wrong("rnn_backward", "the loop stops before step 0, so dx[:, 0] stays 0: range(T - 1, -1, -1)")
def back_without_the_first_step(dh, cache):
    T = dh.shape[1]
    dx, dprev_h, weights = np.zeros((*dh.shape[:2], cache[0][0].shape[1]), dh.dtype), np.zeros_like(dh[:, 0]), None
    for t in range(T - 1, 0, -1):
        dx[:, t], dprev_h, *step = rnn_step_backward(dh[:, t] + dprev_h, cache[t])
        weights = step if weights is None else [w + s for w, s in zip(weights, step, strict=True)]
    if weights is None:
        weights = [np.zeros_like(w) for w in rnn_step_backward(dh[:, 0], cache[0])[2:]]
    return dx, dprev_h, *weights


@wrong("rnn_backward", "dh0 is 0: it is the dprev_h that step 0 returns", rule="dh0 is all zeros")
def back_without_dh0(dh, cache):
    dx, dh0, *weights = _back(dh, cache)
    return dx, np.zeros_like(dh0), *weights


@right("rnn_backward", edge="dh is modified in place")
def back_in_place(dh, cache):
    T = dh.shape[1]
    for t in range(T - 1, 0, -1):
        dh[:, t - 1] += rnn_step_backward(dh[:, t], cache[t])[1]
    steps = [rnn_step_backward(dh[:, t], cache[t]) for t in range(T)]
    dx, dh0 = np.stack([step[0] for step in steps], axis=1), steps[0][1]
    return dx, dh0, *[sum(step[i] for step in steps) for i in (2, 3, 4)]


@right("rnn_backward", beside={"cs231n.rnn_layers:rnn_forward": forward_with_one_product})
def back_with_one_product(dh, cache):
    """The gradients of the weights come from all steps at once, out of a cache of whole sequences."""
    x, h0, Wx, Wh, states = cache
    h = np.concatenate(states, axis=1)
    before = np.concatenate([h0[:, np.newaxis], h[:, :-1]], axis=1)
    dscores, later = np.empty_like(dh), np.zeros_like(h0)
    for t in reversed(range(dh.shape[1])):
        dscores[:, t] = (dh[:, t] + later) * (1 - h[:, t] ** 2)
        later = dscores[:, t] @ Wh.T
    dWx, dWh = np.einsum("ntd,nth->dh", x, dscores), np.einsum("ntk,nth->kh", before, dscores)
    return dscores @ Wx.T, later, dWx, dWh, dscores.sum(axis=(0, 1))


# ---- word_embedding_forward


@wrong("word_embedding_forward", "the mean of a caption's vectors is returned", rule="out has 1 axis too few")
def embedding_mean(x, W):
    return W[x].mean(axis=1), (x, W.shape)


@wrong("word_embedding_forward", "rows are looked up by position in the caption: look them up by word, W[x]")
def embedding_by_position(x, W):
    return np.stack([W[np.arange(x.shape[1]) % len(W)]] * len(x)), (x, W.shape)


@wrong("word_embedding_forward", "the words are taken for columns of W: each word has a row, W[x]")
def embedding_of_columns(x, W):
    return W.T[x % W.shape[1]][..., : W.shape[1]] if W.shape[0] >= W.shape[1] else W[x], (x, W.shape)


@wrong("word_embedding_forward", "words are counted from 1: the word with the index 0 has row 0")
def embedding_from_one(x, W):
    return W[x - 1], (x, W.shape)


@wrong("word_embedding_forward", "each vector is multiplied by the index of its word: look the row up, W[x]")
def embedding_times_index(x, W):
    return W[x] * x[..., np.newaxis].astype(W.dtype), (x, W.shape)


@right("word_embedding_forward")
def embedding_by_one_hot(x, W):
    return np.eye(len(W), dtype=W.dtype)[x] @ W, (x, W.shape)


@right("word_embedding_forward")
def embedding_with_loops(x, W):
    N, T = x.shape
    out = np.zeros((N, T, W.shape[1]), dtype=W.dtype)
    for n in range(N):
        for t in range(T):
            out[n, t] = W[x[n, t]]
    return out, (x, W)


# ---- word_embedding_backward


@wrong("word_embedding_backward", "a repeated word counts once: dW[x] += dout does not add up, np.add.at does")
def embedding_back_without_repeats(dout, cache):
    x, shape = cache
    dW = np.zeros(shape, dtype=dout.dtype)
    dW[x] += dout
    return dW


@wrong("word_embedding_backward", "the gradient of a repeated word is divided by the number of its positions: add up")
def embedding_back_of_means(dout, cache):
    x, shape = cache
    counts = np.bincount(x.ravel(), minlength=shape[0])
    return word_embedding_backward(dout, cache) / np.maximum(counts, 1)[:, np.newaxis].astype(dout.dtype)


@wrong("word_embedding_backward", "the first caption alone is counted: add up over all captions and positions")
def embedding_back_of_one_caption(dout, cache):
    x, shape = cache
    return word_embedding_backward(dout[:1], (x[:1], shape))


@wrong("word_embedding_backward", "dW is dout itself", rule="dW has 1 axis too many")
def embedding_back_passes_on(dout, cache):
    return dout


@wrong(
    "word_embedding_backward", "dW starts from ones: start from zeros", rule="every entry of dW is off by the same 1"
)
def embedding_back_from_ones(dout, cache):
    return 1 + word_embedding_backward(dout, cache)


@wrong(
    "word_embedding_backward",
    "dW is divided by the number of captions: add up",
    rule="divided by N = 2 one time too many",
)
def embedding_back_over_n(dout, cache):
    return word_embedding_backward(dout, cache) / len(dout)


@right("word_embedding_backward")
def embedding_back_by_one_hot(dout, cache):
    x, (V, D) = cache
    return np.eye(V, dtype=dout.dtype)[x.ravel()].T @ dout.reshape(-1, D)


@right("word_embedding_backward", beside={"cs231n.rnn_layers:word_embedding_forward": embedding_with_loops})
def embedding_back_with_loops(dout, cache):
    x, W = cache
    dW = np.zeros_like(W)
    for n, caption in enumerate(x):
        for t, word in enumerate(caption):
            dW[word] += dout[n, t]
    return dW


# ---- temporal_softmax_loss


def _losses(x, y):
    """The loss of each step, (N, T), and its gradient."""
    shifted = x - x.max(axis=2, keepdims=True)
    probs = np.exp(shifted) / np.exp(shifted).sum(axis=2, keepdims=True)
    right_words = np.eye(x.shape[2], dtype=x.dtype)[y]
    return -np.log((probs * right_words).sum(axis=2)), probs - right_words


def _temporal(x, y, mask, over=None, loss_mask=None):
    losses, dx = _losses(x, y)
    over = len(x) if over is None else over
    loss = np.sum(losses * (mask if loss_mask is None else loss_mask)) / over
    return loss, (dx * mask[:, :, np.newaxis] / over).astype(x.dtype)


@wrong("temporal_softmax_loss", "the mask is not used: steps where it is False count neither in the loss nor in dx")
def loss_without_mask(x, y, mask, verbose=False):
    return _temporal(x, y, np.ones_like(mask))


@wrong("temporal_softmax_loss", "the mask is missing in dx: where it is False, the gradient is 0")
def loss_with_unmasked_gradient(x, y, mask, verbose=False):
    return _temporal(x, y, mask)[0], _temporal(x, y, np.ones_like(mask))[1]


@wrong("temporal_softmax_loss", "the mask is missing in the loss: steps where it is False count nothing")
def unmasked_loss(x, y, mask, verbose=False):
    return _temporal(x, y, mask, loss_mask=1.0)


@wrong(
    "temporal_softmax_loss",
    "loss and dx are divided by N * T: the course adds up over the steps, so divide by N",
    rule="divided by T = 4 one time too many",
)
def loss_over_all_positions(x, y, mask, verbose=False):
    return _temporal(x, y, mask, mask.size)


@wrong("temporal_softmax_loss", "loss and dx are divided by the number of steps that count: divide by N, len(x)")
def loss_over_words(x, y, mask, verbose=False):
    return _temporal(x, y, mask, mask.sum())


@wrong("temporal_softmax_loss", "loss and dx are sums over all captions: divide both by N", rule="not divided by N = 3")
def loss_as_sum(x, y, mask, verbose=False):
    return _temporal(x, y, mask, 1)


@wrong("temporal_softmax_loss", "dx is not divided by N, as the loss is", rule="not divided by N = 3")
def loss_with_undivided_gradient(x, y, mask, verbose=False):
    return _temporal(x, y, mask)[0], _temporal(x, y, mask, 1)[1]


@wrong("temporal_softmax_loss", "the mask is inverted: True marks the steps that count")
def loss_of_the_rest(x, y, mask, verbose=False):
    return _temporal(x, y, ~mask)


@wrong("temporal_softmax_loss", "1 is not subtracted at the right word in dx")
def loss_without_minus_one(x, y, mask, verbose=False):
    loss, dx = _temporal(x, y, mask)
    return loss, dx + np.eye(x.shape[2], dtype=x.dtype)[y] * mask[:, :, np.newaxis] / len(x)


@wrong(
    "temporal_softmax_loss",
    "exp overflows for large scores: subtract each row's largest score first",
    rule="not finite",
)
def loss_without_shift(x, y, mask, verbose=False):
    probs = np.exp(x) / np.exp(x).sum(axis=2, keepdims=True)
    right_words = np.eye(x.shape[2], dtype=x.dtype)[y]
    losses, dx = -np.log((probs * right_words).sum(axis=2)), probs - right_words
    return np.sum(losses * mask) / len(x), dx * mask[:, :, np.newaxis] / len(x)


@wrong("temporal_softmax_loss", "the softmax runs over the steps, axis 1: it runs over the words, the last axis")
def loss_over_time(x, y, mask, verbose=False):
    shifted = x - x.max(axis=1, keepdims=True)
    log_probs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    right_words = np.eye(x.shape[2], dtype=x.dtype)[y]
    loss = -np.sum((log_probs * right_words).sum(axis=2) * mask) / len(x)
    return loss, (np.exp(log_probs) - right_words) * mask[:, :, np.newaxis] / len(x)


@right("temporal_softmax_loss", edge="its probability is 0")
def loss_by_probabilities(x, y, mask, verbose=False):
    return _temporal(x, y, mask)


@right("temporal_softmax_loss")
def loss_of_chosen_rows(x, y, mask, verbose=False):
    """Only the rows that count are computed."""
    scores, words = x[mask], y[mask]
    scores = scores - scores.max(axis=1, keepdims=True)
    totals = np.log(np.exp(scores).sum(axis=1))
    dx, rows = np.zeros_like(x), np.exp(scores - totals[:, np.newaxis])
    rows[np.arange(len(words)), words] -= 1
    dx[mask] = rows / len(x)
    return np.sum(totals - scores[np.arange(len(words)), words]) / len(x), dx


@right("temporal_softmax_loss")
def loss_with_loops(x, y, mask, verbose=False):
    loss, dx = 0.0, np.zeros_like(x)
    for n, t in zip(*np.nonzero(mask), strict=True):
        scores = x[n, t] - np.max(x[n, t])
        log_probs = scores - np.log(np.sum(np.exp(scores)))
        loss -= log_probs[y[n, t]] / len(x)
        dx[n, t] = np.exp(log_probs) / len(x)
        dx[n, t, y[n, t]] -= 1 / len(x)
    return loss, dx


# ---- captioning_rnn_loss


def _net(self, features, captions, words_in=None, words_out=None, mask=None, h0=None, bias=True, through=True):
    """The loss of a net, with the parts that learners get wrong as options; `through` goes back into W_proj."""
    p, grads = self.params, {}
    words_in = captions[:, :-1] if words_in is None else words_in
    words_out = captions[:, 1:] if words_out is None else words_out
    mask = words_out != self._null if mask is None else mask
    first, proj_cache = affine_forward(features, p["W_proj"], p["b_proj"] if bias else 0 * p["b_proj"])
    vectors, embed_cache = word_embedding_forward(words_in, p["W_embed"])
    h, run_cache = rnn_forward(vectors, first if h0 is None else h0(first), p["Wx"], p["Wh"], p["b"])
    scores, vocab_cache = temporal_affine_forward(h, p["W_vocab"], p["b_vocab"])
    loss, dscores = temporal_softmax_loss(scores, words_out, mask)
    dh, grads["W_vocab"], grads["b_vocab"] = temporal_affine_backward(dscores, vocab_cache)
    dvectors, dh0, grads["Wx"], grads["Wh"], grads["b"] = rnn_backward(dh, run_cache)
    grads["W_embed"] = word_embedding_backward(dvectors, embed_cache)
    _, grads["W_proj"], grads["b_proj"] = affine_backward(dh0 if through else dh[:, 0], proj_cache)
    return loss, grads


@wrong("captioning_rnn_loss", "the mask is taken from the words that are read: it asks of those that should be said")
def net_with_mask_of_inputs(self, features, captions):
    return _net(self, features, captions, mask=captions[:, :-1] != self._null)


@wrong("captioning_rnn_loss", "every step counts, also after the end of a caption: the mask is words_out != self._null")
def net_without_mask(self, features, captions):
    return _net(self, features, captions, mask=np.ones(captions[:, 1:].shape, bool))


@wrong("captioning_rnn_loss", "the index of <NULL> is taken to be 0: it is self._null")
def net_with_null_zero(self, features, captions):
    return _net(self, features, captions, mask=captions[:, 1:] != 0)


@wrong("captioning_rnn_loss", "the net reads the words that it should say: it reads captions[:, :-1]")
def net_that_reads_ahead(self, features, captions):
    return _net(self, features, captions, words_in=captions[:, 1:])


@wrong("captioning_rnn_loss", "the net should say the word that it has just read: it should say captions[:, 1:]")
def net_that_repeats(self, features, captions):
    return _net(self, features, captions, words_out=captions[:, :-1])


@wrong("captioning_rnn_loss", "the first hidden state is zeros: it comes from the features, through W_proj and b_proj")
def net_without_image(self, features, captions):
    return _net(self, features, captions, h0=np.zeros_like)


@wrong("captioning_rnn_loss", "tanh is applied to the first hidden state: it is the affine layer's output as it is")
def net_with_tanh_at_the_start(self, features, captions):
    return _net(self, features, captions, h0=np.tanh)


@wrong("captioning_rnn_loss", "b_proj is not added to the first hidden state")
def net_without_bias(self, features, captions):
    return _net(self, features, captions, bias=False)


@wrong(
    "captioning_rnn_loss", "the gradient of h0 is taken for dh[:, 0]: it is the second thing that rnn_backward returns"
)
def net_with_the_first_dh(self, features, captions):
    return _net(self, features, captions, through=False)


@wrong(
    "captioning_rnn_loss", "<END> does not count, though it is a word that the net has to say: only <NULL> is masked"
)
def net_that_ignores_the_end(self, features, captions):
    words_out = captions[:, 1:]
    return _net(self, features, captions, mask=(words_out != self._null) & (words_out != self._end))


@wrong("captioning_rnn_loss", "a term of regularisation is in the gradients: this net has none")
def net_with_regularisation(self, features, captions):
    loss, grads = _net(self, features, captions)
    return loss, {name: grad + 0.1 * self.params[name] for name, grad in grads.items()}


@wrong("captioning_rnn_loss", "the gradients of Wx and Wh are swapped", rule="dWx and dWh are swapped")
def net_with_swapped_gradients(self, features, captions):
    loss, grads = _net(self, features, captions)
    return loss, grads | {"Wx": grads["Wh"], "Wh": grads["Wx"]}


@wrong(
    "captioning_rnn_loss",
    "the gradient of W_embed is missing: word_embedding_backward takes what rnn_backward returns for the vectors",
    rule="dW_embed",
)
def net_without_gradient_of_vectors(self, features, captions):
    loss, grads = _net(self, features, captions)
    del grads["W_embed"]
    return loss, grads


@right("captioning_rnn_loss")
def net_in_matrices(self, features, captions):
    """Its own matrix products for the affine layers, and the mask as numbers."""
    p = self.params
    words_in, words_out = captions[:, :-1], captions[:, 1:]
    mask = np.where(words_out == self._null, False, True)
    h0 = features.dot(p["W_proj"]) + p["b_proj"]
    vectors, embed_cache = word_embedding_forward(words_in, p["W_embed"])
    h, cache = rnn_forward(vectors, h0, p["Wx"], p["Wh"], p["b"])
    loss, dscores = temporal_softmax_loss(h @ p["W_vocab"] + p["b_vocab"], words_out, mask)
    dvectors, dh0, dWx, dWh, db = rnn_backward(dscores @ p["W_vocab"].T, cache)
    grads = {"Wx": dWx, "Wh": dWh, "b": db, "W_proj": features.T @ dh0, "b_proj": dh0.sum(axis=0)}
    grads |= {"W_vocab": np.einsum("nth,ntv->hv", h, dscores), "b_vocab": dscores.sum(axis=(0, 1))}
    return loss, grads | {"W_embed": word_embedding_backward(dvectors, embed_cache)}


# ---- captioning_rnn_sample


def _sample(self, features, max_length, start=None, fed=lambda words, t: words, choose=np.argmax, h0=None, keep=None):
    """Captions, with the parts that learners get wrong as options."""
    p = self.params
    captions = np.full((len(features), max_length), self._null, dtype=np.int32)
    h, _ = affine_forward(features, p["W_proj"], p["b_proj"])
    h = first = h if h0 is None else h0(h)
    words = np.full(len(features), self._start if start is None else start)
    for t in range(max_length):
        vectors, _ = word_embedding_forward(fed(words, t), p["W_embed"])
        h, _ = rnn_step_forward(vectors, first if keep else h, p["Wx"], p["Wh"], p["b"])
        scores, _ = affine_forward(h, p["W_vocab"], p["b_vocab"])
        words = captions[:, t] = choose(scores, axis=1)
    return captions


@wrong("captioning_rnn_sample", "<START> is read at every step: read the word that was just chosen")
def sample_that_always_starts(self, features, max_length=30):
    return _sample(self, features, max_length, fed=lambda words, t: np.full_like(words, self._start))


@wrong("captioning_rnn_sample", "the first word that is read has the index 0: begin with self._start")
def sample_from_word_zero(self, features, max_length=30):
    return _sample(self, features, max_length, start=0)


@wrong("captioning_rnn_sample", "the first word that is read is <NULL>: begin with self._start")
def sample_from_null(self, features, max_length=30):
    return _sample(self, features, max_length, start=self._null)


@wrong("captioning_rnn_sample", "the word with the lowest score is chosen: take the highest")
def sample_of_the_worst(self, features, max_length=30):
    return _sample(self, features, max_length, choose=np.argmin)


@wrong(
    "captioning_rnn_sample", "each step starts from the image's hidden state: pass on the one that the last step left"
)
def sample_without_memory(self, features, max_length=30):
    return _sample(self, features, max_length, keep=True)


@wrong(
    "captioning_rnn_sample", "the first hidden state is zeros: it comes from the features, through W_proj and b_proj"
)
def sample_without_image(self, features, max_length=30):
    return _sample(self, features, max_length, h0=np.zeros_like)


@wrong("captioning_rnn_sample", "the first column is <START>: it is the first word that the net chooses")
def sample_with_start(self, features, max_length=30):
    captions = np.full((len(features), max_length), self._start, dtype=np.int32)
    captions[:, 1:] = _sample(self, features, max_length)[:, :-1]
    return captions


@wrong(
    "captioning_rnn_sample", "words are drawn at random from their probabilities: take the word with the highest score"
)
def sample_at_random(self, features, max_length=30):
    rng = np.random.default_rng(0)
    return _sample(self, features, max_length, choose=lambda s, axis: np.argmax(s + rng.gumbel(size=s.shape), axis))


@wrong("captioning_rnn_sample", "b_proj is not added to the first hidden state")
def sample_without_bias(self, features, max_length=30):
    return _sample(self, features, max_length, h0=lambda h: h - self.params["b_proj"])


@wrong("captioning_rnn_sample", "b_vocab is not added to the scores")
def sample_without_bias_of_words(self, features, max_length=30):
    bias = self.params["b_vocab"]
    return _sample(self, features, max_length, choose=lambda scores, axis: np.argmax(scores - bias, axis=axis))


@wrong("captioning_rnn_sample", "all images get the first one's caption: take the best word of each row, axis=1")
def sample_of_one_image(self, features, max_length=30):
    return np.repeat(_sample(self, features, max_length)[:1], len(features), axis=0)


@right("captioning_rnn_sample")
def sample_that_stops(self, features, max_length=30):
    """After <END>, only <NULL>."""
    captions = _sample(self, features, max_length)
    for caption in captions:
        ends = np.flatnonzero(caption == self._end)
        if len(ends):
            caption[ends[0] + 1 :] = self._null
    return captions


@right("captioning_rnn_sample")
def sample_by_whole_sequences(self, features, max_length=30):
    """Words as captions of length 1, through the layers for whole sequences; int64."""
    p = self.params
    h = affine_forward(features, p["W_proj"], p["b_proj"])[0][:, np.newaxis]
    words, said = np.array([[self._start]] * len(features)), []
    for _ in range(max_length):
        vectors, _ = word_embedding_forward(words, p["W_embed"])
        h, _ = rnn_forward(vectors, h[:, 0], p["Wx"], p["Wh"], p["b"])
        words = temporal_affine_forward(h, p["W_vocab"], p["b_vocab"])[0].argmax(axis=2)
        said.append(words)
    return np.hstack(said)


# ---- the model answers but for a slip

slips(
    "rnn_step_forward",
    ("b is added after tanh: it belongs inside, to the sum", "prev_h @ Wh + b)", "prev_h @ Wh) + b"),
    ("prev_h is added to the new state: it enters through Wh alone", "np.tanh(x @ Wx", "prev_h + np.tanh(x @ Wx"),
)

slips(
    "rnn_step_backward",
    (
        "dx and dprev_h are computed from dnext_h itself: it must go back through tanh first",
        "dscores @ Wx.T, dscores @ Wh.T",
        "dnext_h @ Wx.T, dnext_h @ Wh.T",
    ),
)

slips(
    "rnn_forward",
    ("each step reads the input of the step before: step t reads x[:, t]", "x[:, t]", "x[:, t - 1]"),
)

slips(
    "rnn_backward",
    (
        "the gradients of the weights are those of the last step alone: add up those of all steps",
        "dWx, dWh, db = dWx + dWx_t, dWh + dWh_t, db + db_t",
        "if t == dh.shape[1] - 1:\n    dWx, dWh, db = dWx_t, dWh_t, db_t",
    ),
    (
        "the caches are read in the wrong order: step t goes back with the cache of step t",
        "cache[t]",
        "cache[-1 - t]",
    ),
    ("all steps go back with the cache of the last one: step t has its own, cache[t]", "cache[t]", "cache[-1]"),
    ("each step gets the dh of the step before: it is dh[:, t]", "dh[:, t] +", "dh[:, t - 1] +"),
)

slips(
    "temporal_softmax_loss",
    (
        "1 is subtracted at the right word where the mask is False too: there, the whole row of dx is 0",
        "dflat[rows, words] -= 1",
        "dflat *= counts[:, np.newaxis]",
        "dflat *= counts[:, np.newaxis] / N",
        "dflat[rows, words] -= 1\ndflat /= N",
    ),
    (
        "the mask takes away the 1 at the right word alone: where it is False, the whole row of dx is 0",
        "dflat[rows, words] -= 1",
        "dflat[rows, words] -= counts",
        "dflat *= counts[:, np.newaxis] / N",
        "dflat /= N",
    ),
)

slips(
    "captioning_rnn_loss",
    (
        "the mask is the wrong way round: a word counts if it is not self._null",
        "words_out != self._null",
        "words_out == self._null",
    ),
    (
        "the mask leaves out <END>, which the net should say too: it leaves out <NULL>",
        "words_out != self._null",
        "words_out != self._end",
    ),
)

slips(
    "captioning_rnn_sample",
    (
        "the hidden state is not passed on: each step starts from the first one",
        "h, c = self._step",
        "_, c = self._step",
    ),
    ("the last word is never written: the loop runs over range(max_length)", "(max_length)", "(max_length - 1)"),
    (
        "np.argmax runs over the images, axis 0: the best word of each row is wanted, axis=1",
        "np.argmax(scores, axis=1)",
        "np.resize(np.argmax(scores, axis=0), len(features))",
    ),
)
