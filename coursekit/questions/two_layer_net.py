"""Questions of two_layer_net: layers, then a network, then its training."""

from coursekit.question import Case, Question

NOTEBOOK = "two_layer_net"


def _affine_inputs(rng, shape, num_outputs, scale=1.0):
    num_columns = 1
    for size in shape[1:]:
        num_columns *= size
    return {
        "x": scale * rng.randn(*shape),
        "w": rng.randn(num_columns, num_outputs),
        "b": 3 + rng.randn(num_outputs),  # far from 0: a bias that is forgotten shows
    }


def _affine_sizes(x, w, **_):
    return {"N": x.shape[0], "D": w.shape[0], "M": w.shape[1]}


def _run_affine_forward(x, w, b):
    from cs231n.layers import affine_forward

    out, _ = affine_forward(x, w, b)
    return {"out": out}


def _run_affine_backward(x, w, b, dout):
    from cs231n.layers import affine_backward

    dx, dw, db = affine_backward(dout, (x, w, b))
    return {"dx": dx, "dw": dw, "db": db}


def _affine_backward_inputs(rng, shape, num_outputs):
    inputs = _affine_inputs(rng, shape, num_outputs)
    return inputs | {"dout": 0.5 + rng.randn(shape[0], num_outputs)}


affine_forward = Question(
    id="affine_forward",
    title="Affine layer, forward",
    notebook=NOTEBOOK,
    points=2,
    minutes=10,
    implements=("cs231n.layers:affine_forward",),
    cases=(
        Case("two inputs of 4 x 5", lambda rng: _affine_inputs(rng, (2, 4, 5), 3), _run_affine_forward, _affine_sizes),
        Case("rows, one output", lambda rng: _affine_inputs(rng, (5, 6), 1), _run_affine_forward, _affine_sizes),
        Case("one input", lambda rng: _affine_inputs(rng, (1, 2, 3, 2), 4, 1e3), _run_affine_forward, _affine_sizes),
    ),
)

affine_backward = Question(
    id="affine_backward",
    title="Affine layer, backward",
    notebook=NOTEBOOK,
    points=3,
    minutes=20,
    implements=("cs231n.layers:affine_backward",),
    cases=(
        Case("four inputs of 2 x 3", lambda rng: _affine_backward_inputs(rng, (4, 2, 3), 5), _run_affine_backward, _affine_sizes),
        Case("rows", lambda rng: _affine_backward_inputs(rng, (3, 4), 2), _run_affine_backward, _affine_sizes),
        Case("one input", lambda rng: _affine_backward_inputs(rng, (1, 3), 4), _run_affine_backward, _affine_sizes),
    ),
)

QUESTIONS = (affine_forward, affine_backward)
