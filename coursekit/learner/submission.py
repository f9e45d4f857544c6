"""What a hand-in is made of: known to the learner's `submit` and to the grading that reads it again."""

import fnmatch
import hashlib
import json
import re

from coursekit.files import CONFLICT, has_conflict
from coursekit.paths import file_of
from coursekit.questions import NOTEBOOKS, all_questions, notebook_file

RECEIPT = "receipt.json"
WEIGHTS = "cs231n/saved/*.npz"
LARGEST = {  # bytes of one file, by its ending: above what honest work needs, below what could fill a machine's memory
    ".ipynb": 20_000_000,  # ours with all pictures have at most 1 MB; JSON takes about twenty times its size in memory
    ".py": 1_000_000,  # ours have at most 40 kB
    ".npz": 64_000_000,  # the largest network of the course has 5 MB
    ".json": 1_000_000,  # the receipt
}
BLANK_ANSWER = "*Write your answer here.*"
_PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")
_BASE64 = re.compile(r"[A-Za-z0-9+/=\s]*")
_PROMPT = re.compile(r"^(\*\*(Inline question|Think and write)|#+ Written question)", re.MULTILINE)


def assignments():
    """The names of the assignments, in the order of the course."""
    return list(dict.fromkeys(NOTEBOOKS.values()))


def notebooks(assignment):
    """The names of an assignment's notebooks; the error for an unknown assignment lists those there are."""
    names = [name for name, where in NOTEBOOKS.items() if where == assignment]
    if not names:
        raise ValueError(f"There is no assignment {assignment!r}; there are {', '.join(assignments())}.")
    return names


def questions(assignment):
    """The questions of an assignment, in the order of the course."""
    names = notebooks(assignment)
    return [question for question in all_questions().values() if question.notebook in names]


def allowed(assignment):
    """The files that a hand-in may contain: relative names with "/", and one pattern for saved weights.

    The modules are those in which this and earlier assignments ask for functions. All other modules are ours.

    Examples
    --------
    >>> allowed("assignment1")[0], allowed("assignment1")[-1]
    ('assignments/assignment1/knn.ipynb', 'receipt.json')
    """
    names = [notebook_file(name) for name in notebooks(assignment)]
    return (*names, *modules(assignment), WEIGHTS, RECEIPT)


def wanted(assignment):
    """The files without which a hand-in has gaps: the notebooks, and the modules in which this assignment asks."""
    asked = {file_of(target) for question in questions(assignment) for target in question.implements}
    return [*map(notebook_file, notebooks(assignment)), *sorted(asked)]


def modules(assignment):
    """The modules in which an assignment and those before it ask for functions."""
    before = assignments()[: assignments().index(assignment) + 1]
    asked = [q for q in all_questions().values() if NOTEBOOKS[q.notebook] in before]
    return sorted({file_of(target) for question in asked for target in question.implements})


def is_allowed(name, assignment):
    """Whether a relative name with "/" may be in a hand-in."""
    names = allowed(assignment)
    return name in names or bool(name.count("/") == 2 and fnmatch.fnmatchcase(name, WEIGHTS))


# ---- written answers


def read_notebook(data):
    """The notebook in some bytes, a dict with a list of cells; ValueError with the reason if it is none."""
    try:
        notebook = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        if has_conflict(data.decode("utf-8", errors="replace")):
            raise ValueError(CONFLICT) from error
        raise ValueError("it is damaged: it cannot be read as a notebook") from error
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list) or not all(map(_is_cell, cells)):
        raise ValueError("it is no notebook of today's format; open and save it in JupyterLab")
    return notebook


def _is_cell(cell):
    lines = cell.get("source") if isinstance(cell, dict) else None
    return isinstance(lines, str) or isinstance(lines, list) and all(isinstance(line, str) for line in lines)


def shown_verdict(notebook, question_id):
    """The verdict that a saved notebook shows for a question: 'ok', 'wrong', 'not attempted', or '' for none.

    The cell is found by what it calls and not by its id, which some programs do not keep.
    """
    call = re.compile(rf"check\(\s*[\"']{re.escape(question_id)}[\"']")
    cells = [cell for cell in notebook["cells"] if cell.get("cell_type") == "code" and call.search(source(cell))]
    outputs = [output for cell in cells for output in cell.get("outputs", ())]
    printed = "".join("".join(output.get("text", output.get("evalue", ""))) for output in outputs)
    statuses = ("ok", "wrong", "not attempted")
    return next((status for status in statuses if f"{question_id}: {status}" in printed), "")


def is_written(cell):
    """Whether a cell of our notebooks is the place of a written answer."""
    name = cell.get("id", "")
    return cell.get("cell_type") == "markdown" and name.startswith("answer_") and not name.endswith("_compare")


def written_answers(notebook):
    """The written answers of a notebook (a dict) by the id of their cell, '' where none is given.

    Where a program took the ids away, an answer is what stands before "Compare with an answer".
    """
    return {name: without_blank(with_pictures(source(cell), cell)) for name, cell, _ in _written_cells(notebook)}


def prompts(notebook):
    """What each written answer answers, by the id of its cell: the end of the Markdown cell before it."""
    return {name: question for name, _, question in _written_cells(notebook)}


def _written_cells(notebook):
    """(id, cell, prompt) of each written answer."""
    cells = [cell for cell in notebook["cells"] if cell.get("cell_type") != "code"]
    by_id = any(map(is_written, cells))
    for before, cell, after in zip([None, *cells], cells, [*cells[1:], None], strict=False):
        if is_written(cell) if by_id else after and "<summary>Compare with an answer" in source(after)[:60]:
            text = source(before) if before else ""
            starts = [match.start() for match in _PROMPT.finditer(text)]
            yield cell.get("id", f"answer_{cells.index(cell)}"), cell, text[starts[-1] if starts else 0 :].strip()


def with_pictures(text, cell):
    """A Markdown text with the pictures that were pasted into its cell written out, so that it stands alone."""
    attachments = cell.get("attachments")
    for name, kinds in attachments.items() if isinstance(attachments, dict) else ():
        for kind, data in kinds.items() if isinstance(kinds, dict) else ():
            if kind in _PICTURES and isinstance(data, str) and _BASE64.fullmatch(data):
                # once: a picture that is shown a thousand times would fill the memory
                text = text.replace(f"attachment:{name}", f"data:{kind};base64,{''.join(data.split())}", 1)
    return text


def without_blank(text):
    """A written answer without what our notebooks put into its cell."""
    lines = [line for line in text.splitlines() if line.strip() not in (BLANK_ANSWER, "**Your answer:**")]
    return "\n".join(lines).strip()


def source(cell):
    """The source of a cell as one text."""
    return "".join(cell["source"])


# ---- receipts


def digest(data):
    """The SHA-256 of bytes, as hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def read_receipt(data):
    """The receipt in some bytes; ValueError if it is none."""
    try:
        receipt = json.loads(data)
        files, verdicts = receipt["files"], receipt["questions"]
        plain = all(isinstance(value, str) for pairs in (files, verdicts) for item in pairs.items() for value in item)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        plain = False
    if not plain:
        raise ValueError("the receipt is not as `submit` writes it")
    return receipt


def receipt_problems(receipt, files, sha256=None):
    """What does not fit between a receipt and the files that came with it (bytes by name), as sentences.

    Give `sha256`, that of the zip, to hold the learner's own copy of the receipt to it.
    """
    said = receipt["files"]
    came = {name: digest(data) for name, data in files.items() if name != RECEIPT}
    problems = [
        f"{name} is not the file that the receipt names" for name in said if came.get(name, said[name]) != said[name]
    ]
    problems += [f"{name} is in the receipt, but did not come" for name in said if name not in came]
    problems += [f"{name} came, but is not in the receipt" for name in came if name not in said]
    if sha256 is not None and receipt.get("sha256") != sha256:
        problems.append("the receipt was written for another zip")
    return problems
