"""Networks from lists of layers: their counts are those of the list, their gradients right, and they learn."""

import numpy as np
import pytest

from cs231n import architectures
from cs231n.architectures import describe
from cs231n.classifiers.architecture_nets import ArchitectureNet, max_pool_same, tanh
from cs231n.data_utils import get_CIFAR10_data
from cs231n.optim import cosine_decay
from cs231n.solver import Solver
from tests.test_graph_nets import check_gradients

STACKS = {
    "lenet5": architectures.small_lenet5(),
    "alexnet": architectures.small_alexnet(),
    "zfnet": architectures.small_zfnet(),
    "vgg": architectures.small_vgg(),
    "googlenet": architectures.small_googlenet(),
    "resnet": architectures.small_resnet(),
    "plain": architectures.small_resnet(residual=False),
}


@pytest.mark.parametrize("name", STACKS)
def test_the_parameters_are_those_of_the_list(name):
    stack = STACKS[name]
    net = ArchitectureNet(stack)
    expected = sum(row.params for row in describe(stack, (3, 32, 32)))
    assert sum(value.size for value in net.params.values()) == expected
    assert net.loss(np.zeros((2, 3, 32, 32))).shape == (2, 10)


@pytest.mark.parametrize("name", STACKS)
def test_gradients(name):
    np.random.seed(0)
    net = ArchitectureNet(STACKS[name], activation=tanh if name == "lenet5" else lambda x: x, dtype=np.float64)
    X, y = np.random.randn(2, 3, 32, 32), np.array([1, 3])
    names = [name for name in net.params if name.endswith("_W")]
    check_gradients(net, lambda: net.loss(X, y), names[:2] + names[-2:], h=1e-8 if name == "plain" else 1e-6)


def test_plain_and_residual_nets_differ_by_the_shortcuts_alone():
    plain, residual = (
        sum(row.params for row in describe(architectures.small_resnet(20, residual), (3, 32, 32)))
        for residual in (False, True)
    )
    assert residual - plain == 8 * 16 + 16 * 32 + 2 * (16 + 32)  # two 1 x 1 convolutions with gamma and beta
    with pytest.raises(ValueError, match="6n"):
        architectures.small_resnet(18)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_depth_costs_a_plain_network_more_than_a_residual_one(seed):
    """After 450 steps: the training loss of plain networks rises with the depth; shortcuts keep it from rising."""
    data = get_CIFAR10_data(num_training=3000, dtype=np.float32)
    data |= {name: data[name] / 64 for name in data if name.startswith("X")}
    losses = {}
    for residual, depth in ((False, 8), (False, 20), (True, 8), (True, 20)):
        np.random.seed(seed)
        solver = Solver(
            ArchitectureNet(architectures.small_resnet(depth, residual, stride=2)),
            data,
            update_rule="adam",
            optim_config={"learning_rate": 3e-3},
            lr_schedule=lambda rate, epoch: cosine_decay(rate, epoch, 3),
            num_epochs=3,
            batch_size=20,
            num_train_samples=100,
            num_val_samples=100,
            verbose=False,
        )
        solver.train()
        losses[residual, depth] = np.mean(solver.loss_history[-100:])
    assert losses[False, 20] > losses[False, 8] + 0.1
    assert losses[True, 20] < losses[False, 20] - 0.2
    assert losses[True, 20] < losses[True, 8] + 0.1


def test_pooling_around_every_place_takes_no_maximum_from_the_border():
    x = -1 - np.random.RandomState(0).rand(1, 2, 3, 4)
    out = max_pool_same(x)
    assert out.shape == x.shape and out.max() < 0
    np.testing.assert_array_equal(out[0, 0, 0, 0], x[0, 0, :2, :2].max())


def test_unknown_layers_are_named():
    with pytest.raises(TypeError, match="odd is a str"):
        ArchitectureNet([("odd", "conv")])
