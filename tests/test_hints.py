"""Hints: two for each question, short, and none gives the answer away; `hint` shows one after the other."""

import ast
import json
import re
import textwrap

import pytest

from coursekit import hint
from coursekit.judging import hints
from coursekit.paths import ROOT, file_of
from coursekit.questions import all_questions, find, notebook_file
from coursekit.teacher.solutions import BEGIN, END

QUESTIONS = list(all_questions().values())
each_question = pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.id)


def regions(source):
    """The answers in a source, as texts that can be parsed."""
    parts = re.findall(rf"^[ ]*{BEGIN}\n(.*?)^[ ]*{END}", source, re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(part) for part in parts]


def sources(question):
    """The texts that hold the answer to a question: its files, or its cell."""
    if not question.in_notebook:
        return [(ROOT / file_of(target)).read_text() for target in question.implements]
    cells = json.loads((ROOT / notebook_file(question.notebook)).read_text())["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["id"] == question.id]


def squeezed(text):
    return re.sub(r"\s+", "", text)


def given_away(source):
    """What must not be in a hint: the lines of an answer, what they assign, and the calls with their arguments."""
    found = {line.partition("  #")[0] for line in source.splitlines()}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Assign, ast.AugAssign)) and not isinstance(node.value, (ast.Name, ast.Constant)):
            found.add(ast.unparse(node.value))
        if isinstance(node, ast.Call) and (node.args or node.keywords):
            found.add(ast.unparse(node))
    return {squeezed(text) for text in found if len(squeezed(text)) > 5}


def leaks(question, text):
    """The parts of the answer that a text holds."""
    parts = {part for source in sources(question) for region in regions(source) for part in given_away(region)}
    return sorted(part for part in parts if part in squeezed(text).replace("'", '"') or part in squeezed(text))


@each_question
def test_there_are_two_short_ones(question):
    assert len(question.hints) == 2
    for text in question.hints:
        assert 40 < len(text) <= 200 and text[-1] in ".?" and "  " not in text
    assert question.hints[0] != question.hints[1]


def test_no_two_questions_share_a_hint():
    texts = [text for question in QUESTIONS for text in question.hints]
    assert len(set(texts)) == len(texts)


@each_question
def test_none_gives_the_answer_away(question):
    assert [leaks(question, text) for text in question.hints] == [[], []]


@pytest.mark.parametrize(
    "question_id, text",
    [
        ("relu_forward", "Write np.maximum(0,  x)."),
        ("affine_forward", "It is rows @ w + b."),
        ("sgd", "w - config['learning_rate'] * dw does it"),
        ("svm_loss", "np.arange(len(y)) gives the rows"),
    ],
)
def test_an_answer_in_a_hint_is_found(question_id, text):
    assert leaks(find(question_id), text)


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """As in a kernel that has just started."""
    monkeypatch.setattr(hints, "_given", {})


def test_one_after_the_other_then_where_the_help_is(capsys):
    shown = []
    for _ in range(3):
        hint("knn_two_loops")
        shown.append(" ".join(capsys.readouterr().out.split()))
    first, second = find("knn_two_loops").hints
    assert shown[0] == f"knn_two_loops, hint 1 of 2: {first}"
    assert shown[1] == f"knn_two_loops, hint 2 of 2: {second}"
    assert "knn.ipynb" in shown[2] and "my distances are far too large" in shown[2]


def test_one_by_its_number(capsys):
    hint("sgd", 2)
    hint("sgd", 1)
    assert capsys.readouterr().out.index("hint 2 of 2") < 20
    hint("sgd")
    assert "no further hint" in capsys.readouterr().out


@pytest.mark.parametrize("number", [0, 3, -1])
def test_a_number_that_no_hint_has(number):
    with pytest.raises(ValueError, match="has the hints 1 to 2, not"):
        hint("sgd", number)


def test_lines_are_not_too_long(capsys):
    for question in QUESTIONS:
        for _ in range(3):
            hint(question.id)
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 88


def test_without_the_notebook_it_still_says_where(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(hints, "ROOT", tmp_path)
    monkeypatch.setattr(hints, "_given", {"sgd": 2})
    hint("sgd")
    assert "two_layer_net.ipynb" in capsys.readouterr().out
