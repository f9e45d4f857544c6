"""Questions of two_layer_net: layers, a network made of them, its training, and the same net in one piece."""

import numpy as np

from coursekit.core.question import Case, Figure, Question, holds, reaches
from coursekit.questions import _data, _edges, _nets
from coursekit.questions._caches import own_cache

NOTEBOOK = "two_layer_net"
LAYERS = "cs231n.layers"
NET = "cs231n.classifiers.fc_net:TwoLayerNet"
ONE_PIECE = "cs231n.classifiers.neural_net:TwoLayerNet"


# ---- affine layer


def _affine_inputs(rng, shape, num_outputs, scale=1.0, dtype=np.float64):
    num_columns = int(np.prod(shape[1:]))
    return {
        "x": (scale * rng.randn(*shape)).astype(dtype),
        "w": rng.randn(num_columns, num_outputs).astype(dtype),
        "b": (3 + rng.randn(num_outputs)).astype(dtype),  # far from 0, so that a missing bias shows
    }


def _uneven_affine_inputs(rng):
    inputs = _affine_inputs(rng, (4, 3), 6)
    return inputs | {"x": inputs["x"] * np.array([[1e-3], [1.0], [30.0], [1e3]])}


def _image_affine_inputs(rng):
    inputs = _affine_inputs(rng, (3, 2, 2, 3), 2)
    return inputs | {"x": rng.randint(100, 256, size=(3, 2, 2, 3)).astype(np.uint8)}


def _affine_sizes(x, w, **_):
    return {"N": x.shape[0], "D": w.shape[0], "M": w.shape[1]}


def _run_affine_forward(x, w, b):
    from cs231n.layers import affine_forward

    out, _ = affine_forward(x, w, b)
    return {"out": out}


def _run_affine_cache(x, w, b):
    from cs231n.layers import affine_forward

    _, cache = affine_forward(x, w, b)
    return {"cache": cache}


def _judge_affine_cache(inputs, outputs):
    """Judge whether dx can get the shape of x: only a cache of bare arrays that holds x as rows has lost it."""
    shape, cache = inputs["x"].shape, outputs["cache"]
    parts = list(cache) if isinstance(cache, (list, tuple)) else [cache]
    shapes = [part.shape for part in parts if isinstance(part, np.ndarray)]
    rows = (shape[0], int(np.prod(shape[1:])))
    has_lost_it = len(shapes) == len(parts) and rows in shapes and shape not in shapes
    return [
        holds(
            "the cache keeps the shape of x",
            not has_lost_it,
            f"x has shape {shape}, the arrays in the cache have the shapes {', '.join(map(str, shapes))}",
            mistake="x is flattened before it is put into the cache, so affine_backward cannot give dx the shape of x: "
            "keep x as it came, and give its rows a name of their own",
        )
    ]


def _run_affine_backward(x, w, b, dout):
    from cs231n.layers import affine_backward, affine_forward

    dx, dw, db = affine_backward(dout, own_cache(affine_forward, (x, w, b), (x, w, b)))
    return {"dx": dx, "dw": dw, "db": db}


def _with_dout(rng, inputs):
    shape = len(inputs["x"]), len(inputs["b"])
    return inputs | {"dout": (0.5 + rng.randn(*shape)).astype(inputs["x"].dtype)}


affine_forward = Question(
    id="affine_forward",
    title="Affine layer, forward",
    notebook=NOTEBOOK,
    points=2,
    minutes=10,
    difficulty=1,
    importance=5,
    hints=(
        "Each input may have any shape, but the layer sees a row of D numbers. Which reshape keeps the first axis "
        "and joins all others?",
        "Reshape x to (N, D), multiply by w, and add b. Give the result a new name: the cache has to hold x in "
        "its own shape.",
    ),
    implements=(f"{LAYERS}:affine_forward",),
    cases=(
        Case("two inputs of 4 x 5", lambda rng: _affine_inputs(rng, (2, 4, 5), 3), _run_affine_forward, _affine_sizes),
        Case("flat inputs, one output", lambda rng: _affine_inputs(rng, (5, 6), 1), _run_affine_forward, _affine_sizes),
        Case("rows of different scale", _uneven_affine_inputs, _run_affine_forward, _affine_sizes),
        Case(
            "float32",
            lambda rng: _affine_inputs(rng, (3, 5), 2, dtype=np.float32),
            _run_affine_forward,
            _affine_sizes,
            tolerance=1e-4,
        ),
        Case(
            "three images",
            lambda rng: _affine_inputs(rng, (3, 2, 2, 4), 5),
            _run_affine_cache,
            judge=_judge_affine_cache,
        ),
        Case(
            "one input",
            lambda rng: _affine_inputs(rng, (1, 2, 3, 2), 4, 1e3),
            _run_affine_forward,
            _affine_sizes,
            edge=_edges.ONE_INPUT,
        ),
        Case("uint8 images", _image_affine_inputs, _run_affine_forward, _affine_sizes, edge=_edges.PIXELS),
    ),
)

affine_backward = Question(
    id="affine_backward",
    title="Affine layer, backward",
    notebook=NOTEBOOK,
    points=4,
    minutes=25,
    difficulty=3,
    importance=5,
    hints=(
        "Each gradient has the shape of what it belongs to: dx that of x, dw that of w, db that of b. The shapes "
        "nearly tell you the products.",
        "dw is the product of the rows of x, transposed, with dout; dx is dout times w transposed, back in the "
        "shape of x. b was added to each row, so db adds up the rows of dout.",
    ),
    implements=(f"{LAYERS}:affine_backward",),
    builds_on=("affine_forward",),
    cases=(
        Case(
            "four inputs of 2 x 3",
            lambda rng: _with_dout(rng, _affine_inputs(rng, (4, 2, 3), 5)),
            _run_affine_backward,
            _affine_sizes,
        ),
        Case(
            "flat inputs",
            lambda rng: _with_dout(rng, _affine_inputs(rng, (3, 4), 2)),
            _run_affine_backward,
            _affine_sizes,
        ),
        Case(
            "all sizes equal",  # a transposed matrix still fits
            lambda rng: _with_dout(rng, _affine_inputs(rng, (3, 3), 3)),
            _run_affine_backward,
            _affine_sizes,
        ),
        Case(
            "rows of different scale",
            lambda rng: _with_dout(rng, _uneven_affine_inputs(rng)),
            _run_affine_backward,
            _affine_sizes,
        ),
        Case(
            "float32",
            lambda rng: _with_dout(rng, _affine_inputs(rng, (5, 1, 3), 2, dtype=np.float32)),
            _run_affine_backward,
            _affine_sizes,
            tolerance=1e-4,
        ),
        Case(
            "one input",
            lambda rng: _with_dout(rng, _affine_inputs(rng, (1, 3), 4)),
            _run_affine_backward,
            _affine_sizes,
            edge=_edges.ONE_INPUT,
        ),
    ),
)


# ---- ReLU


def _relu_inputs(rng, shape, scale=1.0, dtype=np.float64):
    """Values of both signs, well away from the kink at 0."""
    x = rng.uniform(0.1, 2.0, size=shape) * rng.choice([-1, 1], size=shape)
    x.flat[0], x.flat[-1] = 1.5, -1.5
    return {"x": (scale * x).astype(dtype)}


def _relu_zeros(rng):
    x = _relu_inputs(rng, (3, 4))["x"]
    x[1] = 0.0
    return {"x": x}


def _relu_dout(rng, inputs):
    return inputs | {"dout": (0.5 + rng.randn(*inputs["x"].shape)).astype(inputs["x"].dtype)}


def _run_relu_forward(x):
    from cs231n.layers import relu_forward

    out, _ = relu_forward(x)
    return {"out": out}


def _run_relu_backward(x, dout):
    from cs231n.layers import relu_backward, relu_forward

    return {"dx": relu_backward(dout, own_cache(relu_forward, (x,), x))}


relu_forward = Question(
    id="relu_forward",
    title="ReLU, forward",
    notebook=NOTEBOOK,
    points=1,
    minutes=5,
    difficulty=1,
    importance=4,
    hints=(
        "Negative entries become 0, all others stay. You need no loop, and x itself must not change.",
        "One NumPy function takes the larger of two values entry by entry, and one of the two may be a plain number.",
    ),
    implements=(f"{LAYERS}:relu_forward",),
    cases=(
        Case("a matrix", lambda rng: _relu_inputs(rng, (3, 4)), _run_relu_forward),
        Case("images", lambda rng: _relu_inputs(rng, (2, 3, 2, 3)), _run_relu_forward),
        Case("large entries", lambda rng: _relu_inputs(rng, (1, 6), 1e4), _run_relu_forward),
        Case("tiny entries", lambda rng: _relu_inputs(rng, (4, 2), 1e-6), _run_relu_forward),
        Case("float32", lambda rng: _relu_inputs(rng, (5,), dtype=np.float32), _run_relu_forward, tolerance=1e-5),
    ),
)

relu_backward = Question(
    id="relu_backward",
    title="ReLU, backward",
    notebook=NOTEBOOK,
    points=2,
    minutes=10,
    difficulty=1,
    importance=4,
    hints=(
        "Where x was positive, out moved with x; elsewhere it stayed 0. So where does the gradient pass, and "
        "where does it not?",
        "Make an array that is True where x is positive, and use it as 0s and 1s. The sign that counts is that of "
        "x, not of dout.",
    ),
    implements=(f"{LAYERS}:relu_backward",),
    builds_on=("relu_forward",),
    cases=(
        Case("a matrix", lambda rng: _relu_dout(rng, _relu_inputs(rng, (3, 4))), _run_relu_backward),
        Case("images", lambda rng: _relu_dout(rng, _relu_inputs(rng, (2, 3, 2, 3))), _run_relu_backward),
        Case("large entries", lambda rng: _relu_dout(rng, _relu_inputs(rng, (1, 6), 1e4)), _run_relu_backward),
        Case("tiny entries", lambda rng: _relu_dout(rng, _relu_inputs(rng, (4, 2), 1e-6)), _run_relu_backward),
        Case("exact zeros", lambda rng: _relu_dout(rng, _relu_zeros(rng)), _run_relu_backward),
    ),
)


# ---- losses


def _scores(rng, num_rows, num_classes, scale=1.0, shift=0.0, dtype=np.float64):
    """Scores that are highest for the true class in some rows only; some classes are repeated, some never true."""
    x = rng.randn(num_rows, num_classes)
    y = rng.randint(num_classes - 1, size=num_rows)  # the last class is never the true one
    y[0] = (np.argmax(x[0]) + 1) % num_classes
    if num_rows > 1:
        y[1] = np.argmax(x[1])
    return {"x": (scale * x + shift).astype(dtype), "y": y}


def _uneven_scores(rng):
    """Rows so far apart that the largest score of all is no use for the other rows."""
    inputs = _scores(rng, 5, 4)
    return inputs | {"x": inputs["x"] + np.array([[-2000.0], [-30.0], [0.0], [50.0], [2000.0]])}


def _ordered_scores(rng, step):
    """Four rows of scores in random order, about `step` apart; the true class is the last, the first or any."""
    x = np.array([rng.permutation(3) for _ in range(4)]) + rng.uniform(-0.2, 0.2, size=(4, 3))
    y = np.array([np.argmin(x[0]), np.argmax(x[1]), np.argmin(x[2]), rng.randint(3)])
    return {"x": step * x, "y": y}


def _large_scores(rng):
    """Scores so large, of either sign, that exp overflows or gives 0; no probability is 0, as they lie close enough."""
    inputs = _ordered_scores(rng, 150)
    return inputs | {"x": inputs["x"] + np.array([[1e3], [-1.5e3], [2e3], [-1e3]])}


def _loss_sizes(x, **_):
    return {"N": x.shape[0], "C": x.shape[1]}


def _run_svm_loss(x, y):
    from cs231n.layers import svm_loss

    loss, dx = svm_loss(x, y)
    return {"loss": loss, "dx": dx}


def _run_softmax_loss(x, y):
    from cs231n.layers import softmax_loss

    loss, dx = softmax_loss(x, y)
    return {"loss": loss, "dx": dx}


def _loss_cases(run, far_apart=""):
    """The cases of a loss; `far_apart` is why it matters, if scores that lie far apart are an edge."""
    return (
        Case("five rows of scores", lambda rng: _scores(rng, 5, 4), run, _loss_sizes),
        Case("scores near 0", lambda rng: _scores(rng, 7, 3, scale=0.01), run, _loss_sizes),
        Case("scores near 1000 and -1000", _large_scores, run, _loss_sizes),
        Case("scores plus 10000", lambda rng: _scores(rng, 3, 5, shift=1e4), run, _loss_sizes),
        Case("rows of different scale", _uneven_scores, run, _loss_sizes),
        Case("float32", lambda rng: _scores(rng, 6, 4, scale=3, dtype=np.float32), run, _loss_sizes, tolerance=1e-4),
        Case(
            "scores 1000 apart",
            lambda rng: _ordered_scores(rng, 1e3),
            run,
            _loss_sizes,
            edge=far_apart,
        ),
        Case("one row", lambda rng: _scores(rng, 1, 6), run, _loss_sizes, edge=_edges.ONE_INPUT),
    )


svm_loss = Question(
    id="svm_loss",
    title="SVM loss as a layer",
    notebook=NOTEBOOK,
    points=3,
    minutes=20,
    difficulty=3,
    importance=2,
    hints=(
        "As in the notebook svm, but from scores that are given and without regularisation: the margins have the "
        "shape of x.",
        "dx is 1 where a margin is positive, and at the true class minus the number of such margins in its row. "
        "Loss and dx are both divided by N.",
    ),
    implements=(f"{LAYERS}:svm_loss",),
    cases=_loss_cases(_run_svm_loss),
)

softmax_loss = Question(
    id="softmax_loss",
    title="Softmax loss as a layer",
    notebook=NOTEBOOK,
    points=3,
    minutes=20,
    difficulty=3,
    importance=5,
    hints=(
        "Shift each row by its maximum, then work with logs: log p is the shifted score minus the log of the "
        "row's sum of exponentials.",
        "The loss is minus the mean of log p at the true classes. dx is p, less 1 at the true class of each row, "
        "over N.",
    ),
    implements=(f"{LAYERS}:softmax_loss",),
    cases=_loss_cases(_run_softmax_loss, _edges.EXTREME_SCORES),
)


# ---- update rule


def _run_sgd(w, dw, learning_rate=None):
    from cs231n.optim import sgd

    config = None if learning_rate is None else {"learning_rate": learning_rate}
    next_w, config = sgd(w, dw, config)
    return {"next_w": next_w, "config['learning_rate']": config["learning_rate"]}


def _sgd_inputs(rng, shape, learning_rate=None, dtype=np.float64):
    inputs = {"w": rng.randn(*shape).astype(dtype), "dw": (2 + 5 * rng.randn(*shape)).astype(dtype)}
    return inputs if learning_rate is None else inputs | {"learning_rate": learning_rate}


sgd = Question(
    id="sgd",
    title="Stochastic gradient descent: one step",
    notebook=NOTEBOOK,
    points=1,
    minutes=5,
    difficulty=1,
    importance=5,
    hints=(
        "Take a small step against the gradient. config says how long it is.",
        "The step is the learning rate from config times dw; next_w is w minus that step. Return it together with "
        "config.",
    ),
    implements=("cs231n.optim:sgd",),
    cases=(
        Case("a matrix", lambda rng: _sgd_inputs(rng, (3, 4), 0.3), _run_sgd, better_unchanged=("w", "dw")),
        Case("a vector", lambda rng: _sgd_inputs(rng, (5,), 2.5), _run_sgd, better_unchanged=("w", "dw")),
        Case("no config", lambda rng: _sgd_inputs(rng, (2, 1, 3)), _run_sgd, better_unchanged=("w", "dw")),
        Case(
            "float32",
            lambda rng: _sgd_inputs(rng, (4, 2), 0.05, np.float32),
            _run_sgd,
            tolerance=1e-5,
            better_unchanged=("w", "dw"),
        ),
    ),
)


# ---- the network


def _run_init(seed, input_dim, hidden_dim, num_classes, weight_scale=None):
    from cs231n.classifiers.fc_net import TwoLayerNet

    options = {} if weight_scale is None else {"weight_scale": weight_scale}
    np.random.seed(seed)
    nets = [TwoLayerNet(input_dim, hidden_dim, num_classes, reg=0.25, **options) for _ in range(2)]
    return {"nets": [net.params for net in nets]}


def _observe_init(inputs, outputs):
    first, second = outputs["nets"]
    names = ("W1", "b1", "W2", "b2")
    same = [name for name in ("W1", "W2") if name in first and np.array_equal(first[name], second[name])]
    return {
        "names": sorted(map(str, first)),
        **{name: _nets.summary(first[name]) for name in names if name in first},
        "twice the same": same,
    }


def _judge_init(inputs, outputs):
    scale = inputs.get("weight_scale", 1e-3)
    d, h, c = inputs["input_dim"], inputs["hidden_dim"], inputs["num_classes"]
    names = holds(
        "self.params has the keys W1, b1, W2, b2",
        outputs["names"] == ["W1", "W2", "b1", "b2"],
        f"expected the keys W1, W2, b1, b2 in self.params, got {', '.join(outputs['names']) or 'none'}",
        mistake="store each array in self.params under its name, such as self.params['W1']",
    )
    if not names.ok:
        return [names]
    return [
        names,
        _judge_shapes(outputs, {"W1": [d, h], "b1": [h], "W2": [h, c], "b2": [c]}),
        _nets.judge_biases({name: outputs[name] for name in ("b1", "b2")}),
        *_nets.judge_weights({name: outputs[name] for name in ("W1", "W2")}, scale),
        _nets.judge_two_nets(outputs["twice the same"]),
    ]


def _judge_shapes(outputs, shapes):
    letters = {"W1": "(D, H)", "b1": "(H,)", "W2": "(H, C)", "b2": "(C,)"}
    off = [name for name, shape in shapes.items() if outputs[name]["shape"] != shape]
    gap = [f"{n}: expected {letters[n]} = {tuple(shapes[n])}, got {tuple(outputs[n]['shape'])}" for n in off]
    transposed = [name for name in off if outputs[name]["shape"] == shapes[name][::-1]]
    mistake = f"{transposed[0]} is transposed" if transposed else f"check the sizes of {', '.join(off)}"
    return holds("the arrays have the shapes that D, H and C require", not off, *gap, mistake=mistake)


two_layer_net_init = Question(
    id="two_layer_net_init",
    title="TwoLayerNet: initial weights",
    notebook=NOTEBOOK,
    points=2,
    minutes=10,
    difficulty=1,
    importance=4,
    hints=(
        "W1 leads from the inputs to the hidden units, W2 from these to the classes. Each bias has one number for "
        "each column of its W.",
        "Standard normal numbers times weight_scale for the weights, zeros for the biases; store them in "
        "self.params under the names W1, b1, W2 and b2.",
    ),
    implements=(f"{NET}.__init__",),
    cases=tuple(
        Case(f"D, H, C = {d}, {h}, {c}", inputs, _run_init, judge=_judge_init, observe=_observe_init)
        for d, h, c, inputs in (
            (50, 80, 60, lambda rng: _init_inputs(rng, 50, 80, 60, 1e-2)),
            (90, 60, 70, lambda rng: _init_inputs(rng, 90, 60, 70, 3.0)),
            (64, 75, 55, lambda rng: _init_inputs(rng, 64, 75, 55)),
        )
    ),
)


def _init_inputs(rng, input_dim, hidden_dim, num_classes, weight_scale=None):
    inputs = {
        "seed": int(rng.randint(2**31 - 1)),
        "input_dim": input_dim,
        "hidden_dim": hidden_dim,
        "num_classes": num_classes,
    }
    return inputs if weight_scale is None else inputs | {"weight_scale": weight_scale}


def _net_inputs(rng, shape, hidden_dim, num_classes, scale=1.0, dtype=np.float64):
    """Inputs and parameters of a net; in some row, the score that is farthest from 0 is below 0: its sign matters."""
    input_dim = int(np.prod(shape[1:]))
    while True:
        inputs = {
            "X": scale * rng.randn(*shape),
            "W1": rng.randn(input_dim, hidden_dim) / input_dim**0.5,
            "b1": 0.5 + 0.5 * rng.randn(hidden_dim),
            "W2": rng.randn(hidden_dim, num_classes),
            "b2": 2 + rng.randn(num_classes),
        }
        hidden = np.maximum(0, inputs["X"].reshape(shape[0], -1) @ inputs["W1"] + inputs["b1"])
        scores = hidden @ inputs["W2"] + inputs["b2"]
        if (scores.min(axis=1) < -0.1 - scores.max(axis=1)).any():
            return {name: value.astype(dtype) for name, value in inputs.items()}


def _labelled_net_inputs(rng, shape, hidden_dim, num_classes, reg, **options):
    inputs = _net_inputs(rng, shape, hidden_dim, num_classes, **options)
    y = rng.randint(num_classes - 1, size=shape[0])
    return inputs | {"y": y, "reg": reg}


def _extreme_net_inputs(rng):
    """Biases that leave the true class of every other input thousands behind the best one."""
    inputs = _labelled_net_inputs(rng, (6, 3), 5, 4, 0.05)
    return inputs | {"b2": np.array([-3000.0, 0.0, 3000.0, -1000.0]), "y": np.array([0, 2, 1, 2, 3, 2])}


def _net_sizes(X, W1, W2, **_):
    return {"N": X.shape[0], "D": W1.shape[0], "H": W1.shape[1], "C": W2.shape[1]}


def _modular_net(W1, b1, W2, b2, reg=0.0):
    from cs231n.classifiers.fc_net import TwoLayerNet

    net = TwoLayerNet(*W1.shape, W2.shape[1], reg=reg)
    net.params = {"W1": W1, "b1": b1, "W2": W2, "b2": b2}
    net.reg = reg
    return net


def _run_scores(X, **params):
    return {"scores": _modular_net(**params).loss(X)}


def _run_gradients(X, y, reg, **params):
    return _loss_and_gradients(_modular_net(**params, reg=reg).loss(X, y))


def _loss_and_gradients(returned):
    loss, grads = returned
    return {"loss": loss, **{f"d{name}": grads.get(name) for name in ("W1", "b1", "W2", "b2")}}


two_layer_net_loss = Question(
    id="two_layer_net_loss",
    title="TwoLayerNet: scores",
    notebook=NOTEBOOK,
    points=2,
    minutes=10,
    difficulty=2,
    importance=4,
    hints=(
        "The net is affine - ReLU - affine: each layer takes what the one before returned, and there is no ReLU "
        "after the last.",
        "affine_relu_forward does the first two layers, affine_forward the last. Keep both caches under names of "
        "their own: the backward pass needs them.",
    ),
    implements=(f"{NET}.loss",),
    builds_on=("affine_forward", "relu_forward", "two_layer_net_init"),
    cases=(
        Case("three inputs", lambda rng: _net_inputs(rng, (3, 5), 8, 4), _run_scores, _net_sizes),
        Case("images", lambda rng: _net_inputs(rng, (2, 3, 2, 2), 6, 3), _run_scores, _net_sizes),
        Case("large entries", lambda rng: _net_inputs(rng, (4, 3), 5, 2, scale=1e3), _run_scores, _net_sizes),
        Case(
            "float32",
            lambda rng: _net_inputs(rng, (4, 6), 5, 3, dtype=np.float32),
            _run_scores,
            _net_sizes,
            tolerance=1e-4,
        ),
        Case(
            "one input",
            lambda rng: _net_inputs(rng, (1, 4), 3, 5),
            _run_scores,
            _net_sizes,
            edge=_edges.ONE_INPUT,
        ),
    ),
)

two_layer_net_gradients = Question(
    id="two_layer_net_gradients",
    title="TwoLayerNet: loss and gradients",
    notebook=NOTEBOOK,
    points=4,
    minutes=30,
    difficulty=3,
    importance=5,
    hints=(
        "Go back through the layers in the opposite order. softmax_loss begins: it returns the loss and the "
        "gradient of the scores.",
        "Each backward function takes the gradient from the layer after it, and the cache of its own layer. Then "
        "add 0.5 * reg * W^2 to the loss for both W, and reg * W to their gradients.",
    ),
    implements=(f"{NET}.loss",),
    builds_on=(
        "affine_backward",
        "relu_backward",
        "softmax_loss",
        "two_layer_net_init",
        "two_layer_net_loss",
    ),
    cases=(
        Case("reg = 0.7", lambda rng: _labelled_net_inputs(rng, (4, 5), 6, 3, 0.7), _run_gradients, _net_sizes),
        Case(
            "without regularisation",
            lambda rng: _labelled_net_inputs(rng, (5, 4), 3, 6, 0.0),
            _run_gradients,
            _net_sizes,
        ),
        Case(
            "images, reg = 3.5",
            lambda rng: _labelled_net_inputs(rng, (3, 2, 2, 2), 5, 4, 3.5),
            _run_gradients,
            _net_sizes,
        ),
        Case(
            "float32",
            lambda rng: _labelled_net_inputs(rng, (5, 6), 4, 3, 0.3, dtype=np.float32),
            _run_gradients,
            _net_sizes,
            tolerance=1e-3,
        ),
        Case("scores thousands apart", _extreme_net_inputs, _run_gradients, _net_sizes, edge=_edges.EXTREME_SCORES),
        Case(
            "one input",
            lambda rng: _labelled_net_inputs(rng, (1, 4), 3, 5, 0.2),
            _run_gradients,
            _net_sizes,
            edge=_edges.ONE_INPUT,
        ),
    ),
)


# ---- training


def _judge_numbers(name, history):
    is_right = isinstance(history, (list, np.ndarray)) and all(
        isinstance(value, (int, float, np.number)) and np.isfinite(value) for value in history
    )
    return holds(
        f"{name} is a list of finite numbers",
        is_right,
        f"got a {type(history).__name__}" + (" with other values" * isinstance(history, (list, np.ndarray))),
        mistake=f"pass solver.{name} to check, after solver.train()",
    )


def _judge_solver(loss_history, val_acc_history, params, X_val, y_val):
    findings = [_nets.judge_params(params, hidden_dims=[50]), _nets.judge_data("val", X_val, y_val)]
    findings += [_judge_numbers("loss_history", loss_history), _judge_numbers("val_acc_history", val_acc_history)]
    if not all(finding.ok for finding in findings):
        return findings
    losses, accuracies = np.asarray(loss_history, dtype=float), np.asarray(val_acc_history, dtype=float)
    tenth = max(1, len(losses) // 10)
    accuracy = _nets.accuracy(params, X_val, y_val)
    return findings + [
        holds(
            "the loss is lower in the last tenth of loss_history than in the first",
            losses[-tenth:].mean() < losses[:tenth].mean(),
            f"mean of the first tenth: {losses[:tenth].mean():.4g}; of the last tenth: {losses[-tenth:].mean():.4g}",
            mistake="the learning rate is far too high or far too low",
        ),
        holds(
            "val_acc_history has an accuracy from 0 to 1 for the start and for each epoch",
            ((accuracies >= 0) & (accuracies <= 1)).all() and len(accuracies) >= 2,
            f"expected at least two accuracies from 0 to 1, got {len(accuracies)} entries",
            mistake="pass solver.val_acc_history to check, after solver.train()",
        ),
        holds(
            "params reach the best accuracy of val_acc_history",
            abs(accuracy - accuracies.max()) < 0.01,
            f"params reach {accuracy:.4g} on the validation set, the best of val_acc_history is {accuracies.max():.4g}",
            mistake="params and val_acc_history come from different runs: run the whole cell again",
        ),
        reaches(
            "validation accuracy",
            accuracy,
            SOLVER_BARS,
            "train for at least one whole epoch, with a learning rate between 1e-3 and 1e-1",
        ),
    ]


SOLVER_BARS = {"CIFAR-10": 0.36, "built-in images": 0.36}
BEST_BARS = {
    "val": {"CIFAR-10": 0.5, "built-in images": 0.5},
    "test": {"CIFAR-10": 0.48, "built-in images": 0.48},
}

two_layer_net_solver = Question(
    id="two_layer_net_solver",
    title="Training the network with a Solver",
    notebook=NOTEBOOK,
    points=2,
    minutes=10,
    difficulty=2,
    importance=4,
    hints=(
        "Solver takes the model, the dict data and settings by name; it trains when its method train is called.",
        "Pass a learning rate in optim_config (a power of ten between 1e-3 and 1e-1) and a few num_epochs. If the "
        "accuracy stays too low, let lr_decay shrink the rate in each epoch.",
    ),
    builds_on=("sgd", "two_layer_net_gradients"),
    values=("loss_history", "val_acc_history", "params", "X_val", "y_val"),
    judge=_judge_solver,
    given=_data.images,
)


def _judge_best(params, **images):
    return _nets.judge_best(
        _nets.judge_params(params, hidden_dims=[None]),
        params,
        **images,
        bars=BEST_BARS,
        advice="look at the curves: if the loss is still falling, train longer or with a higher learning rate; if the "
        "gap between training and validation is wide, use more regularisation; more hidden units help, too",
    )


two_layer_net_best = Question(
    id="two_layer_net_best",
    title="Tuning the network",
    notebook=NOTEBOOK,
    points=4,
    minutes=40,
    difficulty=4,
    importance=4,
    hints=(
        "Search roughly first: a part of the images, few epochs, learning rates and reg in powers of ten. Then "
        "refine around the best.",
        "Train on all images with the best pair: more hidden units, more epochs, a rate that decays. Keep the "
        "model with the highest best_val_acc in best_model.",
    ),
    builds_on=("sgd", "two_layer_net_gradients"),
    values=("params", "X_val", "y_val", "X_test", "y_test"),
    judge=_judge_best,
    given=_data.images,
)


# ---- the same net in one piece


def _net_in_one_piece(W1, b1, W2, b2):
    from cs231n.classifiers.neural_net import TwoLayerNet

    net = TwoLayerNet(*W1.shape, W2.shape[1])
    net.params = {"W1": W1, "b1": b1, "W2": W2, "b2": b2}
    return net


def _run_one_piece(X, y, reg, **params):
    net = _net_in_one_piece(**params)
    return {"scores": net.loss(X), **_loss_and_gradients(net.loss(X, y, reg))}


neural_net_loss = Question(
    id="neural_net_loss",
    title="The net in one piece: scores, loss and gradients (optional)",
    notebook=NOTEBOOK,
    points=0,
    minutes=30,
    difficulty=3,
    importance=2,
    hints=(
        "Scores as in the layers: affine, ReLU, affine. Then the softmax loss; but here the penalty is reg * W^2, "
        "without the factor 0.5.",
        "Back from the scores: W2 gets the hidden values transposed times the gradient, b2 its sum over rows. "
        "Pass it on through W2 transposed, set it to 0 where the ReLU gave 0, and do the same for W1.",
    ),
    implements=(f"{ONE_PIECE}.loss",),
    cases=(
        Case("reg = 0.7", lambda rng: _labelled_net_inputs(rng, (5, 4), 6, 3, 0.7), _run_one_piece, _net_sizes),
        Case(
            "without regularisation",
            lambda rng: _labelled_net_inputs(rng, (5, 4), 10, 3, 0.0),
            _run_one_piece,
            _net_sizes,
        ),
        Case("scores thousands apart", _extreme_net_inputs, _run_one_piece, _net_sizes, edge=_edges.EXTREME_SCORES),
        Case(
            "one input",
            lambda rng: _labelled_net_inputs(rng, (1, 3), 4, 5, 3.5),
            _run_one_piece,
            _net_sizes,
            edge=_edges.ONE_INPUT,
        ),
    ),
)


def _identical_rows(rng, num_rows, learning_rate, reg, num_iters, batch_size):
    """Identical rows with the same label: whichever rows are drawn, the step is the same."""
    inputs = _net_inputs(rng, (1, 4), 5, 3)
    return inputs | {
        "X": np.repeat(inputs["X"], num_rows, axis=0),
        "y": np.full(num_rows, int(rng.randint(3))),
        "learning_rate": learning_rate,
        "learning_rate_decay": 0.5,
        "reg": reg,
        "num_iters": num_iters,
        "batch_size": batch_size,
    }


def _run_train(X, y, W1, b1, W2, b2, **options):
    net = _net_in_one_piece(W1.copy(), b1.copy(), W2.copy(), b2.copy())
    history = net.train(X, y, X[:2], y[:2], **options)
    return {"loss_history": np.array(history["loss_history"], dtype=float), **net.params}


def _run_batches(X, y, W1, b1, W2, b2, seed, num_iters, batch_size):
    """Train a net that records which rows it receives; the first column of X is the index of the row."""
    from cs231n.classifiers.neural_net import TwoLayerNet

    seen = []

    class Recording(TwoLayerNet):
        def loss(self, X, y=None, reg=0.0):
            if y is not None:
                seen.append((np.array(X[:, 0]), np.array(y)))
            return super().loss(X, y, reg)

    np.random.seed(seed)
    net = Recording(*W1.shape, W2.shape[1])
    net.params = {"W1": W1.copy(), "b1": b1.copy(), "W2": W2.copy(), "b2": b2.copy()}
    history = net.train(X, y, X[:2], y[:2], learning_rate=1e-6, num_iters=num_iters, batch_size=batch_size)
    return {
        "rows": [rows.astype(int) for rows, _ in seen],
        "labels": [labels.astype(int) for _, labels in seen],
        "num_losses": len(history["loss_history"]),
    }


def _numbered_rows(rng):
    inputs = _net_inputs(rng, (20, 4), 5, 3)
    inputs["X"][:, 0] = np.arange(20)
    return inputs | {
        "y": rng.randint(3, size=20),
        "seed": int(rng.randint(2**31 - 1)),
        "num_iters": 40,
        "batch_size": 5,
    }


def _judge_batches(inputs, outputs):
    rows, labels, y = outputs["rows"], outputs["labels"], inputs["y"]
    steps, size = inputs["num_iters"], inputs["batch_size"]
    drawn = np.concatenate(rows) if rows else np.array([], int)
    return [
        holds(
            "in each step a batch is drawn and its loss is appended to loss_history",
            len(rows) >= steps and outputs["num_losses"] == steps,
            f"num_iters = {steps}: the loss was computed {len(rows)} times, "
            f"loss_history has {outputs['num_losses']} entries",
            mistake="in each step: draw a batch, compute loss and gradients once, append the loss, update the params",
        ),
        holds(
            "each batch has batch_size rows",
            all(len(batch) == size for batch in rows),
            f"batch_size = {size}, got batches with these numbers of rows: {sorted({len(batch) for batch in rows})}",
            mistake="train on X_batch and y_batch, with batch_size rows",
        ),
        holds(
            "each row in a batch has its own label",
            all(len(a) == len(b) and np.array_equal(y[a], b) for a, b in zip(rows, labels, strict=True)),
            "some rows have the label of another row",
            mistake="draw the indices once, and use them for both X and y",
        ),
        holds(
            "each step draws a new batch from all rows",
            len({tuple(batch) for batch in rows}) > steps // 2 and len(set(drawn.tolist())) > 0.8 * len(y),
            f"{len({tuple(batch) for batch in rows})} different batches in {steps} steps, "
            f"{len(set(drawn.tolist()))} of {len(y)} rows used",
            mistake="draw new indices in each step: np.random.choice(len(X), batch_size)",
        ),
    ]


neural_net_train = Question(
    id="neural_net_train",
    title="The net in one piece: training (optional)",
    notebook=NOTEBOOK,
    points=0,
    minutes=15,
    difficulty=2,
    importance=2,
    hints=(
        "Each step: draw row numbers for a batch, ask self.loss for the loss and the gradients, and move every "
        "parameter.",
        "Draw with np.random.choice and use the same numbers for X and y. Append the loss; then each entry of "
        "self.params moves by the learning rate times its gradient, downwards.",
    ),
    implements=(f"{ONE_PIECE}.train",),
    builds_on=("neural_net_loss", "neural_net_predict"),
    cases=(
        Case("three steps", lambda rng: _identical_rows(rng, 8, 0.05, 0.3, 3, 8), _run_train),
        Case("batch larger than the data set", lambda rng: _identical_rows(rng, 3, 0.3, 0.01, 2, 7), _run_train),
        Case("several epochs", lambda rng: _identical_rows(rng, 12, 0.2, 0.05, 9, 4), _run_train),
        Case("batches", _numbered_rows, _run_batches, judge=_judge_batches),
    ),
)


def _run_predict(X, **params):
    return {"y_pred": _net_in_one_piece(**params).predict(X)}


neural_net_predict = Question(
    id="neural_net_predict",
    title="The net in one piece: prediction (optional)",
    notebook=NOTEBOOK,
    points=0,
    minutes=5,
    difficulty=1,
    importance=1,
    hints=(
        "What does self.loss return if it gets no labels? That is all you need.",
        "Ask for the scores of X, then take the position of the largest one in each row.",
    ),
    implements=(f"{ONE_PIECE}.predict",),
    builds_on=("neural_net_loss",),
    cases=(
        Case("thirty inputs", lambda rng: _net_inputs(rng, (30, 4), 6, 5), _run_predict, _net_sizes),
        Case("few inputs, many classes", lambda rng: _net_inputs(rng, (12, 3), 5, 9), _run_predict, _net_sizes),
        Case("large entries", lambda rng: _net_inputs(rng, (25, 3), 5, 4, scale=1e3), _run_predict, _net_sizes),
    ),
)


QUESTIONS = (
    affine_forward,
    affine_backward,
    relu_forward,
    relu_backward,
    svm_loss,
    softmax_loss,
    two_layer_net_init,
    two_layer_net_loss,
    two_layer_net_gradients,
    sgd,
    two_layer_net_solver,
    two_layer_net_best,
    neural_net_loss,
    neural_net_train,
    neural_net_predict,
)

FIGURES = (
    Figure("Two-layer net: validation", "best_solver.best_val_acc", course=0.48, aim=0.53),
    Figure(
        "Two-layer net: test",
        "best_solver.check_accuracy(data['X_test'], data['y_test'])",
        course=0.48,
        aim=0.52,
    ),
)
