"""Wrong and right implementations of the functions of FullyConnectedNets, as learners write them."""

import numpy as np

from cs231n.classifiers import fc_net
from zoo import right, slips, wrong

# ---- fcn_init


def _init_with(fill):
    """An `__init__` that leaves the initial weights to `fill(params, dims, weight_scale, normalization)`."""

    def __init__(
        self,
        hidden_dims,
        input_dim=3072,
        num_classes=10,
        dropout_keep_ratio=1,
        normalization=None,
        reg=0.0,
        weight_scale=1e-2,
        dtype=np.float32,
        seed=None,
    ):
        self.normalization, self.reg, self.dtype = normalization, reg, dtype
        self.num_layers, self.use_dropout = 1 + len(hidden_dims), False
        self.params = {}
        fill(self.params, [input_dim, *hidden_dims, num_classes], weight_scale, normalization)
        self.params = {name: np.asarray(w).astype(dtype) for name, w in self.params.items()}

    __init__.__name__ = fill.__name__
    return __init__


def _filled(
    params,
    dims,
    scale,
    normalization,
    draw=lambda rows, columns, scale: scale * np.random.randn(rows, columns),
    bias=lambda size, scale: np.zeros(size),
    gamma=np.ones,
    beta=np.zeros,
    first=1,
):
    """The correct way, in which single pieces can be replaced."""
    for i, (rows, columns) in enumerate(zip(dims[:-1], dims[1:], strict=True), first):
        params[f"W{i}"], params[f"b{i}"] = draw(rows, columns, scale), bias(columns, scale)
        if normalization and i < len(dims) - 2 + first:
            params[f"gamma{i}"], params[f"beta{i}"] = gamma(columns), beta(columns)


def _wrong_init(sentence, rule=""):
    def register(fill):
        wrong("fcn_init", sentence, rule)(_init_with(fill))
        return fill

    return register


for _name, _sentence, _rule, _pieces in (
    (
        "init_without_scale",
        "the weights are not multiplied by weight_scale",
        "not multiplied by weight_scale",
        {"draw": lambda rows, columns, scale: np.random.randn(rows, columns)},
    ),
    (
        "init_uniform",
        "the weights are drawn uniformly from 0 to 1, as by np.random.rand: use np.random.randn",
        "from 0 to 1",
        {"draw": lambda rows, columns, scale: scale * np.random.rand(rows, columns)},
    ),
    (
        "init_scale_squared",
        "weight_scale is squared: it is the standard deviation, so multiply by it once",
        "not by its square",
        {"draw": lambda rows, columns, scale: scale**2 * np.random.randn(rows, columns)},
    ),
    (
        "init_scale_as_variance",
        "the weights are scaled by the square root of weight_scale: it is the standard deviation, not the variance",
        "not the variance",
        {"draw": lambda rows, columns, scale: scale**0.5 * np.random.randn(rows, columns)},
    ),
    (
        "init_by_fan_in",
        "the weights have the standard deviation sqrt(2 / rows): a good choice, but here it should be weight_scale",
        "multiply standard normal values by weight_scale",
        {"draw": lambda rows, columns, scale: (2 / rows) ** 0.5 * np.random.randn(rows, columns)},
    ),
    (
        "init_transposed",
        "the weights are transposed: W has one row for each input of its layer and one column for each output",
        "W1 is transposed",
        {"draw": lambda rows, columns, scale: scale * np.random.randn(columns, rows)},
    ),
    (
        "init_zeros",
        "the weights are zeros: units of a layer that start equal stay equal for ever",
        "are equal",
        {"draw": lambda rows, columns, scale: np.zeros((rows, columns))},
    ),
    (
        "init_random_biases",
        "the biases are random: they should start at 0",
        "np.zeros",
        {"bias": lambda size, scale: scale * np.random.randn(size)},
    ),
    (
        "init_biases_of_one",
        "the biases are ones: they should start at 0",
        "np.zeros",
        {"bias": lambda size, _: np.ones(size)},
    ),
    (
        "init_gamma_zero",
        "gamma starts at 0, so no signal passes through: it should start at 1",
        "np.ones",
        {"gamma": np.zeros},
    ),
    ("init_beta_one", "beta starts at 1: it should start at 0", "np.zeros", {"beta": np.ones}),
    (
        "init_random_gamma",
        "gamma is random: it should start at 1",
        "np.ones",
        {"gamma": lambda size: 1 + 0.01 * np.random.randn(size)},
    ),
    (
        "init_counts_from_zero",
        "the layers are counted from 0: the first layer has W1 and b1",
        "count the layers from 1",
        {"first": 0},
    ),
    (
        "init_biases_of_rows",
        "a bias has one entry for each input of its layer: it needs one for each output",
        "check the sizes of b",
        {},
    ),
):

    def _fill(params, dims, scale, normalization, _pieces=_pieces):
        _filled(params, dims, scale, normalization, **_pieces)
        if not _pieces:
            for i, rows in enumerate(dims[:-1], 1):
                params[f"b{i}"] = np.zeros(rows)

    _fill.__name__ = _name
    _wrong_init(_sentence, _rule)(_fill)


@_wrong_init(
    "the last layer is missing: there is one more affine layer than there are hidden layers", rule="including the last"
)
def init_without_last(params, dims, scale, normalization):
    _filled(params, dims, scale, normalization)
    del params[f"W{len(dims) - 1}"], params[f"b{len(dims) - 1}"]


@_wrong_init("the last layer has gamma and beta, too: the scores are not normalised", rule="the last layer has none")
def init_last_gamma(params, dims, scale, normalization):
    _filled(params, dims, scale, normalization)
    if normalization:
        params[f"gamma{len(dims) - 1}"], params[f"beta{len(dims) - 1}"] = np.ones(dims[-1]), np.zeros(dims[-1])


@_wrong_init("the last hidden layer has no gamma and beta, and the last layer has them: use them for i < num_layers")
def init_gamma_of_other_layers(params, dims, scale, normalization):
    _filled(params, dims, scale, None)
    for i in range(1, len(dims)):
        if normalization and i != len(dims) - 2:
            params[f"gamma{i}"], params[f"beta{i}"] = np.ones(dims[i]), np.zeros(dims[i])


@_wrong_init("gamma and beta exist although there is no normalisation", rule="without, no layer")
def init_always_gamma(params, dims, scale, normalization):
    _filled(params, dims, scale, "always")


@_wrong_init(
    "gamma and beta are missing: with normalisation, each hidden layer needs both",
    rule="every hidden layer has gamma and beta",
)
def init_without_gamma(params, dims, scale, normalization):
    _filled(params, dims, scale, None)


@_wrong_init("the random generator is seeded inside __init__, so every net is the same: leave seeding to the caller")
def init_seeded(params, dims, scale, normalization):
    np.random.seed(0)
    _filled(params, dims, scale, normalization)


@_wrong_init(
    "the random generator is seeded again for each layer, so layers of equal size start with equal "
    "weights: leave seeding to the caller"
)
def init_seeded_each_layer(params, dims, scale, normalization):
    def draw(rows, columns, scale):
        np.random.seed(231)
        return scale * np.random.randn(rows, columns)

    _filled(params, dims, scale, normalization, draw=draw)


@_wrong_init("the sizes of the hidden layers are used in the wrong order: hidden_dims[0] is next to the input")
def init_reversed_dims(params, dims, scale, normalization):
    _filled(params, [dims[0], *dims[-2:0:-1], dims[-1]], scale, normalization)


@_wrong_init("the number of layers is hard-coded as three: it is 1 + len(hidden_dims)")
def init_three_layers(params, dims, scale, normalization):
    sizes = [dims[0], dims[1], dims[min(2, len(dims) - 2)], dims[-1]]
    _filled(params, sizes, scale, normalization)


def _right_init(fill):
    right("fcn_init")(_init_with(fill))
    return fill


@_right_init
def init_normal(params, dims, scale, normalization):
    _filled(params, dims, scale, normalization, draw=lambda rows, columns, s: np.random.normal(0, s, (rows, columns)))


@_right_init
def init_last_first(params, dims, scale, normalization):
    for i in range(len(dims) - 1, 0, -1):
        params[f"b{i}"] = [0] * dims[i]
        params[f"W{i}"] = (scale * np.random.standard_normal((dims[i - 1], dims[i]))).astype(np.float32)
        if normalization is not None and i != len(dims) - 1:
            params.update({f"beta{i}": np.zeros((dims[i],)), f"gamma{i}": np.ones((dims[i],), dtype=int)})


# ---- fcn_loss: the scores


def _layer(net, i):
    return net.params[f"W{i}"], net.params[f"b{i}"]


def _forward(net, X):
    """The correct way: the outputs and caches of the hidden layers, and the scores."""
    outs, caches = [X], []
    for i in range(1, net.num_layers):
        out, cache = net._hidden_forward(i, outs[-1])
        outs.append(out)
        caches.append(cache)
    W, b = _layer(net, net.num_layers)
    return outs, caches, outs[-1].reshape(len(X), -1) @ W + b


def _cross_entropy(scores, y):
    rows = np.arange(len(y))
    shifted = scores - scores.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    dscores = np.exp(log_p)
    dscores[rows, y] -= 1
    return -log_p[rows, y].mean(), dscores / len(y)


def _gradients(net, X, y, reg=None):
    """The correct way: the loss, the gradients, and the intermediate values from which wrong versions are built."""
    reg = net.reg if reg is None else reg
    outs, caches, scores = _forward(net, X)
    loss, dscores = _cross_entropy(scores, y)
    L, grads = net.num_layers, {}
    W, _ = _layer(net, L)
    grads[f"W{L}"], grads[f"b{L}"] = outs[-1].reshape(len(X), -1).T @ dscores, dscores.sum(axis=0)
    dout = dscores @ W.T
    for i in range(L - 1, 0, -1):
        dout, hidden = net._hidden_backward(i, dout, caches[i - 1])
        grads.update(hidden)
    for i in range(1, L + 1):
        W, _ = _layer(net, i)
        loss = loss + 0.5 * reg * np.sum(W * W)
        grads[f"W{i}"] = grads[f"W{i}"] + reg * W
    return loss, grads, (outs, caches, scores, dscores)


def _wrong_scores(sentence, rule=""):
    """Register a function that computes scores from a net and X; with labels, loss and gradients are correct."""

    def register(scores_of):
        def loss(self, X, y=None):
            return scores_of(self, X) if y is None else _gradients(self, X, y)[:2]

        loss.__name__ = scores_of.__name__
        wrong("fcn_loss", sentence, rule)(loss)
        return scores_of

    return register


@_wrong_scores("the ReLU of the hidden layers is missing: affine layers alone amount to a single affine layer")
def scores_without_relu(self, X):
    out = X.reshape(len(X), -1)
    for i in range(1, self.num_layers + 1):
        W, b = _layer(self, i)
        out = out @ W + b
    return out


@_wrong_scores("the last hidden layer has no ReLU: all layers but the last one, i < num_layers, have one")
def scores_without_last_relu(self, X):
    out = X.reshape(len(X), -1)
    for i in range(1, self.num_layers):
        W, b = _layer(self, i)
        out = out @ W + b if i == self.num_layers - 1 else np.maximum(0, out @ W + b)
    W, b = _layer(self, self.num_layers)
    return out @ W + b


@_wrong_scores("there is no W0: the layers are counted from 1")
def scores_count_from_zero(self, X):
    out = X.reshape(len(X), -1)
    for i in range(self.num_layers):
        out = np.maximum(0, out @ self.params[f"W{i}"] + self.params[f"b{i}"])
    return out


@_wrong_scores("there is a ReLU after the last layer, too: scores may be negative")
def scores_relu_at_the_end(self, X):
    return np.maximum(0, _forward(self, X)[2])


@_wrong_scores("the last layer is treated as a hidden layer: it should be affine only, affine_forward")
def scores_last_as_hidden(self, X):
    out = X
    for i in range(1, self.num_layers + 1):
        out, _ = self._hidden_forward(i, out)
    return out


@_wrong_scores("softmax is applied to the scores: without labels, return the scores themselves")
def scores_as_probabilities(self, X):
    scores = _forward(self, X)[2]
    exp = np.exp(scores - scores.max(axis=1, keepdims=True))
    return exp / exp.sum(axis=1, keepdims=True)


@_wrong_scores("the output of the last hidden layer is returned: the last affine layer is missing")
def scores_are_hidden(self, X):
    return _forward(self, X)[0][-1]


@_wrong_scores("every hidden layer receives X: the input of a layer is the output of the layer before")
def scores_from_X(self, X):
    out = X
    for i in range(1, self.num_layers):
        out, _ = self._hidden_forward(i, X)
    W, b = _layer(self, self.num_layers)
    return out.reshape(len(X), -1) @ W + b


@_wrong_scores("the last hidden layer is left out: the loop should run over i = 1, ..., num_layers - 1")
def scores_one_too_few(self, X):
    out = X
    for i in range(1, self.num_layers - 1):
        out, _ = self._hidden_forward(i, out)
    W, b = _layer(self, self.num_layers)
    return out.reshape(len(X), -1) @ W + b


@_wrong_scores("all hidden layers use the first layer's weights: layer i has its own Wi and bi")
def scores_first_weights_only(self, X):
    out = X
    for _ in range(1, self.num_layers):
        out, _ = self._hidden_forward(1, out)
    W, b = _layer(self, self.num_layers)
    return out.reshape(len(X), -1) @ W + b


@_wrong_scores("the bias of the last layer is missing")
def scores_without_last_bias(self, X):
    return _forward(self, X)[2] - _layer(self, self.num_layers)[1]


@_wrong_scores("the biases of the hidden layers are missing")
def scores_without_hidden_biases(self, X):
    kept = self.params
    hidden = {name: np.zeros_like(w) for name, w in kept.items() if name[0] == "b" and name[1:].isdigit()}
    self.params = kept | hidden | {f"b{self.num_layers}": kept[f"b{self.num_layers}"]}
    scores = _forward(self, X)[2]
    self.params = kept
    return scores


@_wrong_scores("normalisation and dropout are ignored, as by affine_relu_forward: call self._hidden_forward(i, out)")
def scores_without_settings(self, X):
    out = X.reshape(len(X), -1)
    for i in range(1, self.num_layers):
        W, b = _layer(self, i)
        out = np.maximum(0, out @ W + b)
    W, b = _layer(self, self.num_layers)
    return out @ W + b


def _scores_by_steps(self, X, hidden):
    """The scores where `hidden(net, i, out)` is what hidden layer i makes of the affine outputs."""
    out = X.reshape(len(X), -1)
    for i in range(1, self.num_layers):
        W, b = _layer(self, i)
        out = hidden(self, i, out @ W + b)
    W, b = _layer(self, self.num_layers)
    return out @ W + b


def _normalised(self, i, out):
    if not self.normalization:
        return out
    forward = fc_net.batchnorm_forward if self.normalization == "batchnorm" else fc_net.layernorm_forward
    return forward(out, self.params[f"gamma{i}"], self.params[f"beta{i}"], self.bn_params[i - 1])[0]


def _dropped(self, out):
    return fc_net.dropout_forward(out, self.dropout_param)[0] if self.use_dropout else out


@_wrong_scores("the normalisation comes after the ReLU: it belongs between the affine layer and the ReLU")
def scores_normalised_after_relu(self, X):
    return _scores_by_steps(self, X, lambda net, i, out: _dropped(net, _normalised(net, i, np.maximum(0, out))))


@_wrong_scores("dropout comes before the normalisation: it is the last step of a hidden layer, after the ReLU")
def scores_dropped_first(self, X):
    return _scores_by_steps(self, X, lambda net, i, out: np.maximum(0, _normalised(net, i, _dropped(net, out))))


@_wrong_scores("dropout is left out: where self.use_dropout is set, it follows the ReLU of each hidden layer")
def scores_without_dropout(self, X):
    return _scores_by_steps(self, X, lambda net, i, out: np.maximum(0, _normalised(net, i, out)))


@_wrong_scores("the number of layers is hard-coded as three: loop over self.num_layers layers")
def scores_three_layers(self, X):
    out, _ = self._hidden_forward(1, X)
    out, _ = self._hidden_forward(2, out)
    return out @ self.params["W3"] + self.params["b3"]


@_wrong_scores("the predicted labels are returned: without y, return the scores of all classes")
def scores_as_labels(self, X):
    return np.argmax(_forward(self, X)[2], axis=1)


@_wrong_scores("the cache is returned with the scores: affine_forward returns (out, cache), so unpack the two")
def scores_with_cache(self, X):
    return _forward(self, X)[2], X


@right("fcn_loss")
def scores_from_layer_utils(self, X, y=None):
    from cs231n.layer_utils import hidden_forward

    out = X
    for i in range(self.num_layers - 1):
        n = i + 1
        out, _ = hidden_forward(
            out,
            self.params[f"W{n}"],
            self.params[f"b{n}"],
            self.params.get(f"gamma{n}"),
            self.params.get(f"beta{n}"),
            self.normalization,
            self.bn_params[i] if self.normalization else None,
            self.dropout_param or None,
        )
    return (
        np.einsum("nh,hc->nc", out.reshape(len(X), -1), self.params[f"W{self.num_layers}"])
        + _layer(self, self.num_layers)[1]
    )


@right("fcn_loss")
def scores_from_single_layers(self, X, y=None):
    """Every layer on its own, as in older versions of the course."""
    from cs231n import layers

    out = X
    for i in range(1, self.num_layers):
        out, _ = layers.affine_forward(out, *_layer(self, i))
        if self.normalization == "layernorm":
            gamma, beta = self.params[f"gamma{i}"], self.params[f"beta{i}"]
            out, _ = layers.layernorm_forward(out, gamma, beta, self.bn_params[i - 1])
        out, _ = layers.relu_forward(out)
        if self.use_dropout:
            out, _ = layers.dropout_forward(out, self.dropout_param)
    return layers.affine_forward(out, *_layer(self, self.num_layers))[0]


@right("fcn_loss", edge="with hidden_dims = [] the net is a linear classifier")
def scores_after_the_loop(self, X, y=None):
    """The last layer is the one after the last that the loop has seen."""
    out = X
    for i in range(1, self.num_layers):
        out, _ = self._hidden_forward(i, out)
    W, b = self.params[f"W{i + 1}"], self.params[f"b{i + 1}"]
    return out.reshape(len(X), -1) @ W + b


# ---- fcn_gradients


def _wrong_gradients(sentence, rule=""):
    """Register a function that computes (loss, grads) from a net, X and y; without labels, the scores are correct."""

    def register(function):
        def loss(self, X, y=None):
            return _forward(self, X)[2] if y is None else function(self, X, y)

        loss.__name__ = function.__name__
        wrong("fcn_gradients", sentence, rule)(loss)
        return function

    return register


def _weights(net):
    return {f"W{i}": net.params[f"W{i}"] for i in range(1, net.num_layers + 1)}


def _penalty(net):
    return 0.5 * net.reg * sum(np.sum(W**2) for W in _weights(net).values())


def _with_reg_in_grads(net, grads, factor):
    return grads | {name: grads[name] + factor * net.reg * W for name, W in _weights(net).items()}


@_wrong_gradients("the regularisation is missing in the loss", rule="0.5 * reg * sum(W * W) is missing")
def fcn_loss_without_reg(self, X, y):
    loss, grads, _ = _gradients(self, X, y)
    return loss - _penalty(self), grads


@_wrong_gradients("the factor 0.5 of the regularisation is missing in the loss", rule="an extra 0.5 * reg * sum(W * W)")
def fcn_loss_without_half(self, X, y):
    loss, grads, _ = _gradients(self, X, y)
    return loss + _penalty(self), grads


@_wrong_gradients(
    "the regularisation is missing in the gradients: add reg * W to each dW", rule="1 * reg * W is missing"
)
def fcn_gradient_without_reg(self, X, y):
    return _gradients(self, X, y)[0], _gradients(self, X, y, reg=0.0)[1]


@_wrong_gradients(
    "the regularisation adds 2 * reg * W to the gradients: with the factor 0.5 in the loss, it should add reg * W"
)
def fcn_gradient_twice(self, X, y):
    loss, grads, _ = _gradients(self, X, y)
    return loss, _with_reg_in_grads(self, grads, 1.0)


@_wrong_gradients(
    "the regularisation adds 0.5 * reg * W to the gradients: the derivative of 0.5 * reg * W * W is reg * W"
)
def fcn_gradient_half(self, X, y):
    loss, grads, _ = _gradients(self, X, y)
    return loss, _with_reg_in_grads(self, grads, -0.5)


@_wrong_gradients("the regularisation is missing in both the loss and the gradients", rule="is missing")
def fcn_without_reg(self, X, y):
    return _gradients(self, X, y, reg=0.0)[:2]


@_wrong_gradients("the last layer is not regularised: regularise the weights of all layers")
def fcn_last_not_regularised(self, X, y):
    loss, grads, _ = _gradients(self, X, y)
    last = f"W{self.num_layers}"
    W = self.params[last]
    return loss - 0.5 * self.reg * np.sum(W**2), grads | {last: grads[last] - self.reg * W}


@_wrong_gradients("only the last layer is regularised: regularise the weights of all layers")
def fcn_only_last_regularised(self, X, y):
    loss, grads, _ = _gradients(self, X, y, reg=0.0)
    last = f"W{self.num_layers}"
    W = self.params[last]
    return loss + 0.5 * self.reg * np.sum(W**2), grads | {last: grads[last] + self.reg * W}


@_wrong_gradients("all parameters are regularised: regularise only the weights W, not the biases, gamma and beta")
def fcn_regularises_all(self, X, y):
    loss, grads, _ = _gradients(self, X, y, reg=0.0)
    for name, w in self.params.items():
        loss = loss + 0.5 * self.reg * np.sum(w**2)
        grads[name] = grads[name] + self.reg * w
    return loss, grads


@_wrong_gradients("gamma and beta are regularised: regularise only the weights W")
def fcn_regularises_gamma(self, X, y):
    loss, grads, _ = _gradients(self, X, y)
    for name, w in self.params.items():
        if name.startswith(("gamma", "beta")):
            loss = loss + 0.5 * self.reg * np.sum(w**2)
            grads[name] = grads[name] + self.reg * w
    return loss, grads


@_wrong_gradients("the loss contains the square root of the sum of squares: use the sum of squares itself")
def fcn_root_of_squares(self, X, y):
    loss, grads, _ = _gradients(self, X, y)
    return loss - _penalty(self) + 0.5 * self.reg * sum(map(np.linalg.norm, _weights(self).values())), grads


@_wrong_gradients("the regularisation is subtracted in the gradients: add reg * W", rule="2 * reg * W is missing")
def fcn_subtracts_reg(self, X, y):
    loss, grads, _ = _gradients(self, X, y)
    return loss, _with_reg_in_grads(self, grads, -2.0)


@_wrong_gradients("the SVM loss is used: use softmax_loss")
def fcn_with_hinge(self, X, y):
    loss, grads, (_, _, scores, _) = _gradients(self, X, y)
    margins = np.maximum(0, scores - scores[np.arange(len(y)), y][:, None] + 1)
    return margins.sum() / len(y) - 1 + _penalty(self), grads


@_wrong_gradients("the caches are used in the order of the forward pass: the backward pass starts with the last one")
def fcn_caches_in_order(self, X, y):
    loss, grads, (_, caches, _, dscores) = _gradients(self, X, y)
    dout, L = dscores @ self.params[f"W{self.num_layers}"].T, self.num_layers
    for i in range(L - 1, 0, -1):
        dout, hidden = self._hidden_backward(i, dout, caches[L - 1 - i])
        grads.update(hidden)
    return loss, grads | {name: grads[name] + self.reg * W for name, W in _weights(self).items() if name != f"W{L}"}


@_wrong_gradients("all hidden layers receive the same upstream gradient: carry dout from layer to layer")
def fcn_dout_not_carried(self, X, y):
    loss, grads, (_, caches, _, dscores) = _gradients(self, X, y)
    dout, L = dscores @ self.params[f"W{self.num_layers}"].T, self.num_layers
    for i in range(L - 1, 0, -1):
        _, hidden = self._hidden_backward(i, dout, caches[i - 1])
        grads.update(
            {name: grad + self.reg * self.params[name] * name.startswith("W") for name, grad in hidden.items()}
        )
    return loss, grads


@_wrong_gradients(
    "the first hidden layer's gradients are missing: the loop should run down to i = 1, range(L - 1, 0, -1)"
)
def fcn_stops_early(self, X, y):
    loss, grads, _ = _gradients(self, X, y)
    if self.num_layers > 1:
        grads = {name: grad for name, grad in grads.items() if name not in ("W1", "b1", "gamma1", "beta1")}
    return loss, grads


@_wrong_gradients("the backward pass skips the ReLU of the hidden layers: call self._hidden_backward(i, dout, cache)")
def fcn_backward_without_relu(self, X, y):
    loss, grads, (outs, _, _, dscores) = _gradients(self, X, y)
    dout = dscores
    for i in range(self.num_layers, 0, -1):
        W, _ = _layer(self, i)
        rows = outs[i - 1].reshape(len(X), -1)
        grads[f"W{i}"], grads[f"b{i}"] = rows.T @ dout + self.reg * W, dout.sum(axis=0)
        dout = dout @ W.T
    return loss, grads


@_wrong_gradients(
    "the gradients are divided by N a second time: softmax_loss has already done it", rule="a mean instead of a sum"
)
def fcn_divides_again(self, X, y):
    loss, grads, _ = _gradients(self, X, y, reg=0.0)
    return loss + _penalty(self), _with_reg_in_grads(self, {n: g / len(X) for n, g in grads.items()}, 1.0)


@_wrong_gradients("the gradients of the biases are missing: grads needs every key of self.params")
def fcn_without_bias_gradients(self, X, y):
    loss, grads, _ = _gradients(self, X, y)
    return loss, {name: grad for name, grad in grads.items() if not (name[0] == "b" and name[1:].isdigit())}


@_wrong_gradients(
    "the gradients of gamma and beta are missing: store everything that self._hidden_backward returns in grads"
)
def fcn_without_gamma_gradients(self, X, y):
    loss, grads, _ = _gradients(self, X, y)
    return loss, {name: grad for name, grad in grads.items() if not name.startswith(("gamma", "beta"))}


@_wrong_gradients("loss changes the weights: the update W -= ... belongs to the update rule", rule="modified in place")
def fcn_updates_weights(self, X, y):
    loss, grads, _ = _gradients(self, X, y)
    for name in self.params:
        self.params[name] -= 1e-2 * grads[name]
    return loss, grads


@_wrong_gradients("the scores are returned although labels are given: return loss, grads")
def fcn_returns_scores(self, X, y):
    return _forward(self, X)[2]


@_wrong_gradients(
    "the gradients of the weights are reg * W alone: add reg * W to the gradients of the data loss, do not replace them"
)
def fcn_reg_overwrites(self, X, y):
    loss, grads, _ = _gradients(self, X, y)
    return loss, grads | {name: self.reg * W for name, W in _weights(self).items()}


@right("fcn_gradients")
def fcn_in_one_piece(self, X, y=None):
    return _forward(self, X)[2] if y is None else _gradients(self, X, y)[:2]


@right("fcn_gradients")
def fcn_from_layer_functions(self, X, y=None):
    from cs231n import layers

    outs, caches, scores = _forward(self, X)
    if y is None:
        return scores
    loss, dscores = layers.softmax_loss(scores, y)
    grads, L = {}, self.num_layers
    dout, dW, db = layers.affine_backward(dscores, (outs[-1], *_layer(self, L)))
    grads[f"b{L}"], grads[f"W{L}"] = db, dW
    for cache in reversed(caches):
        L -= 1
        dout, hidden = self._hidden_backward(L, dout, cache)
        grads = hidden | grads
    for name, w in self.params.items():
        if name.startswith("W"):
            loss += self.reg / 2 * np.linalg.norm(w) ** 2
            grads[name] = grads[name] + w * self.reg
    return loss, grads


@right("fcn_gradients", edge="with hidden_dims = [] the net is a linear classifier")
def fcn_from_a_list_of_caches(self, X, y=None):
    """The first hidden layer stands before the loops, which pass the others."""
    from cs231n import layers

    out, first = self._hidden_forward(1, X)
    caches = []
    for i in range(2, self.num_layers):
        out, cache = self._hidden_forward(i, out)
        caches.append(cache)
    L = self.num_layers
    scores, last = layers.affine_forward(out, *_layer(self, L))
    if y is None:
        return scores
    loss, dscores = layers.softmax_loss(scores, y)
    grads = {}
    dout, grads[f"W{L}"], grads[f"b{L}"] = layers.affine_backward(dscores, last)
    for i in range(L - 1, 0, -1):
        dout, hidden = self._hidden_backward(i, dout, caches.pop() if i > 1 else first)
        grads |= hidden
    return loss + _penalty(self), _with_reg_in_grads(self, grads, 1.0)


def _softmax_loss_of_p(x, y):
    """The loss by the logarithm of a probability, which may be 0."""
    p = np.exp(x - np.max(x, axis=1)[:, None])
    p /= np.sum(p, axis=1)[:, None]
    dx = p.copy()
    dx[range(len(y)), y] -= 1
    return np.mean(-np.log(p[range(len(y)), y])), dx / len(y)


@right(
    "fcn_gradients",
    edge="its probability is 0 and the logarithm of it infinite",
    beside={"cs231n.layers:softmax_loss": _softmax_loss_of_p},
)
def fcn_with_log_of_p(self, X, y=None):
    return fcn_from_layer_functions(self, X, y)


# ---- slips


slips(
    "fcn_loss",
    ("the bias of the last layer is missing", 'self.params[f"b{L}"])', '0 * self.params[f"b{L}"])'),
    (
        "the largest score of each row is subtracted: return the scores as they are",
        'self.params[f"b{L}"])',
        'self.params[f"b{L}"])\nscores = scores - scores.max(axis=1, keepdims=True)',
    ),
    (
        "the scores are divided by the number of layers",
        'self.params[f"b{L}"])',
        'self.params[f"b{L}"])\nscores = scores / L',
    ),
)

slips(
    "fcn_gradients",
    (
        "the backward pass starts with the scores: start with dscores, the gradient that softmax_loss returns",
        "affine_backward(dscores, last_cache)",
        "affine_backward(scores, last_cache)",
    ),
    (
        "the upstream gradient has the wrong sign",
        "affine_backward(dscores, last_cache)",
        "affine_backward(-dscores, last_cache)",
    ),
    (
        "the gradients are multiplied by the loss",
        "affine_backward(dscores, last_cache)",
        "affine_backward(loss * dscores, last_cache)",
    ),
    (
        "the regularisation of the loss counts the first layer only, once for each layer: use W of layer i",
        "0.5 * self.reg * np.sum(W**2)",
        '0.5 * self.reg * np.sum(self.params["W1"] ** 2)',
    ),
    ("the first layer is not regularised: begin with W1", "range(1, L + 1)", "range(2, L + 1)"),
    (
        "the regularisation of the loss is divided by the number of layers: add it in full for each",
        "0.5 * self.reg * np.sum(W**2)",
        "0.5 * self.reg * np.sum(W**2) / L",
    ),
    ("the regularisation is subtracted in the loss: add it", "loss += 0.5", "loss -= 0.5"),
    ("reg is squared in the gradients: add reg * W", "+= self.reg * W", "+= self.reg**2 * W"),
)
