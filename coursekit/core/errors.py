"""The likely mistake behind an error that Python or NumPy raised in a learner's code.

An error is explained only where its text says enough to be certain of what happened; otherwise its own words, and the
line that are shown with it, have to do.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np


@dataclass(frozen=True)
class Raised:
    """An error: the name of its class, its text, and the lines of `cs231n/` it passed through, the innermost last.

    `inputs` are the names of the case's inputs, `outputs` those of what the learner's code has to return; `methods`
    says whether the learner writes a method.
    """

    kind: str
    message: str
    lines: tuple[str, ...] = ()
    inputs: Sequence[str] = ()
    outputs: Sequence[str] = ()
    is_method: bool = False

    @property
    def line(self) -> str:
        """The innermost line, or '' if the error was raised outside of the learner's code."""
        return self.lines[-1] if self.lines else ""


def explain_error(raised: Raised) -> str:
    """The likely reason behind an error; '' if it is not certain."""
    for kind, pattern, explain in _EXPLANATIONS:
        found = re.search(pattern, raised.message)
        if found and re.fullmatch(kind, raised.kind):
            return explain if isinstance(explain, str) else explain(raised, found)
    return ""


# ---- names and attributes

_PYTHON_2 = {
    "xrange": "range",
    "raw_input": "input",
    "unicode": "str",
    "long": "int",
    "basestring": "str",
    "reduce": "functools.reduce",
    "iteritems": "items",
    "itervalues": "values",
    "iterkeys": "keys",
    "has_key": "in",
}
_OLD_NUMPY = {
    **{name: name for name in ("int", "float", "bool", "object", "str", "complex")},
    "long": "int",
    "float_": "np.float64",
    "product": "np.prod",
    "cumproduct": "np.cumprod",
    "alltrue": "np.all",
    "sometrue": "np.any",
    "in1d": "np.isin",
    "row_stack": "np.vstack",
    "Inf": "np.inf",
    "NaN": "np.nan",
}


def _unknown_name(raised: Raised, found: re.Match) -> str:
    name = found[1]
    if name in _PYTHON_2:
        return f"{name} is Python 2: in Python 3, write {_PYTHON_2[name]}"
    if name == "np":
        return "NumPy is not imported in this file: import numpy as np"
    if name in raised.outputs:
        return f"{name} is returned, but never assigned: is your result stored under another name?"
    if raised.is_method and name in ("X_train", "y_train", "W", "params", "reg"):
        return f"{name} belongs to the object: self.{name}"
    if raised.is_method and re.fullmatch(r"(W|b|gamma|beta)\d+", name):
        return f'{name} is stored in self.params: self.params["{name}"]'
    if name.endswith(("_hat", "mean", "var", "std", "mask", "cache")) and "dout" in raised.inputs:
        return f"{name} does not exist here: if the forward pass computed it, put it into the cache and unpack it here"
    return f"the name {name} does not exist here: is it misspelt, or not assigned yet?"


def _unassigned(raised: Raised, found: re.Match) -> str:
    return f"{found[1]} has no value here: it is assigned only further down, or in a branch or a loop that did not run"


def _no_attribute_of_numpy(raised: Raised, found: re.Match) -> str:
    name = found[1]
    if name in _OLD_NUMPY:
        return f"NumPy has no np.{name} any more: write {_OLD_NUMPY[name]}"
    alike = get_close_matches(name, dir(np), 1, 0.8)
    return f"NumPy has no np.{name}: did you mean np.{alike[0]}?" if alike else f"NumPy has no np.{name}"


def _no_attribute(raised: Raised, found: re.Match) -> str:
    owner, name = found[1], found[2]
    if name in _PYTHON_2:
        instead = "`key in d`" if name == "has_key" else f"{_PYTHON_2[name]}()"
        return f".{name}() is Python 2: in Python 3, write {instead}"
    if owner == "NoneType":
        return f"the value before .{name} is None: was it never computed, or does a function return nothing?"
    if owner == "tuple":
        return f"the value before .{name} is a tuple: does a function return several values, such as out and a cache?"
    if owner in ("int", "float", "bool"):
        return f"the value before .{name} is a single number, not an array"
    if owner in ("function", "method", "builtin_function_or_method"):
        return f"the value before .{name} is a function: is it not called, with (...)?"
    if owner == "dict":
        return f"the value before .{name} is a dict: its entries are read by their names, d['...']"
    if owner == "list":
        return f"the value before .{name} is a list, not an array: np.array(...) makes one"
    if owner == "numpy.ndarray":
        return f"an array has no .{name}"
    if re.fullmatch(r"(W|b|gamma|beta)\d+", name):
        return f'{name} is stored in self.params: self.params["{name}"]'
    return ""


def _no_module(raised: Raised, found: re.Match) -> str:
    name = found[1]
    if name.startswith("past"):
        return f"{name} is for code in Python 2: delete this import (xrange is range now)"
    if name.startswith("cs231n."):
        return f"{name.replace('.', '/')}.py is missing: was it deleted, renamed or moved?"
    return f"{name} is not installed, and not needed: the course uses NumPy alone"


# ---- shapes


def _shapes(text: str) -> list[tuple[int, ...]]:
    return [tuple(int(n) for n in re.findall(r"\d+", part)) for part in re.findall(r"\(([\d, ]*)\)", text)]


def _broadcast(raised: Raised, found: re.Match) -> str:
    shapes = _shapes(raised.message)
    if len(shapes) == 3 and shapes[0] == shapes[2]:
        start = f"{_what_is_done(raised.line)} has the shape {shapes[1]}, its place on the left {shapes[0]}"
        return f"{start}: {_missing_axes(raised.line, *shapes[:2]) or 'is it the right row or column?'}"
    if len(shapes) != 2:
        return ""
    short, long = sorted(shapes, key=len)
    start = f"the shapes {shapes[0]} and {shapes[1]} do not fit each other"
    if len(short) == 1 and len(long) == 2 and short[0] == long[0]:
        return (
            f"{start}: NumPy aligns shapes from the right. If there is to be one value for each of {long[1]} columns, "
            f"is the axis of a sum or mean wrong? One for each of {long[0]} rows needs the shape ({long[0]}, 1)"
        )
    if len(long) == 1 and re.search(r"arg(max|min)\(.*axis=0", raised.line):
        return f"{start}: with axis=0, there is a position for each column; axis=1 gives one for each row"
    if len(long) == 1:
        pairs = f"a table of all pairs needs the shapes ({shapes[0][0]}, 1) and ({shapes[1][0]},)"
        return f"{start}: is a sum or a factor missing? If each entry is to meet each of the other, {pairs}"
    if len(long) == len(short) == 2 and " * " in raised.line and _is_product(*shapes):
        return f"{start}: is a matrix product meant, @ instead of *?"
    if len(short) == len(long):
        axes = [str(i) for i, (a, b) in enumerate(zip(*shapes, strict=True)) if a != b and 1 not in (a, b)]
        return f"{start}: they differ in ax{'is' if len(axes) == 1 else 'es'} {' and '.join(axes)}"
    advice = _missing_axes(raised.line, long, short)
    return f"{start}: NumPy aligns shapes from the right{f'; {advice}' if advice else ''}"


def _what_is_done(line: str) -> str:
    """What the right side of an assignment in place is for."""
    uses = {"/=": "the divisor", "*=": "the factor", "-=": "what is subtracted"}
    found = [uses.get(operator, "what is added") for operator in re.findall(r"[-+*/]=", line)]
    return found[0] if len(set(found)) == 1 else "what is added"


def _missing_axes(line: str, long: tuple[int, ...], short: tuple[int, ...]) -> str:
    """Advice if the last axes of a shape are gone, and the line has a sum over some."""
    is_summed = re.search(r"\.(sum|mean|max|min|std|var)\(.*axis", line)
    is_start = 0 < len(short) < len(long) and long[: len(short)] == short
    if len(long) < 3 or not is_summed or not is_start:
        return ""
    return f"keepdims=True in a sum or mean would give {short + (1,) * (len(long) - len(short))}, which fits"


def _is_product(first: tuple[int, ...], second: tuple[int, ...]) -> bool:
    """Whether two matrices fit a product, and are not just each other's transpose."""
    return first[1] == second[0] and first != second[::-1]


def _assigned(raised: Raised, found: re.Match) -> str:
    value, place = [*_shapes(raised.message), (), ()][:2]
    if [n for n in value if n != 1] == list(place):
        return f"the value has the shape {value}, its place on the left {place}: leave out keepdims=True, or reshape it"
    return (
        f"the value has the shape {value}, but the place on the left of = has {place}: is it the right place, and does "
        "each sum run over the right axis?"
    )


def _entry_from_array(raised: Raised, found: re.Match) -> str:
    if "y_pred" in raised.outputs:
        return "one entry is set to a whole array: it takes one label, the one with the most votes"
    return "one entry is set to a whole array: is a sum over it missing, or an index?"


def _no_number(raised: Raised, found: re.Match) -> str:
    if function := re.search(r"(?<!\w)math\.(\w+)\(", raised.line):
        return f"math.{function[1]} takes one number: NumPy's functions, such as np.exp, take each entry of an array"
    return "int() and float() take one number, but get an array: take an entry out of it first, as by [0]"


def _no_entry(raised: Raised, found: re.Match) -> str:
    if re.search(r"\w\[-1\]", raised.line):
        return "a list has no entry with this index: an empty list has no last entry, [-1]"
    return "a list has no entry with this index: is it one too far? The first entry is number 0"


def _into_smaller(raised: Raised, found: re.Match) -> str:
    place, value = [*_shapes(raised.message), (), ()][:2]
    start = f"the array on the left has the shape {place}, {_what_is_done(raised.line)} {value}"
    return f"{start}: is a sum missing, or its axis wrong?"


def _matmul(raised: Raised, found: re.Match) -> str:
    return (
        f"in a matrix product, the columns of the first factor ({found[2]}) must be as many as the rows of the second "
        f"({found[1]}): does a factor need to be transposed, or reshaped?"
    )


def _dot(raised: Raised, found: re.Match) -> str:
    shapes = _shapes(raised.message.split("not aligned")[0].replace(",)", ")"))
    if len(shapes) < 2:
        return ""
    if len(shapes[0]) > 2:
        return f"the first factor has the shape {shapes[0]}: make each input one row first, reshape(N, -1)"
    return (
        f"a matrix product of the shapes {shapes[0]} and {shapes[1]}: the last size of the first must be the first of "
        "the second. Does a factor need to be transposed, or reshaped?"
    )


def _no_reshape(raised: Raised, found: re.Match) -> str:
    if "shape" not in raised.line:
        return "two arrays in this line do not have the same number of entries"
    return "the new shape has another number of entries: are sizes hard-coded, or swapped?"


def _out_of_bounds(raised: Raised, found: re.Match) -> str:
    index, axis, size = (int(n) for n in found.groups())
    if index == size:
        return f"index {index} on axis {axis}, where the last is {size - 1}: is it one too far, or are sizes swapped?"
    start = f"index {index} on axis {axis}, which has {size} entries"
    return f"{start}: are two sizes swapped, or is it an index into a flattened array?"


def _too_few_axes(raised: Raised, found: re.Match) -> str:
    if ".shape[" not in raised.line:
        return ""
    return "an array has fewer axes than this line expects: do the inputs always have the same number of axes?"


def _no_index(raised: Raised, found: re.Match) -> str:
    """An array where Python or NumPy takes one whole number."""
    start = "an array stands where one whole number is needed"
    reduction = re.search(r"np\.(max|min|amax|amin)\(", raised.line)
    if reduction:
        name = "maximum" if "max" in reduction[1] else "minimum"
        return f"{start}: np.{reduction[1]} takes one array and an axis; np.{name} compares two arrays entry by entry"
    if re.search(r"np\.(concatenate|[hv]?stack)\(", raised.line):
        return f"{start}: the arrays to join go into one list or tuple, np.concatenate([a, b])"
    if "[" in raised.line:
        return f"{start}: is a list indexed by an array? Only arrays allow it; np.array(...) makes one of a list"
    return start


def _key(raised: Raised, found: re.Match) -> str:
    name, number = found[1], found[2]
    layers = [int(key[1:]) for key in raised.inputs if re.fullmatch(r"W\d+", key)]
    if number == "0":
        return f"there is no {name}0: the layers are counted from 1, {name}1 is the first"
    if layers and int(number) > max(layers):
        return f"there is no {name}{number}: the last layer here is {max(layers)}. Does the loop go one step too far?"
    return ""


def _no_fit(raised: Raised, found: re.Match) -> str:
    if not any(re.fullmatch(r"W\d+", name) for name in raised.inputs):
        return ""
    values = f"a layer gets {found[1]} values for each input, but its weights take {found[2]}"
    return f"{values}: is a layer before it left out, or are the weights those of another layer?"


def _no_mode(raised: Raised, found: re.Match) -> str:
    if any("batchnorm_forward(" in line for line in raised.lines):
        return "batchnorm_forward gets settings without a mode: is it called for layer normalisation as well?"
    return ""


# ---- numbers and types


def _float_size(raised: Raised, found: re.Match) -> str:
    start = "a size, an index or a number of steps is a float"
    if re.search(r"[^/]/[^/]", raised.line):
        return f"{start}: / always gives a float, use // for whole numbers"
    return f"{start}: was it computed with /? Use // for whole numbers"


def _no_whole_number(raised: Raised, found: re.Match) -> str:
    if re.search(r"[^/]/[^/]", raised.line):
        return _float_size(raised, found)
    return (
        "what stands in [...] is not a whole number: is it a float, or a text, or is it not an array that is indexed?"
    )


def _none(raised: Raised, found: re.Match) -> str:
    return "one of the values in this line is None: was it never computed, or does a function return nothing?"


def _unpacked(raised: Raised, found: re.Match) -> str:
    if not raised.lines:
        return "the number of returned values is wrong: look at the docstring for what to return"
    if re.fullmatch(r"\s*[\w\[\]\"'., ]+,[\w\[\]\"'., ]+ = [\w.]+\(.*", raised.line):
        return "the function on the right returns another number of values than there are names on the left of ="
    return "the number of values on the right does not match the number of names on the left"


def _single(raised: Raised, found: re.Match) -> str:
    if "argmax(" in raised.line or "argmin(" in raised.line:
        return "np.argmax and np.argmin give one position in the flattened array: np.unravel_index splits it"
    return "there are several names on the left of =, but a single value on the right"


def _truth(raised: Raised, found: re.Match) -> str:
    if re.search(r"(?<![.\w])(max|min)\(", raised.line):
        name = "maximum" if re.search(r"(?<![.\w])max\(", raised.line) else "minimum"
        return f"Python's own {name[:3]} compares whole arrays: np.{name} compares them entry by entry"
    return "a condition on a whole array is neither true nor false: use np.where, a mask, or a loop over the entries"


_EXPLANATIONS: tuple[tuple[str, str, str | Callable[[Raised, re.Match], str]], ...] = (
    # kinds of errors, what the text contains, what is likely behind it
    ("AssertionError", "", ""),  # the learner's own, who knows better
    ("BdbQuit", "", "a breakpoint is still in your code: delete breakpoint() or set_trace()"),
    ("EOFError", "reading a line", "input() waits for the keyboard, which a check does not have: delete it"),
    ("RecursionError", "", "a function calls itself without an end"),
    ("FloatingPointError", "", "np.seterr or np.errstate in your files turns NumPy's warnings into errors: delete it"),
    (".*MemoryError", "", "an array is far too large: are all pairs or all products built at once?"),
    ("ZeroDivisionError", "", "a number is divided by 0"),
    ("ModuleNotFoundError", r"No module named '([\w.]+)'", _no_module),
    ("TypeError", "must derive from BaseException", "raise takes an error, such as ValueError('...'), not a text"),
    ("SyntaxError", "Missing parentheses in call to 'print'", "print is a function in Python 3: print(...)"),
    ("UnboundLocalError", r"local variable '(\w+)'", _unassigned),
    ("NameError", r"name '(\w+)' is not defined", _unknown_name),
    ("AttributeError", r"module 'numpy' has no attribute '(\w+)'", _no_attribute_of_numpy),
    ("AttributeError", r"'([\w.]+)' object has no attribute '(\w+)'", _no_attribute),
    ("KeyError", r"^'(W|b|gamma|beta)(\d+)'$", _key),
    ("KeyError", r"^'mode'$", _no_mode),
    (
        "KeyError",
        r"^Value\(",
        "this value has no gradient yet: go from the output to the inputs, and where the first part of a gradient "
        "arrives, put it in",
    ),
    ("KeyError", r"^'(\w+)'$", lambda raised, found: f"the dict has no entry {found[0]}"),
    ("ValueError", r"has (\d+) entries in each row, but w of shape .* has (\d+) rows", _no_fit),
    (".*Error", "operands could not be broadcast together with shapes", _broadcast),
    (".*Error", "could not broadcast input array|could not be broadcast to indexing result", _assigned),
    (
        "TypeError",
        r"^(int|float)\(\) argument must be .*not '(tuple|list)'",
        lambda raised, found: f"a {found[2]} stands where one number is needed: take an entry out of it, as by [0]",
    ),
    (".*Error", "non-broadcastable output operand", _into_smaller),
    (".*Error", r"mismatch in its core dimension.*size (\d+) is different from (\d+)", _matmul),
    (".*Error", r"shapes .* not aligned", _dot),
    (
        ".*Error",
        "same number of dimensions",
        "arrays are joined that do not have the same number of axes: reshape one of them first",
    ),
    (
        "ValueError",
        "inhomogeneous shape",
        "an array is made of parts that do not have the same shape: is a tuple, such as (dx, dy) or (out, cache), used "
        "as one array?",
    ),
    (
        "ValueError",
        "setting an array element with a sequence",
        _entry_from_array,
    ),
    (
        "TypeError",
        r"only (0-dimensional|length-1|size-1) arrays can be converted",
        _no_number,
    ),
    (
        "TypeError",
        "only integer scalar arrays can be converted to a scalar index",
        _no_index,
    ),
    ("AxisError", r"axis (\d+) is out of bounds", lambda raised, found: f"an array here has no axis {found[1]}"),
    ("IndexError", r"index (-?\d+) is out of bounds for axis (\d+) with size (\d+)", _out_of_bounds),
    ("IndexError", "tuple index out of range", _too_few_axes),
    (
        "IndexError",
        "list index out of range",
        _no_entry,
    ),
    ("IndexError", "too many indices", "there are more indices in [...] than the array has axes"),
    (
        "IndexError",
        "arrays used as indices must be of integer",
        "an array in [...] holds floats: an index is a whole number (or a mask, True and False)",
    ),
    (
        "TypeError",
        "'tuple' object cannot be interpreted as an integer",
        "sizes are passed as one tuple where they are expected one by one, as in np.random.rand(*x.shape)",
    ),
    ("IndexError", "only integers, slices", _no_whole_number),
    ("TypeError", "slice indices must be integers", _no_whole_number),
    ("TypeError", "'(numpy.)?float(64)?' object cannot be interpreted as an integer", _float_size),
    (
        "TypeError",
        r"unsupported operand type\(s\) for \^|ufunc 'bitwise_xor' not supported",
        "^ is not a power in Python: write **",
    ),
    (".*Error", "boolean subtract", "True and False cannot be subtracted: make them numbers first, .astype(float)"),
    ("TypeError", r"unsupported operand type\(s\).*'NoneType'", _none),
    ("TypeError", "'NoneType' object", _none),
    (
        "TypeError",
        r"unsupported operand type\(s\).*'tuple'",
        "one of the values in this line is a tuple: does a function return several values, such as out and a cache?",
    ),
    (
        "TypeError",
        r"unsupported operand type\(s\).*'dict'",
        "one of the values in this line is a dict, or a tuple with one in it: does a function return several values, "
        "such as a loss and its gradients?",
    ),
    (
        "ValueError",
        r"(min|max)\(\) (arg|iterable argument) is (an )?empty",
        "there is no smallest or largest entry of an empty list: in the first round, nothing has been appended yet",
    ),
    (
        ".*TypeError|.*CastingError",
        "same_kind",
        "an integer array cannot store fractions in place: create it with a float dtype",
    ),
    (
        "TypeError",
        r"'numpy.ndarray' object is not callable",
        "an array is followed by (: index it with [...], or is * missing?",
    ),
    (
        "TypeError",
        "object is not callable",
        "what stands before ( is a value, not a function: is its name used twice, or is * missing?",
    ),
    (
        "TypeError",
        "does not support item assignment",
        "the value before [...] = is not an array: it has no entries to set",
    ),
    (
        "TypeError|IndexError",
        "not subscriptable|invalid index to scalar",
        "the value before [...] is not an array or a dict: is it a function, or a number?",
    ),
    (
        "TypeError",
        r"missing \d+ required positional arguments?: (.*)",
        lambda raised, found: f"a function is called without {found[1]}",
    ),
    ("TypeError", "'(int|numpy.int64)' object is not iterable", "a loop runs over a number: for i in range(n)"),
    (
        "TypeError",
        r"unsupported operand type\(s\) for \+: .*'list'",
        "+ joins a list to another list only: put a number into brackets first, [n] + sizes",
    ),
    (
        "TypeError",
        "can only concatenate (list|tuple)",
        "+ joins a list to a list, and a tuple to a tuple: make both the same",
    ),
    (
        "TypeError",
        r"unsupported operand type\(s\).*'list'",
        "one of the values in this line is a list: np.array(...) makes an array of it",
    ),
    (
        "TypeError",
        r"takes 0 positional arguments but",
        "this function takes its arguments by name: pass a dict of them as **settings; if it is a method, self is "
        "missing in its definition",
    ),
    (
        "TypeError",
        r"takes .* positional arguments? but",
        "a function is called with too many arguments, or self is missing in its definition",
    ),
    (
        "TypeError",
        "unexpected keyword argument '(\\w+)'",
        lambda raised, found: f"the function called here has no argument {found[1]}",
    ),
    ("TypeError", "cannot unpack non-iterable", _single),
    ("TypeError|ValueError", "unpack", _unpacked),
    ("ValueError", "truth value of an array", _truth),
    (
        "ValueError",
        r"cannot reshape array of size (\d+) into shape",
        _no_reshape,
    ),
    (
        "ValueError",
        "zero-size array to reduction|arg(max|min) of an empty sequence",
        "a maximum or minimum of no entries: a window, slice or batch is empty",
    ),
    ("NotImplementedError", "", ""),
)
