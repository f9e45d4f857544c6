"""Loading CIFAR-10: time and peak memory of `load_CIFAR10`, against plain pickle and float64.

    python benchmarks/loading.py [--root cs231n/datasets/cifar-10-batches-py] [--repeats 5]

Each run is a separate process, since peak memory never decreases within one. The files are in the page cache.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

SIDES = {
    "load_CIFAR10, uint8": "from cs231n.data_utils import load_CIFAR10; X = load_CIFAR10(root, dtype=np.uint8)[0]",
    "load_CIFAR10, float32": "from cs231n.data_utils import load_CIFAR10; X = load_CIFAR10(root, dtype=np.float32)[0]",
    "load_CIFAR10, float64 (default)": "from cs231n.data_utils import load_CIFAR10; X = load_CIFAR10(root)[0]",
    "plain pickle, float64": """
def read(name):
    with open(os.path.join(root, name), "rb") as f:
        batch = pickle.load(f, encoding="latin1")
    X = batch["data"].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1).astype("float")
    return X, np.array(batch["labels"])
batches = [read(f"data_batch_{i}") for i in range(1, 6)]
X, y = np.concatenate([X for X, _ in batches]), np.concatenate([y for _, y in batches])
X_test, y_test = read("test_batch")
""",
}

BEFORE = "import os, pickle, resource, sys, time; import numpy as np; root = sys.argv[1]; start = time.perf_counter()"
AFTER = """
seconds = time.perf_counter() - start
assert X.shape[1:] == (32, 32, 3)
print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10))
"""


def main():
    """Run every side in turn, print medians and ranges."""
    project = Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", help="the folder of data_batch_1; by default the one that load_CIFAR10 finds")
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    root = Path(args.root).resolve() if args.root else find_root(project)
    if root is None or not (root / "data_batch_1").is_file():
        raise SystemExit("CIFAR-10 was not found: run python datasets/get_datasets.py, or give its folder with --root")

    runs = {name: [] for name in SIDES}
    for i in range(args.repeats + 1):
        for name, program in SIDES.items():
            result = measure(program, root, project)
            if i:
                runs[name].append(result)
    print(f"{'':32} {'median s':>9} {'range':>15} {'peak MB':>9}")
    for name, results in runs.items():
        seconds, peaks = zip(*results, strict=True)
        spread = f"{min(seconds):.2f} to {max(seconds):.2f}"
        print(f"{name:32} {median(seconds):9.2f} {spread:>15} {median(peaks):9.0f}")


def measure(program, root, project):
    """Return seconds and peak MB of one run."""
    env = {**os.environ, "PYTHONPATH": str(project)}
    command = [sys.executable, "-c", "\n".join([BEFORE, program, AFTER]), str(root)]
    out = subprocess.run(command, env=env, capture_output=True, text=True)
    if out.returncode:
        raise SystemExit(out.stderr)
    seconds, peak = out.stdout.split()
    return float(seconds), float(peak)


def find_root(project):
    """The folder of the batches that load_CIFAR10 finds, or None."""
    sys.path.insert(0, str(project))
    from cs231n.data_utils import _find_cifar10

    return _find_cifar10()


if __name__ == "__main__":
    main()
