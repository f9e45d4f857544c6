"""All questions of the course, a module for each notebook.

To add a question, declare it in its notebook's module and put it into that module's QUESTIONS; to add a notebook, name
it here: in NOTEBOOKS if it asks questions, otherwise in COMPANIONS.
"""

from functools import cache
from importlib import import_module
from types import ModuleType

from coursekit.core.question import Question, UsageError

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
def all_questions() -> dict[str, Question]:
    """All questions by id, in the order of the course."""
    questions = [question for name in NOTEBOOKS for question in module_of(name).QUESTIONS]
    by_id = {question.id: question for question in questions}
    if len(by_id) != len(questions):
        raise ValueError("two questions have the same id")
    return by_id


def find(question_id: str) -> Question:
    """The question with this id; the error for a wrong one names the nearest."""
    import difflib

    questions = all_questions()
    if question_id not in questions:
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
            waiting += find(id_).builds_on
    return found - {question.id}
