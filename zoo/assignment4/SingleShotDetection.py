"""The functions of SingleShotDetection as learners write them."""

import numpy as np

from cs231n.boxes import box_iou, decode_boxes, encode_boxes, grid_anchors
from cs231n.classifiers.single_shot import grid_loss, grid_targets, smooth_absolute_error
from cs231n.rnn_layers import sigmoid
from zoo import right, slips, wrong

# ---- grid_targets

slips(
    "grid_targets",
    (
        "rows and columns of cells are swapped: x gives the column and y the row, and the cell is row * S + column",
        "cells = rows * S + columns",
        "cells = columns * S + rows",
    ),
    (
        "the cell is that of the upper left corner: it is the one in which the centre of the box lies",
        "centers = (boxes[:, :2] + boxes[:, 2:]) / 2",
        "centers = np.clip(boxes[:, :2], 0, None)",
    ),
    (
        "a cell is row * S + column: S cells come before each new row, not as many as a cell has pixels",
        "cells = rows * S + columns",
        "cells = (rows * stride + columns) % (S * S)",
    ),
    (
        "the centre is divided by the stride and rounded to the nearest cell: round down, as // does",
        "columns, rows = (centers // stride).astype(int).T",
        "columns, rows = np.minimum(np.round(centers / stride), S - 1).astype(int).T",
    ),
    (
        "the arguments of encode_boxes are swapped: the boxes first, then the anchors that describe them",
        "encode_boxes(boxes, anchors[cells])",
        "encode_boxes(anchors[cells], boxes)",
    ),
    (
        "the anchors are the first ones of the grid: take those of the cells in charge, anchors[cells]",
        "encode_boxes(boxes, anchors[cells])",
        "encode_boxes(boxes, anchors[: len(boxes)])",
    ),
    (
        "deltas holds the boxes in pixels: encode_boxes describes them by the anchors",
        "encode_boxes(boxes, anchors[cells])",
        "boxes",
    ),
    (
        "deltas holds the boxes as shares of the image: encode_boxes describes them by the anchors",
        "encode_boxes(boxes, anchors[cells])",
        "boxes / (S * stride)",
    ),
    (
        "deltas holds the difference of box and anchor in pixels: encode_boxes divides by the anchor's size and takes "
        "the logarithm of the sizes",
        "encode_boxes(boxes, anchors[cells])",
        "boxes - anchors[cells]",
    ),
    (
        "labels is off by one: the class itself is stored, and has_thing says where there is none",
        '= truth["labels"]',
        '= truth["labels"] + 1',
    ),
    (
        "all images are written into the first one: the targets of image n are row n",
        "has_thing[n, cells] = True",
        "has_thing[0, cells] = True",
    ),
    (
        "has_thing is set for one thing of each image only",
        "has_thing[n, cells] = True",
        "has_thing[n, cells[:1]] = True",
    ),
    (
        "deltas is set for all cells of an image, also for those without a thing: these stay 0",
        "deltas[n, cells] = encode_boxes(boxes, anchors[cells])",
        "deltas[n] = encode_boxes(boxes[:1] + 0 * anchors, anchors) if len(boxes) else 0\n"
        "deltas[n, cells] = encode_boxes(boxes, anchors[cells])",
    ),
    (
        "the grid is mirrored from top to bottom: row 0 is at the top of the image, where y is 0",
        "cells = rows * S + columns",
        "cells = (S - 1 - rows) * S + columns",
    ),
    (
        "the cell of the upper left corner is in charge: it is the one in which the centre of the box lies",
        "(boxes[:, :2] + boxes[:, 2:]) / 2",
        "boxes[:, :2]",
    ),
)


@wrong(
    "grid_targets",
    "dx and dy are measured from the corner of the cell: encode_boxes measures from the centre of the anchor",
)
def targets_from_the_corner(truths, grid_size, stride, anchor_size):
    has_thing, deltas, labels = grid_targets(truths, grid_size, stride, anchor_size)
    deltas[..., :2] = np.where(has_thing[..., np.newaxis], deltas[..., :2] * anchor_size / stride + 0.5, 0)
    return has_thing, deltas, labels


@right("grid_targets")
def targets_thing_by_thing(truths, grid_size, stride, anchor_size):
    """With loops over images and things, and the formula of encode_boxes written out."""
    N, S = len(truths), grid_size
    has_thing, deltas, labels = np.zeros((N, S, S), bool), np.zeros((N, S, S, 4)), np.zeros((N, S, S), int)
    for n, truth in enumerate(truths):
        for (left, top, right_, bottom), label in zip(truth["boxes"], truth["labels"], strict=True):
            x, y = (left + right_) / 2, (top + bottom) / 2
            row, column = int(y / stride), int(x / stride)
            has_thing[n, row, column] = True
            labels[n, row, column] = label
            deltas[n, row, column] = (
                (x - (column + 0.5) * stride) / anchor_size,
                (y - (row + 0.5) * stride) / anchor_size,
                np.log((right_ - left) / anchor_size),
                np.log((bottom - top) / anchor_size),
            )
    return has_thing.reshape(N, -1), deltas.reshape(N, -1, 4), labels.reshape(N, -1)


@right("grid_targets")
def targets_by_nearest_anchor(truths, grid_size, stride, anchor_size):
    """The cell is that whose anchor has the nearest centre."""
    anchors = grid_anchors(grid_size, grid_size, stride, [anchor_size])
    middles = (anchors[:, :2] + anchors[:, 2:]) / 2
    shape = len(truths), len(anchors)
    has_thing, deltas, labels = np.zeros(shape, bool), np.zeros((*shape, 4)), np.zeros(shape, int)
    for n, truth in enumerate(truths):
        for box, label in zip(np.asarray(truth["boxes"], float), truth["labels"], strict=True):
            cell = np.argmin(np.abs(middles - (box[:2] + box[2:]) / 2).max(axis=1))
            has_thing[n, cell], labels[n, cell] = True, label
            deltas[n, cell] = encode_boxes(box[np.newaxis], anchors[[cell]])[0]
    return has_thing, deltas, labels


@right("grid_targets", edge="so one of the things is lost")
def targets_first_thing_wins(truths, grid_size, stride, anchor_size):
    """Where two things share a cell, the first one stays."""
    turned = [{"boxes": t["boxes"][::-1], "labels": t["labels"][::-1]} for t in truths]
    return targets_thing_by_thing(turned, grid_size, stride, anchor_size)


# ---- smooth_absolute_error

slips(
    "smooth_absolute_error",
    (
        "small errors count twice as much as they should: e^2 / 0.4, so that both formulas meet at 0.2",
        "errors**2 / (2 * SMOOTH)",
        "errors**2 / SMOOTH",
    ),
    (
        "small errors count as e^2 / 2, as with a limit of 1: here the limit is 0.2, and they count as e^2 / 0.4",
        "errors**2 / (2 * SMOOTH)",
        "errors**2 / 2",
    ),
    (
        "small errors count as their square: e^2 / 0.4 has the slope 1 at 0.2, e^2 has not",
        "errors**2 / (2 * SMOOTH)",
        "errors**2",
    ),
    (
        "large errors count as abs(e): 0.1 less, so that both formulas meet at 0.2",
        "size - SMOOTH / 2",
        "size",
    ),
    (
        "large errors count as abs(e) - 0.2: it is abs(e) - 0.1, so that both formulas meet at 0.2",
        "size - SMOOTH / 2",
        "size - SMOOTH",
    ),
    ("the limit is 1 in place of 0.2", "size < SMOOTH", "size < 1"),
    ("the two formulas are swapped: the square is for small errors", "size < SMOOTH", "size >= SMOOTH"),
    (
        "abs is missing in the comparison with the limit, so all negative errors count by their square",
        "size < SMOOTH",
        "errors < SMOOTH",
    ),
    ("the total is the mean: it is the sum", "size - SMOOTH / 2).sum()", "size - SMOOTH / 2).mean()"),
    (
        "the gradient is the sign of every error: small ones have the slope e / 0.2",
        "np.clip(errors / SMOOTH, -1, 1)",
        "np.sign(errors)",
    ),
    (
        "the slope of small errors is e: it is e / 0.2",
        "np.clip(errors / SMOOTH, -1, 1)",
        "np.where(size < SMOOTH, errors, np.sign(errors))",
    ),
    (
        "the slope of small errors is e / 0.4: the derivative of the square has a factor 2",
        "np.clip(errors / SMOOTH, -1, 1)",
        "np.where(size < SMOOTH, errors / (2 * SMOOTH), np.sign(errors))",
    ),
    (
        "the gradient has lost its sign: negative errors have a negative slope",
        "np.clip(errors / SMOOTH, -1, 1)",
        "np.clip(size / SMOOTH, 0, 1)",
    ),
    (
        "the slope goes on growing beyond 0.2: there it stays at 1 or -1",
        "np.clip(errors / SMOOTH, -1, 1)",
        "errors / SMOOTH",
    ),
    (
        "the gradient has the wrong sign",
        "np.clip(errors / SMOOTH, -1, 1)",
        "-np.clip(errors / SMOOTH, -1, 1)",
    ),
    (
        "the two formulas meet at 1: here they meet at 0.2, SMOOTH",
        "np.where(size < SMOOTH, errors**2 / (2 * SMOOTH), size - SMOOTH / 2)",
        "np.where(size < 1, errors**2 / 2, size - 0.5)",
    ),
)


@wrong(
    "smooth_absolute_error",
    "errors is modified in place (by -=, out=, or an assignment to its entries): work on a new array",
    rule="errors is modified in place",
)
def error_takes_abs_in_place(errors):
    signs = np.sign(errors)
    np.abs(errors, out=errors)
    total = np.where(errors < 0.2, errors**2 / 0.4, errors - 0.1).sum()
    return float(total), signs * np.minimum(errors / 0.2, 1)


@right("smooth_absolute_error")
def error_by_masks(errors):
    is_small = np.abs(errors) < 0.2
    derrors = np.sign(errors)
    derrors[is_small] = errors[is_small] / 0.2
    return np.sum(errors[is_small] ** 2) / 0.4 + np.sum(np.abs(errors[~is_small]) - 0.1), derrors


@right("smooth_absolute_error")
def error_by_parts(errors):
    """The integral of the clipped slope."""
    near = np.clip(errors, -0.2, 0.2)
    return np.sum(near**2 / 0.4 + np.abs(errors - near)), near / 0.2


# ---- grid_loss

slips(
    "grid_loss",
    (
        "the loss of the boxes is not weighted by BOX_WEIGHT, though its gradient is",
        "thing_loss + BOX_WEIGHT * box_loss",
        "thing_loss + box_loss",
    ),
    (
        "the gradient of the boxes is not weighted by BOX_WEIGHT, though their loss is",
        "BOX_WEIGHT * dboxes",
        "dboxes",
    ),
    (
        "the boxes are not weighted by BOX_WEIGHT, neither in the loss nor in the gradient",
        "thing_loss + BOX_WEIGHT * box_loss",
        "thing_loss + box_loss",
        "BOX_WEIGHT * dboxes",
        "dboxes",
    ),
    (
        "BOX_WEIGHT multiplies the class loss as well: it belongs to the boxes alone",
        "(thing_loss + BOX_WEIGHT * box_loss + class_loss)",
        "(thing_loss + BOX_WEIGHT * (box_loss + class_loss))",
    ),
    ("the loss is not divided by the number of images", "+ class_loss) / N", "+ class_loss)"),
    ("the gradient is not divided by the number of images", "dx /= N", "pass"),
    (
        "neither the loss nor the gradient is divided by the number of images",
        "+ class_loss) / N",
        "+ class_loss)",
        "dx /= N",
        "pass",
    ),
    (
        "loss and gradient are divided by the number of all cells: the loss is averaged over the images",
        "+ class_loss) / N",
        "+ class_loss) / has_thing.size",
        "dx /= N",
        "dx /= has_thing.size",
    ),
    (
        "loss and gradient are divided by the number of things: the loss is averaged over the images",
        "+ class_loss) / N",
        "+ class_loss) / has_thing.sum()",
        "dx /= N",
        "dx /= has_thing.sum()",
    ),
    (
        "only cells with a thing count in 'is there a thing?': the empty ones must learn to say no",
        "thing_loss, dx[..., 0] = _binary_loss(x[..., 0], has_thing)",
        "thing_loss, dx[has_thing, 0] = _binary_loss(x[has_thing, 0], has_thing[has_thing])",
    ),
    (
        "'is there a thing?' has the answers the wrong way round",
        "_binary_loss(x[..., 0], has_thing)",
        "_binary_loss(x[..., 0], ~has_thing)",
    ),
    (
        "the boxes of empty cells count as well: there is nothing to describe in them",
        "box_loss, dboxes = smooth_absolute_error(x[has_thing, 1:5] - deltas[has_thing])",
        "box_loss, dboxes = smooth_absolute_error(x[..., 1:5] - deltas)",
        "dx[has_thing, 1:5] = BOX_WEIGHT * dboxes",
        "dx[..., 1:5] = BOX_WEIGHT * dboxes",
    ),
    (
        "the classes of empty cells count as well, as class 0: only cells with a thing have a class",
        "class_loss, dx[has_thing, 5:] = _class_loss(x[has_thing, 5:], labels[has_thing])",
        "class_loss, dclasses = _class_loss(x[..., 5:].reshape(labels.size, -1), labels.ravel())\n"
        "dx[..., 5:] = dclasses.reshape(dx[..., 5:].shape)",
    ),
    (
        "the error of the boxes is deltas - x: it is x - deltas, so that the gradient has the right sign",
        "smooth_absolute_error(x[has_thing, 1:5] - deltas[has_thing])",
        "smooth_absolute_error(deltas[has_thing] - x[has_thing, 1:5])",
    ),
    (
        "x is not compared with deltas: the error of a box is what is predicted minus what is right",
        "smooth_absolute_error(x[has_thing, 1:5] - deltas[has_thing])",
        "smooth_absolute_error(x[has_thing, 1:5])",
    ),
    ("the class loss is missing in the loss", " + class_loss)", ")"),
    ("the loss of 'is there a thing?' is missing in the loss", "(thing_loss + BOX", "(BOX"),
    ("the loss of the boxes is missing in the loss", "thing_loss + BOX_WEIGHT * box_loss", "thing_loss"),
    (
        "dx is 0 for the classes: write the gradient of the class loss into columns 5 onwards",
        "class_loss, dx[has_thing, 5:] =",
        "class_loss, _ =",
    ),
    (
        "dx is 0 for the boxes: write the gradient of their error into columns 1 to 4",
        "dx[has_thing, 1:5] = BOX_WEIGHT * dboxes",
        "pass",
    ),
    (
        "dx is 0 for 'is there a thing?': write the gradient into column 0",
        "thing_loss, dx[..., 0] =",
        "thing_loss, _ =",
    ),
    (
        "the classes and the box share column 4: the box has columns 1 to 4, the classes begin at 5",
        "class_loss, dx[has_thing, 5:] = _class_loss(x[has_thing, 5:], labels[has_thing])",
        "class_loss, dx[has_thing, 4:] = _class_loss(x[has_thing, 4:], labels[has_thing])",
    ),
    (
        "labels is taken to begin at 1: class 0 is the first column of scores",
        "_class_loss(x[has_thing, 5:], labels[has_thing])",
        "_class_loss(x[has_thing, 5:], labels[has_thing] - 1)",
    ),
    (
        "the errors of the boxes are squared, as in the first YOLO: here smooth_absolute_error measures them",
        "box_loss, dboxes = smooth_absolute_error(x[has_thing, 1:5] - deltas[has_thing])",
        "dboxes = 2 * (x[has_thing, 1:5] - deltas[has_thing])\nbox_loss = np.sum(dboxes**2) / 4",
    ),
    (
        "the box is read from columns 0 to 3: column 0 is the score of 'is there a thing?', the box has columns 1 to 4",
        "x[has_thing, 1:5] - deltas",
        "x[has_thing, 0:4] - deltas",
    ),
)


@right("grid_loss")
def loss_with_things_by_index(x, has_thing, deltas, labels):
    """With two index arrays, and cross-entropies written out."""
    n, p = np.nonzero(has_thing)
    dx = np.zeros_like(x)
    scores = x[:, :, 0]
    signs = np.where(has_thing, 1, -1)
    loss = np.logaddexp(0, -signs * scores).sum()
    dx[:, :, 0] = -signs * sigmoid(-signs * scores)
    total, derrors = smooth_absolute_error(x[n, p, 1:5] - deltas[n, p])
    dx[n, p, 1:5] += 5 * derrors
    z = x[n, p, 5:] - x[n, p, 5:].max(axis=1, keepdims=True)
    probs = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    rows = np.arange(len(n))
    loss += 5 * total + np.sum(np.log(np.exp(z).sum(axis=1)) - z[rows, labels[n, p]])
    probs[rows, labels[n, p]] -= 1
    dx[n, p, 5:] = probs
    return loss / len(x), dx / len(x)


@right("grid_loss")
def loss_image_by_image(x, has_thing, deltas, labels):
    loss, dx = 0.0, np.empty_like(x)
    for n in range(len(x)):
        one = slice(n, n + 1)
        part, dx[one] = grid_loss(x[one], has_thing[one], deltas[one], labels[one])
        loss += part
    return loss / len(x), dx / len(x)


@right("grid_loss", edge="the shifted score minus the log of the sum")
def loss_by_plain_logarithms(x, has_thing, deltas, labels):
    t, dx = has_thing.astype(x.dtype), np.zeros_like(x)
    p = 1 / (1 + np.exp(-x[..., 0]))
    loss = -np.sum(t * np.log(p) + (1 - t) * np.log(1 - p))
    dx[..., 0] = p - t
    total, derrors = smooth_absolute_error((x[..., 1:5] - deltas) * t[..., np.newaxis])
    dx[..., 1:5] = 5 * derrors
    q = np.exp(x[..., 5:]) / np.exp(x[..., 5:]).sum(axis=-1, keepdims=True)
    wanted = np.eye(q.shape[-1])[labels]
    loss -= np.sum(t * np.log(np.sum(q * wanted, axis=-1)))
    dx[..., 5:] = (q - wanted) * t[..., np.newaxis]
    return (loss + 5 * total) / len(x), dx / len(x)


# ---- decode_predictions

slips(
    "decode_predictions",
    (
        "the box is read from columns 0 to 3: column 0 is the score of 'there is a thing', the box has columns 1 to 4",
        "decode_boxes(x[:, 1:5], anchors)",
        "decode_boxes(x[:, :4], anchors)",
    ),
    (
        "the anchors are returned as boxes: decode_boxes moves and stretches them as predicted",
        "decode_boxes(x[:, 1:5], anchors)",
        "anchors.copy()",
    ),
    (
        "the predicted numbers are added to the anchors' corners: decode_boxes knows what they mean",
        "decode_boxes(x[:, 1:5], anchors)",
        "anchors + x[:, 1:5]",
    ),
    (
        "the scores are those of the classes alone: multiply by the probability that there is a thing",
        "sigmoid(x[:, :1]) * class_probs",
        "class_probs",
    ),
    (
        "the score of 'there is a thing' is used without sigmoid",
        "sigmoid(x[:, :1]) * class_probs",
        "x[:, :1] * class_probs",
    ),
    (
        "the two probabilities are added: both must hold, so multiply them",
        "sigmoid(x[:, :1]) * class_probs",
        "sigmoid(x[:, :1]) + class_probs",
    ),
    (
        "the scores are the probability of 'there is a thing' for every class: multiply by those of the classes",
        "sigmoid(x[:, :1]) * class_probs",
        "sigmoid(x[:, :1]) + 0 * class_probs",
    ),
    (
        "the class scores go through a sigmoid each: a thing has one class, so it is a softmax",
        "sigmoid(x[:, :1]) * class_probs",
        "sigmoid(x[:, :1]) * sigmoid(x[:, 5:])",
    ),
    (
        "the softmax goes over the cells: it goes over the classes, axis=1",
        "likelihoods.sum(axis=1, keepdims=True)",
        "likelihoods.sum(axis=0, keepdims=True)",
    ),
    (
        "the softmax is divided by the sum over all cells: each cell has a sum of its own",
        "likelihoods.sum(axis=1, keepdims=True)",
        "likelihoods.sum()",
    ),
    (
        "the class probabilities do not add up to 1: divide by their sum",
        "likelihoods / likelihoods.sum(axis=1, keepdims=True)",
        "likelihoods",
    ),
    (
        "column 4 belongs to the box, but is taken for a class: the classes begin at column 5",
        "np.exp(x[:, 5:] - x[:, 5:].max(axis=1, keepdims=True))",
        "np.exp(x[:, 4:] - x[:, 4:].max(axis=1, keepdims=True))",
        "sigmoid(x[:, :1]) * class_probs",
        "(sigmoid(x[:, :1]) * class_probs)[:, 1:]",
    ),
    (
        "the scores are their logarithms: they are probabilities, from 0 to 1",
        "sigmoid(x[:, :1]) * class_probs",
        "np.log(sigmoid(x[:, :1])) + np.log(class_probs)",
    ),
    (
        "boxes holds what the network predicts: decode_boxes makes boxes of it",
        "decode_boxes(x[:, 1:5], anchors)",
        "x[:, 1:5]",
    ),
    (
        "only the score of the most likely class is returned: scores has a column for each class",
        "scores = sigmoid(x[:, :1]) * class_probs",
        "scores = sigmoid(x[:, 0]) * class_probs.max(axis=1)",
    ),
)


@right("decode_predictions", edge="exp overflows at 710")
def decoding_without_shift(x, anchors):
    probs = np.exp(x[:, 5:])
    probs = probs / probs.sum(axis=1)[:, np.newaxis]
    return decode_boxes(x[:, 1:5], anchors), probs / (1 + np.exp(-x[:, :1]))


@right("decode_predictions")
def decoding_cell_by_cell(x, anchors):
    boxes, scores = np.zeros((len(x), 4)), np.zeros((len(x), x.shape[1] - 5))
    for p, (row, (left, top, right_, bottom)) in enumerate(zip(x, anchors, strict=True)):
        width, height = right_ - left, bottom - top
        cx, cy = left + width / 2 + row[1] * width, top + height / 2 + row[2] * height
        width, height = width * np.exp(min(row[3], 4.0)), height * np.exp(min(row[4], 4.0))
        boxes[p] = cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2
        z = np.exp(row[5:] - row[5:].max())
        scores[p] = (1 + np.tanh(row[0] / 2)) / 2 * z / z.sum()
    return boxes, scores


# ---- anchor_targets

slips(
    "anchor_targets",
    (
        "only anchors that overlap a thing enough are in charge: besides, the best anchor of each thing is, however "
        "little they overlap",
        "things[best], is_shown[best] = np.arange(len(boxes)), True",
        "pass",
    ),
    (
        "only the best anchor of each thing is in charge: all others that overlap a thing enough are as well",
        "overlaps.max(axis=1) >= positive",
        "np.zeros(len(anchors), dtype=bool)",
    ),
    (
        "the best anchor of a thing is in charge, but of the thing that *it* overlaps most: set things[best] as well",
        "things[best], is_shown[best] = np.arange(len(boxes)), True",
        "is_shown[best] = True",
    ),
    (
        "positive is ignored: an anchor is in charge at 0.5, whatever was asked for",
        "overlaps.max(axis=1) >= positive",
        "overlaps.max(axis=1) >= 0.5",
    ),
    (
        "every anchor that overlaps a thing at all is in charge: it must reach `positive`",
        "overlaps.max(axis=1) >= positive",
        "overlaps.max(axis=1) > 0",
    ),
    (
        "anchors are in charge if they overlap a thing too little: the comparison is the wrong way round",
        "overlaps.max(axis=1) >= positive",
        "overlaps.max(axis=1) < positive",
    ),
    (
        "an anchor's overlaps with all things are added up: it is the largest one that counts",
        "overlaps.max(axis=1) >= positive",
        "overlaps.sum(axis=1) >= positive",
    ),
    (
        "the labels are not those of the things that the anchors show: index them by things",
        'np.asarray(truth["labels"])[things]',
        'np.resize(truth["labels"], len(things))',
    ),
    (
        "labels is off by one: the class itself is stored",
        'np.asarray(truth["labels"])[things]',
        'np.asarray(truth["labels"])[things] + 1',
    ),
    (
        "the arguments of encode_boxes are swapped: the boxes first, then the anchors that describe them",
        "encode_boxes(boxes[things], anchors[is_shown])",
        "encode_boxes(anchors[is_shown], boxes[things])",
    ),
    (
        "the boxes are described by the first anchors: take those in charge, anchors[is_shown]",
        "encode_boxes(boxes[things], anchors[is_shown])",
        "encode_boxes(boxes[things], anchors[: len(things)])",
    ),
    (
        "deltas holds the boxes in pixels: encode_boxes describes them by the anchors",
        "encode_boxes(boxes[things], anchors[is_shown])",
        "boxes[things]",
    ),
    (
        "the targets of all images are written into the first one",
        "has_thing[n] = is_shown",
        "has_thing[0] |= is_shown",
    ),
    (
        "each anchor gets the first thing that it overlaps at all: it gets the one that it overlaps most",
        "overlaps.argmax(axis=1)",
        "(overlaps > 0).argmax(axis=1)",
    ),
    (
        "the anchors that overlap the things most as a whole are taken for the best ones: look for the best of each "
        "thing, along axis 0",
        "best = overlaps.argmax(axis=0)",
        "best = np.argsort(-overlaps.max(axis=1))[: len(boxes)]",
    ),
    (
        'labels holds the numbers of the things: truth["labels"] has the class of each',
        'np.asarray(truth["labels"])[things]',
        "things",
    ),
    (
        "deltas is filled in for anchors that show nothing: it is 0 where there is no thing",
        "deltas[n, is_shown] = encode_boxes(boxes[things], anchors[is_shown])",
        "deltas[n] = encode_boxes(boxes[overlaps.argmax(axis=1)], anchors)\n"
        "deltas[n, is_shown] = encode_boxes(boxes[things], anchors[is_shown])",
    ),
    (
        "has_thing of all images is overwritten with that of the last one: image n has row n",
        "has_thing[n] = is_shown",
        "has_thing[:] = is_shown",
    ),
)


@right("anchor_targets")
def anchors_one_by_one(truths, anchors, positive=0.5):
    shape = len(truths), len(anchors)
    has_thing, deltas, labels = np.zeros(shape, bool), np.zeros((*shape, 4)), np.zeros(shape, int)
    for n, truth in enumerate(truths):
        boxes = np.asarray(truth["boxes"], float)
        chosen = {}
        for p, anchor in enumerate(anchors):
            row = box_iou(anchor[np.newaxis], boxes)[0]
            if len(row) and row.max() >= positive:
                chosen[p] = int(row.argmax())
        for m, box in enumerate(boxes):
            chosen[int(box_iou(anchors, box[np.newaxis])[:, 0].argmax())] = m
        for p, m in chosen.items():
            has_thing[n, p], labels[n, p] = True, truth["labels"][m]
            deltas[n, p] = encode_boxes(boxes[[m]], anchors[[p]])[0]
    return has_thing, deltas, labels


@right("anchor_targets")
def anchors_by_raised_overlaps(truths, anchors, positive=0.5):
    """The best anchor of a thing counts as if it overlapped it more than anything can."""
    shape = len(truths), len(anchors)
    has_thing, deltas, labels = np.zeros(shape, bool), np.zeros((*shape, 4)), np.zeros(shape, int)
    for n, truth in enumerate(truths):
        boxes = np.asarray(truth["boxes"], float)
        if len(boxes) == 0:
            continue
        overlaps = box_iou(boxes, anchors)  # (M, P)
        overlaps[np.arange(len(boxes)), overlaps.argmax(axis=1)] = 2
        has_thing[n] = overlaps.max(axis=0) >= positive
        chosen = overlaps.argmax(axis=0)[has_thing[n]]
        labels[n, has_thing[n]] = np.array(truth["labels"])[chosen]
        deltas[n, has_thing[n]] = encode_boxes(boxes[chosen], anchors[has_thing[n]])
    return has_thing, deltas, labels
