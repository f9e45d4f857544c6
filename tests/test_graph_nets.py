"""Networks on the graph: gradients, what they return, and that they learn a few scenes by heart."""

from functools import partial

import numpy as np
import pytest

from cs231n import detection_solver
from cs231n.classifiers import region_nets
from cs231n.classifiers.encoder_decoder import UPSAMPLING, EncoderDecoder
from cs231n.classifiers.region_nets import FasterRCNN, FastRCNN, MaskRCNN, paste_masks
from cs231n.classifiers.single_shot import MultiScaleDetector, SingleShotDetector, anchor_targets, grid_targets
from cs231n.detection_metrics import mean_average_precision
from cs231n.detection_solver import DetectionSolver, flip_scenes
from cs231n.graph_layers import conv_relu
from cs231n.net_visualization import preprocess
from cs231n.scenes import load_scenes, truths
from cs231n.segmentation_solver import SegmentationSolver, flip_masks

TINY = ((2,), (3,), (3,))


@pytest.fixture
def scenes():
    np.random.seed(0)
    found = load_scenes(2, seed=5, size=16)
    return preprocess(found["images"]).astype(np.float64), truths(found), found["semantic_masks"].astype(int)


def check_gradients(net, loss, names=None, h=1e-6):
    """Compare the gradients with differences along a random direction of each parameter."""
    rng = np.random.RandomState(1)
    for name, value in net.params.items():
        if name.endswith(("_b", "_beta")):  # at 0, empty places would lie on the kink of ReLU
            net.params[name] = value + rng.uniform(0.1, 0.3, value.shape) * rng.choice([-1, 1], value.shape)
    _, grads = loss()
    assert set(grads) == set(net.params)
    for name in names or grads:
        value, direction = net.params[name], rng.randn(*net.params[name].shape)
        ends = []
        for sign in (1, -1):
            net.params[name] = value + sign * h * direction
            ends.append(loss()[0])
        net.params[name] = value
        np.testing.assert_allclose(
            np.sum(grads[name] * direction), (ends[0] - ends[1]) / (2 * h), rtol=2e-4, atol=1e-6, err_msg=name
        )


def seeded(loss):
    """A loss that samples the same regions each time."""

    def call():
        np.random.seed(7)
        return loss()

    return call


@pytest.mark.parametrize("upsampling", UPSAMPLING)
@pytest.mark.parametrize("skip", [True, False])
def test_gradients_of_the_encoder_decoder(scenes, upsampling, skip):
    X, _, y = scenes
    net = EncoderDecoder(filters=(2, 3), upsampling=upsampling, skip=skip, dtype=np.float64)
    check_gradients(net, lambda: net.loss(X, y, np.linspace(1, 3, 11)))
    assert net.segment(X).shape == y.shape


@pytest.mark.parametrize(
    "make",
    [
        partial(SingleShotDetector, anchor_sizes=((8.0,),)),
        partial(MultiScaleDetector, anchor_sizes=((4.0,), (6.0, 9.0))),
    ],
)
def test_gradients_of_the_single_shot_detectors(scenes, make):
    X, things, _ = scenes
    net = make(TINY, image_size=16, dtype=np.float64)
    check_gradients(net, lambda: net.loss(X, things))


@pytest.mark.parametrize("roi_layer", ["align", "pool"])
def test_gradients_of_fast_rcnn(scenes, roi_layer):
    X, things, _ = scenes
    rng = np.random.RandomState(3)
    for truth in things:
        corners = rng.uniform(0, 8, (12, 2))
        truth["proposals"] = np.column_stack([corners, corners + rng.uniform(3, 8, (12, 2))])
    net = FastRCNN(TINY, image_size=16, region_size=2, hidden_size=5, roi_layer=roi_layer, dtype=np.float64)
    check_gradients(net, seeded(lambda: net.loss(X, things)))
    found = net.detect(X, [truth["proposals"] for truth in things], score_threshold=0.0)
    assert len(found) == 2 and len(found[0]["boxes"])


def test_gradients_of_mask_rcnn(scenes):
    """Of what comes after the proposals: these move with all that comes before them, and count as constants."""
    X, things, _ = scenes
    net = MaskRCNN(
        TINY, image_size=16, region_size=2, hidden_size=5, anchor_sizes=(6.0,), mask_size=3, dtype=np.float64
    )
    after = [name for name in net.params if name.split("_")[0] in ("hidden", "region", "mask1", "mask2", "up", "mask")]
    check_gradients(net, seeded(lambda: net.loss(X, things)), after)


def test_proposals_count_as_constants(scenes, monkeypatch):
    """With proposals that do not move, the gradients of all parameters are right."""
    X, things, _ = scenes
    fixed = [np.array([[1.0, 1, 9, 9], [4, 2, 14, 12], [0, 6, 8, 15]])] * 2
    monkeypatch.setattr(FasterRCNN, "proposals", lambda self, x: fixed)
    net = FasterRCNN(TINY, image_size=16, region_size=2, hidden_size=5, anchor_sizes=(6.0, 9.0), dtype=np.float64)
    check_gradients(net, seeded(lambda: net.loss(X, things)))


@pytest.mark.parametrize("make", [SingleShotDetector, MultiScaleDetector, FasterRCNN, MaskRCNN])
def test_a_detector_learns_a_few_scenes(make):
    np.random.seed(0)
    scenes = load_scenes(8, seed=3, things=(1, 2))
    X, things = preprocess(scenes["images"]), truths(scenes)
    stages = ((8,), (16,), (24,), (32,)) if issubclass(make, SingleShotDetector) else ((8,), (16,), (24, 24))
    data = {"X_train": X, "truths_train": things, "X_val": X, "truths_val": things}
    solver = DetectionSolver(
        make(stages),
        data,
        update_rule="adam",
        optim_config={"learning_rate": 5e-3},
        num_epochs=100,
        batch_size=8,
        verbose=False,
    )
    solver.train()
    assert solver.loss_history[-1] < 0.3 * solver.loss_history[0]
    found = solver.model.detect(X)
    assert mean_average_precision(found, things)[0] > 0.7  # of masks, where there are masks


def test_a_cell_is_in_charge_of_the_centre():
    truth = {"boxes": np.array([[0, 0, 10, 6], [12, 10, 16, 16]]), "labels": np.array([2, 4])}
    has_thing, deltas, labels = grid_targets([truth], grid_size=2, stride=8, anchor_size=8)
    assert np.flatnonzero(has_thing[0]).tolist() == [0, 3]
    assert labels[0].tolist() == [2, 0, 0, 4]
    np.testing.assert_allclose(deltas[0, 0], [1 / 8, -1 / 8, np.log(10 / 8), np.log(6 / 8)])


def test_each_thing_has_an_anchor_that_is_in_charge():
    """Those that overlap it enough, and the best one in any case."""
    truth = {"boxes": np.array([[0, 0, 8, 8], [20, 20, 22, 22]]), "labels": np.array([3, 7])}
    anchors = np.array([[0.0, 0, 8, 7], [0, 0, 8, 8], [0, 0, 8, 3], [16, 16, 24, 24]])
    has_thing, deltas, labels = anchor_targets([truth, {"boxes": np.zeros((0, 4)), "labels": []}], anchors)
    assert has_thing.tolist() == [[True, True, False, True], [False] * 4]
    assert labels[0].tolist() == [3, 3, 0, 7]
    np.testing.assert_allclose(deltas[0, 3], [1 / 8, 1 / 8, np.log(1 / 4), np.log(1 / 4)])


def test_fused_weights_compute_the_same_maps(scenes):
    X, things, _ = scenes
    net = SingleShotDetector(TINY, image_size=16, dtype=np.float64)
    for _ in range(3):
        net.loss(X, things)  # the running statistics move
    weights = net.fused()
    ours = conv_relu(X, weights["conv0_0_W"], weights["conv0_0_b"], {"stride": 1, "pad": 1})
    np.testing.assert_allclose(ours, net.maps(net.params, X)[0], atol=1e-10)


def test_regions_between_the_thresholds_are_not_used():
    boxes = np.array([[0.0, 0, 10, 10], [20, 0, 30, 10]])
    regions = np.array([[0.0, 0, 10, 9], [20, 0, 30, 4], [0, 20, 5, 25]])
    assert region_nets.match_regions(regions, boxes, positive=0.7, negative=0.3).tolist() == [0, -2, -1]
    assert region_nets.match_regions(regions, np.zeros((0, 4)), 0.7, 0.3).tolist() == [-1, -1, -1]


def test_sampling_keeps_to_its_limits():
    things = np.array([0] * 10 + [-1] * 20 + [-2] * 5)
    chosen = region_nets.sample_regions(things, 16, 6)
    assert len(set(chosen)) == 16
    assert (things[chosen] >= 0).sum() == 6 and (things[chosen] == -1).sum() == 10


def test_masks_are_pasted_where_their_boxes_are():
    probs = np.zeros((1, 2, 2))
    probs[0, 0] = 1  # the upper half
    pasted = paste_masks(probs, np.array([[4.0, 8, 12, 16]]), 20)[0]
    rows, columns = np.nonzero(pasted)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (8, 11, 4, 11)


def test_flipped_scenes_keep_their_things():
    scenes = load_scenes(6, seed=4)
    X, things = preprocess(scenes["images"]), truths(scenes)
    np.random.seed(1)
    flipped, moved = flip_scenes(X, things)
    changed = [n for n in range(6) if not np.array_equal(flipped[n], X[n])]
    assert 0 < len(changed) < 6
    for n in changed:
        np.testing.assert_array_equal(flipped[n], X[n, :, :, ::-1])
        for box, mask in zip(moved[n]["boxes"], moved[n]["masks"], strict=True):
            columns = np.flatnonzero(mask.any(axis=0))
            assert (box[0], box[2]) == (columns[0], columns[-1] + 1)


def test_flipped_masks_stay_on_their_pixels():
    scenes = load_scenes(6, seed=4)
    X, y = preprocess(scenes["images"]), scenes["semantic_masks"].astype(int)
    np.random.seed(1)
    flipped, moved = flip_masks(X, y)
    is_flipped = [not np.array_equal(a, b) for a, b in zip(flipped, X, strict=True)]
    assert 0 < sum(is_flipped) < 6
    for n, flip in enumerate(is_flipped):
        np.testing.assert_array_equal(flipped[n], X[n, :, :, ::-1] if flip else X[n])
        np.testing.assert_array_equal(moved[n], y[n, :, ::-1] if flip else y[n])


def test_a_segmenter_learns_a_few_scenes():
    np.random.seed(0)
    scenes = load_scenes(6, seed=3, things=1)
    X, y = preprocess(scenes["images"]), scenes["semantic_masks"].astype(int)
    options = {"update_rule": "adam", "optim_config": {"learning_rate": 1e-2}, "num_epochs": 60, "batch_size": 6}
    solver = SegmentationSolver(
        EncoderDecoder((6, 8)), {"X_train": X, "y_train": y}, augment=flip_masks, verbose=False, **options
    )
    before = solver.mean_iou(X, y, 11)
    solver.train()
    assert solver.loss_history[-1] < 0.3 * solver.loss_history[0]
    assert solver.mean_iou(X, y, 11) > before + 0.1


def test_a_net_is_saved_with_its_statistics(tmp_path, monkeypatch):
    monkeypatch.setattr("cs231n._weights.SAVED", tmp_path)
    X = preprocess(load_scenes(2, seed=1)["images"])
    net, other = (SingleShotDetector(((3,), (4,), (4,), (4,))) for _ in range(2))
    net.loss(X, truths(load_scenes(2, seed=1)))
    net.save("detector")
    assert other.load("detector")
    np.testing.assert_array_equal(other.forward(other.params, X), net.forward(net.params, X))


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: SingleShotDetector(image_size=50), "a multiple of 8"),
        (lambda: FasterRCNN(roi_layer="crop"), 'expected "align" or "pool"'),
        (lambda: EncoderDecoder(upsampling="bilinear"), "expected one of nearest"),
        (
            lambda: detection_solver.DetectionSolver(None, {"X_train": np.zeros((2, 3, 4, 4)), "truths_train": []}),
            "truths_train has 0 entries",
        ),
        (
            lambda: SegmentationSolver(None, {"X_train": np.zeros((2, 3, 4, 4)), "y_train": np.zeros((2, 4))}),
            "a class for each pixel",
        ),
    ],
)
def test_errors_say_what_is_wrong(call, words):
    with pytest.raises(ValueError) as error:
        call()
    assert words in str(error.value)
