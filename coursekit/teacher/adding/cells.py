"""The cells of a question, and their place in a notebook."""

import re
from collections.abc import Sequence

from coursekit.core.question import Question
from coursekit.paths import file_of
from coursekit.teacher.adding.changes import TO_WRITE, CannotAdd

_THINK = "**Think**"
_AFTER_QUESTIONS = ("play_text", "control_text", "summary")
_WRITTEN = re.compile(r"(?m)^> \*\*Written question (\d+)\*\*")
WIDTH = 120


def markdown(id_: str, text: str) -> dict:
    """A cell of text."""
    return {"cell_type": "markdown", "id": id_, "metadata": {}, "source": text.splitlines(keepends=True)}


def code(id_: str, text: str, tags: Sequence[str] = ()) -> dict:
    """A cell of code that has not been run."""
    blank = {"cell_type": "code", "execution_count": None, "id": id_, "metadata": {"tags": list(tags)} if tags else {}}
    return blank | {"outputs": [], "source": text.splitlines(keepends=True)}


def dots(amount: int) -> str:
    """An amount from 1 to 5 as cards and tables show it.

    Examples
    --------
    >>> dots(2)
    '●●○○○'
    """
    return "●" * amount + "○" * (5 - amount)


# ---- the cells


def cells_of(question: Question) -> list[dict]:
    """The cells of a question: words, card, its answer if that stands in the notebook, check, help, and a thought."""
    id_ = question.id
    answer = [code(id_, _answer(question))] if question.in_notebook else []
    return [
        markdown(f"{id_}_text", _words()),
        code(f"{id_}_example", f"# {TO_WRITE}: the smallest example, which prints numbers that a reader can follow"),
        markdown(f"card_{id_}", _card(question)),
        *answer,
        code(f"check_{id_}", _check(question)),
        markdown(f"help_{id_}", _help()),
        markdown(f"{id_}_think", _thought()),
    ]


def _words() -> str:
    words = "the words that the question needs, the formula and where it comes from"
    return f"## {TO_WRITE}: a heading\n\n{TO_WRITE}: {words}."


def _card(question: Question) -> str:
    points = f"{question.points} point{'s' * (question.points != 1)}"
    rated = f"difficulty {dots(question.difficulty)} · importance {dots(question.importance)}"
    return (
        f"> **Question: `{question.id}`** · {points} · {question.minutes} minutes · {rated}\n>\n"
        f"> {_task(question)}\n>\n"
        f"> Stuck? Open the help below after {max(2, question.minutes // 2)} minutes."
    )


def _task(question: Question) -> str:
    if question.in_notebook:
        names = " and ".join(f"`{name}`" for name in question.values)
        return f"In the next cell, set {names}. {TO_WRITE}: to what, and what must hold of it."
    names = " and ".join(f"`{target.split(':')[1]}`" for target in question.implements)
    files = dict.fromkeys(map(file_of, question.implements))
    links = " and ".join(f"[{file}](../../{file})" for file in files)
    return f"Write {names} in {links}. {TO_WRITE}: what it must do, for which shapes."


def _answer(question: Question) -> str:
    blank = "\n".join(f"{name} = None" for name in question.values)
    answer = "\n".join(f"{name} = None  # {TO_WRITE}: the answer" for name in question.values)
    return f"{blank}\n### BEGIN SOLUTION\n{answer}\n### END SOLUTION"


def _check(question: Question) -> str:
    items = [f'"{question.id}"', *(f"{name}={name}" for name in question.values)]
    line = f"check({', '.join(items)})"
    return line if len(line) <= WIDTH else "\n".join(["check(", *(f"    {item}," for item in items), ")"])


def _help() -> str:
    return (
        f'<details><summary>Help: {TO_WRITE}: "a symptom, in the words of the check"</summary>\n\n'
        f"{TO_WRITE}: what it comes from, and what to do.\n</details>"
    )


def _thought() -> str:
    return (
        f"{_THINK}: {TO_WRITE}: a question that the text does not answer.\n"
        f"<details><summary>Answer</summary>\n\n{TO_WRITE}: its answer.\n</details>"
    )


def written_cells(key: str, minutes: int) -> list[dict]:
    """The cells of a written question; `numbered` gives it its number."""
    return [
        markdown(f"question_{key}", f"> **Written question 0** · {minutes} minutes\n>\n> {TO_WRITE}: the question."),
        markdown(f"answer_{key}", f"**Your answer:**\n\n{_solution('a model answer, which graders see')}"),
        markdown(
            f"compare_{key}",
            "<details><summary>Compare with an answer</summary>\n\n"
            f"{_solution('an answer for learners to compare theirs with')}\n</details>",
        ),
    ]


def _solution(what: str) -> str:
    return f"<!-- BEGIN SOLUTION -->\n{TO_WRITE}: {what}.\n<!-- END SOLUTION -->"


# ---- their place


def place(notebook: dict, after: str) -> int:
    """Where new cells go: after a question, a written question or a cell; without a name, after the last question.

    CannotAdd if there is no such place, or if it is inside of a question, or between a figure and its caption.
    """
    cells = notebook["cells"]
    ids = [cell["id"] for cell in cells]
    at = _after(cells, ids, after) if after else _after_last_question(cells, ids)
    _require_free(cells, ids, at, after)
    return at


def _after(cells: list[dict], ids: list[str], after: str) -> int:
    for end in (f"help_{after}", f"compare_{after}", after):
        if end in ids:
            at = ids.index(end) + 1
            return at + _is_thought(cells[at]) if end.startswith("help_") and at < len(cells) else at
    raise CannotAdd(f"the notebook has no question and no cell {after!r} to put it after")


def _is_thought(cell: dict) -> bool:
    return "".join(cell["source"]).startswith(_THINK)


def _after_last_question(cells: list[dict], ids: list[str]) -> int:
    asked = [id_.removeprefix("help_") for id_ in ids if id_.startswith("help_")]
    if asked:
        return _after(cells, ids, asked[-1])
    return min(ids.index(id_) for id_ in _AFTER_QUESTIONS if id_ in ids)


def _require_free(cells: list[dict], ids: list[str], at: int, after: str) -> None:
    first, last = ids.index("setup") + 1, ids.index("summary")
    if not first <= at <= last:
        raise CannotAdd(f"a question cannot stand after the cell {after}: choose one from {ids[first]} to {ids[last]}")
    for begin, end in (("card_", "help_"), ("question_", "compare_")):
        for key in (id_.removeprefix(begin) for id_ in ids if id_.startswith(begin)):
            if f"{end}{key}" in ids and ids.index(begin + key) < at <= ids.index(end + key):
                raise CannotAdd(f"the cell {after} is inside of the question {key}: give --after {key}")
    if _shows_figure(cells[at - 1]):
        raise CannotAdd(f"the cell {after} shows a figure: give the cell with its caption, {ids[at]}")


def _shows_figure(cell: dict) -> bool:
    kinds = [kind for output in cell.get("outputs", ()) for kind in output.get("data", {})]
    return any(kind.startswith("image/") for kind in kinds)


def with_cells(notebook: dict, new: list[dict], at: int) -> dict:
    """A notebook with new cells at a place; CannotAdd if one of their ids is taken."""
    cells = notebook["cells"]
    if taken := {cell["id"] for cell in cells} & {cell["id"] for cell in new}:
        raise CannotAdd(f"the notebook has a cell {min(taken)!r} already; choose another name")
    return {**notebook, "cells": numbered([*cells[:at], *new, *cells[at:]])}


def numbered(cells: list[dict]) -> list[dict]:
    """Cells whose written questions are numbered in their order; others stay as they are."""
    count, found = 0, []
    for cell in cells:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown" and _WRITTEN.search(text):
            count += 1
            text = _WRITTEN.sub(f"> **Written question {count}**", text, count=1)
            cell = cell | {"source": text.splitlines(keepends=True)}
        found.append(cell)
    return found


def question_before(notebook: dict, at: int) -> str:
    """The id of the last question whose card stands before a place; "" if there is none."""
    ids = [cell["id"] for cell in notebook["cells"][:at]]
    return next((id_.removeprefix("card_") for id_ in reversed(ids) if id_.startswith("card_")), "")
