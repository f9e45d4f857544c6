"""Implementations of NetworkVisualization's functions as learners write them."""

import numpy as np

from cs231n.graph import Graph
from cs231n.net_visualization import pairwise_distances as squared_distances
from cs231n.net_visualization import score_gradients, tsne_affinities, tsne_loss, tsne_similarities
from zoo import right, wrong

# ---- score_gradients


def _gradients(X, model, dscores):
    """The scores, and the gradient for the array that a function makes of them."""
    graph = Graph()
    image = graph.variable(X)
    scores = model.scores(image)
    return scores.value, graph.gradients(scores, {"X": image}, dscores(scores.value))["X"]


def _one_hot(scores, y):
    dscores = np.zeros_like(scores)
    dscores[np.arange(len(scores)), y] = 1
    return dscores


@wrong("score_gradients", "dscores is all ones: only the score of class y[i] should count, not the sum of all scores")
def gradient_of_all_scores(X, y, model):
    return _gradients(X, model, np.ones_like)


@wrong(
    "score_gradients",
    "dscores[:, y] = 1 sets the columns of all labels in every row: pair each row with its own label",
)
def gradient_of_all_labels(X, y, model):
    def dscores(scores):
        d = np.zeros_like(scores)
        d[:, y] = 1
        return d

    return _gradients(X, model, dscores)


@wrong(
    "score_gradients",
    "the gradient is divided by the number of images: each image has a score of its own, there is no mean",
    rule="one time too many",
)
def gradient_of_the_mean(X, y, model):
    return _gradients(X, model, lambda scores: _one_hot(scores, y) / len(X))


@wrong("score_gradients", "dscores holds the scores themselves at the labels: it should hold 1")
def gradient_times_score(X, y, model):
    return _gradients(X, model, lambda scores: _one_hot(scores, y) * scores)


@wrong(
    "score_gradients",
    "this is the gradient of the softmax loss, probabilities minus 1: what is wanted is that of the score itself",
)
def gradient_of_the_loss(X, y, model):
    def dscores(scores):
        probabilities = np.exp(scores - scores.max(axis=1, keepdims=True))
        return probabilities / probabilities.sum(axis=1, keepdims=True) - _one_hot(scores, y)

    return _gradients(X, model, dscores)


@wrong("score_gradients", "the highest score of each image is followed back: y says which score to look at")
def gradient_of_the_highest(X, y, model):
    return _gradients(X, model, lambda scores: _one_hot(scores, scores.argmax(axis=1)))


@wrong("score_gradients", "only the first image has a 1 in dscores: each image needs one")
def gradient_of_the_first(X, y, model):
    return _gradients(X, model, lambda scores: _one_hot(scores, y) * (np.arange(len(X)) == 0)[:, np.newaxis])


@right("score_gradients")
def gradients_by_comparison(X, y, model):
    return _gradients(X, model, lambda scores: (np.arange(scores.shape[1]) == y[:, np.newaxis]).astype(scores.dtype))


@right("score_gradients")
def gradients_by_loop(X, y, model):
    def dscores(scores):
        d = np.zeros(scores.shape)
        for i, label in enumerate(y):
            d[i, label] = 1.0
        return d

    return _gradients(X, model, dscores)


# ---- compute_saliency_maps


@wrong("compute_saliency_maps", "the absolute value is missing: a strongly negative derivative matters just as much")
def saliency_with_sign(X, y, model):
    return score_gradients(X, y, model)[1].max(axis=1)


@wrong(
    "compute_saliency_maps",
    "the absolute value is taken after the maximum: a strongly negative derivative is lost before",
)
def saliency_absolute_at_the_end(X, y, model):
    return np.abs(score_gradients(X, y, model)[1].max(axis=1))


@wrong("compute_saliency_maps", "the colours are averaged: take the largest of the three absolute values")
def saliency_of_the_mean(X, y, model):
    return np.abs(score_gradients(X, y, model)[1]).mean(axis=1)


@wrong("compute_saliency_maps", "the colours are added up: take the largest of the three absolute values")
def saliency_of_the_sum(X, y, model):
    return np.abs(score_gradients(X, y, model)[1]).sum(axis=1)


@wrong("compute_saliency_maps", "the gradient is multiplied by the image: the map is that of the gradient alone")
def saliency_times_image(X, y, model):
    return np.abs(score_gradients(X, y, model)[1] * X).max(axis=1)


@wrong("compute_saliency_maps", "each map is divided by its maximum: it should hold the derivatives as they are")
def saliency_normalised(X, y, model):
    maps = np.abs(score_gradients(X, y, model)[1]).max(axis=1)
    return maps / maps.max(axis=(1, 2), keepdims=True)


@wrong("compute_saliency_maps", "the axis of the colours is still there: reduce it, axis 1", rule="1 axis too many")
def saliency_of_each_colour(X, y, model):
    return np.abs(score_gradients(X, y, model)[1])


@wrong(
    "compute_saliency_maps",
    "the maximum runs over the columns of the image instead of the colours: in (N, 3, H, W) the colours are axis 1",
)
def saliency_over_the_last_axis(X, y, model):
    return np.abs(score_gradients(X, y, model)[1]).max(axis=-1)


@right("compute_saliency_maps")
def saliency_by_both_ends(X, y, model):
    dX = score_gradients(X, y, model)[1]
    return np.maximum(dX.max(axis=1), -dX.min(axis=1))


@right("compute_saliency_maps")
def saliency_image_by_image(X, y, model):
    return np.stack(
        [np.abs(score_gradients(X[i : i + 1], y[i : i + 1], model)[1][0]).max(axis=0) for i in range(len(X))]
    )


# ---- compute_occlusion_maps


def _occlusion(X, y, model, size, stride, cover, value):
    """Maps of what `value` makes of the scores before and after `cover` has changed a copy of the images."""
    images, (H, W) = np.arange(len(X)), X.shape[2:]
    before = model.scores(X)
    maps = np.zeros((len(X), 1 + (H - size) // stride, 1 + (W - size) // stride))
    for r in range(maps.shape[1]):
        for c in range(maps.shape[2]):
            covered = cover(X.copy(), r * stride, c * stride)
            maps[:, r, c] = value(before, model.scores(covered))[images, y]
    return maps


def _square(size):
    def cover(X, top, left):
        X[:, :, top : top + size, left : left + size] = 0
        return X

    return cover


@wrong("compute_occlusion_maps", "the sign is flipped: the map holds the score before minus the one with the cover")
def occlusion_flipped(X, y, model, size=8, stride=4):
    return _occlusion(X, y, model, size, stride, _square(size), lambda before, after: after - before)


@wrong("compute_occlusion_maps", "the map holds the score with the cover: subtract it from the score before")
def occlusion_without_before(X, y, model, size=8, stride=4):
    return _occlusion(X, y, model, size, stride, _square(size), lambda before, after: after)


@wrong(
    "compute_occlusion_maps",
    "the covers pile up: each one must go on a fresh copy of X",
)
def occlusion_piles_up(X, y, model, size=8, stride=4):
    pile = X.copy()

    def cover(_, top, left):
        pile[:, :, top : top + size, left : left + size] = 0
        return pile

    return _occlusion(X, y, model, size, stride, cover, lambda before, after: before - after)


@wrong("compute_occlusion_maps", "X itself is covered: write the zeros into a copy, X.copy()", rule="in place")
def occlusion_changes_x(X, y, model, size=8, stride=4):
    def cover(_, top, left):
        X[:, :, top : top + size, left : left + size] = 0
        return X

    return _occlusion(X, y, model, size, stride, cover, lambda before, after: before - after)


@wrong("compute_occlusion_maps", "the square begins at r and c: it moves by stride, so it begins at r * stride")
def occlusion_without_stride(X, y, model, size=8, stride=4):
    def cover(X, top, left):
        return _square(size)(X, top // stride, left // stride)

    return _occlusion(X, y, model, size, stride, cover, lambda before, after: before - after)


@wrong("compute_occlusion_maps", "the square is centred on its position: rows from r * stride on are covered")
def occlusion_centred(X, y, model, size=8, stride=4):
    def cover(X, top, left):
        top, left = max(top - size // 2, 0), max(left - size // 2, 0)
        return _square(size)(X, top, left)

    return _occlusion(X, y, model, size, stride, cover, lambda before, after: before - after)


@wrong("compute_occlusion_maps", "rows and columns are swapped: r moves the square down, c moves it to the right")
def occlusion_swapped(X, y, model, size=8, stride=4):
    def cover(X, top, left):
        return _square(size)(X, left, top)

    return _occlusion(X, y, model, size, stride, cover, lambda before, after: before - after)


@wrong("compute_occlusion_maps", "only the first channel is covered: all channels are set to 0")
def occlusion_of_red(X, y, model, size=8, stride=4):
    def cover(X, top, left):
        X[:, 0, top : top + size, left : left + size] = 0
        return X

    return _occlusion(X, y, model, size, stride, cover, lambda before, after: before - after)


@wrong("compute_occlusion_maps", "the drop is divided by the score before: the map holds the difference itself")
def occlusion_relative(X, y, model, size=8, stride=4):
    return _occlusion(X, y, model, size, stride, _square(size), lambda before, after: (before - after) / before)


@wrong("compute_occlusion_maps", "the size of the square is the stride: it has `size` rows and columns")
def occlusion_of_stride(X, y, model, size=8, stride=4):
    return _occlusion(X, y, model, size, stride, _square(stride), lambda before, after: before - after)


@wrong("compute_occlusion_maps", "the mean colour of the image covers the square: it should be covered with 0")
def occlusion_by_the_mean(X, y, model, size=8, stride=4):
    def cover(X, top, left):
        X[:, :, top : top + size, left : left + size] = X.mean(axis=(2, 3), keepdims=True)
        return X

    return _occlusion(X, y, model, size, stride, cover, lambda before, after: before - after)


@right("compute_occlusion_maps")
def occlusion_by_masks(X, y, model, size=8, stride=4):
    def cover(X, top, left):
        mask = np.ones(X.shape[2:], dtype=X.dtype)
        mask[top : top + size, left : left + size] = 0
        return X * mask

    return _occlusion(X, y, model, size, stride, cover, lambda before, after: before - after)


@right("compute_occlusion_maps")
def occlusion_image_by_image(X, y, model, size=8, stride=4):
    _, _, H, W = X.shape
    maps = []
    for image, label in zip(X, y, strict=True):
        rows = []
        for top in range(0, H - size + 1, stride):
            covered = np.repeat(image[np.newaxis], 1 + (W - size) // stride, axis=0)
            for c in range(len(covered)):
                covered[c, :, top : top + size, c * stride : c * stride + size] = 0
            rows.append(model.scores(image[np.newaxis])[0, label] - model.scores(covered)[:, label])
        maps.append(rows)
    return np.array(maps)


# ---- make_fooling_image


def _fooling(X, target_y, model, learning_rate, max_steps, step):
    """Fooling images whose step is made of the gradient by a function."""
    fooling = X.copy()
    for _ in range(max_steps):
        scores, gradient = score_gradients(fooling, np.array([target_y]), model)
        if scores[0].argmax() == target_y:
            break
        fooling = fooling + step(gradient)
    return fooling


@wrong("make_fooling_image", "the gradient is not divided by its norm: every step should have the same length")
def fooling_not_normalised(X, target_y, model, learning_rate=1.0, max_steps=100):
    return _fooling(X, target_y, model, learning_rate, max_steps, lambda g: learning_rate * g)


@wrong("make_fooling_image", "the step goes downhill: the target's score should rise, so the gradient is added")
def fooling_downhill(X, target_y, model, learning_rate=1.0, max_steps=100):
    return _fooling(X, target_y, model, learning_rate, max_steps, lambda g: -learning_rate * g / np.linalg.norm(g))


@wrong("make_fooling_image", "the gradient is divided by its squared norm: the square root is missing")
def fooling_squared_norm(X, target_y, model, learning_rate=1.0, max_steps=100):
    return _fooling(X, target_y, model, learning_rate, max_steps, lambda g: learning_rate * g / np.sum(g**2))


@wrong("make_fooling_image", "the gradient is divided by its largest entry: divide it by its norm over all pixels")
def fooling_by_the_largest(X, target_y, model, learning_rate=1.0, max_steps=100):
    return _fooling(X, target_y, model, learning_rate, max_steps, lambda g: learning_rate * g / np.abs(g).max())


@wrong("make_fooling_image", "only the sign of the gradient is used: the step is the gradient divided by its norm")
def fooling_by_sign(X, target_y, model, learning_rate=1.0, max_steps=100):
    return _fooling(X, target_y, model, learning_rate, max_steps, lambda g: learning_rate * np.sign(g))


@wrong(
    "make_fooling_image",
    "the loop never stops early: stop as soon as the target has the highest score",
)
def fooling_never_stops(X, target_y, model, learning_rate=1.0, max_steps=100):
    fooling = X.copy()
    for _ in range(max_steps):
        gradient = score_gradients(fooling, np.array([target_y]), model)[1]
        fooling += learning_rate * gradient / np.linalg.norm(gradient)
    return fooling


@wrong(
    "make_fooling_image",
    "a step is taken before the scores are looked at: the first image on the way that fools the network is the result",
)
def fooling_one_too_many(X, target_y, model, learning_rate=1.0, max_steps=100):
    fooling = X.copy()
    for _ in range(max_steps):
        scores, gradient = score_gradients(fooling, np.array([target_y]), model)
        fooling += learning_rate * gradient / np.linalg.norm(gradient)
        if scores[0].argmax() == target_y:
            break
    return fooling


@wrong("make_fooling_image", "every gradient is that of the first image: take it at the image of each step")
def fooling_along_a_line(X, target_y, model, learning_rate=1.0, max_steps=100):
    fooling, (_, gradient) = X.copy(), score_gradients(X, np.array([target_y]), model)
    for _ in range(max_steps):
        if model.scores(fooling)[0].argmax() == target_y:
            break
        fooling += learning_rate * gradient / np.linalg.norm(gradient)
    return fooling


@wrong("make_fooling_image", "the class that wins so far is pushed up: follow the score of target_y")
def fooling_towards_the_winner(X, target_y, model, learning_rate=1.0, max_steps=100):
    fooling = X.copy()
    for _ in range(max_steps):
        winner = model.scores(fooling)[0].argmax()
        if winner == target_y:
            break
        gradient = score_gradients(fooling, np.array([winner]), model)[1]
        fooling += learning_rate * gradient / np.linalg.norm(gradient)
    return fooling


@right("make_fooling_image")
def fooling_looks_after_each_step(X, target_y, model, learning_rate=1.0, max_steps=100):
    fooling = X.copy()
    steps = 0
    while steps < max_steps and model.scores(fooling).argmax() != target_y:
        gradient = score_gradients(fooling, np.full(1, target_y), model)[1]
        fooling = fooling + gradient * (learning_rate / np.sqrt((gradient**2).sum()))
        steps += 1
    return fooling


# ---- class_visualization_update_step


def _update(X, target_y, model, step):
    return X + step(score_gradients(X, np.array([target_y]), model)[1])


def _unit(gradient):
    return gradient / np.linalg.norm(gradient)


@wrong("class_visualization_update_step", "the term of l2_reg is missing: large values are not held back")
def visualization_without_l2(X, target_y, model, l2_reg=1e-3, learning_rate=1.0):
    return _update(X, target_y, model, lambda g: learning_rate * _unit(g))


@wrong("class_visualization_update_step", "the factor 2 is missing: the derivative of l2_reg * x^2 is 2 * l2_reg * x")
def visualization_without_2(X, target_y, model, l2_reg=1e-3, learning_rate=1.0):
    return _update(X, target_y, model, lambda g: learning_rate * _unit(g - l2_reg * X))


@wrong("class_visualization_update_step", "the term of l2_reg is added: subtract it, so that it shrinks X")
def visualization_growing(X, target_y, model, l2_reg=1e-3, learning_rate=1.0):
    return _update(X, target_y, model, lambda g: learning_rate * _unit(g + 2 * l2_reg * X))


@wrong("class_visualization_update_step", "the term of l2_reg is the penalty itself: its derivative is 2 * l2_reg * X")
def visualization_with_the_penalty(X, target_y, model, l2_reg=1e-3, learning_rate=1.0):
    return _update(X, target_y, model, lambda g: learning_rate * _unit(g - l2_reg * np.sum(X**2)))


@wrong(
    "class_visualization_update_step",
    "only the gradient of the score is divided by its norm: subtract the term of l2_reg first",
)
def visualization_normalised_too_early(X, target_y, model, l2_reg=1e-3, learning_rate=1.0):
    return _update(X, target_y, model, lambda g: learning_rate * (_unit(g) - 2 * l2_reg * X))


@wrong("class_visualization_update_step", "the gradient is not divided by its norm")
def visualization_not_normalised(X, target_y, model, l2_reg=1e-3, learning_rate=1.0):
    return _update(X, target_y, model, lambda g: learning_rate * (g - 2 * l2_reg * X))


@wrong("class_visualization_update_step", "the step goes downhill: the score should grow, so the step is added")
def visualization_downhill(X, target_y, model, l2_reg=1e-3, learning_rate=1.0):
    return _update(X, target_y, model, lambda g: -learning_rate * _unit(g - 2 * l2_reg * X))


@wrong("class_visualization_update_step", "X is modified in place (X += ...): return a new array", rule="in place")
def visualization_in_place(X, target_y, model, l2_reg=1e-3, learning_rate=1.0):
    X += learning_rate * _unit(score_gradients(X, np.array([target_y]), model)[1] - 2 * l2_reg * X)
    return X


@wrong("class_visualization_update_step", "the step alone is returned: add it to X")
def visualization_step_alone(X, target_y, model, l2_reg=1e-3, learning_rate=1.0):
    return _update(X, target_y, model, lambda g: learning_rate * _unit(g - 2 * l2_reg * X)) - X


@right("class_visualization_update_step")
def visualization_by_parts(X, target_y, model, l2_reg=1e-3, learning_rate=1.0):
    direction = -2.0 * l2_reg * X
    direction += score_gradients(X, np.array([target_y]), model)[1]
    direction *= learning_rate / np.sqrt(np.vdot(direction, direction))
    return X + direction


# ---- deepdream


def _dream(X, layer, model, num_steps, jitter, seed, step, back=-1):
    """DeepDream whose step is made of the gradient for `maps`, and of the maps, by a function."""
    rng = np.random.RandomState(seed)
    for _ in range(num_steps):
        down, right_ = rng.randint(-jitter, jitter + 1, size=2)
        X = np.roll(X, (down, right_), axis=(2, 3))
        X = X + step(X)
        X = np.roll(X, (back * down, back * right_), axis=(2, 3))
    return X


def _maps_gradient(X, layer, model, dmaps):
    graph = Graph()
    image = graph.variable(X)
    maps = model.scores(image, layer=layer)
    return graph.gradients(maps, {"X": image}, dmaps(maps.value))["X"]


def _dream_with(dmaps, step):
    def dream(X, layer, model, num_steps=20, learning_rate=1.0, jitter=4, seed=0):
        def one(X):
            return learning_rate * step(_maps_gradient(X, layer, model, dmaps))

        return _dream(X, layer, model, num_steps, jitter, seed, one)

    return dream


@wrong("deepdream", "the gradient at the layer is all ones: the maps themselves are the gradient of half their squares")
def dream_of_ones(*args, **options):
    return _dream_with(np.ones_like, _unit)(*args, **options)


@wrong("deepdream", "the squares of the maps are walked back: the gradient of half the sum of the squares is the maps")
def dream_of_squares(*args, **options):
    return _dream_with(lambda maps: maps**2, _unit)(*args, **options)


@wrong("deepdream", "the gradient is not divided by its norm")
def dream_not_normalised(*args, **options):
    return _dream_with(lambda maps: maps, lambda g: g)(*args, **options)


@wrong("deepdream", "the step goes downhill: what the layer sees grows weaker; add the step")
def dream_downhill(*args, **options):
    return _dream_with(lambda maps: maps, lambda g: -_unit(g))(*args, **options)


@wrong("deepdream", "only the strongest map is strengthened: all maps of the layer count")
def dream_of_the_strongest(*args, **options):
    def strongest(maps):
        sums = np.sum(maps**2, axis=(2, 3), keepdims=True)
        return maps * (sums == sums.max(axis=1, keepdims=True))

    return _dream_with(strongest, _unit)(*args, **options)


@wrong("deepdream", "the layer is always the same: pass layer=layer to the model")
def dream_of_layer_1(X, layer, model, num_steps=20, learning_rate=1.0, jitter=4, seed=0):
    return _dream_with(lambda maps: maps, _unit)(X, 1, model, num_steps, learning_rate, jitter, seed)


@wrong("deepdream", "the scores are strengthened instead of the layer: ask the model for the maps, layer=layer")
def dream_of_scores(X, layer, model, num_steps=20, learning_rate=1.0, jitter=4, seed=0):
    return _dream_with(lambda maps: maps, _unit)(X, None, model, num_steps, learning_rate, jitter, seed)


@right("deepdream")
def dream_of_doubled_maps(*args, **options):
    return _dream_with(lambda maps: 2 * maps, _unit)(*args, **options)


# ---- pairwise_distances


@wrong(
    "pairwise_distances",
    "the square root is taken: the squared distances are wanted",
    rule="the square root of what it should be",
)
def distances_with_root(X):
    return np.sqrt(squared_distances(X))


@wrong("pairwise_distances", "the factor 2 before the product X @ X.T is missing")
def distances_without_2(X):
    squares = np.sum(X**2, axis=1)
    return np.maximum(squares[:, np.newaxis] - X @ X.T + squares, 0)


@wrong("pairwise_distances", "the squared lengths of the columns are missing: they are added as a row")
def distances_without_the_row(X):
    return np.maximum(np.sum(X**2, axis=1)[:, np.newaxis] - 2 * X @ X.T, 0)


@wrong(
    "pairwise_distances",
    "both squared lengths are those of the column: one of them belongs to the row, [:, np.newaxis]",
)
def distances_with_the_row_twice(X):
    squares = np.sum(X**2, axis=1)
    return np.maximum(squares - 2 * X @ X.T + squares, 0)


@wrong("pairwise_distances", "the absolute differences are added up: square them")
def distances_of_city_blocks(X):
    return np.abs(X[:, np.newaxis] - X).sum(axis=2)


@wrong("pairwise_distances", "the differences are averaged over the D numbers: add them up")
def distances_as_mean(X):
    return squared_distances(X) / X.shape[1]


@wrong("pairwise_distances", "rounding leaves distances of equal points a little below 0", rule="below 0")
def distances_not_cut_off(X):
    squares = np.sum(X**2, axis=1)
    return squares[:, np.newaxis] - 2 * X @ X.T + squares


@wrong("pairwise_distances", "the product X.T @ X compares the columns of X: the points are its rows, X @ X.T")
def distances_of_columns(X):
    return squared_distances(X.T)


@right("pairwise_distances")
def distances_by_einsum(X):
    squares = np.einsum("nd,nd->n", X, X)
    distances = -2 * X @ X.T
    distances += squares
    distances += squares[:, np.newaxis]
    return distances.clip(min=0)


@right("pairwise_distances")
def distances_row_by_row(X):
    return np.stack([np.sum((X - x) ** 2, axis=1) for x in X])


# ---- pca


def _directions(centred):
    return np.linalg.svd(centred, full_matrices=False)[2]


@wrong("pca", "the points are not centred: subtract the mean of each column first")
def pca_not_centred(X, num_components=2):
    components = _directions(X)[:num_components]
    return X @ components.T, components


@wrong("pca", "the points are projected without being centred: subtract the mean before the product too")
def pca_projects_the_uncentred(X, num_components=2):
    components = _directions(X - X.mean(axis=0))[:num_components]
    return X @ components.T, components


@wrong("pca", "the mean of each point is subtracted instead of that of each column: axis 0 runs over the points")
def pca_centred_by_rows(X, num_components=2):
    centred = X - X.mean(axis=1, keepdims=True)
    components = _directions(centred)[:num_components]
    return centred @ components.T, components


@wrong("pca", "the directions with the smallest variance are returned: np.linalg.eigh begins with the smallest")
def pca_smallest(X, num_components=2):
    centred = X - X.mean(axis=0)
    vectors = np.linalg.eigh(np.cov(centred, rowvar=False))[1]
    components = vectors[:, :num_components].T
    return centred @ components.T, components


@wrong("pca", "the directions are in order of increasing variance: turn their order around")
def pca_in_reverse_order(X, num_components=2):
    centred = X - X.mean(axis=0)
    components = _directions(centred)[:num_components][::-1]
    return centred @ components.T, components


@wrong("pca", "each column is divided by its standard deviation: only the mean is subtracted")
def pca_standardised(X, num_components=2):
    centred = (X - X.mean(axis=0)) / X.std(axis=0)
    components = _directions(centred)[:num_components]
    return centred @ components.T, components


@wrong(
    "pca",
    "the projections are divided by their spread (the left singular vectors are returned): multiply the centred points "
    "by the directions",
)
def pca_whitened(X, num_components=2):
    U, _, directions = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)
    return U[:, :num_components], directions[:num_components]


@wrong("pca", "components is transposed: each direction is a row", rule="components is transposed")
def pca_transposed(X, num_components=2):
    centred = X - X.mean(axis=0)
    components = _directions(centred)[:num_components].T
    return centred @ components, components


@wrong("pca", "the columns of the third result of np.linalg.svd are taken: the directions are its rows")
def pca_of_columns(X, num_components=2):
    centred = X - X.mean(axis=0)
    components = np.linalg.svd(centred)[2][:, :num_components].T
    return centred @ components.T, components


@wrong("pca", "all directions are returned: keep the first num_components", rule="shape")
def pca_of_all(X, num_components=2):
    centred = X - X.mean(axis=0)
    components = np.linalg.svd(np.vstack([centred, np.zeros((1, X.shape[1]))]))[2][: num_components + 1]
    return centred @ components.T, components


@right("pca")
def pca_by_covariance(X, num_components=2):
    centred = X - X.mean(axis=0)
    variances, vectors = np.linalg.eigh(centred.T @ centred / len(X))
    components = vectors[:, np.argsort(-variances)[:num_components]].T
    return centred @ components.T, components


@right("pca")
def pca_turned(X, num_components=2):
    U, spread, directions = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)
    return -U[:, :num_components] * spread[:num_components], -directions[:num_components]


# ---- tsne_affinities


def _affinities(distances, perplexity, num_steps, wanted, row=None):
    """Affinities by bisection, with parts exchanged: `wanted` says whether rows are too wide."""
    N = len(distances)
    others = distances + np.diag(np.full(N, np.inf))
    others = others - others.min(axis=1, keepdims=True)
    beta, low, high = np.ones((N, 1)), np.zeros((N, 1)), np.full((N, 1), np.inf)
    for _ in range(num_steps):
        P = np.exp(-beta * others)
        P = row(P) if row else P / P.sum(axis=1, keepdims=True)
        too_wide = wanted(P, np.where(P > 0, P * np.log(np.where(P > 0, P, 1)), 0))
        low, high = np.where(too_wide, beta, low), np.where(too_wide, high, beta)
        beta = np.where(np.isinf(high), 2 * beta, (low + high) / 2)
    return (P + P.T) / (2 * N)


@wrong("tsne_affinities", "the entropy is compared with the perplexity itself: compare it with the logarithm of it")
def affinities_without_log(distances, perplexity=30.0, num_steps=50):
    return _affinities(
        distances, perplexity, num_steps, lambda P, terms: -terms.sum(axis=1, keepdims=True) > perplexity
    )


@wrong("tsne_affinities", "rows that are too wide are taken for too narrow: a large entropy means too wide")
def affinities_turned_around(distances, perplexity=30.0, num_steps=50):
    return _affinities(
        distances, perplexity, num_steps, lambda P, terms: -terms.sum(axis=1, keepdims=True) < np.log(perplexity)
    )


@wrong(
    "tsne_affinities",
    "no row is ever found too wide, so each becomes uniform: is the minus sign of the entropy missing, is it a mean "
    "and not a sum, or is it nan, because of 0 log 0?",
)
def affinities_without_minus(distances, perplexity=30.0, num_steps=50):
    return _affinities(
        distances, perplexity, num_steps, lambda P, terms: terms.sum(axis=1, keepdims=True) > np.log(perplexity)
    )


@wrong(
    "tsne_affinities",
    "the logarithm to base 2 is mixed with the natural one: use the same for the entropy and for the perplexity",
)
def affinities_in_bits(distances, perplexity=30.0, num_steps=50):
    return _affinities(
        distances,
        perplexity,
        num_steps,
        lambda P, terms: -terms.sum(axis=1, keepdims=True) / np.log(2) > np.log(perplexity),
    )


@wrong("tsne_affinities", "one beta fits all rows: the entropy is summed over the whole matrix, not row by row")
def affinities_with_one_beta(distances, perplexity=30.0, num_steps=50):
    return _affinities(
        distances,
        perplexity,
        num_steps,
        lambda P, terms: np.full((len(P), 1), -terms.sum() / len(P) > np.log(perplexity)),
    )


@wrong(
    "tsne_affinities",
    "no row is ever found too wide, so each becomes uniform: is the minus sign of the entropy missing, is it a mean "
    "and not a sum, or is it nan, because of 0 log 0?",
)
def affinities_of_means(distances, perplexity=30.0, num_steps=50):
    return _affinities(
        distances, perplexity, num_steps, lambda P, terms: -terms.mean(axis=1, keepdims=True) > np.log(perplexity)
    )


@wrong(
    "tsne_affinities",
    "P is divided by the sum of the whole matrix: each row needs 1 as its own sum, axis=1 with keepdims=True",
)
def affinities_of_the_whole(distances, perplexity=30.0, num_steps=50):
    return _affinities(
        distances,
        perplexity,
        num_steps,
        lambda P, terms: -terms.sum(axis=1, keepdims=True) > np.log(perplexity),
        lambda P: P / P.sum(),
    )


@wrong(
    "tsne_affinities",
    "no row is ever found too wide, so each becomes uniform: is the minus sign of the entropy missing, is it a mean "
    "and not a sum, or is it nan, because of 0 log 0?",
)
def affinities_with_nan(distances, perplexity=30.0, num_steps=50):
    return _affinities(
        distances,
        perplexity,
        num_steps,
        lambda P, terms: -np.sum(P * np.log(P), axis=1, keepdims=True) > np.log(perplexity),
    )


@wrong("tsne_affinities", "the sum of each column is divided by instead of that of each row: axis=1")
def affinities_by_columns(distances, perplexity=30.0, num_steps=50):
    return _affinities(
        distances,
        perplexity,
        num_steps,
        lambda P, terms: -terms.sum(axis=1, keepdims=True) > np.log(perplexity),
        lambda P: P / P.sum(axis=0),
    )


@wrong(
    "tsne_affinities",
    "the entropy has the shape (N,), so beta becomes a matrix: keep (N, 1), with keepdims=True in its sum",
)
def affinities_with_flat_entropy(distances, perplexity=30.0, num_steps=50):
    return _affinities(distances, perplexity, num_steps, lambda P, terms: -terms.sum(axis=1) > np.log(perplexity))


@wrong(
    "tsne_affinities",
    "keepdims=True is missing in the sum of the rows: the sum of row j divides column j",
)
def affinities_with_flat_sum(distances, perplexity=30.0, num_steps=50):
    return _affinities(
        distances,
        perplexity,
        num_steps,
        lambda P, terms: -terms.sum(axis=1, keepdims=True) > np.log(perplexity),
        lambda P: P / P.sum(axis=1),
    )


@right("tsne_affinities")
def affinities_by_perplexity(distances, perplexity=30.0, num_steps=50):
    return _affinities(
        distances, perplexity, num_steps, lambda P, terms: np.exp(-terms.sum(axis=1, keepdims=True)) > perplexity
    )


@right("tsne_affinities")
def affinities_row_by_row(distances, perplexity=30.0, num_steps=50):
    N = len(distances)
    P = np.zeros((N, N))
    for i in range(N):
        others = np.delete(distances[i], i).astype(float)
        others -= others.min()
        beta, low, high = 1.0, 0.0, np.inf
        for _ in range(80):
            p = np.exp(-others * beta)
            p /= p.sum()
            if -np.sum(p[p > 0] * np.log(p[p > 0])) > np.log(perplexity):
                low, beta = beta, beta * 2 if np.isinf(high) else (beta + high) / 2
            else:
                high, beta = beta, (low + beta) / 2
        P[i, np.arange(N) != i] = p
    return (P + P.T) / (2 * N)


# ---- tsne_similarities


def _closeness(Y):
    closeness = 1 / (1 + squared_distances(Y))
    np.fill_diagonal(closeness, 0)
    return closeness


@wrong("tsne_similarities", "the diagonal is not set to 0: no point is its own neighbour")
def similarities_with_diagonal(Y):
    closeness = 1 / (1 + squared_distances(Y))
    return closeness / closeness.sum(), closeness


@wrong("tsne_similarities", "the diagonal is set to 0 after the sum was taken: it still counts in the sum")
def similarities_diagonal_too_late(Y):
    closeness = 1 / (1 + squared_distances(Y))
    Q = closeness / closeness.sum()
    np.fill_diagonal(Q, 0)
    np.fill_diagonal(closeness, 0)
    return Q, closeness


@wrong("tsne_similarities", "each row of Q is divided by its own sum: divide by the sum of all entries")
def similarities_by_rows(Y):
    closeness = _closeness(Y)
    return closeness / closeness.sum(axis=1, keepdims=True), closeness


@wrong("tsne_similarities", "closeness falls off like a Gaussian, exp(-distance): here it is 1 / (1 + distance)")
def similarities_of_gauss(Y):
    closeness = np.exp(-squared_distances(Y))
    np.fill_diagonal(closeness, 0)
    return closeness / closeness.sum(), closeness


@wrong("tsne_similarities", "the root of the squared distance is taken: closeness is 1 / (1 + squared distance)")
def similarities_with_root(Y):
    closeness = 1 / (1 + np.sqrt(squared_distances(Y)))
    np.fill_diagonal(closeness, 0)
    return closeness / closeness.sum(), closeness


@wrong("tsne_similarities", "the 1 is missing in 1 / (1 + squared distance)")
def similarities_without_1(Y):
    closeness = 1 / (squared_distances(Y) + np.diag(np.full(len(Y), np.inf)))
    return closeness / closeness.sum(), closeness


@wrong("tsne_similarities", "Q and closeness are swapped", rule="swapped")
def similarities_swapped(Y):
    closeness = _closeness(Y)
    return closeness, closeness / closeness.sum()


@right("tsne_similarities")
def similarities_by_differences(Y):
    closeness = (1 - np.eye(len(Y))) / (1 + np.sum((Y[:, np.newaxis] - Y) ** 2, axis=-1))
    return closeness / np.sum(closeness), closeness


# ---- tsne_loss


def _kullback_leibler(P, Q):
    related = P > 0
    return np.sum(P[related] * np.log(P[related] / Q[related]))


def _pulled(pull, Y):
    return 4 * (pull.sum(axis=1)[:, np.newaxis] * Y - pull @ Y)


def _loss_with(pull, loss=_kullback_leibler, gradient=_pulled):
    def tsne_loss(Y, P):
        Q, closeness = tsne_similarities(Y)
        return loss(P, Q), gradient(pull(P, Q, closeness), Y)

    return tsne_loss


def _right_pull(P, Q, closeness):
    return (P - Q) * closeness


@wrong("tsne_loss", "0 log 0 becomes nan: only the pairs with P above 0 have a share in the loss")
def loss_with_nan(Y, P):
    return _loss_with(_right_pull, lambda P, Q: np.sum(P * np.log(P / Q)))(Y, P)


@wrong("tsne_loss", "P and Q are swapped in the loss: it is the sum of P log(P / Q)")
def loss_swapped(Y, P):
    def swapped(P, Q):
        both = (P > 0) & (Q > 0)
        return np.sum(Q[both] * np.log(Q[both] / P[both]))

    return _loss_with(_right_pull, swapped)(Y, P)


@wrong("tsne_loss", "the loss is averaged over the pairs: it is a sum")
def loss_as_mean(Y, P):
    return _loss_with(_right_pull, lambda P, Q: _kullback_leibler(P, Q) / P.size)(Y, P)


@wrong("tsne_loss", "the sum of P log P is missing in the loss: only -P log Q is left")
def loss_of_cross_entropy(Y, P):
    return _loss_with(_right_pull, lambda P, Q: -np.sum(P[P > 0] * np.log(Q[P > 0])))(Y, P)


@wrong("tsne_loss", "the factor 4 is missing in dY")
def gradient_without_4(Y, P):
    return _loss_with(_right_pull, gradient=lambda pull, Y: _pulled(pull, Y) / 4)(Y, P)


@wrong("tsne_loss", "dY has the factor 2 where it should have 4: each pair occurs twice in the sum")
def gradient_with_2(Y, P):
    return _loss_with(_right_pull, gradient=lambda pull, Y: _pulled(pull, Y) / 2)(Y, P)


@wrong("tsne_loss", "closeness is missing in dY: that is the gradient of SNE, without the t distribution")
def gradient_without_closeness(Y, P):
    return _loss_with(lambda P, Q, closeness: P - Q)(Y, P)


@wrong("tsne_loss", "the sign of dY is flipped: it is P - Q, not Q - P")
def gradient_flipped(Y, P):
    return _loss_with(lambda P, Q, closeness: (Q - P) * closeness)(Y, P)


@wrong("tsne_loss", "dY uses P alone: the points only attract each other; it is P - Q")
def gradient_of_attraction(Y, P):
    return _loss_with(lambda P, Q, closeness: P * closeness)(Y, P)


@wrong("tsne_loss", "Y[i] is missing in dY: the sum runs over Y[i] - Y[j], not over Y[j] alone")
def gradient_without_own_position(Y, P):
    return _loss_with(_right_pull, gradient=lambda pull, Y: -4 * pull @ Y)(Y, P)


@wrong("tsne_loss", "closeness is divided by its sum in dY: the differences are multiplied by closeness itself")
def gradient_with_q_twice(Y, P):
    return _loss_with(lambda P, Q, closeness: (P - Q) * Q)(Y, P)


@wrong("tsne_loss", "the pulls are averaged over the points: dY[i] is a sum over j", rule="one time too many")
def gradient_as_mean(Y, P):
    return _loss_with(_right_pull, gradient=lambda pull, Y: _pulled(pull, Y) / len(Y))(Y, P)


@right("tsne_loss")
def loss_by_loops(Y, P):
    Q, closeness = tsne_similarities(Y)
    dY = np.zeros_like(Y)
    for i in range(len(Y)):
        for j in range(len(Y)):
            dY[i] += 4 * (P[i, j] - Q[i, j]) * closeness[i, j] * (Y[i] - Y[j])
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.nansum(np.where(P > 0, P * np.log(P / Q), 0)), dY


@right("tsne_loss")
def loss_by_broadcasting(Y, P):
    Q, closeness = tsne_similarities(Y)
    loss = np.sum(P * (np.log(np.maximum(P, 1e-300)) - np.log(np.maximum(Q, 1e-300))))
    return loss, 4 * np.einsum("ij,ijk->ik", (P - Q) * closeness, Y[:, np.newaxis] - Y)


# ---- tsne


def _descent(step, exaggeration=4, early_share=3, momenta=(0.5, 0.8)):
    """t-SNE whose step makes new positions and a new velocity of the old ones, dY and the momentum."""

    def tsne(X, perplexity=30.0, num_steps=300, learning_rate=100.0, seed=0):
        P = tsne_affinities(squared_distances(X), perplexity)
        Y = 1e-4 * np.random.RandomState(seed).randn(len(X), 2)
        velocity = np.zeros_like(Y)
        for i in range(num_steps):
            early = i < num_steps // early_share
            _, dY = tsne_loss(Y, exaggeration * P if early else P)
            Y, velocity = step(Y, velocity, learning_rate * dY, momenta[0] if early else momenta[1])
        return Y - Y.mean(axis=0)

    return tsne


def _momentum(Y, velocity, step, momentum):
    velocity = momentum * velocity - step
    return Y + velocity, velocity


@wrong("tsne", "the step goes uphill: subtract learning_rate * dY from the velocity")
def descent_uphill(*args):
    return _descent(lambda Y, v, step, m: _momentum(Y, v, -step, m))(*args)


@wrong("tsne", "the momentum is missing: the velocity keeps a part of its last value")
def descent_without_momentum(*args):
    return _descent(lambda Y, v, step, m: (Y - step, v))(*args)


@wrong("tsne", "P is never multiplied by 4: it is in the first third of the steps")
def descent_without_exaggeration(*args):
    return _descent(_momentum, exaggeration=1)(*args)


@wrong("tsne", "P stays multiplied by 4 to the end: only in the first third of the steps it is")
def descent_exaggerates_throughout(*args):

    def tsne(X, perplexity=30.0, num_steps=300, learning_rate=100.0, seed=0):
        P = 4 * tsne_affinities(squared_distances(X), perplexity)
        Y = 1e-4 * np.random.RandomState(seed).randn(len(X), 2)
        velocity = np.zeros_like(Y)
        for i in range(num_steps):
            dY = tsne_loss(Y, P)[1]
            Y, velocity = _momentum(Y, velocity, learning_rate * dY, 0.5 if i < num_steps // 3 else 0.8)
        return Y - Y.mean(axis=0)

    return tsne(*args)


@wrong("tsne", "the two momenta are swapped: 0.5 belongs to the first third, 0.8 to the rest")
def descent_momenta_swapped(*args):
    return _descent(_momentum, momenta=(0.8, 0.5))(*args)


@wrong("tsne", "the momentum is 0.8 throughout: in the first third it is 0.5")
def descent_one_momentum(*args):
    return _descent(_momentum, momenta=(0.8, 0.8))(*args)


@wrong("tsne", "the velocity is a running mean, with 1 - momentum before the step: the step has the full learning rate")
def descent_of_running_means(*args):
    return _descent(lambda Y, v, step, m: _momentum(Y, v, (1 - m) * step, m))(*args)


@wrong("tsne", "the velocity replaces the positions: add it to Y")
def descent_without_positions(*args):
    def step(Y, velocity, step, momentum):
        velocity = momentum * velocity - step
        return velocity, velocity

    return _descent(step)(*args)


@right("tsne")
def descent_by_last_move(*args):
    def step(Y, velocity, step, momentum):
        following = Y - step + momentum * velocity
        return following, following - Y

    return _descent(step)(*args)


@right("tsne")
def descent_in_place(*args):
    def step(Y, velocity, step, momentum):
        velocity *= momentum
        velocity -= step
        Y += velocity
        return Y, velocity

    return _descent(step)(*args)
