"""Follow-through: earlier answers come from another sandbox, for every question that builds on others."""

import contextlib
import json
import os
import re
import threading

import numpy as np
import pytest

from coursekit.core.serialization import Opaque
from coursekit.grading.evaluate import Grading, Work
from coursekit.grading.intake.confined import LEAST, Allowance
from coursekit.grading.running import workspace
from coursekit.grading.settings import Settings
from coursekit.learner import submission
from coursekit.paths import ROOT, file_of
from coursekit.questions import NOTEBOOKS, all_questions, closure, find, notebook_file
from coursekit.running import earlier
from coursekit.running.earlier import Message, _Channel, _Kept
from cs231n._nearest import _Rows
from cs231n.classifiers.fc_net import TwoLayerNet

LATER = [question for question in all_questions().values() if closure(question)]
FUNCTIONS = [question for question in LATER if not question.in_notebook]
DEEPEST = {question.notebook: question for question in sorted(FUNCTIONS, key=lambda question: len(closure(question)))}
_REGION = re.compile(r"^[ ]*### BEGIN SOLUTION\n(.*?)^[ ]*### END SOLUTION\n", re.DOTALL | re.MULTILINE)
_STUB = re.compile(r'^[ ]*raise NotImplementedError\("(\w+):.*\n', re.MULTILINE)


def without(ids, assignment="assignment2"):
    """The solved modules, bytes by name, without the answers to some questions."""
    files = {}
    for name in submission.modules(assignment):
        stubs = [(found[1], found[0]) for found in _STUB.finditer(workspace.provided_contents()[name].decode())]
        waiting = iter(stubs)

        def kept(region, waiting=waiting):
            id_, stub = next(waiting)
            return stub if id_ in ids else region[0]

        files[name] = _REGION.sub(kept, (ROOT / name).read_text()).encode()
    return files


def quickly(question):
    """Of each notebook, the question that builds on most; the others are slow."""
    return pytest.param(question, id=question.id, marks=[] if question in DEEPEST.values() else pytest.mark.slow)


@pytest.mark.parametrize("question", [quickly(question) for question in FUNCTIONS])
def test_right_answer_with_nothing_before(question):
    """Whatever the earlier answers are: functions, methods, or parts of the same function."""
    with contextlib.ExitStack() as stack:
        files = without(closure(question), NOTEBOOKS[question.notebook])
        grading = Grading(Work(files), Settings(NOTEBOOKS[question.notebook], seed=3), stack)
        entry = grading.question_record(question)
    through = entry.follow_through
    assert entry.earned == entry.points, grading.grade(question, through.replaced).text
    assert through is None or through.status == "ok"


@pytest.mark.slow
@pytest.mark.parametrize("notebook", sorted({q.notebook for q in LATER if q.in_notebook}))
def test_right_notebook_with_nothing_before(notebook):
    questions = [q for q in LATER if q.in_notebook and q.notebook == notebook]
    blank = set().union(*map(closure, questions))
    cells = json.loads((ROOT / notebook_file(notebook)).read_text())
    with contextlib.ExitStack() as stack:
        work = Work(without(blank, NOTEBOOKS[notebook]), {notebook: cells})
        grading = Grading(work, Settings(NOTEBOOKS[notebook]), stack)
        for question in questions:
            entry = grading.question_record(question)
            assert entry.follow_through.status == "ok", grading.grade(question, grading.wrong_before(question)).text


def test_no_line_of_the_reference_in_the_folder():
    """Nor in the folder of any other question."""
    for question in LATER:
        ids = tuple(closure(question))
        for name in {file_of(target) for id_ in ids for target in find(id_).implements}:
            source = workspace.with_reference(name, workspace.provided_contents()[name].decode(), ids, question.id)
            answers = {
                line.strip() for region in _REGION.findall((ROOT / name).read_text()) for line in region.splitlines()
            }
            given = {line.strip() for line in workspace.provided_contents()[name].decode().splitlines()}
            assert not {line for line in answers - given if len(line) > 10} & {
                text.strip() for text in source.splitlines()
            }


@pytest.mark.parametrize("id_", ["region_loss", "knn_no_loops", "relu_forward"])
def test_it_is_replaced_where_it_stands(id_):
    """What a module makes of it below holds no old version; every other line is where it was."""
    target = find(id_).implements[0]
    name = file_of(target)
    before = workspace.provided_contents()[name].decode().splitlines()
    after = workspace.with_reference(name, "\n".join(before), [id_]).splitlines()
    changed = [number for number, (old, new) in enumerate(zip(before, after, strict=False)) if old != new]
    assert f'raise NotImplementedError("{id_}' in "\n".join(before[changed[0] : changed[-1] + 1])
    assert f'raise NotImplementedError("{id_}' not in "\n".join(after)
    called = [number for number, line in enumerate(after) if f".answer('{target}'" in line]
    assert called[0] == changed[0] and called[1] >= len(before) and not any(after[n] for n in changed[1:])


def test_never_its_own_answer():
    """What may be asked for holds nothing of the question that is graded, nor of a later one."""
    for question in LATER:
        for target in workspace.answers_to(closure(question), question.id)["functions"]:
            assert target not in question.implements
        parts = workspace.answers_to(closure(question), question.id)["parts"]
        for key in parts:
            target, index = key.split("/")
            asking = workspace.questions_asking_for(file_of(target), target.split(":")[1])
            assert asking[int(index)] in closure(question)


def test_a_reference_that_does_not_run_is_nobody_s_mistake(monkeypatch):
    monkeypatch.setattr(workspace, "build_reference", lambda folder: folder.chmod(0o755))
    question = find("two_layer_net_loss")
    with contextlib.ExitStack() as stack:
        entry = Grading(Work(without(closure(question))), Settings("assignment1"), stack).question_record(question)
    assert entry.follow_through.status == "infrastructure error"


def test_a_submission_has_one_allowance_for_the_reference():
    """Who keeps asking is stopped when that is used up, and soon in all further runs."""
    busy = "def relu_forward(x):\n    from cs231n.layers import affine_forward\n    while True:\n        affine_forward"
    busy += "(np.ones((900, 900)), np.ones((900, 900)), np.ones(900))\n\n\ndef relu_forward_old(x):"
    question = find("two_layer_net_loss")
    files = without({"affine_forward"})
    text = files["cs231n/layers.py"].decode()
    assert text.count("def relu_forward(x):") == 1
    files["cs231n/layers.py"] = text.replace("def relu_forward(x):", busy).encode()
    with contextlib.ExitStack() as stack:
        grading = Grading(Work(files), Settings("assignment1"), stack)
        allowance = grading._reference_allowances[False] = Allowance(4.0)
        status = grading._grade(question, ("affine_forward",)).status
    assert status != "ok" and allowance.left < 0 and 4 < allowance.used < 4 + 2 * (LEAST + 3)


def test_parts_do_not_leave_their_function():
    """A part is run on its own: it cannot return from the function, nor leave a loop."""
    import ast

    parts = workspace._parts()
    assert len(parts) == 8
    for part in parts.values():
        kinds = {type(node) for node in ast.walk(ast.parse(part["text"]))}
        assert not kinds & {ast.Return, ast.Yield, ast.Global, ast.Nonlocal}


# ---- values on their way


@pytest.fixture
def channel(monkeypatch):
    """A channel to a process of the reference, which is a thread here."""
    monkeypatch.setenv(earlier.ANSWERS, json.dumps({"functions": ALLOWED, "parts": {}}))
    (a, b), (c, d) = os.pipe(), os.pipe()
    with open(a, "rb") as asked, open(d, "wb") as told, open(c, "rb") as hearing:
        monkeypatch.setattr(earlier, "_channel", lambda: _Channel(asked, told, _Kept()))
        earlier._answers.cache_clear()
        thread = threading.Thread(target=earlier.main)
        with open(b, "wb") as asking:
            thread.start()
            yield _Channel(hearing, asking, _Kept())
        thread.join()
        earlier._answers.cache_clear()


ALLOWED = [f"test_follow_through:{name}" for name in ("change", "fail", "draw", "same", "count", "uniform")]


def change(x, settings, rows):
    """Change everything in place."""
    x += 1
    settings["mode"] = "test"
    settings["mean"] = x[0]
    rows.append(x)
    return settings, (x, rows)


def fail(message):
    """Fail."""
    raise FloatingPointError(message)


def draw(net):
    """Draw from the global generator, for an object."""
    net.params["W1"] = np.random.randn(2)
    net.dtype = np.dtype(net.dtype)
    return np.random.rand()


def same(value):
    """What was sent."""
    return value


def uniform(rng):
    """Draw from the generator that was sent."""
    return [rng.uniform(), rng.standard_normal(3)]


def count(X, y):
    """Look at large arrays."""
    return X.sum() + y.sum(), X.flags.writeable


class TestChannel:
    def test_changes_in_place_and_identity(self, channel):
        x, settings, rows = np.arange(3.0), {"mode": "train", "old": 1}, [1]
        view = np.zeros((3, 2))[:, 1]
        settings2, (x2, rows2) = channel.ask({"target": ALLOWED[0]}, {"x": x, "settings": settings, "rows": rows})
        assert settings2 is settings and x2 is x and rows2 is rows and rows[1] is x
        np.testing.assert_array_equal(x, [1, 2, 3])
        assert settings == {"mode": "test", "old": 1, "mean": 1.0} and isinstance(settings["mean"], np.float64)
        channel.ask({"target": ALLOWED[0]}, {"x": view, "settings": {}, "rows": []})
        np.testing.assert_array_equal(view, [1, 1, 1])

    def test_errors(self, channel):
        with pytest.raises(FloatingPointError, match="diverged"):
            channel.ask({"target": ALLOWED[1]}, {"message": "diverged"})
        assert channel.ask({"target": ALLOWED[3]}, {"value": 1}) == 1

    def test_objects_and_the_random_generator(self, channel):
        net = TwoLayerNet(2, 2, 2)
        net.dtype, params = np.float32, net.params
        np.random.seed(5)
        drawn, after = channel.ask({"target": ALLOWED[2]}, {"net": net}), np.random.rand()
        np.random.seed(5)
        np.testing.assert_array_equal(net.params["W1"], np.random.randn(2))
        assert net.params is params and net.dtype == np.dtype("float32")
        assert (drawn, after) == (np.random.rand(), np.random.rand())

    @pytest.mark.parametrize(
        "value",
        [
            None,
            True,
            3,
            "a",
            (1, (2.5, "b")),
            np.float32(2),
            np.array("c"),
            np.array(["d", "ee"]),
            np.zeros((0, 3)),
            float("inf"),
        ],
        ids=repr,
    )
    def test_values(self, value, channel):
        again = channel.ask({"target": ALLOWED[3]}, {"value": value})
        assert type(again) is type(value) and np.all(again == value)

    def test_a_named_tuple_of_the_course_keeps_its_names(self, channel):
        sent = _Rows(np.arange(6.0).reshape(2, 3), None, np.ones((2, 3)), np.ones(2))
        again = channel.ask({"target": ALLOWED[3]}, {"value": sent})
        assert type(again) is _Rows and again.origin is None and np.array_equal(again.stored, sent.stored)

    @pytest.mark.parametrize(
        "make",
        [np.random.default_rng, np.random.RandomState, lambda seed: np.random.Generator(np.random.Philox(seed))],
        ids=["new", "old", "Philox"],
    )
    def test_a_generator_goes_on_where_the_other_side_stopped(self, make, channel):
        rng, twin = make(3), make(3)
        drawn = [channel.ask({"target": ALLOWED[5]}, {"rng": rng}) for _ in range(2)]
        for found in (*drawn, uniform(rng)):
            assert found[0] == (expected := uniform(twin))[0] and np.array_equal(found[1], expected[1])

    def test_the_module_of_all_generators(self, channel):
        assert channel.ask({"target": ALLOWED[3]}, {"value": np.random}) is np.random

    def test_what_cannot_be_sent(self, channel):
        assert channel.ask({"target": ALLOWED[3]}, {"value": len}) == Opaque("builtin_function_or_method")

    def test_large_arrays_are_sent_once(self, channel, monkeypatch):
        monkeypatch.setattr(earlier, "LARGE", 5000)
        monkeypatch.setattr(earlier, "KEPT", 20_000)
        sent = []
        monkeypatch.setattr(
            earlier, "_bytes", lambda array, real=earlier._bytes: sent.append(array.nbytes) or real(array)
        )
        big, small = np.ones(1000), np.ones(10)
        for number in range(6):
            big = big + 1 if number % 2 else big
            assert channel.ask({"target": ALLOWED[4]}, {"X": big, "y": small}) == (1000 * big[0] + 10, False)
        assert len(channel.kept.arrays) == 2 and sent.count(8000) == 6 + 4  # each is hashed, each new one sent
        assert channel.ask({"target": ALLOWED[3]}, {"value": big}).flags.writeable

    @pytest.mark.parametrize("target", ["builtins:open", "os:system", "cs231n.layers:np.load", "subprocess:run"])
    def test_nothing_but_answers(self, target, channel):
        with pytest.raises(LookupError, match="no earlier answer"):
            channel.ask({"target": target}, {})

    @pytest.mark.parametrize("name", ["os:stat_result", "cs231n.layers:np", "cs231n.layers:relu_forward"])
    def test_no_objects_but_the_course_s(self, name):
        module, name = name.split(":")
        with pytest.raises(ValueError, match="no class of the course"):
            Message().decode({"object": [module, name, {}]})
