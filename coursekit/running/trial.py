"""A trial import in the sandbox: which statements of a learner's modules raise when the modules are imported.

`coursekit.grading.module_trial` starts it, with the names of the files as arguments. It writes lines of JSON: when a
statement of a module begins, when it ends, and if it raised, what. So if the process dies or never ends, the last
statement that began and did not end is the one to blame.
"""

import __future__

import ast
import importlib
import json
import os
import sys
from importlib.machinery import FileFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

MOST_SHOWN = 300  # characters of an error's message


def main() -> None:
    """Import the modules named by the arguments."""
    names = sys.argv[1:]
    del sys.argv[1:]  # the process that grades has no arguments either
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what is printed must not mix with the report

    def tell(**event: Any) -> None:
        print(json.dumps(event), file=channel, flush=True)

    _import_by_statements(names, tell)
    for name in names:
        importlib.import_module(name.removesuffix(".py").replace("/", "."))
    tell(kind="finished")
    os._exit(0)  # without waiting for what the learner's code left running


def _import_by_statements(names: list[str], tell: Any) -> None:
    """Let `import` execute these modules statement by statement, and go on after one that raises."""
    wanted = {str(Path.cwd() / name): name for name in names}

    class ByStatements(SourceFileLoader):
        def exec_module(self, module: ModuleType) -> None:
            if self.path not in wanted:
                return super().exec_module(module)
            tree = ast.parse(self.get_data(self.path))
            for statement in tree.body:
                _run(statement, module, _future_flags(tree), wanted[self.path], tell)

    package = str(Path.cwd() / "cs231n")
    make_finder = FileFinder.path_hook((ByStatements, [".py"]))

    def hook(path: str) -> Any:
        if not path.startswith(package):
            raise ImportError
        return make_finder(path)

    sys.path_hooks.insert(0, hook)


def _future_flags(tree: ast.Module) -> int:
    """The flags for `compile` that the module's `from __future__ import` set."""
    imports = (s for s in tree.body if isinstance(s, ast.ImportFrom) and s.module == "__future__")
    names = {alias.name for statement in imports for alias in statement.names}
    flags = 0
    for name in names & set(__future__.all_feature_names):
        flags |= getattr(__future__, name).compiler_flag
    return flags


def _run(statement: ast.stmt, module: ModuleType, flags: int, file: str, tell: Any) -> None:
    decorators = getattr(statement, "decorator_list", ())
    first = min([statement.lineno, *(node.lineno for node in decorators)])
    about = {"file": file, "first": first, "last": statement.end_lineno}
    tell(kind="began", **about)
    error = _execute(statement, module, flags)
    if error is not None:
        failing = [alias.name for alias in _aliases(statement) if _execute_alias(statement, alias, module)]
        told = {"error": type(error).__name__, "message": str(error)[:MOST_SHOWN], "aliases": failing}
        tell(kind="raised", **about, **told)
    tell(kind="ended", **about)


def _execute(statement: ast.stmt, module: ModuleType, flags: int = 0) -> BaseException | None:
    try:
        code = compile(ast.Module([statement], []), str(module.__file__), "exec", flags, dont_inherit=True)
        exec(code, module.__dict__)
    except BaseException as error:  # SystemExit and KeyboardInterrupt too
        return error
    return None


def _aliases(statement: ast.stmt) -> list[ast.alias]:
    return statement.names if isinstance(statement, (ast.Import, ast.ImportFrom)) else []


def _execute_alias(statement: ast.stmt, alias: ast.alias, module: ModuleType) -> BaseException | None:
    """Import one of the names of an import alone."""
    alone: ast.stmt = ast.Import([alias])
    if isinstance(statement, ast.ImportFrom):
        alone = ast.ImportFrom(statement.module, [alias], statement.level)
    return _execute(ast.fix_missing_locations(ast.copy_location(alone, statement)), module)


if __name__ == "__main__":
    main()
