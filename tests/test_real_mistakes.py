"""Answers as learners wrote them, rewritten: who does what is asked is ok, and a mistake is named where it is.

The files lie beside the project where it is developed. Where they do not, the zoo still has the same kinds.
"""

import pytest

from coursekit.judging.rendering import render
from coursekit.paths import ROOT
from tests.real_answers import load, verdict_on
from tests.test_zoo import FEW, MANY

FOLDER = ROOT.parent / "shared" / "faults" / "real_mistakes"
RIGHT = [(path, id_) for path in sorted(FOLDER.glob("f*.py")) for id_ in load(path)[0]]
MISTAKES = [  # file, question, part of the text
    ("x01_cache_of_flat_x", "affine_forward", "x is flattened before it is put into the cache"),
    ("x01_cache_of_flat_x", "affine_backward", "affine_forward, which this question builds on, is wrong: fix it first"),
    ("x01_cache_of_flat_x", "conv_net_gradients", "affine_forward, which this question builds on, is wrong"),
]
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the answers of learners lie beside the project only")


def statuses(path, question_id, seeds):
    return {str(verdict_on(question_id, load(path)[1], seed).status) for seed in seeds}


def named(pairs):
    return pytest.mark.parametrize("path, question_id", pairs, ids=[f"{path.stem}-{id_}" for path, id_ in pairs])


@named(RIGHT)
def test_right_answers_are_ok(path, question_id):
    verdict = verdict_on(question_id, load(path)[1])
    assert verdict.ok, render(verdict)
    assert statuses(path, question_id, range(FEW)) == {"ok"}


@pytest.mark.slow
@named(RIGHT)
def test_right_answers_are_ok_on_all_inputs(path, question_id):
    assert statuses(path, question_id, range(MANY)) == {"ok"}


@pytest.mark.parametrize("name, question_id, text", MISTAKES)
def test_mistakes_are_named_where_they_are(name, question_id, text):
    verdict = verdict_on(question_id, load(FOLDER / f"{name}.py")[1])
    assert verdict.status == "wrong"
    assert text in " ".join(render(verdict).split())
