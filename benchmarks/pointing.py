"""Where maps of a network point, over 500 scenes: at the thing asked about, at another one, and by chance.

python -m benchmarks.pointing [SCENES]
"""

import sys

import numpy as np

from cs231n.classifiers.scene_net import SceneNet
from cs231n.net_visualization import (
    compute_occlusion_maps,
    compute_saliency_maps,
    pointing_accuracy,
    preprocess,
    spread_over_pixels,
)
from cs231n.scenes import CLASS_NAMES, load_scenes

SCENES, SEED, BATCH = 500, 2024, 50


def saliency(X, y, net):
    """Saliency maps, as `measure` takes them."""
    return compute_saliency_maps(X, y, net)


def occlusion(X, y, net):
    """Occlusion maps of the size of the images, as `measure` takes them."""
    return spread_over_pixels(compute_occlusion_maps(X, y, net), X.shape[2:])


def measure(method, net, num_scenes, things):
    """Ask for the score of thing 0 in each scene, and look where the maps point.

    Parameters
    ----------
    method : callable
        Takes images, labels and a network; returns maps of the size of the images.
    net : SceneNet
    num_scenes : int
    things : int
        Number of things in each scene.

    Returns
    -------
    asked, other, chance : float
        The share of maps whose highest point is on thing 0, on any other thing, and that of random pixels on thing 0.
    """
    scenes = load_scenes(num_scenes, seed=SEED, things=things)
    X = preprocess(scenes["images"])
    y = scenes["colours"][:, 0] * len(CLASS_NAMES) + scenes["labels"][:, 0]
    starts = range(0, num_scenes, BATCH)
    maps = np.concatenate([method(X[i : i + BATCH], y[i : i + BATCH], net) for i in starts])
    asked, chance = pointing_accuracy(maps, scenes["instance_masks"] == 1)
    other, _ = pointing_accuracy(maps, scenes["instance_masks"] > 1)
    return asked, other, chance


def main(num_scenes=SCENES):
    """Print the table."""
    net = SceneNet.load()
    print("| map | things | at the thing asked about | at another one | chance |\n|---|---|---|---|---|")
    for things in (1, 2):
        for method in (saliency, occlusion):
            asked, other, chance = measure(method, net, num_scenes, things)
            print(f"| {method.__name__} | {things} | {asked:.3f} | {other:.3f} | {chance:.3f} |", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
