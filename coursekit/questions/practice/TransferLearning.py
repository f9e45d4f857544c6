"""Questions of TransferLearning: a new head, frozen layers, rates by layer, features, several heads on one trunk."""

import numpy as np

from coursekit.core.question import Case, Question, holds
from coursekit.questions import _edges, _nets

NOTEBOOK = "TransferLearning"
MODULE = "cs231n.transfer"
HEADS = "cs231n.classifiers.multi_task"

_ONE_LAYER = "a linear classifier is a net of one layer, which is then its head"


def _net_params(rng, filters=(4, 6), heads=(("kind", 3), ("colour", 5)), dtype=np.float64, more=()):
    """Parameters under the names of a net with normalised convolutions and several heads; `more` are further layers."""
    params = {}
    for i, (C, F) in enumerate(zip((3, *filters), filters, strict=False), 1):
        params |= {
            f"conv{i}_W": rng.randn(F, C, 2, 2),
            f"conv{i}_gamma": rng.uniform(0.5, 2, F),
            f"conv{i}_beta": rng.randn(F),
        }
    D = filters[-1] if filters else 150
    for name, size in (*more, *heads):
        params |= {f"{name}_W": rng.randn(D, size), f"{name}_b": 0.5 + rng.rand(size)}
    return {name: value.astype(dtype) for name, value in params.items()}


# ---- a new head


def _run_head(seed, head, num_classes, weight_scale, **params):
    from cs231n.transfer import replace_head

    np.random.seed(seed)
    first, second = (replace_head(params, head, num_classes, weight_scale) for _ in range(2))
    shared = [name for name, value in first.items() if any(np.shares_memory(value, old) for old in params.values())]
    return {"first": first, "second": second, "shared": shared}


def _observe_head(inputs, outputs):
    """The rest of the net by what differs, the head by its moments."""
    head, first, second = inputs["head"], outputs["first"], outputs["second"]
    if not isinstance(first, dict) or not isinstance(second, dict):
        return {"type": type(first).__name__}
    old = {name: value for name, value in inputs.items() if isinstance(value, np.ndarray)}
    ours = f"{head}_W", f"{head}_b"
    return {
        "missing": sorted(set(old) - set(first)),
        "extra": sorted(str(name) for name in set(first) - set(old)),
        "different": sorted(
            name for name in set(old) & set(first) - set(ours) if not np.array_equal(old[name], first[name])
        ),
        "shared": sorted(map(str, outputs["shared"])),
        "head": {name: _nets.summary(first[name]) for name in ours if name in first},
        "alike": np.array_equal(first.get(ours[0]), second.get(ours[0])),
    }


def _judge_head(inputs, outputs):
    head, num_classes = inputs["head"], inputs["num_classes"]
    kind = holds("a dict is returned", "type" not in outputs, f"got {outputs.get('type')}")
    if not kind.ok:
        return [kind]
    names = holds(
        "the new net has the names of the old one",
        not outputs["missing"] and not outputs["extra"],
        f"missing: {', '.join(outputs['missing']) or 'nothing'}",
        f"unexpected: {', '.join(outputs['extra']) or 'nothing'}",
        mistake="return all parameters, also those that stay as they were: a net needs every layer"
        if outputs["missing"]
        else "a parameter is stored under a new name: the new head stands under the names of the old one",
    )
    if not names.ok:
        return [names]
    return [
        names,
        holds(
            "all other layers are as before",
            not outputs["different"],
            f"different from the old net: {', '.join(outputs['different'])}",
            mistake="only the head is new: the other layers are what is transferred",
        ),
        *_judge_new_head(inputs, outputs["head"], head, num_classes),
        holds(
            "two heads drawn one after the other differ",
            not outputs["alike"],
            "both heads have exactly the same weights",
            mistake="the weights are not random, or the function seeds the generator: leave seeding to the caller",
        ),
        holds(
            "the arrays are copies",
            not outputs["shared"],
            f"shared with the old net: {', '.join(outputs['shared'])}",
            mistake="copy each array: an update in place of the new net would change the old one as well",
        ),
    ]


def _judge_new_head(inputs, got, head, num_classes):
    W, b = f"{head}_W", f"{head}_b"
    old, dtype = inputs[W].shape, str(inputs[W].dtype)
    wanted = {W: [old[0], num_classes], b: [num_classes]}
    fits = holds(
        "the new head has one column of weights and one bias for each new class",
        all(got[name]["shape"] == wanted[name] for name in wanted),
        *(
            f"{n}: expected {tuple(wanted[n])}, got {tuple(got[n]['shape'])}"
            for n in wanted
            if got[n]["shape"] != wanted[n]
        ),
        mistake=_why_shape(got, wanted, W, b, old),
    )
    if not fits.ok:
        return [fits]
    return [
        fits,
        holds(
            "the new head has the type of the old one",
            all(got[name]["dtype"] == dtype for name in wanted),
            *(f"{name}: expected {dtype}, got {got[name]['dtype']}" for name in wanted),
            mistake="np.random.randn and np.zeros give float64: convert the head, or float32 layers after it are lost",
        ),
        *_nets.judge_weights({W: got[W]}, inputs["weight_scale"]),
        _nets.judge_biases({b: got[b]}),
    ]


def _why_shape(got, wanted, W, b, old):
    if got[W]["shape"] == wanted[W] and got[b]["shape"] == list(old[1:]):
        return "the biases are still those of the old classes: the new head has new ones, one for each new class"
    if got[W]["shape"] == list(old):
        return "the head still has the old classes: it needs num_classes columns"
    if got[W]["shape"] == wanted[W][::-1]:
        return f"{W} is transposed: a row for each feature, a column for each class"
    return ""


def _head_case(name, num_classes, weight_scale=1e-2, head="kind", dtype=np.float64, **options):
    def inputs(rng):
        params = _net_params(
            rng, **{"filters": (5, 150), "heads": (("kind", 30), ("colour", 25))} | options, dtype=dtype
        )
        settings = {"head": head, "num_classes": num_classes, "weight_scale": weight_scale}
        return {"seed": int(rng.randint(2**31 - 1)), **settings, **params}

    return Case(name, inputs, _run_head, judge=_judge_head, observe=_observe_head)


replace_head_question = Question(
    id="replace_head",
    title="A new head",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=2,
    importance=5,
    hints=(
        "Which arrays of a net know how many classes there are? All others stay as they are, but the two nets must not "
        "share them.",
        "Copy every array into a new dict first. Then put two new ones under the names of the head: as many rows as "
        "before, one column for each new class, and zeros for the biases.",
    ),
    implements=(f"{MODULE}:replace_head",),
    cases=(
        _head_case("40 classes instead of 30", 40, 0.02),
        _head_case("20 classes, the second head", 20, 0.3, head="colour"),
        _head_case("as many classes as before", 30, 0.01),
        _head_case("float32", 45, 0.05, dtype=np.float32),
        _head_case("a net of one layer", 50, 0.1, filters=(), heads=(("kind", 40),)),
    ),
)


# ---- frozen layers


def _as_flags(params, part):
    return np.array([name in part for name in params])


def _run_split(frozen, **params):
    from cs231n.transfer import split_params

    kept, trained = split_params(params, frozen)
    return {"kept": sorted(kept), "trained": sorted(trained)}


def _judge_split(inputs, outputs):
    names = [name for name, value in inputs.items() if isinstance(value, np.ndarray)]
    frozen = {name for name in names if name.rpartition("_")[0] in inputs["frozen"]}
    return [
        _judge_names("kept", "those of the frozen layers", frozen, outputs["kept"]),
        _judge_names("trained", "those of all other layers", set(names) - frozen, outputs["trained"]),
    ]


def _judge_names(part, which, wanted, got):
    """Whether a part has the names that it should; the gap shows a few of those that are missing or too many."""
    missing, extra = sorted(wanted - set(got)), sorted(set(got) - wanted)
    gap = [f"{part}: {what} {_few(names)}" for what, names in (("missing:", missing), ("too many:", extra)) if names]
    return holds(f"{part} has the parameters it should: {which}", not gap, *gap)


def _few(names):
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _run_split_values(frozen, **params):
    from cs231n.transfer import split_params

    parts = dict(zip(("kept", "trained"), split_params(params, frozen), strict=True))
    return {
        f"sums of {side}": np.array([np.sum(part[name]) if name in part else 0.0 for name in params])
        for side, part in parts.items()
    }


def _split_case(name, frozen, **options):
    return Case(name, lambda rng: _split_inputs(rng, frozen, **options), _run_split, judge=_judge_split)


def _split_inputs(rng, frozen, **options):
    return {"frozen": list(frozen), **_net_params(rng, **options)}


_TWELVE = (2, 3, 2, 4, 3, 2, 3, 2, 4, 3, 2, 3)

split_params_question = Question(
    id="split_params",
    title="What is frozen and what is trained",
    notebook=NOTEBOOK,
    points=1,
    minutes=10,
    difficulty=1,
    importance=4,
    hints=(
        "A layer has several parts. layer_of tells the layer of a parameter, whatever its parts are called.",
        "Go through the items of the dict twice, once for each side; a parameter that is not kept is trained.",
    ),
    implements=(f"{MODULE}:split_params",),
    cases=(
        _split_case("the trunk is frozen", ("conv1", "conv2")),
        _split_case("one layer is frozen", ("conv2",), filters=(3, 5, 4)),
        _split_case("twelve convolutions", ("conv1", "conv2", "conv11"), filters=_TWELVE),
        _split_case("a head is frozen", ("colour", "conv1")),
        _split_case("a layer with a name of two words", ("conv_in",), more=(("conv_in", 4), ("conv", 3))),
        _split_case("nothing is frozen", ()),
        Case("the arrays", lambda rng: _split_inputs(rng, ("conv1", "kind")), _run_split_values),
    ),
)


def _product():
    """A layer of graphs that multiplies by weights, and the list of its backward passes."""
    from cs231n.graph import layer

    calls = []

    def backward(dout, cache):
        x, w = cache
        calls.append(len(w))
        return dout @ w.T, x.T @ dout

    return layer(lambda x, w: (np.tanh(x) @ w, (np.tanh(x), w)), _through_tanh(backward)), calls


def _through_tanh(backward):
    def through(dout, cache):
        dx, dw = backward(dout, cache)
        return dx * (1 - cache[0] ** 2), dw

    return through


def _square_loss():
    from cs231n.graph import loss_layer

    return loss_layer(lambda x: (0.5 * np.sum(x**2), x))


def _gradients(x, frozen, params):
    """The loss and the gradients of a chain of layers, or of one that branches; and its backward passes."""
    from cs231n.graph import Node
    from cs231n.transfer import partial_gradients

    product, calls = _product()
    seen = {}

    def loss(p):
        seen.update({name: isinstance(value, Node) for name, value in p.items()})
        out = x
        for name in params:
            out = product(out, p[name])
        return _square_loss()(out)

    value, grads = partial_gradients(loss, params, frozen)
    return value, grads, len(calls), seen


def _run_gradients(x, frozen, **params):
    value, grads, _, _ = _gradients(x, frozen, params)
    return {"loss": value, "grads": _as_flags(params, grads).astype(int)} | {
        f"d{name}": grads.get(name) for name in params if name.rpartition("_")[0] not in frozen
    }


def _run_calls(x, frozen, **params):
    _, _, calls, _ = _gradients(x, frozen, params)
    return {"backward passes": calls}


def _chain(rng, sizes, frozen, batch=4, dtype=np.float64):
    params = {
        f"layer{i}_W": (rng.randn(D, M) / D**0.5).astype(dtype)
        for i, (D, M) in enumerate(zip(sizes, sizes[1:], strict=False), 1)
    }
    return {"x": rng.randn(batch, sizes[0]).astype(dtype), "frozen": list(frozen), **params}


def _chain_case(name, sizes, frozen, run=_run_gradients, tolerance=1e-8, edge="", **options):
    return Case(name, lambda rng: _chain(rng, sizes, frozen, **options), run, tolerance=tolerance, edge=edge)


_WASTE = (
    "a frozen layer below all trained ones needs no backward pass: hand it to the loss as an array, and the graph, for "
    "which it is a constant, does not walk that far"
)

partial_gradients_question = Question(
    id="partial_gradients",
    title="Gradients of the trained layers alone",
    notebook=NOTEBOOK,
    points=3,
    minutes=20,
    difficulty=3,
    importance=4,
    hints=(
        "For a graph, what is a node is a variable, and what is an array is a constant. Which of the parameters should "
        "be which?",
        "Split first. Make a node of each trained parameter by graph.variable, join both parts with | for the loss, "
        "and ask the graph for the gradients of the nodes only.",
    ),
    implements=(f"{MODULE}:partial_gradients",),
    builds_on=("split_params",),
    cases=(
        _chain_case("the first two of four layers are frozen", (5, 4, 6, 3, 2), ("layer1", "layer2")),
        _chain_case("a layer in the middle is frozen", (3, 5, 4, 2), ("layer2",)),
        _chain_case("the last layer is frozen", (4, 3, 5, 2), ("layer3",)),
        _chain_case("nothing is frozen", (4, 6, 3), ()),
        _chain_case("float32", (3, 4, 5, 2), ("layer1",), tolerance=1e-4, dtype=np.float32),
        _chain_case("the cost", (4, 5, 3, 6, 2), ("layer1", "layer2"), _run_calls, edge=_WASTE),
    ),
)


# ---- learning rates by layer


def _run_rates(layers, learning_rate, decay, frozen=(), **params):
    from cs231n.transfer import layer_rates

    trained = {name: value for name, value in params.items() if name.rpartition("_")[0] not in frozen}
    rates = layer_rates(trained, layers, learning_rate, decay)
    found = {name: float(rates.get(name, np.nan)) for name in trained}
    by_layer = {
        f"rates of {layer}": np.array([rate for name, rate in found.items() if name.rpartition("_")[0] == layer])
        for layer in layers
        if layer not in frozen
    }
    return {"number of rates": len(rates), **by_layer, "all rates": np.array(list(found.values()))}


def _rates_case(name, layers, learning_rate, decay, frozen=(), turned=False, edge="", **options):
    def inputs(rng):
        params = _net_params(rng, **options)
        if turned:
            params = dict(reversed(params.items()))
        settings = {"layers": list(layers), "learning_rate": learning_rate, "decay": decay, "frozen": list(frozen)}
        return {**settings, **params}

    return Case(name, inputs, _run_rates, edge=edge)


_KIND = (("kind", 3),)

layer_rates_question = Question(
    id="layer_rates",
    title="A learning rate for each layer",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=2,
    importance=3,
    hints=(
        "Count how many layers lie above each layer. The head has none, and the full rate.",
        "A dict from each layer to its depth, made from the list read backwards, is half of it. All parts of a layer "
        "share its rate; params says for which names a rate is wanted.",
    ),
    implements=(f"{MODULE}:layer_rates",),
    cases=(
        _rates_case("two convolutions", ("conv1", "conv2", "kind"), 0.3, 0.5, heads=_KIND),
        _rates_case(
            "four convolutions",
            ("conv1", "conv2", "conv3", "conv4", "kind"),
            2.0,
            0.7,
            filters=(2, 4, 3, 5),
            heads=_KIND,
        ),
        _rates_case(
            "the lowest layers are frozen",
            ("conv1", "conv2", "conv3", "kind"),
            0.8,
            0.25,
            frozen=("conv1", "conv2"),
            filters=(3, 2, 4),
            heads=_KIND,
        ),
        _rates_case(
            "the head is frozen",
            ("conv1", "conv2", "conv3", "kind"),
            0.6,
            0.4,
            ("kind",),
            filters=(3, 2, 4),
            heads=_KIND,
        ),
        _rates_case("params in another order", ("conv1", "conv2", "kind"), 0.4, 0.2, turned=True, heads=_KIND),
        _rates_case(
            "eleven convolutions",
            (*(f"conv{i}" for i in range(1, 12)), "kind"),
            1.5,
            0.8,
            filters=_TWELVE[:11],
            heads=_KIND,
        ),
        _rates_case("one layer", ("kind",), 0.7, 0.5, filters=(), heads=_KIND, edge=_ONE_LAYER),
    ),
)


# ---- features by layer


def _maps_of(X, weights):
    """The outputs of three layers: maps, smaller maps with more channels, and rows."""
    first = np.einsum("nchw,cf->nfhw", X, weights)
    second = np.concatenate([first[:, :, ::2], 1 + first[:, :, 1::2] ** 2], axis=1)
    return [first, second, np.tanh(first[:, :, 0, 0])]


def _run_features(X, weights, batch_size):
    from cs231n.transfer import layer_features

    features = layer_features(lambda batch: _maps_of(batch, weights), X, batch_size)
    return {"layers": len(features)} | {f"features[{i}]": feature for i, feature in enumerate(features)}


def _run_largest_batch(X, weights, batch_size):
    from cs231n.transfer import layer_features

    sizes = []

    def maps(batch):
        sizes.append(len(batch))
        return _maps_of(batch, weights)

    layer_features(maps, X, batch_size)
    return {"largest batch": max(sizes)}


def _features_inputs(rng, N, C, H, W, F, batch_size, dtype=np.float64):
    return {
        "X": (1 + rng.randn(N, C, H, W)).astype(dtype),
        "weights": rng.randn(C, F).astype(dtype),
        "batch_size": batch_size,
    }


def _features_case(name, *sizes, run=_run_features, tolerance=1e-8, edge="", **options):
    return Case(name, lambda rng: _features_inputs(rng, *sizes, **options), run, tolerance=tolerance, edge=edge)


_MEMORY = (
    "the maps of all layers of all images at once can be larger than the memory: never give more than batch_size "
    "images to maps"
)

layer_features_question = Question(
    id="layer_features",
    title="What each layer says of an image",
    notebook=NOTEBOOK,
    points=3,
    minutes=20,
    difficulty=3,
    importance=3,
    hints=(
        "maps gives a list by layer for each batch; what is wanted is, for each layer, the batches one after the "
        "other. And each map becomes one number.",
        "range with a step of batch_size gives the starts. zip turns lists by batch into lists by layer, if each batch "
        "is an argument of its own. The mean goes over axes 2 and up.",
    ),
    implements=(f"{MODULE}:layer_features",),
    cases=(
        _features_case("7 images in batches of 3", 7, 3, 4, 5, 2, 3),
        _features_case("8 images in batches of 4", 8, 2, 6, 3, 4, 4),
        _features_case("fewer images than a batch", 5, 3, 4, 6, 3, 9),
        _features_case("one at a time", 3, 2, 4, 3, 5, 1),
        _features_case("float32", 6, 3, 2, 5, 4, 4, tolerance=1e-4, dtype=np.float32),
        _features_case("one image", 1, 3, 4, 5, 2, 3, edge=_edges.ONE_INPUT),
        _features_case("memory", 11, 2, 4, 3, 3, 4, run=_run_largest_batch, edge=_MEMORY),
    ),
)


def _run_fold(w, b, mean, std):
    from cs231n.transfer import fold_standardisation

    return dict(zip(("w_raw", "b_raw"), fold_standardisation(w, b, mean, std), strict=True))


def _fold_sizes(w, **_):
    return dict(zip(("D", "M"), w.shape, strict=True))


def _fold_case(name, D, M, tolerance=1e-8, dtype=np.float64, edge=""):
    def inputs(rng):
        values = {
            "w": rng.randn(D, M),
            "b": 1 + rng.randn(M),
            "mean": 2 + rng.randn(D),
            "std": rng.uniform(0.3, 4, D),
        }
        return {name: value.astype(dtype) for name, value in values.items()}

    return Case(name, inputs, _run_fold, _fold_sizes, tolerance, edge=edge)


fold_question = Question(
    id="fold_standardisation",
    title="A head for features as they are",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=2,
    importance=3,
    hints=(
        "Write the score of one class as a sum over the features, put (x - mean) / std in place of z, and sort: what "
        "multiplies x, and what is left?",
        "Every row of w is divided by the deviation of its feature. What the means contribute is the same for all "
        "images, so it belongs to the biases; mind its sign.",
    ),
    implements=(f"{MODULE}:fold_standardisation",),
    cases=(
        _fold_case("five features, three classes", 5, 3),
        _fold_case("as many classes as features", 4, 4),
        _fold_case("three features, six classes", 3, 6),
        _fold_case("float32", 6, 4, 1e-4, np.float32),
        _fold_case("one class", 5, 1, edge="a yes-or-no question needs a single score"),
    ),
)


# ---- several heads


def _tasks_of(inputs, *prefixes):
    """The tasks of some inputs, and for each prefix the dict of what is called <prefix>_<task>."""
    tasks = [name.partition("_")[2] for name in inputs if name.startswith(f"{prefixes[0]}_")]
    return tasks, *({task: inputs[f"{prefix}_{task}"] for task in tasks} for prefix in prefixes)


def _run_joint(**inputs):
    from cs231n.classifiers.multi_task import joint_loss

    tasks, scores, labels, weights = _tasks_of(inputs, "scores", "labels", "weight")
    loss, dscores = joint_loss(scores, labels, weights)
    return {"loss": loss} | {f"d{task}": dscores[task] for task in tasks}


def _joint_inputs(rng, N, sizes, weights, unlabelled=(), scale=1.0, dtype=np.float64):
    """For each task scores, labels and a weight; of the tasks in `unlabelled`, so many images have no label."""
    inputs = {}
    for task, K in sizes.items():
        labels = rng.randint(K, size=N)
        if task in unlabelled:
            labels[rng.permutation(N)[: dict(unlabelled)[task]]] = -1
        inputs |= {f"scores_{task}": (scale * rng.randn(N, K)).astype(dtype), f"labels_{task}": labels}
        inputs |= {f"weight_{task}": weights[task]}
    return inputs


def _joint_sizes(**inputs):
    return {"N": len(next(value for name, value in inputs.items() if name.startswith("scores")))}


def _joint_case(name, N, sizes, weights, edge="", tolerance=1e-8, **options):
    return Case(
        name,
        lambda rng: _joint_inputs(rng, N, sizes, weights, **options),
        _run_joint,
        _joint_sizes,
        tolerance,
        edge=edge,
    )


_TWO = {"kind": 3, "colour": 4}

joint_loss_question = Question(
    id="joint_loss",
    title="The loss of several tasks",
    notebook=NOTEBOOK,
    points=3,
    minutes=20,
    difficulty=3,
    importance=4,
    hints=(
        "Each task has a softmax loss of its own, over the images that have a label for it. What does the weight "
        "multiply?",
        "A boolean index picks the labelled rows for softmax_loss, and puts their gradient back into an array of "
        "zeros. Loss and gradient get the same weight. Skip a task without any label.",
    ),
    implements=(f"{HEADS}:joint_loss",),
    builds_on=("softmax_loss",),
    cases=(
        _joint_case("two tasks", 5, _TWO, {"kind": 1.0, "colour": 0.3}),
        _joint_case("three tasks", 6, {"kind": 3, "colour": 5, "size": 2}, {"kind": 0.5, "colour": 2.0, "size": 1.5}),
        _joint_case(
            "images without a label", 8, _TWO, {"kind": 0.7, "colour": 1.5}, unlabelled={"kind": 3, "colour": 5}
        ),
        _joint_case("a task without any label", 4, _TWO, {"kind": 0.6, "colour": 1.2}, unlabelled={"colour": 4}),
        _joint_case(
            "float32", 7, _TWO, {"kind": 0.4, "colour": 1.3}, unlabelled={"kind": 2}, tolerance=1e-4, dtype=np.float32
        ),
        _joint_case("one image", 1, {"kind": 4, "colour": 3}, {"kind": 0.9, "colour": 0.2}, edge=_edges.ONE_INPUT),
    ),
)


def _run_shared(features, **inputs):
    from cs231n.classifiers.multi_task import shared_gradient

    tasks, dscores, weights, biases = _tasks_of(inputs, "dscores", "w", "b")
    dfeatures, dheads = shared_gradient(dscores, features, {task: (weights[task], biases[task]) for task in tasks})
    grads = {f"d{part}_{task}": grad for task in tasks for part, grad in zip("wb", dheads[task], strict=True)}
    return {"dfeatures": dfeatures} | grads


def _shared_case(name, N, D, sizes, edge="", tolerance=1e-8, dtype=np.float64):
    def inputs(rng):
        values = {"features": 1 + rng.randn(N, D)}
        for task, K in sizes.items():
            values |= {
                f"dscores_{task}": 0.5 + rng.randn(N, K),
                f"w_{task}": rng.randn(D, K),
                f"b_{task}": rng.randn(K),
            }
        return {name: value.astype(dtype) for name, value in values.items()}

    return Case(name, inputs, _run_shared, _shared_sizes, tolerance, edge=edge)


def _shared_sizes(features, **_):
    return dict(zip(("N", "D"), features.shape, strict=True))


shared_gradient_question = Question(
    id="shared_gradient",
    title="The gradient at a shared trunk",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=2,
    importance=5,
    hints=(
        "Each head is an affine layer. If a feature changes a little, both losses change: what happens to the two "
        "changes?",
        "For each head, weights and biases have their gradients for themselves. At the features, the gradients of all "
        "heads meet: start from zeros and add each head's.",
    ),
    implements=(f"{HEADS}:shared_gradient",),
    cases=(
        _shared_case("two heads", 4, 5, {"kind": 3, "colour": 6}),
        _shared_case("three heads", 6, 4, {"kind": 2, "colour": 5, "size": 3}),
        _shared_case("all sizes alike", 4, 4, {"kind": 4, "colour": 4}),
        _shared_case("one head", 5, 3, {"kind": 4}),
        _shared_case("float32", 7, 3, {"kind": 2, "colour": 4}, tolerance=1e-4, dtype=np.float32),
        _shared_case("one image", 1, 5, {"kind": 3, "colour": 2}, edge=_edges.ONE_INPUT),
    ),
)

QUESTIONS = (
    replace_head_question,
    split_params_question,
    partial_gradients_question,
    fold_question,
    layer_features_question,
    layer_rates_question,
    joint_loss_question,
    shared_gradient_question,
)
