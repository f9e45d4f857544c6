"""What is left to do in a question that is 'not attempted': an answer may stand beside the line that still raises."""

import ast
from collections.abc import Iterator
from pathlib import Path

from coursekit.core.question import Question, Verdict
from coursekit.files import syntax_tree
from coursekit.judging import reference_answers
from coursekit.questions import all_questions

_TODO = ("# TODO:", "# and check(")  # how the comments above a line that raises begin


def notes(verdict: Verdict, root: Path) -> tuple[str, ...]:
    """Lines that say what is left to do, from the files as they are saved."""
    if verdict.waiting is None:
        return ()
    file, line = verdict.waiting
    path = Path(root, file)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        function = _function_at(syntax_tree("\n".join(lines)), line)
    except (OSError, SyntaxError, ValueError):
        return ()
    waiting_for = lines[line - 1].partition('NotImplementedError("')[2].partition(":")[0]
    question = all_questions().get(waiting_for, verdict.question)
    return (*_about_lines(question, lines, function, line), *_copies(path, file))


def _function_at(tree: ast.AST, line: int) -> tuple[int, int]:
    """The first and the last line of the innermost function around a line."""
    around = [
        (node.lineno, node.end_lineno or node.lineno)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.lineno <= line <= (node.end_lineno or node.lineno)
    ]
    return max(around) if around else (line, line)


def _about_lines(question: Question, lines: list[str], function: tuple[int, int], line: int) -> Iterator[str]:
    given = [text.strip() for text in reference_answers.given(question)]
    if not given:
        return
    first, last = function
    above, below = _part(lines, first, line, last)
    if any(_is_new(text, given) for text in below):
        yield "the lines below it never run: delete the line that raises the error"
    elif any(_is_new(text, given) for text in above):
        yield "there is code above it: if that is your answer, delete the line that raises the error"
    elif not any(_is_new(text, given) for text in lines[first - 1 : last]):
        yield "this function is as it was handed out: have you saved your file?"
    elif given.count(lines[line - 1].strip()) > sum(text.strip() == lines[line - 1].strip() for text in lines):
        yield f"another TODO of this function is done, this one is left: line {line - 2}"


def _part(lines: list[str], first: int, line: int, last: int) -> tuple[list[str], list[str]]:
    """The lines above and below the one that raises, up to the TODO before and the TODO after it."""
    above, below = lines[first:line][:-1], lines[line:last]
    todos = [i for i, text in enumerate(above) if text.strip().startswith(_TODO)]
    after = [i for i, text in enumerate(below) if text.strip().startswith(_TODO)]
    return above[todos[-1] + 1 :] if todos else above, below[: after[0]] if after else below


def _is_new(text: str, given: list[str]) -> bool:
    text = text.strip()
    return bool(text) and not text.startswith("#") and text not in given


def _copies(path: Path, file: str) -> Iterator[str]:
    if copies := copies_of(path):
        yield f"beside it is {copies[0].name}, which no check reads: your answer belongs in {file}"


def copies_of(path: Path) -> list[Path]:
    """Copies beside a file, which JupyterLab and file managers make: it is easy to edit the wrong one."""
    names = ("-Copy*", " *", "_copy*", " copy*")
    return sorted({copy for name in names for copy in path.parent.glob(f"{path.stem}{name}{path.suffix}")})
