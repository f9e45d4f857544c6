"""What torchvision returns on small random inputs; run as a script, this writes the file that the tests read.

    python tests/torchvision_values.py

It needs torchvision, which the tests do not.
"""

from pathlib import Path

import numpy as np

PATH = Path(__file__).parent / "data" / "torchvision.npz"
ROI_CASES = [  # output_size, spatial_scale, sampling_ratio
    (2, 1.0, 1),
    (3, 0.5, 2),
    (4, 0.25, 3),
]


def drawn_boxes(rng, n, size=20.0):
    """Boxes of all sizes, some of which overlap a lot."""
    corners = rng.uniform(0, size, (n, 2, 2))
    return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)


def inputs(seed):
    """Boxes, scores, labels, feature maps and regions; some regions reach out of the maps."""
    rng = np.random.RandomState(seed)
    regions = np.column_stack([rng.randint(2, size=7), drawn_boxes(rng, 7, 30) - 3])
    return {
        "boxes": drawn_boxes(rng, 30),
        "others": drawn_boxes(rng, 6),
        "scores": rng.permutation(30) / 30,
        "labels": rng.randint(3, size=30),
        "maps": rng.randn(2, 3, 9, 11),
        "regions": regions,
        "douts": rng.randn(7, 3, 4, 4),
    }


def values(seed):
    """What torchvision makes of the inputs, by name."""
    import torch
    from torchvision import ops

    given = {name: torch.tensor(value) for name, value in inputs(seed).items()}
    boxes, scores = given["boxes"], given["scores"]
    found = {"iou": ops.box_iou(boxes, given["others"])}
    for threshold in (0.2, 0.5):
        found[f"nms {threshold}"] = ops.nms(boxes, scores, threshold)
        found[f"batched_nms {threshold}"] = ops.batched_nms(boxes, scores, given["labels"], threshold)
    for i, (size, scale, ratio) in enumerate(ROI_CASES):
        for name, layer in (
            ("pool", lambda x, size=size, scale=scale: ops.roi_pool(x, given["regions"], size, scale)),
            (
                "align",
                lambda x, *a, s=size, c=scale, r=ratio: ops.roi_align(x, given["regions"], s, c, r, aligned=True),
            ),
        ):
            maps = given["maps"].clone().requires_grad_()
            out = layer(maps)
            out.backward(given["douts"][:, :, :size, :size])
            found |= {f"{name} {i}": out.detach(), f"d{name} {i}": maps.grad}
    return {name: value.numpy() for name, value in found.items()}


if __name__ == "__main__":
    np.savez_compressed(PATH, **{f"{seed} {name}": value for seed in range(3) for name, value in values(seed).items()})
    print(f"wrote {PATH} ({PATH.stat().st_size // 1024} kB)")
