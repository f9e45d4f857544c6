"""The process in which a learner's code runs: a fresh one for each question.

`run_cases` starts it; it reads a request from standard input, runs the question's cases on the files as they are on
disk, and writes a frame for each case: its length in 8 bytes, then a packed dict. What the learner's code prints is
caught and travels in the frame.
"""

import contextlib
import importlib.machinery
import io
import os
import struct
import subprocess
import sys
import traceback
import warnings
from pathlib import Path

import numpy as np

from coursekit import wire

ROOT = Path(__file__).resolve().parent.parent
LONGEST_PRINT = 2_000  # characters of a learner's own printing that are kept for each case


# ---- the judge's side


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
        Maps each index to a dict with ``outputs``, ``error``, ``changed``, ``printed`` and ``warnings``.
    """
    request = wire.pack({"question": question.id, "inputs": inputs})
    env = os.environ | {"PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "coursekit.worker"]
    seconds = question.seconds if seconds is None else seconds
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=root, env=env
    ) as process:
        try:
            output, errors = process.communicate(request, timeout=seconds)
            missing = _died(errors)
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
            missing = _error(
                "TimeoutError", f"stopped after {seconds:g} seconds: is there an endless or a very slow loop?"
            )
    results = {frame["case"]: frame for frame in map(wire.unpack, _frames(output))}
    return {index: results.get(index, missing) for index in inputs}


def _frames(data):
    while len(data) >= 8:
        (length,) = struct.unpack("<Q", data[:8])
        if len(data) < 8 + length:
            return
        yield data[8 : 8 + length]
        data = data[8 + length :]


def _died(errors):
    last = errors.decode(errors="replace").strip().splitlines()[-1:] or ["nothing was said"]
    return _error("ProcessDied", f"the process that ran your code ended early ({last[0]})")


def _error(kind, message, frames=()):
    error = {"kind": kind, "message": message, "frames": list(frames)}
    return {"outputs": None, "error": error, "changed": [], "printed": "", "warnings": []}


# ---- the learner's side


def main():
    """Serve one request from standard input."""
    channel = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what is printed past sys.stdout must not mix with the frames
    request = wire.unpack(sys.stdin.buffer.read())
    _load_from_source()
    from coursekit.questions import find

    question = find(request["question"])
    for index, inputs in request["inputs"].items():
        frame = wire.pack({"case": index, **run_case(question.cases[index], inputs)})
        channel.write(struct.pack("<Q", len(frame)) + frame)
        channel.flush()


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
    """Run one case in this process and report all that happened as a plain dict."""
    kept = {name: np.copy(value) for name, value in inputs.items() if isinstance(value, np.ndarray)}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            report = {"outputs": case.run(**inputs), "error": None}
        except (Exception, SystemExit) as error:
            report = _error(type(error).__name__, str(error), _learner_frames(error))
    report["changed"] = [
        name
        for name, old in kept.items()
        if name not in case.may_change and not np.array_equal(old, inputs[name], equal_nan=old.dtype.kind == "f")
    ]
    report["printed"] = printed.getvalue()[:LONGEST_PRINT]
    report["warnings"] = sorted({str(warning.message) for warning in caught})
    return report


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
