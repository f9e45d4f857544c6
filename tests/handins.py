"""Notebooks as learners get them, and as they hand them in."""

import json

from coursekit.learner import submission
from coursekit.paths import ROOT
from coursekit.questions import notebook_file
from coursekit.teacher.solutions import strip_notebook

MARKERS = ("### BEGIN SOLUTION", "### END SOLUTION", "<!-- BEGIN SOLUTION -->", "<!-- END SOLUTION -->")


def edition(name):
    """A notebook as it is handed out."""
    return json.loads(strip_notebook((ROOT / notebook_file(name)).read_text(encoding="utf-8"), name))


def filled(name):
    """A notebook as a learner fills it in: the solved one without the markers."""
    notebook = json.loads((ROOT / notebook_file(name)).read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        lines = [line for line in submission.source(cell).splitlines() if line.strip() not in MARKERS]
        cell["source"] = "\n".join(lines).strip("\n").splitlines(keepends=True)
    return notebook
