"""Loops that may take long, as whoever runs a notebook can watch them.

This package only says which loops these are. A notebook's first cell may set `watcher`, which shows how far they are;
without one, a loop is just a loop.
"""

from collections.abc import Callable, Iterable

watcher: Callable[[Iterable, str], Iterable] | None = None


def watched(steps, what):
    """The same steps, watched if there is somebody to watch; `what` says in a word what they do.

    Examples
    --------
    >>> list(watched(range(3), "training"))
    [0, 1, 2]
    """
    return steps if watcher is None else watcher(steps, what)
