"""`python -m coursekit test`: check everything. Like the environment, this module runs on a bare Python."""

import os
import time

from coursekit.learner.environment import run, setup


def test(options=()):
    """Set up for development, then check everything: style, tests, notebooks. With options: pytest alone, with them."""
    if setup("requirements-dev.lock") != 0:
        return 1
    if options:
        return run("-m", "pytest", *options)
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # two processes on two cores: more threads would wait for each other
    parallel = ("-m", "pytest", "-n", "2", "--dist")
    steps = {
        "style": ("-m", "ruff", "check", "."),
        "format": ("-m", "ruff", "format", "--check", "."),
        "tests and examples in docstrings": (*parallel, "load", "--doctest-modules", "tests", "cs231n", "coursekit"),
        "notebooks": (*parallel, "loadscope", "--nbval", "--nbval-current-env", "assignments"),
    }
    failed = [name for name, command in steps.items() if not _passes(name, command)]
    print("Everything passed." if not failed else f"Failed: {', '.join(failed)}.")
    return 1 if failed else 0


def _passes(name, command):
    print(f"\n=== {name} ===", flush=True)
    start = time.monotonic()
    status = run(*command)
    print(f"=== {name}: {'passed' if status == 0 else 'FAILED'} in {time.monotonic() - start:.0f} s ===", flush=True)
    return status == 0
