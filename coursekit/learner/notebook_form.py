"""The form of a notebook: where its written questions are, and what has been answered.

A written question is three Markdown cells. `question_<key>` is a card with the question, `answer_<key>` is for the
learner's answer, `compare_<key>` has an answer to compare with. Some programs take the ids away; then a written answer
is recognised by the "Compare with an answer" in the cell after it. Notebooks of earlier versions, where the question
stands at the end of a longer text, are read as well.
"""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from coursekit.files import CONFLICT, has_conflict

BLANK_ANSWER = "*Write your answer here.*"
_HEADING = "**Your answer:**"
_COMPARISON = "<summary>Compare with an answer"
_CARD = re.compile(r"^> \*\*Written question\b", re.MULTILINE)
_EARLIER_QUESTION = re.compile(r"^(\*\*(Inline question|Think and write)|#+ Written question)", re.MULTILINE)
_IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp")
_BASE64 = re.compile(r"[A-Za-z0-9+/=\s]*")
_MOST_PARENTHESES = 5  # in the name of an attachment, or right after it
_ATTACHMENT = re.compile(r"attachment:([^\s\"'<>]{1,300})")


def read_notebook(data: bytes) -> dict:
    """The notebook in some bytes, a dict with a list of cells; ValueError with the reason if it is none."""
    try:
        notebook = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        if has_conflict(data.decode("utf-8", errors="replace")):
            raise ValueError(CONFLICT) from error
        raise ValueError("it is damaged: it cannot be read as a notebook") from error
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list) or not all(map(_is_cell, cells)):
        raise ValueError("it is not a notebook in today's format; open it in JupyterLab and save it")
    return notebook


def _is_cell(cell: object) -> bool:
    lines = cell.get("source") if isinstance(cell, dict) else None
    return isinstance(lines, str) or isinstance(lines, list) and all(isinstance(line, str) for line in lines)


def source(cell: dict) -> str:
    """The source of a cell as one text."""
    return "".join(cell["source"])


def shown_verdict(notebook: dict, question_id: str) -> str:
    """The verdict that a saved notebook shows for a question: 'ok', 'wrong', 'not attempted', or '' for none.

    The cell is found by what it calls and not by its id, which some programs do not keep.
    """
    call = re.compile(rf"check\(\s*[\"']{re.escape(question_id)}[\"']")
    cells = [cell for cell in notebook["cells"] if cell.get("cell_type") == "code" and call.search(source(cell))]
    printed = "".join(printed_text(output) for cell in cells for output in outputs(cell))
    statuses = ("ok", "wrong", "not attempted")
    return next((status for status in statuses if f"{question_id}: {status}" in printed), "")


def outputs(cell: dict) -> list[dict]:
    """The outputs of a cell; [] where a damaged notebook has something else in their place."""
    found = cell.get("outputs")
    return [output for output in found if isinstance(output, dict)] if isinstance(found, list) else []


def printed_text(output: dict) -> str:
    """What an output prints, or the message of its error."""
    text = output.get("text", output.get("evalue", ""))
    lines = text if isinstance(text, list) else [text]
    return "".join(line for line in lines if isinstance(line, str))


# ---- written answers


def is_written_answer(cell: dict) -> bool:
    """Whether a cell of the course's notebooks is for a written answer."""
    name = _id(cell)
    return cell.get("cell_type") == "markdown" and name.startswith("answer_") and not name.endswith("_compare")


def _id(cell: dict) -> str:
    name = cell.get("id")
    return name if isinstance(name, str) else ""


def written_answers(notebook: dict) -> dict[str, str]:
    """The written answers of a notebook by the id of their cell, '' where none is given."""
    return {name: without_blank(with_images(source(cell), cell)) for name, cell, _ in _written_cells(notebook)}


def prompts(notebook: dict) -> dict[str, str]:
    """The question that each written answer belongs to, by the id of the answer's cell."""
    return {name: question for name, _, question in _written_cells(notebook)}


def _written_cells(notebook: dict) -> Iterator[tuple[str, dict, str]]:
    """(id, cell, question) of each written answer."""
    cells = [cell for cell in notebook["cells"] if cell.get("cell_type") != "code"]
    by_id = {_id(cell): cell for cell in cells}
    for number, cell in enumerate(cells):
        if name := _written_name(cells, by_id, number):
            before = cells[number - 1] if number else {"source": ""}
            yield name, cell, question_in(source(by_id.get(name.replace("answer", "question", 1), before)))


def _written_name(cells: list[dict], by_id: dict[str, dict], number: int) -> str:
    """The id of a written answer; of a cell that has lost it, that which the comparison after it suggests.

    "" for a cell that is no written answer. Cut and pasted, a cell gets a new id.
    """
    cell = cells[number]
    if is_written_answer(cell):
        return _id(cell)
    if not _is_compared(cells, number):
        return ""
    if own := answer_of(_id(cells[number + 1])):
        return "" if own in by_id else own
    return _id(cell) or f"answer_{number}"


def answer_of(comparison: str) -> str:
    """The id of the answer that a comparison belongs to, today or in earlier notebooks; "" for another id.

    Examples
    --------
    >>> answer_of("compare_fair"), answer_of("answer_fair_compare"), answer_of("8c1f20")
    ('answer_fair', 'answer_fair', '')
    """
    if comparison.startswith("compare_"):
        return comparison.replace("compare", "answer", 1)
    return comparison.removesuffix("_compare") if comparison.endswith("_compare") else ""


def looks_like_a_written_answer(cell: dict) -> bool:
    """Whether a cell has the heading of a written answer, or a blank one, whatever its id is."""
    return cell.get("cell_type") == "markdown" and source(cell).lstrip().startswith((_HEADING, BLANK_ANSWER))


def _is_compared(cells: list[dict], number: int) -> bool:
    """Whether the next cell has an answer to compare this one with."""
    return number + 1 < len(cells) and _COMPARISON in source(cells[number + 1])[:60]


def question_in(text: str) -> str:
    r"""The written question in a text: of a card what it asks, else what follows the last heading of a question.

    Examples
    --------
    >>> question_in("> **Written question 1** · 5 minutes\n>\n> Why does it *work*?")
    'Why does it *work*?'
    """
    if cards := list(_CARD.finditer(text)):
        _, *asked = text[cards[-1].start() :].splitlines()
        return "\n".join(line.removeprefix(">").removeprefix(" ") for line in asked if line.startswith(">")).strip()
    starts = [match.start() for match in _EARLIER_QUESTION.finditer(text)]
    return text[starts[-1] if starts else 0 :].strip()


def without_blank(text: str) -> str:
    """A written answer without what the course's notebooks put into its cell."""
    lines = [line for line in text.splitlines() if line.strip() not in (BLANK_ANSWER, _HEADING)]
    return "\n".join(lines).strip()


def with_images(text: str, cell: dict) -> str:
    """A Markdown text with the images that were pasted into its cell written out, so that it stands alone."""
    attachments = cell.get("attachments")
    left = dict(attachments) if isinstance(attachments, dict) else {}

    def image(match: re.Match) -> str:
        for name in _possible_names(match[1]):
            # once: an image that is shown a thousand times would fill the memory
            if url := _image_url(left.pop(name, None) or left.pop(unquote(name), None)):
                return url + match[1][len(name) :]
        return match[0]

    return _ATTACHMENT.sub(image, text)


def _possible_names(text: str) -> Iterator[str]:
    """What the name of an attachment can be at the start of a text: Markdown ends it by ")", which it may contain."""
    yield text
    for _ in range(_MOST_PARENTHESES):
        text, end, _after = text.rpartition(")")
        if not end:
            return
        yield text


def _image_url(kinds: Any) -> str:
    """The address that holds an attached image itself; "" if it is no image."""
    for kind, data in kinds.items() if isinstance(kinds, dict) else ():
        if kind in _IMAGES and isinstance(data, str) and _BASE64.fullmatch(data):
            return f"data:{kind};base64,{''.join(data.split())}"
    return ""
