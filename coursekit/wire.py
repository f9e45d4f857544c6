"""Values as plain bytes: how the judge and the process that runs a learner's code talk to each other.

A packed value is an .npz of plain arrays and one JSON text. Nothing in it can run code when it is read: no pickle, no
classes. What is neither an array, a number, a text, nor a list, tuple or dict of these, arrives as a `Foreign`, which
only says what it was.
"""

import io
import json
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Foreign:
    """Stands for a value that cannot travel, such as a function."""

    kind: str


def pack(value):
    """Turn a value into bytes."""
    arrays = []
    text = json.dumps(_encode(value, arrays))
    buffer = io.BytesIO()
    np.savez(buffer, json=np.array(text), **{f"a{i}": array for i, array in enumerate(arrays)})
    return buffer.getvalue()


def unpack(data):
    """Turn bytes that `pack` made into the value; ValueError if they are anything else."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            return _decode(json.loads(str(file["json"])), file)
    except Exception as error:
        raise ValueError(f"not a packed value: {error}") from error


def _encode(value, arrays):
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float:
        return {"float": repr(value)}
    if isinstance(value, (np.ndarray, np.generic)):
        return _encode_array(np.asarray(value), isinstance(value, np.generic), arrays)
    if isinstance(value, (list, tuple)):
        return {type(value).__name__ if type(value) in (list, tuple) else "list": [_encode(v, arrays) for v in value]}
    if isinstance(value, dict):
        return {"dict": [[_encode(k, arrays), _encode(v, arrays)] for k, v in value.items()]}
    return {"foreign": type(value).__name__}


def _encode_array(array, is_scalar, arrays):
    if array.dtype.hasobject:
        return {"foreign": "array of Python objects"}
    arrays.append(array)
    return {"scalar" if is_scalar else "array": len(arrays) - 1}


def _decode(code, file):
    if not isinstance(code, dict):
        return code
    [(kind, content)] = code.items()
    match kind:
        case "float":
            return float(content)
        case "array":
            return file[f"a{content}"]
        case "scalar":
            return file[f"a{content}"][()]
        case "list":
            return [_decode(item, file) for item in content]
        case "tuple":
            return tuple(_decode(item, file) for item in content)
        case "dict":
            return {_decode(key, file): _decode(item, file) for key, item in content}
        case "foreign":
            return Foreign(content)
    raise ValueError(f"unknown kind {kind!r}")
