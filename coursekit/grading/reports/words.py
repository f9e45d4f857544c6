"""What a record says, in the words of the pages and exports."""

from coursekit.core.question import Question, Status
from coursekit.grading.record import QuestionRecord, Record, State
from coursekit.grading.reports.pages import listed, of
from coursekit.paths import file_of
from coursekit.questions import declared


def status_words(question: QuestionRecord) -> str:
    """The status as a learner reads it."""
    followed = question.passed and question.status != Status.OK
    return f"{question.status}; ok with follow-through" if followed else str(question.status)


def follow_through_sentence(question: QuestionRecord) -> str:
    """What grading again with the course's earlier answers showed; '' if that was not needed."""
    through = question.follow_through
    if not through:
        return ""
    are, answers, their = ("are", "answers", "their") if len(through.replaced) > 1 else ("is", "answer", "its")
    builds = f"This question builds on {listed(through.replaced)}, which {are} not right yet."
    if through.status == Status.OK:
        return (
            f"{builds} With the course's {answers} in {their} place, yours is ok and earns {through.share:.0%} of its "
            "points."
        )
    return (
        f"{builds} It was graded again with the course's {answers} in {their} place and is still {through.status}: "
        "there is something to fix here too."
    )


# ---- what to do next


def next_steps(question: QuestionRecord, record: Record) -> list[str]:
    """What to do about a question that has not earned all its points, a sentence each."""
    if question.status == Status.OK:
        return []
    if record.left_out(question):
        return ["Nothing for you to do: notebooks were left out of this grading."]
    if question.status == Status.INFRASTRUCTURE_ERROR:
        return ["Nothing for you to do: grading itself failed here. Your instructor can see this and will grade again."]
    steps = _fix_first(question, record)
    return steps if question.passed else steps + _steps_for_status(question)


def _fix_first(question: QuestionRecord, record: Record) -> list[str]:
    own = declared().get(question.id)
    base = own.builds_on if own else ()
    wrong = [f"{q.id} ({q.status})" for q in record.questions if q.id in base and not q.passed]
    if not wrong:
        return []
    return [f"Fix {listed(wrong)} first: this question builds on {'them' if len(wrong) > 1 else 'it'}."]


def _steps_for_status(question: QuestionRecord) -> list[str]:
    own = declared().get(question.id)
    check = _how_to_check(question, own)
    if question.status == Status.NOT_GRADABLE:
        return ["Fix the problem shown above and submit again; the command that submits lists what is missing."]
    if question.status == Status.NOT_ATTEMPTED:
        return [f"There is no answer in your submission. The notebook explains what to write. {check}"]
    if question.status == Status.TIMED_OUT:
        limit = f" of {own.seconds:g} s" if own else ""
        return [f"It exceeded its time limit{limit}: look for a loop that is endless or could be array code.", check]
    if question.status == Status.CRASHED:
        return [
            check,
            "If it runs for you, choose Restart Kernel and Run All Cells: a name may exist only in your session.",
        ]
    return [
        check,
        "If the check says ok, the code is right for the check's inputs but not for others: is a size, a value or a "
        "label of the example hard-coded?",
        "Most questions in the notebook have help below them, folded and titled by symptom.",
    ]


def _how_to_check(question: QuestionRecord, own: Question | None) -> str:
    notebook = f"{question.notebook}.ipynb"
    if own is None or own.in_notebook:
        return f"Run the cell check_{question.id} in {notebook} after the cells above it."
    files = listed(dict.fromkeys(map(file_of, own.implements)))
    return f'Save {files}, then run check("{question.id}") in {notebook}, which tests the code as saved.'


# ---- the submission as a whole


def unconfirmed_claims(record: Record) -> str:
    """For which questions a receipt says ok although grading does not, in a sentence; "" if there are none.

    The hashes in a receipt can be compared with the files, its verdicts only with what grading finds.
    """
    receipt = record.submission.receipt
    claimed = {id_ for id_, status in receipt.questions.items() if status == Status.OK} if receipt else set()
    found = (Status.WRONG, Status.NOT_ATTEMPTED, Status.CRASHED)
    ids = [f"{q.id} ({q.status})" for q in record.questions if q.id in claimed and q.status in found]
    return f"It says ok where grading does not: {', '.join(ids)}" if ids else ""


def look_first(record: Record) -> QuestionRecord | None:
    """The first question to work on: the questions it builds on are right. None if no points are left to earn."""
    missed = [q for q in record.questions if _can_be_earned(q, record)]
    return next((q for q in missed if not _fix_first(q, record)), missed[0] if missed else None)


def _can_be_earned(question: QuestionRecord, record: Record) -> bool:
    excused = question.status == Status.INFRASTRUCTURE_ERROR or record.left_out(question)
    return bool(question.points) and not excused and not question.passed


def first_line(record: Record, points: float, possible: float) -> str:
    """The score, and what to look at first, in a few sentences."""
    if record.state != State.GRADED:
        return f"This submission was not graded: {record.reason}"
    return " ".join([f"{of(points, possible)}.", *_reservations(record), *_first_thing_to_do(record)])


def _reservations(record: Record) -> list[str]:
    found = []
    if not record.is_final:
        found.append("This score is not final: grading failed for some questions, which will be graded again.")
    if any(record.left_out(question) for question in record.questions):
        found.append("Notebooks were left out of this grading, so the questions answered in them earn no points.")
    return found


def _first_thing_to_do(record: Record) -> list[str]:
    first = look_first(record)
    if first:
        return [f"Look first at {first.id}: {first.title}."]
    if not record.is_final:
        return []
    wrong = _replaced_at_the_bottom(record)
    if wrong:
        fix = f"fix {'that' if len(wrong) == 1 else 'those'} first"
        return [f"Some questions are right only with the course's {listed(wrong)} in place of yours: {fix}."]
    return ["Every question that carries points is right."]


def _replaced_at_the_bottom(record: Record) -> list[str]:
    """Ids of the questions at the bottom of all follow-through: those that are wrong by themselves."""
    through = {q.id: q.follow_through.replaced for q in record.questions if q.passed and q.follow_through}
    replaced = dict.fromkeys(id_ for ids in through.values() for id_ in ids)
    return [id_ for id_ in replaced if id_ not in through]
