"""The process in which a learner's code runs: a new one for each question.

`coursekit.judging.runner` starts it. It reads a request from standard input, says that it is ready, runs the question's
cases on the files as they are on disk, and writes a frame for each call: its length in 8 bytes, then a packed dict with
the request's nonce. What the learner's code prints is caught and travels in the frame.
"""

import contextlib
import importlib.machinery
import io
import os
import signal
import struct
import sys
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from coursekit.core import serialization
from coursekit.core.question import Case

try:
    import resource
except ImportError:  # on Windows
    resource = None  # type: ignore[assignment]

CAN_LIMIT_CPU = resource is not None
CPU_SECONDS = "COURSEKIT_CPU_SECONDS"  # the environment variable with the limit, where no sandbox has set it
OUT_OF_TIME = "stopped after {seconds:g} seconds of processor time: is there an endless or a very slow loop?"
ENDS_PYTHON = "exit() and sys.exit() end Python; a function ends with return"
LONGEST_PRINT = 2_000  # characters of what a learner's code prints that are kept for each case
CODE = ["cs231n"]  # folders with code whose lines an error shows
READY = -1  # instead of a call's number: the process has started, and the learner's code has not run yet


class OutOfTimeError(BaseException):
    """The processor time is used up; not an Exception, so that `except Exception` does not catch it."""


def main() -> None:
    """Serve one request from standard input."""
    _limit_cpu()
    channel = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what is printed past sys.stdout must not mix with the frames
    if CPU_SECONDS in os.environ:  # not in a sandbox, whose files are compiled and cannot be edited
        load_from_source(Path.cwd())
    for report in serve(sys.stdin.buffer.read(), channel):
        if report["error"] and report["error"]["kind"] == "TimeoutError":
            _end_out_of_time()
    sys.stderr.flush()
    os._exit(0)  # without waiting for what the learner's code left running


def serve(data: bytes, channel: BinaryIO) -> Iterator[dict]:
    """Run the calls of a request, write a frame for each into the channel, and yield what each frame reports.

    The large inputs of an effort are drawn here, where they are needed, and not sent back.
    """
    request = serialization.unpack(data)
    from coursekit.questions import question_in

    question = question_in(request["notebook"], request["question"])
    drawn = [question.efforts[number].draw(seed, rows) for number, seed, rows in request["efforts"]]

    def send(number: int, frame: dict) -> None:
        data = serialization.pack({"nonce": request["nonce"], "call": number, **frame})
        channel.write(struct.pack("<Q", len(data)) + data)
        channel.flush()

    send(READY, {})
    for number, (index, inputs) in enumerate(request["calls"] or [(0, inputs) for inputs in drawn]):
        with np.errstate(all="warn", under="ignore"):  # NumPy's own settings, whatever np.seterr in a file made of them
            report = call(question.cases[index], inputs)
        send(number, report | {"after": {}} if drawn else report)
        yield report


def _limit_cpu() -> None:
    """Raise `OutOfTimeError` in the learner's code, at the line that runs, when the processor time is used up."""
    if not CAN_LIMIT_CPU:
        return
    if CPU_SECONDS in os.environ:
        seconds = int(os.environ[CPU_SECONDS])
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))  # one more, and the system ends the process
    message = OUT_OF_TIME.format(seconds=resource.getrlimit(resource.RLIMIT_CPU)[0])  # Linux raises it at each signal

    def raise_out_of_time(*_: Any) -> None:
        raise OutOfTimeError(message)

    signal.signal(signal.SIGXCPU, raise_out_of_time)


def _end_out_of_time() -> None:
    """End as a process without a handler would, so that the judge knows why the remaining calls are missing."""
    if CAN_LIMIT_CPU:
        signal.signal(signal.SIGXCPU, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGXCPU)


def load_from_source(root: Path) -> Callable[[str], Any]:
    """Compile `cs231n` from its files each time: after an edit within the same second, a .pyc is stale.

    Returns what was put into `sys.path_hooks` for this.
    """

    class FromSource(importlib.machinery.SourceFileLoader):
        def get_code(self, fullname: str) -> Any:
            return self.source_to_code(self.get_data(self.path), self.path)

    package = str(root / "cs231n")
    make_finder = importlib.machinery.FileFinder.path_hook((FromSource, [".py"]))

    def hook(path: str) -> Any:
        if not path.startswith(package):
            raise ImportError
        return make_finder(path)

    sys.path_hooks.insert(0, hook)
    return hook


def failure(kind: str, message: str, frames: Iterable[list] = ()) -> dict:
    """The part of a frame that describes an error: its kind, its message, and where it was raised."""
    error = {"kind": kind, "message": message[:LONGEST_PRINT], "frames": list(frames)}
    return {"outputs": None, "error": error, "printed": "", "warnings": []}


def call(case: Case, inputs: dict[str, Any]) -> dict:
    """Run one case and report everything that happened as a plain dict."""
    printed = _Beginning()
    with contextlib.redirect_stdout(printed), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            report: dict[str, Any] = {"outputs": case.run(**inputs), "error": None}
        except OutOfTimeError as error:
            report = failure("TimeoutError", str(error), _learner_frames(error))
        except SystemExit as error:
            report = failure("SystemExit", ENDS_PYTHON, _learner_frames(error))
        except Exception as error:
            report = failure(type(error).__name__, str(error), _learner_frames(error))
    report["after"] = {name: value for name, value in inputs.items() if isinstance(value, np.ndarray)}
    report["printed"] = printed.getvalue()[:LONGEST_PRINT]
    report["warnings"] = sorted({str(warning.message)[:LONGEST_PRINT] for warning in caught})
    return report


class _Beginning(io.StringIO):
    """Keeps the beginning of what is printed; the rest would only fill the memory."""

    def write(self, text: str) -> int:
        if self.tell() < LONGEST_PRINT:
            super().write(text)
        return len(text)

    def close(self) -> None:
        """Stay open: what was printed before is asked for after code has closed its output."""


def _learner_frames(error: BaseException) -> list[list]:
    """The lines of `cs231n/` that the error passed through, the innermost last: [file, line number, line]."""
    frames = list(traceback.extract_tb(error.__traceback__))
    if isinstance(error, SyntaxError) and error.filename and error.lineno:  # who imports the file does not matter
        frames = [traceback.FrameSummary(error.filename, error.lineno, "", line=error.text or "")]
    lines = []
    for frame in frames:
        path = Path(frame.filename)
        folder = next((name for name in CODE if name in path.parts), None)
        if folder and not path.name.startswith("_"):
            part = path.parts[len(path.parts) - path.parts[::-1].index(folder) - 1 :]
            lines.append(["/".join(part), frame.lineno, (frame.line or "").strip()])
    return lines


if __name__ == "__main__":
    main()
