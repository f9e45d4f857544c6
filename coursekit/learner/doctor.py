"""What is wrong or slow on this machine, and how to fix it: `python -m coursekit doctor`.

Each line reports one check: *ok*, *slow* (it works, but could be faster) or *missing* (something will not work), and
says what to do about it.
"""

import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from coursekit.running.start import OLDEST_PYTHON
from cs231n._threads import uses_avx512

NEEDED = (  # the dependencies of pyproject.toml, which learners do not have
    "imageio",
    "ipykernel",
    "ipython",
    "jupyter-client",
    "jupyterlab",
    "matplotlib",
    "mistune",
    "nbval",
    "numpy",
    "pytest",
    "pyzmq",
    "threadpoolctl",
    "tqdm",
)
SLOWEST_GOOD = 5e9  # operations per second and thread; a BLAS without fast kernels does not reach it


@dataclass(frozen=True)
class Line:
    """The result of one check: its state, what was checked, what was found, and what to do."""

    state: str  # "ok", "slow" or "missing"
    what: str
    found: str
    advice: str = ""

    def __str__(self) -> str:
        text = f"{self.state:<8} {self.what}: {self.found}"
        return f"{text}\n         {self.advice}" if self.advice else text


def examine(printing: Callable = print) -> int:
    """Run all checks and print what they find; 0 if nothing is missing."""
    lines = []
    for check in (_python, _packages, _kernel, _data, _memory, _blas_kernel, _threads, _idle_threads, _rates):
        for line in check():
            printing(line)
            lines.append(line)
    count = {state: sum(line.state == state for line in lines) for state in ("missing", "slow")}
    printing(f"\n{count['missing']} missing, {count['slow']} slow, {len(lines) - sum(count.values())} ok")
    return 1 if count["missing"] else 0


def _python() -> Iterator[Line]:
    found = platform.python_version()
    if sys.version_info < OLDEST_PYTHON:
        oldest = ".".join(map(str, OLDEST_PYTHON))
        yield Line("missing", "Python", found, f"The course needs Python {oldest} or newer: https://www.python.org")
    elif os.environ.get("PYTHONDEVMODE") or hasattr(sys, "gettotalrefcount"):
        advice = "Use a release build of Python, and unset PYTHONDEVMODE."
        yield Line("slow", "Python", f"{found} in development mode", advice)
    else:
        yield Line("ok", "Python", found)


def _packages() -> Iterator[Line]:
    found = {name: _version(name) for name in NEEDED}
    absent = [name for name, number in found.items() if number is None]
    if absent:
        advice = "`python -m coursekit setup` installs them into .venv; then start the course with `make lab`."
        yield Line("missing", "packages", f"{', '.join(absent)} not installed", advice)
    else:
        yield Line("ok", "packages", ", ".join(f"{name} {number}" for name, number in found.items()))


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _kernel() -> Iterator[Line]:
    """Whether notebooks run in this Python, and not in another one that lacks the packages."""
    if not find_spec("jupyter_client"):
        return
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    try:
        program = KernelSpecManager().get_kernel_spec("python3").argv[0]
    except NoSuchKernel:
        yield Line("missing", "kernel", "there is none named python3", "`python -m coursekit setup` installs it.")
        return
    if Path(program).name == program or os.path.samefile(program, sys.executable):
        yield Line("ok", "kernel", "notebooks run in this Python")
    else:
        advice = f"To make them run in this Python, run `{sys.executable} -m ipykernel install --sys-prefix`."
        yield Line("missing", "kernel", f"notebooks run in {program}", advice)


def _data() -> Iterator[Line]:
    from cs231n.data_utils import dataset_name

    name = dataset_name()
    advice = "" if name == "CIFAR-10" else "The notebooks work with either; `make data` downloads CIFAR-10."
    yield Line("ok", "data", name, advice)


def _memory(needed: float = 2.0) -> Iterator[Line]:
    try:
        gigabytes = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    except (AttributeError, ValueError, OSError):  # this system does not say
        return
    if gigabytes < needed:
        advice = "Shut down the notebooks that you do not use (Kernel > Shut Down All Kernels): each keeps its data."
        yield Line("slow", "free memory", f"{gigabytes:.1f} GB; a notebook needs up to {needed:g} GB", advice)
    else:
        yield Line("ok", "free memory", f"{gigabytes:.1f} GB")


def _libraries() -> list[dict]:
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return []
    return [library for library in threadpool_info() if library["user_api"] == "blas"]


def _num_threads() -> int:
    return max((library["num_threads"] for library in _libraries()), default=1)


def _blas_kernel() -> Iterator[Line]:
    """Whether OpenBLAS uses the instructions that the processor has."""
    for library in _libraries():
        kernel = library.get("architecture")
        found = f"{library['internal_api']} {library['version']}, kernel {kernel}"
        if library["internal_api"] == "openblas" and _has_avx512() and not uses_avx512(library):
            advice = "The processor has AVX-512, but this kernel does not use it: set OPENBLAS_CORETYPE=SkylakeX."
            yield Line("slow", "BLAS", found, advice)
        else:
            yield Line("ok", "BLAS", found)


def _has_avx512() -> bool:
    core = "numpy._core" if find_spec("numpy._core") else "numpy.core"  # the latter before NumPy 2
    features = import_module(f"{core}._multiarray_umath").__cpu_features__
    return bool(features.get("AVX512_SKX") or features.get("X86_V4"))


def _threads() -> Iterator[Line]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    for library in _libraries():
        threads = library["num_threads"]
        found = f"{threads} on {cores} cores"
        if threads > cores:
            advice = f"Threads without a core of their own wait for each other: set OPENBLAS_NUM_THREADS={cores}."
            yield Line("slow", "threads", found, advice)
        elif threads < cores:
            advice = f"Unless something else needs the cores, set OPENBLAS_NUM_THREADS={cores} or unset it."
            yield Line("slow", "threads", found, advice)
        else:
            yield Line("ok", "threads", found)


def _idle_threads() -> Iterator[Line]:
    """Whether BLAS's threads sleep after a product, or stay awake for the next one and slow down everything else."""
    if _num_threads() == 1:
        return
    setting = "OPENBLAS_THREAD_TIMEOUT=20"
    if _busy_share() > 0.2:
        advice = f"They keep a core busy, which costs up to a fifth of the time of a training step: set {setting}."
        yield Line("slow", "idle threads", "awake after a matrix product", advice)
    else:
        advice = f"If you start Jupyter without `make lab`, set {setting} first."
        yield Line("ok", "idle threads", "asleep after a matrix product", advice)


def _busy_share(seconds: float = 0.05) -> float:
    """The share of the time after a matrix product, while this thread sleeps, in which others keep a core busy."""
    a = np.ones((1000, 1000), np.float32)
    a @ a
    start = time.process_time()
    time.sleep(seconds)
    return (time.process_time() - start) / seconds


def _rates() -> Iterator[Line]:
    rates = {dtype: _rate(dtype) for dtype in ("float32", "float64")}
    found = ", ".join(f"{rate / 1e9:.0f} billion operations per second in {dtype}" for dtype, rate in rates.items())
    if rates["float32"] < SLOWEST_GOOD * _num_threads():
        advice = "The machine is busy, or this BLAS is slow: `pip install --force-reinstall numpy` installs OpenBLAS."
        yield Line("slow", "matrix product", found, advice)
    else:
        yield Line("ok", "matrix product", found)
    gain = rates["float32"] / rates["float64"]
    if gain > 1.3:
        advice = "Train in float32, as with get_CIFAR10_data(dtype=np.float32); use float64 for gradient checks."
        yield Line("ok", "float32", f"{gain:.1f} times as fast as float64", advice)


def _rate(dtype: str, size: int = 1000, repeats: int = 5) -> float:
    """Floating-point operations per second of a matrix product, the best of a few runs."""
    a = np.ones((size, size), dtype)
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        a @ a
        seconds.append(time.perf_counter() - start)
    return 2 * size**3 / min(seconds)
