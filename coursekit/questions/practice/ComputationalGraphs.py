"""The questions of ComputationalGraphs: gates, a graph that finds its gradients, and graphs that are built once."""

import numpy as np

from coursekit.core.question import Case, Question, holds

NOTEBOOK = "ComputationalGraphs"
GATES, STATIC = "cs231n.gates", "cs231n.static_graph"


# ---- gates


def _run_sum(grad, shape):
    from cs231n.gates import sum_to_shape

    return {"grad": sum_to_shape(grad, shape)}


def _sum_case(name, grad_shape, shape, dtype=np.float64):
    def inputs(rng):
        return {"grad": (0.5 + rng.randn(*grad_shape)).astype(dtype), "shape": shape}

    return Case(name, inputs, _run_sum, tolerance=1e-4 if dtype == np.float32 else 1e-8)


sum_to_shape = Question(
    id="sum_to_shape",
    title="Undoing a broadcast",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=2,
    importance=4,
    hints=(
        "Each entry of the gradient belongs to one use of an input. Along which axes do uses of the same entry lie?",
        "Two kinds of axes go: those in front that the input never had, which vanish, and those in which the input "
        "has length 1, which stay.",
    ),
    implements=(f"{GATES}:sum_to_shape",),
    cases=(
        _sum_case("a row for all rows: (4, 3) to (3,)", (4, 3), (3,)),
        _sum_case("a column for all columns: (4, 3) to (4, 1)", (4, 3), (4, 1)),
        _sum_case("a number for all: (2, 5, 3) to ()", (2, 5, 3), ()),
        _sum_case("both kinds: (5, 2, 3, 4) to (2, 1, 4)", (5, 2, 3, 4), (2, 1, 4)),
        _sum_case("square: (4, 4) to (4, 1)", (4, 4), (4, 1)),
        _sum_case("several axes: (3, 4, 5) to (1, 4, 1)", (3, 4, 5), (1, 4, 1)),
        _sum_case("float32", (6, 4), (4,), np.float32),
    ),
)


def _run_gate(name):
    def run(x, y, dout):
        from cs231n import gates

        out, cache = getattr(gates, f"{name}_forward")(x, y)
        dx, dy = getattr(gates, f"{name}_backward")(dout, cache)
        return {"out": out, "dx": dx, "dy": dy}

    return run


def _two_inputs(rng, x_shape, y_shape, dtype=np.float64):
    """Two inputs that broadcast, of different scale, and an upstream gradient; shape () is a number."""
    x, y = (scale * rng.randn(*shape) for scale, shape in ((1.0, x_shape), (2.5, y_shape)))
    dout = 0.3 + rng.randn(*np.broadcast_shapes(x_shape, y_shape))
    return {name: _cast(value, dtype) for name, value in (("x", x), ("y", y), ("dout", dout))}


def _cast(value, dtype):
    return value.astype(dtype) if np.ndim(value) else float(value)


def _gate_case(gate, label, x_shape, y_shape, dtype=np.float64):
    tolerance = 1e-4 if dtype == np.float32 else 1e-8
    name = f"{gate}, {label}"
    return Case(name, lambda rng: _two_inputs(rng, x_shape, y_shape, dtype), _run_gate(gate), tolerance=tolerance)


def _gate_cases(gate):
    return (
        _gate_case(gate, "two matrices", (3, 4), (3, 4)),
        _gate_case(gate, "two numbers", (), ()),
        _gate_case(gate, "a matrix and a row", (5, 3), (3,)),
        _gate_case(gate, "a column and a matrix", (4, 1), (4, 6)),
        _gate_case(gate, "float32", (4, 3), (3,), np.float32),
    )


add_and_multiply = Question(
    id="add_and_multiply",
    title="The gates add and multiply",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=2,
    importance=5,
    hints=(
        "If x grows by a small amount, by how much does the output grow? For a sum by as much; for a product by y "
        "times as much.",
        "First the gradient as if both inputs had the shape of the output, then your function from above brings it to "
        "the shape of the input.",
    ),
    implements=(
        f"{GATES}:add_forward",
        f"{GATES}:add_backward",
        f"{GATES}:multiply_forward",
        f"{GATES}:multiply_backward",
    ),
    builds_on=("sum_to_shape",),
    cases=(*_gate_cases("add"), *_gate_cases("multiply")),
)


def _tie_inputs(rng):
    inputs = _two_inputs(rng, (3, 5), (3, 5))
    return inputs | {"x": np.round(inputs["x"]), "y": np.round(inputs["x"] + rng.randint(-1, 2, (3, 5)))}


def _judge_ties(inputs, outputs):
    """At a tie any two shares are right that add up; elsewhere the larger one has it all."""
    x, y, dout = (inputs[name] for name in ("x", "y", "dout"))
    total = np.asarray(outputs["dx"]) + np.asarray(outputs["dy"])
    ties = x == y
    return [
        holds(
            "dx and dy add up to dout",
            total.shape == dout.shape and np.allclose(total, dout),
            f"{np.sum(ties)} of {ties.size} entries are ties",
            mistake="where x and y are equal, both inputs get the gradient, or neither does",
        )
    ]


max_gate = Question(
    id="max_gate",
    title="The gate max",
    notebook=NOTEBOOK,
    points=2,
    minutes=12,
    difficulty=2,
    importance=4,
    hints=(
        "A small change of the smaller input changes nothing. One of the larger input goes straight through.",
        "Make an array of True and False that says where x wins. True counts as 1 in a product; for y take the "
        "opposite.",
    ),
    implements=(f"{GATES}:max_forward", f"{GATES}:max_backward"),
    builds_on=("sum_to_shape",),
    cases=(
        *_gate_cases("max"),
        _gate_case("max", "a matrix and a number", (4, 5), ()),
        Case(
            "max, ties",
            _tie_inputs,
            _run_gate("max"),
            judge=_judge_ties,
            edge="inputs of ReLU are often 0 exactly, as where dropout came before; there every share is right as long "
            "as dx and dy add up to dout",
        ),
    ),
)


def _run_sigmoid(name):
    def run(x, dout):
        from cs231n import gates

        out, cache = getattr(gates, f"{name}_forward")(x)
        return {"out": out, "dx": getattr(gates, f"{name}_backward")(dout, cache)}

    return run


def _run_typed(x, dout):
    """With the bytes of an entry of the output, which tell float32 from float64."""
    outputs = _run_sigmoid("sigmoid")(x, dout)
    return outputs | {"bytes of an entry": np.asarray(outputs["out"]).itemsize}


def _run_loud(x, dout):
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        return _run_sigmoid("sigmoid")(x, dout)


def _sigmoid_inputs(rng, shape, scale, dtype=np.float64):
    return {"x": _cast(scale * rng.randn(*shape), dtype), "dout": _cast(1 + rng.randn(*shape), dtype)}


def _far_inputs(rng):
    inputs = _sigmoid_inputs(rng, (3, 4), 1.0)
    inputs["x"][:, :3] = rng.uniform(710, 900, (3, 1)) * [1, -1, 1]
    return inputs


sigmoid_gate = Question(
    id="sigmoid_gate",
    title="The sigmoid as one gate",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=2,
    importance=4,
    hints=(
        "Only exp of a negative number is safe. The absolute value of x makes one, and both halves of the curve can be "
        "written with it.",
        "The slope is the output times what the output lacks to 1. The cache holds the output, so the backward pass "
        "needs no exp.",
    ),
    implements=(f"{GATES}:sigmoid_forward", f"{GATES}:sigmoid_backward"),
    cases=(
        Case("a matrix", lambda rng: _sigmoid_inputs(rng, (3, 4), 2.0), _run_sigmoid("sigmoid")),
        Case("a number", lambda rng: _sigmoid_inputs(rng, (), 1.5), _run_sigmoid("sigmoid")),
        Case("from -900 to 900", _far_inputs, _run_sigmoid("sigmoid")),
        Case(
            "float32",
            lambda rng: _sigmoid_inputs(rng, (2, 3, 5), 2.0, np.float32),
            _run_typed,
            tolerance=1e-4,
        ),
        Case(
            "without a warning",
            _far_inputs,
            _run_loud,
            edge="1 / (1 + exp(800)) is 0, which is right, but NumPy warns of an overflow on the way; warnings that "
            "always come hide those that matter",
        ),
    ),
)

sigmoid_chain = Question(
    id="sigmoid_chain",
    title="The sigmoid as a chain of gates",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=2,
    importance=4,
    hints=(
        "Every gate of the chain is there already, forward and backward. Keep each cache under a name of its own.",
        "Backwards the order is the opposite: the gradient that one gate returns is the dout of the gate before it. "
        "Constants have gradients too, which nobody wants.",
    ),
    implements=(f"{GATES}:sigmoid_chain_forward", f"{GATES}:sigmoid_chain_backward"),
    builds_on=("add_and_multiply",),
    cases=(
        Case("a matrix", lambda rng: _sigmoid_inputs(rng, (4, 3), 2.0), _run_sigmoid("sigmoid_chain")),
        Case("a number", lambda rng: _sigmoid_inputs(rng, (), 1.5), _run_sigmoid("sigmoid_chain")),
        Case(
            "float32",
            lambda rng: _sigmoid_inputs(rng, (2, 5), 2.0, np.float32),
            _run_sigmoid("sigmoid_chain"),
            tolerance=1e-4,
        ),
    ),
)


# ---- the graph


def _nodes(parents, labels):
    """Values whose parents an array lists: row i has the numbers of those of value i, and -1 for none."""
    from cs231n.gates import Value

    nodes = []
    for label, row in zip(labels, parents, strict=True):
        nodes.append(Value(float(label), tuple(nodes[number] for number in row if number >= 0)))
    return nodes


def _order(parents, labels):
    """The labels of the values in the order that a learner's function gives; -1 for what is no value of the graph."""
    from cs231n.gates import topological_order

    nodes = _nodes(parents, labels)
    known = {id(node): label for node, label in zip(nodes, labels, strict=True)}
    return np.array([known.get(id(node), -1) for node in topological_order(nodes[-1])], dtype=int)


def _run_order(parents, labels):
    return {"order": _order(parents, labels)}


def _run_places(parents, labels):
    order = _order(parents, labels)
    places = np.full(len(labels), -1)
    places[order] = np.arange(len(order))
    return {"places": places, "length": len(order)}


def _graph_inputs(rng, rows):
    """Rows of numbers of parents as an array, and labels in a random order."""
    parents = np.full((len(rows), 2), -1)
    for row, numbers in zip(parents, rows, strict=True):
        row[: len(numbers)] = numbers
    return {"parents": parents, "labels": rng.permutation(len(rows))}


def _single_file(rng, length=13):
    """A graph with one order only: each value needs the one before, and one further back."""
    return _graph_inputs(rng, [(), (0,)] + [(int(rng.randint(i - 1)), i - 1) for i in range(2, length)])


def _branches(rng, length=15):
    """A graph with many orders, in which value 3 is near the output on one way and far from it on another."""
    rows = [(), (), (), (0, 1), (3, 2), (4, 3), (5, 5)]
    rows += [(i - 1, int(rng.randint(i))) for i in range(len(rows), length)]
    return _graph_inputs(rng, [*rows, (3, length - 1) if rng.rand() < 0.5 else (length - 1, 3)])


def _deep(rng, length=3000):
    return _graph_inputs(rng, [(), *((i,) for i in range(length))])


_INCOMPLETE = (
    "values are missing: the walk goes on to the parents of parents, and the list has the inputs and the output, too"
)
_STRANGERS = "the list has entries that are no values of the graph: append the Value itself, not its data"


def _judge_order(inputs, outputs):
    parents, labels, order = inputs["parents"], inputs["labels"], [int(label) for label in outputs["order"]]
    needed = {int(labels[number]) for number in _reached(parents, len(parents) - 1)}
    missing = needed - set(order)
    early, late = _wrong_ways(parents, labels, order)
    return [
        holds(
            "all values that the output was computed from are there",
            not missing,
            f"{len(missing)} of {len(needed)} are missing",
            mistake=_STRANGERS if -1 in order else _INCOMPLETE,
        ),
        holds(
            "each value is there once",
            sorted(order) == sorted(set(order)) and set(order) <= needed,
            f"the list has {len(order)} entries for {len(needed)} values",
            mistake="a value that was used several times is listed several times: keep a set of those that were seen",
        ),
        holds(
            "parents come before children",
            not early,
            *(f"the value {child} comes before its parent {parent}" for child, parent in early[:2]),
            mistake="a value is listed when it is first met, and that can be before all its parents are there: list it "
            "once the walk through its parents has come back"
            if late
            else "the list is in reverse order: children come before their parents",
        ),
    ]


def _wrong_ways(parents, labels, order):
    """The pairs of child and parent that are there in the wrong order, and those in the right one."""
    place = {label: i for i, label in reversed(list(enumerate(order)))}
    pairs = [(int(labels[n]), int(labels[p])) for n, row in enumerate(parents) for p in row if p >= 0]
    pairs = [(child, parent) for child, parent in pairs if child in place and parent in place]
    early = [pair for pair in pairs if place[pair[0]] < place[pair[1]]]
    return early, [pair for pair in pairs if pair not in early]


def _reached(parents, last):
    reached, waiting = set(), [last]
    while waiting:
        number = waiting.pop()
        if number not in reached:
            reached.add(number)
            waiting += [int(i) for i in parents[number] if i >= 0]
    return reached


topological_order = Question(
    id="topological_order",
    title="An order with parents first",
    notebook=NOTEBOOK,
    points=3,
    minutes=25,
    difficulty=3,
    importance=5,
    hints=(
        "Think of a function that visits a value: it visits the parents first, and only then adds the value itself to "
        "the list.",
        "A set of the values that were visited keeps each from being listed twice. Instead of a recursive function, a "
        "list of what still waits does it for deep graphs.",
    ),
    implements=(f"{GATES}:topological_order",),
    cases=(
        Case("many ways", _branches, _run_order, judge=_judge_order),
        Case("one way only", _single_file, _run_places),
        Case("one value", lambda rng: _graph_inputs(rng, [()]), _run_order, judge=_judge_order),
        Case(
            "a chain of 3,000 gates",
            _deep,
            _run_order,
            judge=_judge_order,
            edge="a recurrent network makes thousands of gates in a row, and Python's recursion ends near 1,000; a "
            "list of what waits has no such limit",
        ),
    ),
)


def _plus_forward(x, y):
    return x + y, None


def _plus_backward(dout, cache):
    return dout, dout  # the same array twice: a walk that adds in place would change both


def _times_forward(x, y):
    return x * y, (x, y)


def _times_backward(dout, cache):
    x, y = cache
    return dout * y, dout * x


def _bend_forward(x):
    out = np.tanh(x)
    return out, out


def _bend_backward(dout, out):
    return dout * (1 - out**2)


_PAIRS = {
    "plus": (_plus_forward, _plus_backward),
    "times": (_times_forward, _times_backward),
    "bend": (_bend_forward, _bend_backward),
}


def _run_backward(formula, x, y, dout=None):
    """Build a graph by a formula such as "plus 0 1; bend 2", whose numbers are those of values, and walk it back."""
    from cs231n.gates import Value, backward, gate

    values = [Value(x), Value(y)]
    for line in formula.split("; "):
        name, *numbers = line.split()
        values.append(gate(*_PAIRS[name])(*(values[int(number)] for number in numbers)))
    grads = backward(values[-1]) if dout is None else backward(values[-1], dout)
    outputs = {"dx": grads.get(values[0]), "dy": grads.get(values[1])}
    if len(values) > 4:
        outputs["dmiddle"] = grads.get(values[3])
    return outputs


def _backward_case(name, formula, shape=(3, 4), dtype=np.float64, with_dout=False, edge=""):
    def inputs(rng):
        drawn = {"formula": formula, "x": 0.4 + rng.randn(*shape), "y": 1.5 * rng.randn(*shape)}
        if with_dout:
            drawn["dout"] = 0.7 + rng.randn(*shape)
        return {key: value if key == "formula" else _cast(value, dtype) for key, value in drawn.items()}

    return Case(name, inputs, _run_backward, tolerance=1e-4 if dtype == np.float32 else 1e-8, edge=edge)


graph_backward = Question(
    id="graph_backward",
    title="Backward through any graph",
    notebook=NOTEBOOK,
    points=4,
    minutes=25,
    difficulty=3,
    importance=5,
    hints=(
        "Which end of the topological order has a gradient to begin with? When a value's turn comes, all that used it "
        "must have had theirs.",
        "parent_gradients of a value takes its own gradient. What it returns is added to what the parents have "
        "already, as a new array: others may hold the old one.",
    ),
    implements=(f"{GATES}:backward",),
    builds_on=("topological_order",),
    cases=(
        _backward_case("each value used once", "times 0 1; bend 2"),
        _backward_case("a value used twice", "times 0 1; bend 2; plus 2 3; times 4 2"),
        _backward_case("the same value twice in a gate", "plus 0 1; times 2 2; times 3 3; plus 4 3"),
        _backward_case(
            "a short way and a long way", "times 0 1; bend 2; times 3 2; plus 4 3; bend 5; times 6 0; plus 7 2"
        ),
        _backward_case("sums that share arrays", "plus 0 1; plus 2 0; plus 3 2; plus 1 4; plus 5 0"),
        _backward_case("numbers", "times 0 1; plus 2 0; times 3 1; plus 4 2", shape=()),
        _backward_case("a dout", "times 0 1; bend 2; plus 3 0; times 4 4", with_dout=True),
        _backward_case("float32", "times 0 1; bend 2; plus 3 0; times 4 4", (4, 5), np.float32),
    ),
)


def record_net():
    """The inputs of the net whose record the notebook walks back."""
    rng = np.random.RandomState(7)
    return {"x": rng.randn(5, 3), "w": rng.randn(3, 4), "b": rng.randn(4)}


def _judge_walk(grads):
    """Judge the gradients of sum(h * h + h) with h = x @ w + b."""
    net = record_net()
    x, w = net["x"], net["w"]
    h = x @ w + net["b"]
    expected = _grads_of(x, w, 2 * h + 1)
    given = grads if isinstance(grads, dict) else {}
    wrong_ways = {
        "a gradient takes the place of one that had arrived before: add them up": (1.0 + 0 * h, 2 * h, h, 1 + h),
        "h is the input of a product twice, so it gets two gradients from it: add both": (1 + h,),
    }
    findings = []
    for name, value in expected.items():
        got = given.get(name)
        fits = isinstance(got, np.ndarray) and got.shape == value.shape and got.dtype.kind == "f"
        close = fits and np.allclose(got, value, rtol=1e-8, atol=1e-10)
        why = next(
            (
                text
                for text, ways in wrong_ways.items()
                for dh in ways
                if fits and np.allclose(got, _grads_of(x, w, dh)[name])
            ),
            "follow the record from its end: each entry has the backward pass, the cache, and its inputs and outputs",
        )
        what = f"shape {got.shape}" if isinstance(got, np.ndarray) else type(got).__name__
        gap = f"{name}: expected shape {value.shape}, got {what}"
        if got is None:
            gap = f"grads has no entry '{name}': its keys are the names x, w and b, its values the gradients"
        if fits and not close:
            place = np.unravel_index(np.argmax(np.abs(got - value)), value.shape)
            where = ", ".join(str(int(i)) for i in place)
            gap = f"largest error at {name}[{where}]: expected {value[place]:.6g}, got {got[place]:.6g}"
        findings.append(holds(f"the gradient of {name} is right", close, gap, mistake=why))
    return findings


def _grads_of(x, w, dh):
    return {"x": dh @ w.T, "w": x.T @ dh, "b": dh.sum(axis=0)}


walk_back = Question(
    id="walk_back",
    title="Back over a record",
    notebook=NOTEBOOK,
    points=2,
    minutes=20,
    difficulty=3,
    importance=4,
    hints=(
        "The record is in the order of the calls, so it needs no sorting: an entry comes after all that it depends on.",
        "Take the entries from the last to the first, hand the gradient of each output to the backward pass, and give "
        "what it returns to those inputs that are nodes.",
    ),
    values=("grads",),
    judge=_judge_walk,
)


# ---- static graphs


def _plain(graph):
    """A learner's graph as plain values, which travel to the judge."""
    for number, step in enumerate(graph[0]):
        _require_step(number, step, len(graph[0]))
    if any(number >= len(graph[0]) for number in graph[1]):
        raise ValueError(f"the output v{max(graph[1])} is missing: the new graph has {len(graph[0])} steps only.")
    steps = [(str(step[0]), tuple(int(number) for number in step[1]), step[2]) for step in graph[0]]
    return {"steps": steps, "outputs": tuple(int(number) for number in graph[1])}


def _require_step(number, step, total):
    """Raise unless entry `number` of the steps is a step that reads earlier ones."""
    if not isinstance(step, tuple) or len(step) != 3 or not isinstance(step[0], str):
        raise TypeError(
            f'entry {number} of steps is {type(step).__name__}, expected a Step: Step("constant", setting=...)'
        )
    if not isinstance(step[1], tuple | list):
        raise TypeError(
            f"the inputs of step {number} are {type(step[1]).__name__}, expected numbers of steps: the value of a "
            'constant is its setting, Step("constant", setting=...)'
        )
    if step[0] == "constant" and step[1]:
        raise ValueError(f"step {number} is a constant with the inputs {step[1]}: a constant reads nothing, ().")
    if any(i >= number for i in step[1]):
        raise ValueError(
            f"step {number} reads v{max(step[1])}, which does not come before it: the new graph has {total} steps. "
            "Each step of the old graph needs one in the new graph, in the same place."
        )


def _value_of(step, values):
    """The value of one step of a plain graph; the judge's own arithmetic."""
    operation, numbers, setting = step
    arguments = [values[number] for number in numbers]
    if operation == "sum":
        return np.sum(arguments[0], axis=setting[0], keepdims=bool(setting[1]))
    return getattr(np, operation)(*arguments)


_KNOWN = ("add", "subtract", "multiply", "divide", "negative", "exp", "tanh", "maximum", "matmul", "sum")


def _observe_folded(inputs, outputs):
    """How many steps of a folded graph still compute something that counts, and what it returns."""
    steps, waiting, values = outputs["steps"][:200], [inputs["x"]], []
    for operation, numbers, setting in steps:
        if operation == "input":
            values.append(waiting.pop(0))
        elif operation == "constant":
            values.append(setting)
        elif operation in _KNOWN:
            values.append(_value_of((operation, numbers, setting), values))
        else:
            raise ValueError(f"{operation!r} is no operation of this graph")
    used = set(outputs["outputs"])
    for number, (_, numbers, _) in reversed(list(enumerate(steps))):
        if number in used:
            used |= set(numbers)
    left = [number for number in used if steps[number][0] not in ("input", "constant")]
    return {"out": values[outputs["outputs"][0]], "steps_left": len(left)}


def _run_folded(program, x, c, d):
    from cs231n.static_graph import fold_constants, read_graph

    return _plain(fold_constants(read_graph(program, (c, d))))


def _random_operations(rng, program):
    """The lines of a program in which UNARY and BINARY stand for operations that are drawn."""
    for word, names in (("UNARY", ("exp", "tanh", "negative")), ("BINARY", ("add", "multiply", "subtract"))):
        while word in program:
            program = program.replace(word, names[rng.randint(len(names))], 1)
    return np.array(program.split("; "))


def _program_inputs(rng, program, shapes=((3, 4), (4,), (3, 1)), dtype=np.float64):
    inputs = {name: (0.2 + 0.5 * rng.randn(*shape)).astype(dtype) for name, shape in zip("xcd", shapes, strict=True)}
    return {"program": _random_operations(rng, program)} | inputs


def _fold_case(name, program, shapes=((3, 4), (4,), (3, 1)), dtype=np.float64):
    return Case(
        name,
        lambda rng: _program_inputs(rng, program, shapes, dtype),
        _run_folded,
        tolerance=1e-4 if dtype == np.float32 else 1e-8,
        observe=_observe_folded,
    )


_ONE_FOLD = "v0 = input; v1 = constant c0; v2 = constant c1; v3 = subtract(v1, v2); v4 = BINARY(v0, v3); return v4"
_CASCADE = (
    "v0 = input; v1 = constant c0; v2 = UNARY(v1); v3 = constant 2.5; v4 = subtract(v3, v2); v5 = constant c1; "
    "v6 = divide(v5, v3); v7 = BINARY(v4, v6); v8 = UNARY(v7); v9 = multiply(v8, v0); v10 = add(v9, v4); return v10"
)
_NOTHING = (
    "v0 = input; v1 = constant c0; v2 = constant c1; v3 = BINARY(v0, v1); v4 = UNARY(v3); v5 = subtract(v2, v4); "
    "return v5"
)
_SETTINGS = (
    "v0 = input; v1 = constant c0; v2 = constant c1; v3 = BINARY(v1, v2); v4 = sum(v3, axis=0, keepdims=True); "
    "v5 = divide(v3, v4); v6 = sum(v5); v7 = multiply(v0, v6); v8 = add(v7, v5); return v8"
)
_NUMBERS = (
    "v0 = input; v1 = constant 3.0; v2 = constant 0.7; v3 = multiply(v1, v2); v4 = divide(v3, v1); "
    "v5 = subtract(v4, v1); v6 = BINARY(v0, v5); v7 = constant c0; v8 = add(v6, v7); v9 = constant c1; "
    "v10 = add(v8, v9); return v10"
)

fold_constants = Question(
    id="fold_constants",
    title="Folding constants",
    notebook=NOTEBOOK,
    points=3,
    minutes=20,
    difficulty=3,
    importance=4,
    hints=(
        "A step can be computed now if everything that it reads is known now. Once it is computed it is known, too.",
        "Go through the steps in order, build a new list, and look up what a step reads in the new list, not in the "
        "old one. An input reads nothing, yet it is not known.",
    ),
    implements=(f"{STATIC}:fold_constants",),
    cases=(
        _fold_case("one step to fold", _ONE_FOLD),
        _fold_case("folded steps lead to others", _CASCADE),
        _fold_case("nothing to fold", _NOTHING),
        _fold_case("sums with an axis", _SETTINGS),
        _fold_case("plain numbers", _NUMBERS),
        _fold_case("float32", _CASCADE, dtype=np.float32),
    ),
)


def _run_run(program, x, y, c):
    from cs231n.static_graph import read_graph, run_graph

    outputs = run_graph(read_graph(program, (c,)), [x, y])
    return {f"out {number}": value for number, value in enumerate(outputs)}


def _run_counted(program, x, y, c):
    """With a `compute` of the caller's, which notes what it is asked for."""
    from cs231n.static_graph import compute, read_graph, run_graph

    seen = []

    def noted(step, arguments):
        seen.append(len(arguments))
        return compute(step, list(arguments)) + 1000

    outputs = run_graph(read_graph(program, (c,)), [x, y], noted)
    return {"out": outputs[0], "calls": len(seen)}


def _run_inputs(rng, program, shapes=((3, 5), (5, 4), (4,))):
    drawn = {name: (0.3 + 0.5 * rng.randn(*shape)) for name, shape in zip("xyc", shapes, strict=True)}
    return {"program": _random_operations(rng, program)} | drawn


def _run_case(name, program, run=_run_run, shapes=((3, 5), (5, 4), (4,))):
    return Case(name, lambda rng: _run_inputs(rng, program, shapes), run)


run_graph = Question(
    id="run_graph",
    title="Running a static graph",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=2,
    importance=4,
    hints=(
        "Keep a list of values that grows by one with every step, so that the number of a step is the place of its "
        "value.",
        "There are three kinds of steps: an input takes the next of those that wait, a constant has its value in its "
        "setting, and for all others `compute` gets the values that they read.",
    ),
    implements=(f"{STATIC}:run_graph",),
    cases=(
        _run_case(
            "a small network",
            "v0 = input; v1 = input; v2 = matmul(v0, v1); v3 = constant c0; v4 = add(v2, v3); v5 = UNARY(v4); "
            "return v5",
        ),
        _run_case(
            "inputs between the steps",
            "v0 = constant c0; v1 = UNARY(v0); v2 = input; v3 = subtract(v2, v1); v4 = input; v5 = subtract(v4, v3); "
            "return v5",
            shapes=((3, 4), (3, 4), (4,)),
        ),
        _run_case(
            "several outputs, not in order",
            "v0 = input; v1 = input; v2 = matmul(v0, v1); v3 = sum(v2); v4 = constant 2.5; v5 = divide(v4, v2); "
            "v6 = UNARY(v5); return v6, v2, v3, v1",
        ),
        _run_case(
            "a compute of the caller's",
            "v0 = input; v1 = input; v2 = matmul(v0, v1); v3 = constant c0; v4 = subtract(v3, v2); return v4",
            _run_counted,
        ),
    ),
)


def _run_count(operation, x_shapes, y_shapes):
    from cs231n.static_graph import count_operations

    return {
        "counts": np.array(
            [_count(count_operations, operation, *pair) for pair in zip(x_shapes, y_shapes, strict=True)]
        )
    }


def _count(count_operations, operation, x_shape, y_shape):
    x_shape, y_shape = (tuple(int(size) for size in shape) for shape in (x_shape, y_shape))
    if operation == "matmul":
        return count_operations(operation, [x_shape, y_shape], (x_shape[0], y_shape[1]))
    if operation in ("sum", "exp"):
        return count_operations(operation, [x_shape], () if operation == "sum" else x_shape)
    return count_operations(operation, [x_shape, y_shape], np.broadcast_shapes(x_shape, y_shape))


def _count_inputs(rng, operation, number=12):
    sizes = rng.randint(2, 40, (number, 3))
    x_shapes = sizes[:, :2]
    y_shapes = sizes[:, 1:] if operation == "matmul" else x_shapes.copy()
    if operation == "multiply":  # a matrix and a row
        y_shapes = x_shapes[:, 1:]
    if operation == "exp":  # three axes
        x_shapes = y_shapes = sizes
    if operation == "add":  # a column and a row
        x_shapes, y_shapes = (np.where([True, False], x_shapes, 1), np.where([False, True], y_shapes, 1))
    return {"operation": operation, "x_shapes": x_shapes, "y_shapes": y_shapes}


def _count_case(name, operation):
    return Case(name, lambda rng: _count_inputs(rng, operation), _run_count)


count_operations = Question(
    id="count_operations",
    title="Counting operations",
    notebook=NOTEBOOK,
    points=1,
    minutes=10,
    difficulty=1,
    importance=3,
    hints=(
        "How often is something multiplied or added? For an entry of a matrix product, D products are added up.",
        "Three cases: twice N times D times M, the number of entries that go in, and for all others the number of "
        "those that come out.",
    ),
    implements=(f"{STATIC}:count_operations",),
    cases=(
        _count_case("matrix products", "matmul"),
        _count_case("a column plus a row", "add"),
        _count_case("a matrix times a row", "multiply"),
        _count_case("sums", "sum"),
        _count_case("exp", "exp"),
    ),
)


def _run_groups(program):
    from cs231n.static_graph import fusion_groups, read_graph

    return {"groups": np.array(fusion_groups(read_graph(program)))}


def _groups_case(name, program):
    return Case(name, lambda rng: {"program": _random_operations(rng, program)}, _run_groups)


fusion_groups = Question(
    id="fusion_groups",
    title="Which steps can run together",
    notebook=NOTEBOOK,
    points=3,
    minutes=30,
    difficulty=4,
    importance=3,
    hints=(
        "Whether a step joins depends on its readers, so their groups must be known first: in which direction do you "
        "go through the steps?",
        "Collect the groups of all readers in a set. One group alone, an elementwise step at its end, and a value that "
        "nobody outside wants: then the step joins.",
    ),
    implements=(f"{STATIC}:fusion_groups",),
    cases=(
        _groups_case(
            "a chain",
            "v0 = input; v1 = UNARY(v0); v2 = UNARY(v1); v3 = BINARY(v2, v0); v4 = UNARY(v3); v5 = sum(v4); "
            "v6 = UNARY(v5); v7 = UNARY(v6); return v7",
        ),
        _groups_case(
            "products in between",
            "v0 = input; v1 = input; v2 = UNARY(v0); v3 = UNARY(v2); v4 = matmul(v3, v1); v5 = UNARY(v4); "
            "v6 = BINARY(v5, v4); v7 = UNARY(v6); v8 = matmul(v7, v7); v9 = BINARY(v8, v7); return v9",
        ),
        _groups_case(
            "readers in one group, readers in two",
            "v0 = input; v1 = UNARY(v0); v2 = UNARY(v1); v3 = UNARY(v1); v4 = BINARY(v2, v3); v5 = UNARY(v0); "
            "v6 = sum(v5); v7 = BINARY(v5, v6); v8 = BINARY(v4, v7); v9 = UNARY(v8); return v9",
        ),
        _groups_case(
            "outputs on the way",
            "v0 = input; v1 = UNARY(v0); v2 = UNARY(v1); v3 = UNARY(v2); v4 = BINARY(v3, v2); v5 = UNARY(v4); "
            "v6 = UNARY(v5); return v6, v2, v4",
        ),
        _groups_case(
            "constants, and steps that nobody reads",
            "v0 = input; v1 = constant 2.5; v2 = BINARY(v0, v1); v3 = UNARY(v2); v4 = UNARY(v3); v5 = UNARY(v0); "
            "v6 = constant 0.5; v7 = BINARY(v4, v6); v8 = BINARY(v7, v1); return v8",
        ),
    ),
)

QUESTIONS = (
    sum_to_shape,
    add_and_multiply,
    max_gate,
    sigmoid_gate,
    sigmoid_chain,
    topological_order,
    graph_backward,
    walk_back,
    run_graph,
    count_operations,
    fold_constants,
    fusion_groups,
)
