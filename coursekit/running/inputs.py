"""`inputs`: the inputs of a check, to call your own code on and to debug it."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from coursekit.core.question import Question, UsageError
from coursekit.questions import find
from coursekit.running.calls import calls_of

_failed: dict[str, str] = {}  # the case that the last wrong verdict on each question showed


def remember(question_id: str, case: str) -> None:
    """Keep the case that a wrong verdict shows: `inputs` gives it from now on."""
    _failed[question_id] = case


def inputs(question_id: str, case: str | None = None) -> "Inputs":
    """The inputs on which `check` runs your code.

    Parameters
    ----------
    question_id : str
        Such as "affine_forward".
    case : str, optional
        The name of the case, as verdicts show it; by default the one that the last wrong verdict showed, else the
        first.

    Returns
    -------
    Inputs

    Raises
    ------
    UsageError
        If there is no such question or case, or if the question is answered in a notebook cell.

    Examples
    --------
    >>> given = inputs("affine_forward")
    >>> sorted(given)
    ['b', 'w', 'x']
    >>> given.b.shape == given["b"].shape == given.w.shape[1:]
    True
    """
    question = find(question_id)
    if question.in_notebook:
        raise UsageError(f"{question_id} is answered in the notebook: what it works on are your own variables there.")
    return Inputs(question, _index(question, case if case is not None else _failed.get(question_id)))


def _index(question: Question, name: str | None) -> int:
    names = [case.name for case in question.cases]
    if name is None:
        return 0
    if name not in names:
        raise UsageError(f"{question.id} has no case {name!r}. Its cases: {', '.join(map(repr, names))}.")
    return names.index(name)


class Inputs(Mapping[str, Any]):
    """The inputs of one case, by name: `given["x"]` or `given.x`. When shown, it says how the check uses them."""

    def __init__(self, question: Question, index: int) -> None:
        self._question, self._case = question, question.cases[index]
        self._values = question.draw_inputs(index)
        self._call = f'inputs("{question.id}"{f", case={self._case.name!r}" if index else ""})'

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._values:
            raise AttributeError(f"{self._call} has no {name!r}; it has {', '.join(self._values)}")
        return self._values[name]

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._values]

    def run(self) -> Any:
        """Call your code on these inputs in this process, as the check does; what the check looks at.

        So `print`, `breakpoint()` and, after an error, `%debug` work in your code.
        """
        return self._case.run(**_copied(self._values))

    def __repr__(self) -> str:
        calls = calls_of(self._question, self._case, _copied(self._values))
        lines = [f"{self._question.id}, {self._case.name}:", *_table(self._values)]
        if calls:
            lines += [
                "The check calls your code like this:",
                f"  given = {self._call}",
                *(f"  {line}" for line in calls),
            ]
        which = "given" if calls else self._call
        return "\n".join([*lines, f"{which}.run() does the same in this kernel: %debug then leads into your code."])


def _copied(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value.copy() if isinstance(value, np.ndarray) else value for name, value in values.items()}


def _table(values: dict[str, Any]) -> list[str]:
    """A line for each input: an array's shape and dtype, anything else as it is."""
    rows = [
        (name, *((str(value.shape), str(value.dtype)) if isinstance(value, np.ndarray) else (repr(value), "")))
        for name, value in values.items()
    ]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return [f"  {name:<{widths[0]}}  {value:<{widths[1]}}  {dtype}".rstrip() for name, value, dtype in rows]
