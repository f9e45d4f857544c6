"""Notebooks as learners get them, and as they submit them."""

import json

from coursekit.learner import notebook_form
from coursekit.paths import ROOT
from coursekit.questions import notebook_file
from coursekit.teacher.solutions import strip_notebook

MARKERS = ("### BEGIN SOLUTION", "### END SOLUTION", "<!-- BEGIN SOLUTION -->", "<!-- END SOLUTION -->")


def solved(name):
    """A notebook of the solved tree."""
    return json.loads((ROOT / notebook_file(name)).read_text(encoding="utf-8"))


def edition(name):
    """A notebook as distributed."""
    return json.loads(strip_notebook(json.dumps(solved(name)), name))


def filled(name):
    """A notebook as a learner fills it in: with the answers of the solved one, without the markers."""
    notebook, distributed = solved(name), edition(name)
    for cell, given in zip(notebook["cells"], distributed["cells"], strict=True):
        if "<summary>Compare with an answer" in notebook_form.source(cell):
            cell["source"] = given["source"]
        lines = [line for line in notebook_form.source(cell).splitlines() if line.strip() not in MARKERS]
        cell["source"] = "\n".join(lines).strip("\n").splitlines(keepends=True)
    return notebook
