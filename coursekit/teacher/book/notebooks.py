"""The page of a notebook: the learner's text and code, and what the solved notebook prints and draws."""

import ast
import json
import math
import re
from collections.abc import Iterator

from coursekit.learner.notebook_form import outputs, printed_text, source
from coursekit.teacher.solutions import BEGIN, END, strip_notebook

WORDS = "**Words used here**"
LEFT_OUT = "*What the model answer prints here is left out: it names the settings that were found.*"
_CAPTION = re.compile(r"^\*Figure: (.*?)\*(?=\s|$)", re.DOTALL | re.MULTILINE)
_NUMBER = re.compile(r"\d+(?:\.\d*)?(?:e[-+]?\d+)?")
_MARKUP = re.compile(r"[`$\\{}]")
_NO_CAPTION = "A figure; the text next to it says what it shows."


def notebook_page(text: str, name: str) -> dict:
    """The notebook of a page, as a dict.

    The sources are those of the learner's edition, by the same function. The places for written answers are left out.

    Parameters
    ----------
    text : str
        The solved notebook.
    name : str
        Its file, which errors name.

    Returns
    -------
    dict
    """
    solved, page = json.loads(text)["cells"], json.loads(strip_notebook(text, name))
    page["cells"] = [
        new
        for cell, old in zip(page["cells"], solved, strict=True)
        if not is_written(cell)
        for new in _cells(cell, old)
    ]
    _describe_images(page["cells"])
    return page


def is_written(cell: dict) -> bool:
    """Whether a cell is for a written answer, or has one to compare it with."""
    return cell["cell_type"] == "markdown" and cell["id"].startswith(("answer_", "compare_"))


def _cells(cell: dict, solved: dict) -> Iterator[dict]:
    """A cell as it is shown; one that draws several images is divided, so that each can have its description."""
    if cell["cell_type"] != "code":
        yield cell
        return
    shown = [output for output in outputs(solved) if not _tells(output, source(solved))]
    first, *more = _by_image(shown)
    yield {**cell, "metadata": _metadata(cell), "outputs": first}
    if len(shown) < len(outputs(solved)):
        yield {"cell_type": "markdown", "id": f"{cell['id']}-left-out", "metadata": {}, "source": [LEFT_OUT]}
    for number, part in enumerate(more, 1):
        metadata = {"tags": ["remove-input"]}
        yield {**cell, "id": f"{cell['id']}-{number}", "metadata": metadata, "outputs": part}


def _metadata(cell: dict) -> dict:
    """The cell's metadata; source that JupyterLab folds is folded in the book, too."""
    metadata = dict(cell["metadata"])
    if metadata.get("jupyter", {}).get("source_hidden"):
        metadata["tags"] = [*metadata.get("tags", []), "hide-input"]
    return metadata


def _by_image(shown: list[dict]) -> list[list[dict]]:
    """Outputs in groups, of which each but the last ends with an image."""
    groups: list[list[dict]] = [[]]
    for output in shown:
        if groups[-1] and _image_type(groups[-1][-1]):
            groups.append([])
        groups[-1].append(output)
    return groups


# ---- outputs that give an answer away


def _tells(output: dict, solved: str) -> bool:
    """Whether an output prints a setting that the answer in its cell chose, such as a learning rate."""
    return bool(_settings(solved) & {float(number) for number in _NUMBER.findall(printed_text(output))})


def _settings(solved: str) -> set[float]:
    """The numbers in an answer that nobody writes by chance: all that are not whole."""
    if BEGIN not in solved:
        return set()
    answer = solved[solved.index(BEGIN) : solved.index(END)]
    constants = (node.value for node in ast.walk(ast.parse(answer)) if isinstance(node, ast.Constant))
    return {value for value in constants if isinstance(value, float) and math.fmod(value, 1)}


# ---- what images show, for those who do not see them


def _describe_images(cells: list[dict]) -> None:
    """Give each image a description: its own, or else the caption in the text after it."""
    for number, cell in enumerate(cells):
        if image := next(filter(_image_type, outputs(cell)), None):
            text = own_description(image) or caption(_text_after(cells, number)) or _NO_CAPTION
            cell["metadata"]["mystnb"] = {"image": {"alt": text}}


def _image_type(output: dict) -> str:
    return next((kind for kind in output.get("data", {}) if kind.startswith("image/")), "")


def own_description(output: dict) -> str:
    """The description in an output's metadata; '' if there is none."""
    metadata = output.get("metadata", {}).get(_image_type(output), {})
    return metadata.get("alt", "") if isinstance(metadata, dict) else ""


def _text_after(cells: list[dict], number: int) -> str:
    return next((source(cell) for cell in cells[number + 1 :] if cell["cell_type"] == "markdown"), "")


def caption(text: str) -> str:
    r"""The caption of a figure in a Markdown text, without markup; '' if there is none.

    Examples
    --------
    >>> caption("*Figure: the loss\nfalls to `0.1`.*\n\nThink.")
    'the loss falls to 0.1.'
    """
    found = _CAPTION.search(text)
    return _MARKUP.sub("", " ".join(found[1].split())) if found else ""
