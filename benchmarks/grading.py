"""What grading costs, compared with just running the same submission, and with nbgrader and otter-grader.

    python benchmarks/grading.py [--only overhead|beside|throughput|class|notebooks|hostile] [--rounds 3] [--warm-ups 1]
                                 [--others PYTHON] [--isolation LEVEL] [--size N] [--dask]

*overhead*: `python -m coursekit grade` on a submission of assignment 1, the whole command, against its own code: the
same notebooks, run by nbclient without the check cells, and the cases of the function questions, called once in one
process. Both have the same kernel, the same data and one BLAS thread.

*beside*: six questions with the same cases and the same correct answers, in each system's own form (`_alike.py`).
Each side is one command, including its start. The dependencies of nbgrader and otter-grader conflict with those of this
project; install them into a separate environment (`pip install nbgrader otter-grader numpy`), and name its Python with
`--others`. What is not installed there is skipped.

*throughput*: a class of 30 without its notebooks, on two processes: submissions a minute by the clock, which means
something on a quiet machine alone, and for each submission the processor time of all processes together, and the
programs that were started. The time in which the command starts and writes its reports is in both.

*class*: a class of 100 (`--size`) without its notebooks, each with one to three implementations of the zoo in its
files, on one process, on two, and with `--dask` on two workers of Dask: the grades must be fair, and the same each
time. Then the reports of 250, 500 and 1,000 submissions, made of these records: processor time, memory, sizes.

*notebooks*: where the processor time of one submission goes, with its notebooks: the learner's cells, by notebook, and
the process that grades.

*hostile*: a class of 40, each of which once stopped grading or cost without bound (`tests/hostile.py`), graded by the
command without running notebooks. It prints the time, and the largest memory of any process.
"""

import argparse
import contextlib
import ctypes
import importlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from itertools import count, cycle, islice
from pathlib import Path
from statistics import median
from typing import NamedTuple

import psutil
from _timing import compare, print_table, set_threads

ROOT = Path(__file__).resolve().parent.parent
ASSIGNMENT = "assignment1"
LARGEST_RATIO, LARGEST_START = 1.3, 2.0  # the goal: at most 1.3 times the own code, plus 2 s


def main():
    """Measure what the options ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="rounds that count")
    parser.add_argument("--warm-ups", type=int, default=1, help="rounds before these, which do not count")
    parser.add_argument("--only", choices=list(PARTS))
    parser.add_argument("--others", default=sys.executable, metavar="PYTHON", help="has nbgrader and otter-grader")
    parser.add_argument("--isolation", choices=["bubblewrap", "limits"], help="by default the strongest that works")
    parser.add_argument("--size", type=int, default=100, help="submissions of the class from the zoo")
    parser.add_argument("--dask", action="store_true", help="grade that class on two workers of Dask as well")
    args = parser.parse_args()
    set_threads(1)
    os.environ["PYTHONPATH"] = str(ROOT)

    from coursekit.grading.running import sandbox

    isolation = args.isolation or sandbox.level()
    for name, part in PARTS.items():
        if args.only in (None, name):
            with tempfile.TemporaryDirectory(prefix="bench-") as folder:
                part(Path(folder), isolation, args)


# ---- overhead


def overhead(folder, isolation, args):
    """Grading against just running the same files."""
    files = write_zip(folder)
    outs = (folder / f"out{number}" for number in count())  # new ones: what was graded is not graded again
    records = []
    sides = {
        "its own code": plain_side(folder, files),
        "python -m coursekit grade": lambda: records.append(grade(folder / "submissions", next(outs), isolation)),
    }
    seconds = compare(sides, args.rounds, args.warm_ups)
    print_table(f"{ASSIGNMENT}, isolation: {isolation}", seconds, base="its own code", unit="s")
    plain, graded = (median(values) for values in seconds.values())
    most = LARGEST_RATIO * plain + LARGEST_START
    verdict = "met" if graded <= most else "MISSED"
    print(f"difference: {graded - plain:.2f} s; goal: at most {most:.2f} s in all, {verdict}")
    timings = [record["timings"] for record in records[args.warm_ups :]]
    for name in ("total", "own_code"):
        print(f"of this, according to the record, {name}: {median(t[name] for t in timings):.2f} s")


def write_zip(folder):
    """Write the solved submission into `submissions`, a new folder; its files."""
    from coursekit.learner.submit import collect, pack

    files, _ = collect(ASSIGNMENT, ROOT)
    (folder / "submissions").mkdir()
    (folder / "submissions" / "learner.zip").write_bytes(pack(files))
    return files


def plain_side(folder, files):
    """A function that runs a submission's code in the learner's edition, without the check cells."""
    from coursekit.grading.running import workspace

    tree = folder / "tree"
    tree.mkdir()
    workspace.build(tree, {name: data for name, data in files.items() if name.endswith(".py")})
    notebooks = [without_checks(data) for name, data in files.items() if name.endswith(".ipynb")]
    env = os.environ | {"PYTHONPATH": str(tree)}
    child = [sys.executable, str(Path(__file__).with_name("_grading_child.py")), "cases"]

    def run():
        for notebook in notebooks:
            execute(notebook, tree / "assignments" / ASSIGNMENT, env)
        subprocess.run(child, cwd=tree, env=env, check=True, stdout=subprocess.DEVNULL)

    return run


def without_checks(data):
    """A notebook, bytes, without the cells that check a question."""
    import nbformat

    from coursekit.questions import all_questions

    notebook = nbformat.reads(data.decode(), as_version=4)
    checks = {f"check_{id_}" for id_ in all_questions()}
    notebook.cells = [cell for cell in notebook.cells if cell.id not in checks]
    return notebook


def execute(notebook, folder, env):
    """Run a notebook with nbclient."""
    from nbclient import NotebookClient

    client = NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
    client.execute(env=env, stderr=subprocess.DEVNULL)  # the kernel writes there that it is not encrypted


def grade(submissions, out, isolation):
    """Grade with the command; the record of the one submission, which must get full marks."""
    command = [sys.executable, "-m", "coursekit", "grade", submissions, "--out", out, "--isolation", isolation]
    done = subprocess.run([*command, "--assignment", ASSIGNMENT, "--processes", "1"], capture_output=True, text=True)
    records = [json.loads(path.read_text(encoding="utf-8")) for path in (out / "records").glob("*.json")]
    if done.returncode or len(records) != 1 or records[0]["score"] != records[0]["possible"]:
        raise SystemExit(f"the reference does not get full marks:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return records[0]


# ---- beside other systems


def beside(folder, isolation, args):
    """Three systems on equivalent notebooks."""
    import _alike

    for name in ("ours", "nbgrader", "otter"):
        (folder / name).mkdir()
    functions, with_notebook = _alike.ours(sys.executable, folder / "ours", isolation)
    sides = {"coursekit, functions only": functions, "coursekit, with the notebook": with_notebook}
    points = {}
    for package, command, prepare in (
        ("nbgrader", "nbgrader autograde", _alike.nbgrader),
        ("otter-grader", "otter run", _alike.otter),
    ):
        version = version_of(args.others, package)
        if not version:
            print(f"skipped: {package} is not installed for {args.others}")
            continue
        name = f"{command} ({version})"
        sides[name], points[name] = prepare(args.others, folder / command.split()[0])
    seconds = compare(sides, args.rounds, args.warm_ups)
    for name, earned in points.items():
        if earned() != len(_alike.QUESTIONS):
            raise SystemExit(f"{name} gives {earned()} of {len(_alike.QUESTIONS)} points for correct answers")
    title = f"{len(_alike.QUESTIONS)} questions, isolation of coursekit: {isolation}; of the others: none"
    print_table(title, seconds, base="coursekit, functions only", unit="s")


# ---- a large class

LARGE = 100
PROCESSES = 2
LEAST_A_MINUTE = 40  # the goal, on two cores
SET_SUBREAPER = 36  # of Linux' prctl


def throughput(folder, isolation, args):
    """A class of honest submissions, without notebooks."""
    from_tests("classroom").write_class(folder / "class", LARGE, share_mutilated=0.0)
    adopt_orphans()  # or the time of what outlives its parent would be lost
    cost = cost_of_class(folder / "class", folder / "out", isolation, "--processes", PROCESSES)
    a_minute = 60 * LARGE / cost.seconds
    verdict = "met" if a_minute >= LEAST_A_MINUTE else "MISSED"
    print(f"{LARGE} submissions of {ASSIGNMENT} on {PROCESSES} processes, isolation: {isolation}: {cost.seconds:.0f} s")
    print(f"submissions a minute: {a_minute:.1f}; goal: at least {LEAST_A_MINUTE}, {verdict}")
    print(f"processor time of a submission: {cost.processor / LARGE:.2f} s")
    print(f"processes started on this machine meanwhile, for each: {cost.started / LARGE:.0f}")


def from_tests(name):
    """A module of the tests."""
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    return importlib.import_module(name)


class Cost(NamedTuple):
    """Seconds by the clock and of all processors, and processes that were started."""

    seconds: float
    processor: float
    started: int


def cost_of_class(submissions, out, isolation, *options):
    """Grade a class by the command, without its notebooks; what that costs."""
    command = [sys.executable, "-m", "coursekit", "grade", submissions, "--out", out, "--isolation", isolation]
    command += ["--assignment", ASSIGNMENT, "--notebooks", "skip", "--seed", "1", "--trust-submissions", *options]
    start, started, before, others = time.monotonic(), processes_started(), processor_time(), children()
    subprocess.run(list(map(str, command)), check=True, capture_output=True)
    seconds = time.monotonic() - start
    reap_orphans(others)
    return Cost(seconds, processor_time() - before, processes_started() - started)


def adopt_orphans():
    """Become the parent of every process below this one that loses its own."""
    ctypes.CDLL(None).prctl(SET_SUBREAPER, 1, 0, 0, 0)


def children():
    """The numbers of the child processes, of which some may have ended."""
    return {process.pid for process in psutil.Process().children()}


def reap_orphans(others=frozenset()):
    """Wait for all children but others."""
    while left := children() - others:
        for pid in left:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)


def processor_time():
    """Seconds that all children used that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def processes_started():
    """How many processes this machine has ever started."""
    lines = Path("/proc/stat").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("processes "))


# ---- a class from the zoo, and what is written about it

SIZES = (250, 500, 1000)


def large_class(folder, isolation, args):
    """A class with mistakes of all kinds: fair grades, the same whoever does the work."""
    classroom = from_tests("classroom")
    must_lose = classroom.write_zoo_class(folder / "class", args.size)
    adopt_orphans()
    ways = {"one process": processes(1), "two processes": processes(2)}
    ways |= {"two workers of Dask": two_workers()} if args.dask else {}
    found = []
    for number, (way, started) in enumerate(ways.items()):
        with started as options:
            cost = cost_of_class(folder / "class", folder / f"out{number}", isolation, *options)
        found.append(evidence_in(folder / f"out{number}"))
        tell_cost(f"{args.size} submissions, {way}", cost, args.size)
    first, *others = found
    different = [id_ for id_ in first if any(other.get(id_) != first[id_] for other in others)]
    print(f"records: {len(first)}; not the same in all ways: {different or 'none'}")
    unfair = [
        sentence
        for record in records_in(folder / "out0")
        for sentence in classroom.unfair(record, must_lose[record.submission.id])
    ]
    print(f"unfair grades: {len(unfair)}", *unfair, sep="\n")
    growth(folder, folder / "out0")
    if different or unfair or len(first) != args.size:
        raise SystemExit("not everybody has the grade that is due")


def tell_cost(title, cost, size):
    """Print what grading so many submissions cost."""
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"{title}: {cost.seconds:.0f} s, {60 * size / cost.seconds:.1f} a minute", flush=True)
    print(f"  processor time of a submission: {cost.processor / size:.2f} s; largest process so far: {memory:.0f} MB")


@contextlib.contextmanager
def processes(number):
    """The options for so many processes on this machine."""
    yield ["--processes", number]


@contextlib.contextmanager
def two_workers():
    """The options for a Dask cluster on this machine. The processor time of its workers is not known while they run."""
    from dask.distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50) as cluster:
        yield ["--scheduler", cluster.scheduler_address]


def records_in(out):
    """The records of a class."""
    from coursekit.grading.record import read_records

    return read_records(out)


def evidence_in(out):
    """What must be the same each time, of each record, by id."""
    return {record.submission.id: record.evidence() for record in records_in(out)}


def growth(folder, graded):
    """The reports of ever more submissions, each size in a process of its own."""
    child = [sys.executable, str(Path(__file__).with_name("_grading_child.py")), "reports", str(graded)]
    print(f"{'submissions':>12} {'seconds':>9} {'MB':>6}   sizes in kB")
    for size in SIZES:
        done = subprocess.run([*child, str(folder / f"reports{size}"), str(size)], check=True, capture_output=True)
        about = json.loads(done.stdout)
        sizes = ", ".join(f"{name} {kilobytes}" for name, kilobytes in about["sizes"].items())
        print(f"{size:12} {about['seconds']:9.1f} {about['memory']:6.0f}   {sizes}")


# ---- notebooks


def notebooks(folder, isolation, args):
    """The processor time of one submission with its notebooks: each notebook's cells, and all that grades."""
    write_zip(folder)
    child = [sys.executable, str(Path(__file__).with_name("_grading_child.py")), "notebooks"]
    adopt_orphans()
    before = processor_time()
    done = subprocess.run([*child, str(folder / "submissions"), isolation], check=True, stdout=subprocess.PIPE)
    reap_orphans()
    total, about = processor_time() - before, json.loads(done.stdout)
    own = sum(sum(cells.values()) for cells in about["cells"].values())
    for name, cells in about["cells"].items():
        slowest = ", ".join(f"{id_} {seconds:.1f}" for id_, seconds in sorted(cells.items(), key=lambda c: -c[1])[:3])
        print(f"{name:20} run {about['runs'][name]} times, {sum(cells.values()):6.1f} s; the slowest cells: {slowest}")
    print(f"processor time of the submission: {total:.1f} s; of the process that grades: {about['grader']:.1f} s")
    print(f"in cells: {own:.1f} s; all the rest, which is what grading could save: {100 * (1 - own / total):.0f} %")


# ---- a class that means harm

CLASS = 40


def hostile(folder, isolation, args):
    """A class of hostile submissions: time, memory, and whether everybody has a record."""
    sys.path.insert(0, str(ROOT))
    from tests.hostile import HOSTILE, write_hostile_class

    for number, name in enumerate(islice(cycle(HOSTILE), CLASS)):
        write_hostile_class(folder / "made", [name])
        [made] = [path for path in (folder / "made").iterdir() if path.name not in ("report.pdf", "notes.docx")]
        (folder / "class").mkdir(exist_ok=True)
        made.rename(folder / "class" / f"{number:02}-{made.name}")
    command = [sys.executable, "-m", "coursekit", "grade", folder / "class", "--out", folder / "out"]
    options = ["--assignment", ASSIGNMENT, "--notebooks", "skip", "--processes", "2", "--isolation", isolation]
    start = time.monotonic()
    done = subprocess.run([*command, *options], capture_output=True, text=True)
    seconds, records = time.monotonic() - start, list((folder / "out" / "records").glob("*.json"))
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"{CLASS} hostile submissions: {len(records)} records in {seconds:.0f} s, exit status {done.returncode}")
    print(f"largest memory of a process: {memory:.0f} MB")
    print(done.stdout)
    subprocess.run(["rm", "-rf", folder / "class"], check=True)  # too deep for Python's own clean-up
    if len(records) != CLASS or not (folder / "out" / "class.html").exists():
        raise SystemExit(f"not everybody has a record and a page:\n{done.stderr[-3000:]}")


def version_of(python, package):
    """The version of a package that another Python has; empty if it does not have it."""
    code = f"from importlib.metadata import version; print(version({package!r}))"
    return subprocess.run([python, "-c", code], capture_output=True, text=True).stdout.strip()


PARTS = {
    "overhead": overhead,
    "beside": beside,
    "throughput": throughput,
    "class": large_class,
    "notebooks": notebooks,
    "hostile": hostile,
}

if __name__ == "__main__":
    main()
