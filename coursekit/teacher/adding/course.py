"""What a course has, read from its files: notebooks, and the questions of each, with the names that declare them."""

import ast
import difflib
from collections.abc import Iterable
from typing import NamedTuple

from coursekit.teacher.adding.changes import CannotAdd, Changes
from coursekit.teacher.adding.sources import assignment_of, items_of

DECLARATIONS = "coursekit/questions/__init__.py"


class Files(NamedTuple):
    """The files of a notebook: itself, the module that declares its questions, and its part of the zoo."""

    notebook: str
    questions: str
    zoo: str


def notebooks(changes: Changes, which: str = "NOTEBOOKS") -> dict[str, str]:
    """The assignment of each notebook, by name."""
    node = assignment_of(changes.read(DECLARATIONS), which)
    return ast.literal_eval(node.value) if node else {}


def assignments(changes: Changes) -> list[str]:
    """The names of the assignments, in the order of the course."""
    return list(dict.fromkeys(notebooks(changes).values()))


def files_of(notebook: str, assignment: str) -> Files:
    """The files of a notebook, as relative names.

    Examples
    --------
    >>> files_of("knn", "assignment1").zoo
    'zoo/assignment1/knn.py'
    """
    below = f"{assignment}/{notebook}"
    return Files(f"assignments/{below}.ipynb", f"coursekit/questions/{below}.py", f"zoo/{below}.py")


def require_notebook(changes: Changes, name: str) -> Files:
    """The files of a notebook that asks questions; CannotAdd, with the nearest names, if there is none."""
    known = notebooks(changes)
    if name not in known:
        raise CannotAdd(f"there is no notebook {name!r}; {_nearest(name, known)}")
    return files_of(name, known[name])


def _nearest(name: str, names: Iterable[str]) -> str:
    names = list(names)
    near = difflib.get_close_matches(name, names, n=3)
    return f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(names)}"


class Declared(NamedTuple):
    """Where a question is declared: the variable, and the number of the item of QUESTIONS that it comes from."""

    variable: str
    item: int


def questions_in(source: str) -> dict[str, Declared]:
    """The questions that a module declares by id, in their order; an item of QUESTIONS may be a tuple of several."""
    found = {}
    for index, item in enumerate(items_of(source, "QUESTIONS")):
        for variable in items_of(source, item[1:]) if item.startswith("*") else [item]:
            found[_id_of(source, variable)] = Declared(variable, index)
    return found


def _id_of(source: str, variable: str) -> str:
    """The id that the call behind a variable is given, by name or as its first argument."""
    node = assignment_of(source, variable)
    call = node.value if node else None
    given = {keyword.arg: keyword.value for keyword in call.keywords} if isinstance(call, ast.Call) else {}
    id_ = given.get("id", call.args[0] if isinstance(call, ast.Call) and call.args else None)
    if not isinstance(id_, ast.Constant):
        raise CannotAdd(f"QUESTIONS has {variable}, whose id is not a string where it is declared")
    return str(id_.value)


def all_ids(changes: Changes) -> list[str]:
    """The ids of all questions of a course."""
    modules = [files_of(name, assignment).questions for name, assignment in notebooks(changes).items()]
    return [id_ for module in modules for id_ in questions_in(changes.read(module))]
