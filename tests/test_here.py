"""Checks in the process that asks for them: the same verdicts as in a process of their own, and nothing left behind."""

import builtins
import decimal
import math
import os
import random
import re
import sys
import threading
import warnings
from contextlib import contextmanager

import numpy as np
import pytest

from coursekit.judging import in_this_process, reference_answers, runner
from coursekit.judging.check import SECONDS, check
from coursekit.judging.judge import judge
from coursekit.judging.rendering import render
from coursekit.judging.runner import run_cases
from coursekit.learner import progress
from coursekit.questions import NOTEBOOKS, find
from tests.zoo_files import copy_tree, in_files, stands_alone
from zoo import entries

AFFINE = "rows = x.reshape(len(x), len(w))  # (N, d_1, ..., d_k) -> (N, D)\n    out = rows @ w + b"


def sample(kind, count):
    """So many entries of the zoo of one kind, spread over all questions."""
    found = [entry for entry in entries() if kind(entry)]
    return found[:: -(-len(found) // count)]


FEW = [
    *sample(lambda entry: entry.edits, 20),
    *sample(lambda entry: not entry.edits and not entry.beside and stands_alone(entry), 10),
    *sample(lambda entry: entry.beside, 2),
    *sample(lambda entry: not entry.edits and not entry.beside and not stands_alone(entry), 3),
]


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return copy_tree(tmp_path_factory.mktemp("tree"))


@pytest.fixture
def here(monkeypatch):
    monkeypatch.setenv(in_this_process.CHOICE, "here")


def verdict_on_files(question, root):
    inputs = {index: question.draw_inputs(index) for index in range(len(question.cases))}
    return judge(question, inputs, run_cases(question, inputs, root, SECONDS), reference_answers.expected(question))


def both_verdicts(entry, root, monkeypatch):
    """The verdict on an entry in a process of its own, and the one in this process."""
    with in_files(entry, root):
        question = find(entry.question_id)
        monkeypatch.delenv(in_this_process.CHOICE, raising=False)
        apart = verdict_on_files(question, root)
        monkeypatch.setenv(in_this_process.CHOICE, "here")
        return apart, verdict_on_files(question, root)


def named(found):
    return pytest.mark.parametrize("entry", found, ids=[f"{e.question_id}-{e.name}" for e in found])


def words(verdict):
    """What is shown, without what Python adds on where it was when a recursion became too deep."""
    where = " (in comparison|while calling a Python object)"
    return re.sub(f"(recursion depth exceeded){where}", r"\1", " ".join(render(verdict).split()))


def require_same(apart, here, entry):
    """The same words; and the right ones, where the entry needs nothing that its place in a file takes from it."""
    assert words(here) == words(apart)
    if entry.edits or not entry.beside and stands_alone(entry):
        assert here.status == ("wrong" if entry.sentence else "ok"), render(here)


@named(FEW)
def test_same_verdict_as_in_a_process(entry, tree, monkeypatch):
    require_same(*both_verdicts(entry, tree, monkeypatch), entry)


@pytest.mark.slow
@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_same_verdicts_on_the_whole_zoo(notebook, tree, monkeypatch):
    for entry in (entry for entry in entries() if find(entry.question_id).notebook == notebook):
        require_same(*both_verdicts(entry, tree, monkeypatch), entry)


@contextmanager
def affine(root, body):
    """Let affine_forward have another body for a while."""
    path = root / "cs231n" / "layers.py"
    source = path.read_text()
    assert AFFINE in source
    path.write_text(source.replace(AFFINE, body))
    try:
        yield find("affine_forward")
    finally:
        path.write_text(source)


@pytest.mark.parametrize(
    "body",
    [
        "out = (",  # no Python
        "raise NotImplementedError('affine_forward: two_layer_net')",
        "exit()",
        "import sys; sys.exit()",
        "out = input()",
        "display(x); out = x.reshape(len(x), -1) @ w + b",
        "print('look here'); out = x",
        "np.random.seed(1); x *= 2; out = np.log(-abs(w[: len(x)])) + b",
        "out = list(x)",
        "out = lambda: x",
    ],
)
def test_same_words_for_what_learners_write(body, tree, monkeypatch):
    """Errors, prints and names that only a notebook has end as they do in a process."""
    monkeypatch.setattr(builtins, "display", print, raising=False)  # as IPython does
    with affine(tree, body) as question:
        apart = verdict_on_files(question, tree)
        monkeypatch.setenv(in_this_process.CHOICE, "here")
        assert render(verdict_on_files(question, tree)) == render(apart)


def test_nothing_is_left_behind(tree, here):
    """Modules, paths, random numbers, settings and built-in names are those of the notebook afterwards."""

    def state():
        modules = {name: id(module) for name, module in sys.modules.items() if name.startswith(("cs231n", "coursekit"))}
        numbers = random.getstate(), [str(part) for part in np.random.get_state()], np.geterr(), np.get_printoptions()
        return modules, numbers, sys.path[:], sys.path_hooks[:], os.getcwd(), dict(vars(builtins)), sys.stdout

    before = state()
    with affine(
        tree, "np.random.seed(3); np.seterr(all='raise'); np.set_printoptions(precision=2); out = x"
    ) as question:
        assert verdict_on_files(question, tree).status == "wrong"
    assert state() == before


RIGHT = "out = x.reshape(len(x), -1) @ w + b"
LEAVES = {
    "a function of NumPy": "np.exp = np.abs = np.allclose = lambda *a, **k: 0.0",
    "a function of a part of NumPy": "np.linalg.norm = np.random.rand = len",
    "a built-in name": "import builtins; builtins.sorted = builtins.round = len",
    "a function of the standard library": "import math, os, random; math.sqrt = os.getcwd = random.random = len",
    "a module": "import sys; sys.modules['numpy.linalg'] = None; sys.modules.pop('json', None)",
    "filters of warnings": "import warnings; warnings.simplefilter('error'); warnings.showwarning = print",
    "the environment": "import os; os.environ.pop('PATH', None); os.environ['MINE'] = '1'",
    "settings of Python": "import sys; sys.setrecursionlimit(sys.getrecursionlimit() + 9); sys.excepthook = print",
    "decimal numbers": "import decimal; decimal.getcontext().prec = 2",
    "the folder": "import os; os.chdir(os.sep)",
}


@pytest.mark.parametrize("what", LEAVES)
@pytest.mark.parametrize("when", ["called", "imported"])
def test_what_code_changes_for_all_is_as_before(tree, here, what, when):
    """For the notebook and for the next check, whether the code did it when it was called or when it was imported."""

    def state():
        spaces = [np, np.linalg, np.random, builtins, math, os, random, warnings]
        names = [{name: id(value) for name, value in vars(space).items()} for space in spaces]
        modules = {name: id(sys.modules[name]) for name in ("json", "numpy.linalg")}
        settings = sys.getrecursionlimit(), sys.excepthook, decimal.getcontext().prec, list(warnings.filters)
        return names, modules, settings, dict(os.environ), os.getcwd()

    before, change = state(), LEAVES[what]
    body = f"{change}\n    {RIGHT}"
    if when == "imported":  # what follows in the file belongs to another function then
        body = f"{RIGHT}\n    return out, (x, w, b)\n\n\n{change}\n\n\ndef other(x, w, b, out=0):\n    pass"
    with affine(tree, body) as question:
        verdict_on_files(question, tree)
    assert state() == before
    with affine(tree, RIGHT) as question:
        assert verdict_on_files(question, tree).ok
    with affine(tree, RIGHT.replace("+", "-")) as question:
        assert verdict_on_files(question, tree).status == "wrong"


def test_an_answer_that_breaks_what_runs_it_is_wrong_as_in_a_process(tree, monkeypatch):
    """`len` is needed to report anything; and `except Exception` does not catch what this raises."""
    for body in ("import builtins; builtins.len = lambda x: 3; out = x", "raise type('E', (BaseException,), {})"):
        with affine(tree, body) as question:
            monkeypatch.delenv(in_this_process.CHOICE, raising=False)
            apart = verdict_on_files(question, tree)
            monkeypatch.setenv(in_this_process.CHOICE, "here")
            assert verdict_on_files(question, tree).status == apart.status == "wrong"


@pytest.mark.parametrize("end", ["os._exit(3)", "os.abort()"])
def test_the_kernel_outlives_an_answer_that_ends_python(tree, here, end):
    """It is wrong, as in a process; what ended it is named."""
    with affine(tree, f"import os; {end}") as question:
        verdict = verdict_on_files(question, tree)
    assert verdict.status == "wrong" and "end Python" in render(verdict)


def test_an_edit_within_the_same_second_is_seen(tree, here):
    with affine(tree, "out = x.reshape(len(x), -1) @ w - b") as question:
        assert verdict_on_files(question, tree).status == "wrong"
    with affine(tree, "out = x.reshape(len(x), -1) @ w + b") as question:
        assert verdict_on_files(question, tree).ok


def test_an_interrupt_ends_an_endless_loop(tree, here):
    """It is not caught, and the modules of the notebook are in place again."""
    loaded = sys.modules["cs231n.layers"]
    loop = "import _thread; _thread.interrupt_main()\n    while True: pass"
    with affine(tree, loop) as question, pytest.raises(KeyboardInterrupt):
        verdict_on_files(question, tree)
    assert sys.modules["cs231n.layers"] is loaded


def test_check_says_so_before_it_runs(here, capsys):
    check("relu_forward")
    assert capsys.readouterr().out.startswith(f"{in_this_process.NOTICE}\nrelu_forward\n")


def test_where_no_process_can_be_started(monkeypatch, capsys):
    """The first check finds out, the next ones know; each says so once."""
    tries = []

    def popen(*_, **__):
        tries.append(1)
        raise OSError("emscripten does not support processes")

    monkeypatch.setattr(runner.subprocess, "Popen", popen)
    monkeypatch.setattr(runner, "_without_processes", threading.Event())
    for _ in range(2):
        check("relu_forward")
        printed = capsys.readouterr().out
        assert printed.count(in_this_process.NOTICE) == 1 and "relu_forward: ok" in printed
    assert len(tries) == 1


def test_progress_needs_no_threads(here, monkeypatch):
    """Where there are no processes, there may be no threads."""
    monkeypatch.setattr(progress, "ThreadPoolExecutor", None)
    [verdict] = progress.verdicts([find("relu_forward")])
    assert verdict.ok
