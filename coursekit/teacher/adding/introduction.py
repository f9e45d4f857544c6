"""Where a notebook's points and minutes are counted: its own introduction, and its row in the README."""

import re

from coursekit.core.question import Question
from coursekit.paths import file_of
from coursekit.teacher.adding.cells import dots
from coursekit.teacher.adding.changes import CannotAdd

# "1 hour and 10 minutes", "2 hours", "25 minutes"
DURATION = r"(?:(\d+) hours?(?:(?P<and> and)? (\d+) minutes?)?|(\d+) minutes?)"
_TIME = re.compile(r"(?m)^\*\*Time\*\*: .*$")
_POINTS = re.compile(r"\*\*Points\*\*: (\d+)\.")
_RULE = "|---|---|---|---|---|"


def minutes_in(text: str) -> list[int]:
    """The durations that a text names, in minutes.

    Examples
    --------
    >>> minutes_in("about 3 hours and 45 minutes, including 2 hours 30 minutes")
    [225, 150]
    """
    return [_minutes(found) for found in re.finditer(DURATION, text)]


def _minutes(found: re.Match) -> int:
    return 60 * int(found[1] or 0) + int(found[3] or found[4] or 0)


def duration(minutes: int, joint: str = " and") -> str:
    """A number of minutes in words.

    Examples
    --------
    >>> duration(130)
    '2 hours and 10 minutes'
    """
    hours, rest = divmod(minutes, 60)
    parts = [f"{hours} hour{'s' * (hours != 1)}"] * bool(hours)
    parts += [f"{rest} minute{'s' * (rest != 1)}"] * bool(rest or not hours)
    return f"{joint} ".join(parts)


def time_in(introduction: str) -> str:
    """The line of an introduction that tells the time."""
    found = _TIME.search(introduction)
    if not found or not _POINTS.search(found[0]) or len(minutes_in(found[0])) < 2:
        raise CannotAdd("the introduction has no line such as **Time**: about 1 hour, including 30 minutes for ...")
    return found[0]


def with_time(introduction: str, all_minutes: int, of_questions: int, points: int) -> str:
    """An introduction that counts so many more minutes, in all and for the questions, and so many more points."""
    line = time_in(introduction)
    more = iter((all_minutes, of_questions))
    longer = re.sub(DURATION, lambda found: _longer(found, next(more)), line, count=2)
    longer = _POINTS.sub(lambda found: f"**Points**: {int(found[1]) + points}.", longer)
    return introduction.replace(line, longer, 1)


def _longer(found: re.Match, minutes: int) -> str:
    """A duration and some minutes more, in the words of the first."""
    joint = "" if found[1] and found[3] and not found["and"] else " and"
    return duration(_minutes(found) + minutes, joint) if minutes else found[0]


def with_question(introduction: str, question: Question, before: str) -> str:
    """An introduction with the row of a question after that of another, or first, and its points and minutes."""
    rows = introduction.splitlines()
    starts = [number for number, row in enumerate(rows) if row.startswith(f"| `{before}` |" if before else _RULE)]
    if not starts:
        raise CannotAdd(f"the table of the introduction has no row for {before or 'questions'}")
    rows.insert(starts[0] + 1, _row(question))
    counted = question.minutes if question.points else 0  # what is optional takes extra time, and is not counted
    return with_time("\n".join(rows), counted, counted, question.points)


def _row(question: Question) -> str:
    files = dict.fromkeys(map(file_of, question.implements))
    where = ", ".join(f"[`{file}`](../../{file})" for file in files) or "this notebook"
    where += "" if question.points else " (optional)"
    return f"| `{question.id}` | {question.points} | {question.minutes} | {dots(question.difficulty)} | {where} |"


# ---- the README


def readme_with(readme: str, notebook: str, points: int, minutes: int) -> str:
    """A README whose row of a notebook counts so many more points and minutes."""
    row = re.compile(rf"^(\| \[{notebook}\]\(.*\| )(\d+) \| (\d+) \|$", re.MULTILINE)
    if not row.search(readme):
        raise CannotAdd(f"README.md has no row with the points and minutes of {notebook}")
    return row.sub(lambda found: f"{found[1]}{int(found[2]) + points} | {int(found[3]) + minutes} |", readme)


def readme_with_notebook(readme: str, name: str, assignment: str, about: str, after: str) -> str:
    """A README with the row of a new notebook after that of another one."""
    row = re.compile(rf"^\| \[{after}\]\(.*$", re.MULTILINE)
    found = row.search(readme)
    if not found:
        raise CannotAdd(f"README.md has no row of {after}, after which that of {name} would stand")
    new = f"| [{name}](assignments/{assignment}/{name}.ipynb) | {about} | 0 | 0 |"
    return f"{readme[: found.end()]}\n{new}{readme[found.end() :]}"
