"""What the package does with arguments that do not fit: a table for each kind; each row says why it is there."""

import re

import numpy as np
import pytest
from layer_check import torch

from cs231n import fast_layers, layer_utils, layers, optim
from cs231n._errors import require_settings
from cs231n.augmentation import random_shift
from cs231n.classifiers import KNearestNeighbor, LinearSVM, Softmax
from cs231n.classifiers.cnn import DeepConvNet, ThreeLayerConvNet
from cs231n.classifiers.fc_net import FullyConnectedNet, TwoLayerNet
from cs231n.classifiers.linear_svm import svm_loss_naive, svm_loss_vectorized
from cs231n.classifiers.neural_net import TwoLayerNet as OldTwoLayerNet
from cs231n.classifiers.softmax import softmax_loss_naive, softmax_loss_vectorized
from cs231n.gradient_check import eval_numerical_gradient_array, eval_numerical_gradient_blobs, grad_check_sparse
from cs231n.im2col import im2col_indices
from cs231n.optim import cosine_decay, step_decay, warm_up_cosine
from cs231n.solver import Solver
from cs231n.vis_utils import visualize_grid

CONV, POOL = {"stride": 1, "pad": 1}, {"pool_height": 2, "pool_width": 2, "stride": 2}


def randn(*shape):
    return np.random.randn(*shape)


def rows(dtype=np.float64):
    return randn(4, 6).astype(dtype)


def maps(dtype=np.float64):
    return randn(4, 6, 4, 2).astype(dtype)


def ones(dtype=np.float64):
    return np.ones(6, dtype), np.zeros(6, dtype)


def filters(dtype=np.float64):
    return randn(3, 6, 3, 3).astype(dtype), np.zeros(3, dtype)


def train_mode():
    return {"mode": "train"}


DROPOUT = {"mode": "train", "p": 0.5}
LAYERS = {  # name: the forward pass as a function of the dtype, and the backward pass
    "affine": (lambda t: layers.affine_forward(rows(t), randn(6, 5).astype(t), np.zeros(5, t)), layers.affine_backward),
    "relu": (lambda t: layers.relu_forward(rows(t)), layers.relu_backward),
    "batchnorm": (lambda t: layers.batchnorm_forward(rows(t), *ones(t), train_mode()), layers.batchnorm_backward),
    "batchnorm_alt": (
        lambda t: layers.batchnorm_forward(rows(t), *ones(t), train_mode()),
        layers.batchnorm_backward_alt,
    ),
    "layernorm": (lambda t: layers.layernorm_forward(rows(t), *ones(t), {}), layers.layernorm_backward),
    "dropout": (lambda t: layers.dropout_forward(rows(t), DROPOUT), layers.dropout_backward),
    "dropout in test mode": (
        lambda t: layers.dropout_forward(rows(t), DROPOUT | {"mode": "test"}),
        layers.dropout_backward,
    ),
    "spatial_batchnorm": (
        lambda t: layers.spatial_batchnorm_forward(maps(t), *ones(t), train_mode()),
        layers.spatial_batchnorm_backward,
    ),
    "spatial_groupnorm": (
        lambda t: layers.spatial_groupnorm_forward(maps(t), *ones(t), 3, {}),
        layers.spatial_groupnorm_backward,
    ),
    "affine_relu": (
        lambda t: layer_utils.affine_relu_forward(rows(t), randn(6, 5).astype(t), np.zeros(5, t)),
        layer_utils.affine_relu_backward,
    ),
    "affine_bn_relu": (
        lambda t: layer_utils.affine_bn_relu_forward(rows(t), np.eye(6, dtype=t), ones(t)[1], *ones(t), train_mode()),
        layer_utils.affine_bn_relu_backward,
    ),
    "affine_ln_relu": (
        lambda t: layer_utils.affine_ln_relu_forward(rows(t), np.eye(6, dtype=t), ones(t)[1], *ones(t), {}),
        layer_utils.affine_ln_relu_backward,
    ),
    "hidden with dropout": (
        lambda t: layer_utils.hidden_forward(rows(t), np.eye(6, dtype=t), ones(t)[1], dropout_param=DROPOUT),
        layer_utils.hidden_backward,
    ),
    "conv_relu": (
        lambda t: layer_utils.conv_relu_forward(maps(t), *filters(t), CONV),
        layer_utils.conv_relu_backward,
    ),
    "conv_bn_relu": (
        lambda t: layer_utils.conv_bn_relu_forward(
            maps(t), *filters(t), *(gain[:3] for gain in ones(t)), CONV, train_mode()
        ),
        layer_utils.conv_bn_relu_backward,
    ),
    "conv_relu_fast": (
        lambda t: fast_layers.conv_relu_forward_fast(maps(t), *filters(t), CONV),
        fast_layers.conv_relu_backward_fast,
    ),
    "conv_relu_pool_fast": (
        lambda t: fast_layers.conv_relu_pool_forward_fast(maps(t), *filters(t), CONV, POOL),
        fast_layers.conv_relu_pool_backward_fast,
    ),
    "conv_relu_pool": (
        lambda t: layer_utils.conv_relu_pool_forward(maps(t), *filters(t), CONV, POOL),
        layer_utils.conv_relu_pool_backward,
    ),
    "conv_transpose_fast": (
        lambda t: fast_layers.conv_transpose_forward_fast(maps(t), filters(t)[0].swapaxes(0, 1), filters(t)[1], CONV),
        fast_layers.conv_transpose_backward_fast,
    ),
    "relu_fast": (lambda t: fast_layers.relu_forward_fast(maps(t)), fast_layers.relu_backward_fast),
    "batchnorm_relu_fast": (
        lambda t: fast_layers.batchnorm_relu_forward_fast(maps(t), *ones(t), train_mode()),
        fast_layers.batchnorm_relu_backward_fast,
    ),
    **{
        name: (lambda t, forward=forward: forward(maps(t), *filters(t), CONV), backward)
        for name, forward, backward in (
            ("conv_naive", layers.conv_forward_naive, layers.conv_backward_naive),
            ("conv_fast", fast_layers.conv_forward_fast, fast_layers.conv_backward_fast),
            ("conv_im2col", fast_layers.conv_forward_im2col, fast_layers.conv_backward_im2col),
        )
    },
    **{
        name: (lambda t, forward=forward: forward(maps(t), POOL), backward)
        for name, forward, backward in (
            ("max_pool_naive", layers.max_pool_forward_naive, layers.max_pool_backward_naive),
            ("max_pool_fast", fast_layers.max_pool_forward_fast, fast_layers.max_pool_backward_fast),
            ("max_pool_im2col", fast_layers.max_pool_forward_im2col, fast_layers.max_pool_backward_im2col),
            ("max_pool_reshape", fast_layers.max_pool_forward_reshape, fast_layers.max_pool_backward_reshape),
        )
    },
}


def test_the_table_has_every_layer():
    """All backward passes of the package, so that a new one cannot be forgotten."""
    defined = {
        value
        for module in (layers, layer_utils, fast_layers)
        for name, value in vars(module).items()
        if "_backward" in name and not name.startswith("_")
    }
    assert defined == {backward for _, backward in LAYERS.values()}


# ---- gradients of another shape


@pytest.mark.parametrize(
    "change",
    [
        lambda dout: dout[:1],  # one row for all: broadcast
        lambda dout: dout[:, :1],  # one column for all: broadcast
        lambda dout: dout[0],  # an axis less: broadcast
        lambda dout: dout[np.newaxis],  # an axis more: broadcast
        lambda dout: dout[:2],  # another batch
        lambda dout: np.concatenate([dout, dout]),
        lambda dout: dout.swapaxes(-1, -2).copy(),  # as many entries, but in another place
        lambda dout: np.float64(1.0),
    ],
)
@pytest.mark.parametrize("name", LAYERS)
def test_a_gradient_of_another_shape_is_refused(name, change):
    forward, backward = LAYERS[name]
    out, cache = forward(np.float64)
    dout = randn(*out.shape)
    backward(dout, cache)
    with pytest.raises(ValueError, match=re.escape(f"dout has shape {change(dout).shape}, expected {out.shape}")):
        backward(change(dout), cache)


def test_a_cache_of_the_learners_own_kind_is_left_alone():
    """Layers that learners write choose what they cache; the shape is remembered where the cache is a tuple."""
    from cs231n._cache import remember, require_remembered

    for cache in ({"x": 1}, [1, 2], None, np.ones(3)):
        assert remember(cache, "layer", np.ones(2)) is cache
        require_remembered(np.ones(5), cache, "layer")
    assert remember((1, 2), "layer", np.ones(2)) == (1, 2)


@pytest.mark.parametrize(
    "call, message",
    [
        (
            lambda: layers.affine_forward(rows(), randn(6, 5), np.zeros((5, 1))),
            "b has shape (5, 1), expected (5,)",  # broadcast where N = M
        ),
        (lambda: layers.affine_forward(rows(), randn(6, 5), np.zeros(1)), "b has shape (1,), expected (5,)"),
        (lambda: layers.affine_forward(rows(), randn(6, 5, 1), np.zeros(5)), "w has shape (6, 5, 1)"),
        (lambda: layers.softmax_loss(randn(2, 3, 4), np.zeros(2, int)), "x has shape (2, 3, 4), expected (N, C)"),
        (
            lambda: eval_numerical_gradient_array(lambda x: 2 * x, np.ones(4), np.ones((4, 1))),
            "df has shape (4, 1), expected (4,)",
        ),
        (lambda: eval_numerical_gradient_array(lambda x: 2 * x, np.ones(4), 1.0), "df has shape (), expected (4,)"),
        (
            lambda: eval_numerical_gradient_blobs(
                lambda a, b: setattr(b, "vals", 2 * a.vals), [Blob(np.ones(4))], Blob(np.ones(4), np.ones((1, 4)))
            ),
            "df has shape (1, 4)",
        ),
        (
            lambda: grad_check_sparse(lambda x: x.sum(), np.ones((2, 3)), np.ones((3, 2))),
            "analytic_grad has shape (3, 2), expected (2, 3)",
        ),
        *(
            (lambda rule=rule: rule(np.ones((3, 2)), np.ones(2)), "dw has shape (2,), expected (3, 2)")
            for rule in (optim.sgd, optim.sgd_momentum, optim.adam, optim.adamw)
        ),
        (
            lambda: optim.in_blocks(optim.sgd, np.ones((3, 2)), np.ones((2, 3)), {}),
            "dw has shape (2, 3)",  # as many entries
        ),
    ],
)
def test_other_shapes_are_refused(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


class Blob:
    """What the numeric gradient of blobs takes."""

    def __init__(self, vals, diffs=None):
        self.vals, self.diffs = vals, diffs


# ---- settings that nobody reads

SETTINGS = [  # call, the key, the nearest known one
    (lambda s: optim.adam(np.ones(2), np.ones(2), s), {"lr": 0.1}, "learning_rate"),
    (lambda s: optim.adam(np.ones(2), np.ones(2), s), {"beta_1": 0.1}, "beta1"),
    (lambda s: optim.adam(np.ones(2), np.ones(2), s), {"weight_decay": 0.1}, ""),  # this is adamw's
    (lambda s: optim.adamw(np.ones(2), np.ones(2), s), {"weight_decy": 0.1}, "weight_decay"),
    (lambda s: optim.rmsprop(np.ones(2), np.ones(2), s), {"decay": 0.9}, "decay_rate"),
    (lambda s: optim.sgd_momentum(np.ones(2), np.ones(2), s), {"mu": 0.9}, "momentum"),
    (lambda s: optim.sgd_momentum(np.ones(2), np.ones(2), s), {"velocty": np.ones(2)}, "velocity"),  # state
    (lambda s: optim.sgd(np.ones(2), np.ones(2), s), {"momentum": 0.9}, ""),  # this is sgd_momentum's
    (lambda s: layers.batchnorm_forward(rows(), *ones(), train_mode() | s), {"epsilon": 1.0}, "eps"),
    (lambda s: layers.batchnorm_forward(rows(), *ones(), train_mode() | s), {"runing_mean": ones()[0]}, "running_mean"),
    (lambda s: layers.spatial_batchnorm_forward(maps(), *ones(), train_mode() | s), {"momentun": 0.5}, "momentum"),
    (lambda s: fast_layers.batchnorm_relu_forward_fast(maps(), *ones(), train_mode() | s), {"Eps": 1.0}, "eps"),
    (lambda s: layers.layernorm_forward(rows(), *ones(), s), {"epsilon": 1.0}, "eps"),
    (lambda s: layers.layernorm_forward(rows(), *ones(), s), {"momentum": 0.5}, ""),
    (lambda s: layers.spatial_groupnorm_forward(maps(), *ones(), 3, s), {"epsilon": 1.0}, "eps"),
    (lambda s: layers.dropout_forward(rows(), DROPOUT | s), {"sead": 1}, "seed"),
    (lambda s: layers.conv_forward_naive(maps(), *filters(), CONV | s), {"dilation": 2}, ""),
    (lambda s: layers.conv_forward_naive(maps(), *filters(), CONV | s), {"padding": 1}, "pad"),
    (lambda s: fast_layers.conv_forward_fast(maps(), *filters(), CONV | s), {"strides": 2}, "stride"),
    (lambda s: fast_layers.conv_forward_im2col(maps(), *filters(), CONV | s), {"groups": 2}, ""),
    (lambda s: layers.max_pool_forward_naive(maps(), POOL | s), {"pad": 1}, ""),
    (lambda s: fast_layers.max_pool_forward_fast(maps(), POOL | s), {"pool_hight": 1}, "pool_height"),
]


@pytest.mark.parametrize("call, setting, near", SETTINGS)
def test_a_setting_that_nobody_reads_is_named(call, setting, near):
    [key] = setting
    hint = f' (do you mean "{near}"?)' if near else ""
    with pytest.raises(ValueError, match=re.escape(f'no setting "{key}"{hint}')):
        call(setting)


def test_what_the_courses_notebooks_pass_is_accepted():
    layers.layernorm_forward(rows(), *ones(), {"mode": "train"})  # one dict for either normalisation
    layers.spatial_groupnorm_forward(maps(), *ones(), 3, {"mode": "test"})
    for rule in (optim.sgd, optim.sgd_momentum, optim.rmsprop, optim.adam, optim.adagrad, optim.adamw):
        config = {}
        for _ in range(3):  # with the state of the steps before
            _, config = rule(np.ones(2), np.ones(2), config)


def test_state_of_a_rule_or_layer_of_ones_own_passes():
    """Learners may keep more in the dict than the rules here do, and one rule may build on another."""

    @optim.update_rule(state=["m"], learning_rate=1.0)
    def rule(w, dw, config):
        config["power"] = config.get("power", 1.0) / 2
        return w - config["learning_rate"] * dw, config

    _, config = rule(np.ones(2), np.ones(2), {})
    _, config = rule(np.ones(2), np.ones(2), config)
    assert config["power"] == 0.25
    _, config = optim.adam(np.ones(2), np.ones(2), {})
    optim.adam(np.ones(2), np.ones(2), config | {"weight_decay": 0.1})
    require_settings({"mode": "train", "sample_mean": np.ones(3)}, layers.BATCHNORM_SETTINGS, "bn_param")


def data(num_train=20, num_val=10):
    return {
        "X_train": randn(num_train, 4),
        "y_train": np.random.randint(3, size=num_train),
        "X_val": randn(num_val, 4),
        "y_val": np.random.randint(3, size=num_val),
    }


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: Solver(TwoLayerNet(4, 3, 3), data(), num_epoch=3), '"num_epoch" (do you mean "num_epochs"?)'),
        (
            lambda: Solver(TwoLayerNet(4, 3, 3), data(), optim_config={"learing_rate": 1}),
            'optim_config has no setting "learing_rate" (do you mean "learning_rate"?)',
        ),
        (lambda: Solver(TwoLayerNet(4, 3, 3), data(), optim_config={"beta1": 1}), 'no setting "beta1"'),  # adam's
        (lambda: FullyConnectedNet([5], normalization="batch norm"), "None, 'batchnorm' or 'layernorm'"),
        (
            lambda: layer_utils.hidden_forward(rows(), np.eye(6), np.zeros(6), *ones(), "bn", {}),
            "normalization is 'bn'; it must be None, 'batchnorm' or 'layernorm'",
        ),
    ],
)
def test_an_option_that_does_not_exist_is_named(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


# ---- whole numbers that are floats


@pytest.mark.parametrize(
    "call, name",
    [
        (lambda: layers.spatial_groupnorm_forward(maps(), *ones(), 6 / 2, {}), "G is 3.0"),
        (lambda: layers.spatial_groupnorm_forward(maps(), *ones(), 0, {}), "G is 0"),
        (lambda: layers.conv_forward_naive(maps(), *filters(), {"stride": 1.0, "pad": 1}), "stride is 1.0"),
        (lambda: layers.max_pool_forward_naive(maps(), POOL | {"pool_height": 4 / 2}), "height is 2.0"),
        (lambda: im2col_indices(maps(), 3, 3, padding=2 / 2), "pad is 1.0"),
        (lambda: FullyConnectedNet([100, 100 / 2]), "hidden_dims[1] is 50.0"),
        (lambda: FullyConnectedNet([5], input_dim=3072.0), "input_dim is 3072.0"),
        (lambda: FullyConnectedNet([5], num_classes=np.float64(10)), "num_classes is"),
        (lambda: TwoLayerNet(hidden_dim=1e2), "hidden_dim is 100.0"),
        (lambda: OldTwoLayerNet(4, 1e2, 3), "hidden_size is 100.0"),
        (lambda: ThreeLayerConvNet(num_filters=64 / 2), "num_filters is 32.0"),
        (lambda: ThreeLayerConvNet(filter_size=3.0), "filter_size is 3.0"),
        (lambda: ThreeLayerConvNet(hidden_dim=1e2), "hidden_dim is 100.0"),
        (lambda: ThreeLayerConvNet(input_dim=(3, 32 / 2, 16)), "input_dim[1] is 16.0"),
        (lambda: DeepConvNet(stages=[(4,), (8 / 2,)]), "stages[1][0] is 4.0"),
        (lambda: Solver(TwoLayerNet(4, 3, 3), data(), batch_size=20 / 2), "batch_size is 10.0"),
        (lambda: Solver(TwoLayerNet(4, 3, 3), data(), num_epochs=1e1), "num_epochs is 10.0"),
        (lambda: Solver(TwoLayerNet(4, 3, 3), data(), num_train_samples=1e3), "num_train_samples is 1000.0"),
        (lambda: Softmax().train(randn(6, 2), np.arange(6) % 3, num_iters=1e2), "num_iters is 100.0"),
        (lambda: LinearSVM().train(randn(6, 2), np.arange(6) % 3, batch_size=6 / 2), "batch_size is 3.0"),
        (lambda: trained().predict(randn(2, 3), k=10 / 2), "k is 5.0"),
        (lambda: visualize_grid(randn(2, 3, 3, 1), padding=1.0), "padding is 1.0"),
        (lambda: random_shift(maps(), most=8 / 2), "most is 4.0"),
        (lambda: grad_check_sparse(lambda x: x.sum(), np.ones(3), np.ones(3), num_checks=1e1), "num_checks is 10.0"),
    ],
)
def test_a_whole_number_that_is_a_float_is_refused(call, name):
    with pytest.raises(ValueError, match=rf"{re.escape(name)}.*expected an integer of at least"):
        call()


def test_numpys_integers_are_whole_numbers():
    FullyConnectedNet(np.array([5, 4]), input_dim=np.prod((3, 2)), num_classes=np.int64(3)).loss(randn(2, 6))


# ---- empty things


def nets():
    return {
        "two layers": (TwoLayerNet(6, 5, 3), randn(0, 6)),
        "two layers, images": (TwoLayerNet(6, 5, 3), randn(0, 3, 2, 1)),
        "the older one": (OldTwoLayerNet(6, 5, 3), randn(0, 6)),
        "fully connected": (FullyConnectedNet([5, 4], 6, 3), randn(0, 6)),
        "batchnorm": (FullyConnectedNet([5, 4], 6, 3, normalization="batchnorm"), randn(0, 6)),
        "layernorm and dropout": (FullyConnectedNet([5], 6, 3, 0.5, normalization="layernorm"), randn(0, 6)),
        "three layers": (ThreeLayerConvNet((3, 8, 8), 2, 3, 4, 3), randn(0, 3, 8, 8)),
        "deep": (DeepConvNet([(4,), (8,)], (3, 8, 8), 3), randn(0, 3, 8, 8)),
    }


@pytest.mark.parametrize("name", nets())
def test_scores_of_no_inputs_have_no_rows_but_their_loss_is_refused(name):
    net, X = nets()[name]
    assert net.loss(X).shape == (0, 3)
    before = [dict(bn_param) for bn_param in getattr(net, "bn_params", [])]
    with pytest.raises(ValueError, match=r"has shape \(0, .*: without any inputs, there is no mean"):
        net.loss(X, np.zeros(0, int))
    for old, bn_param in zip(before, getattr(net, "bn_params", []), strict=True):
        assert old.keys() == bn_param.keys()  # no running statistics of nothing


@pytest.mark.parametrize(
    "name", sorted(set(LAYERS) - {"batchnorm", "batchnorm_alt", "max_pool_im2col", "max_pool_reshape"})
)
def test_layers_of_no_inputs(name, monkeypatch):
    """Forward and backward give arrays without rows, and gradients of parameters that are 0."""
    monkeypatch.setattr("test_arguments.rows", lambda t: np.zeros((0, 6), t))
    monkeypatch.setattr("test_arguments.maps", lambda t: np.zeros((0, 6, 4, 2), t))
    forward, backward = LAYERS[name]
    if "bn" in name or "batchnorm" in name:
        with pytest.raises(ValueError, match="no mean of the batch"):
            forward(np.float64)
        return
    out, cache = forward(np.float64)
    grads = backward(out, cache)
    first, *others = [grad for grad in (grads if isinstance(grads, tuple) else (grads,)) if grad is not None]
    assert len(out) == len(first) == 0 and not any(grad.any() for grad in others)


def batchnorm_of_nothing(bn_param):
    layers.batchnorm_forward(np.zeros((0, 3)), np.ones(3), np.zeros(3), bn_param)


def test_batch_normalisation_of_no_inputs_changes_nothing():
    bn_param = {"mode": "train", "running_mean": np.ones(3), "running_var": np.ones(3)}
    with pytest.raises(ValueError, match="without any inputs"):
        batchnorm_of_nothing(bn_param)
    assert bn_param["running_mean"].tolist() == [1, 1, 1] == bn_param["running_var"].tolist()
    batchnorm_of_nothing(bn_param | {"mode": "test"})


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: Solver(TwoLayerNet(4, 3, 3), data(num_val=0)), "X_val has shape (0, 4)"),
        (lambda: Solver(TwoLayerNet(4, 3, 3), data(num_train=0)), "X_train has shape (0, 4)"),
        (
            lambda: Solver(TwoLayerNet(4, 3, 3), data()).check_accuracy(randn(0, 4), np.zeros(0, int)),
            "there is no accuracy",
        ),
        (lambda: Solver(TwoLayerNet(4, 3, 3), data(), print_every=0), "print_every is 0"),
        (lambda: Solver(TwoLayerNet(4, 3, 3), data(), batch_size=0), "batch_size is 0"),
        (lambda: Softmax().train(randn(0, 4), np.zeros(0, int)), "X has shape (0, 4)"),
        (lambda: OldTwoLayerNet(4, 3, 3).train(*data().values(), batch_size=0), "batch_size is 0"),
        (lambda: OldTwoLayerNet(4, 3, 3).train(*data(num_val=0).values()), "X_val has shape (0, 4)"),
        (lambda: layers.softmax_loss(randn(0, 3), np.zeros(0, int)), "no mean loss"),
        (lambda: layers.svm_loss(randn(0, 3), np.zeros(0, int)), "no mean loss"),
        *(
            (lambda loss=loss: loss(randn(4, 3), randn(0, 4), np.zeros(0, int), 0.1), "no mean loss")
            for loss in (svm_loss_naive, svm_loss_vectorized, softmax_loss_naive, softmax_loss_vectorized)
        ),
        (lambda: step_decay(1.0, 3, every=0), "every is 0"),
        (lambda: cosine_decay(1.0, 3, num_epochs=0), "num_epochs is 0"),
        (lambda: warm_up_cosine(1.0, 3, num_epochs=5, warm_up=5), "warm_up is 5"),
    ],
)
def test_what_has_no_meaning_for_nothing_is_refused(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


# ---- float16, and scores that are integers


@pytest.mark.parametrize("name", LAYERS)
def test_float16_is_computed_in_float32(name):
    """The same as in float32, rounded; with values as large as 600, whose squares float16 cannot hold."""
    forward, backward = LAYERS[name]
    results = []
    for dtype in (np.float16, np.float32):
        np.random.seed(0)
        large = 1 if "affine" in name or "conv" in name else 100
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("test_arguments.randn", lambda *s, scale=large: (scale * np.random.randn(*s)).astype("f2"))
            out, cache = forward(dtype)
        grads = backward(np.ones(out.shape, dtype), cache)
        results.append([out, *(grads if isinstance(grads, tuple) else (grads,))])
    for half, single in zip(*results, strict=True):
        if single is not None:
            assert half.dtype == np.float16
            np.testing.assert_allclose(half, single, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("layer", [layers.affine_backward, layers.layernorm_backward, layers.conv_backward_naive])
def test_sums_over_a_large_batch_of_float16(layer):
    """Counting in float16 ends at 2,048."""
    if layer is layers.affine_backward:
        _, cache = layers.affine_forward(np.ones((5000, 1), "f2"), np.ones((1, 1), "f2"), np.ones(1, "f2"))
        grads = layer(np.ones((5000, 1), "f2"), cache)
    elif layer is layers.layernorm_backward:
        _, cache = layers.layernorm_forward(np.ones((5000, 2), "f2"), np.ones(2, "f2"), np.ones(2, "f2"), {})
        grads = layer(np.ones((5000, 2), "f2"), cache)
    else:
        x, w, b = np.ones((50, 1, 10, 10), "f2"), np.ones((1, 1, 1, 1), "f2"), np.ones(1, "f2")
        grads = layer(np.ones((50, 1, 10, 10), "f2"), (x, w, b, {"stride": 1, "pad": 0}))
    assert np.all(grads[-1] == 5000)


@pytest.mark.parametrize("rule", [optim.sgd, optim.sgd_momentum, optim.adagrad, optim.rmsprop, optim.adam, optim.adamw])
@pytest.mark.parametrize("in_place", [False, True])
def test_update_rules_in_float16(rule, in_place):
    """Gradients that are 0, tiny or huge: an epsilon of 1e-8 and squares of these are 0 or infinite in float16."""
    w, exact = np.ones(4, np.float16), np.ones(4, np.float32)
    config, exact_config = {"in_place": in_place}, {}
    for _ in range(3):
        dw = np.array([0.0, 1e-4, 1.0, 1e3], np.float16)
        before, (w, config) = w, rule(w, dw, config)
        exact, exact_config = rule(exact, dw.astype(np.float32), exact_config)
        assert w.dtype == np.float16 and (w is before) == in_place
    np.testing.assert_allclose(w, exact, rtol=3e-3)
    for name, value in exact_config.items():
        np.testing.assert_allclose(config[name], value, rtol=3e-3)


LINEAR = [svm_loss_naive, svm_loss_vectorized, softmax_loss_naive, softmax_loss_vectorized]


@pytest.mark.parametrize("loss", LINEAR)
@pytest.mark.parametrize("scale", [1e-4, 300.0])  # squares of weights: 0 and infinite in float16
def test_regularisation_in_float16(loss, scale):
    W, X, y = (scale * randn(6, 3)).astype("f2"), randn(8, 6).astype("f2"), np.arange(8) % 3
    value, dW = loss(W, X, y, 0.5)
    expected, expected_dW = loss(W.astype("f4"), X.astype("f4"), y, 0.5)
    assert dW.dtype == np.float16
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    np.testing.assert_allclose(dW, expected_dW, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("loss", [layers.svm_loss, layers.softmax_loss])
@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.int8, np.float16, np.float32, bool])
def test_losses_of_scores_of_any_type(loss, dtype):
    x, y = np.array([[1, 0, 9], [0, 1, 0], [120, 20, 10]]).astype(dtype), np.array([0, 1, 2])
    value, dx = loss(x, y)
    expected, expected_dx = loss(x.astype(np.float64), y)
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    np.testing.assert_allclose(dx, expected_dx, rtol=1e-3, atol=1e-6)
    assert dx.dtype == (dtype if np.dtype(dtype).kind == "f" else np.float64)


def test_svm_loss_of_a_large_batch_in_float16():
    x, y = np.full((3000, 3), 100.0, np.float16), np.zeros(3000, int)
    x[:, 1] += 60.0
    np.testing.assert_allclose(layers.svm_loss(x, y)[0], 62.0)


@pytest.mark.parametrize("loss", LINEAR)
def test_linear_losses_of_integer_weights(loss):
    W, X, y = np.arange(6).reshape(2, 3), np.array([[1, 2], [3, 0]], np.uint8), np.array([0, 2])
    value, dW = loss(W, X, y, 0.5)
    expected, expected_dW = loss(W.astype(float), X.astype(float), y, 0.5)
    np.testing.assert_allclose(value, expected)
    np.testing.assert_allclose(dW, expected_dW)


@pytest.mark.parametrize("dtype", [np.float16, int, np.uint8, complex, bool])
@pytest.mark.parametrize("net", [ThreeLayerConvNet, DeepConvNet, lambda dtype: FullyConnectedNet([5], dtype=dtype)])
def test_networks_have_parameters_of_float32_or_float64(net, dtype):
    with pytest.raises(ValueError, match=r"expected np.float32 or np.float64"):
        net(dtype=dtype)


# ---- nan and infinity

NAN_WINDOWS = [  # 2 x 2 windows in reading order
    [np.nan, 1.0, 2.0, 3.0],
    [1.0, np.nan, 2.0, 3.0],
    [9.0, 1.0, 2.0, np.nan],
    [1.0, np.nan, 5.0, np.nan],
    [np.nan, np.nan, np.nan, np.nan],
    [-np.inf, -np.inf, -np.inf, -np.inf],
    [np.inf, np.nan, np.inf, 1.0],
]


@pytest.mark.parametrize("name", ["max_pool_fast", "max_pool_im2col", "max_pool_reshape"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("window", NAN_WINDOWS)
def test_nan_wins_a_pool(name, dtype, window):
    """As in the naive layer: the gradient goes to the first nan."""
    x = randn(2, 3, 4, 6).astype(dtype)
    x[1, 2, 2:, 2:4] = np.reshape(window, (2, 2))
    forwards = {
        "max_pool_naive": layers.max_pool_forward_naive,
        "max_pool_fast": fast_layers.max_pool_forward_fast,
        "max_pool_im2col": fast_layers.max_pool_forward_im2col,
        "max_pool_reshape": fast_layers.max_pool_forward_reshape,
    }
    results = []
    dout = randn(2, 3, 2, 3).astype(dtype)
    for each in ("max_pool_naive", name):
        out, cache = forwards[each](x, POOL)
        results.append((out, LAYERS[each][1](dout, cache)))
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)
    if torch and np.isnan(window).sum() == 1 and dtype == np.float64:
        tensor = torch.tensor(x, requires_grad=True)
        torch.nn.functional.max_pool2d(tensor, 2).backward(torch.tensor(dout))
        np.testing.assert_array_equal(results[1][1], tensor.grad.numpy())


def test_nan_in_a_convolution_with_relu_and_pool():
    """In one go as one after the other, where ReLU stops the gradient of nan."""
    x, w, b = maps(), *filters()
    x[0, 0, 0, 0] = np.nan
    out, cache = fast_layers.conv_relu_pool_forward_fast(x, w, b, CONV, POOL)
    conv, conv_cache = layers.conv_forward_naive(x, w, b, CONV)
    relu, relu_cache = layers.relu_forward(conv)
    expected, pool_cache = layers.max_pool_forward_naive(relu, POOL)
    np.testing.assert_allclose(out, expected)
    dout = randn(*out.shape)
    drelu = layers.max_pool_backward_naive(dout, pool_cache)
    grads = layers.conv_backward_naive(layers.relu_backward(drelu, relu_cache), conv_cache)
    for a, e in zip(fast_layers.conv_relu_pool_backward_fast(dout, cache), grads, strict=True):
        np.testing.assert_allclose(a, e, atol=1e-12)


def trained(X=None, y=None):
    knn = KNearestNeighbor()
    X = randn(8, 3) if X is None else X
    knn.train(X, np.arange(len(X)) if y is None else y)
    return knn


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("num_loops", [0, 1, 2])
def test_knn_names_what_is_not_finite(value, num_loops):
    X = randn(8, 3)
    X[5, 1] = value
    with pytest.raises(ValueError, match=rf"X\[5, 1\] is {value}"):
        trained(X)
    with pytest.raises(ValueError, match=rf"X\[5, 1\] is {value}"):
        trained().predict(X, num_loops=num_loops)


def test_knn_refuses_a_distance_that_is_nan():
    with pytest.raises(ValueError, match=r"dists\[0, 2\] is nan"):
        trained().predict_labels(np.array([[1.0, 2.0, np.nan, *range(5)]]))
    assert trained().predict_labels(np.array([[np.inf] * 3 + [1.0] + [np.inf] * 4]), k=2) == 0  # overflow, in the loops


# ---- labels


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64, np.uint64])
@pytest.mark.parametrize("kind", [LinearSVM, Softmax])
def test_labels_up_to_255(kind, dtype):
    """In uint8, 255 + 1 is 0."""
    X, y = np.eye(3)[np.arange(60) % 3] * 5, np.array([0, 7, 255], dtype)[np.arange(60) % 3]
    classifier = kind()
    classifier.train(X, y, learning_rate=0.5, num_iters=100)
    assert classifier.W.shape == (3, 256)
    np.testing.assert_array_equal(classifier.predict(X), y)


@pytest.mark.parametrize("kind", [LinearSVM, Softmax])
def test_a_column_for_each_student_number_is_refused(kind):
    with pytest.raises(ValueError, match=r"the label 20261234.*np\.unique"):
        kind().train(randn(3, 2), np.array([20261234, 5, 7]))


@pytest.mark.parametrize("labels", [[20_261_234, 5, 20_261_234], [2**62, 7, 2**62]])
def test_knn_with_student_numbers_as_labels(labels):
    knn = trained(np.array([[0.0], [1.0], [2.0]]), np.array(labels))
    np.testing.assert_array_equal(knn.predict(np.array([[0.0], [1.0]]), k=3), labels[:1] * 2)
    np.testing.assert_array_equal(knn.predict(np.array([[1.0]]), k=2), [min(labels[:2])])  # a tie


def test_labels_beyond_the_scores_are_refused_in_uint8_too():
    with pytest.raises(ValueError, match=r"labels from 0 to 255; .*below the number of classes, 10"):
        layers.softmax_loss(randn(2, 10), np.array([0, 255], np.uint8))
