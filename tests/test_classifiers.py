"""kNN, linear classifiers, saved weights: what the cases of the questions do not test."""

import subprocess
import sys

import numpy as np
import pytest

from cs231n import _nearest, _weights
from cs231n.classifiers import KNearestNeighbor, LinearSVM, Softmax
from cs231n.classifiers.fc_net import FullyConnectedNet, TwoLayerNet
from cs231n.classifiers.linear_svm import svm_loss_naive, svm_loss_vectorized
from cs231n.classifiers.softmax import softmax_loss_naive, softmax_loss_vectorized
from cs231n.layers import softmax_loss, svm_loss


@pytest.fixture
def saved(tmp_path, monkeypatch):
    monkeypatch.setattr(_weights, "SAVED", tmp_path)
    return tmp_path


def trained_knn(X, y):
    knn = KNearestNeighbor()
    knn.train(np.asarray(X, dtype=float), np.asarray(y))
    return knn


def trained_softmax():
    classifier = Softmax()
    classifier.train(np.eye(2), np.array([0, 1]), num_iters=3)
    return classifier


def weights_of(model):
    return [model.W] if isinstance(model, Softmax) else list(model.params.values())


def clusters(num, D, offset, seed, scale=1.0):
    """Rows around `offset` and `-offset`."""
    rng = np.random.RandomState(seed)
    return scale * rng.randn(num, D) + offset * rng.choice([-1, 1], size=(num, 1))


DATA = [  # training inputs, inputs, dtype, why
    (lambda seed: 1e3 + clusters(300, 10, 0, seed), np.float32, "features far from 0"),
    (lambda seed: 1e8 + clusters(300, 10, 0, seed), np.float64, "the same in float64"),
    (lambda seed: clusters(300, 10, 1e3, seed), np.float32, "two clusters far from each other"),
    (lambda seed: clusters(300, 10, 1e8, seed), np.float64, "the same in float64"),
    (lambda seed: clusters(300, 10, 0, seed), np.float32, "around 0"),
    (lambda seed: clusters(300, 10, 0, seed, 1e-15), np.float32, "tiny"),
    (lambda seed: clusters(300, 10, 0, seed, 1e12), np.float32, "huge"),
    (lambda seed: np.floor(128 + clusters(300, 48, 0, seed, 40)).clip(0, 255), np.float32, "pixels"),
    (lambda seed: 500 + clusters(300, 10, 0, seed), np.float16, "float16, whose squares overflow"),
    (lambda seed: np.vstack([[[1e8] * 2], clusters(99, 2, 0, seed, 1e-3)]), np.float32, "one row far away"),
    (lambda seed: np.array([[4096.0], [4099.0], [4098.0], [4097.0]]), np.float32, "distances 3, 2, 1"),
]


class TestNearestNeighbours:
    @pytest.mark.parametrize("draw, dtype, why", DATA)
    def test_without_loops_as_with_loops(self, draw, dtype, why):
        """The same neighbours in the same order, and a distance of 0 to itself."""
        X_train, X = draw(1).astype(dtype), draw(2).astype(dtype)
        knn = KNearestNeighbor()
        knn.train(X_train, np.arange(len(X_train)))
        loop, fast = knn.compute_distances_one_loop(X), knn.compute_distances_no_loops(X)
        np.testing.assert_allclose(fast, loop, rtol=1e-3 if dtype != np.float64 else 1e-4)
        order, fast_order = (np.argsort(dists, axis=1, kind="stable")[:, :10] for dists in (loop, fast))
        assert np.mean(order[:, 0] == fast_order[:, 0]) > 0.99, why
        assert np.mean(order == fast_order) > 0.98, why
        assert not np.diag(knn.compute_distances_no_loops(X_train)).any(), why

    @pytest.mark.parametrize("shift", [0, 50_000])
    def test_few_distances_are_computed_twice(self, monkeypatch, shift):
        """For pictures, and features far from 0, only those to themselves: the speed is that of the matrix product."""
        sizes = []
        monkeypatch.setattr(_nearest.np, "nonzero", lambda close: sizes.append(close.sum()) or close.nonzero())
        X = (shift + np.random.randint(256, size=(60, 3072))).astype(np.float32)
        knn = KNearestNeighbor()
        knn.train(X[20:], np.arange(40))
        knn.compute_distances_no_loops(X[:30])
        assert sizes == [10]

    @pytest.mark.parametrize("types", [(np.float32, np.float64), (np.float64, np.float32), (np.float16, np.float32)])
    def test_inputs_of_two_types(self, types):
        X = np.random.randint(256, size=(60, 3072))
        knn = KNearestNeighbor()
        knn.train(X.astype(types[0]), np.arange(60))
        assert not np.diag(knn.compute_distances_no_loops(X.astype(types[1]))).any()

    def test_new_training_inputs_are_noticed(self):
        knn = trained_knn(np.zeros((2, 1)), [0, 1])
        knn.compute_distances_no_loops(np.ones((1, 1)))
        knn.X_train = np.array([[1e9], [1e9 + 1], [1e9 + 2]])
        np.testing.assert_array_equal(knn.compute_distances_no_loops(np.array([[1e9 + 1]])), [[1, 0, 1]])

    def test_no_wrong_answer_is_corrected(self):
        """Only rounding is: a learner's mistake stays visible."""
        knn = trained_knn(np.random.randn(5, 3), range(5))
        for wrong in (lambda self, X: np.zeros((2, 5)), lambda self, X: np.full((2, 5), np.nan), lambda self, X: "?"):
            dists = _nearest.as_accurate_as_loops(wrong)(knn, np.random.randn(2, 3))
            np.testing.assert_array_equal(dists, wrong(knn, None))

    def test_all_three_methods_agree_even_for_uint8(self):
        X = np.random.randint(256, size=(20, 12)).astype(np.uint8)
        knn = KNearestNeighbor()
        knn.train(X[:15], np.arange(15))
        two = knn.compute_distances_two_loops(X[15:])
        expected = np.linalg.norm(X[15:, None].astype(float) - X[None, :15].astype(float), axis=2)
        np.testing.assert_allclose(two, expected)
        np.testing.assert_allclose(knn.compute_distances_one_loop(X[15:]), two)
        np.testing.assert_allclose(knn.compute_distances_no_loops(X[15:]), two)

    def test_distance_to_itself_is_not_nan(self):
        X = 1e3 + np.random.randn(5, 40)
        dists = trained_knn(X, range(5)).compute_distances_no_loops(X)
        assert np.isfinite(dists).all() and not np.diag(dists).any()

    @pytest.mark.parametrize(
        "distances, labels, k, answer, why",
        [
            ([3.0, 1.0, 2.0], [0, 1, 2], 1, 1, "the nearest alone"),
            ([1.0, 2.0, 3.0, 4.0], [2, 0, 0, 2], 4, 0, "two votes each: the smaller label"),
            ([1.0, 1.0, 1.0], [2, 1, 0], 1, 2, "equal distances: the earlier training input"),
            ([1.0, 2.0, 2.0, 2.0], [5, 7, 7, 5], 3, 7, "a tie at the k-th place: the earlier ones count"),
        ],
    )
    def test_ties(self, distances, labels, k, answer, why):
        knn = trained_knn(np.zeros((len(labels), 1)), labels)
        assert knn.predict_labels(np.array([distances]), k=k) == answer, why

    @pytest.mark.parametrize("num_loops", [0, 1, 2])
    def test_predict(self, num_loops):
        knn = trained_knn([[0.0], [1.0], [10.0]], [5, 5, 7])
        np.testing.assert_array_equal(knn.predict(np.array([[2.0], [9.0]]), k=1, num_loops=num_loops), [5, 7])

    @pytest.mark.parametrize(
        "call, message",
        [
            (lambda knn: knn.predict(np.zeros((1, 1)), num_loops=3), "num_loops is 3"),
            (lambda knn: knn.predict(np.zeros((1, 1)), k=4), "k is 4"),
            (lambda knn: knn.predict(np.zeros((1, 2))), "2 entries in each row"),
            (lambda knn: knn.predict(np.zeros((1, 1, 1))), "turns each image into a row"),
            (lambda knn: KNearestNeighbor().predict(np.zeros((1, 1))), "call train"),
        ],
    )
    def test_bad_input(self, call, message):
        with pytest.raises(ValueError, match=message):
            call(trained_knn([[0.0], [1.0], [10.0]], [5, 5, 7]))


@pytest.mark.parametrize(
    "naive, vectorized, layer",
    [(svm_loss_naive, svm_loss_vectorized, svm_loss), (softmax_loss_naive, softmax_loss_vectorized, softmax_loss)],
)
@pytest.mark.parametrize("reg", [0.0, 0.3])
def test_linear_losses_agree_with_each_other_and_with_the_layer(naive, vectorized, layer, reg):
    W, X, y = np.random.randn(6, 4), 3 * np.random.randn(7, 6), np.random.randint(4, size=7)
    loss, dW = vectorized(W, X, y, reg)
    naive_loss, naive_dW = naive(W, X, y, reg)
    np.testing.assert_allclose(loss, naive_loss, rtol=1e-12)
    np.testing.assert_allclose(dW, naive_dW, rtol=1e-10, atol=1e-12)
    layer_loss, dscores = layer(X @ W, y)
    np.testing.assert_allclose(loss, layer_loss + reg * np.sum(W**2))
    np.testing.assert_allclose(dW, X.T @ dscores + 2 * reg * W)


@pytest.mark.parametrize("kind", [LinearSVM, Softmax])
class TestLinearClassifiers:
    def test_training_separates_separable_classes(self, kind):
        y = np.random.randint(3, size=100)
        X = np.eye(3)[y] * 4 + np.random.randn(100, 3)
        classifier = kind()
        losses = classifier.train(X, y, learning_rate=1e-1, reg=1e-4, num_iters=200, batch_size=50)
        assert len(losses) == 200 and losses[-1] < losses[0] / 3
        assert np.mean(classifier.predict(X) == y) > 0.9

    def test_verbose_lines(self, kind, capsys):
        kind().train(np.eye(2), np.array([0, 1]), num_iters=101, batch_size=2, verbose=True)
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == 2 and lines[1].startswith("iteration 100 / 101: loss ")

    def test_weights_survive_a_round_trip(self, kind, saved, capsys):
        classifier, other = kind(), kind()
        assert other.load("best.npy") is False
        classifier.train(np.eye(2), np.array([0, 1]), num_iters=3)
        classifier.save("best.npy")
        assert other.load("best.npy") is True
        np.testing.assert_array_equal(other.W, classifier.W)
        assert [path.name for path in saved.iterdir()] == ["best.npz"]

    def test_without_weights_it_can_neither_predict_nor_save(self, kind):
        for call in (lambda: kind().predict(np.eye(2)), lambda: kind().save("x")):
            with pytest.raises(ValueError, match="no weights yet"):
                call()


class TestSavedWeights:
    @pytest.mark.parametrize(
        "names, files, why",
        [
            (["softmax_lr0.001", "softmax_lr0.01", "softmax_lr0.1"], 3, "a dot in a number"),
            (["v1.2", "v1.3", "v1"], 3, "a version"),
            (["best", "best.npy", "best.npz"], 1, "the course's notebooks write .npy"),
            (["best.npy.npz", "best"], 2, "only the last extension is one"),
            (["best.pkl", "best"], 2, "another extension is part of the name"),
            (["net ", "net", "n\u00e9t"], 3, "names are not cleaned"),
        ],
    )
    @pytest.mark.parametrize(
        "make", [lambda: TwoLayerNet(2, 2, 2), lambda: FullyConnectedNet([2], 2, 2), trained_softmax]
    )
    def test_a_name_is_a_name(self, saved, names, files, why, make):
        models = [make() for _ in names]
        for name, model in zip(names, models, strict=True):
            model.save(name)
        assert len(list(saved.iterdir())) == files, why
        for name, model in zip(names, models if files > 1 else models[-1:] * 3, strict=True):
            other = make()
            assert other.load(name)
            for a, b in zip(weights_of(model), weights_of(other), strict=True):
                np.testing.assert_array_equal(a, b)

    @pytest.mark.parametrize(
        "name", ["", ".npz", "run1/best", "../best", "/tmp/best", "run1\\best", "c:best", "..", "a\0"]
    )
    def test_a_path_is_refused(self, saved, name):
        """The folder was dropped once, so that two runs wrote the same file."""
        for call in (TwoLayerNet(2, 2, 2).save, TwoLayerNet(2, 2, 2).load):
            with pytest.raises(ValueError, match="expected the name of a file"):
                call(name)
        assert not list(saved.iterdir())

    def test_pickles_are_not_opened(self, saved):
        np.save(saved / "evil.npy", np.array({"W": 1}, dtype=object), allow_pickle=True)
        (saved / "evil.npy").rename(saved / "evil.npz")
        with pytest.raises(ValueError, match="evil.npz is not a file of plain arrays"):
            TwoLayerNet().load("evil")

    def test_other_sizes_are_refused(self, saved):
        TwoLayerNet(4, 3, 2).save("net")
        with pytest.raises(ValueError, match="build it with the sizes"):
            TwoLayerNet(4, 5, 2).load("net")
        with pytest.raises(ValueError, match="another kind of model"):
            Softmax().load("net")


def test_package_imports_numpy_alone():
    """What learners import needs nothing but NumPy."""
    modules = "layers, layer_utils, optim, solver, gradient_check, data_utils, vis_utils, features"
    code = f"""
import sys, numpy
before = set(sys.modules)
from cs231n import {modules}
import cs231n.classifiers.fc_net, cs231n.classifiers.neural_net
new = {{name.split(".")[0] for name in set(sys.modules) - before}}
outside = new - set(sys.stdlib_module_names) - {{"cs231n", "numpy"}}
assert not outside, outside
assert "coursekit" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
