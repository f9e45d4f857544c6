"""Graft a learner's work into our own files: the given part is ours, the answers are theirs.

The cells of a notebook are matched by id, then by content, then by place. So a cell that was copied, deleted, split,
merged, moved, retyped or given another id costs nothing; what was done is said in remarks.
"""

import ast
import copy
import json
import re
from bisect import bisect_left
from dataclasses import dataclass, field
from functools import lru_cache

from coursekit.files import CONFLICT, has_conflict
from coursekit.grading.intake.notebook_cells import (
    LARGEST_PARSED,
    MOST_CELLS,
    PARSING_ERRORS,
    Cell,
    bound_names,
    decode,
    parse,
    parse_module,
    plain_lines,
    read_cells,
)
from coursekit.learner import submission
from coursekit.questions import all_questions
from coursekit.teacher.solutions import BEGIN, strip_notebook

SIMILAR = 0.6  # share of content from which a cell is taken for an answer wherever it stands
SIMILAR_IN_PLACE = 0.2  # the same for a cell that stands where the answer belongs
MOST_PIECES = 20  # into which a cell is taken apart
CHANGED = "was given and came changed; ours was put in"
_STUB = re.compile(r"\s*(raise NotImplementedError\(|# TODO: |# check\(\")")


@dataclass(frozen=True)
class Grafted:
    """Our notebook with a learner's work in it.

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
class GraftedModule:
    """A learner's module, completed where it lacks what other modules import."""

    source: str
    remarks: list[str] = field(default_factory=list)


# ---- modules


def graft_module(ours, theirs):
    """The learner's module as a whole; functions that it lost come back unanswered.

    Parameters
    ----------
    ours : str
        The module of the learner's edition.
    theirs : str or bytes
    """
    theirs, remarks = decode(theirs) if isinstance(theirs, bytes) else (plain_lines(theirs), [])
    theirs = theirs.replace("\0", "")
    if has_conflict(theirs):
        remarks.append(f"{CONFLICT.capitalize()}.")
    try:
        there = set().union(*map(bound_names, parse_module(theirs)))
    except PARSING_ERRORS as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        remarks.append(f"It is not valid Python{line}, so none of its functions can be run.")
        return GraftedModule(theirs, remarks)
    given = [s for s in ast.parse(ours).body if not isinstance(s, (ast.Import, ast.ImportFrom))]
    missing = [statement for statement in given if bound_names(statement) - there]
    for statement in missing:
        names = ", ".join(sorted(bound_names(statement) - there))
        remarks.append(f"It lacks {names}, which was put in as it was handed out.")
    added = [_lines(ours, statement) for statement in missing]
    return GraftedModule("\n\n\n".join([theirs.rstrip("\n"), *added]) + "\n", remarks)


def _lines(source, statement):
    """The lines of a statement, its decorators with it."""
    first = min([statement.lineno, *(node.lineno for node in getattr(statement, "decorator_list", ()))])
    return "\n".join(source.split("\n")[first - 1 : statement.end_lineno])


# ---- notebooks


def graft_notebook(ours, theirs):
    """Put a learner's notebook into ours.

    Parameters
    ----------
    ours : dict
        Our notebook, as handed out or solved; of a solved one the answers are taken out first.
    theirs : bytes
        The file that was handed in.

    Raises
    ------
    Refused
        If the bytes cannot be read as a notebook; it concerns this notebook alone.
    """
    cells, remarks = read_cells(theirs)
    return _Graft(_without_answers(ours), cells, remarks).result()


def _without_answers(notebook):
    """A copy of our notebook; where it is the solved one, its answers are taken out and its outputs stay."""
    notebook = copy.deepcopy(notebook)
    if any(
        BEGIN in submission.source(cell) or "<!-- BEGIN SOLUTION" in submission.source(cell)
        for cell in notebook["cells"]
    ):
        stripped = json.loads(strip_notebook(json.dumps(notebook), "our notebook"))["cells"]
        for cell, blank in zip(notebook["cells"], stripped, strict=True):
            cell["source"] = blank["source"]
    return notebook


class _Graft:
    """One notebook of ours (`slots` are the cells that learners fill) and the cells of one of theirs.

    `match` maps places in theirs to places in ours; the other places in theirs are `loose`.
    """

    def __init__(self, ours, theirs, remarks):
        self.notebook, self.ours, self.remarks = ours, ours["cells"], remarks
        self.sources = [submission.source(cell).strip("\n") for cell in self.ours]
        self.ids = [cell["id"] for cell in self.ours]
        self.code_slots = {i for i, name in enumerate(self.ids) if _is_answer(self.ours[i])}
        self.text_slots = {i for i, cell in enumerate(self.ours) if submission.is_written(cell)}
        self.slots = self.code_slots | self.text_slots
        self.theirs = self._taken_apart(theirs)
        self.match, self.copies = {}, set()

    def result(self):
        self._match_given()
        self._match_ids()
        self._match_open_slots()
        self._match_changed_given()
        written = {self.ids[slot]: text for slot, text in self._written().items()}
        answers = self._put_answers()
        extra = self._put_extra()
        self._remark_changes()
        for slot in self.text_slots:
            text = written[self.ids[slot]]
            if text:
                self.ours[slot]["source"] = text.splitlines(keepends=True)
        return Grafted(self.notebook, self.remarks, answers, written, extra)

    # -- cells that were merged with given ones

    def _taken_apart(self, theirs):
        given = {}
        for i, text in enumerate(self.sources):
            if i not in self.slots and (len(text) > 20 or text.startswith("check(")):
                lines = text.split("\n")
                given.setdefault(lines[0], []).append((i, lines))
        whole, cells = set(self.sources), []
        for number, cell in enumerate(theirs, 1):
            pieces = [cell] if cell.source in whole else self._pieces(cell, given)
            if len(pieces) > 1:
                self.remarks.append(f"{_label(cell, number)} held a given cell and more; it was taken apart.")
            cells += pieces
        return cells

    def _pieces(self, cell, given):
        """A cell cut where whole given cells stand in it; the cell alone where there are none."""
        lines, given_parts, rests, at = cell.source.split("\n"), [], [[]], 0
        while at < len(lines):
            hit = next((hit for hit in given.get(lines[at], ()) if lines[at : at + len(hit[1])] == hit[1]), None)
            if hit:
                given_parts.append(Cell(self.ids[hit[0]], self.ours[hit[0]]["cell_type"], self.sources[hit[0]]))
                rests.append([])
            else:
                rests[-1].append(lines[at])
            at += len(hit[1]) if hit else 1
        name = cell.id if cell.id in {self.ids[i] for i in self.slots} else ""  # else it was that of the given part
        rests = [Cell(name, cell.kind, "\n".join(rest).strip("\n")) for rest in rests]
        if not given_parts or len(rests) > MOST_PIECES:
            return [cell]
        if cell.kind == "code" and any(parse(rest.source) is None for rest in rests):
            return [cell]  # the given lines stand inside of something
        pieces = [rests[0], *(piece for pair in zip(given_parts, rests[1:], strict=True) for piece in pair)]
        return [piece for piece in pieces if piece.source.strip()]

    # -- matching

    def _match_given(self):
        """Given cells that came unchanged, whatever their ids; a second one is a copy."""
        places = {}
        for i, text in enumerate(self.sources):
            if i not in self.slots:
                places.setdefault(text, []).append(i)
        by_id = {name: i for i, name in enumerate(self.ids)}
        for t, cell in enumerate(self.theirs):
            if cell.source in places and cell.source:
                left = places[cell.source]
                same = by_id.get(cell.id)
                if left:
                    self.match[t] = left.pop(left.index(same) if same in left else 0)
                else:
                    self.copies.add(t)

    def _match_ids(self):
        taken, by_id = set(self.match.values()), {}
        for t in self._loose():
            by_id.setdefault(self.theirs[t].id, []).append(t)
        for i, name in enumerate(self.ids):
            if name in by_id and i not in taken:
                # of several with the same id the first that says something; the others run as the learner's own
                best = next((t for t in by_id[name] if not self._is_blank(t, i)), by_id[name][0])
                self.match[best] = i

    def _match_open_slots(self):
        """Slots whose cell is missing or blank: the loose cell that fits best, in its place or by its content."""
        filled = {i for t, i in self.match.items() if not self._is_blank(t, i)}
        pairs = []
        for slot in self.code_slots - filled:
            first, last = self._gap(slot)
            for t in self._loose():
                if self._is_code(t):
                    near, alike = first < t < last, self._likeness(t, slot)
                    if alike >= (SIMILAR_IN_PLACE if near else SIMILAR):
                        pairs.append((near, alike, -t, slot))
        for *_, t, slot in sorted(pairs, reverse=True):
            if -t not in self.match and slot not in filled:
                self._move_match(-t, slot)
                filled.add(slot)

    def _move_match(self, t, slot):
        blank = next((old for old, i in self.match.items() if i == slot), None)
        if blank is not None:
            del self.match[blank]
            self.copies.add(blank)
        self.match[t] = slot

    def _loose(self):
        return [t for t in range(len(self.theirs)) if t not in self.match and t not in self.copies]

    def _is_blank(self, t, slot):
        """Whether a cell holds nothing but what was handed out."""
        text = self.theirs[t].source
        if slot in self.text_slots:
            return not submission.without_blank(text)
        return not text.strip() or text == self.sources[slot]

    def _is_code(self, t):
        """Whether a cell is code: a code cell, or one of another kind that is Python and binds a name."""
        return not self._is_prose(t) if self.theirs[t].kind == "code" else bool(_names(self.theirs[t].source))

    def _is_prose(self, t):
        """Whether a code cell holds text: nothing but comments, or no Python and no sign of it."""
        text = self.theirs[t].source
        lines = [line for line in text.splitlines() if line.strip()]
        if lines and all(line.lstrip().startswith("#") for line in lines):
            return True
        return not re.search(r"[=()\[\]{}%!]", text) and parse(text) is None

    def _likeness(self, t, slot):
        """How much a cell looks like the answer to a slot: the share of its given lines, or of the names it binds."""
        lines = {line.strip() for line in self.theirs[t].source.splitlines()}
        given = {line.strip() for line in self.sources[slot].splitlines() if not _STUB.match(line)} - {""}
        wanted, bound = _names(self.sources[slot]), _names(self.theirs[t].source)
        return max(len(given & lines) / max(len(given), 1), len(wanted & bound) / max(len(wanted), 1))

    def _match_changed_given(self):
        """Given cells that came changed and without ids: the loose cell in their place that shares most words."""
        matched = set(self.match.values())
        for i in range(len(self.ours)):
            if i not in self.slots and i not in matched:
                first, last = self._gap(i)
                near = [t for t in self._loose() if first < t < last]
                alike = [(_overlap(_words(self.theirs[t].source), _words(self.sources[i])), -t) for t in near]
                share, t = max(alike, default=(0, 0))
                if share >= SIMILAR:
                    self.match[-t] = i

    def _anchors(self):
        """Matched pairs (theirs, ours) that are in the same order in both: the longest such row."""
        tails, chains = [], []
        for t, i in sorted(self.match.items()):
            at = bisect_left(tails, i)
            chain = (t, i, chains[at - 1] if at else None)
            tails[at : at + 1], chains[at : at + 1] = [i], [chain]
        row, chain = [], chains[-1] if chains else None
        while chain:
            row.append(chain[:2])
            chain = chain[2]
        return row[::-1]

    def _gap(self, slot):
        """The places in theirs between which the cell of a slot belongs."""
        anchors = [(t, i) for t, i in self._anchors() if i != slot]
        first = max((t for t, i in anchors if i < slot), default=-1)
        last = min((t for t, i in anchors if i > slot), default=len(self.theirs))
        return first, last

    # -- what is taken

    def _written(self):
        """The written answers by slot: what stands in the cell, then what was written in cells of its own beside it."""
        texts = {slot: [] for slot in sorted(self.text_slots)}
        beside = {}
        anchors = self._anchors()
        for t in self._loose():
            text = self.theirs[t].kind != "code" or self._is_prose(t)
            slot = self._slot_beside(t, anchors) if text and self.theirs[t].source.strip() else None
            if slot is not None:
                beside.setdefault(slot, []).append(t)
        matched = {i: t for t, i in self.match.items()}
        for slot in set(beside) - set(matched):
            matched[slot] = beside[slot].pop(0)
            self.match[matched[slot]] = slot
        for slot, found in texts.items():
            places = sorted(beside.get(slot, []) + [t for t, i in self.match.items() if i == slot])
            found += filter(None, (submission.without_blank(self.theirs[t].source) for t in places))
            if beside.get(slot):
                self.remarks.append(f"The answer {self.ids[slot]} has text in cells of its own.")
            if not found:
                found += self._written_into_given(slot, matched)
        return {slot: "\n\n".join(found) for slot, found in texts.items()}

    def _slot_beside(self, t, anchors):
        """The place for a written answer that a loose text cell stands at, or None."""
        before = max((pair for pair in anchors if pair[0] < t), default=(-1, -1))[1]
        after = min((pair for pair in anchors if pair[0] > t), default=(0, len(self.ours)))[1]
        between = [slot for slot in sorted(self.text_slots) if before <= slot <= after]
        return between[0] if between else None

    def _written_into_given(self, slot, matched):
        """Lines that were added to the given text right before or after the place of an answer."""
        for i in (slot - 1, slot + 1):
            if i in matched and self.ours[i]["cell_type"] == "markdown":
                given = set(self.sources[i].splitlines())
                added = [line for line in self.theirs[matched[i]].source.splitlines() if line not in given]
                if any(line.strip() for line in added):
                    self.remarks.append(f"The answer {self.ids[slot]} was written into the cell {self.ids[i]}.")
                    return ["\n".join(added).strip()]
        return []

    def _put_answers(self):
        answers = {}
        for t, i in sorted(self.match.items()):
            cell = self.theirs[t]
            if i in self.code_slots and not self._is_blank(t, i):
                self.ours[i]["source"] = cell.source.splitlines(keepends=True)
                answers[self.ids[i]] = cell.source
        return answers

    def _put_extra(self):
        """Put the learner's own code cells where they stood, and what they added to given ones right after these."""
        anchors, after = self._anchors(), {}
        blank = {self.sources[slot] for slot in self.slots}
        self.copies |= {t for t in self._loose() if self.theirs[t].source in blank}
        for t in self._loose():
            if self.theirs[t].kind == "code" and self.theirs[t].source.strip() and not self._is_prose(t):
                place = max((pair for pair in anchors if pair[0] < t), default=(-1, -1))[1]
                after.setdefault(place, []).append(self.theirs[t].source)
        for t, i in sorted(self.match.items()):
            if i not in self.slots and self.ours[i]["cell_type"] == "code" and self.theirs[t].source != self.sources[i]:
                after.setdefault(i, [])[:0] = self._added_to_given(t, i)
        cells, extra = [], []
        for i in range(-1, len(self.ours)):
            cells += self.ours[i : i + 1] if i >= 0 else []
            for text in after.get(i, ()):
                extra.append(f"learner-{len(extra) + 1}")
                cells.append(_learners_cell(extra[-1], text))
        self.notebook["cells"] = cells
        return extra

    def _added_to_given(self, t, i):
        """The statements that a learner added to a given cell and that bind new names, such as imports."""
        ours, theirs = parse(self.sources[i]), parse(self.theirs[t].source)
        if not ours or not theirs:
            return []
        given, known = {ast.dump(statement) for statement in ours}, set().union(*map(_names, self.sources))
        lines = self.theirs[t].source.split("\n")
        kinds = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Assign)
        added = [s for s in theirs if isinstance(s, kinds) and ast.dump(s) not in given and not bound_names(s) & known]
        return ["\n".join("\n".join(lines[s.lineno - 1 : s.end_lineno]) for s in added)] if added else []

    # -- what is said

    def _remark_changes(self):
        matched = {i: self.theirs[t] for t, i in self.match.items()}
        slots = sorted(self.slots & set(matched))
        in_order = {i for _, i in self._anchors()}
        for places, what in (
            ([i for i in range(len(self.ids)) if i not in matched], "did not come; ours was put in"),
            ([i for i in sorted(matched) if i not in self.slots and self._is_changed(i, matched[i])], CHANGED),
            ([i for i in sorted(matched) if i not in in_order], "stood elsewhere; it was put back"),
            ([i for i in slots if matched[i].id != self.ids[i]], "came without its id; it was found all the same"),
            ([i for i in slots if matched[i].kind != self.ours[i]["cell_type"]], "came as another kind of cell"),
        ):
            if places:
                names = ", ".join(self.ids[i] for i in places[:8]) + f" and {len(places) - 8} more" * (len(places) > 8)
                self.remarks.append(f"Cell {names}: {what}." if len(places) == 1 else f"Cells {names}: each {what}.")
        copies = sum(bool(self.theirs[t].source.strip()) for t in self.copies)
        if copies:
            self.remarks.append(f"{copies} cop{'y' if copies == 1 else 'ies'} of given cells: left out.")

    def _is_changed(self, i, cell):
        return cell.source != self.sources[i] or cell.kind != self.ours[i]["cell_type"]


def _is_answer(cell):
    question = all_questions().get(cell["id"])
    return cell["cell_type"] == "code" and question is not None and question.in_notebook


@lru_cache(4 * MOST_CELLS)
def _names(source):
    return frozenset().union(*map(bound_names, parse(source) or []))


@lru_cache(4 * MOST_CELLS)
def _words(source):
    return frozenset(re.findall(r"\w+", source[:LARGEST_PARSED]))


def _overlap(a, b):
    return 2 * len(a & b) / max(len(a) + len(b), 1)


def _label(cell, number):
    return f"The cell {cell.id}" if re.fullmatch(r"[a-z]\w{2,40}", cell.id, re.ASCII) else f"Cell {number}"


def _learners_cell(name, text):
    return {
        "cell_type": "code",
        "id": name,
        "metadata": {"tags": ["nbval-ignore-output"]},
        "execution_count": None,
        "outputs": [],
        "source": text.splitlines(keepends=True),
    }
