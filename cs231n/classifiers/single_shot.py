"""A detector that looks once: every cell of a grid says whether a thing has its centre there, which, and its box."""

import numpy as np

from cs231n.boxes import batched_nms, clip_boxes, decode_boxes, encode_boxes, grid_anchors
from cs231n.classifiers.graph_net import GraphNet
from cs231n.graph import loss_layer
from cs231n.graph_layers import max_pool
from cs231n.rnn_layers import sigmoid

HALF_SIZE = {"pool_height": 2, "pool_width": 2, "stride": 2}
SMOOTH = 0.2  # errors of boxes up to this size count by their square
BOX_WEIGHT = 5.0  # of the error of the boxes in the loss


def grid_targets(truths, grid_size, stride, anchor_size):
    """Compute what the cells of a grid should say: the cell in which the centre of a thing lies is in charge of it.

    Parameters
    ----------
    truths : list of N dicts
        With ``boxes`` and ``labels``, as `cs231n.scenes.truths` returns them.
    grid_size : int
        S, the number of rows and of columns of cells.
    stride : int
        Height and width of a cell in pixels.
    anchor_size : float
        Height and width of the anchor around the centre of each cell, by which boxes are described.

    Returns
    -------
    has_thing : boolean ndarray of shape (N, S, S)
    deltas : ndarray of shape (N, S, S, 4)
        The box of the thing as `encode_boxes` describes it; 0 where there is none.
    labels : integer ndarray of shape (N, S, S)
        The class of the thing; 0 where there is none.

    Examples
    --------
    >>> truth = {"boxes": np.array([[8, 0, 16, 8]]), "labels": np.array([5])}
    >>> has_thing, deltas, labels = grid_targets([truth], grid_size=2, stride=8, anchor_size=8)
    >>> has_thing[0].astype(int), labels[0], deltas[0, 0, 1]
    (array([[0, 1],
           [0, 0]]), array([[0, 5],
           [0, 0]]), array([0., 0., 0., 0.]))
    """
    N, S = len(truths), grid_size
    anchors = grid_anchors(S, S, stride, [anchor_size]).reshape(S, S, 4)
    has_thing = np.zeros((N, S, S), dtype=bool)
    deltas, labels = np.zeros((N, S, S, 4)), np.zeros((N, S, S), dtype=int)
    for n, truth in enumerate(truths):
        boxes = np.asarray(truth["boxes"], dtype=float)
        column, row = (np.clip((boxes[:, i] + boxes[:, i + 2]) / 2 // stride, 0, S - 1).astype(int) for i in (0, 1))
        has_thing[n, row, column] = True
        deltas[n, row, column] = encode_boxes(boxes, anchors[row, column])
        labels[n, row, column] = truth["labels"]
    return has_thing, deltas, labels


def grid_loss(x, has_thing, deltas, labels):
    """Compute the loss of the predictions of all cells, and its gradient.

    It has three parts: the binary cross-entropy of "is there a thing?" in every cell; in the cells with a thing, the
    smooth absolute error of its box and the softmax loss of its class. Each is summed over the cells and averaged over
    the images.

    Parameters
    ----------
    x : ndarray of shape (N, 5 + K, S, S)
        For each cell the score of "there is a thing", the four numbers of its box, and the scores of K classes.
    has_thing, deltas, labels : ndarray
        From `grid_targets`.

    Returns
    -------
    loss : float
    dx : ndarray of shape (N, 5 + K, S, S)

    Notes
    -----
    The grid and the three parts: Redmon, Divvala, Girshick and Farhadi (2016), "You only look once: unified, real-time
    object detection", which squares all errors. The smooth absolute error: Girshick (2015), "Fast R-CNN".
    """
    N = len(x)
    x = x.transpose(0, 2, 3, 1)  # (N, S, S, 5 + K)
    dx = np.zeros_like(x)
    thing_loss, dx[..., 0] = _binary_loss(x[..., 0], has_thing)
    box_loss, dx[has_thing, 1:5] = smooth_absolute_error(x[has_thing, 1:5] - deltas[has_thing])
    class_loss, dx[has_thing, 5:] = _class_loss(x[has_thing, 5:], labels[has_thing])
    dx[has_thing, 1:5] *= BOX_WEIGHT
    return (thing_loss + BOX_WEIGHT * box_loss + class_loss) / N, dx.transpose(0, 3, 1, 2) / N


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

    Examples
    --------
    >>> total, derrors = smooth_absolute_error(np.array([0.1, -1.0]))
    >>> print(round(total, 3), derrors)
    0.925 [ 0.5 -1. ]
    """
    size = np.abs(errors)
    total = np.where(size < SMOOTH, errors**2 / (2 * SMOOTH), size - SMOOTH / 2).sum()
    return float(total), np.clip(errors / SMOOTH, -1, 1)


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
    anchor_size : float
        Height and width of the anchors, in pixels: about the size of the things.
    dtype : NumPy dtype
        Of the parameters and all computations.

    Attributes
    ----------
    params : dict of ndarray
    grid_size, stride : int
        The number of rows and columns of cells, and the size of a cell in pixels.

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
        anchor_size=20.0,
        dtype=np.float32,
    ):
        super().__init__(dtype)
        self.stages, self.image_size, self.anchor_size = tuple(map(tuple, stages)), image_size, anchor_size
        self.stride = 2 ** (len(self.stages) - 1)
        if image_size % self.stride:
            raise ValueError(f"image_size is {image_size}, expected a multiple of {self.stride}: maps are halved.")
        self.grid_size = image_size // self.stride
        C = 3
        for name, F in self._layers():
            self.add_conv_bn(name, C, F)
            C = F
        self.add_conv("head", C, 5 + num_classes, size=1)
        self.params["head_W"] *= 0.1
        self.params["head_b"][0] = -3  # most cells are empty: begin by saying so

    def _layers(self):
        """The names of the convolutions, with their number of filters."""
        return [(f"conv{i}_{j}", F) for i, stage in enumerate(self.stages) for j, F in enumerate(stage)]

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
        Node or ndarray of shape (N, 5 + K, S, S)
        """
        x = X.astype(self.dtype, copy=False)
        for i, stage in enumerate(self.stages):
            if i:
                x = max_pool(x, HALF_SIZE)
            for j in range(len(stage)):
                x = self.conv_bn_relu(params, f"conv{i}_{j}", x)
        return self.conv(params, "head", x)

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
        has_thing, deltas, labels = grid_targets(truths, self.grid_size, self.stride, self.anchor_size)
        targets = has_thing, deltas.astype(self.dtype), labels
        return self.gradients(lambda params: _loss(self.forward(params, X), *targets))

    def detect(self, X, score_threshold=0.05, iou_threshold=0.5, batch_size=250):
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
            predictions = self.forward(self.params, X[start : start + batch_size])
            found += [self._decode(prediction, score_threshold, iou_threshold) for prediction in predictions]
        return found

    def _decode(self, prediction, score_threshold, iou_threshold):
        """The detections of one image, from its predictions (5 + K, S, S)."""
        cells = prediction.reshape(len(prediction), -1).T.astype(np.float64)  # (S * S, 5 + K)
        probs = np.exp(cells[:, 5:] - cells[:, 5:].max(axis=1, keepdims=True))
        probs *= sigmoid(cells[:, :1]) / probs.sum(axis=1, keepdims=True)
        anchors = grid_anchors(self.grid_size, self.grid_size, self.stride, [self.anchor_size])
        boxes = clip_boxes(decode_boxes(cells[:, 1:5], anchors), self.image_size, self.image_size)
        return best_detections(boxes, probs.max(axis=1), probs.argmax(axis=1), score_threshold, iou_threshold)


def best_detections(boxes, scores, labels, score_threshold, iou_threshold):
    """Keep detections that are likely enough and do not overlap a better one of their class, the best first."""
    likely = scores >= score_threshold
    boxes, scores, labels = boxes[likely], scores[likely], labels[likely]
    kept = batched_nms(boxes, scores, labels, iou_threshold)
    return {"boxes": boxes[kept], "scores": scores[kept], "labels": labels[kept]}


_loss = loss_layer(grid_loss)
