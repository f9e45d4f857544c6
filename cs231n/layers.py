"""Layers as pairs of functions.

The contract of every pair: ``x_forward(...)`` returns ``(out, cache)``, where ``cache`` holds exactly what the backward
pass needs; ``x_backward(dout, cache)`` takes the upstream gradient ``dout``, of the loss with respect to ``out``, and
returns the gradients with respect to the inputs, each with the shape of its input. A loss layer returns ``(loss, dx)``
in one call. No function changes its arguments, except for the running statistics in ``bn_param``.

Settings come in a dict; a key that the layer does not know is refused, and so is a dout that does not have the shape of
out. Inputs of float16 are computed in float32, and the results are float16 again (`_precision.py`).
"""

import numpy as np

from cs231n._cache import remember, require_remembered
from cs231n._errors import (
    require_affine,
    require_gains,
    require_gradient,
    require_groups,
    require_keep_probability,
    require_labels,
    require_maps,
    require_rows,
    require_scores,
    require_settings,
    require_some,
    require_train_cache,
)
from cs231n._precision import as_floats, in_float32
from cs231n._windows import maps_shape, pooled_shape, require_conv, require_pool

BATCHNORM_SETTINGS = frozenset({"mode", "eps", "momentum", "running_mean", "running_var"})
LAYERNORM_SETTINGS = frozenset({"eps", "mode"})  # the mode is allowed, but train and test mode are the same
DROPOUT_SETTINGS = frozenset({"p", "mode", "seed"})


@in_float32
def affine_forward(x, w, b):
    """Compute an affine (fully connected) layer: each input in x, flattened to a row, times w, plus b.

    Parameters
    ----------
    x : ndarray of shape (N, d_1, ..., d_k)
        A batch of N inputs; each is flattened to a row of D = d_1 * ... * d_k values.
    w : ndarray of shape (D, M)
        Weights.
    b : ndarray of shape (M,)
        Biases.

    Returns
    -------
    out : ndarray of shape (N, M)
    cache : tuple (x, w, b)

    Raises
    ------
    ValueError
        If the rows of x do not have D values, or b does not have one for each column of w.

    Examples
    --------
    >>> x = np.array([[[1.0, 2.0]], [[3.0, 4.0]]])  # two inputs of shape (1, 2)
    >>> w = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
    >>> out, cache = affine_forward(x, w, np.array([0.0, 0.0, 10.0]))
    >>> out
    array([[ 1.,  2., 13.],
           [ 3.,  4., 17.]])
    """
    require_affine(x, w, b)
    ### BEGIN SOLUTION
    rows = x.reshape(len(x), len(w))  # (N, d_1, ..., d_k) -> (N, D)
    out = rows @ w + b  # (N, D) @ (D, M) + (M,) -> (N, M)
    ### END SOLUTION
    cache = (x, w, b)
    return out, cache


@in_float32
def affine_backward(dout, cache):
    """Compute the gradients of an affine layer.

    Parameters
    ----------
    dout : ndarray of shape (N, M)
        Gradient of the loss with respect to the layer's output.
    cache : tuple (x, w, b)
        From `affine_forward`.

    Returns
    -------
    dx : ndarray of shape (N, d_1, ..., d_k)
    dw : ndarray of shape (D, M)
    db : ndarray of shape (M,)

    Examples
    --------
    >>> x, w, b = np.array([[1.0, 2.0]]), np.array([[3.0], [5.0]]), np.array([0.0])
    >>> dx, dw, db = affine_backward(np.array([[10.0]]), (x, w, b))
    >>> dx, dw.T, db
    (array([[30., 50.]]), array([[10., 20.]]), array([10.]))
    """
    x, w, b = cache
    require_gradient(dout, (len(x), w.shape[1]))
    ### BEGIN SOLUTION
    rows = x.reshape(len(x), len(w))  # (N, D)
    dx = (dout @ w.T).reshape(x.shape)  # (N, M) @ (M, D) -> (N, D) -> (N, d_1, ..., d_k)
    dw = rows.T @ dout  # (D, N) @ (N, M) -> (D, M)
    db = dout.sum(axis=0)  # b is added to every row, so its gradient sums over the rows
    ### END SOLUTION
    return dx, dw, db


@in_float32
def relu_forward(x):
    """Compute the rectified linear unit, max(0, x), elementwise.

    Parameters
    ----------
    x : ndarray of any shape

    Returns
    -------
    out : ndarray of the shape of x
    cache : ndarray
        The input x.

    Examples
    --------
    >>> relu_forward(np.array([-1.0, 0.0, 2.0]))[0]
    array([0., 0., 2.])
    """
    ### BEGIN SOLUTION
    out = np.maximum(0, x)
    ### END SOLUTION
    cache = x
    return out, cache


@in_float32
def relu_backward(dout, cache):
    """Compute the gradient of ReLU: dout where the input was positive, 0 elsewhere.

    At x = 0 the function has no derivative; by convention the gradient there is 0.

    Parameters
    ----------
    dout : ndarray of any shape
    cache : ndarray
        The input x, of the shape of dout.

    Returns
    -------
    dx : ndarray of the shape of x

    Examples
    --------
    >>> relu_backward(np.array([5.0, 5.0, 5.0]), np.array([-1.0, 0.0, 2.0]))
    array([0., 0., 5.])
    """
    x = cache
    require_gradient(dout, x.shape)
    ### BEGIN SOLUTION
    dx = dout * (x > 0)
    ### END SOLUTION
    return dx


@in_float32
def batchnorm_forward(x, gamma, beta, bn_param):
    """Compute batch normalisation: give each column of x mean 0 and variance 1, then scale and shift it.

    x_hat = (x - mean) / sqrt(var + eps),  out = gamma * x_hat + beta

    In train mode the mean and the (biased) variance of each column are those of the batch, and the running statistics
    in `bn_param` move a step towards them: running = momentum * running + (1 - momentum) * batch. In test mode the
    running statistics are used instead, so that an output does not depend on the rest of its batch.

    Parameters
    ----------
    x : ndarray of shape (N, D)
    gamma, beta : ndarray of shape (D,)
        Scale and shift.
    bn_param : dict
        mode : 'train' or 'test'. eps : float, default 1e-5. momentum : float, default 0.9.
        running_mean, running_var : ndarray of shape (D,), default zeros; updated in train mode.

    Returns
    -------
    out : ndarray of shape (N, D)
    cache : tuple
        In train mode: what `batchnorm_backward` and `batchnorm_backward_alt` need. In test mode None.

    Raises
    ------
    ValueError
        If the mode is not 'train' or 'test', or the shapes do not match.

    Notes
    -----
    Ioffe and Szegedy (2015), "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate
    Shift". The paper keeps a running mean of the unbiased variance; here it is the biased one, as for the batch.

    Examples
    --------
    >>> bn_param = {"mode": "train"}
    >>> out, _ = batchnorm_forward(np.array([[0.0, 10.0], [2.0, 50.0]]), np.ones(2), np.array([0.0, 5.0]), bn_param)
    >>> out.round(3)
    array([[-1.,  4.],
           [ 1.,  6.]])
    >>> bn_param["running_mean"], bn_param["running_var"]
    (array([0.1, 3. ]), array([ 0.1, 40. ]))
    """
    require_rows(x, "spatial_batchnorm_forward")
    require_gains(gamma, beta, x.shape[1], shapes=((1, x.shape[1]),))  # a row: from a gradient with keepdims=True
    require_settings(bn_param, BATCHNORM_SETTINGS, "bn_param")
    mode, eps, momentum = bn_param["mode"], bn_param.get("eps", 1e-5), bn_param.get("momentum", 0.9)
    running_mean = bn_param.get("running_mean", np.zeros(x.shape[1], dtype=x.dtype))
    running_var = bn_param.get("running_var", np.zeros(x.shape[1], dtype=x.dtype))

    if mode == "train":
        require_some(x, "x", "mean of the batch")
        ### BEGIN SOLUTION
        mean = x.mean(axis=0)
        centred = x - mean  # (N, D) - (D,) -> (N, D)
        var = (centred**2).mean(axis=0)
        std = np.sqrt(var + eps)
        x_hat = centred / std
        out = gamma * x_hat + beta
        cache = (centred, std, x_hat, gamma)

        running_mean = momentum * running_mean + (1 - momentum) * mean
        running_var = momentum * running_var + (1 - momentum) * var
        ### END SOLUTION
        bn_param["running_mean"], bn_param["running_var"] = running_mean, running_var
    elif mode == "test":
        ### BEGIN SOLUTION
        out = gamma * (x - running_mean) / np.sqrt(running_var + eps) + beta
        ### END SOLUTION
        cache = None
    else:
        raise ValueError(f'Invalid forward batchnorm mode "{mode}": expected "train" or "test".')
    return out, remember(cache, "batchnorm", out)


@in_float32
def batchnorm_backward(dout, cache):
    """Compute the gradients of batch normalisation, node by node through its computational graph.

    The mean and variance of the batch depend on x too, so three paths lead from x to x_hat: directly, through the mean
    and through the variance. The gradients along the three paths add up.

    Parameters
    ----------
    dout : ndarray of shape (N, D)
        Gradient of the loss with respect to the layer's output.
    cache : tuple
        From `batchnorm_forward` in train mode.

    Returns
    -------
    dx : ndarray of shape (N, D)
    dgamma, dbeta : ndarray of shape (D,)

    Examples
    --------
    >>> x = np.array([[0.0], [2.0], [4.0]])
    >>> _, cache = batchnorm_forward(x, np.array([3.0]), np.array([0.0]), {"mode": "train", "eps": 0.0})
    >>> dx, dgamma, dbeta = batchnorm_backward(np.array([[1.0], [0.0], [0.0]]), cache)
    >>> dx.T.round(4), dgamma.round(4), dbeta
    (array([[ 0.3062, -0.6124,  0.3062]]), array([-1.2247]), array([1.]))
    """
    require_train_cache(cache)
    require_remembered(dout, cache, "batchnorm")
    ### BEGIN SOLUTION
    centred, std, x_hat, gamma = cache
    dbeta = dout.sum(axis=0)  # out = gamma * x_hat + beta
    dgamma = (dout * x_hat).sum(axis=0)
    dx_hat = dout * gamma  # (N, D) * (D,) -> (N, D)

    dcentred = dx_hat / std  # x_hat = centred / std
    dstd = -(dx_hat * centred).sum(axis=0) / std**2  # (D,): a column shares one std, so its gradient is a sum
    dvar = dstd / (2 * std)  # std = sqrt(var + eps)
    dcentred += dvar * 2 * centred / len(dout)  # var = mean(centred^2)
    dmean = -dcentred.sum(axis=0)  # centred = x - mean
    dx = dcentred + dmean / len(dout)  # mean = sum(x) / N
    ### END SOLUTION
    return dx, dgamma, dbeta


@in_float32
def batchnorm_backward_alt(dout, cache):
    """Compute the gradients of batch normalisation with a single expression for dx, simplified on paper.

    Parameters, return values and cache are those of `batchnorm_backward`; the gradients agree up to rounding.

    Examples
    --------
    >>> x = np.array([[0.0], [2.0], [4.0]])
    >>> _, cache = batchnorm_forward(x, np.array([3.0]), np.array([0.0]), {"mode": "train", "eps": 0.0})
    >>> batchnorm_backward_alt(np.array([[1.0], [0.0], [0.0]]), cache)[0].T.round(4)
    array([[ 0.3062, -0.6124,  0.3062]])
    """
    require_train_cache(cache)
    require_remembered(dout, cache, "batchnorm")
    ### BEGIN SOLUTION
    _, std, x_hat, gamma = cache
    dbeta = dout.sum(axis=0)
    dgamma = (dout * x_hat).sum(axis=0)
    dx = gamma / std * (dout - (dbeta + x_hat * dgamma) / len(dout))  # (D,) * (N, D) -> (N, D)
    ### END SOLUTION
    return dx, dgamma, dbeta


@in_float32
def layernorm_forward(x, gamma, beta, ln_param):
    """Compute layer normalisation: give each row of x mean 0 and variance 1, then scale and shift the columns.

    x_hat = (x - mean) / sqrt(var + eps),  out = gamma * x_hat + beta,  with the mean and variance of each row

    Parameters
    ----------
    x : ndarray of shape (N, D)
    gamma, beta : ndarray of shape (D,)
        Scale and shift.
    ln_param : dict
        eps : float, default 1e-5. There is no mode, since a row does not depend on the other rows.

    Returns
    -------
    out : ndarray of shape (N, D)
    cache : tuple
        What `layernorm_backward` needs.

    Raises
    ------
    ValueError
        If the shapes do not match.

    Notes
    -----
    Ba, Kiros and Hinton (2016), "Layer Normalization".

    Examples
    --------
    >>> out, _ = layernorm_forward(np.array([[0.0, 2.0], [10.0, 50.0]]), np.ones(2), np.array([0.0, 5.0]), {})
    >>> out.round(3)
    array([[-1.,  6.],
           [-1.,  6.]])
    """
    require_rows(x, "spatial_groupnorm_forward")
    require_gains(gamma, beta, x.shape[1], shapes=((1, x.shape[1]),))  # a row: from a gradient with keepdims=True
    require_settings(ln_param, LAYERNORM_SETTINGS, "ln_param")
    eps = ln_param.get("eps", 1e-5)
    ### BEGIN SOLUTION
    centred = x - x.mean(axis=1, keepdims=True)  # (N, D) - (N, 1) -> (N, D)
    std = np.sqrt((centred**2).mean(axis=1, keepdims=True) + eps)  # (N, 1)
    x_hat = centred / std
    out = gamma * x_hat + beta
    cache = (x_hat, std, gamma)
    ### END SOLUTION
    return out, remember(cache, "layernorm", out)


@in_float32
def layernorm_backward(dout, cache):
    """Compute the gradients of layer normalisation.

    Parameters
    ----------
    dout : ndarray of shape (N, D)
        Gradient of the loss with respect to the layer's output.
    cache : tuple
        From `layernorm_forward`.

    Returns
    -------
    dx : ndarray of shape (N, D)
    dgamma, dbeta : ndarray of shape (D,)

    Examples
    --------
    >>> x = np.array([[0.0, 2.0, 4.0]])
    >>> _, cache = layernorm_forward(x, np.array([3.0, 3.0, 3.0]), np.zeros(3), {"eps": 0.0})
    >>> dx, dgamma, dbeta = layernorm_backward(np.array([[1.0, 0.0, 0.0]]), cache)
    >>> dx.round(4), dbeta
    (array([[ 0.3062, -0.6124,  0.3062]]), array([1., 0., 0.]))
    """
    require_remembered(dout, cache, "layernorm")
    ### BEGIN SOLUTION
    x_hat, std, gamma = cache
    dbeta = dout.sum(axis=0)  # each column has one gamma and one beta: their gradients sum over the rows ...
    dgamma = (dout * x_hat).sum(axis=0)
    dx_hat = dout * gamma  # ... while each row has one mean and one variance: these means run along the row
    along = dx_hat.mean(axis=1, keepdims=True) + x_hat * (dx_hat * x_hat).mean(axis=1, keepdims=True)
    dx = (dx_hat - along) / std
    ### END SOLUTION
    return dx, dgamma, dbeta


@in_float32
def dropout_forward(x, dropout_param):
    """Compute inverted dropout: keep each value with probability p and divide the kept values by p.

    In test mode nothing is dropped. Thanks to the division by p in train mode, the expected output is x in both modes.

    Parameters
    ----------
    x : ndarray of any shape
    dropout_param : dict
        p : float, the probability of keeping a value (not of dropping it), 0 < p <= 1. mode : 'train' or 'test'.
        seed : int, optional; seeds NumPy's global generator at each call, in both modes, so that a gradient check gets
        the same mask each time. Random numbers drawn after the call depend on it too.

    Returns
    -------
    out : ndarray of the shape of x
    cache : tuple (dropout_param, mask)
        mask is None in test mode.

    Raises
    ------
    ValueError
        If the mode is not 'train' or 'test', or p is out of range.

    Notes
    -----
    Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov (2014), "Dropout: A Simple Way to Prevent Neural
    Networks from Overfitting". PyTorch's p is the probability of dropping.

    Examples
    --------
    >>> out, _ = dropout_forward(np.array([1.0, 2.0, 3.0, 4.0]), {"mode": "train", "p": 0.5, "seed": 1})
    >>> out  # np.random.seed(1); np.random.rand(4) gives 0.42, 0.72, 0.00, 0.30
    array([2., 0., 6., 8.])
    """
    require_settings(dropout_param, DROPOUT_SETTINGS, "dropout_param")
    p, mode = dropout_param["p"], dropout_param["mode"]
    require_keep_probability(p)
    if "seed" in dropout_param:
        np.random.seed(dropout_param["seed"])

    mask = None
    if mode == "train":
        ### BEGIN SOLUTION
        mask = (np.random.rand(*x.shape) < p).astype(x.dtype) / float(p)
        out = x * mask
        ### END SOLUTION
    elif mode == "test":
        ### BEGIN SOLUTION
        out = x
        ### END SOLUTION
    else:
        raise ValueError(f'Invalid forward dropout mode "{mode}": expected "train" or "test".')
    return out, remember((dropout_param, mask), "dropout", out)


@in_float32
def dropout_backward(dout, cache):
    """Compute the gradient of inverted dropout.

    Parameters
    ----------
    dout : ndarray of any shape
        Gradient of the loss with respect to the layer's output.
    cache : tuple (dropout_param, mask)
        From `dropout_forward`.

    Returns
    -------
    dx : ndarray of the shape of dout

    Examples
    --------
    >>> cache = ({"mode": "train", "p": 0.5}, np.array([2.0, 0.0, 2.0]))
    >>> dropout_backward(np.array([10.0, 20.0, 30.0]), cache)
    array([20.,  0., 60.])
    """
    require_remembered(dout, cache, "dropout")
    dropout_param, mask = cache
    mode = dropout_param["mode"]
    if mode == "train":
        ### BEGIN SOLUTION
        dx = dout * mask
        ### END SOLUTION
    elif mode == "test":
        dx = dout
    else:
        raise ValueError(f'Invalid backward dropout mode "{mode}": expected "train" or "test".')
    return dx


@in_float32
def spatial_batchnorm_forward(x, gamma, beta, bn_param):
    """Compute batch normalisation of feature maps: statistics of each channel over all inputs and positions.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W)
    gamma, beta : ndarray of shape (C,)
        Scale and shift of each channel.
    bn_param : dict
        As for `batchnorm_forward`, with running statistics of shape (C,).

    Returns
    -------
    out : ndarray of shape (N, C, H, W)
    cache : tuple
        What `spatial_batchnorm_backward` needs; None in test mode.

    Raises
    ------
    ValueError
        If the mode is not 'train' or 'test', or the shapes do not match.

    Notes
    -----
    Ioffe and Szegedy (2015), section 3.2.

    Examples
    --------
    >>> x = np.array([0.0, 2.0, 10.0, 50.0]).reshape(1, 2, 1, 2)  # one input, two channels of 1 x 2
    >>> out, _ = spatial_batchnorm_forward(x, np.ones(2), np.array([0.0, 5.0]), {"mode": "train"})
    >>> out.round(3)
    array([[[[-1.,  1.]],
    <BLANKLINE>
            [[ 4.,  6.]]]])
    """
    require_maps(x)
    ### BEGIN SOLUTION
    N, C, H, W = x.shape
    rows = x.transpose(0, 2, 3, 1).reshape(-1, C)  # (N, C, H, W) -> (N, H, W, C) -> (N * H * W, C)
    out, cache = batchnorm_forward(rows, gamma, beta, bn_param)
    out = out.reshape(N, H, W, C).transpose(0, 3, 1, 2)  # and back
    ### END SOLUTION
    return out, remember(cache, "spatial_batchnorm", out)


@in_float32
def spatial_batchnorm_backward(dout, cache):
    """Compute the gradients of batch normalisation of feature maps.

    Parameters
    ----------
    dout : ndarray of shape (N, C, H, W)
        Gradient of the loss with respect to the layer's output.
    cache : tuple
        From `spatial_batchnorm_forward` in train mode.

    Returns
    -------
    dx : ndarray of shape (N, C, H, W)
    dgamma, dbeta : ndarray of shape (C,)
    """
    require_train_cache(cache)
    require_remembered(dout, cache, "spatial_batchnorm")
    ### BEGIN SOLUTION
    N, C, H, W = dout.shape
    rows = dout.transpose(0, 2, 3, 1).reshape(-1, C)  # (N, C, H, W) -> (N * H * W, C)
    dx, dgamma, dbeta = batchnorm_backward_alt(rows, cache)
    dx = dx.reshape(N, H, W, C).transpose(0, 3, 1, 2)
    ### END SOLUTION
    return dx, dgamma, dbeta


@in_float32
def spatial_groupnorm_forward(x, gamma, beta, G, gn_param):
    """Compute group normalisation: split the channels of each input into G groups and normalise each group.

    With G = 1 each input is normalised as a whole, with G = C each feature map is normalised on its own.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W)
    gamma, beta : ndarray of shape (C,) or (1, C, 1, 1)
        Scale and shift of each channel.
    G : int
        Number of groups, a divisor of C; a group is made of C / G consecutive channels.
    gn_param : dict
        eps : float, default 1e-5. There is no mode, since an input does not depend on the other inputs.

    Returns
    -------
    out : ndarray of shape (N, C, H, W)
    cache : tuple
        What `spatial_groupnorm_backward` needs.

    Raises
    ------
    ValueError
        If G does not divide C, or the shapes do not match.

    Notes
    -----
    Wu and He (2018), "Group Normalization".

    Examples
    --------
    >>> x = np.array([0.0, 2.0, 10.0, 50.0]).reshape(1, 4, 1, 1)  # one input, four channels of 1 x 1
    >>> out, _ = spatial_groupnorm_forward(x, np.ones(4), np.zeros(4), 2, {})
    >>> out.ravel().round(3)
    array([-1.,  1., -1.,  1.])
    """
    require_maps(x)
    require_groups(x.shape[1], G)
    require_gains(gamma, beta, x.shape[1], shapes=((1, x.shape[1], 1, 1),))
    require_settings(gn_param, LAYERNORM_SETTINGS, "gn_param")
    eps = gn_param.get("eps", 1e-5)
    ### BEGIN SOLUTION
    N, C, H, W = x.shape
    channels = (1, C, 1, 1)
    groups = x.reshape(N, G, C // G * H * W)  # (N, C, H, W) -> (N, G, C / G * H * W)
    centred = groups - groups.mean(axis=2, keepdims=True)
    std = np.sqrt((centred**2).mean(axis=2, keepdims=True) + eps)  # (N, G, 1)
    x_hat = (centred / std).reshape(x.shape)
    out = gamma.reshape(channels) * x_hat + beta.reshape(channels)
    cache = (x_hat, std, gamma)
    ### END SOLUTION
    return out, remember(cache, "spatial_groupnorm", out)


@in_float32
def spatial_groupnorm_backward(dout, cache):
    """Compute the gradients of group normalisation.

    Parameters
    ----------
    dout : ndarray of shape (N, C, H, W)
        Gradient of the loss with respect to the layer's output.
    cache : tuple
        From `spatial_groupnorm_forward`.

    Returns
    -------
    dx : ndarray of shape (N, C, H, W)
    dgamma, dbeta : ndarray of the shape of gamma
    """
    require_remembered(dout, cache, "spatial_groupnorm")
    ### BEGIN SOLUTION
    x_hat, std, gamma = cache
    dbeta = dout.sum(axis=(0, 2, 3)).reshape(gamma.shape)  # over all axes but the channels
    dgamma = (dout * x_hat).sum(axis=(0, 2, 3)).reshape(gamma.shape)

    N, C, H, W = dout.shape
    G = std.shape[1]
    by_group = (N, G, C // G * H * W)  # as in the forward pass
    dx_hat = (dout * gamma.reshape(1, -1, 1, 1)).reshape(by_group)
    grouped = x_hat.reshape(by_group)
    along = dx_hat.mean(axis=2, keepdims=True) + grouped * (dx_hat * grouped).mean(axis=2, keepdims=True)
    dx = ((dx_hat - along) / std).reshape(dout.shape)
    ### END SOLUTION
    return dx, dgamma, dbeta


@in_float32
def conv_forward_naive(x, w, b, conv_param):
    """Compute a convolutional layer with loops: at each position, the dot product of a window of x and each filter.

    out[n, f, i, j] = sum over c, p, q of padded x[n, c, i * stride + p, j * stride + q] * w[f, c, p, q], plus b[f]

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W)
        N images of C channels.
    w : ndarray of shape (F, C, HH, WW)
        F filters, each of C channels.
    b : ndarray of shape (F,)
        Biases.
    conv_param : dict
        ``stride``: how many entries the window moves at a time; ``pad``: how many zeros are added on each of the four
        sides of every channel.

    Returns
    -------
    out : ndarray of shape (N, F, H_out, W_out)
        H_out = 1 + (H + 2 * pad - HH) // stride, and W_out likewise.
    cache : tuple (x, w, b, conv_param)

    Raises
    ------
    ValueError
        If x and w differ in their number of channels, or the filter does not fit into the padded image.

    Notes
    -----
    LeCun et al. (1998), "Gradient-based learning applied to document recognition". The filter is not flipped:
    mathematicians call this operation a cross-correlation.

    Examples
    --------
    >>> x = np.array([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]])  # one image, one channel, 2 x 3
    >>> w = np.array([[[[1.0, 10.0]]]])  # one filter of 1 x 2
    >>> out, cache = conv_forward_naive(x, w, np.array([0.5]), {"stride": 1, "pad": 0})
    >>> out[0, 0]
    array([[21.5, 32.5],
           [54.5, 65.5]])
    """
    require_conv(x, w, b, conv_param)
    ### BEGIN SOLUTION
    stride, pad = conv_param["stride"], conv_param["pad"]
    N, _, H, W = x.shape
    F, _, HH, WW = w.shape
    H_out = 1 + (H + 2 * pad - HH) // stride
    W_out = 1 + (W + 2 * pad - WW) // stride
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))  # (N, C, H, W) -> (N, C, H + 2 pad, W + 2 pad)
    out = np.zeros((N, F, H_out, W_out), dtype=np.result_type(x, w, b))
    for n in range(N):
        for f in range(F):
            for i in range(H_out):
                for j in range(W_out):
                    top, left = i * stride, j * stride
                    window = padded[n, :, top : top + HH, left : left + WW]  # (C, HH, WW)
                    out[n, f, i, j] = np.sum(window * w[f]) + b[f]
    ### END SOLUTION
    cache = (x, w, b, conv_param)
    return out, cache


@in_float32
def conv_backward_naive(dout, cache):
    """Compute the gradients of a convolutional layer with loops.

    Parameters
    ----------
    dout : ndarray of shape (N, F, H_out, W_out)
        Gradient of the loss with respect to the layer's output.
    cache : tuple (x, w, b, conv_param)
        From `conv_forward_naive`.

    Returns
    -------
    dx : ndarray of shape (N, C, H, W)
    dw : ndarray of shape (F, C, HH, WW)
    db : ndarray of shape (F,)

    Examples
    --------
    >>> x = np.array([[[[1.0, 2.0, 3.0]]]])
    >>> w = np.array([[[[5.0, 7.0]]]])
    >>> cache = (x, w, np.zeros(1), {"stride": 1, "pad": 0})
    >>> dx, dw, db = conv_backward_naive(np.array([[[[10.0, 100.0]]]]), cache)
    >>> dx[0, 0], dw[0, 0], db
    (array([[ 50., 570., 700.]]), array([[210., 320.]]), array([110.]))
    """
    x, w, b, conv_param = cache
    require_gradient(dout, maps_shape(x.shape, w.shape, conv_param))
    ### BEGIN SOLUTION
    stride, pad = conv_param["stride"], conv_param["pad"]
    N, F, H_out, W_out = dout.shape
    _, _, HH, WW = w.shape
    _, _, H, W = x.shape
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    dpadded = np.zeros(padded.shape, dtype=np.result_type(dout, w))
    dw = np.zeros(w.shape, dtype=np.result_type(dout, x))
    for n in range(N):
        for f in range(F):
            for i in range(H_out):
                for j in range(W_out):
                    top, left = i * stride, j * stride
                    window = n, slice(None), slice(top, top + HH), slice(left, left + WW)
                    dpadded[window] += dout[n, f, i, j] * w[f]  # windows overlap: add up what each one contributes
                    dw[f] += dout[n, f, i, j] * padded[window]  # a filter is used at every position
    dx = dpadded[:, :, pad : pad + H, pad : pad + W]  # the padding is not part of the input
    db = dout.sum(axis=(0, 2, 3))  # (N, F, H_out, W_out) -> (F,)
    ### END SOLUTION
    return dx, dw, db


@in_float32
def max_pool_forward_naive(x, pool_param):
    """Compute max pooling with loops: the largest entry of each window, separately in each channel.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W)
    pool_param : dict
        ``pool_height``, ``pool_width``: the size of the window; ``stride``: how far it moves at a time. There is no
        padding.

    Returns
    -------
    out : ndarray of shape (N, C, H_out, W_out)
        H_out = 1 + (H - pool_height) // stride, and W_out likewise.
    cache : tuple (x, pool_param)

    Raises
    ------
    ValueError
        If the window does not fit into the feature maps.

    Examples
    --------
    >>> x = np.array([[[[1.0, 2.0, -5.0, -6.0], [4.0, 3.0, -8.0, -7.0]]]])
    >>> max_pool_forward_naive(x, {"pool_height": 2, "pool_width": 2, "stride": 2})[0]
    array([[[[ 4., -5.]]]])
    """
    require_pool(x.shape, pool_param)
    ### BEGIN SOLUTION
    height, width, stride = pool_param["pool_height"], pool_param["pool_width"], pool_param["stride"]
    N, C, H, W = x.shape
    H_out = 1 + (H - height) // stride
    W_out = 1 + (W - width) // stride
    out = np.zeros((N, C, H_out, W_out), dtype=x.dtype)
    for i in range(H_out):
        for j in range(W_out):
            top, left = i * stride, j * stride
            window = x[:, :, top : top + height, left : left + width]  # (N, C, height, width)
            out[:, :, i, j] = window.max(axis=(2, 3))
    ### END SOLUTION
    cache = (x, pool_param)
    return out, cache


@in_float32
def max_pool_backward_naive(dout, cache):
    """Compute the gradient of max pooling with loops: dout goes to the largest entry of each window.

    If several entries tie, the first one (in reading order) gets all of it.

    Parameters
    ----------
    dout : ndarray of shape (N, C, H_out, W_out)
    cache : tuple (x, pool_param)
        From `max_pool_forward_naive`.

    Returns
    -------
    dx : ndarray of shape (N, C, H, W)

    Examples
    --------
    >>> x = np.array([[[[1.0, 2.0, -5.0, -6.0], [4.0, 3.0, -8.0, -7.0]]]])
    >>> cache = (x, {"pool_height": 2, "pool_width": 2, "stride": 2})
    >>> max_pool_backward_naive(np.array([[[[10.0, 20.0]]]]), cache)
    array([[[[ 0.,  0., 20.,  0.],
             [10.,  0.,  0.,  0.]]]])
    """
    x, pool_param = cache
    require_gradient(dout, pooled_shape(x.shape, pool_param))
    ### BEGIN SOLUTION
    height, width, stride = pool_param["pool_height"], pool_param["pool_width"], pool_param["stride"]
    N, C, H_out, W_out = dout.shape
    dx = np.zeros(x.shape, dtype=dout.dtype)
    for n in range(N):
        for c in range(C):
            for i in range(H_out):
                for j in range(W_out):
                    top, left = i * stride, j * stride
                    window = x[n, c, top : top + height, left : left + width]
                    p, q = np.unravel_index(np.argmax(window), window.shape)
                    dx[n, c, top + p, left + q] += dout[n, c, i, j]  # windows may overlap: add
    ### END SOLUTION
    return dx


@in_float32
def svm_loss(x, y):
    """Compute the multiclass SVM (hinge) loss with margin 1 and its gradient.

    L = 1/N * sum_i sum_{j != y_i} max(0, x_ij - x_{i,y_i} + 1)

    Parameters
    ----------
    x : ndarray of shape (N, C)
        Scores; x[i, j] is the score of class j for input i.
    y : ndarray of shape (N,)
        Labels, 0 <= y[i] < C.

    Returns
    -------
    loss : float
        Mean over the N inputs.
    dx : ndarray of shape (N, C)

    Notes
    -----
    Weston and Watkins (1999), "Support vector machines for multi-class pattern recognition".

    Examples
    --------
    >>> loss, dx = svm_loss(np.array([[3.0, 2.5, 0.0]]), np.array([0]))
    >>> float(loss), dx
    (0.5, array([[-1.,  1.,  0.]]))
    """
    x = as_floats(x)
    require_scores(x)
    require_labels(y, *x.shape)
    ### BEGIN SOLUTION
    rows = np.arange(len(y))
    correct = x[rows, y][:, np.newaxis]  # (N, 1)
    margins = np.maximum(0, x - correct + 1)  # (N, C) - (N, 1) -> (N, C)
    margins[rows, y] = 0  # the true class is not compared with itself
    loss = margins.sum() / len(y)

    dx = (margins > 0).astype(x.dtype)  # a class that violates the margin raises the loss with its own score ...
    dx[rows, y] = -dx.sum(axis=1)  # ... and the score of the true class lowers it, once for each of them
    dx /= len(y)
    ### END SOLUTION
    return loss, dx


@in_float32
def softmax_loss(x, y):
    """Compute the softmax (cross-entropy) loss and its gradient.

    L = -1/N * sum_i log p_{i,y_i},  p_ij = exp(x_ij) / sum_k exp(x_ik)

    Parameters
    ----------
    x : ndarray of shape (N, C)
        Scores; x[i, j] is the score of class j for input i. They may be arbitrarily large: exp does not overflow.
    y : ndarray of shape (N,)
        Labels, 0 <= y[i] < C.

    Returns
    -------
    loss : float
        Mean over the N inputs.
    dx : ndarray of shape (N, C)

    Notes
    -----
    Goodfellow, Bengio and Courville (2016), "Deep Learning", sections 4.1 and 6.2.2.3.

    Examples
    --------
    >>> loss, dx = softmax_loss(np.array([[1000.0, 1000.0]]), np.array([1]))
    >>> round(float(loss), 4), dx
    (0.6931, array([[ 0.5, -0.5]]))
    """
    x = as_floats(x)
    require_scores(x)
    require_labels(y, *x.shape)
    ### BEGIN SOLUTION
    rows = np.arange(len(y))
    shifted = x - x.max(axis=1, keepdims=True)  # the largest of each row becomes 0: exp cannot overflow
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))  # (N, C) - (N, 1) -> (N, C)
    loss = -log_p[rows, y].mean()

    dx = np.exp(log_p)
    dx[rows, y] -= 1  # p - one_hot(y)
    dx /= len(y)
    ### END SOLUTION
    return loss, dx
