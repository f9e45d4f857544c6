"""Implementations of the update rules as learners write them."""

import numpy as np

from zoo import right, slips, wrong


def _defaults(w, config, **more):
    config = {} if config is None else config
    for name, value in {"learning_rate": 1e-2, "epsilon": 1e-8, **more}.items():
        config.setdefault(name, value)
    return config


def _momentum_defaults(w, config):
    return _defaults(w, config, momentum=0.9, velocity=np.zeros_like(w))


def _cache_defaults(w, config):
    return _defaults(w, config, decay_rate=0.99, cache=np.zeros_like(w))


def _adam_defaults(w, config):
    zeros = np.zeros_like(w)
    return _defaults(w, config, learning_rate=1e-3, beta1=0.9, beta2=0.999, m=zeros, v=zeros, t=0)


def _rule(register, fill, name, step):
    """Register the update rule built on `step(w, dw, c)`, which returns the new w and the new state as a dict."""

    def rule(w, dw, config=None):
        config = fill(w, config)
        next_w, state = step(w, dw, config)
        config.update(state)
        return next_w, config

    rule.__name__ = name
    register(rule)


def _rules(question_id, fill, entries):
    """Register wrong update rules, each as (name, sentence, text of the judge's general rules, step)."""
    for name, sentence, judges_rule, step in entries:
        _rule(wrong(question_id, sentence, judges_rule), fill, name, step)


def _velocity(c, dw, sign=-1.0):
    return c["momentum"] * c["velocity"] + sign * c["learning_rate"] * dw


def _moved_by(v):
    """A step that adds the velocity v(c, dw) to w."""
    return lambda w, dw, c: (w + v(c, dw), {"velocity": v(c, dw)})


_rules(
    "sgd_momentum",
    _momentum_defaults,
    (
        (
            "momentum_uphill",
            "the gradient is added to the velocity: subtract learning_rate * dw",
            "",
            _moved_by(lambda c, dw: _velocity(c, dw, 1.0)),
        ),
        (
            "momentum_subtracted",
            "the velocity is subtracted from w: it already points downhill, so add it, w + v",
            "",
            lambda w, dw, c: (w - _velocity(c, dw), {"velocity": _velocity(c, dw)}),
        ),
        (
            "momentum_both_signs",
            "the velocity points uphill and is subtracted from w: use v = momentum * v - learning_rate * dw and add it",
            "",
            lambda w, dw, c: (w - _velocity(c, dw, 1.0), {"velocity": _velocity(c, dw, 1.0)}),
        ),
        (
            "momentum_not_kept",
            "the new velocity is not stored: config['velocity'] = v",
            "",
            lambda w, dw, c: (w + _velocity(c, dw), {}),
        ),
        (
            "momentum_old_velocity",
            "w moves by the old velocity: update v first, then add it",
            "",
            lambda w, dw, c: (w + c["velocity"], {"velocity": _velocity(c, dw)}),
        ),
        (
            "momentum_ignored",
            "the old velocity is not multiplied by momentum",
            "",
            _moved_by(lambda c, dw: c["velocity"] - c["learning_rate"] * dw),
        ),
        (
            "momentum_typed_in",
            "0.9 is hard-coded: use config['momentum']",
            "",
            _moved_by(lambda c, dw: 0.9 * c["velocity"] - c["learning_rate"] * dw),
        ),
        (
            "momentum_plain",
            "the old velocity is left out: this is plain gradient descent",
            "",
            _moved_by(lambda c, dw: -c["learning_rate"] * dw),
        ),
        (
            "momentum_as_mean",
            "the gradient is multiplied by 1 - momentum: in this rule it counts in full",
            "",
            _moved_by(lambda c, dw: c["momentum"] * c["velocity"] - (1 - c["momentum"]) * c["learning_rate"] * dw),
        ),
        (
            "momentum_rate_on_all",
            "the learning rate multiplies the old velocity as well: v already contains it",
            "",
            _moved_by(lambda c, dw: c["learning_rate"] * (c["momentum"] * c["velocity"] - dw)),
        ),
        (
            "momentum_without_rate",
            "the gradient is not multiplied by the learning rate",
            "",
            _moved_by(lambda c, dw: c["momentum"] * c["velocity"] - dw),
        ),
        (
            "momentum_other_form",
            "the learning rate is missing from v: v = momentum * v - learning_rate * dw, and w moves by v",
            "",
            lambda w, dw, c: (
                w - c["learning_rate"] * (c["momentum"] * c["velocity"] + dw),
                {"velocity": c["momentum"] * c["velocity"] + dw},
            ),
        ),
        (
            "momentum_of_nesterov",
            "this is Nesterov's momentum: plain momentum moves w by v alone",
            "",
            lambda w, dw, c: (
                w + c["momentum"] * _velocity(c, dw) - c["learning_rate"] * dw,
                {"velocity": _velocity(c, dw)},
            ),
        ),
    ),
)


@right("sgd_momentum")
def momentum_in_new_dict(w, dw, config=None):
    config = dict(_momentum_defaults(w, config))
    config["velocity"] = _velocity(config, dw)
    return w + config["velocity"], config


@wrong("sgd_momentum", "config is not returned: return next_w, config")
def momentum_without_config(w, dw, config=None):
    config = _momentum_defaults(w, config)
    config["velocity"] = _velocity(config, dw)
    return w + config["velocity"]


@right("sgd_momentum", edge="dw is modified in place")
def momentum_changes_gradient(w, dw, config=None):
    config = _momentum_defaults(w, config)
    dw *= config["learning_rate"]
    config["velocity"] = config["momentum"] * config["velocity"] - dw
    return w + config["velocity"], config


@right("sgd_momentum", edge="w is modified in place")
def momentum_in_place(w, dw, config=None):
    config = _momentum_defaults(w, config)
    config["velocity"] *= config["momentum"]
    config["velocity"] -= config["learning_rate"] * dw
    w += config["velocity"]
    return w, config


@right("sgd_momentum")
def momentum_other_sign_inside(w, dw, config=None):
    config = _momentum_defaults(w, config)
    downhill = config["learning_rate"] * dw - config["momentum"] * config["velocity"]
    config["velocity"] = -downhill
    return np.subtract(w, downhill), config


def _ahead(w, dw, c, v):
    """The next point ahead, for a given velocity."""
    return w + c["momentum"] * v - c["learning_rate"] * dw


_rules(
    "nesterov_momentum",
    _momentum_defaults,
    (
        (
            "nesterov_plain_momentum",
            "this is plain momentum: Nesterov's moves w by momentum * v - learning_rate * dw, with the new v",
            "",
            _moved_by(_velocity),
        ),
        (
            "nesterov_old_velocity",
            "w moves by momentum times the old velocity: use the new one",
            "",
            lambda w, dw, c: (w + _velocity(c, dw) + c["momentum"] * c["velocity"], {"velocity": _velocity(c, dw)}),
        ),
        (
            "nesterov_without_gradient",
            "the term - learning_rate * dw is missing: w moves by momentum * v alone",
            "",
            lambda w, dw, c: (w + c["momentum"] * _velocity(c, dw), {"velocity": _velocity(c, dw)}),
        ),
        (
            "nesterov_not_kept",
            "the new velocity is not stored: config['velocity'] = v",
            "",
            lambda w, dw, c: (_ahead(w, dw, c, _velocity(c, dw)), {}),
        ),
        (
            "nesterov_uphill",
            "the gradient is added: subtract learning_rate * dw, in v and in the step of w",
            "",
            lambda w, dw, c: (_ahead(w, -dw, c, _velocity(c, dw, 1.0)), {"velocity": _velocity(c, dw, 1.0)}),
        ),
        (
            "nesterov_full_velocity",
            "w moves by v - learning_rate * dw: it must move by momentum * v - learning_rate * dw",
            "",
            lambda w, dw, c: (w + _velocity(c, dw) - c["learning_rate"] * dw, {"velocity": _velocity(c, dw)}),
        ),
        (
            "nesterov_one_and_more",
            "w moves by (1 + momentum) * v: momentum times the old velocity must be subtracted",
            "",
            lambda w, dw, c: (w + (1 + c["momentum"]) * _velocity(c, dw), {"velocity": _velocity(c, dw)}),
        ),
        (
            "nesterov_keeps_the_step",
            "the step of w is stored as the velocity: store v instead",
            "",
            lambda w, dw, c: (
                _ahead(w, dw, c, _velocity(c, dw)),
                {"velocity": c["momentum"] * _velocity(c, dw) - c["learning_rate"] * dw},
            ),
        ),
        (
            "nesterov_typed_in",
            "0.9 is hard-coded: use config['momentum']",
            "",
            lambda w, dw, c: (
                _ahead(w, dw, c | {"momentum": 0.9}, _velocity(c | {"momentum": 0.9}, dw)),
                {"velocity": _velocity(c | {"momentum": 0.9}, dw)},
            ),
        ),
        (
            "nesterov_last_step_without_rate",
            "the learning rate is missing from the step of w: momentum * v - learning_rate * dw",
            "",
            lambda w, dw, c: (w + c["momentum"] * _velocity(c, dw) - dw, {"velocity": _velocity(c, dw)}),
        ),
        (
            "nesterov_as_mean",
            "the gradient is multiplied by 1 - momentum: in this rule it counts in full",
            "",
            lambda w, dw, c: (
                _ahead(w, (1 - c["momentum"]) * dw, c, _velocity(c, (1 - c["momentum"]) * dw)),
                {"velocity": _velocity(c, (1 - c["momentum"]) * dw)},
            ),
        ),
        (
            "nesterov_other_form",
            "the learning rate is missing from v: v = momentum * v - learning_rate * dw",
            "",
            lambda w, dw, c: (
                w - c["learning_rate"] * (dw + c["momentum"] * (c["momentum"] * c["velocity"] + dw)),
                {"velocity": c["momentum"] * c["velocity"] + dw},
            ),
        ),
        (
            "nesterov_velocity_twice",
            "the old velocity is multiplied by momentum twice: v = momentum * v - learning_rate * dw",
            "",
            lambda w, dw, c: (
                _ahead(w, dw, c, c["momentum"] ** 2 * c["velocity"] - c["learning_rate"] * dw),
                {"velocity": c["momentum"] ** 2 * c["velocity"] - c["learning_rate"] * dw},
            ),
        ),
    ),
)


@right("nesterov_momentum")
def nesterov_in_new_dict(w, dw, config=None):
    config = dict(_momentum_defaults(w, config))
    config["velocity"] = _velocity(config, dw)
    return _ahead(w, dw, config, config["velocity"]), config


@right("nesterov_momentum", edge="dw is modified in place")
def nesterov_changes_gradient(w, dw, config=None):
    config = _momentum_defaults(w, config)
    dw *= config["learning_rate"]
    config["velocity"] = config["momentum"] * config["velocity"] - dw
    return w + config["momentum"] * config["velocity"] - dw, config


@right("nesterov_momentum")
def nesterov_of_the_course_notes(w, dw, config=None):
    config = _momentum_defaults(w, config)
    before, momentum = config["velocity"].copy(), config["momentum"]
    config["velocity"] = momentum * before - config["learning_rate"] * dw
    return w - momentum * before + (1 + momentum) * config["velocity"], config


@right("nesterov_momentum")
def nesterov_by_the_idea(w, dw, config=None):
    """Go from the point ahead back to the point itself, take its step, and look ahead again."""
    config = _momentum_defaults(w, config)
    point = w - config["momentum"] * config["velocity"]
    config["velocity"] = config["momentum"] * config["velocity"] - config["learning_rate"] * dw
    point = point + config["velocity"]
    return point + config["momentum"] * config["velocity"], config


@right("nesterov_momentum", edge="w is modified in place")
def nesterov_in_place(w, dw, config=None):
    config = _momentum_defaults(w, config)
    w -= config["learning_rate"] * dw
    config["velocity"] *= config["momentum"]
    config["velocity"] -= config["learning_rate"] * dw
    w += config["momentum"] * config["velocity"]
    return w, config


def _divided(w, dw, c, cache):
    return w - c["learning_rate"] * dw / (np.sqrt(cache) + c["epsilon"])


def _by_cache(cache_of):
    """A step that is right except for its cache, cache_of(c, dw)."""
    return lambda w, dw, c: (_divided(w, dw, c, cache_of(c, dw)), {"cache": cache_of(c, dw)})


def _by_formula(step_of, cache_of):
    """A step w - step_of(c, dw, cache) with the cache cache_of(c, dw)."""
    return lambda w, dw, c: (w - step_of(c, dw, cache_of(c, dw)), {"cache": cache_of(c, dw)})


def _mean_square(c, dw):
    return c["decay_rate"] * c["cache"] + (1 - c["decay_rate"]) * dw**2


def _sum_of_squares(c, dw):
    return c["cache"] + dw**2


def _wrong_divisions(prefix, cache_of):
    """The mistakes in dividing by the cache, which RMSProp and AdaGrad share."""
    return (
        (
            f"{prefix}_without_root",
            "the gradient is divided by the cache: divide by its square root",
            "",
            _by_formula(lambda c, dw, cache: c["learning_rate"] * dw / (cache + c["epsilon"]), cache_of),
        ),
        (
            f"{prefix}_epsilon_inside",
            "epsilon is under the root: add it to the root, sqrt(cache) + epsilon",
            "",
            _by_formula(lambda c, dw, cache: c["learning_rate"] * dw / np.sqrt(cache + c["epsilon"]), cache_of),
        ),
        (
            f"{prefix}_without_epsilon",
            "epsilon is missing: where all gradients have been 0, 0 / 0 is not a number",
            "",
            _by_formula(lambda c, dw, cache: c["learning_rate"] * dw / np.sqrt(cache), cache_of),
        ),
        (
            f"{prefix}_multiplied",
            "the gradient is multiplied by the root: divide by it",
            "",
            _by_formula(lambda c, dw, cache: c["learning_rate"] * dw * (np.sqrt(cache) + c["epsilon"]), cache_of),
        ),
        (
            f"{prefix}_uphill",
            "the step goes uphill: subtract it, w - learning_rate * ...",
            "",
            _by_formula(lambda c, dw, cache: -c["learning_rate"] * dw / (np.sqrt(cache) + c["epsilon"]), cache_of),
        ),
        (
            f"{prefix}_without_rate",
            "the step is not multiplied by the learning rate",
            "",
            _by_formula(lambda c, dw, cache: dw / (np.sqrt(cache) + c["epsilon"]), cache_of),
        ),
        (
            f"{prefix}_not_kept",
            "the new cache is not stored: config['cache'] = cache",
            "",
            lambda w, dw, c: (_divided(w, dw, c, cache_of(c, dw)), {}),
        ),
        (
            f"{prefix}_old_cache",
            "the step is divided by the root of the old cache: update the cache first",
            "",
            lambda w, dw, c: (_divided(w, dw, c, c["cache"]), {"cache": cache_of(c, dw)}),
        ),
    )


_rules(
    "rmsprop",
    _cache_defaults,
    (
        *_wrong_divisions("rmsprop", _mean_square),
        (
            "rmsprop_without_square",
            "the cache holds the absolute values of the gradients: it must hold their squares",
            "",
            _by_cache(lambda c, dw: c["decay_rate"] * c["cache"] + (1 - c["decay_rate"]) * np.abs(dw)),
        ),
        (
            "rmsprop_of_gradients",
            "the cache holds the gradients themselves: it must hold their squares",
            "",
            _by_cache(lambda c, dw: c["decay_rate"] * c["cache"] + (1 - c["decay_rate"]) * dw),
        ),
        (
            "rmsprop_rates_exchanged",
            "decay_rate and 1 - decay_rate are swapped: decay_rate multiplies the old cache",
            "",
            _by_cache(lambda c, dw: (1 - c["decay_rate"]) * c["cache"] + c["decay_rate"] * dw**2),
        ),
        (
            "rmsprop_sum",
            "the squares are added up without a decay: this is AdaGrad",
            "",
            _by_cache(_sum_of_squares),
        ),
        (
            "rmsprop_full_square",
            "the squares are not multiplied by 1 - decay_rate",
            "",
            _by_cache(lambda c, dw: c["decay_rate"] * c["cache"] + dw**2),
        ),
        (
            "rmsprop_typed_epsilon",
            "1e-7 is hard-coded as epsilon: use config['epsilon']",
            "is a small constant, such as eps",
            _by_formula(lambda c, dw, cache: c["learning_rate"] * dw / (np.sqrt(cache) + 1e-7), _mean_square),
        ),
        (
            "rmsprop_typed_in",
            "0.99 is hard-coded: use config['decay_rate']",
            "",
            _by_cache(lambda c, dw: 0.99 * c["cache"] + 0.01 * dw**2),
        ),
        (
            "rmsprop_mean_of_all",
            "one mean square is kept for the whole array: the cache holds one for each entry",
            "",
            _by_cache(
                lambda c, dw: c["decay_rate"] * c["cache"] + (1 - c["decay_rate"]) * np.full_like(dw, np.mean(dw**2))
            ),
        ),
    ),
)


@right("rmsprop", edge="dw is modified in place")
def rmsprop_changes_gradient(w, dw, config=None):
    config = _cache_defaults(w, config)
    gradient = dw.copy()
    dw **= 2
    config["cache"] = config["decay_rate"] * config["cache"] + (1 - config["decay_rate"]) * dw
    return _divided(w, gradient, config, config["cache"]), config


@right("rmsprop")
def rmsprop_in_new_dict(w, dw, config=None):
    config = dict(_cache_defaults(w, config))
    config["cache"] = _mean_square(config, dw)
    return _divided(w, dw, config, config["cache"]), config


@right("rmsprop", edge="w is modified in place")
def rmsprop_in_place(w, dw, config=None):
    config = _cache_defaults(w, config)
    cache = config["cache"]
    cache += (1 - config["decay_rate"]) * (dw * dw - cache)
    w -= config["learning_rate"] / (cache**0.5 + config["epsilon"]) * dw
    return w, config


_rules(
    "adagrad",
    _cache_defaults,
    (
        *_wrong_divisions("adagrad", _sum_of_squares),
        (
            "adagrad_with_decay",
            "the cache decays: this is RMSProp; AdaGrad adds up the squares",
            "",
            _by_cache(_mean_square),
        ),
        (
            "adagrad_forgets",
            "the cache holds the last square alone: add it to the earlier ones",
            "",
            _by_cache(lambda c, dw: dw**2),
        ),
        (
            "adagrad_without_square",
            "the absolute values of the gradients are added up: the cache must hold their squares",
            "",
            _by_cache(lambda c, dw: c["cache"] + np.abs(dw)),
        ),
        (
            "adagrad_one_for_all",
            "one sum is kept for the whole array: the cache holds one for each entry",
            "",
            _by_cache(lambda c, dw: c["cache"] + np.full_like(dw, np.sum(dw**2))),
        ),
        (
            "adagrad_mean_of_two",
            "the cache is the mean of the old cache and the new squares: it must be their sum",
            "",
            _by_cache(lambda c, dw: (c["cache"] + dw**2) / 2),
        ),
        (
            "adagrad_keeps_epsilon",
            "epsilon is stored in the cache and adds up: add it to the root, in the step alone",
            "",
            lambda w, dw, c: (
                w - c["learning_rate"] * dw / np.sqrt(_sum_of_squares(c, dw) + c["epsilon"]),
                {"cache": _sum_of_squares(c, dw) + c["epsilon"]},
            ),
        ),
        (
            "adagrad_keeps_root",
            "the root is stored in the cache: store the sum of squares",
            "",
            lambda w, dw, c: (_divided(w, dw, c, _sum_of_squares(c, dw)), {"cache": np.sqrt(_sum_of_squares(c, dw))}),
        ),
    ),
)


@right("adagrad")
def adagrad_in_new_dict(w, dw, config=None):
    config = dict(_cache_defaults(w, config))
    config["cache"] = _sum_of_squares(config, dw)
    return _divided(w, dw, config, config["cache"]), config


@right("adagrad", edge="dw is modified in place")
def adagrad_changes_gradient(w, dw, config=None):
    config = _cache_defaults(w, config)
    config["cache"] = _sum_of_squares(config, dw)
    dw /= np.sqrt(config["cache"]) + config["epsilon"]
    return w - config["learning_rate"] * dw, config


@right("adagrad", edge="w is modified in place")
def adagrad_in_place(w, dw, config=None):
    config = _cache_defaults(w, config)
    config["cache"] += dw * dw
    w -= np.divide(config["learning_rate"] * dw, np.sqrt(config["cache"]) + config["epsilon"])
    return w, config


@right("adagrad")
def adagrad_with_power(w, dw, config=None):
    config = _cache_defaults(w, config)
    config["cache"] = config["cache"] + np.square(dw)
    return w - (config["learning_rate"] * dw) / (config["cache"] ** 0.5 + config["epsilon"]), config


def _adam_step(
    w,
    dw,
    c,
    t=lambda c: c["t"] + 1,
    m=lambda c, dw: c["beta1"] * c["m"] + (1 - c["beta1"]) * dw,
    v=lambda c, dw: c["beta2"] * c["v"] + (1 - c["beta2"]) * dw**2,
    m_hat=lambda c, m, t: m / (1 - c["beta1"] ** t),
    v_hat=lambda c, v, t: v / (1 - c["beta2"] ** t),
    step=lambda c, dw, m_hat, v_hat: c["learning_rate"] * m_hat / (np.sqrt(v_hat) + c["epsilon"]),
    keep=lambda m, v, t, m_hat, v_hat: {"m": m, "v": v, "t": t},
):
    """Adam; any of its pieces can be replaced by a wrong one."""
    t = t(c)
    m, v = m(c, dw), v(c, dw)
    m_hat, v_hat = m_hat(c, m, t), v_hat(c, v, t)
    return w - step(c, dw, m_hat, v_hat), keep(m, v, t, m_hat, v_hat)


def _adam_with(**pieces):
    return lambda w, dw, c: _adam_step(w, dw, c, **pieces)


def _epsilon_before_correction(w, dw, c):
    t = c["t"] + 1
    m = c["beta1"] * c["m"] + (1 - c["beta1"]) * dw
    v = c["beta2"] * c["v"] + (1 - c["beta2"]) * dw**2
    rate = c["learning_rate"] * np.sqrt(1 - c["beta2"] ** t) / (1 - c["beta1"] ** t)
    return w - rate * m / (np.sqrt(v) + c["epsilon"]), {"m": m, "v": v, "t": t}


_WRONG_ADAM = (
    (
        "adam_beta1_for_both",
        "v is updated with beta1: it has a rate of its own, beta2",
        "",
        _adam_with(v=lambda c, dw: c["beta1"] * c["v"] + (1 - c["beta1"]) * dw**2),
    ),
    (
        "adam_multiplied_corrections",
        "m and v are multiplied by the corrections: divide them by 1 - beta1 ** t and 1 - beta2 ** t",
        "",
        _adam_with(m_hat=lambda c, m, t: m * (1 - c["beta1"] ** t), v_hat=lambda c, v, t: v * (1 - c["beta2"] ** t)),
    ),
    (
        "adam_t_after",
        "t is increased after it is used: increase it first, so that the first step has t = 1",
        "",
        _adam_with(
            m_hat=lambda c, m, t: m / np.maximum(1 - c["beta1"] ** (t - 1), 1e-12),
            v_hat=lambda c, v, t: v / np.maximum(1 - c["beta2"] ** (t - 1), 1e-12),
        ),
    ),
    (
        "adam_t_not_raised",
        "the increased t is not stored: config['t'] counts the steps",
        "",
        _adam_with(keep=lambda m, v, t, m_hat, v_hat: {"m": m, "v": v}),
    ),
    (
        "adam_without_power",
        "m and v are divided by 1 - beta: raise beta to the power t, 1 - beta1 ** t and 1 - beta2 ** t",
        "",
        _adam_with(m_hat=lambda c, m, t: m / (1 - c["beta1"]), v_hat=lambda c, v, t: v / (1 - c["beta2"])),
    ),
    (
        "adam_m_corrected_kept",
        "the corrected m is stored: store m itself, without / (1 - beta1 ** t)",
        "the corrected m is stored",
        _adam_with(keep=lambda m, v, t, m_hat, v_hat: {"m": m_hat, "v": v, "t": t}),
    ),
    (
        "adam_t_never_raised",
        "t is never increased: config['t'] counts the steps, and the first one has t = 1",
        "",
        _adam_with(
            m_hat=lambda c, m, t: m / np.maximum(1 - c["beta1"] ** (t - 1), 1e-12),
            v_hat=lambda c, v, t: v / np.maximum(1 - c["beta2"] ** (t - 1), 1e-12),
            keep=lambda m, v, t, m_hat, v_hat: {"m": m, "v": v},
        ),
    ),
    (
        "adam_without_correction",
        "m and v are not corrected for their start at 0: divide them by 1 - beta1 ** t and 1 - beta2 ** t",
        "",
        _adam_with(m_hat=lambda c, m, t: m, v_hat=lambda c, v, t: v),
    ),
    (
        "adam_m_corrected_only",
        "v is not corrected for its start at 0: divide it by 1 - beta2 ** t",
        "",
        _adam_with(v_hat=lambda c, v, t: v),
    ),
    (
        "adam_v_corrected_only",
        "m is not corrected for its start at 0: divide it by 1 - beta1 ** t",
        "",
        _adam_with(m_hat=lambda c, m, t: m),
    ),
    (
        "adam_corrected_kept",
        "the corrected m and v are stored: use them in this step alone, and store the uncorrected ones",
        "",
        _adam_with(keep=lambda m, v, t, m_hat, v_hat: {"m": m_hat, "v": v_hat, "t": t}),
    ),
    (
        "adam_beta_times_t",
        "beta is multiplied by t in the correction: raise it to the power t, beta ** t",
        "",
        _adam_with(
            m_hat=lambda c, m, t: m / (1 - c["beta1"] * t + 1e-12), v_hat=lambda c, v, t: v / abs(1 - c["beta2"] * t)
        ),
    ),
    (
        "adam_betas_exchanged",
        "beta1 and beta2 are swapped: beta1 belongs to m, beta2 to v",
        "",
        _adam_with(
            m=lambda c, dw: c["beta2"] * c["m"] + (1 - c["beta2"]) * dw,
            v=lambda c, dw: c["beta1"] * c["v"] + (1 - c["beta1"]) * dw**2,
            m_hat=lambda c, m, t: m / (1 - c["beta2"] ** t),
            v_hat=lambda c, v, t: v / (1 - c["beta1"] ** t),
        ),
    ),
    (
        "adam_without_square",
        "v holds the absolute values of the gradients: it must hold their squares, dw ** 2",
        "",
        _adam_with(v=lambda c, dw: c["beta2"] * c["v"] + (1 - c["beta2"]) * np.abs(dw)),
    ),
    (
        "adam_square_of_m",
        "v is computed from m ** 2: use dw ** 2",
        "",
        _adam_with(
            v=lambda c, dw: c["beta2"] * c["v"] + (1 - c["beta2"]) * (c["beta1"] * c["m"] + (1 - c["beta1"]) * dw) ** 2
        ),
    ),
    (
        "adam_without_root",
        "the step is divided by v: divide by its square root",
        "",
        _adam_with(step=lambda c, dw, m, v: c["learning_rate"] * m / (v + c["epsilon"])),
    ),
    (
        "adam_epsilon_inside",
        "epsilon is under the root: add it to the root, sqrt(v_hat) + epsilon",
        "",
        _adam_with(step=lambda c, dw, m, v: c["learning_rate"] * m / np.sqrt(v + c["epsilon"])),
    ),
    (
        "adam_without_epsilon",
        "epsilon is missing: where all gradients have been 0, 0 / 0 is not a number",
        "",
        _adam_with(step=lambda c, dw, m, v: c["learning_rate"] * m / np.sqrt(v)),
    ),
    (
        "adam_epsilon_before_correction",
        "epsilon is added before v is corrected: add it to the root of the corrected v",
        "",
        _epsilon_before_correction,
    ),
    (
        "adam_step_of_gradient",
        "the step is computed from dw: use m_hat",
        "",
        _adam_with(step=lambda c, dw, m, v: c["learning_rate"] * dw / (np.sqrt(v) + c["epsilon"])),
    ),
    (
        "adam_uphill",
        "the step goes uphill: subtract it, w - learning_rate * ...",
        "",
        _adam_with(step=lambda c, dw, m, v: -c["learning_rate"] * m / (np.sqrt(v) + c["epsilon"])),
    ),
    (
        "adam_typed_in",
        "0.9 and 0.999 are hard-coded: use config['beta1'] and config['beta2']",
        "",
        lambda w, dw, c: _adam_step(w, dw, c | {"beta1": 0.9, "beta2": 0.999}),
    ),
    (
        "adam_full_gradient",
        "the factors 1 - beta1 and 1 - beta2 are missing",
        "",
        _adam_with(m=lambda c, dw: c["beta1"] * c["m"] + dw, v=lambda c, dw: c["beta2"] * c["v"] + dw**2),
    ),
    (
        "adam_state_not_kept",
        "m and v are not stored: config['m'] = m, config['v'] = v",
        "",
        _adam_with(keep=lambda m, v, t, m_hat, v_hat: {"t": t}),
    ),
    (
        "adam_root_before_correction",
        "the root is taken before v is corrected: divide v by 1 - beta2 ** t first, then take the root",
        "",
        _adam_with(
            step=lambda c, dw, m, v: (
                c["learning_rate"]
                * m
                / (np.sqrt(v * (1 - c["beta2"] ** (c["t"] + 1))) / (1 - c["beta2"] ** (c["t"] + 1)) + c["epsilon"])
            )
        ),
    ),
    (
        "adam_first_t_only",
        "t is 1 in every step: it must count the steps, t = config['t'] + 1",
        "",
        _adam_with(t=lambda c: 1),
    ),
)
_rules("adam", _adam_defaults, _WRONG_ADAM)


@right("adam")
def adam_in_new_dict(w, dw, config=None):
    config = dict(_adam_defaults(w, config))
    next_w, state = _adam_step(w, dw, config)
    return next_w, config | state


@right("adam", edge="w is modified in place")
def adam_in_place(w, dw, config=None):
    config = _adam_defaults(w, config)
    config["m"], config["v"] = config["m"].copy(), config["v"].copy()
    config["t"] += 1
    config["m"] += (1 - config["beta1"]) * (dw - config["m"])
    config["v"] *= config["beta2"]
    config["v"] += (1 - config["beta2"]) * np.square(dw)
    corrections = [1 - config[beta] ** config["t"] for beta in ("beta1", "beta2")]
    w -= (
        config["learning_rate"]
        * (config["m"] / corrections[0])
        / ((config["v"] / corrections[1]) ** 0.5 + config["epsilon"])
    )
    return w, config


@right("adam")
def adam_correction_in_the_rate(w, dw, config=None):
    config = _adam_defaults(w, config)
    t = config["t"] = config["t"] + 1
    m = config["m"] = config["beta1"] * config["m"] + (1 - config["beta1"]) * dw
    v = config["v"] = config["beta2"] * config["v"] + (1 - config["beta2"]) * dw * dw
    root = np.sqrt(1 - config["beta2"] ** t)
    rate = config["learning_rate"] * root / (1 - config["beta1"] ** t)
    return w - rate * m / (np.sqrt(v) + config["epsilon"] * root), config


def _adamw_defaults(w, config):
    config = _adam_defaults(w, config)
    config.setdefault("weight_decay", 1e-2)
    return config


def _decayed(share):
    """Adam's step, with share(w, c, next_w) subtracted."""

    def step(w, dw, c):
        next_w, state = _adam_step(w, dw, c)
        return next_w - share(w, c, next_w), state

    return step


_rules(
    "adamw",
    _adamw_defaults,
    (
        (
            "adamw_in_the_gradient",
            "the decay is added to the gradient, so Adam divides it as well: subtract it from w, outside Adam's step",
            "",
            lambda w, dw, c: _adam_step(w, dw + c["weight_decay"] * w, c),
        ),
        (
            "adamw_without_rate",
            "the decay is not multiplied by the learning rate",
            "",
            _decayed(lambda w, c, next_w: c["weight_decay"] * w),
        ),
        (
            "adamw_of_next_w",
            "the decay is computed from w after the step: use w from before it",
            "",
            _decayed(lambda w, c, next_w: c["learning_rate"] * c["weight_decay"] * next_w),
        ),
        (
            "adamw_grows",
            "the decay is added: subtract it, so that w shrinks, - learning_rate * weight_decay * w",
            "",
            _decayed(lambda w, c, next_w: -c["learning_rate"] * c["weight_decay"] * w),
        ),
        ("adamw_plain_adam", "the weight decay is missing", "", _adam_step),
        (
            "adamw_typed_in",
            "0.01 is hard-coded: use config['weight_decay']",
            "",
            _decayed(lambda w, c, next_w: c["learning_rate"] * 0.01 * w),
        ),
        (
            "adamw_without_w",
            "the decay is not multiplied by w: subtract a fraction of w, not a constant",
            "",
            _decayed(lambda w, c, next_w: c["learning_rate"] * c["weight_decay"]),
        ),
        (
            "adamw_of_signs",
            "the decay uses the sign of w: use w itself, so that large weights shrink by more",
            "",
            _decayed(lambda w, c, next_w: c["learning_rate"] * c["weight_decay"] * np.sign(w)),
        ),
        (
            "adamw_of_squares",
            "the decay uses w ** 2, as the penalty does: use w, as its gradient does",
            "",
            _decayed(lambda w, c, next_w: c["learning_rate"] * c["weight_decay"] * w**2),
        ),
        (
            "adamw_half",
            "the decay has an extra factor of 1/2: that belongs to a penalty in the loss, and there is none here",
            "",
            _decayed(lambda w, c, next_w: 0.5 * c["learning_rate"] * c["weight_decay"] * w),
        ),
        (
            "adamw_doubled",
            "the decay has an extra factor of 2: subtract learning_rate * weight_decay * w once",
            "",
            _decayed(lambda w, c, next_w: 2 * c["learning_rate"] * c["weight_decay"] * w),
        ),
        (
            "adamw_in_both",
            "the decay is applied both in the gradient and outside Adam's step: apply it only outside",
            "",
            lambda w, dw, c: _decayed(lambda w, c, next_w: c["learning_rate"] * c["weight_decay"] * w)(
                w, dw + c["weight_decay"] * w, c
            ),
        ),
        (
            "adamw_without_adam",
            "Adam's step is missing: w changes by the decay alone",
            "",
            lambda w, dw, c: (
                (1 - c["learning_rate"] * c["weight_decay"]) * w,
                _adam_step(w, dw, c)[1],
            ),
        ),
        (
            "adamw_with_sgd",
            "the step is that of plain gradient descent: it must be Adam's",
            "",
            lambda w, dw, c: (
                (1 - c["learning_rate"] * c["weight_decay"]) * w - c["learning_rate"] * dw,
                _adam_step(w, dw, c)[1],
            ),
        ),
    ),
)


@wrong("adamw", "adam is called twice, so its state advances by two steps: call it once and keep both results")
def adamw_two_calls(w, dw, config=None):
    from cs231n.optim import adam

    config = _adamw_defaults(w, config)
    next_w = adam(w, dw, config)[0] - config["learning_rate"] * config["weight_decay"] * w
    return next_w, adam(w, dw, config)[1]


@wrong("adamw", "adam gets a copy of config, so its state is lost: pass config itself")
def adamw_state_lost(w, dw, config=None):
    from cs231n.optim import adam

    config = _adamw_defaults(w, config)
    next_w, _ = adam(w, dw, dict(config))
    return next_w - config["learning_rate"] * config["weight_decay"] * w, config


@right("adamw")
def adamw_in_one_piece(w, dw, config=None):
    config = _adamw_defaults(w, config)
    step, state = _adam_step(np.zeros_like(w), dw, config)
    config.update(state)
    return w + step - config["learning_rate"] * config["weight_decay"] * w, config


@right("adamw")
def adamw_shrinks_first(w, dw, config=None):
    from cs231n.optim import adam

    config = _adamw_defaults(w, config)
    before = (1 - config["learning_rate"] * config["weight_decay"]) * w
    after, config = adam(before, dw, config)
    return after, config


# ---- slips


slips(
    "sgd_momentum",
    ("momentum multiplies w, too: next_w = w + v", "w + velocity", 'config["momentum"] * w + velocity'),
    (
        "the learning rate is missing from v, and multiplies v in the step: v = momentum * v - learning_rate * dw",
        'config["learning_rate"] * dw',
        "dw",
        "w + velocity",
        'w + config["learning_rate"] * velocity',
    ),
    (
        "the learning rate multiplies v in the step once more: it is already in v",
        "w + velocity",
        'w + config["learning_rate"] * velocity',
    ),
    (
        "w is multiplied by momentum in the place of the old velocity",
        'config["momentum"] * config["velocity"]',
        'config["momentum"] * w',
    ),
    (
        "momentum multiplies the gradient in the place of the old velocity",
        'config["momentum"] * config["velocity"] - config["learning_rate"] * dw',
        'config["velocity"] - config["momentum"] * config["learning_rate"] * dw',
    ),
    (
        "momentum multiplies the gradient as well: only the old velocity",
        '- config["learning_rate"] * dw',
        '- config["momentum"] * config["learning_rate"] * dw',
    ),
    (
        "momentum and learning_rate are swapped",
        'config["momentum"] * config["velocity"] - config["learning_rate"] * dw',
        'config["learning_rate"] * config["velocity"] - config["momentum"] * dw',
    ),
    (
        "the old velocity counts with 1 - momentum: it counts with momentum",
        'config["momentum"] * config["velocity"]',
        '(1 - config["momentum"]) * config["velocity"]',
    ),
    ("w is stored as the velocity: store v", 'config["velocity"] = velocity', 'config["velocity"] = next_w'),
    ("the gradient is stored as the velocity: store v", 'config["velocity"] = velocity', 'config["velocity"] = dw'),
    ("w moves by momentum * v: v already has its momentum", "w + velocity", 'w + config["momentum"] * velocity'),
    (
        "the old velocity is subtracted: v = momentum * v - learning_rate * dw",
        'config["momentum"] * config["velocity"] -',
        '-config["momentum"] * config["velocity"] -',
    ),
    ("w is missing: next_w = w + v", "w + velocity", "velocity"),
    (
        "the gradient is subtracted from w once more: w moves by v alone",
        "w + velocity",
        'w + velocity - config["learning_rate"] * dw',
    ),
    ("the gradient is squared in v", "* dw", "* dw**2"),
)

slips(
    "nesterov_momentum",
    (
        "the gradient counts twice in the step of w: momentum * v - learning_rate * dw",
        "* velocity - step",
        "* velocity - 2 * step",
    ),
    (
        "momentum multiplies w, too: next_w = w + momentum * v - learning_rate * dw",
        'w + config["momentum"] * velocity',
        'config["momentum"] * (w + velocity)',
    ),
    (
        "the learning rate is missing from v, and multiplies the whole step: v = momentum * v - learning_rate * dw",
        'step = config["learning_rate"] * dw',
        "step = dw",
        'w + config["momentum"] * velocity - step',
        'w + config["learning_rate"] * (config["momentum"] * velocity - step)',
    ),
    (
        "the gradient is added in the step of w: momentum * v - learning_rate * dw",
        "* velocity - step",
        "* velocity + step",
    ),
    (
        "v is subtracted in the step of w: momentum * v - learning_rate * dw",
        'w + config["momentum"] * velocity',
        'w - config["momentum"] * velocity',
    ),
    (
        "the gradient is added to v: v = momentum * v - learning_rate * dw",
        '* config["velocity"] - step',
        '* config["velocity"] + step',
    ),
    (
        "w is multiplied by momentum in the place of the old velocity",
        'config["momentum"] * config["velocity"]',
        'config["momentum"] * w',
    ),
    (
        "momentum is missing in v: v = momentum * v - learning_rate * dw",
        'config["momentum"] * config["velocity"]',
        'config["velocity"]',
    ),
    ("the step of w has momentum twice", 'w + config["momentum"] * velocity', 'w + config["momentum"] ** 2 * velocity'),
    (
        "momentum multiplies the gradient in the step of w as well",
        'w + config["momentum"] * velocity - step',
        'w + config["momentum"] * (velocity - step)',
    ),
    ("w is stored as the velocity: store v", 'config["velocity"] = velocity', 'config["velocity"] = next_w'),
    (
        "w is missing: next_w = w + momentum * v - learning_rate * dw",
        'w + config["momentum"] * velocity',
        'config["momentum"] * velocity',
    ),
)

slips(
    "adagrad",
    (
        "the learning rate is under the root: it multiplies the step",
        'config["learning_rate"] * dw / (np.sqrt(cache)',
        'dw / (np.sqrt(config["learning_rate"] * cache)',
    ),
    ("epsilon is missing", ' + config["epsilon"]', ""),
    (
        "the old squares count with 0.9, the new ones with 0.1, as in RMSProp: AdaGrad adds up all of them",
        'config["cache"] + dw**2',
        '0.9 * config["cache"] + 0.1 * dw**2',
    ),
    (
        "the old squares count with 0.9: AdaGrad adds up all of them in full",
        'config["cache"] + dw**2',
        '0.9 * config["cache"] + dw**2',
    ),
    (
        "the old squares count with 0.99: AdaGrad adds up all of them in full",
        'config["cache"] + dw**2',
        '0.99 * config["cache"] + dw**2',
    ),
    ("the gradients are added up, not their squares", 'config["cache"] + dw**2', 'config["cache"] + dw'),
    ("the squares are multiplied by the old cache: add them", 'config["cache"] + dw**2', 'config["cache"] * dw**2'),
    (
        "the learning rate multiplies the squares, too",
        'config["cache"] + dw**2',
        'config["cache"] + (config["learning_rate"] * dw) ** 2',
    ),
    (
        "the gradient is squared in the step: learning_rate * dw / (sqrt(cache) + epsilon)",
        '["learning_rate"] * dw /',
        '["learning_rate"] * dw**2 /',
    ),
    (
        "the cache is updated with the root of the squares",
        'config["cache"] + dw**2',
        'config["cache"] + np.sqrt(np.abs(dw))',
    ),
    (
        "the step has no gradient: learning_rate * dw / (sqrt(cache) + epsilon)",
        '["learning_rate"] * dw /',
        '["learning_rate"] * np.ones_like(dw) /',
    ),
    (
        "the squares are averaged over the weights: each weight has its own",
        'config["cache"] + dw**2',
        'config["cache"] + np.mean(dw**2)',
    ),
)

slips(
    "rmsprop",
    (
        "the root of decay_rate is used",
        'decay_rate = config["decay_rate"]',
        'decay_rate = np.sqrt(config["decay_rate"])',
    ),
    (
        "the root of the cache is stored: store the mean of the squares",
        'config["cache"] = cache',
        'config["cache"] = np.sqrt(cache)',
    ),
    (
        "the gradient is squared in the step: learning_rate * dw / (sqrt(cache) + epsilon)",
        '["learning_rate"] * dw /',
        '["learning_rate"] * dw**2 /',
    ),
    (
        "the square of this step's gradient alone is used: decay_rate * cache is missing",
        'decay_rate * config["cache"] + (1 - decay_rate) * dw**2',
        "(1 - decay_rate) * dw**2",
    ),
    ("decay_rate is missing in front of the old cache", 'decay_rate * config["cache"]', 'config["cache"]'),
    (
        "1 - decay_rate is squared with the gradient: (1 - decay_rate) * dw ** 2",
        "(1 - decay_rate) * dw**2",
        "((1 - decay_rate) * dw) ** 2",
    ),
    (
        "decay_rate multiplies the squares as well: they count with 1 - decay_rate",
        "(1 - decay_rate) * dw**2",
        "decay_rate * dw**2",
    ),
    ("the learning rate multiplies the squares, too", "dw**2", '(config["learning_rate"] * dw) ** 2'),
    ("the square is subtracted from the cache: add it", "+ (1 - decay_rate)", "- (1 - decay_rate)"),
)

slips(
    "adam",
    ("v is corrected with beta1: use 1 - beta2 ** t", "v / (1 - beta2**t)", "v / (1 - beta1**t)"),
    ("m is corrected with beta2: use 1 - beta1 ** t", "m / (1 - beta1**t)", "m / (1 - beta2**t)"),
    ("beta1 is multiplied by t: raise it to the power t, 1 - beta1 ** t", "1 - beta1**t", "1 - beta1 * t"),
    ("beta2 is multiplied by t: raise it to the power t, 1 - beta2 ** t", "1 - beta2**t", "1 - beta2 * t"),
    ("m is multiplied by its correction: divide by it", "m / (1 - beta1**t)", "m * (1 - beta1**t)"),
    ("v is multiplied by its correction: divide by it", "v / (1 - beta2**t)", "v * (1 - beta2**t)"),
    (
        "m is computed with the square of the gradient: use dw",
        '* config["m"] + (1 - beta1) * dw',
        '* config["m"] + (1 - beta1) * dw**2',
    ),
    (
        "the step is multiplied by the root of v: divide by it",
        '* m_hat / (np.sqrt(v_hat) + config["epsilon"])',
        '* m_hat * (np.sqrt(v_hat) + config["epsilon"])',
    ),
    ("the root of v is stored: store v", "v=v", "v=np.sqrt(v)"),
    ("1 - beta1 is missing in m", "(1 - beta1) * dw", "dw"),
    ("1 - beta2 is missing in v", "(1 - beta2) * dw**2", "dw**2"),
    ("beta1 is missing in front of the old m", 'beta1 * config["m"]', 'config["m"]'),
    ("beta2 is missing in front of the old v", 'beta2 * config["v"]', 'config["v"]'),
    ("the old m is used in the step: use the new one", "m_hat = m /", 'm_hat = config["m"] /'),
    ("the old v is used in the step: use the new one", "v_hat = v /", 'v_hat = config["v"] /'),
    (
        "m starts at the gradient: m = beta1 * m + (1 - beta1) * dw",
        'm = beta1 * config["m"] + (1 - beta1) * dw',
        "m = dw",
    ),
    ("epsilon is missing", ' + config["epsilon"]', ""),
    ("t rises by 2 in each step: add 1", '["t"] + 1', '["t"] + 2'),
    (
        "m_hat and v_hat are swapped: m_hat / (sqrt(v_hat) + epsilon)",
        '* m_hat / (np.sqrt(v_hat) + config["epsilon"])',
        '* v_hat / (np.sqrt(np.abs(m_hat)) + config["epsilon"])',
    ),
    (
        "the gradient is multiplied by beta1, and the old m by 1 - beta1: it is the other way round",
        'beta1 * config["m"] + (1 - beta1) * dw',
        '(1 - beta1) * config["m"] + beta1 * dw',
    ),
    (
        "the square is multiplied by beta2, and the old v by 1 - beta2: it is the other way round",
        'beta2 * config["v"] + (1 - beta2) * dw**2',
        '(1 - beta2) * config["v"] + beta2 * dw**2',
    ),
)

slips(
    "adamw",
    ("the weight decay is squared", 'config["weight_decay"] * w', 'config["weight_decay"] ** 2 * w'),
    ("the decay is learning_rate * w: weight_decay is missing", 'config["weight_decay"] * w', "w"),
    (
        "the decay is taken of the gradient: learning_rate * weight_decay * w",
        'config["weight_decay"] * w',
        'config["weight_decay"] * dw',
    ),
    (
        "w is multiplied by the decay: subtract learning_rate * weight_decay * w from the moved weights",
        "moved - decay",
        'moved * config["learning_rate"] * config["weight_decay"]',
    ),
)
