"""The edition that runs in a browser alone, a folder of static files: `python -m coursekit lite --out DIR`.

JupyterLite builds it (`pip install "cs231n-course-suite[lite]"`). Its Python is Pyodide, which the reader's browser
downloads.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from coursekit.paths import ROOT
from coursekit.running.start import NEEDED
from coursekit.teacher.release import write_edition

TOOLS = ("jupyterlite_core", "jupyterlite_pyodide_kernel")
PAGE = ROOT / "docs" / "learner" / "browser.md"  # the README of this edition
KERNEL = {"display_name": "Python (Pyodide)", "language": "python", "name": "python"}
_PYODIDE = "@jupyterlite/pyodide-kernel-extension:kernel"
# What a browser cannot use: set-up, make, other places to start.
_LEFT_OUT = (".binder", ".devcontainer", "Makefile", "collect_submission.sh", "requirements.txt", "requirements.lock")
SETTINGS = {
    "jupyter-lite-schema-version": 0,
    "jupyter-config-data": {
        "appName": "Neural networks for vision, from scratch",
        "litePluginSettings": {_PYODIDE: {"loadPyodideOptions": {"packages": list(NEEDED)}}},
    },
}


def build(out: str | Path) -> int:
    """Build the edition in a new folder; 0 if it was built."""
    out = Path(out).resolve()
    if absent := [name for name in TOOLS if find_spec(name) is None]:
        packages = " ".join(name.replace("_", "-") for name in absent)
        print(f"JupyterLite builds this edition, and is not installed: {sys.executable} -m pip install {packages}")
        return 1
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        print(f"{out} exists and is not empty; choose a new folder")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        status = _build(Path(folder), out)
    if status == 0:
        print(f"The edition for browsers is in {out}. To look at it: {sys.executable} -m http.server -d {out}")
    return status


def _build(folder: Path, out: Path) -> int:
    files, settings = folder / "files", folder / "settings"
    write_files(files)
    settings.mkdir()
    (settings / "jupyter-lite.json").write_text(json.dumps(SETTINGS, indent=1), encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "jupyterlite_core",
        "build",
        "--no-sourcemaps",
        "--apps",
        "lab",
        "--apps",
        "notebooks",
    ]
    folders = ["--lite-dir", str(settings), "--contents", str(files), "--output-dir", str(out)]
    done = subprocess.run(
        [*command, *folders], cwd=settings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode:
        print("JupyterLite could not build it; the end of what it said:", *done.stdout.splitlines()[-15:], sep="\n")
    return done.returncode


def write_files(folder: Path) -> None:
    """Write the learner's edition as a browser needs it: without what it cannot use, with a page on what differs."""
    write_edition(folder)
    for path in (folder / name for name in _LEFT_OUT):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    (folder / "README.md").write_bytes(PAGE.read_bytes())
    for path in folder.glob("assignments/*/*.ipynb"):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        notebook["metadata"]["kernelspec"] = KERNEL
        path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
