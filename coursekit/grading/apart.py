"""Grade one submission in a process of its own: `python -m coursekit.grading.apart`, as the workers of a cluster do.

The request on standard input comes from the grader itself. Before the first submission it asks what this environment
is, and `about` answers. What is written to standard output is the record, or the answer.
"""

import json
import os
import pickle
import select
import signal
import sys
import threading
from importlib import import_module
from pathlib import Path
from typing import Any

from coursekit.files import write_file
from coursekit.grading import judgement, references
from coursekit.grading.cluster.parcels import Entry, unpacked
from coursekit.grading.evaluate import grade_submission
from coursekit.grading.intake.sources import Source
from coursekit.grading.interruption import stop_when_told, stoppable
from coursekit.grading.running import folders, sandbox, workspace
from coursekit.grading.settings import Settings, versions
from coursekit.paths import ROOT

_KNOWN = ROOT / "references.pickle"  # what `prepare` leaves for `grade`; no other user can read it
NOTEBOOKS = "coursekit.grading.running.notebook_run"  # imports all that running notebooks needs


def request(source: Source, entries: list[Entry], settings: Settings) -> bytes:
    """What to send for a record: a submission as `parcels.packed` gives it."""
    portable = {**vars(source), "path": str(source.path)}
    return pickle.dumps((grade, portable, entries, settings))


def question(settings: Settings) -> bytes:
    """What to send to learn what an environment is."""
    return pickle.dumps((about, settings))


def preparation(settings: Settings) -> bytes:
    """What to send so that the reference is run once for all submissions."""
    return pickle.dumps((prepare, settings))


def grade(source: dict[str, Any], entries: list[Entry], settings: Settings) -> str:
    """The record of a submission, which is unpacked in a folder of its own."""
    if _KNOWN.is_file():
        references.learn(pickle.loads(_KNOWN.read_bytes()))
    with folders.temporary_folder("submission-") as folder:
        there = unpacked(Source(**source | {"path": Path(source["path"])}), entries, folder, ROOT)
        return grade_submission(there, settings).to_json()


def prepare(settings: Settings) -> str:
    """Run the reference, and keep what it returns."""
    judgement.prepare(settings.asked(), settings.seed)
    write_file(_KNOWN, pickle.dumps(references.known(settings.seed)))
    return ""


def about(settings: Settings) -> str:
    """JSON: the versions, and what isolation is there."""
    if settings.notebooks == "run":
        import_module(NOTEBOOKS)
    levels = (sandbox.BUBBLEWRAP, sandbox.LIMITS)
    obstacles = {level: _obstacle(level, settings) for level in levels}
    return json.dumps({"versions": versions(), "obstacles": obstacles})


def _obstacle(level: str, settings: Settings) -> str:
    """Why submissions cannot be graded with this isolation; "" if they can."""
    if level == sandbox.BUBBLEWRAP:
        return sandbox.problem_with_bubblewrap()
    if sandbox.refusal(level, settings.trust_submissions):
        return "it runs as a user who is not root, so submissions could change their own grades"
    hidden = [path for path in workspace.data_folder().parents if not path.stat().st_mode & 0o001]
    if sandbox.has_own_users(bubblewrapped=False) and hidden:
        return f"other users cannot enter {hidden[0]}, where the data sets are"
    return ""


def main(pipe: str = "") -> None:
    """Serve one request; `pipe` is the number of a pipe that is closed once nobody waits for the answer."""
    stop_when_told()
    if pipe:
        threading.Thread(target=_stop_when_closed, args=(int(pipe),), daemon=True).start()
    serve, *arguments = pickle.loads(sys.stdin.buffer.read())
    with os.fdopen(os.dup(1), "wb") as answer:
        os.dup2(2, 1)  # nothing that is printed on the way may mix with the answer
        answer.write(stoppable(serve, *arguments).encode("utf-8", "replace"))


def _stop_when_closed(pipe: int) -> None:
    select.select([pipe], [], [])
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main(*sys.argv[1:])
