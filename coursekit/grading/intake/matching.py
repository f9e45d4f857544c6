"""Find out which cell of a submitted notebook is which cell of the course's.

Cells are matched by id, then by content, then by position. So a cell that was copied, deleted, split, merged, moved,
retyped or given another id costs nothing.
"""

import re
from bisect import bisect_left
from functools import lru_cache

from coursekit.grading.intake.earlier_versions import earlier_id, is_earlier
from coursekit.grading.intake.notebook_cells import LARGEST_PARSED, MOST_CELLS, Cell, bound_names, parse
from coursekit.learner.notebook_form import is_written_answer, source, without_blank
from coursekit.questions import all_questions

SIMILAR = 0.6  # share of content from which a cell is taken for an answer wherever it is
SIMILAR_IN_PLACE = 0.2  # the same for a cell that is where the answer belongs
MOST_PIECES = 20  # into which a cell is split
_STUB = re.compile(r"\s*(raise NotImplementedError\(|# TODO: |# check\(\")")


class CourseNotebook:
    """The cells of the course's notebook. The learner fills the slots; all other cells are provided."""

    def __init__(self, cells: list[dict]) -> None:
        self.cells = cells
        self.sources = [source(cell).strip("\n") for cell in cells]
        self.ids = [cell["id"] for cell in cells]
        self.kinds = [cell["cell_type"] for cell in cells]
        self.code_slots = {i for i, cell in enumerate(cells) if _is_code_answer(cell)}
        self.text_slots = {i for i, cell in enumerate(cells) if is_written_answer(cell)}
        self.slots = self.code_slots | self.text_slots
        self.by_id = {name: i for i, name in enumerate(self.ids)}

    def provided(self) -> list[int]:
        """The positions of the provided cells."""
        return [i for i in range(len(self.cells)) if i not in self.slots]


def _is_code_answer(cell: dict) -> bool:
    question = all_questions().get(cell["id"])
    return cell["cell_type"] == "code" and question is not None and question.in_notebook


# ---- cells that were merged with provided ones


def split_merged(course: CourseNotebook, cells: list[Cell]) -> tuple[list[Cell], list[str]]:
    """The submitted cells, those that contain a whole provided cell and more split at it; and remarks."""
    by_first_line: dict[str, list[tuple[int, list[str]]]] = {}
    for i in course.provided():
        text = course.sources[i]
        if len(text) > 20 or text.startswith("check("):
            lines = text.split("\n")
            by_first_line.setdefault(lines[0], []).append((i, lines))
    whole, split, remarks = set(course.sources), [], []
    for number, cell in enumerate(cells, 1):
        is_known = cell.source in whole or is_earlier(cell.source)
        pieces = [cell] if is_known else _pieces(course, cell, by_first_line)
        if len(pieces) > 1:
            remarks.append(f"{_label(cell, number)} contains a provided cell and other code or text; it was split.")
        split += pieces
    return split, remarks


def _pieces(course: CourseNotebook, cell: Cell, by_first_line: dict[str, list[tuple[int, list[str]]]]) -> list[Cell]:
    """A cell split where it contains whole provided cells; the cell alone where it contains none."""
    lines, provided, at = cell.source.split("\n"), [], 0
    rests: list[list[str]] = [[]]
    while at < len(lines):
        hit = next((hit for hit in by_first_line.get(lines[at], ()) if lines[at : at + len(hit[1])] == hit[1]), None)
        if hit:
            provided.append(Cell(course.ids[hit[0]], course.kinds[hit[0]], course.sources[hit[0]]))
            rests.append([])
        else:
            rests[-1].append(lines[at])
        at += len(hit[1]) if hit else 1
    name = cell.id if course.by_id.get(cell.id) in course.slots else ""  # else it was that of the provided part
    own = [Cell(name, cell.kind, "\n".join(rest).strip("\n")) for rest in rests]
    if not provided or len(own) > MOST_PIECES:
        return [cell]
    if cell.kind == "code" and any(parse(piece.source) is None for piece in own):
        return [cell]  # the provided lines are inside of something
    pieces = [own[0], *(piece for pair in zip(provided, own[1:], strict=True) for piece in pair)]
    return [piece for piece in pieces if piece.source.strip()]


def _label(cell: Cell, number: int) -> str:
    return f"The cell {cell.id}" if re.fullmatch(r"[a-z]\w{2,40}", cell.id, re.ASCII) else f"Cell {number}"


# ---- matching


class Matching:
    """Which submitted cell is which of the course's.

    `match` maps positions in the submission to positions in the course's notebook. `copies` are second copies of
    provided cells, `earlier` are provided cells of an earlier version of the course; the remaining ones are `loose`.
    """

    def __init__(self, course: CourseNotebook, cells: list[Cell]) -> None:
        self.course, self.cells = course, cells
        self.stubs = {course.sources[slot] for slot in course.slots}
        self.match: dict[int, int] = {}
        self.copies: set[int] = set()
        self.earlier: set[int] = set()
        self._match_unchanged()
        self._match_earlier()
        self._match_ids()
        self._match_open_slots()
        self._match_edited()

    def loose(self) -> list[int]:
        """Positions of the cells that are none of the course's."""
        known = self.match.keys() | self.copies | self.earlier
        return [t for t in range(len(self.cells)) if t not in known]

    def by_course_cell(self) -> dict[int, int]:
        """`match` the other way round."""
        return {i: t for t, i in self.match.items()}

    def is_edited(self, t: int) -> bool:
        """Whether a matched provided cell is not as distributed."""
        i, cell = self.match[t], self.cells[t]
        return t not in self.earlier and (cell.source != self.course.sources[i] or cell.kind != self.course.kinds[i])

    def is_blank(self, t: int, slot: int) -> bool:
        """Whether a cell contains nothing but what was distributed."""
        text = self.cells[t].source
        if slot in self.course.text_slots:
            return not without_blank(text)
        return not text.strip() or text == self.course.sources[slot] or is_earlier(text)

    def is_prose(self, t: int) -> bool:
        """Whether a code cell contains text: nothing but comments, or no Python and no sign of it."""
        text = self.cells[t].source
        lines = [line for line in text.splitlines() if line.strip()]
        if lines and all(line.lstrip().startswith("#") for line in lines):
            return True
        return not re.search(r"[=()\[\]{}%!]", text) and parse(text) is None

    def is_text(self, t: int) -> bool:
        """Whether a cell contains text, even if it is of the wrong kind."""
        return self.cells[t].kind != "code" or self.is_prose(t)

    def _is_code(self, t: int) -> bool:
        """Whether a cell is code: a code cell, or one of another kind that is Python and binds a name."""
        return not self.is_prose(t) if self.cells[t].kind == "code" else bool(names_in(self.cells[t].source))

    # ---- one way to match after the other

    def _match_unchanged(self) -> None:
        """Provided cells that are as distributed, whatever their ids; a second one is a copy."""
        open_positions: dict[str, list[int]] = {}
        for i in self.course.provided():
            open_positions.setdefault(self.course.sources[i], []).append(i)
        for t, cell in enumerate(self.cells):
            if cell.source in open_positions and cell.source:
                left = open_positions[cell.source]
                same = self.course.by_id.get(cell.id)
                if left:
                    self.match[t] = left.pop(left.index(same) if same in left else 0)
                else:
                    self.copies.add(t)

    def _match_earlier(self) -> None:
        """Provided cells as an earlier version had them: matched where today's version has the id, else dropped."""
        taken = set(self.match.values())
        for t in filter(self._is_earlier_provided, self.loose()):
            self.earlier.add(t)
            ids = (self.cells[t].id, earlier_id(self.cells[t].source))
            i = next((self.course.by_id[name] for name in ids if name in self.course.by_id), None)
            if i is not None and i not in taken:
                self.match[t] = i
                taken.add(i)

    def _is_earlier_provided(self, t: int) -> bool:
        text, i = self.cells[t].source, self.course.by_id.get(self.cells[t].id)
        return is_earlier(text) and i not in self.course.slots and text not in self.stubs and bool(without_blank(text))

    def _match_ids(self) -> None:
        taken = set(self.match.values())
        by_id: dict[str, list[int]] = {}
        for t in self.loose():
            by_id.setdefault(self.cells[t].id, []).append(t)
        for i, name in enumerate(self.course.ids):
            if name in by_id and i not in taken:
                # of several with the same id the first that says something; the others run as the learner's own
                best = next((t for t in by_id[name] if not self.is_blank(t, i)), by_id[name][0])
                self.match[best] = i

    def _match_open_slots(self) -> None:
        """Slots whose cell is missing or blank: the loose cell that fits best, by its position or by its content."""
        filled = {i for t, i in self.match.items() if not self.is_blank(t, i)}
        pairs = []
        for slot in self.course.code_slots - filled:
            first, last = self._gap(slot)
            for t in filter(self._is_code, self.loose()):
                near, alike = first < t < last, self._likeness(t, slot)
                if alike >= (SIMILAR_IN_PLACE if near else SIMILAR):
                    pairs.append((near, alike, -t, slot))
        for *_, t, slot in sorted(pairs, reverse=True):
            if -t not in self.match and slot not in filled:
                self._move_match(-t, slot)
                filled.add(slot)

    def _move_match(self, t: int, slot: int) -> None:
        blank = self.by_course_cell().get(slot)
        if blank is not None:
            del self.match[blank]
            self.copies.add(blank)
        self.match[t] = slot

    def _likeness(self, t: int, slot: int) -> float:
        """How much a cell looks like the answer to a slot: the share of provided lines, or of bound names, in it."""
        lines = {line.strip() for line in self.cells[t].source.splitlines()}
        provided = {line.strip() for line in self.course.sources[slot].splitlines() if not _STUB.match(line)} - {""}
        expected, bound = names_in(self.course.sources[slot]), names_in(self.cells[t].source)
        return max(len(provided & lines) / max(len(provided), 1), len(expected & bound) / max(len(expected), 1))

    def _match_edited(self) -> None:
        """Provided cells that were edited and lost their ids: the loose cell in their gap with most words in common."""
        matched = set(self.match.values())
        for i in self.course.provided():
            if i not in matched:
                first, last = self._gap(i)
                near = [t for t in self.loose() if first < t < last]
                words = _words(self.course.sources[i])
                share, t = max(((_overlap(_words(self.cells[t].source), words), -t) for t in near), default=(0, 0))
                if share >= SIMILAR:
                    self.match[-t] = i

    # ---- positions

    def anchors(self) -> list[tuple[int, int]]:
        """Matched pairs (submitted, course) that are in the same order in both: the longest such chain."""
        tails: list[int] = []
        chains: list[tuple] = []
        for t, i in sorted(self.match.items()):
            at = bisect_left(tails, i)
            chain = (t, i, chains[at - 1] if at else None)
            tails[at : at + 1], chains[at : at + 1] = [i], [chain]
        pairs, link = [], chains[-1] if chains else None
        while link:
            pairs.append(link[:2])
            link = link[2]
        return pairs[::-1]

    def _gap(self, slot: int) -> tuple[int, int]:
        """The positions in the submission between which the cell of a slot belongs."""
        anchors = [(t, i) for t, i in self.anchors() if i != slot]
        first = max((t for t, i in anchors if i < slot), default=-1)
        last = min((t for t, i in anchors if i > slot), default=len(self.cells))
        return first, last


@lru_cache(4 * MOST_CELLS)
def names_in(text: str) -> frozenset[str]:
    """The names that the statements of a cell bind."""
    return frozenset().union(*map(bound_names, parse(text) or []))


@lru_cache(4 * MOST_CELLS)
def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text[:LARGEST_PARSED]))


def _overlap(a: frozenset[str], b: frozenset[str]) -> float:
    return 2 * len(a & b) / max(len(a) + len(b), 1)
