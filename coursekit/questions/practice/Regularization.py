"""The questions of Regularization: penalties, DropConnect, early stopping, changed images, and averages."""

import numpy as np

from coursekit.core.question import Case, Question, holds

NOTEBOOK = "Regularization"
REGULARIZERS, AUGMENTATION, ENSEMBLES = "cs231n.regularizers", "cs231n.augmentation", "cs231n.ensembles"

ONE_IMAGE = "one image is a batch of one; np.squeeze, for example, would remove its first axis"
OVERFLOW = "exp overflows at 710, and inf / inf is nan; subtract the largest score of each row first"


# ---- penalties


def _weights(rng, shape, dtype=np.float64, scale=1.0, zeros=False):
    """Weights on both sides of 0, not symmetric about it; with every third one 0 if asked for."""
    w = scale * (0.3 + rng.randn(*shape))
    if zeros:
        w.ravel()[::3] = 0
    return w.astype(dtype)


def _run_penalty(name):
    def run(w, reg):
        from cs231n import regularizers

        penalty, dw = getattr(regularizers, name)(w, reg)
        return {"penalty": penalty, "dw": dw}

    return run


def _penalty_question(name, title, **fields):
    run = _run_penalty(name)

    def case(label, reg, shape, tolerance=1e-8, **options):
        def make(rng):
            return {"w": _weights(rng, shape, **options), "reg": reg}

        return Case(label, make, run, tolerance=tolerance)

    return Question(
        id=name,
        title=title,
        notebook=NOTEBOOK,
        implements=(f"{REGULARIZERS}:{name}",),
        cases=(
            case("a matrix, reg = 0.7", 0.7, (2, 3)),
            case("filters, reg = 3", 3.0, (2, 3, 4, 5)),
            case("some weights are 0", 0.2, (4, 3), zeros=True),
            case("a vector of large weights", 1.5, (5,), scale=40.0),
            case("float32", 0.4, (3, 4), 1e-4, dtype=np.float32),
        ),
        **fields,
    )


l1_penalty = _penalty_question(
    "l1_penalty",
    "The L1 penalty",
    points=1,
    minutes=10,
    difficulty=1,
    importance=4,
    hints=(
        "The slope of |w| does not depend on how large w is, only on which side of 0 it lies. What is it on each side?",
        "np.abs and np.sum give the penalty. One function of NumPy returns 1, 0 or -1 for each entry: it gives the "
        "gradient.",
    ),
)
l2_penalty = _penalty_question(
    "l2_penalty",
    "The L2 penalty",
    points=1,
    minutes=5,
    difficulty=1,
    importance=5,
    hints=(
        "The factor of one half is there for the sake of the gradient: what is left of w squared when you "
        "differentiate half of it?",
        "Square each entry, add up, and multiply by reg and by one half. The gradient has the shape of w and no sum.",
    ),
)


def _net_inputs(rng, reg, l1_ratio, dtype=np.float64):
    shapes = {"W1": (3, 4), "b1": (4,), "filters": (2, 3, 2, 2), "gamma": (5,), "head": (4, 2), "b2": (2,)}
    return {name: _weights(rng, shape, dtype) for name, shape in shapes.items()} | {"reg": reg, "l1_ratio": l1_ratio}


def _run_elastic_net(reg, l1_ratio, **params):
    from cs231n.regularizers import elastic_net

    penalty, grads = elastic_net(params, reg, l1_ratio)
    return {"penalty": penalty, **{f"grads[{name!r}]": grads.get(name) for name in params}}


elastic_net = Question(
    id="elastic_net",
    title="The elastic net",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=2,
    importance=3,
    hints=(
        "You have both penalties already: how much of reg goes to each of them? And which parameters are weights?",
        "Loop over params. A parameter with one axis gets zeros of its own shape; for the others add the penalties and "
        "the gradients of your two functions.",
    ),
    implements=(f"{REGULARIZERS}:elastic_net",),
    builds_on=("l1_penalty", "l2_penalty"),
    cases=tuple(
        Case(
            label,
            lambda rng, reg=reg, ratio=ratio, dtype=dtype: _net_inputs(rng, reg, ratio, dtype),
            _run_elastic_net,
            tolerance=1e-4 if dtype is np.float32 else 1e-8,
        )
        for label, reg, ratio, dtype in (
            ("reg = 0.6, a third of it L1", 0.6, 1 / 3, np.float64),
            ("reg = 2.5, mostly L1", 2.5, 0.9, np.float64),
            ("all of it L1", 0.7, 1.0, np.float64),
            ("all of it L2", 0.7, 0.0, np.float64),
            ("float32", 0.3, 0.25, np.float32),
        )
    ),
)


def _threshold_inputs(rng, shape, amount, dtype=np.float64, zeros=False):
    """Weights on both sides of the amount, and of 0; with every third one 0 if asked for."""
    sizes = np.where(
        np.arange(np.prod(shape)) % 2, rng.uniform(0.1, 0.9, np.prod(shape)), rng.uniform(1.2, 4, np.prod(shape))
    )
    w = (amount or 1.0) * sizes.reshape(shape) * rng.choice([-1, 1], shape)
    if zeros:
        w.ravel()[::3] = 0
    return {"w": w.astype(dtype), "amount": amount}


def _run_soft_threshold(w, amount):
    from cs231n.regularizers import soft_threshold

    return {"nearer": soft_threshold(w, amount) + 0.0}  # -0 becomes 0


soft_threshold = Question(
    id="soft_threshold",
    title="The step of L1 that leaves zeros",
    notebook=NOTEBOOK,
    points=1,
    minutes=10,
    difficulty=2,
    importance=2,
    hints=(
        "Separate the sign of a weight from its size. Only the size becomes smaller, and it must not go below 0.",
        "np.abs less the amount, cut off at 0 by np.maximum; then np.sign gives back the side of the weight.",
    ),
    implements=(f"{REGULARIZERS}:soft_threshold",),
    cases=(
        Case("a matrix", lambda rng: _threshold_inputs(rng, (3, 4), 0.5), _run_soft_threshold),
        Case("filters, a larger amount", lambda rng: _threshold_inputs(rng, (2, 3, 2, 3), 2.5), _run_soft_threshold),
        Case("some weights are 0", lambda rng: _threshold_inputs(rng, (4, 3), 0.8, zeros=True), _run_soft_threshold),
        Case("an amount of 0", lambda rng: _threshold_inputs(rng, (2, 5), 0.0), _run_soft_threshold),
        Case(
            "float32",
            lambda rng: _threshold_inputs(rng, (7,), 0.3, np.float32),
            _run_soft_threshold,
            tolerance=1e-4,
        ),
    ),
)


# ---- DropConnect: random, so it is judged by what its outputs say of the weights that were used


def _layer_inputs(rng, N, D, M, p, mode="train", dtype=np.float64):
    """Weights far from 0, so that a factor of 0 is a dropped one, and more inputs than weights of an output."""
    w = rng.uniform(1, 3, (D, M)) * rng.choice([-1, 1], (D, M))
    arrays = {"x": rng.randn(N, D), "w": w, "b": rng.uniform(1, 2, M)}
    arrays = {name: value.astype(dtype) for name, value in arrays.items()}
    return arrays | {"p": p, "mode": mode, "draw": int(rng.randint(2**31 - 1))}


def _layer_sizes(x, w, **_):
    return {"N": x.shape[0], "D": x.shape[1], "M": w.shape[1]}


def _run_twice(x, w, b, p, mode, draw):
    from cs231n.regularizers import dropconnect_forward

    np.random.seed(draw)
    return {"outs": [np.array(dropconnect_forward(x, w, b, {"mode": mode, "p": p})[0]) for _ in range(2)]}


def _factors(x, w, b, out):
    """The factor of each weight that explains the outputs best, those of the biases, and how well they do."""
    columns = np.hstack([x, np.ones((len(x), 1))]).astype(float)
    solution = np.linalg.lstsq(columns, out.astype(float), rcond=None)[0]  # (D + 1, M)
    error = np.abs(columns @ solution - out).max() / max(np.abs(out).max(), 1e-12)
    return solution[:-1] / w, solution[-1] / b, float(error)


def _is_output(out, shape):
    return isinstance(out, np.ndarray) and out.shape == shape and out.dtype.kind == "f" and bool(np.isfinite(out).all())


def _observe(inputs, outputs):
    """Summarise the outputs of two calls, which are too large to store."""
    x, w, b = inputs["x"], inputs["w"], inputs["b"]
    outs = [np.asarray(out) for out in outputs["outs"]]
    out = outs[0]
    if not _is_output(out, (len(x), w.shape[1])):
        return {"shape": list(out.shape), "dtype": str(out.dtype)}
    factors, of_biases, error = _factors(x, w, b, out)
    dropped = np.abs(factors) < 1e-3
    kept = factors[~dropped]
    return {
        "shape": list(out.shape),
        "dtype": str(out.dtype),
        "error": error,
        "dropped": float(dropped.mean()),
        "smallest factor": float(kept.min()) if kept.size else 0.0,
        "largest factor": float(kept.max()) if kept.size else 0.0,
        "smallest of biases": float(of_biases.min()),
        "largest of biases": float(of_biases.max()),
        "different rows": len(np.unique(dropped, axis=0)) / len(dropped),
        "different columns": len(np.unique(dropped.T, axis=0)) / dropped.shape[1],
        "twice the same": bool(np.array_equal(*outs)),
    }


def _judge_forward(inputs, outputs):
    shape = (len(inputs["x"]), inputs["w"].shape[1])
    fits = holds(
        "out has a row for each input and a column for each output",
        "dropped" in outputs,
        f"expected finite values of shape {shape}, got {outputs['dtype']} values of shape {tuple(outputs['shape'])}",
    )
    if not fits.ok:
        return [fits]
    tolerance = 1e-3 if inputs["x"].dtype == np.float32 else 1e-8
    one_mask = holds(
        "out is an affine layer of x, with one set of factors for the whole batch",
        outputs["error"] < tolerance,
        f"no weights and biases explain all rows of out: they are off by {outputs['error']:.2g} of the largest entry",
        mistake="are entries of x or of out dropped, or does each input have its own mask? Draw one mask of the shape "
        "of w, np.random.rand(*w.shape), and use it for all inputs",
    )
    if not one_mask.ok:
        return [fits, one_mask]
    return [fits, one_mask, *_judge_mask(inputs["p"], outputs, inputs["w"].size, tolerance)]


def _judge_mask(p, outputs, size, tolerance):
    dropped = outputs["dropped"]
    different = outputs["different rows"], outputs["different columns"]
    yield holds(
        "weights are dropped independently",
        min(different) > 0.5,
        f"different patterns: {different[0]:.0%} of the rows of w, {different[1]:.0%} of its columns",
        mistake=f"{'every' if dropped else 'no'} weight is dropped: multiply w by the mask of random zeros"
        if dropped in (0, 1)
        else "draw a random number for each weight, not for each row or column: np.random.rand(*w.shape)",
    )
    yield holds(
        "a fraction of about 1 - p of the weights is dropped",
        abs(dropped - (1 - p)) < 6 * np.sqrt(p * (1 - p) / size),
        f"expected about {1 - p:.0%}, got {dropped:.1%}",
        mistake=_why_share(p, dropped),
    )
    smallest, largest = outputs["smallest factor"], outputs["largest factor"]
    yield holds(
        "the kept weights are divided by p",
        max(abs(smallest * p - 1), abs(largest * p - 1)) < tolerance,
        f"expected the factor 1 / p = {1 / p:.6g}, got factors from {smallest:.6g} to {largest:.6g}",
        mistake=_why_factor(p, smallest, largest),
    )
    smallest, largest = outputs["smallest of biases"], outputs["largest of biases"]
    yield holds(
        "each bias is added as it is",
        max(abs(smallest - 1), abs(largest - 1)) < tolerance,
        f"expected the factor 1, got factors from {smallest:.4g} to {largest:.4g}",
        mistake="a bias is never dropped and never divided: add b after the product",
    )
    yield holds(
        "two calls drop different weights",
        not outputs["twice the same"],
        "two calls in a row drop exactly the same weights",
        mistake="the mask must be drawn anew at each call: set no seed of your own in the function",
    )


def _why_share(p, dropped):
    if abs(dropped - p) < 0.05:
        return "p is the probability of keeping a weight, not of dropping it: keep it where np.random.rand(...) < p"
    if abs(dropped - 0.5) < 0.05:
        return f"about half of the weights are dropped, although p = {p:g}: keep one where np.random.rand(...) < p"
    return "keep a weight where a uniform random number from 0 to 1 is below p: np.random.rand(*w.shape) < p"


def _why_factor(p, smallest, largest):
    known = {
        1.0: "the kept weights are not divided by p: divide by p, so that the expected output is that of all weights",
        p: "the kept weights are multiplied by p: divide by p, so that the expected output is that of all weights",
        1 / (1 - p): "the kept weights are divided by 1 - p: p is the probability of keeping, so divide by p",
        1 / p**2: "the kept weights are divided by p twice",
    }
    near = [sentence for factor, sentence in known.items() if np.allclose([smallest, largest], factor, rtol=1e-3)]
    return (
        near[0]
        if near
        else "every kept weight must be multiplied by 1 / p: does the mask hold anything but 0 and 1 / p?"
    )


def _run_seeds(x, w, b, p, mode, draw):
    """Two calls with one seed, and one with another."""
    from cs231n.regularizers import dropconnect_forward

    seeds = (draw, draw, draw // 2 + 1)
    return {"outs": [np.array(dropconnect_forward(x, w, b, {"mode": mode, "p": p, "seed": s})[0]) for s in seeds]}


def _observe_seeds(inputs, outputs):
    first, again, other = outputs["outs"]
    return {"same seed, same mask": np.array_equal(first, again), "as always": np.array_equal(first, other)}


def _judge_seeds(inputs, outputs):
    return [
        holds(
            "the seed in dropout_param determines the mask",
            outputs["same seed, same mask"],
            "two calls with the same seed drop different weights",
            mistake="a generator of your own, such as np.random.default_rng(), does not know the seed, which the given "
            "line passes to np.random.seed: draw with np.random.rand, or no gradient check can work",
        ),
        holds(
            "another seed gives another mask",
            not outputs["as always"],
            "two calls with different seeds drop exactly the same weights",
            mistake="the mask must be drawn anew at each call: set no seed of your own in the function",
        ),
    ]


def _run_forward(x, w, b, p, mode, draw):
    from cs231n.regularizers import dropconnect_forward

    np.random.seed(draw)
    return {"out": dropconnect_forward(x, w, b, {"mode": mode, "p": p})[0]}


def _random_case(name, *sizes, **options):
    return Case(
        name,
        lambda rng: _layer_inputs(rng, *sizes, **options),
        _run_twice,
        _layer_sizes,
        judge=_judge_forward,
        observe=_observe,
    )


dropconnect_forward = Question(
    id="dropconnect_forward",
    title="DropConnect, forward",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=2,
    importance=3,
    hints=(
        "It is an affine layer with other weights at each call. What shape must the mask have, if every single weight "
        "is kept or dropped on its own?",
        "Compare uniform random numbers of w's shape with p, divide by p, and multiply w by this mask before the "
        "matrix product. In test mode the mask is all ones.",
    ),
    implements=(f"{REGULARIZERS}:dropconnect_forward",),
    cases=(
        _random_case("p = 0.3", 60, 40, 30, p=0.3),
        _random_case("p = 0.8", 50, 30, 40, p=0.8),
        _random_case("p = 0.6, float32", 70, 30, 35, p=0.6, dtype=np.float32),
        Case(
            "p = 0.5, with a seed",
            lambda rng: _layer_inputs(rng, 7, 6, 5, 0.5),
            _run_seeds,
            _layer_sizes,
            judge=_judge_seeds,
            observe=_observe_seeds,
        ),
        Case("p = 1", lambda rng: _layer_inputs(rng, 4, 3, 5, 1.0), _run_forward, _layer_sizes),
        Case("test mode", lambda rng: _layer_inputs(rng, 4, 6, 3, 0.4, "test"), _run_forward, _layer_sizes),
    ),
)


def _backward_inputs(rng, N, D, M, *args, **options):
    inputs = _layer_inputs(rng, N, D, M, *args, **options)
    return inputs | {"dout": (0.5 + rng.randn(N, M)).astype(inputs["x"].dtype)}


def _run_backward(x, w, b, p, mode, draw, dout):
    from cs231n.regularizers import dropconnect_backward, dropconnect_forward

    np.random.seed(draw)
    out, cache = dropconnect_forward(x, w, b, {"mode": mode, "p": p})
    dx, dw, db = dropconnect_backward(dout, cache)
    return {"out": out, "dx": dx, "dw": dw, "db": db}


def _judge_backward(inputs, outputs):
    """Judge the gradients by the factors of the weights in the learner's own forward pass."""
    x, w, b, p = inputs["x"], inputs["w"], inputs["b"], inputs["p"]
    out = outputs["out"]
    if not _is_output(out, (len(x), w.shape[1])):
        return [_forward_first("its output has the wrong shape, or is not finite")]
    factors, _, error = _factors(x, w, b, out)
    kept = float(np.mean(np.abs(factors) > 1e-3))
    if inputs["mode"] == "test":  # by definition, and not by the forward pass: its question judges that
        factors = np.ones(w.shape)
    elif error > 1e-3 or kept in (0, 1) or abs(kept - p) > 6 * np.sqrt(p * (1 - p) / w.size):
        return [
            _forward_first(f"for p = {p:g} it keeps {kept:.0%} of the weights, or not the same ones for all inputs")
        ]
    factors = np.where(np.abs(factors) < 1e-3, 0.0, np.where(np.abs(factors * p - 1) < 1e-3, 1 / p, factors))
    return list(_judge_gradients(inputs, outputs, factors))


def _forward_first(gap):
    return holds(
        "the forward pass drops some weights",
        False,
        f"{gap}: no gradient can be judged",
        mistake="fix dropconnect_forward first",
    )


def _judge_gradients(inputs, outputs, factors):
    x, w, dout = (inputs[name].astype(float) for name in ("x", "w", "dout"))
    expected = {"dx": dout @ (w * factors).T, "dw": (x.T @ dout) * factors, "db": dout.sum(axis=0)}
    tolerance = 1e-4 if inputs["x"].dtype == np.float32 else 1e-8
    says = {
        "dx": "dx goes back through the weights that were used",
        "dw": "dw is 0 where a weight was dropped",
        "db": "db is the sum of dout over the inputs",
    }
    for name, right in expected.items():
        got = outputs[name]
        if not _is_output(got, right.shape):
            what = f"shape {got.shape}" if isinstance(got, np.ndarray) else type(got).__name__
            yield holds(
                says[name],
                False,
                f"{name}: expected finite values of shape {right.shape}, got {what}",
                mistake=_why_shape(name, np.shape(got), expected),
            )
            continue
        errors = np.abs(got - right)
        place = np.unravel_index(np.argmax(errors), errors.shape)
        yield holds(
            says[name],
            errors.max() < tolerance * np.abs(right).max(),
            f"worst at {name}[{', '.join(str(int(i)) for i in place)}]: expected {right[place]:.6g}, "
            f"got {got[place]:.6g}",
            mistake=_why_gradient(name, got, x, w, dout, factors, inputs["p"]),
        )


def _why_shape(name, shape, expected):
    others = [other for other, right in expected.items() if other != name and right.shape == shape]
    if others:
        return f"{name} has the shape of {others[0]}: return dx, dw, db in this order"
    return "the gradient is transposed" if shape == expected[name].shape[::-1] != expected[name].shape else ""


def _why_gradient(name, got, x, w, dout, factors, p):
    """What a gradient is instead; in test mode, where all factors are 1, nothing can be missing or swapped."""
    kept = factors != 0
    if kept.all():
        return ""
    known = {
        "dx": (
            (dout @ w.T, "dx goes back through all weights: multiply w by the mask of the forward pass first"),
            (dout @ (w * kept).T, "in dx, the kept weights are not divided by p: use the mask as the forward pass did"),
            (dout @ (w * ~kept).T, "dx goes back through the dropped weights in place of the kept ones"),
            (dout @ (w * factors**2).T, "in dx, the mask is used twice: is the w of the cache masked already?"),
        ),
        "dw": (
            (x.T @ dout, "dw is not 0 for the dropped weights: they had no influence, so multiply by the mask"),
            ((x.T @ dout) * kept, "in dw, the factor 1 / p is missing: multiply by the mask of the forward pass"),
            ((x.T @ dout) * ~kept, "dw is 0 for the kept weights in place of the dropped ones"),
            ((x.T @ dout) * factors**2, "dw is divided by p twice: multiply by the mask once"),
            ((x.T @ dout) * factors * w, "dw is multiplied by w as well: the derivative of w * mask is the mask"),
            ((x.T @ dout) * factors / len(x), "dw is a mean over the inputs: it is a sum, without a division by N"),
        ),
        "db": (
            (dout.mean(axis=0), "db is a mean over the inputs: it is a sum, without a division by N"),
            (dout.sum(axis=0) / p, "db is divided by p: the biases were not"),
            (dout.sum(axis=0) * p, "db is multiplied by p: the biases were not"),
        ),
    }
    return next((text for wrong, text in known[name] if np.allclose(got, wrong, rtol=1e-4, atol=1e-6)), "")


dropconnect_backward = Question(
    id="dropconnect_backward",
    title="DropConnect, backward",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=2,
    importance=2,
    hints=(
        "Call the product of w and mask v. With v in the place of w the layer is affine: you know dx, and the gradient "
        "with respect to v. How do you get from v to w?",
        "dx goes back through the masked weights. The gradient of the masked weights is the usual one; each entry of "
        "it goes on to w with the factor of its weight.",
    ),
    implements=(f"{REGULARIZERS}:dropconnect_backward",),
    builds_on=("dropconnect_forward",),
    cases=tuple(
        Case(label, make, _run_backward, _layer_sizes, judge=_judge_backward)
        for label, make in (
            ("p = 0.3", lambda rng: _backward_inputs(rng, 9, 5, 4, 0.3)),
            ("p = 0.7", lambda rng: _backward_inputs(rng, 11, 7, 3, 0.7)),
            ("p = 0.6, float32", lambda rng: _backward_inputs(rng, 10, 4, 6, 0.6, dtype=np.float32)),
            ("p = 0.4, test mode", lambda rng: _backward_inputs(rng, 8, 5, 3, 0.4, "test")),
        )
    ),
)


# ---- early stopping


def _history(rng, length, patience, falls=False):
    """Accuracies out of a hundred that rise, with ties and setbacks, and then fall; or that fall from the start."""
    if falls:
        accuracies = np.sort(rng.permutation(np.arange(20, 60))[:length])[::-1]
    else:
        rise = np.cumsum(rng.choice([0, 0, 1, 3, -2], length - 2 * patience))
        accuracies = 30 + np.concatenate([rise, rise.max() - rng.randint(0, 3, 2 * patience)])
    return {"val_acc_history": accuracies / 100.0, "patience": patience}


def _run_should_stop(val_acc_history, patience):
    from cs231n.regularizers import should_stop

    histories = [val_acc_history[: epoch + 1].tolist() for epoch in range(len(val_acc_history))]
    return {
        "stop after each epoch": np.array([bool(should_stop(history, patience)) for history in histories]).astype(int)
    }


def _stop_case(label, *arguments, **options):
    return Case(label, lambda rng: _history(rng, *arguments, **options), _run_should_stop)


should_stop = Question(
    id="should_stop",
    title="Early stopping",
    notebook=NOTEBOOK,
    points=1,
    minutes=10,
    difficulty=2,
    importance=5,
    hints=(
        "Only two epochs matter: the last one, and the first that had the highest accuracy. How far are they apart?",
        "np.argmax gives the first of several equal maxima. The last epoch has the number of entries less one; compare "
        "the difference with patience.",
    ),
    implements=(f"{REGULARIZERS}:should_stop",),
    cases=(
        _stop_case("40 epochs, patience 3", 40, 3),
        _stop_case("60 epochs, patience 5", 60, 5),
        _stop_case("50 epochs, patience 1", 50, 1),
        _stop_case("worse from the start, patience 4", 15, 4, falls=True),
    ),
)


# ---- between the pixels


def _image_sizes(X, **_):
    return dict(zip("NCHW", X.shape, strict=True))


def _inside(rng, N, side, whole):
    """Starts and lengths inside a side, a pair for each image: the whole side, or a part that does not start at 0."""
    lengths = np.full(N, side) if whole else rng.randint(2, side, N)
    starts = np.zeros(N, int) if whole else np.array([rng.randint(1, side - length + 1) for length in lengths])
    return starts, lengths


def _rectangle_inputs(rng, shape, whole="", dtype=np.float64):
    N, _, H, W = shape
    tops, heights = _inside(rng, N, H, whole == "rows")
    lefts, widths = _inside(rng, N, W, whole == "columns")
    X = rng.randn(*shape).astype(dtype)
    return {"X": X, "tops": tops, "lefts": lefts, "heights": heights, "widths": widths}


def _run_scaling(X, tops, lefts, heights, widths):
    from cs231n.augmentation import crop_and_scale

    return {"scaled": crop_and_scale(X, tops, lefts, heights, widths)}


def _scaling_case(label, shape, tolerance=1e-8, edge="", **options):
    return Case(
        label,
        lambda rng: _rectangle_inputs(rng, shape, **options),
        _run_scaling,
        _image_sizes,
        tolerance,
        edge=edge,
    )


crop_and_scale = Question(
    id="crop_and_scale",
    title="A part of an image, scaled",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=3,
    importance=3,
    hints=(
        "Take the rows of one image. How high is a new pixel, in pixels of the rectangle? How far below the upper edge "
        "is the centre of the i-th one? And how far below the first pixel's centre?",
        "Halves come in twice: added to the number of the pixel, and subtracted after the scaling. Limit the result to "
        "the centres of the rectangle's first and last pixels before its start is added.",
    ),
    implements=(f"{AUGMENTATION}:crop_and_scale",),
    cases=(
        _scaling_case("all columns, some rows", (3, 2, 7, 4), whole="columns"),
        _scaling_case("all rows, some columns", (2, 3, 4, 8), whole="rows"),
        _scaling_case("rectangles", (5, 2, 7, 9)),
        _scaling_case("float32", (4, 3, 8, 6), 1e-4, dtype=np.float32),
        _scaling_case("one image", (1, 3, 6, 8), edge=ONE_IMAGE),
    ),
)


def _angle_inputs(rng, shape, low, high, dtype=np.float64):
    """Images, and angles to either side, by turns."""
    angles = rng.uniform(low, high, shape[0]) * (-1) ** np.arange(shape[0])
    return {"X": rng.randn(*shape).astype(dtype), "degrees": angles}


def _quarter_inputs(rng, shape):
    return {"X": rng.randn(*shape), "degrees": rng.permutation([90.0, 180.0, -90.0, 0.0])}


def _run_rotation(X, degrees):
    from cs231n.augmentation import rotate

    return {"rotated": rotate(X, degrees)}


def _rotation_case(label, shape, low, high, tolerance=1e-8, edge="", **options):
    return Case(
        label,
        lambda rng: _angle_inputs(rng, shape, low, high, **options),
        _run_rotation,
        _image_sizes,
        tolerance,
        edge=edge,
    )


rotate = Question(
    id="rotate",
    title="A rotation",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=3,
    importance=2,
    hints=(
        "Count positions from the centre first: how far is each pixel below it, and how far to the right of it? These "
        "are a column of H numbers and a row of W numbers, which broadcast to all pixels.",
        "NumPy's cosine takes radians. With angles of shape (N, 1, 1) each of the two formulas is one line for all "
        "pixels of all images; add the centre again at its end.",
    ),
    implements=(f"{AUGMENTATION}:rotate",),
    cases=(
        Case(
            "quarter turns of squares",
            lambda rng: _quarter_inputs(rng, (4, 2, 6, 6)),
            _run_rotation,
            _image_sizes,
        ),
        _rotation_case("small angles", (3, 2, 6, 9), 10, 30),
        _rotation_case("large angles", (2, 3, 8, 5), 100, 170),
        _rotation_case("float32", (5, 3, 4, 8), 20, 60, 1e-4, dtype=np.float32),
        _rotation_case("one image", (1, 2, 4, 7), 10, 40, edge=ONE_IMAGE),
    ),
)


# ---- colours


def _color_inputs(rng, shape, low, high, brightness=False, contrast=False, saturation=False, dtype=np.float64):
    """Images with colours in a range, and a factor for each image where one is asked for, otherwise 1."""
    N = shape[0]
    inputs = {"X": rng.uniform(low, high, shape).astype(dtype)}
    chosen = {"brightness": brightness, "contrast": contrast, "saturation": saturation}
    for name, is_chosen in chosen.items():
        inputs[name] = (
            np.where(np.arange(N) % 2, rng.uniform(0.4, 0.8, N), rng.uniform(1.2, 1.5, N)) if is_chosen else np.ones(N)
        )
    return inputs


def _run_colors(X, brightness, contrast, saturation):
    from cs231n.augmentation import adjust_colors

    return {"adjusted": adjust_colors(X, brightness, contrast, saturation)}


ALL = {"brightness": True, "contrast": True, "saturation": True}


def _color_case(label, shape, low=0.3, high=0.6, tolerance=1e-8, edge="", **options):
    return Case(
        label,
        lambda rng: _color_inputs(rng, shape, low, high, **options),
        _run_colors,
        _image_sizes,
        tolerance,
        edge=edge,
    )


adjust_colors = Question(
    id="adjust_colors",
    title="Brightness, contrast, saturation",
    notebook=NOTEBOOK,
    points=3,
    minutes=20,
    difficulty=3,
    importance=3,
    hints=(
        "Contrast and saturation have one form: a grey value, plus a factor times the difference from it. Which grey "
        "value is it for contrast, and which one for saturation?",
        "grey gives a value for each pixel, (N, 1, H, W). Its mean over the pixels of an image, with keepdims, is what "
        "contrast needs; saturation needs it as it is. np.clip comes last.",
    ),
    implements=(f"{AUGMENTATION}:adjust_colors",),
    cases=(
        _color_case("brightness alone", (2, 3, 4, 5), brightness=True),
        _color_case("contrast alone", (3, 3, 2, 4), contrast=True),
        _color_case("saturation alone", (4, 3, 5, 2), saturation=True),
        _color_case("all three", (5, 3, 4, 2), 0.4, 0.6, **ALL),
        _color_case("values that leave the range", (4, 3, 3, 5), 0.0, 1.0, **ALL),
        _color_case("float32", (2, 3, 5, 4), tolerance=1e-4, dtype=np.float32, **ALL),
        _color_case("one image", (1, 3, 2, 5), edge=ONE_IMAGE, **ALL),
    ),
)


def _pca_inputs(rng, shape, dtype=np.float64):
    """Directions that are not symmetric as a matrix, and eigenvalues of very different size."""
    vectors = np.linalg.qr(rng.randn(3, 3))[0]
    return {
        "X": rng.uniform(0.2, 0.8, shape).astype(dtype),
        "eigenvalues": np.array([0.5, 0.1, 0.02]) * rng.uniform(0.8, 1.2, 3),
        "eigenvectors": vectors,
        "alphas": rng.uniform(0.3, 1, (shape[0], 3)) * rng.choice([-1, 1], (shape[0], 3)),
    }


def _run_pca(X, eigenvalues, eigenvectors, alphas):
    from cs231n.augmentation import pca_jitter

    return {"jittered": pca_jitter(X, eigenvalues, eigenvectors, alphas)}


def _pca_case(label, shape, tolerance=1e-8, edge="", **options):
    return Case(label, lambda rng: _pca_inputs(rng, shape, **options), _run_pca, _image_sizes, tolerance, edge=edge)


pca_jitter = Question(
    id="pca_jitter",
    title="PCA jitter",
    notebook=NOTEBOOK,
    points=2,
    minutes=20,
    difficulty=3,
    importance=2,
    hints=(
        "For one image the addition is a vector of three numbers: a weighted sum of the columns of eigenvectors. How "
        "do you write a weighted sum of columns as a matrix product, and how for all images at once?",
        "Multiply alphas by the eigenvalues, (N, 3), then by the transposed matrix of eigenvectors. The result needs "
        "two more axes, so that all pixels of an image get the same.",
    ),
    implements=(f"{AUGMENTATION}:pca_jitter",),
    cases=(
        _pca_case("two images", (2, 3, 4, 5)),
        _pca_case("as many images as colours", (3, 3, 2, 4)),
        _pca_case("images of 3 x 3", (4, 3, 3, 3)),
        _pca_case("float32", (5, 3, 2, 3), 1e-4, dtype=np.float32),
        _pca_case("one image", (1, 3, 5, 2), edge=ONE_IMAGE),
    ),
)


# ---- averages


def _score_inputs(rng, shape, scale=2.0, dtype=np.float64):
    """Scores of members that are not equally sure."""
    sure = rng.uniform(0.3, 2, (shape[0], 1, 1))
    return {"scores": (scale * sure * rng.randn(*shape)).astype(dtype)}


def _score_sizes(scores):
    return dict(zip("MNC", scores.shape, strict=True))


def _run_probabilities(scores):
    from cs231n.ensembles import average_probabilities

    return {"average": average_probabilities(scores)}


def _probability_case(label, shape, tolerance=1e-8, edge="", **options):
    return Case(
        label,
        lambda rng: _score_inputs(rng, shape, **options),
        _run_probabilities,
        _score_sizes,
        tolerance,
        edge=edge,
    )


average_probabilities = Question(
    id="average_probabilities",
    title="The mean of several predictions",
    notebook=NOTEBOOK,
    points=1,
    minutes=10,
    difficulty=2,
    importance=4,
    hints=(
        "Two steps along two axes: first every member turns its scores into probabilities, over the classes; then the "
        "mean is taken, over the members.",
        "Subtract the largest score of each row before np.exp, with keepdims=True, and divide by the sum over the last "
        "axis. The members are along the first one.",
    ),
    implements=(f"{ENSEMBLES}:average_probabilities",),
    cases=(
        _probability_case("two members, 3 inputs", (2, 3, 4)),
        _probability_case("five members", (5, 2, 3)),
        _probability_case("as many of all", (3, 3, 3)),
        _probability_case("one member", (1, 4, 5)),
        _probability_case("float32", (3, 5, 2), 1e-4, dtype=np.float32),
        _probability_case("scores near 1000", (2, 4, 3), scale=1000.0, edge=OVERFLOW),
    ),
)


def _crop_inputs(rng, shape, size, K, dtype=np.float64):
    N, C, _, _ = shape
    X = rng.randn(*shape)
    W = 2 * rng.randn(C * size * size, K) / np.sqrt(C)
    return {"X": X.astype(dtype), "W": W.astype(dtype), "size": size}


def _crop_sizes(X, W, size):
    return dict(zip("NCHW", X.shape, strict=True)) | {"K": W.shape[1]}


def _run_ten_crops(X, W, size):
    from cs231n.ensembles import ten_crop_probabilities

    C = X.shape[1]

    def score(crops):
        """Score a batch of crops, and nothing else; not linear, so that the score of a mean is no mean of scores."""
        if np.shape(crops)[1:] != (C, size, size):
            raise ValueError(f"score takes crops of shape (N, {C}, {size}, {size}), got {np.shape(crops)}")
        return np.reshape(np.abs(crops), (len(crops), -1)) @ W

    return {"average": ten_crop_probabilities(score, X, size)}


def _crop_case(label, shape, size, K, tolerance=1e-8, edge="", **options):
    return Case(
        label,
        lambda rng: _crop_inputs(rng, shape, size, K, **options),
        _run_ten_crops,
        _crop_sizes,
        tolerance,
        edge=edge,
    )


ten_crop_probabilities = Question(
    id="ten_crop_probabilities",
    title="Ten-crop testing",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=3,
    importance=3,
    hints=(
        "The ten crops of an image are like ten members of an ensemble. Which axis of what ten_crop returns counts the "
        "crops, and which one the images?",
        "Give score all images' first crops, then all second crops, and so on; stack the ten results along a new first "
        "axis, and your average_probabilities does the rest.",
    ),
    implements=(f"{ENSEMBLES}:ten_crop_probabilities",),
    builds_on=("average_probabilities",),
    cases=(
        _crop_case("three images of 5 x 6", (3, 2, 5, 6), 4, 4),
        _crop_case("ten images of 4 x 4", (10, 1, 4, 4), 3, 2),
        _crop_case("crops of half the side", (4, 3, 6, 6), 3, 5),
        _crop_case("float32", (2, 3, 5, 5), 4, 3, 1e-4, dtype=np.float32),
        _crop_case("one image", (1, 2, 5, 4), 3, 3, edge=ONE_IMAGE),
    ),
)


def _rate_inputs(rng, epochs_per_cycle, cycles, fractions=False):
    """Whole epochs from 0 on, or fractions of them in each cycle."""
    epochs = np.arange(epochs_per_cycle * cycles, dtype=float)
    if fractions:
        epochs += rng.uniform(0.2, 0.8, epochs.shape)
    return {"learning_rate": rng.uniform(0.2, 0.9), "epochs": epochs, "epochs_per_cycle": epochs_per_cycle}


def _run_rates(learning_rate, epochs, epochs_per_cycle):
    from cs231n.ensembles import cyclic_cosine_decay

    rates = [cyclic_cosine_decay(learning_rate, epoch, epochs_per_cycle) for epoch in epochs.tolist()]
    return {"rates": np.array(rates)}


def _rate_case(label, *arguments, **options):
    return Case(label, lambda rng: _rate_inputs(rng, *arguments, **options), _run_rates)


cyclic_cosine_decay = Question(
    id="cyclic_cosine_decay",
    title="A learning rate in cycles",
    notebook=NOTEBOOK,
    points=1,
    minutes=10,
    difficulty=2,
    importance=3,
    hints=(
        "First find how much of the present cycle is over, as a number from 0 to 1. Which operator gives what is left "
        "of the epochs after all complete cycles?",
        "Half a wave ends at the angle math.pi, so multiply the share by it. The cosine goes from 1 to -1: what do you "
        "add, and by what do you divide, so that it goes from 1 to 0?",
    ),
    implements=(f"{ENSEMBLES}:cyclic_cosine_decay",),
    cases=(
        _rate_case("one cycle of 5 epochs", 5, 1),
        _rate_case("three cycles of 4 epochs", 4, 3),
        _rate_case("fractions of epochs, cycles of 3", 3, 4, fractions=True),
        _rate_case("cycles of one epoch", 1, 6, fractions=True),
    ),
)


def _average_inputs(rng, decay, num_updates, dtype=np.float64):
    inputs = {"decay": decay, "num_updates": num_updates}
    for name, shape in (("W", (3, 4)), ("b", (4,))):
        inputs[f"average_{name}"] = rng.randn(*shape).astype(dtype)
        inputs[f"params_{name}"] = (2 + rng.randn(*shape)).astype(dtype)
    return inputs


def _run_average(decay, num_updates, **arrays):
    from cs231n.ensembles import update_average

    average, params = ({name: arrays[f"{which}_{name}"] for name in ("W", "b")} for which in ("average", "params"))
    updated = update_average(average, params, decay, num_updates)
    return {f"average[{name!r}]": updated.get(name) for name in ("W", "b")}


def _average_case(label, *arguments, tolerance=1e-8, **options):
    return Case(label, lambda rng: _average_inputs(rng, *arguments, **options), _run_average, tolerance=tolerance)


update_average = Question(
    id="update_average",
    title="A moving average of the weights",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=2,
    importance=4,
    hints=(
        "First find the decay of this update: while the run is young it is the fraction that the formula gives, later "
        "the decay that was asked for. Which function takes the smaller of two?",
        "The old average counts with this decay, the new parameters with the remainder to 1. Make a new dict with an "
        "entry for each name, and leave the old arrays alone.",
    ),
    implements=(f"{ENSEMBLES}:update_average",),
    cases=(
        _average_case("the first update", 0.99, 0),
        _average_case("the 26th update", 0.99, 25),
        _average_case("a decay of 0.6, late", 0.6, 400),
        _average_case("a decay of 0.95, very late", 0.95, 100_000),
        _average_case("float32", 0.9, 7, tolerance=1e-4, dtype=np.float32),
    ),
)

QUESTIONS = (
    l1_penalty,
    l2_penalty,
    elastic_net,
    soft_threshold,
    dropconnect_forward,
    dropconnect_backward,
    should_stop,
    crop_and_scale,
    rotate,
    adjust_colors,
    pca_jitter,
    average_probabilities,
    ten_crop_probabilities,
    cyclic_cosine_decay,
    update_average,
)
