"""Static graphs: tracing, running, counting, improving without changing a result, guards, and errors."""

import numpy as np
import pytest

from cs231n import gates
from cs231n.gates import Value, backward
from cs231n.static_graph import (
    BLOCK,
    ELEMENTWISE,
    Compiled,
    GuardError,
    StaticGraph,
    Step,
    bind,
    compute,
    count_operations,
    describe,
    drop_unused,
    fold_constants,
    fuse,
    fusion_groups,
    measure,
    merge_common,
    optimise,
    read_graph,
    readers,
    run_graph,
    trace,
)

PASSES = (fold_constants, merge_common, drop_unused, fuse, optimise)


def random_function(seed, number=16):
    """A function of x (4, 3), y (3,) and w (3, 3): random operations on random values that are there."""

    def function(x, y, w):
        rng = np.random.RandomState(seed)
        values = [x, y, np.array([[0.5], [-1.0], [0.3], [2.0]]), 1.5]
        for _ in range(number):
            a, b = (values[rng.randint(len(values))] for _ in range(2))
            kind = rng.randint(7)
            if kind < 3:
                values.append((np.add, np.subtract, np.maximum)[kind](a, b))
            elif kind < 5:
                values.append((np.tanh, np.negative)[kind - 3](a))
            elif kind == 5:
                values.append(np.tanh(a * b))
            else:
                values.append(np.tanh((x + a) @ w) if np.ndim(a) < 2 else np.sum(np.tanh(a)))
        return values[-1] + x * 0.0, values[-2]

    return function


def draw(seed, rows=4):
    rng = np.random.RandomState(seed)
    return rng.randn(rows, 3), rng.randn(3), rng.randn(3, 3)


def operations(graph):
    return [step.operation for step in graph.steps]


# ---- running


@pytest.mark.parametrize("seed", range(25))
def test_a_graph_returns_what_the_function_returns(seed):
    """On other inputs than the example."""
    function = random_function(seed)
    graph = trace(function, *draw(seed))
    others = draw(seed + 100)
    for got, expected in zip(run_graph(graph, others), function(*others), strict=True):
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("improve", PASSES, ids=lambda improve: improve.__name__)
@pytest.mark.parametrize("seed", range(25))
def test_improving_changes_no_bit_of_a_result(improve, seed):
    """Nor with some of the inputs as constants, which gives more to fold."""
    x, y, w = draw(seed)
    graph = trace(random_function(seed), x, y, w)
    for number, result in enumerate(run_graph(improve(graph), [x, y, w])):
        np.testing.assert_array_equal(result, run_graph(graph, [x, y, w])[number])
    bound = improve(bind(graph, {1: y, 2: w}))
    for number, result in enumerate(run_graph(bound, [x])):
        np.testing.assert_array_equal(result, run_graph(graph, [x, y, w])[number])


@pytest.mark.parametrize(
    "shapes", [((40_000, 3), (3,)), ((BLOCK + 1,), ()), ((3 * BLOCK, 1), (1, 2)), ((2, BLOCK), (2, 1))]
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_fused_steps_run_in_blocks(shapes, dtype):
    """Rows, single numbers, columns and whole matrices; the last block is shorter."""
    rng = np.random.RandomState(0)
    x, y = (np.asarray(rng.randn(*shape)).astype(dtype)[()] for shape in shapes)

    def function(x, y):
        return np.maximum(np.exp(-np.tanh(y)) * x, np.tanh(y)) + x / (2 + np.exp(-x * x))

    graph = trace(function, x, y)
    fused = optimise(graph)
    assert operations(fused).count("fused") == 1 and len(fused.steps) <= 5
    got = run_graph(fused, [x, y])[0]
    np.testing.assert_array_equal(got, function(x, y))
    assert got.dtype == dtype


def test_a_fused_step_changes_none_of_its_inputs():
    x = np.random.RandomState(0).randn(2 * BLOCK + 5)
    kept = x.copy()
    run_graph(optimise(trace(lambda x: np.exp(-x) * x, x)), [x])
    np.testing.assert_array_equal(x, kept)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_numbers_take_the_type_of_the_array_that_they_meet(dtype):
    """Before and after folding: 2 * 3.5 is folded to a plain number, not to one of float64."""
    graph = read_graph(
        "v0 = input; v1 = constant 2; v2 = constant 3.5; v3 = multiply(v1, v2); v4 = add(v0, v3); return v4"
    )
    for improve in (lambda graph: graph, *PASSES):
        assert run_graph(improve(graph), [np.ones(3, dtype)])[0].dtype == dtype


# ---- tracing


def test_what_can_be_traced():
    def function(x, w):
        h = np.reshape(x, (2, 3)) @ w.T
        h = h.reshape(1, -1).sum(axis=1, keepdims=True) + np.add.reduce(w) - np.sum(w, axis=0)
        return (abs(h) >= 0.5) * h, len(w) * w.sum()

    x, w = np.arange(6.0), np.arange(12.0).reshape(4, 3)
    for got, expected in zip(run_graph(trace(function, x, w), [x + 1, w - 2]), function(x + 1, w - 2), strict=True):
        np.testing.assert_allclose(got, expected)


@pytest.mark.parametrize(
    "function, message",
    [
        (np.sin, r"np.sin is not an operation of static graphs"),
        (np.tan, r'do you mean "tanh"'),
        (lambda x: np.where(x > 0, x, 0), "a traced value has no entries yet"),
        (lambda x: np.multiply.outer(x, x), "np.multiply.outer is not an operation"),
        (np.max, r"np.maximum.reduce is not an operation of static graphs\.$"),
        (lambda x: [x, x], "several results belong into a tuple"),
        (lambda x: None, "uses or returns NoneType"),
        (lambda x: np.exp(x, out=np.ones(2)), "cannot be changed in place"),
    ],
)
def test_what_cannot_be_traced(function, message):
    with pytest.raises(TypeError, match=message):
        trace(function, np.ones(2))


def test_changing_in_place_is_refused():
    def function(x):
        y = x * 2
        y += x
        return y

    with pytest.raises(TypeError, match=r"write x = x \+ y in place of x \+= y"):
        trace(function, np.ones(2))


@pytest.mark.parametrize("seed", range(5))
def test_a_walk_back_can_be_traced(seed):
    """A training step becomes one static graph, whose gradients are those of the dynamic one, also after improving."""

    def step(x, w, b, v):
        values = [Value(thing) for thing in (w, b, v)]
        h = gates.reciprocal(1 + gates.exp(-(x @ values[0] + values[1])))
        loss = gates.total(gates.maximum(h @ values[2], 0.1) * 0.5)
        grads = backward(loss, 1.0)
        return loss.data, *(grads[value] for value in values)

    rng = np.random.RandomState(seed)
    inputs = [rng.randn(*shape) for shape in ((6, 4), (4, 5), (5,), (5, 2))]
    others = [value + 0.1 * rng.randn(*value.shape) for value in inputs]
    graph = trace(step, *inputs)
    for got, expected in zip(run_graph(optimise(graph), others), step(*others), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-12)
    assert len(optimise(graph).steps) < len(graph.steps)


# ---- text


@pytest.mark.parametrize("seed", range(10))
def test_a_graph_can_be_written_and_read(seed):
    """Arrays are handed over beside the text."""
    graph = trace(random_function(seed), *draw(seed))
    arrays = [step.setting for step in graph.steps if isinstance(step.setting, np.ndarray)]
    text = describe(graph)
    for number in range(len(arrays)):
        text = text.replace(f"constant of shape {arrays[number].shape}", f"constant c{number}", 1)
    again = read_graph(text, arrays)
    for got, expected in zip(run_graph(again, draw(seed)), run_graph(graph, draw(seed)), strict=True):
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize(
    "program, message",
    [
        ("v0 = input; v1 = exp(v2); return v1", "reads a value that comes later"),
        ("v0 = input; return v1", "reads a value that comes later"),
        ("v0 = input; w1 = exp(v0); return v0", "line 1 is 'w1 = exp"),
        ("v0 = input; v1 = ad(v0, v0); return v1", 'do you mean "add"'),
    ],
)
def test_programs_that_cannot_be_read(program, message):
    with pytest.raises(ValueError, match=message):
        read_graph(program)


# ---- counting


def test_operations_are_counted_as_a_loop_would():
    """A matrix product by three loops, each with one multiplication and one addition."""
    N, D, M = 3, 4, 5
    count = 0
    for _ in range(N):
        for _ in range(M):
            for _ in range(D):
                count += 2
    assert count_operations("matmul", [(N, D), (D, M)], (N, M)) == count
    assert count_operations("add", [(N, 1), (M,)], (N, M)) == N * M
    assert count_operations("sum", [(N, D)], ()) == N * D
    assert all(count_operations(name, [(N, D)], (D, N)) == 0 for name in ("transpose", "reshape", "input"))


def test_measure_counts_what_runs():
    x, w = np.zeros((40_000, 3)), np.zeros((3, 5))
    graph = trace(lambda x, w: np.exp(-(x @ w) * 2).sum(), x, w)
    assert measure(graph, [x, w]) == {
        "steps": 5,
        "operations": 2 * 40_000 * 3 * 5 + 4 * 40_000 * 5,
        "bytes": 8 * (4 * 40_000 * 5 + 1),
    }
    rows = BLOCK // 5
    assert measure(fuse(graph), [x, w]) == {
        "steps": 3,
        "operations": measure(graph, [x, w])["operations"],
        "bytes": 8 * (2 * 40_000 * 5 + 2 * rows * 5 + 1),
    }


# ---- improving


def test_folding_goes_on_with_what_it_has_folded():
    graph = bind(trace(lambda x, c: x * np.exp(-np.tanh(c)), 1.0, 1.0), {1: np.array([1.0, 2.0])})
    assert operations(drop_unused(fold_constants(graph))) == ["input", "constant", "multiply"]


def test_common_steps_are_merged_and_constants_that_are_equal():
    graph = optimise(trace(lambda x, w: (np.exp(x @ w) + 2) / (np.exp(x @ w) * 2), np.ones((2, 2)), np.ones((2, 2))))
    assert operations(graph).count("matmul") == 1 and operations(graph).count("constant") == 1


def test_2_and_2_point_0_are_not_merged():
    """They are equal in Python, but an array of integers becomes floats by one of them."""
    graph = merge_common(trace(lambda x: (x * 2, x * 2.0), 1.0))
    assert len(set(graph.outputs)) == 2


@pytest.mark.parametrize("seed", range(20))
def test_groups_are_what_their_definition_says(seed):
    """All readers of a member are in its group, and a group has its last step as its only way out."""
    graph = trace(random_function(seed, 30), *draw(seed))
    groups, read_by = fusion_groups(graph), readers(graph)
    for number, last in enumerate(groups):
        if number != last:
            assert {groups[reader] for reader in read_by[number]} == {last}
            assert {graph.steps[i].operation for i in (number, last)} <= ELEMENTWISE.keys()
            assert number not in graph.outputs
        elif graph.steps[number].operation in ELEMENTWISE and number not in graph.outputs and read_by[number]:
            ends = {groups[reader] for reader in read_by[number]}
            assert len(ends) > 1 or graph.steps[ends.pop()].operation not in ELEMENTWISE


# ---- conditions


def branch(x):
    return x * 2 if x.sum() > 0 else x - 1


def test_a_traced_condition_is_wrong_where_it_would_come_out_otherwise():
    """The graph has one branch only; a guard notices, and Compiled traces the other one."""
    right, left = np.array([1.0, 2.0]), np.array([-1.0, -2.0])
    np.testing.assert_array_equal(run_graph(trace(branch, right), [left])[0], left * 2)  # branch(left) is left - 1
    guarded = trace(branch, right, guards=True)
    np.testing.assert_array_equal(run_graph(guarded, [right])[0], right * 2)
    with pytest.raises(GuardError, match="but the graph was traced where it was True"):
        run_graph(guarded, [left])
    compiled = Compiled(branch)
    for x in (right, left, 3 * right, 2 * left):
        np.testing.assert_array_equal(compiled(x), branch(x))
    assert len(compiled.graphs) == 2


def test_a_loop_is_unrolled():
    def halve(x):
        while (x * x).sum() > 1:
            x = x * 0.5
        return x

    compiled = Compiled(halve)
    for size in (0.5, 1.5, 10.0, 1.9, 9.0):
        x = np.array([size])
        np.testing.assert_array_equal(compiled(x), halve(x))
    assert len(compiled.graphs) == 3
    multiplications = [operations(trace(halve, np.array([size]))).count("multiply") for size in (0.5, 1.5, 10.0)]
    assert multiplications == [1, 3, 9]


def test_other_shapes_and_types_are_traced_anew():
    compiled = Compiled(lambda x: x * len(x))
    for x in (np.ones(2), np.ones(3), np.ones(2, np.float32), np.zeros(3)):
        got = compiled(x)
        np.testing.assert_array_equal(got, x * len(x))
        assert got.dtype == x.dtype
    assert len(compiled.graphs) == 3


# ---- errors


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: run_graph(trace(lambda x: x, 1.0), []), "the graph has 1 input, but got 0"),
        (lambda: run_graph(trace(lambda x: x, 1.0), [1, 2]), "the graph has 1 input, but got 2"),
        (lambda: run_graph(trace(lambda x: x, 1.0), 3.0), "the graph has 1 input, but got float"),
        (lambda: compute(Step("constant"), []), "constants have their values without being computed"),
        (lambda: count_operations("matmull", [(2, 3), (3, 4)], (2, 4)), 'do you mean "matmul"'),
        (lambda: read_graph("v0 = input; v1 = exp(v0)"), "expected something like 'return v1'"),
        (lambda: bind(trace(lambda x: x, 1.0), {1: 2.0}), "there is no input 1: the graph has the inputs 0 to 0"),
        (lambda: compute(Step("mutliply", (0, 1)), [1.0, 2.0]), 'do you mean "multiply"'),
    ],
)
def test_errors_say_what_was_wanted(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_graph_is_plain():
    """Tuples of numbers and texts: it can be compared."""
    assert trace(lambda x: x + 1, 1.0) == StaticGraph(
        (Step("input"), Step("constant", (), 1), Step("add", (0, 1))), (2,)
    )
