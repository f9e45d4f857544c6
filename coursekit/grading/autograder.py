"""The zip that grades an assignment on Gradescope."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from coursekit.core.course import for_grading
from coursekit.files import pack_zip, write_file
from coursekit.grading.intake.text import listed
from coursekit.grading.reports import pages
from coursekit.grading.reports.marks import read_marks
from coursekit.grading.settings import new_seed
from coursekit.learner.submission import notebooks
from coursekit.paths import GRADER, ROOT, files_in
from coursekit.questions import COURSE_FILE, course, use_course

SCRIPTS = ("setup.sh", "run_autograder")


def write_autograder(assignment: str, out: str, grades: str | None = None, course_file: str | None = None) -> int:
    """Write the zip to upload to Gradescope as the autograder of an assignment; 0 if it was written.

    With `grades`, the folder that `grade` wrote, it has the marks for written answers. The course's rules go with it,
    from `course_file`, or else from `course.toml`, but for its dates: Gradescope knows when work is due and came.
    """
    try:
        if course_file:
            use_course(course_file)
        path = write_zip(out, assignment, marks=_marks_in(grades, assignment) if grades else {})
    except (OSError, ValueError) as error:
        print(f"The autograder was not written: {error}")
        return 2
    print(f"Written: {path}. Upload it to Gradescope as the autograder.")
    return 0


def _marks_in(grades: str, assignment: str) -> dict[str, bytes]:
    """The files of marks by name; ValueError if there are none, or none for this assignment."""
    paths = sorted(path for path in Path(grades, "marks").glob("*.*") if path.suffix.lower() in (".json", ".csv"))
    if not paths:
        raise ValueError(f"{Path(grades, 'marks')} has no files of marks: save them there from the pages in written/.")
    marked = {mark.question.partition("-")[0] for mark in read_marks(grades).by_answer.values()}
    if marked and marked.isdisjoint(notebooks(assignment)):
        raise ValueError(f"{Path(grades, 'marks')} has marks for {listed(sorted(marked))}, and none for {assignment}.")
    return {path.name: path.read_bytes() for path in paths}


def write_zip(
    path: str | Path,
    assignment: str,
    root: Path = ROOT,
    seed: int | None = None,
    marks: Mapping[str, bytes] = MappingProxyType({}),
) -> Path:
    """Write the zip; its path. It holds the seed of the fresh inputs; a new one is drawn if none is given.

    `marks` are files of marks for written answers, by name.
    """
    notebooks(assignment)  # raises where there is no such assignment
    about = {"assignment": assignment, "seed": new_seed() if seed is None else seed}
    files = {name: pages.fill(f"gradescope/{name}", **about).encode() for name in SCRIPTS}
    files |= {f"course/{name}": file.read_bytes() for name, file in files_in(GRADER, root).items()}
    files |= {f"marks/{name}": data for name, data in marks.items()}
    if course().path:
        files[f"course/{COURSE_FILE}"] = for_grading(course()).encode()
    return write_file(path, pack_zip(files, executable=SCRIPTS))
