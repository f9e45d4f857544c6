"""Draw the picture of docs/scenes.md, and measure how long it takes to draw scenes.

python benchmarks/scenes.py [--write]
"""

import argparse
import hashlib
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import numpy as np

from cs231n.scenes import describe, load_scenes

PICTURE = Path(__file__).resolve().parent.parent / "docs" / "scenes.png"
SCENES, ROUNDS = 5000, 5


def main():
    """Measure; with --write, draw the picture as well."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help=f"write {PICTURE.name}")
    if parser.parse_args().write:
        draw()
    load_scenes(1)  # the textures, once
    seconds, processor_seconds = [], []
    for _ in range(ROUNDS):
        start, processor_start = perf_counter(), process_time()
        scenes = load_scenes(SCENES, seed=0)
        seconds.append(perf_counter() - start)
        processor_seconds.append(process_time() - processor_start)
    megabytes = sum(array.nbytes for array in scenes.values()) / 1e6
    print(
        f"{SCENES:,} scenes: {median(seconds):.1f} s, {median(processor_seconds):.1f} s of processor time "
        f"(medians of {ROUNDS}), {megabytes:.0f} MB"
    )
    for name, array in load_scenes(250, seed=0).items():
        digest = hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
        print(f"{name:15} {array.dtype!s:6} {array.shape!s:20} sha256 {digest[:16]}")


def draw():
    """Draw six scenes of each world, and what is known of the first ones."""
    import matplotlib.pyplot as plt

    scenes = load_scenes(6, seed=7)
    fog = load_scenes(6, seed=7, world="fog")
    fig, axes = plt.subplots(5, 6, figsize=(11, 10.2))
    for i in range(6):
        image, boxes = scenes["images"][i], scenes["boxes"][i, : scenes["counts"][i]]
        axes[0, i].imshow(image)
        axes[0, i].set_title(_two_lines(describe(scenes["captions"][i])), fontsize=7)
        axes[1, i].imshow(image)
        for left, top, right, bottom in boxes:
            place = left - 0.5, top - 0.5
            axes[1, i].add_patch(
                plt.Rectangle(place, right - left, bottom - top, fill=False, edgecolor="white", lw=1.5)
            )
        axes[2, i].imshow(scenes["instance_masks"][i], cmap="viridis", vmin=0, vmax=4, interpolation="nearest")
        axes[3, i].imshow(scenes["semantic_masks"][i], cmap="tab20", vmin=0, vmax=19, interpolation="nearest")
        axes[4, i].imshow(fog["images"][i])
    for row, name in zip(axes, ("images", "boxes", "instance_masks", "semantic_masks", 'world="fog"'), strict=True):
        row[0].set_ylabel(name)
        for ax in row:
            ax.set(xticks=[], yticks=[])
    fig.tight_layout(h_pad=0.4)
    fig.savefig(PICTURE, dpi=100)


def _two_lines(text):
    words, half = text.split(), len(text) / 2
    split = next((n for n in range(1, len(words)) if len(" ".join(words[:n])) >= half), len(words))
    return " ".join(words[:split]) + "\n" + " ".join(words[split:])


if __name__ == "__main__":
    main()
