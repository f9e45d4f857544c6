"""A network for segmentation: an encoder that makes feature maps smaller, and a decoder that makes them large again."""

import numpy as np

from cs231n._windows import HALF_SIZE
from cs231n.classifiers.graph_net import GraphNet
from cs231n.graph import Node, layer, loss_layer
from cs231n.graph_layers import concatenate, max_pool
from cs231n.spatial_layers import (
    bed_of_nails_backward,
    bed_of_nails_forward,
    conv_transpose_backward,
    conv_transpose_forward,
    max_pool_with_positions_forward,
    max_unpool_backward,
    max_unpool_forward,
    spatial_softmax_loss,
    upsample_nearest_backward,
    upsample_nearest_forward,
)

UPSAMPLING = ("nearest", "nails", "unpool", "transposed")

_loss = loss_layer(spatial_softmax_loss)
_nearest = layer(upsample_nearest_forward, upsample_nearest_backward)
_nails = layer(bed_of_nails_forward, bed_of_nails_backward)
_unpool = layer(max_unpool_forward, max_unpool_backward)
_transposed = layer(conv_transpose_forward, conv_transpose_backward)


class EncoderDecoder(GraphNet):
    """Name the class of every pixel.

    Each level of the encoder is a convolution and a 2 x 2 max pooling; each level of the decoder makes the maps twice
    as large and convolves them. With skip connections it sees the encoder's maps of the same size as well.

    Parameters
    ----------
    filters : sequence of int
        The number of filters of each level, the finest first.
    num_classes : int
        K, the number of classes, the background among them.
    upsampling : str
        How maps become larger: "nearest", "nails" (a bed of nails), "unpool" (to where the maxima were) or "transposed"
        (a transposed convolution).
    skip : bool
        Whether there are skip connections.
    dtype : NumPy dtype

    Notes
    -----
    Ronneberger, Fischer and Brox (2015), "U-Net: convolutional networks for biomedical image segmentation"; unpooling:
    Noh, Hong and Han (2015), "Learning deconvolution network for semantic segmentation".

    Examples
    --------
    >>> net = EncoderDecoder(filters=(4, 6))
    >>> net.scores(np.zeros((1, 3, 8, 8), dtype=np.float32)).shape
    (1, 11, 8, 8)
    """

    def __init__(self, filters=(16, 32, 64), num_classes=11, upsampling="nearest", skip=True, dtype=np.float32):
        super().__init__(dtype)
        if upsampling not in UPSAMPLING:
            raise ValueError(f"upsampling is {upsampling!r}, expected one of {', '.join(UPSAMPLING)}.")
        self.filters, self.upsampling, self.skip = tuple(filters), upsampling, skip
        C = 3
        for level, F in enumerate(self.filters):
            self.add_conv_bn(f"down{level}", C, F)
            C = F
        self.add_conv_bn("bottom", C, C)
        for level, F in reversed(list(enumerate(self.filters))):
            self.add_conv_bn(f"narrow{level}", C, F, size=1)
            if upsampling == "transposed":
                self.params[f"up{level}_W"] = (np.random.randn(F, F, 2, 2) * np.sqrt(1 / F)).astype(dtype)
                self.params[f"up{level}_b"] = np.zeros(F, dtype)
            self.add_conv_bn(f"merge{level}", 2 * F if skip else F, F)
            C = F
        self.add_conv("scores", C, num_classes, size=1)

    def forward(self, params, X):
        """Compute the scores of all classes for every pixel.

        Parameters
        ----------
        params : dict
            Nodes of a graph, or `params`.
        X : ndarray of shape (N, 3, H, W)
            Preprocessed images; H and W are multiples of 2^L for L levels.

        Returns
        -------
        Node or ndarray of shape (N, K, H, W)
        """
        x, levels = X.astype(self.dtype, copy=False), []
        for level in range(len(self.filters)):
            maps = self.conv_bn_relu(params, f"down{level}", x)
            levels.append(maps)
            x = max_pool(maps, HALF_SIZE)
        x = self.conv_bn_relu(params, "bottom", x)
        for level, maps in reversed(list(enumerate(levels))):
            x = self._larger(params, level, self.conv_bn_relu(params, f"narrow{level}", x), maps)
            x = self.conv_bn_relu(params, f"merge{level}", concatenate(x, maps) if self.skip else x)
        return self.conv(params, "scores", x)

    def _larger(self, params, level, x, maps):
        """Make x twice as large; maps are what pooling made smaller at this level."""
        if self.upsampling == "nearest":
            return _nearest(x, 2)
        if self.upsampling == "nails":
            return _nails(x, 2)
        if self.upsampling == "unpool":
            values = maps.value if isinstance(maps, Node) else maps
            _, positions, _ = max_pool_with_positions_forward(values, 2)
            return _unpool(x, positions, 2)
        return _transposed(x, params[f"up{level}_W"], params[f"up{level}_b"], {"stride": 2, "pad": 0})

    def scores(self, X, batch_size=250):
        """Compute the scores of images X (N, 3, H, W), for every pixel: (N, K, H, W)."""
        starts = range(0, len(X), batch_size)
        return np.concatenate([self.forward(self.params, X[start : start + batch_size]) for start in starts])

    def loss(self, X, y, class_weights=None):
        """Compute the loss and the gradients of all parameters.

        Parameters
        ----------
        X : ndarray of shape (N, 3, H, W)
        y : integer ndarray of shape (N, H, W)
            The class of each pixel.
        class_weights : ndarray of shape (K,), optional
            As for `spatial_softmax_loss`.

        Returns
        -------
        loss : float
        grads : dict of ndarray
        """
        return self.gradients(lambda params: _loss(self.forward(params, X), y, class_weights))

    def segment(self, X):
        """Name the class of each pixel of images X (N, 3, H, W): an integer array of shape (N, H, W)."""
        return self.scores(X).argmax(axis=1)
