"""The nets that write captions: a recurrent net, an LSTM and a Transformer, on drawn scenes or COCO."""

from functools import partial
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from coursekit.learner.recipes.run import Options, Run
from cs231n._weights import SAVED, write_npz
from cs231n.captioning_solver import CaptioningSolver
from cs231n.classifiers.rnn import CaptioningRNN
from cs231n.classifiers.scene_net import NUM_COMPONENTS, SceneNet
from cs231n.classifiers.transformer import CaptioningTransformer
from cs231n.coco_utils import load_coco_data
from cs231n.net_visualization import preprocess
from cs231n.optim import warm_up_cosine
from cs231n.scenes import load_scenes

MORE_SEED = 101  # of the first scenes beyond those of `load_coco_data`
AT_A_TIME = 2000  # scenes that are drawn from one seed
HELD_OUT = 1700  # captions to measure on, at most
BATCH_SIZE = 100
WARM_UP = 100  # steps


class Recipe(NamedTuple):
    """The settings of a net."""

    width: int  # of its vectors
    learning_rate: float
    epochs: int
    scenes: int


RECIPES = {
    "rnn": Recipe(256, 1e-3, 12, 8000),
    "lstm": Recipe(256, 2e-3, 12, 8000),
    "transformer": Recipe(128, 1e-3, 5, 32_000),
}


def prepare(options: Options) -> Run:
    """Prepare a net and captions."""
    recipe = RECIPES[options.net]
    epochs = options.epochs or recipe.epochs
    data = load_coco_data()
    is_drawn = data["train_urls"][0].startswith("scene:")
    if is_drawn:
        _resize(data, options.scenes or recipe.scenes)
    number = len(data["train_captions"])
    name = f"{options.net}_{number}_captions_{epochs}_epochs"
    np.random.seed(0)
    model = _model(options.net, recipe.width, data, NUM_COMPONENTS if is_drawn else None)
    solver = CaptioningSolver(
        model,
        data,
        update_rule="adam",
        optim_config={"learning_rate": recipe.learning_rate},
        lr_schedule=partial(warm_up_cosine, num_epochs=epochs, warm_up=_warm_up(number, epochs)),
        num_epochs=epochs,
        batch_size=BATCH_SIZE,
        checkpoint_name=SAVED / name,
        verbose=False,
    )
    scenes = f" --scenes {number}" if is_drawn else ""
    return Run(
        name,
        title=f"{'drawn scenes' if is_drawn else 'COCO'}: {options.net}, {number:,} captions, {epochs} epochs",
        command=f"--net {options.net} --task caption{scenes} --epochs {epochs}",
        solver=solver,
        save=lambda: write_npz(SAVED / f"{name}.npz", model.params),
        measure=lambda: _accuracies(solver, data),
    )


def _warm_up(number: int, epochs: int) -> float:
    """The epochs of the warm-up: at most a tenth of all."""
    return min(WARM_UP / max(number // BATCH_SIZE, 1), epochs / 10)


def _model(net: str, width: int, data: dict, place_dim: int | None) -> Any:
    """Build a net; each of the features of a place has `place_dim` values, or there is a single place."""
    words, dim = data["word_to_idx"], data["train_features"].shape[1]
    if net != "transformer":
        return CaptioningRNN(words, dim, width, 2 * width, cell_type=net)
    num_places = dim // place_dim if place_dim else 1
    longest = data["train_captions"].shape[1]
    return CaptioningTransformer(words, dim // num_places, width, max_length=longest, num_places=num_places)


def _resize(data: dict, number: int) -> None:
    """Take the first scenes for training, or draw more."""
    captions, features = [data["train_captions"]], [data["train_features"]]
    net, missing = SceneNet.load(), max(number - len(captions[0]), 0)
    for i in tqdm(range(-(-missing // AT_A_TIME)), unit=f"x {AT_A_TIME:,} scenes", desc="drawing", disable=not missing):
        scenes = load_scenes(min(AT_A_TIME, missing - i * AT_A_TIME), seed=MORE_SEED + i, things=2)
        captions.append(scenes["captions"])
        features.append(net.features(preprocess(scenes["images"])))
    data["train_captions"] = np.concatenate(captions)[:number]
    data["train_features"] = np.concatenate(features)[:number]
    data["train_image_idxs"] = np.arange(number)
    data["train_urls"] = np.array([f"scene:train/{i}" for i in range(number)])


def _accuracies(solver: CaptioningSolver, data: dict) -> dict[str, float]:
    """The share of captions that the net writes word for word."""
    exact = {}
    for part, split in (("training", "train"), ("held out", "val")):
        images = data[f"{split}_image_idxs"][:HELD_OUT]
        captions = data[f"{split}_captions"][:HELD_OUT]
        exact[f"exact captions, {part}"] = solver.check_accuracy(data[f"{split}_features"][images], captions)
    return exact
