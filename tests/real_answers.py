"""Whole answers, of one function or of several: put in the place of ours, and judged as a check judges them.

A file with an answer names the QUESTIONS that it is about, and defines functions, and classes with methods, to put in
the place of those of the same name. It may use `np` and every name in `layers` and `layer_utils`.
"""

import sys
from contextlib import ExitStack, contextmanager
from importlib import import_module
from unittest.mock import patch

import numpy as np

from coursekit.judging import reference_answers
from coursekit.judging.blame import blame
from coursekit.judging.judge import judge
from coursekit.judging.runner import run_case
from coursekit.questions import all_questions, find
from cs231n import layer_utils, layers
from tests.test_zoo import reference, travelled
from zoo import as_decorated

TARGETS = sorted({target for question in all_questions().values() for target in question.implements})


def load(path):
    """Read a file with an answer: the ids of its questions, and what it defines by name."""
    given = {"np": np, **vars(layers), **vars(layer_utils)}
    names = dict(given)
    exec(compile(path.read_text(), str(path), "exec"), names)
    new = {name: value for name, value in names.items() if value is not given.get(name)}
    return new.pop("QUESTIONS"), {name: value for name, value in new.items() if callable(value)}


@contextmanager
def in_place(question_ids, definitions):
    """Put functions and methods in the place of ours, in every module of `cs231n` that refers to them.

    They get the decorators of ours, which are given: a learner writes below them.
    """
    with ExitStack() as stack:
        for name, value in definitions.items():
            ours = _ours(name, question_ids)
            if isinstance(value, type):
                for method in (n for n, f in vars(value).items() if callable(f)):
                    own = as_decorated(getattr(ours, method), vars(value)[method])
                    stack.enter_context(patch.object(ours, method, own))
            else:
                value = as_decorated(ours, value)
                for module in [m for n, m in sys.modules.items() if n.startswith("cs231n.")]:
                    if getattr(module, name, None) is ours:
                        stack.enter_context(patch.object(module, name, value))
        yield


def _ours(name, question_ids):
    """The function or class of this name that the questions ask for, or that any question asks for."""
    own = [target for id_ in question_ids for target in find(id_).implements]
    for target in (*own, *TARGETS):
        module, path = target.split(":")
        if path.split(".")[0] == name:
            return getattr(import_module(module), name)
    raise ValueError(f"no question asks for {name}")


def judged(question, seed=None):
    """The verdict on what is in place now: on the public inputs, or on fresh ones."""
    numbers = range(len(question.cases))
    with np.errstate(all="ignore"):
        results = travelled({i: run_case(question.cases[i], question.draw_inputs(i, seed)) for i in numbers})
    inputs = {i: question.draw_inputs(i, seed) for i in numbers}
    expected = reference_answers.expected(question) if seed is None else reference(question.id, seed)
    return judge(question, inputs, results, expected)


def verdict_on(question_id, definitions, seed=None):
    """The verdict on an answer to a question, with the earlier question named that is to blame."""
    if seed is not None:
        reference(question_id, seed)  # while ours is in place
    with in_place([question_id], definitions):
        verdict = judged(find(question_id), seed)
        return blame(verdict, judged)
