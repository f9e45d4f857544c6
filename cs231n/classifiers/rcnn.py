"""R-CNN: cut every proposal out of the image, describe it by a network trained for something else, classify it.

Nothing is trained but linear models on top: support vector machines that say what a region shows, and a regression
that says how its box should move.
"""

import numpy as np

from cs231n._errors import require_maps, require_whole
from cs231n._watched import watched
from cs231n.boxes import clip_boxes, decode_boxes, encode_boxes
from cs231n.classifiers.linear_classifier import LinearSVM
from cs231n.classifiers.region_nets import match_regions, sample_regions
from cs231n.classifiers.single_shot import best_detections


def crop_and_warp(images, rois, size):
    """Cut regions out of images, and stretch or shrink each to the same size.

    The region is divided into size x size cells; a cell gets the pixel in which its centre lies.

    Parameters
    ----------
    images : ndarray of shape (N, C, H, W)
    rois : ndarray of shape (K, 5)
        For each region the index of its image, and its left, top, right and bottom edge, which need not be whole
        numbers. Pixels outside the image look like the nearest one inside.
    size : int

    Returns
    -------
    ndarray of shape (K, C, size, size)

    Examples
    --------
    >>> images = np.arange(16).reshape(1, 1, 4, 4)
    >>> crop_and_warp(images, np.array([[0, 1, 0, 4, 4]]), 2)
    array([[[[ 5,  7],
             [13, 15]]]])
    """
    require_maps(images)
    require_whole("size", size)
    rois = np.asarray(rois)
    H, W = images.shape[2:]
    ### BEGIN SOLUTION
    n, (left, top, right, bottom) = rois[:, 0].astype(int), rois[:, 1:].T
    steps = (np.arange(size) + 0.5) / size  # the centres of the cells, as shares of the region
    y = top[:, np.newaxis] + (bottom - top)[:, np.newaxis] * steps  # (K, size)
    x = left[:, np.newaxis] + (right - left)[:, np.newaxis] * steps
    rows, columns = (np.clip(np.floor(p), 0, limit - 1).astype(int) for p, limit in ((y, H), (x, W)))
    by_place = images.transpose(0, 2, 3, 1)  # (N, H, W, C)
    crops = by_place[n[:, np.newaxis, np.newaxis], rows[:, :, np.newaxis], columns[:, np.newaxis]]
    crops = crops.transpose(0, 3, 1, 2)  # (K, size, size, C) -> (K, C, size, size)
    ### END SOLUTION
    return crops


def ridge_regression(X, Y, reg):
    """Compute the weights W (D, M) that minimise sum((X W - Y)^2) + reg * sum(W^2), for X (N, D) and Y (N, M).

    Examples
    --------
    >>> ridge_regression(np.array([[1.0], [2.0]]), np.array([[2.0], [4.0]]), reg=0.0)
    array([[2.]])
    """
    return np.linalg.solve(X.T @ X + reg * np.eye(X.shape[1]), X.T @ Y)


class RCNN:
    """Classify given regions one by one: crop, warp, features, a linear SVM, and a linear regression of the box.

    Parameters
    ----------
    features : callable
        Takes images (K, 3, crop_size, crop_size), returns a row of features for each, of mean 0 and variance 1.
    crop_size : int
        The height and width to which regions are warped.
    context : float
        How much of what surrounds a region is cut out with it, as a share of its size, at each side.
    svm_options : dict
        For `LinearSVM.train`.
    reg : float
        Regularisation of the regression.

    Notes
    -----
    Girshick, Donahue, Darrell and Malik (2014), "Rich feature hierarchies for accurate object detection and semantic
    segmentation". Here one SVM with K + 1 classes, of which class 0 is the background, stands for K of them, and the
    regression does not depend on the class.
    """

    NUM_REGIONS, MAX_POSITIVE = 24, 12  # of each image, in training
    SVM_OPTIONS = {"learning_rate": 1e-3, "reg": 1e-2, "num_iters": 1500, "batch_size": 200}

    def __init__(self, features, crop_size=32, context=0.15, svm_options=None, reg=1000.0):
        self.features, self.crop_size, self.context, self.reg = features, crop_size, context, reg
        self.svm_options = self.SVM_OPTIONS | (svm_options or {})
        self.svm, self.W_box = LinearSVM(), None

    def describe(self, X, rois, batch_size=2000):
        """Compute the features of regions (K, 5) of images X (N, 3, H, W), with a column of ones: (K, D + 1)."""
        margins = self.context * (rois[:, 3:] - rois[:, 1:3])
        rois = np.concatenate([rois[:, :1], rois[:, 1:3] - margins, rois[:, 3:] + margins], axis=1)
        starts = watched(range(0, len(rois), batch_size), "describing regions")
        crops = (crop_and_warp(X, rois[start : start + batch_size], self.crop_size) for start in starts)
        rows = np.concatenate([self.features(crop) for crop in crops])
        return np.column_stack([rows, np.ones(len(rows), rows.dtype)])

    def train(self, X, truths):
        """Learn from images X (N, 3, H, W); besides boxes and labels, a truth has ``proposals`` of shape (R, 4)."""
        rois, labels, deltas = [], [], []
        for n, truth in enumerate(truths):
            boxes = np.asarray(truth["boxes"], dtype=float)
            regions = np.concatenate([boxes, truth["proposals"]])
            things = match_regions(regions, boxes, positive=0.5, negative=0.4)
            chosen = sample_regions(things, self.NUM_REGIONS, self.MAX_POSITIVE)
            regions, things = regions[chosen], things[chosen]
            rois.append(np.column_stack([np.full(len(chosen), n), regions]))
            labels.append(np.append(truth["labels"], -1)[things] + 1)  # -1, no thing, becomes class 0
            shows_thing = things >= 0
            deltas.append(encode_boxes(boxes[things[shows_thing]], regions[shows_thing]))
        rows, labels = self.describe(X, np.concatenate(rois)), np.concatenate(labels)
        self.svm.train(rows, labels, **self.svm_options)
        self.W_box = ridge_regression(rows[labels > 0], np.concatenate(deltas), self.reg)

    def detect(self, X, proposals, move=True, score_threshold=-1.0, iou_threshold=0.5):
        """Find things among proposals, a list of N arrays (R, 4); the result is a list of N dicts.

        The score of a class is its distance from the background's: above 0 if it is more likely. With `move`, the
        regression moves the boxes; without, they stay as they were proposed.
        """
        rois = np.concatenate([np.column_stack([np.full(len(p), n), p]) for n, p in enumerate(proposals)])
        rows = self.describe(X, rois)
        H, W = X.shape[2:]
        boxes = clip_boxes(decode_boxes(rows @ self.W_box, rois[:, 1:]), H, W) if move else rois[:, 1:]
        scores = rows @ self.svm.W
        scores = scores[:, 1:] - scores[:, :1]
        best, labels = scores.max(axis=1), scores.argmax(axis=1)
        mine = [rois[:, 0] == n for n in range(len(proposals))]
        return [best_detections(boxes[m], best[m], labels[m], score_threshold, iou_threshold) for m in mine]
