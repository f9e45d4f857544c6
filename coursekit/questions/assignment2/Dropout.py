"""The questions of Dropout: inverted dropout and its gradient. Random outputs are judged by their properties."""

import numpy as np

from coursekit.core.mistakes import relative_error
from coursekit.core.question import Case, Question, holds

NOTEBOOK = "Dropout"
LAYERS = "cs231n.layers"


def _inputs(rng, shape, p, mode="train", dtype=np.float64):
    """Inputs whose entries are far from 0, so that a zero in the output is a dropped entry."""
    x = rng.uniform(1, 3, size=shape) * rng.choice([-1, 1], size=shape)
    return {"x": x.astype(dtype), "p": p, "mode": mode, "draw": int(rng.randint(2**31 - 1))}


def _run_twice(x, p, mode, draw):
    from cs231n.layers import dropout_forward

    np.random.seed(draw)
    return {"outs": [np.array(dropout_forward(x, {"mode": mode, "p": p})[0]) for _ in range(2)]}


def _observe(inputs, outputs):
    """Summarise the outputs of two calls, which are too large to store."""
    x, outs = inputs["x"], [np.asarray(out) for out in outputs["outs"]]
    out = outs[0]
    if out.shape != x.shape or out.dtype.kind not in "fiu":
        return {"shape": list(out.shape), "dtype": str(out.dtype)}
    dropped = out == 0
    factors = out[~dropped].astype(float) / x[~dropped]
    rows = dropped.reshape(len(x), -1)
    return {
        "shape": list(out.shape),
        "dtype": str(out.dtype),
        "dropped": float(dropped.mean()),
        "smallest factor": float(factors.min()) if factors.size else 0.0,
        "largest factor": float(factors.max()) if factors.size else 0.0,
        "different rows": len(np.unique(rows, axis=0)) / rows.shape[0],
        "different columns": len(np.unique(rows.T, axis=0)) / rows.shape[1],
        "twice the same": bool(np.array_equal(*outs)),
    }


def _judge_summary(inputs, outputs):
    x, p = inputs["x"], inputs["p"]
    shape = holds(
        "out has the shape of x",
        "dropped" in outputs,
        f"expected values of shape {x.shape}, got {outputs['dtype']} values of shape {tuple(outputs['shape'])}",
        mistake="out must have the shape of x: a dropped entry becomes 0, it is not removed",
    )
    if not shape.ok:
        return [shape]
    return [
        shape,
        _judge_entries(outputs["dropped"], outputs["different rows"], outputs["different columns"]),
        _judge_share(p, outputs["dropped"], x.size),
        _judge_factor(p, outputs["smallest factor"], outputs["largest factor"], x.dtype),
        holds(
            "two calls drop different entries",
            not outputs["twice the same"],
            "two calls in a row drop exactly the same entries",
            mistake="the mask must be redrawn at each call: set no seed of your own in the function",
        ),
    ]


def _judge_share(p, dropped, size):
    if abs(dropped - p) < 0.05:
        mistake = (
            "p is the probability of keeping an entry, not of dropping it: keep it where np.random.rand(*x.shape) < p"
        )
    elif abs(dropped - 0.5) < 0.05:
        mistake = (
            f"about half of the entries are dropped, although p = {p:g}: keep one where np.random.rand(*x.shape) < p"
        )
    else:
        mistake = "keep an entry where a uniform random number from 0 to 1 is below p: np.random.rand(*x.shape) < p"
    return holds(
        "a fraction of about 1 - p of out is 0",
        abs(dropped - (1 - p)) < 6 * np.sqrt(p * (1 - p) / size),
        f"expected about {1 - p:.0%} zeros, got {dropped:.1%}",
        mistake=mistake,
    )


def _judge_factor(p, smallest, largest, dtype):
    tolerance = 1e-4 if dtype == np.float32 else 1e-8
    known = {
        1.0: "the kept values are not divided by p: divide by p, so that the expected output is x",
        p: "the kept values are multiplied by p: divide by p, so that the expected output is x",
        1 / (1 - p): "the kept values are divided by 1 - p: p is the probability of keeping an entry, so divide by p",
        1 / p**2: "the kept values are divided by p twice",
        p**-0.5: "the kept values are divided by the square root of p: divide by p itself to preserve the mean",
    }
    near = [sentence for factor, sentence in known.items() if np.allclose([smallest, largest], factor, rtol=1e-4)]
    other = "every kept value must be multiplied by 1 / p: does the mask hold anything but 0 and 1 / p?"
    return holds(
        "the kept values are divided by p",
        max(abs(smallest * p - 1), abs(largest * p - 1)) < tolerance,
        f"expected the factor 1 / p = {1 / p:.6g}, got factors from {smallest:.6g} to {largest:.6g}",
        mistake=near[0] if near else other,
    )


def _judge_entries(dropped, different_rows, different_columns):
    mistake = "draw a random number for each entry of x, not for each row or column: np.random.rand(*x.shape)"
    if dropped in (0, 1):
        mistake = f"{'every' if dropped else 'no'} entry is dropped: multiply x by the mask of random zeros"
    return holds(
        "entries are dropped independently",
        min(different_rows, different_columns) > 0.5,
        f"different patterns of zeros: {different_rows:.0%} of the rows, {different_columns:.0%} of the columns",
        mistake=mistake,
    )


def _run_seeds(x, p, mode, draw):
    """Two calls with one seed, and one with another."""
    from cs231n.layers import dropout_forward

    seeds = (draw, draw, draw // 2 + 1)
    return {"outs": [np.array(dropout_forward(x, {"mode": mode, "p": p, "seed": seed})[0]) for seed in seeds]}


def _observe_seeds(inputs, outputs):
    first, again, other = outputs["outs"]
    return {"same seed, same mask": np.array_equal(first, again), "as always": np.array_equal(first, other)}


def _judge_seeds(inputs, outputs):
    return [
        holds(
            "the seed in dropout_param determines the mask",
            outputs["same seed, same mask"],
            "two calls with the same seed drop different entries",
            mistake="a generator of your own, such as np.random.default_rng(), does not know the seed, which the given "
            "line passes to np.random.seed: draw with np.random.rand, or no gradient check can work",
        ),
        holds(
            "another seed gives another mask",
            not outputs["as always"],
            "two calls with different seeds drop exactly the same entries",
            mistake="the mask must be redrawn at each call: set no seed of your own in the function",
        ),
    ]


def _run_forward(x, p, mode, draw):
    from cs231n.layers import dropout_forward

    np.random.seed(draw)
    out, _ = dropout_forward(x, {"mode": mode, "p": p})
    return {"out": out}


dropout_forward = Question(
    id="dropout_forward",
    title="Dropout, forward",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=2,
    importance=4,
    hints=(
        "p is the probability of keeping a value. In train mode, what is kept is scaled up, so that the mean "
        "stays the same.",
        "Compare uniform random numbers of x's shape with p, and divide the resulting mask by p. In test mode x "
        "passes unchanged.",
    ),
    implements=(f"{LAYERS}:dropout_forward",),
    cases=(
        Case("p = 0.3", lambda rng: _inputs(rng, (60, 40), 0.3), _run_twice, judge=_judge_summary, observe=_observe),
        Case(
            "p = 0.8", lambda rng: _inputs(rng, (40, 3, 5, 7), 0.8), _run_twice, judge=_judge_summary, observe=_observe
        ),
        Case(
            "p = 0.6",
            lambda rng: _inputs(rng, (50, 60), 0.6, dtype=np.float32),
            _run_twice,
            judge=_judge_summary,
            observe=_observe,
        ),
        Case(
            "p = 0.5, with a seed",
            lambda rng: _inputs(rng, (20, 30), 0.5),
            _run_seeds,
            judge=_judge_seeds,
            observe=_observe_seeds,
        ),
        Case("p = 1", lambda rng: _inputs(rng, (4, 5), 1.0), _run_forward),
        Case("test mode", lambda rng: _inputs(rng, (3, 6), 0.4, "test"), _run_forward),
    ),
)


def _backward_inputs(rng, *args, **options):
    inputs = _inputs(rng, *args, **options)
    return inputs | {"dout": (0.5 + rng.randn(*inputs["x"].shape)).astype(inputs["x"].dtype)}


def _run_backward(x, p, mode, draw, dout):
    from cs231n.layers import dropout_backward, dropout_forward

    np.random.seed(draw)
    out, cache = dropout_forward(x, {"mode": mode, "p": p})
    return {"out": out, "dx": dropout_backward(dout, cache)}


def _judge_backward(inputs, outputs):
    """Judge dx by the learner's own forward pass: in train mode out = x * mask, so dx = dout * mask."""
    x, dout, p = inputs["x"], inputs["dout"], inputs["p"]
    out, dx = outputs["out"], outputs["dx"]
    shapes = [
        holds(
            f"{name} has the shape of x",
            isinstance(value, np.ndarray) and value.shape == x.shape and value.dtype.kind in "fiu",
            f"expected shape {x.shape}, got {getattr(value, 'shape', type(value).__name__)}",
        )
        for name, value in (("out", out), ("dx", dx))
    ]
    if not all(shape.ok for shape in shapes):
        return [shape for shape in shapes if not shape.ok]
    if inputs["mode"] == "test":  # by definition, and not by the forward pass: its question judges that
        mask = np.ones(x.shape)
    else:
        mask = out.astype(float) / x
        kept = float(np.mean(mask != 0))
        # Where all or nothing is kept, dx = dout or dx = 0 would look right.
        if kept in (0, 1) or abs(kept - p) > 6 * np.sqrt(p * (1 - p) / x.size):
            gap = f"the forward pass keeps {kept:.0%} of the entries for p = {p:g}, so dx cannot be judged"
            return [holds("about p of the entries of out are kept", False, gap, mistake="fix dropout_forward first")]
    return [
        holds(
            "dx is dout times the mask of the forward pass",
            relative_error(dx, dout * mask) < (1e-5 if x.dtype == np.float32 else 1e-8),
            *_gap(dx, dout * mask),
            mistake=_why_backward(dx, dout, mask, p),
        )
    ]


def _gap(dx, expected):
    errors = np.abs(dx - expected)
    position = np.unravel_index(np.argmax(np.where(np.isfinite(errors), errors, np.inf)), errors.shape)
    where = ", ".join(str(int(i)) for i in position)
    yield f"worst at dx[{where}]: expected {expected[position]:.6g}, got {dx[position]:.6g}"


def _why_backward(dx, dout, mask, p):
    kept = mask != 0
    if kept.all():  # in test mode, where nothing can be swapped or missing
        return ""
    known = (
        (dout, "dx is dout itself: dropped entries have no influence on the loss, so dx must be 0 there"),
        (
            dout * kept,
            "the factors of the forward pass are missing: multiply the kept gradients by them, dx = dout * mask",
        ),
        (dout * ~kept, "kept and dropped entries are swapped: dx must be 0 where out is 0"),
        (dout * ~kept / p, "kept and dropped entries are swapped: dx must be 0 where out is 0"),
        (
            dout * mask / p,
            "dx is divided by p one time too many: multiply dout by the factors of the forward pass, no others",
        ),
        (
            dout * kept * p,
            "the kept gradients are multiplied by p: multiply dout by the factors of the forward pass, no others",
        ),
        (-dout * mask, "the sign is flipped"),
        (mask, "dx is the mask itself: multiply it by dout"),
    )
    return next((sentence for wrong, sentence in known if relative_error(dx, wrong) < 1e-5), "")


dropout_backward = Question(
    id="dropout_backward",
    title="Dropout, backward",
    notebook=NOTEBOOK,
    points=1,
    minutes=10,
    difficulty=1,
    importance=3,
    hints=(
        "A value that was dropped has no influence on the loss; one that was kept was multiplied by a constant.",
        "The mask from the forward pass already contains the factor 1/p: use it on dout as it was used on x.",
    ),
    implements=(f"{LAYERS}:dropout_backward",),
    builds_on=("dropout_forward",),
    cases=tuple(
        Case(name, inputs, _run_backward, judge=_judge_backward)
        for name, inputs in (
            ("p = 0.3", lambda rng: _backward_inputs(rng, (6, 7), 0.3)),
            ("p = 0.8", lambda rng: _backward_inputs(rng, (3, 2, 3, 4), 0.8)),
            ("p = 0.6, float32", lambda rng: _backward_inputs(rng, (8, 5), 0.6, dtype=np.float32)),
            ("p = 0.4, test mode", lambda rng: _backward_inputs(rng, (4, 5), 0.4, "test")),
        )
    ),
)

QUESTIONS = (dropout_forward, dropout_backward)
