"""The judge's side of `coursekit.running.worker`: start the process, and take back nothing but values.

Whatever comes back may be forged: it is taken as values to judge, and only in the form that `_parse_frame` knows.
"""

import contextlib
import math
import os
import secrets
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from coursekit.core import serialization
from coursekit.core.question import Case, Question
from coursekit.judging import in_this_process
from coursekit.paths import ROOT
from coursekit.running.worker import CAN_LIMIT_CPU, CPU_SECONDS, LONGEST_PRINT, OUT_OF_TIME, READY, call

LONGEST_JSON = 4 << 20  # bytes of the part of a frame that is not arrays
WAITING = 10  # so many times its processor time may a process take by the clock: on a busy machine it has to wait


class NoProcessError(Exception):
    """No process can be started on this machine."""


_without_processes = threading.Event()  # set once none could be started


class Ending(StrEnum):
    """How a process, or a call in it, ended."""

    RETURNED = ""  # of a call: its frame arrived
    NOT_STARTED = "not started"  # the process never got as far as the learner's code
    EXIT = "exit"
    SIGNAL = "signal"
    TIMEOUT = "timeout"  # it used up its processor time
    STALLED = "stalled"  # it slept or waited, far longer than an answer takes
    MEMORY = "memory"
    OUTPUT = "output"
    FORBIDDEN = "forbidden"  # it loaded a library that is not there for submissions


@dataclass(frozen=True)
class FinishedProcess:
    """What a process wrote, how it ended, and the seconds of processor time that it was given and that it used."""

    stdout: bytes
    stderr: bytes
    ended: Ending
    limit: float
    used: float = 0.0


@dataclass(frozen=True)
class Error:
    """An error that a call raised.

    Parameters
    ----------
    kind : str
        The name of its class; "ProcessDied" where the process ended instead.
    message : str
    frames : tuple
        The lines of `cs231n/` that it passed through, the innermost last: file, line number, text of the line.
    """

    kind: str
    message: str
    frames: tuple[tuple[str, int, str], ...] = ()


@dataclass(frozen=True)
class Result:
    """The result of one call of a case.

    Parameters
    ----------
    outputs : any
        What the case returned; a dict of named outputs if all is well.
    error : Error or None
    changed : tuple of str
        Inputs that were changed although the case does not allow it.
    printed : str
        What the learner's code printed, up to a length.
    warnings : tuple of str
    ended : Ending
        How the call ended: `RETURNED`, or how its process did.
    """

    outputs: Any = None
    error: Error | None = None
    changed: tuple[str, ...] = ()
    printed: str = ""
    warnings: tuple[str, ...] = ()
    ended: Ending = Ending.RETURNED


@dataclass(frozen=True)
class _Frame:
    """A call that returned: its result, before anything is observed, and the arrays among its inputs afterwards."""

    result: Result
    inputs_after: dict[str, Any]


Execute = Callable[[list[str], bytes], FinishedProcess]


def run_cases(
    question: Question, inputs: dict[int, dict], root: Path = ROOT, seconds: float | None = None
) -> dict[int, Result]:
    """Run cases of a question in a fresh process, or in this one where `runs_here`.

    Parameters
    ----------
    question : Question
    inputs : dict
        Maps the index of a case to its inputs.
    root : Path
        The folder that holds the `cs231n` to run.
    seconds : float, optional
        Processor time for all cases together; the question's own limit by default. In this process there is no limit.

    Returns
    -------
    dict
        Maps each index to its `Result`.
    """
    return dict(zip(inputs, run_calls_on_files(question, list(inputs.items()), root, seconds), strict=True))


def run_calls_on_files(
    question: Question, calls: list[tuple[int, dict]], root: Path = ROOT, seconds: float | None = None
) -> list[Result]:
    """Like `run_cases`, for calls of which several may be of the same case; a `Result` for each."""
    limit = question.seconds if seconds is None else seconds

    def execute(command: list[str], request: bytes) -> FinishedProcess:
        if not runs_here():
            with contextlib.suppress(NoProcessError):
                return _run_without_sandbox(command, request, root, limit)
            _without_processes.set()
            print(in_this_process.NOTICE)
        return FinishedProcess(*in_this_process.run_here(request, root), Ending.EXIT, limit)

    return run_calls(question, calls, execute)


def runs_here() -> bool:
    """Whether a learner's code runs in this process: it was chosen, or no other could be started."""
    return in_this_process.is_chosen() or _without_processes.is_set()


def run_calls(question: Question, calls: list[tuple[int, dict]], execute: Execute) -> list[Result]:
    """Run calls of a question's cases in a fresh process.

    Parameters
    ----------
    question : Question
    calls : list of (int, dict)
        Index of the case, and its inputs.
    execute : callable
        Takes the command and the bytes for its standard input; runs it, and returns a `FinishedProcess`.

    Returns
    -------
    list of Result
        One for each call.
    """
    frames = _frames_of(question, execute, len(calls), calls=calls)
    return [
        frame if isinstance(frame, Result) else _result_of(question.cases[index], inputs, frame)
        for (index, inputs), frame in zip(calls, frames, strict=True)
    ]


def run_efforts(question: Question, efforts: list[tuple[int, int, int]], execute: Execute) -> list[Result]:
    """Run efforts of a question in a fresh process, which draws their inputs.

    Parameters
    ----------
    question : Question
    efforts : list of (int, int, int)
        Index of the effort, seed and number of rows.
    execute : callable
        As `run_calls` takes it.

    Returns
    -------
    list of Result
        One for each effort. What it did to its inputs is not known.
    """
    frames = _frames_of(question, execute, len(efforts), efforts=efforts)
    return [frame if isinstance(frame, Result) else frame.result for frame in frames]


def _frames_of(
    question: Question, execute: Execute, num_calls: int, calls: Sequence = (), efforts: Sequence = ()
) -> list[_Frame | Result]:
    """The frame of each call; where it is missing, the result that says why."""
    nonce = secrets.token_hex(16)
    asked = {"question": question.id, "notebook": question.notebook, "calls": list(calls), "efforts": list(efforts)}
    process = execute([sys.executable, "-m", "coursekit.running.worker"], serialization.pack({**asked, "nonce": nonce}))
    frames = _read_frames(process.stdout, nonce, num_calls)
    missing = _missing(process, READY in frames)
    return [frames.get(number, missing) for number in range(num_calls)]


def run_case(case: Case, inputs: dict) -> Result:
    """Run one case in this process; for code that is trusted."""
    before = {name: np.copy(value) if isinstance(value, np.ndarray) else value for name, value in inputs.items()}
    return _result_of(case, before, _parse_frame(call(case, inputs)))


def _run_without_sandbox(command: list[str], request: bytes, root: Path, seconds: float) -> FinishedProcess:
    env = os.environ | {"PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1", "OPENBLAS_NUM_THREADS": "1"}
    env[CPU_SECONDS] = str(math.ceil(seconds))
    longest = WAITING * seconds if CAN_LIMIT_CPU else seconds
    with _started(command, root, env) as process:
        try:
            output = process.communicate(request, timeout=longest)
        except subprocess.TimeoutExpired:
            process.kill()
            return FinishedProcess(*process.communicate(), Ending.STALLED, seconds)
        except KeyboardInterrupt:
            process.kill()
            raise
    return FinishedProcess(*output, Ending.TIMEOUT if is_out_of_time(process.returncode) else Ending.EXIT, seconds)


def _started(command: list[str], root: Path, env: dict[str, str]) -> subprocess.Popen:
    pipe = subprocess.PIPE
    try:
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, cwd=root, env=env)
    except OSError as error:
        raise NoProcessError(str(error)) from error


def is_out_of_time(code: int) -> bool:
    """Whether an exit status, of a process or of the shell around it, says that its processor time was used up."""
    return CAN_LIMIT_CPU and code in (-signal.SIGXCPU, 128 + signal.SIGXCPU)


# ---- frames


def _read_frames(data: bytes, nonce: str, num_calls: int) -> dict[int, _Frame]:
    """The frames by the number of the call, up to the first that is malformed."""
    frames: dict[int, _Frame] = {}
    for chunk in islice(_chunks(data), num_calls + 1):
        try:
            content = serialization.unpack(chunk, LONGEST_JSON)
            number = content.pop("call")
            if content.pop("nonce") != nonce or type(number) is not int or number in frames:
                break
            frames[number] = _parse_frame(content) if number != READY else _Frame(Result(), {})
        except Exception:  # a forged frame can raise anything
            break
    return frames


def _chunks(data: bytes) -> Iterator[bytes]:
    view = memoryview(data)
    while len(view) >= 8:
        (length,) = struct.unpack("<Q", view[:8])
        if len(view) < 8 + length:
            return
        yield bytes(view[8 : 8 + length])
        view = view[8 + length :]


def _parse_frame(content: dict) -> _Frame:
    """The content of a frame, its texts cut to a length; raises where it has another form."""
    result = Result(
        outputs=content["outputs"],
        error=None if content["error"] is None else _parse_error(content["error"]),
        printed=str(content["printed"])[:LONGEST_PRINT],
        warnings=tuple(sorted({str(text)[:300] for text in content["warnings"][:100]})),
    )
    return _Frame(result, dict(content["after"]))


def _parse_error(content: dict) -> Error:
    frames = tuple((str(file)[:200], int(line), str(text)[:200]) for file, line, text in content["frames"][-5:])
    return Error(str(content["kind"])[:100], str(content["message"])[:LONGEST_PRINT], frames)


# ---- results


def _result_of(case: Case, inputs: dict, frame: _Frame) -> Result:
    """The result of a call that returned; `observe` runs here, where the learner's code cannot reach it."""
    changed = tuple(
        name
        for name, old in inputs.items()
        if isinstance(old, np.ndarray)
        and name not in case.may_change
        and not _is_same(old, frame.inputs_after.get(name))
    )
    result = replace(frame.result, changed=changed)
    if not case.observe or result.error:
        return result
    try:
        with np.errstate(all="ignore"):
            return replace(result, outputs=case.observe(inputs, result.outputs))
    except Exception as error:
        return replace(result, outputs=None, error=Error(type(error).__name__, str(error)[:LONGEST_PRINT]))


def _is_same(old: np.ndarray, new: Any) -> bool:
    same_kind = isinstance(new, np.ndarray) and new.dtype == old.dtype  # `array_equal` cannot look for NaN in texts
    return same_kind and np.array_equal(old, new, equal_nan=old.dtype.kind == "f")


_TOO_MUCH = {
    Ending.MEMORY: "it used too much memory",
    Ending.OUTPUT: "it wrote too much output",
    Ending.FORBIDDEN: "it loaded a library that is not there for submissions",
}


_STALLED = "stopped while it waited: does it sleep, or wait for input? If it does neither, this machine was too busy"


def _missing(process: FinishedProcess, was_ready: bool) -> Result:
    """The result of a call that did not return."""
    return Result(error=_reason(process), ended=process.ended if was_ready else Ending.NOT_STARTED)


def _reason(process: FinishedProcess) -> Error:
    if process.ended == Ending.TIMEOUT:
        return Error("TimeoutError", OUT_OF_TIME.format(seconds=process.limit))
    if process.ended == Ending.STALLED:
        return Error("TimeoutError", _STALLED)
    if process.ended in _TOO_MUCH:
        what = _TOO_MUCH[process.ended]
        return Error("ProcessDied", f"the process that ran your code was stopped: {what}")
    last = process.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no error message"]
    return Error("ProcessDied", f"the process that ran your code ended early ({last[0][:300]})")
