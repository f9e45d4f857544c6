"""The functions of InstanceSegmentation as learners write them."""

import numpy as np

from cs231n.rnn_layers import sigmoid
from cs231n.roi_layers import bin_weights
from zoo import right, slips, wrong

# ---- bilinear_weights

slips(
    "bilinear_weights",
    (
        "the weights grow with the distance: an entry counts 1 at its centre and 0 at a distance of 1",
        "np.maximum(1 - np.abs(inner[..., np.newaxis] - np.arange(length)), 0)",
        "np.minimum(np.abs(inner[..., np.newaxis] - np.arange(length)), 1)",
    ),
    (
        "entries farther than 1 away have negative weights: cut off at 0",
        "np.maximum(1 - np.abs(inner[..., np.newaxis] - np.arange(length)), 0)",
        "1 - np.abs(inner[..., np.newaxis] - np.arange(length))",
    ),
    (
        "the nearest entry has all the weight: the two entries around a point share it",
        "np.maximum(1 - np.abs(inner[..., np.newaxis] - np.arange(length)), 0)",
        "1.0 * (np.round(inner)[..., np.newaxis] == np.arange(length))",
    ),
    (
        "the entry below a point has all the weight: the two entries around it share it",
        "np.maximum(1 - np.abs(inner[..., np.newaxis] - np.arange(length)), 0)",
        "1.0 * (np.floor(inner)[..., np.newaxis] == np.arange(length))",
    ),
    (
        "the weights are squared distances away from 1: they fall in a straight line",
        "np.maximum(1 - np.abs(inner[..., np.newaxis] - np.arange(length)), 0)",
        "np.maximum(1 - (inner[..., np.newaxis] - np.arange(length)) ** 2, 0)",
    ),
    (
        "points beyond the first or last centre are not clipped, so their weights add up to less than 1",
        "np.clip(points, 0, length - 1)",
        "points",
    ),
    (
        "points are clipped to the number of entries: the last centre is length - 1",
        "np.clip(points, 0, length - 1)",
        "np.clip(points, 0, length)",
    ),
    (
        "points far outside count as if they were at the end: beyond -1 and beyond length, all weights are 0",
        "weights * is_near[..., np.newaxis]",
        "weights",
    ),
    (
        "points outside the first and last centre have weights of 0: within an entry of them, the end counts in full",
        "(points >= -1) & (points <= length)",
        "(points >= 0) & (points <= length - 1)",
    ),
    (
        "the points are taken to be counted from the edge: 0 is the centre of the first entry here",
        "np.clip(points, 0, length - 1)",
        "np.clip(points - 0.5, 0, length - 1)",
    ),
    (
        "at the last centre both entries are the same one, and the second weight, 0, replaces the "
        "first: add the weights",
        "weights = np.maximum(1 - np.abs(inner[..., np.newaxis] - np.arange(length)), 0)  # (..., length)",
        "weights = np.maximum(1 - np.abs(inner[..., np.newaxis] - np.arange(length)), 0)\n"
        "weights[inner == length - 1] = 0",
    ),
)


@wrong(
    "bilinear_weights",
    "points is modified in place (by -=, out=, or an assignment to its entries): work on a new array",
    rule="points is modified in place",
)
def weights_clip_in_place(points, length):
    is_near = (points >= -1) & (points <= length)
    np.clip(points, 0, length - 1, out=points)
    return np.maximum(1 - np.abs(points[..., np.newaxis] - np.arange(length)), 0) * is_near[..., np.newaxis]


@right("bilinear_weights")
def weights_of_two_entries(points, length):
    """The entry below a point and the one above it, with a loop."""
    weights = np.zeros((*points.shape, length))
    for index in np.ndindex(points.shape):
        point = points[index]
        if point < -1 or point > length:
            continue
        point = min(max(point, 0.0), length - 1.0)
        low = min(int(point), length - 2)
        weights[(*index, low)] = 1 - (point - low)
        weights[(*index, low + 1)] = point - low
    return weights


@right("bilinear_weights")
def weights_by_interpolation(points, length):
    """Each column interpolates an array that is 1 at one entry."""
    columns = [np.interp(points, np.arange(length), row) for row in np.eye(length)]
    weights = np.stack(columns, axis=-1)
    weights[(points < -1) | (points > length)] = 0
    return weights


# ---- bin_weights

slips(
    "bin_weights",
    (
        "the points lie at the start of their intervals: half an interval is missing",
        "(np.arange(num_bins * num_points) + 0.5)",
        "np.arange(num_bins * num_points)",
    ),
    (
        "the half by which points are counted from the centre of the first entry is missing",
        "* steps - 0.5",
        "* steps",
    ),
    (
        "the half is added: the centre of the first entry is at 0.5, so it is subtracted",
        "* steps - 0.5",
        "* steps + 0.5",
    ),
    (
        "the points reach from the first to the last edge: they lie in the middle of equal intervals",
        "(np.arange(num_bins * num_points) + 0.5) / (num_bins * num_points)",
        "np.linspace(0, 1, num_bins * num_points)",
    ),
    ("the weights of a bin's points are added up: take their mean", ".mean(axis=2)", ".sum(axis=2)"),
    ("the largest weight of a bin's points is taken: take their mean", ".mean(axis=2)", ".max(axis=2)"),
    (
        "the points of different bins are mixed: the first num_points points belong to the first bin",
        "(len(start), num_bins, num_points, length).mean(axis=2)",
        "(len(start), num_points, num_bins, length).mean(axis=1)",
    ),
    (
        "the size of a region is end - start + 1, as with whole entries: here it is end - start",
        "(end - start)[:, np.newaxis]",
        "(end - start + 1)[:, np.newaxis]",
    ),
    (
        "the start of the regions is missing in the points",
        "start[:, np.newaxis] + (end",
        "(end",
    ),
    (
        "the points are multiplied by the end of the region: by its size, end - start",
        "(end - start)[:, np.newaxis]",
        "end[:, np.newaxis]",
    ),
    (
        "start and end are rounded, as in RoI pooling: RoIAlign rounds nothing",
        "start[:, np.newaxis] + (end - start)[:, np.newaxis]",
        "np.round(start)[:, np.newaxis] + np.round(end - start)[:, np.newaxis]",
    ),
    (
        "num_points is ignored: each bin has one point, its centre",
        "weights = weights.reshape(len(start), num_bins, num_points, length).mean(axis=2)",
        "steps = (np.arange(num_bins) + 0.5) / num_bins\n"
        "weights = bilinear_weights(start[:, np.newaxis] + (end - start)[:, np.newaxis] * steps - 0.5, "
        "length)",
    ),
    (
        "the points are rounded to whole entries: interpolation needs them as they are",
        "bilinear_weights(points, length)",
        "bilinear_weights(np.round(points), length)",
    ),
)


@right("bin_weights")
def weights_bin_by_bin(start, end, num_bins, num_points, length):
    from cs231n.roi_layers import bilinear_weights

    size = (end - start) / num_bins
    bins = []
    for i in range(num_bins):
        points = [start + size * (i + (p + 0.5) / num_points) - 0.5 for p in range(num_points)]
        bins.append(sum(bilinear_weights(point, length) for point in points) / num_points)
    return np.stack(bins, axis=1)


# ---- roi_align_forward

slips(
    "roi_align_forward",
    (
        "rows and columns are swapped: top and bottom belong to the rows, left and right to the columns",
        "left, top, right, bottom =",
        "top, left, bottom, right =",
    ),
    (
        "the regions are not scaled: multiply them by spatial_scale, as the maps are smaller than the image",
        "* spatial_scale",
        "* 1.0",
    ),
    ("the regions are divided by spatial_scale: it is a factor", "* spatial_scale", "/ spatial_scale"),
    (
        "all regions are cut out of the first image: x[images] has the maps of each region's image",
        "@ x[images] @",
        "@ x[np.zeros_like(images)] @",
    ),
    (
        "the columns of rois are shifted by one: column 0 is the image, left is column 1",
        "np.asarray(rois)[:, 1:]",
        "np.asarray(rois)[:, :4]",
    ),
    (
        "sampling_ratio is ignored: there is always one point in a bin",
        "bin_weights(top, bottom, output_size, sampling_ratio, H)",
        "bin_weights(top, bottom, output_size, 1, H)",
        "bin_weights(left, right, output_size, sampling_ratio, W)",
        "bin_weights(left, right, output_size, 1, W)",
    ),
    (
        "the regions are rounded to whole entries, as in RoI pooling: RoIAlign rounds nothing",
        "np.asarray(rois)[:, 1:] * spatial_scale",
        "np.round(np.asarray(rois)[:, 1:] * spatial_scale)",
    ),
    (
        "the maps of the regions come out transposed: rows from the left, columns from the right",
        "@ columns[:, np.newaxis].swapaxes(2, 3)",
        "@ columns[:, np.newaxis].swapaxes(2, 3)\nout = out.swapaxes(2, 3)",
    ),
)


@wrong("roi_align_forward", "out holds the largest of the points of each bin: RoIAlign takes their mean")
def align_with_maximum(x, rois, output_size, spatial_scale=1.0, sampling_ratio=2):
    images = rois[:, 0].astype(int)
    S, p = output_size, sampling_ratio
    left, top, right_, bottom = (rois[:, 1:] * spatial_scale).T
    rows = bin_weights(top, bottom, S * p, 1, x.shape[2]).astype(x.dtype)
    columns = bin_weights(left, right_, S * p, 1, x.shape[3]).astype(x.dtype)
    points = np.einsum("kih,kchw,kjw->kcij", rows, x[images], columns)
    return points.reshape(len(rois), -1, S, p, S, p).max(axis=(3, 5)), None


def _at(maps, y, x):
    """The value of maps (C, H, W) at a point, by the four entries around it; 0 far outside."""
    H, W = maps.shape[1:]
    if not (-1 <= y <= H and -1 <= x <= W):
        return np.zeros(len(maps))
    y, x = min(max(y, 0), H - 1), min(max(x, 0), W - 1)
    i, j = min(int(y), H - 2), min(int(x), W - 2)
    a, b = y - i, x - j
    upper = (1 - b) * maps[:, i, j] + b * maps[:, i, j + 1]
    lower = (1 - b) * maps[:, i + 1, j] + b * maps[:, i + 1, j + 1]
    return (1 - a) * upper + a * lower


def align_point_by_point(x, rois, output_size, spatial_scale=1.0, sampling_ratio=2):
    """As in the paper: four entries around each point, and a mean."""
    S, p = output_size, sampling_ratio
    out = np.zeros((len(rois), x.shape[1], S, S), dtype=x.dtype)
    for k, (image, *box) in enumerate(rois):
        left, top, right_, bottom = (edge * spatial_scale for edge in box)
        for i, j in np.ndindex(S, S):
            for a, b in np.ndindex(p, p):
                y = top + (bottom - top) * (i + (a + 0.5) / p) / S - 0.5
                z = left + (right_ - left) * (j + (b + 0.5) / p) / S - 0.5
                out[k, :, i, j] += _at(x[int(image)], y, z) / p**2
    return out, None


right("roi_align_forward")(align_point_by_point)


@right("roi_align_forward")
def align_by_einsum(x, rois, output_size, spatial_scale=1.0, sampling_ratio=2):
    images, boxes = rois[:, 0].astype(int), rois[:, 1:] * spatial_scale
    rows = bin_weights(boxes[:, 1], boxes[:, 3], output_size, sampling_ratio, x.shape[2]).astype(x.dtype)
    columns = bin_weights(boxes[:, 0], boxes[:, 2], output_size, sampling_ratio, x.shape[3]).astype(x.dtype)
    out = np.einsum("kih,kchw,kjw->kcij", rows, x[images], columns)
    return out, {"rows": rows, "columns": columns, "images": images, "shape": x.shape}


# ---- roi_align_backward

slips(
    "roi_align_backward",
    (
        "of several regions of one image only the last one counts: their gradients add up",
        "dx[image] += dregion",
        "dx[image] = dregion",
    ),
    (
        "all regions give their gradient to the first image: it goes to the image of each",
        "dx[image] += dregion",
        "dx[0] += dregion",
    ),
    (
        "the weights only say where the gradient goes, not how much: multiply by them, as in the forward pass",
        "rows[:, np.newaxis].swapaxes(2, 3) @ dout @ columns[:, np.newaxis]",
        "1.0 * (rows > 0)[:, np.newaxis].swapaxes(2, 3) @ dout @ (columns > 0)[:, np.newaxis]",
    ),
    (
        "the gradient of each bin goes to a single entry: it goes to the entries around all of its points",
        "rows[:, np.newaxis].swapaxes(2, 3) @ dout @ columns[:, np.newaxis]",
        "(1.0 * (rows == rows.max(axis=2, keepdims=True)))[:, np.newaxis].swapaxes(2, 3) @ dout\n"
        "dregions = dregions @ (1.0 * (columns == columns.max(axis=2, keepdims=True)))[:, np.newaxis]",
    ),
    (
        "dout is transposed: its rows meet the weights of rows, its columns those of columns",
        "@ dout @",
        "@ dout.swapaxes(2, 3) @",
    ),
    (
        "the gradient is averaged over the regions: the gradients of all regions add up",
        "dx[image] += dregion",
        "dx[image] += dregion / len(images)",
    ),
    (
        "each image's gradient is averaged over its regions: they add up",
        "dx[image] += dregion",
        "dx[image] += dregion / np.sum(images == image)",
    ),
    (
        "the gradients of the channels are mixed: each channel has its own",
        "dx[image] += dregion",
        "dx[image] += dregion.mean(axis=0)",
    ),
    (
        "dx[k] gets the gradient of region k: it belongs to the image of the region, images[k]",
        "for image, dregion in zip(images, dregions, strict=True):",
        "for image, dregion in enumerate(dregions[: len(dx)]):",
    ),
)


@right("roi_align_backward")
def align_backward_by_add_at(dout, cache):
    shape, images, rows, columns = cache
    dx = np.zeros(shape, dtype=dout.dtype)
    np.add.at(dx, images, np.einsum("kih,kcij,kjw->kchw", rows, dout, columns))
    return dx


@right(
    "roi_align_backward",
    beside={"cs231n.roi_layers:roi_align_forward": align_by_einsum},
)
def align_backward_by_einsum(dout, cache):
    dx = np.zeros(cache["shape"], dtype=dout.dtype)
    for k, image in enumerate(cache["images"]):
        dx[image] += np.einsum("ih,cij,jw->chw", cache["rows"][k], dout[k], cache["columns"][k])
    return dx


# ---- mask_loss

slips(
    "mask_loss",
    (
        "the masks of all classes count: only that of the region's class does",
        "dx[regions, labels] = (sigmoid(scores) - masks) / num_cells",
        "dx[:] = (sigmoid(x) - masks[:, np.newaxis]) / num_cells",
    ),
    (
        "the mask of class 0 counts, whatever the class of the region",
        "scores = x[regions, labels]",
        "labels = np.zeros_like(labels)\nscores = x[regions, labels]",
    ),
    (
        "labels is taken to begin at 1: class 0 is the first mask",
        "scores = x[regions, labels]",
        "labels = labels - 1\nscores = x[regions, labels]",
    ),
    ("the loss is the sum over the cells: it is their mean", "losses.sum() / num_cells", "losses.sum()"),
    (
        "the gradient is not divided by the number of cells, though the loss is",
        "(sigmoid(scores) - masks) / num_cells",
        "sigmoid(scores) - masks",
    ),
    (
        "loss and gradient are divided by the number of regions: average over all cells of their masks",
        "losses.sum() / num_cells",
        "losses.sum() / max(len(x), 1)",
        "(sigmoid(scores) - masks) / num_cells",
        "(sigmoid(scores) - masks) / max(len(x), 1)",
    ),
    (
        "loss and gradient are divided by the number of cells of all classes: one mask of each region counts",
        "losses.sum() / num_cells",
        "losses.sum() / max(x.size, 1)",
        "(sigmoid(scores) - masks) / num_cells",
        "(sigmoid(scores) - masks) / max(x.size, 1)",
    ),
    (
        "the gradient has the wrong sign: it is sigmoid minus mask",
        "(sigmoid(scores) - masks)",
        "(masks - sigmoid(scores))",
    ),
    ("sigmoid is missing in the gradient: it is sigmoid minus mask", "(sigmoid(scores) - masks)", "(scores - masks)"),
    (
        "the loss only counts cells on the thing: the others must learn to say no",
        "losses.sum()",
        "(losses * masks).sum()",
    ),
    (
        "the masks have the wrong way round: 1 is on the thing",
        "scores = x[regions, labels]",
        "masks = 1 - masks\nscores = x[regions, labels]",
    ),
    (
        "the masks are transposed",
        "scores = x[regions, labels]",
        "masks = masks.swapaxes(1, 2)\nscores = x[regions, labels]",
    ),
    (
        "the loss is half the squared difference of sigmoid and mask: it is the cross-entropy",
        "losses.sum() / num_cells",
        "np.sum((sigmoid(scores) - masks) ** 2) / 2 / num_cells",
    ),
    (
        "the loss is divided by the number of regions: it is the mean over all cells of all masks",
        "losses.sum() / num_cells",
        "losses.sum() / max(len(x), 1)",
    ),
    (
        "the masks of all classes count: only that of the class which a region shows does",
        "scores = x[regions, labels]",
        "regions, labels, masks = np.arange(len(x))[:, np.newaxis], np.arange(x.shape[1]), masks[:, "
        "np.newaxis]\n"
        "scores = x[regions, labels]",
    ),
    (
        "the loss is the squared error of the probabilities: it is the binary cross-entropy",
        "losses = np.maximum(scores, 0) - scores * masks + np.log1p(np.exp(-np.abs(scores)))",
        "losses = (sigmoid(scores) - masks) ** 2",
    ),
    (
        "a softmax over the classes makes them compete for each cell: each score has a sigmoid of its own",
        "scores = x[regions, labels]",
        "exps = np.exp(x - x.max(axis=1, keepdims=True))\n"
        "probs = (exps / exps.sum(axis=1, keepdims=True))[regions, labels]\n"
        "scores = np.log(probs) - np.log1p(-probs)",
    ),
)


@right("mask_loss", edge="exp overflows at 710")
def mask_loss_by_logarithms(x, labels, masks):
    dx = np.zeros_like(x)
    if len(x) == 0:
        return 0.0, dx
    own = np.stack([x[r, k] for r, k in enumerate(labels)])
    probs = 1 / (1 + np.exp(-own))
    loss = -np.mean(masks * np.log(probs) + (1 - masks) * np.log(1 - probs))
    for r, k in enumerate(labels):
        dx[r, k] = (probs[r] - masks[r]) / masks.size
    return loss, dx


@right("mask_loss", edge="a mean over no masks is 0 / 0")
def mask_loss_by_signs(x, labels, masks):
    own = np.take_along_axis(x, labels[:, np.newaxis, np.newaxis, np.newaxis], axis=1)[:, 0]
    signs = 2 * masks - 1
    dx = np.zeros_like(x)
    dx[np.arange(len(x)), labels] = -signs * sigmoid(-signs * own) / masks.size
    return np.logaddexp(0, -signs * own).mean(), dx


# ---- paste_masks

slips(
    "paste_masks",
    (
        "rows and columns are swapped: the rows of a mask go from top to bottom, its columns from left to right",
        "for axis in (1, 0)",
        "for axis in (0, 1)",
    ),
    (
        "pixels are taken at their upper left corner: their centre is half a pixel farther",
        "np.arange(image_size) + 0.5",
        "np.arange(image_size)",
    ),
    (
        "the half cell is missing: bilinear_weights counts from the centre of the first cell",
        "* S - 0.5",
        "* S",
    ),
    (
        "the cells are counted in pixels: multiply the share of the box by the number of cells, S",
        "* S - 0.5",
        "* image_size - 0.5",
    ),
    (
        "pixels outside the box belong to the mask as well: they have weights of 0",
        "is_inside = (pixels >= start) & (pixels <= end)",
        "is_inside = (pixels > -1) & (start < end)",
    ),
    ("the masks are inverted: True is where the probability is at least one half", ">= 0.5", "< 0.5"),
    (
        "the start of the box is missing: pixels are counted from its edge",
        "(pixels - start) / (end - start)",
        "pixels / (end - start)",
    ),
    (
        "the pixels are divided by the end of the box: by its size, end - start",
        "(pixels - start) / (end - start)",
        "(pixels - start) / end",
    ),
    (
        "boxes are rounded to whole pixels: the interpolation needs no rounding",
        "boxes[:, axis, np.newaxis], boxes[:, axis + 2, np.newaxis]",
        "np.round(boxes[:, axis, np.newaxis]), np.round(boxes[:, axis + 2, np.newaxis])",
    ),
    (
        "the nearest cell decides alone: interpolate between the cells",
        "bilinear_weights(cells, S)",
        "bilinear_weights(np.clip(np.round(cells), 0, S - 1), S)",
    ),
    (
        "the cells are compared with one half before the interpolation: interpolate the probabilities, then compare",
        "rows @ probs @",
        "rows @ (probs >= 0.5) @",
    ),
    (
        "the probabilities themselves are returned: compare them with one half",
        "columns.swapaxes(1, 2) >= 0.5",
        "columns.swapaxes(1, 2)",
    ),
    (
        "the corners of the pixels are taken: pixels holds the centres already, so nothing is to be subtracted",
        "pixels - start",
        "pixels - 0.5 - start",
    ),
    (
        "the edges of the boxes are cut off to whole pixels: they need not be whole numbers",
        "boxes[:, axis, np.newaxis], boxes[:, axis + 2, np.newaxis]",
        "boxes[:, axis, np.newaxis] // 1, boxes[:, axis + 2, np.newaxis] // 1",
    ),
)


@wrong(
    "paste_masks", "the box is filled entirely: only pixels with a probability of at least one half belong to the thing"
)
def paste_whole_boxes(probs, boxes, image_size):
    pixels = np.arange(image_size) + 0.5
    rows = (pixels >= boxes[:, [1]]) & (pixels <= boxes[:, [3]])
    columns = (pixels >= boxes[:, [0]]) & (pixels <= boxes[:, [2]])
    return rows[:, :, np.newaxis] & columns[:, np.newaxis]


@right("paste_masks")
def paste_pixel_by_pixel(probs, boxes, image_size):
    S = probs.shape[1]
    masks = np.zeros((len(probs), image_size, image_size), dtype=bool)
    for m, (left, top, right_, bottom) in enumerate(boxes):
        for row, column in np.ndindex(image_size, image_size):
            y, x = row + 0.5, column + 0.5
            if top <= y <= bottom and left <= x <= right_:
                v, u = (y - top) / (bottom - top) * S - 0.5, (x - left) / (right_ - left) * S - 0.5
                masks[m, row, column] = _at(probs[m : m + 1], v, u)[0] >= 0.5
    return masks


@right("paste_masks")
def paste_by_interp(probs, boxes, image_size):
    """Interpolate along rows, then along columns."""
    S = probs.shape[1]
    pixels, places = np.arange(image_size) + 0.5, (np.arange(S) + 0.5) / S
    masks = []
    for prob, (left, top, right_, bottom) in zip(probs, boxes, strict=True):
        u, v = (pixels - left) / (right_ - left), (pixels - top) / (bottom - top)
        wide = np.array([np.interp(u, places, row) for row in prob])  # (S, image_size)
        high = np.array([np.interp(v, places, column) for column in wide.T]).T
        inside = ((v >= 0) & (v <= 1))[:, np.newaxis] & (u >= 0) & (u <= 1)
        masks.append((high >= 0.5) & inside)
    return np.array(masks)


# ---- mask_iou

slips(
    "mask_iou",
    (
        "the union counts the shared pixels twice: subtract the intersection",
        "+ others.sum(axis=1) - intersection",
        "+ others.sum(axis=1)",
    ),
    (
        "the intersection is divided by the pixels of the first masks: divide by the union",
        "union = masks.sum(axis=1)[:, np.newaxis] + others.sum(axis=1) - intersection",
        "union = masks.sum(axis=1)[:, np.newaxis] + 0 * intersection",
    ),
    (
        "this is twice the intersection over the sum of both (Dice): divide by the union",
        "union = masks.sum(axis=1)[:, np.newaxis] + others.sum(axis=1) - intersection",
        "union = (masks.sum(axis=1)[:, np.newaxis] + others.sum(axis=1)) / 2",
    ),
    (
        "the intersection is divided by the number of pixels of the image: divide by the union",
        "union = masks.sum(axis=1)[:, np.newaxis] + others.sum(axis=1) - intersection",
        "union = np.full(intersection.shape, float(size))",
    ),
    (
        "the intersection is divided by the pixels of the smaller mask: divide by the union",
        "union = masks.sum(axis=1)[:, np.newaxis] + others.sum(axis=1) - intersection",
        "union = np.minimum(masks.sum(axis=1)[:, np.newaxis], others.sum(axis=1))",
    ),
    (
        "intersection and union are swapped",
        "np.divide(intersection, union,",
        "np.divide(union, np.maximum(intersection, 1),",
    ),
    (
        "the share of pixels on which both masks agree is no IoU: pixels outside both do not count",
        "intersection = masks @ others.T",
        "intersection = masks @ others.T + (1 - masks) @ (1 - others).T",
        "union = masks.sum(axis=1)[:, np.newaxis] + others.sum(axis=1) - intersection",
        "union = np.full(intersection.shape, float(size))",
    ),
    (
        "the matrix is transposed: a row for each of the first masks, a column for each of the others",
        "iou = np.divide",
        "intersection, union = intersection.T, union.T\niou = np.divide",
    ),
    (
        "the masks are added up in uint8, where 200 + 100 is 44: make them floating-point numbers",
        "intersection = masks @ others.T",
        "intersection = (masks @ others.T).astype(np.uint8).astype(float)",
    ),
)


@right("mask_iou")
def iou_pair_by_pair(masks, others):
    iou = np.zeros((len(masks), len(others)))
    for k, mask in enumerate(masks):
        for m, other in enumerate(others):
            union = (mask | other).sum()
            iou[k, m] = (mask & other).sum() / union if union else 0
    return iou


@right("mask_iou", edge="0 / 0 is nan")
def iou_by_broadcasting(masks, others):
    both = masks[:, np.newaxis] & others
    either = masks[:, np.newaxis] | others
    with np.errstate(all="ignore"):
        return both.sum(axis=(2, 3)) / either.sum(axis=(2, 3))
