"""`python -m coursekit test`: check everything. Like `environment`, this module runs on a bare Python."""

import os
import time
from collections.abc import Sequence

from coursekit.learner.environment import run_python, setup

_PARALLEL = ("-m", "pytest", "-n", "2", "--dist")
STEPS = {
    "style": ("-m", "ruff", "check", "."),
    "format": ("-m", "ruff", "format", "--check", "."),
    "types": ("-m", "mypy"),
    "tests and examples in docstrings": (*_PARALLEL, "worksteal", "--doctest-modules", "tests", "cs231n", "coursekit"),
    "notebooks": (*_PARALLEL, "loadscope", "--nbval", "--nbval-current-env", "assignments"),
}


def test(options: Sequence[str] = ()) -> int:
    """Set up, then check everything: style, types, tests, notebooks. With options, only run pytest with them."""
    if setup() != 0:
        return 1
    if options:
        return run_python("-m", "pytest", *options)
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # two processes on two cores: more threads would wait for each other
    failed = [name for name, command in STEPS.items() if not _passes(name, command)]
    print("Everything passed." if not failed else f"Failed: {', '.join(failed)}.")
    return 1 if failed else 0


def _passes(name: str, command: Sequence[str]) -> bool:
    print(f"\n=== {name} ===", flush=True)
    start = time.monotonic()
    status = run_python(*command)
    print(f"=== {name}: {'passed' if status == 0 else 'FAILED'} in {time.monotonic() - start:.0f} s ===", flush=True)
    return status == 0
