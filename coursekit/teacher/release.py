"""The learner's edition: the solved tree without its answers, proved to be empty, byte for byte the same each time."""

import hashlib
import json
import shutil
import tempfile
from pathlib import Path

from coursekit.core import course as rules
from coursekit.core.question import Verdict
from coursekit.files import pack_zip
from coursekit.judging import model_answers
from coursekit.learner import first_forms
from coursekit.learner.progress import verdicts
from coursekit.paths import LEARNER, ROOT, files_in
from coursekit.questions import COURSE_FILE, all_questions, course, use_course
from coursekit.teacher import adapted
from coursekit.teacher.adding.changes import left_to_write
from coursekit.teacher.elsewhere import Repository, notebook_with_address, readme_with_badges, repository_at
from coursekit.teacher.locked_answers import locked_answers
from coursekit.teacher.solutions import SolutionError, has_marker, stripped

RENAMED = {"docs/learner/README.md": "README.md", "docs/learner/Makefile": "Makefile"}


class ReleaseError(Exception):
    """The learner's edition cannot be built; the message says why."""


def build(
    out: str | Path,
    solutions: str | None = None,
    repository: str | None = None,
    branch: str | None = None,
    course_file: str | None = None,
) -> int:
    """Build the learner's edition in a folder; 0 if it was built.

    With the solutions "after-ok" it holds the model answers, locked: each opens when the learner's own is right. With
    the address of the repository in which it will be published, it has badges, and its notebooks start on Colab. What
    is None is as the course's file says, which is `course_file`, or else `course.toml`.
    """
    out = Path(out).resolve()
    try:
        release = (use_course(course_file) if course_file else course()).release
        address = release.repository if repository is None else repository
        published = repository_at(address, branch or release.branch) if address else None
        _require_free(out)
        _require_written()
        _require_full_marks()
        _build(out, (solutions or release.solutions) == "after-ok", published)
    except (ReleaseError, SolutionError, ValueError, OSError) as error:
        print(f"The learner's edition was not built: {error}")
        return 1
    count = sum(path.is_file() for path in out.rglob("*"))
    print(f"The learner's edition is in {out}: {count} files, no question answered.")
    return 0


def _build(out: Path, with_solutions: bool, repository: Repository | None) -> None:
    """Build the edition next to its folder, and move it there once it is proved to be empty."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        edition = Path(folder) / "edition"
        write_edition(edition, with_solutions=with_solutions, repository=repository)
        _require_no_answers(edition)
        if out.exists():
            out.rmdir()
        edition.rename(out)


def write_edition(
    edition: Path, root: Path = ROOT, with_solutions: bool = False, repository: Repository | None = None
) -> None:
    """Write the stripped tree and its manifest, without proving anything."""
    shipped = {name: path for name, path in files_in((*LEARNER, *RENAMED), root).items() if adapted.is_shipped(name)}
    for name, path in shipped.items():
        target = edition / RENAMED.get(name, name)
        target.parent.mkdir(parents=True, exist_ok=True)
        data = _own_examples(stripped(path, name), name)
        target.write_bytes(_published(data, RENAMED.get(name, name), repository) if repository else data)
        target.chmod(0o755 if data.startswith(b"#!") else 0o644)
    forms = {name: edition / name for name in first_forms.files_with_answers()}
    packed = pack_zip({name: path.read_bytes() for name, path in forms.items() if path.is_file()})
    (edition / first_forms.FILE).write_bytes(packed)
    if course().path:
        (edition / COURSE_FILE).write_text(rules.for_learners(course()), encoding="utf-8")
    if with_solutions:
        (edition / model_answers.FILE).write_text(locked_answers(root), encoding="utf-8")
    files = sorted(path for path in edition.rglob("*") if path.is_file())
    manifest = {path.relative_to(edition).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    (edition / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def _own_examples(data: bytes, name: str) -> bytes:
    """The bytes of a file; those of the README name questions that the course asks."""
    return adapted.readme(data.decode()).encode() if RENAMED.get(name) == "README.md" else data


def _published(data: bytes, name: str, repository: Repository) -> bytes:
    """The bytes of a file of an edition that is published in a repository."""
    if name == "README.md":
        return readme_with_badges(data.decode(), repository).encode()
    if name.endswith(".ipynb"):
        return notebook_with_address(data.decode(), name, repository).encode()
    return data


def _require_free(out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ReleaseError(f"{out} exists and is not empty; choose a new folder")


def _require_written() -> None:
    """Raise if a new question or notebook still lacks what only an author can write."""
    if left := left_to_write(ROOT):
        raise ReleaseError("this is left to write:\n" + "\n".join(f"  {place}" for place in left))


def _require_full_marks() -> None:
    lacking = [v.question.id for v in verdicts(list(all_questions().values())) if not v.ok]
    if lacking:
        raise ReleaseError(f"these questions are not ok in the solved tree: {', '.join(lacking)}")


def _require_no_answers(edition: Path) -> None:
    """Raise unless no marker is left and no question is answered."""
    for path in edition.rglob("*"):
        name = path.relative_to(edition)
        is_stripped = path.suffix in (".py", ".ipynb") and name.parts[0] != "coursekit"
        if is_stripped and has_marker(path.read_text(encoding="utf-8")):
            raise ReleaseError(f"{name} still has a solution marker")
    found = verdicts(list(all_questions().values()), edition)
    if answered := [_brief(verdict) for verdict in found if verdict.status != "not attempted"]:
        raise ReleaseError(f"these questions are answered in the stripped tree: {', '.join(answered)}")
    for cache in edition.rglob("__pycache__"):  # the checks have just imported the modules
        shutil.rmtree(cache)


def _brief(verdict: Verdict) -> str:
    return f"{verdict.question.id} ({verdict.status})"
