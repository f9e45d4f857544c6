"""Whatever a platform hands out is read: each learner once, with the attempt that counts and its time."""

import shutil

import pytest

from coursekit.grading.intake.archive import Refused, open_submission
from coursekit.grading.intake.sources import survey
from tests.platforms import CLASSES, LAYERS


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_is_read(name, tmp_path):
    """Who, which attempt, when, late or not; nobody is lost or doubled, and every other file has a reason."""
    if "github" in name and not shutil.which("git"):
        pytest.skip("git is not installed")
    folder = tmp_path / "class"
    truth = CLASSES[name](folder)
    found = survey(folder, **truth.options)
    assert found.platform == truth.platform
    assert sorted(source.name for source in found.sources) == sorted(learner.name for learner in truth.learners)
    by_name = {source.name: source for source in found.sources}
    for learner in truth.learners:
        check(by_name[learner.name], learner)
    assert set(truth.others) == set(found.others) and all(found.others.values())
    assert len({source.id for source in found.sources}) == len(found.sources)


def check(source, learner):
    known = source.about()
    assert (source.time, source.attempt) == (learner.time, learner.attempt)
    assert known.get("late") == learner.late
    assert {key: known.get(key) for key in learner.ids} == learner.ids
    layers, remarks = opened(source)
    assert layers == learner.layers
    told = [*source.remarks, *remarks]
    assert sum("earlier submission" in remark for remark in told) == learner.earlier, told
    assert all(any(name in remark for remark in told) for name in learner.told), told


def opened(source):
    """(what layers.py holds, remarks); None where there is none, with the reason."""
    try:
        result = open_submission(source, "assignment1")
    except Refused as refused:
        return None, [str(refused)]
    data = result.files.get(LAYERS)
    return data and data.decode(), result.remarks
