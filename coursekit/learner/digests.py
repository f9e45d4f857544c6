"""What a verdict rests on: a digest of the code behind a question, which changes whenever that code does.

The code is read and not run. A question rests on the functions that it asks for, on those of the questions that it
builds on, on what its cases call, and on everything in `cs231n/` that these use, near or far. Where the text does not
say what a name stands for, such as `loss` in `model.loss(X)`, it stands for all methods of that name in the classes
that are used; so a digest changes rather too often than too rarely. A helper that a learner adds counts once it is
used.
"""

import ast
import hashlib
import warnings
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache, partial
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

from coursekit.core.question import Question
from coursekit.files import syntax_tree
from coursekit.judging import reference_answers
from coursekit.paths import ROOT, file_of, files_in
from coursekit.questions import closure, declared, module_of

_EVERYTHING = "*"
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Piece(NamedTuple):
    """A part of a module.

    Parameters
    ----------
    names : frozenset
        By which the module knows it; empty for what always counts if the module does.
    owner : str
        Of a method, its class.
    text : str
    uses : frozenset
        The names of the module's own level that it uses.
    attributes : frozenset
        What it takes from other things: attributes, and short texts that look like names.
    imports : tuple of (str, str, str)
        For each import in it, the name that is bound, the module, and the name there ("" for the module itself).
    is_class : bool
    """

    names: frozenset[str]
    owner: str
    text: str
    uses: frozenset[str]
    attributes: frozenset[str]
    imports: tuple[tuple[str, str, str], ...]
    is_class: bool = False


class Sources:
    """The modules of a course, as they are saved when they are first asked for.

    Parameters
    ----------
    root : Path
        The folder that holds `cs231n/`.
    """

    def __init__(self, root: Path = ROOT) -> None:
        self.paths = {path.relative_to(root).as_posix(): path for path in Path(root).glob("cs231n/**/*.py")}
        self._loaded: dict[str, _Module] = {}

    def __contains__(self, name: str) -> bool:
        return name in self.paths

    def __getitem__(self, name: str) -> "_Module":
        if name not in self._loaded:
            self._loaded[name] = _module(self.paths[name].read_bytes(), name)
        return self._loaded[name]

    def digest(self, question: Question) -> str:
        """The digest of all that the verdict on a function question rests on."""
        found = hashlib.sha256(_tools() + _declaration(question.notebook) + _answers(question))
        for module, text in sorted(_Reach(self).from_question(question)):
            found.update(f"{module}\0{text}\0".encode())
        return found.hexdigest()


class _Module(NamedTuple):
    pieces: tuple[Piece, ...]
    named: dict[str, list[Piece]]
    methods: dict[str, list[Piece]]  # by their class
    imports: dict[str, tuple[str, str]]
    stars: tuple[str, ...]  # the modules of which it imports everything


class _Reach:
    """What can be reached from a question in some modules."""

    def __init__(self, modules: Sources) -> None:
        self.modules = modules
        self.pieces: set[tuple[str, str]] = set()  # module and text
        self.used: set[str] = set()  # modules as a whole, whose attributes are taken
        self.attributes: set[str] = set()
        self.classes: set[tuple[str, str]] = set()
        self.seen: set[tuple[str, str]] = set()

    def from_question(self, question: Question) -> set[tuple[str, str]]:
        targets, modules, attributes = _roots(question)
        self.used |= {module for module in modules if module in self.modules}
        self.attributes |= attributes
        for module, name in targets:
            self._name(module, name)
        self._close()
        for module in {module for module, _ in self.seen} | self.used:
            loose = (piece for piece in self.modules[module].pieces if not piece.names and not piece.owner)
            self.pieces |= {(module, piece.text) for piece in loose}
        return self.pieces

    def _close(self) -> None:
        """Follow attributes until nothing new is found."""
        size = -1
        while size != (size := len(self.pieces) + len(self.used) + len(self.attributes) + len(self.classes)):
            for module in list(self.used):
                for name in list(self.attributes):
                    self._name(module, name)
            for module, owner in list(self.classes):
                for piece in self.modules[module].methods.get(owner, ()):
                    if not piece.names or piece.names & self.attributes:
                        self._take(module, piece)

    def _name(self, module: str, name: str) -> None:
        """What a name stands for at the level of a module."""
        if module not in self.modules or (module, name) in self.seen:
            return
        self.seen.add((module, name))
        known = self.modules[module]
        for piece in known.named.get(name, ()):
            self._take(module, piece)
        if name in known.imports:
            self._import(*known.imports[name])
        for star in known.stars:
            self._name(star, name)

    def _import(self, module: str, name: str) -> None:
        part = f"{module.removesuffix('/__init__.py').removesuffix('.py')}/{name}" if name else ""
        for file in (module, f"{module.removesuffix('.py')}/__init__.py"):
            if not name and file in self.modules:
                self.used.add(file)
            elif name:
                self._name(file, name)
        self.used |= {file for file in (f"{part}.py", f"{part}/__init__.py") if file in self.modules}

    def _take(self, module: str, piece: Piece) -> None:
        if (module, piece.text) in self.pieces:
            return
        self.pieces.add((module, piece.text))
        self.attributes |= piece.attributes
        if piece.is_class:
            self.classes |= {(module, name) for name in piece.names}
        for name in piece.uses:
            self._name(module, name)
        for _, source, name in piece.imports:
            self._import(source, name)


# ---- modules in pieces


@lru_cache(maxsize=256)
def _module(data: bytes, name: str) -> _Module:
    """The pieces of a module; one that Python cannot read is one piece."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = syntax_tree(data)
        pieces = tuple(_pieces(tree.body, data.decode("utf-8-sig").splitlines(), name))
    except (SyntaxError, ValueError):
        text = data.decode(errors="replace")
        pieces = (Piece(frozenset(), "", text, frozenset(), frozenset(), ()),)
    named: dict[str, list[Piece]] = {}
    methods: dict[str, list[Piece]] = {}
    for piece in pieces:
        for known in piece.names if not piece.owner else ():
            named.setdefault(known, []).append(piece)
        if piece.owner:
            methods.setdefault(piece.owner, []).append(piece)
    imports = [found for piece in pieces if not piece.owner for found in piece.imports]
    stars = tuple(module for bound, module, _ in imports if bound == _EVERYTHING)
    return _Module(pieces, named, methods, {bound: (module, part) for bound, module, part in imports}, stars)


def _pieces(body: list[ast.stmt], lines: list[str], module: str, owner: str = "") -> Iterator[Piece]:
    for node in body:
        if isinstance(node, ast.ClassDef) and not owner:
            yield from _pieces(node.body, lines, module, node.name)
            head = [*node.bases, *node.keywords, *node.decorator_list]
            yield _piece(node, head, _text(lines, _first(node), node.body[0].lineno - 1), module, "", True)
        else:
            yield _piece(node, [node], _text(lines, _first(node), node.end_lineno or 0), module, owner)


def _piece(node: ast.stmt, parts: list, text: str, module: str, owner: str, is_class: bool = False) -> Piece:
    inside = [child for part in parts for child in ast.walk(part)]
    local = _local_names(node, inside)
    uses = {n.id for n in inside if isinstance(n, ast.Name) and n.id not in local}
    attributes = {n.attr for n in inside if isinstance(n, ast.Attribute)}
    texts = {n.value for n in inside if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    attributes |= {text for text in texts if text.isidentifier()}
    imports = tuple(found for n in inside for found in _imports(n, module))
    return Piece(_bound(node, owner), owner, text, frozenset(uses), frozenset(attributes), imports, is_class)


def _local_names(node: ast.stmt, inside: list[ast.AST]) -> set[str]:
    """The names that are a function's own: its arguments, and what it assigns."""
    if not isinstance(node, _FUNCTIONS):
        return set()
    declared = {name for n in inside if isinstance(n, (ast.Global, ast.Nonlocal)) for name in n.names}
    stored = {n.id for n in inside if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
    return ({n.arg for n in inside if isinstance(n, ast.arg)} | stored) - declared


def _bound(node: ast.stmt, owner: str) -> frozenset[str]:
    """The names of a piece; in a class, only plain methods have one, all else counts if the class does."""
    if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
        return frozenset() if owner and node.name.startswith("__") else frozenset([node.name])
    if owner:
        return frozenset()
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return frozenset(alias.asname or alias.name.split(".")[0] for alias in node.names)
    stored = (n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
    return frozenset(stored)


def _imports(node: ast.AST, module: str) -> Iterator[tuple[str, str, str]]:
    """(bound name, file of the module, name there) for each name that a statement imports from the course."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            if alias.name.startswith("cs231n"):
                yield alias.asname or alias.name.split(".")[0], file_of(alias.name), ""
    elif isinstance(node, ast.ImportFrom):
        folder = module.rsplit("/", node.level)[0].replace("/", ".") if node.level else ""
        source = ".".join(filter(None, [folder, node.module]))
        if source.startswith("cs231n"):
            for alias in node.names:
                yield alias.asname or alias.name, file_of(source), alias.name


def _first(node: ast.stmt) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", ()))])


def _text(lines: list[str], first: int, last: int) -> str:
    return "\n".join(line.rstrip() for line in lines[first - 1 : last])


# ---- where to begin


@cache
def _tools() -> bytes:
    """The digest of what checks: another version of the tools may say something else."""
    files = files_in(("coursekit/core/*.py", "coursekit/running/*.py", "coursekit/judging/*.py"))
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in files.values())).digest()


def _answers(question: Question) -> bytes:
    path = reference_answers.path_of(question)
    return path.read_bytes() if path.is_file() else b""


@cache
def _declaration(notebook: str) -> bytes:
    """The module that declares the questions of a notebook: a verdict on other cases is another verdict."""
    return Path(str(module_of(notebook).__file__)).read_bytes()


@cache
def _roots(question: Question) -> tuple[set[tuple[str, str]], set[str], set[str]]:
    """What a question begins with: (module, name) of its functions, and the modules and names that its cases use."""
    targets = [target for id_ in (question.id, *closure(question)) for target in declared()[id_].implements]
    named = {(file_of(target), target.split(":")[1].split(".")[0]) for target in targets}
    seen: set[int] = set()
    names = {name for case in question.cases for part in (case.run, case.inputs) for name in _called(part, seen)}
    names |= {target.rpartition(".")[2] for target in targets if "." in target.split(":")[1]}
    modules = {file_of(name) for name in names if name.startswith("cs231n")}
    packages = {f"{file.removesuffix('.py')}/__init__.py" for file in modules}
    return named, modules | packages, names


def _called(value: Any, seen: set[int]) -> Iterator[str]:
    """The names in a function of a question's declaration, and in the functions of the course's tools that it calls."""
    if id(value) in seen and not isinstance(value, str):
        return
    seen.add(id(value))
    match value:
        case str():
            yield value
        case tuple() | list() | frozenset():
            for item in value:
                yield from _called(item, seen)
        case dict():
            yield from _called([*value, *value.values()], seen)
        case partial():
            yield from _called([value.func, *value.args, *value.keywords.values()], seen)
        case CodeType():
            yield from value.co_names
            yield from _called(value.co_consts, seen)
        case ModuleType() if value.__name__.startswith("cs231n"):
            yield value.__name__
        case FunctionType() | type() if value.__module__.startswith("cs231n"):
            yield from (value.__module__, value.__name__)
        case FunctionType() if value.__module__.startswith("coursekit."):
            yield from _called_by(value, seen)


def _called_by(function: FunctionType, seen: set[int]) -> Iterator[str]:
    yield from _called(function.__code__, seen)
    yield from _called([*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()], seen)
    yield from _called([cell.cell_contents for cell in function.__closure__ or ()], seen)
    for name in _names(function.__code__):
        yield from _called(function.__globals__.get(name), seen)


def _names(code: CodeType) -> Iterable[str]:
    nested = [name for value in code.co_consts if isinstance(value, CodeType) for name in _names(value)]
    return [*code.co_names, *nested]
