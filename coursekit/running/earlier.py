"""Right answers to earlier questions, from another process: the learner's code gets what they return, never their text.

In follow-through, an earlier function that is wrong is replaced by a call of `answer`, and a part of a function by a
call of `answer_part`. They send the arguments as plain bytes, and the process that has the reference (`main`, in a
sandbox of its own) sends back what it returns, what it changed in place, and the state of NumPy's generator.

A message is the length of a JSON text, the text, and the bytes of the arrays that the text describes. Whatever can be
changed in place has a number there, which is the same on both sides: so a result that is an argument stays that
argument. A large array is sent once; afterwards its hash stands for it.
"""

import builtins
import contextlib
import hashlib
import importlib
import inspect
import json
import math
import os
import struct
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any, BinaryIO
from unittest.mock import patch

import numpy as np

from coursekit.core.serialization import KINDS, Opaque

CHANNEL = "COURSEKIT_EARLIER"  # the environment variable with the numbers of the two pipes, to read and to write
ANSWERS = "COURSEKIT_ANSWERS"  # the one of the process that answers: which functions, and the texts of which parts
LARGE = 64 << 20  # bytes of an array that is sent once; nothing of this size is changed in place
KEPT = 3 << 30  # bytes of large arrays that are kept
LONGEST_TEXT = 64 << 20


# ---- asking


def answer(target: str, arguments: dict[str, Any]) -> Any:
    """What the reference's function returns; `target` is such as "cs231n.layers:affine_forward"."""
    return _channel().ask({"target": target}, arguments)


def answer_part(target: str, index: int, names: dict[str, Any], wanted: tuple[str, ...]) -> list:
    """The values of the wanted names after a part of the reference's function has run on these local variables."""
    assigned = _channel().ask({"target": target, "part": index}, names)
    return [assigned.get(name, names.get(name)) for name in wanted]


@cache
def _channel() -> "_Channel":
    reading, writing = map(int, os.environ[CHANNEL].split(","))
    return _Channel(os.fdopen(reading, "rb"), os.fdopen(writing, "wb"), _Kept())


@dataclass
class _Channel:
    """One end of the two pipes, and the large arrays of the questions that have gone through them."""

    reading: BinaryIO
    writing: BinaryIO
    kept: "_Kept"

    def ask(self, question: dict[str, Any], arguments: dict[str, Any]) -> Any:
        """Ask the other side; raises what its answer raises."""
        message = Message()
        text = {"arguments": message.encode(arguments), "random": message.encode(np.random.get_state())}
        self.send(question | text | {"stand_ins": _stand_ins()}, message, once=True)
        reply = Message(message.objects)
        text = self.receive(reply)
        if "error" in text:
            kind, words = text["error"]
            raise _error_class(kind)(words)
        reply.update(text["changed"])
        np.random.set_state(reply.decode(text["random"]))
        return reply.decode(text["value"])

    def send(self, text: Any, message: "Message", once: bool = False) -> None:
        """Send a text with the arrays of its message; `once` if large ones that were sent before need not be again."""
        described, sent = [], []
        for array in message.arrays:
            digest = _digest(array) if once and array.nbytes >= LARGE else ""
            if not digest or self.kept.add(digest, array.nbytes):
                sent.append(array)
            described.append([array.dtype.str, array.shape, digest])
        data = json.dumps({"text": text, "arrays": described}).encode()
        self.writing.write(struct.pack("<Q", len(data)) + data)
        for array in sent:
            self.writing.write(_bytes(array))
        self.writing.flush()

    def receive(self, message: "Message") -> Any:
        """Receive a text, and the arrays for its message; EOFError at the end."""
        (length,) = struct.unpack("<Q", self._read(8))
        if length > LONGEST_TEXT:
            raise ValueError(f"a text of {length} bytes")
        content = json.loads(self._read(length))
        message.arrays = [self._receive_array(*described) for described in content["arrays"]]
        return content["text"]

    def _receive_array(self, name: str, shape: list[int], digest: str) -> np.ndarray:
        if digest in self.kept.arrays:
            return self.kept.arrays[digest]  # type: ignore[return-value]
        dtype = np.dtype(name)
        if dtype.kind not in KINDS or dtype.subdtype or any(type(n) is not int or n < 0 for n in shape):
            raise ValueError(f"an array of {dtype} and shape {shape}")
        data = self._read(dtype.itemsize * math.prod(shape))
        array = np.frombuffer(data, dtype).reshape(shape)
        if digest:
            array.flags.writeable = False
            self.kept.add(digest, array.nbytes, array)
        return array

    def _read(self, length: int) -> bytearray:
        data = bytearray(length)
        if length and self.reading.readinto(data) != length:  # type: ignore[attr-defined]
            raise EOFError("the process that has the earlier answers has ended")
        return data


class _Kept:
    """Large arrays by their hash; both sides keep and forget the same ones, and only one needs the arrays."""

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray | None] = {}
        self._sizes: dict[str, int] = {}

    def add(self, digest: str, size: int, array: np.ndarray | None = None) -> bool:
        """Keep an array of so many bytes; whether it is new."""
        if digest in self.arrays:
            return False
        self.arrays[digest], self._sizes[digest] = array, size
        while sum(self._sizes.values()) > KEPT and len(self.arrays) > 1:
            oldest = next(iter(self.arrays))
            del self.arrays[oldest], self._sizes[oldest]
        return True


def _digest(array: np.ndarray) -> str:
    digest = hashlib.blake2b(f"{array.dtype.str} {array.shape}".encode())
    digest.update(_bytes(array))
    return digest.hexdigest()


def _bytes(array: np.ndarray) -> memoryview:
    return _as_bytes(array).data if array.size else memoryview(b"")


def _as_bytes(array: np.ndarray) -> np.ndarray:
    return array.reshape(-1).view(np.uint8)


def _error_class(kind: str) -> type[Exception]:
    found = getattr(builtins, kind, None)
    return found if isinstance(found, type) and issubclass(found, Exception) else RuntimeError


# ---- values as text and arrays


class Message:
    """Values on their way: what can be changed in place is numbered, arrays are sent beside the text.

    Parameters
    ----------
    objects : iterable
        Those of the message that this one replies to, in the order of their numbers.
    """

    def __init__(self, objects: Iterable[Any] = ()) -> None:
        self.objects = list(objects)
        self.arrays: list[np.ndarray] = []
        self._numbers = {id(value): number for number, value in enumerate(self.objects)}

    def encode(self, value: Any) -> Any:
        """A value as JSON can hold it."""
        if value is None or type(value) in (bool, int, str):
            return value
        if type(value) is float:
            return {"float": repr(value)}
        if isinstance(value, np.generic):
            return {"scalar": self._array(np.asarray(value))}
        if isinstance(value, np.dtype) or (isinstance(value, type) and value in _TYPES):
            return {"type": np.dtype(value).str if isinstance(value, np.dtype) else value.__name__}
        if isinstance(value, tuple):
            items = [self.encode(item) for item in value]
            named = _course_class(value)
            return {"named": [*named, items]} if named else {"tuple": items}
        if isinstance(value, Opaque):
            return {"foreign": value.kind}
        if value is np.random:
            return {"module": "numpy.random"}
        return self._numbered(value)

    def _numbered(self, value: Any) -> dict[str, Any]:
        if id(value) in self._numbers:
            return {"same": self._numbers[id(value)]}
        if isinstance(value, np.ndarray):
            if value.dtype.kind not in KINDS:
                return {"foreign": f"array of {value.dtype}"}
        elif not isinstance(value, (list, dict, *_GENERATORS)) and not _course_class(value):
            return {"foreign": type(value).__name__}
        self._numbers[id(value)] = len(self.objects)
        self.objects.append(value)
        return self.content(value)

    def content(self, value: Any) -> dict[str, Any]:
        """What is in an array, a list, a dict, a random generator or an object of the course."""
        if isinstance(value, np.ndarray):
            return {"array": self._array(value)}
        if isinstance(value, list):
            return {"list": [self.encode(item) for item in value]}
        if isinstance(value, dict):
            return {"dict": [[self.encode(key), self.encode(item)] for key, item in value.items()]}
        if isinstance(value, _GENERATORS):
            return {"generator": [isinstance(value, np.random.Generator), self.encode(_state_of(value))]}
        module, name = _course_class(value) or ("", "")
        return {"object": [module, name, self.encode(dict(vars(value)))]}

    def _array(self, array: np.ndarray) -> int:
        self.arrays.append(np.ascontiguousarray(array).reshape(array.shape))
        return len(self.arrays) - 1

    def decode(self, code: Any) -> Any:
        """The value again."""
        if not isinstance(code, dict):
            return code
        [(kind, content)] = code.items()
        match kind:
            case "float":
                return float(content)
            case "scalar":
                return self.arrays[content][()]
            case "type":
                return next((known for known in _TYPES if known.__name__ == content), None) or np.dtype(content)
            case "tuple":
                return tuple(self.decode(item) for item in content)
            case "named":
                module, name, items = content
                return tuple.__new__(_class_of_course(module, name, tuple), [self.decode(item) for item in items])
            case "same":
                return self.objects[content]
            case "foreign":
                return Opaque(str(content))
            case "module":
                return np.random
        return self._decode_numbered(kind, content)

    def _decode_numbered(self, kind: str, content: Any) -> Any:
        number = len(self.objects)
        self.objects.append(None)  # its number comes before the numbers of what is in it
        value: Any
        match kind:
            case "array":
                value = self.arrays[content]
            case "object":
                value = _new_object(*content[:2])
            case "generator":
                value = _new_generator(*content)
            case _:
                value = {"list": list, "dict": dict}[kind]()
        self.objects[number] = value
        self._fill(value, content)
        return value

    def _fill(self, value: Any, content: Any) -> None:
        """Put into a list, a dict, a generator or an object what the other side has in it, and nothing else."""
        if isinstance(value, list):
            value[:] = [self.decode(item) for item in content]
        elif isinstance(value, dict):
            items = [(self.decode(key), self.decode(item)) for key, item in content]
            value.clear()
            value.update(items)
        elif isinstance(value, _GENERATORS):
            _set_state(value, self.decode(content[1]))
        elif not isinstance(value, np.ndarray):
            fields = self.decode(content[2])
            vars(value).clear()
            vars(value).update(fields)

    def update(self, changed: list) -> None:
        """Change in place what the other side has changed."""
        for number, code in changed:
            [(_, content)] = code.items()
            value = self.objects[number]
            if isinstance(value, np.ndarray):
                np.copyto(value, self.arrays[content])
            else:
                self._fill(value, content)


_TYPES: dict[type, None] = dict.fromkeys(
    (float, int, bool, complex, np.float16, np.float32, np.float64, np.int32, np.int64, np.uint8)
)
_GENERATORS = (np.random.Generator, np.random.RandomState)


_ALGORITHMS = ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64")


def _new_generator(is_new_kind: bool, state: Any) -> np.random.Generator | np.random.RandomState:
    """A generator with the algorithm that an encoded state names."""
    name = dict(state["dict"])["bit_generator"]
    if name not in _ALGORITHMS:
        raise ValueError(f"{name} is no algorithm of NumPy's")
    kind = np.random.Generator if is_new_kind else np.random.RandomState
    return kind(getattr(np.random, name)())


def _state_of(generator: np.random.Generator | np.random.RandomState) -> Any:
    """The state of a random generator, with the name of its algorithm."""
    return generator.bit_generator.state if isinstance(generator, np.random.Generator) else generator.get_state(False)


def _set_state(generator: np.random.Generator | np.random.RandomState, state: Any) -> None:
    if isinstance(generator, np.random.Generator):
        generator.bit_generator.state = state
    else:
        generator.set_state(state)


def _course_class(value: Any) -> tuple[str, str] | None:
    """Module and name of an object's class; of the nearest one above it that is the course's."""
    for kind in type(value).__mro__:
        if kind.__module__.startswith("cs231n."):
            return kind.__module__, kind.__qualname__
    return None


def _new_object(module: str, name: str) -> Any:
    """An object of one of the course's classes, without attributes."""
    return object.__new__(_class_of_course(module, name))


def _class_of_course(module: str, name: str, base: type = object) -> type:
    kind = getattr(importlib.import_module(module), name) if module.startswith("cs231n.") else None
    if not (isinstance(kind, type) and issubclass(kind, base) and kind.__module__ == module):
        raise ValueError(f"{module}:{name} is no class of the course")
    return kind


# ---- stand-ins: what a question's module names in STAND_INS, in the place of the course's functions


def _stand_ins() -> list[list[str]]:
    """The stand-ins that are in place now: the module of what they replace, its name, and the question's module."""
    return [
        [module.__name__, name, function.__module__]
        for module in list(sys.modules.values())
        if getattr(module, "__name__", "").startswith("cs231n.")
        for name, function in list(vars(module).items())
        if inspect.isfunction(function) and function.__module__.startswith("coursekit.questions.")
    ]


@contextlib.contextmanager
def _standing_in(stand_ins: list[list[str]]) -> Iterator[None]:
    """Put the same stand-ins in place here."""
    with contextlib.ExitStack() as stack:
        for module, name, questions in stand_ins:
            if not module.startswith("cs231n.") or not questions.startswith("coursekit.questions."):
                raise LookupError(f"{questions} has no stand-ins for {module}")
            function = importlib.import_module(questions).STAND_INS[name]
            stack.enter_context(patch.object(importlib.import_module(module), name, function))
        yield


# ---- answering


def main() -> None:
    """Answer until the other side is gone."""
    channel = _channel()
    while True:
        request = Message()
        try:
            text = channel.receive(request)
        except Exception:  # the end, or what is no question
            return
        try:
            answered, reply = _answered(text, request)
        except Exception as error:
            answered, reply = {"error": [type(error).__name__, str(error)]}, Message()
        channel.send(answered, reply)


def _answered(text: dict[str, Any], request: Message) -> tuple[dict[str, Any], Message]:
    """The reply to a request: what was changed in place, the state of the random generator, and the value."""
    arguments = request.decode(text["arguments"])
    np.random.set_state(request.decode(text["random"]))
    before = {number: value.copy() for number, value in enumerate(request.objects) if _may_change(value)}
    with _standing_in(text["stand_ins"]):
        if "part" in text:
            value = _run_part(text["target"], text["part"], arguments)
        else:
            value = _call(text["target"], arguments)
    reply = Message(request.objects)
    changed = [
        [number, reply.content(value)]
        for number, value in enumerate(request.objects)
        if not isinstance(value, np.ndarray) or (number in before and not _is_same(before[number], value))
    ]
    random = reply.encode(np.random.get_state())  # the other side decodes in the same order
    return {"changed": changed, "random": random, "value": reply.encode(value)}, reply


def _may_change(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.flags.writeable


def _is_same(old: np.ndarray, new: np.ndarray) -> bool:
    return old.shape == new.shape and np.array_equal(_as_bytes(old), _as_bytes(new))  # to the bit, NaN included


def _call(target: str, arguments: dict[str, Any]) -> Any:
    if target not in _answers()["functions"]:
        raise LookupError(f"{target} is no earlier answer")
    module, path = target.split(":")
    *owners, name = path.split(".")
    return getattr(_owner(importlib.import_module(module), owners, arguments), name)(**arguments)


def _owner(module: ModuleType, owners: list[str], variables: dict[str, Any]) -> Any:
    """The class of a method, or the module of a function; a method is there for objects of its own class alone."""
    owner: Any = module
    for name in owners:
        owner = getattr(owner, name)
    if owners and not isinstance(variables.get("self"), owner):
        raise TypeError(f"self is no {owner.__name__}")
    return owner


def _run_part(target: str, index: int, names: dict[str, Any]) -> dict[str, Any]:
    """Run a part of a function on its local variables; the variables that it assigns."""
    part = _answers()["parts"].get(f"{target}/{index}")
    if part is None:
        raise LookupError(f"part {index} of {target} is no earlier answer")
    module, path = importlib.import_module(target.split(":")[0]), target.split(":")[1]
    _owner(module, path.split(".")[:-1], names)
    variables = vars(module) | names
    exec(compile(part["text"], target, "exec"), variables)
    return {name: variables[name] for name in part["names"] if name in variables}


@cache
def _answers() -> dict[str, Any]:
    return json.loads(os.environ[ANSWERS])


if __name__ == "__main__":
    main()
