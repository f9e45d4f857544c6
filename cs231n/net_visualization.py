"""Ways to look into a trained network: what it reacts to, where it looks, and what it takes for a class.

A model here has ``scores(X, layer=None)``: for images X of shape (N, 3, H, W) it returns the scores of shape (N, K), or
the feature maps after a layer; given a `Node` of a graph, it returns a `Node`. Images are preprocessed, as `preprocess`
returns them. No function changes the images that it is given.
"""

import numpy as np

from cs231n._watched import watched
from cs231n.graph import Graph

MEAN, SCALE = 110.0, 60.0  # roughly the mean and the spread of the pixels of scenes


def preprocess(images):
    """Turn images of 0 to 255, of shape (N, H, W, 3), into the inputs of a network, float32 of shape (N, 3, H, W)."""
    return ((np.asarray(images, dtype=np.float32) - MEAN) / SCALE).transpose(0, 3, 1, 2)


def deprocess(X):
    """Turn inputs of a network, of shape (N, 3, H, W), into images, uint8 of shape (N, H, W, 3)."""
    return np.clip(X * SCALE + MEAN, 0, 255).astype(np.uint8).transpose(0, 2, 3, 1)


# ---- gradients with respect to the image


def score_gradients(X, y, model):
    """Compute the scores of images, and the gradient of one score of each image with respect to its pixels.

    Parameters
    ----------
    X : ndarray of shape (N, 3, H, W)
        Images.
    y : integer ndarray of shape (N,)
        The class of each image whose score is looked at.
    model : object

    Returns
    -------
    scores : ndarray of shape (N, K)
    dX : ndarray of shape (N, 3, H, W)
        dX[i] is the gradient of scores[i, y[i]] with respect to X[i].

    Examples
    --------
    >>> from cs231n.classifiers.scene_net import SceneNet
    >>> scores, dX = score_gradients(np.zeros((2, 3, 48, 48), dtype=np.float32), np.array([7, 0]), SceneNet.load())
    >>> scores.shape, dX.shape
    ((2, 80), (2, 3, 48, 48))
    """
    graph = Graph()
    image = graph.variable(X)
    scores = model.scores(image)
    ### BEGIN SOLUTION
    dscores = np.zeros_like(scores.value)
    dscores[np.arange(len(X)), y] = 1
    ### END SOLUTION
    dX = graph.gradients(scores, {"X": image}, dscores)["X"]
    return scores.value, dX


def compute_saliency_maps(X, y, model):
    """Compute how much each pixel matters for the score of a class: the largest gradient among its colours.

    Parameters
    ----------
    X : ndarray of shape (N, 3, H, W)
        Images.
    y : integer ndarray of shape (N,)
        The class of each image whose score is looked at.
    model : object

    Returns
    -------
    ndarray of shape (N, H, W)
        The largest absolute value, over the three channels, of the gradient of scores[i, y[i]].

    Notes
    -----
    Simonyan, Vedaldi and Zisserman (2014), "Deep inside convolutional networks".
    """
    ### BEGIN SOLUTION
    _, dX = score_gradients(X, y, model)
    return np.abs(dX).max(axis=1)  # (N, 3, H, W) -> (N, H, W)
    ### END SOLUTION


def compute_occlusion_maps(X, y, model, size=8, stride=4):
    """Measure how far the score of a class falls when a square of the image is covered with grey.

    Parameters
    ----------
    X : ndarray of shape (N, 3, H, W)
    y : integer ndarray of shape (N,)
    model : object
    size : int
        Height and width of the square, in pixels.
    stride : int
        Distance between two positions of the square, in pixels.

    Returns
    -------
    ndarray of shape (N, 1 + (H - size) // stride, 1 + (W - size) // stride)
        Entry (i, r, c): scores[i, y[i]] of the image minus that of the image whose rows from r * stride on and columns
        from c * stride on, `size` of each, are 0.

    Notes
    -----
    Zeiler and Fergus (2014), "Visualizing and understanding convolutional networks".
    """
    N, _, H, W = X.shape
    rows, columns = 1 + (H - size) // stride, 1 + (W - size) // stride
    ### BEGIN SOLUTION
    images = np.arange(N)
    before = model.scores(X)[images, y]
    drops = np.zeros((N, rows, columns), dtype=before.dtype)
    for r in range(rows):
        for c in range(columns):
            top, left = r * stride, c * stride
            covered = X.copy()
            covered[:, :, top : top + size, left : left + size] = 0
            drops[:, r, c] = before - model.scores(covered)[images, y]
    return drops
    ### END SOLUTION


def spread_over_pixels(maps, shape, size=8, stride=4):
    """Turn occlusion maps into maps of the size of the images: the mean of all squares that cover a pixel.

    Parameters
    ----------
    maps : ndarray of shape (N, R, C)
        From `compute_occlusion_maps`, with the same `size` and `stride`.
    shape : (int, int)
        Height and width of the images.
    size, stride : int

    Returns
    -------
    ndarray of shape (N, height, width)
        Pixels that no square covers are as low as the lowest of the others.
    """
    sums, counts = np.zeros((len(maps), *shape)), np.zeros(shape)
    for r in range(maps.shape[1]):
        for c in range(maps.shape[2]):
            square = np.s_[r * stride : r * stride + size, c * stride : c * stride + size]
            sums[(slice(None), *square)] += maps[:, r, c, np.newaxis, np.newaxis]
            counts[square] += 1
    means = sums / np.maximum(counts, 1)
    lowest = means[:, counts > 0].min(axis=1)
    return np.where(counts > 0, means, lowest[:, np.newaxis, np.newaxis])


def pointing_accuracy(maps, masks):
    """Measure how often the highest point of a map lies on the thing that it should point at.

    Parameters
    ----------
    maps : ndarray of shape (N, H, W)
        Such as saliency maps.
    masks : boolean ndarray of shape (N, H, W)
        True where the thing is.

    Returns
    -------
    accuracy, chance : float
        The fraction of maps that point at their thing, and that of random pixels: the mean area of the things.

    Notes
    -----
    The pointing game of Zhang et al. (2018), "Top-down neural attention by excitation backprop".
    """
    N = len(maps)
    highest = maps.reshape(N, -1).argmax(axis=1)
    return float(masks.reshape(N, -1)[np.arange(N), highest].mean()), float(masks.mean())


# ---- images made by gradient ascent


def make_fooling_image(X, target_y, model, learning_rate=1.0, max_steps=100):
    """Change an image a little, step by step, until the network takes it for another class.

    Each step adds learning_rate * g / ||g||, where g is the gradient of the target's score with respect to the image.

    Parameters
    ----------
    X : ndarray of shape (1, 3, H, W)
        An image; it stays as it is.
    target_y : int
        The class that the network should see.
    model : object
    learning_rate : float
        Length of each step.
    max_steps : int

    Returns
    -------
    ndarray of shape (1, 3, H, W)
        The first image on the way whose highest score is the target's; the one after the last step if there is none.

    Notes
    -----
    Szegedy et al. (2014), "Intriguing properties of neural networks".
    """
    fooling = X.copy()
    for _ in range(max_steps):
        ### BEGIN SOLUTION
        scores, gradient = score_gradients(fooling, np.array([target_y]), model)
        if scores[0].argmax() == target_y:
            break
        fooling += learning_rate * gradient / np.linalg.norm(gradient)
        ### END SOLUTION
    return fooling


def class_visualization_update_step(X, target_y, model, l2_reg=1e-3, learning_rate=1.0):
    """Take one step towards an image with a high score: scores[0, target_y] - l2_reg * ||X||^2 grows.

    Parameters
    ----------
    X : ndarray of shape (1, 3, H, W)
        An image; it stays as it is.
    target_y : int
    model : object
    l2_reg : float
        How strongly large values are held back.
    learning_rate : float
        The step is learning_rate * g / ||g||, where g is the gradient of the quantity above.

    Returns
    -------
    ndarray of shape (1, 3, H, W)
        The image after the step.
    """
    ### BEGIN SOLUTION
    _, gradient = score_gradients(X, np.array([target_y]), model)
    gradient = gradient - 2 * l2_reg * X
    return X + learning_rate * gradient / np.linalg.norm(gradient)
    ### END SOLUTION


def create_class_visualization(
    target_y, model, shape=(3, 48, 48), num_steps=100, l2_reg=1e-3, learning_rate=4.0, jitter=4, blur_every=10, seed=0
):
    """Make an image that the network takes for a class, from noise: steps of `class_visualization_update_step`.

    Before each step the image is shifted by a few pixels, and back after it; now and then it is blurred. Both hold back
    patterns of single pixels.

    Parameters
    ----------
    target_y : int
    model : object
    shape : (int, int, int)
        Channels, height and width.
    num_steps : int
    l2_reg, learning_rate : float
        As for the step.
    jitter : int
        The largest shift, in pixels.
    blur_every : int
        Number of steps between two blurs.
    seed : int

    Returns
    -------
    ndarray of shape (1, 3, H, W)

    Notes
    -----
    Yosinski et al. (2015), "Understanding neural networks through deep visualization".
    """
    rng = np.random.RandomState(seed)
    X = 0.1 * rng.randn(1, *shape).astype(np.float32)
    for step in watched(range(num_steps), "climbing"):
        down, right = rng.randint(-jitter, jitter + 1, size=2)
        X = np.roll(X, (down, right), axis=(2, 3))
        X = class_visualization_update_step(X, target_y, model, l2_reg, learning_rate)
        X = np.roll(X, (-down, -right), axis=(2, 3))
        if step % blur_every == blur_every - 1:
            X = blur(X)
        X = np.clip(X, -MEAN / SCALE, (255 - MEAN) / SCALE)
    return X


def deepdream(X, layer, model, num_steps=20, learning_rate=1.0, jitter=4, seed=0):
    """Strengthen what a layer sees in an image: gradient ascent on half the sum of its squared feature maps.

    Each step adds learning_rate * g / ||g||, where g is the gradient with respect to the image.

    Parameters
    ----------
    X : ndarray of shape (1, 3, H, W)
        An image; it stays as it is.
    layer : int
        Number of the convolution, from 1 on.
    model : object
    num_steps : int
    learning_rate : float
        Length of each step.
    jitter : int
        The largest shift before a step, in pixels; the image is shifted back after it.
    seed : int

    Returns
    -------
    ndarray of shape (1, 3, H, W)

    Notes
    -----
    Mordvintsev, Olah and Tyka (2015), "Inceptionism: going deeper into neural networks".
    """
    rng = np.random.RandomState(seed)
    for _ in range(num_steps):
        down, right = rng.randint(-jitter, jitter + 1, size=2)
        X = np.roll(X, (down, right), axis=(2, 3))
        ### BEGIN SOLUTION
        graph = Graph()
        image = graph.variable(X)
        maps = model.scores(image, layer=layer)
        gradient = graph.gradients(maps, {"X": image}, maps.value)["X"]  # of maps**2 / 2, the gradient is maps
        X = X + learning_rate * gradient / np.linalg.norm(gradient)
        ### END SOLUTION
        X = np.roll(X, (-down, -right), axis=(2, 3))
    return X


def invert_features(
    target_feats, layer, model, shape=(3, 48, 48), num_steps=200, learning_rate=0.1, l2_reg=0.0, seed=0
):
    """Look for an image with given feature maps: how much of an image does a layer still know?

    Each step goes against the gradient of ||maps - target_feats||^2 + l2_reg * ||X||^2; the steps shrink to 0.

    Parameters
    ----------
    target_feats : ndarray of shape (1, F, H', W')
        The feature maps of an image.
    layer : int
        The convolution that they come from, from 1 on.
    model : object
    shape : (int, int, int)
        Channels, height and width of the image.
    num_steps : int
    learning_rate : float
        Length of the first step, in root mean squares of a pixel.
    l2_reg : float
    seed : int

    Returns
    -------
    ndarray of shape (1, 3, H, W)

    Notes
    -----
    Mahendran and Vedaldi (2015), "Understanding deep image representations by inverting them".
    """
    rng = np.random.RandomState(seed)
    X = 0.1 * rng.randn(1, *shape).astype(target_feats.dtype)
    for step in watched(range(num_steps), "inverting"):
        graph = Graph()
        image = graph.variable(X)
        maps = model.scores(image, layer=layer)
        gradient = graph.gradients(maps, {"X": image}, 2 * (maps.value - target_feats))["X"] + 2 * l2_reg * X
        rate = learning_rate * (1 - step / num_steps) * np.sqrt(X.size)
        X = X - (rate * gradient / np.linalg.norm(gradient)).astype(X.dtype)
    return X


def blur(X):
    """Average each pixel with its neighbours, weighted 1, 2, 1 along each axis; X has the shape (N, C, H, W)."""
    for axis in (2, 3):
        X = (np.roll(X, 1, axis) + 2 * X + np.roll(X, -1, axis)) / 4
    return X


# ---- maps of many points


def pairwise_distances(X):
    """Compute the squared distance of each point to each other one, without a loop.

    ||X[i] - X[j]||^2 = ||X[i]||^2 - 2 X[i] . X[j] + ||X[j]||^2; below 0, where rounding may lead, it is set to 0.

    Parameters
    ----------
    X : ndarray of shape (N, D)

    Returns
    -------
    ndarray of shape (N, N)

    Examples
    --------
    >>> pairwise_distances(np.array([[0.0, 0.0], [3.0, 4.0]]))
    array([[ 0., 25.],
           [25.,  0.]])
    """
    ### BEGIN SOLUTION
    squares = np.sum(X**2, axis=1)
    return np.maximum(squares[:, np.newaxis] - 2 * X @ X.T + squares, 0)
    ### END SOLUTION


def nearest_neighbors(distances, k=1):
    """Find the k nearest other points of each point, the nearest first.

    Parameters
    ----------
    distances : ndarray of shape (N, N)
        Such as those of `pairwise_distances`.
    k : int

    Returns
    -------
    integer ndarray of shape (N, k)
    """
    others = distances + np.diag(np.full(len(distances), np.inf))  # no point is its own neighbour
    return np.argsort(others, axis=1, kind="stable")[:, :k]


def neighbor_agreement(X, labels, k=1):
    """Measure which share of the k nearest neighbours of a point has the point's label, on average.

    Parameters
    ----------
    X : ndarray of shape (N, D)
    labels : ndarray of shape (N,)
    k : int

    Returns
    -------
    share, chance : float
        The share, and that of neighbours drawn at random.

    Examples
    --------
    >>> neighbor_agreement(np.array([[0.0], [1.0], [5.0], [6.0]]), np.array([0, 0, 1, 1]))
    (1.0, 0.3333333333333333)
    """
    same = labels[:, np.newaxis] == labels  # (N, N)
    N = len(labels)
    near = nearest_neighbors(pairwise_distances(X), k)
    return float(np.take_along_axis(same, near, axis=1).mean()), float((same.sum() - N) / (N * (N - 1)))


def pca(X, num_components=2):
    """Project data onto the directions in which it varies most.

    Parameters
    ----------
    X : ndarray of shape (N, D)
    num_components : int
        Number k of directions.

    Returns
    -------
    projected : ndarray of shape (N, k)
        Coordinates of the centred data along the directions.
    components : ndarray of shape (k, D)
        The directions, of length 1, by decreasing variance; each may point either way.

    Notes
    -----
    Pearson (1901), "On lines and planes of closest fit to systems of points in space".
    """
    ### BEGIN SOLUTION
    centred = X - X.mean(axis=0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)  # in the rows, by decreasing variance
    components = directions[:num_components]
    projected = centred @ components.T  # (N, D) @ (D, k) -> (N, k)
    return projected, components
    ### END SOLUTION


def tsne_affinities(distances, perplexity=30.0, num_steps=50):
    """Compute with which probability each point takes another one for its neighbour.

    Row i of P is proportional to exp(-beta[i] * distances[i, j]), with 0 at j = i and 1 as its sum. A bisection finds
    each beta such that the row's perplexity, exp(-sum of P log P), is as wanted. Then P is made symmetric, with 1 as
    the sum of all entries: (P + P^T) / (2 N).

    Parameters
    ----------
    distances : ndarray of shape (N, N)
        Squared distances.
    perplexity : float
        Roughly the number of neighbours; less than N - 1.
    num_steps : int
        Steps of the bisection, on all rows at once.

    Returns
    -------
    ndarray of shape (N, N)
        Symmetric, with zeros on the diagonal, and 1 as the sum of all entries.

    Notes
    -----
    van der Maaten and Hinton (2008), "Visualizing data using t-SNE".
    """
    N = len(distances)
    others = distances + np.diag(np.full(N, np.inf))
    others -= others.min(axis=1, keepdims=True)  # the rows of P stay the same, and exp is not 0 everywhere
    beta, low, high = np.ones((N, 1)), np.zeros((N, 1)), np.full((N, 1), np.inf)
    for _ in range(num_steps):
        ### BEGIN SOLUTION
        P = np.exp(-beta * others)
        P /= P.sum(axis=1, keepdims=True)
        entropy = -np.sum(P * np.log(np.maximum(P, 1e-300)), axis=1, keepdims=True)  # 0 log 0 counts as 0
        too_wide = entropy > np.log(perplexity)
        ### END SOLUTION
        low, high = np.where(too_wide, beta, low), np.where(too_wide, high, beta)
        beta = np.where(np.isinf(high), 2 * beta, (low + high) / 2)
    return (P + P.T) / (2 * N)


def tsne_similarities(Y):
    """Compute how close the points on a map are to each other, with the long tails of Student's t distribution.

    Parameters
    ----------
    Y : ndarray of shape (N, 2)
        The positions of the points on the map.

    Returns
    -------
    Q : ndarray of shape (N, N)
        `closeness`, divided by the sum of all its entries.
    closeness : ndarray of shape (N, N)
        1 / (1 + ||Y[i] - Y[j]||^2), and 0 on the diagonal.
    """
    ### BEGIN SOLUTION
    closeness = 1 / (1 + pairwise_distances(Y))
    np.fill_diagonal(closeness, 0)
    return closeness / closeness.sum(), closeness
    ### END SOLUTION


def tsne_loss(Y, P):
    """Compute how far a map is from the wanted neighbourhoods, the sum of P log(P / Q), and the gradient.

    Parameters
    ----------
    Y : ndarray of shape (N, 2)
        The positions of the points on the map.
    P : ndarray of shape (N, N)
        From `tsne_affinities`; where it is 0, the loss has no share.

    Returns
    -------
    loss : float
    dY : ndarray of shape (N, 2)
        dY[i] is 4 times the sum over j of (P[i, j] - Q[i, j]) * closeness[i, j] * (Y[i] - Y[j]).
    """
    Q, closeness = tsne_similarities(Y)
    ### BEGIN SOLUTION
    related = P > 0
    loss = np.sum(P[related] * np.log(P[related] / Q[related]))
    pull = (P - Q) * closeness
    dY = 4 * (pull.sum(axis=1, keepdims=True) * Y - pull @ Y)
    ### END SOLUTION
    return loss, dY


def tsne(X, perplexity=30.0, num_steps=300, learning_rate=100.0, seed=0):
    """Lay out points of many dimensions on a plane such that neighbours stay neighbours.

    Gradient descent with momentum: 0.5 in the first third of the steps, in which 4 * P takes the place of P so that
    clusters form, and 0.8 from then on. The velocity starts at 0; each step multiplies it by the momentum, subtracts
    learning_rate * dY, and adds the result to Y.

    Parameters
    ----------
    X : ndarray of shape (N, D)
    perplexity : float
    num_steps : int
    learning_rate : float
    seed : int

    Returns
    -------
    ndarray of shape (N, 2)

    Notes
    -----
    van der Maaten and Hinton (2008), "Visualizing data using t-SNE".
    """
    P = tsne_affinities(pairwise_distances(X), perplexity)
    Y = 1e-4 * np.random.RandomState(seed).randn(len(X), 2)
    velocity = np.zeros_like(Y)
    for step in range(num_steps):
        early = step < num_steps // 3
        ### BEGIN SOLUTION
        _, dY = tsne_loss(Y, 4 * P if early else P)
        velocity = (0.5 if early else 0.8) * velocity - learning_rate * dY
        Y = Y + velocity
        ### END SOLUTION
    return Y - Y.mean(axis=0)
