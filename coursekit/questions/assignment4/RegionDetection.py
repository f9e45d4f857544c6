"""Questions of RegionDetection: overlap, average precision, proposals, and the way from R-CNN to Faster R-CNN."""

from functools import cache

import numpy as np

from coursekit.core.question import Case, Question, holds
from coursekit.questions._caches import own_cache

NOTEBOOK = "RegionDetection"
BOXES, METRICS, ROI = "cs231n.boxes", "cs231n.detection_metrics", "cs231n.roi_layers"
NETS, RCNN = "cs231n.classifiers.region_nets", "cs231n.classifiers.rcnn"
NUM_UNSEEN, SEED_UNSEEN, BAR = 200, 4123, 0.9

_NO_BOXES = "an image may have no boxes at all: nothing was proposed, or nothing was likely enough"
_NO_AREA = "a box cut off at the edge of the image can be empty, and 0 / 0 is nan; the overlap with it is 0"
_AT_THRESHOLD = "boxes of whole pixels often overlap by exactly one half: what reaches the threshold must be decided"


def _boxes(rng, n, spread=20.0):
    """Boxes that overlap here and there, and lie apart in one direction or in both."""
    starts = rng.uniform(0, spread, size=(n, 2))
    return np.concatenate([starts, starts + rng.uniform(3, 14, size=(n, 2))], axis=1)


def _scores(rng, n):
    """Scores in no order, all different by far more than rounding."""
    return (rng.permutation(n) + rng.uniform(0.2, 0.8, size=n)) / n


# ---- overlap


def _iou_inputs(rng, N, M, dtype=np.float64):
    boxes, others = _boxes(rng, N), _boxes(rng, M)
    others[0] = boxes[0]  # the same
    others[1] = boxes[1] + [1, 1, -1, -1]  # inside the other one
    others[-1, :2] = boxes[-1, 2:] + 4  # apart in both directions
    others[-1, 2:] = others[-1, :2] + 5
    return {"boxes": boxes.astype(dtype), "others": others.astype(dtype)}


def _empty_boxes(rng):
    inputs = _iou_inputs(rng, 3, 4)
    for boxes in inputs.values():
        boxes[0] = 5.0
    return inputs


def _run_iou(boxes, others):
    from cs231n.boxes import box_iou

    return {"iou": box_iou(boxes, others)}


def _iou_sizes(boxes, others):
    return {"N": len(boxes), "M": len(others)}


box_iou = Question(
    id="box_iou",
    title="Intersection over union of boxes",
    notebook=NOTEBOOK,
    points=2,
    minutes=20,
    difficulty=2,
    importance=5,
    hints=(
        "The intersection of two boxes is a box: which of the two left edges is its left edge? And when is there none?",
        "An axis of length 1 in the middle of the first corners makes all pairs meet; heights and widths below 0 must "
        "become 0 before they are multiplied.",
    ),
    implements=(f"{BOXES}:box_iou",),
    cases=(
        Case("three boxes and four others", lambda rng: _iou_inputs(rng, 3, 4), _run_iou, _iou_sizes),
        Case("more boxes", lambda rng: _iou_inputs(rng, 8, 5), _run_iou, _iou_sizes),
        Case("whole numbers", lambda rng: _iou_inputs(rng, 4, 6, np.int64), _run_iou, _iou_sizes),
        Case("float32", lambda rng: _iou_inputs(rng, 5, 4, np.float32), _run_iou, _iou_sizes, 1e-4),
        Case("empty boxes", _empty_boxes, _run_iou, _iou_sizes, edge=_NO_AREA),
        Case(
            "no others",
            lambda rng: {"boxes": _boxes(rng, 3), "others": np.zeros((0, 4))},
            _run_iou,
            _iou_sizes,
            edge=_NO_BOXES,
        ),
    ),
)


# ---- suppression


def _nms_inputs(rng, n, iou_threshold):
    """Boxes in clusters: several of each thing."""
    centers = _boxes(rng, 4, 30.0)
    boxes = centers[np.arange(n) % 4] + rng.uniform(-1.5, 1.5, size=(n, 4))
    return {"boxes": boxes, "scores": _scores(rng, n), "iou_threshold": iou_threshold}


def _chain(rng):
    """Each box overlaps the next one, not the one after: the second is dropped, and must not drop the third."""
    lefts = 4.0 * np.arange(6)
    boxes = np.stack([lefts, 0 * lefts, lefts + 10, 0 * lefts + rng.uniform(5, 9)], axis=1)
    order = rng.permutation(6)
    return {"boxes": boxes[order], "scores": np.linspace(0.9, 0.3, 6)[order], "iou_threshold": 0.3}


def _at_threshold(rng):
    boxes = np.array([[0.0, 0, 4, 4], [0, 0, 4, 2], [8, 8, 12, 12]])
    return {"boxes": boxes, "scores": np.array([0.5, 0.9, 0.7]), "iou_threshold": 0.5}


def _run_nms(boxes, scores, iou_threshold):
    from cs231n.boxes import nms

    return {"kept": np.asarray(nms(boxes, scores, iou_threshold))}


def _no_detections(rng):
    return {"boxes": np.zeros((0, 4)), "scores": np.zeros(0), "iou_threshold": 0.5}


nms = Question(
    id="nms",
    title="Non-maximum suppression",
    notebook=NOTEBOOK,
    points=3,
    minutes=25,
    difficulty=3,
    importance=5,
    hints=(
        "Go through the boxes in the given order, the best first. Which boxes may still be kept, and who decides that?",
        "A boolean array can say which boxes are dropped. A box that is itself dropped drops nobody; one that is kept "
        "drops those after it whose overlap with it is too large.",
    ),
    implements=(f"{BOXES}:nms",),
    builds_on=("box_iou",),
    cases=(
        Case("twelve boxes of four things", lambda rng: _nms_inputs(rng, 12, 0.5), _run_nms),
        Case("a low threshold", lambda rng: _nms_inputs(rng, 15, 0.2), _run_nms),
        Case("a high threshold", lambda rng: _nms_inputs(rng, 14, 0.75), _run_nms),
        Case("a chain of boxes", _chain, _run_nms),
        Case("exactly at the threshold", _at_threshold, _run_nms, edge=_AT_THRESHOLD),
        Case("no boxes", _no_detections, _run_nms, edge=_NO_BOXES),
    ),
)


# ---- average precision


def _ranked_inputs(rng, K, num_true, share=0.6):
    """The best detection is right, the second and the third are not, and one that is right comes later."""
    is_right = rng.uniform(size=K) < share
    is_right[:5] = [True, False, False, True, True]
    is_right &= np.cumsum(is_right) < num_true
    order = rng.permutation(K)
    return {"scores": np.sort(_scores(rng, K))[::-1][order], "is_right": is_right[order], "num_true": num_true}


def _rising(rng):
    """The best detections are wrong: the curve rises, and the best precision comes late."""
    is_right = np.array([0, 0, 1, 1, 0, 1, 1, 1], dtype=bool)
    order = rng.permutation(8)
    return {"scores": np.linspace(0.9, 0.2, 8)[order], "is_right": is_right[order], "num_true": 7}


def _run_precision_recall(scores, is_right, num_true):
    from cs231n.detection_metrics import precision_recall

    precision, recall = precision_recall(scores, is_right, num_true)
    return {"precision": precision, "recall": recall}


def _run_average_precision(scores, is_right, num_true):
    from cs231n.detection_metrics import average_precision

    area = average_precision(scores, is_right, num_true)
    of_first = [average_precision(scores[:k], is_right[:k], num_true) for k in range(1, len(scores))]
    return {"area": area, "areas": np.array(of_first)}


def _detected_sizes(scores, num_true, **_):
    return {"K": len(scores), "num_true": num_true}


def _ranked_cases(run):
    return (
        Case("nine detections, seven things", lambda rng: _ranked_inputs(rng, 9, 7), run, _detected_sizes),
        Case("few are right", lambda rng: _ranked_inputs(rng, 20, 11, share=0.3), run, _detected_sizes),
        Case("the best are wrong", _rising, run, _detected_sizes),
    )


def _no_right(rng):
    return {"scores": _scores(rng, 4), "is_right": np.zeros(4, dtype=bool), "num_true": 3}


def _nothing(rng):
    return {"scores": np.zeros(0), "is_right": np.zeros(0, dtype=bool), "num_true": 3}


def _match_inputs(rng, K, M, iou_threshold):
    overlaps, scores = rng.uniform(0, 0.9, size=(K, M)), _scores(rng, K)
    overlaps[0, rng.randint(M)] = rng.uniform(0.92, 0.95)
    overlaps[1] = overlaps[0] * 0.97  # wants the same thing, and chooses first
    scores[:2] = np.sort(scores[:2])
    return {"overlaps": overlaps, "scores": scores, "iou_threshold": iou_threshold}


def _second_choice(rng):
    """The second detection overlaps both things; the one that it overlaps more is taken."""
    return {
        "overlaps": np.array([[0.9, 0.2], [0.8, 0.7], [0.1, 0.4]]) - rng.uniform(0, 0.05),
        "scores": np.array([0.8, 0.6, 0.9]),
        "iou_threshold": 0.5,
    }


def _too_little(rng):
    """The best detection overlaps a thing too little: it does not take it from the next one."""
    return {
        "overlaps": np.array([[0.1, 0.8], [0.3, 0.0], [0.7, 0.2]]) - rng.uniform(0, 0.05),
        "scores": np.array([0.5, 0.9, 0.6]),
        "iou_threshold": 0.5,
    }


def _reached(rng):
    return {"overlaps": np.array([[0.5, 0.1], [0.2, 0.75]]), "scores": np.array([0.3, 0.6]), "iou_threshold": 0.5}


def _run_match_detections(overlaps, scores, iou_threshold):
    from cs231n.detection_metrics import match_detections

    return {"is_right": np.asarray(match_detections(overlaps, scores, iou_threshold)).astype(int)}


def _match_sizes(overlaps, **_):
    return dict(zip("KM", overlaps.shape, strict=True))


match_detections = Question(
    id="match_detections",
    title="Which detections are right",
    notebook=NOTEBOOK,
    points=2,
    minutes=20,
    difficulty=3,
    importance=4,
    hints=(
        "Who chooses first? Let the detections choose in the order of their scores, and note which things are taken.",
        "A detection has one wish only: the thing that it overlaps most. It is right if the overlap is large enough "
        "and the thing is still free; a second wish it has not.",
    ),
    implements=(f"{METRICS}:match_detections",),
    cases=(
        Case(
            "six detections, three things",
            lambda rng: _match_inputs(rng, 6, 3, 0.5),
            _run_match_detections,
            _match_sizes,
        ),
        Case("a high threshold", lambda rng: _match_inputs(rng, 9, 4, 0.75), _run_match_detections, _match_sizes),
        Case("the thing is taken", _second_choice, _run_match_detections, _match_sizes),
        Case("the best overlaps too little", _too_little, _run_match_detections, _match_sizes),
        Case("exactly at the threshold", _reached, _run_match_detections, _match_sizes, edge=_AT_THRESHOLD),
    ),
)

precision_recall = Question(
    id="precision_recall",
    title="Precision and recall",
    notebook=NOTEBOOK,
    points=1,
    minutes=15,
    difficulty=2,
    importance=4,
    hints=(
        "Sort the detections, the best first. How many of the first k + 1 are right? One NumPy function counts that.",
        "np.cumsum over the sorted is_right gives what has been found. One share is of the detections so far, the "
        "other of all the things there are.",
    ),
    implements=(f"{METRICS}:precision_recall",),
    cases=(
        *_ranked_cases(_run_precision_recall),
        Case("no detections", _nothing, _run_precision_recall, _detected_sizes, edge=_NO_BOXES),
    ),
)

average_precision = Question(
    id="average_precision",
    title="Average precision",
    notebook=NOTEBOOK,
    points=2,
    minutes=25,
    difficulty=3,
    importance=5,
    hints=(
        "First make the curve fall: replace each precision by the largest one from there on. np.maximum.accumulate "
        "works from left to right; you need the other direction.",
        "The area is a sum of rectangles: as wide as recall grows from one detection to the next, beginning at 0, and "
        "as high as the curve there.",
    ),
    implements=(f"{METRICS}:average_precision",),
    builds_on=("precision_recall",),
    cases=(
        *_ranked_cases(_run_average_precision),
        Case("none is right", _no_right, _run_average_precision, _detected_sizes),
        Case("no detections", _nothing, _run_average_precision, _detected_sizes, edge=_NO_BOXES),
    ),
)


# ---- windows and proposals


def _run_windows(**inputs):
    from cs231n.boxes import sliding_windows

    return {"windows": np.asarray(sliding_windows(**inputs))}


def _windows_case(name, height, width, size, stride, edge=""):
    inputs = {"height": height, "width": width, "size": size, "stride": stride}
    return Case(name, lambda rng: dict(inputs), _run_windows, edge=edge)


sliding_windows = Question(
    id="sliding_windows",
    title="Sliding windows",
    notebook=NOTEBOOK,
    points=1,
    minutes=10,
    difficulty=1,
    importance=2,
    hints=(
        "Two loops are fine. Where does the last window begin that still ends inside the image?",
        "The largest left edge is width - size, and it is allowed. Rows are outside, columns inside, and a box names "
        "left before top.",
    ),
    implements=(f"{BOXES}:sliding_windows",),
    cases=(
        _windows_case("a wide image", 6, 11, 4, 2),
        _windows_case("a high image", 13, 8, 5, 3),
        _windows_case("windows that leave gaps", 12, 17, 2, 5),
        _windows_case("a window as large as the image", 7, 7, 7, 3),
        _windows_case(
            "a window that is too large",
            4,
            9,
            5,
            1,
            edge="in an image that is too small there is no window: shape (0, 4)",
        ),
    ),
)


def _segment_inputs(rng, rows, columns):
    """Cells of a grid, each with a colour of its own; some cells are larger than others."""
    heights, widths = rng.randint(2, 6, size=rows), rng.randint(2, 6, size=columns)
    bottoms, rights = np.cumsum(heights), np.cumsum(widths)
    boxes = np.array(
        [[rights[j] - widths[j], bottoms[i] - heights[i], rights[j], bottoms[i]] for i, j in np.ndindex(rows, columns)]
    )
    place = np.array(list(np.ndindex(rows, columns)))
    is_neighbour = np.abs(place[:, np.newaxis] - place).sum(axis=2) == 1
    return {
        "sizes": (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]),
        "colours": rng.uniform(size=(rows * columns, 3)),
        "boxes": boxes.astype(float),
        "is_neighbour": is_neighbour,
        "image_area": int(bottoms[-1] * rights[-1]),
    }


def _apart(rng):
    """Two groups of segments that do not touch."""
    inputs = _segment_inputs(rng, 3, 4)
    inputs["is_neighbour"][:4, 4:] = inputs["is_neighbour"][4:, :4] = False
    return inputs


def _run_merge(**inputs):
    from cs231n.selective_search import merge_segments

    return {"boxes": np.asarray(merge_segments(**inputs))}


def _segment_sizes(sizes, **_):
    return {"M": len(sizes)}


merge_segments = Question(
    id="merge_segments",
    title="Selective search: joining segments",
    notebook=NOTEBOOK,
    points=4,
    minutes=40,
    difficulty=4,
    importance=3,
    hints=(
        "Keep an M x M array of similarities, -inf where two segments are no neighbours. Its argmax is the next pair; "
        "np.unravel_index gives both indices.",
        "The new segment inherits the neighbours of both, has the mean colour weighted by sizes, and new similarities. "
        "Everything about the other one is erased.",
    ),
    implements=("cs231n.selective_search:merge_segments",),
    cases=(
        Case("six segments", lambda rng: _segment_inputs(rng, 2, 3), _run_merge, _segment_sizes),
        Case("forty segments", lambda rng: _segment_inputs(rng, 5, 8), _run_merge, _segment_sizes),
        Case("segments in a row", lambda rng: _segment_inputs(rng, 1, 9), _run_merge, _segment_sizes),
        Case(
            "two groups that do not touch",
            _apart,
            _run_merge,
            _segment_sizes,
            edge="segments of a real image always hang together; a mask may leave parts apart, and then there are "
            "fewer joins",
        ),
    ),
)


# ---- R-CNN


def _some_rois(rng, K, N, height, width, outside=0.0):
    starts = rng.uniform(-outside, 0.6, size=(K, 2)) * [width, height]
    ends = starts + rng.uniform(0.3, 0.6 + outside, size=(K, 2)) * [width, height]
    return np.column_stack([np.arange(K)[::-1] % N, starts, ends])


def _crop_inputs(rng, N, C, H, W, K, size, outside=0.0, dtype=np.float64):
    images = rng.permutation(N * C * H * W).reshape(N, C, H, W).astype(dtype) / 7
    return {"images": images, "rois": _some_rois(rng, K, N, H, W, outside), "size": size}


def _run_crop(images, rois, size):
    from cs231n.classifiers.rcnn import crop_and_warp

    return {"crops": np.asarray(crop_and_warp(images, rois, size))}


def _crop_sizes(images, rois, size):
    return dict(zip("NCHWKS", (*images.shape, len(rois), size), strict=True))


crop_and_warp = Question(
    id="crop_and_warp",
    title="R-CNN: crop and warp",
    notebook=NOTEBOOK,
    points=2,
    minutes=25,
    difficulty=3,
    importance=3,
    hints=(
        "A loop over the regions is fine. The centre of cell j lies at the share (j + 0.5) / size of the way from left "
        "to right: in which column of pixels is that?",
        "Round down to get the index of a pixel, and limit it to the image. Indexing with an array of rows, made a "
        "column, and an array of columns gives a whole grid.",
    ),
    implements=(f"{RCNN}:crop_and_warp",),
    cases=(
        Case("five regions of three images", lambda rng: _crop_inputs(rng, 3, 2, 9, 7, 5, 4), _run_crop, _crop_sizes),
        Case("regions that are stretched", lambda rng: _crop_inputs(rng, 2, 3, 6, 11, 4, 9), _run_crop, _crop_sizes),
        Case("beyond the edge", lambda rng: _crop_inputs(rng, 2, 1, 8, 10, 6, 5, 0.3), _run_crop, _crop_sizes),
        Case(
            "float32",
            lambda rng: _crop_inputs(rng, 2, 3, 7, 8, 3, 4, dtype=np.float32),
            _run_crop,
            _crop_sizes,
            1e-4,
        ),
        Case(
            "one region",
            lambda rng: _crop_inputs(rng, 1, 3, 7, 5, 1, 2),
            _run_crop,
            _crop_sizes,
            edge="an image may have a single proposal",
        ),
    ),
)


def _coding_inputs(rng, N, dtype=np.float64):
    return {"boxes": _boxes(rng, N).astype(dtype), "anchors": _boxes(rng, N).astype(dtype)}


def _delta_inputs(rng, N, scale=0.5, dtype=np.float64):
    return {"deltas": (scale * rng.randn(N, 4)).astype(dtype), "anchors": _boxes(rng, N).astype(dtype)}


def _wild(rng):
    """Large numbers of each kind: only those that make boxes too large are cut off."""
    deltas = rng.uniform(-3, 3, size=(6, 4))
    deltas[:2, 2], deltas[1:3, 3] = rng.uniform(4.5, 9, size=(2, 2))
    deltas[3, 0], deltas[4, 1] = rng.uniform(4.5, 9, size=2)
    deltas[4, 2], deltas[5, 3] = rng.uniform(-6, -4.5, size=2)
    return {"deltas": deltas, "anchors": _boxes(rng, 6)}


def _run_encode(boxes, anchors):
    from cs231n.boxes import encode_boxes

    return {"deltas": encode_boxes(boxes, anchors)}


def _run_decode(deltas, anchors):
    from cs231n.boxes import decode_boxes

    return {"boxes": decode_boxes(deltas, anchors)}


def _coding_sizes(anchors, **_):
    return {"N": len(anchors)}


encode_boxes = Question(
    id="encode_boxes",
    title="Boxes as seen from anchors",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=2,
    importance=4,
    hints=(
        "The helper _centers_and_sizes has given you centres and sizes of both. The shift is counted in units of the "
        "anchor's own size.",
        "Two columns of shifts, two of logarithms of growth, side by side: N rows, 4 columns. Boxes stand above the "
        "fraction line, anchors below.",
    ),
    implements=(f"{BOXES}:encode_boxes",),
    cases=(
        Case("four boxes", lambda rng: _coding_inputs(rng, 4), _run_encode, _coding_sizes),
        Case("nine boxes", lambda rng: _coding_inputs(rng, 9), _run_encode, _coding_sizes),
        Case("float32", lambda rng: _coding_inputs(rng, 5, np.float32), _run_encode, _coding_sizes, 1e-4),
        Case(
            "no boxes",
            lambda rng: _coding_inputs(rng, 0),
            _run_encode,
            _coding_sizes,
            edge=_NO_BOXES,
        ),
    ),
)

decode_boxes = Question(
    id="decode_boxes",
    title="From the anchors back to boxes",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=2,
    importance=4,
    hints=(
        "Solve the four equations of encode_boxes for centre and size. The limit on dw and dh comes before exp.",
        "From a centre and a size, the left edge is half a width to the left of the centre, the right edge half a "
        "width to its right.",
    ),
    implements=(f"{BOXES}:decode_boxes",),
    cases=(
        Case("four boxes", lambda rng: _delta_inputs(rng, 4), _run_decode, _coding_sizes),
        Case("nine boxes", lambda rng: _delta_inputs(rng, 9, 1.0), _run_decode, _coding_sizes),
        Case("wild predictions", _wild, _run_decode, _coding_sizes),
        Case("float32", lambda rng: _delta_inputs(rng, 5, dtype=np.float32), _run_decode, _coding_sizes, 1e-4),
        Case("no boxes", lambda rng: _delta_inputs(rng, 0), _run_decode, _coding_sizes, edge=_NO_BOXES),
    ),
)


# ---- Fast R-CNN


def _roi_inputs(rng, N, C, H, W, K, S, scale, outside=0.0, dtype=np.float64):
    x = (rng.permutation(N * C * H * W) - 0.8 * N * C * H * W).reshape(N, C, H, W) / 9  # most entries are below 0
    rois = _some_rois(rng, K, N, H / scale, W / scale, outside)
    return {"x": x.astype(dtype), "rois": rois, "output_size": S, "spatial_scale": scale}


def _far_outside(rng):
    inputs = _roi_inputs(rng, 2, 2, 5, 6, 3, 2, 0.5)
    inputs["rois"][1, 1:] = [30, 30, 40, 40]
    return inputs


def _with_dout(rng, inputs):
    shape = (len(inputs["rois"]), inputs["x"].shape[1], *[inputs["output_size"]] * 2)
    return inputs | {"dout": (0.5 + rng.randn(*shape)).astype(inputs["x"].dtype)}


def _run_pool_forward(**inputs):
    from cs231n.roi_layers import roi_pool_forward

    return {"out": roi_pool_forward(**inputs)[0]}


def _run_pool_backward(x, rois, output_size, spatial_scale, dout):
    from cs231n.roi_layers import roi_pool_backward, roi_pool_forward

    cache = own_cache(roi_pool_forward, (x, rois, output_size, spatial_scale), None)
    return {"dx": roi_pool_backward(dout, cache)}


def _roi_sizes(x, rois, output_size, **_):
    return dict(zip("NCHWKS", (*x.shape, len(rois), output_size), strict=True))


def _roi_cases(run, finish=lambda rng, inputs: inputs):
    def case(name, make, tolerance=1e-8, edge=""):
        return Case(name, lambda rng: finish(rng, make(rng)), run, _roi_sizes, tolerance, edge=edge)

    return (
        case("five regions, half the scale", lambda rng: _roi_inputs(rng, 2, 3, 7, 9, 5, 2, 0.5)),
        case("bins that share rows and columns", lambda rng: _roi_inputs(rng, 3, 2, 8, 6, 4, 5, 1.0)),
        case("regions beyond the edge", lambda rng: _roi_inputs(rng, 2, 4, 6, 7, 6, 3, 0.25, outside=0.2)),
        case("float32", lambda rng: _roi_inputs(rng, 2, 3, 7, 8, 3, 2, 0.5, dtype=np.float32), 1e-4),
        case(
            "a region outside the image",
            _far_outside,
            edge="a proposal may leave the image entirely; its bins have no entries, and max of nothing is an error",
        ),
    )


roi_pool_forward = Question(
    id="roi_pool_forward",
    title="RoI pooling: forward pass",
    notebook=NOTEBOOK,
    points=3,
    minutes=30,
    difficulty=3,
    importance=4,
    hints=(
        "Loop over regions and bins: k, i, j. The given arrays say which rows and columns a bin has, and the list "
        "images which maps to look at; the channels need no loop.",
        "Take the maximum over rows and columns, for each channel by itself. The backward pass will need to know where "
        "it was: store the place that np.argmax finds.",
    ),
    implements=(f"{ROI}:roi_pool_forward",),
    cases=_roi_cases(_run_pool_forward),
)

roi_pool_backward = Question(
    id="roi_pool_backward",
    title="RoI pooling: backward pass",
    notebook=NOTEBOOK,
    points=3,
    minutes=30,
    difficulty=4,
    importance=3,
    hints=(
        "It is max pooling's backward pass: the gradient goes to the entry that was the largest. But here an entry can "
        "be in many bins, of many regions.",
        "Start with zeros in the shape of x and add each entry of dout at the place that you stored. Assigning would "
        "lose all but the last one.",
    ),
    implements=(f"{ROI}:roi_pool_backward",),
    builds_on=("roi_pool_forward",),
    cases=_roi_cases(_run_pool_backward, _with_dout),
)


def _region_inputs(rng, R, M, positive, negative, keep_best=False):
    boxes = _boxes(rng, M, 35.0)
    regions = boxes[np.arange(R) % M] + rng.uniform(-4, 4, size=(R, 4))
    regions[: R // 3] = _boxes(rng, R // 3, 35.0)
    regions[:, 2:] = np.maximum(regions[:, 2:], regions[:, :2] + 1)
    if not keep_best:
        regions[-1] = boxes[-1]
    limits = {"positive": positive, "negative": negative, "keep_best": keep_best}
    return {"regions": regions, "boxes": boxes, **limits}


def _hidden(rng):
    """The best region of the second thing overlaps the first one more; that of the third overlaps it very little."""
    regions = np.array([[0.0, 0, 20, 18], [0, 0, 12, 12], [47, 47, 60, 60], [70, 3, 80, 9]])
    boxes = np.array([[0.0, 0, 20, 20], [2, 2, 8, 8], [40, 40, 50, 50]])
    regions = regions[rng.permutation(4)] + rng.uniform(-0.3, 0.3, size=(4, 4))
    return {"regions": regions, "boxes": boxes, "positive": 0.8, "negative": 0.3, "keep_best": True}


def _run_match_regions(**inputs):
    from cs231n.classifiers.region_nets import match_regions

    return {"things": np.asarray(match_regions(**inputs))}


def _region_sizes(regions, boxes, **_):
    return {"R": len(regions), "M": len(boxes)}


match_regions = Question(
    id="match_regions",
    title="What a region is to be taught",
    notebook=NOTEBOOK,
    points=2,
    minutes=20,
    difficulty=2,
    importance=4,
    hints=(
        "For each region, find the thing that it overlaps most, and by how much. Three ranges of this number give "
        "three kinds of answers.",
        "np.where inside np.where tells the three apart. For keep_best look along the other axis: for each thing, "
        "which region is the best?",
    ),
    implements=(f"{NETS}:match_regions",),
    builds_on=("box_iou",),
    cases=(
        Case("twelve regions", lambda rng: _region_inputs(rng, 12, 3, 0.6, 0.4), _run_match_regions, _region_sizes),
        Case("one limit", lambda rng: _region_inputs(rng, 15, 4, 0.5, 0.5), _run_match_regions, _region_sizes),
        Case(
            "the best regions are kept",
            lambda rng: _region_inputs(rng, 14, 4, 0.9, 0.3, keep_best=True),
            _run_match_regions,
            _region_sizes,
        ),
        Case("a thing inside another, one nearly missed", _hidden, _run_match_regions, _region_sizes),
        Case(
            "one region",
            lambda rng: _region_inputs(rng, 1, 2, 0.5, 0.3),
            _run_match_regions,
            _region_sizes,
            edge="an image may have a single proposal",
        ),
    ),
)


def _loss_inputs(rng, R, C, scale=1.0, dtype=np.float64):
    """Some boxes are nearly right, others far off: both parts of the smooth absolute error count."""
    labels = rng.randint(0, C, size=R)
    labels[:3] = [0, C - 1, 1]
    deltas = rng.randn(R, 4)
    x = np.concatenate(
        [deltas + rng.choice([0.1, 1.5], size=(R, 4)) * rng.randn(R, 4), scale * rng.randn(R, C)], axis=1
    )
    return {"x": x.astype(dtype), "labels": labels, "deltas": deltas.astype(dtype)}


def _all_background(rng):
    inputs = _loss_inputs(rng, 4, 3)
    return inputs | {"labels": np.zeros(4, dtype=int)}


def _run_region_loss(x, labels, deltas):
    from cs231n.classifiers.region_nets import region_loss

    loss, dx = region_loss(x, labels, deltas)
    return {"loss": loss, "dx": dx}


def _loss_sizes(x, **_):
    return {"R": len(x), "C": x.shape[1] - 4}


region_loss = Question(
    id="region_loss",
    title="The loss of Fast R-CNN",
    notebook=NOTEBOOK,
    points=3,
    minutes=35,
    difficulty=3,
    importance=4,
    hints=(
        "Two losses that share nothing but the average: softmax on the columns from 4 on, for every region; the given "
        "smooth_absolute_error on the first four, for some.",
        "Fill dx part by part. The box's part is multiplied by BOX_WEIGHT, in the loss and in the gradient; rows of "
        "the background keep zeros there. Divide all by R.",
    ),
    implements=(f"{NETS}:region_loss",),
    cases=(
        Case("six regions", lambda rng: _loss_inputs(rng, 6, 4), _run_region_loss, _loss_sizes),
        Case("more regions", lambda rng: _loss_inputs(rng, 13, 5), _run_region_loss, _loss_sizes),
        Case("background alone", _all_background, _run_region_loss, _loss_sizes),
        Case("float32", lambda rng: _loss_inputs(rng, 7, 3, dtype=np.float32), _run_region_loss, _loss_sizes, 1e-4),
        Case(
            "scores near 1000",
            lambda rng: _loss_inputs(rng, 5, 4, scale=500.0),
            _run_region_loss,
            _loss_sizes,
            edge="early in training a score can be far from 0, where exp overflows; the largest score of each row is "
            "subtracted first",
        ),
    ),
)


# ---- Faster R-CNN


def _proposal_inputs(rng, side, num_proposals, size, stride=8):
    y, x = np.meshgrid(np.arange(side), np.arange(side), indexing="ij")
    centers = stride * (np.stack([x, y], axis=-1).reshape(-1, 2) + 0.5)
    anchors = np.concatenate([centers - size / 2, centers + size / 2], axis=1)
    predictions = 0.3 * rng.randn(len(anchors), 6)
    predictions[::3, 2] -= 2.5  # narrow boxes, some below 2 pixels
    predictions[:, 4:] *= 8
    limits = {"image_size": side * stride, "num_proposals": num_proposals}
    return {"predictions": predictions, "anchors": anchors, **limits}


def _thin(rng):
    """The most likely boxes are too thin."""
    inputs = _proposal_inputs(rng, 5, 4, 12.0)
    inputs["predictions"][:6, 3] = -3.0
    inputs["predictions"][:6, 5] = 30 + rng.permutation(6)
    return inputs


def _crowd(rng):
    """The best 6 * num_proposals anchors say nearly the same: one proposal is left."""
    inputs = _proposal_inputs(rng, 5, 2, 12.0)
    inputs["anchors"][:14] = [10, 11, 26, 25] + rng.uniform(-0.3, 0.3, size=(14, 4))
    inputs["predictions"][:14, :4] = rng.uniform(-0.01, 0.01, size=(14, 4))
    inputs["predictions"][:, 4:] *= 0.2
    inputs["predictions"][:14, 5] = 4 + 0.5 * rng.permutation(14)
    return inputs


def _run_proposals(**inputs):
    from cs231n.classifiers.region_nets import region_proposals

    return {"proposals": region_proposals(**inputs)}


def _proposal_sizes(anchors, num_proposals, **_):
    return {"anchors": len(anchors), "num_proposals": num_proposals}


region_proposals = Question(
    id="region_proposals",
    title="From anchors to proposals",
    notebook=NOTEBOOK,
    points=3,
    minutes=25,
    difficulty=3,
    importance=4,
    hints=(
        "Follow the text above the function, step by step: score, choose, decode, cut off, drop the thin ones, "
        "suppress, choose again. There is a function for four of these.",
        "Keep scores and boxes together: whenever you choose among the boxes, choose among the scores with the same "
        "index. nms returns indices, the best first.",
    ),
    implements=(f"{NETS}:region_proposals",),
    builds_on=("decode_boxes", "nms"),
    cases=(
        Case("three of 36 anchors", lambda rng: _proposal_inputs(rng, 6, 3, 14.0), _run_proposals, _proposal_sizes),
        Case("ten of 25 anchors", lambda rng: _proposal_inputs(rng, 5, 10, 20.0), _run_proposals, _proposal_sizes),
        Case("thin boxes", _thin, _run_proposals, _proposal_sizes),
        Case("the best are nearly the same", _crowd, _run_proposals, _proposal_sizes),
        Case(
            "all overlap",
            lambda rng: _proposal_inputs(rng, 4, 8, 20.0) | {"iou_threshold": 0.1},
            _run_proposals,
            _proposal_sizes,
        ),
    ),
)


# ---- a trained detector


def _judge_detector(params, bn_params):
    fits = _judge_params(params, bn_params)
    if not fits.ok:
        return [fits]
    X, truths = _unseen_scenes()
    found = _detect(params, bn_params, X)
    precision = _mean_average_precision(found, truths)
    return [
        fits,
        holds(
            f"mAP50 on {NUM_UNSEEN} unseen scenes is at least {BAR:g}",
            precision >= BAR,
            f"expected a mean average precision of at least {BAR:g}, got {precision:.3f}",
            mistake=_why_low(precision),
        ),
    ]


def _why_low(precision):
    if precision < 0.3:
        return (
            "hardly anything is found: has the loss fallen? Are the images preprocessed, and do images and truths "
            "belong together?"
        )
    return "train longer, on more scenes, or start from the convolutions of the trained Fast R-CNN"


@cache
def _unseen_scenes():
    from cs231n.net_visualization import preprocess
    from cs231n.scenes import load_scenes, truths

    scenes = load_scenes(NUM_UNSEEN, seed=SEED_UNSEEN)
    return preprocess(scenes["images"]), truths(scenes)


def _default_net():
    """The shapes of the parameters of a FasterRCNN with its default sizes, and the channels of its normalisations."""
    layers = {"conv0_0": (3, 16), "conv1_0": (16, 24), "conv2_0": (24, 48), "conv2_1": (48, 48), "conv2_2": (48, 48)}
    shapes = {}
    for name, (C, F) in layers.items():
        shapes |= {f"{name}_W": (F, C, 3, 3), f"{name}_gamma": (F,), f"{name}_beta": (F,)}
    shapes |= {"hidden_W": (768, 128), "hidden_b": (128,), "region_W": (128, 15), "region_b": (15,)}
    shapes |= {"proposal_W": (48, 48, 3, 3), "proposal_b": (48,), "anchor_W": (12, 48, 1, 1), "anchor_b": (12,)}
    return layers, shapes


def _judge_params(params, bn_params):
    layers, expected = _default_net()
    arrays = params if isinstance(params, dict) else {}
    off = [name for name, shape in expected.items() if not _is_floats(arrays.get(name), shape)]
    norms = bn_params if isinstance(bn_params, list | tuple) and len(bn_params) == len(layers) else []
    fits = [
        isinstance(norm, dict) and all(_is_floats(norm.get(f"running_{what}"), (F,)) for what in ("mean", "var"))
        for norm, (_, F) in zip(norms, layers.values(), strict=False)
    ]
    gap = [f"{name}: expected floats of shape {expected[name]}" for name in off]
    gap += [] if fits and all(fits) else ["bn_params: expected the running mean and variance of 5 normalisations"]
    mistake = "hand in detector.params and detector.bn_params of a FasterRCNN with its default sizes"
    if not gap and not all(np.isfinite(value).all() for value in params.values()):
        gap, mistake = ["some values are nan or infinite"], "training has diverged: use a smaller learning rate"
    return holds("the parameters are those of a Faster R-CNN of the default sizes", not gap, *gap[:4], mistake=mistake)


def _is_floats(array, shape):
    return isinstance(array, np.ndarray) and array.dtype.kind == "f" and array.shape == shape


# The detector once more, without anything that learners write.

STRIDE, SIDE, IMAGE, REGION = 4, 12, 48, 4
ANCHOR_SIZES = (12.0, 20.0)
NUM_PROPOSALS = 20


def _detect(params, bn_params, X):
    """What a Faster R-CNN with RoI pooling finds in images X: for each (boxes, scores, labels)."""
    maps = _maps(params, bn_params, X.astype(np.float32))
    hidden = np.maximum(_conv(maps, params["proposal_W"]) + _by_channel(params["proposal_b"]), 0)
    predictions = _conv(hidden, params["anchor_W"]) + _by_channel(params["anchor_b"])
    by_image = predictions.transpose(0, 2, 3, 1).reshape(len(X), -1, 6).astype(float)
    return [_judge_image(params, x, rows) for x, rows in zip(maps, by_image, strict=True)]


def _maps(params, bn_params, x):
    for name, norm in zip(_default_net()[0], bn_params, strict=True):
        if name in ("conv1_0", "conv2_0"):
            n, C, H, W = x.shape
            x = x.reshape(n, C, H // 2, 2, W // 2, 2).max(axis=(3, 5))
        gain = params[f"{name}_gamma"] / np.sqrt(norm["running_var"] + 1e-5)
        x = (_conv(x, params[f"{name}_W"]) - _by_channel(norm["running_mean"])) * _by_channel(gain)
        x = np.maximum(x + _by_channel(params[f"{name}_beta"]), 0)
    return x


def _by_channel(values):
    return values[:, np.newaxis, np.newaxis]


def _conv(x, w):
    """A convolution that keeps height and width, image by image to save memory."""
    F, C, size, _ = w.shape
    pad = size // 2
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(2, 3))  # (N, C, H, W, size, size)
    rows = w.reshape(F, -1)
    H, W = x.shape[2:]
    return np.stack([rows @ image.transpose(0, 3, 4, 1, 2).reshape(-1, H * W) for image in windows]).reshape(
        -1, F, H, W
    )


def _judge_image(params, maps, rows):
    proposals = _proposals(rows)
    parts = np.stack([_pooled(maps, box) for box in proposals]).reshape(len(proposals), -1)
    hidden = np.maximum(parts @ params["hidden_W"] + params["hidden_b"], 0)
    x = (hidden @ params["region_W"] + params["region_b"]).astype(float)
    probs = np.exp(x[:, 4:] - x[:, 4:].max(axis=1, keepdims=True))
    probs /= probs.sum(axis=1, keepdims=True)
    boxes, scores, labels = _decode(x[:, :4], proposals), probs[:, 1:].max(axis=1), probs[:, 1:].argmax(axis=1)
    likely = scores >= 0.05
    boxes, scores, labels = boxes[likely], scores[likely], labels[likely]
    kept = _kept(boxes + 100.0 * labels[:, np.newaxis], scores, 0.5)  # classes apart
    return boxes[kept], scores[kept], labels[kept]


def _proposals(rows):
    y, x = np.mgrid[:SIDE, :SIDE]
    centers = STRIDE * (np.stack([x, y], axis=-1).reshape(-1, 1, 2) + 0.5)
    halves = np.array(ANCHOR_SIZES)[:, np.newaxis] / 2
    anchors = np.concatenate([centers - halves, centers + halves], axis=2).reshape(-1, 4)
    scores = rows[:, 5] - rows[:, 4]
    best = np.argsort(-scores)[: 6 * NUM_PROPOSALS]
    boxes, scores = _decode(rows[best, :4], anchors[best]), scores[best]
    is_large = (boxes[:, 2:] - boxes[:, :2]).min(axis=1) >= 2
    boxes, scores = boxes[is_large], scores[is_large]
    kept = _kept(boxes, scores, 0.7)[:NUM_PROPOSALS]
    return boxes[kept] if len(kept) else np.array([[0.0, 0, IMAGE, IMAGE]])


def _decode(deltas, anchors):
    sizes = anchors[:, 2:] - anchors[:, :2]
    centers = (anchors[:, :2] + anchors[:, 2:]) / 2 + deltas[:, :2] * sizes
    sizes = sizes * np.exp(np.minimum(deltas[:, 2:], np.log(1000 / 16)))
    return np.clip(np.concatenate([centers - sizes / 2, centers + sizes / 2], axis=1), 0, IMAGE)


def _overlap(boxes, others):
    starts, ends = (
        np.maximum(boxes[:, np.newaxis, :2], others[:, :2]),
        np.minimum(boxes[:, np.newaxis, 2:], others[:, 2:]),
    )
    shared = np.clip(ends - starts, 0, None).prod(axis=2)
    areas, other_areas = ((b[:, 2:] - b[:, :2]).prod(axis=1) for b in (boxes, others))
    return shared / np.maximum(areas[:, np.newaxis] + other_areas - shared, 1e-9)


def _kept(boxes, scores, threshold):
    left, kept = list(np.argsort(-scores, kind="stable")), []
    overlaps = _overlap(boxes, boxes)
    while left:
        kept.append(left[0])
        left = [i for i in left if overlaps[kept[-1], i] <= threshold and i != kept[-1]]
    return np.array(kept, dtype=int)


def _pooled(maps, box):
    """RoI pooling of one region: (C, REGION, REGION)."""
    C, H, W = maps.shape
    left, top, right, bottom = np.floor(box / STRIDE + 0.5)
    out = np.zeros((C, REGION, REGION), maps.dtype)
    for i, j in np.ndindex(REGION, REGION):
        rows, columns = _bin(top, bottom, i, H), _bin(left, right, j, W)
        entries = maps[:, rows, columns].reshape(C, -1)
        out[:, i, j] = entries.max(axis=1) if entries.size else 0
    return out


def _bin(start, end, i, length):
    size = max(end - start + 1, 1) / REGION
    first, stop = np.floor(i * size) + start, np.ceil((i + 1) * size) + start
    return slice(int(min(first, length)), int(min(stop, length)))


def _mean_average_precision(found, truths):
    """The mean over the classes of the area under precision against recall, at an overlap of 0.5."""
    labels = np.unique(np.concatenate([truth["labels"] for truth in truths]))
    return float(np.mean([_average_precision(label, found, truths) for label in labels]))


def _average_precision(label, found, truths):
    scores, hits, num_true = [], [], 0
    for (boxes, confidence, labels), truth in zip(found, truths, strict=True):
        things = truth["boxes"][truth["labels"] == label].astype(float)
        num_true += len(things)
        free = np.ones(len(things), dtype=bool)
        mine = np.flatnonzero(labels == label)
        for k in mine[np.argsort(-confidence[mine], kind="stable")]:
            overlaps = _overlap(boxes[k : k + 1], things)[0]
            thing = overlaps.argmax() if len(things) else -1
            hit = len(things) > 0 and overlaps[thing] >= 0.5 and free[thing]
            free[thing : thing + 1 if thing >= 0 else 0] &= not hit
            scores.append(confidence[k])
            hits.append(hit)
    found_so_far = np.cumsum(np.array(hits, dtype=float)[np.argsort(-np.array(scores), kind="stable")])
    precision = np.maximum.accumulate((found_so_far / np.arange(1, len(hits) + 1))[::-1])[::-1]
    return float(np.sum(np.diff(found_so_far, prepend=0) * precision) / num_true)


faster_rcnn = Question(
    id="faster_rcnn",
    title="A Faster R-CNN that finds things in new scenes",
    notebook=NOTEBOOK,
    points=4,
    minutes=30,
    difficulty=3,
    importance=5,
    hints=(
        "The training has two stages. What has Fast R-CNN already learnt that Faster R-CNN, a subclass with two more "
        "layers, can use?",
        "Copy the arrays of all parameters that both nets have, and the running statistics, then train for a few "
        "epochs more at a rate of a few thousandths.",
    ),
    builds_on=("region_proposals", "match_regions", "region_loss", "encode_boxes", "merge_segments"),
    values=("params", "bn_params"),
    judge=_judge_detector,
)

QUESTIONS = (
    box_iou,
    nms,
    match_detections,
    precision_recall,
    average_precision,
    sliding_windows,
    merge_segments,
    crop_and_warp,
    encode_boxes,
    decode_boxes,
    roi_pool_forward,
    roi_pool_backward,
    match_regions,
    region_loss,
    region_proposals,
    faster_rcnn,
)
