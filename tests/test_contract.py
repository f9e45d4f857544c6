"""Names, argument names, argument order and defaults: the exact contract of the course."""

import inspect
from importlib import import_module

import numpy as np
import pytest

from cs231n import coco_utils

CONTRACT = {
    "classifiers.k_nearest_neighbor:KNearestNeighbor": "()",
    "classifiers.k_nearest_neighbor:KNearestNeighbor.train": "(self, X, y)",
    "classifiers.k_nearest_neighbor:KNearestNeighbor.predict": "(self, X, k=1, num_loops=0)",
    "classifiers.k_nearest_neighbor:KNearestNeighbor.compute_distances_two_loops": "(self, X)",
    "classifiers.k_nearest_neighbor:KNearestNeighbor.compute_distances_one_loop": "(self, X)",
    "classifiers.k_nearest_neighbor:KNearestNeighbor.compute_distances_no_loops": "(self, X)",
    "classifiers.k_nearest_neighbor:KNearestNeighbor.predict_labels": "(self, dists, k=1)",
    "classifiers.linear_classifier:LinearSVM.train": "(self, X, y, learning_rate=0.001, reg=1e-05, num_iters=100, "
    "batch_size=200, verbose=False)",
    "classifiers.linear_classifier:Softmax.predict": "(self, X)",
    "classifiers.linear_classifier:Softmax.loss": "(self, X_batch, y_batch, reg)",
    "classifiers.linear_classifier:Softmax.save": "(self, fname)",
    "classifiers.linear_classifier:Softmax.load": "(self, fname)",
    "classifiers.linear_svm:svm_loss_naive": "(W, X, y, reg)",
    "classifiers.linear_svm:svm_loss_vectorized": "(W, X, y, reg)",
    "classifiers.softmax:softmax_loss_naive": "(W, X, y, reg)",
    "classifiers.softmax:softmax_loss_vectorized": "(W, X, y, reg)",
    "classifiers.neural_net:TwoLayerNet": "(input_size, hidden_size, output_size, std=0.0001)",
    "classifiers.neural_net:TwoLayerNet.loss": "(self, X, y=None, reg=0.0)",
    "classifiers.neural_net:TwoLayerNet.train": "(self, X, y, X_val, y_val, learning_rate=0.001, "
    "learning_rate_decay=0.95, reg=5e-06, num_iters=100, batch_size=200, verbose=False)",
    "classifiers.neural_net:TwoLayerNet.predict": "(self, X)",
    "classifiers.fc_net:TwoLayerNet": "(input_dim=3072, hidden_dim=100, num_classes=10, weight_scale=0.001, reg=0.0)",
    "classifiers.fc_net:TwoLayerNet.loss": "(self, X, y=None)",
    "classifiers.fc_net:TwoLayerNet.save": "(self, fname)",
    "classifiers.fc_net:TwoLayerNet.load": "(self, fname)",
    "layers:affine_forward": "(x, w, b)",
    "layers:affine_backward": "(dout, cache)",
    "layers:relu_forward": "(x)",
    "layers:relu_backward": "(dout, cache)",
    "layers:svm_loss": "(x, y)",
    "layers:softmax_loss": "(x, y)",
    "layer_utils:affine_relu_forward": "(x, w, b)",
    "layer_utils:affine_relu_backward": "(dout, cache)",
    "optim:sgd": "(w, dw, config=None)",
    "solver:Solver": "(model, data, **kwargs)",
    "solver:Solver.train": "(self)",
    "solver:Solver.check_accuracy": "(self, X, y, num_samples=None, batch_size=100)",
    "gradient_check:eval_numerical_gradient": "(f, x, verbose=True, h=1e-05)",
    "gradient_check:eval_numerical_gradient_array": "(f, x, df, h=1e-05)",
    "gradient_check:eval_numerical_gradient_blobs": "(f, inputs, output, h=1e-05)",
    "gradient_check:eval_numerical_gradient_net": "(net, inputs, output, h=1e-05)",
    "gradient_check:grad_check_sparse": "(f, x, analytic_grad, num_checks=10, h=1e-05)",
    "data_utils:load_pickle": "(f)",
    "features:hog_feature": "(im)",
    "features:color_histogram_hsv": "(im, nbin=10, xmin=0, xmax=255, normalized=True)",
    "features:extract_features": "(imgs, feature_fns, verbose=False)",
    "features:rgb2gray": "(rgb)",
    "coco_utils:load_coco_data": f"(base_dir={coco_utils.BASE_DIR!r}, max_train=None, pca_features=True)",
    "coco_utils:decode_captions": "(captions, idx_to_word)",
    "coco_utils:sample_coco_minibatch": "(data, batch_size=100, split='train')",
    "captioning_solver:CaptioningSolver.train": "(self)",
    "image_utils:blur_image": "(X)",
    "image_utils:preprocess_image": "(img)",
    "image_utils:deprocess_image": "(img, rescale=False)",
    "image_utils:image_from_url": "(url)",
    "image_utils:load_image": "(filename, size=None)",
    "vis_utils:visualize_grid": "(Xs, ubound=255.0, padding=1)",
    "vis_utils:vis_grid": "(Xs)",
    "vis_utils:vis_nn": "(rows)",
}

# The arguments of the contract come first; `dtype`, which saves memory, is an addition.
CONTRACT_AND_DTYPE = {
    "data_utils:load_CIFAR_batch": ["filename"],
    "data_utils:load_CIFAR10": ["ROOT"],
    "data_utils:get_CIFAR10_data": ["num_training", "num_validation", "num_test", "subtract_mean"],
}


def find(path):
    module, name = path.split(":")
    found = import_module(f"cs231n.{module}")
    for part in name.split("."):
        found = getattr(found, part)
    return found


@pytest.mark.parametrize("path", CONTRACT)
def test_signature(path):
    assert str(inspect.signature(find(path))) == CONTRACT[path]


@pytest.mark.parametrize("path", CONTRACT_AND_DTYPE)
def test_signature_with_dtype(path):
    parameters = inspect.signature(find(path)).parameters
    assert list(parameters) == [*CONTRACT_AND_DTYPE[path], "dtype"]
    assert parameters["dtype"].default is np.float64


def test_star_imports_of_the_notebooks():
    """Notebooks of every year import layer functions and np from fc_net, and classifiers from the package."""
    names = {}
    exec("from cs231n.classifiers.fc_net import *", names)
    assert {"affine_forward", "relu_backward", "softmax_loss", "affine_relu_forward", "TwoLayerNet", "np"} <= set(names)
    names = {}
    exec("from cs231n.classifiers import *", names)
    assert {"KNearestNeighbor", "LinearSVM", "Softmax"} <= set(names)


def test_solver_options_and_defaults():
    from cs231n.classifiers.fc_net import TwoLayerNet
    from cs231n.optim import sgd
    from cs231n.solver import Solver

    X, y = np.zeros((4, 3)), np.zeros(4, int)
    solver = Solver(TwoLayerNet(3, 2, 2), {"X_train": X, "y_train": y, "X_val": X, "y_val": y})
    expected = {
        "update_rule": sgd,
        "optim_config": {},
        "lr_decay": 1.0,
        "batch_size": 100,
        "num_epochs": 10,
        "num_train_samples": 1000,
        "num_val_samples": None,
        "checkpoint_name": None,
        "print_every": 10,
        "verbose": True,
        "epoch": 0,
        "best_val_acc": 0,
        "best_params": {},
        "loss_history": [],
        "train_acc_history": [],
        "val_acc_history": [],
    }
    assert {name: getattr(solver, name) for name in expected} == expected
