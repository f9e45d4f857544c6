"""The graph: the gradients of random nets, what is recorded, what is let go, and its errors."""

import gc
import weakref

import numpy as np
import pytest

from cs231n import graph_layers
from cs231n.classifiers.cnn import DeepConvNet
from cs231n.gradient_check import eval_numerical_gradient
from cs231n.graph import Graph, Node, add, layer
from cs231n.layers import affine_backward, affine_forward

affine = graph_layers.affine


def scaled_forward(x, w):
    return x * w, (x, w)


def scaled_backward(dout, cache):
    x, w = cache
    return dout * w, dout * x


def split_forward(x):
    return x[:, ::2], x[:, 1::2], x.shape


def split_backward(deven, dodd, shape):
    dx = np.zeros(shape)
    dx[:, ::2], dx[:, 1::2] = deven, dodd
    return dx


scaled = layer(scaled_forward, scaled_backward)
split = layer(split_forward, split_backward, num_outputs=2)


def random_net(rng, nodes, relu, number=12):
    """A net that combines, again and again, random values of those it has, all of shape (3, 4); returns the last."""
    values = [nodes["x"], nodes["y"]]
    for _ in range(number):
        a, b = (values[rng.randint(len(values))] for _ in range(2))
        kind = rng.randint(4)
        if kind == 0:
            values.append(add(a, b))
        elif kind == 1:
            values.append(affine(a, nodes[f"W{rng.randint(2)}"], nodes["b"]))
        elif kind == 2:
            values.append(relu(scaled(a, b)))
        else:
            even, odd = split(a)
            values.append(graph_layers.concatenate(odd, even))
    return values[-1]


def draw(rng):
    params = {name: 0.5 + rng.rand(3, 4) for name in "xy"}
    return params | {"W0": rng.randn(4, 4), "W1": rng.randn(4, 4), "b": rng.randn(4)}


@pytest.mark.parametrize("seed", range(30))
def test_gradients_of_random_nets(seed):
    """Values used twice add up, and so do weights shared between calls."""
    params = draw(np.random.RandomState(seed))

    def run():
        graph = Graph()
        nodes = {name: graph.variable(value) for name, value in params.items()}
        return graph, nodes, random_net(np.random.RandomState(seed), nodes, graph_layers.relu)

    graph, nodes, out = run()
    dout = np.random.RandomState(seed).randn(*out.value.shape)
    grads = graph.gradients(out, nodes, dout)
    for name, value in params.items():
        numeric = eval_numerical_gradient(lambda _: np.sum(run()[2].value * dout), value, verbose=False)
        np.testing.assert_allclose(grads[name], numeric, rtol=1e-5, atol=1e-5 * max(1, np.abs(numeric).max()))


@pytest.mark.parametrize("seed", range(30))
def test_the_same_gradients_as_pytorch(seed):
    torch = pytest.importorskip("torch")
    params = draw(np.random.RandomState(seed))
    graph = Graph()
    nodes = {name: graph.variable(value) for name, value in params.items()}
    out = random_net(np.random.RandomState(seed), nodes, graph_layers.relu)
    dout = np.random.RandomState(seed).randn(*out.value.shape)
    grads = graph.gradients(out, nodes, dout)

    twins = {name: torch.tensor(value, requires_grad=True) for name, value in params.items()}
    rng, values = np.random.RandomState(seed), [twins["x"], twins["y"]]
    for _ in range(12):
        a, b = (values[rng.randint(len(values))] for _ in range(2))
        kind = rng.randint(4)
        if kind == 0:
            values.append(a + b)
        elif kind == 1:
            values.append(a @ twins[f"W{rng.randint(2)}"] + twins["b"])
        elif kind == 2:
            values.append(torch.relu(a * b))
        else:
            values.append(torch.cat([a[:, 1::2], a[:, ::2]], dim=1))
    np.testing.assert_allclose(out.value, values[-1].detach().numpy(), rtol=1e-12)
    values[-1].backward(torch.tensor(dout))
    for name, twin in twins.items():
        expected = np.zeros(twin.shape) if twin.grad is None else twin.grad.numpy()
        np.testing.assert_allclose(grads[name], expected, rtol=1e-9, atol=1e-9 * max(1, np.abs(expected).max()))


def test_the_gradient_of_a_value_in_the_middle():
    graph = Graph()
    x, w, b = graph.variable(np.ones((2, 3))), graph.variable(np.ones((3, 1))), np.zeros(1)
    h = graph_layers.relu(x)
    grads = graph.gradients(affine(h, w, b), {"h": h, "x": x})
    np.testing.assert_array_equal(grads["h"], np.ones((2, 3)))
    np.testing.assert_array_equal(grads["x"], np.ones((2, 3)))


def test_arrays_alone_are_computed_and_not_recorded():
    out = affine(np.ones((2, 3)), np.ones((3, 4)), np.zeros(4))
    assert isinstance(out, np.ndarray)
    assert [part.shape for part in split(np.ones((2, 4)))] == [(2, 2), (2, 2)]


def test_nothing_is_computed_for_what_the_output_does_not_depend_on():
    calls = []

    def backward(dout, cache):
        calls.append(dout)
        return affine_backward(dout, cache)

    counted = layer(affine_forward, backward)
    graph = Graph()
    w, v = graph.variable(np.ones((3, 3))), graph.variable(np.ones((3, 3)))
    x, b = np.ones((2, 3)), np.zeros(3)
    counted(x, v, b)  # its result is not used
    grads = graph.gradients(counted(x, w, b), {"w": w, "v": v})
    assert len(calls) == 1
    np.testing.assert_array_equal(grads["v"], np.zeros((3, 3)))


def test_memory_is_let_go_on_the_way_back():
    """When a layer's backward function runs, the cache of the layer after it is gone already."""

    class Cache(np.ndarray):
        """An array that can be watched."""

    alive = []

    def forward(x):
        cache = x.view(Cache)
        alive.append(weakref.ref(cache))
        return x + 1, cache

    def backward(dout, cache):
        del cache
        gc.collect()
        found.append(sum(ref() is not None for ref in alive))
        return dout

    found = []
    watched = layer(forward, backward)
    graph = Graph()
    x = graph.variable(np.ones(3))
    out = x
    for _ in range(4):
        out = watched(out)
    graph.gradients(out, {"x": x})
    assert found == [4, 3, 2, 1]
    assert not any(ref() is not None for ref in alive)


def test_an_error_names_the_call_and_the_shapes():
    graph = Graph()
    w = graph.variable(np.ones((4, 5)))
    with pytest.raises(ValueError) as caught:
        affine(np.ones((2, 3)), w, np.zeros(5))
    note = "\n".join(caught.value.__notes__)
    assert "affine_forward" in note and "(2, 3)" in note and "(4, 5)" in note


def test_a_gradient_of_a_wrong_shape_is_named():
    wrong = layer(affine_forward, lambda dout, cache: affine_backward(dout, cache)[::-1])
    graph = Graph()
    w = graph.variable(np.ones((3, 4)))
    with pytest.raises(ValueError, match=r"input 0|input 1"):
        graph.gradients(wrong(graph.variable(np.ones((2, 3))), w, np.zeros(4)), {"w": w})


def test_nodes_of_two_graphs_do_not_mix():
    a, b = Graph().variable(np.ones(2)), Graph().variable(np.ones(2))
    with pytest.raises(ValueError, match="2 graphs"):
        add(a, b)


def test_not_implemented_stays_not_implemented():
    """A layer that is not written yet is recognised as such by the checks."""

    def forward(x):
        raise NotImplementedError("some_question: SomeNotebook")

    with pytest.raises(NotImplementedError, match="some_question"):
        layer(forward, None)(Graph().variable(np.ones(2)))


def deep_net_on_a_graph(net, X, y):
    """The loss and the gradients of a `DeepConvNet`, with its backward pass left to a graph."""
    graph = Graph()
    p = {name: graph.variable(value) for name, value in net.params.items()}
    maps, i = X, 0
    for stage in net.stages:
        for _ in stage:
            i += 1
            no_bias = np.zeros(len(net.params[f"W{i}"]), net.dtype)
            settings = {"stride": 1, "pad": 1, "needs_dx": i > 1}, net.bn_params[i - 1]
            maps = graph_layers.conv_bn_relu(maps, p[f"W{i}"], no_bias, p[f"gamma{i}"], p[f"beta{i}"], *settings)
        maps = graph_layers.max_pool(maps, {"pool_height": 2, "pool_width": 2, "stride": 2})
    scores = affine(graph_layers.global_mean(maps), p[f"W{i + 1}"], p[f"b{i + 1}"])
    loss = graph_layers.softmax_loss(scores, y)
    assert isinstance(loss, Node)
    return loss.value, graph.gradients(loss, p)


def test_a_deep_net_has_the_gradients_of_its_written_backward_pass():
    rng = np.random.RandomState(0)
    np.random.seed(0)
    net = DeepConvNet(stages=((4, 4), (8,)), input_dim=(3, 8, 8), dtype=np.float64)
    X, y = rng.randn(5, 3, 8, 8), rng.randint(10, size=5)
    loss, grads = net.loss(X, y)
    loss_on_graph, grads_on_graph = deep_net_on_a_graph(net, X, y)
    assert loss_on_graph == pytest.approx(loss, rel=1e-12)
    assert set(grads_on_graph) == set(grads)
    for name in grads:
        np.testing.assert_allclose(grads_on_graph[name], grads[name], rtol=1e-9, atol=1e-12)
