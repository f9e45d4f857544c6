"""The nets that find the things in drawn scenes: their boxes, their masks, or the class of every pixel."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from coursekit.learner.recipes.run import Options, Run
from cs231n._weights import SAVED
from cs231n.classifiers.encoder_decoder import EncoderDecoder
from cs231n.classifiers.region_nets import FasterRCNN, MaskRCNN
from cs231n.classifiers.single_shot import MultiScaleDetector
from cs231n.detection_metrics import mean_average_precision
from cs231n.detection_solver import DetectionSolver, flip_scenes
from cs231n.net_visualization import preprocess
from cs231n.optim import cosine_decay
from cs231n.scenes import CLASS_NAMES, load_scenes, truths
from cs231n.segmentation_solver import SegmentationSolver, flip_masks
from cs231n.solver import Solver

SEEDS = {"training": 21, "test": 22}
HELD_OUT = 500
BATCH_SIZE = 25
EPOCHS = 10
SCENES = 8000


class Recipe(NamedTuple):
    """The settings of a net."""

    task: str
    make: Callable[[], Any]
    learning_rate: float


RECIPES = {
    "single_shot": Recipe("detect", MultiScaleDetector, 8e-3),
    "faster_rcnn": Recipe("detect", FasterRCNN, 3e-3),
    "encoder_decoder": Recipe("segment", EncoderDecoder, 5e-3),
    "mask_rcnn": Recipe("instances", MaskRCNN, 3e-3),
}


def prepare(options: Options) -> Run:
    """Prepare a net and scenes."""
    recipe = RECIPES[options.net]
    epochs, number = options.epochs or EPOCHS, options.scenes or SCENES
    name = f"{options.net}_{number}_scenes_{epochs}_epochs"
    training, test = (load_scenes(n, seed=SEEDS[part]) for n, part in ((number, "training"), (HELD_OUT, "test")))
    np.random.seed(0)
    settings = {
        "update_rule": "adam",
        "optim_config": {"learning_rate": recipe.learning_rate},
        "lr_schedule": partial(cosine_decay, num_epochs=epochs),
        "num_epochs": epochs,
        "batch_size": BATCH_SIZE,
        "checkpoint_name": SAVED / name,
        "verbose": False,
    }
    solver, measure = (_segmenter if recipe.task == "segment" else _detector)(recipe.make(), training, test, settings)
    return Run(
        name,
        title=f"drawn scenes: {options.net}, {number:,} scenes, {epochs} epochs",
        command=f"--net {options.net} --task {recipe.task} --scenes {number} --epochs {epochs}",
        solver=solver,
        save=lambda: solver.model.save(name),
        measure=measure,
        measured="held out",
    )


def _segmenter(net: Any, training: dict, test: dict, settings: dict) -> tuple[Solver, Callable]:
    """The solver of a net for segmentation, and what measures it."""
    data = {"X_train": preprocess(training["images"]), "y_train": training["semantic_masks"].astype(int)}
    solver = SegmentationSolver(net, data, augment=flip_masks, **settings)

    def measure() -> dict[str, float]:
        X, y = preprocess(test["images"]), test["semantic_masks"].astype(int)
        return {"mean IoU": solver.mean_iou(X, y, 1 + len(CLASS_NAMES))}

    return solver, measure


def _detector(net: Any, training: dict, test: dict, settings: dict) -> tuple[Solver, Callable]:
    """The solver of a net that finds boxes, and perhaps masks, and what measures it."""
    data = {"X_train": preprocess(training["images"]), "truths_train": truths(training)}
    solver = DetectionSolver(net, data, augment=flip_scenes, **settings)

    def measure() -> dict[str, float]:
        found, wanted = net.detect(preprocess(test["images"])), truths(test)
        boxes = [{name: value for name, value in things.items() if name != "masks"} for things in found]
        kinds = {"boxes": boxes} | ({"masks": found} if "masks" in found[0] else {})
        return {
            f"AP{threshold:.0%} of {kind}".replace("%", ""): mean_average_precision(of, wanted, threshold)[0]
            for kind, of in kinds.items()
            for threshold in (0.5, 0.75)
        }

    return solver, measure
