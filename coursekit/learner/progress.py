"""A learner's progress: all questions with verdicts, points and minutes."""

import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from coursekit.core.question import Question, Status, Verdict
from coursekit.judging.check import check_question, tested_files
from coursekit.judging.judge import RUNS
from coursekit.judging.rendering import num_points, render
from coursekit.judging.runner import runs_here
from coursekit.learner import notebook_form
from coursekit.paths import ROOT
from coursekit.questions import NOTEBOOKS, all_questions, find, notebook_file

MOST_NAMED = 10  # questions in one line
_NOT_PYTHON = re.compile(r"your code raised (?:Syntax|Indentation|Tab)Error: (.*?)(?: \(\w+\.py, line \d+\))?$")
_PLACE = re.compile(r"  (\S+), line (\d+):")


def verdicts(questions: Iterable[Question], root: Path = ROOT) -> list[Verdict]:
    """The verdicts of questions: functions are run from their files, notebook answers are read from saved notebooks."""
    if runs_here():  # and perhaps there are no threads either
        return [_verdict(question, root) for question in questions]
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda question: _verdict(question, root), questions))


def _verdict(question: Question, root: Path) -> Verdict:
    if question.in_notebook:
        return saved_verdict(question, root)
    return check_question(question, root)


def saved_verdict(question: Question, root: Path = ROOT) -> Verdict:
    """The verdict that a saved notebook shows for a notebook question."""
    try:
        notebook = notebook_form.read_notebook(Path(root, notebook_file(question.notebook)).read_bytes())
    except (OSError, ValueError) as error:
        return Verdict(question, Status.NOT_ATTEMPTED, notes=(f"the notebook cannot be read: {error}",))
    status = Status(notebook_form.shown_verdict(notebook, question.id) or Status.NOT_ATTEMPTED)
    if status is Status.NOT_ATTEMPTED:
        return Verdict(question, status)
    return Verdict(question, status, notes=("as shown in the saved notebook",))


def obstacle(verdict: Verdict) -> str:
    """What Python cannot read, if this is why the question could not be run; else empty."""
    shown = next((finding for finding in verdict.asked if not finding.ok), None)
    if verdict.status != Status.WRONG or shown is None or shown.condition != RUNS or not shown.gap:
        return ""
    error, place = _NOT_PYTHON.match(shown.gap[0]), _PLACE.match(shown.gap[-1])
    return f"{place[1]}: it is not valid Python, line {place[2]}: {error[1]}" if error and place else ""


def status_words(verdict: Verdict) -> str:
    """The status in a table; a question that could not be run is not called wrong."""
    return "not run" if obstacle(verdict) else str(verdict.status)


def obstacles(found: Iterable[Verdict]) -> list[str]:
    """For each line that Python cannot read, a sentence that names the questions that could not be run."""
    ids: dict[str, list[str]] = {}
    for verdict in found:
        if reason := obstacle(verdict):
            ids.setdefault(reason, []).append(verdict.question.id)
    return [f"{reason}. So these could not be run: {_few(names)}." for reason, names in ids.items()]


def _few(names: list[str]) -> str:
    more = [f"{len(names) - MOST_NAMED} more"] if len(names) > MOST_NAMED else []
    return ", ".join([*names[:MOST_NAMED], *more])


def show(root: Path = ROOT) -> int:
    """Print the table of all questions; always 0."""
    questions = list(all_questions().values())
    standing = dict(zip((q.id for q in questions), verdicts(questions, root), strict=True))
    id_width, title_width = (max(len(getattr(q, name)) for q in questions) for name in ("id", "title"))
    for notebook, assignment in NOTEBOOKS.items():
        print(f"\n{assignment}/{notebook}.ipynb")
        for question in (q for q in questions if q.notebook == notebook):
            verdict = standing[question.id]
            points = question.points if verdict.ok else 0
            print(
                f"  {question.id:<{id_width}}  {question.title:<{title_width}}  {status_words(verdict):<13}  "
                f"{points} of {num_points(question.points):<8}  {question.minutes:>3} min"
            )
    print(*("\n" + line for line in obstacles(standing.values())), sep="", end="")
    earned = sum(q.points for q in questions if standing[q.id].ok)
    minutes_left = sum(q.minutes for q in questions if not standing[q.id].ok)
    print(f"\n{earned} of {sum(q.points for q in questions)} points; about {minutes_left} minutes of work left.")
    print("For questions answered in a notebook, this is the verdict that the saved notebook shows.")
    return 0


def check_all(ids: Sequence[str] = (), root: Path = ROOT) -> int:
    """Print the verdicts of some questions, or of all; 0 if all are ok."""
    try:
        questions = [find(question_id) for question_id in ids] or list(all_questions().values())
    except ValueError as error:
        print(error)
        return 2
    results = verdicts(questions, root)
    for question, verdict in zip(questions, results, strict=True):
        print(_text(question, verdict, root))
    return 0 if all(verdict.ok for verdict in results) else 1


def _text(question: Question, verdict: Verdict, root: Path) -> str:
    if question.in_notebook:
        return f"{question.id}: {verdict.status}, as shown in the saved {question.notebook}.ipynb"
    return render(verdict, tested_files(question, root))
