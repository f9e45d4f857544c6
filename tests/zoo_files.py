"""Entries of the zoo in the files of a tree, where a check finds them as it finds what a learner wrote."""

import ast
import inspect
import textwrap
from contextlib import contextmanager

from coursekit.paths import ROOT, file_of
from coursekit.questions import NOTEBOOKS, find
from coursekit.teacher.solutions import functions_in
from zoo import edited_text

# Where an entry needs what is around it in the zoo: the zoo is loaded when the function is first called, beside the
# modules of the tree, and put away again.
_FROM_ZOO = """

def _entry_of_the_zoo(module, question_id, name, target):
    import functools
    import importlib
    import sys

    def is_zoo(key):
        return key.split(".")[0] == "zoo"

    @functools.cache
    def entry():
        kept = {{key: sys.modules.pop(key) for key in list(sys.modules) if is_zoo(key)}}
        try:
            importlib.import_module(module)
            [found] = [
                e for e in sys.modules["zoo"]._entries if (e.question_id, e.name) == (question_id, name)
            ]
            return ({{found.target: found.function}} | found.beside)[target]
        finally:
            for key in list(filter(is_zoo, sys.modules)):
                del sys.modules[key]
            sys.modules.update(kept)

    def put_around(ours):
        @functools.wraps(ours)
        def run(*args, **options):
            return entry()(*args, **options)

        return run

    return put_around


{path} = _entry_of_the_zoo({module!r}, {question_id!r}, {name!r}, {target!r})({path})
"""


@contextmanager
def in_files(entry, root):
    """Write an entry, with what belongs beside it, into the files of a tree for a while."""
    targets = (entry.target, *entry.beside)
    before = {file: (root / file).read_text(encoding="utf-8") for file in map(file_of, targets)}
    try:
        for target in targets:
            path = root / file_of(target)
            path.write_text(with_entry(path.read_text(encoding="utf-8"), entry, target), encoding="utf-8")
        yield
    finally:
        for file, text in before.items():
            (root / file).write_text(text, encoding="utf-8")


def with_entry(source, entry, target):
    """The text of a file with an entry in the place of one of its functions."""
    path = target.partition(":")[2]
    lines = source.split("\n")
    first, last = next((first, last) for first, last, name in functions_in(source) if name == path)
    if entry.edits:
        changed = edited_text(textwrap.dedent("\n".join(lines[first - 1 : last])), entry.edits)
    elif not entry.beside and stands_alone(entry):
        changed = _renamed(entry.function, path.rpartition(".")[2])
    else:
        notebook = find(entry.question_id).notebook
        module = f"zoo.{NOTEBOOKS[notebook]}.{notebook}"
        return source + _FROM_ZOO.format(
            path=path, module=module, question_id=entry.question_id, name=entry.name, target=target
        )
    if "np" in _names(inspect.unwrap(entry.function).__code__) and "import numpy as np" not in lines:
        lines.append("import numpy as np\n")  # a name is looked up when the function is called
    indent = lines[first - 1][: len(lines[first - 1]) - len(lines[first - 1].lstrip())]
    return "\n".join([*lines[: first - 1], textwrap.indent(changed, indent), *lines[last:]])


def stands_alone(entry):
    """Whether an entry's text is all that it needs, but for NumPy."""
    function = inspect.unwrap(entry.function)
    names = set(_names(function.__code__)) & function.__globals__.keys()
    return names <= {"np"} and not function.__closure__


def _names(code):
    yield from code.co_names
    for inner in code.co_consts:
        if inspect.iscode(inner):
            yield from _names(inner)


def _renamed(function, name):
    """The text of a function without its decorators, under another name."""
    text = textwrap.dedent(inspect.getsource(inspect.unwrap(function)))
    [definition] = ast.parse(text).body
    lines = text.splitlines()[definition.lineno - 1 : definition.end_lineno]
    return "\n".join([lines[0].replace(f"def {definition.name}(", f"def {name}(", 1), *lines[1:]])


def copy_tree(root):
    """Put what a check needs into an empty folder: a `cs231n` to write into, links to the rest."""
    for path in (ROOT / "cs231n").rglob("*.py"):
        copy = root / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    for name in ("coursekit", "zoo", "cs231n/nets"):
        (root / name).symlink_to(ROOT / name, target_is_directory=True)
    return root
