"""What a new question consists of in Python: its declaration, the function that it asks for, its part of the zoo."""

from collections.abc import Sequence
from typing import NamedTuple

from coursekit.core.question import Question
from coursekit.teacher.adding.changes import TO_WRITE
from coursekit.teacher.adding.sources import WIDTH


class Target(NamedTuple):
    """A function that a question asks for: module, dotted name, and the parameters that a call must give."""

    module: str
    path: str
    parameters: tuple[str, ...]

    @property
    def name(self) -> str:
        """The last part of the dotted name."""
        return self.path.rpartition(".")[2]

    @property
    def owner(self) -> str:
        """The class of a method; "" for a function."""
        return self.path.rpartition(".")[0]

    @property
    def is_backward(self) -> bool:
        """Whether it is a backward pass, which takes an upstream gradient and a cache."""
        return self.parameters[:2] == ("dout", "cache")

    def __str__(self) -> str:
        return f"{self.module}:{self.path}"


def parameters_by_name(name: str) -> tuple[str, ...]:
    """The parameters of a function that is not there yet, by the course's rule for layers."""
    return ("dout", "cache") if name.endswith("_backward") else ("x",)


# ---- the function


def function(target: Target) -> str:
    """A function with a docstring, and an answer between markers."""
    first = "self, " if target.owner else ""
    lines = [
        f"def {target.name}({first}{', '.join(target.parameters)}):",
        f'    """{TO_WRITE}: what it computes, in a sentence; and the shapes below.',
        "",
        "    Parameters",
        "    ----------",
        *(f"    {name} : ndarray of shape (N, D)" for name in target.parameters),
        "",
        "    Returns",
        "    -------",
        *(f"    {name} : ndarray of shape (N, D)" for name in _returned(target)),
        '    """',
        "    ### BEGIN SOLUTION",
        f'    raise NotImplementedError("{TO_WRITE}: the answer; what learners are given stands outside the markers")',
        "    ### END SOLUTION",
    ]
    return "\n".join(("    " + line).rstrip() if target.owner else line for line in lines)


def _returned(target: Target) -> tuple[str, ...]:
    if target.is_backward:
        return ("dx",)
    return ("out", "cache") if target.name.endswith("_forward") else ("out",)


# ---- the declaration


def declaration(question: Question, variable: str, targets: Sequence[Target], forward: Target | None) -> str:
    """The statements that declare a question; `forward` is the forward pass of a backward pass without one."""
    if question.in_notebook:
        return f"{_judge(question)}\n\n\n{_question(question, variable, _notebook_rows(question))}"
    run = [*([forward] if forward else []), *targets]
    parts = [_inputs(question, run), _run(question, run), _question(question, variable, _function_rows(question))]
    return "\n\n\n".join(parts)


def _question(question: Question, variable: str, rows: Sequence[str]) -> str:
    lines = [
        f"{variable} = Question(",
        f'    id="{question.id}",',
        f'    title="{question.title}",',
        "    notebook=NOTEBOOK,",
        f"    points={question.points},",
        f"    minutes={question.minutes},",
        f"    difficulty={question.difficulty},",
        f"    importance={question.importance},",
        "    hints=(",
        f'        "{TO_WRITE}: the idea of {question.id}, in a sentence or two of at most 200 characters.",',
        f'        "{TO_WRITE}: the concrete step to {question.id}, but not the line.",',
        "    ),",
        *(["    builds_on=" + _tuple(question.builds_on) + ","] if question.builds_on else []),
        *rows,
        ")",
    ]
    return "\n".join(lines)


def _tuple(names: Sequence[str]) -> str:
    items = ", ".join(f'"{name}"' for name in names)
    return f"({items},)" if len(names) == 1 else f"({items})"


def _function_rows(question: Question) -> list[str]:
    cases = (("three rows of four", "3, 4"), ("more columns than rows", "2, 7"))
    rows = [
        f'        Case("{name}", lambda rng: _{question.id}_inputs(rng, {sizes}), _run_{question.id}),'
        for name, sizes in cases
    ]
    implements = f"    implements={_tuple(question.implements)},"
    if len(implements) > WIDTH:
        implements = "\n".join(["    implements=(", *(f'        "{name}",' for name in question.implements), "    ),"])
    return [implements, "    cases=(", *rows, "    ),"]


def _notebook_rows(question: Question) -> list[str]:
    return [f"    values={_tuple(question.values)},", f"    judge=_judge_{question.id},"]


def _judge(question: Question) -> str:
    [first, *_] = question.values
    return f'''def _judge_{question.id}({", ".join(question.values)}):
    return [
        holds(
            "{TO_WRITE}: what must hold of {first}, as a sentence",
            {first} is not None,
            f"{TO_WRITE}: expected what? got {{{first}!r}}",
            mistake="{TO_WRITE}: the likely mistake",
        ),
    ]'''


def _inputs(question: Question, run: Sequence[Target]) -> str:
    names = dict.fromkeys(name for target in run for name in target.parameters if not _is_made(name, run))
    arrays = ", ".join(f'"{name}": rng.randn(N, D)' for name in names)
    return f'''def _{question.id}_inputs(rng, N, D):
    """{TO_WRITE}: numbers for which every constant matters, and the shapes that the function takes."""
    return {{{arrays}}}'''


def _is_made(name: str, run: Sequence[Target]) -> bool:
    """Whether the run makes a parameter itself: the cache comes from the forward pass."""
    return name == "cache" and any(target.name.endswith("_forward") for target in run)


def _run(question: Question, run: Sequence[Target]) -> str:
    names = dict.fromkeys(name for target in run for name in target.parameters if not _is_made(name, run))
    modules = dict.fromkeys(target.module for target in run)
    imports = [f"    from {module} import {', '.join(_imported(run, module))}" for module in modules]
    return "\n".join([f"def _run_{question.id}({', '.join(names)}):", *imports, "", *_calls(question.implements, run)])


def _imported(run: Sequence[Target], module: str) -> list[str]:
    names = {target.owner.partition(".")[0] or target.name for target in run if target.module == module}
    return sorted(names, key=lambda name: (name[0].islower(), name))


def _calls(asked: Sequence[str], run: Sequence[Target]) -> list[str]:
    """The calls of one function after the other, and the outputs of those that are asked for."""
    if len(run) == 1 and run[0].name.endswith("_forward"):
        return [f'    return {{"out": {_call(run[0])}[0]}}']
    lines: list[str] = []
    outputs: dict[str, str] = {}
    for target in run:
        if target.name.endswith("_forward"):
            out = "out" if str(target) in asked else "_"
            lines.append(f"    {out}, cache = {_call(target)}")
            outputs |= {"out": "out"} if out == "out" else {}
        else:
            outputs["dx" if target.is_backward else "out" if len(run) == 1 else target.name] = _call(target)
    returned = ", ".join(f'"{name}": {value}' for name, value in outputs.items())
    return [*lines, f"    return {{{returned}}}"]


def _call(target: Target) -> str:
    made = f"{target.owner}()." if target.owner else ""
    return f"{made}{target.name}({', '.join(target.parameters)})"


# ---- the zoo


def zoo(question: Question, target: Target) -> str:
    """One wrong and one right implementation, to be replaced."""
    first = "self, " if target.owner else ""
    parameters = f"{first}{', '.join(target.parameters)}"
    return f'''# ---- {question.id}


@wrong("{question.id}", "{TO_WRITE}: the mistake, in the sentence that learners read")
def {question.id}_wrong({parameters}):
    raise NotImplementedError("{TO_WRITE}: the function with this mistake")


@right("{question.id}")
def {question.id}_right({parameters}):
    raise NotImplementedError("{TO_WRITE}: the function in another style than the model answer's")'''
