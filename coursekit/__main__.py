"""The command line: `python -m coursekit COMMAND`."""

import argparse
import os
import sys
from importlib import import_module
from importlib.util import find_spec

_COMMANDS = {
    # name: (module:function, what it does, the argument it takes)
    "lab": (
        "coursekit.learner.environment:lab",
        "set up, prepare the data, and open JupyterLab on assignments/",
        "options",
    ),
    "setup": (
        "coursekit.learner.environment:setup",
        "build the environment in .venv and prepare the data, no more",
        None,
    ),
    "data": ("coursekit.learner.environment:download", "download CIFAR-10 into datasets/", "options"),
    "test": ("coursekit.teacher.testing:test", "check everything; with options: run pytest with them", "options"),
    "check": (
        "coursekit.learner.progress:check_all",
        "check questions (all without one) on the files as saved",
        "questions",
    ),
    "progress": ("coursekit.learner.progress:show", "show all questions with verdicts, points and minutes", None),
    "doctor": (
        "coursekit.learner.doctor:examine",
        "say what is wrong or slow about this machine, and how to mend it",
        None,
    ),
    "train": ("coursekit.learner.train:train", "train the deep convolutional net on the data that is there", "options"),
    "submit": (
        "coursekit.learner.submit:submit",
        "pack an assignment for handing in, and check the packed files",
        "assignment",
    ),
    "results": ("coursekit.teacher.results:write", "train the course's models on the data that is there", None),
    "store": (
        "coursekit.teacher.write_answers:write",
        "compute the stored answers anew, of some notebooks or of all",
        "notebooks",
    ),
    "grade": ("coursekit.grading.commands:grade", "grade all submissions of a folder", "options"),
    "regrade": ("coursekit.grading.commands:regrade", "grade again from the records, all or one question", "options"),
    "autograder": ("coursekit.grading.autograder:write_autograder", "write the zip that grades on Gradescope", "zip"),
    "release": ("coursekit.teacher.release:build", "build the learner's edition in a new folder", "--out"),
}
_WITHOUT_NUMPY = ("coursekit.learner.environment", "coursekit.teacher.testing")


def main(argv=None):
    """Run one command; the exit status is not 0 when something is not as it should be."""
    argv = sys.argv[1:] if argv is None else argv
    # After each product OpenBLAS's threads keep their cores busy for 2 ** 26 ticks, a tenth of a second, and slow down
    # whatever else runs. It reads this when NumPy is loaded; the notebooks' kernels inherit it.
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "20")
    parser = _parser()
    arguments, unknown = parser.parse_known_args(argv)  # argparse does not let options begin what is passed on
    arguments = vars(arguments)
    if "options" in arguments:
        arguments["options"] = unknown + arguments["options"]
    elif unknown:
        parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    module, function = _COMMANDS[arguments.pop("command")][0].split(":")
    if module not in _WITHOUT_NUMPY and find_spec("numpy") is None:
        return _run_in_environment(argv)
    return getattr(import_module(module), function)(*arguments.values())


def _run_in_environment(argv):
    """Run the command in `.venv`, for a Python that lacks NumPy."""
    from coursekit.learner import environment

    return environment.setup() or environment.run("-m", "coursekit", *argv)


def _parser():
    parser = argparse.ArgumentParser(prog="python -m coursekit", description="The course's tools.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (target, about, argument) in _COMMANDS.items():
        if not _is_here(target.split(":")[0]):
            continue  # the learner's edition does not have this one
        command = commands.add_parser(name, help=about, description=about)
        if argument == "options":
            command.add_argument("options", nargs=argparse.REMAINDER, help="passed on")
        elif argument == "--out":
            command.add_argument("--out", required=True, metavar="DIR", help="must not exist yet, or be empty")
        elif argument == "zip":
            command.add_argument("assignment", metavar="ASSIGNMENT", help="such as assignment1")
            command.add_argument("--out", required=True, metavar="FILE", help="the zip to write")
        elif argument == "assignment":
            command.add_argument("assignment", metavar="ASSIGNMENT", help="such as assignment1")
            command.add_argument("--out", metavar="FILE", help="the zip to write; ASSIGNMENT.zip by default")
        elif argument:
            command.add_argument(argument, nargs="*", metavar=argument.upper().rstrip("S"))
    return parser


def _is_here(module):
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # not even its package
        return False


if __name__ == "__main__":
    sys.exit(main())
