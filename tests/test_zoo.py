"""The checks against the zoo: every wrong implementation is caught and named, no right one is called wrong."""

import zlib
from dataclasses import replace
from functools import cache
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest

from coursekit.core.serialization import pack, unpack
from coursekit.judging import reference_answers
from coursekit.judging.judge import judge
from coursekit.judging.rendering import render
from coursekit.judging.runner import run_case
from coursekit.questions import all_questions, find
from coursekit.teacher import write_answers
from zoo import edited, entries, outcomes, right_entries, wrong_entries

FUNCTION_QUESTIONS = [question for question in all_questions().values() if not question.in_notebook]

FEW, MANY = 3, 200  # seeds for each implementation: in every run, and in the run of slow tests


@cache
def reference(question_id, seed):
    """The reference's outputs on fresh inputs."""
    question = find(question_id)
    return {
        i: run_case(case, question.draw_inputs(i, seed)).outputs
        for i, case in enumerate(question.cases)
        if not case.judge
    }


def travelled(results):
    """Results with their outputs as they arrive from another process."""
    return {i: replace(result, outputs=unpack(pack(result.outputs))) for i, result in results.items()}


def verdict_on(entry, seed=None):
    """The verdict on an implementation of the zoo, over the same bytes that a process would send."""
    question = find(entry.question_id)
    inputs = {i: question.draw_inputs(i, seed) for i in range(len(question.cases))}
    expected = reference_answers.expected(question) if seed is None else reference(question.id, seed)
    with np.errstate(all="ignore"):
        results = travelled(outcomes(entry, seed))
    return judge(question, inputs, results, expected)


def statuses(entry, seeds):
    """The verdicts on an implementation on fresh inputs; results need not travel, nor mistakes be named."""
    question = find(entry.question_id)
    found = set()
    with patch("coursekit.judging.judge.likely_mistake", lambda *_: "not looked for"), np.errstate(all="ignore"):
        for seed in seeds:
            inputs = {i: question.draw_inputs(i, seed) for i in range(len(question.cases))}
            verdict = judge(question, inputs, outcomes(entry, seed), reference(question.id, seed))
            found.add(str(verdict.status))
    return found


def text_of(verdict):
    """The words a learner sees, without the line breaks."""
    return " ".join(render(verdict).split())


def named(entries):
    return pytest.mark.parametrize("entry", entries, ids=[f"{e.question_id}-{e.name}" for e in entries])


@named(wrong_entries())
def test_wrong_ones_are_caught_and_named(entry):
    verdict = verdict_on(entry)
    assert verdict.status == "wrong"
    assert " ".join(entry.sentence.split()) in text_of(verdict)


@named(wrong_entries()[::2])  # all of them with many seeds is slow, see below
def test_wrong_ones_are_caught_on_fresh_inputs(entry):
    assert statuses(entry, range(FEW)) == {"wrong"}


@named([entry for entry in wrong_entries() if entry.rule])
def test_general_rules_name_the_mistake_without_knowing_it(entry, monkeypatch):
    monkeypatch.setattr(reference_answers, "recognise", lambda *_: "")
    assert entry.rule in text_of(verdict_on(entry))


def test_the_zoo_is_large_enough():
    """What the course promises: so many wrong ones, of which so many are named by rules, and so many right ones."""
    assert len(wrong_entries()) >= 1_300
    assert len(right_entries()) >= 60


def test_a_slip_that_no_longer_fits_the_model_answer_is_named():
    with pytest.raises(ValueError, match="no longer in the model answer"):
        edited("cs231n.layers:relu_forward", (("no such text", ""),), "slip.py")


def test_a_slip_keeps_what_is_around_it():
    """It has the decorators of the model answer, and further lines have the indentation of the first."""
    slip = edited("cs231n.optim:sgd", (("next_w = w -", "factor = 2\nnext_w = factor * w -"),), "slip.py")
    next_w, config = slip(np.ones(2), np.ones(2))
    np.testing.assert_allclose(next_w, 1.99)
    assert config == {"learning_rate": 1e-2}


@named([entry for entry in wrong_entries() if entry.question_id in ("sgd", "adam")])
def test_update_rules_run_with_their_decorator(entry):
    """It completes the settings, so what a learner writes never has to."""
    assert entry.function.known_settings >= {"learning_rate", "in_place"}


@named(wrong_entries("knn_no_loops"))
def test_entries_run_as_the_code_of_learners_does(entry):
    """Ours moves the data and corrects close distances around it, so a wrong formula gives other numbers alone."""
    assert "zoo" in Path(entry.function.__wrapped__.__code__.co_filename).parts


def test_what_rounding_decides_is_no_evidence():
    """The eigenvectors of equal eigenvalues are others on other processors; the mistake is named all the same."""
    [entry] = [entry for entry in wrong_entries("pca") if entry.name == "pca_smallest"]
    results = outcomes(entry)
    results[3].outputs["components"] = results[3].outputs["components"][:, ::-1]
    question = find("pca")
    inputs = {i: question.draw_inputs(i) for i in range(len(question.cases))}
    assert entry.sentence in text_of(judge(question, inputs, results, reference_answers.expected(question)))


def test_outputs_that_differ_elsewhere_are_unstable():
    """A residue of rounding is the same as any other; an output of another size is not."""
    here, there = {"a": np.ones(2), "b": 1e-16, "c": 0.5}, {"a": np.full(2, 1.1), "b": 3e-16, "c": 0.5}
    answers = {"mistakes": [{"results": {0: {"outputs": here}, 1: {"outputs": None}}}]}
    named_now = write_answers.with_unstable_named(answers, [{0: {"outputs": there}, 1: {"outputs": None}}])
    assert named_now["mistakes"][0]["results"] == {0: {"outputs": here, "unstable": ["a"]}, 1: {"outputs": None}}


@named(right_entries())
def test_right_ones_are_never_called_wrong(entry):
    verdict = verdict_on(entry)
    assert verdict.ok, render(verdict)
    assert bool(verdict.failed_edges) == bool(entry.edge)
    assert entry.edge in text_of(verdict)
    assert statuses(entry, range(FEW)) == {"ok"}


@pytest.mark.slow
@named(entries())
def test_no_verdict_depends_on_the_seed(entry):
    assert statuses(entry, range(MANY)) == {"wrong" if entry.sentence else "ok"}


@pytest.mark.parametrize("question", FUNCTION_QUESTIONS, ids=lambda question: question.id)
class TestQuestions:
    def test_reference_is_ok_on_fresh_inputs(self, question):
        for seed in range(10):
            inputs = {i: question.draw_inputs(i, seed) for i in range(len(question.cases))}
            results = {i: run_case(case, question.draw_inputs(i, seed)) for i, case in enumerate(question.cases)}
            verdict = judge(question, inputs, results, reference(question.id, seed))
            assert verdict.ok, render(verdict)

    def test_stored_answers_are_the_reference_and_the_zoo(self, question):
        fresh = unpack(pack(write_answers.answers_of(question)))
        kept = unpack(reference_answers.path_of(question).read_bytes())
        for index, outputs in fresh["expected"].items():
            assert reference_answers.same_values(outputs, kept["expected"][index]), f"case {index}: store them again"
        assert [m["sentence"] for m in fresh["mistakes"]] == [m["sentence"] for m in kept["mistakes"]]
        assert fresh["given"] == kept["given"] != []

    def test_stored_answers_are_small(self, question):
        for outputs in reference_answers.expected(question).values():
            assert sum(np.size(value) for value in outputs.values()) <= 2_000

    def test_is_quick(self, question):
        """A count, not a time: inputs small enough that the check answers within a second."""
        for index in range(len(question.cases)):
            inputs = question.draw_inputs(index)
            assert sum(value.size for value in inputs.values() if isinstance(value, np.ndarray)) <= 50_000

    def test_builds_on_questions_that_exist(self, question):
        assert all(find(other) for other in question.builds_on)


def test_public_inputs_are_the_same_everywhere():
    """The stream is NumPy's frozen one, started from the names alone; fresh inputs differ."""
    question = find("affine_forward")
    seed = zlib.crc32(f"affine_forward/{question.cases[0].name}/".encode())
    expected = question.cases[0].inputs(np.random.RandomState(seed))
    np.testing.assert_array_equal(question.draw_inputs(0)["x"], expected["x"])
    assert not np.array_equal(question.draw_inputs(0, seed=1)["x"], expected["x"])
