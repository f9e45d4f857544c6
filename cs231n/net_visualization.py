"""Ways to look into a trained network: what it reacts to, where it looks, and what it takes for a class.

A model here has ``scores(X, layer=None)``: for images X of shape (N, 3, H, W) it returns the scores of shape (N, K), or
the feature maps after a layer; given a `Node` of a graph, it returns a `Node`. Images are preprocessed, as `preprocess`
returns them.
"""

import numpy as np

from cs231n.graph import Graph

MEAN, SCALE = 110.0, 60.0  # roughly the mean and the spread of the pixels of scenes


def preprocess(images):
    """Turn images of 0 to 255, of shape (N, H, W, 3), into the inputs of a network, float32 of shape (N, 3, H, W)."""
    return ((np.asarray(images, dtype=np.float32) - MEAN) / SCALE).transpose(0, 3, 1, 2)


def deprocess(X):
    """Turn inputs of a network, of shape (N, 3, H, W), into images, uint8 of shape (N, H, W, 3)."""
    return np.clip(X * SCALE + MEAN, 0, 255).astype(np.uint8).transpose(0, 2, 3, 1)


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
    graph = Graph()
    image = graph.variable(X)
    scores = model.scores(image)
    dscores = np.zeros_like(scores.value)
    dscores[np.arange(len(X)), y] = 1
    dX = graph.gradients(scores, {"X": image}, dscores)["X"]
    return np.abs(dX).max(axis=1)  # (N, 3, H, W) -> (N, H, W)


def compute_occlusion_maps(X, y, model, size=12, stride=4):
    """Measure how far the score of a class falls when a square of the image is covered with grey.

    Parameters
    ----------
    X : ndarray of shape (N, 3, H, W)
    y : integer ndarray of shape (N,)
    model : object
    size : int
        Height and width of the square, in pixels.
    stride : int
        Distance between two positions of the square.

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
    images = np.arange(N)
    before = model.scores(X)[images, y]
    drops = np.zeros((N, rows, columns), dtype=before.dtype)
    for r in range(rows):
        for c in range(columns):
            covered = X.copy()
            covered[:, :, r * stride : r * stride + size, c * stride : c * stride + size] = 0
            drops[:, r, c] = before - model.scores(covered)[images, y]
    return drops


def make_fooling_image(X, target_y, model, learning_rate=1.0, max_steps=100):
    """Change an image as little as needed until the network takes it for another class.

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
        The first image on the way that has the highest score for the target; the last one if there is none.

    Notes
    -----
    Szegedy et al. (2014), "Intriguing properties of neural networks".
    """
    fooling = X.copy()
    for _ in range(max_steps):
        graph = Graph()
        image = graph.variable(fooling)
        scores = model.scores(image)
        if np.argmax(scores.value[0]) == target_y:
            break
        dscores = np.zeros_like(scores.value)
        dscores[0, target_y] = 1
        gradient = graph.gradients(scores, {"X": image}, dscores)["X"]
        fooling += learning_rate * gradient / np.linalg.norm(gradient)
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
    graph = Graph()
    image = graph.variable(X)
    scores = model.scores(image)
    dscores = np.zeros_like(scores.value)
    dscores[0, target_y] = 1
    gradient = graph.gradients(scores, {"X": image}, dscores)["X"] - 2 * l2_reg * X
    return X + learning_rate * gradient / np.linalg.norm(gradient)


def create_class_visualization(
    target_y, model, shape=(3, 48, 48), num_steps=100, l2_reg=1e-3, learning_rate=1.0, jitter=4, blur_every=10, seed=0
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
    for step in range(num_steps):
        shift = tuple(rng.randint(-jitter, jitter + 1, size=2))
        X = np.roll(X, shift, axis=(2, 3))
        X = class_visualization_update_step(X, target_y, model, l2_reg, learning_rate)
        X = np.roll(X, (-shift[0], -shift[1]), axis=(2, 3))
        if step % blur_every == blur_every - 1:
            X = blur(X)
        X = np.clip(X, -MEAN / SCALE, (255 - MEAN) / SCALE)
    return X


def deepdream(X, layer, model, num_steps=20, learning_rate=1.0, jitter=4, seed=0):
    """Strengthen what a layer sees in an image: the gradient of the layer's maps is the maps themselves.

    Parameters
    ----------
    X : ndarray of shape (1, 3, H, W)
        An image; it stays as it is.
    layer : int
        Number of the convolution, from 1 on.
    model : object
    num_steps : int
    learning_rate : float
        The step is learning_rate * g / ||g||, where g is the gradient of half the sum of the squared maps.
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
    X = X.copy()
    for _ in range(num_steps):
        shift = tuple(rng.randint(-jitter, jitter + 1, size=2))
        X = np.roll(X, shift, axis=(2, 3))
        graph = Graph()
        image = graph.variable(X)
        maps = model.scores(image, layer=layer)
        gradient = graph.gradients(maps, {"X": image}, maps.value)["X"]
        X = X + learning_rate * gradient / np.linalg.norm(gradient)
        X = np.roll(X, (-shift[0], -shift[1]), axis=(2, 3))
    return X


def blur(X):
    """Average each pixel with its neighbours, weighted 1, 2, 1 along each axis; X has the shape (N, C, H, W)."""
    for axis in (2, 3):
        X = (np.roll(X, 1, axis) + 2 * X + np.roll(X, -1, axis)) / 4
    return X


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
        The directions, of length 1, by decreasing variance; the largest entry of each, by its absolute value, is
        positive.

    Notes
    -----
    Pearson (1901), "On lines and planes of closest fit to systems of points in space".
    """
    centred = X - X.mean(axis=0)
    components = np.linalg.svd(centred, full_matrices=False)[2][:num_components]
    largest = np.abs(components).argmax(axis=1)
    components = components * np.sign(components[np.arange(len(components)), largest])[:, np.newaxis]
    projected = centred @ components.T  # (N, D) @ (D, k) -> (N, k)
    return projected, components


def tsne_affinities(distances, perplexity=30.0, num_steps=50):
    """Compute with which probability each point takes another one for its neighbour.

    Row i is p[j] proportional to exp(-distances[i, j] * beta[i]), with p[i] = 0. A bisection finds each beta such that
    the row's perplexity, exp of its entropy, is as wanted; then the matrix is made symmetric: (P + P^T) / (2 N).

    Parameters
    ----------
    distances : ndarray of shape (N, N)
        Squared distances.
    perplexity : float
        Roughly the number of neighbours; less than N.
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
    nearest = others.min(axis=1, keepdims=True)  # subtracted: the probabilities stay the same, and exp is not all 0
    low, high = np.zeros((N, 1)), np.full((N, 1), np.inf)
    beta = np.ones((N, 1))
    for _ in range(num_steps):
        P = np.exp(-(others - nearest) * beta)
        P /= P.sum(axis=1, keepdims=True)
        entropy = -np.sum(P * np.log(np.maximum(P, 1e-300)), axis=1, keepdims=True)
        too_wide = entropy > np.log(perplexity)
        low, high = np.where(too_wide, beta, low), np.where(too_wide, high, beta)
        beta = np.where(np.isinf(high), beta * 2, (low + high) / 2)
    P = (P + P.T) / (2 * N)
    return P


def tsne_loss(Y, P):
    """Compute how far a map is from the wanted neighbourhoods, and the gradient.

    Q[i, j] is proportional to 1 / (1 + ||Y[i] - Y[j]||^2), with zeros on the diagonal and 1 as the sum of all entries;
    the loss is the sum of P log(P / Q).

    Parameters
    ----------
    Y : ndarray of shape (N, 2)
        The positions of the points on the map.
    P : ndarray of shape (N, N)
        From `tsne_affinities`.

    Returns
    -------
    loss : float
    dY : ndarray of shape (N, 2)
    """
    squares = np.sum(Y**2, axis=1)
    closeness = 1 / (1 + squares[:, np.newaxis] - 2 * Y @ Y.T + squares)  # (N, N)
    np.fill_diagonal(closeness, 0)
    Q = closeness / closeness.sum()
    apart = P > 0
    loss = np.sum(P[apart] * np.log(P[apart] / Q[apart]))
    pull = (P - Q) * closeness
    dY = 4 * (pull.sum(axis=1)[:, np.newaxis] * Y - pull @ Y)  # 4 * the sum over j of pull[i, j] * (Y[i] - Y[j])
    return loss, dY


def tsne(X, perplexity=30.0, num_steps=300, learning_rate=100.0, seed=0):
    """Lay out points of many dimensions on a plane such that neighbours stay neighbours.

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
    """
    squares = np.sum(X**2, axis=1)
    distances = np.maximum(squares[:, np.newaxis] - 2 * X @ X.T + squares, 0)
    P = tsne_affinities(distances, perplexity)
    Y = 1e-4 * np.random.RandomState(seed).randn(len(X), 2)
    velocity = np.zeros_like(Y)
    for step in range(num_steps):
        early = step < num_steps // 3  # exaggerated at first, so that clusters form
        _, dY = tsne_loss(Y, 4 * P if early else P)
        velocity = (0.5 if early else 0.8) * velocity - learning_rate * dY
        Y = Y + velocity
    return Y - Y.mean(axis=0)


def pointing_accuracy(maps, masks):
    """Measure how often the highest point of a map lies on the thing that it should point at.

    Parameters
    ----------
    maps : ndarray of shape (N, H, W)
        Such as saliency maps; smaller maps are compared with the pixels at the same relative positions.
    masks : boolean ndarray of shape (N, height, width)

    Returns
    -------
    accuracy, chance : float
        The fraction of maps that point at their thing, and that of random pixels: the mean area of the things.
    """
    N, H, W = maps.shape
    rows, columns = np.divmod(maps.reshape(N, -1).argmax(axis=1), W)
    rows = ((rows + 0.5) * masks.shape[1] / H).astype(int)
    columns = ((columns + 0.5) * masks.shape[2] / W).astype(int)
    return float(masks[np.arange(N), rows, columns].mean()), float(masks.mean())
