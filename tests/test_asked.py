"""What is asked, and what is only shown: the page for teachers, and the order of the cases."""

import re

import pytest

from coursekit.paths import ROOT
from coursekit.questions import all_questions, find
from coursekit.teacher import asked, write_answers

FUNCTION_QUESTIONS = [question for question in all_questions().values() if question.cases]


def test_the_page_is_what_the_questions_declare():
    assert asked.FILE.read_text(encoding="utf-8") == asked.page(), "`python -m coursekit store` writes it"


def test_what_is_stored_is_told(tmp_path, capsys):
    assert write_answers.write(["softmax"], tmp_path) == 0
    assert f"The answers to 2 questions are in {tmp_path}; 2 of them changed." in capsys.readouterr().out
    assert write_answers.write(["softmax"], tmp_path) == 0
    assert "; none of them changed." in capsys.readouterr().out


def test_the_page_can_be_found():
    for name in ("docs/teaching.md", "CONTRIBUTING.md"):
        assert re.search(r"\]\((docs/)?asked\.md\)", (ROOT / name).read_text(encoding="utf-8")), name


@pytest.mark.parametrize("question", FUNCTION_QUESTIONS, ids=lambda question: question.id)
def test_edges_come_last(question):
    """A process that ends in an edge then takes nothing with it that is asked."""
    edges = [bool(case.edge) for case in question.cases]
    assert edges == sorted(edges) and not all(edges)


@pytest.mark.parametrize("question", FUNCTION_QUESTIONS, ids=lambda question: question.id)
def test_reasons_read_on_from_a_colon(question):
    for case in question.cases:
        assert not case.edge.endswith(".") and case.edge[:1] == case.edge[:1].lower()


def test_an_error_of_a_model_answer_is_not_stored(monkeypatch):
    def broken(x):
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("cs231n.layers.relu_forward", broken)
    with pytest.raises(ValueError, match="the model answer to relu_forward fails on .*: ZeroDivisionError: oh"):
        write_answers.answers_of(find("relu_forward"))
