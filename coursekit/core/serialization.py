"""Values as plain bytes: how the judge and the process that runs a learner's code talk to each other.

A packed value is an .npz of one JSON text and the bytes of all arrays. Nothing in it can run code when it is read: no
pickle, no classes. What is neither an array, a number, a text, nor a list, tuple or dict of these, arrives as an
`Opaque`, which only says what it was.
"""

import io
import json
import math
import zipfile
from dataclasses import dataclass
from typing import Any

import numpy as np

from coursekit.core.parsing import ONE_AT_A_TIME

KINDS = "biufcSU"  # of the dtypes that can be sent
LARGEST_INT = 2**63 - 1


@dataclass(frozen=True)
class Opaque:
    """Stands for a value that cannot be sent, such as a function."""

    kind: str


def pack(value: Any) -> bytes:
    """Turn a value into bytes."""
    chunks: list[bytes] = []
    text = json.dumps(_encode(value, chunks)).encode()
    buffer = io.BytesIO()
    np.savez(buffer, json=np.frombuffer(text, np.uint8), data=np.frombuffer(b"".join(chunks), np.uint8))
    return buffer.getvalue()


def unpack(data: bytes, longest_json: int | None = None) -> Any:
    """Turn bytes that `pack` made into the value; ValueError if they are anything else.

    It needs no more memory than a small multiple of the bytes; `longest_json` limits the part that is not arrays, from
    which many small objects can be made.
    """
    try:
        _require_plain(data, longest_json)
        with ONE_AT_A_TIME, np.load(io.BytesIO(data), allow_pickle=False) as file:
            text, arrays = file["json"].tobytes(), file["data"]
        return _decode(json.loads(text), _Reader(arrays))
    except Exception as error:
        raise ValueError(f"not a packed value: {error}") from error


def _require_plain(data: bytes, longest_json: int | None) -> None:
    """Refuse a file that could grow when it is read: nothing in it may be compressed, and no part overlap another."""
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        members = {member.filename: member for member in file.infolist()}
        if sorted(members) != ["data.npy", "json.npy"] or len(file.infolist()) != 2:
            raise ValueError(f"expected data.npy and json.npy, got {', '.join(members)[:200]}")
    if any(member.compress_type != zipfile.ZIP_STORED for member in members.values()):
        raise ValueError("its parts are compressed")
    if sum(member.file_size for member in members.values()) > len(data):
        raise ValueError("its parts are longer than the whole")
    if longest_json is not None and members["json.npy"].file_size > longest_json:
        raise ValueError(f"its text is longer than {longest_json} bytes")


def _encode(value: Any, chunks: list[bytes]) -> Any:
    if type(value) is int and abs(value) > LARGEST_INT:
        return {"foreign": "whole number beyond 64 bits"}
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float:
        return {"float": repr(value)}
    if isinstance(value, (np.ndarray, np.generic)):
        return _encode_array(np.asarray(value), "scalar" if isinstance(value, np.generic) else "array", chunks)
    if isinstance(value, (list, tuple)):
        return {"tuple" if isinstance(value, tuple) else "list": [_encode(v, chunks) for v in value]}
    if isinstance(value, dict):
        return {"dict": [[_encode(k, chunks), _encode(v, chunks)] for k, v in value.items()]}
    return {"foreign": type(value).__name__}


def _encode_array(array: np.ndarray, kind: str, chunks: list[bytes]) -> dict:
    if array.dtype.kind not in KINDS:
        return {"foreign": "array of Python objects" if array.dtype.hasobject else f"array of {array.dtype}"}
    chunks.append(array.tobytes())
    return {kind: [array.dtype.str, array.shape]}


class _Reader:
    """Reads the arrays one after the other, in the order in which they were packed."""

    def __init__(self, data: np.ndarray) -> None:
        self.data, self.position = data, 0

    def take(self, name: str, shape: list[int]) -> np.ndarray:
        dtype = np.dtype(name)
        if dtype.kind not in KINDS or dtype.subdtype or any(type(n) is not int or n < 0 for n in shape):
            raise ValueError(f"an array of {dtype} and shape {shape}")
        end = self.position + dtype.itemsize * math.prod(shape)
        array = np.frombuffer(self.data[self.position : end].tobytes(), dtype).reshape(shape)
        self.position = end
        return array.copy()


def _decode(code: Any, reader: _Reader) -> Any:
    if not isinstance(code, dict):
        if isinstance(code, list) or (isinstance(code, int) and abs(code) > LARGEST_INT):
            raise ValueError("a list or a number that `pack` does not write")
        return code
    [(kind, content)] = code.items()
    match kind:
        case "float":
            return float(content)
        case "array":
            return reader.take(*content)
        case "scalar":
            return reader.take(*content)[()]
        case "list":
            return [_decode(item, reader) for item in content]
        case "tuple":
            return tuple(_decode(item, reader) for item in content)
        case "dict":
            return {_decode(key, reader): _decode(item, reader) for key, item in content}
        case "foreign":
            return Opaque(str(content)[:100])
    raise ValueError(f"unknown kind {kind!r}")
