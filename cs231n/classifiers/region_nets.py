"""Detectors that look at regions: Fast R-CNN, Faster R-CNN and Mask R-CNN.

All three compute feature maps of the whole image once, cut regions out of them, and say for each region what it shows
and how its box should move. They differ in where the regions come from, and in what is said about them.
"""

import numpy as np

from cs231n._windows import HALF_SIZE
from cs231n.boxes import box_iou, clip_boxes, decode_boxes, encode_boxes, grid_anchors, nms
from cs231n.classifiers.graph_net import GraphNet
from cs231n.classifiers.single_shot import best_detections, smooth_absolute_error
from cs231n.fast_layers import conv_transpose_backward_fast, conv_transpose_forward_fast
from cs231n.graph import layer, loss_layer
from cs231n.graph_layers import add, affine_relu, conv_relu, max_pool, relu
from cs231n.rnn_layers import sigmoid
from cs231n.roi_layers import (
    bilinear_weights,
    roi_align_backward,
    roi_align_forward,
    roi_pool_backward_fast,
    roi_pool_forward_fast,
)

BOX_WEIGHT = 5.0  # of the error of the boxes in the loss
ALIGN, POOL = "align", "pool"

_roi_layers = {
    ALIGN: layer(roi_align_forward, roi_align_backward),
    POOL: layer(roi_pool_forward_fast, roi_pool_backward_fast),
}
_conv_transpose = layer(conv_transpose_forward_fast, conv_transpose_backward_fast)


def match_regions(regions, boxes, positive, negative, keep_best=False):
    """Decide for each region whether it shows a thing, and which.

    Parameters
    ----------
    regions : ndarray of shape (R, 4)
    boxes : ndarray of shape (M, 4)
        Of the things.
    positive, negative : float
        A region shows the thing that it overlaps most if their intersection over union is at least `positive`; it shows
        none if the largest one is below `negative`; in between, it is not used.
    keep_best : bool
        Whether the region that overlaps a thing most shows this thing in any case, however little it is: so that each
        thing has a region to be learnt from.

    Returns
    -------
    things : integer ndarray of shape (R,)
        The index of the thing, -1 for none, -2 for "not used".

    Examples
    --------
    >>> regions = np.array([[0, 0, 4, 4], [0, 0, 4, 2], [9, 9, 12, 12]])
    >>> match_regions(regions, np.array([[0, 0, 4, 5]]), positive=0.7, negative=0.3)
    array([ 0, -2, -1])
    """
    if not len(boxes):
        return np.full(len(regions), -1)
    overlaps = box_iou(regions, boxes)  # (R, M)
    ### BEGIN SOLUTION
    things, largest = overlaps.argmax(axis=1), overlaps.max(axis=1)
    things = np.where(largest >= positive, things, np.where(largest < negative, -1, -2))
    if keep_best:
        things[overlaps.argmax(axis=0)] = np.arange(len(boxes))
    ### END SOLUTION
    return things


def sample_regions(things, num_regions, max_positive):
    """Choose regions to learn from, at random: at most `max_positive` with a thing, the others without.

    Parameters
    ----------
    things : integer ndarray of shape (R,)
        From `match_regions`.
    num_regions : int
    max_positive : int

    Returns
    -------
    integer ndarray of at most num_regions indices, those with a thing first
    """
    positive, negative = (np.random.permutation(np.flatnonzero(chosen)) for chosen in (things >= 0, things == -1))
    positive = positive[:max_positive]
    return np.concatenate([positive, negative[: num_regions - len(positive)]])


def _deltas(regions, boxes, things):
    """Describe the box of the thing that each region shows by the region; zeros where it shows none."""
    wanted = regions.copy()
    shows_thing = things >= 0
    wanted[shows_thing] = boxes[things[shows_thing]]
    return encode_boxes(wanted, regions)


def region_loss(x, labels, deltas):
    """Compute the loss of what a network says about regions, averaged over the regions, and its gradient.

    Parameters
    ----------
    x : ndarray of shape (R, 4 + C)
        For each region the four numbers of its box, and the scores of C classes; class 0 is the background.
    labels : integer ndarray of shape (R,)
    deltas : ndarray of shape (R, 4)
        The right box of each region, as `encode_boxes` describes it; that of a region of class 0 does not count.

    Returns
    -------
    loss : float
        The softmax loss of the class plus BOX_WEIGHT = 5 times the smooth absolute error of the box.
    dx : ndarray of shape (R, 4 + C)

    Notes
    -----
    Girshick (2015), "Fast R-CNN", section 2.3.
    """
    R = max(len(x), 1)
    ### BEGIN SOLUTION
    shifted = x[:, 4:] - x[:, 4:].max(axis=1, keepdims=True)
    log_probs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    rows, shows_thing = np.arange(len(x)), labels > 0
    dx = np.zeros_like(x)
    dx[:, 4:] = np.exp(log_probs)
    dx[rows, 4 + labels] -= 1
    box_loss, dboxes = smooth_absolute_error(x[shows_thing, :4] - deltas[shows_thing])
    dx[shows_thing, :4] = BOX_WEIGHT * dboxes
    loss, dx = (BOX_WEIGHT * box_loss - np.sum(log_probs[rows, labels])) / R, dx / R
    ### END SOLUTION
    return loss, dx


def _anchor_loss(x, chosen, labels, deltas):
    """The `region_loss` of some of the anchors; x of shape (N, 6 * A, H, W), `chosen` are indices of `_by_anchor`."""
    by_anchor = _by_anchor(x)
    loss, dchosen = region_loss(by_anchor[chosen], labels, deltas)
    dx = np.zeros_like(by_anchor)
    dx[chosen] = dchosen
    N, _, H, W = x.shape
    return loss, dx.reshape(N, H, W, -1).transpose(0, 3, 1, 2)


def _by_anchor(x):
    """Rearrange maps to a row for each anchor: (N, 6 * A, H, W) -> (N * H * W * A, 6), the order of `grid_anchors`."""
    return x.transpose(0, 2, 3, 1).reshape(-1, 6)


def mask_loss(x, labels, masks):
    """Compute the mean binary cross-entropy of the masks of regions, and its gradient.

    A network predicts a mask for each class. Only that of the class which a region shows counts, so the classes do not
    compete for a pixel.

    Parameters
    ----------
    x : ndarray of shape (R, K, S, S)
        For each region and class the score of each cell; its sigmoid is the probability that the cell is on the thing.
    labels : integer ndarray of shape (R,)
        The class of the thing that each region shows.
    masks : ndarray of shape (R, S, S)
        1 for cells on the thing and 0 for others.

    Returns
    -------
    loss : float
        The mean over all cells of all R masks; 0 without regions.
    dx : ndarray of shape (R, K, S, S)

    Notes
    -----
    He, Gkioxari, Dollár and Girshick (2017), "Mask R-CNN", section 3.

    Examples
    --------
    >>> x = np.array([[[[0.0, 2.0]], [[9.0, 9.0]]]])  # a region, two classes, a row of two cells
    >>> loss, dx = mask_loss(x, np.array([0]), np.array([[[0.0, 1.0]]]))
    >>> print(f"{loss:.4f}", dx.round(3).tolist())
    0.4100 [[[[0.25, -0.06]], [[0.0, 0.0]]]]
    """
    regions, dx = np.arange(len(x)), np.zeros_like(x)
    num_cells = max(masks.size, 1)
    ### BEGIN SOLUTION
    scores = x[regions, labels]  # (R, S, S)
    losses = np.maximum(scores, 0) - scores * masks + np.log1p(np.exp(-np.abs(scores)))
    loss = losses.sum() / num_cells
    dx[regions, labels] = (sigmoid(scores) - masks) / num_cells
    ### END SOLUTION
    return loss, dx


_region_loss, _anchor_loss, _mask_loss = map(loss_layer, (region_loss, _anchor_loss, mask_loss))


def region_proposals(predictions, anchors, image_size, num_proposals, iou_threshold=0.7):
    """Turn what a region proposal network says about the anchors of one image into a few regions.

    The boxes of the 6 * num_proposals anchors with the highest scores are decoded and cut off at the edges of the
    image. Those that are less than 2 pixels wide or high are dropped, then those that overlap a better one too much.

    Parameters
    ----------
    predictions : ndarray of shape (number of anchors, 6)
        The four numbers of a box, the score of "nothing" and the score of "a thing". An anchor's own score is the
        second minus the first.
    anchors : ndarray of shape (number of anchors, 4)
    image_size : int
        Height and width of the image.
    num_proposals : int
        How many regions are wanted at most.
    iou_threshold : float
        For `nms`.

    Returns
    -------
    ndarray of shape (at most num_proposals, 4)
        The most likely one first.

    Examples
    --------
    >>> anchors = np.array([[0.0, 0, 8, 8], [8, 0, 16, 8]])
    >>> predictions = np.array([[0.0, 0, 0, 0, 1, 2], [0.5, 0, 0, 0, 1, 4]])
    >>> region_proposals(predictions, anchors, image_size=16, num_proposals=2)
    array([[12.,  0., 16.,  8.],
           [ 0.,  0.,  8.,  8.]])
    """
    ### BEGIN SOLUTION
    scores = predictions[:, 5] - predictions[:, 4]
    best = np.argsort(-scores)[: 6 * num_proposals]
    boxes = clip_boxes(decode_boxes(predictions[best, :4], anchors[best]), image_size, image_size)
    is_large = (boxes[:, 2:] - boxes[:, :2]).min(axis=1) >= 2
    boxes, scores = boxes[is_large], scores[best][is_large]
    proposals = boxes[nms(boxes, scores, iou_threshold)[:num_proposals]]
    ### END SOLUTION
    return proposals


class FastRCNN(GraphNet):
    """Classify given regions: one pass of convolutions for the whole image, then a small network for each region.

    Parameters
    ----------
    stages : sequence of sequences of int
        The number of filters of each 3 x 3 convolution; max pooling halves the maps after each stage but the last.
    num_classes : int
        K, the number of classes.
    image_size : int
        Height and width of the images, in pixels.
    region_size : int
        Rows and columns into which a region is divided.
    hidden_size : int
        Units of the network for regions.
    roi_layer : str
        "align" or "pool".
    dtype : NumPy dtype

    Notes
    -----
    Girshick (2015), "Fast R-CNN". Here the box does not depend on the class.
    """

    NUM_REGIONS, MAX_POSITIVE = 16, 8  # of each image, in training

    def __init__(
        self,
        stages=((16,), (24,), (48, 48, 48)),
        num_classes=10,
        image_size=48,
        region_size=4,
        hidden_size=128,
        roi_layer=ALIGN,
        dtype=np.float32,
    ):
        super().__init__(dtype)
        if roi_layer not in _roi_layers:
            raise ValueError(f'roi_layer is {roi_layer!r}, expected "{ALIGN}" or "{POOL}".')
        self.stages, self.image_size = tuple(map(tuple, stages)), image_size
        self.stride = 2 ** (len(self.stages) - 1)
        self.region_size, self._cut_out = region_size, _roi_layers[roi_layer]
        C = 3
        for i, stage in enumerate(self.stages):
            for j, F in enumerate(stage):
                self.add_conv_bn(f"conv{i}_{j}", C, F)
                C = F
        self.add_affine("hidden", C * region_size**2, hidden_size)
        self.add_affine("region", hidden_size, 4 + 1 + num_classes)
        self.params["region_W"] *= 0.1

    def maps(self, params, X):
        """Compute the feature maps of images X, of shape (N, 3, H, W)."""
        x = X.astype(self.dtype, copy=False)
        for i, stage in enumerate(self.stages):
            if i:
                x = max_pool(x, HALF_SIZE)
            for j in range(len(stage)):
                x = self.conv_bn_relu(params, f"conv{i}_{j}", x)
        return x

    def judge(self, params, maps, rois):
        """Say for each region what it shows, and how its box should move: (R, 4 + 1 + K), as `region_loss` takes it."""
        parts = self._cut_out(maps, rois, self.region_size, 1 / self.stride)  # (R, C, S, S)
        hidden = affine_relu(parts, params["hidden_W"], params["hidden_b"])
        return self.affine(params, "region", hidden)

    def loss(self, X, truths):
        """Compute the loss and the gradients; besides boxes and labels, a truth needs ``proposals`` of shape (R, 4)."""
        proposals = [truth["proposals"] for truth in truths]
        return self.gradients(lambda params: self._regions_loss(params, self.maps(params, X), proposals, truths)[0])

    def _regions_loss(self, params, maps, proposals, truths):
        """The loss of sampled regions, and (rois, index of the thing or -1) of these."""
        rois, labels, deltas, things = self._sampled(proposals, truths)
        return _region_loss(self.judge(params, maps, rois), labels, deltas), rois, things

    def _sampled(self, proposals, truths):
        rois, labels, deltas, things = [], [], [], []
        for n, (regions, truth) in enumerate(zip(proposals, truths, strict=True)):
            boxes = np.asarray(truth["boxes"], dtype=float)
            regions = np.concatenate([boxes, regions])  # early in training, proposals miss most things
            matched = match_regions(regions, boxes, positive=0.5, negative=0.5)
            chosen = sample_regions(matched, self.NUM_REGIONS, self.MAX_POSITIVE)
            regions, matched = regions[chosen], matched[chosen]
            rois.append(np.column_stack([np.full(len(chosen), n), regions]))
            labels.append(np.append(truth["labels"], -1)[matched] + 1)  # -1, no thing, becomes class 0
            deltas.append(_deltas(regions, boxes, matched))
            things.append(matched)
        rois, labels, deltas = np.concatenate(rois), np.concatenate(labels), np.concatenate(deltas)
        return rois, labels, deltas.astype(self.dtype), np.concatenate(things)

    def detect(self, X, proposals, score_threshold=0.05, iou_threshold=0.5, batch_size=10):
        """Find things among proposals, a list of N arrays of shape (R, 4); the result is a list of N dicts."""
        found = []
        for start in range(0, len(X), batch_size):
            batch = slice(start, start + batch_size)
            found += self._detect(self.maps(self.params, X[batch]), proposals[batch], score_threshold, iou_threshold)
        return found

    def _detect(self, maps, proposals, score_threshold, iou_threshold):
        rois = np.concatenate([np.column_stack([np.full(len(p), n), p]) for n, p in enumerate(proposals)])
        x = self.judge(self.params, maps, rois).astype(np.float64)
        boxes = clip_boxes(decode_boxes(x[:, :4], rois[:, 1:]), self.image_size, self.image_size)
        probs = np.exp(x[:, 4:] - x[:, 4:].max(axis=1, keepdims=True))
        probs /= probs.sum(axis=1, keepdims=True)
        scores, labels = probs[:, 1:].max(axis=1), probs[:, 1:].argmax(axis=1)
        mine = [rois[:, 0] == n for n in range(len(proposals))]
        return [best_detections(boxes[m], scores[m], labels[m], score_threshold, iou_threshold) for m in mine]


class FasterRCNN(FastRCNN):
    """Find regions and classify them with the same feature maps: a region proposal network, then Fast R-CNN.

    Parameters
    ----------
    anchor_sizes : sequence of float
        Height and width of the A anchors at each position of the feature maps, in pixels.
    num_proposals : int
        The most regions of an image that are looked at.
    **options
        As for `FastRCNN`.

    Notes
    -----
    Ren, He, Girshick and Sun (2015), "Faster R-CNN: towards real-time object detection with region proposal networks".
    Both parts are trained together; the proposals count as constants.

    Examples
    --------
    >>> from cs231n.net_visualization import preprocess
    >>> from cs231n.scenes import load_scenes, truths
    >>> scenes = load_scenes(2, seed=1)
    >>> detector = FasterRCNN(stages=((4,), (4,), (4,)))
    >>> loss, grads = detector.loss(preprocess(scenes["images"]), truths(scenes))
    >>> sorted(detector.detect(preprocess(scenes["images"]))[0])
    ['boxes', 'labels', 'scores']
    """

    NUM_ANCHORS, MAX_POSITIVE_ANCHORS = 32, 16  # of each image, in training

    def __init__(self, *args, anchor_sizes=(12.0, 20.0), num_proposals=20, **options):
        super().__init__(*args, **options)
        self.num_proposals = num_proposals
        side = self.image_size // self.stride
        self.anchors = grid_anchors(side, side, self.stride, anchor_sizes)
        C = self.stages[-1][-1]
        self.add_conv("proposal", C, C)
        self.add_conv("anchor", C, 6 * len(anchor_sizes), size=1)
        self.params["anchor_W"] *= 0.1

    def propose(self, params, maps):
        """Say for each anchor whether it shows a thing, and how its box should move: (N, 6 * A, H', W')."""
        hidden = conv_relu(maps, params["proposal_W"], params["proposal_b"], {"stride": 1, "pad": 1})
        return self.conv(params, "anchor", hidden)

    def proposals(self, x):
        """Decode what `propose` says: a list of N arrays of at most num_proposals boxes, the most likely first."""
        by_image = _by_anchor(x).astype(np.float64).reshape(len(x), -1, 6)  # (N, H' * W' * A, 6)
        return [region_proposals(rows, self.anchors, self.image_size, self.num_proposals) for rows in by_image]

    def loss(self, X, truths):
        """Compute the loss of images X (N, 3, H, W) with N truths, and the gradients of all parameters."""
        return self.gradients(lambda params: self._loss(params, X, truths)[0])

    def _loss(self, params, X, truths):
        """The loss, the feature maps, and (rois, index of the thing) of the sampled regions."""
        maps = self.maps(params, X)
        predictions = self.propose(params, maps)
        proposals = self.proposals(predictions.value)
        loss, rois, things = self._regions_loss(params, maps, proposals, truths)
        return add(loss, _anchor_loss(predictions, *self._anchor_targets(truths))), maps, rois, things

    def _anchor_targets(self, truths):
        """Sampled anchors of all images: their indices, labels (1 for a thing) and deltas."""
        chosen, labels, deltas = [], [], []
        for n, truth in enumerate(truths):
            boxes = np.asarray(truth["boxes"], dtype=float)
            matched = match_regions(self.anchors, boxes, positive=0.5, negative=0.3, keep_best=True)
            sample = sample_regions(matched, self.NUM_ANCHORS, self.MAX_POSITIVE_ANCHORS)
            things, anchors = matched[sample], self.anchors[sample]
            chosen.append(n * len(self.anchors) + sample)
            labels.append((things >= 0).astype(int))
            deltas.append(_deltas(anchors, boxes, things))
        return np.concatenate(chosen), np.concatenate(labels), np.concatenate(deltas).astype(self.dtype)

    def detect(self, X, score_threshold=0.05, iou_threshold=0.5, batch_size=100):
        """Find things in images X (N, 3, H, W): a list of N dicts, as `SingleShotDetector.detect` returns it."""
        found = []
        for start in range(0, len(X), batch_size):
            maps = self.maps(self.params, X[start : start + batch_size])
            proposals = self.proposals(self.propose(self.params, maps))
            found += self._detect(maps, proposals, score_threshold, iou_threshold)
        return found


class MaskRCNN(FasterRCNN):
    """Find things, and the pixels that belong to each: Faster R-CNN with a mask for every class.

    Parameters
    ----------
    mask_size : int
        Rows and columns of a region for the masks; the masks have twice as many.
    **options
        As for `FasterRCNN`.

    Notes
    -----
    He, Gkioxari, Dollár and Girshick (2017), "Mask R-CNN".
    """

    def __init__(self, *args, mask_size=6, num_classes=10, **options):
        super().__init__(*args, num_classes=num_classes, **options)
        self.mask_size = mask_size
        C = self.stages[-1][-1]
        self.add_conv("mask1", C, C)
        self.add_conv("mask2", C, C)
        self.params["up_W"] = (np.random.randn(C, C, 2, 2) * np.sqrt(2 / C)).astype(self.dtype)
        self.params["up_b"] = np.zeros(C, self.dtype)
        self.add_conv("mask", C, num_classes, size=1)

    def masks(self, params, maps, rois):
        """Compute the scores of a mask of each class for each region: (R, K, 2 * mask_size, 2 * mask_size)."""
        x = self._cut_out(maps, rois, self.mask_size, 1 / self.stride)
        for name in ("mask1", "mask2"):
            x = conv_relu(x, params[f"{name}_W"], params[f"{name}_b"], {"stride": 1, "pad": 1})
        x = relu(_conv_transpose(x, params["up_W"], params["up_b"], {"stride": 2, "pad": 0}))
        return self.conv(params, "mask", x)

    def loss(self, X, truths):
        """Compute the loss of images X (N, 3, H, W) with N truths that have masks, and the gradients."""
        return self.gradients(lambda params: self._loss_with_masks(params, X, truths))

    def _loss_with_masks(self, params, X, truths):
        loss, maps, rois, things = self._loss(params, X, truths)
        shows_thing = things >= 0
        return add(loss, self.masks_loss(params, maps, rois[shows_thing], things[shows_thing], truths))

    def masks_loss(self, params, maps, rois, things, truths):
        """Compute the loss of the masks alone: of regions (R, 5) that show things, given by their index (R,)."""
        images = rois[:, 0].astype(int)
        labels = np.array([truths[n]["labels"][m] for n, m in zip(images, things, strict=True)], dtype=int)
        masks = np.array([truths[n]["masks"][m] for n, m in zip(images, things, strict=True)])
        return _mask_loss(self.masks(params, maps, rois), labels, self._targets(masks, rois))

    def _targets(self, masks, rois):
        """What the masks of regions should be: the masks of the things (R, H, W), cut out: (R, S, S)."""
        own = np.column_stack([np.arange(len(rois)), rois[:, 1:]])
        parts, _ = roi_align_forward(masks[:, np.newaxis].astype(self.dtype), own, 2 * self.mask_size)
        return (parts[:, 0] >= 0.5).astype(self.dtype)

    def _detect(self, maps, proposals, score_threshold, iou_threshold):
        return self.add_masks(maps, super()._detect(maps, proposals, score_threshold, iou_threshold))

    def add_masks(self, maps, found):
        """Add ``masks``, boolean of shape (M, H, W), to what was found in each image: ``boxes`` and ``labels``."""
        rois = np.concatenate([np.column_stack([np.full(len(f["boxes"]), n), f["boxes"]]) for n, f in enumerate(found)])
        labels = np.concatenate([f["labels"] for f in found])
        scores = self.masks(self.params, maps, rois)[np.arange(len(rois)), labels]
        pasted = paste_masks(sigmoid(scores), rois[:, 1:], self.image_size)
        splits = np.cumsum([len(f["boxes"]) for f in found])[:-1]
        return [f | {"masks": masks} for f, masks in zip(found, np.split(pasted, splits), strict=True)]


def paste_masks(probs, boxes, image_size):
    """Draw masks of boxes into images: which pixels belong to each thing.

    Parameters
    ----------
    probs : ndarray of shape (M, S, S)
        The probability of each cell of a box: its rows go from top to bottom, its columns from left to right.
    boxes : ndarray of shape (M, 4)
    image_size : int
        Height and width of the images.

    Returns
    -------
    boolean ndarray of shape (M, image_size, image_size)
        True for pixels whose centre is in the box and where the probability, interpolated between the cells, is at
        least one half.

    Examples
    --------
    >>> probs = np.array([[[0.9, 0.9], [0.1, 0.1]]])  # the upper half of the box
    >>> paste_masks(probs, np.array([[1.0, 0, 3, 2]]), image_size=4).astype(int)
    array([[[0, 1, 1, 0],
            [0, 0, 0, 0],
            [0, 0, 0, 0],
            [0, 0, 0, 0]]])
    """
    S, pixels = probs.shape[-1], np.arange(image_size) + 0.5  # the centres of the pixels
    ### BEGIN SOLUTION
    weights = []
    for axis in (1, 0):  # rows by top and bottom, columns by left and right
        start, end = boxes[:, axis, np.newaxis], boxes[:, axis + 2, np.newaxis]
        cells = (pixels - start) / (end - start) * S - 0.5  # (M, image_size), counted from the first cell's centre
        is_inside = (pixels >= start) & (pixels <= end)
        weights.append(bilinear_weights(cells, S) * is_inside[:, :, np.newaxis])
    rows, columns = weights  # (M, image_size, S)
    masks = rows @ probs @ columns.swapaxes(1, 2) >= 0.5
    ### END SOLUTION
    return masks
