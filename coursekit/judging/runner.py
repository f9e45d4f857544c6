"""The judge's side of `coursekit.running.worker`: start the process, and take back nothing but values.

Whatever comes back may be forged: it is taken as values to judge, and only in the form that `_checked` knows.
"""

import os
import secrets
import struct
import subprocess
import sys
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

import numpy as np

from coursekit.core import serialization
from coursekit.paths import ROOT
from coursekit.running.worker import LONGEST_PRINT, READY, call, failure

LONGEST_JSON = 4 << 20  # bytes of the part of a frame that is not arrays


class Ending(StrEnum):
    """How a process, or a call in it, ended."""

    RETURNED = ""  # of a call: its frame came back
    NOT_STARTED = "not started"  # the process never got as far as the learner's code
    EXIT = "exit"
    SIGNAL = "signal"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    OUTPUT = "output"


@dataclass(frozen=True)
class Ended:
    """What a process wrote, how it ended, and the time limit (in seconds) that it had."""

    stdout: bytes
    stderr: bytes
    ended: Ending
    limit: float


def run_cases(question, inputs, root=ROOT, seconds=None):
    """Run cases of a question in a fresh process.

    Parameters
    ----------
    question : Question
    inputs : dict
        Maps the index of a case to its inputs.
    root : Path
        The folder that holds the `cs231n` to run.
    seconds : float, optional
        Time for all cases together; the question's own limit by default.

    Returns
    -------
    dict
        Maps each index to a result, as `run_calls` gives them.
    """

    def run(command, request):
        return _run_here(command, request, root, question.seconds if seconds is None else seconds)

    return dict(zip(inputs, run_calls(question, list(inputs.items()), run), strict=True))


def run_calls(question, calls, run):
    """Run calls of a question's cases in a fresh process.

    Parameters
    ----------
    question : Question
    calls : list of (int, dict)
        Index of the case, and its inputs.
    run : callable
        Takes the command and the bytes for its standard input; runs it, and returns an `Ended` or the like.

    Returns
    -------
    list of dict
        For each call a dict with ``outputs``, ``error``, ``changed``, ``printed``, ``warnings`` and ``ended`` (an
        `Ending`).
    """
    nonce = secrets.token_hex(16)
    request = serialization.pack({"question": question.id, "nonce": nonce, "calls": calls})
    process = run([sys.executable, "-m", "coursekit.running.worker"], request)
    frames = _read_frames(process.stdout, nonce, len(calls))
    missing = _missing(process, READY in frames)
    return [
        _finish(question.cases[index], inputs, frames[number]) if number in frames else missing
        for number, (index, inputs) in enumerate(calls)
    ]


def _run_here(command, request, root, seconds):
    env = os.environ | {"PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1", "OPENBLAS_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=root, env=env
    ) as process:
        try:
            return Ended(*process.communicate(request, timeout=seconds), Ending.EXIT, seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            return Ended(*process.communicate(), Ending.TIMEOUT, seconds)


def _read_frames(data, nonce, num_calls):
    """The frames by number of the call, up to the first that is not as it should be."""
    frames = {}
    for chunk in islice(_chunks(data), num_calls + 1):
        try:
            frame = serialization.unpack(chunk, LONGEST_JSON)
            number = frame.pop("call")
            if frame.pop("nonce") != nonce or type(number) is not int or number in frames:
                break
            frames[number] = _checked(frame) if number != READY else {}
        except (ValueError, TypeError, KeyError, AttributeError):
            break
    return frames


def _chunks(data):
    data = memoryview(data)
    while len(data) >= 8:
        (length,) = struct.unpack("<Q", data[:8])
        if len(data) < 8 + length:
            return
        yield bytes(data[8 : 8 + length])
        data = data[8 + length :]


def _checked(frame):
    """A frame in the form that the rest relies on; an error if it has another."""
    error = frame["error"]
    if error is not None:
        places = [[str(file)[:200], int(line), str(text)[:200]] for file, line, text in error["frames"][-5:]]
        error = {"kind": str(error["kind"])[:100], "message": str(error["message"])[:LONGEST_PRINT], "frames": places}
    return {
        "outputs": frame["outputs"],
        "error": error,
        "after": dict(frame["after"]),
        "printed": str(frame["printed"])[:LONGEST_PRINT],
        "warnings": sorted({str(text)[:300] for text in frame["warnings"][:100]}),
    }


def _finish(case, inputs, frame):
    """The result of a call from what came back; what is observed is observed here, not in the learner's process."""
    after = frame.pop("after")
    changed = [
        name
        for name, old in inputs.items()
        if isinstance(old, np.ndarray) and name not in case.may_change and not _is_same(old, after.get(name))
    ]
    result = frame | {"changed": changed, "ended": Ending.RETURNED}
    if case.observe and not result["error"]:
        try:
            result["outputs"] = case.observe(inputs, result["outputs"])
        except Exception as error:
            result |= {"outputs": None, "error": failure(type(error).__name__, str(error))["error"]}
    return result


def _is_same(old, new):
    return isinstance(new, np.ndarray) and np.array_equal(old, new, equal_nan=old.dtype.kind == "f")


_TOO_MUCH = {Ending.MEMORY: "it used too much memory", Ending.OUTPUT: "it wrote too much output"}


def _missing(process, was_ready):
    """What stands for a call that did not come back."""
    if process.ended == Ending.TIMEOUT:
        limit = f"{process.limit:g} seconds"
        error = failure("TimeoutError", f"stopped after {limit}: is there an endless or a very slow loop?")
    elif process.ended in _TOO_MUCH:
        error = failure("ProcessDied", f"the process that ran your code was stopped: {_TOO_MUCH[process.ended]}")
    else:
        error = _died(process.stderr)
    return error | {"changed": [], "ended": process.ended if was_ready else Ending.NOT_STARTED}


def _died(errors):
    last = errors.decode(errors="replace").strip().splitlines()[-1:] or ["no error message"]
    return failure("ProcessDied", f"the process that ran your code ended early ({last[0][:300]})")


def run_case(case, inputs):
    """Run one case in this process; its result as `run_calls` gives it. For code that is trusted."""
    kept = {name: np.copy(value) if isinstance(value, np.ndarray) else value for name, value in inputs.items()}
    return _finish(case, kept, call(case, inputs))
