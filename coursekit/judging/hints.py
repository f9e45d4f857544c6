"""`hint`: one step further, without the answer."""

import json
from collections.abc import Iterator
from textwrap import fill

from coursekit.core.question import Question, UsageError
from coursekit.paths import ROOT
from coursekit.questions import find, notebook_file

_WIDTH = 88
_given: dict[str, int] = {}  # how many hints on each question this kernel has shown


def hint(question_id: str, number: int | None = None) -> None:
    """Print the next hint on a question; after the last one, where the help in the notebook is.

    Parameters
    ----------
    question_id : str
        Such as "affine_forward".
    number : int, optional
        Print this hint (1 or 2) again, whatever came before.

    Raises
    ------
    UsageError
        If there is no such question or hint.

    Examples
    --------
    >>> hint("relu_forward", 1)  # doctest: +ELLIPSIS
    relu_forward, hint 1 of 2:
      ...
    """
    question = find(question_id)
    if number is not None and number not in range(1, len(question.hints) + 1):
        raise UsageError(f"{question_id} has the hints 1 to {len(question.hints)}, not {number!r}.")
    number = _given.get(question_id, 0) + 1 if number is None else number
    _given[question_id] = max(number, _given.get(question_id, 0))
    if number <= len(question.hints):
        print(f"{question_id}, hint {number} of {len(question.hints)}:")
        print(_filled(question.hints[number - 1]))
    else:
        print(*_where_the_help_is(question), sep="\n")


def _filled(text: str, first: str = "  ") -> str:
    return fill(text, _WIDTH, initial_indent=first, subsequent_indent=" " * len(first), break_long_words=False)


def _where_the_help_is(question: Question) -> Iterator[str]:
    yield f"{question.id} has no further hint."
    yield f"The help in {question.notebook}.ipynb, below the check:"
    yield from (_filled(title, "  - ") for title in _titles(question))


def _titles(question: Question) -> list[str]:
    """The titles of the question's help in the notebook; none where the notebook cannot be read."""
    try:
        cells = json.loads((ROOT / notebook_file(question.notebook)).read_text(encoding="utf-8"))["cells"]
        text = next("".join(cell["source"]) for cell in cells if cell["id"] == f"help_{question.id}")
    except (OSError, ValueError, LookupError, TypeError, StopIteration):
        return []
    parts = text.split("<summary>Help: ")[1:]
    return [part.partition("</summary>")[0] for part in parts]
