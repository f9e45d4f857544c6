"""Rubrics and model answers of written questions, as the course has them.

`coursekit/grading/rubrics/<assignment>.toml` has a table for each notebook and in it, by the id of the answer's cell, a
list of items: points and a sentence. Model answers are those of the solved notebooks.
"""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

from coursekit.learner import notebook_form
from coursekit.paths import ROOT
from coursekit.questions import NOTEBOOKS, notebook_file

FOLDER = Path(__file__).parent.parent / "rubrics"
_COMMENT = re.compile(r"<!-- (BEGIN|END) SOLUTION -->")
_FOLDED = re.compile(r"<summary>.*?</summary>|</?details>", re.DOTALL)


@dataclass(frozen=True)
class RubricItem:
    """What an answer can have, and the points for it."""

    points: float
    text: str


class Asked(NamedTuple):
    """What the course says about a written question: its text, a model answer, one to compare with, and the rubric."""

    prompt: str = ""
    model: str = ""
    comparison: str = ""
    rubric: tuple[RubricItem, ...] = ()


def asked(question: str) -> Asked:
    """What the course says about a question such as "knn-answer_statements"; nothing if it has no such question."""
    notebook, _, id_ = question.partition("-")
    return _of_notebook(notebook).get(id_, Asked())


@cache
def _of_notebook(name: str) -> dict[str, Asked]:
    if name not in NOTEBOOKS or not (path := ROOT / notebook_file(name)).is_file():
        return {}
    notebook, rubrics = notebook_form.read_notebook(path.read_bytes()), rubrics_of(NOTEBOOKS[name]).get(name, {})
    answers = notebook_form.written_answers(notebook)
    texts = {cell.get("id"): notebook_form.source(cell) for cell in notebook["cells"]}
    return {
        id_: Asked(
            prompt,
            _COMMENT.sub("", answers[id_]).strip(),
            _FOLDED.sub("", _COMMENT.sub("", texts.get(id_.replace("answer", "compare", 1), ""))).strip(),
            rubrics.get(id_, ()),
        )
        for id_, prompt in notebook_form.prompts(notebook).items()
    }


@cache
def rubrics_of(assignment: str) -> dict[str, dict[str, tuple[RubricItem, ...]]]:
    """The rubrics of an assignment's notebooks, by the ids of the answers; {} if it has none."""
    path = FOLDER / f"{assignment}.toml"
    content = tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return {
        notebook: {
            id_: tuple(RubricItem(float(points), text) for points, text in items) for id_, items in found.items()
        }
        for notebook, found in content.items()
    }


def points_of(rubric: tuple[RubricItem, ...]) -> float:
    """The points that a rubric can give."""
    return sum((item.points for item in rubric if item.points > 0), 0.0)
