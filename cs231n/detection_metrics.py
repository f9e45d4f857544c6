"""How good detections and segmentations are: average precision, and the mean intersection over union.

Detections of one image are a dict: ``scores`` of shape (K,), ``labels`` of shape (K,), and ``boxes`` of shape (K, 4)
or ``masks``, boolean of shape (K, H, W). The truth of an image is such a dict without scores.
"""

import numpy as np

from cs231n.boxes import box_iou

IOU_THRESHOLDS = tuple(threshold / 100 for threshold in range(50, 100, 5))  # of the COCO challenge


def precision_recall(scores, is_right, num_true):
    """Compute precision and recall for every threshold on the score.

    Parameters
    ----------
    scores : ndarray of shape (K,)
        Of all detections.
    is_right : boolean ndarray of shape (K,)
        Whether each of them found a thing that no better detection had found.
    num_true : int
        Number of things to find.

    Returns
    -------
    precision, recall : ndarray of shape (K,)
        Entry k: of the k + 1 detections with the highest scores, the share that is right; and the share of all things
        that they found.

    Examples
    --------
    >>> precision, recall = precision_recall(np.array([0.9, 0.5, 0.7]), np.array([True, True, False]), 4)
    >>> precision.round(2), recall
    (array([1.  , 0.5 , 0.67]), array([0.25, 0.25, 0.5 ]))
    """
    if num_true < 1:
        raise ValueError(f"num_true is {num_true}, expected at least 1: recall is a share of the things to find.")
    ### BEGIN SOLUTION
    found = np.cumsum(np.asarray(is_right)[np.argsort(-np.asarray(scores), kind="stable")])
    precision, recall = found / np.arange(1, len(found) + 1), found / num_true
    ### END SOLUTION
    return precision, recall


def average_precision(scores, is_right, num_true):
    """Compute the area under the curve of precision against recall.

    At each recall counts the best precision that is reached there or at a higher recall, so that the curve never rises;
    the area under it is exact ("all points", as in the VOC challenge since 2010).

    Parameters
    ----------
    scores, is_right, num_true
        As for `precision_recall`.

    Returns
    -------
    float
        From 0 to 1.

    Notes
    -----
    Everingham et al. (2015), "The PASCAL visual object classes challenge: a retrospective".

    Examples
    --------
    >>> print(f"{average_precision(np.array([0.9, 0.7, 0.5]), np.array([True, False, True]), 2):.4f}")
    0.8333
    """
    precision, recall = precision_recall(scores, is_right, num_true)
    ### BEGIN SOLUTION
    best = np.maximum.accumulate(precision[::-1])[::-1]  # from each entry on
    area = np.sum(np.diff(recall, prepend=0) * best)
    ### END SOLUTION
    return float(area)


def match_detections(overlaps, scores, iou_threshold):
    """Decide which detections of one class in one image are right.

    The detections choose in the order of their scores, each the thing that it overlaps most. It is right, and takes
    this thing, if the overlap reaches the threshold and no better detection has taken it before.

    Parameters
    ----------
    overlaps : ndarray of shape (K, M)
        Intersection over union of each detection and each thing.
    scores : ndarray of shape (K,)
    iou_threshold : float

    Returns
    -------
    boolean ndarray of shape (K,)

    Examples
    --------
    >>> overlaps = np.array([[0.6, 0.0], [0.8, 0.1], [0.4, 0.3]])
    >>> match_detections(overlaps, scores=np.array([0.7, 0.9, 0.8]), iou_threshold=0.5)
    array([False,  True, False])
    """
    is_right, is_taken = np.zeros(len(overlaps), dtype=bool), np.zeros(overlaps.shape[1], dtype=bool)
    if not overlaps.size:
        return is_right
    ### BEGIN SOLUTION
    for k in np.argsort(-np.asarray(scores), kind="stable"):
        thing = overlaps[k].argmax()
        if overlaps[k, thing] >= iou_threshold and not is_taken[thing]:
            is_right[k] = is_taken[thing] = True
    ### END SOLUTION
    return is_right


def mean_average_precision(detections, truths, iou_threshold=0.5):
    """Compute the average precision of each class, and its mean over the classes that occur.

    Parameters
    ----------
    detections, truths : sequences of dict
        One for each image, as the module's text describes. If detections have ``masks``, these are compared; otherwise
        ``boxes``.
    iou_threshold : float

    Returns
    -------
    float
        The mean, from 0 to 1.
    dict
        The average precision of each class, by its label.

    Examples
    --------
    >>> truth = {"boxes": np.array([[0, 0, 4, 4]]), "labels": np.array([3])}
    >>> found = {"boxes": np.array([[0, 0, 4, 5]]), "labels": np.array([3]), "scores": np.array([0.8])}
    >>> mean_average_precision([found], [truth])
    (1.0, {3: 1.0})
    >>> mean_average_precision([found], [truth], iou_threshold=0.9)
    (0.0, {3: 0.0})
    """
    if len(detections) != len(truths):
        raise ValueError(f"there are detections of {len(detections)} images, but the truth of {len(truths)}.")
    labels = np.unique(np.concatenate([np.asarray(truth["labels"]) for truth in truths])) if truths else []
    by_class = {}
    for label in labels:
        scores, is_right, num_true = [], [], 0
        for found, truth in zip(detections, truths, strict=True):
            mine, things = np.asarray(found["labels"]) == label, np.asarray(truth["labels"]) == label
            scores.append(np.asarray(found["scores"])[mine])
            is_right.append(match_detections(_overlaps(found, truth, mine, things), scores[-1], iou_threshold))
            num_true += int(things.sum())
        by_class[int(label)] = average_precision(np.concatenate(scores), np.concatenate(is_right), num_true)
    return float(np.mean(list(by_class.values()))) if by_class else 0.0, by_class


def _overlaps(found, truth, mine, things):
    if "masks" in found:
        return mask_iou(found["masks"][mine], truth["masks"][things])
    return box_iou(found["boxes"][mine], truth["boxes"][things])


def mask_iou(masks, others):
    """Compute how much masks overlap: the pixels that two have in common divided by those of either.

    Parameters
    ----------
    masks : boolean ndarray of shape (K, H, W)
    others : boolean ndarray of shape (M, H, W)

    Returns
    -------
    ndarray of shape (K, M)
        The intersection over union of each pair, from 0 to 1; 0 if both masks are empty.

    Examples
    --------
    >>> masks = np.array([[[True, True, False]]])
    >>> mask_iou(masks, np.array([[[False, True, True]], [[True, True, False]]])).round(4)
    array([[0.3333, 1.    ]])
    """
    if masks.shape[1:] != others.shape[1:]:
        raise ValueError(f"masks of shape {masks.shape[1:]} cannot be compared with others of {others.shape[1:]}.")
    size = int(np.prod(masks.shape[1:]))
    ### BEGIN SOLUTION
    masks, others = (m.reshape(len(m), size).astype(np.float64) for m in (masks, others))
    intersection = masks @ others.T  # (K, H * W) @ (H * W, M) -> (K, M)
    union = masks.sum(axis=1)[:, np.newaxis] + others.sum(axis=1) - intersection
    iou = np.divide(intersection, union, out=np.zeros_like(intersection), where=union > 0)
    ### END SOLUTION
    return iou


def mean_iou(y_pred, y, num_classes):
    """Compute the intersection over union of each class in a segmentation, and its mean.

    Parameters
    ----------
    y_pred, y : integer ndarrays of the same shape
        The predicted and the right class of each pixel, over all images.
    num_classes : int

    Returns
    -------
    float
        The mean over the classes that occur in y_pred or in y.
    ndarray of shape (num_classes,)
        The value of each class, nan for a class that does not occur.

    Notes
    -----
    Everingham et al. (2015), "The PASCAL visual object classes challenge: a retrospective".

    Examples
    --------
    >>> mean_iou(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]), 3)
    (0.5833333333333333, array([0.5       , 0.66666667,        nan]))
    """
    y_pred, y = np.asarray(y_pred), np.asarray(y)
    if y_pred.shape != y.shape:
        raise ValueError(f"y_pred has shape {y_pred.shape}, expected {y.shape}, the shape of y.")
    ### BEGIN SOLUTION
    counts = np.bincount(y.ravel() * num_classes + y_pred.ravel(), minlength=num_classes**2)
    confusion = counts.reshape(num_classes, num_classes)  # rows: the right class, columns: the predicted one
    intersection = np.diag(confusion)
    union = confusion.sum(axis=0) + confusion.sum(axis=1) - intersection
    iou = np.divide(intersection, union, out=np.full(num_classes, np.nan), where=union > 0)
    mean = float(np.nanmean(iou))
    ### END SOLUTION
    return mean, iou
