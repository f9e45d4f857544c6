"""Static graphs: a function is traced once, its steps are improved, and then they run often.

`trace` calls a function with stand-ins that note what is done to them. What comes out is a list of steps without any
Python between them; it can be printed, counted, and improved before it runs. Abadi and others (2016), "TensorFlow: A
system for large-scale machine learning", build whole training steps in this way.

The number of a step is the number of its value: the inputs of a step are the numbers of earlier steps.

Examples
--------
>>> graph = trace(lambda x: np.exp(x * 2) + (3 - 1), np.array([0.0, 1.0]))
>>> print(describe(graph))
v0 = input
v1 = constant 2
v2 = multiply(v0, v1)
v3 = exp(v2)
v4 = constant 2
v5 = add(v3, v4)
return v5
>>> run_graph(graph, [np.array([0.0, 0.5])])[0].round(4)
array([3.    , 4.7183])
"""

import re
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from cs231n._errors import nearest

ELEMENTWISE = {
    function.__name__: function
    for function in (
        *(np.add, np.subtract, np.multiply, np.divide, np.negative, np.reciprocal, np.square, np.sqrt, np.absolute),
        *(np.exp, np.log, np.tanh, np.maximum, np.minimum),
        *(np.greater, np.greater_equal, np.less, np.less_equal, np.invert),
    )
}
"""The operations that treat each entry alike, by name; each counts as one operation an entry."""

OTHERS = {
    "matmul": lambda _, x, y: np.matmul(x, y),
    "sum": lambda setting, x: np.sum(x, axis=setting[0], keepdims=setting[1]),
    "transpose": lambda _, x: np.transpose(x),
    "reshape": lambda setting, x: np.reshape(x, setting),
}
"""The other operations, by name: functions of the step's setting and of its inputs."""

FREE = ("input", "constant", "guard", "transpose", "reshape")  # they compute no numbers
BLOCK = 32768  # entries that a fused step treats at a time: 256 KB in float64, so that a few of them fit into a cache


class GuardError(Exception):
    """A condition came out otherwise than when the graph was traced: the graph does not fit these inputs."""


class Step(NamedTuple):
    """One step of a graph.

    `operation` is "input", "constant", "guard", "fused" or the name of what is computed; `inputs` are the numbers of
    the values that it reads. `setting` is the value of a constant, the axis and keepdims of a sum, the shape of a
    reshape, what a guard found, or the graph inside a fused step.
    """

    operation: str
    inputs: tuple[int, ...] = ()
    setting: Any = None


class StaticGraph(NamedTuple):
    """Steps in the order in which they run, and the numbers of the values that are returned."""

    steps: tuple[Step, ...]
    outputs: tuple[int, ...]


# ---- from a function to a graph


def trace(function, *examples, guards=False):
    """Call a function once, and note the steps that it takes.

    Parameters
    ----------
    function : callable
        Uses operators, the NumPy functions of `ELEMENTWISE`, `@`, `sum`, `reshape` and `.T`; returns one value or a
        tuple.
    *examples : ndarray or number
        Inputs of the shapes and types for which the graph is meant. A condition sees their values: the graph has the
        branch that they take, and as many rounds of a loop as they need.
    guards : bool
        Whether to note each condition, so that a run on other inputs notices when it comes out otherwise.

    Returns
    -------
    StaticGraph

    Raises
    ------
    TypeError
        If the function does something that is not an operation of static graphs.

    Examples
    --------
    >>> graph = trace(lambda x: x * 2 if x > 0 else x, 5.0)
    >>> float(run_graph(graph, [-1.0])[0])  # the branch of 5.0
    -2.0
    """
    recorder = _Recorder(guards)
    results = function(*(recorder.note("input", (), None, example) for example in examples))
    results = results if isinstance(results, tuple) else (results,)
    outputs = tuple(recorder.number_of(result) for result in results)
    return StaticGraph(tuple(recorder.steps), outputs)


class _Recorder:
    """The steps so far."""

    def __init__(self, guards):
        self.guards, self.steps = guards, []

    def note(self, operation, inputs, setting, value):
        """Add a step, and return the stand-in for its value."""
        self.steps.append(Step(operation, inputs, setting))
        return _Traced(self, len(self.steps) - 1, value)

    def apply(self, operation, things, setting=None):
        """Add a step whose inputs are stand-ins or constants; it is computed for the example, too."""
        numbers = tuple(self.number_of(thing) for thing in things)
        values = [thing.value if isinstance(thing, _Traced) else thing for thing in things]
        return self.note(operation, numbers, setting, compute(Step(operation, numbers, setting), values))

    def number_of(self, thing):
        """The number of a value; what is no stand-in does not depend on the inputs, so it is a constant."""
        if isinstance(thing, _Traced):
            return thing.number
        if thing is None or isinstance(thing, list | dict | str):
            raise TypeError(
                f"the function uses or returns {type(thing).__name__}, expected arrays, numbers and traced values; "
                "several results belong into a tuple."
            )
        return self.note("constant", (), thing, thing).number


class _Traced(NDArrayOperatorsMixin):
    """Stands for a value while a function is traced; all operators end in `__array_ufunc__`."""

    def __init__(self, recorder, number, value):
        self.recorder, self.number, self.value = recorder, number, value

    shape = property(lambda self: np.shape(self.value))
    ndim = property(lambda self: np.ndim(self.value))
    size = property(lambda self: np.size(self.value))
    dtype = property(lambda self: np.result_type(self.value))
    T = property(lambda self: self.recorder.apply("transpose", (self,)))

    def __len__(self):
        return len(self.value)

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        if method == "reduce" and ufunc is np.add:
            return self.sum(options.get("axis", 0), keepdims=options.get("keepdims", False))
        if options.get("out") is not None:
            raise TypeError("a traced value cannot be changed in place: write x = x + y in place of x += y.")
        name = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
        if options or (name not in ELEMENTWISE and name not in OTHERS):
            raise TypeError(f"np.{name}{_no_operation(name)}")
        return self.recorder.apply(name, inputs)

    def __array__(self, *_, **__):
        raise TypeError("a traced value has no entries yet: use operators and the functions of ELEMENTWISE only.")

    def __bool__(self):
        outcome = bool(self.value)
        if self.recorder.guards:
            self.recorder.note("guard", (self.number,), outcome, None)
        return outcome

    def sum(self, axis=None, dtype=None, out=None, keepdims=False):
        """As `ndarray.sum`; np.sum calls it."""
        return self.recorder.apply("sum", (self,), (axis, bool(keepdims)))

    def reshape(self, *shape, order="C"):
        """As `ndarray.reshape`, row by row; np.reshape calls it."""
        if order != "C":
            raise TypeError(f"a traced value is reshaped in the order 'C' only, not {order!r}.")
        return self.recorder.apply("reshape", (self,), shape[0] if isinstance(shape[0], tuple) else shape)


def read_graph(program, constants=()):
    """Make a graph of lines as `describe` writes them.

    Parameters
    ----------
    program : str, or sequence of str
        A line for each step, or several with ";" between them; `constant 2.5` is a number, `constant c0` the first of
        `constants`.
    constants : sequence of ndarray

    Returns
    -------
    StaticGraph

    Raises
    ------
    ValueError
        If a line is not a step, or reads a value that comes later.

    Examples
    --------
    >>> graph = read_graph("v0 = input; v1 = constant 3; v2 = multiply(v0, v1); return v2")
    >>> run_graph(graph, [2])
    (6,)
    """
    text = program if isinstance(program, str) else "\n".join(program)
    *lines, last = [line.strip() for line in re.split(r"[;\n]", text) if line.strip()] or [""]
    if not last.startswith("return"):
        raise ValueError(f"the last line is {last!r}, expected something like 'return v1'.")
    steps = tuple(_read_step(number, line, constants) for number, line in enumerate(lines))
    return StaticGraph(steps, _numbers(last.removeprefix("return"), len(steps), last))


def _read_step(number, line, constants):
    match = re.fullmatch(rf"v{number} = (\w+)(?: (\S+)|\((.*)\))?", line)
    if not match:
        raise ValueError(f"line {number} is {line!r}, expected something like 'v{number} = add(v0, v1)'.")
    operation, constant, inputs = match.groups()
    if operation == "constant":
        return Step("constant", (), constants[int(constant[1:])] if constant[0] == "c" else _number(constant))
    _require_operation(operation)
    setting = _read_axis(inputs) if operation == "sum" else None
    return Step(operation, _numbers(inputs or "", number, line), setting)


def _read_axis(inputs):
    """The axis of a sum and whether it stays, from "v0, axis=1, keepdims=True"."""
    axis = re.search(r"axis=(\d+)", inputs)
    return (int(axis[1]) if axis else None), "keepdims=True" in inputs


def _number(text):
    return float(text) if "." in text or "e" in text else int(text)


def _numbers(text, below, line):
    """The numbers of values in a text such as "v0, v1"; each must exist already."""
    numbers = tuple(int(digits) for digits in re.findall(r"v(\d+)", text))
    if any(number >= below for number in numbers):
        raise ValueError(f"{line!r} reads a value that comes later: there are v0 to v{below - 1} so far.")
    return numbers


def describe(graph):
    """Write a graph as text: a line for each step, then what is returned."""
    lines = [f"v{number} = {_describe_step(step)}" for number, step in enumerate(graph.steps)]
    return "\n".join([*lines, "return " + ", ".join(f"v{number}" for number in graph.outputs)])


def _describe_step(step):
    if step.operation == "constant":
        is_number = isinstance(step.setting, Real)
        return f"constant {step.setting}" if is_number else f"constant of shape {np.shape(step.setting)}"
    name = step.operation
    if name == "fused":
        name = "fused " + " ".join(inner.operation for inner in step.setting.steps if inner.operation != "input")
    inputs = ", ".join(f"v{number}" for number in step.inputs)
    if name == "sum" and step.setting != (None, False):
        inputs += f", axis={step.setting[0]}, keepdims={step.setting[1]}"
    return f"{name}({inputs})" if inputs else name


# ---- running


def run_graph(graph, inputs, compute=None):
    """Run the steps of a graph, one after the other.

    Parameters
    ----------
    graph : StaticGraph
    inputs : sequence of ndarray or number
        One for each step "input", in their order.
    compute : callable, optional
        Takes a step and the list of the values that it reads, returns its value; `compute` of this module by default.

    Returns
    -------
    tuple
        The values of the graph's outputs.

    Raises
    ------
    ValueError
        If there are more or fewer inputs than the graph has.
    GuardError
        If the graph was traced for inputs that take another way.

    Examples
    --------
    >>> graph = trace(lambda x, y: (x + y) * y, 1.0, 1.0)
    >>> run_graph(graph, [2.0, 3.0])
    (15.0,)
    """
    compute = compute or _compute
    _require_inputs(graph, inputs)
    waiting = iter(inputs)
    ### BEGIN SOLUTION
    values = []
    for step in graph.steps:
        if step.operation == "input":
            values.append(next(waiting))
        elif step.operation == "constant":
            values.append(step.setting)
        else:
            values.append(compute(step, [values[number] for number in step.inputs]))
    outputs = tuple(values[number] for number in graph.outputs)
    ### END SOLUTION
    return outputs


def compute(step, arguments):
    """Compute the value of a step from the list of values that it reads.

    Plain numbers give a plain number, which takes the type of the array that it meets; one of NumPy's would turn an
    array of float32 into float64.

    Raises
    ------
    GuardError
        If the step is a guard, and its condition comes out otherwise.
    ValueError
        If the step is an input, a constant, or an operation that is not known.
    TypeError
        If a step is among the arguments in place of a value.

    Examples
    --------
    >>> compute(Step("add", (0, 1)), [2.0, 3.0])
    5.0
    """
    if any(isinstance(argument, Step) for argument in arguments):
        raise TypeError("compute got a Step among the arguments, expected values: that of a constant is its setting.")
    if step.operation in ELEMENTWISE:
        out = ELEMENTWISE[step.operation](*arguments)
        return out.item() if all(type(argument) in (int, float) for argument in arguments) else out
    if step.operation == "fused":
        return _run_fused(step.setting, arguments)
    if step.operation == "guard":
        return _check_guard(step, arguments[0])
    if step.operation not in OTHERS:
        raise ValueError(f"{step.operation!r}{_no_operation(step.operation)}")
    return OTHERS[step.operation](step.setting, *arguments)


_compute = compute  # under another name where a parameter is called compute


def _check_guard(step, condition):
    if bool(condition) != step.setting:
        raise GuardError(
            f"v{step.inputs[0]} is {bool(condition)}, but the graph was traced where it was {step.setting}"
        )


def _run_fused(graph, arguments):
    """Run elementwise steps on a block of rows at a time: what lies between them stays in the processor's cache.

    What the first block allocates is used again for all others.
    """
    rows, per_block = _rows(arguments)
    if rows <= per_block:
        return run_graph(graph, arguments)[0]
    by_row = _by_row(graph, arguments, rows)
    values = list(arguments)
    for step in graph.steps[len(arguments) :]:
        read = [_cut(values[i], by_row[i], slice(per_block)) for i in step.inputs]
        values.append(ELEMENTWISE[step.operation](*read))
    out = np.empty((rows, *values[-1].shape[1:]), values[-1].dtype)
    out[:per_block] = values[-1]
    for start in range(per_block, rows, per_block):
        stop = min(start + per_block, rows)
        now = [_cut(argument, cut, slice(start, stop)) for argument, cut in zip(arguments, by_row, strict=False)]
        now += [_cut(value, by_row[i], slice(stop - start)) for i, value in enumerate(values) if i >= len(arguments)]
        now[-1] = out[start:stop]
        for number in range(len(arguments), len(values)):
            step = graph.steps[number]
            if by_row[number]:
                ELEMENTWISE[step.operation](*(now[i] for i in step.inputs), out=now[number])
    return out


def _by_row(graph, arguments, rows):
    """For each value of the graph in a fused step, whether it has a row for each row of the output."""
    ndim = max(map(np.ndim, arguments))
    by_row = [np.ndim(argument) == ndim and len(argument) == rows for argument in arguments]
    for step in graph.steps[len(arguments) :]:
        by_row.append(any(by_row[number] for number in step.inputs))
    return by_row


def _cut(value, by_row, part):
    return value[part] if by_row else value


def _rows(arguments):
    """The rows of what arguments make together, and how many of them a block has."""
    shape = np.broadcast_shapes(*map(np.shape, arguments))
    if not shape or 0 in shape:
        return 1, 1
    return shape[0], max(1, BLOCK // int(np.prod(shape[1:])))


# ---- counting


def count_operations(operation, input_shapes, output_shape):
    """Count the arithmetic operations of a step from the shapes alone.

    An elementwise operation counts once for each entry of its output; a sum once for each entry of its input; a matrix
    product (N, D) @ (D, M) twice for each of its N D M products, as each is also added. What only moves or renames
    numbers (`FREE`) counts as 0.

    Parameters
    ----------
    operation : str
    input_shapes : list of tuple
    output_shape : tuple

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If there is no such operation.

    Notes
    -----
    The convention is that of Golub and Van Loan (2013), "Matrix Computations", section 1.1: a flop is one addition or
    one multiplication. exp counts once like any other, although it takes longer.

    Examples
    --------
    >>> count_operations("matmul", [(2, 3), (3, 4)], (2, 4))
    48
    """
    if operation in FREE:
        return 0
    _require_operation(operation)
    ### BEGIN SOLUTION
    if operation == "matmul":
        (N, D), (_, M) = input_shapes
        return 2 * N * D * M
    if operation == "sum":
        return int(np.prod(input_shapes[0]))
    return int(np.prod(output_shape))
    ### END SOLUTION


def measure(graph, inputs):
    """Run a graph, and count what it does.

    Parameters
    ----------
    graph : StaticGraph
    inputs : sequence of ndarray or number

    Returns
    -------
    dict
        ``steps``: how many steps compute something; ``operations``, as `count_operations` counts; ``bytes`` of all
        arrays that are made. Inside a fused step, the arrays are those of a single block.

    Examples
    --------
    >>> x = np.zeros((100, 3))
    >>> measure(trace(lambda x: np.exp(2 * x), x), [x])
    {'steps': 2, 'operations': 600, 'bytes': 4800}
    """
    counts = {"steps": 0, "operations": 0, "bytes": 0}

    def counted(step, arguments):
        out = compute(step, arguments)
        if step.operation not in FREE:
            counts["steps"] += 1
            counts["operations"] += _operations(step, arguments, out)
            counts["bytes"] += getattr(out, "nbytes", 0) + _bytes_inside(step, arguments)
        return out

    run_graph(graph, inputs, counted)
    return counts


def _operations(step, arguments, out):
    if step.operation == "fused":
        return measure(step.setting, arguments)["operations"]
    return count_operations(step.operation, [np.shape(argument) for argument in arguments], np.shape(out))


def _bytes_inside(step, arguments):
    """The bytes of the arrays that a fused step makes for itself: those of one block, but for the last, its output."""
    if step.operation != "fused":
        return 0
    rows, per_block = _rows(arguments)
    by_row = _by_row(step.setting, arguments, rows)
    block = [_cut(value, cut, slice(per_block)) for value, cut in zip(arguments, by_row, strict=False)]
    return measure(step.setting, block)["bytes"] - getattr(run_graph(step.setting, block)[0], "nbytes", 0)


# ---- improving


def bind(graph, values):
    """Fix some inputs of a graph for ever, such as the weights of a trained network.

    Parameters
    ----------
    graph : StaticGraph
    values : dict
        Maps the position of an input to its value.

    Returns
    -------
    StaticGraph
        With these inputs as constants.

    Raises
    ------
    ValueError
        If the graph has no input at a position.

    Examples
    --------
    >>> run_graph(bind(trace(lambda x, y: x - y, 1.0, 1.0), {1: 10.0}), [3.0])
    (-7.0,)
    """
    places = [number for number, step in enumerate(graph.steps) if step.operation == "input"]
    steps = list(graph.steps)
    for position, value in values.items():
        if position not in range(len(places)):
            raise ValueError(f"there is no input {position!r}: the graph has the inputs 0 to {len(places) - 1}.")
        steps[places[position]] = Step("constant", setting=value)
    return graph._replace(steps=tuple(steps))


def fold_constants(graph):
    """Compute once and for all what depends on constants alone.

    Parameters
    ----------
    graph : StaticGraph

    Returns
    -------
    StaticGraph
        With as many steps; each that reads nothing but constants has become a constant itself.

    Examples
    --------
    >>> graph = trace(lambda x, gamma, var: x * (gamma / np.sqrt(var + 1)), 1.0, 1.0, 1.0)
    >>> print(describe(drop_unused(fold_constants(bind(graph, {1: 6, 2: 8})))))
    v0 = input
    v1 = constant 2.0
    v2 = multiply(v0, v1)
    return v2
    """
    ### BEGIN SOLUTION
    steps = []
    for step in graph.steps:
        read = [steps[number] for number in step.inputs]  # as they are now: a folded step is a constant for the next
        if read and all(other.operation == "constant" for other in read):
            step = Step("constant", setting=compute(step, [other.setting for other in read]))
        steps.append(step)
    ### END SOLUTION
    return graph._replace(steps=tuple(steps))


def merge_common(graph):
    """Let steps that compute the same from the same values share one: the first of them.

    Examples
    --------
    >>> graph = trace(lambda x: np.exp(x) + np.exp(x), 1.0)
    >>> print(describe(drop_unused(merge_common(graph))))
    v0 = input
    v1 = exp(v0)
    v2 = add(v1, v1)
    return v2
    """
    first, renamed, steps = {}, [], []
    for number, step in enumerate(graph.steps):
        step = step._replace(inputs=tuple(renamed[i] for i in step.inputs))
        steps.append(step)
        renamed.append(number if step.operation == "input" else first.setdefault(_key(step), number))
    return StaticGraph(tuple(steps), tuple(renamed[i] for i in graph.outputs))


def _key(step):
    """What two steps must have in common to compute the same; arrays and graphs only equal themselves."""
    is_plain = isinstance(step.setting, (Real, tuple, type(None))) and step.operation != "fused"
    return step.operation, step.inputs, type(step.setting), step.setting if is_plain else id(step.setting)


def drop_unused(graph):
    """Leave out steps whose values nobody reads, and number the others anew; inputs and guards stay.

    Examples
    --------
    >>> print(describe(drop_unused(trace(lambda x: (np.exp(x), x + 1)[1], 1.0))))
    v0 = input
    v1 = constant 1
    v2 = add(v0, v1)
    return v2
    """
    used = set(graph.outputs)
    for number, step in reversed(list(enumerate(graph.steps))):
        if number in used or step.operation in ("input", "guard"):
            used |= {number, *step.inputs}
    renamed = {number: new for new, number in enumerate(sorted(used))}
    steps = (graph.steps[number] for number in sorted(used))
    steps = tuple(step._replace(inputs=tuple(renamed[i] for i in step.inputs)) for step in steps)
    return StaticGraph(steps, tuple(renamed[i] for i in graph.outputs))


def readers(graph):
    """For each value of a graph, the list of the steps that read it.

    Examples
    --------
    >>> readers(trace(lambda x, y: x * y + x, 1.0, 2.0))
    [[2, 3], [2], [3], []]
    """
    found = [[] for _ in graph.steps]
    for number, step in enumerate(graph.steps):
        for i in set(step.inputs):
            found[i].append(number)
    return found


def fusion_groups(graph):
    """Decide which elementwise steps run together: for each step, the number of the last step of its group.

    An elementwise step joins the group of its readers if it is no output, and if all that read it are elementwise and
    belong to one group: then nobody else needs its value, and it never has to be stored as a whole. Every other step
    is the last of its own group.

    Parameters
    ----------
    graph : StaticGraph

    Returns
    -------
    list of int

    Examples
    --------
    >>> graph = trace(lambda x: np.exp(-x) / (np.exp(-x) + 1).sum(), np.ones(3))
    >>> [step.operation for step in graph.steps]
    ['input', 'negative', 'exp', 'negative', 'exp', 'constant', 'add', 'sum', 'divide']
    >>> fusion_groups(graph)
    [0, 8, 8, 6, 6, 5, 6, 7, 8]
    """
    groups = list(range(len(graph.steps)))
    ### BEGIN SOLUTION
    read_by = readers(graph)
    for number in reversed(range(len(graph.steps))):  # so that the groups of the readers are known
        joined = {groups[reader] for reader in read_by[number]}
        if number in graph.outputs or len(joined) != 1 or graph.steps[number].operation not in ELEMENTWISE:
            continue
        [last] = joined
        if graph.steps[last].operation in ELEMENTWISE:
            groups[number] = last
    ### END SOLUTION
    return groups


def fuse(graph):
    """Make one step of each group of elementwise steps that `fusion_groups` finds.

    Examples
    --------
    >>> print(describe(fuse(trace(lambda x: np.exp(-x).sum() * 2, np.ones(3)))))
    v0 = input
    v1 = fused negative exp(v0)
    v2 = sum(v1)
    v3 = constant 2
    v4 = multiply(v2, v3)
    return v4
    """
    members = {}
    for number, last in enumerate(fusion_groups(graph)):
        members.setdefault(last, []).append(number)
    steps = list(graph.steps)
    for last, numbers in members.items():
        if len(numbers) > 1:
            steps[last] = _fused(graph, numbers)
    return drop_unused(graph._replace(steps=tuple(steps)))


def _fused(graph, numbers):
    """One step for several; the graph inside it has the values from outside as its inputs."""
    read = {i for number in numbers for i in graph.steps[number].inputs} - set(numbers)
    outside = tuple(sorted(read))
    renamed = {number: new for new, number in enumerate((*outside, *numbers))}
    inner = [graph.steps[number] for number in numbers]
    inner = [step._replace(inputs=tuple(renamed[i] for i in step.inputs)) for step in inner]
    steps = (*(Step("input") for _ in outside), *inner)
    return Step("fused", outside, StaticGraph(steps, (len(steps) - 1,)))


def optimise(graph):
    """Fold constants, merge what is computed twice, leave out what nobody reads, and fuse what can be."""
    return fuse(drop_unused(merge_common(fold_constants(graph))))


# ---- conditions


class Compiled:
    """A function that is traced when it has to be: for inputs of a new shape or type, or where a guard fails.

    Parameters
    ----------
    function : callable
        As `trace` takes it.

    Attributes
    ----------
    graphs : list of StaticGraph
        Those traced so far.

    Notes
    -----
    Guards and tracing again are how torch.compile deals with Python's conditions; Ansel and others (2024), "PyTorch 2:
    Faster machine learning through dynamic Python bytecode transformation and graph compilation".

    Examples
    --------
    >>> double_if_positive = Compiled(lambda x: x * 2 if x > 0 else x)
    >>> [float(double_if_positive(x)) for x in (5.0, 3.0, -1.0, 4.0)]
    [10.0, 6.0, -1.0, 8.0]
    >>> len(double_if_positive.graphs)
    2
    """

    def __init__(self, function):
        self.function, self._by_kind = function, {}

    @property
    def graphs(self):
        """The graphs traced so far."""
        return [graph for graphs in self._by_kind.values() for graph in graphs]

    def __call__(self, *inputs):
        """Run the first graph that fits; trace another one if there is none."""
        known = self._by_kind.setdefault(tuple((np.shape(x), np.result_type(x)) for x in inputs), [])
        for graph in known:
            try:
                return _single(run_graph(graph, inputs))
            except GuardError:
                continue
        known.append(optimise(trace(self.function, *inputs, guards=True)))
        return _single(run_graph(known[-1], inputs))


def _single(outputs):
    return outputs[0] if len(outputs) == 1 else outputs


# ---- errors


def _no_operation(name):
    if name in ("input", "constant"):
        return " is not an operation of static graphs: inputs and constants have their values without being computed."
    hint = "" if "." in name else nearest(name, [*ELEMENTWISE, *OTHERS])  # no hint for a method such as maximum.reduce
    return f" is not an operation of static graphs{hint}."


def _require_operation(name):
    if name not in ELEMENTWISE and name not in OTHERS and name != "input":
        raise ValueError(f"{name!r}{_no_operation(name)}")


def _require_inputs(graph, inputs):
    number = sum(step.operation == "input" for step in graph.steps)
    got = len(inputs) if hasattr(inputs, "__len__") else type(inputs).__name__
    if got != number:
        inputs_ = "input" if number == 1 else "inputs"
        raise ValueError(f"the graph has {number} {inputs_}, but got {got}: pass them as a list, in their order.")
