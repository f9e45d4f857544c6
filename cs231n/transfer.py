"""Transfer learning: a net that was trained on one task is the start of another one.

The parameters of a net are a dict of arrays under names such as "conv1_W": the layer, an underline, and the part. The
functions here take such a dict apart, give it a new head, and give each layer a learning rate of its own. None of them
changes the arrays that it gets, so the net that one starts from stays as it was.

Sources: Yosinski, Clune, Bengio and Lipson (2014), "How transferable are features in deep neural networks?"; Howard and
Ruder (2018), "Universal language model fine-tuning for text classification", for learning rates by layer; Kumar and
others (2022), "Fine-tuning can distort pretrained features and underperform out-of-distribution", for training the new
head before the rest.
"""

import numpy as np

from cs231n._errors import (
    nearest,
    require_dict,
    require_fitting,
    require_labels,
    require_not_negative,
    require_probability,
    require_some,
    require_whole,
)
from cs231n._watched import watched
from cs231n.graph import Graph
from cs231n.layers import softmax_loss
from cs231n.optim import adam, cosine_decay

PENALTY = 1e-2  # of the squared weights of a head that `fit_head` fits


def layer_of(name):
    """Return the layer that a parameter belongs to.

    Examples
    --------
    >>> layer_of("conv1_W"), layer_of("conv10_gamma")
    ('conv1', 'conv10')
    """
    return name.rpartition("_")[0]


def replace_head(params, head, num_classes, weight_scale=1e-2):
    """Copy the parameters of a net, with a new last layer for other classes.

    Parameters
    ----------
    params : dict of ndarray
        Among them the head's weights ``<head>_W`` of shape (D, K) and biases ``<head>_b`` of shape (K,).
    head : str
        The name of the layer to replace.
    num_classes : int
        The number of classes of the new task, M.
    weight_scale : float
        The standard deviation of the new weights.

    Returns
    -------
    dict of ndarray
        The same names. ``<head>_W`` of shape (D, M) is drawn from the normal distribution around 0 by ``np.random``,
        ``<head>_b`` of shape (M,) is 0, and both have the type of the old ones. All other arrays are copies: what
        trains the new net does not change the old one.

    Raises
    ------
    ValueError
        If there is no such head, it is no linear layer, num_classes is not an integer of at least 1, or weight_scale is
        negative.

    Examples
    --------
    >>> params = {"conv1_W": np.ones((4, 3, 3, 3)), "kind_W": np.ones((4, 10)), "kind_b": np.ones(10)}
    >>> {name: value.shape for name, value in replace_head(params, "kind", 5).items()}
    {'conv1_W': (4, 3, 3, 3), 'kind_W': (4, 5), 'kind_b': (5,)}
    """
    require_layers(params, [head], "head")
    _require_linear_layer(params, head)
    require_whole("num_classes", num_classes)
    require_not_negative("weight_scale", weight_scale)
    ### BEGIN SOLUTION
    new = {name: value.copy() for name, value in params.items()}
    old_weights = params[f"{head}_W"]  # (D, K)
    new_weights = weight_scale * np.random.randn(len(old_weights), num_classes)  # (D, M)
    new[f"{head}_W"] = new_weights.astype(old_weights.dtype)
    new[f"{head}_b"] = np.zeros(num_classes, old_weights.dtype)
    ### END SOLUTION
    return new


def split_params(params, frozen):
    """Split parameters into those of frozen layers, which stay as they are, and those that are trained.

    Parameters
    ----------
    params : dict of ndarray
        Under names such as "conv1_W".
    frozen : sequence of str
        The names of the layers to freeze, such as "conv1". All parts of such a layer are kept: weights, biases, and the
        gains and shifts of a normalisation.

    Returns
    -------
    kept, trained : dict of ndarray
        Each parameter is in one of them, under its name. The arrays are those of params, not copies.

    Raises
    ------
    ValueError
        If a name in frozen is that of no layer.

    Examples
    --------
    >>> params = {"conv1_W": np.ones(3), "conv1_b": np.ones(1), "conv10_W": np.ones(2)}
    >>> kept, trained = split_params(params, ["conv1"])
    >>> sorted(kept), sorted(trained)
    (['conv1_W', 'conv1_b'], ['conv10_W'])
    """
    require_layers(params, frozen, "frozen")
    ### BEGIN SOLUTION
    kept = {name: value for name, value in params.items() if layer_of(name) in frozen}
    trained = {name: value for name, value in params.items() if name not in kept}
    ### END SOLUTION
    return kept, trained


def partial_gradients(loss, params, frozen):
    """Compute a loss and the gradients of the layers that are not frozen.

    What goes into a graph as an array is a constant: no gradient is computed for it, and none for anything that only
    it needs. So the layers below the lowest trained one cost a forward pass alone.

    Parameters
    ----------
    loss : callable
        Takes a dict with all parameters, arrays or nodes of a graph, and returns the node of the loss.
    params : dict of ndarray
    frozen : sequence of str
        As for `split_params`.

    Returns
    -------
    loss : float
    grads : dict of ndarray
        The gradients of the trained parameters, and of no others.

    Raises
    ------
    ValueError
        If a name in frozen is that of no layer, or all layers are frozen.

    Examples
    --------
    >>> from cs231n.graph_layers import affine, softmax_loss
    >>> x, y = np.ones((2, 3)), np.array([0, 1])
    >>> params = {"first_W": np.eye(3), "first_b": np.zeros(3), "second_W": np.ones((3, 2)), "second_b": np.zeros(2)}
    >>> def loss(p):
    ...     return softmax_loss(affine(affine(x, p["first_W"], p["first_b"]), p["second_W"], p["second_b"]), y)
    >>> value, grads = partial_gradients(loss, params, frozen=["first"])
    >>> print(f"{value:.4f}", sorted(grads))
    0.6931 ['second_W', 'second_b']
    """
    _require_something_to_train(params, frozen)
    graph = Graph()
    ### BEGIN SOLUTION
    kept, trained = split_params(params, frozen)
    nodes = {name: graph.variable(value) for name, value in trained.items()}
    value = loss(kept | nodes)
    grads = graph.gradients(value, nodes)
    ### END SOLUTION
    return float(value.value), grads


def layer_rates(params, layers, learning_rate, decay=0.5):
    """Give each parameter the learning rate of its layer: the deeper below the head, the smaller.

    The last layer has the full rate. Each layer below has `decay` times the rate of the layer above it.

    Parameters
    ----------
    params : dict of ndarray
        The parameters to train; not all layers need to have some among them.
    layers : sequence of str
        The names of all layers of the net, from the input to the head.
    learning_rate : float
        Of the last layer.
    decay : float
        From 0 to 1; 1 gives all layers the same rate.

    Returns
    -------
    dict of float
        A learning rate for each name in params.

    Raises
    ------
    ValueError
        If a parameter belongs to no layer in layers, learning_rate is negative, or decay is not from 0 to 1.

    Examples
    --------
    >>> params = {"conv1_W": np.ones(3), "conv2_W": np.ones(3), "conv2_b": np.ones(1), "head_W": np.ones(2)}
    >>> layer_rates(params, ["conv1", "conv2", "head"], learning_rate=0.8)
    {'conv1_W': 0.2, 'conv2_W': 0.4, 'conv2_b': 0.4, 'head_W': 0.8}
    """
    _require_known(params, layers)
    require_not_negative("learning_rate", learning_rate)
    require_probability("decay", decay)
    ### BEGIN SOLUTION
    depth = {layer: i for i, layer in enumerate(reversed(layers))}  # 0 for the head
    rates = {name: learning_rate * decay ** depth[layer_of(name)] for name in params}
    ### END SOLUTION
    return rates


def layer_features(maps, X, batch_size=100):
    """Describe images by what each layer of a net says of them: the mean of each of its feature maps.

    Parameters
    ----------
    maps : callable
        Takes a batch of n images, returns a list with the outputs of all layers: of shape (n, C, H, W), or of shape
        (n, C) for a layer without positions.
    X : ndarray of shape (N, 3, H, W)
        Images.
    batch_size : int
        The number of images to give to `maps` at a time; the last batch may have fewer.

    Returns
    -------
    list of ndarray
        For each layer, the features of all images, of shape (N, C).

    Raises
    ------
    ValueError
        If there are no images, or batch_size is not an integer of at least 1.

    Examples
    --------
    >>> X = np.arange(12.0).reshape(3, 1, 2, 2)
    >>> layer_features(lambda X: [X, -X], X, batch_size=2)[1].T
    array([[-1.5, -5.5, -9.5]])
    """
    require_some(X, "X", "feature to compute")
    require_whole("batch_size", batch_size)
    ### BEGIN SOLUTION
    batches = [maps(X[start : start + batch_size]) for start in range(0, len(X), batch_size)]
    features = [
        np.concatenate([_mean_of_positions(outputs) for outputs in layer])  # (N, C)
        for layer in zip(*batches, strict=True)  # all batches of one layer after the other
    ]
    ### END SOLUTION
    return features


def _mean_of_positions(outputs):
    """Average feature maps (n, C, H, W) over their positions; rows (n, C) stay as they are."""
    return outputs.mean(axis=tuple(range(2, outputs.ndim)))


def fold_standardisation(w, b, mean, std):
    """Turn a linear layer for standardised features into one that gives the same scores for the features themselves.

    A head is easier to fit to features of mean 0 and standard deviation 1, z = (x - mean) / std. The net computes x, so
    the layer z @ w + b must become x @ w_raw + b_raw.

    Parameters
    ----------
    w : ndarray of shape (D, M)
    b : ndarray of shape (M,)
    mean, std : ndarray of shape (D,)
        Of the features of the training images.

    Returns
    -------
    w_raw : ndarray of shape (D, M)
    b_raw : ndarray of shape (M,)

    Raises
    ------
    ValueError
        If the shapes do not fit, or a standard deviation is 0.

    Examples
    --------
    >>> w, b, mean, std = np.array([[6.0]]), np.array([1.0]), np.array([10.0]), np.array([2.0])
    >>> fold_standardisation(w, b, mean, std)  # the feature 14 is 2 when standardised: 2 * 6 + 1 = 13 = 14 * 3 - 29
    (array([[3.]]), array([-29.]))
    """
    _require_head(w, b, mean, std)
    ### BEGIN SOLUTION
    w_raw = w / std[:, np.newaxis]  # (D, M) / (D, 1): a row of w for each feature
    b_raw = b - mean @ w_raw  # (D,) @ (D, M) -> (M,)
    ### END SOLUTION
    return w_raw, b_raw


# ---- given: what the experiments need besides


def fit_head(features, y, num_classes, num_steps=200, learning_rate=3e-2):
    """Fit a linear classifier to the features of a frozen net, by softmax regression on all of them at once.

    The features are standardised by their own mean and standard deviation, and the result is turned back. The problem
    is convex and starts from 0: no seed changes the result.

    Parameters
    ----------
    features : ndarray of shape (N, D)
    y : integer ndarray of shape (N,)
    num_classes : int
        M.
    num_steps : int
    learning_rate : float

    Returns
    -------
    w : ndarray of shape (D, M)
    b : ndarray of shape (M,)

    Examples
    --------
    >>> features, y = np.array([[3.0], [4.0], [8.0], [9.0]]), np.array([0, 0, 1, 1])
    >>> w, b = fit_head(features, y, 2)
    >>> np.argmax(features @ w + b, axis=1)
    array([0, 0, 1, 1])
    """
    if np.ndim(features) != 2:
        raise ValueError(f"features has shape {np.shape(features)}, expected (N, D): a row of features for each image.")
    require_some(features, "features", "classifier")
    require_labels(y, len(features), num_classes)
    mean, std = features.mean(axis=0), features.std(axis=0) + 1e-5
    z = (features - mean) / std
    params = {"w": np.zeros((z.shape[1], num_classes)), "b": np.zeros(num_classes)}
    configs = {name: {"learning_rate": learning_rate} for name in params}
    for _ in range(num_steps):
        _, dscores = softmax_loss(z @ params["w"] + params["b"], y)
        grads = {"w": z.T @ dscores + PENALTY * params["w"], "b": dscores.sum(axis=0)}
        for name, grad in grads.items():
            params[name], configs[name] = adam(params[name], grad, configs[name])
    return tuple(value.astype(features.dtype) for value in fold_standardisation(params["w"], params["b"], mean, std))


def train(net, X, y, rates, num_steps, batch_size=50):
    """Train a net with Adam, each parameter at a rate of its own, which falls to 0 along half a cosine wave.

    Parameters
    ----------
    net : object
        With ``params``, and ``loss(X, y)`` that returns the loss and the gradients of what is trained.
    X : ndarray of shape (N, ...)
    y : integer ndarray of shape (N,), or dict of them
    rates : dict of float
        The learning rate at the start, for each parameter that the net returns a gradient for.
    num_steps, batch_size : int
        Batches are drawn with replacement by ``np.random``.

    Returns
    -------
    list of float
        The loss of each step.

    Raises
    ------
    ValueError
        If there are no images, X and y differ in length, a number is not whole, or a parameter that is trained has no
        rate.
    """
    require_some(X, "X", "batch to train on")
    for labels in y.values() if isinstance(y, dict) else [y]:
        if len(labels) != len(X):
            raise ValueError(f"y has {len(labels)} labels, but X has {len(X)} images: one for each is needed.")
    require_dict("rates", rates, (), '{"conv1_W": 0.01}; layer_rates makes one')
    require_whole("num_steps", num_steps, least=0)
    require_whole("batch_size", batch_size)
    configs, losses = {}, []
    for step in watched(range(num_steps), "training"):
        batch = np.random.choice(len(X), batch_size)
        loss, grads = net.loss(X[batch], _rows(y, batch))
        for name, grad in grads.items():
            if name not in rates:
                raise ValueError(
                    f"rates has no learning rate for {name}, which is trained: freeze its layer, or add it."
                )
            config = configs.setdefault(name, {})
            config["learning_rate"] = cosine_decay(rates[name], step, num_steps)
            net.params[name], configs[name] = adam(net.params[name], grad, config)
        losses.append(loss)
    return losses


class TrainedPart:
    """A net with frozen layers as a `Solver` wants it: ``params`` holds what is trained, and nothing else.

    Parameters
    ----------
    net : MultiTaskNet
        With one head, and with the names of its frozen layers in ``net.frozen``.
    """

    def __init__(self, net):
        self.net = net
        self._trained = split_params(net.params, net.frozen)[1]

    @property
    def params(self):
        """The parameters of the layers that are not frozen."""
        return self._trained

    @params.setter
    def params(self, trained):
        self.net.params |= trained
        self._trained = trained

    @property
    def bn_params(self):
        """The running statistics that training changes."""
        return self.net.bn_params

    def loss(self, X, y=None):
        """Return the scores, or the loss and the gradients of what is trained."""
        self.net.params |= self._trained  # the Solver replaces arrays in the dict
        return self.net.loss(X, y)


def _rows(y, rows):
    return {name: labels[rows] for name, labels in y.items()} if isinstance(y, dict) else y[rows]


def require_layers(params, layers, argument):
    """Raise unless each of these layers has parameters."""
    if isinstance(layers, str):
        raise TypeError(f"{argument} is the text {layers!r}, expected a list of names: [{layers!r}].")
    known = {layer_of(name) for name in params}
    for layer in layers:
        if layer not in known:
            hint = nearest(layer, known)
            raise ValueError(
                f"{argument}: no parameter belongs to a layer {layer!r}{hint}; there are {_listed(known)}."
            )


def _require_linear_layer(params, head):
    if np.ndim(params.get(f"{head}_W")) != 2 or f"{head}_b" not in params:
        parts = ", ".join(f"{name} {np.shape(value)}" for name, value in params.items() if layer_of(name) == head)
        raise ValueError(f"head is {head!r}, which has {parts}, expected weights (D, K) and biases: the last layer.")


def _require_something_to_train(params, frozen):
    require_layers(params, frozen, "frozen")
    if not {layer_of(name) for name in params} - set(frozen):
        raise ValueError("frozen has all layers, so there is nothing to train: leave at least the head out.")


def _require_known(params, layers):
    missing = {layer_of(name) for name in params} - set(layers)
    if missing:
        raise ValueError(f"layers has no {_listed(missing)}, which params has: list all layers from input to head.")


def _require_head(w, b, mean, std):
    if np.ndim(w) != 2:
        raise ValueError(f"w has shape {np.shape(w)}, expected (D, M): a column of weights for each class.")
    require_fitting("b", b, (w.shape[1],), "the columns of w")
    for name, value in (("mean", mean), ("std", std)):
        require_fitting(name, value, (len(w),), "the rows of w")
    if np.any(std == 0):
        feature = int(np.argmin(std))
        raise ValueError(f"std[{feature}] is 0: that feature never varies. Add a small number to std, such as 1e-5.")


def _listed(names):
    return ", ".join(sorted(names))
