"""The scene network, which names the thing in a drawn scene: the weights in `cs231n/nets/scenes.npz` come from here."""

from functools import partial
from pathlib import Path

import numpy as np

from coursekit.learner.recipes.run import Options, Run
from cs231n._weights import SAVED
from cs231n.classifiers.cnn import DeepConvNet
from cs231n.classifiers.scene_net import SCENE_CLASSES, SceneNet
from cs231n.net_visualization import preprocess
from cs231n.optim import cosine_decay
from cs231n.scenes import CLASS_NAMES, load_scenes
from cs231n.solver import Solver

STAGES = ((24,), (48, 48), (96, 128))
LEARNING_RATE = 3e-3
BATCH_SIZE = 50
EPOCHS = 5
SCENES = 8000
SIZES = {"validation": 1000, "test": 2000, "features": 2000}
SEEDS = {"training": 1, "validation": 2, "test": 3, "features": 11}


def prepare(options: Options) -> Run:
    """Prepare a `DeepConvNet` that becomes a `SceneNet` when it is trained, and the scenes."""
    epochs, scenes = options.epochs or EPOCHS, options.scenes or SCENES
    name = f"scene_net_{scenes}_scenes_{epochs}_epochs"
    out = Path(options.out) if options.out else SAVED / f"{name}.npz"
    X_train, y_train = labelled_scenes(scenes, SEEDS["training"])
    X_val, y_val = labelled_scenes(SIZES["validation"], SEEDS["validation"])
    np.random.seed(0)
    net = DeepConvNet(STAGES, input_dim=X_train.shape[1:], num_classes=len(SCENE_CLASSES))
    solver = Solver(
        net,
        {"X_train": X_train, "y_train": y_train, "X_val": X_val, "y_val": y_val},
        update_rule="adam",
        optim_config={"learning_rate": LEARNING_RATE},
        lr_schedule=partial(cosine_decay, num_epochs=epochs),
        num_epochs=epochs,
        batch_size=BATCH_SIZE,
        checkpoint_name=SAVED / name,
        verbose=False,
    )
    return Run(
        name,
        title=f"drawn scenes: the scene network, {scenes:,} scenes, {epochs} epochs",
        command=f"--net scene_net --task classify --scenes {scenes} --epochs {epochs}",
        solver=solver,
        save=lambda: _save(net, out),
        measure=lambda: {"validation": solver.best_val_acc, "test, in half precision": accuracy(SceneNet.load(out))},
    )


def labelled_scenes(number: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Scenes of one thing, as the network sees them, and the class of each, an index into SCENE_CLASSES."""
    scenes = load_scenes(number, seed=seed, things=1)
    y = scenes["colours"][:, 0] * len(CLASS_NAMES) + scenes["labels"][:, 0]
    return np.ascontiguousarray(preprocess(scenes["images"])), y


def _save(net: DeepConvNet, out: Path) -> None:
    """Fold the batch normalisation into the convolutions, fit the features, and write the weights."""
    folded = SceneNet.folded(net)
    folded.fit_features(preprocess(load_scenes(SIZES["features"], seed=SEEDS["features"], things=2)["images"]))
    folded.save(out)
    print(f"{out} saved.")


def accuracy(net: SceneNet, seed: int = SEEDS["test"], batch_size: int = 500) -> float:
    """The share of scenes of one thing whose class has the highest score."""
    X, y = labelled_scenes(SIZES["test"], seed)
    y_pred = [np.argmax(net.scores(X[i : i + batch_size]), axis=1) for i in range(0, len(X), batch_size)]
    return float(np.mean(np.concatenate(y_pred) == y))
