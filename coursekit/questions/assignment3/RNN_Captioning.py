"""Questions of RNN_Captioning: a recurrent network, vectors for words, the loss of a caption, and writing captions."""

import numpy as np

from coursekit.core.question import Case, Question
from coursekit.questions import _edges

NOTEBOOK = "RNN_Captioning"
LAYERS = "cs231n.rnn_layers"
NET = "cs231n.classifiers.rnn:CaptioningRNN"

ONE_STEP = "a sequence can be as short as one step; np.squeeze, for example, would remove its axis"
ONE_CAPTION = "one image is captioned as a batch of one; np.squeeze, for example, would remove its axis"
FAR_SCORES = (
    "a hidden unit can be driven far from 0, where exp overflows, and inf / inf is nan; np.tanh has no such limit"
)


def _as_float32(inputs):
    return {name: v.astype(np.float32) if np.asarray(v).dtype == float else v for name, v in inputs.items()}


# ---- one step


def _weights(rng, D, H):
    """Weights that keep tanh away from its flat ends, and biases away from 0."""
    return {
        "Wx": rng.randn(D, H) / D**0.5,
        "Wh": rng.randn(H, H) / H**0.5,
        "b": rng.uniform(0.3, 0.9, size=H) * rng.choice([-1, 1], size=H),
    }


def _step_inputs(rng, N, D, H):
    return {"x": 0.8 * rng.randn(N, D), "prev_h": rng.uniform(-0.9, 0.9, size=(N, H)), **_weights(rng, D, H)}


def _far_step_inputs(rng):
    inputs = _step_inputs(rng, 3, 2, 4)
    return inputs | {"b": 1000.0 * rng.choice([-1, 1], size=4)}


def _with_dnext_h(rng, inputs):
    return inputs | {"dnext_h": (0.5 + rng.randn(*inputs["prev_h"].shape)).astype(inputs["x"].dtype)}


def _step_sizes(x, prev_h, **_):
    (N, D), H = x.shape, prev_h.shape[1]
    return {"N": N, "D": D, "H": H}


def _run_step_forward(x, prev_h, Wx, Wh, b):
    from cs231n.rnn_layers import rnn_step_forward

    next_h, _ = rnn_step_forward(x, prev_h, Wx, Wh, b)
    return {"next_h": next_h}


def _run_step_backward(x, prev_h, Wx, Wh, b, dnext_h):
    from cs231n.rnn_layers import rnn_step_backward, rnn_step_forward

    _, cache = rnn_step_forward(x, prev_h, Wx, Wh, b)
    return dict(zip(("dx", "dprev_h", "dWx", "dWh", "db"), rnn_step_backward(dnext_h, cache), strict=True))


def _step_cases(run, finish=lambda rng, inputs: inputs):
    def case(name, make, tolerance=1e-8, edge=""):
        def inputs(rng):
            return finish(rng, make(rng))

        return Case(name, inputs, run, _step_sizes, tolerance, better_unchanged=("dnext_h",), edge=edge)

    return (
        case("three sequences", lambda rng: _step_inputs(rng, 3, 4, 5)),
        case("more inputs than units", lambda rng: _step_inputs(rng, 4, 6, 2)),
        case("all sizes equal", lambda rng: _step_inputs(rng, 4, 4, 4)),
        case("float32", lambda rng: _as_float32(_step_inputs(rng, 5, 3, 4)), 1e-4),
        case("one sequence", lambda rng: _step_inputs(rng, 1, 5, 3), edge=_edges.ONE_INPUT),
        case("biases of 1000 and -1000", _far_step_inputs, edge=FAR_SCORES),
    )


rnn_step_forward = Question(
    id="rnn_step_forward",
    title="One step of a recurrent network, forward",
    notebook=NOTEBOOK,
    points=2,
    minutes=10,
    difficulty=1,
    importance=5,
    hints=(
        "Two affine layers meet in one sum: one reads the new input, the other what the network remembers. A single "
        "bias serves both.",
        "Multiply x by Wx and prev_h by Wh, add both products and b, and apply tanh to the sum. Keep what the "
        "derivative of tanh can be written with.",
    ),
    implements=(f"{LAYERS}:rnn_step_forward",),
    cases=_step_cases(_run_step_forward),
)

rnn_step_backward = Question(
    id="rnn_step_backward",
    title="One step of a recurrent network, backward",
    notebook=NOTEBOOK,
    points=3,
    minutes=20,
    difficulty=2,
    importance=5,
    hints=(
        "First go back through tanh, entry by entry. What is left is an affine layer with two inputs and two matrices.",
        "The derivative of tanh is 1 minus the square of its value, which is next_h. From there each gradient is one "
        "product, and its shape tells you which factor to transpose; db adds up the rows.",
    ),
    implements=(f"{LAYERS}:rnn_step_backward",),
    builds_on=("rnn_step_forward",),
    cases=_step_cases(_run_step_backward, _with_dnext_h),
)


# ---- whole sequences


def _sequence_inputs(rng, N, T, D, H):
    return {"x": 0.8 * rng.randn(N, T, D), "h0": rng.uniform(-0.9, 0.9, size=(N, H)), **_weights(rng, D, H)}


def _with_dh(rng, inputs):
    (N, T, _), H = inputs["x"].shape, inputs["h0"].shape[1]
    return inputs | {"dh": (0.5 + rng.randn(N, T, H)).astype(inputs["x"].dtype)}


def _sequence_sizes(x, h0, **_):
    return {**dict(zip(("N", "T", "D"), x.shape, strict=True)), "H": h0.shape[1]}


def _run_forward(x, h0, Wx, Wh, b):
    from cs231n.rnn_layers import rnn_forward

    h, _ = rnn_forward(x, h0, Wx, Wh, b)
    return {"h": h}


def _run_backward(x, h0, Wx, Wh, b, dh):
    from cs231n.rnn_layers import rnn_backward, rnn_forward

    _, cache = rnn_forward(x, h0, Wx, Wh, b)
    return dict(zip(("dx", "dh0", "dWx", "dWh", "db"), rnn_backward(dh, cache), strict=True))


def _sequence_cases(run, finish=lambda rng, inputs: inputs):
    def case(name, make, tolerance=1e-8, edge=""):
        def inputs(rng):
            return finish(rng, make(rng))

        return Case(name, inputs, run, _sequence_sizes, tolerance, better_unchanged=("dh",), edge=edge)

    return (
        case("two sequences of three steps", lambda rng: _sequence_inputs(rng, 2, 3, 4, 5)),
        case("more steps than units", lambda rng: _sequence_inputs(rng, 4, 7, 5, 3)),
        case("all sizes equal", lambda rng: _sequence_inputs(rng, 4, 4, 4, 4)),
        case("float32", lambda rng: _as_float32(_sequence_inputs(rng, 3, 5, 2, 4)), 1e-4),
        case("one step", lambda rng: _sequence_inputs(rng, 3, 1, 2, 4), edge=ONE_STEP),
        case("one sequence", lambda rng: _sequence_inputs(rng, 1, 4, 2, 3), edge=_edges.ONE_INPUT),
    )


rnn_forward = Question(
    id="rnn_forward",
    title="A recurrent network over whole sequences, forward",
    notebook=NOTEBOOK,
    points=2,
    minutes=10,
    difficulty=1,
    importance=4,
    hints=(
        "The steps must be taken one after the other: each needs the hidden state that the one before has left.",
        "Loop over t, feed x[:, t] and the last hidden state into your step, put its result into column t of h, and "
        "keep its cache in a list.",
    ),
    implements=(f"{LAYERS}:rnn_forward",),
    builds_on=("rnn_step_forward",),
    cases=_sequence_cases(_run_forward),
)

rnn_backward = Question(
    id="rnn_backward",
    title="A recurrent network over whole sequences, backward",
    notebook=NOTEBOOK,
    points=4,
    minutes=25,
    difficulty=4,
    importance=5,
    hints=(
        "Walk through the steps from the last to the first. Two gradients meet at each hidden state: its own, and the "
        "one that comes back from the step after it.",
        "At step t, rnn_step_backward gets the sum of the two. It returns the gradient for the state before; those of "
        "the weights and of b add up over all steps, as the same weights serve at each.",
    ),
    implements=(f"{LAYERS}:rnn_backward",),
    builds_on=("rnn_step_backward", "rnn_forward"),
    cases=_sequence_cases(_run_backward, _with_dh),
)


# ---- vectors for words


def _embedding_inputs(rng, words, V, D, dtype=np.int64):
    return {"x": np.array(words).astype(dtype), "W": 2 + rng.randn(V, D)}


def _drawn_embedding(rng, N, T, V, D, dtype=np.int64):
    """Words that are repeated, within a row and across rows; the last word of the vocabulary never occurs."""
    words = rng.randint(V - 1, size=(N, T))
    words[0, 1] = words[0, 0]
    words[-1, -1] = words[0, 0]
    return _embedding_inputs(rng, words, V, D, dtype)


def _with_dout(rng, inputs):
    shape = *inputs["x"].shape, inputs["W"].shape[1]
    return inputs | {"dout": (0.5 + rng.randn(*shape)).astype(inputs["W"].dtype)}


def _embedding_sizes(x, W, **_):
    return {"N": x.shape[0], "T": x.shape[1], "V": W.shape[0], "D": W.shape[1]}


def _run_embedding_forward(x, W):
    from cs231n.rnn_layers import word_embedding_forward

    out, _ = word_embedding_forward(x, W)
    return {"out": out}


def _run_embedding_backward(x, W, dout):
    from cs231n.rnn_layers import word_embedding_backward, word_embedding_forward

    _, cache = word_embedding_forward(x, W)
    return {"dW": word_embedding_backward(dout, cache)}


def _embedding_cases(run, finish=lambda rng, inputs: inputs):
    def case(name, make, tolerance=1e-8, edge=""):
        return Case(name, lambda rng: finish(rng, make(rng)), run, _embedding_sizes, tolerance, edge=edge)

    return (
        case("two captions of four words", lambda rng: _drawn_embedding(rng, 2, 4, 7, 3)),
        case("one word again and again", lambda rng: _embedding_inputs(rng, [[2, 2, 2], [2, 1, 2]], 5, 4)),
        case("all sizes equal", lambda rng: _drawn_embedding(rng, 4, 4, 4, 4)),
        case("int32 words", lambda rng: _drawn_embedding(rng, 3, 5, 6, 2, np.int32)),
        case("float32 vectors", lambda rng: _as_float32(_drawn_embedding(rng, 5, 3, 6, 4)), 1e-4),
        case("captions of one word", lambda rng: _embedding_inputs(rng, [[3], [0], [3]], 5, 2), edge=ONE_STEP),
        case("one caption", lambda rng: _drawn_embedding(rng, 1, 5, 6, 3), edge=_edges.ONE_INPUT),
    )


word_embedding_forward = Question(
    id="word_embedding_forward",
    title="Vectors for words, forward",
    notebook=NOTEBOOK,
    points=1,
    minutes=5,
    difficulty=1,
    importance=4,
    hints=(
        "W is a table with a row for each word. Nothing is computed: rows are looked up.",
        "NumPy takes a whole array of integers as an index, and returns a row for each of them, in the shape of the "
        "index.",
    ),
    implements=(f"{LAYERS}:word_embedding_forward",),
    cases=_embedding_cases(_run_embedding_forward),
)

word_embedding_backward = Question(
    id="word_embedding_backward",
    title="Vectors for words, backward",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=2,
    importance=4,
    hints=(
        "Each position of dout belongs to one row of W. What happens to a row that was looked up at several positions, "
        "and to one that was never used?",
        "Begin with zeros in the shape of W. An indexed += counts a repeated index once; NumPy's ufuncs have a method "
        "`at`, which counts every one.",
    ),
    implements=(f"{LAYERS}:word_embedding_backward",),
    builds_on=("word_embedding_forward",),
    cases=_embedding_cases(_run_embedding_backward, _with_dout),
)


# ---- the loss of a caption


def _loss_inputs(rng, N, T, V, scale=1.0, shift=0.0):
    """Scores, right words and a mask that ends each row somewhere else; the last word is never right."""
    x = scale * rng.randn(N, T, V) + shift
    lengths = rng.permutation(np.arange(N) % T + 1)
    return {"x": x, "y": rng.randint(V - 1, size=(N, T)), "mask": np.arange(T) < lengths[:, np.newaxis]}


def _scattered_inputs(rng):
    """A mask without order, and a caption of which nothing counts."""
    inputs = _loss_inputs(rng, 5, 4, 3)
    mask = rng.rand(5, 4) < 0.5
    mask[:, 2], mask[0] = [False, True, False, True, True], [True, False, False, True]
    mask[3] = False
    return inputs | {"mask": mask}


def _far_scores(rng):
    """Scores so large that exp overflows or gives 0, but so close to each other that no probability is 0."""
    inputs = _loss_inputs(rng, 4, 3, 5, scale=20.0)
    return inputs | {"x": inputs["x"] + np.array([1e3, -1.5e3, 2e3, -1e3])[:, np.newaxis, np.newaxis]}


def _scores_apart(rng):
    """Words thousands of scores behind the best one, also where nothing counts."""
    inputs = _loss_inputs(rng, 3, 4, 5)
    return inputs | {"x": 3000.0 * np.argsort(rng.rand(3, 4, 5), axis=2)}


def _loss_sizes(x, **_):
    return dict(zip(("N", "T", "V"), x.shape, strict=True))


def _run_loss(x, y, mask):
    from cs231n.rnn_layers import temporal_softmax_loss

    loss, dx = temporal_softmax_loss(x, y, mask)
    return {"loss": loss, "dx": dx}


def _loss_case(name, make, tolerance=1e-8, edge=""):
    return Case(name, make, _run_loss, _loss_sizes, tolerance, edge=edge)


temporal_softmax_loss = Question(
    id="temporal_softmax_loss",
    title="Softmax loss at every step",
    notebook=NOTEBOOK,
    points=3,
    minutes=20,
    difficulty=3,
    importance=5,
    hints=(
        "A position of a caption is like one image of a batch: a row of scores, and a right answer. What is new is "
        "that some rows do not count, and what the sum is divided by.",
        "Reshape the scores to N * T rows, and compute losses and gradients as in the softmax loss. Multiply both by "
        "the mask, add up, and divide by N: not by T, and not by the number of words.",
    ),
    implements=(f"{LAYERS}:temporal_softmax_loss",),
    cases=(
        _loss_case("captions of several lengths", lambda rng: _loss_inputs(rng, 3, 4, 5)),
        _loss_case("a mask without order", _scattered_inputs),
        _loss_case("every step counts", lambda rng: _loss_inputs(rng, 2, 5, 4) | {"mask": np.ones((2, 5), bool)}),
        _loss_case("all sizes equal", lambda rng: _loss_inputs(rng, 4, 4, 4)),
        _loss_case("scores near 1000 and -1000", _far_scores),
        _loss_case("float32", lambda rng: _as_float32(_loss_inputs(rng, 5, 3, 6, scale=3.0)), 1e-4),
        _loss_case("one step", lambda rng: _loss_inputs(rng, 4, 1, 3), edge=ONE_STEP),
        _loss_case("one caption", lambda rng: _loss_inputs(rng, 1, 4, 3), edge=_edges.ONE_INPUT),
        _loss_case("scores thousands apart", _scores_apart, edge=_edges.EXTREME_SCORES),
    ),
)


# ---- the network


WORDS = ("<NULL>", "<START>", "<END>")


def _params(rng, D, W, H, V, scale=1.0):
    """All parameters, with biases far from 0; the states of several steps stay apart."""
    return {
        "W_embed": scale * rng.randn(V, W),
        "W_proj": rng.randn(D, H) / D**0.5,
        "b_proj": rng.uniform(0.3, 0.6, size=H) * rng.choice([-1, 1], size=H),
        "Wx": rng.randn(W, H) / W**0.5,
        "Wh": 0.8 * rng.randn(H, H) / H**0.5,
        "b": rng.uniform(0.2, 0.5, size=H) * rng.choice([-1, 1], size=H),
        "W_vocab": scale * rng.randn(H, V),
        "b_vocab": 0.5 * rng.randn(V),
    }


def _caption_inputs(rng, N, T, D, W, H, V, marks=(0, 1, 2), lengths=None):
    """Features, captions of T words and the parameters; `marks` are the indices of <NULL>, <START> and <END>."""
    null, start, end = marks
    ordinary = [word for word in range(V) if word not in marks]
    captions = rng.choice(ordinary, size=(N, T))
    captions[:, 0] = start
    for row, length in enumerate(lengths or [T - row % 3 for row in range(N)]):
        captions[row, length - 1] = end
        captions[row, length:] = null
    return {"features": rng.randn(N, D), "captions": captions, "marks": list(marks), **_params(rng, D, W, H, V)}


def _net_sizes(features, W_embed, W_proj, **_):
    return {"N": len(features), "D": W_proj.shape[0], "H": W_proj.shape[1], "V": len(W_embed), "W": W_embed.shape[1]}


def make_net(params, marks, cell_type="rnn"):
    """A net with the given parameters, whose <NULL>, <START> and <END> have the indices `marks`."""
    from cs231n.classifiers.rnn import CaptioningRNN

    V, W = params["W_embed"].shape
    D, H = params["W_proj"].shape
    names = dict(zip(marks, WORDS, strict=True))
    word_to_idx = {names.get(index, f"word{index}"): index for index in range(V)}
    net = CaptioningRNN(word_to_idx, D, W, H, cell_type, params["W_embed"].dtype.type)
    net.params = params
    return net


def run_net_loss(features, captions, marks, cell_type="rnn", **params):
    """The loss of a net and the gradients of all parameters."""
    loss, grads = make_net(params, marks, cell_type).loss(features, captions)
    return {"loss": loss, **{f"d{name}": grads.get(name) for name in params}}


def _loss_net_sizes(captions, **inputs):
    return {**_net_sizes(**inputs), "T": captions.shape[1] - 1}


def _net_case(name, make, tolerance=1e-8, edge=""):
    return Case(name, make, run_net_loss, _loss_net_sizes, tolerance, edge=edge)


captioning_rnn_loss = Question(
    id="captioning_rnn_loss",
    title="CaptioningRNN: loss and gradients",
    notebook=NOTEBOOK,
    points=5,
    minutes=35,
    difficulty=3,
    importance=5,
    hints=(
        "Write the forward pass as a chain of the layers of this notebook: features to h0, words to vectors, the "
        "network, scores, loss. Then walk the chain backwards with the caches.",
        "The net reads all words but the last, and should say all but the first. The mask asks of each word that it "
        "should say whether it is self._null. What comes back at h0 goes on into W_proj and b_proj.",
    ),
    implements=(f"{NET}.loss",),
    builds_on=(
        "affine_forward",
        "affine_backward",
        "rnn_forward",
        "rnn_backward",
        "word_embedding_forward",
        "word_embedding_backward",
        "temporal_softmax_loss",
    ),
    cases=(
        _net_case("three captions", lambda rng: _caption_inputs(rng, 3, 6, 4, 5, 7, 8)),
        _net_case("<NULL> is word 3", lambda rng: _caption_inputs(rng, 4, 5, 6, 3, 4, 9, (3, 0, 5))),
        _net_case("no <NULL> in any caption", lambda rng: _caption_inputs(rng, 2, 4, 3, 6, 5, 7, lengths=[4, 4])),
        _net_case("all sizes equal", lambda rng: _caption_inputs(rng, 6, 6, 6, 6, 6, 6)),
        _net_case("float32", lambda rng: _as_float32(_caption_inputs(rng, 3, 5, 4, 3, 6, 7)), 1e-3),
        _net_case("one caption", lambda rng: _caption_inputs(rng, 1, 5, 4, 3, 5, 7), edge=_edges.ONE_INPUT),
    ),
)


def _sample_inputs(rng, N, D, W, H, V, marks=(0, 1, 2), max_length=7, ends=True):
    """Parameters so large that the captions of the images differ, and so do the words of a caption."""
    params = _params(rng, D, W, H, V, scale=2.0)
    # Captions that leave out any of these, or the last hidden state, must be others.
    factors = {"W_embed": 0.6, "Wh": 1.5, "b_proj": 5.0, "b_vocab": 3.0}
    params |= {name: factor * params[name] for name, factor in factors.items()}
    if not ends:
        params["b_vocab"][marks[2]] = -100.0
    inputs = {"features": 2 * rng.randn(N, D), "marks": list(marks), **params}
    return inputs if max_length is None else inputs | {"max_length": max_length}


def run_net_sample(features, marks, cell_type="rnn", max_length=None, **params):
    """The captions that a net writes; without a length, of the default one."""
    options = {} if max_length is None else {"max_length": max_length}
    return {"captions": make_net(params, marks, cell_type).sample(features, **options)}


def up_to_the_end(inputs, outputs):
    """The captions with <NULL> after <END>: the question leaves open what follows there."""
    null, _, end = inputs["marks"]
    captions = outputs["captions"]
    if not isinstance(captions, np.ndarray) or captions.ndim != 2 or captions.dtype.kind not in "iu":
        return outputs
    ended = np.cumsum(captions == end, axis=1) - (captions == end) > 0
    return outputs | {"captions": np.where(ended, null, captions)}


def _sample_case(name, make, edge=""):
    return Case(name, make, run_net_sample, _net_sizes, observe=up_to_the_end, edge=edge)


captioning_rnn_sample = Question(
    id="captioning_rnn_sample",
    title="CaptioningRNN: write captions",
    notebook=NOTEBOOK,
    points=3,
    minutes=25,
    difficulty=3,
    importance=5,
    hints=(
        "In training the right words were there to be read. Now there is only <START>; each further word that is read "
        "is the one that the net has just chosen.",
        "Loop over the positions: look up the vectors of the current words, take one step with self._step, compute "
        "scores, and take the best word of each row. Begin with a row of self._start.",
    ),
    implements=(f"{NET}.sample",),
    builds_on=("affine_forward", "rnn_step_forward", "word_embedding_forward"),
    cases=(
        _sample_case("eight images", lambda rng: _sample_inputs(rng, 8, 4, 5, 6, 9, (3, 1, 2), ends=False)),
        _sample_case("<START> is word 4", lambda rng: _sample_inputs(rng, 7, 6, 3, 5, 8, (2, 4, 0), ends=False)),
        _sample_case("all sizes equal", lambda rng: _sample_inputs(rng, 6, 6, 6, 6, 6, max_length=6)),
        _sample_case("the default length", lambda rng: _sample_inputs(rng, 5, 3, 4, 4, 7, max_length=None)),
        _sample_case("one image", lambda rng: _sample_inputs(rng, 1, 4, 6, 5, 8), edge=ONE_CAPTION),
    ),
)

QUESTIONS = (
    rnn_step_forward,
    rnn_step_backward,
    rnn_forward,
    rnn_backward,
    word_embedding_forward,
    word_embedding_backward,
    temporal_softmax_loss,
    captioning_rnn_loss,
    captioning_rnn_sample,
)
