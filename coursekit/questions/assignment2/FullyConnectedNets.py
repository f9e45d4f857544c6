"""Questions of FullyConnectedNets: a network of any depth, and how to make deep ones train."""

from contextlib import ExitStack
from unittest.mock import patch

import numpy as np

from coursekit.core.question import Case, Question, holds
from coursekit.questions import _edges, _nets

NOTEBOOK = "FullyConnectedNets"
NET = "cs231n.classifiers.fc_net:FullyConnectedNet"


# ---- the network: initial weights


def _init_inputs(rng, dims, weight_scale=None, normalization=None):
    inputs = {"seed": int(rng.randint(2**31 - 1)), "dims": list(dims)}
    options = {"weight_scale": weight_scale, "normalization": normalization}
    return inputs | {name: value for name, value in options.items() if value is not None}


def _run_init(seed, dims, **options):
    from cs231n.classifiers.fc_net import FullyConnectedNet

    np.random.seed(seed)
    input_dim, *hidden_dims, num_classes = dims
    nets = [FullyConnectedNet(hidden_dims, input_dim, num_classes, dtype=np.float64, **options) for _ in range(2)]
    return {"nets": [net.params for net in nets]}


def _observe_init(inputs, outputs):
    first, second = outputs["nets"]
    weights = [w for name, w in first.items() if str(name).startswith("W")]
    return {
        "params": {str(name): _nets.summary(w) for name, w in first.items()},
        "first entries": {str(name): np.asarray(w, dtype=float).flat[0] for name, w in first.items() if np.size(w)},
        "nets alike": any(np.array_equal(first[name], second.get(name)) for name in first if str(name).startswith("W")),
        "layers alike": any(np.array_equal(a, b) for i, a in enumerate(weights) for b in weights[:i]),
    }


def _expected_shapes(dims, normalization=None):
    shapes = {}
    for i, (rows, columns) in enumerate(zip(dims[:-1], dims[1:], strict=True), 1):
        shapes |= {f"W{i}": [rows, columns], f"b{i}": [columns]}
        if normalization and i < len(dims) - 1:
            shapes |= {f"gamma{i}": [columns], f"beta{i}": [columns]}
    return shapes


def _judge_init(inputs, outputs):
    scale, params = inputs.get("weight_scale", 1e-2), outputs["params"]
    expected = _expected_shapes(inputs["dims"], inputs.get("normalization"))
    fits = _judge_names(expected, params)
    if fits.ok:
        fits = _judge_shapes(inputs["dims"], expected, params)
    if not fits.ok:
        return [fits]
    weights = {name: params[name] for name in expected if name.startswith("W")}
    return [fits, _judge_constants(outputs), *_nets.judge_weights(weights, scale), _judge_independence(outputs)]


_FIT = "self.params has all arrays, each with the right shape"


def _judge_names(expected, params):
    missing, extra = sorted(set(expected) - set(params)), sorted(set(params) - set(expected))
    return holds(
        _FIT,
        not missing and not extra,
        f"missing from self.params: {', '.join(missing) or 'nothing'}",
        f"unexpected in self.params: {', '.join(extra) or 'nothing'}",
        mistake=_why_names(missing, extra),
    )


def _why_names(missing, extra):
    gains = [name for name in (*missing, *extra) if name.startswith(("gamma", "beta"))]
    if gains and len(gains) == len(missing) + len(extra):
        return (
            "with normalization, every hidden layer has gamma and beta, and the last layer has none; without, no layer"
        )
    if "W0" in extra or (missing and extra):
        return "count the layers from 1: W1, b1 for the first, up to WL, bL for the last, with L = self.num_layers"
    if missing:
        return f"{missing[0]} is not stored in self.params: does the loop reach every layer, including the last?"
    return f"{extra[0]} does not belong in self.params: there are 1 + len(hidden_dims) layers" if extra else ""


def _judge_shapes(dims, expected, params):
    off = [name for name, shape in expected.items() if params[name]["shape"] != shape]
    gap = [f"{n}: expected {tuple(expected[n])}, got {tuple(params[n]['shape'])}" for n in off]
    transposed = [name for name in off if params[name]["shape"] == expected[name][::-1]]
    all_turned = transposed and len(transposed) == sum(name.startswith("W") for name in off)
    mistake = f"{transposed[0]} is transposed" if all_turned else f"check the sizes of {', '.join(off)}"
    sizes = f"sizes from the input to the scores: {', '.join(map(str, dims))}"
    return holds(_FIT, not off, sizes, *gap[:4], mistake=mistake)


def _judge_constants(outputs):
    """Biases and shifts must start at 0, scales at 1."""
    params, first = outputs["params"], outputs["first entries"]
    start = {name: float(name.startswith("gamma")) for name in params if not name.startswith("W")}
    off = [name for name, value in start.items() if params[name]["std"] != 0.0 or first[name] != value]
    return holds(
        "biases and beta start at 0, gamma starts at 1" if any(start.values()) else "biases start at 0",
        not off,
        *(f"{n}: expected {start[n]:g} everywhere, got values up to {params[n]['largest']:.4g}" for n in off[:4]),
        mistake="; ".join(f"create {name} with np.{'ones' if start[name] else 'zeros'}" for name in off[:1]),
    )


def _judge_independence(outputs):
    if outputs["nets alike"]:
        gap = "two nets created one after the other have exactly the same weights"
        mistake = "__init__ seeds the random generator: leave seeding to the caller"
    else:
        gap = "two layers of the same size have exactly the same weights"
        mistake = "draw new values for each layer: call np.random.randn inside the loop, and set no seed there"
    alike = outputs["nets alike"] or outputs["layers alike"]
    return holds("each W is drawn independently, in every net", not alike, gap, mistake=mistake)


def _init_case(title, *arguments):
    return Case(title, lambda rng: _init_inputs(rng, *arguments), _run_init, judge=_judge_init, observe=_observe_init)


fcn_init = Question(
    id="fcn_init",
    title="FullyConnectedNet: initial weights",
    notebook=NOTEBOOK,
    points=3,
    minutes=15,
    difficulty=2,
    importance=4,
    hints=(
        "Write the sizes of all layers in one list: the inputs, the hidden layers, the classes. Each W connects "
        "two neighbours in it.",
        "Loop over pairs of neighbours, counting from 1. With a normalization each hidden layer, but not the "
        "last, also gets gamma (ones) and beta (zeros) of its size.",
    ),
    implements=(f"{NET}.__init__",),
    cases=(
        _init_case("two hidden layers", (70, 60, 50, 45)),
        _init_case("one hidden layer", (50, 80, 60), 3.0),
        _init_case("four hidden layers", (64, 45, 70, 50, 55, 60), 0.2),
        _init_case("all sizes equal", (55, 55, 55, 55), 1e-3),
        _init_case("batch normalisation", (60, 50, 75, 48), 0.05, "batchnorm"),
        _init_case("layer normalisation", (52, 66, 58, 60), 0.5, "layernorm"),
    ),
)


# ---- the network: scores, loss, gradients


def _net_inputs(rng, shape, hidden_dims, num_classes, scale=1.0, dtype=np.float64):
    dims = [int(np.prod(shape[1:])), *hidden_dims, num_classes]
    inputs = {"X": scale * rng.randn(*shape)}
    for i, (rows, columns) in enumerate(zip(dims[:-1], dims[1:], strict=True), 1):
        inputs[f"W{i}"] = rng.randn(rows, columns) * (2 / rows) ** 0.5
        inputs[f"b{i}"] = 0.3 + 0.5 * rng.randn(columns)  # far from 0, so that a missing bias shows
    return {name: value.astype(dtype) for name, value in inputs.items()}


def _labelled_inputs(rng, shape, hidden_dims, num_classes, reg, **options):
    inputs = _net_inputs(rng, shape, hidden_dims, num_classes, **options)
    return inputs | {"y": rng.randint(num_classes - 1, size=shape[0]), "reg": reg}


def _scaled_inputs(rng, with_labels):
    """Inputs of a net with scales and shifts in its hidden layers."""
    inputs = _labelled_inputs(rng, (4, 5), (6, 5), 3, 0.4)
    for i, size in ((1, 6), (2, 5)):
        inputs |= {f"gamma{i}": rng.uniform(0.5, 2.0, size), f"beta{i}": rng.uniform(-0.5, 0.5, size)}
    if not with_labels:
        del inputs["y"], inputs["reg"]
    return inputs


def _net_sizes(X, **params):
    last = max(int(name[1:]) for name in params if name.startswith("W"))
    return {"N": X.shape[0], "D": params["W1"].shape[0], "C": params[f"W{last}"].shape[1]}


def _net(params, reg=0.0, **options):
    from cs231n.classifiers.fc_net import FullyConnectedNet

    biases = [params[name].size for name in sorted(params) if name[0] == "b" and name[1:].isdigit()]
    dtype = params["W1"].dtype.type
    net = FullyConnectedNet(biases[:-1], params["W1"].shape[0], biases[-1], reg=reg, dtype=dtype, **options)
    net.params = params
    return net


def _run_scores(X, **params):
    return {"scores": _net(params).loss(X)}


def _run_gradients(X, y, reg, **params):
    return _loss_and_gradients(_net(params, reg).loss(X, y), params)


def _loss_and_gradients(returned, params):
    loss, grads = returned
    return {"loss": loss, **{f"d{name}": grads.get(name) for name in params}}


# Stand-ins for normalisation and dropout, which later notebooks ask for: a scale and a shift, and a factor of one half.


def _norm_forward(x, gamma, beta, param):
    return gamma * x + beta, (x, gamma)


def _norm_backward(dout, cache):
    x, gamma = cache
    return dout * gamma, np.sum(dout * x, axis=0), np.sum(dout, axis=0)


def _half_forward(x, dropout_param):
    return 0.5 * x, dropout_param


def _half_backward(dout, cache):
    return 0.5 * dout


STAND_INS = {
    "layernorm_forward": _norm_forward,
    "layernorm_backward": _norm_backward,
    "dropout_forward": _half_forward,
    "dropout_backward": _half_backward,
}


def _with_stand_ins(run):
    def run_with_stand_ins(**inputs):
        from cs231n import layer_utils, layers
        from cs231n.classifiers import fc_net

        with ExitStack() as stack:
            for module in (layers, layer_utils, fc_net):
                for name, function in STAND_INS.items():
                    if hasattr(module, name):
                        stack.enter_context(patch.object(module, name, function))
            return run(**inputs)

    return run_with_stand_ins


def _run_scaled_scores(X, **params):
    return {"scores": _net(params, normalization="layernorm", dropout_keep_ratio=0.5).loss(X)}


def _run_scaled_gradients(X, y, reg, **params):
    net = _net(params, reg, normalization="layernorm", dropout_keep_ratio=0.5)
    return _loss_and_gradients(net.loss(X, y), params)


def _extreme_inputs(rng):
    """Biases that leave the true class of every other input thousands behind the best one."""
    inputs = _labelled_inputs(rng, (6, 3), (5, 4), 3, 0.05)
    return inputs | {"b3": np.array([-3000.0, 0.0, 3000.0]), "y": np.array([0, 2, 1, 2, 0, 2])}


def _scores_case(name, *arguments, tolerance=1e-8, edge="", **options):
    return Case(
        name, lambda rng: _net_inputs(rng, *arguments, **options), _run_scores, _net_sizes, tolerance, edge=edge
    )


def _gradients_case(name, *arguments, tolerance=1e-8, edge="", **options):
    return Case(
        name, lambda rng: _labelled_inputs(rng, *arguments, **options), _run_gradients, _net_sizes, tolerance, edge=edge
    )


_NO_HIDDEN_LAYER = (
    "with hidden_dims = [] the net is a linear classifier, the simplest one to compare with; loops that start at the "
    "first hidden layer, and lists of caches, must then do without one"
)


fcn_loss = Question(
    id="fcn_loss",
    title="FullyConnectedNet: scores",
    notebook=NOTEBOOK,
    points=3,
    minutes=20,
    difficulty=2,
    importance=4,
    hints=(
        "All hidden layers do the same: loop over them, feed the result of each into the next, and keep its cache "
        "in a list.",
        "self._hidden_forward does one hidden layer and returns its result and its cache. The last layer is "
        "affine alone, and gives the scores.",
    ),
    implements=(f"{NET}.loss",),
    builds_on=("affine_forward", "relu_forward", "fcn_init"),
    cases=(
        _scores_case("two hidden layers", (3, 5), (6, 4), 3),
        _scores_case("four hidden layers, images", (2, 3, 2, 2), (7, 4, 6, 5), 3),
        _scores_case("one hidden layer", (3, 4), (6,), 5),
        _scores_case("all sizes equal", (4, 4), (4, 4, 4), 4),
        _scores_case("large entries", (4, 3), (5, 6), 2, scale=1e3),
        _scores_case("float32", (3, 6), (5, 4), 3, dtype=np.float32, tolerance=1e-4),
        Case(
            "normalisation and dropout (stand-ins)",
            lambda rng: _scaled_inputs(rng, with_labels=False),
            _with_stand_ins(_run_scaled_scores),
            _net_sizes,
        ),
        _scores_case("no hidden layer", (4, 6), (), 3, edge=_NO_HIDDEN_LAYER),
        _scores_case("one input", (1, 4), (3, 4), 5, edge=_edges.ONE_INPUT),
    ),
)

fcn_gradients = Question(
    id="fcn_gradients",
    title="FullyConnectedNet: loss and gradients",
    notebook=NOTEBOOK,
    points=5,
    minutes=35,
    difficulty=3,
    importance=5,
    hints=(
        "Walk the layers backwards, the last one first, each with the cache that it left in the list on the way "
        "forward.",
        "affine_backward goes back through the last layer, self._hidden_backward through each hidden one. "
        "Regularisation: 0.5 * reg times the squares of each W in the loss, reg * W in its gradient.",
    ),
    implements=(f"{NET}.loss",),
    builds_on=("affine_backward", "relu_backward", "softmax_loss", "fcn_init", "fcn_loss"),
    cases=(
        _gradients_case("two hidden layers, reg = 0.7", (4, 5), (6, 4), 3, 0.7),
        _gradients_case("without regularisation", (5, 4), (3, 5), 4, 0.0),
        _gradients_case("four hidden layers, reg = 3.5", (3, 2, 2, 1), (5, 4, 5, 3), 3, 3.5),
        _gradients_case("one hidden layer", (3, 4), (6,), 5, 0.2),
        _gradients_case("all sizes equal", (4, 4), (4, 4), 4, 0.05),
        _gradients_case("float32", (5, 6), (4, 5), 3, 0.3, dtype=np.float32, tolerance=1e-3),
        Case(
            "normalisation and dropout (stand-ins)",
            lambda rng: _scaled_inputs(rng, with_labels=True),
            _with_stand_ins(_run_scaled_gradients),
            _net_sizes,
        ),
        _gradients_case("no hidden layer", (4, 5), (), 3, 0.3, edge=_NO_HIDDEN_LAYER),
        _gradients_case("one input", (1, 4), (3, 4), 5, 0.2, edge=_edges.ONE_INPUT),
        Case("scores thousands apart", _extreme_inputs, _run_gradients, _net_sizes, edge=_edges.EXTREME_SCORES),
    ),
)


# ---- training


# All images must be classified correctly in each run. With the settings of the model answer they are, for each of 10
# seeds, on CIFAR-10 and on the built-in images: with three layers from epoch 13 at the latest, with five from epoch 14.
NUM_RUNS, NUM_EPOCHS, STEPS_PER_EPOCH = 3, 20, 2


def _judge_overfit(hidden_dims):
    def judge(params, loss_histories, X_few, y_few):
        findings = [
            holds(
                "runs has three solvers",
                len(params) == len(loss_histories) == NUM_RUNS,
                f"expected {NUM_RUNS} nets and {NUM_RUNS} loss histories, got {len(params)} and {len(loss_histories)}",
                mistake="assign what overfit(...) returns to runs",
            ),
            _nets.judge_data("few", X_few, y_few),
        ]
        findings += [
            _nets.judge_params(net, hidden_dims=hidden_dims, statement=f"the params of run {i} have the right shapes")
            for i, net in enumerate(params, 1)
        ]
        if not all(finding.ok for finding in findings):
            return findings
        steps = NUM_EPOCHS * STEPS_PER_EPOCH
        right = [_nets.accuracy(net, X_few, y_few) for net in params]
        return findings + [
            holds(
                "each run has 20 epochs of 2 steps",
                all(np.shape(losses) == (steps,) and np.isfinite(losses).all() for losses in loss_histories),
                f"expected {steps} finite losses for each run, got {[len(losses) for losses in loss_histories]}",
                mistake="do not change the number of epochs and the batch size in overfit(...)",
            ),
            holds(
                "the three runs end with different weights",
                not any(np.array_equal(a["W1"], b["W1"]) for a, b in zip(params, params[1:], strict=False)),
                "two runs ended with exactly the same weights",
                mistake="each run must start from different random weights: pass what overfit(...) returns",
            ),
            holds(
                "the training accuracy is 100% in each run",
                min(right) == 1.0,
                f"correct in the three runs: {', '.join(f'{share:.0%}' for share in right)} of the 50 images",
                mistake=_why_not_learnt(loss_histories),
            ),
        ]

    return judge


def _why_not_learnt(loss_histories):
    first, last = (np.mean([losses[i] for losses in loss_histories]) for i in (0, -1))
    if first > 20:
        return "the first loss is far above log 10 = 2.3: weight_scale is too large"
    if abs(last - np.log(10)) < 0.2:
        return (
            "the loss ends near log 10 = 2.3: weight_scale is probably so small that almost nothing reaches the scores"
        )
    if last > first:
        return "the last loss is higher than the first: the learning rate is too large"
    return "the loss falls too slowly: try a larger learning rate, or a weight_scale closer to sqrt(2 / fan-in)"


def _overfit_question(name, depth, hidden_dims, **card):
    return Question(
        id=name,
        title=f"Memorising 50 images with {depth} layers",
        notebook=NOTEBOOK,
        **card,
        builds_on=("fcn_init", "fcn_loss", "fcn_gradients", "sgd"),
        values=("params", "loss_histories", "X_few", "y_few"),
        judge=_judge_overfit(hidden_dims),
    )


fcn_overfit_three = _overfit_question(
    "fcn_overfit_three",
    "three",
    [100] * 2,
    points=1,
    minutes=10,
    difficulty=1,
    importance=4,
    hints=(
        "If the loss does not move, the signals are too small: raise weight_scale. If it jumps, lower learning_rate.",
        "Try values a factor of ten apart first, for one setting at a time. With layers of 100 units, look for a "
        "weight_scale between 0.01 and 1.",
    ),
)
fcn_overfit_five = _overfit_question(
    "fcn_overfit_five",
    "five",
    [100] * 4,
    points=2,
    minutes=20,
    difficulty=2,
    importance=5,
    hints=(
        "With more layers, each factor counts more often: a weight_scale that is a little too small makes the "
        "signals vanish.",
        "A good scale is near the square root of 2 over the number of units in a layer. Then look for the rate: "
        "lower than for three layers, in steps of about 3.",
    ),
)

QUESTIONS = (fcn_init, fcn_loss, fcn_gradients, fcn_overfit_three, fcn_overfit_five)
