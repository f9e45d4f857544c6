"""Questions of Transformer_Captioning: attention, positions, the block of a decoder, and captions of scenes."""

from functools import cache

import numpy as np

from coursekit.core.question import Case, Question, holds
from coursekit.questions import _edges
from coursekit.questions._caches import own_cache

NOTEBOOK = "Transformer_Captioning"
LAYERS = "cs231n.transformer_layers"
NET = "cs231n.classifiers.transformer:CaptioningTransformer"
ATTENTION = ("Wq", "bq", "Wk", "bk", "Wv", "bv", "Wo", "bo")

_NUMBERS_AS_MASK = (
    "many programs hand over a mask of 0.0 and 1.0; np.where(mask, scores, -np.inf) takes both kinds, ~mask only "
    "booleans"
)
_NO_FURTHER_AXES = (
    "a single sequence is a matrix; swapaxes(-1, -2), which counts the axes from the end, works for it and for any "
    "number of axes before the last two"
)


def _as_float32(inputs):
    return {name: np.float32(v) if getattr(v, "dtype", None) == np.float64 else v for name, v in inputs.items()}


def _some_mask(rng, *shape):
    """A random mask in which each query sees at least one key, and not all queries see all."""
    mask = rng.rand(*shape) < 0.5
    mask[..., 0] |= ~mask.any(axis=-1)
    mask[..., 0, -1] = False
    mask[..., 0, 0] = True
    return mask


def _causal(T):
    return np.tril(np.ones((T, T), dtype=bool))


# ---- attention


def _attention_inputs(rng, leading, S, T, E, M, mask=None, scale=1.0):
    return {
        "query": scale * (0.3 + rng.randn(*leading, S, E)),
        "key": 0.5 + rng.randn(*leading, T, E),
        "value": 2 + rng.randn(*leading, T, M),
        "mask": mask,
    }


def _far_apart(rng):
    """Scores up to thousands, beyond what exp can take."""
    inputs = _attention_inputs(rng, (3,), 4, 5, 2, 6)
    return inputs | {"query": 300 * rng.choice([-1.0, 1.0], (3, 4, 2)), "key": 10 + inputs["key"]}


def _attention_sizes(query, value, **_):
    return {"S": query.shape[-2], "T": value.shape[-2], "E": query.shape[-1], "M": value.shape[-1]}


def _with_attention_dout(rng, inputs):
    shape = (*inputs["query"].shape[:-1], inputs["value"].shape[-1])
    return inputs | {"dout": (0.5 + rng.randn(*shape)).astype(inputs["query"].dtype)}


def _weights(query, key, value, mask):
    """The weights of attention, for the cache that the docstring describes."""
    scores = query @ key.swapaxes(-1, -2) / np.sqrt(query.shape[-1])
    scores = scores if mask is None else np.where(mask, scores, -np.inf)
    exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def _run_attention_forward(query, key, value, mask):
    from cs231n.transformer_layers import attention_forward

    out, _ = attention_forward(query, key, value, mask)
    return {"out": out}


def _run_attention_backward(query, key, value, mask, dout):
    from cs231n.transformer_layers import attention_backward, attention_forward

    documented = (query, key, value, _weights(query, key, value, mask))
    cache = own_cache(attention_forward, (query, key, value, mask), documented)
    return dict(zip(("dquery", "dkey", "dvalue"), attention_backward(dout, cache), strict=True))


def _attention_cases(run, finish=lambda rng, inputs: inputs, single=1e-4, extreme=()):
    def case(name, make, tolerance=1e-8, edge=""):
        return Case(name, lambda rng: finish(rng, make(rng)), run, _attention_sizes, tolerance, edge=edge)

    def numbers_as_mask(rng):
        return _attention_inputs(rng, (2,), 3, 4, 6, 5, _some_mask(rng, 3, 4).astype(float))

    return (
        case("three queries, four keys", lambda rng: _attention_inputs(rng, (2,), 3, 4, 6, 5)),
        case("a mask", lambda rng: _attention_inputs(rng, (2,), 4, 6, 5, 3, _some_mask(rng, 4, 6))),
        case("causal mask", lambda rng: _attention_inputs(rng, (3,), 5, 5, 2, 4, _causal(5))),
        case("sequences and heads", lambda rng: _attention_inputs(rng, (2, 3), 4, 5, 6, 7)),
        case(
            "heads, a mask for each sequence",
            lambda rng: _attention_inputs(rng, (3, 2), 4, 5, 6, 7, _some_mask(rng, 3, 1, 4, 5)),
        ),
        case("all sizes equal", lambda rng: _attention_inputs(rng, (4,), 4, 4, 4, 4)),
        case("a single query", lambda rng: _attention_inputs(rng, (3,), 1, 4, 5, 2)),
        *(case(name, make) for name, make in extreme),
        case("float32", lambda rng: _as_float32(_attention_inputs(rng, (2,), 3, 5, 4, 6)), single),
        case("one sequence", lambda rng: _attention_inputs(rng, (1,), 3, 4, 2, 5), edge=_edges.ONE_INPUT),
        case("no axes before the last two", lambda rng: _attention_inputs(rng, (), 3, 4, 2, 5), edge=_NO_FURTHER_AXES),
        case("a mask of 0.0 and 1.0", numbers_as_mask, edge=_NUMBERS_AS_MASK),
    )


attention_forward = Question(
    id="attention_forward",
    title="Scaled dot-product attention: forward pass",
    notebook=NOTEBOOK,
    points=3,
    minutes=20,
    difficulty=2,
    importance=5,
    hints=(
        "Three steps: compare each query with all keys (dot products), make weights of each row of scores, average "
        "the values with these weights.",
        "Scores are one matrix product over the last two axes, divided by the root of the vectors' size. Put minus "
        "infinity where the mask is False, before the softmax.",
    ),
    implements=(f"{LAYERS}:attention_forward",),
    cases=_attention_cases(_run_attention_forward, extreme=[("scores far apart", _far_apart)]),
)

attention_backward = Question(
    id="attention_backward",
    title="Scaled dot-product attention: backward pass",
    notebook=NOTEBOOK,
    points=4,
    minutes=35,
    difficulty=4,
    importance=4,
    hints=(
        "Go back step by step: out is a matrix product of weights and value, the weights are a softmax of each row, "
        "the scores a product of query and key.",
        "Of a row of softmax: each weight times (its own gradient minus the weighted mean of the row's gradients). "
        "The root that divides the scores divides their gradient as well.",
    ),
    implements=(f"{LAYERS}:attention_backward",),
    builds_on=("attention_forward",),
    cases=_attention_cases(_run_attention_backward, _with_attention_dout, single=1e-3),
)


# ---- several heads


def _attention_weights(rng, E):
    """Weights of attention with several heads; the biases are far from 0, so that a missing one shows."""
    drawn = {}
    for name in ATTENTION:
        drawn[name] = rng.randn(E, E) / np.sqrt(E) if name.startswith("W") else 0.5 + rng.randn(E)
    return drawn


def _heads_inputs(rng, N, S, T, E, num_heads, mask=None):
    inputs = _attention_inputs(rng, (N,), S, T, E, E, mask)
    return inputs | {"num_heads": num_heads} | _attention_weights(rng, E)


def _heads_sizes(query, key, num_heads, **_):
    N, S, E = query.shape
    return {"N": N, "S": S, "T": key.shape[1], "E": E, "num_heads": num_heads}


def _heads_arguments(query, key, value, mask, num_heads, **weights):
    return query, key, value, *(weights[name] for name in ATTENTION), num_heads, mask


def _run_heads_forward(**inputs):
    from cs231n.transformer_layers import multi_head_attention_forward

    out, _ = multi_head_attention_forward(*_heads_arguments(**inputs))
    return {"out": out}


def _without_rounding(dbk, dWk):
    """The gradient of the keys' bias, with 0 for what is rounding.

    The bias adds the same to all scores of a query, which changes none of its weights: the gradient is 0, and each way
    to compute it leaves another remainder.
    """
    if not all(isinstance(value, np.ndarray) and value.dtype.kind == "f" for value in (dbk, dWk)):
        return dbk
    share = 1e-3 if dbk.dtype == np.float32 else 1e-9
    return np.where(np.abs(dbk) < share * np.max(np.abs(dWk), initial=0.0), dbk.dtype.type(0), dbk)


def _run_heads_backward(dout, **inputs):
    from cs231n.transformer_layers import multi_head_attention_backward, multi_head_attention_forward

    _, cache = multi_head_attention_forward(*_heads_arguments(**inputs))
    names = ("dquery", "dkey", "dvalue", *(f"d{name}" for name in ATTENTION))
    grads = dict(zip(names, multi_head_attention_backward(dout, cache), strict=True))
    return grads | {"dbk": _without_rounding(grads["dbk"], grads["dWk"])}


def _heads_cases(run, finish=lambda rng, inputs: inputs, single=1e-4):
    def case(name, make, tolerance=1e-8, edge=""):
        return Case(name, lambda rng: finish(rng, make(rng)), run, _heads_sizes, tolerance, edge=edge)

    return (
        case("two heads", lambda rng: _heads_inputs(rng, 3, 4, 5, 12, 2)),
        case("three heads, causal mask", lambda rng: _heads_inputs(rng, 2, 4, 4, 6, 3, _causal(4))),
        case(
            "a mask for each sequence",
            lambda rng: _heads_inputs(rng, 3, 2, 5, 8, 4, _some_mask(rng, 3, 1, 2, 5)),
        ),
        case("one head", lambda rng: _heads_inputs(rng, 2, 3, 4, 5, 1)),
        case("a head for each column", lambda rng: _heads_inputs(rng, 2, 3, 5, 4, 4)),
        case("all sizes equal", lambda rng: _heads_inputs(rng, 4, 4, 4, 4, 2)),
        case("a single query", lambda rng: _heads_inputs(rng, 3, 1, 5, 6, 2)),
        case("float32", lambda rng: _as_float32(_heads_inputs(rng, 2, 3, 4, 6, 3)), single),
        case("one sequence", lambda rng: _heads_inputs(rng, 1, 3, 4, 6, 2), edge=_edges.ONE_INPUT),
    )


multi_head_attention_forward = Question(
    id="multi_head_attention_forward",
    title="Attention with several heads: forward pass",
    notebook=NOTEBOOK,
    points=3,
    minutes=25,
    difficulty=3,
    importance=5,
    hints=(
        "An affine layer each for queries, keys and values; then every head attends with its own columns; then the "
        "heads, side by side, go through a last affine layer.",
        "split_heads makes an axis of the heads, over which your attention already works; join_heads undoes it. "
        "temporal_affine_forward is the affine layer. Keep all five caches.",
    ),
    implements=(f"{LAYERS}:multi_head_attention_forward",),
    builds_on=("affine_forward", "attention_forward"),
    cases=_heads_cases(_run_heads_forward),
)


def _with_heads_dout(rng, inputs):
    query = inputs["query"]
    return inputs | {"dout": (0.5 + rng.randn(*query.shape)).astype(query.dtype)}


multi_head_attention_backward = Question(
    id="multi_head_attention_backward",
    title="Attention with several heads: backward pass",
    notebook=NOTEBOOK,
    points=3,
    minutes=25,
    difficulty=3,
    importance=4,
    hints=(
        "The forward pass in reverse: the last affine layer first, then the heads, then the three affine layers at "
        "the start.",
        "Splitting and joining only move numbers: what was joined on the way forward is split on the way back. Each "
        "of the three affine layers has its own cache.",
    ),
    implements=(f"{LAYERS}:multi_head_attention_backward",),
    builds_on=("affine_backward", "attention_backward", "multi_head_attention_forward"),
    cases=_heads_cases(_run_heads_backward, _with_heads_dout, single=1e-3),
)


# ---- positions


def _run_positional_encoding(length, size):
    from cs231n.transformer_layers import positional_encoding

    return {"encoding": positional_encoding(length, size)}


def _length_and_size(length, size):
    return {"length": length, "size": size}


def _encoding_case(name, length, size):
    return Case(name, lambda rng: _length_and_size(length, size), _run_positional_encoding, _length_and_size)


positional_encoding = Question(
    id="positional_encoding",
    title="Positions as sines and cosines",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=2,
    importance=3,
    hints=(
        "Every pair of columns shares an angle that grows with the position: fast in the first pair, ever more slowly "
        "in the later ones.",
        "A column of positions times a row of rates gives all angles by broadcasting. Sines go to the columns 0::2, "
        "cosines of the same angles to 1::2.",
    ),
    implements=(f"{LAYERS}:positional_encoding",),
    cases=(
        _encoding_case("five positions, size 6", 5, 6),
        _encoding_case("more positions than columns", 9, 4),
        _encoding_case("one position", 1, 8),
        _encoding_case("size 2", 7, 2),
        _encoding_case("as many positions as columns", 8, 8),
        _encoding_case("forty positions, size 32", 40, 32),
    ),
)


# ---- the block of a decoder


def _block_params(rng, E, K):
    """The weights of a block with K hidden units; no gain is near 1, and no bias near 0."""
    params = {f"{name}_{w}": v for name in ("self", "cross") for w, v in _attention_weights(rng, E).items()}
    params |= {"W1": rng.randn(E, K) / np.sqrt(E), "b1": 0.3 + rng.randn(K)}
    params |= {"W2": rng.randn(K, E) / np.sqrt(K), "b2": 0.5 + rng.randn(E)}
    for i in (1, 2, 3):
        params[f"norm{i}_gamma"] = rng.uniform(1.5, 2.5, size=E) * rng.choice([-1, 1], size=E)
        params[f"norm{i}_beta"] = rng.randn(E)
    return params


def _block_inputs(rng, N, T, P, E, num_heads, mask=None, K=7):
    inputs = {"x": rng.randn(N, T, E), "memory": 0.5 + rng.randn(N, P, E), "num_heads": num_heads, "mask": mask}
    return inputs | _block_params(rng, E, K)


def _block_sizes(x, memory, num_heads, **_):
    N, T, E = x.shape
    return {"N": N, "T": T, "P": memory.shape[1], "E": E, "num_heads": num_heads}


def _run_block_forward(x, memory, num_heads, mask, **params):
    from cs231n.transformer_layers import decoder_block_forward

    out, _ = decoder_block_forward(x, memory, params, num_heads, mask)
    return {"out": out}


def _run_block_backward(x, memory, num_heads, mask, dout, **params):
    from cs231n.transformer_layers import decoder_block_backward, decoder_block_forward

    _, cache = decoder_block_forward(x, memory, params, num_heads, mask)
    dx, dmemory, grads = decoder_block_backward(dout, cache)
    outputs = {"dx": dx, "dmemory": dmemory, **{f"d{name}": grads.get(name) for name in params}}
    for part in ("self", "cross"):
        outputs[f"d{part}_bk"] = _without_rounding(outputs[f"d{part}_bk"], outputs[f"d{part}_Wk"])
    return outputs


def _run_block_backward_briefly(**inputs):
    """Of the gradients of the weights, one of each kind: a verdict should not be a page long."""
    outputs = _run_block_backward(**inputs)
    return {name: outputs[name] for name in ("dx", "dmemory", "dself_Wk", "dcross_Wv", "dW1", "dnorm1_gamma")}


def _block_cases(run, finish=lambda rng, inputs: inputs, single=1e-3, run_first=None):
    def case(name, make, tolerance=1e-8, edge="", run=run):
        return Case(name, lambda rng: finish(rng, make(rng)), run, _block_sizes, tolerance, edge=edge)

    return (
        case("causal mask", lambda rng: _block_inputs(rng, 3, 5, 6, 4, 2, _causal(5)), run=run_first or run),
        case("no mask", lambda rng: _block_inputs(rng, 2, 3, 5, 4, 4)),
        case("as many places as words", lambda rng: _block_inputs(rng, 2, 4, 4, 4, 2, _causal(4))),
        case("more words than places", lambda rng: _block_inputs(rng, 3, 5, 2, 4, 1, _causal(5))),
        case("the first word", lambda rng: _block_inputs(rng, 3, 1, 5, 4, 2, _causal(1))),
        case("float32", lambda rng: _as_float32(_block_inputs(rng, 2, 4, 3, 6, 3, _causal(4))), single),
        case("one sequence", lambda rng: _block_inputs(rng, 1, 3, 5, 4, 2, _causal(3)), edge=_edges.ONE_INPUT),
    )


decoder_block_forward = Question(
    id="decoder_block_forward",
    title="The block of a decoder: forward pass",
    notebook=NOTEBOOK,
    points=3,
    minutes=20,
    difficulty=2,
    importance=4,
    hints=(
        "Three parts, one after the other: words attend to words, words attend to places, each word by itself "
        "through two affine layers. After each part: add and normalise.",
        "For the first attention x is also the memory, and only it takes the mask. add_and_norm_forward gets what "
        "went into the part and what came out of it. Keep six caches.",
    ),
    implements=(f"{LAYERS}:decoder_block_forward",),
    builds_on=("multi_head_attention_forward", "layernorm_forward", "affine_forward", "relu_forward"),
    cases=_block_cases(_run_block_forward),
)


def _with_block_dout(rng, inputs):
    x = inputs["x"]
    return inputs | {"dout": (0.5 + rng.randn(*x.shape)).astype(x.dtype)}


decoder_block_backward = Question(
    id="decoder_block_backward",
    title="The block of a decoder: backward pass",
    notebook=NOTEBOOK,
    points=4,
    minutes=35,
    difficulty=4,
    importance=4,
    hints=(
        "Walk back through the six steps. Where a value took two ways forward, through a part and around it, its "
        "gradients from both ways add up.",
        "In the first attention x was query, key and value, and it also went around: count how many gradients reach "
        "it. The gradients of all weights go into one dict.",
    ),
    implements=(f"{LAYERS}:decoder_block_backward",),
    builds_on=(
        "decoder_block_forward",
        "multi_head_attention_backward",
        "layernorm_backward",
        "affine_backward",
        "relu_backward",
    ),
    cases=_block_cases(_run_block_backward_briefly, _with_block_dout, 1e-2, _run_block_backward),
)


# ---- the whole net


def _net_inputs(rng, N, T, P, D, E, V, num_heads, num_layers, flat=False):
    inputs = {
        "features": rng.randn(N, P * D) if flat else rng.randn(N, P, D),
        "words": rng.randint(1, V, size=(N, T)),
        "num_heads": num_heads,
        "num_layers": num_layers,
        "W_proj": rng.randn(D, E) / np.sqrt(D),
        "b_proj": 0.5 + rng.randn(E),
        "places": rng.randn(P, E),
        "W_embed": rng.randn(V, E),
        "W_vocab": rng.randn(E, V),
        "b_vocab": 2 + rng.randn(V),
    }
    for i in range(1, num_layers + 1):
        inputs |= {f"block{i}_{name}": value for name, value in _block_params(rng, E, 5).items()}
    return inputs


def _net_sizes(words, places, W_embed, **_):
    return {"N": len(words), "T": words.shape[1], "P": len(places), "V": len(W_embed), "E": W_embed.shape[1]}


def _run_net_scores(features, words, num_heads, num_layers, **params):
    from cs231n.classifiers.transformer import CaptioningTransformer

    (D, E), (P, _), (V, _) = (params[name].shape for name in ("W_proj", "places", "W_embed"))
    indices = {"<NULL>": 0, "<START>": 1} | {f"word {i}": i for i in range(2, V)}
    net = CaptioningTransformer(
        indices, D, E, num_heads, num_layers, max_length=12, num_places=P, dtype=params["W_proj"].dtype
    )
    return {"scores": net.scores(params, features, words)}


def _net_case(name, *sizes, tolerance=1e-8, single=False, flat=False, edge=""):
    def draw(rng):
        inputs = _net_inputs(rng, *sizes, flat=flat)
        return _as_float32(inputs) if single else inputs

    return Case(name, draw, _run_net_scores, _net_sizes, tolerance, edge=edge)


transformer_scores = Question(
    id="transformer_scores",
    title="CaptioningTransformer: scores",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=2,
    importance=4,
    hints=(
        "Two rows of vectors: one for the places of the image, one for the words. Each gets its positions added; then "
        "the words pass through the blocks, one after the other.",
        "add_to_each adds params['places'] to the projected features, and self._positions, cut to T rows, to the "
        "words' vectors. Each block has a name of its own, from block1 on.",
    ),
    implements=(f"{NET}.scores",),
    builds_on=("decoder_block_forward", "positional_encoding", "affine_forward"),
    cases=(
        _net_case("one block", 2, 3, 4, 5, 4, 7, 4, 1),  # N, T, P, D, E, V, heads, blocks
        _net_case("two blocks", 3, 4, 5, 6, 4, 8, 2, 2),
        _net_case("three blocks, more words than places", 2, 6, 3, 5, 4, 7, 1, 3),
        _net_case("features place by place in rows", 2, 4, 3, 5, 6, 8, 3, 2, flat=True),
        _net_case("one place", 3, 5, 1, 6, 4, 7, 2, 2, flat=True),
        _net_case("the first word", 3, 1, 4, 5, 6, 8, 2, 2),
        _net_case("float32", 2, 4, 3, 5, 6, 8, 2, 2, single=True, tolerance=1e-3),
        _net_case("one image", 1, 3, 4, 5, 6, 7, 2, 2, edge=_edges.ONE_INPUT),
    ),
)


# ---- captions of scenes that were not seen

EXACT_BAR = 0.6  # the settings of the model answer reach 0.76 to 0.77, over three seeds
TOO_GOOD = 0.2  # by so much an honest net never does better on unseen scenes than on those it was trained on
NUM_SEEN = 400


@cache
def _scenes():
    """Features and captions of the drawn scenes: all that are held out, and some of those in the training set."""
    from cs231n.coco_utils import load_scene_captions

    data = load_scene_captions()
    return {
        "features": data["val_features"],
        "captions": data["val_captions"],
        "features_seen": data["train_features"][:NUM_SEEN],
        "captions_seen": data["train_captions"][:NUM_SEEN],
    }


def _net_of(params, num_heads):
    """A `CaptioningTransformer` with these params; ValueError where the shapes do not belong to one."""
    from cs231n.classifiers.transformer import CaptioningTransformer
    from cs231n.scenes import VOCABULARY

    (D, E), (P, _) = params["W_proj"].shape, params["places"].shape
    blocks = [name for name in params if name.startswith("block") and name.endswith("_W1")]
    words = {word: index for index, word in enumerate(VOCABULARY)}
    net = CaptioningTransformer(words, D, E, num_heads, len(blocks), max_length=50, num_places=P)
    for name, value in net.params.items():
        if name.split("_")[-1] in ("W1", "b1", "W2"):  # the number of hidden units is the learner's choice
            continue
        if params[name].shape != value.shape:
            raise ValueError(f"{name} has shape {params[name].shape}, expected {value.shape}")
    if not all(np.isfinite(value).all() for value in params.values()):
        raise ValueError("some values are nan or infinite")
    net.params = params
    return net


def _exact(net, features, captions):
    """The fraction of captions that are right word for word."""
    written = np.concatenate([net.sample(part, captions.shape[1] - 1) for part in np.array_split(features, 4)])
    right = (written == captions[:, 1:]) | (captions[:, 1:] == 0)  # after the end, anything may come
    return float(right.all(axis=1).mean())


def _judge_captions(params, num_heads, features, captions, features_seen=None, captions_seen=None):
    statement = "params are those of a CaptioningTransformer"
    try:
        net = _net_of(params, num_heads)
    except (ValueError, KeyError, AttributeError, TypeError, IndexError, ZeroDivisionError) as error:
        mistake = "pass model.params and model.num_heads of the net that you have trained"
        return [holds(statement, False, f"{type(error).__name__}: {error}", mistake=mistake)]
    exact = _exact(net, np.asarray(features), np.asarray(captions))
    findings = [
        holds(statement, True),
        holds(
            f"at least {EXACT_BAR:.0%} of the held-out captions are right word for word",
            exact >= EXACT_BAR,
            f"right: {exact:.1%} of {len(captions)} captions",
            mistake="let the learning rate rise over the first epoch and fall to 0 at the end; if the loss is still "
            "falling, train for more epochs",
        ),
    ]
    if features_seen is not None and exact - _exact(net, features_seen, captions_seen) > TOO_GOOD:
        gap = f"it is right on {exact:.1%} of the held-out captions, on far fewer of those of the training set"
        mistake = "it was trained on the held-out scenes: train on the training set alone"
        findings.append(holds("the net has learnt from the training set", False, gap, mistake=mistake))
    return findings


transformer_captions = Question(
    id="transformer_captions",
    title="Captions of new scenes",
    notebook=NOTEBOOK,
    points=3,
    minutes=30,
    difficulty=3,
    importance=4,
    hints=(
        "A CaptioningSolver with the update rule adam trains it. What matters most is the learning rate: a Transformer "
        "takes a high one only after a gentle start.",
        "Width 64, 4 heads, 36 places and batches of 50 do. Let the rate rise to 3e-3 over the first epoch and fall "
        "to 0 along a cosine; six epochs are enough.",
    ),
    # builds_on stays empty: in training, the net takes nodes of a graph, which the process of the reference cannot.
    values=("params", "num_heads", "features", "captions"),
    judge=_judge_captions,
    given=_scenes,
)

QUESTIONS = (
    attention_forward,
    attention_backward,
    multi_head_attention_forward,
    multi_head_attention_backward,
    positional_encoding,
    decoder_block_forward,
    decoder_block_backward,
    transformer_scores,
    transformer_captions,
)
