"""Submit: pack an assignment's files into a zip, open it again, check what is in it, and leave a receipt.

The exit status is 0 if nothing is missing, 1 if the zip was written but has problems, and 2 if no zip was written.
"""

import ast
import contextlib
import json
import os
import platform
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import shorten
from typing import NamedTuple

import numpy as np

from coursekit.core.question import Status, Verdict
from coursekit.core.terminal import say
from coursekit.files import CONFLICT, has_conflict, pack_zip, unpack_zip, write_file
from coursekit.judging.attempt import copies_of
from coursekit.judging.misplaced import code_of_notebook, misplaced
from coursekit.judging.rendering import num_points
from coursekit.learner import answers_page, notebook_form, submission
from coursekit.learner.progress import obstacle, obstacles, status_words, verdicts
from coursekit.learner.start_page import due_words
from coursekit.paths import PACKAGE, ROOT, TOOLS, files_in
from coursekit.questions import notebook_file

# What the submitted files are checked with.
PROVIDED = (*PACKAGE, *TOOLS)
Files = dict[str, bytes]  # contents by relative name with "/"


def submit(assignment: str, out: str | Path | None = None, root: Path = ROOT) -> int:
    """Write the zip of an assignment, and print what is in it and what is missing.

    Parameters
    ----------
    assignment : str
        Such as "assignment1".
    out : str or Path, optional
        The zip to write; by default `assignment1.zip` in the course's folder.
    root : Path
        The course's folder.

    Returns
    -------
    int
        The exit status.
    """
    root = Path(root)
    try:
        about = _submit(assignment, Path(out).resolve() if out else root / f"{assignment}.zip", root)
    except (OSError, ValueError) as error:
        say(f"No zip was written: {error}")
        return 2
    report(about)
    return 1 if about.problems else 0


def _submit(assignment: str, out: Path, root: Path) -> "Report":
    submission.notebooks(assignment)  # raises if there is no such assignment
    files, problems = collect(assignment, root)
    if not files:
        raise ValueError(f"{root} has none of the files of {assignment}")
    found, more_problems = _check(assignment, files, root)
    problems = [p for p in problems if not any(more.startswith(p) for more in more_problems)]
    problems += [*more_problems, *unsubmitted_changes(root, assignment)]
    page = answers_page.page(assignment, _readable(files, assignment))
    receipt = make_receipt(assignment, files, {verdict.question.id: str(verdict.status) for verdict in found})
    packed = pack({**files, f"{assignment}_answers.html": page, submission.RECEIPT: _json(receipt)})
    _require_complete(packed, files)
    written = write_all(out, assignment, packed, page, receipt)
    return Report(out, files, found, problems, submission.digest(packed), len(packed), written, assignment)


def _check(assignment: str, files: Files, root: Path) -> tuple[list[Verdict], list[str]]:
    """The verdicts on the packed files, and the problems that they show."""
    print(f"Checking {len(submission.questions(assignment))} questions from the packed files ...", flush=True)
    try:
        found = check_packed(assignment, pack(files), root)
    except Exception as error:  # whatever is wrong with the course's own files must not keep the zip from being written
        return [], [f"The questions could not be checked ({type(error).__name__}: {error})."]
    return found, [*obstacles(found), *verdict_problems(found, files, assignment), *misplaced_work(found, files)]


def misplaced_work(found: Sequence[Verdict], files: Files) -> list[str]:
    """What the files define in the wrong place, as sentences."""
    open_questions = [v.question for v in found if v.status == Status.NOT_ATTEMPTED and not v.question.in_notebook]
    sources = {name: data.decode(errors="replace") for name, data in files.items() if name.endswith(".py")}
    sources |= {name: code_of_notebook(data) for name, data in files.items() if name.endswith(".ipynb")}
    return [f"{sentence}." for sentence in misplaced(open_questions, sources)]


# ---- what goes into the zip


def collect(assignment: str, root: Path) -> tuple[Files, list[str]]:
    """The files to submit, and their problems as sentences."""
    files, problems = {}, []
    for name in _names(assignment, root):
        path = Path(root, name)
        try:
            obstacle = _why_not_packed(name, path.stat().st_size, root)
            data = b"" if obstacle else path.read_bytes()
        except OSError as error:
            if name in submission.required(assignment):
                problems.append(f"{name} is missing ({error.strerror}).")
            continue
        if obstacle:
            problems.append(obstacle)
            continue
        files[name] = data
        problems += [f"{name}: {problem}." for problem in _file_problems(data, path)]
    return files, problems


def _names(assignment: str, root: Path) -> list[str]:
    """The names of all files that a submission may contain, the saved weights among them."""
    listed = [name for name in submission.allowed(assignment) if name not in (submission.WEIGHTS, submission.RECEIPT)]
    return listed + sorted(path.relative_to(root).as_posix() for path in Path(root).glob(submission.WEIGHTS))


def _why_not_packed(name: str, size: int, root: Path) -> str:
    """Why a file of so many bytes does not go into the zip, in a sentence; empty if it does."""
    if Path(root, name).resolve() != Path(root).resolve() / name:
        return f"{_printable(name)} is a link, or is in a folder that is one: it is not in the zip. Put the file there."
    if name.endswith(".npz") and not submission.is_weights(name):
        return f"{_printable(name)} is not in the zip: use only the letters a to z, digits and . _ - in its name."
    return _too_large(name, size)


def _printable(name: str) -> str:
    """A name, with escapes for the bytes that are not in the system's encoding."""
    return name if name.isprintable() else os.fsencode(name).decode("ascii", "backslashreplace")


def _too_large(name: str, size: int) -> str:
    """What to say about a file that is too large; empty if it is not."""
    limit = submission.LARGEST[Path(name).suffix]
    if size <= limit:
        return ""
    text = f"{name} is {size / 1e6:.0f} MB, but at most {limit / 1e6:g} MB are allowed: it is not in the zip"
    advice = "; clear its outputs (Edit > Clear Outputs of All Cells) and save" * name.endswith(".ipynb")
    return f"{text}{advice}."


def _file_problems(data: bytes, path: Path) -> list[str]:
    if path.suffix == ".ipynb":
        return list(notebook_problems(data, path))
    return module_problems(data) if path.suffix == ".py" else []


def module_problems(data: bytes) -> list[str]:
    """What is wrong with the text of a module."""
    if has_conflict(data.decode("utf-8", errors="replace")):
        return [CONFLICT]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(data)
    except SyntaxError as error:
        return [f"it is not valid Python, line {error.lineno}: {error.msg}"]
    except ValueError as error:
        return [f"it is not valid Python: {error}"]
    return []


def notebook_problems(data: bytes, path: Path) -> Iterator[str]:
    """What is wrong with a notebook: it cannot be read, was not saved or run, or answers are missing."""
    if _has_newer_copy(data, path):
        yield "there is a newer copy in .ipynb_checkpoints; if some of your work is missing, open that copy and save it"
    yield from (f"{copy.name} beside it was saved later, and is not submitted" for copy in _later_copies(path))
    try:
        notebook = notebook_form.read_notebook(data)
    except ValueError as error:
        yield str(error)
        return
    code = [
        cell for cell in notebook["cells"] if cell.get("cell_type") == "code" and notebook_form.source(cell).strip()
    ]
    if unrun := sum(cell.get("execution_count") is None and not cell.get("outputs") for cell in code):
        cells = f"{unrun} of its {len(code)} code cells have" if unrun < len(code) else "its code cells have"
        yield f"{cells} not been run; choose Run > Run All Cells, then save"
    if any(has_conflict(notebook_form.source(cell)) for cell in notebook["cells"]):
        yield f"in a cell: {CONFLICT}"
    asked = notebook_form.prompts(notebook)
    for number, (name, text) in enumerate(notebook_form.written_answers(notebook).items(), 1):
        if not text:
            yield f"written question {number} has no answer yet ({shorten(asked[name], 70, placeholder=' ...')})"


def _has_newer_copy(data: bytes, path: Path) -> bool:
    """Whether Jupyter kept a later state of a notebook than the saved one."""
    copy = path.parent / ".ipynb_checkpoints" / f"{path.stem}-checkpoint.ipynb"
    try:
        return copy.stat().st_mtime > path.stat().st_mtime + 1 and copy.read_bytes() != data
    except OSError:  # most have no copy
        return False


def _later_copies(path: Path) -> list[Path]:
    """Copies such as knn-Copy1.ipynb that were saved after the notebook itself."""
    with contextlib.suppress(OSError):  # the notebook, or a copy, is not there any more
        return [copy for copy in copies_of(path) if copy.stat().st_mtime > path.stat().st_mtime + 1]
    return []


def unsubmitted_changes(root: Path, assignment: str) -> list[str]:
    """Changes to `cs231n/` that are not submitted, as sentences; the edition's manifest tells them."""
    try:
        manifest = json.loads((Path(root) / "manifest.json").read_bytes())
    except (OSError, ValueError):
        return []  # the solved tree has none
    paths = [path for path in Path(root).glob("cs231n/**/*.py") if path.is_file()]
    names = sorted(path.relative_to(root).as_posix() for path in paths)
    later = {name for other in submission.assignments() for name in submission.modules(other)}
    problems = []
    for name in (name for name in names if not submission.is_allowed(name, assignment)):
        if name not in manifest:
            problems.append(
                f"{_printable(name)} is your own file: it is not submitted, and code that imports it will fail."
            )
        elif name not in later and not _is_same(Path(root, name).read_bytes(), manifest[name]):
            problems.append(f"{name} was edited: it is not submitted, and grading uses the original.")
    return problems


def _is_same(data: bytes, sha256: str) -> bool:
    """Whether a file has a hash, with its line endings or with those of Unix."""
    return sha256 in (submission.digest(data), submission.digest(data.replace(b"\r\n", b"\n")))


# ---- the zip


def pack(files: Files) -> bytes:
    """The zip of a submission: the same bytes for the same files, whatever their order."""
    return pack_zip(dict(sorted(files.items())))


def _require_complete(packed: bytes, files: Files) -> None:
    """Raise unless the zip can be opened and holds these files, as its receipt says."""
    unpacked = unpack_zip(packed)
    receipt = submission.read_receipt(unpacked.pop(submission.RECEIPT))
    problems = submission.receipt_problems(receipt, {name: unpacked[name] for name in files if name in unpacked})
    if problems:
        raise ValueError(f"the zip does not contain what was packed ({'; '.join(problems)})")


def check_packed(assignment: str, packed: bytes, root: Path) -> list[Verdict]:
    """The verdicts on the files of a zip, unpacked in an empty folder together with the course's provided files."""
    with tempfile.TemporaryDirectory(prefix="submission", ignore_cleanup_errors=True) as folder:
        allowed = set(submission.allowed(assignment))
        provided = files_in(PROVIDED, root)
        contents = {name: path.read_bytes() for name, path in provided.items() if name not in allowed}
        for name, data in (contents | unpack_zip(packed)).items():
            target = Path(folder, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        return verdicts(submission.questions(assignment), Path(folder))


# ---- what is printed


def verdict_problems(found: Sequence[Verdict], files: Files, assignment: str) -> list[str]:
    """Questions that are not attempted, and notebooks that show another verdict than the files get now."""
    count = sum(verdict.status == "not attempted" and verdict.question.points > 0 for verdict in found)
    problems = [f"{count} question{' is' if count == 1 else 's are'} not attempted; see above."] if count else []
    notebooks = _readable(files, assignment)
    for verdict in found:
        question = verdict.question
        shown = notebook_form.shown_verdict(notebooks.get(question.notebook, {"cells": []}), question.id)
        if shown and shown != verdict.status and not (question.in_notebook or obstacle(verdict)):
            problems.append(
                f"{question.notebook}.ipynb shows {question.id}: {shown}, but the verdict on the current files is "
                f"{verdict.status}; run the notebook again and save it."
            )
    return problems


def _readable(files: Files, assignment: str) -> dict[str, dict]:
    """The notebooks among the files that can be read, by name."""
    found = {}
    for name in submission.notebooks(assignment):
        try:
            found[name] = notebook_form.read_notebook(files[notebook_file(name)])
        except (KeyError, ValueError):
            continue
    return found


def make_receipt(assignment: str, files: Files, statuses: dict[str, str]) -> dict:
    """What was submitted: the hash of each file, and the verdict on each question. No time: same files, same zip."""
    return {
        "format": 1,
        "assignment": assignment,
        "files": {name: submission.digest(files[name]) for name in sorted(files)},
        "questions": statuses,
        "versions": {"python": platform.python_version(), "numpy": np.__version__},
    }


def _json(value: dict) -> bytes:
    return (json.dumps(value, indent=1) + "\n").encode()


def write_all(out: Path, assignment: str, packed: bytes, page: bytes, receipt: dict) -> list[str]:
    """Write the zip, and next to it the receipt and the written answers; the names of the latter."""
    kept = receipt | {
        "zip": out.name,
        "sha256": submission.digest(packed),
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }
    html, proof = (out.with_name(f"{assignment}_{name}") for name in ("answers.html", "receipt.json"))
    out.parent.mkdir(parents=True, exist_ok=True)
    write_file(out, packed)
    write_file(proof, _json(kept))
    write_file(html, page)
    return [proof.name, html.name, *answers_page.print_pdf(html)]


class Report(NamedTuple):
    """What a learner is told at the end."""

    out: Path
    files: Files
    verdicts: list[Verdict]
    problems: list[str]
    sha256: str
    size: int
    written: list[str]  # the receipt, then the pages of written answers
    assignment: str = ""


def report(about: Report) -> None:
    """Print what is in the zip, the verdict on each question, what is missing, and where the receipt is."""
    say(f"\n{about.out.name} ({about.size / 1e6:.1f} MB) contains:")
    for name, data in sorted(about.files.items()):
        say(f"  {name}  ({len(data) / 1000:,.0f} kB)")
    say(f"Your written answers, to read through: {', '.join(about.written[1:])}")
    _print_verdicts(about.verdicts)
    if about.problems:
        say("\nThe zip was written, but something is missing or broken:")
        say(*(f"  - {problem}" for problem in about.problems))
        say("You can submit it as it is, or fix this and run the same command again.")
    say(f"\nSubmit this file: {about.out}")
    if due := due_words(about.assignment):
        say(f"{about.assignment} is{due.removeprefix(',')}.")
    say(f"Keep {about.written[0]}: it proves what you submitted. SHA-256 of the zip:")
    say(f"  {about.sha256}")


def _print_verdicts(found: Sequence[Verdict]) -> None:
    say("\nThe verdict on each question in the zip (for those answered in a notebook, as saved there):")
    width = max((len(verdict.question.id) for verdict in found), default=0)
    for verdict in found:
        possible = verdict.question.points
        points = possible if verdict.ok else 0
        say(f"  {verdict.question.id:<{width}}  {status_words(verdict):<13}  {points} of {num_points(possible)}")
    earned = sum(verdict.question.points for verdict in found if verdict.ok)
    say(f"  {earned} of {sum(verdict.question.points for verdict in found)} points.")
    say("Grading runs the same checks on other inputs; written answers are read by a person.")
