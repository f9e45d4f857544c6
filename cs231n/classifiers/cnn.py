"""A convolutional network with three layers, put together from the layers.

Every name of `layers`, `fast_layers` and `layer_utils` can be imported from here too, as the course's notebooks do.
The regularisation is 0.5 * reg * sum(W^2) over all weights (not biases), so its gradient is reg * W.
"""

import numpy as np

from cs231n._errors import require_labels
from cs231n._weights import load_weights, save_weights
from cs231n.fast_layers import *  # part of the contract, see above
from cs231n.layer_utils import *  # part of the contract, see above
from cs231n.layer_utils import (
    affine_relu_backward,
    affine_relu_forward,
    conv_relu_pool_backward,
    conv_relu_pool_forward,
)
from cs231n.layers import *  # part of the contract, see above
from cs231n.layers import affine_backward, affine_forward, softmax_loss


class ThreeLayerConvNet:
    """A convolutional network: conv - ReLU - 2 x 2 max pool - affine - ReLU - affine - softmax.

    The convolution keeps the height and width of its input, the pooling halves them. `cs231n.solver.Solver` trains it.

    Parameters
    ----------
    input_dim : tuple (C, H, W)
        Shape of one input.
    num_filters : int
        F, the number of filters of the convolutional layer.
    filter_size : int
        HH = WW, the height and width of the filters; odd.
    hidden_dim : int
        M, the number of units of the hidden affine layer.
    num_classes : int
        K, the number of classes.
    weight_scale : float
        Standard deviation of the weights at the start.
    reg : float
        Strength of the regularisation.
    dtype : NumPy dtype
        Of the parameters and of all computations; float64 for gradient checks.

    Attributes
    ----------
    params : dict of ndarray
        W1 of shape (F, C, HH, WW), b1 of shape (F,), W2 of shape (F * (H // 2) * (W // 2), M), b2 of shape (M,),
        W3 of shape (M, K), b3 of shape (K,).
    reg : float
    """

    def __init__(
        self,
        input_dim=(3, 32, 32),
        num_filters=32,
        filter_size=7,
        hidden_dim=100,
        num_classes=10,
        weight_scale=1e-3,
        reg=0.0,
        dtype=np.float32,
    ):
        if filter_size % 2 == 0:
            raise ValueError(
                f"filter_size is {filter_size}, expected an odd number: only then does padding with "
                "(filter_size - 1) / 2 zeros keep the height and width."
            )
        self.params = {}
        self.reg = reg
        self.dtype = dtype
        ### BEGIN SOLUTION
        C, H, W = input_dim
        num_features = num_filters * (H // 2) * (W // 2)
        self.params["W1"] = weight_scale * np.random.randn(num_filters, C, filter_size, filter_size)
        self.params["b1"] = np.zeros(num_filters)
        self.params["W2"] = weight_scale * np.random.randn(num_features, hidden_dim)
        self.params["b2"] = np.zeros(hidden_dim)
        self.params["W3"] = weight_scale * np.random.randn(hidden_dim, num_classes)
        self.params["b3"] = np.zeros(num_classes)
        ### END SOLUTION
        self.params = {name: value.astype(dtype) for name, value in self.params.items()}

    def loss(self, X, y=None):
        """Compute the scores, or the loss and the gradients.

        Parameters
        ----------
        X : ndarray of shape (N, C, H, W)
            Inputs.
        y : ndarray of shape (N,), optional
            Labels.

        Returns
        -------
        scores : ndarray of shape (N, K)
            If y is None.
        loss, grads : float, dict of ndarray
            Otherwise; grads has the keys and shapes of `params`.
        """
        if y is not None:
            require_labels(y, len(X))
        X = X.astype(self.dtype, copy=False)
        W1, b1, W2, b2, W3, b3 = (self.params[name] for name in ("W1", "b1", "W2", "b2", "W3", "b3"))
        conv_param = {"stride": 1, "pad": (W1.shape[2] - 1) // 2}  # height and width stay as they are
        pool_param = {"pool_height": 2, "pool_width": 2, "stride": 2}
        ### BEGIN SOLUTION
        maps, maps_cache = conv_relu_pool_forward(X, W1, b1, conv_param, pool_param)  # (N, F, H // 2, W // 2)
        hidden, hidden_cache = affine_relu_forward(maps, W2, b2)  # (N, M)
        scores, scores_cache = affine_forward(hidden, W3, b3)  # (N, K)
        ### END SOLUTION
        if y is None:
            return scores

        grads = {}
        ### BEGIN SOLUTION
        loss, dscores = softmax_loss(scores, y)
        dhidden, grads["W3"], grads["b3"] = affine_backward(dscores, scores_cache)
        dmaps, grads["W2"], grads["b2"] = affine_relu_backward(dhidden, hidden_cache)
        _, grads["W1"], grads["b1"] = conv_relu_pool_backward(dmaps, maps_cache)
        for name, weights in (("W1", W1), ("W2", W2), ("W3", W3)):
            loss += 0.5 * self.reg * np.sum(weights**2)
            grads[name] += self.reg * weights
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
