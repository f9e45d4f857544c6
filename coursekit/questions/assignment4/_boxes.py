"""What the questions of detectors need of boxes, computed here: answers are judged without the learner's functions."""

import numpy as np


def grid_of_anchors(S, stride, sizes):
    """Square anchors around the centres of S x S cells, row by row: (S * S * len(sizes), 4)."""
    rows, columns = np.divmod(np.arange(S * S), S)
    centers = stride * (np.stack([columns, rows], axis=1) + 0.5)
    halves = np.array(sizes)[:, np.newaxis] / 2
    corners = (centers[:, np.newaxis] - halves, centers[:, np.newaxis] + halves)  # each (S * S, A, 2)
    return np.concatenate(corners, axis=2).reshape(-1, 4)


def overlaps(boxes, others):
    """Intersection over union of each pair: (K, M)."""
    starts = np.maximum(boxes[:, np.newaxis, :2], others[:, :2])
    sizes = np.minimum(boxes[:, np.newaxis, 2:], others[:, 2:]) - starts
    shared = np.maximum(sizes, 0).prod(axis=2)
    areas, other_areas = ((b[:, 2:] - b[:, :2]).prod(axis=1) for b in (boxes, others))
    return shared / np.maximum(areas[:, np.newaxis] + other_areas - shared, 1e-9)


def kept(iou, labels, iou_threshold):
    """Indices of detections, the best first, that overlap no better one of their class too much."""
    chosen = []
    for k in range(len(labels)):
        if all(labels[k] != labels[j] or iou[k, j] <= iou_threshold for j in chosen):
            chosen.append(k)
    return chosen


def right_ones(iou, iou_threshold):
    """Which detections, the best first, reach a thing that no better one has taken."""
    taken, is_right = set(), []
    for row in iou:
        thing = int(row.argmax()) if row.size else -1
        is_right.append(thing >= 0 and row[thing] >= iou_threshold and thing not in taken)
        if is_right[-1]:
            taken.add(thing)
    return np.array(is_right, dtype=bool)


def area_under_curve(scores, is_right, num_true):
    """The area under the curve of precision against recall, at all points."""
    found = np.cumsum(is_right[np.argsort(-scores, kind="stable")])
    best = np.maximum.accumulate((found / np.arange(1, len(found) + 1))[::-1])[::-1]
    return float(np.sum(np.diff(found, prepend=0) * best) / num_true)
