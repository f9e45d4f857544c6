"""Ways to look into a network: gradients against differences, known data for PCA and t-SNE, and the folded network."""

import numpy as np
import pytest

from benchmarks import pointing
from cs231n.classifiers.cnn import DeepConvNet
from cs231n.classifiers.scene_net import SceneNet
from cs231n.classifiers.smooth_net import SmoothNet
from cs231n.gradient_check import eval_numerical_gradient
from cs231n.graph import Graph
from cs231n.net_visualization import (
    class_visualization_update_step,
    compute_occlusion_maps,
    compute_saliency_maps,
    create_class_visualization,
    deepdream,
    deprocess,
    invert_features,
    make_fooling_image,
    nearest_neighbors,
    neighbor_agreement,
    pairwise_distances,
    pca,
    pointing_accuracy,
    preprocess,
    score_gradients,
    spread_over_pixels,
    tsne,
    tsne_affinities,
    tsne_loss,
    tsne_similarities,
)


@pytest.fixture
def net():
    """A small network in float64."""
    np.random.seed(0)
    deep = DeepConvNet(stages=((4,), (6,)), input_dim=(3, 12, 12), num_classes=5, dtype=np.float64)
    deep.loss(np.random.randn(8, 3, 12, 12), np.arange(8) % 5)  # sets the running statistics
    folded = SceneNet.folded(deep)
    folded.params = {name: value.astype(np.float64) for name, value in folded.params.items()}
    folded.deep = deep
    return folded


@pytest.fixture
def X():
    return np.random.RandomState(1).randn(3, 3, 12, 12)


def test_a_folded_network_has_the_same_scores(net, X):
    np.testing.assert_allclose(net.scores(X), net.deep.loss(X), rtol=1e-5, atol=1e-5)


def test_a_saved_network_is_read_again(net, X, tmp_path):
    net.save(tmp_path / "net.npz")
    again = SceneNet.load(tmp_path / "net.npz")
    assert again.stages == net.stages
    np.testing.assert_allclose(again.scores(X), net.scores(X), rtol=0.02, atol=0.05)


def test_the_gradient_of_a_score(net, X):
    y = np.array([0, 3, 4])
    scores, dX = score_gradients(X, y, net)
    numeric = eval_numerical_gradient(lambda x: net.scores(x)[np.arange(3), y].sum(), X, verbose=False)
    np.testing.assert_array_equal(scores, net.scores(X))
    np.testing.assert_allclose(dX, numeric, atol=1e-6)


def test_the_smooth_network_of_the_checks():
    """Its gradients agree with the numeric ones, from the scores and from each layer."""
    rng = np.random.RandomState(0)
    shapes = ((4, 3, 2, 2), (4,), (6, 4), (6,), (6, 5), (5,))
    smooth = SmoothNet(*(rng.randn(*shape) for shape in shapes))
    X = rng.randn(2, 3, 4, 6)
    for layer, shape in ((None, (2, 5)), (1, (2, 4, 2, 3)), (2, (2, 6, 2, 3))):
        graph, dout = Graph(), rng.randn(*shape)
        image = graph.variable(X)
        out = smooth.scores(image, layer)
        numeric = eval_numerical_gradient(
            lambda x, layer=layer, dout=dout: np.sum(smooth.scores(x, layer) * dout), X, verbose=False
        )
        np.testing.assert_allclose(graph.gradients(out, {"X": image}, dout)["X"], numeric, atol=1e-7)


def test_saliency_is_the_largest_gradient(net, X):
    y = np.array([0, 3, 4])
    maps = compute_saliency_maps(X, y, net)
    numeric = eval_numerical_gradient(lambda x: net.scores(x)[np.arange(3), y].sum(), X, verbose=False)
    assert maps.shape == (3, 12, 12)
    np.testing.assert_allclose(maps, np.abs(numeric).max(axis=1), atol=1e-6)


def test_occlusion_maps(net, X):
    y = np.array([0, 3, 4])
    maps = compute_occlusion_maps(X, y, net, size=4, stride=3)
    assert maps.shape == (3, 3, 3)
    covered = X.copy()
    covered[:, :, 3:7, 6:10] = 0
    rows = np.arange(3)
    np.testing.assert_allclose(maps[:, 1, 2], (net.scores(X) - net.scores(covered))[rows, y])


def test_occlusion_maps_are_spread_over_the_pixels():
    """Each pixel has the mean of the squares that cover it; one that none covers is as low as the lowest."""
    maps = np.array([[[1.0, 3.0], [5.0, 7.0]]])
    spread = spread_over_pixels(maps, (5, 6), size=3, stride=2)
    assert spread.shape == (1, 5, 6)
    assert (spread[0, 0, 0], spread[0, 0, 2], spread[0, 2, 2], spread[0, 4, 4]) == (1, 2, 4, 7)
    assert (spread[0, :, 5] == 1).all()


def test_fooling_images(net, X):
    target = 3
    net.params["b3"][target] -= 1 + np.ptp(net.scores(X), axis=1).max()  # no image is of this class
    for i in range(3):
        assert net.scores(X)[i].argmax() != target
        assert net.scores(make_fooling_image(X[i : i + 1], target, net)).argmax() == target
    np.testing.assert_array_equal(make_fooling_image(X[:1], int(net.scores(X[:1]).argmax()), net), X[:1])


def test_a_step_of_class_visualization(net, X):
    def quantity(x):
        return net.scores(x)[0, 2] - 0.1 * np.sum(x**2)

    stepped = class_visualization_update_step(X[:1], 2, net, l2_reg=0.1, learning_rate=0.5)
    numeric = eval_numerical_gradient(quantity, X[:1].copy(), verbose=False)
    np.testing.assert_allclose(stepped - X[:1], 0.5 * numeric / np.linalg.norm(numeric), atol=1e-6)


def test_the_score_of_a_visualization_grows(net):
    for target in range(5):
        scores = [
            net.scores(create_class_visualization(target, net, (3, 12, 12), steps, learning_rate=1.0))[0, target]
            for steps in (0, 5, 20)
        ]
        assert scores[0] < scores[1] < scores[2]


def test_deepdream_strengthens_the_layer(net, X):
    before, after = (np.sum(net.scores(x, layer=2) ** 2) for x in (X[:1], deepdream(X[:1], 2, net, num_steps=5)))
    assert after > before


def test_features_are_inverted(net, X):
    """The maps of the image that is found come close to those that are wanted."""
    wanted = net.scores(X[:1], layer=2)
    before, after = (
        np.sum((net.scores(invert_features(wanted, 2, net, (3, 12, 12), steps), layer=2) - wanted) ** 2)
        for steps in (0, 100)
    )
    assert after < before / 20


def test_images_and_maps_stay_as_they_are(net, X):
    """No function changes the array that it is given."""
    kept = X.copy()
    make_fooling_image(X[:1], 2, net)
    class_visualization_update_step(X[:1], 2, net)
    deepdream(X[:1], 2, net, num_steps=2)
    compute_occlusion_maps(X, np.array([0, 1, 2]), net, size=4, stride=4)
    np.testing.assert_array_equal(X, kept)


def test_preprocessing_is_undone():
    images = np.random.RandomState(0).randint(256, size=(2, 4, 4, 3)).astype(np.uint8)
    assert np.abs(deprocess(preprocess(images)).astype(int) - images).max() <= 1


def test_pca():
    rng = np.random.RandomState(0)
    directions, _ = np.linalg.qr(rng.randn(5, 5))
    X = rng.randn(200, 5) * [5, 3, 1, 0.1, 0.1] @ directions.T + 7
    projected, components = pca(X, 3)
    np.testing.assert_allclose(components @ components.T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(np.abs(np.sum(components * directions.T[:3], axis=1)), 1, atol=0.02)
    np.testing.assert_allclose(projected, (X - X.mean(axis=0)) @ components.T, atol=1e-10)
    assert projected.std(axis=0)[0] > projected.std(axis=0)[1] > projected.std(axis=0)[2]


def test_affinities_have_the_wanted_perplexity():
    rng = np.random.RandomState(0)
    X = rng.randn(40, 5) * rng.rand(40, 1) * 10
    distances = ((X[:, None] - X) ** 2).sum(axis=2)
    for perplexity in (2.0, 10.0, 30.0):
        P = tsne_affinities(distances, perplexity)
        assert P.sum() == pytest.approx(1) and (np.diag(P) == 0).all() and np.allclose(P, P.T)
    row = tsne_affinities(np.array([[0, 1, 1, 1e9]] + [[1e9] * 4] * 3, dtype=float), 2.0)
    assert row[0, 3] == pytest.approx(1 / 24, rel=0.1)  # all of it from the other rows, which are uniform


def test_the_gradient_of_the_tsne_loss():
    rng = np.random.RandomState(0)
    P = rng.rand(12, 12)
    P = np.triu(P, 1) + np.triu(P, 1).T
    P /= P.sum()
    Y = rng.randn(12, 2)
    loss, dY = tsne_loss(Y, P)
    assert loss > 0
    numeric = eval_numerical_gradient(lambda y: tsne_loss(y, P)[0], Y, verbose=False)
    np.testing.assert_allclose(dY, numeric, atol=1e-8)


def test_tsne_keeps_clusters_together():
    rng = np.random.RandomState(0)
    X = np.repeat(8 * np.eye(4), 25, axis=0) + rng.randn(100, 4)
    Y = tsne(X, perplexity=20)
    labels = np.repeat(np.arange(4), 25)
    distances = ((Y[:, None] - Y) ** 2).sum(axis=2) + np.diag(np.full(100, np.inf))
    assert (labels[distances.argmin(axis=1)] == labels).mean() > 0.95


def test_pairwise_distances():
    X = np.random.RandomState(0).randn(9, 4)
    np.testing.assert_allclose(pairwise_distances(X), ((X[:, None] - X) ** 2).sum(axis=2), atol=1e-12)
    assert pairwise_distances(np.repeat(1e3 * X, 2, axis=0)).min() >= 0


def test_neighbours():
    X = np.array([[0.0], [1.0], [3.0], [10.0]])
    assert nearest_neighbors(pairwise_distances(X), k=2).tolist() == [[1, 2], [0, 2], [1, 0], [2, 1]]
    share, chance = neighbor_agreement(X, np.array([0, 0, 1, 1]))
    assert (share, chance) == (0.75, pytest.approx(1 / 3))


def test_similarities_on_the_map():
    Y = np.random.RandomState(0).randn(6, 2)
    Q, closeness = tsne_similarities(Y)
    assert Q.sum() == pytest.approx(1) and not np.diag(Q).any() and not np.diag(closeness).any()
    assert closeness[1, 4] == pytest.approx(1 / (1 + np.sum((Y[1] - Y[4]) ** 2)))
    assert Q[1, 4] / Q[0, 2] == pytest.approx(closeness[1, 4] / closeness[0, 2])


def test_t_sne_agrees_with_scikit_learn():
    """The affinities of an independent implementation, which works with a dense matrix as well."""
    t_sne = pytest.importorskip("sklearn.manifold._t_sne")
    distances = pairwise_distances(np.random.RandomState(0).randn(40, 5)).astype(np.float32)
    theirs = t_sne._joint_probabilities(distances, 10.0, 0)
    ours = tsne_affinities(distances, 10.0)[np.triu_indices(40, 1)]
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_pointing_accuracy():
    masks = np.zeros((4, 8, 8), bool)
    masks[:, 2:6, 2:6] = True
    maps = np.zeros((4, 8, 8))
    maps[:3, 3, 5] = 1
    maps[3, 0, 0] = 1
    assert pointing_accuracy(maps, masks) == (0.75, 0.25)


@pytest.mark.slow
@pytest.mark.parametrize("things", [1, 2])
def test_maps_point_at_things_in_500_scenes(things):
    """Both kinds of maps beat a random pixel by far; of two things, occlusion alone finds the one asked about."""
    net = SceneNet.load()
    asked, other, chance = zip(
        *(pointing.measure(method, net, 500, things) for method in (pointing.saliency, pointing.occlusion)), strict=True
    )
    assert max(chance) < 0.06 and min(asked) > 4 * max(chance)
    if things == 2:
        assert asked[1] > 1.5 * other[1] and asked[0] < 1.5 * other[0]
