"""Questions of SingleShotDetection: what cells and anchors should say, the loss, decoding, and a detector."""

import re
from functools import cache

import numpy as np

from coursekit.core.question import Case, Question, holds
from coursekit.questions import _edges
from coursekit.questions.assignment4._boxes import area_under_curve, grid_of_anchors, kept, overlaps, right_ones

NOTEBOOK = "SingleShotDetection"
MODULE = "cs231n.classifiers.single_shot"
NUM_CLASSES, IMAGE_SIZE = 10, 48
NUM_SCENES, SCENES_SEED, BAR = 400, 4_321, 0.95

_SHARED_CELL = "a grid has one prediction for a cell, so one of the things is lost; the docstring keeps the later one"
_NO_THINGS = "a scene can be empty, or all of its things hidden: then no cell has a thing"


# ---- what a grid should say


def _truths(num_images, images, boxes, labels):
    """The boxes and labels of all images as a list with a dict for each image."""
    return [{"boxes": boxes[images == n], "labels": labels[images == n]} for n in range(num_images)]


def _named(has_thing, deltas, labels):
    """Targets as outputs that can be compared: True becomes 1."""
    return {"has_thing": np.asarray(has_thing, dtype=int), "deltas": deltas, "labels": labels}


def _things(rng, num_images, images, S, stride, cells):
    """Boxes with their centres in given cells of a grid, not in the middle of them, and not square."""
    rows, columns = np.divmod(np.asarray(cells), S)
    centers = stride * (np.stack([columns, rows], axis=1) + rng.uniform(0.1, 0.9, (len(cells), 2)))
    halves = stride * rng.uniform(0.3, 1.4, (len(cells), 2))
    return {
        "num_images": num_images,
        "images": np.asarray(images),
        "boxes": np.concatenate([centers - halves, centers + halves], axis=1),
        "labels": rng.permutation(np.arange(1, len(cells) + 1)),
        "grid_size": S,
        "stride": stride,
    }


def _grid_inputs(rng, counts, S, stride, anchor_size, same_cell=False):
    """Things in cells of their own, of which most are not on the diagonal."""
    images = np.repeat(np.arange(len(counts)), counts)
    off_diagonal = [cell for cell in range(S * S) if cell // S != cell % S]
    cells = np.concatenate([rng.permutation(off_diagonal)[:count] for count in counts]).astype(int)
    if same_cell:
        cells[1] = cells[0]
    return _things(rng, len(counts), images, S, stride, cells) | {"anchor_size": anchor_size}


def _grid_sizes(num_images, grid_size, **_):
    return {"N": num_images, "S": grid_size, "P": grid_size**2}


def _run_grid_targets(num_images, images, boxes, labels, grid_size, stride, anchor_size):
    from cs231n.classifiers.single_shot import grid_targets

    targets = grid_targets(_truths(num_images, images, boxes, labels), grid_size, stride, anchor_size)
    return _named(*targets)


def _grid_case(name, counts, S, stride, anchor_size, edge="", **options):
    def make(rng):
        return _grid_inputs(rng, counts, S, stride, anchor_size, **options)

    return Case(name, make, _run_grid_targets, _grid_sizes, edge=edge)


grid_targets = Question(
    id="grid_targets",
    title="What the cells of a grid should say",
    notebook=NOTEBOOK,
    points=4,
    minutes=25,
    difficulty=3,
    importance=5,
    hints=(
        "In which row and in which column of cells does the centre of each box lie? Cells are numbered row by row, so "
        "how many cells come before the first one of a row?",
        "Divide the centres by the height of a cell and round down; x gives the column. With the numbers of the cells "
        "as indices, set all three arrays; encode_boxes wants the anchors of just these cells.",
    ),
    implements=(f"{MODULE}:grid_targets",),
    builds_on=("encode_boxes",),
    cases=(
        _grid_case("two images, 3 x 3 cells", (2, 3), 3, 8, 10.0),
        _grid_case("4 x 4 cells of 6 pixels", (4, 1, 5), 4, 6, 15.0),
        _grid_case("one image, one thing", (1,), 5, 4, 7.5),
        _grid_case("an image without things", (0, 3), 3, 5, 6.0, edge=_NO_THINGS),
        _grid_case("two things in one cell", (3, 2), 4, 8, 20.0, edge=_SHARED_CELL, same_cell=True),
    ),
)


# ---- the loss


def _errors(rng, *shape):
    """Errors on both sides of 0.2, and both signs."""
    small, large = rng.uniform(0.02, 0.18, shape), rng.uniform(0.25, 3, shape)
    chosen = np.arange(small.size).reshape(shape) % 2 == 0
    return {"errors": np.where(chosen, small, large) * rng.choice([-1, 1], shape)}


def _run_smooth(errors):
    from cs231n.classifiers.single_shot import smooth_absolute_error

    total, derrors = smooth_absolute_error(errors)
    return {"total": total, "derrors": derrors}


def _smooth_sizes(errors):
    return {"M": len(errors)}


smooth_absolute_error = Question(
    id="smooth_absolute_error",
    title="The smooth absolute error",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=2,
    importance=3,
    hints=(
        "np.where takes one formula for the small errors and another one for the large ones. Which of the two has a "
        "slope that depends on the error?",
        "The slope of e^2 / 0.4 is e / 0.2. At e = 0.2 it has grown to 1, and there it stays; for negative errors it "
        "is the same with a minus. np.clip does both.",
    ),
    implements=(f"{MODULE}:smooth_absolute_error",),
    cases=(
        Case("five boxes", lambda rng: _errors(rng, 5, 4), _run_smooth, _smooth_sizes),
        Case("small errors", lambda rng: {"errors": rng.uniform(-0.15, 0.15, (6, 4))}, _run_smooth, _smooth_sizes),
        Case(
            "float32",
            lambda rng: {"errors": _errors(rng, 7, 4)["errors"].astype(np.float32)},
            _run_smooth,
            _smooth_sizes,
            1e-4,
        ),
        Case("no boxes", lambda rng: {"errors": np.zeros((0, 4))}, _run_smooth, _smooth_sizes, edge=_NO_THINGS),
    ),
)


def _loss_inputs(rng, N, P, K, share=0.4, scale=1.0, dtype=np.float64):
    has_thing = rng.uniform(size=(N, P)) < share
    has_thing[:, 0], has_thing[:, 1] = True, False
    deltas = np.where(has_thing[..., np.newaxis], rng.uniform(-1, 1, (N, P, 4)), 0.0)
    x = scale * rng.randn(N, P, 5 + K)
    x[..., 1:5] = deltas + _errors(rng, N, P, 4)["errors"]
    labels = np.where(has_thing, rng.randint(1, K, size=(N, P)), 0)
    return {"x": x.astype(dtype), "has_thing": has_thing, "deltas": deltas.astype(dtype), "labels": labels}


def _empty(inputs, n):
    """The same with nothing in image n."""
    names = ("has_thing", "deltas", "labels")
    emptied = {name: inputs[name].copy() for name in names}
    for value in emptied.values():
        value[n] = 0
    return inputs | emptied


def _loss_sizes(x, **_):
    return {"N": x.shape[0], "P": x.shape[1], "K": x.shape[2] - 5}


def _run_loss(x, has_thing, deltas, labels):
    from cs231n.classifiers.single_shot import grid_loss

    loss, dx = grid_loss(x, has_thing, deltas, labels)
    return {"loss": loss, "dx": dx}


def _loss_case(name, make, tolerance=1e-8, edge=""):
    return Case(name, make, _run_loss, _loss_sizes, tolerance, edge=edge)


grid_loss = Question(
    id="grid_loss",
    title="The loss of a grid",
    notebook=NOTEBOOK,
    points=4,
    minutes=30,
    difficulty=3,
    importance=5,
    hints=(
        "has_thing is an index: it picks the rows of all cells with a thing from x, from deltas and from labels. Which "
        "of the three parts of the loss looks at all the cells?",
        "Each part gives a loss and a gradient of its own columns: 0, 1 to 4, and 5 onwards. Write the gradients into "
        "those columns of dx, weight the boxes in both, and divide both by the number of images.",
    ),
    implements=(f"{MODULE}:grid_loss",),
    builds_on=("smooth_absolute_error",),
    cases=(
        _loss_case("two images, 6 cells", lambda rng: _loss_inputs(rng, 2, 6, 3)),
        _loss_case("five images, 9 cells", lambda rng: _loss_inputs(rng, 5, 9, 4, share=0.2)),
        _loss_case("an image without things", lambda rng: _empty(_loss_inputs(rng, 3, 7, 5), 1)),
        _loss_case("float32", lambda rng: _loss_inputs(rng, 4, 5, 6, dtype=np.float32), 1e-4),
        _loss_case("one image", lambda rng: _loss_inputs(rng, 1, 8, 3), edge=_edges.ONE_INPUT),
        _loss_case(
            "scores near 1000", lambda rng: _loss_inputs(rng, 3, 6, 4, scale=1000.0), edge=_edges.EXTREME_SCORES
        ),
    ),
)


# ---- decoding


def _prediction(rng, P, K, scale=2.0, dtype=np.float64):
    corners = rng.uniform(0, 30, (P, 2))
    anchors = np.concatenate([corners, corners + rng.uniform(4, 20, (P, 2))], axis=1)
    x = scale * rng.randn(P, 5 + K)
    x[:, 1:5] = rng.uniform(-0.8, 0.8, (P, 4))
    return {"x": x.astype(dtype), "anchors": anchors}


def _decode_sizes(x, **_):
    return {"P": len(x), "K": x.shape[1] - 5}


def _run_decode(x, anchors):
    from cs231n.classifiers.single_shot import decode_predictions

    return dict(zip(("boxes", "scores"), decode_predictions(x, anchors), strict=True))


decode_predictions = Question(
    id="decode_predictions",
    title="From predictions to boxes",
    notebook=NOTEBOOK,
    points=3,
    minutes=20,
    difficulty=2,
    importance=4,
    hints=(
        "The probability that a cell shows a cat is that of 'there is a thing' times that of 'if so, it is a cat'. The "
        "first is a yes-or-no question, the second a choice of one class among K.",
        "A sigmoid for column 0, a softmax over columns 5 onwards, and their product in a row for each cell. The boxes "
        "come from decode_boxes, which takes columns 1 to 4.",
    ),
    implements=(f"{MODULE}:decode_predictions",),
    builds_on=("decode_boxes",),
    cases=(
        Case("six cells, 3 classes", lambda rng: _prediction(rng, 6, 3), _run_decode, _decode_sizes),
        Case("nine cells, 4 classes", lambda rng: _prediction(rng, 9, 4), _run_decode, _decode_sizes),
        Case("one cell", lambda rng: _prediction(rng, 1, 5), _run_decode, _decode_sizes),
        Case("as many classes as cells", lambda rng: _prediction(rng, 4, 4), _run_decode, _decode_sizes),
        Case(
            "scores near 1000",
            lambda rng: _prediction(rng, 5, 3, scale=1000.0),
            _run_decode,
            _decode_sizes,
            edge="exp overflows at 710, and inf / inf is nan; subtract the largest score first",
        ),
    ),
)


# ---- what anchors should say


def _anchor_inputs(rng, S, stride, sizes, positive, beside=True):
    """Anchors of several sizes; a thing nearly as one of them, one that overlaps none enough, one inside another."""
    anchors = grid_of_anchors(S, stride, sizes)
    middle = stride * (S // 2 + 0.5)

    def box(x, y, w, h):
        x, y, w, h = np.array([x, y, w, h]) * rng.uniform(0.96, 1.04, 4)
        return [x - w / 2, y - h / 2, x + w / 2, y + h / 2]

    large, small = max(sizes), min(sizes)
    boxes = [
        box(middle, middle, 0.35 * small, 0.3 * small),  # inside a small anchor, which overlaps the large thing more
        box(middle, middle, 0.97 * large, 0.9 * large),  # nearly as a large anchor; its neighbours overlap it as well
        box(stride / 2, stride / 2, 0.95 * small, 0.8 * small),
        box(1.5 * stride, stride / 2, 0.45 * small, 0.55 * small),
    ]
    images = [0, 0, 0, 1] if beside else [0, 0, 0, 0]
    return {
        "num_images": max(images) + 1,
        "images": np.array(images),
        "boxes": np.array(boxes),
        "labels": rng.permutation(np.arange(1, 5)),
        "anchors": anchors,
        "positive": positive,
    }


def _anchor_sizes(num_images, anchors, **_):
    return {"N": num_images, "P": len(anchors)}


def _run_anchor_targets(num_images, images, boxes, labels, anchors, positive):
    from cs231n.classifiers.single_shot import anchor_targets

    targets = anchor_targets(_truths(num_images, images, boxes, labels), anchors, positive)
    return _named(*targets)


def _anchor_case(name, *arguments, **options):
    def make(rng):
        return _anchor_inputs(rng, *arguments, **options)

    return Case(name, make, _run_anchor_targets, _anchor_sizes)


anchor_targets = Question(
    id="anchor_targets",
    title="What anchors should say",
    notebook=NOTEBOOK,
    points=5,
    minutes=35,
    difficulty=4,
    importance=4,
    hints=(
        "box_iou gives a matrix with a row for each anchor and a column for each thing. The largest value of a row "
        "answers one question, the largest value of a column another one.",
        "First give each anchor the thing that it overlaps most, and see whether that is enough. Then overwrite both "
        "answers for the best anchor of each thing. Only then fill in the targets.",
    ),
    implements=(f"{MODULE}:anchor_targets",),
    builds_on=("box_iou", "encode_boxes"),
    cases=(
        _anchor_case("3 x 3 cells, two sizes", 3, 4, (7.0, 15.0), 0.5),
        _anchor_case("one image, 5 x 5 cells", 5, 4, (8.0, 17.0), 0.5, beside=False),
        _anchor_case("positive is 0.3", 4, 5, (9.0, 19.0), 0.3),
        _anchor_case("positive is 0.6", 3, 4, (10.0, 22.0), 0.6),
    ),
)


# ---- a detector, judged on scenes that it has not seen


@cache
def _unseen_scenes():
    """Scenes that the notebook does not draw, and what they show."""
    from cs231n.net_visualization import preprocess
    from cs231n.scenes import load_scenes, truths

    scenes = load_scenes(NUM_SCENES, seed=SCENES_SEED)
    return preprocess(scenes["images"]).transpose(0, 2, 3, 1), truths(scenes)


def _judge_detector(weights, anchor_sizes):
    fits = _judge_weights(weights, anchor_sizes)
    if not fits.ok:
        return [fits]
    images, truths = _unseen_scenes()
    predictions = zip(*_predict(weights, images, len(anchor_sizes)), strict=True)
    precision = mean_precision([_detect(maps, anchor_sizes) for maps in predictions], truths)
    return [
        fits,
        holds(
            f"mAP50 is at least {BAR:g} on {NUM_SCENES} unseen scenes",
            precision >= BAR,
            f"expected a mean average precision of at least {BAR:g} at an IoU of 0.5, got {precision:.3f}",
            mistake=_why_imprecise(precision),
        ),
    ]


def _judge_weights(weights, anchor_sizes):
    """Whether weights are those of a detector of this notebook: shapes that fit, finite values."""
    statement = "the weights are those of a single-shot detector for these scenes"
    arrays = weights.items() if isinstance(weights, dict) else ()
    shapes = {name: w.shape for name, w in arrays if isinstance(w, np.ndarray) and w.dtype.kind == "f"}
    names = _convolutions(shapes)
    filters = {name: (shapes.get(f"{name}_W") or (0,))[0] for name in names}
    expected = {name: (F, C, 3, 3) for (name, F), C in zip(filters.items(), (3, *filters.values()), strict=False)}
    ends = {name[4]: filters[name] for name in names}  # the filters of the last convolution of each stage
    for level, (sizes, C) in enumerate(_levels(anchor_sizes, list(ends.values()))):
        expected[f"head{level}"] = (len(sizes) * (5 + NUM_CLASSES), C, 1, 1)
    gap = [
        f"{name}: expected weights of shape {shape} and {shape[0]} biases, got {shapes.get(f'{name}_W', 'none')}"
        for name, shape in expected.items()
        if shapes.get(f"{name}_W") != shape or shapes.get(f"{name}_b") != shape[:1]
    ]
    mistake = "hand over detector.fused() and detector.anchor_sizes of a detector of this notebook"
    if "head0" not in expected or IMAGE_SIZE % 2 ** (len(ends) - 1):
        gap = [f"expected convolutions conv0_0, ..., and as many stages as anchor_sizes has, got {names}"]
    if not gap and not all(np.isfinite(weights[name]).all() for name in shapes):
        gap, mistake = ["some values are nan or infinite"], "training has diverged: use a smaller learning rate"
    return holds(statement, not gap, *gap[:4], mistake=mistake)


def _levels(anchor_sizes, filters):
    """Pairs of the sizes of a level's anchors and the filters of its stage; none if anchor_sizes is something else."""
    try:
        levels = [[float(size) for size in sizes] for sizes in anchor_sizes]
    except (TypeError, ValueError):
        return []
    fits = 1 <= len(levels) <= len(filters) and all(sizes and min(sizes) > 0 for sizes in levels)
    return list(zip(levels, filters[-len(levels) :], strict=True)) if fits else []


def _convolutions(names):
    """The names of the convolutions in order: conv<stage>_<number>, of at most 9 stages."""
    found = {re.fullmatch(r"conv(\d)_(\d)_W", name) for name in names} - {None}
    return [f"conv{i}_{j}" for i, j in sorted(match.groups() for match in found)]


def _predict(weights, x, num_levels):
    """The predictions of each level, computed here: images (N, H, W, 3) -> (N, S, S, A * (5 + K))."""
    ends = {}
    for name in _convolutions(weights):
        if ends and name[4] not in ends:
            N, H, W, C = x.shape
            x = x.reshape(N, H // 2, 2, W // 2, 2, C).max(axis=(2, 4))
        x = np.maximum(_convolve(x, weights[f"{name}_W"], weights[f"{name}_b"]), 0)
        ends[name[4]] = x
    for level, maps in enumerate(list(ends.values())[-num_levels:]):
        predictions = maps @ weights[f"head{level}_W"][:, :, 0, 0].T + weights[f"head{level}_b"]
        yield predictions.astype(np.float64)


def _convolve(x, W, b):
    """A 3 x 3 convolution that keeps the size of x (N, H, W, C)."""
    height, width = x.shape[1:3]
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    shifts = ((i, j) for i in range(3) for j in range(3))
    return sum(padded[:, i : i + height, j : j + width] @ W[:, :, i, j].T for i, j in shifts) + b


def _detect(maps, anchor_sizes, score_threshold=0.01, iou_threshold=0.5):
    """Boxes (M, 4), scores and labels of what is found in one image, the best first."""
    anchors = [grid_of_anchors(len(m), IMAGE_SIZE / len(m), s) for m, s in zip(maps, anchor_sizes, strict=True)]
    anchors, x = np.concatenate(anchors), np.concatenate([m.reshape(-1, 5 + NUM_CLASSES) for m in maps])
    sizes = anchors[:, 2:] - anchors[:, :2]
    centers = anchors[:, :2] + sizes / 2 + sizes * x[:, 1:3]
    halves = sizes * np.exp(np.minimum(x[:, 3:5], np.log(1000 / 16))) / 2
    boxes = np.clip(np.concatenate([centers - halves, centers + halves], axis=1), 0, IMAGE_SIZE)
    probs = np.exp(x[:, 5:] - x[:, 5:].max(axis=1, keepdims=True))
    probs *= (1 + np.tanh(x[:, :1] / 2)) / 2 / probs.sum(axis=1, keepdims=True)
    rows, labels = np.nonzero(probs >= score_threshold)
    order = np.argsort(-probs[rows, labels], kind="stable")
    rows, labels = rows[order], labels[order]
    boxes, scores = boxes[rows], probs[rows, labels]
    chosen = kept(overlaps(boxes, boxes), labels, iou_threshold)
    return boxes[chosen], scores[chosen], labels[chosen]


def mean_precision(detections, truths, iou_threshold=0.5):
    """The mean average precision of (boxes, scores, labels) of each image."""
    return float(np.mean(class_areas(detections, truths, iou_threshold)))


def class_areas(detections, truths, iou_threshold):
    """The average precision of each class, computed here; nan for a class of which there is nothing to find."""
    areas = []
    for label in range(NUM_CLASSES):
        scores, is_right, num_true = [], [], 0
        for (boxes, values, labels), truth in zip(detections, truths, strict=True):
            things, mine = truth["boxes"][truth["labels"] == label], labels == label
            scores.append(values[mine])
            is_right.append(right_ones(overlaps(boxes[mine], things), iou_threshold))
            num_true += len(things)
        areas.append(area_under_curve(np.concatenate(scores), np.concatenate(is_right), num_true))
    return areas


def _why_imprecise(precision):
    if precision < 0.2:
        return (
            "hardly anything is found: has the loss fallen? Are anchor_sizes those that the detector was trained with?"
        )
    return (
        "compare with the precision on training scenes: if that is high, draw more scenes; if it is as low, train for "
        "more steps, with a learning rate that falls to 0 at the end"
    )


scene_detector = Question(
    id="scene_detector",
    title="A detector for new scenes",
    notebook=NOTEBOOK,
    points=4,
    minutes=30,
    difficulty=3,
    importance=4,
    hints=(
        "Look at both precisions that the cell prints. Are they far apart, so that more or other scenes would help, or "
        "is the loss still falling, so that it needs more steps?",
        "The rate is high enough, and it must fall to 0: a cosine over all epochs does that. Mirrored scenes cost "
        "nothing. Then give it the most scenes and epochs that the card allows.",
    ),
    builds_on=("grid_targets", "grid_loss"),
    values=("weights", "anchor_sizes"),
    judge=_judge_detector,
)

QUESTIONS = (grid_targets, smooth_absolute_error, grid_loss, decode_predictions, anchor_targets, scene_detector)
