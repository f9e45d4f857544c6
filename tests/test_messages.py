"""What a kernel sends: counted before it is read, and every text can be written."""

import json
import sys
import threading
import tracemalloc

import pytest

from coursekit.grading.running import messages
from coursekit.grading.running.messages import TooLargeError, counting_session


def frames(content=None, metadata=None):
    """The frames of a message, its signature first."""
    sender = counting_session(key=b"x")
    parts = [sender.msg_header("stream") | {"date": "2026-01-01"}, {}, metadata or {}, content or {}]
    packed = [json.dumps(part).encode() for part in parts]
    return [sender.sign(packed), *packed]


def received(**parts):
    return counting_session(key=b"x").deserialize(frames(**parts))


@pytest.mark.parametrize("part", ["content", "metadata"])
def test_a_large_message_is_not_read(part):
    """Its JSON would take thirty times its size; it does not matter in which part of the message it is."""
    large, session = frames(**{part: {"x": "0" * messages.LARGEST_JSON}}), counting_session(key=b"x")
    tracemalloc.start()
    with pytest.raises(TooLargeError, match="17 MB"):
        session.deserialize(large)
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


def test_metadata_counts():
    """Many messages, each of which is small enough, are added up by their whole size."""
    assert received(metadata={"x": "0" * 5_000})["size"] > 5_000


def test_halves_of_characters_do_not_get_in():
    content = {"text": "\ud800", "data": {"\udfff": ["a\ud8ffb"]}}
    read = received(content=content)["content"]
    assert read == {"text": "\ufffd", "data": {"\ufffd": ["a\ufffdb"]}}
    json.dumps(read, ensure_ascii=False).encode()


def test_what_is_whole_stays_as_it_is():
    content = {"text": "\x1b[31mü \U0001f600\\u", "data": {"text/plain": [1, 2.5, None]}}
    assert received(content=content)["content"] == content


@pytest.mark.skipif(sys.platform != "linux", reason="grading needs Linux")
def test_a_flood_is_noticed_while_it_arrives(monkeypatch):
    monkeypatch.setattr(messages, "LARGEST_GROWTH", 50 << 20)
    noticed = threading.Event()
    end = messages.watch_memory(noticed.set)
    assert not noticed.wait(0.3)
    flood = bytearray(b"x") * (100 << 20)
    assert noticed.wait(30), len(flood)
    end()
