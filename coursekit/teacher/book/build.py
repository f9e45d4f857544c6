"""`python -m coursekit book`: build the site with Sphinx, from pages without answers."""

import os
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from coursekit.paths import PACKAGE, ROOT, files_in
from coursekit.teacher.book.font import write_font
from coursekit.teacher.book.pages import write_pages
from coursekit.teacher.solutions import SolutionError, stripped

NEEDED = ("docutils", "fontTools", "math_core", "myst_nb", "sphinx", "sphinx_book_theme", "ziamath")
_NOT_INSTALLED = "The book was not built: it needs packages that are not installed here ({missing}); " + (
    "`python -m pip install -r requirements-book.lock` installs them."
)


class BookError(Exception):
    """The book cannot be built; the message says why."""


def build(out: str | Path, repository: str = "") -> int:
    """Build the book in a folder; 0 if it was built."""
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        print(_NOT_INSTALLED.format(missing=", ".join(missing)))
        return 1
    out = Path(out).resolve()
    try:
        _require_free(out)
        _build(out, repository)
    except (BookError, SolutionError, OSError) as error:
        print(f"The book was not built: {error}")
        return 1
    print(f"The book is in {out}: {sum(1 for _ in out.rglob('*.html'))} pages; open index.html.")
    return 0


def _require_free(out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BookError(f"{out} exists and is not empty; choose a new folder")


def _build(out: Path, repository: str) -> None:
    """Build the site next to its folder, and move it there once it is complete."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        work = Path(folder)
        write_sources(work, repository)
        _run_sphinx(work, repository)
        if out.exists():
            out.rmdir()
        (work / "site").rename(out)


def write_sources(work: Path, repository: str = "") -> None:
    """Write what Sphinx reads: `pages`, and in `edition` the package of the reference, without answers."""
    (work / "pages").mkdir()
    write_pages(work / "pages", repository)
    write_font(work / "pages" / "static" / "math.woff")
    for name, path in files_in(PACKAGE).items():
        target = work / "edition" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(stripped(path, name))


def _run_sphinx(work: Path, repository: str) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(work / "edition"), str(ROOT)]),
        "PYTHONHASHSEED": "0",
        "BOOK_REPOSITORY": repository,
    }
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-b",
        "html",
        "-W",
        "--keep-going",
        "-q",
        "-d",
        "doctrees",
        "pages",
        "site",
    ]
    done = subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise BookError(f"Sphinx found errors:\n{(done.stdout + done.stderr).replace(str(work), '').strip()}")
    for name in (".buildinfo", "objects.inv"):
        (work / "site" / name).unlink(missing_ok=True)
    shutil.rmtree(work / "site" / "_sources", ignore_errors=True)
