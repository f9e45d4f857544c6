"""The points of a submission: of its questions and its written answers, after what lateness takes off."""

from typing import NamedTuple

from coursekit.grading.record import Record
from coursekit.grading.reports.marks import Marks, totals
from coursekit.grading.reports.phrases import say


class Grade(NamedTuple):
    """What a submission earns, of how many points, what it would earn in time, and how many answers wait for a mark."""

    points: float
    possible: float
    in_time: float
    open: int

    @property
    def reservation(self) -> str:
        """A sentence about answers that are not marked yet; "" if all are."""
        return say("page.not_marked", self.open) if self.open else ""


def grade_of(record: Record, marks: Marks) -> Grade:
    """The points of a submission."""
    written = totals(record, marks)
    in_time = record.score + written.points
    return Grade(record.after_lateness(in_time), record.possible + written.possible, in_time, written.open)
