"""What a kernel sends, counted before it is read: its whole size, whatever part of the message it is in.

JSON takes up to thirty times its size in memory, so the parts that are JSON may be far smaller than the values that a
check hands over, which are plain bytes.
"""

import json
import os
import re
import threading
from collections.abc import Callable
from typing import Any

import psutil
from jupyter_client.session import Session

LARGEST_JSON = 16 << 20  # bytes of all JSON in one message; a page of plots has 1 MB
LARGEST_GROWTH = 3 << 30  # bytes by which this process may grow while a notebook runs; the course's take 0.5 GB
NUM_WAITING = 16  # messages that are taken in before they are read
LOOK = 0.1  # seconds between two looks at the memory of this process
_HALVES = re.compile("[\ud800-\udfff]")


class TooLargeError(ValueError):
    """A message that is larger than any that the course's notebooks cause."""


class CountingSession(Session):
    """A session that does not read messages that are too large, and says how large the others are.

    Create it by `counting_session`.
    """

    def deserialize(self, msg_list: list, content: bool = True, copy: bool = True) -> dict:
        """The message in some frames, with the bytes of its JSON as "size"; `TooLargeError` if they are too many."""
        size = sum(_size(frame) for frame in msg_list[1:5])  # after the signature; what follows are buffers
        if size > LARGEST_JSON:
            raise TooLargeError(f"a message has {size / 1e6:.0f} MB")
        return super().deserialize(msg_list, content, copy) | {"size": size}


def counting_session(**options: Any) -> CountingSession:
    """A session whose texts every file can hold."""
    return CountingSession(unpack=_unpacked, **options)


def _unpacked(data: Any) -> Any:
    """The value in some JSON; halves of characters, which JSON can name and no file can hold, are replaced."""
    text = bytes(data).decode("utf-8", "replace")
    return _whole(json.loads(text)) if "\\u" in text else json.loads(text)


def _size(frame: Any) -> int:
    return len(frame.buffer) if hasattr(frame, "buffer") else len(frame)


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return _HALVES.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_whole(key): _whole(item) for key, item in value.items()}
    return [_whole(item) for item in value] if isinstance(value, list) else value


def watch_memory(stop: Callable[[], None]) -> Callable[[], None]:
    """Call `stop` if this process grows too large; returns what ends the watch.

    A message of many parts arrives as a whole before anybody can count it.
    """
    this, ended = psutil.Process(os.getpid()), threading.Event()
    most = this.memory_info().rss + LARGEST_GROWTH

    def watch() -> None:
        while not ended.wait(LOOK):
            if this.memory_info().rss > most:
                return stop()

    threading.Thread(target=watch, daemon=True).start()
    return ended.set
