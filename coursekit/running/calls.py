"""How a check calls a learner's code, as lines to copy: found by watching a case run, so they are never out of date."""

import contextlib
import io
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, is_dataclass
from importlib import import_module
from inspect import Parameter, getargvalues, isfunction, signature, unwrap
from textwrap import wrap
from types import CodeType, FrameType
from typing import Any

import numpy as np

from coursekit.core.question import Case, Question

_UNKNOWN = "..."  # stands for a value that the check makes itself
_WIDTH = 88


class _EnoughError(BaseException):
    """The code that the question asks for has been called; it need not run."""


@dataclass
class _Call:
    """A call from a case into `cs231n`."""

    function: Callable
    owner: Any  # the object whose method was called, or None
    arguments: list[tuple[Parameter, str | None, Any]]  # parameter, text, value
    before: list[str]  # lines for what the case itself did to the object before
    result: Any = None


def calls_of(question: Question, case: Case, inputs: dict[str, Any]) -> list[str]:
    """The lines of Python by which a case calls the learner's code, from imports to the function asked for.

    They use the inputs as attributes of `given`. The learner's code is called up to that function, which does not run;
    there are no lines if this is impossible, as with a file that cannot be imported.
    """
    watch = _Watch(_codes(question), inputs)
    old = sys.getprofile()
    try:
        with contextlib.redirect_stdout(io.StringIO()), np.errstate(all="ignore"):
            sys.setprofile(watch)
            case.run(**inputs)
    except _EnoughError:
        return list(_lines(watch))
    except Exception:  # the learner's own code failed before
        return []
    finally:
        sys.setprofile(old)
    return []


def _codes(question: Question) -> set[CodeType]:
    """The code of what a question asks for, without its decorators."""
    found = set()
    for target in question.implements:
        module, path = target.split(":")
        with contextlib.suppress(Exception):
            found.add(unwrap(_resolve(import_module(module), path)).__code__)
    return found


def _resolve(owner: Any, path: str) -> Any:
    for name in path.split("."):
        owner = getattr(owner, name)
    return owner


@dataclass
class _Watch:
    """A profile function that notes the calls from `coursekit.questions` into `cs231n`."""

    targets: set[CodeType]
    inputs: dict[str, Any]
    calls: list[_Call] = field(default_factory=list)
    objects: dict[int, tuple[Any, str]] = field(default_factory=dict)  # those made by the case, with their names
    _open: dict[int, _Call] = field(default_factory=dict)  # by the id of their frame
    _seen: dict[int, dict[str, int]] = field(default_factory=dict)  # the state of each object when last left

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        if event == "call" and _is_from_case(frame):
            function = _function_of(frame)
            if function is not None:
                self._enter(frame, function)
                if {frame.f_code, function.__code__} & self.targets:
                    raise _EnoughError
        elif event == "return" and id(frame) in self._open:
            call = self._open.pop(id(frame))
            call.result = argument
            if call.owner is not None:
                self._seen[id(call.owner)] = _state(call.owner)

    def _enter(self, frame: FrameType, function: Callable) -> None:
        values = _passed(frame, function)
        parameters = list(signature(function).parameters.values())
        owner = values.get("self") if parameters and parameters[0].name == "self" else None
        call = _Call(function, owner, [], [] if owner is None else self._done_to(owner, function))
        call.arguments = [
            (p, self.text(values[p.name], p.name), values[p.name]) for p in parameters[owner is not None :]
        ]
        self.calls.append(call)
        self._open[id(frame)] = call

    def _done_to(self, owner: Any, function: Callable) -> list[str]:
        """Lines for an object whose class has no `__init__`, and for the attributes that the case has set."""
        if id(owner) not in self.objects:
            self.objects[id(owner)] = (owner, f"model{len(self.objects) + 1 if self.objects else ''}")
            return [] if function.__name__ == "__init__" else [f"{self.objects[id(owner)][1]} = {_new(owner)}"]
        name, before, places = self.objects[id(owner)][1], self._seen.get(id(owner), {}), _places(owner)
        changed = [place for place, state in _state(owner).items() if before.get(place) != state]
        whole = [place for place in changed if place.partition("[")[0] not in changed or "[" not in place]
        return [f"{name}{place} = {self.text(places[place]) or _UNKNOWN}" for place in whole]

    def text(self, value: Any, name: str = "") -> str | None:
        """A value as an expression; None if it cannot be written as one. `name` is that of its parameter or key."""
        if id(value) in self.objects:
            return self.objects[id(value)][1]
        return self._text_of_array(value) if isinstance(value, np.ndarray) else self._text_of_plain(value, name)

    def _text_of_array(self, value: np.ndarray) -> str | None:
        given = {name: array for name, array in self.inputs.items() if isinstance(array, np.ndarray)}
        for name, array in given.items():
            if value is array:
                return f"given.{name}"
        for name, array in given.items():
            if array.dtype == value.dtype and np.array_equal(array, value):
                return f"given.{name}.copy()"
            rows = [i for i in range(len(array)) if np.array_equal(array[i], value)] if value.ndim else []
            if rows:
                return f"given.{name}[{rows[0]}]"
        if not value.any():
            size = value.shape if value.ndim != 1 else len(value)
            return f"np.zeros({size}{'' if value.dtype == float else f', dtype=np.{value.dtype}'})"
        return None

    def _text_of_plain(self, value: Any, name: str) -> str | None:
        if isinstance(value, dict):
            items = (f"{_quoted(key)}: {self.text(item, str(key)) or _UNKNOWN}" for key, item in value.items())
            return f"{{{', '.join(items)}}}"
        if isinstance(value, (list, tuple)):
            inner = ", ".join(self.text(item) or _UNKNOWN for item in value)
            return f"[{inner}]" if isinstance(value, list) else f"({inner}{',' * (len(value) == 1)})"
        if isinstance(value, type) and issubclass(value, np.generic):
            return f"np.{value.__name__}"
        if isinstance(value, np.dtype):
            return f"np.{value}"
        if _is_same(value, self.inputs.get(name)) and value is not None:
            return f"given.{name}"
        return _quoted(value) if isinstance(value, (bool, int, float, str, type(None))) else None


def _is_from_case(frame: FrameType) -> bool:
    caller = frame.f_back
    return (
        str(frame.f_globals.get("__name__", "")).startswith("cs231n.")
        and caller is not None
        and str(caller.f_globals.get("__name__", "")).startswith("coursekit.questions")
        and frame.f_code.co_name not in ("<module>", "<lambda>")
    )


def _function_of(frame: FrameType) -> Callable | None:
    """The function that was called: the frame's own, or the one that it decorates; None for other inner ones."""
    free = (frame.f_locals.get(name) for name in frame.f_code.co_freevars)
    for function in filter(isfunction, free):
        if frame.f_code in _layers(_found(function.__module__, function.__qualname__)):
            return unwrap(function)
    return _found(frame.f_globals["__name__"], frame.f_code.co_qualname)


def _found(module: str, path: str) -> Any:
    try:
        return _resolve(import_module(module), path)
    except AttributeError:  # a function inside another one
        return None


def _layers(function: Any) -> Iterator[CodeType]:
    """The code of each decorator of a function, from the outside in, and that of the function itself."""
    while isfunction(function):
        yield function.__code__
        function = getattr(function, "__wrapped__", None)


def _passed(frame: FrameType, function: Callable) -> dict[str, Any]:
    """What a function gets, by its parameters; a decorator's frame may hold it as `*arguments` and `**named`."""
    names, rest, more, values = getargvalues(frame)
    number = frame.f_code.co_argcount  # those after it can be passed by name only
    named = {name: values[name] for name in names[number:]} | (values[more] if more else {})
    positional = [*(values[name] for name in names[:number]), *(values[rest] if rest else ())]
    bound = signature(function).bind(*positional, **named)
    bound.apply_defaults()
    return bound.arguments


def _new(owner: Any) -> str:
    if is_dataclass(owner):
        return repr(owner)  # which is how it is made
    is_learners = type(owner).__module__.startswith("cs231n.")
    return f"{type(owner).__name__}()" + ("" if is_learners else "  # a class of the check")


def _quoted(value: Any) -> str:
    """A number, or a text in the quotes that the course uses."""
    return f'"{value}"' if isinstance(value, str) else repr(value)


def _places(owner: Any) -> dict[str, Any]:
    """The attributes of an object, and the entries of those that are dicts, by how they are written."""
    places = {}
    for name, value in vars(owner).items():
        places[f".{name}"] = value
        if isinstance(value, dict):
            places |= {f".{name}[{_quoted(key)}]": item for key, item in value.items()}
    return places


def _state(owner: Any) -> dict[str, int]:
    return {place: id(value) for place, value in _places(owner).items()}


# ---- lines


def _lines(watch: _Watch) -> Iterator[str]:
    yield from _imports(watch)
    results: dict[int, str] = {}  # the names of what earlier calls returned
    for number, call in enumerate(watch.calls):
        expression = _expression(call, watch, results)  # before its results get names: one may be an argument itself
        assigned = _assigned_to(call, watch, watch.calls[number + 1 :], results)
        if _UNKNOWN in expression:
            yield f"# {_UNKNOWN} stands for what the check makes of its inputs"
        for text in (*call.before, assigned + expression):
            yield from _wrapped(text)


def _wrapped(line: str) -> list[str]:
    """A line of Python in lines that are not too long; each ends with a comma."""
    glued = line.replace(": ", ":\0").replace(" = ", "\0=\0")
    lines = wrap(glued, _WIDTH, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)
    return [part.replace("\0", " ") for part in lines]


def _imports(watch: _Watch) -> Iterator[str]:
    names: dict[str, dict[str, None]] = {}
    for call in watch.calls:
        what = call.function if call.owner is None else type(call.owner)
        if what.__module__.startswith("cs231n."):
            names.setdefault(what.__module__, {})[what.__name__] = None
    for module, found in names.items():
        line = f"from {module} import {', '.join(sorted(found))}"
        yield from [line] if len(line) <= _WIDTH else [f"from {module} import {name}" for name in sorted(found)]


def _expression(call: _Call, watch: _Watch, results: dict[int, str]) -> str:
    arguments = []
    for parameter, text, value in call.arguments:
        has_default = parameter.default is not Parameter.empty
        if not (has_default and _is_same(value, parameter.default)):
            written = results.get(id(value)) or text or _UNKNOWN
            arguments.append(f"{parameter.name}={written}" if has_default else written)
    return f"{_callee(call, watch)}({', '.join(arguments)})"


def _callee(call: _Call, watch: _Watch) -> str:
    if call.owner is None:
        return call.function.__name__
    if call.function.__name__ == "__init__":
        return type(call.owner).__name__
    return f"{watch.objects[id(call.owner)][1]}.{call.function.__name__}"


def _assigned_to(call: _Call, watch: _Watch, later: list[_Call], results: dict[int, str]) -> str:
    """The names that a call's results get: an object's, or those under which later calls hand them on."""
    if call.function.__name__ == "__init__":
        return f"{watch.objects[id(call.owner)][1]} = " if later else ""
    used = {
        id(value): parameter.name
        for other in later
        for parameter, _, value in other.arguments
        if isinstance(value, (np.ndarray, tuple, list, dict))  # of plain values, equal ones can be the same object
    }
    parts = (call.result,) if id(call.result) in used or not isinstance(call.result, tuple) else call.result
    results |= {id(part): used[id(part)] for part in parts if id(part) in used}
    names = [used.get(id(part), "_") for part in parts]
    return f"{', '.join(names)} = " if set(names) != {"_"} else ""


def _is_same(value: Any, other: Any) -> bool:
    return value is other or (type(value) is type(other) and isinstance(value, (int, float, str)) and value == other)
