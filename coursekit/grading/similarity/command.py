"""The command `similarity`."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from coursekit.core.terminal import say
from coursekit.grading.commands import survey_again
from coursekit.grading.intake.sources import Source, survey
from coursekit.grading.record import read_record
from coursekit.grading.reports.pages import counted
from coursekit.grading.settings import BatchError
from coursekit.grading.similarity.page import write_similarity
from coursekit.grading.similarity.pairs import compare
from coursekit.grading.similarity.works import Work, everyone, given_runs, read_work
from coursekit.learner import submission
from coursekit.learner.arguments import Arguments


def similarity(options: Sequence[str] = ()) -> int:
    """Compare the submissions of a class that was graded, and write the page; 0 if it was written."""
    args = _parser().parse_args(options)
    try:
        found = [("", source) for source in survey_again(args.submissions, args.grades).sources]
        found += [(folder.name, source) for folder in args.compare_with for source in survey(folder).sources]
        assignment = args.assignment or _assignment(args.grades)
    except (BatchError, ValueError) as error:
        say(error)
        return 2
    works = _works(found, assignment)
    notes = everyone(works)
    page, table = write_similarity(compare(works), args.grades, notes)
    say(*notes, f"{counted(len(works), 'submission')} compared. Page: {page}, table: {table}")
    return 0


def _works(found: list[tuple[str, Source]], assignment: str) -> list[Work]:
    given = given_runs(assignment)
    bar = tqdm(found, unit="submission", dynamic_ncols=True)
    return [read_work(source, assignment, given, earlier) for earlier, source in bar]


def _assignment(grades: Path) -> str:
    """The assignment that the class was graded for."""
    for path in sorted(grades.glob("records/*.json")):
        return read_record(path).assignment
    raise BatchError(f"{grades} has no records, which say what the assignment is: add --assignment NAME.")


def _parser() -> argparse.ArgumentParser:
    parser = Arguments(
        prog="python -m coursekit similarity",
        description="Show which submissions of a class have unusual passages in common, on a page for teachers. "
        "Submissions are read, not run.",
    )
    parser.add_argument("grades", type=Path, help="the folder that `grade` wrote; it gets similarity.html and .csv")
    parser.add_argument(
        "--compare-with",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="folder or zip of submissions of another class, such as last year's; may be repeated",
    )
    parser.add_argument("--submissions", type=Path, help="folder of submissions, if it was moved")
    parser.add_argument("--assignment", choices=submission.assignments(), help="by default, the one of the records")
    return parser
