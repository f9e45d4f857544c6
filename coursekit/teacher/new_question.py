"""Add a question, or a written question, to a notebook: `python -m coursekit new-question ID --notebook NAME ...`.

All files are prepared in full before the first is written. What only an author can write is marked by "TO WRITE", and
listed at the end, in the order in which it is best written.
"""

import argparse
import keyword
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from coursekit.core.question import Question
from coursekit.learner.arguments import Arguments
from coursekit.paths import ROOT, file_of
from coursekit.teacher.adding import cells, course, introduction, sources, templates
from coursekit.teacher.adding.changes import TO_WRITE, CannotAdd, Changes, Left, left_to_write
from coursekit.teacher.adding.templates import Target

_ID = re.compile(r"[a-z][a-z0-9_]{0,59}")
_TARGET = re.compile(r"(cs231n(?:\.\w+)+):(\w+(?:\.\w+)?)", re.ASCII)
_MODULE = f'"""{TO_WRITE}: what the functions of this module have in common."""\n\nimport numpy as np\n'


def new_question(options: Sequence[str] = (), root: Path = ROOT) -> int:
    """Add a question and say what is left to write; 0 if it was added, 2 if it cannot be."""
    parser = _parser()
    given = parser.parse_args(options)
    if given.left:
        return _tell_all(root)
    if not (given.id and given.notebook):
        parser.error("a question needs an ID and a --notebook")
    if not (given.function or given.in_notebook or given.written):
        parser.error("say where it is answered: --function cs231n.module:name, --in-notebook or --written")
    changes = Changes(root)
    try:
        steps = _add_written(changes, given) if given.written else _add(changes, given)
        changes.write()
    except (CannotAdd, OSError, SyntaxError) as error:
        print(f"Nothing was added: {error}{'' if str(error).endswith('?') else '.'}")
        return 2
    print(f"Added {given.id} to {given.notebook}, in {', '.join(changes.texts)}.\n")
    print("\n".join(["Left to write, in this order:", *numbered_steps(steps)]))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Arguments(
        prog="python -m coursekit new-question",
        description="Add a question to a notebook: its declaration, its function with markers, its cells, its part of "
        "the zoo, and the points and minutes wherever they are counted. Then list what is left to write.",
    )
    parser.add_argument("id", nargs="?", metavar="ID", help="its id, such as affine_forward: small letters, digits, _")
    parser.add_argument("--notebook", metavar="NAME", help="the notebook that asks it, such as knn")
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--function",
        action="append",
        metavar="TARGET",
        help="the function that it asks for, such as cs231n.layers:relu_forward or cs231n.solver:Solver.step; it is "
        "made unless it is there; give it twice for a pair",
    )
    where.add_argument("--in-notebook", action="store_true", help="its answer is written in a cell of the notebook")
    where.add_argument("--written", action="store_true", help="its answer is a text, which a teacher marks")
    where.add_argument("--left", action="store_true", help="add nothing: list what is left to write in the course")
    parser.add_argument(
        "--values",
        nargs="+",
        default=["answer"],
        metavar="NAME",
        help="with --in-notebook: the values that its cell computes and its check judges (default: answer)",
    )
    parser.add_argument(
        "--after",
        default="",
        metavar="NAME",
        help="the question, written question or cell that it stands after (default: the last question)",
    )
    parser.add_argument("--title", default=f"{TO_WRITE}: a title", help="its title, which the learners' TODO shows")
    parser.add_argument("--points", type=_from(0, 20), default=2, help="from 0, which is optional, to 20 (default: 2)")
    parser.add_argument("--minutes", type=_from(2, 180), default=15, help="from 2 to 180 (default: 15)")
    parser.add_argument("--difficulty", type=_from(1, 5), default=2, help="from 1 to 5, as on its card (default: 2)")
    parser.add_argument("--importance", type=_from(1, 5), default=3, help="from 1 to 5, as on its card (default: 3)")
    return parser


def _from(least: int, most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"expected a whole number from {least} to {most}, got {text}")
        return int(text)

    return number


# ---- a question


def _add(changes: Changes, given: argparse.Namespace) -> list[tuple[str, list[Left]]]:
    """Prepare all changes for a question; the steps that are left, each with its places."""
    files = course.require_notebook(changes, given.notebook)
    _require_new_id(changes, given.id)
    _require_different(given.function or (), "function")
    targets = [_target(changes, text) for text in given.function or ()]
    forward = _forward_of(changes, targets)
    question = _question(given, targets, forward)
    notebook = changes.read_notebook(files.notebook)
    at = cells.place(notebook, given.after)
    before = cells.question_before(notebook, at)
    for number, target in enumerate(targets):
        _add_function(changes, target, [*_asked(before), *map(str, targets[:number])])
    _declare(changes, files.questions, question, before, templates.declaration(question, "{}", targets, forward))
    if targets:
        _add_to_zoo(changes, files.zoo, question, targets[0])
    _add_cells(changes, files.notebook, cells.with_cells(notebook, cells.cells_of(question), at), question, before)
    _count_in_readme(changes, question)
    return _steps(changes, question, targets, files)


def _require_new_id(changes: Changes, id_: str) -> None:
    _require_id(id_)
    if keyword.iskeyword(id_):
        raise CannotAdd(f"{id_!r} is no id: it is a word of Python")
    if id_ in course.all_ids(changes):
        raise CannotAdd(f"there is a question {id_} already")
    if id_ in course.notebooks(changes) | course.notebooks(changes, "COMPANIONS"):
        raise CannotAdd(f"{id_} is the name of a notebook; `reset` could not tell the two apart")


def _require_id(id_: str) -> None:
    if not _ID.fullmatch(id_):
        raise CannotAdd(f"{id_!r} is no id: it has at most 60 small letters, digits and _, and begins with a letter")


def _require_different(names: Sequence[str], what: str) -> None:
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise CannotAdd(f"the {what} {twice[0]} is there twice")


def _target(changes: Changes, text: str) -> Target:
    """The function that is named by a text; its parameters are those it has, or that its name suggests."""
    found = _TARGET.fullmatch(text)
    if not found or any(map(keyword.iskeyword, re.split("[.:]", text))):
        raise CannotAdd(f"{text!r} is no function: write it as cs231n.layers:relu_forward")
    module, path = found.groups()
    if taken := _asked_by(text):
        raise CannotAdd(f"the question {taken} asks for {text} already")
    target = Target(module, path, templates.parameters_by_name(path.rpartition(".")[2]))
    if not changes.exists(file_of(text)):
        if target.owner:
            raise CannotAdd(f"{file_of(text)} is not there, and only functions can be added to a new module")
        return target
    source = changes.read(file_of(text))
    there = sources.function_at(source, path)
    if there is None and target.owner and not sources.end_of(source, target.owner):
        raise CannotAdd(f"{file_of(text)} has no class {target.owner}")
    if there is None and not target.owner and path in sources.names_in(source):
        raise CannotAdd(f"{path} is no function that {file_of(text)} defines; choose another name, or another module")
    return target._replace(parameters=tuple(sources.parameters_of(there))) if there else target


def _asked_by(target: str) -> str:
    from coursekit.questions import all_questions

    return next((question.id for question in all_questions().values() if target in question.implements), "")


def _forward_of(changes: Changes, targets: Sequence[Target]) -> Target | None:
    """The forward pass that a single backward pass belongs to, if it is in the same module."""
    if len(targets) != 1 or not targets[0].is_backward:
        return None
    module, path = targets[0].module, f"{targets[0].path.removesuffix('_backward')}_forward"
    file = file_of(module)
    there = sources.function_at(changes.read(file) if changes.exists(file) else "", path)
    return Target(module, path, tuple(sources.parameters_of(there))) if there else None


def _question(given: argparse.Namespace, targets: Sequence[Target], forward: Target | None) -> Question:
    names = () if targets else tuple(given.values)
    for name in names:
        if not name.isidentifier() or keyword.iskeyword(name):
            raise CannotAdd(f"{name!r} cannot be the name of a value")
    _require_different(names, "value")
    return Question(
        id=given.id,
        title=given.title.replace('"', "'"),
        notebook=given.notebook,
        points=given.points,
        minutes=given.minutes,
        difficulty=given.difficulty,
        importance=given.importance,
        implements=tuple(map(str, targets)),
        builds_on=tuple(filter(None, [_asked_by(str(forward))])) if forward else (),
        values=names,
    )


def _add_function(changes: Changes, target: Target, before: Sequence[str]) -> None:
    """Give a function markers, or make it: after the last of some others in its file, or else at the end."""
    file = file_of(str(target))
    source = changes.read(file) if changes.exists(file) else _MODULE
    if sources.function_at(source, target.path):
        changes.set(file, sources.with_markers(source, target.path))
        return
    owner = target.owner.partition(".")[0]
    after = sources.end_of(source, owner) if owner else _end_of_last(source, file, before)
    changed = sources.with_statements(source, templates.function(target), after, inside=bool(owner))
    changes.set(file, changed if owner else sources.with_public_name(changed, target.name))


def _asked(question_id: str) -> tuple[str, ...]:
    """What a question asks for; nothing if there is no such question."""
    from coursekit.questions import all_questions

    question = all_questions().get(question_id)
    return question.implements if question else ()


def _end_of_last(source: str, file: str, before: Sequence[str]) -> int:
    ends = [sources.end_of(source, target.split(":")[1].split(".")[0]) for target in before if file_of(target) == file]
    return max(ends, default=0) or len(source.splitlines())


def _declare(changes: Changes, file: str, question: Question, before: str, code: str) -> None:
    source = changes.read(file)
    known = course.questions_in(source)
    variable = question.id if question.id not in sources.names_in(source) else f"{question.id}_question"
    source = sources.with_item(source, "QUESTIONS", variable, known[before].item + 1 if before else 0)
    source = sources.with_import(source, "coursekit.core.question", _needed(question))
    assigned = sources.assignment_of(source, "QUESTIONS")
    first = assigned.lineno - 1 if assigned else 0
    after = sources.end_of(source, known[before].variable) if before else first
    changes.set(file, sources.with_statements(source, code.replace("{} = Question(", f"{variable} = Question("), after))


def _needed(question: Question) -> Iterable[str]:
    return ("Question", "holds") if question.in_notebook else ("Case", "Question")


def _add_to_zoo(changes: Changes, file: str, question: Question, target: Target) -> None:
    source = sources.with_import(changes.read(file), "zoo", ("right", "wrong"))
    changes.set(file, sources.with_statements(source, templates.zoo(question, target), len(source.splitlines())))


def _add_cells(changes: Changes, file: str, notebook: dict, question: Question, before: str) -> None:
    changes.set_notebook(file, _introduced(notebook, lambda text: introduction.with_question(text, question, before)))


def _introduced(notebook: dict, change: Callable[[str], str]) -> dict:
    """A notebook whose introduction has been changed."""
    [intro] = [cell for cell in notebook["cells"] if cell["id"] == "intro"]
    text = change("".join(intro["source"]))
    changed = intro | {"source": text.splitlines(keepends=True)}
    return {**notebook, "cells": [changed if cell is intro else cell for cell in notebook["cells"]]}


def _count_in_readme(changes: Changes, question: Question) -> None:
    minutes = question.minutes if question.points else 0
    readme = introduction.readme_with(changes.read("README.md"), question.notebook, question.points, minutes)
    changes.set("README.md", readme)


# ---- a written question


def _add_written(changes: Changes, given: argparse.Namespace) -> list[tuple[str, list[Left]]]:
    """Prepare all changes for a written question; the steps that are left."""
    files = course.require_notebook(changes, given.notebook)
    _require_id(given.id)
    notebook = changes.read_notebook(files.notebook)
    at = cells.place(notebook, given.after)
    new = cells.with_cells(notebook, cells.written_cells(given.id, given.minutes), at)
    changes.set_notebook(
        files.notebook, _introduced(new, lambda text: introduction.with_time(text, given.minutes, 0, 0))
    )
    places = [left for left in changes.left() if left.place.endswith(f"_{given.id}")]
    return [
        (f"The question, a model answer and an answer to compare with, in {files.notebook}.", places),
        (f"{FORM} tests/test_written_questions.py -k {given.notebook}", []),
    ]


# ---- what is left to write

FORM = "Check the form: python -m coursekit test tests/test_notebook_form.py"


def _steps(
    changes: Changes, question: Question, targets: Sequence[Target], files: course.Files
) -> list[tuple[str, list[Left]]]:
    """What is left to do for a question, step by step, each with the places that it is about."""
    return [step for step in _all_steps(changes, question, targets, files) if step[0]]


def _all_steps(
    changes: Changes, question: Question, targets: Sequence[Target], files: course.Files
) -> Iterator[tuple[str, list[Left]]]:
    left = changes.left()
    for file in dict.fromkeys(file_of(str(target)) for target in targets):
        yield (
            f"The function, in {file}: docstring and answer. What is between the markers is taken from learners.",
            [one for one in left if one.file == file],
        )
    yield (
        f"The declaration, in {files.questions}: " + (_ABOUT_VALUES if question.in_notebook else _ABOUT_CASES),
        [one for one in left if one.file == files.questions],
    )
    if targets:
        yield (
            f"Mistakes that learners make, and a right answer in another style, in {files.zoo}."
            + " For another than the first function, give target=..." * (len(targets) > 1),
            [one for one in left if one.file == files.zoo],
        )
    yield f"The cells, in {files.notebook}.", [one for one in left if one.file == files.notebook]
    yield f"Store what is asked, and what its model answer gives: {_STORE} {question.notebook}", []
    if targets:
        yield f"Check it: python -m coursekit check {question.id}", []
        yield "A test of the function itself, beside those of its module in tests/.", []
    else:
        yield "A test of its judge in tests/, with right values and with wrong ones.", []
    if files.notebook.startswith("assignments/practice/"):
        yield "A row in docs/topics.md, if it is a topic of its own.", []
    yield f"Run all cells of {files.notebook} in JupyterLab and save it, so that it has their outputs.", []
    yield f'{FORM} {_TESTS} -k "{question.id} or {question.notebook} or left or page"', []
    yield f"Then make test, and a line in CHANGELOG.md. {LEFT}", []


LEFT = "`python -m coursekit new-question --left` shows what is left to write."
_STORE = "python -m coursekit store"
_TESTS = " ".join(f"tests/test_{name}.py" for name in ("figures", "hints", "zoo", "readme", "asked"))
_ABOUT_CASES = "inputs for which every constant matters, cases, two hints. A case beyond the card is an edge, and last."
_ABOUT_VALUES = "what its judge requires, two hints. What does not depend on the learner comes from `given`."


def numbered_steps(steps: Iterable[tuple[str, list[Left]]]) -> Iterator[str]:
    """The lines that show steps, each with the places that it is about."""
    for number, (text, places) in enumerate(steps, 1):
        yield f"{number:2}. {text}"
        yield from (f"      {left.place}: {left.what}" for left in places)


def _tell_all(root: Path) -> int:
    """List all that is left to write; 0 if nothing is."""
    left = left_to_write(root)
    print("\n".join(map(str, left)) or "Nothing is left to write.")
    return 1 if left else 0
