"""Boxes, regions of interest and average precision, against torchvision's values and independent implementations."""

from itertools import pairwise

import numpy as np
import pytest
from layer_check import check_layer
from torchvision_values import PATH, ROI_CASES, drawn_boxes, inputs

from cs231n import boxes, detection_metrics, roi_layers

SEEDS = pytest.mark.parametrize("seed", range(3))


@pytest.fixture(scope="module")
def stored():
    with np.load(PATH) as file:
        return {name: file[name] for name in file.files}


@pytest.fixture
def rng():
    return np.random.RandomState(5)


# ---- torchvision's values


@SEEDS
def test_overlaps_are_torchvisions(stored, seed):
    given = inputs(seed)
    np.testing.assert_allclose(boxes.box_iou(given["boxes"], given["others"]), stored[f"{seed} iou"], atol=1e-12)


@SEEDS
@pytest.mark.parametrize("threshold", [0.2, 0.5])
def test_suppression_is_torchvisions(stored, seed, threshold):
    given = inputs(seed)
    kept = boxes.nms(given["boxes"], given["scores"], threshold)
    np.testing.assert_array_equal(kept, stored[f"{seed} nms {threshold}"])
    kept = boxes.batched_nms(given["boxes"], given["scores"], given["labels"], threshold)
    np.testing.assert_array_equal(kept, stored[f"{seed} batched_nms {threshold}"])


@SEEDS
@pytest.mark.parametrize("case", range(len(ROI_CASES)))
def test_regions_are_torchvisions(stored, seed, case):
    given, (size, scale, ratio) = inputs(seed), ROI_CASES[case]
    dout = given["douts"][:, :, :size, :size]
    out, cache = roi_layers.roi_pool_forward(given["maps"], given["regions"], size, scale)
    np.testing.assert_allclose(out, stored[f"{seed} pool {case}"], rtol=1e-9, atol=1e-9)
    dx = roi_layers.roi_pool_backward(dout, cache)
    np.testing.assert_allclose(dx, stored[f"{seed} dpool {case}"], rtol=1e-9, atol=1e-9)
    out, cache = roi_layers.roi_align_forward(given["maps"], given["regions"], size, scale, ratio)
    np.testing.assert_allclose(out, stored[f"{seed} align {case}"], rtol=1e-6, atol=1e-6)
    dx = roi_layers.roi_align_backward(dout, cache)
    np.testing.assert_allclose(dx, stored[f"{seed} dalign {case}"], rtol=1e-6, atol=1e-6)


def test_stored_values_are_up_to_date(stored):
    pytest.importorskip("torchvision")
    from torchvision_values import values

    for name, value in values(0).items():
        np.testing.assert_allclose(value, stored[f"0 {name}"], rtol=1e-6, atol=1e-6)


# ---- layers


def test_region_layers(rng):
    regions = inputs(1)["regions"]
    maps = rng.permutation(2 * 3 * 9 * 11).reshape(2, 3, 9, 11) / 10.0
    check_layer(lambda x: roi_layers.roi_pool_forward(x, regions, 3, 0.5), roi_layers.roi_pool_backward, (maps,))
    check_layer(lambda x: roi_layers.roi_align_forward(x, regions, 3, 0.5), roi_layers.roi_align_backward, (maps,))


def test_regions_without_number(rng):
    maps = rng.randn(2, 3, 5, 4)
    for name in ("pool", "align"):
        out, cache = getattr(roi_layers, f"roi_{name}_forward")(maps, np.zeros((0, 5)), 2)
        assert out.shape == (0, 3, 2, 2)
        assert not getattr(roi_layers, f"roi_{name}_backward")(out, cache).any()


# ---- boxes


def test_boxes_are_encoded_and_decoded(rng):
    wanted, anchors = (drawn_boxes(rng, 9) + [0, 0, 1, 1] for _ in range(2))
    np.testing.assert_allclose(boxes.decode_boxes(boxes.encode_boxes(wanted, anchors), anchors), wanted, atol=1e-9)


def test_a_wild_prediction_does_not_overflow():
    decoded = boxes.decode_boxes(np.full((1, 4), 1e4), np.array([[0.0, 0, 1, 1]]))
    assert np.isfinite(decoded).all()
    np.testing.assert_allclose(decoded[:, 2:] - decoded[:, :2], 62.5)


def test_anchors_have_the_sizes_and_ratios_asked_for():
    anchors = boxes.grid_anchors(2, 3, 8, sizes=[4, 10], ratios=[0.5, 1, 2]).reshape(2, 3, 6, 4)
    widths, heights = anchors[..., 2] - anchors[..., 0], anchors[..., 3] - anchors[..., 1]
    np.testing.assert_allclose(np.sqrt(widths * heights)[0, 0], [4, 4, 4, 10, 10, 10])
    np.testing.assert_allclose((heights / widths)[1, 2], [0.5, 1, 2, 0.5, 1, 2])
    centers = (anchors[..., :2] + anchors[..., 2:])[:, :, 0] / 2
    np.testing.assert_allclose(centers[..., 0], [[4, 12, 20]] * 2)
    np.testing.assert_allclose(centers[..., 1], [[4] * 3, [12] * 3])


def test_boxes_are_clipped():
    clipped = boxes.clip_boxes(np.array([[-3, 2, 50, 50]]), height=10, width=20)
    np.testing.assert_array_equal(clipped, [[0, 2, 20, 10]])


def test_empty_boxes_overlap_nothing():
    assert boxes.box_iou(np.zeros((2, 4)), np.zeros((1, 4))).tolist() == [[0], [0]]
    assert boxes.box_iou(np.zeros((0, 4)), np.zeros((3, 4))).shape == (0, 3)
    assert len(boxes.batched_nms(np.zeros((0, 4)), np.zeros(0), np.zeros(0, int), 0.5)) == 0


# ---- average precision


def slow_average_precision(scores, is_right, num_true):
    """The area by its definition: for each level of recall that is reached, the best precision from there on."""
    ranked = [right for _, right in sorted(zip(scores, is_right, strict=True), key=lambda pair: -pair[0])]
    points = [(sum(ranked[: k + 1]) / num_true, sum(ranked[: k + 1]) / (k + 1)) for k in range(len(ranked))]
    levels = sorted({0.0} | {recall for recall, _ in points})
    best = [max(precision for recall, precision in points if recall >= level) for level in levels[1:]]
    return sum((high - low) * value for (low, high), value in zip(pairwise(levels), best, strict=True))


def test_average_precision_of_random_sets(rng):
    for _ in range(200):
        n = rng.randint(1, 30)
        scores, is_right = rng.permutation(n) / n, rng.rand(n) < rng.rand()
        num_true = int(is_right.sum()) + rng.randint(1, 5)
        found = detection_metrics.average_precision(scores, is_right, num_true)
        np.testing.assert_allclose(found, slow_average_precision(scores, is_right, num_true), atol=1e-12)


@pytest.mark.parametrize(
    "is_right, num_true, expected",
    [
        ([1, 1, 1], 3, 1.0),
        ([0, 0, 1], 1, 1 / 3),
        ([1, 0, 1, 0, 1], 4, (1 + 2 / 3 + 3 / 5) / 4),
        ([0, 1, 1, 1], 3, 3 / 4),  # the curve rises: the last point counts for all
        ([0, 0], 2, 0.0),
    ],
)
def test_average_precision_by_hand(is_right, num_true, expected):
    scores = np.arange(len(is_right), 0, -1)
    found = detection_metrics.average_precision(scores, np.array(is_right, dtype=bool), num_true)
    np.testing.assert_allclose(found, expected)


def test_a_thing_is_found_once():
    overlaps = np.array([[0.8, 0.1], [0.9, 0.3], [0.2, 0.6], [0.4, 0.3]])
    is_right = detection_metrics.match_detections(overlaps, np.array([0.9, 0.8, 0.7, 0.99]), 0.5)
    assert is_right.tolist() == [True, False, True, False]


def test_mean_average_precision(rng):
    truths = [
        {"boxes": np.array([[0, 0, 4, 4], [6, 0, 9, 9]]), "labels": np.array([1, 2])},
        {"boxes": np.array([[2, 2, 8, 8]]), "labels": np.array([1])},
    ]
    nothing = {"boxes": np.zeros((0, 4)), "labels": np.zeros(0, int), "scores": np.zeros(0)}
    perfect = [truth | {"scores": rng.rand(len(truth["labels"]))} for truth in truths]
    assert detection_metrics.mean_average_precision(perfect, truths) == (1.0, {1: 1.0, 2: 1.0})
    assert detection_metrics.mean_average_precision([nothing] * 2, truths) == (0.0, {1: 0.0, 2: 0.0})
    assert detection_metrics.mean_average_precision([perfect[0], nothing], truths) == (0.75, {1: 0.5, 2: 1.0})
    # A class that never occurs does not count, however often it is detected.
    extra = perfect[1] | {"labels": np.array([7])}
    assert detection_metrics.mean_average_precision([perfect[0], extra], truths)[0] == 0.75


def test_masks_are_compared_by_their_pixels():
    masks = np.zeros((2, 4, 4), dtype=bool)
    masks[0, :2], masks[1, 1:3] = True, True
    np.testing.assert_allclose(detection_metrics.mask_iou(masks, masks), [[1, 1 / 3], [1 / 3, 1]])
    truth = {"masks": masks[:1], "labels": np.array([0])}
    found = {"masks": masks, "labels": np.array([0, 0]), "scores": np.array([0.5, 0.6])}
    assert detection_metrics.mean_average_precision([found], [truth]) == (0.5, {0: 0.5})


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: boxes.box_iou(np.zeros((4, 3)), np.zeros((1, 4))), "boxes has shape (4, 3), expected (N, 4)"),
        (lambda: boxes.nms(np.zeros((2, 4)), np.zeros(3), 0.5), "one for each box"),
        (lambda: boxes.encode_boxes(np.array([[3, 0, 1, 1]]), np.array([[0, 0, 1, 1]])), "right < left"),
        (lambda: roi_layers.roi_pool_forward(np.zeros((1, 2, 3, 3)), np.zeros((2, 4)), 2), "expected (K, 5)"),
        (lambda: roi_layers.roi_align_forward(np.zeros((1, 2, 3, 3)), np.ones((2, 5)), 2), "first column"),
        (lambda: detection_metrics.precision_recall(np.zeros(1), np.zeros(1), 0), "expected at least 1"),
        (lambda: detection_metrics.mean_iou(np.zeros((2, 3), int), np.zeros((3, 2), int), 2), "the shape of y"),
        (lambda: detection_metrics.mean_average_precision([], [{}]), "of 0 images"),
    ],
)
def test_errors_say_what_is_wrong(call, words):
    with pytest.raises(ValueError) as error:
        call()
    assert words in str(error.value)
