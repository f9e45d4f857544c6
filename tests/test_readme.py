"""What the README says is so."""

import re

import pytest

from coursekit.paths import ROOT
from coursekit.questions import NOTEBOOKS, all_questions

README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_points_and_minutes(notebook):
    asked = [q for q in all_questions().values() if q.notebook == notebook]
    [(points, minutes)] = re.findall(rf"\| \[{notebook}\]\(.*?\) \|.*\| (\d+) \| (\d+) \|", README)
    assert int(points) == sum(q.points for q in asked)
    assert int(minutes) == sum(q.minutes for q in asked if q.points)


def test_links_lead_somewhere():
    for name in ("README.md", "CONTRIBUTING.md"):
        for link in re.findall(r"\]\(([^)#:]+)\)", (ROOT / name).read_text()):
            assert (ROOT / link).exists(), link
