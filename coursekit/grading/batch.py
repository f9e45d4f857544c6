"""Grade a class: a record for every submission, in parallel processes or on a cluster.

A batch may be killed at any moment. Each record is written as soon as it is complete, in one step; the same command
grades what has no record yet, and what was recorded with other files, settings or code.
"""

import gc
import hashlib
import json
import os
import stat
import threading
import time
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, suppress
from dataclasses import replace
from itertools import islice
from multiprocessing import active_children, get_context, parent_process
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from coursekit.grading import judgement, references
from coursekit.grading.evaluate import failed_record, grade_submission
from coursekit.grading.intake.sources import Source
from coursekit.grading.intake.text import why
from coursekit.grading.intake.zips import LARGEST_ARCHIVE, MOST_MEMBERS, Refused, walk
from coursekit.grading.interruption import stop_when_told, stoppable
from coursekit.grading.late import Dates, with_lateness
from coursekit.grading.record import Record, read_record, record_path, write_record
from coursekit.grading.reports.learner_page import write_learner_page
from coursekit.grading.reports.marks import Marks, read_marks
from coursekit.grading.settings import Settings, versions

if TYPE_CHECKING:
    from coursekit.grading.cluster.team import Cluster

ROUNDS = 3  # how often a submission is tried whose process is lost; the last time in a process of its own
MANY = 20  # submissions from which on it pays to run the reference before the processes start, which each would else
PATIENCE = 1.5  # seconds that processes have to stop what they are running

Finished = Generator[tuple[Source, Record], None, None]


def grade_all(
    sources: list[Source],
    settings: Settings,
    out: str | Path,
    processes: int = 1,
    cluster: "Cluster | None" = None,
    dates: Dates | None = None,
) -> list[Record]:
    """Grade what has no record yet; all records, in the order of the sources.

    Parameters
    ----------
    sources : list of Source
    settings : Settings
    out : Path
        Gets ``records/<id>.json`` and the report of each submission as soon as it is graded.
    processes : int
        Submissions graded in parallel on this machine.
    cluster : Cluster, optional
        Grades instead of this machine; `settings` are its own.
    dates : Dates, optional
        When the assignment is due; the reports apply them.
    """
    marks = read_marks(out)
    fingerprints = {source.id: fingerprint(source, settings) for source in sources}
    there = ((source, _settled_record(out, source.id, fingerprints[source.id])) for source in sources)
    records = {source.id: _with_learner(record, source, out) for source, record in there if record}
    waiting = [source for source in sources if source.id not in records]
    bar = tqdm(total=len(sources), initial=len(records), unit="submission", dynamic_ncols=True)
    with bar, closing(_graded(waiting, settings, processes, cluster)) as graded:
        for source, record in graded:
            record.fingerprint = fingerprints[source.id]
            records[source.id] = _keep(record, source, settings, out, marks, dates)
            bar.update()
    return [records[source.id] for source in sources]


def _keep(
    record: Record, source: Source, settings: Settings, out: str | Path, marks: Marks, dates: Dates | None
) -> Record:
    """Write a record and its page; the record that was written, which is another one if this one cannot be."""
    try:
        write_record(record, out)
    except (ValueError, TypeError, RecursionError) as error:
        record = failed_record(source, settings, f"its record cannot be written ({why(error)})")
        write_record(record, out)
    with suppress(Exception):  # the reports of the class write this page again, and say so if that fails
        write_learner_page(with_lateness(record, dates), out, marks)
    return record


def _settled_record(out: str | Path, submission_id: str, expected: str) -> Record | None:
    """The record that is there, if it has this fingerprint and is settled."""
    try:
        record = read_record(record_path(out, submission_id))
    except ValueError:
        return None
    return record if record.fingerprint == expected and record.is_settled else None


def _with_learner(record: Record, source: Source, out: str | Path) -> Record:
    """The record, with what is known of the learner now: the list of the class may have come, or changed, since."""
    about = replace(record.submission, name=source.name, learner=source.about())
    if about == record.submission:
        return record
    changed = replace(record, submission=about)
    try:
        write_record(changed, out)
    except (ValueError, TypeError, RecursionError):  # a name that cannot be written
        return record
    return changed


def fingerprint(source: Source, settings: Settings) -> str:
    """The same for the same files, settings and versions."""
    about = [_content(source), source.inside, source.parts, settings.evidence(), versions()]
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def _content(source: Source) -> str:
    """A hash of what a submission holds."""
    if source.digest or not source.parts:
        return source.digest or _digest(source.path)
    return " ".join(_digest(source.path / name) for name, _ in source.parts)


def _digest(path: Path) -> str:
    """A hash of all that a submission holds, or of its sizes and times where it is larger than any that is read."""
    digest, left = hashlib.sha256(), LARGEST_ARCHIVE
    with suppress(Refused, OSError):  # it is refused, or tried again, when it is opened
        for name, mode in _contents(path):
            digest.update(f"{name}\0{mode}\0".encode(errors="surrogatepass"))
            if stat.S_ISREG(mode):
                left -= _add_content(digest, path / name, left)
    return digest.hexdigest()


def _contents(path: Path) -> Iterator[tuple[str, int]]:
    """(name, mode) of the files of a submission; the name is empty if it is a file itself."""
    mode = path.stat().st_mode
    return islice(walk(path), MOST_MEMBERS + 1) if stat.S_ISDIR(mode) else iter([("", mode)])


def _add_content(digest: "hashlib._Hash", path: Path, most: int) -> int:
    """Add the content of a file to a hash, or what is known about it; the bytes that were read."""
    about = path.stat()
    with suppress(OSError):
        if about.st_size <= most:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
            return about.st_size
    digest.update(f"{about.st_size}\0{about.st_mtime_ns}\0".encode())
    return 0


# ---- who does the work


def _graded(sources: list[Source], settings: Settings, processes: int, cluster: "Cluster | None") -> Finished:
    """Grade the sources, here or on a cluster; yields each with its record as soon as it is complete."""
    return cluster.graded(sources) if cluster else _here(sources, settings, processes)


def _here(sources: list[Source], settings: Settings, processes: int) -> Finished:
    """Grade on this machine."""
    for attempt in range(ROUNDS):
        is_last = attempt == ROUNDS - 1
        lost = []
        for group in [[source] for source in sources] if is_last else [sources]:
            with closing(_in_pool(group, settings, 1 if is_last else processes)) as graded:
                for source, record in graded:
                    if record is None:
                        lost.append(source)
                    else:
                        yield source, record
        sources = lost
    for source in sources:
        yield source, failed_record(source, settings, "the process that graded it was killed several times")


def _in_pool(
    sources: list[Source], settings: Settings, processes: int
) -> Generator[tuple[Source, Record | None], None, None]:
    """Grade in a pool of processes; yields None for the record of a submission whose process was lost."""
    if not sources:
        return
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # inherited by the processes: together they use all cores
    workers, others = max(1, min(processes, len(sources))), set(active_children())
    if len(sources) >= MANY and workers > 1:
        judgement.prepare(settings.asked(), settings.seed)
    shared = references.known(settings.seed)
    with ProcessPoolExecutor(workers, get_context("spawn"), initializer=_begin, initargs=(shared,)) as pool:
        futures = {pool.submit(stoppable, grade_submission, source, settings): source for source in sources}
        try:
            for future in as_completed(futures):
                yield futures[future], _result(future, futures[future], settings)
        except BaseException:  # Ctrl-C, or nobody wants the rest
            pool.shutdown(wait=False, cancel_futures=True)
            _stop(set(active_children()) - others)
            raise


def _result(future: Future[Record], source: Source, settings: Settings) -> Record | None:
    try:
        return future.result()
    except BrokenProcessPool:
        return None
    except Exception as error:
        return failed_record(source, settings, f"grading failed ({why(error)})")


def _stop(processes: set[BaseProcess]) -> None:
    """Stop processes, and kill those that do not end in time."""
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + PATIENCE
    for process in processes:
        process.join(max(0.0, deadline - time.monotonic()))
        process.kill()


def _begin(shared: dict) -> None:
    """What a process of the pool does first; `shared` is what it need not compute."""
    stop_when_told()
    _end_with_parent()
    references.learn(shared)
    gc.freeze()  # what is imported stays; looking at it in every collection takes time


def _end_with_parent() -> None:
    """End this process when its parent is gone, which, if killed, cannot say so."""
    parent = parent_process()
    assert parent is not None  # a process of a pool has one

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
