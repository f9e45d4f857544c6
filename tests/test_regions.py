"""Selective search, R-CNN, fast RoI pooling and the judge of a trained detector."""

import numpy as np
import pytest
from torchvision_values import ROI_CASES, inputs

from coursekit.judging.judge import judge_values
from coursekit.judging.rendering import render
from coursekit.questions import find
from coursekit.questions.assignment4 import RegionDetection as questions
from cs231n.boxes import box_iou, sliding_windows
from cs231n.classifiers.rcnn import RCNN, crop_and_warp, ridge_regression
from cs231n.classifiers.region_nets import FasterRCNN, FastRCNN, match_regions
from cs231n.detection_metrics import mean_average_precision
from cs231n.detection_solver import flip_scenes
from cs231n.net_visualization import preprocess
from cs231n.roi_layers import (
    roi_align_forward,
    roi_pool_backward,
    roi_pool_backward_fast,
    roi_pool_forward,
    roi_pool_forward_fast,
)
from cs231n.scenes import load_scenes, truths
from cs231n.selective_search import merge_segments, selective_search, superpixels


@pytest.fixture(scope="module")
def scenes():
    return load_scenes(20, seed=5)


@pytest.fixture
def rng():
    return np.random.RandomState(3)


# ---- regions


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("case", range(len(ROI_CASES)))
def test_fast_pooling_is_the_slow_one(seed, case):
    given, (size, scale, _) = inputs(seed), ROI_CASES[case]
    out, cache = roi_pool_forward(given["maps"], given["regions"], size, scale)
    out_fast, cache_fast = roi_pool_forward_fast(given["maps"], given["regions"], size, scale)
    np.testing.assert_array_equal(out_fast, out)
    dout = given["douts"][:, :, :size, :size]
    np.testing.assert_allclose(roi_pool_backward_fast(dout, cache_fast), roi_pool_backward(dout, cache), atol=1e-12)


def test_fast_pooling_without_regions(rng):
    maps = rng.randn(2, 3, 5, 4)
    out, cache = roi_pool_forward_fast(maps, np.zeros((0, 5)), 2)
    assert out.shape == (0, 3, 2, 2) and not roi_pool_backward_fast(out, cache).any()


def test_windows_are_all_inside_and_different():
    windows = sliding_windows(10, 13, 4, 3)
    assert windows.shape == (12, 4) and len(np.unique(windows, axis=0)) == 12
    assert windows.min() == 0 and windows[:, 2].max() <= 13 and windows[:, 3].max() <= 10
    assert sliding_windows(3, 9, 4, 1).shape == (0, 4)


def test_the_best_region_of_each_thing_is_kept():
    regions, boxes = np.array([[0, 0, 4, 4], [9, 9, 20, 20.0]]), np.array([[0, 0, 2, 2], [30, 30, 31, 31.0]])
    assert match_regions(regions, boxes, 0.5, 0.3).tolist() == [-1, -1]
    assert match_regions(regions, boxes, 0.5, 0.2, keep_best=True)[0] >= 0


# ---- proposals


def test_segments_cover_the_image_and_all_occur(scenes):
    segments = superpixels(scenes["images"][0])
    assert segments.shape == (48, 48)
    np.testing.assert_array_equal(np.unique(segments), np.arange(segments.max() + 1))


def test_proposals_are_inside_different_and_find_things(scenes):
    found = []
    for image, truth in zip(scenes["images"], truths(scenes), strict=True):
        proposals = selective_search(image)
        assert len(np.unique(proposals, axis=0)) == len(proposals)
        assert proposals.min() >= 0 and proposals.max() <= 48
        assert (proposals[:, 2:] - proposals[:, :2]).min() >= 6
        found.append(box_iou(proposals, truth["boxes"]).max(axis=0))
    assert np.mean(np.concatenate(found) >= 0.5) > 0.9


def test_an_image_of_one_colour_has_proposals():
    assert [0, 0, 24, 30] in selective_search(np.full((30, 24, 3), 7, np.uint8)).tolist()


def test_joining_leaves_its_arguments_alone_and_ends_with_the_image():
    given = questions._segment_inputs(np.random.RandomState(0), 3, 4)
    copies = {name: np.copy(value) for name, value in given.items()}
    joined = merge_segments(**given)
    assert len(joined) == 11
    np.testing.assert_array_equal(joined[-1], [0, 0, given["boxes"][:, 2].max(), given["boxes"][:, 3].max()])
    for name, value in copies.items():
        np.testing.assert_array_equal(given[name], value)


# ---- R-CNN


def test_a_region_of_whole_cells_is_cut_out_exactly(rng):
    images = rng.randint(0, 255, (2, 3, 8, 9))
    np.testing.assert_array_equal(crop_and_warp(images, np.array([[1, 2, 3, 7, 8]]), 5)[0], images[1, :, 3:8, 2:7])


def test_a_constant_image_stays_constant_and_agrees_with_interpolation(rng):
    images = np.broadcast_to(rng.rand(2, 3, 1, 1), (2, 3, 8, 9))
    rois = np.array([[1, 1.3, 2.2, 7.7, 6.1], [0, 0.0, 0.0, 9.0, 8.0]])
    smooth, _ = roi_align_forward(images, rois, 4)
    np.testing.assert_allclose(crop_and_warp(images, rois, 4), smooth)


def test_ridge_regression_has_no_gradient_left(rng):
    X, Y = rng.randn(9, 4), rng.randn(9, 2)
    W = ridge_regression(X, Y, 0.7)
    np.testing.assert_allclose(X.T @ (X @ W - Y) + 0.7 * W, 0, atol=1e-12)


def mean_colours(X):
    """Features of a region: its mean colours, and their products."""
    means = X.mean(axis=(2, 3))
    return np.concatenate([means, means[:, :1] * means, means[:, 1:2] * means], axis=1)


def test_r_cnn_learns_from_regions_and_finds_boxes(scenes):
    np.random.seed(0)
    X, known = preprocess(scenes["images"]), truths(scenes)
    given = [t | {"proposals": selective_search(image)} for t, image in zip(known, scenes["images"], strict=True)]
    rcnn = RCNN(mean_colours, crop_size=8, svm_options={"num_iters": 50})
    rcnn.train(X, given)
    found = rcnn.detect(X, [truth["proposals"] for truth in given])
    assert len(found) == len(X) and all(set(f) == {"boxes", "labels", "scores"} for f in found)
    assert 0 <= mean_average_precision(found, known)[0] <= 1
    unmoved = rcnn.detect(X, [truth["proposals"] for truth in given], move=False)
    for f, truth in zip(unmoved, given, strict=True):
        assert {tuple(box) for box in f["boxes"]} <= {tuple(box) for box in truth["proposals"].astype(float)}


def test_fast_r_cnn_in_batches_finds_the_same(scenes):
    np.random.seed(0)
    net = FastRCNN(stages=((4,), (4,), (4,)), roi_layer="pool", dtype=np.float64)
    X, proposals = preprocess(scenes["images"][:5]), [selective_search(image) for image in scenes["images"][:5]]
    for one, other in zip(net.detect(X, proposals), net.detect(X, proposals, batch_size=2), strict=True):
        np.testing.assert_allclose(one["boxes"], other["boxes"])


def test_proposals_are_flipped_with_their_image(scenes):
    np.random.seed(0)
    given = [t | {"proposals": t["boxes"].copy()} for t in truths(scenes)]
    _, flipped = flip_scenes(preprocess(scenes["images"]), given)
    for truth in flipped:
        np.testing.assert_array_equal(truth["proposals"], truth["boxes"])


# ---- the judge of a trained detector


@pytest.fixture
def detector(scenes, monkeypatch):
    """An untrained detector whose statistics are not those of the start, and scenes that it is judged on."""
    np.random.seed(1)
    net = FasterRCNN(roi_layer="pool")
    for norm in net.bn_params:
        norm["running_mean"] = 0.1 * np.random.randn(*norm["running_mean"].shape).astype(np.float32)
        norm["running_var"] = np.random.uniform(0.5, 2, norm["running_var"].shape).astype(np.float32)
    net.params["anchor_W"] *= 10
    net.params["region_W"] *= 20
    monkeypatch.setattr(questions, "_unseen_scenes", lambda: (preprocess(scenes["images"]), truths(scenes)))
    return net


def verdict_on(**values):
    return judge_values(find("faster_rcnn"), values)


def text_of(verdict):
    return " ".join(render(verdict).split())


def test_the_judge_finds_what_the_detector_finds(detector, scenes):
    X, same = preprocess(scenes["images"]), []
    judged = questions._detect(detector.params, detector.bn_params, X)
    for found, (boxes, scores, labels) in zip(detector.detect(X), judged, strict=True):
        mine, theirs = (
            np.column_stack(f) for f in ((boxes, scores, labels), (found["boxes"], found["scores"], found["labels"]))
        )
        nearest = np.abs(mine[:, np.newaxis] - theirs).max(axis=2).min(axis=1)
        same.append(nearest < 0.01)
    # In float32, a region on the edge between two entries may be rounded to either.
    assert len(np.concatenate(same)) > 100 and np.mean(np.concatenate(same)) > 0.9


def test_the_judge_measures_the_same_precision(scenes):
    rng, known = np.random.RandomState(0), truths(scenes)
    found = []
    for truth in known:
        boxes = np.concatenate([truth["boxes"], truth["boxes"]]) + rng.uniform(-3, 3, (2 * len(truth["boxes"]), 4))
        found.append((boxes, rng.rand(len(boxes)), np.concatenate([truth["labels"], truth["labels"]])))
    as_dicts = [dict(zip(("boxes", "scores", "labels"), f, strict=True)) for f in found]
    expected, _ = mean_average_precision(as_dicts, known)
    assert 0.2 < expected < 0.95
    np.testing.assert_allclose(questions._mean_average_precision(found, known), expected)


def test_an_untrained_detector_is_wrong_and_its_precision_is_said(detector):
    verdict = verdict_on(params=detector.params, bn_params=detector.bn_params)
    assert verdict.status == "wrong"
    assert "expected a mean average precision of at least 0.9, got 0.0" in text_of(verdict)
    assert "hardly anything is found" in text_of(verdict)


def test_other_arrays_are_named(detector):
    params = detector.params | {"hidden_W": np.zeros((3, 4))}
    assert "hidden_W: expected floats of shape (768, 128)" in text_of(
        verdict_on(params=params, bn_params=detector.bn_params)
    )
    text = text_of(verdict_on(params=detector.params, bn_params=detector.bn_params[:3]))
    assert "bn_params: expected the running mean and variance of 5 normalisations" in text


def test_values_that_are_not_finite_are_named(detector):
    params = detector.params | {"region_b": np.full(15, np.nan)}
    assert "training has diverged" in text_of(verdict_on(params=params, bn_params=detector.bn_params))
