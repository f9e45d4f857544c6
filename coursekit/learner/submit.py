"""Hand in: pack an assignment's files, open the zip again, check what is in it, and leave a receipt.

The exit status is 0 if all is there, 1 if the zip was written but has gaps, and 2 if no zip could be made.
"""

import ast
import json
import platform
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

from coursekit.files import CONFLICT, has_conflict, pack_zip, unpack_zip, write_file
from coursekit.learner import answers_page, submission
from coursekit.learner.progress import verdicts
from coursekit.paths import PACKAGE, ROOT, TOOLS, files_in
from coursekit.questions import notebook_file

# What the submitted files are checked with.
PROVIDED = (*PACKAGE, *TOOLS)


def submit(assignment, out=None, root=ROOT):
    """Make the zip of an assignment, and say what is in it and what is missing.

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
        return _submit(assignment, Path(out).resolve() if out else root / f"{assignment}.zip", root)
    except (OSError, ValueError) as error:
        print(f"No zip was made: {error}")
        return 2


def _submit(assignment, out, root):
    submission.notebooks(assignment)  # raises where there is no such assignment
    files, gaps = collect(assignment, root)
    if not files:
        raise ValueError(f"none of the files of {assignment} is in {root}")
    out.parent.mkdir(parents=True, exist_ok=True)
    print(f"Checking {len(submission.questions(assignment))} questions from the packed files ...", flush=True)
    try:
        found = check_packed(assignment, _packed(files), root)
    except Exception as error:  # whatever is wrong with the course's own files: a deadline does not wait for it
        found, gaps = [], [*gaps, f"The questions could not be checked ({type(error).__name__}: {error})."]
    gaps += question_gaps(found, files, assignment) + given_gaps(root, assignment)
    page = answers_page.page(assignment, _readable(files, assignment))
    receipt = make_receipt(assignment, files, {verdict.question.id: verdict.status for verdict in found})
    packed = _packed({**files, f"{assignment}_answers.html": page, submission.RECEIPT: _json(receipt)})
    _require_whole(packed, files)
    written = write_all(out, assignment, packed, page, receipt)
    report(out, files, found, gaps, packed, written)
    return 1 if gaps else 0


# ---- what goes in


def collect(assignment, root):
    """The files to hand in, bytes by name, and what is wrong with them, as sentences."""
    files, gaps = {}, []
    names = [name for name in submission.allowed(assignment) if name not in (submission.WEIGHTS, submission.RECEIPT)]
    saved = sorted(path.relative_to(root).as_posix() for path in Path(root).glob(submission.WEIGHTS))
    for name in [*names, *saved]:
        try:
            data = Path(root, name).read_bytes()
        except OSError as error:
            if name in submission.required(assignment):
                gaps.append(f"{name} is missing ({error.strerror}).")
            continue
        most = submission.LARGEST[Path(name).suffix]
        if len(data) > most:
            advice = "; clear its outputs (Edit > Clear Outputs of All Cells) and save" * name.endswith(".ipynb")
            gaps.append(f"{name} has {len(data) / 1e6:.0f} MB, more than {most / 1e6:g}: it is not in the zip{advice}.")
            continue
        files[name] = data
        gaps += _file_gaps(name, data, Path(root, name))
    return files, gaps


def _file_gaps(name, data, path):
    if name.endswith(".ipynb"):
        return [f"{name}: {gap}." for gap in notebook_gaps(data, path)]
    if name.endswith(".py"):
        return [f"{name}: {gap}." for gap in module_gaps(data)]
    return []


def module_gaps(data):
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


def notebook_gaps(data, path):
    """What is wrong with a notebook: unreadable, not saved, answers missing."""
    gaps = []
    copy = path.parent / ".ipynb_checkpoints" / f"{path.stem}-checkpoint.ipynb"
    if copy.exists() and copy.stat().st_mtime > path.stat().st_mtime + 1 and copy.read_bytes() != data:
        gaps.append("there is a newer copy in .ipynb_checkpoints; open it and save it if your work is not all there")
    try:
        notebook = submission.read_notebook(data)
    except ValueError as error:
        return [*gaps, str(error)]
    code = [cell for cell in notebook["cells"] if cell.get("cell_type") == "code" and submission.source(cell).strip()]
    unrun = sum(cell.get("execution_count") is None and not cell.get("outputs") for cell in code)
    if unrun:
        gaps.append(f"{unrun} of its {len(code)} code cells have not been run; Run > Run All Cells, then save")
    if any(has_conflict(submission.source(cell)) for cell in notebook["cells"]):
        gaps.append(f"in a cell: {CONFLICT}")
    blank = [name for name, text in submission.written_answers(notebook).items() if not text]
    if blank:
        gaps.append(f"no written answer yet in {', '.join(blank)}")
    return gaps


def given_gaps(root, assignment):
    """What a learner changed or added in `cs231n/` that is not handed in, by the edition's manifest."""
    try:
        manifest = json.loads((Path(root) / "manifest.json").read_bytes())
    except (OSError, ValueError):
        return []  # the solved tree has none
    names = sorted(path.relative_to(root).as_posix() for path in Path(root).glob("cs231n/**/*.py"))
    later = {name for other in submission.assignments() for name in submission.modules(other)}
    gaps = []
    for name in (name for name in names if not submission.is_allowed(name, assignment)):
        if name not in manifest:
            gaps.append(f"{name} is a file of your own: it is not handed in, and code that imports it will fail.")
        elif name not in later and not _is_same(Path(root, name).read_bytes(), manifest[name]):
            gaps.append(f"{name} was changed: it is not handed in, and grading uses it as it was handed out.")
    return gaps


def _is_same(data, sha256):
    """Whether a file has a hash, be it with the line ends of Windows."""
    return sha256 in (submission.digest(data), submission.digest(data.replace(b"\r\n", b"\n")))


# ---- the zip


def _packed(files):
    return pack_zip(dict(sorted(files.items())))


def _require_whole(packed, files):
    came = unpack_zip(packed)
    receipt = submission.read_receipt(came.pop(submission.RECEIPT))
    problems = submission.receipt_problems(receipt, {name: came[name] for name in files if name in came})
    if problems:
        raise ValueError(f"the zip does not hold what was packed ({'; '.join(problems)})")


def check_packed(assignment, packed, root):
    """The verdicts on the files in a zip, unpacked in a clean folder on top of the course's given files."""
    files = unpack_zip(packed)
    with tempfile.TemporaryDirectory(prefix="handin", ignore_cleanup_errors=True) as folder:
        allowed = set(submission.allowed(assignment))
        provided = files_in(PROVIDED, root)
        content = {name: path.read_bytes() for name, path in provided.items() if name not in allowed} | files
        for name, data in content.items():
            target = Path(folder, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        return verdicts(submission.questions(assignment), Path(folder))


# ---- what is said


def question_gaps(found, files, assignment):
    """Questions that are open, and saved outputs that say something else than the files do now."""
    count = sum(verdict.status == "not attempted" and verdict.question.points > 0 for verdict in found)
    gaps = [f"{count} question{' is' if count == 1 else 's are'} not attempted, see above."] if count else []
    notebooks = _readable(files, assignment)
    for verdict in found:
        question = verdict.question
        shown = submission.shown_verdict(notebooks.get(question.notebook, {"cells": []}), question.id)
        if shown and shown != verdict.status and not question.in_notebook:
            gaps.append(
                f"{question.notebook}.ipynb shows {question.id}: {shown}, but with the files as they are it is "
                f"{verdict.status}; run the notebook again, and save."
            )
    return gaps


def _readable(files, assignment):
    """The notebooks among the files that can be read, as dicts by name."""
    found = {}
    for name in submission.notebooks(assignment):
        try:
            found[name] = submission.read_notebook(files[notebook_file(name)])
        except (KeyError, ValueError):
            continue
    return found


def make_receipt(assignment, files, status):
    """What was handed in: the hash of each file, and each question's verdict. No time: same files, same zip."""
    return {
        "format": 1,
        "assignment": assignment,
        "files": {name: submission.digest(files[name]) for name in sorted(files)},
        "questions": status,
        "versions": {"python": platform.python_version(), "numpy": np.__version__},
    }


def _json(value):
    return (json.dumps(value, indent=1) + "\n").encode()


def write_all(out, assignment, packed, page, receipt):
    """Write the zip, and beside it the receipt and the written answers; the names of what was written."""
    kept = receipt | {
        "zip": out.name,
        "sha256": submission.digest(packed),
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }
    html, proof = (out.with_name(f"{assignment}_{name}") for name in ("answers.html", "receipt.json"))
    write_file(out, packed)
    write_file(proof, _json(kept))
    write_file(html, page)
    return [proof.name, html.name, *answers_page.print_pdf(html)]


def report(out, files, found, gaps, packed, written):
    """Print what is in the zip, how each question stands, what is missing, and the receipt."""
    print(f"\nIn {out.name} ({len(packed) / 1e6:.1f} MB):")
    for name, data in sorted(files.items()):
        print(f"  {name}  ({len(data) / 1000:,.0f} kB)")
    print(f"Your written answers, to look at: {', '.join(written[1:])}")
    print("\nThe questions, checked from the zip (those answered in a notebook as the notebook shows them):")
    width = max((len(verdict.question.id) for verdict in found), default=0)
    for verdict in found:
        points = verdict.question.points if verdict.ok else 0
        print(f"  {verdict.question.id:<{width}}  {verdict.status:<13}  {points} of {verdict.question.points} points")
    earned, possible = (sum(v.question.points for v in found if v.ok or every) for every in (False, True))
    print(
        f"  {earned} of {possible} points. Grading runs the same checks on other inputs, and reads the written answers."
    )
    if gaps:
        print("\nThe zip was made, but something is missing or broken:")
        print(*(f"  - {gap}" for gap in gaps), sep="\n")
        print("It can be handed in as it is; or mend this, and run the same command again.")
    print(f"\nHand in: {out}")
    print(f"Keep {written[0]}: with it you can show what you handed in. SHA-256 of the zip:")
    print(f"  {submission.digest(packed)}")
