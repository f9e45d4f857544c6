"""Changes to Python modules: names that are imported, items of a tuple or a list, new statements at their place."""

import ast
import json
from collections.abc import Iterable, Sequence
from functools import cache

from coursekit.teacher.adding.changes import CannotAdd
from coursekit.teacher.solutions import BEGIN, END, functions_in

WIDTH = 120
_tree = cache(ast.parse)  # which nobody changes


def with_import(source: str, module: str, names: Iterable[str]) -> str:
    r"""A source that imports names from a module; a statement that is there already gets those it lacks.

    Examples
    --------
    >>> with_import("from zoo import wrong\n", "zoo", ["right"])
    'from zoo import right, wrong\n'
    """
    tree = _tree(source)
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module == module:
            found = {alias.name for alias in node.names}
            return source if found >= set(names) else _replaced(source, node, _import(module, found | set(names)))
    return _after_imports(source, tree, _import(module, set(names)))


def _import(module: str, names: set[str]) -> str:
    ordered = sorted(names, key=lambda name: (name[0].islower(), name))  # classes first, as ruff wants them
    line = f"from {module} import {', '.join(ordered)}"
    return line if len(line) <= WIDTH else _call(f"from {module} import ", ordered)


def _call(before: str, items: Iterable[str]) -> str:
    return "\n".join([f"{before}(", *(f"    {item}," for item in items), ")"])


def _after_imports(source: str, tree: ast.Module, statement: str) -> str:
    lines = source.splitlines()
    imports = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    if imports:
        at = max(node.end_lineno or node.lineno for node in imports)
        return "\n".join([*lines[:at], "", statement, *lines[at:]]) + "\n"
    at = tree.body[0].end_lineno or 1 if ast.get_docstring(tree) else 0
    return "\n".join([*lines[:at], "", statement, *lines[at:]]).rstrip("\n") + "\n"


def _replaced(source: str, node: ast.stmt, text: str) -> str:
    lines = source.splitlines()
    return "\n".join([*lines[: node.lineno - 1], text, *lines[node.end_lineno :]]) + "\n"


# ---- tuples and lists


def assignment_of(source: str, name: str) -> ast.Assign | None:
    """The statement that assigns to a name at the top of a module."""
    for node in _tree(source).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return node
    return None


def items_of(source: str, name: str) -> list[str]:
    """The items of a tuple or a list at the top of a module, as texts."""
    node = assignment_of(source, name)
    values = node.value.elts if node and isinstance(node.value, (ast.Tuple, ast.List)) else []
    return [_as_written(value) for value in values]


def _as_written(value: ast.expr) -> str:
    """An item as ruff writes it: strings in double quotes."""
    return (
        json.dumps(value.value)
        if isinstance(value, ast.Constant) and isinstance(value.value, str)
        else ast.unparse(value)
    )


def with_item(source: str, name: str, item: str, index: int) -> str:
    """A source in whose tuple or list `name` an item is put in; it stays on one line if it fits there."""
    node = assignment_of(source, name)
    if node is None or not isinstance(node.value, (ast.Tuple, ast.List)):
        raise CannotAdd(f"{name} is no tuple or list that a command can add to")
    items = items_of(source, name)
    items.insert(index, item)
    opening, closing = "()" if isinstance(node.value, ast.Tuple) else "[]"
    tail = "," if len(items) == 1 and opening == "(" else ""
    line = f"{name} = {opening}{', '.join(items)}{tail}{closing}"
    is_long = len(line) > WIDTH or node.lineno != node.end_lineno
    rows = "\n".join([f"{name} = {opening}", *(f"    {each}," for each in items), closing])
    return _replaced(source, node, rows if is_long else line)


def with_public_name(source: str, name: str) -> str:
    """A source whose `__all__`, if it has one, has a name: in its place where the others are in order, else last."""
    known = items_of(source, "__all__")
    item = f'"{name}"'
    if not known or item in known:
        return source
    is_sorted = known == sorted(known)
    return with_item(source, "__all__", item, sum(other < item for other in known) if is_sorted else len(known))


# ---- statements


def with_statements(source: str, code: str, after: int, inside: bool = False) -> str:
    """A source with statements after a line, apart from what is around them: two lines, or inside of a class one."""
    lines, gap = source.splitlines(), "\n\n" if inside else "\n\n\n"
    before, behind = "\n".join(lines[:after]).rstrip(), "\n".join(lines[after:]).strip("\n")
    return f"{before}{gap}{code}" + (f"\n\n\n{behind}" if behind else "") + "\n"


def end_of(source: str, name: str) -> int:
    """The last line of what stands under a name at the top of a module; 0 if nothing does."""
    for node in _tree(source).body:
        if name in _names_of(node):
            return _with_comments(source.splitlines(), node.end_lineno or node.lineno)
    return 0


def _with_comments(lines: list[str], last: int) -> int:
    """The last line of a statement with the indented comments below it, as the mark of an answer's end."""
    while last < len(lines) and lines[last][:1] == " " and lines[last].lstrip()[:1] == "#":
        last += 1
    return last


def names_in(source: str) -> set[str]:
    """The names that stand at the top of a module."""
    return {name for node in _tree(source).body for name in _names_of(node)}


def _names_of(node: ast.stmt) -> set[str]:
    """The names that a statement binds: of a function, a class, an assignment or an import."""
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return {node.name}
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return {alias.asname or alias.name for alias in node.names}
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}


# ---- functions


def function_at(source: str, path: str) -> ast.FunctionDef | None:
    """The function, or the method, at a dotted name in a module."""
    body: Sequence[ast.stmt] = _tree(source).body
    *owners, name = path.split(".")
    for owner in owners:
        body = next((node.body for node in body if isinstance(node, ast.ClassDef) and node.name == owner), [])
    return next((node for node in body if isinstance(node, ast.FunctionDef) and node.name == name), None)


def parameters_of(function: ast.FunctionDef) -> list[str]:
    """The parameters that a call must give, without `self`."""
    given = function.args.posonlyargs + function.args.args
    required = given[: len(given) - len(function.args.defaults)]
    return [parameter.arg for parameter in required if parameter.arg != "self"]


def has_answer(source: str, path: str) -> bool:
    """Whether a function has an answer between markers."""
    lines = source.splitlines()
    return any(
        BEGIN in line for first, last, name in functions_in(source) if name == path for line in lines[first - 1 : last]
    )


def with_markers(source: str, path: str) -> str:
    """A source in which the body of a function, without docstring and final return of names, is between markers."""
    function = function_at(source, path)
    if function is None or has_answer(source, path):
        return source
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    if len(body) > 1 and isinstance(body[-1], ast.Return) and _is_names(body[-1].value):
        body = body[:-1]
    if not body:
        raise CannotAdd(f"{path} has nothing but a docstring: write it, or leave the function to the command")
    lines, indent = source.splitlines(), " " * body[0].col_offset
    first, last = body[0].lineno - 1, body[-1].end_lineno or 0
    marked = [*lines[:first], indent + BEGIN, *lines[first:last], indent + END, *lines[last:]]
    return "\n".join(marked) + "\n"


def _is_names(value: ast.expr | None) -> bool:
    return isinstance(value, ast.Name) or isinstance(value, ast.Tuple) and all(map(_is_names, value.elts))
