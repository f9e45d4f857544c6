"""Fully connected networks, put together from the layers.

Every name of `layers` and `layer_utils` can be imported from here too, as the course's notebooks do.
The regularisation is 0.5 * reg * sum(W^2) over all weights (not biases), so its gradient is reg * W.
"""

import numpy as np

from cs231n._errors import require_labels
from cs231n._weights import load_weights, save_weights
from cs231n.layer_utils import *  # part of the contract, see above
from cs231n.layer_utils import affine_relu_backward, affine_relu_forward
from cs231n.layers import *  # part of the contract, see above
from cs231n.layers import affine_backward, affine_forward, softmax_loss


class TwoLayerNet:
    """A network with one hidden layer: affine - ReLU - affine - softmax.

    It computes the loss and the gradients; `cs231n.solver.Solver` trains it.

    Parameters
    ----------
    input_dim : int
        D, the number of entries of one input.
    hidden_dim : int
        H, the number of hidden units.
    num_classes : int
        C, the number of classes.
    weight_scale : float
        Standard deviation of the weights at the start.
    reg : float
        Strength of the regularisation.

    Attributes
    ----------
    params : dict of ndarray
        W1 of shape (D, H), b1 of shape (H,), W2 of shape (H, C), b2 of shape (C,).
    reg : float
    """

    def __init__(self, input_dim=3 * 32 * 32, hidden_dim=100, num_classes=10, weight_scale=1e-3, reg=0.0):
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

    def save(self, fname):
        """Save the parameters as cs231n/saved/<fname>, with the ending .npz."""
        save_weights(fname, self.params)

    def load(self, fname):
        """Load parameters that `save` wrote; return whether the file was there."""
        params = load_weights(fname, expected=self.params)
        if params is None:
            return False
        self.params = params
        return True
