"""The start page: the course's map with points, what is done, the next question, and links to all of it.

A Markdown file in the course's folder, which JupyterLab shows rendered. It is written from remembered verdicts, so it
takes no time: when `make lab` starts, and after each check. JupyterLab loads it again by the small extension in `lab/`.
"""

import base64
import contextlib
import html
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from coursekit.core.course import moment_words
from coursekit.core.question import Question
from coursekit.files import write_file
from coursekit.judging.rendering import num_points
from coursekit.learner.first_forms import places
from coursekit.learner.memory import OPEN, Memory, State, load, next_open, states
from coursekit.paths import ROOT, file_of
from coursekit.questions import COMPANIONS, NOTEBOOKS, all_questions, course, notebook_file

FILE = "start.md"
_MARKS = {
    State.OK: "●",
    State.WRONG: "◐",
    State.NOT_ATTEMPTED: "○",
    State.CHANGED: "◌",
    State.NOT_CHECKED: "◌",
}


class Sum(NamedTuple):
    """What some questions come to; the minutes are those of questions with points, as the others are optional."""

    points: int
    earned: int
    questions: int
    done: int
    minutes_left: int


def sum_of(found: Iterable[tuple[Question, bool]]) -> Sum:
    """The sum of some questions, each with whether it is ok."""
    pairs = list(found)
    done = [question for question, ok in pairs if ok]
    left = sum(question.minutes for question, ok in pairs if not ok and question.points)
    points, earned = (sum(q.points for q in some) for some in ([q for q, _ in pairs], done))
    return Sum(points, earned, len(pairs), len(done), left)


def write(root: Path = ROOT) -> Path:
    """Write the page into the course's folder; its path."""
    memory = load(root)
    return write_file(Path(root, FILE), page(states(root, memory), memory, root))


def update(root: Path = ROOT) -> None:
    """Write the page again if it is there; a folder that cannot be written is left as it is."""
    if Path(root, FILE).exists():
        with contextlib.suppress(OSError):
            write(root)


def page(found: dict[str, State], memory: Memory, root: Path = ROOT) -> str:
    """The page as Markdown.

    Parameters
    ----------
    found : dict
        How each question stands, as `memory.states` returns it.
    memory : Memory
        What is remembered; the question that was checked last decides which is next.
    root : Path
        The course's folder.

    Returns
    -------
    str
    """
    parts = [
        f"# {course().about.title or 'Your course'}",
        _standing(found),
        *_next(found, memory, root),
        _figure(found),
        *(part for assignment, names in _map(found).items() for part in _assignment(assignment, names, found, root)),
        _LEGEND,
    ]
    return _in_language("\n\n".join(parts)) + "\n"


def _in_language(text: str) -> str:
    """A page that says which language it is in, unless it is English."""
    language = course().about.language
    return text if language == "en" else f'<div lang="{language}">\n\n{text}\n\n</div>'


_LEGEND = """## About this page

● ok · ◐ wrong · ○ not attempted · ◌ not checked, or changed since its check

`check` in a notebook and `make progress` in a terminal write this page again; there is nothing to run here. A verdict
counts as long as the code behind it is as it was. `make progress` checks whatever has changed since."""


def _map(found: dict[str, State]) -> dict[str, dict[str, list[Question]]]:
    """The questions by assignment and notebook."""
    tree: dict[str, dict[str, list[Question]]] = {}
    for question in (all_questions()[id_] for id_ in found):
        tree.setdefault(NOTEBOOKS[question.notebook], {}).setdefault(question.notebook, []).append(question)
    return tree


def _sum(questions: Iterable[Question], found: dict[str, State]) -> Sum:
    return sum_of((question, found[question.id] is State.OK) for question in questions)


def _standing(found: dict[str, State]) -> str:
    total = _sum((all_questions()[id_] for id_ in found), found)
    text = f"**{total.earned} of {num_points(total.points)}**, {total.done} of {total.questions} questions"
    if total.minutes_left:
        return f"{text}; about {duration(total.minutes_left)} of work left."
    return f"{text}: all done." if total.done == total.questions else f"{text}; what is left is optional."


def duration(minutes: int) -> str:
    """A time as a person says it.

    Examples
    --------
    >>> duration(25), duration(95), duration(3000)
    ('25 minutes', '1 h 35 min', '50 hours')
    """
    if minutes < 60:
        return f"{minutes} minutes"
    if minutes >= 600:
        return f"{round(minutes / 60)} hours"
    return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"


def time_left(total: Sum) -> str:
    """How long the questions that are not ok take; a word where none of them has points."""
    if total.minutes_left:
        return duration(total.minutes_left)
    return "done" if total.done == total.questions else "optional"


def _next(found: dict[str, State], memory: Memory, root: Path) -> Iterator[str]:
    question = next_open(found, memory.last)
    if question is None:
        yield "## Next"
        unknown = sum(state is not State.OK for state in found.values())
        yield f"Run `make progress` in a terminal: it checks {unknown} questions." if unknown else "Nothing is open."
        return
    wrong = " It was wrong when it was checked." if found[question.id] is State.WRONG else ""
    yield f"## Next: [{question.id}]({card(question)})"
    about = f"{question.title}, {num_points(question.points)}, about {question.minutes} minutes"
    yield f"{about}. {_where(question, root)}{wrong}"
    yield "In a notebook that you have just opened, first run the cells above: Run > Run All Above Selected Cell."


def _where(question: Question, root: Path) -> str:
    notebook = f"[{question.notebook}]({card(question)})"
    if question.in_notebook:
        return f"You write it in {notebook} itself."
    return f"{notebook} explains it; you write it in {link(question, root)}."


def card(question: Question) -> str:
    """The link to a question's card."""
    return f"{notebook_file(question.notebook)}#cell-id=card_{question.id}"


def link(question: Question, root: Path = ROOT) -> str:
    """The link to the line where a question is answered."""
    file, line = place(question, root)
    if question.in_notebook:
        return f"[{file}]({file}#cell-id={question.id})"
    return f"[{file}, line {line}]({file}#line={line - 1})" if line else f"[{file}]({file})"


def place(question: Question, root: Path = ROOT) -> tuple[str, int]:
    """The file in which a question is answered, and the line, from the file as it is now; 0 where there is none.

    The line is that of the TODO, or of the function's beginning where it is gone.
    """
    if question.in_notebook:
        return notebook_file(question.notebook), 0
    file = file_of(question.implements[0])
    try:
        source = Path(root, file).read_text(encoding="utf-8-sig")
    except (OSError, ValueError):
        return file, 0
    return file, _todo_line(source, question) or _first_line(source, question.implements[0])


def _todo_line(source: str, question: Question) -> int:
    stub = f'raise NotImplementedError("{question.id}: '
    lines = [number for number, line in enumerate(source.splitlines(), 1) if line.strip().startswith(stub)]
    return lines[0] if lines else 0


def _first_line(source: str, target: str) -> int:
    with contextlib.suppress(SyntaxError, ValueError):
        if found := places(source, target):
            return found[0][0]
    name = re.escape(target.rpartition(":")[2].rpartition(".")[2])  # the file may be half written
    match = re.search(rf"^[ \t]*def {name}\b", source, re.MULTILINE)
    return source.count("\n", 0, match.start()) + 1 if match else 0


# ---- the map


def due_words(assignment: str) -> str:
    """When an assignment is due, to follow its name; "" where the course gives no date."""
    due = course().due_of(assignment)
    return f", due {moment_words(due)}" if due else ""


def _assignment(
    assignment: str, notebooks: dict[str, list[Question]], found: dict[str, State], root: Path
) -> Iterator[str]:
    total = _sum((q for questions in notebooks.values() for q in questions), found)
    yield f"## {assignment}: {total.earned} of {num_points(total.points)}{due_words(assignment)}"
    rows = [_row(name, questions, found) for name, questions in notebooks.items()]
    yield "\n".join(["| notebook | points | done | left | open questions |", "|:--|:--|:--|:--|:--|", *rows])
    yield from _companions(assignment, root)
    for name, questions in notebooks.items():
        yield _details(name, questions, found, root)


def _companions(assignment: str, root: Path) -> Iterator[str]:
    files = [notebook_file(name) for name, belongs_to in COMPANIONS.items() if belongs_to == assignment]
    links = [f"[{Path(file).stem}]({file})" for file in files if Path(root, file).is_file()]
    if links:
        yield f"To look at, without questions: {', '.join(links)}."


_MOST_OPEN = 3


def _row(name: str, questions: list[Question], found: dict[str, State]) -> str:
    total = _sum(questions, found)
    waiting = [f"[{q.id}]({card(q)})" for q in questions if found[q.id] in OPEN]
    more = f" and {len(waiting) - _MOST_OPEN} more" if len(waiting) > _MOST_OPEN else ""
    numbers = (f"{total.earned} of {total.points}", f"{total.done} of {total.questions}", time_left(total))
    cells = [
        f"[{name}]({notebook_file(name)})",
        *(text.replace(" ", "\N{NO-BREAK SPACE}") for text in numbers),  # only the last column is wide enough to break
        ", ".join(waiting[:_MOST_OPEN]) + more,
    ]
    return f"| {' | '.join(cells)} |"


def _details(name: str, questions: list[Question], found: dict[str, State], root: Path) -> str:
    rows = [
        f"| {_MARKS[found[q.id]]} {found[q.id]} | [{q.id}]({card(q)}) | {q.title} "
        f"| {q.points} | {q.minutes} | {link(q, root)} |"
        for q in questions
    ]
    head = ["| verdict | question | about | points | minutes | where you write |", "|:--|:--|:--|:--|:--|:--|"]
    return "\n".join([f"<details><summary>All questions of {name}</summary>", "", *head, *rows, "", "</details>"])


# ---- the figure

_COLUMNS, _WIDTH, _SQUARE, _ROW, _NAMES = 2, 460, 11, 20, 172
_FILLED, _LINE, _TEXT = "#2e9d5b", "#8a8a8a", "#7a7a7a"  # each has enough contrast on white and on JupyterLab's dark


def _figure(found: dict[str, State]) -> str:
    words = in_words(found)
    svg = base64.b64encode(figure(found).encode()).decode()
    return f"![The milestones of the course](data:image/svg+xml;base64,{svg})\n\n*Figure: {words}*"


def in_words(found: dict[str, State]) -> str:
    """What the figure shows, as a sentence or two."""
    notebooks = [(name, _sum(qs, found)) for names in _map(found).values() for name, qs in names.items()]
    begun = [
        f"{name} {total.done} of {total.questions}" for name, total in notebooks if 0 < total.done < total.questions
    ]
    complete = [name for name, total in notebooks if total.done == total.questions]
    text = "a square for each question, a round mark at the end of each notebook; what is ok is filled"
    text += f". Complete: {', '.join(complete)}" if complete else ""
    text += f". Begun: {', '.join(begun)}" if begun else ""
    return text + ("." if complete or begun else ". Nothing is filled yet.")


def figure(found: dict[str, State]) -> str:
    """The milestones as an SVG: a row for each notebook, a square for each question, a mark for the whole notebook."""
    rows = [row for assignment, names in _map(found).items() for row in [(assignment, None), *names.items()]]
    half = _break(rows)
    columns = [rows[:half], rows[half:]]
    drawn = [
        _drawn_row(column * _WIDTH, 16 + number * _ROW, *row, found)
        for column, some in enumerate(columns)
        for number, row in enumerate(some)
    ]
    width, height = (_COLUMNS if columns[1] else 1) * _WIDTH, max(map(len, columns)) * _ROW + 8
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    return f'{head} font-family="sans-serif" font-size="13" fill="{_TEXT}">{"".join(drawn)}</svg>'


def _break(rows: list) -> int:
    """Where the second column begins: at the assignment that makes both about as long."""
    starts = [number for number, (_, questions) in enumerate(rows) if questions is None and number]
    return min(starts, key=lambda start: abs(2 * start - len(rows)), default=len(rows))


def _drawn_row(x: int, y: int, name: str, questions: list[Question] | None, found: dict[str, State]) -> str:
    if questions is None:
        return f'<text x="{x}" y="{y}" font-weight="bold">{html.escape(name)}</text>'
    text = f'<text x="{x + 10}" y="{y}">{html.escape(name)}</text>'
    squares = [_square(x + _NAMES + number * (_SQUARE + 3), y, found[q.id]) for number, q in enumerate(questions)]
    end = x + _NAMES + len(questions) * (_SQUARE + 3) + 8
    fill = _FILLED if all(found[q.id] is State.OK for q in questions) else "none"
    mark = f'<circle cx="{end}" cy="{y - 4.5}" r="6" fill="{fill}" stroke="{_FILLED if fill != "none" else _LINE}"/>'
    return text + "".join(squares) + mark


def _square(x: int, y: int, state: State) -> str:
    fill = _FILLED if state is State.OK else "none"
    dash = ' stroke-dasharray="2 2"' if state in (State.CHANGED, State.NOT_CHECKED) else ""
    square = f'<rect x="{x}" y="{y - 10}" width="{_SQUARE}" height="{_SQUARE}" rx="2" fill="{fill}" '
    half = (
        f'<rect x="{x}" y="{y - 4.5}" width="{_SQUARE}" height="5.5" fill="{_LINE}"/>' if state is State.WRONG else ""
    )
    return f'{half}{square}stroke="{_FILLED if fill != "none" else _LINE}"{dash}/>'
