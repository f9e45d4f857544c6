"""What a record says, in the words of the pages and exports."""

from collections.abc import Iterator
from datetime import timedelta

from coursekit.core.course import moment_words
from coursekit.core.question import Question, Status
from coursekit.grading.record import Lateness, QuestionRecord, Record, State
from coursekit.grading.reports.pages import listed, number, of
from coursekit.grading.reports.phrases import say
from coursekit.grading.reports.points import Grade
from coursekit.paths import file_of
from coursekit.questions import declared


def status_words(question: QuestionRecord) -> str:
    """The status as a learner reads it."""
    followed = question.passed and question.status != Status.OK
    status = say(f"status.{question.status}")
    return say("status.followed", status=status) if followed else status


def follow_through_sentence(question: QuestionRecord) -> str:
    """What grading again with the course's earlier answers showed; '' if that was not needed."""
    through = question.follow_through
    if not through:
        return ""
    count = len(through.replaced)
    builds = say("through.builds", count, ids=listed(through.replaced))
    if through.status == Status.OK:
        return f"{builds} {say('through.ok', count, share=f'{through.share:.0%}')}"
    return f"{builds} {say('through.still', count, status=say(f'status.{through.status}'))}"


def partial_sentence(question: QuestionRecord) -> str:
    """What is right of a wrong answer, where that earns points; "" where it earns none."""
    partial = question.partial
    if not partial:
        return ""
    counts = {"right": partial.right, "asked": partial.asked}
    if not question.earned:
        return say("through.partial_none", **counts)
    return say("through.partial", **counts, points=of(question.earned, question.points))


# ---- lateness


def late_sentences(record: Record, grade: Grade) -> str:
    """When a submission was due and came, and what that took off its points; "" where there is no due date."""
    late = record.late
    return " ".join(_late_sentences(late, grade)) if late else ""


def _late_sentences(late: Lateness, grade: Grade) -> Iterator[str]:
    due = say("late.extended" if late.extended else "late.due", moment=moment_words(late.due))
    if late.handed_in is None or late.doubt:
        yield say("late.doubt", due=due, why=capitalised(late.doubt))
    elif not late.days:
        yield say("late.grace" if late.handed_in > late.due else "late.in_time", due=due)
    else:
        yield say("late.late", due=due, span=span(late.handed_in - late.due), days=say("points.days", late.days))
        yield from _consequences(late, grade)


def _consequences(late: Lateness, grade: Grade) -> Iterator[str]:
    if late.refused:
        yield say("late.refused")
        return
    if late.used:
        yield say("late.used", used=late.used, days=say("points.late_days", late.free))
    before = of(grade.in_time, grade.possible)
    if late.kept == 1:
        yield say("late.nothing")
    elif late.kept:
        yield say("late.less", points=before, share=percent(1 - late.kept), left=number(grade.points))
    else:
        yield say("late.none", points=before)


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
        words = say("points.days", days)
        return f"{words} {hours} h" if hours else words
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
        return [say("steps.left_out")]
    if question.status == Status.INFRASTRUCTURE_ERROR:
        return [say("steps.infrastructure")]
    steps = _fix_first(question, record)
    return steps if question.passed else steps + _steps_for_status(question, record)


def _fix_first(question: QuestionRecord, record: Record) -> list[str]:
    own = declared().get(question.id)
    base = own.builds_on if own else ()
    wrong = [f"{q.id} ({say(f'status.{q.status}')})" for q in record.questions if q.id in base and not q.passed]
    if not wrong:
        return []
    return [say("steps.fix_first", len(wrong), ids=listed(wrong))]


def _steps_for_status(question: QuestionRecord, record: Record) -> list[str]:
    own = declared().get(question.id)
    check = _how_to_check(question, own)
    if question.status == Status.NOT_GRADABLE:
        return [say("steps.not_gradable")]
    if question.status == Status.NOT_ATTEMPTED:
        return [say("steps.not_attempted", check=check)]
    if question.status == Status.TIMED_OUT:
        seconds = f"{own.seconds * record.settings.question_time:g}" if own else ""
        limit = say("steps.limit", seconds=seconds) if own else ""
        return [say("steps.timed_out", limit=limit), check]
    if question.status == Status.CRASHED:
        return [check, say("steps.crashed")]
    return [check, say("steps.hard_coded"), say("steps.help")]


def _how_to_check(question: QuestionRecord, own: Question | None) -> str:
    notebook = f"{question.notebook}.ipynb"
    if own is None or own.in_notebook:
        return say("steps.run_cell", id=question.id, notebook=notebook)
    files = listed(dict.fromkeys(map(file_of, own.implements)))
    return say("steps.save", files=files, id=question.id, notebook=notebook)


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
        return say("first.not_graded", reason=record.reason)
    return " ".join(
        [say("first.points", points=of(points, possible)), *_reservations(record), *_first_thing_to_do(record)]
    )


def _reservations(record: Record) -> list[str]:
    found = []
    if not record.is_final:
        found.append(say("first.not_final"))
    if any(record.left_out(question) for question in record.questions):
        found.append(say("first.left_out"))
    return found


def _first_thing_to_do(record: Record) -> list[str]:
    first = look_first(record)
    if first:
        return [say("first.look", id=first.id, title=first.title)]
    if not record.is_final:
        return []
    wrong = _replaced_at_the_bottom(record)
    if wrong:
        return [say("first.replaced", len(wrong), ids=listed(wrong))]
    return [say("first.all_right")]


def _replaced_at_the_bottom(record: Record) -> list[str]:
    """Ids of the questions at the bottom of all follow-through: those that are wrong by themselves."""
    through = {q.id: q.follow_through.replaced for q in record.questions if q.passed and q.follow_through}
    replaced = dict.fromkeys(id_ for ids in through.values() for id_ in ids)
    return [id_ for id_ in replaced if id_ not in through]
