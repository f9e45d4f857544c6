"""The zoo: implementations as learners write them, wrong ones with the mistake each makes, and right ones.

A module for each notebook. A wrong one must be caught, and the sentence must be shown; a right one in another style
must never be called wrong. Add one by writing a function under `@wrong` or `@right`, or, where a wrong one is the
model answer but for a slip, a row under `slips`.
"""

import ast
import inspect
import linecache
import re
import textwrap
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from unittest.mock import patch

from coursekit.judging.runner import run_case
from coursekit.questions import NOTEBOOKS, find
from coursekit.running import worker

_entries = []


@dataclass(frozen=True)
class Entry:
    """An implementation in the zoo.

    `sentence` is the likely mistake that a learner is told; empty for a right one. `rule` is a part of the text that
    the judge must bring without knowing this implementation, by its general rules alone; empty if they cannot know.
    `edge` is a part of the text that comes with the ok for a right one that misses an edge; empty if it misses none.
    `beside` are functions that belong to it, by what they stand in for: a forward pass with a cache of its own.
    `edits` make it of the model answer, where it is nothing but this with a slip.
    """

    question_id: str
    name: str
    function: object
    target: str
    sentence: str = ""
    rule: str = ""
    edge: str = ""
    beside: dict = field(default_factory=dict, hash=False)
    edits: tuple = ()


def wrong(question_id, sentence, rule="", target=None):
    """Register a function as a wrong implementation of what the question asks for.

    `target` is what it stands in for, such as "cs231n.layers:affine_forward"; by default the first thing that the
    question implements.
    """

    def register(function):
        target_ = _target(question_id, target)
        as_run = _as_run(target_, function)
        _entries.append(Entry(question_id, function.__name__, as_run, target_, sentence, rule))
        return function

    return register


def right(question_id, edge="", target=None, beside=None):
    """Register a function as a right implementation in another style than the reference's.

    `edge` is a part of what a learner is told if it misses an edge: what the question does not ask for. `beside` maps
    targets to functions that belong to it, such as the forward pass that it goes with.
    """

    def register(function):
        target_ = _target(question_id, target)
        as_run = _as_run(target_, function)
        _entries.append(Entry(question_id, function.__name__, as_run, target_, edge=edge, beside=beside or {}))
        return function

    return register


def slips(question_id, *rows):
    """Register wrong implementations, each the model answer with a slip.

    A row has the sentence, and then, by turns, a text of the model answer and what stands in its place.
    """
    target = _target(question_id, None)
    for number, (sentence, *texts) in enumerate(rows, 1):
        edits = tuple(zip(texts[::2], texts[1::2], strict=True))
        name = f"{question_id}_slip_{number}"
        function = edited(target, edits, f"zoo/{name}.py")
        _entries.append(Entry(question_id, name, function, target, sentence, edits=edits))


def edited(target, edits, file):
    """The function at `target`, with its decorators, made from its source text by edits, as if it stood in `file`."""
    ours = target_of(target)
    source = edited_text(textwrap.dedent(inspect.getsource(ours)), edits)
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    names = dict(inspect.unwrap(ours).__globals__)
    exec(compile(source, file, "exec"), names)
    return names[target.rpartition(":")[2].rpartition(".")[2]]


def edited_text(source, edits):
    """A text after edits, pairs of old and new; further lines of a new text are indented like its first one."""
    for old, new in edits:
        if old not in source:
            raise ValueError(f"a slip in the zoo replaces {old!r}, which is no longer in the model answer:\n{source}")
        line = re.compile(rf"^( *)(.*?){re.escape(old)}", re.MULTILINE)
        source = line.sub(lambda found, new=new: found[1] + (found[2] + new).replace("\n", "\n" + found[1]), source)
    return source


def _target(question_id, target):
    return target or find(question_id).implements[0]


def _as_run(target, function):
    return as_decorated(target_of(target), function)


def target_of(target):
    """What stands at `target`, such as "cs231n.solver:Solver.train"."""
    module, path = target.split(":")
    value = import_module(module)
    for name in path.split("."):
        value = getattr(value, name)
    return value


def as_decorated(ours, function):
    """Put the decorators of `ours` around another function: a learner writes what stands below them.

    They change settings, types and results, so what stands in for ours behaves like a learner's code only with them.
    """
    [definition] = ast.parse(textwrap.dedent(inspect.getsource(ours))).body
    for decorator in reversed(definition.decorator_list):
        function = eval(ast.unparse(decorator), inspect.unwrap(ours).__globals__)(function)
    return function


@cache
def entries():
    """All implementations of the zoo."""
    for notebook in NOTEBOOKS:
        import_module(f"zoo.{NOTEBOOKS[notebook]}.{notebook}")
    return tuple(_entries)


def wrong_entries(question_id=None):
    """The wrong ones, of all questions or of one."""
    return [entry for entry in entries() if entry.sentence and question_id in (None, entry.question_id)]


def right_entries():
    """The right ones."""
    return [entry for entry in entries() if not entry.sentence]


@contextmanager
def in_place_of(target, function):
    """Put a function in the place of `target`, such as "cs231n.solver:Solver.train", for a while."""
    module, path = target.split(":")
    *owners, name = path.split(".")
    owner = import_module(module)
    for part in owners:
        owner = getattr(owner, part)
    original = owner.__dict__[name] if owners else getattr(owner, name)
    setattr(owner, name, function)
    try:
        yield
    finally:
        setattr(owner, name, original)


@contextmanager
def in_place(entry):
    """Put an entry in its place for a while, with the functions beside it."""
    with ExitStack() as stack:
        for target, function in ({entry.target: entry.function} | entry.beside).items():
            stack.enter_context(in_place_of(target, function))
        yield


def outcomes(entry, seed=None):
    """Run all cases of an entry's question with the entry in place: a `Result` by index of the case."""
    question = find(entry.question_id)
    with in_place(entry), patch.object(worker, "CODE", ["zoo", "cs231n"]):
        return {i: run_case(case, question.draw_inputs(i, seed)) for i, case in enumerate(question.cases)}
