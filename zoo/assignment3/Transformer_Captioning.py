"""The functions of Transformer_Captioning as learners write them."""

import numpy as np

from cs231n import graph_layers, transformer_layers
from cs231n.rnn_layers import temporal_affine_backward, temporal_affine_forward
from cs231n.transformer_layers import (
    add_and_norm_backward,
    add_and_norm_forward,
    attend_backward,
    attend_forward,
    attention_backward,
    attention_forward,
    causal_mask,
    feed_forward_backward,
    feed_forward_forward,
    join_heads,
    multi_head_attention_backward,
    multi_head_attention_forward,
    split_heads,
)
from zoo import right, wrong

LAYERS = "cs231n.transformer_layers"


# ---- attention_forward


def _softmax(scores, axis=-1):
    exponentials = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return exponentials / exponentials.sum(axis=axis, keepdims=True)


def _scores(query, key, mask):
    scores = query @ key.swapaxes(-1, -2) / np.sqrt(query.shape[-1])
    return scores if mask is None else np.where(mask, scores, -np.inf)


def _attended(query, key, value, weights):
    return weights @ value, (query, key, value, weights)


@wrong("attention_forward", "the scores are not divided by the square root of E, the size of the vectors")
def unscaled(query, key, value, mask=None):
    return _attended(query, key, value, _softmax(_scores(query * np.sqrt(query.shape[-1]), key, mask)))


@wrong("attention_forward", "the scores are divided by E itself: divide by its square root")
def scaled_by_size(query, key, value, mask=None):
    return _attended(query, key, value, _softmax(_scores(query / np.sqrt(query.shape[-1]), key, mask)))


@wrong("attention_forward", "the scores are divided by the root of T, the number of keys: divide by the root of E")
def scaled_by_length(query, key, value, mask=None):
    factor = np.sqrt(query.shape[-1] / key.shape[-2])
    return _attended(query, key, value, _softmax(_scores(query * factor, key, mask)))


@wrong("attention_forward", "the scores are multiplied by the square root of E: divide by it")
def scaled_up(query, key, value, mask=None):
    return _attended(query, key, value, _softmax(_scores(query * query.shape[-1], key, mask)))


@wrong("attention_forward", "the weights are divided by the square root of E after the softmax: divide the scores")
def scaled_after_softmax(query, key, value, mask=None):
    root = np.sqrt(query.shape[-1])
    return _attended(query, key, value, _softmax(_scores(query * root, key, mask)) / root)


@wrong("attention_forward", "the mask is not used: put -np.inf in place of the scores where it is False")
def without_mask(query, key, value, mask=None):
    return _attended(query, key, value, _softmax(_scores(query, key, None)))


@wrong("attention_forward", "the mask is the wrong way round: it is True where a query may see a key")
def mask_inverted(query, key, value, mask=None):
    with np.errstate(all="ignore"):
        weights = _softmax(_scores(query, key, None if mask is None else ~np.asarray(mask, dtype=bool)))
    return _attended(query, key, value, weights)


@wrong(
    "attention_forward",
    "scores that the mask hides are set to 0, and exp(0) is 1: set them to -np.inf, so that their weight is 0",
)
def mask_sets_zero(query, key, value, mask=None):
    scores = _scores(query, key, None)
    return _attended(query, key, value, _softmax(scores if mask is None else np.where(mask, scores, 0)))


@wrong(
    "attention_forward",
    "the mask is applied after the softmax, so the weights of a row no longer add up to 1: mask the scores",
)
def mask_after_softmax(query, key, value, mask=None):
    weights = _softmax(_scores(query, key, None))
    return _attended(query, key, value, weights if mask is None else weights * mask)


@wrong(
    "attention_forward", "the softmax runs over the queries: the weights of each query must add up to 1 over the keys"
)
def softmax_over_queries(query, key, value, mask=None):
    scores = _scores(query, key, None)
    scores = scores if mask is None else np.where(mask, scores, -1e9)
    return _attended(query, key, value, _softmax(scores, axis=-2))


@wrong("attention_forward", "the softmax runs over all entries at once: it belongs to each row, axis=-1 with keepdims")
def softmax_over_all(query, key, value, mask=None):
    scores = _scores(query, key, mask)
    exponentials = np.exp(scores - scores.max())
    return _attended(query, key, value, exponentials / exponentials.sum())


@wrong("attention_forward", "there is no softmax: the scores themselves are used as weights")
def without_softmax(query, key, value, mask=None):
    scores = _scores(query, key, None)
    return _attended(query, key, value, scores if mask is None else np.where(mask, scores, 0.0))


@wrong("attention_forward", "exp overflows: subtract each row's largest score from the row first")
def overflowing(query, key, value, mask=None):
    exponentials = np.exp(_scores(query, key, mask))
    return _attended(query, key, value, exponentials / exponentials.sum(axis=-1, keepdims=True))


@wrong("attention_forward", "hidden scores get -1, which is not small: use -np.inf, so that their weight is 0")
def mask_subtracts_one(query, key, value, mask=None):
    scores = _scores(query, key, None)
    return _attended(query, key, value, _softmax(scores if mask is None else np.where(mask, scores, -1.0)))


@wrong("attention_forward", "the roles of key and value are swapped: compare with the keys, average the values")
def key_and_value_swapped(query, key, value, mask=None):
    return _attended(query, key, value, _softmax(_scores(query, value, mask)) @ key)


@wrong(
    "attention_forward",
    ".T reverses all axes, those of sequences and heads as well: swap the last two, key.swapaxes(-1, -2)",
)
def reversed_axes(query, key, value, mask=None):
    scores = query @ key.T / np.sqrt(query.shape[-1])
    return _attended(query, key, value, _softmax(scores if mask is None else np.where(mask, scores, -np.inf)))


@wrong("attention_forward", "query is modified in place: write the scaled queries into a new array", rule="in place")
def scales_query_in_place(query, key, value, mask=None):
    query /= np.sqrt(query.shape[-1])
    return _attended(query, key, value, _softmax(_scores(query * np.sqrt(query.shape[-1]), key, mask)))


@right("attention_forward", edge="no axes before the last two")
def by_einsum_for_each_head(query, key, value, mask=None):
    """For arrays of three and of four axes, as learners write it who think of heads."""
    three = query.ndim == 3
    letters = ("nse,nte->nst", "nst,ntm->nsm") if three else ("nhse,nhte->nhst", "nhst,nhtm->nhsm")
    scores = np.einsum(letters[0], query, key) / query.shape[-1] ** 0.5
    if mask is not None:
        scores = np.where(mask, scores, -1e30)
    weights = _softmax(scores)
    return np.einsum(letters[1], weights, value), (query, key, value, weights)


@right("attention_forward")
def query_by_query(query, key, value, mask=None):
    scores = np.zeros((*query.shape[:-1], key.shape[-2]), dtype=query.dtype)
    for s in range(query.shape[-2]):
        for t in range(key.shape[-2]):
            scores[..., s, t] = np.sum(query[..., s, :] * key[..., t, :], axis=-1) / np.sqrt(query.shape[-1])
    if mask is not None:
        scores = np.where(mask, scores, -np.inf)
    weights = _softmax(scores)
    return np.matmul(weights, value), (query, key, value, weights)


@right("attention_forward", edge="a mask of 0.0 and 1.0")
def with_boolean_index(query, key, value, mask=None):
    scores = (query / np.sqrt(query.shape[-1])) @ np.swapaxes(key, -2, -1)
    if mask is not None:
        scores[~np.broadcast_to(mask, scores.shape)] = -np.inf
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    return weights @ value, (query, key, value, weights)


@right("attention_forward")
def with_a_large_negative_number(query, key, value, mask=None):
    scores = _scores(query, key, None)
    if mask is not None:
        scores = scores + np.where(mask, 0, -1e9).astype(scores.dtype)
    return _attended(query, key, value, _softmax(scores))


# ---- attention_backward


def _through_softmax(dweights, weights):
    return weights * (dweights - np.sum(weights * dweights, axis=-1, keepdims=True))


def _gradients(dout, cache, through=_through_softmax, scale=None):
    query, key, value, weights = cache
    dscores = through(dout @ value.swapaxes(-1, -2), weights)
    dscores = dscores / np.sqrt(query.shape[-1]) if scale is None else dscores * scale
    return dscores @ key, dscores.swapaxes(-1, -2) @ query, weights.swapaxes(-1, -2) @ dout


@wrong("attention_backward", "the gradient of the scores is not divided by the square root of E, as the scores were")
def gradient_unscaled(dout, cache):
    return _gradients(dout, cache, scale=1.0)


@wrong("attention_backward", "the gradient of the scores is divided by E: divide by its root, as in the forward pass")
def gradient_scaled_twice(dout, cache):
    return _gradients(dout, cache, scale=1 / cache[0].shape[-1])


@wrong(
    "attention_backward", "the gradient of the scores is divided by the root of T, the number of keys, not by that of E"
)
def gradient_scaled_by_length(dout, cache):
    return _gradients(dout, cache, scale=1 / np.sqrt(cache[1].shape[-2]))


@wrong("attention_backward", "the square root of E is left out in dkey: both dquery and dkey are divided by it")
def gradient_of_key_unscaled(dout, cache):
    dquery, dkey, dvalue = _gradients(dout, cache)
    return dquery, dkey * np.sqrt(cache[0].shape[-1]), dvalue


@wrong("attention_backward", "the square root of E is left out in dquery: both dquery and dkey are divided by it")
def gradient_of_query_unscaled(dout, cache):
    dquery, dkey, dvalue = _gradients(dout, cache)
    return dquery * np.sqrt(cache[0].shape[-1]), dkey, dvalue


@wrong(
    "attention_backward",
    "the softmax is taken for an elementwise function, weights * dweights: the weights of a row depend on each other",
)
def softmax_without_mean(dout, cache):
    return _gradients(dout, cache, lambda dweights, weights: weights * dweights)


@wrong(
    "attention_backward",
    "weights * (1 - weights) is only the diagonal of the softmax's derivative: each weight depends on the whole row",
)
def softmax_diagonal_alone(dout, cache):
    return _gradients(dout, cache, lambda dweights, weights: weights * (1 - weights) * dweights)


@wrong("attention_backward", "the softmax is left out on the way back: it lies between the weights and the scores")
def softmax_skipped(dout, cache):
    return _gradients(dout, cache, lambda dweights, weights: dweights)


@wrong("attention_backward", "the mean of a row's gradients is not weighted: it is the sum of weights * dweights")
def softmax_with_plain_mean(dout, cache):
    return _gradients(
        dout, cache, lambda dweights, weights: weights * (dweights - dweights.mean(axis=-1, keepdims=True))
    )


@wrong("attention_backward", "the sum in the softmax's gradient runs over the queries: it runs over the keys, axis=-1")
def softmax_sum_over_queries(dout, cache):
    return _gradients(
        dout,
        cache,
        lambda dweights, weights: weights * (dweights - np.sum(weights * dweights, axis=-2, keepdims=True)),
    )


@wrong(
    "attention_backward",
    "the sum in the softmax's gradient runs over all keys and queries: each row has its own, axis=-1 with keepdims",
)
def softmax_sum_over_all(dout, cache):
    return _gradients(
        dout,
        cache,
        lambda dweights, weights: weights * (dweights - np.sum(weights * dweights, axis=(-2, -1), keepdims=True)),
    )


@wrong("attention_backward", "the gradient of the scores is not transposed in dkey: it is a sum over the queries")
def scores_not_transposed(dout, cache):
    query, key, value, weights = cache
    dscores = _through_softmax(dout @ value.swapaxes(-1, -2), weights) / np.sqrt(query.shape[-1])
    return dscores @ key, dscores @ query, weights.swapaxes(-1, -2) @ dout


@wrong("attention_backward", "dquery and dkey are returned in the wrong order", rule="dquery")
def query_and_key_swapped(dout, cache):
    dquery, dkey, dvalue = _gradients(dout, cache)
    return dkey, dquery, dvalue


@wrong("attention_backward", "the weights are not transposed in dvalue: it is a sum over the queries")
def weights_not_transposed(dout, cache):
    dquery, dkey, _ = _gradients(dout, cache)
    return dquery, dkey, cache[3] @ dout


@wrong("attention_backward", "the weights are changed in place, and dvalue is computed from them afterwards")
def weights_changed_before_use(dout, cache):
    query, key, value, weights = cache
    dscores = _through_softmax(dout @ value.swapaxes(-1, -2), weights) / np.sqrt(query.shape[-1])
    return dscores @ key, dscores.swapaxes(-1, -2) @ query, dscores.swapaxes(-1, -2) @ dout


@right("attention_backward")
def by_jacobian(dout, cache):
    query, key, value, weights = cache
    T = key.shape[-2]
    jacobian = weights[..., :, np.newaxis] * (np.eye(T, dtype=dout.dtype) - weights[..., np.newaxis, :])
    dweights = dout @ value.swapaxes(-1, -2)
    dscores = np.einsum("...st,...stu->...su", dweights, jacobian) / query.shape[-1] ** 0.5
    return dscores @ key, np.einsum("...st,...se->...te", dscores, query), weights.swapaxes(-1, -2) @ dout


@right("attention_backward")
def by_dout_times_out(dout, cache):
    """The weighted mean of a row's gradients is the product of dout and out, as fused kernels compute it."""
    query, key, value, weights = cache
    mean = np.sum(dout * (weights @ value), axis=-1, keepdims=True)
    dscores = weights * (dout @ value.swapaxes(-1, -2) - mean) / np.sqrt(query.shape[-1])
    return dscores @ key, dscores.swapaxes(-1, -2) @ query, weights.swapaxes(-1, -2) @ dout


def _forward_with_scaled_query(query, key, value, mask=None):
    scaled = query / np.sqrt(query.shape[-1])
    scores = scaled @ key.swapaxes(-1, -2)
    weights = _softmax(scores if mask is None else np.where(mask, scores, -np.inf))
    return weights @ value, {"scaled": scaled, "k": key, "v": value, "p": weights}


@right("attention_backward", beside={f"{LAYERS}:attention_forward": _forward_with_scaled_query})
def with_a_cache_of_its_own(dout, cache):
    scaled, key, value, weights = cache["scaled"], cache["k"], cache["v"], cache["p"]
    dscores = _through_softmax(dout @ value.swapaxes(-1, -2), weights)
    root = np.sqrt(key.shape[-1])
    return dscores @ key / root, dscores.swapaxes(-1, -2) @ scaled, weights.swapaxes(-1, -2) @ dout


# ---- multi_head_attention_forward

_HEADS = f"{LAYERS}:multi_head_attention_forward"


def _flat_reshape(x, num_heads):
    N, T, E = x.shape
    return x.reshape(N, num_heads, T, E // num_heads)


def _every_other_column(x, num_heads):
    N, T, E = x.shape
    return x.reshape(N, T, E // num_heads, num_heads).transpose(0, 3, 1, 2)


def _joined_heads(x):
    N, num_heads, T, size = x.shape
    return x.reshape(N, T, num_heads * size)


def _several(query, key, value, *weights_heads_mask, split=split_heads, join=join_heads, attend=attention_forward):
    """Attention with several heads, with other ways to split, to join and to attend."""
    Wq, bq, Wk, bk, Wv, bv, Wo, bo, num_heads, *mask = weights_heads_mask
    pairs = ((query, Wq, bq), (key, Wk, bk), (value, Wv, bv))
    (q, q_cache), (k, k_cache), (v, v_cache) = (temporal_affine_forward(*pair) for pair in pairs)
    heads, attention_cache = attend(*(split(x, num_heads) for x in (q, k, v)), *mask)
    out, out_cache = temporal_affine_forward(join(heads), Wo, bo)
    return out, (num_heads, q_cache, k_cache, v_cache, attention_cache, out_cache)


@wrong(
    "multi_head_attention_forward",
    "reshape(N, num_heads, T, -1) mixes the steps: each head gets some columns of every step, as split_heads does it",
)
def heads_by_reshape_alone(query, key, value, *rest):
    return _several(query, key, value, *rest, split=_flat_reshape)


@wrong(
    "multi_head_attention_forward",
    "the heads are joined without the transpose: join_heads brings the axis of the heads back beside their columns",
)
def joined_by_reshape_alone(query, key, value, *rest):
    return _several(query, key, value, *rest, join=_joined_heads)


@wrong("multi_head_attention_forward", "a head gets every num_heads-th column: its columns lie side by side")
def heads_of_every_other_column(query, key, value, *rest):
    return _several(query, key, value, *rest, split=_every_other_column)


@wrong("multi_head_attention_forward", "all columns go into a single head: split them by split_heads")
def a_single_head(query, key, value, *rest):
    *weights, _, mask = rest
    return _several(query, key, value, *weights, 1, mask)


@wrong("multi_head_attention_forward", "the mask is not handed on to attention_forward")
def heads_without_mask(query, key, value, *rest):
    return _several(query, key, value, *rest[:-1])


@wrong("multi_head_attention_forward", "the last affine layer, Wo and bo, is missing")
def without_last_layer(query, key, value, *rest):
    *weights, _, _, num_heads, mask = rest
    E = query.shape[-1]
    return _several(query, key, value, *weights, np.eye(E, dtype=query.dtype), np.zeros(E), num_heads, mask)


@wrong("multi_head_attention_forward", "the bias bo of the last affine layer is missing")
def without_last_bias(query, key, value, *rest):
    *weights, bo, num_heads, mask = rest
    return _several(query, key, value, *weights, np.zeros_like(bo), num_heads, mask)


@wrong("multi_head_attention_forward", "the biases bq, bk and bv are missing")
def without_biases(query, key, value, Wq, bq, Wk, bk, Wv, bv, *rest):
    zeros = np.zeros_like(bq)
    return _several(query, key, value, Wq, zeros, Wk, zeros, Wv, zeros, *rest)


@wrong("multi_head_attention_forward", "Wk and bk project the values as well: the values have Wv and bv")
def values_through_the_keys_weights(query, key, value, Wq, bq, Wk, bk, Wv, bv, *rest):
    return _several(query, key, value, Wq, bq, Wk, bk, Wk, bk, *rest)


@wrong(
    "multi_head_attention_forward",
    "key and value are computed from the query: that is right for self-attention only",
)
def attends_to_itself(query, key, value, *rest):
    return _several(query, query, query, *rest)


@wrong("multi_head_attention_forward", "the values are computed from the key: give each affine layer its own input")
def values_from_the_key(query, key, value, *rest):
    return _several(query, key, key, *rest)


@wrong("multi_head_attention_forward", "the weights are transposed: here a layer computes x @ W + b, without W.T")
def weights_transposed(query, key, value, Wq, bq, Wk, bk, Wv, bv, Wo, *rest):
    return _several(query, key, value, Wq.T, bq, Wk.T, bk, Wv.T, bv, Wo.T, *rest)


@wrong(
    "multi_head_attention_forward",
    "the scores are divided by the root of E: each head's vectors have the size E / num_heads",
)
def heads_scaled_by_whole_size(query, key, value, *rest):
    num_heads = rest[-2]

    def attend(q, k, v, mask):
        return attention_forward(q / np.sqrt(num_heads), k, v, mask)

    return _several(query, key, value, *rest, attend=attend)


@wrong("multi_head_attention_forward", "the heads' outputs are averaged or added: they are put side by side")
def heads_averaged(query, key, value, *rest):
    def join(heads):
        return np.tile(heads.mean(axis=1), heads.shape[1])

    return _several(query, key, value, *rest, join=join)


@right("multi_head_attention_forward")
def head_by_head(query, key, value, Wq, bq, Wk, bk, Wv, bv, Wo, bo, num_heads, mask=None):
    size = query.shape[-1] // num_heads
    q, k, v = query @ Wq + bq, key @ Wk + bk, value @ Wv + bv
    outs = []
    for h in range(num_heads):
        part = slice(h * size, (h + 1) * size)
        own = mask[:, 0] if mask is not None and mask.ndim == 4 else mask
        outs.append(attention_forward(q[:, :, part], k[:, :, part], v[:, :, part], own)[0])
    return np.concatenate(outs, axis=-1) @ Wo + bo, None


@right("multi_head_attention_forward")
def by_einsum_over_heads(query, key, value, Wq, bq, Wk, bk, Wv, bv, Wo, bo, num_heads, mask=None):
    N, S, E = query.shape
    q, k, v = (
        (x @ W + b).reshape(N, -1, num_heads, E // num_heads)
        for x, W, b in ((query, Wq, bq), (key, Wk, bk), (value, Wv, bv))
    )
    scores = np.einsum("nshd,nthd->nhst", q, k) / np.sqrt(E // num_heads)
    weights = _softmax(scores if mask is None else np.where(mask, scores, -np.inf))
    out = np.einsum("nhst,nthd->nshd", weights, v).reshape(N, S, E) @ Wo + bo
    return out, (q, k, v, weights)


# ---- multi_head_attention_backward


def _several_backward(dout, cache, split=split_heads, join=join_heads, order=(0, 1, 2)):
    num_heads, q_cache, k_cache, v_cache, attention_cache, out_cache = cache
    dheads, dWo, dbo = temporal_affine_backward(dout, out_cache)
    dparts = attention_backward(split(dheads, num_heads), attention_cache)
    caches = (q_cache, k_cache, v_cache)
    grads = [temporal_affine_backward(join(dparts[i]), caches[i]) for i in order]
    dinputs, dweights = [g[0] for g in grads], [part for g in grads for part in g[1:]]
    return (*dinputs, *dweights, dWo, dbo)


@wrong(
    "multi_head_attention_backward",
    "the gradient of the heads is reshaped without the transpose: split it by split_heads, as the projections were",
)
def gradient_split_by_reshape_alone(dout, cache):
    return _several_backward(dout, cache, split=_flat_reshape)


@wrong(
    "multi_head_attention_backward",
    "the gradients of the heads are joined without the transpose: use join_heads before the affine layers",
)
def gradient_joined_by_reshape_alone(dout, cache):
    return _several_backward(dout, cache, join=_joined_heads)


@wrong("multi_head_attention_backward", "the last affine layer is left out on the way back: Wo does not act on dout")
def last_layer_skipped(dout, cache):
    num_heads, q_cache, k_cache, v_cache, attention_cache, out_cache = cache
    x, W, b, out = out_cache
    fake = (x, np.eye(len(W), dtype=W.dtype), b, out)
    return _several_backward(dout, (num_heads, q_cache, k_cache, v_cache, attention_cache, fake))


@wrong("multi_head_attention_backward", "the gradients of key and value have changed places")
def key_and_value_gradients_swapped(dout, cache):
    grads = list(_several_backward(dout, cache))
    grads[1], grads[2] = grads[2], grads[1]
    grads[5:7], grads[7:9] = grads[7:9], grads[5:7]
    return tuple(grads)


@wrong("multi_head_attention_backward", "dbq, dbk, dbv and dbo are means over the sequences: biases collect sums")
def bias_gradients_averaged(dout, cache):
    grads = _several_backward(dout, cache)
    return tuple(g / len(dout) if i in (4, 6, 8, 10) else g for i, g in enumerate(grads))


@wrong(
    "multi_head_attention_backward",
    "dquery, dkey and dvalue are those of the projections: they have yet to go back through the affine layers",
)
def stops_at_the_projections(dout, cache):
    num_heads, _, _, _, attention_cache, out_cache = cache
    dheads, _, _ = temporal_affine_backward(dout, out_cache)
    dparts = attention_backward(split_heads(dheads, num_heads), attention_cache)
    return (*map(join_heads, dparts), *_several_backward(dout, cache)[3:])


@wrong("multi_head_attention_backward", "the weights' gradients come before those of the inputs, in the wrong order")
def weights_first(dout, cache):
    grads = _several_backward(dout, cache)
    return (*grads[3:], *grads[:3])


def _forward_head_by_head(query, key, value, Wq, bq, Wk, bk, Wv, bv, Wo, bo, num_heads, mask=None):
    projections = [temporal_affine_forward(x, W, b) for x, W, b in ((query, Wq, bq), (key, Wk, bk), (value, Wv, bv))]
    size = query.shape[-1] // num_heads
    own = mask[:, 0] if mask is not None and mask.ndim == 4 else mask
    parts = [slice(h * size, (h + 1) * size) for h in range(num_heads)]
    heads = [attention_forward(*(x[..., part] for x, _ in projections), own) for part in parts]
    out, out_cache = temporal_affine_forward(np.concatenate([head for head, _ in heads], axis=-1), Wo, bo)
    return out, ([cache for _, cache in projections], [cache for _, cache in heads], parts, out_cache)


@right("multi_head_attention_backward", beside={_HEADS: _forward_head_by_head})
def backward_head_by_head(dout, cache):
    projection_caches, head_caches, parts, out_cache = cache
    dheads, dWo, dbo = temporal_affine_backward(dout, out_cache)
    dparts = [attention_backward(dheads[..., p], c) for p, c in zip(parts, head_caches, strict=True)]
    grads = []
    for i, projection_cache in enumerate(projection_caches):
        grads.append(temporal_affine_backward(np.concatenate([d[i] for d in dparts], axis=-1), projection_cache))
    return (*(g[0] for g in grads), *(part for g in grads for part in g[1:]), dWo, dbo)


# ---- positional_encoding


def _encoded(length, size, angles):
    """Sines and cosines of the angles of (position, column), side by side."""
    encoding = np.zeros((length, size))
    for i in range(length):
        for j in range(0, size, 2):
            encoding[i, j], encoding[i, j + 1] = np.sin(angles(i, j)), np.cos(angles(i, j + 1))
    return encoding


def _encoding(length, size):
    """The right encoding, for entries that change it."""
    return _encoded(length, size, lambda i, j: i * 10000 ** (-(j - j % 2) / size))


@wrong("positional_encoding", "sine and cosine have changed places: even columns hold sines")
def cosines_first(length, size):
    columns = np.arange(size) ^ 1
    return _encoding(length, size)[:, columns]


@wrong("positional_encoding", "an odd column j has an angle of its own: it shares that of the column before, j - 1")
def angle_for_each_column(length, size):
    return _encoded(length, size, lambda i, j: i * 10000 ** (-j / size))


@wrong(
    "positional_encoding",
    "the exponent counts pairs, j / 2 in place of j: the angle of an even column j is i * 10000^(-j / size)",
)
def exponent_of_pairs(length, size):
    return _encoded(length, size, lambda i, j: i * 10000 ** (-(j // 2) / size))


@wrong("positional_encoding", "the exponent is doubled: the angle of an even column j is i * 10000^(-j / size)")
def exponent_doubled(length, size):
    return _encoded(length, size, lambda i, j: i * 10000 ** (-2 * (j - j % 2) / size))


@wrong("positional_encoding", "the minus in the exponent is missing, so the angles grow with the column")
def exponent_without_minus(length, size):
    return _encoded(length, size, lambda i, j: i * 10000 ** ((j - j % 2) / size))


@wrong("positional_encoding", "positions are counted from 1: the first row belongs to position 0")
def positions_from_one(length, size):
    return _encoded(length, size, lambda i, j: (i + 1) * 10000 ** (-(j - j % 2) / size))


@wrong("positional_encoding", "the base is 1000: it is 10000")
def other_base(length, size):
    return _encoded(length, size, lambda i, j: i * 1000 ** (-(j - j % 2) / size))


@wrong("positional_encoding", "the first half of the columns holds sines and the second cosines: they alternate")
def halves_of_sines_and_cosines(length, size):
    encoding = _encoding(length, size)
    return np.concatenate([encoding[:, 0::2], encoding[:, 1::2]], axis=1)


@wrong("positional_encoding", "the exponent is divided by the length: it is divided by the size of the vectors")
def divided_by_length(length, size):
    return _encoded(length, size, lambda i, j: i * 10000 ** (-(j - j % 2) / length))


@wrong("positional_encoding", "encoding is transposed: a row for each position", rule="transposed")
def a_column_for_each_position(length, size):
    return _encoding(length, size).T


@right("positional_encoding")
def encoding_by_loops(length, size):
    return _encoding(length, size)


@right("positional_encoding")
def encoding_by_logarithms(length, size):
    angles = np.outer(np.arange(length), np.exp(-np.log(10000.0) * np.arange(0, size, 2) / size))
    return np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(length, size)


# ---- decoder_block_forward


def _block(x, memory, params, num_heads, mask, cross="cross", norms=(1, 2, 3), words_as_memory=False, add_first=False):
    """The block, with other weights, another memory, or another term of the sums."""
    first = x
    update, _ = attend_forward(x, x, params, "self", num_heads, mask)
    x, _ = add_and_norm_forward(x, update, params, f"norm{norms[0]}")
    update, _ = attend_forward(x, x if words_as_memory else memory, params, cross, num_heads)
    x, _ = add_and_norm_forward(first if add_first else x, update, params, f"norm{norms[1]}")
    update, _ = feed_forward_forward(x, params)
    return add_and_norm_forward(first if add_first else x, update, params, f"norm{norms[2]}")


@wrong("decoder_block_forward", "the mask is not handed on to the first attention: words see later words")
def block_without_mask(x, memory, params, num_heads, mask=None):
    return _block(x, memory, params, num_heads, None)


@wrong("decoder_block_forward", "the second attention goes to the words again: its memory is the image's")
def block_without_memory(x, memory, params, num_heads, mask=None):
    return _block(x, memory, params, num_heads, mask, words_as_memory=True)


@wrong("decoder_block_forward", "the second attention uses the first one's weights: its own are called cross")
def block_with_one_set_of_weights(x, memory, params, num_heads, mask=None):
    return _block(x, memory, params, num_heads, mask, cross="self")


@wrong("decoder_block_forward", "x is not added before the normalisation: what a part computes is added to its input")
def block_without_residuals(x, memory, params, num_heads, mask=None):
    x, _ = attend_forward(x, x, params, "self", num_heads, mask)
    x, _ = add_and_norm_forward(x, 0.0, params, "norm1")
    x, _ = attend_forward(x, memory, params, "cross", num_heads)
    x, _ = add_and_norm_forward(x, 0.0, params, "norm2")
    return add_and_norm_forward(feed_forward_forward(x, params)[0], 0.0, params, "norm3")


@wrong("decoder_block_forward", "the block's own input is added each time: add what went into that part, the new x")
def block_adds_first_input(x, memory, params, num_heads, mask=None):
    return _block(x, memory, params, num_heads, mask, add_first=True)


@wrong("decoder_block_forward", "norm1 is used three times: each part has its own gains and shifts")
def block_with_one_norm(x, memory, params, num_heads, mask=None):
    return _block(x, memory, params, num_heads, mask, norms=(1, 1, 1))


def _two_attentions(x, memory, params, num_heads, mask):
    update, _ = attend_forward(x, x, params, "self", num_heads, mask)
    x, _ = add_and_norm_forward(x, update, params, "norm1")
    update, _ = attend_forward(x, memory, params, "cross", num_heads)
    return add_and_norm_forward(x, update, params, "norm2")


@wrong("decoder_block_forward", "the feed-forward part is missing")
def block_without_feed_forward(x, memory, params, num_heads, mask=None):
    return _two_attentions(x, memory, params, num_heads, mask)


@wrong("decoder_block_forward", "the last normalisation is missing: out is norm3(x + feed-forward)")
def block_without_last_norm(x, memory, params, num_heads, mask=None):
    x, _ = _two_attentions(x, memory, params, num_heads, mask)
    return x + feed_forward_forward(x, params)[0], None


@wrong("decoder_block_forward", "attention to the image comes first: words attend to words, then to the image")
def block_image_first(x, memory, params, num_heads, mask=None):
    update, _ = attend_forward(x, memory, params, "cross", num_heads)
    x, _ = add_and_norm_forward(x, update, params, "norm1")
    update, _ = attend_forward(x, x, params, "self", num_heads, mask)
    x, _ = add_and_norm_forward(x, update, params, "norm2")
    return add_and_norm_forward(x, feed_forward_forward(x, params)[0], params, "norm3")


@wrong(
    "decoder_block_forward",
    "normalisation comes before each part, as in many later models: here it comes after the sum",
)
def block_with_norm_first(x, memory, params, num_heads, mask=None):
    def norm(x, name):
        return add_and_norm_forward(x, 0.0, params, name)[0]

    y = norm(x, "norm1")
    x = x + attend_forward(y, y, params, "self", num_heads, mask)[0]
    x = x + attend_forward(norm(x, "norm2"), memory, params, "cross", num_heads)[0]
    return x + feed_forward_forward(norm(x, "norm3"), params)[0], None


@wrong("decoder_block_forward", "the parts work side by side on the same x: each works on what the one before gave")
def block_in_parallel(x, memory, params, num_heads, mask=None):
    one, _ = attend_forward(x, x, params, "self", num_heads, mask)
    other, _ = attend_forward(x, memory, params, "cross", num_heads)
    x, _ = add_and_norm_forward(x, one, params, "norm1")
    x, _ = add_and_norm_forward(x, other, params, "norm2")
    return add_and_norm_forward(x, feed_forward_forward(x, params)[0], params, "norm3")


@right("decoder_block_forward")
def block_with_a_dict_of_caches(x, memory, params, num_heads, mask=None):
    caches, sources = {}, {"self": None, "cross": memory, "feed_forward": None}
    for i, name in enumerate(sources, 1):
        if name == "feed_forward":
            update, caches[name] = feed_forward_forward(x, params)
        else:
            source, seen = (x, mask) if name == "self" else (memory, None)
            update, caches[name] = attend_forward(x, source, params, name, num_heads, seen)
        x, caches[f"norm{i}"] = add_and_norm_forward(x, update, params, f"norm{i}")
    return x, caches


@right("decoder_block_forward")
def block_of_multi_head_attention(x, memory, params, num_heads, mask=None):
    def weights(name):
        return [params[f"{name}_{w}"] for w in ("Wq", "bq", "Wk", "bk", "Wv", "bv", "Wo", "bo")]

    def norm(x, i):
        return transformer_layers.temporal_layernorm_forward(x, params[f"norm{i}_gamma"], params[f"norm{i}_beta"], {})[
            0
        ]

    x = norm(x + multi_head_attention_forward(x, x, x, *weights("self"), num_heads, mask)[0], 1)
    x = norm(x + multi_head_attention_forward(x, memory, memory, *weights("cross"), num_heads)[0], 2)
    hidden = np.maximum(0, x @ params["W1"] + params["b1"])
    return norm(x + hidden @ params["W2"] + params["b2"], 3), None


# ---- decoder_block_backward


def _block_back(dout, cache, around=(1, 1, 1), through=(1, 1), self_parts=(1, 1)):
    """The gradients of the block, with weights on the ways around the parts, through the last two, and on x's roles."""
    self_cache, norm1_cache, cross_cache, norm2_cache, feed_forward_cache, norm3_cache = cache
    dsum, grads = add_and_norm_backward(dout, norm3_cache)
    dpart, part_grads = feed_forward_backward(dsum, feed_forward_cache)
    dsum, norm_grads = add_and_norm_backward(around[2] * dsum + through[1] * dpart, norm2_cache)
    grads |= part_grads | norm_grads
    dpart, dmemory, part_grads = attend_backward(dsum, cross_cache)
    dsum, norm_grads = add_and_norm_backward(around[1] * dsum + through[0] * dpart, norm1_cache)
    grads |= part_grads | norm_grads
    dquery, dkey_value, part_grads = attend_backward(dsum, self_cache)
    dx = around[0] * dsum + self_parts[0] * dquery + self_parts[1] * dkey_value
    return dx, dmemory, grads | part_grads


@wrong(
    "decoder_block_backward",
    "the ways around the parts are left out: what went into a part was also added to its output",
)
def back_without_residuals(dout, cache):
    return _block_back(dout, cache, around=(0, 0, 0))


@wrong("decoder_block_backward", "the way around the first attention is left out in dx")
def back_without_first_residual(dout, cache):
    return _block_back(dout, cache, around=(0, 1, 1))


@wrong("decoder_block_backward", "the way around the attention to the image is left out")
def back_without_second_residual(dout, cache):
    return _block_back(dout, cache, around=(1, 0, 1))


@wrong("decoder_block_backward", "the way around the feed-forward part is left out")
def back_without_last_residual(dout, cache):
    return _block_back(dout, cache, around=(1, 1, 0))


@wrong(
    "decoder_block_backward",
    "what comes back through the feed-forward part is left out: it is added to what goes around",
)
def back_without_feed_forward(dout, cache):
    return _block_back(dout, cache, through=(1, 0))


@wrong(
    "decoder_block_backward",
    "what comes back through the attention to the image is left out: it is added to what goes around",
)
def back_without_cross_attention(dout, cache):
    return _block_back(dout, cache, through=(0, 1))


@wrong(
    "decoder_block_backward",
    "what comes back through the first attention is left out in dx: it is added to what goes around",
)
def back_without_self_attention(dout, cache):
    return _block_back(dout, cache, self_parts=(0, 0))


@wrong(
    "decoder_block_backward",
    "in the first attention x is key and value as well: that gradient, the second of attend_backward, is missing in dx",
)
def back_without_key_and_value(dout, cache):
    return _block_back(dout, cache, self_parts=(1, 0))


@wrong("decoder_block_backward", "the gradient of x as the query of the first attention is missing in dx")
def back_without_query(dout, cache):
    return _block_back(dout, cache, self_parts=(0, 1))


@wrong(
    "decoder_block_backward",
    "dmemory is what x gets as key and value of the first attention: the memory belongs to the second",
)
def back_memory_of_first_attention(dout, cache):
    whole, _, grads = _block_back(dout, cache)
    dx, _, _ = _block_back(dout, cache, self_parts=(1, 0))
    return dx, whole - dx, grads


@wrong("decoder_block_backward", "the gradients of the normalisations are missing in grads", rule="norm1")
def back_without_norm_gradients(dout, cache):
    dx, dmemory, grads = _block_back(dout, cache)
    return dx, dmemory, {name: grad for name, grad in grads.items() if not name.startswith("norm")}


@wrong("decoder_block_backward", "dout takes the way around the parts unchanged: the normalisations act on it, too")
def back_around_the_norms(dout, cache):
    self_cache, norm1_cache, cross_cache, norm2_cache, feed_forward_cache, norm3_cache = cache
    dsum, grads = add_and_norm_backward(dout, norm3_cache)
    dpart, part_grads = feed_forward_backward(dsum, feed_forward_cache)
    dx = dout + dpart
    dsum, norm_grads = add_and_norm_backward(dx, norm2_cache)
    grads |= part_grads | norm_grads
    dpart, dmemory, part_grads = attend_backward(dsum, cross_cache)
    dx = dx + dpart
    dsum, norm_grads = add_and_norm_backward(dx, norm1_cache)
    grads |= part_grads | norm_grads
    dquery, dkey_value, part_grads = attend_backward(dsum, self_cache)
    return dx + dquery + dkey_value, dmemory, grads | part_grads


def _block_with_dict(x, memory, params, num_heads, mask=None):
    return block_with_a_dict_of_caches(x, memory, params, num_heads, mask)


@right("decoder_block_backward", beside={f"{LAYERS}:decoder_block_forward": _block_with_dict})
def back_in_a_loop(dout, cache):
    grads, dx, dmemory = {}, dout, None
    for i, name in ((3, "feed_forward"), (2, "cross"), (1, "self")):
        dx, own = add_and_norm_backward(dx, cache[f"norm{i}"])
        grads.update(own)
        if name == "feed_forward":
            dpart, own = feed_forward_backward(dx, cache[name])
        else:
            dpart, dother, own = attend_backward(dx, cache[name])
            if name == "self":
                dpart = dpart + dother
            else:
                dmemory = dother
        grads.update(own)
        dx = dx + dpart
    return dx, dmemory, grads


@right("decoder_block_backward")
def back_in_place_on_its_own(dout, cache):
    self_cache, norm1_cache, cross_cache, norm2_cache, feed_forward_cache, norm3_cache = cache
    dx, grads = add_and_norm_backward(dout, norm3_cache)
    dx = dx.copy()
    dpart, own = feed_forward_backward(dx, feed_forward_cache)
    grads.update(own)
    dx += dpart
    dx, own = add_and_norm_backward(dx, norm2_cache)
    grads.update(own)
    dpart, dmemory, own = attend_backward(dx, cross_cache)
    grads.update(own)
    dx, own = add_and_norm_backward(dx + dpart, norm1_cache)
    grads.update(own)
    name, inner = self_cache
    dquery, dkey, dvalue, *dweights = multi_head_attention_backward(dx, inner)
    for param, dweight in zip(transformer_layers.ATTENTION_PARAMS, dweights, strict=True):
        grads[f"{name}_{param}"] = dweight
    return dx + dquery + dkey + dvalue, dmemory, grads


# ---- transformer_scores


def _read(self, params, features, words, masked=True, positions=True, places=True, blocks=None):
    """The scores, with some steps left out."""
    from cs231n.classifiers.transformer import decoder_block

    features = features.reshape(len(features), self.num_places, -1).astype(self.dtype, copy=False)
    T = words.shape[1]
    memory = graph_layers.temporal_affine(features, params["W_proj"], params["b_proj"])
    memory = graph_layers.add_to_each(memory, params["places"]) if places else memory
    x = graph_layers.word_embedding(words, params["W_embed"])
    x = graph_layers.add_to_each(x, self._positions[:T]) if positions else x
    mask = causal_mask(T) if masked else np.ones((T, T), dtype=bool)
    for i in blocks or range(1, self.num_layers + 1):
        x = decoder_block(params, f"block{i}", x, memory, self.num_heads, mask)
    return graph_layers.temporal_affine(x, params["W_vocab"], params["b_vocab"])


@wrong("transformer_scores", "the causal mask is missing: each word sees the words that it is to predict")
def scores_without_mask(self, params, features, words):
    return _read(self, params, features, words, masked=False)


@wrong("transformer_scores", "the words' positions are not added: the order of the words is lost")
def scores_without_positions(self, params, features, words):
    return _read(self, params, features, words, positions=False)


@wrong("transformer_scores", "params['places'] is not added: the image's places cannot be told apart")
def scores_without_places(self, params, features, words):
    return _read(self, params, features, words, places=False)


@wrong("transformer_scores", "only the first block is used: the words pass through all num_layers blocks")
def scores_of_the_first_block(self, params, features, words):
    return _read(self, params, features, words, blocks=[1])


@wrong("transformer_scores", "every pass uses block1: each block has its own weights, from block1 on")
def scores_of_one_block_repeated(self, params, features, words):
    return _read(self, params, features, words, blocks=[1] * self.num_layers)


@wrong("transformer_scores", "the blocks are used in reverse order: block1 is the first")
def scores_of_blocks_reversed(self, params, features, words):
    return _read(self, params, features, words, blocks=list(range(self.num_layers, 0, -1)))


@wrong(
    "transformer_scores",
    "each block gets the words' vectors themselves: it must get what the block before it returned",
)
def scores_of_the_last_block(self, params, features, words):
    return _read(self, params, features, words, blocks=[self.num_layers])


@wrong("transformer_scores", "the last affine layer is missing: scores have the shape (N, T, V)")
def scores_without_last_layer(self, params, features, words):
    E, V = np.shape(params["W_vocab"])
    return _read(self, params | {"W_vocab": np.eye(E), "b_vocab": np.zeros(E)}, features, words)


@wrong("transformer_scores", "only the scores after the last word are returned: every word needs its own", rule="axis")
def scores_of_the_last_word(self, params, features, words):
    return _read(self, params, features, words)[:, -1]


@wrong("transformer_scores", "the positions of the words begin at the end of the table: row t belongs to word t")
def scores_with_last_positions(self, params, features, words):
    from cs231n.classifiers.transformer import decoder_block

    features = features.reshape(len(features), self.num_places, -1).astype(self.dtype, copy=False)
    T = words.shape[1]
    memory = graph_layers.add_to_each(
        graph_layers.temporal_affine(features, params["W_proj"], params["b_proj"]), params["places"]
    )
    x = graph_layers.add_to_each(graph_layers.word_embedding(words, params["W_embed"]), self._positions[-T:])
    for i in range(1, self.num_layers + 1):
        x = decoder_block(params, f"block{i}", x, memory, self.num_heads, causal_mask(T))
    return graph_layers.temporal_affine(x, params["W_vocab"], params["b_vocab"])


@right("transformer_scores")
def scores_with_a_while_loop(self, params, features, words):
    from cs231n.classifiers.transformer import decoder_block

    N, T = words.shape
    places = features.reshape(N, self.num_places, -1).astype(self.dtype)
    seen = np.arange(T)[:, np.newaxis] >= np.arange(T)
    memory = graph_layers.add_to_each(
        graph_layers.temporal_affine(places, params["W_proj"], params["b_proj"]), params["places"]
    )
    state, number = (
        graph_layers.add_to_each(graph_layers.word_embedding(words, params["W_embed"]), self._positions[:T]),
        0,
    )
    while number < self.num_layers:
        number += 1
        state = decoder_block(params, f"block{number}", state, memory, self.num_heads, seen)
    return graph_layers.temporal_affine(state, params["W_vocab"], params["b_vocab"])
