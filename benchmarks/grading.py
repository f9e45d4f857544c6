"""What grading costs, compared with just running the same submission, and with nbgrader and otter-grader.

    python benchmarks/grading.py [--only overhead|beside|throughput|hostile] [--rounds 3] [--warm-ups 1]
                                 [--others PYTHON] [--isolation LEVEL]

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

*hostile*: a class of 40, each of which once stopped grading or cost without bound (`tests/hostile.py`), graded by the
command without running notebooks. It prints the time, and the largest memory of any process.
"""

import argparse
import contextlib
import ctypes
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

from _timing import compare, print_table, set_threads

ROOT = Path(__file__).resolve().parent.parent
ASSIGNMENT = "assignment1"
LARGEST_RATIO, LARGEST_START = 1.3, 2.0  # the goal: at most 1.3 times the own code, plus 2 s


def main():
    """Measure what the options ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="rounds that count")
    parser.add_argument("--warm-ups", type=int, default=1, help="rounds before these, which do not count")
    parser.add_argument("--only", choices=["overhead", "beside", "throughput", "hostile"])
    parser.add_argument("--others", default=sys.executable, metavar="PYTHON", help="has nbgrader and otter-grader")
    parser.add_argument("--isolation", choices=["bubblewrap", "limits"], help="by default the strongest that works")
    args = parser.parse_args()
    set_threads(1)
    os.environ["PYTHONPATH"] = str(ROOT)

    from coursekit.grading.running import sandbox

    isolation = args.isolation or sandbox.level()
    for part in (overhead, beside, throughput, hostile):
        if args.only in (None, part.__name__):
            with tempfile.TemporaryDirectory(prefix="bench-") as folder:
                part(Path(folder), isolation, args)


# ---- overhead


def overhead(folder, isolation, args):
    """Grading against just running the same files."""
    from coursekit.learner.submit import collect, pack

    files, _ = collect(ASSIGNMENT, ROOT)
    (folder / "submissions").mkdir()
    (folder / "submissions" / "learner.zip").write_bytes(pack(files))
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

LARGE = 30
PROCESSES = 2
LEAST_A_MINUTE = 40  # the goal, on two cores
SET_SUBREAPER = 36  # of Linux' prctl


def throughput(folder, isolation, args):
    """A class of honest submissions, without notebooks."""
    sys.path.insert(0, str(ROOT))
    sys.path.insert(0, str(ROOT / "tests"))
    from classroom import write_class

    write_class(folder / "class", LARGE, share_mutilated=0.0)
    adopt_orphans()  # or the time of what outlives its parent would be lost
    command = [sys.executable, "-m", "coursekit", "grade", folder / "class", "--out", folder / "out"]
    options = ["--assignment", ASSIGNMENT, "--notebooks", "skip", "--isolation", isolation, "--trust-submissions"]
    start, started, before = time.monotonic(), processes_started(), processor_time()
    subprocess.run([*command, *options, "--processes", str(PROCESSES)], check=True, capture_output=True)
    seconds = time.monotonic() - start
    reap_orphans()
    a_minute = 60 * LARGE / seconds
    verdict = "met" if a_minute >= LEAST_A_MINUTE else "MISSED"
    print(f"{LARGE} submissions of {ASSIGNMENT} on {PROCESSES} processes, isolation: {isolation}: {seconds:.0f} s")
    print(f"submissions a minute: {a_minute:.1f}; goal: at least {LEAST_A_MINUTE}, {verdict}")
    print(f"processor time of a submission: {(processor_time() - before) / LARGE:.2f} s")
    print(f"processes started on this machine meanwhile, for each: {(processes_started() - started) / LARGE:.0f}")


def adopt_orphans():
    """Become the parent of every process below this one that loses its own."""
    ctypes.CDLL(None).prctl(SET_SUBREAPER, 1, 0, 0, 0)


def reap_orphans():
    """Wait for all children."""
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()


def processor_time():
    """Seconds that all children used that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def processes_started():
    """How many processes this machine has ever started."""
    lines = Path("/proc/stat").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("processes "))


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


if __name__ == "__main__":
    main()
