"""Run a learner's code in this process, where no other can be started: in a browser, or on a restricted machine.

The code is loaded anew from its files, beside the modules that a notebook has loaded, which stay as they are. Settings
that it changes and names of NumPy that it replaces are restored, so that later checks and the notebook do not depend on
it; threads that it leaves run on. Nothing can end it but an interrupt: there is no limit on its processor time.
"""

import builtins
import contextlib
import decimal
import importlib
import io
import linecache
import os
import random
import sys
import threading
import traceback
import warnings
from _sitebuiltins import Quitter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import NoReturn

import numpy as np

CHOICE = "COURSEKIT_CHECKS"  # the environment variable; "here" chooses this process
NOTICE = "Your code runs in this kernel, not in a process of its own: if it never ends, interrupt the kernel."
_OURS = ("coursekit", "cs231n")
_NOT_IN_A_PROCESS = ("display", "get_ipython")  # what IPython adds to the built-in names
# Modules in which code may put something else under a name, and in NumPy's: np.exp = my_exp.
_OFTEN_CHANGED = {
    "builtins",
    "collections",
    "copy",
    "functools",
    "itertools",
    "math",
    "operator",
    "os",
    "random",
    "sys",
}
_OFTEN_CHANGED |= {"time", "warnings"}
_one_at_a_time = threading.RLock()


def is_chosen() -> bool:
    """Whether checks run in this process from the outset."""
    return sys.platform == "emscripten" or os.environ.get(CHOICE) == "here"


def run_here(request: bytes, root: Path) -> tuple[bytes, bytes]:
    """Serve a request as `coursekit.running.worker` does in a process of its own.

    Parameters
    ----------
    request : bytes
    root : Path
        The folder that holds the `cs231n` to run, and coursekit.

    Returns
    -------
    tuple of bytes
        The frames, and what was written to standard error.
    """
    channel, said = io.BytesIO(), io.StringIO()
    with (
        _one_at_a_time,
        contextlib.chdir(root),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(said),
        _numbers_kept(),
        _plain_builtins(),
        _fresh_modules(root),
        _settings_kept(),
    ):
        try:
            with _names_kept():  # the innermost: what follows, and cleans up, needs the names as they were
                os._exit = _end_python
                os.abort = _end_python
                _serve(request, root, channel)
        except KeyboardInterrupt:  # of the kernel
            raise
        except BaseException:  # as a file that cannot be imported
            traceback.print_exc()
    return channel.getvalue(), said.getvalue().encode(errors="replace")


def _serve(request: bytes, root: Path, channel: io.BytesIO) -> None:
    worker = importlib.import_module("coursekit.running.worker")  # a fresh one
    hook = worker.load_from_source(root)
    try:
        for _ in worker.serve(request, channel):
            pass
    finally:
        sys.path_hooks.remove(hook)


@contextlib.contextmanager
def _fresh_modules(root: Path) -> Iterator[None]:
    """Let imports load the course's modules anew; afterwards those that were loaded before are in place again."""
    path, writes_no_bytecode, loaded = sys.path[:], sys.dont_write_bytecode, dict(sys.modules)
    _without_ours(root)
    sys.path.insert(0, str(root))
    sys.dont_write_bytecode = True
    try:
        yield
    finally:
        _without_ours(root)
        sys.modules.update(loaded)
        sys.path[:], sys.dont_write_bytecode = path, writes_no_bytecode


def _without_ours(root: Path) -> None:
    """Forget the course's modules and what Python remembers of their files."""
    for name in [name for name in sys.modules if name.split(".")[0] in _OURS]:
        del sys.modules[name]
    for cache in (sys.path_importer_cache, linecache.cache):
        for file in [file for file in cache if file.startswith(str(root))]:
            cache.pop(file, None)


@contextlib.contextmanager
def _settings_kept() -> Iterator[None]:
    """Restore the environment variables, the filters of warnings, and the settings of Python and decimal numbers."""
    variables, depth, hook = dict(os.environ), sys.getrecursionlimit(), sys.excepthook
    try:
        with warnings.catch_warnings(action="default"), decimal.localcontext():
            yield
    finally:
        sys.setrecursionlimit(depth)
        sys.excepthook = hook
        if os.environ != variables:
            os.environ.clear()
            os.environ.update(variables)


@contextlib.contextmanager
def _names_kept() -> Iterator[None]:
    """Restore what the names in NumPy, and in some modules of Python, stand for; the judge uses them, too."""
    spaces = [(space, space.copy()) for space in map(vars, _shared_modules())]
    names, before = vars(builtins), vars(builtins).copy()
    try:
        yield
    finally:
        names.update(before)  # first, since the loop may need one of them
        for space, as_it_was in spaces:
            space.update(as_it_was)


def _shared_modules() -> list[ModuleType]:
    shared = [name for name in sys.modules if name in _OFTEN_CHANGED or name.split(".")[0] == "numpy"]
    return [module for module in map(sys.modules.get, shared) if isinstance(module, ModuleType)]


def _end_python(status: int = 1) -> NoReturn:
    """In place of what ends Python at once, which would be the kernel."""
    raise SystemExit(status)


@contextlib.contextmanager
def _numbers_kept() -> Iterator[None]:
    """Start from fresh random states and one thread; restore the notebook's states and settings of NumPy."""
    states = random.getstate(), np.random.get_state()
    random.seed()
    np.random.seed()
    try:
        with np.errstate(), np.printoptions(), _one_thread():
            yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])


def _one_thread() -> contextlib.AbstractContextManager:
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        return contextlib.nullcontext()
    return threadpool_limits(1, user_api="blas")


@contextlib.contextmanager
def _plain_builtins() -> Iterator[None]:
    """Give code the built-in names that it has outside of IPython; `input` finds nothing to read."""
    names = vars(builtins)
    plain = {"exit": Quitter("exit", ""), "quit": Quitter("quit", ""), "input": _no_input}
    before = {name: names[name] for name in (*plain, *_NOT_IN_A_PROCESS) if name in names}
    names.update(plain)
    for name in _NOT_IN_A_PROCESS:
        names.pop(name, None)
    try:
        yield
    finally:
        for name in plain.keys() - before.keys():
            names.pop(name, None)
        names.update(before)


def _no_input(prompt: object = "") -> str:
    raise EOFError("EOF when reading a line")
