"""What is wrong or slow about this machine, and how to mend it: `python -m coursekit doctor`.

Each line is one thing that was looked at: *ok*, *slow* (it works, and could be faster) or *missing* (something will not
work), with what to do about it.
"""

import os
import platform
import sys
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import numpy as np

OLDEST_PYTHON = (3, 11)
NEEDED = ("numpy", "matplotlib", "jupyterlab", "ipykernel", "nbval", "imageio", "threadpoolctl", "tqdm")
# The kernels of OpenBLAS for processors with AVX-512; others of its names mean older instructions.
AVX512_KERNELS = {"SkylakeX", "Cooperlake", "Sapphirerapids", "Zen4", "Zen5"}
SLOWEST_GOOD = 5e9  # operations in a second and thread: a BLAS that is not built for speed stays below


@dataclass(frozen=True)
class Line:
    """One thing that was looked at: its state, what was found, and what to do."""

    state: str
    what: str
    found: str
    advice: str = ""

    def __str__(self):
        text = f"{self.state:<8} {self.what}: {self.found}"
        return f"{text}\n         {self.advice}" if self.advice else text


def examine(printing=print):
    """Look at everything and print it; 0 if nothing is missing."""
    lines = []
    for look in (_python, _packages, _kernel, _data, _memory, _blas_kernel, _threads, _idle_threads, _rates):
        for line in look():
            printing(line)
            lines.append(line)
    count = {state: sum(line.state == state for line in lines) for state in ("missing", "slow")}
    printing(f"\n{count['missing']} missing, {count['slow']} slow, {len(lines) - sum(count.values())} ok")
    return 1 if count["missing"] else 0


def _python():
    found = platform.python_version()
    if sys.version_info < OLDEST_PYTHON:
        wanted = ".".join(map(str, OLDEST_PYTHON))
        yield Line("missing", "Python", found, f"The course needs Python {wanted} or newer: https://www.python.org")
    elif os.environ.get("PYTHONDEVMODE") or hasattr(sys, "gettotalrefcount"):
        yield Line(
            "slow", "Python", f"{found}, with checks for developers", "Use a plain build, without PYTHONDEVMODE."
        )
    else:
        yield Line("ok", "Python", found)


def _packages():
    found = {name: _version(name) for name in NEEDED}
    absent = [name for name, number in found.items() if number is None]
    if absent:
        advice = "`python -m coursekit setup` installs it into .venv; start the course with `make lab`."
        yield Line("missing", "packages", f"no {', '.join(absent)}", advice)
    else:
        yield Line("ok", "packages", ", ".join(f"{name} {number}" for name, number in found.items()))


def _version(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _kernel():
    """Whether notebooks run in this Python, and not in another one that lacks the packages."""
    if not find_spec("jupyter_client"):
        return
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    try:
        program = KernelSpecManager().get_kernel_spec("python3").argv[0]
    except NoSuchKernel:
        yield Line("missing", "kernel", "Jupyter knows no kernel python3", "`python -m coursekit setup` installs it.")
        return
    if Path(program).name == program or os.path.samefile(program, sys.executable):
        yield Line("ok", "kernel", "notebooks run in this Python")
    else:
        advice = f"Another kernel of that name hides ours: `{sys.executable} -m ipykernel install --sys-prefix`."
        yield Line("missing", "kernel", f"notebooks run in {program}", advice)


def _data():
    from cs231n.data_utils import dataset_name

    name = dataset_name()
    advice = "" if name == "CIFAR-10" else "`make data` downloads CIFAR-10; the notebooks work with either."
    yield Line("ok", "data", name, advice)


def _memory(needed=2.0):
    try:
        gigabytes = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    except (AttributeError, ValueError, OSError):  # not known on this system
        return
    if gigabytes < needed:
        advice = "Close other notebooks (Kernel, Shut Down All): each keeps its data."
        yield Line("slow", "free memory", f"{gigabytes:.1f} GB; the notebooks take up to {needed:g} GB", advice)
    else:
        yield Line("ok", "free memory", f"{gigabytes:.1f} GB")


def _libraries():
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return []
    return [library for library in threadpool_info() if library["user_api"] == "blas"]


def _num_threads():
    return max((library["num_threads"] for library in _libraries()), default=1)


def _blas_kernel():
    """Whether OpenBLAS took the instructions that the processor has."""
    for library in _libraries():
        kernel = library.get("architecture")
        found = f"{library['internal_api']} {library['version']}, kernel {kernel}"
        if library["internal_api"] == "openblas" and _has_avx512() and kernel not in AVX512_KERNELS:
            advice = "The processor has AVX-512, which this kernel does not use: set OPENBLAS_CORETYPE=SkylakeX."
            yield Line("slow", "BLAS", found, advice)
        else:
            yield Line("ok", "BLAS", found)


def _has_avx512():
    try:
        from numpy._core._multiarray_umath import __cpu_features__ as features
    except ImportError:
        from numpy.core._multiarray_umath import __cpu_features__ as features
    return bool(features.get("AVX512_SKX") or features.get("X86_V4"))


def _threads():
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    for library in _libraries():
        threads = library["num_threads"]
        found = f"{threads} for {cores} cores"
        if threads > cores:
            yield Line("slow", "threads", found, f"They wait for each other: set OPENBLAS_NUM_THREADS={cores}.")
        elif threads < cores:
            advice = f"Unless something else needs the cores: set OPENBLAS_NUM_THREADS={cores}, or unset it."
            yield Line("slow", "threads", found, advice)
        else:
            yield Line("ok", "threads", found)


def _idle_threads():
    """Whether BLAS's threads go to sleep after a product, or stay awake for the next one and slow all others down."""
    if _num_threads() == 1:
        return
    setting = "OPENBLAS_THREAD_TIMEOUT=20"
    if _busy_share() > 0.2:
        advice = f"Each takes a core from what follows, up to a fifth of a training step: set {setting}."
        yield Line("slow", "idle threads", "awake after a matrix product", advice)
    else:
        advice = f"If you start Jupyter yourself, without `make lab`: set {setting} before."
        yield Line("ok", "idle threads", "asleep after a matrix product", advice)


def _busy_share(seconds=0.05):
    """The share of the time after a matrix product, while this thread sleeps, for which others keep a core busy."""
    a = np.ones((1000, 1000), np.float32)
    a @ a
    start = time.process_time()
    time.sleep(seconds)
    return (time.process_time() - start) / seconds


def _rates():
    rates = {dtype: _rate(dtype) for dtype in ("float32", "float64")}
    found = ", ".join(f"{rate / 1e9:.0f} billion operations a second in {dtype}" for dtype, rate in rates.items())
    if rates["float32"] < SLOWEST_GOOD * _num_threads():
        advice = (
            "A BLAS without fast kernels, or a busy machine: `pip install --force-reinstall numpy` brings OpenBLAS."
        )
        yield Line("slow", "matrix product", found, advice)
    else:
        yield Line("ok", "matrix product", found)
    gain = rates["float32"] / rates["float64"]
    if gain > 1.3:
        advice = "Train in float32 (get_CIFAR10_data(dtype=np.float32)); float64 is for gradient checks."
        yield Line("ok", "float32", f"{gain:.1f} times as fast as float64", advice)


def _rate(dtype, size=1000, repeats=5):
    """Floating point operations in a second of a matrix product, the best of some."""
    a = np.ones((size, size), dtype)
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        a @ a
        seconds.append(time.perf_counter() - start)
    return 2 * size**3 / min(seconds)
