"""Attempts as learners write them: source texts that are put in the place of our functions, and judged here."""

import inspect
import linecache
import sys
import types
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from coursekit.core.serialization import pack, unpack
from coursekit.judging import reference_answers
from coursekit.judging.judge import judge
from coursekit.judging.rendering import render
from coursekit.judging.runner import run_case
from coursekit.questions import find
from cs231n import layer_utils, layers, optim
from cs231n.classifiers import cnn, fc_net, k_nearest_neighbor, linear_classifier, linear_svm, neural_net, softmax
from zoo import as_decorated, edited

MODULES = (
    *(layers, layer_utils, optim),
    *(cnn, fc_net, k_nearest_neighbor, linear_classifier, linear_svm, neural_net, softmax),
)


def written(source, name="attempt"):
    """The functions and classes that a source text defines, as if it stood in `cs231n/`."""
    file = f"/cs231n/{name}.py"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    names = {"np": np}
    for module in (layers, layer_utils):
        names.update((key, value) for key, value in vars(module).items() if not key.startswith("_"))
    before = dict(names)
    exec(compile(source, file, "exec"), names)
    return {key: value for key, value in names.items() if before.get(key) is not value and callable(value)}


def slipped(question_id, edits):
    """What a question asks for, written as the model answer is but for some edits: pairs of old and new text."""
    target = find(question_id).implements[0]
    *owners, name = target.split(":")[1].split(".")
    function = edited(target, edits, "/cs231n/attempt.py")
    return {owners[0]: type(owners[0], (), {name: function})} if owners else {name: function}


@contextmanager
def in_place(functions, question):
    """Put functions, and methods of classes, in the place of ours, in all modules that know them.

    The decorators of ours come around what has none: they are given, and a learner writes below them.
    """
    undo = []

    def put(owner, name, value):
        ours = vars(owner)[name]
        undo.append((owner, name, ours))
        is_bare = not hasattr(value, "__wrapped__") and inspect.isfunction(ours)
        setattr(owner, name, as_decorated(ours, value) if is_bare else value)

    asked = sys.modules[question.implements[0].split(":")[0]]
    for name, value in functions.items():
        if isinstance(value, type):
            if name not in vars(asked):  # it belongs to another question
                continue
            for method, function in vars(value).items():
                if isinstance(function, types.FunctionType):
                    put(vars(asked)[name], method, function)
        else:
            for module in MODULES:
                if name in vars(module):
                    put(module, name, value)
    try:
        yield
    finally:
        for owner, name, value in reversed(undo):
            setattr(owner, name, value)


def verdict_on(functions, question_id):
    """The verdict on a question with these functions in the place of ours, over the bytes that a process would send."""
    question = find(question_id)
    numbers = range(len(question.cases))
    with in_place(functions, question), np.errstate(all="warn", under="ignore"):
        results = {i: run_case(question.cases[i], question.draw_inputs(i)) for i in numbers}
    results = {i: replace(result, outputs=unpack(pack(result.outputs))) for i, result in results.items()}
    inputs = {i: question.draw_inputs(i) for i in numbers}
    return judge(question, inputs, results, reference_answers.expected(question))


def told(functions, question_id):
    """The words of a verdict, without its line breaks."""
    return " ".join(render(verdict_on(functions, question_id)).split())
