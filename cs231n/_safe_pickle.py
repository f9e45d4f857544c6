"""Read pickles safely: CIFAR-10 was published as pickles, and here none of the code they ask for is ever run.

A pickle is a small program. Its calls are recorded as `_Call` objects instead of being made, and whatever a CIFAR file
may contain (numbers, text, lists, dicts, plain numeric arrays) is built from the records afterwards. So neither the
names nor the arguments in an untrusted file reach anything that could act on them.
"""

import pickle
import re

import numpy as np


class UnsafePickleError(pickle.UnpicklingError, ValueError):
    """A pickle asks for something that no CIFAR file contains; none of it was run."""


ADMITTED_GLOBALS = {
    ("numpy.core.multiarray", "_reconstruct"),  # as written before NumPy 2
    ("numpy._core.multiarray", "_reconstruct"),  # as written by NumPy 2
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),  # how Python 3 stores bytes in old pickle protocols
}
NUMERIC_TYPE = re.compile(r"b1|[iu][1248]|f[248]")
MAX_DIMENSIONS = 4
MAX_DEPTH = 8


class _Call:
    """A call that a pickle asks for: the function's name, its arguments, and the state to set on the result."""

    __slots__ = ("name", "args", "state")

    def __init__(self, name, args):
        self.name, self.args, self.state = name, args, None

    def __setstate__(self, state):
        self.state = state


class _WholeLines:
    """A file whose last line, if cut short, counts as the end of the file rather than as a shorter line."""

    def __init__(self, f):
        self.f, self.read = f, f.read

    def readline(self):
        line = self.f.readline()
        if not line.endswith(b"\n"):
            raise EOFError("Ran out of input")
        return line


class _RecordingUnpickler(pickle._Unpickler):
    """An unpickler that records admitted calls as `_Call` objects and refuses every other global.

    It builds on the unpickler written in Python: the C version allocates whatever size a damaged file happens to state.
    """

    def __init__(self, f):
        super().__init__(_WholeLines(f), encoding="latin1")

    def find_class(self, module, name):
        if (module, name) not in ADMITTED_GLOBALS:
            raise UnsafePickleError(f"it asks for {module}.{name}, which no CIFAR file contains; nothing was run")
        return lambda *args: _Call(name, args)  # a new function each time: a pickle can set attributes on it


def _plain(value, depth=MAX_DEPTH):
    """Build the Python and NumPy objects that the records in `value` stand for."""
    if depth == 0:
        raise UnsafePickleError(f"its lists are nested more than {MAX_DEPTH} levels deep")
    if isinstance(value, dict):
        return {key: _plain(item, depth - 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_plain(item, depth - 1) for item in value)
    if isinstance(value, _Call):
        return _plain_call(value)
    if value is None or isinstance(value, (bool, int, float, str, bytes)):
        return value
    raise UnsafePickleError(f"it contains a {type(value).__name__}, which no CIFAR file does")


def _plain_call(call):
    if call.name == "_reconstruct":
        return _plain_array(call.state)
    if call.name == "encode":
        return _plain_bytes(call)
    raise UnsafePickleError(f"it calls numpy.{call.name} in a way that no CIFAR file does")


def _plain_array(state):
    """Build an array from its pickled state (version, shape, dtype, is_fortran, raw bytes)."""
    if not isinstance(state, tuple) or len(state) != 5:
        raise UnsafePickleError("it contains an array without data")
    _, shape, dtype, is_fortran, raw = state
    dtype, shape, raw = _plain_dtype(dtype), _plain_shape(shape), _plain_bytes(raw)
    expected = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if len(raw) != expected:
        raise UnsafePickleError(f"it contains an array of shape {shape} with {len(raw)} bytes instead of {expected}")
    array = np.ndarray(shape, dtype, buffer=raw, order="F" if is_fortran else "C")
    return array.astype(dtype.newbyteorder("="))  # a writeable copy in this machine's byte order


def _plain_dtype(call):
    code = call.args[0] if isinstance(call, _Call) and call.name == "dtype" and call.args else None
    if isinstance(code, bytes):
        code = code.decode("latin1")
    if not isinstance(code, str) or not NUMERIC_TYPE.fullmatch(code):
        raise UnsafePickleError(f"it contains an array of dtype {code!r}; only plain numbers are allowed")
    is_big_endian = isinstance(call.state, tuple) and call.state[1:2] in [(">",), (b">",)]
    return np.dtype((">" if is_big_endian else "<") + code)


def _plain_shape(shape):
    is_plain = isinstance(shape, tuple) and len(shape) <= MAX_DIMENSIONS
    if not is_plain or not all(type(size) is int and size >= 0 for size in shape):
        raise UnsafePickleError(f"it contains an array of shape {str(shape)[:60]}")
    return shape


def _plain_bytes(raw):
    if isinstance(raw, bytes):
        return raw
    if isinstance(raw, _Call) and raw.name == "encode" and raw.args[1:] == ("latin1",):
        raw = raw.args[0]
    if not isinstance(raw, str):
        raise UnsafePickleError("it contains an array whose data is not bytes; only plain numbers are allowed")
    return raw.encode("latin1")


def read_pickle(f, name, hint, build=_plain):
    """Read the pickle `f` and pass its records to `build`; errors state the file's name and what to do."""
    try:
        return build(_RecordingUnpickler(f).load())
    except UnsafePickleError as error:
        raise UnsafePickleError(f"{name} is refused: {error}. {hint}") from None
    except OSError:
        raise
    except Exception as error:  # a damaged pickle can raise almost anything
        raise ValueError(f"{name} is damaged or cut short ({error}). {hint}") from None


def single_object(call):
    """Return the dict in a pickled array of one object, of shape () and dtype object."""
    items = call.state[4] if isinstance(call, _Call) and isinstance(call.state, tuple) else None
    if not isinstance(items, list) or len(items) != 1 or not isinstance(items[0], dict):
        raise UnsafePickleError("its label_map is not a single dict")
    return _plain(items[0])
