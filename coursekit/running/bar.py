"""A progress bar below a cell that runs for a while.

Loops that `cs231n` calls `watched` say how far they are; of any other cell it is said how long it has been running. The
bar is shown only where somebody looks on, in Jupyter, and is gone when the cell has ended; so the outputs of a notebook
are the same with and without it.
"""

import html
import os
import threading
import time
from collections.abc import Iterable, Iterator, Sized
from typing import Any

AFTER, EVERY = 2.0, 0.5  # seconds: a cell runs so long before the bar appears; and between two updates
SILENT = 5.0  # seconds that a cell runs until its time is shown, where no loop says how far it is


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
        self.is_counted = False
        self.ended = threading.Event()
        self.showing = threading.Lock()
        shell.events.register("pre_run_cell", self._begin)
        shell.events.register("post_run_cell", self._end)

    def watch(self, steps: Iterable, what: str) -> Iterator:
        """The same steps; while they are taken, the bar says how far they are."""
        total = len(steps) if isinstance(steps, Sized) else 0
        for number, step in enumerate(steps):
            now = time.monotonic()
            if now - self.begun >= AFTER and (not self.is_counted or now - self.shown >= EVERY):
                self.is_counted, self.shown = True, now
                self._show(_as_data(what, number, total), self.ended)
            yield step

    def _begin(self, *_: Any) -> None:
        self.begun, self.handle, self.is_counted = time.monotonic(), None, False
        self.ended = threading.Event()
        threading.Thread(target=self._tell_time, args=(self.ended,), daemon=True).start()

    def _tell_time(self, ended: threading.Event) -> None:
        """In a thread of its own: show how long the cell has been running, until it ends or a loop shows its steps."""
        wait = SILENT
        while not ended.wait(wait) and not self.is_counted:
            words = f"running for {time.monotonic() - self.begun:.0f} s"
            self._show({"text/plain": words, "text/html": f"<label><progress></progress> {words}</label>"}, ended)
            wait = 1.0

    def _show(self, data: dict[str, str], ended: threading.Event) -> None:
        from IPython.display import display

        with self.showing:
            if ended.is_set():
                return
            if self.handle is None:
                self.handle = display(data, raw=True, display_id=True)
            else:
                self.handle.update(data, raw=True)

    def _end(self, *_: Any) -> None:
        with self.showing:
            self.ended.set()
            if self.handle is not None:
                self.handle.update({"text/html": "", "text/plain": ""}, raw=True)
                self.handle = None


def _as_data(what: str, number: int, total: int) -> dict[str, str]:
    words = f"{what}: {number} of {total} steps" if total else f"{what}: {number} steps"
    bar = f'<progress value="{number}" max="{total}"></progress> ' if total else ""
    return {"text/plain": words, "text/html": f"<label>{bar}{html.escape(words)}</label>"}
