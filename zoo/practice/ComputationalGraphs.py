"""The functions of ComputationalGraphs as learners write them."""

import numpy as np

from cs231n import gates
from cs231n.static_graph import ELEMENTWISE, Step, compute, readers
from zoo import right, slips, wrong

# ---- sum_to_shape

slips(
    "sum_to_shape",
    (
        "the axes of length 1 vanish: keepdims=True leaves them where the input had them",
        "grad.sum(axis=stretched, keepdims=True)",
        "grad.sum(axis=stretched)",
    ),
    (
        "the axes in front are left: the input never had them, so they are summed away",
        "grad.sum(axis=tuple(range(grad.ndim - len(shape))))",
        "grad.sum(axis=tuple(range(grad.ndim - len(shape))), keepdims=True)",
    ),
    (
        "the copies are averaged: the uses of an input add up, however many they are",
        "grad.sum(axis=tuple(range(grad.ndim - len(shape))))",
        "grad.mean(axis=tuple(range(grad.ndim - len(shape))))",
        "grad.sum(axis=stretched, keepdims=True)",
        "grad.mean(axis=stretched, keepdims=True)",
    ),
    (
        "one of the copies is taken: all uses of an input count, so their gradients add up",
        "grad.sum(axis=tuple(range(grad.ndim - len(shape))))",
        "grad[(0,) * (grad.ndim - len(shape))]",
        "grad.sum(axis=stretched, keepdims=True)",
        "grad[tuple(slice(0, 1) if size == 1 else slice(None) for size in shape)]",
    ),
    (
        "the axes are matched from the left: broadcasting lines shapes up at their right ends",
        "grad.sum(axis=tuple(range(grad.ndim - len(shape))))",
        "grad.sum(axis=tuple(range(len(shape), grad.ndim)))",
    ),
    (
        "the axes of length 1 are left at full length: the input was stretched along them, too",
        "grad = grad.sum(axis=stretched, keepdims=True)",
        "pass",
    ),
    (
        "only the first of the axes of length 1 is summed: there can be several",
        "grad.sum(axis=stretched, keepdims=True)",
        "grad.sum(axis=stretched[:1], keepdims=True)",
    ),
    (
        "the gradient is cut to the shape by reshape: entries of copies have to be added up",
        "grad = grad.sum(axis=stretched, keepdims=True)",
        "grad = np.resize(grad, shape)",
    ),
)


@right("sum_to_shape")
def sum_axis_by_axis(grad, shape):
    while grad.ndim > len(shape):
        grad = grad.sum(axis=0)
    for axis, size in enumerate(shape):
        if size == 1:
            grad = grad.sum(axis=axis, keepdims=True)
    return grad


@right("sum_to_shape")
def sum_by_einsum(grad, shape):
    padded = (1,) * (grad.ndim - len(shape)) + tuple(shape)
    letters = "abcdefgh"[: grad.ndim]
    kept = "".join(letter for letter, size in zip(letters, padded, strict=True) if size > 1)
    return np.asarray(np.einsum(f"{letters}->{kept}", grad)).reshape(shape)


@right("sum_to_shape")
def sum_entry_by_entry(grad, shape):
    total = np.zeros(shape, grad.dtype)
    spread = np.broadcast_to(np.arange(total.size).reshape(shape), grad.shape)
    np.add.at(total.reshape(-1), spread.ravel(), grad.ravel())
    return total


# ---- add_and_multiply

ADD, ADD_BACK, MULTIPLY, MULTIPLY_BACK = (
    f"cs231n.gates:{name}" for name in ("add_forward", "add_backward", "multiply_forward", "multiply_backward")
)


@wrong("add_and_multiply", "the sum is a product", target=ADD)
def add_multiplies(x, y):
    return x * y, (np.shape(x), np.shape(y))


@wrong("add_and_multiply", "the gradient is halved: both inputs of a sum get all of dout", target=ADD_BACK)
def add_shares(dout, cache):
    return tuple(gates.sum_to_shape(dout / 2, shape) for shape in cache)


@wrong(
    "add_and_multiply",
    "dy has the shape of dout, or of x: sum_to_shape brings it to the shape of y",
    target=ADD_BACK,
)
def add_without_sum_for_y(dout, cache):
    return gates.sum_to_shape(dout, cache[0]), dout


@wrong("add_and_multiply", "y gets -dout, as in a difference", target=ADD_BACK)
def add_subtracts(dout, cache):
    return gates.sum_to_shape(dout, cache[0]), -gates.sum_to_shape(dout, cache[1])


@wrong(
    "add_and_multiply",
    "dx and dy have the shape of dout: sum_to_shape brings them to that of the inputs",
    target=ADD_BACK,
)
def add_without_sums(dout, cache):
    return dout, dout


@wrong(
    "add_and_multiply",
    "the gradients of a sum are ones: they are dout, as every gradient is passed on",
    target=ADD_BACK,
)
def add_ignores_dout(dout, cache):
    return np.ones(cache[0]), np.ones(cache[1])


@wrong(
    "add_and_multiply",
    "dx and dy are swapped: each input gets dout times the other one, not times itself",
    target=MULTIPLY_BACK,
)
def multiply_by_itself(dout, cache):
    x, y = cache
    return gates.sum_to_shape(dout * x, np.shape(x)), gates.sum_to_shape(dout * y, np.shape(y))


@wrong(
    "add_and_multiply",
    "dout is missing in the gradients of a product: multiply the other input by it",
    target=MULTIPLY_BACK,
)
def multiply_without_dout(dout, cache):
    x, y = cache
    ones = np.ones(np.shape(dout))
    return gates.sum_to_shape(ones * y, np.shape(x)), gates.sum_to_shape(ones * x, np.shape(y))


@wrong(
    "add_and_multiply",
    "the gradients are the other input alone: multiply it by dout, then bring it to the shape by sum_to_shape",
    target=MULTIPLY_BACK,
)
def multiply_hands_out_the_inputs(dout, cache):
    x, y = cache
    return y, x


@wrong(
    "add_and_multiply",
    "dx and dy have the shape of dout: sum_to_shape brings them to that of the inputs",
    target=MULTIPLY_BACK,
)
def multiply_without_sums(dout, cache):
    x, y = cache
    return dout * y, dout * x


@wrong(
    "add_and_multiply",
    "dout is summed before it meets the other input: first the product, then the sum over the copies",
    target=MULTIPLY_BACK,
)
def multiply_sums_first(dout, cache):
    x, y = cache
    dx = gates.sum_to_shape(dout, np.shape(x)) * gates.sum_to_shape(y + 0 * dout, np.shape(x))
    dy = gates.sum_to_shape(dout, np.shape(y)) * gates.sum_to_shape(x + 0 * dout, np.shape(y))
    return dx, dy


@wrong(
    "add_and_multiply", "the product is a matrix product or a sum of products: multiply entry by entry", target=MULTIPLY
)
def multiply_totals(x, y):
    return np.sum(x * y) + 0 * (x * y), (x, y)


@right("add_and_multiply", target=ADD_BACK)
def add_by_product_with_one(dout, cache):
    return tuple(gates.sum_to_shape(1.0 * dout, shape) for shape in cache)


def _multiply_other_cache(x, y):
    return np.multiply(x, y) if np.ndim(x) or np.ndim(y) else x * y, {"y": y, "x": x}


@right("add_and_multiply", target=MULTIPLY_BACK, beside={MULTIPLY: _multiply_other_cache})
def multiply_with_a_dict(dout, cache):
    dx, dy = np.multiply(cache["y"], dout), np.multiply(cache["x"], dout)
    return gates.sum_to_shape(dx, np.shape(cache["x"])), gates.sum_to_shape(dy, np.shape(cache["y"]))


@right("max_gate")
def max_by_where(x, y):
    return np.where(x >= y, x, y), (x, y)


# ---- max_gate

MAX_BACK = "cs231n.gates:max_backward"


def _max_shares(dout, cache, x_share, y_share):
    x, y = cache
    return gates.sum_to_shape(dout * x_share, np.shape(x)), gates.sum_to_shape(dout * y_share, np.shape(y))


@wrong("max_gate", "out is the smaller one of the two")
def max_is_min(x, y):
    return np.minimum(x, y), (x, y)


@wrong("max_gate", "out is a ReLU of x: y can be any number", target=None)
def max_with_zero(x, y):
    return np.maximum(x, 0) + 0 * y, (x, y)


@wrong("max_gate", "out is the larger one by size: -3 is less than 1", target=None)
def max_by_size(x, y):
    return np.where(np.abs(x) >= np.abs(y), x, y), (x, y)


@wrong("max_gate", "dx and dy are swapped: the smaller one gets the gradient", target=MAX_BACK)
def max_to_the_smaller(dout, cache):
    return _max_shares(dout, cache, cache[0] < cache[1], cache[0] >= cache[1])


@wrong("max_gate", "both get the gradient: the smaller one has no influence on the output", target=MAX_BACK)
def max_to_both(dout, cache):
    return _max_shares(dout, cache, 1.0, 1.0)


@wrong("max_gate", "each gets half of the gradient: the larger one gets all of it", target=MAX_BACK)
def max_shared(dout, cache):
    return _max_shares(dout, cache, 0.5, 0.5)


@wrong("max_gate", "the gradient is multiplied by the input, as if the gate were a product", target=MAX_BACK)
def max_times_input(dout, cache):
    x, y = cache
    return _max_shares(dout, cache, x * (x >= y), y * (x < y))


@wrong("max_gate", "dout is missing: the larger one gets dout, not 1", target=MAX_BACK)
def max_without_dout(dout, cache):
    return _max_shares(np.ones(np.shape(dout)), cache, cache[0] >= cache[1], cache[0] < cache[1])


@wrong(
    "max_gate",
    "~ of a plain True is -2, not False: write the opposite comparison for y, x < y",
    target=MAX_BACK,
)
def max_with_a_tilde(dout, cache):
    x_wins = cache[0] >= cache[1]
    return _max_shares(dout, cache, x_wins, np.where(x_wins, -2, -1) if np.ndim(x_wins) == 0 else ~x_wins)


@wrong("max_gate", "y is compared with 0 in place of x", target=MAX_BACK)
def max_compares_y_with_zero(dout, cache):
    return _max_shares(dout, cache, cache[0] >= cache[1], np.asarray(cache[1]) > 0)


@wrong("max_gate", "x is compared with 0 in place of y", target=MAX_BACK)
def max_compares_with_zero(dout, cache):
    return _max_shares(dout, cache, np.asarray(cache[0]) > 0, ~(np.asarray(cache[0]) > 0))


@wrong("max_gate", "y never gets a gradient: where it is the larger one, it gets dout", target=MAX_BACK)
def max_forgets_y(dout, cache):
    return _max_shares(dout, cache, cache[0] >= cache[1], 0.0)


@right("max_gate", target=MAX_BACK)
def max_y_wins_ties(dout, cache):
    return _max_shares(dout, cache, cache[0] > cache[1], cache[0] <= cache[1])


@right("max_gate", target=MAX_BACK, edge="both inputs get the gradient, or neither does")
def max_ties_to_both(dout, cache):
    return _max_shares(dout, cache, cache[0] >= cache[1], cache[0] <= cache[1])


@right("max_gate", target=MAX_BACK)
def max_shares_ties(dout, cache):
    share = (1 + np.sign(np.subtract(*cache))) / 2
    return _max_shares(dout, cache, share, 1 - share)


# ---- sigmoid_gate

SIGMOID_BACK = "cs231n.gates:sigmoid_backward"


@wrong("sigmoid_gate", "exp overflows where x is large: use exp(-x) there, or exp of minus the absolute value")
def sigmoid_of_large(x):
    out = np.exp(x) / (1 + np.exp(x))
    return out, out


@wrong("sigmoid_gate", "the sign of x is missing: the curve rises, as exp(-x) falls")
def sigmoid_mirrored(x):
    small = np.exp(-np.abs(x))
    out = np.where(x >= 0, small, 1) / (1 + small)
    return out, out


@wrong("sigmoid_gate", "1 / 1 + exp(-x) is 1 + exp(-x): put 1 + exp(-x) into brackets")
def sigmoid_without_brackets(x):
    out = 1 / 1 + np.exp(-x)
    return out, out


@wrong("sigmoid_gate", "out is float64 for x in float32: np.zeros makes float64 unless it is told the dtype of x")
def sigmoid_in_float64(x):
    out = 0.5 + 0.5 * np.tanh(0.5 * np.asarray(x, np.float64))
    return out, out


@wrong("sigmoid_gate", "the curve is that of tanh, from -1 to 1")
def sigmoid_is_tanh(x):
    return np.tanh(x), np.tanh(x)


@wrong("sigmoid_gate", "for x below 0 the curve is that of x above 0: it needs exp(x) / (1 + exp(x)) there")
def sigmoid_even(x):
    out = 1 / (1 + np.exp(-np.abs(x)))
    return out, out


@wrong("sigmoid_gate", "x is clipped too early: the curve is still rising at 5")
def sigmoid_clipped(x):
    out = 1 / (1 + np.exp(-np.clip(x, -1, 1)))
    return out, out


slips(
    "sigmoid_gate",
    ("the curve is twice too wide: exp of x, not of half of it", "np.exp(-np.abs(x))", "np.exp(-np.abs(x) / 2)"),
)


@wrong("sigmoid_gate", "the gradient is out * (1 - out) without dout", target=SIGMOID_BACK)
def sigmoid_without_dout(dout, out):
    return out * (1 - out)


@wrong("sigmoid_gate", "the gradient is that of tanh, 1 - out^2", target=SIGMOID_BACK)
def sigmoid_slope_of_tanh(dout, out):
    return dout * (1 - out**2)


@wrong(
    "sigmoid_gate", "the sigmoid is applied to the output again: the cache is the output, not x", target=SIGMOID_BACK
)
def sigmoid_of_output(dout, out):
    again = 1 / (1 + np.exp(-out))
    return dout * again * (1 - again)


@wrong("sigmoid_gate", "the factor out is missing", target=SIGMOID_BACK)
def sigmoid_rest_alone(dout, out):
    return dout * (1 - out)


@wrong("sigmoid_gate", "the factor 1 - out is missing", target=SIGMOID_BACK)
def sigmoid_without_rest(dout, out):
    return dout * out


@right("sigmoid_gate", edge="NumPy warns of an overflow")
def sigmoid_by_the_book(x):
    out = 1 / (1 + np.exp(-x))
    return out, out


@right("sigmoid_gate")
def sigmoid_by_tanh(x):
    out = 0.5 + 0.5 * np.tanh(0.5 * x)
    return out, out


@right("sigmoid_gate")
def sigmoid_by_logaddexp(x):
    out = np.exp(-np.logaddexp(0, -x))
    return out, out


@right("sigmoid_gate", target=SIGMOID_BACK)
def sigmoid_slope_expanded(dout, out):
    return dout * (out - out * out)


# ---- sigmoid_chain

CHAIN_BACK = "cs231n.gates:sigmoid_chain_backward"

slips(
    "sigmoid_chain",
    ("the gate times -1 is missing: the curve falls", "multiply_forward(x, -1.0)", "multiply_forward(x, 1.0)"),
    ("the 1 is missing: the chain is 1 / exp(-x)", "add_forward(power, 1.0)", "add_forward(power, 0.0)"),
    ("the last gate is missing: out is 1 / bottom", "return out, cache", "return bottom, cache"),
    (
        "exp gets x: it must get what the gate times -1 has made of it",
        "exp_forward(negative)",
        "exp_forward(-negative)",
    ),
    (
        "exp is the first gate, and its result is made negative: first times -1, then exp",
        "multiply_forward(x, -1.0)",
        "exp_forward(x)",
        "exp_forward(negative)",
        "multiply_forward(negative, -1.0)",
        "cache = (multiply_cache, exp_cache",
        "cache = (exp_cache, multiply_cache",
    ),
    ("1 is subtracted: the third gate adds it", "add_forward(power, 1.0)", "add_forward(power, -1.0)"),
)


@wrong("sigmoid_chain", "the gate exp is left out on the way back", target=CHAIN_BACK)
def chain_without_exp(dout, cache):
    dbottom = gates.reciprocal_backward(dout, cache[3])
    dpower, _ = gates.add_backward(dbottom, cache[2])
    return gates.multiply_backward(dpower, cache[0])[0]


@wrong("sigmoid_chain", "the gate times -1 is left out on the way back: the sign is flipped", target=CHAIN_BACK)
def chain_without_sign(dout, cache):
    dbottom = gates.reciprocal_backward(dout, cache[3])
    dpower, _ = gates.add_backward(dbottom, cache[2])
    return gates.exp_backward(dpower, cache[1])


@wrong("sigmoid_chain", "the gate 1 / x is left out on the way back", target=CHAIN_BACK)
def chain_without_reciprocal(dout, cache):
    dpower, _ = gates.add_backward(dout, cache[2])
    return gates.multiply_backward(gates.exp_backward(dpower, cache[1]), cache[0])[0]


@wrong("sigmoid_chain", "dout is not used: it is what the last gate begins with", target=CHAIN_BACK)
def chain_from_one(dout, cache):
    dbottom = gates.reciprocal_backward(np.ones(np.shape(dout)), cache[3])
    dpower, _ = gates.add_backward(dbottom, cache[2])
    return gates.multiply_backward(gates.exp_backward(dpower, cache[1]), cache[0])[0]


@wrong(
    "sigmoid_chain",
    "the gates run in forward order on the way back, with each other's caches: the last gate comes first",
    target=CHAIN_BACK,
)
def chain_caches_mixed_up(dout, cache):
    dbottom = gates.reciprocal_backward(dout, cache[1])
    dpower, _ = gates.add_backward(dbottom, cache[2])
    return gates.multiply_backward(gates.exp_backward(dpower, cache[3]), cache[0])[0]


@wrong("sigmoid_chain", "the gradients of the gates are added up: along a chain they multiply", target=CHAIN_BACK)
def chain_adds(dout, cache):
    dbottom = gates.reciprocal_backward(dout, cache[3])
    dpower = gates.exp_backward(dout, cache[1])
    return dbottom + dpower - dout


@right("sigmoid_chain", target=CHAIN_BACK)
def chain_by_hand(dout, cache):
    out, power = cache[3], cache[1]
    return dout * -(out**2) * power * -1.0


def _chain_in_a_list(x):
    caches = []
    for forward, other in (
        (gates.multiply_forward, (-1.0,)),
        (gates.exp_forward, ()),
        (gates.add_forward, (1.0,)),
        (gates.reciprocal_forward, ()),
    ):
        x, cache = forward(x, *other)
        caches.append(cache)
    return x, caches


@right("sigmoid_chain", target=CHAIN_BACK, beside={"cs231n.gates:sigmoid_chain_forward": _chain_in_a_list})
def chain_in_a_loop(dout, caches):
    backwards = (gates.multiply_backward, gates.exp_backward, gates.add_backward, gates.reciprocal_backward)
    for backward, cache in zip(reversed(backwards), reversed(caches), strict=True):
        dout = backward(dout, cache)
        dout = dout[0] if isinstance(dout, tuple) else dout
    return dout


# ---- topological_order


@wrong(
    "topological_order",
    "a value is listed when it is first met, and that can be before all its parents are there: list it once the walk "
    "through its parents has come back",
    rule="when it is first met",
)
def order_breadth_first(output):
    order, waiting = [], [output]
    while waiting:
        node = waiting.pop(0)
        if node not in order:
            order.append(node)
            waiting += node.parents
    return order[::-1]


@wrong(
    "topological_order",
    "a value is listed before the walk through its parents, and the list is turned around: with two ways to a value "
    "that is not the same",
    rule="when it is first met",
)
def order_preorder_turned(output):
    order, seen = [], set()

    def visit(node):
        if node not in seen:
            seen.add(node)
            order.append(node)
            for parent in node.parents:
                visit(parent)

    visit(output)
    return order[::-1]


@wrong("topological_order", "the list is in reverse order: children come before their parents", rule="in reverse order")
def order_children_first(output):
    return gates_order(output)[::-1]


@wrong(
    "topological_order",
    "a value that was used several times is listed several times: keep a set of those that were seen",
    rule="listed several times",
)
def order_with_repeats(output):
    order = []
    for parent in output.parents:
        order += order_with_repeats(parent)
    return [*order, output]


@wrong(
    "topological_order", "only the output and its parents are listed: go on to their parents", rule="values are missing"
)
def order_of_the_family(output):
    return [*dict.fromkeys(output.parents), output]


@wrong(
    "topological_order", "the inputs are left out: a value without parents is listed, too", rule="values are missing"
)
def order_without_inputs(output):
    return [node for node in gates_order(output) if node.parents or node is output]


@wrong("topological_order", "the output is left out: it is the last of the list", rule="values are missing")
def order_without_output(output):
    return gates_order(output)[:-1]


@wrong("topological_order", "only the first parent is followed", rule="values are missing")
def order_of_first_parents(output):
    order = [output]
    while order[0].parents:
        order.insert(0, order[0].parents[0])
    return order


def gates_order(output):
    """A right order, by a recursive visit."""
    order, seen = [], set()

    def visit(node):
        if node not in seen:
            seen.add(node)
            for parent in node.parents:
                visit(parent)
            order.append(node)

    visit(output)
    return order


@wrong(
    "topological_order",
    "the list has the data of the values: append the Value itself",
    rule="entries that are no values of the graph",
)
def order_of_data(output):
    return [node.data for node in gates_order(output)]


@right("topological_order", edge="Python's recursion ends near 1,000")
def order_recursive(output):
    return gates_order(output)


@right("topological_order")
def order_by_counting_children(output):
    """Kahn's algorithm from the output: a value is free once all its children are listed."""
    reached, waiting = {output}, [output]
    children = {output: 0}
    while waiting:
        for parent in set(waiting.pop().parents):
            children[parent] = children.get(parent, 0) + 1
            if parent not in reached:
                reached.add(parent)
                waiting.append(parent)
    order, free = [], [output]
    while free:
        node = free.pop()
        order.append(node)
        for parent in set(node.parents):
            children[parent] -= 1
            if not children[parent]:
                free.append(parent)
    return order[::-1]


@right("topological_order")
def order_by_waiting_for_parents(output):
    """A value stays on top of the pile until all its parents are listed."""
    order, done, pile = [], set(), [output]
    while pile:
        node = pile[-1]
        left = [parent for parent in node.parents if parent not in done]
        if left:
            pile.append(left[0])
        else:
            pile.pop()
            if node not in done:
                done.add(node)
                order.append(node)
    return order


# ---- graph_backward

slips(
    "graph_backward",
    (
        "a gradient takes the place of one that had arrived before: where a value was used twice, add them up",
        "grads[parent] + dparent if parent in grads else dparent",
        "dparent",
    ),
    (
        "the first gradient that arrives is kept, and later ones are lost: add them up",
        "grads[parent] + dparent if parent in grads else dparent",
        "grads[parent] if parent in grads else dparent",
    ),
    (
        "gradients that arrive at one value are multiplied: they add up; along a chain they multiply",
        "grads[parent] + dparent",
        "grads[parent] * dparent",
    ),
    (
        "gradients that arrive at one value are averaged: they add up",
        "grads[parent] + dparent",
        "(grads[parent] + dparent) / 2",
    ),
    (
        "every value gets the gradient of the output: hand each its own, grads[node]",
        "node.parent_gradients(grads[node])",
        "node.parent_gradients(doutput)",
    ),
    (
        "the gradients of the two parents are swapped",
        "zip(node.parents, node",
        "zip(node.parents[::-1], node",
    ),
)


@wrong(
    "graph_backward",
    "gradients are added in place (+=) although another value has the same array: write a new one, grads[p] + dp",
)
def backward_in_place(output, doutput=None):
    grads = {output: np.ones_like(output.data) if doutput is None else doutput}
    for node in reversed(gates.topological_order(output)):
        for parent, dparent in zip(node.parents, node.parent_gradients(grads[node]), strict=True):
            if parent in grads:
                grads[parent] += dparent
            else:
                grads[parent] = dparent
    return grads


@wrong(
    "graph_backward",
    "a value passes its gradient on before all of it has arrived: go through the topological order from its end",
)
def backward_breadth_first(output, doutput=None):
    grads, waiting, seen = {output: np.ones_like(output.data) if doutput is None else doutput}, [output], set()
    while waiting:
        node = waiting.pop(0)
        if node in seen:
            continue
        seen.add(node)
        for parent, dparent in zip(node.parents, node.parent_gradients(grads[node]), strict=True):
            grads[parent] = grads[parent] + dparent if parent in grads else dparent
        waiting += node.parents
    return grads


@wrong(
    "graph_backward", "the walk ends too early: each value of the topological order hands gradients on to its parents"
)
def backward_of_one_gate(output, doutput=None):
    grads = {output: np.ones_like(output.data) if doutput is None else doutput}
    for parent, dparent in zip(output.parents, output.parent_gradients(grads[output]), strict=True):
        grads[parent] = grads[parent] + dparent if parent in grads else dparent
    return grads


@wrong("graph_backward", "a value passes on what it has so far each time that something arrives, so parts count twice")
def backward_passes_on_sums(output, doutput=None):
    grads = {output: np.ones_like(output.data) if doutput is None else doutput}

    def visit(node):
        for parent, dparent in zip(node.parents, node.parent_gradients(grads[node]), strict=True):
            grads[parent] = grads.get(parent, 0) + dparent
            visit(parent)

    visit(output)
    return grads


@wrong("graph_backward", "parent_gradients gets the value of the node: hand it the node's gradient, grads[node]")
def backward_of_data(output, doutput=None):
    grads = {output: np.ones_like(output.data) if doutput is None else doutput}
    for node in reversed(gates.topological_order(output)):
        for parent, dparent in zip(node.parents, node.parent_gradients(node.data), strict=True):
            grads[parent] = grads[parent] + dparent if parent in grads else dparent
    return grads


@wrong("graph_backward", "doutput is not used: the output begins with it")
def backward_from_ones(output, doutput=None):
    return backward_by_recursion(output)


@wrong("graph_backward", "a value that a gate uses twice gets the gradient of one use only")
def backward_by_dict(output, doutput=None):
    grads = {output: np.ones_like(output.data) if doutput is None else doutput}
    for node in reversed(gates.topological_order(output)):
        for parent, dparent in dict(zip(node.parents, node.parent_gradients(grads[node]), strict=True)).items():
            grads[parent] = grads.get(parent, 0) + dparent
    return grads


@right("graph_backward")
def backward_by_recursion(output, doutput=None):
    """Along every path from the output: right, but exponential in graphs with many paths."""
    grads = {}

    def visit(node, dout):
        grads[node] = grads.get(node, 0) + dout
        for parent, dparent in zip(node.parents, node.parent_gradients(dout), strict=True):
            visit(parent, dparent)

    visit(output, np.ones_like(output.data) if doutput is None else doutput)
    return grads


@right("graph_backward")
def backward_by_lists(output, doutput=None):
    """What arrives at a value is collected, and added up when its turn comes."""
    arrived = {output: [np.ones_like(output.data) if doutput is None else doutput]}
    grads = {}
    for node in gates.topological_order(output)[::-1]:
        grads[node] = sum(arrived[node])
        for parent, dparent in zip(node.parents, node.parent_gradients(grads[node]), strict=True):
            arrived.setdefault(parent, []).append(dparent)
    return grads


@right("graph_backward")
def backward_with_zeros(output, doutput=None):
    """Every gradient begins as zeros."""
    order = gates.topological_order(output)
    grads = {node: np.zeros_like(node.data) for node in order}
    grads[output] = grads[output] + (1 if doutput is None else doutput)
    for node in reversed(order):
        for parent, dparent in zip(node.parents, node.parent_gradients(grads[node]), strict=True):
            grads[parent] = grads[parent] + dparent
    return grads


# ---- run_graph

slips(
    "run_graph",
    (
        "the outputs are returned in the order of the steps: graph.outputs says in which order they are asked for",
        "for number in graph.outputs)",
        "for number in sorted(graph.outputs))",
    ),
    (
        "the last value is returned: graph.outputs says which values are asked for",
        "tuple(values[number] for number in graph.outputs)",
        "(values[-1],) * len(graph.outputs)",
    ),
    (
        "a value is returned as it is: return a tuple, with an entry for each of graph.outputs",
        "tuple(values[number] for number in graph.outputs)",
        "values[graph.outputs[0]]",
    ),
    (
        "all values are returned: graph.outputs says which are asked for",
        "tuple(values[number] for number in graph.outputs)",
        "tuple(values)",
    ),
    (
        "the first input is handed out each time: next(waiting) takes the next one",
        "values.append(next(waiting))",
        "values.append(inputs[0])",
    ),
    (
        "compute gets the numbers of the values that a step reads: hand it the values themselves",
        "[values[number] for number in step.inputs]",
        "list(step.inputs)",
    ),
    (
        "the inputs are handed out from the last to the first",
        "values.append(next(waiting))",
        "values.append(inputs[-1 - sum(other.operation == 'input' for other in graph.steps[: len(values)])])",
    ),
    (
        "what a step reads is put into the order of its numbers: v1 - v0 is not v0 - v1",
        "for number in step.inputs]",
        "for number in sorted(step.inputs)]",
    ),
    (
        "the argument compute is not used: measure hands in one that counts",
        "values.append(compute(step,",
        "values.append(_compute(step,",
    ),
)


@right("run_graph")
def run_by_dict(graph, inputs, compute=None):
    compute = compute or _compute
    values, inputs = {}, list(inputs)
    for number, step in enumerate(graph.steps):
        match step.operation:
            case "input":
                values[number] = inputs.pop(0)
            case "constant":
                values[number] = step.setting
            case _:
                values[number] = compute(step, [values[i] for i in step.inputs])
    return tuple(map(values.get, graph.outputs))


@right("run_graph")
def run_on_demand(graph, inputs, compute=None):
    """From the outputs back, so what nobody needs is not computed."""
    places = [number for number, step in enumerate(graph.steps) if step.operation == "input"]
    known = dict(zip(places, inputs, strict=True))

    def value(number):
        if number not in known:
            step = graph.steps[number]
            is_constant = step.operation == "constant"
            known[number] = step.setting if is_constant else (compute or _compute)(step, [*map(value, step.inputs)])
        return known[number]

    return tuple(map(value, graph.outputs))


_compute = compute

# ---- count_operations

slips(
    "count_operations",
    ("a product counts once: each is also added, which makes 2 N D M", "2 * N * D * M", "N * D * M"),
    ("D is missing: each of the N M entries is a sum of D products", "2 * N * D * M", "2 * N * M"),
    (
        "D - 1 additions are counted for each entry: here the first product is added, too, to 0, which makes D",
        "2 * N * D * M",
        "N * M * (2 * D - 1)",
    ),
    (
        "a step counts the products of all sizes of its inputs: outside of matmul and sum, the output counts",
        "int(np.prod(output_shape))",
        "int(np.prod([size for shape in input_shapes for size in shape]))",
    ),
    (
        "the entries of all inputs are counted: an elementwise step computes one number for each entry of the output",
        "int(np.prod(output_shape))",
        "sum(int(np.prod(shape)) for shape in input_shapes)",
    ),
    (
        "the axes of the output are counted: np.prod of its shape counts the entries",
        "int(np.prod(output_shape))",
        "len(output_shape)",
    ),
    (
        "only the first two sizes of the output are multiplied: an array can have fewer axes, and more",
        "int(np.prod(output_shape))",
        "output_shape[0] * output_shape[1]",
    ),
    (
        "a sum counts the entries that come out: every entry that goes in is added",
        "np.prod(input_shapes[0])",
        "np.prod(output_shape)",
    ),
    (
        "an elementwise step counts the entries of its first input: with broadcasting more come out",
        "int(np.prod(output_shape))",
        "int(np.prod(input_shapes[0]))",
    ),
    (
        "the sizes of the output are added up: an array has as many entries as their product",
        "int(np.prod(output_shape))",
        "int(np.sum(output_shape))",
    ),
)


@wrong("count_operations", "every step counts the entries of its output: matmul and sum have rules of their own")
def count_outputs(operation, input_shapes, output_shape):
    return int(np.prod(output_shape))


@right("count_operations")
def count_with_numpy_alone(operation, input_shapes, output_shape):
    if operation == "matmul":
        return 2 * input_shapes[0][1] * np.prod(output_shape, dtype=int)
    return np.prod(input_shapes[0] if operation == "sum" else output_shape, dtype=int)


# ---- fold_constants

slips(
    "fold_constants",
    (
        "only steps that read constants of the old graph are folded: one that reads a folded step can be folded, too",
        "steps[number] for number in step.inputs",
        "graph.steps[number] for number in step.inputs",
    ),
    (
        "a step is folded if any of its inputs is a constant: all have to be",
        "read and all(other.operation",
        "read and any(other.operation",
        "[other.setting for other in read]",
        "[1.0 if other.setting is None else other.setting for other in read]",
    ),
    (
        "a folded step computes with what it reads in the opposite order",
        "[other.setting for other in read]",
        "[other.setting for other in read[::-1]]",
    ),
    (
        "a folded step takes the value of the first constant that it reads: compute gives its own",
        "setting=compute(step, [other.setting for other in read])",
        "setting=read[0].setting",
    ),
    (
        "compute gets the numbers of the values that are read: hand it the values, the settings of the constants",
        "[other.setting for other in read]",
        "list(step.inputs)",
    ),
    (
        "a folded step still has its inputs: a constant reads nothing",
        'Step("constant", setting',
        'Step("constant", step.inputs, setting',
    ),
    (
        "the folded steps are not put into the new graph",
        "graph._replace(steps=tuple(steps))",
        "graph",
    ),
    (
        "steps that read a single constant are left as they are: they can be folded as well",
        "if read and",
        "if len(read) > 1 and",
    ),
)


@wrong("fold_constants", "the setting of a sum is lost: compute gets the step itself, with its axis")
def fold_without_settings(graph):
    steps = []
    for step in graph.steps:
        if step.inputs and all(steps[i].operation == "constant" for i in step.inputs):
            bare = step._replace(setting=(None, False)) if step.operation == "sum" else step
            step = Step("constant", setting=compute(bare, [steps[i].setting for i in step.inputs]))
        steps.append(step)
    return graph._replace(steps=tuple(steps))


@right("fold_constants")
def fold_by_known_values(graph):
    """With a dict of what is known, in place of looking at the new steps."""
    known, steps = {}, []
    for number, step in enumerate(graph.steps):
        if step.operation == "constant":
            known[number] = step.setting
        elif step.operation not in ("input", "guard") and known.keys() >= set(step.inputs):
            known[number] = compute(step, [known[i] for i in step.inputs])
        steps.append(Step("constant", (), known[number]) if number in known else step)
    return graph._replace(steps=tuple(steps))


@right("fold_constants")
def fold_until_nothing_changes(graph):
    """Again and again over the whole graph."""
    steps = list(graph.steps)
    is_changed = True
    while is_changed:
        is_changed = False
        for number, step in enumerate(steps):
            if step.inputs and all(steps[i].operation == "constant" for i in step.inputs):
                steps[number] = Step("constant", (), compute(step, [steps[i].setting for i in step.inputs]))
                is_changed = True
    return type(graph)(tuple(steps), graph.outputs)


# ---- fusion_groups

slips(
    "fusion_groups",
    (
        "an output joins a group, and its value is lost: an output stays the last of its own group",
        "number in graph.outputs or ",
        "",
    ),
    (
        "steps that are not elementwise join, too: a matrix product or an input has to be there as a whole",
        " or graph.steps[number].operation not in ELEMENTWISE",
        "",
    ),
    (
        "the group of the reader is not looked at: a step can join only if the last step of the group is elementwise",
        "if graph.steps[last].operation in ELEMENTWISE:",
        "if True:",
    ),
    (
        "a step with readers in two groups joins one of them: the other still needs its value",
        "len(joined) != 1",
        "not joined",
        "[last] = joined",
        "last = max(joined)",
    ),
    (
        "a step gets the number of its reader, not of the reader's group: go from the last step to the first, so that "
        "the groups of the readers are known",
        "{groups[reader] for reader in read_by[number]}",
        "set(read_by[number])",
    ),
    (
        "a step gets the number of its reader, not of the reader's group: go from the last step to the first, so that "
        "the groups of the readers are known",
        "reversed(range(len(graph.steps)))",
        "range(len(graph.steps))",
    ),
    (
        "only steps with a single reader join: several readers in one group are fine, too",
        "len(joined) != 1",
        "len(read_by[number]) != 1",
    ),
)


@wrong("fusion_groups", "every step is left alone: nothing joins a group")
def groups_of_one(graph):
    return list(range(len(graph.steps)))


@wrong("fusion_groups", "a group is named by its first step: it has the number of its last one")
def groups_by_first(graph):
    groups = groups_by_search(graph).tolist()
    return [groups.index(group) for group in groups]


@wrong("fusion_groups", "a step joins the step after it in the list: what counts is which steps read its value")
def groups_of_neighbours(graph):
    groups = list(range(len(graph.steps)))
    for number in reversed(groups[:-1]):
        if {graph.steps[number].operation, graph.steps[number + 1].operation} <= set(ELEMENTWISE):
            groups[number] = groups[number + 1]
    return groups


@wrong("fusion_groups", "the groups of what a step reads are collected: it joins the group of those that read it")
def groups_of_what_is_read(graph):
    groups = list(range(len(graph.steps)))
    for number in reversed(groups[:]):
        joined = {groups[i] for i in graph.steps[number].inputs}
        if number not in graph.outputs and len(joined) == 1 and graph.steps[number].operation in ELEMENTWISE:
            groups[number] = joined.pop()
    return groups


@right("fusion_groups")
def groups_by_search(graph):
    """Each step looks for the end of its group by itself."""
    read_by = readers(graph)

    def last_of(number):
        is_inside = graph.steps[number].operation in ELEMENTWISE and number not in graph.outputs
        ends = {last_of(reader) for reader in read_by[number]} if is_inside else set()
        if len(ends) == 1 and graph.steps[next(iter(ends))].operation in ELEMENTWISE:
            return ends.pop()
        return number

    return np.array([last_of(number) for number in range(len(graph.steps))])


@right("fusion_groups")
def groups_without_readers(graph):
    """Every step tells what it reads which group it is in."""
    size = len(graph.steps)
    groups, told = [0] * size, [set() for _ in range(size)]
    for number in range(size - 1, -1, -1):
        is_elementwise = graph.steps[number].operation in ELEMENTWISE
        ends = told[number] if is_elementwise and number not in graph.outputs else set()
        groups[number] = next(iter(ends)) if len(ends) == 1 and None not in ends else number
        for i in graph.steps[number].inputs:
            told[i].add(groups[number] if is_elementwise else None)
    return groups
