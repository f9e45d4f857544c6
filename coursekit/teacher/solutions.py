"""Remove the answers from the solved files.

An answer is between `### BEGIN SOLUTION` and `### END SOLUTION` in a .py file or a code cell, and between
`<!-- BEGIN SOLUTION -->` and `<!-- END SOLUTION -->` in a Markdown cell: a written answer, or one to compare it with.
"""

import ast
import json
import re
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path

from coursekit.core.question import Question
from coursekit.learner.notebook_form import BLANK_ANSWER, is_written_answer, looks_like_a_written_answer
from coursekit.questions import all_questions, declared
from coursekit.teacher.adapted import BEGIN as BEGIN
from coursekit.teacher.adapted import END as END
from coursekit.teacher.adapted import adapted, given

_NEW = "python -m coursekit new-question"
_TEXT_ANSWER = re.compile(r"<!-- BEGIN SOLUTION -->.*?<!-- END SOLUTION -->", re.DOTALL)


class SolutionError(Exception):
    """The answers cannot be removed; the message says where the markers are wrong."""


def stripped(path: Path, name: str) -> bytes:
    """The bytes of a file without its answers, as the course's rules want it."""
    if path.suffix == ".ipynb":
        return strip_notebook(as_asked(path.read_text(encoding="utf-8"), path.stem), name).encode()
    if path.suffix == ".py" and name.startswith("cs231n/"):
        return strip_module(path.read_text(encoding="utf-8"), name, given()).encode()
    return path.read_bytes()


def as_asked(text: str, notebook: str) -> str:
    """The text of a notebook with what the course's rules change in it."""
    content = json.loads(text)
    changed = adapted(content, notebook)
    return text if changed is content else json.dumps(changed, indent=1, ensure_ascii=False) + "\n"


def strip_module(source: str, name: str, keep: Collection[str] = ()) -> str:
    """Replace each answer in a module by a TODO and a `NotImplementedError` that names the question.

    The answers to the questions with the ids `keep` stay, without their markers.
    """
    module = name.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
    functions = functions_in(source)
    used: dict[str, int] = {}

    def question_at(line: int) -> Question:
        path = _innermost(functions, line)
        asking = [q for q in declared().values() if f"{module}:{path}" in q.implements]
        if not asking:
            raise SolutionError(f"{name}, line {line}: no question implements {module}:{path}")
        used[path] = used.get(path, 0) + 1
        return asking[min(used[path], len(asking)) - 1]

    return _replace_answers(source, name, question_at, keep)


def functions_in(source: str) -> list[tuple[int, int, str]]:
    """(first line, last line, dotted name) of every function in a module."""
    return _functions(ast.parse(source))


def _functions(tree: ast.AST, prefix: str = "") -> list[tuple[int, int, str]]:
    found: list[tuple[int, int, str]] = []
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            path = f"{prefix}{node.name}"
            if isinstance(node, ast.FunctionDef):
                found.append((node.lineno, node.end_lineno or node.lineno, path))
            found += _functions(node, f"{path}.")
    return found


def _innermost(functions: list[tuple[int, int, str]], line: int) -> str:
    around = [(first, path) for first, last, path in functions if first <= line <= last]
    return max(around)[1] if around else "(outside any function)"


def _replace_answers(source: str, name: str, question_at: Callable[[int], Question], keep: Collection[str] = ()) -> str:
    lines: list[str] = []
    inside, is_kept = None, False
    for number, line in enumerate(source.splitlines(keepends=True), 1):
        marker = line.strip()
        if marker == BEGIN:
            if inside:
                raise SolutionError(f"{name}, line {number}: this solution begins inside another one")
            inside, question = number, question_at(number)
            is_kept = question.id in keep
            lines += [] if is_kept else _stub(question, line[: len(line) - len(line.lstrip())])
        elif marker == END:
            if not inside:
                raise SolutionError(f"{name}, line {number}: the solution that ends here has no beginning")
            inside = None
        elif not inside or is_kept:
            lines.append(line)
    if inside:
        raise SolutionError(f"{name}, line {inside}: this solution has no end")
    return "".join(lines)


def _stub(question: Question, indent: str) -> list[str]:
    if question.id not in all_questions():
        return [f'{indent}raise NotImplementedError("{question.id} is left out of this course")\n']
    message = f"{question.id}: {question.notebook}"
    return [
        f"{indent}# TODO: {question.title}. The notebook {question.notebook} explains it,\n",
        f'{indent}# and check("{question.id}") there says whether your answer is right.\n',
        f'{indent}raise NotImplementedError("{message}")\n',
    ]


def strip_notebook(text: str, name: str) -> str:
    """Replace the answers of a notebook and clear its outputs."""
    notebook = json.loads(text)
    if misnamed := misnamed_answers(notebook, name):
        raise SolutionError(misnamed[0])
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            cell.update(outputs=[], execution_count=None)
            source = _replace_answers(source, f"{name}, cell {cell['id']}", partial(_asked_by, cell, name)).rstrip("\n")
        elif cell["cell_type"] == "markdown":
            source = _TEXT_ANSWER.sub(BLANK_ANSWER if is_written_answer(cell) else _kept_back(cell), source)
        cell["source"] = source.splitlines(keepends=True)
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def misnamed_answers(notebook: dict, name: str) -> list[str]:
    """A sentence for each text cell that has an answer, or the place for one, under an id that nothing looks for."""
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "markdown"]
    way = f"`{_NEW} KEY --notebook {Path(name).stem} --written` makes cells with ids"
    return [f"{name}: the cell {cell['id']!r} {what}; {way}" for cell in cells if (what := _misnamed(cell))]


def _misnamed(cell: dict) -> str:
    """What is wrong with the id of a cell; "" if nothing is."""
    text = "".join(cell["source"])
    if looks_like_a_written_answer(cell) and not is_written_answer(cell):
        return "looks like a written answer, but its id does not begin with answer_, so what is written there is lost"
    if _TEXT_ANSWER.search(text) and not is_written_answer(cell) and not cell["id"].startswith("compare_"):
        return "has an answer, but its id begins neither with answer_ nor with compare_"
    return ""


def _kept_back(cell: dict) -> str:
    """What stands in place of an answer to compare with; each in other words, so that they can be told apart."""
    return f"*Your teacher shows it when the answers have been marked ({cell['id'].removeprefix('compare_')}).*"


def _asked_by(cell: dict, name: str, line: int) -> Question:
    if cell["id"] not in declared():
        raise SolutionError(f"{name}: the cell {cell['id']!r} has a solution, but its id is not a question's")
    return declared()[cell["id"]]


def has_marker(text: str) -> bool:
    """Whether a text has a solution marker."""
    return any(marker in text for marker in ("BEGIN SOLUTION", "END SOLUTION"))
