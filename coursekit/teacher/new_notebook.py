"""Add a notebook to an assignment: `python -m coursekit new-notebook NAME --assignment ASSIGNMENT`.

It has the form of all notebooks and no question yet; `new-question` adds them. What only an author can write is marked
by "TO WRITE", and listed at the end.
"""

import argparse
import keyword
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from coursekit.learner.arguments import Arguments
from coursekit.paths import ROOT
from coursekit.teacher import first_cell
from coursekit.teacher.adding import course, introduction, sources
from coursekit.teacher.adding.cells import code, markdown
from coursekit.teacher.adding.changes import TO_WRITE, CannotAdd, Changes, Left
from coursekit.teacher.new_question import FORM, numbered_steps

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,59}")
_TOPICS = "docs/topics.md"
_TEST = "test_notebook_form.test_it_begins_with_what_will_be_shown_time_points_and_words"
_SETUP = """\
import matplotlib.pyplot as plt
import numpy as np

# A module is not found? Choose the Python in the course's folder .venv as the kernel, or start Jupyter by `make lab`.
from coursekit import check, check_gradient, hint, inputs, prepare_notebook, solution
from cs231n.vis_utils import show_figure

%matplotlib inline
prepare_notebook()  # what you save in cs231n/ is loaded at once
plt.rcParams["figure.figsize"] = (10, 4)"""


def new_notebook(options: Sequence[str] = (), root: Path = ROOT) -> int:
    """Add a notebook and say what is left to write; 0 if it was added, 2 if it cannot be."""
    given = _parser().parse_args(options)
    changes = Changes(root)
    try:
        files = _add(changes, given)
        changes.write()
    except (CannotAdd, OSError, SyntaxError) as error:
        print(f"Nothing was added: {error}{'' if str(error).endswith('?') else '.'}")
        return 2
    print(f"Added {given.name} to {given.assignment}, in {', '.join(changes.texts)}.\n")
    print("\n".join(["Left to write, in this order:", *numbered_steps(_steps(changes, files, given.name))]))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Arguments(
        prog="python -m coursekit new-notebook",
        description="Add a notebook to an assignment, in the form that all have, with a module for its questions, a "
        "module of the zoo, and its row in the README. Then list what is left to write.",
    )
    parser.add_argument("name", metavar="NAME", help="its name, such as Optimizers: letters, digits, _")
    parser.add_argument("--assignment", required=True, metavar="NAME", help="such as assignment2 or practice")
    parser.add_argument(
        "--after", default="", metavar="NOTEBOOK", help="the notebook that it follows (default: the assignment's last)"
    )
    parser.add_argument("--title", default=f"{TO_WRITE}: the title", help="its title, as its first line shows it")
    parser.add_argument(
        "--about", default=f"{TO_WRITE}: what", metavar="TEXT", help="what learners write in it, for its row in README"
    )
    return parser


def _add(changes: Changes, given: argparse.Namespace) -> course.Files:
    """Prepare all changes; the files of the new notebook."""
    _require_new_name(changes, given.name)
    if "|" in given.about or "\n" in given.about:
        raise CannotAdd("--about is a cell of the README's table, so it is one line without a |")
    after = _notebook_before(changes, given.assignment, given.after)
    files = course.files_of(given.name, given.assignment)
    if there := [file for file in files if changes.exists(file)]:
        raise CannotAdd(f"there is a file {there[0]} already")
    changes.set_notebook(files.notebook, _notebook(given.title))
    changes.set(files.questions, _declarations(given.name))
    changes.set(files.zoo, f'"""Implementations of what {given.name} asks for, as learners write them."""\n')
    changes.set(course.DECLARATIONS, _registered(changes.read(course.DECLARATIONS), given, after))
    readme = changes.read("README.md")
    changes.set(
        "README.md", introduction.readme_with_notebook(readme, given.name, given.assignment, given.about, after)
    )
    if given.assignment == "practice":
        changes.set(_TOPICS, f"{changes.read(_TOPICS).rstrip()}\n{_topic(given.name)}\n")
    return files


def _require_new_name(changes: Changes, name: str) -> None:
    if not _NAME.fullmatch(name):
        form = "at most 60 letters, digits and _, and begins with a letter"
        raise CannotAdd(f"{name!r} is no name of a notebook: it has {form}")
    if keyword.iskeyword(name):
        raise CannotAdd(f"{name!r} is no name of a notebook: it is a word of Python")
    taken = {*course.notebooks(changes), *course.notebooks(changes, "COMPANIONS"), *course.all_ids(changes)}
    for other in taken:
        if other.casefold() == name.casefold():  # some systems do not tell the two files apart
            raise CannotAdd(f"there is a notebook or a question {other} already")


def _notebook_before(changes: Changes, assignment: str, after: str) -> str:
    """The notebook that a new one follows: the one that is named, or the last of the assignment."""
    if assignment not in course.assignments(changes):
        raise CannotAdd(f"there is no assignment {assignment!r}; there are {', '.join(course.assignments(changes))}")
    names = [name for name, where in course.notebooks(changes).items() if where == assignment]
    if after and after not in names:
        raise CannotAdd(f"{assignment} has no notebook {after!r}; it has {', '.join(names)}")
    return after or names[-1]


def _registered(source: str, given: argparse.Namespace, after: str) -> str:
    """The module that lists the notebooks, with the new one."""
    node = sources.assignment_of(source, "NOTEBOOKS")
    lines = source.splitlines()
    rows = range(node.lineno, node.end_lineno or node.lineno) if node else range(0)
    at = next((number for number in rows if lines[number].strip().startswith(f'"{after}":')), None)
    if at is None:
        raise CannotAdd(f"{course.DECLARATIONS} has no line of its own for {after}")
    lines.insert(at + 1, f'    "{given.name}": "{given.assignment}",')
    return "\n".join(lines) + "\n"


def _declarations(name: str) -> str:
    return f'"""Questions of {name}: {TO_WRITE}: what they are about."""\n\nNOTEBOOK = "{name}"\n\nQUESTIONS = ()\n'


def _topic(name: str) -> str:
    link = f"[{name}](../assignments/practice/{name}.ipynb)"
    return f"| {TO_WRITE}: a topic | {link}: `summary` | none yet | `{_TEST}` |"


# ---- the notebook


def _notebook(title: str) -> dict:
    language = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    metadata = {**language, "language_info": {"name": "python"}}
    return {"cells": list(_cells(title)), "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def _cells(title: str) -> Iterator[dict]:
    yield markdown("intro", _introduction(title))
    yield code(first_cell.ID, first_cell.TEXT)
    yield code("setup", _SETUP)
    yield markdown("play_text", f"**Play.** {TO_WRITE}: what to try, and what to predict first.")
    yield code("play", f"# {TO_WRITE}: something to change and to run again", ["nbval-ignore-output"])
    yield markdown(
        "control_text", f"**Negative control.** {TO_WRITE}: what must fail if the result above is what it seems."
    )
    yield code("negative_control", f"# {TO_WRITE}: it fails, and a line says so that is the same in each run")
    yield markdown("summary", f"## Summary\n\n- {TO_WRITE}: what has been shown.")
    yield markdown("further", _further())


def _introduction(title: str) -> str:
    return f"""# {title}

{TO_WRITE}: what this notebook is about, and why it matters.

**At the end you will have shown**

- {TO_WRITE}: what the cells below measure, as a sentence that could be false.

**Time**: about 30 minutes, including 0 minutes for the questions; running all the cells takes less than a minute. \
**Points**: 0.

After writing each function, save the file and run the cell with `check(...)`.

| question | points | minutes | difficulty | where you write |
|---|---|---|---|---|

**Words used here**

- {TO_WRITE}: **a word**: what it means."""


def _further() -> str:
    papers = "\n".join(f"- {TO_WRITE}: Author {number} (2015), *A title*: why to read it." for number in (1, 2, 3))
    return f"""## Further reading

{papers}

## Still debated

{TO_WRITE}: **A question?** What speaks for either answer, and who says so.

## The same in PyTorch

```python
# {TO_WRITE}: the same in a few lines
```

**What comes next**: {TO_WRITE}: the notebook that goes on from here."""


# ---- what is left to write


def _steps(changes: Changes, files: course.Files, name: str) -> Iterator[tuple[str, list[Left]]]:
    left = changes.left()
    example = f"python -m coursekit new-question my_layer --notebook {name} --function cs231n.layers:my_layer"
    yield f"Its questions, one by one, such as {example}", []
    for file in changes.texts:
        if places := [one for one in left if one.file == file]:
            yield f"The words, in {file}.", places
    yield f"Store what its functions give: python -m coursekit store {name}", []
    yield f"Run all cells of {files.notebook} in JupyterLab and save it. State how long it takes in **Time**.", []
    yield f'{FORM} tests/test_figures.py tests/test_readme.py tests/test_topics.py -k "{name} or left or topics"', []
    yield (
        "Then make test, and a line in CHANGELOG.md. `python -m coursekit new-question --left` shows what is left.",
        [],
    )
