"""What a record says, in the words of the pages and exports."""

from collections.abc import Iterator
from datetime import timedelta

from coursekit.core.course import moment_words
from coursekit.core.question import Question, Status
from coursekit.grading.record import Lateness, QuestionRecord, Record, State
from coursekit.grading.reports.pages import counted, listed, number, of
from coursekit.grading.reports.points import Grade
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


def partial_sentence(question: QuestionRecord) -> str:
    """What is right of a wrong answer, where that earns points; "" where it earns none."""
    partial = question.partial
    if not partial:
        return ""
    earned = f"which earns {of(question.earned, question.points)}" if question.earned else "which earns no points"
    return f"{partial.right} of {partial.asked} cases are right, {earned}."


# ---- lateness


def late_sentences(record: Record, grade: Grade) -> str:
    """When a submission was due and came, and what that took off its points; "" where there is no due date."""
    late = record.late
    return " ".join(_late_sentences(late, grade)) if late else ""


def _late_sentences(late: Lateness, grade: Grade) -> Iterator[str]:
    due = f"due {moment_words(late.due)}{', as extended' if late.extended else ''}"
    if late.handed_in is None or late.doubt:
        yield f"It was {due}. {capitalised(late.doubt)}."
    elif not late.days:
        is_grace = late.handed_in > late.due
        yield f"Handed in {'within the minutes of grace' if is_grace else 'in time'} ({due})."
    else:
        yield f"Handed in {span(late.handed_in - late.due)} late ({due}), which counts as {counted(late.days, 'day')}."
        yield from _consequences(late, grade)


def _consequences(late: Lateness, grade: Grade) -> Iterator[str]:
    if late.refused:
        yield "That is too late: it is not accepted, and there is no grade."
        return
    if late.used:
        yield f"{late.used} of {counted(late.free, 'late day')} used."
    before = of(grade.in_time, grade.possible)
    if late.kept == 1:
        yield "Nothing is taken off."
    elif late.kept:
        yield f"{before}, less {percent(1 - late.kept)}: {number(grade.points)}."
    else:
        yield f"{before}, but so late it earns none."


def percent(share: float) -> str:
    """A share in per cent.

    Examples
    --------
    >>> percent(0.1), percent(0.125)
    ('10 %', '12.5 %')
    """
    return f"{number(100 * share)} %"


def span(time: timedelta) -> str:
    """A time in days, hours and minutes; what is less than the last that is shown does not count.

    Examples
    --------
    >>> span(timedelta(days=1, hours=3, minutes=5)), span(timedelta(minutes=200)), span(timedelta(seconds=20))
    ('1 day 3 h', '3 h 20 min', 'less than a minute')
    """
    minutes = int(time.total_seconds()) // 60
    days, hours = minutes // 1440, minutes // 60 % 24
    if days:
        return f"{counted(days, 'day')} {hours} h" if hours else counted(days, "day")
    if hours:
        return f"{hours} h {minutes % 60} min" if minutes % 60 else f"{hours} h"
    return f"{minutes} min" if minutes else "less than a minute"


def capitalised(sentence: str) -> str:
    """A sentence with a capital letter at its beginning."""
    return sentence[:1].upper() + sentence[1:]


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
    return steps if question.passed else steps + _steps_for_status(question, record)


def _fix_first(question: QuestionRecord, record: Record) -> list[str]:
    own = declared().get(question.id)
    base = own.builds_on if own else ()
    wrong = [f"{q.id} ({q.status})" for q in record.questions if q.id in base and not q.passed]
    if not wrong:
        return []
    return [f"Fix {listed(wrong)} first: this question builds on {'them' if len(wrong) > 1 else 'it'}."]


def _steps_for_status(question: QuestionRecord, record: Record) -> list[str]:
    own = declared().get(question.id)
    check = _how_to_check(question, own)
    if question.status == Status.NOT_GRADABLE:
        return ["Fix the problem shown above and submit again; the command that submits lists what is missing."]
    if question.status == Status.NOT_ATTEMPTED:
        return [f"There is no answer in your submission. The notebook explains what to write. {check}"]
    if question.status == Status.TIMED_OUT:
        limit = f" of {own.seconds * record.settings.question_time:g} s" if own else ""
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
