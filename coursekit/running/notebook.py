"""What a notebook's first cell sets up: edits are loaded as soon as they are saved, and errors name what is missing."""

import ast
import contextlib
import io
import json
import os
import re
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from traceback import walk_tb
from typing import Any

from coursekit.core.question import CheckFailed, Question
from coursekit.questions import NOTEBOOKS, all_questions
from coursekit.running.bar import Bar, is_watched
from cs231n import _watched

# What a missing answer can cause.
_MISSING = (AttributeError, IndexError, KeyError, NameError, NotImplementedError, TypeError, ValueError)
EXITED = "exit() ended this cell. The kernel is still running, with all its variables; to stop it, use the Kernel menu."
_VERDICT = re.compile(r"(\w+): (wrong|not attempted)\b")


# The colours of Okabe and Ito, which readers with any kind of colour vision tell apart. Their yellow is too pale for a
# line on white. Each has a line style of its own: in grey, in print and in words ("the dotted line") they differ too.
_LINES = {
    "#0072B2": "-",  # blue
    "#D55E00": "--",  # vermilion
    "#009E73": "-.",  # green
    "#CC79A7": ":",  # purple
    "#000000": (0, (5, 1)),
    "#E69F00": (0, (3, 1, 1, 1, 1, 1)),  # orange
    "#56B4E9": (0, (1, 1)),  # sky blue
}


def prepare_notebook() -> None:
    """Load the modules of `cs231n` again whenever you save them, and name the answer that a failed cell needs.

    A file that cannot be loaded is named in one line; the version loaded before stays in use. Where Matplotlib is
    imported, the lines of a plot differ in style as well as in colour. Outside of IPython, or when it is called again,
    nothing else happens.
    """
    _tell_lines_apart()
    with contextlib.suppress(ImportError, AttributeError):  # there may be no IPython, or no shell
        from IPython import get_ipython

        shell = get_ipython()
        if not hasattr(shell, "_coursekit_answers"):
            shell._coursekit_answers = _Answers(shell)
            _reload_quietly(shell)
            _explain_exit(shell)
            if is_watched():
                _watched.watcher = Bar(shell).watch


def run_source(cell_id: str) -> str:
    """The source of a notebook's cell as it was run last; "" if it was not, or if the editor does not send ids."""
    with contextlib.suppress(ImportError, AttributeError):
        from IPython import get_ipython

        return get_ipython()._coursekit_answers.run.get(cell_id, "")
    return ""


# ---- figures


def _tell_lines_apart() -> None:
    """Give the lines of each plot colours and styles that differ, on white whatever the theme of the page."""
    if "matplotlib" in sys.modules:
        from matplotlib import rcParams
        from matplotlib.rcsetup import cycler

        rcParams["axes.prop_cycle"] = cycler(color=list(_LINES), linestyle=list(_LINES.values()))
        rcParams["figure.facecolor"] = rcParams["savefig.facecolor"] = "white"


# ---- edits


def _reload_quietly(shell: Any) -> None:
    """Turn on IPython's autoreload, with a line in place of its tracebacks."""
    shell.extension_manager.load_extension("autoreload")  # unlike the magic, it says nothing the second time
    shell.run_line_magic("autoreload", "2")
    reloader = shell.magics_manager.registry["AutoreloadMagics"]._reloader
    if hasattr(reloader, "deduper_reloader"):  # IPython >= 9: functions that it patches lose their lines and class
        reloader.deduper_reloader.enabled = False
    load_edits = reloader.check

    def check(*args: Any, **options: Any) -> None:
        known = dict(reloader.failed)
        with contextlib.redirect_stderr(io.StringIO()) as said:
            load_edits(*args, **options)
        for file in reloader.failed.keys() - {name for name, time in known.items() if reloader.failed[name] == time}:
            print(f"{_why_not_loaded(Path(file), said.getvalue())} (the version loaded before is still in use)")

    reloader.check = check


def _why_not_loaded(path: Path, said: str) -> str:
    """A file, and in a few words why it cannot be loaded."""
    name = f"{path.parent.name}/{path.name}"
    try:
        compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
    except SyntaxError as error:
        return f"{name}, line {error.lineno}: {error.msg}"
    except (OSError, ValueError) as error:
        return f"{name}: {error}"
    errors = [line.rstrip("]") for line in said.splitlines() if re.match(r"\w+(Error|Exception|Interrupt)\b", line)]
    return f"{name}: {errors[-1] if errors else 'it cannot be loaded'}"


def _explain_exit(shell: Any) -> None:
    """Show a sentence where a cell calls `sys.exit`, in place of advice for a terminal."""
    warnings.filterwarnings("ignore", "To exit: use")
    show = shell.showtraceback

    def showtraceback(exc_tuple: Any = None, *args: Any, **options: Any) -> None:
        kind, _, trace = exc_tuple or sys.exc_info()
        if kind is not None and issubclass(kind, SystemExit):
            exc_tuple = CheckFailed, CheckFailed(EXITED).with_traceback(trace), trace
            options["exception_only"] = False
        show(exc_tuple, *args, **options)

    shell.showtraceback = showtraceback


# ---- answers


class _Answers:
    """Knows which names have no value because a question is not answered, and says so where a cell fails for it."""

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self.waiting: dict[str, str] = {}  # the question that each name waits for
        self.incomplete: set[str] = set()  # those that have a value, but of which a method failed
        self.source, self.needed = "", ""
        self.run: dict[str, str] = {}  # the source of each cell that was run, by its id
        shell.events.register("pre_run_cell", self._before)
        shell.events.register("post_run_cell", self._after)
        shell.set_custom_exc(_MISSING, self._show)

    def _before(self, info: Any) -> None:
        self.source, self.needed = info.raw_cell, ""
        if cell_id := getattr(info, "cell_id", None):
            self.run[cell_id] = info.raw_cell

    def _after(self, result: Any) -> None:
        error = result.error_in_exec or result.error_before_exec
        bound, loaded = self._names()
        if error is None:
            self.waiting = {name: asked for name, asked in self.waiting.items() if name not in bound}
            self.incomplete -= bound
        elif asked := self.needed or _question_in(error):
            names = bound | loaded if isinstance(error, CheckFailed) else bound
            used = self._used_where_it_failed(error) & bound
            self.incomplete = (self.incomplete - bound) | used
            self.waiting |= dict.fromkeys((name for name in names if name in used or self._is_missing(name)), asked)

    def _used_where_it_failed(self, error: BaseException) -> set[str]:
        """The objects that the statement in which a cell failed makes use of, such as a solver that was to train."""
        lines = [line for frame, line in walk_tb(error.__traceback__) if frame.f_globals is self.shell.user_ns]
        failed = [node for node in self._tree().body if lines and node.lineno <= lines[0] <= (node.end_lineno or 0)]
        names = {name for node in failed for name in _loaded(node)}
        return {name for name in names if not callable(self.shell.user_ns.get(name))}

    def _show(self, shell: Any, kind: type, error: BaseException, trace: Any, tb_offset: int | None = None) -> None:
        """Show an error, or in its place the question that the cell needs."""
        text = self._unwritten(error) if isinstance(error, NotImplementedError) else self._missing(error)
        if not text:
            shell.showtraceback((kind, error, trace), running_compiled_code=True)
            return
        failed = CheckFailed(text)
        shell.showtraceback((CheckFailed, failed.with_traceback(trace), trace))  # so that %debug has something to show

    def _unwritten(self, error: BaseException) -> str:
        """What to do about a function, or a cell, that is not written yet; empty if no question is about it."""
        if not (asked := _question_in(error)):
            return ""
        question = all_questions()[asked]
        if self._is_ours(error):
            return f"{asked} is not written yet: write your answer at the TODO of this cell, then run it again."
        frame, line = list(walk_tb(error.__traceback__))[-1]
        file = Path(frame.f_code.co_filename)
        parts = file.parts[file.parts.index("cs231n") :] if "cs231n" in file.parts else file.parts[-1:]
        text = f"This cell needs {_named(question)}, which is not written yet."
        return f"{text}\n  Write it in {'/'.join(parts)}, line {line}, save the file, then run this cell again."

    def _missing(self, error: BaseException) -> str:
        """Which question a cell needs that failed for want of a value; empty if that is not known."""
        asked = [self.waiting[name] for name in self._names()[1] if name in self.waiting and self._is_missing(name)]
        if asked:
            self.needed = asked[0]
            text = f"This cell needs {_named(all_questions()[self.needed])}, which is not answered yet."
            return f"{text}\n  ({type(error).__name__}: {error})"
        name = str(error.name) if isinstance(error, NameError) and self._is_ours(error) else ""
        maker = self._maker(name) if name else ""
        if not maker:
            return ""
        text = f"{name} is made in the cell of {maker}, further up, which was not run: answer it and run it,"
        return f"{text}\n  then run this cell again."

    def _is_ours(self, error: BaseException) -> bool:
        """Whether an error comes from a line of the notebook itself."""
        return list(walk_tb(error.__traceback__))[-1][0].f_globals is self.shell.user_ns

    def _maker(self, name: str) -> str:
        """The question in whose cell a name gets its first value, if that cell was not run; else empty."""
        for cell_id, source in _cells_of_this_notebook():
            if name in set(_bound(_parsed(source, self.shell))):
                return cell_id if cell_id in all_questions() and cell_id not in self.run else ""
        return ""

    def _is_missing(self, name: str) -> bool:
        value = self.shell.user_ns.get(name)
        is_empty = value is None or (isinstance(value, (dict, list, tuple)) and not value)
        return is_empty or name in self.incomplete

    def _names(self) -> tuple[set[str], set[str]]:
        """The names that the cell binds, and those that it only reads."""
        tree = self._tree()
        bound = set(_bound(tree))
        return bound, _loaded(tree) - bound

    def _tree(self) -> ast.Module:
        return _parsed(self.source, self.shell)


def _parsed(source: str, shell: Any) -> ast.Module:
    """The syntax tree of a cell; an empty one if it is not valid Python."""
    try:
        return ast.parse(shell.input_transformer_manager.transform_cell(source))
    except (SyntaxError, ValueError):
        return ast.Module([], [])


def _cells_of_this_notebook() -> Iterator[tuple[str, str]]:
    """The id and the source of each code cell of the notebook as saved; none where its file is not known."""
    path = Path(os.environ.get("JPY_SESSION_NAME", ""))
    if path.stem not in NOTEBOOKS:
        return
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "code":
                yield cell["id"], "".join(cell["source"])


def _loaded(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}


def _bound(tree: ast.Module) -> Iterator[str]:
    """The names that a cell binds at its own level, loops and the like included."""
    todo: list[ast.AST] = list(tree.body)
    while todo:
        node = todo.pop()
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        todo += ast.iter_child_nodes(node)


def _question_in(error: BaseException) -> str:
    """The id of the question that an error of a check, or of a function that is not written yet, is about."""
    match = _VERDICT.match(str(error)) if isinstance(error, CheckFailed) else None
    name = match[1] if match else str(error).split(":")[0] if isinstance(error, NotImplementedError) else ""
    return name if name in all_questions() else ""


def _named(question: Question) -> str:
    return f"{question.id} (notebook {question.notebook})"
