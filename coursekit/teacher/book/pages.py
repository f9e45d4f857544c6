"""The pages of the book, as sources for Sphinx: notebooks, the course's map, words, the reference, texts of `docs/`."""

import ast
import json
import re
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from coursekit.learner.notebook_form import read_notebook, source
from coursekit.paths import PACKAGE, ROOT, files_in
from coursekit.questions import COMPANIONS, NOTEBOOKS, declared, notebook_file
from coursekit.teacher.book.links import relinked
from coursekit.teacher.book.notebooks import WORDS, notebook_page
from coursekit.teacher.book.words import Entry, anchor, entries, glossary

TEXTS = {
    "docs/book/index.md": "index.md",
    "docs/book/shapes.md": "shapes.md",
    "docs/topics.md": "topics.md",
    "docs/scenes.md": "scenes.md",
    "docs/results.md": "results.md",
}
_AS_THEY_ARE = {
    "docs/book/conf.py": "conf.py",
    "docs/book/book.js": "static/book.js",
    "docs/book/templates/home.html": "templates/home.html",
    "docs/book/favicon.svg": "favicon.svg",
    "docs/book/book.css": "static/book.css",
}
_PICTURE = re.compile(r"!\[[^\]]*\]\(([\w./-]+\.png)\)")
_ALL = NOTEBOOKS | COMPANIONS
_ROW = r"^\| \[{notebook}\]\([^)]*\) \| (.*?) \| (?:\d+|none) \| \d+ \|$"
_CELLS = re.compile(r"(\[(\w+)\]\(\.\./assignments/\w+/\2\.ipynb\): )(`\w+`(?:, `\w+`)*)")
_MAP = "<!-- the course's map -->"


def write_pages(folder: Path, repository: str = "", root: Path = ROOT) -> None:
    """Write the sources of all pages.

    Parameters
    ----------
    folder : path
        A folder that exists.
    repository : str
        The repository's address, for links to files that have no page; "" for none.
    root : path
        The course's folder.
    """
    pages = pages_of(root)
    led = partial(relinked, pages=pages, repository=repository, root=root)
    for name, page in TEXTS.items():
        text = (root / name).read_text(encoding="utf-8")
        _write(folder / page, led(with_cells_linked(text.replace(_MAP, course_map(root))), name, page))
    for name, page in {**_AS_THEY_ARE, **pictures(root)}.items():
        (folder / page).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / name, folder / page)
    linked = linked_cells((root / "docs/topics.md").read_text(encoding="utf-8"))
    for notebook in _ALL:
        name = notebook_file(notebook)
        found = notebook_page((root / name).read_text(encoding="utf-8"), name)
        _lead_links(found, partial(led, name=name, page=pages[name]))
        _name_the_words(found, notebook)
        found["cells"] = list(_with_names(found["cells"], notebook, linked))
        _write(folder / pages[name], json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    _write(folder / "words.md", glossary(_all_entries(root)))
    for name in modules(root):
        _write(folder / pages[name], _reference(_module(name)))
    _write(folder / "api/index.md", _reference_index(root))


def pages_of(root: Path = ROOT) -> dict[str, str]:
    """The page of each file of the course that has one."""
    notebooks = {notebook_file(name): notebook_file(name).removeprefix("assignments/") for name in _ALL}
    return {**TEXTS, **notebooks, **{name: f"api/{_module(name)}.rst" for name in modules(root)}}


def pictures(root: Path = ROOT) -> dict[str, str]:
    """The pictures that the texts show, each beside its page."""
    found = {}
    for name, page in TEXTS.items():
        for picture in _PICTURE.findall((root / name).read_text(encoding="utf-8")):
            found[Path(name).with_name(picture).as_posix()] = Path(page).with_name(picture).as_posix()
    return found


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


# ---- notebooks


def _lead_links(page: dict, led: partial) -> None:
    for cell in page["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = led(source(cell)).splitlines(keepends=True)


def _name_the_words(page: dict, notebook: str) -> None:
    """Give the list of words a name that the glossary can link to."""
    first = page["cells"][0]
    named = source(first).replace(WORDS, f"({anchor(notebook)})=\n{WORDS}", 1)
    first["source"] = named.splitlines(keepends=True)


def linked_cells(text: str) -> set[str]:
    """The names of the cells that a text of the course speaks of after the link to their notebook.

    Examples
    --------
    >>> linked_cells("| [Losses](../assignments/practice/Losses.ipynb): `digits`, `multi_claims` |") == {
    ...     "losses-digits",
    ...     "losses-multi-claims",
    ... }
    True
    """
    return {_cell_name(found[2], cell) for found in _CELLS.finditer(text) for cell in re.findall(r"\w+", found[3])}


def with_cells_linked(text: str) -> str:
    """A text with links to the cells that it speaks of."""

    def linked(found: re.Match) -> str:
        return found[1] + re.sub(r"`(\w+)`", lambda cell: f"[{cell[0]}](#{_cell_name(found[2], cell[1])})", found[3])

    return _CELLS.sub(linked, text)


def _cell_name(notebook: str, cell: str) -> str:
    return f"{notebook}-{cell}".lower().replace("_", "-")


def _with_names(cells: list[dict], notebook: str, linked: set[str]) -> Iterator[dict]:
    """The cells, with a name before each that is linked from elsewhere."""
    for cell in cells:
        name = _cell_name(notebook, cell["id"])
        if name in linked:
            yield {"cell_type": "markdown", "id": f"{cell['id']}-name", "metadata": {}, "source": [f"({name})="]}
        yield cell


def _all_entries(root: Path) -> Iterator[Entry]:
    for notebook in _ALL:
        first = read_notebook((root / notebook_file(notebook)).read_bytes())["cells"][0]
        yield from entries(source(first), notebook)


# ---- the course's map


def course_map(root: Path = ROOT) -> str:
    """Tables of the notebooks: what one writes, for how many points and in how many minutes; and the contents."""
    readme = (root / "README.md").read_text(encoding="utf-8")
    return "\n".join(_assignment(name, readme) for name in dict.fromkeys(NOTEBOOKS.values()))


def _assignment(assignment: str, readme: str) -> str:
    notebooks = [name for name, where in _ALL.items() if where == assignment]
    title = re.sub(r"(\d)", r" \1", assignment).capitalize()
    rows = "\n".join(_row(name, readme) for name in notebooks)
    contents = "\n".join(f"{assignment}/{name}" for name in notebooks)
    return f"""## {title}

| notebook | you write | points | minutes |
|---|---|--:|--:|
{rows}

```{{toctree}}
:hidden:
:titlesonly:
:caption: {title}

{contents}
```
"""


def _row(notebook: str, readme: str) -> str:
    asked = [question for question in declared().values() if question.notebook == notebook]
    points, minutes = sum(q.points for q in asked), sum(q.minutes for q in asked if q.points)
    written = re.search(_ROW.format(notebook=notebook), readme, re.MULTILINE)
    path = notebook_file(notebook).removeprefix("assignments/")
    return f"| [{notebook}]({path}) | {written[1] if written else ''} | {points} | {minutes} |"


# ---- the reference


def modules(root: Path = ROOT) -> list[str]:
    """The files of the public modules of `cs231n`."""
    paths = [name for name in files_in(PACKAGE, root) if name.endswith(".py")]
    return [name for name in paths if not any(part.startswith("_") for part in name.split("/"))]


def _module(name: str) -> str:
    return name.removesuffix(".py").replace("/", ".")


def _reference(module: str) -> str:
    return f":orphan:\n\n{module}\n{'=' * len(module)}\n\n.. automodule:: {module}\n   :members:\n"


def _reference_index(root: Path) -> str:
    rows = "\n".join(f"| [{_module(name)}]({_module(name)}.rst) | {_about(root / name)} |" for name in modules(root))
    return f"""# The package cs231n

What the notebooks call and learners write: all public functions and classes, from their docstrings.

| module | what it has |
|---|---|
{rows}
"""


def _about(path: Path) -> str:
    """The first sentence of a module's docstring."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split())
