"""Grading a submission: full marks for solved files, none for blank ones; each mistake costs its own question."""

import contextlib
import inspect
import json
from dataclasses import replace
from pathlib import Path

import pytest

from coursekit.core.question import Status
from coursekit.grading import evaluate, judgement, references
from coursekit.grading.evaluate import Grading, Work, closure, grade_work, new_record
from coursekit.grading.intake.reading import Reading, add_files, read_files
from coursekit.grading.intake.sources import Source
from coursekit.grading.record import FollowThrough, Record
from coursekit.grading.running import sandbox, workspace
from coursekit.grading.settings import Settings
from coursekit.learner import submission
from coursekit.paths import ROOT
from coursekit.questions import NOTEBOOKS, all_questions, find
from zoo import edited_text, target_of, wrong_entries

ASSIGNMENTS = submission.assignments()
SETTINGS = Settings("assignment1", seed=5, notebooks="skip", trust_submissions=True)
LAYERS = "cs231n/layers.py"


def solved(assignment):
    """The solved modules that a submission may contain."""
    return {name: (ROOT / name).read_bytes() for name in submission.modules(assignment)}


def blank(assignment):
    return {name: workspace.provided_contents()[name] for name in submission.modules(assignment)}


def functions(files, assignment):
    """The records of the function questions of an assignment, of these files."""
    settings = replace(SETTINGS, assignment=assignment)
    record = new_record(Source("ada", "ada", Path("ada.zip")), settings)
    reading = Reading()
    add_files(reading, [json.loads(line) for line in read_files(files, assignment)], assignment)
    grade_work(reading.work, settings, record)
    return [question for question in record.questions if not find(question.id).in_notebook]


class TestRoundTrip:
    @pytest.mark.parametrize("assignment", ASSIGNMENTS)
    def test_solved_files_have_full_marks(self, assignment):
        entries = functions(solved(assignment), assignment)
        assert [(e.id, e.status) for e in entries if e.earned != e.points] == []

    @pytest.mark.parametrize(
        "assignment", ["assignment1", *(pytest.param(a, marks=pytest.mark.slow) for a in ASSIGNMENTS[1:])]
    )
    def test_blank_files_have_none(self, assignment):
        entries = functions(blank(assignment), assignment)
        assert {entry.status for entry in entries} == {"not attempted"}
        assert sum(entry.earned for entry in entries) == 0


def graded(changes, ids, **options):
    """Records of questions by id, of the solved files with changes: for each file pairs of texts, old and new."""
    files = solved("assignment2")
    for name, pairs in changes.items():
        text = files[name].decode()
        for old, new in pairs:
            assert text.count(old) == 1
            text = text.replace(old, new)
        files[name] = text.encode()
    return graded_files(files, ids, **options)


def graded_files(files, ids, seconds=None, **options):
    settings = replace(SETTINGS, **options)
    with contextlib.ExitStack() as stack:
        grading = Grading(Work(files), settings, stack)
        asked = [find(id_) for id_ in ids]
        return {q.id: grading.question_record(replace(q, seconds=seconds or q.seconds)) for q in asked}


AFFINE = "out = rows @ w + b"
CHAIN = ("affine_forward", "two_layer_net_loss", "two_layer_net_gradients")


class TestStatuses:
    @pytest.mark.parametrize(
        "body, status, words",
        [
            ("out = rows @ w", "wrong", "likely mistake: the bias b is not added"),
            ("import os; os._exit(0)", "crashed", "the process that ran your code ended early"),
            ("import os; os.kill(os.getpid(), 11)", "crashed", "the process that ran your code ended early"),
            ("hog = bytearray(1 << 40)", "crashed", "MemoryError"),
            ("while True: pass", "timed out", "TimeoutError: stopped"),
            ("raise NotImplementedError('affine_forward: two_layer_net')", "not attempted", ""),
            ("out = = rows", "crashed", "SyntaxError"),
            ("import warnings; warnings.warn('careful'); out = rows @ w + b", "ok", "2 points"),
            ("print('x' * 100_000); out = rows @ w + b", "ok", "2 points"),
        ],
    )
    def test_of_one_question(self, body, status, words):
        entry = graded({LAYERS: [(AFFINE, body)]}, ["affine_forward"], seconds=2)["affine_forward"]
        assert entry.status == status, entry.text
        assert entry.text.startswith("affine_forward") and words in entry.text
        assert entry.earned == (2 if status == "ok" else 0)

    def test_a_file_that_is_missing(self):
        files = solved("assignment1")
        del files[LAYERS]
        entry = graded_files(files, ["affine_forward"])["affine_forward"]
        assert (entry.status, entry.earned) == ("not gradable", 0)
        assert "cs231n/layers.py is not in the submission" in entry.text

    def test_right_on_the_public_inputs_alone(self):
        """The text shows none of the numbers of the fresh inputs."""
        sums = [find("affine_forward").draw_inputs(i)["x"].sum() for i in range(len(find("affine_forward").cases))]
        body = f"out = rows @ w + (b if min(abs(x.sum() - s) for s in {[float(s) for s in sums]}) < 1e-3 else 0)"
        entry = graded({LAYERS: [(AFFINE, body)]}, ["affine_forward"])["affine_forward"]
        assert entry.status == "wrong"
        assert judgement.RIGHT_IN_PUBLIC in entry.text and ", got " not in entry.text


class TestInfrastructure:
    """What does not work here is never a learner's fault."""

    def test_reference_that_fails(self, monkeypatch):
        monkeypatch.setattr("cs231n.layers.affine_forward", lambda x, w, b: (x, None))
        entry = graded_files(solved("assignment1"), ["affine_forward"], seed=123)["affine_forward"]
        assert entry.status == "infrastructure error"
        assert "the course's own affine_forward is wrong here" in entry.text

    def test_sandbox_that_does_not_start_is_tried_twice(self, monkeypatch):
        runs = []
        real = sandbox.run_command
        sandbox.can_be_warm("limits")  # it finds out by a run

        def run_command(command, *args, **options):
            runs.append(command)
            return real(["/bin/false"], *args, **options)

        monkeypatch.setattr(sandbox, "run_command", run_command)
        entry = graded_files(solved("assignment1"), ["affine_forward"], isolation="limits")["affine_forward"]
        assert entry.status == "infrastructure error" and len(runs) == 2


class TestOnce:
    """What is the same for all submissions, or not asked for, is not run again."""

    def test_the_reference_runs_once_for_a_class(self, monkeypatch):
        question, seed = find("affine_forward"), 4321
        judgement.prepare([question], seed)
        shared = references.known(seed)
        monkeypatch.setattr(references, "_known", {})  # as in another process
        references.learn(shared)
        monkeypatch.setattr(judgement, "run_case", None)  # it would fail
        assert judgement.reference_outputs(question, seed) is shared["outputs", question.id, seed]

    def test_one_question_is_run_alone(self, monkeypatch):
        """Once on the fresh inputs, after the trial import of its files: nothing else that the submission holds."""
        ran, real = [], sandbox.run_command
        sandbox.can_be_warm(SETTINGS.level)
        monkeypatch.setattr(
            sandbox, "run_command", lambda command, *a, **o: ran.append(command[2]) or real(command, *a, **o)
        )
        graded_files(solved("assignment1"), ["sgd"])
        assert ran.count("coursekit.running.worker") == 1 and len(ran) <= 2


class TestFollowThrough:
    def test_a_wrong_one_costs_no_other(self):
        entries = graded({LAYERS: [(AFFINE, "out = rows @ w")]}, CHAIN)
        assert [entries[id_].status for id_ in CHAIN] == ["wrong", "wrong", "wrong"]
        assert [entries[id_].earned for id_ in CHAIN] == [0, 2, 4]
        followed = entries["two_layer_net_loss"].follow_through
        assert followed == FollowThrough(("affine_forward",), Status.OK, 1.0)
        assert entries["affine_forward"].follow_through is None

    @pytest.mark.parametrize(
        "body", ["import os; os._exit(0)", "out = = rows", "raise NotImplementedError('affine_forward: x')"]
    )
    def test_whatever_went_wrong_before(self, body):
        entries = graded({LAYERS: [(AFFINE, body)]}, CHAIN)
        assert [entries[id_].earned for id_ in CHAIN] == [0, 2, 4], entries

    def test_share(self):
        entries = graded({LAYERS: [(AFFINE, "out = rows @ w")]}, CHAIN, follow_through_share=0.5)
        assert entries["two_layer_net_gradients"].earned == 2

    def test_own_mistake_stays(self):
        """Both are wrong: the reference helps only with the earlier one."""
        net = "cs231n/classifiers/fc_net.py"
        text = (ROOT / net).read_text()
        old = "hidden, hidden_cache = affine_relu_forward(X, W1, b1)  # (N, D) -> (N, H)\n"
        assert text.count(old) == 1
        changes = {LAYERS: [(AFFINE, "out = rows @ w")], net: [(old, old.replace("X, W1, b1", "X, W1, b1 + 1"))]}
        entry = graded(changes, CHAIN)["two_layer_net_loss"]
        assert entry.earned == 0 and entry.follow_through.status == "wrong"

    def test_never_with_its_own_answer(self):
        """Nothing that a question asks for is put in when that question is graded again."""
        for question in all_questions().values():
            assert question.id not in closure(question)

    def test_part_of_a_function(self):
        """Two questions ask for parts of one function: the given lines between them tell which part is whose."""
        name, ids = "cs231n/classifiers/fc_net.py", ["two_layer_net_loss"]
        stripped = workspace.provided_contents()[name].decode()
        source = workspace.with_reference(name, stripped, ids, graded="two_layer_net_gradients")
        assert 'NotImplementedError("two_layer_net_loss' not in source
        assert 'NotImplementedError("two_layer_net_gradients' in source

    def test_a_function_written_again(self):
        """Without the given lines no part can be told; a question that does not ask for the function loses nothing."""
        ids = ["batchnorm_forward", "batchnorm_forward_test", "batchnorm_backward"]
        again = "\n\ndef batchnorm_forward(x, gamma, beta, bn_param):\n    return x, None\n"
        entries = graded_files({**solved("assignment2"), LAYERS: solved("assignment2")[LAYERS] + again.encode()}, ids)
        assert [entries[id_].earned > 0 for id_ in ids] == [False, False, True]


# ---- effort, measured from outside

ONE_LOOP = """dists = np.zeros((len(X), len(self.X_train)))
        import sys
        tracer = sys.gettrace()
        sys.settrace(None)
        for i in range(len(X)):
            dists[i] = np.sqrt(((self.X_train.astype(float) - X[i]) ** 2).sum(axis=1))
        sys.settrace(tracer)
        return dists"""
ALL_DIFFERENCES = """import tracemalloc
        tracemalloc.stop()
        dists = np.sqrt(((X.astype(float)[:, None] - self.X_train) ** 2).sum(axis=2))
        tracemalloc.start()
        return dists"""


@pytest.mark.parametrize("body, effort", [(ONE_LOOP, 0), (ALL_DIFFERENCES, -1)])
def test_counting_that_is_switched_off(body, effort):
    """The question's own cases see nothing; the limits from outside do."""
    name = "cs231n/classifiers/k_nearest_neighbor.py"
    given = (ROOT / name).read_text()
    patch = f"\n\nclass _Mine:\n    def compute(self, X):\n        {body}\n\n\n"
    source = given + patch + "KNearestNeighbor.compute_distances_no_loops = _Mine.compute\n"
    entry = graded_files(solved("assignment1") | {name: source.encode()}, ["knn_no_loops"])["knn_no_loops"]
    assert (entry.status, entry.earned) == ("wrong", 0), entry.text
    assert entry.mistake == find("knn_no_loops").efforts[effort].mistake


# ---- the zoo: known mistakes, put into files as a learner would write them


_MODULE = """{given}


def _keep(question_id, *_, **__):
    return lambda function: _kept.setdefault((question_id, function.__name__), function)


_kept = {{}}
exec({text!r}, {{"wrong": _keep, "right": _keep, "slips": lambda *_: None, "__name__": "zoo"}})
{path} = _kept[{key!r}]
"""


def as_module(entry):
    """The learner's module, by name, with an implementation of the zoo in the place of its own."""
    module, path = entry.target.split(":")
    name = module.replace(".", "/") + ".py"
    notebook = find(entry.question_id).notebook
    text = (ROOT / "zoo" / NOTEBOOKS[notebook] / f"{notebook}.py").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("from zoo import")]
    given = (ROOT / name).read_text()
    if entry.edits:
        ours = inspect.getsource(target_of(entry.target))
        assert ours in given
        return name, given.replace(ours, edited_text(ours, entry.edits))
    return name, _MODULE.format(given=given, text="\n".join(lines), path=path, key=(entry.question_id, entry.name))


def dependents(question_id):
    """A question and those that build on it."""
    return [q.id for q in all_questions().values() if not q.in_notebook and question_id in {q.id, *closure(q)}]


def check_zoo(entry):
    name, source = as_module(entry)
    files = {n: data for assignment in sorted(set(NOTEBOOKS.values())) for n, data in solved(assignment).items()}
    entries = graded_files(files | {name: source.encode()}, dependents(entry.question_id))
    lost = {id_: e.status for id_, e in entries.items() if e.earned < e.points}
    own = entries[entry.question_id]
    assert own.status in ("wrong", "crashed", "timed out"), own.text
    same_function = set(workspace.questions_asking_for(name, entry.target.split(":")[1])) - {entry.question_id}
    assert set(lost) - same_function <= {entry.question_id}, lost
    return own


QUICK = wrong_entries()[7::180]


@pytest.mark.parametrize("entry", QUICK, ids=lambda entry: f"{entry.question_id}-{entry.name}")
def test_a_mistake_costs_its_own_question(entry):
    own = check_zoo(entry)
    if "your code raised" in own.text:  # which line it was is part of recognising an error; `exec` hides it
        return
    assert " ".join(entry.sentence.split()) in " ".join(own.text.split())


@pytest.mark.slow
@pytest.mark.parametrize("entry", wrong_entries(), ids=lambda entry: f"{entry.question_id}-{entry.name}")
def test_each_mistake_costs_its_own_question(entry):
    check_zoo(entry)


# ---- the record


def test_record_is_the_same_each_time(tmp_path):
    """But for the timings: the same bytes."""
    import zipfile

    from coursekit.grading.intake.archive import find_submissions

    with zipfile.ZipFile(tmp_path / "ada.zip", "w") as file:
        for name, data in solved("assignment1").items():
            file.writestr(name, data)
    settings = replace(SETTINGS, questions=("affine_forward", "relu_forward"))
    [source] = find_submissions(tmp_path)
    first, second = (evaluate.grade_submission(source, settings) for _ in range(2))
    assert first.evidence() == second.evidence()
    assert Record.from_json(first.to_json()) == first
    assert (first.state, first.score, first.possible) == ("graded", 3.0, 3.0)
    assert {notebook.state for notebook in first.notebooks} == {"broken"}
    assert first.timings.total >= first.timings.own_code > 0 and first.timings.started


def test_settings_travel():
    """Other processes get them pickled."""
    import pickle

    assert pickle.loads(pickle.dumps(SETTINGS)) == SETTINGS
