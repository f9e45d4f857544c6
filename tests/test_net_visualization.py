"""Ways to look into a network: gradients against differences, known data for PCA and t-SNE, and the folded network."""

import numpy as np
import pytest

from cs231n.classifiers.cnn import DeepConvNet
from cs231n.classifiers.scene_net import SceneNet
from cs231n.gradient_check import eval_numerical_gradient
from cs231n.net_visualization import (
    class_visualization_update_step,
    compute_occlusion_maps,
    compute_saliency_maps,
    create_class_visualization,
    deepdream,
    deprocess,
    make_fooling_image,
    pca,
    pointing_accuracy,
    preprocess,
    tsne,
    tsne_affinities,
    tsne_loss,
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
            net.scores(create_class_visualization(target, net, shape=(3, 12, 12), num_steps=steps))[0, target]
            for steps in (0, 5, 20)
        ]
        assert scores[0] < scores[1] < scores[2]


def test_deepdream_strengthens_the_layer(net, X):
    before, after = (np.sum(net.scores(x, layer=2) ** 2) for x in (X[:1], deepdream(X[:1], 2, net, num_steps=5)))
    assert after > before


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
    assert (np.abs(components).max(axis=1) == components.max(axis=1)).all()
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


def test_pointing_accuracy():
    masks = np.zeros((4, 8, 8), bool)
    masks[:, 2:6, 2:6] = True
    maps = np.zeros((4, 4, 4))
    maps[:3, 1, 2] = 1  # rows 2 and 3, columns 4 and 5 of the masks
    maps[3, 0, 0] = 1
    assert pointing_accuracy(maps, masks) == (0.75, 0.25)
