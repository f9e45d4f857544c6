"""The zip that grades an assignment on Gradescope."""

from pathlib import Path

from coursekit.core.course import for_grading
from coursekit.files import pack_zip, write_file
from coursekit.grading.reports import pages
from coursekit.grading.settings import new_seed
from coursekit.learner.submission import notebooks
from coursekit.paths import GRADER, ROOT, files_in
from coursekit.questions import COURSE_FILE, course, use_course

SCRIPTS = ("setup.sh", "run_autograder")


def write_autograder(assignment: str, out: str, course_file: str | None = None) -> int:
    """Write the zip to upload to Gradescope as the autograder of an assignment; 0 if it was written.

    The course's rules go with it, from `course_file`, or else from `course.toml`, but for its dates: Gradescope knows
    when work is due and came.
    """
    try:
        if course_file:
            use_course(course_file)
        path = write_zip(out, assignment)
    except (OSError, ValueError) as error:
        print(f"The autograder was not written: {error}")
        return 2
    print(f"Written: {path}. Upload it to Gradescope as the autograder.")
    return 0


def write_zip(path: str | Path, assignment: str, root: Path = ROOT, seed: int | None = None) -> Path:
    """Write the zip; its path. It holds the seed of the fresh inputs; a new one is drawn if none is given."""
    notebooks(assignment)  # raises where there is no such assignment
    about = {"assignment": assignment, "seed": new_seed() if seed is None else seed}
    files = {name: pages.fill(f"gradescope/{name}", **about).encode() for name in SCRIPTS}
    files |= {f"course/{name}": file.read_bytes() for name, file in files_in(GRADER, root).items()}
    if course().path:
        files[f"course/{COURSE_FILE}"] = for_grading(course()).encode()
    return write_file(path, pack_zip(files, executable=SCRIPTS))
