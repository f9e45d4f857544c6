"""Merge a submission into the course's files: the provided part is the course's, the answers are the learner's.

What was done to provided cells costs nothing: the originals are used, and remarks say what was repaired.
"""

import ast
import copy
import json
import re
import warnings
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from coursekit.files import CONFLICT, has_conflict
from coursekit.grading.intake.earlier_versions import unknown_to_its_version
from coursekit.grading.intake.matching import CourseNotebook, Matching, names_in, split_merged
from coursekit.grading.intake.notebook_cells import (
    PARSING_ERRORS,
    bound_names,
    decode,
    parse,
    parse_module,
    plain_lines,
    read_cells,
)
from coursekit.grading.intake.repair import repaired
from coursekit.learner.notebook_form import source, without_blank
from coursekit.teacher.elsewhere import without_address
from coursekit.teacher.solutions import has_marker, strip_notebook

MOST_NAMED = 8  # cells in a remark
_DECLARATION = re.compile(r"^([ \t\f]*#.*?)coding[:=][ \t]*[-\w.]+")  # of an encoding, in the first two lines


@dataclass(frozen=True)
class MergedNotebook:
    """The course's notebook with a learner's answers in it.

    Parameters
    ----------
    notebook : dict
        nbformat 4.5; the learner's own code cells have ids that begin with "learner-".
    remarks : list of str
    answers : dict
        The source of each answer cell that the learner changed, by the question's id.
    written : dict
        Each written answer by the id of its cell, '' where there is none.
    extra : list of str
        The ids of the learner's own code cells.
    """

    notebook: dict
    remarks: list[str] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    written: dict[str, str] = field(default_factory=dict)
    extra: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class MergedModule:
    """A learner's module, completed where it lacks what other modules import."""

    source: str
    remarks: list[str] = field(default_factory=list)


# ---- modules


def merge_module(edition: str, submitted: str | bytes) -> MergedModule:
    """The learner's module as a whole; functions that are missing from it are added, unanswered.

    Parameters
    ----------
    edition : str
        The module as distributed.
    submitted : str or bytes
    """
    text, remarks = decode(submitted) if isinstance(submitted, bytes) else (plain_lines(submitted), [])
    text = _without_declaration(text.replace("\0", ""))
    if has_conflict(text):
        remarks.append(f"{CONFLICT.capitalize()}.")
    text, repairs = repaired(text, edition)
    remarks += repairs
    try:
        present = set().union(*map(bound_names, parse_module(text)))
        _require_compilable(text)
    except PARSING_ERRORS as error:
        line = f" (line {error.lineno})" if isinstance(error, SyntaxError) and error.lineno else ""
        remarks.append(f"It is not valid Python{line}, so none of its functions can run.")
        return MergedModule(text, remarks)
    imports, provided = _imports_and_others(edition)
    missing = [statement for statement in provided if bound_names(statement) - present]
    for statement in missing:
        names = ", ".join(sorted(bound_names(statement) - present))
        remarks.append(f"{names} is missing from it; the version that was distributed was added.")
    needed = {node.id for statement in missing for node in ast.walk(statement) if isinstance(node, ast.Name)} - present
    added = ["\n".join(_imports_of(needed, imports))] if needed else []
    added += [_lines_of(edition, statement) for statement in missing]
    return MergedModule("\n\n\n".join([text.rstrip("\n"), *added]) + "\n", remarks)


def _without_declaration(text: str) -> str:
    """A module that declares no encoding: its text is read, and written again, as UTF-8."""
    lines = text.split("\n")
    lines[:2] = [_DECLARATION.sub(r"\1", line) for line in lines[:2]]
    return "\n".join(lines)


def _require_compilable(text: str) -> None:
    """Compile a module as grading does later: what crashes or fills the memory must do so here, where it is confined.

    Errors are left to the process that runs the learner's code, whose traceback shows the line.
    """
    with warnings.catch_warnings(), suppress(*PARSING_ERRORS):
        warnings.simplefilter("ignore")
        compile(text, "module", "exec", dont_inherit=True)


Import = ast.Import | ast.ImportFrom


def _imports_and_others(source: str) -> tuple[list[Import], list[ast.stmt]]:
    body = ast.parse(source).body
    imports = [statement for statement in body if isinstance(statement, Import)]
    return imports, [statement for statement in body if not isinstance(statement, Import)]


def _imports_of(names: set[str], imports: list[Import]) -> Iterator[str]:
    """The imports that bind these names, as decorators need them, and none of the other names they import."""
    for statement in imports:
        kept = [alias for alias in statement.names if (alias.asname or alias.name).split(".")[0] in names]
        if kept:
            statement.names = kept
            yield ast.unparse(statement)


def _lines_of(text: str, statement: ast.stmt) -> str:
    """The lines of a statement with its decorators."""
    decorators = getattr(statement, "decorator_list", ())
    first = min([statement.lineno, *(node.lineno for node in decorators)])
    return "\n".join(text.split("\n")[first - 1 : statement.end_lineno])


# ---- notebooks


def merge_notebook(original: dict, submitted: bytes) -> MergedNotebook:
    """Merge a learner's notebook into the course's.

    Parameters
    ----------
    original : dict
        The course's notebook, as distributed or solved; the answers of a solved one are taken out first.
    submitted : bytes
        The file as submitted.

    Raises
    ------
    Refused
        If the bytes cannot be read as a notebook; this concerns this notebook alone.
    """
    cells, remarks = read_cells(submitted)
    for cell in cells:
        cell.source = without_address(cell.source)
    notebook = _without_answers(original)
    course = CourseNotebook(notebook["cells"])
    cells, split = split_merged(course, cells)
    return _Merge(notebook, Matching(course, cells), [*remarks, *split]).result()


def _without_answers(notebook: dict) -> dict:
    """A copy of the course's notebook; the answers of a solved one are taken out, its outputs stay."""
    notebook = copy.deepcopy(notebook)
    if any(has_marker(source(cell)) for cell in notebook["cells"]):
        stripped = json.loads(strip_notebook(json.dumps(notebook), "the course's notebook"))["cells"]
        for cell, blank in zip(notebook["cells"], stripped, strict=True):
            cell["source"] = blank["source"]
    return notebook


class _Merge:
    """Fills a notebook of the course from submitted cells that are matched with its own.

    Positions in the submission are called `t`, positions in the course's notebook `i`, or `slot` for an answer.
    """

    def __init__(self, notebook: dict, matching: Matching, remarks: list[str]) -> None:
        self.notebook, self.matching, self.remarks = notebook, matching, remarks
        self.course, self.cells = matching.course, matching.cells

    def result(self) -> MergedNotebook:
        written = self._written()
        answers = self._insert_answers()
        extra = self._insert_extra()
        self._remark_repairs()
        for slot in self.course.text_slots:
            if text := written[self.course.ids[slot]]:
                self.course.cells[slot]["source"] = text.splitlines(keepends=True)
        return MergedNotebook(self.notebook, self.remarks, answers, written, extra)

    # ---- written answers

    def _written(self) -> dict[str, str]:
        """The written answers by the id of their cell: its text, then the text in separate cells beside it."""
        beside = self._text_beside()
        matched = self.matching.by_course_cell()
        for slot in beside.keys() - matched.keys():
            matched[slot] = beside[slot].pop(0)
            self.matching.match[matched[slot]] = slot
        return {self.course.ids[slot]: self._answer(slot, beside.get(slot, []), matched) for slot in self._text_slots()}

    def _text_slots(self) -> list[int]:
        return sorted(self.course.text_slots)

    def _text_beside(self) -> dict[int, list[int]]:
        """Loose cells with text, by the slot that they are beside."""
        anchors = self.matching.anchors()
        beside: dict[int, list[int]] = {}
        for t in self.matching.loose():
            has_text = self.matching.is_text(t) and self.cells[t].source.strip()
            slot = self._slot_beside(t, anchors) if has_text else None
            if slot is not None:
                beside.setdefault(slot, []).append(t)
        return beside

    def _slot_beside(self, t: int, anchors: list[tuple[int, int]]) -> int | None:
        """The slot for a written answer that a loose cell is beside, or None."""
        before = max((pair for pair in anchors if pair[0] < t), default=(-1, -1))[1]
        after = min((pair for pair in anchors if pair[0] > t), default=(0, len(self.course.cells)))[1]
        return next((slot for slot in self._text_slots() if before <= slot <= after), None)

    def _answer(self, slot: int, beside: list[int], matched: dict[int, int]) -> str:
        own = [matched[slot]] if slot in matched else []
        texts = [without_blank(self.cells[t].source) for t in sorted(own + beside)]
        if beside:
            self.remarks.append(f"Part of the answer {self.course.ids[slot]} is in separate cells.")
        return "\n\n".join(filter(None, texts)) or self._written_into_provided(slot, matched)

    def _written_into_provided(self, slot: int, matched: dict[int, int]) -> str:
        """Lines that were added to the provided text right before or after the cell of an answer."""
        for i in (slot - 1, slot + 1):
            if i in matched and self.course.kinds[i] == "markdown" and matched[i] not in self.matching.earlier:
                provided = set(self.course.sources[i].splitlines())
                added = [line for line in self.cells[matched[i]].source.splitlines() if line not in provided]
                if any(line.strip() for line in added):
                    self.remarks.append(
                        f"The answer {self.course.ids[slot]} was written into the cell {self.course.ids[i]}."
                    )
                    return "\n".join(added).strip()
        return ""

    # ---- code

    def _insert_answers(self) -> dict[str, str]:
        answers = {}
        for t, i in sorted(self.matching.match.items()):
            if i in self.course.code_slots and not self.matching.is_blank(t, i):
                self.course.cells[i]["source"] = self.cells[t].source.splitlines(keepends=True)
                answers[self.course.ids[i]] = self.cells[t].source
        return answers

    def _insert_extra(self) -> list[str]:
        """Insert the learner's own code cells where they were, and additions to provided cells right after these."""
        after = self._own_code()
        for i, t in sorted(self.matching.by_course_cell().items()):
            if i not in self.course.slots and self.course.kinds[i] == "code" and self.matching.is_edited(t):
                after.setdefault(i, [])[:0] = self._added_to_provided(t, i)
        cells: list[dict] = []
        extra: list[str] = []
        for i in range(-1, len(self.course.cells)):
            cells += self.course.cells[i : i + 1] if i >= 0 else []
            for text in after.get(i, ()):
                extra.append(f"learner-{len(extra) + 1}")
                cells.append(_own_cell(extra[-1], text))
        self.notebook["cells"] = cells
        return extra

    def _own_code(self) -> dict[int, list[str]]:
        """The code of loose cells, by the position in the course's notebook after which it was."""
        anchors = self.matching.anchors()
        after: dict[int, list[str]] = {}
        self.matching.copies |= {t for t in self.matching.loose() if self.cells[t].source in self.matching.stubs}
        for t in self.matching.loose():
            if not self.matching.is_text(t) and self.cells[t].source.strip():
                i = max((pair for pair in anchors if pair[0] < t), default=(-1, -1))[1]
                after.setdefault(i, []).append(self.cells[t].source)
        return after

    def _added_to_provided(self, t: int, i: int) -> list[str]:
        """The statements that a learner added to a provided cell and that bind new names, such as imports."""
        provided, submitted = parse(self.course.sources[i]), parse(self.cells[t].source)
        if not provided or not submitted:
            return []
        known, names = {ast.dump(statement) for statement in provided}, set().union(*map(names_in, self.course.sources))
        lines = self.cells[t].source.split("\n")
        kinds = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Assign)
        own = [s for s in submitted if isinstance(s, kinds) and ast.dump(s) not in known and not bound_names(s) & names]
        return ["\n".join("\n".join(lines[s.lineno - 1 : s.end_lineno]) for s in own)] if own else []

    # ---- remarks

    def _remark_repairs(self) -> None:
        matched = self.matching.by_course_cell()
        answers = sorted(self.course.slots & matched.keys())
        edited = [i for i in sorted(matched.keys() - self.course.slots) if self.matching.is_edited(matched[i])]
        self._remark_missing_and_moved(matched)
        self._remark(edited, "is a provided cell that was edited; the original was restored")
        lost = [i for i in answers if self.cells[matched[i]].id != self.course.ids[i]]
        self._remark(lost, "had lost its id; it was recognised by its content or position")
        retyped = [i for i in answers if self.cells[matched[i]].kind != self.course.kinds[i]]
        self._remark(retyped, "was submitted as another type of cell; its type was restored")
        copies = sum(bool(self.cells[t].source.strip()) for t in self.matching.copies)
        if copies:
            what = "copy of a provided cell was" if copies == 1 else "copies of provided cells were"
            self.remarks.append(f"{copies} {what} left out.")

    def _remark_missing_and_moved(self, matched: dict[int, int]) -> None:
        if self.matching.earlier:
            provided = f"whose provided cells ({len(self.matching.earlier)}) were replaced by today's"
            self.remarks.append(f"It was made with an earlier version of the course, {provided}.")
            return
        in_order = {i for _, i in self.matching.anchors()}
        self._remark(self._missing(matched), "is missing; the original was inserted")
        self._remark([i for i in sorted(matched) if i not in in_order], "was moved; its position was restored")

    def _missing(self, matched: dict[int, int]) -> list[int]:
        """The cells that are missing, but for those that the course did not have yet when the learner got it."""
        missing = [i for i in range(len(self.course.cells)) if i not in matched]
        provided = [t for i, t in matched.items() if i not in self.course.slots]
        as_distributed = [self.cells[t].source for t in provided if not self.matching.is_edited(t)]
        new = unknown_to_its_version(as_distributed, [self.course.ids[i] for i in missing]) if missing else set()
        return [i for i in missing if self.course.ids[i] not in new]

    def _remark(self, positions: Iterable[int], what: str) -> None:
        names = [self.course.ids[i] for i in positions]
        if not names:
            return
        listed = ", ".join(names[:MOST_NAMED]) + f" and {len(names) - MOST_NAMED} more" * (len(names) > MOST_NAMED)
        self.remarks.append(f"Cell {listed} {what}." if len(names) == 1 else f"Each of the cells {listed} {what}.")


def _own_cell(name: str, text: str) -> dict:
    return {
        "cell_type": "code",
        "id": name,
        "metadata": {"tags": ["nbval-ignore-output"]},
        "execution_count": None,
        "outputs": [],
        "source": text.splitlines(keepends=True),
    }
