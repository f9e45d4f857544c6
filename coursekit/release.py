"""The learner's edition: the solved tree with every answer taken out, proved empty, the same to the byte each time.

An answer stands between `### BEGIN SOLUTION` and `### END SOLUTION` in a .py file or a code cell, and between
`<!-- BEGIN SOLUTION -->` and `<!-- END SOLUTION -->` in a Markdown cell.
"""

import ast
import hashlib
import json
import re
import shutil
import tempfile
from pathlib import Path

from coursekit.progress import verdicts
from coursekit.questions import all_questions
from coursekit.worker import ROOT

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
_TEXT_ANSWER = re.compile(r"<!-- BEGIN SOLUTION -->.*?<!-- END SOLUTION -->", re.DOTALL)

# What goes into the edition, and the modules of coursekit that stay with the instructor.
INCLUDED = (
    "requirements.txt",
    "requirements.lock",
    "collect_submission.sh",
    "assignments/**/*.ipynb",
    "cs231n/**/*.py",
    "coursekit/**/*.py",
    "coursekit/questions/stored/*.npz",
    "datasets/get_datasets.py",
)
EXCLUDED = (
    "coursekit/release.py",
    "coursekit/store.py",
    "coursekit/results.py",
    "coursekit/zoo/*",
    "coursekit/grading/**/*",
    "**/.ipynb_checkpoints/*",
)
RENAMED = {"docs/learner/README.md": "README.md", "docs/learner/Makefile": "Makefile"}


class ReleaseError(Exception):
    """The learner's edition cannot be built; the message says why."""


def build(out):
    """Build the learner's edition in a folder; 0 if it was built."""
    out = Path(out).resolve()
    try:
        _require_free(out)
        _require_full_marks()
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent) as folder:
            edition = Path(folder) / "edition"
            write_edition(edition)
            _require_empty(edition)
            if out.exists():
                out.rmdir()
            edition.rename(out)
    except ReleaseError as error:
        print(f"The learner's edition was not built: {error}")
        return 1
    count = sum(path.is_file() for path in out.rglob("*"))
    print(f"The learner's edition is in {out}: {count} files, every question open.")
    return 0


def write_edition(edition, root=ROOT):
    """Write the stripped tree and its manifest, without proving anything."""
    for path in included_files(root):
        name = path.relative_to(root).as_posix()
        target = edition / RENAMED.get(name, name)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(stripped(path, name))
        target.chmod(0o755 if path.suffix == ".sh" else 0o644)
    files = sorted(path for path in edition.rglob("*") if path.is_file())
    manifest = {path.relative_to(edition).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    (edition / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def included_files(root=ROOT):
    """The files of the edition, in a fixed order."""
    found = {path for pattern in (*INCLUDED, *RENAMED) for path in root.glob(pattern) if path.is_file()}
    out = {path for pattern in EXCLUDED for path in root.glob(pattern)}
    return sorted(found - out)


def stripped(path, name):
    """The bytes of a file without its answers."""
    if path.suffix == ".ipynb":
        return strip_notebook(path.read_text(encoding="utf-8"), name).encode()
    if path.suffix == ".py" and name.startswith("cs231n/"):
        return strip_module(path.read_text(encoding="utf-8"), name).encode()
    return path.read_bytes()


def strip_module(source, name):
    """Replace each region of a module by a TODO and a `NotImplementedError` that names the question."""
    module = name.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
    functions = _functions(ast.parse(source))
    used = {}

    def question_at(line):
        path = _innermost(functions, line)
        asking = [q for q in all_questions().values() if f"{module}:{path}" in q.implements]
        if not asking:
            raise ReleaseError(f"{name}, line {line}: no question implements {module}:{path}")
        used[path] = used.get(path, 0) + 1
        return asking[min(used[path], len(asking)) - 1]

    return _replace_regions(source, name, question_at)


def _functions(tree, prefix=""):
    """(first line, last line, dotted name) of every function in a module."""
    found = []
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            path = f"{prefix}{node.name}"
            if isinstance(node, ast.FunctionDef):
                found.append((node.lineno, node.end_lineno, path))
            found += _functions(node, f"{path}.")
    return found


def _innermost(functions, line):
    around = [(first, path) for first, last, path in functions if first <= line <= last]
    return max(around)[1] if around else "(outside any function)"


def _replace_regions(source, name, question_at):
    lines, inside = [], None
    for number, line in enumerate(source.splitlines(keepends=True), 1):
        marker = line.strip()
        if marker == BEGIN:
            if inside:
                raise ReleaseError(f"{name}, line {number}: a solution begins inside another")
            inside = number
            lines += _stub(question_at(number), line[: len(line) - len(line.lstrip())])
        elif marker == END:
            if not inside:
                raise ReleaseError(f"{name}, line {number}: a solution ends that did not begin")
            inside = None
        elif not inside:
            lines.append(line)
    if inside:
        raise ReleaseError(f"{name}, line {inside}: this solution does not end")
    return "".join(lines)


def _stub(question, indent):
    message = f"{question.id}: {question.notebook}"
    return [
        f"{indent}# TODO: {question.title}. The notebook {question.notebook} explains it;\n",
        f'{indent}# check("{question.id}") there tells whether it is right.\n',
        f'{indent}raise NotImplementedError("{message}")\n',
    ]


def strip_notebook(text, name):
    """Replace the answers of a notebook and clear its outputs."""
    notebook = json.loads(text)
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            cell.update(outputs=[], execution_count=None)
            source = _replace_regions(source, f"{name}, cell {cell['id']}", lambda _, cell=cell: _asked_by(cell, name))
            source = source.rstrip("\n")
        elif cell["cell_type"] == "markdown":
            source = _TEXT_ANSWER.sub("*Write your answer here.*", source)
        cell["source"] = source.splitlines(keepends=True)
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def _asked_by(cell, name):
    if cell["id"] not in all_questions():
        raise ReleaseError(f"{name}: the cell {cell['id']!r} has a solution, but its id is not that of a question")
    return all_questions()[cell["id"]]


def _require_free(out):
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ReleaseError(f"{out} exists and is not empty; name a new folder")


def _require_full_marks():
    lacking = [v.question.id for v in verdicts(list(all_questions().values())) if not v.ok]
    if lacking:
        raise ReleaseError(f"in the solved tree these questions are not ok: {', '.join(lacking)}")


def _require_empty(edition):
    """Raise unless no marker is left and every question is open."""
    for path in edition.rglob("*"):
        name = path.relative_to(edition)
        if path.suffix in (".py", ".ipynb") and name.parts[0] != "coursekit" and _has_marker(path):
            raise ReleaseError(f"a solution marker is left in {name}")
    answered = [v for v in verdicts(list(all_questions().values()), edition) if v.status != "not attempted"]
    if answered:
        raise ReleaseError(
            "in the stripped tree these questions are not open: "
            + ", ".join(f"{v.question.id} ({v.status})" for v in answered)
        )
    for cache in edition.rglob("__pycache__"):
        shutil.rmtree(cache)


def _has_marker(path):
    text = path.read_text(encoding="utf-8")
    return any(marker in text for marker in ("BEGIN SOLUTION", "END SOLUTION"))
