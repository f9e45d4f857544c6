"""What the course gives is no answer to a question that asks to write the same: it is withdrawn while that is graded.

The fast layers are given; the questions of `cs231n/layers.py` ask for some of the same layers, slower. Numeric
gradients are given, and could stand in for any backward pass. These questions are graded where the modules below hold
the same names, and each of them raises an error when it is called.
"""

import ast
from collections.abc import Iterator

from coursekit.core.question import Question
from coursekit.grading.intake.repair import blocks
from coursekit.paths import file_of

# For questions that ask for functions in a file: the beginnings of the names of the files that are withdrawn.
_GIVEN = {"cs231n/layers.py": ("cs231n/fast_layers.py", "cs231n/_fast/", "cs231n/gradient_check.py")}
# For a question that asks to do it another way: the learner's function that must not be called.
_FIRST_WAY = {"batchnorm_backward_alt": "cs231n.layers:batchnorm_backward"}
_REFUSING = '''"""Withdrawn: this question asks you to write such a layer yourself."""


def _refusing(name):
    def refuse(*_, **__):
        raise RuntimeError(f"{name} is given; this question asks you to write such a layer yourself")

    return refuse


'''


def withdrawn_for(question: Question) -> tuple[str, ...]:
    """What a question is graded without: beginnings of the names of files, and functions as `implements` has them."""
    asked = {file_of(target) for target in question.implements}
    files = tuple(given for file in sorted(asked) for given in _GIVEN.get(file, ()))
    return (*files, _FIRST_WAY[question.id]) if question.id in _FIRST_WAY else files


def without(contents: dict[str, bytes], withdrawn: tuple[str, ...]) -> dict[str, bytes]:
    """Files, bytes by name; what is withdrawn is there under the same names, but only raises an error."""
    functions = [name for name in withdrawn if ":" in name]
    files = tuple(name for name in withdrawn if ":" not in name)
    gone = [name for name in contents if files and name.startswith(files) and name.endswith(".py")]
    changed = {name: _refusing(contents[name].decode()) for name in gone}
    changed |= {file_of(target): _without_function(contents[file_of(target)], target) for target in functions}
    return contents | changed


def _without_function(source: bytes, target: str) -> bytes:
    path = target.split(":")[1]
    lines = source.decode(errors="replace").split("\n")
    for block in [block for block in blocks(lines) if block.path == path]:
        error = f"{path} must not be called here; this question asks for another way"
        new = f"{block.indent}def {block.name}(*args, **kwargs): raise RuntimeError({error!r})"
        lines[block.first : block.end(lines)] = [new, *[""] * (block.end(lines) - block.first - 1)]
    return "\n".join(lines).encode()


def _refusing(source: str) -> bytes:
    names = sorted({name for name in _names(ast.parse(source)) if not name.startswith("_")})
    return (_REFUSING + "\n".join(f'{name} = _refusing("{name}")' for name in names) + "\n").encode()


def _names(tree: ast.Module) -> Iterator[str]:
    """What a module defines, or imports by name from another one."""
    for statement in tree.body:
        if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
            yield statement.name
        elif isinstance(statement, ast.Assign):
            yield from (target.id for target in statement.targets if isinstance(target, ast.Name))
        elif isinstance(statement, ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in statement.names)
