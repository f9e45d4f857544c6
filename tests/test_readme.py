"""What the README says is so."""

import re

import pytest

from coursekit.paths import ROOT
from coursekit.questions import COMPANIONS, NOTEBOOKS, all_questions, notebook_file

README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_points_and_minutes(notebook):
    asked = [q for q in all_questions().values() if q.notebook == notebook]
    [(points, minutes)] = re.findall(rf"\| \[{notebook}\]\(.*?\) \|.*\| (\d+) \| (\d+) \|", README)
    assert int(points) == sum(q.points for q in asked)
    assert int(minutes) == sum(q.minutes for q in asked if q.points)


@pytest.mark.parametrize("notebook", COMPANIONS)
def test_a_companion_has_no_points(notebook):
    assert re.search(rf"\| \[{notebook}\]\({re.escape(notebook_file(notebook))}\) \|.*\| none \| 0 \|", README)


def test_links_lead_somewhere():
    for name in ("README.md", "CONTRIBUTING.md"):
        for link in re.findall(r"\]\(([^)#:]+)\)", (ROOT / name).read_text()):
            assert (ROOT / link).exists(), link
