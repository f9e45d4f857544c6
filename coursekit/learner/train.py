"""Train a net of the course in NumPy; by default the best one for images, a deep convolutional net.

Training can be stopped at any time, by Ctrl-C or a power cut: the same command resumes after the last complete epoch.
"""

import argparse
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path

import numpy as np
from tqdm import tqdm

from coursekit.learner.arguments import Arguments
from coursekit.learner.recipes.run import Options, Run
from coursekit.learner.results_page import write_section
from cs231n import _threads
from cs231n._weights import SAVED
from cs231n.solver import Solver

# The nets of each task, with the module of their recipe, which is imported for its own nets alone: a mistake in a
# learner's file for sequences should not stop the training on images. The first net is the default of its task.
TASKS = {
    "classify": {"deep_convnet": "images", "record": "record", "scene_net": "scenes"},
    "caption": {"transformer": "captions", "lstm": "captions", "rnn": "captions"},
    "detect": {"single_shot": "things", "faster_rcnn": "things"},
    "segment": {"encoder_decoder": "things"},
    "instances": {"mask_rcnn": "things"},
}


def train(arguments: Sequence[str] = ()) -> int:
    """Train a net on the available data, or resume a run that was stopped; 0 when it is done."""
    parser = _parser()
    given = parser.parse_args(arguments)
    task, options = _task(given), _options(given, parser)
    try:
        run = import_module(f"coursekit.learner.recipes.{TASKS[task][options.net]}").prepare(options)
    except KeyboardInterrupt:
        print("Stopped before the first step.")
        return 130
    if given.fresh:
        _remove(_checkpoints(run.name).values())
    if checkpoints := _checkpoints(run.name):
        run.solver.resume(checkpoints[max(checkpoints)])
        print(f"Resuming after epoch {run.solver.epoch} of {run.solver.num_epochs}.")
    try:
        _train_with_bar(run.solver, run.name)
    except KeyboardInterrupt:
        print(f"Stopped in epoch {run.solver.epoch + 1}: the same command resumes after epoch {run.solver.epoch}.")
        return 130
    run.save()
    _report(run, run.solver.seconds / 60, run.measure())
    _remove(_checkpoints(run.name).values())
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Arguments(prog="python -m coursekit train", description=__doc__)
    nets = [net for nets in TASKS.values() for net in nets]
    parser.add_argument("--task", choices=TASKS, help="what to learn (default: what the net is for, else classify)")
    parser.add_argument(
        "--net", choices=nets, help="; ".join(f"{task}: {', '.join(nets)}" for task, nets in TASKS.items())
    )
    parser.add_argument(
        "--epochs", type=_number, help="passes over the training data (default: 5, for things in scenes 10, record 8)"
    )
    parser.add_argument(
        "--minutes", type=_number, help="for record: measure a step here, and plan a run that takes about as long"
    )
    parser.add_argument("--width", type=_number, help="for record: filters of the last convolutions (default: 256)")
    parser.add_argument("--scenes", type=_number, help="drawn scenes to train on (default: 8,000, for captions 32,000)")
    parser.add_argument("--out", metavar="FILE", help="where scene_net's weights go (default: cs231n/saved)")
    parser.add_argument("--fresh", action="store_true", help="start over instead of resuming a stopped run")
    return parser


def _number(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return number


def _task(given: argparse.Namespace) -> str:
    return given.task or next((task for task, nets in TASKS.items() if given.net in nets), "classify")


def _options(given: argparse.Namespace, parser: argparse.ArgumentParser) -> Options:
    """What was asked for, with the net; an option that the net has no use for is an error."""
    nets = TASKS[_task(given)]
    net = given.net or next(iter(nets))
    if net not in nets:
        parser.error(f"{net} does not {given.task}: choose from {', '.join(nets)}")
    if given.scenes and net in ("deep_convnet", "record"):
        parser.error(f"{net} is not trained on drawn scenes: leave --scenes out")
    for option in ("minutes", "width"):
        if getattr(given, option) and net != "record":
            parser.error(f"--{option} is for record alone")
    if given.minutes and given.epochs:
        parser.error("--minutes decides how many epochs there are: leave --epochs out")
    if given.out and net != "scene_net":
        parser.error("--out is for scene_net alone; the weights of the others go to cs231n/saved")
    return Options(net, given.epochs, given.scenes, given.out, given.minutes, given.width, given.fresh)


def _train_with_bar(solver: Solver, name: str) -> None:
    """Train with a progress bar, and keep only the newest checkpoint."""

    def show(solver: Solver) -> None:
        reached = f"loss {np.mean(solver.loss_history[-50:]):.3f}"
        if solver.val_acc_history:
            reached += f", validation {solver.val_acc_history[-1]:.3f}"
        bar.set_postfix_str(reached, refresh=False)
        bar.update()
        checkpoints = _checkpoints(name)
        _remove(path for epoch, path in checkpoints.items() if epoch < max(checkpoints))

    total = solver.num_epochs * solver.iterations_per_epoch
    with tqdm(total=total, initial=len(solver.loss_history), unit="step", dynamic_ncols=True) as bar:
        solver.on_step = show
        solver.train()


def _checkpoints(name: str) -> dict[int, Path]:
    """The checkpoints of a run, by epoch."""
    paths = SAVED.glob(f"{name}_epoch_*.npz")
    return {int(path.stem.rpartition("_")[2]): path for path in paths}


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink()


def _report(run: Run, minutes: float, accuracies: dict[str, float]) -> None:
    for part, accuracy in accuracies.items():
        print(f"{run.measured}, {part}: {accuracy:.3f}")
    print(f"{run.solver.num_epochs} epochs in {minutes:.1f} minutes")
    lines = [f"`python -m coursekit train {run.command}`: {minutes:.1f} minutes, threads: {_threads.count()}.", ""]
    lines += [
        f"| | {run.measured} |",
        "|---|---|",
        *(f"| {part} | {accuracy:.3f} |" for part, accuracy in accuracies.items()),
    ]
    write_section(run.title, "\n".join(lines))
