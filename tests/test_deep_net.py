"""The deep convolutional network, its fused layers and augmentation."""

import numpy as np
import pytest
from layer_check import check_layer, torch

from coursekit.learner.recipes import images
from coursekit.running.gradients import gradient_error
from cs231n import _weights, augmentation, channels_last, fast_layers
from cs231n._fast import conv_last, feature_maps, normalisation
from cs231n.classifiers.cnn import DeepConvNet
from cs231n.layers import (
    relu_backward,
    relu_forward,
    spatial_batchnorm_backward,
    spatial_batchnorm_forward,
)
from cs231n.solver import Solver


def tiny_net(**options):
    np.random.seed(0)
    return DeepConvNet(stages=[(3, 4), (5,)], input_dim=(2, 6, 5), num_classes=3, **options)


@pytest.mark.parametrize("piece", [1, 1 << 30])
@pytest.mark.parametrize("shape", [(5, 3, 4, 2), (5, 6)])
def test_relu_of_maps(shape, piece, monkeypatch):
    monkeypatch.setattr(feature_maps, "PIECE", piece)
    np.random.seed(1)
    check_layer(
        fast_layers.relu_forward_fast,
        fast_layers.relu_backward_fast,
        (np.random.randn(*shape),),
        twin=lambda x: x.relu(),
    )


class TestNormalisationAndReLU:
    inputs = staticmethod(lambda: (np.random.randn(3, 4, 5, 2) * 3 + 1, np.random.randn(4) + 2, np.random.randn(4)))

    @pytest.mark.parametrize("piece", [1, 1 << 30])
    def test_as_a_layer(self, piece, monkeypatch):
        """One channel at a time, and all at once."""
        monkeypatch.setattr(feature_maps, "PIECE", piece)
        np.random.seed(1)
        check_layer(
            lambda x, gamma, beta: fast_layers.batchnorm_relu_forward_fast(x, gamma, beta, {"mode": "train"}),
            fast_layers.batchnorm_relu_backward_fast,
            self.inputs(),
            twin=lambda x, gamma, beta: torch.relu(
                torch.nn.functional.batch_norm(x, None, None, gamma, beta, training=True)
            ),
        )

    def test_agrees_with_the_two_separate_layers(self):
        x, gamma, beta = self.inputs()
        settings = {"eps": 1e-3, "momentum": 0.7, "running_mean": np.random.randn(4), "running_var": np.random.rand(4)}
        fused_param, param = {"mode": "train", **settings}, {"mode": "train", **settings}
        out, cache = fast_layers.batchnorm_relu_forward_fast(x, gamma, beta, fused_param)
        normalized, norm_cache = spatial_batchnorm_forward(x, gamma, beta, param)
        expected, relu_cache = relu_forward(normalized)
        np.testing.assert_allclose(out, expected, atol=1e-12)
        for name in ("running_mean", "running_var"):
            np.testing.assert_allclose(fused_param[name], param[name], atol=1e-12)
        dout = np.random.randn(*out.shape)
        gradients = spatial_batchnorm_backward(relu_backward(dout, relu_cache), norm_cache)
        for actual, correct in zip(fast_layers.batchnorm_relu_backward_fast(dout, cache), gradients, strict=True):
            np.testing.assert_allclose(actual, correct, atol=1e-10)

        fused_param["mode"] = param["mode"] = "test"
        out, cache = fast_layers.batchnorm_relu_forward_fast(x, gamma, beta, fused_param)
        np.testing.assert_allclose(out, np.maximum(spatial_batchnorm_forward(x, gamma, beta, param)[0], 0), atol=1e-12)
        assert cache is None and fused_param["running_mean"] is not param["running_mean"]

    def test_float32_stays_float32(self):
        x, gamma, beta = (a.astype(np.float32) for a in self.inputs())
        bn_param = {"mode": "train"}
        out, cache = fast_layers.batchnorm_relu_forward_fast(x, gamma, beta, bn_param)
        gradients = fast_layers.batchnorm_relu_backward_fast(out, cache)
        assert {a.dtype for a in (out, *gradients, bn_param["running_mean"])} == {np.dtype(np.float32)}

    def test_means_far_from_zero_lose_no_digits(self):
        """A first image that is far from the others loses few."""
        rng = np.random.default_rng(0)
        x = rng.standard_normal((64, 2, 8, 8)) + 1000
        x[0, 1] += 50
        mean, var = normalisation._mean_and_variance(x.astype(np.float32), np.dtype(np.float32))
        np.testing.assert_allclose(mean, x.astype(np.float32).mean(axis=(0, 2, 3), dtype=float), rtol=1e-6)
        np.testing.assert_allclose(var, x.astype(np.float32).var(axis=(0, 2, 3), dtype=float), rtol=1e-4)

    def test_integers(self):
        x = np.random.default_rng(0).integers(0, 256, (3, 4, 5, 2), dtype=np.uint8)
        for mode in ("train", "test"):
            out, _ = fast_layers.batchnorm_relu_forward_fast(x, np.ones(4), np.ones(4), {"mode": mode})
            expected, _ = spatial_batchnorm_forward(x.astype(float), np.ones(4), np.ones(4), {"mode": mode})
            np.testing.assert_allclose(out, np.maximum(expected, 0))

    def test_another_mode_is_refused(self):
        with pytest.raises(ValueError, match='expected "train" or "test"'):
            fast_layers.batchnorm_relu_forward_fast(*self.inputs(), {"mode": "training"})


def test_threads_change_nothing(two_threads, monkeypatch):
    """Many small pieces on two threads give the same as one piece, up to the last bits."""
    np.random.seed(2)
    net, X, y = tiny_net(dtype=np.float64), np.random.randn(9, 2, 6, 5), np.random.randint(3, size=9)
    results = []
    for piece in (1, 1 << 30):
        for module, limit in ((conv_last, "COLUMNS"), (channels_last, "PIECE")):
            monkeypatch.setattr(module, limit, piece)
        results.append(net.loss(X, y))
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-12)
    for name, gradient in results[0][1].items():
        np.testing.assert_allclose(gradient, results[1][1][name], atol=1e-12)


class TestDeepConvNet:
    def test_gradients(self):
        net = tiny_net(reg=0.3, dtype=np.float64)
        X, y = np.random.randn(4, 2, 6, 5), np.array([0, 2, 1, 1])
        _, grads = net.loss(X, y)
        assert set(grads) == set(net.params)
        for name, w in net.params.items():
            error, _ = gradient_error(lambda _: net.loss(X, y)[0], w, grads[name])
            assert error < 1e-7, name

    @pytest.mark.skipif(torch is None, reason="PyTorch is not installed")
    def test_twin_in_pytorch(self):
        net = tiny_net(reg=0.3, dtype=np.float64)
        X, y = np.random.randn(4, 2, 6, 5), np.array([0, 2, 1, 1])
        params = {name: torch.tensor(w, requires_grad=True) for name, w in net.params.items()}
        out, functional = torch.tensor(X), torch.nn.functional
        for i in (1, 2, 3):
            out = functional.conv2d(out, params[f"W{i}"], padding=1)
            out = functional.batch_norm(out, None, None, params[f"gamma{i}"], params[f"beta{i}"], training=True)
            out = torch.relu(out)
            if i != 1:
                out = functional.max_pool2d(out, 2)
        scores = out.mean(dim=(2, 3)) @ params["W4"] + params["b4"]
        twin = functional.cross_entropy(scores, torch.tensor(y))
        twin = twin + 0.15 * sum((w**2).sum() for name, w in params.items() if name.startswith("W"))
        twin.backward()
        loss, grads = net.loss(X, y)
        assert loss == pytest.approx(twin.item(), rel=1e-9)
        for name, grad in grads.items():
            np.testing.assert_allclose(grad, params[name].grad.numpy(), rtol=1e-9, atol=1e-9)

    def test_in_test_mode_an_output_does_not_depend_on_its_batch(self):
        net, X = tiny_net(dtype=np.float64), np.random.randn(4, 2, 6, 5)
        net.loss(X, np.array([0, 1, 2, 0]))
        np.testing.assert_allclose(net.loss(X)[:1], net.loss(X[:1]), atol=1e-12)

    def test_saved_with_its_running_statistics(self, tmp_path, monkeypatch):
        monkeypatch.setattr(_weights, "SAVED", tmp_path)
        net, X = tiny_net(), np.random.randn(4, 2, 6, 5)
        net.loss(X, np.array([0, 1, 2, 0]))
        net.save("deep")
        other = tiny_net()
        assert other.load("deep")
        np.testing.assert_array_equal(other.loss(X), net.loss(X))

    def test_inputs_too_small_are_refused(self):
        with pytest.raises(ValueError, match="cannot be halved 3 times"):
            DeepConvNet(stages=[(2,)] * 3, input_dim=(3, 8, 4))


class TestAugmentation:
    X = np.arange(2 * 3 * 5 * 6.0).reshape(2, 3, 5, 6) + 1

    def test_flips_about_half_of_the_images_and_nothing_else(self):
        np.random.seed(0)
        X = np.tile(self.X[:1], (400, 1, 1, 1))
        flipped = augmentation.random_flip(X)
        mirrored = (flipped == X[..., ::-1]).all(axis=(1, 2, 3))
        assert 160 < mirrored.sum() < 240
        np.testing.assert_array_equal(flipped[~mirrored], X[~mirrored])

    def test_shifts_by_whole_pixels_in_every_direction(self):
        np.random.seed(0)
        shifted = augmentation.random_shift(np.tile(self.X[:1], (300, 1, 1, 1)), most=1)
        seen = set()
        for image in shifted:
            [move] = [
                (down, right)
                for down in (-1, 0, 1)
                for right in (-1, 0, 1)
                if np.array_equal(image, self._moved(self.X[0], down, right))
            ]
            seen.add(move)
        assert len(seen) == 9

    @staticmethod
    def _moved(image, down, right):
        moved = np.zeros_like(image)
        _, H, W = image.shape
        moved[:, max(down, 0) : H + min(down, 0), max(right, 0) : W + min(right, 0)] = image[
            :, max(-down, 0) : H + min(-down, 0), max(-right, 0) : W + min(-right, 0)
        ]
        return moved

    def test_the_batch_is_not_changed_and_keeps_its_dtype(self):
        X = self.X.astype(np.float32)
        kept = X.copy()
        assert augmentation.flip_and_shift(X).dtype == np.float32
        np.testing.assert_array_equal(X, kept)

    def test_only_in_training(self):
        seen = []

        def augment(X):
            seen.append(len(X))
            return X + 1

        data = {"X_train": np.zeros((20, 2, 6, 5)), "y_train": np.zeros(20, int)}
        data |= {"X_val": np.zeros((8, 2, 6, 5)), "y_val": np.zeros(8, int)}
        Solver(tiny_net(), data, augment=augment, batch_size=5, num_epochs=2, verbose=False).train()
        assert seen == [5] * 8
        assert not data["X_train"].any()


def test_scores_of_mirror_images_are_added_up():
    class Slope:
        """Scores for images that rise to the right, fall, or do neither (a small constant)."""

        def loss(self, X):
            rise = X[:, 0, 0, -1] - X[:, 0, 0, 0]
            return np.stack([rise, -rise, np.full(len(X), 0.1)], axis=1)

    X = np.random.randn(1200, 1, 2, 3)
    assert np.mean(np.argmax(Slope().loss(X), axis=1) == 2) < 0.2
    neither = np.full(len(X), 2)  # an image that rises falls in the mirror
    assert images.accuracy_with_mirror_images(Slope(), X, neither) == 1.0
