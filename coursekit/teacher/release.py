"""The learner's edition: the solved tree with every answer taken out, proved empty, the same to the byte each time."""

import hashlib
import json
import shutil
import tempfile
from pathlib import Path

from coursekit.learner.progress import verdicts
from coursekit.paths import LEARNER, ROOT, files_in
from coursekit.questions import all_questions
from coursekit.teacher.solutions import SolutionError, has_marker, stripped

RENAMED = {"docs/learner/README.md": "README.md", "docs/learner/Makefile": "Makefile"}


class ReleaseError(Exception):
    """The learner's edition cannot be built; the message says why."""


def build(out):
    """Build the learner's edition in a folder; 0 if it was built."""
    out = Path(out).resolve()
    try:
        _require_free(out)
        _require_full_marks()
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent) as folder:
            edition = Path(folder) / "edition"
            write_edition(edition)
            _require_empty(edition)
            if out.exists():
                out.rmdir()
            edition.rename(out)
    except (ReleaseError, SolutionError) as error:
        print(f"The learner's edition was not built: {error}")
        return 1
    count = sum(path.is_file() for path in out.rglob("*"))
    print(f"The learner's edition is in {out}: {count} files, every question open.")
    return 0


def write_edition(edition, root=ROOT):
    """Write the stripped tree and its manifest, without proving anything."""
    for name, path in files_in((*LEARNER, *RENAMED), root).items():
        target = edition / RENAMED.get(name, name)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(stripped(path, name))
        target.chmod(0o755 if path.suffix == ".sh" else 0o644)
    files = sorted(path for path in edition.rglob("*") if path.is_file())
    manifest = {path.relative_to(edition).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    (edition / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def _require_free(out):
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ReleaseError(f"{out} exists and is not empty; name a new folder")


def _require_full_marks():
    lacking = [v.question.id for v in verdicts(list(all_questions().values())) if not v.ok]
    if lacking:
        raise ReleaseError(f"in the solved tree these questions are not ok: {', '.join(lacking)}")


def _require_empty(edition):
    """Raise unless no marker is left and every question is open."""
    for path in edition.rglob("*"):
        name = path.relative_to(edition)
        if (
            path.suffix in (".py", ".ipynb")
            and name.parts[0] != "coursekit"
            and has_marker(path.read_text(encoding="utf-8"))
        ):
            raise ReleaseError(f"a solution marker is left in {name}")
    answered = [v for v in verdicts(list(all_questions().values()), edition) if v.status != "not attempted"]
    if answered:
        raise ReleaseError(
            "in the stripped tree these questions are not open: "
            + ", ".join(f"{v.question.id} ({v.status})" for v in answered)
        )
    for cache in edition.rglob("__pycache__"):
        shutil.rmtree(cache)
