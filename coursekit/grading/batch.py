"""Grade a class: a record for every submission, in parallel processes or on a cluster.

A batch may be killed at any moment. Each record is written as soon as it is complete, in one step; the same command
grades what has no record yet, and what was recorded with other files, settings or code.
"""

import hashlib
import json
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from pathlib import Path

from tqdm import tqdm

from coursekit.grading.evaluate import failed_record, grade_submission
from coursekit.grading.intake.sources import Source
from coursekit.grading.record import Record, read_record, record_path, write_record
from coursekit.grading.reports.learner_page import write_learner_page
from coursekit.grading.reports.marks import read_marks
from coursekit.grading.settings import Settings, versions

ROUNDS = 3  # how often a submission is tried whose process is lost; the last time in a process of its own

Finished = Iterator[tuple[Source, Record]]


class BatchError(Exception):
    """The class cannot be graded as asked; the message says why."""


def grade_all(
    sources: list[Source], settings: Settings, out: str | Path, processes: int = 1, scheduler: str | None = None
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
    scheduler : str, optional
        Address of a Dask cluster; its workers need this project and the submissions at the same paths.
    """
    marks = read_marks(out)
    fingerprints = {source.id: fingerprint(source, settings) for source in sources}
    records = {id_: record for id_, expected in fingerprints.items() if (record := _settled_record(out, id_, expected))}
    waiting = [source for source in sources if source.id not in records]
    with tqdm(total=len(sources), initial=len(records), unit="submission", dynamic_ncols=True) as bar:
        for source, record in _graded(waiting, settings, processes, scheduler):
            record.fingerprint = fingerprints[source.id]
            write_record(record, out)
            write_learner_page(record, out, marks)
            records[source.id] = record
            bar.update()
    return [records[source.id] for source in sources]


def _settled_record(out: str | Path, submission_id: str, expected: str) -> Record | None:
    """The record that is there, if it has this fingerprint and is settled."""
    try:
        record = read_record(record_path(out, submission_id))
    except ValueError:
        return None
    return record if record.fingerprint == expected and record.is_settled else None


def fingerprint(source: Source, settings: Settings) -> str:
    """The same for the same files, settings and versions."""
    about = [_digest(source.path), source.inside, asdict(settings), settings.level, versions()]
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def _digest(path: Path) -> str:
    paths = sorted(p for p in path.rglob("*") if p.is_file() and not p.is_symlink()) if path.is_dir() else [path]
    digest = hashlib.sha256()
    for file in paths:
        digest.update(f"{file.relative_to(path.parent).as_posix()}\0{file.stat().st_size}\0".encode(errors="replace"))
        with file.open("rb") as opened:
            digest.update(hashlib.file_digest(opened, "sha256").digest())
    return digest.hexdigest()


# ---- who does the work


def _graded(sources: list[Source], settings: Settings, processes: int, scheduler: str | None) -> Finished:
    """Grade the sources, here or on a cluster; yields each with its record as soon as it is complete."""
    return _on_cluster(sources, settings, scheduler) if scheduler else _here(sources, settings, processes)


def _here(sources: list[Source], settings: Settings, processes: int) -> Finished:
    """Grade on this machine."""
    for attempt in range(ROUNDS):
        is_last = attempt == ROUNDS - 1
        lost = []
        for group in [[source] for source in sources] if is_last else [sources]:
            for source, record in _in_pool(group, settings, 1 if is_last else processes):
                if record is None:
                    lost.append(source)
                else:
                    yield source, record
        sources = lost
    for source in sources:
        yield source, failed_record(source, settings, "the process that graded it was killed several times")


def _in_pool(sources: list[Source], settings: Settings, processes: int) -> Iterator[tuple[Source, Record | None]]:
    """Grade in a pool of processes; yields None for the record of a submission whose process was lost."""
    if not sources:
        return
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # inherited by the processes: together they use all cores
    workers = max(1, min(processes, len(sources)))
    with ProcessPoolExecutor(workers, get_context("spawn"), initializer=_end_with_parent) as pool:
        futures = {pool.submit(grade_submission, source, settings): source for source in sources}
        try:
            for future in as_completed(futures):
                try:
                    yield futures[future], future.result()
                except BrokenProcessPool:
                    yield futures[future], None
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _end_with_parent() -> None:
    """End this process when its parent is gone, which, if killed, cannot say so."""
    parent = parent_process()
    assert parent is not None  # a process of a pool has one

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _on_cluster(sources: list[Source], settings: Settings, address: str) -> Finished:
    """Grade on a Dask cluster."""
    try:
        from dask.distributed import Client, KilledWorker
        from dask.distributed import as_completed as as_completed_there
    except ImportError as error:
        raise BatchError(f"--scheduler needs Dask: pip install -r requirements-grading.txt ({error})") from error
    with Client(address) as client:
        futures = client.map(lambda source: grade_submission(source, settings), sources, pure=False, retries=ROUNDS)
        source_of = dict(zip((future.key for future in futures), sources, strict=True))
        for future in as_completed_there(futures):
            source = source_of[future.key]
            try:
                yield source, future.result()
            except KilledWorker as error:
                yield source, failed_record(source, settings, f"its workers were lost ({error})")
