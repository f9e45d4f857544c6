"""Questions of features: a linear classifier and a two-layer network on features designed by hand."""

import zlib

import numpy as np

from coursekit.core.question import Figure, Question, holds, reaches
from coursekit.questions import _nets
from coursekit.questions._linear import judge_training

NOTEBOOK = "features"
PARTS = {"val": "validation", "test": "test"}
NUM_LOOKED_AT = 100  # images whose features are compared
CLOSE_CALLS = 0.003  # fraction of images whose two best scores may swap if sums are rounded differently


# ---- the features


def _judge_features(part, X_feats):
    """Whether X_feats are the features of the images, up to an offset and a factor for each column."""
    got = np.asarray(X_feats, dtype=float)
    # Which images are compared depends on all features, so nobody can keep just those right and change the others.
    rows = np.random.RandomState(zlib.crc32(got.tobytes())).choice(_nets.NUM_VAL, NUM_LOOKED_AT, replace=False)
    raw = _raw_features(part, rows)
    comparable = got.shape == (_nets.NUM_VAL, raw.shape[1]) and np.isfinite(got).all()
    return holds(
        f"X_{part}_feats are the features of the {PARTS[part]} images",
        comparable and np.abs(_standardised(got[rows]) - _standardised(raw)).max() < 1e-2,
        f"X_{part}_feats are not the standardised histograms of gradients and hues of these images",
        mistake="run the cells that extract and standardise the features again, and do not modify their results",
    )


def _raw_features(part, rows):
    """The features of some of the images, extracted as in the notebook."""
    from cs231n.features import color_histogram_hsv, extract_features, hog_feature

    X, _ = _nets.images(part)
    return extract_features(X[rows].transpose(0, 2, 3, 1), [hog_feature, lambda x: color_histogram_hsv(x, nbin=25)])


def _features_like(X_val_feats, part):
    """The features of all images of a part, prepared as those of the validation images are."""
    raw_val, raw = (_raw_features(name, slice(None)) for name in ("val", part))
    factors = X_val_feats.std(axis=0) / np.maximum(raw_val.std(axis=0), 1e-6)
    return (raw - raw_val.mean(axis=0)) * factors + X_val_feats.mean(axis=0)


def _standardised(columns):
    return (columns - columns.mean(axis=0)) / np.maximum(columns.std(axis=0), 1e-6)


# ---- the linear classifier


def _judge_svm(results, best_val, W, X_val_feats):
    findings = _judge_results(results)
    if not findings[-1].ok:
        return findings
    best = max(val for _, val in results.values())
    findings.append(
        holds(
            "best_val is the largest validation accuracy",
            _is_number(best_val) and abs(best_val - best) < 1e-6,
            f"expected the largest in results, {best:.4g}, got {best_val}",
            mistake="update best_val and the best classifier together, whenever an accuracy is larger than best_val",
        )
    )
    columns = np.shape(X_val_feats)[1]
    has_shape = holds(
        "W has a row for each feature (and the bias) and a column for each class",
        np.shape(W) == (columns, _nets.NUM_CLASSES),
        f"expected W of shape {(columns, _nets.NUM_CLASSES)}, got {np.shape(W)}",
        mistake="train on the features with the column of ones: with_bias(X_train_feats)",
    )
    findings.append(has_shape)
    if not has_shape.ok:
        return findings
    _, y_val = _nets.images("val")
    accuracy = float(np.mean(np.argmax(X_val_feats @ W, axis=1) == y_val))
    is_kept = holds(
        "the best classifier has the largest validation accuracy in results",
        np.isfinite(W).all() and abs(accuracy - best) <= CLOSE_CALLS,
        f"expected {best:.4g}, got {accuracy:.4g} with its weights",
        mistake="the one that was kept is not the one with the best validation accuracy: is it the last one trained, "
        "or a single object that every pair trains further? Create a new LinearSVM() or Softmax() for each pair",
    )
    bars = {"CIFAR-10": 0.48, "built-in images": 0.48}
    are_features = _judge_features("val", X_val_feats[:, :-1])
    return [
        *findings,
        are_features,
        is_kept,
        *(_judge_fitting(W, X_val_feats[:, :-1], accuracy) if are_features.ok and is_kept.ok else ()),
        reaches(
            "the validation accuracy",
            accuracy,
            bars,
            mistake="search further: the learning rate over several powers of ten first, then the regularisation; "
            "learning_rate * reg must stay far below 1, or W shrinks to almost nothing",
        ),
    ]


def _judge_fitting(W, X_val_feats, val_accuracy):
    """A finding if the classifier was fitted to the validation images: then it does far worse on the test images."""
    scores = _features_like(np.asarray(X_val_feats, dtype=float), "test") @ W[:-1] + W[-1]
    _, y_test = _nets.images("test")
    accuracy = float(np.mean(np.argmax(scores, axis=1) == y_test))
    return judge_training(val_accuracy, accuracy, "test images", "the best classifier")


def _judge_results(results):
    """Check the format of the dict; the last finding is ok only if all are."""
    form = "results maps (learning_rate, reg) to (train_accuracy, val_accuracy)"
    try:
        settings = [(float(rate), float(reg)) for rate, reg in results]
        accuracies = np.array([[float(train), float(val)] for train, val in results.values()])
    except (TypeError, ValueError):
        key, value = next(iter(results.items()))
        return [holds(form, False, f"expected a pair of numbers as key and as value, got {key!r}: {value!r}"[:200])]
    steps = accuracies[:, 1] * _nets.NUM_VAL
    are_shares = bool(np.all((accuracies >= 0) & (accuracies <= 1)) and np.all(np.abs(steps - np.round(steps)) < 1e-6))
    searched = holds(
        "results has at least two learning rates and two regularisation strengths",
        len({rate for rate, _ in settings}) > 1 and len({reg for _, reg in settings}) > 1,
        f"got the pairs {sorted(results)[:6]}",
    )
    formed = holds(
        form,
        are_shares,
        "expected fractions from 0 to 1; the second of each pair a multiple of 1 / 1000 (1,000 validation images)",
        f"got {next(iter(results.values()))!r} for {next(iter(results))!r}",
        mistake="an accuracy is np.mean(y_pred == y); for the second of the two, y are the validation labels",
    )
    return [searched, formed] if searched.ok else [formed, searched]


def _is_number(value):
    return isinstance(value, (int, float, np.number)) and bool(np.isfinite(value))


features_svm = Question(
    id="features_svm",
    title="A linear classifier on features",
    notebook=NOTEBOOK,
    points=4,
    minutes=25,
    difficulty=2,
    importance=3,
    hints=(
        "The search of the notebook svm, on features instead of pixels: try rates a thousand times larger (for "
        "Softmax, ten thousand times), and "
        "far smaller values of reg.",
        "Append the column of ones with with_bias, to training and validation features alike. Store both "
        "accuracies for each pair, and keep the classifier that is best on validation.",
    ),
    builds_on=(
        "svm_loss_vectorized",
        "softmax_loss_vectorized",
        "linear_classifier_train",
        "linear_classifier_predict",
    ),
    values=("results", "best_val", "W", "X_val_feats"),
    judge=_judge_svm,
)


# ---- the network


def _judge_net(params, X_val_feats, X_test_feats, y_test_pred):
    has_shapes = _nets.judge_params(
        params,
        input_dim=np.shape(X_val_feats)[1],
        hidden_dims=[None],
        statement="best_net takes these features and returns ten scores",
        mistake="the network has its own biases: give it the features without the column of ones",
    )
    if not has_shapes.ok:
        return [has_shapes]
    (_, y_val), (_, y_test) = _nets.images("val"), _nets.images("test")
    y_test_pred = np.asarray(y_test_pred)
    has_labels = y_test_pred.shape == y_test.shape
    agree = holds(
        "y_test_pred are the predictions of best_net for the test images",
        has_labels and np.mean(_nets.predict(params, X_test_feats) != y_test_pred) <= CLOSE_CALLS,
        "the weights in best_net.params give different labels",
        mistake="y_test_pred comes from another net, or best_net.loss does not compute with best_net.params",
    )
    return [
        has_shapes,
        _judge_features("val", X_val_feats),
        _judge_features("test", X_test_feats),
        agree,
        reaches(
            "the validation accuracy",
            _nets.accuracy(params, X_val_feats, y_val),
            {"CIFAR-10": 0.58, "built-in images": 0.62},
            mistake="unlike pixels, the features have a scale of 1: the network needs a learning rate from 0.1 to 1, "
            "a weight_scale near 1e-2 and a reg near 1e-3; change one of them at a time, and look at the curves",
        ),
        reaches(
            "the test accuracy",
            float(np.mean(y_test_pred == y_test)) if has_labels else 0.0,
            {"CIFAR-10": 0.58, "built-in images": 0.62},
        ),
    ]


features_two_layer_net = Question(
    id="features_two_layer_net",
    title="A two-layer network on features",
    notebook=NOTEBOOK,
    points=5,
    minutes=30,
    difficulty=3,
    importance=4,
    hints=(
        "A net on 169 features trains quickly and tolerates large learning rates: begin near 0.1 and go up, not down.",
        "Give TwoLayerNet the number of features as input_dim and some hundred hidden units, and Solver a high "
        "rate with lr_decay. Keep the trained net in best_net.",
    ),
    builds_on=("two_layer_net_init", "two_layer_net_loss", "two_layer_net_gradients", "sgd"),
    values=("params", "X_val_feats", "X_test_feats", "y_test_pred"),
    judge=_judge_net,
)

QUESTIONS = (features_svm, features_two_layer_net)

FIGURES = (
    Figure("SVM on features: validation", "best_val", course=0.44, aim=0.44),
    Figure("SVM on features: test", "np.mean(y_test_pred_linear == y_test)", course=0.40, aim=0.40),
    Figure("Two-layer net on features: validation", "np.mean(y_val_pred == y_val)"),
    Figure("Two-layer net on features: test", "np.mean(y_test_pred == y_test)", course=0.55, aim=0.58),
)
