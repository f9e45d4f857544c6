"""The command line: `python -m coursekit COMMAND`, or `coursekit COMMAND` where the package is installed."""

import argparse
import importlib.util
import io
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import NamedTuple

from coursekit.learner.arguments import Arguments, nearest
from coursekit.paths import ROOT, is_course

NO_COURSE = """`coursekit {command}` works on the files of a course, and {root} has none: coursekit was installed alone.
Change to the course's folder and run `python -m coursekit {command}` there. Learners get that folder from their teacher
(the learner's edition); the complete course is a clone of its Git repository."""

TEACHERS = """`{command}` is a command for teachers, and this is the learner's edition: grading, releasing and testing
are in the complete course, from which this edition was built. `python -m coursekit help` lists what there is here."""

PROGRAM = "python -m coursekit"


def _no_arguments(parser: argparse.ArgumentParser) -> None:
    pass


def _jupyter(parser: argparse.ArgumentParser) -> None:
    about = "passed on to JupyterLab, such as --port 9000 or --no-browser; `.venv/bin/jupyter lab --help` lists all"
    parser.add_argument("options", nargs="*", metavar="OPTION", help=about)


def _pytest(parser: argparse.ArgumentParser) -> None:
    about = "passed on to pytest, such as tests/test_zoo.py, or -k softmax; `.venv/bin/pytest --help` lists all"
    parser.add_argument("options", nargs="*", metavar="OPTION", help=f"{about}; without any, check everything")


def _downloader(parser: argparse.ArgumentParser) -> None:
    """The options of the program that downloads: it must run without the package, so it is loaded from its file."""
    spec = importlib.util.spec_from_file_location("get_datasets", ROOT / "datasets" / "get_datasets.py")
    if spec is None or spec.loader is None or not (ROOT / "datasets" / "get_datasets.py").is_file():
        return
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.add_arguments(parser)


def _ids(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("questions", nargs="*", metavar="QUESTION", help="such as affine_forward; all by default")


def _notebooks(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("notebooks", nargs="*", metavar="NOTEBOOK", help="such as knn; all by default")


def _parts_of_course(parser: argparse.ArgumentParser) -> None:
    about = "such as knn or assignment1: list its questions; without a name, show sums of all"
    parser.add_argument("names", nargs="*", metavar="NOTEBOOK", help=about)


def _what_to_reset(parser: argparse.ArgumentParser) -> None:
    names = "a question such as affine_forward, a notebook such as knn, a file such as cs231n/optim.py, or a written "
    parser.add_argument("names", nargs="+", metavar="NAME", help=names + "answer such as knn/distance_matrix")
    parser.add_argument("--restore", action="store_true", help="put back what the last reset kept")
    parser.add_argument("--yes", action="store_true", help="do not ask before a whole file is reset")


def _new_folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", required=True, metavar="DIR", help="folder to create; it may exist if it is empty")


def _edition(parser: argparse.ArgumentParser) -> None:
    _new_folder(parser)
    parser.add_argument(
        "--solutions",
        choices=("none", "after-ok"),
        help="ship the model answers, locked: each opens when the learner's own is right (default: none)",
    )
    parser.add_argument(
        "--repository",
        metavar="URL",
        help="where you will publish it, as https://github.com/OWNER/NAME: adds badges, and makes it start on Colab",
    )
    parser.add_argument("--branch", help="the branch in which you will publish it (default: main)")
    parser.add_argument("--course", metavar="FILE", help="the course's rules (default: course.toml in this folder)")


def _book(parser: argparse.ArgumentParser) -> None:
    _new_folder(parser)
    parser.add_argument(
        "--repository", default="", metavar="URL", help="the course's repository, for links to files without a page"
    )


def _submission(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("assignment", metavar="ASSIGNMENT", help="such as assignment1")
    parser.add_argument("--out", metavar="FILE", help="zip to write (default: ASSIGNMENT.zip in the course's folder)")


def _autograder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("assignment", metavar="ASSIGNMENT", help="such as assignment1")
    parser.add_argument("--out", required=True, metavar="FILE", help="zip to write")
    parser.add_argument("--marks", metavar="DIR", help="folder that `grade` wrote: adds its marks for written answers")
    parser.add_argument("--course", metavar="FILE", help="the course's rules (default: course.toml in this folder)")


class Command(NamedTuple):
    """A command: what runs it, what it does, the arguments it takes, and what it can do without."""

    function: str  # "module:function", within coursekit
    about: str
    add_arguments: Callable[[argparse.ArgumentParser], None] = _no_arguments
    passed_on: bool = False  # its function gets its options as they are: it has a parser, or another program has
    own_help: bool = False  # and explains them itself
    checked: bool = False  # its options are looked at before they are passed on
    without_numpy: bool = False
    without_course: bool = False


_COMMANDS = {
    "lab": Command(
        "learner.environment:lab",
        "install what is needed, prepare the data, and open JupyterLab",
        _jupyter,
        passed_on=True,
        without_numpy=True,
    ),
    "setup": Command(
        "learner.environment:setup", "install what is needed into .venv and prepare the data", without_numpy=True
    ),
    "data": Command(
        "learner.environment:download",
        "download CIFAR-10 into datasets/",
        _downloader,
        passed_on=True,
        checked=True,
        without_numpy=True,
    ),
    "check": Command("learner.progress:check_all", "check questions in the files as saved", _ids, without_course=True),
    "progress": Command("learner.progress:show", "show points, what is done and what is open", _parts_of_course),
    "reset": Command(
        "learner.reset:reset", "put an answer or a file back to its first form, and keep yours", _what_to_reset
    ),
    "doctor": Command(
        "learner.doctor:examine",
        "find what is wrong or slow on this machine, and say how to fix it",
        without_course=True,
    ),
    "train": Command(
        "learner.train:train", "train a net: for images, scenes or captions", passed_on=True, own_help=True
    ),
    "submit": Command("learner.submit:submit", "pack an assignment into a zip and check the packed files", _submission),
    "test": Command(
        "teacher.testing:test",
        "check everything; with options, only run pytest",
        _pytest,
        passed_on=True,
        without_numpy=True,
    ),
    "new-question": Command(
        "teacher.new_question:new_question",
        "add a question: declaration, function, cells, zoo; and say what is left to write",
        passed_on=True,
        own_help=True,
    ),
    "new-notebook": Command(
        "teacher.new_notebook:new_notebook",
        "add a notebook to an assignment, in the form that all have",
        passed_on=True,
        own_help=True,
    ),
    "store": Command("teacher.write_answers:write", "compute the stored reference answers again", _notebooks),
    "results": Command("teacher.results:write", "run the notebooks and write the accuracies they reach to docs/"),
    "release": Command("teacher.release:build", "build the learner's edition in a new folder", _edition),
    "lite": Command(
        "teacher.lite:build", "build an edition that runs in a browser alone, with JupyterLite", _new_folder
    ),
    "book": Command("teacher.book.build:build", "build the course as a site, without the answers", _book),
    "grade": Command("grading.commands:grade", "grade all submissions in a folder", passed_on=True, own_help=True),
    "regrade": Command(
        "grading.commands:regrade", "grade again from the records, all or one question", passed_on=True, own_help=True
    ),
    "similarity": Command(
        "grading.similarity.command:similarity",
        "show which submissions of a class have unusual passages in common",
        passed_on=True,
        own_help=True,
    ),
    "autograder": Command(
        "grading.autograder:write_autograder", "write the zip that grades on Gradescope", _autograder
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0 if all is well."""
    argv = sys.argv[1:] if argv is None else argv
    _print_anything()
    # After each product OpenBLAS's threads keep their cores busy for 2 ** 26 ticks, a tenth of a second, and slow down
    # whatever else runs. It reads this when NumPy is loaded; the notebooks' kernels inherit it.
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "20")
    name, *options = argv or [""]
    if name in ("", "-h", "--help", "help"):
        return _help(name, options)
    if name not in _COMMANDS:
        print(f"There is no command {name!r}.{nearest(name, _here())} `{PROGRAM} help` lists all.")
        return 2
    command = _COMMANDS[name]
    if not _is_here(_module_of(command)):
        print(TEACHERS.format(command=name))
        return 2
    arguments = _arguments(name, options)
    if not command.without_course and not is_course(ROOT):
        print(NO_COURSE.format(command=name, root=ROOT))
        return 2
    if not command.without_numpy and find_spec("numpy") is None:
        return _run_in_environment(argv)
    function = command.function.split(":")[1]
    run = partial(getattr(import_module(_module_of(command)), function), *arguments)
    return _run_by_the_rules(run)


def _run_by_the_rules(run: Callable[[], int]) -> int:
    """Run a command; if the course's own rules cannot be used, say why."""
    try:
        return run()
    except ValueError as error:
        if type(error).__name__ != "CourseError":  # its module needs NumPy, which may not be installed yet
            raise
        print(error)
        return 2


def _help(asked: str, names: Sequence[str]) -> int:
    """List the commands, or explain those that are named; 2 if nobody asked for it, since nothing was done."""
    if names and asked == "help":
        return max(main([name, "--help"]) for name in names)
    print(f"usage: {PROGRAM} COMMAND ...\n")
    for title, is_of_group in (("The course", True), ("For teachers and authors", False)):
        rows = [f"  {name:13} {_COMMANDS[name].about}" for name in _here() if _is_learners(name) is is_of_group]
        if rows:
            print("\n".join([f"{title}:", *rows, ""]))
    print(f"`{PROGRAM} COMMAND --help` explains the options of a command.")
    return 0 if asked else 2


def _print_anything() -> None:
    """Escape what a terminal or a file cannot show, such as a name in Chinese on Windows, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _run_in_environment(argv: Sequence[str]) -> int:
    """Run the command in `.venv`, for a Python that lacks NumPy."""
    from coursekit.learner import environment

    return environment.setup() or environment.run_python("-m", "coursekit", *argv)


def _arguments(name: str, options: Sequence[str]) -> list:
    """The arguments of a command's function; what is passed on is looked at here only for help, or to be checked."""
    command = _COMMANDS[name]
    if command.own_help or command.passed_on and not command.checked and list(options[:1]) not in (["-h"], ["--help"]):
        return [list(options)]
    parsed = _parser(name).parse_args(options)
    return [list(options)] if command.passed_on else list(vars(parsed).values())


def _parser(name: str) -> Arguments:
    about = _COMMANDS[name].about
    parser = Arguments(prog=f"{PROGRAM} {name}", description=f"{about[0].upper()}{about[1:]}.")
    _COMMANDS[name].add_arguments(parser)
    return parser


def _here() -> list[str]:
    """The commands that this edition has: the learner's does not have all."""
    return [name for name, command in _COMMANDS.items() if _is_here(_module_of(command))]


def _is_learners(name: str) -> bool:
    return _COMMANDS[name].function.startswith("learner.")


def _module_of(command: Command) -> str:
    return f"coursekit.{command.function.split(':')[0]}"


def _is_here(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # not even its package
        return False


if __name__ == "__main__":
    sys.exit(main())
