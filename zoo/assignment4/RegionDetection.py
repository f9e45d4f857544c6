"""The functions of RegionDetection as learners write them."""

import numpy as np

from cs231n import boxes as box_functions
from cs231n.detection_metrics import precision_recall
from cs231n.roi_layers import roi_pool_forward
from zoo import right, slips, wrong

# ---- box_iou

slips(
    "box_iou",
    (
        "the intersection is divided by the sum of both areas: the union counts what they share only once",
        "box_area(others) - intersection",
        "box_area(others)",
    ),
    (
        "the overlap is the intersection divided by the smaller area: divide by the area of the union",
        "union = box_area(boxes)[:, np.newaxis] + box_area(others) - intersection",
        "union = np.minimum(box_area(boxes)[:, np.newaxis], box_area(others))",
    ),
    (
        "the overlap is the intersection divided by the area of the first box: divide by the area of the union",
        "union = box_area(boxes)[:, np.newaxis] + box_area(others) - intersection",
        "union = box_area(boxes)[:, np.newaxis] + 0 * box_area(others)",
    ),
    (
        "the overlap of boxes that lie apart in both directions is not 0: negative widths and heights must become 0 "
        "before they are multiplied",
        "np.prod(np.maximum(ends - starts, 0), axis=2)",
        "np.maximum(np.prod(ends - starts, axis=2), 0)",
    ),
    (
        "1 is added to the widths and heights of the intersection: the right edge is not a part of the box",
        "np.maximum(ends - starts, 0)",
        "np.maximum(ends - starts + 1, 0)",
    ),
    (
        "1 is added to all widths and heights: the right edge is not a part of the box",
        "np.prod(np.maximum(ends - starts, 0), axis=2)  # (N, M)",
        "np.prod(np.maximum(ends - starts + 1, 0), axis=2)\n"
        "area, other_area = (np.prod(b[:, 2:] - b[:, :2] + 1, axis=1) for b in (boxes, others))",
        "box_area(boxes)[:, np.newaxis] + box_area(others) - intersection",
        "area[:, np.newaxis] + other_area - intersection",
    ),
    (
        "the corners of the union's frame are taken: the intersection begins at the larger of the left and top edges "
        "and ends at the smaller of the right and bottom edges",
        "np.maximum(boxes[:, np.newaxis, :2]",
        "np.minimum(boxes[:, np.newaxis, :2]",
        "np.minimum(boxes[:, np.newaxis, 2:]",
        "np.maximum(boxes[:, np.newaxis, 2:]",
    ),
    (
        "widths and heights of the intersection are added: the area is their product",
        "np.prod(np.maximum(ends - starts, 0), axis=2)",
        "np.sum(np.maximum(ends - starts, 0), axis=2)",
    ),
    (
        "the area of the intersection is returned: divide it by the area of the union",
        "iou = np.divide(intersection, union, out=np.zeros_like(intersection), where=union > 0)",
        "iou = intersection",
    ),
    (
        "iou is transposed: row n belongs to boxes[n], column m to others[m]",
        "iou = np.divide(intersection, union, out=np.zeros_like(intersection), where=union > 0)",
        "iou = (intersection / union).T",
    ),
    (
        "a negative width or height counts: where boxes lie apart, the intersection is 0",
        "np.maximum(ends - starts, 0)",
        "ends - starts",
    ),
    (
        "the distance of boxes that lie apart counts as a width or height: np.abs makes it positive, "
        "where it must become 0",
        "np.maximum(ends - starts, 0)",
        "np.abs(ends - starts)",
    ),
    (
        "the intersection is divided by the area of the smallest box around both: divide by the area of the union",
        "union = box_area(boxes)[:, np.newaxis] + box_area(others) - intersection",
        "frame = np.maximum(boxes[:, np.newaxis, 2:], others[:, 2:]) - np.minimum(boxes[:, np.newaxis, "
        ":2], others[:, :2])\n"
        "union = np.prod(frame, axis=2)",
    ),
    (
        "the last two columns are taken as width and height: a box is (left, top, right, bottom)",
        'boxes, others = _as_boxes("boxes", boxes), _as_boxes("others", others)',
        "boxes, others = (np.concatenate([b[:, :2], b[:, :2] + b[:, 2:]], axis=1) for b in (boxes * "
        "1.0, others * 1.0))",
    ),
    (
        "the height of the intersection is computed from left and right edges: it needs top and bottom",
        "np.prod(np.maximum(ends - starts, 0), axis=2)",
        "np.maximum(ends - starts, 0)[..., 0] ** 2",
    ),
)


@right("box_iou", edge="0 / 0 is nan")
def iou_with_loops(boxes, others):
    iou = np.zeros((len(boxes), len(others)))
    for n, (left, top, right_, bottom) in enumerate(boxes):
        for m, (a, b, c, d) in enumerate(others):
            width, height = min(right_, c) - max(left, a), min(bottom, d) - max(top, b)
            shared = max(width, 0) * max(height, 0)
            iou[n, m] = shared / np.float64((right_ - left) * (bottom - top) + (c - a) * (d - b) - shared)
    return iou


@right("box_iou")
def iou_column_by_column(boxes, others):
    left, top, right_, bottom = (column[:, None] for column in np.asarray(boxes).T)
    a, b, c, d = np.asarray(others).T
    width = np.clip(np.minimum(right_, c) - np.maximum(left, a), 0, None)
    height = np.clip(np.minimum(bottom, d) - np.maximum(top, b), 0, None)
    shared = width * height
    return shared / np.maximum((right_ - left) * (bottom - top) + (c - a) * (d - b) - shared, 1e-12)


# ---- nms

slips(
    "nms",
    (
        "boxes that were dropped themselves drop others: only a box that is kept can do that",
        "if not is_dropped[i]:",
        "if True:",
    ),
    (
        "boxes with a small overlap are dropped: drop those whose overlap is larger than the threshold",
        "> iou_threshold",
        "< iou_threshold",
    ),
    (
        "the numbers in the sorted list are returned: order turns them back into indices of boxes",
        "kept = order[~is_dropped]",
        "kept = np.flatnonzero(~is_dropped)",
    ),
    ("the boxes that were dropped are returned", "order[~is_dropped]", "order[is_dropped]"),
    ("a boolean array is returned: return the indices of the boxes that are kept", "order[~is_dropped]", "~is_dropped"),
    (
        "the indices are sorted by number: the box with the highest score comes first",
        "kept = order[~is_dropped]",
        "kept = np.sort(order[~is_dropped])",
    ),
    (
        "the overlaps are those of the boxes as they came, but i counts the sorted ones",
        "box_iou(boxes[order], boxes[order])",
        "box_iou(boxes, boxes)",
    ),
    (
        "each box is compared with the next one only: a box that is kept drops all overlapping ones after it",
        "is_dropped[i + 1 :] |= overlaps[i, i + 1 :]",
        "is_dropped[i + 1 : i + 2] |= overlaps[i, i + 1 : i + 2]",
    ),
    (
        "what earlier boxes have dropped is forgotten: a dropped box stays dropped",
        "is_dropped[i + 1 :] |= overlaps[i, i + 1 :]",
        "is_dropped[i + 1 :] = overlaps[i, i + 1 :]",
    ),
    (
        "the best box is kept and nothing else: go on with those that it does not overlap",
        "kept = order[~is_dropped]",
        "kept = order[:1]",
    ),
    (
        "each box drops itself: it overlaps itself entirely, so compare it with those after it",
        "is_dropped[i + 1 :] |= overlaps[i, i + 1 :]",
        "is_dropped |= overlaps[i]",
    ),
    (
        "the boxes themselves are returned: return their indices",
        "kept = order[~is_dropped]",
        "kept = boxes[order[~is_dropped]]",
    ),
    (
        "the box with the lowest score is kept first: begin with the highest",
        "overlaps = box_iou",
        "order = order[::-1]\noverlaps = box_iou",
    ),
)


@wrong("nms", "the worst box is kept first: begin with the highest score")
def nms_from_the_worst(boxes, scores, iou_threshold):
    return box_functions.nms(boxes, -scores, iou_threshold)


@right("nms")
def nms_with_a_list(boxes, scores, iou_threshold):
    left, kept = list(np.argsort(scores)[::-1]), []
    while left:
        best = left.pop(0)
        kept.append(best)
        left = [i for i in left if box_functions.box_iou(boxes[[best]], boxes[[i]])[0, 0] <= iou_threshold]
    return np.array(kept, dtype=int)


@right("nms", edge="must be decided")
def nms_that_asks_what_is_kept(boxes, scores, iou_threshold):
    overlaps, kept = box_functions.box_iou(boxes, boxes), []
    for i in np.argsort(-scores):
        if all(overlaps[i, k] < iou_threshold for k in kept):
            kept.append(i)
    return np.array(kept, dtype=int)


# ---- match_detections

slips(
    "match_detections",
    (
        "a thing can be found by several detections: the first one takes it, all others are wrong",
        " and not is_taken[thing]",
        "",
    ),
    (
        "the detections choose in the order of their rows: the one with the highest score chooses first",
        'np.argsort(-np.asarray(scores), kind="stable")',
        "range(len(scores))",
    ),
    (
        "the detection with the lowest score chooses first: the highest comes first",
        "np.argsort(-np.asarray(scores)",
        "np.argsort(np.asarray(scores)",
    ),
    (
        "a detection whose thing is taken gets another one: it has one choice, the thing that it overlaps most",
        "overlaps[k].argmax()",
        "np.where(is_taken, -1, overlaps[k]).argmax()",
    ),
    (
        "every detection whose thing is still free is right, however little it overlaps: compare with the threshold",
        "overlaps[k, thing] >= iou_threshold and not is_taken[thing]",
        "not is_taken[thing]",
    ),
    (
        "is_right has the order of the scores: entry k belongs to detection k",
        'for k in np.argsort(-np.asarray(scores), kind="stable"):',
        'for n, k in enumerate(np.argsort(-np.asarray(scores), kind="stable")):',
        "is_right[k] = ",
        "is_right[n] = ",
    ),
    (
        "a detection that overlaps a thing too little takes it from the next one: only one that is "
        "right takes its thing",
        "if overlaps[k, thing] >= iou_threshold and not is_taken[thing]:\n"
        "            is_right[k] = is_taken[thing] = True",
        "if not is_taken[thing]:\n    is_right[k] = overlaps[k, thing] >= iou_threshold\n    is_taken[thing] = True",
    ),
    (
        "the score is compared with iou_threshold: it is the overlap that must reach it",
        "if overlaps[k, thing] >= iou_threshold",
        "if scores[k] >= iou_threshold",
    ),
)


@wrong(
    "match_detections",
    "the things choose their detections: the detections choose, in the order of their scores",
)
def match_things_choose(overlaps, scores, iou_threshold):
    is_right = np.zeros(len(overlaps), dtype=bool)
    for m in range(overlaps.shape[1]):
        if overlaps[:, m].max() >= iou_threshold:
            is_right[overlaps[:, m].argmax()] = True
    return is_right


@right("match_detections")
def match_with_a_set(overlaps, scores, iou_threshold):
    taken, is_right = set(), [False] * len(overlaps)
    for k in sorted(range(len(overlaps)), key=lambda k: -scores[k]):
        thing = int(np.argmax(overlaps[k]))
        if thing not in taken and overlaps[k][thing] >= iou_threshold:
            taken.add(thing)
            is_right[k] = True
    return np.array(is_right)


# ---- precision_recall

slips(
    "precision_recall",
    (
        "the detections are not sorted: the one with the highest score comes first",
        'np.asarray(is_right)[np.argsort(-np.asarray(scores), kind="stable")]',
        "np.asarray(is_right)",
    ),
    (
        "the detections are sorted from the lowest score to the highest: the highest comes first",
        "np.argsort(-np.asarray(scores)",
        "np.argsort(np.asarray(scores)",
    ),
    (
        "recall is the share of all right detections: divide by num_true, the number of things",
        "found / num_true",
        "found / found[-1:]",
    ),
    (
        "precision is divided by the number of all detections: divide entry k by k + 1",
        "found / np.arange(1, len(found) + 1)",
        "found / len(found)",
    ),
    (
        "precision is divided by num_true: divide entry k by k + 1, the number of detections so far",
        "found / np.arange(1, len(found) + 1)",
        "found / num_true",
    ),
    (
        "entry k of precision is divided by k: the detections so far are k + 1",
        "np.arange(1, len(found) + 1)",
        "np.maximum(np.arange(len(found)), 1)",
    ),
    (
        "precision and recall are returned in the wrong order",
        "return precision, recall",
        "return recall, precision",
    ),
    (
        "the numbers are put back into the order in which the detections came: entry k belongs to the k "
        "+ 1 highest scores",
        "precision, recall = found / np.arange(1, len(found) + 1), found / num_true",
        'back = np.argsort(np.argsort(-np.asarray(scores), kind="stable"))\n'
        "precision, recall = (found / np.arange(1, len(found) + 1))[back], (found / num_true)[back]",
    ),
    (
        "precision is divided by k, which is 0 for the first detection: k + 1 detections are counted in entry k",
        "np.arange(1, len(found) + 1)",
        "np.arange(len(found))",
    ),
)


@wrong("precision_recall", "nothing is summed: entry k counts all right ones among the first k + 1")
def precision_without_a_sum(scores, is_right, num_true):
    found = np.asarray(is_right)[np.argsort(-scores)].astype(float)
    return found / np.arange(1, len(found) + 1), found / num_true


@right("precision_recall")
def precision_with_a_loop(scores, is_right, num_true):
    precision, recall, found = [], [], 0
    for k, index in enumerate(np.argsort(scores)[::-1], 1):
        found += bool(is_right[index])
        precision.append(found / k)
        recall.append(found / num_true)
    return np.array(precision), np.array(recall)


# ---- average_precision

slips(
    "average_precision",
    (
        "the precision is used as it is: at each recall counts the best precision from there on",
        "np.maximum.accumulate(precision[::-1])[::-1]",
        "precision",
    ),
    (
        "the best precision so far is taken: at each recall counts the best one from there on",
        "np.maximum.accumulate(precision[::-1])[::-1]",
        "np.maximum.accumulate(precision)",
    ),
    (
        "the mean of the precisions is returned: each counts by how much recall grows there",
        "np.sum(np.diff(recall, prepend=0) * best)",
        "np.mean(best) if len(best) else 0",
    ),
    (
        "the first rectangle is missing: recall begins at 0",
        "np.sum(np.diff(recall, prepend=0) * best)",
        "np.sum(np.diff(recall) * best[1:])",
    ),
    (
        "the curve is read at eleven recalls, as in the VOC challenge before 2010: here the area is exact",
        "np.sum(np.diff(recall, prepend=0) * best)",
        "sum(np.max(precision[recall >= r], initial=0) for r in np.linspace(0, 1, 11)) / 11",
    ),
    (
        "trapezoids are added up below the teeth of the curve: first make it fall, then add up rectangles",
        "np.sum(np.diff(recall, prepend=0) * best)",
        "np.sum(np.diff(recall, prepend=0) * (precision + np.append(1, precision[:-1])) / 2)",
    ),
    (
        "the area is divided by the highest recall: things that were never found count as well",
        "np.sum(np.diff(recall, prepend=0) * best)",
        "np.sum(np.diff(recall, prepend=0) * best) / max(np.max(recall, initial=0), 1e-12)",
    ),
    (
        "the mean of the precisions is returned, of all detections alike: each counts by how much recall grows there",
        "area = np.sum(np.diff(recall, prepend=0) * best)",
        "area = precision.mean() if len(precision) else 0.0",
    ),
    (
        "the width of each rectangle is the recall itself: it is how much recall grows from one detection to the next",
        "np.diff(recall, prepend=0) * best",
        "recall * best",
    ),
)


@right("average_precision")
def area_thing_by_thing(scores, is_right, num_true):
    """For each thing that was found, the best precision from there on."""
    found = np.asarray(is_right)[np.argsort(-np.asarray(scores))]
    precision = np.cumsum(found) / (1 + np.arange(len(found)))
    return sum(precision[k:].max() for k in np.flatnonzero(found)) / num_true


@right("average_precision")
def area_with_a_loop_backwards(scores, is_right, num_true):
    precision, recall = precision_recall(scores, is_right, num_true)
    area, best = 0.0, 0.0
    for k in range(len(precision) - 1, -1, -1):
        best = max(best, precision[k])
        area += best * (recall[k] - (recall[k - 1] if k else 0))
    return area


# ---- sliding_windows

slips(
    "sliding_windows",
    (
        "the last window is missing: the largest edge, such as width - size, is allowed",
        "height - size + 1, stride), np.arange(0, width - size + 1, stride)",
        "height - size, stride), np.arange(0, width - size, stride)",
    ),
    (
        "windows reach beyond the image: the last one ends at its edge, or before",
        "height - size + 1, stride), np.arange(0, width - size + 1, stride)",
        "height, stride), np.arange(0, width, stride)",
    ),
    (
        "left and top are swapped: a box is (left, top, right, bottom)",
        "np.stack([left, top, left + size, top + size], axis=1)",
        "np.stack([top, left, top + size, left + size], axis=1)",
    ),
    (
        "the windows are listed column by column: list them row by row, from left to right",
        'np.meshgrid(tops, lefts, indexing="ij")',
        "np.meshgrid(tops, lefts)",
    ),
    (
        "width and height are given: a box is (left, top, right, bottom)",
        "left + size, top + size]",
        "0 * left + size, 0 * top + size]",
    ),
    (
        "1 is subtracted from right and bottom: the right edge of a box is its left edge plus its width",
        "left + size, top + size]",
        "left + size - 1, top + size - 1]",
    ),
    (
        "the windows are one pixel apart: they are stride pixels apart",
        "size + 1, stride)",
        "size + 1)",
    ),
    (
        "the stride is ignored: the windows lie a whole window apart",
        "height - size + 1, stride)",
        "height - size + 1, size)",
        "width - size + 1, stride)",
        "width - size + 1, size)",
    ),
    (
        "height and width are swapped: tops go up to height - size, lefts up to width - size",
        "height - size + 1",
        "width - size + 1 + 0",
        "0, width - size + 1, stride",
        "0, height - size + 1, stride",
    ),
    (
        "the stride counts for rows only: windows lie `stride` apart in both directions",
        "width - size + 1, stride)",
        "width - size + 1)",
    ),
)


@right("sliding_windows", edge="there is no window")
def windows_with_loops(height, width, size, stride):
    found = []
    for top in range(0, height - size + 1, stride):
        for left in range(0, width - size + 1, stride):
            found.append((left, top, left + size, top + size))
    return np.array(found)


# ---- merge_segments

# These two would go on for ever on some inputs; here they stop after as many joins as nobody needs.
ENDS_AT_LAST = ("while is_neighbour.any():", "while is_neighbour.any() and len(joined) < 2 * len(sizes):")

slips(
    "merge_segments",
    (
        "the colours are averaged without the sizes: the new segment has the mean colour of all its pixels",
        "(sizes[i] * colours[i] + sizes[j] * colours[j]) / (sizes[i] + sizes[j])",
        "(colours[i] + colours[j]) / 2",
    ),
    (
        "the new segment keeps the colour of the first: it has the mean colour of all its pixels",
        "colours[i] = (sizes[i] * colours[i] + sizes[j] * colours[j]) / (sizes[i] + sizes[j])",
        "pass",
    ),
    ("the size of the new segment is not updated: it has the pixels of both", "sizes[i] += sizes[j]", "pass"),
    (
        "the size of the new segment is that of the second one: it has the pixels of both",
        "sizes[i] += sizes[j]",
        "sizes[i] = sizes[j]",
    ),
    (
        "the new segment keeps only the neighbours of the first: it touches those of both",
        "is_neighbour[i] | is_neighbour[j]",
        "is_neighbour[i].copy()",
    ),
    (
        "the new segment keeps only the neighbours that both had: it touches those of either",
        "is_neighbour[i] | is_neighbour[j]",
        "is_neighbour[i] & is_neighbour[j]",
    ),
    (
        "the similarities of the new segment are not computed anew: its colour, size and box have changed",
        "of_new = similarity(sizes[i], colours[i], boxes[i], sizes, colours, boxes, image_area)",
        "of_new = np.maximum(alike[i], alike[j])",
    ),
    (
        "the two that are least alike are joined: join the two that are most alike",
        "np.unravel_index(alike.argmax(), alike.shape)",
        "np.unravel_index(np.where(is_neighbour, alike, np.inf).argmin(), alike.shape)",
    ),
    (
        "segments that do not touch are joined: only neighbours may be",
        "alike = np.where(is_neighbour, similarity(*rows, sizes, colours, boxes, image_area), -np.inf)",
        "alike = np.where(np.eye(len(sizes)) > 0, -np.inf, similarity(*rows, sizes, colours, boxes, image_area))",
    ),
    (
        "the boxes of the joins are views of one array that changes later: append a copy",
        "boxes[i].copy()",
        "boxes[i]",
    ),
    (
        "the new segment keeps the box of the first: it needs the box that holds both",
        "boxes[i] = _joint_box(boxes[i], boxes[j])",
        "pass",
    ),
    (
        "the segments that are left over at the end are returned: return the box of every join",
        "np.array(joined).reshape(-1, 4)",
        "boxes[[int(i)]]",
    ),
    (
        "the similarities of the segment that is gone are kept: row j and column j must become -inf",
        "alike[j] = alike[:, j] = -np.inf",
        "alike[j, j] = -np.inf",
        *ENDS_AT_LAST,
    ),
    (
        "the neighbours of the new segment are written to its row alone: its column needs them as well",
        "is_neighbour[i] = is_neighbour[:, i] = neighbours",
        "is_neighbour[i] = neighbours",
        *ENDS_AT_LAST,
    ),
    (
        "the mean colour uses the size of the new segment: add the sizes after the colours are averaged",
        "colours[i] = (sizes[i] * colours[i] + sizes[j] * colours[j]) / (sizes[i] + sizes[j])\n"
        "        sizes[i] += sizes[j]",
        "sizes[i] += sizes[j]\ncolours[i] = (sizes[i] * colours[i] + sizes[j] * colours[j]) / (sizes[i] + sizes[j])",
    ),
)


@right("merge_segments")
def merge_with_pairs(sizes, colours, boxes, is_neighbour, image_area):
    """With a dict of segments, and a list of all pairs that is looked through each time."""
    from cs231n.selective_search import similarity

    segments = {
        i: (float(size), np.array(colour, float), np.array(box, float))
        for i, (size, colour, box) in enumerate(zip(sizes, colours, boxes, strict=True))
    }
    touches = {i: set(np.flatnonzero(row)) for i, row in enumerate(is_neighbour)}
    found = []
    while any(touches.values()):
        pairs = [(i, j) for i in sorted(touches) for j in sorted(touches[i]) if i < j]
        i, j = max(pairs, key=lambda pair: similarity(*segments[pair[0]], *segments[pair[1]], image_area))
        (a, p, s), (b, q, t) = segments[i], segments.pop(j)
        box = np.append(np.minimum(s[:2], t[:2]), np.maximum(s[2:], t[2:]))
        segments[i] = a + b, (a * p + b * q) / (a + b), box
        found.append(box)
        for k in touches.pop(j):
            touches[k].discard(j)
            if k != i:
                touches[k].add(i)
                touches[i].add(k)
    return np.array(found)


# ---- crop_and_warp

slips(
    "crop_and_warp",
    (
        "the cells are looked at in their upper left corners: take the pixel in which the centre lies",
        "(np.arange(size) + 0.5) / size",
        "np.arange(size) / size",
    ),
    (
        "the first and the last cell look at the edges of the region: divide it into equal cells, look at the centres",
        "(np.arange(size) + 0.5) / size",
        "np.linspace(0, 1, size)",
    ),
    (
        "the positions are rounded to the nearest number: pixel 3 reaches from 3 to 4, so round down",
        "np.floor(p)",
        "np.round(p)",
    ),
    (
        "rows and columns are swapped: top and bottom belong to rows, left and right to columns",
        "y = top[:, np.newaxis] + (bottom - top)[:, np.newaxis] * steps",
        "x = top[:, np.newaxis] + (bottom - top)[:, np.newaxis] * steps",
        "x = left[:, np.newaxis] + (right - left)[:, np.newaxis] * steps",
        "y = left[:, np.newaxis] + (right - left)[:, np.newaxis] * steps",
    ),
    (
        "all regions are cut out of the first image: the first column of rois names the image",
        "n[:, np.newaxis, np.newaxis]",
        "0 * n[:, np.newaxis, np.newaxis]",
    ),
    (
        "the right edge is used as a width: the region is right - left wide and bottom - top high",
        "(bottom - top)[:, np.newaxis]",
        "bottom[:, np.newaxis]",
        "(right - left)[:, np.newaxis]",
        "right[:, np.newaxis]",
    ),
    (
        "positions beyond the edge wrap around: they look like the nearest pixel inside",
        "np.clip(np.floor(p), 0, limit - 1).astype(int)",
        "np.floor(p).astype(int) % limit",
    ),
    (
        "crops has the axes (K, size, size, C): the channels come before rows and columns",
        "crops = crops.transpose(0, 3, 1, 2)  # (K, size, size, C) -> (K, C, size, size)",
        "pass",
    ),
    (
        "rows and columns of the crops are swapped",
        "crops.transpose(0, 3, 1, 2)",
        "crops.transpose(0, 3, 2, 1)",
    ),
    (
        "the regions are cut out without being stretched: a cell is the region's width divided by size wide",
        "(bottom - top)[:, np.newaxis] * steps",
        "size * steps",
        "(right - left)[:, np.newaxis] * steps",
        "size * steps",
    ),
    (
        "the edges of the regions are cut off to whole numbers: only the pixel at a centre is rounded down",
        "rois[:, 1:].T",
        "rois[:, 1:].astype(int).T",
    ),
    (
        "width and height of a region are taken to be the same: rows go from top to bottom, columns from left to right",
        "(bottom - top)[:, np.newaxis] * steps",
        "(right - left)[:, np.newaxis] * steps",
    ),
)


@right("crop_and_warp")
def crop_with_loops(images, rois, size):
    out = np.zeros((len(rois), images.shape[1], size, size), images.dtype)
    for k, (n, left, top, right_, bottom) in enumerate(rois):
        for i in range(size):
            row = int(np.floor(top + (bottom - top) * (i + 0.5) / size))
            for j in range(size):
                column = int(np.floor(left + (right_ - left) * (j + 0.5) / size))
                row_, column_ = min(max(row, 0), images.shape[2] - 1), min(max(column, 0), images.shape[3] - 1)
                out[k, :, i, j] = images[int(n), :, row_, column_]
    return out


@right("crop_and_warp")
def crop_region_by_region(images, rois, size):
    share = (2 * np.arange(size) + 1) / (2 * size)
    crops = []
    for n, left, top, right_, bottom in rois:
        rows = np.clip((top + (bottom - top) * share) // 1, 0, images.shape[2] - 1).astype(int)
        columns = np.clip((left + (right_ - left) * share) // 1, 0, images.shape[3] - 1).astype(int)
        crops.append(images[int(n)][:, rows][:, :, columns])
    return np.stack(crops)


# ---- encode_boxes

slips(
    "encode_boxes",
    (
        "the shift is divided by the size of the box: it is counted in units of the anchor",
        "(centers - anchor_centers) / anchor_sizes",
        "(centers - anchor_centers) / sizes",
    ),
    (
        "the shift is left in pixels: divide it by the width and height of the anchor",
        "(centers - anchor_centers) / anchor_sizes",
        "centers - anchor_centers",
    ),
    (
        "the sign of the shift is flipped: it is the centre of the box minus that of the anchor",
        "(centers - anchor_centers)",
        "(anchor_centers - centers)",
    ),
    (
        "the growth is turned round: it is the size of the box divided by that of the anchor",
        "np.log(sizes / anchor_sizes)",
        "np.log(anchor_sizes / sizes)",
    ),
    ("the logarithm is missing in dw and dh", "np.log(sizes / anchor_sizes)", "sizes / anchor_sizes"),
    ("the logarithm is to base 2: use np.log", "np.log(", "np.log2("),
    (
        "dw and dh are relative differences: they are logarithms of the growth",
        "np.log(sizes / anchor_sizes)",
        "sizes / anchor_sizes - 1",
    ),
    (
        "the columns are dw, dh, dx, dy: the shifts come first",
        "[(centers - anchor_centers) / anchor_sizes, np.log(sizes / anchor_sizes)]",
        "[np.log(sizes / anchor_sizes), (centers - anchor_centers) / anchor_sizes]",
    ),
    (
        "dx and dy, or dw and dh, have changed places: the order is dx, dy, dw, dh",
        "[(centers - anchor_centers) / anchor_sizes, np.log(sizes / anchor_sizes)]",
        "[((centers - anchor_centers) / anchor_sizes)[:, ::-1], np.log(sizes / anchor_sizes)[:, ::-1]]",
    ),
)


@wrong("encode_boxes", "the shift is that of the upper left corners: dx and dy belong to the centres")
def encode_corners(boxes, anchors):
    sizes, anchor_sizes = boxes[:, 2:] - boxes[:, :2], anchors[:, 2:] - anchors[:, :2]
    return np.hstack([(boxes[:, :2] - anchors[:, :2]) / anchor_sizes, np.log(sizes / anchor_sizes)])


@right("encode_boxes")
def encode_column_by_column(boxes, anchors):
    deltas = np.empty_like(boxes)
    for start in (0, 1):
        size, anchor_size = boxes[:, start + 2] - boxes[:, start], anchors[:, start + 2] - anchors[:, start]
        shift = boxes[:, start] + size / 2 - anchors[:, start] - anchor_size / 2
        deltas[:, start], deltas[:, start + 2] = shift / anchor_size, np.log(size) - np.log(anchor_size)
    return deltas


# ---- decode_boxes

slips(
    "decode_boxes",
    (
        "the shift is not multiplied by the size of the anchor: dx and dy count in units of it",
        "deltas[:, :2] * anchor_sizes",
        "deltas[:, :2]",
    ),
    (
        "the exponential is missing: the size is the anchor's times exp(dw) and exp(dh)",
        "np.exp(np.minimum(deltas[:, 2:], LARGEST_LOG))",
        "np.minimum(deltas[:, 2:], LARGEST_LOG)",
    ),
    (
        "dw and dh are not cut off: at most LARGEST_LOG goes into exp",
        "np.minimum(deltas[:, 2:], LARGEST_LOG)",
        "deltas[:, 2:]",
    ),
    (
        "the growth is cut off instead of its logarithm: np.minimum comes before exp",
        "np.exp(np.minimum(deltas[:, 2:], LARGEST_LOG))",
        "np.minimum(np.exp(deltas[:, 2:]), LARGEST_LOG)",
    ),
    (
        "the corners are a whole size away from the centre: half of it to each side",
        "[centers - sizes / 2, centers + sizes / 2]",
        "[centers - sizes, centers + sizes]",
    ),
    (
        "centres and sizes are returned: a box is (left, top, right, bottom)",
        "[centers - sizes / 2, centers + sizes / 2]",
        "[centers, sizes]",
    ),
    (
        "the centre is used as the upper left corner",
        "[centers - sizes / 2, centers + sizes / 2]",
        "[centers, centers + sizes]",
    ),
    (
        "the shift is in units of the new size: it is in units of the anchor's",
        "deltas[:, :2] * anchor_sizes",
        "deltas[:, :2] * anchor_sizes * np.exp(np.minimum(deltas[:, 2:], LARGEST_LOG))",
    ),
    (
        "the shift is subtracted: it is added to the anchor's centre",
        "anchor_centers + deltas",
        "anchor_centers - deltas",
    ),
    (
        "dx and dy are cut off as well: only dw and dh are",
        "deltas[:, :2] *",
        "np.minimum(deltas[:, :2], LARGEST_LOG) *",
    ),
    (
        "small values of dw and dh are cut off as well: only those above LARGEST_LOG are",
        "np.minimum(deltas[:, 2:], LARGEST_LOG)",
        "np.clip(deltas[:, 2:], -LARGEST_LOG, LARGEST_LOG)",
    ),
)


@right("decode_boxes")
def decode_column_by_column(deltas, anchors):
    dx, dy, dw, dh = deltas.T
    left, top, right_, bottom = anchors.T
    width, height = right_ - left, bottom - top
    x, y = left + width * (dx + 0.5), top + height * (dy + 0.5)
    half_width, half_height = (
        size * np.exp(np.clip(d, None, np.log(62.5))) / 2 for size, d in ((width, dw), (height, dh))
    )
    return np.stack([x - half_width, y - half_height, x + half_width, y + half_height], axis=1)


# ---- roi_pool_forward

slips(
    "roi_pool_forward",
    (
        "all regions are cut out of the maps of the first image: images[k] names the image",
        "x[image, :, rows, columns]",
        "x[0, :, rows, columns]",
    ),
    (
        "out is the mean of each bin: it is the largest entry",
        "entries.max(axis=1)",
        "entries.mean(axis=1)",
    ),
    (
        "the largest entry over all channels is taken: each channel has a maximum of its own",
        "entries.max(axis=1)",
        "entries.max()",
    ),
    (
        "negative maxima become 0: out must not begin at 0 and take the larger one",
        "out[k, :, i, j] = entries.max(axis=1)",
        "out[k, :, i, j] = np.maximum(out[k, :, i, j], entries.max(axis=1))",
    ),
    (
        "rows and columns of out are swapped: bin i counts rows, bin j columns",
        "out[k, :, i, j] = ",
        "out[k, :, j, i] = ",
    ),
    (
        "the last row and column of each bin are left out: stop_row and stop_column already lie behind it",
        "stop_row[k, i])",
        "max(stop_row[k, i] - 1, first_row[k, i] + 1))",
        "stop_column[k, j])",
        "max(stop_column[k, j] - 1, first_column[k, j] + 1))",
    ),
    (
        "bins begin one row and one column too late: the first of each belongs to it",
        "slice(first_row[k, i], ",
        "slice(min(first_row[k, i] + 1, stop_row[k, i] - 1), ",
        "slice(first_column[k, j], ",
        "slice(min(first_column[k, j] + 1, stop_column[k, j] - 1), ",
    ),
    (
        "every bin reaches to the end of the region: bin i ends at stop_row[k, i]",
        "stop_row[k, i])",
        "stop_row[k, -1])",
        "stop_column[k, j])",
        "stop_column[k, -1])",
    ),
    (
        "the bins of the first region are used for all: first_row and the other three have a row for each region",
        "first_row[k, i], stop_row[k, i]",
        "first_row[0, i], stop_row[0, i]",
        "first_column[k, j], stop_column[k, j]",
        "first_column[0, j], stop_column[0, j]",
    ),
    (
        "the bins reach one row and column too far: stop_row and stop_column are not a part of them",
        "stop_row[k, i])",
        "stop_row[k, i] + 1)",
        "stop_column[k, j])",
        "stop_column[k, j] + 1)",
    ),
)


@right("roi_pool_forward")
def roi_pool_with_a_channel_loop(x, rois, output_size, spatial_scale=1.0):
    from cs231n.roi_layers import bin_edges, rounded_corners

    S, (_, C, H, W) = output_size, x.shape
    left, top, right_, bottom = rounded_corners(rois, spatial_scale).T
    first_row, stop_row = bin_edges(top, bottom, S, H)
    first_column, stop_column = bin_edges(left, right_, S, W)
    out = np.full((len(rois), C, S, S), -np.inf, dtype=x.dtype)
    for k, c, i, j in np.ndindex(*out.shape):
        for row in range(first_row[k, i], stop_row[k, i]):
            for column in range(first_column[k, j], stop_column[k, j]):
                out[k, c, i, j] = max(out[k, c, i, j], x[int(rois[k, 0]), c, row, column])
    out[np.isinf(out)] = 0
    return out, (x, rois, output_size, spatial_scale)


# ---- roi_pool_backward

slips(
    "roi_pool_backward",
    (
        "the gradients of bins that share an entry are not added up: several bins can have the same largest entry",
        "np.add.at(dx[image, c], winners[k, c][exists], dout[k, c][exists])",
        "dx[image, c, winners[k, c][exists]] = dout[k, c][exists]",
    ),
    (
        "with += on indices, an entry that occurs twice counts once: np.add.at adds both",
        "np.add.at(dx[image, c], winners[k, c][exists], dout[k, c][exists])",
        "dx[image, c, winners[k, c][exists]] += dout[k, c][exists]",
    ),
    (
        "all gradients go to the first image: images[k] names the image of region k",
        "np.add.at(dx[image, c]",
        "np.add.at(dx[0, c]",
    ),
    (
        "dout is ignored: each largest entry gets the gradient of its bin, not 1",
        "winners[k, c][exists], dout[k, c][exists])",
        "winners[k, c][exists], 1)",
    ),
    (
        "the places of the first channel are used for all: each channel has a largest entry of its own",
        "winners[k, c][exists], dout",
        "winners[k, 0][exists], dout",
    ),
    (
        "the rows of dout's bins are mixed up with its columns: bin (i, j) gets dout[k, c, i, j]",
        "dout[k, c][exists]",
        "dout[k, c].T[exists]",
    ),
    (
        "the gradient of a bin without entries goes to the last entry: its winner is -1, which is no place",
        "exists = winners[k, c] >= 0",
        "exists = winners[k, c] >= -1",
    ),
)


@wrong("roi_pool_backward", "the gradient is spread over the whole bin: only its largest entry gets it")
def roi_pool_backward_mean(dout, cache):
    (N, C, H, W), images, winners = cache
    dx = np.zeros((N, C, H, W))
    for k, image in enumerate(images):
        dx[image] += dout[k].sum(axis=(1, 2), keepdims=True) / (H * W)
    return dx


@right("roi_pool_backward")
def roi_pool_backward_with_loops(dout, cache):
    (N, C, H, W), images, winners = cache
    dx = np.zeros((N, C, H, W), dtype=dout.dtype)
    for k, c, i, j in np.ndindex(*dout.shape):
        place = winners[k, c, i, j]
        if place >= 0:
            dx[images[k], c, place // W, place % W] += dout[k, c, i, j]
    return dx


def _forward_with_masks(x, rois, output_size, spatial_scale=1.0):
    out, _ = roi_pool_forward(x, rois, output_size, spatial_scale)
    return out, (x, rois, output_size, spatial_scale, out)


@right("roi_pool_backward", beside={"cs231n.roi_layers:roi_pool_forward": _forward_with_masks})
def roi_pool_backward_from_x(dout, cache):
    """With a cache that has no places: each bin is searched for its maximum again."""
    from cs231n.roi_layers import bin_edges, rounded_corners

    x, rois, S, scale, out = cache
    left, top, right_, bottom = rounded_corners(rois, scale).T
    first_row, stop_row = bin_edges(top, bottom, S, x.shape[2])
    first_column, stop_column = bin_edges(left, right_, S, x.shape[3])
    dx = np.zeros_like(x)
    for k, n in enumerate(rois[:, 0].astype(int)):
        for i in range(S):
            for j in range(S):
                rows, columns = slice(first_row[k, i], stop_row[k, i]), slice(first_column[k, j], stop_column[k, j])
                is_largest = x[n, :, rows, columns] == out[k, :, i, j][:, None, None]
                dx[n, :, rows, columns] += is_largest * dout[k, :, i, j][:, None, None]
    return dx


# ---- match_regions

slips(
    "match_regions",
    (
        "regions between the two limits count as background: they are -2, not used",
        "np.where(largest < negative, -1, -2)",
        "-1",
    ),
    ("-1 and -2 are swapped: -1 is none, -2 is not used", "negative, -1, -2)", "negative, -2, -1)"),
    (
        "things above the limit are all numbered 0: give the index of the thing that is overlapped most",
        "np.where(largest >= positive, things, ",
        "np.where(largest >= positive, 0, ",
    ),
    (
        "1 is added to the index of the thing: things count from 0",
        "np.where(largest >= positive, things, ",
        "np.where(largest >= positive, things + 1, ",
    ),
    (
        "the best region of each thing is not kept: with keep_best it shows the thing in any case",
        "if keep_best:",
        "if False:",
    ),
    (
        "the best regions are kept even without keep_best",
        "if keep_best:",
        "if True:",
    ),
    (
        "the best region of all is kept, not the best one of each thing",
        "things[overlaps.argmax(axis=0)] = np.arange(len(boxes))",
        "things[overlaps.max(axis=1).argmax()] = overlaps.max(axis=0).argmax()",
    ),
    (
        "the mean overlap with all things is compared: compare the largest one",
        "overlaps.max(axis=1)",
        "overlaps.mean(axis=1)",
    ),
    (
        "a region below both limits stays with the thing that it overlaps most: below negative it is -1",
        "np.where(largest < negative, -1, -2)",
        "np.where(largest < negative, things, -2)",
    ),
    (
        "with keep_best, the best region of a thing gets the thing that it overlaps most, which may be "
        "another one: it shows the thing that it is the best of",
        "things[overlaps.argmax(axis=0)] = np.arange(len(boxes))",
        "best = overlaps.argmax(axis=0)\nthings[best] = overlaps.argmax(axis=1)[best]",
    ),
    (
        "with keep_best, a thing whose best overlap is below `negative` gets no region: each thing has "
        "one, however little they overlap",
        "things[overlaps.argmax(axis=0)] = np.arange(len(boxes))",
        "enough = overlaps.max(axis=0) >= negative\n"
        "things[overlaps.argmax(axis=0)[enough]] = np.arange(len(boxes))[enough]",
    ),
    (
        "1 stands for each region with a thing: things holds the index of the thing",
        "things = np.where(largest >= positive, things,",
        "things = np.where(largest >= positive, 1,",
    ),
)


@right("match_regions")
def match_regions_one_by_one(regions, boxes, positive, negative, keep_best=False):
    overlaps = box_functions.box_iou(regions, boxes)
    things = []
    for row in overlaps:
        best = int(np.argmax(row))
        things.append(best if row[best] >= positive else -1 if row[best] < negative else -2)
    if keep_best:
        for m in range(len(boxes)):
            things[int(np.argmax(overlaps[:, m]))] = m
    return np.array(things)


# ---- region_loss

slips(
    "region_loss",
    (
        "the loss is a sum: divide loss and gradient by the number of regions",
        "/ R, dx / R",
        ", dx",
    ),
    (
        "the gradient is not divided by the number of regions, as the loss is",
        "/ R, dx / R",
        "/ R, dx",
    ),
    (
        "BOX_WEIGHT is missing in the loss: the error of the box counts so many times",
        "(BOX_WEIGHT * box_loss - ",
        "(box_loss - ",
    ),
    (
        "BOX_WEIGHT is missing in the gradient: it belongs to loss and gradient",
        "= BOX_WEIGHT * dboxes",
        "= dboxes",
    ),
    (
        "the boxes of background regions count: there, deltas mean nothing",
        "rows, shows_thing = np.arange(len(x)), labels > 0",
        "rows, shows_thing = np.arange(len(x)), labels >= 0",
    ),
    (
        "the classes of background regions do not count: the background is class 0, and has to be learnt as well",
        "dx[rows, 4 + labels] -= 1",
        "dx[rows, 4 + labels] -= 1\ndx[~shows_thing, 4:] = 0",
        "np.sum(log_probs[rows, labels])",
        "np.sum(log_probs[rows, labels][shows_thing])",
    ),
    (
        "1 is subtracted in the wrong column: the scores begin in column 4",
        "dx[rows, 4 + labels] -= 1",
        "dx[rows, labels] -= 1",
    ),
    (
        "the sign of the softmax loss is flipped: it is minus the logarithm of the right class's probability",
        "box_loss - np.sum(log_probs[rows, labels])",
        "box_loss + np.sum(log_probs[rows, labels])",
    ),
    (
        "the error of the box is deltas minus x: the gradient's sign is flipped",
        "smooth_absolute_error(x[shows_thing, :4] - deltas[shows_thing])",
        "smooth_absolute_error(deltas[shows_thing] - x[shows_thing, :4])",
    ),
    (
        "the error of the box is squared: use smooth_absolute_error",
        "box_loss, dboxes = smooth_absolute_error(x[shows_thing, :4] - deltas[shows_thing])",
        "errors = x[shows_thing, :4] - deltas[shows_thing]\nbox_loss, dboxes = np.sum(errors**2), 2 * errors",
    ),
    (
        "the boxes are averaged over the things: both parts are divided by the number of all regions",
        "dx[shows_thing, :4] = BOX_WEIGHT * dboxes",
        "share = R / max(shows_thing.sum(), 1)\n"
        "box_loss, dx[shows_thing, :4] = box_loss * share, BOX_WEIGHT * dboxes * share",
    ),
    (
        "the loss of the boxes is averaged over the regions with a thing: both parts are averaged over all regions",
        "BOX_WEIGHT * box_loss -",
        "BOX_WEIGHT * box_loss * R / max(shows_thing.sum(), 1) -",
    ),
    (
        "the right class is read at labels - 1: the background is class 0, so the label is the column",
        "log_probs[rows, labels])",
        "log_probs[rows, labels - 1])",
    ),
    (
        "the class of background regions does not count in the loss: they must learn to say background",
        "np.sum(log_probs[rows, labels])",
        "np.sum(log_probs[rows, labels][shows_thing])",
    ),
    (
        "1 is not subtracted at the right class: the gradient is p - 1 there",
        "dx[rows, 4 + labels] -= 1",
        "dx[rows, 4 + labels] -= 0",
    ),
)


@right("region_loss")
def region_loss_row_by_row(x, labels, deltas):
    loss, dx = 0.0, np.zeros_like(x)
    for r, label in enumerate(labels):
        scores = x[r, 4:] - x[r, 4:].max()
        probs = np.exp(scores) / np.exp(scores).sum()
        loss += np.log(np.exp(scores).sum()) - scores[label]
        dx[r, 4:] = probs
        dx[r, 4 + label] -= 1
        if label > 0:
            error = x[r, :4] - deltas[r]
            is_small = np.abs(error) < 0.2
            loss += 5 * np.where(is_small, error**2 / 0.4, np.abs(error) - 0.1).sum()
            dx[r, :4] = 5 * np.where(is_small, error / 0.2, np.sign(error))
    return loss / len(x), dx / len(x)


# ---- region_proposals

slips(
    "region_proposals",
    (
        "the score of a thing is used alone: an anchor's score is that of a thing minus that of nothing",
        "scores = predictions[:, 5] - predictions[:, 4]",
        "scores = predictions[:, 5]",
    ),
    (
        "the score is that of nothing minus that of a thing: it is the other way round",
        "predictions[:, 5] - predictions[:, 4]",
        "predictions[:, 4] - predictions[:, 5]",
    ),
    (
        "the deltas are decoded with the first anchors: those of the chosen ones belong to them",
        "anchors[best]",
        "anchors[: len(best)]",
    ),
    (
        "the boxes are not cut off at the edges of the image",
        "clip_boxes(decode_boxes(predictions[best, :4], anchors[best]), image_size, image_size)",
        "decode_boxes(predictions[best, :4], anchors[best])",
    ),
    (
        "thin boxes are kept: drop those that are less than 2 pixels wide or high",
        ".min(axis=1) >= 2",
        ".min(axis=1) >= 0",
    ),
    (
        "a box that is thin in one direction is kept: both width and height must be at least 2 pixels",
        ".min(axis=1) >= 2",
        ".max(axis=1) >= 2",
    ),
    (
        "nothing is suppressed: nms drops boxes that overlap a better one",
        "boxes[nms(boxes, scores, iou_threshold)[:num_proposals]]",
        "boxes[:num_proposals]",
    ),
    (
        "all that nms keeps is returned: at most num_proposals are wanted",
        "nms(boxes, scores, iou_threshold)[:num_proposals]",
        "nms(boxes, scores, iou_threshold)",
    ),
    (
        "the best num_proposals are chosen before nms: then few are left; choose 6 times as many first",
        "[: 6 * num_proposals]",
        "[:num_proposals]",
    ),
    (
        "the anchors are returned undecoded: the network says how they should move",
        "decode_boxes(predictions[best, :4], anchors[best])",
        "anchors[best]",
    ),
    (
        "all anchors are decoded and go through nms: only the best 6 * num_proposals should",
        "[: 6 * num_proposals]",
        "",
    ),
    (
        "the scores are no longer those of the boxes: choose both with the same indices, scores[best]",
        "scores[best][is_large]",
        "scores[: len(best)][is_large]",
    ),
    (
        "the area of a box is compared with 2: its width and its height must both be at least 2",
        ".min(axis=1) >= 2",
        ".prod(axis=1) >= 2",
    ),
    (
        "the anchors with the lowest scores are chosen: argsort sorts from the lowest to the highest",
        "np.argsort(-scores)",
        "np.argsort(scores)",
    ),
    (
        "the box is read from columns 2 to 5: the four numbers come first, then the two scores",
        "predictions[best, :4]",
        "predictions[best, 2:]",
    ),
)


@right("region_proposals")
def proposals_with_a_mask(predictions, anchors, image_size, num_proposals, iou_threshold=0.7):
    boxes = np.clip(box_functions.decode_boxes(predictions[:, :4], anchors), 0, image_size)
    scores = predictions[:, 5] - predictions[:, 4]
    ranks = np.argsort(np.argsort(-scores))
    likely = ranks < 6 * num_proposals
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    chosen = np.flatnonzero(likely & (width >= 2) & (height >= 2))
    kept = box_functions.nms(boxes[chosen], scores[chosen], iou_threshold)
    return boxes[chosen[kept]][:num_proposals]
