"""The functions of TransferLearning as learners write them."""

import numpy as np

from cs231n.graph import Graph
from cs231n.layers import affine_backward, affine_forward, softmax_loss
from cs231n.transfer import layer_of
from zoo import right, slips, wrong

# ---- replace_head

slips(
    "replace_head",
    (
        "copy each array: an update in place of the new net would change the old one as well",
        "value.copy()",
        "value",
    ),
    (
        "the head still has the old classes: it needs num_classes columns",
        "np.random.randn(len(old_weights), num_classes)",
        "np.random.randn(*old_weights.shape)",
    ),
    (
        "kind_W is transposed: a row for each feature, a column for each class",
        "np.random.randn(len(old_weights), num_classes)",
        "np.random.randn(num_classes, len(old_weights))",
    ),
    (
        "kind_W is not multiplied by weight_scale",
        "weight_scale * np.random.randn",
        "np.random.randn",
    ),
    (
        "all values in kind_W are equal: draw them at random, or the hidden units stay equal for ever",
        "weight_scale * np.random.randn(len(old_weights), num_classes)",
        "np.zeros((len(old_weights), num_classes))",
    ),
    (
        "np.random.randn and np.zeros give float64: convert the head, or float32 layers after it are lost",
        "new_weights.astype(old_weights.dtype)",
        "new_weights",
    ),
    (
        "the weights are not random, or the function seeds the generator: leave seeding to the caller",
        "old_weights = params",
        "np.random.seed(0)\nold_weights = params",
    ),
    (
        "create kind_b with np.zeros: a bias has no symmetry to break",
        "np.zeros(num_classes, old_weights.dtype)",
        "weight_scale * np.random.randn(num_classes).astype(old_weights.dtype)",
    ),
    (
        "return all parameters, also those that stay as they were: a net needs every layer",
        "for name, value in params.items()}",
        "for name, value in params.items() if layer_of(name) == head}",
    ),
)


@wrong("replace_head", "only the head is new: the other layers are what is transferred")
def all_heads_are_new(params, head, num_classes, weight_scale=1e-2):
    """Every affine layer is drawn anew, not the one that was asked for alone."""
    new = {}
    for name, value in params.items():
        if value.ndim == 2:
            new[name] = (weight_scale * np.random.randn(*value.shape)).astype(value.dtype)
        else:
            new[name] = value.copy() if value.ndim == 4 else np.zeros_like(value)
    new[f"{head}_W"] = (weight_scale * np.random.randn(len(params[f"{head}_W"]), num_classes)).astype(value.dtype)
    new[f"{head}_b"] = np.zeros(num_classes, value.dtype)
    return new


@wrong("replace_head", "kind_W is modified in place")
def head_shrunk_in_place(params, head, num_classes, weight_scale=1e-2):
    """The old weights are cleared first, and they belong to the old net."""
    new = {name: value.copy() for name, value in params.items()}
    params[f"{head}_W"][...] = 0
    dtype = params[f"{head}_W"].dtype
    new[f"{head}_W"] = (weight_scale * np.random.randn(len(params[f"{head}_W"]), num_classes)).astype(dtype)
    new[f"{head}_b"] = np.zeros(num_classes, dtype)
    return new


@right("replace_head")
def head_by_deepcopy(params, head, num_classes, weight_scale=1e-2):
    """With deepcopy and np.random.normal."""
    from copy import deepcopy

    new = deepcopy(params)
    old = new[f"{head}_W"]
    drawn = np.random.normal(0, weight_scale, size=(old.shape[0], num_classes))
    new.update({f"{head}_W": drawn.astype(old.dtype), f"{head}_b": np.zeros_like(old, shape=num_classes)})
    return new


@right("replace_head")
def head_in_a_loop(params, head, num_classes, weight_scale=1e-2):
    """Name by name, as the old ones come."""
    new = {}
    for name in params:
        old = params[name]
        if name == head + "_W":
            new[name] = np.array(np.random.randn(old.shape[0], num_classes) * weight_scale, dtype=old.dtype)
        elif name == head + "_b":
            new[name] = np.zeros(num_classes, dtype=old.dtype)
        else:
            new[name] = np.array(old)
    return new


# ---- split_params

slips(
    "split_params",
    (
        "kept and trained are swapped: the frozen layers are kept",
        "if layer_of(name) in frozen}",
        "if layer_of(name) not in frozen}",
    ),
    (
        "the name of the parameter is compared with the names of layers: layer_of(name) is its layer",
        "if layer_of(name) in frozen}",
        "if name in frozen}",
    ),
    (
        "conv10 begins with conv1, and is taken for a part of it: compare the whole name of the layer",
        "if layer_of(name) in frozen}",
        "if name.startswith(tuple(frozen))}",
    ),
    (
        "only the weights of a frozen layer are kept: its biases, gains and shifts are frozen as well",
        "if layer_of(name) in frozen}",
        'if layer_of(name) in frozen and name.endswith("_W")}',
    ),
    (
        "trained has all parameters: those that are kept must not be in it",
        "if name not in kept}",
        "}",
    ),
    (
        "the layer is what stands before the first underline: of conv_in_W, that is conv and not conv_in",
        "if layer_of(name) in frozen}",
        'if name.split("_")[0] in frozen}',
    ),
    (
        "a layer is looked for in the joined names, where conv1 is a part of conv11: compare whole names",
        "if layer_of(name) in frozen}",
        'if layer_of(name) in " ".join(frozen)}',
    ),
    (
        "only weights and biases of a frozen layer are kept: gains and shifts belong to it, too; layer_of finds all",
        "if layer_of(name) in frozen}",
        'if layer_of(name) in frozen and name.endswith(("_W", "_b"))}',
    ),
)


@wrong("split_params", "all layers below the last frozen one are kept: freeze only those that are named")
def frozen_from_below(params, frozen):
    layers = list(dict.fromkeys(layer_of(name) for name in params))
    last = max((layers.index(layer) for layer in frozen), default=-1)
    kept = {name: value for name, value in params.items() if layers.index(layer_of(name)) <= last}
    return kept, {name: value for name, value in params.items() if name not in kept}


@right("split_params")
def split_in_a_loop(params, frozen):
    """With one loop and two dicts."""
    parts = {True: {}, False: {}}
    for name, value in params.items():
        parts[any(name == f"{layer}_{name.split('_')[-1]}" for layer in frozen)][name] = value
    return parts[True], parts[False]


@right("split_params")
def split_by_removal(params, frozen):
    """Everything is trained at first; what is frozen is moved."""
    trained = dict(params)
    kept = {name: trained.pop(name) for name in list(params) if layer_of(name) in set(frozen)}
    return kept, trained


# ---- partial_gradients

slips(
    "partial_gradients",
    (
        "kept and trained are swapped: the gradients are those of the frozen layers",
        "kept, trained = split_params(params, frozen)",
        "trained, kept = split_params(params, frozen)",
    ),
    (
        "grads has the frozen layers as well: an update rule would change them",
        "kept, trained = split_params(params, frozen)",
        "kept, trained = {}, params",
    ),
    (
        "grads has zeros for the frozen layers: leave them out, or a rule with momentum or weight decay moves them",
        "grads = graph.gradients(value, nodes)",
        "grads = graph.gradients(value, nodes) | {name: np.zeros_like(w) for name, w in kept.items()}",
    ),
    (
        "the gradients are looked for by names of layers: layer_of(name) is the layer of a parameter",
        "grads = graph.gradients(value, nodes)",
        "grads = {name: grad for name, grad in graph.gradients(value, nodes).items() if name in frozen}",
    ),
    (
        "the gradients are returned without their names: return the dict that the graph gives",
        "grads = graph.gradients(value, nodes)",
        "grads = list(graph.gradients(value, nodes).values())",
    ),
)


@wrong("partial_gradients", "the walk starts from the square of the loss: its gradients are 2 * loss times too large")
def gradients_of_the_square(loss, params, frozen):
    graph = Graph()
    nodes = {name: graph.variable(w) for name, w in params.items() if layer_of(name) not in frozen}
    value = loss(params | nodes)
    return float(value.value), graph.gradients(value, nodes, 2 * value.value)


@wrong("partial_gradients", "trained layers above the lowest frozen one are taken for frozen as well")
def gradients_below_the_frozen(loss, params, frozen):
    layers = [layer_of(name) for name in params]
    first = min((layers.index(layer) for layer in frozen), default=len(layers))
    graph = Graph()
    nodes = {name: graph.variable(w) for i, (name, w) in enumerate(params.items()) if i < first or i == len(layers) - 1}
    value = loss(params | nodes)
    return float(value.value), graph.gradients(value, nodes)


@right("partial_gradients", edge="the graph, for which it is a constant, does not walk that far")
def gradients_of_all_first(loss, params, frozen):
    """All gradients are computed, and those of frozen layers thrown away."""
    graph = Graph()
    nodes = {name: graph.variable(value) for name, value in params.items()}
    value = loss(nodes)
    grads = graph.gradients(value, nodes)
    return float(value.value), {name: grads[name] for name in grads if layer_of(name) not in frozen}


@right("partial_gradients")
def gradients_in_one_dict(loss, params, frozen):
    """With one dict in which some values are nodes."""
    graph, mixed, wanted = Graph(), {}, {}
    for name, value in params.items():
        mixed[name] = value
        if layer_of(name) not in frozen:
            mixed[name] = wanted[name] = graph.variable(value)
    out = loss(mixed)
    return float(out.value), graph.gradients(output=out, variables=wanted)


# ---- fold_standardisation

slips(
    "fold_standardisation",
    (
        "w is multiplied by std: features that vary much are made smaller, so their weights must be, too",
        "w / std[:, np.newaxis]",
        "w * std[:, np.newaxis]",
    ),
    (
        "the means are missing: they shift all scores, which belongs into the biases",
        "b - mean @ w_raw",
        "b",
    ),
    (
        "the sign of the means is flipped: z is x minus mean, so mean @ w_raw is taken from b",
        "b - mean @ w_raw",
        "b + mean @ w_raw",
    ),
    (
        "the means are multiplied by w: they are divided by std as well, so multiply by w_raw",
        "b - mean @ w_raw",
        "b - mean @ w",
    ),
    (
        "w is divided by the variance: divide by std itself",
        "w / std[:, np.newaxis]",
        "w / std[:, np.newaxis] ** 2",
    ),
    (
        "w is not divided by std",
        "w / std[:, np.newaxis]",
        "w",
    ),
    (
        "b is divided as well: only what is multiplied by x is",
        "b - mean @ w_raw",
        "b / std.mean() - mean @ w_raw",
    ),
    (
        "the rows are divided by the mean of std: every feature has a deviation of its own",
        "w / std[:, np.newaxis]",
        "w / std.mean()",
    ),
    (
        "the weights are missing in b: each mean counts as much as the weight of its feature, mean @ w_raw",
        "mean @ w_raw",
        "mean / std",
    ),
    (
        "the means are multiplied by w and divided by an average of std: each feature has its own std, so use w_raw",
        "mean @ w_raw",
        "(mean @ w) / std.mean()",
    ),
    (
        "all classes get the same bias: add up over the features alone, mean @ w_raw, one number for each class",
        "mean @ w_raw",
        "(mean[:, np.newaxis] * w_raw).sum()",
    ),
    (
        "what the means contribute is averaged over the features: a score is a sum over them",
        "mean @ w_raw",
        "(mean[:, np.newaxis] * w_raw).mean(axis=0)",
    ),
)


@wrong("fold_standardisation", "w is modified in place")
def fold_in_place(w, b, mean, std):
    w /= std[:, np.newaxis]
    return w, b - mean @ w


@right("fold_standardisation")
def fold_with_loops(w, b, mean, std):
    """Entry by entry."""
    w_raw, b_raw = np.zeros_like(w), b.copy()
    for d in range(w.shape[0]):
        for m in range(w.shape[1]):
            w_raw[d, m] = w[d, m] / std[d]
            b_raw[m] -= mean[d] / std[d] * w[d, m]
    return w_raw, b_raw


@right("fold_standardisation")
def fold_by_probing(w, b, mean, std):
    """What the old head says of 0 is the bias; what it says of a unit vector, beyond that, is a row of weights."""
    D = len(w)

    def scores(x):
        return (x - mean) / std @ w + b

    zero = scores(np.zeros((1, D), w.dtype))[0]
    return scores(np.eye(D, dtype=w.dtype)) - zero, zero


# ---- layer_features

slips(
    "layer_features",
    (
        "the last images are missing where a batch is not full: go on to the last one",
        "range(0, len(X), batch_size)",
        "range(0, len(X) - batch_size + 1, batch_size)",
    ),
    (
        "each image appears several times: the starts are batch_size apart",
        "range(0, len(X), batch_size)",
        "range(0, len(X))",
    ),
    (
        "only the first batch is used",
        "for start in range(0, len(X), batch_size)",
        "for start in range(0, 1)",
    ),
    (
        "the largest value of each map is taken: take the mean over its positions",
        "_mean_of_positions(outputs)",
        "outputs.max(axis=tuple(range(2, outputs.ndim)))",
    ),
    (
        "the values of a map are added up: take the mean over its positions",
        "_mean_of_positions(outputs)",
        "outputs.sum(axis=tuple(range(2, outputs.ndim)))",
    ),
    (
        "the mean goes over the channels as well: each map has a mean of its own",
        "_mean_of_positions(outputs)",
        "outputs.reshape(len(outputs), -1).mean(axis=1, keepdims=True)",
    ),
    (
        "the maps are flattened: each becomes one number, its mean over the positions",
        "_mean_of_positions(outputs)",
        "outputs.reshape(len(outputs), -1)",
    ),
    (
        "the last layer is missing",
        "for layer in zip(*batches, strict=True)",
        "for layer in list(zip(*batches, strict=True))[:-1]",
    ),
    (
        "the layers come in the wrong order: as maps gives them",
        "for layer in zip(*batches, strict=True)",
        "for layer in list(zip(*batches, strict=True))[::-1]",
    ),
    (
        "the batches are in the wrong order",
        "np.concatenate([_mean_of_positions(outputs) for outputs in layer])",
        "np.concatenate([_mean_of_positions(outputs) for outputs in layer[::-1]])",
    ),
    (
        "the last images are missing: // cuts off the batch that is not full",
        "range(0, len(X), batch_size)",
        "range(0, max(len(X) // batch_size, 1) * batch_size, batch_size)",
    ),
    (
        "the maps are not averaged: each becomes one number, its mean over the positions",
        "_mean_of_positions(outputs)",
        "outputs",
    ),
    (
        "the mean goes over the images as well: there is a row for each image",
        "np.concatenate([_mean_of_positions(outputs) for outputs in layer])",
        "np.concatenate([_mean_of_positions(outputs) for outputs in layer]).mean(axis=0)",
    ),
)


@wrong(
    "layer_features", "the mean of the batches' features is taken over the images of a batch: keep a row for each image"
)
def features_averaged_over_images(maps, X, batch_size=100):
    batches = [maps(X[start : start + batch_size]) for start in range(0, len(X), batch_size)]
    rows = [[np.repeat(out.mean(axis=(0, *range(2, out.ndim)))[None], len(out), 0) for out in b] for b in batches]
    return [np.concatenate(layer) for layer in zip(*rows, strict=True)]


@wrong("layer_features", "the values are standardised in each batch: return them as they are")
def features_standardised(maps, X, batch_size=100):
    parts = []
    for start in range(0, len(X), batch_size):
        outputs = [out.reshape(len(out), out.shape[1], -1).mean(axis=2) for out in maps(X[start : start + batch_size])]
        parts.append([(out - out.mean(axis=0)) / (out.std(axis=0) + 1e-5) for out in outputs])
    return [np.concatenate(layer) for layer in zip(*parts, strict=True)]


@right("layer_features", edge="never give more than batch_size images to maps")
def features_all_at_once(maps, X, batch_size=100):
    """In a single batch."""
    return [out if out.ndim == 2 else out.mean(axis=(2, 3)) for out in maps(X)]


@right("layer_features")
def features_appended(maps, X, batch_size=100):
    """With lists that grow, and einsum for the mean."""
    collected = None
    for start in range(0, len(X), batch_size):
        outputs = maps(X[start : start + batch_size])
        if collected is None:
            collected = [[] for _ in outputs]
        for rows, out in zip(collected, outputs, strict=True):
            if out.ndim == 4:
                out = np.einsum("nchw->nc", out) / (out.shape[2] * out.shape[3])
            rows.extend(out)
    return [np.stack(rows) for rows in collected]


@right("layer_features")
def features_written_into_arrays(maps, X, batch_size=100):
    """With np.array_split, and arrays of the final size."""
    features, done = [], 0
    for batch in np.array_split(X, -(-len(X) // batch_size)):
        for i, out in enumerate(maps(batch)):
            if done == 0:
                features.append(np.zeros((len(X), out.shape[1]), out.dtype))
            features[i][done : done + len(batch)] = out.reshape(*out.shape[:2], -1).mean(axis=-1)
        done += len(batch)
    return features


# ---- layer_rates

slips(
    "layer_rates",
    (
        "the order is reversed: the head has the full rate, the lowest layer the smallest",
        "enumerate(reversed(layers))",
        "enumerate(layers)",
    ),
    (
        "the head has decay times the rate already: it has no layer above it, so its exponent is 0",
        "enumerate(reversed(layers))",
        "enumerate(reversed(layers), 1)",
    ),
    (
        "the rate is divided by a power of decay, so the lower layers learn faster: multiply by it",
        "learning_rate * decay",
        "learning_rate / decay",
    ),
    (
        "all layers below the head have the same rate: each has decay times that of the layer above it",
        "decay ** depth[layer_of(name)]",
        "decay ** min(depth[layer_of(name)], 1)",
    ),
    (
        "the rate is multiplied by decay times the depth: it is decay to the power of the depth",
        "decay ** depth[layer_of(name)]",
        "(decay * depth[layer_of(name)] if depth[layer_of(name)] else 1)",
    ),
    (
        "the learning rate is missing: the result is decay to the power of the depth alone",
        "learning_rate * decay",
        "decay",
    ),
    (
        "the rates fall along a straight line: each is decay times the one above",
        "decay ** depth[layer_of(name)]",
        "(1 - (1 - decay) * depth[layer_of(name)] / max(1, len(layers) - 1))",
    ),
    (
        "only the weights get a rate: all parts of a layer need one",
        "for name in params}",
        'for name in params if name.endswith("_W")}',
    ),
    (
        "the rates are those of layers: return one for each name in params",
        "for name in params}",
        "for name in params}\nrates = {layer: learning_rate * decay ** depth[layer] for layer in layers}",
    ),
    (
        "the layers are read off params: frozen ones are not there, and the order says nothing, so count in layers",
        "enumerate(reversed(layers))",
        "enumerate(reversed(dict.fromkeys(map(layer_of, params))))",
    ),
    (
        "1 - decay is taken for decay: with 0.9, a layer has nine tenths of the rate of the one above it",
        "learning_rate * decay",
        "learning_rate * (1 - decay)",
    ),
)


@wrong("layer_rates", "every parameter has a depth of its own: weights and biases of a layer share one rate")
def rates_by_parameter(params, layers, learning_rate, decay=0.5):
    return {name: learning_rate * decay**i for i, name in enumerate(reversed(params))}


@wrong("layer_rates", "depths are counted among the layers in params: count all layers, also those that are frozen")
def rates_among_trained(params, layers, learning_rate, decay=0.5):
    trained = [layer for layer in layers if any(layer_of(name) == layer for name in params)]
    depth = {layer: i for i, layer in enumerate(reversed(trained))}
    return {name: learning_rate * decay ** depth[layer_of(name)] for name in params}


@right("layer_rates")
def rates_downwards(params, layers, learning_rate, decay=0.5):
    """From the head down, multiplying at each step."""
    rates, rate = {}, learning_rate
    for layer in layers[::-1]:
        for name in params:
            if name[: name.rindex("_")] == layer:
                rates[name] = rate
        rate *= decay
    return rates


@right("layer_rates")
def rates_by_index(params, layers, learning_rate, decay=0.5):
    """With the index of the layer, and NumPy powers."""
    powers = learning_rate * np.power(decay, np.arange(len(layers))[::-1])
    return {name: powers[list(layers).index(layer_of(name))] for name in params}


# ---- joint_loss

slips(
    "joint_loss",
    (
        "the gradient is not weighted: the weight multiplies loss and gradient alike",
        "= weight * dknown",
        "= dknown",
    ),
    (
        "the loss is not weighted: the weight multiplies loss and gradient alike",
        "loss += weight * task_loss",
        "loss += task_loss",
    ),
    (
        "nothing is weighted",
        "loss += weight * task_loss",
        "loss += task_loss",
        "= weight * dknown",
        "= dknown",
    ),
    (
        "the sum is divided by the number of tasks: the weights say how much each counts",
        "loss += weight * task_loss",
        "weight = weight / len(weights)\nloss += weight * task_loss",
    ),
    (
        "the weights are divided by their sum: use them as they are",
        "loss += weight * task_loss",
        "weight = weight / sum(weights.values())\nloss += weight * task_loss",
    ),
    (
        "the loss is that of the last task: add up",
        "loss += weight * task_loss",
        "loss = weight * task_loss",
    ),
    (
        "the mean goes over all images: divide by the number of those that have a label",
        "loss += weight * task_loss",
        "weight = weight * known.mean()\nloss += weight * task_loss",
    ),
    (
        "the gradient of the first images is that of the labelled ones: put it back where they came from",
        "dscores[task][known] = weight * dknown",
        "dscores[task][: len(dknown)] = weight * dknown",
    ),
    (
        "the labels of class 0 are taken for missing ones: -1 says that there is no label",
        "labels[task] >= 0",
        "labels[task] > 0",
    ),
    (
        "the weight is squared in the gradient: multiply by it once",
        "= weight * dknown",
        "= weight * weight * dknown",
    ),
    (
        "dscores has the labelled images only: put their rows into zeros, and the others have the gradient 0",
        "dscores[task][known] = weight * dknown",
        "dscores[task] = weight * dknown",
    ),
)


@wrong("joint_loss", "images without a label count as images of the last class: -1 as an index is the last column")
def missing_is_last_class(scores, labels, weights):
    loss, dscores = 0.0, {}
    for task, weight in weights.items():
        rows = np.arange(len(labels[task]))
        p = np.exp(scores[task] - scores[task].max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        loss -= weight * np.mean(np.log(p[rows, labels[task]]))
        p[rows, labels[task]] -= 1
        dscores[task] = weight * p / len(p)
    return loss, dscores


@wrong("joint_loss", "images without a label count as images of class 0 in the loss: leave them out of it")
def missing_is_class_0(scores, labels, weights):
    loss, dscores = 0.0, {}
    for task, weight in weights.items():
        task_loss, d = softmax_loss(scores[task], np.maximum(labels[task], 0))
        d[labels[task] < 0] = 0
        loss, dscores[task] = loss + weight * task_loss, weight * d
    return loss, dscores


@wrong("joint_loss", "a task without any label becomes nan, a mean of nothing: skip it")
def mean_of_nothing(scores, labels, weights):
    loss, dscores = 0.0, {}
    for task, weight in weights.items():
        known = labels[task] >= 0
        p = np.exp(scores[task] - scores[task].max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        rows = np.flatnonzero(known)
        loss -= weight * np.divide(np.log(p[rows, labels[task][rows]]).sum(), known.sum())
        p[rows, labels[task][rows]] -= 1
        p[~known] = 0
        dscores[task] = (weight * np.divide(p, known.sum())).astype(scores[task].dtype)
    return loss, dscores


@wrong("joint_loss", "images that lack one label are left out of all tasks: each task has its own labelled images")
def complete_images_only(scores, labels, weights):
    known = np.all([labels[task] >= 0 for task in labels], axis=0)
    loss, dscores = 0.0, {task: np.zeros_like(scores[task]) for task in scores}
    for task, weight in weights.items():
        if known.any():
            task_loss, d = softmax_loss(scores[task][known], labels[task][known])
            loss += weight * task_loss
            dscores[task][known] = weight * d
    return loss, dscores


@right("joint_loss")
def joint_with_a_mask(scores, labels, weights):
    """All rows are computed, and those without a label multiplied by 0."""
    loss, dscores = 0.0, {}
    for task in scores:
        x, y = scores[task], labels[task]
        known = (y >= 0).astype(x.dtype)[:, None]
        shifted = x - x.max(axis=1, keepdims=True)
        logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        truth = np.eye(x.shape[1], dtype=x.dtype)[np.maximum(y, 0)] * known
        share = weights[task] / max(known.sum(), 1)
        loss -= share * np.sum(truth * logs)
        dscores[task] = (share * (np.exp(logs) * known - truth)).astype(x.dtype)
    return loss, dscores


@right("joint_loss")
def joint_with_row_numbers(scores, labels, weights):
    """With the numbers of the labelled rows."""
    total, grads = 0, {}
    for task, s in scores.items():
        rows = np.flatnonzero(labels[task] != -1)
        grads[task] = np.zeros(s.shape, s.dtype)
        if rows.size == 0:
            continue
        part, d = softmax_loss(s[rows], labels[task][rows])
        total = total + weights[task] * part
        grads[task][rows] = d * weights[task]
    return total, grads


# ---- shared_gradient

slips(
    "shared_gradient",
    (
        "dfeatures is that of the last head alone: add up what all heads send back",
        "dfeatures = dfeatures + dscores[task] @ w.T",
        "dfeatures = dscores[task] @ w.T",
    ),
    (
        "the mean of the heads' gradients is taken: they add up",
        "dfeatures = dfeatures + dscores[task] @ w.T",
        "dfeatures = dfeatures + dscores[task] @ w.T / len(heads)",
    ),
    (
        "db is the mean over the images: the biases are added to every row, so the gradients add up",
        "dscores[task].sum(axis=0)",
        "dscores[task].mean(axis=0)",
    ),
    (
        "dw is transposed: it has the shape of w",
        "features.T @ dscores[task]",
        "dscores[task].T @ features",
    ),
    (
        "dw is divided by the number of images: the mean is in dscores already",
        "features.T @ dscores[task]",
        "features.T @ dscores[task] / len(features)",
    ),
    (
        "dw and db are swapped: the weights come first",
        "(features.T @ dscores[task], dscores[task].sum(axis=0))",
        "(dscores[task].sum(axis=0), features.T @ dscores[task])",
    ),
    (
        "the gradients are multiplied where they should be added up",
        "np.zeros_like(features), {}",
        "np.ones_like(features), {}",
        "dfeatures + dscores[task] @ w.T",
        "dfeatures * (dscores[task] @ w.T)",
    ),
    (
        "dfeatures starts from the features: start from zeros",
        "np.zeros_like(features), {}",
        "features.copy(), {}",
    ),
    (
        "db adds up over the classes: it has one entry for each class",
        "dscores[task].sum(axis=0)",
        "dscores[task].sum(axis=1)",
    ),
)


@wrong("shared_gradient", "dfeatures is that of the first head alone: add up what all heads send back")
def gradient_of_the_first_head(dscores, features, heads):
    first = next(iter(heads))
    dheads = {task: (features.T @ dscores[task], dscores[task].sum(axis=0)) for task in heads}
    return dscores[first] @ heads[first][0].T, dheads


@wrong("shared_gradient", "the gradients of the heads stay apart in a dict: dfeatures is one array, their sum")
def gradient_for_each_head(dscores, features, heads):
    dheads = {task: (features.T @ dscores[task], dscores[task].sum(axis=0)) for task in heads}
    return {task: dscores[task] @ w.T for task, (w, _) in heads.items()}, dheads


@wrong("shared_gradient", "features is modified in place")
def gradient_into_features(dscores, features, heads):
    dheads = {task: (features.T @ dscores[task], dscores[task].sum(axis=0)) for task in heads}
    features[...] = 0
    for task in heads:
        features += dscores[task] @ heads[task][0].T
    return features, dheads


@right("shared_gradient")
def gradient_by_layers(dscores, features, heads):
    """With affine_forward for the cache and affine_backward."""
    parts = {task: affine_backward(dscores[task], affine_forward(features, *head)[1]) for task, head in heads.items()}
    return sum(part[0] for part in parts.values()), {task: part[1:] for task, part in parts.items()}


@right("shared_gradient")
def gradient_of_one_wide_head(dscores, features, heads):
    """All heads side by side are one affine layer."""
    wide = np.concatenate([head[0] for head in heads.values()], axis=1)
    d = np.concatenate([dscores[task] for task in heads], axis=1)
    ends = np.cumsum([head[0].shape[1] for head in heads.values()])[:-1]
    dws, dbs = np.split(features.T @ d, ends, axis=1), np.split(d.sum(axis=0), ends)
    return d @ wide.T, dict(zip(heads, zip(dws, dbs, strict=True), strict=True))


@right("shared_gradient")
def gradient_by_einsum(dscores, features, heads):
    """With einsum."""
    dfeatures = 0
    for task, (w, _) in heads.items():
        dfeatures = dfeatures + np.einsum("nk,dk->nd", dscores[task], w)
    return dfeatures, {t: (np.einsum("nd,nk->dk", features, d), np.einsum("nk->k", d)) for t, d in dscores.items()}
