"""The network of the record recipe for CIFAR-10: six convolutions behind fixed whitening filters."""

import numpy as np

from cs231n._aligned import empty
from cs231n._errors import require_dtype, require_images, require_labels, require_sizes
from cs231n._weights import load_weights, save_weights
from cs231n.activations import gelu_backward, gelu_forward
from cs231n.channels_last import (
    batchnorm_bias_backward,
    batchnorm_bias_forward,
    max_pool_backward,
    max_pool_forward,
    norm_act_conv_backward,
    norm_act_conv_forward,
    patch_act_conv_backward,
    patch_act_conv_forward,
)
from cs231n.initializers import dirac
from cs231n.layers import relu_backward, relu_forward
from cs231n.losses import smoothed_softmax_loss
from cs231n.preprocessing import patch_whitening

EPS, MOMENTUM = 1e-12, 0.6  # of batch normalisation
WHITENED = 5000  # images that the whitening filters are made from
ACTIVATIONS = {"gelu": (gelu_forward, gelu_backward), "relu": (relu_forward, relu_backward)}


class RecordNet:
    """Whitening - {conv - 2 x 2 max pool - norm - GELU - conv - norm - GELU} x n - max over each map - affine.

    The first layer's filters are 2 x 2 and fixed: they turn the patches of the training images into coordinates without
    correlation, and these with the other sign, so that GELU keeps both sides (`preprocessing.patch_whitening`). Only
    its bias is learnt. The other filters are 3 x 3 and begin as the identity as far as there are channels to copy. All
    normalisations are batch normalisation without gamma. The scores are divided by the last width.

    Parameters
    ----------
    widths : sequence of int
        The filters of the convolutions of each block.
    input_dim : tuple (C, H, W)
        Shape of one image; after the whitening, each block halves its size, without rest.
    num_classes : int
        K.
    label_smoothing : float
        As for `cs231n.losses.smoothed_softmax_loss`.
    activation : {'gelu', 'relu'}
    whitening, identity : bool
        Whether the first filters whiten, and whether the others begin as the identity; otherwise they are random.
    dtype : NumPy dtype
        float32 or float64.

    Attributes
    ----------
    params : dict of ndarray
        ``b0``, the bias of the whitening; for convolution i = 1, ..., L, two in each block, W<i> of shape (F, C, 3, 3)
        and beta<i> of shape (F,); W<L+1> of shape (F, K).
    fixed : dict of ndarray
        ``W0`` and ``offset0``: the whitening of raw pixels, from `fit`.
    bn_params : list of dict
        Settings and running statistics of each normalisation.
    trains_bias : bool
        Whether `loss` computes the gradient of b0, a tenth of its work; without it the gradient is 0.

    Notes
    -----
    Jordan (2024), "94% on CIFAR-10 in 3.29 seconds on a single GPU", arXiv 2404.00498.

    Examples
    --------
    >>> net = RecordNet(widths=(4, 8), input_dim=(3, 8, 8))
    >>> net.fit(np.random.rand(20, 3, 8, 8))
    >>> net.loss(np.random.rand(5, 3, 8, 8)).shape
    (5, 10)
    """

    def __init__(
        self,
        widths=(64, 256, 256),
        input_dim=(3, 32, 32),
        num_classes=10,
        label_smoothing=0.2,
        activation="gelu",
        whitening=True,
        identity=True,
        dtype=np.float32,
    ):
        require_sizes(widths=list(widths), input_dim=list(input_dim), num_classes=num_classes)
        require_dtype(dtype)
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation is {activation!r}, expected 'gelu' or 'relu'.")
        if min(input_dim[1:]) - 1 < 2 ** len(widths):
            raise ValueError(
                f"images of {input_dim[1]} x {input_dim[2]} cannot be halved {len(widths)} times after the whitening, "
                "which takes away a row and a column: use fewer widths."
            )
        self.widths, self.input_dim, self.dtype = tuple(widths), tuple(input_dim), np.dtype(dtype)
        self.label_smoothing, self.activation, self.whitening = label_smoothing, activation, whitening
        self.trains_bias = True
        C = input_dim[0]
        self.fixed = {"W0": _random_filters((8 * C, C, 2, 2)), "offset0": np.zeros(8 * C)}
        self.params = {"b0": np.zeros(8 * C)}
        channels = [8 * C, *(width for width in widths for _ in range(2))]
        self.num_convs = len(channels) - 1
        for i, (C, F) in enumerate(zip(channels[:-1], channels[1:], strict=True), 1):
            W = _random_filters((F, C, 3, 3))
            if identity:
                W[:C] = dirac((min(F, C), C, 3, 3))
            self.params |= {f"W{i}": W, f"beta{i}": np.zeros(F)}
        last = np.random.uniform(-1, 1, (channels[-1], num_classes))
        self.params[f"W{self.num_convs + 1}"] = last / last.std()
        self.params, self.fixed = (_as_type(arrays, dtype) for arrays in (self.params, self.fixed))
        self.bn_params = [_fresh_statistics(F, self.dtype) for F in channels[1:]]
        self._arrays = {}

    def fit(self, X):
        """Make the whitening filters of training images, and let them take raw pixels.

        The images are standardised with the mean and the standard deviation of each channel first. This goes into the
        filters and the offset, so that the network itself takes images as they are.

        Parameters
        ----------
        X : ndarray of shape (N, C, H, W)
            Images of any type; the filters are made of the first 5,000, the statistics of all.
        """
        require_images(X)
        mean, std = _channel_statistics(X)
        filters = self.fixed["W0"]
        if self.whitening:
            first = (X[:WHITENED] - mean.reshape(-1, 1, 1)) / std.reshape(-1, 1, 1)
            filters = patch_whitening(first)
        filters = filters / std.reshape(-1, 1, 1)
        offset = -np.einsum("fchw,c->f", filters, mean)
        self.fixed = _as_type({"W0": filters, "offset0": offset}, self.dtype)

    def loss(self, X, y=None):
        """Compute the scores, or the loss and the gradients.

        Parameters
        ----------
        X : ndarray of shape (N, C, H, W)
            Images in the units of those that `fit` has seen.
        y : ndarray of shape (N,), optional
            Labels. With them the network is in train mode.

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
        features, caches = self._features(X, reuse=y is not None)
        W = self.params[f"W{self.num_convs + 1}"]
        scores = features @ W / len(W)  # (N, F) @ (F, K) -> (N, K)
        if y is None:
            return scores
        loss, dscores = smoothed_softmax_loss(scores, y, self.label_smoothing)
        dscores /= len(W)
        grads = self._features_backward(dscores @ W.T, caches)
        grads[f"W{self.num_convs + 1}"] = features.T @ dscores
        return loss, {name: grads[name] for name in self.params}

    def _features(self, X, reuse):
        """Return the largest value of each of the last maps, (N, F), and the caches; `reuse` arrays for the maps."""
        params, bias = self.params, self.params["b0"] + self.fixed["offset0"]
        out = self._array if reuse else lambda *_: None
        x, cache = patch_act_conv_forward(
            X, self.fixed["W0"], bias, params["W1"], self.activation, True, out(1, len(X))
        )
        caches = [cache]
        for i in range(1, self.num_convs):
            beta, W, pool = params[f"beta{i}"], params[f"W{i + 1}"], i % 2 == 0
            x, cache = norm_act_conv_forward(
                x, None, beta, W, self.bn_params[i - 1], self.activation, pool, out(i + 1, len(X))
            )
            caches.append(cache)
        forward, _ = ACTIVATIONS[self.activation]
        for step in (
            lambda x: batchnorm_bias_forward(x, params[f"beta{self.num_convs}"], self.bn_params[-1]),
            forward,
            lambda x: max_pool_forward(x, x.shape[1]),
        ):
            x, cache = step(x)
            caches.append(cache)
        return x.reshape(len(X), -1), caches

    def _features_backward(self, dout, caches):
        """Return the gradients of all parameters but the last, given that of the features (N, F)."""
        *caches, norm, activation, pool = caches
        dx = max_pool_backward(dout[:, np.newaxis, np.newaxis], pool)
        dx = ACTIVATIONS[self.activation][1](dx, activation)
        grads = {}
        dx, grads[f"beta{self.num_convs}"] = batchnorm_bias_backward(dx, norm)
        for i in range(self.num_convs - 1, 0, -1):
            dx, _, grads[f"beta{i}"], grads[f"W{i + 1}"] = norm_act_conv_backward(
                dx, caches[i], self._array(f"gradient {i}", len(dout), i)
            )
        db, grads["W1"] = patch_act_conv_backward(dx, caches[0], self.trains_bias)
        grads["b0"] = db if self.trains_bias else np.zeros_like(self.params["b0"])
        return grads

    def _array(self, name, N, i=None):
        """An array for the maps after convolution i, for N images, the same one in each step; named by i or a name."""
        shape = (N, *self._sizes[(i or name) - 1])
        if name not in self._arrays or self._arrays[name].shape != shape:
            self._arrays[name] = empty(shape, self.dtype)
        return self._arrays[name]

    @property
    def _sizes(self):
        """The shape (H, W, F) of the maps after each convolution."""
        H, W = (length - 1 for length in self.input_dim[1:])
        sizes = []
        for F in self.widths:
            H, W = H // 2, W // 2
            sizes += [(H, W, F)] * 2
        return sizes

    def save(self, fname):
        """Save the parameters, the whitening and the running statistics as cs231n/saved/<fname>.npz."""
        save_weights(fname, self._everything())

    def load(self, fname):
        """Load what `save` wrote; return whether the file exists."""
        arrays = load_weights(fname, expected=self._everything())
        if arrays is None:
            return False
        self.params, self.fixed = ({name: arrays[name] for name in own} for own in (self.params, self.fixed))
        for i, bn_param in enumerate(self.bn_params, 1):
            bn_param.update({name: arrays[f"{name}/{i}"] for name in ("running_mean", "running_var")})
        return True

    def _everything(self):
        statistics = {
            f"{name}/{i}": bn_param[name]
            for i, bn_param in enumerate(self.bn_params, 1)
            for name in ("running_mean", "running_var")
        }
        return self.params | self.fixed | statistics


def _channel_statistics(X):
    """Return the mean and the standard deviation of each channel of images (N, C, H, W), of float64, in pieces."""
    sums = np.zeros((2, X.shape[1]))
    for start in range(0, len(X), 1000):
        piece = X[start : start + 1000].astype(np.float64)
        sums += piece.sum(axis=(0, 2, 3)), np.square(piece).sum(axis=(0, 2, 3))
    mean, mean_square = sums / (X.size / X.shape[1])
    return mean, np.sqrt(np.maximum(mean_square - mean**2, 0)) + 1e-8


def _random_filters(shape):
    """Draw weights that are uniform up to 1 / sqrt(fan in), PyTorch's first weights of a convolution."""
    most = 1 / np.sqrt(np.prod(shape[1:]))
    return np.random.uniform(-most, most, shape)


def _fresh_statistics(F, dtype):
    return {
        "mode": "train",
        "eps": EPS,
        "momentum": MOMENTUM,
        "running_mean": np.zeros(F, dtype),
        "running_var": np.ones(F, dtype),
    }


def _as_type(arrays, dtype):
    return {name: np.ascontiguousarray(array, dtype) for name, array in arrays.items()}
