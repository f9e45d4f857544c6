"""docs/asked.md: what each question asks for, and what it only shows, from the declarations of the questions."""

from collections.abc import Iterator

from coursekit.core.question import Question
from coursekit.paths import ROOT
from coursekit.questions import NOTEBOOKS, declared

FILE = ROOT / "docs" / "asked.md"
_INTRODUCTION = """\
# What is asked, and what is shown

What a question asks for decides the verdict and the points: what the course's own notebooks and docstrings ask for. An
*edge* goes beyond that. Code that fails nothing but edges is ok, and the verdict names each of them: "not asked for,
but worth knowing", with the reason why it matters.

Two edges belong to all questions. The first is an input that is modified in place although nobody needs it any more:
`dout` in a backward pass, `w` and `dw` in an update rule. Modifying `x`, `w` or any other input is wrong, because
caches and callers still hold it. The second is a vector that comes as a row of shape `(1, D)`, as `keepdims=True`
leaves it, with the right values: broadcasting makes it work wherever the course uses it. Every other shape that differs
is wrong.

A backward pass is judged with the cache of the learner's own forward pass, whatever it holds. If an earlier answer that
a question builds on is wrong, the verdict names that one.

To change a decision, give a case in `coursekit/questions/` a reason, `edge="why it matters"`, or take it away; then run
`python -m coursekit store`, which writes this page, too.
"""


def page() -> str:
    """The text of docs/asked.md."""
    return "\n".join([_INTRODUCTION, *(line for name in NOTEBOOKS for line in _section(name)), *_reasons()])


def _section(notebook: str) -> Iterator[str]:
    """A table with a row for each question of a notebook."""
    yield from (f"## {notebook}", "", "| question | asked | edges |", "|---|---|---|")
    for question in declared().values():
        if question.notebook == notebook:
            yield f"| `{question.id}` | {_asked(question)} | {_edges(question)} |"
    yield ""


def _asked(question: Question) -> str:
    if question.in_notebook:
        return f"what its card says of {', '.join(f'`{name}`' for name in question.values)}"
    return "; ".join(case.name for case in question.cases if not case.edge)


def _edges(question: Question) -> str:
    named = [case.name for case in question.cases if case.edge]
    return "; ".join(named + [f"`{name}` modified in place" for name in _better_unchanged(question)])


def _better_unchanged(question: Question) -> list[str]:
    """Names of the inputs that code should leave alone although nobody asks for it."""
    if not question.cases:
        return []
    return [name for name in question.cases[0].better_unchanged if name in question.draw_inputs(0)]


def _reasons() -> Iterator[str]:
    """A line for each reason, with the names of the cases that have it."""
    names: dict[str, dict[str, None]] = {}
    for case in (case for question in declared().values() for case in question.cases if case.edge):
        names.setdefault(case.edge, {})[case.name] = None
    yield from ("## Why the edges matter", "")
    for reason, cases in names.items():
        yield f"- **{', '.join(cases)}**: {reason}."
    yield ""
