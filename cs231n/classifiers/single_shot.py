"""Detectors that look once: each cell of a grid, or each of many anchors, says what thing it shows, and its box.

The cells of a grid are numbered row by row, and so are anchors. The predictions for an image are a row for each: the
score of "there is a thing", four numbers that describe its box, and the scores of K classes.
"""

import numpy as np

from cs231n._errors import require_fitting
from cs231n._windows import HALF_SIZE
from cs231n.boxes import batched_nms, box_iou, clip_boxes, decode_boxes, encode_boxes, grid_anchors
from cs231n.classifiers.graph_net import GraphNet
from cs231n.graph import layer, loss_layer
from cs231n.graph_layers import concatenate, max_pool
from cs231n.rnn_layers import sigmoid

SMOOTH = 0.2  # errors of boxes up to this size count by their square
BOX_WEIGHT = 5.0  # of the error of the boxes in the loss


def grid_targets(truths, grid_size, stride, anchor_size):
    """Compute what the cells of a grid should say: the cell in which the centre of a thing lies is in charge of it.

    Parameters
    ----------
    truths : list of N dicts
        With ``boxes`` of shape (M, 4) and ``labels`` of shape (M,), as `cs231n.scenes.truths` returns them.
    grid_size : int
        S, the number of rows and of columns of cells.
    stride : int
        Height and width of a cell in pixels.
    anchor_size : float
        Height and width of the anchor around the centre of each cell, by which boxes are described.

    Returns
    -------
    has_thing : boolean ndarray of shape (N, S * S)
    deltas : ndarray of shape (N, S * S, 4)
        The box of the thing as `encode_boxes` describes it; 0 where there is none.
    labels : integer ndarray of shape (N, S * S)
        The class of the thing; 0 where there is none. A cell with the centres of two things shows the later one.

    Notes
    -----
    Redmon, Divvala, Girshick and Farhadi (2016), "You only look once: unified, real-time object detection".

    Examples
    --------
    >>> truth = {"boxes": np.array([[8, 0, 16, 8]]), "labels": np.array([5])}
    >>> has_thing, deltas, labels = grid_targets([truth], grid_size=2, stride=8, anchor_size=8)
    >>> has_thing.reshape(2, 2).astype(int), labels.reshape(2, 2), deltas[0, 1]
    (array([[0, 1],
           [0, 0]]), array([[0, 5],
           [0, 0]]), array([0., 0., 0., 0.]))
    """
    N, S = len(truths), grid_size
    anchors = grid_anchors(S, S, stride, [anchor_size])  # (S * S, 4), around the centres of the cells
    has_thing, deltas, labels = _no_things(N, S * S)
    for n, truth in enumerate(truths):
        boxes = np.asarray(truth["boxes"], dtype=float)
        ### BEGIN SOLUTION
        centers = (boxes[:, :2] + boxes[:, 2:]) / 2  # (M, 2), x and y
        columns, rows = (centers // stride).astype(int).T
        cells = rows * S + columns
        has_thing[n, cells] = True
        deltas[n, cells] = encode_boxes(boxes, anchors[cells])
        labels[n, cells] = truth["labels"]
        ### END SOLUTION
    return has_thing, deltas, labels


def anchor_targets(truths, anchors, positive=0.5):
    """Compute what anchors should say: those that overlap a thing enough are in charge of it, and at least one is.

    Parameters
    ----------
    truths : list of N dicts
        As for `grid_targets`.
    anchors : ndarray of shape (P, 4)
        Of any sizes, anywhere.
    positive : float
        An anchor is in charge of the thing that it overlaps most if their intersection over union is at least this
        much. Besides, the anchor that overlaps a thing most is in charge of this thing, however little it is.

    Returns
    -------
    has_thing : boolean ndarray of shape (N, P)
    deltas : ndarray of shape (N, P, 4)
        The box of the thing as `encode_boxes` describes it; 0 where there is none.
    labels : integer ndarray of shape (N, P)
        The class of the thing; 0 where there is none.

    Notes
    -----
    Liu et al. (2016), "SSD: single shot multibox detector", section 2.2.

    Examples
    --------
    >>> truth = {"boxes": np.array([[0, 0, 8, 8]]), "labels": np.array([5])}
    >>> anchors = np.array([[0, 0, 8, 6], [0, 0, 8, 8], [0, 8, 8, 16]])
    >>> has_thing, deltas, labels = anchor_targets([truth], anchors)
    >>> has_thing[0], labels[0]
    (array([ True,  True, False]), array([5, 5, 0]))
    """
    has_thing, deltas, labels = _no_things(len(truths), len(anchors))
    for n, truth in enumerate(truths):
        boxes = np.asarray(truth["boxes"], dtype=float)
        if not len(boxes):
            continue
        ### BEGIN SOLUTION
        overlaps = box_iou(anchors, boxes)  # (P, M)
        things, is_shown = overlaps.argmax(axis=1), overlaps.max(axis=1) >= positive
        best = overlaps.argmax(axis=0)  # the best anchor of each thing
        things[best], is_shown[best] = np.arange(len(boxes)), True
        things = things[is_shown]
        has_thing[n] = is_shown
        deltas[n, is_shown] = encode_boxes(boxes[things], anchors[is_shown])
        labels[n, is_shown] = np.asarray(truth["labels"])[things]
        ### END SOLUTION
    return has_thing, deltas, labels


def _no_things(N, P):
    """Targets that say of P cells or anchors in N images that there is nothing."""
    return np.zeros((N, P), dtype=bool), np.zeros((N, P, 4)), np.zeros((N, P), dtype=int)


def smooth_absolute_error(errors):
    """Compute the sum of absolute errors, squared near 0 so that it has a slope everywhere, and its gradient.

    Parameters
    ----------
    errors : ndarray of any shape
        An error e counts as e^2 / 0.4 up to 0.2, and as abs(e) - 0.1 from there on.

    Returns
    -------
    total : float
    derrors : ndarray of the shape of errors

    Notes
    -----
    Girshick (2015), "Fast R-CNN", section 2.3.

    Examples
    --------
    >>> total, derrors = smooth_absolute_error(np.array([0.1, -1.0]))
    >>> print(round(total, 3), derrors)
    0.925 [ 0.5 -1. ]
    """
    ### BEGIN SOLUTION
    size = np.abs(errors)
    total = np.where(size < SMOOTH, errors**2 / (2 * SMOOTH), size - SMOOTH / 2).sum()
    derrors = np.clip(errors / SMOOTH, -1, 1)
    ### END SOLUTION
    return float(total), derrors


def grid_loss(x, has_thing, deltas, labels):
    """Compute the loss of the predictions of all cells, and its gradient.

    It has three parts: the binary cross-entropy of "is there a thing?" in every cell; in the cells with a thing, the
    smooth absolute error of its box, which counts `BOX_WEIGHT` times, and the softmax loss of its class. Each is summed
    over the cells and averaged over the images.

    Parameters
    ----------
    x : ndarray of shape (N, P, 5 + K)
        For each cell the score of "there is a thing", the four numbers of its box, and the scores of K classes.
    has_thing, deltas, labels : ndarray
        From `grid_targets` or `anchor_targets`.

    Returns
    -------
    loss : float
    dx : ndarray of shape (N, P, 5 + K)

    Notes
    -----
    Redmon, Divvala, Girshick and Farhadi (2016), who square all errors.
    """
    require_fitting("has_thing", has_thing, x.shape[:2], "x's images and cells")
    N, dx = len(x), np.zeros_like(x)
    ### BEGIN SOLUTION
    thing_loss, dx[..., 0] = _binary_loss(x[..., 0], has_thing)
    box_loss, dboxes = smooth_absolute_error(x[has_thing, 1:5] - deltas[has_thing])
    class_loss, dx[has_thing, 5:] = _class_loss(x[has_thing, 5:], labels[has_thing])
    dx[has_thing, 1:5] = BOX_WEIGHT * dboxes
    loss = (thing_loss + BOX_WEIGHT * box_loss + class_loss) / N
    dx /= N
    ### END SOLUTION
    return loss, dx


def _binary_loss(scores, is_true):
    """The summed cross-entropy of a yes-or-no question, and its gradient."""
    loss = np.sum(np.maximum(scores, 0) - scores * is_true + np.log1p(np.exp(-np.abs(scores))))
    return loss, sigmoid(scores) - is_true


def _class_loss(scores, labels):
    """The summed softmax loss of scores (M, K), and its gradient."""
    shifted = scores - scores.max(axis=1, keepdims=True)
    log_probs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    things = np.arange(len(labels))
    dscores = np.exp(log_probs)
    dscores[things, labels] -= 1
    return -np.sum(log_probs[things, labels]), dscores


def decode_predictions(x, anchors):
    """Turn the predictions for one image into boxes and scores.

    Parameters
    ----------
    x : ndarray of shape (P, 5 + K)
        As for `grid_loss`.
    anchors : ndarray of shape (P, 4)
        By which the boxes are described.

    Returns
    -------
    boxes : ndarray of shape (P, 4)
        In pixels.
    scores : ndarray of shape (P, K)
        For each class the probability that there is a thing, times the probability that it is one of this class.

    Examples
    --------
    >>> x, anchors = np.array([[0.0, 0, 0, 0, 0, np.log(3), 0]]), np.array([[2.0, 2, 6, 6]])
    >>> boxes, scores = decode_predictions(x, anchors)
    >>> boxes, scores.round(4)
    (array([[2., 2., 6., 6.]]), array([[0.375, 0.125]]))
    """
    ### BEGIN SOLUTION
    boxes = decode_boxes(x[:, 1:5], anchors)
    likelihoods = np.exp(x[:, 5:] - x[:, 5:].max(axis=1, keepdims=True))
    class_probs = likelihoods / likelihoods.sum(axis=1, keepdims=True)  # (P, K)
    scores = sigmoid(x[:, :1]) * class_probs
    ### END SOLUTION
    return boxes, scores


def best_detections(boxes, scores, labels, score_threshold, iou_threshold):
    """Keep detections that are likely enough and do not overlap a better one of their class, the best first."""
    likely = scores >= score_threshold
    boxes, scores, labels = boxes[likely], scores[likely], labels[likely]
    kept = batched_nms(boxes, scores, labels, iou_threshold)
    return {"boxes": boxes[kept], "scores": scores[kept], "labels": labels[kept]}


def by_anchor_forward(x, num_anchors):
    """Rearrange maps (N, A * D, H, W) to a row for each anchor: (N, H * W * A, D), in the order of `grid_anchors`."""
    N, _, H, W = x.shape
    return x.transpose(0, 2, 3, 1).reshape(N, H * W * num_anchors, -1), x.shape


def by_anchor_backward(dout, shape):
    """Compute the gradient of `by_anchor_forward`: every number goes back to its place."""
    N, channels, H, W = shape
    return dout.reshape(N, H, W, channels).transpose(0, 3, 1, 2)


_by_anchor = layer(by_anchor_forward, by_anchor_backward)
_loss = loss_layer(grid_loss)


class SingleShotDetector(GraphNet):
    """Find things in images with one forward pass: convolutions, and for each cell of the last maps a prediction.

    Parameters
    ----------
    stages : sequence of sequences of int
        The number of filters of each 3 x 3 convolution; max pooling halves the maps after each stage but the last.
    num_classes : int
        K, the number of classes.
    image_size : int
        Height and width of the images, in pixels.
    anchor_sizes : sequence of sequences of float
        Heights and widths of the anchors, in pixels, for each of the last stages. Here it is one anchor for each cell
        of the last maps, about as large as the things; `MultiScaleDetector` has more.
    dtype : NumPy dtype
        Of the parameters and all computations.

    Attributes
    ----------
    params : dict of ndarray
    grid_size, stride : int
        S, the number of rows and columns of cells of the last maps, and the size of a cell in pixels.
    anchors : ndarray of shape (P, 4)
        One for each row of the predictions.

    Examples
    --------
    >>> from cs231n.net_visualization import preprocess
    >>> from cs231n.scenes import load_scenes, truths
    >>> scenes = load_scenes(2, seed=1)
    >>> detector = SingleShotDetector(stages=((4,), (4,), (4,), (4,)))
    >>> loss, grads = detector.loss(preprocess(scenes["images"]), truths(scenes))
    >>> sorted(detector.detect(preprocess(scenes["images"]))[0])
    ['boxes', 'labels', 'scores']
    """

    def __init__(
        self,
        stages=((16,), (24,), (32, 32), (64, 64)),
        num_classes=10,
        image_size=48,
        anchor_sizes=((20.0,),),
        dtype=np.float32,
    ):
        super().__init__(dtype)
        self.stages, self.anchor_sizes = tuple(map(tuple, stages)), tuple(map(tuple, anchor_sizes))
        self.num_classes, self.image_size, self.stride = num_classes, image_size, 2 ** (len(self.stages) - 1)
        if image_size % self.stride:
            raise ValueError(f"image_size is {image_size}, expected a multiple of {self.stride}: maps are halved.")
        self.grid_size = image_size // self.stride
        C = 3
        for i, stage in enumerate(self.stages):
            for j, F in enumerate(stage):
                self.add_conv_bn(f"conv{i}_{j}", C, F)
                C = F
        self.anchors = np.concatenate([self._add_head(level) for level in range(len(self.anchor_sizes))])

    def _add_head(self, level):
        """Add the convolution that predicts from the maps of one of the last stages; return its anchors."""
        sizes, back = self.anchor_sizes[level], len(self.anchor_sizes) - 1 - level  # how many stages before the last
        values = 5 + self.num_classes
        self.add_conv(f"head{level}", self.stages[-1 - back][-1], len(sizes) * values, size=1)
        self.params[f"head{level}_W"] *= 0.1
        self.params[f"head{level}_b"][::values] = -3  # most cells are empty: begin by saying so
        side = self.grid_size * 2**back
        return grid_anchors(side, side, self.image_size // side, sizes)

    def maps(self, params, X):
        """Compute the feature maps at the end of each stage, for preprocessed images X of shape (N, 3, H, W)."""
        x, found = X.astype(self.dtype, copy=False), []
        for i, stage in enumerate(self.stages):
            if i:
                x = max_pool(x, HALF_SIZE)
            for j in range(len(stage)):
                x = self.conv_bn_relu(params, f"conv{i}_{j}", x)
            found.append(x)
        return found

    def forward(self, params, X):
        """Compute the predictions of all cells.

        Parameters
        ----------
        params : dict
            Nodes of a graph, or `params`.
        X : ndarray of shape (N, 3, H, W)
            Preprocessed images.

        Returns
        -------
        Node or ndarray of shape (N, P, 5 + K)
        """
        maps = self.maps(params, X)[-len(self.anchor_sizes) :]
        predictions = [
            _by_anchor(self.conv(params, f"head{level}", x), len(sizes))
            for level, (x, sizes) in enumerate(zip(maps, self.anchor_sizes, strict=True))
        ]
        return concatenate(*predictions)

    def targets(self, truths):
        """Compute what the predictions should be: has_thing, deltas and labels, as `grid_loss` takes them."""
        return grid_targets(truths, self.grid_size, self.stride, self.anchor_sizes[-1][0])

    def loss(self, X, truths):
        """Compute the loss of images X, of shape (N, 3, H, W), and the gradients of all parameters.

        Parameters
        ----------
        X : ndarray of shape (N, 3, H, W)
        truths : list of N dicts
            As `cs231n.scenes.truths` returns them.

        Returns
        -------
        loss : float
        grads : dict of ndarray
        """
        has_thing, deltas, labels = self.targets(truths)
        targets = has_thing, deltas.astype(self.dtype), labels
        return self.gradients(lambda params: _loss(self.forward(params, X), *targets))

    def detect(self, X, score_threshold=0.01, iou_threshold=0.5, batch_size=250):
        """Find things: decode the predictions of all cells, and drop boxes that overlap better ones of their class.

        Parameters
        ----------
        X : ndarray of shape (N, 3, H, W)
        score_threshold : float
            Detections with a lower score are left out.
        iou_threshold : float
            For `batched_nms`.
        batch_size : int

        Returns
        -------
        list of N dicts
            ``boxes`` of shape (M, 4), ``labels`` and ``scores`` of shape (M,), the best first. A score is the
            probability that there is a thing, times that of its class.
        """
        found = []
        for start in range(0, len(X), batch_size):
            predictions = self.forward(self.params, X[start : start + batch_size]).astype(np.float64)
            found += [self._detections(rows, score_threshold, iou_threshold) for rows in predictions]
        return found

    def _detections(self, predictions, score_threshold, iou_threshold):
        """What is found in one image, from its predictions (P, 5 + K)."""
        boxes, scores = decode_predictions(predictions, self.anchors)  # (P, 4), (P, K)
        boxes = clip_boxes(boxes, self.image_size, self.image_size)
        rows, labels = np.indices(scores.shape).reshape(2, -1)  # a cell may have a guess for each class
        return best_detections(boxes[rows], scores.ravel(), labels, score_threshold, iou_threshold)

    def fused(self):
        """Return the network's weights with each batch normalisation absorbed by its convolution.

        At test time, normalisation is a factor and a shift for each channel, so the convolution can do it: with the
        factor g = gamma / sqrt(running variance + eps), its weights are g W and its biases beta - g * running mean.

        Returns
        -------
        dict of ndarray
            ``conv<i>_<j>_W`` and ``conv<i>_<j>_b`` of each convolution, and the ``head<i>_W`` and ``head<i>_b``.
        """
        fused = {name: value for name, value in self.params.items() if name.startswith("head")}
        for name, norm in self._norms.items():
            W, gamma, beta = (self.params[f"{name}_{part}"] for part in ("W", "gamma", "beta"))
            factors = gamma / np.sqrt(norm["running_var"] + norm.get("eps", 1e-5))
            fused[f"{name}_W"] = factors[:, np.newaxis, np.newaxis, np.newaxis] * W
            fused[f"{name}_b"] = beta - factors * norm["running_mean"]
        return fused


class MultiScaleDetector(SingleShotDetector):
    """Predict from the maps of several stages: fine cells with small anchors, coarse ones with large anchors.

    The parameters are those of `SingleShotDetector`.

    Notes
    -----
    Liu et al. (2016), "SSD: single shot multibox detector".

    Examples
    --------
    >>> MultiScaleDetector(anchor_sizes=((10.0,), (18.0, 26.0))).anchors.shape  # 12 * 12 + 6 * 6 * 2
    (216, 4)
    """

    def __init__(self, *args, anchor_sizes=((10.0, 15.0), (20.0, 28.0)), **options):
        super().__init__(*args, anchor_sizes=anchor_sizes, **options)

    def targets(self, truths):
        """Compute what the predictions should be, by how much anchors overlap things."""
        return anchor_targets(truths, self.anchors)
