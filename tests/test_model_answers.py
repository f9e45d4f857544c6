"""`solution`: every right answer opens the model answer, no wrong one does, and it cannot be read without one."""

import base64
import dataclasses
import hashlib
import json
import shutil

import numpy as np
import pytest

from coursekit import solution
from coursekit.core.question import CheckFailed
from coursekit.judging import check, in_this_process, model_answers
from coursekit.judging.judge import judge
from coursekit.judging.model_answers import Lock, SideBySide, function_source, unlock, unlocking_calls
from coursekit.judging.reference_answers import expected
from coursekit.judging.runner import Ending, Error, Result, run_case
from coursekit.paths import PACKAGE, ROOT, files_in
from coursekit.questions import all_questions, find
from coursekit.teacher import locked_answers
from coursekit.teacher.locked_answers import locked
from coursekit.teacher.locked_answers import model_answers as answers_to
from coursekit.teacher.release import write_edition
from coursekit.teacher.solutions import SolutionError
from tests.test_release import answer_lines
from zoo import entries, in_place, outcomes

FUNCTIONS = [question for question in all_questions().values() if not question.in_notebook]
RANDOM = {"two_layer_net_init", "fcn_init", "conv_net_init", "dropout_forward", "dropout_backward"}
RANDOM |= {"simple_weights", "xavier", "he", "orthogonal", "replace_head"}
RANDOM |= {"dropconnect_backward"}  # of the forward pass, test mode has a key


FULL_WORK = model_answers.WORK


@pytest.fixture(scope="module", autouse=True)
def quick_keys():
    """Locks as in an edition but for the work of making a key, which would be most of what the tests take."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model_answers, "WORK", 2**4)
        yield


@pytest.fixture(scope="module")
def edition(tmp_path_factory):
    """A learner's edition with the model answers; to save time, the solved code runs in this process."""
    folder = tmp_path_factory.mktemp("release") / "edition"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(in_this_process, "is_chosen", lambda: True)
        write_edition(folder, with_solutions=True)
    return folder


@pytest.fixture(scope="module")
def locks(edition):
    """The locks of an edition, by question."""
    text = (edition / model_answers.FILE).read_text()
    return {name: Lock(**content) for name, content in json.loads(text).items()}


def opens(entry, made):
    """Whether the numbers of an implementation of the zoo make the key of a lock."""
    question = find(entry.question_id)
    with in_place(entry), np.errstate(all="ignore"):
        results = [run_case(question.cases[i], given) for i, given in unlocking_calls(question, made.cases)]
    return unlock(made, results) == answers_to(question)


def is_ok(entry):
    """Whether an implementation of the zoo passes its check."""
    question = find(entry.question_id)
    inputs = {i: question.draw_inputs(i) for i in range(len(question.cases))}
    with np.errstate(all="ignore"):
        return judge(question, inputs, outcomes(entry), expected(question)).ok


def named(chosen):
    return pytest.mark.parametrize("entry", chosen, ids=[f"{e.question_id}-{e.name}" for e in chosen])


LOCKABLE = [entry for entry in entries() if entry.question_id not in RANDOM]


def test_every_function_whose_results_are_not_random_has_a_locked_answer(locks):
    assert set(locks) == {question.id for question in FUNCTIONS} - RANDOM


@named([entry for entry in LOCKABLE if not entry.sentence])
def test_a_right_answer_in_another_style_opens_it(entry, locks):
    assert opens(entry, locks[entry.question_id])


@named([entry for entry in LOCKABLE if entry.sentence])
def test_a_wrong_answer_never_opens_it(entry, locks):
    """Either the check says that it is wrong, or its numbers make no key; nearly all fail by both."""
    assert not (is_ok(entry) and opens(entry, locks[entry.question_id]))


def test_most_wrong_answers_have_no_key(locks):
    """The lock does not rest on the check: what opens it is right in its numbers, and wrong in time or memory."""
    tried = [entry for entry in LOCKABLE if entry.sentence][::5]
    assert np.mean([opens(entry, locks[entry.question_id]) for entry in tried]) < 0.2


def shaken(results, factor):
    """Results whose numbers are off by a relative error."""
    return [Result({name: np.asarray(value) * factor for name, value in result.outputs.items()}) for result in results]


@pytest.mark.parametrize("question_id", ["affine_forward", "softmax_loss", "adam"])
def test_rounding_makes_no_difference_and_a_mistake_does(question_id, locks):
    question, made = find(question_id), locks[question_id]
    results = [run_case(question.cases[i], given) for i, given in unlocking_calls(question, made.cases)]
    assert unlock(made, shaken(results, 1 + 1e-7)) == unlock(made, shaken(results, 1 - 1e-7)) == answers_to(question)
    assert unlock(made, shaken(results, 1.01)) is None
    assert unlock(made, [Result(None) for _ in results]) is None
    assert unlock(made, [Result({name: np.zeros(1) for name in result.outputs}) for result in results]) is None
    assert unlock(dataclasses.replace(made, text=made.tag), results) is None


def test_a_key_is_made_of_what_every_right_answer_returns(locks):
    """Of outputs that the check compares, and in no case that is an edge."""
    for name, made in locks.items():
        question = find(name)
        compared = expected(question)
        assert not any(question.cases[index].edge for index in made.cases)
        for (index, _), grid in zip(unlocking_calls(question, made.cases), made.grids, strict=True):
            assert grid.keys() <= compared[index].keys()


def test_a_vector_that_comes_as_a_row_makes_the_same_key(locks):
    """The check says ok to it, too."""
    question, made = find("affine_backward"), locks["affine_backward"]
    results = [run_case(question.cases[i], given) for i, given in unlocking_calls(question, made.cases)]
    rows = [Result(result.outputs | {"db": result.outputs["db"][np.newaxis]}) for result in results]
    assert unlock(made, rows) == answers_to(question)


@pytest.mark.parametrize("question_id", ["affine_forward", "knn_predict_labels", "linear_classifier_train"])
def test_the_same_tree_gives_the_same_lock(question_id, locks):
    again = json.loads(json.dumps(dataclasses.asdict(locked(find(question_id)))))
    assert Lock(**again) == locks[question_id]


def test_a_reference_that_does_not_return_is_named(monkeypatch):
    """Whether it raised an error, or its process did not start: the edition is not built, and this says why."""
    question = find("affine_forward")
    for result, why in (
        (Result(error=Error("ValueError", "no")), "ValueError: no"),
        (Result(ended=Ending.NOT_STARTED), "its process: not started"),
    ):
        monkeypatch.setattr(locked_answers, "run_unlocking", lambda *_, result=result: [result])
        with pytest.raises(SolutionError, match=f"affine_forward did not run to its end .{why}"):
            locked(question)


def test_no_answer_can_be_read_in_the_edition(edition, locks):
    """Neither as it is nor in base64."""
    solved = [
        line for name in files_in(PACKAGE) if name.endswith(".py") for line in answer_lines((ROOT / name).read_text())
    ]
    readable = (edition / model_answers.FILE).read_text()
    readable += "".join(base64.b64decode(made.text).decode("latin-1") for made in locks.values())
    assert not [line for line in solved if len(line.strip()) > 15 and line.strip() in readable]


def test_an_edition_has_no_answers_unless_they_are_asked_for(tmp_path):
    write_edition(tmp_path / "edition")
    assert not (tmp_path / "edition" / model_answers.FILE).exists()


@pytest.fixture
def learner(edition, tmp_path, monkeypatch):
    """An edition in which a learner has written `affine_forward`; `solution` runs there."""
    shutil.copytree(edition, tmp_path / "course")
    layers = tmp_path / "course" / "cs231n" / "layers.py"
    own = 'raise NotImplementedError("affine_forward: two_layer_net")'
    layers.write_text(layers.read_text().replace(own, "out = np.dot(np.reshape(x, (len(x), -1)), w) + b"))
    monkeypatch.setattr(model_answers, "ROOT", tmp_path / "course")
    monkeypatch.setattr(model_answers, "check_question", lambda question: check_question(question, tmp_path / "course"))
    monkeypatch.setattr(
        model_answers,
        "run_unlocking",
        lambda question, cases, run=model_answers.run_unlocking: run(question, cases, tmp_path / "course"),
    )
    return tmp_path / "course"


check_question = model_answers.check_question


def test_a_right_answer_leads_to_the_model_answer(learner, capsys, monkeypatch):
    """Where the edition has one."""
    monkeypatch.setattr(check, "check_question", lambda question: check_question(question, learner))
    check.check("affine_forward")
    assert capsys.readouterr().out.endswith('  solution("affine_forward") shows the model answer beside yours.\n')
    (learner / model_answers.FILE).unlink()
    check.check("affine_forward")
    assert "solution" not in capsys.readouterr().out


def test_it_is_shown_beside_ones_own_after_ok(learner):
    shown = solution("affine_forward")
    text = repr(shown)
    assert text.index("rows @ w + b") < text.index("Yours, in cs231n/layers.py") < text.index("np.dot(np.reshape")
    assert "SOLUTION" not in text and "TODO" not in text.partition("Yours, in")[0]
    assert shown._repr_html_().count("<pre") == 2


def test_it_is_closed_before(learner):
    with pytest.raises(CheckFailed, match=r'opens when check\("relu_forward"\) says ok'):
        solution("relu_forward")


@pytest.mark.parametrize(
    "question_id, message",
    [("svm_search", "no single right answer"), ("fcn_init", "a right answer can return many things")],
)
def test_what_has_none_says_so(learner, question_id, message):
    with pytest.raises(CheckFailed, match=message):
        solution(question_id)


def test_without_the_file_it_says_so():
    with pytest.raises(CheckFailed, match="This edition has no model answers"):
        solution("affine_forward")


def test_an_answer_shows_its_own_question_only():
    """Where one function answers two questions, the other one's answer stays out."""
    [train], [test] = (answers_to(find(name)).values() for name in ("batchnorm_forward", "batchnorm_forward_test"))
    assert "centred" in train and "NotImplementedError" in train
    assert "centred" not in test and "NotImplementedError" in test


def test_docstrings_are_left_out():
    source = 'class A:\n    def f(self, x):\n        """Say it."""\n        return x\n'
    assert function_source(source, "m:A.f") == "def f(self, x):\n    return x"


def test_code_is_escaped():
    shown = SideBySide("q", {"m:f": "return a < b"}, {"m:f": "return a > b"})
    assert "a &lt; b" in shown._repr_html_() and "a < b" in repr(shown)


def test_a_key_takes_work(monkeypatch):
    """The other tests do with less; 16 MB for each guess keeps many guesses from running side by side."""
    asked = {}
    monkeypatch.setattr(hashlib, "scrypt", lambda secret, **options: asked.update(options) or bytes(64))
    monkeypatch.setattr(model_answers, "WORK", FULL_WORK)
    model_answers._keys(b"numbers", b"salt")
    assert 128 * asked["n"] * asked["r"] == 16 << 20
