"""Boxes: their overlap, which of several detections to keep, and how a network describes a box.

A box is (left, top, right, bottom), in pixels from the upper left corner of the image; its width is right - left, its
height bottom - top.
"""

import numpy as np

from cs231n._errors import require_whole

LARGEST_LOG = np.log(1000 / 16)  # a predicted box is at most so many times as large as its anchor


def box_area(boxes):
    """Compute the areas of boxes of shape (N, 4): an array of shape (N,)."""
    boxes = _as_boxes("boxes", boxes)
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def box_iou(boxes, others):
    """Compute how much boxes overlap: the area of the intersection divided by that of the union.

    Parameters
    ----------
    boxes : ndarray of shape (N, 4)
    others : ndarray of shape (M, 4)

    Returns
    -------
    ndarray of shape (N, M)
        The intersection over union of each pair, from 0 to 1; 0 if both boxes are empty.

    Examples
    --------
    >>> box_iou(np.array([[0, 0, 2, 2]]), np.array([[0, 0, 2, 2], [1, 0, 3, 2], [5, 5, 6, 6]]))
    array([[1.        , 0.33333333, 0.        ]])
    """
    boxes, others = _as_boxes("boxes", boxes), _as_boxes("others", others)
    ### BEGIN SOLUTION
    starts = np.maximum(boxes[:, np.newaxis, :2], others[:, :2])  # (N, 1, 2) and (M, 2) -> (N, M, 2)
    ends = np.minimum(boxes[:, np.newaxis, 2:], others[:, 2:])
    intersection = np.prod(np.maximum(ends - starts, 0), axis=2)  # (N, M)
    union = box_area(boxes)[:, np.newaxis] + box_area(others) - intersection
    iou = np.divide(intersection, union, out=np.zeros_like(intersection), where=union > 0)
    ### END SOLUTION
    return iou


def nms(boxes, scores, iou_threshold):
    """Choose among overlapping boxes: non-maximum suppression.

    The box with the highest score is kept, and all that overlap it by more than the threshold are dropped; then the
    same with the best of those that are left, and so on.

    Parameters
    ----------
    boxes : ndarray of shape (N, 4)
    scores : ndarray of shape (N,)
    iou_threshold : float

    Returns
    -------
    integer ndarray of shape (K,)
        The indices of the boxes that are kept, those with the highest score first.

    Examples
    --------
    >>> boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [20, 20, 30, 30]])
    >>> nms(boxes, np.array([0.6, 0.9, 0.7]), 0.5)
    array([1, 2])
    """
    boxes = _as_boxes("boxes", boxes)
    _require_one_each("scores", scores, boxes)
    order = np.argsort(-np.asarray(scores), kind="stable")
    ### BEGIN SOLUTION
    overlaps = box_iou(boxes[order], boxes[order]) > iou_threshold
    is_dropped = np.zeros(len(order), dtype=bool)
    for i in range(len(order)):
        if not is_dropped[i]:  # only a box that is kept can drop others
            is_dropped[i + 1 :] |= overlaps[i, i + 1 :]
    kept = order[~is_dropped]
    ### END SOLUTION
    return kept


def batched_nms(boxes, scores, labels, iou_threshold):
    """Apply `nms` to the boxes of each class by itself: a dog may stand before a house.

    Parameters
    ----------
    boxes : ndarray of shape (N, 4)
    scores : ndarray of shape (N,)
    labels : integer ndarray of shape (N,)
    iou_threshold : float

    Returns
    -------
    integer ndarray of shape (K,)
        The indices of the boxes that are kept, those with the highest score first.
    """
    boxes = _as_boxes("boxes", boxes)
    _require_one_each("labels", labels, boxes)
    if not len(boxes):
        return nms(boxes, scores, iou_threshold)
    # Boxes of different classes are moved so far apart that they cannot overlap.
    distance = boxes.max() - boxes.min() + 1
    return nms(boxes + distance * np.asarray(labels)[:, np.newaxis], scores, iou_threshold)


def clip_boxes(boxes, height, width):
    """Cut off what lies outside an image of this height and width, for boxes of shape (N, 4)."""
    boxes = _as_boxes("boxes", boxes)
    return np.clip(boxes, 0, np.array([width, height, width, height], dtype=boxes.dtype))


def sliding_windows(height, width, size, stride):
    """List all windows of one size in an image, as a detector without proposals looks at them.

    Parameters
    ----------
    height, width : int
        Of the image, in pixels.
    size : int
        Height and width of a window.
    stride : int
        How far a window is from the next one.

    Returns
    -------
    integer ndarray of shape (number of windows, 4)
        The boxes of the windows that lie inside the image entirely, row by row, from left to right.

    Examples
    --------
    >>> sliding_windows(height=4, width=7, size=4, stride=2)
    array([[0, 0, 4, 4],
           [2, 0, 6, 4]])
    """
    require_whole("size", size)
    require_whole("stride", stride)
    ### BEGIN SOLUTION
    tops, lefts = np.arange(0, height - size + 1, stride), np.arange(0, width - size + 1, stride)
    top, left = (corners.ravel() for corners in np.meshgrid(tops, lefts, indexing="ij"))
    windows = np.stack([left, top, left + size, top + size], axis=1)
    ### END SOLUTION
    return windows


def encode_boxes(boxes, anchors):
    """Describe boxes by what must be done to their anchors, as a network predicts it.

    For a box with centre (x, y), width w and height h, and an anchor with x_a, y_a, w_a and h_a: the shift of the
    centre in units of the anchor, dx = (x - x_a) / w_a and dy = (y - y_a) / h_a, and the logarithm of the growth, dw =
    log(w / w_a) and dh = log(h / h_a).

    Parameters
    ----------
    boxes, anchors : ndarray of shape (N, 4)
        Of positive width and height.

    Returns
    -------
    ndarray of shape (N, 4)
        The columns dx, dy, dw and dh.

    Notes
    -----
    Girshick, Donahue, Darrell and Malik (2014), "Rich feature hierarchies for accurate object detection and semantic
    segmentation", appendix C.

    Examples
    --------
    >>> encode_boxes(np.array([[10.0, 0, 30, 20]]), np.array([[0.0, 0, 20, 10]])).round(4)
    array([[0.5   , 0.5   , 0.    , 0.6931]])
    """
    centers, sizes = _centers_and_sizes(_as_boxes("boxes", boxes))
    anchor_centers, anchor_sizes = _centers_and_sizes(_as_boxes("anchors", anchors))
    for name, values in (("boxes", sizes), ("anchors", anchor_sizes)):
        if values.size and values.min() <= 0:
            raise ValueError(
                f"{name} have a width or height of {values.min():g}, expected more than 0: is right < left?"
            )
    ### BEGIN SOLUTION
    deltas = np.concatenate([(centers - anchor_centers) / anchor_sizes, np.log(sizes / anchor_sizes)], axis=1)
    ### END SOLUTION
    return deltas


def decode_boxes(deltas, anchors):
    """Compute the boxes that `encode_boxes` describes.

    Parameters
    ----------
    deltas : ndarray of shape (N, 4)
        The columns dx, dy, dw and dh. Larger values of dw and dh than log(1000 / 16) are cut off there, so that a wild
        prediction early in training cannot overflow.
    anchors : ndarray of shape (N, 4)

    Returns
    -------
    ndarray of shape (N, 4)
    """
    anchor_centers, anchor_sizes = _centers_and_sizes(_as_boxes("anchors", anchors))
    ### BEGIN SOLUTION
    centers = anchor_centers + deltas[:, :2] * anchor_sizes
    sizes = anchor_sizes * np.exp(np.minimum(deltas[:, 2:], LARGEST_LOG))
    boxes = np.concatenate([centers - sizes / 2, centers + sizes / 2], axis=1)
    ### END SOLUTION
    return boxes


def grid_anchors(height, width, stride, sizes, ratios=(1.0,)):
    """Place anchors around the centre of each cell of a grid.

    Parameters
    ----------
    height, width : int
        Number of rows and columns of cells.
    stride : int
        Height and width of a cell in pixels.
    sizes : sequence of float
        The square root of the area of each anchor, in pixels.
    ratios : sequence of float
        The height of each anchor divided by its width.

    Returns
    -------
    ndarray of shape (height * width * A, 4)
        For the cells row by row, the A = len(sizes) * len(ratios) anchors of each.

    Examples
    --------
    >>> grid_anchors(1, 2, 8, sizes=[4])
    array([[ 2.,  2.,  6.,  6.],
           [10.,  2., 14.,  6.]])
    """
    require_whole("height", height)
    require_whole("width", width)
    shapes = [(size / ratio**0.5, size * ratio**0.5) for size in sizes for ratio in ratios]
    halves = np.array([(-w / 2, -h / 2, w / 2, h / 2) for w, h in shapes])  # (A, 4)
    y, x = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    centers = stride * (np.stack([x, y, x, y], axis=-1) + 0.5)  # (height, width, 4)
    return (centers[:, :, np.newaxis] + halves).reshape(-1, 4)


def _centers_and_sizes(boxes):
    """Split boxes (N, 4) into the (x, y) of their centres and their (width, height), both of shape (N, 2)."""
    return (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]


def _as_boxes(name, boxes):
    """Boxes as floats; raise unless they have the shape (N, 4)."""
    boxes = np.asarray(boxes)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"{name} has shape {boxes.shape}, expected (N, 4): left, top, right and bottom of each box.")
    return boxes if np.issubdtype(boxes.dtype, np.floating) else boxes.astype(np.float64)


def _require_one_each(name, values, boxes):
    if np.shape(values) != (len(boxes),):
        raise ValueError(f"{name} has shape {np.shape(values)}, expected ({len(boxes)},): one for each box.")
