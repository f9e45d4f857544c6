"""Answers in the wrong place: what a question asks for in a file of `cs231n/`, defined in a notebook or another file.

Nothing is run from there, so the work would be lost without a word.
"""

import json
import re
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from types import ModuleType

from coursekit.core.question import Question
from coursekit.paths import file_of
from coursekit.questions import declared

GRADED_IN = "is graded in"  # part of each sentence, by which reports recognise it
LONGEST_LINE = 200  # characters; the first line of a function or a class is shorter
_DEFINED = re.compile(r"(class|def|async def) +(\w+)(?: *\( *(self\b)?)?")


def misplaced(questions: Iterable[Question], sources: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """What is defined in the wrong place, for questions that have no answer in the right one.

    Parameters
    ----------
    questions : iterable of Question
        Those without an answer.
    sources : mapping
        Python code by where it is, such as "svm.ipynb" or "cs231n/layers.py".

    Returns
    -------
    dict
        Maps a sentence to the ids of the questions that it is about.
    """
    defined = {where: names_defined_in(source) - _asked_in(where) for where, source in sources.items()}
    found: dict[str, tuple[str, ...]] = {}
    for question in questions:
        for target in question.implements:
            for where, names in defined.items():
                if name := next((name for name in _names_of(target) if name in names), ""):
                    sentence = f"{where} defines {name}, which {GRADED_IN} {file_of(target)}: move it there"
                    found[sentence] = (*found.get(sentence, ()), question.id)
    return found


@cache
def _asked_in(file: str) -> frozenset[str]:
    """The names that belong into a file, because a question asks for them there."""
    targets = [target for question in declared().values() for target in question.implements]
    return frozenset(name for target in targets if file_of(target) == file for name in _names_of(target))


def _names_of(target: str) -> tuple[str, ...]:
    """How a function may be named where it is out of place: as itself, by its class, or as a function with `self`."""
    path = target.split(":")[1]
    owner, _, name = path.rpartition(".")
    return (owner, f"{name}(self)") if owner else (name,)


def names_defined_in(source: str) -> set[str]:
    """The functions and classes at the left margin of some code; one that takes `self` as "name(self)"."""
    names = set()
    for line in source.split("\n"):
        if len(line) <= LONGEST_LINE and (match := _DEFINED.match(line)):
            names.add(f"{match[2]}(self)" if match[3] else match[2])
    return names


def in_this_notebook(question: Question, main: ModuleType | None = None) -> list[str]:
    """Sentences about what the notebook that calls `check` defines itself."""
    names = vars(main or sys.modules["__main__"])
    own = {name for name, value in names.items() if getattr(value, "__module__", "") == "__main__"}
    source = "\n".join(f"def {name}()" for name in own if callable(names[name]))
    return list(misplaced([question], {"this notebook": source}))


def code_of_notebook(data: bytes) -> str:
    """The code of a notebook's cells, one after the other; '' if it cannot be read."""
    try:
        cells = json.loads(data)["cells"]
        code = (cell["source"] for cell in cells if cell["cell_type"] == "code")
        return "\n".join(source if isinstance(source, str) else "".join(source) for source in code)
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
