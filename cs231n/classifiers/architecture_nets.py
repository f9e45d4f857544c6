"""Networks that are given as a list of layers (`cs231n.architectures`), ready to be trained, with modules that branch.

The inception module and the residual block are forward passes on the nodes of a graph, or on arrays alone. Both take a
dict ``p`` of the parameters of their layers: the convolution called "three" has its filters in ``p["three_W"]``.
"""

from math import prod

import numpy as np

from cs231n.architectures import Affine, BatchNorm, Branches, Conv, GlobalPool, Pool, Residual, ResponseNorm
from cs231n.classifiers.graph_net import GraphNet
from cs231n.graph import layer
from cs231n.graph_layers import add, affine, concatenate, conv, global_mean, max_pool, relu, softmax_loss
from cs231n.graph_layers import spatial_batchnorm as batchnorm
from cs231n.spatial_layers import (
    avg_pool_backward,
    avg_pool_forward,
    local_response_norm_backward,
    local_response_norm_forward,
)

BRANCHES = (("one",), ("three_reduce", "three"), ("five_reduce", "five"), ("pool",))  # names of their convolutions

avg_pool = layer(avg_pool_forward, avg_pool_backward)
response_norm = layer(local_response_norm_forward, local_response_norm_backward)
tanh = layer(lambda x: (np.tanh(x),) * 2, lambda dout, out: dout * (1 - out**2))
# Below every number, so that no maximum is in the border; infinity would not do for arrays that must be finite.
_border = layer(
    lambda x: (np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=np.finfo(x.dtype).min), None),
    lambda dout, _: dout[:, :, 1:-1, 1:-1],
)


# ---- given: the layers of the modules


def conv_relu(x, p, name):
    """Compute the convolution called `name`, with biases, and ReLU; height and width stay as they are."""
    W, b = p[f"{name}_W"], p[f"{name}_b"]
    return relu(conv(x, W, b, {"stride": 1, "pad": _shape(W)[2] // 2}))


def conv_bn(x, p, name, bn_params, stride=1):
    """Compute the convolution called `name` and batch normalisation; with a stride of 1, height and width stay."""
    W = p[f"{name}_W"]
    F, _, size, _ = _shape(W)
    maps = conv(x, W, np.zeros(F), {"stride": stride, "pad": size // 2})  # normalisation would take a bias away again
    return batchnorm(maps, p[f"{name}_gamma"], p[f"{name}_beta"], bn_params[name])


def max_pool_same(x):
    """Compute max pooling over windows of 3 x 3 around every place; height and width stay as they are."""
    return max_pool(_border(x), {"pool_height": 3, "pool_width": 3, "stride": 1})


def _shape(value):
    return getattr(value, "value", value).shape


# ---- the modules


def inception_module(x, p):
    """Compute an inception module: four branches side by side, whose maps are put one after the other.

    The branches: a 1 x 1 convolution; a 3 x 3 convolution; a 5 x 5 convolution; max pooling over 3 x 3. With reduction,
    a 1 x 1 convolution makes the channels fewer before the 3 x 3 and the 5 x 5 one, and after pooling. A ReLU follows
    each convolution.

    Parameters
    ----------
    x : Node or ndarray of shape (N, C, H, W)
    p : dict of Node or ndarray
        Filters and biases of the convolutions "one", "three" and "five"; with reduction, those of "three_reduce",
        "five_reduce" and "pool" as well. Each may be there without the others.

    Returns
    -------
    Node or ndarray of shape (N, F, H, W)
        F is the sum over the branches, in the order above.

    Notes
    -----
    Szegedy et al. (2015), "Going deeper with convolutions".

    Examples
    --------
    >>> p = {"one_W": np.ones((2, 4, 1, 1)), "three_W": np.ones((3, 4, 3, 3)), "five_W": np.ones((1, 4, 5, 5))}
    >>> p |= {"one_b": np.zeros(2), "three_b": np.zeros(3), "five_b": np.zeros(1)}
    >>> inception_module(np.ones((1, 4, 6, 6)), p).shape  # 2 + 3 + 1 filters, and 4 channels of pooling
    (1, 10, 6, 6)
    """
    ### BEGIN SOLUTION

    def optional(x, name):
        return conv_relu(x, p, name) if f"{name}_W" in p else x

    out = concatenate(
        conv_relu(x, p, "one"),
        conv_relu(optional(x, "three_reduce"), p, "three"),
        conv_relu(optional(x, "five_reduce"), p, "five"),
        optional(max_pool_same(x), "pool"),
    )
    ### END SOLUTION
    return out


def residual_block(x, p, bn_params, stride=1):
    """Compute a residual block: two convolutions whose result is added to the input.

    Batch normalisation follows each convolution. A ReLU follows the first normalisation, and another one the sum.

    Parameters
    ----------
    x : Node or ndarray of shape (N, C, H, W)
    p : dict of Node or ndarray
        Filters, gamma and beta of the convolutions "first" and "second"; and those of "shortcut" if x must be changed
        before it can be added: a 1 x 1 convolution with normalisation.
    bn_params : dict of dict
        The running statistics of each convolution's normalisation, by name.
    stride : int
        Of the first convolution, and of the shortcut's.

    Returns
    -------
    Node or ndarray of shape (N, F, H_out, W_out)

    Notes
    -----
    He, Zhang, Ren and Sun (2016), "Deep residual learning for image recognition".

    Examples
    --------
    >>> p = {f"{name}_W": np.zeros((3, 3, 3, 3)) for name in ("first", "second")}
    >>> p |= {f"{name}_{part}": np.zeros(3) for name in ("first", "second") for part in ("gamma", "beta")}
    >>> x = np.arange(12.0).reshape(1, 3, 2, 2)
    >>> bool(np.all(residual_block(x, p, {"first": {"mode": "train"}, "second": {"mode": "train"}}) == x))
    True
    """
    ### BEGIN SOLUTION
    out = relu(conv_bn(x, p, "first", bn_params, stride))
    out = conv_bn(out, p, "second", bn_params)
    shortcut = conv_bn(x, p, "shortcut", bn_params, stride) if "shortcut_W" in p else x
    out = relu(add(out, shortcut))
    ### END SOLUTION
    return out


# ---- whole networks


class ArchitectureNet(GraphNet):
    """A network that is given as a list of layers, for `Solver`.

    An activation follows each convolution and each affine layer, except the one called "scores". A convolution without
    biases must be followed by batch normalisation.

    Parameters
    ----------
    stack : sequence of (name, layer)
        Layers of `cs231n.architectures`, without groups and without trained pooling.
    shape : tuple
        Of one image.
    activation : callable
        A layer of graphs, such as `tanh`.
    dtype : NumPy dtype

    Examples
    --------
    >>> from cs231n.architectures import small_lenet5
    >>> net = ArchitectureNet(small_lenet5(), activation=tanh)
    >>> net.loss(np.zeros((2, 3, 32, 32))).shape, sum(value.size for value in net.params.values())
    ((2, 10), 62006)
    """

    def __init__(self, stack, shape=(3, 32, 32), activation=relu, dtype=np.float32):
        super().__init__(dtype)
        self.stack, self.activation = list(stack), activation
        for name, part in self.stack:
            self._add(name, part, shape)
            shape = part.output(shape)

    def _add(self, name, part, shape):
        match part:
            case Conv():
                (self.add_conv if part.bias else self.add_conv_bn)(name, shape[0], part.filters, part.size)
            case Affine():
                self.add_affine(name, prod(shape), part.units)
            case Branches():
                for names, stack in zip(BRANCHES, part.stacks, strict=True):
                    self._add_branch(name, names, [p for p in stack if isinstance(p, Conv)], shape[0])
            case Residual():
                convs = [p for p in (*part.stack, *part.shortcut) if isinstance(p, Conv)]
                inputs = shape[0], convs[0].filters, shape[0]
                for key, C, p in zip(("first", "second", "shortcut"), inputs, convs, strict=False):
                    self.add_conv_bn(f"{name}_{key}", C, p.filters, p.size)
            case Pool() | GlobalPool() | ResponseNorm() | BatchNorm():
                pass  # nothing to learn, or, for BatchNorm, added with the convolution before it
            case _:
                raise TypeError(f"the layer {name} is a {type(part).__name__}, expected one of cs231n.architectures.")

    def _add_branch(self, module, names, convs, C):
        for key, part in zip(names[len(names) - len(convs) :], convs, strict=True):
            self.add_conv(f"{module}_{key}", C, part.filters, part.size)
            C = part.filters

    def forward(self, params, X):
        """Compute the scores (N, K) of images X (N, C, H, W); params are nodes of a graph, or `params`."""
        x = X.astype(self.dtype, copy=False)
        for name, part in self.stack:
            x = self._run(params, name, part, x)
        return x

    def _run(self, params, name, part, x):
        match part:
            case Conv(bias=False):
                return self.conv_bn_relu(params, name, x, part.stride)
            case Conv():
                conv_param = {"stride": part.stride, "pad": part.pad}
                return self.activation(conv(x, params[f"{name}_W"], params[f"{name}_b"], conv_param))
            case Affine():
                scores = affine(x, params[f"{name}_W"], params[f"{name}_b"])
                return scores if name == "scores" else self.activation(scores)
            case Pool():
                window = {"pool_height": part.size, "pool_width": part.size, "stride": part.stride or part.size}
                return (avg_pool if part.mean else max_pool)(x, window)
            case GlobalPool():
                return global_mean(x)
            case ResponseNorm():
                return response_norm(x, {})
            case Branches():
                return inception_module(x, _inside(params, name))
            case Residual():
                stride = next(iter(part.stack)).stride
                return residual_block(x, _inside(params, name), _inside(self._norms, name), stride)
        return x  # BatchNorm, which was computed together with the convolution before it

    def loss(self, X, y=None):
        """Compute the scores of images X of shape (N, C, H, W); with labels y, the loss and all gradients.

        Returns
        -------
        scores : ndarray of shape (N, K)
            If y is None.
        loss, grads : float, dict of ndarray
            Otherwise.
        """
        if y is None:
            return self.forward(self.params, X)
        return self.gradients(lambda params: softmax_loss(self.forward(params, X), y))


def _inside(values, module):
    """The values of a module's layers, under the names that they have inside."""
    return {name.removeprefix(f"{module}_"): v for name, v in values.items() if name.startswith(f"{module}_")}
