"""What a submission consists of: shared by the learner's `submit` and the grading that reads it again."""

import fnmatch
import hashlib
import json
import re

from coursekit.core.question import Question
from coursekit.paths import file_of
from coursekit.questions import NOTEBOOKS, all_questions, asked_notebooks, notebook_file

RECEIPT = "receipt.json"
MOST_NAMED, LONGEST_NAME = 5, 80  # of the files that a receipt has wrong; a receipt may name thousands
WEIGHTS = "cs231n/saved/*.npz"
LARGEST = {  # bytes of one file, by its ending: more than honest work needs, less than could fill a machine's memory
    ".ipynb": 20_000_000,  # the course's with all images have at most 1 MB; JSON takes about 20 times that in memory
    ".py": 1_000_000,  # the course's have at most 40 kB
    ".npz": 64_000_000,  # the largest network of the course has 5 MB
    ".json": 1_000_000,  # the receipt
}


def assignments() -> list[str]:
    """The names of the assignments that the course asks, in its order."""
    return list(dict.fromkeys(asked_notebooks().values()))


def notebooks(assignment: str) -> list[str]:
    """The names of an assignment's notebooks; ValueError, with the names there are, for an unknown assignment."""
    names = [name for name, where in asked_notebooks().items() if where == assignment]
    if not names:
        raise ValueError(f"There is no assignment {assignment!r}; there are {', '.join(assignments())}.")
    return names


def questions(assignment: str) -> list[Question]:
    """The questions of an assignment that the course asks, in its order."""
    names = notebooks(assignment)
    return [question for question in all_questions().values() if question.notebook in names]


def allowed(assignment: str) -> tuple[str, ...]:
    """The files that a submission may contain: relative names with "/", and one pattern for saved weights.

    The modules are those in which this and earlier assignments ask for functions. All others are the course's own.

    Examples
    --------
    >>> allowed("assignment1")[0], allowed("assignment1")[-1]
    ('assignments/assignment1/knn.ipynb', 'receipt.json')
    """
    names = [notebook_file(name) for name in notebooks(assignment)]
    return (*names, *modules(assignment), WEIGHTS, RECEIPT)


def required(assignment: str) -> list[str]:
    """The files that a complete submission has: the notebooks, and the modules in which this assignment asks."""
    asked = {file_of(target) for question in questions(assignment) for target in question.implements}
    return [*map(notebook_file, notebooks(assignment)), *sorted(asked)]


def modules(assignment: str) -> list[str]:
    """The modules in which an assignment and earlier ones ask for functions."""
    before = assignments()[: assignments().index(assignment) + 1]
    asked = [q for q in all_questions().values() if NOTEBOOKS[q.notebook] in before]
    return sorted({file_of(target) for question in asked for target in question.implements})


def is_allowed(name: str, assignment: str) -> bool:
    """Whether a submission may contain a file; its name is relative, with "/"."""
    return name in allowed(assignment) or is_weights(name)


def is_weights(name: str) -> bool:
    """Whether a name is one that saved weights can have on every system."""
    *_, last = name.split("/")
    is_there = name.count("/") == 2 and fnmatch.fnmatchcase(name.casefold(), WEIGHTS)
    return is_there and re.fullmatch(r"[\w.-]{1,80}", last, re.ASCII) is not None


# ---- receipts


def digest(data: bytes) -> str:
    """The SHA-256 of bytes, as hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def read_receipt(data: bytes) -> dict:
    """The receipt in some bytes; ValueError if it is none."""
    try:
        receipt = json.loads(data)
        files, verdicts = receipt["files"], receipt["questions"]
        plain = all(isinstance(value, str) for pairs in (files, verdicts) for item in pairs.items() for value in item)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        plain = False
    if not plain:
        raise ValueError("the receipt is not one that `submit` wrote")
    return receipt


def receipt_problems(receipt: dict, files: dict[str, bytes], sha256: str | None = None) -> list[str]:
    """How a receipt and the submitted files (bytes by name) disagree, as sentences.

    Give `sha256`, that of the zip, to compare the learner's own copy of the receipt with it.
    """
    recorded = receipt["files"]
    found = {name: digest(data) for name, data in files.items() if name != RECEIPT}
    other = [name for name, hashed in recorded.items() if found.get(name, hashed) != hashed]
    problems = _problems(other, "not the file that the receipt lists")
    problems += _problems([name for name in recorded if name not in found], "in the receipt, but not in the submission")
    problems += _problems([name for name in found if name not in recorded], "in the submission, but not in the receipt")
    if sha256 is not None and receipt.get("sha256") != sha256:
        problems.append("the receipt was written for another zip")
    return problems


def _problems(names: list[str], what: str) -> list[str]:
    """A sentence for each of the first files, and one for all others."""
    shown = [name if name.isprintable() and len(name) <= LONGEST_NAME else ascii(name[:LONGEST_NAME]) for name in names]
    more = len(shown) - MOST_NAMED
    return [f"{name} is {what}" for name in shown[:MOST_NAMED]] + [f"{more} more files are {what}"] * (more > 0)
