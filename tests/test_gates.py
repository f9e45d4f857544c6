"""Gates and the graph of values: numeric gradients, PyTorch as a twin on random formulas, order, and errors."""

import numpy as np
import pytest

from coursekit.running.gradients import gradient_error
from cs231n import gates
from cs231n.gates import Value, backward, gate, sum_to_shape, topological_order
from cs231n.graph import Graph, layer

try:
    import torch
except ImportError:
    torch = None

TWO = ("add", "multiply", "max")
ONE = ("exp", "reciprocal", "log", "total", "row_totals", "sigmoid", "sigmoid_chain")
SHAPES = (
    ((3, 4), (3, 4)),
    ((3, 4), (4,)),
    ((3, 1), (3, 4)),
    ((2, 1, 4), (3, 1)),
    ((), (2, 3)),
    ((1, 1), (5,)),
    ((), ()),
)


def pair(name):
    return getattr(gates, f"{name}_forward"), getattr(gates, f"{name}_backward")


def draw(rng, shape):
    return np.asarray(rng.randn(*shape))


# ---- gates


@pytest.mark.parametrize("name", TWO)
@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_gates_of_two_inputs(name, shapes):
    """Numeric gradients, the shapes of the inputs, and nothing is changed."""
    rng = np.random.RandomState(1)
    forward, backward_ = pair(name)
    x, y = (draw(rng, shape) for shape in shapes)
    out, cache = forward(x, y)
    dout = draw(rng, np.shape(out))
    kept = [np.copy(value) for value in (x, y, dout)]
    dx, dy = backward_(dout, cache)
    for value, before in zip((x, y, dout), kept, strict=True):
        np.testing.assert_array_equal(value, before)
    assert (np.shape(dx), np.shape(dy)) == shapes
    h, vx, vy = 1e-6, draw(rng, np.shape(x)), draw(rng, np.shape(y))
    above, below = (forward(x + step * vx, y + step * vy)[0] for step in (h, -h))
    along = np.sum((above - below) * dout) / (2 * h)
    np.testing.assert_allclose(np.sum(dx * vx) + np.sum(dy * vy), along, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("name", ONE)
def test_gates_of_one_input(name):
    rng = np.random.RandomState(2)
    forward, backward_ = pair(name)
    x = rng.uniform(0.4, 2.0, (3, 5))
    out, cache = forward(x)
    dout = draw(rng, np.shape(out))
    assert gradient_error(lambda x: forward(x)[0], x.copy(), backward_(dout, cache), dout)[0] < 1e-7


def test_matmul():
    rng = np.random.RandomState(3)
    x, y = draw(rng, (3, 4)), draw(rng, (4, 2))
    out, cache = gates.matmul_forward(x, y)
    dout = draw(rng, out.shape)
    dx, dy = gates.matmul_backward(dout, cache)
    assert gradient_error(lambda x: x @ y, x.copy(), dx, dout)[0] < 1e-7
    assert gradient_error(lambda y: x @ y, y.copy(), dy, dout)[0] < 1e-7


@pytest.mark.parametrize("name", (*TWO, *ONE))
@pytest.mark.parametrize("dtype", (np.float16, np.float32))
def test_gates_keep_the_type(name, dtype):
    forward, backward_ = pair(name)
    x = np.random.RandomState(4).uniform(0.4, 2.0, (3, 5)).astype(dtype)
    out, cache = forward(x, x[:1]) if name in TWO else forward(x)
    assert out.dtype == dtype
    grads = backward_(np.ones_like(out), cache)
    assert all(grad.dtype == dtype for grad in (grads if isinstance(grads, tuple) else (grads,)))


def test_at_a_tie_the_first_input_of_max_gets_it_all():
    dx, dy = gates.max_backward(np.array([5.0, 7.0]), (np.array([1.0, 1.0]), np.array([1.0, 2.0])))
    np.testing.assert_array_equal([dx, dy], [[5, 0], [0, 7]])


def test_the_single_gate_is_right_where_the_chain_overflows():
    x = np.array([-800.0, -30.0, 30.0, 800.0])
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        out, cache = gates.sigmoid_forward(x)
        dx = gates.sigmoid_backward(np.ones(4), cache)
    np.testing.assert_allclose(out, [0, np.exp(-30.0) / (1 + np.exp(-30)), 1 / (1 + np.exp(-30)), 1], rtol=1e-15)
    assert np.isfinite(dx).all()
    with np.errstate(all="ignore"):
        chain_dx = gates.sigmoid_chain_backward(np.ones(4), gates.sigmoid_chain_forward(x)[1])
    assert np.isnan(chain_dx[0]) and np.isfinite(chain_dx[1:]).all()


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_sum_to_shape_is_the_transpose_of_broadcasting(shapes):
    """<broadcast(x), g> = <x, sum_to_shape(g)> for all x and g."""
    rng = np.random.RandomState(5)
    for shape in shapes:
        x, g = draw(rng, shape), draw(rng, np.broadcast_shapes(*shapes))
        np.testing.assert_allclose(np.sum(np.broadcast_to(x, g.shape) * g), np.sum(x * sum_to_shape(g, shape)))


# ---- the graph


def random_formula(rng, values, ops, number=14):
    """A formula of random operations on random values that are there; the last two are added."""
    values = list(values)
    for _ in range(number):
        a, b = (values[rng.randint(len(values))] for _ in range(2))
        kind = rng.randint(6)
        if kind == 0:
            values.append(a + b)
        elif kind == 1:
            values.append(a * b * 0.5)
        elif kind == 2:
            values.append(ops["maximum"](a, b))
        elif kind == 3:
            values.append(ops["sigmoid"](a))
        elif kind == 4:
            values.append(1.5 - a / (2.0 + ops["sigmoid"](b)))
        else:
            values.append(ops["exp"](-a * a) - b)
    return values[-1] + values[-2]


VALUE_OPS = {name: getattr(gates, name) for name in ("maximum", "sigmoid", "exp")}


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("shape", ((), (2, 3)), ids=str)
def test_random_formulas_against_pytorch(seed, shape):
    """Numbers and arrays, with values that are used again and again."""
    pytest.importorskip("torch")
    starts = [draw(np.random.RandomState(seed), shape) for _ in range(3)]
    starts = [start + 0.37 * i for i, start in enumerate(starts)]
    values = [Value(start) for start in starts]
    tensors = [torch.tensor(start, requires_grad=True) for start in starts]
    out = random_formula(np.random.RandomState(seed), values, VALUE_OPS)
    torch_ops = {"maximum": torch.maximum, "sigmoid": torch.sigmoid, "exp": torch.exp}
    twin = random_formula(np.random.RandomState(seed), tensors, torch_ops)
    np.testing.assert_allclose(out.data, twin.detach().numpy(), rtol=1e-12)
    grads = backward(out)
    twin.backward(torch.ones_like(twin))
    for value, tensor in zip(values, tensors, strict=True):
        expected = np.zeros(shape) if tensor.grad is None else tensor.grad.numpy()
        np.testing.assert_allclose(grads.get(value, np.zeros(shape)), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("seed", range(10))
def test_random_formulas_against_numeric_gradients(seed):
    """The same without PyTorch: of each input in turn."""
    starts = [np.random.RandomState(seed).randn(2, 3) + 0.37 * i for i in range(3)]

    def run(starts):
        values = [Value(start) for start in starts]
        return values, random_formula(np.random.RandomState(seed), values, VALUE_OPS)

    values, out = run(starts)
    grads = backward(out)
    for i, value in enumerate(values):
        if value in grads and np.any(grads[value]):
            moved = [start.copy() for start in starts]
            error, _ = gradient_error(lambda _, moved=moved: run(moved)[1].data, moved[i], grads[value])
            assert error < 1e-7


@pytest.mark.parametrize("seed", range(10))
def test_the_order_has_parents_first_and_each_once(seed):
    values = [Value(float(i)) for i in range(3)]
    out = random_formula(np.random.RandomState(seed), values, VALUE_OPS, number=30)
    order = topological_order(out)
    place = {node: i for i, node in enumerate(order)}
    assert len(place) == len(order) and order[-1] is out
    assert all(place[parent] < place[node] for node in order for parent in node.parents)


def test_a_graph_may_be_deeper_than_pythons_stack():
    x = Value(1.0)
    out = x
    for _ in range(5000):
        out = out + x
    assert float(backward(out)[x]) == 5001


def test_a_ladder_of_doublings_takes_one_visit_a_value():
    """There are 2^200 paths; each value is visited once all the same."""
    calls = []

    def counted_backward(dout, cache):
        calls.append(1)
        return dout, dout

    double = gate(lambda a, b: (a + b, None), counted_backward)
    x = Value(1.0)
    out = x
    for _ in range(200):
        out = double(out, out)
    assert float(backward(out)[x]) == 2.0**200
    assert len(calls) == 200


def test_walking_back_twice_gives_the_same():
    """There is no state: nothing adds up from call to call, and dout is not changed."""
    x = Value(np.array([1.0, 2.0]))
    out = x * x + x
    dout = np.array([10.0, 1.0])
    first, second = backward(out, dout), backward(out, dout)
    np.testing.assert_array_equal(first[x], second[x])
    np.testing.assert_array_equal(dout, [10.0, 1.0])


def test_arrays_and_numbers_on_either_side():
    x, array = Value(np.array([[1.0, 2.0]])), np.array([[3.0], [4.0]])
    for ours, plain in (
        (array + x, array + x.data),
        (x - array, x.data - array),
        (array - x, array - x.data),
        (array / x, array / x.data),
        (2 * x, 2 * x.data),
        (array @ x, array @ x.data),
        (x @ array, x.data @ array),
    ):
        assert isinstance(ours, Value)
        np.testing.assert_allclose(ours.data, plain)


def test_gates_are_layers_of_the_dynamic_graph():
    """The pairs keep to its convention, broadcasting or not, and both graphs agree."""
    rng = np.random.RandomState(6)
    arrays = {"x": rng.randn(4, 3), "w": rng.randn(3, 2), "b": rng.randn(2)}

    def net(x, w, b, ops):
        h = ops["maximum"](ops["add"](ops["matmul"](x, w), b), 0.0)
        return ops["total"](ops["multiply"](h, h))

    names = {"maximum": "max", "add": "add", "matmul": "matmul", "total": "total", "multiply": "multiply"}
    graph = Graph()
    nodes = {name: graph.variable(array) for name, array in arrays.items()}
    out = net(*nodes.values(), {op: layer(*pair(name)) for op, name in names.items()})
    recorded = graph.gradients(out, nodes)
    values = {name: Value(array) for name, array in arrays.items()}
    grads = backward(net(*values.values(), {op: getattr(gates, op) for op in names}))
    for name in arrays:
        np.testing.assert_allclose(grads[values[name]], recorded[name], rtol=1e-12)


@pytest.mark.parametrize("data, dtype", [(3, float), (np.array([1, 2]), np.float64), (np.float32(2), np.float32)])
def test_whole_numbers_become_floats(data, dtype):
    assert np.asarray(Value(data).data).dtype == dtype


def test_float32_stays():
    x = Value(np.ones((2, 3), np.float32))
    out = gates.total(gates.sigmoid(2 * x + 1) / 3)
    assert out.data.dtype == np.float32 and backward(out)[x].dtype == np.float32


# ---- errors


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: gates.add_forward(np.ones((3, 4)), np.ones(3)), r"add got shapes \(3, 4\) and \(3,\)"),
        (lambda: gates.multiply_forward(np.ones(2), np.ones(3)), "cannot be broadcast: from the right"),
        (lambda: gates.max_forward(np.ones(2), np.ones(3)), "max got shapes"),
        (lambda: gates.matmul_forward(np.ones((2, 3)), np.ones((2, 3))), r"expected \(N, D\) and \(D, M\)"),
        (lambda: sum_to_shape(np.ones((3, 4)), (3,)), r"cannot be that of an input of shape \(3,\)"),
        (lambda: sum_to_shape(np.ones(4), (2, 4)), "broadcasting does not make"),
        (lambda: gates.add_backward(np.ones(3), ((3, 4), (4,))), r"expected \(3, 4\), the shape of the layer's output"),
        (lambda: gates.multiply_backward(np.ones(3), (np.ones(4), 2.0)), "dout has shape"),
        (lambda: gates.sigmoid_backward(np.ones(3), np.ones(2)), "dout has shape"),
        (lambda: gates.exp_backward(np.ones(3), np.ones((2, 3))), "dout has shape"),
        (lambda: gates.matmul_backward(np.ones(2), (np.ones((2, 3)), np.ones((3, 2)))), r"expected \(2, 2\)"),
        (lambda: gates.total_backward(np.ones(3), (3,)), r"expected \(\)"),
        (lambda: gates.row_totals_forward(np.ones(3)), r"row_totals got shape \(3,\)"),
        (lambda: gates.row_totals_backward(np.ones(3), (3, 4)), r"expected \(3, 1\)"),
        (lambda: backward(Value(np.ones(3)), np.ones(2)), "doutput has shape"),
    ],
)
def test_wrong_shapes(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: gates.add_forward([1.0], [2.0]), "add got a list or a tuple"),
        (lambda: sum_to_shape(np.ones((3, 4)), 4), r"expected a tuple, such as \(4,\)"),
        (lambda: gates.exp_backward((np.ones(3), 1.0), np.ones(3)), "dout is a tuple of 2, expected one gradient"),
        (lambda: gates.reciprocal_backward(np.ones(3), ((3,), ())), "is it the cache of another gate"),
        (lambda: gates.topological_order(np.ones(3)), "output is ndarray, expected a Value"),
        (lambda: backward(3.0), "output is float, expected a Value"),
    ],
)
def test_wrong_types(call, message):
    with pytest.raises(TypeError, match=message):
        call()


@pytest.mark.parametrize("data", ["3", None, [1.0], np.array(["a"]), 1j])
def test_what_is_no_value(data):
    with pytest.raises(TypeError, match="expected a number or an array of numbers"):
        Value(data)
