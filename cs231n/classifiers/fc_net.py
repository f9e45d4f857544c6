"""Fully connected networks, built from the layers.

Every name in `layers` and `layer_utils` can also be imported from here, as the course's notebooks do.
The regularisation is 0.5 * reg * sum(W^2) over all weights (not biases), so its gradient is reg * W.
"""

import numpy as np

from cs231n._errors import require_dtype, require_labels, require_normalization, require_sizes
from cs231n._weights import SavedModel
from cs231n.layer_utils import *  # part of the contract, see above
from cs231n.layer_utils import affine_relu_backward, affine_relu_forward, hidden_backward, hidden_forward
from cs231n.layers import *  # part of the contract, see above
from cs231n.layers import affine_backward, affine_forward, softmax_loss


class TwoLayerNet(SavedModel):
    """A network with one hidden layer: affine - ReLU - affine - softmax.

    It computes the loss and the gradients; `cs231n.solver.Solver` trains it.

    Parameters
    ----------
    input_dim : int
        D, the number of values in one input.
    hidden_dim : int
        H, the number of hidden units.
    num_classes : int
        C, the number of classes.
    weight_scale : float
        Standard deviation of the initial weights.
    reg : float
        Regularisation strength.

    Attributes
    ----------
    params : dict of ndarray
        W1 of shape (D, H), b1 of shape (H,), W2 of shape (H, C), b2 of shape (C,).
    reg : float
    """

    def __init__(self, input_dim=3 * 32 * 32, hidden_dim=100, num_classes=10, weight_scale=1e-3, reg=0.0):
        require_sizes(input_dim=input_dim, hidden_dim=hidden_dim, num_classes=num_classes)
        self.params = {}
        self.reg = reg
        ### BEGIN SOLUTION
        self.params["W1"] = weight_scale * np.random.randn(input_dim, hidden_dim)
        self.params["b1"] = np.zeros(hidden_dim)
        self.params["W2"] = weight_scale * np.random.randn(hidden_dim, num_classes)
        self.params["b2"] = np.zeros(num_classes)
        ### END SOLUTION

    def loss(self, X, y=None):
        """Compute the scores, or the loss and the gradients.

        Parameters
        ----------
        X : ndarray of shape (N, d_1, ..., d_k)
            Inputs, D = d_1 * ... * d_k.
        y : ndarray of shape (N,), optional
            Labels.

        Returns
        -------
        scores : ndarray of shape (N, C)
            If y is None.
        loss, grads : float, dict of ndarray
            Otherwise; grads has the keys and shapes of `params`.
        """
        if y is not None:
            require_labels(y, len(X))
        ### BEGIN SOLUTION
        W1, b1, W2, b2 = (self.params[name] for name in ("W1", "b1", "W2", "b2"))
        hidden, hidden_cache = affine_relu_forward(X, W1, b1)  # (N, D) -> (N, H)
        scores, scores_cache = affine_forward(hidden, W2, b2)  # (N, H) -> (N, C)
        ### END SOLUTION
        if y is None:
            return scores

        grads = {}
        ### BEGIN SOLUTION
        data_loss, dscores = softmax_loss(scores, y)
        loss = data_loss + 0.5 * self.reg * (np.sum(W1**2) + np.sum(W2**2))

        dhidden, grads["W2"], grads["b2"] = affine_backward(dscores, scores_cache)
        _, grads["W1"], grads["b1"] = affine_relu_backward(dhidden, hidden_cache)
        grads["W1"] += self.reg * W1
        grads["W2"] += self.reg * W2
        ### END SOLUTION
        return loss, grads


class FullyConnectedNet(SavedModel):
    """A network with any number of hidden layers.

    {affine - [normalisation] - ReLU - [dropout]} x (L - 1) - affine - softmax, where brackets mark optional layers.
    `cs231n.solver.Solver` trains it.

    Parameters
    ----------
    hidden_dims : sequence of int
        The number of units of each hidden layer; an empty sequence gives a linear classifier.
    input_dim : int
        D, the number of values in one input.
    num_classes : int
        C, the number of classes.
    dropout_keep_ratio : float
        Fraction of the hidden units that dropout keeps, 0 < dropout_keep_ratio <= 1; 1 means no dropout.
    normalization : None, 'batchnorm' or 'layernorm'
    reg : float
        Regularisation strength.
    weight_scale : float
        Standard deviation of the initial weights.
    dtype : NumPy dtype
        Of the parameters and all computations, float32 or float64; use float64 for gradient checks.
    seed : int, optional
        For dropout: with a seed the same units are dropped each time, as a gradient check needs.
    dropout : float, optional
        Another name for dropout_keep_ratio.

    Attributes
    ----------
    params : dict of ndarray
        W1, b1 for the first layer, W2, b2 for the second, and so on; with normalisation also gamma1, beta1, ... for all
        layers but the last.
    num_layers : int
        L, the number of affine layers: the hidden ones and the last one.
    bn_params : list of dict
        Normalisation settings of each hidden layer; for 'batchnorm' also its running statistics.
    dropout_param : dict
        Dropout settings; empty without dropout.
    """

    def __init__(
        self,
        hidden_dims,
        input_dim=3 * 32 * 32,
        num_classes=10,
        dropout_keep_ratio=1,
        normalization=None,
        reg=0.0,
        weight_scale=1e-2,
        dtype=np.float32,
        seed=None,
        dropout=None,
    ):
        keep = _keep_ratio(dropout_keep_ratio, dropout)
        require_normalization(normalization)
        require_sizes(hidden_dims=list(hidden_dims), input_dim=input_dim, num_classes=num_classes)
        require_dtype(dtype)
        self.normalization = normalization
        self.use_dropout = keep != 1
        self.reg = reg
        self.num_layers = 1 + len(hidden_dims)
        self.dtype = dtype
        self.params = {}
        ### BEGIN SOLUTION
        dims = [input_dim, *hidden_dims, num_classes]
        for i, (rows, columns) in enumerate(zip(dims[:-1], dims[1:], strict=True), 1):
            self.params[f"W{i}"] = weight_scale * np.random.randn(rows, columns)
            self.params[f"b{i}"] = np.zeros(columns)
            if normalization and i < self.num_layers:
                self.params[f"gamma{i}"] = np.ones(columns)
                self.params[f"beta{i}"] = np.zeros(columns)
        ### END SOLUTION
        self.params = {name: w.astype(dtype) for name, w in self.params.items()}

        self.dropout_param = {"mode": "train", "p": keep} if self.use_dropout else {}
        if self.use_dropout and seed is not None:
            self.dropout_param["seed"] = seed
        own_settings = {"batchnorm": {"mode": "train"}, "layernorm": {}}
        self.bn_params = [dict(own_settings[normalization]) for _ in hidden_dims] if normalization else []

    def loss(self, X, y=None):
        """Compute the scores, or the loss and the gradients.

        With y the network is in train mode: dropout drops units, and batch normalisation uses the statistics of this
        batch. Without y it is in test mode: nothing is dropped, and batch normalisation uses its running statistics.
        Before the first training step these are 0, as in the course: each normalisation then multiplies by
        1 / sqrt(eps), about 316, and the scores of a deep network may overflow.

        Parameters
        ----------
        X : ndarray of shape (N, d_1, ..., d_k)
            Inputs, D = d_1 * ... * d_k.
        y : ndarray of shape (N,), optional
            Labels.

        Returns
        -------
        scores : ndarray of shape (N, C)
            If y is None.
        loss, grads : float, dict of ndarray
            Otherwise; grads has the keys and shapes of `params`.
        """
        if y is not None:
            require_labels(y, len(X))
        X = X.astype(self.dtype, copy=False)
        self._set_mode("test" if y is None else "train")
        L = self.num_layers
        ### BEGIN SOLUTION
        out, caches = X, []
        for i in range(1, L):
            out, cache = self._hidden_forward(i, out)
            caches.append(cache)
        scores, last_cache = affine_forward(out, self.params[f"W{L}"], self.params[f"b{L}"])
        ### END SOLUTION
        if y is None:
            return scores

        grads = {}
        ### BEGIN SOLUTION
        loss, dscores = softmax_loss(scores, y)
        dout, grads[f"W{L}"], grads[f"b{L}"] = affine_backward(dscores, last_cache)
        for i in range(L - 1, 0, -1):
            dout, hidden_grads = self._hidden_backward(i, dout, caches[i - 1])
            grads.update(hidden_grads)
        for i in range(1, L + 1):
            W = self.params[f"W{i}"]
            loss += 0.5 * self.reg * np.sum(W**2)
            grads[f"W{i}"] += self.reg * W
        ### END SOLUTION
        return loss, grads

    def _hidden_forward(self, i, x):
        """Run hidden layer i = 1, ..., L - 1 on x, with this network's normalisation and dropout: (out, cache)."""
        names = ("W", "b", "gamma", "beta") if self.normalization else ("W", "b")
        return hidden_forward(
            x,
            **{name.lower(): self.params[f"{name}{i}"] for name in names},
            normalization=self.normalization,
            norm_param=self.bn_params[i - 1] if self.normalization else None,
            dropout_param=self.dropout_param if self.use_dropout else None,
        )

    def _hidden_backward(self, i, dout, cache):
        """Backpropagate through hidden layer i: (dx, its part of grads), such as (dx, {"W1": ..., "b1": ...})."""
        dx, *gradients = hidden_backward(dout, cache)
        names = ("W", "b", "gamma", "beta")
        return dx, {f"{name}{i}": grad for name, grad in zip(names, gradients, strict=True) if grad is not None}

    def _set_mode(self, mode):
        """Set the mode, 'train' or 'test', of dropout and batch normalisation."""
        if self.use_dropout:
            self.dropout_param["mode"] = mode
        if self.normalization == "batchnorm":
            for bn_param in self.bn_params:
                bn_param["mode"] = mode


def _keep_ratio(dropout_keep_ratio, dropout):
    """Return the fraction of units that dropout keeps, given under either of its two names."""
    if dropout is not None:
        if dropout_keep_ratio not in (1, dropout):
            raise ValueError(
                f"dropout_keep_ratio is {dropout_keep_ratio} and dropout is {dropout}: they mean the same, pass one."
            )
        dropout_keep_ratio = dropout
    if not 0 < dropout_keep_ratio <= 1:
        raise ValueError(
            f"dropout_keep_ratio is {dropout_keep_ratio}; it is the fraction of units to keep, above 0 and at most 1."
        )
    return dropout_keep_ratio
