"""A small dynamic graph: it records layers as they are called, and walks back through the record.

A net with branches is written as its forward pass alone. A layer is a pair of functions, `x_forward(...) -> (out,
cache)` and `x_backward(dout, cache) -> gradients`; one line makes it a layer of graphs:

    affine = layer(affine_forward, affine_backward)

Called with a `Node` among its inputs, the layer computes its output and records the call. Called with arrays alone, as
at test time, it only computes: no cache is kept. This is reverse-mode differentiation as in Speelpenning (1980),
"Compiling fast partial derivatives of functions given by algorithms".

Examples
--------
>>> from cs231n.layers import affine_backward, affine_forward
>>> affine = layer(affine_forward, affine_backward)
>>> graph = Graph()
>>> w, b = graph.variable(np.array([[3.0], [4.0]])), graph.variable(np.zeros(1))
>>> out = add(affine(np.array([[1.0, 2.0]]), w, b), affine(np.array([[5.0, 6.0]]), w, b))
>>> out.value
array([[50.]])
>>> graph.gradients(out, {"w": w, "b": b})
{'w': array([[6.],
       [8.]]), 'b': array([2.])}
"""

from contextlib import contextmanager
from functools import wraps

import numpy as np


class Node:
    """A value of a graph: `value` is an array or a number, `graph` the graph that it belongs to."""

    __slots__ = ("graph", "value")

    def __init__(self, graph, value):
        self.graph, self.value = graph, value


class Graph:
    """The record of all layers that were called on its nodes, in the order of the calls."""

    def __init__(self):
        self._record = []

    def variable(self, value):
        """Return a `Node` for an array whose gradient is wanted, such as the weights of a layer."""
        return Node(self, value)

    def call(self, forward, backward, inputs, wrt=None, num_outputs=1):
        """Compute a layer, and record it; the outputs are nodes. The parameters are those of `layer`."""
        with _naming(forward, inputs):
            *values, cache = forward(*map(_value, inputs))
        outputs = tuple(Node(self, value) for value in values)
        self._record.append((backward, cache, inputs, wrt, outputs))
        return outputs if num_outputs > 1 else outputs[0]

    def gradients(self, output, variables, doutput=None):
        """Walk back from an output to the variables; each cache is let go on the way, so the graph is empty afterwards.

        Parameters
        ----------
        output : Node
            Such as the loss.
        variables : dict of Node
        doutput : ndarray, optional
            The gradient of the output, of its shape; ones by default.

        Returns
        -------
        dict of ndarray
            The gradient of each variable, under its name; zeros where the output does not depend on it.
        """
        grads = {output: np.ones_like(output.value) if doutput is None else doutput}
        wanted = set(variables.values())
        while self._record:
            backward, cache, inputs, wrt, outputs = self._record.pop()
            if not any(node in grads for node in outputs):
                continue  # the output does not depend on this layer
            douts = [grads[node] if node in grads else np.zeros_like(node.value) for node in outputs]
            for node in set(outputs) - wanted:
                grads.pop(node, None)
            with _naming(backward, (*douts, *inputs)):
                _add_up(grads, inputs, wrt, backward(*douts, cache))
        return {name: grads.get(node, np.zeros_like(node.value)) for name, node in variables.items()}


def _add_up(grads, inputs, wrt, dinputs):
    """Add the gradients of a layer's inputs to those that have arrived from other layers."""
    dinputs = dinputs if isinstance(dinputs, tuple) else (dinputs,)
    for position, dinput in zip(wrt or range(len(dinputs)), dinputs, strict=True):
        node = inputs[position]
        if not isinstance(node, Node):
            continue
        if np.shape(dinput) != np.shape(node.value):
            raise ValueError(
                f"input {position} has the shape {np.shape(node.value)}, but its gradient {np.shape(dinput)}"
            )
        grads[node] = grads[node] + dinput if node in grads else dinput


def _value(thing):
    return thing.value if isinstance(thing, Node) else thing


@contextmanager
def _naming(function, inputs):
    """Add to an error the call that it came from, with the shapes of the inputs."""
    try:
        yield
    except Exception as error:
        values = map(_value, inputs)
        shapes = [f"array of shape {v.shape}" if isinstance(v, np.ndarray) else repr(v) for v in values]
        error.add_note(f"in the graph's call of {function.__name__}({', '.join(shapes)})")
        raise


def layer(forward, backward, wrt=None, num_outputs=1):
    """Make a pair of functions a layer of graphs.

    Parameters
    ----------
    forward, backward : callable
        The inputs of `forward` may be nodes, arrays, and settings such as `conv_param`.
    wrt : tuple of int, optional
        Positions of the inputs whose gradients `backward` returns; the first ones by default.
    num_outputs : int
        The number of outputs before the cache; `backward` takes a gradient for each, then the cache.
    """

    @wraps(forward)
    def call(*inputs):
        graphs = {i.graph for i in inputs if isinstance(i, Node)}
        if len(graphs) > 1:
            raise ValueError(f"{forward.__name__} got nodes of {len(graphs)} graphs: a net needs a single one")
        if graphs:
            return graphs.pop().call(forward, backward, inputs, wrt, num_outputs)
        *values, _ = forward(*inputs)
        return tuple(values) if num_outputs > 1 else values[0]

    return call


def loss_layer(loss):
    """Make a function `loss(x, ...) -> (loss, dx)` a layer of graphs."""
    return layer(loss, lambda dloss, dx: dloss * dx)


add = layer(lambda a, b: (a + b, None), lambda dout, _: (dout, dout))
