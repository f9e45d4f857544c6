"""The virtual environment in `.venv`, and the programs that run in it: JupyterLab, the download.

This module runs on a bare Python: it imports nothing but the standard library.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import venv
import webbrowser
from collections.abc import Callable, Sequence
from pathlib import Path

from coursekit.paths import ROOT
from coursekit.running.start import OLDEST_PYTHON

VENV = ROOT / ".venv"
# What is installed: the first of these files that is there. The learner's edition does not have the first.
LOCKS = ("requirements-dev.lock", "requirements.lock")
# For JupyterLab: no news, Markdown rendered, the start page kept up to date, and figures with their alt texts.
JUPYTER = Path(__file__).with_name("jupyter")
IPYTHON = Path(__file__).with_name("ipython")
START_PAGE = "start.md"


def setup() -> int:
    """Build the environment unless it is up to date, and prepare the data; 0 if all is well."""
    if sys.version_info < OLDEST_PYTHON:
        _print_old_python()
        return 1
    return _install(next(lock for lock in LOCKS if (ROOT / lock).exists())) or _prepare_data()


def lab(options: Sequence[str] = ()) -> int:
    """Set up, write the start page, then open JupyterLab on it."""
    if setup() != 0:
        return 1
    options = [*_lab_options(_write_start_page()), *options]
    print("Opening JupyterLab on the start page; its address is printed below. Press Ctrl-C to stop it.", flush=True)
    try:
        return run_python("-m", "jupyterlab", *options)
    except KeyboardInterrupt:
        return 0


def download(options: Sequence[str] = ()) -> int:
    """Set up, then download CIFAR-10."""
    return setup() or run_python(str(ROOT / "datasets" / "get_datasets.py"), *options)


def run_python(*arguments: str) -> int:
    """Run the environment's Python in the course's folder; its exit status."""
    return subprocess.run([str(_python()), *arguments], cwd=ROOT).returncode


def prepare_here() -> int:
    """Prepare the data by the Python that runs this, where another program has installed what is needed."""
    _set_up_jupyterlab(Path(sys.prefix))
    return _prepare_data(lambda *arguments: subprocess.run([sys.executable, *arguments], cwd=ROOT).returncode)


def is_root() -> bool:
    """Whether this process belongs to the user root, for whom some programs need an option."""
    return hasattr(os, "geteuid") and os.geteuid() == 0  # Windows does not have it


def _print_old_python() -> None:
    oldest = ".".join(map(str, OLDEST_PYTHON))
    print(f"This is Python {sys.version.split()[0]}; the course needs Python {oldest} or newer.")
    print(
        "Install it (from python.org or with your system's packages) and call it by name: python3.12 -m coursekit setup"
    )


def _python() -> Path:
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _install(lock: str) -> int:
    if not _python().exists():
        venv.create(VENV, with_pip=True, clear=VENV.exists())
    if not _is_installed(lock):
        print(f"Installing the packages of {lock} into {VENV.name} (a minute or two) ...", flush=True)
        if run_python("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(ROOT / lock)) != 0:
            print(f"The installation failed; see pip's message above. To start over, delete {VENV}.")
            return 1
        _stamp(lock).write_text(_digest(lock))
    _make_importable()
    _set_up_jupyterlab(VENV)
    return 0


def _stamp(lock: str) -> Path:
    return VENV / f"installed-{lock}"


def _digest(lock: str) -> str:
    return hashlib.sha256((ROOT / lock).read_bytes()).hexdigest()


def _is_installed(lock: str) -> bool:
    return _stamp(lock).exists() and _stamp(lock).read_text() == _digest(lock)


def _set_up_jupyterlab(environment: Path) -> None:
    """Give the JupyterLab of an environment its settings and extensions, and its kernels what they run first."""
    shutil.copytree(JUPYTER, environment / "share" / "jupyter", dirs_exist_ok=True)
    unwanted = shutil.ignore_patterns("__pycache__")
    shutil.copytree(IPYTHON, environment / "etc" / "ipython" / "startup", dirs_exist_ok=True, ignore=unwanted)


def _make_importable() -> None:
    """Let every program of the environment import `cs231n` and `coursekit`, wherever it is started."""
    [packages] = VENV.glob("Lib/site-packages" if os.name == "nt" else "lib/python3*/site-packages")
    (packages / "course.pth").write_text(f"{ROOT}\n")


def _prepare_data(run: Callable[..., int] | None = None) -> int:
    """Draw what the notebooks need and is not there yet; `run` runs a Python, by default the environment's."""
    run = run or run_python
    datasets = ROOT / "datasets"
    has_images = (datasets / "cifar-10-batches-py").exists() or any(datasets.glob("builtin/builtin-*.np[yz]"))
    if not has_images:
        print(
            "Drawing the built-in images (a few seconds); `make data` downloads CIFAR-10 (171 MB) instead.", flush=True
        )
        if run("-c", "from cs231n.data_utils import load_CIFAR10; load_CIFAR10(dtype='uint8')"):
            return 1
    if not any(datasets.glob("builtin/captions-*.npz")):
        print("Drawing scenes with captions (about 20 seconds).", flush=True)
        return run("-c", "from cs231n.coco_utils import load_coco_data; load_coco_data()")
    return 0


def _write_start_page() -> str:
    """Write the start page; what JupyterLab shall open."""
    failed = run_python("-c", "from coursekit.learner import start_page; start_page.write()")
    return "assignments" if failed else START_PAGE


def _lab_options(shown: str) -> list[str]:
    options = ["--ServerApp.root_dir", str(ROOT), "--LabApp.default_url", f"/lab/tree/{shown}"]
    options += ["--log-level", "WARN"]
    if is_root():
        options.append("--allow-root")
    try:
        webbrowser.get()
    except webbrowser.Error:
        print("No browser was found on this machine: open the address below in a browser that can reach it.")
        options.append("--no-browser")
    return options
