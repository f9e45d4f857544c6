"""The workspace, the folder that a sandbox sees: the learner's edition with the submitted modules, nothing that judges.

`with_reference` replaces the answers to single questions in a learner's module by calls of the reference, for
follow-through: a question that fails because an earlier answer is wrong is graded again with that answer right. The
reference itself runs in another sandbox, on a folder from `build_reference`; no folder that a learner's code sees ever
has a line of it.
"""

import ast
import difflib
import importlib.util
import marshal
import textwrap
import warnings
from collections.abc import Callable, Iterable
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from coursekit.grading.running.bubblewrap import ABSENT, SCRATCH
from coursekit.grading.running.withdrawal import without
from coursekit.paths import PACKAGE, ROOT, SANDBOX, file_of, files_in
from coursekit.questions import NOTEBOOKS, declared
from coursekit.teacher.solutions import BEGIN, END, stripped

_UNCHECKED = 0b01  # flag of a .pyc (PEP 552): it has a hash of its source, which nobody checks


def build(
    folder: Path,
    files: dict[str, bytes],
    reference: Iterable[str] = (),
    graded: str = "",
    withdrawn: tuple[str, ...] = (),
) -> None:
    """Write the workspace of one submission.

    Parameters
    ----------
    folder : Path
        Must exist and be empty.
    files : dict
        The learner's modules of `cs231n` by relative name.
    reference : iterable of str
        Ids of questions that the reference answers, whatever the learner's files contain.
    graded : str, optional
        Id of the question that is graded; its answer stays the learner's.
    withdrawn : tuple of str, optional
        What is withdrawn, from `withdrawn_for`.
    """
    contents = without(provided_contents() | files | _ABSENT, withdrawn)
    for name, ids in _by_module(reference).items():
        contents[name] = with_reference(name, contents[name].decode(errors="replace"), ids, graded).encode()
    modules = {name: data for name, data in contents.items() if name.startswith("cs231n/") and name.endswith(".py")}
    for part in (*SCRATCH, *(f"assignments/{assignment}" for assignment in NOTEBOOKS.values())):
        (folder / part).mkdir(parents=True, exist_ok=True)  # notebooks run there
    (folder / "datasets").symlink_to(data_folder())
    write(folder, contents | _all_compiled(modules))
    for part in SCRATCH:
        (folder / part).chmod(0o777)


def write(folder: Path, contents: dict[str, bytes]) -> None:
    for parent in {(folder / name).parent for name in contents}:
        parent.mkdir(parents=True, exist_ok=True)
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    _open_to_all(folder)


def _open_to_all(folder: Path) -> None:
    """Let all users read a folder, since another user may run in the sandbox."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)


def build_reference(folder: Path) -> None:
    """Write the folder of the process that answers earlier questions (see `coursekit.running.earlier`)."""
    solved = {name: path.read_bytes() for name, path in files_in(PACKAGE).items()}
    write(folder, provided_contents() | solved)


# An error in place of each, for where bubblewrap does not hide them.
_ABSENT = {
    f"{name}.py": f"raise ModuleNotFoundError(\"No module named '{name}'\", name='{name}')\n".encode()
    for name in ABSENT
}


def data_folder() -> Path:
    """The folder of the data sets, which the sandbox sees where it is."""
    return (ROOT / "datasets").resolve()  # on a cluster, a link that leads out of the solved tree


@cache
def provided_contents() -> dict[str, bytes]:
    """The course's files that enter the sandbox, without answers; bytes by name, with coursekit compiled as well."""
    contents = {name: stripped(path, name) for name, path in provided_files().items()}
    return contents | _all_compiled({name: data for name, data in contents.items() if name.startswith("coursekit/")})


def _all_compiled(modules: dict[str, bytes]) -> dict[str, bytes]:
    """The modules as Python compiles them, by the names of the files; none of one that Python has something to say of.

    Compiling takes longer than the rest of a start.
    """
    compiled = {importlib.util.cache_from_source(name): _compiled(name, data) for name, data in modules.items()}
    return {Path(name).as_posix(): data for name, data in compiled.items() if data}


@lru_cache(maxsize=1_000)
def _compiled(name: str, source: bytes) -> bytes:
    """A .pyc that Python uses without looking at the source; empty if there is an error or a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            code = compile(source, name, "exec", dont_inherit=True)
        except Exception:
            return b""
    header = importlib.util.MAGIC_NUMBER + _UNCHECKED.to_bytes(4, "little") + importlib.util.source_hash(source)
    return header + marshal.dumps(code)


def provided_files(root: Path = ROOT) -> dict[str, Path]:
    """The course's files that enter the sandbox, paths by name: the package, and what runs beside a learner's code."""
    return files_in((*PACKAGE, *SANDBOX), root)


def _by_module(ids: Iterable[str]) -> dict[str, list[str]]:
    modules: dict[str, list[str]] = {}
    for question_id in ids:
        for target in declared()[question_id].implements:
            modules.setdefault(file_of(target), []).append(question_id)
    return modules


# ---- follow-through

_IMPORT = "from coursekit.running.earlier import answer_part as _earlier_part"
_CALL = '__import__("coursekit.running.earlier", fromlist=["answer"]).answer({target!r}, locals())'


def with_reference(name: str, source: str, ids: Iterable[str], graded: str = "") -> str:
    """A learner's module in which the reference answers some questions, from its own process.

    Their functions are replaced where they stand, as the module may put them into tables or decorate them below, and
    defined again at the end, where they count if they are not found; all other lines keep their numbers. Where the
    question that is graded asks for another part of the same function, only their parts are replaced, if the provided
    lines around them are still there. A module that does not compile is replaced by the version that was distributed.
    """
    if not compiles(source):
        source = provided_contents()[name].decode()
    solved = (ROOT / name).read_text(encoding="utf-8")
    functions = {id_: [t.split(":")[1] for t in declared()[id_].implements if file_of(t) == name] for id_ in ids}
    for path in dict.fromkeys(path for paths in functions.values() for path in paths):
        asking = questions_asking_for(name, path)
        if graded in asking:
            replaced = [index for index, id_ in enumerate(asking) if id_ in functions]
            source = _with_regions(source, solved, name, path, replaced)
        else:
            definition = _definition(solved, name, path)
            source = _in_place(source, path, definition) + _at_the_end(path, definition)
    return f"{source}\n\n{_IMPORT}\n" if functions else source


def compiles(source: str) -> bool:
    """Whether Python can read a module."""
    try:
        compile(source, "module", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def questions_asking_for(name: str, path: str) -> list[str]:
    """Ids of the questions that ask for a function, in the order of their regions in it."""
    return [question.id for question in declared().values() if _target(name, path) in question.implements]


def _target(name: str, path: str) -> str:
    return f"{name.removesuffix('.py').replace('/', '.')}:{path}"


def answers_to(ids: Iterable[str], graded: str = "") -> dict[str, Any]:
    """What the reference may be asked for, as `coursekit.running.earlier` takes it: never for what is graded."""
    functions, parts = set(), {}
    for id_ in ids:
        for target in declared()[id_].implements:
            asking = questions_asking_for(file_of(target), target.split(":")[1])
            if graded in asking:
                key = f"{target}/{asking.index(id_)}"
                parts[key] = _parts()[key]
            else:
                functions.add(target)
    return {"functions": sorted(functions), "parts": parts}


def _definition(solved: str, name: str, path: str) -> str:
    """A line that defines a function which asks the reference for what it returns."""
    [definition] = ast.parse(textwrap.dedent(_text_of(solved, path))).body
    assert isinstance(definition, ast.FunctionDef)  # without its decorators: the reference has them
    return f"def {definition.name}({ast.unparse(definition.args)}): return {_CALL.format(target=_target(name, path))}"


def _in_place(source: str, path: str, definition: str) -> str:
    """A module with another definition of a function, and as many lines as before."""

    def changed(old: list[str]) -> list[str]:
        indent = old[0][: len(old[0]) - len(old[0].lstrip())]
        return [indent + definition, *[""] * (len(old) - 1)]

    return _with_function(source, path, changed)


def _with_function(source: str, path: str, change: Callable[[list[str]], list[str]]) -> str:
    """A module with other lines for a function; as it is if it has no such function, or could not be read any more."""
    try:
        position = _lines_of(source, path)
    except LookupError:
        return source
    lines = source.splitlines()
    lines[position] = change(lines[position])
    changed = "\n".join(lines) + "\n"
    return changed if compiles(changed) else source


def _at_the_end(path: str, definition: str) -> str:
    *owners, function = path.split(".")
    if not owners:
        return f"\n\n{definition}\n"
    return f"\n\nclass _Earlier:\n    {definition}\n\n\n{'.'.join(owners)}.{function} = _Earlier.{function}\n"


def _call_of_part(region: list[str], target: str, index: int) -> str:
    """The line that takes the place of a region: it asks the reference for the variables that the region assigns."""
    names = _assigned_names(region)
    indent = region[0][: len(region[0]) - len(region[0].lstrip())]
    return f"{indent}{', '.join(names)}, = _earlier_part({target!r}, {index}, locals(), {tuple(names)!r})"


def _assigned_names(region: list[str]) -> list[str]:
    """The variables that some lines of a function assign, without those of comprehensions."""
    tree = ast.parse(textwrap.dedent("\n".join(region)))
    inner = {
        id(name) for node in ast.walk(tree) if isinstance(node, ast.comprehension) for name in ast.walk(node.target)
    }
    stored = (node for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
    return list(dict.fromkeys(name.id for name in stored if id(name) not in inner))


@cache
def _parts() -> dict[str, dict]:
    """The regions of all functions that several questions ask for: their texts, and the variables that they assign."""
    parts = {}
    targets = {target for question in declared().values() for target in question.implements}
    for name, path in sorted((file_of(target), target.split(":")[1]) for target in targets):
        if len(questions_asking_for(name, path)) > 1:
            _, regions = _split(_text_of((ROOT / name).read_text(encoding="utf-8"), path).splitlines())
            for index, (_, lines) in enumerate(regions):
                text = textwrap.dedent("\n".join(lines))
                parts[f"{_target(name, path)}/{index}"] = {"text": text, "names": _assigned_names(lines)}
    return parts


def _text_of(source: str, path: str) -> str:
    return "\n".join(source.splitlines()[_lines_of(source, path)])


def _lines_of(source: str, path: str) -> slice:
    """The lines of a function with its decorators; LookupError if it is not there."""
    *owners, function = path.split(".")
    body = ast.parse(source).body
    for owner in owners:
        body = [n for n in body if isinstance(n, ast.ClassDef) and n.name == owner][0].body
    found = [n for n in body if isinstance(n, ast.FunctionDef) and n.name == function][-1]
    first = min([found.lineno, *(decorator.lineno for decorator in found.decorator_list)])
    return slice(first - 1, found.end_lineno)


def _with_regions(source: str, solved: str, name: str, path: str, replaced: list[int]) -> str:
    """Replace single regions of a function, found by the provided lines around them, as far as these are there."""
    provided, regions = _split(_text_of(solved, path).splitlines())

    def changed(function: list[str]) -> list[str]:
        matched = _matches(provided, function)
        for index in sorted(replaced, reverse=True):
            before, text = regions[index]
            # The provided lines just before and after a region, as they are numbered in the learner's function.
            start = matched.get(before - 1)
            stop = matched.get(before, len(function) if before == len(provided) else None)
            if start is not None and stop is not None and start < stop:
                function[start + 1 : stop] = [_call_of_part(text, _target(name, path), index)]
        return function

    return _with_function(source, path, changed)


def _split(lines: list[str]) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The provided lines, and for each region how many of them precede it, and its own lines."""
    provided: list[str] = []
    regions: list[tuple[int, list[str]]] = []
    inside: list[str] | None = None
    for line in lines:
        marker = line.strip()
        if marker == BEGIN:
            inside = []
        elif marker == END:
            regions.append((len(provided), inside or []))
            inside = None
        elif inside is not None:
            inside.append(line)
        else:
            provided.append(line)
    return provided, regions


def _matches(provided: list[str], submitted: list[str]) -> dict[int, int]:
    """Which provided line is which of the learner's, by their numbers."""
    a, b = ([line.strip() for line in lines] for lines in (provided, submitted))
    matcher = difflib.SequenceMatcher(None, a, b, autojunk=False)
    return {block.a + i: block.b + i for block in matcher.get_matching_blocks() for i in range(block.size)}
