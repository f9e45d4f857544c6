"""The layers of this package for nets on a graph: each pair of functions joined by one line.

Every layer takes what its forward function takes, and returns the output without the cache.
"""

import numpy as np

from cs231n import fast_layers, layer_utils, layers, rnn_layers, transformer_layers
from cs231n.graph import add, layer, loss_layer

__all__ = [
    "add",
    "add_to_each",
    "affine",
    "affine_relu",
    "batchnorm",
    "concatenate",
    "conv",
    "conv_bn_relu",
    "conv_relu",
    "dropout",
    "global_mean",
    "layernorm",
    "max_pool",
    "multi_head_attention",
    "relu",
    "sigmoid_loss",
    "softmax_loss",
    "spatial_batchnorm",
    "temporal_affine",
    "temporal_layernorm",
    "temporal_softmax_loss",
    "word_embedding",
]

affine = layer(layers.affine_forward, layers.affine_backward)
relu = layer(layers.relu_forward, layers.relu_backward)
batchnorm = layer(layers.batchnorm_forward, layers.batchnorm_backward)
layernorm = layer(layers.layernorm_forward, layers.layernorm_backward)
dropout = layer(layers.dropout_forward, layers.dropout_backward)
spatial_batchnorm = layer(layers.spatial_batchnorm_forward, layers.spatial_batchnorm_backward)
conv = layer(fast_layers.conv_forward_fast, fast_layers.conv_backward_fast)
max_pool = layer(fast_layers.max_pool_forward_fast, fast_layers.max_pool_backward_fast)
affine_relu = layer(layer_utils.affine_relu_forward, layer_utils.affine_relu_backward)
conv_relu = layer(layer_utils.conv_relu_forward, layer_utils.conv_relu_backward)
conv_bn_relu = layer(layer_utils.conv_bn_relu_forward, layer_utils.conv_bn_relu_backward)
softmax_loss = loss_layer(layers.softmax_loss)
word_embedding = layer(rnn_layers.word_embedding_forward, rnn_layers.word_embedding_backward, wrt=(1,))
temporal_affine = layer(rnn_layers.temporal_affine_forward, rnn_layers.temporal_affine_backward)
temporal_softmax_loss = loss_layer(rnn_layers.temporal_softmax_loss)
temporal_layernorm = layer(
    transformer_layers.temporal_layernorm_forward, transformer_layers.temporal_layernorm_backward
)
multi_head_attention = layer(
    transformer_layers.multi_head_attention_forward, transformer_layers.multi_head_attention_backward
)


def global_mean_forward(x):
    """Average feature maps (N, C, H, W) over their positions: (N, C)."""
    return x.mean(axis=(2, 3)), x.shape


def global_mean_backward(dout, shape):
    """Compute the gradient of `global_mean_forward`: every position has the same share."""
    share = dout[:, :, np.newaxis, np.newaxis] / (shape[2] * shape[3])
    return np.broadcast_to(share, shape)


global_mean = layer(global_mean_forward, global_mean_backward)


def add_to_each_forward(x, b):
    """Add the same array b of shape (...) to each of the N inputs in x of shape (N, ...)."""
    return x + b, None


def add_to_each_backward(dout, _):
    """Compute the gradients (dx, db) of `add_to_each_forward`."""
    return dout, dout.sum(axis=0)


add_to_each = layer(add_to_each_forward, add_to_each_backward)


def concatenate_forward(*arrays):
    """Join arrays of shape (N, C_i, ...) along their second axis, such as the channels of feature maps."""
    return np.concatenate(arrays, axis=1), [array.shape[1] for array in arrays]


def concatenate_backward(dout, sizes):
    """Compute the gradients of `concatenate_forward`: each array gets back its part."""
    return tuple(np.split(dout, np.cumsum(sizes)[:-1], axis=1))


concatenate = layer(concatenate_forward, concatenate_backward)


def sigmoid_cross_entropy(x, y):
    """Compute the loss of several yes-or-no questions, summed over the questions, averaged over the inputs.

    Parameters
    ----------
    x : ndarray of shape (N, K)
        A score for each question; its sigmoid is the probability of "yes".
    y : ndarray of shape (N, K)
        1 for yes and 0 for no.

    Returns
    -------
    loss : float
    dx : ndarray of shape (N, K)

    Examples
    --------
    >>> loss, dx = sigmoid_cross_entropy(np.array([[0.0, 100.0]]), np.array([[1, 1]]))
    >>> print(f"{loss:.4f}")
    0.6931
    """
    small = np.exp(-np.abs(x))  # at most 1
    loss = np.sum(np.maximum(x, 0) - x * y + np.log1p(small)) / len(x)
    probabilities = np.where(x >= 0, 1, small) / (1 + small)
    return loss, (probabilities - y) / len(x)


sigmoid_loss = loss_layer(sigmoid_cross_entropy)
