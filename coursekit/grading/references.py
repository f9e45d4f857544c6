"""What the reference returns, and how long it takes: computed once for a class, and shared by its processes."""

from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

_known: dict[tuple, Any] = {}


def once(key: tuple, compute: Callable[[], T]) -> T:
    """What is known under a key; computed if it is not known yet."""
    if key not in _known:
        _known[key] = compute()
    return _known[key]


def known(seed: int) -> dict[tuple, Any]:
    """All that this process knows of a seed."""
    return {key: value for key, value in _known.items() if seed in key}


def learn(found: dict[tuple, Any]) -> None:
    """Take over what another process knows."""
    _known.update(found)
