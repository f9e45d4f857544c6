"""A progress bar below a cell that runs for a while, for the loops that `cs231n` calls `watched`.

It is shown only where somebody looks on, in Jupyter, and is gone when the cell has ended; so the outputs of a notebook
are the same with and without it.
"""

import html
import os
import time
from collections.abc import Iterable, Iterator, Sized
from typing import Any

AFTER, EVERY = 2.0, 0.5  # seconds: a cell runs so long before the bar appears; and between two updates


def is_watched() -> bool:
    """Whether this kernel belongs to a notebook that somebody has open: Jupyter's server says so."""
    return "JPY_SESSION_NAME" in os.environ and "COURSEKIT_GRADING" not in os.environ


class Bar:
    """The bar of the cell that runs.

    Parameters
    ----------
    shell : InteractiveShell
        The bar begins with each of its cells and ends with it.
    """

    def __init__(self, shell: Any) -> None:
        self.begun = self.shown = time.monotonic()
        self.handle: Any = None
        shell.events.register("pre_run_cell", self._begin)
        shell.events.register("post_run_cell", self._end)

    def watch(self, steps: Iterable, what: str) -> Iterator:
        """The same steps; while they are taken, the bar says how far they are."""
        total = len(steps) if isinstance(steps, Sized) else 0
        for number, step in enumerate(steps):
            now = time.monotonic()
            if now - self.begun >= AFTER and (self.handle is None or now - self.shown >= EVERY):
                self._show(what, number, total)
                self.shown = now
            yield step

    def _begin(self, *_: Any) -> None:
        self.begun, self.handle = time.monotonic(), None

    def _show(self, what: str, number: int, total: int) -> None:
        from IPython.display import display

        data = _as_data(what, number, total)
        if self.handle is None:
            self.handle = display(data, raw=True, display_id=True)
        else:
            self.handle.update(data, raw=True)

    def _end(self, *_: Any) -> None:
        if self.handle is not None:
            self.handle.update({"text/html": "", "text/plain": ""}, raw=True)
            self.handle = None


def _as_data(what: str, number: int, total: int) -> dict[str, str]:
    words = f"{what}: {number} of {total} steps" if total else f"{what}: {number} steps"
    bar = f'<progress value="{number}" max="{total}"></progress> ' if total else ""
    return {"text/plain": words, "text/html": f"<label>{bar}{html.escape(words)}</label>"}
