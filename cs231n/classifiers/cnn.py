"""Convolutional networks, built from the layers: one with three layers, and a deeper one.

Every name in `layers`, `fast_layers` and `layer_utils` can also be imported from here, as the course's notebooks do.
The regularisation is 0.5 * reg * sum(W^2) over all weights (not biases), so its gradient is reg * W.
"""

from functools import partial

import numpy as np

from cs231n import channels_last
from cs231n._errors import require_dtype, require_labels, require_sizes
from cs231n._weights import SavedModel
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


class ThreeLayerConvNet(SavedModel):
    """A convolutional network: conv - ReLU - 2 x 2 max pool - affine - ReLU - affine - softmax.

    The convolution keeps the height and width of its input, pooling halves them. `cs231n.solver.Solver` trains it.

    Parameters
    ----------
    input_dim : tuple (C, H, W)
        Shape of one input.
    num_filters : int
        F, the number of filters of the convolutional layer.
    filter_size : int
        HH = WW, the height and width of the filters; odd.
    hidden_dim : int
        M, the number of units in the hidden affine layer.
    num_classes : int
        K, the number of classes.
    weight_scale : float
        Standard deviation of the initial weights.
    reg : float
        Regularisation strength.
    dtype : NumPy dtype
        Of the parameters and all computations, float32 or float64; use float64 for gradient checks.

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
        require_sizes(input_dim=list(input_dim), num_filters=num_filters, filter_size=filter_size)
        require_sizes(hidden_dim=hidden_dim, num_classes=num_classes)
        require_dtype(dtype)
        if filter_size % 2 == 0:
            raise ValueError(
                f"filter_size is {filter_size}, expected an odd number: only then does a padding of "
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
        conv_param = {"stride": 1, "pad": (W1.shape[2] - 1) // 2}  # keeps the height and width
        conv_param["needs_dx"] = False  # the gradient of the images is not needed
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
            loss += 0.5 * self.reg * np.vdot(weights, weights)  # sum of the squares
            grads[name] += self.reg * weights
        ### END SOLUTION
        return loss, grads


class DeepConvNet(SavedModel):
    """A deep convolutional network: stages of {conv - batch norm - ReLU} x n - 2 x 2 max pool, then mean - affine.

    All filters are 3 x 3 and keep height and width; the pooling at the end of each stage halves them. Finally, each
    feature map is replaced by its mean, so that a single affine layer maps channels to classes. The convolutions have
    no bias, which batch normalisation would cancel. `cs231n.solver.Solver` trains it.

    Parameters
    ----------
    stages : sequence of sequences of int
        The numbers of filters: one sequence for each stage, with one number for each convolution.
    input_dim : tuple (C, H, W)
        Shape of one input; H and W at least 2 ** len(stages).
    num_classes : int
        K, the number of classes.
    reg : float
        Regularisation strength.
    dtype : NumPy dtype
        Of the parameters and all computations, float32 or float64; use float64 for gradient checks.

    Attributes
    ----------
    params : dict of ndarray
        For convolution i = 1, ..., L: W<i> of shape (F, C, 3, 3), gamma<i> and beta<i> of shape (F,); for the affine
        layer W<L+1> of shape (F, K) and b<L+1> of shape (K,).
    bn_params : list of dict
        Settings and running statistics of each batch normalisation layer.

    Notes
    -----
    Stages of small filters: Simonyan and Zisserman (2015), "Very deep convolutional networks for large-scale image
    recognition". The mean at the end: Lin, Chen and Yan (2014), "Network in network". Initial weights: He et al.
    (2015), "Delving deep into rectifiers".

    Examples
    --------
    >>> net = DeepConvNet(stages=[(4, 4), (8,)], input_dim=(3, 8, 8))
    >>> net.loss(np.zeros((5, 3, 8, 8))).shape
    (5, 10)
    """

    def __init__(
        self,
        stages=((32, 32), (64, 64), (128, 128)),
        input_dim=(3, 32, 32),
        num_classes=10,
        reg=0.0,
        dtype=np.float32,
    ):
        require_sizes(input_dim=list(input_dim), num_classes=num_classes)
        for i, stage in enumerate(stages):
            require_sizes(**{f"stages[{i}]": list(stage)})
        require_dtype(dtype)
        if min(input_dim[1:]) < 2 ** len(stages):
            raise ValueError(
                f"inputs of {input_dim[1]} x {input_dim[2]} cannot be halved {len(stages)} times: use fewer stages."
            )
        self.stages = [tuple(stage) for stage in stages]
        self.reg = reg
        self.dtype = dtype
        self.params = {}
        channels = [input_dim[0], *(filters for stage in self.stages for filters in stage)]
        self.num_convs = len(channels) - 1
        for i, (C, F) in enumerate(zip(channels[:-1], channels[1:], strict=True), 1):
            self.params[f"W{i}"] = np.random.randn(F, C, 3, 3) * np.sqrt(2 / (C * 3 * 3))
            self.params[f"gamma{i}"] = np.ones(F)
            self.params[f"beta{i}"] = np.zeros(F)
        last = self.num_convs + 1
        self.params[f"W{last}"] = np.random.randn(channels[-1], num_classes) * np.sqrt(1 / channels[-1])
        self.params[f"b{last}"] = np.zeros(num_classes)
        self.params = {name: value.astype(dtype) for name, value in self.params.items()}
        self.bn_params = [{"mode": "train"} for _ in range(self.num_convs)]

    def loss(self, X, y=None):
        """Compute the scores, or the loss and the gradients.

        With y the network is in train mode: batch normalisation uses the statistics of this batch. Without y it is in
        test mode and uses its running statistics. Before the first training step these are 0, as in the course: each
        normalisation then multiplies by 1 / sqrt(eps), about 316, and the scores may overflow.

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
        for bn_param in self.bn_params:
            bn_param["mode"] = "test" if y is None else "train"
        W, b = self.params[f"W{self.num_convs + 1}"], self.params[f"b{self.num_convs + 1}"]
        maps, calls = self._features(X.astype(self.dtype, copy=False))
        scores, scores_cache = affine_forward(maps.mean(axis=(1, 2)), W, b)  # (N, H', W', F) -> (N, F) -> (N, K)
        if y is None:
            return scores

        loss, dscores = softmax_loss(scores, y)
        dmeans, dW, db = affine_backward(dscores, scores_cache)
        dmeans = dmeans[:, np.newaxis, np.newaxis] / (maps.shape[1] * maps.shape[2])
        grads = self._features_backward(np.broadcast_to(dmeans, maps.shape), calls)
        grads |= {f"W{self.num_convs + 1}": dW, f"b{self.num_convs + 1}": db}
        for name, weights in self.params.items():
            if name.startswith("W"):
                loss += 0.5 * self.reg * np.vdot(weights, weights)  # sum of the squares
                grads[name] += self.reg * weights
        return loss, grads

    def _features(self, X):
        """Run all stages on inputs (N, C, H, W).

        Inside, the channels are last, and layers that follow each other are computed in one go.

        Returns
        -------
        maps : ndarray of shape (N, H', W', F)
            The last feature maps.
        calls : list
            For each call, its backward function, the names of the parameters that it has gradients of, and its cache.
        """
        maps, calls, i = X.transpose(0, 2, 3, 1), [], 0
        for stage in self.stages:
            for position in range(len(stage)):
                W = self.params[f"W{i + 1}"]
                if position == 0:
                    maps, cache = channels_last.conv_forward(maps, W)
                    backward = partial(channels_last.conv_backward, needs_dx=i > 0)  # the images need no gradient
                    calls.append((backward, [f"W{i + 1}"], cache))
                else:
                    norm, names = self._norm(i)
                    maps, cache = channels_last.norm_act_conv_forward(maps, *norm, W, self.bn_params[i - 1], "relu")
                    calls.append((channels_last.norm_act_conv_backward, [*names, f"W{i + 1}"], cache))
                i += 1
            norm, names = self._norm(i)
            maps, cache = channels_last.norm_relu_pool_forward(maps, *norm, self.bn_params[i - 1])
            calls.append((channels_last.norm_relu_pool_backward, names, cache))
        return maps, calls

    def _norm(self, i):
        """Return gamma and beta of normalisation i, and their names."""
        names = [f"gamma{i}", f"beta{i}"]
        return [self.params[name] for name in names], names

    def _features_backward(self, dmaps, calls):
        """Return the gradients of the parameters of all stages, given the gradient of the last feature maps."""
        grads = {}
        for backward, names, cache in reversed(calls):
            dmaps, *gradients = backward(dmaps, cache)
            grads |= zip(names, gradients, strict=True)
        return grads
