"""Read a submission in a process of its own: whatever is in it, reading it costs bounded memory and time.

`read_submission` starts this module as a program, which serves until nobody asks any more. For each submission the
program forks a process, which opens the submission under limits and reads each file in another process (see
`confined`), so that a file that cannot be read costs only itself. The answer is in lines of JSON: what was opened, then
one line for each file.
"""

import atexit
import contextlib
import gc
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, NoReturn

from coursekit.grading.intake.archive import Opened, open_submission
from coursekit.grading.intake.confined import Allowance, TooCostlyError, confined, limit, why_it_ended
from coursekit.grading.intake.merging import merge_module, merge_notebook
from coursekit.grading.intake.sources import Source
from coursekit.grading.intake.text import clean, why
from coursekit.grading.intake.zips import Refused
from coursekit.grading.module_trial import LeftOut
from coursekit.grading.record import WrittenAnswer
from coursekit.learner import notebook_form, submission
from coursekit.paths import ROOT
from coursekit.questions import declared, notebook_file
from coursekit.teacher.adapted import adapted
from coursekit.teacher.solutions import stripped

MEMORY, SECONDS = 2 << 30, 60  # for opening; a submission may hold 200 MB
PATIENCE = 900  # seconds by the clock: a disk that does not answer
QUICK = 5  # seconds of processor time for all files together; most are read in a tenth of this
FILES_SECONDS = 60  # of processor time for reading and repairing all files, and for importing the modules
MOST_REMARKS = 30  # on one file
_END = b"\0"  # comes after the lines of an answer, and before the exit status; JSON has none
LARGEST_ANSWER = 2_000_000  # characters of a written answer that are kept, images included


class ReadingError(OSError):
    """The submission cannot be read here; it is not the learner's fault."""


@dataclass
class Work:
    """A learner's work, in the course's files and ready to run.

    `files` are modules by name; `notebooks` are dicts by the notebook's name; `broken` says why a module (by the name
    of its file) or a notebook is missing; `left_out` are statements of the modules that fail when these are imported;
    `seconds` is the processor time that reading the files took.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    notebooks: dict[str, dict] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    written: list[WrittenAnswer] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    seconds: float = 0.0


@dataclass
class Reading:
    """What a submission contains. `files` are (name, SHA-256, size) of those that were submitted."""

    sha256: str = ""
    files: list[tuple[str, str, int]] = field(default_factory=list)
    receipt: dict | None = None
    remarks: list[str] = field(default_factory=list)
    work: Work = field(default_factory=Work)


# ---- the side that asks


def read_submission(source: Source, assignment: str) -> Reading:
    """Read a submission.

    Raises
    ------
    Refused
        If it cannot be accepted.
    ReadingError
        If it is not there, or cannot be read for another reason that is not the learner's.
    """
    request = {"source": asdict(source) | {"path": str(source.path)}, "assignment": assignment}
    answer = _ask(json.dumps(request).encode())
    first, *files = [json.loads(line) for line in answer.split(b"\n")[:-1]]
    if "refused" in first:
        raise Refused(first["refused"])
    if "failed" in first:
        raise ReadingError(first["failed"])
    opened = {name: first[name] for name in ("sha256", "receipt", "remarks")}
    reading = Reading(**opened, files=[tuple(about) for about in first["files"]])
    reading.work.seconds = files.pop()["seconds"]
    add_files(reading, files, assignment)
    return reading


def _ask(request: bytes) -> bytes:
    """The answer of the program to a request."""
    answer, ended = _Reader.running().ask(request)
    if ended < 0:
        raise Refused(f"It cannot be read: {why_it_ended(ended, SECONDS)}")
    if ended:
        last = answer.decode(errors="replace").strip().rpartition("\n")[2]
        raise ReadingError(f"the process that reads it failed ({clean(last)[:300]})")
    return answer


class _Reader:
    """The program, as it runs."""

    current: "_Reader | None" = None

    def __init__(self) -> None:
        command = [sys.executable, "-m", "coursekit.grading.intake.reading"]
        env = os.environ | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, cwd=ROOT, env=env)
        atexit.register(self._end)

    @classmethod
    def running(cls) -> "_Reader":
        """The one of this process; a new one if there is none, or it has ended."""
        if cls.current is None or cls.current.process.poll() is not None:
            cls.current = cls()
        return cls.current

    def ask(self, request: bytes) -> tuple[bytes, int]:
        """The lines that answer a request, and the exit status of the process that wrote them."""
        assert self.process.stdin and self.process.stdout
        try:
            self.process.stdin.write(request + b"\n")
            self.process.stdin.flush()
            answer = self._answer(self.process.stdout.fileno())
        except BaseException as error:  # what it would say later must not be taken for the next answer
            self._end()
            if isinstance(error, BrokenPipeError):
                raise ReadingError("the program that reads submissions has ended") from error
            raise
        lines, _, status = answer.rpartition(_END)
        return lines, int(status)

    def _end(self) -> None:
        self.process.kill()
        with contextlib.suppress(BrokenPipeError, ValueError):  # it is gone, or was ended before
            self.process.communicate()

    def _answer(self, output: int) -> bytes:
        answer, deadline = bytearray(), time.monotonic() + PATIENCE
        while _END not in answer[-8:] or not answer.endswith(b"\n"):
            if not select.select([output], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise ReadingError(f"it could not be read in {PATIENCE // 60} minutes")
            if not (data := os.read(output, 1 << 20)):
                raise BrokenPipeError
            answer += data
        return bytes(answer)


def add_files(reading: Reading, files: list[dict], assignment: str) -> None:
    """Add files to the work, each as `read_files` gives it; notebooks that are not among them are missing."""
    for file in sorted(files, key=lambda file: _order(assignment).index(file["name"])):
        _add_file(reading, file)
    for name in submission.notebooks(assignment):
        if name not in reading.work.notebooks:
            reason = reading.work.broken.get(name, f"{name}.ipynb is not in the submission")
            reading.work.broken[name] = reason


def _order(assignment: str) -> list[str]:
    return [*submission.modules(assignment), *map(notebook_file, submission.notebooks(assignment))]


def _add_file(reading: Reading, file: dict) -> None:
    name, work = file["name"], reading.work
    reading.remarks += [f"{name}: {remark}" for remark in file["remarks"]]
    key = Path(name).stem if name.endswith(".ipynb") else name
    if "broken" in file:
        work.broken[key] = file["broken"]
    elif key == name:
        work.files[name] = file["source"].encode()
    else:
        work.notebooks[key] = file["notebook"]
        work.written += [WrittenAnswer(**answer) for answer in file["written"]]


# ---- the side that reads


def main() -> None:
    """Answer each request on standard input in a process of its own, and say how that ended."""
    declared()  # imported once for all of them
    gc.freeze()  # a collection would write to all of it, and so copy it, in every process that is forked
    for request in sys.stdin.buffer:
        child = os.fork()
        if child == 0:
            _serve(request)
        _, status = os.waitpid(child, 0)
        sys.stdout.buffer.write(b"%b%d\n" % (_END, os.waitstatus_to_exitcode(status)))
        sys.stdout.buffer.flush()


def _serve(request: bytes) -> NoReturn:
    """In the new process: answer a request, and end, whatever happens."""
    status = 1
    try:
        asked = json.loads(request)
        about = asked["source"]
        parts = tuple((name, original) for name, original in about["parts"])
        source = Source(**about | {"path": Path(about["path"]), "parts": parts})
        limit(MEMORY, SECONDS)
        for line in _answer(source, asked["assignment"]):
            sys.stdout.buffer.write(line)
        status = 0
    except BrokenPipeError:
        pass
    except Exception as error:
        sys.stdout.buffer.write(f"\n{why(error)}\n".encode(errors="replace"))
    finally:
        with contextlib.suppress(BrokenPipeError):
            sys.stdout.buffer.flush()
        os._exit(status)


def _answer(source: Source, assignment: str) -> Iterator[bytes]:
    try:
        opened = open_submission(source, assignment)
    except Refused as refused:
        yield _line({"refused": clean(str(refused))})
    except OSError as error:
        yield _line({"failed": f"it cannot be read on {os.uname().nodename} ({why(error)})"})
    else:
        yield _line(_about(opened))
        allowance = Allowance(FILES_SECONDS)
        yield from read_files(opened.files, assignment, allowance)
        yield _line({"seconds": allowance.used})


def _line(value: dict) -> bytes:
    return json.dumps(value).encode() + b"\n"


def _about(opened: Opened) -> dict:
    files = [(name, sha256(data).hexdigest(), len(data)) for name, data in sorted(opened.files.items())]
    return {"sha256": opened.sha256, "receipt": opened.receipt, "remarks": opened.remarks, "files": files}


def read_files(files: dict[str, bytes], assignment: str, allowance: Allowance | None = None) -> Iterator[bytes]:
    """Read the modules and notebooks among some files (bytes by name), within limits.

    They are read in one process, or, where one of them is too costly, each in a process of its own. All together have
    the processor time of the `allowance`, by default `FILES_SECONDS`.

    Yields
    ------
    bytes
        JSON in one line: a dict with "name", "remarks" and, for a module, "source"; for a notebook, "notebook" and
        "written"; for either that cannot be read, "broken" with the reason.
    """
    asked = [(name, files[name]) for name in _order(assignment) if name in files]
    allowance, quick = allowance or Allowance(FILES_SECONDS), Allowance(QUICK)
    try:
        yield from map(_line, json.loads(confined(_read_all, asked, allowance=quick)))
        allowance.spend(quick.used)
    except TooCostlyError:
        for name, data in asked:
            try:
                yield confined(read_file, name, data, allowance=allowance)
            except TooCostlyError as error:
                yield _line(_broken(name, str(error)))


def _read_all(files: list[tuple[str, bytes]]) -> list[dict[str, Any]]:
    return [read_file(name, data) for name, data in files]


def read_file(name: str, data: bytes) -> dict[str, Any]:
    """Read one file, as `read_files` does."""
    try:
        read = {"name": name} | (_notebook if name.endswith(".ipynb") else _module)(name, data)
    except Refused as refused:
        return _broken(name, str(refused))
    more = len(read["remarks"]) - MOST_REMARKS
    return read | {"remarks": [*read["remarks"][:MOST_REMARKS], *([f"{more} more remarks."] if more > 0 else [])]}


def _broken(name: str, reason: str) -> dict:
    lost = _num_written(name) if name.endswith(".ipynb") else 0
    answers = f" With it, {lost} written answer{'s' if lost > 1 else ''} cannot be read." if lost else ""
    what, reason = Path(name).name if lost else name, clean(reason)
    told = what + reason.removeprefix("It") if reason.startswith("It ") else f"{what} cannot be read: {reason}"
    return {"name": name, "broken": told + answers, "remarks": [reason]}


def _num_written(name: str) -> int:
    return len(notebook_form.prompts(_original(name)))


def _original(name: str) -> dict:
    """The course's notebook, solved, with what its rules change in it."""
    return adapted(json.loads((ROOT / name).read_text(encoding="utf-8")), Path(name).stem)


def _module(name: str, data: bytes) -> dict:
    merged = merge_module(stripped(ROOT / name, name).decode(), data)
    return {"source": merged.source, "remarks": list(map(clean, merged.remarks))}


def _notebook(name: str, data: bytes) -> dict:
    original = _original(name)
    merged, prompts = merge_notebook(original, data), notebook_form.prompts(original)
    remarks = list(merged.remarks)
    written = []
    for id_, text in merged.written.items():
        if len(text) > LARGEST_ANSWER:
            remarks.append(f"The answer {id_} has more than {LARGEST_ANSWER / 1e6:g} MB; its end was left out.")
        answer = WrittenAnswer(id_, Path(name).stem, prompts.get(id_, ""), clean(text[:LARGEST_ANSWER]))
        written.append(asdict(answer))
    return {"notebook": merged.notebook, "written": written, "remarks": list(map(clean, remarks))}


if __name__ == "__main__":
    main()
