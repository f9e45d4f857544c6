"""Questions of LSTM_Captioning: one step of an LSTM, whole sequences, and captions that it writes."""

from functools import cache

import numpy as np

from coursekit.core.question import Case, Question, holds
from coursekit.questions import _edges
from coursekit.questions.assignment3 import RNN_Captioning as rnn

NOTEBOOK = "LSTM_Captioning"
LAYERS = "cs231n.rnn_layers"
WORDS = ("<NULL>", "<START>", "<END>")
NUM_VAL, BAR = 1700, 0.4
GATES = 4

_FAR_SCORES = (
    "early in training a score can be far from 0, where exp overflows, and inf / inf is nan; the given sigmoid has "
    "no such limit"
)


# ---- one step


def _weights(rng, D, H, scale=0.8):
    """Weights whose four blocks differ, as do the biases: then every mix-up of the gates shows."""
    return {
        "Wx": scale * rng.randn(D, GATES * H),
        "Wh": scale * rng.randn(H, GATES * H),
        "b": rng.uniform(-1, 1, size=GATES * H),
    }


def _step_inputs(rng, N, D, H, cells=1.0, scale=0.8):
    return {
        "x": rng.randn(N, D),
        "prev_h": rng.uniform(-1, 1, size=(N, H)),
        "prev_c": cells * rng.randn(N, H),
        **_weights(rng, D, H, scale),
    }


def _far_scores(rng):
    inputs = _step_inputs(rng, 3, 2, 4)
    return inputs | {"b": 1000.0 * rng.choice([-1, 1], size=inputs["b"].shape)}


def _with_gradients(rng, inputs):
    shape, dtype = inputs["prev_h"].shape, inputs["x"].dtype
    return inputs | {name: (0.5 + rng.randn(*shape)).astype(dtype) for name in ("dnext_h", "dnext_c")}


def _as_float32(inputs):
    return {name: value.astype(np.float32) for name, value in inputs.items()}


def _step_sizes(x, prev_h, **_):
    (N, D), H = x.shape, prev_h.shape[1]
    return {"N": N, "D": D, "H": H}


def _run_step_forward(x, prev_h, prev_c, Wx, Wh, b):
    from cs231n.rnn_layers import lstm_step_forward

    next_h, next_c, _ = lstm_step_forward(x, prev_h, prev_c, Wx, Wh, b)
    return {"next_h": next_h, "next_c": next_c}


def _run_step_backward(x, prev_h, prev_c, Wx, Wh, b, dnext_h, dnext_c):
    from cs231n.rnn_layers import lstm_step_backward, lstm_step_forward

    _, _, cache = lstm_step_forward(x, prev_h, prev_c, Wx, Wh, b)
    names = ("dx", "dprev_h", "dprev_c", "dWx", "dWh", "db")
    return dict(zip(names, lstm_step_backward(dnext_h, dnext_c, cache), strict=True))


def _step_cases(run, finish=lambda rng, inputs: inputs):
    def case(name, make, tolerance=1e-8, edge=""):
        unchanged = ("dnext_h", "dnext_c")
        return Case(name, lambda rng: finish(rng, make(rng)), run, _step_sizes, tolerance, (), unchanged, edge=edge)

    return (
        case("three inputs", lambda rng: _step_inputs(rng, 3, 4, 5)),
        case("more inputs than units", lambda rng: _step_inputs(rng, 7, 5, 2)),
        case("all sizes equal", lambda rng: _step_inputs(rng, 4, 4, 4)),  # a transposed matrix still fits
        case("large cell states", lambda rng: _step_inputs(rng, 2, 3, 5, cells=3.0)),
        case("float32", lambda rng: _as_float32(_step_inputs(rng, 5, 3, 4)), 1e-4),
        case("one input", lambda rng: _step_inputs(rng, 1, 3, 4), edge=_edges.ONE_INPUT),
    )


lstm_step_forward = Question(
    id="lstm_step_forward",
    title="LSTM: one step forward",
    notebook=NOTEBOOK,
    points=3,
    minutes=25,
    difficulty=2,
    importance=5,
    hints=(
        "First compute all 4H scores together, as in a step of the recurrent network, and cut them into four blocks "
        "of H columns: i, f, o, g.",
        "Three blocks go through sigmoid, the last through tanh. The new cell state is what f keeps of the old plus "
        "what i lets in of g; o shows its tanh.",
    ),
    implements=(f"{LAYERS}:lstm_step_forward",),
    cases=(
        *_step_cases(_run_step_forward),
        Case("scores near 1000 and -1000", _far_scores, _run_step_forward, _step_sizes, edge=_FAR_SCORES),
    ),
)

lstm_step_backward = Question(
    id="lstm_step_backward",
    title="LSTM: one step backward",
    notebook=NOTEBOOK,
    points=5,
    minutes=45,
    difficulty=4,
    importance=4,
    hints=(
        "The cell state reaches the loss by two paths: through later steps (dnext_c), and through next_h of this step. "
        "Add both before you go on.",
        "From the gradient of the cell state follow those of i, f, g and prev_c; that of o comes from dnext_h. Pass "
        "each through its nonlinearity, join the four blocks in order, then it is an affine layer.",
    ),
    implements=(f"{LAYERS}:lstm_step_backward",),
    builds_on=("lstm_step_forward",),
    cases=_step_cases(_run_step_backward, _with_gradients),
)


# ---- whole sequences


def _sequence_inputs(rng, N, T, D, H, scale=0.8):
    return {"x": rng.randn(N, T, D), "h0": rng.uniform(-1, 1, size=(N, H)), **_weights(rng, D, H, scale)}


def _with_gradient(rng, inputs):
    shape = (*inputs["x"].shape[:2], inputs["h0"].shape[1])
    return inputs | {"dh": (0.5 + rng.randn(*shape)).astype(inputs["x"].dtype)}


def _sequence_sizes(x, h0, **_):
    return dict(zip("NTDH", (*x.shape, h0.shape[1]), strict=True))


def _run_forward(x, h0, Wx, Wh, b):
    from cs231n.rnn_layers import lstm_forward

    h, _ = lstm_forward(x, h0, Wx, Wh, b)
    return {"h": h}


def _run_backward(x, h0, Wx, Wh, b, dh):
    from cs231n.rnn_layers import lstm_backward, lstm_forward

    _, cache = lstm_forward(x, h0, Wx, Wh, b)
    return dict(zip(("dx", "dh0", "dWx", "dWh", "db"), lstm_backward(dh, cache), strict=True))


def _sequence_cases(run, finish=lambda rng, inputs: inputs):
    def case(name, make, tolerance=1e-8, edge=""):
        return Case(name, lambda rng: finish(rng, make(rng)), run, _sequence_sizes, tolerance, (), ("dh",), edge=edge)

    return (
        case("two sequences of three steps", lambda rng: _sequence_inputs(rng, 2, 3, 5, 4)),
        case("longer sequences", lambda rng: _sequence_inputs(rng, 3, 8, 2, 5)),
        case("all sizes equal", lambda rng: _sequence_inputs(rng, 4, 4, 4, 4)),
        case("float32", lambda rng: _as_float32(_sequence_inputs(rng, 4, 5, 3, 2)), 1e-4),
        case("one step", lambda rng: _sequence_inputs(rng, 3, 1, 4, 2), edge=rnn.ONE_STEP),
        case("one sequence", lambda rng: _sequence_inputs(rng, 1, 4, 3, 5), edge=rnn.ONE_CAPTION),
    )


lstm_forward = Question(
    id="lstm_forward",
    title="LSTM: forward pass over sequences",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=2,
    importance=4,
    hints=(
        "The loop is that of rnn_forward with a second state beside the first. Where does the cell state start, and "
        "what becomes of it at the end?",
        "Begin with h0 and a cell state of zeros in the shape of h0. Pass both from step to step, store the hidden "
        "state of each step in h, and keep each step's cache.",
    ),
    implements=(f"{LAYERS}:lstm_forward",),
    builds_on=("lstm_step_forward",),
    cases=_sequence_cases(_run_forward),
)

lstm_backward = Question(
    id="lstm_backward",
    title="LSTM: backward pass over sequences",
    notebook=NOTEBOOK,
    points=3,
    minutes=25,
    difficulty=3,
    importance=4,
    hints=(
        "Go through the steps in reverse. Two gradients travel back from step to step now; only one of them meets the "
        "step's own entry of dh.",
        "Both start at 0 after the last step. The step's backward function gets dh of this step plus what came back "
        "for the hidden state, and what came back for the cell state. Add up the weights' gradients.",
    ),
    implements=(f"{LAYERS}:lstm_backward",),
    builds_on=("lstm_forward", "lstm_step_backward"),
    cases=_sequence_cases(_run_backward, _with_gradient),
)

# ---- captions


def _net_inputs(rng, N, D, W, H, V, marks=(0, 1, 2), max_length=7):
    """Parameters so large that the captions differ, and so do the words of a caption."""
    null, start, end = marks
    captions = rng.choice([word for word in range(V) if word not in marks], size=(N, max_length))
    captions[:, 0], captions[:, -2], captions[:2, -1] = start, end, null
    weights = _weights(rng, W, H)
    weights["b"][H : 2 * H] += 1.5  # the forget gates are rather open, so that the cell state matters
    return {
        "features": 2 * rng.randn(N, D),
        "captions": captions,
        "max_length": max_length,
        "marks": list(marks),
        "W_embed": 2 * rng.randn(V, W),
        "W_proj": rng.randn(D, H),
        "b_proj": rng.randn(H),
        **weights,
        "W_vocab": 2 * rng.randn(H, V),
        "b_vocab": rng.randn(V),
    }


def _net_sizes(features, W_embed, W_proj, **_):
    return {"N": len(features), "D": W_proj.shape[0], "W": W_embed.shape[1], "H": W_proj.shape[1], "V": len(W_embed)}


def _run_sample(captions, **inputs):
    return rnn.run_net_sample(cell_type="lstm", **inputs)


def _run_loss(max_length, **inputs):
    return rnn.run_net_loss(cell_type="lstm", **inputs)


def _sample_case(name, make, edge=""):
    return Case(name, make, _run_sample, _net_sizes, observe=rnn.up_to_the_end, edge=edge)


captioning_lstm = Question(
    id="captioning_lstm",
    title="CaptioningRNN: one step of the LSTM",
    notebook=NOTEBOOK,
    points=1,
    minutes=10,
    difficulty=1,
    importance=4,
    hints=(
        "The method is told both states and returns both. Which of your functions does one step with two states?",
        "Give your step the vectors of the current words, both states and the three weights; it returns three values, "
        "of which this method keeps two.",
    ),
    implements=(f"{rnn.NET}._step",),
    builds_on=("captioning_rnn_loss", "captioning_rnn_sample", "lstm_step_forward", "lstm_forward", "lstm_backward"),
    cases=(
        _sample_case("captions of many images", lambda rng: _net_inputs(rng, 20, 4, 5, 6, 11, max_length=9)),
        _sample_case("<START> is word 4", lambda rng: _net_inputs(rng, 12, 6, 3, 5, 8, (2, 4, 0))),
        _sample_case("all sizes equal", lambda rng: _net_inputs(rng, 6, 6, 6, 6, 6, max_length=6)),
        Case("loss and gradients", lambda rng: _net_inputs(rng, 3, 6, 4, 5, 8), _run_loss, _net_sizes),
        _sample_case("one image", lambda rng: _net_inputs(rng, 1, 4, 6, 5, 8), edge=rnn.ONE_CAPTION),
    ),
)


# ---- captions of scenes that the network has not seen


@cache
def _unseen_scenes():
    """The words of the captions, and features and captions of the drawn scenes that nobody trains on."""
    from cs231n.coco_utils import load_scene_captions

    data = load_scene_captions()
    return data["word_to_idx"], data["val_features"], data["val_captions"]


def _judge_captioner(params):
    word_to_idx, features, captions = _unseen_scenes()
    fits = _judge_params(params, features.shape[1], len(word_to_idx))
    if not fits.ok:
        return [fits]
    null, start, end = (word_to_idx[word] for word in WORDS)
    said = rnn.up_to_the_end(
        {"marks": (null, start, end)}, {"captions": _write(params, features, start, captions.shape[1] - 1)}
    )
    share = float(np.mean(np.all(said["captions"] == captions[:, 1:], axis=1)))
    return [
        fits,
        holds(
            f"at least {BAR:.0%} of the captions of {NUM_VAL:,} unseen scenes are exact",
            share >= BAR,
            f"expected at least {BAR:.0%} of all captions to be right in every word, got {share:.1%}",
            mistake=_why_few(share),
        ),
    ]


def _judge_params(params, D, V):
    """Whether params are those of an LSTM that writes captions of the scenes: shapes that fit, finite values."""
    shapes = _float_shapes(params)
    H, W = (shapes.get(name, (0,))[-1] for name in ("W_proj", "W_embed"))
    expected = {
        "W_embed": (V, W),
        "W_proj": (D, H),
        "b_proj": (H,),
        "Wx": (W, GATES * H),
        "Wh": (H, GATES * H),
        "b": (GATES * H,),
        "W_vocab": (H, V),
        "b_vocab": (V,),
    }
    off = [name for name, shape in expected.items() if shapes.get(name) != shape]
    gap = [f"{name}: expected floats of shape {expected[name]}, got {shapes.get(name, 'none')}" for name in off]
    mistake = f"check {', '.join(off)}: the net is a CaptioningRNN with cell_type='lstm', for {D} features"
    if not off and not all(np.isfinite(value).all() for value in params.values()):
        gap = ["some values are nan or infinite"]
        mistake = "training has diverged: use a smaller learning rate"
    statement = "the parameters are those of an LSTM for these features and words"
    return holds(statement, not gap, *gap[:4], mistake=mistake)


def _float_shapes(params):
    """The shapes of the arrays of floats in a dict, by their names; a number is none."""
    arrays = params.items() if isinstance(params, dict) else ()
    return {name: w.shape for name, w in arrays if isinstance(w, np.ndarray) and w.dtype.kind == "f" and w.ndim}


def _write(params, features, start, length):
    """The captions that an LSTM writes, computed here: integers of shape (N, length)."""
    p = params
    h = features @ p["W_proj"] + p["b_proj"]
    c, words, said = np.zeros_like(h), np.full(len(features), start), []
    for _ in range(length):
        *gates, g = np.split(p["W_embed"][words] @ p["Wx"] + h @ p["Wh"] + p["b"], GATES, axis=1)
        i, f, o = ((1 + np.tanh(gate / 2)) / 2 for gate in gates)  # a sigmoid
        c = f * c + i * np.tanh(g)
        h = o * np.tanh(c)
        words = np.argmax(h @ p["W_vocab"] + p["b_vocab"], axis=1)
        said.append(words)
    return np.stack(said, axis=1)


def _why_few(share):
    if share < 0.02:
        return (
            "hardly any caption is right: has the loss fallen at all? Is the net trained on the features of the images "
            "that its captions belong to?"
        )
    return (
        "compare with the share of training captions that are exact: if that is low too, train longer or with more "
        "hidden units; if it is far higher, the net memorises: let the weights decay more"
    )


lstm_captions = Question(
    id="lstm_captions",
    title="An LSTM that captions new scenes",
    notebook=NOTEBOOK,
    points=4,
    minutes=30,
    difficulty=3,
    importance=4,
    hints=(
        "Without any decay of the weights the net soon knows its training captions by heart, and few of the new ones "
        "are right. Which update rule of Optimizers has such a decay?",
        "Choose the rule 'adamw', put weight_decay beside learning_rate, and go up by factors of 3 as long as the "
        "exact share of unseen captions rises. A hundred or more hidden units, ten epochs or more.",
    ),
    builds_on=("captioning_lstm",),
    values=("params",),
    judge=_judge_captioner,
)

QUESTIONS = (lstm_step_forward, lstm_step_backward, lstm_forward, lstm_backward, captioning_lstm, lstm_captions)
