"""The doctor: each trouble it knows is found, named, and comes with the way out."""

import os
import threading

import pytest

from coursekit import __main__
from coursekit.learner import doctor


@pytest.fixture
def library(monkeypatch):
    """A BLAS that the doctor finds in place of the real one."""
    found = {"internal_api": "openblas", "version": "0.3", "architecture": "Haswell", "num_threads": 2}
    monkeypatch.setattr(doctor, "_libraries", lambda: [found])
    monkeypatch.setattr(doctor.os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    return found


def test_this_environment_lacks_nothing():
    lines = []
    assert doctor.examine(lines.append) == 0
    assert {line.state for line in lines if isinstance(line, doctor.Line)} <= {"ok", "slow"}
    assert lines[-1].startswith("\n0 missing")


def test_an_old_kernel_on_a_new_processor(library, monkeypatch):
    monkeypatch.setattr(doctor, "_has_avx512", lambda: True)
    [line] = doctor._blas_kernel()
    assert line.state == "slow" and "OPENBLAS_CORETYPE=SkylakeX" in line.advice
    for kernel in ("SkylakeX", "Cooperlake", "SapphireRapids"):  # as OpenBLAS spells them
        library["architecture"] = kernel
        assert [line.state for line in doctor._blas_kernel()] == ["ok"]
    library["architecture"] = "Haswell"
    monkeypatch.setattr(doctor, "_has_avx512", lambda: False)
    assert [line.state for line in doctor._blas_kernel()] == ["ok"]


@pytest.mark.parametrize("threads, state, advice", [(1, "slow", "unset"), (2, "ok", ""), (8, "slow", "THREADS=2")])
def test_threads(library, threads, state, advice):
    library["num_threads"] = threads
    [line] = doctor._threads()
    assert line.state == state and advice in line.advice


@pytest.mark.parametrize("share, state", [(0.02, "ok"), (1.0, "slow")])
def test_threads_that_stay_awake(library, monkeypatch, share, state):
    monkeypatch.setattr(doctor, "_busy_share", lambda: share)
    [line] = doctor._idle_threads()
    assert line.state == state and "OPENBLAS_THREAD_TIMEOUT=20" in line.advice
    library["num_threads"] = 1
    assert not list(doctor._idle_threads())


def test_commands_let_threads_sleep_unless_somebody_has_decided(monkeypatch):
    monkeypatch.setattr(doctor, "examine", lambda: 0)
    monkeypatch.setenv("OPENBLAS_THREAD_TIMEOUT", "4")
    assert __main__.main(["doctor"]) == 0 and os.environ["OPENBLAS_THREAD_TIMEOUT"] == "4"
    monkeypatch.delenv("OPENBLAS_THREAD_TIMEOUT")
    assert __main__.main(["doctor"]) == 0 and os.environ["OPENBLAS_THREAD_TIMEOUT"] == "20"


def test_a_thread_that_is_busy_is_noticed():
    stop = threading.Event()
    busy = threading.Thread(target=lambda: [None for _ in iter(stop.is_set, True)])
    busy.start()
    try:
        assert doctor._busy_share() > 0.1  # other tests run beside this one
    finally:
        stop.set()
        busy.join()


def test_a_blas_without_fast_kernels(library, monkeypatch):
    monkeypatch.setattr(doctor, "_rate", lambda dtype: 1e9)
    [line] = doctor._rates()
    assert line.state == "slow" and "reinstall numpy" in line.advice


def test_float64_where_float32_would_do(library, monkeypatch):
    monkeypatch.setattr(doctor, "_rate", lambda dtype: {"float32": 2e11, "float64": 1e11}[dtype])
    assert [line.found for line in doctor._rates()][1] == "2.0 times as fast as float64"


def test_a_missing_package_makes_the_status_1(monkeypatch):
    monkeypatch.setattr(doctor, "NEEDED", ("numpy", "a-package-that-is-not-there"))
    lines = []
    assert doctor.examine(lines.append) == 1
    [line] = [line for line in lines[:-1] if line.state == "missing"]
    assert "a-package-that-is-not-there" in line.found and "coursekit setup" in str(line)


def test_notebooks_in_another_python(monkeypatch):
    from jupyter_client.kernelspec import KernelSpecManager

    monkeypatch.setattr(KernelSpecManager, "get_kernel_spec", lambda *_: type("Spec", (), {"argv": ["/bin/sh"]}))
    [line] = doctor._kernel()
    assert line.state == "missing" and "ipykernel install" in line.advice
