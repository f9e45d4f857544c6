"""The folder that a sandbox sees: the learner's edition with the learner's own files in it, and nothing that judges.

`with_reference` puts the reference in the place of single questions in a learner's module, for follow-through: a
question that fails because an earlier one is wrong is graded again with the earlier one right.
"""

import ast
import difflib
import importlib.util
import py_compile
import tempfile
from functools import cache
from pathlib import Path

from coursekit.grading.running.sandbox import SCRATCH
from coursekit.paths import PACKAGE, ROOT, SANDBOX, file_of, files_in
from coursekit.questions import NOTEBOOKS, all_questions
from coursekit.teacher.solutions import BEGIN, END, stripped


def build(folder, files, reference=(), graded=""):
    """Write the tree of one submission.

    Parameters
    ----------
    folder : path
        Must be there, and empty; what runs in the sandbox may be another user, so all may read it.
    files : dict
        The learner's modules of `cs231n` by relative name.
    reference : iterable of str
        Ids of questions that are answered by the reference, whatever the learner's files say.
    graded : str, optional
        Id of the question that is graded: what it asks for stays the learner's.
    """
    folder = Path(folder)
    contents = given() | files
    for name, ids in _by_module(reference).items():
        contents[name] = with_reference(name, contents[name].decode(errors="replace"), ids, graded).encode()
    for name, data in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    for path in (*SCRATCH, *(f"assignments/{assignment}" for assignment in NOTEBOOKS.values())):
        (folder / path).mkdir(parents=True, exist_ok=True)  # notebooks run there
    (folder / "datasets").symlink_to(data_folder())
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)
    for path in SCRATCH:
        (folder / path).chmod(0o777)


def data_folder():
    """The data sets: the sandbox sees them where they lie."""
    return ROOT / "datasets"


@cache
def given():
    """The learner's edition of `cs231n`, and what runs in the sandbox of coursekit, as bytes by name."""
    texts = _texts()
    return texts | {
        _compiled_name(name): _compiled(name, data) for name, data in texts.items() if name.startswith("coursekit/")
    }


def _compiled_name(name):
    return Path(importlib.util.cache_from_source(name)).as_posix()


def _compiled(name, data):
    """A .pyc that Python takes without looking at the source: compiling takes longer than all the rest of the start."""
    with tempfile.TemporaryDirectory() as folder:
        source, compiled = Path(folder, "source.py"), Path(folder, "compiled.pyc")
        source.write_bytes(data)
        mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
        py_compile.compile(str(source), str(compiled), dfile=name, doraise=True, invalidation_mode=mode)
        return compiled.read_bytes()


def _texts():
    return {name: stripped(path, name) for name, path in provided_files().items()}


def provided_files(root=ROOT):
    """The course's files that enter the sandbox, paths by name: the package, and what runs beside a learner's code."""
    return files_in((*PACKAGE, *SANDBOX), root)


def _by_module(ids):
    modules = {}
    for question_id in ids:
        for target in all_questions()[question_id].implements:
            modules.setdefault(file_of(target), []).append(question_id)
    return modules


# ---- follow-through


def with_reference(name, source, ids, graded=""):
    """A learner's module in which the reference answers some questions.

    Their functions are defined again at the end, so the learner's lines keep their numbers. Where the question that is
    graded asks for another part of the same function, their part alone is replaced, if the given lines around it are
    still there. A module that does not compile gives way to the learner's edition of it.
    """
    if not compiles(source):
        source = given()[name].decode()
    solved = (ROOT / name).read_text(encoding="utf-8")
    wanted = {id_: [t.split(":")[1] for t in all_questions()[id_].implements if file_of(t) == name] for id_ in ids}
    for path in dict.fromkeys(path for paths in wanted.values() for path in paths):
        asking = asking_for(name, path)
        if graded in asking:
            replaced = [index for index, id_ in enumerate(asking) if id_ in wanted]
            source = _with_regions(name, source, solved, path, replaced)
        else:
            source += _definition(solved, path)
    return source


def compiles(source):
    """Whether Python can read a module."""
    try:
        compile(source, "module", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def asking_for(name, path):
    """Ids of the questions that ask for a function, in the order of their regions in it."""
    target = f"{name.removesuffix('.py').replace('/', '.')}:{path}"
    return [question.id for question in all_questions().values() if target in question.implements]


def _definition(source, path):
    """The reference's function, to stand at the end of a module."""
    text = _text_of(source, path)
    *owners, function = path.split(".")
    if not owners:
        return f"\n\n{text}\n"
    owner = ".".join(owners)
    return f"\n\nclass _Reference:\n{text}\n\n\n{owner}.{function} = _Reference.{function}\n"


def _text_of(source, path):
    first, last = _lines_of(source, path)
    return "\n".join(source.splitlines()[first:last])


def _lines_of(source, path):
    """The lines of a function with its decorators: the first, and the one after the last; None if it is not there."""
    *owners, function = path.split(".")
    scope = ast.parse(source)
    for owner in owners:
        scope = next((n for n in scope.body if isinstance(n, ast.ClassDef) and n.name == owner), None)
        if scope is None:
            return None
    found = [n for n in scope.body if isinstance(n, ast.FunctionDef) and n.name == function]
    if not found:
        return None
    first = min([found[-1].lineno, *(decorator.lineno for decorator in found[-1].decorator_list)])
    return first - 1, found[-1].end_lineno


def _with_regions(name, source, solved, path, replaced):
    """Replace single regions of a function, found by the given lines around them; unchanged if they are not found."""
    place = _lines_of(source, path)
    if place is None:
        return source
    lines = source.splitlines()
    theirs = lines[slice(*place)]
    given, regions = _split(_text_of(solved, path).splitlines())
    matched = _matches(given, theirs)
    for index in sorted(replaced, reverse=True):
        before, text = regions[index]
        # The given lines just before and after a region, as they are numbered in the learner's function.
        start, stop = matched.get(before - 1), matched.get(before, len(theirs) if before == len(given) else None)
        if start is not None and stop is not None and start < stop:
            theirs[start + 1 : stop] = text
    lines[slice(*place)] = theirs
    changed = "\n".join(lines) + "\n"
    return changed if compiles(changed) else source


def _split(lines):
    """Given lines, and for each region how many given lines stand before it, and its own lines."""
    given, regions, inside = [], [], None
    for line in lines:
        marker = line.strip()
        if marker == BEGIN:
            inside = []
        elif marker == END:
            regions.append((len(given), inside))
            inside = None
        elif inside is not None:
            inside.append(line)
        else:
            given.append(line)
    return given, regions


def _matches(given, theirs):
    matcher = difflib.SequenceMatcher(None, [g.strip() for g in given], [t.strip() for t in theirs], autojunk=False)
    return {a + i: b + i for a, b, size in matcher.get_matching_blocks() for i in range(size)}
