"""The functions of BatchNormalization as learners write them."""

import numpy as np

from cs231n import layers
from zoo import right, slips, wrong


def _keep(bn_param, mean, var):
    """Update the running statistics correctly."""
    momentum = bn_param.get("momentum", 0.9)
    for name, value in (("running_mean", mean), ("running_var", var)):
        bn_param[name] = momentum * bn_param.get(name, np.zeros(len(value))) + (1 - momentum) * value


# ---- batchnorm_forward, train mode


@wrong("batchnorm_forward", "the variance is divided by N - 1 (ddof=1); batch normalisation divides by N")
def bn_unbiased(x, gamma, beta, bn_param):
    mean, var = x.mean(axis=0), x.var(axis=0, ddof=1)
    _keep(bn_param, mean, var)
    return gamma * (x - mean) / np.sqrt(var + bn_param.get("eps", 1e-5)) + beta, None


@wrong(
    "batchnorm_forward",
    "running_var is updated with the variance divided by N - 1; use the variance that normalised the batch",
)
def bn_unbiased_running(x, gamma, beta, bn_param):
    mean, var = x.mean(axis=0), x.var(axis=0)
    _keep(bn_param, mean, var * len(x) / max(len(x) - 1, 1))
    return gamma * (x - mean) / np.sqrt(var + bn_param.get("eps", 1e-5)) + beta, None


@wrong("batchnorm_forward", "eps is added outside the square root: std = np.sqrt(var + eps)")
def bn_eps_outside(x, gamma, beta, bn_param):
    mean, var = x.mean(axis=0), x.var(axis=0)
    _keep(bn_param, mean, var)
    return gamma * (x - mean) / (np.sqrt(var) + bn_param.get("eps", 1e-5)) + beta, None


@wrong(
    "batchnorm_forward",
    "eps is missing, so a column with variance 0 is divided by 0",
)
def bn_without_eps(x, gamma, beta, bn_param):
    mean, var = x.mean(axis=0), x.var(axis=0)
    _keep(bn_param, mean, var)
    return gamma * (x - mean) / np.sqrt(var) + beta, None


@wrong("batchnorm_forward", "eps = 1e-5 is hard-coded: take it from bn_param, as the first lines of the function do")
def bn_hard_coded_eps(x, gamma, beta, bn_param):
    mean, var = x.mean(axis=0), x.var(axis=0)
    _keep(bn_param, mean, var)
    return gamma * (x - mean) / np.sqrt(var + 1e-5) + beta, None


@wrong(
    "batchnorm_forward",
    "eps is added twice: to the variance that goes into running_var, and again under the square root",
)
def bn_eps_in_running_variance(x, gamma, beta, bn_param):
    eps = bn_param.get("eps", 1e-5)
    mean, var = x.mean(axis=0), x.var(axis=0) + eps
    _keep(bn_param, mean, var)
    return gamma * (x - mean) / np.sqrt(var + eps) + beta, None


@wrong("batchnorm_forward", "the square root is missing: divide by std = np.sqrt(var + eps), not by the variance")
def bn_divides_by_variance(x, gamma, beta, bn_param):
    mean, var = x.mean(axis=0), x.var(axis=0)
    _keep(bn_param, mean, var)
    return gamma * (x - mean) / (var + bn_param.get("eps", 1e-5)) + beta, None


@wrong("batchnorm_forward", "mean and variance are computed along the rows (axis=1); batch normalisation uses axis=0")
def bn_of_rows(x, gamma, beta, bn_param):
    mean, var = x.mean(axis=1, keepdims=True), x.var(axis=1, keepdims=True)
    _keep(bn_param, x.mean(axis=0), x.var(axis=0))
    return gamma * (x - mean) / np.sqrt(var + bn_param.get("eps", 1e-5)) + beta, None


@wrong(
    "batchnorm_forward", "one mean and one variance are used for the whole matrix; each column needs its own (axis=0)"
)
def bn_of_everything(x, gamma, beta, bn_param):
    _keep(bn_param, x.mean(axis=0), x.var(axis=0))
    return gamma * (x - x.mean()) / np.sqrt(x.var() + bn_param.get("eps", 1e-5)) + beta, None


@wrong("batchnorm_forward", "the mean is not subtracted: x_hat = (x - mean) / std")
def bn_not_centred(x, gamma, beta, bn_param):
    mean, var = x.mean(axis=0), x.var(axis=0)
    _keep(bn_param, mean, var)
    return gamma * x / np.sqrt(var + bn_param.get("eps", 1e-5)) + beta, None


@wrong("batchnorm_forward", "gamma and beta are missing: out = gamma * x_hat + beta")
def bn_without_gains(x, gamma, beta, bn_param):
    mean, var = x.mean(axis=0), x.var(axis=0)
    _keep(bn_param, mean, var)
    return (x - mean) / np.sqrt(var + bn_param.get("eps", 1e-5)), None


@wrong("batchnorm_forward", "beta is added before the multiplication by gamma: out = gamma * x_hat + beta")
def bn_beta_first(x, gamma, beta, bn_param):
    mean, var = x.mean(axis=0), x.var(axis=0)
    _keep(bn_param, mean, var)
    return gamma * ((x - mean) / np.sqrt(var + bn_param.get("eps", 1e-5)) + beta), None


@wrong(
    "batchnorm_forward",
    "momentum and 1 - momentum are swapped: running = momentum * running + (1 - momentum) * batch",
)
def bn_momentum_swapped(x, gamma, beta, bn_param):
    mean, var = x.mean(axis=0), x.var(axis=0)
    momentum = bn_param.get("momentum", 0.9)
    for name, value in (("running_mean", mean), ("running_var", var)):
        bn_param[name] = (1 - momentum) * bn_param.get(name, np.zeros(len(value))) + momentum * value
    return gamma * (x - mean) / np.sqrt(var + bn_param.get("eps", 1e-5)) + beta, None


@wrong(
    "batchnorm_forward", "momentum = 0.9 is hard-coded: take it from bn_param, as the first lines of the function do"
)
def bn_hard_coded_momentum(x, gamma, beta, bn_param):
    mean, var = x.mean(axis=0), x.var(axis=0)
    for name, value in (("running_mean", mean), ("running_var", var)):
        bn_param[name] = 0.9 * bn_param.get(name, np.zeros(len(value))) + 0.1 * value
    return gamma * (x - mean) / np.sqrt(var + bn_param.get("eps", 1e-5)) + beta, None


@wrong(
    "batchnorm_forward",
    "the running statistics are replaced by those of the batch; they should only move a step towards them",
)
def bn_running_replaced(x, gamma, beta, bn_param):
    mean, var = x.mean(axis=0), x.var(axis=0)
    bn_param["running_mean"], bn_param["running_var"] = mean, var
    return gamma * (x - mean) / np.sqrt(var + bn_param.get("eps", 1e-5)) + beta, None


@wrong(
    "batchnorm_forward",
    "the running statistics are never updated: running = momentum * running + (1 - momentum) * batch",
)
def bn_running_never_updated(x, gamma, beta, bn_param):
    mean, var = x.mean(axis=0), x.var(axis=0)
    for name in ("running_mean", "running_var"):
        bn_param.setdefault(name, np.zeros(x.shape[1]))
    return gamma * (x - mean) / np.sqrt(var + bn_param.get("eps", 1e-5)) + beta, None


@wrong(
    "batchnorm_forward", "running_var is updated with the standard deviation of the batch; it should be the variance"
)
def bn_running_std_without_eps(x, gamma, beta, bn_param):
    mean, var = x.mean(axis=0), x.var(axis=0)
    _keep(bn_param, mean, np.sqrt(var))
    return gamma * (x - mean) / np.sqrt(var + bn_param.get("eps", 1e-5)) + beta, None


@wrong("batchnorm_forward", "the squared differences are summed, not averaged: the variance is their mean")
def bn_sum_of_squares(x, gamma, beta, bn_param):
    mean, var = x.mean(axis=0), x.var(axis=0) * len(x)
    _keep(bn_param, mean, var)
    return gamma * (x - mean) / np.sqrt(var + bn_param.get("eps", 1e-5)) + beta, None


@wrong(
    "batchnorm_forward", "running_var is updated with the standard deviation of the batch; it should be the variance"
)
def bn_running_std(x, gamma, beta, bn_param):
    mean, var = x.mean(axis=0), x.var(axis=0)
    _keep(bn_param, mean, np.sqrt(var + bn_param.get("eps", 1e-5)))
    return gamma * (x - mean) / np.sqrt(var + bn_param.get("eps", 1e-5)) + beta, None


@wrong(
    "batchnorm_forward",
    "train mode normalises with the running statistics; it should use the mean and variance of the batch",
)
def bn_normalised_by_running(x, gamma, beta, bn_param):
    _keep(bn_param, x.mean(axis=0), x.var(axis=0))
    mean, var = bn_param["running_mean"], bn_param["running_var"]
    return gamma * (x - mean) / np.sqrt(var + bn_param.get("eps", 1e-5)) + beta, None


@wrong("batchnorm_forward", "x is modified in place (x -= ...): compute x - mean as a new array", rule="in place")
def bn_changes_x(x, gamma, beta, bn_param):
    mean, var = x.mean(axis=0), x.var(axis=0)
    _keep(bn_param, mean, var)
    x -= mean
    return gamma * x / np.sqrt(var + bn_param.get("eps", 1e-5)) + beta, None


@wrong("batchnorm_forward", "out is transposed: it should have shape (N, D), like x")
def bn_transposed(x, gamma, beta, bn_param):
    mean, var = x.mean(axis=0), x.var(axis=0)
    _keep(bn_param, mean, var)
    return (gamma * (x - mean) / np.sqrt(var + bn_param.get("eps", 1e-5)) + beta).T, None


@wrong("batchnorm_forward", "beta is not added: out = gamma * x_hat + beta", rule="beta is not added")
def bn_without_beta(x, gamma, beta, bn_param):
    mean, var = x.mean(axis=0), x.var(axis=0)
    _keep(bn_param, mean, var)
    return gamma * (x - mean) / np.sqrt(var + bn_param.get("eps", 1e-5)), None


@wrong("batchnorm_forward", "gamma is missing: out = gamma * x_hat + beta", rule="gamma is missing")
def bn_without_gamma(x, gamma, beta, bn_param):
    mean, var = x.mean(axis=0), x.var(axis=0)
    _keep(bn_param, mean, var)
    return (x - mean) / np.sqrt(var + bn_param.get("eps", 1e-5)) + beta, None


@right("batchnorm_forward")
def bn_mean_of_squares(x, gamma, beta, bn_param):
    mean = np.sum(x, axis=0) / x.shape[0]
    var = np.mean((x - mean) ** 2, axis=0)
    _keep(bn_param, mean, var)
    scale = gamma * (var + bn_param.get("eps", 1e-5)) ** -0.5
    return scale * x + (beta - scale * mean), None


@right("batchnorm_forward")
def bn_column_by_column(x, gamma, beta, bn_param):
    out = np.empty_like(x)
    for d in range(x.shape[1]):
        column = x[:, d]
        out[:, d] = gamma[d] * (column - column.mean()) / np.sqrt(column.var() + bn_param.get("eps", 1e-5)) + beta[d]
    _keep(bn_param, x.mean(axis=0), x.var(axis=0))
    return out, None


@right("batchnorm_forward")
def bn_running_in_place(x, gamma, beta, bn_param):
    mean, var = np.average(x, axis=0), np.var(x, axis=0)
    momentum = bn_param.get("momentum", 0.9)
    for name, value in (("running_mean", mean), ("running_var", var)):
        running = bn_param.setdefault(name, np.zeros(x.shape[1]))
        running *= momentum
        running += (1 - momentum) * value
    x_hat = np.divide(np.subtract(x, mean), np.sqrt(var + bn_param.get("eps", 1e-5)))
    return np.einsum("d,nd->nd", gamma, x_hat) + beta, None


# ---- batchnorm_forward, test mode


def _running(bn_param):
    return bn_param["running_mean"], bn_param["running_var"], bn_param.get("eps", 1e-5)


@wrong(
    "batchnorm_forward_test",
    "test mode uses the mean and variance of the batch: use running_mean and running_var",
)
def bn_test_by_batch(x, gamma, beta, bn_param):
    return gamma * (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + bn_param.get("eps", 1e-5)) + beta, None


@wrong(
    "batchnorm_forward_test", "eps is missing, so a column with running variance 0 is divided by 0", rule="such as eps"
)
def bn_test_without_eps(x, gamma, beta, bn_param):
    mean, var, _ = _running(bn_param)
    return gamma * (x - mean) / np.sqrt(var) + beta, None


@wrong("batchnorm_forward_test", "eps is added outside the square root: np.sqrt(running_var + eps)")
def bn_test_eps_outside(x, gamma, beta, bn_param):
    mean, var, eps = _running(bn_param)
    return gamma * (x - mean) / (np.sqrt(var) + eps) + beta, None


@wrong("batchnorm_forward_test", "the square root is missing: divide by np.sqrt(running_var + eps)")
def bn_test_divides_by_variance(x, gamma, beta, bn_param):
    mean, var, eps = _running(bn_param)
    return gamma * (x - mean) / (var + eps) + beta, None


@wrong("batchnorm_forward_test", "gamma and beta are missing: test mode uses them too")
def bn_test_without_gains(x, gamma, beta, bn_param):
    mean, var, eps = _running(bn_param)
    return (x - mean) / np.sqrt(var + eps), None


@wrong("batchnorm_forward_test", "the running statistics are updated in test mode; only train mode should update them")
def bn_test_updates(x, gamma, beta, bn_param):
    mean, var, eps = _running(bn_param)
    out = gamma * (x - mean) / np.sqrt(var + eps) + beta
    _keep(bn_param, x.mean(axis=0), x.var(axis=0))
    return out, None


@wrong("batchnorm_forward_test", "out is x unchanged: test mode normalises too, with the running statistics")
def bn_test_does_nothing(x, gamma, beta, bn_param):
    return x, None


@wrong(
    "batchnorm_forward_test",
    "x is modified in place (x -= ...): compute x - running_mean as a new array",
    rule="in place",
)
def bn_test_changes_x(x, gamma, beta, bn_param):
    mean, var, eps = _running(bn_param)
    x -= mean
    return gamma * x / np.sqrt(var + eps) + beta, None


@wrong("batchnorm_forward_test", "eps is subtracted from the variance: add it, np.sqrt(running_var + eps)")
def bn_test_eps_subtracted(x, gamma, beta, bn_param):
    mean, var, eps = _running(bn_param)
    return gamma * (x - mean) / np.sqrt(var - eps) + beta, None


@right("batchnorm_forward_test")
def bn_test_as_affine(x, gamma, beta, bn_param):
    mean, var, eps = _running(bn_param)
    scale = gamma / np.sqrt(var + eps)
    return x * scale + (beta - mean * scale), None


# ---- batchnorm_backward


def _parts(dout, cache):
    """What the wrong implementations start from: they receive the reference's cache."""
    centred, std, x_hat, gamma = cache
    return centred, std, x_hat, gamma, dout * gamma


def _gains(dout, x_hat):
    return (dout * x_hat).sum(axis=0), dout.sum(axis=0)


@wrong("batchnorm_backward", "the two sums in dx are not divided by N: both are means over the batch")
def bn_backward_sums(dout, cache):
    _, std, x_hat, _, dx_hat = _parts(dout, cache)
    dx = (dx_hat - dx_hat.sum(axis=0) - x_hat * (dx_hat * x_hat).sum(axis=0)) / std
    return dx, *_gains(dout, x_hat)


@wrong("batchnorm_backward", "the sign of the path through the mean is flipped: x_hat falls where the mean grows")
def bn_backward_sign_of_mean(dout, cache):
    _, std, x_hat, _, dx_hat = _parts(dout, cache)
    dx = (dx_hat + dx_hat.mean(axis=0) - x_hat * (dx_hat * x_hat).mean(axis=0)) / std
    return dx, *_gains(dout, x_hat)


@wrong("batchnorm_backward", "the power in dvar is wrong: the derivative of var ** -0.5 is -0.5 * var ** -1.5")
def bn_backward_power_of_std(dout, cache):
    centred, std, x_hat, _, dx_hat = _parts(dout, cache)
    dvar = -0.5 * (dx_hat * centred).sum(axis=0) / std
    dx = (dx_hat - dx_hat.mean(axis=0)) / std + dvar * 2 * centred / len(dout)
    return dx, *_gains(dout, x_hat)


@wrong("batchnorm_backward", "mean and std are treated as constants: they depend on x, so two more paths lead to dx")
def bn_backward_constants(dout, cache):
    _, std, x_hat, _, dx_hat = _parts(dout, cache)
    return dx_hat / std, *_gains(dout, x_hat)


@wrong(
    "batchnorm_backward",
    "the path through the mean is missing: each value of a column receives dmean / N",
)
def bn_backward_without_mean(dout, cache):
    centred, std, x_hat, _, dx_hat = _parts(dout, cache)
    dvar = -0.5 * (dx_hat * centred).sum(axis=0) / std**3
    return dx_hat / std + dvar * 2 * centred / len(dout), *_gains(dout, x_hat)


@wrong("batchnorm_backward", "the path through the variance is missing: std depends on x too")
def bn_backward_without_variance(dout, cache):
    _, std, x_hat, _, dx_hat = _parts(dout, cache)
    dcentred = dx_hat / std
    return dcentred - dcentred.mean(axis=0), *_gains(dout, x_hat)


@wrong("batchnorm_backward", "only the last path reaches dx: add the gradients of all paths (+=, not =)")
def bn_backward_overwrites(dout, cache):
    centred, std, x_hat, _, dx_hat = _parts(dout, cache)
    dvar = -0.5 * (dx_hat * centred).sum(axis=0) / std**3
    dcentred = dvar * 2 * centred / len(dout)
    return dcentred - dcentred.mean(axis=0), *_gains(dout, x_hat)


@wrong("batchnorm_backward", "the factor 2 of the square is missing: its local gradient is 2 * centred")
def bn_backward_without_two(dout, cache):
    centred, std, x_hat, _, dx_hat = _parts(dout, cache)
    dvar = -0.5 * (dx_hat * centred).sum(axis=0) / std**3
    dcentred = dx_hat / std + dvar * centred / len(dout)
    return dcentred - dcentred.mean(axis=0), *_gains(dout, x_hat)


@wrong("batchnorm_backward", "the factor 1/N of the variance is missing: each square receives dvar / N")
def bn_backward_variance_not_divided(dout, cache):
    centred, std, x_hat, _, dx_hat = _parts(dout, cache)
    dvar = -0.5 * (dx_hat * centred).sum(axis=0) / std**3
    dcentred = dx_hat / std + dvar * 2 * centred
    return dcentred - dcentred.mean(axis=0), *_gains(dout, x_hat)


@wrong("batchnorm_backward", "the factor 1/N of the mean is missing: each value receives dmean / N")
def bn_backward_mean_not_divided(dout, cache):
    centred, std, x_hat, _, dx_hat = _parts(dout, cache)
    dvar = -0.5 * (dx_hat * centred).sum(axis=0) / std**3
    dcentred = dx_hat / std + dvar * 2 * centred / len(dout)
    return dcentred - dcentred.sum(axis=0), *_gains(dout, x_hat)


@wrong("batchnorm_backward", "the sign of the path through std is flipped: the derivative of 1 / std is -1 / std ** 2")
def bn_backward_sign(dout, cache):
    centred, std, x_hat, _, dx_hat = _parts(dout, cache)
    dvar = 0.5 * (dx_hat * centred).sum(axis=0) / std**3
    dcentred = dx_hat / std + dvar * 2 * centred / len(dout)
    return dcentred - dcentred.mean(axis=0), *_gains(dout, x_hat)


@wrong("batchnorm_backward", "the square is missing: the derivative of 1 / std is -1 / std ** 2")
def bn_backward_power(dout, cache):
    centred, std, x_hat, _, dx_hat = _parts(dout, cache)
    dstd = -(dx_hat * centred).sum(axis=0) / std
    dcentred = dx_hat / std + dstd / std * centred / len(dout)
    return dcentred - dcentred.mean(axis=0), *_gains(dout, x_hat)


@wrong("batchnorm_backward", "gamma is missing in dx: the gradient of x_hat is dout * gamma")
def bn_backward_without_gamma(dout, cache):
    _, std, x_hat, _, _ = _parts(dout, cache)
    dgamma, dbeta = _gains(dout, x_hat)
    return (dout - (dbeta + x_hat * dgamma) / len(dout)) / std, dgamma, dbeta


@wrong(
    "batchnorm_backward",
    "eps is missing: std is np.sqrt(var + eps), as in the forward pass",
)
def bn_backward_without_eps(dout, cache):
    centred, _, x_hat, gamma = cache
    std = np.sqrt((centred**2).mean(axis=0))
    dgamma, dbeta = _gains(dout, x_hat)
    return (
        gamma / std * (dout - (dbeta + centred / std * (dout * centred / std).sum(axis=0)) / len(dout)),
        dgamma,
        dbeta,
    )


def _reference(dout, cache):
    _, std, x_hat, gamma = cache
    dgamma, dbeta = _gains(dout, x_hat)
    return gamma / std * (dout - (dbeta + x_hat * dgamma) / len(dout)), dgamma, dbeta


@wrong("batchnorm_backward", "dgamma is the sum of dout * centred, but gamma multiplies x_hat: sum dout * x_hat")
def bn_backward_dgamma_of_centred(dout, cache):
    dx, _, dbeta = _reference(dout, cache)
    return dx, (dout * cache[0]).sum(axis=0), dbeta


@wrong("batchnorm_backward", "dgamma has an extra factor gamma: it is the sum of dout * x_hat")
def bn_backward_dgamma_times_gamma(dout, cache):
    dx, dgamma, dbeta = _reference(dout, cache)
    return dx, dgamma * cache[3], dbeta


@wrong(
    "batchnorm_backward",
    "dgamma and dbeta are means over the batch; they should be sums",
    rule="a mean instead of a sum",
)
def bn_backward_means(dout, cache):
    dx, dgamma, dbeta = _reference(dout, cache)
    return dx, dgamma / len(dout), dbeta / len(dout)


@wrong(
    "batchnorm_backward",
    "dgamma and dbeta are summed along the rows; they need one value for each column (axis=0)",
    rule="wrong axis",
)
def bn_backward_gains_axis(dout, cache):
    return _reference(dout, cache)[0], (dout * cache[2]).sum(axis=1), dout.sum(axis=1)


@wrong("batchnorm_backward", "dgamma and dbeta are swapped: return dx, dgamma, dbeta")
def bn_backward_swapped(dout, cache):
    dx, dgamma, dbeta = _reference(dout, cache)
    return dx, dbeta, dgamma


@wrong(
    "batchnorm_backward",
    "dbeta is not summed: beta is added to every row, so its gradient is the sum over the rows",
    rule="a sum over them missing",
)
def bn_backward_dbeta_not_summed(dout, cache):
    dx, dgamma, _ = _reference(dout, cache)
    return dx, dgamma, dout


@right("batchnorm_backward", edge="dout is modified in place")
def bn_backward_changes_dout(dout, cache):
    grads = _reference(dout, cache)
    dout *= cache[3]
    return grads


@wrong(
    "batchnorm_backward",
    "dx has an extra factor 1/N: the mean over the batch is already part of dout",
    rule="a mean instead of a sum",
)
def bn_backward_divided(dout, cache):
    dx, dgamma, dbeta = _reference(dout, cache)
    return dx / len(dout), dgamma, dbeta


@wrong("batchnorm_backward", "dx is all zeros: nothing is assigned to it after np.zeros_like", rule="all zeros")
def bn_backward_zeros(dout, cache):
    return np.zeros_like(dout), *_reference(dout, cache)[1:]


@right("batchnorm_backward")
def bn_backward_formulas_of_the_paper(dout, cache):
    centred, std, x_hat, _, dx_hat = _parts(dout, cache)
    N = dout.shape[0]
    dvar = np.sum(dx_hat * centred, axis=0) * -0.5 * std**-3.0
    dmean = np.sum(dx_hat, axis=0) * -1 / std + dvar * np.sum(-2 * centred, axis=0) / N
    return dx_hat / std + dvar * 2 * centred / N + dmean / N, *_gains(dout, x_hat)


@right("batchnorm_backward")
def bn_backward_twelve_nodes(dout, cache):
    centred, std, _, gamma = cache
    N, D = dout.shape
    dbeta = np.ones(N) @ dout
    inverse = 1 / std
    dgamma = np.sum(dout * (centred * inverse), axis=0)
    dnormal = dout * gamma
    dinverse = np.sum(dnormal * centred, axis=0)
    dcentred = dnormal * inverse
    dstd = -dinverse / std**2
    dvar = 0.5 / std * dstd
    dsquares = np.ones((N, D)) / N * dvar
    dcentred = dcentred + 2 * centred * dsquares
    dmean = -np.sum(dcentred, axis=0)
    return dcentred + np.ones((N, D)) / N * dmean, dgamma, dbeta


@right("batchnorm_backward")
def bn_backward_by_jacobian(dout, cache):
    _, std, x_hat, gamma = cache
    N, D = dout.shape
    dx = np.empty_like(dout)
    for d in range(D):
        jacobian = (np.eye(N) - 1 / N - np.outer(x_hat[:, d], x_hat[:, d]) / N) / std[d]
        dx[:, d] = jacobian @ (gamma[d] * dout[:, d])
    return dx, np.einsum("nd,nd->d", dout, x_hat), dout.sum(0)


# ---- batchnorm_backward_alt


@wrong(
    "batchnorm_backward_alt",
    "batchnorm_backward is called: compute dx from the single expression instead",
    rule="must not call",
)
def bn_alt_calls_backward(dout, cache):
    return layers.batchnorm_backward(dout, cache)


@wrong(
    "batchnorm_backward_alt",
    "the factor N is missing in the first term: N * dout - sum(dout) - x_hat * sum(dout * x_hat)",
)
def bn_alt_first_term(dout, cache):
    _, std, x_hat, gamma = cache
    dgamma, dbeta = _gains(dout, x_hat)
    return gamma / (len(dout) * std) * (dout - dbeta - x_hat * dgamma), dgamma, dbeta


@wrong("batchnorm_backward_alt", "the 1/N in front is missing: gamma / (N * std)", rule="not divided by N")
def bn_alt_not_divided(dout, cache):
    dx, dgamma, dbeta = _reference(dout, cache)
    return dx * len(dout), dgamma, dbeta


@wrong("batchnorm_backward_alt", "gamma is missing in front of the expression for dx")
def bn_alt_without_gamma(dout, cache):
    return bn_backward_without_gamma(dout, cache)


@wrong("batchnorm_backward_alt", "1 / std is missing in front of the expression for dx")
def bn_alt_without_std(dout, cache):
    dx, dgamma, dbeta = _reference(dout, cache)
    return dx * cache[1], dgamma, dbeta


@wrong("batchnorm_backward_alt", "the expression for dx is divided by the variance; it should be divided by std")
def bn_alt_variance(dout, cache):
    dx, dgamma, dbeta = _reference(dout, cache)
    return dx / cache[1], dgamma, dbeta


@wrong("batchnorm_backward_alt", "a factor x_hat is missing in the last term: it is x_hat * sum(dout * x_hat)")
def bn_alt_last_term(dout, cache):
    _, std, x_hat, gamma = cache
    dgamma, dbeta = _gains(dout, x_hat)
    return gamma / std * (dout - (dbeta + dgamma) / len(dout)), dgamma, dbeta


@wrong("batchnorm_backward_alt", "the last term has the wrong sign: both sums are subtracted")
def bn_alt_sign(dout, cache):
    _, std, x_hat, gamma = cache
    dgamma, dbeta = _gains(dout, x_hat)
    return gamma / std * (dout - (dbeta - x_hat * dgamma) / len(dout)), dgamma, dbeta


@wrong("batchnorm_backward_alt", "gamma multiplies the sums twice: it already stands in front of the whole expression")
def bn_alt_gamma_twice(dout, cache):
    _, std, x_hat, gamma = cache
    dgamma, dbeta = _gains(dout, x_hat)
    return gamma / std * (dout - gamma * (dbeta + x_hat * dgamma) / len(dout)), dgamma, dbeta


@wrong("batchnorm_backward_alt", "the sums run along the rows (axis=1): sum over the batch (axis=0)")
def bn_alt_axis(dout, cache):
    _, std, x_hat, gamma = cache
    along = dout.sum(axis=1, keepdims=True) + x_hat * (dout * x_hat).sum(axis=1, keepdims=True)
    return gamma / std * (dout - along / len(dout)), *_gains(dout, x_hat)


@wrong("batchnorm_backward_alt", "eps is missing: std = np.sqrt(var + eps), as in the forward pass")
def bn_alt_without_eps(dout, cache):
    return bn_backward_without_eps(dout, cache)


@right("batchnorm_backward_alt")
def bn_alt_with_n(dout, cache):
    _, std, x_hat, gamma = cache
    N = len(dout)
    dx = gamma / (N * std) * (N * dout - np.sum(dout, axis=0) - x_hat * np.sum(dout * x_hat, axis=0))
    return dx, np.sum(dout * x_hat, axis=0), np.sum(dout, axis=0)


@right("batchnorm_backward_alt")
def bn_alt_by_means(dout, cache):
    centred, std, _, gamma = cache
    dx_hat = gamma * dout
    dx = (dx_hat - dx_hat.mean(axis=0) - centred / std**2 * (dx_hat * centred).mean(axis=0)) / std
    return dx, (dout * centred).sum(axis=0) / std, dout.sum(axis=0)


# ---- layernorm_forward


@wrong("layernorm_forward", "mean and variance are computed over the batch (axis=0); layer normalisation uses axis=1")
def ln_of_columns(x, gamma, beta, ln_param):
    return gamma * (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + ln_param.get("eps", 1e-5)) + beta, None


@wrong(
    "layernorm_forward",
    "mean and variance of shape (N,) are aligned with the columns: keepdims=True gives them shape (N, 1)",
)
def ln_without_keepdims(x, gamma, beta, ln_param):
    return gamma * (x - x.mean(axis=1)) / np.sqrt(x.var(axis=1) + ln_param.get("eps", 1e-5)) + beta, None


@wrong("layernorm_forward", "one mean and one variance are used for the whole matrix; each row needs its own (axis=1)")
def ln_of_everything(x, gamma, beta, ln_param):
    return gamma * (x - x.mean()) / np.sqrt(x.var() + ln_param.get("eps", 1e-5)) + beta, None


def _rows(x, ddof=0):
    return x.mean(axis=1, keepdims=True), x.var(axis=1, keepdims=True, ddof=ddof)


@wrong("layernorm_forward", "the variance is divided by D - 1 (ddof=1); layer normalisation divides by D")
def ln_unbiased(x, gamma, beta, ln_param):
    mean, var = _rows(x, ddof=1)
    return gamma * (x - mean) / np.sqrt(var + ln_param.get("eps", 1e-5)) + beta, None


@wrong("layernorm_forward", "eps is added outside the square root: std = np.sqrt(var + eps)")
def ln_eps_outside(x, gamma, beta, ln_param):
    mean, var = _rows(x)
    return gamma * (x - mean) / (np.sqrt(var) + ln_param.get("eps", 1e-5)) + beta, None


@wrong("layernorm_forward", "eps is missing, so a row with variance 0 is divided by 0", rule="such as eps")
def ln_without_eps(x, gamma, beta, ln_param):
    mean, var = _rows(x)
    return gamma * (x - mean) / np.sqrt(var) + beta, None


@wrong("layernorm_forward", "eps = 1e-5 is hard-coded: take it from ln_param, as the first line of the function does")
def ln_hard_coded_eps(x, gamma, beta, ln_param):
    mean, var = _rows(x)
    return gamma * (x - mean) / np.sqrt(var + 1e-5) + beta, None


@wrong("layernorm_forward", "the square root is missing: divide by std = np.sqrt(var + eps), not by the variance")
def ln_divides_by_variance(x, gamma, beta, ln_param):
    mean, var = _rows(x)
    return gamma * (x - mean) / (var + ln_param.get("eps", 1e-5)) + beta, None


@wrong("layernorm_forward", "gamma and beta are missing: out = gamma * x_hat + beta")
def ln_without_gains(x, gamma, beta, ln_param):
    mean, var = _rows(x)
    return (x - mean) / np.sqrt(var + ln_param.get("eps", 1e-5)), None


@wrong("layernorm_forward", "out is transposed: transpose it back at the end, out.T", rule="transposed")
def ln_left_transposed(x, gamma, beta, ln_param):
    mean, var = _rows(x)
    return (gamma * (x - mean) / np.sqrt(var + ln_param.get("eps", 1e-5)) + beta).T, None


@wrong("layernorm_forward", "x is modified in place (x -= ...): compute x - mean as a new array", rule="in place")
def ln_changes_x(x, gamma, beta, ln_param):
    mean, var = _rows(x)
    x -= mean
    return gamma * x / np.sqrt(var + ln_param.get("eps", 1e-5)) + beta, None


@wrong("layernorm_forward", "beta is not added: out = gamma * x_hat + beta", rule="beta is not added")
def ln_without_beta(x, gamma, beta, ln_param):
    mean, var = x.mean(axis=1, keepdims=True), x.var(axis=1, keepdims=True)
    return gamma * (x - mean) / np.sqrt(var + ln_param.get("eps", 1e-5)), None


@right("layernorm_forward")
def ln_as_batchnorm_of_transposed(x, gamma, beta, ln_param):
    ones, zeros = np.ones(len(x), x.dtype), np.zeros(len(x), x.dtype)
    out, _ = layers.batchnorm_forward(x.T, ones, zeros, {"mode": "train", **ln_param})
    return gamma * out.T + beta, None


@right("layernorm_forward")
def ln_row_by_row(x, gamma, beta, ln_param):
    rows = [(row - row.mean()) / np.sqrt(row.var() + ln_param.get("eps", 1e-5)) for row in x]
    return gamma * np.array(rows) + beta, None


# ---- layernorm_backward


def _ln_reference(dout, cache):
    x_hat, std, gamma = cache
    dx_hat = dout * gamma
    along = dx_hat.mean(axis=1, keepdims=True) + x_hat * (dx_hat * x_hat).mean(axis=1, keepdims=True)
    return (dx_hat - along) / std, (dout * x_hat).sum(axis=0), dout.sum(axis=0)


@wrong(
    "layernorm_backward",
    "gamma stands in front of the sums, but it differs within a row: it belongs inside them",
)
def ln_backward_gamma_in_front(dout, cache):
    x_hat, std, gamma = cache
    along = dout.mean(axis=1, keepdims=True) + x_hat * (dout * x_hat).mean(axis=1, keepdims=True)
    return gamma * (dout - along) / std, *_ln_reference(dout, cache)[1:]


@wrong(
    "layernorm_backward",
    "the sums in dx run over the batch (axis=0); in layer normalisation they run along each row (axis=1)",
)
def ln_backward_over_batch(dout, cache):
    x_hat, std, gamma = cache
    dx_hat = dout * gamma
    along = dx_hat.mean(axis=0) + x_hat * (dx_hat * x_hat).mean(axis=0)
    return (dx_hat - along) / std, *_ln_reference(dout, cache)[1:]


@wrong("layernorm_backward", "the sums along a row are not divided by D: both are means over the row")
def ln_backward_sums(dout, cache):
    x_hat, std, gamma = cache
    dx_hat = dout * gamma
    along = dx_hat.sum(axis=1, keepdims=True) + x_hat * (dx_hat * x_hat).sum(axis=1, keepdims=True)
    return (dx_hat - along) / std, *_ln_reference(dout, cache)[1:]


@wrong("layernorm_backward", "the sums along a row are divided by N; a row has D values, so divide by D")
def ln_backward_divided_by_n(dout, cache):
    x_hat, std, gamma = cache
    dx_hat = dout * gamma
    along = dx_hat.sum(axis=1, keepdims=True) + x_hat * (dx_hat * x_hat).sum(axis=1, keepdims=True)
    return (dx_hat - along / len(dout)) / std, *_ln_reference(dout, cache)[1:]


@wrong(
    "layernorm_backward",
    "dgamma and dbeta are summed along the rows; they need one value for each column (axis=0)",
    rule="wrong axis",
)
def ln_backward_gains_axis(dout, cache):
    return _ln_reference(dout, cache)[0], (dout * cache[0]).sum(axis=1), dout.sum(axis=1)


@wrong("layernorm_backward", "mean and std are treated as constants: they depend on every value of the row")
def ln_backward_constants(dout, cache):
    _, std, gamma = cache
    return dout * gamma / std, *_ln_reference(dout, cache)[1:]


@wrong("layernorm_backward", "the path through the variance is missing: std depends on x too")
def ln_backward_without_variance(dout, cache):
    _, std, gamma = cache
    dx_hat = dout * gamma
    return (dx_hat - dx_hat.mean(axis=1, keepdims=True)) / std, *_ln_reference(dout, cache)[1:]


@wrong("layernorm_backward", "dgamma has an extra factor gamma: it is the sum of dout * x_hat")
def ln_backward_dgamma_times_gamma(dout, cache):
    dx, dgamma, dbeta = _ln_reference(dout, cache)
    return dx, dgamma * cache[2], dbeta


@wrong(
    "layernorm_backward",
    "dgamma and dbeta are means over the batch; they should be sums",
    rule="a mean instead of a sum",
)
def ln_backward_means(dout, cache):
    dx, dgamma, dbeta = _ln_reference(dout, cache)
    return dx, dgamma / len(dout), dbeta / len(dout)


@wrong("layernorm_backward", "dx is transposed: transpose it back at the end, dx.T", rule="transposed")
def ln_backward_transposed(dout, cache):
    dx, dgamma, dbeta = _ln_reference(dout, cache)
    return dx.T, dgamma, dbeta


@right("layernorm_backward")
def ln_backward_paths(dout, cache):
    x_hat, std, gamma = cache
    D = dout.shape[1]
    dx_hat = dout * gamma
    dvar = np.sum(dx_hat * x_hat * std, axis=1, keepdims=True) * -0.5 / std**3
    dmean = -np.sum(dx_hat / std, axis=1, keepdims=True)
    dx = dx_hat / std + dvar * 2 * x_hat * std / D + dmean / D
    return dx, np.sum(dout * x_hat, axis=0), np.sum(dout, axis=0)


@right("layernorm_backward")
def ln_backward_row_by_row(dout, cache):
    x_hat, std, gamma = cache
    D = dout.shape[1]
    dx = np.empty_like(dout)
    for n in range(len(dout)):
        jacobian = (np.eye(D) - 1 / D - np.outer(x_hat[n], x_hat[n]) / D) / std[n]
        dx[n] = jacobian @ (gamma * dout[n])
    return dx, np.einsum("nd,nd->d", dout, x_hat), dout.sum(axis=0)


# ---- spatial_batchnorm_forward


@wrong(
    "spatial_batchnorm_forward",
    "x.reshape(-1, C) mixes up the channels: move the channel axis to the end first, x.transpose(0, 2, 3, 1)",
)
def spatial_bn_without_transpose(x, gamma, beta, bn_param):
    out, cache = layers.batchnorm_forward(x.reshape(-1, x.shape[1]), gamma, beta, bn_param)
    return out.reshape(x.shape), cache


@wrong(
    "spatial_batchnorm_forward",
    "out is reshaped directly to (N, C, H, W): reshape to (N, H, W, C) first, then transpose(0, 3, 1, 2)",
)
def spatial_bn_not_transposed_back(x, gamma, beta, bn_param):
    rows = x.transpose(0, 2, 3, 1).reshape(-1, x.shape[1])
    out, cache = layers.batchnorm_forward(rows, gamma, beta, bn_param)
    return out.reshape(x.shape), cache


@wrong("spatial_batchnorm_forward", "out has shape (N, H, W, C): move the channels back, transpose(0, 3, 1, 2)")
def spatial_bn_channels_last(x, gamma, beta, bn_param):
    N, C, H, W = x.shape
    out, cache = layers.batchnorm_forward(x.transpose(0, 2, 3, 1).reshape(-1, C), gamma, beta, bn_param)
    return out.reshape(N, H, W, C), cache


@wrong(
    "spatial_batchnorm_forward", "height and width are swapped when out is transposed back: use transpose(0, 3, 1, 2)"
)
def spatial_bn_swapped(x, gamma, beta, bn_param):
    N, C, H, W = x.shape
    out, cache = layers.batchnorm_forward(x.transpose(0, 2, 3, 1).reshape(-1, C), gamma, beta, bn_param)
    return out.reshape(N, H, W, C).transpose(0, 3, 2, 1), cache


def _spatial_bn(x, gamma, beta, bn_param, axes, ddof=0):
    """Normalise over some axes; the running statistics are updated correctly."""
    eps, channels = bn_param.get("eps", 1e-5), (1, -1, 1, 1)
    if bn_param["mode"] == "test":
        mean, var = (bn_param[name].reshape(channels) for name in ("running_mean", "running_var"))
    else:
        mean, var = x.mean(axis=axes, keepdims=True), x.var(axis=axes, keepdims=True, ddof=ddof)
        _keep(bn_param, x.mean(axis=(0, 2, 3)), x.var(axis=(0, 2, 3)))
    return gamma.reshape(channels) * (x - mean) / np.sqrt(var + eps) + beta.reshape(channels), None


@wrong(
    "spatial_batchnorm_forward",
    "each position has its own statistics; a channel has one mean and variance for all positions",
)
def spatial_bn_each_position(x, gamma, beta, bn_param):
    return _spatial_bn(x, gamma, beta, bn_param, 0)


@wrong(
    "spatial_batchnorm_forward",
    "each input has its own statistics; they should be taken over the batch too, axis=(0, 2, 3)",
)
def spatial_bn_each_input(x, gamma, beta, bn_param):
    return _spatial_bn(x, gamma, beta, bn_param, (2, 3))


@wrong("spatial_batchnorm_forward", "one mean and variance are used for all channels; each channel needs its own")
def spatial_bn_all_channels(x, gamma, beta, bn_param):
    return _spatial_bn(x, gamma, beta, bn_param, (0, 1, 2, 3))


@wrong("spatial_batchnorm_forward", "test mode uses the statistics of the batch: pass the mode on to batchnorm_forward")
def spatial_bn_always_trains(x, gamma, beta, bn_param):
    kept = {name: bn_param.get(name) for name in ("running_mean", "running_var")}
    out = _spatial_bn(x, gamma, beta, bn_param | {"mode": "train"}, (0, 2, 3))
    if bn_param["mode"] == "train":
        _keep(bn_param, x.mean(axis=(0, 2, 3)), x.var(axis=(0, 2, 3)))
    else:
        bn_param.update(kept)
    return out


@right("spatial_batchnorm_forward")
def spatial_bn_by_axes(x, gamma, beta, bn_param):
    return _spatial_bn(x, gamma, beta, bn_param, (0, 2, 3))


@right("spatial_batchnorm_forward")
def spatial_bn_channels_first(x, gamma, beta, bn_param):
    N, C, H, W = x.shape
    rows = np.moveaxis(x, 1, 0).reshape(C, -1).T
    out, cache = layers.batchnorm_forward(rows, gamma, beta, bn_param)
    return np.moveaxis(out.T.reshape(C, N, H, W), 0, 1), cache


# ---- spatial_batchnorm_backward


def _spatial_reference(dout, cache):
    N, C, H, W = dout.shape
    dx, dgamma, dbeta = _reference(dout.transpose(0, 2, 3, 1).reshape(-1, C), cache)
    return dx.reshape(N, H, W, C).transpose(0, 3, 1, 2), dgamma, dbeta


@wrong(
    "spatial_batchnorm_backward",
    "dout.reshape(-1, C) mixes up the channels: move the channel axis to the end first, dout.transpose(0, 2, 3, 1)",
)
def spatial_bn_backward_without_transpose(dout, cache):
    dx, dgamma, dbeta = _reference(dout.reshape(-1, dout.shape[1]), cache)
    return dx.reshape(dout.shape), dgamma, dbeta


@wrong(
    "spatial_batchnorm_backward",
    "dx is reshaped directly to (N, C, H, W): reshape to (N, H, W, C) first, then transpose(0, 3, 1, 2)",
)
def spatial_bn_backward_not_transposed_back(dout, cache):
    dx, dgamma, dbeta = _reference(dout.transpose(0, 2, 3, 1).reshape(-1, dout.shape[1]), cache)
    return dx.reshape(dout.shape), dgamma, dbeta


@wrong("spatial_batchnorm_backward", "dx still has shape (N * H * W, C): it should have the shape of x")
def spatial_bn_backward_rows(dout, cache):
    return _reference(dout.transpose(0, 2, 3, 1).reshape(-1, dout.shape[1]), cache)


@wrong(
    "spatial_batchnorm_backward",
    "dgamma and dbeta are divided by the number of positions; they should be sums over all of them",
)
def spatial_bn_backward_means(dout, cache):
    dx, dgamma, dbeta = _spatial_reference(dout, cache)
    positions = dout.shape[2] * dout.shape[3]
    return dx, dgamma / positions, dbeta / positions


@wrong("spatial_batchnorm_backward", "dgamma and dbeta are swapped: return dx, dgamma, dbeta")
def spatial_bn_backward_swapped(dout, cache):
    dx, dgamma, dbeta = _spatial_reference(dout, cache)
    return dx, dbeta, dgamma


@right("spatial_batchnorm_backward")
def spatial_bn_backward_channels_first(dout, cache):
    N, C, H, W = dout.shape
    dx, dgamma, dbeta = layers.batchnorm_backward(np.moveaxis(dout, 1, 0).reshape(C, -1).T, cache)
    return np.moveaxis(dx.T.reshape(C, N, H, W), 0, 1), dgamma, dbeta


# ---- spatial_groupnorm_forward


def _grouped(x, gamma, beta, gn_param, groups, axes, back):
    """Normalise `groups` over some axes, bring them back into the shape of x, scale and shift the channels."""
    eps, channels = gn_param.get("eps", 1e-5), (1, -1, 1, 1)
    mean, var = groups.mean(axis=axes, keepdims=True), groups.var(axis=axes, keepdims=True)
    x_hat = back((groups - mean) / np.sqrt(var + eps))
    return gamma.reshape(channels) * x_hat + beta.reshape(channels), None


@wrong("spatial_groupnorm_forward", "G is used as the number of channels in a group; it is the number of groups")
def gn_size_of_group(x, gamma, beta, G, gn_param):
    groups = x.reshape(len(x), x.shape[1] // G, -1)
    return _grouped(x, gamma, beta, gn_param, groups, 2, lambda g: g.reshape(x.shape))


@wrong(
    "spatial_groupnorm_forward",
    "every G-th channel is put into the same group; a group is C / G adjacent channels",
)
def gn_interleaved(x, gamma, beta, G, gn_param):
    N, C, H, W = x.shape
    groups = x.reshape(N, C // G, G, H, W)
    return _grouped(x, gamma, beta, gn_param, groups, (1, 3, 4), lambda g: g.reshape(x.shape))


@wrong(
    "spatial_groupnorm_forward", "the statistics are taken over the batch too; each input has its own for each group"
)
def gn_over_batch(x, gamma, beta, G, gn_param):
    groups = x.reshape(len(x), G, -1)
    return _grouped(x, gamma, beta, gn_param, groups, (0, 2), lambda g: g.reshape(x.shape))


@wrong("spatial_groupnorm_forward", "each channel has its own statistics; the channels of a group should share them")
def gn_each_channel(x, gamma, beta, G, gn_param):
    return _grouped(x, gamma, beta, gn_param, x, (2, 3), lambda g: g)


@wrong("spatial_groupnorm_forward", "one mean and variance are used for the whole input, as if G were 1")
def gn_one_group(x, gamma, beta, G, gn_param):
    return _grouped(x, gamma, beta, gn_param, x, (1, 2, 3), lambda g: g)


@wrong(
    "spatial_groupnorm_forward",
    "each position has its own statistics; they should be taken over the height and width of a group too",
)
def gn_each_position(x, gamma, beta, G, gn_param):
    N, C, H, W = x.shape
    groups = x.reshape(N, G, C // G, H, W)
    return _grouped(x, gamma, beta, gn_param, groups, 2, lambda g: g.reshape(x.shape))


@wrong(
    "spatial_groupnorm_forward",
    "eps = 1e-5 is hard-coded: take it from gn_param, as the first lines of the function do",
)
def gn_hard_coded_eps(x, gamma, beta, G, gn_param):
    groups = x.reshape(len(x), G, -1)
    return _grouped(x, gamma, beta, {}, groups, 2, lambda g: g.reshape(x.shape))


@right("spatial_groupnorm_forward", edge="gamma.reshape(1, C, 1, 1) takes both")
def gn_gamma_not_reshaped(x, gamma, beta, G, gn_param):
    groups = x.reshape(len(x), G, -1)
    x_hat, _ = _grouped(x, np.ones(1), np.zeros(1), gn_param, groups, 2, lambda g: g.reshape(x.shape))
    return gamma * x_hat + beta, None


@right("spatial_groupnorm_forward")
def gn_by_layernorm(x, gamma, beta, G, gn_param):
    rows = x.reshape(len(x) * G, -1)
    ones, zeros = np.ones(rows.shape[1], x.dtype), np.zeros(rows.shape[1], x.dtype)
    x_hat = layers.layernorm_forward(rows, ones, zeros, gn_param)[0].reshape(x.shape)
    return gamma.reshape(1, -1, 1, 1) * x_hat + beta.reshape(1, -1, 1, 1), None


@right("spatial_groupnorm_forward")
def gn_group_by_group(x, gamma, beta, G, gn_param):
    x_hat = np.empty_like(x)
    size = x.shape[1] // G
    for n in range(len(x)):
        for c in range(0, x.shape[1], size):
            group = x[n, c : c + size]
            x_hat[n, c : c + size] = (group - group.mean()) / np.sqrt(group.var() + gn_param.get("eps", 1e-5))
    return gamma.reshape(-1, 1, 1) * x_hat + beta.reshape(-1, 1, 1), None


# ---- spatial_groupnorm_backward


def _gn_reference(dout, cache, in_groups=None):
    x_hat, std, gamma = cache
    N, C, H, W = dout.shape
    groups = in_groups or (N, std.shape[1], C // std.shape[1] * H * W)
    dx_hat, grouped = (dout * gamma.reshape(1, -1, 1, 1)).reshape(groups), x_hat.reshape(groups)
    along = dx_hat.mean(axis=2, keepdims=True) + grouped * (dx_hat * grouped).mean(axis=2, keepdims=True)
    dx = ((dx_hat - along).reshape(N, std.shape[1], -1) / std).reshape(dout.shape)
    return dx, (dout * x_hat).sum(axis=(0, 2, 3)).reshape(gamma.shape), dout.sum(axis=(0, 2, 3)).reshape(gamma.shape)


@wrong(
    "spatial_groupnorm_backward",
    "dgamma and dbeta always have shape (C,): a gradient has the shape of its array, reshape them to gamma.shape",
    rule="the wrong shape",
)
def gn_backward_flat_gains(dout, cache):
    dx, dgamma, dbeta = _gn_reference(dout, cache)
    return dx, dgamma.ravel(), dbeta.ravel()


@right("spatial_groupnorm_backward", edge="dgamma.reshape(gamma.shape) returns what came")
def gn_backward_wide_gains(dout, cache):
    dx, dgamma, dbeta = _gn_reference(dout, cache)
    return dx, dgamma.reshape(1, -1, 1, 1), dbeta.reshape(1, -1, 1, 1)


@wrong("spatial_groupnorm_backward", "dgamma and dbeta are not summed over the batch: sum over axis=(0, 2, 3)")
def gn_backward_keeps_batch(dout, cache):
    dx, _, _ = _gn_reference(dout, cache)
    return dx, (dout * cache[0]).sum(axis=(2, 3)), dout.sum(axis=(2, 3))


@wrong("spatial_groupnorm_backward", "the sums in dx run over single channels; they should run over the whole group")
def gn_backward_each_channel(dout, cache):
    N, C, H, W = dout.shape
    return _gn_reference(dout, cache, (N, C, H * W))


@wrong("spatial_groupnorm_backward", "the sums in dx run over the whole input; they should run over one group")
def gn_backward_one_group(dout, cache):
    return _gn_reference(dout, cache, (len(dout), 1, dout[0].size))


@wrong("spatial_groupnorm_backward", "gamma is missing in dx: the gradient of x_hat is dout * gamma")
def gn_backward_without_gamma(dout, cache):
    x_hat, std, gamma = cache
    dx, _, _ = _gn_reference(dout, (x_hat, std, np.ones_like(gamma)))
    return dx, *_gn_reference(dout, cache)[1:]


@wrong(
    "spatial_groupnorm_backward",
    "dgamma and dbeta are means over the batch; they should be sums",
    rule="a mean instead of a sum",
)
def gn_backward_means(dout, cache):
    dx, dgamma, dbeta = _gn_reference(dout, cache)
    return dx, dgamma / len(dout), dbeta / len(dout)


@right("spatial_groupnorm_backward")
def gn_backward_in_five_axes(dout, cache):
    x_hat, std, gamma = cache
    N, C, H, W = dout.shape
    groups, axes = (N, std.shape[1], C // std.shape[1], H, W), (2, 3, 4)
    size = C // std.shape[1] * H * W
    dx_hat, grouped = (gamma.reshape(1, C, 1, 1) * dout).reshape(groups), x_hat.reshape(groups)
    sums = dx_hat.sum(axes, keepdims=True), (dx_hat * grouped).sum(axes, keepdims=True)
    dx = (dx_hat - sums[0] / size - grouped * sums[1] / size) / std.reshape(N, -1, 1, 1, 1)
    dgamma, dbeta = np.einsum("nchw,nchw->c", dout, x_hat), np.einsum("nchw->c", dout)
    return dx.reshape(dout.shape), dgamma.reshape(gamma.shape), dbeta.reshape(gamma.shape)


# ---- right, but with an axis too many or a single shape of gains


@right("batchnorm_forward", edge="the shape is (1, D), and (D,) is expected")
def bn_keeps_dims(x, gamma, beta, bn_param):
    mean, var = (f(x, axis=0, keepdims=True) for f in (np.mean, np.var))
    momentum = bn_param.get("momentum", 0.9)
    for name, now in (("running_mean", mean), ("running_var", var)):
        bn_param[name] = momentum * bn_param.get(name, np.zeros(x.shape[1], x.dtype)) + (1 - momentum) * now
    return (x - mean) * (gamma / np.sqrt(var + bn_param.get("eps", 1e-5))) + beta, None


def _with_rows(gradients):
    dx, *vectors = gradients
    return dx, *(vector[np.newaxis] for vector in vectors)


for _question, _function in (
    ("batchnorm_backward", layers.batchnorm_backward),
    ("batchnorm_backward_alt", layers.batchnorm_backward_alt),
    ("layernorm_backward", layers.layernorm_backward),
):

    def keeps_dims_backward(dout, cache, backward=_function):
        return _with_rows(backward(dout, cache))

    right(_question, edge="the shape is (1, D), and (D,) is expected")(keeps_dims_backward)


def _gn_forward_of_rows(x, gamma, beta, G, gn_param):
    """Each group a row, normalised by `layernorm_forward`; the cache is its own."""
    rows = x.reshape(len(x) * G, -1)
    out, cache = layers.layernorm_forward(rows, np.ones(rows.shape[1]), np.zeros(rows.shape[1]), gn_param)
    x_hat = out.reshape(x.shape)
    return x_hat * gamma + beta, (x_hat, gamma, rows.shape, cache)


@right(
    "spatial_groupnorm_backward",
    edge="gamma.reshape(1, C, 1, 1) takes both",
    beside={"cs231n.layers:spatial_groupnorm_forward": _gn_forward_of_rows},
)
def gn_backward_of_rows(dout, cache):
    x_hat, gamma, shape, row_cache = cache
    dx, _, _ = layers.layernorm_backward((dout * gamma).reshape(shape), row_cache)
    dgamma, dbeta = (np.sum(values, axis=(0, 2, 3), keepdims=True) for values in (dout * x_hat, dout))
    return dx.reshape(dout.shape), dgamma, dbeta


# ---- slips


slips(
    "batchnorm_forward",
    ("gamma divides x_hat: multiply by it", "gamma * x_hat + beta", "x_hat / gamma + beta"),
    ("gamma and beta are swapped: out = gamma * x_hat + beta", "gamma * x_hat + beta", "beta * x_hat + gamma"),
    ("beta is subtracted: add it", "gamma * x_hat + beta", "gamma * x_hat - beta"),
    (
        "the variance is the mean of x ** 2: subtract the mean of x first",
        "(centred**2).mean(axis=0)",
        "(x**2).mean(axis=0)",
    ),
    (
        "the batch is normalised with the running mean: in train mode, use the mean of the batch",
        "centred = x - mean",
        "centred = x - running_mean",
    ),
    (
        "the batch is normalised with the running variance: in train mode, use the variance of the batch",
        "np.sqrt(var + eps)",
        "np.sqrt(running_var + eps)",
    ),
    (
        "the running mean and variance are swapped in the update",
        "(1 - momentum) * mean",
        "(1 - momentum) * var",
        "running_var + (1 - momentum) * var",
        "running_var + (1 - momentum) * mean",
    ),
    (
        "running_mean is updated with the mean of x_hat, which is 0: use the mean of x",
        "(1 - momentum) * mean",
        "(1 - momentum) * x_hat.mean(axis=0)",
    ),
    (
        "running_var is updated with the variance of x_hat, which is 1: use that of x",
        "(1 - momentum) * var",
        "(1 - momentum) * x_hat.var(axis=0)",
    ),
    (
        "running_var is updated with var + eps: use the variance alone",
        "(1 - momentum) * var",
        "(1 - momentum) * (var + eps)",
    ),
    (
        "running_var is updated with momentum and 1 - momentum swapped",
        "momentum * running_var + (1 - momentum) * var",
        "(1 - momentum) * running_var + momentum * var",
    ),
    (
        "running_mean is updated with momentum and 1 - momentum swapped",
        "momentum * running_mean + (1 - momentum) * mean",
        "(1 - momentum) * running_mean + momentum * mean",
    ),
    (
        "running_mean is multiplied by momentum, but the new mean not by 1 - momentum",
        "+ (1 - momentum) * mean",
        "+ mean",
    ),
    (
        "running_var is multiplied by momentum, but the new variance not by 1 - momentum",
        "+ (1 - momentum) * var",
        "+ var",
    ),
    ("the median is subtracted: subtract the mean", "mean = x.mean(axis=0)", "mean = np.median(x, axis=0)"),
    (
        "x is divided by its standard deviation before the mean is subtracted",
        "x_hat = centred / std",
        "x_hat = x / std - mean",
    ),
    (
        "the columns are scaled to the range from 0 to 1: subtract the mean and divide by std",
        "x_hat = centred / std",
        "x_hat = (x - x.min(axis=0)) / (np.ptp(x, axis=0) + eps)",
    ),
    ("x is multiplied by std: divide by it", "x_hat = centred / std", "x_hat = centred * std"),
    (
        "the mean absolute deviation is used: the variance is the mean of the squares",
        "std = np.sqrt(var + eps)",
        "std = np.abs(centred).mean(axis=0) + eps",
    ),
    (
        "the mean of the whole batch is subtracted: each column has its own",
        "mean = x.mean(axis=0)",
        "mean = np.full(x.shape[1], x.mean())",
    ),
)

slips(
    "batchnorm_forward_test",
    (
        "gamma divides: multiply by it",
        "gamma * (x - running_mean) / np.sqrt(running_var + eps)",
        "(x - running_mean) / np.sqrt(running_var + eps) / gamma",
    ),
    ("gamma is missing in test mode", "gamma * (x - running_mean)", "(x - running_mean)"),
    ("beta is subtracted: add it", "+ beta", "- beta"),
    (
        "gamma and beta are swapped",
        "gamma * (x - running_mean) / np.sqrt(running_var + eps) + beta",
        "beta * (x - running_mean) / np.sqrt(running_var + eps) + gamma",
    ),
    (
        "the mean of the batch is subtracted: in test mode, use the running mean",
        "(x - running_mean)",
        "(x - x.mean(axis=0))",
    ),
    (
        "the variance of the batch is used: in test mode, use the running variance",
        "running_var + eps",
        "x.var(axis=0) + eps",
    ),
    ("the running mean is not subtracted", "(x - running_mean)", "x"),
    ("the running mean is added: subtract it", "(x - running_mean)", "(x + running_mean)"),
    ("x is not divided by the root of the running variance", " / np.sqrt(running_var + eps)", ""),
    (
        "x is multiplied by the root of the running variance: divide by it",
        "/ np.sqrt(running_var + eps)",
        "* np.sqrt(running_var + eps)",
    ),
    (
        "running_mean and running_var are swapped",
        "(x - running_mean) / np.sqrt(running_var + eps)",
        "(x - running_var) / np.sqrt(np.abs(running_mean) + eps)",
    ),
    (
        "the running mean is divided by std twice: subtract it before the division",
        "gamma * (x - running_mean) / np.sqrt(running_var + eps)",
        "gamma * (x / np.sqrt(running_var + eps) - running_mean)",
    ),
    (
        "momentum multiplies the running statistics: use them as they are",
        "x - running_mean",
        "x - momentum * running_mean",
    ),
)

slips(
    "batchnorm_backward",
    ("the derivative of the root has the factor 1/2: dvar = dstd / (2 * std)", "dstd / (2 * std)", "dstd / std"),
    (
        "dx starts with x_hat: it starts with the upstream gradient, dout * gamma",
        "dx_hat = dout * gamma",
        "dx_hat = x_hat * gamma",
    ),
    ("gamma is missing in dx: the gradient of x_hat is dout * gamma", "dx_hat = dout * gamma", "dx_hat = dout"),
    ("dout is divided by gamma: multiply by it", "dx_hat = dout * gamma", "dx_hat = dout / gamma"),
    (
        "gamma is squared in dx: the gradient of x_hat is dout * gamma",
        "dx_hat = dout * gamma",
        "dx_hat = dout * gamma**2",
    ),
    ("the direct path is multiplied by std: divide by it", "dcentred = dx_hat / std", "dcentred = dx_hat * std"),
    ("the direct path is not divided by std", "dcentred = dx_hat / std", "dcentred = dx_hat.copy()"),
    ("the path through the variance is missing", "dcentred += dvar * 2 * centred / len(dout)", "pass"),
    (
        "the path through the variance is divided by std once too often: x_hat is (x - mean) / std already",
        "dvar * 2 * centred",
        "dvar * 2 * x_hat",
    ),
    (
        "dstd is not summed over the rows: a column shares one std",
        "-(dx_hat * centred).sum(axis=0)",
        "-(dx_hat * centred)",
    ),
    ("dstd is averaged over the rows: sum", "-(dx_hat * centred).sum(axis=0)", "-(dx_hat * centred).mean(axis=0)"),
    ("dgamma is not summed with x_hat but with dx_hat", "dgamma = (dout * x_hat)", "dgamma = (dout * dout * gamma)"),
    (
        "dgamma is the mean over the rows: sum",
        "dgamma = (dout * x_hat).sum(axis=0)",
        "dgamma = (dout * x_hat).mean(axis=0)",
    ),
    ("dbeta is the mean over the rows: sum", "dbeta = dout.sum(axis=0)", "dbeta = dout.mean(axis=0)"),
    (
        "dgamma is the product of two sums: multiply first, then sum",
        "dgamma = (dout * x_hat).sum(axis=0)",
        "dgamma = dout.sum(axis=0) * x_hat.sum(axis=0)",
    ),
    ("dbeta has gamma in it: it is the sum of dout", "dbeta = dout.sum(axis=0)", "dbeta = (dout * gamma).sum(axis=0)"),
)

slips(
    "batchnorm_backward_alt",
    (
        "the mean of dout * x_hat is divided by N once more in dx: sum",
        "dgamma = (dout * x_hat).sum(axis=0)",
        "dgamma = (dout * x_hat).mean(axis=0)",
    ),
    (
        "gamma multiplies dout alone: it belongs in front of the whole bracket",
        "gamma / std * (dout -",
        "1 / std * (gamma * dout -",
    ),
    ("the term with dgamma is missing: the variance depends on x, too", "(dbeta + x_hat * dgamma)", "dbeta"),
    ("the term with dbeta is missing: the mean depends on x, too", "(dbeta + x_hat * dgamma)", "(x_hat * dgamma)"),
    (
        "both sums are missing: mean and variance depend on x, too",
        "dout - (dbeta + x_hat * dgamma) / len(dout)",
        "dout",
    ),
    ("dx is multiplied by std: divide by it", "gamma / std *", "gamma * std *"),
    ("gamma divides: multiply by it", "gamma / std *", "1 / (gamma * std) *"),
    ("the sums are not divided by N", "(dbeta + x_hat * dgamma) / len(dout)", "(dbeta + x_hat * dgamma)"),
    (
        "only the sum of dout * x_hat is divided by N: both are",
        "(dbeta + x_hat * dgamma) / len(dout)",
        "(dbeta + x_hat * dgamma / len(dout))",
    ),
    (
        "only the sum of dout is divided by N: both are",
        "(dbeta + x_hat * dgamma) / len(dout)",
        "(dbeta / len(dout) + x_hat * dgamma)",
    ),
    ("the sums are added: subtract them", "dout - (dbeta", "dout + (dbeta"),
    (
        "the sums are divided by the number of columns: divide by N, the number of rows",
        "/ len(dout)",
        "/ dout.shape[1]",
    ),
    ("the sums are divided by N - 1: divide by N", "/ len(dout)", "/ (len(dout) - 1)"),
    ("dgamma is used for dbeta and dbeta for dgamma in dx", "(dbeta + x_hat * dgamma)", "(dgamma + x_hat * dbeta)"),
    (
        "dgamma is the mean over the rows: sum",
        "dgamma = (dout * x_hat).sum(axis=0)",
        "dgamma = (dout * x_hat).mean(axis=0)",
        "x_hat * dgamma",
        "x_hat * (dout * x_hat).sum(axis=0)",
    ),
    (
        "dbeta is the mean over the rows: sum",
        "dbeta = dout.sum(axis=0)",
        "dbeta = dout.mean(axis=0)",
        "(dbeta + x_hat",
        "(dout.sum(axis=0) + x_hat",
    ),
)

slips(
    "layernorm_forward",
    (
        "std is that of the columns of the centred values: it is that of each row, axis=1",
        "std = np.sqrt((centred**2).mean(axis=1, keepdims=True) + eps)",
        "std = np.sqrt((centred**2).mean(axis=0) + eps) * np.ones((len(x), 1))",
    ),
    ("gamma divides x_hat: multiply by it", "gamma * x_hat + beta", "x_hat / gamma + beta"),
    ("gamma and beta are swapped: out = gamma * x_hat + beta", "gamma * x_hat + beta", "beta * x_hat + gamma"),
    ("beta is subtracted: add it", "gamma * x_hat + beta", "gamma * x_hat - beta"),
    (
        "the variance of the whole batch is used: each row has its own",
        "(centred**2).mean(axis=1, keepdims=True)",
        "np.mean(centred**2) * np.ones((len(x), 1))",
    ),
    (
        "the mean of the columns is subtracted: subtract that of each row, axis=1",
        "x.mean(axis=1, keepdims=True)",
        "x.mean(axis=0)",
    ),
    ("the mean of the whole batch is subtracted: each row has its own", "x.mean(axis=1, keepdims=True)", "x.mean()"),
    (
        "the variance of the columns is used: use that of each row, axis=1",
        "(centred**2).mean(axis=1, keepdims=True)",
        "x.var(axis=0) * np.ones((len(x), 1))",
    ),
    ("the mean is not subtracted", "centred / std", "x / std"),
    ("the variance is the mean of x ** 2: subtract the mean of the row first", "(centred**2).mean", "(x**2).mean"),
    ("the squares are summed: the variance is their mean", "(centred**2).mean", "(centred**2).sum"),
    ("x is multiplied by std: divide by it", "centred / std", "centred * std"),
    ("the rows are not divided by std", "centred / std", "centred.copy()"),
    (
        "the largest entry of each row is subtracted: subtract the mean",
        "x.mean(axis=1, keepdims=True)",
        "x.max(axis=1, keepdims=True)",
    ),
)

slips(
    "layernorm_backward",
    ("the paths through mean and variance are halved", "(dx_hat - along) / std", "(dx_hat - along / 2) / std"),
    ("gamma is missing in dx: the gradient of x_hat is dout * gamma", "dx_hat = dout * gamma", "dx_hat = dout"),
    ("dout is divided by gamma: multiply by it", "dx_hat = dout * gamma", "dx_hat = dout / gamma"),
    ("dx is multiplied by std: divide by it", "(dx_hat - along) / std", "(dx_hat - along) * std"),
    ("dx is divided by the variance: divide by std", "(dx_hat - along) / std", "(dx_hat - along) / std**2"),
    ("std is missing in dx: divide by it", "(dx_hat - along) / std", "dx_hat - along"),
    (
        "the paths through mean and variance are added: subtract them",
        "(dx_hat - along) / std",
        "(dx_hat + along) / std",
    ),
    ("the path through the mean is missing", "along = dx_hat.mean(axis=1, keepdims=True) + x_hat", "along = x_hat"),
    ("the path through the variance is missing", " + x_hat * (dx_hat * x_hat).mean(axis=1, keepdims=True)", ""),
    ("x_hat is missing in front of the mean of dx_hat * x_hat", "+ x_hat * (dx_hat * x_hat)", "+ (dx_hat * x_hat)"),
    ("dgamma is the sum of dout * x_hat: x_hat is missing", "dgamma = (dout * x_hat)", "dgamma = (dout)"),
    ("dbeta is the mean over the rows: sum", "dbeta = dout.sum(axis=0)", "dbeta = dout.mean(axis=0)"),
    ("dbeta has gamma in it: it is the sum of dout", "dbeta = dout.sum(axis=0)", "dbeta = (dout * gamma).sum(axis=0)"),
)

slips(
    "spatial_batchnorm_forward",
    (
        "x is reshaped without a transpose: transpose(0, 2, 3, 1) brings the channels to the end first",
        "x.transpose(0, 2, 3, 1).reshape(-1, C)",
        "x.reshape(-1, C)",
    ),
    (
        "the mean of each input is subtracted first: the statistics of a channel run over all inputs",
        "rows = x.transpose",
        "rows = (x - x.mean(axis=(1, 2, 3), keepdims=True)).transpose",
    ),
    (
        "the mean of each map is subtracted first: the statistics of a channel run over all inputs",
        "rows = x.transpose",
        "rows = (x - x.mean(axis=(2, 3), keepdims=True)).transpose",
    ),
    (
        "height and width are swapped on the way back: reshape(N, H, W, C), then transpose(0, 3, 1, 2)",
        "reshape(N, H, W, C).transpose(0, 3, 1, 2)",
        "reshape(N, W, H, C).transpose(0, 3, 2, 1)",
    ),
    (
        "height and width are swapped before the reshape: transpose(0, 2, 3, 1)",
        "x.transpose(0, 2, 3, 1)",
        "x.transpose(0, 3, 2, 1)",
    ),
    (
        "the inputs are normalised one by one first: the statistics of a channel run over all inputs",
        "rows = x.transpose",
        "rows = ((x - x.mean(axis=(2, 3), keepdims=True)) / (x.std(axis=(2, 3), keepdims=True) + 1e-9)).transpose",
    ),
    (
        "each pixel's channels are normalised first: batch normalisation looks at each channel alone",
        "rows = x.transpose",
        "rows = ((x - x.mean(axis=1, keepdims=True)) / np.sqrt(x.var(axis=1, keepdims=True) + 1e-5)).transpose",
    ),
    (
        "gamma and beta are swapped: batchnorm_forward(rows, gamma, beta, bn_param)",
        "(rows, gamma, beta, bn_param)",
        "(rows, beta, gamma, bn_param)",
    ),
    (
        "beta is not passed on: batchnorm_forward(rows, gamma, beta, bn_param)",
        "(rows, gamma, beta, bn_param)",
        "(rows, gamma, 0 * beta, bn_param)",
    ),
    (
        "gamma is not passed on: batchnorm_forward(rows, gamma, beta, bn_param)",
        "(rows, gamma, beta, bn_param)",
        "(rows, np.ones_like(gamma), beta, bn_param)",
    ),
)

slips(
    "spatial_batchnorm_backward",
    (
        "height and width are swapped on the way back: reshape(N, H, W, C), then transpose(0, 3, 1, 2)",
        "reshape(N, H, W, C).transpose(0, 3, 1, 2)",
        "reshape(N, W, H, C).transpose(0, 3, 2, 1)",
    ),
    (
        "dout is reshaped without a transpose: transpose(0, 2, 3, 1) brings the channels to the end first",
        "dout.transpose(0, 2, 3, 1).reshape(-1, C)",
        "dout.reshape(-1, C)",
    ),
    (
        "dx is reshaped directly to (N, C, H, W): reshape to (N, H, W, C) first, then transpose(0, 3, 1, 2)",
        "reshape(N, H, W, C).transpose(0, 3, 1, 2)",
        "reshape(N, C, H, W)",
    ),
    (
        "dgamma is divided by the number of positions: sum over them",
        "dx = dx.reshape",
        "dgamma = dgamma / (H * W)\ndx = dx.reshape",
    ),
    (
        "dbeta is divided by the number of positions: sum over them",
        "dx = dx.reshape",
        "dbeta = dbeta / (H * W)\ndx = dx.reshape",
    ),
    (
        "dx is divided by the number of positions: batchnorm_backward has divided by what is needed",
        "dx = dx.reshape(N, H, W, C)",
        "dx = (dx / (H * W)).reshape(N, H, W, C)",
    ),
    (
        "dout is averaged over the positions first: each position has its own gradient",
        "rows = dout.transpose",
        "dout = np.broadcast_to(dout.mean(axis=(2, 3), keepdims=True), dout.shape)\nrows = dout.transpose",
    ),
)

slips(
    "spatial_groupnorm_forward",
    (
        "the variance runs over the batch, too: each input has its own",
        "(centred**2).mean(axis=2, keepdims=True)",
        "(centred**2).mean(axis=(0, 2), keepdims=True) * np.ones((N, 1, 1))",
    ),
    (
        "a group is made of every G-th channel, and its values are not put back: it is made of consecutive channels",
        "groups = x.reshape(N, G, C // G * H * W)",
        "groups = x.reshape(N, C // G, G, H * W).transpose(0, 2, 1, 3).reshape(N, G, C // G * H * W)",
    ),
    ("gamma divides x_hat: multiply by it", "gamma.reshape(channels) * x_hat", "x_hat / gamma.reshape(channels)"),
    ("beta is subtracted: add it", "+ beta.reshape(channels)", "- beta.reshape(channels)"),
    (
        "gamma and beta are swapped: out = gamma * x_hat + beta",
        "gamma.reshape(channels) * x_hat + beta.reshape(channels)",
        "beta.reshape(channels) * x_hat + gamma.reshape(channels)",
    ),
    (
        "the mean runs over all groups of an input: each group has its own",
        "groups - groups.mean(axis=2, keepdims=True)",
        "groups - groups.mean(axis=(1, 2), keepdims=True)",
    ),
    (
        "the mean runs over the batch, too: each input has its own",
        "groups - groups.mean(axis=2, keepdims=True)",
        "groups - groups.mean(axis=(0, 2), keepdims=True)",
    ),
    (
        "the variance runs over all groups of an input: each group has its own",
        "(centred**2).mean(axis=2, keepdims=True)",
        "(centred**2).mean(axis=(1, 2), keepdims=True) * np.ones((N, G, 1))",
    ),
    ("the mean is not subtracted", "centred / std", "groups / std"),
    (
        "the variance is the mean of x ** 2: subtract the mean of the group first",
        "(centred**2).mean",
        "(groups**2).mean",
    ),
    ("the squares are summed: the variance is their mean", "(centred**2).mean", "(centred**2).sum"),
    ("x is multiplied by std: divide by it", "centred / std", "centred * std"),
    ("the groups are not divided by std", "centred / std", "centred"),
    (
        "gamma and beta belong to groups, not to channels: each channel has its own",
        "gamma.reshape(channels) * x_hat",
        "np.repeat(gamma.ravel()[:G], C // G).reshape(channels) * x_hat",
        "+ beta.reshape(channels)",
        "+ np.repeat(beta.ravel()[:G], C // G).reshape(channels)",
    ),
)

slips(
    "spatial_groupnorm_backward",
    (
        "gamma is squared in dx: the gradient of x_hat is dout * gamma",
        "dout * gamma.reshape(1, -1, 1, 1)",
        "dout * gamma.reshape(1, -1, 1, 1) ** 2",
    ),
    (
        "the mean of dx_hat is a sum: divide it by the number of entries of a group",
        "along = dx_hat.mean(axis=2, keepdims=True)",
        "along = dx_hat.sum(axis=2, keepdims=True)",
    ),
    (
        "the mean of dx_hat * x_hat is a sum: divide it by the number of entries of a group",
        "(dx_hat * grouped).mean(axis=2, keepdims=True)",
        "(dx_hat * grouped).sum(axis=2, keepdims=True)",
    ),
    (
        "both means are sums: divide them by the number of entries of a group",
        "along = dx_hat.mean(axis=2, keepdims=True)",
        "along = dx_hat.sum(axis=2, keepdims=True)",
        "(dx_hat * grouped).mean(axis=2, keepdims=True)",
        "(dx_hat * grouped).sum(axis=2, keepdims=True)",
    ),
    ("dx is multiplied by std: divide by it", "(dx_hat - along) / std", "(dx_hat - along) * std"),
    ("dx is divided by the variance: divide by std", "(dx_hat - along) / std", "(dx_hat - along) / std**2"),
    ("std is missing in dx: divide by it", "(dx_hat - along) / std", "(dx_hat - along)"),
    (
        "the paths through mean and variance are added: subtract them",
        "(dx_hat - along) / std",
        "(dx_hat + along) / std",
    ),
    ("the path through the mean is missing", "along = dx_hat.mean(axis=2, keepdims=True) + grouped", "along = grouped"),
    ("the path through the variance is missing", " + grouped * (dx_hat * grouped).mean(axis=2, keepdims=True)", ""),
    ("the paths through mean and variance are both missing", "(dx_hat - along) / std", "dx_hat / std"),
    ("dgamma is the sum of dout * x_hat: x_hat is missing", "dgamma = (dout * x_hat)", "dgamma = (dout)"),
    (
        "dgamma has gamma in it: it is the sum of dout * x_hat",
        "dgamma = (dout * x_hat)",
        "dgamma = (dout * gamma.reshape(1, -1, 1, 1) * x_hat)",
    ),
    (
        "dbeta has gamma in it: it is the sum of dout",
        "dbeta = dout.sum(axis=(0, 2, 3))",
        "dbeta = (dout * gamma.reshape(1, -1, 1, 1)).sum(axis=(0, 2, 3))",
    ),
    (
        "dgamma is a mean: sum over inputs and positions",
        "dgamma = (dout * x_hat).sum(axis=(0, 2, 3))",
        "dgamma = (dout * x_hat).mean(axis=(0, 2, 3))",
    ),
    (
        "dbeta is a mean: sum over inputs and positions",
        "dbeta = dout.sum(axis=(0, 2, 3))",
        "dbeta = dout.mean(axis=(0, 2, 3))",
    ),
    (
        "dout is divided by gamma: multiply by it",
        "dout * gamma.reshape(1, -1, 1, 1)",
        "dout / gamma.reshape(1, -1, 1, 1)",
    ),
)
