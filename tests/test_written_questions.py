"""Written questions are found in notebooks of today's form, of earlier forms, and without ids."""

import json

import pytest

from coursekit.learner.notebook_form import BLANK_ANSWER, prompts, question_in, written_answers
from coursekit.paths import ROOT
from coursekit.questions import NOTEBOOKS
from coursekit.teacher.solutions import SolutionError, strip_notebook
from tests.learner_notebooks import edition, filled

CARD = "> **Written question 2** · 5 minutes\n>\n> Why is it so?\n>\n> 1. one\n> 2. two"
ASKED = "Why is it so?\n\n1. one\n2. two"


@pytest.mark.parametrize(
    "text, question",
    [
        (CARD, ASKED),
        (f"Some words before.\n\n{CARD}", ASKED),
        ("*The figure shows it.*\n\n**Think and write.** Why?", "**Think and write.** Why?"),
        ("Words.\n\n### Written question 1\n\nWhy?", "### Written question 1\n\nWhy?"),
        ("**Inline question 1**: why?", "**Inline question 1**: why?"),
        ("Why?", "Why?"),
    ],
)
def test_question_in(text, question):
    assert question_in(text) == question


def cell(id_, text):
    return {"cell_type": "markdown", "id": id_, "source": text}


@pytest.fixture
def notebook():
    """A written question with a figure between the question and the answer."""
    cells = [cell("question_a", CARD), cell("figure", "*Figure: a line.*")]
    cells += [
        cell("answer_a", "**Your answer:**\n\nBecause."),
        cell("compare_a", "<details><summary>Compare with an answer"),
    ]
    return {"cells": cells}


def test_prompt_is_found_by_its_id(notebook):
    assert prompts(notebook) == {"answer_a": ASKED}
    assert written_answers(notebook) == {"answer_a": "Because."}


def test_without_ids_it_is_what_stands_before(notebook):
    del notebook["cells"][1]
    for one in notebook["cells"]:
        del one["id"]
    assert list(prompts(notebook).values()) == [ASKED]
    assert list(written_answers(notebook).values()) == ["Because."]


@pytest.mark.parametrize("id_", ["", "8c1f20"])
def test_an_answer_that_has_lost_its_id_is_found_by_its_comparison(notebook, id_):
    """Cut and pasted, a cell gets a new id; the others keep theirs, and a second answer is not forgotten."""
    second = [cell("question_b", CARD), cell("answer_b", "No."), cell("compare_b", "<summary>Compare with an answer")]
    del notebook["cells"][1]
    notebook["cells"][1]["id"] = id_
    notebook["cells"] += second
    assert written_answers(notebook) == {"answer_a": "Because.", "answer_b": "No."}
    assert prompts(notebook) == {"answer_a": ASKED, "answer_b": ASKED}


def test_a_cell_before_a_comparison_is_no_second_answer(notebook):
    notebook["cells"].insert(3, cell("8c1f20", "Words of the learner."))
    assert written_answers(notebook) == {"answer_a": "Because."}


@pytest.mark.parametrize(
    "id_, text, said",
    [
        (
            "8c1f20",
            "**Your answer:**\n\n<!-- BEGIN SOLUTION -->\nSo.\n<!-- END SOLUTION -->",
            "looks like a written answer",
        ),
        ("8c1f20", BLANK_ANSWER, "looks like a written answer"),
        ("fair", "Compare:\n\n<!-- BEGIN SOLUTION -->\nSo.\n<!-- END SOLUTION -->", "begins neither with answer_ nor"),
    ],
)
def test_an_answer_under_another_id_is_an_error_that_names_the_cell(id_, text, said):
    """In the solved tree, where JupyterLab has given it an id: the learner's edition is not built with it."""
    with pytest.raises(SolutionError, match=f"practice/Trial.ipynb: the cell '{id_}' .*{said}") as caught:
        strip_notebook(json.dumps({"cells": [cell(id_, text)]}), "assignments/practice/Trial.ipynb")
    assert "new-question KEY --notebook Trial --written" in str(caught.value)


def test_comparisons_are_no_answers():
    """Earlier notebooks called them so."""
    texts = [cell("answer_a", BLANK_ANSWER), cell("answer_a_compare", "<details><summary>Compare with an answer")]
    assert written_answers({"cells": texts}) == {"answer_a": ""}


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebooks_of_the_course(name):
    """Each question is shown by itself, each answer is found, and a blank one is blank."""
    shown = prompts(filled(name))
    assert all(text and "Written question" not in text and not text.startswith(">") for text in shown.values())
    assert all(written_answers(filled(name)).values()) and not any(written_answers(edition(name)).values())


@pytest.mark.parametrize("name", ["features", "Dropout"])
def test_notebooks_of_an_earlier_version(name):
    path = ROOT / "tests" / "data" / "earlier_notebooks" / f"{name}.ipynb"
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert all(prompts(notebook).values()) and all(written_answers(notebook).values())
