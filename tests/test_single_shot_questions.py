"""The judge of a trained single-shot detector: it computes what the detector computes, and rejects what is none."""

import numpy as np
import pytest

from coursekit.questions.assignment4 import SingleShotDetection as question
from cs231n.boxes import grid_anchors
from cs231n.classifiers.single_shot import MultiScaleDetector, SingleShotDetector
from cs231n.detection_metrics import mean_average_precision
from cs231n.net_visualization import preprocess
from cs231n.scenes import load_scenes, truths

STAGES = ((4,), (5,), (6, 7), (8,))


def trained_a_little(make):
    """A detector whose running statistics, gains and scores are not those at the start, and its scenes."""
    rng = np.random.RandomState(3)
    scenes = load_scenes(6, seed=5)
    X, things = preprocess(scenes["images"]), truths(scenes)
    np.random.seed(0)
    detector = make(STAGES, dtype=np.float64)
    for name in detector.params:
        noise = rng.standard_normal(detector.params[name].shape)
        detector.params[name] = detector.params[name] + 0.3 * noise
    for _ in range(3):
        detector.loss(X, things)
    return detector, X, things


@pytest.mark.parametrize("make", [SingleShotDetector, MultiScaleDetector])
def test_the_judge_detects_what_the_detector_does(make):
    detector, X, things = trained_a_little(make)
    weights, sizes = detector.fused(), detector.anchor_sizes
    assert question._judge_weights(weights, sizes).ok
    maps = zip(*question._predict(weights, X.astype(float).transpose(0, 2, 3, 1), len(sizes)), strict=True)
    judged = [question._detect(levels, sizes) for levels in maps]
    found = detector.detect(X)
    assert sum(len(f["boxes"]) for f in found) > 20
    for (boxes, scores, labels), f in zip(judged, found, strict=True):
        assert np.array_equal(labels, f["labels"])
        np.testing.assert_allclose(boxes, f["boxes"], atol=1e-3)
        np.testing.assert_allclose(scores, f["scores"], atol=1e-4)
    present = [np.concatenate([t["labels"] for t in things])]
    ours = mean_average_precision(found, things, 0.1)[0] * len(np.unique(present)) / question.NUM_CLASSES
    with np.errstate(all="ignore"):
        areas = np.nan_to_num(question.class_areas(judged, things, 0.1))
    np.testing.assert_allclose(areas.mean(), ours, atol=1e-9)


def test_anchors_are_those_of_the_course():
    from coursekit.questions.assignment4._boxes import grid_of_anchors

    np.testing.assert_allclose(grid_of_anchors(3, 8, (5.0, 9.0)), grid_anchors(3, 3, 8, [5.0, 9.0]))


@pytest.mark.parametrize(
    ("change", "gap"),
    [
        (lambda w: {**w, "head0_W": w["head0_W"][:, :2]}, "head0"),
        (lambda w: {name: value for name, value in w.items() if name != "conv1_0_b"}, "conv1_0"),
        (lambda w: {**w, "conv2_1_W": w["conv2_1_W"] * np.nan}, "nan"),
        (lambda w: {}, "expected convolutions"),
        (lambda w: None, "expected convolutions"),
        (lambda w: {name: value.astype(int) for name, value in w.items()}, "expected convolutions"),
    ],
)
def test_what_is_no_detector_is_named(change, gap):
    weights = SingleShotDetector(STAGES).fused()
    finding = question._judge_weights(change(weights), ((20.0,),))
    assert not finding.ok and gap in " ".join(finding.gap)


@pytest.mark.parametrize("sizes", [None, 20.0, (), ((),), ((-1.0,),), "20", ((20.0,),) * 9])
def test_wrong_anchor_sizes_are_named(sizes):
    assert not question._judge_weights(SingleShotDetector(STAGES).fused(), sizes).ok


def test_an_untrained_detector_is_not_enough():
    np.random.seed(0)
    detector = SingleShotDetector(STAGES)
    fits, precise = question._judge_detector(detector.fused(), detector.anchor_sizes)
    assert fits.ok and not precise.ok and "has the loss fallen" in precise.mistake
