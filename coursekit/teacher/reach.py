"""Which definitions of the package some code runs through, found by reading it, not by running it.

Names are followed through imports. What cannot be known from the text counts as reached: any method of a reached class
whose name is used somewhere, and an update rule that is chosen by a text such as "adam".
"""

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from typing import NamedTuple

from coursekit.paths import PACKAGE, ROOT, files_in

Name = tuple[str, str]  # a module and a name in it; ("", ".train") is an attribute of something
_BY_TEXT = "cs231n.optim"  # whose functions are chosen by their names


class Module(NamedTuple):
    """What a module defines, with the code of each definition, and what its imports bind; "" stands for a module."""

    code: dict[str, list[tuple[str, ast.AST]]]  # by name: pairs of (method or "", code)
    imports: dict[str, Name]
    stars: list[str]


def reached(sources: Iterable[str]) -> set[Name]:
    """All names that some sources of notebook cells, with one namespace, use of the package, near or far."""
    tree = ast.parse("\n".join(sources))
    cells = Module({}, *_imports(tree))
    found: set[Name] = set()
    new = set(_used(tree, cells, {}))
    while new - found:
        found |= new
        new = {name for path, names in _uses().items() if found.issuperset(path) for name in names}
    return found


def path_of(target: str) -> tuple[Name, ...]:
    """The names by which a function is reached: of a method that of its class, and, unless Python calls it, its own.

    Examples
    --------
    >>> path_of("cs231n.solver:Solver.train")
    (('cs231n.solver', 'Solver'), ('', '.train'))
    """
    module, _, name = target.partition(":")
    owner, _, method = name.rpartition(".")
    return _path(module, owner or method, method if owner else "")


def _path(module: str, name: str, method: str) -> tuple[Name, ...]:
    called = method and not method.startswith("__")
    return ((module, name), ("", f".{method}")) if called else ((module, name),)


@cache
def _uses() -> dict[tuple[Name, ...], set[Name]]:
    """What each definition of the package uses, by the names by which it is reached."""
    uses: dict[tuple[Name, ...], set[Name]] = {}
    for module, content in _package().items():
        for name, parts in content.code.items():
            for method, code in parts:
                uses.setdefault(_path(module, name, method), set()).update(_used(code, content, content.code, module))
    return uses


@cache
def _package() -> dict[str, Module]:
    files = {name: path for name, path in files_in(PACKAGE, ROOT).items() if name.endswith(".py")}
    trees = {_dotted(name): ast.parse(path.read_text(encoding="utf-8")) for name, path in files.items()}
    return {module: Module(_code(tree), *_imports(tree)) for module, tree in trees.items()}


def _dotted(file: str) -> str:
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _code(tree: ast.Module) -> dict[str, list[tuple[str, ast.AST]]]:
    code: dict[str, list[tuple[str, ast.AST]]] = {}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            parts = [(part.name if isinstance(part, ast.FunctionDef) else "", part) for part in node.body]
            code[node.name] = [*parts, *(("", base) for base in node.bases)]
        elif isinstance(node, ast.FunctionDef):
            code.setdefault(node.name, []).append(("", node))
        elif isinstance(node, ast.Assign):
            names = [name.id for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name)]
            code |= {name: [("", node.value)] for name in names}
    return code


def _imports(tree: ast.Module) -> tuple[dict[str, Name], list[str]]:
    """What the imports of a source bind, wherever they are in it, and the modules of which all is imported."""
    bound, stars = {}, []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cs231n"):
            for alias in node.names:
                if alias.name == "*":
                    stars.append(str(node.module))
                bound[alias.asname or alias.name] = (str(node.module), alias.name)
    return bound, stars


def _used(code: ast.AST, content: Module, own: dict, module: str = "") -> Iterator[Name]:
    """What some code uses; names that the module neither defines nor imports are Python's or NumPy's."""
    for node in ast.walk(code):
        if isinstance(node, ast.Name):
            yield from _resolved(node.id, content, own, module)
        elif isinstance(node, ast.Attribute):
            yield "", f".{node.attr}"
            if isinstance(node.value, ast.Name) and (base := content.imports.get(node.value.id)):
                yield from _in_module(".".join(base), node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from _in_module(_BY_TEXT, node.value)


def _resolved(name: str, content: Module, own: dict, module: str) -> Iterator[Name]:
    if name in own:
        yield module, name
    elif name in content.imports:
        yield from _in_module(*content.imports[name])
    else:
        for star in content.stars:
            yield from _in_module(star, name)


def _in_module(module: str, name: str) -> Iterator[Name]:
    """Where a name of a module is defined; nothing if it is not there."""
    if content := _package().get(module):
        yield from _resolved(name, content, content.code, module)
