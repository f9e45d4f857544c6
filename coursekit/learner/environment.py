"""The environment in `.venv`, and what runs in it: JupyterLab, the download.

This module runs on a bare Python: it imports the standard library alone.
"""

import hashlib
import os
import subprocess
import sys
import venv
import webbrowser

from coursekit.paths import ROOT

VENV = ROOT / ".venv"
OLDEST_PYTHON = (3, 11)


def setup(lock="requirements.lock"):
    """Build the environment from a lock file, unless it is there already; 0 if all is well."""
    if sys.version_info < OLDEST_PYTHON:
        print(
            f"This is Python {sys.version.split()[0]}; the course needs {'.'.join(map(str, OLDEST_PYTHON))} or newer.",
            "Install one (python.org, or your system's packages) and call it by name: python3.12 -m coursekit setup",
            sep="\n",
        )
        return 1
    if not _python().exists():
        venv.create(VENV, with_pip=True, clear=VENV.exists())
    if not _is_installed(lock):
        print(f"Installing {lock} into {VENV.name} (a minute or two) ...", flush=True)
        if run("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(ROOT / lock)) != 0:
            print(f"The installation failed; what pip says is above. {VENV} can be deleted to start afresh.")
            return 1
        _stamp(lock).write_text(_digest(lock))
    _make_importable()
    return _prepare_data()


def lab(options=()):
    """Set up, then open JupyterLab on `assignments/`."""
    if setup() != 0:
        return 1
    options = [*_lab_options(), *options]
    print("Opening JupyterLab on assignments/; the address is below. Ctrl-C ends it.", flush=True)
    try:
        return run("-m", "jupyterlab", *options)
    except KeyboardInterrupt:
        return 0


def download(options=()):
    """Set up, then download CIFAR-10."""
    return setup() or run(str(ROOT / "datasets" / "get_datasets.py"), *options)


def _python():
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def run(*arguments):
    """Run the environment's Python on the project; its exit status."""
    return subprocess.run([str(_python()), *arguments], cwd=ROOT).returncode


def _stamp(lock):
    return VENV / f"installed-{lock}"


def _digest(lock):
    return hashlib.sha256((ROOT / lock).read_bytes()).hexdigest()


def _is_installed(lock):
    return _stamp(lock).exists() and _stamp(lock).read_text() == _digest(lock)


def _make_importable():
    """Let every program of the environment import `cs231n` and `coursekit`, wherever it is started."""
    [packages] = VENV.glob("Lib/site-packages" if os.name == "nt" else "lib/python3*/site-packages")
    (packages / "course.pth").write_text(f"{ROOT}\n")


def _prepare_data():
    datasets = ROOT / "datasets"
    if (datasets / "cifar-10-batches-py").exists() or any(datasets.glob("builtin/*.np[yz]")):
        return 0
    print("Drawing the built-in images (some seconds); `make data` downloads CIFAR-10 (163 MB) instead.", flush=True)
    return run("-c", "from cs231n.data_utils import load_CIFAR10; load_CIFAR10(dtype='uint8')")


def _lab_options():
    options = [
        "--ServerApp.root_dir",
        str(ROOT),
        "--LabApp.default_url",
        "/lab/tree/assignments",
        "--log-level",
        "WARN",
    ]
    if os.name != "nt" and os.geteuid() == 0:
        options.append("--allow-root")
    try:
        webbrowser.get()
    except webbrowser.Error:
        print("No browser was found on this machine: open the address below in one that reaches it.")
        options.append("--no-browser")
    return options
