"""Grading on a Dask cluster: the same grades wherever its workers are, and none lost with a worker."""

import contextlib
import os
import platform
import re
import shutil
import socket
import threading
import zipfile
from dataclasses import replace
from importlib.util import find_spec

import psutil
import pytest
import yaml
from classroom import MISTAKES, MUTILATIONS, packed, solved, with_mistake
from dask_cluster import scheduler, settled, worker

from coursekit.grading import batch, commands
from coursekit.grading.cluster import parcels, workers
from coursekit.grading.cluster.connection import connected
from coursekit.grading.cluster.team import open_cluster
from coursekit.grading.evaluate import failed_record
from coursekit.grading.intake.archive import open_submission
from coursekit.grading.intake.sources import Source, find_submissions
from coursekit.grading.settings import BatchError, Settings, versions
from coursekit.paths import ROOT

QUICK = Settings("assignment1", notebooks="skip", trust_submissions=True, questions=("affine_forward",))
needs_dask = pytest.mark.skipif(find_spec("distributed") is None, reason="Dask is not installed")


# ---- what is sent


def as_zip(path, files):
    path.write_bytes(packed(files))


def as_folder(path, files):
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)


def with_links(path, files):
    as_folder(path, files)
    (path / "notes.txt").symlink_to("/etc/hostname")
    os.mkfifo(path / "pipe.py")


def with_environment(path, files):
    as_folder(path, files)
    as_folder(path / "venv", {"lib/layers.py": b"1" * 1000})


def as_class_zip(path, files):
    with zipfile.ZipFile(path.with_suffix(".zip"), "w") as archive:
        for learner in ("jane_1_2_homework.zip", "joe_3_4_homework.zip"):
            archive.writestr(learner, packed(files))


FORMS = {
    "a_assignment1.zip": as_zip,
    "b_assignment1": as_folder,
    "c_assignment1": with_links,
    "d_assignment1": with_environment,
    "env": as_folder,
}


def opened_there(source, tmp_path):
    """What a worker opens, far from where the submissions are."""
    there, course = tmp_path / "there", tmp_path / "course"
    for shared in parcels.class_zips([source]):
        place = course / shared.name.removeprefix(parcels.COURSE)
        place.parent.mkdir(parents=True)
        shutil.copyfile(shared.path, place)
    sent, entries = parcels.packed(source)
    assert not sent.path.is_absolute()
    there.mkdir()
    return open_submission(parcels.unpacked(sent, entries, there, course), "assignment1")


@pytest.mark.parametrize("name", FORMS)
def test_a_worker_opens_what_was_handed_in(name, tmp_path):
    """Files, remarks and hashes are those of the submission itself, whatever its form."""
    (tmp_path / "in").mkdir()
    FORMS[name](tmp_path / "in" / name, solved())
    source = Source("x", "x", tmp_path / "in" / name)
    assert opened_there(source, tmp_path) == open_submission(source, "assignment1")


def test_a_worker_opens_its_part_of_the_zip_of_a_class(tmp_path):
    """The zip is sent as a whole, once, and each submission is found in it."""
    (tmp_path / "in").mkdir()
    as_class_zip(tmp_path / "in" / "class", solved())
    source, other = find_submissions(tmp_path / "in")
    assert source.path == other.path and len(parcels.class_zips([source, other])) == 1
    assert opened_there(source, tmp_path) == open_submission(source, "assignment1")


def test_what_nobody_reads_is_not_sent(tmp_path):
    """An environment within a submission keeps its names and sizes, and loses its content."""
    with_environment(tmp_path / "mine", {"cs231n/layers.py": b"x = 1\n"})
    entries = {entry.name: entry for entry in parcels.packed(Source("x", "x", tmp_path / "mine"))[1]}
    assert entries["mine/cs231n/layers.py"].content == b"x = 1\n"
    assert entries["mine/venv/lib/layers.py"].content is None and entries["mine/venv/lib/layers.py"].size == 1000


def test_a_submission_that_is_gone_is_an_error_of_the_grader(tmp_path):
    with pytest.raises(FileNotFoundError):
        parcels.packed(Source("x", "x", tmp_path / "gone.zip"))


def test_all_workers_get_the_code_whose_hash_is_in_the_records():
    """No module that counts for the hash is left behind."""
    names = set(parcels.files_in(parcels.GRADER))
    folders = [parcels.files_in((f"{name}/**/*.py",)) for name in ("coursekit", "cs231n")]
    assert set().union(*folders) <= names


# ---- who can grade

GREETING = {"system": "Linux", "python": platform.python_version(), "memory": 8 << 30}


@pytest.mark.parametrize(
    "change, told",
    [
        ({"system": "Darwin"}, "it runs on Darwin, and grading needs Linux"),
        ({"python": "3.9.1"}, "it has Python 3.9.1, and this environment has"),
        ({"memory": 1 << 30}, "it has 1.0 GiB of memory, and a submission needs 2 GiB"),
    ],
)
def test_a_worker_that_cannot_grade_is_told_why(change, told):
    workers._require_fit(GREETING)
    with pytest.raises(workers.MisfitError, match=told):
        workers._require_fit(GREETING | change)


def test_other_versions_do_not_grade():
    """Two learners are never graded by different versions of NumPy."""
    workers._require_same(versions())
    with pytest.raises(workers.MisfitError, match=f"it has NumPy 1.0, .*: pip install numpy=={versions()['numpy']}"):
        workers._require_same(versions() | {"numpy": "1.0"})
    with pytest.raises(workers.MisfitError, match="did not get this course whole"):
        workers._require_same(versions() | {"code": "another"})


def test_what_an_environment_lacks_is_named():
    told = workers._why_not("its process ended with 1: ModuleNotFoundError: No module named 'numpy.linalg'")
    assert told == "its environment lacks numpy: install requirements-grading.txt there"


@pytest.mark.parametrize(
    "threads, gigabytes, slots", [(4, 16, 4), (4, 5, 2), (1, 64, 1)], ids=["cores", "memory", "one"]
)
def test_as_many_at_a_time_as_there_are_cores_and_memory(threads, gigabytes, slots):
    assert workers.Worker("tcp://a:1", "a", threads, gigabytes << 30, "/x", {}).slots == slots


# ---- where no scheduler is


@pytest.mark.parametrize(
    "address", ["localhost", "", "http://localhost:80", "tcp://localhost:x", "tcp://localhost:99999"]
)
def test_an_address_that_is_none_is_said(address):
    with pytest.raises(BatchError, match="is no address of a Dask scheduler: it should look like tcp://HOST:8786"):
        next(connected(address).gen)


def test_no_scheduler_is_said_at_once(tmp_path, capsys):
    """The command says so in a sentence, and grades nothing."""
    as_zip(tmp_path / "a_assignment1.zip", {"cs231n/layers.py": b""})
    options = [str(tmp_path), "--out", str(tmp_path / "out"), "--notebooks", "skip"]
    assert commands.grade([*options, "--scheduler", "tcp://127.0.0.1:9"]) == 2
    assert "Nothing listens at tcp://127.0.0.1:9 (Connection refused)." in capsys.readouterr().out


def test_what_is_no_scheduler_is_told_from_one():
    """A program that speaks, but not as Dask does."""

    def talk():
        with server.accept()[0] as connection:
            connection.sendall(b"220 mail\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        talking = threading.Thread(target=talk)
        talking.start()
        with pytest.raises(BatchError, match="is no Dask scheduler. Start one there: dask scheduler"):
            next(connected(f"tcp://127.0.0.1:{server.getsockname()[1]}").gen)
        talking.join()


# ---- on a cluster


@pytest.fixture(scope="module")
def handed_in(tmp_path_factory):
    """Four submissions: right, wrong, one that is no zip, one in a folder."""
    folder = tmp_path_factory.mktemp("handed-in")
    as_zip(folder / "right.zip", solved())
    as_zip(folder / "wrong.zip", with_mistake(MISTAKES[0]))
    (folder / "no-zip.zip").write_bytes(MUTILATIONS["no-zip"][0](solved()))
    as_folder(folder / "folder", solved())
    return folder


@pytest.fixture(scope="module")
def cluster_file(tmp_path_factory):
    """The file of a scheduler that has no worker yet."""
    with scheduler(tmp_path_factory.mktemp("cluster")) as file:
        yield file


def evidence(records):
    return {record.submission.id: (record.fingerprint, record.evidence()) for record in records}


@needs_dask
def test_another_version_of_the_scheduler_is_said(cluster_file, monkeypatch):
    import distributed

    monkeypatch.setattr(distributed, "__version__", "2020.1.0")
    with pytest.raises(BatchError, match=r'and this environment has 2020.1.0. .*: pip install "dask\[distributed\]=='):
        next(connected(cluster_file).gen)


@needs_dask
def test_no_worker_is_said(cluster_file, monkeypatch):
    monkeypatch.setattr("coursekit.grading.cluster.team.JOIN", 0.1)
    with pytest.raises(BatchError, match="The scheduler has no worker. Start some: dask worker"):
        next(open_cluster(cluster_file, QUICK).gen)


@needs_dask
def test_the_same_grades_though_a_worker_is_lost_and_another_one_joins(cluster_file, handed_in, tmp_path, capsys):
    """Records and fingerprints are those of one machine, and the one that cannot grade is named."""
    sources = find_submissions(handed_in)
    first = worker(cluster_file, tmp_path / "first", "--nthreads", "2")
    small = worker(cluster_file, tmp_path / "small", "--memory-limit", "1GiB")
    with small, first as lost, both_there(cluster_file), open_cluster(cluster_file, QUICK) as cluster:
        finished = cluster.graded(sources)
        done = [next(finished)]
        lost.kill()
        with worker(cluster_file, tmp_path / "second", "--nthreads", "1"):
            done += finished
        assert len(done) == len(sources)
        graded = {source.id: record for source, record in done}
    local = batch.grade_all(sources, QUICK, tmp_path / "local")
    assert {id_: record.evidence() for id_, record in graded.items()} == {
        record.submission.id: record.evidence() for record in local
    }
    assert evidence(batch.grade_all(sources, cluster.settings, tmp_path / "local")) == evidence(local)
    output = capsys.readouterr().out
    for text in ("is not used: it has 1.0 GiB of memory", "1 worker grades 2 submissions at a time", "has joined."):
        assert text in output, output


@contextlib.contextmanager
def both_there(cluster_file):
    """Two workers have joined."""
    with connected(cluster_file) as client:
        client.wait_for_workers(2)
    yield


@needs_dask
@pytest.mark.parametrize("end", ["the command", "the worker"])
def test_nothing_is_left_running(cluster_file, tmp_path, end):
    """While a submission sleeps: what grades it ends with the command, and with the worker."""
    as_zip(tmp_path / "a.zip", solved() | {"cs231n/layers.py": b"import time\ntime.sleep(3600)\n"})
    program = worker(cluster_file, tmp_path / "worker", "--nthreads", "1")
    with program as process, open_cluster(cluster_file, QUICK) as cluster:
        grading = threading.Thread(target=exhaust, args=(cluster.graded(find_submissions(tmp_path)),))
        grading.start()
        below = settled(lambda: sleepers(process.pid))
        process.kill() if end == "the worker" else cluster.end()
        gone, alive = psutil.wait_procs(below, timeout=60)
        assert gone and not alive
        if end == "the command":
            settled(lambda: not list((tmp_path / "worker").glob("**/coursekit-*")))
        cluster.end()
        cluster.workers.client.close()
        grading.join()


def exhaust(finished):
    with contextlib.suppress(BatchError, RuntimeError):  # the cluster is closed
        list(finished)


def sleepers(pid):
    """The processes below a worker, once one that grades has started others."""
    below = psutil.Process(pid).children(recursive=True)
    return below if len(below) > 1 else []


def test_a_worker_on_which_everything_fails_is_left_out(monkeypatch, tmp_path, capsys):
    """It would take one submission after the other, faster than those who grade; each is tried again elsewhere."""
    good, bad = (workers.Worker(f"tcp://{name}:1", name, 1, 8 << 30, "/x", {}) for name in ("good", "bad"))
    sources = [Source(str(i), str(i), tmp_path) for i in range(8)]
    cluster = team_of(monkeypatch, good, bad)
    failed, enough = [], threading.Event()

    def record(worker, source):
        unsettled = failed_record(source, QUICK, "the disk is full")
        if worker is good:
            enough.wait()
            return replace(unsettled, state="refused")
        failed.append(source)
        if len(failed) == 3:
            enough.set()
        return unsettled

    monkeypatch.setattr(cluster, "_record", record)
    graded = dict((source.id, record.state) for source, record in cluster.graded(sources))
    assert graded == {source.id: "refused" for source in sources}
    assert set(cluster.ready) == {good.address}
    assert "3 submissions in a row could not be graded there: the disk is full" in capsys.readouterr().out


def team_of(monkeypatch, *team):
    """A cluster whose workers are there, and need nothing."""
    from coursekit.grading.cluster.team import Cluster

    cluster = Cluster("tcp://a:1", None, QUICK)
    cluster.team = {worker.address: worker for worker in team}
    monkeypatch.setattr(cluster, "_look", lambda: None)
    monkeypatch.setattr(cluster, "_supply", lambda worker: cluster.ready.update({worker.address: worker}))
    return cluster


def test_the_scripts_in_the_docs_can_be_read():
    """The manifest has what Kubernetes needs for two deployments, and the script for SLURM compiles."""
    blocks = dict(re.findall(r"```(\w+)\n(.*?)```", (ROOT / "docs" / "cluster.md").read_text("utf-8"), re.DOTALL))
    compile(blocks["python"], "on_slurm.py", "exec")
    manifest = list(yaml.safe_load_all(blocks["yaml"]))
    assert [part["kind"] for part in manifest] == ["Deployment", "Service", "Deployment", "NetworkPolicy"]
    pod = manifest[2]["spec"]["template"]["spec"]
    assert pod["containers"][0]["securityContext"]["procMount"] == "Unmasked" and pod["hostUsers"] is False
