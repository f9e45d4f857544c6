"""What differs between the record of a submission and a new one, and how parts of the new one are taken over."""

from collections.abc import Iterator
from dataclasses import replace

from coursekit.grading.record import QuestionRecord, Record
from coursekit.grading.reports.pages import number


def differences(old: Record, new: Record, only_questions: bool = False) -> Iterator[str]:
    """What has changed, a phrase each; with `only_questions`, the new record may hold some of the questions alone."""
    if old.submission.sha256 != new.submission.sha256:
        yield "the submission has changed"
    before = {question.id: question for question in old.questions}
    for question in new.questions:
        yield from _question_differences(before.get(question.id), question)
    if only_questions:
        return
    for name, value in new.versions.items():
        if old.versions.get(name) != value:
            yield f"{name} was {old.versions.get(name)}, is {value}"
    if old.evidence() != new.evidence():
        yield "the records are not identical"


def _question_differences(old: QuestionRecord | None, new: QuestionRecord) -> Iterator[str]:
    if old is None:
        yield f"{new.id} is new: {_standing(new)}"
    elif _standing(old) != _standing(new):
        yield f"{new.id}: {_standing(old)} before, {_standing(new)} now"
    elif old != new:
        yield f"{new.id}: the text of its verdict has changed"


def _standing(question: QuestionRecord) -> str:
    return f"{question.status}, {number(question.earned)} of {question.points}"


def with_questions_of(old: Record, new: Record) -> Record:
    """The old record, with the questions of the new one in place of its own."""
    graded = {question.id: question for question in new.questions}
    questions = [graded.pop(question.id, question) for question in old.questions] + list(graded.values())
    return replace(old, questions=questions, possible=float(sum(question.points for question in questions)))
