"""Questions of Dropout: inverted dropout and its gradient. What is random is judged by its properties."""

import numpy as np

from coursekit.core.mistakes import relative_error
from coursekit.core.question import Case, Question, holds

NOTEBOOK = "Dropout"
LAYERS = "cs231n.layers"


def _inputs(rng, shape, p, mode="train", dtype=np.float64):
    """Entries away from 0, so that a zero in the output is one that was dropped."""
    x = rng.uniform(1, 3, size=shape) * rng.choice([-1, 1], size=shape)
    return {"x": x.astype(dtype), "p": p, "mode": mode, "draw": int(rng.randint(2**31 - 1))}


def _run_twice(x, p, mode, draw):
    from cs231n.layers import dropout_forward

    np.random.seed(draw)
    return {"outs": [np.array(dropout_forward(x, {"mode": mode, "p": p})[0]) for _ in range(2)]}


def _observe(inputs, outputs):
    """Describe what came from two calls; the outputs themselves would be too many to keep."""
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
        f"expected numbers of shape {x.shape}, got shape {tuple(outputs['shape'])} {outputs['dtype']}",
        mistake="out has the shape of x: an entry that is dropped becomes 0, it is not taken out",
    )
    if not shape.ok:
        return [shape]
    return [
        shape,
        _judge_entries(p, outputs["different rows"], outputs["different columns"]),
        _judge_share(p, outputs["dropped"], x.size),
        _judge_factor(p, outputs["smallest factor"], outputs["largest factor"], x.dtype),
        holds(
            "two calls drop different entries",
            not outputs["twice the same"],
            "two calls, one after the other, drop exactly the same entries",
            mistake="the mask is drawn anew at each call: no seed of your own in the function",
        ),
    ]


def _judge_share(p, dropped, size):
    if abs(dropped - p) < 0.05:
        mistake = "p is the probability to keep an entry, not to drop it: mask = np.random.rand(*x.shape) < p"
    elif abs(dropped - 0.5) < 0.05:
        mistake = "half of the entries are dropped whatever p is: np.random.randn is not spread evenly from 0 to 1"
    else:
        mistake = "keep an entry where an even random number from 0 to 1 is below p: np.random.rand(*x.shape) < p"
    return holds(
        "about 1 - p of the entries of out are 0",
        abs(dropped - (1 - p)) < 6 * np.sqrt(p * (1 - p) / size),
        f"expected about {1 - p:.0%} zeros, got {dropped:.1%}",
        mistake=mistake,
    )


def _judge_factor(p, smallest, largest, dtype):
    tolerance = 1e-4 if dtype == np.float32 else 1e-8
    known = {
        1.0: "what is kept is not divided by p: then the mean of the output shrinks to p times that of x",
        p: "what is kept is multiplied by p: divide by it, so that the expected output is x",
        1 / (1 - p): "divided by 1 - p: p is the probability to keep, so divide by p",
        1 / p**2: "divided by p twice",
        1 / np.sqrt(p): "divided by the square root of p: the mean is to stay, so divide by p itself",
    }
    near = [sentence for factor, sentence in known.items() if np.allclose([smallest, largest], factor, rtol=1e-4)]
    uneven = "the entries that are kept are not all multiplied by the same number, 1 / p: is the mask more than 0 or 1?"
    return holds(
        "the kept values are divided by p",
        max(abs(smallest * p - 1), abs(largest * p - 1)) < tolerance,
        f"expected each entry times 1 / p = {1 / p:.6g}, got factors from {smallest:.6g} to {largest:.6g}",
        mistake=near[0] if near else uneven,
    )


def _judge_entries(p, different_rows, different_columns):
    mistake = "draw a number for each entry of x, np.random.rand(*x.shape), not for each row or column"
    return holds(
        "entries are dropped one by one",
        min(different_rows, different_columns) > 0.5,
        f"different patterns of zeros: {different_rows:.0%} of the rows, {different_columns:.0%} of the columns",
        mistake=mistake,
    )


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
        Case("p = 1 keeps all", lambda rng: _inputs(rng, (4, 5), 1.0), _run_forward),
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
    """Judge dx by what the learner's own forward pass did: out = x * mask, so dx = dout * mask."""
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
    mask = out.astype(float) / x
    if inputs["mode"] == "train" and (mask != 0).all():  # then any dx would follow from an out that drops nothing
        gap = "nothing is dropped in the forward pass, so there is nothing to judge dx by"
        return [holds("out has entries that are 0", False, gap, mistake="see dropout_forward first")]
    return [
        holds(
            "dx is dout times the factor of x in the forward pass",
            relative_error(dx, dout * mask) < (1e-5 if x.dtype == np.float32 else 1e-8),
            *_gap(dx, dout * mask),
            mistake=_why_backward(dx, dout, mask, p),
        )
    ]


def _gap(dx, expected):
    errors = np.abs(dx - expected)
    place = np.unravel_index(np.argmax(np.where(np.isfinite(errors), errors, np.inf)), errors.shape)
    where = ", ".join(str(int(i)) for i in place)
    yield f"worst at dx[{where}]: expected {expected[place]:.6g}, got {dx[place]:.6g}"


def _why_backward(dx, dout, mask, p):
    kept = mask != 0
    known = (
        (dout, "dx is dout itself: the entries that were dropped have no influence on the loss, so dx is 0 there"),
        (dout * kept, "what was kept is divided by p in the forward pass, and so is its gradient: dx = dout * mask"),
        (dout * ~kept, "kept and dropped are mixed up: dx is 0 where out is 0"),
        (dout * ~kept / p, "kept and dropped are mixed up: dx is 0 where out is 0"),
        (dout * mask / p, "divided by p once too often: the mask holds 1 / p already"),
        (dout * kept * p, "multiplied by p: dx = dout * mask, and the mask holds 1 / p"),
        (-dout * mask, "the sign is turned round"),
        (mask, "dx is the mask itself: multiply it by dout"),
    )
    return next((sentence for wrong, sentence in known if relative_error(dx, wrong) < 1e-5), "")


dropout_backward = Question(
    id="dropout_backward",
    title="Dropout, backward",
    notebook=NOTEBOOK,
    points=1,
    minutes=10,
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
