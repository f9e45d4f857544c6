"""The command line: `python -m coursekit COMMAND`."""

import argparse
import sys


def main(argv=None):
    """Run one command; the exit status is not 0 when something is not as it should be."""
    parser = argparse.ArgumentParser(prog="python -m coursekit", description="The course's tools.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    lab = commands.add_parser("lab", help="set up, prepare the data, and open JupyterLab on assignments/")
    lab.add_argument("options", nargs=argparse.REMAINDER, help="passed on to JupyterLab")
    commands.add_parser("setup", help="build the environment in .venv and prepare the data; nothing more")
    data = commands.add_parser("data", help="download CIFAR-10 into datasets/")
    data.add_argument("options", nargs=argparse.REMAINDER, help="passed on to datasets/get_datasets.py")
    test = commands.add_parser("test", help="check everything that can be checked")
    test.add_argument("options", nargs=argparse.REMAINDER, help="passed on to pytest")
    check = commands.add_parser("check", help="check questions on the files as they are saved")
    check.add_argument("questions", nargs="*", metavar="QUESTION", help="ids; all of them without one")
    commands.add_parser("progress", help="show all questions with verdicts, points and minutes")
    results = commands.add_parser("results", help="train the models of the course and write docs/results.md")
    results.add_argument("--seed", type=int, default=0)
    store = commands.add_parser("store", help="compute the stored answers anew from the solved tree and the zoo")
    store.add_argument("notebooks", nargs="*", metavar="NOTEBOOK", help="such as knn; all of them without one")
    release = commands.add_parser("release", help="build the learner's edition")
    release.add_argument("--out", required=True, metavar="DIR", help="a folder that does not exist yet, or is empty")

    arguments = parser.parse_args(argv)
    return globals()[f"_{arguments.command}"](arguments)


def _lab(arguments):
    from coursekit import environment

    return environment.lab(arguments.options)


def _setup(arguments):
    from coursekit import environment

    return environment.setup()


def _data(arguments):
    from coursekit import environment

    return environment.download(arguments.options)


def _test(arguments):
    from coursekit import environment

    return environment.test(arguments.options)


def _check(arguments):
    from coursekit.progress import check_all

    return check_all(arguments.questions)


def _progress(arguments):
    from coursekit.progress import show

    return show()


def _results(arguments):
    from coursekit.results import write

    return write(arguments.seed)


def _store(arguments):
    from coursekit.stored import write

    return write(arguments.notebooks)


def _release(arguments):
    from coursekit.release import build

    return build(arguments.out)


if __name__ == "__main__":
    sys.exit(main())
