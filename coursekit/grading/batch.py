"""Grade a class: a record for every submission, and from the records all reports.

A run may be killed at any moment. Each record is written as soon as it is there, in one go; the same command grades
what has no record yet, and what was recorded with other files, settings or code.
"""

import argparse
import hashlib
import json
import os
import re
import threading
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from pathlib import Path

from tqdm import tqdm

from coursekit.grading.evaluate import Settings, environment, failed_record, grade_submission
from coursekit.grading.intake.sources import find_submissions
from coursekit.grading.reports import exports, pages, report, written
from coursekit.grading.running import sandbox
from coursekit.learner import submission

ROUNDS = 3  # how often a submission is tried whose process is lost; the last time in a process of its own


class BatchError(Exception):
    """The class cannot be graded as asked; the message says why."""


# ---- the commands


def grade(options=()):
    """Grade all submissions of a folder; 0 if every one has a grade."""
    args = _parser().parse_args(options)
    try:
        sources = find_submissions(args.submissions)
        if not sources:
            raise BatchError(f"There is no submission in {args.submissions}: zips or folders are looked for.")
        settings = _settings(args, sources)
    except (BatchError, ValueError) as error:
        print(error)
        return 2
    if warning := sandbox.warning(settings.isolation):
        print(warning)
    out = args.out
    pages.write(out / "batch.json", json.dumps({"submissions": str(args.submissions.resolve())}, indent=1) + "\n")
    try:
        records = grade_all(sources, settings, out, args.processes, args.scheduler)
    except KeyboardInterrupt:
        print(f"Stopped. What is graded is in {out}; the same command goes on.")
        return 130
    for note in write_reports(records, out, args.canvas, args.column):
        print(note)
    return _summary(records, out)


def _parser():
    parser = argparse.ArgumentParser(prog="python -m coursekit grade", description=__doc__)
    parser.add_argument("submissions", type=Path, help="folder with what was handed in, Canvas' or Gradescope's too")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="gets records, reports and exports")
    parser.add_argument("--assignment", choices=submission.assignments(), help="taken from the files' names by default")
    parser.add_argument("--seed", type=int, default=0, help="of the fresh inputs")
    parser.add_argument("--notebooks", choices=["run", "skip"], default="run", help="skip: grade functions alone")
    parser.add_argument(
        "--follow-through",
        type=float,
        default=1.0,
        metavar="SHARE",
        help="of the points of a question that is right once earlier ones are (default 1.0)",
    )
    parser.add_argument("--isolation", choices=["bubblewrap", "limits"], default="", help="the strongest by default")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="submissions at a time (default: cores)")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="of a Dask cluster to grade on, such as tcp://host:8786")
    parser.add_argument("--canvas", type=Path, metavar="CSV", help="gradebook exported by Canvas, to fill a copy of")
    parser.add_argument("--column", help="its column; the one that names the assignment by default")
    return parser


def _settings(args, sources):
    return Settings(
        assignment=args.assignment or _assignment_of(sources),
        seed=args.seed,
        notebooks=args.notebooks,
        follow_through_share=args.follow_through,
        isolation=args.isolation,
    )


def _assignment_of(sources):
    """The assignment that the names of the files speak of."""
    names = " ".join(f"{source.path.name} {source.inside}" for source in sources)
    found = sorted(set(re.findall(r"assignment\d+", names)) & set(submission.assignments()))
    if len(found) != 1:
        speak_of = " and ".join(found) if found else "no assignment"
        raise BatchError(f"The names of the files speak of {speak_of}: say --assignment assignment1, or another.")
    return found[0]


def _summary(records, out):
    counts = {}
    for record in records:
        counts[record["state"]] = counts.get(record["state"], 0) + 1
    print(f"{len(records)} submissions: {', '.join(f'{count} {state}' for state, count in sorted(counts.items()))}")
    print(f"The class: {out / 'class.html'}, the grades: {out / 'grades.csv'}")
    unfinished = [record["submission"]["name"] for record in records if not _is_settled(record)]
    if unfinished:
        print(f"Grading itself failed for {', '.join(unfinished)}: the same command tries them again.")
    return 1 if unfinished else 0


def regrade(options=()):
    """Grade again from records; 0 if everything comes out as it stands there."""
    args = _regrade_parser().parse_args(options)
    out = args.record if args.record.is_dir() else args.record.parent.parent
    paths = sorted(Path(out, "records").glob("*.json")) if args.record.is_dir() else [args.record]
    try:
        records = [read_record(path) for path in paths]
        sources = {source.id: source for source in find_submissions(args.submissions or _submissions_of(out))}
        lost = [record["submission"]["name"] for record in records if record["submission"]["id"] not in sources]
        if lost:
            raise BatchError(f"These are not among the submissions any more: {', '.join(lost)}.")
    except (BatchError, ValueError) as error:
        print(error)
        return 2
    differing = 0
    for record in tqdm(records, unit="submission", dynamic_ncols=True):
        again = grade_submission(sources[record["submission"]["id"]], _settings_of(record, args.question))
        differences = list(_differences(record, again, args.question))
        differing += bool(differences)
        for difference in differences:
            tqdm.write(f"{record['submission']['name']}: {difference}")
        if args.question and differences:
            _replace_questions(record, again)
            keep(record, out)
    if args.question and differing:
        write_reports([read_record(path) for path in sorted(Path(out, "records").glob("*.json"))], out)
    print(f"{len(records)} graded again, {differing} with differences")
    return 1 if differing and not args.question else 0


def _regrade_parser():
    parser = argparse.ArgumentParser(
        prog="python -m coursekit regrade",
        description="Grade again with the seed and settings of the record. Without --question nothing is written.",
    )
    parser.add_argument("record", type=Path, help="a record, or the folder that `grade` wrote")
    parser.add_argument(
        "--question", action="append", default=[], metavar="ID", help="grade it again for all, and keep what comes"
    )
    parser.add_argument("--submissions", type=Path, help="if they lie somewhere else now")
    return parser


def _submissions_of(out):
    try:
        return Path(json.loads(Path(out, "batch.json").read_text(encoding="utf-8"))["submissions"])
    except (OSError, ValueError, KeyError) as error:
        raise BatchError(f"{out} does not tell where the submissions lie: say --submissions FOLDER.") from error


def _settings_of(record, questions):
    settings = record["settings"]
    return Settings(
        assignment=record["assignment"],
        seed=settings["seed"],
        follow_through_share=settings["follow_through_share"],
        notebooks=settings["notebooks"],
        isolation=settings["isolation"],
        questions=tuple(questions),
    )


def _differences(old, new, questions):
    """What is not as it was, a phrase each."""
    if old["submission"]["sha256"] != new["submission"]["sha256"]:
        yield "what was handed in is not the same any more"
    before = {question["id"]: question for question in old["questions"]}
    for question in new["questions"]:
        was = before.get(question["id"])
        if was is None:
            yield f"{question['id']} is new: {_standing(question)}"
        elif _standing(was) != _standing(question):
            yield f"{question['id']}: {_standing(was)} before, {_standing(question)} now"
        elif was != question:
            yield f"{question['id']}: the text of its verdict is another"
    if not questions:
        for name, value in new["environment"].items():
            if old["environment"].get(name) != value:
                yield f"{name} was {old['environment'].get(name)}, is {value}"
        if evidence(old) != evidence(new):
            yield "the record is not the same to the byte"


def _standing(question):
    return f"{question['status']}, {pages.number(question['earned'])} of {question['points']}"


def evidence(record):
    """The bytes of a record that are the same each time: all but the timings, and the key of the batch."""
    kept = {name: value for name, value in record.items() if name not in ("timings", "key")}
    return json.dumps(kept, indent=1, sort_keys=True, ensure_ascii=False).encode()


def _replace_questions(record, again):
    new = {question["id"]: question for question in again["questions"]}
    record["questions"] = [new.pop(question["id"], question) for question in record["questions"]] + list(new.values())
    record["score"] = round(sum(question["earned"] for question in record["questions"]), 6)
    record["possible"] = float(sum(question["points"] for question in record["questions"]))


# ---- records


def grade_all(sources, settings, out, processes=1, scheduler=None):
    """Grade what has no record yet; all records, in the order of the sources.

    Parameters
    ----------
    sources : list of Source
    settings : Settings
    out : Path
        Gets ``records/<id>.json`` and the report of each submission as soon as it is graded.
    processes : int
        Submissions at a time on this machine.
    scheduler : str, optional
        Address of a Dask cluster; its workers need this project at the same place, and to see the sources' paths.
    """
    folder = Path(out, "records")
    folder.mkdir(parents=True, exist_ok=True)
    marks = written.read_marks(out)
    keys = {source.id: _key(source, settings) for source in sources}
    records = {source.id: _kept(folder, source.id, keys[source.id]) for source in sources}
    waiting = [source for source in sources if records[source.id] is None]
    finished = _on_cluster(waiting, settings, scheduler) if scheduler else _here(waiting, settings, processes)
    with tqdm(total=len(sources), initial=len(sources) - len(waiting), unit="submission", dynamic_ncols=True) as bar:
        for source, record in finished:
            record["key"] = keys[source.id]
            keep(record, out)
            report.write_learner(record, out, marks)
            records[source.id] = record
            bar.update()
    return [records[source.id] for source in sources]


def keep(record, out):
    """Write a record; killed at any moment, this leaves the old one or the new one."""
    path = record_path(out, record["submission"]["id"])
    pages.write(path, json.dumps(record, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def record_path(out, submission_id):
    """Where the record of a submission lies."""
    return Path(out, "records", f"{submission_id}.json")


def read_record(path):
    """A record as it was written; ValueError for anything else."""
    try:
        record = json.loads(Path(path).read_text(encoding="utf-8"))
        record["submission"]["id"], record["questions"], record["key"]  # noqa: B018 - these tell a record
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{path} is not a record of a graded submission ({error}).") from error
    return record


def _kept(folder, submission_id, key):
    """The record that is there, if it was made of the same files with the same settings and code, and is settled."""
    try:
        record = read_record(folder / f"{submission_id}.json")
    except ValueError:
        return None
    return record if record["key"] == key and _is_settled(record) else None


def _key(source, settings):
    """The same for the same files, settings and environment."""
    about = [_digest(source.path), source.inside, asdict(settings), settings.level, environment()]
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def _digest(path):
    paths = sorted(p for p in path.rglob("*") if p.is_file() and not p.is_symlink()) if path.is_dir() else [path]
    digest = hashlib.sha256()
    for file in paths:
        digest.update(f"{file.relative_to(path.parent).as_posix()}\0{file.stat().st_size}\0".encode(errors="replace"))
        with file.open("rb") as opened:
            digest.update(hashlib.file_digest(opened, "sha256").digest())
    return digest.hexdigest()


def _is_settled(record):
    """Whether grading it again would bring nothing: graded to the end, or refused."""
    return record["state"] == "refused" or report.is_final(record)


# ---- who does the work


def _here(sources, settings, processes):
    """Grade on this machine; yields (source, record) as they are finished."""
    for attempt in range(ROUNDS):
        lost = []
        alone = attempt == ROUNDS - 1
        for group in [[source] for source in sources] if alone else [sources]:
            for source, record in _in_pool(group, settings, 1 if alone else processes):
                if record is None:
                    lost.append(source)
                else:
                    yield source, record
        sources = lost
    for source in sources:
        yield source, failed_record(source, settings, "the process that graded it was killed, several times")


def _in_pool(sources, settings, processes):
    """Yields (source, record), None for the record of a submission whose process was lost."""
    if not sources:
        return
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # for the processes to come: together they use all cores
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


def _end_with_parent():
    """End this process when the one that asked for it is gone: killed, that one cannot say so."""

    def watch():
        wait([parent_process().sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _on_cluster(sources, settings, address):
    """Grade on a Dask cluster; yields (source, record) as they are finished."""
    try:
        from dask.distributed import Client, KilledWorker
        from dask.distributed import as_completed as as_completed_there
    except ImportError as error:
        raise BatchError(f"--scheduler needs Dask: pip install -r requirements-grading.txt ({error})") from error
    with Client(address) as client:
        futures = client.map(lambda source: grade_submission(source, settings), sources, pure=False, retries=ROUNDS)
        of = dict(zip((future.key for future in futures), sources, strict=True))
        for future in as_completed_there(futures):
            try:
                yield of[future.key], future.result()
            except KilledWorker as error:
                yield of[future.key], failed_record(of[future.key], settings, f"its workers were lost ({error})")


# ---- reports


def write_reports(records, out, canvas=None, column=None):
    """Write everything that is made of records; notes for the instructor, a sentence each."""
    out, marks = Path(out), written.read_marks(out)
    for record in records:
        report.write_learner(record, out, marks)
    report.write_class(records, out, marks)
    written.write_written(records, out, marks)
    return exports.write_exports(records, out, canvas, column, marks)
