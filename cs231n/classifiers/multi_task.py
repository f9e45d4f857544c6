"""One net with several heads: a shared trunk of convolutions, and a linear layer for each task.

Source: Caruana (1997), "Multitask learning".
"""

from copy import deepcopy

import numpy as np

from cs231n import graph_layers
from cs231n._errors import require_dict, require_fitting, require_sizes
from cs231n._windows import HALF_SIZE
from cs231n.classifiers.graph_net import GraphNet
from cs231n.graph import Node, layer
from cs231n.layers import softmax_loss
from cs231n.transfer import fit_head, layer_features, partial_gradients, replace_head, require_layers


def joint_loss(scores, labels, weights):
    """Compute the loss of several tasks: the weighted sum of their softmax losses.

    Not every image needs a label for every task: the softmax loss of a task is the mean over the images that have one.
    A task without any adds nothing.

    Parameters
    ----------
    scores : dict of ndarray
        For each task, the scores of its classes, of shape (N, K).
    labels : dict of ndarray
        For each task, integers of shape (N,); -1 where an image has no label.
    weights : dict of float
        How much each task counts.

    Returns
    -------
    loss : float
    dscores : dict of ndarray
        For each task, the gradient of the loss with respect to its scores, of shape (N, K).

    Raises
    ------
    ValueError
        If the three do not name the same tasks, or labels do not fit the scores.

    Examples
    --------
    >>> scores = {"kind": np.zeros((2, 2)), "colour": np.zeros((2, 4))}
    >>> labels = {"kind": np.array([0, 1]), "colour": np.array([1, -1])}
    >>> loss, dscores = joint_loss(scores, labels, {"kind": 1.0, "colour": 0.5})
    >>> print(f"{loss:.4f} = log 2 + 0.5 log 4")
    1.3863 = log 2 + 0.5 log 4
    >>> dscores["colour"]
    array([[ 0.125, -0.375,  0.125,  0.125],
           [ 0.   ,  0.   ,  0.   ,  0.   ]])
    """
    _require_same_tasks(scores=scores, labels=labels, weights=weights)
    _require_task_labels(scores, labels)
    ### BEGIN SOLUTION
    loss, dscores = 0.0, {}
    for task, weight in weights.items():
        dscores[task] = np.zeros_like(scores[task])
        known = labels[task] >= 0
        if known.any():
            task_loss, dknown = softmax_loss(scores[task][known], labels[task][known])
            loss += weight * task_loss
            dscores[task][known] = weight * dknown
    ### END SOLUTION
    return loss, dscores


def shared_gradient(dscores, features, heads):
    """Compute the gradients of all heads, and that of the features, which all of them share.

    Each head computes ``features @ w + b``.

    Parameters
    ----------
    dscores : dict of ndarray
        For each task, the gradient of the loss with respect to its scores, of shape (N, K).
    features : ndarray of shape (N, D)
    heads : dict of tuple
        For each task, its weights w of shape (D, K) and biases b of shape (K,).

    Returns
    -------
    dfeatures : ndarray of shape (N, D)
    dheads : dict of tuple
        For each task, dw of shape (D, K) and db of shape (K,).

    Raises
    ------
    ValueError
        If the two do not name the same tasks, or shapes do not fit.

    Examples
    --------
    >>> heads = {"kind": (np.array([[2.0]]), np.zeros(1)), "colour": (np.array([[3.0]]), np.zeros(1))}
    >>> dscores = {"kind": np.array([[1.0]]), "colour": np.array([[10.0]])}
    >>> shared_gradient(dscores, np.array([[5.0]]), heads)[0]  # 1 * 2 + 10 * 3
    array([[32.]])
    """
    _require_same_tasks(dscores=dscores, heads=heads)
    for task, (w, _) in heads.items():
        require_fitting(f"w of {task}", w, (features.shape[1], np.shape(w)[-1]), "the columns of features")
        require_fitting(f"dscores of {task}", dscores[task], (len(features), w.shape[1]), "features @ w")
    ### BEGIN SOLUTION
    dfeatures, dheads = np.zeros_like(features), {}
    for task, (w, _) in heads.items():
        dfeatures = dfeatures + dscores[task] @ w.T  # (N, K) @ (K, D): what was used twice, adds up
        dheads[task] = (features.T @ dscores[task], dscores[task].sum(axis=0))  # (D, N) @ (N, K), and (K,)
    ### END SOLUTION
    return dfeatures, dheads


class MultiTaskNet(GraphNet):
    """A small convolutional trunk with a linear head for each task; some of its layers may be frozen.

    Three 3 x 3 convolutions, each with batch normalisation and ReLU. The first one has a stride of 2, max pooling
    follows the others. The mean of each last map is a feature, and the heads are affine layers on the features.

    Parameters
    ----------
    heads : dict of int
        For each task the number of its classes, such as {"kind": 5}.
    filters : sequence of int
        The number of filters of each convolution.
    weights : dict of float, optional
        How much each task counts in the loss; 1 by default.
    dtype : NumPy dtype

    Raises
    ------
    TypeError
        If heads is no dict.
    ValueError
        If there are no heads or no filters, a size is not an integer of at least 1, a head has the name of a
        convolution, or weights names other tasks.

    Attributes
    ----------
    params : dict of ndarray
        conv<i>_W, conv<i>_gamma and conv<i>_beta for convolution i = 1, 2, ...; <task>_W and <task>_b for each head.
    frozen : sequence of str
        The names of layers that keep their parameters and their running statistics; none at first.

    Examples
    --------
    >>> net = MultiTaskNet({"kind": 5, "colour": 8})
    >>> net.layers
    ('conv1', 'conv2', 'conv3', 'kind', 'colour')
    >>> X = np.zeros((2, 3, 24, 24), np.float32)
    >>> {task: scores.shape for task, scores in net.scores(X).items()}
    {'kind': (2, 5), 'colour': (2, 8)}
    >>> net.frozen = ["conv1", "conv2", "kind"]
    >>> loss, grads = net.loss(X, {"kind": np.array([0, 1]), "colour": np.array([3, 7])})
    >>> sorted(grads)
    ['colour_W', 'colour_b', 'conv3_W', 'conv3_beta', 'conv3_gamma']
    """

    def __init__(self, heads, filters=(12, 24, 48), weights=None, dtype=np.float32):
        super().__init__(dtype)
        require_dict("heads", heads, (), '{"kind": 5}')
        require_sizes(filters=tuple(filters), **heads)
        if not heads or not filters:
            raise ValueError(
                f"there are {len(heads)} heads and {len(filters)} filters: at least one of each is needed."
            )
        self.heads, self.frozen = dict(heads), ()
        self.weights = dict.fromkeys(heads, 1.0) if weights is None else dict(weights)
        _require_same_tasks(heads=heads, weights=self.weights)
        self.trunk = tuple(f"conv{i}" for i in range(1, len(filters) + 1))
        if taken := set(self.trunk) & set(heads):
            raise ValueError(f"heads has {', '.join(sorted(taken))}, the name of a convolution: choose another one.")
        for name, C, F in zip(self.trunk, (3, *filters), filters, strict=False):
            self.add_conv_bn(name, C, F)
        for task, num_classes in self.heads.items():
            self.add_affine(task, filters[-1], num_classes)

    @property
    def layers(self):
        """The names of all layers, from the input to the heads."""
        return (*self.trunk, *self.heads)

    def copy(self):
        """Return a net with parameters and statistics of its own."""
        return deepcopy(self)

    def with_new_head(self, task, num_classes):
        """Return a copy with a new head for other classes in place of that of `task`."""
        new = self.copy()
        new.params = replace_head(self.params, task, num_classes)
        new.heads[task] = num_classes
        return new

    def with_extra_head(self, task, num_classes):
        """Return a copy with one head more, whose weights are random; `task` must be a new name."""
        if task in self.layers:
            raise ValueError(f"task is {task!r}, which is there already: {', '.join(self.layers)}. Choose a new name.")
        require_sizes(num_classes=num_classes)
        new = self.copy()
        new.add_affine(task, len(self.params[f"{self.trunk[-1]}_beta"]), num_classes)
        new.heads[task], new.weights[task] = num_classes, 1.0
        return new

    def with_fitted_head(self, task, X, y, num_classes):
        """Return a copy whose head for `task` is fitted to images X (N, 3, H, W) and labels y (N,), all else frozen."""
        new = self.with_new_head(task, num_classes)
        new.params[f"{task}_W"], new.params[f"{task}_b"] = fit_head(self.features_of(X), y, num_classes)
        return new

    def maps(self, X, params=None):
        """Compute the feature maps after each convolution, before pooling: a list of (N, F, H', W')."""
        params = self.params if params is None else params
        outputs = []
        for i, name in enumerate(self.trunk):
            X = self._convolved(params, name, X, stride=2 if i == 0 else 1)
            outputs.append(X)
            X = graph_layers.max_pool(X, HALF_SIZE) if i > 0 else X
        return outputs

    def _convolved(self, params, name, X, stride):
        """Compute a layer of the trunk; the gradient of its input is computed only if that is a node."""
        W, gamma, beta = (params[f"{name}_{part}"] for part in ("W", "gamma", "beta"))
        conv_param = {"stride": stride, "pad": 1, "needs_dx": isinstance(X, Node)}
        if name in self.frozen:
            return graph_layers.conv_relu(X, *_folded(W, gamma, beta, self._norms[name]), conv_param)
        no_bias = np.zeros(len(self.params[f"{name}_W"]), self.dtype)  # normalisation would take it away again
        return graph_layers.conv_bn_relu(X, W, no_bias, gamma, beta, conv_param, self._norms[name])

    def features(self, X, params=None):
        """Compute the features that all heads share, of shape (N, F)."""
        return graph_layers.global_mean(graph_layers.max_pool(self.maps(X, params)[-1], HALF_SIZE))

    def features_of(self, X):
        """Compute the features of any number of images, batch by batch."""
        return layer_features(lambda batch: [self.features(batch)], X)[0]

    def scores(self, X):
        """Compute the scores of all tasks: a dict of arrays of shape (N, K)."""
        features = self.features_of(X)
        return {task: self.affine(self.params, task, features) for task in self.heads}

    def loss(self, X, y=None):
        """Compute the scores, or the loss and the gradients of all layers that are not frozen.

        Parameters
        ----------
        X : ndarray of shape (N, 3, H, W)
        y : dict of ndarray, optional
            For each task, labels of shape (N,), -1 where there is none. A net with one head takes the labels themselves
            as well, and then its scores are an array instead of a dict.

        Returns
        -------
        dict of ndarray, or tuple (loss, grads)
        """
        if y is None:
            scores = self.scores(X)
            return scores if len(scores) > 1 else next(iter(scores.values()))
        labels = y if isinstance(y, dict) else {self._only_head("y"): y}
        self._set_mode("train")
        try:
            return partial_gradients(lambda params: self._joint_loss(X, labels, params), self.params, self.frozen)
        finally:
            self._set_mode("test")

    def accuracy(self, X, y):
        """Measure the share of images that are classified correctly: a float, or a dict of them if y is a dict."""
        scores = self.scores(X)
        if isinstance(y, dict):
            _require_task_labels(scores, y)
            return {task: float(np.mean(scores[task].argmax(axis=1) == y[task])) for task in y}
        only = scores[self._only_head("y")]
        require_fitting("y", y, (len(only),), "the images of X")
        return float(np.mean(only.argmax(axis=1) == y))

    def _only_head(self, argument):
        """The name of the only head; an error if there are several, and labels do not say which one they are for."""
        if len(self.heads) > 1:
            raise TypeError(f"{argument} must be a dict with labels for each task: {', '.join(self.heads)}.")
        return next(iter(self.heads))

    def _joint_loss(self, X, labels, params):
        arrays = [params[f"{task}_{part}"] for task in self.heads for part in ("W", "b")]
        joint = layer(_heads_forward, _heads_backward, wrt=(0, *range(4, 4 + len(arrays))))
        return joint(self.features(X, params), tuple(self.heads), labels, self.weights, *arrays)

    def _set_mode(self, mode):
        """Set the mode of all normalisations; those of frozen layers stay in test mode, so nothing in them changes."""
        require_layers(self.params, self.frozen, "frozen")
        for name, bn_param in self._norms.items():
            bn_param["mode"] = "test" if name in self.frozen else mode


def _folded(W, gamma, beta, bn_param):
    """Fold a normalisation in test mode into the convolution before it: return new filters and biases."""
    gain = gamma / np.sqrt(bn_param["running_var"] + bn_param.get("eps", 1e-5))
    return W * gain[:, np.newaxis, np.newaxis, np.newaxis], beta - gain * bn_param["running_mean"]


def _heads_forward(features, tasks, labels, weights, *arrays):
    """Compute the joint loss; arrays are the weights and biases of each task's head, one after the other."""
    heads = dict(zip(tasks, zip(arrays[::2], arrays[1::2], strict=True), strict=True))
    scores = {task: features @ w + b for task, (w, b) in heads.items()}
    loss, dscores = joint_loss(scores, labels, weights)
    return loss, (dscores, features, heads)


def _heads_backward(dloss, cache):
    """Compute the gradients of the features and of each array."""
    dfeatures, dheads = shared_gradient(*cache)
    _, _, heads = cache
    return tuple(dloss * grad for grad in (dfeatures, *(part for task in heads for part in dheads[task])))


def _require_task_labels(scores, labels):
    """Raise unless each task of the labels has scores, and a label from -1 on for each row of them."""
    require_dict("scores", scores, labels, '{"kind": scores of shape (N, K)}')
    for task, y in labels.items():
        require_fitting(f"labels of {task}", y, np.shape(scores[task])[:1], "the rows of its scores")
        if np.min(y, initial=0) < -1:
            raise ValueError(
                f"labels of {task} has {np.min(y)}, expected -1 where there is no label, otherwise 0 or more."
            )


def _require_same_tasks(**arguments):
    (first, tasks), *others = arguments.items()
    for name, mapping in arguments.items():
        require_dict(name, mapping, (), '{"kind": ...}, by task')
    for name, mapping in others:
        if set(mapping) != set(tasks):
            raise ValueError(
                f"{first} has the tasks {', '.join(sorted(tasks))}, but {name} has {', '.join(sorted(mapping))}: "
                "all must name the same ones."
            )
