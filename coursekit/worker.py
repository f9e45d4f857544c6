"""The process in which a learner's code runs: a fresh one for each question.

`run_calls` starts it; it reads a request from standard input, says that it is ready, runs the question's cases on the
files as they are on disk, and writes a frame for each call: its length in 8 bytes, then a packed dict with the
request's nonce. What the learner's code prints is caught and travels in the frame. Whatever comes back may be forged:
it is taken as values to judge, and only in the form that `_checked` knows.
"""

import contextlib
import importlib.machinery
import io
import os
import secrets
import struct
import subprocess
import sys
import traceback
import warnings
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from coursekit import wire

ROOT = Path(__file__).resolve().parent.parent
LONGEST_PRINT = 2_000  # characters of a learner's own printing that are kept for each case
LONGEST_JSON = 4 << 20  # bytes of the part of a frame that is not arrays
READY = -1  # in the place of a call's number: the process is up, and the learner's code has not run yet


# ---- the judge's side


@dataclass(frozen=True)
class Ended:
    """How a process ended: what it wrote, and "exit" or "timeout"."""

    stdout: bytes
    stderr: bytes
    ended: str


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
        For each call a dict with ``outputs``, ``error``, ``changed``, ``printed``, ``warnings`` and ``ended``: "" where
        the call came back, "not started" where the process never got as far as the learner's code, else how it ended.
    """
    nonce = secrets.token_hex(16)
    request = wire.pack({"question": question.id, "nonce": nonce, "calls": calls})
    process = run([sys.executable, "-m", "coursekit.worker"], request)
    frames = _read_frames(process.stdout, nonce, len(calls))
    missing = _missing(process, question, READY in frames)
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
            return Ended(*process.communicate(request, timeout=seconds), "exit")
        except subprocess.TimeoutExpired:
            process.kill()
            return Ended(*process.communicate(), f"timeout after {seconds:g} seconds")


def _read_frames(data, nonce, num_calls):
    """The frames by number of the call, up to the first that is not as it should be."""
    frames = {}
    for chunk in islice(_chunks(data), num_calls + 1):
        try:
            frame = wire.unpack(chunk, LONGEST_JSON)
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
    result = frame | {"changed": changed, "ended": ""}
    if case.observe and not result["error"]:
        try:
            result["outputs"] = case.observe(inputs, result["outputs"])
        except Exception as error:
            result |= {"outputs": None, "error": _error(type(error).__name__, str(error))["error"]}
    return result


def _is_same(old, new):
    return isinstance(new, np.ndarray) and np.array_equal(old, new, equal_nan=old.dtype.kind == "f")


_TOO_MUCH = {"memory": "it took too much memory", "output": "it wrote too much"}


def _missing(process, question, was_ready):
    """What stands for a call that did not come back."""
    if process.ended.startswith("timeout"):
        time = process.ended.removeprefix("timeout after ") if " " in process.ended else f"{question.seconds:g} seconds"
        error = _error("TimeoutError", f"stopped after {time}: is there an endless or a very slow loop?")
    elif process.ended in _TOO_MUCH:
        error = _error("ProcessDied", f"the process that ran your code was stopped: {_TOO_MUCH[process.ended]}")
    else:
        error = _died(process.stderr)
    return error | {"changed": [], "ended": process.ended.split()[0] if was_ready else "not started"}


def _died(errors):
    last = errors.decode(errors="replace").strip().splitlines()[-1:] or ["nothing was said"]
    return _error("ProcessDied", f"the process that ran your code ended early ({last[0][:300]})")


def _error(kind, message, frames=()):
    error = {"kind": kind, "message": message[:LONGEST_PRINT], "frames": list(frames)}
    return {"outputs": None, "error": error, "printed": "", "warnings": []}


# ---- the learner's side


def main():
    """Serve one request from standard input."""
    channel = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what is printed past sys.stdout must not mix with the frames
    request = wire.unpack(sys.stdin.buffer.read())
    _load_from_source()
    from coursekit.questions import find

    question = find(request["question"])

    def send(number, frame):
        data = wire.pack({"nonce": request["nonce"], "call": number, **frame})
        channel.write(struct.pack("<Q", len(data)) + data)
        channel.flush()

    send(READY, {})
    for number, (index, inputs) in enumerate(request["calls"]):
        send(number, _call(question.cases[index], inputs))
    sys.stderr.flush()
    os._exit(0)  # not to wait for what the learner's code left running


def _load_from_source():
    """Compile `cs231n` from its files each time: a .pyc can be stale for an edit within the same second."""

    class FromSource(importlib.machinery.SourceFileLoader):
        def get_code(self, fullname):
            return self.source_to_code(self.get_data(self.path), self.path)

    package = str(Path.cwd() / "cs231n")
    make_finder = importlib.machinery.FileFinder.path_hook((FromSource, [".py"]))

    def hook(path):
        if not path.startswith(package):
            raise ImportError
        return make_finder(path)

    sys.path_hooks.insert(0, hook)


def run_case(case, inputs):
    """Run one case in this process; its result as `run_calls` gives it. For code that is trusted."""
    kept = {name: np.copy(value) if isinstance(value, np.ndarray) else value for name, value in inputs.items()}
    return _finish(case, kept, _call(case, inputs))


def _call(case, inputs):
    """Run one case and report all that happened as a plain dict."""
    printed = _Kept()
    with contextlib.redirect_stdout(printed), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            report = {"outputs": case.run(**inputs), "error": None}
        except (Exception, SystemExit) as error:
            report = _error(type(error).__name__, str(error), _learner_frames(error))
    report["after"] = {name: value for name, value in inputs.items() if isinstance(value, np.ndarray)}
    report["printed"] = printed.getvalue()[:LONGEST_PRINT]
    report["warnings"] = sorted({str(warning.message)[:LONGEST_PRINT] for warning in caught})
    return report


class _Kept(io.StringIO):
    """Keeps the beginning of what is printed; the rest would only fill the memory."""

    def write(self, text):
        if self.tell() < LONGEST_PRINT:
            super().write(text)
        return len(text)


def _learner_frames(error):
    """Places in `cs231n/` that the error came through, the innermost last: [file, line number, line]."""
    frames = traceback.extract_tb(error.__traceback__)
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        frames.append(traceback.FrameSummary(error.filename, error.lineno, "", line=error.text or ""))
    places = []
    for frame in frames:
        path = Path(frame.filename)
        if "cs231n" in path.parts and not path.name.startswith("_"):
            part = path.parts[len(path.parts) - path.parts[::-1].index("cs231n") - 1 :]
            places.append(["/".join(part), frame.lineno, (frame.line or "").strip()])
    return places


if __name__ == "__main__":
    main()
