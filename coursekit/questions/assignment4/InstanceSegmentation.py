"""Questions of InstanceSegmentation: RoIAlign, the loss of masks, masks in their images, and how alike they are."""

import numpy as np

from coursekit.core.question import Case, Question
from coursekit.questions import _edges
from coursekit.questions._caches import own_cache

NOTEBOOK = "InstanceSegmentation"
LAYERS, NETS, METRICS = "cs231n.roi_layers", "cs231n.classifiers.region_nets", "cs231n.detection_metrics"

_NO_REGIONS = "early in training no region may show a thing, and a mean over no masks is 0 / 0; the docstring wants 0"
_BEYOND = "a predicted box can reach out of the image; what lies outside is cut off, and the rest is drawn all the same"
_NO_PIXELS = "a thing can be hidden entirely, and a mask be empty: then the union can be 0, and 0 / 0 is nan"


# ---- weights of RoIAlign


def _points(rng, shape, length):
    """Points inside, within an entry of the ends, and farther outside."""
    points = rng.uniform(0, length - 1, shape).ravel()
    points[:4] = -0.3, length - 0.6, -1.4, length + 0.3
    return {"points": rng.permutation(points).reshape(shape), "length": length}


def _run_weights(points, length):
    from cs231n.roi_layers import bilinear_weights

    return {"weights": bilinear_weights(points, length)}


def _weights_sizes(points, length):
    return {"K": len(points), "length": length}


bilinear_weights = Question(
    id="bilinear_weights",
    title="RoIAlign: weights between entries",
    notebook=NOTEBOOK,
    points=3,
    minutes=25,
    difficulty=3,
    importance=4,
    hints=(
        "The weight of an entry falls from 1 at its centre to 0 at a distance of 1, in a straight line, and stays at 0 "
        "beyond. Distances of all points to all entries: which axis do you have to add?",
        "Clip the points to the range from the first to the last centre before you take distances; look at the "
        "original points to see which are too far outside, and set their weights to 0.",
    ),
    implements=(f"{LAYERS}:bilinear_weights",),
    cases=(
        Case("two rows of points", lambda rng: _points(rng, (2, 5), 4), _run_weights, _weights_sizes),
        Case("a longer axis", lambda rng: _points(rng, (3, 8), 7), _run_weights, _weights_sizes),
        Case("as many points as entries", lambda rng: _points(rng, (5, 5), 5), _run_weights, _weights_sizes),
    ),
)


def _regions(rng, K, length):
    start = rng.uniform(-0.4, 0.5 * length, K)
    return {"start": start, "end": start + rng.uniform(0.8, 0.5 * length, K)}


def _bin_inputs(rng, K, num_bins, num_points, length):
    return _regions(rng, K, length) | {"num_bins": num_bins, "num_points": num_points, "length": length}


def _run_bins(start, end, num_bins, num_points, length):
    from cs231n.roi_layers import bin_weights

    return {"weights": bin_weights(start, end, num_bins, num_points, length)}


def _bin_sizes(start, num_bins, num_points, length, **_):
    return {"K": len(start), "S": num_bins, "points": num_points, "length": length}


bin_weights = Question(
    id="bin_weights",
    title="RoIAlign: the mean of the points of a bin",
    notebook=NOTEBOOK,
    points=3,
    minutes=25,
    difficulty=3,
    importance=3,
    hints=(
        "A region with S bins of p points each has S * p points at equal distances, the first one half a distance from "
        "its start. Find them all first, and think about bins afterwards.",
        "Shift the points by a half, as bilinear_weights counts from the centre of the first entry. Its result has a "
        "row for each point; reshape so that the points of a bin have an axis of their own.",
    ),
    implements=(f"{LAYERS}:bin_weights",),
    builds_on=("bilinear_weights",),
    cases=(
        Case("3 bins, 2 points", lambda rng: _bin_inputs(rng, 4, 3, 2, 6), _run_bins, _bin_sizes),
        Case("2 bins, 3 points", lambda rng: _bin_inputs(rng, 5, 2, 3, 7), _run_bins, _bin_sizes),
        Case("one point in each bin", lambda rng: _bin_inputs(rng, 3, 4, 1, 5), _run_bins, _bin_sizes),
        Case("as many bins as points", lambda rng: _bin_inputs(rng, 2, 3, 3, 8), _run_bins, _bin_sizes),
    ),
)


# ---- RoIAlign


def _align_inputs(rng, N, C, H, W, K, output_size, spatial_scale, sampling_ratio, dtype=np.float64):
    """Regions of all images, several of the same one, of other widths than heights."""
    x, y = _regions(rng, K, W), _regions(rng, K, H)
    boxes = np.column_stack([x["start"], y["start"], x["end"], y["end"]]) / spatial_scale
    images = np.resize(np.arange(N)[::-1], K)
    return {
        "x": rng.randn(N, C, H, W).astype(dtype),
        "rois": np.column_stack([images, boxes]),
        "output_size": output_size,
        "spatial_scale": spatial_scale,
        "sampling_ratio": sampling_ratio,
    }


def _with_gradient(rng, inputs):
    S, dtype = inputs["output_size"], inputs["x"].dtype
    return inputs | {"dout": rng.randn(len(inputs["rois"]), inputs["x"].shape[1], S, S).astype(dtype)}


def _align_sizes(x, rois, output_size, **_):
    return {**dict(zip("NCHW", x.shape, strict=True)), "K": len(rois), "S": output_size}


def _run_align(**inputs):
    from cs231n.roi_layers import roi_align_forward

    out, _ = roi_align_forward(**inputs)
    return {"out": out}


def _run_align_backward(dout, **inputs):
    from cs231n.roi_layers import roi_align_backward, roi_align_forward

    cache = own_cache(roi_align_forward, tuple(inputs.values()), _documented_cache(**inputs))
    return {"dx": roi_align_backward(dout, cache)}


def _documented_cache(x, rois, output_size, spatial_scale, sampling_ratio):
    """The cache of the model answer, computed here: x.shape, the image of each region, weights of rows and columns."""
    rows, columns = (
        _weights(rois[:, axis] * spatial_scale, rois[:, axis + 2] * spatial_scale, output_size, sampling_ratio, length)
        for axis, length in ((2, x.shape[2]), (1, x.shape[3]))
    )
    return x.shape, rois[:, 0].astype(int), rows.astype(x.dtype), columns.astype(x.dtype)


def _weights(start, end, num_bins, num_points, length):
    weights = np.zeros((len(start), num_bins, length))
    for k, i, p in np.ndindex(len(start), num_bins, num_points):
        point = start[k] + (end[k] - start[k]) * (i + (p + 0.5) / num_points) / num_bins - 0.5
        if -1 <= point <= length:
            point = min(max(point, 0), length - 1)
            for entry in {int(point), min(int(point) + 1, length - 1)}:
                weights[k, i, entry] += (1 - abs(point - entry)) / num_points
    return weights


def _align_cases(run, finish=lambda rng, inputs: inputs):
    def case(name, make, tolerance=1e-8, edge=""):
        return Case(name, lambda rng: finish(rng, make(rng)), run, _align_sizes, tolerance, edge=edge)

    return (
        case("four regions of two images", lambda rng: _align_inputs(rng, 2, 3, 6, 5, 4, 2, 0.5, 2)),
        case("seven regions, one point", lambda rng: _align_inputs(rng, 3, 2, 7, 9, 7, 3, 0.25, 1)),
        case("all sizes equal", lambda rng: _align_inputs(rng, 4, 4, 4, 4, 4, 4, 1.0, 2)),
        case("float32", lambda rng: _align_inputs(rng, 2, 4, 8, 6, 5, 3, 0.5, 3, np.float32), 1e-4),
        case("one region", lambda rng: _align_inputs(rng, 2, 3, 5, 6, 1, 2, 0.5, 2), edge=_edges.ONE_INPUT),
    )


roi_align_forward = Question(
    id="roi_align_forward",
    title="RoIAlign: forward pass",
    notebook=NOTEBOOK,
    points=3,
    minutes=25,
    difficulty=3,
    importance=5,
    hints=(
        "Along each axis, bin_weights gives a matrix with a row for each bin. One from the left averages over rows of "
        "the map, one from the right over columns.",
        "x[images] has the maps of each region's image. For the product with all C channels, the weights need an axis "
        "of length 1 in the place of the channels; the one on the right is transposed.",
    ),
    implements=(f"{LAYERS}:roi_align_forward",),
    builds_on=("bilinear_weights", "bin_weights"),
    cases=_align_cases(_run_align),
)

roi_align_backward = Question(
    id="roi_align_backward",
    title="RoIAlign: backward pass",
    notebook=NOTEBOOK,
    points=4,
    minutes=30,
    difficulty=4,
    importance=4,
    hints=(
        "The forward pass is A X B for constant matrices A and B. What is the gradient of X, if that of the product is "
        "given? Afterwards each region has a gradient for the maps of its image.",
        "An image can have several regions, and all of their gradients add up. With an array of indices, += keeps one "
        "of several equal ones; a loop over the regions, or np.add.at, keeps them all.",
    ),
    implements=(f"{LAYERS}:roi_align_backward",),
    builds_on=("bilinear_weights", "bin_weights", "roi_align_forward"),
    cases=_align_cases(_run_align_backward, _with_gradient),
)


# ---- the loss of masks


def _mask_inputs(rng, R, K, S, scale=2.0, dtype=np.float64):
    return {
        "x": (scale * rng.randn(R, K, S, S)).astype(dtype),
        "labels": rng.randint(1, K, size=R) if R else np.zeros(0, dtype=int),
        "masks": (rng.uniform(size=(R, S, S)) < 0.6).astype(dtype),
    }


def _mask_sizes(x, **_):
    return dict(zip("RKS", x.shape, strict=False))


def _run_mask_loss(x, labels, masks):
    from cs231n.classifiers.region_nets import mask_loss

    loss, dx = mask_loss(x, labels, masks)
    return {"loss": loss, "dx": dx}


mask_loss = Question(
    id="mask_loss",
    title="The loss of masks",
    notebook=NOTEBOOK,
    points=4,
    minutes=25,
    difficulty=3,
    importance=4,
    hints=(
        "Each region has K masks, and one of them counts: that of its class. Two index arrays of length R pick it; all "
        "other masks get no gradient.",
        "For a score s and a right answer t of 0 or 1, the loss is max(s, 0) - s t + log(1 + exp(-|s|)), and its "
        "gradient the sigmoid minus t. Average over all cells of all masks that count.",
    ),
    implements=(f"{NETS}:mask_loss",),
    cases=(
        Case("three regions, 4 classes", lambda rng: _mask_inputs(rng, 3, 4, 2), _run_mask_loss, _mask_sizes),
        Case("six regions, 3 classes", lambda rng: _mask_inputs(rng, 6, 3, 5), _run_mask_loss, _mask_sizes),
        Case("all sizes equal", lambda rng: _mask_inputs(rng, 4, 4, 4), _run_mask_loss, _mask_sizes),
        Case("float32", lambda rng: _mask_inputs(rng, 5, 6, 3, dtype=np.float32), _run_mask_loss, _mask_sizes, 1e-4),
        Case("one region", lambda rng: _mask_inputs(rng, 1, 3, 4), _run_mask_loss, _mask_sizes, edge=_edges.ONE_INPUT),
        Case(
            "scores near 1000",
            lambda rng: _mask_inputs(rng, 3, 5, 4, scale=1000.0),
            _run_mask_loss,
            _mask_sizes,
            edge="exp overflows at 710, and the logarithm of 0 is infinite; the form in the notebook has neither",
        ),
        Case("no regions", lambda rng: _mask_inputs(rng, 0, 3, 4), _run_mask_loss, _mask_sizes, edge=_NO_REGIONS),
    ),
)


# ---- masks in their images


def _paste_inputs(rng, M, S, image_size, out=0.0):
    corners = rng.uniform(-out, 0.5 * image_size, (M, 2))
    sizes = rng.uniform(0.2, 0.45, (M, 2)) * image_size + out
    probs = rng.uniform(0, 1, (M, S, S))
    return {
        "probs": probs,
        "boxes": np.concatenate([corners, corners + sizes], axis=1),
        "image_size": image_size,
    }


def _run_paste(probs, boxes, image_size):
    from cs231n.classifiers.region_nets import paste_masks

    return {"masks": np.asarray(paste_masks(probs, boxes, image_size)) * 1}


def _paste_sizes(probs, image_size, **_):
    return {"M": len(probs), "S": probs.shape[1], "size": image_size}


paste_masks = Question(
    id="paste_masks",
    title="Masks in their images",
    notebook=NOTEBOOK,
    points=4,
    minutes=30,
    difficulty=4,
    importance=3,
    hints=(
        "RoIAlign the other way round: there, points of a region looked up entries of a map; here, pixels look up "
        "cells of a mask. Where is the centre of a pixel, counted in cells of the box?",
        "(centre - start) / size * S is the position in cells from the edge of the box; half a cell less counts from "
        "the centre of the first. Pixels whose centre is outside the box get weights of 0.",
    ),
    implements=(f"{NETS}:paste_masks",),
    builds_on=("bilinear_weights",),
    cases=(
        Case("two masks", lambda rng: _paste_inputs(rng, 2, 3, 12), _run_paste, _paste_sizes),
        Case("five masks of 4 x 4", lambda rng: _paste_inputs(rng, 5, 4, 17), _run_paste, _paste_sizes),
        Case("as many cells as pixels", lambda rng: _paste_inputs(rng, 3, 10, 10), _run_paste, _paste_sizes),
        Case("one mask", lambda rng: _paste_inputs(rng, 1, 5, 20), _run_paste, _paste_sizes, edge=_edges.ONE_INPUT),
        Case(
            "boxes beyond the image",
            lambda rng: _paste_inputs(rng, 4, 3, 14, 5.0),
            _run_paste,
            _paste_sizes,
            edge=_BEYOND,
        ),
    ),
)


# ---- how alike masks are


def _iou_inputs(rng, K, M, H, W, share=0.5):
    return {"masks": rng.uniform(size=(K, H, W)) < share, "others": rng.uniform(size=(M, H, W)) < share + 0.15}


def _with_empty(inputs):
    for masks in inputs.values():
        masks[0] = False
    return inputs


def _run_iou(masks, others):
    from cs231n.detection_metrics import mask_iou

    return {"iou": mask_iou(masks, others)}


def _iou_sizes(masks, others):
    return {"K": len(masks), "M": len(others), "H": masks.shape[1], "W": masks.shape[2]}


mask_iou = Question(
    id="mask_iou",
    title="Intersection over union of masks",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=2,
    importance=4,
    hints=(
        "With masks as rows of 0 and 1, what does the dot product of two rows count? And how do you get it for all "
        "pairs at once?",
        "The union is the pixels of one plus those of the other minus those of both, which would be counted twice. "
        "Boolean arrays do not add up: make them numbers first.",
    ),
    implements=(f"{METRICS}:mask_iou",),
    cases=(
        Case("three against two", lambda rng: _iou_inputs(rng, 3, 2, 4, 5), _run_iou, _iou_sizes),
        Case("one against four", lambda rng: _iou_inputs(rng, 1, 4, 6, 3, share=0.2), _run_iou, _iou_sizes),
        Case("all sizes equal", lambda rng: _iou_inputs(rng, 5, 5, 5, 5), _run_iou, _iou_sizes),
        Case("more than 255 pixels", lambda rng: _iou_inputs(rng, 2, 3, 24, 25, share=0.8), _run_iou, _iou_sizes),
        Case(
            "empty masks", lambda rng: _with_empty(_iou_inputs(rng, 3, 2, 3, 4)), _run_iou, _iou_sizes, edge=_NO_PIXELS
        ),
    ),
)

QUESTIONS = (
    bilinear_weights,
    bin_weights,
    roi_align_forward,
    roi_align_backward,
    mask_loss,
    paste_masks,
    mask_iou,
)
