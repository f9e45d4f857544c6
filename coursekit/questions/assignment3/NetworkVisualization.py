"""Questions of NetworkVisualization: gradients of the image, pictures made by them, and maps of many points.

The networks of the cases consist of layers that no question asks for; they are small, and smooth.
"""

import numpy as np

from coursekit.core.question import Case, Effort, Question, holds
from coursekit.questions import _edges

NOTEBOOK = "NetworkVisualization"
MODULE = "cs231n.net_visualization"


# ---- a small network


def _net(W1, b1, W2, b2, W3, b3, **_):
    from cs231n.classifiers.smooth_net import SmoothNet

    return SmoothNet(W1, b1, W2, b2, W3, b3)


def _net_inputs(rng, N=2, size=(6, 8), num_classes=5, dtype=np.float64):
    """Images, and the weights of a network that takes each image for another class."""
    drawn = {
        "X": rng.randn(N, 3, *size),
        "W1": 0.5 * rng.randn(4, 3, 2, 2),
        "b1": 0.3 * rng.randn(4),
        "W2": 0.7 * rng.randn(6, 4),
        "b2": 0.3 * rng.randn(6),
        "W3": 3 * rng.randn(6, num_classes),
        "b3": rng.randn(num_classes),
    }
    return {name: value.astype(dtype) for name, value in drawn.items()}


def _with_labels(rng, inputs):
    """Labels that all differ, and of which none is the number of its image."""
    N, num_classes = len(inputs["X"]), len(inputs["b3"])
    start = rng.randint(1, num_classes)
    return inputs | {"y": (np.arange(N) + start) % num_classes}


def _labelled(rng, **options):
    return _with_labels(rng, _net_inputs(rng, **options))


def _net_sizes(X, b3, **_):
    return {"N": len(X), "C": X.shape[1], "H": X.shape[2], "W": X.shape[3], "K": len(b3)}


def _run_score_gradients(X, y, **params):
    from cs231n.net_visualization import score_gradients

    scores, dX = score_gradients(X, y, _net(**params))
    return {"scores": scores, "dX": dX}


def _run_saliency(X, y, **params):
    from cs231n.net_visualization import compute_saliency_maps

    return {"maps": compute_saliency_maps(X, y, _net(**params))}


def _run_occlusion(X, y, size, stride, **params):
    from cs231n.net_visualization import compute_occlusion_maps

    return {"maps": compute_occlusion_maps(X, y, _net(**params), size=size, stride=stride)}


def _gradient_cases(run):
    """The cases of functions that look at the gradients of images."""
    return (
        Case("two images", _labelled, run, _net_sizes),
        Case("four images, 3 classes", _four_images, run, _net_sizes),
        Case("one image", lambda rng: _labelled(rng, N=1), run, _net_sizes),
        Case("float32", lambda rng: _labelled(rng, N=3, dtype=np.float32), run, _net_sizes, tolerance=1e-4),
    )


def _four_images(rng):
    """More images than classes, so that some have the same label, and images of very different contrast."""
    inputs = _net_inputs(rng, N=4, size=(4, 6), num_classes=3)
    contrast = np.array([0.1, 1.0, 2.0, 0.5]).reshape(4, 1, 1, 1)
    return inputs | {"X": contrast * inputs["X"], "y": np.array([2, 0, 2, 1])}


score_gradients = Question(
    id="score_gradients",
    title="The gradient of a score",
    notebook=NOTEBOOK,
    points=1,
    minutes=10,
    difficulty=2,
    importance=5,
    hints=(
        "graph.gradients walks back from the scores. It has to be told what arrives there: an array of the shape of "
        "the scores.",
        "For image i only the score of class y[i] counts, with weight 1. All other entries of dscores are 0, and two "
        "index arrays reach all images at once.",
    ),
    implements=(f"{MODULE}:score_gradients",),
    cases=_gradient_cases(_run_score_gradients),
)

compute_saliency_maps = Question(
    id="compute_saliency_maps",
    title="Saliency maps",
    notebook=NOTEBOOK,
    points=2,
    minutes=10,
    difficulty=1,
    importance=4,
    hints=(
        "The gradient of the score is there already: score_gradients returns it. A map has one number for each pixel, "
        "the gradient three.",
        "Both a large positive and a large negative derivative show that a pixel matters. Drop the sign first, then "
        "reduce the axis of the colours.",
    ),
    implements=(f"{MODULE}:compute_saliency_maps",),
    builds_on=("score_gradients",),
    cases=_gradient_cases(_run_saliency),
)


def _occlusion_inputs(rng, square, stride, **options):
    return _labelled(rng, **options) | {"size": square, "stride": stride}


compute_occlusion_maps = Question(
    id="compute_occlusion_maps",
    title="Occlusion maps",
    notebook=NOTEBOOK,
    points=3,
    minutes=20,
    difficulty=2,
    importance=3,
    hints=(
        "Two loops, over the rows and columns of the map, are enough: all images are covered at the same place and "
        "scored in one call.",
        "Cover a fresh copy of X at each place, of all channels. What is stored is the score of class y[i] before, "
        "minus the one with the cover.",
    ),
    implements=(f"{MODULE}:compute_occlusion_maps",),
    cases=(
        Case("size 2, stride 1", lambda rng: _occlusion_inputs(rng, 2, 1), _run_occlusion, _net_sizes),
        Case(
            "size 3, stride 2, four classes",
            lambda rng: _occlusion_inputs(rng, 3, 2, N=3, size=(8, 10), num_classes=4),
            _run_occlusion,
            _net_sizes,
        ),
        Case(
            "size 2, stride 3, one image",
            lambda rng: _occlusion_inputs(rng, 2, 3, N=1, size=(10, 6)),
            _run_occlusion,
            _net_sizes,
        ),
        Case(
            "float32",
            lambda rng: _occlusion_inputs(rng, 4, 2, N=2, size=(6, 8), dtype=np.float32),
            _run_occlusion,
            _net_sizes,
            tolerance=1e-4,
        ),
    ),
)


# ---- images made by gradient ascent


def _target_inputs(rng, margin, learning_rate, max_steps, dtype=np.float64):
    """An image, and a target whose score lies `margin` below the highest one."""
    inputs = _net_inputs(rng, N=1, dtype=dtype)
    scores = _net(**inputs).scores(inputs["X"])[0]
    target = int(scores.argsort()[2])  # neither the highest nor the lowest
    inputs["b3"][target] += scores.max() - scores[target] - dtype(margin)
    return inputs | {"target_y": target, "learning_rate": learning_rate, "max_steps": max_steps}


def _run_fooling(X, target_y, learning_rate, max_steps, **params):
    from cs231n.net_visualization import make_fooling_image

    return {"fooling": make_fooling_image(X, target_y, _net(**params), learning_rate, max_steps)}


make_fooling_image = Question(
    id="make_fooling_image",
    title="Fooling images",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=2,
    importance=3,
    hints=(
        "One call of score_gradients gives the scores and the direction in which the target's score rises fastest.",
        "First ask whether the target wins already, and stop if so. Otherwise add a step whose length, over all "
        "pixels together, is the learning rate.",
    ),
    implements=(f"{MODULE}:make_fooling_image",),
    builds_on=("score_gradients",),
    cases=(
        Case("several steps", lambda rng: _target_inputs(rng, 1.0, 0.15, 100), _run_fooling, _net_sizes, 1e-7),
        Case("the target already wins", lambda rng: _target_inputs(rng, -1.0, 0.5, 10), _run_fooling, _net_sizes),
        Case("too few steps", lambda rng: _target_inputs(rng, 20.0, 0.3, 3), _run_fooling, _net_sizes, 1e-7),
        Case("float32", lambda rng: _target_inputs(rng, 20.0, 0.4, 2, np.float32), _run_fooling, _net_sizes, 1e-4),
    ),
)


def _visualization_inputs(rng, l2_reg, learning_rate, dtype=np.float64):
    return _net_inputs(rng, N=1, dtype=dtype) | {
        "target_y": int(rng.randint(1, 5)),
        "l2_reg": l2_reg,
        "learning_rate": learning_rate,
    }


def _run_visualization_step(X, target_y, l2_reg, learning_rate, **params):
    from cs231n.net_visualization import class_visualization_update_step

    return {"next_X": class_visualization_update_step(X, target_y, _net(**params), l2_reg, learning_rate)}


class_visualization_update_step = Question(
    id="class_visualization_update_step",
    title="A step of class visualisation",
    notebook=NOTEBOOK,
    points=2,
    minutes=10,
    difficulty=2,
    importance=3,
    hints=(
        "The quantity that should grow has two terms, and so does its gradient. What is the derivative of the sum of "
        "the squared pixels?",
        "Subtract twice l2_reg times the image from the gradient of the score. Only then divide by the norm, and take "
        "a step uphill.",
    ),
    implements=(f"{MODULE}:class_visualization_update_step",),
    builds_on=("score_gradients",),
    cases=(
        Case(
            "strong regularisation",
            lambda rng: _visualization_inputs(rng, 0.15, 0.7),
            _run_visualization_step,
            _net_sizes,
        ),
        Case(
            "no regularisation", lambda rng: _visualization_inputs(rng, 0.0, 2.5), _run_visualization_step, _net_sizes
        ),
        Case(
            "float32",
            lambda rng: _visualization_inputs(rng, 0.05, 0.5, np.float32),
            _run_visualization_step,
            _net_sizes,
            1e-4,
        ),
    ),
)


def _dream_inputs(rng, layer, num_steps, learning_rate, jitter, dtype=np.float64):
    return _net_inputs(rng, N=1, dtype=dtype) | {
        "layer": layer,
        "num_steps": num_steps,
        "learning_rate": learning_rate,
        "jitter": jitter,
        "seed": int(rng.randint(1000)),
    }


def _run_dream(X, layer, num_steps, learning_rate, jitter, seed, **params):
    from cs231n.net_visualization import deepdream

    return {"dream": deepdream(X, layer, _net(**params), num_steps, learning_rate, jitter, seed)}


deepdream = Question(
    id="deepdream",
    title="DeepDream",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=3,
    importance=2,
    hints=(
        "What should grow is half the sum of the squared maps of the layer. Its derivative with respect to each entry "
        "of the maps is very simple.",
        "Make a graph with the image as its variable, ask the model for the maps of the layer, and walk back with the "
        "maps as their own gradient.",
    ),
    implements=(f"{MODULE}:deepdream",),
    cases=(
        Case("layer 2, one step", lambda rng: _dream_inputs(rng, 2, 1, 0.8, 0), _run_dream, _net_sizes),
        Case(
            "layer 1, three steps, jitter", lambda rng: _dream_inputs(rng, 1, 3, 0.5, 2), _run_dream, _net_sizes, 1e-7
        ),
        Case("layer 2, four steps, jitter", lambda rng: _dream_inputs(rng, 2, 4, 1.5, 3), _run_dream, _net_sizes, 1e-7),
        Case("float32", lambda rng: _dream_inputs(rng, 2, 2, 0.6, 1, np.float32), _run_dream, _net_sizes, 1e-4),
    ),
)


# ---- maps of many points


def _points(rng, N, D, scales=None, dtype=np.float64):
    """Points of very different distances from the origin, and from each other."""
    X = rng.randn(N, D) * (1 if scales is None else np.asarray(scales)[:, np.newaxis]) + rng.randn(D)
    return {"X": X.astype(dtype)}


def _point_sizes(X, **_):
    return {"N": X.shape[0], "D": X.shape[1]}


def _run_distances(X):
    from cs231n.net_visualization import pairwise_distances

    return {"distances": pairwise_distances(X)}


def _copies(rng):
    """Many pairs of equal points, so that rounding leads below 0 somewhere."""
    return {"X": np.repeat(rng.randn(60, 30) * 30, 2, axis=0)}


def _run_copies(X):
    from cs231n.net_visualization import pairwise_distances

    return {"smallest": float(np.min(pairwise_distances(X)))}


def _judge_copies(inputs, outputs):
    smallest = outputs["smallest"]
    return [
        holds(
            "no distance is below 0",
            smallest >= 0,
            f"the smallest entry is {smallest:.3g}",
            mistake="rounding leaves distances of equal points a little below 0: cut them off with np.maximum",
        )
    ]


_MUCH_MEMORY = Effort(
    "no array of N x N x D entries",
    lambda rng, rows: {"X": rng.randn(rows, 300)},
    "with N = 1,500 and D = 300 the function exceeds the limit on memory (2 GB)",
    "an array of N x N x D differences is built: expand the square instead",
    1_500,
    only_memory=True,
)

pairwise_distances = Question(
    id="pairwise_distances",
    title="Distances of all pairs",
    notebook=NOTEBOOK,
    points=2,
    minutes=10,
    difficulty=2,
    importance=4,
    hints=(
        "Expand the square into three terms: one for the row, one for the column, and one that mixes both, a product "
        "of two matrices.",
        "The squared lengths enter once as a column (N, 1) and once as a row (N,). Cut off at 0 what rounding has made "
        "negative, and take no root.",
    ),
    implements=(f"{MODULE}:pairwise_distances",),
    cases=(
        Case("5 points of 3 numbers", lambda rng: _points(rng, 5, 3), _run_distances, _point_sizes, 1e-7),
        Case("3 points of 7 numbers", lambda rng: _points(rng, 3, 7), _run_distances, _point_sizes, 1e-7),
        Case(
            "points of different scale",
            lambda rng: _points(rng, 4, 4, [0.1, 1, 5, 20]),
            _run_distances,
            _point_sizes,
            1e-7,
        ),
        Case("equal points", _copies, _run_copies, judge=_judge_copies),
        Case("one point", lambda rng: {"X": np.zeros((1, 4))}, _run_distances, _point_sizes, edge=_edges.ONE_INPUT),
    ),
    efforts=(_MUCH_MEMORY,),
)


def _varied(rng, N, D, mean=5.0, dtype=np.float64):
    """Points far from the origin, which vary along slanted directions, along each to a very different extent."""
    directions, _ = np.linalg.qr(rng.randn(D, D))
    spread, _ = np.linalg.qr(rng.randn(N, D) if N > D else rng.randn(D, D))
    X = spread[:N] * 2.0 ** -np.arange(D) @ directions.T * 10 + mean * (1 + rng.rand(D))
    return {"X": X.astype(dtype)}


def _run_pca(X, num_components):
    from cs231n.net_visualization import pca

    projected, components = pca(X, num_components)
    return {"components": components, "projected": projected}


def _turned(inputs, outputs):
    """The same outputs, with each direction turned so that its largest entry is positive: both ways are right."""
    projected, components = (np.asarray(outputs.get(name)) for name in ("projected", "components"))
    if components.ndim != 2 or projected.ndim != 2 or projected.shape[1] != len(components) or not components.size:
        return outputs
    if components.dtype.kind not in "fiu" or projected.dtype.kind not in "fiu":
        return outputs
    largest = components[np.arange(len(components)), np.abs(components).argmax(axis=1)]
    signs = np.where(largest < 0, -1.0, 1.0)
    return {"components": components * signs[:, np.newaxis], "projected": projected * signs}


def _pca_sizes(X, num_components, **_):
    return {"N": X.shape[0], "D": X.shape[1], "k": num_components}


pca = Question(
    id="pca",
    title="Principal components",
    notebook=NOTEBOOK,
    points=2,
    minutes=20,
    difficulty=3,
    importance=4,
    hints=(
        "Centre the points first. The directions are the right singular vectors of the centred points, or the "
        "eigenvectors of their covariance.",
        "np.linalg.svd with full_matrices=False returns them in the rows of its third result, the largest first. "
        "Project the centred points on the first k.",
    ),
    implements=(f"{MODULE}:pca",),
    cases=tuple(
        Case(name, inputs, _run_pca, _pca_sizes, tolerance=1e-6, observe=_turned, edge=edge)
        for name, inputs, edge in (
            ("9 points, 2 of 4 directions", lambda rng: _varied(rng, 9, 4) | {"num_components": 2}, ""),
            ("12 points, 3 of 5 directions", lambda rng: _varied(rng, 12, 5, -20.0) | {"num_components": 3}, ""),
            ("all of 3 directions", lambda rng: _varied(rng, 7, 3) | {"num_components": 3}, ""),
            ("fewer points than numbers", lambda rng: _varied(rng, 4, 6) | {"num_components": 2}, ""),
        )
    ),
)


def _affinity_inputs(rng, N, perplexity, scales=1.0, dtype=np.float64):
    """Squared distances of points of which some lie in a crowd and others alone."""
    X = rng.randn(N, 3) * rng.uniform(0.2, 2, size=(N, 1))
    distances = np.sum((X[:, np.newaxis] - X) ** 2, axis=2) * scales
    return {"distances": distances.astype(dtype), "perplexity": perplexity}


def _run_affinities(distances, perplexity):
    from cs231n.net_visualization import tsne_affinities

    return {"P": tsne_affinities(distances, perplexity)}


def _affinity_sizes(distances, **_):
    return {"N": len(distances)}


tsne_affinities = Question(
    id="tsne_affinities",
    title="t-SNE: the wanted neighbourhoods",
    notebook=NOTEBOOK,
    points=3,
    minutes=25,
    difficulty=4,
    importance=3,
    hints=(
        "Each row is a softmax of the negative distances times its beta. Keep every sum over a row as a column, so "
        "that beta of shape (N, 1) fits.",
        "The logarithm of the perplexity is the entropy of the row. A row is too wide if its entropy is above the "
        "logarithm of the wanted perplexity.",
    ),
    implements=(f"{MODULE}:tsne_affinities",),
    cases=tuple(
        Case(name, inputs, _run_affinities, _affinity_sizes, tolerance=tolerance)
        for name, inputs, tolerance in (
            ("8 points, perplexity 3", lambda rng: _affinity_inputs(rng, 8, 3.0), 1e-6),
            ("12 points, perplexity 7.5", lambda rng: _affinity_inputs(rng, 12, 7.5), 1e-6),
            ("large distances", lambda rng: _affinity_inputs(rng, 9, 2.0, 1e4), 1e-6),
            ("small distances", lambda rng: _affinity_inputs(rng, 7, 4.0, 1e-4), 1e-6),
            ("float32", lambda rng: _affinity_inputs(rng, 6, 3.0, dtype=np.float32), 1e-3),
        )
    ),
)


def _map_inputs(rng, N, spread=1.0):
    return {"Y": spread * rng.randn(N, 2) + rng.randn(2)}


def _run_similarities(Y):
    from cs231n.net_visualization import tsne_similarities

    Q, closeness = tsne_similarities(Y)
    return {"Q": Q, "closeness": closeness}


def _map_sizes(Y, **_):
    return {"N": len(Y)}


tsne_similarities = Question(
    id="tsne_similarities",
    title="t-SNE: the neighbourhoods on the map",
    notebook=NOTEBOOK,
    points=2,
    minutes=10,
    difficulty=2,
    importance=3,
    hints=(
        "The squared distances of all pairs are one call of a function that you wrote above.",
        "Set the diagonal to 0 before you take the sum: a point is not its own neighbour. The sum runs over the whole "
        "matrix, not over a row.",
    ),
    implements=(f"{MODULE}:tsne_similarities",),
    builds_on=("pairwise_distances",),
    cases=(
        Case("5 points", lambda rng: _map_inputs(rng, 5), _run_similarities, _map_sizes),
        Case("8 points, far apart", lambda rng: _map_inputs(rng, 8, 20.0), _run_similarities, _map_sizes),
        Case("6 points, close together", lambda rng: _map_inputs(rng, 6, 0.05), _run_similarities, _map_sizes),
    ),
)


def _loss_inputs(rng, N, spread=1.0, share_of_zeros=0.0):
    """A map, and wanted neighbourhoods: symmetric, with zeros on the diagonal, and 1 as the sum."""
    P = np.triu(rng.rand(N, N) ** 2 * (rng.rand(N, N) >= share_of_zeros), 1)
    P[0, 1] = 0.5
    P = P + P.T
    return _map_inputs(rng, N, spread) | {"P": P / P.sum()}


def _run_loss(Y, P):
    from cs231n.net_visualization import tsne_loss

    loss, dY = tsne_loss(Y, P)
    return {"loss": loss, "dY": dY}


tsne_loss = Question(
    id="tsne_loss",
    title="t-SNE: the loss and its gradient",
    notebook=NOTEBOOK,
    points=3,
    minutes=25,
    difficulty=4,
    importance=3,
    hints=(
        "The loss is a sum over the pairs with P above 0. For the gradient collect all that does not depend on the "
        "difference Y[i] - Y[j] in one matrix first.",
        "Split the sum over j in two: Y[i] times the sum of row i of that matrix, minus the product of the matrix and "
        "Y.",
    ),
    implements=(f"{MODULE}:tsne_loss",),
    builds_on=("tsne_similarities",),
    cases=(
        Case("5 points", lambda rng: _loss_inputs(rng, 5), _run_loss, _map_sizes),
        Case("9 points, far apart", lambda rng: _loss_inputs(rng, 9, 5.0), _run_loss, _map_sizes),
        Case("7 points, some of them unrelated", lambda rng: _loss_inputs(rng, 7, 1.0, 0.5), _run_loss, _map_sizes),
    ),
)


def _layout_inputs(rng, N, perplexity, num_steps, learning_rate):
    return _points(rng, N, 4) | {
        "perplexity": perplexity,
        "num_steps": num_steps,
        "learning_rate": learning_rate,
        "seed": int(rng.randint(1000)),
    }


def _run_tsne(X, perplexity, num_steps, learning_rate, seed):
    from cs231n.net_visualization import tsne

    return {"Y": tsne(X, perplexity, num_steps, learning_rate, seed)}


tsne = Question(
    id="tsne",
    title="t-SNE: the descent",
    notebook=NOTEBOOK,
    points=1,
    minutes=10,
    difficulty=2,
    importance=3,
    hints=(
        "tsne_loss gives the gradient. Which matrix does it get in the first third of the steps, and which one later?",
        "Multiply the velocity by the momentum of the phase, subtract the gradient times the learning rate from it, "
        "then move Y by it.",
    ),
    implements=(f"{MODULE}:tsne",),
    builds_on=("pairwise_distances", "tsne_affinities", "tsne_loss"),
    cases=(
        Case("one step", lambda rng: _layout_inputs(rng, 8, 3.0, 1, 10.0), _run_tsne, _point_sizes, 1e-6),
        Case("two steps", lambda rng: _layout_inputs(rng, 7, 2.5, 2, 10.0), _run_tsne, _point_sizes, 1e-6),
        Case("seven steps", lambda rng: _layout_inputs(rng, 9, 4.0, 7, 2.0), _run_tsne, _point_sizes, 1e-5),
    ),
)

QUESTIONS = (
    score_gradients,
    compute_saliency_maps,
    compute_occlusion_maps,
    make_fooling_image,
    class_visualization_update_step,
    deepdream,
    pairwise_distances,
    pca,
    tsne_affinities,
    tsne_similarities,
    tsne_loss,
    tsne,
)
