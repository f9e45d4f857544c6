"""What learners wrote, in parts with their fingerprints: functions, cells and written answers.

A submission is opened and read in a process of its own, under limits; it is split at lines that begin a function, and
never parsed.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import PurePosixPath

from coursekit.grading.intake.archive import open_submission
from coursekit.grading.intake.confined import TooCostlyError, confined
from coursekit.grading.intake.sources import Source
from coursekit.grading.intake.text import clean
from coursekit.grading.intake.zips import Refused
from coursekit.grading.similarity.fingerprints import WORDS, Fingerprint, code_tokens, runs, winnowed, words
from coursekit.learner import notebook_form, submission
from coursekit.paths import ROOT
from coursekit.teacher.solutions import stripped

MEMORY = 2 << 30  # bytes to read a submission in
LONGEST, MOST_PARTS = 20_000, 1_000  # characters of a part, and parts of a file, that are looked at
_HEAD = re.compile(r"^(?:[ \t]*@[^\n]*\n){0,5}([ \t]*)(?:async[ \t]+)?(def|class)[ \t]+(\w{1,200})", re.MULTILINE)


@dataclass(frozen=True)
class Part:
    """A function, a cell or a written answer."""

    title: str
    text: str
    fingerprints: list[Fingerprint]


@dataclass(frozen=True)
class Work:
    """What one learner, or one group, wrote.

    `people` are all names by which the learner is known: works that have one in common are not compared. `earlier` is
    the folder of another class, "" for the class that is looked at.
    """

    id: str
    parts: list[Part]
    name: str = ""
    people: frozenset[str] = frozenset()
    group: str = ""
    earlier: str = ""
    problems: tuple[str, ...] = field(default=())

    @property
    def label(self) -> str:
        """How a page names it."""
        return f"{self.id} ({self.earlier})" if self.earlier else self.id


# ---- parts


def parts_of(files: Mapping[str, bytes], given: Collection[int] = frozenset()) -> tuple[list[Part], list[str]]:
    """The parts of a submission that have fingerprints, and which files could not be read."""
    parts: list[Part] = []
    problems: list[str] = []
    for name, data in files.items():
        try:
            parts += [part for part in _parts(name, data, given) if part.fingerprints]
        except (ValueError, RecursionError, MemoryError):
            problems.append(name)
    return parts, problems


def _parts(name: str, data: bytes, given: Collection[int]) -> Iterator[Part]:
    for title, text, is_code in islice(_texts(name, data), MOST_PARTS):
        shown = clean(text)[:LONGEST]
        yield Part(clean(title), shown, winnowed(_runs(shown, is_code), given))


def _runs(text: str, is_code: bool) -> list[Fingerprint]:
    return runs(code_tokens(text)) if is_code else runs(words(text), WORDS)


def _texts(name: str, data: bytes) -> Iterator[tuple[str, str, bool]]:
    """(title, text, whether it is code) of each part of a file."""
    file = PurePosixPath(name).name
    if file.endswith(".py"):
        for title, text in functions_in(data.decode("utf-8-sig", "replace")):
            yield f"{file}: {title}", text, True
    elif file.endswith(".ipynb"):
        notebook = notebook_form.read_notebook(data)
        for number, cell in enumerate(notebook["cells"], 1):
            if cell.get("cell_type") == "code":
                yield f"{file}: cell {str(cell.get('id') or number)[:80]}", notebook_form.source(cell), True
        for id_, text in notebook_form.written_answers(notebook).items():
            yield f"{file}: {id_}", _without_images(text), False


def _without_images(text: str) -> str:
    return re.sub(r"data:image/[^)\s]*", "", text)


def functions_in(source: str) -> list[tuple[str, str]]:
    r"""(name, text) of the functions and methods of a module, each with what follows until the next one.

    Examples
    --------
    >>> [name for name, _ in functions_in("def f():\n    def g(): ...\nclass A:\n    def h(self): ...")]
    ['f', 'A', 'A.h']
    """
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    found: list[tuple[str, int]] = []
    inside, in_class, class_indent = None, "", 0
    for head in _HEAD.finditer(source):
        indent = len(head[1].expandtabs())
        if inside is not None and indent > inside:
            continue
        in_class = in_class if indent > class_indent else ""
        is_class = head[2] == "class"
        found.append((f"{in_class}.{head[3]}" if in_class else head[3], head.start()))
        in_class, class_indent = (head[3], indent) if is_class else (in_class, class_indent)
        inside = None if is_class else indent
    ends = [*(start for _, start in found[1:]), len(source)]
    return [(name, source[start:end].rstrip()) for (name, start), end in zip(found, ends, strict=False)]


# ---- what is taken away


def given_runs(assignment: str) -> frozenset[int]:
    """The hashes of all runs in what learners are given, and in the course's own answers."""
    hashes: set[int] = set()
    names = [name for name in submission.allowed(assignment) if name.endswith((".py", ".ipynb"))]
    for name in names:
        for data in ((ROOT / name).read_bytes(), stripped(ROOT / name, name)):
            hashes |= _all_runs(name, data)
    return frozenset(hashes)


def _all_runs(name: str, data: bytes) -> set[int]:
    texts = [(text, is_code) for _, text, is_code in _texts(name, data)]
    if name.endswith(".ipynb"):  # what an answer may quote: questions, and answers to compare with
        cells = notebook_form.read_notebook(data)["cells"]
        texts += [(notebook_form.source(cell), False) for cell in cells if cell.get("cell_type") != "code"]
    return {run.hash for text, is_code in texts for run in _runs(clean(text), is_code)}


# ---- submissions


def read_work(source: Source, assignment: str, given: Collection[int], earlier: str = "") -> Work:
    """What was written in a submission; without parts, and with the problem, if it cannot be read."""
    about = source.learner
    people = {
        f"{key} {value.strip().casefold()}"
        for key in ("user", "email", "login", "id", "number")
        for value in str(about.get(key) or "").split(",")
        if value.strip()
    }
    work = partial(
        Work, clean(source.id), name=clean(source.name), people=frozenset(people), group=str(about.get("group") or "")
    )
    try:
        content = json.loads(confined(_read, source, assignment, given, memory=MEMORY))
    except TooCostlyError as error:
        return work([], earlier=earlier, problems=(str(error),))
    return work(
        [Part(title, text, [Fingerprint(*one) for one in found]) for title, text, found in content["parts"]],
        earlier=earlier,
        problems=tuple(content["problems"]),
    )


def _read(source: Source, assignment: str, given: Collection[int]) -> dict:
    try:
        files = open_submission(source, assignment).files
    except (Refused, OSError) as error:
        return {"parts": [], "problems": [str(error)]}
    parts, problems = parts_of({name: files[name] for name in sorted(files)}, given)
    told = [f"{name} cannot be read" for name in problems]
    return {"parts": [[part.title, part.text, part.fingerprints] for part in parts], "problems": told}


def related(one: Work, other: Work) -> bool:
    """Whether two works are of one learner, or of one group."""
    return bool(one.people & other.people or one.group and one.group == other.group)


def everyone(works: Iterable[Work]) -> list[str]:
    """Sentences about works that could not be read."""
    return [f"{work.label}: {'; '.join(work.problems)}." for work in works if work.problems]
