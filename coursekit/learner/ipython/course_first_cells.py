"""Run by IPython when a kernel of the course's environment starts; it says what to do after a NameError in a notebook
whose first cells have not been run. IPython runs it in the learner's own names, so it leaves none of its own behind.
"""


def _course_first_cells():  # type: ignore[no-untyped-def]
    import sys
    from pathlib import Path

    from IPython import get_ipython

    hint = "The first cells of this notebook have not been run yet: choose Run > Run All Above Selected Cell."

    def is_before_first_cell() -> bool:
        here = Path.cwd()
        has_course = any(Path(folder, "coursekit", "paths.py").is_file() for folder in (here, *here.parents))
        return has_course and "coursekit" not in sys.modules

    def show(shell, kind, error, traceback, tb_offset=None):  # type: ignore[no-untyped-def]
        shell.showtraceback((kind, error, traceback), tb_offset=tb_offset)
        if is_before_first_cell():
            print(hint)

    if shell := get_ipython():
        shell.set_custom_exc((NameError,), show)


_course_first_cells()
del _course_first_cells
