"""A learner's progress: points, questions that are done, and where the next ones are."""

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from difflib import get_close_matches
from itertools import groupby
from pathlib import Path
from textwrap import fill

from coursekit.core.question import Question, Status, UsageError, Verdict
from coursekit.judging.check import check_question, tested_files
from coursekit.judging.judge import RUNS
from coursekit.judging.rendering import render
from coursekit.judging.runner import runs_here
from coursekit.learner import memory, notebook_form, start_page
from coursekit.learner.digests import Sources
from coursekit.learner.memory import State
from coursekit.paths import ROOT
from coursekit.questions import NOTEBOOKS, all_questions, asked_notebooks, find, notebook_file

MOST_NAMED = 10  # questions in one line
_NOT_PYTHON = re.compile(r"your code raised (?:Syntax|Indentation|Tab)Error: (.*?)(?: \(\w+\.py, line \d+\))?$")
_PLACE = re.compile(r"  (\S+), line (\d+):")


def verdicts(questions: Iterable[Question], root: Path = ROOT) -> list[Verdict]:
    """The verdicts of questions: functions are run from their files, notebook answers are read from saved notebooks."""
    return list(_running(questions, root))


def _running(questions: Iterable[Question], root: Path) -> Iterator[Verdict]:
    """The verdicts of questions, each as soon as it is there."""
    if runs_here():  # and perhaps there are no threads either
        yield from (_verdict(question, root) for question in questions)
        return
    with ThreadPoolExecutor(2) as pool:
        yield from pool.map(lambda question: _verdict(question, root), questions)


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


def show(names: Sequence[str] = (), root: Path = ROOT) -> int:
    """Print how far the learner has come: sums by notebook and the next open questions, or all questions of notebooks.

    What has not changed since its last check is not run again; what is run is remembered, and the start page written.

    Parameters
    ----------
    names : sequence of str
        Notebooks and assignments, such as "knn" or "assignment1"; none for sums of all.
    root : Path
        The course's folder.

    Returns
    -------
    int
        0; 2 if there is no such notebook.
    """
    try:
        chosen = _chosen(names, root)
    except ValueError as error:
        print(error)
        return 2
    found, unread = standing(chosen, root)
    print(*(_details(found, root) if names else _overview(found, root)), sep="\n")
    print(*(f"\n{line}" for line in obstacles(unread)), sep="", end="\n" if unread else "")
    return 0


def _chosen(names: Sequence[str], root: Path) -> list[Question]:
    """The questions of the notebooks and assignments that are named, of all if there is no name."""
    there = memory.questions(root)
    known = {name for q in there for name in (q.notebook, NOTEBOOKS[q.notebook])}
    if unknown := [name for name in names if name not in known]:
        near = get_close_matches(unknown[0], known, n=3)
        advice = f" Did you mean {' or '.join(near)}?" if near else f" There are {', '.join(sorted(known))}."
        raise ValueError(f"There is no notebook or assignment {unknown[0]!r}.{advice}")
    return [q for q in there if not names or {q.notebook, NOTEBOOKS[q.notebook]} & set(names)]


def standing(chosen: Sequence[Question], root: Path = ROOT) -> tuple[dict[str, State], list[Verdict]]:
    """How questions stand, after what has changed since its last check was run; and what Python could not read."""
    ids = {question.id for question in chosen}
    states = {id_: state for id_, state in memory.states(root).items() if id_ in ids}
    stale = [q for q in chosen if not q.in_notebook and states[q.id] in (State.CHANGED, State.NOT_CHECKED)]
    found = run_and_remember(stale, root)
    states |= {v.question.id: State(v.status) for v in found if not obstacle(v)}
    start_page.update(root)
    return states, [verdict for verdict in found if obstacle(verdict)]


def run_and_remember(questions: Sequence[Question], root: Path = ROOT) -> list[Verdict]:
    """The verdicts of questions, which are run, with a progress bar on a terminal, and remembered."""
    from tqdm import tqdm

    sources = Sources(root)
    rests_on = {question.id: sources.digest(question) for question in questions if not question.in_notebook}
    running = _running(questions, root)
    found = list(tqdm(running, "checking", len(questions), leave=False, disable=_is_quiet(questions), unit="question"))
    made = [(v.question, v.status, rests_on[v.question.id]) for v in found if v.question.id in rests_on]
    memory.remember([row for row, v in zip(made, found, strict=False) if not obstacle(v)], root)
    return found


def _is_quiet(questions: Sequence[Question]) -> bool:
    return len(questions) < 2 or not sys.stderr.isatty()


# ---- tables of at most `WIDTH` columns

WIDTH = 80
_MOST_OPEN = 10
_IN_NOTEBOOKS = "For questions answered in a notebook, this is what their check said, or what the saved notebook shows."
_DETAILS = (
    "`python -m coursekit progress {notebook}` lists the questions of one notebook; "
    "`make lab` shows all this with links."
)


def _overview(found: dict[str, State], root: Path) -> Iterator[str]:
    names = max(map(len, NOTEBOOKS)) + 4
    yield f"{'':{names}}{'points':>12}{'questions':>14}{'time left':>14}"
    assignment = ""
    for notebook, questions in groupby((all_questions()[id_] for id_ in found), lambda q: q.notebook):
        some = list(questions)
        if NOTEBOOKS[notebook] != assignment:
            assignment = NOTEBOOKS[notebook]
            yield _row(assignment, _of_assignment(assignment, found), found, names)
        yield _row(f"  {notebook}", some, found, names)
    yield _row("all", [all_questions()[id_] for id_ in found], found, names)
    yield from _due_dates(found)
    yield from _open(found, root)
    yield f"\n{fill(_DETAILS.format(notebook=next(iter(asked_notebooks()))), WIDTH)}"


def _due_dates(found: dict[str, State]) -> Iterator[str]:
    """When each assignment is due, where the course gives a date."""
    there = dict.fromkeys(NOTEBOOKS[all_questions()[id_].notebook] for id_ in found)
    dates = [f"{assignment}{due}" for assignment in there if (due := start_page.due_words(assignment))]
    yield from ["", *dates] if dates else []


def _of_assignment(assignment: str, found: dict[str, State]) -> list[Question]:
    return [q for q in map(find, found) if NOTEBOOKS[q.notebook] == assignment]


def _row(name: str, questions: Iterable[Question], found: dict[str, State], width: int) -> str:
    total = start_page.sum_of((question, found[question.id] is State.OK) for question in questions)
    left = start_page.time_left(total)
    points, done = f"{total.earned} of {total.points}", f"{total.done} of {total.questions}"
    return f"{name:{width}}{points:>12}{done:>14}{left:>14}"


def _open(found: dict[str, State], root: Path) -> Iterator[str]:
    """The next open questions, and where they are answered."""
    first = memory.next_open(found, memory.load(root).last)
    waiting = [all_questions()[id_] for id_, state in found.items() if state is not State.OK]
    if first is None or not waiting:
        return
    at = waiting.index(first)
    shown = (waiting[at:] + waiting[:at])[:_MOST_OPEN]
    yield f"\nOpen questions, the next one first{_rest(len(waiting) - len(shown))}:"
    width = max(len(question.id) for question in shown)
    for question in shown:
        line = f"  {question.id:{width}}  {_place(question, root)}"
        yield line if len(line) <= WIDTH else f"  {question.id}\n      {_place(question, root)}"


def _rest(count: int) -> str:
    return f" ({count} more follow)" if count > 0 else ""


def _place(question: Question, root: Path) -> str:
    file, line = start_page.place(question, root)
    return f"{file}:{line}" if line else file


def _details(found: dict[str, State], root: Path) -> Iterator[str]:
    width = max(len(id_) for id_ in found)
    for notebook, questions in groupby((all_questions()[id_] for id_ in found), lambda q: q.notebook):
        some = list(questions)
        yield f"\n{_row(notebook, some, found, width)}"
        for question in some:
            state = found[question.id]
            points = f"{question.points if state is State.OK else 0} of {question.points}"
            yield f"  {question.id:{width}}  {points:>7}  {question.minutes:>3} min  {state}"
            yield fill(question.title, WIDTH, initial_indent="      ", subsequent_indent="      ")
            if state is not State.OK:
                yield f"      {_place(question, root)}"
    yield f"\n{fill(_IN_NOTEBOOKS, WIDTH)}"


def check_all(ids: Sequence[str] = (), root: Path = ROOT) -> int:
    """Print the verdicts of some questions, or of all; 0 if all are ok."""
    try:
        questions = [find(question_id) for question_id in ids] or list(all_questions().values())
        results = run_and_remember(questions, root)
    except UsageError as error:  # there is no such question, or it has no stored answers
        print(error)
        return 2
    start_page.update(root)
    for question, verdict in zip(questions, results, strict=True):
        print(_text(question, verdict, root))
    return 0 if all(verdict.ok for verdict in results) else 1


def _text(question: Question, verdict: Verdict, root: Path) -> str:
    if question.in_notebook:
        return f"{question.id}: {verdict.status}, as shown in the saved {question.notebook}.ipynb"
    return render(verdict, tested_files(question, root))
