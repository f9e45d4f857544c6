"""What a course's rules change in the files that learners get: notebooks without questions that are left out, points.

A question that is left out disappears from its notebook, with its card, its check, its help and its row in the table.
Its function is *given*, with its answer, if the code or the cells of what is asked run through it; else it is stripped
as all others are. So nothing that is asked fails for want of what is not, and no answer is shown without need.
"""

import ast
import copy
import json
import re
from collections.abc import Iterator
from functools import cache

from coursekit.core.course import Course
from coursekit.core.question import Question
from coursekit.judging.rendering import num_points
from coursekit.learner.notebook_form import source
from coursekit.paths import ROOT, file_of
from coursekit.questions import all_questions, asked_notebooks, closure, course, declared, notebook_file
from coursekit.teacher.reach import path_of, reached

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
_PARTS = re.compile(r"(card|check|help|think)_(\w+)")
_CALL = re.compile(r'(hint|inputs|check|solution)\("(\w+)"\)')
_HOURS = r"(?:(\d+) hours?(?:(?: and)? (\d+) minutes)?|(\d+) minutes)"
_IN_ALL = re.compile(rf"(?<=\*\*Time\*\*: about ){_HOURS}")
_FOR_QUESTIONS = re.compile(rf"(?:{_HOURS}|(?<= )(\d+))(?= (?:of them )?for the questions)")


def left_out() -> list[Question]:
    """The questions that are declared and not asked."""
    return [question for id_, question in declared().items() if id_ not in all_questions()]


# ---- notebooks


def adapted(notebook: dict, name: str) -> dict:
    """A solved notebook as the course asks it; the same object where the course's rules change nothing in it."""
    own = [question for question in declared().values() if question.notebook == name]
    gone = {question.id: question for question in own if question.id not in all_questions()}
    worth = {q.id: all_questions()[q.id] for q in own if q.id not in gone and all_questions()[q.id].points != q.points}
    if name not in asked_notebooks() or not gone and not worth:
        return notebook
    notebook = copy.deepcopy(notebook)
    needed = _needed_answers(notebook["cells"], gone)
    notebook["cells"] = [cell for cell in notebook["cells"] if _stays(cell, gone, needed)]
    for cell in notebook["cells"]:
        _adapt_cell(cell, gone, worth)
    return notebook


def _question_of(cell: dict) -> str:
    """The id of the question that a card, check, help or think cell, or an answer, belongs to; "" for none."""
    part = _PARTS.fullmatch(cell["id"])
    id_ = part[2] if part else cell["id"]
    return id_ if id_ in declared() else ""


def _stays(cell: dict, gone: dict[str, Question], needed: set[str]) -> bool:
    id_ = _question_of(cell)
    if id_ not in gone:
        return True
    return id_ in needed if cell["id"] == id_ else bool(_after_help(cell))


def _after_help(cell: dict) -> str:
    """What a help or think cell says after its last fold: it leads on to the next cell."""
    is_folded = cell["id"].startswith(("help_", "think_"))
    return source(cell).rpartition("</details>")[2].strip() if is_folded else ""


def _needed_answers(cells: list[dict], gone: dict[str, Question]) -> set[str]:
    """Ids of the questions that are left out, but whose cells make names that cells that stay read."""
    needed: set[str] = set()
    read: set[str] = set()
    for cell in reversed([cell for cell in cells if cell["cell_type"] == "code"]):
        id_, (loaded, bound) = _question_of(cell), _names(source(cell))
        if id_ in gone and not (cell["id"] == id_ and bound & read):
            continue
        needed |= {id_} & set(gone)
        read |= loaded
    return needed


def _names(code: str) -> tuple[set[str], set[str]]:
    """The names that a cell reads, and those that it binds; lines for IPython are left aside."""
    try:
        tree = ast.parse("\n".join(line for line in code.split("\n") if not line.startswith("%")))
    except SyntaxError:
        return set(), set()
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    defined = {node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    loaded = {node.id for node in names if isinstance(node.ctx, ast.Load)}
    return loaded, defined | {node.id for node in names if not isinstance(node.ctx, ast.Load)}


def _adapt_cell(cell: dict, gone: dict[str, Question], worth: dict[str, Question]) -> None:
    id_ = _question_of(cell)
    text = source(cell)
    if cell["id"] == "intro":
        text = _intro(text, gone, worth)
    elif id_ in gone:
        text = _after_help(cell) or "\n".join(line for line in text.split("\n") if line.strip() not in (BEGIN, END))
    elif id_ in worth and cell["id"].startswith("card_"):
        text = re.sub(r"(?<= · )\d+ points?(?= · )", num_points(worth[id_].points), text, count=1)
    elif id_ in worth and cell["cell_type"] == "code":
        old, new = (f"{id_}: ok, {num_points(q.points)}" for q in (declared()[id_], worth[id_]))
        cell["outputs"] = json.loads(json.dumps(cell["outputs"]).replace(old, new))
    if cell["cell_type"] == "markdown":
        text = _CALL.sub(lambda found: _other_call(found, gone), text)
    cell["source"] = text.splitlines(keepends=True)


def _other_call(found: re.Match, gone: dict[str, Question]) -> str:
    """A call that a text gives as an example, about a question of the same notebook that is asked."""
    if found[2] not in gone:
        return found[0]
    others = [id_ for id_, question in all_questions().items() if question.notebook == gone[found[2]].notebook]
    return f'{found[1]}("{others[0]}")' if others else found[0]


def _intro(text: str, gone: dict[str, Question], worth: dict[str, Question]) -> str:
    """An introduction with other rows in its table, and other sums."""
    for id_ in gone:
        text = re.sub(rf"^\| `{id_}` \|.*\n?", "", text, flags=re.MULTILINE)
    for id_, question in worth.items():
        text = re.sub(rf"(?<=^\| `{id_}` \| )\d+", str(question.points), text, flags=re.MULTILINE)
    notebook = next(iter((gone | worth).values())).notebook
    points = sum(question.points for question in all_questions().values() if question.notebook == notebook)
    text = re.sub(r"(?<=\*\*Points\*\*: )\d+", str(points), text, count=1)
    less = sum(question.minutes for question in gone.values() if question.points)
    for pattern in (_IN_ALL, _FOR_QUESTIONS) if less else ():
        text = pattern.sub(lambda found: _less(found, less), text, count=1)
    return text


def _less(found: re.Match, minutes: int) -> str:
    """A time in words, shortened by some minutes."""
    hours, *rest = (int(number or 0) for number in found.groups())
    left = max(60 * hours + sum(rest) - minutes, 0)
    if left < 60:
        return f"{left} minutes"
    words = f"{left // 60} hour{'s' * (left >= 120)}"
    return f"{words} {left % 60} minutes" if left % 60 else words


# ---- functions


def given() -> frozenset[str]:
    """Ids of the questions that are not asked, but whose answers learners get."""
    return _given(course()) if left_out() else frozenset()


@cache
def _given(_course: Course) -> frozenset[str]:
    built_on = set().union(*(closure(question) for question in all_questions().values()))
    read = set().union(*(reached(_code_of(notebook)) for notebook in asked_notebooks()))
    functions = [question for question in left_out() if not question.in_notebook]
    return frozenset(q.id for q in functions if q.id in built_on or any(read.issuperset(p) for p in _paths(q)))


def _paths(question: Question) -> list[tuple]:
    return [path_of(target) for target in question.implements]


def _code_of(notebook: str) -> Iterator[str]:
    """The code of a notebook's cells that stay, and imports of what its questions implement."""
    content = adapted(json.loads((ROOT / notebook_file(notebook)).read_text(encoding="utf-8")), notebook)
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            yield "\n".join(line for line in source(cell).split("\n") if not line.startswith("%"))
    for question in all_questions().values():
        for module, name in (path_of(t)[0] for t in question.implements if question.notebook == notebook):
            yield f"from {module} import {name}\n{name}"


# ---- which files


def is_shipped(name: str) -> bool:
    """Whether learners get a file of their zone: a notebook that is not asked, and answers to what is not, stay."""
    if not left_out():
        return True
    if name.startswith("assignments/"):
        assignment, notebook = name.split("/")[1], name.rpartition("/")[2].removesuffix(".ipynb")
        is_companion = notebook not in {question.notebook for question in declared().values()}
        return notebook in asked_notebooks() or is_companion and assignment in asked_notebooks().values()
    if name.startswith("coursekit/judging/answers/"):
        return name.rpartition("/")[2].removesuffix(".npz") in all_questions()
    return True


def readme(text: str) -> str:
    """The learner's README, with other examples where the course does not ask the question that it names."""
    functions = [question for question in all_questions().values() if not question.in_notebook]
    if "knn_two_loops" in all_questions() or not functions:
        return text
    example = functions[0]
    text = text.replace("knn_two_loops", example.id).replace("cs231n/optim.py", file_of(example.implements[0]))
    text = re.sub(r"(?<=progress )knn\b|(?<=reset )knn\b", example.notebook, text)
    return text.replace("assignment1", asked_notebooks()[example.notebook])
