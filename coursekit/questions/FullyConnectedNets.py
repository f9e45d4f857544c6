"""Questions of FullyConnectedNets: a network of any depth, better update rules, and how to make deep ones train."""

from contextlib import ExitStack
from functools import cache
from unittest.mock import patch

import numpy as np

from coursekit.question import Case, Question, holds, reaches
from coursekit.questions.two_layer_net import (
    _judge_distribution,
    _judge_std,
    _same_up_to_mean_and_factor,
    _summary,
)

NOTEBOOK = "FullyConnectedNets"
NET = "cs231n.classifiers.fc_net:FullyConnectedNet"


# ---- the network: weights at the start


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
        "params": {str(name): _summary(w) for name, w in first.items()},
        "first entries": {str(name): np.asarray(w, dtype=float).flat[0] for name, w in first.items() if np.size(w)},
        "nets alike": any(np.array_equal(first[name], second.get(name)) for name in first if str(name).startswith("W")),
        "layers alike": any(np.array_equal(a, b) for i, a in enumerate(weights) for b in weights[:i]),
    }


def _wanted_shapes(dims, normalization=None):
    shapes = {}
    for i, (rows, columns) in enumerate(zip(dims[:-1], dims[1:], strict=True), 1):
        shapes |= {f"W{i}": [rows, columns], f"b{i}": [columns]}
        if normalization and i < len(dims) - 1:
            shapes |= {f"gamma{i}": [columns], f"beta{i}": [columns]}
    return shapes


def _judge_init(title):
    def judge(inputs, outputs):
        scale, params = inputs.get("weight_scale", 1e-2), outputs["params"]
        wanted = _wanted_shapes(inputs["dims"], inputs.get("normalization"))
        fits = _judge_names(title, wanted, params)
        if fits.ok:
            fits = _judge_shapes(title, inputs["dims"], wanted, params)
        if not fits.ok:
            return [fits]
        weights = [name for name in wanted if name.startswith("W")]
        return [
            fits,
            _judge_constants(title, outputs),
            *(_judge_std(f"{title}  {name}", name, params[name]["std"], scale) for name in weights),
            *(_judge_distribution(f"{title}  {name}", name, params[name]) for name in weights),
            _judge_anew(title, outputs),
        ]

    return judge


_FIT = "has all, in shapes that fit"


def _judge_names(title, wanted, params):
    missing, extra = sorted(set(wanted) - set(params)), sorted(set(params) - set(wanted))
    if missing and extra:
        mistake = "layers count from 1: W1, b1 for the first, up to WL, bL for the last, with L = self.num_layers"
    elif missing:
        mistake = f"{missing[0]} is not stored in self.params: does the loop reach every layer, the last one too?"
    else:
        mistake = f"{extra[0] if extra else ''} does not belong into self.params: the last layer has no normalisation"
    return holds(
        f"{title}  self.params",
        not missing and not extra,
        f"missing in self.params: {', '.join(missing) or 'nothing'}",
        f"too much in self.params: {', '.join(extra) or 'nothing'}",
        bound=_FIT,
        mistake=mistake,
    )


def _judge_shapes(title, dims, wanted, params):
    off = [name for name, shape in wanted.items() if params[name]["shape"] != shape]
    gap = [f"{n}: expected {tuple(wanted[n])}, got {tuple(params[n]['shape'])}" for n in off]
    turned = [name for name in off if params[name]["shape"] == wanted[name][::-1]]
    mistake = f"{turned[0]} is transposed" if turned else f"check the sizes of {', '.join(off)}"
    sizes = f"sizes from input to scores: {', '.join(map(str, dims))}"
    return holds(f"{title}  self.params", not off, sizes, *gap[:4], bound=_FIT, mistake=mistake)


def _judge_constants(title, outputs):
    """Biases and shifts start at 0, scales at 1."""
    params, first = outputs["params"], outputs["first entries"]
    start = {name: float(name.startswith("gamma")) for name in params if not name.startswith("W")}
    off = [name for name, value in start.items() if params[name]["std"] != 0.0 or first[name] != value]
    return holds(
        f"{title}  biases" + (", gamma, beta" if any(start.values()) else ""),
        not off,
        *(f"{n}: expected {start[n]:g} everywhere, got entries up to {params[n]['largest']:.4g}" for n in off[:4]),
        bound="start at 0, and gamma at 1" if any(start.values()) else "start at 0",
        mistake="; ".join(f"{name} starts as np.{'ones' if start[name] else 'zeros'}" for name in off[:1]),
    )


def _judge_anew(title, outputs):
    if outputs["nets alike"]:
        gap = "two nets, built one after the other, have exactly the same weights"
        mistake = "the generator is seeded in __init__: leave seeding to the caller"
    else:
        gap = "two layers of the same size have exactly the same weights"
        mistake = "draw new numbers for each layer: np.random.randn inside the loop, and no seed there"
    alike = outputs["nets alike"] or outputs["layers alike"]
    return holds(f"{title}  all W", not alike, gap, bound="are drawn anew each time", mistake=mistake)


def _init_case(title, *arguments):
    return Case(
        title, lambda rng: _init_inputs(rng, *arguments), _run_init, judge=_judge_init(title), observe=_observe_init
    )


fcn_init = Question(
    id="fcn_init",
    title="FullyConnectedNet: the weights at the start",
    notebook=NOTEBOOK,
    points=3,
    minutes=15,
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
        inputs[f"b{i}"] = 0.3 + 0.5 * rng.randn(columns)  # far from 0: a bias that is forgotten shows
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


# What stands in for normalisation and dropout, which a later notebook asks for: a scale and a shift, and a half.


def _norm_forward(x, gamma, beta, param):
    return gamma * x + beta, (x, gamma)


def _norm_backward(dout, cache):
    x, gamma = cache
    return dout * gamma, np.sum(dout * x, axis=0), np.sum(dout, axis=0)


def _half_forward(x, dropout_param):
    return 0.5 * x, dropout_param


def _half_backward(dout, cache):
    return 0.5 * dout


_STAND_INS = {
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
                for name, function in _STAND_INS.items():
                    stack.enter_context(patch.object(module, name, function))
            return run(**inputs)

    return run_with_stand_ins


def _run_scaled_scores(X, **params):
    return {"scores": _net(params, normalization="layernorm", dropout_keep_ratio=0.5).loss(X)}


def _run_scaled_gradients(X, y, reg, **params):
    net = _net(params, reg, normalization="layernorm", dropout_keep_ratio=0.5)
    return _loss_and_gradients(net.loss(X, y), params)


def _scores_case(name, *arguments, tolerance=1e-8, **options):
    return Case(name, lambda rng: _net_inputs(rng, *arguments, **options), _run_scores, _net_sizes, tolerance)


def _gradients_case(name, *arguments, tolerance=1e-8, **options):
    return Case(name, lambda rng: _labelled_inputs(rng, *arguments, **options), _run_gradients, _net_sizes, tolerance)


fcn_loss = Question(
    id="fcn_loss",
    title="FullyConnectedNet: the scores",
    notebook=NOTEBOOK,
    points=3,
    minutes=20,
    implements=(f"{NET}.loss",),
    builds_on=("affine_forward", "relu_forward", "fcn_init"),
    cases=(
        _scores_case("two hidden layers", (3, 5), (6, 4), 3),
        _scores_case("four hidden layers, pictures", (2, 3, 2, 2), (7, 4, 6, 5), 3),
        _scores_case("one hidden layer, one input", (1, 4), (3,), 5),
        _scores_case("no hidden layer", (4, 6), (), 3),
        _scores_case("all sizes equal", (4, 4), (4, 4, 4), 4),
        _scores_case("large entries", (4, 3), (5, 6), 2, scale=1e3),
        _scores_case("float32", (3, 6), (5, 4), 3, dtype=np.float32, tolerance=1e-4),
        Case(
            "normalisation and dropout (stand-ins)",
            lambda rng: _scaled_inputs(rng, with_labels=False),
            _with_stand_ins(_run_scaled_scores),
            _net_sizes,
        ),
    ),
)

fcn_gradients = Question(
    id="fcn_gradients",
    title="FullyConnectedNet: the loss and its gradients",
    notebook=NOTEBOOK,
    points=5,
    minutes=35,
    implements=(f"{NET}.loss",),
    builds_on=("affine_backward", "relu_backward", "softmax_loss", "fcn_init", "fcn_loss"),
    cases=(
        _gradients_case("two hidden layers, reg = 0.7", (4, 5), (6, 4), 3, 0.7),
        _gradients_case("without regularisation", (5, 4), (3, 5), 4, 0.0),
        _gradients_case("four hidden layers, reg = 3.5", (3, 2, 2, 1), (5, 4, 5, 3), 3, 3.5),
        _gradients_case("one hidden layer, one input", (1, 4), (3,), 5, 0.2),
        _gradients_case("no hidden layer", (4, 5), (), 3, 0.3),
        _gradients_case("all sizes equal", (4, 4), (4, 4), 4, 0.05),
        _gradients_case("large entries", (6, 3), (5, 4), 3, 0.05, scale=300.0),
        _gradients_case("float32", (5, 6), (4, 5), 3, 0.3, dtype=np.float32, tolerance=1e-3),
        Case(
            "normalisation and dropout (stand-ins)",
            lambda rng: _scaled_inputs(rng, with_labels=True),
            _with_stand_ins(_run_scaled_gradients),
            _net_sizes,
        ),
    ),
)


# ---- update rules


def _run_rule(name, states):
    """Take as many steps as dw has rows; return where w ends, and the state."""

    def run(w, dw, **config):
        from cs231n import optim

        passed = returned = config or None
        for step in dw:
            w, returned = getattr(optim, name)(w, step, returned)
        holder = passed if passed is not None and len(dw) == 1 else returned  # the state belongs into the dict passed
        holder = holder if isinstance(holder, dict) else {}
        return {"next_w": w, **{f"config[{state!r}]": holder.get(state) for state in states}}

    return run


def _rule_inputs(rng, shape, num_steps, dtype=np.float64, **config):
    """A w, a gradient for each step, and settings; a setting that is a function of the generator is drawn."""
    inputs = {"w": rng.randn(*shape).astype(dtype), "dw": (1 + 2 * rng.randn(num_steps, *shape)).astype(dtype)}
    for name, value in config.items():
        inputs[name] = value(rng, shape).astype(dtype) if callable(value) else value
    return inputs


def _normal(rng, shape):
    return rng.randn(*shape)


def _positive(rng, shape):
    return rng.uniform(0.5, 3.0, size=shape)


def _quiet_inputs(rng, shape, num_steps, **config):
    """Gradients that are 0 or as small as epsilon: what stands under the fraction line shows."""
    inputs = _rule_inputs(rng, shape, num_steps, **config)
    inputs["dw"] *= 1e-8
    inputs["dw"][..., 0] = 0.0
    return inputs


def _rule_question(name, title, points, minutes, states, cases):
    """A question on an update rule; a case is (name, shape, number of steps, settings[, what makes its inputs])."""
    run, may_change = _run_rule(name, states), ("w", "velocity", "cache", "m", "v")

    def case(label, shape, num_steps, config, make=_rule_inputs):
        tolerance = 1e-4 if config.get("dtype") is np.float32 else 1e-8
        return Case(
            label,
            lambda rng: make(rng, shape, num_steps, **config),
            run,
            tolerance=tolerance,
            may_change=may_change,
        )

    return Question(
        id=name,
        title=title,
        notebook=NOTEBOOK,
        points=points,
        minutes=minutes,
        implements=(f"cs231n.optim:{name}",),
        builds_on=("adam",) if name == "adamw" else (),
        cases=tuple(case(*arguments) for arguments in cases),
    )


_MOMENTUM_CASES = (
    ("a matrix", (3, 4), 1, {"learning_rate": 0.3, "momentum": 0.7, "velocity": _normal}),
    ("no config", (5,), 1, {}),
    ("three steps", (2, 3), 3, {"learning_rate": 0.05}),
    ("momentum 0.5", (2, 1, 3), 2, {"learning_rate": 2.5, "momentum": 0.5, "velocity": _normal}),
    ("float32", (4, 2), 1, {"learning_rate": 0.05, "momentum": 0.8, "velocity": _normal, "dtype": np.float32}),
)

_ADAM_CASES = (
    ("a matrix, t = 5", (3, 4), 1, {"learning_rate": 0.3, "m": _normal, "v": _positive, "t": 5}),
    ("no config", (5,), 1, {}),
    ("four steps", (2, 3), 4, {"learning_rate": 0.2}),
    ("tiny gradients", (4,), 1, {"learning_rate": 0.5}, _quiet_inputs),
    (
        "other betas, epsilon = 0.3",
        (2, 1, 3),
        2,
        {"learning_rate": 0.7, "beta1": 0.6, "beta2": 0.75, "epsilon": 0.3, "m": _normal, "v": _positive, "t": 2},
    ),
    (
        "float32",
        (4, 2),
        1,
        {"learning_rate": 0.5, "m": _normal, "v": _positive, "t": 3, "dtype": np.float32},
    ),
)

sgd_momentum = _rule_question("sgd_momentum", "Momentum", 2, 15, ("velocity",), _MOMENTUM_CASES)
rmsprop = _rule_question(
    "rmsprop",
    "RMSProp",
    2,
    15,
    ("cache",),
    (
        ("a matrix", (3, 4), 1, {"learning_rate": 0.3, "decay_rate": 0.8, "cache": _positive}),
        ("no config", (5,), 1, {}),
        ("four steps", (2, 3), 4, {"learning_rate": 0.2}),
        ("tiny gradients", (4,), 1, {"learning_rate": 0.5}, _quiet_inputs),
        (
            "epsilon = 0.3",
            (2, 1, 3),
            2,
            {"learning_rate": 0.7, "decay_rate": 0.6, "epsilon": 0.3, "cache": _positive},
        ),
        ("float32", (4, 2), 1, {"learning_rate": 0.5, "decay_rate": 0.7, "cache": _positive, "dtype": np.float32}),
    ),
)
adam = _rule_question("adam", "Adam", 4, 25, ("m", "v", "t"), _ADAM_CASES)
nesterov_momentum = _rule_question(
    "nesterov_momentum", "Nesterov's momentum (optional)", 0, 15, ("velocity",), _MOMENTUM_CASES
)
adagrad = _rule_question(
    "adagrad",
    "AdaGrad (optional)",
    0,
    10,
    ("cache",),
    (
        ("a matrix", (3, 4), 1, {"learning_rate": 0.3, "cache": _positive}),
        ("no config", (5,), 1, {}),
        ("four steps", (2, 3), 4, {"learning_rate": 0.2}),
        ("tiny gradients", (4,), 1, {"learning_rate": 0.5}, _quiet_inputs),
        ("epsilon = 0.3", (2, 1, 3), 2, {"learning_rate": 0.7, "epsilon": 0.3, "cache": _positive}),
    ),
)
adamw = _rule_question(
    "adamw",
    "AdamW: weight decay beside Adam (optional)",
    0,
    15,
    ("m", "v", "t"),
    tuple(
        (name, shape, steps, config | {"weight_decay": 0.4} if config else config, *make)
        for name, shape, steps, config, *make in _ADAM_CASES
    ),
)


# ---- training


NUM_FEW, NUM_RUNS, NUM_EPOCHS = 50, 3, 20


@cache
def _parts(dataset):
    """The pictures that the notebook measures on, as they are stored, with their labels."""
    from cs231n.data_utils import load_CIFAR10

    Xtr, ytr, Xte, yte = load_CIFAR10(dtype=np.uint8)
    parts = {
        "few": (Xtr[:NUM_FEW], ytr[:NUM_FEW]),
        "val": (Xtr[49000:50000], ytr[49000:50000]),
        "test": (Xte[:1000], yte[:1000]),
    }
    return {name: (X.transpose(0, 3, 1, 2).copy(), y.copy()) for name, (X, y) in parts.items()}


def _judge_data(part, X, y):
    """Find whether X and y are the data set's own, up to a mean picture taken off and a factor."""
    from cs231n.data_utils import dataset_name

    pictures, labels = _parts(dataset_name())[part]
    return holds(
        f"X_{part}, y_{part}",
        np.array_equal(y, labels) and _same_up_to_mean_and_factor(X, pictures),
        "they are not the pictures and labels of the data set in their order, or not in their preparation",
        bound="are those of the data set",
        mistake="run the cell that loads the data again, and leave what data holds as it is",
    )


def _scores(params, X, normalization=None, bn_params=()):
    """The scores of a net in use, from its arrays."""
    out, num_layers = X.reshape(len(X), -1), sum(name.startswith("W") for name in params)
    for i in range(1, num_layers + 1):
        out = out @ params[f"W{i}"] + params[f"b{i}"]
        if i < num_layers:
            out = np.maximum(0, _normalized(out, i, params, normalization, bn_params))
    return out


def _normalized(x, i, params, normalization, bn_params):
    if normalization is None:
        return x
    if normalization == "layernorm":
        mean, var = x.mean(axis=1, keepdims=True), x.var(axis=1, keepdims=True)
    else:
        mean, var = bn_params[i - 1]["running_mean"], bn_params[i - 1]["running_var"]
    return (x - mean) / np.sqrt(var + 1e-5) * params[f"gamma{i}"] + params[f"beta{i}"]


def _accuracy(params, X, y, *settings):
    starts = range(0, len(X), 500)
    predicted = [np.argmax(_scores(params, np.asarray(X[i : i + 500]), *settings), axis=1) for i in starts]
    return float(np.mean(np.concatenate(predicted) == y))


def _judge_layers(label, params, hidden_dims=None):
    """Whether params are finite arrays that fit each other from the pictures to the ten classes."""
    arrays = params if isinstance(params, dict) else {}
    count = sum(str(name).startswith("W") for name in arrays)
    names = [f"{letter}{i}" for i in range(1, count + 1) for letter in "Wb"]
    is_right = count > 0 and all(isinstance(arrays.get(n), np.ndarray) and arrays[n].dtype.kind == "f" for n in names)
    dims = [3072, *(arrays[f"b{i}"].size for i in range(1, count + 1))] if is_right else []
    is_right = (
        is_right
        and dims[-1] == 10
        and all(
            arrays[f"W{i}"].shape == (dims[i - 1], dims[i]) and np.isfinite(arrays[f"W{i}"]).all()
            for i in range(1, count + 1)
        )
    )
    wanted = [3072, *(hidden_dims or ["..."]), 10]
    return holds(
        label,
        is_right and (hidden_dims is None or dims == wanted),
        f"expected float arrays W1, b1, W2, b2, ... for layers of the sizes {wanted}, got {dims or 'something else'}",
        bound="fit each other and the pictures",
        mistake="hand in the params of the nets that the cell has trained",
    )


def _judge_overfit(hidden_dims):
    def judge(params, loss_histories, X_few, y_few):
        findings = [
            holds(
                "three runs",
                len(params) == len(loss_histories) == NUM_RUNS,
                f"expected {NUM_RUNS} nets and their losses, got {len(params)} and {len(loss_histories)}",
                bound="are there",
                mistake="runs is what overfit(...) returns",
            ),
            _judge_data("few", X_few, y_few),
        ]
        findings += [_judge_layers(f"run {i}", net, hidden_dims) for i, net in enumerate(params, 1)]
        if not all(finding.ok for finding in findings):
            return findings
        steps = NUM_EPOCHS * NUM_FEW // 25
        right = [_accuracy(net, X_few, y_few) for net in params]
        return findings + [
            holds(
                "three runs",
                all(np.shape(losses) == (steps,) and np.isfinite(losses).all() for losses in loss_histories),
                f"expected {steps} finite losses for each run, got {[len(losses) for losses in loss_histories]}",
                bound="have 20 epochs of 2 steps",
                mistake="leave the number of epochs and the batch size as overfit(...) has them",
            ),
            holds(
                "three runs",
                not any(np.array_equal(a["W1"], b["W1"]) for a, b in zip(params, params[1:], strict=False)),
                "two runs ended with exactly the same weights",
                bound="differ",
                mistake="each run starts from other random weights: hand in what overfit(...) returns",
            ),
            holds(
                "training accuracy",
                min(right) == 1.0,
                f"right in the three runs: {', '.join(f'{share:.0%}' for share in right)} of the 50 pictures",
                bound="is 100 % in each run",
                mistake=_why_not_learnt(loss_histories),
            ),
        ]

    return judge


def _why_not_learnt(loss_histories):
    first, last = (np.mean([losses[i] for losses in loss_histories]) for i in (0, -1))
    if first > 20:
        return "the first loss is far above log 10 = 2.3: weight_scale is too large"
    if abs(last - np.log(10)) < 0.2:
        return "the loss stays near log 10 = 2.3: weight_scale is so small that nothing reaches the scores"
    if last > first:
        return "the loss ends higher than it began: the learning rate is too large"
    return "the loss falls, but too slowly: a larger learning rate, or a weight_scale nearer to sqrt(2 / fan-in)"


def _overfit_question(name, title, hidden_dims, points, minutes):
    return Question(
        id=name,
        title=title,
        notebook=NOTEBOOK,
        points=points,
        minutes=minutes,
        builds_on=("fcn_init", "fcn_loss", "fcn_gradients", "sgd"),
        values=("params", "loss_histories", "X_few", "y_few"),
        judge=_judge_overfit(hidden_dims),
    )


fcn_overfit_three = _overfit_question("fcn_overfit_three", "Learn 50 pictures by heart, three layers", [100] * 2, 1, 10)
fcn_overfit_five = _overfit_question("fcn_overfit_five", "Learn 50 pictures by heart, five layers", [100] * 4, 2, 20)

BEST_VAL_BARS = {"CIFAR-10": 0.5, "built-in pictures": 0.5}
BEST_TEST_BARS = {"CIFAR-10": 0.5, "built-in pictures": 0.48}


def _judge_best(net, X_val, y_val, X_test, y_test):
    params, normalization = net.get("params"), net.get("normalization")
    findings = [_judge_layers("params", params), _judge_data("val", X_val, y_val), _judge_data("test", X_test, y_test)]
    if not all(finding.ok for finding in findings):
        return findings
    settings = normalization, net.get("bn_params", ())
    return findings + [
        reaches(
            "validation accuracy",
            _accuracy(params, X_val, y_val, *settings),
            BEST_VAL_BARS,
            "look at the curves: does the loss still fall (longer, or a higher learning rate), or is the gap between "
            "training and validation wide (more regularisation, flipped pictures)?",
        ),
        reaches(
            "test accuracy",
            _accuracy(params, X_test, y_test, *settings),
            BEST_TEST_BARS,
            "well on the validation set and not on the test set: too many tries on too small a validation set",
        ),
    ]


fcn_best = Question(
    id="fcn_best",
    title="Train a good network",
    notebook=NOTEBOOK,
    points=5,
    minutes=45,
    builds_on=("fcn_init", "fcn_loss", "fcn_gradients", "adam"),
    values=("net", "X_val", "y_val", "X_test", "y_test"),
    judge=_judge_best,
)

QUESTIONS = (
    fcn_init,
    fcn_loss,
    fcn_gradients,
    fcn_overfit_three,
    fcn_overfit_five,
    sgd_momentum,
    nesterov_momentum,
    adagrad,
    rmsprop,
    adam,
    adamw,
    fcn_best,
)
