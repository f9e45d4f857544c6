"""Questions of LSTM_Captioning: one step of an LSTM, whole sequences, and captions that it writes."""

import numpy as np

from coursekit.core.question import Case, Question
from coursekit.questions import _edges

NOTEBOOK = "LSTM_Captioning"
LAYERS = "cs231n.rnn_layers"
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
        case("one step", lambda rng: _sequence_inputs(rng, 3, 1, 4, 2)),
        case("float32", lambda rng: _as_float32(_sequence_inputs(rng, 4, 5, 3, 2)), 1e-4),
        case("one input", lambda rng: _sequence_inputs(rng, 1, 4, 3, 5), edge=_edges.ONE_INPUT),
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
        "Both start at 0 after the last step. Call the step's backward function with dh of this step plus what comes "
        "back for the hidden state, and with what comes back for the cell state. Add up the weights' gradients.",
    ),
    implements=(f"{LAYERS}:lstm_backward",),
    builds_on=("lstm_forward", "lstm_step_backward"),
    cases=_sequence_cases(_run_backward, _with_gradient),
)

QUESTIONS = (lstm_step_forward, lstm_step_backward, lstm_forward, lstm_backward)
