"""The questions of Optimizers: better update rules, and a good network trained with them."""

import numpy as np

from coursekit.core.question import Case, Figure, Question
from coursekit.questions import _data, _nets

NOTEBOOK = "Optimizers"


# ---- update rules


def _run_rule(name, states):
    """Make a `run` that takes one step for each row of dw and returns the final w and the state."""

    def run(w, dw, **config):
        from cs231n import optim

        passed = returned = config or None
        for step in dw:
            w, returned = getattr(optim, name)(w, step, returned)
        holder = passed if passed is not None and len(dw) == 1 else returned  # the state belongs in the dict passed
        holder = holder if isinstance(holder, dict) else {}
        return {"next_w": w, **{f"config[{state!r}]": holder.get(state) for state in states}}

    return run


def _rule_inputs(rng, shape, num_steps, dtype=np.float64, **config):
    """A w, a gradient for each step, and settings; a setting that is a function is drawn from the generator."""
    inputs = {"w": rng.randn(*shape).astype(dtype), "dw": (1 + 2 * rng.randn(num_steps, *shape)).astype(dtype)}
    for name, value in config.items():
        inputs[name] = value(rng, shape).astype(dtype) if callable(value) else value
    return inputs


def _normal(rng, shape):
    return rng.randn(*shape)


def _positive(rng, shape):
    return rng.uniform(0.5, 3.0, size=shape)


def _quiet_inputs(rng, shape, num_steps, **config):
    """Gradients that are 0 or as small as epsilon, which show how the divisor is computed."""
    inputs = _rule_inputs(rng, shape, num_steps, **config)
    inputs["dw"] *= 1e-8
    inputs["dw"][..., 0] = 0.0
    return inputs


def _rule_question(name, title, states, cases, **amounts):
    """A question on an update rule.

    A case is (name, shape, number of steps, settings), with a function for its inputs as a fifth entry where needed.
    `amounts` are the points, the minutes, the difficulty and the importance.
    """
    run, may_change = _run_rule(name, states), ("velocity", "cache", "m", "v")

    def case(label, shape, num_steps, config, make=_rule_inputs):
        tolerance = 1e-4 if config.get("dtype") is np.float32 else 1e-8
        return Case(
            label,
            lambda rng: make(rng, shape, num_steps, **config),
            run,
            tolerance=tolerance,
            may_change=may_change,
            better_unchanged=("w", "dw"),
        )

    return Question(
        id=name,
        title=title,
        notebook=NOTEBOOK,
        **amounts,
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
        "other settings",
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

sgd_momentum = _rule_question(
    "sgd_momentum",
    "Momentum",
    ("velocity",),
    _MOMENTUM_CASES,
    points=2,
    minutes=15,
    difficulty=2,
    importance=5,
    hints=(
        "A ball that rolls: it keeps a part of its velocity, and the gradient pushes it downhill. Then w moves by "
        "the velocity.",
        "Scale the old velocity by config['momentum'], take away the learning rate times dw, add the result to w, "
        "and store it in config for the next step.",
    ),
)
rmsprop = _rule_question(
    "rmsprop",
    "RMSProp",
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
    points=2,
    minutes=15,
    difficulty=2,
    importance=3,
    hints=(
        "Like AdaGrad, but with a memory that fades: the cache is a running mean of squared gradients.",
        "The old cache counts with decay_rate, the new squares with the remainder to 1. Use the new cache for the "
        "step, with epsilon added to its root, and store it.",
    ),
)
adam = _rule_question(
    "adam",
    "Adam",
    ("m", "v", "t"),
    _ADAM_CASES,
    points=4,
    minutes=25,
    difficulty=3,
    importance=5,
    hints=(
        "Momentum and RMSProp together: m is a running mean of dw, v one of its squares. Both start at 0, so both "
        "are too small at first.",
        "Raise t by 1 before you use it. Divide m by 1 - beta1^t and v by 1 - beta2^t for the step only; config "
        "keeps m and v as they were before that division.",
    ),
)
nesterov_momentum = _rule_question(
    "nesterov_momentum",
    "Nesterov's momentum",
    ("velocity",),
    _MOMENTUM_CASES,
    points=1,
    minutes=15,
    difficulty=2,
    importance=2,
    hints=(
        "As with momentum, but looking ahead: after the velocity is updated, w moves as if a further step were "
        "already taken.",
        "Update the velocity as in sgd_momentum and store it. w moves by momentum times the new velocity, minus "
        "the learning rate times dw.",
    ),
)
adagrad = _rule_question(
    "adagrad",
    "AdaGrad",
    ("cache",),
    (
        ("a matrix", (3, 4), 1, {"learning_rate": 0.3, "cache": _positive}),
        ("no config", (5,), 1, {}),
        ("four steps", (2, 3), 4, {"learning_rate": 0.2}),
        ("tiny gradients", (4,), 1, {"learning_rate": 0.5}, _quiet_inputs),
        ("epsilon = 0.3", (2, 1, 3), 2, {"learning_rate": 0.7, "epsilon": 0.3, "cache": _positive}),
    ),
    points=1,
    minutes=10,
    difficulty=1,
    importance=2,
    hints=(
        "Each entry of w has its own step length: the larger its gradients have been so far, the shorter.",
        "Add the squares of dw to the cache, without forgetting anything. Then divide the plain step by the root "
        "of the cache, to which epsilon is added outside of the root.",
    ),
)
adamw = _rule_question(
    "adamw",
    "AdamW: weight decay beside Adam",
    ("m", "v", "t"),
    tuple(
        (name, shape, steps, config | {"weight_decay": 0.4} if config else config, *make)
        for name, shape, steps, config, *make in _ADAM_CASES
    ),
    points=1,
    minutes=15,
    difficulty=2,
    importance=4,
    hints=(
        "The weight decay must not go through m and v: it acts on w itself, beside Adam's step.",
        "Let adam take its step first. Then take away learning_rate * weight_decay times w, where w is the one "
        "from before the step.",
    ),
)


# ---- training

# The model answer reaches, over 3 seeds: on CIFAR-10 validation 0.567 to 0.580 and test 0.561 to 0.582; on the
# built-in images validation 0.596 to 0.612 and test 0.571 to 0.580.
BEST_BARS = {
    "val": {"CIFAR-10": 0.5, "built-in images": 0.5},
    "test": {"CIFAR-10": 0.5, "built-in images": 0.48},
}


def _judge_best(net, **images):
    params = net.get("params")
    return _nets.judge_best(
        _nets.judge_params(params),
        params,
        **images,
        bars=BEST_BARS,
        advice="look at the curves: if the loss is still falling, train longer or raise the learning rate; if the gap "
        "between training and validation is wide, use more regularisation or flipped images",
        settings=(net.get("normalization"), net.get("bn_params", ())),
    )


fcn_best = Question(
    id="fcn_best",
    title="Train a good network",
    notebook=NOTEBOOK,
    points=5,
    minutes=45,
    difficulty=4,
    importance=4,
    hints=(
        "Begin with what you know: Adam with a rate near 1e-3, two or three hidden layers, a short run on a part "
        "of the images to compare settings.",
        "Then train on all images with a rate that falls towards 0 (cosine_decay), for more epochs. If training "
        "is far better than validation, add reg, dropout or flipped images.",
    ),
    builds_on=("fcn_init", "fcn_loss", "fcn_gradients", "adam"),
    values=("net", "X_val", "y_val", "X_test", "y_test"),
    judge=_judge_best,
    given=_data.images,
)

QUESTIONS = (sgd_momentum, nesterov_momentum, adagrad, rmsprop, adam, adamw, fcn_best)

FIGURES = (
    Figure("Fully connected net: validation", "best_solver.best_val_acc", course=0.50, aim=0.55),
    Figure("Fully connected net: test", "best_solver.check_accuracy(data['X_test'], data['y_test'])", course=0.50),
)
