"""Every notebook has the same form: how it begins, its cards, its play and control cells, and how it ends."""

import json
import re

import pytest

from coursekit.paths import ROOT, file_of
from coursekit.questions import COMPANIONS, NOTEBOOKS, all_questions, notebook_file
from coursekit.teacher.adding.changes import left_to_write
from coursekit.teacher.adding.introduction import minutes_in, time_in
from coursekit.teacher.solutions import misnamed_answers

DOTS = r"(●{1,5}○{0,4})"
CARD = re.compile(
    rf"> \*\*Question: `(\w+)`\*\* · (\d+) points? · (\d+) minutes · difficulty {DOTS} · importance {DOTS}\n>\n> \S"
)
WRITTEN = re.compile(r"> \*\*Written question (\d+)\*\* · \d+ minutes\n>\n> \S")
INTRO = (
    "# ",
    "**At the end you will have shown**",
    "**Time**: ",
    "**Points**: ",
    "| question |",
    "**Words used here**",
)
END = ("## Further reading", "## Still debated", "## The same in PyTorch", "```python", "**What comes next**")
TABLE = "| question | points | minutes | difficulty | where you write |"

each_notebook = pytest.mark.parametrize("name", NOTEBOOKS)
each_companion = pytest.mark.parametrize("name", COMPANIONS)
all_notebooks = pytest.mark.parametrize("name", [*NOTEBOOKS, *COMPANIONS])


def cells(name):
    """The cells of a notebook by id, in order, with their sources as one text."""
    content = json.loads((ROOT / notebook_file(name)).read_text(encoding="utf-8"))
    return {cell["id"]: cell | {"source": "".join(cell["source"])} for cell in content["cells"]}


def questions(name):
    """The questions of a notebook."""
    return [question for question in all_questions().values() if question.notebook == name]


def dots(amount):
    """An amount from 1 to 5 as a card shows it."""
    return "●" * amount + "○" * (5 - amount)


def require_order(text, parts):
    """Every part is in the text, each after the one before."""
    places = [text.find(part) for part in parts]
    assert -1 not in places, f"missing: {parts[places.index(-1)]!r}"
    assert places == sorted(places), "the parts are in another order"


@each_notebook
def test_it_begins_with_what_will_be_shown_time_points_and_words(name):
    """The first cell says what the reader will have shown, what it takes, what it gives, and the words."""
    notebook, asked = cells(name), questions(name)
    assert list(notebook)[:3] == ["intro", "start", "setup"]
    intro = notebook["intro"]["source"]
    require_order(intro, INTRO)
    assert f"**Points**: {sum(question.points for question in asked)}." in intro
    assert TABLE in intro
    for question in asked:
        row = f"| `{question.id}` | {question.points} | {question.minutes} | {dots(question.difficulty)} |"
        assert row in intro, f"no row {row}"


@each_notebook
def test_the_time_in_the_introduction_is_that_of_the_questions(name):
    """The minutes for the questions are the sum of those on the cards; what is optional is not counted."""
    all_minutes, of_questions, *_ = minutes_in(time_in(cells(name)["intro"]["source"]))
    assert of_questions == sum(question.minutes for question in questions(name) if question.points) <= all_minutes


def test_nothing_is_left_to_write():
    """What `new-question` and `new-notebook` have left to their author is written."""
    assert [str(left) for left in left_to_write(ROOT)] == []


@each_notebook
def test_each_question_has_one_card_that_fits_its_declaration(name):
    """A card has the declared points, minutes, difficulty and importance, and stands right before answer and check."""
    notebook = cells(name)
    order = list(notebook)
    for question in questions(name):
        card = CARD.match(notebook[f"card_{question.id}"]["source"])
        assert card, f"the card of {question.id} has another form"
        declared = (question.id, str(question.points), str(question.minutes))
        assert card.groups() == (*declared, dots(question.difficulty), dots(question.importance))
        following = order[order.index(f"card_{question.id}") + 1 :]
        wanted = [question.id] * question.in_notebook + [f"check_{question.id}"]
        assert following[: len(wanted)] == wanted
        assert "<details><summary>Help: " in notebook[f"help_{question.id}"]["source"]
    cards = [id_ for id_ in order if CARD.search(notebook[id_]["source"])]
    assert len(cards) == len(questions(name))


@each_notebook
def test_written_questions_have_one_form(name):
    """A written question is a card, a cell for the answer, and an answer to compare with; they are numbered."""
    notebook = cells(name)
    order = list(notebook)
    assert misnamed_answers({"cells": list(notebook.values())}, name) == []
    answers = [id_ for id_ in order if id_.startswith("answer_")]
    for number, id_ in enumerate(answers, 1):
        key, at = id_.removeprefix("answer_"), order.index(id_)
        assert order[at - 1 : at + 2] == [f"question_{key}", id_, f"compare_{key}"]
        assert WRITTEN.match(notebook[f"question_{key}"]["source"])[1] == str(number)
        assert notebook[id_]["source"].startswith("**Your answer:**\n\n<!-- BEGIN SOLUTION -->\n")
        compare = notebook[f"compare_{key}"]["source"]
        assert compare.startswith("<details><summary>Compare with an answer</summary>\n\n<!-- BEGIN SOLUTION -->\n")
        assert "\n<!-- END SOLUTION -->\n</details>" in compare
    cards = [id_ for id_ in order if WRITTEN.search(notebook[id_]["source"])]
    assert cards == [f"question_{id_.removeprefix('answer_')}" for id_ in answers], "a card has no answer of its name"


@each_notebook
def test_it_has_a_cell_to_play_with_and_a_negative_control(name):
    """Both are introduced in words; the control's output is checked, what one plays with is not."""
    notebook = cells(name)
    order = list(notebook)
    for text, code, lead in (
        ("play_text", "play", "**Play.** "),
        ("control_text", "negative_control", "**Negative control.** "),
    ):
        assert order.index(code) == order.index(text) + 1
        assert notebook[text]["source"].startswith(lead) and notebook[code]["cell_type"] == "code"
    assert "nbval-ignore-output" in notebook["play"]["metadata"]["tags"]
    assert "nbval-ignore-output" not in notebook["negative_control"]["metadata"].get("tags", [])


@each_notebook
def test_it_ends_with_reading_debates_and_pytorch(name):
    """After the summary: papers with years, what is still debated, and the same in PyTorch."""
    notebook = cells(name)
    assert list(notebook)[-2:] == ["summary", "further"]
    assert notebook["summary"]["source"].startswith("## Summary\n")
    require_order(notebook["further"]["source"], END)
    reading = notebook["further"]["source"].partition("## Still debated")[0]
    assert len(re.findall(r"^- .*\((19|20)\d\d\)", reading, re.MULTILINE)) >= 3


@all_notebooks
def test_each_figure_has_a_caption_in_words(name):
    """The cell after one that shows a figure begins with a caption."""
    notebook = list(cells(name).values())
    for cell, after in zip(notebook, notebook[1:], strict=False):
        shown = [kind for output in cell.get("outputs", ()) for kind in output.get("data", {})]
        if any(kind.startswith("image/") for kind in shown):
            assert after["source"].startswith("*Figure: "), f"no caption after {cell['id']}"


@each_notebook
def test_each_card_links_to_the_files_that_its_question_asks_to_edit(name):
    """Whoever reads a card opens the file by a click; a question that is answered in the notebook needs none."""
    notebook = cells(name)
    for question in questions(name):
        card = notebook[f"card_{question.id}"]["source"]
        for file in map(file_of, question.implements):
            assert f"[{file}](../../{file})" in card, f"{question.id}: no link to {file}"


@all_notebooks
def test_it_links_to_each_file_that_it_asks_to_edit(name):
    """The table at the start has a link to every file in which an answer is written, and no link leads nowhere."""
    notebook = cells(name)
    for file in {file_of(target) for question in questions(name) for target in question.implements}:
        assert f"[`{file}`](../../{file})" in notebook["intro"]["source"]
    folder = (ROOT / notebook_file(name)).parent
    for cell in notebook.values():
        for link in re.findall(r"\]\((\.\./[^)]*)\)", cell["source"]):
            assert (folder / link).resolve().is_file(), link


@each_companion
def test_a_companion_asks_nothing(name):
    """It says so at the start, has nothing to fill in or to check, and ends as the other notebooks do."""
    notebook = cells(name)
    assert list(notebook)[:3] == ["intro", "start", "setup"] and list(notebook)[-2:] == ["summary", "further"]
    require_order(notebook["intro"]["source"], ("# ", "**Time**: ", "**Points**: none", "**Words used here**"))
    assert not questions(name)
    for cell in notebook.values():
        assert not CARD.search(cell["source"]) and not WRITTEN.search(cell["source"])
        assert "BEGIN SOLUTION" not in cell["source"] and "check(" not in cell["source"]
