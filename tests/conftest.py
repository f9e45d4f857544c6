"""Settings for all tests: numeric trouble is an error, and each test starts from the same random state."""

import shutil
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController

from cs231n import _threads


@pytest.fixture(autouse=True)
def strict_numbers():
    """Raise on division by zero, overflow and invalid values; seed NumPy's global generator."""
    state = np.random.get_state()
    np.random.seed(0)
    with np.errstate(divide="raise", over="raise", invalid="raise"):
        yield
    np.random.set_state(state)


@pytest.fixture(autouse=True, scope="session")
def heed_interrupts():
    """Let processes that tests start heed Ctrl-C even where the tests run as `nohup ... &`, which ignores it."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def two_threads(monkeypatch):
    """Two threads for the fast layers, however many BLAS has here."""
    with ThreadPoolExecutor(1) as pool:  # and the one that calls
        blas = ThreadpoolController().select(user_api="blas")
        monkeypatch.setattr(_threads, "_workers", lambda: _threads.Workers(blas, 2, pool))
        yield


@pytest.fixture(scope="module")
def browser():
    api = pytest.importorskip("playwright.sync_api", reason="the extra `browser` is not installed")
    with api.sync_playwright() as playwright:
        installed = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
        if not (installed or Path(playwright.chromium.executable_path).exists()):
            pytest.skip("there is no Chromium here")
        found = playwright.chromium.launch(executable_path=installed, args=["--no-sandbox"])
        yield found
        found.close()
