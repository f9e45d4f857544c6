"""Grading a class: a grade for everyone, the same whoever does the work and however often it is killed."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import psutil
import pytest
from classroom import MISTAKES, MUTILATIONS, blank, packed, solved, with_mistake, write_class

from coursekit.core.question import Status
from coursekit.files import write_file
from coursekit.grading import batch, commands
from coursekit.grading.cluster.team import open_cluster
from coursekit.grading.evaluate import grade_submission
from coursekit.grading.intake.sources import Source, find_submissions
from coursekit.grading.record import read_record, read_records, record_path, write_record
from coursekit.grading.reports import class_reports
from coursekit.grading.settings import Settings
from coursekit.paths import ROOT

QUICK = Settings(
    "assignment1", notebooks="skip", trust_submissions=True, questions=("affine_forward", "affine_backward", "sgd")
)


@pytest.fixture(scope="module")
def handed_in(tmp_path_factory):
    """Five submissions: right, wrong, blank, one that is no zip, one that leaves its folder."""
    folder = tmp_path_factory.mktemp("handed-in")
    for name, data in {
        "right": packed(solved()),
        "wrong": packed(with_mistake(MISTAKES[0])),
        "blank": packed(blank()),
        "no-zip": MUTILATIONS["no-zip"][0](solved()),
        "traversal": MUTILATIONS["traversal"][0](solved()),
    }.items():
        (folder / f"{name}.zip").write_bytes(data)
    return folder


@pytest.fixture(scope="module")
def expected(handed_in, tmp_path_factory):
    """The evidence of each record from one process, by id."""
    out = tmp_path_factory.mktemp("one-process")
    return evidence(batch.grade_all(find_submissions(handed_in), QUICK, out))


def evidence(records):
    return {record.submission.id: record.evidence() for record in records}


def standing(record):
    return {question.id: (question.status, question.earned) for question in record.questions}


def test_a_list_that_comes_later_names_learners(handed_in, tmp_path, monkeypatch):
    """Names and identifiers follow the list of the class in the records too; nobody is graded again for it."""
    [source] = [source for source in find_submissions(handed_in) if source.id == "no-zip"]
    [before] = batch.grade_all([source], QUICK, tmp_path)
    monkeypatch.setattr(batch, "_graded", lambda sources, *_: (pytest.fail("graded again") for _ in sources))
    named = replace(source, name="Jané Doe", learner=source.learner | {"name": "Jané Doe", "login": "jane"})
    [after] = batch.grade_all([named], QUICK, tmp_path)
    assert (after.submission.name, after.submission.learner["login"]) == ("Jané Doe", "jane")
    assert read_record(record_path(tmp_path, "no-zip")) == after
    assert replace(after, submission=before.submission) == before


def test_everyone_has_a_grade_or_a_reason(handed_in, tmp_path):
    records = {r.submission.id: r for r in batch.grade_all(find_submissions(handed_in), QUICK, tmp_path)}
    assert len(records) == 5
    assert records["right"].score == records["right"].possible > 0
    assert records["blank"].score == 0
    lost = [id_ for id_, (status, _) in standing(records["wrong"]).items() if status != "ok"]
    assert lost == ["affine_forward"]
    assert records["no-zip"].state == "refused" and records["no-zip"].reason
    for id_ in records:
        assert (tmp_path / "reports" / f"{id_}.html").is_file()


def test_two_processes_give_the_same(handed_in, expected, tmp_path):
    assert evidence(batch.grade_all(find_submissions(handed_in), QUICK, tmp_path, processes=2)) == expected


def test_what_is_graded_is_not_graded_again(handed_in, expected, tmp_path, monkeypatch):
    """Only a missing or truncated record is made again; the others stay as they are."""
    sources = find_submissions(handed_in)
    batch.grade_all(sources, QUICK, tmp_path)
    asked, here = [], batch._here
    monkeypatch.setattr(batch, "_here", lambda sources, *rest: asked.extend(sources) or here(sources, *rest))
    assert evidence(batch.grade_all(sources, QUICK, tmp_path)) == expected and not asked
    (tmp_path / "records" / "wrong.json").write_text("{", encoding="utf-8")
    assert evidence(batch.grade_all(sources, QUICK, tmp_path)) == expected
    assert [source.id for source in asked] == ["wrong"]


def test_other_settings_grade_again(handed_in, tmp_path):
    sources = [source for source in find_submissions(handed_in) if source.id == "wrong"]
    [first] = batch.grade_all(sources, QUICK, tmp_path)
    [second] = batch.grade_all(sources, Settings(**{**vars(QUICK), "seed": 7}), tmp_path)
    assert first.fingerprint != second.fingerprint and second.settings.seed == 7


def test_a_process_that_is_lost_is_replaced_and_a_deadly_submission_named(handed_in, tmp_path, monkeypatch):
    """Pools whose process dies with one submission, every time."""

    def in_pool(sources, settings, processes):
        deadly = any(source.id == "wrong" for source in sources)
        for source in sources:
            yield source, None if deadly else {"id": source.id}

    monkeypatch.setattr(batch, "_in_pool", in_pool)
    records = {source.id: record for source, record in batch._here(find_submissions(handed_in), QUICK, 2)}
    assert len(records) == 5
    assert records["wrong"].state == "infrastructure error" and "killed" in records["wrong"].reason
    assert all(record == {"id": id_} for id_, record in records.items() if id_ != "wrong")


_RUN = """
import sys
from pathlib import Path
from coursekit.grading import batch
from coursekit.grading.intake.sources import find_submissions
from coursekit.grading.settings import Settings
questions = tuple(sys.argv[3].split(",")) if sys.argv[3] else ()
settings = Settings("assignment1", notebooks="skip", trust_submissions=True, questions=questions)
if __name__ == "__main__":
    batch.grade_all(find_submissions(sys.argv[1]), settings, Path(sys.argv[2]), processes=2)
"""


def run_and_kill(folder, out, questions, kills, longest):
    """Grade in a process of its own, killed at random moments and started again; then to the end."""
    chance = random.Random(1)
    script = out.parent / "run.py"
    script.write_text(_RUN, encoding="utf-8")
    command = [sys.executable, str(script), str(folder), str(out), ",".join(questions)]
    killed = 0
    for _ in range(kills):
        process = subprocess.Popen(command, cwd=ROOT, env=with_path(), start_new_session=True, stderr=subprocess.PIPE)
        try:
            process.communicate(timeout=chance.uniform(0.3, longest))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            killed += 1
        read_records(out)  # never half a record
    subprocess.run(command, cwd=ROOT, env=with_path(), check=True, capture_output=True)
    return killed


def with_path():
    return os.environ | {"PYTHONPATH": str(ROOT)}


def records_in(out):
    return read_records(out)


def test_killed_and_started_again(handed_in, expected, tmp_path):
    out = tmp_path / "out"
    assert run_and_kill(handed_in, out, QUICK.questions, kills=3, longest=4) >= 1
    assert evidence(records_in(out)) == expected


def on_cluster(distributed, sources, settings, out):
    """The records of a cluster, one of whose two workers is killed in the middle."""
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=2, dashboard_address=None, silence_logs=50) as workers,
        open_cluster(workers.scheduler_address, settings) as cluster,
    ):
        finished = cluster.graded(sources)
        records = [next(finished)[1]]
        next(iter(workers.workers.values())).process.process.kill()
        return records + [record for _, record in finished]


def test_what_a_worker_cannot_see_is_tried_again(tmp_path):
    """A submission that is gone costs a learner nothing."""
    record = grade_submission(Source("x", "x", tmp_path / "elsewhere.zip"), QUICK)
    assert record.state == "infrastructure error" and "elsewhere.zip" in record.reason and not record.is_settled


@pytest.mark.skipif(sys.platform != "linux", reason="grading needs Linux")
def test_ctrl_c_leaves_nothing_running(tmp_path):
    """While a submission sleeps, with another one waiting: the command ends, and so does all that it has started."""
    asleep = solved() | {"cs231n/layers.py": b"import time\ntime.sleep(3600)\n"}
    (tmp_path / "in").mkdir()
    for name in "abc":
        (tmp_path / "in" / f"{name}.zip").write_bytes(packed(asleep))
    options = ["--out", tmp_path / "out", "--assignment", "assignment1", "--notebooks", "skip", "--processes", "1"]
    command = [sys.executable, "-m", "coursekit", "grade", tmp_path / "in", *options]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, env=with_path(), stdout=pipe, stderr=pipe) as process:
        started = wait_for_sleepers(process)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)  # each of the questions would sleep as long
    assert process.returncode == 130 and b"Stopped" in output
    gone, alive = psutil.wait_procs(started, timeout=30)
    assert not alive


def wait_for_sleepers(process):
    """The processes below one, as soon as a sandbox is among them."""
    while True:
        started = psutil.Process(process.pid).children(recursive=True)
        if any(map(is_run, started)):
            return started
        time.sleep(0.1)


def is_run(process):
    """Whether a process runs a learner's code: it was forked from one that only waits for orders."""
    try:
        return "coursekit.grading.running.zygote" in words(process) and words(process) == words(process.parent())
    except (psutil.Error, AttributeError):
        return False


def words(process):
    try:
        return process.cmdline()
    except psutil.Error:
        return []


PHASES = {
    "finding the submissions": (commands, "survey"),
    "reading the submissions": (batch, "_digest"),
    "keeping a record": (batch, "write_learner_page"),
    "writing the class page": (class_reports, "write_class_page"),
    "writing the exports": (class_reports, "write_exports"),
}


@pytest.fixture(scope="module")
def two_refused(tmp_path_factory):
    """The options to grade two submissions that are no zips, which is quick, and the folder that this wrote."""
    folder = tmp_path_factory.mktemp("refused")
    (folder / "in").mkdir()
    for name in "ab":
        (folder / "in" / f"{name}.zip").write_bytes(b"no zip")
    options = [str(folder / "in"), "--assignment", "assignment1", "--notebooks", "skip", "--trust-submissions"]
    options += ["--processes", "1", "--seed", "1", "--out"]
    assert commands.grade([*options, str(folder / "out")]) == 0
    return options, folder / "out"


@pytest.mark.parametrize("phase", PHASES)
def test_ctrl_c_stops_at_once_in_every_phase(phase, two_refused, tmp_path, monkeypatch, capsys):
    """Nothing else begins, what was graded is kept, and the same command goes on from there."""
    options, graded = two_refused
    out = shutil.copytree(graded, tmp_path / "out")
    (out / "junit.xml").unlink()  # which the exports write, the last of all
    module, name = PHASES[phase]
    if name == "write_learner_page":
        (out / "records" / "b.json").unlink()
    calls = []

    def interrupted(*arguments, **named):
        calls.append(name)
        os.kill(os.getpid(), signal.SIGINT)
        raise AssertionError("the signal did not stop this")

    with monkeypatch.context() as patch:
        patch.setattr(module, name, interrupted)
        assert commands.grade([*options, str(out)]) == 130
    assert "Stopped" in capsys.readouterr().out and len(calls) == 1
    kept = {path.name: path.read_bytes() for path in (out / "records").glob("*.json")}
    assert len(kept) == 2 and not (out / "junit.xml").exists()
    assert commands.grade([*options, str(out)]) == 0
    assert (out / "junit.xml").is_file()
    assert kept == {path.name: path.read_bytes() for path in (out / "records").glob("*.json")}


class TestCommands:
    def test_grade_writes_reports_and_exports(self, handed_in, tmp_path, capsys):
        options = [str(handed_in), "--out", str(tmp_path), "--assignment", "assignment1", "--notebooks", "skip"]
        options.append("--trust-submissions")
        one = tmp_path / "one"
        one.mkdir()
        (one / "right.zip").write_bytes((handed_in / "right.zip").read_bytes())
        options[0] = str(one)
        assert commands.grade(options) == 0
        assert "1 submission: 1 graded" in capsys.readouterr().out
        for name in ("class.html", "grades.csv", "junit.xml", "gradescope/right/results.json", "reports/right.txt"):
            assert (tmp_path / name).is_file(), name

        assert commands.regrade([str(tmp_path), "--trust-submissions"]) == 0
        assert "1 graded again, 0 with differences" in capsys.readouterr().out

    def test_the_assignment_is_taken_from_the_names(self, tmp_path, capsys):
        (tmp_path / "mine.zip").write_bytes(b"")
        assert commands.grade([str(tmp_path), "--out", str(tmp_path / "out")]) == 2
        assert "--assignment" in capsys.readouterr().out

    def test_a_folder_without_submissions(self, tmp_path, capsys):
        assert commands.grade([str(tmp_path), "--out", str(tmp_path / "out")]) == 2
        assert "There are no submissions" in capsys.readouterr().out

    def test_one_question_graded_again_for_all(self, handed_in, tmp_path, capsys):
        """A record that says otherwise is corrected; what does not belong to the question stays."""
        sources = [source for source in find_submissions(handed_in) if source.id in ("right", "wrong")]
        records = batch.grade_all(sources, QUICK, tmp_path)
        write_file(tmp_path / "batch.json", json.dumps({"submissions": str(handed_in)}))
        wrong = [replace(q, status=Status.WRONG, earned=0.0) for q in records[0].questions]
        write_record(replace(records[0], questions=wrong), tmp_path)
        assert commands.regrade([str(tmp_path), "--question", "sgd", "--trust-submissions"]) == 0
        assert "sgd: wrong, 0 of" in capsys.readouterr().out
        again = standing(read_record(record_path(tmp_path, records[0].submission.id)))
        assert again["sgd"][0] == "ok" and again["affine_forward"] == ("wrong", 0.0)


@pytest.mark.slow
def test_a_class_of_sixty(tmp_path):
    """Nobody without a grade, no false zero, and the same on one process, on two, on a cluster and after 20 kills."""
    made = write_class(tmp_path / "handed-in", 60)
    sources, settings = (
        find_submissions(tmp_path / "handed-in"),
        Settings("assignment1", notebooks="skip", trust_submissions=True),
    )
    start = time.monotonic()
    records = batch.grade_all(sources, settings, tmp_path / "two", processes=2)
    print(f"{len(records)} submissions in {time.monotonic() - start:.0f} s on two processes")
    assert len(records) == 60 and {record.submission.id for record in records} == set(made)
    for record in records:
        check_fair(record, *made[record.submission.id])

    wanted = evidence(records)
    assert evidence(batch.grade_all(sources, settings, tmp_path / "one")) == wanted
    distributed = pytest.importorskip("dask.distributed")
    assert evidence(on_cluster(distributed, sources, settings, tmp_path / "cluster")) == wanted
    run_and_kill(tmp_path / "handed-in", tmp_path / "killed", (), kills=20, longest=30)
    assert evidence(records_in(tmp_path / "killed")) == wanted


def check_fair(record, kind, mistake, mutilation):
    """Each has what it deserves: no false zero, none for what is blank, and one mistake costs its own points alone."""
    must_be_graded = MUTILATIONS[mutilation][1] if mutilation else True
    assert record.state in ("graded", "refused"), record.reason
    if record.state == "refused":
        assert not must_be_graded and record.reason
        return
    lost = {id_ for id_, (status, _) in standing(record).items() if status not in ("ok", "not gradable")}
    counted = [q for q in record.questions if q.points and q.status != "not gradable"]
    without = {q.id for q in counted if not q.earned}
    if kind == "solved":
        assert not lost
    elif kind == "blank":
        assert record.score == 0
    else:
        assert mistake[3] <= lost
        assert without == mistake[3], "follow-through gives the others their points"
