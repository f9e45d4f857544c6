"""What networks with branches have in common: parameters by name, normalisation, and the gradients of a loss.

Such a network is written as its forward pass alone, on the nodes of a graph (`cs231n.graph`).
"""

import numpy as np

from cs231n._errors import require_dtype
from cs231n._weights import SavedModel
from cs231n.graph import Graph
from cs231n.graph_layers import affine, conv, conv_bn_relu


class GraphNet(SavedModel):
    """A network that runs on a graph.

    A subclass adds its layers in ``__init__``, and calls them by their names in its forward pass. Every forward pass
    takes ``params``: nodes of a graph in training, `GraphNet.params` itself otherwise.

    Parameters
    ----------
    dtype : NumPy dtype
        Of the parameters and all computations.

    Attributes
    ----------
    params : dict of ndarray
    bn_params : list of dict
        The running statistics of each batch normalisation.

    Examples
    --------
    >>> from cs231n.graph_layers import softmax_loss
    >>> net = GraphNet()
    >>> net.add_affine("scores", 4, 3)
    >>> x, y = np.ones((2, 4), dtype=np.float32), np.array([0, 2])
    >>> loss, grads = net.gradients(lambda params: softmax_loss(net.affine(params, "scores", x), y))
    >>> {name: grad.shape for name, grad in grads.items()}
    {'scores_W': (4, 3), 'scores_b': (3,)}
    """

    def __init__(self, dtype=np.float32):
        require_dtype(dtype)
        self.dtype = dtype
        self.params = {}
        self._norms = {}

    @property
    def bn_params(self):
        """The running statistics of each batch normalisation, in the order in which the layers were added."""
        return list(self._norms.values())

    def add_conv(self, name, C, F, size=3):
        """Add a convolution from C to F channels, with biases, for `conv`."""
        self.params[f"{name}_W"] = _he(F, C, size, size, fan_in=C * size**2).astype(self.dtype)
        self.params[f"{name}_b"] = np.zeros(F, self.dtype)

    def add_conv_bn(self, name, C, F, size=3):
        """Add a convolution from C to F channels with batch normalisation, for `conv_bn_relu`."""
        self.params[f"{name}_W"] = _he(F, C, size, size, fan_in=C * size**2).astype(self.dtype)
        self.params[f"{name}_gamma"] = np.ones(F, self.dtype)
        self.params[f"{name}_beta"] = np.zeros(F, self.dtype)
        statistics = {"running_mean": np.zeros(F, self.dtype), "running_var": np.ones(F, self.dtype)}
        self._norms[name] = {"mode": "test", **statistics}

    def add_affine(self, name, D, M):
        """Add an affine layer from D to M values, for `affine`."""
        self.params[f"{name}_W"] = _he(D, M, fan_in=D).astype(self.dtype)
        self.params[f"{name}_b"] = np.zeros(M, self.dtype)

    def conv(self, params, name, x):
        """Compute a convolution that keeps the height and width of x."""
        W, b = params[f"{name}_W"], params[f"{name}_b"]
        return conv(x, W, b, {"stride": 1, "pad": self.params[f"{name}_W"].shape[2] // 2})

    def conv_bn_relu(self, params, name, x, stride=1):
        """Compute a convolution, batch normalisation and ReLU; a stride of 1 keeps the height and width of x."""
        W, gamma, beta = (params[f"{name}_{part}"] for part in ("W", "gamma", "beta"))
        F, _, size, _ = self.params[f"{name}_W"].shape
        no_bias = np.zeros(F, self.dtype)  # normalisation would take it away again
        return conv_bn_relu(x, W, no_bias, gamma, beta, {"stride": stride, "pad": size // 2}, self._norms[name])

    def affine(self, params, name, x):
        """Compute an affine layer."""
        return affine(x, params[f"{name}_W"], params[f"{name}_b"])

    def gradients(self, loss):
        """Compute a loss in train mode, and the gradients of all parameters.

        Parameters
        ----------
        loss : callable
            Takes the parameters as nodes of a graph, returns the node of the loss.

        Returns
        -------
        loss : float
        grads : dict of ndarray
        """
        graph = Graph()
        nodes = {name: graph.variable(value) for name, value in self.params.items()}
        self._set_mode("train")
        try:
            value = loss(nodes)
        finally:
            self._set_mode("test")
        return float(value.value), graph.gradients(value, nodes)

    def _set_mode(self, mode):
        for bn_param in self.bn_params:
            bn_param["mode"] = mode


def _he(*shape, fan_in):
    """Weights that keep the variance through ReLUs (He et al., 2015)."""
    return np.random.randn(*shape) * np.sqrt(2 / fan_in)
