"""All questions of the course, a module for each notebook.

To add a question, declare it in its notebook's module and put it into that module's QUESTIONS; to add a notebook, name
it here: in NOTEBOOKS if it asks questions, otherwise in COMPANIONS.

What is declared here is not always asked: a course's `course.toml` may leave out questions and change points. What the
course asks is what `all_questions` and `asked_notebooks` return; `declared` is for what must know every answer, such as
the code that a question builds on.
"""

import os
from dataclasses import replace
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from coursekit.core.question import Question, UsageError

if TYPE_CHECKING:  # what runs a learner's code needs none of it
    from coursekit.core.course import Course

COURSE_VARIABLE = (
    "COURSEKIT_COURSE"  # the environment variable that names the course's file, where it has another place
)

COURSE_FILE = "course.toml"
NOTEBOOKS = {
    "knn": "assignment1",
    "svm": "assignment1",
    "softmax": "assignment1",
    "two_layer_net": "assignment1",
    "features": "assignment1",
    "FullyConnectedNets": "assignment2",
    "Optimizers": "assignment2",
    "BatchNormalization": "assignment2",
    "Dropout": "assignment2",
    "ConvolutionalNetworks": "assignment2",
    "RNN_Captioning": "assignment3",
    "LSTM_Captioning": "assignment3",
    "Transformer_Captioning": "assignment3",
    "NetworkVisualization": "assignment3",
    "Architectures": "assignment4",
    "Segmentation": "assignment4",
    "RegionDetection": "assignment4",
    "SingleShotDetection": "assignment4",
    "InstanceSegmentation": "assignment4",
    "ComputationalGraphs": "practice",
    "Activations": "practice",
    "Initialization": "practice",
    "Losses": "practice",
    "Regularization": "practice",
    "Tuning": "practice",
    "Strategy": "practice",
    "TransferLearning": "practice",
}
ASSIGNMENTS = tuple(dict.fromkeys(NOTEBOOKS.values()))
# Notebooks without questions: learners have them as they are, the tests run them, and nobody submits them.
COMPANIONS = {"PyTorch": "assignment2"}


def module_of(notebook: str) -> ModuleType:
    """The module that declares a notebook's questions."""
    return import_module(f"coursekit.questions.{NOTEBOOKS[notebook]}.{notebook}")


def notebook_file(notebook: str) -> str:
    """The file of a notebook, as a relative name with "/".

    Examples
    --------
    >>> notebook_file("knn")
    'assignments/assignment1/knn.ipynb'
    """
    return f"assignments/{(NOTEBOOKS | COMPANIONS)[notebook]}/{notebook}.ipynb"


def question_in(notebook: str, question_id: str) -> Question:
    """A question of a notebook; the other notebooks' modules are not loaded, as it takes longer than most answers."""
    return next(question for question in module_of(notebook).QUESTIONS if question.id == question_id)


@cache
def declared() -> dict[str, Question]:
    """All questions that are declared, by id, whether the course asks them or not."""
    questions = [question for name in NOTEBOOKS for question in module_of(name).QUESTIONS]
    by_id = {question.id: question for question in questions}
    if len(by_id) != len(questions):
        raise ValueError("two questions have the same id")
    return by_id


@cache
def course() -> "Course":
    """The course's rules, from the file that was chosen, or else from `course.toml` in the course's folder.

    Raises
    ------
    CourseError
        If the file cannot be used.
    """
    from coursekit.core.course import Course, Known, read_course

    chosen = os.environ.get(COURSE_VARIABLE, "")
    path = Path(chosen) if chosen else Path(__file__).resolve().parents[2] / COURSE_FILE
    known = Known(NOTEBOOKS, {q.id: q.notebook for q in declared().values()})
    return read_course(path, known) if chosen or path.is_file() else Course()


def use_course(path: str | os.PathLike | None) -> "Course":
    """Take the course's rules from another file, here and in all processes that this one starts; None to undo it."""
    if path is None:
        os.environ.pop(COURSE_VARIABLE, None)
    else:
        os.environ[COURSE_VARIABLE] = str(Path(path).absolute())
    for remembered in (course, asked_notebooks, all_questions):
        remembered.cache_clear()
    return course()


@cache
def asked_notebooks() -> dict[str, str]:
    """The notebooks that the course asks, with their assignments."""
    return course().asked_notebooks(NOTEBOOKS)


@cache
def all_questions() -> dict[str, Question]:
    """All questions that the course asks, by id and with the course's points, in the order of the course."""
    points, without = dict(course().points), course().asks.leave_out
    asked = [q for q in declared().values() if q.notebook in asked_notebooks() and q.id not in without]
    return {q.id: replace(q, points=points[q.id]) if q.id in points else q for q in asked}


def find(question_id: str) -> Question:
    """The question with this id; the error for a wrong one names the nearest."""
    import difflib

    questions = all_questions()
    if question_id not in questions:
        if question_id in declared():
            raise UsageError(f"This course does not ask {question_id}: its {COURSE_FILE} leaves it out.")
        near = difflib.get_close_matches(str(question_id), questions, n=3)
        advice = f"Did you mean {' or '.join(near)}?" if near else "`python -m coursekit progress` lists all questions."
        raise UsageError(f"There is no question {question_id!r}. {advice}")
    return questions[question_id]


def closure(question: Question) -> set[str]:
    """Ids of all questions that a question builds on, near or far."""
    found: set[str] = set()
    waiting = list(question.builds_on)
    while waiting:
        id_ = waiting.pop()
        if id_ not in found:
            found.add(id_)
            waiting += declared()[id_].builds_on
    return found - {question.id}
